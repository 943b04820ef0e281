/*
 * repo_open: what opens, what does not and why not, whose it must be, and what a hook sees.
 *
 * Two tests run this program again as a hook of a real push and a real commit: `test_repo_open --hook NAME
 * OUTPUT`.
 */
#include "real_git.h"

#include <dirent.h>
#include <limits.h>

static void make_repo(const char *name)
{
    sh("git init -q -b main %s && git -C %s commit -q --allow-empty -m first", name, name);
}

static void assert_opens(const char *path)
{
    repo_close(open_repo(path));
}

/* The test's folder as the kernel knows it: libgit2 resolves links. */
static const char *real_path(const char *name)
{
    static char out[PATH_MAX];
    assert_non_null(realpath(name, out));
    return out;
}

/* --- places -------------------------------------------------------------------------------------------- */

static void repo_open__takes_a_work_tree_at_its_top_and_at_its_git_folder(void **state)
{
    (void)state;
    char expected[PATH_MAX + 2];
    const char *paths[] = {"here", "here/", "here/.git", "here/.git/"};
    make_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        AUTO_REPO struct repo *repo = open_repo(paths[i]);
        assert_false(repo_is_bare(repo));
        snprintf(expected, sizeof expected, "%s/", real_path("here/.git"));
        assert_string_equal(repo_common_dir(repo), expected);
        snprintf(expected, sizeof expected, "%s/", real_path("here"));
        assert_string_equal(repo_work_dir(repo), expected);
    }
}

static void f45__a_bare_repository_is_taken(void **state)
{
    (void)state;
    sh("git init -q --bare bare.git");
    AUTO_REPO struct repo *repo = open_repo("bare.git");
    assert_true(repo_is_bare(repo));
    assert_null(repo_work_dir(repo));
}

static void f45__the_refs_of_a_linked_work_tree_are_found_in_the_main_one(void **state)
{
    (void)state;
    char expected[PATH_MAX + 2];
    make_repo("here");
    sh("git -C here worktree add -q -b side ../linked");
    AUTO_REPO struct repo *repo = open_repo("linked");
    snprintf(expected, sizeof expected, "%s/", real_path("here/.git"));
    assert_string_equal(repo_common_dir(repo), expected);
    snprintf(expected, sizeof expected, "%s/", real_path("linked"));
    assert_string_equal(repo_work_dir(repo), expected);
    struct oid here = git_id("here", "main"), side = tip_of(repo, "side");
    assert_same_id(&here, &side);
}

static void repo_open__never_searches_upward(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo = NULL;
    make_repo("here");
    sh("mkdir here/services");
    assert_refused(repo_open(&repo, "here/services", &ours, &err), CODE_REPO_MISSING, "no git repository");
    assert_null(repo);
}

static void repo_open__names_what_is_no_repository(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo;
    sh("mkdir empty && echo text > file && mkdir half && echo 'gitdir: /nowhere' > half/.git");
    assert_refused(repo_open(&repo, "absent", &ours, &err), CODE_REPO_MISSING, "'absent' (epochctl init makes one");
    assert_refused(repo_open(&repo, "empty", &ours, &err), CODE_REPO_MISSING, "'empty' is no git repository");
    assert_refused(repo_open(&repo, "file", &ours, &err), CODE_REPO_MISSING, "'file' is no git repository");
    assert_refused(repo_open(&repo, "half", &ours, &err), CODE_REPO_MISSING, "'half' is no git repository");
    assert_refused(repo_open(&repo, "", &ours, &err), CODE_REPO_MISSING, "''");
}

/* --- formats ------------------------------------------------------------------------------------------- */

static void assert_format_refused(const char *config, const char *words)
{
    struct error err;
    struct repo *repo;
    sh("rm -rf here && git init -q here && cd here && %s", config);
    assert_refused(repo_open(&repo, "here", &ours, &err), CODE_REPO_FORMAT, words);
}

/* libgit2 1.9 reads some of what 1.5 refuses. */
static void assert_format_refused_or_read(const char *config, const char *words)
{
    struct error err;
    struct repo *repo;
    sh("rm -rf here && git init -q here && cd here && %s", config);
    if (repo_open(&repo, "here", &ours, &err) == 0)
        repo_close(repo);
    else
        assert_refused(-1, CODE_REPO_FORMAT, words);
}

static void f45__a_format_that_cannot_be_read_is_named_with_the_remedy(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo;
    sh("git init -q --object-format=sha256 sha256");
    assert_refused(repo_open(&repo, "sha256", &ours, &err), CODE_REPO_FORMAT,
                   "git init --object-format=sha1");
    assert_refused(repo_open(&repo, "sha256", &ours, &err), CODE_REPO_FORMAT, "extensions.objectformat");
    assert_format_refused(
        "git config core.repositoryformatversion 1 && git config extensions.refStorage reftable",
        "git refs migrate --ref-format=files");
    assert_format_refused_or_read(
        "git config core.repositoryformatversion 1 && git config extensions.worktreeConfig true",
        "git config --unset extensions.worktreeConfig");
    assert_format_refused_or_read(
        "git config core.repositoryformatversion 1 && git config extensions.relativeWorktrees true",
        "git worktree repair");
    assert_format_refused(
        "git config core.repositoryformatversion 1 && git config extensions.fromTheFuture true",
        "extensions.fromthefuture, which libgit2 cannot read");
    assert_format_refused("sed -i 's/repositoryformatversion = 0/repositoryformatversion = 2/' .git/config",
                          "unsupported repository version 2");
}

static void repo_open__takes_extensions_that_do_not_matter_to_a_reader(void **state)
{
    (void)state;
    make_repo("here");
    sh("cd here && git config core.repositoryformatversion 1 && git config extensions.preciousObjects true "
       "&& "
       "git config extensions.partialClone origin && git config extensions.noop true");
    assert_opens("here");
}

static void repo_open__refuses_a_config_it_cannot_parse(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo;
    make_repo("here");
    sh("echo '[[[' >> here/.git/config");
    assert_refused(repo_open(&repo, "here", &ours, &err), CODE_REPO_UNREADABLE, "cannot open 'here'");
}

static void f46__no_configuration_of_the_host_is_read(void **state)
{
    (void)state;
    make_repo("here");
    sh("echo '[[[ no configuration' > .gitconfig && mkdir -p .config/git && cp .gitconfig "
       ".config/git/config");
    assert_opens("here");
}

/* --- owners -------------------------------------------------------------------------------------------- */

static void skip_unless_root(void)
{
    if (geteuid() != 0)
        skip();
}

static void f46__a_strangers_repository_is_refused_by_uid(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo;
    skip_unless_root();
    make_repo("here");
    sh("chown -R %d here", STRANGER);
    assert_refused(repo_open(&repo, "here", &ours, &err), CODE_REPO_OWNER, "uid 54321, and this is uid 0");
    assert_refused(repo_open(&repo, "here", &ours, &err), CODE_REPO_OWNER,
                   "add 54321 to repository.trusted_uids");
}

static void repo_open__takes_a_strangers_repository_if_the_uid_is_trusted(void **state)
{
    (void)state;
    const uid_t trusted[] = {7, STRANGER};
    const struct repo_policy policy = {.trusted_uids = trusted, .trusted_len = ARRAY_LEN(trusted)};
    struct error err;
    AUTO_REPO struct repo *repo = NULL;
    skip_unless_root();
    make_repo("here");
    sh("chown -R %d here", STRANGER);
    assert_ok(repo_open(&repo, "here", &policy, &err));
    assert_ok(repo_refresh(repo, &err));
}

static void repo_open__asks_nobody_in_a_hook(void **state)
{
    (void)state;
    const struct repo_policy hook = {.from_environment = true};
    struct error err;
    AUTO_REPO struct repo *repo = NULL;
    skip_unless_root();
    make_repo("here");
    sh("chown -R %d here", STRANGER);
    assert_ok(repo_open(&repo, "here", &hook, &err));
}

static void repo_open__asks_who_owns_the_work_tree_the_link_and_the_common_folder(void **state)
{
    (void)state;
    struct error err;
    struct repo *repo;
    skip_unless_root();
    make_repo("tree");
    sh("chown %d tree", STRANGER);
    assert_refused(repo_open(&repo, "tree", &ours, &err), CODE_REPO_OWNER, "/tree' belongs to");
    assert_refused(repo_open(&repo, "tree/.git", &ours, &err), CODE_REPO_OWNER, "/tree' belongs to");
    make_repo("folder");
    sh("chown %d folder/.git", STRANGER);
    assert_refused(repo_open(&repo, "folder", &ours, &err), CODE_REPO_OWNER, "/folder/.git' belongs to");
    make_repo("link");
    sh("mv link/.git elsewhere && ln -s ../elsewhere link/.git && chown -h %d link/.git", STRANGER);
    assert_refused(repo_open(&repo, "link", &ours, &err), CODE_REPO_OWNER, "/link/.git' belongs to");
    make_repo("main");
    sh("git -C main worktree add -q -b side ../linked && chown %d linked/.git", STRANGER);
    assert_refused(repo_open(&repo, "linked", &ours, &err), CODE_REPO_OWNER, "/linked/.git' belongs to");
    sh("chown 0 linked/.git && chown %d main/.git", STRANGER);
    assert_refused(repo_open(&repo, "linked", &ours, &err), CODE_REPO_OWNER, "/main/.git' belongs to");
}

static int open_untrusted(void *context)
{
    struct error err;
    struct repo *repo = NULL;
    (void)context;
    return repo_open(&repo, "here", &ours, &err) == -1 && strcmp(err.code, CODE_REPO_OWNER) == 0 ? 0 : 1;
}

static int open_trusting_root(void *context)
{
    const uid_t root = 0;
    const struct repo_policy policy = {.trusted_uids = &root, .trusted_len = 1};
    struct error err;
    struct repo *repo = NULL;
    const char *wanted = context;
    int rc = repo_open(&repo, "here", &policy, &err);
    repo_close(repo);
    if (wanted == NULL)
        return rc == 0 ? 0 : 1;
    return rc == -1 && strcmp(err.code, CODE_REPO_ACCESS) == 0 && strstr(err.message, wanted) != NULL ? 0 : 1;
}

static void repo_open__does_not_trust_root_by_itself(void **state)
{
    (void)state;
    make_repo("here");
    as_stranger(open_untrusted, NULL);
    as_stranger(open_trusting_root, NULL);
}

static void repo_open__names_what_must_not_be_read(void **state)
{
    (void)state;
    char folder[] = "here/.git'", config[] = "here/.git/config'", top[] = "'here'";
    make_repo("here");
    sh("chmod 0600 here/.git/config");
    as_stranger(open_trusting_root, config);
    sh("chmod 0700 here/.git");
    as_stranger(open_trusting_root, folder);
    sh("chmod 0700 here");
    as_stranger(open_trusting_root, top);
}

/* --- opening again ------------------------------------------------------------------------------------- */

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void f39__the_packs_that_gc_removed_are_given_back(void **state)
{
    (void)state;
    struct error err;
    struct repo_commit commit;
    size_t before = 0;
    make_repo("here");
    AUTO_REPO struct repo *repo = open_repo("here");
    for (int round = 0; round < 6; round++) {
        sh("cd here && git commit -q --allow-empty -m 'round %d' && git gc -q --prune=now", round);
        struct oid tip = tip_of(repo, "main");
        assert_ok(repo_read_commit(repo, &tip, &commit, &err));
        assert_ok(repo_refresh(repo, &err));
        if (round == 0)
            before = count_descriptors();
    }
    assert_int_equal(count_descriptors(), before);
}

static void repo_refresh__keeps_the_old_handle_if_the_repository_is_gone(void **state)
{
    (void)state;
    struct error err;
    dev_t device[2];
    ino_t inode[2];
    make_repo("here");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tip = tip_of(repo, "main");
    repo_identity(repo, &device[0], &inode[0]);
    sh("mv here away");
    assert_refused(repo_refresh(repo, &err), CODE_REPO_MISSING, "here");
    repo_identity(repo, &device[1], &inode[1]);
    assert_int_equal(inode[0], inode[1]);
    sh("mv away here");
    struct oid again = tip_of(repo, "main");
    assert_same_id(&tip, &again);
    assert_ok(repo_refresh(repo, &err));
}

static void f50__another_repository_at_the_same_path_is_told(void **state)
{
    (void)state;
    struct error err;
    dev_t device[2];
    ino_t inode[2];
    make_repo("here");
    AUTO_REPO struct repo *repo = open_repo("here");
    repo_identity(repo, &device[0], &inode[0]);
    assert_ok(repo_refresh(repo, &err));
    repo_identity(repo, &device[1], &inode[1]);
    assert_true(device[0] == device[1] && inode[0] == inode[1]);
    sh("mv here old && git clone -q old here");
    assert_ok(repo_refresh(repo, &err));
    repo_identity(repo, &device[1], &inode[1]);
    assert_true(device[0] != device[1] || inode[0] != inode[1]);
}

static void f50__a_link_turned_to_another_repository_is_followed(void **state)
{
    (void)state;
    struct error err;
    make_repo("one");
    sh("git clone -q one two && git -C two commit -q --allow-empty -m more && ln -s one current");
    AUTO_REPO struct repo *repo = open_repo("current");
    sh("ln -sfn two current");
    assert_ok(repo_refresh(repo, &err));
    struct oid tip = tip_of(repo, "main"), wanted = git_id("two", "main");
    assert_same_id(&tip, &wanted);
}

static void repo_open__can_be_used_for_two_repositories_and_again_after_closing(void **state)
{
    (void)state;
    make_repo("one");
    make_repo("two");
    struct repo *one = open_repo("one"), *two = open_repo("two");
    repo_close(one);
    tip_of(two, "main");
    repo_close(two);
    repo_close(NULL);
    assert_opens("one");
}

/* --- hooks --------------------------------------------------------------------------------------------- */

static const struct repo_policy in_hook = {.from_environment = true};

static const char *this_program(void)
{
    static char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(len > 0);
    path[len] = '\0';
    return path;
}

/* Makes this program a hook that leaves its answer in the file "answer". */
static void install_hook(const struct temp_folder *folder, const char *hooks, const char *name)
{
    sh("mkdir -p %s && printf '#!/bin/sh\\nexec \"%s\" --hook %s \"%s/answer\"\\n' > %s/%s && chmod 755 "
       "%s/%s",
       hooks, this_program(), name, folder->path, hooks, name, hooks, name);
}

static void assert_answer(const char *wanted)
{
    char answer[512];
    sh_line(answer, sizeof answer, "cat answer");
    assert_string_equal(answer, wanted);
}

static void pre_receive(FILE *answer)
{
    char line[256];
    struct error err;
    struct repo_commit commit;
    struct oid tip;
    AUTO_REPO struct repo *repo = NULL, *blind = NULL;
    if (fgets(line, sizeof line, stdin) == NULL || !oid_parse((struct span){line + 41, OID_HEX_LEN}, &tip) ||
        repo_open(&repo, ".", &in_hook, &err) != 0 || repo_read_commit(repo, &tip, &commit, &err) != 0 ||
        repo_open(&blind, ".", &ours, &err) != 0)
        fprintf(answer, "%s\n", err.message);
    else
        fprintf(answer, "%s, %s\n", commit.subject,
                repo_read_commit(blind, &tip, &commit, &err) != 0 ? "not seen without the environment"
                                                                  : "in place");
}

static void pre_commit(FILE *answer)
{
    struct error err;
    AUTO_REPO struct repo *repo = NULL;
    AUTO_LISTING struct listing *staged = NULL;
    AUTO_BUF struct buf text = {0};
    const struct listing_entry *entry;
    if (repo_open(&repo, ".", &in_hook, &err) != 0 || repo_list_index(repo, &staged, &err) != 0)
        fprintf(answer, "%s\n", err.message);
    else if ((entry = listing_find_path(staged, "services/stt.yaml")) == NULL)
        fprintf(answer, "it is not staged\n");
    else if (repo_read_blob(repo, &entry->oid, 100, &text, &err) != 0)
        fprintf(answer, "%s\n", err.message);
    else
        fwrite(text.data, text.len, 1, answer);
}

static int be_hook(const char *name, const char *path)
{
    FILE *answer = fopen(path, "w");
    if (answer == NULL)
        return 1;
    (strcmp(name, "pre-receive") == 0 ? pre_receive : pre_commit)(answer);
    return fclose(answer) == 0 ? 0 : 1;
}

static void repo_open__sees_pushed_objects_in_quarantine(void **state)
{
    sh("git init -q --bare -b main hub.git && git clone -q hub.git here 2>clone.log");
    install_hook(*state, "hub.git/hooks", "pre-receive");
    sh("cd here && git commit -q --allow-empty -m pushed && git push -q origin HEAD:main");
    assert_answer("pushed, not seen without the environment");
}

static void repo_open__sees_what_a_commit_with_its_own_index_is_about_to_hold(void **state)
{
    sh("git init -q -b main here && mkdir here/services && echo 'rate: 1' > here/services/stt.yaml && cd "
       "here && "
       "git add . && git commit -q -m first");
    install_hook(*state, "here/.git/hooks", "pre-commit");
    sh("cd here && echo 'rate: 2' > services/stt.yaml && git commit -q -a -m second");
    assert_answer("rate: 2");
    sh("cd here && echo 'rate: 3' > services/stt.yaml && git commit -q -m third services/stt.yaml");
    assert_answer("rate: 3");
}

static void repo_open__follows_the_git_folder_of_a_hook_in_a_linked_work_tree(void **state)
{
    sh("git init -q -b main here && mkdir here/services && echo 'rate: 1' > here/services/stt.yaml && cd "
       "here && "
       "git add . && git commit -q -m first && git worktree add -q -b side ../linked");
    install_hook(*state, "here/.git/hooks", "pre-commit");
    sh("cd linked && echo 'rate: 4' > services/stt.yaml && git commit -q -a -m second");
    assert_answer("rate: 4");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_open__takes_a_work_tree_at_its_top_and_at_its_git_folder),
        IN_A_FOLDER(f45__a_bare_repository_is_taken),
        IN_A_FOLDER(f45__the_refs_of_a_linked_work_tree_are_found_in_the_main_one),
        IN_A_FOLDER(repo_open__never_searches_upward),
        IN_A_FOLDER(repo_open__names_what_is_no_repository),
        IN_A_FOLDER(f45__a_format_that_cannot_be_read_is_named_with_the_remedy),
        IN_A_FOLDER(repo_open__takes_extensions_that_do_not_matter_to_a_reader),
        IN_A_FOLDER(repo_open__refuses_a_config_it_cannot_parse),
        IN_A_FOLDER(f46__no_configuration_of_the_host_is_read),
        IN_A_FOLDER(f46__a_strangers_repository_is_refused_by_uid),
        IN_A_FOLDER(repo_open__takes_a_strangers_repository_if_the_uid_is_trusted),
        IN_A_FOLDER(repo_open__asks_nobody_in_a_hook),
        IN_A_FOLDER(repo_open__asks_who_owns_the_work_tree_the_link_and_the_common_folder),
        IN_A_FOLDER(repo_open__does_not_trust_root_by_itself),
        IN_A_FOLDER(repo_open__names_what_must_not_be_read),
        IN_A_FOLDER(f39__the_packs_that_gc_removed_are_given_back),
        IN_A_FOLDER(repo_refresh__keeps_the_old_handle_if_the_repository_is_gone),
        IN_A_FOLDER(f50__another_repository_at_the_same_path_is_told),
        IN_A_FOLDER(f50__a_link_turned_to_another_repository_is_followed),
        IN_A_FOLDER(repo_open__can_be_used_for_two_repositories_and_again_after_closing),
        IN_A_FOLDER(repo_open__sees_pushed_objects_in_quarantine),
        IN_A_FOLDER(repo_open__sees_what_a_commit_with_its_own_index_is_about_to_hold),
        IN_A_FOLDER(repo_open__follows_the_git_folder_of_a_hook_in_a_linked_work_tree),
    };
    if (argc == 4 && strcmp(argv[1], "--hook") == 0)
        return be_hook(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
