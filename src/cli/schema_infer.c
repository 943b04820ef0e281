/*
 * schema infer: a first schema of services, out of what they are configured to at HEAD, for schemas/NAME.yaml.
 */
#include "cli/cmd_schema.h"
#include "cli/ground.h"
#include "cli/known.h"
#include "schema/infer.h"

struct services {
    struct effective *items;
    const struct doc_node **roots;
    size_t len;
};

static void services_fini(struct services *services)
{
    for (size_t i = 0; i < services->len; i++)
        effective_fini(&services->items[i]);
    free(services->items);
    free(services->roots);
}

/* What each service gets, under the profile that is active. */
static int load(const struct source *source, const struct cli_args *args, struct services *out,
                struct findings *findings, struct error *err)
{
    size_t len = args->operands_len - 1;
    out->items = calloc(len, sizeof *out->items);
    out->roots = calloc(len, sizeof *out->roots);
    if (out->items == NULL || out->roots == NULL)
        return error_memory(err);
    for (; out->len < len; out->len++) {
        struct effective *effective = &out->items[out->len];
        const char *service = cli_operand(args, out->len + 1);
        if (known_check_service(source->listing, service, err) < 0 ||
            effective_load(source, NULL, service, NULL, effective, findings, err) < 0)
            return -1;
        out->roots[out->len] = effective->root;
    }
    return 0;
}

/* Not the files as they are, unless nothing is committed: the shell has just emptied the one this is printed into. */
static int open_committed(const struct cli *cli, struct ground *out, struct error *err)
{
    struct ground trial AUTO_GROUND = ground_new();
    if (ground_open(cli, NULL, &trial, err) != 0)
        return -1;
    return ground_open(cli, trial.has_commit ? "HEAD" : NULL, out, err);
}

int schema_infer_services(const struct cli *cli, const struct cli_args *args)
{
    struct ground ground AUTO_GROUND = ground_new();
    struct services services CLEANUP(services_fini) = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct buf text AUTO_BUF = {0};
    struct error err;
    const char *title = cli_operand(args, 1);
    if (title == NULL)
        return cli_usage(args->verb, "infer takes one service or several");
    if (open_committed(cli, &ground, &err) != 0 ||
        load(&ground.source, args, &services, &findings, &err) != 0)
        return cli_fail(&err);
    if (cli_print_errors(&findings))
        return CLI_FINDINGS;
    int (*infer)(struct span, const struct doc_node *const *, size_t, struct buf *, struct error *) =
        cli_given(args, SCHEMA_OPT_JSON) ? schema_infer_json : schema_infer;
    if (infer(span_of(title), services.roots, services.len, &text, &err) != 0)
        return cli_fail(&err);
    return cli_print(&text);
}
