/*
 * repo_branch_tip and repo_resolve: branches as git moves them, revisions as git writes them, and what is
 * said of refs that are damaged, missing, or not ours to read.
 */
#include "real_git.h"

static void make_repo(void)
{
    sh("git init -q -b main here && git -C here commit -q --allow-empty -m first");
}

static bool is_missing(struct repo *repo, const char *branch)
{
    struct error err;
    struct oid tip;
    bool missing = false;
    assert_ok(repo_branch_tip(repo, branch, &missing, &tip, &err));
    return missing;
}

static void assert_tip(struct repo *repo, const char *branch)
{
    char name[128];
    snprintf(name, sizeof name, "refs/heads/%s", branch);
    struct oid wanted = git_id("here", name), tip = tip_of(repo, branch);
    assert_same_id(&tip, &wanted);
}

/* --- branches ------------------------------------------------------------------------------------------ */

static void repo_branch_tip__follows_a_branch_through_all_that_git_does(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "commit -q --allow-empty -m second",
        "commit -q --allow-empty --amend -m other",
        "pack-refs --all",
        "commit -q --allow-empty -m third",
        "gc -q --prune=now",
        "reset -q --hard HEAD~1",
        "branch -f side HEAD",
        "update-ref refs/heads/main HEAD~1",
    };
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_tip(repo, "main");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        sh("git -C here %s", steps[i]);
        assert_tip(repo, "main");
    }
}

static void repo_branch_tip__says_that_a_branch_is_missing(void **state)
{
    (void)state;
    sh("git init -q -b main here");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_true(is_missing(repo, "main"));
    sh("git -C here commit -q --allow-empty -m first && git -C here branch rel/1");
    assert_tip(repo, "main");
    assert_tip(repo, "rel/1");
    assert_true(is_missing(repo, "rel"));
    assert_true(is_missing(repo, "rel/1/2"));
    assert_true(is_missing(repo, "rel/2"));
    sh("git -C here pack-refs --all && git -C here branch -q -D rel/1");
    assert_true(is_missing(repo, "rel/1"));
    sh("git -C here branch rel");
    assert_tip(repo, "rel");
}

static void repo_branch_tip__follows_a_symbolic_branch_and_refuses_a_loop(void **state)
{
    (void)state;
    struct error err;
    struct oid tip;
    bool missing;
    make_repo();
    sh("cd here && git symbolic-ref refs/heads/alias refs/heads/main && "
       "git symbolic-ref refs/heads/dangling refs/heads/nobody && "
       "echo 'ref: refs/heads/b' > .git/refs/heads/a && echo 'ref: refs/heads/a' > .git/refs/heads/b");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_tip(repo, "alias");
    assert_true(is_missing(repo, "dangling"));
    assert_refused(repo_branch_tip(repo, "a", &missing, &tip, &err), CODE_REF_UNREADABLE,
                   "cannot read refs/heads/a");
}

static void f40__damaged_refs_are_refused(void **state)
{
    (void)state;
    static const char *const damages[] = {": >", "echo nonsense >", "printf 0123456789 >", "echo 'ref: ' >",
                                          "head -c 100 /dev/zero >"};
    struct error err;
    struct oid tip;
    bool missing;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        sh("%s here/.git/refs/heads/main", damages[i]);
        assert_refused(repo_branch_tip(repo, "main", &missing, &tip, &err), CODE_REF_UNREADABLE,
                       "refs/heads/main: ");
    }
    sh("rm here/.git/refs/heads/main && echo 'no ids here' > here/.git/packed-refs");
    assert_refused(repo_branch_tip(repo, "main", &missing, &tip, &err), CODE_REF_UNREADABLE,
                   "packed references");
}

static void repo_branch_tip__refuses_a_branch_that_is_no_commit(void **state)
{
    (void)state;
    struct error err;
    struct oid tip;
    bool missing;
    make_repo();
    sh("cd here && echo text > file && git add file && git commit -q -m file && git tag -a -m tag tag && "
       "git rev-parse HEAD:file > .git/refs/heads/blob && git rev-parse 'HEAD^{tree}' > .git/refs/heads/tree "
       "&& "
       "git rev-parse tag > .git/refs/heads/tagged");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_branch_tip(repo, "blob", &missing, &tip, &err), CODE_REF_UNREADABLE,
                   "which is a blob");
    assert_refused(repo_branch_tip(repo, "tree", &missing, &tip, &err), CODE_REF_UNREADABLE,
                   "which is a tree");
    assert_refused(repo_branch_tip(repo, "tagged", &missing, &tip, &err), CODE_REF_UNREADABLE,
                   "which is a tag");
}

static void repo_branch_tip__refuses_impossible_names(void **state)
{
    (void)state;
    struct error err;
    struct oid tip;
    bool missing;
    char too_long[5000];
    static const char *const names[] = {"",      "..",    "a..b", "a b",         "main.lock",
                                        "/main", "main/", "a\nb", "../../config"};
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_refused(repo_branch_tip(repo, names[i], &missing, &tip, &err), CODE_REF_UNREADABLE, "");
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    assert_refused(repo_branch_tip(repo, too_long, &missing, &tip, &err), CODE_REF_UNREADABLE, "called 'aaa");
}

static void f40__a_lock_left_behind_stops_no_reader(void **state)
{
    (void)state;
    make_repo();
    sh("touch here/.git/refs/heads/main.lock here/.git/HEAD.lock here/.git/packed-refs.lock");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_tip(repo, "main");
}

static void repo_branch_tip__tells_a_repository_that_is_gone_from_a_branch_that_is(void **state)
{
    (void)state;
    struct error err;
    struct oid tip;
    bool missing;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    sh("mv here/.git away");
    assert_refused(repo_branch_tip(repo, "main", &missing, &tip, &err), CODE_REPO_MISSING, "is gone");
    sh("git init -q -b main here");
    assert_refused(repo_branch_tip(repo, "main", &missing, &tip, &err), CODE_REPO_UNREADABLE,
                   "another repository");
}

static void repo_branch_tip__finds_the_branch_of_a_linked_work_tree(void **state)
{
    (void)state;
    make_repo();
    sh("git -C here worktree add -q -b side ../linked && git -C linked commit -q --allow-empty -m there");
    AUTO_REPO struct repo *repo = open_repo("linked");
    assert_tip(repo, "side");
    assert_tip(repo, "main");
}

static void assert_head_branch(const char *path, const char *wanted)
{
    char branch[64];
    struct error err;
    AUTO_REPO struct repo *repo = open_repo(path);
    assert_ok(repo_head_branch(repo, branch, sizeof branch, &err));
    assert_string_equal(branch, wanted);
}

static void repo_head_branch__is_the_one_that_is_checked_out_born_or_not(void **state)
{
    (void)state;
    sh("git init -q -b trunk here");
    assert_head_branch("here", "trunk");
    sh("git -C here commit -q --allow-empty -m first && git -C here worktree add -q -b rel/1 ../linked");
    assert_head_branch("here", "trunk");
    assert_head_branch("linked", "rel/1");
    sh("git -C here checkout -q --detach");
    assert_head_branch("here", "");
}

static void repo_head_branch__gives_a_name_up_to_its_limit_and_none_above(void **state)
{
    (void)state;
    char branch[6];
    struct error err;
    sh("git init -q -b trunk here && git init -q -b trunks there");
    AUTO_REPO struct repo *here = open_repo("here");
    AUTO_REPO struct repo *there = open_repo("there");
    assert_ok(repo_head_branch(here, branch, sizeof branch, &err));
    assert_string_equal(branch, "trunk");
    assert_ok(repo_head_branch(there, branch, sizeof branch, &err));
    assert_string_equal(branch, "");
}

/* --- what is not ours to read -------------------------------------------------------------------------- */

/* Opens the repository as one that trusts root, and reads the branch and its commit. */
static int read_as_stranger(struct error *err)
{
    const uid_t root = 0;
    const struct repo_policy policy = {.trusted_uids = &root, .trusted_len = 1};
    struct repo_commit commit;
    struct oid tip;
    bool missing = true;
    AUTO_REPO struct repo *repo = NULL;
    if (repo_open(&repo, "here", &policy, err) != 0 ||
        repo_branch_tip(repo, "main", &missing, &tip, err) != 0)
        return -1;
    return missing ? 0 : repo_read_commit(repo, &tip, &commit, err);
}

/* 0 if that is refused for permission, naming the path. */
static int is_access_refused(void *path)
{
    struct error err;
    if (read_as_stranger(&err) == 0)
        return 1;
    return strcmp(err.code, CODE_REPO_ACCESS) == 0 && strstr(err.message, path) != NULL ? 0 : 2;
}

/* Likewise, and it is the branch that cannot be read, not the repository. */
static int is_ref_refused(void *path)
{
    struct error err;
    if (read_as_stranger(&err) == 0)
        return 1;
    return strcmp(err.code, CODE_REF_UNREADABLE) == 0 && strstr(err.message, path) != NULL ? 0 : 2;
}

static void repo_read__calls_a_permission_a_permission(void **state)
{
    (void)state;
    char ref[] = "refs/heads/main", packed[] = "packed-refs", object[] = "objects", pack[] = "objects/pack";
    make_repo();
    sh("chmod 0600 here/.git/refs/heads/main");
    as_stranger(is_ref_refused, ref);
    sh("chmod 0644 here/.git/refs/heads/main && chmod 0700 here/.git/refs/heads");
    as_stranger(is_ref_refused, ref);
    sh("chmod 0755 here/.git/refs/heads && chmod 0700 here/.git/objects/[0-9a-f][0-9a-f]");
    as_stranger(is_access_refused, object);
    sh("chmod 0755 here/.git/objects/[0-9a-f][0-9a-f] && chmod 0400 here/.git/objects/[0-9a-f][0-9a-f]/*");
    as_stranger(is_access_refused, object);
    sh("git -C here gc -q --prune=now && chmod 0600 here/.git/packed-refs");
    as_stranger(is_ref_refused, packed);
    sh("chmod 0644 here/.git/packed-refs && chmod 0400 here/.git/objects/pack/*");
    as_stranger(is_access_refused, pack);
    sh("chmod 0444 here/.git/objects/pack/* && chmod 0700 here/.git/objects/pack");
    as_stranger(is_access_refused, pack);
}

/* --- revisions ----------------------------------------------------------------------------------------- */

static void assert_resolves(struct repo *repo, const char *revision, const char *as_git_says)
{
    struct error err;
    struct oid commit, wanted = git_id("here", as_git_says);
    assert_ok(repo_resolve(repo, revision, &commit, &err));
    assert_same_id(&commit, &wanted);
}

static void repo_resolve__takes_revisions_as_git_writes_them(void **state)
{
    (void)state;
    char abbreviated[16];
    make_repo();
    sh("cd here && git commit -q --allow-empty -m second && git commit -q --allow-empty -m third && "
       "git tag light HEAD~1 && git tag -a -m heavy heavy HEAD~2");
    sh_line(abbreviated, sizeof abbreviated, "git -C here rev-parse --short=8 HEAD~1");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_resolves(repo, "HEAD", "main");
    assert_resolves(repo, "main", "main");
    assert_resolves(repo, "refs/heads/main", "main");
    assert_resolves(repo, "HEAD~2", "HEAD~2");
    assert_resolves(repo, "main^", "HEAD~1");
    assert_resolves(repo, "light", "HEAD~1");
    assert_resolves(repo, "heavy", "HEAD~2");
    assert_resolves(repo, abbreviated, "HEAD~1");
}

static void repo_resolve__refuses_what_names_no_commit(void **state)
{
    (void)state;
    struct error err;
    struct oid commit;
    static const char *const revisions[] = {"",   "nothing", "HEAD~1", "HEAD^{tree}", "HEAD:", "main..main",
                                            "-x", "^",       "~"};
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(revisions); i++)
        assert_refused(repo_resolve(repo, revisions[i], &commit, &err), CODE_REPO_REV,
                       "there is no commit '");
    sh("git init -q empty");
    AUTO_REPO struct repo *empty = open_repo("empty");
    assert_refused(repo_resolve(empty, "HEAD", &commit, &err), CODE_REPO_REV, "'HEAD'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_branch_tip__follows_a_branch_through_all_that_git_does),
        IN_A_FOLDER(repo_branch_tip__says_that_a_branch_is_missing),
        IN_A_FOLDER(repo_branch_tip__follows_a_symbolic_branch_and_refuses_a_loop),
        IN_A_FOLDER(f40__damaged_refs_are_refused),
        IN_A_FOLDER(repo_branch_tip__refuses_a_branch_that_is_no_commit),
        IN_A_FOLDER(repo_branch_tip__refuses_impossible_names),
        IN_A_FOLDER(f40__a_lock_left_behind_stops_no_reader),
        IN_A_FOLDER(repo_branch_tip__tells_a_repository_that_is_gone_from_a_branch_that_is),
        IN_A_FOLDER(repo_branch_tip__finds_the_branch_of_a_linked_work_tree),
        IN_A_FOLDER(repo_head_branch__is_the_one_that_is_checked_out_born_or_not),
        IN_A_FOLDER(repo_head_branch__gives_a_name_up_to_its_limit_and_none_above),
        IN_A_FOLDER(repo_read__calls_a_permission_a_permission),
        IN_A_FOLDER(repo_resolve__takes_revisions_as_git_writes_them),
        IN_A_FOLDER(repo_resolve__refuses_what_names_no_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
