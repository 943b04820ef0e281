/*
 * mistakes: what is wrong with services, told once each, however many services and profiles it is seen from.
 *
 * A service is judged under many profiles, and its lines are of three kinds. One of its own file says under
 * which profiles it is wrong, and nothing where that is all of them. One of a patch is of that profile alone.
 * One that services share (of a base, of a schema's defaults) names the first service and counts the others:
 * their schemas may say it in words of their own, but the place is wrong once.
 */
#ifndef CONFIG_MISTAKES_H
#define CONFIG_MISTAKES_H

#include "model/finding.h"
#include "model/layout.h"

struct mistake {
    struct finding finding;            /* owned */
    const char *profile;               /* borrowed: the first it was seen under; NULL: it does not matter */
    unsigned profiles;                 /* how many it was seen under */
    char service[LAYOUT_NAME_MAX + 1]; /* the first */
    size_t services;                   /* how many */
    size_t seen;                       /* by which variant, or service: it counts once for each */
};

/* A zeroed struct is an empty list. */
struct mistakes {
    struct mistake *items;
    size_t len, cap;
    size_t lost;     /* those beyond FINDINGS_MAX */
    size_t next;     /* where the one after the last that was found again stands: they come in the same order
                        again */
    size_t round;    /* the variant, or service, at hand */
    size_t known;    /* how many were there when it began: what it says itself is different from each other */
    uint64_t looked; /* how often two were compared: for who counts the work */
    bool failed;     /* memory ran out: mistakes_check says so */
};

void mistakes_fini(struct mistakes *mistakes);

/* 0, or ERR_MEMORY if the list is incomplete for want of memory. */
int mistakes_check(const struct mistakes *mistakes, struct error *err) MUST_CHECK;

/* What one variant of a service found; it is emptied. `profile` NULL: the service as it is, without a patch.
 */
void mistakes_take(struct mistakes *mistakes, struct findings *found, const char *profile);

/* What a service is told of: the lines of its own go to `findings`, those that it shares to `shared`. `path`
 * is its file. */
void mistakes_tell(struct mistakes *mistakes, const char *service, const char *path,
                   struct findings *findings, struct mistakes *shared);

/* What all services together are told of. */
void mistakes_tell_shared(const struct mistakes *shared, struct findings *findings);

#endif
