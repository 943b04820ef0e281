/*
 * states: what the daemon can be in, in one table (model/states.def): when a state comes, what is still served, how it ends. What it
 * means and what to do stand in the table of codes, which takes them from the same rows.
 */
#ifndef MODEL_STATES_H
#define MODEL_STATES_H

#include <stddef.h>

enum state_kind {
    STATE_HOLD,     /* does not advance, serves on */
    STATE_DEGRADED, /* advances */
    STATE_PLAIN,    /* nothing is wrong with the daemon */
};

struct state {
    const char *name; /* the code */
    enum state_kind kind;
    const char *comes, *served, *ends; /* sentences */
};

/* Holds, then degradations, each by importance, then the plain ones. */
extern const struct state state_table[];

/* NULL if there is none of that name. */
const struct state *state_find(const char *name);

#endif
