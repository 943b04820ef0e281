/*
 * num: numbers to text as ECMAScript writes them, and back, whatever the locale.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>

#include "util/macros.h"
#include "util/num.h"

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void assert_formats(double value, const char *text)
{
    char out[NUM_TEXT_MAX];
    memset(out, '#', sizeof out);
    size_t len = num_format_double(value, out);
    assert_string_equal(out, text);
    assert_int_equal(len, strlen(text));
}

static void assert_parses(const char *text, double value)
{
    double out = 77;
    assert_true(num_parse_double(span_of(text), &out));
    assert_true(bits_of(out) == bits_of(value));
}

/* RFC 8785, appendix B, and what is hard besides. */
static void num__formats_as_the_canonical_form_wants_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        {0x0010000000000000, "2.2250738585072014e-308"},
        {0x000fffffffffffff, "2.225073858507201e-308"},
        {0x0060000000000000, "7.120236347223045e-307"}, /* a power of two: the nearest 16 digits do not read back */
        {0x3ff0000000000000, "1"},
        {0x3fb999999999999a, "0.1"},
        {0x3fd3333333333334, "0.30000000000000004"},
        {0xc05edd2f1a9fbe77, "-123.456"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_formats(of_bits(cases[i].bits), cases[i].text);
}

static void num__switches_to_an_exponent_where_ecmascript_does(void **state)
{
    (void)state;
    assert_formats(1e20, "100000000000000000000");
    assert_formats(1e21, "1e+21");
    assert_formats(1.5e300, "1.5e+300");
    assert_formats(123456789012345680000.0, "123456789012345680000");
    assert_formats(0.000001, "0.000001");
    assert_formats(0.0000015, "0.0000015");
    assert_formats(0.0000001, "1e-7");
    assert_formats(-1.5e-10, "-1.5e-10");
}

static void num__writes_integers_without_a_point(void **state)
{
    (void)state;
    assert_formats(9007199254740991.0, "9007199254740991");
    assert_formats(-9007199254740991.0, "-9007199254740991");
    assert_formats(9007199254740990.0, "9007199254740990");
    assert_formats(10, "10");
    assert_formats(-1, "-1");
}

static void num__writes_null_for_what_json_cannot_say(void **state)
{
    (void)state;
    assert_formats(INFINITY, "null");
    assert_formats(-INFINITY, "null");
    assert_formats(NAN, "null");
}

static void num__formats_every_integer_of_64_bits(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-1, "-1"},
                 {9, "9"},
                 {10, "10"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[NUM_TEXT_MAX];
        size_t len = num_format_int(cases[i].value, out);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(len, strlen(out));
    }
}

/* A fixed sequence of bits that look random (splitmix64): the same in each run. */
static uint64_t next_bits(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void num__reads_back_what_it_formats(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        double value = of_bits(next_bits(&seed)), back;
        char text[NUM_TEXT_MAX];
        if (!isfinite(value))
            continue;
        size_t len = num_format_double(value, text);
        assert_true(len < sizeof text);
        assert_true(num_parse_double((struct span){text, len}, &back));
        assert_true(bits_of(back) == bits_of(value));
    }
}

static void num__parses_what_json_allows(void **state)
{
    (void)state;
    assert_parses("0", 0.0);
    assert_parses("-0", -0.0);
    assert_parses("-0.0e5", -0.0);
    assert_parses("0.00", 0.0);
    assert_parses("1", 1);
    assert_parses("-12", -12);
    assert_parses("12.5", 12.5);
    assert_parses("0.001", 0.001);
    assert_parses("0.30000000000000004", 0.1 + 0.2);
    assert_parses("1e3", 1000);
    assert_parses("1E3", 1000);
    assert_parses("1e+3", 1000);
    assert_parses("1.25e-3", 0.00125);
    assert_parses("0e7", 0.0);
    assert_parses("1e0003", 1000);
    assert_parses("100000000000000000000000", 1e23);
}

static void num__refuses_what_json_does_not_allow(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "-",   "+1",   "--1", "01",   "-01", "00",   "1.",    "-.5",      ".5",  "1.e3", "1e",  "1e+",
        "1e-", "e3",  "1e3.", " 1",  "1 ",   "1,5", "1_0",  "0x10",  "Infinity", "NaN", "inf",  "nan", "1f",
        "1.5.", "1-", "1e3e", "١",  "1\n", "-e1", "0x1p3", "1e1-",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double out = 77;
        assert_false(num_parse_double(span_of(bad[i]), &out));
        assert_true(out == 77);
    }
    double out = 77;
    assert_false(num_parse_double((struct span){0}, &out));
    assert_false(num_parse_double(SPAN("1\0"), &out));
}

static void num__reads_no_further_than_the_span(void **state)
{
    (void)state;
    double out;
    assert_true(num_parse_double((struct span){"12345", 2}, &out));
    assert_true(out == 12);
    assert_false(num_parse_double((struct span){"1.5", 2}, &out));
}

static void num__goes_to_infinity_and_to_zero(void **state)
{
    (void)state;
    assert_parses("1.7976931348623157e308", 0x1.fffffffffffffp1023);
    assert_parses("1.7976931348623158e308", 0x1.fffffffffffffp1023);
    assert_parses("1.7976931348623159e308", INFINITY);
    assert_parses("-1e400", -INFINITY);
    assert_parses("1e99999999999999999999999", INFINITY);
    assert_parses("1e-99999999999999999999999", 0.0);
    assert_parses("-1e-400", -0.0);
    assert_parses("0e99999999999999999999999", 0.0);
    assert_parses("3e-324", 0x1p-1074);
    assert_parses("2e-324", 0.0);
}

/* "<head><zeros times 0><tail>" */
static void assert_parses_long(const char *head, size_t zeros, const char *tail, double value)
{
    AUTO_FREE char *text = malloc(strlen(head) + zeros + strlen(tail) + 1);
    assert_non_null(text);
    strcpy(text, head);
    memset(text + strlen(head), '0', zeros);
    strcpy(text + strlen(head) + zeros, tail);
    assert_parses(text, value);
}

static void num__parses_texts_of_any_length(void **state)
{
    (void)state;
    assert_parses_long("1", 1000000, "", INFINITY);
    assert_parses_long("1", 1000000, "e-1000000", 1);
    assert_parses_long("0.", 1000000, "1e1000001", 1);
    assert_parses_long("0.", 1000000, "1", 0.0);
    assert_parses_long("1.", 1000000, "", 1);
    assert_parses_long("1.", 1000000, "1", 1);
    assert_parses_long("12.5", 700, "e1", 125);
    assert_parses_long("12.5", 800, "e1", 125);
}

static void num__rounds_by_the_last_of_many_digits(void **state)
{
    (void)state;
    /* 2^53 + 1 lies halfway: to the even one, unless anything, however far behind, is more than nothing. */
    assert_parses("9007199254740993", 9007199254740992.0);
    assert_parses("9007199254740993.0", 9007199254740992.0);
    for (size_t zeros = 740; zeros < 780; zeros++) {
        assert_parses_long("9007199254740993.", zeros, "0", 9007199254740992.0);
        assert_parses_long("9007199254740993.", zeros, "1", 9007199254740994.0);
    }
    assert_parses_long("9007199254740993.", 100000, "1", 9007199254740994.0);
    assert_parses_long("9007199254740993", 1000, "1e-1001", 9007199254740994.0);
}

/* Writes a decimal fraction divided by two, one digit longer, over itself. */
static void halve(char *digits, size_t len)
{
    int rest = 0;
    for (size_t i = 0; i < len; i++) {
        int value = rest * 10 + (digits[i] - '0');
        digits[i] = (char)('0' + value / 2);
        rest = value % 2;
    }
    digits[len] = rest == 0 ? '0' : '5';
    digits[len + 1] = '\0';
}

static void num__rounds_right_in_the_longest_case_there_is(void **state)
{
    (void)state;
    /* 2^-1075, halfway between zero and the smallest double, has 752 significant digits. */
    char text[1200] = "0.5";
    for (size_t i = 1; i < 1075; i++)
        halve(text + 2, strlen(text + 2));
    assert_int_equal(strlen(text), 2 + 1075);
    assert_parses(text, 0.0);
    strcat(text, "0000000001");
    assert_parses(text, 0x1p-1074);
    strcat(text, "00000000000000000000");
    assert_parses(text, 0x1p-1074);

    /* One less in its last digit is below halfway, whatever follows. */
    text[2 + 1074] = '4';
    assert_parses(text, 0.0);
}

static void num__parses_unsigned_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0}, {"7", 7}, {"10", 10}, {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {
        "",   "00", "01", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "18446744073709551616",
        "18446744073709551620", "99999999999999999999", "184467440737095516150", "٣",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t out = 77;
        assert_true(num_parse_u64(span_of(good[i].text), &out));
        assert_true(out == good[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t out = 77;
        assert_false(num_parse_u64(span_of(bad[i]), &out));
        assert_int_equal(out, 77);
    }
    uint64_t out = 77;
    assert_false(num_parse_u64(SPAN("1\0"), &out));
}

/* --- a locale whose decimal point is two bytes long ----------------------------------------------------- */

struct foreign_locale {
    char folder[64];
};

static int make_locale(void **state)
{
    static struct foreign_locale made;
    static const char source[] = "comment_char %\nescape_char /\nLC_NUMERIC\ndecimal_point \"<U066B>\"\n"
                                 "thousands_sep \"<U066C>\"\ngrouping 3;3\nEND LC_NUMERIC\n";
    char command[256];
    const char *tmp = getenv("TMPDIR");
    snprintf(made.folder, sizeof made.folder, "%s/epochd-num-XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
    if (mkdtemp(made.folder) == NULL)
        return -1;
    snprintf(command, sizeof command,
             "cd %s && cat >point.src && localedef -c -f UTF-8 -i point.src ./point.UTF-8 >log 2>&1", made.folder);
    FILE *shell = popen(command, "w");
    if (shell == NULL)
        return -1;
    fwrite(source, 1, strlen(source), shell);
    pclose(shell);
    setenv("LOCPATH", made.folder, 1);
    *state = &made;
    return 0;
}

static int drop_locale(void **state)
{
    const struct foreign_locale *made = *state;
    char command[128];
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", made->folder);
    return system(command) == 0 ? 0 : -1;
}

static void num__does_not_care_for_the_locale(void **state)
{
    (void)state;
    if (setlocale(LC_NUMERIC, "point.UTF-8") == NULL) {
        print_message("SKIPPED: no locale with another decimal point could be made (is localedef here?)\n");
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, "\u066B");
    assert_formats(333333333.33333325, "333333333.33333325");
    assert_formats(-1.5e-10, "-1.5e-10");
    assert_formats(5e-324, "5e-324");
    assert_parses("1.5", 1.5);
    assert_parses("-2.5e-3", -0.0025);
    assert_parses("1e3", 1000);
    double out;
    assert_false(num_parse_double(SPAN("1\u066B5"), &out));
    assert_false(num_parse_double(SPAN("1\u066C000"), &out));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(num__formats_as_the_canonical_form_wants_it),
        cmocka_unit_test(num__switches_to_an_exponent_where_ecmascript_does),
        cmocka_unit_test(num__writes_integers_without_a_point),
        cmocka_unit_test(num__writes_null_for_what_json_cannot_say),
        cmocka_unit_test(num__formats_every_integer_of_64_bits),
        cmocka_unit_test(num__reads_back_what_it_formats),
        cmocka_unit_test(num__parses_what_json_allows),
        cmocka_unit_test(num__refuses_what_json_does_not_allow),
        cmocka_unit_test(num__reads_no_further_than_the_span),
        cmocka_unit_test(num__goes_to_infinity_and_to_zero),
        cmocka_unit_test(num__parses_texts_of_any_length),
        cmocka_unit_test(num__rounds_by_the_last_of_many_digits),
        cmocka_unit_test(num__rounds_right_in_the_longest_case_there_is),
        cmocka_unit_test(num__parses_unsigned_integers),
        cmocka_unit_test_setup_teardown(num__does_not_care_for_the_locale, make_locale, drop_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
