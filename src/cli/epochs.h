/*
 * epochs: what the journal says of each commit.
 */
#ifndef CLI_EPOCHS_H
#define CLI_EPOCHS_H

#include "cli/local.h"
#include "model/record.h"

/* What an epoch did to a service. */
enum epoch_action { EPOCH_CREATED, EPOCH_UPDATED, EPOCH_DELETED };

struct epoch_change {
    const char *service; /* in the rows' arena, as what else is text here */
    enum epoch_action action;
};

struct epoch_row {
    struct oid commit;
    uint64_t epoch;  /* 0: none */
    int64_t time_ms; /* of the verdict */
    enum epoch_verdict { EPOCH_COMMITTED, EPOCH_PUBLISHED, EPOCH_SUPERSEDED, EPOCH_REJECTED } verdict;
    char code[64];
    const char *reason; /* of a rejection: its first finding; NULL: none is known */
    struct epoch_change *changes; /* of an epoch, sorted by name; not those that were only signed anew */
    size_t changed;
    bool has_service; /* the one asked for is among them */
};

struct epoch_rows {
    struct epoch_row *rows; /* oldest first */
    size_t len, cap;
    const char *service; /* NULL: any */
    struct arena arena;
    bool is_guessed; /* of a row that is wanted: whether a service was there before cannot be told from here */
};

void epoch_rows_fini(struct epoch_rows *rows);
#define AUTO_EPOCH_ROWS CLEANUP(epoch_rows_fini)

/* How far back to read: to the epoch where one is named, or that was in force at a time; else to `count` epochs or
   verdicts, of the service where one is named, within the times. */
struct epoch_want {
    const char *service;
    uint64_t count, epoch;
    int64_t at_ms;              /* 0: no such time */
    int64_t since_ms, until_ms; /* of the verdict; 0: no bound */
    bool with_actions;          /* created and updated are told apart, if need be from the beginning */
};

/* Whether it was in force at a time, or an epoch after it was: one that was overtaken never was. */
bool epoch_was_in_force(const struct epoch_row *row, int64_t at_ms);

bool epoch_is_wanted(const struct epoch_row *row, const struct epoch_want *want);

/* Reads the current journal file, and older ones until there is enough. Keys must have been loaded with the
   journal's. */
int epoch_rows_read(const struct local *local, const struct epoch_want *want, struct epoch_rows *out,
                    struct error *err) MUST_CHECK;

const char *epoch_verdict_name(enum epoch_verdict verdict);
const char *epoch_action_name(enum epoch_action action);

/* The epoch of a commit, the last where it was issued anew; 0: it never was one. */
uint64_t epoch_of_commit(const struct epoch_rows *rows, const struct oid *commit);

#endif
