/*
 * members: writes the members of one JSON object straight into a buffer, in the order they are put. The one
 * who composes keeps the order canonical (RFC 8785) where the format wants it; nothing is sorted here.
 *
 *   struct members m = members_object(out);
 *   members_put_u64(&m, "epoch", 42);
 *   members_end(&m);                            {"epoch":42}
 */
#ifndef MODEL_MEMBERS_H
#define MODEL_MEMBERS_H

#include <stdint.h>

#include "util/buf.h"

struct members {
    struct buf *out;
    char lead; /* what stands before the next name: '{' or ',', NUL for nothing */
};

/* An object, to be closed with members_end. */
struct members members_object(struct buf *out);
/* Members without braces, for whoever writes the object around them. */
struct members members_bare(struct buf *out);
void members_end(struct members *m);

/* The name and its colon; the caller writes the value. Names are plain: nothing in them needs an escape. */
void members_put_name(struct members *m, const char *name);

void members_put_null(struct members *m, const char *name);
void members_put_u64(struct members *m, const char *name, uint64_t value);
void members_put_text(struct members *m, const char *name, const char *value); /* NULL: null */
void members_put_string(struct members *m, const char *name, struct span value);
/* As every time is written: clock_format. */
void members_put_time(struct members *m, const char *name, int64_t unix_ms);
/* A string of 2 × len digits. */
void members_put_hex(struct members *m, const char *name, const void *data, size_t len);
/* Text that is JSON already; data NULL: null. */
void members_put_json(struct members *m, const char *name, struct span json);

#endif
