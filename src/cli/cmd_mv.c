/*
 * mv, rm: a service renamed, moved to another folder, or removed: its file and what profiles lay over it.
 */
#include <string.h>

#include "cli/verbs.h"
#include "cli/writing.h"
#include "config/environment.h"
#include "io/yaml.h"
#include "model/codes.h"

enum { FILES_MAX = 512 };

enum { OPT_ALLOW, OPT_WRITING };

/* The changes of one call. */
struct files {
    struct repo_change changes[FILES_MAX];
    size_t len;
    struct outcome *outcome;
};

static void files_fini(struct files *files)
{
    for (size_t i = 0; i < files->len; i++) {
        free((char *)(uintptr_t)files->changes[i].path);
        free((char *)(uintptr_t)files->changes[i].text.data);
    }
    free(files);
}

/* Takes the path over, also on failure. */
static int add_file(struct files *files, char *path, struct buf *text, uint32_t mode, struct error *err)
{
    if (path == NULL)
        return error_memory(err);
    if (files->len == FILES_MAX) {
        free(path);
        return error_set(err, CODE_USAGE, 0, "more than %d files at once", FILES_MAX);
    }
    struct repo_change *change = &files->changes[files->len++];
    *change = (struct repo_change){.path = path, .mode = mode, .is_removed = text == NULL};
    if (text != NULL) {
        change->text = buf_span(text);
        *text = (struct buf){0};
    }
    return 0;
}

/* `to` NULL: removed. Takes both paths over. */
static int move_file(struct writing *w, struct files *files, char *from, char *to, bool is_removal, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    uint32_t mode = 0;
    int rc = from == NULL || (to == NULL && !is_removal) ? error_memory(err) : 0;
    if (rc == 0 && !is_removal)
        rc = writing_read(w, from, &text, &mode, err);
    if (rc != 0) {
        free(from);
        free(to);
        return -1;
    }
    if (add_file(files, from, NULL, 0, err) != 0) {
        free(to);
        return -1;
    }
    return is_removal ? 0 : add_file(files, to, &text, mode, err);
}

/* profiles/<profile>/<service>.yaml: without its service it would be refused. */
static int move_patches(struct writing *w, struct files *files, const char *service, const char *to, struct error *err)
{
    char name[LAYOUT_NAME_MAX + 8];
    const struct listing_entry *profiles = listing_find(w->listing, "profiles");
    snprintf(name, sizeof name, "%s.yaml", service);
    for (size_t i = 0; profiles != NULL && profiles->folder != NULL && i < profiles->folder->len; i++) {
        const struct listing_entry *profile = &profiles->folder->entries[i];
        char *from = NULL, *there = NULL;
        if (profile->folder == NULL || listing_find(profile->folder, name) == NULL)
            continue;
        if (asprintf(&from, "profiles/%s/%s", profile->name, name) < 0)
            from = NULL;
        if (to != NULL && asprintf(&there, "profiles/%s/%s.yaml", profile->name, to) < 0)
            there = NULL;
        if (move_file(w, files, from, there, to == NULL, err) != 0)
            return -1;
    }
    return 0;
}

static int finish(struct writing *w, const struct files *files, const char *what, const struct cli_args *args)
{
    struct writing_options options = writing_options_of(args, OPT_WRITING);
    options.trailer = cli_given(args, OPT_ALLOW) ? WRITING_ALLOW_REMOVAL : NULL;
    return writing_commit(w, files->changes, files->len, what, &options, files->outcome);
}

/* --- mv ------------------------------------------------------------------------------------------------- */

/* NEW is a name, which stays in its folder, or a path below services/ with the name last; or, as mv(1) has it, a folder with a
   slash behind it, for the same name. */
static int choose_place(struct writing *w, const char *service, const char *from, const char *target, const char **name, char **out,
                        struct error *err)
{
    const char *slash = strrchr(target, '/');
    const char *folder_end = strrchr(from, '/');
    bool is_folder = slash != NULL && slash > target && slash[1] == '\0', found;
    AUTO_FREE char *there = NULL, *folder = is_folder ? strndup(target, (size_t)(slash - target)) : NULL;
    if (is_folder && folder == NULL)
        return error_memory(err);
    *name = is_folder ? service : slash == NULL ? target : slash + 1;
    if (writing_find(w, *name, &found, &there, err) != 0)
        return -1;
    if (found && strcmp(there, from) != 0)
        return error_set(err, CODE_USAGE, 0, "there is a service '%s' already: %s", *name, there);
    if (slash != NULL && writing_place(folder, is_folder ? service : target, out, err) != 0)
        return -1;
    if (slash == NULL && asprintf(out, "%.*s/%s.yaml", (int)(folder_end - from), from, *name) < 0) {
        *out = NULL;
        return error_memory(err);
    }
    if (strcmp(*out, from) != 0)
        return 0;
    free(TAKE(*out));
    return error_set(err, CODE_USAGE, 0, "it is there already");
}

/* A schema goes by the name of its service, or by epoch.yaml: under the new name there may be none. */
static int note_schema(struct writing *w, const char *from, const char *to, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    struct service_rules was, is;
    if (source_from_commit(w->repo, &w->tip, NULL, &source, err) != 0 ||
        environment_load(&source, NULL, &environment, &findings, err) != 0)
        return -1;
    environment_find(environment, from, &was, NULL);
    environment_find(environment, to, &is, NULL);
    if (was.schema != NULL && is.schema == NULL)
        fprintf(stderr, "epochctl: note: %s judged %s, and %s has no schema: rename it too, or name it in epoch.yaml\n",
                was.schema->path, from, to);
    return 0;
}

static int move(const struct cli *cli, const struct cli_args *args, struct files *files, int *rc, struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    const char *service = args->operands[0], *target = args->operands[1], *name = target;
    char *from = NULL, *to = NULL, what[512];
    if (writing_open(cli, &w, err) != 0 || writing_need(&w, service, false, &from, err) != 0)
        return -1;
    if (choose_place(&w, service, from, target, &name, &to, err) != 0) {
        free(from);
        return -1;
    }
    if (move_file(&w, files, from, to, false, err) != 0 ||
        (strcmp(service, name) != 0 &&
         (move_patches(&w, files, service, name, err) != 0 || note_schema(&w, service, name, err) != 0)))
        return -1;
    snprintf(what, sizeof what, "%s: move to %s", service, target);
    *rc = finish(&w, files, what, args);
    return 0;
}

/* --- rm ------------------------------------------------------------------------------------------------- */

static int remove_services(const struct cli *cli, const struct cli_args *args, struct files *files, int *rc,
                           struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    struct buf what AUTO_BUF = {0};
    if (writing_open(cli, &w, err) != 0)
        return -1;
    buf_puts(&what, "remove");
    for (size_t i = 0; i < args->operands_len; i++) {
        char *path = NULL;
        for (size_t k = 0; k < i; k++)
            if (strcmp(args->operands[i], args->operands[k]) == 0)
                return error_set(err, CODE_USAGE, 0, "'%s' is named twice", args->operands[i]);
        if (writing_need(&w, args->operands[i], false, &path, err) != 0 ||
            move_file(&w, files, path, NULL, true, err) != 0 ||
            move_patches(&w, files, args->operands[i], NULL, err) != 0)
            return -1;
        if (i < 3)
            buf_printf(&what, "%s %s", i == 0 ? "" : ",", args->operands[i]);
    }
    if (args->operands_len > 3)
        buf_printf(&what, " and %zu more", args->operands_len - 3);
    buf_putc(&what, '\0');
    if (buf_check(&what, err) != 0)
        return -1;
    *rc = finish(&w, files, what.data, args);
    return 0;
}

/* --- both ----------------------------------------------------------------------------------------------- */

static int run(const struct cli *cli, const struct cli_args *args,
               int (*execute)(const struct cli *, const struct cli_args *, struct files *, int *, struct error *))
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_WRITING + WRITING_JSON)};
    struct files *files = calloc(1, sizeof *files);
    struct error err;
    int rc = CLI_FAILED;
    if (files == NULL) {
        error_memory(&err);
        return cli_fail(&err);
    }
    files->outcome = &outcome;
    if (execute(cli, args, files, &rc, &err) != 0)
        rc = writing_fail(&err, NULL, &outcome);
    files_fini(files);
    return outcome_end(&outcome, rc);
}

static int run_mv(const struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, move);
}

static int run_rm(const struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, remove_services);
}

const struct cli_verb verb_mv = {
    .name = "mv",
    .summary = "rename a service, or move its file to another folder: one commit",
    .help = "_NEW_ is a name, a path below services/ with the name last (audio/ears), or a folder (audio/).\n"
            "To consumers a renamed service is one that goes and one that comes; another folder changes\n"
            "nothing for them. What profiles lay over the service moves with it.\n",
    .exit = "as of *set*.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}, {.name = "NEW", .kind = CLI_ANY}},
    .options = {[OPT_ALLOW] = {.name = "allow-mass-removal", .is_hidden = true}, WRITING_OPTIONS(OPT_WRITING)},
    .run = run_mv,
};

const struct cli_verb verb_rm = {
    .name = "rm",
    .summary = "remove services: one commit",
    .help = "Consumers keep the last values of a service that is gone and are told that it is. A commit that\n"
            "takes more than a fifth of the services (at least three), or all, is refused unless it says that\n"
            "it is meant.\n",
    .exit = "as of *set*.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_repeated = true}},
    .options = {[OPT_ALLOW] = {.name = "allow-mass-removal",
                               .help = "also if more than a fifth of the services go"},
                WRITING_OPTIONS(OPT_WRITING)},
    .run = run_rm,
};
