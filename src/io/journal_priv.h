/*
 * journal_priv: what the files of the journal share, for them and their tests: journal_line.c (the form of
 * one line), journal_read.c (reading), journal.c (appending), journal_rotate.c (the change of files).
 */
#ifndef IO_JOURNAL_PRIV_H
#define IO_JOURNAL_PRIV_H

#include <sys/types.h>

#include "io/journal_files.h"

/* --- one line ---------------------------------------------------------------------------------------------------- */

/* The members every line begins with. */
struct journal_head {
    uint64_t seq;
    uint8_t prev[HASH_LEN];
    int64_t time_ms;
    enum record_kind kind;
};

/* Replaces what is in `out` by the line after `previous`, sealed, without LF. */
void journal_line_write(struct buf *out, const struct mac_key *key, const struct journal_position *previous,
                        int64_t time_ms, enum record_kind kind, struct span members);

enum journal_seal {
    JOURNAL_SEAL_RIGHT,
    JOURNAL_SEAL_WRONG,   /* the HMAC is not this line's */
    JOURNAL_SEAL_MISSING, /* no tail of key_id and hmac */
    JOURNAL_SEAL_FOREIGN, /* the tail names another key */
};

/* Checks the raw bytes of a line (without LF): nothing is parsed. */
enum journal_seal journal_line_check(struct span line, const struct mac_key *key);

/* Reads the fixed beginning of a line; false if it is not in that form. */
bool journal_line_read_head(struct span line, struct journal_head *out);

/* journal_read with another limit for lines. */
int journal_read_limited(int dir, const char *file, const struct mac_key *key, uint64_t after,
                         journal_visit visit, void *context, size_t line_max, struct journal_report *report,
                         struct error *err) MUST_CHECK;

/* --- appending --------------------------------------------------------------------------------------------------- */

/* The next file while it is being made. It is whole and synced before JOURNAL_FILE loses its name. */
#define JOURNAL_NEXT_FILE "journal.jsonl.next"
enum { JOURNAL_FILE_MODE = 0640 };

struct journal {
    int dir;
    int fd; /* -1 after a failed write or sync: the next append opens the file anew */
    dev_t device;
    ino_t inode; /* of the file, to know it again then */
    struct mac_key key;
    struct journal_position last;
    uint64_t end;      /* where the next line goes */
    uint64_t durable;  /* every byte before is on stable storage */
    uint64_t prepared; /* at least `end`; between the two are zeros, on stable storage */
    uint64_t spoilt;   /* at least `end`; between the two a failed append may have left bytes */
    uint64_t file_max; /* JOURNAL_FILE_MAX, */
    size_t line_max;   /* and JOURNAL_LINE_MAX: tests lower them */
    bool is_name_durable; /* the folder was synced after the file got its name */
    struct buf pending; /* the bytes from `durable` to `end` */
    struct buf line;    /* being appended */
    uint8_t line_digest[HASH_LEN]; /* of it, without its LF */
};

/* Gives err the journal's code for its errno; returns -1. Out of memory stays what it is. */
int journal_refuse(struct error *err);

/* journal_refuse after a failed write or sync: the descriptor is not used again. */
int journal_fail(struct journal *journal, struct error *err);

/* Writes zeros into the bytes [from, to) of the file. */
int journal_write_zeros(int fd, uint64_t from, uint64_t to, struct error *err) MUST_CHECK;

/* --- the change of files ----------------------------------------------------------------------------------------- */

/* Ends the file and begins the next. All lines must be synced. On failure the journal goes on in the old
   file, or in the new one where that has come into force already. */
int journal_rotate(struct journal *journal, struct error *err) MUST_CHECK;

/* Finishes a change of files that was cut short: afterwards there is no JOURNAL_NEXT_FILE. */
int journal_finish_rotation(int dir, struct error *err) MUST_CHECK;

#endif
