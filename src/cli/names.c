/*
 * names: see names.h.
 */
#include "cli/names.h"

#include <fcntl.h>
#include <string.h>

#include "cli/told.h"
#include "config/source.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/pointer.h"

struct names {
    struct buf *out;
    const char *prefix;
    size_t len;
    const char *service;    /* whose file is wanted; NULL: all names */
    char *path;             /* of that one, owned */
    struct listing_entry entry;
    enum layout_area area;
};

static void put(struct names *names, struct span name, const char *description)
{
    size_t prefix = strlen(names->prefix);
    if (names->len >= NAMES_MAX || name.len < prefix || memcmp(name.data, names->prefix, prefix) != 0)
        return;
    names->len++;
    buf_append_span(names->out, name);
    buf_printf(names->out, "\t%s\n", description);
}

/* --- of the program ------------------------------------------------------------------------------------- */

static void put_verbs(struct names *names)
{
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (!cli_verbs[i]->is_hidden)
            put(names, span_of(cli_verbs[i]->name), cli_verbs[i]->summary);
}

static void put_codes(struct names *names)
{
    for (size_t i = 0; i < code_table_len; i++)
        put(names, span_of(code_table[i].name), "");
}

/* --- of the repository ---------------------------------------------------------------------------------- */

static int visit(struct names *names, const struct listing *listing, const char *folder)
{
    for (size_t i = 0; i < listing->len; i++) {
        const struct listing_entry *entry = &listing->entries[i];
        struct layout_entry judged;
        char path[1024];
        int len = snprintf(path, sizeof path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", entry->name);
        if (len < 0 || (size_t)len >= sizeof path)
            continue;
        enum layout_verdict verdict = layout_judge(folder, span_of(entry->name), entry->mode, &judged, NULL);
        if (verdict == LAYOUT_DESCEND && entry->folder != NULL && visit(names, entry->folder, path) != 0)
            return -1;
        if (verdict != LAYOUT_FILE || judged.area != names->area)
            continue;
        if (names->service == NULL) {
            put(names, span_of(names->area == LAYOUT_PROFILES ? judged.profile : judged.name), "");
        } else if (names->path == NULL && strcmp(names->service, judged.name) == 0) {
            names->entry = *entry;
            if ((names->path = strdup(path)) == NULL)
                return -1;
        }
    }
    return 0;
}

static bool is_work_tree(const char *top)
{
    AUTO_CLOSE int dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir >= 0 && faccessat(dir, ".git", F_OK, 0) == 0;
}

/* The files of a work tree as they are, which needs nobody to read git; or the commit of a bare repository. */
static int open_source(const struct cli *cli, struct repo **repo, struct source *out, struct error *err)
{
    AUTO_FREE char *top = cli_nearest_repository();
    struct oid commit;
    if (top != NULL && is_work_tree(top))
        return source_from_folder(top, out, err);
    if (cli_open_repo(cli, repo, err) != 0)
        return -1;
    if (repo_work_dir(*repo) != NULL)
        return source_from_folder(repo_work_dir(*repo), out, err);
    if (repo_resolve(*repo, "HEAD", &commit, err) != 0)
        return -1;
    return source_from_commit(*repo, &commit, NULL, out, err);
}

static int put_files(const struct cli *cli, struct names *names, struct source *source, struct repo **repo,
                     struct error *err)
{
    if (open_source(cli, repo, source, err) != 0)
        return -1;
    return visit(names, source->listing, "");
}

static void put_listed(const struct cli *cli, struct names *names)
{
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct error silent;
    size_t before = names->out->len;
    if (put_files(cli, names, &source, &repo, &silent) != 0)
        buf_truncate(names->out, before);
}

/* --- the keys of a service ------------------------------------------------------------------------------ */

static void put_pointers(struct names *names, const struct doc_node *node, struct buf *way)
{
    for (size_t i = 0; node->kind == DOC_OBJECT && i < node->u.object.len; i++) {
        const struct doc_member *member = &node->u.object.members[i];
        size_t len = way->len;
        if (names->len >= NAMES_KEYS_MAX)
            return;
        pointer_put_name(member->name, way);
        put(names, buf_span(way), doc_kind_name(member->value->kind));
        put_pointers(names, member->value, way);
        buf_truncate(way, len);
    }
}

static void put_keys(const struct cli *cli, struct names *names)
{
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct buf text AUTO_BUF = {0}, way AUTO_BUF = {0};
    struct doc doc AUTO_DOC = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error silent;
    if (names->service == NULL || put_files(cli, names, &source, &repo, &silent) != 0 || names->path == NULL)
        return;
    const struct yaml_options yaml = {.file = names->path, .limits = doc_limits_config};
    if (source.read(&source, names->path, &names->entry, &text, &silent) != 0 ||
        yaml_read(buf_span(&text), &yaml, &doc, &findings, &silent) != 0 || doc.root == NULL)
        return;
    put_pointers(names, doc.root, &way);
}

/* --- of the daemon -------------------------------------------------------------------------------------- */

/* The journal knows more, but is not for everybody to read. */
static void put_epochs(const struct cli *cli, struct names *names)
{
    struct settings settings AUTO_SETTINGS = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct told told AUTO_TOLD = {0};
    struct error silent;
    struct local local = {.state_dir = -1};
    if (settings_load(cli->config, environ, &settings, &findings, &silent) != 0 || findings.errors > 0)
        return;
    local.settings = settings; /* borrowed */
    if (told_read_unproven(&local, &told, &silent) != 0 || !told.is_told)
        return;
    const struct doc_node *recent = told_part(told.doc.root, "recent");
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++) {
        char text[24];
        int64_t epoch;
        if (!doc_get_int(recent->u.array.items[i], "epoch", &epoch))
            continue;
        snprintf(text, sizeof text, "%lld", (long long)epoch);
        put(names, span_of(text), "");
    }
}

void names_put(const struct cli *cli, enum cli_kind kind, const char *service, const char *prefix,
               struct buf *out)
{
    struct names names = {.out = out, .prefix = prefix, .area = LAYOUT_SERVICES};
    switch (kind) {
    case CLI_ANY:
    case CLI_WORDS:
    case CLI_FILE:
    case CLI_DIR:
    case CLI_HOST:
    case CLI_REV:
        return; /* the shell's own */
    case CLI_TOPIC:
        put_codes(&names);
        put_verbs(&names);
        return;
    case CLI_VERB:
        put_verbs(&names);
        return;
    case CLI_CODE:
        put_codes(&names);
        return;
    case CLI_PROFILE:
        names.area = LAYOUT_PROFILES;
        put_listed(cli, &names);
        return;
    case CLI_SERVICE:
        put_listed(cli, &names);
        return;
    case CLI_KEY:
        names.service = service;
        put_keys(cli, &names);
        free(names.path);
        return;
    case CLI_EPOCH:
        put_epochs(cli, &names);
        return;
    }
}
