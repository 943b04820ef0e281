/*
 * repo_make: repositories that git itself finds in order, a config of their own, and a first commit that
 * overwrites nothing.
 */
#include "real_git.h"

#define FILE_OF(place, content)                                                                              \
    {                                                                                                        \
        .path = place, .text = { content, sizeof content - 1 }                                               \
    }

static const struct repo_file skeleton[] = {
    FILE_OF("epoch.yaml", "{}\n"),
    FILE_OF("services/stt.yaml", "rate: 1\r\n"),
    FILE_OF("services/audio/mic.yaml", ""),
};

static bool create(const char *path, const char *branch, bool is_bare)
{
    struct error err;
    bool existed = true;
    assert_ok(
        repo_create(&(struct repo_new){.path = path, .branch = branch, .is_bare = is_bare}, &existed, &err));
    return !existed;
}

static struct oid commit(struct repo *repo)
{
    struct error err;
    struct oid id;
    assert_ok(repo_first_commit(repo, "main", skeleton, ARRAY_LEN(skeleton), "Begin\n", &id, &err));
    return id;
}

/* --- repositories -------------------------------------------------------------------------------------- */

static void repo_create__makes_a_work_tree_with_its_parents(void **state)
{
    (void)state;
    assert_true(create("a/b/c", "trunk", false));
    sh("cd a/b/c && test \"$(git symbolic-ref HEAD)\" = refs/heads/trunk && git fsck --strict && "
       "test \"$(git rev-parse --is-bare-repository)\" = false && test -z \"$(git status --porcelain)\"");
}

static void repo_create__makes_a_bare_repository(void **state)
{
    (void)state;
    assert_true(create("hub.git", "main", true));
    sh("cd hub.git && test \"$(git rev-parse --is-bare-repository)\" = true && "
       "test \"$(git symbolic-ref HEAD)\" = refs/heads/main && test ! -e .git");
}

static void repo_create__takes_the_repository_that_is_there_as_it_is(void **state)
{
    (void)state;
    sh("git init -q -b old here && git -C here commit -q --allow-empty -m first && cp -r here before");
    assert_false(create("here", "main", false));
    assert_false(create("here", "main", true));
    sh("diff -r before here");
    assert_true(create("new", "main", false));
    assert_false(create("new", "main", false));
}

static void repo_create__leaves_the_files_of_a_folder_alone(void **state)
{
    (void)state;
    sh("mkdir -p here/services && echo mine > here/services/stt.yaml");
    assert_true(create("here", "main", false));
    sh("test \"$(cat here/services/stt.yaml)\" = mine");
}

static void repo_create__copies_no_template_of_the_host(void **state)
{
    (void)state;
    sh("mkdir -p t/hooks && touch t/hooks/pre-commit && chmod +x t/hooks/pre-commit && "
       "printf '[init]\\n\\ttemplateDir = %%s/t\\n' \"$PWD\" > .gitconfig");
    setenv("GIT_TEMPLATE_DIR", "t", 1);
    assert_true(create("here", "main", false));
    unsetenv("GIT_TEMPLATE_DIR");
    sh("test ! -e here/.git/hooks/pre-commit");
}

static void repo_create__refuses_what_is_no_branch_and_what_is_no_folder(void **state)
{
    (void)state;
    struct error err;
    bool existed;
    sh("echo text > file");
    assert_refused(repo_create(&(struct repo_new){.path = "here", .branch = "a..b"}, &existed, &err),
                   CODE_USAGE, "'a..b'");
    assert_refused(repo_create(&(struct repo_new){.path = "here", .branch = ""}, &existed, &err), CODE_USAGE,
                   "''");
    assert_refused(repo_create(&(struct repo_new){.path = "file/here", .branch = "main"}, &existed, &err),
                   CODE_REPO_UNREADABLE, "cannot make a repository at 'file/here'");
    sh("test ! -e here");
}

/* --- config -------------------------------------------------------------------------------------------- */

static void repo_config_set__writes_what_git_reads(void **state)
{
    (void)state;
    struct error err;
    char value[8] = "";
    bool found = true;
    create("here", "main", false);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_ok(repo_config_get(repo, "core.fsync", &found, value, sizeof value, &err));
    assert_false(found);
    assert_ok(repo_config_set(repo, "core.fsync", "committed", &err));
    assert_ok(repo_config_set(repo, "core.fsync", "all", &err));
    assert_ok(repo_config_get(repo, "core.fsync", &found, value, sizeof value, &err));
    assert_true(found);
    assert_string_equal(value, "all");
    sh("test \"$(git -C here config --get-all core.fsync)\" = all");
    assert_ok(repo_config_set(repo, "epochd.wait", "0123456789", &err));
    assert_ok(repo_config_get(repo, "epochd.wait", &found, value, sizeof value, &err));
    assert_string_equal(value, "0123456");
}

static void repo_config_get__looks_nowhere_else(void **state)
{
    (void)state;
    struct error err;
    char value[32];
    bool found = true;
    sh("printf '[user]\\n\\tname = Host\\n' > .gitconfig && git init -q main && "
       "git -C main commit -q --allow-empty -m first && git -C main config user.email e@x && "
       "git -C main worktree add -q -b side ../linked");
    AUTO_REPO struct repo *repo = open_repo("linked");
    assert_ok(repo_config_get(repo, "user.name", &found, value, sizeof value, &err));
    assert_false(found);
    assert_ok(repo_config_get(repo, "user.email", &found, value, sizeof value, &err));
    assert_true(found);
}

static void repo_config_set__refuses_what_is_no_key(void **state)
{
    (void)state;
    struct error err;
    bool found;
    char value[8];
    create("here", "main", false);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_config_set(repo, "nokey", "x", &err), CODE_REPO_UNREADABLE, "cannot set nokey");
    assert_refused(repo_config_set(repo, "a.b c", "x", &err), CODE_REPO_UNREADABLE, "cannot set a.b c");
    assert_refused(repo_config_get(repo, "nokey", &found, value, sizeof value, &err), CODE_REPO_UNREADABLE,
                   "nokey");
}

/* --- the first commit ---------------------------------------------------------------------------------- */

static void repo_first_commit__leaves_a_clean_work_tree(void **state)
{
    (void)state;
    create("here", "main", false);
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid id = commit(repo), wanted = git_id("here", "main");
    assert_same_id(&id, &wanted);
    sh("cd here && git fsck --strict && test -z \"$(git status --porcelain)\" && test \"$(git log "
       "--format=%%s)\" = Begin && "
       "test \"$(git log --format='%%an <%%ae> %%cn')\" = 'epochctl <epochctl@localhost> epochctl' && "
       "test \"$(git ls-files | tr '\\n' ' ')\" = 'epoch.yaml services/audio/mic.yaml services/stt.yaml ' && "
       "printf 'rate: 1\\r\\n' | cmp - services/stt.yaml");
    struct oid tip = tip_of(repo, "main");
    assert_same_id(&tip, &wanted);
}

static void repo_first_commit__works_in_a_bare_repository(void **state)
{
    (void)state;
    create("hub.git", "main", true);
    AUTO_REPO struct repo *repo = open_repo("hub.git");
    commit(repo);
    sh("git -C hub.git fsck --strict && test ! -e hub.git/services && git clone -q hub.git here && test -e "
       "here/epoch.yaml");
}

static void repo_first_commit__is_by_who_the_repository_says(void **state)
{
    (void)state;
    create("here", "main", false);
    sh("git -C here config user.name Grace && git -C here config user.email grace@example.org");
    AUTO_REPO struct repo *repo = open_repo("here");
    commit(repo);
    sh("test \"$(git -C here log --format='%%an <%%ae>')\" = 'Grace <grace@example.org>'");
}

static void repo_first_commit__runs_no_hook_and_no_filter(void **state)
{
    (void)state;
    create("here", "main", false);
    sh("cd here && git config core.autocrlf true && printf '* text eol=crlf filter=x\\n' > "
       ".git/info/attributes && "
       "git config filter.x.smudge 'touch ../ran' && for h in pre-commit post-commit post-checkout "
       "reference-transaction; do "
       "printf '#!/bin/sh\\ntouch %%s/ran\\n' \"$PWD/..\" > .git/hooks/$h && chmod +x .git/hooks/$h; done");
    AUTO_REPO struct repo *repo = open_repo("here");
    commit(repo);
    sh("test ! -e ran && printf '{}\\n' | cmp - here/epoch.yaml");
}

static void assert_in_the_way(const char *preparation, const char *what)
{
    struct error err;
    struct oid id;
    sh("rm -rf here before");
    create("here", "main", false);
    sh("cd here && %s && cd .. && cp -a here before", preparation);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_first_commit(repo, "main", skeleton, ARRAY_LEN(skeleton), "Begin\n", &id, &err),
                   CODE_USAGE, what);
    sh("diff -r --no-dereference before here");
}

static void repo_first_commit__never_overwrites_what_is_there(void **state)
{
    (void)state;
    assert_in_the_way("echo mine > epoch.yaml", "'epoch.yaml' is there already");
    assert_in_the_way("mkdir services && echo mine > services/stt.yaml",
                      "'services/stt.yaml' is there already");
    assert_in_the_way("mkdir -p services/stt.yaml", "'services/stt.yaml' is there already");
    assert_in_the_way("ln -s /nowhere epoch.yaml", "'epoch.yaml' is there already");
    assert_in_the_way("echo mine > services", "'services' is there already");
    assert_in_the_way("mkdir ../outside && ln -s ../outside services && rmdir ../outside",
                      "'services' is there already");
    assert_in_the_way("echo epoch.yaml > .gitignore && echo mine > epoch.yaml",
                      "'epoch.yaml' is there already");
}

static void repo_first_commit__keeps_what_is_staged_and_what_is_not_in_the_way(void **state)
{
    (void)state;
    create("here", "main", false);
    sh("cd here && mkdir services && echo a > services/a.yaml && echo b > services/b.yaml && git add "
       "services/a.yaml");
    AUTO_REPO struct repo *repo = open_repo("here");
    commit(repo);
    sh("cd here && test \"$(cat services/a.yaml services/b.yaml | tr '\\n' ' ')\" = 'a b ' && "
       "test \"$(git status --porcelain | tr '\\n' '|')\" = 'A  services/a.yaml|?? services/b.yaml|'");
}

static void repo_first_commit__is_only_the_first(void **state)
{
    (void)state;
    struct error err;
    struct oid id;
    create("here", "main", false);
    AUTO_REPO struct repo *repo = open_repo("here");
    commit(repo);
    assert_refused(repo_first_commit(repo, "main", skeleton, 1, "Again\n", &id, &err), CODE_USAGE,
                   "main has commits already");
    assert_refused(repo_first_commit(repo, "other", skeleton, 1, "Again\n", &id, &err), CODE_USAGE,
                   "the work tree is not on refs/heads/other");
    assert_refused(repo_first_commit(repo, "a b", skeleton, 1, "Again\n", &id, &err), CODE_USAGE, "'a b'");
    sh("test \"$(git -C here rev-list --all --count)\" = 1");
}

static void repo_first_commit__refuses_paths_that_git_would(void **state)
{
    (void)state;
    static const char *const paths[] = {"../x",   ".git/config", "a/.GIT/x", "a//b", "/etc/x",
                                        "a/../b", "a/./b",       "a/",       ""};
    static const char *const odd_but_fine[] = {"...", ".gitignore", "a/..b", ".gi", "..x/.x"};
    struct error err;
    struct oid id;
    create("hub.git", "main", true);
    AUTO_REPO struct repo *repo = open_repo("hub.git");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct repo_file file = {.path = paths[i], .text = SPAN("x")};
        assert_refused(repo_first_commit(repo, "main", &file, 1, "Begin\n", &id, &err), CODE_USAGE,
                       "cannot be a path");
    }
    for (size_t i = 0; i < ARRAY_LEN(odd_but_fine); i++) {
        const struct repo_file file = {.path = odd_but_fine[i], .text = SPAN("x")};
        sh("git -C hub.git update-ref -d refs/heads/main");
        assert_ok(repo_first_commit(repo, "main", &file, 1, "Begin\n", &id, &err));
    }
    sh("git -C hub.git fsck");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_create__makes_a_work_tree_with_its_parents),
        IN_A_FOLDER(repo_create__makes_a_bare_repository),
        IN_A_FOLDER(repo_create__takes_the_repository_that_is_there_as_it_is),
        IN_A_FOLDER(repo_create__leaves_the_files_of_a_folder_alone),
        IN_A_FOLDER(repo_create__copies_no_template_of_the_host),
        IN_A_FOLDER(repo_create__refuses_what_is_no_branch_and_what_is_no_folder),
        IN_A_FOLDER(repo_config_set__writes_what_git_reads),
        IN_A_FOLDER(repo_config_get__looks_nowhere_else),
        IN_A_FOLDER(repo_config_set__refuses_what_is_no_key),
        IN_A_FOLDER(repo_first_commit__leaves_a_clean_work_tree),
        IN_A_FOLDER(repo_first_commit__works_in_a_bare_repository),
        IN_A_FOLDER(repo_first_commit__is_by_who_the_repository_says),
        IN_A_FOLDER(repo_first_commit__runs_no_hook_and_no_filter),
        IN_A_FOLDER(repo_first_commit__never_overwrites_what_is_there),
        IN_A_FOLDER(repo_first_commit__keeps_what_is_staged_and_what_is_not_in_the_way),
        IN_A_FOLDER(repo_first_commit__is_only_the_first),
        IN_A_FOLDER(repo_first_commit__refuses_paths_that_git_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
