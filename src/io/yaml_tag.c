/*
 * yaml_tag: see yaml_tag.h.
 */
#include "io/yaml_tag.h"

#include "util/utf8.h"

#define CORE_PREFIX "tag:yaml.org,2002:"

/* What each tag of the core schema may stand before; int before float: every integer is a number too. */
static const struct {
    const char *name;
    enum doc_kind kind;
} core[] = {
    {"null", DOC_NULL},    {"bool", DOC_BOOL},  {"int", DOC_INT},   {"float", DOC_INT},
    {"float", DOC_DOUBLE}, {"str", DOC_STRING}, {"seq", DOC_ARRAY}, {"map", DOC_OBJECT},
};

/* What stands behind `!!`, NULL if the tag is not written so. */
static const char *short_name(const char *tag)
{
    size_t len = strlen(CORE_PREFIX);
    return strncmp(tag, CORE_PREFIX, len) == 0 && tag[len] != '\0' ? tag + len : NULL;
}

enum yaml_tag yaml_tag_of(const char *tag)
{
    if (tag == NULL)
        return YAML_TAG_NONE;
    if (strcmp(tag, "!") == 0)
        return YAML_TAG_FORM;
    const char *name = short_name(tag);
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(core); i++)
        if (strcmp(core[i].name, name) == 0)
            return YAML_TAG_CORE;
    return YAML_TAG_UNKNOWN;
}

bool yaml_tag_means_string(const char *tag)
{
    return strcmp(tag, "!") == 0 || strcmp(tag, CORE_PREFIX "str") == 0;
}

bool yaml_tag_fits(const char *tag, enum doc_kind kind)
{
    const char *name = short_name(tag);
    bool is_container = kind == DOC_ARRAY || kind == DOC_OBJECT;
    if (!is_container && yaml_tag_means_string(tag))
        return true;
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(core); i++)
        if (core[i].kind == kind && strcmp(core[i].name, name) == 0)
            return true;
    return false;
}

void yaml_tag_show(const char *tag, char *out, size_t size)
{
    const char *name = short_name(tag);
    size_t prefix = 0;
    if (name != NULL)
        prefix = (size_t)snprintf(out, size, "!!");
    utf8_printable(span_of(name == NULL ? tag : name), out + prefix, size - prefix);
}
