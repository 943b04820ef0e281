/*
 * config: see config.h. What the application asks of a value is in values.c.
 */
#include "client/config.h"

#include "io/crypto.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/tail.h"

static void config_free(struct epoch_config *config)
{
    message_fini(&config->message);
    buf_fini(&config->body);
    buf_fini(&config->json);
    arena_fini(&config->arena);
    overrides_unref(config->overrides);
    free(config);
}

struct epoch_config *epoch_config_ref(const struct epoch_config *config)
{
    if (config == NULL)
        return NULL;
    /* Counting is not changing. */
    struct epoch_config *counted = (struct epoch_config *)(uintptr_t)config;
    __atomic_add_fetch(&counted->references, 1, __ATOMIC_RELAXED);
    return counted;
}

void epoch_config_unref(struct epoch_config *config)
{
    if (config != NULL && __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL) == 0)
        config_free(config);
}

/* --- making one --------------------------------------------------------------------------------------------------- */

/* The configuration's text gets a NUL behind it, where the comma before the next member stood: nobody reads that again. */
static int read_body(struct epoch_config *config, struct error *err)
{
    if (message_parse(buf_span(&config->body), MESSAGE_UPDATE, &config->message, err) != 0)
        return -1;
    const struct message_update *update = &config->message.u.update;
    if (update->config.data == NULL)
        return error_set(err, CODE_MESSAGE_FORM, 0, "a tombstone is no configuration");
    config->published = update->config;
    config->body.data[update->config.data + update->config.len - config->body.data] = '\0';
    config->version = update->version;
    snprintf(config->commit, sizeof config->commit, "%s", update->config_epoch);
    return 0;
}

static int lay_over(struct epoch_config *config,
                    void (*refused)(void *context, const struct override *override, const char *why), void *context,
                    struct error *err)
{
    const struct doc_node *node = doc_get(config->message.doc.root, "config");
    if (overlay_apply(config->overrides, config->message.u.update.service, node, &config->arena, &config->overlay, refused,
                      context, err) != 0)
        return -1;
    if (config->overlay.len == 0)
        return 0;
    json_write(config->overlay.root, &config->json);
    buf_putc(&config->json, '\0');
    return buf_check(&config->json, err);
}

static int make(struct epoch_config **out, struct span body, uint64_t epoch, struct overrides *overrides,
                void (*refused)(void *context, const struct override *override, const char *why), void *context,
                struct error *err)
{
    struct epoch_config *config AUTO_CONFIG = calloc(1, sizeof *config);
    if (config == NULL)
        return error_memory(err);
    config->references = 1;
    config->epoch = epoch;
    config->overrides = overrides_ref(overrides);
    buf_reserve(&config->body, body.len + 1); /* it stays as long as the configuration: not a byte more */
    buf_append_span(&config->body, body);
    buf_putc(&config->body, '}');
    if (buf_check(&config->body, err) != 0 || read_body(config, err) != 0 || lay_over(config, refused, context, err) != 0)
        return -1;
    *out = TAKE(config);
    return 0;
}

int config_new(struct epoch_config **out, const struct letter *letter, uint64_t epoch, struct overrides *overrides,
               void (*refused)(void *context, const struct override *override, const char *why), void *context,
               struct error *err)
{
    struct span body;
    uint8_t signature[SIGNATURE_LEN];
    if (!tail_cut(letter_span(letter), "signature", SIGNATURE_LEN, &body, signature))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message does not end in a signature");
    return make(out, body, epoch, overrides, refused, context, err);
}

/* --- a removed one ------------------------------------------------------------------------------------------------ */

static int name_tombstone(struct epoch_config *config, const struct letter *tombstone, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    struct buf body AUTO_BUF = {0};
    uint8_t signature[SIGNATURE_LEN];
    if (!tail_open(letter_span(tombstone), "signature", SIGNATURE_LEN, &body, signature))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message does not end in a signature");
    if (buf_check(&body, err) != 0 || message_parse(buf_span(&body), MESSAGE_UPDATE, &message, err) != 0)
        return -1;
    config->version = message.u.update.version;
    snprintf(config->commit, sizeof config->commit, "%s", message.u.update.config_epoch);
    return 0;
}

int config_removed(struct epoch_config **out, const struct epoch_config *last, const struct letter *tombstone,
                   uint64_t epoch, struct error *err)
{
    struct epoch_config *config AUTO_CONFIG = NULL;
    struct buf body AUTO_BUF = {0};
    /* Its text once more, with the comma back. */
    size_t end = (size_t)(last->published.data + last->published.len - last->body.data);
    buf_append(&body, last->body.data, last->body.len - 1);
    if (buf_check(&body, err) != 0)
        return -1;
    body.data[end] = ',';
    if (make(&config, buf_span(&body), epoch, last->overrides, NULL, NULL, err) != 0)
        return -1;
    config->is_removed = true;
    config->version = epoch;
    if (tombstone != NULL && name_tombstone(config, tombstone, err) != 0)
        return -1;
    *out = TAKE(config);
    return 0;
}

/* --- what it says of itself --------------------------------------------------------------------------------------- */

const char *epoch_config_service(const struct epoch_config *config)
{
    return config->message.u.update.service;
}

uint64_t epoch_config_epoch(const struct epoch_config *config)
{
    return config->epoch;
}

uint64_t epoch_config_version(const struct epoch_config *config)
{
    return config->version;
}

uint64_t epoch_config_generation(const struct epoch_config *config)
{
    return config->message.generation;
}

const char *epoch_config_commit(const struct epoch_config *config)
{
    return config->commit;
}

const char *epoch_config_correlation_id(const struct epoch_config *config)
{
    return config->message.u.update.correlation_id;
}

const char *epoch_config_schema(const struct epoch_config *config)
{
    return config->message.u.update.schema;
}

int64_t epoch_config_time_ms(const struct epoch_config *config)
{
    return config->message.timestamp_ms;
}

bool epoch_config_is_removed(const struct epoch_config *config)
{
    return config->is_removed;
}

const char *epoch_config_published(const struct epoch_config *config, size_t *len)
{
    if (len != NULL)
        *len = config->published.len;
    return config->published.data;
}

const char *epoch_config_json(const struct epoch_config *config, size_t *len)
{
    if (config->json.len == 0)
        return epoch_config_published(config, len);
    if (len != NULL)
        *len = config->json.len - 1;
    return config->json.data;
}
