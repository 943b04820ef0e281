/*
 * status: well-formed JSON with the members that readers rely on, whatever state the daemon is in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/status.h"
#include "model/run_files.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

struct desk {
    struct settings settings;
    struct conditions conditions;
    struct force force;
    struct verdicts verdicts;
    struct status_view view;
    struct buf text;
    struct doc doc;
};

static char source[] = "config-manager", path[] = "/srv/a \"quoted\"\nfolder", branch[] = "main";

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct error err;
    assert_int_equal(force_init(&desk->force, &err), 0);
    conditions_init(&desk->conditions);
    conditions_set_ready(&desk->conditions);
    desk->settings.mqtt.source = source;
    desk->settings.repository.path = path;
    desk->settings.repository.branch = branch;
    desk->view = (struct status_view){.settings = &desk->settings, .conditions = &desk->conditions, .force = &desk->force,
                                      .verdicts = &desk->verdicts, .broker_state = "open", .broker_reason = "",
                                      .broker_url = "mqtt://broker:1883", .started_ms = 1234567890123};
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    doc_fini(&desk->doc);
    buf_fini(&desk->text);
    verdicts_fini(&desk->verdicts);
    force_fini(&desk->force);
    free(desk);
    return 0;
}

static void add_service(struct force *force, const char *name)
{
    struct error err;
    struct catalog *with;
    struct service *service = service_new(name, "", 1, SPAN("x"), (struct span){0});
    struct catalog_change change = {name, service};
    assert_int_equal(catalog_with(force->catalog, &change, 1, &with, &err), 0);
    service_unref(service);
    catalog_unref(force->catalog);
    force->catalog = with;
}

static void put_in_force(struct desk *desk)
{
    struct force *force = &desk->force;
    force->exists = true;
    force->epoch = 42;
    force->offset = 7;
    force->generation = 3;
    assert_true(oid_parse(SPAN(COMMIT), &force->commit));
    snprintf(force->correlation_id, sizeof force->correlation_id, "correlation-1");
    add_service(force, "router");
    add_service(force, "stt-worker");
}

static const struct doc_node *read_status(struct desk *desk)
{
    const struct json_options options = {.file = STATUS_FILE, .limits = {16, UINT32_MAX, UINT32_MAX}};
    struct error err;
    doc_fini(&desk->doc);
    buf_reset(&desk->text);
    status_write(&desk->view, &desk->text);
    assert_false(desk->text.failed);
    if (json_read(buf_span(&desk->text), &options, &desk->doc, &err) != 0)
        fail_msg("%s: %.*s", err.message, (int)desk->text.len, desk->text.data);
    assert_int_equal(desk->text.data[desk->text.len - 1], '\n');
    assert_int_equal(desk->doc.root->kind, DOC_OBJECT);
    return desk->doc.root;
}

static void expect_text(const struct doc_node *node, const char *name, const char *value)
{
    struct span text;
    assert_true(doc_get_string(node, name, &text));
    assert_string_equal(text.data, value);
}

static void expect_int(const struct doc_node *node, const char *name, int64_t value)
{
    int64_t number;
    assert_true(doc_get_int(node, name, &number));
    assert_int_equal(number, value);
}

static void expect_null(const struct doc_node *node, const char *name)
{
    const struct doc_node *value = doc_get(node, name);
    assert_non_null(value);
    assert_int_equal(value->kind, DOC_NULL);
}

static int64_t time_of(const struct doc_node *node, const char *name)
{
    struct span text;
    int64_t ms;
    assert_true(doc_get_string(node, name, &text));
    assert_true(clock_parse(text, &ms));
    return ms;
}

/* --- members ---------------------------------------------------------------------------------------------------------- */

static void status__counts_the_consumers(void **state)
{
    struct desk *desk = *state;
    desk->view.consumers.counts[CONSUMER_REFUSED] = 2;
    desk->view.consumers.missing = 1;
    desk->view.listening_reason = "may not subscribe";
    const struct doc_node *consumers = doc_get(read_status(desk), "consumers");
    expect_int(consumers, "applied", 0);
    expect_int(consumers, "refused", 2);
    expect_int(consumers, "missing", 1);
    expect_text(consumers, "reason", "may not subscribe");
    desk->view.is_listening = true;
    desk->view.listening_reason = NULL;
    expect_null(doc_get(read_status(desk), "consumers"), "reason");
}

static void status__has_the_members_it_promises_and_no_other(void **state)
{
    static const char *const names[] = {"format", "pid", "version", "started", "written", "state", "reason", "message",
        "since", "source", "repository", "branch", "epoch", "config_epoch", "correlation_id", "generation", "offset",
        "committed", "published", "snapshot", "broker", "consumers", "service_count", "recent", "tip"};
    const struct doc_node *root = read_status(*state);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (doc_get(root, names[i]) == NULL)
            fail_msg("no member %s", names[i]);
    assert_int_equal(root->u.object.len, ARRAY_LEN(names));
    const struct doc_node *broker = doc_get(root, "broker");
    assert_int_equal(broker->kind, DOC_OBJECT);
    assert_int_equal(broker->u.object.len, 3);
    assert_non_null(doc_get(broker, "url"));
    assert_non_null(doc_get(broker, "state"));
    assert_non_null(doc_get(broker, "reason"));
}

static void status__tells_what_became_of_the_tip(void **state)
{
    struct desk *desk = *state;
    const struct oid tip = {.bytes = {0xab}};
    expect_null(read_status(desk), "tip");
    desk->view.tip = &tip;
    desk->view.tip_verdict = "rejected";
    desk->view.tip_code = "yaml.syntax";
    const struct doc_node *told = doc_get(read_status(desk), "tip");
    expect_text(told, "verdict", "rejected");
    expect_text(told, "code", "yaml.syntax");
    expect_text(told, "commit", "ab00000000000000000000000000000000000000");
}

static void status__tells_what_is_in_force(void **state)
{
    struct desk *desk = *state;
    put_in_force(desk);
    desk->view.published = 41;
    desk->view.snapshot_epoch = 40;
    const struct doc_node *root = read_status(desk);
    expect_int(root, "epoch", 42);
    expect_int(root, "committed", 42);
    expect_int(root, "published", 41);
    expect_int(root, "snapshot", 40);
    expect_int(root, "generation", 3);
    expect_int(root, "offset", 7);
    expect_int(root, "service_count", 2);
    expect_text(root, "config_epoch", COMMIT);
    expect_text(root, "correlation_id", "correlation-1");
}

static void status__says_null_where_there_is_no_epoch(void **state)
{
    const struct doc_node *root = read_status(*state);
    static const char *const names[] = {"epoch", "config_epoch", "correlation_id", "committed", "published", "snapshot"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        expect_null(root, names[i]);
    expect_int(root, "service_count", 0);
    expect_int(root, "generation", 0);
    expect_int(root, "offset", 0);
}

static void status__tells_who_wrote_it_and_when(void **state)
{
    struct desk *desk = *state;
    int64_t before = clock_wall_ms();
    const struct doc_node *root = read_status(desk);
    expect_int(root, "format", STATUS_FORMAT);
    expect_int(root, "pid", getpid());
    expect_text(root, "version", EPOCHD_VERSION);
    expect_text(root, "started", "2009-02-13T23:31:30.123Z");
    assert_in_range(time_of(root, "written"), before, clock_wall_ms());
}

static void status__tells_whom_it_serves(void **state)
{
    const struct doc_node *root = read_status(*state);
    expect_text(root, "source", source);
    expect_text(root, "repository", path);
    expect_text(root, "branch", branch);
}

/* --- the state --------------------------------------------------------------------------------------------------------- */

static void status__gives_no_reason_when_all_is_well(void **state)
{
    struct desk *desk = *state;
    desk->conditions.ok_since_ms = 1234567890123;
    const struct doc_node *root = read_status(desk);
    expect_text(root, "state", "ok");
    expect_null(root, "reason");
    expect_null(root, "message");
    expect_text(root, "since", "2009-02-13T23:31:30.123Z");
    expect_null(doc_get(root, "broker"), "reason");
}

static void status__tells_a_hold_with_reason_message_and_since(void **state)
{
    struct desk *desk = *state;
    conditions_on(&desk->conditions, CONDITION_NO_SPACE, "writing \"journal.jsonl\": no space");
    desk->conditions.entries[CONDITION_NO_SPACE].since_ms = 1234567890123;
    const struct doc_node *root = read_status(desk);
    expect_text(root, "state", "hold:no-space");
    expect_text(root, "reason", CODE_NO_SPACE);
    expect_text(root, "message", "writing \"journal.jsonl\": no space");
    expect_text(root, "since", "2009-02-13T23:31:30.123Z");
}

static void status__tells_the_broker_and_why_it_is_away(void **state)
{
    struct desk *desk = *state;
    const struct doc_node *broker = doc_get(read_status(desk), "broker");
    expect_text(broker, "state", "open");
    expect_text(broker, "url", "mqtt://broker:1883");
    expect_null(broker, "reason");
    desk->view.broker_state = "away";
    desk->view.broker_reason = "Connection \"refused\"";
    broker = doc_get(read_status(desk), "broker");
    expect_text(broker, "state", "away");
    expect_text(broker, "reason", "Connection \"refused\"");
}

/* Cut anywhere, it would be no JSON any more: json_read refuses half a character. */
static void status__is_well_formed_with_the_longest_message_too(void **state)
{
    struct desk *desk = *state;
    char message[sizeof((struct error *)0)->message];
    for (size_t i = 0; i + 2 < sizeof message; i += 2)
        memcpy(message + i, "\xc3\xa9", 3);
    conditions_on(&desk->conditions, CONDITION_REPO_UNREADABLE, message);
    read_status(desk);
    message[0] = 'x'; /* the other half of the characters lies across the end now */
    memmove(message + 1, message + 2, sizeof message - 2);
    conditions_on(&desk->conditions, CONDITION_REPO_UNREADABLE, message);
    read_status(desk);
}

/* --- recent ------------------------------------------------------------------------------------------------------------- */

static void status__lists_recent_verdicts_newest_first(void **state)
{
    struct desk *desk = *state;
    struct oid commit = {.bytes = {1}};
    struct span text;
    verdicts_add(&desk->verdicts, &commit, 41, VERDICT_PUBLISHED, "", (struct span){0});
    verdicts_add(&desk->verdicts, &commit, 0, VERDICT_REJECTED, "yaml.syntax", SPAN("[{\"line\":3}]"));
    const struct doc_node *recent = doc_get(read_status(desk), "recent");
    assert_int_equal(recent->kind, DOC_ARRAY);
    assert_int_equal(recent->u.array.len, 2);
    const struct doc_node *rejected = recent->u.array.items[0], *published = recent->u.array.items[1];
    assert_int_equal(rejected->u.object.len, 5);
    expect_text(rejected, "verdict", "rejected");
    expect_text(rejected, "code", "yaml.syntax");
    expect_null(rejected, "epoch");
    assert_int_equal(doc_get(rejected, "findings")->u.array.len, 1);
    assert_true(doc_get_string(rejected, "commit", &text));
    assert_int_equal(text.len, OID_HEX_LEN);
    expect_text(published, "verdict", "published");
    expect_int(published, "epoch", 41);
    expect_null(published, "code");
    assert_int_equal(doc_get(published, "findings")->u.array.len, 0);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(status__has_the_members_it_promises_and_no_other),
        ONE(status__counts_the_consumers),
        ONE(status__tells_what_became_of_the_tip),
        ONE(status__tells_what_is_in_force),
        ONE(status__says_null_where_there_is_no_epoch),
        ONE(status__tells_who_wrote_it_and_when),
        ONE(status__tells_whom_it_serves),
        ONE(status__gives_no_reason_when_all_is_well),
        ONE(status__tells_a_hold_with_reason_message_and_since),
        ONE(status__tells_the_broker_and_why_it_is_away),
        ONE(status__is_well_formed_with_the_longest_message_too),
        ONE(status__lists_recent_verdicts_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
