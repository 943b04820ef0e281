/*
 * accept-rewrite, accept-state-loss: what epochd never decides by itself: that history was meant to be rewritten, and that a lost
 * state is gone for good.
 */
#include <string.h>

#include "cli/ask.h"
#include "cli/verbs.h"
#include "util/num.h"

enum { OPT_JSON, OPT_FLOOR };

static int ask_and_say(const struct cli *cli, const struct cli_args *args, struct request *request)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_JSON)};
    struct request_answer answer;
    int rc = ask(cli, request, &answer, &outcome);
    if (rc != CLI_OK || outcome.is_json)
        return outcome_end(&outcome, rc);
    if (answer.epoch > 0)
        printf("epoch %llu is in force; %s\n", (unsigned long long)answer.epoch, answer.message);
    else
        printf("done; %s\n", answer.message);
    return rc;
}

static int run_rewrite(const struct cli *cli, const struct cli_args *args)
{
    struct request request = {.verb = REQUEST_ACCEPT_REWRITE};
    const char *tip = args->operands[0];
    size_t len = strlen(tip);
    if (len < REQUEST_TIP_MIN || len > OID_HEX_LEN || strspn(tip, "0123456789abcdef") != len)
        return cli_usage(args->verb, "TIP is the commit id that status shows, at least %d of its digits", REQUEST_TIP_MIN);
    memcpy(request.tip, tip, len + 1);
    return ask_and_say(cli, args, &request);
}

static int run_state_loss(const struct cli *cli, const struct cli_args *args)
{
    struct request request = {.verb = REQUEST_ACCEPT_STATE_LOSS};
    const char *floor = args->options[OPT_FLOOR];
    if (floor != NULL && (!num_parse_u64(span_of(floor), &request.floor) || request.floor == 0))
        return cli_usage(args->verb, "--floor is an epoch number from 1");
    return ask_and_say(cli, args, &request);
}

const struct cli_verb verb_accept_rewrite = {
    .name = "accept-rewrite",
    .summary = "take a rewritten history, as a new epoch",
    .help = "Ends *hold:history-rewritten*, *hold:repo-behind* and *hold:repo-replaced*: TIP, the commit that\n"
            "the branch is at and that *epochctl status* shows, becomes a new, higher epoch. Refused if the\n"
            "branch has moved on meanwhile. Who accepted it stands in the journal.\n",
    .exit = "0: it is in force; 1: refused, and why; 3: *epochd* does not run, or you may not ask it.",
    .operands = {{.name = "TIP", .kind = CLI_ANY}},
    .options = {[OPT_JSON] = {.name = "json", .help = OUTCOME_HELP}},
    .run = run_rewrite,
};

const struct cli_verb verb_accept_state_loss = {
    .name = "accept-state-loss",
    .summary = "begin again after the state was lost",
    .help = "Ends *hold:state-lost* where the state folder is gone for good: a new journal is begun, and no\n"
            "epoch is ever numbered N or less. Where a broker retains the head, or *epochd* still knows its\n"
            "last epoch, N is known and need not be given.\n",
    .exit = "0: done; 1: refused, and why; 3: *epochd* does not run, or you may not ask it.",
    .options = {[OPT_JSON] = {.name = "json", .help = OUTCOME_HELP},
                [OPT_FLOOR] = {.name = "floor",
                               .argument = "N",
                               .help = "at least the highest epoch any consumer has seen"}},
    .run = run_state_loss,
};
