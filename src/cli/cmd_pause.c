/*
 * pause, resume: commits are seen, and wait.
 */
#include <string.h>

#include "cli/ask.h"
#include "cli/verbs.h"

enum { OPT_PAUSE_REASON, OPT_PAUSE_JSON };
enum { OPT_RESUME_JSON };

static int run_pause(const struct cli *cli, const struct cli_args *args)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_PAUSE_JSON)};
    struct request request = {.verb = REQUEST_PAUSE};
    struct request_answer answer;
    const char *reason = args->options[OPT_PAUSE_REASON];
    if (reason != NULL && strlen(reason) > REQUEST_REASON_MAX)
        return cli_usage(args->verb, "--reason is at most %d bytes", REQUEST_REASON_MAX);
    for (const char *c = reason; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            return cli_usage(args->verb, "--reason is one line, without control characters");
    if (reason != NULL)
        snprintf(request.reason, sizeof request.reason, "%s", reason);
    int rc = ask(cli, &request, &answer, &outcome);
    if (rc == CLI_OK && !outcome.is_json)
        printf("paused: commits are seen, and wait for epochctl resume; %s\n", answer.message);
    return outcome_end(&outcome, rc);
}

static int run_resume(const struct cli *cli, const struct cli_args *args)
{
    struct request request = {.verb = REQUEST_RESUME};
    struct request_answer answer;
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_RESUME_JSON)};
    int rc = ask(cli, &request, &answer, &outcome);
    if (rc != CLI_OK || outcome.is_json)
        return outcome_end(&outcome, rc);
    if (answer.epoch > 0)
        printf("resumed: epoch %llu is in force; %s\n", (unsigned long long)answer.epoch, answer.message);
    else
        printf("resumed; %s\n", answer.message);
    return rc;
}

const struct cli_verb verb_pause = {
    .name = "pause",
    .summary = "take no commits until resume",
    .help = "*epochd* serves on what is in force, sees new commits and leaves them: *hold:paused*. It lasts\n"
            "over restarts.\n",
    .exit = "0: paused; 1: refused, and why; 3: *epochd* does not run, or you may not ask it.",
    .options = {[OPT_PAUSE_REASON] = {.name = "reason", .letter = 'm', .argument = "TEXT", .help = "shown by *epochctl status*"},
                [OPT_PAUSE_JSON] = {.name = "json", .help = OUTCOME_HELP}},
    .run = run_pause,
};

const struct cli_verb verb_resume = {
    .name = "resume",
    .summary = "take commits again, the tip first",
    .help = "Ends *hold:paused*. Harmless where nothing is paused.\n",
    .exit = "0: done; 1: refused, and why; 3: *epochd* does not run, or you may not ask it.",
    .options = {[OPT_RESUME_JSON] = {.name = "json", .help = OUTCOME_HELP}},
    .run = run_resume,
};
