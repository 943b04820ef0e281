/*
 * hidden: see hidden.h.
 */
#include "cli/hidden.h"

#include <stdio.h>

#include "config/effective.h"
#include "config/source.h"

/* What a patch has at the way, or at a part of it that replaces all below; NULL: the file's value is seen. */
static const struct doc_node *find_cover(const struct doc_node *patch, const struct splice_change *change)
{
    bool is_mapping = change->value != NULL && change->value->kind == DOC_OBJECT;
    for (size_t i = 0; i < change->path.len; i++) {
        const struct doc_member *member = doc_get_member(patch, change->path.names[i]);
        if (member == NULL)
            return NULL;
        patch = member->value;
        if (patch->kind != DOC_OBJECT)
            return patch;
    }
    return is_mapping ? NULL : patch;
}

static void say(const struct effective *effective, const char *service, const struct splice_change *change,
                const struct doc_node *cover, bool is_first)
{
    struct buf way AUTO_BUF = {0};
    pointer_put(&change->path, change->path.len, &way);
    if (way.failed)
        return;
    fprintf(stderr, "epochctl: note: %.*s is what the active profile %s says at %s:%u:%u\n", (int)way.len, way.data,
            effective->profile, cover->file, cover->pos.line, cover->pos.column);
    if (is_first)
        fprintf(stderr, "What to do: epochctl %s --profile %s %s '%.*s%s'\n", change->value == NULL ? "unset" : "set",
                effective->profile, service, (int)way.len, way.data, change->value == NULL ? "" : "=…");
}

void hidden_say(struct writing *w, const char *service, const struct splice_change *changes, size_t len)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct effective effective AUTO_EFFECTIVE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error silent;
    bool is_first = true;
    if (source_from_commit(w->repo, &w->tip, NULL, &source, &silent) != 0 ||
        effective_load(&source, NULL, service, NULL, &effective, &findings, &silent) != 0 || effective.patch.root == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *cover = find_cover(effective.patch.root, &changes[i]);
        if (cover == NULL)
            continue;
        say(&effective, service, &changes[i], cover, is_first);
        is_first = false;
    }
}
