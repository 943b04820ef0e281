/*
 * writing: see writing.h. Opening, finding and reading; judging and committing is in writing_commit.c.
 */
#include "cli/writing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "config/source.h"
#include "model/codes.h"
#include "model/nearest.h"
#include "io/yaml.h"
#include "util/clock.h"

/* One after the other: git's own locks do not wait, and of several at once none might commit. Whoever hangs is not waited for. */
static void take_turn(struct writing *w)
{
    enum { WITHIN_MS = 10000, LOOK_MS = 20 };
    int64_t end = clock_boot_ms() + WITHIN_MS;
    w->turn = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (w->turn >= 0 && flock(w->turn, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && clock_boot_ms() < end)
        poll(NULL, 0, LOOK_MS);
}

void writing_end_turn(struct writing *w)
{
    if (w->turn > 0)
        close(w->turn);
    w->turn = 0;
}

void writing_fini(struct writing *w)
{
    writing_end_turn(w);
    listing_unref(w->listing);
    repo_close(w->repo);
    owner_leave(&w->owner);
    free(w->path);
    *w = (struct writing){0};
}

/* --- opening -------------------------------------------------------------------------------------------- */

static int choose_path(const struct cli *cli, const struct settings *settings, bool *is_of_settings, char **out,
                       struct error *err)
{
    *out = cli_nearest_repository();
    *is_of_settings = *out == NULL;
    if (*out != NULL)
        return 0;
    if (cli->directory != NULL || settings->repository.path == NULL)
        return error_set(err, CODE_REPO_MISSING, 0, "there is no git repository at or above '%s'",
                         cli->directory == NULL ? "." : cli->directory);
    *out = strdup(settings->repository.path);
    return *out == NULL ? error_memory(err) : 0;
}

/* Root acts as the owner, so to root every owner is as good as itself. */
static int open_path(struct writing *w, const struct settings *settings, struct error *err)
{
    uid_t trusted[1] = {0};
    struct error unseen; /* repo_open says more of a folder that cannot be looked at */
    if (owner_of(w->path, &w->owner, &unseen) == 0 && owner_enter(&w->owner, err) != 0)
        return -1;
    trusted[0] = w->owner.uid;
    struct repo_policy policy = {settings->repository.trusted_uids, settings->repository.trusted_len, false};
    if (w->owner.is_other)
        policy = (struct repo_policy){trusted, 1, false};
    return repo_open(&w->repo, w->path, &policy, err);
}

static int choose_branch(struct writing *w, struct error *err)
{
    bool found = false;
    const char *unfinished = repo_unfinished(w->repo);
    if (unfinished != NULL)
        return error_set(err, CODE_REPO_DIRTY, 0, "a %s is in progress: git %s --continue, or git %s --abort", unfinished,
                         unfinished, unfinished);
    if (repo_is_bare(w->repo) &&
        repo_config_get(w->repo, "epochd.branch", &found, w->branch, sizeof w->branch, err) != 0)
        return -1;
    if (!found && repo_head_branch(w->repo, w->branch, sizeof w->branch, err) != 0)
        return -1;
    if (w->branch[0] == '\0')
        return error_set(err, CODE_USAGE, 0, "HEAD is detached, and no branch is checked out: git switch BRANCH");
    return 0;
}

static int read_tip(struct writing *w, struct error *err)
{
    struct repo_commit commit;
    bool is_missing;
    if (repo_branch_tip(w->repo, w->branch, &is_missing, &w->tip, err) != 0)
        return -1;
    if (is_missing)
        return error_set(err, CODE_USAGE, 0, "branch %s has no commit yet: %s the first", w->branch,
                         repo_is_bare(w->repo) ? "git push brings" : "epochctl init makes");
    if (repo_read_commit(w->repo, &w->tip, &commit, err) != 0)
        return -1;
    return repo_list(w->repo, &commit.tree, NULL, &w->listing, err);
}

int writing_open(const struct cli *cli, struct writing *w, struct error *err)
{
    struct settings settings AUTO_SETTINGS = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error ignored;
    bool is_of_settings;
    w->cli = cli;
    /* Only the path and who is trusted are wanted of the settings; a laptop has none. */
    if (settings_load(cli->config, environ, &settings, &findings, &ignored) != 0 || findings.errors > 0)
        settings.repository.trusted_len = 0;
    if (choose_path(cli, &settings, &is_of_settings, &w->path, err) != 0)
        return -1;
    if (open_path(w, &settings, err) != 0)
        return is_of_settings ? cli_no_repository(err) : -1;
    take_turn(w);
    return choose_branch(w, err) != 0 ? -1 : read_tip(w, err);
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* Looks through a folder of services; `at` is where its path ends in `path`. */
static bool find_in(const struct listing *folder, const char *file, struct buf *path)
{
    size_t start = path->len;
    for (size_t i = 0; i < folder->len; i++) {
        const struct listing_entry *entry = &folder->entries[i];
        buf_putc(path, '/');
        buf_puts(path, entry->name);
        if (entry->folder == NULL ? strcmp(entry->name, file) == 0 : find_in(entry->folder, file, path))
            return true;
        buf_truncate(path, start);
    }
    return false;
}

int writing_find(struct writing *w, const char *service, bool *found, char **path, struct error *err)
{
    char file[LAYOUT_NAME_MAX + 8];
    struct buf text AUTO_BUF = {0};
    const struct listing_entry *services = listing_find(w->listing, "services");
    *found = false;
    if (!layout_name_is_good(span_of(service)))
        return error_set(err, CODE_USAGE, 0, "'%.80s' cannot be the name of a service: lower-case letters, digits and "
                         "'-', a letter first, at most 63", service);
    snprintf(file, sizeof file, "%s.yaml", service);
    buf_puts(&text, "services");
    if (services == NULL || services->folder == NULL || !find_in(services->folder, file, &text))
        return 0;
    buf_putc(&text, '\0');
    if (buf_check(&text, err) != 0)
        return -1;
    *path = TAKE(text.data);
    *found = true;
    return 0;
}

static void try_names(const struct listing *folder, struct nearest *nearest)
{
    for (size_t i = 0; i < folder->len; i++) {
        if (folder->entries[i].folder != NULL)
            try_names(folder->entries[i].folder, nearest);
        else
            nearest_try(nearest, folder->entries[i].name);
    }
}

int writing_need(struct writing *w, const char *service, bool gives_values, char **path, struct error *err)
{
    char file[LAYOUT_NAME_MAX + 8], hint[NEAREST_HINT_MAX];
    bool found;
    if (writing_find(w, service, &found, path, err) != 0)
        return -1;
    if (found)
        return 0;
    int len = snprintf(file, sizeof file, "%s.yaml", service);
    struct nearest nearest = {.text = {file, (size_t)len}};
    const struct listing_entry *services = listing_find(w->listing, "services");
    if (services != NULL && services->folder != NULL)
        try_names(services->folder, &nearest);
    if (nearest.name != NULL)
        return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s'%s", service,
                         nearest_hint_name((struct span){nearest.name, strcspn(nearest.name, ".")}, hint));
    if (!gives_values)
        return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s'", service);
    return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s': epochctl add %s makes it", service, service);
}

int writing_place(const char *folder, const char *target, char **out, struct error *err)
{
    size_t folder_len = folder == NULL ? 0 : strlen(folder);
    folder_len -= folder_len > 1 && folder[folder_len - 1] == '/'; /* as a shell completes it */
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "services/%.*s%s%s.yaml", (int)folder_len, folder_len == 0 ? "" : folder, folder_len == 0 ? "" : "/", target) < 0) {
        path = NULL;
        return error_memory(err);
    }
    /* Any other name is the judge's to refuse, who says more. */
    for (const char *part = strchr(path, '/'); part != NULL; part = strchr(part + 1, '/'))
        if (part[1] == '/' || part[1] == '.')
            return error_set(err, CODE_USAGE, 0, "'%.80s' is no place below services/: names with '/' between them, as audio/ears",
                             folder_len == 0 ? target : folder);
    *out = TAKE(path);
    return 0;
}

int writing_read(struct writing *w, const char *path, struct buf *out, uint32_t *mode, struct error *err)
{
    const struct listing_entry *entry = listing_find_path(w->listing, path);
    if (entry == NULL || (entry->mode != LAYOUT_MODE_FILE && entry->mode != LAYOUT_MODE_EXEC))
        return error_set(err, CODE_USAGE, 0, "'%s' is no plain file in the repository", path);
    *mode = entry->mode;
    return repo_read_blob(w->repo, &entry->oid, YAML_FILE_MAX, out, err);
}

int writing_fail(const struct error *err, const char *service, struct outcome *outcome)
{
    int rc = cli_fail(err);
    outcome_note_error(outcome, err);
    if (error_is(err, CODE_IDENTITY))
        fputs("What to do:\n  git config --global user.name \"Your Name\"\n"
              "  git config --global user.email you@example.org\n",
              stderr);
    else if (error_is(err, CODE_EDIT_REFUSED) && service != NULL)
        fprintf(stderr, "What to do: epochctl edit %s\n", service);
    else if (error_is(err, CODE_USAGE))
        rc = CLI_USAGE;
    else if (error_is(err, CODE_VERSION_MISMATCH) || error_is(err, CODE_REPO_DIRTY) || error_is(err, CODE_REPO_STALE))
        rc = CLI_FINDINGS;
    return error_is(err, CODE_EDIT_REFUSED) ? CLI_FINDINGS : rc;
}

int writing_run(const struct cli *cli, const struct cli_args *args, size_t options, writing_execute *execute)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, options + WRITING_JSON)};
    struct error err;
    int rc = CLI_FAILED;
    if (execute(cli, args, &outcome, &rc, &err) != 0)
        rc = writing_fail(&err, NULL, &outcome);
    return outcome_end(&outcome, rc);
}

struct writing_options writing_options_of(const struct cli_args *args, size_t first)
{
    return (struct writing_options){.message = args->options[first + WRITING_MESSAGE],
                                    .is_dry_run = cli_given(args, first + WRITING_DRY_RUN),
                                    .pushes = cli_given(args, first + WRITING_PUSH)};
}
