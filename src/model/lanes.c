/*
 * lanes: see lanes.h. FIPS 180-4, eight texts in step: each word of the algorithm is a vector of eight, one of each
 * text.
 *
 * The vectors are the compiler's (`vector_size`), so this is plain C everywhere; where the processor has AVX2 the same
 * lines compiled for it are used. A text that ends before its neighbours goes on over a block of zeros, and its digest
 * is what it had before.
 */
#include "model/lanes.h"

#include <stdbool.h>
#include <string.h>

enum { BLOCK = 64, WORDS = 16, ROUNDS = 64, LENGTH_SIZE = 8 };

typedef uint32_t lanes_word __attribute__((vector_size(LANES * sizeof(uint32_t))));

static const uint32_t initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* --- eight blocks --------------------------------------------------------------------------------------- */

/* Vectors wider than the processor's are no arguments of functions that every caller agrees on: these are macros. */
#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define CHOOSE(x, y, z) (((x) & ((y) ^ (z))) ^ (z))
#define MAJORITY(x, y, z) (((x) & (y)) | (((x) | (y)) & (z)))
#define BIG_SIGMA_0(x) (ROTATE(x, 2) ^ ROTATE(x, 13) ^ ROTATE(x, 22))
#define BIG_SIGMA_1(x) (ROTATE(x, 6) ^ ROTATE(x, 11) ^ ROTATE(x, 25))
#define SIGMA_0(x) (ROTATE(x, 7) ^ ROTATE(x, 18) ^ (x) >> 3)
#define SIGMA_1(x) (ROTATE(x, 17) ^ ROTATE(x, 19) ^ (x) >> 10)

static inline uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One block of each lane, taken into the state. */
static inline __attribute__((always_inline)) void compress(lanes_word state[8], const uint8_t *const blocks[LANES])
{
    lanes_word w[WORDS], v[8];
    for (int t = 0; t < WORDS; t++)
        for (int lane = 0; lane < LANES; lane++)
            w[t][lane] = big_endian(blocks[lane] + sizeof(uint32_t) * (size_t)t);
    memcpy(v, state, sizeof v);
    for (int t = 0; t < ROUNDS; t++) {
        lanes_word *word = &w[t % WORDS];
        if (t >= WORDS)
            *word += SIGMA_1(w[(t - 2) % WORDS]) + w[(t - 7) % WORDS] + SIGMA_0(w[(t - 15) % WORDS]);
        lanes_word first = v[7] + BIG_SIGMA_1(v[4]) + CHOOSE(v[4], v[5], v[6]) + constants[t] + *word;
        lanes_word second = BIG_SIGMA_0(v[0]) + MAJORITY(v[0], v[1], v[2]);
        v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + first;
        v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static void compress_plain(lanes_word state[8], const uint8_t *const blocks[LANES])
{
    compress(state, blocks);
}

#if defined(__x86_64__) && !defined(LANES_WITHOUT_AVX2) /* a test has both */
__attribute__((target("avx2")))
static void compress_avx2(lanes_word state[8], const uint8_t *const blocks[LANES])
{
    compress(state, blocks);
}
#endif

static void compress_best(lanes_word state[8], const uint8_t *const blocks[LANES])
{
#if defined(__x86_64__) && !defined(LANES_WITHOUT_AVX2) /* a test has both */
    if (__builtin_cpu_supports("avx2")) {
        compress_avx2(state, blocks);
        return;
    }
#endif
    compress_plain(state, blocks);
}

/* --- eight texts ---------------------------------------------------------------------------------------- */

/* A text as blocks: those it has whole, then one or two with its end, a bit and its length. */
struct lane {
    const uint8_t *text;
    size_t whole, all;
    uint8_t end[2 * BLOCK];
};

static void lane_init(struct lane *lane, struct span text)
{
    size_t whole = text.len / BLOCK, rest = text.len % BLOCK;
    size_t end = rest < BLOCK - LENGTH_SIZE ? BLOCK : 2 * BLOCK;
    uint64_t bits = (uint64_t)text.len * 8;
    *lane = (struct lane){.text = (const uint8_t *)text.data, .whole = whole, .all = whole + end / BLOCK};
    if (rest > 0)
        memcpy(lane->end, text.data + (text.len - rest), rest);
    lane->end[rest] = 0x80;
    for (size_t i = 1; i <= LENGTH_SIZE; i++, bits >>= 8)
        lane->end[end - i] = (uint8_t)bits;
}

static const uint8_t *lane_block(const struct lane *lane, size_t at)
{
    static const uint8_t zeros[BLOCK];
    if (at < lane->whole)
        return lane->text + at * BLOCK;
    return at < lane->all ? lane->end + (at - lane->whole) * BLOCK : zeros;
}

static void put_digest(const lanes_word state[8], size_t lane, uint8_t out[static HASH_LEN])
{
    for (size_t i = 0; i < HASH_LEN; i++)
        out[i] = (uint8_t)(state[i / 4][lane] >> (24 - 8 * (i % 4)));
}

static void hash_group(const struct span *texts, size_t len, uint8_t (*out)[HASH_LEN])
{
    struct lane lanes[LANES];
    const uint8_t *blocks[LANES];
    lanes_word state[8];
    size_t most = 0;
    for (size_t i = 0; i < LANES; i++) {
        lane_init(&lanes[i], i < len ? texts[i] : (struct span){0});
        most = lanes[i].all > most ? lanes[i].all : most;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] = (lanes_word){0} + initial[i];
    for (size_t at = 0; at < most; at++) {
        for (size_t i = 0; i < LANES; i++)
            blocks[i] = lane_block(&lanes[i], at);
        compress_best(state, blocks);
        for (size_t i = 0; i < len; i++)
            if (lanes[i].all == at + 1)
                put_digest(state, i, out[i]);
    }
}

void lanes_sha256(const struct span *texts, size_t len, uint8_t (*out)[HASH_LEN])
{
    if (len == 1) { /* nothing stands beside it */
        hash_sha256(texts->data, texts->len, out[0]);
        return;
    }
    for (size_t at = 0; at < len; at += LANES)
        hash_group(texts + at, len - at < LANES ? len - at : LANES, out + at);
}
