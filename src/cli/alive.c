/*
 * alive: see alive.h. Open addressing over FNV-1a: names come from a journal that was verified.
 */
#include "cli/alive.h"

#include <stdint.h>
#include <string.h>

enum { FIRST_CAP = 256 };

struct alive_entry {
    struct span name; /* data NULL: free */
    bool is_there;
};

void alive_fini(struct alive *alive)
{
    arena_fini(&alive->names);
    free(alive->slots);
    *alive = (struct alive){0};
}

static uint64_t hash(struct span name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    return hash;
}

static struct alive_entry *find(struct alive_entry *slots, size_t cap, struct span name)
{
    size_t at = (size_t)hash(name) & (cap - 1);
    while (slots[at].name.data != NULL && !span_equal(slots[at].name, name))
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static int grow(struct alive *alive, struct error *err)
{
    size_t cap = alive->cap == 0 ? FIRST_CAP : alive->cap * 2;
    struct alive_entry *slots = calloc(cap, sizeof *slots);
    if (slots == NULL)
        return error_memory(err);
    for (size_t i = 0; i < alive->cap; i++)
        if (alive->slots[i].name.data != NULL)
            *find(slots, cap, alive->slots[i].name) = alive->slots[i];
    free(alive->slots);
    alive->slots = slots;
    alive->cap = cap;
    return 0;
}

int alive_note(struct alive *alive, struct span name, bool is_there, bool *was_known, bool *was_there,
               struct error *err)
{
    if (alive->len * 2 >= alive->cap && grow(alive, err) != 0)
        return -1;
    struct alive_entry *entry = find(alive->slots, alive->cap, name);
    *was_known = entry->name.data != NULL;
    *was_there = *was_known && entry->is_there;
    if (!*was_known) {
        const char *copy = arena_copy(&alive->names, name.data, name.len);
        if (copy == NULL)
            return error_memory(err);
        entry->name = (struct span){copy, name.len};
        alive->len++;
    }
    entry->is_there = is_there;
    return 0;
}
