/*
 * update: one change of one service on its way to the application, and its answer.
 */
#ifndef CLIENT_UPDATE_H
#define CLIENT_UPDATE_H

#include "client/config.h"
#include "model/diff.h"

struct epoch_update {
    const struct epoch_config *config, *before; /* borrowed; before may be NULL */
    struct diff diff;
    struct arena arena;
    struct epoch_change *changes;
    size_t len;
    char reason[ACK_REASON_MAX + 1]; /* why it was refused; made fit to be published where that is done */
    char *restarts[ACK_POINTERS_MAX];
    size_t restarts_len;
};

/* What differs between the two, environment laid over both. After a failure too: update_fini. */
int update_init(struct epoch_update *update, const struct epoch_config *config, const struct epoch_config *before,
                struct error *err) MUST_CHECK;
void update_fini(struct epoch_update *update);

#endif
