/*
 * show: the configuration of a service: what is in force, or what a commit says.
 */
#include <string.h>
#include <strings.h>

#include "cli/in_force.h"
#include "cli/listed.h"
#include "cli/point.h"
#include "cli/shown.h"
#include "cli/verbs.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/utf8.h"

enum { OPT_AT, OPT_JSON };

/* --- output --------------------------------------------------------------------------------------------- */

static void put_about(const char *at, const char *by, bool is_known, const struct repo_commit *about, struct buf *out)
{
    char time[CLOCK_TEXT_LEN + 1];
    clock_format(about->time_ms, time);
    buf_printf(out, ",\"%s\":", at);
    json_put_text(out, is_known ? time : NULL);
    buf_printf(out, ",\"%s\":", by);
    json_put_text(out, is_known ? about->author : NULL);
}

static void put_text(const struct buf *text, struct buf *out)
{
    if (text->len == 0)
        buf_puts(out, "null");
    else
        json_put_string(out, buf_span(text));
    out->failed |= text->failed;
}

static int print_json(const struct cli *cli, const char *service, const struct shown *shown)
{
    struct buf text AUTO_BUF = {0};
    char hex[OID_HEX_LEN + 1];
    (void)cli;
    oid_format(&shown->commit, hex);
    buf_puts(&text, "{\"about\":");
    put_text(&shown->about_it, &text);
    buf_puts(&text, ",\"active\":true,\"config\":");
    buf_append_span(&text, buf_span(&shown->config));
    buf_printf(&text, ",\"config_epoch\":\"%s\"", hex);
    put_about("created_at", "created_by", shown->has_creation, &shown->creation, &text);
    buf_puts(&text, ",\"description\":");
    json_put_text(&text, shown->has_about ? shown->about.subject : NULL);
    buf_puts(&text, ",\"service\":");
    json_put_text(&text, service);
    buf_puts(&text, ",\"tags\":");
    buf_append_span(&text, shown->tags.len == 0 ? SPAN("null") : buf_span(&shown->tags));
    text.failed |= shown->tags.failed;
    buf_puts(&text, ",\"title\":");
    put_text(&shown->title, &text);
    put_about("updated_at", "updated_by", shown->has_about, &shown->about, &text);
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

/* JSON, which is YAML too; characters beyond ASCII stand in strings alone, where they may be escaped. */
static void put_json(struct buf *out, struct span json)
{
    while (json.len > 0) {
        size_t len = utf8_sequence(json.data, json.len);
        uint32_t c = utf8_decode(json.data, len);
        if (len == 0)
            len = 1; /* what was verified is UTF-8 */
        if (c >= 0x7f && utf8_is_obeyed(c))
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

static int find(const struct cli *cli, struct local *local, struct repo *repo, const struct cli_args *args, struct shown *out,
                struct error *err)
{
    const char *service = args->operands[0], *at = args->options[OPT_AT];
    struct point point;
    if (at == NULL)
        return shown_in_force(local, service, out, err);
    if (point_find_here(cli, local, repo, at, &point, err) != 0)
        return -1;
    return shown_at(repo, &point.commit, service, out, err);
}

static int list(const struct cli *cli, struct local *local, struct repo *repo, const struct cli_args *args)
{
    struct listed listed AUTO_LISTED = {0};
    struct buf text AUTO_BUF = {0};
    struct point point;
    struct error err;
    const char *at = args->options[OPT_AT];
    int rc = at == NULL ? listed_in_force(local, repo, &listed, &err) : point_find_here(cli, local, repo, at, &point, &err);
    if (rc == 0 && at != NULL)
        rc = listed_at(local, repo, &point.commit, &listed, &err);
    if (rc != 0)
        return local_fail(local, &err);
    in_force_say_newer(listed.newer);
    listed_put(&listed, &cli->term, cli_given(args, OPT_JSON), &text);
    if (listed.len == 0 && !cli_given(args, OPT_JSON))
        fputs("epochctl: there is no service yet: epochctl add NAME makes one\n", stderr);
    return cli_print(&text);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct repo *repo AUTO_REPO = NULL;
    struct shown shown AUTO_SHOWN = {0};
    struct error err;
    bool is_json = cli_given(args, OPT_JSON), has_repo;
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    has_repo = cli_open_trusted(&local.settings, local.settings.repository.path, &repo, &err) == 0;
    if (!has_repo && cli_given(args, OPT_AT)) {
        if (cli_open_repo(cli, &repo, &err) != 0) /* a clone without a daemon has a past too */
            return local_fail(&local, &err);
        has_repo = true;
    }
    if (args->operands_len == 0)
        return list(cli, &local, has_repo ? repo : NULL, args);
    if (find(cli, &local, repo, args, &shown, &err) != 0)
        return local_fail(&local, &err);
    if (is_json || cli_given(args, OPT_AT))
        shown_trace(&local, args->operands[0], &shown);
    if (has_repo)
        shown_describe(repo, &shown);
    if (has_repo && is_json)
        shown_ask_schema(repo, args->operands[0], &shown);
    if (has_repo && is_json)
        shown_list_tags(repo, &shown);
    in_force_say_newer(shown.newer);
    return (is_json ? print_json : print_text)(cli, args->operands[0], &shown);
}

const struct cli_verb verb_show = {
    .name = "show",
    .summary = "the services there are, or the configuration of one",
    .help = "The configuration in force, verified: from the snapshot (one service by its signatures, all of\n"
            "them by the HMAC too), and from the journal where an epoch is newer. Whoever may not read the\n"
            "journal is told so. Without _SERVICE_ all services, with version, time and author of the last\n"
            "change, title and file.\n",
    .exit = "0: shown; 2: there is no such service.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
    .options = {[OPT_AT] = {.name = "at",
                            .argument = "EPOCH",
                            .kind = CLI_POINT,
                            .help = "what an epoch said: its number, a commit, or a time. Read from the served repository, or where there "
                                    "is none from the one at or above the current folder; numbers, times, "
                                    "and which version that was, are looked up in the journal, for which _journal.key_ must be readable"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *service*, *config*, *version*, *config_epoch* (the commit "
                                      "of that version), *updated_at*, *updated_by*, *description* (of that commit), "
                                      "*tags* (git's, of that commit), *created_at*, *created_by*, *active*, and *title* and *about* (of its schema); *null* "
                                      "where it is not known to you. Of all services an array of objects with *service*, "
                                      "*version*, *config_epoch*, *updated_at*, *updated_by*, *description*, *title*, "
                                      "*path*"}},
    .run = run,
};
