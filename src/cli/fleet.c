/*
 * fleet: see fleet.h. Everything in the document may be missing.
 */
#include "cli/fleet.h"

#include <inttypes.h>
#include <string.h>

#include "model/json.h"
#include "model/run_files.h"
#include "util/fs.h"

enum { FLEET_FILE_MAX = 64 * 1024 * 1024, FLEET_NODES_MAX = 8 * 1000 * 1000, NAMES_SHOWN = 8 };

void fleet_fini(struct fleet *fleet)
{
    buf_fini(&fleet->file);
    doc_fini(&fleet->doc);
    *fleet = (struct fleet){0};
}

int fleet_read(const struct local *local, pid_t pid, struct fleet *out, struct error *err)
{
    const struct json_options json = {.file = CONSUMERS_FILE, .limits = {8, FLEET_NODES_MAX, FLEET_FILE_MAX}};
    AUTO_CLOSE int dir = -1;
    bool is_missing = false;
    fleet_fini(out);
    if (fs_open_dir(local->settings.run, &dir, err) != 0)
        return err->sys == ENOENT ? 0 : error_wrap(err, "the run folder (setting: run)");
    if (fs_read(dir, CONSUMERS_FILE, FS_ANY_OWNER, FLEET_FILE_MAX, &out->file, &is_missing, err) != 0)
        return error_wrap(err, "the run folder (setting: run)");
    if (is_missing)
        return 0;
    if (json_read(buf_span(&out->file), &json, &out->doc, err) != 0)
        return -1;
    out->epoch = fleet_number(out->doc.root, "epoch");
    (void)doc_get_bool(out->doc.root, "listening", &out->is_listening);
    out->is_told = pid > 0 && fleet_number(out->doc.root, "pid") == (uint64_t)pid;
    return 0;
}

uint64_t fleet_number(const struct doc_node *node, const char *name)
{
    int64_t number = 0;
    return node != NULL && doc_get_int(node, name, &number) && number > 0 ? (uint64_t)number : 0;
}

static const struct doc_node *list_of(const struct doc_node *node, const char *name, size_t *len)
{
    const struct doc_node *list = told_part(node, name);
    *len = list->kind == DOC_ARRAY ? list->u.array.len : 0;
    return list;
}

const struct doc_node *fleet_services(const struct fleet *fleet, size_t *len)
{
    static const struct doc_node nothing = {.kind = DOC_NULL};
    *len = 0;
    return fleet->is_told ? list_of(fleet->doc.root, "services", len) : &nothing;
}

/* --- counting ------------------------------------------------------------------------------------------------------------- */

static void add(struct fleet_sum *sum, const struct doc_node *service)
{
    sum->applied += fleet_number(service, "applied");
    sum->behind += fleet_number(service, "behind");
    sum->refused += fleet_number(service, "refused");
    sum->ahead += fleet_number(service, "ahead");
    sum->missing += fleet_number(service, "missing");
    sum->gone += fleet_number(service, "gone");
    sum->stray += fleet_number(service, "stray");
    sum->expected += fleet_number(service, "expected");
}

static bool is_meant(const struct doc_node *service, const char *name)
{
    return name == NULL || span_is(told_text(service, "service"), name);
}

struct fleet_sum fleet_sum(const struct fleet *fleet, const char *service, uint64_t since)
{
    struct fleet_sum sum = {0};
    size_t len;
    const struct doc_node *services = fleet_services(fleet, &len);
    for (size_t i = 0; i < len; i++)
        if (is_meant(services->u.array.items[i], service) && fleet_number(services->u.array.items[i], "version") >= since)
            add(&sum, services->u.array.items[i]);
    sum.total = sum.applied + sum.behind + sum.refused + sum.ahead + sum.missing;
    return sum;
}

/* --- naming --------------------------------------------------------------------------------------------------------------- */

/* A list for people: NAMES_SHOWN of it, and how many more there are. */
struct naming {
    const char *between;
    size_t named;
    struct buf *out;
};

static bool begin_name(struct naming *naming)
{
    if (naming->named++ >= NAMES_SHOWN)
        return false;
    if (naming->named > 1)
        buf_puts(naming->out, naming->between);
    return true;
}

static void end_names(const struct naming *naming)
{
    if (naming->named > NAMES_SHOWN)
        buf_printf(naming->out, "%sand %zu more", naming->between, naming->named - NAMES_SHOWN);
}

static void put_consumer(const struct naming *naming, const struct doc_node *service, const struct doc_node *instance)
{
    buf_append_span(naming->out, told_text(service, "service"));
    buf_putc(naming->out, '@');
    buf_append_span(naming->out, told_text(instance, "instance"));
}

void fleet_put_refused(const struct fleet *fleet, const char *service, const char *between, struct buf *out)
{
    struct naming naming = {.between = between, .out = out};
    size_t len, instances_len;
    const struct doc_node *services = fleet_services(fleet, &len);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *one = services->u.array.items[i], *instances = list_of(one, "instances", &instances_len);
        for (size_t k = 0; is_meant(one, service) && k < instances_len; k++) {
            const struct doc_node *instance = instances->u.array.items[k];
            if (!span_is(told_text(instance, "state"), "refused") || !begin_name(&naming))
                continue;
            put_consumer(&naming, one, instance);
            buf_puts(out, " refused: ");
            buf_append_span(out, told_text(instance, "reason"));
        }
    }
    end_names(&naming);
}

static void put_waiting_of(struct naming *naming, const struct doc_node *service)
{
    size_t len;
    const struct doc_node *instances = list_of(service, "instances", &len);
    uint64_t missing = fleet_number(service, "missing"), expected = fleet_number(service, "expected");
    for (size_t k = 0; k < len; k++) {
        const struct doc_node *instance = instances->u.array.items[k];
        struct span state = told_text(instance, "state");
        if ((!span_is(state, "behind") && !span_is(state, "ahead")) || !begin_name(naming))
            continue;
        put_consumer(naming, service, instance);
        buf_printf(naming->out, " (has %" PRIu64 ")", fleet_number(instance, "version"));
    }
    if (missing == 0 || !begin_name(naming))
        return;
    buf_append_span(naming->out, told_text(service, "service"));
    buf_printf(naming->out, " (%" PRIu64 " of %" PRIu64 " there)", expected - missing, expected);
}

void fleet_put_waiting(const struct fleet *fleet, const char *service, struct buf *out)
{
    struct naming naming = {.between = ", ", .out = out};
    size_t len;
    const struct doc_node *services = fleet_services(fleet, &len);
    for (size_t i = 0; i < len; i++)
        if (is_meant(services->u.array.items[i], service))
            put_waiting_of(&naming, services->u.array.items[i]);
    end_names(&naming);
}

bool fleet_parse_name(const char *text, char service[static LAYOUT_NAME_MAX + 1], char instance[static ACK_INSTANCE_MAX + 1])
{
    const char *at = strchr(text, '@');
    if (at == NULL)
        return false;
    struct span before = {text, (size_t)(at - text)}, after = span_of(at + 1);
    if (!layout_name_is_good(before) || !message_instance_is_good(after))
        return false;
    memcpy(service, before.data, before.len);
    service[before.len] = '\0';
    memcpy(instance, after.data, after.len + 1);
    return true;
}
