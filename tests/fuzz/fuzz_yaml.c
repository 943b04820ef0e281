/*
 * fuzz_yaml: whatever the reader of YAML accepts is within the limits, has a canonical form, and reads back
 * from it, as JSON and as YAML, as the same value. Whatever it refuses has a finding with a place, and leaves
 * no document.
 */
#include <stdint.h>

#include "io/yaml.h"
#include "model/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static const struct yaml_options any = {.file = "fuzz", .limits = {64, 100000, 256 * 1024}, .any_root = true};
static const struct yaml_options service = {.file = "fuzz", .limits = {64, 100000, 256 * 1024}};

static void check_findings(const struct findings *findings, const struct doc *doc, size_t size)
{
    check(!findings->failed);
    check((findings->errors > 0) == (doc->root == NULL));
    check(doc->root != NULL || doc->arena.total == 0);
    for (size_t i = 0; i < findings->len; i++)
        check(findings->items[i].message[0] != '\0' &&
              (findings->items[i].pos.line > 0 || size > YAML_FILE_MAX));
}

static void check_tree(const struct doc_node *node, uint32_t depth)
{
    check(depth <= any.limits.depth && node->height <= any.limits.depth);
    check(node->pos.line > 0 && node->pos.column > 0);
    if (node->kind == DOC_ARRAY)
        for (size_t i = 0; i < node->u.array.len; i++)
            check_tree(node->u.array.items[i], depth + 1);
    if (node->kind == DOC_OBJECT)
        for (size_t i = 0; i < node->u.object.len; i++)
            check_tree(node->u.object.members[i].value, depth + 1);
}

static void check_as_json(const struct doc *doc, struct span canonical)
{
    const struct json_options options = {.file = "fuzz", .limits = any.limits};
    AUTO_DOC struct doc again = {0};
    struct error err;
    check(json_read(canonical, &options, &again, &err) == 0);
    check(doc_equal(doc->root, again.root));
    check(json_is_canonical(again.root, canonical));
}

/* True if the JSON text is YAML for libyaml too: it knows no DEL and no non-characters, which JSON may hold
   raw, and keys only up to 1,024 characters. */
static bool is_plain(struct span canonical)
{
    if (canonical.len > 1000)
        return false;
    for (size_t i = 0; i < canonical.len; i++)
        if (canonical.data[i] < 0x20 || canonical.data[i] == 0x7F)
            return false;
    return true;
}

static void check_as_yaml(const struct doc *doc, struct span canonical)
{
    AUTO_DOC struct doc again = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    if (!is_plain(canonical))
        return;
    check(yaml_read(canonical, &any, &again, &findings, &err) == 0);
    check(findings.len == 0 && doc_equal(doc->root, again.root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    AUTO_DOC struct doc doc = {0}, strict = {0};
    AUTO_FINDINGS struct findings findings = {0}, strict_findings = {0};
    AUTO_BUF struct buf canonical = {0};
    struct error err;
    check(yaml_read(text, &any, &doc, &findings, &err) == 0);
    check(yaml_read(text, &service, &strict, &strict_findings, &err) == 0);
    check_findings(&findings, &doc, size);
    check_findings(&strict_findings, &strict, size);
    if (strict.root != NULL)
        check(doc.root != NULL && strict.root->kind == DOC_OBJECT && doc_equal(doc.root, strict.root));
    if (doc.root == NULL)
        return 0;
    check(doc.root->nodes <= any.limits.nodes && doc.root->size <= any.limits.size);
    check_tree(doc.root, 1);
    json_write(doc.root, &canonical);
    check(!canonical.failed && canonical.len == doc.root->size);
    check_as_json(&doc, buf_span(&canonical));
    check_as_yaml(&doc, buf_span(&canonical));
    return 0;
}
