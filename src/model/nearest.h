/*
 * nearest: "did you mean": of several names the one that is nearest to what was typed.
 *
 *   struct nearest nearest = {.text = typed};
 *   for (…) nearest_try(&nearest, names[i]);
 *   nearest.name is the one, or NULL if none is near enough; nearest_hint says it in the one wording there is.
 */
#ifndef MODEL_NEAREST_H
#define MODEL_NEAREST_H

#include "util/span.h"

enum {
    NEAREST_MAX = 64,      /* longer texts have no nearest name */
    NEAREST_TOLD_MAX = 20, /* where there are more findings than these, looking for more names costs more than it helps */
    NEAREST_HINT_MAX = NEAREST_MAX + 32,
};

struct nearest {
    struct span text;
    const char *name; /* borrowed from the caller of nearest_try */
    size_t distance;
};

/* Near enough is at most a third of the longer of the two, or another case of letters; of equally near names the first one stays. */
void nearest_try(struct nearest *nearest, const char *name);

/* `; did you mean "name"?` in `room`, for the end of a sentence; "" where nothing is near. */
const char *nearest_hint(const struct nearest *nearest, char room[static NEAREST_HINT_MAX]);
/* The same of a name that is known: "" of an empty one. A longer one is cut. */
const char *nearest_hint_name(struct span name, char room[static NEAREST_HINT_MAX]);

/* Insertions, deletions, replacements and swaps of neighbours that turn one into the other. Both at most
 * NEAREST_MAX. */
size_t nearest_distance(struct span a, struct span b);

#endif
