/*
 * settings_priv: what the files of settings share.
 *
 *   settings.c        the order of sources, the file's tree, what must fit together
 *   settings_table.c  every setting, once
 *   settings_value.c  one value: checked and put into its field
 *   settings_print.c  the way back
 */
#ifndef CONFIG_SETTINGS_PRIV_H
#define CONFIG_SETTINGS_PRIV_H

#include "config/settings_table.h"

#define SETTINGS_ENVIRONMENT "environment" /* the file of findings about variables */

/* A value on its way: what it is for, where it was written, where it goes. */
struct setting_intake {
    const struct setting *setting;
    const char *file; /* NULL: it is a default, which is never wrong */
    struct doc_pos pos;
    const char *name; /* the key or the variable */
    struct settings *settings;
    struct findings *findings;
};

/*
 * Both check a value and put it into its field; what is wrong with it becomes a finding and leaves the field
 * alone. -1 only for want of memory or of a current folder: from text (the environment, defaults) a path may
 * be relative and is made absolute.
 */
int setting_take_text(const struct setting_intake *in, struct span text, struct error *err) MUST_CHECK;
int setting_take_node(const struct setting_intake *in, const struct doc_node *node,
                      struct error *err) MUST_CHECK;

/* The field of a setting whose kind is kept as a string. */
char **setting_string(const struct setting *setting, struct settings *settings);

#endif
