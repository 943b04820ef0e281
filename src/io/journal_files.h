/*
 * journal_files: a journal is a chain of files: journal-<last seq>.jsonl, as many as were ended, then journal.jsonl.
 */
#ifndef IO_JOURNAL_FILES_H
#define IO_JOURNAL_FILES_H

#include "io/journal.h"

enum { JOURNAL_NAME_MAX = 64 };
/* The name of the file whose last line is `last_seq`. */
void journal_file_name(uint64_t last_seq, char out[static JOURNAL_NAME_MAX]);

/* The files that were ended, oldest first. A zeroed struct is an empty list. */
struct journal_files {
    uint64_t *last_seqs;
    size_t len, cap;
};

void journal_files_fini(struct journal_files *files);
#define AUTO_JOURNAL_FILES CLEANUP(journal_files_fini)

int journal_files_list(int dir, struct journal_files *out, struct error *err) MUST_CHECK;

/*
 * journal_read through the files from the `first`-th on (0: the oldest; files->len: only the current one), in the
 * order they were written; those that end at or before `after` are passed over. *report is the current file's.
 */
int journal_files_read(int dir, const struct journal_files *files, size_t first, const struct mac_key *key,
                       uint64_t after, journal_visit visit, void *context, struct journal_report *report,
                       struct error *err) MUST_CHECK;

#endif
