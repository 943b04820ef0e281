/*
 * journal_script: journals made line by line, sound or not, to be read.
 */
#ifndef TESTS_UNIT_JOURNAL_SCRIPT_H
#define TESTS_UNIT_JOURNAL_SCRIPT_H

#include "journals.h"

/* A file of lines, and where each begins. */
struct script {
    struct buf bytes;
    struct journal_position last;
    size_t starts[LINES_MAX + 1];
    size_t len;
};

#define SCRIPT CLEANUP(script_fini) struct script

static inline void script_fini(struct script *script)
{
    buf_fini(&script->bytes);
}

static inline void add_text(struct script *script, struct span line)
{
    buf_append_span(&script->bytes, line);
    buf_putc(&script->bytes, '\n');
    script->starts[++script->len] = script->bytes.len;
}

/* Seals `text`, an object, and adds it, whatever it says. */
static inline void add_object(struct script *script, const char *text)
{
    AUTO_BUF struct buf line = {0};
    struct mac_key key = our_key();
    buf_puts(&line, text);
    crypto_mac_object(&key, &line);
    add_text(script, buf_span(&line));
    script->last.seq++;
    hash_sha256(line.data, line.len, script->last.digest);
}

static inline void add_line_of(struct script *script, const struct mac_key *key, enum record_kind kind,
                               const char *members)
{
    AUTO_BUF struct buf line = {0};
    journal_line_write(&line, key, &script->last, 1795231402123, kind, span_of(members));
    add_text(script, buf_span(&line));
    script->last.seq++;
    hash_sha256(line.data, line.len, script->last.digest);
}

static inline void add_line(struct script *script, enum record_kind kind, const char *members)
{
    struct mac_key key = our_key();
    add_line_of(script, &key, kind, members);
}

static inline void add_lines(struct script *script, size_t len)
{
    for (size_t i = 0; i < len; i++)
        add_line(script, script->last.seq == 0 ? RECORD_BASELINE : RECORD_PUBLISHED,
                 script->last.seq == 0 ? "\"format\":1" : "\"epoch\":7");
}

static inline void put(int dir, const struct script *script)
{
    write_file(dir, JOURNAL_FILE, buf_span(&script->bytes));
}

/* The first `lines` lines of the script were read, and this many bytes behind them are torn. */
static inline void assert_reads(int dir, const struct script *script, size_t lines, size_t torn)
{
    struct seen seen;
    read_lines(dir, &seen);
    assert_int_equal(seen.report.lines, lines);
    assert_int_equal(seen.len, lines);
    assert_int_equal(seen.report.end, script->starts[lines]);
    assert_int_equal(seen.report.torn_bytes, torn);
    for (size_t i = 0; i < lines; i++) {
        uint8_t digest[HASH_LEN];
        hash_sha256(script->bytes.data + script->starts[i], script->starts[i + 1] - script->starts[i] - 1,
                    digest);
        assert_int_equal(seen.seqs[i], i + 1);
        assert_memory_equal(seen.digests[i], digest, HASH_LEN);
    }
}

static inline void zero(struct script *script, size_t from, size_t len)
{
    memset(script->bytes.data + from, 0, len);
}

#endif
