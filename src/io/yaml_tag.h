/*
 * yaml_tag: the tags of the YAML 1.2 core schema, and no others.
 */
#ifndef IO_YAML_TAG_H
#define IO_YAML_TAG_H

#include "model/doc.h"

enum yaml_tag {
    YAML_TAG_NONE, /* no tag: the value's form decides */
    YAML_TAG_FORM, /* `!`: a string, list or mapping, by its form alone */
    YAML_TAG_CORE, /* !!str, !!int, !!float, !!bool, !!null, !!seq, !!map */
    YAML_TAG_UNKNOWN,
};

/* `tag` is what it stands for in full, "tag:yaml.org,2002:int" for !!int; NULL: there is none. */
enum yaml_tag yaml_tag_of(const char *tag);

/* True if a core tag may stand before a value that resolves to this kind without it. Any scalar can be a
 * !!str. */
bool yaml_tag_fits(const char *tag, enum doc_kind kind);

/* True if the tag (not YAML_TAG_NONE) makes a string of any scalar. */
bool yaml_tag_means_string(const char *tag);

/* As people write it: !!int, !secret; made printable and cut to size. Terminated. */
void yaml_tag_show(const char *tag, char *out, size_t size);

#endif
