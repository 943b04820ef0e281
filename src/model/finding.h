/*
 * finding: what is wrong with a configuration, for people: file, line, column, code, message. All of them, not the
 * first; in the order they were found, sorted by place when the list is finished.
 */
#ifndef MODEL_FINDING_H
#define MODEL_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/doc.h"
#include "util/buf.h"
#include "util/err.h"

enum {
    FINDINGS_MAX = 1000,       /* further ones are counted only; errors before warnings */
    FINDING_MESSAGE_MAX = 768, /* bytes; a longer one ends in an ellipsis */
};

enum finding_severity { FINDING_ERROR, FINDING_WARNING };

struct finding {
    const char *code; /* static, of model/codes.h */
    enum finding_severity severity;
    struct doc_pos pos; /* {0, 0} where the whole file is meant */
    char *file;         /* path in the repository, UTF-8 (odd bytes as \xNN), owned by the list */
    char *message;      /* the same */
};

/* A zeroed struct is an empty list. */
struct findings {
    struct finding *items;
    size_t len, cap;
    size_t errors, warnings; /* all that were added, also those beyond FINDINGS_MAX */
    bool failed;             /* memory ran out while adding: findings_check says so */
};

#define AUTO_FINDINGS CLEANUP(findings_fini)

void findings_fini(struct findings *findings);

/* `file` and what the format gives are any bytes up to the NUL; they are made printable (util/utf8.h). */
void findings_add(struct findings *findings, enum finding_severity severity, const char *code, const char *file,
                  struct doc_pos pos, const char *format, ...) PRINTF_LIKE(6, 7);

/* 0, or ERR_MEMORY if the list is incomplete for want of memory. */
int findings_check(const struct findings *findings, struct error *err) MUST_CHECK;

/* Sorts by file, line, column; errors before warnings at one place, and warnings at the place of an error are dropped. */
void findings_sort(struct findings *findings);

/* "file:line:column: message [code]" ("warning: " before the message for one), without a newline. */
void finding_format(const struct finding *finding, struct buf *out);

/* A JSON array of {"code","column","file","line","message","severity"} (canonical), at most `max` of them: errors
   before warnings. */
void findings_write_json(const struct findings *findings, size_t max, struct buf *out);

#endif
