/*
 * dialect: see dialect.h.
 */
#include "schema/dialect.h"

#include "schema/uri.h"
#include "util/macros.h"

const struct dialect dialect_2020_12 = {
    .draft = SCHEMA_DRAFT_2020_12,
    .vocabularies = VOCABULARY_ALL,
    .metaschema = "https://json-schema.org/draft/2020-12/schema",
};

const struct dialect dialect_07 = {
    .draft = SCHEMA_DRAFT_07,
    .vocabularies = VOCABULARY_ALL,
    .metaschema = "http://json-schema.org/draft-07/schema",
};

const struct dialect *dialect_find(struct span uri)
{
    struct span fragment;
    struct span name = uri_without_fragment(uri, &fragment);
    if (fragment.len > 0)
        return NULL;
    if (span_is(name, dialect_2020_12.metaschema))
        return &dialect_2020_12;
    /* Many write https; there is no other draft-07 that it could mean. */
    if (span_is(name, dialect_07.metaschema) || span_is(name, "https://json-schema.org/draft-07/schema"))
        return &dialect_07;
    return NULL;
}

unsigned dialect_vocabulary(struct span uri)
{
    static const char start[] = "https://json-schema.org/draft/2020-12/vocab/";
    static const struct {
        const char *name;
        unsigned bit;
    } table[] = {
        {"core", VOCABULARY_CORE},
        {"applicator", VOCABULARY_APPLICATOR},
        {"unevaluated", VOCABULARY_UNEVALUATED},
        {"validation", VOCABULARY_VALIDATION},
        {"format-annotation", VOCABULARY_FORMAT},
        {"format-assertion", VOCABULARY_FORMAT_ASSERT},
        {"meta-data", VOCABULARY_OTHER},
        {"content", VOCABULARY_OTHER},
    };
    size_t len = sizeof start - 1;
    if (uri.len <= len || memcmp(uri.data, start, len) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (span_is((struct span){uri.data + len, uri.len - len}, table[i].name))
            return table[i].bit;
    return 0;
}
