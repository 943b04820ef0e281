/*
 * explained: see explained.h. What is printed is in explained_put.c.
 */
#include "cli/explained.h"

#include <string.h>

#include "cli/known.h"
#include "cli/meaning.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "util/array.h"
#include "util/clock.h"

void explained_fini(struct explained *explained)
{
    free(explained->keys);
    arena_fini(&explained->arena);
    effective_fini(&explained->effective);
    *explained = (struct explained){0};
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static const struct schema *schema_of(const struct explained *explained)
{
    const struct shared_file *file = explained->effective.rules.schema;
    return file == NULL ? NULL : file->schema;
}

static const char *put_pointer(struct explained *out, const struct pointer *way, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    pointer_put(way, way->len, &text);
    const char *copy = buf_check(&text, err) != 0 ? NULL : arena_copy(&out->arena, text.len == 0 ? "" : text.data, text.len);
    if (copy == NULL)
        error_memory(err);
    return copy;
}

static void ask_schema(const struct explained *explained, struct explained_key *key)
{
    const struct schema *schema = schema_of(explained);
    struct explained_layer layers[EXPLAINED_LAYERS_MAX];
    struct span name;
    key->schema = schema;
    if (schema == NULL)
        return;
    if (!schema_at(schema, &key->way, &key->place))
        key->place.len = 0;
    key->is_secret = schema_is_secret(schema, &key->way);
    key->is_secret = key->is_secret || (key->value != NULL && schema_hides(schema, &key->way, key->value));
    for (size_t i = 0, len = explained_layers(explained, key, layers); i < len && !key->is_secret; i++)
        key->is_secret = schema_hides(schema, &key->way, layers[i].value);
    const struct doc_node *variable = schema_note(&key->place, "x-env");
    if (variable == NULL || variable->kind != DOC_STRING)
        return;
    name = variable->u.string;
    key->variable = name.data; /* a NUL is behind it */
    key->is_set = memchr(name.data, '\0', name.len) == NULL && getenv(name.data) != NULL;
}

static int add_key(struct explained *out, const struct pointer *way, const struct doc_node *value, struct error *err)
{
    if (out->len == EXPLAINED_KEYS_MAX)
        return error_set(err, CODE_USAGE, 0, "more than %d values: name a key", EXPLAINED_KEYS_MAX);
    struct explained_key *grown = array_grow(out->keys, out->len, &out->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    out->keys = grown;
    struct explained_key *key = &out->keys[out->len++];
    *key = (struct explained_key){.value = value, .way = *way};
    ask_schema(out, key);
    key->pointer = put_pointer(out, way, err);
    return key->pointer == NULL ? -1 : 0;
}

/* Arrays are values: a layer replaces them as a whole. */
static int add_keys(struct explained *out, struct pointer *way, const struct doc_node *value, struct error *err)
{
    bool is_deep = way->len == POINTER_NAMES_MAX;
    if (value->kind != DOC_OBJECT || value->u.object.len == 0 || is_deep)
        return way->len == 0 ? 0 : add_key(out, way, value, err);
    for (size_t i = 0; i < value->u.object.len; i++) {
        way->names[way->len++] = value->u.object.members[i].name;
        int rc = add_keys(out, way, value->u.object.members[i].value, err);
        way->len--;
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* --- which commit --------------------------------------------------------------------------------------- */

static uint32_t last_line(const struct doc_node *node)
{
    uint32_t last = node->pos.line;
    if (node->kind == DOC_STRING) /* a block of lines has its first below the `|` */
        for (size_t i = 0; i < node->u.string.len; i++)
            last += node->u.string.data[i] == '\n';
    for (size_t i = 0; node->kind == DOC_ARRAY && i < node->u.array.len; i++) {
        uint32_t line = last_line(node->u.array.items[i]);
        last = line > last ? line : last;
    }
    for (size_t i = 0; node->kind == DOC_OBJECT && i < node->u.object.len; i++) {
        uint32_t line = last_line(node->u.object.members[i].value);
        last = line > last ? line : last;
    }
    return last;
}

/* Of the lines of one value the newest counts. */
static void take_line(struct repo *repo, struct explained *out, struct explained_key *key, const struct repo_blame_line *line)
{
    static const enum explained_blame kinds[] = {EXPLAINED_COMMIT, EXPLAINED_OLDER, EXPLAINED_UNCOMMITTED};
    struct repo_commit about;
    struct error gone;
    enum explained_blame kind = kinds[line->kind];
    if (key->blame == EXPLAINED_UNCOMMITTED || (key->blame != EXPLAINED_NOT_KNOWN && oid_equal(&key->commit, &line->commit)))
        return;
    if (kind == EXPLAINED_UNCOMMITTED) {
        key->blame = kind;
        key->commit = (struct oid){0};
        key->author = key->subject = NULL;
        return;
    }
    if (repo_read_commit(repo, &line->commit, &about, &gone) != 0 ||
        (key->blame != EXPLAINED_NOT_KNOWN && about.time_ms < key->time_ms))
        return;
    key->blame = kind;
    key->commit = line->commit;
    key->time_ms = about.time_ms;
    key->author = key->subject = NULL;
    if (kind == EXPLAINED_OLDER)
        return; /* the commit at which looking ended need not be the one that set it */
    key->author = arena_copy(&out->arena, about.author, strlen(about.author));
    key->subject = arena_copy(&out->arena, about.subject, strlen(about.subject));
}

struct lines {
    struct repo_blame_line *items;
    size_t *keys; /* the key that each is of */
    size_t len;
};

static void lines_fini(struct lines *lines)
{
    free(lines->items);
    free(lines->keys);
}

/* The lines of all values that come from one file. */
static int collect_lines(const struct explained *out, const char *file, struct lines *lines, struct error *err)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < out->len; i++) {
            const struct doc_node *value = out->keys[i].value;
            if (value == NULL || strcmp(value->file, file) != 0)
                continue;
            for (uint32_t line = value->pos.line, last = last_line(value); line <= last; line++) {
                if (pass == 1) {
                    lines->items[lines->len] = (struct repo_blame_line){.line = line};
                    lines->keys[lines->len++] = i;
                } else {
                    count++;
                }
            }
        }
        if (pass == 1)
            break;
        lines->items = calloc(count + 1, sizeof *lines->items);
        lines->keys = calloc(count + 1, sizeof *lines->keys);
        if (lines->items == NULL || lines->keys == NULL)
            return error_memory(err);
    }
    return 0;
}

static int blame_file(const struct ground *ground, struct explained *out, const char *file, int64_t end_ms, struct error *err)
{
    struct lines lines CLEANUP(lines_fini) = {0};
    struct buf text AUTO_BUF = {0};
    int64_t left = end_ms - clock_boot_ms();
    struct repo_blame question = {.commit = ground->commit, .path = file, .budget_ms = left > 1 ? (unsigned)left : 1};
    const struct listing_entry *entry = listing_find_path(ground->source.listing, file);
    if (collect_lines(out, file, &lines, err) != 0)
        return -1;
    if (ground->is_edited && entry != NULL) {
        if (ground->source.read(&ground->source, file, entry, &text, err) != 0)
            return -1;
        question.text = text.data == NULL ? SPAN("") : buf_span(&text);
    }
    if (repo_blame(ground->repo, &question, lines.items, lines.len, err) != 0)
        return -1;
    for (size_t i = 0; i < lines.len; i++)
        take_line(ground->repo, out, &out->keys[lines.keys[i]], &lines.items[i]);
    return 0;
}

/* File by file; each once. */
static int blame(const struct ground *ground, struct explained *out, struct error *err)
{
    int64_t end_ms = clock_boot_ms() + EXPLAINED_BUDGET_MS;
    for (size_t i = 0; ground->has_commit && i < out->len; i++) {
        const struct doc_node *value = out->keys[i].value;
        bool is_seen = value == NULL;
        for (size_t k = 0; k < i && !is_seen; k++)
            is_seen = out->keys[k].value != NULL && strcmp(out->keys[k].value->file, value->file) == 0;
        if (!is_seen && blame_file(ground, out, value->file, end_ms, err) != 0)
            return -1;
    }
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static int choose_key(struct explained *out, const char *text, struct error *err)
{
    struct pointer way, known;
    const struct doc_node *value;
    if (pointer_parse(span_of(text), &out->arena, &way, err) != 0)
        return -1;
    value = pointer_find(out->effective.root, &way, NULL);
    known = way;
    if (value != NULL)
        return value->kind == DOC_OBJECT && value->u.object.len > 0 ? add_keys(out, &known, value, err)
                                                                    : add_key(out, &known, value, err);
    if (add_key(out, &known, NULL, err) != 0)
        return -1;
    if (meaning_is_there(&out->keys[0].place))
        return 0;
    return known_miss_key(&out->effective, &way, err);
}

int explained_make(const struct ground *ground, const struct explained_question *question, struct explained *out,
                   struct findings *findings, struct error *err)
{
    struct pointer way = {.len = 0};
    if (known_check_service(ground->source.listing, question->service, err) != 0 ||
        (question->profile != NULL && question->profile[0] != '\0' &&
         known_check_profile(ground->source.listing, question->profile, err) != 0) ||
        effective_load(&ground->source, NULL, question->service, question->profile, &out->effective, findings, err) != 0)
        return -1;
    if (out->effective.root == NULL)
        return 0;
    int rc = question->key != NULL ? choose_key(out, question->key, err) : add_keys(out, &way, out->effective.root, err);
    return rc != 0 ? -1 : blame(ground, out, err);
}

/* --- consumers ------------------------------------------------------------------------------------------ */

static const struct doc_node *instances_of(const struct fleet *fleet, const char *service)
{
    size_t len;
    const struct doc_node *services = fleet_services(fleet, &len);
    for (size_t i = 0; i < len; i++)
        if (span_is(told_text(services->u.array.items[i], "service"), service))
            return told_part(services->u.array.items[i], "instances");
    return NULL;
}

static bool overrides(const struct doc_node *instance, const char *pointer)
{
    const struct doc_node *list = told_part(instance, "overridden");
    for (size_t i = 0; list->kind == DOC_ARRAY && i < list->u.array.len; i++)
        if (list->u.array.items[i]->kind == DOC_STRING && span_is(list->u.array.items[i]->u.string, pointer))
            return true;
    return false;
}

int explained_ask_fleet(struct explained *explained, const struct fleet *fleet, const char *service, struct error *err)
{
    const struct doc_node *instances = instances_of(fleet, service);
    for (size_t k = 0; instances != NULL && instances->kind == DOC_ARRAY && k < explained->len; k++) {
        struct explained_key *key = &explained->keys[k];
        struct buf names AUTO_BUF = {0};
        for (size_t i = 0; i < instances->u.array.len; i++) {
            if (!overrides(instances->u.array.items[i], key->pointer))
                continue;
            buf_puts(&names, names.len == 0 ? "" : ", ");
            buf_append_span(&names, told_text(instances->u.array.items[i], "instance"));
        }
        if (buf_check(&names, err) != 0)
            return -1;
        if (names.len > 0 && (key->held_at = arena_copy(&explained->arena, names.data, names.len)) == NULL)
            return error_memory(err);
    }
    return 0;
}

/* --- layers --------------------------------------------------------------------------------------------- */

static void add_layer(const char *name, const struct doc_node *root, const struct pointer *way, size_t *len,
                      struct explained_layer *out)
{
    const struct doc_node *value = root == NULL ? NULL : pointer_find(root, way, NULL);
    if (value != NULL)
        out[(*len)++] = (struct explained_layer){name, value};
}

size_t explained_layers(const struct explained *explained, const struct explained_key *key,
                        struct explained_layer out[static EXPLAINED_LAYERS_MAX])
{
    const struct effective *effective = &explained->effective;
    const struct doc_node *fallback = key->place.len == 0 ? NULL : schema_note(&key->place, "default");
    size_t len = 0;
    if (fallback != NULL)
        out[len++] = (struct explained_layer){"default", fallback};
    for (size_t i = 0; i < effective->rules.bases_len; i++)
        add_layer("base", effective->rules.bases[i]->doc.root, &key->way, &len, out);
    add_layer("file", effective->file.root, &key->way, &len, out);
    add_layer("profile", effective->patch.root, &key->way, &len, out);
    return len;
}
