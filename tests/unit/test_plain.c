/*
 * plain: what it takes, what it declines, and that it never says anything but what the engine says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "schema/pattern.h"
#include "schema/plain.h"
#include "util/macros.h"

static void plain__takes_what_names_and_paths_are_made_of(void **state)
{
    (void)state;
    static const char *const taken[] = {
        "^", "^$", "^/", "^a", "^[a-z]+$", "^[a-z][a-z0-9-]{0,62}$", "^v[0-9]+\\.[0-9]+$", "^sk-[A-Za-z0-9_-]{20,}$", "^\\d{4}-\\d\\d$",
        "^\\w+$", "^[\\w-]+$", "^a?b*c+d{2}$", "^[a\\]]$", "^[-a]$", "^https?:"};
    struct plain plain;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (!plain_read(span_of(taken[i]), &plain))
            fail_msg("%s is declined", taken[i]);
}

static void plain__declines_everything_else(void **state)
{
    (void)state;
    static const char *const declined[] = {
        "", "a", "a$", "^.*$", "^(a|b)$", "^a|b", "^[^a]$", "^[]$", "^[a-", "^[a", "^a+?$", "^a$b", "^a$$", "^\\s$", "^\\u0041", "^\\b",
        "^\xc3\xa9$", "^[\xc3\xa9]$", "^a*a$", "^[a-z]*x$", "^a?b?a$", "^[0-9]+[a-z]*[5-9]$", "^[\\d-z]$", "^a{1", "^a{x}", "^abcdefghi$",
        "^[[a]", "^a{2,1}", "^a{1000000}", "^{1}"};
    struct plain plain;
    for (size_t i = 0; i < ARRAY_LEN(declined); i++)
        if (plain_read(span_of(declined[i]), &plain))
            fail_msg("%s is taken", declined[i]);
}

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

static size_t make_pattern(uint32_t *seed, char *out, size_t size)
{
    static const char *const atoms[] = {"a", "b", "-", "[ab]", "[a-c]", "[0-9]", "\\d", "\\w", "[b-]", "[\\w-]", "\\.", "1"};
    static const char *const repeats[] = {"", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}"};
    size_t len = (size_t)snprintf(out, size, "^");
    for (uint32_t i = dice(seed, 4) + 1; i > 0; i--)
        len += (size_t)snprintf(out + len, size - len, "%s%s", atoms[dice(seed, ARRAY_LEN(atoms))],
                                repeats[dice(seed, ARRAY_LEN(repeats))]);
    return len + (size_t)snprintf(out + len, size - len, "%s", dice(seed, 2) ? "$" : "");
}

/* The same pattern in a group is one that PCRE2 matches. */
static void plain__says_what_the_engine_says(void **state)
{
    (void)state;
    enum { PATTERNS = 4000, TEXTS = 30 };
    static const char letters[] = "abc01.-_\n";
    struct pattern_work work AUTO_PATTERN_WORK = {0};
    uint32_t seed = 7, taken = 0, yes = 0;
    for (int i = 0; i < PATTERNS; i++) {
        char text[16], bare[128], grouped[140];
        struct plain plain;
        struct error err;
        struct pattern *pattern = NULL;
        size_t len = make_pattern(&seed, bare, sizeof bare);
        snprintf(grouped, sizeof grouped, "(?:%s)", bare);
        if (!plain_read((struct span){bare, len}, &plain))
            continue;
        taken++;
        assert_int_equal(pattern_compile(span_of(grouped), &pattern, &err), 0);
        for (int j = 0; j < TEXTS; j++) {
            size_t text_len = dice(&seed, 7);
            for (size_t k = 0; k < text_len; k++)
                text[k] = letters[dice(&seed, sizeof letters - 1)];
            struct span span = {text, text_len};
            work.steps = PATTERN_STEPS;
            bool wanted = pattern_match(pattern, span, &work) == PATTERN_YES;
            if (plain_match(&plain, span) != wanted)
                fail_msg("%s on '%.*s'", bare, (int)text_len, text);
            yes += wanted;
        }
        pattern_free(pattern);
    }
    assert_true(taken > PATTERNS / 4 && yes > taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain__takes_what_names_and_paths_are_made_of),
        cmocka_unit_test(plain__declines_everything_else),
        cmocka_unit_test(plain__says_what_the_engine_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
