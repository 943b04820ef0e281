/*
 * road: from the rename of the branch ref to a subscriber that has verified and parsed, over a real daemon
 * and broker.
 *
 *   bench road --git-dir DIR --commits FILE --port N --gap MS [--services N] [--keys DIR | --plain 1]
 *
 * Each line of FILE is a commit that is there already; the branch is moved to one after the other, `gap` ms
 * of rest in between. `value`: the first service's message was verified and parsed. `whole`: all --services
 * (default 1) of them and the head.
 * --plain 1 takes any message on cfg/# as a value and asks for no head: for a sidecar that signs nothing.
 */
#include "bench.h"

#include <string.h>

#include "util/fs.h"
#include "verify/keyring.h"
#include "verify/message.h"

enum { PATIENCE_S = 30 };

struct road {
    struct keyring keyring;
    const char *commit; /* now awaited */
    bool is_plain, has_head;
    long services, values;
    int64_t first_ns, last_ns;
};

static void take_value(struct road *road)
{
    road->last_ns = now_ns();
    if (road->values++ == 0)
        road->first_ns = road->last_ns;
}

static void on_message(void *context, const char *topic, const void *payload, size_t len, bool retained)
{
    struct road *road = context;
    struct message message AUTO_MESSAGE = {0};
    struct error err;
    bool is_head = strncmp(topic, "system/epoch/", 13) == 0;
    if (retained || road->commit == NULL)
        return;
    if (road->is_plain) {
        take_value(road);
        return;
    }
    const struct expectation expected = {is_head ? MESSAGE_HEAD : MESSAGE_UPDATE, "config-manager", NULL};
    if (message_verify((struct span){payload, len}, &road->keyring.verified, &expected, &message, &err) != 0)
        die("%s: %s", topic, err.message);
    if (strcmp(is_head ? message.u.head.config_epoch : message.u.update.config_epoch, road->commit) != 0)
        return;
    if (!is_head) {
        take_value(road);
        return;
    }
    road->has_head = true;
    road->last_ns = now_ns();
}

static void load_keys(struct road *road)
{
    struct error err;
    if (crypto_init(&err) != 0 ||
        keyring_load_reader(option("keys", NULL), "config-manager", false, &road->keyring, &err) != 0)
        die("%s", err.message);
}

void bench_road(void)
{
    struct samples lists[] = {{.name = "value"}, {.name = "whole"}};
    struct road road = {.is_plain = option_number("plain", 0) != 0, .services = option_number("services", 1)};
    struct link link = {.received = on_message, .context = &road};
    struct lines commits = lines_read(option("commits", NULL));
    const char *git_dir = option("git-dir", NULL);
    long gap = option_number("gap", 20);
    if (!road.is_plain)
        load_keys(&road);
    link_open(&link, "bench-road", option_number("port", 1883));
    link_subscribe(&link, road.is_plain ? "cfg/#" : option("topic", "system/config/#"));
    if (!road.is_plain)
        link_subscribe(&link, "system/epoch/config-manager");
    link_rest(&link, option_number("settle", 200));
    for (size_t i = 0; i < commits.len; i++) {
        road.values = 0;
        road.has_head = road.is_plain;
        road.commit = commits.at[i];
        int64_t start = ref_move(git_dir, "main", commits.at[i]);
        while (!road.has_head || road.values < road.services) {
            link_turn(&link, 1000);
            if (now_ns() - start > PATIENCE_S * INT64_C(1000000000))
                die("commit %s did not arrive: %ld values", commits.at[i], road.values);
        }
        samples_add(&lists[0], road.first_ns - start);
        samples_add(&lists[1], road.last_ns - start);
        link_rest(&link, gap);
    }
    link_close(&link);
    keyring_fini(&road.keyring);
    samples_print(lists, ARRAY_LEN(lists));
}
