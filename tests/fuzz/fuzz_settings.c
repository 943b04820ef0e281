/*
 * fuzz_settings: whatever the environment holds, settings either come out whole, within every range, or not
 * at all, with a finding. Each line of the input is one variable; "EPOCHD_" is put in front.
 */
#include <stdint.h>
#include <string.h>

#include "config/settings_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIABLES = 8 };

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_ranges(const struct settings *settings)
{
    check(settings->state[0] == '/' && settings->keys[0] == '/' && settings->run[0] == '/');
    check(settings->repository.path[0] == '/' && settings->repository.branch[0] != '\0');
    check(settings->repository.trusted_len <= SETTING_UIDS_MAX);
    check(settings->repository.poll_s >= 1 && settings->repository.poll_s <= 3600);
    check(settings->mqtt.heartbeat_s >= 1 && settings->mqtt.heartbeat_s <= 3600);
    check(settings->mqtt.backoff_min_ms >= 10 && settings->mqtt.backoff_max_ms <= 600000);
    check(settings->mqtt.backoff_min_ms <= settings->mqtt.backoff_max_ms);
    check(settings->mqtt.source[0] >= 'a' && settings->mqtt.source[0] <= 'z');
    check((settings->mqtt.cert_file[0] == '\0') == (settings->mqtt.key_file[0] == '\0'));
}

static void check_load(char *const *environment)
{
    AUTO_SETTINGS struct settings settings = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_BUF struct buf text = {0};
    struct error err;
    if (settings_load("/dev/null", environment, &settings, &findings, &err) != 0)
        return;
    check((findings.errors == 0) == (settings.state != NULL));
    if (findings.errors > 0)
        return;
    check_ranges(&settings);
    settings_print(&settings, &text);
    check(!text.failed && text.len > 0 && memchr(text.data, '\0', text.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *environment[VARIABLES + 1] = {NULL};
    char *text = strndup((const char *)data, size), *rest = text;
    check(text != NULL);
    for (size_t i = 0; i < VARIABLES && rest != NULL; i++)
        check(asprintf(&environment[i], "EPOCHD_%s", strsep(&rest, "\n")) >= 0);
    check_load(environment);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    free(text);
    return 0;
}
