/* infer: see infer.h. Values of one place are looked at together: first their types, then what is inside of
 * them. */
#include "schema/infer.h"

#include <strings.h>

#include "model/json.h"
#include "model/sealed.h"
#include "model/spell.h"
#include "util/array.h"

/* The values of one place. */
struct values {
    const struct doc_node **items;
    size_t len;
};

static void values_fini(struct values *values)
{
    free(values->items);
}
#define AUTO_VALUES CLEANUP(values_fini)

struct inferring {
    unsigned level; /* mappings around the schema at hand */
    struct doc_builder builder;
    struct doc_pos pos; /* one line further for each key: it is written in this order */
    struct error *err;
};

/* --- building --------------------------------------------------------------------------------------------
 */

static int put_key(struct inferring *i, struct span name)
{
    i->pos.line++;
    return doc_builder_key(&i->builder, i->pos, name, i->err);
}

static int put_string(struct inferring *i, struct span value)
{
    return doc_builder_string(&i->builder, i->pos, value, i->err);
}

static int put_text(struct inferring *i, const char *name, struct span value)
{
    return put_key(i, span_of(name)) < 0 ? -1 : put_string(i, value);
}

static int put_bool(struct inferring *i, const char *name, bool value)
{
    return put_key(i, span_of(name)) < 0 ? -1 : doc_builder_bool(&i->builder, i->pos, value, i->err);
}

/* --- looking ---------------------------------------------------------------------------------------------
 */

static const char *type_of(const struct doc_node *value, bool has_fractions)
{
    switch (value->kind) {
    case DOC_NULL:
        return "null";
    case DOC_BOOL:
        return "boolean";
    case DOC_INT:
        return has_fractions ? "number" : "integer";
    case DOC_DOUBLE:
        return "number";
    case DOC_STRING:
        return "string";
    case DOC_ARRAY:
        return "array";
    case DOC_OBJECT:
        return "object";
    }
    return "";
}

enum { TYPES_MAX = 7 };

/* Each type once, in the order it was met. */
static size_t list_types(const struct values *values, const char *types[static TYPES_MAX])
{
    size_t len = 0;
    bool has_fractions = false;
    for (size_t i = 0; i < values->len; i++)
        has_fractions = has_fractions || values->items[i]->kind == DOC_DOUBLE;
    for (size_t i = 0; i < values->len; i++) {
        const char *type = type_of(values->items[i], has_fractions);
        size_t at = 0;
        while (at < len && strcmp(types[at], type) != 0)
            at++;
        if (at == len)
            types[len++] = type;
    }
    return len;
}

static int add_value(struct values *values, size_t *cap, const struct doc_node *value, struct error *err)
{
    const struct doc_node **items = array_grow(values->items, values->len, cap, sizeof *items);
    if (items == NULL)
        return error_memory(err);
    values->items = items;
    values->items[values->len++] = value;
    return 0;
}

static int items_of(const struct values *lists, struct values *out, struct error *err)
{
    size_t cap = 0;
    for (size_t i = 0; i < lists->len; i++)
        for (size_t j = 0; lists->items[i]->kind == DOC_ARRAY && j < lists->items[i]->u.array.len; j++)
            if (add_value(out, &cap, lists->items[i]->u.array.items[j], err) < 0)
                return -1;
    return 0;
}

static int values_of(const struct values *objects, struct span name, struct values *out, struct error *err)
{
    size_t cap = 0;
    for (size_t i = 0; i < objects->len; i++) {
        const struct doc_member *member = doc_get_member(objects->items[i], name);
        if (member != NULL && add_value(out, &cap, member->value, err) < 0)
            return -1;
    }
    return 0;
}

/* A key, where it was met first, and how often. */
struct key {
    struct span name;
    size_t value;       /* of which value */
    struct doc_pos pos; /* and where in it */
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return doc_name_compare(((const struct key *)a)->name, ((const struct key *)b)->name);
}

/* The order in which somebody wrote them. */
static int compare_places(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    if (x->pos.line != y->pos.line)
        return x->pos.line < y->pos.line ? -1 : 1;
    if (x->pos.column != y->pos.column)
        return x->pos.column < y->pos.column ? -1 : 1;
    return 0;
}

/* All keys of all objects, each once. NULL for want of memory. */
static struct key *list_keys(const struct values *objects, size_t *len)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < objects->len; i++)
        all += objects->items[i]->kind == DOC_OBJECT ? objects->items[i]->u.object.len : 0;
    struct key *keys = calloc(all + 1, sizeof *keys);
    *len = 0;
    if (keys == NULL)
        return NULL;
    for (size_t i = 0; i < objects->len; i++)
        for (size_t j = 0; objects->items[i]->kind == DOC_OBJECT && j < objects->items[i]->u.object.len;
             j++) {
            const struct doc_member *member = &objects->items[i]->u.object.members[j];
            keys[(*len)++] = (struct key){member->name, i, member->pos, 1};
        }
    qsort(keys, *len, sizeof *keys, compare_names);
    for (size_t i = 0; i < *len; i++) {
        if (kept == 0 || !span_equal(keys[kept - 1].name, keys[i].name)) {
            keys[kept++] = keys[i];
            continue;
        }
        struct key *same = &keys[kept - 1];
        size_t count = same->count + 1;
        if (compare_places(&keys[i], same) < 0)
            *same = keys[i];
        same->count = count;
    }
    *len = kept;
    qsort(keys, kept, sizeof *keys, compare_places);
    return keys;
}

/* Names that people give to what is nobody's business. */
static bool is_secret_name(struct span name)
{
    static const char *const words[] = {"password", "passwd", "secret",     "token",
                                        "api_key",  "apikey", "private_key"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        for (size_t at = 0; at + len <= name.len; at++)
            if (strncasecmp(name.data + at, words[i], len) == 0)
                return true;
    }
    return false;
}

static bool has_sealed(const struct values *values)
{
    for (size_t i = 0; i < values->len; i++)
        if (values->items[i]->kind == DOC_STRING && sealed_is(values->items[i]->u.string))
            return true;
    return false;
}

/* --- telling ---------------------------------------------------------------------------------------------
 */

static int put_schema(struct inferring *i, struct span name, const struct values *values);

enum { LEVELS_OF_A_KEY = 2 /* `properties`, and the schema in it */ };

/* A schema inside of another one. */
static int put_below(struct inferring *i, struct span name, const struct values *values, unsigned levels)
{
    i->level += levels;
    int rc = put_schema(i, name, values);
    i->level -= levels;
    return rc;
}

static int put_type(struct inferring *i, const char *const *types, size_t len)
{
    if (len == 1)
        return put_text(i, "type", span_of(types[0]));
    if (put_key(i, SPAN("type")) < 0 || doc_builder_begin_array(&i->builder, i->pos, i->err) < 0)
        return -1;
    for (size_t at = 0; at < len; at++)
        if (put_string(i, span_of(types[at])) < 0)
            return -1;
    return doc_builder_end(&i->builder, NULL, i->err);
}

/* The keys that every object has, if there are several to tell from. */
static int put_required(struct inferring *i, const struct key *keys, size_t len, size_t objects)
{
    bool is_open = false;
    for (size_t at = 0; objects > 1 && at < len; at++) {
        if (keys[at].count < objects)
            continue;
        if (!is_open &&
            (put_key(i, SPAN("required")) < 0 || doc_builder_begin_array(&i->builder, i->pos, i->err) < 0))
            return -1;
        is_open = true;
        if (put_string(i, keys[at].name) < 0)
            return -1;
    }
    return is_open ? doc_builder_end(&i->builder, NULL, i->err) : 0;
}

static int put_properties(struct inferring *i, const struct values *values)
{
    size_t len, objects = 0;
    AUTO_FREE struct key *keys = list_keys(values, &len);
    if (keys == NULL)
        return error_memory(i->err);
    for (size_t at = 0; at < values->len; at++)
        objects += values->items[at]->kind == DOC_OBJECT;
    if (len == 0)
        return 0; /* what they may hold cannot be told */
    if (put_bool(i, "additionalProperties", false) < 0 || put_required(i, keys, len, objects) < 0)
        return -1;
    if (put_key(i, SPAN("properties")) < 0 || doc_builder_begin_object(&i->builder, i->pos, i->err) < 0)
        return -1;
    for (size_t at = 0; at < len; at++) {
        AUTO_VALUES struct values inside = {0};
        if (values_of(values, keys[at].name, &inside, i->err) < 0 || put_key(i, keys[at].name) < 0 ||
            doc_builder_begin_object(&i->builder, i->pos, i->err) < 0 ||
            put_below(i, keys[at].name, &inside, LEVELS_OF_A_KEY) < 0 || doc_builder_end(&i->builder, NULL, i->err) < 0)
            return -1;
    }
    return doc_builder_end(&i->builder, NULL, i->err);
}

/* Of lists that are all empty nothing can be said. */
static int put_items(struct inferring *i, const struct values *lists)
{
    AUTO_VALUES struct values items = {0};
    if (items_of(lists, &items, i->err) < 0)
        return -1;
    if (items.len == 0)
        return 0;
    if (put_key(i, SPAN("items")) < 0 || doc_builder_begin_object(&i->builder, i->pos, i->err) < 0 ||
        put_below(i, SPAN(""), &items, 1) < 0)
        return -1;
    return doc_builder_end(&i->builder, NULL, i->err);
}

static bool is_among(const char *type, const char *const *types, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

/* The keywords of one place. Recursion is bounded by the height of the values. */
static int put_schema(struct inferring *i, struct span name, const struct values *values)
{
    const char *types[TYPES_MAX];
    size_t len = list_types(values, types);
    bool is_secret = is_secret_name(name) || has_sealed(values);
    bool is_told = len > 1 || strcmp(types[0], "null") != 0; /* of null alone nobody can tell what else may stand there */
    if ((is_told && put_type(i, types, len) < 0) || (is_secret && put_bool(i, "x-secret", true) < 0))
        return -1;
    if (i->level + LEVELS_OF_A_KEY + 1 >= doc_limits_config.depth)
        return 0; /* deeper than a schema may be */
    if (is_among("object", types, len) && put_properties(i, values) < 0)
        return -1;
    return is_among("array", types, len) ? put_items(i, values) : 0;
}

static int build(struct inferring *i, struct span title, const struct values *values)
{
    static const char dialect[] = "https://json-schema.org/draft/2020-12/schema";
    if (doc_builder_begin_object(&i->builder, i->pos, i->err) < 0 ||
        put_text(i, "$schema", span_of(dialect)) < 0 || put_text(i, "title", title) < 0 ||
        put_schema(i, SPAN(""), values) < 0)
        return -1;
    return doc_builder_end(&i->builder, NULL, i->err);
}

static void builder_fini(struct inferring *inferring)
{
    doc_builder_fini(&inferring->builder);
}

static int infer(struct span title, const struct doc_node *const *values, size_t len, struct doc *doc, struct error *err)
{
    /* A schema is some levels deeper than what it describes. */
    static const struct doc_limits limits = {DOC_DEPTH_MAX, UINT32_MAX, UINT32_MAX};
    CLEANUP(builder_fini) struct inferring inferring = {.pos = {1, 1}, .err = err};
    AUTO_VALUES struct values all = {calloc(len + 1, sizeof(struct doc_node *)), len};
    if (all.items == NULL)
        return error_memory(err);
    memcpy(all.items, values, len * sizeof *values);
    if (doc_builder_init(&inferring.builder, &doc->arena, "schema", &limits, err) < 0 ||
        build(&inferring, title, &all) < 0)
        return -1;
    doc->root = doc_builder_root(&inferring.builder);
    return 0;
}

int schema_infer_json(struct span title, const struct doc_node *const *values, size_t len, struct buf *out,
                      struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    if (infer(title, values, len, &doc, err) < 0)
        return -1;
    json_write(doc.root, out);
    buf_putc(out, '\n');
    return buf_check(out, err);
}

int schema_infer(struct span title, const struct doc_node *const *values, size_t len, struct buf *out,
                 struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    if (infer(title, values, len, &doc, err) < 0)
        return -1;
    buf_printf(out,
               "# What %zu configuration%s hold%s today: a start, to be gone on with by hand. Say what each "
               "key is for\n"
               "# (description), its bounds (minimum, maximum, enum, pattern), its default, and what needs a "
               "restart\n"
               "# (x-restart: true).%s\n",
               len, len == 1 ? "" : "s", len == 1 ? "s" : "",
               len == 1 ? " Nothing is required yet: one configuration cannot tell." : "");
    return spell_document(doc.root, out, err);
}
