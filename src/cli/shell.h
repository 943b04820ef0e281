/*
 * shell: words for /bin/sh, in lines that are printed to be typed and in scripts.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "util/buf.h"

/* Appends `text` as one word: as it is where the shell would leave it alone, else in single quotes. */
void shell_put_word(struct buf *out, const char *text);

#endif
