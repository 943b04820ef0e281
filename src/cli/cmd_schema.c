/*
 * schema: JSON Schema by itself. What it can do is listed here, one file each (cmd_schema.h).
 */
#include "cli/cmd_schema.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"

static const struct {
    const char *name;
    int (*run)(const struct cli *cli, const struct cli_args *args);
} subverbs[] = {
    {"validate", schema_validate_files},
    {"print", schema_print},
    {"env", schema_env},
    {"infer", schema_infer_services},
};

static int run(const struct cli *cli, const struct cli_args *args)
{
    for (size_t i = 0; i < ARRAY_LEN(subverbs); i++)
        if (strcmp(args->operands[0], subverbs[i].name) == 0)
            return subverbs[i].run(cli, args);
    return cli_usage(args->verb, NULL);
}

const struct cli_verb verb_schema = {
    .name = "schema",
    .summary = "JSON Schema by itself: validate any files, print and infer schemas",
    .help = "*validate* _SCHEMA_ _FILE_…\n"
            "\tThe validator alone: a JSON Schema (draft 2020-12 or draft-07, by its _$schema_) and any\n"
            "\tfiles, JSON where the name ends in _.json_, else YAML 1.2. Findings as *epochctl check* gives\n"
            "\tthem. JSON numbers beyond ±(2^53-1) are read as doubles, and _\\\\u0000_ is accepted.\n"
            "\n"
            "\tNothing is ever fetched. A schema may refer to files in its own folder and below, and to\n"
            "\tthose that *--map* gives a place.\n"
            "*print epoch.yaml*, *print epochd.yaml*\n"
            "\tThe schemas that these files are judged by, for editors.\n"
            "*env* _SERVICE_\n"
            "\tWhich variable overrides which value of the service (x-env), and whether it is set here.\n"
            "*infer* _SERVICE_…\n"
            "\tA first schema out of what the services are committed as, to be gone on with by hand:\n"
            "\t_epochctl schema infer lamp >schemas/lamp.yaml_. Types, keys, and what is always there; no\n"
            "\tvalue is copied into it.\n",
    .exit = "0: valid; 1: findings; 3: a file cannot be read.",
    .operands = {{.name = "validate|print|env|infer", .kind = CLI_WORDS},
                 {.name = "FILE|SERVICE", .kind = CLI_FILE, .is_optional = true, .is_repeated = true}},
    .options = {[SCHEMA_OPT_MAP] = {.name = "map",
                                    .argument = "URI=DIR",
                                    .is_repeated = true,
                                    .help = "documents whose URI begins with _URI_ are the files of _DIR_; may "
                                            "be repeated"},
                [SCHEMA_OPT_DRAFT] = {.name = "draft",
                                      .argument = "7|2020-12",
                                      .kind = CLI_WORDS,
                                      .help = "what a schema without _$schema_ is; default 2020-12"},
                [SCHEMA_OPT_JSON] = {.name = "json", .help = "as one JSON object"}},
    .run = run,
};
