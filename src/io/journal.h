/*
 * journal: the write-ahead log `journal.jsonl` (docs/PROTOCOL.md §Journal). One JSON object a line:
 *
 *   {"seq":n,"prev":"<64 hex>","time":"…Z","kind":"…",…,"key_id":"…","hmac":"<64 hex>"}
 *
 * `prev` is the SHA-256 of the line before without its LF, 64 zeros in the first; `hmac` vouches for the line with that tail
 * cut and `}` put back. The file is preallocated with zeros, so a sync flushes data and no metadata; readers end at the first
 * NUL; closing cuts the zeros off. A line is durable when journal_append with `sync` has returned 0. After a failed write or
 * sync the line does not count: the bytes are overwritten by the next append, through a file descriptor opened anew.
 *
 * One thread. At JOURNAL_FILE_MAX bytes the file is renamed to journal-<last seq>.jsonl and a new one begins with a checkpoint line
 * that carries on seq and prev; old ones are kept.
 */
#ifndef IO_JOURNAL_H
#define IO_JOURNAL_H

#include "io/crypto.h"
#include "model/record.h"

#define JOURNAL_FILE "journal.jsonl"
enum {
    JOURNAL_FILE_MAX = 64 * 1024 * 1024,
    JOURNAL_LINE_MAX = 80 * 1024 * 1024, /* a first epoch of 64 MiB of configuration, escaped, must fit */
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
    uint64_t lines;                /* verified and visited, in the current file */
    struct journal_position last;  /* of the last line; seq 0 if there is none */
    uint64_t torn_bytes;           /* behind the last line: what a crash left of an append */
};

/*
 * Reads the file in `dir` from its first line, checks form, HMAC and chain of each, calls `visit` (may be NULL) for those
 * with seq > after. A torn last line is reported, not an error. CODE_JOURNAL_CORRUPT names line and cause of a broken
 * middle: a line that fails while a later line of the file is sound. CODE_FORMAT_NEWER of a baseline with a newer format.
 * No file: an empty report. Reads while the daemon appends: sees a prefix.
 */
int journal_read(int dir, const char *file, const struct mac_key *key, uint64_t after, journal_visit visit, void *context,
                 struct journal_report *report, struct error *err) MUST_CHECK;

struct journal;

/*
 * Opens for appending what journal_read has just read (pass its report): sets a torn tail aside as journal-torn-<seq>, makes and
 * preallocates the file if it is not there. `dir` stays the caller's and must stay open. The file gets mode 0640.
 */
int journal_open(struct journal **out, int dir, const struct mac_key *key, const struct journal_report *report,
                 struct error *err) MUST_CHECK;

/* Cuts the preallocated zeros off and closes. NULL is fine. */
void journal_close(struct journal *journal);

/*
 * Appends one line with these members (model/record.h writes them). With `sync` it is on stable storage on return. Failure:
 * CODE_NO_SPACE (ENOSPC, EDQUOT) or CODE_JOURNAL_UNWRITABLE; nothing was appended, the next append takes the same seq.
 * *position (may be NULL) is the line's.
 */
int journal_append(struct journal *journal, enum record_kind kind, struct span members, bool sync,
                   struct journal_position *position, struct error *err) MUST_CHECK;

/* Off the critical path: syncs lines appended without `sync`, preallocates the next chunk, starts a new file when due. */
int journal_tidy(struct journal *journal, struct error *err) MUST_CHECK;

#endif
