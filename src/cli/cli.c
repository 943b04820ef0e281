/*
 * cli: what stands before the verb, dispatch, and the few things all verbs share.
 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/owner.h"
#include "cli/remote.h"
#include "cli/usage.h"
#include "model/codes.h"
#include "util/streams.h"
#include "util/utf8.h"

int cli_fail(const struct error *err)
{
    char text[1200], safe[4 * sizeof text + 1];
    error_format(err, text, sizeof text);
    utf8_printable(span_of(text), safe, sizeof safe);
    fprintf(stderr, "epochctl: %s\n", safe);
    static const char *const asked_wrongly[] = {CODE_USAGE, CODE_NO_SERVICE, CODE_NO_PROFILE, CODE_NO_KEY};
    for (size_t i = 0; i < ARRAY_LEN(asked_wrongly); i++)
        if (error_is(err, asked_wrongly[i]))
            return CLI_USAGE;
    return CLI_FAILED;
}

int cli_usage(const struct cli_verb *verb, const char *format, ...)
{
    struct buf line AUTO_BUF = {0};
    va_list args;
    bool is_program = verb == &cli_program;
    if (format != NULL) {
        fprintf(stderr, "epochctl: %s%s", is_program ? "" : verb->name, is_program ? "" : ": ");
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    usage_put_line(&line, verb);
    fprintf(stderr, "usage: %s%.*s\n", is_program ? "" : "epochctl ", (int)line.len, line.data);
    return CLI_USAGE;
}

const struct cli_verb *cli_find_verb(const char *name)
{
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    return NULL;
}

void cli_try_verbs(struct nearest *nearest)
{
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (!cli_verbs[i]->is_hidden)
            nearest_try(nearest, cli_verbs[i]->name);
}

bool cli_print_errors(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        if (findings->items[i].severity != FINDING_ERROR)
            continue; /* warnings about settings are the daemon's to tell */
        finding_format(&findings->items[i], &line);
        fprintf(stderr, "epochctl: %.*s\n", (int)line.len, line.data);
    }
    return findings->errors > 0;
}

bool cli_load_settings(const struct cli *cli, struct settings *out, int *rc)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    if (settings_load(cli->config, environ, out, &findings, &err) != 0) {
        *rc = cli_fail(&err);
        return false;
    }
    *rc = CLI_FAILED;
    return !cli_print_errors(&findings);
}

/* --- the repository ------------------------------------------------------------------------------------- */

static bool is_there(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && stat(path, &st) == 0;
}

/* The top of a work tree has .git (a folder, or a file in a linked one); a bare repository has what git
   itself looks for. */
static bool is_repository(const char *path)
{
    return is_there(path, ".git") ||
           (is_there(path, "HEAD") && is_there(path, "objects") && is_there(path, "refs"));
}

char *cli_nearest_repository(void)
{
    char *path = getcwd(NULL, 0);
    while (path != NULL && !is_repository(path)) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path) {
            free(path);
            return NULL;
        }
        *slash = '\0';
    }
    return path;
}

int cli_open_trusted(const struct settings *settings, const char *path, struct repo **out, struct error *err)
{
    struct repo_policy policy = {settings->repository.trusted_uids, settings->repository.trusted_len, false};
    struct owner owner;
    struct error ignored;
    bool is_named = false;
    if (owner_of(path, &owner, &ignored) != 0 || !owner.is_other)
        return repo_open(out, path, &policy, err);
    for (size_t i = 0; i < policy.trusted_len; i++)
        is_named |= policy.trusted_uids[i] == owner.uid;
    if (!is_named)
        policy = (struct repo_policy){&owner.uid, 1, false};
    return repo_open(out, path, &policy, err);
}

static int open_nearest(const struct cli *cli, bool *is_missing, struct repo **out, struct error *err)
{
    AUTO_FREE char *path = cli_nearest_repository();
    struct settings settings AUTO_SETTINGS = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error ignored;
    *is_missing = path == NULL;
    if (path == NULL)
        return 0;
    /* Whose repositories are trusted is all that is wanted of the settings; without them only our own are. */
    if (settings_load(cli->config, environ, &settings, &findings, &ignored) != 0 || findings.errors > 0)
        settings.repository.trusted_len = 0;
    return cli_open_trusted(&settings, path, out, err);
}

int cli_no_repository(struct error *err)
{
    return error_wrap(err, "there is no git repository at or above the current folder, and in the settings");
}

int cli_open_repo(const struct cli *cli, struct repo **out, struct error *err)
{
    struct settings settings AUTO_SETTINGS = {0};
    bool is_missing;
    int rc;
    if (open_nearest(cli, &is_missing, out, err) != 0)
        return -1;
    if (!is_missing)
        return 0;
    if (cli->directory != NULL)
        return error_set(err, CODE_REPO_MISSING, 0, "there is no git repository at or above '%s'",
                         cli->directory);
    if (!cli_load_settings(cli, &settings, &rc))
        return error_set(err, CODE_SETTINGS, 0, "the settings do not tell where the repository is");
    if (cli_open_trusted(&settings, settings.repository.path, out, err) == 0)
        return 0;
    return cli_no_repository(err);
}

/* --- output --------------------------------------------------------------------------------------------- */

int cli_print(const struct buf *text)
{
    struct error err;
    if (buf_check(text, &err) != 0)
        return cli_fail(&err);
    if ((text->len > 0 && fwrite(text->data, 1, text->len, stdout) != text->len) || fflush(stdout) != 0) {
        error_set(&err, ERR_SYSTEM, errno, "cannot write to standard output");
        return cli_fail(&err);
    }
    return CLI_OK;
}

/* What was printed and could not be written must not look like success. */
static int finish_output(int rc)
{
    struct error err;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return rc;
    if (rc == CLI_FAILED)
        return rc; /* told already */
    error_set(&err, ERR_SYSTEM, errno, "cannot write to standard output");
    return cli_fail(&err);
}

static int change_directory(struct cli *cli, const char *path)
{
    struct error err;
    if (chdir(path) != 0) {
        error_set(&err, ERR_SYSTEM, errno, "-C %s", path);
        return cli_fail(&err);
    }
    cli->directory = path;
    return CLI_OK;
}

static int print_help(const struct cli_verb *verb)
{
    struct buf text AUTO_BUF = {0};
    if (verb == &cli_program)
        usage_put_overview(&text);
    else
        usage_put_help(&text, verb);
    return cli_print(&text);
}

static int refuse_verb(const char *name)
{
    struct nearest nearest = {.text = span_of(name)};
    char hint[NEAREST_HINT_MAX], shown[4 * NEAREST_MAX];
    cli_try_verbs(&nearest);
    utf8_printable(span_of(name), shown, sizeof shown);
    fprintf(stderr, "epochctl: there is no verb '%s'%s\n", shown,
            nearest.name == NULL ? "; epochctl help lists them" : nearest_hint(&nearest, hint));
    return CLI_USAGE;
}

static int run_verb(const struct cli *cli, int argc, char **argv)
{
    const struct cli_verb *verb = cli_find_verb(argv[0]);
    struct cli_args args;
    char name[64];
    if (verb == NULL)
        return refuse_verb(argv[0]);
    snprintf(name, sizeof name, "epochctl: %s", verb->name);
    argv[0] = name;
    switch (cli_parse(verb, false, argc, argv, &args)) {
    case CLI_PARSED:
        return finish_output(verb->run(cli, &args));
    case CLI_PARSED_HELP:
        return print_help(verb);
    case CLI_PARSED_WRONG:
        break;
    }
    return CLI_USAGE;
}

/* --- before the verb ------------------------------------------------------------------------------------ */

enum { OPT_DIRECTORY, OPT_CONFIG, OPT_HOST, OPT_COLOR, OPT_VERSION };

const struct cli_verb cli_program = {
    .name = "epochctl",
    .summary = "make, judge, inspect and prove what epochd serves",
    .help = "_VERB_ is one of those below; *epochctl help* _VERB_ tells more.\n",
    .exit = "0: fine; 1: findings, not verified, degraded or hold; 2: the command line is wrong; 3: could not "
            "run.",
    .operands = {{.name = "VERB", .kind = CLI_VERB}, {.name = "ARGUMENT", .is_optional = true, .is_repeated = true}},
    .options = {[OPT_DIRECTORY] = {.letter = 'C', .argument = "DIR", .kind = CLI_DIR, .help = "change to _DIR_ first"},
                [OPT_CONFIG] = {.name = "config",
                                .letter = 'c',
                                .argument = "FILE",
                                .kind = CLI_FILE,
                                .help = "the daemon's settings; default: *$EPOCHD_CONFIG*, else "
                                        "_/etc/epochd/epochd.yaml_"},
                [OPT_HOST] = {.name = "host",
                              .letter = 'H',
                              .argument = "[USER@]HOST",
                              .kind = CLI_HOST,
                              .help = "run the verb on that host, over *ssh*(1); _DIR_ and _FILE_ are then there"},
                [OPT_COLOR] = {.name = "color",
                               .argument = "auto|always|never",
                               .kind = CLI_WORDS,
                               .help = "default *auto*: on a terminal, unless *$NO_COLOR* is set"},
                [OPT_VERSION] = {.name = "version", .letter = 'V', .help = "print the version"}},
};

/* A user with a daemon of their own means that one. NULL: there is none, or something else was named. */
static const char *own_settings(char path[static PATH_MAX])
{
    const char *home = getenv("HOME");
    if (geteuid() == 0 || home == NULL || getenv("EPOCHD_CONFIG") != NULL)
        return NULL;
    int len = snprintf(path, PATH_MAX, "%s/.config/epochd/epochd.yaml", home);
    return len > 0 && len < PATH_MAX && access(path, F_OK) == 0 ? path : NULL;
}

/* What was typed, without -H: before anything of this host is read. */
static int run_there(const struct cli_args *args)
{
    static const struct {
        size_t option;
        const char *word;
    } handed_on[] = {{OPT_DIRECTORY, "-C"}, {OPT_CONFIG, "--config"}, {OPT_COLOR, "--color"}};
    enum { MORE_MAX = 2 * ARRAY_LEN(handed_on) + 1 }; /* and NULL */
    AUTO_FREE const char **words = calloc(args->operands_len + MORE_MAX, sizeof *words);
    struct error err;
    size_t len = 0;
    if (words == NULL) {
        error_memory(&err);
        return cli_fail(&err);
    }
    for (size_t i = 0; i < ARRAY_LEN(handed_on); i++)
        if (cli_given(args, handed_on[i].option)) {
            words[len++] = handed_on[i].word;
            words[len++] = args->options[handed_on[i].option];
        }
    for (size_t i = 0; i < args->operands_len; i++)
        words[len++] = args->operands[i];
    return remote_run(args->options[OPT_HOST], words);
}

int cli_main(int argc, char **argv)
{
    struct cli_args args;
    struct cli cli = {0};
    char own[PATH_MAX];
    static char name[] = "epochctl";
    int rc;
    streams_hold();
    if (argc > 0)
        argv[0] = name;
    switch (cli_parse(&cli_program, true, argc, argv, &args)) {
    case CLI_PARSED:
        break;
    case CLI_PARSED_HELP:
        return print_help(&cli_program);
    case CLI_PARSED_WRONG:
        return CLI_USAGE;
    }
    if (cli_given(&args, OPT_VERSION)) {
        printf("epochctl " EPOCHD_VERSION "\n");
        return finish_output(CLI_OK);
    }
    if (args.operands_len == 0) {
        print_help(&cli_program);
        return CLI_USAGE;
    }
    if (cli_given(&args, OPT_HOST))
        return run_there(&args);
    term_look(args.options[OPT_COLOR], &cli.term);
    cli.config = args.options[OPT_CONFIG] != NULL ? args.options[OPT_CONFIG] : own_settings(own);
    if (cli_given(&args, OPT_DIRECTORY) && (rc = change_directory(&cli, args.options[OPT_DIRECTORY])) != CLI_OK)
        return rc;
    return run_verb(&cli, (int)args.operands_len, args.operands);
}
