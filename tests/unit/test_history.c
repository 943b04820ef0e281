/*
 * history: every kind of new tip, in repositories that git has made; and that numbers never go back.
 */
#include "real_git.h"

#include "daemon/history.h"

/* --- a repository and what is in force ------------------------------------------------------------------- */

/* What the journal would say: `known` (NULL: it cannot be read), and how often it was asked. */
struct memory {
    const bool *known;
    int asked;
    struct oid about;
};

static int remember(void *context, const struct oid *commit, bool *known, struct error *err)
{
    struct memory *memory = context;
    memory->asked++;
    memory->about = *commit;
    if (memory->known == NULL)
        return error_set(err, CODE_JOURNAL_CORRUPT, 0, "nobody knows");
    *known = *memory->known;
    return 0;
}

static const bool yes = true, no = false;

/* A repository `here` of `commits` commits on main, without a work tree's files. */
static void make_history(int commits)
{
    sh("rm -rf here && git init -q -b main here && cd here\n"
       "for i in $(seq %d); do git commit -q --allow-empty -m \"c$i\"; done",
       commits);
}

static struct force in_force(const char *revision, uint64_t count, uint64_t offset)
{
    return (struct force){
        .exists = true, .commit = git_id("here", revision), .epoch = count + offset, .offset = offset};
}

/* Judges main; the numbers must hold whatever the kind. */
static struct history judge(const struct force *force, enum rewrite_policy policy, struct memory *memory)
{
    AUTO_REPO struct repo *repo = open_repo("here");
    struct error err;
    struct history history = {.kind = HISTORY_SAME};
    struct oid tip = tip_of(repo, "main");
    assert_ok(history_judge(repo, force, &tip, policy, remember, memory, &history, &err));
    switch (history.kind) {
    case HISTORY_FIRST:
    case HISTORY_FORWARD:
    case HISTORY_AMENDED:
        assert_true(history.count + history.offset > force->epoch);
        assert_true(history.offset >= force->offset);
        break;
    case HISTORY_SAME:
        assert_int_equal(history.count + history.offset, force->epoch);
        assert_int_equal(history.offset, force->offset);
        break;
    case HISTORY_REWRITTEN:
    case HISTORY_BEHIND:
        break;
    }
    return history;
}

static void expect(const struct force *force, enum rewrite_policy policy, enum history_kind kind, uint64_t count,
                   uint64_t offset)
{
    struct memory memory = {0};
    struct history history = judge(force, policy, &memory);
    assert_int_equal(history.kind, kind);
    assert_int_equal(history.count, count);
    assert_int_equal(history.offset, offset);
    assert_int_equal(memory.asked, 0);
}

static void expect_kind(const struct force *force, enum rewrite_policy policy, enum history_kind kind)
{
    struct memory memory = {0};
    assert_int_equal(judge(force, policy, &memory).kind, kind);
    assert_int_equal(memory.asked, 0);
}

static const enum rewrite_policy policies[] = {REWRITE_DEFAULT, REWRITE_AMEND, REWRITE_DENY, REWRITE_ALLOW};

/* --- nothing replaced ------------------------------------------------------------------------------------ */

static void history__counts_everything_at_first(void **state)
{
    (void)state;
    make_history(4);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        expect(&(struct force){0}, policies[i], HISTORY_FIRST, 4, 0);
}

static void history__counts_a_single_commit_as_one(void **state)
{
    (void)state;
    make_history(1);
    expect(&(struct force){0}, REWRITE_DEFAULT, HISTORY_FIRST, 1, 0);
}

static void history__knows_the_commit_in_force(void **state)
{
    (void)state;
    make_history(3);
    struct force force = in_force("main", 3, 5);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        expect(&force, policies[i], HISTORY_SAME, 3, 5);
}

static void history__adds_what_came_forward(void **state)
{
    (void)state;
    make_history(7);
    struct force force = in_force("main~3", 4, 2);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        expect(&force, policies[i], HISTORY_FORWARD, 7, 2);
}

static void history__counts_both_sides_of_a_merge(void **state)
{
    (void)state;
    make_history(3);
    sh("cd here && git tag force && git checkout -q -b side main~1\n"
       "git commit -q --allow-empty -m s1 && git commit -q --allow-empty -m s2\n"
       "git checkout -q main && git commit -q --allow-empty -m c4 && git merge -q --no-edit side");
    struct force force = in_force("force", 3, 0);
    expect(&force, REWRITE_DENY, HISTORY_FORWARD, 7, 0); /* c1 c2 c3 c4 s1 s2 and the merge */
}

/* What was in force is a side of the merge only: it is not lost. */
static void history__goes_forward_when_the_side_in_force_is_merged(void **state)
{
    (void)state;
    make_history(3);
    sh("cd here && git tag force && git checkout -q -b other main~2 && git commit -q --allow-empty -m o1\n"
       "git merge -q --no-edit main && git branch -q -f main other");
    struct force force = in_force("force", 3, 0);
    expect(&force, REWRITE_DENY, HISTORY_FORWARD, 5, 0);
}

/* --- replaced -------------------------------------------------------------------------------------------- */

/* Replaces the last `old` commits of main by `new` that were never there; the tag force is where main was. */
static void replace(int old, int new)
{
    static int times;
    sh("cd here && git update-ref refs/tags/force main && git reset -q --hard main~%d\n"
       "for i in $(seq %d); do git commit -q --allow-empty -m \"n%d.$i\"; done",
       old, new, ++times);
}

static void history__takes_an_amended_last_commit(void **state)
{
    (void)state;
    make_history(5);
    sh("cd here && git tag force && git commit -q --amend --allow-empty -m again");
    struct force force = in_force("force", 5, 0);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 5, 1);
    expect(&force, REWRITE_ALLOW, HISTORY_AMENDED, 5, 1);
    expect_kind(&force, REWRITE_DENY, HISTORY_REWRITTEN);
}

static void history__raises_an_offset_that_is_there(void **state)
{
    (void)state;
    make_history(5);
    replace(1, 1);
    struct force force = in_force("force", 5, 7);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 5, 8);
}

static void history__raises_the_offset_by_what_is_missing(void **state)
{
    (void)state;
    make_history(12);
    replace(6, 2);
    struct force force = in_force("force", 12, 3);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 8, 8); /* 15 was in force */
}

/* One commit replaced by three: the count alone is above already, and the offset stays. */
static void history__never_shrinks_the_offset(void **state)
{
    (void)state;
    make_history(5);
    replace(1, 3);
    struct force force = in_force("force", 5, 7);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 7, 7);
    replace(3, 4);
    force = in_force("force", 7, 0);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 8, 0);
    replace(1, 1); /* as many as were: one more is needed */
    force = in_force("force", 8, 0);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 8, 1);
}

static void history__takes_ten_replaced_and_not_eleven(void **state)
{
    (void)state;
    make_history(13);
    replace(10, 1);
    struct force force = in_force("force", 13, 0);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 4, 10);
    make_history(13);
    replace(11, 20);
    force = in_force("force", 13, 0);
    expect_kind(&force, REWRITE_AMEND, HISTORY_REWRITTEN);
    expect(&force, REWRITE_ALLOW, HISTORY_AMENDED, 22, 0);
}

static void history__takes_an_amended_root(void **state)
{
    (void)state;
    make_history(1);
    sh("cd here && git tag force && git commit -q --amend --allow-empty -m again");
    struct force force = in_force("force", 1, 0);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 1, 1);
    expect_kind(&force, REWRITE_DENY, HISTORY_REWRITTEN);
}

static void history__denies_in_a_bare_repository_unless_told(void **state)
{
    (void)state;
    make_history(3);
    replace(1, 1);
    struct force force = in_force("force", 3, 0);
    expect(&force, REWRITE_DEFAULT, HISTORY_AMENDED, 3, 1);
    sh("git clone -q --bare here bare && rm -rf here && mv bare here");
    expect_kind(&force, REWRITE_DEFAULT, HISTORY_REWRITTEN);
    expect(&force, REWRITE_AMEND, HISTORY_AMENDED, 3, 1);
}

/* --- lost ------------------------------------------------------------------------------------------------ */

static void f33__a_tip_that_is_an_ancestor_is_behind(void **state)
{
    (void)state;
    make_history(4);
    sh("cd here && git tag force && git reset -q --hard main~1");
    struct force force = in_force("force", 4, 0);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        expect_kind(&force, policies[i], HISTORY_BEHIND);
    sh("cd here && git reset -q --hard $(git rev-list --max-parents=0 force)");
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        expect_kind(&force, policies[i], HISTORY_BEHIND);
}

/* In force is a commit that this repository never had. */
static struct force out_of_this_world(uint64_t epoch, uint64_t offset)
{
    return (struct force){.exists = true,
                          .commit = id_of_hex("4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc"),
                          .epoch = epoch,
                          .offset = offset};
}

static void f33__a_tip_that_the_journal_knows_is_behind(void **state)
{
    (void)state;
    make_history(3);
    struct force force = out_of_this_world(9, 2);
    struct oid tip = git_id("here", "main");
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct memory memory = {.known = &yes};
        assert_int_equal(judge(&force, policies[i], &memory).kind, HISTORY_BEHIND);
        assert_int_equal(memory.asked, 1);
        assert_same_id(&memory.about, &tip);
    }
}

static void history__is_rewritten_when_nobody_knows_the_tip(void **state)
{
    (void)state;
    make_history(3);
    struct force force = out_of_this_world(9, 2);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct memory memory = {.known = &no};
        struct history history = judge(&force, policies[i], &memory);
        assert_int_equal(memory.asked, 1);
        if (policies[i] != REWRITE_ALLOW) {
            assert_int_equal(history.kind, HISTORY_REWRITTEN);
            continue;
        }
        assert_int_equal(history.kind, HISTORY_AMENDED);
        assert_int_equal(history.count, 3);
        assert_int_equal(history.offset, 7); /* 9 was in force */
    }
}

/* --- failures -------------------------------------------------------------------------------------------- */

static void history__passes_on_that_the_journal_cannot_be_read(void **state)
{
    (void)state;
    make_history(2);
    AUTO_REPO struct repo *repo = open_repo("here");
    struct error err;
    struct memory memory = {0};
    struct force force = out_of_this_world(9, 2);
    struct oid tip = tip_of(repo, "main");
    struct history history = {.kind = HISTORY_SAME, .count = 77};
    assert_refused(history_judge(repo, &force, &tip, REWRITE_ALLOW, remember, &memory, &history, &err),
                   CODE_JOURNAL_CORRUPT, "nobody knows");
    assert_int_equal(history.count, 77);
}

static void history__fails_on_a_tip_that_is_not_there(void **state)
{
    (void)state;
    make_history(2);
    AUTO_REPO struct repo *repo = open_repo("here");
    struct error err;
    struct memory memory = {0};
    struct force force = in_force("main", 2, 0);
    struct oid tip = id_of_hex("4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc");
    struct history history = {.kind = HISTORY_SAME, .count = 77};
    assert_refused(history_judge(repo, &force, &tip, REWRITE_ALLOW, remember, &memory, &history, &err),
                   CODE_REPO_OBJECT, "4f2c8d1e9b7a");
    struct force nothing = {0};
    assert_refused(history_judge(repo, &nothing, &tip, REWRITE_ALLOW, remember, &memory, &history, &err),
                   CODE_REPO_OBJECT, "4f2c8d1e9b7a");
    assert_int_equal(history.count, 77);
    assert_int_equal(memory.asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(history__counts_everything_at_first),
        IN_A_FOLDER(history__counts_a_single_commit_as_one),
        IN_A_FOLDER(history__knows_the_commit_in_force),
        IN_A_FOLDER(history__adds_what_came_forward),
        IN_A_FOLDER(history__counts_both_sides_of_a_merge),
        IN_A_FOLDER(history__goes_forward_when_the_side_in_force_is_merged),
        IN_A_FOLDER(history__takes_an_amended_last_commit),
        IN_A_FOLDER(history__raises_an_offset_that_is_there),
        IN_A_FOLDER(history__raises_the_offset_by_what_is_missing),
        IN_A_FOLDER(history__never_shrinks_the_offset),
        IN_A_FOLDER(history__takes_ten_replaced_and_not_eleven),
        IN_A_FOLDER(history__takes_an_amended_root),
        IN_A_FOLDER(history__denies_in_a_bare_repository_unless_told),
        IN_A_FOLDER(f33__a_tip_that_is_an_ancestor_is_behind),
        IN_A_FOLDER(f33__a_tip_that_the_journal_knows_is_behind),
        IN_A_FOLDER(history__is_rewritten_when_nobody_knows_the_tip),
        IN_A_FOLDER(history__passes_on_that_the_journal_cannot_be_read),
        IN_A_FOLDER(history__fails_on_a_tip_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
