/*
 * home_watch: what becomes of the state folder while the daemon runs.
 *
 * The folder can be removed or replaced, the lock file unlinked, the journal damaged or moved, the disk full or
 * read-only. What is in force is in memory and served on; nothing is committed before it can be written down, and
 * numbers never begin again: a folder that comes back is read as at a start, above the floor of what was seen in this
 * run.
 */
#include "daemon/home_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "io/journal_files.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "util/fs.h"

#define UNIT "home"

enum {
    MIB = 1024 * 1024,
    LOW_MIB = 64,  /* one file of the journal */
    LOW_PART = 20, /* of the file system, where that is less */
};

/* --- lost and found ----------------------------------------------------------------------------------------------- */

static void end_loss(struct daemon *d)
{
    d->has_lost = false;
    conditions_off(&d->conditions, CONDITION_STATE_LOST);
    conditions_off(&d->conditions, CONDITION_JOURNAL_CORRUPT);
    conditions_off(&d->conditions, CONDITION_JOURNAL_UNWRITABLE);
    d->branch.must_judge = true;
    branch_raise_to_floor(d);
    serve_everything(d);
    branch_look(d);
    loop_timer_arm_by(&d->loop, &d->snapshot, 0);
}

int home_begin_again(struct daemon *d, uint64_t floor, const char *by, struct error *err)
{
    struct journal_report nothing = {0};
    if (d->pipeline.force.exists && d->pipeline.force.epoch > floor)
        floor = d->pipeline.force.epoch;
    home_close_journal(d);
    if (home_open_journal(d, &nothing, floor, by, err) != 0)
        return -1;
    if (floor > d->foreign.floor)
        d->foreign.floor = floor;
    log_warn(UNIT, "state_begun_again", LOG_N("floor", floor), LOG_S("by", by == NULL ? "the broker's head" : by));
    end_loss(d);
    return 0;
}

/* The keys that sign here and the ones on disk are the same. */
static int check_keys(const struct daemon *d, struct error *err)
{
    struct keyring keyring AUTO_KEYRING = {0};
    if (keyring_load(d->settings->keys, d->settings->mqtt.source, &keyring, err) != 0)
        return error_wrap(err, "the keys");
    if (!span_equal(buf_span(&keyring.keyset), buf_span(&d->keyring.keyset)))
        return error_set(err, CODE_KEY_FILE, 0, "%s holds another keyset than the one in force", d->settings->keys);
    return 0;
}

int home_accept_loss(struct daemon *d, uint64_t floor, const char *by, struct error *err)
{
    const struct force *force = &d->pipeline.force;
    uint64_t known = force->exists && force->epoch > d->foreign.floor ? force->epoch : d->foreign.floor;
    if (!conditions_is_on(&d->conditions, CONDITION_STATE_LOST)) {
        if (floor != 0 && force->exists && force->epoch > floor)
            return 0; /* asked before, and done */
        return error_set(err, CODE_REQUEST_REFUSED, 0, "no state is lost: there is nothing to accept");
    }
    if (floor == 0 && known == 0)
        return error_set(err, CODE_REQUEST_REFUSED, 0,
                         "nothing tells how far the lost state had got: no head on a broker, no snapshot; give --floor "
                         "N, at least the highest epoch any consumer has seen");
    if (floor != 0 && floor < known)
        return error_set(err, CODE_REQUEST_REFUSED, 0,
                         "epoch %llu is known to have been given out: --floor %llu or more", (unsigned long long)known,
                         (unsigned long long)known);
    if (floor > FLOOR_MAX)
        return error_set(err, CODE_REQUEST_REFUSED, 0, "--floor is above %llu: no numbers would be left",
                         (unsigned long long)FLOOR_MAX);
    if (!home_is_in_place(d))
        return error_set(err, CODE_REQUEST_REFUSED, 0, "there is no state folder %s", d->settings->state);
    return check_keys(d, err) != 0 ? -1 : home_begin_again(d, floor == 0 ? known : floor, by, err);
}

/* Another folder stands where ours did: ours from now on, under the same descriptors, if nobody else has it. */
static int move_in(struct daemon *d, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    AUTO_CLOSE int lock = -1;
    if (home_is_in_place(d))
        return 0;
    if (fs_open_dir(d->settings->state, &dir, err) != 0 || home_lock(d, dir, &lock, err) != 0)
        return -1;
    if (dup3(dir, d->state_dir, O_CLOEXEC) < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot move into %s", d->settings->state);
    close(d->lock);
    d->lock = take_fd(&lock);
    requests_start(d);
    return 0;
}

/* What is there, in a number: names, sizes and times of journal and snapshot. */
static uint64_t look_at_files(const struct daemon *d)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct error ignored;
    static const uint64_t prime = UINT64_C(0x100000001b3); /* of FNV-1a */
    uint64_t sum = 0;
    if (journal_files_list(d->state_dir, &files, &ignored) != 0)
        return 0;
    for (size_t i = 0; i < files.len + 2; i++) {
        char name[JOURNAL_NAME_MAX] = JOURNAL_FILE;
        struct stat st;
        if (i < files.len)
            journal_file_name(files.last_seqs[i], name);
        else if (i > files.len)
            snprintf(name, sizeof name, "%s", SNAPSHOT_FILE);
        if (fstatat(d->state_dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        const uint64_t parts[] = {i + 1, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                                  (uint64_t)st.st_mtim.tv_nsec};
        for (size_t p = 0; p < ARRAY_LEN(parts); p++)
            sum = (sum ^ parts[p]) * prime;
    }
    return sum;
}

/* A copy that is under way must not be read: the files must have stood still from one poll to the next, and be others
   than failed. */
static bool has_settled(struct daemon *d)
{
    uint64_t now = look_at_files(d);
    bool is_still = now == d->files_seen && now != d->files_refused;
    d->files_seen = now;
    return is_still && now != 0;
}

static void stay(struct daemon *d, enum condition condition, const struct error *err)
{
    char text[1200];
    d->files_refused = d->files_seen;
    error_format(err, text, sizeof text);
    conditions_on(&d->conditions, condition, text);
}

/* Lost or corrupt: is there something to go on with by now? */
static void try_again(struct daemon *d)
{
    struct error err;
    bool is_there;
    bool is_lost = conditions_is_on(&d->conditions, CONDITION_STATE_LOST);
    enum condition condition = is_lost ? CONDITION_STATE_LOST : CONDITION_JOURNAL_CORRUPT;
    if (is_lost && move_in(d, &err) != 0) {
        if (err.sys != ENOENT) /* what is gone was told */
            stay(d, condition, &err);
        return;
    }
    if (d->journal != NULL && journal_is_in_place(d->journal)) {
        end_loss(d); /* the very same came back */
        return;
    }
    if (!has_settled(d))
        return;
    if (check_keys(d, &err) != 0 || home_read(d, &is_there, &err) != 0)
        stay(d, condition, &err);
    else if (is_there)
        end_loss(d);
}

static void find_loss(struct daemon *d)
{
    char text[512];
    bool is_here = home_is_in_place(d);
    if (is_here &&
        (faccessat(d->state_dir, JOURNAL_FILE, F_OK, 0) == 0 || faccessat(d->state_dir, SNAPSHOT_FILE, F_OK, 0) == 0))
        return;
    snprintf(text, sizeof text,
             is_here ? "journal and snapshot are gone from %s" : "the state folder %s is gone, or another one",
             d->settings->state);
    home_lose(d, text);
}

/* --- the lock ----------------------------------------------------------------------------------------------------- */

/* Somebody unlinked the lock file. The folder's own lock kept others out; the file is made again, so that epochctl
   finds us. */
static void mend_lock(struct daemon *d)
{
    struct stat held, found;
    struct error err;
    pid_t holder;
    int lock = -1;
    if (fstat(d->lock, &held) == 0 && fstatat(d->state_dir, LOCK_FILE, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        fs_is_same_file(&held, &found))
        return;
    if (fs_lock(d->state_dir, LOCK_FILE, &lock, &holder, &err) != 0 || lock < 0)
        return; /* tried again at the next poll */
    close(d->lock);
    d->lock = lock;
    log_warn(UNIT, "lock_made_again", LOG_S("folder", d->settings->state));
}

/* --- with each poll ----------------------------------------------------------------------------------------------- */

void home_retry_journal(struct daemon *d)
{
    static const enum condition failures[] = {CONDITION_NO_SPACE, CONDITION_JOURNAL_UNWRITABLE, CONDITION_READ_ONLY};
    struct error err;
    struct statvfs fs;
    bool has_failed = false;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        has_failed |= conditions_is_on(&d->conditions, failures[i]);
    if (!has_failed || !home_is_sound(d) || fstatvfs(d->state_dir, &fs) != 0 || (fs.f_flag & ST_RDONLY) != 0 ||
        journal_tidy(d->journal, &err) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        conditions_off(&d->conditions, failures[i]);
}

static void check_room(struct daemon *d, const struct statvfs *fs)
{
    char text[200];
    uint64_t room = (uint64_t)fs->f_bavail * fs->f_frsize, low = (uint64_t)fs->f_blocks * fs->f_frsize / LOW_PART;
    if (low > (uint64_t)LOW_MIB * MIB)
        low = (uint64_t)LOW_MIB * MIB;
    if (room >= low + low / 4)
        conditions_off(&d->conditions, CONDITION_DISK_LOW); /* a little above, so that it does not come and go */
    if (room >= low)
        return;
    snprintf(text, sizeof text, "%llu KiB are free for %s, less than %llu KiB", (unsigned long long)(room / 1024),
             d->settings->state, (unsigned long long)(low / 1024));
    if (conditions_on(&d->conditions, CONDITION_DISK_LOW, text))
        log_warn(UNIT, "disk_low", LOG_S("message", text));
}

void home_poll(struct daemon *d)
{
    struct statvfs fs;
    if (conditions_is_on(&d->conditions, CONDITION_STATE_LOST) ||
        conditions_is_on(&d->conditions, CONDITION_JOURNAL_CORRUPT))
        try_again(d);
    else
        find_loss(d);
    if (conditions_is_on(&d->conditions, CONDITION_STATE_LOST) || fstatvfs(d->state_dir, &fs) != 0)
        return;
    mend_lock(d);
    check_room(d, &fs);
    if ((fs.f_flag & ST_RDONLY) != 0 &&
        conditions_on(&d->conditions, CONDITION_READ_ONLY, "the file system of the state folder is mounted read-only"))
        log_error(UNIT, "read_only", LOG_S("folder", d->settings->state));
}

void home_finish(struct daemon *d)
{
    home_close_journal(d);
    if (d->lock >= 0)
        close(d->lock);
    if (d->state_dir >= 0)
        close(d->state_dir);
}
