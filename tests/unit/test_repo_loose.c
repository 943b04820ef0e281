/*
 * repo_loose: each loose object is opened once; whatever its size is it comes out as git wrote it; and what a crash cut
 * short, at every length, is refused, where libgit2 by itself would read for ever.
 */
#include "real_git.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <zlib.h>

#include "config/source.h"

/* --- one open ------------------------------------------------------------------------------------------ */

/* Both ours and libgit2's calls come here: a program's symbols stand before those of its libraries. */
static size_t opened;

__attribute__((visibility("default"))) int open(const char *path, int flags, ...);
__attribute__((visibility("default"))) int open64(const char *path, int flags, ...);

static int open_counted(const char *path, int flags, mode_t mode)
{
    const char *objects = strstr(path, "/objects/");
    if (objects != NULL && strlen(objects) == strlen("/objects/") + OID_HEX_LEN + 1)
        opened++;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_counted(path, flags, mode_of(flags, args));
    va_end(args);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_counted(path, flags, mode_of(flags, args));
    va_end(args);
    return fd;
}

static void repo_loose__opens_each_object_once(void **state)
{
    (void)state;
    AUTO_SOURCE struct source source = {0};
    AUTO_BUF struct buf text = {0};
    struct repo_commit commit;
    struct error err;
    uint64_t count;
    sh("git init -q -b main here && cd here && mkdir services && echo 'a: 1' >services/a.yaml && git add -A "
       "&& git commit -q -m one && echo 'a: 2' >services/a.yaml && git commit -q -a -m two");
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid before = git_id("here", "main~1");
    opened = 0;
    struct oid tip = tip_of(repo, "main");
    assert_ok(repo_read_commit(repo, &tip, &commit, &err));
    assert_ok(source_from_commit(repo, &tip, NULL, &source, &err));
    assert_int_equal(opened, 3); /* commit, tree, services/ */
    struct oid blob = git_id("here", "main:services/a.yaml");
    assert_ok(repo_read_blob(repo, &blob, 100, &text, &err));
    assert_int_equal(opened, 4);
    assert_ok(repo_count(repo, &tip, &before, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(opened, 5); /* the commit before */
}

/* --- every size ---------------------------------------------------------------------------------------- */

static void assert_reads(struct repo *repo, const char *make, size_t size)
{
    AUTO_BUF struct buf found = {0}, wanted = {0};
    struct error err;
    char hex[64];
    sh("%s | head -c %zu >wanted", make, size);
    sh_line(hex, sizeof hex, "git -C here hash-object -w ../wanted");
    struct oid id = id_of_hex(hex);
    assert_ok(repo_read_blob(repo, &id, size, &found, &err));
    FILE *file = fopen("wanted", "re");
    assert_non_null(file);
    assert_non_null(buf_reserve(&wanted, size + 1));
    wanted.len = fread(wanted.data, 1, size + 1, file);
    fclose(file);
    assert_int_equal(found.len, size);
    assert_int_equal(wanted.len, size);
    assert_true(size == 0 || memcmp(found.data, wanted.data, size) == 0);
}

static void repo_loose__gives_objects_of_every_size_as_git_wrote_them(void **state)
{
    (void)state;
    /* Around one chunk, with and without its header; around what is kept with the header. */
    static const size_t sizes[] = {0, 1, 4085, 4086, 4087, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 300000};
    sh("git init -q -b main here");
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_reads(repo, "seq 100000", sizes[i]);
        assert_reads(repo, "head -c 300000 /dev/urandom", sizes[i]);
    }
}

/* --- damage -------------------------------------------------------------------------------------------- */

static void write_loose(const char *hex, const void *text, size_t len)
{
    unsigned char packed[256];
    char path[128];
    uLongf packed_len = sizeof packed;
    assert_int_equal(compress(packed, &packed_len, text, len), Z_OK);
    snprintf(path, sizeof path, "here/.git/objects/%.2s/%s", hex, hex + 2);
    unlink(path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(packed, 1, packed_len, file), packed_len);
    assert_int_equal(fclose(file), 0);
}

/* libgit2 takes some odd spellings of a header, "blob 05"; then the bytes must be the right ones all the same. */
static void f38__a_header_that_lies_never_changes_what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } lies[] = {
#define LIE(text) {text, sizeof(text) - 1}
        LIE("blob 4\0hello"), LIE("blob 6\0hello"), LIE("blob 05\0hello"), LIE("blob -5\0hello"),
        LIE("tree 5\0hello"), LIE("blobs 5\0hello"), LIE("blob5\0hello"), LIE("blob \0hello"),
        LIE(" 5\0hello"), LIE("blob 5"), LIE("\0hello"), LIE("blob 5 \0hello"),
        LIE("blob 5\0hellO"), LIE(""), LIE("blob 65537\0hello"), LIE("blob 18446744073709551615\0hello"),
        LIE("blob 99999999999999999999999999999999999999999999999999999999999999\0hello"),
#undef LIE
    };
    AUTO_BUF struct buf out = {0};
    struct error err;
    char hex[64];
    size_t refused = 0;
    sh("git init -q -b main here");
    sh_line(hex, sizeof hex, "printf hello | git -C here hash-object -w --stdin");
    struct oid id = id_of_hex(hex);
    AUTO_REPO struct repo *repo = open_repo("here");
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        write_loose(hex, lies[i].text, lies[i].len);
        buf_reset(&out);
        alarm(20);
        int rc = repo_read_blob(repo, &id, 100000, &out, &err);
        alarm(0);
        bool is_refused = rc == -1 && (strcmp(err.code, CODE_REPO_OBJECT) == 0 || strcmp(err.code, CODE_LIMIT_FILE) == 0);
        if (!is_refused && !(rc == 0 && out.len == 5 && memcmp(out.data, "hello", 5) == 0))
            fail_msg("'%s' is taken for hello: %d %s", lies[i].text, rc, rc == 0 ? "" : err.code);
        refused += is_refused;
    }
    assert_true(refused >= 14);
    buf_reset(&out);
    write_loose(hex, "blob 5\0hello", sizeof "blob 5\0hello" - 1);
    assert_ok(repo_read_blob(repo, &id, 5, &out, &err));
    assert_int_equal(out.len, 5);
}

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
    tip = git_id("here", "main");
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

/* As in a push: what came lies in a quarantine folder, which only the environment names. */
static void f38__a_commit_cut_in_quarantine_is_refused(void **state)
{
    (void)state;
    const struct repo_policy in_hook = {.from_environment = true};
    AUTO_REPO struct repo *repo = NULL;
    struct error err;
    char path[128], hex[OID_HEX_LEN + 1];
    struct stat st;
    sh("git init -q -b main here && cd here && mkdir services && echo 'a: 1' >services/a.yaml && git add -A "
       "&& git commit -q -m c");
    struct oid tip = git_id("here", "main");
    oid_format(&tip, hex);
    sh("mkdir -p quarantine/%.2s && mv here/.git/objects/%.2s/%s quarantine/%.2s/", hex, hex, hex + 2, hex);
    snprintf(path, sizeof path, "quarantine/%.2s/%s", hex, hex + 2);
    setenv("GIT_OBJECT_DIRECTORY", "quarantine", 1);
    setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", "here/.git/objects", 1);
    assert_ok(repo_open(&repo, "here", &in_hook, &err));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    assert_cut_is_refused(repo, &tip);
    unsetenv("GIT_OBJECT_DIRECTORY");
    unsetenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
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
        IN_A_FOLDER(repo_loose__opens_each_object_once),
        IN_A_FOLDER(repo_loose__gives_objects_of_every_size_as_git_wrote_them),
        IN_A_FOLDER(f38__a_header_that_lies_never_changes_what_is_read),
        IN_A_FOLDER(f38__a_commit_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_tree_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_folder_cut_anywhere_is_refused),
        IN_A_FOLDER(f38__a_commit_cut_in_the_history_is_refused_by_the_walk),
        IN_A_FOLDER(f38__a_commit_cut_in_quarantine_is_refused),
        IN_A_FOLDER(repo_loose__guards_alternates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
