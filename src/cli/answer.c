/*
 * answer: see answer.h. What a status says of a commit; waiting for it is in answer_wait.c.
 */
#include "cli/answer.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/told.h"
#include "model/codes.h"
#include "util/clock.h"

enum { FINDINGS_SHOWN = 8, SHORT_ID = 12 };

static struct span text_of(const struct doc_node *node, const char *name)
{
    struct span text = SPAN("");
    doc_get_string(node, name, &text);
    return text;
}

/* The newest verdict on that commit: one that is issued anew has several. */
static const struct doc_node *find_verdict(const struct doc_node *status, const struct oid *commit)
{
    const struct doc_node *recent = told_part(status, "recent");
    char hex[OID_HEX_LEN + 1];
    oid_format(commit, hex);
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++)
        if (span_is(text_of(recent->u.array.items[i], "commit"), hex))
            return recent->u.array.items[i];
    return NULL;
}

static void put_services(const struct answer_question *question, struct buf *line)
{
    if (question->services == NULL)
        return;
    buf_printf(line, ": %s", question->services[0] == '\0' ? "no service changes" : question->services);
}

static void put_findings(const struct doc_node *findings, struct buf *line)
{
    for (size_t i = 0; findings->kind == DOC_ARRAY && i < findings->u.array.len && i < FINDINGS_SHOWN; i++) {
        const struct doc_node *finding = findings->u.array.items[i];
        int64_t at = 0, column = 0;
        buf_puts(line, "\n  ");
        buf_append_span(line, text_of(finding, "file"));
        if (doc_get_int(finding, "line", &at) && doc_get_int(finding, "column", &column) && at > 0)
            buf_printf(line, ":%lld:%lld", (long long)at, (long long)column);
        buf_puts(line, ": ");
        buf_append_span(line, text_of(finding, "message"));
        buf_puts(line, " [");
        buf_append_span(line, text_of(finding, "code"));
        buf_putc(line, ']');
    }
}

/* Of a remedy that ends in a command of ours that command, else the page that explains. */
static void put_command(const char *reason, const struct oid *commit, struct buf *line)
{
    static const char program[] = "epochctl ";
    const struct code *code = code_find(reason);
    const char *command = NULL;
    char hex[OID_HEX_LEN + 1];
    for (const char *at = code == NULL ? NULL : strstr(code->remedy, program); at != NULL;
         at = strstr(at + 1, program))
        command = at;
    size_t len = command == NULL ? 0 : strspn(command, "abcdefghijklmnopqrstuvwxyz- ");
    oid_format(commit, hex);
    if (len > 0 && command[len] == '\0')
        buf_puts(line, command);
    else if (len > 0 && strcmp(command + len, "TIP") == 0)
        buf_printf(line, "%.*s%.*s", (int)len, command, SHORT_ID, hex);
    else
        buf_printf(line, "%shelp %s", program, reason);
}

static enum answer say_hold(struct span code, const struct answer_question *question, struct answer_told *told)
{
    snprintf(told->code, sizeof told->code, "%.*s", (int)code.len, code.data);
    buf_printf(&told->line, "NOT served: epochd is in HOLD(%s) → ", told->code);
    put_command(told->code, &question->commit, &told->line);
    return ANSWER_HOLD;
}

static enum answer say_untold(const struct doc_node *status, const struct answer_question *question, bool is_last,
                              struct answer_told *told)
{
    struct span state = text_of(status, "state");
    /* The hold may be of before the commit, and end with it: it counts when nothing else comes. */
    if (is_last && span_skip(&state, SPAN("hold:")))
        return say_hold(state, question, told);
    buf_puts(&told->line, "epochd has not told of it yet; epochctl status shows when it does");
    return ANSWER_PENDING;
}

static enum answer say_committed(const struct doc_node *status, const struct answer_question *question,
                                 long long epoch, struct buf *line)
{
    struct span broker = text_of(told_part(status, "broker"), "state");
    bool is_connected = span_is(broker, "connected");
    const char *rest = is_connected ? "not published yet" : span_is(broker, "off") ? "no broker is set" : "broker away";
    buf_printf(line, "epoch %lld committed, %s", epoch, rest);
    put_services(question, line);
    return is_connected ? ANSWER_PUBLISHING : ANSWER_COMMITTED;
}

static enum answer say_rejected(const struct doc_node *status, const struct doc_node *verdict,
                                struct answer_told *told)
{
    struct buf *line = &told->line;
    struct span code = text_of(verdict, "code");
    int64_t in_force;
    snprintf(told->code, sizeof told->code, "%.*s", (int)code.len, code.data);
    buf_printf(line, "REJECTED [%s", told->code);
    if (doc_get_int(status, "epoch", &in_force))
        buf_printf(line, "]: epoch %lld stays in force", (long long)in_force);
    else
        buf_puts(line, "]: nothing is in force");
    put_findings(told_part(verdict, "findings"), line);
    return ANSWER_REJECTED;
}

static enum answer say_verdict(const struct doc_node *status, const struct doc_node *verdict,
                               const struct answer_question *question, struct answer_told *told)
{
    struct buf *line = &told->line;
    struct span name = text_of(verdict, "verdict");
    int64_t epoch = 0;
    if (span_is(name, "rejected"))
        return say_rejected(status, verdict, told);
    if (doc_get_int(verdict, "epoch", &epoch) && epoch > 0)
        told->epoch = (uint64_t)epoch;
    if (span_is(name, "superseded")) {
        buf_puts(line, "superseded: a newer commit overtook it");
        return ANSWER_SUPERSEDED;
    }
    if (!span_is(name, "published"))
        return say_committed(status, question, (long long)epoch, line);
    buf_printf(line, "epoch %lld published", (long long)epoch);
    put_services(question, line);
    int64_t tenths = (clock_mono_us() - question->asked_us) / 100000;
    buf_printf(line, " (%lld.%lld s)", (long long)tenths / 10, (long long)tenths % 10);
    return ANSWER_PUBLISHED;
}

enum answer answer_read(const struct doc_node *status, const struct answer_question *question, bool is_last,
                        struct answer_told *told)
{
    struct span served = text_of(status, "branch");
    if (question->branch != NULL && !span_is(served, question->branch)) {
        bool is_detached = strcmp(question->branch, "HEAD") == 0;
        buf_printf(&told->line, "%s%s; epochd serves %.*s", is_detached ? "HEAD is detached" : "this is branch ",
                   is_detached ? "" : question->branch, (int)served.len, served.data);
        return ANSWER_OTHER_BRANCH;
    }
    const struct doc_node *verdict = find_verdict(status, &question->commit);
    if (verdict == NULL)
        return say_untold(status, question, is_last, told);
    return say_verdict(status, verdict, question, told);
}

void answer_told_fini(struct answer_told *told)
{
    buf_fini(&told->line);
}

const char *answer_name(enum answer answer)
{
    switch (answer) {
    case ANSWER_PUBLISHED:
        return "published";
    case ANSWER_PUBLISHING:
    case ANSWER_COMMITTED:
        return "committed";
    case ANSWER_SUPERSEDED:
        return "superseded";
    case ANSWER_REJECTED:
        return "rejected";
    case ANSWER_HOLD:
        return "hold";
    case ANSWER_PENDING:
        return "pending";
    case ANSWER_OTHER_BRANCH:
        return "other-branch";
    case ANSWER_OTHER_REPOSITORY:
        return "other-repository";
    case ANSWER_NOT_RUNNING:
        return "not-running";
    case ANSWER_NOT_HERE:
        return "not-here";
    case ANSWER_UNKNOWN:
        break;
    }
    return "unknown";
}

int answer_exit(enum answer answer)
{
    switch (answer) {
    case ANSWER_PUBLISHED:
    case ANSWER_PUBLISHING:
    case ANSWER_COMMITTED:
    case ANSWER_SUPERSEDED:
    case ANSWER_PENDING:
    case ANSWER_OTHER_BRANCH:
    case ANSWER_OTHER_REPOSITORY:
    case ANSWER_UNKNOWN:
    case ANSWER_NOT_RUNNING:
    case ANSWER_NOT_HERE:
        return CLI_OK;
    case ANSWER_REJECTED:
    case ANSWER_HOLD:
        return CLI_FINDINGS;
    }
    return CLI_FINDINGS;
}
