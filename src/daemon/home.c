/*
 * home: the state folder: its lock, its journal, what was in force when it was opened.
 *
 * Two locks: the file tells others our pid, and can be unlinked by anybody who may; the one on the folder itself
 * cannot. Without journal and snapshot, but with keys, the state is lost and no journal is begun. With a damaged
 * journal the snapshot is served alone.
 */
#include "daemon/home_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/recover.h"
#include "model/codes.h"
#include "util/failpoint.h"
#include "util/fs.h"
#include "util/memory.h"

#define UNIT "home"

enum { STATE_MODE = 0750, RUN_MODE = 0755, TIDY_AFTER_MS = 200 };

/* --- the journal -------------------------------------------------------------------------------------------------- */

bool home_is_sound(const struct daemon *d)
{
    return d->journal != NULL && !conditions_is_on(&d->conditions, CONDITION_STATE_LOST);
}

static void journal_failed(struct daemon *d, const struct error *err)
{
    enum condition condition = condition_of_code(err->code);
    if (condition == CONDITION_COUNT)
        condition = CONDITION_JOURNAL_UNWRITABLE;
    if (conditions_on(&d->conditions, condition, err->message))
        log_error_object(LOG_LEVEL_ERROR, UNIT, "journal_failed", err);
}

bool home_journal_later(struct daemon *d, enum record_kind kind, const struct buf *members)
{
    struct error err;
    if (!home_is_sound(d))
        return false; /* told by its own hold */
    loop_timer_arm_by(&d->loop, &d->tidy, TIDY_AFTER_MS);
    if (buf_check(members, &err) == 0 && journal_append(d->journal, kind, buf_span(members), false, NULL, &err) == 0)
        return true;
    journal_failed(d, &err);
    return false;
}

static void on_tidy(void *context)
{
    struct daemon *d = context;
    struct error err;
    /* It costs no line; when there is really no room left, the next append says so. */
    if (home_is_sound(d) && journal_tidy(d->journal, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "journal_not_prepared", &err);
    if (d->branch.has_read_all && d->repo != NULL && repo_renew(d->repo, &err) != 0)
        lookout_close(d); /* the next look opens it, and tells */
    if (d->branch.has_read_all)
        memory_drop_code();
    d->branch.has_read_all = false;
    memory_give_back();
    log_debug(UNIT, "tidied", LOG_N("epoch", d->pipeline.force.epoch));
}

/* Which keys hold. */
static int write_keyset(struct daemon *d, struct error *err)
{
    struct buf keyset AUTO_BUF = {0};
    record_write_keyset(&keyset, d->keyring.verified.generation, buf_span(&d->keyring.keyset));
    if (buf_check(&keyset, err) != 0)
        return -1;
    return journal_append(d->journal, RECORD_KEYSET, buf_span(&keyset), true, NULL, err);
}

/* A journal begins with who wrote it and which keys hold; above a lost one also with the number it may not go below. */
static int begin_journal(struct daemon *d, uint64_t floor, const char *by, struct error *err)
{
    struct buf baseline AUTO_BUF = {0};
    if (floor == 0)
        record_write_baseline(&baseline, "epochd " EPOCHD_VERSION, d->settings->mqtt.source);
    else
        record_write_baseline_above(&baseline, "epochd " EPOCHD_VERSION, d->settings->mqtt.source, floor, by);
    if (buf_check(&baseline, err) != 0 || FAILPOINT("start.baseline", err) != 0 ||
        journal_append(d->journal, RECORD_BASELINE, buf_span(&baseline), false, NULL, err) != 0)
        return -1;
    return write_keyset(d, err);
}

/* One line is a beginning that was cut short. */
static int go_on_or_begin(struct daemon *d, const struct journal_report *report, uint64_t floor, const char *by,
                          struct error *err)
{
    if (report->last.seq == 0)
        return begin_journal(d, floor, by, err);
    return report->last.seq == 1 ? write_keyset(d, err) : 0;
}

void home_close_journal(struct daemon *d)
{
    journal_close(TAKE(d->journal));
    d->pipeline.journal = NULL;
}

int home_open_journal(struct daemon *d, const struct journal_report *report, uint64_t floor, const char *by,
                      struct error *err)
{
    if (journal_open(&d->journal, d->state_dir, &d->keyring.journal, report, err) != 0)
        return -1;
    d->pipeline.journal = d->journal;
    if (go_on_or_begin(d, report, floor, by, err) == 0)
        return 0;
    home_close_journal(d);
    return -1;
}

/* --- the folder and its lock -------------------------------------------------------------------------------------- */

static int refuse_lock(const struct daemon *d, pid_t holder, struct error *err)
{
    if (holder == 0)
        return error_set(err, CODE_LOCKED, 0, "another epochd runs with the state folder %s", d->settings->state);
    return error_set(err, CODE_LOCKED, 0, "another epochd (pid %lld) runs with the state folder %s", (long long)holder,
                     d->settings->state);
}

int home_lock(const struct daemon *d, int dir, int *lock, struct error *err)
{
    pid_t holder = 0;
    bool is_ours;
    if (fs_lock_dir(dir, &is_ours, err) != 0)
        return -1;
    if (!is_ours) {
        struct error ignored;
        (void)!fs_lock_holder(dir, LOCK_FILE, &holder, &ignored);
        return refuse_lock(d, holder, err);
    }
    if (fs_lock(dir, LOCK_FILE, lock, &holder, err) != 0)
        return -1;
    return *lock < 0 ? refuse_lock(d, holder, err) : 0;
}

static int open_folders(struct daemon *d, struct error *err)
{
    if (fs_make_dir(d->settings->state, STATE_MODE, &d->state_dir, err) != 0)
        return error_wrap(err, "the state folder (setting: state)");
    if (FAILPOINT("start.lock", err) != 0 || home_lock(d, d->state_dir, &d->lock, err) != 0)
        return -1;
    if (fs_make_dir(d->settings->run, RUN_MODE, &d->run_dir, err) != 0)
        return error_wrap(err, "the run folder (setting: run)");
    return 0;
}

bool home_is_in_place(const struct daemon *d)
{
    struct stat held, found;
    return fstat(d->state_dir, &held) == 0 && stat(d->settings->state, &found) == 0 && fs_is_same_file(&held, &found);
}

/* --- what was in force -------------------------------------------------------------------------------------------- */

/* *is_lost: keys have been in force here, but there is not even an empty journal. Whoever makes keys prepares one
   first. */
static int load_keys(struct daemon *d, bool *is_lost, struct error *err)
{
    bool made, had_keyset;
    if (keyring_exists(d->settings->keys, &had_keyset, err) != 0)
        return -1;
    if (FAILPOINT("start.keys", err) != 0)
        return -1;
    if (!had_keyset && keyring_prepare(d->settings->keys, d->state_dir, d->settings->state, err) != 0)
        return -1;
    *is_lost = faccessat(d->state_dir, JOURNAL_FILE, F_OK, 0) != 0;
    if (*is_lost && errno != ENOENT) /* not to be seen is not to be lost */
        return error_set(err, ERR_SYSTEM, errno, "cannot look for '%s'", JOURNAL_FILE);
    if (keyring_make(d->settings->keys, d->settings->mqtt.source, &made, err) != 0)
        return error_wrap(err, had_keyset ? "the keys" : "making keys");
    if (made)
        log_info(UNIT, "keys_made", LOG_S("folder", d->settings->keys));
    return keyring_load(d->settings->keys, d->settings->mqtt.source, &d->keyring, err);
}

static void say_recovered(const struct daemon *d, const struct recovery *recovery)
{
    if (recovery->snapshot_refused.code != NULL)
        log_error_object(LOG_LEVEL_WARN, UNIT, "snapshot_refused", &recovery->snapshot_refused);
    if (recovery->report.torn_bytes > 0)
        log_warn(UNIT, "journal_torn_line_set_aside", LOG_N("bytes", recovery->report.torn_bytes));
    if (recovery->lost_line > 0)
        log_error(UNIT, "journal_cut", LOG_N("line", recovery->lost_line), LOG_N("last", recovery->report.last.seq));
    if (recovery->is_incomplete)
        log_error(UNIT, "recovered_incomplete", LOG_N("epoch", d->pipeline.force.epoch));
    if (d->pipeline.force.exists)
        log_info(UNIT, "recovered", LOG_N("epoch", d->pipeline.force.epoch),
                 LOG_N("services", catalog_count(d->pipeline.force.catalog)), LOG_N("published", d->published));
}

/* What was read takes the place of what is in memory; what was seen in this run stays the floor. */
static void adopt(struct daemon *d, struct pipeline *read, struct verdicts *verdicts, struct recovery *recovery)
{
    uint64_t seen = d->pipeline.force.exists ? d->pipeline.force.epoch : 0;
    bool is_same = seen == read->force.epoch &&
                   memcmp(d->pipeline.force.head_digest, read->force.head_digest, HASH_LEN) == 0;
    if (!is_same && seen > d->foreign.floor)
        d->foreign.floor = seen;
    if (recovery->floor > d->foreign.floor)
        d->foreign.floor = recovery->floor;
    pipeline_fini(&d->pipeline);
    d->pipeline = *read;
    *read = (struct pipeline){0};
    verdicts_fini(&d->verdicts);
    d->verdicts = *verdicts;
    *verdicts = (struct verdicts){0};
    tombstones_fini(&d->tombstones);
    d->tombstones = recovery->tombstones;
    recovery->tombstones = (struct tombstones){0};
    d->published = d->announced = recovery->published;
    d->is_incomplete = recovery->is_incomplete;
    d->snapshot_epoch = recovery->has_snapshot && !recovery->is_snapshot_stale ? d->pipeline.force.epoch : 0;
    say_recovered(d, recovery);
}

/* Reads snapshot and journal, and goes on writing there. *is_there: there is at least one of the two. */
int home_read(struct daemon *d, bool *is_there, struct error *err)
{
    struct recovery recovery CLEANUP(recovery_fini) = {0};
    struct pipeline read CLEANUP(pipeline_fini) = {0};
    struct verdicts verdicts CLEANUP(verdicts_fini) = {0};
    if (pipeline_init(&read, d->settings->mqtt.source, err) != 0)
        return -1;
    read.keyring = &d->keyring;
    read.repo = d->repo;
    if (FAILPOINT("start.recover", err) != 0 ||
        recover(d->state_dir, &d->keyring, &read, &verdicts, &recovery, err) != 0)
        return error_wrap(err, "reading the journal");
    *is_there = recovery.has_journal || recovery.has_snapshot;
    if (!*is_there && d->has_lost)
        return 0;
    home_close_journal(d);
    if (home_open_journal(d, &recovery.report, 0, NULL, err) != 0)
        return -1;
    read.journal = d->journal;
    bool is_stale = recovery.is_snapshot_stale;
    adopt(d, &read, &verdicts, &recovery);
    if (is_stale)
        loop_timer_arm(&d->loop, &d->snapshot, 0);
    FAILPOINT_PASS("start.recovered");
    return 0;
}

/* A damaged journal: the snapshot is served alone, until the journal is mended or set aside. */
static int serve_snapshot_alone(struct daemon *d, const struct error *why, struct error *err)
{
    struct recovery recovery CLEANUP(recovery_fini) = {0};
    struct pipeline read CLEANUP(pipeline_fini) = {0};
    struct verdicts verdicts CLEANUP(verdicts_fini) = {0};
    char text[1200];
    if (pipeline_init(&read, d->settings->mqtt.source, err) != 0)
        return -1;
    read.keyring = &d->keyring;
    if (recover_snapshot(d->state_dir, &d->keyring, &read, &verdicts, &recovery, err) != 0)
        return -1;
    adopt(d, &read, &verdicts, &recovery);
    error_format(why, text, sizeof text);
    conditions_on(&d->conditions, CONDITION_JOURNAL_CORRUPT, text);
    log_error_object(LOG_LEVEL_ERROR, UNIT, "journal_corrupt", why);
    return 0;
}

void home_lose(struct daemon *d, const char *text)
{
    d->has_lost = true;
    if (conditions_on(&d->conditions, CONDITION_STATE_LOST, text))
        log_error(UNIT, "state_lost", LOG_S("message", text));
}

int home_start(struct daemon *d, struct error *err)
{
    bool is_lost, is_there = true;
    struct error why;
    loop_timer_init(&d->loop, &d->tidy, on_tidy, d);
    if (open_folders(d, err) != 0 || pipeline_init(&d->pipeline, d->settings->mqtt.source, err) != 0 ||
        load_keys(d, &is_lost, err) != 0)
        return -1;
    d->pipeline.keyring = &d->keyring;
    d->has_lost = is_lost; /* no journal is begun then: a restart must find the loss again */
    if (home_read(d, &is_there, &why) != 0) {
        if (error_is(&why, CODE_JOURNAL_CORRUPT))
            return serve_snapshot_alone(d, &why, err);
        *err = why;
        return -1;
    }
    if (!is_there && is_lost)
        home_lose(d, "keys exist, but neither journal nor snapshot: waiting for the broker's retained head to tell the "
                     "floor, or for epochctl accept-state-loss --floor N");
    else
        d->has_lost = false;
    return 0;
}
