/*
 * edit: see edit.h.
 */
#include "config/edit.h"

#include "io/yaml.h"
#include "io/yaml_places.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/scalar.h"
#include "util/utf8.h"

#define AUTO_ARENA CLEANUP(arena_fini)

/* --- values --------------------------------------------------------------------------------------------- */

static int fail_with(const struct findings *findings, const char *code, struct error *err)
{
    for (size_t i = 0; i < findings->len; i++) {
        const struct finding *finding = &findings->items[i];
        if (finding->severity == FINDING_ERROR)
            return error_at(err, code == NULL ? finding->code : code, finding->file, finding->pos.line,
                            finding->pos.column, "%s", finding->message);
    }
    return error_memory(err);
}

static int read_yaml(struct span text, const char *file, bool any_root, const char *code, struct doc *doc,
                     struct error *err)
{
    const struct yaml_options options = {.file = file, .limits = doc_limits_config, .any_root = any_root};
    struct findings findings AUTO_FINDINGS = {0};
    if (yaml_read(text, &options, doc, &findings, err) != 0)
        return -1;
    return doc->root != NULL ? 0 : fail_with(&findings, code, err);
}

static int make_scalar(const struct scalar *scalar, struct span text, struct doc *doc, struct error *err)
{
    struct doc_builder builder AUTO_DOC_BUILDER = {0};
    const struct doc_pos pos = {1, 1};
    if (!utf8_is_valid(text) || memchr(text.data, '\0', text.len) != NULL)
        return error_set(err, CODE_USAGE, 0, "the value is not UTF-8");
    if (doc_builder_init(&builder, &doc->arena, "value", &doc_limits_config, err) != 0 ||
        scalar_build(&builder, pos, scalar, text, err) != 0)
        return -1;
    doc->root = doc_builder_root(&builder);
    return 0;
}

static int read_plain(struct span text, struct doc *doc, struct span *typed, const char **note, struct error *err)
{
    struct scalar scalar = scalar_resolve(text);
    if (text.len == 0)
        return error_set(err, CODE_USAGE, 0, "the value is empty: null, or '\"\"' for the empty string");
    if (scalar.unfit != NULL)
        return error_set(err, CODE_USAGE, 0, "%s; --string carries it as a string", scalar.unfit);
    *note = scalar_ambiguity(text);
    if (scalar.kind == DOC_INT || scalar.kind == DOC_DOUBLE)
        *typed = text;
    return make_scalar(&scalar, text, doc, err);
}

int edit_value(struct span text, enum edit_form form, struct doc *doc, struct span *typed, const char **note,
               struct error *err)
{
    static const struct scalar string = {.kind = DOC_STRING};
    static const struct json_options json = {.file = "value", .limits = {64, 100000, 256 * 1024}};
    *typed = (struct span){0};
    *note = NULL;
    switch (form) {
    case EDIT_TEXT:
        return make_scalar(&string, text, doc, err);
    case EDIT_JSON:
        return json_read(text, &json, doc, err) == 0 ? 0 : error_wrap(err, "the value is not JSON");
    case EDIT_YAML:
        break;
    }
    if (text.len > 0 && strchr("{[\"'", text.data[0]) != NULL)
        return read_yaml(text, "value", true, CODE_USAGE, doc, err);
    return read_plain(text, doc, typed, note, err);
}

/* --- texts ---------------------------------------------------------------------------------------------- */

int edit_read(struct span text, const char *file, struct doc *doc, struct error *err)
{
    return read_yaml(text, file, false, NULL, doc, err);
}

/* The words of `err` become the reason: the text was good before. */
static int refuse_result(const char *file, const struct splice_change *change, struct error *err)
{
    struct buf path AUTO_BUF = {0};
    struct error cause = *err;
    pointer_put(&change->path, change->path.len, &path);
    int len = path.len < 200 ? (int)path.len : 200;
    return error_at(err, CODE_EDIT_REFUSED, file, 0, 0, "%.*s: %s", len, path.data == NULL ? "" : path.data,
                    cause.message);
}

static int check_result(struct span text, const char *file, const struct doc_node *before,
                        const struct splice_change *change, struct error *err)
{
    struct doc after AUTO_DOC = {0};
    if (edit_read(text, file, &after, err) != 0) {
        error_wrap(err, "the file could not be read any more");
        return refuse_result(file, change, err);
    }
    if (splice_is_exact(before, after.root, change))
        return 0;
    error_set(err, CODE_EDIT_REFUSED, 0, "something else of the file would change too");
    return refuse_result(file, change, err);
}

static int edit_once(struct span text, const char *file, const struct splice_change *change, struct buf *out,
                     bool *is_changed, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct arena arena AUTO_ARENA = {0};
    struct place *places;
    if (edit_read(text, file, &doc, err) != 0 || yaml_places(text, &arena, &places, err) != 0)
        return -1;
    const struct splice_source source = {text, file, places, doc.root};
    if (splice_apply(&source, change, out, is_changed, err) != 0)
        return -1;
    return *is_changed ? check_result(buf_span(out), file, doc.root, change, err) : 0;
}

int edit_text(struct span text, const char *file, const struct splice_change *changes, size_t len, struct buf *out,
              bool *is_changed, struct error *err)
{
    struct buf now AUTO_BUF = {0};
    bool any = false;
    buf_append_span(&now, text);
    for (size_t i = 0; i < len; i++) {
        struct buf next AUTO_BUF = {0};
        bool one;
        if (edit_once(buf_span(&now), file, &changes[i], &next, &one, err) != 0)
            return -1;
        if (!one)
            continue;
        struct buf last = now;
        now = next;
        next = last;
        any = true;
    }
    buf_append_span(out, buf_span(&now));
    *is_changed = any;
    return buf_check(out, err);
}
