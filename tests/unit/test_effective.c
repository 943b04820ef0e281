/*
 * effective: what lies over what, what a patch takes away, and where each value of the whole was written.
 */
#include "judging.h"

#include "config/effective.h"
#include "model/json.h"

/* The configurations of a revision that must be valid. */
static void expect(const struct fake_source *source, const char *wanted)
{
    AUTO_JUDGING struct judging j = {0};
    accept(&j, &source->source);
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < j.candidate.len; i++) {
        const struct candidate_service *service = &j.candidate.services[i];
        buf_printf(&text, "%s=%.*s ", service->name, (int)service->config.len, service->config.data);
    }
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

#define AUDIO                                                                                                              \
    "type: object\nproperties:\n"                                                                                          \
    "  rate: {type: integer, default: 16000}\n"                                                                           \
    "  device: {default: null}\n"                                                                                         \
    "  gain: {type: object, properties: {db: {default: 0}, limit: {default: true}}}\n"                                    \
    "  meter: {type: object, properties: {hz: {default: 10}}, default: {live: true}}\n"

static void effective__lays_defaults_bases_file_and_patch_over_each_other(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/audio.yaml", "rate: 2\nb: 2\nf: 2\np: 2\ngain: {db: 2}\n"}, {"bases/common.yaml", "c: 1\nb: 1\nlist: [1]\n"},
             {"epoch.yaml", "profile: quiet\nbases: {\"*\": [common], \"m*\": [audio]}\nschemas: {mic: audio}"},
             {"profiles/quiet/mic.yaml", "p: 4\ngain: {limit: false}\n"}, {"schemas/audio.yaml", AUDIO},
             {"services/mic.yaml", "f: 3\np: 3\nlist: [3, 4]\n"});
    expect(&source, "mic={\"b\":2,\"c\":1,\"device\":null,\"f\":3,\"gain\":{\"db\":2,\"limit\":false},\"list\":[3,4],"
                    "\"meter\":{\"hz\":10,\"live\":true},\"p\":4,\"rate\":2} ");
}

static void effective__keeps_null_of_a_file_and_removes_by_null_of_a_patch(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "a: 1\nb: {x: 1}\nc: 1\n"}, {"epoch.yaml", "profile: quiet\nbases: {\"*\": [common]}"},
             {"profiles/quiet/x.yaml", "b: {x: null, z: null}\nc: null\n"}, {"services/x.yaml", "a: null\nb: {w: 2}\n"});
    expect(&source, "x={\"a\":null,\"b\":{\"w\":2}} ");
}

static void effective__does_not_refill_what_a_patch_removed(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/quiet/mic.yaml", "rate: null\nmeter: null\ngain: {db: null}\n"},
             {"schemas/mic.yaml", AUDIO}, {"services/mic.yaml", "rate: 3\n"});
    expect(&source, "mic={\"device\":null,\"gain\":{\"limit\":true}} ");
}

static void effective__lays_a_patch_over_an_object_that_a_default_made(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/quiet/mic.yaml", "meter: {hz: 5}\n"}, {"schemas/mic.yaml", AUDIO},
             {"services/mic.yaml", "{}"});
    expect(&source, "mic={\"device\":null,\"meter\":{\"hz\":5,\"live\":true},\"rate\":16000} ");
}

static void effective__counts_the_limits_of_the_whole(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    char *AUTO_FREE text = malloc(140 * 1024 + 16), *AUTO_FREE other = malloc(140 * 1024 + 16);
    memcpy(text, "a: ", 3);
    memset(text + 3, 'x', 140 * 1024);
    strcpy(text + 3 + 140 * 1024, "\n");
    memcpy(other, text, 140 * 1024 + 5);
    other[0] = 'b';
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", text}, {"epoch.yaml", "bases: {\"*\": [common]}"}, {"services/x.yaml", other});
    assert_invalid(&j, &source.source, CODE_LIMIT_CONFIG, "services/x.yaml", "with all that is laid over each other");
    AUTO_FAKE struct fake_source patched =
        FAKE({"profiles/quiet/x.yaml", text}, {"services/x.yaml", other}, {"services/y.yaml", "v: 1"});
    assert_invalid(&j, &patched.source, CODE_LIMIT_CONFIG, "services/x.yaml", "under the profile quiet");
}

/* --- looking at one --- */

static void assert_layer(const struct doc_node *node, enum effective_layer layer, const char *file, uint32_t line)
{
    assert_non_null(node);
    assert_int_equal(effective_layer_of(node), layer);
    assert_string_equal(node->file, file);
    assert_int_equal(node->pos.line, line);
}

static void effective__tells_the_layer_and_line_of_every_value(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "\nb: 1\n"}, {"epoch.yaml", "profile: quiet\nbases: {\"*\": [common]}\nschemas: {mic: audio}"},
             {"profiles/loud/mic.yaml", "p: 5\n"}, {"profiles/quiet/mic.yaml", "\n\np: 4\n"}, {"schemas/audio.yaml", AUDIO},
             {"services/in/mic.yaml", "f: 3\n"});
    AUTO_EFFECTIVE struct effective e = {0}, loud = {0}, plain = {0}, wrong = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    assert_int_equal(effective_load(&source.source, NULL, "mic", NULL, &e, &findings, &err), 0);
    assert_string_equal(e.path, "services/in/mic.yaml");
    assert_string_equal(e.profile, "quiet");
    assert_string_equal(e.rules.schema->path, "schemas/audio.yaml");
    assert_layer(doc_get(e.root, "b"), EFFECTIVE_BASE, "bases/common.yaml", 2);
    assert_layer(doc_get(e.root, "f"), EFFECTIVE_FILE, "services/in/mic.yaml", 1);
    assert_layer(doc_get(e.root, "p"), EFFECTIVE_PROFILE, "profiles/quiet/mic.yaml", 3);
    assert_layer(doc_get(e.root, "rate"), EFFECTIVE_DEFAULT, "schemas/audio.yaml", 3);
    assert_string_equal(effective_layer_name(EFFECTIVE_PROFILE), "profile");
    assert_int_equal(effective_load(&source.source, e.environment, "mic", "loud", &loud, &findings, &err), 0);
    assert_ptr_equal(loud.environment, e.environment);
    assert_layer(doc_get(loud.root, "p"), EFFECTIVE_PROFILE, "profiles/loud/mic.yaml", 1);
    assert_int_equal(effective_load(&source.source, e.environment, "mic", "", &plain, &findings, &err), 0);
    assert_null(doc_get(plain.root, "p"));
    assert_int_equal(effective_load(&source.source, NULL, "mik", NULL, &wrong, &findings, &err), -1);
    assert_string_equal(err.code, CODE_NO_SERVICE);
    assert_int_equal(effective_load(&source.source, NULL, "mic", "deaf", &wrong, &findings, &err), -1);
    assert_string_equal(err.code, CODE_NO_PROFILE);
    assert_string_equal(err.message, "there is no profile 'deaf'");
    assert_int_equal(findings.len, 0);
}

static void effective__tells_what_is_broken(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "a: [\n"});
    AUTO_EFFECTIVE struct effective e = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    assert_int_equal(effective_load(&source.source, NULL, "x", NULL, &e, &findings, &err), 0);
    assert_null(e.root);
    assert_int_equal(findings.errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effective__lays_defaults_bases_file_and_patch_over_each_other),
        cmocka_unit_test(effective__keeps_null_of_a_file_and_removes_by_null_of_a_patch),
        cmocka_unit_test(effective__does_not_refill_what_a_patch_removed),
        cmocka_unit_test(effective__lays_a_patch_over_an_object_that_a_default_made),
        cmocka_unit_test(effective__counts_the_limits_of_the_whole),
        cmocka_unit_test(effective__tells_the_layer_and_line_of_every_value),
        cmocka_unit_test(effective__tells_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
