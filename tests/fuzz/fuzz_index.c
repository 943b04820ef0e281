/*
 * fuzz_index: whatever comes as an index is refused or has the digest that its own entries make, read back one by one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "verify/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index index AUTO_INDEX = {0};
    struct index_sum sum AUTO_INDEX_SUM = {0};
    struct error err;
    uint8_t digest[HASH_LEN];
    if (index_read((struct span){(const char *)data, size}, &index, &err) != 0)
        return 0;
    require(index_sum_init(&sum, &err) == 0);
    for (size_t i = 0; i < index_count(&index); i++) {
        struct index_entry entry = index_at(&index, i);
        require(layout_name_is_good(span_of(entry.name)) && index_sum_add(&sum, &entry, &err) == 0);
    }
    index_sum_end(&sum, digest);
    require(memcmp(digest, index.digest, HASH_LEN) == 0);
    return 0;
}
