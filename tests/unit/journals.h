/*
 * journals: what the tests of the journal share: one key, files as bytes, appending and reading that must
 * succeed.
 */
#ifndef TESTS_UNIT_JOURNALS_H
#define TESTS_UNIT_JOURNALS_H

#include "io/journal_priv.h"
#include "model/codes.h"
#include "temp_folder.h"
#include "util/fs.h"

enum { LINES_MAX = 1024 };

static inline struct mac_key journal_key(uint8_t byte)
{
    uint8_t bytes[MAC_KEY_LEN];
    struct mac_key key;
    memset(bytes, byte, sizeof bytes);
    crypto_mac_key_from_bytes(bytes, &key);
    return key;
}

static inline struct mac_key our_key(void)
{
    return journal_key(7);
}

/* --- files as bytes --- */

static inline void read_file(int dir, const char *name, struct buf *out)
{
    struct error err;
    buf_reset(out);
    if (fs_read(dir, name, FS_ANY_OWNER, 1 << 30, out, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

static inline void write_file(int dir, const char *name, struct span bytes)
{
    struct error err;
    if (fs_replace_volatile(dir, name, bytes, 0640, &err) != 0)
        fail_msg("%s", err.message);
}

static inline bool file_exists(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline bool is_zeros(struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != '\0')
            return false;
    return true;
}

/* --- reading --- */

/* What was visited. */
struct seen {
    struct journal_report report;
    size_t len;
    uint64_t seqs[LINES_MAX];
    enum record_kind kinds[LINES_MAX];
    uint8_t digests[LINES_MAX][HASH_LEN];
};

static inline int see_line(void *context, const struct journal_line *line, struct error *err)
{
    struct seen *seen = context;
    struct span prev;
    (void)err;
    assert_true(seen->len < LINES_MAX);
    assert_true(doc_get_string(line->root, "prev", &prev));
    assert_true(line->time_ms > 0);
    seen->seqs[seen->len] = line->position.seq;
    seen->kinds[seen->len] = line->kind;
    memcpy(seen->digests[seen->len++], line->position.digest, HASH_LEN);
    return 0;
}

static inline int try_read(int dir, const char *file, uint64_t after, struct seen *seen, struct error *err)
{
    struct mac_key key = our_key();
    seen->len = 0;
    return journal_read(dir, file, &key, after, see_line, seen, &seen->report, err);
}

static inline void read_named(int dir, const char *file, uint64_t after, struct seen *seen)
{
    struct error err;
    if (try_read(dir, file, after, seen, &err) != 0)
        fail_msg("%s:%u: %s", err.file, err.line, err.message);
}

static inline void read_lines(int dir, struct seen *seen)
{
    read_named(dir, JOURNAL_FILE, 0, seen);
}

static inline void assert_corrupt(int dir, uint32_t line, const char *word)
{
    struct seen seen;
    struct error err;
    if (try_read(dir, JOURNAL_FILE, 0, &seen, &err) == 0)
        fail_msg("read, but damage was expected: %s", word);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_string_equal(err.file, JOURNAL_FILE);
    assert_int_equal(err.line, line);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
}

/* --- appending --- */

#define JOURNAL CLEANUP(journal_drop) struct journal

static inline void journal_drop(struct journal **journal)
{
    journal_close(*journal);
}

/* Reads and opens, as the daemon does at its start. */
static inline struct journal *open_journal(int dir)
{
    struct seen seen;
    struct error err;
    struct mac_key key = our_key();
    struct journal *journal = NULL;
    read_lines(dir, &seen);
    if (journal_open(&journal, dir, &key, &seen.report, &err) != 0)
        fail_msg("%s", err.message);
    return journal;
}

static inline int try_append(struct journal *journal, size_t size, bool sync, struct error *err)
{
    struct buf members AUTO_BUF = {0};
    bool is_first = journal->last.seq == 0;
    if (is_first)
        record_write_baseline(&members, "epochd test", "config-manager");
    buf_puts(&members, is_first ? ",\"x\":\"" : "\"x\":\"");
    for (size_t i = 0; i < size; i++)
        buf_putc(&members, (char)('a' + (journal->last.seq + i) % 26));
    buf_putc(&members, '"');
    return journal_append(journal, is_first ? RECORD_BASELINE : RECORD_PUBLISHED, buf_span(&members), sync,
                          NULL, err);
}

/* A line with a member of `size` letters; the first is a baseline. */
static inline void append(struct journal *journal, size_t size, bool sync)
{
    struct error err;
    if (try_append(journal, size, sync, &err) != 0)
        fail_msg("%s", err.message);
}

/* A closed journal of that many lines. */
static inline void make_journal(int dir, size_t lines)
{
    JOURNAL *journal = open_journal(dir);
    for (size_t i = 0; i < lines; i++)
        append(journal, 10, true);
}

#endif
