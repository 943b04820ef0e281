/*
 * verdicts: the ring, and what status.json says of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/verdicts.h"
#include "model/json.h"

#define COMMIT_1 "0100000000000000000000000000000000000000"
#define COMMIT_2 "0200000000000000000000000000000000000000"

static const struct span no_findings;

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct verdicts));
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    verdicts_fini(*state);
    free(*state);
    return 0;
}

/* Commit n: the number in its first bytes. */
static struct oid commit(unsigned n)
{
    return (struct oid){.bytes = {(uint8_t)n, (uint8_t)(n >> 8)}};
}

static void add(struct verdicts *verdicts, unsigned n, uint64_t epoch, enum verdict_kind kind)
{
    struct oid id = commit(n);
    verdicts_add(verdicts, &id, epoch, kind, "", no_findings);
}

static void expect(const struct verdicts *verdicts, size_t i, unsigned n, uint64_t epoch, enum verdict_kind kind)
{
    const struct verdict *verdict = verdicts_get(verdicts, i);
    struct oid id = commit(n);
    assert_non_null(verdict);
    assert_memory_equal(verdict->commit.bytes, id.bytes, OID_LEN);
    assert_int_equal(verdict->epoch, epoch);
    assert_int_equal(verdict->kind, kind);
}

static void expect_json(const struct verdicts *verdicts, const char *json)
{
    struct buf text AUTO_BUF = {0};
    verdicts_write_json(verdicts, &text);
    buf_putc(&text, '\0');
    assert_false(text.failed);
    assert_string_equal(text.data, json);
}

/* --- the ring ------------------------------------------------------------------------------------------------------- */

static void verdicts__has_none_at_first(void **state)
{
    assert_null(verdicts_get(*state, 0));
    expect_json(*state, "[]");
}

static void verdicts__gives_the_newest_first(void **state)
{
    add(*state, 1, 11, VERDICT_PUBLISHED);
    add(*state, 2, 0, VERDICT_REJECTED);
    expect(*state, 0, 2, 0, VERDICT_REJECTED);
    expect(*state, 1, 1, 11, VERDICT_PUBLISHED);
    assert_null(verdicts_get(*state, 2));
}

static void verdicts__keeps_as_many_as_it_promises(void **state)
{
    for (unsigned n = 1; n <= VERDICTS_KEPT; n++)
        add(*state, n, n, VERDICT_PUBLISHED);
    expect(*state, 0, VERDICTS_KEPT, VERDICTS_KEPT, VERDICT_PUBLISHED);
    expect(*state, VERDICTS_KEPT - 1, 1, 1, VERDICT_PUBLISHED);
    assert_null(verdicts_get(*state, VERDICTS_KEPT));
}

static void verdicts__lets_the_oldest_fall_out(void **state)
{
    for (unsigned n = 1; n <= 3 * VERDICTS_KEPT + 1; n++)
        add(*state, n, n, VERDICT_PUBLISHED);
    for (unsigned i = 0; i < VERDICTS_KEPT; i++)
        expect(*state, i, 3 * VERDICTS_KEPT + 1 - i, 3 * VERDICTS_KEPT + 1 - i, VERDICT_PUBLISHED);
    assert_null(verdicts_get(*state, VERDICTS_KEPT));
}

static void verdicts__copies_findings_and_frees_those_that_fall_out(void **state)
{
    char findings[] = "[1]";
    struct oid id = commit(1);
    for (unsigned n = 0; n < 2 * VERDICTS_KEPT; n++)
        verdicts_add(*state, &id, 0, VERDICT_REJECTED, "x", span_of(findings));
    findings[1] = '2';
    assert_string_equal(verdicts_get(*state, 0)->findings, "[1]");
}

static void verdicts__does_not_inherit_findings_or_code_from_what_fell_out(void **state)
{
    struct oid id = commit(1);
    for (unsigned n = 0; n < VERDICTS_KEPT; n++)
        verdicts_add(*state, &id, 0, VERDICT_REJECTED, "x", SPAN("[1]"));
    add(*state, 2, 5, VERDICT_COMMITTED);
    assert_null(verdicts_get(*state, 0)->findings);
    assert_string_equal(verdicts_get(*state, 0)->code, "");
}

static void verdicts__cuts_a_code_that_is_too_long(void **state)
{
    char code[100];
    struct oid id = commit(1);
    memset(code, 'c', sizeof code - 1);
    code[sizeof code - 1] = '\0';
    verdicts_add(*state, &id, 0, VERDICT_REJECTED, code, no_findings);
    assert_int_equal(strlen(verdicts_get(*state, 0)->code), sizeof((struct verdict *)0)->code - 1);
}

static void verdicts__is_empty_again_after_fini(void **state)
{
    add(*state, 1, 1, VERDICT_COMMITTED);
    verdicts_fini(*state);
    assert_null(verdicts_get(*state, 0));
}

/* --- what becomes of a committed one ---------------------------------------------------------------------------------- */

static void verdicts__moves_the_committed_epoch_and_no_other(void **state)
{
    add(*state, 1, 11, VERDICT_COMMITTED);
    add(*state, 2, 12, VERDICT_COMMITTED);
    verdicts_move(*state, 11, VERDICT_PUBLISHED);
    expect(*state, 1, 1, 11, VERDICT_PUBLISHED);
    expect(*state, 0, 2, 12, VERDICT_COMMITTED);
    verdicts_move(*state, 12, VERDICT_SUPERSEDED);
    expect(*state, 0, 2, 12, VERDICT_SUPERSEDED);
}

static void verdicts__never_takes_a_verdict_back(void **state)
{
    add(*state, 1, 11, VERDICT_COMMITTED);
    add(*state, 2, 12, VERDICT_REJECTED);
    verdicts_move(*state, 11, VERDICT_PUBLISHED);
    verdicts_move(*state, 11, VERDICT_SUPERSEDED);
    verdicts_move(*state, 12, VERDICT_PUBLISHED);
    verdicts_move(*state, 99, VERDICT_PUBLISHED);
    expect(*state, 1, 1, 11, VERDICT_PUBLISHED);
    expect(*state, 0, 2, 12, VERDICT_REJECTED);
}

/* --- the JSON --------------------------------------------------------------------------------------------------------- */

static void verdicts__writes_each_member_newest_first(void **state)
{
    struct oid id = commit(2);
    add(*state, 1, 41, VERDICT_PUBLISHED);
    verdicts_add(*state, &id, 0, VERDICT_REJECTED, "schema.type", SPAN("[{\"line\":3}]"));
    expect_json(*state, "[{\"code\":\"schema.type\",\"commit\":\"" COMMIT_2 "\",\"epoch\":null,"
                        "\"findings\":[{\"line\":3}],\"verdict\":\"rejected\"},"
                        "{\"code\":null,\"commit\":\"" COMMIT_1 "\",\"epoch\":41,\"findings\":[],"
                        "\"verdict\":\"published\"}]");
}

static void verdicts__writes_an_epoch_of_any_size(void **state)
{
    add(*state, 1, UINT64_MAX, VERDICT_SUPERSEDED);
    expect_json(*state, "[{\"code\":null,\"commit\":\"" COMMIT_1 "\",\"epoch\":18446744073709551615,"
                        "\"findings\":[],\"verdict\":\"superseded\"}]");
}

static void verdicts__writes_well_formed_json_when_full(void **state)
{
    struct buf text AUTO_BUF = {0};
    struct doc doc AUTO_DOC = {0};
    struct error err;
    struct json_options options = {.file = "verdicts", .limits = {16, UINT32_MAX, UINT32_MAX}};
    for (unsigned n = 1; n <= VERDICTS_KEPT + 1; n++)
        add(*state, n, n, VERDICT_COMMITTED);
    verdicts_write_json(*state, &text);
    assert_int_equal(json_read(buf_span(&text), &options, &doc, &err), 0);
    assert_true(json_is_canonical(doc.root, buf_span(&text)));
    assert_int_equal(doc.root->kind, DOC_ARRAY);
    assert_int_equal(doc.root->u.array.len, VERDICTS_KEPT);
}

static void verdicts__names_every_kind(void **state)
{
    (void)state;
    assert_string_equal(verdict_name(VERDICT_COMMITTED), "committed");
    assert_string_equal(verdict_name(VERDICT_PUBLISHED), "published");
    assert_string_equal(verdict_name(VERDICT_SUPERSEDED), "superseded");
    assert_string_equal(verdict_name(VERDICT_REJECTED), "rejected");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(verdicts__has_none_at_first),
        ONE(verdicts__gives_the_newest_first),
        ONE(verdicts__keeps_as_many_as_it_promises),
        ONE(verdicts__lets_the_oldest_fall_out),
        ONE(verdicts__copies_findings_and_frees_those_that_fall_out),
        ONE(verdicts__does_not_inherit_findings_or_code_from_what_fell_out),
        ONE(verdicts__cuts_a_code_that_is_too_long),
        ONE(verdicts__is_empty_again_after_fini),
        ONE(verdicts__moves_the_committed_epoch_and_no_other),
        ONE(verdicts__never_takes_a_verdict_back),
        ONE(verdicts__writes_each_member_newest_first),
        ONE(verdicts__writes_an_epoch_of_any_size),
        ONE(verdicts__writes_well_formed_json_when_full),
        cmocka_unit_test(verdicts__names_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
