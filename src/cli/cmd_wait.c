/*
 * wait: until an epoch or a commit is committed, published, or applied by the consumers; for scripts. Looks when the daemon tells something new,
 * and once a second for a daemon that was killed; it never turns in a loop.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/fleet.h"
#include "cli/follow.h"
#include "cli/told.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/num.h"

enum { OPT_FOR, OPT_SERVICE, OPT_TIMEOUT, OPT_JSON };

enum { WAIT_TIMED_OUT = 4 };

enum answer { ANSWER_NOT_YET, ANSWER_REACHED, ANSWER_REJECTED, ANSWER_SUPERSEDED, ANSWER_NOT_RUNNING, ANSWER_TIMED_OUT, ANSWER_REFUSED };

static const char *const names[] = {"waiting", "reached", "rejected", "superseded", "not-running", "timed-out", "refused"};

struct waiting {
    struct local local;
    struct repo *repo;     /* where a commit was asked for */
    uint64_t epoch;        /* 0: a commit is waited for */
    struct oid commit;
    char hex[OID_HEX_LEN + 1];
    bool for_published, has_choice; /* which of the two was named */
    bool for_applied;               /* and then by the consumers */
    const char *service;            /* whose; NULL: all */
    int64_t end_ms; /* INT64_MAX: never */
    struct told told;
    struct fleet fleet;
    char code[64]; /* of a rejection */
    uint64_t reached; /* what was asked for, as an epoch; 0: it is none, or not known */
};

static void waiting_fini(struct waiting *w)
{
    told_fini(&w->told);
    fleet_fini(&w->fleet);
    repo_close(w->repo);
    local_fini(&w->local);
}

/* --- what is waited for --------------------------------------------------------------------------------- */

static int open_repo(struct waiting *w, const struct cli *cli, struct error *err)
{
    return w->repo != NULL ? 0 : cli_open_repo(cli, &w->repo, err);
}

/* Without a name: what the served branch points to now. */
static int find_tip(struct waiting *w, struct error *err)
{
    const struct settings *settings = &w->local.settings;
    bool is_missing;
    if (cli_open_trusted(settings, settings->repository.path, &w->repo, err) != 0 ||
        repo_branch_tip(w->repo, settings->repository.branch, &is_missing, &w->commit, err) != 0)
        return -1;
    return is_missing ? error_set(err, CODE_REPO_REV, 0, "the branch '%s' has no commit", settings->repository.branch) : 0;
}

static int choose(struct waiting *w, const struct cli *cli, const char *name, struct error *err)
{
    enum { ABBREVIATED_MIN = 7 }; /* what git abbreviates a commit id to, at least: digits alone may be one */
    struct error no_revision;
    int rc = 0;
    if (name == NULL)
        rc = find_tip(w, err);
    else if (!num_parse_u64(span_of(name), &w->epoch))
        rc = open_repo(w, cli, err) != 0 ? -1 : repo_resolve(w->repo, name, &w->commit, err);
    else if (strlen(name) >= ABBREVIATED_MIN && open_repo(w, cli, &no_revision) == 0 &&
             repo_resolve(w->repo, name, &w->commit, &no_revision) == 0)
        w->epoch = 0;
    if (w->epoch == 0)
        oid_format(&w->commit, w->hex);
    return rc;
}

/* --- what the daemon tells ------------------------------------------------------------------------------ */

static uint64_t reached_epoch(const struct waiting *w)
{
    int64_t epoch = 0;
    doc_get_int(w->told.doc.root, w->for_published ? "published" : "committed", &epoch);
    return epoch > 0 ? (uint64_t)epoch : 0;
}

/* What is in force contains the commit, whatever became of the commit itself. */
static bool is_contained(const struct waiting *w)
{
    struct oid in_force;
    struct error silent;
    bool contains = false;
    return oid_parse(told_text(w->told.doc.root, "config_epoch"), &in_force) &&
           repo_is_ancestor(w->repo, &w->commit, &in_force, &contains, NULL, &silent) == 0 && contains;
}

/* Superseded, or too old to be told of: then the epoch in force is what is waited for. */
static enum answer judge_contained(struct waiting *w, enum answer otherwise)
{
    int64_t committed = 0;
    if (!is_contained(w))
        return otherwise;
    doc_get_int(w->told.doc.root, "committed", &committed);
    w->reached = committed > 0 ? (uint64_t)committed : 0;
    return committed > 0 && reached_epoch(w) == (uint64_t)committed ? ANSWER_REACHED : ANSWER_NOT_YET;
}

static enum answer judge_verdict(struct waiting *w, const struct doc_node *entry)
{
    struct span verdict = told_text(entry, "verdict"), code;
    int64_t epoch;
    if (span_is(verdict, "rejected")) {
        if (doc_get_string(entry, "code", &code))
            snprintf(w->code, sizeof w->code, "%.*s", (int)code.len, code.data);
        return ANSWER_REJECTED;
    }
    if (span_is(verdict, "superseded"))
        return judge_contained(w, ANSWER_SUPERSEDED);
    if (doc_get_int(entry, "epoch", &epoch) && epoch > 0)
        w->reached = (uint64_t)epoch;
    if (span_is(verdict, "published") || (!w->for_published && span_is(verdict, "committed")))
        return ANSWER_REACHED;
    return ANSWER_NOT_YET;
}

static enum answer judge_commit(struct waiting *w)
{
    const struct doc_node *recent = told_part(w->told.doc.root, "recent");
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++)
        if (span_is(told_text(recent->u.array.items[i], "commit"), w->hex))
            return judge_verdict(w, recent->u.array.items[i]);
    return judge_contained(w, ANSWER_NOT_YET);
}

/* The commit of an epoch that was asked for by its number, where the daemon still tells of it. */
static void name_commit(struct waiting *w)
{
    const struct doc_node *recent = told_part(w->told.doc.root, "recent");
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++) {
        int64_t epoch = 0;
        struct span commit;
        if (doc_get_int(recent->u.array.items[i], "epoch", &epoch) && epoch == (int64_t)w->epoch &&
            doc_get_string(recent->u.array.items[i], "commit", &commit) && commit.len == OID_HEX_LEN)
            snprintf(w->hex, sizeof w->hex, "%.*s", (int)commit.len, commit.data);
    }
}

static enum answer judge(struct waiting *w)
{
    if (w->told.pid == 0)
        return ANSWER_NOT_RUNNING;
    if (!w->told.is_told)
        return ANSWER_NOT_YET;
    if (w->epoch == 0)
        return judge_commit(w);
    name_commit(w);
    w->reached = w->epoch;
    return reached_epoch(w) >= w->epoch ? ANSWER_REACHED : ANSWER_NOT_YET;
}

/* --- what the consumers say ------------------------------------------------------------------------------- */

/* Whoever names a service expects somebody of it. */
static enum answer judge_applied(const struct waiting *w)
{
    struct fleet_sum sum = fleet_sum(&w->fleet, w->service, 0);
    if (!w->fleet.is_told || !w->fleet.is_listening || w->fleet.epoch < fleet_number(w->told.doc.root, "committed"))
        return ANSWER_NOT_YET;
    if (sum.refused > 0)
        return ANSWER_REFUSED;
    return sum.applied == sum.total && (sum.total > 0 || w->service == NULL) ? ANSWER_REACHED : ANSWER_NOT_YET;
}

static int look(struct waiting *w, enum answer *out, struct error *err)
{
    if (told_read(&w->local, &w->told, err) != 0)
        return -1;
    if (w->told.is_told && !w->has_choice)
        w->for_published = !span_is(told_text(told_part(w->told.doc.root, "broker"), "state"), "off");
    *out = judge(w);
    if (!w->for_applied || *out != ANSWER_REACHED)
        return 0;
    if (fleet_read(&w->local, w->told.pid, &w->fleet, err) != 0)
        return -1;
    *out = judge_applied(w);
    return 0;
}

static int follow(struct waiting *w, enum answer *out, struct error *err)
{
    AUTO_CLOSE int watch = follow_open(w->local.settings.run);
    for (;;) {
        if (look(w, out, err) != 0)
            return -1;
        int64_t left = w->end_ms == INT64_MAX ? -1 : w->end_ms - clock_boot_ms();
        if (*out == ANSWER_NOT_YET && w->end_ms != INT64_MAX && left <= 0)
            *out = ANSWER_TIMED_OUT;
        if (*out != ANSWER_NOT_YET)
            return 0;
        follow_wait(watch, left);
    }
}

/* --- what is said --------------------------------------------------------------------------------------- */

static const char *what_of(const struct waiting *w)
{
    return w->for_applied ? "applied" : w->for_published ? "published" : "committed";
}

static void put_consumers(const struct waiting *w, enum answer answer, struct buf *out)
{
    struct fleet_sum sum = fleet_sum(&w->fleet, w->service, 0);
    if (answer == ANSWER_REACHED && sum.total == 0 && sum.gone == 0)
        buf_puts(out, "; nobody is known who has to: no consumer acknowledged, and epoch.yaml expects none");
    else
        buf_printf(out, " by %" PRIu64 " of %" PRIu64, sum.applied, sum.total);
    if (sum.gone > 0)
        buf_printf(out, ", %" PRIu64 " gone", sum.gone);
    buf_putc(out, '\n');
}

static void put_refused(const struct waiting *w, struct buf *out)
{
    put_consumers(w, ANSWER_REFUSED, out);
    fleet_put_refused(&w->fleet, w->service, "\n", out);
    buf_putc(out, '\n');
}

static void put_late(const struct waiting *w, struct buf *out)
{
    struct buf late AUTO_BUF = {0};
    const char *whose = w->service == NULL ? "the consumers" : w->service;
    uint64_t gone = fleet_sum(&w->fleet, w->service, 0).gone;
    fleet_put_waiting(&w->fleet, w->service, &late);
    if (!w->for_applied || !w->fleet.is_told)
        buf_printf(out, " not %s in time; epochctl status says why\n", what_of(w));
    else if (!w->fleet.is_listening)
        buf_puts(out, " not applied in time: acknowledgements are not heard; epochctl status says why\n");
    else if (late.len == 0 && gone > 0)
        buf_printf(out, " not applied in time: nobody of %s is there, %" PRIu64 " gone\n", whose, gone);
    else if (late.len == 0)
        buf_printf(out, " not applied in time: nobody of %s has acknowledged anything\n", whose);
    else
        buf_printf(out, " not applied in time: no word of %.*s\n", (int)late.len, late.data);
}

static void put_text(const struct waiting *w, enum answer answer, struct buf *out)
{
    if (w->epoch != 0)
        buf_printf(out, "epoch %" PRIu64, w->epoch);
    else
        buf_printf(out, "commit %.12s", w->hex);
    switch (answer) {
    case ANSWER_REACHED:
        buf_printf(out, " %s", what_of(w));
        if (w->for_applied)
            put_consumers(w, answer, out);
        else
            buf_putc(out, '\n');
        break;
    case ANSWER_REFUSED:
        buf_puts(out, " applied");
        put_refused(w, out);
        break;
    case ANSWER_REJECTED:
        buf_printf(out, " rejected [%s]\n", w->code);
        break;
    case ANSWER_SUPERSEDED:
        buf_puts(out, " superseded: history was rewritten, what is served does not contain it\n");
        break;
    case ANSWER_NOT_RUNNING:
        buf_printf(out, " not %s: epochd does not run\n", what_of(w));
        break;
    case ANSWER_TIMED_OUT:
    case ANSWER_NOT_YET:
        put_late(w, out);
        break;
    }
}

static void put_text_member(struct buf *out, const char *name, const struct buf *text)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, buf_span(text));
}

static void put_json(const struct waiting *w, enum answer answer, struct buf *out)
{
    struct fleet_sum sum = fleet_sum(&w->fleet, w->service, 0);
    struct buf refused AUTO_BUF = {0}, waiting AUTO_BUF = {0};
    buf_printf(out, "{\"answer\":\"%s\",\"code\":", names[answer]);
    json_put_text(out, w->code[0] == '\0' ? NULL : w->code);
    buf_puts(out, ",\"commit\":");
    json_put_text(out, w->hex[0] == '\0' ? NULL : w->hex);
    buf_puts(out, ",\"epoch\":");
    if (w->reached != 0)
        buf_put_u64(out, w->reached);
    else
        buf_puts(out, "null");
    buf_printf(out, ",\"for\":\"%s\"", what_of(w));
    if (w->for_applied) {
        buf_printf(out, ",\"applied\":%" PRIu64 ",\"consumers\":%" PRIu64 ",\"gone\":%" PRIu64, sum.applied, sum.total, sum.gone);
        fleet_put_refused(&w->fleet, w->service, "; ", &refused);
        fleet_put_waiting(&w->fleet, w->service, &waiting);
        put_text_member(out, "refused", &refused);
        put_text_member(out, "waiting", &waiting);
    }
    buf_puts(out, "}\n");
}

static int exit_of(enum answer answer)
{
    switch (answer) {
    case ANSWER_REACHED:
        return CLI_OK;
    case ANSWER_REJECTED:
    case ANSWER_SUPERSEDED:
    case ANSWER_REFUSED:
        return CLI_FINDINGS;
    case ANSWER_TIMED_OUT:
        return WAIT_TIMED_OUT;
    case ANSWER_NOT_RUNNING:
    case ANSWER_NOT_YET:
        break;
    }
    return CLI_FAILED;
}

static bool read_options(const struct cli_args *args, struct waiting *w)
{
    const char *timeout = args->options[OPT_TIMEOUT], *what = args->options[OPT_FOR];
    int64_t span_ms;
    w->has_choice = what != NULL;
    w->for_applied = what != NULL && strcmp(what, "applied") == 0;
    w->for_published = what == NULL || w->for_applied || strcmp(what, "published") == 0;
    w->service = args->options[OPT_SERVICE];
    if (w->service != NULL && !w->for_applied) {
        cli_usage(args->verb, "--service goes with --for applied");
        return false;
    }
    w->end_ms = INT64_MAX;
    if (timeout == NULL)
        return true;
    if (!when_parse_span(timeout, &span_ms)) {
        cli_usage(args->verb, "--timeout takes seconds, or a time such as 30s, 5min, 2h");
        return false;
    }
    w->end_ms = clock_boot_ms() + span_ms;
    return true;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct waiting w CLEANUP(waiting_fini) = {.local = {.state_dir = -1}};
    struct buf text AUTO_BUF = {0};
    struct error err;
    enum answer answer;
    int rc;
    if (!read_options(args, &w))
        return CLI_USAGE;
    if (!local_load(cli, &w.local, &rc))
        return rc;
    if (choose(&w, cli, cli_operand(args, 0), &err) != 0 || follow(&w, &answer, &err) != 0)
        return local_fail(&w.local, &err);
    (cli_given(args, OPT_JSON) ? put_json : put_text)(&w, answer, &text);
    rc = cli_print(&text);
    return rc == CLI_OK ? exit_of(answer) : rc;
}

const struct cli_verb verb_wait = {
    .name = "wait",
    .summary = "until an epoch is committed, published or applied",
    .help = "For scripts: returns when that epoch, or a later one, is there. _EPOCH_ is a number or a\n"
            "revision of git; default: what the served branch points to now. *committed*: it survives a\n"
            "power cut; *published*: the broker has acknowledged all of it; *applied*: and every consumer\n"
            "runs it: those that are known and those that _epoch.yaml_ expects. With *--service* those of one\n"
            "service, and there has to be one. It ends with the first that refuses. A commit that was\n"
            "superseded is there when an epoch is that contains it. It waits for news of the daemon and\n"
            "looks once a second besides, for one that was killed.\n",
    .exit = "0: it is there; 1: the commit was rejected, or superseded by one that does not contain it, or a "
            "consumer refused; 3: *epochd* does not run; 4: "
            "not within the time.",
    .operands = {{.name = "EPOCH", .kind = CLI_POINT, .is_optional = true}},
    .options = {[OPT_FOR] = {.name = "for",
                             .argument = "published|committed|applied",
                             .kind = CLI_WORDS,
                             .help = "what it is waited for; default *published*, and *committed* where *mqtt.url* is *off*"},
                [OPT_SERVICE] = {.name = "service",
                                 .argument = "SERVICE",
                                 .kind = CLI_SERVICE,
                                 .help = "with *--for applied*: by the consumers of that service alone"},
                [OPT_TIMEOUT] = {.name = "timeout",
                                 .letter = 't',
                                 .argument = "TIME",
                                 .help = "at most so long: seconds, or 30s, 5min, 2h; default: for ever"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON object with *answer* (*reached*, *rejected*, *superseded*, *not-running*, "
                                      "*timed-out*), *epoch* (that contains the commit, where it was one; null: not yet), *commit*, *for*, *code*; "
                                      "with *--for applied* the numbers *applied*, *consumers*, *gone*, and *refused* and *waiting* in words"}},
    .run = run,
};
