/*
 * shared: see shared.h.
 */
#include "config/shared.h"

#include <stdlib.h>

#include "config/variables.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/array.h"

/* A schema may be as large as its file. */
static const struct doc_limits limits_schema = {.depth = 64, .nodes = 100000, .size = YAML_FILE_MAX};

void shared_unref(struct shared *shared)
{
    if (shared == NULL || --shared->references > 0)
        return;
    for (size_t i = 0; i < shared->len; i++) {
        doc_fini(&shared->files[i].doc);
        free(shared->files[i].path);
    }
    free(shared->files);
    schema_set_unref(shared->set);
    free(shared);
}

/* --- loading -------------------------------------------------------------------------------------------------------- */

struct loader {
    const struct source *source;
    struct shared *shared;
    struct findings *findings;
    const char *folder;
    const struct doc_limits *limits;
    size_t bytes;
    struct buf text; /* of the file at hand */
};

static void loader_fini(struct loader *loader)
{
    buf_fini(&loader->text);
    shared_unref(loader->shared);
}

static void refuse_size(struct loader *loader)
{
    findings_add(loader->findings, FINDING_ERROR, CODE_LIMIT_SHARED, loader->folder, (struct doc_pos){0},
                 "%s/ has more than %d files or %d MiB", loader->folder, SHARED_FILES_MAX, SHARED_BYTES_MAX >> 20);
}

/* One more, zeroed but for name and path; NULL when memory is out. */
static struct shared_file *append(struct shared *shared, const char *name, const char *folder, const char *file)
{
    struct shared_file *files = array_grow(shared->files, shared->len, &shared->cap, sizeof *files);
    if (files == NULL)
        return NULL;
    shared->files = files;
    struct shared_file *added = &shared->files[shared->len];
    *added = (struct shared_file){0};
    if (asprintf(&added->path, "%s/%s", folder, file) < 0)
        return NULL;
    memcpy(added->name, name, strlen(name) + 1);
    shared->len++;
    return added;
}

static bool is_json(const char *path)
{
    size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

static int parse_json(struct loader *loader, struct shared_file *file, struct error *err)
{
    const struct json_options options = {.file = file->path, .limits = *loader->limits};
    if (json_read(buf_span(&loader->text), &options, &file->doc, err) == 0)
        return 0;
    if (error_is(err, ERR_MEMORY))
        return -1;
    const char *code = error_is(err, CODE_MESSAGE_FORM) ? CODE_JSON_SYNTAX : err->code;
    findings_add(loader->findings, FINDING_ERROR, code, file->path, (struct doc_pos){err->line, err->column}, "%s",
                 err->message);
    return 0;
}

static int parse_yaml(struct loader *loader, struct shared_file *file, struct error *err)
{
    const struct yaml_options options = {
        .file = file->path, .limits = *loader->limits, .any_root = loader->limits == &limits_schema};
    return yaml_read(buf_span(&loader->text), &options, &file->doc, loader->findings, err);
}

/* An object that is missing or too large is a finding. */
static int read_file(struct loader *loader, const struct listing_entry *entry, struct shared_file *file, struct error *err)
{
    buf_reset(&loader->text);
    if (loader->source->read(loader->source, file->path, entry, &loader->text, err) != 0) {
        if (!error_is(err, CODE_REPO_OBJECT) && !error_is(err, CODE_LIMIT_FILE))
            return error_wrap(err, "reading %s", file->path);
        findings_add(loader->findings, FINDING_ERROR, err->code, file->path, (struct doc_pos){0}, "%s", err->message);
        return 0;
    }
    hash_sha256(loader->text.data, loader->text.len, file->digest);
    loader->bytes += loader->text.len;
    return is_json(file->path) ? parse_json(loader, file, err) : parse_yaml(loader, file, err);
}

/* Neighbours, for the folder is sorted: x.json before x.yaml. */
static bool is_there_already(struct loader *loader, const char *name, const char *file)
{
    const struct shared_file *other = shared_find(loader->shared, name);
    if (other == NULL)
        return false;
    char path[2 * LAYOUT_NAME_MAX];
    snprintf(path, sizeof path, "%s/%s", loader->folder, file);
    findings_add(loader->findings, FINDING_ERROR, CODE_LAYOUT_DUPLICATE, path, (struct doc_pos){0},
                 "the schema '%s' stands at %s too; remove one of the two", name, other->path);
    return true;
}

static int load_entry(struct loader *loader, const struct listing_entry *entry, bool *go_on, struct error *err)
{
    struct layout_entry what;
    if (layout_judge(loader->folder, span_of(entry->name), entry->mode, &what, NULL) != LAYOUT_FILE ||
        is_there_already(loader, what.name, entry->name))
        return 0;
    struct shared_file *file = append(loader->shared, what.name, loader->folder, entry->name);
    if (file == NULL)
        return error_memory(err);
    if (read_file(loader, entry, file, err) < 0)
        return -1;
    *go_on = loader->shared->len <= SHARED_FILES_MAX && loader->bytes <= SHARED_BYTES_MAX;
    if (!*go_on)
        refuse_size(loader);
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const struct shared_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int load_folder(struct loader *loader, const struct listing *folder, struct error *err)
{
    bool go_on = true;
    for (size_t i = 0; go_on && folder != NULL && i < folder->len; i++)
        if (load_entry(loader, &folder->entries[i], &go_on, err) < 0)
            return -1;
    /* With its ending a-b.yaml stands before a.yaml, without it behind. */
    if (loader->shared->len > 1)
        qsort(loader->shared->files, loader->shared->len, sizeof loader->shared->files[0], compare_files);
    return 0;
}

/* The set takes the documents; a broken one it does not get, and what refers to that one it calls broken. */
static int compile(struct loader *loader, struct error *err)
{
    struct shared *shared = loader->shared;
    if (shared->len == 0)
        return 0;
    if (schema_set_new(&shared->set, err) < 0)
        return -1;
    for (size_t i = 0; i < shared->len; i++) {
        struct shared_file *file = &shared->files[i];
        if (file->doc.root != NULL && schema_set_add(shared->set, file->path, &file->doc, err) < 0)
            return -1;
    }
    if (schema_set_compile(shared->set, loader->findings, err) < 0)
        return -1;
    for (size_t i = 0; i < shared->len; i++) {
        const struct schema *schema = schema_set_find(shared->set, shared->files[i].path);
        shared->files[i].schema = schema;
        if (schema != NULL && variables_tell(schema, loader->findings, err) < 0)
            return -1;
    }
    return 0;
}

static int load(const struct source *source, enum layout_area area, const struct listing_entry *entry, struct shared **out,
                struct findings *findings, struct error *err)
{
    struct loader loader CLEANUP(loader_fini) = {
        .source = source,
        .findings = findings,
        .folder = area == LAYOUT_SCHEMAS ? "schemas" : "bases",
        .limits = area == LAYOUT_SCHEMAS ? &limits_schema : &doc_limits_config,
        .shared = calloc(1, sizeof *loader.shared),
    };
    if (loader.shared == NULL)
        return error_memory(err);
    loader.shared->references = 1;
    if (entry != NULL)
        loader.shared->tree = entry->oid;
    if (load_folder(&loader, entry == NULL ? NULL : entry->folder, err) < 0 ||
        (area == LAYOUT_SCHEMAS && compile(&loader, err) < 0))
        return -1;
    *out = TAKE(loader.shared);
    return 0;
}

int shared_load(const struct source *source, enum layout_area area, struct shared *old, struct shared **out,
                struct findings *findings, struct error *err)
{
    const struct listing_entry *entry = listing_find(source->listing, area == LAYOUT_SCHEMAS ? "schemas" : "bases");
    bool is_same = old != NULL && (entry == NULL ? old->len == 0 && oid_is_zero(&old->tree)
                                                 : oid_equal(&entry->oid, &old->tree) && !oid_is_zero(&old->tree));
    if (!is_same)
        return load(source, area, entry, out, findings, err);
    old->references++;
    *out = old;
    return 0;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

static int compare_name(const void *key, const void *item)
{
    const struct shared_file *file = item;
    return strcmp(key, file->name);
}

const struct shared_file *shared_find(const struct shared *shared, const char *name)
{
    return shared->len == 0 ? NULL : bsearch(name, shared->files, shared->len, sizeof shared->files[0], compare_name);
}

static bool has_other_bytes(const struct shared *before, const struct shared_file *file)
{
    const struct shared_file *was = shared_find(before, file->name);
    return was == NULL || strcmp(was->path, file->path) != 0 || memcmp(was->digest, file->digest, HASH_LEN) != 0;
}

/* Marks what refers to a file that differs. One that is gone is referred to by nobody: that would be broken. */
static void mark_referring(const struct shared *before, const struct shared *after, const char *path, bool *differs)
{
    for (size_t i = 0; i < after->len; i++) {
        const struct shared_file *is = &after->files[i], *was = shared_find(before, is->name);
        if (is->schema != NULL && schema_reaches(is->schema, path))
            differs[i] = true;
        if (was != NULL && was->schema != NULL && schema_reaches(was->schema, path))
            differs[i] = true;
    }
}

int shared_compare(const struct shared *before, const struct shared *after, bool **out, struct error *err)
{
    if (before == after || after->len == 0)
        return 0;
    bool *AUTO_FREE differs = calloc(after->len, sizeof *differs);
    if (differs == NULL)
        return error_memory(err);
    for (size_t i = 0; i < after->len; i++)
        if (has_other_bytes(before, &after->files[i])) {
            differs[i] = true;
            mark_referring(before, after, after->files[i].path, differs);
        }
    *out = TAKE(differs);
    return 0;
}
