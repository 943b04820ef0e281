/*
 * verify: proves a snapshot, a journal or a message, or says why not.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "cli/local.h"
#include "io/crypto.h"
#include "model/tail.h"
#include "util/clock.h"
#include "util/fs.h"
#include "verify/message.h"

struct verify_options {
    const char *what, *file;
    const char *keys, *source; /* NULL: of the settings */
};

static int parse(int argc, char **argv, struct verify_options *out)
{
    static const struct option options[] = {{"keys", required_argument, NULL, 'k'}, {"source", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'k')
            out->keys = optarg;
        else if (option == 's')
            out->source = optarg;
        else
            return cli_usage("verify", "that option is not known");
    }
    if (optind >= argc || argc - optind > 2)
        return cli_usage("verify", "say what: lkg, journal or message");
    out->what = argv[optind];
    out->file = argv[optind + 1]; /* NULL behind the last */
    return CLI_OK;
}

static int not_verified(const struct error *err)
{
    char text[1200];
    error_format(err, text, sizeof text);
    printf("NOT verified: %s\n", text);
    return CLI_FINDINGS;
}

/* A failure of the system is not a verdict. */
static int verdict(const struct error *err)
{
    return strcmp(err->code, ERR_SYSTEM) == 0 || strcmp(err->code, ERR_MEMORY) == 0 ? cli_fail(err) : not_verified(err);
}

/* Reads FILE, or standard input for NULL and "-". */
static int read_file(const char *path, size_t max, struct buf *out, struct error *err)
{
    if (path != NULL && strcmp(path, "-") != 0) {
        AUTO_CLOSE int here = -1;
        if (fs_open_dir(".", &here, err) != 0)
            return -1;
        return fs_read(here, path, FS_ANY_OWNER, max, out, NULL, err);
    }
    char *to;
    size_t n;
    do {
        to = buf_reserve(out, 65536);
        n = to == NULL ? 0 : fread(to, 1, 65536, stdin);
        out->len += n;
    } while (n > 0 && out->len <= max);
    return buf_check(out, err);
}

static void use_options(struct local *local, const struct verify_options *options, struct error *err, int *failed)
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

/* --- lkg ----------------------------------------------------------------------------------------------------------- */

static int verify_lkg(struct local *local, const struct verify_options *options)
{
    struct buf file AUTO_BUF = {0};
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    struct error err;
    char host[65], path[4096];
    snapshot_host(host);
    snprintf(path, sizeof path, "%s/%s", local->settings.state, SNAPSHOT_FILE);
    if (local_load_keys(local, false, &err) != 0 ||
        read_file(options->file == NULL ? path : options->file, SNAPSHOT_MAX, &file, &err) != 0)
        return cli_fail(&err);
    if (snapshot_read(buf_span(&file), &local->keyring.lkg, host, local->settings.mqtt.source, &lkg.snapshot, &err) != 0 ||
        snapshot_verify(&lkg.snapshot, &local->keyring.roots, true, &lkg.verified, &err) != 0)
        return verdict(&err);
    printf("verified: HMAC %s, signatures of key %s\n", local->keyring.lkg.id, lkg.verified.head.key_id);
    printf("epoch %" PRIu64 ", generation %" PRIu64 ", %.*s, %zu services, written %.*s\n", lkg.snapshot.epoch,
           lkg.snapshot.generation, (int)lkg.snapshot.config_epoch.len, lkg.snapshot.config_epoch.data,
           catalog_count(lkg.verified.catalog), (int)lkg.snapshot.written_at.len, lkg.snapshot.written_at.data);
    return CLI_OK;
}

/* --- journal -------------------------------------------------------------------------------------------------------- */

static int verify_journal(struct local *local, const struct verify_options *options)
{
    struct journal_report report;
    struct error err;
    char digest[HASH_HEX_LEN + 1];
    const char *name = options->file == NULL ? JOURNAL_FILE : options->file;
    if (local_load_keys(local, true, &err) != 0)
        return cli_fail(&err);
    if (strchr(name, '/') != NULL)
        return cli_usage("verify", "a journal is named without its folder: it is read in the state folder");
    if (journal_read(local->state_dir, name, &local->keyring.journal, UINT64_MAX, NULL, NULL, &report, &err) != 0)
        return verdict(&err);
    hex_encode(report.last.digest, HASH_LEN, digest);
    printf("verified: %" PRIu64 " lines, HMAC %s, chain whole\n", report.lines, local->keyring.journal.id);
    printf("last line %" PRIu64 ", sha256 %s\n", report.last.seq, digest);
    if (report.torn_bytes > 0)
        printf("behind it %" PRIu64 " bytes of a line that was never finished\n", report.torn_bytes);
    return CLI_OK;
}

/* --- message -------------------------------------------------------------------------------------------------------- */

/* The type a message says it has. Used only to know what to expect; nothing is believed before it is verified. */
static bool guess_type(struct span raw, enum message_type *out)
{
    for (enum message_type type = MESSAGE_UPDATE; type <= MESSAGE_KEYSET; type++) {
        char needle[64];
        int len = snprintf(needle, sizeof needle, "\"type\":\"%s\"", message_type_name(type));
        /* From the end: a member of the config may look the same. */
        for (size_t at = raw.len; at >= (size_t)len; at--) {
            if (memcmp(raw.data + at - (size_t)len, needle, (size_t)len) == 0 && raw.len - at < TAIL_SIGNATURE_LEN + 64) {
                *out = type;
                return true;
            }
            if (raw.len - at > TAIL_SIGNATURE_LEN + 64)
                break;
        }
    }
    return false;
}

static int verify_keyset_message(const struct local *local, struct span raw)
{
    struct keyset keyset;
    struct error err;
    if (keyset_verify(raw, &local->keyring.roots, local->settings.mqtt.source, &keyset, &err) != 0)
        return verdict(&err);
    printf("verified: config.keyset, generation %" PRIu64 ", %zu keys, signed by a pinned root\n", keyset.generation, keyset.keys.len);
    return CLI_OK;
}

static int say_message(const struct message *message)
{
    char timestamp[CLOCK_TEXT_LEN + 1];
    clock_format(message->timestamp_ms, timestamp);
    printf("verified: %s, signed by key %s at %s\n", message_type_name(message->type), message->key_id, timestamp);
    if (message->type == MESSAGE_UPDATE)
        printf("service %s, version %" PRIu64 ", %s%s\n", message->u.update.service, message->u.update.version,
               message->u.update.config_epoch, message->u.update.config.data == NULL ? ", a tombstone" : "");
    else if (message->type == MESSAGE_HEAD)
        printf("epoch %" PRIu64 ", %s, %" PRIu64 " services\n", message->u.head.epoch, message->u.head.config_epoch,
               message->u.head.services);
    return CLI_OK;
}

static int verify_message(struct local *local, const struct verify_options *options)
{
    struct buf raw AUTO_BUF = {0};
    struct message message AUTO_MESSAGE = {0};
    struct expectation expected = {.source = local->settings.mqtt.source};
    struct error err;
    if (local_load_keys(local, false, &err) != 0 || read_file(options->file, MESSAGE_MAX + 1, &raw, &err) != 0)
        return cli_fail(&err);
    /* Tools that print a message end it with a line feed. */
    while (raw.len > 0 && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r'))
        raw.len--;
    if (!guess_type(buf_span(&raw), &expected.type))
        expected.type = MESSAGE_UPDATE; /* the refusal will say what is wrong with it */
    if (expected.type == MESSAGE_KEYSET)
        return verify_keyset_message(local, buf_span(&raw));
    if (message_verify(buf_span(&raw), &local->keyring.verified, &expected, &message, &err) != 0)
        return verdict(&err);
    return say_message(&message);
}

int cmd_verify(const struct cli *cli, int argc, char **argv)
{
    struct verify_options options = {0};
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct error err;
    int failed, rc = parse(argc, argv, &options);
    if (rc != CLI_OK)
        return rc;
    bool is_lkg = strcmp(options.what, "lkg") == 0, is_journal = strcmp(options.what, "journal") == 0;
    if (!is_lkg && !is_journal && strcmp(options.what, "message") != 0)
        return cli_usage("verify", "'%s' is not lkg, journal or message", options.what);
    if (!local_open(cli, &local, &rc))
        return rc;
    use_options(&local, &options, &err, &failed);
    if (failed != 0)
        return cli_fail(&err);
    return is_lkg ? verify_lkg(&local, &options) : is_journal ? verify_journal(&local, &options) : verify_message(&local, &options);
}
