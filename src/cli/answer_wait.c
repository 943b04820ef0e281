/*
 * answer_wait: follows the daemon's status file until it tells of a commit.
 *
 * The file is replaced whole, so a watch on its folder says when to look; where there is no watch to be had, it is
 * looked at every few milliseconds. Whether its writer lives is asked of the lock of the state folder, as status
 * does; whoever pushes may not enter that folder, and then the writer's process has to do.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/fleet.h"
#include "cli/follow.h"
#include "cli/told.h"
#include "cli/unit.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/num.h"

enum { LOOK_MS = 20, LOOK_WATCHED_MS = 250 };

int answer_wait_ms(struct repo *repo, unsigned *out, struct error *err)
{
    char text[32];
    double seconds;
    bool found;
    *out = ANSWER_WAIT_MS;
    if (repo_config_get(repo, "epochd.wait", &found, text, sizeof text, err) != 0)
        return -1;
    if (!found)
        return 0;
    if (!num_parse_double(span_of(text), &seconds) || !(seconds >= 0))
        return error_set(err, CODE_SETTINGS, 0, "git config epochd.wait is '%s', and not a number of seconds", text);
    *out = seconds * 1000 < (double)ANSWER_WAIT_MAX_MS ? (unsigned)(seconds * 1000) : ANSWER_WAIT_MAX_MS;
    return 0;
}

/* --- one look ------------------------------------------------------------------------------------------- */

static enum answer not_running(const struct local *local, struct answer_told *told)
{
    buf_puts(&told->line, "epochd is not running: ");
    unit_put(local->settings.state, "systemctl start epochd", &told->line);
    return ANSWER_NOT_RUNNING;
}

/* Without a state folder it never ran: a clone of somebody who pushes to another host. */
static enum answer not_here(struct local *local, struct answer_told *told)
{
    struct error err;
    if (local_open_state(local, &err) == 0 || err.sys != ENOENT)
        return not_running(local, told);
    buf_puts(&told->line, "epochd does not serve from this host");
    return ANSWER_NOT_HERE;
}

static enum answer not_known(const struct error *err, struct answer_told *told)
{
    buf_printf(&told->line, "what epochd says of it cannot be read: %s [%s]", err->message, err->code);
    return ANSWER_UNKNOWN;
}

/* True: the file's writer is the daemon that runs. Else *answer says what is so instead. */
static bool is_alive(struct local *local, pid_t writer, enum answer *answer, struct answer_told *told)
{
    struct error err;
    pid_t holder = 0;
    if (local_open_state(local, &err) != 0) {
        if (err.sys == EACCES) {
            if (kill(writer, 0) == 0 || errno == EPERM)
                return true;
        } else if (err.sys != ENOENT) {
            *answer = not_known(&err, told);
            return false;
        }
    } else if (local_daemon(local, &holder, &err) != 0) {
        *answer = not_known(&err, told);
        return false;
    }
    if (holder == writer && holder != 0)
        return true;
    if (holder != 0) {
        buf_puts(&told->line, "epochd is starting");
        *answer = ANSWER_PENDING;
    } else {
        *answer = not_running(local, told);
    }
    return false;
}

static enum answer look_once(struct local *local, struct repo *repo, const struct answer_question *question,
                             bool is_last, struct answer_told *told)
{
    struct told status AUTO_TOLD = {0};
    struct error err;
    enum answer answer;
    int64_t writer = 0;
    if (told_read_unproven(local, &status, &err) != 0)
        return not_known(&err, told);
    if (!status.is_told)
        return not_here(local, told);
    doc_get_int(status.doc.root, "pid", &writer);
    if (writer <= 0 || writer > INT32_MAX)
        return not_running(local, told);
    if (!is_alive(local, (pid_t)writer, &answer, told))
        return answer;
    if (told_serves(status.doc.root, repo))
        return answer_read(status.doc.root, question, is_last, told);
    struct span path = SPAN("another");
    doc_get_string(status.doc.root, "repository", &path);
    buf_printf(&told->line, "epochd serves another repository here: %.*s", (int)path.len, path.data);
    return ANSWER_OTHER_REPOSITORY;
}

/* --- and the next --------------------------------------------------------------------------------------- */

/* True if another look may tell more. */
static bool may_change(enum answer answer)
{
    return answer == ANSWER_PUBLISHING || answer == ANSWER_PENDING;
}

static void wait_for_news(int watch, int64_t left_ms)
{
    int64_t most = watch < 0 ? LOOK_MS : LOOK_WATCHED_MS;
    follow_wait(watch, left_ms < most ? left_ms : most);
}

/* --- who applied it --------------------------------------------------------------------------------------- */

/* The daemon that wrote the status; whether it lives was asked when it told of the commit. */
static pid_t writer_of(const struct local *local)
{
    struct told status AUTO_TOLD = {0};
    struct error silent;
    int64_t pid = 0;
    if (told_read_unproven(local, &status, &silent) == 0 && status.is_told)
        doc_get_int(status.doc.root, "pid", &pid);
    return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static void say_applied(const struct fleet *fleet, struct answer_told *told)
{
    struct fleet_sum sum = fleet_sum(fleet, NULL, 0);
    struct buf refused AUTO_BUF = {0}, waiting AUTO_BUF = {0};
    told->applied = sum.applied;
    told->consumers = sum.total;
    buf_printf(&told->line, "\n  %llu/%llu applied epoch %llu", (unsigned long long)sum.applied, (unsigned long long)sum.total,
               (unsigned long long)told->epoch);
    fleet_put_refused(fleet, NULL, "\n  ", &refused);
    fleet_put_waiting(fleet, NULL, &waiting);
    if (refused.len > 0)
        buf_printf(&told->line, "\n  %.*s", (int)refused.len, refused.data);
    if (waiting.len > 0)
        buf_printf(&told->line, "\n  no word yet of %.*s", (int)waiting.len, waiting.data);
}

/* Only those are waited for whose service this epoch changed, and who are there: the others would say nothing new. */
static void follow_consumers(const struct local *local, int watch, int64_t end, struct answer_told *told)
{
    struct fleet fleet CLEANUP(fleet_fini) = {0};
    struct error silent;
    for (;;) {
        int64_t left = end - clock_boot_ms();
        if (fleet_read(local, writer_of(local), &fleet, &silent) != 0 || !fleet.is_told || !fleet.is_listening ||
            fleet_sum(&fleet, NULL, 0).total == 0 || fleet.epoch > told->epoch)
            return;
        bool is_settled = fleet.epoch == told->epoch && fleet_sum(&fleet, NULL, told->epoch).behind == 0;
        if (is_settled || left <= 0)
            break;
        wait_for_news(watch, left);
    }
    if (fleet.epoch == told->epoch)
        say_applied(&fleet, told);
}

enum answer answer_wait(const char *config, struct repo *repo, const struct answer_question *question,
                        unsigned wait_ms, struct answer_told *told)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    AUTO_CLOSE int watch = -1;
    int64_t end = clock_boot_ms() + wait_ms;
    struct error err;
    if (local_guess_settings(config, &local, &err) != 0)
        return not_known(&err, told);
    watch = follow_open(local.settings.run);
    for (;;) {
        int64_t left = end - clock_boot_ms();
        buf_reset(&told->line);
        enum answer answer = look_once(&local, repo, question, left <= 0, told);
        if (answer == ANSWER_PUBLISHED)
            follow_consumers(&local, watch, end, told);
        if (left <= 0 || told->line.failed || !may_change(answer))
            return answer;
        wait_for_news(watch, left);
    }
}
