/*
 * scalar: the core schema of YAML 1.2, form by form, and what YAML 1.1 would have made of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/scalar.h"
#include "util/num.h"

static struct scalar resolve(const char *text)
{
    return scalar_resolve(span_of(text));
}

static void assert_kind(const char *text, enum doc_kind kind)
{
    struct scalar scalar = resolve(text);
    if (scalar.kind != kind || scalar.unfit != NULL)
        fail_msg("'%s' is %s (%s), not %s", text, doc_kind_name(scalar.kind), scalar.unfit,
                 doc_kind_name(kind));
}

static void assert_integer(const char *text, int64_t value)
{
    assert_kind(text, DOC_INT);
    assert_true(resolve(text).u.integer == value);
}

static void assert_number(const char *text, double value)
{
    assert_kind(text, DOC_DOUBLE);
    assert_true(resolve(text).u.number == value);
}

static void assert_unfit(const char *text, const char *words)
{
    struct scalar scalar = resolve(text);
    if (scalar.unfit == NULL || strstr(scalar.unfit, words) == NULL)
        fail_msg("'%s' is not refused for '%s' but for '%s'", text, words, scalar.unfit);
}

static void scalar__knows_the_spellings_of_null_and_no_others(void **state)
{
    (void)state;
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const strings[] = {"nULL", "nil", "none", "~~", "null ", "N"};
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        assert_kind(nulls[i], DOC_NULL);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        assert_kind(strings[i], DOC_STRING);
}

static void scalar__knows_the_spellings_of_booleans_and_no_others(void **state)
{
    (void)state;
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    static const char *const strings[] = {"tRUE", "yes", "no", "on",      "off",
                                          "y",    "n",   "t",  "trueish", "falsE"};
    for (size_t i = 0; i < ARRAY_LEN(trues); i++) {
        assert_kind(trues[i], DOC_BOOL);
        assert_true(resolve(trues[i]).u.boolean);
        assert_kind(falses[i], DOC_BOOL);
        assert_false(resolve(falses[i]).u.boolean);
    }
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        assert_kind(strings[i], DOC_STRING);
}

static void scalar__reads_integers_of_three_bases(void **state)
{
    (void)state;
    assert_integer("0", 0);
    assert_integer("-0", 0);
    assert_integer("+12", 12);
    assert_integer("-19", -19);
    assert_integer("012", 12);
    assert_integer("000000000000000000000000000007", 7);
    assert_integer("0o14", 12);
    assert_integer("0x1F", 31);
    assert_integer("0xdeadBEEF", INT64_C(0xdeadbeef));
}

static void scalar__leaves_what_only_looks_like_an_integer_a_string(void **state)
{
    (void)state;
    static const char *const strings[] = {"0o",    "0x",   "0o8",   "0xG",   "0X1F",      "0O7",
                                          "-0x1F", "+0o7", "0b101", "1_000", "12a",       "+",
                                          "-",     "--1",  "1 2",   "1:30",  "2026-11-21"};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        assert_kind(strings[i], DOC_STRING);
}

static void scalar__reads_numbers_with_a_point_or_an_exponent(void **state)
{
    (void)state;
    assert_number("0.5", 0.5);
    assert_number(".5", 0.5);
    assert_number("-.5", -0.5);
    assert_number("+1.5", 1.5);
    assert_number("1.", 1);
    assert_number("0012.50", 12.5);
    assert_number("1e3", 1000);
    assert_number("1E+3", 1000);
    assert_number("12.5e-1", 1.25);
    assert_number("-0.0", 0);
    assert_number("1e-400", 0);
    assert_number("1e300", 1e300);
}

static void scalar__leaves_what_only_looks_like_a_number_a_string(void **state)
{
    (void)state;
    static const char *const strings[] = {".",         "..",   "1.2.3", "e5",    ".e5",   "1e",
                                          "1e+",       "1.5e", "+.",    "1.5x",  "0x1.8", "infinity",
                                          ".infinity", ".iNf", ".nAn",  "-.nan", "inf",   "nan"};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        assert_kind(strings[i], DOC_STRING);
}

static void scalar__keeps_integers_up_to_two_to_the_53_and_refuses_beyond(void **state)
{
    (void)state;
    assert_integer("9007199254740990", NUM_INT_MAX - 1);
    assert_integer("9007199254740991", NUM_INT_MAX);
    assert_integer("-9007199254740991", -NUM_INT_MAX);
    assert_integer("0x1fffffffffffff", NUM_INT_MAX);
    assert_unfit("9007199254740992", "beyond ±(2^53-1)");
    assert_unfit("-9007199254740992", "beyond ±(2^53-1)");
    assert_unfit("0x20000000000000", "beyond ±(2^53-1)");
    assert_unfit("0o400000000000000000", "beyond ±(2^53-1)");
    assert_unfit("99999999999999999999999999999999999999999999", "beyond ±(2^53-1)");
}

static void scalar__refuses_numbers_that_json_would_write_as_such_integers(void **state)
{
    (void)state;
    assert_number("9007199254740991.0", 9007199254740991.0);
    assert_unfit("9007199254740992.0", "beyond ±(2^53-1)");
    assert_unfit("1e20", "beyond ±(2^53-1)");
    assert_number("1e21", 1e21);
}

static void scalar__refuses_what_is_no_number_of_json(void **state)
{
    (void)state;
    static const char *const infinities[] = {".inf", ".Inf", ".INF", "-.inf", "+.inf", "-.INF"};
    static const char *const nans[] = {".nan", ".NaN", ".NAN"};
    for (size_t i = 0; i < ARRAY_LEN(infinities); i++)
        assert_unfit(infinities[i], "infinity");
    for (size_t i = 0; i < ARRAY_LEN(nans); i++)
        assert_unfit(nans[i], "not-a-number");
    assert_unfit("1e309", "too large");
    assert_unfit("-1e309", "too large");
}

static void scalar__reads_numbers_of_256_characters_and_no_more(void **state)
{
    (void)state;
    char text[300] = "0.";
    memset(text + 2, '1', 256);
    text[2 + 256] = '\0';
    assert_kind(text, DOC_DOUBLE);
    text[2 + 256] = '1';
    text[3 + 256] = '\0';
    assert_unfit(text, "256 characters");
}

static void scalar__does_not_end_at_a_nul(void **state)
{
    (void)state;
    assert_int_equal(scalar_resolve(SPAN("1\0002")).kind, DOC_STRING);
    assert_int_equal(scalar_resolve(SPAN("\0")).kind, DOC_STRING);
    assert_int_equal(scalar_resolve(SPAN("true\0")).kind, DOC_STRING);
    assert_null(scalar_ambiguity(SPAN("\0")));
    assert_null(scalar_ambiguity(SPAN("1:3\0000")));
}

static void assert_ambiguous(const char *text, const char *words)
{
    const char *sentence = scalar_ambiguity(span_of(text));
    if (sentence == NULL || strstr(sentence, words) == NULL)
        fail_msg("'%s' is not ambiguous as '%s' but as '%s'", text, words, sentence);
}

static void ambiguity__is_found_in_the_words_of_yaml_11(void **state)
{
    (void)state;
    static const char *const trues[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"};
    static const char *const falses[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF"};
    for (size_t i = 0; i < ARRAY_LEN(trues); i++) {
        assert_ambiguous(trues[i], "write true, or quote it");
        assert_ambiguous(falses[i], "write false, or quote it");
    }
    assert_ambiguous("no", "'no' is the string \"no\" in YAML 1.2");
    assert_ambiguous("=", "value key");
    assert_ambiguous("<<", "merge key");
}

static void ambiguity__is_found_in_numbers_that_yaml_11_reads_otherwise(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"012", "leading zero"}, {"-007", "leading zero"}, {"08", "leading zero"},
        {"0b101", "binary"},     {"-0x1F", "hexadecimal"}, {"0x1_F", "hexadecimal"},
        {"1_000", "'_'"},        {"+1_000.5", "'_'"},      {"1_000.5e+3", "'_'"},
        {"1:30", "base 60"},     {"22:22:22", "base 60"},  {"-190:20:30", "base 60"},
        {"1:30.5", "base 60"},   {"01:30.5", "base 60"},   {"12:34:56:07", "base 60"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_ambiguous(cases[i].text, cases[i].words);
}

static void ambiguity__is_found_in_dates_and_times(void **state)
{
    (void)state;
    static const char *const dates[] = {
        "2026-11-21",          "2026-11-21T03:23:22Z",  "2026-11-21t3:23:22.123+1:30",
        "2026-11-21 03:23:22", "2026-1-1   3:23:22 -5", "2001-12-15 2:59:43.10"};
    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        assert_ambiguous(dates[i], "a date is a string");
}

static void ambiguity__is_not_found_where_both_versions_agree(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "~",           "null",        "true",
        "False",    "0",           "12",          "-12",
        "+12",      "0x1F",        "1.5",         "1e3",
        "1.5e-3",   ".5",          "nope",        "yess",
        "offline",  "note",        "nO",          "oN",
        "<",        "==",          "<<<",         "1:60",
        "01:30",    "1:",          ":30",         "1:30:",
        "1:234",    "1:3a",        "_1",          "1_a",
        "a_b",      "+_1",         "1:99",        "2026-11-2",
        "2026-1-1", "20261-11-21", "2026-11-21x", "2026-11-21T03:23",
        "2026-11",  "2026-11-21 ", "192.168.0.1", "1.2.3",
        "0b2",      "0b",          "0x",          "mqtt://localhost:1883",
        "+",        "-",           "--",          "10.0.0.0/8",
        "5s",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (scalar_ambiguity(span_of(texts[i])) != NULL)
            fail_msg("'%s': %s", texts[i], scalar_ambiguity(span_of(texts[i])));
}

static void ambiguity__never_repeats_a_number(void **state)
{
    (void)state;
    static const char *const secrets[] = {"04711", "12:34:56:07", "4_711", "2026-11-21"};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        assert_null(strstr(scalar_ambiguity(span_of(secrets[i])), secrets[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar__knows_the_spellings_of_null_and_no_others),
        cmocka_unit_test(scalar__knows_the_spellings_of_booleans_and_no_others),
        cmocka_unit_test(scalar__reads_integers_of_three_bases),
        cmocka_unit_test(scalar__leaves_what_only_looks_like_an_integer_a_string),
        cmocka_unit_test(scalar__reads_numbers_with_a_point_or_an_exponent),
        cmocka_unit_test(scalar__leaves_what_only_looks_like_a_number_a_string),
        cmocka_unit_test(scalar__keeps_integers_up_to_two_to_the_53_and_refuses_beyond),
        cmocka_unit_test(scalar__refuses_numbers_that_json_would_write_as_such_integers),
        cmocka_unit_test(scalar__refuses_what_is_no_number_of_json),
        cmocka_unit_test(scalar__reads_numbers_of_256_characters_and_no_more),
        cmocka_unit_test(scalar__does_not_end_at_a_nul),
        cmocka_unit_test(ambiguity__is_found_in_the_words_of_yaml_11),
        cmocka_unit_test(ambiguity__is_found_in_numbers_that_yaml_11_reads_otherwise),
        cmocka_unit_test(ambiguity__is_found_in_dates_and_times),
        cmocka_unit_test(ambiguity__is_not_found_where_both_versions_agree),
        cmocka_unit_test(ambiguity__never_repeats_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
