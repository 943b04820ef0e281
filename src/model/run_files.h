/*
 * run_files: what the daemon keeps for others to look at, by name: its lock in the state folder, which says whether the rest is
 * to be believed, and the files of the run folder (docs/PROTOCOL.md §Status).
 */
#ifndef MODEL_RUN_FILES_H
#define MODEL_RUN_FILES_H

#define LOCK_FILE "lock"
#define STATUS_FILE "status.json"
#define METRICS_FILE "metrics.prom"
#define CONSUMERS_FILE "consumers.json"

#endif
