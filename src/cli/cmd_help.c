/*
 * help: verbs and codes, from the tables that drive them.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "model/codes.h"
#include "model/states.h"

static const char *kind_name(enum code_kind kind)
{
    switch (kind) {
    case CODE_FINDING:
        return "a finding about the configuration";
    case CODE_STATE:
        return "a state of the daemon";
    case CODE_REFUSAL:
        return "a refusal";
    case CODE_ERROR:
        return "an error";
    }
    return "";
}

static const char *state_title(enum state_kind kind)
{
    switch (kind) {
    case STATE_HOLD:
        return "a hold: epochd does not advance, and serves on";
    case STATE_DEGRADED:
        return "a degradation: epochd advances, something is off";
    case STATE_PLAIN:
        return "nothing is wrong with epochd";
    }
    return "";
}

static int print_code(const struct code *code)
{
    struct buf text AUTO_BUF = {0};
    const struct state *state = state_find(code->name);
    buf_printf(&text, "%s: %s\n\n%s\n\n", code->name,
               state != NULL ? state_title(state->kind) : kind_name(code->kind), code->meaning);
    if (state != NULL)
        buf_printf(&text, "Comes:  %s\nServed: %s\nEnds:   %s\n\n", state->comes, state->served,
                   state->ends);
    buf_printf(&text, "What to do: %s\n", code->remedy);
    return cli_print(&text);
}

/* A code by its name; a state also as it is printed: hold:paused. */
static const struct code *find_code(const char *name)
{
    static const char *const prefixes[] = {[STATE_HOLD] = "hold:", [STATE_DEGRADED] = "degraded:"};
    for (size_t kind = 0; kind < ARRAY_LEN(prefixes); kind++) {
        size_t len = strlen(prefixes[kind]);
        const struct state *state = strncmp(name, prefixes[kind], len) == 0 ? state_find(name + len) : NULL;
        if (state != NULL && state->kind == kind)
            return code_find(state->name);
    }
    return code_find(name);
}

enum { OPT_MANUAL };

static int print_table(const struct cli_args *args)
{
    struct buf text AUTO_BUF = {0};
    if (!cli_given(args, OPT_MANUAL))
        usage_put_overview(&text);
    else if (strcmp(args->options[OPT_MANUAL], "options") == 0)
        usage_put_manual_options(&text);
    else
        usage_put_manual_verbs(&text);
    return cli_print(&text);
}

static int refuse(const struct cli_args *args, const char *name)
{
    struct nearest nearest = {.text = span_of(name)};
    char hint[NEAREST_HINT_MAX];
    cli_try_verbs(&nearest);
    for (size_t i = 0; i < code_table_len; i++)
        nearest_try(&nearest, code_table[i].name);
    return cli_usage(args->verb, "there is no verb or code '%s'%s", name, nearest_hint(&nearest, hint));
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct buf text AUTO_BUF = {0};
    const char *name = cli_operand(args, 0);
    (void)cli;
    if (name == NULL)
        return print_table(args);
    const struct cli_verb *verb = cli_find_verb(name);
    if (verb != NULL) {
        usage_put_help(&text, verb);
        return cli_print(&text);
    }
    const struct code *code = find_code(name);
    return code != NULL ? print_code(code) : refuse(args, name);
}

const struct cli_verb verb_help = {
    .name = "help",
    .summary = "explain a verb or a code",
    .help = "Lists the verbs, or explains one, or explains a code: the name in square brackets behind\n"
            "findings and errors, or a state, with _hold:_ or _degraded:_ in front or without.\n",
    .operands = {{.name = "VERB|CODE", .kind = CLI_TOPIC, .is_optional = true}},
    .options = {[OPT_MANUAL] = {.name = "manual",
                                .argument = "verbs|options",
                                .kind = CLI_WORDS,
                                .help = "a part of epochctl(1), as scdoc reads it",
                                .is_hidden = true}},
    .run = run,
};
