/*
 * snapshot: the last-known-good file `config.lkg.json`, written and read (docs/PROTOCOL.md §Snapshot).
 *
 *   {"payload":{…},"algorithm":"hmac-sha256","key_id":"…","hmac":"<64 hex>"}
 *
 * The payload is canonical JSON (RFC 8785). Writing streams: beside what the caller holds it needs the text
 * of the index and a pointer a service. Reading checks the HMAC before it parses; the signatures inside are
 * verify/snapshot.h's. Thread-safe: the worker writes while others read.
 */
#ifndef IO_SNAPSHOT_H
#define IO_SNAPSHOT_H

#include "io/crypto.h"
#include "model/catalog.h"
#include "model/doc.h"
#include "model/record.h"

#define SNAPSHOT_FILE "config.lkg.json"
enum { SNAPSHOT_MAX = 256 * 1024 * 1024, SNAPSHOT_FORMAT = 1, SNAPSHOT_HOST_MAX = 64 };

/* What a snapshot says. In a view for writing everything is borrowed from the caller. */
struct snapshot_view {
    uint64_t epoch, generation, offset;
    const char *config_epoch; /* 40 hex */
    const char *source, *host;
    struct span head, keyset; /* exact published bytes */
    struct journal_position journal;
    const struct catalog *catalog;
};

/* Replaces the file in `dir`, mode 0640, durably. No LF at its end, so a cut file is never a whole one. */
int snapshot_write(int dir, const struct snapshot_view *view, const struct mac_key *key,
                   struct error *err) MUST_CHECK;

/* A snapshot read back. Strings are borrowed from `doc` and have a NUL behind them. */
struct snapshot {
    struct doc doc;
    uint64_t epoch, generation, offset;
    struct span config_epoch, source, host, head, index, keyset, written_at;
    struct journal_position journal;
    const struct doc_node *services; /* object: name → message (string) */
};

#define AUTO_SNAPSHOT CLEANUP(snapshot_fini)
void snapshot_fini(struct snapshot *snapshot);

/* The name of this host as snapshots carry it: gethostname, with anything but [A-Za-z0-9._-] made '-'. */
void snapshot_host(char out[static SNAPSHOT_HOST_MAX + 1]);

/*
 * Reads the bytes of a snapshot file; one LF behind them is allowed. CODE_LKG_FORM, CODE_LKG_BAD_MAC,
 * CODE_FORMAT_NEWER. `host` and `source` (NULL: any) must be its own, else CODE_LKG_WRONG_HOST. `out` is a
 * zeroed struct, empty again on failure; borrows nothing from `file`.
 */
int snapshot_read(struct span file, const struct mac_key *key, const char *host, const char *source,
                  struct snapshot *out, struct error *err) MUST_CHECK;

#endif
