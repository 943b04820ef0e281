/*
 * rollback: a new commit that says what an earlier epoch said. History is never turned back: what comes is a higher epoch
 * with old content, so every consumer takes it.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/epochs.h"
#include "cli/point.h"
#include "cli/verbs.h"
#include "cli/writing.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "util/array.h"

enum { OPT_SERVICE, OPT_ALLOW, OPT_WRITING };

enum { ROLLBACK_WAIT_MS = 30000, TOTAL_MAX = 256 * 1024 * 1024 };

/* What differs between the tip and the commit to go back to, as changes to the tip. */
struct set_back {
    struct repo *repo;
    const char *service; /* NULL: everything */
    struct repo_change *changes;
    size_t len, cap, bytes;
};

static void set_back_fini(struct set_back *back)
{
    for (size_t i = 0; i < back->len; i++) {
        free((char *)(uintptr_t)back->changes[i].path);
        free((char *)(uintptr_t)back->changes[i].text.data);
    }
    free(back->changes);
}
#define AUTO_SET_BACK CLEANUP(set_back_fini)

/* --- which epoch ---------------------------------------------------------------------------------------- */

static int no_previous(struct error *err)
{
    return error_set(err, CODE_REPO_REV, 0, "the journal knows no published epoch before the tip; name one: epochctl log");
}

static bool was_served(const struct local *local, enum epoch_verdict verdict)
{
    return verdict == EPOCH_PUBLISHED || (verdict == EPOCH_COMMITTED && strcmp(local->settings.mqtt.url, "off") == 0);
}

/* The newest published epoch that is not the tip: the one before, or, where the tip was refused, the one in force. Without a
   broker: the newest committed one. */
static int find_previous(struct local *local, const struct writing *w, struct point *out, struct error *err)
{
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    const struct epoch_want want = {.count = 100};
    if (local_open_state(local, err) != 0 || local_load_keys(local, true, err) != 0 ||
        epoch_rows_read(local, &want, &rows, err) != 0)
        return error_wrap(err, "looking for the previous epoch in the journal (a commit needs none: epochctl rollback HEAD~1)");
    for (size_t i = rows.len; i > 0; i--) {
        const struct epoch_row *row = &rows.rows[i - 1];
        if (!was_served(local, row->verdict) || oid_equal(&row->commit, &w->tip))
            continue;
        *out = (struct point){row->commit, row->epoch};
        return 0;
    }
    return no_previous(err);
}

static int find_target(struct writing *w, const char *text, struct point *out, struct error *err)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    int rc;
    if (!local_load(w->cli, &local, &rc))
        return error_set(err, CODE_SETTINGS, 0, "the journal is where epochd runs: its settings are not known here");
    if (text == NULL)
        return find_previous(&local, w, out, err);
    return point_find(w->cli, &local, w->repo, text, out, err);
}

static int list_target(struct writing *w, const struct point *target, struct listing **out, struct error *err)
{
    struct repo_commit commit;
    if (point_check(w->repo, target, err) != 0 || repo_read_commit(w->repo, &target->commit, &commit, err) != 0)
        return -1;
    return repo_list(w->repo, &commit.tree, w->listing, out, err);
}

/* --- what differs --------------------------------------------------------------------------------------- */

static int add_change(struct set_back *back, struct repo_change change, struct error *err)
{
    struct repo_change *grown = array_grow(back->changes, back->len, &back->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    back->changes = grown;
    back->changes[back->len++] = change;
    return 0;
}

static int read_content(struct set_back *back, const struct listing_entry *entry, const char *path,
                        struct repo_change *out, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    if (entry->mode != LAYOUT_MODE_FILE && entry->mode != LAYOUT_MODE_EXEC)
        return error_set(err, CODE_LAYOUT_TYPE, 0, "'%s' was no plain file then", path);
    if (repo_read_blob(back->repo, &entry->oid, YAML_FILE_MAX, &text, err) != 0)
        return -1;
    back->bytes += text.len;
    if (back->bytes > TOTAL_MAX)
        return error_set(err, CODE_LIMIT_TOTAL, 0, "more than %d bytes differ", TOTAL_MAX);
    out->mode = entry->mode;
    out->text = buf_span(&text);
    text.data = NULL; /* the change's own now */
    return 0;
}

static bool is_of_service(const char *folder, const char *name, const char *service)
{
    size_t len = strlen(service);
    bool is_in_services = strcmp(folder, "services") == 0 || strncmp(folder, "services/", 9) == 0;
    return is_in_services && strncmp(name, service, len) == 0 && strcmp(name + len, ".yaml") == 0;
}

static int visit(void *context, const char *folder, const struct listing_entry *before,
                 const struct listing_entry *after, struct error *err)
{
    struct set_back *back = context;
    const struct listing_entry *either = after == NULL ? before : after;
    struct repo_change change = {.is_removed = after == NULL};
    char *path = NULL;
    if (either->mode == LAYOUT_MODE_DIR)
        return 1;
    if (back->service != NULL && !is_of_service(folder, either->name, back->service))
        return 0;
    if (asprintf(&path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", either->name) < 0)
        return error_memory(err);
    change.path = path;
    if ((after != NULL && read_content(back, after, path, &change, err) != 0) || add_change(back, change, err) != 0) {
        free((char *)(uintptr_t)change.text.data);
        free(path);
        return -1;
    }
    return 0;
}

/* --- the verb ------------------------------------------------------------------------------------------- */

static void put_target(const struct point *target, struct buf *out)
{
    char hex[OID_HEX_LEN + 1];
    oid_format(&target->commit, hex);
    if (target->epoch != 0)
        buf_printf(out, "%" PRIu64, target->epoch);
    else
        buf_puts(out, hex);
}

static int commit(struct writing *w, const struct set_back *back, const struct point *target,
                  const struct cli_args *args, struct outcome *outcome, int *rc, struct error *err)
{
    struct buf what AUTO_BUF = {0}, trailers AUTO_BUF = {0};
    buf_puts(&what, "rollback ");
    if (back->service != NULL)
        buf_printf(&what, "of %s ", back->service);
    buf_puts(&what, target->epoch != 0 ? "to epoch " : "to ");
    put_target(target, &what);
    buf_putc(&what, '\0');
    buf_puts(&trailers, "Epoch-Rollback: ");
    put_target(target, &trailers);
    if (cli_given(args, OPT_ALLOW))
        buf_puts(&trailers, "\n" WRITING_ALLOW_REMOVAL);
    buf_putc(&trailers, '\0');
    if (buf_check(&what, err) != 0 || buf_check(&trailers, err) != 0)
        return -1;
    struct writing_options options = writing_options_of(args, OPT_WRITING);
    options.trailer = trailers.data;
    options.wait_ms = ROLLBACK_WAIT_MS;
    *rc = writing_commit(w, back->changes, back->len, what.data, &options, outcome);
    return 0;
}

static int execute(const struct cli *cli, const struct cli_args *args, struct outcome *outcome, int *rc,
                   struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    struct listing *then AUTO_LISTING = NULL;
    struct set_back back AUTO_SET_BACK = {.service = args->options[OPT_SERVICE]};
    struct point target;
    if (writing_open(cli, &w, err) != 0)
        return -1;
    owner_leave(&w.owner); /* the journal is epochd's */
    if (find_target(&w, cli_operand(args, 0), &target, err) != 0 || owner_enter(&w.owner, err) != 0)
        return -1;
    if (list_target(&w, &target, &then, err) != 0)
        return -1;
    back.repo = w.repo;
    if (back.service != NULL && !layout_name_is_good(span_of(back.service)))
        return error_set(err, CODE_USAGE, 0, "'%.80s' cannot be the name of a service", back.service);
    if (listing_compare(w.listing, then, visit, &back, err) < 0)
        return -1;
    if (back.len > 0)
        return commit(&w, &back, &target, args, outcome, rc, err);
    AUTO_FREE char *path = NULL;
    if (back.service != NULL && writing_need(&w, back.service, false, &path, err) != 0)
        return -1;
    outcome_say(outcome, "unchanged", "it is so already; nothing was written");
    *rc = CLI_OK;
    return 0;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    return writing_run(cli, args, OPT_WRITING, execute);
}

const struct cli_verb verb_rollback = {
    .name = "rollback",
    .summary = "say again what an earlier epoch said: one commit",
    .help = "Makes a commit whose configuration is that of _EPOCH_ (its number, a commit, or a time), so it\n"
            "becomes a new, higher epoch that every consumer takes. By default that of the previous published\n"
            "epoch; where the tip was refused, of the one in force. Only files of the configuration that\n"
            "differ are written; edits that are not committed are never touched, and a file among them that\n"
            "has some is refused by name. The plan is printed first, and at the end what became of it. The\n"
            "commit ends in the line _Epoch-Rollback: EPOCH_. Numbers, times and the default need the\n"
            "journal: the daemon's user or root.\n",
    .exit = "as of *set*.",
    .operands = {{.name = "EPOCH", .kind = CLI_POINT, .is_optional = true}},
    .options = {[OPT_SERVICE] = {.name = "service", .argument = "SERVICE", .kind = CLI_SERVICE,
                                 .help = "only the file of that service"},
                [OPT_ALLOW] = {.name = "allow-mass-removal", .help = "also if more than a fifth of the services go"},
                WRITING_OPTIONS(OPT_WRITING)},
    .run = run,
};
