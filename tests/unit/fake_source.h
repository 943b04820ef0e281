/*
 * fake_source: a source of config/source.h made of paths and texts, with ids like git's, that counts what is
 * read.
 */
#ifndef TESTS_UNIT_FAKE_SOURCE_H
#define TESTS_UNIT_FAKE_SOURCE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/source.h"
#include "model/codes.h"
#include "model/layout.h"

struct fake_file {
    const char *path, *text;
};

struct fake_source {
    struct source source; /* first: what is given to the code under test */
    const struct fake_file *files;
    size_t len;
    size_t reads;
    const char *damaged;      /* a path whose reading fails */
    const char *damaged_code; /* with this code */
};

#define AUTO_FAKE CLEANUP(fake_source_fini)

static inline void fake_source_fini(struct fake_source *fake)
{
    source_fini(&fake->source);
}

/* Goes on from an id with more text; never zero for the lengths used here. */
static inline struct oid fake_id(struct oid id, const char *text)
{
    uint64_t hash;
    memcpy(&hash, id.bytes, sizeof hash);
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    hash = (hash ^ 0xFF) * UINT64_C(1099511628211);
    memcpy(id.bytes, &hash, sizeof hash);
    return id;
}

static const struct oid fake_seed = {{37, 35, 34, 132, 228, 156, 242, 203}};

static inline bool fake_is_below(const struct fake_file *file, const char *folder, size_t len)
{
    return strncmp(file->path, folder, len) == 0;
}

/* The tree of all files whose path begins with `folder` (which ends in a slash, or is empty). */
static inline struct listing *fake_list(const struct fake_source *fake, const char *folder, size_t len)
{
    struct error err;
    struct oid tree = fake_seed;
    for (size_t i = 0; i < fake->len; i++)
        if (fake_is_below(&fake->files[i], folder, len))
            tree = fake_id(fake_id(tree, fake->files[i].path + len), fake->files[i].text);
    struct listing *listing = listing_new(&tree);
    assert_non_null(listing);
    for (size_t i = 0; i < fake->len; i++) {
        const struct fake_file *file = &fake->files[i];
        const char *name = file->path + len;
        if (!fake_is_below(file, folder, len))
            continue;
        size_t name_len = strcspn(name, "/");
        if (name[name_len] == '\0') {
            const struct oid blob = fake_id(fake_seed, file->text);
            assert_int_equal(listing_add(listing, span_of(name), LAYOUT_MODE_FILE, &blob, NULL, &err), 0);
            continue;
        }
        /* Files of one folder stand together in the table. */
        if (i > 0 && fake_is_below(&fake->files[i - 1], file->path, len + name_len + 1))
            continue;
        struct listing *below = fake_list(fake, file->path, len + name_len + 1);
        const struct oid id = below->oid;
        struct span span = {name, name_len};
        assert_int_equal(listing_add(listing, span, LAYOUT_MODE_DIR, &id, below, &err), 0);
    }
    listing_finish(listing);
    return listing;
}

static inline int fake_read(const struct source *source, const char *path, const struct listing_entry *entry,
                            struct buf *out, struct error *err)
{
    struct fake_source *fake = (struct fake_source *)(uintptr_t)source;
    fake->reads++;
    assert_ptr_equal(listing_find_path(source->listing, path), entry);
    if (fake->damaged != NULL && strcmp(fake->damaged, path) == 0)
        return error_set(err, fake->damaged_code, 0, "the object is damaged");
    for (size_t i = 0; i < fake->len; i++)
        if (strcmp(fake->files[i].path, path) == 0) {
            buf_puts(out, fake->files[i].text);
            return buf_check(out, err);
        }
    fail_msg("%s is read and does not exist", path);
    return -1;
}

/* `files` is borrowed; files of one folder stand together. */
static inline struct fake_source fake_source_of(const struct fake_file *files, size_t len)
{
    struct fake_source fake = {.files = files, .len = len};
    fake.source = (struct source){.listing = fake_list(&fake, "", 0), .read = fake_read, .work_dir = -1};
    return fake;
}

#define FAKE(...)                                                                                            \
    fake_source_of((const struct fake_file[]){__VA_ARGS__},                                                  \
                   sizeof((const struct fake_file[]){__VA_ARGS__}) / sizeof(struct fake_file))

#endif
