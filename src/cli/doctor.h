/*
 * doctor: the road from the settings to what the broker retains, link by link. Each check looks at one link and takes
 * for granted that those before it hold; the first that is broken ends the walk.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/told.h"
#include "verify/view.h"

enum doctor_state { DOCTOR_FINE, DOCTOR_NOTE, DOCTOR_BROKEN }; /* a note: worth knowing, and no reason to stop */

/* What one link is like. */
struct doctor_finding {
    struct buf detail; /* what was found */
    const char *code;  /* NULL: none */
    char fix[512];     /* what to type; "": nothing */
};

struct doctor {
    const struct cli *cli;
    struct local local;
    struct repo *repo;
    struct told told;
    uint64_t epoch; /* the last one of the journal, 0: none */
    bool is_published; /* and the journal says so */
    struct buf head; /* its message */
    bool has_broker; /* mqtt.url is not off, and it was asked */
    struct view view; /* what the broker retains */
};

/* Each fills in `finding`, and may leave what it learned in `doctor`. */
enum doctor_state doctor_settings(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_repository(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_branch(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_hooks(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_keys(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_journal(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_disk(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_daemon(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_snapshot(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_broker(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_retained(struct doctor *doctor, struct doctor_finding *finding);

/* Says what went wrong and what its code says to do. DOCTOR_BROKEN. */
enum doctor_state doctor_fail(struct doctor_finding *finding, const struct error *err);
/* "What to do: …" by hand. */
void doctor_fix(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
