/*
 * app: see app.h. The command line says where the settings are; everything else is a setting.
 */
#include "daemon/app.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "config/settings.h"
#include "daemon/check.h"
#include "daemon/daemon.h"
#include "util/streams.h"

static const char usage_text[] =
    "usage: epochd [--config FILE] [--check | --print-settings]\n"
    "\n"
    "The configuration sidecar: watches a git repository of YAML, validates each commit, signs it, journals it,\n"
    "publishes it over MQTT and keeps a last-known-good snapshot. Stays in the foreground; logs to standard error.\n"
    "\n"
    "  -c, --config FILE     settings (default: $EPOCHD_CONFIG, else " SETTINGS_FILE ")\n"
    "      --check           check settings, repository, keys, state and certificates; start nothing\n"
    "      --print-settings  print the settings in force: defaults, file, environment\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "Every setting can come from the environment: EPOCHD_MQTT_URL for mqtt.url. See epochd(8), epochd.yaml(5).\n"
    "SIGTERM stops it, SIGHUP opens the repository again. Exit: 0 fine, 1 settings are wrong, 2 usage, 3 could not run.\n";

enum app_action { ACTION_RUN, ACTION_CHECK, ACTION_PRINT };

static void say_settings_findings(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        finding_format(&findings->items[i], &line);
        fprintf(stderr, "%.*s\n", (int)line.len, line.data);
    }
}

static int fail(const struct error *err)
{
    char text[1200];
    error_format(err, text, sizeof text);
    fprintf(stderr, "epochd: %s\n", text);
    return APP_FAILED;
}

static int print_settings(const struct settings *settings)
{
    struct buf text AUTO_BUF = {0};
    struct error err;
    settings_print(settings, &text);
    if (buf_check(&text, &err) != 0)
        return fail(&err);
    if (fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return APP_OK;
    error_set(&err, ERR_SYSTEM, errno, "cannot write to standard output");
    return fail(&err);
}

static int act(enum app_action action, const struct settings *settings)
{
    struct error err;
    switch (action) {
    case ACTION_CHECK:
        return check_settings(settings, &err) == 0 ? APP_OK : fail(&err);
    case ACTION_PRINT:
        return print_settings(settings);
    case ACTION_RUN:
        break;
    }
    log_setup(settings->log.level, settings->log.format);
    return daemon_run(settings, &err) == 0 ? APP_OK : APP_FAILED; /* it has said why */
}

static int with_settings(enum app_action action, const char *path)
{
    struct settings settings AUTO_SETTINGS = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    if (settings_load(path, environ, &settings, &findings, &err) != 0)
        return fail(&err);
    say_settings_findings(&findings);
    if (findings.errors > 0)
        return APP_FINDINGS;
    return act(action, &settings);
}

int app_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'C'},
        {"print-settings", no_argument, NULL, 'P'}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    enum app_action action = ACTION_RUN;
    const char *path = NULL;
    int option;
    streams_hold();
    while ((option = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
        if (option == 'c')
            path = optarg;
        else if (option == 'C')
            action = ACTION_CHECK;
        else if (option == 'P')
            action = ACTION_PRINT;
        else if (option == 'V')
            return printf("epochd " EPOCHD_VERSION "\n") < 0 ? APP_FAILED : APP_OK;
        else if (option == 'h')
            return fputs(usage_text, stdout) < 0 ? APP_FAILED : APP_OK;
        else
            return APP_USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "epochd: unexpected argument '%s'; epochd --help\n", argv[optind]);
        return APP_USAGE;
    }
    return with_settings(action, path);
}
