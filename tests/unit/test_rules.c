/*
 * rules: epoch.yaml taken apart, which schema and which bases it gives to whom, and what of it is refused where.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/rules.h"
#include "model/codes.h"

struct reading {
    struct rules *rules;
    struct findings findings;
};

static void reading_fini(struct reading *r)
{
    rules_unref(r->rules);
    findings_fini(&r->findings);
}
#define READING CLEANUP(reading_fini) struct reading

static void read_text(struct reading *r, const char *text)
{
    struct error err;
    assert_int_equal(rules_read(span_of(text), &r->rules, &r->findings, &err), 0);
    assert_int_equal(r->rules == NULL, r->findings.errors > 0);
}

static void read_good(struct reading *r, const char *text)
{
    read_text(r, text);
    if (r->findings.errors > 0)
        fail_msg("%u:%u: %s", r->findings.items[0].pos.line, r->findings.items[0].pos.column, r->findings.items[0].message);
}

/* Exactly one finding. */
static void assert_refused(const char *text, const char *code, uint32_t line, uint32_t column, const char *words)
{
    READING r = {0};
    read_text(&r, text);
    assert_int_equal(r.findings.errors, 1);
    const struct finding *finding = &r.findings.items[r.findings.len - 1]; /* a warning may stand before it */
    assert_string_equal(finding->code, code);
    assert_string_equal(finding->file, RULES_FILE);
    if (strstr(finding->message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", finding->message, words);
    assert_int_equal(finding->pos.line, line);
    assert_int_equal(finding->pos.column, column);
}

static void rules__of_no_file_ask_for_nothing(void **state)
{
    (void)state;
    AUTO_RULES struct rules *rules = rules_new();
    AUTO_FINDINGS struct findings findings = {0};
    struct rules_name bases[RULES_BASES_MAX];
    assert_null(rules->profile.name);
    assert_false(rules->require_schema);
    assert_int_equal(rules->breaking, RULES_BREAKING_WARN);
    assert_null(rules_schema_of(rules, "x", &findings).name);
    assert_int_equal(rules_bases_of(rules, "x", bases, &findings), 0);
    assert_int_equal(rules->consumers_len, 0);
    assert_int_equal(findings.len, 0);
}

static void rules__say_what_the_file_says(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "profile: quiet\nrequire_schema: true\npolicy: {breaking: refuse}\n"
                  "consumers: {stt-worker: 2, router: 0}\n");
    assert_string_equal(r.rules->profile.name, "quiet");
    assert_int_equal(r.rules->profile.pos.line, 1);
    assert_int_equal(r.rules->profile.pos.column, 10);
    assert_true(r.rules->require_schema);
    assert_int_equal(r.rules->require_schema_pos.line, 2);
    assert_int_equal(r.rules->breaking, RULES_BREAKING_REFUSE);
    assert_int_equal(r.rules->consumers_len, 2);
    assert_string_equal(r.rules->consumers[0].service.name, "router");
    assert_int_equal(r.rules->consumers[0].count, 0);
    assert_string_equal(r.rules->consumers[1].service.name, "stt-worker");
    assert_int_equal(r.rules->consumers[1].count, 2);
}

static void assert_schema(struct reading *r, const char *service, const char *wanted)
{
    struct rules_name name = rules_schema_of(r->rules, service, &r->findings);
    if (wanted == NULL)
        assert_null(name.name);
    else
        assert_string_equal(name.name, wanted);
    assert_int_equal(r->findings.len, 0);
}

static void rules__give_a_service_the_schema_of_its_exact_name_then_of_the_longest_pattern(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "schemas: {\"*\": any, \"stt-*\": speech, \"*-worker\": work, \"stt-w*r\": long, stt-worker: exact}\n");
    assert_schema(&r, "stt-worker", "exact");
    assert_schema(&r, "stt-waiter", "long");
    assert_schema(&r, "stt-x", "speech");
    assert_schema(&r, "tts-worker", "work");
    assert_schema(&r, "stt-", "speech");
    assert_schema(&r, "stt", "any");
}

static void rules__leave_who_is_not_named_alone(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "schemas: {\"a*a\": any, b: x}\n");
    assert_schema(&r, "a", NULL); /* the two ends of a pattern do not share a character */
    assert_schema(&r, "aa", "any");
    assert_schema(&r, "bb", NULL);
}

static void rules__refuse_two_patterns_with_the_same_right(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "schemas:\n  \"stt-*\": a\n  \"*-one\": b\n  \"stt-two-*\": c\n");
    rules_schema_of(r.rules, "stt-one", &r.findings);
    assert_int_equal(r.findings.errors, 1);
    assert_string_equal(r.findings.items[0].code, CODE_RULES_AMBIGUOUS);
    assert_string_equal(r.findings.items[0].message, "'*-one' and 'stt-*' have the same right to the service 'stt-one'; "
                                                     "make one of them longer, or name the service");
    assert_int_equal(r.findings.items[0].pos.line, 2);
    rules_schema_of(r.rules, "stt-two-one", &r.findings); /* the longest one is alone */
    assert_int_equal(r.findings.errors, 1);
}

/* "a b c", the lowest first. */
static void assert_bases(struct reading *r, const char *service, const char *wanted)
{
    struct rules_name names[RULES_BASES_MAX];
    AUTO_BUF struct buf text = {0};
    size_t len = rules_bases_of(r->rules, service, names, &r->findings);
    for (size_t i = 0; i < len; i++)
        buf_printf(&text, "%s%s", i == 0 ? "" : " ", names[i].name);
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
    assert_int_equal(r->findings.len, 0);
}

static void rules__lay_the_bases_of_all_that_match_the_general_ones_lowest(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "bases: {stt-worker: [gpu], \"stt-*\": [audio, speech], \"*\": [common]}\n");
    assert_bases(&r, "stt-worker", "common audio speech gpu");
    assert_bases(&r, "stt-x", "common audio speech");
    assert_bases(&r, "router", "common");
}

static void rules__lay_a_base_once_at_its_highest_place(void **state)
{
    (void)state;
    READING r = {0};
    read_good(&r, "bases: {\"*\": [common, audio], \"x*\": [speech, common]}\n");
    assert_bases(&r, "x", "audio speech common");
}

static void rules__refuse_bases_whose_order_nobody_can_tell(void **state)
{
    (void)state;
    READING r = {0};
    struct rules_name names[RULES_BASES_MAX];
    read_good(&r, "bases: {\"a-*\": [p], \"*-b\": [q], a-b: [r]}\n");
    rules_bases_of(r.rules, "a-b", names, &r.findings); /* an exact name does not help: all of them count */
    assert_int_equal(r.findings.errors, 1);
    assert_string_equal(r.findings.items[0].code, CODE_RULES_AMBIGUOUS);
}

static void rules__refuse_more_bases_than_can_be_afforded(void **state)
{
    (void)state;
    READING r = {0};
    struct rules_name names[RULES_BASES_MAX];
    read_good(&r, "bases: {\"*\": [a,b,c,d,e,f,g,h,i,j], \"x*\": [k,l,m,q,o,p], \"xx*\": [r]}\n");
    assert_int_equal(rules_bases_of(r.rules, "x", names, &r.findings), 16);
    assert_int_equal(r.findings.errors, 0);
    assert_int_equal(rules_bases_of(r.rules, "xx", names, &r.findings), 16);
    assert_int_equal(r.findings.errors, 1);
    assert_string_equal(r.findings.items[0].code, CODE_LIMIT_BASES);
}

static void rules__refuse_more_patterns_than_can_be_afforded(void **state)
{
    (void)state;
    READING r = {0};
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "schemas:\n");
    for (int i = 0; i < RULES_PATTERNS_MAX + 1; i++)
        buf_printf(&text, "  \"a%d-*\": x\n  a%d: x\n", i, i);
    buf_putc(&text, '\0');
    read_text(&r, text.data);
    assert_int_equal(r.findings.errors, 1);
    assert_string_equal(r.findings.items[0].code, CODE_LIMIT_PATTERNS);
}

static void rules__are_refused_at_their_line(void **state)
{
    (void)state;
    assert_refused("- a\n", CODE_YAML_MAPPING, 1, 1, "");
    assert_refused("profile: [\n", CODE_YAML_SYNTAX, 2, 1, "");
    assert_refused("profil: quiet\n", CODE_SCHEMA_ADDITIONAL_PROPERTIES, 1, 1, "profile");
    assert_refused("profile: Quiet\n", CODE_SCHEMA_PATTERN, 1, 10, "must be a name");
    assert_refused("profile: 3\n", CODE_SCHEMA_TYPE, 1, 10, "");
    assert_refused("require_schema: yes\n", CODE_SCHEMA_TYPE, 1, 17, "true");
    assert_refused("policy: {breaking: never}\n", CODE_SCHEMA_ENUM, 1, 20, "refuse");
    assert_refused("policy: {braking: warn}\n", CODE_SCHEMA_ADDITIONAL_PROPERTIES, 1, 10, "breaking");
    assert_refused("schemas:\n  x: [a]\n", CODE_SCHEMA_TYPE, 2, 6, "");
    assert_refused("bases:\n  x: common\n", CODE_SCHEMA_TYPE, 2, 6, "");
    assert_refused("consumers: {x: -1}\n", CODE_SCHEMA_MINIMUM, 1, 16, "");
    assert_refused("consumers: {x: 1.5}\n", CODE_SCHEMA_TYPE, 1, 16, "");
}

static void rules__are_refused_for_patterns_that_are_none(void **state)
{
    static const char *const texts[] = {"schemas: {\"a**\": x}\n", "schemas: {\"?\": x}\n", "bases: {\"*a*\": [x]}\n",
                                        "schemas: {-a: x}\n", "bases: {\"\": [x]}\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        READING r = {0};
        read_text(&r, texts[i]);
        assert_int_equal(r.findings.errors, 1);
        assert_int_equal(r.findings.items[0].pos.line, 1);
        assert_non_null(strstr(r.findings.items[0].message, "must be the name of a service"));
        assert_null(strstr(r.findings.items[0].message, "[a-z]"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules__of_no_file_ask_for_nothing),
        cmocka_unit_test(rules__say_what_the_file_says),
        cmocka_unit_test(rules__give_a_service_the_schema_of_its_exact_name_then_of_the_longest_pattern),
        cmocka_unit_test(rules__leave_who_is_not_named_alone),
        cmocka_unit_test(rules__refuse_two_patterns_with_the_same_right),
        cmocka_unit_test(rules__lay_the_bases_of_all_that_match_the_general_ones_lowest),
        cmocka_unit_test(rules__lay_a_base_once_at_its_highest_place),
        cmocka_unit_test(rules__refuse_bases_whose_order_nobody_can_tell),
        cmocka_unit_test(rules__refuse_more_bases_than_can_be_afforded),
        cmocka_unit_test(rules__refuse_more_patterns_than_can_be_afforded),
        cmocka_unit_test(rules__are_refused_at_their_line),
        cmocka_unit_test(rules__are_refused_for_patterns_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
