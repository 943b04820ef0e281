/* format: see format.h. The readers are in format_<what>.c. */
#include "schema/format.h"

#include "schema/pattern.h"
#include "util/macros.h"

static const struct format formats[] = {
    {"regex", pattern_is_regex, "^[a-z]+$"},
};

const struct format *format_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (span_is(name, formats[i].name))
            return &formats[i];
    return NULL;
}
