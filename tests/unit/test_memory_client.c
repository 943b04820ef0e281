/*
 * The client library without memory (F11): a message is taken or it is not, an epoch is applied whole or not at all, and what cannot be
 * opened leaves nothing behind.
 */
#include "malloc_sweep.h"

#include "client/client.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "publishing.h"
#include "temp_folder.h"
#include "util/fs.h"
#include "verify/key_file.h"

static struct publishing publisher;
static char folder[300], lkg_file[360], lkg_key_file[360], cache[360];

/* --- taking ------------------------------------------------------------------------------------------------------- */

/* Whatever was refused for want of memory comes again, as it does from a broker. */
static int take_epoch(void *context, struct error *err)
{
    struct state state AUTO_STATE;
    enum state_outcome outcome;
    (void)context;
    state_init(&state, pinned(), SOURCE, true);
    sweep_begin();
    int rc = state_take(&state, TOPIC_KEYS, NULL, buf_span(&publisher.keyset), &outcome, err);
    if (rc == 0)
        rc = state_take(&state, TOPIC_INDEX, NULL, buf_span(&publisher.index), &outcome, err);
    if (rc == 0)
        rc = state_take(&state, TOPIC_EPOCH, NULL, buf_span(&publisher.head), &outcome, err);
    for (size_t i = 0; rc == 0 && i < publisher.len; i++)
        rc = state_take(&state, TOPIC_SERVICE, publisher.services[i].name, buf_span(&publisher.services[i].message), &outcome, err);
    sweep_end();
    assert_int_equal(rc == 0, state_prepare(&state));
    return rc;
}

static void client__takes_a_message_or_does_not(void **state)
{
    (void)state;
    SWEEP(take_epoch);
}

/* --- a configuration ---------------------------------------------------------------------------------------------- */

static void refused(void *context, const struct override *override, const char *why)
{
    (void)context;
    fail_msg("%s: %s", override->variable, why);
}

static int make_configs(void *context, struct error *err)
{
    const struct epoch_env env[] = {{NULL, "/n", "SWEEP_N", EPOCH_NONE}, {NULL, "/deep/er", "SWEEP_DEEP", EPOCH_STRING}};
    struct epoch_config *config AUTO_CONFIG = NULL, *gone AUTO_CONFIG = NULL;
    struct overrides *overrides = NULL;
    struct epoch_update update = {0};
    (void)context;
    struct letter *letter AUTO_LETTER = letter_new(buf_span(&publisher.services[0].message), 1, 1, false);
    setenv("SWEEP_N", "5", 1);
    setenv("SWEEP_DEEP", "x", 1);
    sweep_begin();
    int rc = overrides_read(&overrides, env, ARRAY_LEN(env), err);
    if (rc == 0)
        rc = config_new(&config, letter, 1, overrides, refused, NULL, err);
    if (rc == 0)
        rc = config_removed(&gone, config, NULL, 2, err);
    if (rc == 0) {
        rc = update_init(&update, config, NULL, err);
        update_fini(&update);
    }
    sweep_end();
    overrides_unref(overrides);
    return rc;
}

static void client__makes_a_configuration_or_does_not(void **state)
{
    (void)state;
    SWEEP(make_configs);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int open_client(void *context, struct error *err)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client = NULL;
    (void)context;
    options.service = "a";
    options.root_text = context;
    options.lkg_file = lkg_file;
    options.lkg_key_file = lkg_key_file;
    options.cache = cache;
    sweep_begin();
    int rc = epoch_open(&client, &options, &error);
    sweep_end();
    if (rc != 0)
        return error_set(err, error.code, error.sys, "%s", error.message);
    struct epoch_config *config AUTO_CONFIG = epoch_get_config(client, NULL, NULL);
    assert_true(config == NULL || epoch_integer(config, "/n", 0, NULL) == 1);
    epoch_close(client);
    return 0;
}

static void write_key(const char *path, const struct mac_key *key)
{
    struct buf text AUTO_BUF = {0};
    buf_printf(&text, "epochd-hmac-sha256:%s:", key->id);
    crypto_base64_encode(key->bytes, sizeof key->bytes, &text);
    buf_puts(&text, "\n");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fwrite(text.data, 1, text.len, file);
    fclose(file);
}

static void write_lkg(const struct temp_folder *temp)
{
    uint8_t bytes[MAC_KEY_LEN] = {1};
    struct mac_key key;
    struct error err;
    char host[SNAPSHOT_HOST_MAX + 1];
    struct catalog *catalog AUTO_CATALOG = publishing_catalog(&publisher);
    crypto_mac_key_from_bytes(bytes, &key);
    snapshot_host(host);
    const struct snapshot_view view = {.epoch = 1, .generation = 1, .offset = 3, .config_epoch = COMMIT, .source = SOURCE,
                                       .host = host, .head = buf_span(&publisher.head), .keyset = buf_span(&publisher.keyset),
                                       .catalog = catalog};
    must(snapshot_write(temp->fd, &view, &key, &err), &err);
    write_key(lkg_key_file, &key);
}

static void client__is_opened_or_leaves_nothing_behind(void **state)
{
    struct temp_folder *temp = *state;
    struct buf roots AUTO_BUF = {0};
    struct signing_key root = key_of_seed(ROOT_SEED);
    snprintf(folder, sizeof folder, "%s", temp->path);
    snprintf(lkg_file, sizeof lkg_file, "%s/%s", folder, SNAPSHOT_FILE);
    snprintf(lkg_key_file, sizeof lkg_key_file, "%s/key", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    write_lkg(temp);
    buf_printf(&roots, "epochd-ed25519-public:%s:", root.id);
    crypto_base64_encode(root.public_key, PUBLIC_KEY_LEN, &roots);
    buf_puts(&roots, "\n");
    buf_putc(&roots, '\0');
    /* What cannot be told for want of memory may be left out where a later source makes up for it. */
    const struct sweep sweep = {.attempt = open_client, .context = roots.data, .may_do_without = true, .may_blame_the_system = true};
    sweep_run(&sweep, "open_client");
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__takes_a_message_or_does_not),
        cmocka_unit_test(client__makes_a_configuration_or_does_not),
        cmocka_unit_test_setup_teardown(client__is_opened_or_leaves_nothing_behind, temp_folder_make, temp_folder_drop),
    };
    if (crypto_init(&err) != 0)
        return 1;
    publishing_init(&publisher);
    COMMIT_OF(&publisher, "a", "{\"n\":1}", "b", "{\"n\":1}");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    publishing_fini(&publisher);
    return rc;
}
