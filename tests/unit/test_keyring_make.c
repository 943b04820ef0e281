/*
 * keyring_make: what is missing is made where nothing was promised yet; what is there is kept or refused, and
 * nothing is ever made over a trust anchor, whatever a crash, a full disk or a second start left behind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "keyrings.h"

/* --- before the first keys ------------------------------------------------------------------------------ */

static int prepare(struct place *place, struct error *err)
{
    AUTO_CLOSE int dir = open(place->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    return keyring_prepare(place->keys, dir, place->top, err);
}

/* A file of the state folder with that text; NULL: none. */
static void put_state(struct place *place, const char *name, const char *text)
{
    AUTO_CLOSE int dir = open(place->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error err;
    assert_true(dir >= 0);
    unlinkat(dir, name, 0);
    if (text != NULL)
        assert_int_equal(fs_replace(dir, name, span_of(text), 0640, &err), 0);
}

static void keyring__prepares_an_empty_journal_before_the_first_keys(void **state)
{
    struct place *place = *state;
    struct error err;
    struct stat st;
    char path[256];
    assert_int_equal(prepare(place, &err), 0);
    snprintf(path, sizeof path, "%s/journal.jsonl", place->top);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(prepare(place, &err), 0); /* an empty one says that nothing was signed yet */
    put_state(place, "journal.jsonl", NULL);
}

static void keyring__prepares_nothing_where_something_was_signed(void **state)
{
    static const char *const history[] = {"journal.jsonl", "config.lkg.json"};
    struct place *place = *state;
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(history); i++) {
        put_state(place, history[i], "{}");
        assert_int_equal(prepare(place, &err), -1);
        assert_string_equal(err.code, CODE_KEY_FILE);
        assert_non_null(strstr(err.message, "none is made anew"));
        made(state); /* with signing.key, what was cut short is completed */
        assert_int_equal(prepare(place, &err), 0);
        start_over(place);
        put_state(place, "config.lkg.json", NULL);
        put_state(place, "journal.jsonl", NULL);
    }
}

/* --- making --------------------------------------------------------------------------------------------- */

static void keyring__makes_a_folder_that_loads(void **state)
{
    struct place *place = made(state);
    struct error err;
    AUTO_KEYRING struct keyring keyring = {0};
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
    assert_true(keyring.has_root);
    assert_int_equal(keyring.roots.len, 1);
    assert_int_equal(keyring.verified.generation, 1);
    assert_int_equal(keyring.verified.keys.len, 1);
    assert_string_equal(keyring.verified.keys.keys[0].id, keyring.signing.id);
    assert_string_not_equal(keyring.signing.id, keyring.roots.keys[0].id);
    assert_string_not_equal(keyring.journal.id, keyring.lkg.id);

    AUTO_BUF struct buf keyset = {0};
    read_name(place, "keyset.json", &keyset);
    assert_true(span_equal(buf_span(&keyset), buf_span(&keyring.keyset)));
}

static void keyring__gives_each_file_its_exact_mode(void **state)
{
    struct place *place = *state;
    static const mode_t masks[] = {0, 0022, 0077};
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        mode_t before = umask(masks[i]);
        made(state);
        umask(before);
        assert_int_equal(count_entries(place), FILES);
        assert_int_equal(mode_of(place, "."), 0750);
        for (size_t j = 0; j < FILES; j++)
            assert_int_equal(mode_of(place, files[j]), modes[j]);
        start_over(place);
    }
}

static void keyring__writes_one_line_a_key(void **state)
{
    struct place *place = made(state);
    static const char *const kinds[] = {"ed25519-secret", "ed25519-public", "ed25519-secret", "hmac-sha256",
                                        "hmac-sha256"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        AUTO_BUF struct buf text = {0};
        char prefix[64];
        read_name(place, files[i], &text);
        int len = snprintf(prefix, sizeof prefix, "epochd-%s:", kinds[i]);
        assert_int_equal(text.len, len + 16 + 1 + 44 + 1);
        assert_memory_equal(text.data, prefix, (size_t)len);
        assert_int_equal(text.data[len + 16], ':');
        assert_int_equal(text.data[text.len - 1], '\n');
        assert_null(memchr(text.data, '\n', text.len - 1));
    }
}

static void keyring__makes_nothing_in_a_complete_folder(void **state)
{
    struct place *place = made(state);
    struct error err;
    AUTO_BUF struct buf before = {0}, after = {0};
    bool is_made = true;
    for (size_t i = 0; i < FILES; i++)
        read_name(place, files[i], &before);
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
    assert_false(is_made);
    for (size_t i = 0; i < FILES; i++)
        read_name(place, files[i], &after);
    assert_true(span_equal(buf_span(&before), buf_span(&after)));
    assert_int_equal(count_entries(place), FILES);
}

static void keyring__makes_different_keys_each_time(void **state)
{
    struct place *place = made(state);
    for (size_t i = 0; i < FILES; i++) {
        AUTO_BUF struct buf here = {0}, there = {0};
        read_name(place, files[i], &here);
        read_foreign(place, files[i], &there);
        assert_false(span_equal(buf_span(&here), buf_span(&there)));
    }
}

/* Which of the first five files are there, as the bits of `set`; keyset.json is not. */
static bool is_completed(unsigned set)
{
    bool has_root = (set & 1) != 0, has_public = (set & 2) != 0;
    return has_root || !has_public;
}

static void f75__every_folder_without_a_keyset_is_completed(void **state)
{
    struct place *place = *state;
    for (unsigned set = 0; set < 1U << KEYSET_AT; set++) {
        struct error err;
        bool is_made = false;
        struct buf before[FILES] = {0};
        made(state);
        for (size_t i = 0; i < FILES; i++)
            if (i < KEYSET_AT && (set & 1U << i) != 0)
                read_name(place, files[i], &before[i]);
            else
                remove_name(place, files[i]);
        int result = keyring_make(place->keys, SOURCE, &is_made, &err);
        assert_int_equal(result, is_completed(set) ? 0 : -1);
        assert_int_equal(is_made, is_completed(set));
        if (is_completed(set))
            assert_loads(place);
        else
            assert_false(is_there(place, "root.key") || is_there(place, "keyset.json"));
        for (size_t i = 0; i < KEYSET_AT; i++) {
            AUTO_BUF struct buf after = {0};
            if (before[i].len == 0)
                continue;
            read_name(place, files[i], &after);
            assert_true(span_equal(buf_span(&before[i]), buf_span(&after)));
            buf_fini(&before[i]);
        }
        start_over(place);
    }
}

static void keyring__makes_no_root_key_beside_a_root_pub(void **state)
{
    struct place *place = made(state);
    struct error err;
    bool is_made;
    remove_name(place, "keyset.json");
    remove_name(place, "root.key");
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_non_null(strstr(err.message, "'root.pub' is there"));
    assert_false(is_there(place, "root.key"));
    assert_false(is_there(place, "keyset.json"));
}

static void keyring__removes_what_a_crash_left_of_a_key(void **state)
{
    struct place *place = made(state);
    struct error err;
    bool is_made = false;
    remove_name(place, "keyset.json");
    remove_name(place, "signing.key");
    int fd = openat(place->dir, ".signing.key.tmp-0", O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "epochd-ed25519-se", 17), 17);
    close(fd);
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
    assert_true(is_made);
    assert_int_equal(count_entries(place), FILES);
    assert_loads(place);
}

/* As on a full disk: no byte can be written. */
static void f75__no_key_is_named_when_it_cannot_be_written(void **state)
{
    struct place *place = *state;
    struct error err;
    bool is_made = true;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int result = keyring_make(place->keys, SOURCE, &is_made, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(result, -1);
    assert_string_equal(err.code, ERR_SYSTEM);
    assert_int_equal(err.sys, EFBIG);
    assert_true(is_made);
    assert_int_equal(count_entries(place), 0);
    made(state);
    assert_loads(place);
}

static void keyring__needs_the_folder_above(void **state)
{
    struct place *place = *state;
    struct error err;
    bool is_made;
    char path[300];
    snprintf(path, sizeof path, "%s/away/keys", place->top);
    assert_int_equal(keyring_make(path, SOURCE, &is_made, &err), -1);
    assert_int_equal(err.sys, ENOENT);
}

static void keyring__refuses_a_source_that_no_reader_would_take(void **state)
{
    struct place *place = *state;
    struct error err;
    bool is_made, exists;
    assert_int_equal(keyring_make(place->keys, "Not a name", &is_made, &err), -1);
    assert_int_equal(keyring_exists(place->keys, &exists, &err), 0);
    assert_false(exists);
    made(state);
}

/* Tells the parent which key it would sign with, or nothing if it could not start. */
static void start_at_once(const struct place *place, int out)
{
    struct error err;
    struct keyring keyring = {0};
    bool is_made;
    if (keyring_make(place->keys, SOURCE, &is_made, &err) == 0 &&
        keyring_load(place->keys, SOURCE, &keyring, &err) == 0 &&
        write(out, keyring.signing.id, KEY_ID_LEN) != KEY_ID_LEN)
        _exit(1);
    keyring_fini(&keyring);
    _exit(0);
}

/* The state folder's lock keeps two daemons apart; without it they still never end up with two keys. */
static void f75__two_starts_never_get_two_keys(void **state)
{
    struct place *place = *state;
    enum { STARTS = 4, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        int pipe_fds[2];
        pid_t children[STARTS];
        char id[KEY_ID_LEN];
        assert_int_equal(pipe(pipe_fds), 0);
        for (size_t i = 0; i < STARTS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                start_at_once(place, pipe_fds[1]);
        }
        close(pipe_fds[1]);
        for (size_t i = 0; i < STARTS; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_int_equal(status, 0);
        }
        struct error err;
        AUTO_KEYRING struct keyring keyring = {0};
        bool is_made;
        assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
        assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), 0);
        while (read(pipe_fds[0], id, sizeof id) == sizeof id)
            assert_memory_equal(id, keyring.signing.id, sizeof id);
        close(pipe_fds[0]);
        empty_folder(place->keys);
    }
}

/* In a mount namespace of its own, /etc/group is what this test says. */
static int make_with_group(const struct place *place)
{
    char path[300];
    struct error err;
    bool is_made;
    struct stat folder, lkg, signing;
    snprintf(path, sizeof path, "%s/group", place->top);
    FILE *group = fopen(path, "w");
    if (group == NULL || fprintf(group, "root:x:0:\nepoch:x:%d:\n", READER_GROUP) < 0 || fclose(group) != 0)
        return 1;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(path, "/etc/group", NULL, MS_BIND, NULL) != 0)
        return 77;
    if (getgrnam("epoch") == NULL)
        return 77;
    if (keyring_make(place->keys, SOURCE, &is_made, &err) != 0 || stat(place->keys, &folder) != 0)
        return 2;
    snprintf(path, sizeof path, "%s/lkg.key", place->keys);
    if (stat(path, &lkg) != 0)
        return 3;
    snprintf(path, sizeof path, "%s/signing.key", place->keys);
    if (stat(path, &signing) != 0)
        return 4;
    if (folder.st_gid != READER_GROUP || lkg.st_gid != READER_GROUP || signing.st_gid == READER_GROUP)
        return 5;
    return (folder.st_mode & 07777) == 0750 && (lkg.st_mode & 07777) == 0640 ? 0 : 6;
}

static void keyring__lets_the_group_epoch_in(void **state)
{
    struct place *place = *state;
    int status;
    pid_t child = geteuid() == 0 ? fork() : -1;
    if (child < 0)
        skip();
    if (child == 0)
        _exit(make_with_group(place));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- what is there already ------------------------------------------------------------------------------ */

static void keyring__refuses_a_keyset_without_the_other_files(void **state)
{
    struct place *place = *state;
    for (size_t i = 1; i < KEYSET_AT; i++) {
        made(state);
        remove_name(place, files[i]);
        assert_refused(place, CODE_KEY_FILE, files[i]);
        assert_false(is_there(place, files[i]));
        start_over(place);
    }
}

static void keyring__never_replaces_a_damaged_key_when_completing(void **state)
{
    struct place *place = *state;
    for (size_t i = 0; i < KEYSET_AT; i++) {
        for (size_t j = 0; j < ARRAY_LEN(spoilers); j++) {
            struct error err;
            struct stat before, after;
            bool is_made;
            made(state);
            remove_name(place, "keyset.json");
            spoilers[j].spoil(place, files[i]);
            assert_int_equal(fstatat(place->dir, files[i], &before, AT_SYMLINK_NOFOLLOW), 0);
            assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
            assert_string_equal(err.code, CODE_KEY_FILE);
            assert_non_null(strstr(err.message, files[i]));
            assert_int_equal(fstatat(place->dir, files[i], &after, AT_SYMLINK_NOFOLLOW), 0);
            assert_int_equal(before.st_ino, after.st_ino);
            assert_int_equal(before.st_size, after.st_size);
            assert_false(is_there(place, "keyset.json"));
            start_over(place);
        }
    }
}

/* The root key signs keysets and nothing else. */
static void keyring__makes_no_keyset_that_holds_the_root_key(void **state)
{
    struct place *place = made(state);
    struct error err;
    bool is_made;
    AUTO_BUF struct buf root = {0};
    read_name(place, "root.key", &root);
    write_name(place, "signing.key", buf_span(&root));
    remove_name(place, "keyset.json");
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
    assert_string_equal(err.code, CODE_KEYSET_REFUSED);
    assert_false(is_there(place, "keyset.json"));
}

/* What root made there, the owner of the folder could not read. */
static void keyring__makes_no_keys_in_a_stranger_s_folder(void **state)
{
    if (geteuid() != 0)
        skip();
    struct place *place = *state;
    struct error err;
    bool is_made;
    assert_int_equal(mkdir(place->keys, 0750), 0);
    assert_int_equal(chown(place->keys, STRANGER, (gid_t)-1), 0);
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
    assert_string_equal(err.code, CODE_KEY_FILE);
    assert_int_equal(count_entries(place), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(keyring__makes_a_folder_that_loads),
        IN_A_FOLDER(keyring__gives_each_file_its_exact_mode),
        IN_A_FOLDER(keyring__writes_one_line_a_key),
        IN_A_FOLDER(keyring__makes_nothing_in_a_complete_folder),
        IN_A_FOLDER(keyring__makes_different_keys_each_time),
        IN_A_FOLDER(f75__every_folder_without_a_keyset_is_completed),
        IN_A_FOLDER(keyring__makes_no_root_key_beside_a_root_pub),
        IN_A_FOLDER(keyring__removes_what_a_crash_left_of_a_key),
        IN_A_FOLDER(f75__no_key_is_named_when_it_cannot_be_written),
        IN_A_FOLDER(keyring__needs_the_folder_above),
        IN_A_FOLDER(keyring__refuses_a_source_that_no_reader_would_take),
        IN_A_FOLDER(f75__two_starts_never_get_two_keys),
        IN_A_FOLDER(keyring__prepares_an_empty_journal_before_the_first_keys),
        IN_A_FOLDER(keyring__prepares_nothing_where_something_was_signed),
        IN_A_FOLDER(keyring__lets_the_group_epoch_in),
        IN_A_FOLDER(keyring__refuses_a_keyset_without_the_other_files),
        IN_A_FOLDER(keyring__never_replaces_a_damaged_key_when_completing),
        IN_A_FOLDER(keyring__makes_no_keyset_that_holds_the_root_key),
        IN_A_FOLDER(keyring__makes_no_keys_in_a_stranger_s_folder),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
