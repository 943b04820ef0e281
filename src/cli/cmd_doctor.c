/*
 * doctor: walks the road link by link, stops at the first one that is broken, and says what to type.
 */
#include <stdarg.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/unit.h"
#include "cli/verbs.h"
#include "model/codes.h"
#include "model/json.h"

enum { OPT_CONSUMER, OPT_CACHE, OPT_JSON };

struct road_link {
    const char *name;
    enum doctor_state (*check)(struct doctor *doctor, struct doctor_finding *finding);
};

/* In the order in which a commit goes. */
static const struct road_link road[] = {
    {"settings", doctor_settings}, {"repository", doctor_repository}, {"branch", doctor_branch},
    {"hooks", doctor_hooks},       {"keys", doctor_keys},             {"journal", doctor_journal},
    {"clock", doctor_clock},       {"disk", doctor_disk},             {"daemon", doctor_daemon},
    {"snapshot", doctor_snapshot}, {"broker", doctor_broker},         {"retained", doctor_retained},
};

/* In the order in which a configuration comes to a consumer, and its answer back. */
static const struct road_link consumers_road[] = {
    {"settings", doctor_consumer_settings},   {"pin", doctor_consumer_pin},           {"cache", doctor_consumer_cache},
    {"snapshot", doctor_consumer_snapshot},   {"connect", doctor_consumer_connect},   {"subscribe", doctor_consumer_subscribe},
    {"retained", doctor_consumer_retained},   {"answer", doctor_consumer_acknowledge},
};

static const char *const state_names[] = {"ok", "note", "broken"};

void doctor_fix(struct doctor_finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(finding->fix, sizeof finding->fix, format, args);
    va_end(args);
}

enum doctor_state doctor_fail(struct doctor_finding *finding, const struct error *err)
{
    const struct code *code = code_find(err->code);
    char text[1200];
    error_format(err, text, sizeof text);
    buf_puts(&finding->detail, text);
    finding->code = err->code;
    if (err->sys == EACCES && geteuid() != 0)
        doctor_fix(finding, "as root, or as the user that epochd runs as: sudo epochctl doctor");
    else if (code != NULL)
        doctor_fix(finding, "%s", code->remedy);
    return DOCTOR_BROKEN;
}

static void put_text(const struct term *term, const struct road_link *link, enum doctor_state state,
                     const struct doctor_finding *finding, struct buf *out)
{
    static const enum term_style styles[] = {TERM_GOOD, TERM_WARN, TERM_BAD};
    char name[16];
    snprintf(name, sizeof name, "%-6s", state_names[state]);
    term_puts(term, styles[state], name, out);
    buf_printf(out, "  %-10s  ", link->name);
    term_put(term, TERM_PLAIN, buf_span(&finding->detail), out);
    buf_putc(out, '\n');
    if (finding->fix[0] == '\0')
        return;
    buf_printf(out, "%20s", "");
    term_puts(term, TERM_STRONG, "What to do: ", out);
    term_puts(term, TERM_PLAIN, finding->fix, out);
    buf_putc(out, '\n');
}

static void put_json(const struct road_link *link, enum doctor_state state, const struct doctor_finding *finding,
                     struct buf *out)
{
    buf_puts(out, "{\"code\":");
    json_put_text(out, finding->code);
    buf_puts(out, ",\"detail\":");
    json_put_string(out, buf_span(&finding->detail));
    buf_puts(out, ",\"fix\":");
    json_put_text(out, finding->fix[0] == '\0' ? NULL : finding->fix);
    buf_printf(out, ",\"link\":\"%s\",\"state\":\"%s\"}", link->name, state_names[state]);
}

static void doctor_fini(struct doctor *doctor)
{
    link_close(&doctor->consumer.link);
    buf_fini(&doctor->head);
    told_fini(&doctor->told);
    repo_close(doctor->repo);
    local_fini(&doctor->local);
}

/* Advice names the unit of this daemon. */
static void name_unit(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct buf fix AUTO_BUF = {0};
    if (doctor->local.settings.state == NULL || finding->fix[0] == '\0')
        return;
    unit_put(doctor->local.settings.state, finding->fix, &fix);
    if (!fix.failed)
        doctor_fix(finding, "%.*s", (int)fix.len, fix.data);
}

/* True if the whole road holds. */
static bool walk(struct doctor *doctor, const struct road_link *links, size_t len, bool is_json, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        struct doctor_finding finding = {0};
        enum doctor_state state = links[i].check(doctor, &finding);
        name_unit(doctor, &finding);
        if (is_json && i > 0)
            buf_putc(out, ',');
        if (is_json)
            put_json(&links[i], state, &finding, out);
        else
            put_text(&doctor->cli->term, &links[i], state, &finding, out);
        out->failed |= finding.detail.failed;
        buf_fini(&finding.detail);
        if (state == DOCTOR_BROKEN)
            return false;
    }
    return true;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct doctor doctor CLEANUP(doctor_fini) = {.cli = cli, .local = {.state_dir = -1}};
    struct buf links AUTO_BUF = {0}, text AUTO_BUF = {0};
    const char *service = args->options[OPT_CONSUMER];
    bool is_json = cli_given(args, OPT_JSON);
    if (service != NULL && !layout_name_is_good(span_of(service)))
        return cli_usage(args->verb, "'%s' is no name of a service", service);
    if (service == NULL && cli_given(args, OPT_CACHE))
        return cli_usage(args->verb, "--cache goes with --consumer");
    doctor.consumer.service = service;
    doctor.consumer.cache = args->options[OPT_CACHE];
    bool is_whole = service == NULL ? walk(&doctor, road, ARRAY_LEN(road), is_json, &links)
                                    : walk(&doctor, consumers_road, ARRAY_LEN(consumers_road), is_json, &links);
    link_close(&doctor.consumer.link);
    if (is_json)
        buf_printf(&text, "{\"links\":[%.*s],\"ok\":%s}\n", (int)links.len, links.data, is_whole ? "true" : "false");
    int rc = cli_print(is_json ? &text : &links);
    return rc == CLI_OK && !is_whole ? CLI_FINDINGS : rc;
}

const struct cli_verb verb_doctor = {
    .name = "doctor",
    .summary = "walk the road, find the first broken link",
    .help = "Looks at every link between the settings and what the broker retains, in the order in which a\n"
            "commit goes: settings, repository (as the daemon's user reads it, where root asks), branch,\n"
            "hooks, keys, journal, clock, disk, daemon, snapshot, broker, and that the head it retains is the\n"
            "journal's. Stops at the first that is broken and says what to type. Changes nothing, publishes\n"
            "nothing, and connects with a client id of its own. For the daemon's user and root.\n"
            "\n"
            "With *--consumer* the road of one consumer, run as the user it runs as: root.pub, its cache, the\n"
            "snapshot of this host, the connection, the topics, that what is retained verifies, and that the\n"
            "broker takes its acknowledgement. Broker and user are those of *epochd*'s settings; on another\n"
            "host they come from the environment, as *epochctl consumer* prints it.\n",
    .exit = "0: the whole road holds; 1: a link is broken.",
    .options = {[OPT_CONSUMER] = {.name = "consumer",
                                  .argument = "SERVICE",
                                  .kind = CLI_SERVICE,
                                  .help = "walk the road of a consumer of that service instead"},
                [OPT_CACHE] = {.name = "cache", .argument = "DIR", .kind = CLI_DIR, .help = "with *--consumer*: its cache, to look at"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *ok* and *links*, each with *link*, *state* (*ok*, *note*, "
                                      "*broken*), *detail*, *code*, *fix*"}},
    .run = run,
};
