/*
 * schema env: which variable of the environment overrides which value of a service (x-env): what whoever starts the
 * service may set, and what a client library is given.
 */
#include <string.h>

#include "cli/cmd_schema.h"
#include "cli/ground.h"
#include "cli/known.h"
#include "cli/meaning.h"
#include "model/codes.h"
#include "model/json_text.h"

struct listing_of_variables {
    struct table *table;
    struct buf *json; /* NULL: for people */
    const struct schema *schema;
    struct arena arena;
    size_t len;
};

static int add_variable(void *context, const char *pointer, const char *name, const struct schema *schema)
{
    struct listing_of_variables *out = context;
    struct buf type AUTO_BUF = {0};
    struct pointer way;
    struct schema_place place;
    struct error err;
    (void)schema;
    if (pointer_parse(span_of(pointer), &out->arena, &way, &err) != 0)
        return -1;
    if (schema_at(out->schema, &way, &place))
        meaning_put_type(&place, schema_is_secret(out->schema, &way), &type);
    else
        place.len = 0;
    if (out->json == NULL) {
        table_add(out->table, TERM_STRONG, span_of(name));
        table_add(out->table, TERM_PLAIN, span_of(pointer));
        table_add(out->table, TERM_PLAIN, span_of(getenv(name) != NULL ? "set here" : "-"));
        table_add(out->table, TERM_FAINT, buf_span(&type));
        return type.failed ? -1 : 0;
    }
    buf_printf(out->json, "%s{\"is_set\":%s,\"pointer\":", out->len++ == 0 ? "" : ",", getenv(name) != NULL ? "true" : "false");
    json_put_text(out->json, pointer);
    buf_puts(out->json, ",\"type\":");
    const struct doc_node *types = place.len == 0 ? NULL : schema_note(&place, "type");
    json_put_text(out->json, types == NULL || types->kind != DOC_STRING ? NULL : types->u.string.data);
    buf_puts(out->json, ",\"variable\":");
    json_put_text(out->json, name);
    buf_putc(out->json, '}');
    return 0;
}

static int print(const struct cli *cli, const struct cli_args *args, const struct schema *schema)
{
    static const char *const heading[] = {"VARIABLE", "KEY~", "HERE", "TYPE", NULL};
    bool is_json = cli_given(args, SCHEMA_OPT_JSON);
    struct table table AUTO_TABLE;
    struct buf text AUTO_BUF = {0};
    struct error err;
    table_init(&table, &cli->term, heading);
    struct listing_of_variables variables = {.table = &table, .json = is_json ? &text : NULL, .schema = schema};
    buf_puts(&text, is_json ? "[" : "");
    int rc = schema == NULL ? 0 : schema_each_env(schema, add_variable, &variables);
    arena_fini(&variables.arena);
    if (rc != 0) {
        error_memory(&err);
        return cli_fail(&err);
    }
    buf_puts(&text, is_json ? "]\n" : "");
    table_put(&table, &text);
    return cli_print(&text);
}

int schema_env(const struct cli *cli, const struct cli_args *args)
{
    struct ground ground AUTO_GROUND = ground_new();
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    struct service_rules rules;
    struct error err;
    const char *service = cli_operand(args, 1);
    if (service == NULL || args->operands_len > 2)
        return cli_usage(args->verb, "env takes one service");
    if (ground_open(cli, NULL, &ground, &err) != 0 || known_check_service(ground.source.listing, service, &err) != 0 ||
        environment_load(&ground.source, NULL, &environment, &findings, &err) != 0)
        return cli_fail(&err);
    if (cli_print_errors(&findings))
        return CLI_FINDINGS;
    environment_find(environment, service, &rules, NULL);
    return print(cli, args, rules.schema == NULL ? NULL : rules.schema->schema);
}
