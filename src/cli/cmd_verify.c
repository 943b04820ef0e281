/*
 * verify: proves a snapshot, a journal or a message, or says why not.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/local.h"
#include "cli/verbs.h"
#include "io/crypto.h"
#include "io/journal_files.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/tail.h"
#include "util/clock.h"
#include "util/fs.h"
#include "verify/message.h"

enum { READ_CHUNK = 65536, LINE_ENDS_MAX = 16 };

struct verify_options {
    const char *file;          /* NULL: the usual one */
    const char *keys, *source; /* NULL: of the settings */
    struct verify_said *said;
};

/* The verdict, printed at the end. */
struct verify_said {
    struct buf text;
    const char *code; /* NULL: verified */
};

enum { OPT_KEYS, OPT_SOURCE, OPT_JSON };

/* A failure of the system is not a verdict. */
static int verdict(const struct local *local, const struct verify_options *options, const struct error *err)
{
    char text[1200];
    if (error_is(err, ERR_SYSTEM) || error_is(err, ERR_MEMORY))
        return local_fail(local, err);
    error_format(err, text, sizeof text);
    buf_printf(&options->said->text, "NOT verified: %s\n", text);
    options->said->code = err->code;
    return CLI_FINDINGS;
}

static int print_verdict(const struct verify_said *said, bool is_json)
{
    struct buf out AUTO_BUF = {0};
    if (!is_json)
        return cli_print(&said->text);
    buf_puts(&out, "{\"code\":");
    json_put_text(&out, said->code);
    buf_puts(&out, ",\"message\":");
    json_put_string(&out, (struct span){said->text.data, said->text.len - (said->text.len > 0)});
    buf_printf(&out, ",\"verified\":%s}\n", said->code == NULL ? "true" : "false");
    return cli_print(&out);
}

static void close_file(FILE **file)
{
    if (*file != NULL && *file != stdin)
        fclose(*file);
}

/* Reads FILE, or standard input for NULL and "-". Whoever names the file vouches for what it is: a pipe will
   do too. One byte more than `max` is enough for a verdict on the size. */
static int read_stream(const char *path, size_t max, struct buf *out, struct error *err)
{
    bool is_stdin = path == NULL || strcmp(path, "-") == 0;
    FILE *file CLEANUP(close_file) = is_stdin ? stdin : fopen(path, "re");
    size_t n = 1;
    if (file == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", path);
    while (n > 0 && out->len <= max) {
        size_t wanted = max + 1 - out->len < READ_CHUNK ? max + 1 - out->len : READ_CHUNK;
        char *to = buf_reserve(out, wanted);
        n = to == NULL ? 0 : fread(to, 1, wanted, file);
        out->len += n;
    }
    if (ferror(file) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot read '%s'", is_stdin ? "standard input" : path);
    return buf_check(out, err);
}

/* The folder of a file and its name there: FILE with a folder, or one in the state folder. */
static int open_folder(struct local *local, const char *file, const char **name, int *out,
                               struct error *err)
{
    const char *slash = strrchr(file, '/');
    char folder[4096];
    *name = slash == NULL ? file : slash + 1;
    if (slash == NULL)
        snprintf(folder, sizeof folder, "%s", local->settings.state);
    else
        snprintf(folder, sizeof folder, "%.*s", slash == file ? 1 : (int)(slash - file), file);
    return fs_open_dir(folder, out, err);
}

static void use_options(struct local *local, const struct verify_options *options, struct error *err,
                        int *failed)
{
    *failed = 0;
    if (options->keys != NULL) {
        free(local->settings.keys);
        local->settings.keys = strdup(options->keys);
    }
    if (options->source != NULL) {
        free(local->settings.mqtt.source);
        local->settings.mqtt.source = strdup(options->source);
    }
    if (local->settings.keys == NULL || local->settings.mqtt.source == NULL)
        *failed = error_memory(err);
}

/* --- lkg ------------------------------------------------------------------------------------------------ */

/* Where a file that was named is missing, it is not for epochd to make it. */
static int fail_reading(const struct local *local, const struct verify_options *options,
                        const struct error *err)
{
    return options->file != NULL && err->sys == ENOENT ? cli_fail(err) : local_fail(local, err);
}

/* A snapshot is a file: what a FIFO, a link or a device gives is not waited for. Standard input is the caller's. */
static int read_snapshot_file(struct local *local, const char *file, struct buf *out, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (file != NULL && strcmp(file, "-") == 0)
        return read_stream(file, SNAPSHOT_MAX, out, err);
    /* A name without a folder is one in the working directory, as everywhere on a command line. */
    char path[4096];
    bool is_plain = file != NULL && strchr(file, '/') == NULL;
    snprintf(path, sizeof path, "%s%s", is_plain ? "./" : "", file == NULL ? SNAPSHOT_FILE : file);
    if (open_folder(local, path, &name, &dir, err) != 0)
        return -1;
    if (fs_read(dir, name, FS_ANY_OWNER, SNAPSHOT_MAX, out, NULL, err) == 0)
        return 0;
    return file == NULL ? -1 : error_wrap(err, "'%s'", file);
}

static int verify_lkg(struct local *local, const struct verify_options *options)
{
    struct buf *out = &options->said->text;
    struct buf file AUTO_BUF = {0};
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    struct error err;
    char host[SNAPSHOT_HOST_MAX + 1];
    snapshot_host(host);
    if (local_load_keys(local, false, &err) != 0)
        return fail_reading(local, options, &err);
    if (read_snapshot_file(local, options->file, &file, &err) != 0)
        return error_is(&err, ERR_SYSTEM) ? fail_reading(local, options, &err) : verdict(local, options, &err);
    if (snapshot_read(buf_span(&file), &local->keyring.lkg, host, local->settings.mqtt.source, &lkg.snapshot,
                      &err) != 0 ||
        snapshot_verify(&lkg.snapshot, &local->keyring.roots, true, &lkg.verified, &err) != 0)
        return verdict(local, options, &err);
    buf_printf(out, "verified: HMAC %s, signatures of key %s\n", local->keyring.lkg.id, lkg.verified.head.key_id);
    buf_printf(out, "epoch %" PRIu64 ", generation %" PRIu64 ", %.*s, %zu service%s, written %.*s\n",
           lkg.snapshot.epoch, lkg.snapshot.generation, (int)lkg.snapshot.config_epoch.len,
           lkg.snapshot.config_epoch.data, catalog_count(lkg.verified.catalog),
           plural(catalog_count(lkg.verified.catalog)), (int)lkg.snapshot.written_at.len,
           lkg.snapshot.written_at.data);
    return CLI_OK;
}

/* --- journal -------------------------------------------------------------------------------------------- */

static int say_journal(const struct local *local, uint64_t lines, const struct journal_report *report, struct buf *out)
{
    char digest[HASH_HEX_LEN + 1];
    hex_encode(report->last.digest, HASH_LEN, digest);
    buf_printf(out, "verified: %" PRIu64 " lines, HMAC %s, chain whole\n", lines, local->keyring.journal.id);
    buf_printf(out, "last line %" PRIu64 ", sha256 %s\n", report->last.seq, digest);
    if (report->torn_bytes > 0)
        buf_printf(out, "behind it %" PRIu64 " bytes of a line that was never finished\n", report->torn_bytes);
    return CLI_OK;
}

/* One file, by itself. */
static int verify_journal_file(struct local *local, const struct verify_options *options)
{
    struct journal_report report;
    struct error err;
    const char *name;
    AUTO_CLOSE int dir = -1;
    if (local_load_keys(local, true, &err) != 0 || open_folder(local, options->file, &name, &dir, &err) != 0)
        return fail_reading(local, options, &err);
    if (faccessat(dir, name, F_OK, 0) != 0) {
        error_set(&err, ERR_SYSTEM, errno, "there is no journal '%s'", options->file);
        return fail_reading(local, options, &err);
    }
    if (journal_read(dir, name, &local->keyring.journal, UINT64_MAX, NULL, NULL, &report, &err) != 0)
        return verdict(local, options, &err);
    return say_journal(local, report.lines, &report, &options->said->text);
}

/* The journal seen as a whole: all files, and the line that the snapshot was made after. */
struct chain {
    struct journal_position snapshot; /* seq 0: there is no snapshot to compare with */
    bool is_found, is_refused;
    uint64_t lines, first;
};

static int see_line(void *context, const struct journal_line *line, struct error *err)
{
    struct chain *chain = context;
    const struct journal_position *at = &line->position;
    if (chain->lines++ == 0)
        chain->first = at->seq;
    if (at->seq != chain->snapshot.seq)
        return 0;
    chain->is_found = memcmp(at->digest, chain->snapshot.digest, HASH_LEN) == 0;
    return chain->is_found ? 0
                           : error_set(err, CODE_JOURNAL_CORRUPT, 0,
                                       "line %" PRIu64 " is not the one that the snapshot was made after", at->seq);
}

/* Read before the journal, which grows meanwhile. One that is refused has its own verdict: verify lkg. */
static int find_snapshot_line(struct local *local, struct chain *chain, struct error *err)
{
    struct buf file AUTO_BUF = {0};
    struct snapshot snapshot AUTO_SNAPSHOT = {0};
    bool is_missing;
    if (fs_read(local->state_dir, SNAPSHOT_FILE, FS_ANY_OWNER, SNAPSHOT_MAX, &file, &is_missing, err) != 0)
        return -1;
    if (is_missing)
        return 0;
    if (snapshot_read(buf_span(&file), &local->keyring.lkg, NULL, NULL, &snapshot, err) == 0)
        chain->snapshot = snapshot.journal;
    else if (error_is(err, ERR_MEMORY))
        return -1;
    else
        chain->is_refused = true;
    return 0;
}

static int read_chain(struct local *local, struct chain *chain, struct journal_report *report, struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    if (find_snapshot_line(local, chain, err) != 0 || journal_files_list(local->state_dir, &files, err) != 0 ||
        journal_files_read(local->state_dir, &files, 0, &local->keyring.journal, 0, see_line, chain, report, err) != 0)
        return -1;
    if (chain->snapshot.seq > report->last.seq)
        return error_set(err, CODE_JOURNAL_CORRUPT, 0,
                         "the snapshot was made after line %" PRIu64 ", and the journal ends at line %" PRIu64
                         ": its end was cut off",
                         chain->snapshot.seq, report->last.seq);
    return 0;
}

static int verify_journal(struct local *local, const struct verify_options *options)
{
    struct buf *out = &options->said->text;
    struct journal_report report;
    struct chain chain = {0};
    struct error err;
    if (options->file != NULL)
        return verify_journal_file(local, options);
    if (local_load_keys(local, true, &err) != 0 || local_open_state(local, &err) != 0)
        return fail_reading(local, options, &err);
    if (faccessat(local->state_dir, JOURNAL_FILE, F_OK, 0) != 0) {
        error_set(&err, ERR_SYSTEM, errno, "there is no journal '%s'", JOURNAL_FILE);
        return fail_reading(local, options, &err);
    }
    int rc = read_chain(local, &chain, &report, &err);
    if (chain.is_refused)
        buf_puts(out, "the snapshot is refused, and says nothing of the journal: epochctl verify lkg\n");
    if (rc != 0)
        return verdict(local, options, &err);
    say_journal(local, chain.lines, &report, out);
    if (chain.first > 1)
        buf_printf(out, "it begins at line %" PRIu64 ": the files before are not here\n", chain.first);
    if (chain.is_found)
        buf_printf(out, "the snapshot was made after line %" PRIu64 "\n", chain.snapshot.seq);
    return CLI_OK;
}

/* --- message -------------------------------------------------------------------------------------------- */

/* The type a message says it has. Used only to know what to expect; nothing is believed before it is
   verified. */
static bool guess_type(struct span raw, enum message_type *out)
{
    for (enum message_type type = MESSAGE_UPDATE; type <= MESSAGE_KEYSET; type++) {
        char needle[64];
        int len = snprintf(needle, sizeof needle, "\"type\":\"%s\"", message_type_name(type));
        /* From the end: a member of the config may look the same. */
        for (size_t at = raw.len; at >= (size_t)len; at--) {
            if (memcmp(raw.data + at - (size_t)len, needle, (size_t)len) == 0 &&
                raw.len - at < TAIL_SIGNATURE_LEN + 64) {
                *out = type;
                return true;
            }
            if (raw.len - at > TAIL_SIGNATURE_LEN + 64)
                break;
        }
    }
    return false;
}

static int verify_keyset_message(const struct local *local, const struct verify_options *options, struct span raw)
{
    struct buf *out = &options->said->text;
    struct keyset keyset;
    struct error err;
    if (keyset_verify(raw, &local->keyring.roots, local->settings.mqtt.source, &keyset, &err) != 0)
        return verdict(local, options, &err);
    buf_printf(out, "verified: config.keyset, generation %" PRIu64 ", %zu key%s, signed by a pinned root\n",
           keyset.generation, keyset.keys.len, plural(keyset.keys.len));
    return CLI_OK;
}

static int say_message(const struct message *message, struct buf *out)
{
    char timestamp[CLOCK_TEXT_LEN + 1];
    clock_format(message->timestamp_ms, timestamp);
    buf_printf(out, "verified: %s, signed by key %s at %s\n", message_type_name(message->type), message->key_id,
           timestamp);
    if (message->type == MESSAGE_UPDATE)
        buf_printf(out, "service %s, version %" PRIu64 ", %s%s\n", message->u.update.service,
               message->u.update.version, message->u.update.config_epoch,
               message->u.update.config.data == NULL ? ", a tombstone" : "");
    else if (message->type == MESSAGE_HEAD)
        buf_printf(out, "epoch %" PRIu64 ", %s, %" PRIu64 " service%s\n", message->u.head.epoch,
               message->u.head.config_epoch, message->u.head.services, plural(message->u.head.services));
    return CLI_OK;
}

static int verify_message(struct local *local, const struct verify_options *options)
{
    struct buf raw AUTO_BUF = {0};
    struct message message AUTO_MESSAGE = {0};
    struct expectation expected = {.source = local->settings.mqtt.source};
    struct error err;
    if (local_load_keys(local, false, &err) != 0 ||
        read_stream(options->file, MESSAGE_MAX + LINE_ENDS_MAX, &raw, &err) != 0)
        return fail_reading(local, options, &err);
    /* Tools that print a message end it with a line feed. */
    while (raw.len > 0 && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r'))
        raw.len--;
    if (!guess_type(buf_span(&raw), &expected.type))
        expected.type = MESSAGE_UPDATE; /* the refusal will say what is wrong with it */
    if (expected.type == MESSAGE_KEYSET)
        return verify_keyset_message(local, options, buf_span(&raw));
    if (message_verify(buf_span(&raw), &local->keyring.verified, &expected, &message, &err) != 0)
        return verdict(local, options, &err);
    return say_message(&message, &options->said->text);
}

static int verify(struct local *local, const char *what, const struct verify_options *options)
{
    switch (what[0]) {
    case 'l':
        return verify_lkg(local, options);
    case 'j':
        return verify_journal(local, options);
    default:
        return verify_message(local, options);
    }
}

static void said_fini(struct verify_said *said)
{
    buf_fini(&said->text);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct verify_said said CLEANUP(said_fini) = {0};
    const struct verify_options options = {cli_operand(args, 1), args->options[OPT_KEYS], args->options[OPT_SOURCE], &said};
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct error err;
    int failed, rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    use_options(&local, &options, &err, &failed);
    if (failed != 0)
        return cli_fail(&err);
    rc = verify(&local, args->operands[0], &options);
    if (rc == CLI_FAILED)
        return rc; /* told already */
    int printed = print_verdict(&said, cli_given(args, OPT_JSON));
    return printed == CLI_OK ? rc : printed;
}

const struct cli_verb verb_verify = {
    .name = "verify",
    .summary = "prove it, or say why not",
    .help = "*lkg*\n"
            "\tThe snapshot: its HMAC, then the keyset by the pinned roots, the head, every service's\n"
            "\tsignature, and the index.\n"
            "*journal*\n"
            "\tEvery line: form, HMAC and hash chain. _FILE_ is a path, or a name in the state folder;\n"
            "\tdefault: the current file. Needs _journal.key_.\n"
            "*message*\n"
            "\tA signed message in _FILE_, or on standard input, against the keyset. Line ends behind it\n"
            "\tare ignored. Needs the folder of keys, and no state folder.\n",
    .exit = "0: verified; 1: not verified, with the code.",
    .operands = {{.name = "lkg|journal|message", .kind = CLI_WORDS},
                 {.name = "FILE", .kind = CLI_FILE, .is_optional = true}},
    .options = {[OPT_KEYS] = {.name = "keys",
                              .argument = "DIR",
                              .kind = CLI_DIR,
                              .help = "the folder of keys; default: the setting"},
                [OPT_SOURCE] = {.name = "source",
                                .argument = "NAME",
                                .help = "the publisher's name; default: the setting *mqtt.source*"},
                [OPT_JSON] = {.name = "json", .help = "as a JSON object: *verified*, *code* of a refusal, *message*"}},
    .run = run,
};
