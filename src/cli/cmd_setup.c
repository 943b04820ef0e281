/*
 * setup: from an installed package to a served repository. Looks at what there is, prints what it does, and does only what
 * is missing; settings that are there are never overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/setup.h"
#include "cli/shell.h"
#include "cli/spawn.h"
#include "cli/verbs.h"
#include "model/codes.h"
#include "util/fs.h"

enum { OPT_REPO, OPT_MQTT, OPT_USER, OPT_DRY_RUN };
enum { SETTINGS_FILE_MAX = 64 * 1024 };

static const char *const unit_folders[] = {"/etc/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/", "/lib/systemd/"};

/* --- what there is -------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static int look_for_systemd(const struct setup_facts *facts, struct error *err)
{
    bool has_unit = false;
    for (size_t i = 0; i < ARRAY_LEN(unit_folders) && !has_unit; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s/epochd.service", unit_folders[i], facts->is_user ? "user" : "system");
        has_unit = is_there(path);
    }
    if (!has_unit)
        return error_set(err, CODE_SETUP_FAILED, 0, "the unit epochd.service is not installed: make install, or install the package");
    if (!is_there("/run/systemd/system"))
        return error_set(err, CODE_SETUP_FAILED, 0, "systemd does not run here; epochd runs without it: man epochd");
    return 0;
}

/* A trial needs no rights: it only says what would be done. */
static int look_at_user(struct setup_facts *facts, bool is_trial, struct error *err)
{
    const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");
    const struct passwd *daemon = facts->is_user ? NULL : getpwnam("epochd");
    if (!facts->is_user && !is_trial && geteuid() != 0)
        return error_set(err, CODE_SETUP_FAILED, 0, "this is for root: sudo epochctl setup …; for yourself alone: epochctl setup --user");
    if (!facts->is_user && daemon == NULL)
        return error_set(err, CODE_SETUP_FAILED, 0, "there is no user 'epochd', as whom it runs: the package makes it; after make install: systemd-sysusers");
    if (facts->is_user && (home == NULL || home[0] != '/'))
        return error_set(err, CODE_SETUP_FAILED, 0, "$HOME is not set");
    facts->daemon = daemon != NULL ? daemon->pw_uid : geteuid();
    snprintf(facts->home, sizeof facts->home, "%s", home != NULL ? home : "");
    if (runtime != NULL)
        snprintf(facts->runtime, sizeof facts->runtime, "%s", runtime);
    else
        snprintf(facts->runtime, sizeof facts->runtime, "/run/user/%u", (unsigned)geteuid());
    return 0;
}

static int look_at_repository(const char *path, struct setup_facts *facts, struct error *err)
{
    struct stat st;
    if (realpath(path, facts->repository) == NULL) {
        if (errno != ENOENT)
            return error_set(err, ERR_SYSTEM, errno, "cannot find '%s'", path);
        if (path[0] != '/')
            return error_set(err, CODE_USAGE, 0, "there is no '%s' yet: name it from the root, /…", path);
        snprintf(facts->repository, sizeof facts->repository, "%s", path);
        facts->is_missing = true;
        return 0;
    }
    if (stat(facts->repository, &st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot look at '%s'", facts->repository);
    const struct passwd *owner = getpwuid(st.st_uid);
    facts->owner = st.st_uid;
    snprintf(facts->owner_name, sizeof facts->owner_name, "%s", owner != NULL ? owner->pw_name : "?");
    if (facts->owner != 0 && owner == NULL)
        return error_set(err, CODE_REPO_OWNER, 0, "'%s' belongs to uid %u, which is nobody here", facts->repository, (unsigned)st.st_uid);
    const struct repo_policy policy = {&st.st_uid, 1, false};
    struct repo *repo AUTO_REPO = NULL;
    if (repo_open(&repo, facts->repository, &policy, err) != 0)
        return error_is(err, CODE_REPO_MISSING) ? error_wrap(err, "epochctl init %s makes one", facts->repository) : -1;
    facts->is_bare = repo_is_bare(repo);
    return 0;
}

/* Settings that are there say what is served; what was asked for must agree. */
static int agree(const struct setup_facts *facts, const struct settings *settings, const char *url, struct error *err)
{
    if (strcmp(settings->repository.path, facts->repository) != 0)
        return error_set(err, CODE_SETUP_FAILED, 0, "the settings are there and serve '%s': set repository.path to '%s' in them, or remove them",
                         settings->repository.path, facts->repository);
    if (url != NULL && strcmp(settings->mqtt.url, url) != 0)
        return error_set(err, CODE_SETUP_FAILED, 0, "the settings are there and name another broker: set mqtt.url in them, or remove them");
    bool is_trusted = facts->is_user || facts->is_missing || facts->owner == facts->daemon || (!facts->is_bare && facts->owner != 0);
    for (size_t i = 0; i < settings->repository.trusted_len; i++)
        is_trusted |= settings->repository.trusted_uids[i] == facts->owner;
    if (!is_trusted)
        return error_set(err, CODE_SETUP_FAILED, 0, "the repository is %s's: add trusted_uids: [%u] to repository in the settings",
                         facts->owner_name, (unsigned)facts->owner);
    return 0;
}

static int gather(const struct cli_args *args, struct setup_facts *facts, struct settings *settings, bool *is_told, struct error *err)
{
    bool is_trial = cli_given(args, OPT_DRY_RUN);
    char path[PATH_MAX], repository[PATH_MAX];
    const char *asked = args->options[OPT_REPO], *url = args->options[OPT_MQTT];
    struct findings findings AUTO_FINDINGS = {0};
    if (look_at_user(facts, is_trial, err) != 0)
        return -1;
    setup_settings_path(facts, path);
    facts->has_settings = is_there(path);
    facts->has_drop_in = is_there(SETUP_DROP_IN);
    /* Without a file its defaults count, and not what the environment says to this shell. */
    static char *const nothing[] = {NULL};
    if (settings_load(facts->has_settings ? path : "/dev/null", nothing, settings, &findings, err) != 0)
        return -1;
    *is_told = cli_print_errors(&findings);
    if (*is_told)
        return -1;
    if (facts->has_settings || !facts->is_user)
        snprintf(repository, sizeof repository, "%s", settings->repository.path);
    else
        snprintf(repository, sizeof repository, "%.4000s/config", facts->home);
    if (look_at_repository(asked != NULL ? asked : repository, facts, err) != 0)
        return -1;
    if (facts->has_settings && agree(facts, settings, url, err) != 0)
        return -1;
    facts->url = url != NULL ? url : settings->mqtt.url;
    return 0;
}

/* --- doing it ------------------------------------------------------------------------------------------- */

static void put_words(struct buf *out, const struct setup_step *step)
{
    for (size_t i = 0; step->words[i] != NULL; i++) {
        buf_puts(out, i == 0 ? "" : " ");
        shell_put_word(out, step->words[i]);
    }
    buf_putc(out, '\n');
}

static int print_plan(const struct setup_plan *plan)
{
    struct buf text AUTO_BUF = {0};
    for (size_t i = 0; i < plan->len; i++) {
        const struct setup_step *step = &plan->steps[i];
        if (step->path == NULL)
            put_words(&text, step);
        else if (step->text.len == 0)
            buf_printf(&text, "rm %s\n", step->path);
        else
            buf_printf(&text, "write %s:\n%.*s\n", step->path, (int)step->text.len, step->text.data);
    }
    return cli_print(&text);
}

/* The folders above the file, as mkdir -p does. */
static int make_folders(const char *path, struct error *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST)
            return error_set(err, ERR_SYSTEM, errno, "cannot make '%s'", folder);
        *slash = '/';
    }
    return 0;
}

/* *changed: the file was not what it has to be. The daemon's group reads settings, nobody else does. */
static int put_in_place(const struct setup_facts *facts, const struct setup_step *step, bool *changed, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    AUTO_FREE char *folder = strdup(step->path);
    struct buf old AUTO_BUF = {0};
    bool is_missing = false;
    if (folder == NULL)
        return error_memory(err);
    char *name = strrchr(folder, '/');
    *name++ = '\0';
    if (make_folders(step->path, err) != 0 || fs_open_dir(folder, &dir, err) != 0 ||
        fs_read(dir, name, FS_ANY_OWNER, SETTINGS_FILE_MAX, &old, &is_missing, err) != 0)
        return -1;
    if (step->text.len == 0 && !is_missing) {
        *changed = true;
        return unlinkat(dir, name, 0) == 0 ? 0 : error_set(err, ERR_SYSTEM, errno, "cannot remove '%s'", step->path);
    }
    if (step->text.len == old.len && (old.len == 0 || memcmp(old.data, step->text.data, old.len) == 0))
        return 0;
    *changed = true;
    const struct group *group = facts->is_user ? NULL : getgrnam("epoch");
    if (fs_replace(dir, name, buf_span(&step->text), step->mode, err) != 0)
        return -1;
    if (group != NULL && fchownat(dir, name, (uid_t)-1, group->gr_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot give '%s' to group epoch", step->path);
    return 0;
}

static bool is_running(const struct setup_facts *facts)
{
    const char *const system[] = {"systemctl", "is-active", "--quiet", "epochd.service", NULL};
    const char *const user[] = {"systemctl", "--user", "is-active", "--quiet", "epochd.service", NULL};
    struct error ignored;
    int code;
    return spawn_wait(facts->is_user ? user : system, &code, &ignored) == 0 && code == 0;
}

static int run_command(const struct setup_facts *facts, const struct setup_step *step, struct error *err)
{
    const char *const system[] = {"journalctl", "-u", "epochd", "-n", "8", "--no-pager", "-o", "cat", NULL};
    const char *const user[] = {"journalctl", "--user-unit", "epochd", "-n", "8", "--no-pager", "-o", "cat", NULL};
    struct buf words AUTO_BUF = {0};
    struct error ignored;
    int code, ignored_code;
    put_words(&words, step);
    if (buf_check(&words, err) != 0 || cli_print(&words) != CLI_OK || spawn_wait(step->words, &code, err) != 0)
        return -1;
    if (code == 0)
        return 0;
    if (step->is_start && spawn_wait(facts->is_user ? user : system, &ignored_code, &ignored) != 0)
        fputs("epochctl: journalctl -u epochd says why\n", stderr);
    return error_set(err, CODE_SETUP_FAILED, 0, "%s ended with %d; mend what is said above and run setup again", step->words[0], code);
}

static int apply(const struct setup_facts *facts, const struct setup_plan *plan, bool *changed, struct error *err)
{
    bool runs = is_running(facts);
    for (size_t i = 0; i < plan->len; i++) {
        const struct setup_step *step = &plan->steps[i];
        bool is_new = false;
        if (step->path != NULL) {
            if (put_in_place(facts, step, &is_new, err) != 0)
                return -1;
            if (is_new)
                printf("%s %s\n", step->text.len == 0 ? "removed" : "wrote", step->path);
            *changed |= is_new;
        } else if (!step->is_start || *changed || !runs) {
            if (run_command(facts, step, err) != 0)
                return -1;
            *changed = true;
        }
    }
    return 0;
}

/* Ends as `epochctl status` does, of what was set up. */
static int tell_status(const struct setup_facts *facts, const char *self)
{
    char path[PATH_MAX];
    struct error err;
    int code;
    setup_settings_path(facts, path);
    const char *const words[] = {self, "--config", path, "status", NULL};
    if (spawn_wait(words, &code, &err) != 0)
        return cli_fail(&err);
    return code;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    char self[PATH_MAX];
    struct setup_facts facts = {.is_user = cli_given(args, OPT_USER), .self = self};
    struct settings settings AUTO_SETTINGS = {0};
    struct setup_plan plan AUTO_SETUP_PLAN = {0};
    struct error err;
    bool changed = false, is_told = false, is_trial = cli_given(args, OPT_DRY_RUN);
    (void)cli;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    snprintf(self + (len > 0 ? len : 0), 16, "%s", len > 0 ? "" : "epochctl");
    if (gather(args, &facts, &settings, &is_told, &err) != 0)
        return is_told ? CLI_FAILED : cli_fail(&err);
    if (setup_make_plan(&facts, &plan, &err) != 0)
        return cli_fail(&err);
    if (is_trial)
        return print_plan(&plan);
    if (look_for_systemd(&facts, &err) != 0 || apply(&facts, &plan, &changed, &err) != 0)
        return cli_fail(&err);
    puts(!changed ? "nothing to do: it is set up so already\n"
                  : "set up; what consumers on other hosts pin (root.pub): epochctl keys init\n");
    if (changed && facts.is_user)
        puts("it runs while you are logged in; to go on without you: loginctl enable-linger\n");
    return fflush(stdout) == 0 ? tell_status(&facts, self) : CLI_FAILED;
}

const struct cli_verb verb_setup = {
    .name = "setup",
    .summary = "from the installed package to a served repository",
    .help = "Makes the repository where there is none, writes the settings where there are none, a drop-in\n"
            "for the unit where the repository's owner or the broker asks for one (_50-setup.conf_), starts\n"
            "the daemon and waits until it is ready. Doing it again changes nothing; settings that are there\n"
            "are never overwritten. A work tree is served as its owner; the owner of a bare repository is\n"
            "trusted.\n",
    .exit = "as of *status*.",
    .options = {[OPT_REPO] = {.name = "repo", .argument = "DIR", .kind = CLI_DIR,
                              .help = "the repository; default: that of the settings, else _/srv/config_, else _~/config_"},
                [OPT_MQTT] = {.name = "mqtt", .argument = "URL",
                              .help = "the broker; default: _mqtt://localhost:1883_, or *off*"},
                [OPT_USER] = {.name = "user", .help = "for yourself alone, with a unit of your own and without root"},
                [OPT_DRY_RUN] = {.name = "dry-run", .help = "print what would be written and run, and do nothing"}},
    .run = run,
};
