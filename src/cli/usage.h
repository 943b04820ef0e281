/*
 * usage: what the table of verbs says, for people: usage lines, help, and the manual's section.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/cli.h"

/* "log [SERVICE] [-n COUNT] [--json]", without a line feed. */
void usage_put_line(struct buf *out, const struct cli_verb *verb);

/* All verbs, one line each. */
enum { USAGE_VERB_COLUMN = 18 }; /* a verb's name is shorter */
void usage_put_overview(struct buf *out);

/* The usage line, what the verb does, and its options. */
void usage_put_help(struct buf *out, const struct cli_verb *verb);

/* The section VERBS of epochctl(1) and the options before the verb, as scdoc reads them. */
void usage_put_manual_verbs(struct buf *out);
void usage_put_manual_options(struct buf *out);

/* A text in scdoc's form as it is read: *bold* and _names_ without their marks, a tab as four blanks. */
void usage_put_plain(struct buf *out, const char *text);

#endif
