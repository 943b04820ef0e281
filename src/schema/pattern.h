/*
 * pattern: regular expressions of ECMA-262 as JSON Schema means them: with the flag u, looked for anywhere in a text.
 *
 * pattern_translate and pattern_is_regex are pure. Compiling and matching want a foreign hand: declared here, filled in
 * by io/regex.c.
 *
 * Matching counts its steps and stops when they are used up, so no pattern and no text take longer than their caller
 * allows, and the verdict never depends on how fast the machine is.
 */
#ifndef SCHEMA_PATTERN_H
#define SCHEMA_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/span.h"

enum {
    PATTERN_MAX = 16 * 1024,         /* bytes of a pattern */
    PATTERN_DEPTH_MAX = 100,         /* groups inside each other */
    PATTERN_NAMES_MAX = 100,         /* named groups */
    PATTERN_REPEAT_MAX = 65535,      /* {n}: more is refused */
    PATTERN_STEPS = 4 * 1000 * 1000, /* for one document: a quarter of a second; it needs some thousands */
};

struct pattern;

/* Borrows `ecma` for the call only. CODE_SCHEMA_REGEX with the character and what is wrong there. */
int pattern_compile(struct span ecma, struct pattern **out, struct error *err) MUST_CHECK;
void pattern_free(struct pattern *pattern);

/*
 * What matching uses up, for as many patterns and texts as share it; one thread at a time. Set `steps`, zero the rest.
 * Every call takes at least one step; a step is up to 60 ns.
 */
struct pattern_work {
    uint64_t steps; /* left */
    void *room;     /* memory kept between calls */
};

#define AUTO_PATTERN_WORK CLEANUP(pattern_work_fini)
void pattern_work_fini(struct pattern_work *work);

enum pattern_verdict {
    PATTERN_NO_MEMORY = -2, /* says nothing about the text */
    PATTERN_EXPENSIVE = -1, /* the steps are used up: `work` is worth nothing from here on */
    PATTERN_NO = 0,
    PATTERN_YES = 1,
};

/* `text` is UTF-8; of bytes that are not, no pattern matches. The pattern may be matched by several threads. */
enum pattern_verdict pattern_match(const struct pattern *pattern, struct span text,
                                   struct pattern_work *work);

/* --- the dialect ----------------------------------------------------------------------------------------------- */

/*
 * Appends the same expression in the dialect of PCRE2, for the options io/regex.c sets, with a numbered callout,
 * (?C), wherever work begins that must be counted. Every character that is not a letter or digit is spelled by its
 * number, so nothing of ECMA-262 can be taken for something of Perl's. *reach is how many characters may be compared
 * between two callouts without either seeing it.
 *
 * Accepted beyond the flag u, because every reader that accepts it agrees on what it means: a backslash before a
 * character that is no letter and no digit, a lone ] { or }, and a class escape at an end of a range ([\w-.]).
 */
int pattern_translate(struct span ecma, struct buf *out, uint32_t *reach, struct error *err) MUST_CHECK;

/* What the format `regex` asks. True also for the little that is right and cannot be compiled. */
bool pattern_is_regex(struct span text);

#endif
