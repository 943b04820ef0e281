/*
 * settings_schema: the JSON Schema of epochd.yaml has every setting of the table at its place, with form, default and
 * variable.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "config/settings_schema.h"
#include "config/settings_table.h"
#include "model/json.h"

static struct doc schema;

static int read_schema(void **state)
{
    static const struct json_options options = {.file = "epochd.yaml", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct buf text AUTO_BUF = {0};
    struct error err;
    (void)state;
    settings_put_schema(&text);
    if (json_read(buf_span(&text), &options, &schema, &err) == 0)
        return 0;
    print_message("%s\n", err.message);
    return -1;
}

static int drop_schema(void **state)
{
    (void)state;
    doc_fini(&schema);
    return 0;
}

/* The schema of "mqtt.url" is at properties/mqtt/properties/url. */
static const struct doc_node *find(const char *key)
{
    const struct doc_node *node = schema.root;
    for (const char *rest = key; node != NULL; rest++) {
        char name[64];
        size_t len = strcspn(rest, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, rest);
        node = doc_get(doc_get(node, "properties"), name);
        rest += len;
        if (*rest == '\0')
            break;
    }
    return node;
}

static void settings_schema__has_every_setting(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        const struct doc_node *node = find(setting->key);
        struct span text;
        if (node == NULL)
            fail_msg("%s is not there", setting->key);
        assert_true(doc_get_string(node, "x-env", &text) && span_is(text, setting->variable));
        assert_true(doc_get_string(node, "description", &text));
        assert_memory_equal(text.data, setting->about, strlen(setting->about));
        assert_non_null(doc_get(node, "default"));
        assert_true(doc_get(node, "type") != NULL || doc_get(node, "enum") != NULL);
    }
}

static size_t count(const struct doc_node *node)
{
    size_t all = 0;
    const struct doc_node *properties = doc_get(node, "properties");
    for (size_t i = 0; properties != NULL && i < properties->u.object.len; i++) {
        const struct doc_node *below = properties->u.object.members[i].value;
        all += doc_get(below, "properties") != NULL ? count(below) : 1;
    }
    return all;
}

static void settings_schema__knows_nothing_else(void **state)
{
    bool allowed = true;
    (void)state;
    assert_int_equal(count(schema.root), settings_table_len);
    assert_true(doc_get_bool(schema.root, "additionalProperties", &allowed) && !allowed);
    assert_true(doc_get_bool(find("mqtt"), "additionalProperties", &allowed) && !allowed);
}

static void settings_schema__has_the_limits(void **state)
{
    int64_t least, most;
    (void)state;
    assert_true(doc_get_int(find("mqtt.heartbeat_s"), "minimum", &least) && least == 1);
    assert_true(doc_get_int(find("mqtt.heartbeat_s"), "maximum", &most) && most == 3600);
    assert_int_equal(doc_get(find("log.level"), "enum")->u.array.len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_schema__has_every_setting),
        cmocka_unit_test(settings_schema__knows_nothing_else),
        cmocka_unit_test(settings_schema__has_the_limits),
    };
    return cmocka_run_group_tests(tests, read_schema, drop_schema);
}
