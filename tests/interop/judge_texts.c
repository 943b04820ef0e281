/*
 * judge_texts: formats and patterns as the schemas ask them, for other people's test data. Reads a JSON array of
 * [kind, rule, text], kind "format" or "pattern", from standard input and prints one letter for each: y and n, u where
 * there is no such format, r where the pattern is refused, e where it is too expensive. Status 2 for anything else.
 */
#include <stdio.h>

#include "model/json.h"
#include "schema/format.h"
#include "schema/pattern.h"

static int judge_format(struct span name, struct span text)
{
    const struct format *format = format_find(name);
    if (format == NULL)
        return 'u';
    return format->check(text) ? 'y' : 'n';
}

static int judge_pattern(struct span ecma, struct span text)
{
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = PATTERN_STEPS};
    struct pattern *pattern = NULL;
    struct error err;
    if (pattern_compile(ecma, &pattern, &err) < 0) {
        fprintf(stderr, "%.*s: %s\n", (int)ecma.len, ecma.data, err.message);
        return 'r';
    }
    enum pattern_verdict verdict = pattern_match(pattern, text, &work);
    pattern_free(pattern);
    return verdict == PATTERN_YES ? 'y' : verdict == PATTERN_NO ? 'n' : 'e';
}

static int judge(const struct doc_node *question)
{
    const struct doc_node *const *items = question->u.array.items;
    if (question->kind != DOC_ARRAY || question->u.array.len != 3)
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (items[i]->kind != DOC_STRING)
            return 0;
    if (span_is(items[0]->u.string, "format"))
        return judge_format(items[1]->u.string, items[2]->u.string);
    return span_is(items[0]->u.string, "pattern") ? judge_pattern(items[1]->u.string, items[2]->u.string) : 0;
}

int main(void)
{
    struct json_options options = {"stdin", {4, UINT32_MAX, UINT32_MAX}, true, true};
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    struct error err;
    for (size_t got = 1; got > 0;) {
        char *to = buf_reserve(&text, 65536);
        got = to == NULL ? 0 : fread(to, 1, 65536, stdin);
        text.len += got;
    }
    if (json_read(buf_span(&text), &options, &doc, &err) < 0 || doc.root->kind != DOC_ARRAY) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    for (size_t i = 0; i < doc.root->u.array.len; i++) {
        int letter = judge(doc.root->u.array.items[i]);
        if (letter == 0)
            return 2;
        putchar(letter);
    }
    return 0;
}
