/*
 * keys: makes a first key set, lists what is there. Never prints a secret.
 */
#include <string.h>

#include "cli/local.h"
#include "cli/verbs.h"
#include "model/json.h"
#include "util/fs.h"

enum { OPT_KEYS, OPT_JSON };

static const char *problem_of(const struct keyring_row *row)
{
    return row->problem.code == NULL ? NULL : row->problem.message;
}

static void put_row_json(struct buf *out, const struct keyring_row *row)
{
    buf_printf(out, "{\"exists\":%s,\"file\":\"%s\",\"key_id\":", row->exists ? "true" : "false", row->file);
    json_put_text(out, row->id[0] == '\0' ? NULL : row->id);
    buf_printf(out, ",\"kind\":\"%s\",\"mode\":\"%04o\",\"problem\":", row->kind, row->mode);
    json_put_text(out, problem_of(row));
    buf_putc(out, '}');
}

static void put_row_text(struct buf *out, const struct keyring_row *row)
{
    buf_printf(out, "%-12s %-15s %-16s  ", row->file, row->kind, row->id[0] == '\0' ? "-" : row->id);
    if (row->exists)
        buf_printf(out, "%04o", row->mode);
    else
        buf_puts(out, "missing");
    if (problem_of(row) != NULL)
        buf_printf(out, "  %s", problem_of(row));
    buf_putc(out, '\n');
}

static int list(const struct local *local, const char *folder, bool is_json)
{
    struct keyring_row rows[KEYRING_FILES];
    struct buf text AUTO_BUF = {0};
    struct error err;
    bool has_problem = false;
    if (keyring_list(folder, rows, &err) != 0)
        return local_fail(local, &err);
    if (is_json)
        buf_putc(&text, '[');
    else
        buf_printf(&text, "%-12s %-15s %-16s  %s\n", "FILE", "KIND", "KEY ID", "MODE");
    for (size_t i = 0; i < KEYRING_FILES; i++) {
        has_problem |= problem_of(&rows[i]) != NULL;
        if (is_json && i > 0)
            buf_putc(&text, ',');
        (is_json ? put_row_json : put_row_text)(&text, &rows[i]);
    }
    if (is_json)
        buf_puts(&text, "]\n");
    int rc = cli_print(&text);
    return rc == CLI_OK && has_problem ? CLI_FINDINGS : rc;
}

/* The paste-ready lines: what a consumer on another host is given. */
static int say_roots(const char *folder)
{
    struct buf roots AUTO_BUF = {0};
    struct error err;
    AUTO_CLOSE int dir = -1;
    if (fs_open_dir(folder, &dir, &err) != 0 ||
        fs_read(dir, "root.pub", FS_ANY_OWNER, 65536, &roots, NULL, &err) != 0)
        return cli_fail(&err);
    printf("consumers pin this line (root.pub):\n");
    return cli_print(&roots);
}

/* Keys elsewhere are not the daemon's. */
static int prepare_state(const struct settings *settings, const char *folder, struct error *err)
{
    bool exists;
    AUTO_CLOSE int state = -1;
    if (strcmp(folder, settings->keys) != 0)
        return 0;
    if (keyring_exists(folder, &exists, err) != 0)
        return -1;
    if (fs_make_dir(settings->state, 0750, &state, err) != 0)
        return error_wrap(err, "the state folder (setting: state)");
    return exists ? 0 : keyring_prepare(folder, state, settings->state, err);
}

static int init(const struct local *local, const char *folder)
{
    struct error err;
    bool made;
    if (prepare_state(&local->settings, folder, &err) != 0)
        return cli_fail(&err);
    if (keyring_make(folder, local->settings.mqtt.source, &made, &err) != 0)
        return cli_fail(&err);
    printf(made ? "made keys in %s\n" : "the keys in %s are complete; nothing was made\n", folder);
    return say_roots(folder);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    const char *folder = cli_given(args, OPT_KEYS) ? args->options[OPT_KEYS] : local.settings.keys;
    if (strcmp(args->operands[0], "list") == 0)
        return list(&local, folder, cli_given(args, OPT_JSON));
    return init(&local, folder);
}

const struct cli_verb verb_keys = {
    .name = "keys",
    .summary = "make keys, or list them",
    .help = "*init*\n"
            "\tMakes what is missing of a first key set and prints _root.pub_, the line that consumers on\n"
            "\tother hosts pin. A key that is there is never touched. *epochd* does the same at its first\n"
            "\tstart.\n"
            "*list*\n"
            "\tFiles, kinds, ids and modes, never a secret. Exit status 1 if a file is there and cannot be\n"
            "\tused (or not read by you).\n",
    .operands = {{.name = "init|list", .kind = CLI_WORDS}},
    .options = {[OPT_KEYS] = {.name = "keys",
                              .argument = "DIR",
                              .kind = CLI_DIR,
                              .help = "the folder; default: the setting"},
                [OPT_JSON] = {.name = "json", .help = "for *list*: as a JSON array"}},
    .run = run,
};
