/*
 * overlay: see overlay.h.
 */
#include "client/overlay.h"

#include <strings.h>

#include "model/codes.h"
#include "model/json.h"
#include "util/num.h"
#include "util/utf8.h"

static const struct doc_limits value_limits = {.depth = 64, .nodes = 100 * 1000, .size = 2 * OVERRIDE_TEXT_MAX};
static const struct doc_limits laid_limits = {.depth = 128, .nodes = UINT32_MAX, .size = UINT32_MAX}; /* parts kept theirs */

/* --- the table ---------------------------------------------------------------------------------------------------- */

struct overrides *overrides_ref(struct overrides *overrides)
{
    __atomic_add_fetch(&overrides->references, 1, __ATOMIC_RELAXED);
    return overrides;
}

void overrides_unref(struct overrides *overrides)
{
    if (overrides == NULL || __atomic_sub_fetch(&overrides->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < overrides->len; i++) {
        struct override *override = &overrides->list[i];
        free(override->service);
        free(override->text);
        free(override->variable);
        doc_fini(&override->json);
    }
    free(overrides->list);
    arena_fini(&overrides->arena);
    free(overrides);
}

static int copy(char **out, const char *text, struct error *err)
{
    *out = strdup(text);
    return *out == NULL ? error_memory(err) : 0;
}

static bool read_boolean(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static int make_scalar(struct arena *arena, const char *variable, const char *text, const bool *boolean,
                       const struct doc_node **out, struct error *err)
{
    struct doc_builder builder AUTO_DOC_BUILDER = {0};
    const struct doc_pos nowhere = {0};
    if (doc_builder_init(&builder, arena, variable, &value_limits, err) != 0)
        return -1;
    int rc = boolean != NULL ? doc_builder_bool(&builder, nowhere, *boolean, err)
                             : doc_builder_string(&builder, nowhere, span_of(text), err);
    if (rc == 0)
        *out = doc_builder_root(&builder);
    return rc;
}

/* Once as each kind that the text can be: which is wanted may depend on the value in the repository. */
static int read_text(struct override *override, const char *text, struct arena *arena, struct error *err)
{
    const struct json_options options = {.file = override->variable, .limits = value_limits};
    bool boolean;
    if (strlen(text) > OVERRIDE_TEXT_MAX || !utf8_is_valid(span_of(text)))
        return 0;
    if (make_scalar(arena, override->variable, text, NULL, &override->as_text, err) != 0)
        return -1;
    if (read_boolean(text, &boolean) &&
        make_scalar(arena, override->variable, NULL, &boolean, &override->as_boolean, err) != 0)
        return -1;
    if (json_read(span_of(text), &options, &override->json, err) != 0 && error_is(err, ERR_MEMORY))
        return -1;
    return 0;
}

static int add(struct overrides *out, const struct epoch_env *env, const char *value, struct error *err)
{
    struct override *override = &out->list[out->len++];
    override->type = env->type;
    if ((env->service != NULL && copy(&override->service, env->service, err) != 0) ||
        copy(&override->text, env->pointer, err) != 0 || copy(&override->variable, env->variable, err) != 0 ||
        pointer_parse(span_of(override->text), &out->arena, &override->pointer, err) != 0)
        return -1;
    return read_text(override, value, &out->arena, err);
}

static int read_row(struct overrides *out, const struct epoch_env *env, struct error *err)
{
    if (env->pointer == NULL || env->pointer[0] != '/' || env->variable == NULL || env->variable[0] == '\0')
        return error_set(err, CODE_SETTINGS, 0, "a row of the table of variables has no JSON Pointer or no name");
    const char *value = getenv(env->variable);
    if (value == NULL || add(out, env, value, err) == 0)
        return 0;
    if (!error_is(err, ERR_MEMORY))
        err->code = CODE_SETTINGS;
    return error_wrap(err, "the pointer for %s", env->variable);
}

static int read_rows(struct overrides *out, const struct epoch_env *env, size_t len, struct error *err)
{
    if (len > OVERRIDES_MAX)
        return error_set(err, CODE_SETTINGS, 0, "more than %d variables override something", OVERRIDES_MAX);
    out->list = calloc(len + 1, sizeof *out->list);
    if (out->list == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++)
        if (read_row(out, &env[i], err) != 0)
            return -1;
    return 0;
}

int overrides_read(struct overrides **out, const struct epoch_env *env, size_t len, struct error *err)
{
    struct overrides *overrides = calloc(1, sizeof *overrides);
    if (overrides == NULL)
        return error_memory(err);
    overrides->references = 1;
    if (read_rows(overrides, env, len, err) != 0) {
        overrides_unref(overrides);
        return -1;
    }
    *out = overrides;
    return 0;
}

/* --- a text as a value -------------------------------------------------------------------------------------------- */

static bool is_of(const struct doc_node *node, enum epoch_type wanted)
{
    switch (wanted) {
    case EPOCH_NONE:
    case EPOCH_NULL:
        return node->kind != DOC_NULL;
    case EPOCH_BOOLEAN:
        return node->kind == DOC_BOOL;
    case EPOCH_INTEGER:
        return node->kind == DOC_INT;
    case EPOCH_NUMBER:
        return node->kind == DOC_INT || node->kind == DOC_DOUBLE;
    case EPOCH_STRING:
        return node->kind == DOC_STRING;
    case EPOCH_ARRAY:
        return node->kind == DOC_ARRAY;
    case EPOCH_OBJECT:
        return node->kind == DOC_OBJECT;
    }
    return false;
}

/* NULL: the text is not of the type. `target` is the value in the repository, NULL if there is none. */
static const struct doc_node *choose(const struct override *override, const struct doc_node *target)
{
    static const enum epoch_type types[] = {
        [DOC_NULL] = EPOCH_NULL,     [DOC_BOOL] = EPOCH_BOOLEAN, [DOC_INT] = EPOCH_INTEGER,  [DOC_DOUBLE] = EPOCH_NUMBER,
        [DOC_STRING] = EPOCH_STRING, [DOC_ARRAY] = EPOCH_ARRAY,  [DOC_OBJECT] = EPOCH_OBJECT,
    };
    enum epoch_type wanted = override->type;
    if (wanted == EPOCH_NONE && target != NULL)
        wanted = types[target->kind];
    if (wanted == EPOCH_INTEGER && override->type == EPOCH_NONE)
        wanted = EPOCH_NUMBER; /* 1 in a repository may well have been a number */
    if (wanted == EPOCH_STRING)
        return override->as_text;
    if (wanted == EPOCH_BOOLEAN)
        return override->as_boolean;
    if (override->json.root != NULL && is_of(override->json.root, wanted))
        return override->json.root;
    return wanted == EPOCH_NONE || wanted == EPOCH_NULL ? override->as_text : NULL;
}

/* --- laying over -------------------------------------------------------------------------------------------------- */

struct layer {
    const struct override *override;
    const struct doc_node *value;
};

struct laying {
    struct layer *layers;
    size_t len;
    struct doc_builder builder;
};

static bool passes(const struct layer *layer, const struct pointer *way, size_t depth, struct span name)
{
    const struct pointer *pointer = &layer->override->pointer;
    if (pointer->len <= depth)
        return false;
    for (size_t i = 0; i < depth; i++)
        if (!span_equal(pointer->names[i], way->names[i]))
            return false;
    return span_equal(pointer->names[depth], name);
}

/* Any layer that goes through or ends at `name` below the way. */
static const struct layer *find_layer(const struct laying *laying, const struct pointer *way, size_t depth, struct span name)
{
    for (size_t i = 0; i < laying->len; i++)
        if (passes(&laying->layers[i], way, depth, name))
            return &laying->layers[i];
    return NULL;
}

static int lay(struct laying *laying, const struct doc_node *node, struct pointer *way, struct error *err);

/* The value of one name below the way: overridden, overridden inside, or as it is. */
static int lay_child(struct laying *laying, const struct doc_node *child, struct pointer *way, struct span name,
                     struct error *err)
{
    const struct layer *layer = find_layer(laying, way, way->len, name);
    const struct doc_pos nowhere = {0};
    if (layer == NULL)
        return doc_builder_shared(&laying->builder, nowhere, child, err);
    if (layer->override->pointer.len == way->len + 1)
        return doc_builder_shared(&laying->builder, nowhere, layer->value, err);
    way->names[way->len++] = name;
    int rc = lay(laying, child, way, err);
    way->len--;
    return rc;
}

static int lay_object(struct laying *laying, const struct doc_node *node, struct pointer *way, struct error *err)
{
    const struct doc_pos nowhere = {0};
    size_t len = node == NULL ? 0 : node->u.object.len;
    if (doc_builder_begin_object(&laying->builder, nowhere, err) != 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        const struct doc_member *member = &node->u.object.members[i];
        if (doc_builder_key(&laying->builder, nowhere, member->name, err) != 0 ||
            lay_child(laying, member->value, way, member->name, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < laying->len; i++) {
        const struct pointer *pointer = &laying->layers[i].override->pointer;
        if (pointer->len <= way->len || !passes(&laying->layers[i], way, way->len, pointer->names[way->len]))
            continue;
        struct span name = pointer->names[way->len];
        bool is_first = find_layer(laying, way, way->len, name) == &laying->layers[i];
        if (!is_first || (node != NULL && doc_get_member(node, name) != NULL))
            continue;
        if (doc_builder_key(&laying->builder, nowhere, name, err) != 0 || lay_child(laying, NULL, way, name, err) != 0)
            return -1;
    }
    return doc_builder_end(&laying->builder, NULL, err);
}

static int lay_array(struct laying *laying, const struct doc_node *node, struct pointer *way, struct error *err)
{
    if (doc_builder_begin_array(&laying->builder, (struct doc_pos){0}, err) != 0)
        return -1;
    for (size_t i = 0; i < node->u.array.len; i++) {
        char text[NUM_TEXT_MAX];
        struct span name = {text, num_format_int((int64_t)i, text)};
        if (lay_child(laying, node->u.array.items[i], way, name, err) != 0)
            return -1;
    }
    return doc_builder_end(&laying->builder, NULL, err);
}

/* Recursion is bounded by POINTER_NAMES_MAX. */
static int lay(struct laying *laying, const struct doc_node *node, struct pointer *way, struct error *err)
{
    return node != NULL && node->kind == DOC_ARRAY ? lay_array(laying, node, way, err) : lay_object(laying, node, way, err);
}

/* The way is there, or can be made: through objects and to items that exist. */
static bool is_open(const struct doc_node *node, const struct pointer *pointer, const struct doc_node **target)
{
    for (size_t i = 0; i < pointer->len && node != NULL; i++) {
        if (node->kind != DOC_OBJECT && node->kind != DOC_ARRAY)
            return false;
        const struct doc_node *child = pointer_child(node, pointer->names[i]);
        if (child == NULL && node->kind == DOC_ARRAY)
            return false;
        node = child;
    }
    *target = node;
    return true;
}

/* Two of one place, or one inside the other: the first counts. */
static bool clashes(const struct laying *laying, const struct pointer *pointer)
{
    for (size_t i = 0; i < laying->len; i++) {
        const struct pointer *other = &laying->layers[i].override->pointer;
        size_t common = 0, shorter = other->len < pointer->len ? other->len : pointer->len;
        while (common < shorter && span_equal(other->names[common], pointer->names[common]))
            common++;
        if (common == shorter)
            return true;
    }
    return false;
}

static void laying_fini(struct laying *laying)
{
    free(laying->layers);
    doc_builder_fini(&laying->builder);
}

/* The value that an override gives, NULL where it does not fit, and then why. */
static const struct doc_node *judge(const struct laying *laying, const struct override *override,
                                    const struct doc_node *node, const char **why)
{
    const struct doc_node *target = NULL;
    *why = "there is no way to its place";
    if (!is_open(node, &override->pointer, &target))
        return NULL;
    *why = "another variable overrides the same place";
    if (clashes(laying, &override->pointer))
        return NULL;
    *why = "its text is not of the type of the value";
    return choose(override, target);
}

int overlay_apply(const struct overrides *overrides, const char *service, const struct doc_node *node,
                  struct arena *arena, struct overlay *out,
                  void (*refused)(void *context, const struct override *override, const char *why), void *context,
                  struct error *err)
{
    struct laying laying CLEANUP(laying_fini) = {0};
    struct pointer way = {.len = 0};
    const char *why;
    *out = (struct overlay){.root = node};
    if (overrides->len == 0)
        return 0;
    laying.layers = calloc(overrides->len, sizeof *laying.layers);
    out->done = arena_alloc(arena, overrides->len * sizeof *out->done);
    if (laying.layers == NULL || out->done == NULL)
        return error_memory(err);
    for (size_t i = 0; i < overrides->len; i++) {
        const struct override *override = &overrides->list[i];
        if (override->service != NULL && strcmp(override->service, service) != 0)
            continue;
        const struct doc_node *value = judge(&laying, override, node, &why);
        if (value == NULL && refused != NULL)
            refused(context, override, why);
        if (value == NULL)
            continue;
        laying.layers[laying.len++] = (struct layer){override, value};
        out->done[out->len++] = override;
    }
    if (laying.len == 0)
        return 0;
    if (doc_builder_init(&laying.builder, arena, "environment", &laid_limits, err) != 0 ||
        lay(&laying, node, &way, err) != 0)
        return -1;
    out->root = doc_builder_root(&laying.builder);
    return 0;
}
