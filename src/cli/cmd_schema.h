/*
 * cmd_schema: what `epochctl schema` can do, one file each.
 */
#ifndef CLI_CMD_SCHEMA_H
#define CLI_CMD_SCHEMA_H

#include "cli/args.h"

/* By index in the verb's options. */
enum { SCHEMA_OPT_MAP, SCHEMA_OPT_DRAFT, SCHEMA_OPT_JSON };

/* schema validate SCHEMA FILE… */
int schema_validate_files(const struct cli *cli, const struct cli_args *args);

/* schema print epoch.yaml|epochd.yaml */
int schema_print(const struct cli *cli, const struct cli_args *args);

/* schema env SERVICE */
int schema_env(const struct cli *cli, const struct cli_args *args);

/* schema infer SERVICE… */
int schema_infer_services(const struct cli *cli, const struct cli_args *args);

#endif
