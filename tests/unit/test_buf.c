/*
 * buf: appending, growing, cutting, and what a failed allocation does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "util/buf.h"

/* AddressSanitizer aborts on what malloc merely refuses, unless it is told. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* More than any allocation gives, less than what the buffer itself refuses. */
static const size_t TOO_MUCH = SIZE_MAX / 8;

static void assert_holds(const struct buf *buf, const char *text)
{
    assert_true(span_is(buf_span(buf), text));
}

static void buf__begins_empty(void **state)
{
    (void)state;
    CLEANUP(buf_fini) struct buf buf = {0};
    struct error err;
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf_check(&buf, &err), 0);
    assert_true(span_equal(buf_span(&buf), SPAN("")));
}

static void buf__appends_pieces_in_order(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_puts(&buf, "a");
    buf_putc(&buf, 'b');
    buf_append(&buf, "c\0d", 3);
    buf_append_span(&buf, SPAN("e"));
    buf_printf(&buf, "%s-%d", "f", 7);
    assert_int_equal(buf.len, 9);
    assert_memory_equal(buf.data, "abc\0def-7", 9);
}

static void buf__takes_nothing_for_nothing(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    struct error err;
    buf_append(&buf, NULL, 0);
    buf_append_span(&buf, (struct span){0});
    buf_puts(&buf, "");
    buf_put_hex(&buf, "", 0);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf_check(&buf, &err), 0);
}

static void buf__writes_numbers_in_decimal(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{0, "0"}, {9, "9"}, {10, "10"}, {4294967296, "4294967296"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf buf = {0};
        buf_put_u64(&buf, cases[i].value);
        assert_holds(&buf, cases[i].text);
    }
}

static void buf__writes_hexadecimal_in_lower_case(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_put_hex(&buf, "\x00\x9f\xAB\xff", 4);
    assert_holds(&buf, "009fabff");
}

static void buf__keeps_its_bytes_while_it_grows(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    for (unsigned i = 0; i < 100000; i++)
        buf_putc(&buf, (char)(i % 251));
    assert_int_equal(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal((unsigned char)buf.data[i], i % 251);
    /* By doubling: a hundred thousand appends are a dozen allocations, and never more than twice the room. */
    assert_true(buf.cap <= 2 * buf.len);
}

static void buf__gives_a_large_piece_no_more_than_it_needs(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    assert_non_null(buf_reserve(&buf, 1000001));
    assert_int_equal(buf.cap, 1000001);
}

static void buf__lets_the_caller_fill_what_it_reserved(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_puts(&buf, "ab");
    char *to = buf_reserve(&buf, 100);
    assert_ptr_equal(to, buf.data + 2);
    memset(to, 'x', 100);
    assert_int_equal(buf.len, 2);
    buf.len += 3;
    assert_holds(&buf, "abxxx");
}

static void buf__is_cut_but_never_lengthened(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_puts(&buf, "abcdef");
    buf_truncate(&buf, 2);
    assert_holds(&buf, "ab");
    buf_truncate(&buf, 5);
    assert_holds(&buf, "ab");
}

static void buf__remembers_a_failed_allocation(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    struct error err;
    buf_puts(&buf, "kept");
    assert_null(buf_reserve(&buf, TOO_MUCH));
    buf_puts(&buf, "lost");
    buf_printf(&buf, "%d", 1);
    buf_put_hex(&buf, "x", 1);
    buf_put_u64(&buf, 1);
    assert_holds(&buf, "kept");
    assert_int_equal(buf_check(&buf, &err), -1);
    assert_string_equal(err.code, ERR_MEMORY);
}

static void buf__refuses_sizes_that_would_wrap(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_puts(&buf, "kept");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    assert_holds(&buf, "kept");
}

static void buf__is_usable_again_after_a_reset(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    struct error err;
    buf_puts(&buf, "old");
    assert_null(buf_reserve(&buf, TOO_MUCH));
    const char *data = buf.data;
    buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    buf_puts(&buf, "new");
    assert_holds(&buf, "new");
    assert_ptr_equal(buf.data, data);
    assert_int_equal(buf_check(&buf, &err), 0);
}

static void buf__is_usable_again_after_its_end(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_puts(&buf, "old");
    buf_fini(&buf);
    assert_null(buf.data);
    buf_puts(&buf, "new");
    assert_holds(&buf, "new");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf__begins_empty),
        cmocka_unit_test(buf__appends_pieces_in_order),
        cmocka_unit_test(buf__takes_nothing_for_nothing),
        cmocka_unit_test(buf__writes_numbers_in_decimal),
        cmocka_unit_test(buf__writes_hexadecimal_in_lower_case),
        cmocka_unit_test(buf__keeps_its_bytes_while_it_grows),
        cmocka_unit_test(buf__gives_a_large_piece_no_more_than_it_needs),
        cmocka_unit_test(buf__lets_the_caller_fill_what_it_reserved),
        cmocka_unit_test(buf__is_cut_but_never_lengthened),
        cmocka_unit_test(buf__remembers_a_failed_allocation),
        cmocka_unit_test(buf__refuses_sizes_that_would_wrap),
        cmocka_unit_test(buf__is_usable_again_after_a_reset),
        cmocka_unit_test(buf__is_usable_again_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
