/*
 * fuzz_request: requests of operators and their answers, first byte even or odd. What is taken is written again as bytes
 * that are taken and mean the same.
 */
#include <stdint.h>
#include <string.h>

#include "model/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void try_request(struct span text)
{
    struct request request, again;
    struct error err;
    AUTO_BUF struct buf out = {0}, twice = {0};
    if (request_parse(text, &request, &err) != 0)
        return;
    check(request_id_is_good(span_of(request.id)));
    request_write(&out, &request);
    check(request_parse(buf_span(&out), &again, &err) == 0);
    request_write(&twice, &again);
    check(span_equal(buf_span(&out), buf_span(&twice)));
}

static void try_answer(struct span text)
{
    struct request_answer answer, again;
    struct error err;
    AUTO_BUF struct buf out = {0}, twice = {0};
    if (request_answer_parse(text, &answer, &err) != 0)
        return;
    request_answer_write(&out, &answer);
    check(request_answer_parse(buf_span(&out), &again, &err) == 0);
    request_answer_write(&twice, &again);
    check(span_equal(buf_span(&out), buf_span(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2 == 0)
        try_request(rest);
    else
        try_answer(rest);
    return 0;
}
