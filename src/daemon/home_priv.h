/*
 * home_priv: what the two files of home share.
 */
#ifndef DAEMON_HOME_PRIV_H
#define DAEMON_HOME_PRIV_H

#include <sys/stat.h>

#include "daemon/daemon.h"
#include "model/run_files.h"

/* Takes both locks of the folder; CODE_LOCKED names the holder. */
int home_lock(const struct daemon *d, int dir, int *lock, struct error *err) MUST_CHECK;
/* The folder at the configured path is the one that is open. */
bool home_is_in_place(const struct daemon *d);

/* Reads snapshot and journal, and goes on writing there. *is_there: there is at least one of the two. */
int home_read(struct daemon *d, bool *is_there, struct error *err) MUST_CHECK;
int home_open_journal(struct daemon *d, const struct journal_report *report, uint64_t floor, const char *by,
                      struct error *err) MUST_CHECK;
void home_close_journal(struct daemon *d);
void home_lose(struct daemon *d, const char *text); /* hold:state-lost */

#endif
