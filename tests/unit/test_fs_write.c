/*
 * fs_write: the old file or the new one, whole, whatever fails; and what crashes leave behind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "temp_folder.h"
#include "util/fs.h"

/* --- faults: the calls of fs go through these ----------------------------------------------------------- */

static struct {
    int fsyncs;            /* calls so far */
    int fsync_fails_at;    /* the call that fails with EIO, 1 for the first */
    char at_fsync[2][16];  /* what the file "x" held at the first and second call */
    bool is_second_a_dir;  /* the second call was for a folder */
    const struct temp_folder *watched;
    bool is_stingy;        /* writes take three bytes at most, every other time none (EINTR) */
    bool is_interrupted;   /* the last call was */
    bool has_room_for;     /* then `room` is what the disk still takes */
    size_t room;
} faults;

static void note_content(char out[16])
{
    int fd = openat(faults.watched->fd, "x", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, out, 15);
    out[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
}

int fsync(int fd)
{
    struct stat st;
    if (faults.watched != NULL && faults.fsyncs < 2) {
        note_content(faults.at_fsync[faults.fsyncs]);
        faults.is_second_a_dir = faults.fsyncs == 1 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    }
    faults.fsyncs++;
    errno = EIO;
    return faults.fsyncs == faults.fsync_fails_at ? -1 : 0;
}

/* What a write of `len` bytes may take: 0 and errno where it fails. */
static size_t allowance(size_t len)
{
    if (faults.is_stingy) {
        faults.is_interrupted = !faults.is_interrupted;
        errno = EINTR;
        len = faults.is_interrupted ? 0 : len < 3 ? len : 3;
    }
    if (faults.has_room_for) {
        len = len < faults.room ? len : faults.room;
        faults.room -= len;
        if (len == 0)
            errno = ENOSPC;
    }
    return len;
}

ssize_t write(int fd, const void *data, size_t len)
{
    size_t taken = allowance(len);
    return taken == 0 && len > 0 ? -1 : syscall(SYS_write, fd, data, taken);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    size_t taken = allowance(len);
    return taken == 0 && len > 0 ? -1 : syscall(SYS_pwrite64, fd, data, taken, offset);
}

static int set_up(void **state)
{
    memset(&faults, 0, sizeof faults);
    return temp_folder_make(state);
}

static void no_more_faults(void)
{
    int fsyncs = faults.fsyncs;
    memset(&faults, 0, sizeof faults);
    faults.fsyncs = fsyncs;
}

/* --- helpers -------------------------------------------------------------------------------------------- */

static void assert_holds(const struct temp_folder *folder, const char *name, const char *text)
{
    AUTO_BUF struct buf out = {0};
    struct error err;
    assert_int_equal(fs_read(folder->fd, name, FS_ANY_OWNER, 10000000, &out, NULL, &err), 0);
    assert_true(span_is(buf_span(&out), text));
}

/* Entries of the folder, so that a temporary file left behind is seen. */
static int count(const struct temp_folder *folder)
{
    int entries = 0;
    DIR *dir = opendir(folder->path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return entries;
}

static unsigned mode_of(const struct temp_folder *folder, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void replace(const struct temp_folder *folder, const char *name, const char *text)
{
    struct error err;
    assert_int_equal(fs_replace(folder->fd, name, span_of(text), 0600, &err), 0);
}

static int open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* --- replacing ------------------------------------------------------------------------------------------ */

static void fs_write__replaces_a_file(void **state)
{
    const struct temp_folder *folder = *state;
    int before = open_fds();
    replace(folder, "x", "old");
    assert_holds(folder, "x", "old");
    replace(folder, "x", "");
    assert_holds(folder, "x", "");
    replace(folder, "x", "new");
    assert_holds(folder, "x", "new");
    assert_int_equal(count(folder), 1);
    assert_int_equal(open_fds(), before);
}

static void fs_write__syncs_the_file_then_renames_then_syncs_the_folder(void **state)
{
    const struct temp_folder *folder = *state;
    replace(folder, "x", "old");
    faults.fsyncs = 0;
    faults.watched = folder;
    replace(folder, "x", "new");
    assert_int_equal(faults.fsyncs, 2);
    assert_string_equal(faults.at_fsync[0], "old");
    assert_string_equal(faults.at_fsync[1], "new");
    assert_true(faults.is_second_a_dir);
}

static void fs_write__sets_the_exact_mode(void **state)
{
    const struct temp_folder *folder = *state;
    static const mode_t modes[] = {0600, 0640, 0644, 0444, 0666};
    mode_t before = umask(077);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct error err;
        int rc = fs_replace(folder->fd, "x", SPAN("text"), modes[i], &err);
        if (rc != 0 || mode_of(folder, "x") != modes[i]) {
            umask(before);
            fail();
        }
    }
    umask(before);
}

static void f7_f18__a_file_gets_through_interruptions_and_short_writes(void **state)
{
    const struct temp_folder *folder = *state;
    faults.is_stingy = true;
    replace(folder, "x", "more than three bytes, in many pieces");
    assert_holds(folder, "x", "more than three bytes, in many pieces");
}

static void fs_write__replaces_a_large_file(void **state)
{
    const struct temp_folder *folder = *state;
    enum { SIZE = 3 * 1024 * 1024 };
    AUTO_FREE char *text = malloc(SIZE + 1);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    replace(folder, "x", text);
    assert_holds(folder, "x", text);
}

static void fs_write__syncs_nothing_for_a_volatile_file(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    assert_int_equal(fs_replace_volatile(folder->fd, "x", SPAN("status"), 0644, &err), 0);
    assert_holds(folder, "x", "status");
    assert_int_equal(mode_of(folder, "x"), 0644);
    assert_int_equal(faults.fsyncs, 0);
    assert_int_equal(count(folder), 1);
}

static void fs_write__replaces_a_link_not_what_it_names(void **state)
{
    const struct temp_folder *folder = *state;
    replace(folder, "target", "kept");
    assert_int_equal(symlinkat("target", folder->fd, "x"), 0);
    replace(folder, "x", "new");
    assert_holds(folder, "target", "kept");
    assert_holds(folder, "x", "new");
}

static void fs_write__takes_plain_names_only(void **state)
{
    const struct temp_folder *folder = *state;
    static const char *const bad[] = {"", ".", "..", "/", "a/b", "/tmp/x", "a/"};
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(fs_replace(folder->fd, bad[i], SPAN("x"), 0600, &err), -1);
        assert_string_equal(err.code, ERR_SYSTEM);
        assert_int_equal(err.sys, EINVAL);
    }
    char name[129];
    memset(name, 'n', sizeof name);
    name[127] = '\0';
    assert_int_equal(fs_replace(folder->fd, name, SPAN("x"), 0600, &err), 0);
    name[127] = 'n';
    name[128] = '\0';
    assert_int_equal(fs_replace(folder->fd, name, SPAN("x"), 0600, &err), -1);
    assert_int_equal(err.sys, ENAMETOOLONG);
    assert_int_equal(count(folder), 1);
}

/* --- failures ------------------------------------------------------------------------------------------- */

static void f17_f18__the_old_file_is_kept_when_the_disk_is_full(void **state)
{
    const struct temp_folder *folder = *state;
    int before = open_fds();
    replace(folder, "x", "old");
    for (size_t room = 0; room < 8; room++) {
        struct error err;
        faults.has_room_for = true;
        faults.room = room;
        assert_int_equal(fs_replace(folder->fd, "x", SPAN("new text"), 0600, &err), -1);
        no_more_faults();
        assert_string_equal(err.code, ERR_SYSTEM);
        assert_int_equal(err.sys, ENOSPC);
        assert_holds(folder, "x", "old");
        assert_int_equal(count(folder), 1);
    }
    assert_int_equal(open_fds(), before);
    replace(folder, "x", "new text");
    assert_holds(folder, "x", "new text");
}

static void f21__a_new_file_whose_sync_fails_is_thrown_away(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    int before = open_fds();
    replace(folder, "x", "old");
    faults.fsyncs = 0;
    faults.fsync_fails_at = 1;
    assert_int_equal(fs_replace(folder->fd, "x", SPAN("new"), 0600, &err), -1);
    assert_int_equal(err.sys, EIO);
    assert_int_equal(faults.fsyncs, 1); /* never tried again */
    assert_holds(folder, "x", "old");
    assert_int_equal(count(folder), 1);
    assert_int_equal(open_fds(), before);
}

static void f22__what_the_folder_did_not_keep_does_not_count(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    replace(folder, "x", "old");
    faults.fsyncs = 0;
    faults.fsync_fails_at = 2;
    assert_int_equal(fs_replace(folder->fd, "x", SPAN("new"), 0600, &err), -1);
    assert_int_equal(err.sys, EIO);
    assert_non_null(strstr(err.message, "'x'"));
    assert_holds(folder, "x", "new");
    assert_int_equal(count(folder), 1);
}

static void f20__nothing_is_left_where_it_cannot_rename(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    assert_int_equal(mkdirat(folder->fd, "x", 0700), 0);
    assert_int_equal(fs_replace(folder->fd, "x", SPAN("new"), 0600, &err), -1);
    assert_int_equal(err.sys, EISDIR);
    assert_int_equal(count(folder), 1);
}

static void fs_write__tells_that_the_folder_is_gone(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    assert_int_equal(mkdirat(folder->fd, "d", 0700), 0);
    AUTO_CLOSE int dir = openat(folder->fd, "d", O_RDONLY | O_DIRECTORY);
    assert_int_equal(unlinkat(folder->fd, "d", AT_REMOVEDIR), 0);
    assert_int_equal(fs_replace(dir, "x", SPAN("new"), 0600, &err), -1);
    assert_int_equal(err.sys, ENOENT);
}

/* --- in pieces ------------------------------------------------------------------------------------------ */

static void fs_write__shows_nothing_before_the_commit(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_WRITER struct fs_writer writer = {0};
    struct error err;
    replace(folder, "x", "old");
    assert_int_equal(fs_writer_begin(&writer, folder->fd, "x", 0640, &err), 0);
    assert_int_equal(fs_writer_write(&writer, SPAN("one "), &err), 0);
    assert_int_equal(fs_writer_write(&writer, SPAN(""), &err), 0);
    assert_int_equal(fs_writer_write(&writer, SPAN("two"), &err), 0);
    assert_holds(folder, "x", "old");
    assert_int_equal(fs_writer_commit(&writer, &err), 0);
    assert_holds(folder, "x", "one two");
    assert_int_equal(mode_of(folder, "x"), 0640);
    assert_int_equal(count(folder), 1);
}

static void fs_write__leaves_the_old_file_when_abandoned(void **state)
{
    const struct temp_folder *folder = *state;
    struct fs_writer writer;
    struct error err;
    int before = open_fds();
    replace(folder, "x", "old");
    assert_int_equal(fs_writer_begin(&writer, folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_write(&writer, SPAN("new"), &err), 0);
    fs_writer_abandon(&writer);
    fs_writer_abandon(&writer);
    assert_holds(folder, "x", "old");
    assert_int_equal(count(folder), 1);
    assert_int_equal(open_fds(), before);
}

static void fs_write__abandons_a_zeroed_writer(void **state)
{
    (void)state;
    struct fs_writer writer = {0};
    int before = open_fds();
    fs_writer_abandon(&writer);
    assert_int_equal(open_fds(), before); /* descriptor 0 is not its own */
}

static void fs_write__commits_nothing_after_a_failed_write(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_WRITER struct fs_writer writer = {0};
    struct error err;
    replace(folder, "x", "old");
    assert_int_equal(fs_writer_begin(&writer, folder->fd, "x", 0600, &err), 0);
    faults.has_room_for = true;
    assert_int_equal(fs_writer_write(&writer, SPAN("lost"), &err), -1);
    assert_int_equal(err.sys, ENOSPC);
    no_more_faults();
    assert_int_equal(fs_writer_write(&writer, SPAN("late"), &err), -1);
    assert_int_equal(err.sys, EBADF);
    assert_int_equal(fs_writer_commit(&writer, &err), -1);
    assert_int_equal(err.sys, EBADF);
    assert_holds(folder, "x", "old");
    assert_int_equal(count(folder), 1);
}

static void fs_write__commits_once(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_WRITER struct fs_writer writer = {0};
    struct error err;
    assert_int_equal(fs_writer_begin(&writer, folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_commit(&writer, &err), 0);
    assert_int_equal(fs_writer_commit(&writer, &err), -1);
    assert_int_equal(err.sys, EBADF);
    assert_holds(folder, "x", "");
}

static void fs_write__keeps_two_writers_of_one_name_apart(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_WRITER struct fs_writer one = {0}, two = {0};
    struct error err;
    assert_int_equal(fs_writer_begin(&one, folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_begin(&two, folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_write(&one, SPAN("one"), &err), 0);
    assert_int_equal(fs_writer_write(&two, SPAN("two"), &err), 0);
    assert_int_equal(fs_writer_commit(&two, &err), 0);
    assert_holds(folder, "x", "two");
    assert_int_equal(fs_writer_commit(&one, &err), 0);
    assert_holds(folder, "x", "one");
    assert_int_equal(count(folder), 1);
}

static void fs_write__refuses_more_writers_than_there_are_names(void **state)
{
    const struct temp_folder *folder = *state;
    struct fs_writer writers[16], one_more;
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        assert_int_equal(fs_writer_begin(&writers[i], folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_begin(&one_more, folder->fd, "x", 0600, &err), -1);
    assert_int_equal(err.sys, EEXIST);
    fs_writer_abandon(&one_more);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        fs_writer_abandon(&writers[i]);
    assert_int_equal(count(folder), 0);
}

/* --- crashes -------------------------------------------------------------------------------------------- */

/* A process is killed between begin and commit. */
static void crash_while_writing(const struct temp_folder *folder, const char *name)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fs_writer writer;
        struct error err;
        if (fs_writer_begin(&writer, folder->fd, name, 0600, &err) == 0 &&
            fs_writer_write(&writer, SPAN("half a fi"), &err) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void fs_write__removes_what_a_crash_left(void **state)
{
    const struct temp_folder *folder = *state;
    replace(folder, "x", "old");
    crash_while_writing(folder, "x");
    assert_int_equal(count(folder), 2);
    assert_holds(folder, "x", "old");
    replace(folder, "x", "new");
    assert_holds(folder, "x", "new");
    assert_int_equal(count(folder), 1);
}

static void fs_write__is_not_blocked_by_any_number_of_crashes(void **state)
{
    const struct temp_folder *folder = *state;
    for (int i = 0; i < 40; i++)
        crash_while_writing(folder, "x");
    assert_int_equal(count(folder), 1);
    replace(folder, "x", "new");
    assert_int_equal(count(folder), 1);
}

static void fs_write__leaves_the_leftovers_of_other_names(void **state)
{
    const struct temp_folder *folder = *state;
    crash_while_writing(folder, "y");
    replace(folder, "x", "new");
    assert_int_equal(count(folder), 2);
}

static void fs_write__leaves_the_file_of_a_living_writer(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_WRITER struct fs_writer writer = {0};
    struct error err;
    assert_int_equal(fs_writer_begin(&writer, folder->fd, "x", 0600, &err), 0);
    assert_int_equal(fs_writer_write(&writer, SPAN("slow"), &err), 0);
    crash_while_writing(folder, "x");
    replace(folder, "x", "quick");
    assert_holds(folder, "x", "quick");
    assert_int_equal(fs_writer_commit(&writer, &err), 0);
    assert_holds(folder, "x", "slow");
}

static void fs_write__steps_over_what_was_planted_in_its_way(void **state)
{
    const struct temp_folder *folder = *state;
    replace(folder, "victim", "kept");
    assert_int_equal(symlinkat("victim", folder->fd, ".x.tmp-0"), 0);
    assert_int_equal(mkfifoat(folder->fd, ".x.tmp-1", 0600), 0);
    assert_int_equal(mkdirat(folder->fd, ".x.tmp-2", 0700), 0);
    assert_int_equal(symlinkat("nowhere", folder->fd, ".x.tmp-3"), 0);
    alarm(10);
    replace(folder, "x", "new");
    alarm(0);
    assert_holds(folder, "x", "new");
    assert_holds(folder, "victim", "kept");
    assert_int_equal(count(folder), 6);
}

/* --- creating, and writing in place --------------------------------------------------------------------- */

static void fs_write__creates_a_file_durably(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    faults.watched = folder;
    assert_int_equal(fs_create(folder->fd, "x", SPAN("key"), 0600, &err), 0);
    assert_holds(folder, "x", "key");
    assert_int_equal(mode_of(folder, "x"), 0600);
    assert_int_equal(count(folder), 1);
    assert_int_equal(faults.fsyncs, 2);
    assert_string_equal(faults.at_fsync[0], "");
    assert_string_equal(faults.at_fsync[1], "key");
    AUTO_BUF struct buf out = {0};
    assert_int_equal(fs_read(folder->fd, "x", FS_SECRET, 3, &out, NULL, &err), 0); /* one link */
}

static void fs_write__creates_over_nothing_that_is_there(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    replace(folder, "x", "old");
    assert_int_equal(symlinkat("nowhere", folder->fd, "y"), 0);
    assert_int_equal(mkdirat(folder->fd, "z", 0700), 0);
    static const char *const names[] = {"x", "y", "z"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(fs_create(folder->fd, names[i], SPAN("new"), 0600, &err), -1);
        assert_string_equal(err.code, ERR_SYSTEM);
        assert_int_equal(err.sys, EEXIST);
    }
    assert_holds(folder, "x", "old");
    assert_int_equal(count(folder), 3);
}

static void fs_write__creates_the_whole_file_or_none(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    faults.has_room_for = true;
    faults.room = 2;
    assert_int_equal(fs_create(folder->fd, "x", SPAN("key"), 0600, &err), -1);
    assert_int_equal(err.sys, ENOSPC);
    assert_int_equal(count(folder), 0);
    no_more_faults();
    faults.fsync_fails_at = faults.fsyncs + 1;
    assert_int_equal(fs_create(folder->fd, "x", SPAN("key"), 0600, &err), -1);
    assert_int_equal(err.sys, EIO);
    assert_int_equal(count(folder), 0);
}

static void fs_write__writes_all_at_an_offset(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    replace(folder, "x", "0123456789");
    AUTO_CLOSE int fd = openat(folder->fd, "x", O_WRONLY);
    assert_int_equal(fs_write_at(fd, SPAN("abc"), 2, &err), 0);
    assert_holds(folder, "x", "01abc56789");
    faults.is_stingy = true;
    assert_int_equal(fs_write_at(fd, SPAN("ABCDEFGH"), 4, &err), 0);
    no_more_faults();
    assert_holds(folder, "x", "01abABCDEFGH");
    assert_int_equal(fs_write_at(fd, SPAN(""), 5, &err), 0);
    assert_holds(folder, "x", "01abABCDEFGH");
}

static void fs_write__tells_that_it_cannot_write_at_an_offset(void **state)
{
    const struct temp_folder *folder = *state;
    struct error err;
    replace(folder, "x", "0123456789");
    AUTO_CLOSE int fd = openat(folder->fd, "x", O_RDONLY);
    assert_int_equal(fs_write_at(fd, SPAN("abc"), 2, &err), -1);
    assert_int_equal(err.sys, EBADF);
    assert_int_equal(fs_write_at(fd, SPAN("abc"), -1, &err), -1);
    assert_int_equal(err.sys, EINVAL);
    assert_holds(folder, "x", "0123456789");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(fs_write__replaces_a_file),
        TEST(fs_write__syncs_the_file_then_renames_then_syncs_the_folder),
        TEST(fs_write__sets_the_exact_mode),
        TEST(f7_f18__a_file_gets_through_interruptions_and_short_writes),
        TEST(fs_write__replaces_a_large_file),
        TEST(fs_write__syncs_nothing_for_a_volatile_file),
        TEST(fs_write__replaces_a_link_not_what_it_names),
        TEST(fs_write__takes_plain_names_only),
        TEST(f17_f18__the_old_file_is_kept_when_the_disk_is_full),
        TEST(f21__a_new_file_whose_sync_fails_is_thrown_away),
        TEST(f22__what_the_folder_did_not_keep_does_not_count),
        TEST(f20__nothing_is_left_where_it_cannot_rename),
        TEST(fs_write__tells_that_the_folder_is_gone),
        TEST(fs_write__shows_nothing_before_the_commit),
        TEST(fs_write__leaves_the_old_file_when_abandoned),
        TEST(fs_write__abandons_a_zeroed_writer),
        TEST(fs_write__commits_nothing_after_a_failed_write),
        TEST(fs_write__commits_once),
        TEST(fs_write__keeps_two_writers_of_one_name_apart),
        TEST(fs_write__refuses_more_writers_than_there_are_names),
        TEST(fs_write__removes_what_a_crash_left),
        TEST(fs_write__is_not_blocked_by_any_number_of_crashes),
        TEST(fs_write__leaves_the_leftovers_of_other_names),
        TEST(fs_write__leaves_the_file_of_a_living_writer),
        TEST(fs_write__steps_over_what_was_planted_in_its_way),
        TEST(fs_write__creates_a_file_durably),
        TEST(fs_write__creates_over_nothing_that_is_there),
        TEST(fs_write__creates_the_whole_file_or_none),
        TEST(fs_write__writes_all_at_an_offset),
        TEST(fs_write__tells_that_it_cannot_write_at_an_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
