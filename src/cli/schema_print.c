/*
 * schema print: the schemas of the settings themselves, for editors: those that epochd and epochctl judge by.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/cmd_schema.h"
#include "config/rules.h"
#include "config/settings_schema.h"

int schema_print(const struct cli *cli, const struct cli_args *args)
{
    struct buf text AUTO_BUF = {0};
    const char *name = cli_operand(args, 1);
    (void)cli;
    if (name == NULL || args->operands_len > 2)
        return cli_usage(args->verb, "print takes one of epoch.yaml and epochd.yaml");
    if (strcmp(name, RULES_FILE) == 0)
        buf_puts(&text, rules_schema);
    else if (strcmp(name, "epochd.yaml") == 0)
        settings_put_schema(&text);
    else
        return cli_usage(args->verb, "'%s' has no schema of ours: epoch.yaml or epochd.yaml", name);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        buf_putc(&text, '\n');
    return cli_print(&text);
}
