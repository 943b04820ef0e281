/*
 * repo_walk: counts, ranges and ancestry against histories whose answers are known: drawn by chance, with
 * merges, several roots and equal dates; and histories that are cut.
 */
#include "real_git.h"

/* --- histories by chance ------------------------------------------------------------------------------- */

enum { NODES = 32, PARENTS_MAX = 3 };

struct history {
    struct oid id[NODES];
    size_t parents[NODES];
    size_t parent[NODES][PARENTS_MAX];
    uint64_t reach[NODES]; /* a bit for each commit that can be reached, itself included */
};

static uint32_t roll(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static void draw_parents(struct history *h, size_t node, uint64_t *seed)
{
    h->reach[node] = UINT64_C(1) << node;
    h->parents[node] = 0;
    if (node == 0 || roll(seed) % 24 == 0)
        return; /* a root */
    size_t wanted = roll(seed) % 3 != 0 ? 1 : 1 + roll(seed) % PARENTS_MAX;
    for (size_t i = 0; i < wanted; i++) {
        size_t back = 1 + roll(seed) % 6, parent = node > back ? node - back : 0;
        bool is_double = false;
        for (size_t k = 0; k < h->parents[node]; k++)
            is_double = is_double || h->parent[node][k] == parent;
        if (is_double)
            continue;
        h->parent[node][h->parents[node]++] = parent;
        h->reach[node] |= h->reach[parent];
    }
}

/* Writes the history with git fast-import into the repository "here", `date` telling the time of each commit.
 */
static void draw_history(struct history *h, uint64_t seed, unsigned (*date)(size_t node, uint64_t *seed))
{
    char hex[OID_HEX_LEN + 1];
    unsigned mark;
    sh("rm -rf here && git init -q --bare -b main here");
    FILE *stream = fopen("stream", "w");
    assert_non_null(stream);
    for (size_t node = 0; node < NODES; node++) {
        draw_parents(h, node, &seed);
        fprintf(stream,
                "reset refs/heads/b%zu\ncommit refs/heads/b%zu\nmark :%zu\ncommitter A <a@b> %u +0000\ndata "
                "3\n%03zu\n",
                node, node, node + 1, date(node, &seed), node);
        for (size_t i = 0; i < h->parents[node]; i++)
            fprintf(stream, "%s :%zu\n", i == 0 ? "from" : "merge", h->parent[node][i] + 1);
        fprintf(stream, "\n");
    }
    fclose(stream);
    sh("git -C here fast-import --quiet --export-marks=marks < stream");
    FILE *marks = fopen("here/marks", "r");
    if (marks == NULL)
        marks = fopen("marks", "r");
    assert_non_null(marks);
    for (size_t i = 0; i < NODES; i++) {
        assert_int_equal(fscanf(marks, ":%u %40s\n", &mark, hex), 2);
        h->id[mark - 1] = id_of_hex(hex);
    }
    fclose(marks);
}

/* Rising, with ties. */
static unsigned date_rising(size_t node, uint64_t *seed)
{
    (void)seed;
    return 1700000000 + (unsigned)node / 3;
}

static unsigned date_equal(size_t node, uint64_t *seed)
{
    (void)node;
    (void)seed;
    return 1700000000;
}

/* Clocks that nobody set. */
static unsigned date_any(size_t node, uint64_t *seed)
{
    (void)node;
    return 1700000000 + roll(seed) % 10;
}

static uint64_t commits_in(uint64_t set)
{
    return (uint64_t)__builtin_popcountll(set);
}

static void assert_counts(struct repo *repo, const struct history *h)
{
    struct error err;
    uint64_t count;
    for (size_t tip = 0; tip < NODES; tip++) {
        assert_ok(repo_count(repo, &h->id[tip], NULL, &count, &err));
        assert_int_equal(count, commits_in(h->reach[tip]));
        for (size_t hide = 0; hide < NODES; hide++) {
            assert_ok(repo_count(repo, &h->id[tip], &h->id[hide], &count, &err));
            assert_int_equal(count, commits_in(h->reach[tip] & ~h->reach[hide]));
        }
    }
}

static void assert_ancestry(struct repo *repo, const struct history *h)
{
    struct error err;
    bool is_ancestor, exists;
    for (size_t tip = 0; tip < NODES; tip++) {
        for (size_t other = 0; other < NODES; other++) {
            assert_ok(repo_is_ancestor(repo, &h->id[other], &h->id[tip], &is_ancestor, &exists, &err));
            assert_true(exists);
            assert_int_equal(is_ancestor, (h->reach[tip] >> other & 1) != 0);
        }
    }
}

static size_t node_of(const struct history *h, const struct oid *id)
{
    for (size_t node = 0; node < NODES; node++)
        if (oid_equal(&h->id[node], id))
            return node;
    fail_msg("a commit that was not drawn");
    return 0;
}

/* The range is the set it should be, the tip apart, and no commit comes behind one that has it as a parent's
   parent. */
static void assert_range(struct repo *repo, const struct history *h, size_t tip, size_t hide)
{
    struct error err;
    AUTO_FREE struct oid *commits = NULL;
    uint64_t set = 0;
    size_t len;
    bool truncated;
    assert_ok(repo_range(repo, &h->id[tip], &h->id[hide], 1000, &commits, &len, &truncated, &err));
    assert_false(truncated);
    for (size_t i = 0; i < len; i++) {
        size_t node = node_of(h, &commits[i]);
        assert_true((set & h->reach[node]) == 0); /* none of its ancestors came before it */
        set |= UINT64_C(1) << node;
    }
    assert_true(set == ((h->reach[tip] & ~h->reach[hide]) & ~(UINT64_C(1) << tip)));
}

static void repo_walk__counts_as_the_graph_says(void **state)
{
    (void)state;
    struct history h;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        draw_history(&h, seed, seed == 3 ? date_equal : date_rising);
        AUTO_REPO struct repo *repo = open_repo("here");
        assert_counts(repo, &h);
        assert_ancestry(repo, &h);
        for (size_t tip = 0; tip < NODES; tip++)
            for (size_t hide = 0; hide < NODES; hide++)
                assert_range(repo, &h, tip, hide);
    }
}

static void repo_walk__does_not_trust_dates(void **state)
{
    (void)state;
    struct history h;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        draw_history(&h, seed, date_any);
        AUTO_REPO struct repo *repo = open_repo("here");
        assert_ancestry(repo, &h);
        assert_counts(repo, &h);
    }
}

/* --- known histories ----------------------------------------------------------------------------------- */

/* A line of commits on main, the first at the time 1,700,000,000 and each a second later. */
static void make_line(const char *name, int commits)
{
    sh("git init -q -b main %s && for i in $(seq %d); do echo commit refs/heads/main; "
       "echo \"committer A <a@b> $((1700000000 + i)) +0000\"; echo data 0; done | git -C %s fast-import "
       "--quiet",
       name, commits, name);
}

static void assert_count(struct repo *repo, const char *tip, const char *hide, uint64_t wanted)
{
    struct error err;
    struct oid to = git_id("here", tip), from = git_id("here", hide != NULL ? hide : tip);
    uint64_t count;
    assert_ok(repo_count(repo, &to, hide != NULL ? &from : NULL, &count, &err));
    assert_int_equal(count, wanted);
}

static void repo_count__counts_a_long_line(void **state)
{
    (void)state;
    make_line("here", 3000);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_count(repo, "main", NULL, 3000);
    assert_count(repo, "main", "main~1", 1);
    assert_count(repo, "main", "main~2999", 2999);
    assert_count(repo, "main", "main", 0);
    assert_count(repo, "main~5", "main", 0);
}

static void repo_count__counts_what_an_amended_commit_replaces(void **state)
{
    (void)state;
    make_line("here", 10);
    sh("git -C here branch before && git -C here checkout -q --detach main~3 && "
       "git -C here commit -q --allow-empty -m other && git -C here branch after");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_count(repo, "after", "before", 1);
    assert_count(repo, "before", "after", 3);
}

static void repo_count__proves_itself_against_clocks_that_were_wrong(void **state)
{
    (void)state;
    /* Twelve commits from 1970 on the way from `hide` to the fork, behind which all of history would be
       counted again. */
    make_line("here", 50);
    sh("cd here && git checkout -q -b side main && git commit -q --allow-empty -m side && git checkout -q "
       "main && "
       "for i in $(seq 12); do GIT_COMMITTER_DATE=1970-01-02T00:00:00Z git commit -q --allow-empty -m old$i; "
       "done && "
       "git commit -q --allow-empty -m hide && git tag hide && git merge -q -m tip side");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_count(repo, "main", "hide", 2);
    assert_count(repo, "main", NULL, 65);
}

static void assert_range_len(struct repo *repo, size_t max, size_t wanted, bool wanted_truncated)
{
    struct error err;
    struct oid tip = git_id("here", "main"), hide = git_id("here", "main~10"),
               next = git_id("here", "main~1");
    const struct oid *hides[] = {&hide, NULL};
    for (size_t i = 0; i < ARRAY_LEN(hides); i++) {
        AUTO_FREE struct oid *commits = NULL;
        size_t len;
        bool truncated;
        assert_ok(repo_range(repo, &tip, hides[i], max, &commits, &len, &truncated, &err));
        assert_int_equal(len, wanted);
        assert_int_equal(truncated, wanted_truncated);
        if (len > 0)
            assert_same_id(&commits[0], &next);
    }
}

static void repo_range__is_cut_at_its_limit(void **state)
{
    (void)state;
    make_line("here", 10);
    AUTO_REPO struct repo *repo = open_repo("here");
    sh("git -C here symbolic-ref HEAD refs/heads/other && git -C here reset -q --hard main && "
       "git -C here commit -q --allow-empty -m more && git -C here branch -f main");
    assert_range_len(repo, 8, 8, true);
    assert_range_len(repo, 0, 0, true);
    assert_range_len(repo, 1, 1, true);
}

static void repo_range__gives_a_pushed_line_newest_first_without_its_ends(void **state)
{
    (void)state;
    struct error err;
    AUTO_FREE struct oid *commits = NULL;
    char revision[32];
    size_t len;
    bool truncated;
    make_line("here", 30);
    struct oid tip = git_id("here", "main"), hide = git_id("here", "main~20");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_ok(repo_range(repo, &tip, &hide, 19, &commits, &len, &truncated, &err));
    assert_int_equal(len, 19);
    assert_false(truncated);
    for (size_t i = 0; i < len; i++) {
        snprintf(revision, sizeof revision, "main~%zu", i + 1);
        struct oid wanted = git_id("here", revision);
        assert_same_id(&commits[i], &wanted);
    }
}

static void repo_range__of_nothing_is_empty(void **state)
{
    (void)state;
    struct error err;
    make_line("here", 3);
    struct oid tip = git_id("here", "main"), before = git_id("here", "main~1");
    const struct oid *ends[][2] = {{&tip, &tip}, {&tip, &before}, {&before, &tip}};
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        AUTO_FREE struct oid *commits = NULL;
        size_t len = 7;
        bool truncated = true;
        assert_ok(repo_range(repo, ends[i][0], ends[i][1], 10, &commits, &len, &truncated, &err));
        assert_int_equal(len, 0);
        assert_false(truncated);
    }
}

static void repo_is_ancestor__tells_a_commit_that_is_not_there(void **state)
{
    (void)state;
    struct error err;
    bool is_ancestor = true, exists = true;
    make_line("here", 3);
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tip = git_id("here", "main"), tree = git_id("here", "main^{tree}"),
               nothing = id_of_hex("0123456789012345678901234567890123456789");
    assert_ok(repo_is_ancestor(repo, &nothing, &tip, &is_ancestor, &exists, &err));
    assert_false(is_ancestor || exists);
    assert_ok(repo_is_ancestor(repo, &tree, &tip, &is_ancestor, &exists, &err));
    assert_false(is_ancestor || exists);
    assert_ok(repo_is_ancestor(repo, &tip, &tip, &is_ancestor, NULL, &err));
    assert_true(is_ancestor);
    assert_refused(repo_is_ancestor(repo, &tip, &nothing, &is_ancestor, &exists, &err), CODE_REPO_OBJECT,
                   "0123456789012345678901234567890123456789 is missing");
}

/* --- cut histories ------------------------------------------------------------------------------------- */

extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* libgit2 1.5 forgets a list when a walk ends at a missing commit. */
static void expect_leaks(bool yes)
{
    void (*change)(void) = yes ? __lsan_disable : __lsan_enable;
    if (change != NULL)
        change();
}

static void assert_shallow(const char *path, const char *words)
{
    struct error err;
    struct oid tip = git_id(path, "HEAD"), before = git_id(path, "HEAD~1"), *commits;
    uint64_t count;
    size_t len;
    bool truncated;
    AUTO_REPO struct repo *repo = open_repo(path);
    assert_refused(repo_count(repo, &tip, NULL, &count, &err), CODE_REPO_SHALLOW, words);
    assert_refused(repo_count(repo, &tip, &before, &count, &err), CODE_REPO_SHALLOW, words);
    assert_refused(repo_range(repo, &tip, &before, 10, &commits, &len, &truncated, &err), CODE_REPO_SHALLOW,
                   words);
}

static void f45__a_shallow_clone_is_not_counted(void **state)
{
    (void)state;
    static const char words[] = "epoch unknown (shallow clone: git fetch --unshallow)";
    struct error err;
    bool is_ancestor;
    make_line("here", 10);
    sh("git clone -q --depth 3 file://$PWD/here cut && git -C cut worktree add -q -b side ../linked");
    assert_shallow("cut", words);
    assert_shallow("linked", words);
    {
        AUTO_REPO struct repo *repo = open_repo("cut");
        struct oid tip = git_id("cut", "main"), known = git_id("cut", "main~2"),
                   side = git_id("cut", "main~1");
        assert_ok(repo_is_ancestor(repo, &known, &tip, &is_ancestor, NULL, &err));
        assert_true(is_ancestor);
        expect_leaks(true);
        assert_refused(repo_is_ancestor(repo, &side, &known, &is_ancestor, NULL, &err), CODE_REPO_SHALLOW,
                       words);
        expect_leaks(false);
    }
    sh("git -C cut fetch -q --unshallow");
    AUTO_REPO struct repo *whole = open_repo("cut");
    assert_count(whole, "main", NULL, 10);
}

static void repo_count__follows_neither_grafts_nor_replacements(void **state)
{
    (void)state;
    make_line("here", 10);
    struct oid tip = git_id("here", "main");
    sh("cd here && git config advice.graftFileDeprecated false && git replace -f main~5 main~9 && "
       "git rev-parse main > .git/info/grafts && test $(git rev-list --count main) = 1");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct error err;
    uint64_t count;
    assert_ok(repo_count(repo, &tip, NULL, &count, &err));
    assert_int_equal(count, 10);
}

static void repo_count__says_what_is_missing(void **state)
{
    (void)state;
    expect_leaks(true);
    struct error err;
    uint64_t count;
    char hex[OID_HEX_LEN + 1];
    make_line("here", 10);
    struct oid tip = git_id("here", "main"), gone = git_id("here", "main~4"), hide = git_id("here", "main~8");
    oid_format(&gone, hex);
    sh("rm -f here/.git/objects/%.2s/%s", hex, hex + 2);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_refused(repo_count(repo, &tip, NULL, &count, &err), CODE_REPO_OBJECT, hex);
    assert_refused(repo_count(repo, &tip, &hide, &count, &err), CODE_REPO_OBJECT, hex);
    sh("echo %s > here/.git/info/grafts", hex);
    assert_refused(repo_count(repo, &tip, NULL, &count, &err), CODE_REPO_SHALLOW, "info/grafts");
    expect_leaks(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_walk__counts_as_the_graph_says),
        IN_A_FOLDER(repo_walk__does_not_trust_dates),
        IN_A_FOLDER(repo_count__counts_a_long_line),
        IN_A_FOLDER(repo_count__counts_what_an_amended_commit_replaces),
        IN_A_FOLDER(repo_count__proves_itself_against_clocks_that_were_wrong),
        IN_A_FOLDER(repo_range__is_cut_at_its_limit),
        IN_A_FOLDER(repo_range__gives_a_pushed_line_newest_first_without_its_ends),
        IN_A_FOLDER(repo_range__of_nothing_is_empty),
        IN_A_FOLDER(repo_is_ancestor__tells_a_commit_that_is_not_there),
        IN_A_FOLDER(f45__a_shallow_clone_is_not_counted),
        IN_A_FOLDER(repo_count__follows_neither_grafts_nor_replacements),
        IN_A_FOLDER(repo_count__says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
