/*
 * forget: clears what a consumer acknowledged and will never take back: an instance that is gone and whose last will never came.
 */
#include "cli/ask.h"
#include "cli/fleet.h"
#include "cli/verbs.h"

enum { OPT_JSON };

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_JSON)};
    struct request request = {.verb = REQUEST_FORGET};
    struct request_answer answer;
    if (!fleet_parse_name(args->operands[0], request.service, request.instance))
        return cli_usage(args->verb, "CONSUMER is SERVICE@INSTANCE, as epochctl status shows it");
    int rc = ask(cli, &request, &answer, &outcome);
    if (rc != CLI_OK || outcome.is_json)
        return outcome_end(&outcome, rc);
    printf("forgotten: %s; it stands there again as soon as it acknowledges anything\n", args->operands[0]);
    return rc;
}

const struct cli_verb verb_forget = {
    .name = "forget",
    .summary = "clear what a consumer that is gone acknowledged",
    .help = "The broker keeps the last acknowledgement of an instance that ended without its last will: it is\n"
            "behind for ever, or expected where it will never be again. Its topic is cleared. One that is\n"
            "still there says it again, at once where it uses *libepoch*(3).\n",
    .exit = "0: done; 1: refused, and why; 3: *epochd* does not run, or you may not ask it.",
    .operands = {{.name = "SERVICE@INSTANCE", .kind = CLI_CONSUMER}},
    .options = {[OPT_JSON] = {.name = "json", .help = OUTCOME_HELP}},
    .run = run,
};
