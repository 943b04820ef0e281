/*
 * listed: see listed.h.
 */
#include "cli/listed.h"

#include <inttypes.h>
#include <string.h>

#include "cli/in_force.h"
#include "cli/meaning.h"
#include "cli/shown.h"
#include "config/changes.h"
#include "model/codes.h"
#include "model/json_text.h"
#include "util/clock.h"

void listed_fini(struct listed *listed)
{
    free(listed->services);
    arena_fini(&listed->arena);
    *listed = (struct listed){0};
}

static int reserve(struct listed *out, size_t count, struct error *err)
{
    out->services = calloc(count + 1, sizeof *out->services);
    return out->services == NULL ? error_memory(err) : 0;
}

static const char *keep(struct listed *out, const char *text)
{
    return arena_copy(&out->arena, text, strlen(text));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct listed_service *)a)->name, ((const struct listed_service *)b)->name);
}

static struct listed_service *find(const struct listed *listed, const char *name)
{
    const struct listed_service key = {.name = name};
    return bsearch(&key, listed->services, listed->len, sizeof key, compare_names);
}

/* --- what the repository knows -------------------------------------------------------------------------- */

/* Many services come from one commit: the last one read is remembered. A commit that is gone tells nothing. */
static int add_authors(struct repo *repo, struct listed *out, struct error *err)
{
    const struct listed_service *last = NULL;
    for (size_t i = 0; i < out->len; i++) {
        struct listed_service *service = &out->services[i];
        struct repo_commit about;
        struct error gone;
        if (oid_is_zero(&service->commit))
            continue;
        if (last != NULL && oid_equal(&last->commit, &service->commit)) {
            service->time_ms = last->time_ms;
            service->author = last->author;
            service->subject = last->subject;
            service->has_commit = true;
        } else if (repo_read_commit(repo, &service->commit, &about, &gone) == 0) {
            service->time_ms = about.time_ms;
            service->author = keep(out, about.author);
            service->subject = keep(out, about.subject);
            if (service->author == NULL || service->subject == NULL)
                return error_memory(err);
            service->has_commit = true;
            last = service;
        }
    }
    return 0;
}

static int add_titles(const struct source *source, struct listed *out, struct error *err)
{
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    if (environment_load(source, NULL, &environment, &findings, err) != 0)
        return -1;
    for (size_t i = 0; i < out->len; i++) {
        struct span title = meaning_of_service(environment, out->services[i].name, "title");
        if (title.len > 0 && (out->services[i].title = arena_copy(&out->arena, title.data, title.len)) == NULL)
            return error_memory(err);
    }
    return 0;
}

/* By names alone: what is in force was judged. */
static int add_paths(struct repo *repo, const struct oid *commit, struct listed *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct changes changes AUTO_CHANGES = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error gone;
    if (oid_is_zero(commit) || source_from_commit(repo, commit, NULL, &source, &gone) != 0)
        return 0;
    if (changes_load(NULL, source.listing, &changes, &findings, err) != 0)
        return -1;
    for (size_t i = 0; i < changes.len; i++) {
        struct listed_service *service = find(out, changes.items[i].name);
        if (service != NULL && changes.items[i].path != NULL && (service->path = keep(out, changes.items[i].path)) == NULL)
            return error_memory(err);
    }
    return add_titles(&source, out, err);
}

/* --- in force ------------------------------------------------------------------------------------------- */

static int take_catalog(const struct in_force *in_force, struct listed *out, struct error *err)
{
    AUTO_FREE const struct service **sorted = NULL;
    size_t count = catalog_count(in_force->catalog);
    if (catalog_sorted(in_force->catalog, &sorted, err) != 0 || reserve(out, count, err) != 0)
        return -1;
    for (; out->len < count; out->len++) {
        struct listed_service *service = &out->services[out->len];
        service->name = keep(out, sorted[out->len]->name);
        service->version = sorted[out->len]->version;
        if (service->name == NULL)
            return error_memory(err);
        if (!in_force_commit(sorted[out->len], &service->commit))
            service->commit = (struct oid){0};
    }
    return 0;
}

int listed_in_force(struct local *local, struct repo *repo, struct listed *out, struct error *err)
{
    struct in_force in_force AUTO_IN_FORCE = {0};
    if (in_force_read(local, &in_force, err) != 0 || take_catalog(&in_force, out, err) != 0)
        return -1;
    out->epoch = in_force.epoch;
    out->newer = in_force.newer;
    if (repo == NULL)
        return 0;
    return add_authors(repo, out, err) != 0 ? -1 : add_paths(repo, &in_force.commit, out, err);
}

/* --- at a commit ---------------------------------------------------------------------------------------- */

static int take_candidate(const struct candidate *candidate, struct listed *out, struct error *err)
{
    if (reserve(out, candidate->len, err) != 0)
        return -1;
    for (; out->len < candidate->len; out->len++) {
        struct listed_service *service = &out->services[out->len];
        service->name = keep(out, candidate->services[out->len].name);
        service->path = keep(out, candidate->services[out->len].path);
        if (service->name == NULL || service->path == NULL)
            return error_memory(err);
    }
    return 0;
}

/* The last change of each service up to the epoch of that commit. Whoever cannot read the journal goes without. */
static void trace(struct local *local, const struct oid *commit, struct listed *out)
{
    const struct epoch_want want = {.count = UINT64_MAX};
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    struct error silent;
    if (local_open_state(local, &silent) != 0 || local_load_keys(local, true, &silent) != 0 ||
        epoch_rows_read(local, &want, &rows, &silent) != 0)
        return;
    out->epoch = epoch_of_commit(&rows, commit);
    for (size_t i = 0; i < rows.len && rows.rows[i].epoch <= out->epoch; i++) {
        for (size_t c = 0; c < rows.rows[i].changed; c++) {
            struct listed_service *service = find(out, rows.rows[i].changes[c].service);
            if (service == NULL)
                continue;
            service->version = rows.rows[i].epoch;
            service->commit = rows.rows[i].commit;
        }
    }
}

int listed_at(struct local *local, struct repo *repo, const struct oid *commit, struct listed *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    if (shown_judge(repo, commit, &source, &candidate, err) != 0 || take_candidate(&candidate, out, err) != 0)
        return -1;
    trace(local, commit, out);
    return add_titles(&source, out, err) != 0 ? -1 : add_authors(repo, out, err);
}

/* --- output --------------------------------------------------------------------------------------------- */

static void add_row(const struct listed_service *service, struct table *table)
{
    char time[CLOCK_TEXT_LEN + 1];
    table_add(table, TERM_STRONG, span_of(service->name));
    if (service->version == 0)
        table_add(table, TERM_FAINT, SPAN("-"));
    else
        table_printf(table, TERM_PLAIN, "%" PRIu64, service->version);
    clock_format(service->time_ms, time);
    if (service->has_commit)
        table_printf(table, TERM_PLAIN, "%.16sZ", time);
    else
        table_add(table, TERM_FAINT, SPAN("-"));
    struct span author = span_of(service->has_commit ? service->author : "-");
    const char *mail = table->term->width == 0 ? NULL : memmem(author.data, author.len, " <", 2);
    if (mail != NULL)
        author.len = (size_t)(mail - author.data);
    table_add(table, TERM_FAINT, author);
    table_add(table, TERM_PLAIN, span_of(service->path == NULL ? "-" : service->path));
    table_add(table, TERM_PLAIN, span_of(service->title == NULL ? "-" : service->title));
}

static void put_json(const struct listed_service *service, struct buf *out)
{
    char time[CLOCK_TEXT_LEN + 1], hex[OID_HEX_LEN + 1];
    clock_format(service->time_ms, time);
    oid_format(&service->commit, hex);
    buf_puts(out, "{\"config_epoch\":");
    json_put_text(out, oid_is_zero(&service->commit) ? NULL : hex);
    buf_puts(out, ",\"description\":");
    json_put_text(out, service->has_commit ? service->subject : NULL);
    buf_puts(out, ",\"path\":");
    json_put_text(out, service->path);
    buf_puts(out, ",\"service\":");
    json_put_text(out, service->name);
    buf_puts(out, ",\"title\":");
    json_put_text(out, service->title);
    buf_puts(out, ",\"updated_at\":");
    json_put_text(out, service->has_commit ? time : NULL);
    buf_puts(out, ",\"updated_by\":");
    json_put_text(out, service->has_commit ? service->author : NULL);
    buf_puts(out, ",\"version\":");
    if (service->version == 0)
        buf_puts(out, "null}");
    else
        buf_printf(out, "%" PRIu64 "}", service->version);
}

void listed_put(const struct listed *listed, const struct term *term, bool is_json, struct buf *out)
{
    static const char *const heading[] = {"SERVICE", "VERSION", "CHANGED", "AUTHOR~", "PATH~", "TITLE", NULL};
    struct table table AUTO_TABLE;
    table_init(&table, term, heading);
    for (size_t i = 0; i < listed->len; i++) {
        if (is_json) {
            buf_putc(out, i == 0 ? '[' : ',');
            put_json(&listed->services[i], out);
        } else {
            add_row(&listed->services[i], &table);
        }
    }
    if (is_json)
        buf_puts(out, listed->len == 0 ? "[]\n" : "]\n");
    table_put(&table, out);
}
