/*
 * doctor_local: the links of this host: settings, repository, keys, state, daemon.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/doctor.h"
#include "cli/hooks.h"
#include "cli/owner.h"
#include "io/crypto.h"
#include "io/journal_files.h"
#include "model/codes.h"
#include "util/clock.h"

enum { FREE_MIN_MIB = 256 }; /* a journal file at its largest, a snapshot and its copy */

/* --- settings ------------------------------------------------------------------------------------------- */

enum doctor_state doctor_settings(struct doctor *doctor, struct doctor_finding *finding)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    if (crypto_init(&err) != 0 ||
        settings_load(doctor->cli->config, environ, &doctor->local.settings, &findings, &err) != 0) {
        doctor_fail(finding, &err);
        if (err.sys == ENOENT)
            doctor_fix(finding, "name the file with --config or EPOCHD_CONFIG; epochctl setup writes /etc/epochd/epochd.yaml");
        return DOCTOR_BROKEN;
    }
    if (findings.len > 0)
        finding_format(&findings.items[0], &finding->detail);
    if (findings.errors > 0) {
        finding->code = findings.items[0].code;
        doctor_fix(finding, "mend the line named; epochd --check tries it without starting");
        return DOCTOR_BROKEN;
    }
    if (findings.len == 0)
        buf_printf(&finding->detail, "state %s, broker %s", doctor->local.settings.state,
                   strcmp(doctor->local.settings.mqtt.url, "off") == 0 ? "off" : "on");
    return findings.len > 0 ? DOCTOR_NOTE : DOCTOR_FINE;
}

/* --- repository ----------------------------------------------------------------------------------------- */

static int open_repo(const struct doctor *doctor, struct repo **out, struct error *err)
{
    const struct settings *settings = &doctor->local.settings;
    const struct repo_policy policy = {settings->repository.trusted_uids, settings->repository.trusted_len, false};
    return repo_open(out, settings->repository.path, &policy, err);
}

/* Opens it with the rights of the user that the daemon runs as, which root can borrow. */
static int open_as(const struct doctor *doctor, const struct owner *user, struct repo **out, struct error *err)
{
    if (owner_enter(user, err) != 0)
        return -1;
    int rc = open_repo(doctor, out, err);
    owner_leave(user);
    return rc;
}

enum doctor_state doctor_repository(struct doctor *doctor, struct doctor_finding *finding)
{
    struct owner user; /* as far as the state folder tells */
    struct error err;
    bool is_known = owner_of(doctor->local.settings.state, &user, &err) == 0, is_other = is_known && user.is_other;
    if ((is_other ? open_as(doctor, &user, &doctor->repo, &err) : open_repo(doctor, &doctor->repo, &err)) != 0) {
        doctor_fail(finding, &err);
        /* That it is not ours says nothing about the daemon, unless that runs as us. */
        if (geteuid() != 0 && is_known && user.uid != geteuid())
            doctor_fix(finding, "as root, or as the user that epochd runs as: sudo epochctl doctor");
        return DOCTOR_BROKEN;
    }
    buf_printf(&finding->detail, "%s, %s", doctor->local.settings.repository.path,
               repo_is_bare(doctor->repo) ? "bare" : "a work tree");
    if (is_other)
        buf_printf(&finding->detail, ", as uid %u reads it", (unsigned)user.uid);
    return DOCTOR_FINE;
}

enum doctor_state doctor_branch(struct doctor *doctor, struct doctor_finding *finding)
{
    const char *branch = doctor->local.settings.repository.branch;
    struct oid tip;
    struct repo_commit commit;
    struct error err;
    bool is_missing;
    char hex[OID_HEX_LEN + 1];
    if (repo_branch_tip(doctor->repo, branch, &is_missing, &tip, &err) != 0 ||
        (!is_missing && (repo_read_commit(doctor->repo, &tip, &commit, &err) != 0 || repo_check_whole(doctor->repo, &err) != 0)))
        return doctor_fail(finding, &err);
    if (is_missing) {
        buf_printf(&finding->detail, "there is no branch '%s'", branch);
        finding->code = CODE_REF_MISSING;
        doctor_fix(finding, "git -C %s branch shows what there is; set repository.branch to one of them, or commit to %s",
                   doctor->local.settings.repository.path, branch);
        return DOCTOR_BROKEN;
    }
    oid_format(&tip, hex);
    buf_printf(&finding->detail, "%s at %.12s: %s", branch, hex, commit.subject);
    return DOCTOR_FINE;
}

enum doctor_state doctor_hooks(struct doctor *doctor, struct doctor_finding *finding)
{
    const char *missing;
    struct error err;
    if (hooks_check(doctor->repo, &missing, &err) != 0)
        return doctor_fail(finding, &err);
    if (missing == NULL) {
        buf_puts(&finding->detail, "installed");
        return DOCTOR_FINE;
    }
    buf_printf(&finding->detail, "'%s' is not installed: a mistake is found after the commit, not before", missing);
    doctor_fix(finding, "epochctl init %s", doctor->local.settings.repository.path);
    return DOCTOR_NOTE;
}

/* --- keys and state ------------------------------------------------------------------------------------- */

/* What the daemon needs when it starts, and a reader does not: also keys that are not read here. Only root.key may be away. */
static enum doctor_state check_key_files(const char *folder, struct doctor_finding *finding)
{
    struct keyring_row rows[KEYRING_FILES];
    struct error err;
    if (keyring_list(folder, rows, &err) != 0)
        return doctor_fail(finding, &err);
    for (size_t i = 0; i < KEYRING_FILES; i++) {
        if (!rows[i].exists && strcmp(rows[i].file, "root.key") != 0)
            error_set(&rows[i].problem, CODE_KEY_FILE, 0, "'%s' is missing", rows[i].file);
        if (rows[i].problem.code == NULL)
            continue;
        doctor_fail(finding, &rows[i].problem);
        if (rows[i].exists && (rows[i].mode & ~rows[i].mode_max) != 0)
            doctor_fix(finding, "chmod %04o %s/%s", rows[i].mode_max, folder, rows[i].file);
        return DOCTOR_BROKEN;
    }
    return DOCTOR_FINE;
}

enum doctor_state doctor_keys(struct doctor *doctor, struct doctor_finding *finding)
{
    struct error err;
    if (check_key_files(doctor->local.settings.keys, finding) == DOCTOR_BROKEN)
        return DOCTOR_BROKEN;
    if (local_load_keys(&doctor->local, true, &err) != 0)
        return doctor_fail(finding, &err);
    buf_printf(&finding->detail, "%s, generation %" PRIu64, doctor->local.settings.keys,
               doctor->local.keyring.verified.generation);
    return DOCTOR_FINE;
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct doctor *doctor = context;
    struct span head;
    int64_t epoch = 0;
    doctor->written_ms = line->time_ms;
    doc_get_int(line->root, "epoch", &epoch);
    if (line->kind == RECORD_PUBLISHED && (uint64_t)epoch == doctor->epoch)
        doctor->is_published = true;
    if (line->kind != RECORD_COMMITTED || epoch <= 0 || !doc_get_string(line->root, "head", &head))
        return 0;
    doctor->epoch = (uint64_t)epoch;
    doctor->is_published = false;
    buf_reset(&doctor->head);
    buf_append_span(&doctor->head, head);
    return buf_check(&doctor->head, err);
}

enum doctor_state doctor_journal(struct doctor *doctor, struct doctor_finding *finding)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct journal_report report;
    struct error err;
    if (local_open_state(&doctor->local, &err) != 0 || journal_files_list(doctor->local.state_dir, &files, &err) != 0 ||
        journal_files_read(doctor->local.state_dir, &files, 0, &doctor->local.keyring.journal, 0, visit, doctor, &report,
                           &err) != 0)
        return doctor_fail(finding, &err);
    doctor->seq = report.last.seq;
    if (doctor->epoch == 0)
        buf_puts(&finding->detail, "verifies; no epoch yet");
    else
        buf_printf(&finding->detail, "verifies up to line %" PRIu64 "; epoch %" PRIu64 " committed%s", report.last.seq,
                   doctor->epoch, doctor->is_published ? " and published" : "");
    return DOCTOR_FINE;
}

/* Consumers do not believe a keepalive of another time; what was written in the future tells of a clock that is behind. */
enum doctor_state doctor_clock(struct doctor *doctor, struct doctor_finding *finding)
{
    enum { APART_MS = 30000 };
    char now[CLOCK_TEXT_LEN + 1], then[CLOCK_TEXT_LEN + 1];
    int64_t now_ms = clock_wall_ms();
    clock_format(now_ms, now);
    clock_format(doctor->written_ms, then);
    buf_puts(&finding->detail, now);
    if (doctor->written_ms <= now_ms + APART_MS)
        return DOCTOR_FINE;
    buf_printf(&finding->detail, ", and the last line of the journal was written at %s: this clock is behind, or was ahead then", then);
    doctor_fix(finding, "timedatectl; set the clock, or wait for its time server: consumers call what is signed at another time STALE");
    return DOCTOR_NOTE;
}

enum doctor_state doctor_disk(struct doctor *doctor, struct doctor_finding *finding)
{
    struct statvfs disk;
    struct error err;
    if (fstatvfs(doctor->local.state_dir, &disk) != 0) {
        error_set(&err, ERR_SYSTEM, errno, "cannot look at the disk of %s", doctor->local.settings.state);
        return doctor_fail(finding, &err);
    }
    uint64_t free_mib = (uint64_t)disk.f_bavail * disk.f_frsize / (1024 * 1024);
    buf_printf(&finding->detail, "%" PRIu64 " MiB free for %s", free_mib, doctor->local.settings.state);
    if ((disk.f_flag & ST_RDONLY) != 0) {
        buf_puts(&finding->detail, ", which is read-only");
        finding->code = CODE_READ_ONLY;
    } else if (free_mib < FREE_MIN_MIB || (disk.f_files > 0 && disk.f_favail < FREE_MIN_MIB)) {
        finding->code = CODE_NO_SPACE;
    } else {
        return DOCTOR_FINE;
    }
    doctor_fix(finding, "%s", code_find(finding->code)->remedy);
    return DOCTOR_BROKEN;
}

/* --- daemon --------------------------------------------------------------------------------------------- */

enum doctor_state doctor_daemon(struct doctor *doctor, struct doctor_finding *finding)
{
    struct error err;
    struct span state, message, reason;
    if (told_read(&doctor->local, &doctor->told, &err) != 0)
        return doctor_fail(finding, &err);
    if (doctor->told.pid == 0) {
        buf_puts(&finding->detail, "epochd does not run");
        finding->code = CODE_NOT_RUNNING;
        doctor_fix(finding, "systemctl start epochd; journalctl -u epochd -e says why it stopped");
        return DOCTOR_BROKEN;
    }
    if (!doctor->told.is_told) {
        buf_printf(&finding->detail, "pid %lld runs and tells nothing in %s", (long long)doctor->told.pid,
                   doctor->local.settings.run);
        doctor_fix(finding, "wait for it to start; else its setting run is another one than ours");
        return DOCTOR_BROKEN;
    }
    state = told_text(doctor->told.doc.root, "state");
    buf_printf(&finding->detail, "pid %lld, %.*s", (long long)doctor->told.pid, (int)state.len, state.data);
    if (span_is(state, "ok") || span_is(state, "empty"))
        return DOCTOR_FINE;
    if (doc_get_string(doctor->told.doc.root, "message", &message))
        buf_printf(&finding->detail, ": %.*s", (int)message.len, message.data);
    /* What the broker has to do with it is looked at further on. */
    if (!doc_get_string(doctor->told.doc.root, "reason", &reason) || span_is(reason, CODE_BROKER_AWAY) ||
        span_is(reason, CODE_BROKER_TLS))
        return DOCTOR_NOTE;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)reason.len, reason.data);
    const struct code *code = code_find(name);
    finding->code = code == NULL ? NULL : code->name;
    doctor_fix(finding, "%s", code == NULL ? "epochctl status" : code->remedy);
    return DOCTOR_BROKEN;
}

/* A journal that was begun anew, because the one before was set aside, does not repeat what the snapshot says. */
static enum doctor_state take_base(struct doctor *doctor, const struct snapshot *snapshot, struct doctor_finding *finding)
{
    struct error err;
    doctor->epoch = snapshot->epoch;
    doctor->is_base = true;
    buf_reset(&doctor->head);
    buf_append_span(&doctor->head, snapshot->head);
    if (buf_check(&doctor->head, &err) != 0)
        return doctor_fail(finding, &err);
    buf_printf(&finding->detail, "verifies; epoch %" PRIu64 ", above which the journal was begun anew", snapshot->epoch);
    return DOCTOR_FINE;
}

enum doctor_state doctor_snapshot(struct doctor *doctor, struct doctor_finding *finding)
{
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    struct error err;
    bool is_missing;
    if (local_read_snapshot(&doctor->local, true, &lkg, &is_missing, &err) != 0)
        return doctor_fail(finding, &err);
    if (is_missing && doctor->epoch == 0) {
        buf_puts(&finding->detail, "none yet, as there is no epoch");
        return DOCTOR_FINE;
    }
    if (!is_missing && lkg.snapshot.epoch > doctor->epoch && lkg.snapshot.journal.seq <= doctor->seq)
        return take_base(doctor, &lkg.snapshot, finding);
    if (is_missing || lkg.snapshot.epoch > doctor->epoch) {
        buf_printf(&finding->detail, is_missing ? "there is none" : "it is ahead of the journal");
        doctor_fix(finding, "systemctl restart epochd writes it anew");
        return DOCTOR_BROKEN;
    }
    buf_printf(&finding->detail, "verifies; epoch %" PRIu64, lkg.snapshot.epoch);
    return lkg.snapshot.epoch == doctor->epoch ? DOCTOR_FINE : DOCTOR_NOTE;
}
