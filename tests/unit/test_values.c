/*
 * values, overlay, update: what the application asks of a configuration, with the environment laid over it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/update.h"
#include "model/codes.h"
#include "publishing.h"

#define SAMPLE                                                                                                          \
    "{\"a/b\":{\"~\":7},\"big\":9007199254740991,\"flag\":true,\"half\":0.5,\"list\":[1,{\"deep\":\"x\"}],\"none\":null,"  \
    "\"text\":\"say \\\"hé\\\"\"}"

static size_t refusals;

static void count_refused(void *context, const struct override *override, const char *why)
{
    (void)context;
    (void)override;
    assert_true(strlen(why) > 0);
    refusals++;
}

static struct epoch_config *config_of(const char *json, const struct epoch_env *env, size_t len)
{
    struct buf raw AUTO_BUF = {0};
    struct overrides *overrides;
    struct epoch_config *config;
    struct error err;
    refusals = 0;
    compose_update(&raw, 1, SIGNER_SEED, "stt-worker", 3, json);
    struct letter *letter AUTO_LETTER = letter_new(buf_span(&raw), 1, 3, false);
    must(overrides_read(&overrides, env, len, &err), &err);
    must(config_new(&config, letter, 9, overrides, count_refused, NULL, &err), &err);
    overrides_unref(overrides);
    return config;
}

static void values__gives_each_type_and_tells_absent_from_wrong(void **state)
{
    (void)state;
    struct epoch_config *config AUTO_CONFIG = config_of(SAMPLE, NULL, 0);
    enum epoch_found found;
    assert_int_equal(epoch_integer(config, "/big", 0, &found), 9007199254740991);
    assert_int_equal(found, EPOCH_FOUND);
    assert_int_equal(epoch_integer(config, "/half", 5, &found), 5);
    assert_int_equal(found, EPOCH_WRONG_TYPE);
    assert_true(epoch_number(config, "/half", 0, NULL) > 0.49 && epoch_number(config, "/big", 0, NULL) > 9e15);
    assert_true(epoch_boolean(config, "/flag", false, NULL));
    assert_string_equal(epoch_string(config, "/text", "", &found), "say \"hé\"");
    assert_string_equal(epoch_string(config, "/none", "fallback", &found), "fallback");
    assert_int_equal(found, EPOCH_WRONG_TYPE);
    assert_int_equal(epoch_integer(config, "/a~1b/~0", 0, &found), 7);
    assert_int_equal(epoch_integer(config, "/a~1b/none", 4, &found), 4);
    assert_int_equal(found, EPOCH_ABSENT);
    assert_string_equal(epoch_string(config, "/list/1/deep", "", NULL), "x");
    assert_int_equal(epoch_integer(config, "/list/2", 4, &found), 4);
    assert_int_equal(found, EPOCH_ABSENT);
    const char *const bad[] = {"big", "/a~2b", "/~"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(epoch_integer(config, bad[i], 6, &found), 6);
        assert_int_equal(found, EPOCH_BAD_POINTER);
    }
    assert_int_equal(epoch_integer(NULL, "/big", 6, &found), 6);
    assert_int_equal(found, EPOCH_ABSENT);
}

static void values__walks_objects_and_lists(void **state)
{
    (void)state;
    struct epoch_config *config AUTO_CONFIG = config_of(SAMPLE, NULL, 0);
    const struct epoch_value *all = epoch_get_value(config, "", NULL), *list = epoch_value_member(all, "list");
    const char *name;
    char text[8];
    assert_int_equal(epoch_value_count(all), 7);
    assert_ptr_equal(epoch_value_at(all, 2, &name), epoch_value_member(all, "flag"));
    assert_string_equal(name, "flag");
    assert_int_equal(epoch_value_type(list), EPOCH_ARRAY);
    assert_int_equal(epoch_value_integer(epoch_value_at(list, 0, &name)), 1);
    assert_null(name);
    assert_null(epoch_value_at(list, 2, NULL));
    assert_string_equal(epoch_value_string(epoch_value_find(all, "/list/1/deep")), "x");
    assert_int_equal(epoch_value_json(list, text, sizeof text), strlen("[1,{\"deep\":\"x\"}]"));
    assert_string_equal(text, "[1,{\"de");
    assert_int_equal(epoch_value_type(NULL), EPOCH_NONE);
    assert_string_equal(epoch_config_json(config, NULL), SAMPLE);
    assert_int_equal(epoch_config_version(config), 3);
    assert_string_equal(epoch_config_service(config), "stt-worker");
}

static void overlay__lays_the_environment_over_by_type(void **state)
{
    (void)state;
    const struct epoch_env env[] = {
        {NULL, "/big", "T_BIG", EPOCH_NONE},       {"stt-worker", "/flag", "T_FLAG", EPOCH_NONE},
        {NULL, "/text", "T_TEXT", EPOCH_NONE},     {NULL, "/list/1/deep", "T_DEEP", EPOCH_STRING},
        {NULL, "/new/way", "T_NEW", EPOCH_INTEGER}, {"router", "/half", "T_HALF", EPOCH_NONE},
        {NULL, "/absent", "T_UNSET", EPOCH_NONE},
    };
    setenv("T_BIG", "12", 1);
    setenv("T_FLAG", "off", 1);
    setenv("T_TEXT", "12", 1);
    setenv("T_DEEP", "", 1);
    setenv("T_NEW", "5", 1);
    setenv("T_HALF", "1", 1);
    struct epoch_config *config AUTO_CONFIG = config_of(SAMPLE, env, ARRAY_LEN(env));
    assert_int_equal(refusals, 0);
    assert_string_equal(epoch_config_json(config, NULL),
                        "{\"a/b\":{\"~\":7},\"big\":12,\"flag\":false,\"half\":0.5,\"list\":[1,{\"deep\":\"\"}],\"new\":{\"way\":5},"
                        "\"none\":null,\"text\":\"12\"}");
    assert_string_equal(epoch_config_published(config, NULL), SAMPLE);
    assert_int_equal(epoch_value_source(config, "/big"), EPOCH_SOURCE_ENVIRONMENT);
    assert_int_equal(epoch_value_source(config, "/list"), EPOCH_SOURCE_ENVIRONMENT); /* something inside of it */
    assert_int_equal(epoch_value_source(config, "/list/0"), EPOCH_SOURCE_REPOSITORY);
    assert_int_equal(epoch_value_source(config, "/absent"), EPOCH_SOURCE_DEFAULT);
    assert_string_equal(epoch_value_variable(config, "/new/way"), "T_NEW");
    assert_null(epoch_value_variable(config, "/half"));
    /* What is laid over is a configuration as it would be read. */
    struct epoch_config *again AUTO_CONFIG = config_of(epoch_config_json(config, NULL), NULL, 0);
    assert_string_equal(epoch_config_json(again, NULL), epoch_config_json(config, NULL));
}

static void overlay__refuses_what_does_not_fit_and_leaves_the_rest(void **state)
{
    (void)state;
    const struct epoch_env env[] = {
        {NULL, "/big", "T_WORD", EPOCH_NONE},  {NULL, "/flag", "T_WORD", EPOCH_NONE},     {NULL, "/text/deeper", "T_WORD", EPOCH_STRING},
        {NULL, "/list/7", "T_WORD", EPOCH_NONE}, {NULL, "/half", "T_HALF", EPOCH_INTEGER}, {NULL, "/list", "T_LIST", EPOCH_NONE},
        {NULL, "/list/0", "T_ONE", EPOCH_NONE}, {NULL, "/none", "T_NULL", EPOCH_NONE},
    };
    setenv("T_WORD", "word", 1);
    setenv("T_HALF", "1.5", 1);
    setenv("T_LIST", "[2]", 1);
    setenv("T_ONE", "1", 1);
    setenv("T_NULL", "null", 1);
    struct epoch_config *config AUTO_CONFIG = config_of(SAMPLE, env, ARRAY_LEN(env));
    assert_int_equal(refusals, 6); /* the list was, and "null" is a text where null stands */
    assert_int_equal(epoch_value_integer(epoch_get_value(config, "/list/0", NULL)), 2);
    assert_string_equal(epoch_string(config, "/none", "", NULL), "null");
    assert_int_equal(epoch_integer(config, "/big", 0, NULL), 9007199254740991);
}

static void overlay__table_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const struct epoch_env bad[] = {{NULL, "no-pointer", "T_BIG", EPOCH_NONE}, {NULL, "/x", "", EPOCH_NONE}, {NULL, "/a~3", "T_BIG", EPOCH_NONE}};
    struct overrides *overrides = NULL;
    struct error err;
    setenv("T_BIG", "12", 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(overrides_read(&overrides, &bad[i], 1, &err), -1);
        assert_string_equal(err.code, CODE_SETTINGS);
    }
    assert_null(overrides);
}

static void update__tells_what_differs_and_takes_an_answer(void **state)
{
    (void)state;
    struct epoch_config *before AUTO_CONFIG = config_of("{\"a\":{\"x\":1,\"y\":2},\"b\":1}", NULL, 0);
    struct epoch_config *after AUTO_CONFIG = config_of("{\"a\":{\"x\":1,\"y\":3},\"c\":1}", NULL, 0);
    struct epoch_update update;
    struct error err;
    must(update_init(&update, after, before, &err), &err);
    assert_int_equal(epoch_update_change_count(&update), 3);
    assert_string_equal(epoch_update_change(&update, 0)->pointer, "/a/y");
    assert_int_equal(epoch_value_integer(epoch_update_change(&update, 0)->before), 2);
    assert_int_equal(epoch_value_integer(epoch_update_change(&update, 0)->after), 3);
    assert_null(epoch_update_change(&update, 1)->after);
    assert_null(epoch_update_change(&update, 3));
    assert_true(epoch_update_touches(&update, "/a"));
    assert_true(epoch_update_touches(&update, "/a/y/deeper"));
    assert_true(epoch_update_touches(&update, ""));
    assert_false(epoch_update_touches(&update, "/a/x"));
    assert_false(epoch_update_touches(&update, "/ab"));
    assert_int_equal(epoch_update_refuse(&update, "no such voice"), -1);
    assert_string_equal(update.reason, "no such voice");
    update_fini(&update);
}

static void update__keeps_pointers_of_what_needs_a_restart_and_nothing_else(void **state)
{
    (void)state;
    struct epoch_config *config AUTO_CONFIG = config_of("{\"a\":{\"y\":3}}", NULL, 0);
    struct epoch_update update;
    struct error err;
    char text[ACK_POINTER_MAX + 2];
    must(update_init(&update, config, NULL, &err), &err);
    memset(text, '/', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *const odd[] = {NULL, "a/y", "/a~2", "\xff", text};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_int_equal(epoch_update_needs_restart(&update, odd[i]), -1);
    assert_int_equal(update.restarts_len, 0);
    for (int i = 0; i < ACK_POINTERS_MAX; i++) {
        snprintf(text, sizeof text, "/a/%d", i);
        assert_int_equal(epoch_update_needs_restart(&update, text), 0);
    }
    assert_int_equal(epoch_update_needs_restart(&update, "/a/y"), -1);
    assert_int_equal(epoch_update_needs_restart(&update, "/a/0"), 0);
    assert_int_equal(update.restarts_len, ACK_POINTERS_MAX);
    update_fini(&update);
}

static void config__of_a_removed_service_has_its_last_values(void **state)
{
    (void)state;
    struct epoch_config *last AUTO_CONFIG = config_of(SAMPLE, NULL, 0), *removed AUTO_CONFIG = NULL;
    struct buf raw AUTO_BUF = {0};
    struct error err;
    compose_update(&raw, 1, SIGNER_SEED, "stt-worker", 12, "");
    struct letter *tombstone AUTO_LETTER = letter_new(buf_span(&raw), 1, 12, true);
    must(config_removed(&removed, last, tombstone, 12, &err), &err);
    assert_true(epoch_config_is_removed(removed));
    assert_int_equal(epoch_config_version(removed), 12);
    assert_string_equal(epoch_config_json(removed, NULL), SAMPLE);
    assert_false(config_is_same(last, removed));
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values__gives_each_type_and_tells_absent_from_wrong),
        cmocka_unit_test(values__walks_objects_and_lists),
        cmocka_unit_test(overlay__lays_the_environment_over_by_type),
        cmocka_unit_test(overlay__refuses_what_does_not_fit_and_leaves_the_rest),
        cmocka_unit_test(overlay__table_that_makes_no_sense_is_refused),
        cmocka_unit_test(update__tells_what_differs_and_takes_an_answer),
        cmocka_unit_test(update__keeps_pointers_of_what_needs_a_restart_and_nothing_else),
        cmocka_unit_test(config__of_a_removed_service_has_its_last_values),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
