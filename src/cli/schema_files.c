/*
 * schema_files: see schema_files.h. Names are decoded once and may not lead out of their folder.
 */
#include "cli/schema_files.h"

#include <fcntl.h>
#include <string.h>

#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"
#include "schema/uri.h"
#include "util/fs.h"

static const struct doc_limits json_limits = {.depth = 512, .nodes = 4000000, .size = UINT32_MAX};
static const struct doc_limits yaml_limits = {.depth = 64, .nodes = 4000000, .size = UINT32_MAX};

void schema_files_fini(struct schema_files *files)
{
    free(files->own_uri);
    free(files->own_folder);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    size_t len = strlen(text), ending_len = strlen(ending);
    return len >= ending_len && strcmp(text + len - ending_len, ending) == 0;
}

static int read_json(struct span text, const char *path, struct doc *doc, struct findings *findings,
                     struct error *err)
{
    const struct json_options options = {
        .file = path, .limits = json_limits, .allow_big_numbers = true, .allow_nul = true};
    struct error why;
    if (json_read(text, &options, doc, &why) == 0)
        return 0;
    if (error_is(&why, ERR_MEMORY)) {
        *err = why;
        return -1;
    }
    const char *code = error_is(&why, CODE_MESSAGE_FORM) ? CODE_JSON_SYNTAX : why.code;
    findings_add(findings, FINDING_ERROR, code, path, (struct doc_pos){why.line, why.column}, "%s", why.message);
    return 0;
}

static int read_text(struct span text, const char *path, struct doc *doc, struct findings *findings,
                     struct error *err)
{
    const struct yaml_options options = {.file = path, .limits = yaml_limits, .any_root = true};
    if (ends_with(path, ".json"))
        return read_json(text, path, doc, findings, err);
    return yaml_read(text, &options, doc, findings, err);
}

/* A link is followed: whoever names it on a command line means what it leads to. */
static int read_file(const char *path, struct buf *text, bool *is_missing, struct error *err)
{
    AUTO_FREE char *real = realpath(path, NULL);
    *is_missing = real == NULL && (errno == ENOENT || errno == ENOTDIR);
    if (real == NULL)
        return *is_missing ? 0 : error_set(err, ERR_SYSTEM, errno, "cannot open %s", path);
    return fs_read(AT_FDCWD, real, FS_ANY_OWNER, SCHEMA_FILE_MAX, text, is_missing, err);
}

int schema_file_read(const char *path, struct doc *doc, struct findings *findings, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    bool is_missing;
    if (read_file(path, &text, &is_missing, err) != 0)
        return -1;
    if (is_missing)
        return error_set(err, ERR_SYSTEM, ENOENT, "cannot open %s", path);
    return read_text(buf_span(&text), path, doc, findings, err);
}

/* --- what is referred to -------------------------------------------------------------------------------- */

bool schema_files_map(struct schema_files *files, char *argument)
{
    char *equals = strrchr(argument, '=');
    if (equals == NULL || equals == argument || equals[1] == '\0' || files->maps_len == SCHEMA_MAPS_MAX)
        return false;
    *equals = '\0';
    files->maps[files->maps_len++] = (struct schema_map){argument, equals + 1};
    return uri_is_absolute(span_of(argument));
}

/* The name of the file that a URI means under a map, in *path; false: none, or one that leads out. */
static bool path_of(const struct schema_map *map, const char *uri, struct buf *path)
{
    size_t len = strlen(map->uri);
    if (strncmp(uri, map->uri, len) != 0)
        return false;
    const char *name = uri + len;
    while (*name == '/')
        name++;
    buf_printf(path, "%s/", map->folder);
    size_t start = path->len;
    if (!uri_decode(span_of(name), path) || path->failed || memchr(path->data + start, '\0', path->len - start) != NULL)
        return false;
    buf_putc(path, '\0');
    const char *below = path->failed ? ".." : path->data + start;
    return below[0] != '\0' && strstr(below, "..") == NULL;
}

/* With the ending as written, or one of ours where the URI has none. */
static int try_file(struct buf *path, struct doc *doc, bool *found, struct findings *findings, struct error *err)
{
    static const char *const endings[] = {"", ".json", ".yaml"};
    size_t len = path->len - 1;
    bool is_missing = true;
    for (size_t i = 0; i < ARRAY_LEN(endings) && is_missing; i++) {
        struct buf text AUTO_BUF = {0};
        buf_truncate(path, len);
        buf_append(path, endings[i], strlen(endings[i]) + 1);
        if (buf_check(path, err) != 0 || read_file(path->data, &text, &is_missing, err) != 0)
            return -1;
        if (!is_missing && read_text(buf_span(&text), path->data, doc, findings, err) != 0)
            return -1;
    }
    *found = doc->root != NULL;
    return 0;
}

static int load(void *context, const char *uri, struct doc *doc, bool *found, struct error *err)
{
    struct schema_files *files = context;
    *found = false;
    for (size_t i = 0; i < files->maps_len && !*found; i++) {
        struct buf path AUTO_BUF = {0};
        if (path_of(&files->maps[i], uri, &path) && try_file(&path, doc, found, files->findings, err) != 0)
            return -1;
    }
    return 0;
}

/* --- compiling ------------------------------------------------------------------------------------------ */

/* Characters that mean something in a URI. */
static void put_encoded(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++)
        if (strchr("%#? ", *path) != NULL || (unsigned char)*path < ' ')
            buf_printf(out, "%%%02x", (unsigned char)*path);
        else
            buf_putc(out, *path);
}

/* The schema's URI in *name; its folder becomes a map. */
static int name_schema(struct schema_files *files, const char *path, struct buf *name, struct error *err)
{
    AUTO_FREE char *real = realpath(path, NULL);
    if (real == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot open %s", path);
    buf_puts(name, "file://");
    put_encoded(name, real);
    buf_putc(name, '\0');
    if (buf_check(name, err) != 0)
        return -1;
    files->own_uri = strndup(name->data, (size_t)(strrchr(name->data, '/') - name->data) + 1);
    *strrchr(real, '/') = '\0';
    files->own_folder = TAKE(real);
    if (files->own_uri == NULL)
        return error_memory(err);
    files->maps[files->maps_len++] = (struct schema_map){files->own_uri, files->own_folder};
    return 0;
}

int schema_files_compile(struct schema_files *files, const char *path, enum schema_draft draft,
                         struct schema_set **set, const struct schema **out, struct findings *findings,
                         struct error *err)
{
    struct schema_set *made AUTO_SCHEMA_SET = NULL;
    struct buf name AUTO_BUF = {0};
    struct doc doc AUTO_DOC = {0};
    *out = NULL;
    files->findings = findings;
    if (schema_file_read(path, &doc, findings, err) != 0)
        return -1;
    if (doc.root == NULL)
        return 0;
    if (name_schema(files, path, &name, err) != 0 || schema_set_new(&made, err) != 0 ||
        schema_set_add(made, name.data, &doc, err) != 0)
        return -1;
    schema_set_default(made, draft);
    schema_set_loader(made, load, files);
    if (schema_set_compile(made, findings, err) != 0)
        return -1;
    *out = schema_set_find(made, name.data);
    *set = TAKE(made);
    return 0;
}
