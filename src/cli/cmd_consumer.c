/*
 * consumer: what a consumer on another host needs, on the publisher's host, in one page: the broker, the key that everything is
 * verified with, the access list, the line of the program, and the line that looks whether it works.
 */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/local.h"
#include "cli/verbs.h"
#include "io/mqtt.h"
#include "model/json.h"
#include "model/topics.h"
#include "util/fs.h"

enum { OPT_HOST, OPT_JSON };

enum { HOST_MAX = 255, ROOT_FILE_MAX = 64 * 1024, TOPICS = 6, URL_MAX = 512 };

struct needs {
    const char *service, *source, *prefix;
    char url[URL_MAX];  /* as the other host reaches it, without user and password */
    bool is_reachable;  /* false: a socket of this host alone */
    struct buf root;    /* lines of root.pub */
    char reads[TOPICS][TOPIC_MAX + 1], writes[TOPIC_MAX + 1];
};

static void needs_fini(struct needs *needs)
{
    buf_fini(&needs->root);
}

/* --- gathering -------------------------------------------------------------------------------------------------------------- */

static bool is_this_host(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static int find_url(struct needs *needs, const struct settings *settings, const char *host, struct error *err)
{
    struct mqtt_url url CLEANUP(mqtt_url_fini) = {0};
    char name[HOST_MAX + 1] = "";
    if (mqtt_url_parse(settings->mqtt.url, &url, err) != 0)
        return -1;
    if (host == NULL && !url.is_unix && !is_this_host(url.host))
        host = url.host;
    if (host == NULL && gethostname(name, sizeof name - 1) == 0)
        host = name;
    needs->is_reachable = !url.is_unix;
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(needs->url, sizeof needs->url, "%s://%s%s%s:%d", url.is_tls ? "mqtts" : "mqtt", is_v6 ? "[" : "", host,
             is_v6 ? "]" : "", url.is_unix ? 1883 : url.port);
    return 0;
}

static int read_root(struct needs *needs, const struct settings *settings, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    if (fs_open_dir(settings->keys, &dir, err) != 0 ||
        fs_read(dir, "root.pub", FS_ANY_OWNER, ROOT_FILE_MAX, &needs->root, NULL, err) != 0)
        return error_wrap(err, "the folder of keys");
    struct root_keys roots;
    return keyring_parse_roots(buf_span(&needs->root), "root.pub", &roots, err);
}

static void name_topics(struct needs *needs)
{
    static const enum topic_kind kinds[TOPICS] = {TOPIC_SERVICE, TOPIC_KEYS, TOPIC_EPOCH, TOPIC_INDEX, TOPIC_KEEPALIVE, TOPIC_HEALTH};
    for (size_t i = 0; i < TOPICS; i++)
        topic_write(needs->reads[i], needs->prefix, kinds[i], kinds[i] == TOPIC_SERVICE ? needs->service : needs->source);
    topic_write_ack(needs->writes, needs->prefix, needs->service, "+");
}

/* --- for people ------------------------------------------------------------------------------------------------------------- */

static void put_settings(const struct needs *needs, struct buf *out)
{
    buf_printf(out, "%s on another host\n\n  broker     %s%s\n  source     %s\n  prefix     %s\n", needs->service, needs->url,
               needs->is_reachable ? "" : "  (epochd uses a socket of this host: the broker needs a listener for others)",
               needs->source, needs->prefix[0] == '\0' ? "none" : needs->prefix);
    buf_printf(out, "\n1. There, /etc/epoch/root.pub, which everything is verified with:\n\n%.*s", (int)needs->root.len,
               needs->root.data);
}

static void put_access(const struct needs *needs, struct buf *out)
{
    buf_printf(out, "\n2. Here, a user of the broker's: mosquitto_passwd /etc/mosquitto/passwd %s\n   and in its access list:\n\n"
                    "user %s\n", needs->service, needs->service);
    for (size_t i = 0; i < TOPICS; i++)
        buf_printf(out, "topic read %s\n", needs->reads[i]);
    buf_printf(out, "topic readwrite %s\n", needs->writes);
}

static void put_program(const struct needs *needs, struct buf *out)
{
    buf_printf(out, "\n3. In the program:\n\n"
                    "    struct epoch_options options = EPOCH_OPTIONS_INIT;\n"
                    "    options.service = \"%s\";\n    options.url = \"%s\";\n"
                    "    options.username = \"%s\";\n    options.password_file = \"/etc/epoch/password\";\n"
                    "    options.root_file = \"/etc/epoch/root.pub\";\n    options.cache = \"/var/lib/%s/epoch\";\n",
               needs->service, needs->url, needs->service, needs->service);
    if (strcmp(needs->source, "config-manager") != 0)
        buf_printf(out, "    options.source = \"%s\";\n", needs->source);
    if (needs->prefix[0] != '\0')
        buf_printf(out, "    options.prefix = \"%s\";\n", needs->prefix);
}

static void put_doctor(const struct needs *needs, struct buf *out)
{
    buf_printf(out, "\n4. There, as the user it runs as, to see whether all of that holds:\n\n"
                    "EPOCHD_MQTT_URL=%s EPOCHD_MQTT_USERNAME=%s EPOCHD_MQTT_PASSWORD_FILE=/etc/epoch/password EPOCHD_KEYS=/etc/epoch",
               needs->url, needs->service);
    if (strcmp(needs->source, "config-manager") != 0)
        buf_printf(out, " EPOCHD_MQTT_SOURCE=%s", needs->source);
    if (needs->prefix[0] != '\0')
        buf_printf(out, " EPOCHD_MQTT_PREFIX=%s", needs->prefix);
    buf_printf(out, " epochctl doctor --consumer %s\n", needs->service);
}

/* --- for programs ----------------------------------------------------------------------------------------------------------- */

static void put_json(const struct needs *needs, struct buf *out)
{
    buf_puts(out, "{\"broker\":");
    json_put_text(out, needs->url);
    buf_puts(out, ",\"prefix\":");
    json_put_text(out, needs->prefix);
    buf_puts(out, ",\"reads\":[");
    for (size_t i = 0; i < TOPICS; i++) {
        buf_puts(out, i == 0 ? "" : ",");
        json_put_text(out, needs->reads[i]);
    }
    buf_puts(out, "],\"root\":");
    json_put_string(out, buf_span(&needs->root));
    buf_puts(out, ",\"service\":");
    json_put_text(out, needs->service);
    buf_puts(out, ",\"source\":");
    json_put_text(out, needs->source);
    buf_puts(out, ",\"writes\":");
    json_put_text(out, needs->writes);
    buf_puts(out, "}\n");
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct needs needs CLEANUP(needs_fini) = {.service = args->operands[0]};
    struct buf text AUTO_BUF = {0};
    struct error err;
    int rc;
    if (!layout_name_is_good(span_of(needs.service)))
        return cli_usage(args->verb, "'%s' is no name of a service", needs.service);
    if (!local_load(cli, &local, &rc))
        return rc;
    needs.source = local.settings.mqtt.source;
    needs.prefix = local.settings.mqtt.prefix;
    if (strcmp(local.settings.mqtt.url, "off") == 0) {
        fprintf(stderr, "epochctl: mqtt.url is off: without a broker nothing leaves this host\n");
        return CLI_FINDINGS;
    }
    if (find_url(&needs, &local.settings, args->options[OPT_HOST], &err) != 0 || read_root(&needs, &local.settings, &err) != 0)
        return local_fail(&local, &err);
    name_topics(&needs);
    if (cli_given(args, OPT_JSON)) {
        put_json(&needs, &text);
    } else {
        put_settings(&needs, &text);
        put_access(&needs, &text);
        put_program(&needs, &text);
        put_doctor(&needs, &text);
    }
    return cli_print(&text);
}

const struct cli_verb verb_consumer = {
    .name = "consumer",
    .summary = "what a consumer on another host needs",
    .help = "Run on the publisher's host: prints the broker as others reach it, root.pub, the lines of\n"
            "mosquitto's access list, the options of *libepoch*(3), and the *doctor --consumer* line that\n"
            "looks whether it works. Nothing of it is secret, and nothing is changed.\n",
    .exit = "0: printed; 1: there is no broker; 3: settings or root.pub cannot be read.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}},
    .options = {[OPT_HOST] = {.name = "host",
                              .argument = "HOST",
                              .kind = CLI_HOST,
                              .help = "by which name others reach the broker; default: that of *mqtt.url*, or this host's"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *broker*, *source*, *prefix*, *root*, *reads*, *writes* (read too)"}},
    .run = run,
};
