/* compare_rules: the keywords about single values. See compare_priv.h. */
#include "schema/compare_priv.h"

#include <float.h>
#include <math.h>

#include "model/json.h"
#include "schema/format.h"
#include "util/num.h"

/* --- types and choices ---------------------------------------------------------------------------------- */

static const char *const type_names[TYPES] = {"null",    "booleans", "integers", "fractions",
                                              "strings", "lists",    "mappings"};

static unsigned types_of_name(struct span name)
{
    static const struct {
        const char *name;
        unsigned types;
    } all[] = {{"null", TYPE_BIT(TYPE_NULL)},       {"boolean", TYPE_BIT(TYPE_BOOLEAN)},
               {"integer", TYPE_BIT(TYPE_INTEGER)}, {"number", TYPES_NUMBER},
               {"string", TYPE_BIT(TYPE_STRING)},   {"array", TYPE_BIT(TYPE_ARRAY)},
               {"object", TYPE_BIT(TYPE_OBJECT)}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (span_is(name, all[i].name))
            return all[i].types;
    return 0;
}

static unsigned types_of_part(const struct doc_node *part)
{
    const struct doc_node *type = doc_get(part, "type");
    unsigned types = 0;
    if (type == NULL)
        return TYPES_ALL;
    if (type->kind == DOC_STRING)
        return types_of_name(type->u.string);
    for (size_t i = 0; type->kind == DOC_ARRAY && i < type->u.array.len; i++)
        if (type->u.array.items[i]->kind == DOC_STRING)
            types |= types_of_name(type->u.array.items[i]->u.string);
    return types;
}

static unsigned type_of_value(const struct doc_node *value)
{
    switch (value->kind) {
    case DOC_NULL:
        return TYPE_BIT(TYPE_NULL);
    case DOC_BOOL:
        return TYPE_BIT(TYPE_BOOLEAN);
    case DOC_INT:
        return TYPE_BIT(TYPE_INTEGER);
    case DOC_DOUBLE:
        return value->u.number == floor(value->u.number) ? TYPE_BIT(TYPE_INTEGER) : TYPE_BIT(TYPE_FRACTION);
    case DOC_STRING:
        return TYPE_BIT(TYPE_STRING);
    case DOC_ARRAY:
        return TYPE_BIT(TYPE_ARRAY);
    case DOC_OBJECT:
        return TYPE_BIT(TYPE_OBJECT);
    }
    return 0;
}

/* What enum or const leave of a view: true, and *len values, if they say anything. */
static bool view_values(const struct view *view, const struct doc_node *const **values, size_t *len,
                        const struct doc_node **only)
{
    const struct doc_node *list = view_get(view, "enum", NULL);
    *only = view_get(view, "const", NULL);
    *values = only;
    *len = 1;
    if (*only != NULL || list == NULL || list->kind != DOC_ARRAY)
        return *only != NULL;
    *values = list->u.array.items;
    *len = list->u.array.len;
    return true;
}

unsigned view_types(const struct view *view)
{
    const struct doc_node *const *values, *only;
    size_t len;
    unsigned types = TYPES_ALL;
    for (size_t i = 0; i < view->len; i++)
        types &= types_of_part(view->parts[i]);
    if (view_values(view, &values, &len, &only)) {
        unsigned listed = 0;
        for (size_t i = 0; i < len; i++)
            listed |= type_of_value(values[i]);
        types &= listed;
    }
    return types;
}

static void put_types(unsigned types, struct buf *out)
{
    bool is_number = (types & TYPES_NUMBER) == TYPES_NUMBER;
    for (unsigned i = 0; i < TYPES; i++) {
        if ((types & TYPE_BIT(i)) == 0 || (is_number && i == TYPE_FRACTION))
            continue;
        if (out->len > 0)
            buf_puts(out, ", ");
        buf_puts(out, is_number && i == TYPE_INTEGER ? "numbers" : type_names[i]);
    }
}

void compare_types(struct comparison *c, const struct view *before, const struct view *after)
{
    unsigned was = view_types(before), is = TYPES_ALL;
    AUTO_BUF struct buf lost = {0}, won = {0}, left = {0};
    for (size_t i = 0; i < after->len; i++)
        is &= types_of_part(after->parts[i]);
    put_types(was & ~is, &lost);
    put_types(is & ~was, &won);
    put_types(is, &left);
    c->failed = c->failed || lost.failed || won.failed || left.failed;
    if (lost.len > 0 && was == TYPES_ALL)
        compare_report(c, SCHEMA_BREAKING, after, "type", "may hold %.*s only now", (int)left.len, left.data);
    else if (lost.len > 0)
        compare_report(c, SCHEMA_BREAKING, after, "type", "may not hold %.*s any more", (int)lost.len,
                       lost.data);
    else if (won.len > 0 && view_get(before, "type", NULL) != NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, "type", "may hold %.*s now, too", (int)won.len, won.data);
}

static bool is_among(const struct doc_node *value, const struct doc_node *const *values, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (doc_equal(value, values[i]))
            return true;
    return false;
}

/* A mapping or a list may hold a secret somewhere inside. */
static bool is_shown(const struct doc_node *value)
{
    enum { SHOWN_SIZE_MAX = 60 };
    return value->kind != DOC_OBJECT && value->kind != DOC_ARRAY && value->size <= SHOWN_SIZE_MAX;
}

/* Up to three of the values that are not among others. Returns how many there are. */
static size_t put_missing(struct comparison *c, const struct doc_node *const *values, size_t len,
                          const struct doc_node *const *among, size_t among_len, struct buf *out)
{
    enum { SHOWN_MAX = 3 };
    size_t missing = 0;
    for (size_t i = 0; i < len; i++) {
        if (is_among(values[i], among, among_len) || ++missing > SHOWN_MAX)
            continue;
        if (missing > 1)
            buf_puts(out, ", ");
        if (!is_shown(values[i]) || compare_is_secret(c))
            buf_puts(out, "…");
        else
            json_write(values[i], out);
    }
    if (missing > SHOWN_MAX)
        buf_printf(out, " and %zu more", missing - SHOWN_MAX);
    return missing;
}

void compare_enums(struct comparison *c, const struct view *before, const struct view *after)
{
    const struct doc_node *const *was, *const *is, *only_was, *only_is;
    size_t was_len, is_len;
    AUTO_BUF struct buf lost = {0}, won = {0};
    bool had = view_values(before, &was, &was_len, &only_was),
         has = view_values(after, &is, &is_len, &only_is);
    const char *keyword = view_get(after, "const", NULL) != NULL ? "const" : "enum";
    if (!compare_is_single(c, before, after, "enum", "const"))
        return;
    if (!has) {
        if (had)
            compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "is not limited to a list of choices any more");
        return;
    }
    if (!had) {
        compare_report(c, SCHEMA_BREAKING, after, keyword, "must be one of %zu choice%s now", is_len,
                       is_len == 1 ? "" : "s");
        return;
    }
    if (!compare_charge_pairs(c, was_len, is_len)) {
        compare_report(c, SCHEMA_UNCLEAR, after, keyword, "has too many choices to be compared");
        return;
    }
    size_t missing = put_missing(c, was, was_len, is, is_len, &lost);
    size_t added = put_missing(c, is, is_len, was, was_len, &won);
    c->failed = c->failed || lost.failed || won.failed;
    if (missing > 0)
        compare_report(c, SCHEMA_BREAKING, after, keyword, "%.*s %s no choice any more", (int)lost.len,
                       lost.data, missing == 1 ? "is" : "are");
    if (added > 0)
        compare_report(c, SCHEMA_COMPATIBLE, after, keyword, "%.*s %s a choice now", (int)won.len, won.data,
                       added == 1 ? "is" : "are");
}

bool compare_is_listed(const struct view *view)
{
    return view_get(view, "enum", NULL) != NULL || view_get(view, "const", NULL) != NULL;
}

/* Of listed values each would have to be judged by what else is wanted of them now. */
void compare_listed(struct comparison *c, const struct view *before, const struct view *after)
{
    static const char *const keywords[] = {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "uniqueItems",
        "items",
        "minProperties",
        "maxProperties",
        "required",
        "properties",
        "additionalProperties",
    };
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct doc_node *is = view_get(after, keywords[i], NULL),
                              *was = view_get(before, keywords[i], NULL);
        if (is != NULL && (was == NULL || !doc_equal(was, is)))
            compare_report(c, SCHEMA_UNCLEAR, after, keywords[i], "the choices must also pass another %s now",
                           keywords[i]);
    }
}

/* --- numbers -------------------------------------------------------------------------------------------- */

static bool number_of(const struct doc_node *node, double *out)
{
    if (node == NULL || (node->kind != DOC_INT && node->kind != DOC_DOUBLE))
        return false;
    *out = node->kind == DOC_INT ? (double)node->u.integer : node->u.number;
    return true;
}

/* The strictest bound of a view, `sign` 1 for the least and -1 for the greatest: values × sign must be at
 * least it. */
struct bound {
    double value;
    bool is_excluded;
    const char *keyword; /* NULL: there is none */
};

static void tighten(struct bound *bound, const struct doc_node *node, const char *keyword, int sign,
                    bool is_excluded)
{
    double value;
    if (!number_of(node, &value))
        return;
    value *= sign;
    if (bound->keyword == NULL || value > bound->value || (value == bound->value && is_excluded))
        *bound = (struct bound){value, is_excluded, keyword};
}

static struct bound bound_of(const struct view *view, int sign)
{
    struct bound bound = {0};
    const char *keyword = sign > 0 ? "minimum" : "maximum";
    const char *exclusive = sign > 0 ? "exclusiveMinimum" : "exclusiveMaximum";
    for (size_t i = 0; i < view->len; i++) {
        tighten(&bound, doc_get(view->parts[i], keyword), keyword, sign, false);
        tighten(&bound, doc_get(view->parts[i], exclusive), exclusive, sign, true);
    }
    if (bound.keyword == NULL || (view_types(view) & TYPE_BIT(TYPE_FRACTION)) != 0)
        return bound;
    /* Of integers, above 0 is from 1 on. */
    bound.value = bound.is_excluded ? floor(bound.value) + 1 : ceil(bound.value);
    bound.is_excluded = false;
    return bound;
}

static const char *word_of_bound(const struct bound *bound, int sign)
{
    if (bound->is_excluded)
        return sign > 0 ? "above" : "below";
    return sign > 0 ? "at least" : "at most";
}

static void compare_bound(struct comparison *c, const struct view *before, const struct view *after, int sign)
{
    struct bound was = bound_of(before, sign), is = bound_of(after, sign);
    char text[NUM_TEXT_MAX], old[NUM_TEXT_MAX];
    num_format_double(is.value * sign, text);
    num_format_double(was.value * sign, old);
    if (is.keyword == NULL) {
        if (was.keyword != NULL)
            compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "need not be %s %s any more",
                           word_of_bound(&was, sign), old);
    } else if (was.keyword == NULL) {
        compare_report(c, SCHEMA_BREAKING, after, is.keyword, "must be %s %s now", word_of_bound(&is, sign),
                       text);
    } else if (is.value != was.value || is.is_excluded != was.is_excluded) {
        bool is_tighter = is.value > was.value || (is.value == was.value && is.is_excluded);
        compare_report(c, is_tighter ? SCHEMA_BREAKING : SCHEMA_COMPATIBLE, after, is.keyword,
                       "must be %s %s now, was %s %s", word_of_bound(&is, sign), text,
                       word_of_bound(&was, sign), old);
    }
}

void compare_numbers(struct comparison *c, const struct view *before, const struct view *after)
{
    double was = 0, is;
    compare_bound(c, before, after, 1);
    compare_bound(c, before, after, -1);
    if (!compare_is_single(c, before, after, "multipleOf", NULL))
        return;
    bool had = number_of(view_get(before, "multipleOf", NULL), &was);
    if (!number_of(view_get(after, "multipleOf", NULL), &is) || (had && was == is))
        return;
    bool is_kept = had && fmod(was, is) == 0;
    bool is_any_integer = is == 1 && (view_types(before) & TYPE_BIT(TYPE_FRACTION)) == 0;
    if (!is_kept && !is_any_integer)
        compare_report(c, SCHEMA_BREAKING, after, "multipleOf", "must be a multiple of another number now");
}

/* --- sizes ---------------------------------------------------------------------------------------------- */

void compare_sizes(struct comparison *c, const struct view *before, const struct view *after, unsigned types)
{
    static const struct {
        const char *keyword, *what;
        unsigned type;
        bool is_least;
    } sizes[] = {
        {"minLength", "character", TYPE_BIT(TYPE_STRING), true},
        {"maxLength", "character", TYPE_BIT(TYPE_STRING), false},
        {"minItems", "item", TYPE_BIT(TYPE_ARRAY), true},
        {"maxItems", "item", TYPE_BIT(TYPE_ARRAY), false},
        {"minProperties", "key", TYPE_BIT(TYPE_OBJECT), true},
        {"maxProperties", "key", TYPE_BIT(TYPE_OBJECT), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        double was = sizes[i].is_least ? 0 : DBL_MAX, is = was, value;
        if ((types & sizes[i].type) == 0)
            continue;
        for (size_t j = 0; j < before->len; j++)
            if (number_of(doc_get(before->parts[j], sizes[i].keyword), &value))
                was = sizes[i].is_least ? fmax(was, value) : fmin(was, value);
        for (size_t j = 0; j < after->len; j++)
            if (number_of(doc_get(after->parts[j], sizes[i].keyword), &value))
                is = sizes[i].is_least ? fmax(is, value) : fmin(is, value);
        bool is_tighter = sizes[i].is_least ? is > was : is < was;
        if (is == was)
            continue;
        if (is == DBL_MAX || (sizes[i].is_least && is == 0))
            compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "%s %.0f %s%s now",
                           sizes[i].is_least ? "may have fewer than" : "may have more than", was,
                           sizes[i].what, was == 1 ? "" : "s");
        else
            compare_report(c, is_tighter ? SCHEMA_BREAKING : SCHEMA_COMPATIBLE, after, sizes[i].keyword,
                           "%s %.0f %s%s now", sizes[i].is_least ? "must have at least" : "may have at most",
                           is, sizes[i].what, is == 1 ? "" : "s");
    }
}

/* --- strings -------------------------------------------------------------------------------------------- */

static bool has_string(const struct view *view, const char *keyword, struct span value)
{
    struct span have;
    for (size_t i = 0; i < view->len; i++)
        if (doc_get_string(view->parts[i], keyword, &have) && span_equal(have, value))
            return true;
    return false;
}

void compare_strings(struct comparison *c, const struct view *before, const struct view *after)
{
    bool had_pattern = view_get(before, "pattern", NULL) != NULL,
         had_format = view_get(before, "format", NULL) != NULL;
    struct span value;
    for (size_t i = 0; i < after->len; i++) {
        if (doc_get_string(after->parts[i], "pattern", &value) && !has_string(before, "pattern", value))
            compare_report(c, had_pattern ? SCHEMA_UNCLEAR : SCHEMA_BREAKING, after, "pattern",
                           had_pattern ? "must match another pattern now" : "must match a pattern now");
        if (doc_get_string(after->parts[i], "format", &value) && format_find(value) != NULL &&
            !has_string(before, "format", value))
            compare_report(c, had_format ? SCHEMA_UNCLEAR : SCHEMA_BREAKING, after, "format",
                           "must have the format %.*s now", (int)value.len, value.data);
    }
    if (had_pattern && view_get(after, "pattern", NULL) == NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "need not match a pattern any more");
    if (had_format && view_get(after, "format", NULL) == NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "need not have a format any more");
}

/* --- what is not about validity ------------------------------------------------------------------------- */

/* Whoever sets the variable of before is not heard any more. */
static void compare_variable(struct comparison *c, const struct view *before, const struct view *after)
{
    const struct doc_node *was = view_get(before, "x-env", NULL), *is = view_get(after, "x-env", NULL);
    if (was == NULL && is != NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, "x-env", "has an environment variable now");
    if (was == NULL || was->kind != DOC_STRING || (is != NULL && doc_equal(was, is)))
        return;
    compare_report(c, SCHEMA_ANNOTATION, after, "x-env", "the environment variable %.*s overrides it no more%s%.*s",
                   (int)was->u.string.len, was->u.string.data, is != NULL && is->kind == DOC_STRING ? ", but " : "",
                   is != NULL && is->kind == DOC_STRING ? (int)is->u.string.len : 0,
                   is != NULL && is->kind == DOC_STRING ? is->u.string.data : "");
}

void compare_notes(struct comparison *c, const struct view *before, const struct view *after)
{
    static const struct {
        const char *keyword, *what;
    } notes[] = {
        {"default", "another default"},
        {"x-secret", "another say on being secret"},
        {"x-restart", "another say on needing a restart"},
        {"deprecated", "another say on being deprecated"},
    };
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        const struct doc_node *was = view_get(before, notes[i].keyword, NULL);
        const struct doc_node *is = view_get(after, notes[i].keyword, NULL);
        if ((was == NULL) != (is == NULL) || (was != NULL && !doc_equal(was, is)))
            compare_report(c, SCHEMA_COMPATIBLE, after, notes[i].keyword, "has %s", notes[i].what);
    }
    compare_variable(c, before, after);
}
