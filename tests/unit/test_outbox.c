/*
 * outbox: against a broker of paper: mqtt_publish of this file writes down what was sent; the tests acknowledge.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/outbox.h"
#include "model/codes.h"

/* --- the broker of paper ------------------------------------------------------------------------------------------ */

enum { SENT_MAX = 512 };

struct mqtt {
    bool is_up, refuses;
    size_t len, acknowledged;
    struct {
        char topic[TOPIC_MAX + 1];
        char payload[64];
        bool retain;
        int qos, id;
    } sent[SENT_MAX];
};

int mqtt_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain, int *message_id,
                 struct error *err)
{
    if (!mqtt->is_up || mqtt->refuses)
        return error_set(err, CODE_PUBLISH_REFUSED, 0, "paper says no");
    assert_true(mqtt->len < SENT_MAX);
    snprintf(mqtt->sent[mqtt->len].topic, sizeof mqtt->sent[0].topic, "%s", topic);
    snprintf(mqtt->sent[mqtt->len].payload, sizeof mqtt->sent[0].payload, "%.*s", (int)payload.len, payload.data);
    mqtt->sent[mqtt->len].retain = retain;
    mqtt->sent[mqtt->len].qos = qos;
    mqtt->sent[mqtt->len].id = *message_id = (int)mqtt->len + 1;
    mqtt->len++;
    return 0;
}

bool mqtt_is_up(const struct mqtt *mqtt)
{
    return mqtt->is_up;
}

/* --- a desk ---------------------------------------------------------------------------------------------------------- */

struct desk {
    struct mqtt mqtt;
    struct outbox outbox;
    uint64_t published[16], overtaken[16];
    size_t published_len, overtaken_len, refused, cleared;
};

static void on_published(void *context, const struct oid *commit, uint64_t epoch)
{
    struct desk *desk = context;
    (void)commit;
    desk->published[desk->published_len++] = epoch;
}

static void on_overtaken(void *context, const struct oid *commit, uint64_t epoch)
{
    struct desk *desk = context;
    (void)commit;
    desk->overtaken[desk->overtaken_len++] = epoch;
}

static void on_cleared(void *context, const char *name)
{
    struct desk *desk = context;
    (void)name;
    desk->cleared++;
}

static void on_refused(void *context, const char *topic, int reason, const char *text)
{
    struct desk *desk = context;
    (void)topic;
    (void)reason;
    (void)text;
    desk->refused++;
}

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct outbox_events events = {desk, on_published, on_overtaken, on_cleared, on_refused};
    outbox_init(&desk->outbox, "", "src", SPAN("KEYS"), &events);
    desk->mqtt.is_up = true;
    outbox_open(&desk->outbox, &desk->mqtt);
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    outbox_fini(&desk->outbox);
    free(desk);
    return 0;
}

static void add(struct outbox_batch *batch, const char *name, const char *text, bool announce, bool is_removed)
{
    struct error err;
    struct service *service = service_new(name, "", 1, span_of(text), (struct span){0});
    assert_int_equal(outbox_batch_add(batch, service, announce, is_removed, &err), 0);
    service_unref(service);
}

static struct outbox_batch epoch(uint64_t number)
{
    struct outbox_batch batch = {.epoch = number};
    buf_printf(&batch.head, "HEAD%llu", (unsigned long long)number);
    return batch;
}

static void put_one(struct desk *desk, uint64_t number, const char *name, const char *text)
{
    struct outbox_batch batch = epoch(number);
    add(&batch, name, text, true, false);
    outbox_put(&desk->outbox, &batch);
}

static void acknowledge(struct desk *desk, int reason)
{
    assert_true(desk->mqtt.acknowledged < desk->mqtt.len);
    outbox_acknowledged(&desk->outbox, desk->mqtt.sent[desk->mqtt.acknowledged++].id, reason, "text");
}

static void acknowledge_all(struct desk *desk)
{
    while (desk->mqtt.acknowledged < desk->mqtt.len)
        acknowledge(desk, 0);
}

static void expect_sent(const struct desk *desk, size_t at, const char *topic, const char *payload, bool retain)
{
    assert_true(at < desk->mqtt.len);
    assert_string_equal(desk->mqtt.sent[at].topic, topic);
    assert_string_equal(desk->mqtt.sent[at].payload, payload);
    assert_int_equal(desk->mqtt.sent[at].retain, retain);
}

/* --- epochs ------------------------------------------------------------------------------------------------------------ */

static void outbox__sends_services_on_both_topics_and_the_head_last(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = epoch(7);
    add(&batch, "b", "B", true, false);
    add(&batch, "a", "A", true, false);
    outbox_put(&desk->outbox, &batch);
    assert_int_equal(desk->mqtt.len, 4); /* the head waits for their acknowledgements */
    for (int i = 0; i < 3; i++)
        acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, 4);
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, 5);
    expect_sent(desk, 0, "system/config/a", "A", true);
    expect_sent(desk, 1, "config/update", "A", false);
    expect_sent(desk, 2, "system/config/b", "B", true);
    expect_sent(desk, 3, "config/update", "B", false);
    expect_sent(desk, 4, "system/epoch/src", "HEAD7", true);
}

static void outbox__calls_an_epoch_published_with_its_last_acknowledgement_and_not_before(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A");
    acknowledge(desk, 0);
    acknowledge(desk, 0x10); /* no subscriber: a success */
    assert_int_equal(desk->published_len, 0);
    acknowledge(desk, 0);
    assert_int_equal(desk->published_len, 1);
    assert_int_equal(desk->published[0], 1);
    assert_true(outbox_is_idle(&desk->outbox));
}

static void outbox__never_calls_an_epoch_published_when_one_message_was_refused(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A");
    acknowledge(desk, 0);
    acknowledge(desk, 0x87);
    acknowledge(desk, 0); /* the head: config/update is nobody's state */
    assert_int_equal(desk->published_len, 0);
    assert_int_equal(desk->refused, 1);
    assert_true(outbox_is_idle(&desk->outbox));
}

static void outbox__holds_the_head_back_where_a_service_of_its_epoch_was_refused(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A");
    acknowledge(desk, 0x87);
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, 2);
    assert_true(outbox_is_idle(&desk->outbox));
    assert_int_equal(desk->published_len, 0);
}

static void outbox__holds_no_later_head_back_for_a_service_of_an_earlier_epoch(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = epoch(2); /* an assertion: `a` is of epoch 1 */
    batch.with_keyset = true;
    add(&batch, "a", "A", false, false);
    outbox_put(&desk->outbox, &batch);
    acknowledge(desk, 0);
    acknowledge(desk, 0x87);
    expect_sent(desk, 2, "system/epoch/src", "HEAD2", true);
    acknowledge(desk, 0);
    assert_int_equal(desk->published_len, 0);
}

static void outbox__puts_a_service_back_without_taking_that_for_the_end_of_a_tombstone(void **state)
{
    struct desk *desk = *state;
    struct service *service = service_new("a", "", 1, SPAN("A"), (struct span){0});
    assert_true(outbox_put_service(&desk->outbox, service));
    expect_sent(desk, 0, "system/config/a", "A", true);
    acknowledge(desk, 0);
    assert_int_equal(desk->cleared, 0);
    assert_true(outbox_is_idle(&desk->outbox));
    desk->mqtt.is_up = false;
    assert_false(outbox_put_service(&desk->outbox, service));
    service_unref(service);
}

static void outbox__takes_an_acknowledgement_once(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A");
    outbox_acknowledged(&desk->outbox, 1, 0, "");
    outbox_acknowledged(&desk->outbox, 1, 0, "");
    outbox_acknowledged(&desk->outbox, 99, 0, "");
    outbox_acknowledged(&desk->outbox, 2, 0, "");
    assert_int_equal(desk->published_len, 0);
    outbox_acknowledged(&desk->outbox, 3, 0, "");
    assert_int_equal(desk->published_len, 1);
}

static void outbox__keeps_a_window_and_sends_on_as_acknowledgements_come(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = epoch(1);
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "s%03d", i);
        add(&batch, name, "X", false, false);
    }
    outbox_put(&desk->outbox, &batch);
    assert_int_equal(desk->mqtt.len, OUTBOX_WINDOW);
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, OUTBOX_WINDOW + 1);
    acknowledge_all(desk);
    assert_int_equal(desk->mqtt.len, 101);
    assert_int_equal(desk->published_len, 1);
}

static void outbox__merges_what_waits_so_that_memory_is_bounded_by_what_exists(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A1");
    put_one(desk, 2, "b", "B2");
    put_one(desk, 3, "a", "A3");
    put_one(desk, 4, "b", "B4");
    assert_int_equal(desk->mqtt.len, 2); /* the first is on its way, the rest waits as one */
    assert_int_equal(desk->overtaken_len, 2);
    assert_int_equal(desk->overtaken[0], 2);
    assert_int_equal(desk->overtaken[1], 3);
    acknowledge_all(desk);
    assert_int_equal(desk->published_len, 2);
    assert_int_equal(desk->published[0], 1);
    assert_int_equal(desk->published[1], 4);
    assert_int_equal(desk->mqtt.len, 3 + 5);
    expect_sent(desk, 3, "system/config/a", "A3", true);
    expect_sent(desk, 5, "system/config/b", "B4", true);
    expect_sent(desk, 7, "system/epoch/src", "HEAD4", true);
}

static void assert_all(struct desk *desk, uint64_t number)
{
    struct outbox_batch batch = epoch(number);
    batch.with_keyset = true;
    add(&batch, "a", "A", false, false);
    outbox_put(&desk->outbox, &batch);
}

static void outbox__calls_nothing_published_after_a_refusal_until_everything_was_asserted(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A1");
    put_one(desk, 2, "b", "B2");
    acknowledge(desk, 0x87);
    acknowledge_all(desk);
    assert_int_equal(desk->overtaken_len, 1);
    assert_int_equal(desk->overtaken[0], 1);
    assert_int_equal(desk->published_len, 0); /* its own messages went through, but a client cannot complete it */
    assert_all(desk, 2);
    acknowledge_all(desk);
    assert_int_equal(desk->published_len, 1);
    assert_int_equal(desk->published[0], 2);
}

static void outbox__keeps_room_for_a_goodbye_behind_a_stalled_epoch(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = epoch(1);
    char name[16];
    for (int i = 0; i < 2 * OUTBOX_WINDOW; i++) {
        snprintf(name, sizeof name, "s%03d", i);
        add(&batch, name, "X", false, false);
    }
    outbox_put(&desk->outbox, &batch);
    outbox_put_health(&desk->outbox, SPAN("BYE"));
    expect_sent(desk, OUTBOX_WINDOW, "system/health/src", "BYE", true);
}

static void outbox__begins_an_assertion_with_the_keyset(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = epoch(3);
    batch.with_keyset = true;
    add(&batch, "a", "A", false, false);
    outbox_put(&desk->outbox, &batch);
    assert_int_equal(desk->mqtt.len, 2);
    acknowledge(desk, 0);
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, 3);
    expect_sent(desk, 0, "system/keys/src", "KEYS", true);
    expect_sent(desk, 1, "system/config/a", "A", true);
    expect_sent(desk, 2, "system/epoch/src", "HEAD3", true);
}

static void outbox__sends_the_keyset_alone_where_there_is_no_epoch_yet(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch batch = {.with_keyset = true};
    outbox_put(&desk->outbox, &batch);
    assert_int_equal(desk->mqtt.len, 1);
    acknowledge_all(desk);
    assert_true(outbox_is_idle(&desk->outbox));
}

static void outbox__forgets_everything_with_the_connection(void **state)
{
    struct desk *desk = *state;
    put_one(desk, 1, "a", "A1");
    put_one(desk, 2, "a", "A2");
    outbox_close(&desk->outbox);
    assert_true(outbox_is_idle(&desk->outbox));
    assert_int_equal(desk->overtaken_len, 1); /* the second comes again with the next assertion */
    assert_int_equal(desk->overtaken[0], 1);
    outbox_acknowledged(&desk->outbox, 1, 0, "");
    assert_int_equal(desk->published_len, 0);
}

static void outbox__reports_what_this_broker_never_takes_and_goes_on(void **state)
{
    struct desk *desk = *state;
    desk->mqtt.refuses = true;
    put_one(desk, 1, "a", "A");
    assert_int_equal(desk->refused, 2); /* and no head over it */
    assert_int_equal(desk->published_len, 0);
    assert_true(outbox_is_idle(&desk->outbox));
}

static void outbox__waits_while_the_connection_is_going_down(void **state)
{
    struct desk *desk = *state;
    desk->mqtt.is_up = false;
    put_one(desk, 1, "a", "A");
    assert_int_equal(desk->refused, 0);
    assert_false(outbox_is_idle(&desk->outbox));
}

/* --- tombstones ----------------------------------------------------------------------------------------------------------- */

static void remove_service(struct desk *desk, uint64_t number, const char *name)
{
    struct outbox_batch batch = epoch(number);
    add(&batch, name, "TOMBSTONE", true, true);
    outbox_put(&desk->outbox, &batch);
    acknowledge_all(desk);
}

static void outbox__clears_a_tombstone_only_after_an_index_without_it(void **state)
{
    struct desk *desk = *state;
    remove_service(desk, 1, "gone");
    size_t before = desk->mqtt.len;
    outbox_put_index(&desk->outbox, SPAN("INDEX"));
    assert_int_equal(desk->mqtt.len, before + 1);
    expect_sent(desk, before, "system/index/src", "INDEX", true);
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, before + 2);
    expect_sent(desk, before + 1, "system/config/gone", "", true);
    assert_int_equal(desk->cleared, 0);
    acknowledge(desk, 0);
    assert_int_equal(desk->cleared, 1);
}

static void outbox__keeps_a_tombstone_when_the_index_was_refused(void **state)
{
    struct desk *desk = *state;
    remove_service(desk, 1, "gone");
    outbox_put_index(&desk->outbox, SPAN("INDEX"));
    size_t before = desk->mqtt.len;
    acknowledge(desk, 0x87);
    assert_int_equal(desk->mqtt.len, before);
    outbox_put_index(&desk->outbox, SPAN("INDEX"));
    acknowledge(desk, 0);
    assert_int_equal(desk->mqtt.len, before + 2);
}

static void outbox__never_clears_a_service_that_came_back(void **state)
{
    struct desk *desk = *state;
    remove_service(desk, 1, "back");
    outbox_put_index(&desk->outbox, SPAN("INDEX"));
    put_one(desk, 2, "back", "ALIVE"); /* before the index is acknowledged */
    acknowledge_all(desk);
    for (size_t i = 0; i < desk->mqtt.len; i++)
        assert_false(desk->mqtt.sent[i].retain && desk->mqtt.sent[i].payload[0] == '\0');
}

static void outbox__never_clears_what_waits_to_come_back(void **state)
{
    struct desk *desk = *state;
    struct outbox_batch removal = epoch(1);
    add(&removal, "back", "TOMBSTONE", true, true);
    outbox_put(&desk->outbox, &removal);
    put_one(desk, 2, "back", "ALIVE"); /* waits behind the removal */
    acknowledge_all(desk);
    outbox_put_index(&desk->outbox, SPAN("INDEX"));
    acknowledge_all(desk);
    for (size_t i = 0; i < desk->mqtt.len; i++)
        assert_false(desk->mqtt.sent[i].retain && desk->mqtt.sent[i].payload[0] == '\0');
}

static void outbox__has_one_index_on_its_way(void **state)
{
    struct desk *desk = *state;
    outbox_put_index(&desk->outbox, SPAN("ONE"));
    outbox_put_index(&desk->outbox, SPAN("TWO"));
    assert_int_equal(desk->mqtt.len, 1);
}

static void f64__outbox_counts_the_wait_for_an_acknowledgement_that_was_forgotten(void **state)
{
    struct desk *desk = *state;
    assert_int_equal(outbox_overdue_ms(&desk->outbox), -1);
    put_one(desk, 1, "a", "A");
    desk->outbox.oldest_ms -= 5000;
    outbox_acknowledged(&desk->outbox, 2, 0, "");
    assert_true(outbox_overdue_ms(&desk->outbox) >= 5000);
    outbox_acknowledged(&desk->outbox, 1, 0, "");
    assert_in_range(outbox_overdue_ms(&desk->outbox), 0, 4000);
    outbox_acknowledged(&desk->outbox, 3, 0, "");
    assert_int_equal(outbox_overdue_ms(&desk->outbox), -1);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(outbox__sends_services_on_both_topics_and_the_head_last),
        ONE(outbox__calls_an_epoch_published_with_its_last_acknowledgement_and_not_before),
        ONE(outbox__never_calls_an_epoch_published_when_one_message_was_refused),
        ONE(outbox__holds_the_head_back_where_a_service_of_its_epoch_was_refused),
        ONE(outbox__holds_no_later_head_back_for_a_service_of_an_earlier_epoch),
        ONE(outbox__puts_a_service_back_without_taking_that_for_the_end_of_a_tombstone),
        ONE(outbox__takes_an_acknowledgement_once),
        ONE(outbox__keeps_a_window_and_sends_on_as_acknowledgements_come),
        ONE(outbox__merges_what_waits_so_that_memory_is_bounded_by_what_exists),
        ONE(outbox__calls_nothing_published_after_a_refusal_until_everything_was_asserted),
        ONE(outbox__keeps_room_for_a_goodbye_behind_a_stalled_epoch),
        ONE(outbox__begins_an_assertion_with_the_keyset),
        ONE(outbox__sends_the_keyset_alone_where_there_is_no_epoch_yet),
        ONE(outbox__forgets_everything_with_the_connection),
        ONE(outbox__reports_what_this_broker_never_takes_and_goes_on),
        ONE(outbox__waits_while_the_connection_is_going_down),
        ONE(outbox__clears_a_tombstone_only_after_an_index_without_it),
        ONE(outbox__keeps_a_tombstone_when_the_index_was_refused),
        ONE(outbox__never_clears_a_service_that_came_back),
        ONE(outbox__never_clears_what_waits_to_come_back),
        ONE(outbox__has_one_index_on_its_way),
        ONE(f64__outbox_counts_the_wait_for_an_acknowledgement_that_was_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
