/* compare_choices: the keywords that hold alternatives. See compare_priv.h. */
#include "schema/compare_priv.h"

enum { ALTERNATIVES_MAX = 64 };

/* Marks, a bit each, the alternatives that are the same on both sides. */
static void mark_same(struct comparison *c, const struct doc_node *was, const struct doc_node *is,
                      uint64_t *kept, uint64_t *taken)
{
    for (size_t i = 0; i < was->u.array.len; i++)
        for (size_t j = 0; j < is->u.array.len && (*kept >> i & 1) == 0; j++)
            if ((*taken >> j & 1) == 0 && compare_is_same(c, was->u.array.items[i], is->u.array.items[j])) {
                *kept |= UINT64_C(1) << i;
                *taken |= UINT64_C(1) << j;
            }
}

/* Those that stayed the same drop out; those that are left are paired in their order. */
static void compare_alternatives(struct comparison *c, const struct view *after, const char *keyword,
                                 const struct doc_node *was, const struct doc_node *is)
{
    bool is_exclusive = strcmp(keyword, "oneOf") == 0;
    uint64_t kept = 0, taken = 0;
    size_t next = 0;
    if (was->u.array.len > ALTERNATIVES_MAX || is->u.array.len > ALTERNATIVES_MAX) {
        if (!compare_is_same(c, was, is))
            compare_report(c, SCHEMA_UNCLEAR, after, keyword, "%s is another one", keyword);
        return;
    }
    mark_same(c, was, is, &kept, &taken);
    for (size_t i = 0; i < was->u.array.len; i++) {
        while (next < is->u.array.len && (taken >> next & 1) != 0)
            next++;
        if ((kept >> i & 1) != 0)
            continue;
        if (next == is->u.array.len) {
            compare_report(c, SCHEMA_BREAKING, after, keyword, "an alternative of %s is gone", keyword);
            continue;
        }
        taken |= UINT64_C(1) << next;
        compare_schemas(c, was->u.array.items[i], is->u.array.items[next]);
        if (is_exclusive)
            compare_report(c, SCHEMA_UNCLEAR, after, keyword,
                           "an alternative of oneOf is another one: values may fit two");
    }
    for (size_t i = 0; i < is->u.array.len; i++)
        if ((taken >> i & 1) == 0)
            compare_report(c, is_exclusive ? SCHEMA_UNCLEAR : SCHEMA_COMPATIBLE, after, keyword,
                           "%s has one more alternative", keyword);
}

/* if, then and else belong together, part by part; without an if the two others say nothing. */
static void compare_conditions(struct comparison *c, const struct view *before, const struct view *after)
{
    static const char *const keywords[] = {"if", "then", "else"};
    for (size_t i = 0; i < after->len; i++) {
        bool is_kept = doc_get(after->parts[i], "if") == NULL;
        for (size_t j = 0; j < before->len && !is_kept; j++) {
            is_kept = true;
            for (size_t k = 0; k < ARRAY_LEN(keywords); k++) {
                const struct doc_node *was = doc_get(before->parts[j], keywords[k]);
                const struct doc_node *is = doc_get(after->parts[i], keywords[k]);
                is_kept = is_kept && ((was == NULL && is == NULL) || compare_is_same(c, was, is));
            }
        }
        if (!is_kept)
            compare_report(c, SCHEMA_UNCLEAR, after, "if", "has another condition: if, then, else");
    }
    if (view_get(before, "if", NULL) != NULL && view_get(after, "if", NULL) == NULL)
        compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "a condition is gone: if, then, else");
}

void compare_choices(struct comparison *c, const struct view *before, const struct view *after)
{
    static const char *const keywords[] = {"anyOf", "oneOf"};
    static const char *const whole[] = {"not", "$dynamicRef", NULL};
    bool was_filled = c->is_filled;
    c->is_filled = false;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct doc_node *was = view_get(before, keywords[i], NULL),
                              *is = view_get(after, keywords[i], NULL);
        if (!compare_is_single(c, before, after, keywords[i], NULL))
            continue;
        if (is == NULL && was != NULL)
            compare_report(c, SCHEMA_COMPATIBLE, after, NULL, "%s is gone", keywords[i]);
        else if (is != NULL && was == NULL)
            compare_report(c, SCHEMA_UNCLEAR, after, keywords[i], "%s is new", keywords[i]);
        else if (is != NULL && was->kind == DOC_ARRAY && is->kind == DOC_ARRAY)
            compare_alternatives(c, after, keywords[i], was, is);
    }
    c->is_filled = was_filled;
    compare_conditions(c, before, after);
    compare_whole(c, before, after, whole);
}
