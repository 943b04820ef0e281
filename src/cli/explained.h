/*
 * explained: where each value of a service comes from: the layer, the file and line, the commit that set it; and what the
 * schema says of it.
 */
#ifndef CLI_EXPLAINED_H
#define CLI_EXPLAINED_H

#include "cli/fleet.h"
#include "cli/ground.h"
#include "config/effective.h"

enum { EXPLAINED_KEYS_MAX = 20000, EXPLAINED_BUDGET_MS = 3000 };

struct explained_key {
    const char *pointer; /* JSON Pointer */
    const struct doc_node *value; /* an object only where it is empty; NULL: nothing sets it, the schema knows it */
    struct schema_place place;    /* what the schema says; len 0: nothing */
    const struct schema *schema;  /* of the service; NULL: it has none */
    struct pointer way;
    bool is_secret; /* or holds something that is, in some layer */
    const char *variable; /* x-env; NULL: none */
    bool is_set;          /* in the environment that we run in */
    const char *held_at;  /* instances whose environment overrides it, "box, pi3"; NULL: none is known */
    /* The commit that set it. */
    enum explained_blame { EXPLAINED_NOT_KNOWN, EXPLAINED_COMMIT, EXPLAINED_OLDER, EXPLAINED_UNCOMMITTED } blame;
    struct oid commit;
    int64_t time_ms;
    const char *author, *subject; /* NULL: not known */
};

/* A zeroed struct is empty. */
struct explained {
    struct effective effective;
    struct explained_key *keys; /* in the order of the canonical form */
    size_t len, cap;
    struct arena arena;
};

void explained_fini(struct explained *explained);
#define AUTO_EXPLAINED CLEANUP(explained_fini)

struct explained_question {
    const char *service;
    const char *key;     /* NULL: all of them */
    const char *profile; /* NULL: the active one; "": none */
};

/*
 * Fills in `out`. CODE_NO_SERVICE, CODE_NO_PROFILE, CODE_NO_KEY with the nearest name; what is wrong with the files of
 * the service is in `findings`, and then `out` has no keys.
 */
int explained_make(const struct ground *ground, const struct explained_question *question, struct explained *out,
                   struct findings *findings, struct error *err) MUST_CHECK;

/* Which of the consumers that are known hold which value by their environment. */
int explained_ask_fleet(struct explained *explained, const struct fleet *fleet, const char *service, struct error *err) MUST_CHECK;

/* One line a key; or, of a single one, all that is known. */
void explained_put_table(const struct explained *explained, const struct term *term, struct buf *out);
void explained_put_key(const struct explained *explained, const struct explained_key *key, const struct term *term,
                       struct buf *out);
void explained_put_json(const struct explained *explained, const struct explained_question *question,
                        const struct ground *ground, struct buf *out);

/* Every layer that says something at a key, the lowest first; the last one counts, unless a patch removed it. */
struct explained_layer {
    const char *name; /* "default", "base", "file", "profile" */
    const struct doc_node *value;
};
enum { EXPLAINED_LAYERS_MAX = RULES_BASES_MAX + 3 };
size_t explained_layers(const struct explained *explained, const struct explained_key *key,
                        struct explained_layer out[static EXPLAINED_LAYERS_MAX]);

#endif
