/*
 * strangers: see strangers.h.
 */
#include "config/strangers.h"

#include <stdlib.h>
#include <string.h>

#include "config/services.h"
#include "model/codes.h"
#include "model/nearest.h"

/* A name that epoch.yaml gives, under which key, and whether a service has it. */
struct stranger {
    const struct rules_name *name;
    const char *key;
    bool is_known;
    struct nearest nearest;
    char best[LAYOUT_NAME_MAX + 1]; /* names come and go with each visit */
};

struct strangers {
    struct stranger *items; /* by name */
    size_t len;
};

static void strangers_fini(struct strangers *strangers)
{
    free(strangers->items);
}

static void add(struct strangers *strangers, const struct rules_name *name, const char *key)
{
    strangers->items[strangers->len++] =
        (struct stranger){.name = name, .key = key, .nearest.text = span_of(name->name)};
}

static int compare(const void *a, const void *b)
{
    const struct stranger *x = a, *y = b;
    return strcmp(x->name->name, y->name->name);
}

static int collect(const struct rules *rules, struct strangers *out, struct error *err)
{
    out->items =
        calloc(rules->schemas.exact + rules->bases.exact + rules->consumers_len + 1, sizeof *out->items);
    if (out->items == NULL)
        return error_memory(err);
    for (size_t i = 0; i < rules->schemas.exact; i++)
        add(out, &rules->schemas.rows[i].who, "schemas");
    for (size_t i = 0; i < rules->bases.exact; i++)
        add(out, &rules->bases.rows[i].who, "bases");
    for (size_t i = 0; i < rules->consumers_len; i++)
        add(out, &rules->consumers[i].service, "consumers");
    qsort(out->items, out->len, sizeof out->items[0], compare);
    return 0;
}

/* A services_visit: marks all that have the name; it may stand under each key. */
static int on_known(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                    struct error *err)
{
    struct strangers *strangers = context;
    size_t low = 0, high = strangers->len;
    (void)folder;
    (void)entry;
    (void)err;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(strangers->items[middle].name->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < strangers->len && strcmp(strangers->items[low].name->name, name) == 0; low++)
        strangers->items[low].is_known = true;
    return 0;
}

static size_t keep_unknown(struct strangers *strangers)
{
    size_t kept = 0;
    for (size_t i = 0; i < strangers->len; i++)
        if (!strangers->items[i].is_known)
            strangers->items[kept++] = strangers->items[i];
    return kept;
}

/* A services_visit. */
static int on_near(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                   struct error *err)
{
    struct strangers *strangers = context;
    (void)folder;
    (void)entry;
    (void)err;
    for (size_t i = 0; i < strangers->len && i < NEAREST_TOLD_MAX; i++) {
        struct stranger *stranger = &strangers->items[i];
        size_t before = stranger->nearest.distance;
        bool had_one = stranger->nearest.name != NULL;
        nearest_try(&stranger->nearest, name);
        if (stranger->nearest.name != NULL && (!had_one || stranger->nearest.distance != before))
            snprintf(stranger->best, sizeof stranger->best, "%s", name);
    }
    return 0;
}

int strangers_tell(const struct rules *rules, const struct listing *listing, struct findings *findings,
                   struct error *err)
{
    struct strangers strangers CLEANUP(strangers_fini) = {0};
    char hint[NEAREST_HINT_MAX];
    if (collect(rules, &strangers, err) < 0)
        return -1;
    if (strangers.len == 0)
        return 0;
    if (services_each(listing, on_known, &strangers, err) < 0)
        return -1;
    strangers.len = keep_unknown(&strangers);
    if (strangers.len > 0 && services_each(listing, on_near, &strangers, err) < 0)
        return -1;
    for (size_t i = 0; i < strangers.len; i++) {
        const struct stranger *stranger = &strangers.items[i];
        findings_add(findings, FINDING_WARNING, CODE_RULES_SERVICE, RULES_FILE, stranger->name->pos,
                     "%s: there is no service '%s'%s", stranger->key, stranger->name->name,
                     nearest_hint_name(span_of(stranger->best), hint));
    }
    return 0;
}
