/*
 * yaml_to_json: standard input, one YAML document of any kind, to canonical JSON on standard output. Exit
 * code 1 and the findings on standard error if it is refused. What tests/interop/test_yaml_suite.py runs.
 */
#include <stdio.h>

#include "io/yaml.h"
#include "model/json.h"

static int read_all(FILE *from, struct buf *out, struct error *err)
{
    enum { CHUNK = 65536 };
    size_t got = CHUNK;
    while (got == CHUNK) {
        char *to = buf_reserve(out, CHUNK);
        if (to == NULL)
            break;
        got = fread(to, 1, CHUNK, from);
        out->len += got;
    }
    return buf_check(out, err);
}

static void print(FILE *to, struct span text)
{
    fwrite(text.data, 1, text.len, to);
    fputc('\n', to);
}

static void print_findings(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        finding_format(&findings->items[i], &line);
        print(stderr, buf_span(&line));
    }
}

int main(void)
{
    const struct yaml_options options = {.file = "-", .limits = doc_limits_config, .any_root = true};
    struct buf text AUTO_BUF = {0}, json AUTO_BUF = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct doc doc AUTO_DOC = {0};
    struct error err;
    if (read_all(stdin, &text, &err) < 0 || yaml_read(buf_span(&text), &options, &doc, &findings, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 3;
    }
    print_findings(&findings);
    if (doc.root == NULL)
        return 1;
    json_write(doc.root, &json);
    print(stdout, buf_span(&json));
    return 0;
}
