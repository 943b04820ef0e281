/*
 * Fuzzes one change of a YAML text: the first line is the path, the second the value ("-" alone: remove), the rest the
 * file. Whatever is not refused can be read again, has the value, and differs on that path alone.
 */
#include <stdint.h>

#include "config/edit.h"
#include "model/diff.h"

#define AUTO_ARENA CLEANUP(arena_fini)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static struct span take_line(struct span *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    struct span line = {rest->data, end == NULL ? rest->len : (size_t)(end - rest->data)};
    size_t skip = line.len + (end != NULL);
    *rest = (struct span){rest->data + skip, rest->len - skip};
    return line;
}

/* Each way that differs leads along the path, or begins with it. */
static void check(const struct doc_node *before, const struct doc_node *after, const struct splice_change *change)
{
    struct diff diff AUTO_DIFF = {0};
    struct buf path AUTO_BUF = {0};
    struct error err;
    pointer_put(&change->path, change->path.len, &path);
    must(diff_docs(before, after, &diff, &err) == 0);
    for (size_t i = 0; i < diff.len; i++) {
        struct buf way AUTO_BUF = {0};
        diff_put_way(diff.changes[i].way, &way);
        must(memcmp(way.data == NULL ? "" : way.data, path.data, way.len < path.len ? way.len : path.len) == 0);
    }
}

static void edit(struct span text, const struct splice_change *change)
{
    struct doc before AUTO_DOC = {0}, after AUTO_DOC = {0};
    struct buf out AUTO_BUF = {0};
    struct error err;
    bool is_changed;
    if (edit_read(text, "a.yaml", &before, &err) != 0)
        return;
    if (edit_text(text, "a.yaml", change, 1, &out, &is_changed, &err) != 0)
        return;
    must(edit_read(buf_span(&out), "a.yaml", &after, &err) == 0);
    must(is_changed || span_equal(buf_span(&out), text));
    check(before.root, after.root, change);
    const struct doc_node *now = pointer_find(after.root, &change->path, NULL);
    must(change->value == NULL ? now == NULL : now != NULL && doc_equal(now, change->value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    struct arena arena AUTO_ARENA = {0};
    struct doc value AUTO_DOC = {0};
    struct splice_change change = {0};
    const char *note;
    struct error err;
    if (size > 4096)
        return 0;
    struct span path = take_line(&rest), typed = take_line(&rest);
    if (pointer_parse(path, &arena, &change.path, &err) != 0)
        return 0;
    if (!span_is(typed, "-")) {
        if (edit_value(typed, EDIT_YAML, &value, &change.typed, &note, &err) != 0)
            return 0;
        change.value = value.root;
    }
    edit(rest, &change);
    return 0;
}
