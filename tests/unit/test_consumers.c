/*
 * consumers: who runs what, by what they say; counted, bounded, and rebuilt after a connection.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/consumers.h"
#include "io/crypto.h"
#include "messages.h"
#include "model/codes.h"
#include "util/clock.h"

#define NOW INT64_C(1795231500000)

struct desk {
    struct catalog *catalog;
    struct consumers consumers;
};

static struct catalog *catalog_of(const struct catalog *base, const char *name, uint64_t version)
{
    struct error err;
    struct catalog *catalog = NULL;
    struct span message = SPAN("{\"config\":{}}");
    struct service *service = version == 0 ? NULL : service_new(name, "", version, message, (struct span){message.data + 10, 2});
    struct catalog_change change = {name, service};
    assert_int_equal(catalog_with(base, &change, 1, &catalog, &err), 0);
    service_unref(service);
    return catalog;
}

/* Two services: stt-worker in version 5, router in version 3; epoch 5. */
static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct catalog *empty = catalog_new();
    assert_non_null(desk);
    struct catalog *one = catalog_of(empty, "stt-worker", 5);
    desk->catalog = catalog_of(one, "router", 3);
    catalog_unref(one);
    catalog_unref(empty);
    desk->consumers.source = SOURCE;
    consumers_advance(&desk->consumers, 1, 5);
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    consumers_fini(&desk->consumers);
    catalog_unref(desk->catalog);
    free(desk);
    return 0;
}

struct says {
    const char *service, *instance;
    uint64_t epoch, version;
    enum ack_status status;
    const char *timestamp, *will;
};

static int take(struct desk *desk, const struct says *says, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    struct message_stamp stamp = {SOURCE, 1, NULL, says->timestamp == NULL ? TIMESTAMP : says->timestamp};
    struct message_ack ack = sample_ack();
    ack.service = says->service;
    ack.instance = says->instance;
    ack.epoch = says->epoch;
    ack.version = says->version;
    ack.status = says->status;
    ack.will = says->will;
    message_compose_ack(&text, &stamp, &ack);
    return consumers_take(&desk->consumers, desk->catalog, span_of(says->service), span_of(says->instance), buf_span(&text),
                          NOW, err);
}

static void hear(struct desk *desk, const char *service, const char *instance, uint64_t epoch, uint64_t version,
                 enum ack_status status)
{
    struct error err;
    const struct says says = {service, instance, epoch, version, status, NULL, NULL};
    if (take(desk, &says, &err) != 0)
        fail_msg("%s", err.message);
}

static void hear_with(struct desk *desk, const char *service, const char *instance, const char *will)
{
    struct error err;
    const struct says says = {service, instance, 5, 3, ACK_APPLIED, NULL, will};
    if (take(desk, &says, &err) != 0)
        fail_msg("%s", err.message);
}

static void leave(struct desk *desk, const char *service, const char *instance)
{
    struct error err;
    assert_int_equal(consumers_take(&desk->consumers, desk->catalog, span_of(service), span_of(instance), (struct span){0}, NOW, &err), 0);
}

static uint64_t count(const struct desk *desk, enum consumer_state state)
{
    return desk->consumers.totals.counts[state];
}

/* The totals are what a walk over everything gives. */
static void assert_totals_are_right(const struct desk *desk)
{
    const struct consumers *c = &desk->consumers;
    struct consumers_totals right = {0};
    size_t instances = 0, text = 0;
    for (size_t i = 0; i < c->len; i++) {
        const struct consumer_service *service = c->services[i];
        for (size_t k = 0; k < service->len; k++, instances++) {
            right.counts[consumers_state(c, service, service->items[k])]++;
            text += service->items[k]->text_len;
            assert_true(k == 0 || strcmp(service->items[k - 1]->instance, service->items[k]->instance) < 0);
        }
        right.expected += service->expected;
        right.missing += consumers_missing(service);
        assert_true(i == 0 || strcmp(c->services[i - 1]->name, service->name) < 0);
        assert_true(service->len > 0 || service->expected > 0);
    }
    assert_memory_equal(&right, &c->totals, sizeof right);
    assert_int_equal(instances, c->instances);
    assert_int_equal(text, c->text);
}

static void consumers__are_applied_by_the_version_of_their_service(void **state)
{
    struct desk *desk = *state;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    hear(desk, "router", "hub", 3, 3, ACK_APPLIED); /* an older epoch, and the service has not changed since */
    assert_int_equal(count(desk, CONSUMER_APPLIED), 2);
    hear(desk, "stt-worker", "pi4", 4, 4, ACK_APPLIED);
    hear(desk, "stt-worker", "pi5", 5, 5, ACK_REFUSED);
    assert_int_equal(count(desk, CONSUMER_BEHIND), 1);
    assert_int_equal(count(desk, CONSUMER_REFUSED), 1);
    assert_totals_are_right(desk);
}

static void consumers__fall_behind_with_an_epoch_that_changes_their_service(void **state)
{
    struct desk *desk = *state;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    hear(desk, "router", "hub", 5, 3, ACK_APPLIED);
    consumers_change(&desk->consumers, "router", 6, false);
    consumers_change(&desk->consumers, "nobody-listens", 6, false);
    consumers_advance(&desk->consumers, 1, 6);
    assert_int_equal(count(desk, CONSUMER_APPLIED), 1);
    assert_int_equal(count(desk, CONSUMER_BEHIND), 1);
    hear(desk, "router", "hub", 6, 6, ACK_REFUSED);
    assert_int_equal(count(desk, CONSUMER_REFUSED), 1);
    consumers_change(&desk->consumers, "router", 7, true);
    consumers_advance(&desk->consumers, 1, 7);
    assert_int_equal(count(desk, CONSUMER_STRAY), 1);
    assert_totals_are_right(desk);
}

static void consumers__of_an_epoch_that_does_not_exist_are_ahead_until_it_does(void **state)
{
    struct desk *desk = *state;
    hear(desk, "stt-worker", "pi3", 9, 9, ACK_APPLIED);
    hear(desk, "router", "hub", 6, 3, ACK_APPLIED);
    assert_int_equal(count(desk, CONSUMER_AHEAD), 2);
    consumers_advance(&desk->consumers, 1, 6);
    assert_int_equal(count(desk, CONSUMER_AHEAD), 1);
    assert_int_equal(count(desk, CONSUMER_APPLIED), 1);
    assert_totals_are_right(desk);
}

static void consumers__go_and_come_back_and_are_replaced(void **state)
{
    struct desk *desk = *state;
    struct error err;
    assert_int_equal(consumers_expect(&desk->consumers, desk->catalog, "stt-worker", 1, &err), 0);
    assert_int_equal(desk->consumers.totals.missing, 1);
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    assert_int_equal(desk->consumers.totals.missing, 0);
    leave(desk, "stt-worker", "pi3");
    leave(desk, "stt-worker", "pi3");
    leave(desk, "stt-worker", "stranger");
    leave(desk, "nobody", "stranger");
    assert_int_equal(count(desk, CONSUMER_GONE), 1);
    assert_int_equal(desk->consumers.totals.missing, 1);
    hear(desk, "stt-worker", "pi4", 5, 5, ACK_APPLIED);
    assert_int_equal(desk->consumers.totals.missing, 0);
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    assert_int_equal(count(desk, CONSUMER_APPLIED), 2);
    consumers_expect_none(&desk->consumers);
    assert_int_equal(desk->consumers.totals.expected, 0);
    assert_totals_are_right(desk);
}

static void consumers__keep_since_when_while_they_say_the_same(void **state)
{
    struct desk *desk = *state;
    struct error err;
    int64_t first, future;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    const struct consumer *pi3 = desk->consumers.services[0]->items[0];
    assert_true(clock_parse(span_of(TIMESTAMP), &first));
    assert_int_equal(pi3->since_ms, first);
    const struct says again = {"stt-worker", "pi3", 6, 5, ACK_APPLIED, "2026-11-21T03:24:00.000Z", NULL};
    assert_int_equal(take(desk, &again, &err), 0);
    assert_int_equal(pi3->since_ms, first);
    const struct says refused = {"stt-worker", "pi3", 6, 5, ACK_REFUSED, "2126-11-21T03:24:00.000Z", NULL};
    assert_int_equal(take(desk, &refused, &err), 0);
    assert_true(clock_parse(span_of(refused.timestamp), &future));
    assert_int_equal(pi3->since_ms, NOW); /* not in the future */
}

static void consumers__count_what_is_no_acknowledgement_and_keep_what_was(void **state)
{
    struct desk *desk = *state;
    struct error err;
    static const char *const garbage[] = {"{", "null", "\xff\xfe", "{\"type\":\"config.ack\"}"};
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
        assert_int_equal(consumers_take(&desk->consumers, desk->catalog, SPAN("stt-worker"), SPAN("pi3"), span_of(garbage[i]), NOW, &err), -1);
    assert_int_equal(desk->consumers.discarded, ARRAY_LEN(garbage));
    assert_string_equal(desk->consumers.last_code, CODE_MESSAGE_FORM);
    assert_int_equal(count(desk, CONSUMER_APPLIED), 1);
    assert_totals_are_right(desk);
}

static void consumers__are_heard_anew_after_a_connection(void **state)
{
    struct desk *desk = *state;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    hear(desk, "stt-worker", "pi4", 5, 5, ACK_APPLIED);
    consumers_begin_hearing(&desk->consumers);
    hear(desk, "stt-worker", "pi4", 5, 5, ACK_APPLIED);
    consumers_end_hearing(&desk->consumers, NOW + 1000);
    assert_int_equal(count(desk, CONSUMER_APPLIED), 1);
    assert_int_equal(count(desk, CONSUMER_GONE), 1);
    assert_int_equal(desk->consumers.services[0]->items[0]->since_ms, NOW + 1000);
    consumers_prune(&desk->consumers, NOW + 2000);
    assert_int_equal(count(desk, CONSUMER_GONE), 1);
    consumers_prune(&desk->consumers, NOW + 1000 + CONSUMERS_GONE_KEPT_S * INT64_C(1000));
    assert_int_equal(count(desk, CONSUMER_GONE), 0);
    assert_totals_are_right(desk);
}

/* What a broker could not queue is not gone. */
static void consumers__of_a_large_fleet_are_not_gone_because_they_were_not_heard(void **state)
{
    struct desk *desk = *state;
    char name[32];
    hear(desk, "router", "hub", 5, 3, ACK_APPLIED);
    consumers_begin_hearing(&desk->consumers);
    for (unsigned i = 0; i < CONSUMERS_HEARD_SURELY; i++) {
        snprintf(name, sizeof name, "i%u", i);
        hear(desk, "stt-worker", name, 5, 5, ACK_APPLIED);
    }
    consumers_end_hearing(&desk->consumers, NOW);
    assert_int_equal(count(desk, CONSUMER_GONE), 0);
    assert_totals_are_right(desk);
}

static void consumers__are_forgotten_by_name(void **state)
{
    struct desk *desk = *state;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    assert_false(consumers_forget(&desk->consumers, SPAN("stt-worker"), SPAN("pi")));
    assert_false(consumers_forget(&desk->consumers, SPAN("stt"), SPAN("pi3")));
    assert_true(consumers_forget(&desk->consumers, SPAN("stt-worker"), SPAN("pi3")));
    assert_int_equal(desk->consumers.len, 0);
    assert_totals_are_right(desk);
}

/* --- bounds ---------------------------------------------------------------------------------------------------------------- */

static void consumers__of_one_service_do_not_crowd_out_the_others(void **state)
{
    struct desk *desk = *state;
    struct error err;
    char name[32];
    for (unsigned i = 0; i < CONSUMERS_OF_SERVICE_MAX; i++) {
        snprintf(name, sizeof name, "i%u", i);
        hear(desk, "stt-worker", name, 5, 5, ACK_APPLIED);
    }
    const struct says more = {"stt-worker", "one-too-many", 5, 5, ACK_APPLIED, NULL, NULL};
    assert_int_equal(take(desk, &more, &err), -1);
    assert_string_equal(err.code, CODE_ACK_LIMIT);
    hear(desk, "stt-worker", "i7", 5, 5, ACK_REFUSED); /* who is known is heard */
    hear(desk, "router", "hub", 5, 3, ACK_APPLIED);
    leave(desk, "stt-worker", "i9");
    hear(desk, "stt-worker", "one-too-many", 5, 5, ACK_APPLIED); /* who is gone makes way */
    assert_int_equal(count(desk, CONSUMER_GONE), 0);
    assert_totals_are_right(desk);
}

static void consumers__of_services_nobody_knows_are_few(void **state)
{
    struct desk *desk = *state;
    struct error err;
    char name[32];
    for (unsigned i = 0; i < CONSUMERS_STRANGERS_MAX; i++) {
        snprintf(name, sizeof name, "s%u", i);
        hear(desk, name, "x", 5, 5, ACK_APPLIED);
    }
    const struct says more = {"one-too-many", "x", 5, 5, ACK_APPLIED, NULL, NULL};
    assert_int_equal(take(desk, &more, &err), -1);
    assert_string_equal(err.code, CODE_ACK_LIMIT);
    for (unsigned i = 1; i < CONSUMERS_OF_STRANGER_MAX; i++) {
        snprintf(name, sizeof name, "x%u", i);
        hear(desk, "s0", name, 5, 5, ACK_APPLIED);
    }
    const struct says another = {"s0", "one-too-many", 5, 5, ACK_APPLIED, NULL, NULL};
    assert_int_equal(take(desk, &another, &err), -1);
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    assert_totals_are_right(desk);
}

/* --- the file --------------------------------------------------------------------------------------------------------------- */

static void consumers__are_written_as_json_with_what_they_said(void **state)
{
    struct desk *desk = *state;
    struct error err;
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    struct span word;
    int64_t number;
    const struct consumers_view view = {NOW, false, "may not subscribe"};
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_REFUSED);
    assert_int_equal(consumers_expect(&desk->consumers, desk->catalog, "router", 2, &err), 0);
    consumers_write(&desk->consumers, &view, &text);
    read_json(buf_span(&text), &doc);
    const struct doc_node *services = doc_get(doc.root, "services"), *router = services->u.array.items[0],
                          *stt = services->u.array.items[1], *pi3 = doc_get(stt, "instances")->u.array.items[0];
    assert_true(doc_get_string(doc.root, "reason", &word) && span_is(word, "may not subscribe"));
    assert_true(doc_get_int(router, "missing", &number) && number == 2);
    assert_true(doc_get_int(stt, "version", &number) && number == 5);
    assert_true(doc_get_string(pi3, "state", &word) && span_is(word, "refused"));
    assert_true(doc_get_string(pi3, "reason", &word) && span_is(word, "no such voice"));
    assert_true(doc_get_string(pi3, "signature", &word) && span_is(word, "unsigned"));
    assert_int_equal(doc_get(pi3, "overridden")->u.array.len, 2);
}

static void consumers__of_a_large_fleet_are_listed_where_they_need_an_eye(void **state)
{
    struct desk *desk = *state;
    char name[32];
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    int64_t number;
    const struct consumers_view view = {NOW, true, NULL};
    for (unsigned i = 0; i < CONSUMERS_OF_SERVICE_MAX; i++) {
        snprintf(name, sizeof name, "i%u", i);
        hear(desk, "stt-worker", name, 5, 5, i == 7 ? ACK_REFUSED : ACK_APPLIED);
    }
    leave(desk, "stt-worker", "i9"); /* is left out first */
    hear(desk, "router", "hub", 2, 2, ACK_APPLIED);
    consumers_write(&desk->consumers, &view, &text);
    read_json(buf_span(&text), &doc);
    assert_true(doc_get_int(doc.root, "omitted", &number));
    assert_int_equal(number, 1); /* of one more than are listed */
    assert_true(doc_get_int(doc_get(doc.root, "totals"), "applied", &number));
    assert_int_equal(number, CONSUMERS_OF_SERVICE_MAX - 2);
    const struct doc_node *services = doc_get(doc.root, "services");
    assert_int_equal(doc_get(services->u.array.items[0], "instances")->u.array.len, 1); /* the one that is behind */
    assert_int_equal(doc_get(services->u.array.items[1], "instances")->u.array.len, CONSUMERS_LISTED_MAX - 1);
}

/* --- many over one connection ----------------------------------------------------------------------------------------- */

struct orphans {
    size_t count;
    char last[128];
};

static void on_orphan(void *context, const char *service, const char *instance)
{
    struct orphans *orphans = context;
    orphans->count++;
    snprintf(orphans->last, sizeof orphans->last, "%s@%s", service, instance);
}

static void consumers__go_with_the_one_whose_last_will_is_theirs(void **state)
{
    struct desk *desk = *state;
    struct orphans orphans = {0};
    desk->consumers.on_orphan = on_orphan;
    desk->consumers.context = &orphans;
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    hear_with(desk, "router", "pi3", "stt-worker");
    hear_with(desk, "router", "pi4", "stt-worker"); /* of another host, whose stt-worker has not spoken yet */
    hear_with(desk, "router", "pi5", NULL);
    leave(desk, "stt-worker", "pi3");
    assert_int_equal(count(desk, CONSUMER_GONE), 2);
    assert_int_equal(orphans.count, 1);
    assert_string_equal(orphans.last, "router@pi3");
    leave(desk, "stt-worker", "pi3"); /* once more is no news */
    assert_int_equal(orphans.count, 1);
    assert_totals_are_right(desk);
    hear(desk, "stt-worker", "pi3", 5, 5, ACK_APPLIED);
    hear_with(desk, "router", "pi3", "stt-worker");
    assert_int_equal(count(desk, CONSUMER_GONE), 0);
}

static void consumers__whose_carrier_was_not_heard_are_gone_when_all_was(void **state)
{
    struct desk *desk = *state;
    struct orphans orphans = {0};
    desk->consumers.on_orphan = on_orphan;
    desk->consumers.context = &orphans;
    consumers_begin_hearing(&desk->consumers);
    hear_with(desk, "router", "pi3", "stt-worker"); /* retained; the carrier comes later, or not at all */
    hear_with(desk, "router", "pi4", "stt-worker");
    hear(desk, "stt-worker", "pi4", 5, 5, ACK_APPLIED);
    assert_int_equal(count(desk, CONSUMER_GONE), 0);
    consumers_end_hearing(&desk->consumers, NOW);
    assert_int_equal(count(desk, CONSUMER_GONE), 1);
    assert_int_equal(orphans.count, 1);
    assert_string_equal(orphans.last, "router@pi3");
    assert_totals_are_right(desk);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(consumers__are_applied_by_the_version_of_their_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__fall_behind_with_an_epoch_that_changes_their_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__of_an_epoch_that_does_not_exist_are_ahead_until_it_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__go_and_come_back_and_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__keep_since_when_while_they_say_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__count_what_is_no_acknowledgement_and_keep_what_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__are_heard_anew_after_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__of_a_large_fleet_are_not_gone_because_they_were_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__are_forgotten_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__of_one_service_do_not_crowd_out_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__of_services_nobody_knows_are_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__go_with_the_one_whose_last_will_is_theirs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__whose_carrier_was_not_heard_are_gone_when_all_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__are_written_as_json_with_what_they_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumers__of_a_large_fleet_are_listed_where_they_need_an_eye, set_up, tear_down),
    };
    return crypto_init(&err) != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
