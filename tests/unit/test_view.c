/*
 * view: what a reader may believe, and that it never goes back. Every message here was really signed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "util/clock.h"
#include "verify/view.h"

enum { ROOT_SEED = 100, SIGNER_SEED = 7, STRANGER_SEED = 9, TTL_S = 30 };

static int64_t stamped_ms(void)
{
    int64_t ms;
    assert_true(clock_parse(SPAN(TIMESTAMP), &ms));
    return ms;
}

static void sign(struct buf *body, uint8_t seed)
{
    struct error err;
    struct signing_key key = key_of_seed(seed);
    assert_int_equal(crypto_sign_object(&key, body, &err), 0);
}

static void make_keyset(struct buf *out, uint64_t generation, uint8_t signer)
{
    struct signing_key root = key_of_seed(ROOT_SEED), key = key_of_seed(signer);
    struct message_stamp stamp = stamp_of(root.id);
    struct message_keyset keys = {0};
    stamp.generation = generation;
    keyset_insert(&keys, &key);
    message_compose_keyset(out, &stamp, &keys);
    sign(out, ROOT_SEED);
}

static struct message_stamp stamp_of_generation(const struct signing_key *key, uint64_t generation)
{
    struct message_stamp stamp = stamp_of(key->id);
    stamp.generation = generation;
    return stamp;
}

static void make_head(struct buf *out, uint64_t generation, uint64_t epoch, const char *correlation, uint8_t signer)
{
    struct signing_key key = key_of_seed(signer);
    struct message_stamp stamp = stamp_of_generation(&key, generation);
    struct message_head head = sample_head();
    head.epoch = epoch;
    head.correlation_id = correlation;
    message_compose_head(out, &stamp, &head);
    sign(out, signer);
}

static void make_keepalive(struct buf *out, const struct view *view, uint64_t sequence)
{
    struct signing_key key = key_of_seed(SIGNER_SEED);
    struct message_stamp stamp = stamp_of_generation(&key, view->generation);
    struct message_keepalive keepalive = {.epoch = view->epoch, .sequence = sequence, .ttl_s = TTL_S};
    memcpy(keepalive.head, view->head, HASH_LEN);
    message_compose_keepalive(out, &stamp, &keepalive);
    sign(out, SIGNER_SEED);
}

static const struct root_keys *pinned(void)
{
    static struct root_keys roots;
    struct signing_key root = key_of_seed(ROOT_SEED);
    roots = (struct root_keys){.keys = {public_half(&root)}, .len = 1};
    return &roots;
}

/* A view that has a keyset of generation 1. */
static struct view started(void)
{
    struct view view = {.roots = pinned(), .source = SOURCE};
    struct buf keyset AUTO_BUF = {0};
    enum view_outcome outcome;
    struct error err;
    make_keyset(&keyset, 1, SIGNER_SEED);
    assert_int_equal(view_take_keyset(&view, buf_span(&keyset), &outcome, &err), 0);
    assert_int_equal(outcome, VIEW_NEWER);
    return view;
}

static void take_head(struct view *view, uint64_t generation, uint64_t epoch, enum view_outcome expected)
{
    struct buf raw AUTO_BUF = {0};
    struct message head AUTO_MESSAGE = {0};
    enum view_outcome outcome;
    struct error err;
    make_head(&raw, generation, epoch, "one", SIGNER_SEED);
    assert_int_equal(view_take_head(view, buf_span(&raw), &outcome, &head, &err), 0);
    assert_int_equal(outcome, expected);
    assert_int_equal(head.u.head.epoch, epoch);
}

static void assert_head_refused(struct view *view, const struct buf *raw, const char *code)
{
    struct view before = *view;
    struct message head AUTO_MESSAGE = {0};
    enum view_outcome outcome = VIEW_SAME;
    struct error err;
    assert_int_equal(view_take_head(view, buf_span(raw), &outcome, &head, &err), -1);
    assert_string_equal(err.code, code);
    assert_memory_equal(view, &before, sizeof before);
    assert_null(head.doc.root);
}

static void view__believes_nothing_before_a_keyset(void **state)
{
    (void)state;
    struct view view = {.roots = pinned(), .source = SOURCE};
    struct buf raw AUTO_BUF = {0};
    make_head(&raw, 1, 5, "one", SIGNER_SEED);
    assert_head_refused(&view, &raw, CODE_KEYSET_REFUSED);
}

static void view__takes_heads_in_their_order_and_never_goes_back(void **state)
{
    (void)state;
    struct view view = started();
    struct buf older AUTO_BUF = {0};
    take_head(&view, 1, 5, VIEW_NEWER);
    take_head(&view, 1, 5, VIEW_SAME);
    take_head(&view, 1, 9, VIEW_NEWER);
    make_head(&older, 1, 8, "one", SIGNER_SEED);
    assert_head_refused(&view, &older, CODE_MESSAGE_OLDER);
    assert_int_equal(view.epoch, 9);
}

static void view__sees_two_heads_of_one_epoch(void **state)
{
    (void)state;
    struct view view = started();
    struct buf other AUTO_BUF = {0};
    take_head(&view, 1, 5, VIEW_NEWER);
    make_head(&other, 1, 5, "two", SIGNER_SEED);
    assert_head_refused(&view, &other, CODE_EQUIVOCATION);
}

static void view__refuses_a_stranger(void **state)
{
    (void)state;
    struct view view = started();
    struct buf raw AUTO_BUF = {0}, keyset AUTO_BUF = {0};
    enum view_outcome outcome;
    struct error err;
    make_head(&raw, 1, 5, "one", STRANGER_SEED);
    assert_head_refused(&view, &raw, CODE_BAD_SIGNATURE);
    make_keyset(&keyset, 2, STRANGER_SEED);
    assert_true(spoil(&keyset, "\"generation\":2", "\"generation\":3"));
    assert_int_equal(view_take_keyset(&view, buf_span(&keyset), &outcome, &err), -1);
    assert_string_equal(err.code, CODE_KEYSET_REFUSED);
    assert_int_equal(view.keyset.generation, 1);
}

/* A stolen key stops working with the first new keyset, however high it drove the counter. */
static void view__begins_anew_with_a_higher_generation(void **state)
{
    (void)state;
    struct view view = started();
    struct buf next AUTO_BUF = {0}, raw AUTO_BUF = {0}, old AUTO_BUF = {0};
    struct message head AUTO_MESSAGE = {0};
    enum view_outcome outcome;
    struct error err;
    take_head(&view, 1, 1000000, VIEW_NEWER);
    make_keyset(&next, 2, STRANGER_SEED);
    assert_int_equal(view_take_keyset(&view, buf_span(&next), &outcome, &err), 0);
    assert_int_equal(outcome, VIEW_NEWER);
    make_head(&raw, 2, 6, "one", STRANGER_SEED);
    assert_int_equal(view_take_head(&view, buf_span(&raw), &outcome, &head, &err), 0);
    assert_int_equal(view.epoch, 6);
    make_head(&old, 1, 1000001, "one", SIGNER_SEED);
    assert_head_refused(&view, &old, CODE_BAD_SIGNATURE);
    buf_reset(&old);
    make_keyset(&old, 1, SIGNER_SEED);
    assert_int_equal(view_take_keyset(&view, buf_span(&old), &outcome, &err), -1);
    assert_string_equal(err.code, CODE_MESSAGE_OLDER);
}

static void assert_keepalive(struct view *view, uint64_t sequence, int64_t wall_ms, enum view_vouch expected)
{
    struct buf raw AUTO_BUF = {0};
    struct error err;
    enum view_vouch vouch = VIEW_OTHER_HEAD;
    make_keepalive(&raw, view, sequence);
    assert_int_equal(view_take_keepalive(view, buf_span(&raw), NULL, wall_ms, 1000, &vouch, &err), 0);
    assert_int_equal(vouch, expected);
}

static void view__is_fresh_while_keepalives_of_now_vouch_for_its_head(void **state)
{
    (void)state;
    struct view view = started();
    struct buf raw AUTO_BUF = {0};
    struct error err;
    enum view_vouch vouch;
    int64_t now = stamped_ms(), slack = TTL_S * 1000 + VIEW_CLOCK_SLACK_MS;
    take_head(&view, 1, 5, VIEW_NEWER);
    assert_false(view_is_fresh(&view, 1000));
    assert_keepalive(&view, 10, now + slack + 1, VIEW_CLOCK);
    assert_keepalive(&view, 10, now - slack - 1, VIEW_CLOCK);
    assert_false(view_is_fresh(&view, 1000));
    assert_keepalive(&view, 10, now + slack, VIEW_VOUCHES);
    assert_true(view_is_fresh(&view, 1000 + TTL_S * 1000 - 1));
    assert_false(view_is_fresh(&view, 1000 + TTL_S * 1000));
    make_keepalive(&raw, &view, 10);
    assert_int_equal(view_take_keepalive(&view, buf_span(&raw), NULL, now, 1000, &vouch, &err), -1);
    assert_string_equal(err.code, CODE_MESSAGE_OLDER);
    assert_keepalive(&view, 11, now, VIEW_VOUCHES);
}

static void view__is_not_vouched_for_by_a_keepalive_of_another_head(void **state)
{
    (void)state;
    struct view view = started(), other = started();
    struct buf raw AUTO_BUF = {0};
    struct error err;
    enum view_vouch vouch = VIEW_VOUCHES;
    take_head(&view, 1, 5, VIEW_NEWER);
    take_head(&other, 1, 6, VIEW_NEWER);
    make_keepalive(&raw, &other, 10);
    assert_int_equal(view_take_keepalive(&view, buf_span(&raw), NULL, stamped_ms(), 1000, &vouch, &err), 0);
    assert_int_equal(vouch, VIEW_OTHER_HEAD);
    assert_false(view_is_fresh(&view, 1000));
    /* Which head is asked about is the caller's to say: one that was seen need not be applied. */
    buf_reset(&raw);
    make_keepalive(&raw, &other, 11);
    assert_int_equal(view_take_keepalive(&view, buf_span(&raw), other.head, stamped_ms(), 1000, &vouch, &err), 0);
    assert_int_equal(vouch, VIEW_VOUCHES);
}

static void view__refuses_a_second_keyset_of_one_generation(void **state)
{
    (void)state;
    struct view view = started();
    struct buf same AUTO_BUF = {0}, other AUTO_BUF = {0};
    enum view_outcome outcome = VIEW_NEWER;
    struct error err;
    make_keyset(&same, 1, SIGNER_SEED);
    assert_int_equal(view_take_keyset(&view, buf_span(&same), &outcome, &err), 0);
    assert_int_equal(outcome, VIEW_SAME);
    make_keyset(&other, 1, STRANGER_SEED);
    assert_int_equal(view_take_keyset(&view, buf_span(&other), &outcome, &err), -1);
    assert_string_equal(err.code, CODE_EQUIVOCATION);
    take_head(&view, 1, 5, VIEW_NEWER); /* the keys of the first still count */
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view__believes_nothing_before_a_keyset),
        cmocka_unit_test(view__takes_heads_in_their_order_and_never_goes_back),
        cmocka_unit_test(view__sees_two_heads_of_one_epoch),
        cmocka_unit_test(view__refuses_a_stranger),
        cmocka_unit_test(view__begins_anew_with_a_higher_generation),
        cmocka_unit_test(view__refuses_a_second_keyset_of_one_generation),
        cmocka_unit_test(view__is_fresh_while_keepalives_of_now_vouch_for_its_head),
        cmocka_unit_test(view__is_not_vouched_for_by_a_keepalive_of_another_head),
    };
    return crypto_init(&err) != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
