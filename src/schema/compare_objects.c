/*
 * compare_objects: the keywords about mappings and lists. See compare_priv.h.
 *
 * A name is looked at under both schemas: what each says of it, by name, by pattern or as one of the others.
 */
#include "schema/compare_priv.h"

#include "schema/pattern.h"

#define OTHER SPAN("*")

/* --- what is said of one key ---------------------------------------------------------------------------- */

/* A pattern that is no good, or takes too long, says nothing here: the compiler of schemas tells of it. */
static bool pattern_fits(struct comparison *c, struct span ecma, struct span name)
{
    enum { WORK_MAX = 40 * 1000, WORK_A_STEP = 100 };
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = WORK_MAX};
    struct pattern *pattern = NULL;
    struct error err;
    if (!compare_charge(c, 1))
        return false;
    if (pattern_compile(ecma, &pattern, &err) < 0) {
        c->failed = c->failed || error_is(&err, ERR_MEMORY);
        return false;
    }
    enum pattern_verdict verdict = pattern_match(pattern, name, &work);
    pattern_free(pattern);
    compare_charge(c, (WORK_MAX - work.steps) / WORK_A_STEP);
    c->failed = c->failed || verdict == PATTERN_NO_MEMORY;
    return verdict == PATTERN_YES;
}

/* What one part says of a key by name or pattern. False: it speaks of the others only. */
static bool add_known(struct comparison *c, const struct side *side, const struct doc_node *part,
                      struct span name, struct view *view)
{
    const struct doc_node *properties = doc_get(part, "properties"),
                          *patterns = doc_get(part, "patternProperties");
    const struct doc_member *own = properties == NULL ? NULL : doc_get_member(properties, name);
    bool is_known = own != NULL;
    if (own != NULL)
        view_add(side, own->value, view);
    for (size_t i = 0; patterns != NULL && patterns->kind == DOC_OBJECT && i < patterns->u.object.len; i++)
        if (pattern_fits(c, patterns->u.object.members[i].name, name)) {
            view_add(side, patterns->u.object.members[i].value, view);
            is_known = true;
        }
    return is_known;
}

/* All that is said of a key: each part's additionalProperties where the part does not know it. */
static void view_of_key(struct comparison *c, const struct side *side, const struct view *object,
                        struct span name, struct view *view, bool *is_known)
{
    const struct doc_node *other;
    *is_known = false;
    for (size_t i = 0; i < object->len; i++) {
        if (add_known(c, side, object->parts[i], name, view))
            *is_known = true;
        else if ((other = doc_get(object->parts[i], "additionalProperties")) != NULL)
            view_add(side, other, view);
    }
    /* unevaluatedProperties closes the whole, allOf and references included. */
    if (!*is_known && (other = view_get(object, "unevaluatedProperties", NULL)) != NULL)
        view_add(side, other, view);
}

static void view_of_others(const struct side *side, const struct view *object, struct view *view)
{
    for (size_t i = 0; i < object->len; i++) {
        const struct doc_node *additional = doc_get(object->parts[i], "additionalProperties");
        const struct doc_node *unevaluated = doc_get(object->parts[i], "unevaluatedProperties");
        if (additional != NULL)
            view_add(side, additional, view);
        if (unevaluated != NULL)
            view_add(side, unevaluated, view);
    }
}

static bool is_anything(const struct view *view)
{
    return view->len == 0 && !view->is_false && !view->is_cut && view->others_len == 0;
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static void compare_key(struct comparison *c, const struct view *before, const struct view *after,
                        struct span name, const struct doc_node *near)
{
    struct view was = {0}, is = {0};
    bool was_known, is_known;
    int len = (int)name.len;
    compare_charge(c, (before->len + after->len) / 2); /* each of the parts is asked */
    view_of_key(c, &c->before, before, name, &was, &was_known);
    view_of_key(c, &c->after, after, name, &is, &is_known);
    if (was.is_false) {
        if (!is.is_false)
            compare_report(c, SCHEMA_COMPATIBLE, after, "properties", "may have the key %.*s now", len,
                           name.data);
    } else if (is.is_false) {
        compare_report(c, SCHEMA_BREAKING, after, "properties", "may not have the key %.*s any more", len,
                       name.data);
    } else if (!was_known && is_anything(&was) && !is_anything(&is)) {
        /* Somebody may have had it already, as any unknown key, with a value that is wrong now. */
        compare_report(c, SCHEMA_UNCLEAR, after, "properties",
                       "says what the key %.*s must be, which was free", len, name.data);
    } else {
        compare_below(c, name, &was, &is, near);
    }
}

/* Each name of `properties` on either side, once. */
static void compare_names(struct comparison *c, const struct view *before, const struct view *after)
{
    for (size_t i = 0; i < after->len; i++) {
        const struct doc_node *properties = doc_get(after->parts[i], "properties");
        for (size_t j = 0;
             properties != NULL && properties->kind == DOC_OBJECT && j < properties->u.object.len; j++)
            compare_key(c, before, after, properties->u.object.members[j].name,
                        properties->u.object.members[j].value);
    }
    for (size_t i = 0; i < before->len; i++) {
        const struct doc_node *properties = doc_get(before->parts[i], "properties");
        for (size_t j = 0;
             properties != NULL && properties->kind == DOC_OBJECT && j < properties->u.object.len; j++) {
            struct span name = properties->u.object.members[j].name;
            bool is_there = false;
            for (size_t k = 0; k < after->len && !is_there; k++) {
                const struct doc_node *mine = doc_get(after->parts[k], "properties");
                is_there = mine != NULL && doc_get_member(mine, name) != NULL;
            }
            if (!is_there)
                compare_key(c, before, after, name, NULL);
        }
    }
}

static void compare_others_of(struct comparison *c, const struct view *before, const struct view *after)
{
    struct view was = {0}, is = {0};
    bool was_filled = c->is_filled;
    const char *keyword = view_get(after, "additionalProperties", NULL) != NULL ? "additionalProperties"
                                                                                : "unevaluatedProperties";
    view_of_others(&c->before, before, &was);
    view_of_others(&c->after, after, &is);
    if (was.is_false) {
        if (!is.is_false)
            compare_report(c, SCHEMA_COMPATIBLE, after, keyword,
                           "may have keys that the schema does not know now");
        return;
    }
    if (is.is_false) {
        compare_report(c, SCHEMA_BREAKING, after, keyword,
                       "may not have keys that the schema does not know any more");
        return;
    }
    c->is_filled = false;
    compare_below(c, OTHER, &was, &is, NULL);
    c->is_filled = was_filled;
}

static const struct doc_node *pattern_schema(const struct view *view, struct span pattern)
{
    for (size_t i = 0; i < view->len; i++) {
        const struct doc_node *patterns = doc_get(view->parts[i], "patternProperties");
        const struct doc_member *member = patterns == NULL ? NULL : doc_get_member(patterns, pattern);
        if (member != NULL)
            return member->value;
    }
    return NULL;
}

/* A pattern on both sides is compared like a name; one that came or went may be about anything. */
static void compare_patterns(struct comparison *c, const struct view *before, const struct view *after)
{
    bool was_filled = c->is_filled;
    c->is_filled = false;
    for (size_t side = 0; side < 2; side++) {
        const struct view *mine = side == 0 ? after : before, *theirs = side == 0 ? before : after;
        for (size_t i = 0; i < mine->len; i++) {
            const struct doc_node *patterns = doc_get(mine->parts[i], "patternProperties");
            for (size_t j = 0; patterns != NULL && patterns->kind == DOC_OBJECT && j < patterns->u.object.len;
                 j++) {
                const struct doc_member *member = &patterns->u.object.members[j];
                const struct doc_node *other = pattern_schema(theirs, member->name);
                struct view was = {0}, is = {0};
                if (other == NULL) {
                    compare_report(c, SCHEMA_UNCLEAR, after, "patternProperties", "keys that match %.*s %s",
                                   (int)member->name.len, member->name.data,
                                   side == 0 ? "have a schema of their own now"
                                             : "have no schema of their own any more");
                } else if (side == 0) {
                    view_add(&c->before, other, &was);
                    view_add(&c->after, member->value, &is);
                    compare_below(c, OTHER, &was, &is, member->value);
                }
            }
        }
    }
    c->is_filled = was_filled;
}

/* --- required keys -------------------------------------------------------------------------------------- */

static bool is_listed(const struct doc_node *list, struct span name)
{
    for (size_t i = 0; list != NULL && list->kind == DOC_ARRAY && i < list->u.array.len; i++)
        if (list->u.array.items[i]->kind == DOC_STRING && span_equal(list->u.array.items[i]->u.string, name))
            return true;
    return false;
}

static bool is_required(const struct view *view, struct span name)
{
    for (size_t i = 0; i < view->len; i++)
        if (is_listed(doc_get(view->parts[i], "required"), name))
            return true;
    return false;
}

static bool has_default(struct comparison *c, const struct view *object, struct span name)
{
    struct view view = {0};
    for (size_t i = 0; i < object->len; i++) {
        const struct doc_node *properties = doc_get(object->parts[i], "properties");
        const struct doc_member *own = properties == NULL ? NULL : doc_get_member(properties, name);
        if (own != NULL)
            view_add(&c->after, own->value, &view);
    }
    return c->is_filled && view_get(&view, "default", NULL) != NULL;
}

static size_t count_required(const struct view *view)
{
    size_t count = 0;
    for (size_t i = 0; i < view->len; i++) {
        const struct doc_node *list = doc_get(view->parts[i], "required");
        count += list != NULL && list->kind == DOC_ARRAY ? list->u.array.len : 0;
    }
    return count;
}

static void compare_required(struct comparison *c, const struct view *before, const struct view *after)
{
    if (!compare_charge_pairs(c, count_required(before), count_required(after))) {
        compare_report(c, SCHEMA_UNCLEAR, after, "required", "too long to be compared");
        return;
    }
    for (size_t i = 0; i < after->len; i++) {
        const struct doc_node *list = doc_get(after->parts[i], "required");
        for (size_t j = 0; list != NULL && list->kind == DOC_ARRAY && j < list->u.array.len; j++) {
            struct span name = list->u.array.items[j]->u.string;
            if (list->u.array.items[j]->kind != DOC_STRING || is_required(before, name))
                continue;
            bool is_filled = has_default(c, after, name);
            compare_report(c, is_filled ? SCHEMA_COMPATIBLE : SCHEMA_BREAKING, after, "required",
                           "must have the key %.*s now%s", (int)name.len, name.data,
                           is_filled ? ", which has a default" : "");
        }
    }
    for (size_t i = 0; i < before->len; i++) {
        const struct doc_node *list = doc_get(before->parts[i], "required");
        for (size_t j = 0; list != NULL && list->kind == DOC_ARRAY && j < list->u.array.len; j++) {
            const struct doc_node *item = list->u.array.items[j];
            if (item->kind == DOC_STRING && !is_required(after, item->u.string))
                compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "need not have the key %.*s any more",
                               (int)item->u.string.len, item->u.string.data);
        }
    }
}

void compare_whole(struct comparison *c, const struct view *before, const struct view *after,
                   const char *const *keywords)
{
    for (; *keywords != NULL; keywords++) {
        const struct doc_node *was = view_get(before, *keywords, NULL),
                              *is = view_get(after, *keywords, NULL);
        if (!compare_is_single(c, before, after, *keywords, NULL))
            continue;
        if (is != NULL && !compare_is_same(c, was, is))
            compare_report(c, SCHEMA_UNCLEAR, after, *keywords, "%s is %s", *keywords,
                           was == NULL ? "new" : "another one");
        else if (is == NULL && was != NULL)
            compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "%s is gone", *keywords);
    }
}

static bool are_same(struct comparison *c, const struct view *before, const struct view *after)
{
    bool is_same = before->len == after->len;
    for (size_t i = 0; i < after->len && is_same; i++)
        is_same = compare_is_same(c, before->parts[i], after->parts[i]);
    return is_same;
}

/* What unevaluatedProperties knows is worked out where it stands above all that there is, and that is names
 * alone. */
static bool knows_in_parts(const struct view *view)
{
    static const char *const others[] = {
        "anyOf", "oneOf", "if", "not", "dependentSchemas", "additionalProperties"};
    const struct doc_node *first = NULL;
    size_t count = 0;
    bool has_others = false;
    for (size_t i = 0; i < view->len; i++)
        count += doc_get(view->parts[i], "unevaluatedProperties") != NULL;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        has_others = has_others || view_get(view, others[i], NULL) != NULL;
    return view_get(view, "unevaluatedProperties", &first) != NULL &&
           (has_others || count > 1 || first != view->parts[0] || view->others_len > 0);
}

void compare_object(struct comparison *c, const struct view *before, const struct view *after)
{
    static const char *const whole[] = {"propertyNames", "dependentRequired", "dependentSchemas",
                                        "dependencies", NULL};
    compare_required(c, before, after);
    compare_names(c, before, after);
    compare_patterns(c, before, after);
    compare_others_of(c, before, after);
    compare_whole(c, before, after, whole);
    if ((knows_in_parts(before) || knows_in_parts(after)) && !are_same(c, before, after))
        compare_report(c, SCHEMA_UNCLEAR, after, "unevaluatedProperties",
                       "other keys are known now, or others than before");
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* The schemas of the first items: prefixItems, or the list form of draft-07's items. */
static const struct doc_node *prefix_of(const struct doc_node *part)
{
    const struct doc_node *prefix = doc_get(part, "prefixItems"), *items = doc_get(part, "items");
    if (prefix != NULL && prefix->kind == DOC_ARRAY)
        return prefix;
    return items != NULL && items->kind == DOC_ARRAY ? items : NULL;
}

static size_t prefix_len(const struct view *view)
{
    size_t len = 0;
    for (size_t i = 0; i < view->len; i++) {
        const struct doc_node *prefix = prefix_of(view->parts[i]);
        if (prefix != NULL && prefix->u.array.len > len)
            len = prefix->u.array.len;
    }
    return len;
}

static void view_of_item(const struct side *side, const struct view *list, size_t at, struct view *view)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct doc_node *prefix = prefix_of(list->parts[i]), *items = doc_get(list->parts[i], "items");
        const struct doc_node *more = doc_get(list->parts[i], "additionalItems");
        bool is_list = items != NULL && items->kind == DOC_ARRAY;
        if (prefix != NULL && at < prefix->u.array.len)
            view_add(side, prefix->u.array.items[at], view);
        else if (!is_list && items != NULL)
            view_add(side, items, view);
        else if (is_list && more != NULL)
            view_add(side, more, view);
    }
}

static void compare_items(struct comparison *c, const struct view *before, const struct view *after)
{
    size_t was_len = prefix_len(before), is_len = prefix_len(after),
           len = was_len > is_len ? was_len : is_len;
    for (size_t i = 0; i <= len; i++) {
        struct view was = {0}, is = {0};
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        view_of_item(&c->before, before, i, &was);
        view_of_item(&c->after, after, i, &is);
        if (is.is_false && !was.is_false)
            compare_report(c, SCHEMA_BREAKING, after, "items", "may have no more than %zu items now", i);
        else
            compare_below(c, i == len ? OTHER : span_of(name), &was, &is, NULL);
    }
}

void compare_array(struct comparison *c, const struct view *before, const struct view *after)
{
    static const char *const whole[] = {"contains", "minContains", "maxContains", NULL};
    const struct doc_node *was = view_get(before, "uniqueItems", NULL),
                          *is = view_get(after, "uniqueItems", NULL);
    bool was_unique = was != NULL && was->kind == DOC_BOOL && was->u.boolean;
    bool is_unique = is != NULL && is->kind == DOC_BOOL && is->u.boolean;
    bool was_filled = c->is_filled;
    if (was_unique != is_unique)
        compare_report(c, is_unique ? SCHEMA_BREAKING : SCHEMA_COMPATIBLE, after, "uniqueItems",
                       is_unique ? "no two items may be equal now" : "items may be equal now");
    c->is_filled = false;
    compare_items(c, before, after);
    c->is_filled = was_filled;
    compare_whole(c, before, after, whole);
    if (view_get(after, "unevaluatedItems", NULL) != NULL && !are_same(c, before, after))
        compare_report(c, SCHEMA_UNCLEAR, after, "unevaluatedItems",
                       "other items are known now, or others than before");
    else if (view_get(before, "unevaluatedItems", NULL) != NULL &&
             view_get(after, "unevaluatedItems", NULL) == NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "unevaluatedItems is gone");
}
