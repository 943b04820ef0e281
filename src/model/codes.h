/*
 * codes: every stable code of the product, in one table. Findings, errors, states and refusals carry one of these
 * names; `epochctl help CODE` and docs/OPERATIONS.md print the same explanation. A name never changes its meaning.
 *
 * Use:  return error_set(err, CODE_JOURNAL_CORRUPT, 0, "…");
 * The C name is the stable name in capitals with '-' and '.' as '_'.
 */
#ifndef MODEL_CODES_H
#define MODEL_CODES_H

#include <stddef.h>

enum code_kind {
    CODE_FINDING, /* about a line of the configuration repository */
    CODE_STATE,   /* why the daemon holds or is degraded */
    CODE_REFUSAL, /* why a message, snapshot, journal or key was not accepted */
    CODE_ERROR,   /* why a program could not do what it was asked */
};

struct code {
    const char *name;
    enum code_kind kind;
    const char *meaning; /* one or two sentences */
    const char *remedy;  /* what to do, with what to type */
};

#define CODE(id, name, kind, meaning, remedy) extern const char CODE_##id[];
#include "model/codes.def"
#undef CODE

extern const struct code code_table[];
extern const size_t code_table_len;

/* NULL if there is none of that name. */
const struct code *code_find(const char *name);

#endif
