/*
 * lanes: every digest is the one that libsodium gives, whatever stands beside it; on processors with AVX2 and without.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/crypto.h"
#include "model/lanes.h"
#include "util/macros.h"

void plain_sha256(const struct span *texts, size_t len, uint8_t (*out)[HASH_LEN]);
#define LANES_WITHOUT_AVX2
#define lanes_sha256 plain_sha256
#include "model/lanes.c"
#undef lanes_sha256

enum { LONGEST = 300 };

static char bytes[LANES * LONGEST + LONGEST];

static int fill(void **state)
{
    (void)state;
    struct error err;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return crypto_init(&err);
}

static void assert_digests(const struct span *texts, size_t len)
{
    uint8_t digests[3 * LANES][HASH_LEN], plain[3 * LANES][HASH_LEN], expected[HASH_LEN];
    assert_true(len <= ARRAY_LEN(digests));
    lanes_sha256(texts, len, digests);
    plain_sha256(texts, len, plain);
    for (size_t i = 0; i < len; i++) {
        hash_sha256(texts[i].data, texts[i].len, expected);
        assert_memory_equal(digests[i], expected, HASH_LEN);
        assert_memory_equal(plain[i], expected, HASH_LEN);
    }
}

static void lanes__hashes_texts_of_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LONGEST; len++) {
        struct span texts[LANES];
        for (size_t i = 0; i < LANES; i++)
            texts[i] = (struct span){bytes + i * LONGEST, len};
        assert_digests(texts, LANES);
    }
}

static void lanes__keeps_texts_of_different_lengths_apart(void **state)
{
    (void)state;
    for (size_t step = 1; step < 70; step++) {
        struct span texts[3 * LANES];
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            texts[i] = (struct span){bytes + i, i * step % LONGEST};
        assert_digests(texts, ARRAY_LEN(texts));
    }
}

static void lanes__takes_any_number_of_texts(void **state)
{
    (void)state;
    struct span texts[3 * LANES];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = (struct span){bytes + 3 * i, 40 + i};
    for (size_t len = 0; len <= ARRAY_LEN(texts); len++)
        assert_digests(texts, len);
}

static void lanes__hashes_nothing_as_nothing(void **state)
{
    (void)state;
    const struct span nothing = {NULL, 0};
    uint8_t digest[1][HASH_LEN], expected[HASH_LEN];
    lanes_sha256(&nothing, 1, digest);
    hash_sha256("", 0, expected);
    assert_memory_equal(digest[0], expected, HASH_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes__hashes_texts_of_every_length),
        cmocka_unit_test(lanes__keeps_texts_of_different_lengths_apart),
        cmocka_unit_test(lanes__takes_any_number_of_texts),
        cmocka_unit_test(lanes__hashes_nothing_as_nothing),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
