/*
 * record: members in the documented order, byte for byte; `committed` read back, and each way it can be
 * wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "model/record.h"

#define OTHER_COMMIT "00112233445566778899aabbccddeeff00112233"

static struct oid oid_of(const char *hex)
{
    struct oid oid;
    assert_true(oid_parse(span_of(hex), &oid));
    return oid;
}

static void assert_text(const struct buf *actual, const char *expected)
{
    assert_false(actual->failed);
    assert_int_equal(actual->len, strlen(expected));
    assert_memory_equal(actual->data, expected, actual->len);
}

/* --- kinds --- */

static void record__names_each_kind_and_knows_it_again(void **state)
{
    (void)state;
    static const char *const names[] = {"baseline", "committed", "published", "superseded",
                                        "rejected", "rewrite",   "keyset",    "checkpoint"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum record_kind kind = RECORD_BASELINE;
        assert_string_equal(record_kind_name((enum record_kind)i), names[i]);
        assert_true(record_kind_parse(span_of(names[i]), &kind));
        assert_int_equal(kind, i);
    }
}

static void record__knows_no_other_kind(void **state)
{
    (void)state;
    static const char *const names[] = {"", "Baseline", "baselin", "baseline ", "commit"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum record_kind kind = RECORD_KEYSET;
        assert_false(record_kind_parse(span_of(names[i]), &kind));
        assert_int_equal(kind, RECORD_KEYSET);
    }
}

/* --- writing --- */

static void record__writes_a_baseline(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    record_write_baseline(&out, "epochd 0.1.0", SOURCE);
    assert_text(&out, "\"format\":1,\"written_by\":\"epochd 0.1.0\",\"source\":\"" SOURCE "\"");
}

static const struct record_message two_messages[] = {
    {"router", {"{\"a\":1}", 7}},
    {"stt-worker", {"{\"b\":\"\\n\"}", 10}},
};

static struct record_committed sample_committed(void)
{
    return (struct record_committed){.commit = oid_of(COMMIT),
                                     .epoch = 42,
                                     .offset = 3,
                                     .generation = 1,
                                     .correlation_id = "req-7.a_B",
                                     .messages = two_messages,
                                     .messages_len = 2,
                                     .head = SPAN("{\"head\":true}")};
}

static void record__writes_what_was_committed(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct record_committed committed = sample_committed();
    record_write_committed(&out, &committed);
    assert_text(&out, "\"commit\":\"" COMMIT "\",\"epoch\":42,\"offset\":3,\"generation\":1,"
                      "\"correlation_id\":\"req-7.a_B\",\"services\":{\"router\":\"{\\\"a\\\":1}\","
                      "\"stt-worker\":\"{\\\"b\\\":\\\"\\\\n\\\"}\"},\"head\":\"{\\\"head\\\":true}\"");
}

static void record__writes_an_epoch_that_changed_nothing(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct record_committed committed = sample_committed();
    committed.messages = NULL;
    committed.messages_len = 0;
    record_write_committed(&out, &committed);
    assert_text(&out, "\"commit\":\"" COMMIT "\",\"epoch\":42,\"offset\":3,\"generation\":1,"
                      "\"correlation_id\":\"req-7.a_B\",\"services\":{},\"head\":\"{\\\"head\\\":true}\"");
}

static void record__writes_what_was_published(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct oid commit = oid_of(COMMIT);
    record_write_published(&out, &commit, 42);
    assert_text(&out, "\"commit\":\"" COMMIT "\",\"epoch\":42");
}

static void record__writes_what_was_superseded(void **state)
{
    (void)state;
    AUTO_BUF struct buf range = {0}, first = {0};
    struct oid from = oid_of(OTHER_COMMIT), to = oid_of(COMMIT);
    const struct oid commits[] = {from, to};
    record_write_superseded(&range, &from, &to, commits, 2);
    assert_text(&range, "\"from\":\"" OTHER_COMMIT "\",\"to\":\"" COMMIT "\",\"commits\":[\"" OTHER_COMMIT
                        "\",\"" COMMIT "\"]");
    record_write_superseded(&first, NULL, &to, NULL, 0);
    assert_text(&first, "\"from\":null,\"to\":\"" COMMIT "\",\"commits\":[]");
}

static void record__writes_what_was_rejected(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct oid commit = oid_of(COMMIT);
    findings_add(&findings, FINDING_ERROR, CODE_YAML_SYNTAX, "services/a.yaml", (struct doc_pos){2, 3},
                 "a \"word\"");
    record_write_rejected(&out, &commit, CODE_YAML_SYNTAX, &findings);
    assert_text(
        &out,
        "\"commit\":\"" COMMIT
        "\",\"code\":\"yaml.syntax\",\"findings\":[{\"code\":\"yaml.syntax\",\"column\":3,"
        "\"file\":\"services/a.yaml\",\"line\":2,\"message\":\"a \\\"word\\\"\",\"severity\":\"error\"}]");
}

static size_t count(const struct buf *text, const char *word)
{
    size_t n = 0, len = strlen(word);
    for (const char *at = text->data; at != NULL;) {
        at = memmem(at, text->len - (size_t)(at - text->data), word, len);
        if (at != NULL) {
            at += len;
            n++;
        }
    }
    return n;
}

static void record__keeps_at_most_a_hundred_findings(void **state)
{
    (void)state;
    struct oid commit = oid_of(COMMIT);
    for (size_t len = RECORD_FINDINGS_MAX - 1; len <= RECORD_FINDINGS_MAX + 1; len++) {
        AUTO_BUF struct buf out = {0};
        AUTO_FINDINGS struct findings findings = {0};
        for (size_t i = 0; i < len; i++)
            findings_add(&findings, FINDING_ERROR, CODE_YAML_SYNTAX, "services/a.yaml",
                         (struct doc_pos){1, 1}, "x");
        record_write_rejected(&out, &commit, CODE_YAML_SYNTAX, &findings);
        assert_int_equal(count(&out, "\"file\":"), len < RECORD_FINDINGS_MAX ? len : RECORD_FINDINGS_MAX);
    }
}

static void record__writes_a_rewrite(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct oid from = oid_of(OTHER_COMMIT), to = oid_of(COMMIT);
    record_write_rewrite(&out, &from, &to, 7, "amend", NULL);
    assert_text(&out,
                "\"from\":\"" OTHER_COMMIT "\",\"to\":\"" COMMIT "\",\"offset\":7,\"reason\":\"amend\"");
}

static void record__writes_a_keyset(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    record_write_keyset(&out, 2, SPAN("{\"keys\":[]}"));
    assert_text(&out, "\"generation\":2,\"keyset\":\"{\\\"keys\\\":[]}\"");
}

static void record__writes_a_checkpoint(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    record_write_checkpoint(&out, "journal-812.jsonl");
    assert_text(&out, "\"file\":\"journal-812.jsonl\"");
}

/* --- reading --- */

/* A journal line around the members, without the tail. */
static void frame(struct buf *out, struct span members)
{
    buf_puts(out, "{\"seq\":7,\"kind\":\"committed\",");
    buf_append_span(out, members);
    buf_puts(out, ",\"key_id\":\"0123456789abcdef\"}");
}

static void compose_line(struct buf *out)
{
    AUTO_BUF struct buf members = {0};
    struct record_committed committed = sample_committed();
    record_write_committed(&members, &committed);
    frame(out, buf_span(&members));
}

static void record__reads_back_what_was_committed(void **state)
{
    (void)state;
    AUTO_BUF struct buf line = {0};
    AUTO_DOC struct doc doc = {0};
    struct record_committed committed, expected = sample_committed();
    struct error err;
    compose_line(&line);
    read_json(buf_span(&line), &doc);
    assert_int_equal(record_read_committed(doc.root, &doc.arena, &committed, &err), 0);
    assert_true(oid_equal(&committed.commit, &expected.commit));
    assert_int_equal(committed.epoch, 42);
    assert_int_equal(committed.offset, 3);
    assert_int_equal(committed.generation, 1);
    assert_string_equal(committed.correlation_id, "req-7.a_B");
    assert_true(span_equal(committed.head, expected.head));
    assert_int_equal(committed.messages_len, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(committed.messages[i].name, two_messages[i].name);
        assert_true(span_equal(committed.messages[i].message, two_messages[i].message));
    }
}

static void record__reads_back_an_epoch_that_changed_nothing(void **state)
{
    (void)state;
    AUTO_BUF struct buf line = {0}, members = {0};
    AUTO_DOC struct doc doc = {0};
    struct arena arena = {0};
    struct record_committed committed = sample_committed();
    struct error err;
    committed.messages_len = 0;
    committed.offset = 0;
    record_write_committed(&members, &committed);
    frame(&line, buf_span(&members));
    read_json(buf_span(&line), &doc);
    assert_int_equal(record_read_committed(doc.root, &arena, &committed, &err), 0);
    assert_int_equal(committed.messages_len, 0);
    assert_int_equal(committed.offset, 0);
    arena_fini(&arena);
}

static void record__sorts_the_messages_it_reads_by_name(void **state)
{
    (void)state;
    AUTO_BUF struct buf line = {0};
    AUTO_DOC struct doc doc = {0};
    struct record_committed committed;
    struct error err;
    compose_line(&line);
    assert_true(spoil(&line, "\"router\"", "\"zz\""));
    read_json(buf_span(&line), &doc);
    assert_int_equal(record_read_committed(doc.root, &doc.arena, &committed, &err), 0);
    assert_string_equal(committed.messages[0].name, "stt-worker");
    assert_string_equal(committed.messages[1].name, "zz");
}

static void record__refuses_a_line_with_a_spoiled_member(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *word;
    } cases[] = {
        {"\"commit\":\"" COMMIT "\",", "", "commit"},
        {COMMIT, "4f2c", "commit"},
        {"\"" COMMIT "\"", "null", "commit"},
        {"\"epoch\":42,", "", "epoch"},
        {"\"epoch\":42", "\"epoch\":-1", "epoch"},
        {"\"epoch\":42", "\"epoch\":1.5", "epoch"},
        {"\"offset\":3", "\"offset\":\"3\"", "offset"},
        {"\"generation\":1", "\"generation\":null", "generation"},
        {"\"correlation_id\":\"req-7.a_B\"", "\"correlation_id\":\"\"", "correlation_id"},
        {"\"correlation_id\":\"req-7.a_B\",", "", "correlation_id"},
        {"\"head\":\"{\\\"head\\\":true}\"", "\"head\":{}", "head"},
        {",\"head\":\"{\\\"head\\\":true}\"", "", "head"},
        {"\"services\":{", "\"other\":{", "services"},
        {"\"router\"", "\"Router\"", "services"},
        {"\"router\"", "\"\"", "services"},
        {"\"{\\\"a\\\":1}\"", "{}", "router"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf line = {0};
        AUTO_DOC struct doc doc = {0};
        struct record_committed committed = {.epoch = 77};
        struct error err;
        compose_line(&line);
        assert_true(spoil(&line, cases[i].old, cases[i].new));
        read_json(buf_span(&line), &doc);
        assert_int_equal(record_read_committed(doc.root, &doc.arena, &committed, &err), -1);
        assert_string_equal(err.code, CODE_JOURNAL_FORM);
        if (strstr(err.message, cases[i].word) == NULL)
            fail_msg("'%s' does not speak of '%s'", err.message, cases[i].word);
        assert_int_equal(committed.epoch, 77);
    }
}

static void record__refuses_a_line_that_is_not_an_object(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    struct record_committed committed;
    struct error err;
    read_json(SPAN("[]"), &doc);
    assert_int_equal(record_read_committed(doc.root, &doc.arena, &committed, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_FORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__names_each_kind_and_knows_it_again),
        cmocka_unit_test(record__knows_no_other_kind),
        cmocka_unit_test(record__writes_a_baseline),
        cmocka_unit_test(record__writes_what_was_committed),
        cmocka_unit_test(record__writes_an_epoch_that_changed_nothing),
        cmocka_unit_test(record__writes_what_was_published),
        cmocka_unit_test(record__writes_what_was_superseded),
        cmocka_unit_test(record__writes_what_was_rejected),
        cmocka_unit_test(record__keeps_at_most_a_hundred_findings),
        cmocka_unit_test(record__writes_a_rewrite),
        cmocka_unit_test(record__writes_a_keyset),
        cmocka_unit_test(record__writes_a_checkpoint),
        cmocka_unit_test(record__reads_back_what_was_committed),
        cmocka_unit_test(record__reads_back_an_epoch_that_changed_nothing),
        cmocka_unit_test(record__sorts_the_messages_it_reads_by_name),
        cmocka_unit_test(record__refuses_a_line_with_a_spoiled_member),
        cmocka_unit_test(record__refuses_a_line_that_is_not_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
