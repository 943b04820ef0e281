/*
 * fleet: who runs what, as the daemon heard it: <run>/consumers.json (docs/PROTOCOL.md §Status), believed for as long as the
 * daemon is that wrote it.
 *
 * A consumer is named <service>@<instance>.
 */
#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include "cli/term.h"
#include "cli/told.h"
#include "model/message.h"

struct fleet {
    bool is_told;     /* the file is there and is that daemon's */
    bool is_listening;
    uint64_t epoch;   /* what the states are about */
    struct buf file;  /* as it was read */
    struct doc doc;
};

void fleet_fini(struct fleet *fleet);
#define AUTO_FLEET CLEANUP(fleet_fini)

/* `pid`: of the daemon that runs. `out` is zeroed, or was used before. */
int fleet_read(const struct local *local, pid_t pid, struct fleet *out, struct error *err) MUST_CHECK;

struct fleet_sum {
    uint64_t applied, behind, refused, ahead, missing, gone, stray, expected;
    uint64_t total; /* who has to apply: all but those that are gone, and strays */
};

/* Of one service, or of all (NULL). `since` > 0: of services alone that changed in that epoch or later. */
struct fleet_sum fleet_sum(const struct fleet *fleet, const char *service, uint64_t since);

/* "tts-worker@pi3 refused: no such voice", with `between` between them. */
void fleet_put_refused(const struct fleet *fleet, const char *service, const char *between, struct buf *out);
/* "tts-worker@pi3 (has 398), router (1 of 2)": who has not said anything of what is in force. */
void fleet_put_waiting(const struct fleet *fleet, const char *service, struct buf *out);

/* A table for people, those that did not apply first, at most so many rows. Nothing where there is nobody. */
enum { FLEET_ROWS = 20 };
void fleet_put_table(const struct fleet *fleet, const struct term *term, int64_t now_ms, size_t rows, struct buf *out);

/* <service>@<instance>, or false. */
bool fleet_parse_name(const char *text, char service[static LAYOUT_NAME_MAX + 1], char instance[static ACK_INSTANCE_MAX + 1]);

/* The services of the document, and the instances of one. Borrowed. */
const struct doc_node *fleet_services(const struct fleet *fleet, size_t *len);
uint64_t fleet_number(const struct doc_node *node, const char *name);

#endif
