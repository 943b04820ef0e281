/*
 * cli: what stands before the verb, dispatch, and the few things all verbs share.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/codes.h"

int cli_fail(const struct error *err)
{
    char text[1200];
    error_format(err, text, sizeof text);
    fprintf(stderr, "epochctl: %s\n", text);
    return CLI_FAILED;
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list args;
    const struct cli_verb *found = cli_find_verb(verb);
    if (format != NULL) {
        fprintf(stderr, "epochctl: %s: ", verb);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    if (found != NULL)
        fprintf(stderr, "usage: epochctl %s %s\n", found->name, found->arguments);
    return CLI_USAGE;
}

const struct cli_verb *cli_find_verb(const char *name)
{
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (strcmp(cli_verbs[i].name, name) == 0)
            return &cli_verbs[i];
    return NULL;
}

bool cli_load_settings(const struct cli *cli, struct settings *out, int *rc)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    if (settings_load(cli->config, environ, out, &findings, &err) != 0) {
        *rc = cli_fail(&err);
        return false;
    }
    for (size_t i = 0; i < findings.len; i++) {
        struct buf line AUTO_BUF = {0};
        if (findings.items[i].severity != FINDING_ERROR)
            continue; /* warnings about settings are the daemon's to tell */
        finding_format(&findings.items[i], &line);
        fprintf(stderr, "epochctl: %.*s\n", (int)line.len, line.data);
    }
    *rc = CLI_FAILED;
    return findings.errors == 0;
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
    struct repo_policy policy = {settings.repository.trusted_uids, settings.repository.trusted_len, false};
    return repo_open(out, path, &policy, err);
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
    struct repo_policy policy = {settings.repository.trusted_uids, settings.repository.trusted_len, false};
    if (repo_open(out, settings.repository.path, &policy, err) == 0)
        return 0;
    return error_wrap(err, "there is no git repository at or above the current folder, and in the settings");
}

/* --- output --------------------------------------------------------------------------------------------- */

int cli_print(const struct buf *text)
{
    struct error err;
    if (buf_check(text, &err) != 0)
        return cli_fail(&err);
    if (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout) != 0) {
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

static int run_verb(const struct cli *cli, int argc, char **argv)
{
    const struct cli_verb *verb = cli_find_verb(argv[0]);
    char name[64];
    if (verb == NULL) {
        fprintf(stderr, "epochctl: there is no verb '%s'; epochctl help lists them\n", argv[0]);
        return CLI_USAGE;
    }
    snprintf(name, sizeof name, "epochctl: %s", verb->name);
    argv[0] = name; /* what getopt puts before its complaints */
    optind = 0;     /* glibc: start anew, for the verb's own options */
    int rc = verb->run(cli, argc, argv);
    return finish_output(rc);
}

int cli_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static char help[] = "help", *help_argv[] = {help, NULL};
    struct cli cli = {0};
    int option, rc;
    while ((option = getopt_long(argc, argv, "+C:c:Vh", options, NULL)) != -1) {
        if (option == 'C') {
            if ((rc = change_directory(&cli, optarg)) != CLI_OK)
                return rc;
        } else if (option == 'c') {
            cli.config = optarg;
        } else if (option == 'V') {
            printf("epochctl " EPOCHD_VERSION "\n");
            return finish_output(CLI_OK);
        } else if (option == 'h') {
            return finish_output(cmd_help(&cli, 1, help_argv));
        } else {
            fputs("usage: epochctl [-C DIR] [--config FILE] VERB [ARGUMENTS]\n", stderr);
            return CLI_USAGE;
        }
    }
    if (optind < argc)
        return run_verb(&cli, argc - optind, argv + optind);
    cmd_help(&cli, 1, help_argv);
    return CLI_USAGE;
}
