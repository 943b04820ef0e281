/*
 * repo_commit: a commit on top of another, in memory or on disk, and the branch moved if it still is where it was.
 */
#include "real_git.h"

#include "model/layout.h"

static struct repo *open_bare(void)
{
    struct repo *repo;
    struct error err;
    assert_int_equal(system("git init -q -b main w && cd w && mkdir -p services/f && echo 'a: 1' > services/f/a.yaml && "
                            "echo 'b: 1' > services/b.yaml && git add -A && git commit -q -m one && cd .. && "
                            "git clone -q --bare w b"),
                     0);
    assert_int_equal(repo_open(&repo, "b", &ours, &err), 0);
    return repo;
}

static const struct repo_change changes[] = {
    {.path = "services/f/a.yaml", .is_removed = true},
    {.path = "services/b.yaml", .text = {"b: 2\n", 5}},
    {.path = "services/g/h/c.yaml", .text = {"c: 1\n", 5}, .mode = LAYOUT_MODE_EXEC},
};

static struct repo_draft draft_on(struct oid parent)
{
    return (struct repo_draft){.parent = parent,
                               .changes = changes,
                               .len = ARRAY_LEN(changes),
                               .name = "Ada",
                               .mail = "ada@example.org",
                               .message = "two\n"};
}

static void repo_commit__writes_changes_and_moves_the_branch(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_bare();
    struct error err;
    struct oid tip = tip_of(repo, "main"), made;
    struct repo_draft draft = draft_on(tip);
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), 0);
    assert_int_equal(repo_move_branch(repo, "main", &tip, &made, "test", &err), 0);
    assert_int_equal(system("cd b && git fsck --strict && test \"$(git ls-tree -r main | sed 's/ .*\\t/ /')\" = "
                            "\"100644 services/b.yaml\n100755 services/g/h/c.yaml\" && "
                            "test \"$(git log -1 --format='%an %ae %s' main)\" = 'Ada ada@example.org two'"),
                     0);
}

static void repo_commit__in_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_bare();
    struct error err;
    struct oid tip = tip_of(repo, "main"), made;
    struct repo_draft draft = draft_on(tip);
    struct repo_commit read;
    struct listing *listing AUTO_LISTING = NULL;
    struct buf text AUTO_BUF = {0};
    assert_int_equal(system("cd b && find . -type f | sort > ../before"), 0);
    assert_int_equal(repo_keep_in_memory(repo, &err), 0);
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), 0);
    assert_int_equal(repo_read_commit(repo, &made, &read, &err), 0);
    assert_int_equal(repo_list(repo, &read.tree, NULL, &listing, &err), 0);
    const struct listing_entry *entry = listing_find_path(listing, "services/b.yaml");
    assert_non_null(entry);
    assert_int_equal(repo_read_blob(repo, &entry->oid, 100, &text, &err), 0);
    assert_true(span_is(buf_span(&text), "b: 2\n"));
    assert_int_equal(system("cd b && find . -type f | sort | cmp - ../before"), 0);
}

static void repo_commit__on_a_branch_that_moved_names_both_commits(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_bare();
    struct error err;
    struct oid tip = tip_of(repo, "main"), made;
    struct repo_draft draft = draft_on(tip);
    char expected[OID_HEX_LEN + 1], now[OID_HEX_LEN + 1];
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), 0);
    assert_int_equal(system("cd w && git commit -q --allow-empty -m other && git push -q ../b main"), 0);
    assert_int_equal(repo_move_branch(repo, "main", &tip, &made, "test", &err), -1);
    assert_string_equal(err.code, CODE_REPO_STALE);
    oid_format(&tip, expected);
    struct oid moved = tip_of(repo, "main");
    oid_format(&moved, now);
    assert_non_null(strstr(err.message, expected));
    assert_non_null(strstr(err.message, now));
    assert_int_equal(system("git -C b update-ref -d refs/heads/main"), 0);
    assert_int_equal(repo_move_branch(repo, "main", &tip, &made, "test", &err), -1);
    assert_string_equal(err.code, CODE_REPO_STALE);
    assert_non_null(strstr(err.message, "is gone"));
}

static void repo_commit__refuses_what_is_no_parent_and_no_name(void **state)
{
    (void)state;
    struct repo *repo AUTO_REPO = open_bare();
    struct error err;
    struct oid made;
    struct repo_draft draft = draft_on((struct oid){{1}});
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), -1);
    assert_string_equal(err.code, CODE_REPO_OBJECT);
    draft = draft_on(tip_of(repo, "main"));
    draft.name = "<>";
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), -1);
    assert_string_equal(err.code, CODE_IDENTITY);
    static const struct repo_change gone = {.path = "services/x.yaml", .is_removed = true};
    draft = draft_on(tip_of(repo, "main"));
    draft.changes = &gone;
    draft.len = 1;
    assert_int_equal(repo_write_commit(repo, &draft, &made, &err), -1);
    assert_string_equal(err.code, CODE_REPO_UNREADABLE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_commit__writes_changes_and_moves_the_branch),
        IN_A_FOLDER(repo_commit__in_memory_leaves_nothing_behind),
        IN_A_FOLDER(repo_commit__on_a_branch_that_moved_names_both_commits),
        IN_A_FOLDER(repo_commit__refuses_what_is_no_parent_and_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
