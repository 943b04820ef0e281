/*
 * yaml_complaint: see yaml_complaint.h.
 */
#include "io/yaml_complaint.h"

#include <string.h>

#include "model/codes.h"
#include "util/macros.h"

static const struct yaml_complaint complaints[] = {
    {"mapping values are not allowed in this context", CODE_YAML_SYNTAX,
     "a ':' that cannot stand here; quote a value with ': ' in it, or mend the indentation"},
    {"did not find expected key", CODE_YAML_SYNTAX,
     "a key is expected here; keys of one mapping begin in the same column, and nothing follows a quoted "
     "value"},
    {"did not find expected '-' indicator", CODE_YAML_SYNTAX,
     "a '-' is expected here; items of one list begin in the same column"},
    {"could not find expected ':'", CODE_YAML_SYNTAX, "a ':' is missing behind a key"},
    {"did not find expected ',' or ']'", CODE_YAML_SYNTAX, "a ',' or ']' is missing"},
    {"did not find expected ',' or '}'", CODE_YAML_SYNTAX, "a ',' or '}' is missing"},
    {"found unexpected end of stream", CODE_YAML_SYNTAX, "the closing quote is missing"},
    {"found character that cannot start any token", CODE_YAML_SYNTAX,
     "a value cannot begin with this character; quote it, and indent with spaces, never tabs"},
    {"found undefined tag handle", CODE_YAML_TAG, "a tag with an undefined handle; remove it"},
    {"found incompatible YAML document", CODE_YAML_SYNTAX,
     "the document says it is not YAML 1.2; remove the %YAML line"},
};

struct yaml_complaint yaml_complaint_of(const char *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++)
        if (strcmp(complaints[i].problem, problem) == 0)
            return complaints[i];
    return (struct yaml_complaint){problem, CODE_YAML_SYNTAX, problem};
}

bool yaml_complaint_is_conflict(struct span text, uint32_t line)
{
    static const char mark[] = "<<<<<<< ";
    const char *at = text.data, *end = text.data + text.len;
    for (uint32_t i = 1; i < line && at != NULL; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    return at != NULL && (size_t)(end - at) >= sizeof mark - 1 && memcmp(at, mark, sizeof mark - 1) == 0;
}

const char *yaml_complaint_of_root(struct span text)
{
    static const char pointer[] = "version https://git-lfs.github.com/spec/";
    bool is_pointer = text.len >= sizeof pointer - 1 && memcmp(text.data, pointer, sizeof pointer - 1) == 0;
    return is_pointer ? "this is what Git LFS puts in a file's place, and the repository holds no more: git lfs untrack it"
                      : "write `key: value` lines";
}
