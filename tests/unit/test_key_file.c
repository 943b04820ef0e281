/*
 * key_file: one key in a file, of the kind asked for, and of nobody else where it is a secret.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "messages.h"
#include "model/codes.h"
#include "temp_folder.h"
#include "verify/key_file.h"

static char path[300];

static void put(const struct temp_folder *temp, const char *text, mode_t mode)
{
    struct error err;
    snprintf(path, sizeof path, "%s/key", temp->path);
    assert_int_equal(fs_replace_volatile(temp->fd, "key", span_of(text), mode, &err), 0);
}

static char *line_of(const char *kind, const char *id, const uint8_t raw[static 32])
{
    struct buf text = {0};
    buf_printf(&text, "epochd-%s:%s:", kind, id);
    crypto_base64_encode(raw, 32, &text);
    buf_puts(&text, "\n");
    buf_putc(&text, '\0');
    return text.data;
}

static void key_file__reads_an_instances_key_that_nobody_else_may_read(void **state)
{
    uint8_t seed[SEED_LEN] = {9};
    struct signing_key key, read;
    struct error err;
    crypto_signing_key_from_seed(seed, &key);
    AUTO_FREE char *text = line_of("ed25519-secret", key.id, seed);
    put(*state, text, 0600);
    assert_int_equal(key_file_read_signing(path, &read, &err), 0);
    assert_memory_equal(read.secret, key.secret, sizeof key.secret);
    put(*state, text, 0644);
    assert_int_equal(key_file_read_signing(path, &read, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    AUTO_FREE char *other = line_of("ed25519-secret", "0000000000000000", seed);
    put(*state, other, 0600);
    assert_int_equal(key_file_read_signing(path, &read, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
}

static void key_file__makes_a_mac_key_once_and_reads_it_back(void **state)
{
    const struct temp_folder *temp = *state;
    struct mac_key made, read;
    struct error err;
    struct stat st;
    bool is_missing;
    assert_int_equal(key_file_read_own_mac(temp->fd, "lkg.key", &read, &is_missing, &err), 0);
    assert_true(is_missing);
    assert_int_equal(key_file_make_mac(temp->fd, "lkg.key", &made, &err), 0);
    assert_int_equal(fstatat(temp->fd, "lkg.key", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(key_file_read_own_mac(temp->fd, "lkg.key", &read, &is_missing, &err), 0);
    assert_false(is_missing);
    assert_memory_equal(made.bytes, read.bytes, MAC_KEY_LEN);
    assert_int_equal(key_file_make_mac(temp->fd, "lkg.key", &made, &err), -1); /* never over another */
}

static void key_file__refuses_other_kinds_and_what_is_not_one_line(void **state)
{
    const uint8_t raw[32] = {1};
    const char *const bad[] = {"", "epochd-hmac-sha256:", "epochd-ed25519-public:0000000000000000:AAAA\n", "nothing\n"};
    const struct mac_key none = {0};
    struct mac_key key = {0};
    struct root_keys roots;
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(*state, bad[i], 0600);
        assert_int_equal(key_file_read_mac(path, &key, NULL, &err), -1);
        assert_string_equal(err.code, CODE_KEY_FILE);
        assert_int_equal(key_file_read_roots(path, &roots, &err), -1);
        assert_string_equal(err.code, CODE_KEY_FILE);
    }
    AUTO_FREE char *text = line_of("hmac-sha256", "0000000000000000", raw);
    put(*state, text, 0600);
    assert_int_equal(key_file_read_mac(path, &key, NULL, &err), -1); /* it says it is another */
    assert_memory_equal(&key, &none, sizeof key);
    assert_int_equal(key_file_read_mac("/nowhere/at/all", &key, NULL, &err), -1);
    bool is_missing;
    assert_int_equal(key_file_read_mac("/nowhere/at/all", &key, &is_missing, &err), 0);
    assert_true(is_missing);
}

int main(void)
{
    struct error err;
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(key_file__reads_an_instances_key_that_nobody_else_may_read),
        IN_A_FOLDER(key_file__makes_a_mac_key_once_and_reads_it_back),
        IN_A_FOLDER(key_file__refuses_other_kinds_and_what_is_not_one_line),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
