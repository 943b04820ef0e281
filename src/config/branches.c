/*
 * branches: see branches.h.
 */
#include "config/branches.h"

#include <string.h>

#include "model/nearest.h"
#include "util/utf8.h"

enum { SHOWN_MAX = 5, NAME_SHOWN_MAX = 64 };

struct others {
    struct nearest nearest;
    char best[NEAREST_MAX + 1];
    char names[SHOWN_MAX][NAME_SHOWN_MAX];
    size_t len;
};

/* Names come and go with each call, so the nearest one is copied as soon as it is found. */
static bool on_branch(void *context, const char *name)
{
    struct others *others = context;
    size_t before = others->nearest.distance;
    bool had_one = others->nearest.name != NULL;
    nearest_try(&others->nearest, name);
    if (others->nearest.name != NULL && (!had_one || others->nearest.distance != before))
        snprintf(others->best, sizeof others->best, "%s", name);
    if (others->len < SHOWN_MAX)
        utf8_printable(span_of(name), others->names[others->len], NAME_SHOWN_MAX);
    others->len++;
    return true;
}

static void put(char *text, size_t *len, const char *before, const char *name)
{
    size_t room = BRANCHES_TEXT_MAX - *len;
    int n = snprintf(text + *len, room, "%s%s", before, name);
    *len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

int branches_explain(struct repo *repo, const char *wanted, bool *has_others, char text[static BRANCHES_TEXT_MAX],
                     struct error *err)
{
    struct others others = {.nearest.text = span_of(wanted)};
    char hint[NEAREST_HINT_MAX];
    size_t len = 0;
    if (repo_each_branch(repo, on_branch, &others, err) != 0)
        return -1;
    *has_others = others.len > 0;
    put(text, &len, "there is no branch ", wanted);
    if (others.len == 0) {
        put(text, &len, ": nothing is committed yet", "");
        return 0;
    }
    put(text, &len, "; there ", others.len == 1 ? "is " : "are ");
    for (size_t i = 0; i < others.len && i < SHOWN_MAX; i++)
        put(text, &len, i == 0 ? "" : ", ", others.names[i]);
    if (others.len > SHOWN_MAX)
        put(text, &len, ", …", "");
    put(text, &len, nearest_hint_name(span_of(others.best), hint), "");
    return 0;
}
