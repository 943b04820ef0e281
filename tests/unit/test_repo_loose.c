/*
 * repo_loose: loose objects that a crash cut short, at every length, where libgit2 by itself would read for
 * ever.
 */
#include "real_git.h"

#include "config/source.h"

static void assert_cut_is_refused(struct repo *repo, const struct oid *tip)
{
    AUTO_SOURCE struct source source = {0};
    struct error err;
    alarm(20);
    int rc = source_from_commit(repo, tip, NULL, &source, &err);
    alarm(0);
    assert_int_equal(rc, -1);
    assert_string_equal(err.code, CODE_REPO_OBJECT);
}

static void cut_everywhere(const char *revision)
{
    char path[128], hex[OID_HEX_LEN + 1];
    struct stat st;
    struct oid tip, oid;
    sh("git init -q -b main here && cd here && mkdir services && echo 'a: 1' >services/a.yaml && git add -A "
       "&& git commit -q -m c");
    AUTO_REPO struct repo *repo = open_repo("here");
    tip = tip_of(repo, "main");
    oid = git_id("here", revision);
    oid_format(&oid, hex);
    snprintf(path, sizeof path, "here/.git/objects/%.2s/%s", hex, hex + 2);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(stat(path, &st), 0);
    for (off_t len = st.st_size - 5; len >= 0; len--) { /* the last four bytes are a checksum */
        assert_int_equal(truncate(path, len), 0);
        assert_cut_is_refused(repo, &tip);
    }
}

static void f38__a_commit_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("main");
}

static void f38__a_tree_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("main^{tree}");
}

static void f38__a_folder_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("main:services");
}

/* The walk reads commits by itself, not through us. */
static void f38__a_commit_cut_in_the_history_is_refused_by_the_walk(void **state)
{
    (void)state;
    char path[128], hex[OID_HEX_LEN + 1];
    struct error err;
    uint64_t count;
    sh("git init -q -b main here && cd here && for i in 1 2 3; do git commit -q --allow-empty -m c$i; done");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tip = tip_of(repo, "main"), middle = git_id("here", "main~1");
    oid_format(&middle, hex);
    snprintf(path, sizeof path, "here/.git/objects/%.2s/%s", hex, hex + 2);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(truncate(path, 40), 0);
    alarm(20);
    assert_int_equal(repo_count(repo, &tip, NULL, &count, &err), -1);
    alarm(0);
}

static void repo_loose__guards_alternates(void **state)
{
    (void)state;
    struct oid tip;
    sh("git init -q -b main there && cd there && mkdir services && echo 'a: 1' >services/a.yaml && git add "
       "-A && git commit -q -m c\n"
       "cd .. && git clone -q --bare --shared there here\n"
       "cd there && tree=$(git rev-parse main^{tree}) && file=.git/objects/$(echo $tree | cut -c1-2)/$(echo "
       "$tree | cut -c3-)\n"
       "chmod 644 $file && truncate -s 20 $file");
    AUTO_REPO struct repo *repo = open_repo("here");
    tip = tip_of(repo, "main");
    assert_cut_is_refused(repo, &tip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(f38__a_commit_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_tree_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_folder_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_commit_cut_in_the_history_is_refused_by_the_walk),
        IN_A_FOLDER(repo_loose__guards_alternates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
