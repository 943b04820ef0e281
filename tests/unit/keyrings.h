/*
 * keyrings: what the tests of the folder of keys share: a place of its own for each test, and ways to look
 * into the folder and to meddle with it.
 */
#ifndef TESTS_UNIT_KEYRINGS_H
#define TESTS_UNIT_KEYRINGS_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "verify/keyring.h"
#include "model/codes.h"

#define SOURCE "config-manager"

enum { STRANGER = 65534, READER = 65533, READER_GROUP = 65532 };

/* In the order in which they are made. */
static const char *const files[] = {"root.key",    "root.pub", "signing.key",
                                    "journal.key", "lkg.key",  "keyset.json"};
static const mode_t modes[] = {0600, 0644, 0600, 0600, 0640, 0644};
enum { FILES = ARRAY_LEN(files), KEYSET_AT = FILES - 1 };

struct place {
    char top[200], keys[210];
    int dir; /* of keys, once it is there */
};

static inline int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    const char *base = getenv("TMPDIR");
    if (place == NULL)
        return -1;
    snprintf(place->top, sizeof place->top, "%s/epochd-keyring-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(place->top) == NULL || chmod(place->top, 0711) != 0)
        return -1;
    snprintf(place->keys, sizeof place->keys, "%s/keys", place->top);
    place->dir = -1;
    *state = place;
    return 0;
}

static inline void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
                unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    if (dir != NULL)
        closedir(dir);
}

static inline int tear_down(void **state)
{
    struct place *place = *state;
    if (place->dir >= 0)
        close(place->dir);
    empty_folder(place->keys);
    empty_folder(place->top);
    int result = rmdir(place->top);
    free(place);
    return result;
}

/* No folder any more. */
static inline void start_over(struct place *place)
{
    close(place->dir);
    place->dir = -1;
    empty_folder(place->keys);
    assert_int_equal(rmdir(place->keys), 0);
}

/* A complete folder. */
static inline struct place *made(void **state)
{
    struct place *place = *state;
    struct error err;
    bool is_made = false;
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), 0);
    assert_true(is_made);
    assert_int_equal(fs_open_dir(place->keys, &place->dir, &err), 0);
    return place;
}

static inline void read_name(const struct place *place, const char *name, struct buf *out)
{
    struct error err;
    assert_int_equal(fs_read(place->dir, name, FS_ANY_OWNER, 1 << 20, out, NULL, &err), 0);
}

/* Puts these bytes in the place of the file, which keeps its mode. */
static inline void write_name(const struct place *place, const char *name, struct span data)
{
    int fd = openat(place->dir, name, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data.data, data.len), (ssize_t)data.len);
    close(fd);
}

static inline bool is_there(const struct place *place, const char *name)
{
    struct stat st;
    return fstatat(place->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline unsigned mode_of(const struct place *place, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(place->dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static inline void remove_name(const struct place *place, const char *name)
{
    assert_int_equal(unlinkat(place->dir, name, 0), 0);
}

static inline size_t count_entries(const struct place *place)
{
    size_t count = 0;
    DIR *dir = opendir(place->keys);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static inline void assert_loads(const struct place *place)
{
    struct error err = {0};
    AUTO_KEYRING struct keyring keyring = {0};
    if (keyring_load(place->keys, SOURCE, &keyring, &err) != 0)
        fail_msg("%s [%s]", err.message, err.code);
}

/* Neither loading nor making accepts the folder; `in_message` (may be NULL) says what is wrong. */
static inline void assert_refused(const struct place *place, const char *code, const char *in_message)
{
    struct error err;
    struct keyring keyring = {.has_root = true}; /* written on success only */
    bool is_made = true;
    size_t entries = count_entries(place);
    assert_int_equal(keyring_load(place->keys, SOURCE, &keyring, &err), -1);
    assert_string_equal(err.code, code);
    assert_non_null(strstr(err.message, place->keys));
    if (in_message != NULL && strstr(err.message, in_message) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, in_message);
    assert_true(keyring.has_root);
    assert_null(keyring.keyset.data);
    assert_int_equal(keyring_make(place->keys, SOURCE, &is_made, &err), -1);
    assert_string_equal(err.code, code);
    assert_true(is_made);
    assert_int_equal(count_entries(place), entries);
}

/* Another folder's file, for mixing. */
static inline void read_foreign(const struct place *place, const char *name, struct buf *out)
{
    struct error err;
    bool is_made;
    struct place other = {.dir = -1};
    snprintf(other.keys, sizeof other.keys, "%.200s/other", place->top);
    assert_int_equal(keyring_make(other.keys, SOURCE, &is_made, &err), 0);
    assert_int_equal(fs_open_dir(other.keys, &other.dir, &err), 0);
    read_name(&other, name, out);
    close(other.dir);
    empty_folder(other.keys);
    rmdir(other.keys);
}

/* --- ways to spoil a file ------------------------------------------------------------------------------- */

static inline void spoil_empty(const struct place *place, const char *name)
{
    write_name(place, name, (struct span){0});
}

static inline void spoil_short(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    write_name(place, name, (struct span){text.data, text.len - 1});
}

static inline void spoil_half(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    write_name(place, name, (struct span){text.data, text.len / 2});
}

static inline void spoil_long(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    buf_putc(&text, '\n');
    write_name(place, name, buf_span(&text));
}

static inline void spoil_twice(const struct place *place, const char *name)
{
    AUTO_BUF struct buf once = {0}, twice = {0};
    read_name(place, name, &once);
    buf_append_span(&twice, buf_span(&once));
    buf_append_span(&twice, buf_span(&once));
    write_name(place, name, buf_span(&twice));
}

static inline void spoil_crlf(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    buf_truncate(&text, text.len - 1);
    buf_puts(&text, "\r\n");
    write_name(place, name, buf_span(&text));
}

/* One character another of the same alphabet: a key whose id is not its own. */
static inline void spoil_character(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    char *c = &text.data[text.len - 20];
    *c = *c == 'A' ? 'B' : 'A';
    write_name(place, name, buf_span(&text));
}

static inline void spoil_id(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    char *c = &text.data[text.len - 60];
    *c = *c == '0' ? '1' : '0';
    write_name(place, name, buf_span(&text));
}

static inline void spoil_separator(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    text.data[text.len - 1 - 44 - 1] = ';'; /* before the base64 of the key and the LF */
    write_name(place, name, buf_span(&text));
}

static inline void spoil_kind(const struct place *place, const char *name)
{
    AUTO_BUF struct buf text = {0};
    read_name(place, name, &text);
    memcpy(text.data, "epochD", 6);
    write_name(place, name, buf_span(&text));
}

static inline void spoil_size(const struct place *place, const char *name)
{
    assert_int_equal(fchmodat(place->dir, name, 0600, 0), 0);
    int fd = openat(place->dir, name, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 19), 0);
    close(fd);
}

static inline void spoil_mode(const struct place *place, const char *name)
{
    assert_int_equal(fchmodat(place->dir, name, mode_of(place, name) | 0002, 0), 0);
}

static inline void spoil_link(const struct place *place, const char *name)
{
    char target[32];
    snprintf(target, sizeof target, "moved-%s", name);
    assert_int_equal(renameat(place->dir, name, place->dir, target), 0);
    assert_int_equal(symlinkat(target, place->dir, name), 0);
}

static inline void spoil_dangling(const struct place *place, const char *name)
{
    remove_name(place, name);
    assert_int_equal(symlinkat("nowhere", place->dir, name), 0);
}

static inline void spoil_fifo(const struct place *place, const char *name)
{
    remove_name(place, name);
    assert_int_equal(mkfifoat(place->dir, name, 0600), 0);
}

static inline void spoil_folder(const struct place *place, const char *name)
{
    remove_name(place, name);
    assert_int_equal(mkdirat(place->dir, name, 0700), 0);
}

static inline void spoil_hard_link(const struct place *place, const char *name)
{
    assert_int_equal(linkat(place->dir, name, place->dir, "second-name", 0), 0);
}

static inline void spoil_owner(const struct place *place, const char *name)
{
    if (geteuid() == 0)
        assert_int_equal(fchownat(place->dir, name, STRANGER, (gid_t)-1, 0), 0);
    else
        spoil_mode(place, name);
}

static const struct {
    void (*spoil)(const struct place *place, const char *name);
    bool is_content; /* what a keyset is refused for by its signature */
} spoilers[] = {
    {spoil_empty, true},     {spoil_short, true}, {spoil_half, true},      {spoil_long, true},
    {spoil_twice, true},     {spoil_crlf, true},  {spoil_character, true}, {spoil_id, true},
    {spoil_separator, true}, {spoil_kind, true},
    {spoil_size, false}, {spoil_mode, false},     {spoil_link, false},
    {spoil_dangling, false}, {spoil_fifo, false}, {spoil_folder, false},   {spoil_hard_link, false},
    {spoil_owner, false},
};

static inline int start(void **state)
{
    (void)state;
    struct error err;
    return crypto_init(&err);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
