/*
 * fuzz_mqtt_url: a URL that is taken has a host, a port where it needs one, and a display without its user
 * part that is taken again and means the same broker. One that is refused leaves nothing and is not repeated.
 */
#include <stdint.h>
#include <string.h>

#include "io/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_again(const struct mqtt_url *url)
{
    struct mqtt_url again;
    struct error err;
    check(mqtt_url_parse(url->display, &again, &err) == 0);
    check(strcmp(again.display, url->display) == 0 && strcmp(again.host, url->host) == 0);
    check(again.port == url->port && again.is_tls == url->is_tls && again.is_unix == url->is_unix);
    check(again.username == NULL && again.password == NULL);
    mqtt_url_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mqtt_url url = {0};
    struct error err;
    char *text = strndup((const char *)data, size);
    check(text != NULL);
    if (mqtt_url_parse(text, &url, &err) == 0) {
        check(url.host[0] != '\0' && (url.is_unix ? url.port == 0 : url.port > 0 && url.port <= 65535));
        check(url.password == NULL || url.username != NULL);
        check_again(&url);
        mqtt_url_fini(&url);
    } else {
        check(url.host == NULL && url.username == NULL && url.password == NULL);
        check(strlen(text) < 12 || strstr(err.message, text) == NULL);
    }
    free(text);
    return 0;
}
