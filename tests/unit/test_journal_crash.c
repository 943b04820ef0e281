/*
 * A crash at every step of the journal's life, on a disk as bad as disks may be.
 *
 * The disk is modelled a page at a time. Everything written to a page since it was last synced may be there
 * or not, in any mixture with other pages. A failed sync promises nothing, and leaves pages clean: a later
 * sync that succeeds does not write them unless they were written to again (that is what Linux does). Before
 * each call that changes the file, the possible states of the disk are made into a file and read:
 *
 *  - the journal is never found corrupt,
 *  - every line that was acknowledged with a sync is there, with the bytes it had.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "journals.h"

enum { PAGE = 4096, PAGES = 1024, VERSIONS = 24, STATES_MAX = 64 };

/* --- the disk ----------------------------------------------------------------------------------------------------- */

static const unsigned char zero_page[PAGE];

struct page {
    unsigned char *versions[VERSIONS]; /* what the disk may have; NULL stands for zeros */
    size_t len;
    bool is_dirty; /* the newest version will be written by the next sync */
};

static struct {
    bool is_on;
    int dir; /* where states of the disk are read */
    struct page pages[PAGES];
    size_t pages_used;      /* behind them there were never any but zeros */
    int broken_syncs;       /* so many of the next fail with EIO */
    uint64_t random;        /* picks states where there are too many */
    bool is_tried;          /* nothing has changed since the last crash */
    size_t states, crashes; /* how much was tried */
} disk;

/* Lines that were acknowledged with a sync: their digests, by seq. */
static struct {
    uint8_t digests[LINES_MAX][HASH_LEN];
    uint64_t len;
} acknowledged;

static void page_forget(struct page *page, size_t keep_from)
{
    for (size_t i = 0; i < keep_from; i++)
        free(page->versions[i]);
    memmove(page->versions, page->versions + keep_from, (page->len - keep_from) * sizeof page->versions[0]);
    page->len -= keep_from;
}

static void page_add_version(struct page *page, const unsigned char *bytes)
{
    assert_true(page->len < VERSIONS);
    unsigned char *copy = NULL;
    if (memcmp(bytes, zero_page, PAGE) != 0) {
        copy = malloc(PAGE);
        assert_non_null(copy);
        memcpy(copy, bytes, PAGE);
        size_t used = (size_t)(page - disk.pages) + 1;
        disk.pages_used = used > disk.pages_used ? used : disk.pages_used;
    }
    page->versions[page->len++] = copy;
    page->is_dirty = true;
    disk.is_tried = false;
}

static void disk_reset(void)
{
    for (size_t i = 0; i < PAGES; i++) {
        page_forget(&disk.pages[i], disk.pages[i].len);
        disk.pages[i].versions[0] = NULL;
        disk.pages[i].len = 1;
        disk.pages[i].is_dirty = false;
    }
}

static const unsigned char *version_of(const struct page *page, size_t version)
{
    return page->versions[version] == NULL ? zero_page : page->versions[version];
}

/* --- a crash ------------------------------------------------------------------------------------------------------ */

static void check_state(const size_t choice[static PAGES])
{
    struct seen seen;
    struct error err;
    AUTO_CLOSE int fd = openat(disk.dir, "crashed", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; i < disk.pages_used; i++)
        assert_int_equal(syscall(SYS_pwrite64, fd, version_of(&disk.pages[i], choice[i]), PAGE, i * PAGE),
                         PAGE);
    disk.states++;
    if (try_read(disk.dir, "crashed", 0, &seen, &err) != 0)
        fail_msg("after a crash: line %u: %s", err.line, err.message);
    assert_true(seen.report.lines >= acknowledged.len);
    for (size_t i = 0; i < acknowledged.len; i++)
        assert_memory_equal(seen.digests[i], acknowledged.digests[i], HASH_LEN);
}

static size_t pick(size_t n)
{
    disk.random = disk.random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(disk.random >> 33) % n;
}

/* Tries every state of the disk, or STATES_MAX of them. */
static void crash(void)
{
    size_t choice[PAGES] = {0}, open_pages[PAGES], open_len = 0, total = 1;
    for (size_t i = 0; i < PAGES; i++) {
        if (disk.pages[i].len < 2)
            continue;
        open_pages[open_len++] = i;
        total = total > STATES_MAX ? total : total * disk.pages[i].len;
    }
    if (disk.is_tried)
        return;
    disk.is_tried = true;
    disk.crashes++;
    for (size_t state = 0; state < total && state < STATES_MAX; state++) {
        size_t rest = state;
        for (size_t i = 0; i < open_len; i++) {
            size_t n = disk.pages[open_pages[i]].len;
            choice[open_pages[i]] = total > STATES_MAX ? pick(n) : rest % n;
            rest /= n;
        }
        check_state(choice);
    }
}

/* --- the calls of the journal ------------------------------------------------------------------------------------- */

/* Only the current journal is modelled; everything is on one disk, but states are read from another file. */
static bool is_modelled(int fd)
{
    struct stat theirs, ours;
    return disk.is_on && fstat(fd, &theirs) == 0 && fstatat(disk.dir, JOURNAL_FILE, &ours, 0) == 0 &&
           theirs.st_ino == ours.st_ino;
}

static void take_versions(int fd, uint64_t from, uint64_t to)
{
    for (uint64_t at = from / PAGE; at * PAGE < to; at++) {
        unsigned char bytes[PAGE] = {0};
        assert_true(at < PAGES);
        assert_true(pread(fd, bytes, PAGE, (off_t)(at * PAGE)) >= 0);
        page_add_version(&disk.pages[at], bytes);
    }
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (is_modelled(fd))
        crash();
    ssize_t n = syscall(SYS_pwrite64, fd, data, len, offset);
    if (is_modelled(fd))
        take_versions(fd, (uint64_t)offset, (uint64_t)offset + len);
    return n;
}

int ftruncate(int fd, off_t size)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    if (is_modelled(fd))
        crash();
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (is_modelled(fd) && size < st.st_size)
        take_versions(fd, (uint64_t)size, (uint64_t)st.st_size);
    return rc;
}

static int sync_model(int fd)
{
    if (!is_modelled(fd))
        return 0;
    crash();
    disk.is_tried = false;
    bool is_broken = disk.broken_syncs > 0;
    for (size_t i = 0; i < PAGES; i++) {
        struct page *page = &disk.pages[i];
        if (page->is_dirty && !is_broken)
            page_forget(page, page->len - 1);
        page->is_dirty = false;
    }
    if (!is_broken)
        return 0;
    disk.broken_syncs--;
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    return sync_model(fd);
}

int fsync(int fd)
{
    return sync_model(fd);
}

/* --- the life of a journal ---------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct error err;
    if (crypto_init(&err) != 0 || temp_folder_make(state) != 0)
        return -1;
    disk_reset();
    disk.dir = ((const struct temp_folder *)*state)->fd;
    disk.is_on = true;
    disk.broken_syncs = 0;
    disk.random = 1;
    disk.states = disk.crashes = disk.pages_used = 0;
    disk.is_tried = false;
    acknowledged.len = 0;
    return 0;
}

static int tear_down(void **state)
{
    disk.is_on = false;
    for (size_t i = 0; i < PAGES; i++)
        page_forget(&disk.pages[i], disk.pages[i].len);
    return temp_folder_drop(state);
}

/* All lines up to the last are acknowledged: their digests are those that reading finds now. */
static void acknowledge(void)
{
    struct seen seen;
    read_lines(disk.dir, &seen);
    for (; acknowledged.len < seen.len; acknowledged.len++)
        memcpy(acknowledged.digests[acknowledged.len], seen.digests[acknowledged.len], HASH_LEN);
    disk.is_tried = false;
    crash();
}

static void append_step(struct journal *journal, size_t size, bool sync)
{
    struct error err;
    if (try_append(journal, size, sync, &err) == 0 && sync)
        acknowledge();
}

static void assert_tried(size_t crashes, size_t states)
{
    assert_true(disk.crashes >= crashes);
    assert_true(disk.states >= states);
}

static void f23__a_journal_loses_nothing_between_synced_lines(void **state)
{
    (void)state;
    JOURNAL *journal = open_journal(disk.dir);
    for (size_t i = 0; i < 20; i++)
        append_step(journal, i * 797 % 9000, true);
    assert_int_equal(acknowledged.len, 20);
    assert_tried(50, 1000);
}

static void f23__a_journal_never_looks_damaged_by_unsynced_lines(void **state)
{
    (void)state;
    struct error err;
    JOURNAL *journal = open_journal(disk.dir);
    for (size_t i = 0; i < 60; i++) {
        append_step(journal, i * 237 % 5000, i % 5 == 0);
        if (i % 17 == 0) {
            assert_int_equal(journal_tidy(journal, &err), 0);
            acknowledge();
        }
    }
    assert_tried(100, 1000);
}

static void f21_f23__a_journal_survives_failed_syncs_too(void **state)
{
    (void)state;
    struct error err;
    JOURNAL *journal = open_journal(disk.dir);
    append_step(journal, 10, true);
    for (size_t i = 0; i < 40; i++) {
        disk.broken_syncs = i % 3 == 0 ? (int)(i % 7) : 0;
        append_step(journal, i % 3 == 0 ? 9000 : i * 171 % 3000, i % 4 != 0);
        if (i % 11 == 0 && journal_tidy(journal, &err) == 0)
            acknowledge();
    }
    disk.broken_syncs = 0;
    append_step(journal, 10, true);
    assert_tried(100, 1000);
}

static void f5_f23__a_journal_survives_a_restart_with_a_torn_tail(void **state)
{
    (void)state;
    struct journal *journal = open_journal(disk.dir);
    append_step(journal, 10, true);
    append_step(journal, 5000, true);
    disk.broken_syncs = 1;
    append_step(journal, 9000, true);
    /* Killed now, and only the first page of the line reached the disk. */
    struct seen seen;
    read_lines(disk.dir, &seen);
    assert_int_equal(seen.report.lines, 3);
    AUTO_CLOSE int fd = openat(disk.dir, JOURNAL_FILE, O_RDWR | O_CLOEXEC);
    uint64_t cut = (journal->end / PAGE + 1) * PAGE;
    assert_int_equal(syscall(SYS_ftruncate, fd, cut), 0);
    for (size_t i = 0; i < PAGES; i++) {
        unsigned char bytes[PAGE] = {0};
        assert_true(pread(fd, bytes, PAGE, (off_t)(i * PAGE)) >= 0);
        page_add_version(&disk.pages[i], bytes);
        page_forget(&disk.pages[i], disk.pages[i].len - 1);
    }
    disk.is_on = false;
    int dead = journal->dir;
    journal->dir = -1; /* closing must not mend the file */
    journal_close(journal);
    disk.is_on = true;
    assert_int_equal(dead, disk.dir);

    journal = open_journal(disk.dir);
    append_step(journal, 10, true);
    append_step(journal, 9000, true);
    assert_int_equal(acknowledged.len, 4);
    journal_close(journal);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(f23__a_journal_loses_nothing_between_synced_lines),
        TEST(f23__a_journal_never_looks_damaged_by_unsynced_lines),
        TEST(f21_f23__a_journal_survives_failed_syncs_too),
        TEST(f5_f23__a_journal_survives_a_restart_with_a_torn_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
