/*
 * mqtt_url: the address of a broker in one string, with or without user and password.
 *
 * Refused: any other scheme, a path or query behind the port, an empty or odd host, port 0, bytes a URL
 * cannot hold. What was written is never repeated in a message: a password may stand anywhere in a URL that
 * is wrong.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "io/crypto.h"
#include "io/mqtt.h"
#include "model/codes.h"
#include "util/num.h"
#include "util/utf8.h"

#define FORM "mqtt://[user[:password]@]host[:port], mqtts://… with the same, or unix:///path/of/socket"

enum { URL_MAX = 1024, HOST_MAX = 253, PORT_PLAIN = 1883, PORT_TLS = 8883 };

static int refuse(struct error *err, const char *what)
{
    return error_set(err, CODE_SETTINGS, 0, "%s; a broker's URL has the form " FORM, what);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX decoded, terminated, owned by the caller; NUL and what is not UTF-8 are refused: MQTT cannot carry
 * them. */
static int decode(struct span text, char **out, struct error *err)
{
    char *decoded AUTO_FREE = malloc(text.len + 1);
    size_t len = 0;
    if (decoded == NULL)
        return error_memory(err);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            decoded[len++] = text.data[i];
            continue;
        }
        int high = i + 2 < text.len ? hex_value(text.data[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_value(text.data[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return refuse(err,
                          "a '%' in the user part is not followed by two hexadecimal digits, or they are 00");
        decoded[len++] = (char)(high * 16 + low);
        i += 2;
    }
    decoded[len] = '\0';
    if (!utf8_is_valid((struct span){decoded, len}))
        return refuse(err, "the user part is not UTF-8");
    *out = TAKE(decoded);
    return 0;
}

static int parse_user(struct span user, struct mqtt_url *url, struct error *err)
{
    struct span name;
    if (memchr(user.data, '@', user.len) != NULL)
        return refuse(err, "there is more than one '@' (inside of a password it is written %40)");
    bool has_password = span_take_until(&user, ':', &name);
    if (!has_password)
        name = user;
    if (name.len == 0)
        return refuse(err, "the user before '@' is empty");
    if (decode(name, &url->username, err) != 0)
        return -1;
    return has_password ? decode(user, &url->password, err) : 0;
}

static bool host_is_good(struct span host)
{
    if (host.len == 0 || host.len > HOST_MAX || host.data[0] == '.' || host.data[0] == '-')
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && c != '-' && c != '_' && (c != '.' || host.data[i - 1] == '.'))
            return false;
    }
    return true;
}

static int parse_host(struct span *rest, struct mqtt_url *url, struct error *err)
{
    struct span host;
    if (span_skip(rest, SPAN("["))) {
        struct in6_addr ignored;
        if (!span_take_until(rest, ']', &host))
            return refuse(err, "the ']' behind the IPv6 address is missing");
        url->host = strndup(host.data, host.len);
        if (url->host == NULL)
            return error_memory(err);
        if (inet_pton(AF_INET6, url->host, &ignored) != 1)
            return refuse(err, "what stands in [] is not an IPv6 address");
        return 0;
    }
    const char *colon = rest->len == 0 ? NULL : memchr(rest->data, ':', rest->len);
    size_t len = colon == NULL ? rest->len : (size_t)(colon - rest->data);
    host = (struct span){rest->data, len};
    if (len == 0)
        return refuse(err, "the host is empty");
    if (!host_is_good(host))
        return refuse(err, "the host is not a name or an address (IPv6 stands in [])");
    url->host = strndup(host.data, host.len);
    if (url->host == NULL)
        return error_memory(err);
    *rest = (struct span){rest->data + len, rest->len - len};
    return 0;
}

static int parse_port(struct span rest, struct mqtt_url *url, struct error *err)
{
    uint64_t port = 0;
    url->port = url->is_tls ? PORT_TLS : PORT_PLAIN;
    if (rest.len == 0)
        return 0;
    if (!span_skip(&rest, SPAN(":")))
        return refuse(err, "something else than a port stands behind the host");
    if (!num_parse_u64(rest, &port) || port == 0 || port > UINT16_MAX)
        return refuse(err, "the port is not a number from 1 to 65535");
    url->port = (int)port;
    return 0;
}

static int parse_tcp(struct span rest, struct mqtt_url *url, struct error *err)
{
    struct span user = {0};
    /* In an unencoded password '/', '?' and '#' would end the authority too early; all three are refused
     * alike. */
    for (size_t i = 0; i < rest.len; i++)
        if (strchr("/?#\\", rest.data[i]) != NULL)
            return refuse(err, "there is a path, a query or a '#' (inside of a password: %2F %3F %23 %5C)");
    const char *at = rest.len == 0 ? NULL : memrchr(rest.data, '@', rest.len);
    if (at != NULL) {
        user = (struct span){rest.data, (size_t)(at - rest.data)};
        rest = (struct span){at + 1, rest.len - user.len - 1};
        if (parse_user(user, url, err) != 0)
            return -1;
    }
    if (parse_host(&rest, url, err) != 0 || parse_port(rest, url, err) != 0)
        return -1;
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    snprintf(url->display, sizeof url->display, "%s://%s%s%s:%d", url->is_tls ? "mqtts" : "mqtt",
             is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "", url->port);
    return 0;
}

static int parse_unix(struct span path, struct mqtt_url *url, struct error *err)
{
    url->is_unix = true;
    if (path.len < 2 || path.data[0] != '/')
        return refuse(err, "the path of the socket is not absolute");
    if (path.len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return refuse(err, "the path of the socket is longer than 107 bytes");
    url->host = strndup(path.data, path.len);
    if (url->host == NULL)
        return error_memory(err);
    snprintf(url->display, sizeof url->display, "unix://%s", url->host);
    return 0;
}

static int parse(struct span text, struct mqtt_url *url, struct error *err)
{
    if (text.len > URL_MAX)
        return refuse(err, "the URL is longer than 1024 bytes");
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return refuse(err, "there is a space or a control character");
    if (!utf8_is_valid(text))
        return refuse(err, "the URL is not UTF-8");
    if (span_skip(&text, SPAN("unix://")))
        return parse_unix(text, url, err);
    url->is_tls = span_skip(&text, SPAN("mqtts://"));
    if (!url->is_tls && !span_skip(&text, SPAN("mqtt://")))
        return refuse(err, "the URL begins with none of mqtt://, mqtts:// and unix://");
    return parse_tcp(text, url, err);
}

int mqtt_url_parse(const char *text, struct mqtt_url *out, struct error *err)
{
    struct mqtt_url url = {0};
    if (parse(span_of(text), &url, err) != 0) {
        mqtt_url_fini(&url);
        return -1;
    }
    *out = url;
    return 0;
}

void mqtt_url_fini(struct mqtt_url *url)
{
    if (url->password != NULL)
        crypto_wipe(url->password, strlen(url->password));
    free(url->host);
    free(url->username);
    free(url->password);
    *url = (struct mqtt_url){0};
}
