/*
 * evolution: see evolution.h.
 */
#include "config/evolution.h"

#include <stdlib.h>

#include "config/services.h"
#include "model/codes.h"
#include "schema/compare.h"
#include "util/array.h"

/* --- what is told ------------------------------------------------------------------------------------------ */

/* Schemas of two names, and who went from one to the other. */
struct pair {
    const struct shared_file *was, *is;
    char service[LAYOUT_NAME_MAX + 1];
    size_t others;
};

struct telling {
    enum rules_breaking policy;
    uint32_t steps; /* what is left of COMPARE_STEPS_MAX */
    struct findings *findings;
};

static const char *code_of(enum schema_effect effect)
{
    switch (effect) {
    case SCHEMA_COMPATIBLE:
        return NULL;
    case SCHEMA_ANNOTATION:
        return CODE_SCHEMA_ANNOTATION;
    case SCHEMA_UNCLEAR:
        return CODE_SCHEMA_UNCLEAR;
    case SCHEMA_BREAKING:
        return CODE_SCHEMA_BREAKING;
    }
    return NULL;
}

/* " (x and 2 others were judged by schemas/a.json before)", nothing for a schema that kept its name. */
static void put_pair(const struct pair *pair, struct buf *out)
{
    if (pair == NULL)
        return;
    buf_printf(out, " (%s", pair->service);
    if (pair->others > 0)
        buf_printf(out, " and %zu other%s", pair->others, pair->others == 1 ? "" : "s");
    buf_printf(out, " %s judged by %s before)", pair->others > 0 ? "were" : "was", pair->was->path);
}

static int tell(struct telling *telling, const struct schema_change *change, const struct pair *pair, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    const char *code = code_of(change->effect);
    bool is_refused = change->effect == SCHEMA_BREAKING && telling->policy == RULES_BREAKING_REFUSE;
    if (code == NULL || (telling->policy == RULES_BREAKING_ALLOW && change->effect != SCHEMA_ANNOTATION))
        return 0;
    buf_printf(&text, "%s%s%s%s", change->pointer, change->pointer[0] == '\0' ? "" : ": ", change->message,
               change->effect == SCHEMA_UNCLEAR ? "; whether that breaks a value cannot be told" : "");
    put_pair(pair, &text);
    if (buf_check(&text, err) != 0)
        return -1;
    findings_add(telling->findings, is_refused ? FINDING_ERROR : FINDING_WARNING, code, change->file, change->pos, "%.*s",
                 (int)text.len, text.data);
    return 0;
}

static int compare(struct telling *telling, const struct shared_file *was, const struct shared_file *is,
                   const struct pair *pair, struct error *err)
{
    struct schema_changes changes AUTO_SCHEMA_CHANGES = {0};
    if (was->schema == NULL || is->schema == NULL || memcmp(was->digest, is->digest, HASH_LEN) == 0)
        return 0;
    if (schema_compare(schema_source(was->schema), schema_source(is->schema), &telling->steps, &changes, err) < 0)
        return -1;
    for (size_t i = 0; i < changes.len; i++)
        if (tell(telling, &changes.items[i], pair, err) < 0)
            return -1;
    return 0;
}

/* --- schemas of one name ----------------------------------------------------------------------------------- */

static int compare_names(const struct evolution *about, struct telling *telling, struct error *err)
{
    const struct shared *schemas = about->is->schemas;
    for (size_t i = 0; i < schemas->len; i++) {
        const struct shared_file *was = shared_find(about->was->schemas, schemas->files[i].name);
        if (was != NULL && compare(telling, was, &schemas->files[i], NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* --- services with a schema of another name ---------------------------------------------------------------- */

struct name {
    char text[LAYOUT_NAME_MAX + 1];
};

struct walk {
    const struct evolution *about;
    struct name *before; /* sorted; of the services in `about->before` */
    size_t before_len, before_cap;
    struct pair *pairs;
    size_t len, cap;
};

static void walk_fini(struct walk *walk)
{
    free(walk->before);
    free(walk->pairs);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A services_visit. */
static int add_name(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    struct walk *walk = context;
    struct name *names = array_grow(walk->before, walk->before_len, &walk->before_cap, sizeof *names);
    (void)folder;
    (void)entry;
    if (names == NULL)
        return error_memory(err);
    walk->before = names;
    memcpy(names[walk->before_len++].text, name, strlen(name) + 1);
    return 0;
}

static bool existed(const struct walk *walk, const char *name)
{
    if (walk->about->in_force != NULL)
        return catalog_find(walk->about->in_force, name) != NULL;
    return walk->before_len > 0 &&
           bsearch(name, walk->before, walk->before_len, sizeof walk->before[0], compare_text) != NULL;
}

static int add_pair(struct walk *walk, const char *service, const struct shared_file *was, const struct shared_file *is,
                    struct error *err)
{
    for (size_t i = walk->len; i-- > 0;)
        if (walk->pairs[i].was == was && walk->pairs[i].is == is) {
            walk->pairs[i].others++;
            return 0;
        }
    struct pair *pairs = array_grow(walk->pairs, walk->len, &walk->cap, sizeof *pairs);
    if (pairs == NULL)
        return error_memory(err);
    walk->pairs = pairs;
    pairs[walk->len] = (struct pair){.was = was, .is = is};
    memcpy(pairs[walk->len++].service, service, strlen(service) + 1);
    return 0;
}

/* A services_visit. */
static int on_service(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                      struct error *err)
{
    struct walk *walk = context;
    struct service_rules was, is;
    (void)folder;
    (void)entry;
    environment_find(walk->about->was, name, &was, NULL);
    environment_find(walk->about->is, name, &is, NULL);
    if (was.schema == NULL || is.schema == NULL || strcmp(was.schema->name, is.schema->name) == 0 || !existed(walk, name))
        return 0;
    return add_pair(walk, name, was.schema, is.schema, err);
}

/* What gives services their schemas. */
static bool have_same_rules(const struct rules *a, const struct rules *b)
{
    const struct doc_node *was = a->doc.root, *is = b->doc.root;
    return a == b || (was == NULL && is == NULL) || (was != NULL && is != NULL && doc_equal(was, is));
}

static bool have_same_names(const struct shared *a, const struct shared *b)
{
    bool is_same = a->len == b->len;
    for (size_t i = 0; a != b && is_same && i < a->len; i++)
        is_same = strcmp(a->files[i].name, b->files[i].name) == 0;
    return is_same;
}

/* What a schema weighs is looked at for each pair that it is in, so it is counted for each. */
static bool afford(struct telling *telling, const struct pair *pair)
{
    enum { BYTES_A_STEP = 256 };
    if (pair->was->schema == NULL || pair->is->schema == NULL)
        return true;
    uint64_t bytes = (uint64_t)schema_source(pair->was->schema)->size + schema_source(pair->is->schema)->size;
    uint64_t steps = bytes / BYTES_A_STEP;
    bool is_enough = steps < telling->steps;
    telling->steps = is_enough ? telling->steps - (uint32_t)steps : 0;
    return is_enough;
}

static int compare_pairs(const struct walk *walk, struct telling *telling, struct error *err)
{
    for (size_t i = 0; i < walk->len; i++) {
        const struct pair *pair = &walk->pairs[i];
        if (!afford(telling, pair)) {
            findings_add(telling->findings, FINDING_WARNING, CODE_SCHEMA_UNCLEAR, pair->is->path, (struct doc_pos){0},
                         "too many services have a schema of another name to compare each with the one before");
            return 0;
        }
        if (compare(telling, pair->was, pair->is, pair, err) < 0)
            return -1;
    }
    return 0;
}

static int compare_services(const struct evolution *about, struct telling *telling, struct error *err)
{
    struct walk walk CLEANUP(walk_fini) = {.about = about};
    bool is_same = have_same_rules(about->was->rules, about->is->rules) && have_same_names(about->was->schemas, about->is->schemas);
    if (is_same || about->is->rules_are_broken)
        return 0;
    if (about->in_force == NULL && about->before != NULL && services_each(about->before, add_name, &walk, err) < 0)
        return -1;
    if (walk.before_len > 1)
        qsort(walk.before, walk.before_len, sizeof walk.before[0], compare_text);
    if (services_each(about->after, on_service, &walk, err) < 0)
        return -1;
    return compare_pairs(&walk, telling, err);
}

int evolution_judge(const struct evolution *about, struct findings *findings, struct error *err)
{
    struct telling telling = {about->is->rules->breaking, COMPARE_STEPS_MAX, findings};
    if (about->was->schemas != about->is->schemas && compare_names(about, &telling, err) < 0)
        return -1;
    return compare_services(about, &telling, err);
}
