/*
 * arena: alignment, growth, large pieces, copies, and what it refuses.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "util/arena.h"

/* AddressSanitizer aborts on what malloc merely refuses, unless it is told. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#define AUTO_ARENA CLEANUP(arena_fini)

static void arena__aligns_for_any_type(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    for (size_t size = 0; size < 200; size++) {
        void *p = arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
    }
}

static void arena__gives_pieces_that_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 4000 };
    AUTO_ARENA struct arena arena = {0};
    static unsigned char *pieces[PIECES];
    /* From one byte to far beyond the largest block, so that blocks of every kind take part. */
    static const size_t sizes[] = {1, 7, 16, 100, 3000, 5000, 70000};
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        pieces[i] = arena_alloc(&arena, size);
        assert_non_null(pieces[i]);
        memset(pieces[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        for (size_t at = 0; at < size; at += size < 10 ? 1 : size / 10)
            assert_int_equal(pieces[i][at], i % 251);
        assert_int_equal(pieces[i][size - 1], i % 251);
    }
}

static void arena__gives_something_for_nothing(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_non_null(arena_alloc(&arena, 0));
}

static void arena__keeps_the_block_in_use_behind_a_large_piece(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    char *before = arena_alloc(&arena, 16);
    assert_non_null(arena_alloc(&arena, 1024 * 1024));
    char *after = arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
}

static void arena__asks_malloc_seldom_and_for_little_more(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    for (size_t i = 0; i < 100000; i++)
        assert_non_null(arena_alloc(&arena, 32));
    assert_true(arena.total >= 100000 * 32);
    assert_true(arena.total <= 100000 * 32 + 300 * 1024);
}

static void arena__copies_with_a_nul_behind(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    char *copy = arena_copy(&arena, "a\0b", 3);
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    copy = arena_copy(&arena, NULL, 0);
    assert_non_null(copy);
    assert_string_equal(copy, "");
}

static void arena__refuses_what_nobody_has(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_null(arena_alloc(&arena, SIZE_MAX / 4));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    assert_int_equal(arena.total, 0);
    assert_non_null(arena_alloc(&arena, 1));
}

static void arena__is_empty_and_usable_after_its_end(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    arena_fini(&arena);
    assert_non_null(arena_alloc(&arena, 100));
    arena_fini(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.total, 0);
    assert_non_null(arena_alloc(&arena, 100));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena__aligns_for_any_type),
        cmocka_unit_test(arena__gives_pieces_that_do_not_overlap),
        cmocka_unit_test(arena__gives_something_for_nothing),
        cmocka_unit_test(arena__keeps_the_block_in_use_behind_a_large_piece),
        cmocka_unit_test(arena__asks_malloc_seldom_and_for_little_more),
        cmocka_unit_test(arena__copies_with_a_nul_behind),
        cmocka_unit_test(arena__refuses_what_nobody_has),
        cmocka_unit_test(arena__is_empty_and_usable_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
