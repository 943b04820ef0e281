/*
 * objects: the least that git asks for. `tree`: ref, commit, trees compared by hand with the old ones held,
 * blob. `blobs`: every file of a commit.
 */
#include "bench.h"

#include <fcntl.h>
#include <git2.h>
#include <string.h>

static git_odb *open_odb(git_repository **repo)
{
    git_odb *odb;
    if (git_libgit2_init() < 0 || git_repository_open(repo, option("git-dir", NULL)) != 0 ||
        git_repository_odb(&odb, *repo) != 0)
        die("cannot open the repository");
    return odb;
}

static git_odb_object *read_object(git_odb *odb, const git_oid *id)
{
    git_odb_object *object;
    if (git_odb_read(&object, odb, id) != 0)
        die("an object is missing");
    return object;
}

/* One entry of a raw tree; false at the end. */
struct entry {
    const char *name;
    bool is_tree;
    git_oid id;
};

static bool next_entry(const char **at, const char *end, struct entry *out)
{
    if (*at >= end)
        return false;
    out->is_tree = (*at)[0] == '4';
    out->name = (const char *)memchr(*at, ' ', (size_t)(end - *at)) + 1;
    *at = out->name + strlen(out->name) + 1;
    memcpy(out->id.id, *at, GIT_OID_RAWSZ);
    *at += GIT_OID_RAWSZ;
    return true;
}

enum { DEPTH_MAX = 8 };

/* Finds the one file that differs: both trees in step, down where ids differ. The new trees replace the held
 * ones. */
static size_t find_change(git_odb *odb, git_odb_object **held, git_odb_object *now, git_oid *blob)
{
    size_t depth = 0;
    for (git_odb_object *new = now;; depth++) {
        git_odb_object *old = held[depth];
        const char *a = git_odb_object_data(old), *a_end = a + git_odb_object_size(old);
        const char *b = git_odb_object_data(new), *b_end = b + git_odb_object_size(new);
        struct entry was, is;
        do {
            if (!next_entry(&a, a_end, &was) || !next_entry(&b, b_end, &is))
                die("the trees do not differ in one file");
        } while (git_oid_equal(&was.id, &is.id));
        git_odb_object_free(old);
        held[depth] = new;
        if (!is.is_tree) {
            *blob = is.id;
            return depth;
        }
        if (held[depth + 1] == NULL)
            held[depth + 1] = read_object(odb, &was.id);
        new = read_object(odb, &is.id);
    }
}

static git_odb_object *root_of(git_odb *odb, const git_oid *commit)
{
    git_oid id;
    git_odb_object *object = read_object(odb, commit);
    if (git_oid_fromstr(&id, (const char *)git_odb_object_data(object) + strlen("tree ")) != 0)
        die("not a commit");
    git_odb_object_free(object);
    return read_object(odb, &id);
}

static void read_ref(git_oid *out)
{
    char path[4096], line[64] = "";
    snprintf(path, sizeof path, "%s/refs/heads/main", option("git-dir", NULL));
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, line, sizeof line - 1) < 40 || git_oid_fromstr(out, line) != 0)
        die("cannot read the ref");
}

/* bench tree --git-dir DIR --commits FILE --gap MS: from each commit of FILE to the next. */
void bench_tree(void)
{
    struct samples list = {.name = "tree"};
    git_repository *repo;
    git_odb *odb = open_odb(&repo);
    git_odb_object *held[DEPTH_MAX] = {0};
    struct lines commits = lines_read(option("commits", NULL));
    for (size_t i = 0; i < commits.len; i++) {
        git_oid id, ref, blob;
        if (git_oid_fromstr(&id, commits.at[i]) != 0)
            die("not an id: %s", commits.at[i]);
        if (i == 0) {
            held[0] = root_of(odb, &id);
            continue;
        }
        pause_ms(option_number("gap", 20));
        int64_t start = now_ns();
        read_ref(&ref);
        find_change(odb, held, root_of(odb, &id), &blob);
        git_odb_object_free(read_object(odb, &blob));
        samples_add(&list, now_ns() - start);
    }
    samples_print(&list, 1);
}

static size_t read_all(git_odb *odb, const git_oid *tree)
{
    size_t bytes = 0;
    struct entry entry;
    git_odb_object *object = read_object(odb, tree);
    const char *at = git_odb_object_data(object), *end = at + git_odb_object_size(object);
    while (next_entry(&at, end, &entry)) {
        if (entry.is_tree) {
            bytes += read_all(odb, &entry.id);
            continue;
        }
        git_odb_object *blob = read_object(odb, &entry.id);
        bytes += git_odb_object_size(blob);
        git_odb_object_free(blob);
    }
    git_odb_object_free(object);
    return bytes;
}

/* bench blobs --git-dir DIR --tree ID: opens the repository and reads every blob of the tree, once. */
void bench_blobs(void)
{
    struct samples list = {.name = "blobs"};
    git_repository *repo;
    git_oid tree;
    int64_t start = now_ns();
    git_odb *odb = open_odb(&repo);
    if (git_oid_fromstr(&tree, option("tree", NULL)) != 0 || read_all(odb, &tree) == 0)
        die("nothing to read");
    samples_add(&list, now_ns() - start);
    samples_print(&list, 1);
}
