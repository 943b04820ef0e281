/*
 * fuzz_format: one text asked of every format. What one format is part of another one is, it has too.
 */
#include <stdint.h>

#include "schema/format.h"
#include "util/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is(const char *name, struct span text)
{
    return format_find(span_of(name))->check(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"date",         "date-time",    "duration",
                                        "hostname",     "ipv4",         "ipv6",
                                        "json-pointer", "regex",        "relative-json-pointer",
                                        "time",         "uri-template", "uuid"};
    static const char *const narrow_and_wide[][2] = {
        {"uri", "uri-reference"},  {"uri", "iri"},         {"uri-reference", "iri-reference"},
        {"iri", "iri-reference"},  {"email", "idn-email"}, {"ipv4", "hostname"},
        {"date", "uri-reference"},
    };
    struct span text = {(const char *)data, size};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        is(names[i], text);
    for (size_t i = 0; i < ARRAY_LEN(narrow_and_wide); i++)
        if (is(narrow_and_wide[i][0], text) && !is(narrow_and_wide[i][1], text))
            __builtin_trap();
    return 0;
}
