/*
 * toml: see toml.h. Lines, keys and tables; values are in toml_value.c.
 */
#include "model/codes.h"
#include "model/toml_priv.h"
#include "util/utf8.h"

/* --- the text ------------------------------------------------------------------------------------------- */

static struct doc_pos here(const struct toml_reader *r)
{
    return (struct doc_pos){r->line, (uint32_t)(r->at - r->line_start) + 1};
}

int toml_refuse(const struct toml_reader *r, struct error *err, const char *words)
{
    struct doc_pos pos = here(r);
    return error_at(err, CODE_IMPORT, r->file, pos.line, pos.column, "%s", words);
}

void toml_skip_blanks(struct toml_reader *r)
{
    while (toml_peek(r) == ' ' || toml_peek(r) == '\t')
        r->at++;
}

static void skip_comment(struct toml_reader *r)
{
    toml_skip_blanks(r);
    if (toml_peek(r) == '#')
        while (r->at < r->text.len && toml_peek(r) != '\n')
            r->at++;
    if (toml_peek(r) == '\r' && r->at + 1 < r->text.len && r->text.data[r->at + 1] == '\n')
        r->at++;
}

static bool take_line_end(struct toml_reader *r)
{
    if (toml_peek(r) != '\n')
        return false;
    r->at++;
    r->line++;
    r->line_start = r->at;
    return true;
}

void toml_skip_lines(struct toml_reader *r)
{
    do
        skip_comment(r);
    while (take_line_end(r));
}

/* --- the tree ------------------------------------------------------------------------------------------- */

struct toml_node *toml_new(struct toml_reader *r, enum doc_kind kind, struct error *err)
{
    if (++r->values > TOML_VALUES_MAX) {
        toml_refuse(r, err, "the file has more than 20000 values");
        return NULL;
    }
    struct toml_node *node = arena_alloc(r->arena, sizeof *node);
    if (node == NULL) {
        error_memory(err);
        return NULL;
    }
    *node = (struct toml_node){.kind = kind, .pos = here(r)};
    return node;
}

void toml_append(struct toml_node *parent, struct toml_node *child)
{
    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
}

static struct toml_node *find_child(const struct toml_node *table, struct span name)
{
    for (struct toml_node *child = table->first; child != NULL; child = child->next)
        if (span_equal(child->name, name))
            return child;
    return NULL;
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static int refuse_key(const struct toml_reader *r, const struct toml_key *key, struct error *err, const char *words)
{
    return error_at(err, CODE_IMPORT, r->file, key->pos.line, key->pos.column, "%s", words);
}

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int read_key(struct toml_reader *r, struct toml_key *out, struct error *err)
{
    *out = (struct toml_key){.pos = here(r)};
    for (;; r->at++) {
        toml_skip_blanks(r);
        if (out->len == TOML_KEY_PARTS_MAX)
            return toml_refuse(r, err, "the key has too many parts");
        struct span *part = &out->parts[out->len++];
        if (toml_peek(r) == '"' || toml_peek(r) == '\'') {
            if (toml_read_string(r, false, part, err) != 0)
                return -1;
        } else {
            size_t start = r->at;
            while (is_bare(toml_peek(r)))
                r->at++;
            *part = (struct span){r->text.data + start, r->at - start};
            if (part->len == 0)
                return toml_refuse(r, err, "a key is letters, digits, '_' and '-', or in quotes");
        }
        toml_skip_blanks(r);
        if (toml_peek(r) != '.')
            return 0;
    }
}

/* The table below `table` that the first `len` parts lead to, made where it is missing. `made` is the state of those. */
static struct toml_node *descend(struct toml_reader *r, struct toml_node *table, const struct toml_key *key, size_t len,
                                 enum toml_state made, struct error *err)
{
    for (size_t i = 0; i < len; i++) {
        struct toml_node *child = find_child(table, key->parts[i]);
        if (child == NULL) {
            child = toml_new(r, DOC_OBJECT, err);
            if (child == NULL)
                return NULL;
            child->name = key->parts[i];
            child->pos = key->pos;
            child->state = made;
            toml_append(table, child);
        } else if (child->state == TOML_LIST && made == TOML_OPEN) {
            child = child->last;
        } else if (child->kind != DOC_OBJECT || child->state == TOML_CLOSED ||
                   (made == TOML_DOTTED && child->state != TOML_DOTTED)) {
            refuse_key(r, key, err, "a key leads through what is no table, or is finished");
            return NULL;
        }
        table = child;
    }
    return table;
}

int toml_read_pair(struct toml_reader *r, struct toml_node *table, unsigned depth, struct error *err)
{
    struct toml_key key;
    struct toml_node *value;
    if (read_key(r, &key, err) != 0)
        return -1;
    if (toml_peek(r) != '=')
        return toml_refuse(r, err, "a '=' is missing behind the key");
    r->at++;
    toml_skip_blanks(r);
    struct toml_node *parent = descend(r, table, &key, key.len - 1, TOML_DOTTED, err);
    if (parent == NULL)
        return -1;
    struct span name = key.parts[key.len - 1];
    if (find_child(parent, name) != NULL)
        return refuse_key(r, &key, err, "the key is there already");
    if (toml_read_value(r, depth, &value, err) != 0)
        return -1;
    value->name = name;
    value->pos = key.pos;
    toml_append(parent, value);
    return 0;
}

/* --- tables --------------------------------------------------------------------------------------------- */

/* [a.b]: *table is where the pairs below it go. */
static int open_table(struct toml_reader *r, struct toml_node *parent, const struct toml_key *key,
                      struct toml_node **table, struct error *err)
{
    struct toml_node *found = find_child(parent, key->parts[key->len - 1]);
    if (found == NULL) {
        found = toml_new(r, DOC_OBJECT, err);
        if (found == NULL)
            return -1;
        found->name = key->parts[key->len - 1];
        found->pos = key->pos;
        toml_append(parent, found);
    } else if (found->kind != DOC_OBJECT || found->state != TOML_OPEN) {
        return refuse_key(r, key, err, "the table is there already");
    }
    found->state = TOML_HEADED;
    *table = found;
    return 0;
}

/* [[a.b]]: one more of them. */
static int open_item(struct toml_reader *r, struct toml_node *parent, const struct toml_key *key,
                     struct toml_node **table, struct error *err)
{
    struct toml_node *list = find_child(parent, key->parts[key->len - 1]);
    if (list == NULL) {
        list = toml_new(r, DOC_ARRAY, err);
        if (list == NULL)
            return -1;
        list->name = key->parts[key->len - 1];
        list->pos = key->pos;
        list->state = TOML_LIST;
        toml_append(parent, list);
    } else if (list->state != TOML_LIST) {
        return refuse_key(r, key, err, "the key is there already, and is no list of tables");
    }
    struct toml_node *item = toml_new(r, DOC_OBJECT, err);
    if (item == NULL)
        return -1;
    item->state = TOML_HEADED;
    toml_append(list, item);
    *table = item;
    return 0;
}

static int read_header(struct toml_reader *r, struct toml_node *root, struct toml_node **table, struct error *err)
{
    struct toml_key key;
    r->at++;
    bool is_item = toml_peek(r) == '[';
    r->at += is_item;
    if (read_key(r, &key, err) != 0)
        return -1;
    if (toml_peek(r) != ']' || (is_item && (r->at + 1 >= r->text.len || r->text.data[r->at + 1] != ']')))
        return toml_refuse(r, err, "a ']' is missing behind the name of the table");
    struct toml_node *parent = descend(r, root, &key, key.len - 1, TOML_OPEN, err);
    if (parent == NULL)
        return -1;
    r->at += is_item ? 2 : 1;
    return (is_item ? open_item : open_table)(r, parent, &key, table, err);
}

static int read_lines(struct toml_reader *r, struct toml_node *root, struct error *err)
{
    struct toml_node *table = root;
    for (;;) {
        toml_skip_lines(r);
        if (r->at >= r->text.len)
            return 0;
        int rc = toml_peek(r) == '[' ? read_header(r, root, &table, err) : toml_read_pair(r, table, 0, err);
        if (rc != 0)
            return -1;
        skip_comment(r);
        if (r->at < r->text.len && !take_line_end(r))
            return toml_refuse(r, err, "something stands behind the value; one to a line");
    }
}

/* --- the document --------------------------------------------------------------------------------------- */

/* As deep as tables were written: TOML_DEPTH_MAX and TOML_KEY_PARTS_MAX hold it, and the builder's own limit. */
static int emit(struct doc_builder *b, const struct toml_node *node, struct error *err)
{
    switch (node->kind) {
    case DOC_NULL:
        return doc_builder_null(b, node->pos, err);
    case DOC_BOOL:
        return doc_builder_bool(b, node->pos, node->u.boolean, err);
    case DOC_INT:
    case DOC_DOUBLE:
        return doc_builder_double(b, node->pos, node->u.number, err);
    case DOC_STRING:
        return doc_builder_string(b, node->pos, node->u.string, err);
    case DOC_ARRAY:
    case DOC_OBJECT:
        break;
    }
    bool is_object = node->kind == DOC_OBJECT;
    int rc = is_object ? doc_builder_begin_object(b, node->pos, err) : doc_builder_begin_array(b, node->pos, err);
    for (const struct toml_node *child = node->first; child != NULL && rc == 0; child = child->next) {
        if (is_object)
            rc = doc_builder_key(b, child->pos, child->name, err);
        if (rc == 0)
            rc = emit(b, child, err);
    }
    return rc == 0 ? doc_builder_end(b, NULL, err) : -1;
}

static void reader_fini(struct toml_reader *r)
{
    buf_fini(&r->word);
}

int toml_read(struct span text, const char *file, struct doc *doc, struct error *err)
{
    struct doc_builder builder AUTO_DOC_BUILDER = {0};
    struct toml_reader r CLEANUP(reader_fini) = {.text = text, .file = file, .arena = &doc->arena, .line = 1};
    if (!utf8_is_valid(text) || memchr(text.data == NULL ? "" : text.data, '\0', text.len) != NULL)
        return error_at(err, CODE_IMPORT, file, 0, 0, "the file is not UTF-8");
    struct toml_node *root = toml_new(&r, DOC_OBJECT, err);
    if (root == NULL || read_lines(&r, root, err) != 0 ||
        doc_builder_init(&builder, &doc->arena, file, &doc_limits_config, err) != 0 || emit(&builder, root, err) != 0)
        return -1;
    doc->root = doc_builder_root(&builder);
    return 0;
}
