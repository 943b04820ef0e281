/*
 * verify without memory (F11), and the snapshot: what was written stays whole, what is read is whole or
 * nothing, and keys are made all or none.
 */
#include "malloc_sweep.h"

#include "keyrings.h"
#include "snapshots.h"
#include "verify/ack.h"
#include "verify/message.h"
#include "verify/snapshot_service.h"

/* --- snapshot
 * ---------------------------------------------------------------------------------------------------- */

struct keeping {
    int dir;
    struct publisher publisher;
    struct buf old; /* the file before */
};

static int write_snapshot(void *context, struct error *err)
{
    struct keeping *keeping = context;
    AUTO_BUF struct buf now = {0};
    struct error other;
    struct snapshot_view view = view_of(&keeping->publisher);
    struct mac_key key = lkg_key(9);
    must(fs_replace_volatile(keeping->dir, SNAPSHOT_FILE, buf_span(&keeping->old), 0640, err), err);
    view.epoch++;
    sweep_begin();
    int rc = snapshot_write(keeping->dir, &view, &key, err);
    sweep_end();
    must(fs_read(keeping->dir, SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, &now, NULL, &other), &other);
    assert_int_equal(rc != 0, span_equal(buf_span(&now), buf_span(&keeping->old)));
    return rc;
}

static int read_snapshot(void *context, struct error *err)
{
    struct keeping *keeping = context;
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct mac_key key = lkg_key(9);
    sweep_begin();
    int rc = snapshot_read(buf_span(&keeping->old), &key, HOST, SOURCE, &snapshot, err);
    sweep_end();
    assert_true(rc == 0 || snapshot.doc.root == NULL);
    return rc;
}

static int verify_snapshot(void *context, struct error *err)
{
    struct keeping *keeping = context;
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    struct root_keys roots = {.len = 1};
    struct signing_key root = key_of_seed(ROOT_SEED);
    roots.keys[0] = public_half(&root);
    must(try_read(&keeping->old, &snapshot, err), err);
    sweep_begin();
    int rc = snapshot_verify(&snapshot, &roots, true, &verified, err);
    sweep_end();
    assert_true(rc == 0 || verified.catalog == NULL);
    return rc;
}

static int find_service(void *context, struct error *err)
{
    struct keeping *keeping = context;
    AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
    struct root_keys roots = {.len = 1};
    struct signing_key root = key_of_seed(ROOT_SEED);
    roots.keys[0] = public_half(&root);
    sweep_begin();
    int rc = snapshot_find_service(buf_span(&keeping->old), HOST, SOURCE, &roots, "router", &found, err);
    sweep_end();
    assert_true(rc == 0 ? found.exists : found.config.data == NULL);
    return rc;
}

static void f11__snapshot_survives_every_allocation_failing(void **state)
{
    struct keeping keeping = {.dir = ((const struct temp_folder *)*state)->fd};
    publisher_init(&keeping.publisher);
    struct snapshot_view view = view_of(&keeping.publisher);
    write_view(keeping.dir, &view, &keeping.old);
    sweep_run(&(struct sweep){.attempt = write_snapshot, .context = &keeping}, "snapshot write");
    sweep_run(&(struct sweep){.attempt = read_snapshot, .context = &keeping}, "snapshot read");
    sweep_run(&(struct sweep){.attempt = verify_snapshot, .context = &keeping}, "snapshot verify");
    sweep_run(&(struct sweep){.attempt = find_service, .context = &keeping}, "snapshot find service");
    publisher_fini(&keeping.publisher);
    buf_fini(&keeping.old);
}

/* --- messages
 * ---------------------------------------------------------------------------------------------------- */

static int verify_message(void *context, struct error *err)
{
    struct keeping *keeping = context;
    AUTO_MESSAGE struct message message = {0};
    const struct expectation expected = {.type = MESSAGE_HEAD, .source = SOURCE};
    struct root_keys roots = {.len = 1};
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct keyset keyset;
    roots.keys[0] = public_half(&root);
    sweep_begin();
    if (keyset_verify(buf_span(&keeping->publisher.keyset), &roots, SOURCE, &keyset, err) != 0)
        return -1;
    return message_verify(buf_span(&keeping->publisher.head), &keyset, &expected, &message, err);
}

static int open_ack(void *context, struct error *err)
{
    const struct buf *raw = context;
    AUTO_MESSAGE struct message message = {0};
    struct ack_expectation expected = {SOURCE, SPAN("stt-worker"), SPAN("pi3.local"), NULL, 0};
    enum ack_trust trust;
    sweep_begin();
    int rc = ack_open(buf_span(raw), &expected, &message, &trust, err);
    sweep_end();
    assert_true(rc != 0 || trust == ACK_UNKNOWN_KEY);
    return rc;
}

static void f11__messages_are_verified_or_not_with_every_allocation_failing(void **state)
{
    (void)state;
    struct keeping keeping = {0};
    publisher_init(&keeping.publisher);
    sweep_run(&(struct sweep){.attempt = verify_message, .context = &keeping}, "keyset and message verify");
    publisher_fini(&keeping.publisher);
    struct signing_key key = key_of_seed(ROOT_SEED);
    struct message_stamp stamp = stamp_of(key.id);
    struct error err;
    AUTO_BUF struct buf raw = {0};
    compose_sample(&raw, MESSAGE_ACK, &stamp);
    assert_int_equal(crypto_sign_object(&key, &raw, &err), 0);
    sweep_run(&(struct sweep){.attempt = open_ack, .context = &raw}, "acknowledgement open");
}

/* --- keys
 * -------------------------------------------------------------------------------------------------------- */

/* From no folder at all. A second start completes what a first one without memory left, and keeps its keys.
 */
static int make_keys(void *context, struct error *err)
{
    struct place *place = context;
    AUTO_KEYRING struct keyring keyring = {0};
    bool is_made = false;
    empty_folder(place->keys);
    rmdir(place->keys);
    sweep_begin();
    int rc = keyring_make(place->keys, SOURCE, &is_made, err);
    sweep_end();
    struct error again;
    must(keyring_make(place->keys, SOURCE, &is_made, &again), &again);
    must(keyring_load(place->keys, SOURCE, &keyring, &again), &again);
    assert_int_equal(count_entries(place), FILES);
    return rc;
}

static int load_keys(void *context, struct error *err)
{
    const struct place *place = context;
    AUTO_KEYRING struct keyring keyring = {0};
    sweep_begin();
    int rc = keyring_load(place->keys, SOURCE, &keyring, err);
    sweep_end();
    assert_true(rc == 0 || (keyring.keyset.data == NULL && keyring.roots.len == 0));
    return rc;
}

static int load_keys_for_reader(void *context, struct error *err)
{
    const struct place *place = context;
    AUTO_KEYRING struct keyring keyring = {0};
    sweep_begin();
    return keyring_load_reader(place->keys, SOURCE, true, &keyring, err);
}

static void f11__keyring_survives_every_allocation_failing(void **state)
{
    struct place *place = *state;
    sweep_run(&(struct sweep){.attempt = make_keys, .context = place}, "keyring make");
    sweep_run(&(struct sweep){.attempt = load_keys, .context = place}, "keyring load");
    sweep_run(&(struct sweep){.attempt = load_keys_for_reader, .context = place},
              "keyring load for a reader");
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(f11__snapshot_survives_every_allocation_failing, temp_folder_make,
                                        temp_folder_drop),
        cmocka_unit_test(f11__messages_are_verified_or_not_with_every_allocation_failing),
        cmocka_unit_test_setup_teardown(f11__keyring_survives_every_allocation_failing, set_up, tear_down),
    };
    return crypto_init(&err) != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
