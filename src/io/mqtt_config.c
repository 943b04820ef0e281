/*
 * mqtt_config: the options of an MQTT client, checked before anything connects, so that a wrong file or a
 * half certificate is an error of the settings and not a broker that seems to be away.
 */
#include <errno.h>
#include <string.h>

#include "io/crypto.h"
#include "io/mqtt_priv.h"
#include "model/codes.h"
#include "util/hex.h"
#include "util/utf8.h"

enum {
    STRING_MAX = 65535,
    KEEPALIVE_MIN = 5
}; /* MQTT's own limits of a string, libmosquitto's of the keepalive */

static int copy(char **out, const char *text, struct error *err)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    *out = strdup(text);
    return *out == NULL ? error_memory(err) : 0;
}

static int copy_string(char **out, const char *name, const char *text, struct error *err)
{
    if (copy(out, text, err) != 0)
        return -1;
    if (*out != NULL && (strlen(*out) > STRING_MAX || !utf8_is_valid(span_of(*out))))
        return error_set(err, CODE_SETTINGS, 0, "the %s is longer than 65535 bytes or not UTF-8", name);
    return 0;
}

static int copy_readable(char **out, const char *name, const char *path, struct error *err)
{
    if (copy(out, path, err) != 0)
        return -1;
    if (*out != NULL && access(*out, R_OK) != 0)
        return error_set(err, CODE_SETTINGS, errno, "the %s %s cannot be read", name, *out);
    return 0;
}

static int copy_will(struct mqtt_config *config, const struct mqtt_options *options, struct error *err)
{
    size_t len = options->will_payload.len;
    if (options->will_topic == NULL)
        return 0;
    if (options->will_topic[0] == '\0' || strpbrk(options->will_topic, "+#") != NULL || len > STRING_MAX)
        return error_set(err, CODE_SETTINGS, 0, "a last will of %zu bytes on the topic '%s' is not possible",
                         len, options->will_topic);
    config->will_payload = malloc(len + 1);
    if (config->will_payload == NULL)
        return error_memory(err);
    if (len > 0)
        memcpy(config->will_payload, options->will_payload.data, len);
    config->will_len = (int)len;
    return copy_string(&config->will_topic, "topic of the last will", options->will_topic, err);
}

static int make_client_id(char **out, struct error *err)
{
    uint8_t random[8];
    char id[sizeof "epochd-" + 2 * sizeof random] = "epochd-";
    crypto_random(random, sizeof random);
    hex_encode(random, sizeof random, id + strlen(id));
    return copy(out, id, err);
}

/* An option of its own, or what the URL says. */
static const char *prefer(const char *option, const char *of_url)
{
    return option != NULL && option[0] != '\0' ? option : of_url;
}

static void forget_password(struct mqtt_config *config)
{
    if (config->password != NULL)
        crypto_wipe(config->password, strlen(config->password));
    free(config->password);
    config->password = NULL;
}

int mqtt_config_set_password(struct mqtt_config *config, const char *password, struct error *err)
{
    char *fresh = NULL;
    if (copy_string(&fresh, "password", prefer(password, config->url.password), err) != 0) {
        free(fresh);
        return -1;
    }
    forget_password(config);
    config->password = fresh;
    return 0;
}

int mqtt_config_init(struct mqtt_config *config, const struct mqtt_options *options, struct error *err)
{
    *config = (struct mqtt_config){.keepalive_s = options->keepalive_s};
    if (mqtt_url_parse(options->url, &config->url, err) != 0)
        return -1;
    if (copy_string(&config->client_id, "client id", options->client_id, err) != 0 ||
        copy_string(&config->username, "user name", prefer(options->username, config->url.username), err) !=
            0 ||
        copy_string(&config->password, "password", prefer(options->password, config->url.password), err) != 0)
        return -1;
    if (copy_readable(&config->ca_file, "CA file", options->ca_file, err) != 0 ||
        copy_readable(&config->cert_file, "certificate", options->cert_file, err) != 0 ||
        copy_readable(&config->key_file, "private key", options->key_file, err) != 0)
        return -1;
    if ((config->cert_file == NULL) != (config->key_file == NULL))
        return error_set(err, CODE_SETTINGS, 0, "a client certificate and its private key go together");
    if (config->keepalive_s < KEEPALIVE_MIN || config->keepalive_s > UINT16_MAX)
        return error_set(err, CODE_SETTINGS, 0, "an MQTT keepalive of %d s is not from 5 to 65535",
                         config->keepalive_s);
    if (config->client_id == NULL && make_client_id(&config->client_id, err) != 0)
        return -1;
    return copy_will(config, options, err);
}

void mqtt_config_fini(struct mqtt_config *config)
{
    forget_password(config);
    mqtt_url_fini(&config->url);
    free(config->client_id);
    free(config->username);
    free(config->ca_file);
    free(config->cert_file);
    free(config->key_file);
    free(config->will_topic);
    free(config->will_payload);
    *config = (struct mqtt_config){0};
}
