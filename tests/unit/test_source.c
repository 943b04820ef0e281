/*
 * source: commits, the index and folders give the same listing and the same bytes.
 */
#include "config/source.h"
#include "model/layout.h"
#include "real_git.h"

static struct error err;

static void assert_mode(const struct source *source, const char *path, uint32_t mode)
{
    const struct listing_entry *entry = listing_find_path(source->listing, path);
    if (entry == NULL)
        fail_msg("%s is not listed", path);
    else
        assert_int_equal(entry->mode, mode);
}

static void assert_text(const struct source *source, const char *path, const char *wanted)
{
    AUTO_BUF struct buf text = {0};
    const struct listing_entry *entry = listing_find_path(source->listing, path);
    assert_non_null(entry);
    assert_ok(source->read(source, path, entry, &text, &err));
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

static void make_tree(void)
{
    sh("mkdir -p services/audio/near docs && printf 'v: 1' >services/router.yaml && printf 'v: 2' "
       ">services/audio/stt.yaml\n"
       "printf 'v: 3' >services/audio/near/mic.yaml && chmod +x services/router.yaml && ln -s router.yaml "
       "services/link.yaml\n"
       "echo no >docs/x.md && echo no >README.md && printf 'profile: quiet' >epoch.yaml");
}

static void assert_tree(const struct source *source)
{
    assert_mode(source, "services", LAYOUT_MODE_DIR);
    assert_mode(source, "services/router.yaml", LAYOUT_MODE_EXEC);
    assert_mode(source, "services/link.yaml", LAYOUT_MODE_LINK);
    assert_mode(source, "services/audio/stt.yaml", LAYOUT_MODE_FILE);
    assert_text(source, "services/router.yaml", "v: 1");
    assert_text(source, "services/audio/stt.yaml", "v: 2");
    assert_text(source, "services/audio/near/mic.yaml", "v: 3");
    assert_text(source, "epoch.yaml", "profile: quiet");
    assert_null(listing_find(source->listing, "docs"));
    assert_null(listing_find(source->listing, "README.md"));
    assert_int_equal(source->listing->files, 5);
    assert_false(source->is_too_large);
}

/* --- git --- */

static void source__reads_a_commit_and_not_the_work_tree(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    make_tree();
    sh("git init -q -b main . && git add -A && git commit -q -m one && echo 'v: changed' "
       ">services/router.yaml");
    AUTO_REPO struct repo *repo = open_repo(".");
    const struct oid tip = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &tip, NULL, &source, &err));
    assert_tree(&source);
}

static void source__shares_folders_with_the_listing_before(void **state)
{
    (void)state;
    AUTO_SOURCE struct source before = {.work_dir = -1}, after = {.work_dir = -1};
    make_tree();
    sh("git init -q -b main . && git add -A && git commit -q -m one");
    AUTO_REPO struct repo *repo = open_repo(".");
    const struct oid first = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &first, NULL, &before, &err));
    sh("echo 'v: 9' >services/router.yaml && git commit -q -a -m two");
    const struct oid second = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &second, before.listing, &after, &err));
    assert_ptr_equal(listing_find_path(before.listing, "services/audio")->folder,
                     listing_find_path(after.listing, "services/audio")->folder);
    assert_text(&after, "services/router.yaml", "v: 9\n");
}

static void source__reads_the_index_and_not_the_work_tree(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    make_tree();
    sh("git init -q -b main . && git add -A && echo 'v: changed' >services/router.yaml");
    AUTO_REPO struct repo *repo = open_repo(".");
    assert_ok(source_from_index(repo, &source, &err));
    assert_tree(&source);
}

static void source__refuses_blobs_beyond_the_limit_by_their_size(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    AUTO_BUF struct buf text = {0};
    sh("git init -q -b main . && mkdir services && head -c 1048576 /dev/zero >services/full.yaml\n"
       "head -c 1048577 /dev/zero >services/over.yaml && git add -A && git commit -q -m one");
    AUTO_REPO struct repo *repo = open_repo(".");
    const struct oid tip = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &tip, NULL, &source, &err));
    const struct listing_entry *full = listing_find_path(source.listing, "services/full.yaml");
    const struct listing_entry *over = listing_find_path(source.listing, "services/over.yaml");
    assert_ok(source.read(&source, "services/full.yaml", full, &text, &err));
    assert_refused(source.read(&source, "services/over.yaml", over, &text, &err), CODE_LIMIT_FILE, "1048576");
}

static void source__says_which_object_is_missing(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    AUTO_BUF struct buf text = {0};
    make_tree();
    sh("git init -q -b main . && git add -A && git commit -q -m one\n"
       "id=$(git rev-parse HEAD:services/audio/stt.yaml) && rm -f .git/objects/$(echo $id | cut "
       "-c1-2)/$(echo $id | cut -c3-)");
    AUTO_REPO struct repo *repo = open_repo(".");
    const struct oid tip = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &tip, NULL, &source, &err));
    const struct listing_entry *entry = listing_find_path(source.listing, "services/audio/stt.yaml");
    assert_refused(source.read(&source, "services/audio/stt.yaml", entry, &text, &err), CODE_REPO_OBJECT, "");
}

/* --- a folder --- */

static void source__reads_a_folder_without_git(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    make_tree();
    assert_ok(source_from_folder(".", &source, &err));
    assert_tree(&source);
}

static void source__gives_files_of_a_folder_no_ids(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    make_tree();
    assert_ok(source_from_folder(".", &source, &err));
    assert_true(oid_is_zero(&listing_find(source.listing, "services")->oid));
    assert_true(oid_is_zero(&listing_find_path(source.listing, "services/router.yaml")->oid));
}

static void source__does_not_list_empty_folders(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    sh("mkdir -p services/Empty/Emptier services/full schemas && echo >services/full/x.yaml");
    assert_ok(source_from_folder(".", &source, &err));
    assert_null(listing_find_path(source.listing, "services/Empty"));
    assert_null(listing_find(source.listing, "schemas"));
    assert_int_equal(source.listing->files, 1);
}

static void source__lists_folders_only_as_deep_as_the_layout_goes(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    sh("mkdir -p services/a/b/c/d/e && echo >services/a/b/c/x.yaml && echo >services/a/b/c/d/y.yaml");
    assert_ok(source_from_folder(".", &source, &err));
    assert_mode(&source, "services/a/b/c/x.yaml", LAYOUT_MODE_FILE);
    const struct listing_entry *too_deep = listing_find_path(source.listing, "services/a/b/c/d");
    assert_int_equal(too_deep->mode, LAYOUT_MODE_DIR);
    assert_null(too_deep->folder);
}

static void source__never_enters_another_repository(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    sh("mkdir -p services/sub/.git services/linked services/own && echo 'gitdir: ../../.git/modules/linked' >services/linked/.git\n"
       "echo 'v: 1' >services/sub/x.yaml; cp services/sub/x.yaml services/linked/y.yaml; cp services/sub/x.yaml services/own/z.yaml");
    assert_ok(source_from_folder(".", &source, &err));
    assert_mode(&source, "services/sub", LAYOUT_MODE_COMMIT);
    assert_mode(&source, "services/linked", LAYOUT_MODE_COMMIT);
    assert_mode(&source, "services/own/z.yaml", LAYOUT_MODE_FILE);
    assert_null(listing_find_path(source.listing, "services/sub/x.yaml"));
}

static void source__never_follows_a_link(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1}, link = {.work_dir = -1};
    AUTO_BUF struct buf text = {0};
    sh("mkdir -p services/a elsewhere && echo 'v: 1' >services/a/x.yaml && echo 'v: secret' "
       ">elsewhere/x.yaml\n"
       "ln -s ../elsewhere services/b");
    assert_ok(source_from_folder(".", &source, &err));
    assert_mode(&source, "services/b", LAYOUT_MODE_LINK);
    assert_null(listing_find_path(source.listing, "services/b/x.yaml"));
    /* Nor one that is put there between listing and reading. */
    const struct listing_entry *entry = listing_find_path(source.listing, "services/a/x.yaml");
    sh("mv services/a services/c && ln -s ../elsewhere services/a");
    assert_int_equal(source.read(&source, "services/a/x.yaml", entry, &text, &err), -1);
    sh("rm services/a && mv services/c services/a && ln -sf ../../elsewhere/x.yaml services/a/x.yaml");
    assert_refused(source.read(&source, "services/a/x.yaml", entry, &text, &err), ERR_FILE_UNSAFE,
                   "symbolic link");
    assert_int_equal(text.len, 0);
    sh("mkdir top && ln -s ../elsewhere top/services");
    assert_ok(source_from_folder("top", &link, &err));
    assert_mode(&link, "services", LAYOUT_MODE_LINK);
}

static void source__does_not_wait_for_a_fifo(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    sh("mkdir services && mkfifo services/x.yaml");
    assert_ok(source_from_folder(".", &source, &err));
    assert_mode(&source, "services/x.yaml", 0);
}

static void source__refuses_files_beyond_the_limit(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    AUTO_BUF struct buf text = {0};
    sh("mkdir services && head -c 1048576 /dev/zero >services/full.yaml && head -c 1048577 /dev/zero "
       ">services/over.yaml");
    assert_ok(source_from_folder(".", &source, &err));
    const struct listing_entry *full = listing_find_path(source.listing, "services/full.yaml");
    const struct listing_entry *over = listing_find_path(source.listing, "services/over.yaml");
    assert_ok(source.read(&source, "services/full.yaml", full, &text, &err));
    assert_refused(source.read(&source, "services/over.yaml", over, &text, &err), CODE_LIMIT_FILE, "1048576");
}

static void source__tells_when_there_is_no_such_folder(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {.work_dir = -1};
    assert_refused(source_from_folder("nowhere", &source, &err), ERR_SYSTEM, "nowhere");
    assert_int_equal(err.sys, ENOENT);
    assert_null(source.listing);
}

static void source__gives_no_listing_of_more_files_than_it_holds(void **state)
{
    (void)state;
    AUTO_SOURCE struct source full = {.work_dir = -1}, over = {.work_dir = -1};
    sh("mkdir services && cd services && seq -f '%%.0f.yaml' 1 65536 | xargs touch");
    assert_ok(source_from_folder(".", &full, &err));
    assert_int_equal(full.listing->files, LISTING_FILES_MAX);
    assert_false(full.is_too_large);
    sh("echo >epoch.yaml");
    assert_ok(source_from_folder(".", &over, &err));
    assert_int_equal(over.listing->len, 0);
    assert_true(over.is_too_large);
}

static void source__of_a_commit_with_too_many_files_is_too_large_as_well(void **state)
{
    (void)state;
    AUTO_SOURCE struct source commit = {.work_dir = -1}, index = {.work_dir = -1};
    /* 65,537 names of one blob. */
    sh("git init -q -b main . && id=$(echo | git hash-object -w --stdin)\n"
       "seq 1 65537 | sed \"s/.*/100644 $id\\tservices\\/s&.yaml/\" | git update-index --index-info\n"
       "git commit -q -m one");
    AUTO_REPO struct repo *repo = open_repo(".");
    const struct oid tip = tip_of(repo, "main");
    assert_ok(source_from_commit(repo, &tip, NULL, &commit, &err));
    assert_true(commit.is_too_large);
    assert_int_equal(commit.listing->len, 0);
    assert_ok(source_from_index(repo, &index, &err));
    assert_true(index.is_too_large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(source__reads_a_commit_and_not_the_work_tree),
        IN_A_FOLDER(source__shares_folders_with_the_listing_before),
        IN_A_FOLDER(source__reads_the_index_and_not_the_work_tree),
        IN_A_FOLDER(source__refuses_blobs_beyond_the_limit_by_their_size),
        IN_A_FOLDER(source__says_which_object_is_missing),
        IN_A_FOLDER(source__reads_a_folder_without_git),
        IN_A_FOLDER(source__gives_files_of_a_folder_no_ids),
        IN_A_FOLDER(source__does_not_list_empty_folders),
        IN_A_FOLDER(source__lists_folders_only_as_deep_as_the_layout_goes),
        IN_A_FOLDER(source__never_enters_another_repository),
        IN_A_FOLDER(source__never_follows_a_link),
        IN_A_FOLDER(source__does_not_wait_for_a_fifo),
        IN_A_FOLDER(source__refuses_files_beyond_the_limit),
        IN_A_FOLDER(source__tells_when_there_is_no_such_folder),
        IN_A_FOLDER(source__gives_no_listing_of_more_files_than_it_holds),
        IN_A_FOLDER(source__of_a_commit_with_too_many_files_is_too_large_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
