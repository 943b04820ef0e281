/*
 * drift: what should be everywhere the same, side by side: the branch, the signed epoch, what the broker retains, the snapshot,
 * and what every consumer runs, environment overrides included. For people, and for a script that asks every night.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/fleet.h"
#include "cli/verbs.h"
#include "model/json.h"
#include "util/clock.h"

enum { OPT_OVERRIDES, OPT_JSON };

enum { SHORT_ID = 12, PLACES = 4 };

enum agreement { AGREES, DIFFERS, NOT_KNOWN };

/* One of those that should hold the signed epoch. */
struct place {
    const char *name;
    uint64_t epoch; /* 0: none, or not known */
    char commit[OID_HEX_LEN + 1];
    enum agreement agreement;
    char text[400]; /* why it differs, or is not known */
};

struct drift {
    struct doctor doctor; /* settings, keys, status, and what the broker retains */
    struct fleet fleet;
    struct place places[PLACES];
    size_t len;
    bool are_overrides_fine;
};

static void drift_fini(struct drift *drift)
{
    fleet_fini(&drift->fleet);
    told_fini(&drift->doctor.told);
    local_fini(&drift->doctor.local);
}

/* --- the places ------------------------------------------------------------------------------------------------------------- */

static struct place *add_place(struct drift *drift, const char *name)
{
    struct place *place = &drift->places[drift->len++];
    place->name = name;
    return place;
}

static void compare(const struct drift *drift, struct place *place, uint64_t epoch)
{
    const struct place *in_force = &drift->places[0];
    place->epoch = epoch;
    place->agreement = epoch == in_force->epoch ? AGREES : DIFFERS;
    if (place->agreement == DIFFERS && place->text[0] == '\0')
        snprintf(place->text, sizeof place->text, "%s", epoch == 0 ? "nothing" : epoch < in_force->epoch ? "older" : "newer");
}

static void put_signed(struct drift *drift)
{
    const struct doc_node *status = drift->doctor.told.doc.root;
    struct place *place = add_place(drift, "signed");
    struct span commit;
    place->epoch = fleet_number(status, "committed");
    if (doc_get_string(status, "config_epoch", &commit) && commit.len == OID_HEX_LEN)
        memcpy(place->commit, commit.data, OID_HEX_LEN + 1);
}

static void put_branch(struct drift *drift)
{
    const struct doc_node *tip = told_part(drift->doctor.told.doc.root, "tip");
    struct place *place = add_place(drift, "branch");
    struct span commit, verdict = told_text(tip, "verdict"), code;
    if (!doc_get_string(tip, "commit", &commit) || commit.len != OID_HEX_LEN) {
        place->agreement = NOT_KNOWN;
        snprintf(place->text, sizeof place->text, "it cannot be read: epochctl doctor");
        return;
    }
    memcpy(place->commit, commit.data, OID_HEX_LEN + 1);
    if (strcmp(place->commit, drift->places[0].commit) == 0) {
        place->epoch = drift->places[0].epoch;
        return;
    }
    place->agreement = DIFFERS;
    bool has_code = doc_get_string(tip, "code", &code);
    snprintf(place->text, sizeof place->text, "%.*s%s%.*s%s", (int)verdict.len, verdict.data, has_code ? " [" : "",
             has_code ? (int)code.len : 0, has_code ? code.data : "", has_code ? "]" : "");
}

static void put_broker(struct drift *drift)
{
    struct place *place = add_place(drift, "broker");
    struct doctor_finding finding = {0};
    if (strcmp(drift->doctor.local.settings.mqtt.url, "off") == 0) {
        place->agreement = NOT_KNOWN;
        snprintf(place->text, sizeof place->text, "off");
        return;
    }
    if (doctor_broker(&drift->doctor, &finding) == DOCTOR_BROKEN) {
        place->agreement = DIFFERS;
        snprintf(place->text, sizeof place->text, "%.*s", (int)finding.detail.len, finding.detail.data);
    } else {
        compare(drift, place, drift->doctor.view.epoch);
    }
    buf_fini(&finding.detail);
}

static void put_snapshot(struct drift *drift)
{
    struct place *place = add_place(drift, "snapshot");
    struct local_snapshot snapshot AUTO_LOCAL_SNAPSHOT = {0};
    struct error err;
    bool is_missing = false;
    if (local_read_snapshot(&drift->doctor.local, false, &snapshot, &is_missing, &err) != 0) {
        place->agreement = DIFFERS;
        error_format(&err, place->text, sizeof place->text);
        return;
    }
    if (!is_missing)
        snprintf(place->commit, sizeof place->commit, "%s", snapshot.verified.head.u.head.config_epoch);
    compare(drift, place, is_missing ? 0 : snapshot.verified.head.u.head.epoch);
}

/* --- the consumers ---------------------------------------------------------------------------------------------------------- */

static size_t length_of(const struct doc_node *instance, const char *name)
{
    const struct doc_node *list = told_part(instance, name);
    return list->kind == DOC_ARRAY ? list->u.array.len : 0;
}

/* One that is gone runs nothing, so nothing of it differs. */
static bool consumer_differs(const struct drift *drift, const struct doc_node *instance)
{
    struct span state = told_text(instance, "state");
    if (span_is(state, "gone"))
        return false;
    return !span_is(state, "applied") || length_of(instance, "restart_pending") > 0 ||
           (!drift->are_overrides_fine && length_of(instance, "overridden") > 0);
}

static size_t count_consumers(const struct drift *drift)
{
    size_t len, count = 0;
    const struct doc_node *services = fleet_services(&drift->fleet, &len);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *service = services->u.array.items[i], *instances = told_part(service, "instances");
        count += fleet_number(service, "missing") > 0;
        for (size_t k = 0; instances->kind == DOC_ARRAY && k < instances->u.array.len; k++)
            count += consumer_differs(drift, instances->u.array.items[k]);
    }
    return count;
}

static size_t count_places(const struct drift *drift)
{
    size_t count = 0;
    for (size_t i = 0; i < drift->len; i++)
        count += drift->places[i].agreement == DIFFERS;
    return count;
}

/* --- for people ------------------------------------------------------------------------------------------------------------- */

static void put_places(const struct cli *cli, const struct drift *drift, struct buf *out)
{
    static const char *const heading[] = {"PLACE", "EPOCH", "COMMIT", "", NULL};
    static const char *const words[] = {"", "differs", "not known"};
    static const enum term_style styles[] = {TERM_GOOD, TERM_BAD, TERM_WARN};
    struct table table AUTO_TABLE;
    table_init(&table, &cli->term, heading);
    for (size_t i = 0; i < drift->len; i++) {
        const struct place *place = &drift->places[i];
        table_add(&table, TERM_STRONG, span_of(place->name));
        if (place->epoch > 0)
            table_printf(&table, TERM_PLAIN, "%" PRIu64, place->epoch);
        else
            table_add(&table, TERM_PLAIN, SPAN("-"));
        table_printf(&table, TERM_PLAIN, "%.*s", SHORT_ID, place->commit[0] == '\0' ? "-" : place->commit);
        table_printf(&table, styles[place->agreement], "%s%s%s", words[place->agreement],
                     place->text[0] == '\0' || words[place->agreement][0] == '\0' ? "" : ": ", place->text);
    }
    table_put(&table, out);
}

static void put_text(const struct cli *cli, const struct drift *drift, size_t places, size_t consumers, struct buf *out)
{
    put_places(cli, drift, out);
    fleet_put_table(&drift->fleet, &cli->term, clock_wall_ms(), SIZE_MAX, out);
    if (places + consumers == 0)
        buf_puts(out, "\nno drift\n");
    else
        buf_printf(out, "\ndrift: %zu place%s, %zu consumer%s\n", places, plural(places), consumers, plural(consumers));
}

/* --- for programs ----------------------------------------------------------------------------------------------------------- */

static void put_json_places(const struct drift *drift, struct buf *out)
{
    static const char *const words[] = {"agrees", "differs", "unknown"};
    for (size_t i = 0; i < drift->len; i++) {
        const struct place *place = &drift->places[i];
        buf_printf(out, "%s{\"agreement\":\"%s\",\"commit\":", i == 0 ? "" : ",", words[place->agreement]);
        json_put_text(out, place->commit[0] == '\0' ? NULL : place->commit);
        buf_puts(out, ",\"epoch\":");
        if (place->epoch > 0)
            buf_put_u64(out, place->epoch);
        else
            buf_puts(out, "null");
        buf_puts(out, ",\"message\":");
        json_put_text(out, place->text[0] == '\0' ? NULL : place->text);
        buf_printf(out, ",\"place\":\"%s\"}", place->name);
    }
}

static void put_json(const struct drift *drift, size_t places, size_t consumers, struct buf *out)
{
    size_t len;
    const struct doc_node *services = fleet_services(&drift->fleet, &len);
    buf_printf(out, "{\"consumers_differ\":%zu,\"drift\":%s,\"places\":[", consumers, places + consumers > 0 ? "true" : "false");
    put_json_places(drift, out);
    buf_puts(out, "],\"services\":");
    if (len > 0)
        json_write(services, out);
    else
        buf_puts(out, "[]");
    buf_puts(out, "}\n");
}

static int gather(const struct cli *cli, struct drift *drift, int *rc)
{
    struct doctor *doctor = &drift->doctor;
    struct error err;
    doctor->cli = cli;
    if (!local_load(cli, &doctor->local, rc))
        return -1;
    if (told_read(&doctor->local, &doctor->told, &err) != 0 || local_load_keys(&doctor->local, false, &err) != 0 ||
        local_open_state(&doctor->local, &err) != 0 || fleet_read(&doctor->local, doctor->told.pid, &drift->fleet, &err) != 0) {
        *rc = local_fail(&doctor->local, &err);
        return -1;
    }
    if (doctor->told.pid != 0 && doctor->told.is_told)
        return 0;
    fprintf(stderr, "epochctl: epochd does not run; epochctl doctor looks at what is there\n");
    *rc = CLI_FAILED;
    return -1;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct drift drift CLEANUP(drift_fini) = {.doctor.local.state_dir = -1, .are_overrides_fine = cli_given(args, OPT_OVERRIDES)};
    struct buf text AUTO_BUF = {0};
    int rc = CLI_OK;
    if (gather(cli, &drift, &rc) != 0)
        return rc;
    put_signed(&drift);
    put_branch(&drift);
    put_broker(&drift);
    put_snapshot(&drift);
    size_t places = count_places(&drift), consumers = count_consumers(&drift);
    if (cli_given(args, OPT_JSON))
        put_json(&drift, places, consumers, &text);
    else
        put_text(cli, &drift, places, consumers, &text);
    rc = cli_print(&text);
    return rc == CLI_OK && places + consumers > 0 ? CLI_FINDINGS : rc;
}

const struct cli_verb verb_drift = {
    .name = "drift",
    .summary = "what differs between branch, epoch, broker, snapshot and consumers",
    .help = "Puts side by side what should be the same everywhere: the signed epoch, the branch's tip, the\n"
            "head that the broker retains, the snapshot, and every consumer: its version, what the\n"
            "environment overrides there, what waits for a restart. Verifies what it reads and changes\n"
            "nothing. A consumer that is gone runs nothing and does not count.\n",
    .exit = "0: no drift; 1: something differs; 3: *epochd* does not run, or its files may not be read.",
    .options = {[OPT_OVERRIDES] = {.name = "allow-overrides", .help = "what the environment overrides is meant so"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *drift*, *places* (each *place*, *epoch*, *commit*, *agreement*, *message*), "
                                      "*consumers_differ*, *services* as in _consumers.json_"}},
    .run = run,
};
