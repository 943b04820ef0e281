/*
 * err: one error object, told once.
 *
 * The policy of the whole house:
 *
 *  - A function that can fail returns int: 0 is success, -1 is failure with `*err` filled in. The error is the last
 *    argument, caller-owned, never NULL, and needs no release: it holds no pointers but static names, so reporting
 *    a failure never needs memory.
 *  - Make and return in one line:   return error_set(err, CODE_X, errno, "cannot open '%s'", path);
 *  - An outcome is not a failure: "there is no such file", "nothing changed", "the branch is missing" come back as
 *    values where the caller is expected to go on.
 *  - Below main nothing exits, aborts or prints. The place that decides is the place that speaks (daemon/, cli/).
 *  - Each floor may add one clause in front with error_wrap(): "reading the snapshot: …".
 *  - Outputs are written on success only.
 *  - Messages name places (file, line, column, object id), never secret values.
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/macros.h"

struct error {
    const char *code; /* stable name, static storage; model/codes.h lists them all */
    int sys;          /* errno of the cause, 0 where there is none */
    uint32_t line;    /* 1-based, 0 where there is none */
    uint32_t column;  /* 1-based, in characters */
    char file[256];   /* "" where there is none; cut at the end if longer */
    char message[768]; /* UTF-8, one sentence, no full stop, no newline */
};

/* Codes of the ground floor; the domain's are in model/codes.h. */
#define ERR_SYSTEM "system"            /* the operating system refused a call */
#define ERR_MEMORY "out-of-memory"     /* an allocation failed */
#define ERR_FILE_UNSAFE "file-unsafe"  /* not a regular file, wrong owner, mode or link count */
#define ERR_FILE_TOO_LARGE "file-too-large"

/*
 * Fills in `err` and returns -1. `code` is static. A non-zero `sys` is remembered and its text is appended as
 * ": No such file or directory". Clears any place set before. The arguments may be parts of `err` itself.
 */
int error_set(struct error *err, const char *code, int sys, const char *format, ...) PRINTF_LIKE(4, 5);

/* As error_set, with the place: `file` is copied, line and column are 1-based. Returns -1. */
int error_at(struct error *err, const char *code, const char *file, uint32_t line, uint32_t column,
             const char *format, ...) PRINTF_LIKE(6, 7);

/* Puts a clause and ": " in front of the message that is there. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* error_set for a failed allocation. Returns -1. */
int error_memory(struct error *err);

/* Codes are compared by their text: the same code may stand in the programs and in the library. */
static inline bool error_is(const struct error *err, const char *code)
{
    return strcmp(err->code, code) == 0;
}

/* "file:line:column: message [code]", or "message [code]" without a place. At most size bytes, terminated. */
void error_format(const struct error *err, char *out, size_t size);

#endif
