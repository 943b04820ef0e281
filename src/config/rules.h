/*
 * rules: what epoch.yaml says, the settings that belong to history: the active profile, which schema and which bases a
 * service has, and who is expected to apply it.
 *
 *   profile: quiet
 *   schemas: {"stt-*": audio}                  a service has one: the exact name, then the longest pattern, else the schema of its name
 *   bases: {"*": [common], "stt-*": [audio]}   all that match count: the shorter pattern lies lower, the exact name on top
 *   require_schema: true
 *   policy: {breaking: refuse}                 allow | warn (the default) | refuse
 *   consumers: {stt-worker: 1}
 *
 * A pattern is a name with one `*` for any run of characters, also none; its length is that of its other characters. Two
 * patterns of one length that match one service are refused, where the choice would be between them.
 *
 * Read against its own JSON Schema (rules_schema), so that an editor says the same as `epochctl check`.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "model/finding.h"
#include "model/layout.h"

#define RULES_FILE "epoch.yaml"

enum {
    RULES_PATTERNS_MAX = 256, /* of `schemas`, and of `bases` */
    RULES_BASES_MAX = 16,     /* of one service */
};

enum rules_breaking { RULES_BREAKING_ALLOW, RULES_BREAKING_WARN, RULES_BREAKING_REFUSE };

/* A name that epoch.yaml gives, and where. */
struct rules_name {
    const char *name; /* borrowed from the document; NULL: none is given */
    struct doc_pos pos;
};

/* One line of `schemas` or `bases`: who is meant, and the names for them. */
struct rules_row {
    struct rules_name who; /* a service's name, or a pattern */
    size_t literals;       /* characters of it that are no `*` */
    bool is_pattern;
    struct rules_name *names; /* of the schema: one; of the bases: in their order */
    size_t len;
};

/* Exact names first, by name; then patterns, the longest first. */
struct rules_table {
    struct rules_row *rows;
    size_t len, exact;
};

struct rules_count {
    struct rules_name service;
    int64_t count;
};

/* Immutable once read, and shared: one thread at a time (reference counts are plain). */
struct rules {
    unsigned references;
    struct doc doc; /* what is borrowed from; empty without an epoch.yaml */
    struct rules_name profile;
    bool require_schema;
    struct doc_pos require_schema_pos;
    enum rules_breaking breaking;
    struct rules_table schemas, bases;
    struct rules_count *consumers; /* how many instances are expected, by name of the service */
    size_t consumers_len;
};

/* The JSON Schema of epoch.yaml, as text: `epochctl schema` prints it. */
extern const char rules_schema[];

/* What holds without an epoch.yaml. NULL when memory is out. */
struct rules *rules_new(void);
struct rules *rules_ref(struct rules *rules);
void rules_unref(struct rules *rules); /* NULL is fine */
static inline void rules_cleanup(struct rules **rules)
{
    rules_unref(*rules);
}
#define AUTO_RULES CLEANUP(rules_cleanup)

/* Reads the text of epoch.yaml. What is wrong becomes findings with file:line:column, and *out stays as it is. */
int rules_read(struct span text, struct rules **out, struct findings *findings, struct error *err) MUST_CHECK;

/*
 * What `schemas` says of a service: the name of its schema, name NULL where it says nothing (then it is the schema of the
 * service's own name, if there is one). Two patterns with the same right to it are a finding, and the first is given.
 */
struct rules_name rules_schema_of(const struct rules *rules, const char *service, struct findings *findings);

/* The bases of a service, the lowest first, each once: at the highest place it is named at. Returns how many. */
size_t rules_bases_of(const struct rules *rules, const char *service, struct rules_name out[static RULES_BASES_MAX],
                      struct findings *findings);

#endif
