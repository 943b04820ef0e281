/*
 * keyword_logic: allOf, anyOf, oneOf, not, if with then and else.
 */
#include "schema/alternatives.h"
#include "schema/keywords.h"
#include "schema/say.h"

static bool compile_list(struct compiling *c, const struct doc_node *at, keyword_check *check, struct keyword *out)
{
    if (at->kind != DOC_ARRAY || at->u.array.len == 0)
        return false;
    struct schema **schemas = compile_alloc(c, at->u.array.len * sizeof *schemas);
    if (schemas == NULL)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < at->u.array.len; i++) {
        schemas[len] = compile_same(c, at->u.array.items[i]);
        len += schemas[len] != NULL;
    }
    out->u.list.schemas = schemas;
    out->u.list.len = len;
    out->check = check;
    return len > 0;
}

/* --- allOf ---------------------------------------------------------------------------------------------- */

bool check_all_of(struct run *run, const struct keyword *keyword, const struct place *place)
{
    bool is_right = true;
    for (size_t i = 0; i < keyword->u.list.len && (is_right || run->problems != NULL); i++)
        is_right = run_apply(run, keyword->u.list.schemas[i], place) && is_right;
    return is_right;
}

bool compile_all_of(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    return compile_list(c, at, check_all_of, out);
}

/* --- anyOf ---------------------------------------------------------------------------------------------- */

bool check_any_of(struct run *run, const struct keyword *keyword, const struct place *place)
{
    bool fits = false;
    for (size_t i = 0; i < keyword->u.list.len && !run_is_stopped(run); i++) {
        fits = run_test(run, keyword->u.list.schemas[i], place) || fits;
        if (fits && run->evaluated == NULL)
            return true;
    }
    if (fits || run->problems == NULL || run_is_stopped(run))
        return fits && !run_is_stopped(run);
    return alternatives_explain(run, keyword, place);
}

bool compile_any_of(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    return compile_list(c, at, check_any_of, out);
}

/* --- oneOf ---------------------------------------------------------------------------------------------- */

bool check_one_of(struct run *run, const struct keyword *keyword, const struct place *place)
{
    size_t fit = 0, first = 0, second = 0;
    for (size_t i = 0; i < keyword->u.list.len && fit < 2 && !run_is_stopped(run); i++) {
        if (!run_test(run, keyword->u.list.schemas[i], place))
            continue;
        fit++;
        *(fit == 1 ? &first : &second) = i;
    }
    if (fit == 1 || run->problems == NULL || run_is_stopped(run))
        return fit == 1 && !run_is_stopped(run);
    if (fit == 0)
        return alternatives_explain(run, keyword, place);
    return alternatives_say_both(run, keyword, place, first, second);
}

bool compile_one_of(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    return compile_list(c, at, check_one_of, out);
}

/* --- not ------------------------------------------------------------------------------------------------ */

/* What is excluded, where that takes few words. */
static const char *excluded(struct run *run, const struct schema *schema, struct buf *out)
{
    static const char *const words[] = {"const", "type", "pattern"};
    const struct doc_node *source = schema->source, *keys = doc_get(source, "required");
    if (keys != NULL && source->u.object.len == 1 && keys->kind == DOC_ARRAY && keys->u.array.len > 0 && keys->size <= SHOWN_MAX) {
        buf_puts(out, keys->u.array.len == 1 ? ": not with the key " : ": not with all of the keys ");
        for (size_t i = 0; i < keys->u.array.len; i++) {
            buf_puts(out, i == 0 ? "" : ", ");
            put_short(out, keys->u.array.items[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(words) && source->kind == DOC_OBJECT && source->u.object.len == 1; i++) {
        const struct doc_node *value = doc_get(source, words[i]);
        if (value == NULL)
            continue;
        buf_printf(out, ": not with %s ", words[i]);
        put_short(out, value);
    }
    return said(run, out);
}

static bool check_not(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct buf value AUTO_BUF = {0}, what AUTO_BUF = {0};
    struct evaluated *evaluated = run->evaluated;
    run->evaluated = NULL; /* what is evaluated inside counts for nothing */
    bool is_excluded = run_test(run, keyword->u.schema, place);
    run->evaluated = evaluated;
    if (run_is_stopped(run))
        return false;
    if (!is_excluded || run->problems == NULL)
        return !is_excluded;
    return say(run, keyword, place, "%s is not allowed here%s", say_value(run, place, &value),
               say_is_secret(run, place) ? "" : excluded(run, keyword->u.schema, &what));
}

bool compile_not(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    out->u.schema = compile_same(c, at);
    out->check = check_not;
    return out->u.schema != NULL;
}

/* --- if, then, else ------------------------------------------------------------------------------------- */

bool check_if(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct condition *condition = keyword->u.condition;
    const struct schema *next =
        run_test(run, condition->test, place) ? condition->then : condition->otherwise;
    if (run_is_stopped(run))
        return false;
    return next == NULL || run_apply(run, next, place);
}

bool compile_if(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    const struct doc_node *then = doc_get(c->schema->source, "then"), *otherwise = doc_get(c->schema->source, "else");
    struct condition *condition = compile_alloc(c, sizeof *condition);
    struct schema *test = compile_same(c, at);
    if (condition == NULL || test == NULL)
        return false;
    condition->test = test;
    condition->then = then == NULL ? NULL : compile_same(c, then);
    condition->otherwise = otherwise == NULL ? NULL : compile_same(c, otherwise);
    out->u.condition = condition;
    out->check = check_if;
    return true;
}
