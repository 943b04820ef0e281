/*
 * keyword_object: properties, patternProperties and additionalProperties in one pass; propertyNames.
 */
#include "model/json_text.h"
#include "schema/keywords.h"
#include "schema/say.h"

/* --- properties, patternProperties, additionalProperties ------------------------------------------------ */

/* Names are short: two words that may overlap decide, without a call. */
static inline bool is_same_name(struct span a, struct span b)
{
    uint64_t x, y;
    uint32_t v, w;
    if (a.len != b.len)
        return false;
    if (a.len > 16 || a.len < 4)
        return span_equal(a, b);
    if (a.len >= sizeof x) {
        memcpy(&x, a.data, sizeof x);
        memcpy(&y, b.data, sizeof y);
        if (x != y)
            return false;
        memcpy(&x, a.data + a.len - sizeof x, sizeof x);
        memcpy(&y, b.data + b.len - sizeof y, sizeof y);
        return x == y;
    }
    memcpy(&v, a.data, sizeof v);
    memcpy(&w, b.data, sizeof w);
    if (v != w)
        return false;
    memcpy(&v, a.data + a.len - sizeof v, sizeof v);
    memcpy(&w, b.data + b.len - sizeof w, sizeof w);
    return v == w;
}

/* Where `name` is in the sorted names from *from on, or would be: *from moves there. Both sides are sorted,
   so that a walk through them together meets every pair; a long way is bisected. */
static bool find_name(const struct members *members, size_t *from, struct span name)
{
    enum { STEPS = 8 };
    size_t at = *from, high = members->len;
    for (size_t step = 0; at < high && step < STEPS; step++, at++) {
        struct span known = members->names[at].name;
        if (is_same_name(known, name)) {
            *from = at;
            return true;
        }
        if (doc_name_compare(known, name) > 0) {
            *from = at;
            return false;
        }
    }
    while (at < high) {
        size_t middle = at + (high - at) / 2;
        if (doc_name_compare(members->names[middle].name, name) < 0)
            at = middle + 1;
        else
            high = middle;
    }
    *from = at;
    return at < members->len && span_equal(members->names[at].name, name);
}

/* Where keys are known by one pattern alone, it says what they must be like. */
static bool say_no_match(struct run *run, const struct keyword *keyword, const struct place *place,
                         const struct doc_member *member)
{
    struct buf name AUTO_BUF = {0}, pattern AUTO_BUF = {0};
    put_name(&name, member->name);
    put_name(&pattern, keyword->u.members->patterns[0].source->name);
    return say_key(run, keyword, place, member, (struct span){0}, "%s is no key that is allowed here: it does not match the pattern %s",
                   said(run, &name), said(run, &pattern));
}

static bool say_not_among(struct run *run, const struct keyword *keyword, const struct place *place,
                          const struct doc_member *member)
{
    const struct members *members = keyword->u.members;
    if (run->problems == NULL)
        return false;
    if (members->len == 0 && members->patterns_len == 1)
        return say_no_match(run, keyword, place, member);
    return say_unknown(run, keyword, place, member, nearest_member(run, member->name, members->names, members->len));
}

/* One member by all that speak about it. */
static bool check_member(struct run *run, const struct keyword *keyword, const struct place *below,
                         const struct schema *known)
{
    const struct members *members = keyword->u.members;
    const struct doc_member *member = below->member;
    bool is_right = known == NULL || run_apply_below(run, known, below);
    bool is_known = known != NULL;
    for (size_t i = 0; i < members->patterns_len && (is_right || run->problems != NULL); i++) {
        const struct pattern_member *pattern = &members->patterns[i];
        if (!run_match(run, pattern->pattern, member->name))
            continue;
        is_known = true;
        if (pattern->schema != NULL && !run_apply_below(run, pattern->schema, below))
            is_right = false;
    }
    if (run_is_stopped(run))
        return false;
    if (!is_known && members->additional != NULL) {
        if (members->additional->is_false)
            return say_not_among(run, keyword, below->parent, member);
        is_known = true;
        is_right = run_apply_below(run, members->additional, below);
    }
    if (is_known)
        run_mark(run, (size_t)(member - below->parent->node->u.object.members));
    return is_right;
}

bool check_members(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct members *members = keyword->u.members;
    bool is_right = true;
    size_t at = 0;
    if (!run_charge(run, place->node->u.object.len / 4))
        return false;
    bool is_plain = members->patterns_len == 0 && run->evaluated == NULL;
    for (size_t i = 0; i < place->node->u.object.len; i++) {
        const struct doc_member *member = &place->node->u.object.members[i];
        const struct schema *known = find_name(members, &at, member->name) ? members->schemas[at++] : NULL;
        struct place below = place_of_member(place, member);
        if (is_plain && known != NULL ? run_apply(run, known, &below) : check_member(run, keyword, &below, known))
            continue;
        is_right = false;
        if (run->problems == NULL || run_is_stopped(run))
            return false;
    }
    return is_right;
}

static bool compile_known(struct compiling *c, const struct doc_node *at, struct members *members)
{
    members->names = at->u.object.members;
    members->schemas = compile_alloc(c, at->u.object.len * sizeof(struct schema *));
    if (members->schemas == NULL)
        return false;
    for (; members->len < at->u.object.len; members->len++)
        members->schemas[members->len] = compile_below(c, at->u.object.members[members->len].value);
    return true;
}

static bool compile_patterns(struct compiling *c, const struct doc_node *at, struct members *members)
{
    size_t len = at->u.object.len;
    members->patterns = compile_alloc(c, len * sizeof *members->patterns);
    if (members->patterns == NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        const struct doc_member *member = &at->u.object.members[i];
        const struct pattern *pattern = compile_pattern(c, member->name, member->value, member->pos);
        if (pattern == NULL)
            continue;
        members->patterns[members->patterns_len++] =
            (struct pattern_member){pattern, member, compile_below(c, member->value)};
    }
    return true;
}

static const struct doc_node *object_at(const struct schema *schema, const char *name)
{
    const struct doc_node *node = doc_get(schema->source, name);
    return node != NULL && node->kind == DOC_OBJECT ? node : NULL;
}

/* Called for each of the keywords; the first of them does it. */
bool compile_members(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    const struct doc_node *known = object_at(c->schema, "properties");
    const struct doc_node *patterns = object_at(c->schema, "patternProperties");
    const struct doc_node *additional = doc_get(c->schema->source, "additionalProperties");
    if (at != (known != NULL ? known : patterns != NULL ? patterns : additional))
        return false;
    struct members *members = compile_alloc(c, sizeof *members);
    if (members == NULL || (known != NULL && !compile_known(c, known, members)) ||
        (patterns != NULL && !compile_patterns(c, patterns, members)))
        return false;
    if (additional != NULL)
        members->additional = compile_below(c, additional);
    out->u.members = members;
    out->code = CODE_SCHEMA_ADDITIONAL_PROPERTIES;
    out->check = check_members;
    out->kinds = KIND(DOC_OBJECT);
    return true;
}

/* --- propertyNames -------------------------------------------------------------------------------------- */

static bool check_property_names(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct doc_node *object = place->node;
    struct evaluated *evaluated = run->evaluated;
    bool is_right = true;
    run->evaluated = NULL;
    for (size_t i = 0; i < object->u.object.len && (is_right || run->problems != NULL); i++) {
        const struct doc_member *member = &object->u.object.members[i];
        struct doc_node node = {
            .kind = DOC_STRING,
            .height = 1,
            .nodes = 1,
            .size = (uint32_t)json_string_size(member->name),
            .pos = member->pos,
            .file = member->value->file,
            .u.string = member->name,
        };
        struct place name = {.parent = place, .node = &node, .member = member, .is_name = true};
        is_right = run_apply(run, keyword->u.schema, &name) && is_right;
    }
    run->evaluated = evaluated;
    return is_right;
}

bool compile_property_names(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    out->u.schema = compile_below(c, at);
    out->check = check_property_names;
    out->kinds = KIND(DOC_OBJECT);
    return out->u.schema != NULL;
}
