/*
 * health: the envelope member by member, for every event.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/health.h"
#include "io/crypto.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

enum { EVENTS = HEALTH_LOST + 1 };

struct desk {
    struct daemon_state state;
    struct force force;
    struct buf text;
    struct doc doc;
};

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct error err;
    assert_int_equal(force_init(&desk->force, &err), 0);
    desk->state = (struct daemon_state){.text = "ok", .is_ok = true};
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    doc_fini(&desk->doc);
    buf_fini(&desk->text);
    force_fini(&desk->force);
    free(desk);
    return 0;
}

static int start_crypto(void **state)
{
    struct error err;
    (void)state;
    return crypto_init(&err);
}

static void put_in_force(struct force *force)
{
    struct error err;
    struct catalog *with;
    struct service *service = service_new("router", "", 1, SPAN("x"), (struct span){0});
    struct catalog_change change = {"router", service};
    assert_int_equal(catalog_with(force->catalog, &change, 1, &with, &err), 0);
    service_unref(service);
    catalog_unref(force->catalog);
    force->catalog = with;
    force->exists = true;
    force->epoch = 42;
    assert_true(oid_parse(SPAN(COMMIT), &force->commit));
}

static const struct doc_node *compose(struct desk *desk, enum health_event event, const struct findings *findings,
                                      const char *error)
{
    const struct json_options options = {.file = "health", .limits = {16, UINT32_MAX, UINT32_MAX}};
    struct error err;
    doc_fini(&desk->doc);
    buf_reset(&desk->text);
    health_compose(&desk->text, "config-manager", event, &desk->state, &desk->force, findings, error);
    assert_false(desk->text.failed);
    if (json_read(buf_span(&desk->text), &options, &desk->doc, &err) != 0)
        fail_msg("%s: %.*s", err.message, (int)desk->text.len, desk->text.data);
    assert_int_equal(desk->doc.root->kind, DOC_OBJECT);
    return desk->doc.root;
}

static const struct doc_node *compose_data(struct desk *desk, enum health_event event)
{
    return doc_get(compose(desk, event, NULL, NULL), "data");
}

static struct span text_of(const struct doc_node *node, const char *name)
{
    struct span text;
    assert_true(doc_get_string(node, name, &text));
    return text;
}

static int64_t int_of(const struct doc_node *node, const char *name)
{
    int64_t number;
    assert_true(doc_get_int(node, name, &number));
    return number;
}

static bool is_ok(const struct doc_node *data)
{
    bool ok;
    assert_true(doc_get_bool(data, "ok", &ok));
    return ok;
}

static void expect_null(const struct doc_node *node, const char *name)
{
    const struct doc_node *value = doc_get(node, name);
    assert_non_null(value);
    assert_int_equal(value->kind, DOC_NULL);
}

/* --- the envelope ------------------------------------------------------------------------------------------------------ */

static void health__names_every_event(void **state)
{
    static const char *const names[EVENTS] = {"ready", "epoch", "rejected", "hold",
                                              "degraded", "recovered", "shutdown", "lost"};
    (void)state;
    for (enum health_event event = 0; event <= HEALTH_LOST; event++)
        assert_string_equal(health_event_name(event), names[event]);
}

static void expect_envelope(const struct doc_node *root, enum health_event event, int64_t earliest, int64_t latest)
{
    uint8_t raw[16];
    struct span id = text_of(root, "id");
    assert_int_equal(root->u.object.len, 5);
    assert_true(hex_decode(id, raw, sizeof raw));
    assert_string_equal(text_of(root, "type").data, "health.status");
    assert_string_equal(text_of(root, "source").data, "config-manager");
    assert_in_range(int_of(root, "ts"), earliest, latest);
    const struct doc_node *data = doc_get(root, "data");
    assert_non_null(data);
    assert_int_equal(data->kind, DOC_OBJECT);
    assert_int_equal(data->u.object.len, 10);
    assert_true(span_equal(text_of(data, "message_id"), id));
    assert_string_equal(text_of(data, "event").data, health_event_name(event));
    assert_int_equal(int_of(data, "timestamp"), int_of(root, "ts"));
    assert_string_equal(text_of(data, "state").data, "ok");
    assert_int_equal(int_of(data, "epoch"), 42);
    assert_string_equal(text_of(data, "config_epoch").data, COMMIT);
    assert_int_equal(int_of(data, "service_count"), 1);
    assert_int_equal(doc_get(data, "findings")->kind, DOC_ARRAY);
    assert_int_equal(doc_get(data, "findings")->u.array.len, 0);
    expect_null(data, "error");
    (void)is_ok(data);
}

static void health__has_every_member_of_the_envelope_for_every_event(void **state)
{
    struct desk *desk = *state;
    put_in_force(&desk->force);
    for (enum health_event event = 0; event <= HEALTH_LOST; event++) {
        int64_t before = clock_wall_ms() / 1000;
        const struct doc_node *root = compose(desk, event, NULL, NULL);
        expect_envelope(root, event, before, clock_wall_ms() / 1000);
    }
}

/* The order is part of the format's examples, and what people read first comes first. */
static void health__writes_its_members_in_the_documented_order(void **state)
{
    static const char *const order[] = {"{\"id\":", "\"type\":", "\"ts\":", "\"source\":", "\"data\":",
        "\"message_id\":", "\"ok\":", "\"event\":", "\"timestamp\":", "\"error\":", "\"state\":", "\"epoch\":",
        "\"config_epoch\":", "\"service_count\":", "\"findings\":"};
    struct desk *desk = *state;
    compose(desk, HEALTH_READY, NULL, NULL);
    buf_putc(&desk->text, '\0');
    const char *at = desk->text.data;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        at = strstr(at, order[i]);
        if (at == NULL)
            fail_msg("%s is missing or too early", order[i]);
    }
}

static void health__has_an_id_of_its_own_each_time(void **state)
{
    struct desk *desk = *state;
    char first[33];
    snprintf(first, sizeof first, "%s", text_of(compose(desk, HEALTH_READY, NULL, NULL), "id").data);
    assert_string_not_equal(text_of(compose(desk, HEALTH_READY, NULL, NULL), "id").data, first);
}

static void health__says_null_where_there_is_no_epoch(void **state)
{
    const struct doc_node *data = compose_data(*state, HEALTH_READY);
    expect_null(data, "epoch");
    expect_null(data, "config_epoch");
    assert_int_equal(int_of(data, "service_count"), 0);
}

static void health__spells_the_source_and_the_error_as_strings(void **state)
{
    struct desk *desk = *state;
    const struct doc_node *root = compose(desk, HEALTH_HOLD, NULL, "cannot read \"HEAD\"\n");
    assert_string_equal(text_of(doc_get(root, "data"), "error").data, "cannot read \"HEAD\"\n");
}

static void health__tells_the_state_as_it_is(void **state)
{
    struct desk *desk = *state;
    static const char *const states[] = {"ok", "empty", "initializing", "hold:no-space", "degraded:broker-away"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        snprintf(desk->state.text, sizeof desk->state.text, "%s", states[i]);
        assert_string_equal(text_of(compose_data(desk, HEALTH_READY), "state").data, states[i]);
    }
}

/* --- ok ------------------------------------------------------------------------------------------------------------------- */

static const bool is_good_news[EVENTS] = {
    [HEALTH_READY] = true, [HEALTH_EPOCH] = true, [HEALTH_DEGRADED] = true, [HEALTH_RECOVERED] = true,
};

static void expect_ok_by_event(struct desk *desk, const char *text)
{
    snprintf(desk->state.text, sizeof desk->state.text, "%s", text);
    for (enum health_event event = 0; event <= HEALTH_LOST; event++)
        assert_int_equal(is_ok(compose_data(desk, event)), is_good_news[event]);
}

static void health__is_not_ok_for_bad_news_in_any_state(void **state)
{
    expect_ok_by_event(*state, "ok");
    expect_ok_by_event(*state, "empty");
    expect_ok_by_event(*state, "initializing");
    expect_ok_by_event(*state, "degraded:broker-away");
}

static void health__is_never_ok_while_the_state_is_a_hold(void **state)
{
    struct desk *desk = *state;
    snprintf(desk->state.text, sizeof desk->state.text, "hold:repo-behind");
    desk->state.is_hold = true;
    for (enum health_event event = 0; event <= HEALTH_LOST; event++)
        assert_false(is_ok(compose_data(desk, event)));
}

static void health__names_the_event_that_tells_of_a_state(void **state)
{
    (void)state;
    assert_int_equal(health_event_of(&(struct daemon_state){.text = "empty", .is_ok = true}), HEALTH_RECOVERED);
    assert_int_equal(health_event_of(&(struct daemon_state){.text = "hold:no-space", .is_hold = true}), HEALTH_HOLD);
    assert_int_equal(health_event_of(&(struct daemon_state){.text = "degraded:poll-only"}), HEALTH_DEGRADED);
}

/* --- findings --------------------------------------------------------------------------------------------------------------- */

static void add_findings(struct findings *findings, size_t len)
{
    for (size_t i = 0; i < len; i++)
        findings_add(findings, FINDING_ERROR, CODE_YAML_SYNTAX, "services/a.yaml", (struct doc_pos){(uint32_t)i + 1, 7},
                     "a \"quoted\" word");
}

static void health__tells_each_finding_with_its_place(void **state)
{
    struct desk *desk = *state;
    struct findings findings AUTO_FINDINGS = {0};
    add_findings(&findings, 1);
    const struct doc_node *list = doc_get(doc_get(compose(desk, HEALTH_REJECTED, &findings, NULL), "data"), "findings");
    assert_int_equal(list->u.array.len, 1);
    const struct doc_node *finding = list->u.array.items[0];
    assert_string_equal(text_of(finding, "code").data, CODE_YAML_SYNTAX);
    assert_string_equal(text_of(finding, "file").data, "services/a.yaml");
    assert_string_equal(text_of(finding, "message").data, "a \"quoted\" word");
    assert_int_equal(int_of(finding, "line"), 1);
    assert_int_equal(int_of(finding, "column"), 7);
}

static void health__tells_so_many_findings_and_no_more(void **state)
{
    struct desk *desk = *state;
    for (size_t len = HEALTH_FINDINGS_MAX - 1; len <= HEALTH_FINDINGS_MAX + 1; len++) {
        struct findings findings AUTO_FINDINGS = {0};
        add_findings(&findings, len);
        const struct doc_node *list = doc_get(doc_get(compose(desk, HEALTH_REJECTED, &findings, NULL), "data"), "findings");
        assert_int_equal(list->u.array.len, len < HEALTH_FINDINGS_MAX ? len : HEALTH_FINDINGS_MAX);
    }
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health__names_every_event),
        ONE(health__has_every_member_of_the_envelope_for_every_event),
        ONE(health__writes_its_members_in_the_documented_order),
        ONE(health__has_an_id_of_its_own_each_time),
        ONE(health__says_null_where_there_is_no_epoch),
        ONE(health__spells_the_source_and_the_error_as_strings),
        ONE(health__tells_the_state_as_it_is),
        ONE(health__is_not_ok_for_bad_news_in_any_state),
        ONE(health__is_never_ok_while_the_state_is_a_hold),
        ONE(health__names_the_event_that_tells_of_a_state),
        ONE(health__tells_each_finding_with_its_place),
        ONE(health__tells_so_many_findings_and_no_more),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
