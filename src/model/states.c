/*
 * states: the rows of model/states.def.
 */
#include "model/states.h"

#include <string.h>

#include "util/macros.h"

const struct state state_table[] = {
#define HOLD(id, name, meaning, comes, served, ends, remedy) {name, STATE_HOLD, comes, served, ends},
#define DEGRADED(id, name, meaning, comes, served, ends, remedy) {name, STATE_DEGRADED, comes, served, ends},
#define PLAIN(id, name, meaning, comes, served, ends, remedy) {name, STATE_PLAIN, comes, served, ends},
#include "model/states.def"
};

const struct state *state_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(state_table); i++)
        if (strcmp(state_table[i].name, name) == 0)
            return &state_table[i];
    return NULL;
}
