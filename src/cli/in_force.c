/*
 * in_force: see in_force.h.
 */
#include "cli/in_force.h"

#include <inttypes.h>
#include <string.h>

#include "cli/told.h"
#include "io/journal_files.h"
#include "model/codes.h"
#include "model/nearest.h"
#include "util/fs.h"
#include "verify/message.h"

void in_force_fini(struct in_force *in_force)
{
    catalog_unref(in_force->catalog);
    local_snapshot_fini(&in_force->lkg);
    *in_force = (struct in_force){0};
}

/* --- the journal behind the snapshot -------------------------------------------------------------------- */

struct behind {
    const struct local *local;
    struct in_force *in_force;
};

/* A catalog with the service as the message has it, or without it. */
static int take_message(struct behind *behind, const struct doc_member *member, struct error *err)
{
    const struct expectation expected = {MESSAGE_UPDATE, behind->local->settings.mqtt.source, member->name.data};
    struct message message AUTO_MESSAGE = {0};
    struct catalog *next;
    struct span raw = member->value->kind == DOC_STRING ? member->value->u.string : (struct span){0};
    if (message_verify(raw, &behind->local->keyring.verified, &expected, &message, err) != 0)
        return -1;
    const struct message_update *update = &message.u.update;
    struct service *made = update->config.data == NULL
                               ? NULL
                               : service_new(member->name.data, "", update->version, raw, update->config);
    if (made == NULL && update->config.data != NULL)
        return error_memory(err);
    const struct catalog_change change = {member->name.data, made};
    int rc = catalog_with(behind->in_force->catalog, &change, 1, &next, err);
    service_unref(made);
    if (rc != 0)
        return -1;
    catalog_unref(behind->in_force->catalog);
    behind->in_force->catalog = next;
    return 0;
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct behind *behind = context;
    struct span commit;
    int64_t epoch;
    if (line->kind != RECORD_COMMITTED)
        return 0;
    if (doc_get_int(line->root, "epoch", &epoch) && epoch > 0)
        behind->in_force->epoch = (uint64_t)epoch;
    if (!doc_get_string(line->root, "commit", &commit) || !oid_parse(commit, &behind->in_force->commit))
        behind->in_force->commit = (struct oid){0};
    const struct doc_node *services = doc_get(line->root, "services");
    for (size_t i = 0; services != NULL && services->kind == DOC_OBJECT && i < services->u.object.len; i++)
        if (take_message(behind, &services->u.object.members[i], err) != 0)
            return -1;
    return 0;
}

/* Whoever cannot read the journal goes without. */
static int read_journal(struct behind *behind, uint64_t after, bool *was_read, struct error *err)
{
    const struct local *local = behind->local;
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct journal_report report;
    struct error no_key;
    struct keyring keyring AUTO_KEYRING = {0};
    *was_read = keyring_load_reader(local->settings.keys, local->settings.mqtt.source, true, &keyring, &no_key) == 0;
    if (!*was_read)
        return 0;
    if (journal_files_list(local->state_dir, &files, err) != 0)
        return -1;
    return journal_files_read(local->state_dir, &files, after == 0 ? 0 : files.len, &keyring.journal, after, visit, behind,
                              &report, err);
}

static int look_behind(const struct local *local, uint64_t committed, struct in_force *out, struct error *err)
{
    struct behind behind = {local, out};
    bool was_read, has_snapshot = out->epoch != 0;
    if (read_journal(&behind, out->lkg.snapshot.journal.seq, &was_read, err) != 0)
        return error_wrap(err, "the journal behind the snapshot");
    if (!was_read && !has_snapshot)
        return error_set(err, CODE_LKG_FORM, 0, "there is no snapshot%s; the journal is for the daemon's user and root",
                         committed == 0 ? " yet" : ", though epochd has committed an epoch: epochctl status");
    if (!was_read)
        out->newer = committed;
    if (out->epoch != 0)
        return 0;
    return error_set(err, CODE_LKG_FORM, 0,
                     "there is no snapshot yet: epochd has not accepted an epoch, epochctl status says why; "
                     "epochctl show --at HEAD reads the repository");
}

/* --- the whole ------------------------------------------------------------------------------------------ */

/* What status.json says is committed: a hint alone, that there is no more than the snapshot has. 0: it says nothing. */
static uint64_t committed_epoch(const struct local *local)
{
    struct told told AUTO_TOLD = {0};
    struct error silent;
    int64_t epoch = 0;
    if (told_read_unproven(local, &told, &silent) != 0 || !told.is_told || !doc_get_int(told.doc.root, "committed", &epoch))
        return 0;
    return epoch > 0 ? (uint64_t)epoch : 0;
}

static int start(const struct local *local, bool *is_missing, struct in_force *out, struct error *err)
{
    if (local_read_snapshot(local, false, &out->lkg, is_missing, err) != 0)
        return error_wrap(err, "the snapshot");
    out->catalog = *is_missing ? catalog_new() : catalog_ref(out->lkg.verified.catalog);
    if (out->catalog == NULL)
        return error_memory(err);
    if (*is_missing)
        return 0;
    out->epoch = out->lkg.snapshot.epoch;
    if (!oid_parse(out->lkg.snapshot.config_epoch, &out->commit))
        out->commit = (struct oid){0};
    return 0;
}

int in_force_read(struct local *local, struct in_force *out, struct error *err)
{
    struct in_force in_force AUTO_IN_FORCE = {0};
    bool is_missing;
    if (local_open_state(local, err) != 0 || local_load_keys(local, false, err) != 0)
        return -1;
    uint64_t committed = committed_epoch(local);
    if (start(local, &is_missing, &in_force, err) != 0)
        return -1;
    if ((is_missing || committed == 0 || committed > in_force.epoch) && look_behind(local, committed, &in_force, err) != 0)
        return -1;
    *out = in_force;
    in_force = (struct in_force){0};
    return 0;
}

static bool find_service(const struct local *local, const char *service, struct snapshot_service *out)
{
    struct buf file AUTO_BUF = {0};
    struct error silent;
    char host[SNAPSHOT_HOST_MAX + 1];
    bool is_missing;
    snapshot_host(host);
    return fs_read(local->state_dir, SNAPSHOT_FILE, FS_ANY_OWNER, SNAPSHOT_MAX, &file, &is_missing, &silent) == 0 && !is_missing &&
           snapshot_find_service(buf_span(&file), host, local->settings.mqtt.source, &local->keyring.roots, service, out, &silent) == 0;
}

bool in_force_service(struct local *local, const char *service, struct snapshot_service *out)
{
    struct snapshot_service found AUTO_SNAPSHOT_SERVICE = {0};
    struct error silent;
    if (local_open_state(local, &silent) != 0 || local_load_keys(local, false, &silent) != 0)
        return false;
    uint64_t committed = committed_epoch(local);
    if (committed == 0 || !find_service(local, service, &found) || !found.exists || found.epoch < committed)
        return false;
    *out = found;
    found = (struct snapshot_service){0};
    return true;
}

/* Canonical JSON has it right behind the configuration. */
bool in_force_commit(const struct service *service, struct oid *out)
{
    static const char name[] = ",\"config_epoch\":\"";
    const char *at = service->config.data + service->config.len, *end = service->message.data + service->message.len;
    if ((size_t)(end - at) < sizeof name - 1 + OID_HEX_LEN || memcmp(at, name, sizeof name - 1) != 0)
        return false;
    return oid_parse((struct span){at + sizeof name - 1, OID_HEX_LEN}, out);
}

int in_force_miss(const struct in_force *in_force, const char *service, struct error *err)
{
    struct nearest nearest = {.text = span_of(service)};
    char hint[NEAREST_HINT_MAX];
    AUTO_FREE const struct service **sorted = NULL;
    if (catalog_sorted(in_force->catalog, &sorted, err) != 0)
        return -1;
    for (size_t i = 0; i < catalog_count(in_force->catalog); i++)
        nearest_try(&nearest, sorted[i]->name);
    if (nearest.name != NULL)
        return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%.80s' in epoch %" PRIu64 "%s", service,
                         in_force->epoch, nearest_hint(&nearest, hint));
    return error_set(err, CODE_NO_SERVICE, 0,
                     "there is no service '%.80s' in epoch %" PRIu64 "; epochctl log %.80s tells whether there was one", service,
                     in_force->epoch, service);
}

void in_force_say_newer(uint64_t newer)
{
    if (newer != 0)
        fprintf(stderr, "epochctl: epoch %" PRIu64 " is committed and not in the snapshot yet; the journal has it, for the "
                        "daemon's user and root\n", newer);
}
