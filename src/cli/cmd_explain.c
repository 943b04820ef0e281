/*
 * explain: where the values of a service come from, who set them and when, and what they mean.
 */
#include <string.h>

#include "cli/explained.h"
#include "cli/verbs.h"

enum { OPT_AT, OPT_PROFILE, OPT_JSON };

static int print(const struct cli *cli, const struct cli_args *args, const struct explained_question *question,
                 const struct ground *ground, const struct explained *explained)
{
    struct buf text AUTO_BUF = {0};
    if (cli_given(args, OPT_JSON))
        explained_put_json(explained, question, ground, &text);
    else if (question->key != NULL && explained->len == 1)
        explained_put_key(explained, &explained->keys[0], &cli->term, &text);
    else
        explained_put_table(explained, &cli->term, &text);
    if (explained->len == 0 && !cli_given(args, OPT_JSON))
        fprintf(stderr, "epochctl: %s has no values\n", question->service);
    return cli_print(&text);
}

/* What consumers said of themselves, where the daemon of this repository runs here. It is no more than that. */
static int ask_consumers(const struct cli *cli, const struct ground *ground, const char *service, struct explained *explained,
                         struct error *err)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct findings findings AUTO_FINDINGS = {0};
    struct told told AUTO_TOLD = {0};
    struct fleet fleet AUTO_FLEET = {0};
    struct error silent;
    if (settings_load(cli->config, environ, &local.settings, &findings, &silent) != 0 || findings.errors > 0 ||
        local_open_state(&local, &silent) != 0 || told_read(&local, &told, &silent) != 0 || !told.is_told ||
        !told_serves(told.doc.root, ground->repo) || fleet_read(&local, told.pid, &fleet, &silent) != 0 || !fleet.is_told)
        return 0;
    return explained_ask_fleet(explained, &fleet, service, err);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct ground ground AUTO_GROUND = ground_new();
    struct explained explained AUTO_EXPLAINED = {0};
    struct findings findings AUTO_FINDINGS = {0};
    const char *profile = args->options[OPT_PROFILE];
    const struct explained_question question = {
        .service = args->operands[0],
        .key = cli_operand(args, 1),
        .profile = profile == NULL || strcmp(profile, "-") != 0 ? profile : "",
    };
    struct error err;
    if (ground_open(cli, args->options[OPT_AT], &ground, &err) != 0 ||
        explained_make(&ground, &question, &explained, &findings, &err) != 0 ||
        ask_consumers(cli, &ground, question.service, &explained, &err) != 0)
        return local_fail(&ground.local, &err);
    cli_print_errors(&findings);
    return explained.effective.root == NULL ? CLI_FINDINGS : print(cli, args, &question, &ground, &explained);
}

const struct cli_verb verb_explain = {
    .name = "explain",
    .summary = "where the values of a service come from",
    .help = "Each effective value: whether it is a schema's *default*, of a *base*, of the service's *file*\n"
            "or of the *profile*; the file and line; the commit that set it there, its author and date\n"
            "(through merges, as git blame; <= where a shallow clone or the time ends the search; *not\n"
            "committed* for edits); the variable that overrides it (x-env), whether that is set where\n"
            "*explain* runs, and which consumers said that theirs does. Of a single _KEY_ also title,\n"
            "description, type, range, choices and examples of the schema, and what the layers beneath say.\n"
            "What the schema calls secret is not shown. The files of a work tree are read as they are.\n",
    .exit = "0: explained; 1: the service is not valid, and the findings say why; 2: there is no such service, key or "
            "profile.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}, {.name = "KEY", .kind = CLI_KEY, .is_optional = true}},
    .options = {[OPT_AT] = {.name = "at", .argument = "EPOCH", .kind = CLI_POINT,
                            .help = "as it was in an epoch: its number, a commit, or a time"},
                [OPT_PROFILE] = {.name = "profile", .argument = "NAME", .kind = CLI_PROFILE,
                                 .help = "as it would be under that profile; - for none"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *service*, *path*, *profile*, *schema*, *commit*, and *keys*: an "
                                      "array of objects with *key*, *value*, *source*, *file*, *line*, *column*, *blame*, "
                                      "*commit*, *author*, *time*, *subject*, *environment*, *layers*, *schema*, *secret*"}},
    .run = run,
};
