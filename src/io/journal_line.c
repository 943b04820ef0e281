/*
 * journal_line: the form of one line of the journal, written and read back.
 *
 * The seal is checked on the raw bytes, and the beginning is read by hand, strictly: both have one spelling
 * only. So a line costs no JSON parser unless somebody wants to see what it says.
 */
#include "io/journal_priv.h"

#include "model/tail.h"
#include "util/clock.h"
#include "util/hex.h"
#include "util/num.h"

void journal_line_write(struct buf *out, const struct mac_key *key, const struct journal_position *previous,
                        int64_t time_ms, enum record_kind kind, struct span members)
{
    char time[CLOCK_TEXT_LEN + 1];
    clock_format(time_ms, time);
    buf_reset(out);
    buf_puts(out, "{\"seq\":");
    buf_put_u64(out, previous->seq + 1);
    buf_puts(out, ",\"prev\":\"");
    buf_put_hex(out, previous->digest, HASH_LEN);
    buf_puts(out, "\",\"time\":\"");
    buf_puts(out, time);
    buf_puts(out, "\",\"kind\":\"");
    buf_puts(out, record_kind_name(kind));
    buf_puts(out, "\",");
    buf_append_span(out, members);
    if (members.len > 0)
        buf_putc(out, ',');
    buf_puts(out, "\"key_id\":\"");
    buf_puts(out, key->id);
    buf_puts(out, "\"}");
    crypto_mac_object(key, out);
}

/* --- the seal ---------------------------------------------------------------------------------------------------- */

/* The key that a line, its hmac cut off, names at its end. False if it names none. */
static bool read_key_id(struct span body, struct span *id)
{
    static const char name[] = ",\"key_id\":\"";
    enum { NAME_LEN = sizeof name - 1, LEN = NAME_LEN + KEY_ID_LEN + 1 };
    uint8_t raw[KEY_ID_LEN / 2];
    if (body.len < LEN)
        return false;
    const char *member = body.data + body.len - LEN;
    *id = (struct span){member + NAME_LEN, KEY_ID_LEN};
    return memcmp(member, name, NAME_LEN) == 0 && member[LEN - 1] == '"' && hex_decode(*id, raw, sizeof raw);
}

enum journal_seal journal_line_check(struct span line, const struct mac_key *key)
{
    struct span body, id;
    uint8_t mac[MAC_LEN];
    if (!tail_cut(line, "hmac", MAC_LEN, &body, mac) || !read_key_id(body, &id))
        return JOURNAL_SEAL_MISSING;
    if (!span_is(id, key->id))
        return JOURNAL_SEAL_FOREIGN;
    return crypto_mac_verify(key, body, mac) ? JOURNAL_SEAL_RIGHT : JOURNAL_SEAL_WRONG;
}

/* --- the beginning ----------------------------------------------------------------------------------------------- */

bool journal_line_read_head(struct span line, struct journal_head *out)
{
    struct journal_head head;
    struct span rest = line, seq, prev, time, kind;
    if (!span_skip(&rest, SPAN("{\"seq\":")) || !span_take_until(&rest, ',', &seq) ||
        !span_skip(&rest, SPAN("\"prev\":\"")) || !span_take_until(&rest, '"', &prev) ||
        !span_skip(&rest, SPAN(",\"time\":\"")) || !span_take_until(&rest, '"', &time) ||
        !span_skip(&rest, SPAN(",\"kind\":\"")) || !span_take_until(&rest, '"', &kind) || !span_skip(&rest, SPAN(",")))
        return false;
    if (!num_parse_u64(seq, &head.seq) || head.seq == 0 || head.seq > (uint64_t)NUM_INT_MAX ||
        !hex_decode(prev, head.prev, sizeof head.prev) || !clock_parse(time, &head.time_ms) ||
        !record_kind_parse(kind, &head.kind))
        return false;
    *out = head;
    return true;
}
