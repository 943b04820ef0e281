/*
 * validate: from a schema and a value to a verdict, and from a verdict to findings. The verdict is fast and
 * says nothing; only what is wrong is gone through a second time, for words.
 */
#include <string.h>

#include "model/codes.h"
#include "schema/run.h"
#include "schema/say.h"

static const struct schema_options usual = {.steps = SCHEMA_STEPS_MAX};

static enum schema_verdict run_once(struct run *run, const struct schema *schema, const struct doc_node *value,
                                    const struct schema_options *options, struct problems *problems)
{
    struct place place = {.node = value};
    *run = (struct run){
        .root = schema,
        .problems = problems,
        .steps = options->steps == 0 ? SCHEMA_STEPS_MAX : options->steps,
        .work = {.steps = PATTERN_STEPS},
        .formats_are_notes = options->formats_are_notes,
    };
    const int64_t steps = run->steps;
    bool is_right = run_apply(run, schema, &place);
    if (options->taken != NULL)
        *options->taken += (uint64_t)(steps - (run_is_stopped(run) ? run->left : run->steps)) +
                           (PATTERN_STEPS - run->work.steps);
    pattern_work_fini(&run->work);
    switch (run->trouble) {
    case TROUBLE_NONE:
        break;
    case TROUBLE_FULL:
        return SCHEMA_INVALID;
    case TROUBLE_EXPENSIVE:
        return SCHEMA_TOO_EXPENSIVE;
    case TROUBLE_MEMORY:
        return SCHEMA_NO_MEMORY;
    }
    return is_right ? SCHEMA_VALID : SCHEMA_INVALID;
}

enum schema_verdict schema_judge(const struct schema *schema, const struct doc_node *value,
                                 const struct schema_options *options)
{
    struct run run;
    return run_once(&run, schema, value, options == NULL ? &usual : options, NULL);
}

/* --- findings ------------------------------------------------------------------------------------------- */

/* Through the aliases of an anchor a value is reached in several ways: that is one mistake. */
static bool is_same(const struct problem *a, const struct problem *b)
{
    return a->code == b->code && a->node == b->node && a->pos.line == b->pos.line && a->pos.column == b->pos.column &&
           strcmp(a->words, b->words) == 0;
}

/* A key that is missing because it was spelled wrong: the wrong one has its finding. */
static bool is_misspelled(const struct problem *missing, const struct problem *unknown)
{
    bool is_unknown = unknown->code == CODE_SCHEMA_ADDITIONAL_PROPERTIES ||
                      unknown->code == CODE_SCHEMA_UNEVALUATED_PROPERTIES;
    return missing->code == CODE_SCHEMA_REQUIRED && is_unknown && missing->node == unknown->node &&
           unknown->name.data != NULL && span_equal(missing->name, unknown->name);
}

static bool is_needless(const struct problems *problems, size_t at)
{
    enum { LOOKED_AT = 100 };
    for (size_t i = 0; i < problems->len && i < LOOKED_AT; i++)
        if ((i < at && is_same(&problems->items[i], &problems->items[at])) ||
            is_misspelled(&problems->items[at], &problems->items[i]))
            return true;
    return false;
}

static void put_findings(const struct problems *problems, const struct schema_options *options,
                         struct findings *findings)
{
    for (size_t i = 0; i < problems->len; i++) {
        const struct problem *problem = &problems->items[i];
        if (!is_needless(problems, i))
            findings_add(findings, FINDING_ERROR, options->code != NULL ? options->code : problem->code, problem->file,
                         problem->pos, "%s", problem->message);
    }
}

static void put_too_expensive(const struct doc_node *value, struct findings *findings)
{
    findings_add(findings, FINDING_ERROR, CODE_SCHEMA_TOO_EXPENSIVE, value->file, value->pos,
                 "this cannot be judged by its schema within the limits: %d steps, %d schemas inside each other, %d "
                 "steps of patterns",
                 SCHEMA_STEPS_MAX, SCHEMA_DEPTH_MAX, PATTERN_STEPS);
}

static int explain(const struct schema *schema, const struct doc_node *value, const struct schema_options *options,
                   struct findings *findings, struct error *err)
{
    CLEANUP(problems_fini) struct problems problems = {0};
    struct run run;
    enum schema_verdict verdict = run_once(&run, schema, value, options, &problems);
    if (verdict == SCHEMA_NO_MEMORY || problems.failed)
        return error_memory(err);
    if (verdict != SCHEMA_TOO_EXPENSIVE)
        put_findings(&problems, options, findings);
    else
        put_too_expensive(value, findings);
    return 0;
}

int schema_validate(const struct schema *schema, const struct doc_node *value, const struct schema_options *options,
                    struct findings *findings, struct error *err)
{
    const struct schema_options *chosen = options == NULL ? &usual : options;
    switch (schema_judge(schema, value, chosen)) {
    case SCHEMA_VALID:
        return 0;
    case SCHEMA_INVALID:
        return explain(schema, value, chosen, findings, err);
    case SCHEMA_TOO_EXPENSIVE:
        put_too_expensive(value, findings);
        return 0;
    case SCHEMA_NO_MEMORY:
        return error_memory(err);
    }
    return 0;
}
