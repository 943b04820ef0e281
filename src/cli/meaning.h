/*
 * meaning: what a schema says of a place, in words for people and as members for programs.
 */
#ifndef CLI_MEANING_H
#define CLI_MEANING_H

#include "config/environment.h"
#include "util/buf.h"

/* The text of a keyword at the root of a service's schema; empty: there is none, or no schema. */
struct span meaning_of_service(const struct environment *environment, const char *service, const char *keyword);

/* "number, 0 to 1", "string, at most 64 characters, like ^[a-z]+$", "one of low, high"; nothing where it says nothing.
   Choices of what is secret are left out. */
void meaning_put_type(const struct schema_place *place, bool is_secret, struct buf *out);

/* Whether the schema says anything at all: `true` allows and does not know. */
bool meaning_is_there(const struct schema_place *place);

/* The text of title, description, x-complexity, …; empty: there is none. */
struct span meaning_text(const struct schema_place *place, const char *keyword);

/* "\"title\":…,\"type\":…": the keywords that are there, as they are written, in the order of canonical JSON, each with
   a comma before. Defaults and examples of what is secret are left out. */
void meaning_put_members(const struct schema_place *place, bool is_secret, struct buf *out);

#endif
