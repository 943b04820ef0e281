/*
 * show: the configuration of a service: what is in force, or what a commit says.
 */
#include <string.h>
#include <strings.h>

#include "cli/epochs.h"
#include "cli/verbs.h"
#include "config/candidate.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/utf8.h"

enum { OPT_AT, OPT_JSON };

/* What is shown: always the configuration, and what else is known of it. */
struct shown {
    struct buf config; /* canonical JSON */
    uint64_t version;  /* 0: not known */
    struct oid commit; /* of the version, or the one asked for */
    struct repo_commit about;
    bool has_about;
};

static void shown_fini(struct shown *shown)
{
    buf_fini(&shown->config);
}

/* --- in force ------------------------------------------------------------------------------------------- */

static int read_version_commit(struct span message, struct oid *out, struct error *err)
{
    static const struct doc_limits limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct json_options options = {.file = "message", .limits = limits};
    struct doc doc AUTO_DOC = {0};
    struct span commit;
    if (json_read(message, &options, &doc, err) != 0)
        return -1;
    if (!doc_get_string(doc.root, "config_epoch", &commit) || !oid_parse(commit, out))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message has no config_epoch");
    return 0;
}

static int show_in_force(const struct local *local, const char *service, struct shown *out, struct error *err)
{
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    bool is_missing;
    if (local_read_snapshot(local, false, &lkg, &is_missing, err) != 0)
        return error_wrap(err, "the snapshot");
    if (is_missing)
        return error_set(err, CODE_LKG_FORM, 0,
                         "there is no snapshot yet: epochd has not accepted an epoch, epochctl status says "
                         "why; epochctl show %s --at HEAD reads the repository",
                         service);
    const struct service *found = catalog_find(lkg.verified.catalog, service);
    if (found == NULL)
        return error_set(err, CODE_REPO_REV, 0, "there is no service '%s' in epoch %llu", service,
                         (unsigned long long)lkg.snapshot.epoch);
    buf_append_span(&out->config, found->config);
    out->version = found->version;
    return buf_check(&out->config, err) != 0 ? -1 : read_version_commit(found->message, &out->commit, err);
}

/* --- at a commit ---------------------------------------------------------------------------------------- */

static int show_at(struct repo *repo, const struct oid *commit, const char *service, struct shown *out,
                   struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    char hex[OID_HEX_LEN + 1];
    oid_format(commit, hex);
    if (source_from_commit(repo, commit, NULL, &source, err) != 0 ||
        candidate_judge(&source, &nothing, &candidate, &findings, err) != 0)
        return -1;
    if (findings.errors > 0)
        return error_set(err, CODE_REPO_REV, 0, "%.12s is not a valid configuration: epochctl check %.12s",
                         hex, hex);
    for (size_t i = 0; i < candidate.len; i++) {
        if (strcmp(candidate.services[i].name, service) != 0)
            continue;
        buf_append_span(&out->config, candidate.services[i].config);
        out->commit = *commit;
        return buf_check(&out->config, err);
    }
    return error_set(err, CODE_REPO_REV, 0, "there is no service '%s' at %.12s", service, hex);
}

/* --- output --------------------------------------------------------------------------------------------- */

static int print_json(const struct cli *cli, const char *service, const struct shown *shown)
{
    struct buf text AUTO_BUF = {0};
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    (void)cli;
    oid_format(&shown->commit, hex);
    clock_format(shown->about.time_ms, time);
    buf_puts(&text, "{\"config\":");
    buf_append_span(&text, buf_span(&shown->config));
    buf_printf(&text, ",\"config_epoch\":\"%s\",\"description\":", hex);
    json_put_text(&text, shown->has_about ? shown->about.subject : NULL);
    buf_puts(&text, ",\"service\":");
    json_put_text(&text, service);
    buf_puts(&text, ",\"updated_at\":");
    json_put_text(&text, shown->has_about ? time : NULL);
    buf_puts(&text, ",\"updated_by\":");
    json_put_text(&text, shown->has_about ? shown->about.author : NULL);
    buf_puts(&text, ",\"version\":");
    if (shown->version == 0)
        buf_puts(&text, "null");
    else
        buf_put_u64(&text, shown->version);
    buf_puts(&text, "}\n");
    return cli_print(&text);
}

/* True if the name reads back as the same string where it stands plain: no number, and none of the words that
   YAML takes for something else. */
static bool is_plain(struct span name)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-')))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == name.len && strncasecmp(words[i], name.data, name.len) == 0)
            return false;
    return name.len > 0;
}

/* What a terminal would obey, and what YAML takes for the end of a line or refuses. */
static bool is_escaped(uint32_t c)
{
    return (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The code point of a sequence; nothing beyond three bytes is ever escaped. */
static uint32_t decode(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    if (len == 2)
        return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
    if (len == 3)
        return (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    return len == 1 ? at[0] : 0;
}

/* JSON, which is YAML too; characters beyond ASCII stand in strings alone, where they may be escaped. */
static void put_json(struct buf *out, struct span json)
{
    while (json.len > 0) {
        size_t len = utf8_sequence(json.data, json.len);
        uint32_t c = decode(json.data, len);
        if (len == 0)
            len = 1; /* what was verified is UTF-8 */
        if (is_escaped(c))
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, json.data, len);
        json = (struct span){json.data + len, json.len - len};
    }
}

/* As YAML that reads back as the same. */
static void put_value(struct buf *out, const struct doc_node *node, struct span name, unsigned indent)
{
    struct buf json AUTO_BUF = {0};
    buf_printf(out, "%*s", (int)indent, "");
    if (!is_plain(name))
        json_put_string(&json, name);
    put_json(out, is_plain(name) ? name : buf_span(&json));
    buf_putc(out, ':');
    if (node->kind == DOC_OBJECT && node->u.object.len > 0) {
        buf_putc(out, '\n');
        for (size_t i = 0; i < node->u.object.len; i++)
            put_value(out, node->u.object.members[i].value, node->u.object.members[i].name, indent + 2);
        return;
    }
    buf_putc(out, ' ');
    buf_reset(&json);
    json_write(node, &json);
    put_json(out, buf_span(&json));
    buf_putc(out, '\n');
    if (json.failed)
        out->failed = true;
}

static int print_text(const struct cli *cli, const char *service, const struct shown *shown)
{
    static const struct doc_limits limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct json_options options = {.file = "config", .limits = limits};
    struct buf text AUTO_BUF = {0};
    struct doc doc AUTO_DOC = {0};
    struct error err;
    char hex[OID_HEX_LEN + 1];
    oid_format(&shown->commit, hex);
    if (json_read(buf_span(&shown->config), &options, &doc, &err) != 0)
        return cli_fail(&err);
    buf_printf(&text, "# %s", service);
    if (shown->version != 0)
        buf_printf(&text, ", version %llu", (unsigned long long)shown->version);
    buf_printf(&text, ", commit %.12s", hex);
    if (shown->has_about) {
        buf_puts(&text, ", by ");
        term_puts(&cli->term, TERM_PLAIN, shown->about.author, &text);
        buf_puts(&text, ": ");
        term_puts(&cli->term, TERM_PLAIN, shown->about.subject, &text);
    }
    buf_putc(&text, '\n');
    if (doc.root->u.object.len == 0)
        buf_puts(&text, "{}\n");
    for (size_t i = 0; i < doc.root->u.object.len; i++)
        put_value(&text, doc.root->u.object.members[i].value, doc.root->u.object.members[i].name, 0);
    return cli_print(&text);
}

static int find(struct local *local, struct repo *repo, const struct cli_args *args, struct shown *out,
                struct error *err)
{
    const char *service = args->operands[0], *at = args->options[OPT_AT];
    struct oid commit;
    if (at != NULL)
        return epoch_find_commit(local, repo, at, &commit, err) != 0
                   ? -1
                   : show_at(repo, &commit, service, out, err);
    if (local_open_state(local, err) != 0 || local_load_keys(local, false, err) != 0)
        return -1;
    return show_in_force(local, service, out, err);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct repo *repo AUTO_REPO = NULL;
    struct shown shown CLEANUP(shown_fini) = {0};
    struct error err, no_about;
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    struct repo_policy policy = {local.settings.repository.trusted_uids,
                                 local.settings.repository.trusted_len, false};
    if (repo_open(&repo, local.settings.repository.path, &policy, &err) != 0 && cli_given(args, OPT_AT))
        return local_fail(&local, &err);
    if (find(&local, repo, args, &shown, &err) != 0)
        return local_fail(&local, &err);
    shown.has_about = repo != NULL && repo_read_commit(repo, &shown.commit, &shown.about, &no_about) == 0;
    return (cli_given(args, OPT_JSON) ? print_json : print_text)(cli, args->operands[0], &shown);
}

const struct cli_verb verb_show = {
    .name = "show",
    .summary = "the configuration of a service",
    .help = "The configuration in force, from the snapshot, after both its checks: HMAC and signatures.\n",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}},
    .options = {[OPT_AT] = {.name = "at",
                            .argument = "EPOCH",
                            .kind = CLI_EPOCH,
                            .help = "what an epoch said, by its number or as a revision of git. Read from the "
                                    "repository; a number is looked up in the journal, for which _journal.key_ "
                                    "must be readable"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *config*, *version*, *config_epoch*, *updated_at*, "
                                      "*updated_by* and *description* (of the commit)"}},
    .run = run,
};
