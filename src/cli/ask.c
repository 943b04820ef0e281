/*
 * ask: see ask.h.
 *
 * Only the daemon's own user and root may ask. Root writes as that user, or the daemon could neither read nor remove the file; who
 * really asked stands inside.
 */
#include "cli/ask.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/owner.h"
#include "cli/unit.h"
#include "io/crypto.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/fs.h"
#include "util/hex.h"

enum { LOOK_EVERY_MS = 20, GIVE_UP_MS = 10000, ALIVE_EVERY = 50 /* looks */ };

static void name_of(uid_t uid, char *out, size_t size)
{
    const struct passwd *user = getpwuid(uid);
    if (user == NULL)
        snprintf(out, size, "uid %u", (unsigned)uid);
    else
        snprintf(out, size, "%s", user->pw_name);
}

/* Behind sudo it is the user who typed it that is worth knowing; root can say anything anyway. */
static void fill_who(struct request *request)
{
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    uint8_t id[REQUEST_ID_LEN / 2];
    crypto_random(id, sizeof id);
    hex_encode(id, sizeof id, request->id);
    request->uid = getuid();
    request->when_ms = clock_wall_ms();
    name_of(getuid(), request->user, sizeof request->user);
    if (sudo != NULL && strlen(sudo) + strlen("root for ") < sizeof request->user)
        snprintf(request->user, sizeof request->user, "root for %s", sudo);
}

static int become_owner(const struct local *local, struct error *err)
{
    struct stat st;
    struct owner daemon;
    char owner[64], us[64];
    if (fstat(local->state_dir, &st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot look at %s", local->settings.state);
    owner_from(&st, &daemon);
    if (daemon.is_other || st.st_uid == geteuid())
        return owner_enter(&daemon, err);
    name_of(st.st_uid, owner, sizeof owner);
    name_of(geteuid(), us, sizeof us);
    return error_set(err, CODE_REQUEST_REFUSED, 0, "only %s, as whom epochd runs, and root may ask this, not %s: sudo epochctl …",
                     owner, us);
}

static int hand_over(int dir, const struct request *request, struct error *err)
{
    char name[REQUEST_ID_LEN + sizeof REQUEST_ENDING];
    struct buf text AUTO_BUF = {0};
    request_write(&text, request);
    snprintf(name, sizeof name, "%s" REQUEST_ENDING, request->id);
    return buf_check(&text, err) != 0 ? -1 : fs_create(dir, name, buf_span(&text), 0600, err);
}

/* *is_there: it has answered. */
static int fetch(int dir, const struct request *request, bool *is_there, struct request_answer *out, struct error *err)
{
    char name[REQUEST_ID_LEN + sizeof REQUEST_ANSWER_ENDING];
    struct buf text AUTO_BUF = {0};
    bool is_missing;
    snprintf(name, sizeof name, "%s" REQUEST_ANSWER_ENDING, request->id);
    if (fs_read(dir, name, FS_OWNED, REQUEST_MAX, &text, &is_missing, err) != 0)
        return -1;
    *is_there = !is_missing;
    if (is_missing)
        return 0;
    unlinkat(dir, name, 0);
    return request_answer_parse(buf_span(&text), out, err);
}

/* Takes the request back where nobody has read it. */
static int give_up(int dir, const struct request *request, const char *why, struct error *err)
{
    char name[REQUEST_ID_LEN + sizeof REQUEST_ENDING];
    snprintf(name, sizeof name, "%s" REQUEST_ENDING, request->id);
    const char *end = unlinkat(dir, name, 0) == 0 ? "nothing was done" : "epochctl status tells whether it was done";
    return error_set(err, CODE_REQUEST_REFUSED, 0, "%s; %s", why, end);
}

static int wait_for(const struct local *local, int dir, pid_t pid, const struct request *request, struct request_answer *out,
                    struct error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    for (unsigned i = 0; i < GIVE_UP_MS / LOOK_EVERY_MS; i++) {
        bool is_there = false;
        pid_t holder = pid;
        if (fetch(dir, request, &is_there, out, err) != 0)
            return -1;
        if (is_there)
            return 0;
        if (i % ALIVE_EVERY == ALIVE_EVERY - 1 && local_daemon(local, &holder, err) == 0 && holder != pid)
            return give_up(dir, request, "epochd ended meanwhile", err);
        nanosleep(&pause, NULL);
    }
    return give_up(dir, request, "epochd has not answered within 10 s", err);
}

static int refuse_unasked(const char *state, struct error *err)
{
    struct buf advice AUTO_BUF = {0};
    unit_put(state, "systemctl start epochd", &advice);
    return error_set(err, CODE_NOT_RUNNING, 0, "epochd does not run with the state folder %s: %.*s", state, (int)advice.len, advice.data);
}

static int ask_daemon(const struct local *local, struct request *request, struct request_answer *out, struct error *err)
{
    pid_t pid;
    if (become_owner(local, err) != 0 || local_daemon(local, &pid, err) != 0)
        return -1;
    if (pid == 0)
        return refuse_unasked(local->settings.state, err);
    fill_who(request);
    AUTO_CLOSE int dir = openat(local->state_dir, REQUEST_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open %s/" REQUEST_FOLDER, local->settings.state);
    if (hand_over(dir, request, err) != 0)
        return -1;
    kill(pid, SIGHUP); /* without it the daemon finds the request at its next poll */
    return wait_for(local, dir, pid, request, out, err);
}

int ask(const struct cli *cli, struct request *request, struct request_answer *out, struct outcome *outcome)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct error err;
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    if (local_open_state(&local, &err) != 0 || ask_daemon(&local, request, out, &err) != 0) {
        outcome_note_error(outcome, &err);
        return local_fail(&local, &err);
    }
    outcome_note_request(outcome, out);
    if (out->is_done)
        return CLI_OK;
    fprintf(stderr, "epochctl: %s [%s]\n", out->message, out->code);
    return CLI_FINDINGS;
}
