/*
 * mqtt_url: every form of a broker's URL that is taken, and that a refused one never shows up in the message.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/mqtt.h"
#include "model/codes.h"

struct good {
    const char *text, *host, *username, *password, *display;
    int port;
    bool is_tls, is_unix;
};

static void assert_text(const char *got, const char *want)
{
    if (want == NULL)
        assert_null(got);
    else
        assert_string_equal(got, want);
}

static void check_good(const struct good *good)
{
    struct mqtt_url url;
    struct error err;
    if (mqtt_url_parse(good->text, &url, &err) != 0)
        fail_msg("%s: %s", good->text, err.message);
    assert_text(url.host, good->host);
    assert_text(url.username, good->username);
    assert_text(url.password, good->password);
    assert_text(url.display, good->display);
    assert_int_equal(url.port, good->port);
    assert_int_equal(url.is_tls, good->is_tls);
    assert_int_equal(url.is_unix, good->is_unix);
    mqtt_url_fini(&url);
    assert_null(url.host);
}

static void mqtt_url__takes_hosts_and_ports(void **state)
{
    (void)state;
    static const struct good table[] = {
        {"mqtt://localhost", "localhost", NULL, NULL, "mqtt://localhost:1883", 1883, false, false},
        {"mqtts://broker.example", "broker.example", NULL, NULL, "mqtts://broker.example:8883", 8883, true,
         false},
        {"mqtt://10.0.0.7:1", "10.0.0.7", NULL, NULL, "mqtt://10.0.0.7:1", 1, false, false},
        {"mqtt://my_broker-1:65535", "my_broker-1", NULL, NULL, "mqtt://my_broker-1:65535", 65535, false,
         false},
        {"mqtt://[::1]", "::1", NULL, NULL, "mqtt://[::1]:1883", 1883, false, false},
        {"mqtts://[2001:db8::7]:999", "2001:db8::7", NULL, NULL, "mqtts://[2001:db8::7]:999", 999, true,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_good(&table[i]);
}

static void mqtt_url__takes_users_and_hides_them(void **state)
{
    (void)state;
    static const struct good table[] = {
        {"mqtt://ann@h", "h", "ann", NULL, "mqtt://h:1883", 1883, false, false},
        {"mqtt://ann:s3cret@h:2", "h", "ann", "s3cret", "mqtt://h:2", 2, false, false},
        {"mqtt://ann:@h", "h", "ann", "", "mqtt://h:1883", 1883, false, false},
        {"mqtt://a%40b:p%3aq%2F%c3%A9@[::1]:2", "::1", "a@b", "p:q/é", "mqtt://[::1]:2", 2, false, false},
        {"mqtt://ann:a:b@h", "h", "ann", "a:b", "mqtt://h:1883", 1883, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_good(&table[i]);
}

static void mqtt_url__takes_unix_sockets(void **state)
{
    (void)state;
    static const struct good table[] = {
        {"unix:///run/mosquitto.sock", "/run/mosquitto.sock", NULL, NULL, "unix:///run/mosquitto.sock", 0,
         false, true},
        {"unix:///run/a%20b?c", "/run/a%20b?c", NULL, NULL, "unix:///run/a%20b?c", 0, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_good(&table[i]);
}

/* `part` is what the message must say. */
static void check_refused(const char *text, const char *part)
{
    struct mqtt_url url = {.port = 77};
    struct error err;
    if (mqtt_url_parse(text, &url, &err) == 0)
        fail_msg("%s was taken", text);
    assert_string_equal(err.code, CODE_SETTINGS);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, part);
    assert_non_null(strstr(err.message, "mqtt://[user[:password]@]host[:port]"));
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(url.port, 77);
}

static void mqtt_url__refuses_what_is_no_broker(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"", "begins with none of"},
        {"localhost", "begins with none of"},
        {"http://h", "begins with none of"},
        {"MQTT://h", "begins with none of"},
        {"tcp://ann:s3cret@h", "begins with none of"},
        {"mqtt:h", "begins with none of"},
        {"mqtt://", "the host is empty"},
        {"mqtt://:1883", "the host is empty"},
        {"mqtt://ann@", "the host is empty"},
        {"mqtt://h/", "a path"},
        {"mqtt://h/s3cret", "a path"},
        {"mqtt://h?s3cret", "a query"},
        {"mqtt://h#s3cret", "a query"},
        {"mqtt://ann:s3cret/x@h", "%2F"},
        {"mqtt://h s3cret", "a space"},
        {"mqtt://h\n", "a control character"},
        {"mqtt://.h", "not a name"},
        {"mqtt://-h", "not a name"},
        {"mqtt://a..b", "not a name"},
        {"mqtt://a%41", "not a name"},
        {"mqtt://h\xc3\xa9", "not a name"},
        {"mqtt://h\xff", "not UTF-8"},
        {"mqtt://::1", "the host is empty"},
        {"mqtt://fe80::1", "not a number from 1"},
        {"mqtt://[::1", "']'"},
        {"mqtt://[]", "not an IPv6"},
        {"mqtt://[fe80::1%25eth0]", "not an IPv6"},
        {"mqtt://[::1]x", "behind the host"},
        {"mqtt://[::1]1883", "behind the host"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_refused(table[i][0], table[i][1]);
}

static void mqtt_url__refuses_odd_ports_and_users(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"mqtt://h:", "not a number from 1"},
        {"mqtt://h:0", "not a number from 1"},
        {"mqtt://h:65536", "not a number from 1"},
        {"mqtt://h:-1", "not a number from 1"},
        {"mqtt://h:18446744073709551617", "not a number from 1"},
        {"mqtt://h:s3cret", "not a number from 1"},
        {"mqtt://@h", "user before '@' is empty"},
        {"mqtt://:s3cret@h", "user before '@' is empty"},
        {"mqtt://ann:s3cret@x@h", "%40"},
        {"mqtt://ann:s3cret%@h", "two hexadecimal digits"},
        {"mqtt://ann:s3cret%4@h", "two hexadecimal digits"},
        {"mqtt://ann:s3cret%4g@h", "two hexadecimal digits"},
        {"mqtt://ann:s3cret%00@h", "or they are 00"},
        {"mqtt://ann:s3cret%ff@h", "not UTF-8"},
        {"unix://run/s", "not absolute"},
        {"unix:///", "not absolute"},
        {"unix://", "not absolute"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_refused(table[i][0], table[i][1]);
}

/* "<head>aaa…" of `len` bytes. */
static char *long_text(const char *head, size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'a', len);
    text[len] = '\0';
    memcpy(text, head, strlen(head));
    return text;
}

static void check_length(const char *head, size_t longest, const char *part)
{
    struct mqtt_url url;
    struct error err;
    char *text = long_text(head, longest);
    assert_int_equal(mqtt_url_parse(text, &url, &err), 0);
    assert_non_null(strchr(url.display, 'a'));
    mqtt_url_fini(&url);
    free(text);
    text = long_text(head, longest + 1);
    check_refused(text, part);
    free(text);
}

static void mqtt_url__has_limits(void **state)
{
    (void)state;
    check_length("unix:///", strlen("unix://") + 107, "longer than 107 bytes");
    check_length("mqtt://", strlen("mqtt://") + 253, "not a name");
    char head[1000] = "mqtt://";
    memset(head + 7, 'u', 900);
    strcpy(head + 907, "@");
    check_length(head, 1024, "longer than 1024 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mqtt_url__takes_hosts_and_ports),
        cmocka_unit_test(mqtt_url__takes_users_and_hides_them),
        cmocka_unit_test(mqtt_url__takes_unix_sockets),
        cmocka_unit_test(mqtt_url__refuses_what_is_no_broker),
        cmocka_unit_test(mqtt_url__refuses_odd_ports_and_users),
        cmocka_unit_test(mqtt_url__has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
