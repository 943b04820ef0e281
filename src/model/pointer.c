/*
 * pointer: see pointer.h.
 */
#include "model/pointer.h"

#include "model/codes.h"
#include "util/num.h"
#include "util/utf8.h"

/* One name's end and its bytes without what escapes. */
struct cut {
    size_t end; /* of the written name: the separator, or the end of the text */
    size_t len;
    const char *fault; /* static; NULL: none */
};

static struct cut cut_pointer_name(struct span text, size_t at, char *out)
{
    struct cut cut = {at, 0, NULL};
    for (; cut.end < text.len && text.data[cut.end] != '/'; cut.end++) {
        char c = text.data[cut.end];
        if (c == '~') {
            char next = cut.end + 1 < text.len ? text.data[cut.end + 1] : '\0';
            if (next != '0' && next != '1')
                return (struct cut){.fault = "a ~ is written ~0, and a / inside a name ~1"};
            c = next == '0' ? '~' : '/';
            cut.end++;
        }
        out[cut.len++] = c;
    }
    return cut;
}

static struct cut cut_dotted_name(struct span text, size_t at, char *out)
{
    struct cut cut = {at, 0, NULL};
    for (; cut.end < text.len && text.data[cut.end] != '.'; cut.end++) {
        if (text.data[cut.end] == '\\' && ++cut.end == text.len)
            return (struct cut){.fault = "nothing stands behind the last \\"};
        out[cut.len++] = text.data[cut.end];
    }
    if (cut.len == 0)
        cut.fault = "a name between dots is empty; /a//b writes an empty name";
    return cut;
}

static int check(struct span text, struct error *err)
{
    if (text.len > POINTER_TEXT_MAX)
        return error_set(err, CODE_USAGE, 0, "a path of %zu bytes, more than %d", text.len, POINTER_TEXT_MAX);
    if (!utf8_is_valid(text) || memchr(text.data, '\0', text.len) != NULL)
        return error_set(err, CODE_USAGE, 0, "the path is not UTF-8");
    return 0;
}

int pointer_parse(struct span text, struct arena *arena, struct pointer *out, struct error *err)
{
    struct pointer pointer = {.len = 0};
    if (text.len == 0) {
        *out = pointer;
        return 0;
    }
    if (check(text, err) != 0)
        return -1;
    /* Names are never longer than they are written, and a NUL takes the place of the separator. */
    char *names = arena_alloc(arena, text.len + 1);
    if (names == NULL)
        return error_memory(err);
    bool is_pointer = text.data[0] == '/';
    for (size_t at = is_pointer ? 1 : 0;;) {
        struct cut cut = (is_pointer ? cut_pointer_name : cut_dotted_name)(text, at, names);
        if (cut.fault != NULL)
            return error_set(err, CODE_USAGE, 0, "%s", cut.fault);
        if (pointer.len == POINTER_NAMES_MAX)
            return error_set(err, CODE_USAGE, 0, "the path has more than %d names", POINTER_NAMES_MAX);
        names[cut.len] = '\0';
        pointer.names[pointer.len++] = (struct span){names, cut.len};
        names += cut.len + 1;
        if (cut.end == text.len)
            break;
        at = cut.end + 1;
    }
    *out = pointer;
    return 0;
}

bool pointer_index(struct span name, size_t *out)
{
    uint64_t index;
    if (!num_parse_u64(name, &index) || index > SIZE_MAX)
        return false;
    *out = (size_t)index;
    return true;
}

const struct doc_node *pointer_child(const struct doc_node *node, struct span name)
{
    size_t index;
    if (node->kind == DOC_ARRAY)
        return pointer_index(name, &index) && index < node->u.array.len ? node->u.array.items[index] : NULL;
    const struct doc_member *member = doc_get_member(node, name);
    return member == NULL ? NULL : member->value;
}

const struct doc_node *pointer_find(const struct doc_node *root, const struct pointer *pointer, size_t *depth)
{
    const struct doc_node *node = root;
    size_t found = 0;
    while (found < pointer->len && node != NULL) {
        node = pointer_child(node, pointer->names[found]);
        if (node != NULL)
            found++;
    }
    if (depth != NULL)
        *depth = found;
    return node;
}

void pointer_put_name(struct span name, struct buf *out)
{
    buf_putc(out, '/');
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '~')
            buf_puts(out, "~0");
        else if (name.data[i] == '/')
            buf_puts(out, "~1");
        else
            buf_putc(out, name.data[i]);
    }
}

void pointer_put(const struct pointer *pointer, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len && i < pointer->len; i++)
        pointer_put_name(pointer->names[i], out);
}
