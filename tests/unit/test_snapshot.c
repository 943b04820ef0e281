/*
 * snapshot: writing, and reading back what is ours and nothing else. The signatures inside are
 * test_snapshot_verify.c's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "snapshots.h"
#include "util/clock.h"

/* --- faults ------------------------------------------------------------------------------------------------------- */

static int writes_left = -1; /* before the disk is full; -1: it never is */

ssize_t write(int fd, const void *data, size_t len)
{
    if (writes_left == 0) {
        errno = ENOSPC;
        return -1;
    }
    writes_left -= writes_left > 0;
    return syscall(SYS_write, fd, data, len);
}

static int set_up(void **state)
{
    struct error err;
    writes_left = -1;
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

static void make_file(int dir, struct buf *file)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    write_view(dir, &view, file);
}

static void assert_refused(const struct buf *file, const char *code, const char *word)
{
    struct snapshot snapshot = {0};
    struct error err;
    if (try_read(file, &snapshot, &err) == 0)
        fail_msg("read, but %s was expected", code);
    assert_string_equal(err.code, code);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
    assert_null(snapshot.doc.root);
    assert_null(snapshot.doc.arena.blocks);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void snapshot__writes_the_documented_form(void **state)
{
    AUTO_BUF struct buf file = {0}, tail = {0};
    struct mac_key key = lkg_key(9);
    make_file(folder(state), &file);
    static const char head[] = "{\"payload\":{\"config_epoch\":\"" COMMIT
                               "\",\"epoch\":42,\"format\":1,\"generation\":1,\"head\":\"{";
    assert_memory_equal(file.data, head, sizeof head - 1);
    assert_non_null(memmem(file.data, file.len, ",\"host\":\"" HOST "\",\"index\":\"{", 26));
    assert_non_null(memmem(file.data, file.len,
                           ",\"journal\":{\"seq\":77,\"sha256\":\"" DIGEST "\"},\"keyset\":\"{", 109));
    assert_non_null(memmem(file.data, file.len, ",\"offset\":3,\"services\":{\"a\":\"{", 30));

    struct span body;
    uint8_t mac[MAC_LEN];
    assert_true(tail_cut(buf_span(&file), "hmac", MAC_LEN, &body, mac));
    assert_true(crypto_mac_verify(&key, body, mac));
    buf_printf(&tail, "Z\"},\"algorithm\":\"hmac-sha256\",\"key_id\":\"%s\"", key.id);
    assert_memory_equal(body.data + body.len - tail.len, tail.data, tail.len);
}

static void assert_payload_is_canonical(const struct buf *file)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf payload = {0};
    read_json(buf_span(file), &doc);
    json_write(doc_get(doc.root, "payload"), &payload);
    assert_memory_equal(file->data + strlen("{\"payload\":"), payload.data, payload.len);
    assert_memory_equal(file->data + strlen("{\"payload\":") + payload.len, ",\"algorithm\":", 13);
}

static void snapshot__writes_a_canonical_payload(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    assert_payload_is_canonical(&file);
}

static void snapshot__writes_many_pieces_as_one(void **state)
{
    AUTO_BUF struct buf file = {0}, config = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    buf_puts(&config, "{\"x\":\"");
    for (int i = 0; i < 150 * 1000; i++)
        buf_puts(&config, i % 10 == 0 ? "\\\"" : "x");
    buf_puts(&config, "\"}");
    buf_putc(&config, '\0');
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "big-%d", i);
        catalog_add(&publisher.catalog, name, 9, config.data);
    }
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    assert_true(file.len > 900 * 1000);
    assert_payload_is_canonical(&file);
    must(try_read(&file, &snapshot, &err), &err);
    assert_int_equal(snapshot.services->u.object.len, 9);
}

static void snapshot__can_be_empty(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    AUTO_CATALOG struct catalog *none = catalog_new();
    struct snapshot_view view = view_of(&publisher);
    view.catalog = none;
    write_view(folder(state), &view, &file);
    assert_payload_is_canonical(&file);
    must(try_read(&file, &snapshot, &err), &err);
    assert_int_equal(snapshot.services->u.object.len, 0);
}

static void snapshot__is_for_the_group_to_read(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct stat st;
    mode_t before = umask(0);
    make_file(folder(state), &file);
    umask(before);
    assert_int_equal(fstatat(folder(state), SNAPSHOT_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static int count_files(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), files = 0;
    DIR *listing = fdopendir(fd);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        files += entry->d_type == DT_REG;
    closedir(listing);
    return files;
}

static void f17__the_old_snapshot_is_left_when_the_disk_is_full(void **state)
{
    AUTO_BUF struct buf old = {0}, after = {0};
    struct mac_key key = lkg_key(9);
    struct error err;
    PUBLISHER publisher;
    make_file(folder(state), &old);
    publisher_init(&publisher);
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "s-%d", i);
        catalog_add(&publisher.catalog, name, 9, CONFIG);
    }
    struct snapshot_view view = view_of(&publisher);
    for (int writes = 0; writes < 2; writes++) {
        writes_left = writes;
        assert_int_equal(snapshot_write(folder(state), &view, &key, &err), -1);
        assert_int_equal(err.sys, ENOSPC);
        buf_reset(&after);
        writes_left = -1;
        must(fs_read(folder(state), SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, &after, NULL, &err), &err);
        assert_true(span_equal(buf_span(&after), buf_span(&old)));
        assert_int_equal(count_files(folder(state)), 1);
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void snapshot__reads_back_what_was_written(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    uint8_t digest[HASH_LEN];
    int64_t written_ms;
    struct span message;
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    must(try_read(&file, &snapshot, &err), &err);
    memset(file.data, 'x', file.len); /* nothing is borrowed from it */

    sample_digest(digest);
    assert_int_equal(snapshot.epoch, EPOCH);
    assert_int_equal(snapshot.generation, GENERATION);
    assert_int_equal(snapshot.offset, OFFSET);
    assert_true(span_is(snapshot.config_epoch, COMMIT));
    assert_true(span_is(snapshot.source, SOURCE));
    assert_true(span_is(snapshot.host, HOST));
    assert_true(span_equal(snapshot.head, view.head));
    assert_true(span_equal(snapshot.keyset, view.keyset));
    assert_true(clock_parse(snapshot.written_at, &written_ms));
    assert_int_equal(snapshot.journal.seq, 77);
    assert_memory_equal(snapshot.journal.digest, digest, HASH_LEN);
    assert_int_equal(snapshot.services->u.object.len, 3);
    assert_true(doc_get_string(snapshot.services, "router", &message));
    assert_true(span_equal(message, catalog_find(publisher.catalog, "router")->message));
    AUTO_BUF struct buf index = {0};
    must(message_compose_index(&index, SOURCE, EPOCH, COMMIT, publisher.catalog, &err), &err);
    assert_true(span_equal(snapshot.index, buf_span(&index)));
}

static void snapshot__allows_one_newline_behind_it(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct error err;
    make_file(folder(state), &file);
    buf_putc(&file, '\n');
    must(try_read(&file, &snapshot, &err), &err);
    buf_putc(&file, '\n');
    assert_refused(&file, CODE_LKG_FORM, "hmac");
}

static void assert_not_accepted(const struct buf *file)
{
    struct snapshot snapshot = {0};
    struct error err;
    assert_int_equal(try_read(file, &snapshot, &err), -1);
    assert_true(strcmp(err.code, CODE_LKG_BAD_MAC) == 0 || strcmp(err.code, CODE_LKG_FORM) == 0);
    assert_null(snapshot.doc.arena.blocks);
}

static void f26__a_snapshot_with_any_bit_flipped_is_refused(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    for (size_t bit = 0; bit < 8 * file.len; bit++) {
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ (1 << bit % 8));
        assert_not_accepted(&file);
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ (1 << bit % 8));
    }
}

static void f27__a_snapshot_cut_anywhere_is_refused(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    while (file.len > 0) {
        buf_truncate(&file, file.len - 1);
        assert_not_accepted(&file);
    }
}

static void f27__a_snapshot_of_zeros_from_anywhere_is_refused(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    for (size_t at = file.len; at-- > 0;) {
        file.data[at] = '\0';
        assert_not_accepted(&file);
    }
}

static void f27__a_snapshot_with_anything_behind_it_is_refused(void **state)
{
    AUTO_BUF struct buf file = {0}, longer = {0};
    make_file(folder(state), &file);
    static const struct span behind[] = {SPAN("\0"),   SPAN(" "),   SPAN("}"),
                                         SPAN("\r\n"), SPAN("x\n"), SPAN("{}")};
    for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
        buf_reset(&longer);
        buf_append_span(&longer, buf_span(&file));
        buf_append_span(&longer, behind[i]);
        assert_not_accepted(&longer);
    }
    buf_reset(&longer);
    buf_append_span(&longer, buf_span(&file));
    buf_append_span(&longer, buf_span(&file));
    assert_not_accepted(&longer);
}

static void snapshot__refuses_another_key(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct snapshot snapshot = {0};
    struct mac_key stranger = lkg_key(10);
    struct error err;
    make_file(folder(state), &file);
    assert_int_equal(snapshot_read(buf_span(&file), &stranger, HOST, SOURCE, &snapshot, &err), -1);
    assert_string_equal(err.code, CODE_LKG_BAD_MAC);
}

static void snapshot__refuses_a_file_above_the_limit(void **state)
{
    (void)state;
    struct mac_key key = lkg_key(9);
    struct snapshot snapshot = {0};
    struct error err;
    char *zeros = mmap(NULL, SNAPSHOT_MAX + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(zeros, MAP_FAILED);
    assert_int_equal(snapshot_read((struct span){zeros, SNAPSHOT_MAX + 1}, &key, HOST, SOURCE, &snapshot,
                                   &err),
                     -1);
    assert_string_equal(err.code, CODE_LKG_FORM);
    assert_non_null(strstr(err.message, "larger"));
    assert_int_equal(snapshot_read((struct span){zeros, SNAPSHOT_MAX}, &key, HOST, SOURCE, &snapshot, &err),
                     -1);
    assert_null(strstr(err.message, "larger"));
    munmap(zeros, SNAPSHOT_MAX + 1);
}

/* --- with a right HMAC -------------------------------------------------------------------------------------------- */

static void assert_resealed_refused(void **state, const char *old, const char *new, const char *code,
                                    const char *word)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    spoil_and_reseal(&file, old, new);
    assert_refused(&file, code, word);
}

static void f29__a_snapshot_of_another_host_or_source_is_refused(void **state)
{
    assert_resealed_refused(state, "\"host\":\"" HOST "\"", "\"host\":\"cellar\"", CODE_LKG_WRONG_HOST,
                            "cellar");
    assert_resealed_refused(state, ",\"source\":\"" SOURCE "\"", ",\"source\":\"other\"", CODE_LKG_WRONG_HOST,
                            "other");
}

static void snapshot__lets_the_caller_ignore_host_and_source(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct mac_key key = lkg_key(9);
    struct error err;
    make_file(folder(state), &file);
    spoil_and_reseal(&file, "\"host\":\"" HOST "\"", "\"host\":\"cellar\"");
    spoil_and_reseal(&file, ",\"source\":\"" SOURCE "\"", ",\"source\":\"other\"");
    must(snapshot_read(buf_span(&file), &key, NULL, NULL, &snapshot, &err), &err);
    assert_true(span_is(snapshot.host, "cellar"));
}

static void snapshot__tells_a_newer_format_whatever_else_changed(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_file(folder(state), &file);
    spoil_and_reseal(&file, ",\"epoch\":42,\"format\":1,", ",\"epoch\":\"42\",\"format\":2,");
    assert_refused(&file, CODE_FORMAT_NEWER, "format 2");
}

static void snapshot__refuses_members_in_any_other_form(void **state)
{
    static const struct {
        const char *old, *new, *word;
    } bad[] = {
        {"{\"payload\":", "{\"payloads\":", "payload"},
        {"\"hmac-sha256\"", "\"hmac-md5\"", "algorithm"},
        {"\",\"key_id\":\"", "\",\"key_id\":\"0", "key_id"},
        {",\"epoch\":42,\"format\":1,", ",\"epoch\":42,\"format\":0,", "format"},
        {",\"epoch\":42,\"format\":1,", ",\"epoch\":42,", "format"},
        {",\"epoch\":42,\"format\":1,", ",\"epoch\":-1,\"format\":1,", "epoch"},
        {",\"epoch\":42,\"format\":1,", ",\"epoch\":\"42\",\"format\":1,", "epoch"},
        {",\"epoch\":42,\"format\":1,", ",\"epoch\":1.5,\"format\":1,", "epoch"},
        {",\"generation\":1,\"head\":\"", ",\"head\":\"", "generation"},
        {",\"offset\":3,\"services\"", ",\"offset\":null,\"services\"", "offset"},
        {"\"config_epoch\":\"" COMMIT "\",\"epoch\":42,\"format\":1,\"g",
         "\"config_epoch\":\"HEAD\",\"epoch\":42,\"format\":1,\"g", "config_epoch"},
        {",\"head\":\"", ",\"heat\":\"", "head"},
        {",\"host\":\"kitchen\"", ",\"host\":1", "host"},
        {",\"index\":\"", ",\"indices\":\"", "index"},
        {",\"keyset\":\"", ",\"keysets\":\"", "keyset"},
        {",\"source\":\"config-manager\"", ",\"source\":\"Config Manager\"", "source"},
        {",\"written_at\":\"", ",\"written_at\":\"0", "written_at"},
        {",\"journal\":{", ",\"journals\":{", "journal"},
        {"{\"seq\":77,", "{\"seq\":-7,", "seq"},
        {",\"sha256\":\"0001", ",\"sha256\":\"01", "journal"},
        {",\"services\":{\"a\":", ",\"services\":{\"A\":", "services"},
        {",\"services\":{\"a\":", ",\"services\":{\"a\":1,\"b\":", "services"},
        {",\"services\":{", ",\"service\":{", "services"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_resealed_refused(state, bad[i].old, bad[i].new, CODE_LKG_FORM, bad[i].word);
}

static void snapshot__refuses_what_is_no_json(void **state)
{
    assert_resealed_refused(state, ",\"epoch\":42,\"format\":1,", ",\"epoch\":042,\"format\":1,",
                            CODE_LKG_FORM, "");
    assert_resealed_refused(state, ",\"epoch\":42,\"format\":1,", ",\"epoch\":42,\"epoch\":42,\"format\":1,",
                            CODE_LKG_FORM, "");
    assert_resealed_refused(state, ",\"epoch\":42,\"format\":1,", ",\"x\":[[[[[[[[]]]]]]]],\"format\":1,",
                            CODE_LKG_FORM, "");
}

static void snapshot__names_this_host_in_plain_characters(void **state)
{
    (void)state;
    char host[SNAPSHOT_HOST_MAX + 1], name[SNAPSHOT_HOST_MAX + 1] = "";
    snapshot_host(host);
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    assert_int_equal(strlen(host), strlen(name));
    for (size_t i = 0; host[i] != '\0'; i++)
        assert_true(host[i] == name[i] || host[i] == '-');
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(snapshot__writes_the_documented_form),
        TEST(snapshot__writes_a_canonical_payload),
        TEST(snapshot__writes_many_pieces_as_one),
        TEST(snapshot__can_be_empty),
        TEST(snapshot__is_for_the_group_to_read),
        TEST(f17__the_old_snapshot_is_left_when_the_disk_is_full),
        TEST(snapshot__reads_back_what_was_written),
        TEST(snapshot__allows_one_newline_behind_it),
        TEST(f26__a_snapshot_with_any_bit_flipped_is_refused),
        TEST(f27__a_snapshot_cut_anywhere_is_refused),
        TEST(f27__a_snapshot_of_zeros_from_anywhere_is_refused),
        TEST(f27__a_snapshot_with_anything_behind_it_is_refused),
        TEST(snapshot__refuses_another_key),
        TEST(snapshot__refuses_a_file_above_the_limit),
        TEST(f29__a_snapshot_of_another_host_or_source_is_refused),
        TEST(snapshot__lets_the_caller_ignore_host_and_source),
        TEST(snapshot__tells_a_newer_format_whatever_else_changed),
        TEST(snapshot__refuses_members_in_any_other_form),
        TEST(snapshot__refuses_what_is_no_json),
        TEST(snapshot__names_this_host_in_plain_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
