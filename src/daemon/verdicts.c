/*
 * verdicts: see verdicts.h.
 */
#include "daemon/verdicts.h"

#include "model/json.h"

void verdicts_fini(struct verdicts *verdicts)
{
    for (size_t i = 0; i < VERDICTS_KEPT; i++)
        free(verdicts->ring[i].findings);
    *verdicts = (struct verdicts){0};
}

void verdicts_add(struct verdicts *verdicts, const struct oid *commit, uint64_t epoch, enum verdict_kind kind,
                  const char *code, struct span findings)
{
    struct verdict *verdict = &verdicts->ring[verdicts->next];
    free(verdict->findings);
    *verdict = (struct verdict){.commit = *commit, .epoch = epoch, .kind = kind};
    snprintf(verdict->code, sizeof verdict->code, "%s", code);
    if (findings.len > 0)
        verdict->findings = strndup(findings.data, findings.len);
    verdicts->next = (verdicts->next + 1) % VERDICTS_KEPT;
    if (verdicts->len < VERDICTS_KEPT)
        verdicts->len++;
}

void verdicts_move(struct verdicts *verdicts, uint64_t epoch, enum verdict_kind kind)
{
    for (size_t i = 0; i < VERDICTS_KEPT; i++)
        if (verdicts->ring[i].epoch == epoch && verdicts->ring[i].kind == VERDICT_COMMITTED)
            verdicts->ring[i].kind = kind;
}

const struct verdict *verdicts_oldest_committed(const struct verdicts *verdicts, uint64_t below)
{
    const struct verdict *oldest = NULL;
    for (size_t i = 0; i < VERDICTS_KEPT; i++) {
        const struct verdict *verdict = &verdicts->ring[i];
        if (verdict->epoch != 0 && verdict->epoch < below && verdict->kind == VERDICT_COMMITTED &&
            (oldest == NULL || verdict->epoch < oldest->epoch))
            oldest = verdict;
    }
    return oldest;
}

const struct verdict *verdicts_get(const struct verdicts *verdicts, size_t i)
{
    if (i >= verdicts->len)
        return NULL;
    return &verdicts->ring[(verdicts->next + VERDICTS_KEPT - 1 - i) % VERDICTS_KEPT];
}

const char *verdict_name(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_COMMITTED:
        return "committed";
    case VERDICT_PUBLISHED:
        return "published";
    case VERDICT_SUPERSEDED:
        return "superseded";
    case VERDICT_REJECTED:
        return "rejected";
    }
    return "";
}

void verdicts_write_json(const struct verdicts *verdicts, struct buf *out)
{
    const struct verdict *verdict;
    char hex[OID_HEX_LEN + 1];
    buf_putc(out, '[');
    for (size_t i = 0; (verdict = verdicts_get(verdicts, i)) != NULL; i++) {
        oid_format(&verdict->commit, hex);
        buf_puts(out, i == 0 ? "{\"code\":" : ",{\"code\":");
        json_put_text(out, verdict->code[0] == '\0' ? NULL : verdict->code);
        buf_puts(out, ",\"commit\":\"");
        buf_append(out, hex, OID_HEX_LEN);
        buf_puts(out, "\",\"epoch\":");
        if (verdict->epoch == 0)
            buf_puts(out, "null");
        else
            buf_put_u64(out, verdict->epoch);
        buf_puts(out, ",\"findings\":");
        buf_puts(out, verdict->findings == NULL ? "[]" : verdict->findings);
        buf_puts(out, ",\"verdict\":\"");
        buf_puts(out, verdict_name(verdict->kind));
        buf_puts(out, "\"}");
    }
    buf_putc(out, ']');
}
