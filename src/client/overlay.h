/*
 * overlay: the environment laid over a configuration. Which variable overrides which value is the application's to say
 * (struct epoch_env); the texts are read once, when the client is opened.
 */
#ifndef CLIENT_OVERLAY_H
#define CLIENT_OVERLAY_H

#include <epoch/epoch.h>

#include "model/pointer.h"

enum { OVERRIDES_MAX = 256, OVERRIDE_TEXT_MAX = 64 * 1024 };

/* One variable that is set, and its text as each kind of value that it could be. */
struct override {
    char *service; /* NULL: every one */
    char *text;    /* the pointer as it was given */
    char *variable;
    enum epoch_type type;
    struct pointer pointer; /* its names in the arena */
    struct doc json;        /* empty where the text is no JSON */
    const struct doc_node *as_text, *as_boolean; /* NULL: it is none */
};

/* Immutable and counted: configurations share their values and outlive the client. */
struct overrides {
    unsigned references;
    struct override *list;
    size_t len;
    struct arena arena;
};

struct overrides *overrides_ref(struct overrides *overrides);
void overrides_unref(struct overrides *overrides); /* NULL is fine */

/* Reads the variables that are set. CODE_SETTINGS for what is wrong with the table. */
int overrides_read(struct overrides **out, const struct epoch_env *env, size_t len, struct error *err) MUST_CHECK;

/* What came of laying them over a configuration. */
struct overlay {
    const struct doc_node *root;
    const struct override **done; /* those that took effect, in the arena */
    size_t len;
};

/*
 * Lays what is meant for `service` over `node`: out->root is a tree in `arena` that shares with `node` and the overrides what is
 * theirs; it is `node` itself where nothing is overridden. Calls `refused` (may be NULL) for each that does not fit: a text that is not of
 * the type, a way through something that is no object or array, a place inside another's.
 */
int overlay_apply(const struct overrides *overrides, const char *service, const struct doc_node *node,
                  struct arena *arena, struct overlay *out,
                  void (*refused)(void *context, const struct override *override, const char *why), void *context,
                  struct error *err) MUST_CHECK;

#endif
