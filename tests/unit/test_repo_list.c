/*
 * repo_list: trees as git and as others write them, what is shared with the listing before, and what no tree
 * can make it cost.
 */
#include "real_git.h"

#include <time.h>

#include "model/layout.h"

static struct listing *list(struct repo *repo, const char *revision, struct listing *old)
{
    struct error err;
    char tree_of[64];
    struct listing *listing = NULL;
    snprintf(tree_of, sizeof tree_of, "%s^{tree}", revision);
    struct oid tree = git_id("here", tree_of);
    assert_ok(repo_list(repo, &tree, old, &listing, &err));
    return listing;
}

/* Makes "here" with one commit of these files, given as shell words. */
static void make_repo(const char *files)
{
    sh("git init -q -b main here && cd here && for f in %s; do mkdir -p $(dirname $f) && echo $f > $f; done "
       "&& "
       "git add -A . && git commit -q -m first",
       files);
}

static void assert_names(const struct listing *listing, const char *wanted)
{
    char names[1024] = "";
    for (size_t i = 0; i < listing->len; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i == 0 ? "" : " ",
                 listing->entries[i].name);
    assert_string_equal(names, wanted);
}

/* --- what is listed ------------------------------------------------------------------------------------ */

static void repo_list__lists_what_matters_and_nothing_else(void **state)
{
    (void)state;
    make_repo("README.md epoch.yaml authors services/stt.yaml services/audio/mic.yaml schemas/stt.json "
              "bases/b.yaml "
              "profiles/quiet/stt.yaml recipients/x src/main.c services2/x zz");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = list(repo, "main", NULL);
    assert_names(top, "authors bases epoch.yaml profiles recipients schemas services");
    assert_int_equal(top->files, 8);
    const struct listing_entry *services = listing_find(top, "services"),
                               *mic = listing_find_path(top, "services/audio/mic.yaml");
    assert_non_null(services);
    assert_int_equal(services->mode, LAYOUT_MODE_DIR);
    assert_names(services->folder, "audio stt.yaml");
    assert_non_null(mic);
    assert_int_equal(mic->mode, LAYOUT_MODE_FILE);
    struct oid wanted = git_id("here", "main:services/audio/mic.yaml"),
               folder = git_id("here", "main:services");
    assert_same_id(&mic->oid, &wanted);
    assert_same_id(&services->folder->oid, &folder);
}

static void repo_list__of_an_empty_tree_is_empty(void **state)
{
    (void)state;
    sh("git init -q -b main here && git -C here commit -q --allow-empty -m first");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = list(repo, "main", NULL);
    assert_int_equal(top->len, 0);
    assert_int_equal(top->files, 0);
}

static void repo_list__reads_folders_to_the_depth_that_is_judged(void **state)
{
    (void)state;
    make_repo("services/1/2/3/at.yaml services/1/2/3/4/below.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = list(repo, "main", NULL);
    assert_non_null(listing_find_path(top, "services/1/2/3/at.yaml"));
    const struct listing_entry *too_deep = listing_find_path(top, "services/1/2/3/4");
    assert_non_null(too_deep);
    assert_int_equal(too_deep->mode, LAYOUT_MODE_DIR);
    assert_null(too_deep->folder);
    assert_int_equal(top->files, 2);
}

static void repo_list__shares_what_did_not_change(void **state)
{
    (void)state;
    make_repo("services/a/x.yaml services/b/y.yaml schemas/s.json epoch.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *first = list(repo, "main", NULL);
    sh("cd here && echo 2 > services/b/y.yaml && git commit -q -a -m second");
    AUTO_LISTING struct listing *second = list(repo, "main", first);
    assert_ptr_equal(listing_find(first, "schemas")->folder, listing_find(second, "schemas")->folder);
    assert_ptr_equal(listing_find_path(first, "services/a")->folder,
                     listing_find_path(second, "services/a")->folder);
    assert_ptr_not_equal(listing_find_path(first, "services/b")->folder,
                         listing_find_path(second, "services/b")->folder);
    assert_int_equal(second->files, first->files);
    sh("git -C here commit -q --allow-empty -m third");
    AUTO_LISTING struct listing *third = list(repo, "main", second);
    assert_ptr_equal(third, second);
}

static void repo_list__outlives_the_listing_it_shares_with(void **state)
{
    (void)state;
    make_repo("services/a/x.yaml services/b/y.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct listing *first = list(repo, "main", NULL);
    sh("cd here && git rm -q services/b/y.yaml && mkdir services/c && echo z > services/c/z.yaml && git add "
       ". && "
       "git commit -q -m second");
    AUTO_LISTING struct listing *second = list(repo, "main", first);
    listing_unref(first);
    assert_non_null(listing_find_path(second, "services/a/x.yaml"));
    assert_null(listing_find_path(second, "services/b"));
    assert_non_null(listing_find_path(second, "services/c/z.yaml"));
}

/* --- trees nobody should write ------------------------------------------------------------------------- */

/* Writes a tree of raw entries: "mode name id" each, the name with printf's escapes, the id in hex; NULL
   ends. */
static struct oid write_tree(const char *const *entries)
{
    char hex[64], mode[16], name[4200], id[64];
    FILE *raw = fopen("raw", "w");
    assert_non_null(raw);
    for (; *entries != NULL; entries++) {
        struct oid oid;
        assert_int_equal(sscanf(*entries, "%15s %4199[^|]|%40s", mode, name, id), 3);
        assert_true(oid_parse(span_of(id), &oid));
        fprintf(raw, "%s %s%c", mode, strcmp(name, "(none)") == 0 ? "" : name, 0);
        fwrite(oid.bytes, sizeof oid.bytes, 1, raw);
    }
    fclose(raw);
    sh_line(hex, sizeof hex, "git -C here hash-object -t tree --literally -w --stdin < raw");
    return id_of_hex(hex);
}

/* A tree whose only folder, services, has these entries. */
static struct oid services_of(const char *const *entries)
{
    char hex[OID_HEX_LEN + 1], entry[128];
    struct oid inner = write_tree(entries);
    oid_format(&inner, hex);
    snprintf(entry, sizeof entry, "40000 services|%s", hex);
    return write_tree((const char *const[]){entry, NULL});
}

#define BLOB "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
#define EMPTY_TREE "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

static void make_hostile_repo(void)
{
    sh("git init -q -b main here && git -C here hash-object -w --stdin < /dev/null > ids && "
       "git -C here hash-object -t tree -w --stdin < /dev/null > ids");
}

static void repo_list__keeps_odd_names_and_modes_raw(void **state)
{
    (void)state;
    static const char *const entries[] = {"100644 .git|" BLOB,
                                          "100644 ..|" BLOB,
                                          "100644 a\nb.yaml|" BLOB,
                                          "100755 exec|" BLOB,
                                          "100664 group|" BLOB,
                                          "120000 link|" BLOB,
                                          "160000 module|" BLOB,
                                          "100644 \xff\xfe|" BLOB,
                                          "10644 fifo|" BLOB,
                                          "40000 empty|" EMPTY_TREE,
                                          NULL};
    struct error err;
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tree = services_of(entries);
    AUTO_LISTING struct listing *top = NULL;
    assert_ok(repo_list(repo, &tree, NULL, &top, &err));
    const struct listing *services = listing_find(top, "services")->folder;
    assert_int_equal(services->len, 10);
    assert_int_equal(listing_find(services, ".git")->mode, LAYOUT_MODE_FILE);
    assert_non_null(listing_find(services, ".."));
    assert_non_null(listing_find(services, "a\nb.yaml"));
    assert_non_null(listing_find(services, "\xff\xfe"));
    assert_int_equal(listing_find(services, "exec")->mode, LAYOUT_MODE_EXEC);
    assert_int_equal(listing_find(services, "group")->mode, LAYOUT_MODE_FILE);
    assert_int_equal(listing_find(services, "link")->mode, LAYOUT_MODE_LINK);
    assert_int_equal(listing_find(services, "module")->mode, LAYOUT_MODE_COMMIT);
    assert_int_equal(listing_find(services, "fifo")->mode, 010644);
    assert_int_equal(listing_find(services, "empty")->folder->len, 0);
}

static void assert_damaged(const char *const *entries, const char *words)
{
    struct error err;
    struct listing *top = NULL;
    struct oid tree = services_of(entries);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_list(repo, &tree, NULL, &top, &err), CODE_REPO_OBJECT, words);
    assert_null(top);
}

static void repo_list__refuses_names_no_git_command_writes(void **state)
{
    (void)state;
    char at[512], above[512];
    snprintf(at, sizeof at, "100644 %0255d|" BLOB, 0);
    snprintf(above, sizeof above, "100644 %0256d|" BLOB, 0);
    make_hostile_repo();
    assert_damaged((const char *const[]){"100644 ../x.yaml|" BLOB, NULL}, "no file can have: '../x.yaml'");
    assert_damaged((const char *const[]){"100644 a/\x1b.yaml|" BLOB, NULL},
                   "no file can have: 'a/\\x1b.yaml'");
    assert_damaged((const char *const[]){"100644 (none)|" BLOB, NULL}, "no file can have: ''");
    assert_damaged((const char *const[]){above, NULL}, "no file can have: '000");
    assert_damaged((const char *const[]){"100644 x.yaml|" BLOB, "100644 x.yaml|" BLOB, NULL},
                   "one name twice: 'x.yaml'");
    assert_damaged((const char *const[]){"100644 x|" BLOB, "40000 x|" EMPTY_TREE, NULL},
                   "one name twice: 'x'");
    struct error err;
    struct oid tree = services_of((const char *const[]){at, NULL});
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = NULL;
    assert_ok(repo_list(repo, &tree, NULL, &top, &err));
}

static void repo_list__refuses_trees_that_are_no_trees(void **state)
{
    (void)state;
    static const char *const contents[] = {"printf x",
                                           "printf '100644 '",
                                           "printf '100644 x'",
                                           "printf '100644 x\\0'",
                                           "printf '100644 x\\0%019d' 0",
                                           "printf 'x y\\0%020d' 0",
                                           "printf '99 y\\0%020d' 0",
                                           "printf '10000000644 y\\0%020d' 0"};
    struct error err;
    struct listing *top = NULL;
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        char hex[64];
        sh_line(hex, sizeof hex, "%s > raw; git -C here hash-object -t tree --literally -w --stdin < raw",
                contents[i]);
        struct oid tree = id_of_hex(hex);
        assert_refused(repo_list(repo, &tree, NULL, &top, &err), CODE_REPO_OBJECT, hex);
    }
    struct oid blob = id_of_hex(BLOB);
    assert_refused(repo_list(repo, &blob, NULL, &top, &err), CODE_REPO_OBJECT,
                   "is a blob where a tree belongs");
    assert_damaged((const char *const[]){"40000 f|" BLOB, NULL}, "is a blob where a tree belongs");
    assert_damaged((const char *const[]){"40000 f|0123456789012345678901234567890123456789", NULL},
                   "object 0123456789012345678901234567890123456789 is missing");
    assert_damaged((const char *const[]){"40000 f|0000000000000000000000000000000000000000", NULL},
                   "is missing");
}

static void repo_list__never_reads_what_is_outside(void **state)
{
    (void)state;
    static const char *const entries[] = {"100644 ../services|" BLOB,
                                          "100644 (none)|" BLOB,
                                          "40000 src|0123456789012345678901234567890123456789",
                                          "100644 x|" BLOB,
                                          "100644 x|" BLOB,
                                          "40000 services|" EMPTY_TREE,
                                          NULL};
    struct error err;
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tree = write_tree(entries);
    AUTO_LISTING struct listing *top = NULL;
    assert_ok(repo_list(repo, &tree, NULL, &top, &err));
    assert_names(top, "services");
}

/* --- limits -------------------------------------------------------------------------------------------- */

/* A tree of `count` entries of this mode and id, of which it is given the id. */
static struct oid write_wide_tree(size_t count, const char *mode, const char *id)
{
    char hex[64];
    sh_line(hex, sizeof hex,
            "cd here && seq -f '%%06.0f' %zu | awk '{print \"%s %s %s\\t\" $1}' | git mktree --missing",
            count, mode, strcmp(mode, "040000") == 0 ? "tree" : "blob", id);
    return id_of_hex(hex);
}

static int list_services(struct repo *repo, const struct oid *inner, struct error *err)
{
    char hex[OID_HEX_LEN + 1], entry[128];
    AUTO_LISTING struct listing *top = NULL;
    oid_format(inner, hex);
    snprintf(entry, sizeof entry, "40000 services|%s", hex);
    struct oid tree = write_tree((const char *const[]){entry, NULL});
    return repo_list(repo, &tree, NULL, &top, err);
}

static void f42__the_number_of_files_is_limited(void **state)
{
    (void)state;
    struct error err;
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid at = write_wide_tree(LISTING_FILES_MAX, "100644", BLOB),
               above = write_wide_tree(LISTING_FILES_MAX + 1, "100644", BLOB);
    assert_ok(list_services(repo, &at, &err));
    assert_refused(list_services(repo, &above, &err), CODE_LIMIT_SERVICES, "more than 65536 files");
}

static void repo_list__counts_empty_folders_and_those_too_deep(void **state)
{
    (void)state;
    struct error err;
    char hex[OID_HEX_LEN + 1], entry[128];
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid at = write_wide_tree(LISTING_FILES_MAX, "040000", EMPTY_TREE),
               above = write_wide_tree(LISTING_FILES_MAX + 1, "040000", EMPTY_TREE);
    assert_ok(list_services(repo, &at, &err));
    assert_refused(list_services(repo, &above, &err), CODE_LIMIT_SERVICES, "more than 65536 files");
    struct oid deep = above;
    for (int level = 0; level < LAYOUT_FOLDER_DEPTH; level++) {
        oid_format(&deep, hex);
        snprintf(entry, sizeof entry, "40000 f|%s", hex);
        deep = write_tree((const char *const[]){entry, NULL});
    }
    assert_refused(list_services(repo, &deep, &err), CODE_LIMIT_SERVICES, "more than 65536 files");
}

static void repo_list__is_not_blown_up_by_a_tree_that_repeats_itself(void **state)
{
    (void)state;
    struct error err;
    char hex[OID_HEX_LEN + 1];
    struct timespec before, after;
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tree = write_wide_tree(1000, "100644", BLOB);
    for (int level = 0; level < 3; level++) {
        oid_format(&tree, hex);
        tree = write_wide_tree(1000, "040000", hex);
    }
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
    assert_refused(list_services(repo, &tree, &err), CODE_LIMIT_SERVICES, "more than 65536 files");
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
    assert_true(after.tv_sec - before.tv_sec < 10); /* a second or two; 10^12 entries would be days */
}

/* `mode` and `id` of what fills most of it, up to the limit. */
static void assert_shared_counts(const char *mode, const char *id)
{
    struct error err;
    char small[OID_HEX_LEN + 1], half[OID_HEX_LEN + 1], entries[4][128];
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid few = write_wide_tree(10, "100644", BLOB),
               many = write_wide_tree(LISTING_FILES_MAX - 10, mode, id);
    oid_format(&few, small);
    oid_format(&many, half);
    snprintf(entries[0], sizeof entries[0], "40000 bases|%s", half);
    snprintf(entries[1], sizeof entries[1], "40000 schemas|%s", small);
    snprintf(entries[2], sizeof entries[2], "100644 epoch.yaml|" BLOB);
    AUTO_LISTING struct listing *first = NULL, *second = NULL, *third = NULL;
    struct oid tree = write_tree((const char *const[]){entries[0], NULL});
    assert_ok(repo_list(repo, &tree, NULL, &first, &err));
    tree = write_tree((const char *const[]){entries[0], entries[1], NULL});
    assert_ok(repo_list(repo, &tree, first, &second, &err));
    assert_int_equal(second->files, LISTING_FILES_MAX);
    tree = write_tree((const char *const[]){entries[0], entries[1], entries[2], NULL});
    assert_refused(repo_list(repo, &tree, second, &third, &err), CODE_LIMIT_SERVICES,
                   "more than 65536 files");
    assert_refused(repo_list(repo, &tree, NULL, &third, &err), CODE_LIMIT_SERVICES, "more than 65536 files");
}

static void repo_list__counts_shared_folders_as_if_they_were_read(void **state)
{
    (void)state;
    make_hostile_repo();
    assert_shared_counts("100644", BLOB);
    assert_shared_counts("040000", EMPTY_TREE);
}

static void repo_list__limits_the_size_of_a_tree(void **state)
{
    (void)state;
    struct error err;
    struct listing *top = NULL;
    char hex[64];
    make_hostile_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    sh_line(hex, sizeof hex,
            "head -c 16777217 /dev/zero | git -C here hash-object -t tree --literally -w --stdin");
    struct oid tree = id_of_hex(hex);
    assert_refused(repo_list(repo, &tree, NULL, &top, &err), CODE_LIMIT_SERVICES,
                   "16777217 bytes, and 16777216 is the limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_list__lists_what_matters_and_nothing_else),
        IN_A_FOLDER(repo_list__of_an_empty_tree_is_empty),
        IN_A_FOLDER(repo_list__reads_folders_to_the_depth_that_is_judged),
        IN_A_FOLDER(repo_list__shares_what_did_not_change),
        IN_A_FOLDER(repo_list__outlives_the_listing_it_shares_with),
        IN_A_FOLDER(repo_list__keeps_odd_names_and_modes_raw),
        IN_A_FOLDER(repo_list__refuses_names_no_git_command_writes),
        IN_A_FOLDER(repo_list__refuses_trees_that_are_no_trees),
        IN_A_FOLDER(repo_list__never_reads_what_is_outside),
        IN_A_FOLDER(f42__the_number_of_files_is_limited),
        IN_A_FOLDER(repo_list__counts_empty_folders_and_those_too_deep),
        IN_A_FOLDER(repo_list__is_not_blown_up_by_a_tree_that_repeats_itself),
        IN_A_FOLDER(repo_list__counts_shared_folders_as_if_they_were_read),
        IN_A_FOLDER(repo_list__limits_the_size_of_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
