/*
 * journal_faults: a disk that fails on demand, under the journal of a test program; and what the tests of it share.
 * Defines calls of the C library, so it is for one file of a program only.
 */
#ifndef TESTS_UNIT_JOURNAL_FAULTS_H
#define TESTS_UNIT_JOURNAL_FAULTS_H

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "journals.h"

/* The calls of the journal go through these. */
static struct {
    int syncs;        /* fdatasync and fsync of files so far */
    int broken_syncs; /* so many of the next fail with EIO */
    int write_error;  /* every pwrite writes `write_room` bytes more in all, and then fails with this */
    size_t write_room;
} faults;

static inline int sync_with(long call, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        faults.syncs++;
        if (faults.broken_syncs > 0) {
            faults.broken_syncs--;
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(call, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (faults.write_error != 0) {
        if (faults.write_room == 0) {
            errno = faults.write_error;
            return -1;
        }
        len = len < faults.write_room ? len : faults.write_room;
        faults.write_room -= len;
    }
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

static inline int set_up(void **state)
{
    struct error err;
    memset(&faults, 0, sizeof faults);
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static inline int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

static inline void assert_append_refused(struct journal *journal, size_t size, bool sync, const char *code,
                                         int cause)
{
    struct error err;
    assert_int_equal(try_append(journal, size, sync, &err), -1);
    assert_string_equal(err.code, code);
    assert_int_equal(err.sys, cause);
}

/* The journal in `dir` holds that many sound lines and not a byte more, while it is open. */
static inline void assert_holds(int dir, uint64_t lines)
{
    struct seen seen;
    read_lines(dir, &seen);
    assert_int_equal(seen.report.lines, lines);
    assert_int_equal(seen.report.last.seq, lines);
    assert_int_equal(seen.report.torn_bytes, 0);
}

static inline uint64_t blocks_of(int dir, uint64_t *size)
{
    struct stat st;
    assert_int_equal(fstatat(dir, JOURNAL_FILE, &st, 0), 0);
    *size = (uint64_t)st.st_size;
    return (uint64_t)st.st_blocks;
}

#endif
