/*
 * array: room for one more, as often as there is memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "util/array.h"

static void array__has_room_for_one_more(void **state)
{
    (void)state;
    size_t cap = 0;
    uint32_t *items = NULL;
    for (uint32_t len = 0; len < 1000; len++) {
        items = array_grow(items, len, &cap, sizeof *items);
        assert_non_null(items);
        assert_true(cap > len);
        items[len] = len;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    assert_int_equal(cap, 1024);
    free(items);
}

static void array__moves_nothing_while_there_is_room(void **state)
{
    (void)state;
    size_t cap = 4;
    uint32_t items[4];
    assert_ptr_equal(array_grow(items, 3, &cap, sizeof *items), items);
    assert_int_equal(cap, 4);
}

/* As many items as no memory can hold, and as no number can count. */
static void array__stays_as_it_was_where_there_is_no_room(void **state)
{
    (void)state;
    static const size_t full[] = {SIZE_MAX / sizeof(uint32_t), SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < ARRAY_LEN(full); i++) {
        size_t cap = full[i];
        assert_null(array_grow(NULL, cap, &cap, sizeof(uint32_t)));
        assert_int_equal(cap, full[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(array__has_room_for_one_more),
        cmocka_unit_test(array__moves_nothing_while_there_is_room),
        cmocka_unit_test(array__stays_as_it_was_where_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
