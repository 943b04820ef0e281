/*
 * settings: where the MQTT password is looked for, and which files are not taken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "loading.h"

/* Reads it with mqtt.password_file as `name` in the folder (NULL: not set). */
static int read_from(const struct temp_folder *folder, const char *name, struct buf *out, struct error *err)
{
    char path[300] = "";
    struct settings settings = {.mqtt.password_file = path};
    if (name != NULL)
        snprintf(path, sizeof path, "%s/%s", folder->path, name);
    buf_reset(out);
    return settings_read_password(&settings, out, err);
}

static void put_file(const struct temp_folder *folder, const char *name, const void *text, size_t len,
                     mode_t mode)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    write_file_at(path, text, len, mode);
}

static void expect_password(const struct temp_folder *folder, const char *text, const char *wanted)
{
    struct buf out = {0};
    struct error err;
    put_file(folder, "password", text, strlen(text), 0600);
    assert_int_equal(read_from(folder, "password", &out, &err), 0);
    assert_true(span_is(buf_span(&out), wanted));
    assert_string_equal(out.data, wanted);
    buf_fini(&out);
}

static void settings__read_a_password_from_its_file(void **state)
{
    expect_password(*state, "s3cret", "s3cret");
    expect_password(*state, "s3cret\n", "s3cret");
    expect_password(*state, "s3cret\n\n", "s3cret\n");
    expect_password(*state, " s3 cret ", " s3 cret ");
    expect_password(*state, "", "");
    expect_password(*state, "\n", "");
}

static void settings__need_no_password(void **state)
{
    struct buf out = {0};
    struct error err;
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(read_from(*state, NULL, &out, &err), 0);
    assert_int_equal(out.len, 0);
    assert_string_equal(out.data, "");
    buf_fini(&out);
}

static void settings__take_the_credential_of_systemd(void **state)
{
    struct temp_folder *folder = *state;
    struct buf out = {0};
    struct error err;
    setenv("CREDENTIALS_DIRECTORY", folder->path, 1);
    assert_int_equal(read_from(folder, NULL, &out, &err), 0);
    assert_int_equal(out.len, 0);
    put_file(folder, "mqtt-password", "credential\n", 11, 0400);
    assert_int_equal(read_from(folder, NULL, &out, &err), 0);
    assert_true(span_is(buf_span(&out), "credential"));
    put_file(folder, "own", "own", 3, 0600);
    assert_int_equal(read_from(folder, "own", &out, &err), 0);
    assert_true(span_is(buf_span(&out), "own"));
    setenv("CREDENTIALS_DIRECTORY", "relative", 1);
    assert_int_equal(read_from(folder, NULL, &out, &err), 0);
    assert_int_equal(out.len, 0);
    unsetenv("CREDENTIALS_DIRECTORY");
    buf_fini(&out);
}

static void expect_refused(const struct temp_folder *folder, const char *name, const char *code)
{
    struct buf out = {0};
    struct error err;
    assert_int_equal(read_from(folder, name, &out, &err), -1);
    assert_string_equal(err.code, code);
    assert_non_null(strstr(err.message, "the MQTT password"));
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

static void settings__refuse_a_password_that_others_can_read(void **state)
{
    struct temp_folder *folder = *state;
    static const mode_t wrong[] = {0604, 0644, 0606, 0620, 0660};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        put_file(folder, "password", "s3cret", 6, wrong[i]);
        expect_refused(folder, "password", ERR_FILE_UNSAFE);
    }
    put_file(folder, "password", "s3cret", 6, 0640);
    struct buf out = {0};
    struct error err;
    assert_int_equal(read_from(folder, "password", &out, &err), 0);
    buf_fini(&out);
}

static void settings__refuse_a_password_that_is_not_there(void **state)
{
    struct temp_folder *folder = *state;
    expect_refused(folder, "nowhere", ERR_SYSTEM);
    expect_refused(folder, "", ERR_FILE_UNSAFE);
}

static void settings__follow_a_link_to_the_password(void **state)
{
    struct temp_folder *folder = *state;
    struct buf out = {0};
    struct error err;
    put_file(folder, "real", "s3cret", 6, 0600);
    assert_int_equal(symlinkat("real", folder->fd, "link"), 0);
    assert_int_equal(read_from(folder, "link", &out, &err), 0);
    assert_true(span_is(buf_span(&out), "s3cret"));
    put_file(folder, "real", "s3cret", 6, 0644);
    expect_refused(folder, "link", ERR_FILE_UNSAFE);
    buf_fini(&out);
}

static void settings__have_a_longest_password(void **state)
{
    struct temp_folder *folder = *state;
    struct buf out = {0};
    struct error err;
    char text[SETTINGS_PASSWORD_MAX + 2];
    memset(text, 'p', sizeof text);
    put_file(folder, "password", text, SETTINGS_PASSWORD_MAX, 0600);
    assert_int_equal(read_from(folder, "password", &out, &err), 0);
    assert_int_equal(out.len, SETTINGS_PASSWORD_MAX);
    put_file(folder, "password", text, SETTINGS_PASSWORD_MAX + 1, 0600);
    expect_refused(folder, "password", CODE_SETTINGS);
    put_file(folder, "password", text, SETTINGS_PASSWORD_MAX + 2, 0600);
    expect_refused(folder, "password", ERR_FILE_TOO_LARGE);
    text[SETTINGS_PASSWORD_MAX] = '\n';
    put_file(folder, "password", text, SETTINGS_PASSWORD_MAX + 1, 0600);
    assert_int_equal(read_from(folder, "password", &out, &err), 0);
    assert_int_equal(out.len, SETTINGS_PASSWORD_MAX);
    put_file(folder, "password", "s3cret\0x", 8, 0600);
    expect_refused(folder, "password", CODE_SETTINGS);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
        IN_FOLDER(settings__read_a_password_from_its_file),
        IN_FOLDER(settings__need_no_password),
        IN_FOLDER(settings__take_the_credential_of_systemd),
        IN_FOLDER(settings__refuse_a_password_that_others_can_read),
        IN_FOLDER(settings__refuse_a_password_that_is_not_there),
        IN_FOLDER(settings__follow_a_link_to_the_password),
        IN_FOLDER(settings__have_a_longest_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
