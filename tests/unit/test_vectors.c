/*
 * vectors: the examples of docs/PROTOCOL.md are made anew and compared with tests/fixtures/vectors byte for
 * byte; so the files say what the code says. With EPOCHD_WRITE_VECTORS=1 in the environment they are written
 * instead.
 *
 * Run from the top folder. tests/interop/test_vectors.py checks the same files with other people's code.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/journal_priv.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "model/tail.h"
#include "temp_folder.h"
#include "util/fs.h"
#include "vectors.h"
#include "verify/message.h"
#include "verify/snapshot.h"

#define FOLDER "tests/fixtures/vectors"
#define REJECTED "77aa31c05d9e8f4b2c6017d3e5a49b8806f2e1dc"
#define OVERTAKEN "0c9d7be2a4f15368c0b1a29384756e5d4c3b2a19"

enum { VECTOR_FILE_MAX = 1024 * 1024 };

static int open_folder(void)
{
    struct error err;
    int dir;
    if (fs_open_dir(FOLDER, &dir, &err) != 0)
        fail_msg("%s (the tests run from the top folder)", err.message);
    return dir;
}

static void read_vector(const char *name, struct buf *out)
{
    struct error err;
    AUTO_CLOSE int dir = open_folder();
    if (fs_read(dir, name, FS_ANY_OWNER, VECTOR_FILE_MAX, out, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

/* The file of that name holds `made`; or does from now on. */
static void check_file(const char *name, const struct buf *made)
{
    struct error err;
    AUTO_BUF struct buf there = {0};
    assert_int_equal(buf_check(made, &err), 0);
    if (getenv("EPOCHD_WRITE_VECTORS") != NULL) {
        AUTO_CLOSE int dir = open_folder();
        assert_int_equal(fs_replace(dir, name, buf_span(made), 0644, &err), 0);
        return;
    }
    read_vector(name, &there);
    if (!span_equal(buf_span(&there), buf_span(made)))
        fail_msg("%s is not what the code makes: if that is meant, EPOCHD_WRITE_VECTORS=1 writes it anew",
                 name);
}

/* One row a line, for those who read changes. */
static struct members begin_row(struct buf *out, const char *name)
{
    buf_puts(out, out->len == 0 ? "{\n\"" : ",\n\"");
    buf_puts(out, name);
    buf_puts(out, "\":");
    return members_object(out);
}

static void put_sha256(struct members *m, const char *name, struct span text)
{
    uint8_t digest[HASH_LEN];
    hash_sha256(text.data, text.len, digest);
    members_put_hex(m, name, digest, HASH_LEN);
}

/* --- keys and messages --- */

static void put_signing_key(struct buf *out, const char *name, const struct signing_key *key)
{
    struct members m = begin_row(out, name);
    members_put_text(&m, "id", key->id);
    members_put_hex(&m, "public", key->public_key, PUBLIC_KEY_LEN);
    members_put_hex(&m, "seed", key->secret, SEED_LEN);
    members_end(&m);
}

static void put_mac_key(struct buf *out, const char *name, const struct mac_key *key)
{
    struct members m = begin_row(out, name);
    members_put_text(&m, "id", key->id);
    members_put_hex(&m, "key", key->bytes, MAC_KEY_LEN);
    members_end(&m);
}

static void vectors__give_the_keys(void **state)
{
    (void)state;
    struct cast cast = the_cast();
    AUTO_BUF struct buf out = {0};
    put_signing_key(&out, "root", &cast.root);
    put_signing_key(&out, "signing-1", &cast.signing_1);
    put_signing_key(&out, "signing-2", &cast.signing_2);
    put_signing_key(&out, "instance", &cast.instance);
    put_mac_key(&out, "journal", &cast.journal);
    put_mac_key(&out, "lkg", &cast.lkg);
    buf_puts(&out, "\n}\n");
    check_file("keys.json", &out);
}

static void vectors__give_the_messages(void **state)
{
    (void)state;
    struct cast cast = the_cast();
    AUTO_VECTORS struct vectors vectors = {0};
    AUTO_BUF struct buf out = {0};
    make_vectors(&vectors, &cast);
    for (size_t i = 0; i < vectors.len; i++) {
        const struct vector *vector = &vectors.list[i];
        struct members m = begin_row(&out, vector->name);
        members_put_text(&m, "key", vector->key);
        members_put_string(&m, "message", buf_span(&vector->message));
        put_sha256(&m, "sha256", buf_span(&vector->message));
        members_put_text(&m, "topic", vector->topic);
        members_end(&m);
    }
    buf_puts(&out, "\n}\n");
    check_file("messages.json", &out);
}

static void verify_one(const struct vector *vector, const struct cast *cast, struct span raw)
{
    static const struct {
        const char *prefix;
        enum message_type type;
    } kinds[] = {{"update-", MESSAGE_UPDATE},
                 {"tombstone-", MESSAGE_UPDATE},
                 {"head-", MESSAGE_HEAD},
                 {"keepalive-", MESSAGE_KEEPALIVE}};
    struct keyset keyset = cast->keyset;
    struct error err;
    if (strcmp(vector->key, "signing-2") == 0)
        keyset =
            (struct keyset){.generation = 2, .keys = {.keys = {public_half(&cast->signing_2)}, .len = 1}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        AUTO_MESSAGE struct message message = {0};
        const struct expectation expected = {.type = kinds[i].type, .source = SOURCE};
        if (strncmp(vector->name, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
            continue;
        if (message_verify(raw, &keyset, &expected, &message, &err) != 0)
            fail_msg("%s: %s", vector->name, err.message);
        return;
    }
    fail_msg("%s is of no kind", vector->name);
}

static void vectors__verify(void **state)
{
    (void)state;
    struct cast cast = the_cast();
    AUTO_VECTORS struct vectors vectors = {0};
    struct error err;
    struct keyset keyset;
    make_vectors(&vectors, &cast);
    for (size_t i = 0; i < vectors.len; i++) {
        const struct vector *vector = &vectors.list[i];
        struct span raw = buf_span(&vector->message);
        if (vector->key == NULL || strcmp(vector->key, "instance") == 0)
            continue;
        if (strcmp(vector->key, "root") == 0)
            assert_int_equal(keyset_verify(raw, &cast.roots, SOURCE, &keyset, &err), 0);
        else
            verify_one(vector, &cast, raw);
    }
}

/* --- the digest of the index, step by step --- */

static void vectors__give_the_digest_of_the_index(void **state)
{
    (void)state;
    struct cast cast = the_cast();
    AUTO_VECTORS struct vectors vectors = {0};
    AUTO_BUF struct buf out = {0}, digests = {0};
    AUTO_FREE const struct service **services = NULL;
    uint8_t digest[HASH_LEN], expected[HASH_LEN];
    struct error err;
    make_vectors(&vectors, &cast);
    assert_int_equal(catalog_sorted(vectors.catalog, &services, &err), 0);
    for (unsigned bucket = 0; bucket < 256; bucket++) {
        AUTO_BUF struct buf lines = {0};
        char name[3];
        for (size_t i = 0; i < catalog_count(vectors.catalog); i++) {
            hash_sha256(services[i]->name, strlen(services[i]->name), digest);
            if (digest[0] != bucket)
                continue;
            buf_printf(&lines, "%s %llu ", services[i]->name, (unsigned long long)services[i]->version);
            buf_put_hex(&lines, services[i]->digest, HASH_LEN);
            buf_putc(&lines, '\n');
        }
        hash_sha256(lines.data, lines.len, digest);
        buf_append(&digests, digest, HASH_LEN);
        if (lines.len == 0)
            continue;
        snprintf(name, sizeof name, "%02x", bucket);
        struct members m = begin_row(&out, name);
        members_put_string(&m, "lines", buf_span(&lines));
        members_put_hex(&m, "sha256", digest, HASH_LEN);
        members_end(&m);
    }
    hash_sha256(digests.data, digests.len, digest);
    catalog_digest(vectors.catalog, expected);
    assert_memory_equal(digest, expected, HASH_LEN);
    struct members m = begin_row(&out, "index");
    members_put_text(&m, "of", "head-412");
    members_put_hex(&m, "sha256", digest, HASH_LEN);
    members_end(&m);
    buf_puts(&out, "\n}\n");
    check_file("index-digest.json", &out);
}

/* --- the journal --- */

struct story {
    const struct cast *cast;
    struct buf text; /* of the whole file */
    struct journal_position last, published_412;
    int64_t time_ms;
};

static void story_fini(struct story *story)
{
    buf_fini(&story->text);
}

static void append(struct story *story, enum record_kind kind, struct buf *members)
{
    AUTO_BUF struct buf line = {0};
    journal_line_write(&line, &story->cast->journal, &story->last, story->time_ms, kind, buf_span(members));
    hash_sha256(line.data, line.len, story->last.digest);
    story->last.seq++;
    story->time_ms += 7;
    buf_append_span(&story->text, buf_span(&line));
    buf_putc(&story->text, '\n');
    buf_reset(members);
}

static struct oid oid_of(const char *hex)
{
    struct oid oid;
    assert_true(oid_parse(span_of(hex), &oid));
    return oid;
}

static void append_committed(struct story *story, const struct vectors *vectors, uint64_t epoch,
                             const struct update_plan *plans, size_t len)
{
    AUTO_BUF struct buf members = {0};
    struct record_message messages[MESSAGES_MAX];
    for (size_t i = 0; i < len; i++)
        messages[i] = (struct record_message){plans[i].service, message_of(vectors, plans[i].name)};
    struct record_committed committed = {
        .commit = oid_of(epoch == 411 ? COMMIT_411 : COMMIT_412),
        .epoch = epoch,
        .generation = 1,
        .correlation_id = epoch == 411 ? CORRELATION_411 : CORRELATION_412,
        .messages = messages,
        .messages_len = len,
        .head = message_of(vectors, epoch == 411 ? "head-411" : "head-412"),
    };
    record_write_committed(&members, &committed);
    append(story, RECORD_COMMITTED, &members);
}

static void append_rejected(struct story *story, const struct oid *commit)
{
    AUTO_BUF struct buf members = {0};
    AUTO_FINDINGS struct findings findings = {0};
    findings_add(&findings, FINDING_ERROR, CODE_YAML_DUPLICATE_KEY, "services/audio/stt-worker.yaml",
                 (struct doc_pos){9, 1}, "'silence_ms' stands twice, first at 4:1");
    record_write_rejected(&members, commit, CODE_YAML_DUPLICATE_KEY, &findings);
    append(story, RECORD_REJECTED, &members);
}

static void tell_story(struct story *story, const struct vectors *vectors)
{
    AUTO_BUF struct buf members = {0};
    struct oid first = oid_of(COMMIT_411), second = oid_of(COMMIT_412), rejected = oid_of(REJECTED),
               overtaken = oid_of(OVERTAKEN);
    assert_true(clock_parse(span_of(time_411), &story->time_ms));
    record_write_baseline(&members, "epochd 0.1.0", SOURCE);
    append(story, RECORD_BASELINE, &members);
    append_committed(story, vectors, 411, plans_411, ARRAY_LEN(plans_411));
    record_write_published(&members, &first, 411);
    append(story, RECORD_PUBLISHED, &members);
    append_rejected(story, &rejected);
    record_write_superseded(&members, &rejected, &second, &overtaken, 1);
    append(story, RECORD_SUPERSEDED, &members);
    append_committed(story, vectors, 412, plans_412, ARRAY_LEN(plans_412));
    record_write_published(&members, &second, 412);
    append(story, RECORD_PUBLISHED, &members);
    story->published_412 = story->last;
    record_write_keyset(&members, 2, message_of(vectors, "keyset-2"));
    append(story, RECORD_KEYSET, &members);
    record_write_rewrite(&members, &second, &overtaken, 2, "amend", NULL);
    append(story, RECORD_REWRITE, &members);
    record_write_checkpoint(&members, "journal-9.jsonl");
    append(story, RECORD_CHECKPOINT, &members);
}

static void vectors__give_the_journal(void **state)
{
    (void)state;
    struct cast cast = the_cast();
    AUTO_VECTORS struct vectors vectors = {0};
    CLEANUP(story_fini) struct story story = {.cast = &cast};
    struct journal_report report;
    struct error err;
    make_vectors(&vectors, &cast);
    tell_story(&story, &vectors);
    check_file("journal.jsonl", &story.text);
    AUTO_CLOSE int dir = open_folder();
    if (journal_read(dir, "journal.jsonl", &cast.journal, 0, NULL, NULL, &report, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(report.lines, 10);
    assert_int_equal(report.torn_bytes, 0);
}

/* --- the snapshot --- */

/* The snapshot was written now; it is sealed again as if it had been then. */
static void set_time(struct buf *file, const struct mac_key *key, const char *written_at)
{
    static const char name[] = "\"written_at\":\"";
    struct span body;
    uint8_t mac[MAC_LEN];
    assert_true(tail_cut(buf_span(file), "hmac", MAC_LEN, &body, mac));
    buf_truncate(file, body.len);
    buf_putc(file, '}');
    char *at = memmem(file->data, file->len, name, strlen(name));
    assert_non_null(at);
    memcpy(at + strlen(name), written_at, CLOCK_TEXT_LEN);
    crypto_mac_object(key, file);
}

static void make_snapshot(int dir, const struct cast *cast, const struct vectors *vectors, struct buf *out)
{
    CLEANUP(story_fini) struct story story = {.cast = cast};
    struct error err;
    tell_story(&story, vectors);
    struct snapshot_view view = {
        .epoch = 412,
        .generation = 1,
        .config_epoch = COMMIT_412,
        .source = SOURCE,
        .host = HOST,
        .head = message_of(vectors, "head-412"),
        .keyset = message_of(vectors, "keyset-1"),
        .journal = story.published_412,
        .catalog = vectors->catalog,
    };
    assert_int_equal(snapshot_write(dir, &view, &cast->lkg, &err), 0);
    assert_int_equal(fs_read(dir, SNAPSHOT_FILE, FS_ANY_OWNER, VECTOR_FILE_MAX, out, NULL, &err), 0);
    set_time(out, &cast->lkg, "2026-11-21T03:40:00.090Z");
}

static void vectors__give_the_snapshot(void **state)
{
    const struct temp_folder *folder = *state;
    struct cast cast = the_cast();
    AUTO_VECTORS struct vectors vectors = {0};
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    struct error err;
    make_vectors(&vectors, &cast);
    make_snapshot(folder->fd, &cast, &vectors, &file);
    check_file(SNAPSHOT_FILE, &file);
    if (snapshot_read(buf_span(&file), &cast.lkg, HOST, SOURCE, &snapshot, &err) != 0 ||
        snapshot_verify(&snapshot, &cast.roots, true, &verified, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(catalog_count(verified.catalog), 3);
}

static int start_crypto(void **state)
{
    (void)state;
    struct error err;
    return crypto_init(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors__give_the_keys),
        cmocka_unit_test(vectors__give_the_messages),
        cmocka_unit_test(vectors__verify),
        cmocka_unit_test(vectors__give_the_digest_of_the_index),
        cmocka_unit_test(vectors__give_the_journal),
        cmocka_unit_test_setup_teardown(vectors__give_the_snapshot, temp_folder_make, temp_folder_drop),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
