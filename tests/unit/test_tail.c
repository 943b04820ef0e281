/*
 * tail: what vouches for an object is put at its end and cut off again by bytes alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/tail.h"

static const uint8_t value[4] = {0x00, 0xab, 0xcd, 0xef};

static void tail__replaces_the_closing_brace(void **state)
{
    (void)state;
    AUTO_BUF struct buf object = {0};
    buf_puts(&object, "{\"a\":1}");
    tail_append(&object, "mark", value, sizeof value);
    assert_true(span_is(buf_span(&object), "{\"a\":1,\"mark\":\"00abcdef\"}"));
}

static void tail__has_the_documented_lengths(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    AUTO_BUF struct buf object = {0};
    buf_puts(&object, "{\"a\":1}");
    size_t body = object.len - 1;
    tail_append(&object, "signature", zeros, 64);
    assert_int_equal(object.len - body, TAIL_SIGNATURE_LEN);
    buf_reset(&object);
    buf_puts(&object, "{\"a\":1}");
    tail_append(&object, "hmac", zeros, 32);
    assert_int_equal(object.len - body, TAIL_HMAC_LEN);
}

static void tail__leaves_a_failed_or_empty_buffer_alone(void **state)
{
    (void)state;
    AUTO_BUF struct buf object = {0};
    tail_append(&object, "mark", value, sizeof value);
    assert_int_equal(object.len, 0);
    buf_puts(&object, "{\"a\":1}");
    assert_null(buf_reserve(&object, SIZE_MAX / 2));
    tail_append(&object, "mark", value, sizeof value);
    assert_int_equal(object.len, 7);
    assert_true(object.failed);
}

static void tail__cuts_what_it_appended(void **state)
{
    (void)state;
    AUTO_BUF struct buf object = {0};
    struct span body;
    uint8_t out[sizeof value];
    buf_puts(&object, "{\"a\":\",\\\"mark\\\":\\\"00000000\\\"}\"}");
    size_t len = object.len - 1;
    tail_append(&object, "mark", value, sizeof value);
    assert_true(tail_cut(buf_span(&object), "mark", sizeof value, &body, out));
    assert_ptr_equal(body.data, object.data);
    assert_int_equal(body.len, len);
    assert_memory_equal(out, value, sizeof value);
}

static void tail__cuts_an_object_that_is_nothing_but_its_tail(void **state)
{
    (void)state;
    struct span body;
    uint8_t out[sizeof value];
    assert_true(tail_cut(SPAN(",\"mark\":\"00abcdef\"}"), "mark", sizeof value, &body, out));
    assert_int_equal(body.len, 0);
}

static void tail__opens_to_what_is_signed(void **state)
{
    (void)state;
    AUTO_BUF struct buf object = {0}, opened = {0};
    uint8_t out[sizeof value];
    buf_puts(&object, "{\"a\":1}");
    tail_append(&object, "mark", value, sizeof value);
    buf_puts(&opened, "before ");
    assert_true(tail_open(buf_span(&object), "mark", sizeof value, &opened, out));
    assert_true(span_is(buf_span(&opened), "before {\"a\":1}"));
    assert_memory_equal(out, value, sizeof value);
    assert_false(tail_open(buf_span(&object), "hmac", sizeof value, &opened, out));
    assert_true(span_is(buf_span(&opened), "before {\"a\":1}"));
}

static void tail__refuses_every_other_end(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "}",
        "\"}",
        "00abcdef\"}",
        "\"mark\":\"00abcdef\"}",
        "{\"mark\":\"00abcdef\"}",        /* no member before it */
        "{\"a\":1,\"mark\":\"00abcdef\"", /* not closed */
        "{\"a\":1,\"mark\":\"00abcdef\"}\n",
        "{\"a\":1,\"mark\":\"00abcdef\" }",
        "{\"a\":1,\"mark\": \"00abcdef\"}",
        "{\"a\":1, \"mark\":\"00abcdef\"}",
        "{\"a\":1,\"mark\":\"00abcdef\"}}",
        "{\"a\":1,\"mark\":\"00abcdef\",\"b\":2}",
        "{\"a\":1,\"mark\":\"00ABCDEF\"}", /* the other spelling */
        "{\"a\":1,\"mark\":\"00abcdeg\"}",
        "{\"a\":1,\"mark\":\"00abcde\"}",   /* a digit less */
        "{\"a\":1,\"mark\":\"000abcdef\"}", /* a digit more */
        "{\"a\":1,\"marks\":\"00abcdef\"}",
        "{\"a\":1,\"other\":\"00abcdef\"}",
        "{\"a\":1,\"Mark\":\"00abcdef\"}",
        "{\"a\":1,\"\\u006dark\":\"00abcdef\"}", /* the same name to a JSON reader */
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct span body = {"untouched", 9};
        uint8_t out[sizeof value] = {7, 7, 7, 7};
        assert_false(tail_cut(span_of(refused[i]), "mark", sizeof value, &body, out));
        assert_true(span_is(body, "untouched"));
        assert_int_equal(out[0], 7);
    }
}

static void tail__refuses_every_shorter_prefix(void **state)
{
    (void)state;
    struct span whole = SPAN("{\"a\":1,\"mark\":\"00abcdef\"}"), body;
    uint8_t out[sizeof value];
    for (size_t len = 0; len < whole.len; len++) {
        /* A block of exactly its size, so that a sanitizer sees a read behind the end. */
        AUTO_FREE char *copy = malloc(len);
        if (len > 0)
            memcpy(copy, whole.data, len);
        assert_false(tail_cut((struct span){copy, len}, "mark", sizeof value, &body, out));
    }
    assert_false(tail_cut((struct span){0}, "mark", sizeof value, &body, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail__replaces_the_closing_brace),
        cmocka_unit_test(tail__has_the_documented_lengths),
        cmocka_unit_test(tail__leaves_a_failed_or_empty_buffer_alone),
        cmocka_unit_test(tail__cuts_what_it_appended),
        cmocka_unit_test(tail__cuts_an_object_that_is_nothing_but_its_tail),
        cmocka_unit_test(tail__opens_to_what_is_signed),
        cmocka_unit_test(tail__refuses_every_other_end),
        cmocka_unit_test(tail__refuses_every_shorter_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
