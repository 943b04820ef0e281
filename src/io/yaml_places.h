/*
 * yaml_places: where each value of a YAML text stands (model/place.h), for those who replace one of them. Nobody on
 * the way of a commit to its consumers needs it, so the reader of documents knows nothing of it.
 */
#ifndef IO_YAML_PLACES_H
#define IO_YAML_PLACES_H

#include "model/place.h"

/* `text` is one that yaml_read has taken: CODE_YAML_SYNTAX for another. The tree lives in the arena. */
int yaml_places(struct span text, struct arena *arena, struct place **out, struct error *err) MUST_CHECK;

#endif
