/*
 * keyring: every state the folder can be in when it is loaded. What is wrong is refused by its name, and
 * without its content.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <sys/wait.h>

#include "keyrings.h"

/* --- what is missing ------------------------------------------------------------------------------------ */

static void keyring__works_without_the_root_key(void **state)
{
    struct place *place = made(state);
    struct error err;
    AUTO_KEYRING struct keyring keyring = {0};
    bool is_made = true;
    remove_name(place, "root.key");
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
    assert_false(keyring.has_root);
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
    assert_false(is_made);
    assert_false(is_there(place, "root.key"));
}

static void keyring__does_not_load_a_folder_without_a_keyset(void **state)
{
    struct place *place = made(state);
    struct error err;
    struct keyring keyring;
    remove_name(place, "keyset.json");
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_non_null(strstr(err.message, "keyset.json"));
}

static void keyring__exists_once_there_is_a_keyset(void **state)
{
    struct place *place = *state;
    struct error err;
    bool exists = true;
    assert_int_equal(keyring_exists(place->keys, &exists, &err), 0);
    assert_false(exists);
    made(state);
    assert_int_equal(keyring_exists(place->keys, &exists, &err), 0);
    assert_true(exists);
    remove_name(place, "keyset.json");
    assert_int_equal(keyring_exists(place->keys, &exists, &err), 0);
    assert_false(exists);
    /* A dangling link is something, and nothing may be made over it. */
    assert_int_equal(symlinkat("nowhere", place->dir, "keyset.json"), 0);
    assert_int_equal(keyring_exists(place->keys, &exists, &err), 0);
    assert_true(exists);
}

static void keyring__cannot_tell_of_what_is_no_folder(void **state)
{
    struct place *place = *state;
    struct error err;
    struct keyring keyring;
    bool exists;
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_int_equal(err.sys, ENOENT);
    FILE *file = fopen(place->keys, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(keyring_exists(place->keys, &exists, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    unlink(place->keys);
}

/* --- what is damaged ------------------------------------------------------------------------------------ */

static void f74__every_damaged_key_file_is_refused(void **state)
{
    struct place *place = *state;
    for (size_t i = 0; i < FILES; i++) {
        for (size_t j = 0; j < ARRAY_LEN(spoilers); j++) {
            made(state);
            spoilers[j].spoil(place, files[i]);
            if (i == KEYSET_AT && spoilers[j].is_content)
                assert_refused(place, CODE_KEYSET_REFUSED, "keyset");
            else
                assert_refused(place, CODE_KEY_FILE, files[i]);
            start_over(place);
        }
    }
}

/* Every permission more than a file is made with is refused, every one less is fine. */
static void f74__each_permission_of_a_key_file_is_judged(void **state)
{
    struct place *place = made(state);
    for (size_t i = 0; i < FILES; i++) {
        for (mode_t bit = 1; bit <= 04000; bit <<= 1) {
            mode_t mode = modes[i] ^ bit;
            assert_int_equal(fchmodat(place->dir, files[i], mode, 0), 0);
            if ((modes[i] & bit) == 0)
                assert_refused(place, CODE_KEY_FILE, files[i]);
            else if (bit != 0400 || geteuid() == 0) /* root reads what the owner may not */
                assert_loads(place);
        }
        assert_int_equal(fchmodat(place->dir, files[i], modes[i], 0), 0);
    }
}

static void keyring__says_nothing_of_what_a_file_holds(void **state)
{
    struct place *place = made(state);
    AUTO_BUF struct buf text = {0};
    struct error err;
    struct keyring keyring;
    char base64[45];
    read_name(place, "signing.key", &text);
    memcpy(base64, text.data + text.len - 45, 44);
    base64[44] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(spoilers); i++) {
        if (!spoilers[i].is_content)
            continue;
        spoilers[i].spoil(place, "signing.key");
        assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), -1);
        for (size_t at = 0; at + 8 <= 44; at++) {
            char piece[9];
            memcpy(piece, base64 + at, 8);
            piece[8] = '\0';
            assert_null(strstr(err.message, piece));
        }
        write_name(place, "signing.key", buf_span(&text));
    }
}

/* --- what does not belong together ---------------------------------------------------------------------- */

static void keyring__refuses_a_keyset_that_does_not_hold_our_key(void **state)
{
    struct place *place = made(state);
    AUTO_BUF struct buf other = {0};
    read_foreign(place, "signing.key", &other);
    write_name(place, "signing.key", buf_span(&other));
    assert_refused(place, CODE_KEYSET_REFUSED, "does not hold our signing key");
}

static void keyring__refuses_a_keyset_of_another_root(void **state)
{
    struct place *place = made(state);
    AUTO_BUF struct buf other = {0};
    read_foreign(place, "keyset.json", &other);
    write_name(place, "keyset.json", buf_span(&other));
    assert_refused(place, CODE_KEYSET_REFUSED, NULL);
}

static void keyring__refuses_a_keyset_of_another_source(void **state)
{
    struct place *place = made(state);
    struct error err;
    struct keyring keyring;
    bool is_made;
    assert_int_equal(keyring_load(place->keys, "somebody-else", &keyring, &err), -1);
    assert_string_equal(err.code, CODE_WRONG_SOURCE);
    assert_int_equal(keyring_make(place->keys, "somebody-else", &is_made, &err), -1);
    assert_string_equal(err.code, CODE_WRONG_SOURCE);
}

static void keyring__refuses_a_root_key_that_is_not_pinned(void **state)
{
    struct place *place = made(state);
    struct error err;
    bool is_made;
    AUTO_BUF struct buf other = {0};
    read_foreign(place, "root.key", &other);
    write_name(place, "root.key", buf_span(&other));
    assert_refused(place, CODE_KEY_FILE, "'root.key' is none of the keys in 'root.pub'");
    remove_name(place, "keyset.json");
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_false(is_there(place, "keyset.json"));
}

static void keyring__takes_two_roots_in_either_order(void **state)
{
    struct place *place = made(state);
    AUTO_BUF struct buf own = {0}, other = {0}, both = {0};
    read_name(place, "root.pub", &own);
    read_foreign(place, "root.pub", &other);
    buf_append_span(&both, buf_span(&own));
    buf_append_span(&both, buf_span(&other));
    write_name(place, "root.pub", buf_span(&both));
    assert_loads(place);
    buf_reset(&both);
    buf_append_span(&both, buf_span(&other));
    buf_append_span(&both, buf_span(&own));
    write_name(place, "root.pub", buf_span(&both));

    struct error err;
    AUTO_KEYRING struct keyring keyring = {0};
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
    assert_int_equal(keyring.roots.len, 2);
    /* Completing keeps both, and signs with the root that is here. */
    bool is_made = false;
    remove_name(place, "keyset.json");
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
    assert_true(is_made);
    assert_loads(place);
}

/* --- roots ---------------------------------------------------------------------------------------------- */

/* A line of root.pub, from a public key that is one byte 32 times. */
static void put_root(struct buf *out, uint8_t byte)
{
    uint8_t raw[PUBLIC_KEY_LEN];
    char id[KEY_ID_LEN + 1];
    memset(raw, byte, sizeof raw);
    crypto_key_id(raw, id);
    buf_printf(out, "epochd-ed25519-public:%s:", id);
    crypto_base64_encode(raw, sizeof raw, out);
    buf_putc(out, '\n');
}

static void keyring__reads_up_to_8_roots(void **state)
{
    (void)state;
    struct error err;
    struct root_keys roots;
    AUTO_BUF struct buf text = {0};
    for (uint8_t i = 0; i < ROOTS_MAX; i++) {
        put_root(&text, i);
        assert_int_equal(keyring_parse_roots(buf_span(&text), "root.pub", &roots, &err), 0);
        assert_int_equal(roots.len, i + 1);
        assert_int_equal(roots.keys[i].public_key[31], i);
    }
    put_root(&text, ROOTS_MAX);
    assert_int_equal(keyring_parse_roots(buf_span(&text), "root.pub", &roots, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_non_null(strstr(err.message, "more than 8"));
    assert_int_equal(roots.len, ROOTS_MAX);
}

static void keyring__refuses_roots_that_are_not_plain_lines(void **state)
{
    (void)state;
    struct error err;
    struct root_keys roots;
    AUTO_BUF struct buf text = {0};
    assert_int_equal(keyring_parse_roots(buf_span(&text), "root.pub", &roots, &err), -1);
    put_root(&text, 1);
    for (size_t len = 0; len < text.len; len++) {
        assert_int_equal(keyring_parse_roots((struct span){text.data, len}, "root.pub", &roots, &err), -1);
        assert_string_equal(err.code, CODE_KEY_FILE);
    }
    put_root(&text, 2);
    size_t two = text.len;
    buf_puts(&text, "# a comment\n");
    assert_int_equal(keyring_parse_roots(buf_span(&text), "root.pub", &roots, &err), -1);
    assert_non_null(strstr(err.message, "'root.pub': line 3"));
    buf_truncate(&text, two);
    put_root(&text, 1);
    assert_int_equal(keyring_parse_roots(buf_span(&text), "root.pub", &roots, &err), -1);
    assert_non_null(strstr(err.message, "twice"));
}

/* --- whose folder it is --------------------------------------------------------------------------------- */

static void keyring__refuses_a_folder_others_can_write_in(void **state)
{
    struct place *place = made(state);
    static const mode_t refused[] = {0770, 0752, 01777};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct error err;
        struct keyring keyring;
        assert_int_equal(chmod(place->keys, refused[i]), 0);
        assert_refused(place, CODE_KEY_FILE, "can write in the folder");
        assert_int_equal(keyring_load_reader(place->keys, SOURCE, false, &keyring, &err), -1);
        assert_string_equal(err.code, CODE_KEY_FILE);
    }
}

static void give_all(const struct place *place, uid_t owner)
{
    assert_int_equal(fchown(place->dir, owner, (gid_t)-1), 0);
    for (size_t i = 0; i < FILES; i++)
        if (is_there(place, files[i]))
            assert_int_equal(fchownat(place->dir, files[i], owner, (gid_t)-1, 0), 0);
}

static void keyring__refuses_a_stranger_s_folder_to_a_daemon(void **state)
{
    if (geteuid() != 0)
        skip();
    struct place *place = made(state);
    give_all(place, STRANGER);
    assert_refused(place, CODE_KEY_FILE, "the folder belongs to user 65534");
}

static void keyring__reads_another_user_s_folder_for_a_reader(void **state)
{
    if (geteuid() != 0)
        skip();
    struct place *place = made(state);
    struct error err;
    AUTO_KEYRING struct keyring keyring = {0};
    give_all(place, STRANGER);
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, true, &keyring, &err), 0);
    /* A third user's file in it is refused. */
    struct keyring other;
    assert_int_equal(fchownat(place->dir, "lkg.key", READER, (gid_t)-1, 0), 0);
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, false, &other, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_non_null(strstr(err.message, "'lkg.key' belongs to user 65533"));
    assert_int_equal(fchownat(place->dir, "lkg.key", STRANGER, (gid_t)-1, 0), 0);
    spoil_hard_link(place, "lkg.key");
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, false, &other, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_non_null(strstr(err.message, "2 hard links"));
}

/* What a member of group epoch may: the snapshot's key, but not the journal's. */
static int read_as_member(const struct place *place)
{
    struct error err;
    struct keyring keyring = {0};
    if (setgroups(0, NULL) != 0 || setresgid(READER_GROUP, READER_GROUP, READER_GROUP) != 0 ||
        setresuid(READER, READER, READER) != 0)
        return 77;
    if (keyring_load_reader(place->keys, SOURCE, false, &keyring, &err) != 0)
        return 1;
    if (keyring.roots.len != 1 || keyring.keyset.len == 0 || keyring.lkg.id[0] == '\0' ||
        keyring.journal.id[0] != '\0' || keyring.signing.id[0] != '\0')
        return 2;
    keyring_fini(&keyring);
    if (keyring_load_reader(place->keys, SOURCE, true, &keyring, &err) == 0 || err.sys != EACCES)
        return 3;
    return keyring_load(place->keys, SOURCE, &keyring, &err) == 0 ? 4 : 0;
}

static void keyring__serves_a_member_of_the_group(void **state)
{
    if (geteuid() != 0)
        skip();
    struct place *place = made(state);
    int status;
    give_all(place, STRANGER);
    assert_int_equal(fchown(place->dir, (uid_t)-1, READER_GROUP), 0);
    assert_int_equal(fchownat(place->dir, "lkg.key", (uid_t)-1, READER_GROUP, 0), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(read_as_member(place));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void keyring__loads_nothing_secret_but_the_lkg_key_for_a_reader(void **state)
{
    struct place *place = made(state);
    struct error err;
    AUTO_KEYRING struct keyring all = {0}, reader = {0}, with_journal = {0};
    remove_name(place, "signing.key");
    assert_int_equal(keyring_load(place->keys, SOURCE, &all, &err), -1);
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, true, &with_journal, &err), 0);
    assert_int_not_equal(with_journal.journal.id[0], '\0');
    remove_name(place, "journal.key");
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, false, &reader, &err), 0);
    assert_string_equal(reader.lkg.id, with_journal.lkg.id);
    assert_int_equal(reader.verified.generation, 1);
    assert_int_equal(reader.journal.id[0], '\0');
    struct keyring none;
    assert_int_equal(keyring_load_reader(place->keys, SOURCE, true, &none, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
}

static void keyring__leaves_no_secret_behind(void **state)
{
    struct place *place = made(state);
    struct error err;
    static const struct keyring zeroed;
    struct keyring keyring;
    memset(&keyring, 0, sizeof keyring);
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
    keyring_fini(&keyring);
    assert_memory_equal(&keyring, &zeroed, sizeof keyring);
    keyring_fini(&keyring);
}

/* --- listing -------------------------------------------------------------------------------------------- */

static void keyring__lists_every_file(void **state)
{
    struct place *place = made(state);
    struct error err;
    struct keyring_row rows[KEYRING_FILES];
    AUTO_KEYRING struct keyring keyring = {0};
    static const char *const order[] = {"root.key", "signing.key", "journal.key",
                                        "lkg.key",  "root.pub",    "keyset.json"};
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
    assert_int_equal(keyring_list(place->keys, rows, &err), 0);
    for (size_t i = 0; i < KEYRING_FILES; i++) {
        assert_string_equal(rows[i].file, order[i]);
        assert_int_equal(rows[i].mode, mode_of(place, order[i]));
        assert_true(rows[i].exists);
        assert_null(rows[i].problem.code);
    }
    assert_string_equal(rows[0].kind, "ed25519-secret");
    assert_string_equal(rows[0].id, keyring.roots.keys[0].id);
    assert_string_equal(rows[1].id, keyring.signing.id);
    assert_string_equal(rows[2].kind, "hmac-sha256");
    assert_string_equal(rows[2].id, keyring.journal.id);
    assert_string_equal(rows[3].id, keyring.lkg.id);
    assert_string_equal(rows[4].kind, "ed25519-public");
    assert_string_equal(rows[4].id, keyring.roots.keys[0].id);
    assert_string_equal(rows[5].kind, "keyset");
    assert_string_equal(rows[5].id, "");
}

static void keyring__lists_what_is_missing_or_wrong(void **state)
{
    struct place *place = made(state);
    struct error err;
    struct keyring_row rows[KEYRING_FILES];
    remove_name(place, "root.key");
    spoil_half(place, "signing.key");
    spoil_mode(place, "journal.key");
    spoil_fifo(place, "keyset.json");
    assert_int_equal(keyring_list(place->keys, rows, &err), 0);
    assert_false(rows[0].exists);
    assert_string_equal(rows[0].id, "");
    assert_null(rows[0].problem.code);
    for (size_t i = 1; i < KEYRING_FILES; i++) {
        bool is_sound = i == 3 || i == 4;
        assert_true(rows[i].exists);
        assert_int_equal(rows[i].id[0] != '\0', is_sound);
        if (is_sound)
            assert_null(rows[i].problem.code);
        else
            assert_string_equal(rows[i].problem.code, CODE_KEY_FILE);
    }
    assert_int_equal(rows[2].mode, 0602);
}

static void keyring__lists_no_folder_that_is_not_there(void **state)
{
    struct place *place = *state;
    struct error err;
    struct keyring_row rows[KEYRING_FILES];
    assert_int_equal(keyring_list(place->keys, rows, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(keyring__works_without_the_root_key),
        IN_A_FOLDER(keyring__does_not_load_a_folder_without_a_keyset),
        IN_A_FOLDER(keyring__exists_once_there_is_a_keyset),
        IN_A_FOLDER(keyring__cannot_tell_of_what_is_no_folder),
        IN_A_FOLDER(f74__every_damaged_key_file_is_refused),
        IN_A_FOLDER(f74__each_permission_of_a_key_file_is_judged),
        IN_A_FOLDER(keyring__says_nothing_of_what_a_file_holds),
        IN_A_FOLDER(keyring__refuses_a_keyset_that_does_not_hold_our_key),
        IN_A_FOLDER(keyring__refuses_a_keyset_of_another_root),
        IN_A_FOLDER(keyring__refuses_a_keyset_of_another_source),
        IN_A_FOLDER(keyring__refuses_a_root_key_that_is_not_pinned),
        IN_A_FOLDER(keyring__takes_two_roots_in_either_order),
        cmocka_unit_test(keyring__reads_up_to_8_roots),
        cmocka_unit_test(keyring__refuses_roots_that_are_not_plain_lines),
        IN_A_FOLDER(keyring__refuses_a_folder_others_can_write_in),
        IN_A_FOLDER(keyring__refuses_a_stranger_s_folder_to_a_daemon),
        IN_A_FOLDER(keyring__reads_another_user_s_folder_for_a_reader),
        IN_A_FOLDER(keyring__serves_a_member_of_the_group),
        IN_A_FOLDER(keyring__loads_nothing_secret_but_the_lkg_key_for_a_reader),
        IN_A_FOLDER(keyring__leaves_no_secret_behind),
        IN_A_FOLDER(keyring__lists_every_file),
        IN_A_FOLDER(keyring__lists_what_is_missing_or_wrong),
        IN_A_FOLDER(keyring__lists_no_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
