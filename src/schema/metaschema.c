/*
 * metaschema: see metaschema.h. The texts are those of src/schema/meta; the build makes C strings of them.
 */
#include "schema/metaschema.h"

#include "util/macros.h"

#define DRAFT_2020_12 "https://json-schema.org/draft/2020-12/"

static const struct {
    const char *uri, *text;
} table[] = {
    {DRAFT_2020_12 "schema",
#include "schema/meta/schema.def"
    },
    {DRAFT_2020_12 "meta/core",
#include "schema/meta/core.def"
    },
    {DRAFT_2020_12 "meta/applicator",
#include "schema/meta/applicator.def"
    },
    {DRAFT_2020_12 "meta/unevaluated",
#include "schema/meta/unevaluated.def"
    },
    {DRAFT_2020_12 "meta/validation",
#include "schema/meta/validation.def"
    },
    {DRAFT_2020_12 "meta/meta-data",
#include "schema/meta/meta-data.def"
    },
    {DRAFT_2020_12 "meta/format-annotation",
#include "schema/meta/format-annotation.def"
    },
    {DRAFT_2020_12 "meta/format-assertion",
#include "schema/meta/format-assertion.def"
    },
    {DRAFT_2020_12 "meta/content",
#include "schema/meta/content.def"
    },
    {"http://json-schema.org/draft-07/schema",
#include "schema/meta/draft-07.def"
    },
};

const char *metaschema_find(struct span uri)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (span_is(uri, table[i].uri))
            return table[i].text;
    return NULL;
}
