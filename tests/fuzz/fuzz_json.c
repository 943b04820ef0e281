/*
 * fuzz_json: the reader and the writer against each other. Whatever is read must weigh what it is written in, be written
 * in a form that reads as the same value, and that form must be its own canonical form. What strict options accept, lax
 * ones do too.
 */
#include <stdint.h>

#include "model/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_refusal(const struct doc *doc, const struct error *err)
{
    check(doc->root == NULL && doc->arena.total == 0);
    check(err->code != NULL && err->message[0] != '\0' && err->line > 0 && err->column > 0);
}

static void check_round_trip(const struct doc *doc, const struct json_options *options, struct buf *out)
{
    AUTO_DOC struct doc again = {0};
    AUTO_BUF struct buf twice = {0};
    struct error err;
    json_write(doc->root, out);
    check(!out->failed && out->len == doc->root->size);
    check(json_read(buf_span(out), options, &again, &err) == 0);
    check(doc_equal(doc->root, again.root));
    json_write(again.root, &twice);
    check(span_equal(buf_span(out), buf_span(&twice)));
    check(json_is_canonical(doc->root, buf_span(out)) && json_is_canonical(again.root, buf_span(&twice)));
}

/* Whether it was read; `out` is its canonical form then. */
static bool exercise(struct span text, const struct json_options *options, struct buf *out)
{
    AUTO_DOC struct doc doc = {0};
    struct error err;
    if (json_read(text, options, &doc, &err) < 0) {
        check_refusal(&doc, &err);
        return false;
    }
    check_round_trip(&doc, options, out);
    check(json_is_canonical(doc.root, text) == span_equal(text, buf_span(out)));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_options options = {.file = "fuzz", .limits = doc_limits_config};
    struct span text = {(const char *)data, size};
    AUTO_BUF struct buf strict = {0}, lax = {0};
    bool is_strict = exercise(text, &options, &strict);
    options.allow_big_numbers = options.allow_nul = true;
    bool is_lax = exercise(text, &options, &lax);
    check(is_lax || !is_strict);
    check(!is_strict || span_equal(buf_span(&strict), buf_span(&lax)));
    return 0;
}
