/*
 * init: makes a ready configuration repository: skeleton, hooks, durable git settings. Completes one that is
 * there, and overwrites nothing.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/hooks.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "model/codes.h"

#define DEFAULT_BRANCH "main"

enum { BRANCH_MAX = 256 };

static const char readme_text[] =
    "# Configuration\n"
    "\n"
    "Served by epochd: every commit is an epoch. One YAML mapping a service in `services/`, the name of\n"
    "the file is the name of the service; folders under `services/` are only for order. What a service may\n"
    "say stands in `schemas/`, and editors complete by it.\n"
    "\n"
    "    epochctl check --worktree     # judge before committing (the pre-commit hook does it too)\n"
    "    epochctl explain hello        # where each value comes from, and what it means\n"
    "    git commit -am '…'            # an epoch\n"
    "    git log                       # the history\n"
    "    git revert HEAD               # back, as a new epoch\n";

/* An editor with a YAML language server (VS Code, Neovim, Helix, Emacs) goes by the first line. */
static const char service_text[] =
    "# yaml-language-server: $schema=../schemas/hello.yaml\n"
    "# An example service. Rename the file to what your service is called; a reader asks for that name.\n"
    "greeting: hello\n"
    "repeat: 3\n";

static const char schema_text[] =
    "# yaml-language-server: $schema=https://json-schema.org/draft/2020-12/schema\n"
    "# What services/hello.yaml may say: a schema has the name of its service, or epoch.yaml says whose it is.\n"
    "type: object\n"
    "title: Hello\n"
    "description: An example service, and what is told of each value.\n"
    "properties:\n"
    "  greeting:\n"
    "    description: What is said.\n"
    "    type: string\n"
    "    minLength: 1\n"
    "    examples: [hello, good evening]\n"
    "  repeat:\n"
    "    description: How often it is said.\n"
    "    type: integer\n"
    "    minimum: 1\n"
    "    maximum: 10\n"
    "    default: 1\n"
    "# With this line what is not listed above is refused, and so is a misspelt key:\n"
    "# additionalProperties: false\n";

struct init_options {
    const char *path;
    bool is_bare;
};

enum { OPT_BARE };

/* What was found or made, for what is said about it. */
struct made {
    char path[PATH_MAX]; /* absolute */
    char branch[BRANCH_MAX];
    bool existed, is_bare;
    bool is_planted; /* with a skeleton of ours */
    bool is_born;    /* the branch had commits before */
};

/* --- git settings --------------------------------------------------------------------------------------- */

/* What the repository says is served, else main where it exists, else what is checked out. */
static int choose_branch(struct repo *repo, char out[static BRANCH_MAX], struct error *err)
{
    bool found, is_missing;
    struct oid tip;
    if (repo_config_get(repo, "epochd.branch", &found, out, BRANCH_MAX, err) != 0)
        return -1;
    if (found)
        return 0;
    if (repo_branch_tip(repo, DEFAULT_BRANCH, &is_missing, &tip, err) != 0)
        return -1;
    if (is_missing && repo_head_branch(repo, out, BRANCH_MAX, err) != 0)
        return -1;
    if (!is_missing || out[0] == '\0')
        snprintf(out, BRANCH_MAX, DEFAULT_BRANCH);
    return 0;
}

/* Leaves what somebody has chosen. */
static int set_default(struct repo *repo, const char *key, const char *value, struct error *err)
{
    char is[BRANCH_MAX];
    bool found;
    if (repo_config_get(repo, key, &found, is, sizeof is, err) != 0)
        return -1;
    return found ? 0 : repo_config_set(repo, key, value, err);
}

static int set_durable(struct repo *repo, const char *branch, struct error *err)
{
    /* git's default may lose the last commits at a power cut; a commit is an epoch here. */
    static const struct {
        const char *key, *value;
    } common[] = {{"core.fsync", "all"}, {"core.logAllRefUpdates", "true"}, {"receive.fsckObjects", "true"}};
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (repo_config_set(repo, common[i].key, common[i].value, err) != 0)
            return -1;
    if (set_default(repo, "epochd.branch", branch, err) != 0)
        return -1;
    /* A push into a work tree updates its files, or is refused where that would lose edits. */
    return repo_is_bare(repo) ? 0 : set_default(repo, "receive.denyCurrentBranch", "updateInstead", err);
}

/* --- the skeleton --------------------------------------------------------------------------------------- */

static bool has_entry(const struct repo *repo, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s%s", repo_work_dir(repo), name);
    return len > 0 && (size_t)len < sizeof path && lstat(path, &st) == 0;
}

/* Where somebody has begun already nothing of ours is put beside it. */
static int plant(struct repo *repo, struct made *made, struct error *err)
{
    static const struct repo_file files[] = {
        {"services/hello.yaml", {service_text, sizeof service_text - 1}},
        {"schemas/hello.yaml", {schema_text, sizeof schema_text - 1}},
        {"README.md", {readme_text, sizeof readme_text - 1}},
    };
    struct oid commit;
    if (made->is_born || made->is_bare || has_entry(repo, "services"))
        return 0;
    made->is_planted = true;
    size_t len = ARRAY_LEN(files) - (has_entry(repo, "README.md") ? 1 : 0);
    return repo_first_commit(repo, made->branch, files, len, "config: begin", &commit, err);
}

static int make(const struct init_options *options, struct made *made, struct error *err)
{
    const struct repo_new new_repo = {options->path, DEFAULT_BRANCH, options->is_bare};
    const struct repo_policy policy = {0};
    struct repo *repo AUTO_REPO = NULL;
    struct oid tip;
    bool is_unborn;
    if (repo_create(&new_repo, &made->existed, err) != 0 ||
        repo_open(&repo, options->path, &policy, err) != 0)
        return -1;
    made->is_bare = repo_is_bare(repo);
    if (options->is_bare && !made->is_bare)
        return error_set(err, CODE_USAGE, 0,
                         "'%s' is a repository with a work tree; --bare does not change that", options->path);
    if (realpath(options->path, made->path) == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot find '%s'", options->path);
    if (choose_branch(repo, made->branch, err) != 0 || set_durable(repo, made->branch, err) != 0 ||
        hooks_install(repo, err) != 0 || repo_branch_tip(repo, made->branch, &is_unborn, &tip, err) != 0)
        return -1;
    made->is_born = !is_unborn;
    return plant(repo, made, err);
}

/* --- what to type next ---------------------------------------------------------------------------------- */

static void put_first_line(struct buf *out, const struct made *made)
{
    struct buf path AUTO_BUF = {0};
    shell_put_word(&path, made->path);
    if (made->is_born)
        buf_printf(out, "  epochctl -C %.*s check %s\n", (int)path.len, path.data, made->branch);
    else if (made->is_bare)
        buf_printf(out, "  git push %.*s %s    # where your configuration is\n", (int)path.len, path.data,
                   made->branch);
    else if (made->is_planted)
        buf_printf(out, "  cd %.*s && ${EDITOR:-vi} services/hello.yaml && git commit -am 'hello: …'\n",
                   (int)path.len, path.data);
    else
        buf_printf(out, "  cd %.*s && git add services && git commit -m 'config: begin'\n", (int)path.len,
                   path.data);
}

/* Without root's rights the daemon needs other folders than its own. */
static void put_second_line(struct buf *out, const struct made *made)
{
    buf_puts(out, geteuid() == 0 ? "  EPOCHD_REPOSITORY_PATH="
                                 : "  mkdir -p ~/.local/state && EPOCHD_REPOSITORY_PATH=");
    shell_put_word(out, made->path);
    if (strcmp(made->branch, DEFAULT_BRANCH) != 0) {
        buf_puts(out, " EPOCHD_REPOSITORY_BRANCH=");
        shell_put_word(out, made->branch);
    }
    if (geteuid() != 0)
        buf_puts(out, " EPOCHD_STATE=~/.local/state/epochd EPOCHD_RUN=~/.local/state/epochd-run");
    buf_puts(out, " epochd\n");
}

static int print_made(const struct made *made)
{
    struct buf text AUTO_BUF = {0};
    buf_printf(&text, "%s %s, branch %s, with hooks that judge and answer\nnext:\n",
               made->existed ? "completed" : "made", made->path, made->branch);
    put_first_line(&text, made);
    put_second_line(&text, made);
    return cli_print(&text);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct init_options options = {.path = ".", .is_bare = cli_given(args, OPT_BARE)};
    struct made made = {0};
    struct error err;
    (void)cli;
    if (args->operands_len > 0)
        options.path = args->operands[0];
    return make(&options, &made, &err) == 0 ? print_made(&made) : cli_fail(&err);
}

const struct cli_verb verb_init = {
    .name = "init",
    .summary = "make a ready configuration repository",
    .help = "Makes _DIR_ (default: here) a git repository with hooks and durable git settings. A work tree\n"
            "without commits and without _services/_ also gets a first commit with _services/hello.yaml_, its\n"
            "schema and a _README.md_. A repository that is there is completed and nothing is overwritten: a\n"
            "hook is kept as _NAME.before-epochd_ and run first. The branch is that of *epochd.branch* in its\n"
            "config, else *main* where it exists, else the one that is checked out. Ends with the lines to\n"
            "type next.\n",
    .operands = {{.name = "DIR", .kind = CLI_DIR, .is_optional = true}},
    .options = {[OPT_BARE] = {.name = "bare", .help = "a bare repository, for pushes"}},
    .run = run,
};
