/*
 * names: see names.h.
 */
#include "cli/names.h"

#include <fcntl.h>
#include <string.h>

#include "cli/fleet.h"
#include "cli/meaning.h"
#include "cli/told.h"
#include "config/effective.h"
#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"
#include "util/utf8.h"

struct names {
    struct buf *out;
    const char *prefix;
    size_t len;
};

static void put(struct names *names, struct span name, const char *description)
{
    size_t prefix = strlen(names->prefix);
    if (names->len >= NAMES_MAX || name.len < prefix || memcmp(name.data, names->prefix, prefix) != 0)
        return;
    if (!utf8_is_shown(name))
        return; /* the terminal or the line would obey it, and nobody can type it */
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

static int put_service(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    (void)folder;
    (void)entry;
    (void)err;
    put(context, span_of(name), "");
    return 0;
}

static void put_services(const struct cli *cli, struct names *names)
{
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct error silent;
    size_t before = names->out->len;
    if (open_source(cli, &repo, &source, &silent) == 0 && services_each(source.listing, put_service, names, &silent) != 0)
        buf_truncate(names->out, before);
}

static void put_profiles(const struct cli *cli, struct names *names)
{
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct profiles profiles = {.len = 0};
    struct error silent;
    if (open_source(cli, &repo, &source, &silent) == 0)
        profiles_list(source.listing, &profiles, NULL);
    for (size_t i = 0; i < profiles.len; i++)
        put(names, span_of(profiles.folders[i]->name), "");
}

/* --- the keys of a service ------------------------------------------------------------------------------ */

/* A key by its title, else by the kind of its value or its type. */
static void put_key(struct names *names, const struct schema_place *place, const struct doc_node *value, struct span way)
{
    char text[128];
    struct span title = meaning_text(place, "title"), type = meaning_text(place, "type");
    if (title.len == 0 && value == NULL)
        title = type;
    utf8_printable(title, text, sizeof text);
    put(names, way, title.len > 0 || value == NULL ? text : doc_kind_name(value->kind));
}

struct level {
    struct names *names;
    const struct schema *schema; /* NULL: the service has none */
    struct pointer way;
    const struct doc_node *node; /* what is there; NULL: nothing */
};

static void put_level(struct level *level);

static void put_below(struct level *level, struct span name, const struct doc_node *value)
{
    enum { DEEP_MAX = 16 }; /* a schema may refer to itself */
    struct buf way AUTO_BUF = {0};
    struct schema_place place = {.len = 0};
    if (level->way.len == DEEP_MAX || level->names->len >= NAMES_KEYS_MAX)
        return;
    struct level below = {level->names, level->schema, level->way, value};
    below.way.names[below.way.len++] = name;
    if (level->schema != NULL && !schema_at(level->schema, &below.way, &place))
        place.len = 0;
    pointer_put(&below.way, below.way.len, &way);
    put_key(level->names, &place, value, buf_span(&way));
    put_level(&below);
}

/* What is not there, and might be. */
static void put_missing(void *context, struct span name, const struct schema *property)
{
    struct level *level = context;
    (void)property;
    if (level->node == NULL || doc_get_member(level->node, name) == NULL)
        put_below(level, name, NULL);
}

static void put_level(struct level *level)
{
    struct schema_place place;
    for (size_t i = 0; level->node != NULL && level->node->kind == DOC_OBJECT && i < level->node->u.object.len; i++)
        put_below(level, level->node->u.object.members[i].name, level->node->u.object.members[i].value);
    if (level->schema != NULL && (level->node == NULL || level->node->kind == DOC_OBJECT) &&
        schema_at(level->schema, &level->way, &place))
        schema_each_name(&place, put_missing, level);
}

static void put_keys(const struct cli *cli, struct names *names, const char *service)
{
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct effective effective AUTO_EFFECTIVE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error silent;
    if (service == NULL || open_source(cli, &repo, &source, &silent) != 0 ||
        effective_load(&source, NULL, service, NULL, &effective, &findings, &silent) != 0)
        return;
    /* Of a service that is not valid, what can be read. */
    struct level level = {.names = names, .node = effective.root != NULL ? effective.root : effective.file.root};
    if (effective.rules.schema != NULL)
        level.schema = effective.rules.schema->schema;
    put_level(&level);
}

/* --- of the daemon -------------------------------------------------------------------------------------- */

/* What it told of itself; `local` borrows from `settings`. */
static bool read_told(const struct cli *cli, struct settings *settings, struct local *local, struct told *told)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct error silent;
    if (settings_load(cli->config, environ, settings, &findings, &silent) != 0 || findings.errors > 0)
        return false;
    *local = (struct local){.state_dir = -1, .settings = *settings};
    return told_read_unproven(local, told, &silent) == 0 && told->is_told;
}

static void put_consumers(const struct cli *cli, struct names *names)
{
    struct settings settings AUTO_SETTINGS = {0};
    struct told told AUTO_TOLD = {0};
    struct fleet fleet CLEANUP(fleet_fini) = {0};
    struct local local;
    struct error silent;
    size_t len;
    if (!read_told(cli, &settings, &local, &told) ||
        fleet_read(&local, (pid_t)fleet_number(told.doc.root, "pid"), &fleet, &silent) != 0)
        return;
    const struct doc_node *services = fleet_services(&fleet, &len);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *service = services->u.array.items[i], *instances = told_part(service, "instances");
        for (size_t k = 0; instances->kind == DOC_ARRAY && k < instances->u.array.len; k++) {
            struct buf name AUTO_BUF = {0};
            struct span state = told_text(instances->u.array.items[k], "state");
            buf_append_span(&name, told_text(service, "service"));
            buf_putc(&name, '@');
            buf_append_span(&name, told_text(instances->u.array.items[k], "instance"));
            char text[16];
            utf8_printable(state, text, sizeof text);
            put(names, buf_span(&name), text);
        }
    }
}

/* The journal knows more, but is not for everybody to read. */
static void put_epochs(const struct cli *cli, struct names *names)
{
    struct settings settings AUTO_SETTINGS = {0};
    struct told told AUTO_TOLD = {0};
    struct local local;
    if (!read_told(cli, &settings, &local, &told))
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
    struct names names = {.out = out, .prefix = prefix};
    switch (kind) {
    case CLI_ANY:
    case CLI_WORDS:
    case CLI_FILE:
    case CLI_DIR:
    case CLI_HOST:
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
        put_profiles(cli, &names);
        return;
    case CLI_CONSUMER:
        put_consumers(cli, &names);
        return;
    case CLI_SERVICE:
        put_services(cli, &names);
        return;
    case CLI_KEY:
        put_keys(cli, &names, service);
        return;
    case CLI_POINT:
        put_epochs(cli, &names);
        return;
    }
}
