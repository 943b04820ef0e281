/*
 * scalar: what a plain scalar of YAML means under the core schema of YAML 1.2 (§10.3.2), and whether readers
 * of YAML 1.1 would take it for something else.
 */
#ifndef MODEL_SCALAR_H
#define MODEL_SCALAR_H

#include "model/doc.h"

struct scalar {
    enum doc_kind kind; /* never an array or object; DOC_DOUBLE may hold an integer */
    union {
        bool boolean;
        int64_t integer;
        double number;
    } u;
    const char *unfit; /* a number that JSON cannot carry: a clause that says why; else NULL. Static. */
};

/* Never fails: what is nothing else is a string. Knows no tags. */
struct scalar scalar_resolve(struct span text);

/* Adds the value to what is being built; `text` is what a string is. */
int scalar_build(struct doc_builder *b, struct doc_pos pos, const struct scalar *scalar, struct span text,
                 struct error *err) MUST_CHECK;

/*
 * NULL, or one sentence for people about a text that YAML 1.1 resolves otherwise: `no`, 012, 1:30, 1_000,
 * dates and the like. It repeats words only, never a number: that might be a secret. Static.
 */
const char *scalar_ambiguity(struct span text);

#endif
