/*
 * snapshot: see snapshot.h. Here: writing.
 *
 * The bytes go through one buffer: composed, authenticated and written a piece at a time, each byte touched
 * once a step.
 */
#include "io/snapshot.h"

#include "model/members.h"
#include "model/tail.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "util/fs.h"

enum { PIECE = 64 * 1024, FILE_MODE = 0640 };

/* --- the stream -------------------------------------------------------------------------------------------------- */

struct stream {
    struct fs_writer file;
    struct mac mac;
    struct buf piece;
};

static void stream_fini(struct stream *stream)
{
    fs_writer_abandon(&stream->file);
    crypto_wipe(&stream->mac, sizeof stream->mac);
    buf_fini(&stream->piece);
}

static int stream_flush(struct stream *stream, struct error *err)
{
    if (buf_check(&stream->piece, err) != 0)
        return -1;
    crypto_mac_update(&stream->mac, buf_span(&stream->piece));
    if (fs_writer_write(&stream->file, buf_span(&stream->piece), err) != 0)
        return -1;
    buf_reset(&stream->piece);
    return 0;
}

static int stream_flush_full(struct stream *stream, struct error *err)
{
    return stream->piece.len < PIECE ? 0 : stream_flush(stream, err);
}

/* The piece that is left ends in the `}` of the whole: authenticated with it, written without it. */
static int stream_finish(struct stream *stream, struct error *err)
{
    uint8_t mac[MAC_LEN];
    if (buf_check(&stream->piece, err) != 0)
        return -1;
    crypto_mac_update(&stream->mac, buf_span(&stream->piece));
    crypto_mac_final(&stream->mac, mac);
    tail_append(&stream->piece, "hmac", mac, sizeof mac);
    if (buf_check(&stream->piece, err) != 0 ||
        fs_writer_write(&stream->file, buf_span(&stream->piece), err) != 0)
        return -1;
    if (FAILPOINT("snapshot.commit", err) != 0)
        return -1;
    return fs_writer_commit(&stream->file, err);
}

/* --- the payload, its members in canonical order ----------------------------------------------------------------- */

static int put_index(struct stream *stream, struct members *payload, const struct snapshot_view *view,
                     struct error *err)
{
    AUTO_BUF struct buf index = {0};
    if (message_compose_index(&index, view->source, view->epoch, view->config_epoch, view->catalog, err) != 0)
        return -1;
    members_put_string(payload, "index", buf_span(&index));
    return stream_flush_full(stream, err);
}

static void put_journal(struct stream *stream, struct members *payload,
                        const struct journal_position *position)
{
    members_put_name(payload, "journal");
    struct members journal = members_object(&stream->piece);
    members_put_u64(&journal, "seq", position->seq);
    members_put_hex(&journal, "sha256", position->digest, HASH_LEN);
    members_end(&journal);
}

static int put_services(struct stream *stream, struct members *payload, const struct catalog *catalog,
                        struct error *err)
{
    AUTO_FREE const struct service **sorted = NULL;
    if (catalog_sorted(catalog, &sorted, err) != 0)
        return -1;
    members_put_name(payload, "services");
    struct members services = members_object(&stream->piece);
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        members_put_string(&services, sorted[i]->name, sorted[i]->message);
        if (stream_flush_full(stream, err) != 0)
            return -1;
    }
    members_end(&services);
    return 0;
}

static int put_payload(struct stream *stream, const struct snapshot_view *view, struct error *err)
{
    char written_at[CLOCK_TEXT_LEN + 1];
    clock_format(clock_wall_ms(), written_at);
    struct members payload = members_object(&stream->piece);
    members_put_text(&payload, "config_epoch", view->config_epoch);
    members_put_u64(&payload, "epoch", view->epoch);
    members_put_u64(&payload, "format", SNAPSHOT_FORMAT);
    members_put_u64(&payload, "generation", view->generation);
    members_put_string(&payload, "head", view->head);
    members_put_text(&payload, "host", view->host);
    if (put_index(stream, &payload, view, err) != 0)
        return -1;
    put_journal(stream, &payload, &view->journal);
    members_put_string(&payload, "keyset", view->keyset);
    members_put_u64(&payload, "offset", view->offset);
    if (put_services(stream, &payload, view->catalog, err) != 0)
        return -1;
    members_put_text(&payload, "source", view->source);
    members_put_text(&payload, "written_at", written_at);
    members_end(&payload);
    return 0;
}

int snapshot_write(int dir, const struct snapshot_view *view, const struct mac_key *key, struct error *err)
{
    CLEANUP(stream_fini) struct stream stream = {0};
    if (FAILPOINT("snapshot.begin", err) != 0 || fs_writer_begin(&stream.file, dir, SNAPSHOT_FILE, FILE_MODE, err) != 0)
        return -1;
    crypto_mac_init(&stream.mac, key);
    buf_puts(&stream.piece, "{\"payload\":");
    if (put_payload(&stream, view, err) != 0)
        return -1;
    buf_puts(&stream.piece, ",\"algorithm\":\"hmac-sha256\",\"key_id\":\"");
    buf_puts(&stream.piece, key->id);
    buf_puts(&stream.piece, "\"}");
    return stream_finish(&stream, err);
}
