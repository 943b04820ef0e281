/*
 * settings_schema: the JSON Schema of epochd.yaml, from the table of settings, so that an editor says what epochd says.
 */
#ifndef CONFIG_SETTINGS_SCHEMA_H
#define CONFIG_SETTINGS_SCHEMA_H

#include "util/buf.h"

/* JSON, indented, with a line feed at the end. */
void settings_put_schema(struct buf *out);

#endif
