/*
 * state: what a consumer applies, in whatever order it hears of it, and that it never goes back. Every message was really signed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/state.h"
#include "model/codes.h"
#include "publishing.h"

struct reader {
    struct state state;
    struct publishing publisher;
};

/* Follows a and b of a publisher whose first epoch has a, b and c. */
static struct reader *reader_new(void)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct error err;
    assert_non_null(reader);
    publishing_init(&reader->publisher);
    COMMIT_OF(&reader->publisher, "a", "{\"n\":1}", "b", "{\"n\":1}", "c", "{\"n\":1}");
    state_init(&reader->state, pinned(), SOURCE, false);
    must(state_follow(&reader->state, "a", &err), &err);
    must(state_follow(&reader->state, "b", &err), &err);
    return reader;
}

static void reader_cleanup(struct reader **reader)
{
    state_fini(&(*reader)->state);
    publishing_fini(&(*reader)->publisher);
    free(*reader);
}
#define READER CLEANUP(reader_cleanup) struct reader

static enum state_outcome take(struct reader *reader, enum topic_kind kind, const char *service, const struct buf *raw)
{
    enum state_outcome outcome;
    struct error err;
    must(state_take(&reader->state, kind, service, buf_span(raw), &outcome, &err), &err);
    return outcome;
}

static void assert_refused(struct reader *reader, enum topic_kind kind, const char *service, const struct buf *raw,
                           const char *code)
{
    enum state_outcome outcome;
    struct error err = {.code = "nothing"};
    assert_int_equal(state_take(&reader->state, kind, service, buf_span(raw), &outcome, &err), -1);
    assert_string_equal(err.code, code);
}

static void take_service(struct reader *reader, const char *name)
{
    take(reader, TOPIC_SERVICE, name, &publishing_find(&reader->publisher, name)->message);
}

static bool apply(struct reader *reader)
{
    if (!state_prepare(&reader->state))
        return false;
    state_commit(&reader->state);
    return true;
}

static void take_all(struct reader *reader)
{
    take(reader, TOPIC_KEYS, NULL, &reader->publisher.keyset);
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    take_service(reader, "a");
    take_service(reader, "b");
}

static struct reader *started(void)
{
    struct reader *reader = reader_new();
    take_all(reader);
    assert_true(apply(reader));
    return reader;
}

static void assert_version(const struct reader *reader, const char *name, uint64_t version)
{
    const struct state_service *row = state_find_service(&reader->state, name);
    if (version == 0)
        assert_null(row->applied);
    else
        assert_int_equal(row->applied->version, version);
}

/* --- completeness ------------------------------------------------------------------------------------------------- */

/* T3: whatever of an epoch has come and in whichever order, it is applied when the last of it is here, and not before. */
static void t3__an_epoch_is_applied_whole_in_every_order_of_its_parts(void **state)
{
    (void)state;
    enum { PARTS = 5 };
    for (size_t code = 0; code < 120; code++) {
        READER *reader = reader_new();
        size_t left[PARTS] = {0, 1, 2, 3, 4}, rest = code;
        size_t seen = 0;
        for (size_t n = PARTS; n > 0; n--) {
            size_t at = rest % n, part = left[at];
            rest /= n;
            memmove(&left[at], &left[at + 1], (n - at - 1) * sizeof *left);
            switch (part) {
            case 0:
                take(reader, TOPIC_KEYS, NULL, &reader->publisher.keyset);
                break;
            case 1:
                take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
                break;
            case 2:
                take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
                break;
            default:
                take_service(reader, part == 3 ? "a" : "b");
                break;
            }
            seen++;
            assert_int_equal(state_prepare(&reader->state), seen == PARTS);
        }
        assert_true(apply(reader));
        assert_version(reader, "a", 1);
        assert_version(reader, "b", 1);
        assert_false(apply(reader));
    }
}

static void state__needs_of_a_child_only_what_it_names(void **state)
{
    (void)state;
    READER *reader = started();
    COMMIT_OF(&reader->publisher, "b", "{\"n\":2}", "c", "{\"n\":2}");
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    assert_false(state_wants_index(&reader->state));
    assert_true(state_is_missing(&reader->state, state_find_service(&reader->state, "b")));
    assert_false(state_is_missing(&reader->state, state_find_service(&reader->state, "a")));
    assert_false(apply(reader));
    take_service(reader, "b");
    assert_true(apply(reader));
    assert_version(reader, "a", 1);
    assert_version(reader, "b", 2);
}

static void state__needs_the_index_after_a_gap(void **state)
{
    (void)state;
    READER *reader = started();
    COMMIT_OF(&reader->publisher, "a", "{\"n\":2}");
    COMMIT_OF(&reader->publisher, "b", "{\"n\":3}");
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take_service(reader, "b");
    assert_true(state_wants_index(&reader->state));
    assert_false(apply(reader));
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_true(state_is_missing(&reader->state, state_find_service(&reader->state, "a")));
    assert_false(apply(reader));
    take_service(reader, "a");
    assert_true(apply(reader));
    assert_version(reader, "a", 2);
    assert_version(reader, "b", 3);
}

static void t3__a_service_of_a_later_epoch_waits_for_its_own_head(void **state)
{
    (void)state;
    READER *reader = started();
    struct buf second AUTO_BUF = {0};
    COMMIT_OF(&reader->publisher, "a", "{\"n\":2}", "b", "{\"n\":2}");
    buf_append_span(&second, buf_span(&reader->publisher.head));
    struct buf old_a AUTO_BUF = {0};
    buf_append_span(&old_a, buf_span(&publishing_find(&reader->publisher, "a")->message));
    take_service(reader, "b");
    COMMIT_OF(&reader->publisher, "a", "{\"n\":3}");
    take_service(reader, "a");
    take(reader, TOPIC_EPOCH, NULL, &second);
    assert_false(apply(reader)); /* a is of epoch 3 */
    assert_refused(reader, TOPIC_SERVICE, "a", &old_a, CODE_MESSAGE_OLDER);
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_true(apply(reader));
    assert_version(reader, "a", 3);
    assert_version(reader, "b", 2);
}

static void state__removes_by_a_tombstone_and_by_the_index(void **state)
{
    (void)state;
    READER *reader = started();
    COMMIT_OF(&reader->publisher, "a", "");
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take_service(reader, "a");
    assert_true(state_prepare(&reader->state));
    assert_true(state_find_service(&reader->state, "a")->next->is_tombstone);
    state_commit(&reader->state);
    assert_version(reader, "a", 0);
    COMMIT_OF(&reader->publisher, "c", "{\"n\":3}");
    COMMIT_OF(&reader->publisher, "b", "");
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_true(apply(reader));
    assert_version(reader, "b", 0);
}

static void state__completes_the_applied_head_for_a_service_that_is_followed_later(void **state)
{
    (void)state;
    READER *reader = started();
    struct error err;
    must(state_follow(&reader->state, "c", &err), &err);
    assert_int_equal(take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head), STATE_NEWS);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_false(apply(reader));
    take_service(reader, "c");
    assert_true(apply(reader));
    assert_version(reader, "c", 1);
    assert_int_equal(take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head), STATE_SAME);
}

static void state__of_all_learns_names_from_what_a_head_vouches_for_alone(void **state)
{
    (void)state;
    PUBLISHING publisher;
    AUTO_STATE struct state all;
    enum state_outcome outcome;
    struct error err;
    publishing_init(&publisher);
    COMMIT_OF(&publisher, "a", "{}", "b", "{}");
    state_init(&all, pinned(), SOURCE, true);
    must(state_take(&all, TOPIC_KEYS, NULL, buf_span(&publisher.keyset), &outcome, &err), &err);
    must(state_take(&all, TOPIC_INDEX, NULL, buf_span(&publisher.index), &outcome, &err), &err);
    assert_int_equal(all.len, 0);
    must(state_take(&all, TOPIC_EPOCH, NULL, buf_span(&publisher.head), &outcome, &err), &err);
    assert_int_equal(all.len, 2);
    assert_int_equal(all.missing, 2);
    must(state_take(&all, TOPIC_SERVICE, "a", buf_span(&publisher.services[0].message), &outcome, &err), &err);
    assert_int_equal(all.missing, 1);
    must(state_take(&all, TOPIC_SERVICE, "b", buf_span(&publisher.services[1].message), &outcome, &err), &err);
    assert_true(state_prepare(&all));
}

/* The head and the index vouch for a digest, so a broken signature under it would not be noticed; with another digest it is. */
static void state__verifies_by_digest_where_the_index_names_it_and_by_signature_elsewhere(void **state)
{
    (void)state;
    READER *reader = reader_new();
    struct buf forged AUTO_BUF = {0};
    compose_update(&forged, 1, STRANGER_SEED, "a", 1, "{\"n\":9}");
    take(reader, TOPIC_KEYS, NULL, &reader->publisher.keyset);
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_refused(reader, TOPIC_SERVICE, "a", &forged, CODE_BAD_SIGNATURE);
    take_service(reader, "a");
    assert_refused(reader, TOPIC_SERVICE, "b", &publishing_find(&reader->publisher, "a")->message, CODE_WRONG_SERVICE);
    take_service(reader, "b");
    assert_true(apply(reader));
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static void t2__every_earlier_message_of_a_run_is_refused_at_the_end_of_it(void **state)
{
    (void)state;
    enum { EPOCHS = 20 };
    READER *reader = started();
    struct buf heads[EPOCHS] = {0}, services[EPOCHS] = {0};
    for (size_t i = 0; i < EPOCHS; i++) {
        char config[32];
        buf_append_span(&heads[i], buf_span(&reader->publisher.head));
        buf_append_span(&services[i], buf_span(&publishing_find(&reader->publisher, "a")->message));
        snprintf(config, sizeof config, "{\"n\":%zu}", i + 2);
        COMMIT_OF(&reader->publisher, "a", config);
        take_service(reader, "a");
        take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
        assert_true(apply(reader));
        for (size_t k = 0; k <= i; k++) {
            assert_refused(reader, TOPIC_EPOCH, NULL, &heads[k], CODE_MESSAGE_OLDER);
            assert_refused(reader, TOPIC_SERVICE, "a", &services[k], CODE_MESSAGE_OLDER);
        }
        assert_false(state_prepare(&reader->state));
    }
    assert_version(reader, "a", EPOCHS + 1);
    for (size_t i = 0; i < EPOCHS; i++) {
        buf_fini(&heads[i]);
        buf_fini(&services[i]);
    }
}

static void f69__what_comes_twice_is_nothing_new(void **state)
{
    (void)state;
    READER *reader = started();
    assert_int_equal(take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head), STATE_SAME);
    assert_int_equal(take(reader, TOPIC_KEYS, NULL, &reader->publisher.keyset), STATE_SAME);
    assert_int_equal(take(reader, TOPIC_SERVICE, "a", &publishing_find(&reader->publisher, "a")->message), STATE_SAME);
    assert_false(apply(reader));
}

static void t2__two_messages_of_one_place_are_equivocation(void **state)
{
    (void)state;
    READER *reader = started();
    struct buf other AUTO_BUF = {0};
    compose_update(&other, 1, SIGNER_SEED, "a", 1, "{\"n\":9}");
    assert_refused(reader, TOPIC_SERVICE, "a", &other, CODE_EQUIVOCATION);
    compose_keyset(&other, 1, SIGNER_SEED + 1);
    assert_refused(reader, TOPIC_KEYS, NULL, &other, CODE_EQUIVOCATION);
    reader->publisher.epoch--;
    COMMIT_OF(&reader->publisher, "a", "{\"n\":8}");
    assert_refused(reader, TOPIC_EPOCH, NULL, &reader->publisher.head, CODE_EQUIVOCATION);
    assert_false(apply(reader));
}

/* --- generations -------------------------------------------------------------------------------------------------- */

static void t6_f77__a_counter_that_was_driven_up_does_not_survive_a_rotation(void **state)
{
    (void)state;
    READER *reader = started();
    reader->publisher.epoch = 1000000;
    COMMIT_OF(&reader->publisher, "a", "{\"n\":666}");
    take_service(reader, "a");
    take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_true(apply(reader));
    reader->publisher.epoch = 1;
    publishing_find(&reader->publisher, "a")->version = 1;
    snprintf(publishing_find(&reader->publisher, "a")->config, 8, "{}");
    publishing_rotate(&reader->publisher);
    publishing_rotate(&reader->publisher); /* one was missed */
    take_all(reader);
    assert_true(apply(reader));
    assert_int_equal(reader->state.applied.generation, 3);
    assert_version(reader, "a", 1);
}

static void f77__messages_of_a_later_generation_wait_for_their_keyset(void **state)
{
    (void)state;
    READER *reader = started();
    publishing_rotate(&reader->publisher);
    assert_int_equal(take(reader, TOPIC_SERVICE, "a", &publishing_find(&reader->publisher, "a")->message), STATE_HELD);
    assert_int_equal(take(reader, TOPIC_SERVICE, "b", &publishing_find(&reader->publisher, "b")->message), STATE_HELD);
    assert_int_equal(take(reader, TOPIC_EPOCH, NULL, &reader->publisher.head), STATE_HELD);
    assert_false(apply(reader));
    assert_int_equal(take(reader, TOPIC_KEYS, NULL, &reader->publisher.keyset), STATE_KEYSET);
    take(reader, TOPIC_INDEX, NULL, &reader->publisher.index);
    assert_true(apply(reader));
    assert_int_equal(reader->state.applied.generation, 2);
}

static void t1__what_the_old_key_signs_after_a_rotation_is_refused(void **state)
{
    (void)state;
    READER *reader = started();
    struct buf stolen AUTO_BUF = {0};
    publishing_rotate(&reader->publisher);
    take_all(reader);
    assert_true(apply(reader));
    compose_update(&stolen, 1, SIGNER_SEED, "a", 99, "{\"n\":9}");
    assert_refused(reader, TOPIC_SERVICE, "a", &stolen, CODE_BAD_SIGNATURE);
    compose_update(&stolen, 2, SIGNER_SEED, "a", 99, "{\"n\":9}");
    assert_refused(reader, TOPIC_SERVICE, "a", &stolen, CODE_BAD_SIGNATURE);
    compose_keyset(&stolen, 1, SIGNER_SEED);
    assert_refused(reader, TOPIC_KEYS, NULL, &stolen, CODE_MESSAGE_OLDER);
}

static void t10__what_is_too_large_is_refused_before_anything_else(void **state)
{
    (void)state;
    READER *reader = started();
    struct buf large AUTO_BUF = {0};
    char *room = buf_reserve(&large, INDEX_MAX + 1);
    memset(room, ' ', INDEX_MAX + 1);
    large.len = INDEX_MAX + 1;
    assert_refused(reader, TOPIC_INDEX, NULL, &large, CODE_MESSAGE_TOO_LARGE);
    assert_refused(reader, TOPIC_SERVICE, "a", &large, CODE_MESSAGE_TOO_LARGE);
    assert_refused(reader, TOPIC_EPOCH, NULL, &large, CODE_MESSAGE_TOO_LARGE);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t3__an_epoch_is_applied_whole_in_every_order_of_its_parts),
        cmocka_unit_test(state__needs_of_a_child_only_what_it_names),
        cmocka_unit_test(state__needs_the_index_after_a_gap),
        cmocka_unit_test(t3__a_service_of_a_later_epoch_waits_for_its_own_head),
        cmocka_unit_test(state__removes_by_a_tombstone_and_by_the_index),
        cmocka_unit_test(state__completes_the_applied_head_for_a_service_that_is_followed_later),
        cmocka_unit_test(state__of_all_learns_names_from_what_a_head_vouches_for_alone),
        cmocka_unit_test(state__verifies_by_digest_where_the_index_names_it_and_by_signature_elsewhere),
        cmocka_unit_test(t2__every_earlier_message_of_a_run_is_refused_at_the_end_of_it),
        cmocka_unit_test(f69__what_comes_twice_is_nothing_new),
        cmocka_unit_test(t2__two_messages_of_one_place_are_equivocation),
        cmocka_unit_test(t6_f77__a_counter_that_was_driven_up_does_not_survive_a_rotation),
        cmocka_unit_test(f77__messages_of_a_later_generation_wait_for_their_keyset),
        cmocka_unit_test(t1__what_the_old_key_signs_after_a_rotation_is_refused),
        cmocka_unit_test(t10__what_is_too_large_is_refused_before_anything_else),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
