/*
 * schemas: what judging one document by its schema costs, beside reading its YAML.
 */
#include "bench.h"

#include "io/yaml.h"
#include "schema/schema.h"

enum { BATCH = 100 }; /* without a gap a single one is too short for the clock */

static void read_yaml(const char *path, struct span text, struct doc *doc)
{
    const struct yaml_options options = {.file = path, .limits = doc_limits_config};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    if (yaml_read(text, &options, doc, &findings, &err) < 0 || findings.errors > 0)
        die("%s is no good YAML", path);
}

static const struct schema *compile(const char *path, struct schema_set **set)
{
    AUTO_BUF struct buf text = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct doc doc = {0};
    struct error err;
    file_read(path, &text);
    read_yaml(path, buf_span(&text), &doc);
    if (schema_set_new(set, &err) < 0 || schema_set_add(*set, "schemas/bench.yaml", &doc, &err) < 0 ||
        schema_set_compile(*set, &findings, &err) < 0 || findings.errors > 0)
        die("%s is no good schema", path);
    return schema_set_find(*set, "schemas/bench.yaml");
}

static void validate(const struct schema *schema, const struct doc_node *value)
{
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    if (schema_validate(schema, value, NULL, &findings, &err) < 0 || findings.errors > 0)
        die("the document is not valid");
}

/* bench schema --schema FILE --file FILE --count N --gap MS */
void bench_schema(void)
{
    struct samples lists[] = {{.name = "judge"}, {.name = "validate"}, {.name = "compile"}, {.name = "read"}};
    long gap = option_number("gap", 0), batch = gap > 0 ? 1 : BATCH;
    const char *file = option("file", NULL), *schema_file = option("schema", NULL);
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    AUTO_SCHEMA_SET struct schema_set *set = NULL;
    const struct schema *schema = compile(schema_file, &set);
    file_read(file, &text);
    read_yaml(file, buf_span(&text), &doc);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        AUTO_SCHEMA_SET struct schema_set *again = NULL;
        AUTO_DOC struct doc read = {0};
        pause_ms(gap);
        int64_t start = now_ns();
        for (long j = 0; j < batch; j++)
            if (schema_judge(schema, doc.root, NULL) != SCHEMA_VALID)
                die("the document is not valid");
        samples_add(&lists[0], (now_ns() - start) / batch);
        pause_ms(gap);
        start = now_ns();
        for (long j = 0; j < batch; j++)
            validate(schema, doc.root);
        samples_add(&lists[1], (now_ns() - start) / batch);
        start = now_ns();
        compile(schema_file, &again);
        samples_add(&lists[2], now_ns() - start);
        start = now_ns();
        read_yaml(file, buf_span(&text), &read);
        samples_add(&lists[3], now_ns() - start);
    }
    samples_print(lists, ARRAY_LEN(lists));
}
