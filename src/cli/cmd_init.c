/*
 * init: makes a ready configuration repository: skeleton, hooks, durable git settings.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "model/codes.h"
#include "util/fs.h"

static const char readme_text[] =
    "# Configuration\n"
    "\n"
    "Served by epochd: every commit is an epoch. One YAML mapping a service in `services/`, the name of the file is the name of the\n"
    "service; folders under `services/` are only for order.\n"
    "\n"
    "    epochctl check --worktree     # judge before committing (the pre-commit hook does it too)\n"
    "    git commit -am '…'            # an epoch\n"
    "    git log                       # the history\n"
    "    git revert HEAD               # back, as a new epoch\n";

static const char service_text[] =
    "# An example service. Rename the file to what your service is called; a reader asks for that name.\n"
    "greeting: hello\n"
    "repeat: 3\n";

/* A hook asks what was installed before it first, then epochctl. A missing epochctl never blocks git. */
static const char hook_text[] =
    "#!/bin/sh\n"
    "# Installed by epochctl init. %s\n"
    "before=\"$0.before-epochd\"\n"
    "%s"
    "epochctl=$(command -v epochctl || echo '%s')\n"
    "if [ ! -x \"$epochctl\" ]; then\n"
    "    echo 'epochd: epochctl is not installed here, nothing was checked' >&2\n"
    "    exit 0\n"
    "fi\n"
    "%s";

/* pre-receive reads the pushed refs from standard input, and both need them. */
static const char hook_plain_before[] = "if [ -x \"$before\" ]; then \"$before\" \"$@\" || exit; fi\n";
static const char hook_plain_run[] = "exec \"$epochctl\" hook pre-commit \"$@\"\n";
static const char hook_stdin_before[] = "refs=$(cat)\nif [ -x \"$before\" ]; then printf '%s\\n' \"$refs\" | \"$before\" \"$@\" || exit; fi\n";
static const char hook_stdin_run[] = "printf '%s\\n' \"$refs\" | \"$epochctl\" hook pre-receive \"$@\"\n";

struct init_options {
    const char *path;
    bool is_bare;
};

static int parse(int argc, char **argv, struct init_options *out)
{
    static const struct option options[] = {{"bare", no_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'b')
            return cli_usage("init", "that option is not known");
        out->is_bare = true;
    }
    if (argc - optind > 1)
        return cli_usage("init", "one folder");
    if (optind < argc)
        out->path = argv[optind];
    return CLI_OK;
}

/* --- git settings ------------------------------------------------------------------------------------------------------ */

static int set_durable(struct repo *repo, bool is_bare, const char *branch, struct error *err)
{
    /* git's default may lose the last commits at a power cut; a commit is an epoch here. */
    static const struct {
        const char *key, *value;
    } common[] = {{"core.fsync", "all"}, {"core.logAllRefUpdates", "true"}, {"receive.fsckObjects", "true"}};
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (repo_config_set(repo, common[i].key, common[i].value, err) != 0)
            return -1;
    if (repo_config_set(repo, "epochd.branch", branch, err) != 0)
        return -1;
    /* A push into a work tree updates its files, or is refused where that would lose edits. */
    return is_bare ? 0 : repo_config_set(repo, "receive.denyCurrentBranch", "updateInstead", err);
}

/* --- hooks --------------------------------------------------------------------------------------------------------------- */

static void own_path(char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    out[len < 0 ? 0 : len] = '\0';
    if (strchr(out, '\'') != NULL)
        out[0] = '\0'; /* the script quotes it; the PATH will do */
}

static bool is_ours(const struct buf *text)
{
    return memmem(text->data, text->len, "Installed by epochctl init", strlen("Installed by epochctl init")) != NULL;
}

/* Keeps a hook that is there as <name>.before-epochd, which ours runs first. */
static int install_hook(int dir, const char *name, bool reads_stdin, struct error *err)
{
    struct buf old AUTO_BUF = {0}, text AUTO_BUF = {0};
    char kept[64], self[4096];
    bool is_missing;
    if (fs_read(dir, name, FS_ANY_OWNER, 1024 * 1024, &old, &is_missing, err) != 0)
        return -1;
    snprintf(kept, sizeof kept, "%s.before-epochd", name);
    if (!is_missing && !is_ours(&old) && renameat(dir, name, dir, kept) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot keep the hook '%s' as '%s'", name, kept);
    own_path(self, sizeof self);
    buf_printf(&text, hook_text, reads_stdin ? "Judges a push before it is accepted." : "Judges what is staged.",
               reads_stdin ? hook_stdin_before : hook_plain_before, self, reads_stdin ? hook_stdin_run : hook_plain_run);
    return buf_check(&text, err) != 0 ? -1 : fs_replace(dir, name, buf_span(&text), 0755, err);
}

static int install_hooks(struct repo *repo, struct error *err)
{
    char path[4096], configured[4096];
    bool found;
    AUTO_CLOSE int dir = -1;
    if (repo_config_get(repo, "core.hooksPath", &found, configured, sizeof configured, err) != 0)
        return -1;
    const char *base = repo_work_dir(repo) == NULL ? repo_common_dir(repo) : repo_work_dir(repo);
    if (!found)
        snprintf(path, sizeof path, "%shooks", repo_common_dir(repo));
    else if (configured[0] == '/')
        snprintf(path, sizeof path, "%s", configured);
    else if (snprintf(path, sizeof path, "%s%s", base, configured) >= (int)sizeof path)
        return error_set(err, CODE_USAGE, 0, "core.hooksPath is too long");
    if (fs_make_dir(path, 0755, &dir, err) != 0)
        return error_wrap(err, "the hooks folder");
    if (install_hook(dir, "pre-commit", false, err) != 0)
        return -1;
    return install_hook(dir, "pre-receive", true, err);
}

/* --- the skeleton ---------------------------------------------------------------------------------------------------------- */

/* True if somebody has begun already: then nothing of ours is put beside it. */
static bool has_services(const struct repo *repo)
{
    char path[4096];
    struct stat st;
    const char *top = repo_work_dir(repo);
    if (top == NULL || snprintf(path, sizeof path, "%sservices", top) >= (int)sizeof path)
        return false;
    return stat(path, &st) == 0;
}

static int plant(struct repo *repo, const char *branch, struct error *err)
{
    static const struct repo_file files[] = {
        {"README.md", {readme_text, sizeof readme_text - 1}},
        {"services/hello.yaml", {service_text, sizeof service_text - 1}},
    };
    struct oid commit;
    return repo_first_commit(repo, branch, files, ARRAY_LEN(files), "config: begin", &commit, err);
}

static int make(const struct init_options *options, struct error *err)
{
    const char *branch = "main";
    struct repo_new new_repo = {options->path, branch, options->is_bare};
    struct repo_policy policy = {0};
    struct repo *repo AUTO_REPO = NULL;
    struct oid tip;
    bool existed, is_unborn;
    if (repo_create(&new_repo, &existed, err) != 0 || repo_open(&repo, options->path, &policy, err) != 0)
        return -1;
    if (set_durable(repo, repo_is_bare(repo), branch, err) != 0 || install_hooks(repo, err) != 0 ||
        repo_branch_tip(repo, branch, &is_unborn, &tip, err) != 0)
        return -1;
    bool planted = is_unborn && !has_services(repo) && !repo_is_bare(repo);
    if (planted && plant(repo, branch, err) != 0)
        return -1;
    printf("%s %s, branch %s, with hooks pre-commit and pre-receive\n", existed ? "completed" : "made", options->path, branch);
    if (repo_is_bare(repo))
        printf("next:\n  git -C YOUR-CLONE push %s %s\n  EPOCHD_REPOSITORY_PATH=%s epochd\n", options->path, branch, options->path);
    else if (planted)
        printf("next:\n  cd %s && $EDITOR services/hello.yaml && git commit -am 'hello: …'\n  EPOCHD_REPOSITORY_PATH=%s epochd\n",
               options->path, options->path);
    else
        printf("next:\n  cd %s && git add services && git commit -m 'config: begin'\n  EPOCHD_REPOSITORY_PATH=%s epochd\n", options->path,
               options->path);
    return 0;
}

int cmd_init(const struct cli *cli, int argc, char **argv)
{
    struct init_options options = {.path = "."};
    struct error err;
    (void)cli;
    int rc = parse(argc, argv, &options);
    if (rc != CLI_OK)
        return rc;
    return make(&options, &err) == 0 ? CLI_OK : cli_fail(&err);
}
