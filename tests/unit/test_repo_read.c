/*
 * repo_read_commit, repo_read_trailer, repo_read_blob: objects as git and others write them, within their
 * limits, and what is said of what is damaged or missing.
 */
#include "real_git.h"

#include <sys/resource.h>

static void make_repo(void)
{
    sh("git init -q -b main here && git -C here commit -q --allow-empty -m first");
}

/* --- commits ------------------------------------------------------------------------------------------- */

static void read_commit(struct repo *repo, const char *revision, struct repo_commit *out)
{
    struct error err;
    struct oid id = git_id("here", revision);
    assert_ok(repo_read_commit(repo, &id, out, &err));
}

static void repo_read_commit__gives_what_git_shows(void **state)
{
    (void)state;
    struct repo_commit commit;
    make_repo();
    sh("cd here && GIT_COMMITTER_DATE='1700000000 +0100' git commit -q --allow-empty -m 'Second: a subject' "
       "-m body && "
       "git checkout -q -b side HEAD~1 && git commit -q --allow-empty -m side && git checkout -q main && "
       "git merge -q -m merge side");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tree = git_id("here", "HEAD^{tree}"), parent = git_id("here", "HEAD~2"),
               second = git_id("here", "HEAD~1");
    read_commit(repo, "HEAD~1", &commit);
    assert_same_id(&commit.tree, &tree);
    assert_same_id(&commit.first_parent, &parent);
    assert_int_equal(commit.parents, 1);
    assert_true(commit.time_ms == INT64_C(1700000000000));
    assert_string_equal(commit.author, "Ada <ada@example.org>");
    assert_string_equal(commit.subject, "Second: a subject");
    read_commit(repo, "HEAD", &commit);
    assert_int_equal(commit.parents, 2);
    assert_same_id(&commit.first_parent, &second);
    read_commit(repo, "HEAD~2", &commit);
    assert_int_equal(commit.parents, 0);
    assert_true(oid_is_zero(&commit.first_parent));
}

static void repo_read_commit__gives_names_and_subjects_as_utf8(void **state)
{
    (void)state;
    struct repo_commit commit;
    make_repo();
    sh("cd here && printf 'ca\\037f\\351 \\033[31m\\n\\nbody' | GIT_AUTHOR_NAME=\"$(printf 'J\\303\\266rg "
       "\\033]')\" "
       "git -c i18n.commitEncoding=latin1 commit -q --allow-empty --cleanup=verbatim -F -");
    AUTO_REPO struct repo *repo = open_repo("here");
    read_commit(repo, "HEAD", &commit);
    assert_string_equal(commit.subject, "ca\x1f" "f\xEF\xBF\xBD \x1b[31m");
    assert_string_equal(commit.author, "Jörg \x1b] <ada@example.org>");
    sh("cd here && GIT_AUTHOR_NAME=$(printf 'é%%.0s' $(seq 200)) git commit -q --allow-empty -m \"$(printf "
       "'ü%%.0s' $(seq 300))\"");
    read_commit(repo, "HEAD", &commit);
    assert_true(strlen(commit.author) < sizeof commit.author &&
                strlen(commit.subject) < sizeof commit.subject);
    assert_string_equal(commit.subject + strlen(commit.subject) - strlen("ü…"), "ü…");
    assert_string_equal(commit.author + strlen(commit.author) - strlen("é…"), "é…");
}

/* Writes the lines behind "tree" as they are. */
static struct oid write_commit(const char *lines)
{
    char hex[64];
    sh_line(hex, sizeof hex,
            "cd here && (echo tree $(git rev-parse 'HEAD^{tree}'); printf '%s') | "
            "git hash-object -t commit --literally -w --stdin",
            lines);
    return id_of_hex(hex);
}

static void repo_read_commit__takes_odd_commits_that_git_takes(void **state)
{
    (void)state;
    struct error err;
    struct repo_commit commit;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid id = write_commit("author nobody\\ncommitter <> 12 +0000\\n\\n\\n\\nsubject");
    assert_ok(repo_read_commit(repo, &id, &commit, &err));
    assert_string_equal(commit.author, "nobody");
    assert_string_equal(commit.subject, "subject");
    assert_true(commit.time_ms == 12000);
    id = write_commit("author A <a@b> 1 +0000\\ncommitter A <a@b> -1 +0000\\ngpgsig x\\n parent y\\n\\n");
    assert_ok(repo_read_commit(repo, &id, &commit, &err));
    assert_string_equal(commit.subject, "");
    assert_int_equal(commit.parents, 0);
    assert_true(commit.time_ms == 0);
    id = write_commit("author A <a> b> 1 +0000\\ncommitter A <a@b> 99999999999999999999 +0000\\n\\n");
    assert_ok(repo_read_commit(repo, &id, &commit, &err));
    assert_string_equal(commit.author, "A <a> b>");
    assert_true(commit.time_ms == 0);
    id = write_commit("author A <a> 1 +0000\\nparent 0123456789012345678901234567890123456789\\n\\n");
    assert_ok(repo_read_commit(repo, &id, &commit, &err));
    assert_int_equal(commit.parents, 0);
    id = write_commit("");
    assert_ok(repo_read_commit(repo, &id, &commit, &err));
    assert_string_equal(commit.author, "");
}

static struct oid write_object(const char *type, const char *content)
{
    char hex[64];
    sh_line(hex, sizeof hex, "cd here && %s | git hash-object -t %s --literally -w --stdin", content, type);
    return id_of_hex(hex);
}

static void repo_read_commit__refuses_what_is_none_with_its_id(void **state)
{
    (void)state;
    struct error err;
    struct repo_commit commit;
    char hex[OID_HEX_LEN + 1];
    static const char *const malformed[] = {"true", "echo hello", "echo tree 123",
                                            "echo tree $(printf '%040d' 0)x",
                                            "printf 'tree %040d\\nparent 12\\n' 0"};
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct oid id = write_object("commit", malformed[i]);
        oid_format(&id, hex);
        assert_refused(repo_read_commit(repo, &id, &commit, &err), CODE_REPO_OBJECT, hex);
    }
    struct oid tree = git_id("here", "HEAD^{tree}"),
               nothing = id_of_hex("0123456789012345678901234567890123456789"), zero = {{0}};
    assert_refused(repo_read_commit(repo, &tree, &commit, &err), CODE_REPO_OBJECT,
                   "is a tree where a commit belongs");
    assert_refused(repo_read_commit(repo, &nothing, &commit, &err), CODE_REPO_OBJECT,
                   "object 0123456789012345678901234567890123456789 is missing");
    assert_refused(repo_read_commit(repo, &zero, &commit, &err), CODE_REPO_OBJECT, "is missing");
}

static void repo_read_commit__limits_the_size(void **state)
{
    (void)state;
    struct error err;
    struct repo_commit commit;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    /* "tree " and its id and LF are 46 bytes */
    struct oid at =
        write_object("commit", "(printf 'tree %040d\\n' 0; head -c 4194258 /dev/zero | tr '\\0' x)");
    assert_ok(repo_read_commit(repo, &at, &commit, &err));
    struct oid above =
        write_object("commit", "(printf 'tree %040d\\n' 0; head -c 4194259 /dev/zero | tr '\\0' x)");
    assert_refused(repo_read_commit(repo, &above, &commit, &err), CODE_REPO_OBJECT,
                   "4194305 bytes, and 4194304 is the limit");
}

/* --- trailers ------------------------------------------------------------------------------------------ */

static void assert_trailer(struct repo *repo, const char *message, const char *wanted)
{
    struct error err;
    char hex[64], value[32] = "untouched";
    bool found = false;
    setenv("MESSAGE", message, 1);
    sh_line(hex, sizeof hex, "cd here && printf '%%s' \"$MESSAGE\" | git commit-tree 'HEAD^{tree}'");
    struct oid id = id_of_hex(hex);
    assert_ok(repo_read_trailer(repo, &id, "Request-Id", &found, value, sizeof value, &err));
    if (found != (wanted != NULL))
        fail_msg("the trailer is %s in: %s", found ? "there" : "not there", message);
    assert_string_equal(value, wanted != NULL ? wanted : "untouched");
}

static void repo_read_trailer__finds_what_interpret_trailers_finds(void **state)
{
    (void)state;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_trailer(repo, "subject\n\nRequest-Id: abc-1\n", "abc-1");
    assert_trailer(repo, "subject\n\nbody\n\nrequest-id:abc-2", "abc-2");
    assert_trailer(repo, "subject\n\nRequest-Id:   abc-3  \t\n", "abc-3");
    assert_trailer(repo, "subject\n\nRequest-Id: first\nReviewed-by: B\nREQUEST-ID: last\n", "last");
    assert_trailer(repo, "subject\n\nRequest-Id : spaced\n\n\n", "spaced");
    assert_trailer(repo, "subject\n\nRequest-Id: x\nnot a trailer\nSigned-off-by: A <a@b>\n", "x");
    assert_trailer(repo, "subject\n\nRequest-Id:\n", "");
    assert_trailer(repo, "Request-Id: title\n", NULL);
    assert_trailer(repo, "subject\n\nRequest-Id: earlier\n\nReviewed-by: B\n", NULL);
    assert_trailer(repo, "subject\n\nA sentence.\nRequest-Id: inside a paragraph\n", NULL);
    assert_trailer(repo, "subject\n\nNot-Request-Id: x\nRequest-Identity: y\n", NULL);
    assert_trailer(repo, "", NULL);
}

static void repo_read_trailer__is_not_misled_by_a_trailer_without_a_value(void **state)
{
    (void)state;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_trailer(repo, "subject\n\nReviewed-by:\nRequest-Id: abc\n", "abc");
    assert_trailer(repo, "subject\n\nReviewed-by:\nAcked-by:\nRequest-Id: abc\n", "abc");
    assert_trailer(repo, "subject\n\nRequest-Id:\nReviewed-by: abc\n", "");
    assert_trailer(repo, "subject\n\nRequest-Id: abc\nReviewed-by:\n", "abc");
}

static void repo_read_trailer__passes_over_a_value_that_does_not_fit(void **state)
{
    (void)state;
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_trailer(repo, "s\n\nRequest-Id: 0123456789012345678901234567890\n",
                   "0123456789012345678901234567890");
    assert_trailer(repo, "s\n\nRequest-Id: 01234567890123456789012345678901\n", NULL);
}

/* --- blobs --------------------------------------------------------------------------------------------- */

static struct oid write_blob(size_t size)
{
    char content[64];
    snprintf(content, sizeof content, "head -c %zu /dev/zero", size);
    return write_object("blob", content);
}

static void f42__a_blob_is_read_up_to_the_limit(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid below = write_blob(99), at = write_blob(100), above = write_blob(101), empty = write_blob(0);
    buf_puts(&out, "before");
    assert_ok(repo_read_blob(repo, &below, 100, &out, &err));
    assert_int_equal(out.len, 6 + 99);
    assert_ok(repo_read_blob(repo, &at, 100, &out, &err));
    assert_ok(repo_read_blob(repo, &empty, 100, &out, &err));
    assert_ok(repo_read_blob(repo, &empty, 0, &out, &err));
    assert_int_equal(out.len, 6 + 99 + 100);
    assert_refused(repo_read_blob(repo, &above, 100, &out, &err), CODE_LIMIT_FILE,
                   "101 bytes, and 100 is the limit");
    sh("git -C here repack -q -a -d");
    assert_int_equal(out.len, 6 + 99 + 100);
    assert_memory_equal(out.data, "before\0\0\0", 9);
}

static void f38__a_blob_that_is_missing_or_damaged_is_named(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    static const char *const damages[] = {
        ": > \"$f\"", "head -c 20 \"$f\" > t && cat t > \"$f\"",
        "printf 'x' | dd of=\"$f\" bs=1 seek=18 conv=notrunc status=none",
        "git hash-object -w --stdin < /dev/null > t && cp .git/objects/e6/9de29* \"$f\"", "rm \"$f\""};
    make_repo();
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        char hex[OID_HEX_LEN + 1];
        struct oid id = write_object("blob", "seq 1000");
        oid_format(&id, hex);
        sh("cd here && f=.git/objects/%.2s/%s && chmod u+w \"$f\" && %s", hex, hex + 2, damages[i]);
        AUTO_REPO struct repo *repo = open_repo("here");
        assert_refused(repo_read_blob(repo, &id, 10000, &out, &err), CODE_REPO_OBJECT, hex);
        sh("cd here && rm -f .git/objects/%.2s/%s", hex, hex + 2);
    }
    assert_int_equal(out.len, 0);
}

static void repo_read_blob__says_that_a_partial_clone_is_one(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    make_repo();
    sh("cd here && echo text > file && git add file && git commit -q -m file && git config "
       "uploadpack.allowFilter true && "
       "cd .. && git clone -q --no-checkout --filter=blob:none file://$PWD/here partial");
    struct oid blob = git_id("here", "HEAD:file");
    AUTO_REPO struct repo *repo = open_repo("partial");
    tip_of(repo, "main");
    assert_refused(repo_read_blob(repo, &blob, 100, &out, &err), CODE_REPO_OBJECT,
                   "clone it anew without --filter");
}

static void repo_read_blob__finds_what_came_in_a_pack_after_opening(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    make_repo();
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid blob = write_blob(50);
    sh("cd here && git hash-object -t blob --stdin < /dev/null && git config gc.auto 0 && find .git/objects "
       "-type f -name '??????*' | "
       "sed 's|.*objects/||; s|/||' | grep -E '^[0-9a-f]{40}$' | git pack-objects -q .git/objects/pack/pack "
       "&& "
       "git prune-packed -q");
    assert_ok(repo_read_blob(repo, &blob, 100, &out, &err));
    assert_int_equal(out.len, 50);
}

static void repo_read_blob__does_not_call_an_object_damaged_when_descriptors_run_out(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    struct rlimit limit, none;
    make_repo();
    struct oid blob = write_blob(50), nothing = id_of_hex("0123456789012345678901234567890123456789");
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int found = repo_read_blob(repo, &blob, 100, &out, &err);
    const char *found_code = err.code;
    int not_found = repo_read_blob(repo, &nothing, 100, &out, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(found, -1);
    assert_string_equal(found_code, CODE_REPO_UNREADABLE);
    assert_int_equal(not_found, -1);
    assert_string_equal(err.code, CODE_REPO_UNREADABLE);
    assert_ok(repo_read_blob(repo, &blob, 100, &out, &err));
}

static void repo_read_blob__does_not_call_an_object_missing_when_the_repository_is_gone(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    make_repo();
    struct oid blob = write_blob(50);
    AUTO_REPO struct repo *repo = open_repo("here");
    sh("mv here away");
    assert_refused(repo_read_blob(repo, &blob, 100, &out, &err), CODE_REPO_MISSING, "is gone");
}

static void repo_renew__reads_on_and_forgets_the_repository_where_it_is_gone(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf out = {0};
    make_repo();
    struct oid blob = write_blob(50);
    AUTO_REPO struct repo *repo = open_repo("here");
    assert_ok(repo_read_blob(repo, &blob, 100, &out, &err));
    assert_ok(repo_renew(repo, &err));
    assert_ok(repo_read_blob(repo, &blob, 100, &out, &err));
    sh("mv here away");
    assert_refused(repo_renew(repo, &err), CODE_REPO_MISSING, "here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(repo_read_commit__gives_what_git_shows),
        IN_A_FOLDER(repo_read_commit__gives_names_and_subjects_as_utf8),
        IN_A_FOLDER(repo_read_commit__takes_odd_commits_that_git_takes),
        IN_A_FOLDER(repo_read_commit__refuses_what_is_none_with_its_id),
        IN_A_FOLDER(repo_read_commit__limits_the_size),
        IN_A_FOLDER(repo_read_trailer__finds_what_interpret_trailers_finds),
        IN_A_FOLDER(repo_read_trailer__is_not_misled_by_a_trailer_without_a_value),
        IN_A_FOLDER(repo_read_trailer__passes_over_a_value_that_does_not_fit),
        IN_A_FOLDER(f42__a_blob_is_read_up_to_the_limit),
        IN_A_FOLDER(f38__a_blob_that_is_missing_or_damaged_is_named),
        IN_A_FOLDER(repo_read_blob__says_that_a_partial_clone_is_one),
        IN_A_FOLDER(repo_read_blob__finds_what_came_in_a_pack_after_opening),
        IN_A_FOLDER(repo_read_blob__does_not_call_an_object_damaged_when_descriptors_run_out),
        IN_A_FOLDER(repo_read_blob__does_not_call_an_object_missing_when_the_repository_is_gone),
        IN_A_FOLDER(repo_renew__reads_on_and_forgets_the_repository_where_it_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
