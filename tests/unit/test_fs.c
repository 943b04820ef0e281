/*
 * fs: folders, and what reading refuses. Replacing is in test_fs_write.c, the lock in test_fs_lock.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "temp_folder.h"
#include "util/fs.h"

/* --- faults: the calls of fs go through these ----------------------------------------------------------- */

static struct {
    int fsyncs;                       /* calls so far */
    bool is_sync_broken;              /* every fsync fails with EIO */
    bool is_list_broken;              /* so does every readdir */
    const struct temp_folder *vanish; /* fstat finds its file "x" removed after it was opened */
} faults;

int fsync(int fd)
{
    (void)fd;
    faults.fsyncs++;
    errno = EIO;
    return faults.is_sync_broken ? -1 : 0;
}

int fstat(int fd, struct stat *st)
{
    if (faults.vanish != NULL)
        unlinkat(faults.vanish->fd, "x", 0);
    return fstatat(fd, "", st, AT_EMPTY_PATH);
}

struct dirent *readdir(DIR *stream)
{
    if (!faults.is_list_broken)
        return (struct dirent *)readdir64(stream); /* the same on every 64-bit system */
    errno = EIO;
    return NULL;
}

static int set_up(void **state)
{
    memset(&faults, 0, sizeof faults);
    return temp_folder_make(state);
}

/* --- helpers -------------------------------------------------------------------------------------------- */

static void put_file(const struct temp_folder *folder, const char *name, const char *text, mode_t mode)
{
    AUTO_CLOSE int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

static void assert_reads(const struct temp_folder *folder, const char *name, enum fs_trust trust, const char *text)
{
    AUTO_BUF struct buf out = {0};
    struct error err;
    assert_int_equal(fs_read(folder->fd, name, trust, 1000, &out, NULL, &err), 0);
    assert_true(span_is(buf_span(&out), text));
}

static void assert_unsafe(int dir, const char *name, enum fs_trust trust, const char *why)
{
    AUTO_BUF struct buf out = {0};
    struct error err;
    bool is_missing = true;
    assert_int_equal(fs_read(dir, name, trust, 1000, &out, &is_missing, &err), -1);
    assert_string_equal(err.code, ERR_FILE_UNSAFE);
    assert_non_null(strstr(err.message, name));
    if (strstr(err.message, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, why);
    assert_int_equal(out.len, 0);
}

static void assert_unsafe_kind(int dir, const char *name, const char *why)
{
    assert_unsafe(dir, name, FS_ANY_OWNER, why);
    assert_unsafe(dir, name, FS_OWNED, why);
    assert_unsafe(dir, name, FS_SECRET, why);
}

/* --- folders -------------------------------------------------------------------------------------------- */

static void fs__opens_a_folder(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    AUTO_CLOSE int fd = -1;
    assert_int_equal(fs_open_dir(folder->path, &fd, &err), 0);
    assert_int_equal(fs_sync_dir(fd, &err), 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void fs__opens_no_folder_that_is_none(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    int fd = -7;
    char path[300];
    put_file(folder, "file", "", 0600);
    snprintf(path, sizeof path, "%s/file", folder->path);
    assert_int_equal(fs_open_dir(path, &fd, &err), -1);
    assert_int_equal(err.sys, ENOTDIR);
    snprintf(path, sizeof path, "%s/missing", folder->path);
    assert_int_equal(fs_open_dir(path, &fd, &err), -1);
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(fd, -7);
}

static void fs__tells_that_a_folder_cannot_be_synced(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    faults.is_sync_broken = true;
    assert_int_equal(fs_sync_dir(folder->fd, &err), -1);
    assert_int_equal(err.sys, EIO);
}

/* Counts names; 7 stops at the one called "stop". */
static int count_name(void *context, const char *name, struct error *err)
{
    size_t *names = context;
    (void)err;
    ++*names;
    return strcmp(name, "stop") == 0 ? 7 : 0;
}

static void fs__tells_each_name_once(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    size_t names = 0;
    put_file(folder, "a", "", 0600);
    put_file(folder, ".b", "", 0600);
    assert_int_equal(mkdirat(folder->fd, "c", 0700), 0);
    for (int i = 1; i <= 2; i++) { /* the second time from the beginning again */
        assert_int_equal(fs_each_name(folder->fd, count_name, &names, &err), 0);
        assert_int_equal(names, 3 * i);
    }
}

static void fs__tells_no_more_names_once_the_visitor_is_done(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    size_t names = 0;
    put_file(folder, "stop", "", 0600);
    assert_int_equal(fs_each_name(folder->fd, count_name, &names, &err), 7);
    assert_int_equal(names, 1);
}

static void fs__tells_that_a_folder_cannot_be_read_to_its_end(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    size_t names = 0;
    put_file(folder, "a", "", 0600);
    faults.is_list_broken = true;
    assert_int_equal(fs_each_name(folder->fd, count_name, &names, &err), -1);
    assert_int_equal(err.sys, EIO);
    faults.is_list_broken = false;
    AUTO_CLOSE int file = openat(folder->fd, "a", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fs_each_name(file, count_name, &names, &err), -1);
    assert_int_equal(err.sys, ENOTDIR);
    assert_int_equal(names, 0);
}

static void fs__makes_a_folder_with_the_exact_mode(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    struct stat st;
    char path[300];
    AUTO_CLOSE int fd = -1;
    snprintf(path, sizeof path, "%s/keys", folder->path);
    mode_t before = umask(077);
    int rc = fs_make_dir(path, 0750, &fd, &err);
    umask(before);
    assert_int_equal(rc, 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(faults.fsyncs, 1);
}

static void fs__leaves_a_folder_that_is_there_as_it_is(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    struct stat st;
    AUTO_CLOSE int fd = -1;
    assert_int_equal(fs_make_dir(folder->path, 0755, &fd, &err), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void fs__makes_no_folder_without_a_parent(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    char path[300];
    int fd = -7;
    snprintf(path, sizeof path, "%s/missing/keys", folder->path);
    assert_int_equal(fs_make_dir(path, 0750, &fd, &err), -1);
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(fd, -7);
}

static void fs__makes_no_folder_where_a_file_is(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    char path[300];
    int fd = -7;
    put_file(folder, "keys", "", 0600);
    snprintf(path, sizeof path, "%s/keys", folder->path);
    assert_int_equal(fs_make_dir(path, 0750, &fd, &err), -1);
    assert_int_equal(err.sys, ENOTDIR);
    assert_int_equal(fd, -7);
}

static void fs__takes_back_a_folder_it_could_not_sync(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    char path[300];
    int fd = -7;
    snprintf(path, sizeof path, "%s/keys", folder->path);
    faults.is_sync_broken = true;
    assert_int_equal(fs_make_dir(path, 0750, &fd, &err), -1);
    assert_int_equal(err.sys, EIO);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(fd, -7);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void fs__reads_a_whole_file(void **state)
{
    put_file(*state, "x", "some text\n", 0600);
    assert_reads(*state, "x", FS_ANY_OWNER, "some text\n");
    assert_reads(*state, "x", FS_OWNED, "some text\n");
    assert_reads(*state, "x", FS_SECRET, "some text\n");
}

static void fs__reads_an_empty_file(void **state)
{
    put_file(*state, "x", "", 0600);
    assert_reads(*state, "x", FS_SECRET, "");
}

static void fs__appends_what_it_reads(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_BUF struct buf out = {0};
    struct error err;
    bool is_missing = true;
    put_file(folder, "x", "two", 0600);
    buf_puts(&out, "one ");
    assert_int_equal(fs_read(folder->fd, "x", FS_ANY_OWNER, 3, &out, &is_missing, &err), 0);
    assert_false(is_missing);
    assert_true(span_is(buf_span(&out), "one two"));
}

static void fs__reads_up_to_the_limit_and_no_further(void **state)
{
    const struct temp_folder *folder = *state;
    put_file(folder, "x", "12345", 0600);
    for (size_t max = 0; max < 8; max++) {
        AUTO_BUF struct buf out = {0};
        struct error err;
        buf_puts(&out, "kept");
        int rc = fs_read(folder->fd, "x", FS_ANY_OWNER, max, &out, NULL, &err);
        assert_int_equal(rc, max < 5 ? -1 : 0);
        assert_int_equal(out.len, max < 5 ? 4 : 9);
        if (rc != 0)
            assert_string_equal(err.code, ERR_FILE_TOO_LARGE);
    }
}

static void fs__does_not_believe_the_size(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    AUTO_CLOSE int proc = -1;
    /* The size of every file in /proc is 0, as is that of one that grows while it is read. */
    assert_int_equal(fs_open_dir("/proc/self", &proc, &err), 0);
    assert_int_equal(fs_read(proc, "maps", FS_ANY_OWNER, 1024 * 1024, &out, NULL, &err), 0);
    assert_true(out.len > 1000);
    buf_reset(&out);
    buf_puts(&out, "kept");
    assert_int_equal(fs_read(proc, "maps", FS_ANY_OWNER, 1000, &out, NULL, &err), -1);
    assert_string_equal(err.code, ERR_FILE_TOO_LARGE);
    assert_true(span_is(buf_span(&out), "kept"));
}

static void fs__holds_to_the_limit_to_the_byte_without_a_size(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    AUTO_CLOSE int proc = -1;
    assert_int_equal(fs_open_dir("/proc", &proc, &err), 0);
    assert_int_equal(fs_read(proc, "version", FS_ANY_OWNER, 4096, &out, NULL, &err), 0);
    size_t len = out.len;
    assert_true(len > 0);
    assert_int_equal(fs_read(proc, "version", FS_ANY_OWNER, len, &out, NULL, &err), 0);
    assert_int_equal(out.len, 2 * len);
    assert_int_equal(fs_read(proc, "version", FS_ANY_OWNER, len - 1, &out, NULL, &err), -1);
    assert_string_equal(err.code, ERR_FILE_TOO_LARGE);
    assert_int_equal(out.len, 2 * len);
}

static void fs__tells_a_missing_file_as_an_outcome(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_BUF struct buf out = {0};
    struct error err = {0};
    bool is_missing = false;
    assert_int_equal(fs_read(folder->fd, "x", FS_SECRET, 1000, &out, &is_missing, &err), 0);
    assert_true(is_missing);
    assert_int_equal(out.len, 0);
    assert_null(err.code);
}

static void fs__tells_a_missing_file_as_an_error_to_who_needs_it(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_BUF struct buf out = {0};
    struct error err;
    assert_int_equal(fs_read(folder->fd, "x", FS_SECRET, 1000, &out, NULL, &err), -1);
    assert_string_equal(err.code, ERR_SYSTEM);
    assert_int_equal(err.sys, ENOENT);
}

static void fs__refuses_a_symbolic_link(void **state)
{
    const struct temp_folder *folder = *state;
    put_file(folder, "target", "text", 0600);
    assert_int_equal(symlinkat("target", folder->fd, "x"), 0);
    assert_unsafe_kind(folder->fd, "x", "is a symbolic link");
    assert_int_equal(symlinkat("missing", folder->fd, "dangling"), 0);
    assert_unsafe_kind(folder->fd, "dangling", "is a symbolic link");
}

static void fs__refuses_a_fifo_without_waiting_for_its_writer(void **state)
{
    const struct temp_folder *folder = *state;
    assert_int_equal(mkfifoat(folder->fd, "x", 0600), 0);
    alarm(10); /* an open that waits would wait for ever */
    assert_unsafe_kind(folder->fd, "x", "is a FIFO");
    alarm(0);
}

static void fs__refuses_a_socket(void **state)
{
    const struct temp_folder *folder = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(folder->path) + 3 < sizeof address.sun_path);
    strcpy(address.sun_path, folder->path);
    strcat(address.sun_path, "/x");
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_unsafe_kind(folder->fd, "x", "is a socket");
}

static void fs__refuses_a_folder(void **state)
{
    const struct temp_folder *folder = *state;
    assert_int_equal(mkdirat(folder->fd, "x", 0700), 0);
    assert_unsafe_kind(folder->fd, "x", "is a folder");
}

static void fs__refuses_a_device(void **state)
{
    (void)state;
    struct error err;
    AUTO_CLOSE int dev = -1;
    assert_int_equal(fs_open_dir("/dev", &dev, &err), 0);
    assert_unsafe_kind(dev, "null", "is a device");
}

static void fs__refuses_a_hard_link_where_trust_is_asked(void **state)
{
    const struct temp_folder *folder = *state;
    put_file(folder, "x", "text", 0600);
    assert_int_equal(linkat(folder->fd, "x", folder->fd, "y", 0), 0);
    assert_reads(folder, "x", FS_ANY_OWNER, "text");
    assert_unsafe(folder->fd, "x", FS_OWNED, "has 2 hard links");
    assert_unsafe(folder->fd, "y", FS_SECRET, "has 2 hard links");
}

static void fs__reads_a_file_that_is_replaced_after_it_was_opened(void **state)
{
    put_file(*state, "x", "text", 0600);
    faults.vanish = *state;
    assert_reads(*state, "x", FS_SECRET, "text");
}

static void fs__refuses_a_foreign_owner_where_trust_is_asked(void **state)
{
    const struct temp_folder *folder = *state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root can give a file away\n");
        skip();
    }
    put_file(folder, "x", "text", 0600);
    assert_int_equal(fchownat(folder->fd, "x", 65534, 65534, 0), 0);
    assert_reads(folder, "x", FS_ANY_OWNER, "text");
    assert_unsafe(folder->fd, "x", FS_OWNED, "belongs to user 65534");
    assert_unsafe(folder->fd, "x", FS_SECRET, "belongs to user 65534");
}

static void fs__reads_what_root_owns(void **state)
{
    const struct temp_folder *folder = *state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root can become somebody else\n");
        skip();
    }
    put_file(folder, "x", "text", 0644);
    assert_int_equal(fchmod(folder->fd, 0755), 0);
    assert_int_equal(seteuid(65534), 0);
    AUTO_BUF struct buf out = {0};
    struct error err;
    int rc = fs_read(folder->fd, "x", FS_OWNED, 1000, &out, NULL, &err);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, 0);
    assert_true(span_is(buf_span(&out), "text"));
}

static void fs__judges_every_mode(void **state)
{
    const struct temp_folder *folder = *state;
    for (mode_t mode = 0; mode < 01000; mode++) {
        bool is_owned = (mode & 0022) == 0, is_secret = (mode & 0037) == 0;
        if ((mode & 0400) == 0 && geteuid() != 0)
            continue;
        put_file(folder, "x", "text", mode);
        assert_reads(folder, "x", FS_ANY_OWNER, "text");
        if (is_owned)
            assert_reads(folder, "x", FS_OWNED, "text");
        else
            assert_unsafe(folder->fd, "x", FS_OWNED, "can be written by others");
        if (is_secret)
            assert_reads(folder, "x", FS_SECRET, "text");
        else
            assert_unsafe(folder->fd, "x", FS_SECRET, is_owned ? "is secret" : "can be written by others");
        assert_int_equal(unlinkat(folder->fd, "x", 0), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(fs__opens_a_folder),
        TEST(fs__opens_no_folder_that_is_none),
        TEST(fs__tells_that_a_folder_cannot_be_synced),
        TEST(fs__tells_each_name_once),
        TEST(fs__tells_no_more_names_once_the_visitor_is_done),
        TEST(fs__tells_that_a_folder_cannot_be_read_to_its_end),
        TEST(fs__makes_a_folder_with_the_exact_mode),
        TEST(fs__leaves_a_folder_that_is_there_as_it_is),
        TEST(fs__makes_no_folder_without_a_parent),
        TEST(fs__makes_no_folder_where_a_file_is),
        TEST(fs__takes_back_a_folder_it_could_not_sync),
        TEST(fs__reads_a_whole_file),
        TEST(fs__reads_an_empty_file),
        TEST(fs__appends_what_it_reads),
        TEST(fs__reads_up_to_the_limit_and_no_further),
        TEST(fs__does_not_believe_the_size),
        TEST(fs__holds_to_the_limit_to_the_byte_without_a_size),
        TEST(fs__tells_a_missing_file_as_an_outcome),
        TEST(fs__tells_a_missing_file_as_an_error_to_who_needs_it),
        TEST(fs__refuses_a_symbolic_link),
        TEST(fs__refuses_a_fifo_without_waiting_for_its_writer),
        TEST(fs__refuses_a_socket),
        TEST(fs__refuses_a_folder),
        TEST(fs__refuses_a_device),
        TEST(fs__refuses_a_hard_link_where_trust_is_asked),
        TEST(fs__reads_a_file_that_is_replaced_after_it_was_opened),
        TEST(fs__refuses_a_foreign_owner_where_trust_is_asked),
        TEST(fs__reads_what_root_owns),
        TEST(fs__judges_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
