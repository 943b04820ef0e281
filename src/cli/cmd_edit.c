/*
 * edit: a service's file in an editor, judged when it is saved. It is a copy that is edited: the file itself changes
 * only with the commit, and what somebody typed is never lost, whatever is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/spawn.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "util/fs.h"
#include "util/num.h"

enum { OPT_EXPECT, OPT_MESSAGE, OPT_PUSH, OPT_JSON };

/* The file to edit, in a folder of its own that nobody else may enter. */
enum { FOLDER_MAX = 1024, FILE_NAME_MAX = LAYOUT_NAME_MAX + sizeof ".yaml" };
struct copy {
    char folder[FOLDER_MAX], name[FILE_NAME_MAX], path[FOLDER_MAX + FILE_NAME_MAX];
    int dir;
};

static void copy_drop(struct copy *copy)
{
    if (copy->dir >= 0)
        unlinkat(copy->dir, copy->name, 0);
    rmdir(copy->folder); /* an editor that left something there keeps it */
}

static int copy_make(const char *service, struct span text, struct copy *out, struct error *err)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] != '/')
        base = "/tmp";
    int len = snprintf(out->folder, sizeof out->folder, "%s/epochctl-XXXXXX", base);
    if (len < 0 || (size_t)len >= sizeof out->folder)
        return error_set(err, CODE_USAGE, 0, "$TMPDIR is too long");
    if (mkdtemp(out->folder) == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot make a folder in %s", base);
    snprintf(out->name, sizeof out->name, "%s.yaml", service);
    snprintf(out->path, sizeof out->path, "%s/%s", out->folder, out->name);
    if (fs_open_dir(out->folder, &out->dir, err) == 0 && fs_create(out->dir, out->name, text, 0600, err) == 0)
        return 0;
    copy_drop(out);
    return -1;
}

static int copy_read(const struct copy *copy, struct buf *out, struct error *err)
{
    buf_reset(out);
    if (fs_read(copy->dir, copy->name, FS_ANY_OWNER, YAML_FILE_MAX, out, NULL, err) == 0)
        return 0;
    return error_wrap(err, "reading what was edited");
}

/* --- the editor ----------------------------------------------------------------------------------------- */

static const char *choose_editor(void)
{
    static const char *const variables[] = {"VISUAL", "EDITOR"};
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return "vi";
}

/* By the shell, as git does it: EDITOR may be a program with options. The trap is for the shell alone: Ctrl-C is the editor's. */
static int run_editor(const struct copy *copy, struct error *err)
{
    char command[PATH_MAX];
    int exit_code;
    int len = snprintf(command, sizeof command, "trap : INT QUIT; %s \"$@\"", choose_editor());
    if (len < 0 || (size_t)len >= sizeof command)
        return error_set(err, CODE_USAGE, 0, "$EDITOR is too long");
    const char *const argv[] = {"sh", "-c", command, "sh", copy->path, NULL};
    if (spawn_wait(argv, &exit_code, err) != 0)
        return -1;
    return exit_code == 0 ? 0 : error_set(err, ERR_SYSTEM, 0, "the editor ended with %d; nothing was written", exit_code);
}

static bool wants_again(void)
{
    char answer[16];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    fputs("Edit again? [Y/n] ", stderr);
    if (fgets(answer, sizeof answer, stdin) != NULL)
        return answer[0] != 'n' && answer[0] != 'N';
    fputc('\n', stderr); /* Ctrl-D ends no line */
    return false;
}

/* --- committing ----------------------------------------------------------------------------------------- */

struct edit {
    const struct cli *cli;
    const struct cli_args *args;
    const char *service;
    char *path;
    struct buf before, after;
    uint32_t mode;
    bool has_committed;
    struct outcome *outcome;
};

static void edit_fini(struct edit *edit)
{
    free(edit->path);
    buf_fini(&edit->before);
    buf_fini(&edit->after);
}
#define AUTO_EDIT CLEANUP(edit_fini)

/* The repository anew: an editor is open for as long as somebody likes, and others commit meanwhile. */
static int commit(struct edit *edit, int *rc, struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    struct buf now AUTO_BUF = {0};
    const struct repo_change change = {.path = edit->path, .text = buf_span(&edit->after), .mode = edit->mode};
    const struct writing_options options = {.message = edit->args->options[OPT_MESSAGE],
                                            .pushes = cli_given(edit->args, OPT_PUSH)};
    char what[LAYOUT_NAME_MAX + 16];
    uint32_t mode;
    if (writing_open(edit->cli, &w, err) != 0 || writing_read(&w, edit->path, &now, &mode, err) != 0)
        return -1;
    if (!span_equal(buf_span(&now), buf_span(&edit->before)))
        return error_set(err, CODE_REPO_STALE, 0, "somebody else has committed %s meanwhile", edit->path);
    snprintf(what, sizeof what, "%s: edit", edit->service);
    *rc = writing_commit(&w, &change, 1, what, &options, edit->outcome);
    edit->has_committed = w.has_committed;
    return 0;
}

static int open_file(struct edit *edit, struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    const char *expect = edit->args->options[OPT_EXPECT];
    uint64_t version = 0;
    if (expect != NULL && !num_parse_u64(span_of(expect), &version))
        return error_set(err, CODE_USAGE, 0, "--expect is a version, not '%.40s'", expect);
    if (writing_open(edit->cli, &w, err) != 0 || writing_need(&w, edit->service, true, &edit->path, err) != 0 ||
        writing_read(&w, edit->path, &edit->before, &edit->mode, err) != 0)
        return -1;
    if (expect != NULL && version_expect(&w, edit->service, edit->path, version, err) != 0)
        return -1;
    return writing_is_clean(&w, edit->path, err);
}

/* Edits until it is committed, given up, or unchanged. *keeps: what was typed is not in the repository. */
static int edit_copy(struct edit *edit, const struct copy *copy, bool *keeps, struct error *err)
{
    int rc = CLI_OK;
    *keeps = false;
    do {
        if (run_editor(copy, err) != 0 || copy_read(copy, &edit->after, err) != 0)
            return writing_fail(err, NULL, edit->outcome);
        if (span_equal(buf_span(&edit->after), buf_span(&edit->before))) {
            *keeps = false;
            outcome_say(edit->outcome, "unchanged", "unchanged; nothing was written");
            return CLI_OK;
        }
        *keeps = true;
        if (commit(edit, &rc, err) != 0)
            return writing_fail(err, NULL, edit->outcome);
    } while (!edit->has_committed && wants_again());
    *keeps = !edit->has_committed;
    return rc;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_JSON)};
    struct edit edit AUTO_EDIT = {.cli = cli, .args = args, .service = args->operands[0], .outcome = &outcome};
    struct copy copy = {.dir = -1};
    struct error err;
    bool keeps = false;
    if (open_file(&edit, &err) != 0 || copy_make(edit.service, buf_span(&edit.before), &copy, &err) != 0)
        return outcome_end(&outcome, writing_fail(&err, NULL, &outcome));
    int rc = edit_copy(&edit, &copy, &keeps, &err);
    if (keeps)
        fprintf(stderr, "epochctl: what you typed is kept in %s\n", copy.path);
    else
        copy_drop(&copy);
    close(copy.dir);
    if (keeps)
        outcome_kept(&outcome, copy.path);
    return outcome_end(&outcome, rc);
}

const struct cli_verb verb_edit = {
    .name = "edit",
    .summary = "edit a service's file, judged when it is saved: one commit",
    .help = "Opens a copy in $VISUAL, else $EDITOR, else vi. When the editor ends, the copy is judged as\n"
            "epochd would; with findings it can be edited again on a terminal, else the copy is kept and\n"
            "named. Left unchanged, nothing is committed. Everything else is as with *set*.\n",
    .exit = "0: committed, or unchanged; 1: refused (the copy is kept), or as of *set*.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}},
    .options = {[OPT_EXPECT] = {.name = "expect", .argument = "VERSION",
                                .help = VERSION_EXPECT_HELP},
                [OPT_MESSAGE] = {.name = "message", .letter = 'm', .argument = "MESSAGE", .help = "of the commit"},
                [OPT_PUSH] = {.name = "push", .help = "*git push* after the commit"},
                [OPT_JSON] = {.name = "json", .help = OUTCOME_HELP}},
    .run = run,
};
