/*
 * settings: where they come from, what goes before what, and the way back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "loading.h"

static void settings__have_defaults(void **state)
{
    struct load load;
    LOAD(*state, &load, "", NULL);
    load_expect_good(&load);
    const struct settings *settings = &load.settings;
    assert_string_equal(settings->repository.path, "/srv/config");
    assert_string_equal(settings->repository.branch, "main");
    assert_int_equal(settings->repository.rewrite, REWRITE_DEFAULT);
    assert_int_equal(settings->repository.trusted_len, 0);
    assert_int_equal(settings->repository.poll_s, 5);
    assert_string_equal(settings->state, "/var/lib/epochd");
    assert_string_equal(settings->keys, "/var/lib/epochd/keys");
    assert_string_equal(settings->run, "/run/epochd");
    assert_string_equal(settings->mqtt.url, "mqtt://localhost:1883");
    assert_string_equal(settings->mqtt.source, "config-manager");
    assert_string_equal(settings->mqtt.prefix, "");
    assert_int_equal(settings->mqtt.heartbeat_s, 10);
    assert_string_equal(settings->mqtt.client_id, "");
    assert_string_equal(settings->mqtt.username, "");
    assert_string_equal(settings->mqtt.password_file, "");
    assert_string_equal(settings->mqtt.ca_file, "");
    assert_string_equal(settings->mqtt.cert_file, "");
    assert_string_equal(settings->mqtt.key_file, "");
    assert_int_equal(settings->mqtt.backoff_min_ms, 250);
    assert_int_equal(settings->mqtt.backoff_max_ms, 30000);
    assert_int_equal(settings->log.level, LOG_LEVEL_INFO);
    assert_int_equal(settings->log.format, LOG_FORMAT_AUTO);
    load_end(&load);
}

static const char all[] =
    "repository: {path: /a, branch: site/kitchen, rewrite: deny, trusted_uids: [7, 8], poll_s: 9}\n"
    "state: /b\n"
    "keys: /c\n"
    "run: /d\n"
    "mqtt:\n"
    "  url: mqtts://broker.example\n"
    "  source: manager\n"
    "  prefix: site/a\n"
    "  heartbeat_s: 3\n"
    "  client_id: \"Kü-1\"\n"
    "  username: ann\n"
    "  password_file: /e\n"
    "  ca_file: /f\n"
    "  cert_file: /g\n"
    "  key_file: /h\n"
    "  backoff_min_ms: 10\n"
    "  backoff_max_ms: 10\n"
    "log: {level: debug, format: json}\n";

static void check_all(const struct settings *settings)
{
    assert_string_equal(settings->repository.path, "/a");
    assert_string_equal(settings->repository.branch, "site/kitchen");
    assert_int_equal(settings->repository.rewrite, REWRITE_DENY);
    assert_int_equal(settings->repository.trusted_len, 2);
    assert_int_equal(settings->repository.trusted_uids[0], 7);
    assert_int_equal(settings->repository.trusted_uids[1], 8);
    assert_int_equal(settings->repository.poll_s, 9);
    assert_string_equal(settings->state, "/b");
    assert_string_equal(settings->keys, "/c");
    assert_string_equal(settings->run, "/d");
    assert_string_equal(settings->mqtt.url, "mqtts://broker.example");
    assert_string_equal(settings->mqtt.source, "manager");
    assert_string_equal(settings->mqtt.prefix, "site/a");
    assert_int_equal(settings->mqtt.heartbeat_s, 3);
    assert_string_equal(settings->mqtt.client_id, "Kü-1");
    assert_string_equal(settings->mqtt.username, "ann");
    assert_string_equal(settings->mqtt.password_file, "/e");
    assert_string_equal(settings->mqtt.ca_file, "/f");
    assert_string_equal(settings->mqtt.cert_file, "/g");
    assert_string_equal(settings->mqtt.key_file, "/h");
    assert_int_equal(settings->mqtt.backoff_min_ms, 10);
    assert_int_equal(settings->mqtt.backoff_max_ms, 10);
    assert_int_equal(settings->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(settings->log.format, LOG_FORMAT_JSON);
}

static void settings__come_from_the_file(void **state)
{
    struct load load;
    LOAD(*state, &load, all, NULL);
    load_expect_good(&load);
    check_all(&load.settings);
    load_end(&load);
}

static void settings__come_back_as_they_were_printed(void **state)
{
    struct load load, again;
    struct buf text = {0};
    LOAD(*state, &load, all, NULL);
    settings_print(&load.settings, &text);
    buf_putc(&text, '\0');
    LOAD(*state, &again, text.data, NULL);
    load_expect_good(&again);
    check_all(&again.settings);
    load_end(&again);
    load_end(&load);
    buf_reset(&text);
    LOAD(*state, &load, "", NULL);
    settings_print(&load.settings, &text);
    buf_putc(&text, '\0');
    LOAD(*state, &again, text.data, NULL);
    struct buf second = {0};
    settings_print(&again.settings, &second);
    buf_putc(&second, '\0');
    assert_string_equal(text.data, second.data);
    buf_fini(&text);
    buf_fini(&second);
    load_end(&again);
    load_end(&load);
}

static void settings__are_printed_without_the_user(void **state)
{
    struct load load;
    struct buf text = {0};
    LOAD(*state, &load, "mqtt: {url: \"mqtt://ann:s3cret@h\"}", NULL);
    load_expect_good(&load);
    assert_string_equal(load.settings.mqtt.url, "mqtt://ann:s3cret@h");
    settings_print(&load.settings, &text);
    buf_putc(&text, '\0');
    assert_non_null(strstr(text.data, "  url: \"mqtt://h:1883\"\n"));
    assert_null(strstr(text.data, "s3cret"));
    assert_null(strstr(text.data, "ann"));
    buf_fini(&text);
    load_end(&load);
}

static void settings__of_the_environment_go_before_the_file(void **state)
{
    struct load load;
    LOAD(*state, &load, all, "EPOCHD_MQTT_URL=off", "EPOCHD_REPOSITORY_TRUSTED_UIDS=1000,1001,0",
         "EPOCHD_LOG_LEVEL=warn", "EPOCHD_MQTT_PREFIX=", "EPOCHD_REPOSITORY_POLL_S=3600", "HOME=/nowhere",
         "EPOCHD_BUILD=x", "EPOCHD_CONFIG=/nowhere");
    assert_int_equal(load.findings.errors, 0);
    assert_string_equal(load.settings.mqtt.url, "off");
    assert_int_equal(load.settings.repository.trusted_len, 3);
    assert_int_equal(load.settings.repository.trusted_uids[0], 1000);
    assert_int_equal(load.settings.repository.trusted_uids[2], 0);
    assert_int_equal(load.settings.log.level, LOG_LEVEL_WARN);
    assert_string_equal(load.settings.mqtt.prefix, "");
    assert_int_equal(load.settings.repository.poll_s, 3600);
    assert_string_equal(load.settings.mqtt.source, "manager");
    load_end(&load);
}

static void settings__need_no_file(void **state)
{
    struct load load;
    LOAD(*state, &load, NULL, "EPOCHD_STATE=/x/", "EPOCHD_KEYS=", "EPOCHD_REPOSITORY_TRUSTED_UIDS=");
    load_expect_good(&load);
    assert_string_equal(load.settings.state, "/x");
    assert_string_equal(load.settings.keys, "/x/keys");
    assert_int_equal(load.settings.repository.trusted_len, 0);
    load_end(&load);
}

static void settings__take_relative_paths_from_the_environment_alone(void **state)
{
    struct load load;
    char *here = getcwd(NULL, 0), wanted[4200];
    assert_non_null(here);
    LOAD(*state, &load, NULL, "EPOCHD_REPOSITORY_PATH=my/config///");
    load_expect_good(&load);
    snprintf(wanted, sizeof wanted, "%s/my/config", here);
    assert_string_equal(load.settings.repository.path, wanted);
    free(here);
    load_end(&load);
    expect_wrong(*state, "repository: {path: my/config}", 1, 20,
                 "repository.path must be an absolute path, not 'my/config'");
}

static void settings__take_the_run_folder_of_systemd(void **state)
{
    struct load load;
    LOAD(*state, &load, NULL, "RUNTIME_DIRECTORY=/run/one:/run/two");
    load_expect_good(&load);
    assert_string_equal(load.settings.run, "/run/one");
    load_end(&load);
    LOAD(*state, &load, "run: /mine", "RUNTIME_DIRECTORY=/run/one");
    assert_string_equal(load.settings.run, "/mine");
    load_end(&load);
    LOAD(*state, &load, NULL, "RUNTIME_DIRECTORY=odd");
    assert_string_equal(load.settings.run, "/run/epochd");
    load_end(&load);
    expect_wrong_variable(*state, "RUNTIME_DIRECTORY=/run/\n",
                          "RUNTIME_DIRECTORY must be an absolute path, not '/run/\\x0a'");
}

/* --- files -------------------------------------------------------------------------------------------- */

static int load_path(const char *path, const char *variable, struct load *load)
{
    char *environment[2] = {variable == NULL ? NULL : strdup(variable), NULL};
    *load = (struct load){0};
    int rc = settings_load(path, environment, &load->settings, &load->findings, &load->err);
    free(environment[0]);
    return rc;
}

static void settings__are_found_by_a_variable(void **state)
{
    struct temp_folder *folder = *state;
    struct load load;
    char path[300], variable[400];
    snprintf(path, sizeof path, "%s/other.yaml", folder->path);
    write_file_at(path, "state: /other\n", 14, 0644);
    snprintf(variable, sizeof variable, "EPOCHD_CONFIG=%s", path);
    assert_int_equal(load_path(NULL, variable, &load), 0);
    load_expect_good(&load);
    assert_string_equal(load.settings.state, "/other");
    load_end(&load);
    assert_int_equal(load_path("/dev/null", variable, &load), 0);
    assert_string_equal(load.settings.state, "/var/lib/epochd");
    load_end(&load);
}

static void settings__that_were_named_must_be_there(void **state)
{
    (void)state;
    struct load load;
    assert_int_equal(load_path("/nowhere/epochd.yaml", NULL, &load), -1);
    assert_string_equal(load.err.code, ERR_SYSTEM);
    assert_non_null(strstr(load.err.message, "/nowhere/epochd.yaml"));
    assert_int_equal(load_path(NULL, "EPOCHD_CONFIG=/nowhere/epochd.yaml", &load), -1);
    assert_string_equal(load.err.code, ERR_SYSTEM);
    load_end(&load);
}

static void settings__may_be_a_link_but_not_a_folder(void **state)
{
    struct temp_folder *folder = *state;
    struct load load;
    char path[300], link[300];
    snprintf(path, sizeof path, "%s/real.yaml", folder->path);
    snprintf(link, sizeof link, "%s/link.yaml", folder->path);
    write_file_at(path, "state: /linked\n", 15, 0644);
    assert_int_equal(symlink("real.yaml", link), 0);
    assert_int_equal(load_path(link, NULL, &load), 0);
    load_expect_good(&load);
    assert_string_equal(load.settings.state, "/linked");
    load_end(&load);
    assert_int_equal(load_path(folder->path, NULL, &load), -1);
    assert_string_equal(load.err.code, ERR_FILE_UNSAFE);
    load_end(&load);
}

static void settings__have_a_largest_size(void **state)
{
    struct temp_folder *folder = *state;
    struct load load;
    char path[300];
    char *text = malloc(SETTINGS_SIZE_MAX + 1);
    assert_non_null(text);
    memset(text, '#', SETTINGS_SIZE_MAX + 1);
    snprintf(path, sizeof path, "%s/large.yaml", folder->path);
    write_file_at(path, text, SETTINGS_SIZE_MAX, 0644);
    assert_int_equal(load_path(path, NULL, &load), 0);
    load_expect_good(&load);
    load_end(&load);
    write_file_at(path, text, SETTINGS_SIZE_MAX + 1, 0644);
    assert_int_equal(load_path(path, NULL, &load), -1);
    assert_string_equal(load.err.code, ERR_FILE_TOO_LARGE);
    load_end(&load);
    free(text);
}

static void settings__warn_of_a_file_that_everybody_may_write(void **state)
{
    struct temp_folder *folder = *state;
    struct load load;
    char path[300];
    snprintf(path, sizeof path, "%s/open.yaml", folder->path);
    write_file_at(path, "state: /x\n", 10, 0646);
    assert_int_equal(load_path(path, NULL, &load), 0);
    assert_int_equal(load.findings.warnings, 1);
    assert_non_null(strstr(load.findings.items[0].message, "chmod o-w"));
    assert_string_equal(load.settings.state, "/x");
    load_end(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
        IN_FOLDER(settings__have_defaults),
        IN_FOLDER(settings__come_from_the_file),
        IN_FOLDER(settings__come_back_as_they_were_printed),
        IN_FOLDER(settings__are_printed_without_the_user),
        IN_FOLDER(settings__of_the_environment_go_before_the_file),
        IN_FOLDER(settings__need_no_file),
        IN_FOLDER(settings__take_relative_paths_from_the_environment_alone),
        IN_FOLDER(settings__take_the_run_folder_of_systemd),
        IN_FOLDER(settings__are_found_by_a_variable),
        IN_FOLDER(settings__that_were_named_must_be_there),
        IN_FOLDER(settings__may_be_a_link_but_not_a_folder),
        IN_FOLDER(settings__have_a_largest_size),
        IN_FOLDER(settings__warn_of_a_file_that_everybody_may_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
