/*
 * repo_list_index: what is staged, as a listing; and what cannot be told from it.
 */
#include "real_git.h"

#include "model/layout.h"

static void make_repo(void)
{
    sh("git init -q -b main here && mkdir -p here/services/audio here/src && cd here && echo 1 > "
       "services/stt.yaml && "
       "echo 2 > services/audio/mic.yaml && echo 3 > src/main.c && touch services-old && git add . && "
       "git commit -q -m first");
}

static struct listing *staged(struct repo *repo)
{
    struct error err;
    struct listing *listing = NULL;
    assert_ok(repo_list_index(repo, &listing, &err));
    return listing;
}

static void repo_list_index__lists_what_is_staged_with_its_blobs(void **state)
{
    (void)state;
    make_repo();
    sh("cd here && echo changed > services/stt.yaml && git add services/stt.yaml && echo later > "
       "services/stt.yaml && "
       "mkdir bases && ln -s nowhere bases/link && chmod +x services/audio/mic.yaml && git add . && "
       "git update-index --chmod=+x services/audio/mic.yaml && git rm -q --cached services/stt.yaml && "
       "echo staged > services/new.yaml && git add services/new.yaml && echo not > services/untracked.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = staged(repo);
    assert_int_equal(top->len, 2);
    assert_int_equal(top->files, 3);
    assert_int_equal(listing_find_path(top, "bases/link")->mode, LAYOUT_MODE_LINK);
    assert_int_equal(listing_find_path(top, "services/audio/mic.yaml")->mode, LAYOUT_MODE_EXEC);
    assert_null(listing_find_path(top, "services/stt.yaml"));
    assert_null(listing_find_path(top, "services/untracked.yaml"));
    struct oid wanted = git_id("here", ":services/new.yaml");
    assert_same_id(&listing_find_path(top, "services/new.yaml")->oid, &wanted);
    assert_true(oid_is_zero(&listing_find(top, "services")->oid));
}

static void repo_list_index__sees_what_was_staged_after_opening(void **state)
{
    (void)state;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    listing_unref(staged(repo));
    sh("cd here && echo 4 > services/new.yaml && git add services/new.yaml");
    AUTO_LISTING struct listing *top = staged(repo);
    assert_non_null(listing_find_path(top, "services/new.yaml"));
}

static void repo_list_index__of_a_new_repository_is_empty(void **state)
{
    (void)state;
    sh("git init -q here");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = staged(repo);
    assert_int_equal(top->len, 0);
}

static void repo_list_index__reads_folders_to_the_depth_that_is_judged(void **state)
{
    (void)state;
    make_repo();
    sh("cd here && mkdir -p services/1/2/3/4/5 && touch services/1/2/3/at.yaml services/1/2/3/4/a.yaml "
       "services/1/2/3/4/5/b.yaml services/1/2/3/z.yaml && git add .");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = staged(repo);
    const struct listing *deepest = listing_find_path(top, "services/1/2/3")->folder;
    assert_int_equal(deepest->len, 3);
    assert_int_equal(listing_find(deepest, "4")->mode, LAYOUT_MODE_DIR);
    assert_null(listing_find(deepest, "4")->folder);
    assert_non_null(listing_find(deepest, "at.yaml"));
    assert_non_null(listing_find(deepest, "z.yaml"));
}

static void repo_list_index__passes_over_what_is_only_promised(void **state)
{
    (void)state;
    make_repo();
    sh("cd here && mkdir bases && echo 5 > bases/soon.yaml && echo 6 > services/soon.yaml && "
       "git add -N bases/soon.yaml services/soon.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = staged(repo);
    assert_null(listing_find_path(top, "services/soon.yaml"));
    assert_null(listing_find(top, "bases"));
    assert_int_equal(top->files, 2);
}

static void repo_list_index__names_a_file_that_is_not_merged(void **state)
{
    (void)state;
    struct error err;
    struct listing *top = NULL;
    make_repo();
    sh("cd here && git checkout -q -b side && echo theirs > services/stt.yaml && git commit -q -a -m theirs "
       "&& "
       "git checkout -q main && echo ours > services/stt.yaml && git commit -q -a -m ours && "
       "if git merge -q side > ../merge.log; then exit 1; fi");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_list_index(repo, &top, &err), CODE_REPO_UNREADABLE,
                   "services/stt.yaml is not merged");
    assert_null(top);
}

static void repo_list_index__does_not_mind_conflicts_elsewhere(void **state)
{
    (void)state;
    make_repo();
    sh("cd here && git checkout -q -b side && echo theirs > src/main.c && git commit -q -a -m theirs && "
       "git checkout -q main && echo ours > src/main.c && git commit -q -a -m ours && "
       "if git merge -q side > ../merge.log; then exit 1; fi");
    AUTO_REPO struct repo *repo = open_repo("here");
    AUTO_LISTING struct listing *top = staged(repo);
    assert_int_equal(top->files, 2);
}

static void repo_list_index__refuses_an_index_it_cannot_read(void **state)
{
    (void)state;
    struct error err;
    struct listing *top = NULL;
    make_repo();
    sh("git -C here update-index --split-index");
    AUTO_REPO struct repo *split = open_repo("here");
    assert_refused(repo_list_index(split, &top, &err), CODE_REPO_UNREADABLE, "cannot read the index");
    sh("cd here && git update-index --no-split-index && git sparse-checkout set --cone --sparse-index "
       "services");
    AUTO_REPO struct repo *sparse = open_repo("here");
    assert_refused(repo_list_index(sparse, &top, &err), CODE_REPO_UNREADABLE, "reapply --no-sparse-index");
    sh("head -c 30 /dev/zero > here/.git/index");
    AUTO_REPO struct repo *damaged = open_repo("here");
    assert_refused(repo_list_index(damaged, &top, &err), CODE_REPO_UNREADABLE, "cannot read the index");
    assert_null(top);
}

static void repo_list_index__takes_the_index_of_the_environment_only_in_a_hook(void **state)
{
    (void)state;
    const struct repo_policy in_hook = {.from_environment = true};
    struct error err;
    AUTO_LISTING struct listing *own = NULL, *other = NULL;
    AUTO_REPO struct repo *hook = NULL;
    make_repo();
    sh("cd here && cp .git/index ../other && GIT_INDEX_FILE=../other git rm -q --cached services/stt.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_ok(repo_open(&hook, "here", &in_hook, &err));
    setenv("GIT_INDEX_FILE", "other", 1);
    assert_ok(repo_list_index(repo, &own, &err));
    assert_ok(repo_list_index(hook, &other, &err));
    unsetenv("GIT_INDEX_FILE");
    assert_int_equal(own->files, 2);
    assert_int_equal(other->files, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_list_index__lists_what_is_staged_with_its_blobs),
        IN_A_FOLDER(repo_list_index__sees_what_was_staged_after_opening),
        IN_A_FOLDER(repo_list_index__of_a_new_repository_is_empty),
        IN_A_FOLDER(repo_list_index__reads_folders_to_the_depth_that_is_judged),
        IN_A_FOLDER(repo_list_index__passes_over_what_is_only_promised),
        IN_A_FOLDER(repo_list_index__names_a_file_that_is_not_merged),
        IN_A_FOLDER(repo_list_index__does_not_mind_conflicts_elsewhere),
        IN_A_FOLDER(repo_list_index__refuses_an_index_it_cannot_read),
        IN_A_FOLDER(repo_list_index__takes_the_index_of_the_environment_only_in_a_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
