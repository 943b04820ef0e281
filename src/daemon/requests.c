/*
 * requests: what an operator asks, as files in <state>/requests (docs/PROTOCOL.md §Requests).
 *
 * A request is done first and its file removed after that, so a death in between does it again at the next start:
 * each is written so that a second time changes nothing. What must last, a pause, lasts as the request's own file
 * under another name.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/daemon.h"
#include "model/codes.h"
#include "model/request.h"
#include "util/clock.h"
#include "util/fs.h"

#define UNIT "requests"

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, A_LOOK_MAX = 64, ANSWERS_KEPT_S = 3600, WHO_MAX = REQUEST_USER_MAX + 32 };

static int open_folder(const struct daemon *d, struct error *err)
{
    int dir = openat(d->state_dir, REQUEST_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir >= 0 ? dir : error_set(err, ERR_SYSTEM, errno, "cannot open the folder '%s'", REQUEST_FOLDER);
}

static void who(const struct request *request, char out[static WHO_MAX])
{
    snprintf(out, WHO_MAX, "%s (uid %lld)", request->user, (long long)request->uid);
}

/* Only what our own user or root wrote, whole and plain, is a request. */
static int read_request(int dir, const char *name, struct request *out, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    if (fs_read(dir, name, FS_SECRET, REQUEST_MAX, &text, NULL, err) != 0)
        return -1;
    return request_parse(buf_span(&text), out, err);
}

/* --- pause and resume --------------------------------------------------------------------------------------------- */

static void pause_for(struct daemon *d, const struct request *request)
{
    char text[512], by[WHO_MAX], when[CLOCK_TEXT_LEN + 1];
    who(request, by);
    clock_format(request->when_ms, when);
    snprintf(text, sizeof text, "%s%sby %s at %s", request->reason, request->reason[0] == '\0' ? "" : "; ", by, when);
    conditions_on(&d->conditions, CONDITION_PAUSED, text);
}

static int pause_now(struct daemon *d, int dir, const char *name, const struct request *request, struct error *err)
{
    if (renameat(dir, name, dir, REQUEST_PAUSED) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot keep the pause");
    if (fs_sync_dir(dir, err) != 0)
        return -1;
    pause_for(d, request);
    return 0;
}

static int resume_now(struct daemon *d, int dir, struct error *err)
{
    if (unlinkat(dir, REQUEST_PAUSED, 0) != 0 && errno != ENOENT)
        return error_set(err, ERR_SYSTEM, errno, "cannot end the pause");
    if (fs_sync_dir(dir, err) != 0)
        return -1;
    if (conditions_off(&d->conditions, CONDITION_PAUSED))
        branch_look(d);
    return 0;
}

/* --- one request -------------------------------------------------------------------------------------------------- */

static int obey(struct daemon *d, int dir, const char *name, const struct request *request, struct error *err)
{
    char by[WHO_MAX];
    who(request, by);
    switch (request->verb) {
    case REQUEST_ACCEPT_REWRITE:
        return branch_accept(d, request->tip, by, err);
    case REQUEST_ACCEPT_STATE_LOSS:
        return home_accept_loss(d, request->floor, by, err);
    case REQUEST_PAUSE:
        return pause_now(d, dir, name, request, err);
    case REQUEST_RESUME:
        return resume_now(d, dir, err);
    case REQUEST_FORGET:
        return acks_forget(d, request->service, request->instance, err);
    }
    return 0;
}

static void compose_answer(const struct daemon *d, const struct error *failure, struct request_answer *out)
{
    struct daemon_state state;
    const struct force *force = &d->pipeline.force;
    conditions_state(&d->conditions, &state);
    *out = (struct request_answer){.is_done = failure == NULL, .epoch = force->exists ? force->epoch : 0};
    if (failure != NULL) {
        snprintf(out->code, sizeof out->code, "%s", failure->code);
        snprintf(out->message, sizeof out->message, "%.*s", REQUEST_MESSAGE_MAX, failure->message);
    } else {
        snprintf(out->message, sizeof out->message, "epochd is %s", state.text);
    }
}

/* For whoever waits; nobody may be waiting any more. */
static void answer(struct daemon *d, int dir, const struct request *request, const struct error *failure)
{
    char name[REQUEST_ID_LEN + sizeof REQUEST_ANSWER_ENDING];
    struct buf text AUTO_BUF = {0};
    struct request_answer said;
    struct error err;
    compose_answer(d, failure, &said);
    request_answer_write(&text, &said);
    snprintf(name, sizeof name, "%s%s", request->id, REQUEST_ANSWER_ENDING);
    if (buf_check(&text, &err) != 0 || fs_replace_volatile(dir, name, buf_span(&text), FILE_MODE, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "request_not_answered", &err);
}

static void take_request(struct daemon *d, int dir, const char *name)
{
    struct request request;
    struct error err;
    char by[WHO_MAX];
    if (read_request(dir, name, &request, &err) != 0) {
        log_error_object(LOG_LEVEL_WARN, UNIT, "request_refused", &err);
        if (unlinkat(dir, name, 0) != 0)
            unlinkat(dir, name, AT_REMOVEDIR);
        return;
    }
    who(&request, by);
    int rc = obey(d, dir, name, &request, &err);
    /* Whoever reads the answer and looks at the status at once sees the same. */
    report_settle(d);
    report_now(d);
    answer(d, dir, &request, rc == 0 ? NULL : &err);
    if (rc == 0)
        log_info(UNIT, "request_done", LOG_S("verb", request_verb_name(request.verb)), LOG_S("by", by),
                 LOG_S("id", request.id));
    else
        log_warn(UNIT, "request_refused", LOG_S("verb", request_verb_name(request.verb)), LOG_S("by", by),
                 LOG_S("id", request.id), LOG_S("code", err.code), LOG_S("message", err.message));
    if (rc != 0 || request.verb != REQUEST_PAUSE)
        unlinkat(dir, name, 0);
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static bool ends_id(const char *name, const char *ending)
{
    size_t len = strlen(name);
    return len == REQUEST_ID_LEN + strlen(ending) && strcmp(name + REQUEST_ID_LEN, ending) == 0 &&
           request_id_is_good((struct span){name, REQUEST_ID_LEN});
}

/* Answers that nobody fetched. */
static void forget_answer(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < clock_wall_ms() / 1000 - ANSWERS_KEPT_S)
        unlinkat(dir, name, 0);
}

struct look {
    struct daemon *d;
    int dir;
    size_t taken;
};

/* 1: enough for one look. */
static int on_name(void *context, const char *name, struct error *err)
{
    struct look *look = context;
    (void)err;
    if (ends_id(name, REQUEST_ANSWER_ENDING)) {
        forget_answer(look->dir, name);
    } else if (ends_id(name, REQUEST_ENDING)) {
        take_request(look->d, look->dir, name);
        look->taken++;
    }
    return look->taken == A_LOOK_MAX;
}

void requests_look(struct daemon *d)
{
    struct error err;
    AUTO_CLOSE int dir = open_folder(d, &err);
    if (dir < 0)
        return; /* where there is no folder nobody can have asked */
    if (fs_each_name(dir, on_name, &(struct look){d, dir, 0}, &err) < 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "requests_not_possible", &err);
    report_settle(d);
}

void requests_start(struct daemon *d)
{
    struct request request = {0};
    struct error err;
    struct stat st;
    if (mkdirat(d->state_dir, REQUEST_FOLDER, FOLDER_MODE) != 0 && errno != EEXIST) {
        error_set(&err, ERR_SYSTEM, errno, "cannot make the folder '%s'", REQUEST_FOLDER);
        log_error_object(LOG_LEVEL_WARN, UNIT, "requests_not_possible", &err);
        return;
    }
    AUTO_CLOSE int dir = open_folder(d, &err);
    if (dir < 0 || fstatat(dir, REQUEST_PAUSED, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (read_request(dir, REQUEST_PAUSED, &request, &err) == 0)
        pause_for(d, &request);
    else /* whatever it says, it says not to go on */
        conditions_on(&d->conditions, CONDITION_PAUSED, err.message);
}
