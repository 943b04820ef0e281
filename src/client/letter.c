/*
 * letter: see letter.h.
 */
#include "client/letter.h"

struct letter *letter_new(struct span raw, uint64_t generation, uint64_t version, bool is_tombstone)
{
    struct letter *letter = malloc(sizeof *letter + raw.len);
    if (letter == NULL)
        return NULL;
    *letter = (struct letter){1, generation, version, {0}, is_tombstone, raw.len};
    memcpy(letter->bytes, raw.data, raw.len);
    hash_sha256(raw.data, raw.len, letter->digest);
    return letter;
}

struct letter *letter_ref(struct letter *letter)
{
    if (letter != NULL)
        __atomic_add_fetch(&letter->references, 1, __ATOMIC_RELAXED);
    return letter;
}

void letter_unref(struct letter *letter)
{
    if (letter != NULL && __atomic_sub_fetch(&letter->references, 1, __ATOMIC_ACQ_REL) == 0)
        free(letter);
}

int letter_compare(uint64_t generation, uint64_t version, const struct letter *letter)
{
    if (letter == NULL)
        return 1;
    if (generation != letter->generation)
        return generation < letter->generation ? -1 : 1;
    return version == letter->version ? 0 : version < letter->version ? -1 : 1;
}
