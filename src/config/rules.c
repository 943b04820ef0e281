/*
 * rules: see rules.h. What the file may look like is the schema's business (rules_schema.c); here it is only taken apart.
 */
#include "config/rules.h"

#include <stdlib.h>

#include "config/rules_priv.h"
#include "io/yaml.h"
#include "model/codes.h"

struct rules *rules_new(void)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return NULL;
    rules->references = 1;
    rules->breaking = RULES_BREAKING_WARN;
    return rules;
}

struct rules *rules_ref(struct rules *rules)
{
    rules->references++;
    return rules;
}

void rules_unref(struct rules *rules)
{
    if (rules == NULL || --rules->references > 0)
        return;
    doc_fini(&rules->doc);
    free(rules);
}

/* --- reading: everything is borrowed from the document, which the schema has let pass ------------------------------ */

static void *take_memory(struct rules *rules, size_t len, size_t size)
{
    return arena_alloc(&rules->doc.arena, len * size + 1);
}

/* Exact names by name; then patterns, the longest first, of one length by text. */
static int compare_rows(const void *a, const void *b)
{
    const struct rules_row *x = a, *y = b;
    if (x->is_pattern != y->is_pattern)
        return x->is_pattern ? 1 : -1;
    if (x->is_pattern && x->literals != y->literals)
        return x->literals > y->literals ? -1 : 1;
    return strcmp(x->who.name, y->who.name);
}

/* One name, or a list of them. */
static int read_names(struct rules *rules, const struct doc_node *value, struct rules_row *row, struct error *err)
{
    bool is_list = value->kind == DOC_ARRAY;
    row->len = is_list ? value->u.array.len : 1;
    row->names = take_memory(rules, row->len, sizeof row->names[0]);
    if (row->names == NULL)
        return error_memory(err);
    for (size_t i = 0; i < row->len; i++) {
        const struct doc_node *name = is_list ? value->u.array.items[i] : value;
        row->names[i] = (struct rules_name){name->u.string.data, name->pos};
    }
    return 0;
}

static int read_table(struct rules *rules, const char *key, struct rules_table *out, struct findings *findings,
                      struct error *err)
{
    const struct doc_node *map = doc_get(rules->doc.root, key);
    size_t patterns = 0;
    if (map == NULL)
        return 0;
    out->len = map->u.object.len;
    out->rows = take_memory(rules, out->len, sizeof out->rows[0]);
    if (out->rows == NULL)
        return error_memory(err);
    for (size_t i = 0; i < out->len; i++) {
        const struct doc_member *member = &map->u.object.members[i];
        struct rules_row *row = &out->rows[i];
        *row = (struct rules_row){.who = {member->name.data, member->pos}};
        row->is_pattern = strchr(row->who.name, '*') != NULL;
        row->literals = member->name.len - row->is_pattern;
        patterns += row->is_pattern;
        if (read_names(rules, member->value, row, err) < 0)
            return -1;
    }
    if (patterns > RULES_PATTERNS_MAX)
        findings_add(findings, FINDING_ERROR, CODE_LIMIT_PATTERNS, RULES_FILE, map->pos,
                     "%s has %zu patterns, and %d is the limit", key, patterns, RULES_PATTERNS_MAX);
    out->exact = out->len - patterns;
    qsort(out->rows, out->len, sizeof out->rows[0], compare_rows);
    return 0;
}

static int read_consumers(struct rules *rules, struct error *err)
{
    const struct doc_node *map = doc_get(rules->doc.root, "consumers");
    if (map == NULL)
        return 0;
    rules->consumers_len = map->u.object.len;
    rules->consumers = take_memory(rules, rules->consumers_len, sizeof rules->consumers[0]);
    if (rules->consumers == NULL)
        return error_memory(err);
    for (size_t i = 0; i < rules->consumers_len; i++) {
        const struct doc_member *member = &map->u.object.members[i];
        rules->consumers[i] = (struct rules_count){{member->name.data, member->pos}, member->value->u.integer};
    }
    return 0;
}

static void read_policy(struct rules *rules)
{
    static const char *const words[] = {"allow", "warn", "refuse"}; /* enum rules_breaking */
    const struct doc_node *policy = doc_get(rules->doc.root, "policy");
    struct span word;
    if (policy == NULL || !doc_get_string(policy, "breaking", &word))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (span_is(word, words[i]))
            rules->breaking = (enum rules_breaking)i;
}

static int read_document(struct rules *rules, struct findings *findings, struct error *err)
{
    const struct doc_node *root = rules->doc.root;
    const struct doc_node *profile = doc_get(root, "profile"), *require = doc_get(root, "require_schema");
    if (profile != NULL)
        rules->profile = (struct rules_name){profile->u.string.data, profile->pos};
    if (require != NULL) {
        rules->require_schema = require->u.boolean;
        rules->require_schema_pos = require->pos;
    }
    read_policy(rules);
    if (read_table(rules, "schemas", &rules->schemas, findings, err) < 0 ||
        read_table(rules, "bases", &rules->bases, findings, err) < 0)
        return -1;
    return read_consumers(rules, err);
}

int rules_read(struct span text, struct rules **out, struct findings *findings, struct error *err)
{
    const struct yaml_options options = {.file = RULES_FILE, .limits = doc_limits_config};
    AUTO_RULES struct rules *rules = rules_new();
    size_t errors = findings->errors;
    if (rules == NULL)
        return error_memory(err);
    if (yaml_read(text, &options, &rules->doc, findings, err) < 0)
        return -1;
    if (rules->doc.root == NULL)
        return 0;
    if (rules_judge(rules->doc.root, findings, err) < 0)
        return -1;
    if (findings->errors == errors && read_document(rules, findings, err) < 0)
        return -1;
    if (findings->errors == errors)
        *out = TAKE(rules);
    return 0;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

static bool matches(const struct rules_row *row, const char *service)
{
    size_t len = strlen(service), head = strcspn(row->who.name, "*"), tail = row->literals - head;
    return len >= row->literals && memcmp(service, row->who.name, head) == 0 &&
           memcmp(service + len - tail, row->who.name + head + 1, tail) == 0;
}

static int compare_exact(const void *key, const void *item)
{
    const struct rules_row *row = item;
    return strcmp(key, row->who.name);
}

static const struct rules_row *find_exact(const struct rules_table *table, const char *service)
{
    if (table->exact == 0)
        return NULL;
    return bsearch(service, table->rows, table->exact, sizeof table->rows[0], compare_exact);
}

/* The next pattern that matches, from *at on; NULL at the end. */
static const struct rules_row *next_match(const struct rules_table *table, const char *service, size_t *at)
{
    while (*at < table->len) {
        const struct rules_row *row = &table->rows[(*at)++];
        if (matches(row, service))
            return row;
    }
    return NULL;
}

static void refuse_tie(const struct rules_row *first, const struct rules_row *second, const char *service,
                       struct findings *findings)
{
    findings_add(findings, FINDING_ERROR, CODE_RULES_AMBIGUOUS, RULES_FILE, second->who.pos,
                 "'%s' and '%s' have the same right to the service '%s'; make one of them longer, or name the service",
                 first->who.name, second->who.name, service);
}

struct rules_name rules_schema_of(const struct rules *rules, const char *service, struct findings *findings)
{
    const struct rules_table *table = &rules->schemas;
    const struct rules_row *row = find_exact(table, service);
    size_t at = table->exact;
    if (row != NULL)
        return row->names[0];
    row = next_match(table, service, &at);
    if (row == NULL)
        return (struct rules_name){0};
    const struct rules_row *other = next_match(table, service, &at);
    if (other != NULL && other->literals == row->literals)
        refuse_tie(row, other, service, findings);
    return row->names[0];
}

/* Puts the names of a row below those that are there, but for the ones that stand higher already. */
static size_t put_below(const struct rules_row *row, struct rules_name *top, size_t len)
{
    for (size_t i = row->len; i > 0; i--) {
        const struct rules_name *name = &row->names[i - 1];
        bool is_there = false;
        for (size_t j = 0; j < len && j < RULES_BASES_MAX; j++)
            is_there = is_there || strcmp(top[j].name, name->name) == 0;
        if (is_there)
            continue;
        if (len < RULES_BASES_MAX)
            top[len] = *name;
        len++;
    }
    return len;
}

static void reverse(struct rules_name *names, size_t len)
{
    for (size_t i = 0; i < len / 2; i++) {
        struct rules_name name = names[i];
        names[i] = names[len - 1 - i];
        names[len - 1 - i] = name;
    }
}

size_t rules_bases_of(const struct rules *rules, const char *service, struct rules_name out[static RULES_BASES_MAX],
                      struct findings *findings)
{
    const struct rules_table *table = &rules->bases;
    const struct rules_row *row = find_exact(table, service), *above = NULL;
    size_t at = table->exact;
    size_t len = row == NULL ? 0 : put_below(row, out, 0);
    for (row = next_match(table, service, &at); row != NULL; row = next_match(table, service, &at)) {
        if (above != NULL && above->literals == row->literals)
            refuse_tie(above, row, service, findings);
        len = put_below(row, out, len);
        above = row;
    }
    if (len > RULES_BASES_MAX) {
        findings_add(findings, FINDING_ERROR, CODE_LIMIT_BASES, RULES_FILE, doc_get(rules->doc.root, "bases")->pos,
                     "the service '%s' has %zu bases, and %d is the limit", service, len, RULES_BASES_MAX);
        len = RULES_BASES_MAX;
    }
    reverse(out, len);
    return len;
}
