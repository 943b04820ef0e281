/*
 * yaml: see yaml.h. One function per event of libyaml; each hands on to the document's builder, which holds
 * the limits.
 *
 * An alias costs one addition (the builder shares the node), and the first event beyond a limit ends the
 * reading, so nothing here or in libyaml grows much faster than the text. A finding about a value does not
 * end it: the value counts as null and reading goes on, so that one look finds all of them. Values are never
 * repeated in findings: they may be secret.
 */
#include "io/yaml.h"

#include <yaml.h>

#include "io/yaml_anchors.h"
#include "io/yaml_complaint.h"
#include "io/yaml_tag.h"
#include "io/yaml_text.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/scalar.h"
#include "util/utf8.h"

enum { SHOWN_MAX = 80 };

/* What a step of the reading comes to. */
enum step {
    STEP_ON,     /* to the next event */
    STEP_END,    /* the document is finished, or there is a finding behind which nothing can be judged */
    STEP_FAILED, /* err is set */
};

/* The anchor of a container that is still open. */
struct pending_anchor {
    struct yaml_anchor *anchor; /* NULL if it has none */
    uint32_t definition;
};

struct reader {
    yaml_parser_t parser;
    const struct yaml_options *options;
    struct findings *findings;
    struct doc *doc;
    struct doc_builder builder;
    struct yaml_anchors anchors;
    struct pending_anchor *pending; /* as many as containers can be open */
    struct yaml_cursor cursor;
    bool has_document;
};

static struct doc_pos pos_of(const yaml_mark_t *mark)
{
    return (struct doc_pos){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static struct span text_of(const yaml_char_t *text, size_t len)
{
    return (struct span){(const char *)text, len};
}

static struct span name_of(const yaml_char_t *name)
{
    return span_of((const char *)name);
}

#define refuse(r, code, pos, ...)                                                                            \
    findings_add((r)->findings, FINDING_ERROR, code, (r)->options->file, pos, __VA_ARGS__)
#define warn(r, code, pos, ...)                                                                              \
    findings_add((r)->findings, FINDING_WARNING, code, (r)->options->file, pos, __VA_ARGS__)

/* A limit or a duplicate key is a finding, want of memory is not. */
static enum step refused(struct reader *r, struct doc_pos pos, const struct error *err)
{
    if (error_is(err, ERR_MEMORY))
        return STEP_FAILED;
    if (err->line > 0)
        pos = (struct doc_pos){err->line, err->column};
    refuse(r, err->code, pos, "%s", err->message);
    return STEP_END;
}

/* Stands in for a value that was refused. Where a key is due there is nothing to stand in. */
static enum step skip_value(struct reader *r, struct doc_pos pos, struct error *err)
{
    if (doc_builder_wants_key(&r->builder))
        return STEP_END;
    return doc_builder_null(&r->builder, pos, err) < 0 ? refused(r, pos, err) : STEP_ON;
}

/* --- libyaml's complaints ----------------------------------------------------------------------------- */

static enum step refused_by_parser(struct reader *r, struct error *err)
{
    const yaml_parser_t *parser = &r->parser;
    if (parser->error == YAML_MEMORY_ERROR || parser->problem == NULL) {
        error_memory(err);
        return STEP_FAILED;
    }
    struct doc_pos pos = pos_of(&parser->problem_mark), opened = pos_of(&parser->context_mark);
    struct yaml_complaint complaint = yaml_complaint_of(parser->problem);
    /* What is not closed is noticed only at its end, so the beginning is told too. */
    if (yaml_complaint_is_conflict(r->cursor.text, opened.line))
        refuse(r, complaint.code, opened, "git left a conflict here: keep one of the two, and none of the lines <<<<<<<, =======, >>>>>>>");
    else if (parser->context == NULL || (opened.line == pos.line && opened.column == pos.column))
        refuse(r, complaint.code, pos, "%s", complaint.message);
    else
        refuse(r, complaint.code, pos, "%s (%s that begins at %u:%u)", complaint.message, parser->context,
               opened.line, opened.column);
    return STEP_END;
}

/* --- tags --------------------------------------------------------------------------------------------- */

/* True if the value may carry its tag; else there is a finding. */
static bool judge_tag(struct reader *r, struct doc_pos pos, const yaml_char_t *event_tag, enum doc_kind kind)
{
    const char *tag = (const char *)event_tag;
    char shown[SHOWN_MAX];
    switch (yaml_tag_of(tag)) {
    case YAML_TAG_NONE:
    case YAML_TAG_FORM:
        return true;
    case YAML_TAG_CORE:
        if (yaml_tag_fits(tag, kind))
            return true;
        yaml_tag_show(tag, shown, sizeof shown);
        refuse(r, CODE_YAML_TAG, pos, "the tag %s does not fit %s", shown, doc_kind_name(kind));
        return false;
    case YAML_TAG_UNKNOWN:
        break;
    }
    yaml_tag_show(tag, shown, sizeof shown);
    refuse(r, CODE_YAML_TAG, pos, "the tag %s is not of the YAML 1.2 core schema; remove it", shown);
    return false;
}

/* What a scalar is; false with a finding if it is nothing a configuration can hold. */
static bool resolve(struct reader *r, struct doc_pos pos, const yaml_event_t *event, struct scalar *out)
{
    const char *tag = (const char *)event->data.scalar.tag;
    struct span text = text_of(event->data.scalar.value, event->data.scalar.length);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool is_string = tag == NULL ? !is_plain : yaml_tag_means_string(tag);

    *out = is_string ? (struct scalar){.kind = DOC_STRING} : scalar_resolve(text);
    if (!judge_tag(r, pos, event->data.scalar.tag, out->kind))
        return false;
    if (out->unfit != NULL)
        refuse(r, CODE_YAML_NUMBER, pos, "%s; quote it to carry it as a string", out->unfit);
    else if (memchr(text.data, '\0', text.len) != NULL)
        refuse(r, CODE_YAML_NUL, pos, "a string holds the character NUL (\"\\0\"); remove it");
    else
        return true;
    return false;
}

/* What YAML 1.1 makes of it; NULL: the same. */
static const char *ambiguity_of(const yaml_event_t *event)
{
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    return is_plain ? scalar_ambiguity(text_of(event->data.scalar.value, event->data.scalar.length)) : NULL;
}

static void warn_if_ambiguous(struct reader *r, struct doc_pos pos, const yaml_event_t *event)
{
    const char *sentence = ambiguity_of(event);
    if (sentence != NULL)
        warn(r, CODE_YAML_AMBIGUOUS, pos, "%s", sentence);
}

/* Of a key that is the string it looks like: nobody means a boolean there. */
static void warn_of_key(struct reader *r, struct doc_pos pos, const yaml_event_t *event, struct span text)
{
    char shown[SHOWN_MAX];
    if (ambiguity_of(event) == NULL)
        return;
    utf8_printable(text, shown, sizeof shown);
    warn(r, CODE_YAML_AMBIGUOUS, pos, "key '%s' is a string in YAML 1.2, and something else in YAML 1.1; quote it",
         shown);
}

/* --- scalars ------------------------------------------------------------------------------------------ */

/* The anchor of a scalar, if it has one. */
static enum step define_anchor(struct reader *r, struct doc_pos pos, const yaml_char_t *name,
                               const struct doc_node *node, struct error *err)
{
    if (name != NULL && yaml_anchors_define(&r->anchors, name_of(name), node, NULL, err) < 0)
        return refused(r, pos, err);
    return STEP_ON;
}

/* A key is no node of the document; one that an alias can name is made beside it. */
static enum step define_key_anchor(struct reader *r, struct doc_pos pos, const yaml_char_t *name,
                                   struct span text, struct error *err)
{
    if (name == NULL)
        return STEP_ON;
    struct doc_node *node = arena_alloc(&r->doc->arena, sizeof *node);
    const char *copy = arena_copy(&r->doc->arena, text.data, text.len);
    if (node == NULL || copy == NULL) {
        error_memory(err);
        return STEP_FAILED;
    }
    *node = (struct doc_node){.kind = DOC_STRING,
                              .height = 1,
                              .nodes = 1,
                              .size = (uint32_t)json_string_size(text),
                              .pos = pos,
                              .file = r->builder.file,
                              .u.string = {copy, text.len}};
    return define_anchor(r, pos, name, node, err);
}

static enum step on_key(struct reader *r, struct doc_pos pos, const yaml_event_t *event, struct error *err)
{
    struct span text = text_of(event->data.scalar.value, event->data.scalar.length);
    struct scalar scalar;
    bool is_bare = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    if (is_bare && span_is(text, "<<")) {
        refuse(r, CODE_YAML_MERGE_KEY, pos,
               "`<<` is a merge key of YAML 1.1; repeat the values or share them in bases/, or write \"<<\" "
               "for a literal key");
    } else if (resolve(r, pos, event, &scalar) && scalar.kind != DOC_STRING) {
        char shown[SHOWN_MAX];
        utf8_printable(text, shown, sizeof shown);
        if (text.len == 0)
            refuse(r, CODE_YAML_KEY, pos, "an empty key is null; write \"\" if the empty string is meant");
        else
            refuse(r, CODE_YAML_KEY, pos, "key %s is %s; quote it", shown, doc_kind_name(scalar.kind));
    } else {
        warn_of_key(r, pos, event, text);
    }
    if (doc_builder_key(&r->builder, pos, text, err) < 0)
        return refused(r, pos, err);
    return define_key_anchor(r, pos, event->data.scalar.anchor, text, err);
}

/* True if the value may be the whole document; else there is a finding. */
static bool fits_root(struct reader *r, struct doc_pos pos, enum doc_kind kind, struct span text)
{
    if (r->builder.depth > 0 || r->options->any_root || kind == DOC_OBJECT)
        return true;
    if (kind == DOC_NULL && text.len == 0)
        refuse(r, CODE_YAML_EMPTY, pos,
               "the document is empty; write `key: value` lines, or {} for no settings");
    else
        refuse(r, CODE_YAML_MAPPING, pos, "the file's value is %s; %s", doc_kind_name(kind), yaml_complaint_of_root(text));
    return false;
}

static enum step on_scalar(struct reader *r, struct doc_pos pos, const yaml_event_t *event, struct error *err)
{
    struct span text = text_of(event->data.scalar.value, event->data.scalar.length);
    struct scalar scalar;
    if (doc_builder_wants_key(&r->builder))
        return on_key(r, pos, event, err);
    if (!resolve(r, pos, event, &scalar))
        scalar = (struct scalar){.kind = DOC_NULL};
    else if (!fits_root(r, pos, scalar.kind, text))
        return STEP_END;
    else
        warn_if_ambiguous(r, pos, event);
    if (scalar_build(&r->builder, pos, &scalar, text, err) < 0)
        return refused(r, pos, err);
    return define_anchor(r, pos, event->data.scalar.anchor, doc_builder_last(&r->builder), err);
}

/* --- aliases and containers --------------------------------------------------------------------------- */

static enum step use_alias(struct reader *r, struct doc_pos pos, const struct doc_node *node,
                           const char *shown, struct error *err)
{
    int result;
    if (!doc_builder_wants_key(&r->builder)) {
        result = doc_builder_shared(&r->builder, pos, node, err);
    } else if (node->kind == DOC_STRING) {
        result = doc_builder_key(&r->builder, pos, node->u.string, err);
    } else {
        refuse(r, CODE_YAML_KEY, pos, "key *%s is %s; a key is a string", shown, doc_kind_name(node->kind));
        return STEP_END;
    }
    return result < 0 ? refused(r, pos, err) : STEP_ON;
}

static enum step on_alias(struct reader *r, struct doc_pos pos, const yaml_event_t *event, struct error *err)
{
    char shown[SHOWN_MAX];
    struct span name = name_of(event->data.alias.anchor);
    const struct yaml_anchor *anchor = yaml_anchors_find(&r->anchors, name);
    utf8_printable(name, shown, sizeof shown);
    if (anchor != NULL && anchor->node != NULL)
        return use_alias(r, pos, anchor->node, shown, err);
    if (anchor == NULL)
        refuse(r, CODE_YAML_ALIAS, pos, "*%s names no anchor; write &%s before it", shown, shown);
    else
        refuse(r, CODE_YAML_ALIAS, pos, "*%s stands inside the value it names", shown);
    return skip_value(r, pos, err);
}

static enum step on_begin(struct reader *r, struct doc_pos pos, enum doc_kind kind, const yaml_char_t *tag,
                          const yaml_char_t *name, struct error *err)
{
    struct doc_builder *b = &r->builder;
    if (doc_builder_wants_key(b)) {
        refuse(r, CODE_YAML_KEY, pos, "a key is a string, and this one is %s", doc_kind_name(kind));
        return STEP_END;
    }
    /* A container of a refused tag is read all the same: what stands in it may be wrong too. */
    if (judge_tag(r, pos, tag, kind) && !fits_root(r, pos, kind, (struct span){0}))
        return STEP_END;
    int begun =
        kind == DOC_OBJECT ? doc_builder_begin_object(b, pos, err) : doc_builder_begin_array(b, pos, err);
    if (begun < 0)
        return refused(r, pos, err);
    struct pending_anchor *pending = &r->pending[b->depth - 1];
    *pending = (struct pending_anchor){0};
    if (name == NULL)
        return STEP_ON;
    if (yaml_anchors_define(&r->anchors, name_of(name), NULL, &pending->anchor, err) < 0)
        return refused(r, pos, err);
    pending->definition = pending->anchor->definitions;
    return STEP_ON;
}

static enum step on_end(struct reader *r, struct doc_pos pos, struct error *err)
{
    const struct pending_anchor *pending = &r->pending[r->builder.depth - 1];
    const struct doc_node *node;
    if (doc_builder_end(&r->builder, &node, err) < 0)
        return refused(r, pos, err);
    if (pending->anchor != NULL && pending->anchor->definitions == pending->definition)
        pending->anchor->node = node;
    return STEP_ON;
}

/* --- the document ------------------------------------------------------------------------------------- */

static enum step on_document(struct reader *r, struct doc_pos pos, const yaml_event_t *event)
{
    if (r->has_document) {
        refuse(r, CODE_YAML_DOCUMENTS, pos, "a second document begins; keep one a file");
        return STEP_END;
    }
    r->has_document = true;
    const yaml_version_directive_t *version = event->data.document_start.version_directive;
    if (version != NULL && version->minor < 2)
        warn(r, CODE_YAML_AMBIGUOUS, pos,
             "the document says %%YAML %d.%d and is read as YAML 1.2; remove the line", version->major,
             version->minor);
    return STEP_ON;
}

static enum step on_stream_end(struct reader *r)
{
    if (!r->has_document)
        refuse(r, CODE_YAML_EMPTY, ((struct doc_pos){1, 1}),
               "the file holds no document; write `key: value` lines, or {} for no settings");
    return STEP_END;
}

/* The anchor, or the alias, that an event names; NULL if there is none. *has_text: the event is a node with
 * text of its own. */
static const char *name_in(const yaml_event_t *event, bool *has_text)
{
    const yaml_char_t *name = NULL;
    *has_text = true;
    if (event->type == YAML_ALIAS_EVENT)
        name = event->data.alias.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        name = event->data.sequence_start.anchor;
    else if (event->type == YAML_MAPPING_START_EVENT)
        name = event->data.mapping_start.anchor;
    else if (event->type == YAML_SCALAR_EVENT)
        name = event->data.scalar.anchor;
    else
        *has_text = false;
    if (event->type == YAML_SCALAR_EVENT && name == NULL)
        *has_text = event->end_mark.index > event->start_mark.index;
    return (const char *)name;
}

/* True if nothing stands against the node or its name that YAML 1.2 reads otherwise; else with a finding. */
static bool stands_apart(struct reader *r, const yaml_event_t *event)
{
    bool has_text;
    const char *name = name_in(event, &has_text);
    if (!has_text)
        return true;
    yaml_cursor_seek(&r->cursor, event->start_mark.index);
    const char *glue = yaml_cursor_find_glue(&r->cursor, name);
    if (glue != NULL)
        refuse(r, CODE_YAML_SYNTAX, pos_of(&event->start_mark), "%s", glue);
    return glue == NULL;
}

static enum step on_event(struct reader *r, const yaml_event_t *event, struct error *err)
{
    struct doc_pos pos = pos_of(&event->start_mark);
    if (!stands_apart(r, event))
        return STEP_END;
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_END_EVENT:
        return on_stream_end(r);
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return STEP_ON;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, pos, event);
    case YAML_ALIAS_EVENT:
        return on_alias(r, pos, event, err);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, pos, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_begin(r, pos, DOC_ARRAY, event->data.sequence_start.tag, event->data.sequence_start.anchor,
                        err);
    case YAML_MAPPING_START_EVENT:
        return on_begin(r, pos, DOC_OBJECT, event->data.mapping_start.tag, event->data.mapping_start.anchor,
                        err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(r, pos, err);
    }
    return STEP_END;
}

static enum step read_event(struct reader *r, struct error *err)
{
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event))
        return refused_by_parser(r, err);
    enum step step = on_event(r, &event, err);
    yaml_event_delete(&event);
    return step;
}

static void reader_fini(struct reader *r)
{
    yaml_parser_delete(&r->parser);
    doc_builder_fini(&r->builder);
    yaml_anchors_fini(&r->anchors);
    free(r->pending);
}

static int reader_init(struct reader *r, struct span text, struct error *err)
{
    const struct yaml_options *options = r->options;
    if (!yaml_parser_initialize(&r->parser))
        return error_memory(err);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.len == 0 ? "" : text.data),
                                 text.len);
    r->anchors.arena = &r->doc->arena;
    r->cursor.text = text;
    if (doc_builder_init(&r->builder, &r->doc->arena, options->file, &options->limits, err) < 0)
        return -1;
    r->pending = calloc(r->builder.limits.depth + 1, sizeof *r->pending);
    return r->pending == NULL ? error_memory(err) : 0;
}

static int read_document(struct reader *r, struct span text, struct error *err)
{
    enum step step = reader_init(r, text, err) < 0 ? STEP_FAILED : STEP_ON;
    while (step == STEP_ON)
        step = read_event(r, err);
    return step == STEP_FAILED ? -1 : 0;
}

/* What can be said without looking for a document: true if the text may be parsed. */
static bool check_text(struct span text, struct reader *r)
{
    struct yaml_text_fault fault;
    if (text.len > YAML_FILE_MAX) {
        refuse(r, CODE_LIMIT_FILE, ((struct doc_pos){0}), "the file has %zu bytes, more than %d", text.len,
               YAML_FILE_MAX);
        return false;
    }
    if (yaml_text_check(text, &fault))
        return true;
    refuse(r, fault.code, fault.pos, "%s", fault.message);
    return false;
}

int yaml_read(struct span text, const struct yaml_options *options, struct doc *doc,
              struct findings *findings, struct error *err)
{
    struct reader reader CLEANUP(reader_fini) = {.options = options, .findings = findings, .doc = doc};
    size_t errors = findings->errors;
    if (!check_text(text, &reader))
        return 0;
    int result = read_document(&reader, text, err);
    if (result == 0 && findings->errors == errors)
        doc->root = doc_builder_root(&reader.builder);
    else
        doc_fini(doc);
    return result;
}
