/*
 * names: what an argument of a kind may be called here: verbs, codes, services, keys, epochs, profiles. For
 * completion, so it is quick, it reads the files as they are in a work tree, and it is silent where something
 * cannot be read.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "cli/cli.h"

enum { NAMES_MAX = 20000, NAMES_KEYS_MAX = 1000 };

/* Appends "name TAB description LF" for every name that begins with `prefix`; the description may be empty.
   `service` is the one whose keys are meant, NULL: none. */
void names_put(const struct cli *cli, enum cli_kind kind, const char *service, const char *prefix,
               struct buf *out);

#endif
