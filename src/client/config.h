/*
 * config: one service's configuration as the application sees it: immutable, counted, with the environment laid over it.
 */
#ifndef CLIENT_CONFIG_H
#define CLIENT_CONFIG_H

#include "client/letter.h"
#include "client/overlay.h"
#include "model/message.h"

struct epoch_config {
    unsigned references;
    struct buf body;        /* of the message, a NUL behind `published` */
    struct message message; /* borrows from body */
    struct span published;  /* canonical JSON, in body */
    uint64_t epoch;         /* of the head it came into force with */
    uint64_t version;       /* of a removed one: of its tombstone */
    char commit[OID_HEX_LEN + 1];
    bool is_removed;
    struct overrides *overrides;
    struct arena arena; /* of the overlay */
    struct overlay overlay;
    struct buf json; /* of the overlay, a NUL behind; empty: it is `published` */
};

/*
 * Reads a letter whose bytes are believed already (a signature or a digest). One reference. `refused` as in overlay_apply.
 * CODE_MESSAGE_FORM, ERR_MEMORY.
 */
int config_new(struct epoch_config **out, const struct letter *letter, uint64_t epoch, struct overrides *overrides,
               void (*refused)(void *context, const struct override *override, const char *why), void *context,
               struct error *err) MUST_CHECK;

/* The same values, of a service that is removed since `epoch`; version and commit of the tombstone, where there is one. */
int config_removed(struct epoch_config **out, const struct epoch_config *last, const struct letter *tombstone,
                   uint64_t epoch, struct error *err) MUST_CHECK;

/* The same configuration, applied with another head and perhaps signed anew. */
static inline bool config_is_same(const struct epoch_config *a, const struct epoch_config *b)
{
    return a->is_removed == b->is_removed && span_equal(a->published, b->published);
}

static inline void config_cleanup(struct epoch_config **config)
{
    epoch_config_unref(*config);
}
#define AUTO_CONFIG CLEANUP(config_cleanup)

#endif
