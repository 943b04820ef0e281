/*
 * repo_blame: every line is of the commit that git blame names, through merges, moves, and edits that nobody committed.
 */
#include "real_git.h"

#include <string.h>

#define FILE_PATH "services/x.yaml"

enum { LINES = 12 };

static struct oid resolve(struct repo *repo, const char *revision)
{
    struct oid oid;
    struct error err;
    assert_int_equal(repo_resolve(repo, revision, &oid, &err), 0);
    return oid;
}

static void blame_as(const char *path, const char *text, unsigned budget_ms, struct repo_blame_line lines[static LINES])
{
    struct repo *repo AUTO_REPO = NULL;
    struct error err;
    assert_int_equal(repo_open(&repo, "r", &ours, &err), 0);
    const struct repo_blame question = {.commit = resolve(repo, "HEAD"),
                                        .path = path,
                                        .text = text == NULL ? (struct span){0} : span_of(text),
                                        .budget_ms = budget_ms};
    for (uint32_t i = 0; i < LINES; i++)
        lines[i] = (struct repo_blame_line){.line = i + 1};
    if (repo_blame(repo, &question, lines, LINES, &err) != 0)
        fail_msg("%s", err.message);
}

/* What git itself says: "<commit> …" for each line. */
static void assert_as_git(const char *path)
{
    struct repo_blame_line lines[LINES];
    char command[256], text[128], hex[OID_HEX_LEN + 1];
    blame_as(path, NULL, 0, lines);
    snprintf(command, sizeof command, "git -C r blame -s -l --root HEAD -- %s", path);
    FILE *git = popen(command, "r");
    assert_non_null(git);
    size_t i = 0;
    for (; i < LINES && fgets(text, sizeof text, git) != NULL; i++) {
        oid_format(&lines[i].commit, hex);
        assert_int_equal(lines[i].kind, REPO_BLAME_COMMIT);
        if (strncmp(text, hex, OID_HEX_LEN) != 0)
            fail_msg("line %zu is of %s, and git says %s", i + 1, hex, text);
    }
    assert_int_equal(pclose(git), 0);
    assert_true(i > 0);
}

static void begin(void)
{
    sh("git init -q -b main r && cd r && mkdir services && seq 1 9 >" FILE_PATH " && git add . && git commit -qm 1");
}

static void repo_blame__names_the_commit_of_each_line(void **state)
{
    (void)state;
    begin();
    assert_as_git(FILE_PATH);
    sh("cd r && sed -i 's/^5$/five/; 7d; 2a two-and-a-half' " FILE_PATH " && git commit -qam 2 && "
               "sed -i '1i zero' " FILE_PATH " && git commit -qam 3 && touch other && git add . && git commit -qm 4");
    assert_as_git(FILE_PATH);
}

static void repo_blame__goes_through_merges_to_the_side_that_wrote(void **state)
{
    (void)state;
    begin();
    sh("cd r && git checkout -qb side && sed -i 's/^2$/two/' " FILE_PATH " && git commit -qam side && "
               "git checkout -q main && sed -i 's/^8$/eight/' " FILE_PATH " && git commit -qam main && "
               "git merge -q --no-edit side && sed -i 's/^9$/nine/' " FILE_PATH " && git commit -qam after");
    assert_as_git(FILE_PATH);
    sh("cd r && git checkout -qb other HEAD~1 && sed -i 's/^4$/other/' " FILE_PATH " && git commit -qam other && "
               "git checkout -q main && sed -i 's/^4$/main/' " FILE_PATH " && git commit -qam main2 && "
               "{ git merge -q other || test $? -eq 1; } && git show main:" FILE_PATH " | sed 's/^main$/both/' >" FILE_PATH
               " && git add . && git commit -qm evil");
    assert_as_git(FILE_PATH);
    sh("cd r && git checkout -qb ours HEAD~1 && sed -i 's/^6$/six/' " FILE_PATH " && git commit -qam six && "
               "git checkout -q main && git merge -q -s ours --no-edit ours");
    assert_as_git(FILE_PATH);
}

static void repo_blame__does_not_trust_clocks(void **state)
{
    (void)state;
    begin();
    sh("cd r && export GIT_COMMITTER_DATE='2001-01-01 00:00:00 +0000' && sed -i 's/^3$/three/' " FILE_PATH
               " && git commit -qam past && export GIT_COMMITTER_DATE='2037-01-01 00:00:00 +0000' && sed -i 's/^4$/four/' " FILE_PATH
               " && git commit -qam future");
    assert_as_git(FILE_PATH);
}

static void repo_blame__follows_a_service_that_was_moved(void **state)
{
    struct repo_blame_line lines[LINES];
    (void)state;
    begin();
    sh("cd r && mkdir services/audio && git mv " FILE_PATH " services/audio/x.yaml && sed -i 's/^1$/one/' services/audio/x.yaml && "
               "git commit -qam moved");
    assert_as_git("services/audio/x.yaml");
    blame_as("services/audio/x.yaml", NULL, 0, lines);
    assert_false(oid_equal(&lines[0].commit, &lines[1].commit));
}

static void repo_blame__tells_edits_that_nobody_committed(void **state)
{
    struct repo_blame_line lines[LINES];
    (void)state;
    begin();
    blame_as(FILE_PATH, "1\n2\nnew\n3\n4\n5\nfive\n7\n8\n9\n", 0, lines);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(lines[i].kind, i == 2 || i == 6 ? REPO_BLAME_UNCOMMITTED : REPO_BLAME_COMMIT);
    blame_as("services/not-there.yaml", "1\n", 0, lines);
    assert_int_equal(lines[0].kind, REPO_BLAME_UNCOMMITTED);
}

static void repo_blame__says_where_a_shallow_clone_ends(void **state)
{
    struct repo_blame_line lines[LINES];
    (void)state;
    begin();
    sh("cd r && sed -i 's/^5$/five/' " FILE_PATH " && git commit -qam 2 && sed -i 's/^6$/six/' " FILE_PATH
               " && git commit -qam 3 && cd .. && git clone -q --depth 2 file://$PWD/r s && mv r whole && mv s r");
    blame_as(FILE_PATH, NULL, 0, lines);
    assert_int_equal(lines[5].kind, REPO_BLAME_COMMIT);
    assert_int_equal(lines[4].kind, REPO_BLAME_OLDER);
    assert_int_equal(lines[0].kind, REPO_BLAME_OLDER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_blame__names_the_commit_of_each_line),
        IN_A_FOLDER(repo_blame__goes_through_merges_to_the_side_that_wrote),
        IN_A_FOLDER(repo_blame__does_not_trust_clocks),
        IN_A_FOLDER(repo_blame__follows_a_service_that_was_moved),
        IN_A_FOLDER(repo_blame__tells_edits_that_nobody_committed),
        IN_A_FOLDER(repo_blame__says_where_a_shallow_clone_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
