/*
 * settings: every refusal and every limit of a value, with its place and its words.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/settings_table.h"
#include "loading.h"

#define BRANCH "the name of a branch, without refs/heads/"
#define NAME "lower-case letters, digits and '-', a letter first, at most 63"
#define LEVELS "levels of letters, digits, '.', '_' and '-' with '/' between them, at most 128 bytes, or \"\""
#define URL_FORM                                                                                             \
    "; a broker's URL has the form mqtt://[user[:password]@]host[:port], mqtts://… with the same, or "     \
    "unix:///path/of/socket, or off"

/* --- the shape of the file ---------------------------------------------------------------------------- */

static void settings__name_the_nearest_of_what_is_unknown(void **state)
{
    expect_wrong(*state, "stat: /x", 1, 1, "there is no setting 'stat'; did you mean \"state\"?");
    expect_wrong(*state, "mqqt: {}", 1, 1, "there is no setting 'mqqt'; did you mean \"mqtt\"?");
    expect_wrong(*state, "log: {}\nrepositories: {}\n", 2, 1,
                 "there is no setting 'repositories'; did you mean \"repository\"?");
    expect_wrong(*state, "mqtt:\n  url: off\n  pasword_file: /x\n", 3, 3,
                 "there is no setting 'mqtt.pasword_file'; did you mean \"mqtt.password_file\"?");
    expect_wrong(*state, "mqtt: {password: s3cret}", 1, 8,
                 "there is no setting 'mqtt.password'; did you mean \"mqtt.password_file\"?");
    expect_wrong(*state, "colour: blue", 1, 1, "there is no setting 'colour'");
    expect_wrong(*state, "mqtt.url: off", 1, 1,
                 "'mqtt.url': a setting of a section is a line in it, without a dot");
}

static void settings__are_in_sections(void **state)
{
    expect_good(*state, "# nothing but\n# comments\n", NULL);
    expect_good(*state, "mqtt:\n  # url: off\nlog: {}\n", NULL);
    expect_wrong(*state, "mqtt: off", 1, 7, "mqtt is a section with settings in it, not a string");
    expect_wrong(*state, "log: []", 1, 6, "log is a section with settings in it, not an array");
    expect_wrong(*state, "state: {path: /x}", 1, 8, "state must be an absolute path, not an object");
}

/* What is no YAML has the code of that. */
static void check_yaml(const struct temp_folder *folder, const char *text, const char *code, uint32_t line)
{
    struct load load;
    LOAD(folder, &load, text, NULL);
    assert_int_equal(load.rc, 0);
    assert_int_equal(load.findings.errors, 1);
    assert_string_equal(load.findings.items[0].code, code);
    assert_string_equal(load.findings.items[0].file, load.path);
    assert_int_equal(load.findings.items[0].pos.line, line);
    load_end(&load);
}

static void settings__are_yaml(void **state)
{
    check_yaml(*state, "state: /x\n  run: /y\n", CODE_YAML_SYNTAX, 2);
    check_yaml(*state, "state: /x\nstate: /y\n", CODE_YAML_DUPLICATE_KEY, 2);
    check_yaml(*state, "- state\n", CODE_YAML_MAPPING, 1);
    check_yaml(*state, "state: /x\n---\nstate: /y\n", CODE_YAML_DOCUMENTS, 2);
    check_yaml(*state, "mqtt: {url: [[[[[[[[[]]]]]]]]]}", CODE_LIMIT_DEPTH, 1);
}

static void settings__tell_everything_at_once(void **state)
{
    struct load load;
    LOAD(*state, &load, "stat: /x\nmqtt: {heartbeat_s: 0, prefix: /}\n", "EPOCHD_LOG_LEVEL=loud",
         "EPOCHD_MQTT_ULR=x");
    assert_int_equal(load.rc, 0);
    assert_int_equal(load.findings.errors, 4);
    assert_int_equal(load.findings.warnings, 1);
    assert_null(load.settings.state);
    load_end(&load);
}

/* --- numbers and choices ------------------------------------------------------------------------------ */

/* Just below, at and above both ends, in the file and in the environment. */
static void settings__keep_numbers_within_their_range(void **state)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        char text[64], variable[64], message[160];
        const char *name = strchr(setting->key, '.') + 1;
        if (setting->kind != SETTING_INTEGER)
            continue;
        /* The other end of a pair is moved out of the way. */
        bool is_max = strcmp(setting->key, "mqtt.backoff_max_ms") == 0;
        const char *rest = is_max                                ? ", backoff_min_ms: 10"
                           : strcmp(name, "backoff_min_ms") == 0 ? ", backoff_max_ms: 600000"
                                                                 : "";
        const int good[] = {setting->min, setting->max}, wrong[] = {setting->min - 1, setting->max + 1, -7};
        for (size_t k = 0; k < ARRAY_LEN(good); k++) {
            snprintf(text, sizeof text, "%.*s: {%s: %d%s}", (int)(name - setting->key - 1), setting->key,
                     name, good[k], rest);
            expect_good(*state, text, NULL);
        }
        for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
            snprintf(text, sizeof text, "%.*s: {%s: %d}", (int)(name - setting->key - 1), setting->key, name,
                     wrong[k]);
            snprintf(message, sizeof message, "%s must be an integer from %d to %d, not %d", setting->key,
                     setting->min, setting->max, wrong[k]);
            expect_wrong(*state, text, 1, (uint32_t)(strlen(setting->key) + 5), message);
        }
        snprintf(variable, sizeof variable, "%s=%d", setting->variable, setting->max + 1);
        snprintf(message, sizeof message, "%s must be an integer from %d to %d, not %d", setting->variable,
                 setting->min, setting->max, setting->max + 1);
        expect_wrong_variable(*state, variable, message);
    }
}

static void settings__take_only_whole_numbers(void **state)
{
    static const char *const wrong[] = {"", "x", "-1", "+5", "05", "5.0", " 5", "5s", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char variable[64], message[160];
        snprintf(variable, sizeof variable, "EPOCHD_REPOSITORY_POLL_S=%s", wrong[i]);
        snprintf(message, sizeof message,
                 "EPOCHD_REPOSITORY_POLL_S must be an integer from 1 to 3600, not %s%s%s",
                 wrong[i][0] == '\0' ? "empty" : "'", wrong[i], wrong[i][0] == '\0' ? "" : "'");
        expect_wrong_variable(*state, variable, message);
    }
    expect_wrong(*state, "repository: {poll_s: 2.5}", 1, 22,
                 "repository.poll_s must be an integer from 1 to 3600, not a number");
    expect_wrong(*state, "repository: {poll_s: '5'}", 1, 22,
                 "repository.poll_s must be an integer from 1 to 3600, not a string");
    expect_wrong(*state, "repository:\n  poll_s:\n", 2, 10,
                 "repository.poll_s must be an integer from 1 to 3600, not null");
}

static void settings__take_choices_as_they_are_written(void **state)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct load load;
        char text[64];
        snprintf(text, sizeof text, "log: {level: %s}", levels[i]);
        LOAD(*state, &load, text, NULL);
        load_expect_good(&load);
        assert_int_equal(load.settings.log.level, i);
        load_end(&load);
    }
    expect_good(*state, "repository: {rewrite: auto}", NULL);
    expect_wrong(*state, "repository: {rewrite: never}", 1, 23,
                 "repository.rewrite must be one of auto, amend, deny, allow, not 'never'");
    expect_wrong(*state, "log: {level: Info}", 1, 14,
                 "log.level must be one of debug, info, warn, error, not 'Info'");
    expect_wrong(*state, "log: {format: ''}", 1, 15, "log.format must be one of auto, text, json, not empty");
    expect_wrong(*state, "log: {format: true}", 1, 15,
                 "log.format must be one of auto, text, json, not a boolean (quote it)");
    expect_wrong_variable(*state, "EPOCHD_LOG_FORMAT=xml",
                          "EPOCHD_LOG_FORMAT must be one of auto, text, json, not 'xml'");
}

static void settings__take_user_ids(void **state)
{
    char list[1024] = "EPOCHD_REPOSITORY_TRUSTED_UIDS=1", message[1400];
    expect_good(*state, "repository: {trusted_uids: [0, 4294967294]}",
                "EPOCHD_REPOSITORY_TRUSTED_UIDS=4294967294");
    for (int i = 1; i < SETTING_UIDS_MAX; i++)
        strcat(list, ",1");
    expect_good(*state, NULL, list);
    strcat(list, ",1");
    snprintf(message, sizeof message,
             "EPOCHD_REPOSITORY_TRUSTED_UIDS must be a list of at most 64 user ids, not '%.80s…'",
             strchr(list, '=') + 1);
    expect_wrong_variable(*state, list, message);
    static const char *const wrong[] = {",", "1,", ",1", "1,,2", "1, 2", "ann", "-1", "4294967295"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(list, sizeof list, "EPOCHD_REPOSITORY_TRUSTED_UIDS=%s", wrong[i]);
        snprintf(message, sizeof message,
                 "EPOCHD_REPOSITORY_TRUSTED_UIDS must be a list of at most 64 user ids, not '%s'", wrong[i]);
        expect_wrong_variable(*state, list, message);
    }
    expect_wrong(*state, "repository: {trusted_uids: 1000}", 1, 28,
                 "repository.trusted_uids must be a list of at most 64 user ids, not an integer");
    expect_wrong(*state, "repository:\n  trusted_uids: [1, ann]\n", 2, 21,
                 "repository.trusted_uids must be a list of at most 64 user ids, not a string");
    expect_wrong(
        *state, "repository: {trusted_uids: [1, 4294967295]}", 1, 32,
        "repository.trusted_uids must be a list of at most 64 user ids, not a number that is no user id");
    snprintf(message, sizeof message, "repository: {trusted_uids: [1%.*s]}", SETTING_UIDS_MAX * 2,
             ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
             "1,1,1,1,1,1,1,1,1,"
             "1,1,1,1,1,1,1,1,1,1,1");
    expect_wrong(*state, message, 1, 28,
                 "repository.trusted_uids must be a list of at most 64 user ids, not more of them");
}

/* --- strings ------------------------------------------------------------------------------------------ */

static void settings__take_branches_as_git_does(void **state)
{
    static const char *const good[] = {"main",  "site/kitchen", "a/b/c", "v1.2",  "a-b_c",
                                       "@home", "x@",           "x{y}",  "größe", "refs-x"};
    static const char *const wrong[] = {
        "-x",  ".x",  "a/.x", "x.",   "x.lock", "a.lock/b", "a..b", "a b", "a~b",  "a^b",  "a:b",
        "a?b", "a*b", "a[b",  "a\\b", "a@{b",   "@",        "/a",   "a/",  "a//b", "HEAD", "refs/heads/main"};
    char variable[400], message[300];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(variable, sizeof variable, "EPOCHD_REPOSITORY_BRANCH=%s", good[i]);
        expect_good(*state, NULL, variable);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(variable, sizeof variable, "EPOCHD_REPOSITORY_BRANCH=%s", wrong[i]);
        snprintf(message, sizeof message, "EPOCHD_REPOSITORY_BRANCH must be " BRANCH ", not '%s'", wrong[i]);
        expect_wrong_variable(*state, variable, message);
    }
    expect_wrong(*state, "repository: {branch: ''}", 1, 22,
                 "repository.branch must be " BRANCH ", not empty");
    expect_wrong(*state, "repository: {branch: 1.0}", 1, 22,
                 "repository.branch must be " BRANCH ", not an integer (quote it)");
    expect_wrong(*state, "repository: {branch: \"a\\tb\"}", 1, 22,
                 "repository.branch must be " BRANCH ", not 'a\\x09b'");
    memset(message, 'b', 257);
    snprintf(variable, sizeof variable, "repository: {branch: %.256s}", message);
    expect_good(*state, variable, NULL);
    snprintf(variable, sizeof variable, "repository: {branch: %.257s}", message);
    snprintf(message, sizeof message, "repository.branch must be " BRANCH ", not '%.80s…'",
             "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    expect_wrong(*state, variable, 1, 22, message);
}

static void settings__take_names_and_levels(void **state)
{
    expect_good(*state, "mqtt: {source: a, prefix: 'A.b_c-1/x'}", NULL);
    expect_wrong(*state, "mqtt: {source: Manager}", 1, 16, "mqtt.source must be " NAME ", not 'Manager'");
    expect_wrong(*state, "mqtt: {source: ''}", 1, 16, "mqtt.source must be " NAME ", not empty");
    expect_wrong(*state, "mqtt: {source: null}", 1, 16, "mqtt.source must be " NAME ", not null");
    expect_wrong(*state, "mqtt: {prefix: a/}", 1, 16, "mqtt.prefix must be " LEVELS ", not 'a/'");
    expect_wrong(*state, "mqtt: {prefix: 'a/+/b'}", 1, 16, "mqtt.prefix must be " LEVELS ", not 'a/+/b'");
    expect_wrong_variable(*state, "EPOCHD_MQTT_SOURCE=a b", "EPOCHD_MQTT_SOURCE must be " NAME ", not 'a b'");
}

static void settings__take_paths(void **state)
{
    char text[SETTING_PATH_MAX + 64], *message = malloc(sizeof text);
    assert_non_null(message);
    expect_good(*state, "{keys: '', mqtt: {password_file: '', ca_file: ''}}", NULL);
    expect_wrong(*state, "state: ''", 1, 8, "state must be an absolute path, not empty");
    expect_wrong(*state, "run: run/epochd", 1, 6, "run must be an absolute path, not 'run/epochd'");
    expect_wrong(*state, "keys: keys", 1, 7, "keys must be an absolute path, or \"\", not 'keys'");
    expect_wrong(*state, "mqtt: {ca_file: ~/ca}", 1, 17,
                 "mqtt.ca_file must be an absolute path, or \"\", not '~/ca'");
    expect_wrong_variable(*state, "EPOCHD_STATE=", "EPOCHD_STATE must be an absolute path, not empty");
    expect_wrong_variable(*state, "EPOCHD_STATE=/x\xff",
                          "EPOCHD_STATE must be an absolute path, not '/x\\xff'");
    memset(text, 'p', sizeof text);
    memcpy(text, "state: /", 8);
    text[7 + SETTING_PATH_MAX] = '\0';
    expect_good(*state, text, NULL);
    strcpy(text + 7 + SETTING_PATH_MAX, "p");
    snprintf(message, sizeof text, "state must be an absolute path, not '%.80s…'", text + 7);
    expect_wrong(*state, text, 1, 8, message);
    free(message);
}

static void settings__take_urls_and_repeat_none(void **state)
{
    expect_good(*state, "mqtt: {url: off}", NULL);
    expect_good(*state, "mqtt: {url: 'unix:///run/mosquitto.sock'}", NULL);
    expect_wrong(*state, "mqtt:\n  url: http://ann:s3cret@h\n", 2, 8,
                 "mqtt.url: the URL begins with none of mqtt://, mqtts:// and unix://" URL_FORM);
    expect_wrong(*state, "mqtt: {url: ''}", 1, 13,
                 "mqtt.url: the URL begins with none of mqtt://, mqtts:// and unix://" URL_FORM);
    expect_wrong(*state, "mqtt: {url: false}", 1, 13,
                 "mqtt.url must be off, mqtt://[user[:password]@]host[:port], mqtts://… or unix:///path, not "
                 "a boolean (quote it)");
    expect_wrong_variable(*state, "EPOCHD_MQTT_URL=mqtt://ann:s3cret@",
                          "EPOCHD_MQTT_URL: the host is empty" URL_FORM);
}

static void settings__take_one_line_of_text_and_do_not_repeat_it(void **state)
{
    char variable[400], text[SETTING_TEXT_MAX + 2];
    memset(text, 'u', sizeof text);
    snprintf(variable, sizeof variable, "EPOCHD_MQTT_USERNAME=%.*s", SETTING_TEXT_MAX, text);
    expect_good(*state, NULL, variable);
    snprintf(variable, sizeof variable, "EPOCHD_MQTT_USERNAME=%.*s", SETTING_TEXT_MAX + 1, text);
    expect_wrong_variable(
        *state, variable,
        "EPOCHD_MQTT_USERNAME must be one line of at most 256 bytes, or \"\", not what is there");
    expect_wrong(*state, "mqtt: {client_id: \"a\\nb\"}", 1, 19,
                 "mqtt.client_id must be one line of at most 256 bytes, or \"\", not what is there");
    expect_wrong_variable(
        *state, "EPOCHD_MQTT_CLIENT_ID=\xff",
        "EPOCHD_MQTT_CLIENT_ID must be one line of at most 256 bytes, or \"\", not what is there");
}

/* --- together ----------------------------------------------------------------------------------------- */

static void settings__must_fit_together(void **state)
{
    expect_good(*state, "mqtt: {backoff_min_ms: 500, backoff_max_ms: 500}", NULL);
    expect_wrong(*state, "mqtt: {backoff_min_ms: 501, backoff_max_ms: 500}", 1, 24,
                 "mqtt.backoff_min_ms must not be larger than mqtt.backoff_max_ms");
    expect_wrong(*state, "mqtt:\n  backoff_max_ms: 100\n", 2, 19,
                 "mqtt.backoff_min_ms must not be larger than mqtt.backoff_max_ms");
    expect_wrong_variable(*state, "EPOCHD_MQTT_BACKOFF_MIN_MS=30001",
                          "mqtt.backoff_min_ms must not be larger than mqtt.backoff_max_ms");
    expect_good(*state, "mqtt: {url: 'mqtts://h', cert_file: /c, key_file: /k}", NULL);
    expect_wrong(*state, "mqtt: {url: 'mqtts://h', cert_file: /c}", 1, 37,
                 "mqtt.cert_file needs mqtt.key_file");
    expect_wrong(*state, "mqtt: {url: 'mqtts://h', key_file: /k}", 1, 36,
                 "mqtt.key_file needs mqtt.cert_file");
}

static void settings__warn_of_what_has_no_effect(void **state)
{
    struct load load;
    LOAD(*state, &load, "mqtt:\n  url: mqtt://h\n  ca_file: /ca\n", NULL);
    load_expect_one(&load, load.path, 2, 8, "certificates have no effect: mqtt.url is not mqtts://");
    assert_int_equal(load.findings.warnings, 1);
    assert_string_equal(load.settings.mqtt.ca_file, "/ca");
    load_end(&load);
    LOAD(*state, &load, NULL, "EPOCHD_MQTT_CA_FILE=/ca");
    load_expect_one(&load, "environment", 0, 0, "certificates have no effect: mqtt.url is not mqtts://");
    load_end(&load);
    LOAD(*state, &load, "mqtt: {cert_file: /c, key_file: /k}", NULL);
    load_expect_one(&load, load.path, 1, 19, "certificates have no effect: mqtt.url is not mqtts://");
    load_end(&load);
}

static void settings__warn_of_unknown_variables(void **state)
{
    struct load load;
    LOAD(*state, &load, NULL, "EPOCHD_MQTT_ULR=mqtt://ann:s3cret@h");
    load_expect_one(&load, "environment", 0, 0,
                    "EPOCHD_MQTT_ULR is no setting; did you mean \"EPOCHD_MQTT_URL\"?");
    assert_int_equal(load.findings.warnings, 1);
    assert_non_null(load.settings.state);
    load_end(&load);
    LOAD(*state, &load, NULL, "EPOCHD_SOMETHING_QUITE_DIFFERENT=1");
    load_expect_one(&load, "environment", 0, 0, "EPOCHD_SOMETHING_QUITE_DIFFERENT is no setting");
    load_end(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
        IN_FOLDER(settings__name_the_nearest_of_what_is_unknown),
        IN_FOLDER(settings__are_in_sections),
        IN_FOLDER(settings__are_yaml),
        IN_FOLDER(settings__tell_everything_at_once),
        IN_FOLDER(settings__keep_numbers_within_their_range),
        IN_FOLDER(settings__take_only_whole_numbers),
        IN_FOLDER(settings__take_choices_as_they_are_written),
        IN_FOLDER(settings__take_user_ids),
        IN_FOLDER(settings__take_branches_as_git_does),
        IN_FOLDER(settings__take_names_and_levels),
        IN_FOLDER(settings__take_paths),
        IN_FOLDER(settings__take_urls_and_repeat_none),
        IN_FOLDER(settings__take_one_line_of_text_and_do_not_repeat_it),
        IN_FOLDER(settings__must_fit_together),
        IN_FOLDER(settings__warn_of_what_has_no_effect),
        IN_FOLDER(settings__warn_of_unknown_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
