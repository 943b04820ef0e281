/*
 * journal: the write-ahead log `journal.jsonl` (docs/PROTOCOL.md §Journal). One JSON object a line:
 *
 *   {"seq":n,"prev":"<64 hex>","time":"…Z","kind":"…",…,"key_id":"…","hmac":"<64 hex>"}
 *
 * `prev` is the SHA-256 of the line before without its LF, 64 zeros in the first; `hmac` vouches for the line
 * with that tail cut and `}` put back. The file is preallocated with zeros, so a sync flushes data and no
 * metadata; readers end at the first NUL; closing cuts the zeros off. A line is durable when journal_append
 * with `sync` has returned 0. After a failed write or sync the line does not count: before the next append
 * its bytes are overwritten with zeros and synced, through a file descriptor opened anew.
 *
 * One thread. At JOURNAL_FILE_MAX bytes the file is renamed to journal-<last seq>.jsonl and a new one begins
 * with a checkpoint line that carries on seq and prev; old ones are kept.
 */
#ifndef IO_JOURNAL_H
#define IO_JOURNAL_H

#include "io/crypto.h"
#include "model/record.h"

#define JOURNAL_FILE "journal.jsonl"
enum {
    JOURNAL_FILE_MAX = 64 * 1024 * 1024,
    /* Without its LF. A first epoch of 64 MiB of configuration in 20,000 services must fit: escaping doubles
       a `"` and a `\`. */
    JOURNAL_LINE_MAX = 160 * 1024 * 1024,
    JOURNAL_CHUNK = 1024 * 1024, /* preallocated at a time */
};

/* One verified line while reading; borrowed for the length of the call. */
struct journal_line {
    struct journal_position position;
    int64_t time_ms;
    enum record_kind kind;
    struct span text;            /* without LF */
    const struct doc_node *root; /* the whole object */
};

/* Return -1 with err to end the reading with that error. */
typedef int (*journal_visit)(void *context, const struct journal_line *line, struct error *err);

struct journal_report {
    uint64_t lines;                /* verified, visited or not, in this file */
    struct journal_position before; /* what the first line follows on: seq 0, or the end of another file */
    struct journal_position last;  /* of the last line; seq 0 if there is none */
    uint64_t end;                  /* bytes up to the LF of the last line, with it */
    uint64_t torn_bytes;           /* behind that, up to the zeros: what a crash left of an append */
};

/*
 * Reads the file in `dir` from its first line, checks form, HMAC and chain of each, calls `visit` (may be
 * NULL) for those with seq > after. No file: an empty report. Memory: the longest line, and that line parsed.
 *
 * What does not verify is judged by what stands behind it. A last line that is cut, has a hole of zeros or a
 * wrong HMAC is torn: reported, not an error. Everything else is CODE_JOURNAL_CORRUPT with line and cause: a
 * line that fails while a later one is sound, a complete one that fails and has anything behind it, and one
 * with a right HMAC that does not fit (seq, prev, form), for no crash leaves that. A line of another key is
 * never torn. CODE_FORMAT_NEWER of a baseline with a newer format.
 *
 * Reads while the daemon appends: sees a prefix, perhaps with a torn line at the end.
 */
int journal_read(int dir, const char *file, const struct mac_key *key, uint64_t after, journal_visit visit,
                 void *context, struct journal_report *report, struct error *err) MUST_CHECK;

/*
 * Makes an empty journal file unless there is one. Whoever makes the first keys calls it before: keys without
 * any journal mean that the state was lost, and that must not be what a first start looks like after a crash.
 */
int journal_prepare(int dir, struct error *err) MUST_CHECK;

struct journal;

/*
 * Opens for appending what journal_read has just read (pass its report; zeroed for no file): finishes a
 * change of files that a crash cut short, sets a torn tail aside as journal-torn-<seq it would have had>
 * (on a full disk it is cut off without a copy), makes the file (mode 0640) if it is not there,
 * preallocates. `dir` stays the caller's and must stay open, `key` is copied. A full disk is no failure while
 * the file needs no room. CODE_NO_SPACE, CODE_JOURNAL_UNWRITABLE.
 */
int journal_open(struct journal **out, int dir, const struct mac_key *key,
                 const struct journal_report *report, struct error *err) MUST_CHECK;

/* Syncs, cuts the preallocated zeros off and closes, as far as the disk lets it. NULL is fine. */
void journal_close(struct journal *journal);

/*
 * Appends one line with these members (model/record.h writes them). With `sync` it is on stable storage on return,
 * and so is every line before it. Failure: CODE_NO_SPACE (ENOSPC, EDQUOT), CODE_READ_ONLY (EROFS) or
 * CODE_JOURNAL_UNWRITABLE; nothing was appended, the next append takes the same seq. *position (may be NULL) is the
 * line's. The first line of all must be a baseline.
 */
int journal_append(struct journal *journal, enum record_kind kind, struct span members, bool sync,
                   struct journal_position *position, struct error *err) MUST_CHECK;

/* The file that is appended to still has its name. */
bool journal_is_in_place(const struct journal *journal);

/* Off the critical path: syncs lines appended without `sync`, preallocates the next chunk, starts a new file
   when due. A failure is told as by journal_append and costs no line. */
int journal_tidy(struct journal *journal, struct error *err) MUST_CHECK;

#endif
