/*
 * help: verbs and codes, from the tables that drive them.
 */
#include "cli/cli.h"
#include "model/codes.h"
#include "model/states.h"

static void print_overview(void)
{
    printf("usage: epochctl [-C DIR] [--config FILE] VERB [ARGUMENTS]\n\n");
    for (size_t i = 0; i < cli_verbs_len; i++)
        printf("  %-8s %s\n", cli_verbs[i].name, cli_verbs[i].summary);
    printf("\nepochctl help VERB tells more; epochctl help CODE explains a code such as yaml.duplicate-key "
           "or repo-behind.\n"
           "Exit: 0 fine, 1 findings, not verified or degraded, 2 usage, 3 could not run.\n");
}

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

static void print_state(const struct code *code, const struct state *state)
{
    printf("%s: %s\n\n%s\n\n", code->name, state_title(state->kind), code->meaning);
    printf("Comes:  %s\nServed: %s\nEnds:   %s\n\nWhat to do: %s\n", state->comes, state->served, state->ends,
           code->remedy);
}

int cmd_help(const struct cli *cli, int argc, char **argv)
{
    (void)cli;
    if (argc < 2) {
        print_overview();
        return CLI_OK;
    }
    const struct cli_verb *verb = cli_find_verb(argv[1]);
    if (verb != NULL) {
        printf("usage: epochctl %s %s\n\n%s.\n%s", verb->name, verb->arguments, verb->summary, verb->help);
        return CLI_OK;
    }
    const struct code *code = code_find(argv[1]);
    const struct state *state = state_find(argv[1]);
    if (code != NULL && state != NULL) {
        print_state(code, state);
        return CLI_OK;
    }
    if (code != NULL) {
        printf("%s: %s\n\n%s\n\nWhat to do: %s\n", code->name, kind_name(code->kind), code->meaning,
               code->remedy);
        return CLI_OK;
    }
    return cli_usage("help", "there is no verb or code '%s'", argv[1]);
}
