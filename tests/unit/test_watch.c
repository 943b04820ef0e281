/*
 * watch: after whatever git does to a ref, the descriptor becomes readable, and after a drain the new value
 * is read. What keeps it from watching is in test_watch_limits.c.
 */
#include "real_git.h"

#include <poll.h>

#include "io/watch.h"

enum { LONG_MS = 10000 };

/* A repository at "here", and a branch of it that is watched. */
struct watched {
    struct repo *repo;
    const char *branch;
    int fd;
};

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int n = poll(&wait, 1, timeout_ms);
    assert_true(n >= 0);
    return n == 1;
}

static void start(struct watched *w, const char *path, const char *branch)
{
    struct error err;
    w->repo = open_repo(path);
    w->branch = branch;
    w->fd = -2;
    assert_ok(watch_start(repo_common_dir(w->repo), branch, &w->fd, &err));
    assert_true(w->fd >= 0);
}

static void stop(struct watched *w)
{
    watch_stop();
    repo_close(w->repo);
}
#define WATCHED CLEANUP(stop) struct watched

/* Whether it was news. */
static bool drain(struct watched *w)
{
    struct error err;
    int before = w->fd;
    bool is_news;
    assert_ok(watch_drain(&w->fd, &is_news, &err));
    assert_int_equal(w->fd, before);
    assert_false(is_readable(w->fd, 0));
    return is_news;
}

/* Waits and drains until there is news and the branch is what git says it is; each event may be one before the last. */
static void assert_notices(struct watched *w, const char *operation)
{
    struct error err;
    struct oid tip, wanted;
    char name[128];
    bool missing;
    sh("%s", operation);
    snprintf(name, sizeof name, "refs/heads/%s", w->branch);
    wanted = git_id(repo_common_dir(w->repo), name);
    for (;;) {
        if (!is_readable(w->fd, LONG_MS))
            fail_msg("nothing was noticed of: %s", operation);
        if (!drain(w))
            continue;
        assert_ok(repo_branch_tip(w->repo, w->branch, &missing, &tip, &err));
        if (!missing && oid_equal(&tip, &wanted))
            return;
    }
}

static void assert_notices_deletion(struct watched *w, const char *operation)
{
    struct error err;
    struct oid tip;
    bool missing = false;
    sh("%s", operation);
    while (!missing) {
        if (!is_readable(w->fd, LONG_MS))
            fail_msg("nothing was noticed of: %s", operation);
        if (drain(w))
            assert_ok(repo_branch_tip(w->repo, w->branch, &missing, &tip, &err));
    }
}

static void settle(struct watched *w)
{
    while (is_readable(w->fd, 0))
        drain(w);
}

static void make_repo(void)
{
    sh("git init -q -b main here && cd here && echo 1 > a && git add a && git commit -q -m first");
}

/* --- what git does ------------------------------------------------------------------------------------- */

static void watch__notices_what_moves_a_branch(void **state)
{
    (void)state;
    static const char *const operations[] = {
        "cd here && git commit -q --allow-empty -m second",
        "cd here && git commit -q --allow-empty --amend -m other",
        "cd here && git reset -q --hard HEAD~1",
        "cd here && git update-ref refs/heads/main $(git commit-tree -m x HEAD^{tree})",
        "cd here && git pack-refs --all && git commit -q --allow-empty -m 'after pack'",
        "cd here && git gc -q --prune=now && git commit -q --allow-empty -m 'after gc'",
        "cd here && git checkout -q -b topic HEAD~1 && echo 2 > b && git add b && git commit -q -m topic && "
        "git checkout -q main && git rebase -q topic",
        "cd here && git checkout -q -b side && git commit -q --allow-empty -m side && git checkout -q main "
        "&& "
        "git merge -q --ff-only side",
        "cd here && git checkout -q side && git branch -f main HEAD~1",
        "cd here && git symbolic-ref refs/heads/main refs/heads/side",
    };
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        assert_notices(&w, operations[i]);
        settle(&w);
    }
}

static void watch__notices_the_rename_itself(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    sh("git -C here commit-tree -m x 'HEAD^{tree}' > here/.git/refs/heads/main.lock");
    settle(&w);
    assert_notices(&w, "mv here/.git/refs/heads/main.lock here/.git/refs/heads/main");
    sh("git -C here pack-refs --all --no-prune");
    settle(&w);
    struct oid tip = git_id("here", "main");
    sh("cd here && new=$(git commit-tree -m y 'HEAD^{tree}') && "
       "sed \"s|.* refs/heads/main|$new refs/heads/main|\" .git/packed-refs > .git/packed-refs.lock && "
       "rm .git/refs/heads/main");
    settle(&w);
    assert_notices(&w, "mv here/.git/packed-refs.lock here/.git/packed-refs");
    struct oid packed = tip_of(w.repo, "main");
    assert_false(oid_equal(&tip, &packed));
}

static void watch__notices_the_deletion_itself(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    assert_notices_deletion(&w, "rm here/.git/refs/heads/main");
}

static void watch__keeps_quiet_while_nothing_happens(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    sh("cd here && git status > ../status && git log > ../log && git rev-parse main > ../id");
    settle(&w);
    sh("cd here && git log > ../log && git cat-file -p main > ../commit && git rev-list --all > ../all");
    assert_false(is_readable(w.fd, 0));
}

static void watch__notices_packing_which_deletes_the_ref_and_not_the_branch(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    struct oid before = tip_of(w.repo, "main");
    sh("git -C here pack-refs --all");
    assert_true(is_readable(w.fd, LONG_MS));
    drain(&w);
    struct oid after = tip_of(w.repo, "main");
    assert_same_id(&before, &after);
}

static void watch__notices_a_branch_that_goes_and_comes_back(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    sh("git -C here checkout -q --detach && git -C here branch rel/1");
    start(&w, "here", "rel/1");
    for (int round = 0; round < 3; round++) {
        assert_notices_deletion(&w, "git -C here branch -q -D rel/1");
        settle(&w);
        assert_notices(&w, "git -C here commit -q --allow-empty -m more && git -C here branch rel/1");
        settle(&w);
        assert_notices(&w, "git -C here pack-refs --all && git -C here branch -f rel/1 HEAD~1");
        settle(&w);
    }
}

static void watch__notices_the_first_push_of_a_branch_in_folders(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    sh("git init -q --bare hub.git && git -C here remote add hub ../hub.git");
    start(&w, "hub.git", "rel/2026/1");
    assert_notices(&w, "git -C here push -q hub main:rel/2026/1");
    settle(&w);
    assert_notices(&w, "cd here && git commit -q --allow-empty -m more && git push -q hub main:rel/2026/1");
    settle(&w);
    assert_notices(
        &w, "cd here && git commit -q --amend --allow-empty -m other && git push -q -f hub main:rel/2026/1");
    settle(&w);
    assert_notices_deletion(&w, "git -C here push -q hub :rel/2026/1");
    settle(&w);
    assert_notices(&w, "git -C here push -q hub main:rel/2026/1");
}

static void watch__notices_the_first_commit_of_all(void **state)
{
    (void)state;
    WATCHED w;
    sh("git init -q -b main here");
    start(&w, "here", "main");
    assert_notices(&w, "git -C here commit -q --allow-empty -m first");
}

static void watch__notices_a_commit_in_a_linked_work_tree(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    sh("git -C here worktree add -q -b side ../linked");
    start(&w, "linked", "side");
    assert_notices(&w, "git -C linked commit -q --allow-empty -m there");
    settle(&w);
    assert_notices(
        &w, "git -C here commit -q --allow-empty -m here && git -C linked commit -q --allow-empty -m again");
}

static void watch__notices_a_ref_whose_folder_is_made_anew(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    sh("git -C here branch rel/1");
    start(&w, "here", "rel/1");
    assert_notices(
        &w, "cd here/.git && git pack-refs --all && mv refs/heads refs/old && mkdir refs/heads && "
            "git commit-tree -m x HEAD^{tree} > ../../id && git update-ref refs/heads/rel/1 $(cat ../../id)");
    settle(&w);
    assert_notices(&w, "cd here && git update-ref refs/heads/rel/1 $(git commit-tree -m y HEAD^{tree})");
}

static void watch_drain__takes_a_lock_by_itself_for_no_news(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    sh("cd here/.git && : >index.lock && : >HEAD.lock && : >refs/heads/main.lock && rm index.lock HEAD.lock refs/heads/main.lock");
    assert_true(is_readable(w.fd, LONG_MS));
    assert_false(drain(&w));
    sh("cd here/.git && : >.lock && rm .lock");
    assert_true(is_readable(w.fd, LONG_MS));
    assert_true(drain(&w));
    sh("cd here/.git/refs/heads && : >main.lock && cp main main.lock && mv main.lock main");
    assert_true(is_readable(w.fd, LONG_MS));
    assert_true(drain(&w));
}

/* --- losing and finding again -------------------------------------------------------------------------- */

static void f37__a_watch_says_that_the_repository_is_gone_and_starts_again(void **state)
{
    (void)state;
    struct error err;
    WATCHED w;
    make_repo();
    sh("git clone -q here spare");
    start(&w, "here", "main");
    sh("rm -rf here");
    bool is_news;
    assert_true(is_readable(w.fd, LONG_MS));
    assert_refused(watch_drain(&w.fd, &is_news, &err), CODE_POLL_ONLY, "it is gone");
    assert_int_equal(w.fd, -1);
    assert_refused(watch_drain(&w.fd, &is_news, &err), CODE_POLL_ONLY, "nothing is watched");
    assert_refused(watch_start(repo_common_dir(w.repo), "main", &w.fd, &err), CODE_POLL_ONLY, "it is gone");
    assert_int_equal(w.fd, -1);
    sh("git clone -q spare here");
    stop(&w);
    start(&w, "here", "main");
    assert_notices(&w, "git -C here commit -q --allow-empty -m more");
}

static void f37__a_watch_follows_a_repository_put_in_the_place_of_another(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    sh("git clone -q here spare && git -C spare commit -q --allow-empty -m spare");
    start(&w, "here", "main");
    sh("mv here/.git old && mv spare/.git here/.git");
    assert_true(is_readable(w.fd, LONG_MS));
    drain(&w);
    assert_false(is_readable(w.fd, 0));
    sh("git -C here commit -q --allow-empty -m more");
    assert_true(is_readable(w.fd, LONG_MS));
    drain(&w);
}

static void f48__more_events_than_the_kernel_keeps_are_survived(void **state)
{
    (void)state;
    WATCHED w;
    make_repo();
    start(&w, "here", "main");
    for (int i = 0; i < 9000; i++) {
        int fd = open("here/.git/storm", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(unlink("here/.git/storm"), 0);
    }
    assert_notices(&w, "git -C here commit -q --allow-empty -m 'after the storm'");
    settle(&w);
    assert_notices(&w, "git -C here commit -q --allow-empty -m 'and again'");
}

static void watch__can_be_stopped_and_started_at_will(void **state)
{
    (void)state;
    struct error err;
    int fd;
    make_repo();
    watch_stop();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (int round = 0; round < 50; round++) {
        assert_ok(watch_start(repo_common_dir(repo), round % 2 == 0 ? "main" : "rel/1", &fd, &err));
        sh("touch here/.git/x here/.git/y && rm here/.git/x here/.git/y");
        if (round % 3 == 0)
            watch_stop();
    }
    /* What the last one left unread is not an event of this one. */
    watch_stop();
    assert_ok(watch_start(repo_common_dir(repo), "main", &fd, &err));
    assert_false(is_readable(fd, 0));
    watch_stop();
    watch_stop();
}

static void watch__leaves_no_descriptor_to_others_or_behind(void **state)
{
    (void)state;
    struct error err;
    char before[16], after[16];
    int fd;
    make_repo();
    /* The shell that is started inherits what is not closed on exec. */
    sh_line(before, sizeof before, "ls /proc/self/fd | wc -l");
    for (int round = 0; round < 3; round++)
        assert_ok(watch_start("here/.git", "main", &fd, &err));
    sh_line(after, sizeof after, "ls /proc/self/fd | wc -l");
    assert_string_equal(after, before);
    watch_stop();
    int lowest = dup(0);
    assert_true(lowest >= 0 && lowest <= fd); /* the descriptors that were in use are free again */
    close(lowest);
}

static void watch__works_under_a_name_with_two_slashes_or_none_at_its_end(void **state)
{
    (void)state;
    struct error err;
    int fd;
    bool is_news;
    make_repo();
    static const char *const dirs[] = {"here/.git", "here/.git/", "here/.git//"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        assert_ok(watch_start(dirs[i], "main", &fd, &err));
        sh("git -C here commit -q --allow-empty -m more");
        assert_true(is_readable(fd, LONG_MS));
        assert_ok(watch_drain(&fd, &is_news, &err));
    }
    watch_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(watch__notices_what_moves_a_branch),
        IN_A_FOLDER(watch__notices_the_rename_itself),
        IN_A_FOLDER(watch__notices_the_deletion_itself),
        IN_A_FOLDER(watch__keeps_quiet_while_nothing_happens),
        IN_A_FOLDER(watch__notices_packing_which_deletes_the_ref_and_not_the_branch),
        IN_A_FOLDER(watch__notices_a_branch_that_goes_and_comes_back),
        IN_A_FOLDER(watch__notices_the_first_push_of_a_branch_in_folders),
        IN_A_FOLDER(watch__notices_the_first_commit_of_all),
        IN_A_FOLDER(watch__notices_a_commit_in_a_linked_work_tree),
        IN_A_FOLDER(watch__notices_a_ref_whose_folder_is_made_anew),
        IN_A_FOLDER(watch_drain__takes_a_lock_by_itself_for_no_news),
        IN_A_FOLDER(f37__a_watch_says_that_the_repository_is_gone_and_starts_again),
        IN_A_FOLDER(f37__a_watch_follows_a_repository_put_in_the_place_of_another),
        IN_A_FOLDER(f48__more_events_than_the_kernel_keeps_are_survived),
        IN_A_FOLDER(watch__can_be_stopped_and_started_at_will),
        IN_A_FOLDER(watch__leaves_no_descriptor_to_others_or_behind),
        IN_A_FOLDER(watch__works_under_a_name_with_two_slashes_or_none_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
