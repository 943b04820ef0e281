/*
 * memory: what was freed between blocks that stay goes back to the system; wishes are wishes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>


#include "util/macros.h"
#include "util/memory.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define IS_OURS_TO_GIVE 1
#else
#define IS_OURS_TO_GIVE 0
#endif

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void memory__gives_back_what_is_free_between_what_stays(void **state)
{
    enum { BLOCKS = 8192, SIZE = 4000, KEPT_EVERY = 64 };
    static char *blocks[BLOCKS];
    (void)state;
    if (!IS_OURS_TO_GIVE)
        skip();
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        assert_non_null(blocks[i]);
        blocks[i][0] = blocks[i][SIZE - 1] = 'x';
    }
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % KEPT_EVERY != KEPT_EVERY - 1)
            free(blocks[i]);
    long before = resident_kib();
    memory_give_back();
    assert_true(resident_kib() < before - 16 * 1024);
    for (size_t i = KEPT_EVERY - 1; i < BLOCKS; i += KEPT_EVERY)
        free(blocks[i]);
}

static void memory__drops_code_that_comes_back_when_it_is_called(void **state)
{
    (void)state;
    if (!IS_OURS_TO_GIVE)
        skip();
    long before = resident_kib();
    memory_drop_code();
    assert_true(resident_kib() < before);
    assert_true(strtod("2.5", NULL) > 2);
}

static void memory__wishes_change_nothing_of_a_block(void **state)
{
    enum { SIZE = 5 * 1024 * 1024 };
    (void)state;
    static const size_t lengths[] = {0, 1, 4096, SIZE - 7};
    char *block = malloc(SIZE);
    assert_non_null(block);
    memset(block, 'x', SIZE);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        memory_expect_all(block + 5, lengths[i]);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(block[i], 'x');
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__gives_back_what_is_free_between_what_stays),
        cmocka_unit_test(memory__drops_code_that_comes_back_when_it_is_called),
        cmocka_unit_test(memory__wishes_change_nothing_of_a_block),
    };
    memory_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
