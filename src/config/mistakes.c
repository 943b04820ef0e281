/*
 * mistakes: see mistakes.h.
 */
#include "config/mistakes.h"

#include <stdlib.h>
#include <string.h>

#include "model/codes.h"
#include "util/array.h"

void mistakes_fini(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->len; i++) {
        free(mistakes->items[i].finding.file);
        free(mistakes->items[i].finding.message);
    }
    free(mistakes->items);
    *mistakes = (struct mistakes){0};
}

int mistakes_check(const struct mistakes *mistakes, struct error *err)
{
    return mistakes->failed ? error_memory(err) : 0;
}

/* --- the list ------------------------------------------------------------------------------------------- */

static bool is_same_place(const struct finding *a, const struct finding *b)
{
    return a->pos.line == b->pos.line && a->pos.column == b->pos.column && a->code == b->code &&
           strcmp(a->file, b->file) == 0;
}

static bool is_same(const struct mistake *mistake, const struct finding *finding)
{
    return is_same_place(&mistake->finding, finding) &&
           strcmp(mistake->finding.message, finding->message) == 0;
}

/*
 * Another service may say the same of a place in other words, as its schema has it. Not of a mapping that
 * misses keys: there the words are what is missing. And of one service each sentence is a mistake of its own.
 */
static bool is_same_in_other_words(const struct mistakes *mistakes, const struct mistake *mistake,
                                   const struct finding *finding)
{
    return mistake->seen != mistakes->round && finding->code != CODE_SCHEMA_REQUIRED &&
           is_same_place(&mistake->finding, finding);
}

/* From where the last one was found: what many have in common is found at once. */
static struct mistake *find(struct mistakes *mistakes, const struct finding *finding)
{
    for (size_t i = 0; i < mistakes->known; i++) {
        mistakes->looked++;
        size_t at = (mistakes->next + i) % mistakes->known;
        if (is_same(&mistakes->items[at], finding)) {
            mistakes->next = at + 1;
            return &mistakes->items[at];
        }
    }
    return NULL;
}

static struct mistake *find_in_other_words(struct mistakes *mistakes, const struct finding *finding)
{
    mistakes->looked += mistakes->known;
    for (size_t i = 0; i < mistakes->known; i++)
        if (is_same_in_other_words(mistakes, &mistakes->items[i], finding))
            return &mistakes->items[i];
    return NULL;
}

/* Takes the texts of the finding. NULL: there is no room. */
static struct mistake *add(struct mistakes *mistakes, struct finding *finding)
{
    if (mistakes->len == FINDINGS_MAX) {
        mistakes->lost++;
        return NULL;
    }
    struct mistake *items = array_grow(mistakes->items, mistakes->len, &mistakes->cap, sizeof *items);
    if (items == NULL) {
        mistakes->failed = true;
        return NULL;
    }
    mistakes->items = items;
    struct mistake *added = &mistakes->items[mistakes->len++];
    *added = (struct mistake){.finding = *finding};
    finding->file = finding->message = NULL;
    return added;
}

static void begin_round(struct mistakes *mistakes)
{
    mistakes->round++;
    mistakes->known = mistakes->len;
}

/* --- of one service ------------------------------------------------------------------------------------- */

void mistakes_take(struct mistakes *mistakes, struct findings *found, const char *profile)
{
    begin_round(mistakes);
    for (size_t i = 0; i < found->len; i++) {
        struct mistake *mistake = find(mistakes, &found->items[i]);
        if (mistake == NULL) {
            mistake = add(mistakes, &found->items[i]);
            if (mistake == NULL)
                continue;
            mistake->profile = profile;
        }
        mistake->profiles += mistake->seen != mistakes->round;
        mistake->seen = mistakes->round;
    }
    mistakes->lost += found->errors + found->warnings - found->len;
    mistakes->failed = mistakes->failed || found->failed;
    findings_fini(found);
}

enum { UNDER_MAX = LAYOUT_NAME_MAX + 64 };

/* "under the profile night and 2 others" */
static const char *put_under(const struct mistake *mistake, char out[static UNDER_MAX])
{
    size_t others = mistake->profiles - 1;
    if (others == 0)
        snprintf(out, UNDER_MAX, "under the profile %s", mistake->profile);
    else
        snprintf(out, UNDER_MAX, "under the profile %s and %zu other%s", mistake->profile, others,
                 others == 1 ? "" : "s");
    return out;
}

static void put(const struct finding *finding, const char *where, struct findings *findings)
{
    findings_add(findings, finding->severity, finding->code, finding->file, finding->pos, "%s%s%s%s",
                 finding->message, where[0] == '\0' ? "" : " (", where, where[0] == '\0' ? "" : ")");
}

static void share(struct mistake *mistake, const char *service, struct mistakes *shared)
{
    struct finding *finding = &mistake->finding;
    struct mistake *same = find(shared, finding);
    if (same == NULL)
        same = find_in_other_words(shared, finding);
    if (same == NULL) {
        same = add(shared, finding);
        if (same == NULL)
            return;
        same->profile = mistake->profile;
        same->profiles = mistake->profiles;
        snprintf(same->service, sizeof same->service, "%s", service);
    }
    same->services += same->seen != shared->round;
    same->seen = shared->round;
}

static bool is_of_patch(const struct finding *finding)
{
    static const char folder[] = "profiles/";
    return strncmp(finding->file, folder, sizeof folder - 1) == 0;
}

/* What stands in no list was counted where it was found. */
static void count_lost(const struct mistakes *mistakes, struct findings *findings)
{
    findings->errors += mistakes->lost;
}

void mistakes_tell(struct mistakes *mistakes, const char *service, const char *path,
                   struct findings *findings, struct mistakes *shared)
{
    char under[UNDER_MAX];
    begin_round(shared);
    for (size_t i = 0; i < mistakes->len; i++) {
        struct mistake *mistake = &mistakes->items[i];
        bool is_own = strcmp(mistake->finding.file, path) == 0;
        if (mistake->profiles == mistakes->round)
            mistake->profile = NULL; /* under all of them */
        if (!is_own && !is_of_patch(&mistake->finding))
            share(mistake, service, shared);
        else
            put(&mistake->finding, is_own && mistake->profile != NULL ? put_under(mistake, under) : "",
                findings);
    }
    count_lost(mistakes, findings);
    shared->failed = shared->failed || mistakes->failed;
    mistakes_fini(mistakes);
}

/* --- of all --------------------------------------------------------------------------------------------- */

void mistakes_tell_shared(const struct mistakes *shared, struct findings *findings)
{
    char under[UNDER_MAX], where[2 * UNDER_MAX + LAYOUT_NAME_MAX];
    for (size_t i = 0; i < shared->len; i++) {
        const struct mistake *mistake = &shared->items[i];
        size_t others = mistake->services - 1;
        int len = snprintf(where, sizeof where, "in the service %s%s%s", mistake->service,
                           mistake->profile == NULL ? "" : ", ",
                           mistake->profile == NULL ? "" : put_under(mistake, under));
        if (others > 0)
            snprintf(where + len, sizeof where - (size_t)len, "%s and %zu other%s",
                     mistake->profile == NULL ? "" : ",", others, others == 1 ? "" : "s");
        put(&mistake->finding, where, findings);
    }
    count_lost(shared, findings);
}
