/*
 * compile: schemas into keywords. One schema after the other from a queue: a reference puts what it leads to
 * at the end of it, so nothing here goes deep.
 */
#include <stdarg.h>
#include <string.h>

#include "model/codes.h"
#include "schema/compile.h"
#include "schema/keywords.h"
#include "schema/say.h"
#include "util/array.h"

enum { KEYWORDS_MAX = 40 }; /* more than the table has rows that check */

void *compile_alloc(struct compiling *c, size_t size)
{
    void *memory = c->failed ? NULL : arena_alloc(&c->set->arena, size);
    if (memory == NULL) {
        c->failed = c->failed || error_memory(c->err) != 0;
        return NULL;
    }
    return memset(memory, 0, size);
}

void list_push(struct compiling *c, struct schema_list *list, struct schema *schema)
{
    if (c->failed)
        return;
    struct schema **items = array_grow(list->items, list->len, &list->cap, sizeof *items);
    if (items == NULL) {
        c->failed = error_memory(c->err) != 0;
        return;
    }
    list->items = items;
    list->items[list->len++] = schema;
}

void compile_complain(struct compiling *c, struct document *document, const char *file, struct doc_pos pos,
                      const char *code, const char *format, ...)
{
    char message[FINDING_MESSAGE_MAX];
    va_list args;
    document->is_broken = true;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    findings_add(c->findings, FINDING_ERROR, code, file, pos, "%s", message);
}

static struct schema *compile_link(struct compiling *c, struct schema_list *list, const struct doc_node *node)
{
    struct schema *schema = load_schema(c, node, c->schema->resource);
    if (schema != NULL)
        list_push(c, list, schema);
    return c->failed ? NULL : schema;
}

struct schema *compile_same(struct compiling *c, const struct doc_node *node)
{
    return compile_link(c, &c->same, node);
}

struct schema *compile_below(struct compiling *c, const struct doc_node *node)
{
    return compile_link(c, &c->below, node);
}

static void keep_pattern(struct compiling *c, struct span text, struct pattern *pattern)
{
    struct schema_set *set = c->set;
    struct pattern **list =
        array_grow(set->patterns_list, set->patterns_len, &set->patterns_cap, sizeof *list);
    if (list == NULL) {
        pattern_free(pattern);
        c->failed = error_memory(c->err) != 0;
        return;
    }
    set->patterns_list = list;
    set->patterns_list[set->patterns_len++] = pattern;
    c->failed = index_put(&set->patterns, &set->arena, text, pattern, c->err) != 0;
}

const struct pattern *compile_pattern(struct compiling *c, struct span text, const struct doc_node *at,
                                      struct doc_pos pos)
{
    struct error why;
    struct pattern *pattern = c->failed ? NULL : index_get(&c->set->patterns, text);
    if (pattern != NULL || c->failed)
        return pattern;
    struct document *document = c->schema->resource->document;
    if (c->set->patterns_len >= SCHEMA_PATTERNS_MAX && !document->is_builtin) {
        if (!document->is_broken)
            compile_complain(c, document, at->file, pos, CODE_SCHEMA_TOO_EXPENSIVE,
                             "there are more than %d patterns", SCHEMA_PATTERNS_MAX);
        return NULL;
    }
    if (pattern_compile(text, &pattern, &why) != 0) {
        if (error_is(&why, ERR_MEMORY))
            c->failed = error_memory(c->err) != 0;
        else
            compile_complain(c, document, at->file, pos, CODE_SCHEMA_REGEX, "%s", why.message);
        return NULL;
    }
    keep_pattern(c, text, pattern);
    return c->failed ? NULL : pattern;
}

/* --- one schema ----------------------------------------------------------------------------------------- */

static void sort_keywords(struct keyword *keywords, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        struct keyword moved = keywords[i];
        size_t at = i;
        for (; at > 0 && keywords[at - 1].order > moved.order; at--)
            keywords[at] = keywords[at - 1];
        keywords[at] = moved;
    }
}

/* $ref alone, in draft-07: what stands beside it means nothing. */
static bool is_alone(const struct schema *schema, struct span name)
{
    const struct doc_node *ref = doc_get(schema->source, "$ref");
    return schema->resource->dialect->draft == SCHEMA_DRAFT_07 && ref != NULL && ref->kind == DOC_STRING &&
           !span_is(name, "$ref");
}

static size_t compile_keywords(struct compiling *c, struct keyword keywords[static KEYWORDS_MAX])
{
    size_t len = 0;
    const struct doc_node *source = c->schema->source;
    for (size_t i = 0; i < source->u.object.len && !c->failed; i++) {
        const struct doc_member *member = &source->u.object.members[i];
        const struct rule *rule = rule_find(member->name, c->schema->resource->dialect);
        if (rule == NULL || rule->compile == NULL || is_alone(c->schema, member->name))
            continue;
        struct keyword *keyword = &keywords[len];
        *keyword = (struct keyword){.at = member->value, .code = rule->code, .kinds = KINDS_ALL, .order = rule->order};
        if (rule->compile(c, member->value, keyword))
            len++;
    }
    sort_keywords(keywords, len);
    return len;
}

static void keep_links(struct compiling *c, struct schema *schema)
{
    size_t len = c->same.len + c->below.len;
    schema->links = len == 0 ? NULL : compile_alloc(c, len * sizeof *schema->links);
    if (schema->links == NULL)
        return;
    for (size_t i = 0; i < len; i++)
        schema->links[i] = i < c->same.len ? c->same.items[i] : c->below.items[i - c->same.len];
    schema->links_len = (uint32_t)len;
    schema->about_same = (uint32_t)c->same.len;
}

static bool is_variable(struct span name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_",
                      digits[] = "0123456789";
    bool is_good = name.len > 0 && memchr(digits, name.data[0], sizeof digits - 1) == NULL;
    for (size_t i = 0; i < name.len && is_good; i++)
        is_good = memchr(letters, name.data[i], sizeof letters - 1) != NULL ||
                  memchr(digits, name.data[i], sizeof digits - 1) != NULL;
    return is_good;
}

/* Of those that have the right kind; everything else is no way to override a field, or says nothing. */
static void check_words(struct compiling *c)
{
    struct document *document = c->schema->resource->document;
    const struct doc_node *env = doc_get(c->schema->source, "x-env"),
                          *level = doc_get(c->schema->source, "x-complexity");
    struct buf name AUTO_BUF = {0};
    if (env != NULL && env->kind == DOC_STRING && !is_variable(env->u.string)) {
        put_short(&name, env);
        buf_putc(&name, '\0');
        c->failed = c->failed || buf_check(&name, c->err) != 0;
        if (!c->failed)
            compile_complain(
                c, document, env->file, env->pos, CODE_SCHEMA_INVALID,
                "x-env: %s cannot be the name of a variable: letters, digits and _, no digit first",
                name.data);
    }
    if (level != NULL && (level->kind != DOC_STRING ||
                          (!span_is(level->u.string, "simple") && !span_is(level->u.string, "advanced"))))
        compile_complain(c, document, level->file, level->pos, CODE_SCHEMA_INVALID,
                         "x-complexity: must be simple or advanced");
}

/* Ours, which no metaschema knows: `x-secret: yes` is a string, and would leave a secret in plain sight. */
static void check_notes(struct compiling *c)
{
    static const struct {
        const char *name;
        enum doc_kind kind;
        const char *wanted;
    } notes[] = {
        {"x-env", DOC_STRING, "the name of a variable, a string"},
        {"x-restart", DOC_BOOL, "true or false"},
        {"x-secret", DOC_BOOL, "true or false"},
    };
    struct document *document = c->schema->resource->document;
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        const struct doc_node *note = doc_get(c->schema->source, notes[i].name);
        if (note != NULL && note->kind != notes[i].kind)
            compile_complain(c, document, note->file, note->pos, CODE_SCHEMA_INVALID, "%s: this is %s, must be %s",
                             notes[i].name, doc_kind_name(note->kind), notes[i].wanted);
    }
    check_words(c);
}

static void compile_schema(struct compiling *c, struct schema *schema)
{
    struct keyword keywords[KEYWORDS_MAX];
    if (schema->source->kind != DOC_OBJECT)
        return;
    c->schema = schema;
    c->same.len = c->below.len = 0;
    check_notes(c);
    size_t len = compile_keywords(c, keywords);
    keep_links(c, schema);
    struct keyword *kept = len == 0 ? NULL : compile_alloc(c, len * sizeof *kept);
    if (kept == NULL)
        return;
    memcpy(kept, keywords, len * sizeof *kept);
    schema->keywords = kept;
    schema->keywords_len = (uint32_t)len;
    for (size_t i = 0; i < len; i++)
        schema->about |= keywords[i].kinds;
}

void compile_queue(struct compiling *c)
{
    for (; c->next < c->queue.len && !c->failed; c->next++)
        compile_schema(c, c->queue.items[c->next]);
}
