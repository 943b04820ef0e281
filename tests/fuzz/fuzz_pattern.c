/*
 * fuzz_pattern: a pattern, a line break, a text. Whatever is compiled is a regular expression to the format too, and no
 * match takes more steps than it is given; the same match with more steps says the same.
 */
#include <stdint.h>

#include "schema/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 20000 };

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static enum pattern_verdict match(const struct pattern *pattern, struct span text, uint64_t steps)
{
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = steps};
    enum pattern_verdict verdict = pattern_match(pattern, text, &work);
    check(work.steps <= steps);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    struct span ecma = {(const char *)data, line == NULL ? size : (size_t)(line - data)};
    struct span text = {(const char *)data + ecma.len + (line != NULL), size - ecma.len - (line != NULL)};
    struct pattern *pattern = NULL;
    struct error err;
    bool is_regex = pattern_is_regex(ecma);
    if (pattern_compile(ecma, &pattern, &err) < 0) {
        check(pattern == NULL && err.code != NULL && err.message[0] != '\0');
        return 0;
    }
    check(is_regex);
    enum pattern_verdict verdict = match(pattern, text, STEPS);
    check(verdict == PATTERN_EXPENSIVE || verdict == match(pattern, text, (uint64_t)2 * STEPS));
    pattern_free(pattern);
    return 0;
}
