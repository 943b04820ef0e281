/*
 * regex: what ECMA-262 says a pattern finds, found by PCRE2; and that no pattern takes more steps than it is given.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "schema/pattern.h"

enum { STEPS = 1000 * 1000 };

static void free_pattern(struct pattern **pattern)
{
    pattern_free(*pattern);
}
#define AUTO_PATTERN CLEANUP(free_pattern)

static enum pattern_verdict match(const char *ecma, struct span text, uint64_t *steps)
{
    AUTO_PATTERN struct pattern *pattern = NULL;
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = *steps};
    struct error err;
    if (pattern_compile(span_of(ecma), &pattern, &err) < 0)
        fail_msg("'%s' does not compile: %s", ecma, err.message);
    enum pattern_verdict verdict = pattern_match(pattern, text, &work);
    *steps -= work.steps;
    return verdict;
}

static void assert_found(const char *ecma, struct span text, bool is_found)
{
    uint64_t steps = STEPS;
    enum pattern_verdict verdict = match(ecma, text, &steps);
    if (verdict != (is_found ? PATTERN_YES : PATTERN_NO))
        fail_msg("'%s' in '%.*s': %d", ecma, (int)text.len, text.data, (int)verdict);
}

#define YES(ecma, text) assert_found(ecma, SPAN(text), true)
#define NO(ecma, text) assert_found(ecma, SPAN(text), false)

static void assert_refused(const char *ecma, const char *words)
{
    struct pattern *pattern = NULL;
    struct error err;
    assert_int_equal(pattern_compile(span_of(ecma), &pattern, &err), -1);
    assert_null(pattern);
    assert_string_equal(err.code, CODE_SCHEMA_REGEX);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' is not refused for '%s' but for '%s'", ecma, words, err.message);
}

static void regex__looks_anywhere_and_ends_at_the_end(void **state)
{
    (void)state;
    YES("b", "abc");
    YES("", "");
    YES("", "x");
    NO("^b", "abc");
    YES("^abc$", "abc");
    NO("^abc$", "abc\n");
    NO("^abc$", "x\nabc");
    YES("c$|^x", "abc");
}

static void regex__dot_and_classes_are_those_of_ecma(void **state)
{
    (void)state;
    NO("^.$", "\n");
    NO("^.$", "\r");
    NO("^.$", "\xe2\x80\xa8");
    YES("^.$", "\xf0\x9f\x90\xb2");
    YES("^\\s$", "\xc2\xa0");
    YES("^\\s$", "\xef\xbb\xbf");
    YES("^[\\s]$", "\xe2\x80\x89");
    NO("^\\S$", "\xe2\x80\x89");
    NO("^[\\S]$", "\xe2\x80\x89");
    YES("^[^\\s]$", "\xe2\x80\x93");
    YES("^[\\S]$", "\xf4\x8f\xbf\xbf");
    NO("^\\d$", "\xdf\x80");
    YES("^\\D$", "\xdf\x80");
    NO("^\\w$", "\xc3\xa9");
    YES("^\\W$", "\xc3\xa9");
    YES("^[\\w-.]+$", "a.b-c");
    YES("[^]", "\n");
    YES("^[]*x[\\ud800]?$", "x");
    NO("[\\ud800]", "x");
    NO("[]", "x");
    YES("^[[:alpha:]]$", ":]");
    NO("^[[:alpha:]]$", "a");
    YES("^[\\b]$", "\b");
    YES("\\bfoo\\b", "a foo b");
}

static void regex__spells_characters_as_ecma_does(void **state)
{
    (void)state;
    YES("^\\u0041\\x42\\u{43}\\cJ\\t\\0$", "ABC\n\t\0");
    YES("^\\ud83d\\udc32$", "\xf0\x9f\x90\xb2");
    YES("^[\\ud83d\\udc32]$", "\xf0\x9f\x90\xb2");
    NO("\\ud83d", "\xf0\x9f\x90\xb2");
    YES("^[^\\ud800-\\udfff]$", "\xf0\x9f\x90\xb2");
    YES("^[\\u0000-\\udbff]$", "\xed\x9f\xbf");
    YES("^\\$\\{\\{x\\}\\}\\/\\-\\_\\ $", "${{x}}/-_ ");
    YES("^{a}]$", "{a}]");
    YES("^a{,2}$", "a{,2}");
    YES("^ #x$", " #x");
    YES("^\xc3\xa9\\\xc3\xa9$", "\xc3\xa9\xc3\xa9");
}

static void regex__knows_the_properties_by_their_ecma_names(void **state)
{
    (void)state;
    YES("^\\p{Letter}+$", "a\xc3\xa9\xdf\x90");
    YES("^\\p{digit}+$", "4\xe0\xa7\xaa");
    YES("^[\\p{Lu}\\P{ASCII}]+$", "A\xc3\xa9");
    YES("^\\p{Script=Greek}\\p{sc=Grek}\\p{scx=Greek}$", "\xce\xb1\xce\xb2\xce\xb3");
    YES("^\\p{gc=Nd}\\p{General_Category=Decimal_Number}$", "12");
    YES("^\\p{Any}\\p{Assigned}\\P{Unassigned}$", "abc");
    YES("^\\p{LC}\\p{Cased_Letter}$", "aA");
    YES("^\\p{Emoji_Presentation}\\p{Alpha}\\p{White_Space}\\p{AHex}$", "\xf0\x9f\x90\xb2"
                                                                        "a f");
    assert_refused("\\p{letter}", "no such property");
    assert_refused("\\p{L&}", "no such property");
    assert_refused("\\p{Script=Klingon}", "");
    assert_refused("\\pL", "in braces");
}

static void regex__groups_references_and_looking_around(void **state)
{
    (void)state;
    YES("^(?:a|b)*?(?=c)(?!d)c$", "abac");
    YES("^(a)(?<x$1>b)\\k<x$1>\\1$", "abba");
    YES("^\\1(a)$", "a");
    YES("^(a|b)\\1{2}c$", "bbbc");
    YES("(?<=\\$)\\d+(?<!0)$", "$15");
    NO("^(['\"]).*\\1$", "'x\"");
    YES("^a{2}b{1,}c{0,2}?$", "aabbcc");
    assert_refused("(?<=a+)b", "lookbehind");
}

static void regex__refuses_what_ecma_does_not_know(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"^(abc]", "a ( without its )"},
        {"a)", "a ) without its ("},
        {"[a", "a [ without its ]"},
        {"*a", "nothing to repeat"},
        {"a**", "nothing to repeat"},
        {"a++", "nothing to repeat"},
        {"a{2}{3}", "nothing to repeat"},
        {"(?=a)*", "an assertion"},
        {"^*", "an assertion"},
        {"\\b+", "an assertion"},
        {"a{3,2}", "ends before"},
        {"a{70000}", "more than 65535"},
        {"a{99999999999}", "more than"},
        {"[b-a]", "ends before"},
        {"\\Z", "$ is the end"},
        {"\\A", "^ is the start"},
        {"\\a", "has no \\a"},
        {"\\", "a backslash at the end"},
        {"(?i)a", "no group"},
        {"(?P<n>a)", "no group"},
        {"(?#x)", "no group"},
        {"(?>a)", "no group"},
        {"(?i:a)", "no group"},
        {"\\2(a)", "not there"},
        {"\\k<x>", "not there"},
        {"(?<x>a)(?<x>b)", "two groups"},
        {"(?<1>a)", "the name"},
        {"(?<>a)", "the name"},
        {"(?<a", "the name"},
        {"\\u12", "four hex digits"},
        {"\\u{110000}", "up to 10FFFF"},
        {"\\x1", "two hex digits"},
        {"\\c1", "wants a letter"},
        {"[\\B]", "has no \\B"},
        {"\\01", "\\0"},
        {"\xff", "not UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_refused(wrong[i][0], wrong[i][1]);
    assert_refused("\xc3\xa9\\Z", "character 2 ");
}

static void regex__refuses_what_is_too_long_or_nests_too_deep(void **state)
{
    (void)state;
    static char text[PATTERN_MAX + 2];
    struct pattern *pattern = NULL;
    struct error err;
    memset(text, 'a', PATTERN_MAX + 1);
    assert_refused(text, "longer than");
    text[PATTERN_MAX] = '\0';
    assert_int_equal(pattern_compile(span_of(text), &pattern, &err), 0);
    pattern_free(pattern);
    memset(text, '(', PATTERN_DEPTH_MAX);
    memset(text + PATTERN_DEPTH_MAX, ')', PATTERN_DEPTH_MAX);
    text[2 * PATTERN_DEPTH_MAX] = '\0';
    assert_int_equal(pattern_compile(span_of(text), &pattern, &err), 0);
    pattern_free(pattern);
    memset(text, '(', PATTERN_DEPTH_MAX + 1);
    assert_refused(text, "nest deeper");
    assert_refused("((a{1000}){1000}){1000}", "too large");
}

/* Each of them is quadratic, cubic or exponential in PCRE2, some without its own limit noticing. */
static void t16__no_pattern_takes_more_steps_than_it_is_given(void **state)
{
    (void)state;
    static const char *const evil[] = {
        "^(a+)+$",    "^(a|a)*$",          "(a*)*b!",       "a*a*a*a*b!",   "a*b!",
        "a{60000}b!", "(?:a?){30}a{30}b!", "^(a*)\\1b!",    "(.*).*\\1x!",  "(?:(?:(?:a*)*)*)*b!",
        "\\w+\\s!",   "(?:.*a){20}b!",     "(?:a(?=.*b!))", "(?:a|b|c)*!!", "(x+x+)+y|(a|aa)+$",
    };
    static char text[256 * 1024];
    memset(text, 'a', sizeof text);
    text[sizeof text - 2] = '!';
    text[sizeof text - 1] = 'b';
    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        uint64_t steps = STEPS;
        if (match(evil[i], (struct span){text, sizeof text}, &steps) != PATTERN_EXPENSIVE)
            fail_msg("'%s' took %llu steps only", evil[i], (unsigned long long)steps);
        assert_true(steps <= STEPS);
    }
    uint64_t steps = 10 * 1000;
    assert_int_equal(match("^(a+)+$", SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), &steps), PATTERN_EXPENSIVE);
    steps = 100;
    assert_int_equal(match("^[a-z]+(-[a-z]+)*$", SPAN("quite-a-usual-name"), &steps), PATTERN_YES);
}

static void regex__work_is_shared_and_says_when_it_is_used_up(void **state)
{
    (void)state;
    AUTO_PATTERN struct pattern *pattern = NULL;
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = 50};
    struct error err;
    unsigned matches = 0;
    assert_int_equal(pattern_compile(SPAN("^(a)+b?$"), &pattern, &err), 0);
    while (pattern_match(pattern, SPAN("aab"), &work) == PATTERN_YES)
        matches++;
    assert_true(matches >= 5 && matches <= 25);
    assert_int_equal(pattern_match(pattern, SPAN("aab"), &work), PATTERN_EXPENSIVE);
    assert_true(work.steps <= 1);
}

static void regex__bytes_that_are_not_utf8_match_nothing(void **state)
{
    (void)state;
    NO("", "\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regex__looks_anywhere_and_ends_at_the_end),
        cmocka_unit_test(regex__dot_and_classes_are_those_of_ecma),
        cmocka_unit_test(regex__spells_characters_as_ecma_does),
        cmocka_unit_test(regex__knows_the_properties_by_their_ecma_names),
        cmocka_unit_test(regex__groups_references_and_looking_around),
        cmocka_unit_test(regex__refuses_what_ecma_does_not_know),
        cmocka_unit_test(regex__refuses_what_is_too_long_or_nests_too_deep),
        cmocka_unit_test(t16__no_pattern_takes_more_steps_than_it_is_given),
        cmocka_unit_test(regex__work_is_shared_and_says_when_it_is_used_up),
        cmocka_unit_test(regex__bytes_that_are_not_utf8_match_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
