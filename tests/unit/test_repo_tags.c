/*
 * repo_tags: the tags of a commit, plain and annotated; not those of anything else, and not what is no tag at all.
 */
#include "real_git.h"

static struct repo *open_tagged(const char *tags)
{
    struct repo *repo;
    struct error err;
    sh("git init -q -b main w && cd w && git commit -q --allow-empty -m one && git commit -q --allow-empty -m two");
    sh("cd w\n%s", tags);
    assert_int_equal(repo_open(&repo, "w", &ours, &err), 0);
    return repo;
}

static void check_tags(struct repo *repo, const char *expected)
{
    struct repo_tags tags AUTO_REPO_TAGS = {0};
    struct buf names AUTO_BUF = {0};
    struct error err;
    struct oid tip = tip_of(repo, "main");
    assert_int_equal(repo_list_tags(repo, &tip, &tags, &err), 0);
    for (size_t i = 0; i < tags.len; i++)
        buf_printf(&names, "%s ", tags.names[i]);
    assert_true(span_is(buf_span(&names), expected));
}

static void repo_tags__are_those_of_the_commit_sorted(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_tagged("git tag z && git tag -a -m x a/b && git tag old HEAD~1 && git tag -a -m x older HEAD~1");
    check_tags(repo, "a/b z ");
}

static void repo_tags__of_a_tree_a_tag_or_a_name_that_is_no_text_do_not_count(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_tagged("git tag tree HEAD^{tree} && git tag -a -m x one && git tag -a -m x two one 2>/dev/null && "
                                              "git update-ref \"$(printf 'refs/tags/\\377')\" HEAD");
    check_tags(repo, "one ");
}

static void repo_tags__of_an_object_that_is_large_damaged_or_missing_do_not_count(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_tagged("git tag -a -m x good && head -c 100000 /dev/zero | tr '\\0' x >m && git tag -a -F m large && "
                                              "git tag -a -m gone gone && id=$(git rev-parse gone) && "
                                              "rm -f .git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)");
    check_tags(repo, "good ");
}

static void repo_tags__are_at_most_so_many(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_tagged("for n in $(seq 100); do echo \"create refs/tags/$n HEAD\"; done | "
                                              "git update-ref --stdin");
    struct repo_tags tags AUTO_REPO_TAGS = {0};
    struct error err;
    struct oid tip = tip_of(repo, "main");
    assert_int_equal(repo_list_tags(repo, &tip, &tags, &err), 0);
    assert_int_equal(tags.len, REPO_TAGS_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_tags__are_those_of_the_commit_sorted),
        IN_A_FOLDER(repo_tags__of_a_tree_a_tag_or_a_name_that_is_no_text_do_not_count),
        IN_A_FOLDER(repo_tags__of_an_object_that_is_large_damaged_or_missing_do_not_count),
        IN_A_FOLDER(repo_tags__are_at_most_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
