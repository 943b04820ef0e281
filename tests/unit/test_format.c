/*
 * format: each reader at its edges. That they agree with others is tests/interop/test_formats.py's to show.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/format.h"
#include "util/macros.h"

static bool is(const char *name, const char *text)
{
    const struct format *format = format_find(span_of(name));
    if (format == NULL)
        fail_msg("there is no format %s", name);
    return format->check(span_of(text));
}

static void assert_all(const char *name, const char *const *texts, bool is_right)
{
    for (; *texts != NULL; texts++)
        if (is(name, *texts) != is_right)
            fail_msg("%s: '%s' is %s", name, *texts, is_right ? "refused" : "accepted");
}

#define RIGHT(name, ...) assert_all(name, (const char *const[]){__VA_ARGS__, NULL}, true)
#define WRONG(name, ...) assert_all(name, (const char *const[]){__VA_ARGS__, NULL}, false)

static void format__knows_its_names_and_no_others(void **state)
{
    (void)state;
    static const char *const names[] = {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "ipv4",
        "ipv6",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct format *format = format_find(span_of(names[i]));
        assert_non_null(format);
        assert_string_equal(format->name, names[i]);
        assert_true(format->check(span_of(format->example)));
    }
    assert_null(format_find(SPAN("idn-hostname")));
    assert_null(format_find(SPAN("Date")));
    assert_null(format_find(SPAN("dat")));
    assert_null(format_find(SPAN("")));
}

static void format__times_have_their_digits_and_zones(void **state)
{
    (void)state;
    RIGHT("date", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31");
    WRONG("date", "", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-01",
          "2024-01-01 ");
    RIGHT("time", "00:00:00Z", "23:59:59.9z", "23:59:60Z", "01:29:60+01:30", "15:59:60-08:00");
    WRONG("time", "00:00:00", "24:00:00Z", "00:00:60Z", "00:00:00.Z", "00:00:00+1:00", "00:00:00+24:00",
          "00:00Z");
    RIGHT("date-time", "2024-02-29T00:00:00Z", "2024-02-29t00:00:00.123+23:59");
    WRONG("date-time", "2024-02-29 00:00:00Z", "2024-02-30T00:00:00Z", "2024-02-29T00:00:00", "2024-02-29");
    RIGHT("duration", "P1Y", "P1Y2M3DT4H5M6S", "PT1M", "P3W", "P1DT12H", "PT0S");
    WRONG("duration", "", "P", "PT", "1D", "P1", "P1H", "P1Y2D", "P1DT", "P1W1D", "PT1H2S", "P1D1D", "PT1.5S",
          "p1d");
}

static void format__addresses_are_the_strict_ones(void **state)
{
    (void)state;
    RIGHT("ipv4", "0.0.0.0", "255.255.255.255");
    WRONG("ipv4", "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", "1.2.3.",
          "1e1.2.3.4");
    RIGHT("ipv6", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::1.2.3.4",
          "1:2:3:4:5:6:1.2.3.4", "fe80::a", "ABCD::");
    WRONG("ipv6", "", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
          "1:2:3:4:5:6:7:8::", "1::2::3", "12345::", "::1.2.3", "1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::g",
          "fe80::a%eth0", "::1:", "1.2.3.4::");
    RIGHT("hostname", "a", "a.b", "xn--9n2bp8q", "1.2.3.4", "a--b", "XN--9N2BP8Q", "db.xn--ll-0ea");
    WRONG("hostname", "", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "caf\xc3\xa9", "xn--", "xn--a", "xn--X",
          "xn--hello-zed", "xn--l-fda", "xn--99999999", "xn--aa---o47jg78q");
    RIGHT("email", "a@b", "a.b+c@d.e", "\"a b\\\"@\"@c", "a@[1.2.3.4]", "a@[IPv6:::1]");
    WRONG("email", "", "a", "@b", "a@", "a@b@c", ".a@b", "a.@b", "a..b@c", "a b@c", "\"a@b", "a@[1.2.3]",
          "a@[::1]", "a@[IPv6:1]", "a@[]", "a@[", "a@-b", "caf\xc3\xa9@b", "\"\\", "\"\n\"@a");
    RIGHT("idn-email", "caf\xc3\xa9@caf\xc3\xa9.org", "\"\xc3\xa9 \"@a", "a@b");
    WRONG("idn-email", "caf\xc3\xa9", "@caf\xc3\xa9", "a@.\xc3\xa9", "\xc3@b");
}

static void format__lengths_of_names_have_an_end(void **state)
{
    (void)state;
    char text[512];
    memset(text, 'a', sizeof text);
    text[63] = '\0';
    assert_true(is("hostname", text));
    text[63] = 'a', text[64] = '\0';
    assert_false(is("hostname", text));
    memcpy(text + 64, "@b", 3);
    assert_true(is("email", text));
    text[64] = 'a', memcpy(text + 65, "@b", 3);
    assert_false(is("email", text));
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    text[253] = '\0';
    assert_true(is("hostname", text));
    text[253] = '.', text[254] = 'a', text[255] = '\0';
    assert_false(is("hostname", text));
}

static void format__references_follow_the_grammar(void **state)
{
    (void)state;
    RIGHT("uri", "a:", "http://h", "http://u:p@h:80/p?q#f", "urn:x:y", "http://[::1]:8080/", "http://[v1.a]/",
          "file:///x", "http://h:/", "a+b-c.1:x", "http://h/%41?a/b?c#d/?");
    WRONG("uri", "", "a", "//h", ":x", "1a:x", "a_b:x", "http://h/ x", "http://h/%4", "http://h/%",
          "http://h/\"", "http://h:x/", "http://[::1", "http://[::1]x/", "http://[1]/", "http://[v1.]/",
          "http://[v.a]/", "http://[]/", "http://a@b@c/", "http:/[x]", "a:#b#c", "http://caf\xc3\xa9/",
          "http://[v1.%41]/");
    RIGHT("uri-reference", "", "a", "../a", "//h/p", "?q", "#f", "./a:b", "a/b:c", "http://h");
    WRONG("uri-reference", "1:b", "a b", "\\a", "#a#b", "caf\xc3\xa9", "//a:b");
    RIGHT("iri", "http://caf\xc3\xa9/\xf0\x90\x8c\x80?\xee\x80\x80");
    WRONG("iri", "caf\xc3\xa9", "http://h/\xee\x80\x80", "http://h/\xc2\x85", "http://h/\xef\xbf\xbf",
          "http://h/\xc3");
    RIGHT("iri-reference", "caf\xc3\xa9", "#\xc3\xa9");
    WRONG("iri-reference", "caf\xc3\xa9 x");
    RIGHT("uri-template", "", "a{b}", "{+a,b.c,d*,e:30}", "{#%41}", "a'b", "\xc3\xa9");
    WRONG("uri-template", "{", "}", "{}", "{a", "{a,}", "{a:0}", "{a:12345}", "{a:}", "{.a.}", "a b", "%4",
          "{%4}", "{a-b}", "\xc2\x85");
}

static void format__small_ones(void **state)
{
    (void)state;
    RIGHT("uuid", "0f8fad5b-d9cb-469f-a165-70867728950e", "0F8FAD5B-D9CB-469F-A165-70867728950E");
    WRONG("uuid", "", "0f8fad5b-d9cb-469f-a165-70867728950", "0f8fad5b-d9cb-469f-a165-70867728950ef",
          "0f8fad5bd9cb469fa16570867728950e", "gf8fad5b-d9cb-469f-a165-70867728950e");
    RIGHT("json-pointer", "", "/", "/a/b", "/~0~1");
    WRONG("json-pointer", "a", "#/a", "/~", "/~2", "/a~");
    RIGHT("relative-json-pointer", "0", "1/a", "10#", "0/");
    WRONG("relative-json-pointer", "", "/a", "-1", "01", "1a", "1##", "1#/a");
    RIGHT("regex", "", "a|b", "(?<=a+)b", "[\\w-.]");
    WRONG("regex", "(", "\\a", "(?i)a", "a**");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format__knows_its_names_and_no_others),
        cmocka_unit_test(format__times_have_their_digits_and_zones),
        cmocka_unit_test(format__addresses_are_the_strict_ones),
        cmocka_unit_test(format__lengths_of_names_have_an_end),
        cmocka_unit_test(format__references_follow_the_grammar),
        cmocka_unit_test(format__small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
