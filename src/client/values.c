/*
 * values: the getters. A lookup walks the tree along the pointer's text: no memory, nothing that can fail but finding.
 */
#include "client/config.h"
#include "model/json.h"

/* struct epoch_value is the public name of a node. */
static const struct doc_node *node_of(const struct epoch_value *value)
{
    return (const struct doc_node *)(const void *)value;
}

static const struct epoch_value *value_of(const struct doc_node *node)
{
    return (const struct epoch_value *)(const void *)node;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

/* Whether a written name, with ~0 and ~1 in it, is this one. */
static bool is_name(struct span written, struct span name)
{
    size_t at = 0;
    for (size_t i = 0; i < written.len; i++) {
        char c = written.data[i];
        if (c == '~')
            c = written.data[++i] == '0' ? '~' : '/';
        if (at == name.len || name.data[at++] != c)
            return false;
    }
    return at == name.len;
}

static bool is_good(struct span written)
{
    for (size_t i = 0; i < written.len; i++)
        if (written.data[i] == '~' && (i + 1 == written.len || (written.data[i + 1] != '0' && written.data[i + 1] != '1')))
            return false;
    return true;
}

static const struct doc_node *find_escaped(const struct doc_node *node, struct span written)
{
    for (size_t i = 0; node->kind == DOC_OBJECT && i < node->u.object.len; i++)
        if (is_name(written, node->u.object.members[i].name))
            return node->u.object.members[i].value;
    return NULL;
}

/* What a JSON Pointer leads to, without memory. *is_bad: it is none. */
static const struct doc_node *find(const struct doc_node *root, const char *pointer, bool *is_bad)
{
    const struct doc_node *node = root;
    *is_bad = pointer[0] != '\0' && pointer[0] != '/';
    while (!*is_bad && *pointer == '/') {
        const char *end = strchrnul(++pointer, '/');
        struct span name = {pointer, (size_t)(end - pointer)};
        bool is_plain = memchr(name.data, '~', name.len) == NULL;
        *is_bad = !is_plain && !is_good(name);
        if (node != NULL && !*is_bad)
            node = is_plain ? pointer_child(node, name) : find_escaped(node, name);
        pointer = end;
    }
    return *is_bad ? NULL : node;
}

static const struct doc_node *look(const struct epoch_config *config, const char *pointer, enum epoch_found *found)
{
    bool is_bad;
    const struct doc_node *node = find(config == NULL ? NULL : config->overlay.root, pointer, &is_bad);
    if (found != NULL)
        *found = is_bad ? EPOCH_BAD_POINTER : node == NULL ? EPOCH_ABSENT : EPOCH_FOUND;
    return node;
}

/* The node if it is of that kind. */
static const struct doc_node *look_for(const struct epoch_config *config, const char *pointer, enum doc_kind kind,
                                       enum epoch_found *found)
{
    const struct doc_node *node = look(config, pointer, found);
    if (node == NULL || node->kind == kind)
        return node;
    if (found != NULL)
        *found = EPOCH_WRONG_TYPE;
    return NULL;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

int64_t epoch_integer(const struct epoch_config *config, const char *pointer, int64_t fallback, enum epoch_found *found)
{
    const struct doc_node *node = look_for(config, pointer, DOC_INT, found);
    return node == NULL ? fallback : node->u.integer;
}

double epoch_number(const struct epoch_config *config, const char *pointer, double fallback, enum epoch_found *found)
{
    const struct doc_node *node = look(config, pointer, found);
    if (node == NULL)
        return fallback;
    if (node->kind == DOC_INT)
        return (double)node->u.integer;
    if (node->kind == DOC_DOUBLE)
        return node->u.number;
    if (found != NULL)
        *found = EPOCH_WRONG_TYPE;
    return fallback;
}

bool epoch_boolean(const struct epoch_config *config, const char *pointer, bool fallback, enum epoch_found *found)
{
    const struct doc_node *node = look_for(config, pointer, DOC_BOOL, found);
    return node == NULL ? fallback : node->u.boolean;
}

const char *epoch_string(const struct epoch_config *config, const char *pointer, const char *fallback,
                         enum epoch_found *found)
{
    const struct doc_node *node = look_for(config, pointer, DOC_STRING, found);
    return node == NULL ? fallback : node->u.string.data;
}

const struct epoch_value *epoch_get_value(const struct epoch_config *config, const char *pointer, enum epoch_found *found)
{
    return value_of(look(config, pointer, found));
}

/* --- walking ------------------------------------------------------------------------------------------------------ */

enum epoch_type epoch_value_type(const struct epoch_value *value)
{
    static const enum epoch_type types[] = {
        [DOC_NULL] = EPOCH_NULL,     [DOC_BOOL] = EPOCH_BOOLEAN, [DOC_INT] = EPOCH_INTEGER,  [DOC_DOUBLE] = EPOCH_NUMBER,
        [DOC_STRING] = EPOCH_STRING, [DOC_ARRAY] = EPOCH_ARRAY,  [DOC_OBJECT] = EPOCH_OBJECT,
    };
    return value == NULL ? EPOCH_NONE : types[node_of(value)->kind];
}

bool epoch_value_boolean(const struct epoch_value *value)
{
    return epoch_value_type(value) == EPOCH_BOOLEAN && node_of(value)->u.boolean;
}

int64_t epoch_value_integer(const struct epoch_value *value)
{
    return epoch_value_type(value) == EPOCH_INTEGER ? node_of(value)->u.integer : 0;
}

double epoch_value_number(const struct epoch_value *value)
{
    enum epoch_type type = epoch_value_type(value);
    return type == EPOCH_INTEGER  ? (double)node_of(value)->u.integer
           : type == EPOCH_NUMBER ? node_of(value)->u.number
                                  : 0;
}

const char *epoch_value_string(const struct epoch_value *value)
{
    return epoch_value_type(value) == EPOCH_STRING ? node_of(value)->u.string.data : NULL;
}

size_t epoch_value_count(const struct epoch_value *value)
{
    enum epoch_type type = epoch_value_type(value);
    return type == EPOCH_ARRAY ? node_of(value)->u.array.len : type == EPOCH_OBJECT ? node_of(value)->u.object.len : 0;
}

const struct epoch_value *epoch_value_at(const struct epoch_value *value, size_t at, const char **name)
{
    if (at >= epoch_value_count(value))
        return NULL;
    const struct doc_node *node = node_of(value);
    bool is_array = node->kind == DOC_ARRAY;
    if (name != NULL)
        *name = is_array ? NULL : node->u.object.members[at].name.data;
    return value_of(is_array ? node->u.array.items[at] : node->u.object.members[at].value);
}

const struct epoch_value *epoch_value_member(const struct epoch_value *value, const char *name)
{
    return value == NULL ? NULL : value_of(doc_get(node_of(value), name));
}

const struct epoch_value *epoch_value_find(const struct epoch_value *value, const char *pointer)
{
    bool is_bad;
    return value_of(find(node_of(value), pointer, &is_bad));
}

size_t epoch_value_json(const struct epoch_value *value, char *out, size_t size)
{
    struct buf text AUTO_BUF = {0};
    if (size > 0)
        out[0] = '\0';
    if (value == NULL)
        return 0;
    json_write(node_of(value), &text);
    if (text.failed)
        return 0;
    if (size > 0) {
        size_t len = text.len < size ? text.len : size - 1;
        memcpy(out, text.data, len);
        out[len] = '\0';
    }
    return text.len;
}

/* --- where it comes from ------------------------------------------------------------------------------------------ */

/* One is the other, or leads to it: whole names only. */
static bool is_on_the_way(const char *above, const char *below)
{
    size_t len = strlen(above);
    return strncmp(above, below, len) == 0 && (below[len] == '\0' || below[len] == '/');
}

static const struct override *find_override(const struct epoch_config *config, const char *pointer, bool also_inside)
{
    for (size_t i = 0; config != NULL && i < config->overlay.len; i++) {
        const struct override *override = config->overlay.done[i];
        if (is_on_the_way(override->text, pointer) || (also_inside && is_on_the_way(pointer, override->text)))
            return override;
    }
    return NULL;
}

enum epoch_source epoch_value_source(const struct epoch_config *config, const char *pointer)
{
    if (look(config, pointer, NULL) == NULL)
        return EPOCH_SOURCE_DEFAULT;
    return find_override(config, pointer, true) != NULL ? EPOCH_SOURCE_ENVIRONMENT : EPOCH_SOURCE_REPOSITORY;
}

const char *epoch_value_variable(const struct epoch_config *config, const char *pointer)
{
    const struct override *override = find_override(config, pointer, false);
    return override == NULL ? NULL : override->variable;
}
