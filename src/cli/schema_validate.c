/*
 * schema_validate: the validator alone: any JSON Schema, any JSON or YAML files.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/cmd_schema.h"
#include "cli/formats.h"
#include "cli/schema_files.h"

/* A large file may take longer than what a service may cost. */
static uint32_t steps_for(const struct doc_node *value)
{
    enum { OF_A_NODE = 40 };
    return SCHEMA_STEPS_MAX + (value->nodes < SCHEMA_STEPS_MAX ? value->nodes * OF_A_NODE : 0);
}

static int judge_file(const struct schema *schema, const char *path, struct findings *findings, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    if (schema_file_read(path, &doc, findings, err) != 0)
        return -1;
    if (doc.root == NULL)
        return 0;
    struct schema_options options = {.steps = steps_for(doc.root)};
    return schema_validate(schema, doc.root, &options, findings, err);
}

static void put_text(const struct findings *findings, size_t files, struct buf *out)
{
    formats_put_text(findings, out);
    buf_puts(out, findings->errors == 0 ? "valid" : "not valid");
    buf_printf(out, ": %zu file%s, %zu error%s, %zu warning%s\n", files, plural(files), findings->errors,
               plural(findings->errors), findings->warnings, plural(findings->warnings));
}

static void put_json(const struct findings *findings, size_t files, struct buf *out)
{
    buf_printf(out, "{\"errors\":%zu,\"files\":%zu,\"findings\":", findings->errors, files);
    findings_write_json(findings, FINDINGS_MAX, out);
    buf_printf(out, ",\"ok\":%s,\"warnings\":%zu}\n", findings->errors == 0 ? "true" : "false", findings->warnings);
}

static bool map_all(const struct cli_args *args, struct schema_files *files)
{
    for (size_t i = 0; i < args->repeats_len; i++)
        if (!schema_files_map(files, args->repeats[i])) {
            cli_usage(args->verb, "--map: URI=DIR, with a URI from its scheme on");
            return false;
        }
    return true;
}

int schema_validate_files(const struct cli *cli, const struct cli_args *args)
{
    struct schema_files files AUTO_SCHEMA_FILES = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct schema_set *set AUTO_SCHEMA_SET = NULL;
    struct buf text AUTO_BUF = {0};
    const struct schema *schema;
    struct error err;
    (void)cli;
    if (args->operands_len < 3)
        return cli_usage(args->verb, "validate takes a SCHEMA and a FILE, or several");
    if (!map_all(args, &files))
        return CLI_USAGE;
    bool is_07 = cli_given(args, SCHEMA_OPT_DRAFT) && strcmp(args->options[SCHEMA_OPT_DRAFT], "7") == 0;
    enum schema_draft draft = is_07 ? SCHEMA_DRAFT_07 : SCHEMA_DRAFT_2020_12;
    if (schema_files_compile(&files, args->operands[1], draft, &set, &schema, &findings, &err) != 0)
        return cli_fail(&err);
    for (size_t i = 2; schema != NULL && i < args->operands_len; i++)
        if (judge_file(schema, args->operands[i], &findings, &err) != 0)
            return cli_fail(&err);
    if (findings_check(&findings, &err) != 0)
        return cli_fail(&err);
    findings_sort(&findings);
    (cli_given(args, SCHEMA_OPT_JSON) ? put_json : put_text)(&findings, args->operands_len - 2, &text);
    int rc = cli_print(&text);
    return rc == CLI_OK && findings.errors > 0 ? CLI_FINDINGS : rc;
}
