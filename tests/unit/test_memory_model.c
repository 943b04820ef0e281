/*
 * model without memory (F11): each allocation of every operation fails in its turn. The operation says so,
 * leaves nothing behind and nothing half made, and works when it is tried again.
 */
#include "malloc_sweep.h"

#include "messages.h"
#include "model/codes.h"
#include "model/layout.h"
#include "model/listing.h"
#include "model/record.h"

static const struct json_options json_any = {.file = "x.json",
                                             .limits = {.depth = 64, .nodes = 1000, .size = 100000}};

/* --- json
 * -------------------------------------------------------------------------------------------------------- */

#define JSON_TEXT                                                                                            \
    "{\"a\":[1,2,3,[4,[5,{}]]],\"b\":{\"c\":\"d\\u00e9\",\"e\":1.5,\"f\":null,\"g\":true},"                  \
    "\"h\":\"0123456789012345678901234567890123456789\"}"

static int read_and_write(void *context, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    (void)context;
    sweep_begin();
    if (json_read(SPAN(JSON_TEXT), &json_any, &doc, err) != 0) {
        assert_null(doc.root);
        assert_null(doc.arena.blocks);
        return -1;
    }
    json_write(doc.root, &out);
    return buf_check(&out, err);
}

static void f11__json_survives_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(read_and_write);
}

/* --- doc
 * ---------------------------------------------------------------------------------------------------------
 */

enum { CONTAINERS = 40 };

static int build_deep(struct doc_builder *b, struct error *err)
{
    static const struct doc_pos pos = {1, 1};
    int rc = 0;
    for (int i = 0; rc == 0 && i < CONTAINERS; i++)
        rc = doc_builder_begin_array(b, pos, err) != 0 || doc_builder_int(b, pos, i, err) != 0 ? -1 : 0;
    for (int i = 0; rc == 0 && i < CONTAINERS; i++)
        rc = doc_builder_end(b, NULL, err);
    return rc;
}

static int build(void *context, struct error *err)
{
    static const struct doc_limits limits = {.depth = 100, .nodes = 1000, .size = 10000};
    AUTO_DOC struct doc doc = {0};
    AUTO_DOC_BUILDER struct doc_builder b = {0};
    (void)context;
    sweep_begin();
    if (doc_builder_init(&b, &doc.arena, "services/x.yaml", &limits, err) != 0 || build_deep(&b, err) != 0)
        return -1;
    doc.root = doc_builder_root(&b);
    sweep_end();
    assert_non_null(doc.root);
    return 0;
}

static void f11__doc_survives_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(build);
}

/* --- messages
 * ---------------------------------------------------------------------------------------------------- */

static int compose_and_parse(void *context, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    AUTO_MESSAGE struct message message = {0};
    const enum message_type *type = context;
    sweep_begin();
    compose(&text, *type);
    if (buf_check(&text, err) != 0)
        return -1;
    return message_parse(buf_span(&text), *type, &message, err);
}

static void f11__messages_survive_every_allocation_failing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        enum message_type type = parsed_types[i];
        sweep_run(&(struct sweep){.attempt = compose_and_parse, .context = &type}, message_type_name(type));
    }
}

/* --- catalog
 * ----------------------------------------------------------------------------------------------------- */

enum { SERVICES = 12 };

static int add_services(const struct catalog *base, struct catalog **out, struct error *err)
{
    struct catalog_change changes[SERVICES] = {0};
    char names[SERVICES][8];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SERVICES; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        struct service *service = service_new(names[i], "services/x.yaml", 7, SPAN(CONFIG), SPAN(CONFIG));
        changes[i] = (struct catalog_change){names[i], service};
        rc = service == NULL ? error_memory(err) : 0;
    }
    if (rc == 0)
        rc = catalog_with(base, changes, SERVICES, out, err);
    for (size_t i = 0; i < SERVICES; i++)
        service_unref(changes[i].service);
    return rc;
}

static int change_catalog(void *context, struct error *err)
{
    AUTO_CATALOG struct catalog *base = catalog_new(), *next = NULL;
    AUTO_BUF struct buf index = {0};
    AUTO_FREE const struct service **sorted = NULL;
    uint8_t before[HASH_LEN], after[HASH_LEN];
    (void)context;
    assert_non_null(base);
    catalog_digest(base, before);
    sweep_begin();
    int rc = add_services(base, &next, err);
    if (rc == 0)
        rc = catalog_sorted(next, &sorted, err);
    if (rc == 0)
        rc = message_compose_index(&index, SOURCE, 7, COMMIT, next, err);
    sweep_end();
    catalog_digest(base, after);
    assert_memory_equal(before, after,
                        HASH_LEN); /* the one before is what it was, whatever came of the next */
    assert_int_equal(catalog_count(base), 0);
    return rc;
}

static int make_catalog(void *context, struct error *err)
{
    (void)context;
    sweep_begin();
    AUTO_CATALOG struct catalog *catalog = catalog_new();
    return catalog == NULL ? error_memory(err) : 0;
}

static void f11__catalog_survives_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(make_catalog);
    SWEEP(change_catalog);
}

/* --- listing
 * ----------------------------------------------------------------------------------------------------- */

static int see_all(void *context, const char *folder, const struct listing_entry *before,
                   const struct listing_entry *after, struct error *err)
{
    size_t *seen = context;
    (void)folder;
    (void)before;
    (void)after;
    (void)err;
    ++*seen;
    return 1;
}

static int list(void *context, struct error *err)
{
    static const struct oid oid = {{1}};
    size_t seen = 0;
    (void)context;
    sweep_begin();
    AUTO_LISTING struct listing *top = listing_new(&oid), *below = listing_new(&oid);
    if (top == NULL || below == NULL)
        return error_memory(err);
    for (int i = 0; i < CONTAINERS; i++) {
        char name[24];
        snprintf(name, sizeof name, "f%d.yaml", i);
        if (listing_add(below, span_of(name), LAYOUT_MODE_FILE, &oid, NULL, err) != 0)
            return -1;
    }
    listing_finish(below);
    if (listing_add(top, SPAN("services"), LAYOUT_MODE_DIR, &oid, TAKE(below), err) != 0)
        return -1;
    listing_finish(top);
    if (listing_compare(NULL, top, see_all, &seen, err) != 0)
        return -1;
    sweep_end();
    assert_int_equal(seen, CONTAINERS + 1);
    return 0;
}

static void f11__listing_survives_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(list);
}

/* --- findings
 * ---------------------------------------------------------------------------------------------------- */

static int find(void *context, struct error *err)
{
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_BUF struct buf out = {0};
    (void)context;
    sweep_begin();
    for (uint32_t i = 0; i < CONTAINERS; i++)
        findings_add(&findings, FINDING_ERROR, CODE_YAML_SYNTAX, "services/x.yaml", (struct doc_pos){i, 1},
                     "wrong %u", i);
    findings_sort(&findings);
    if (findings_check(&findings, err) != 0) {
        assert_int_equal(findings.errors, CONTAINERS); /* refused all the same: none is forgotten */
        return -1;
    }
    findings_write_json(&findings, FINDINGS_MAX, &out);
    finding_format(&findings.items[0], &out);
    return buf_check(&out, err);
}

static void f11__findings_survive_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(find);
}

/* --- records
 * ----------------------------------------------------------------------------------------------------- */

static void write_records(struct buf *out)
{
    static const struct oid commit = {{1}}, next = {{2}};
    static const struct record_message messages[] = {{"a", {"{}", 2}}, {"b", {CONFIG, sizeof CONFIG - 1}}};
    const struct record_committed committed = {.commit = commit,
                                               .epoch = 7,
                                               .generation = 1,
                                               .correlation_id = "req",
                                               .messages = messages,
                                               .messages_len = ARRAY_LEN(messages),
                                               .head = SPAN("{}")};
    buf_putc(out, '{');
    record_write_committed(out, &committed);
    buf_putc(out, '}');
    AUTO_BUF struct buf other = {0};
    record_write_baseline(&other, "test", SOURCE);
    record_write_published(&other, &commit, 7);
    record_write_superseded(&other, &commit, &next, &commit, 1);
    record_write_overtaken(&other, &commit, 7, &next);
    record_write_rewrite(&other, &commit, &next, 1, "amend", NULL);
    record_write_keyset(&other, 1, SPAN("{}"));
    record_write_checkpoint(&other, "journal-7.jsonl");
    out->failed |= other.failed;
}

static int write_and_read_record(void *context, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    struct record_committed back;
    (void)context;
    sweep_begin();
    write_records(&text);
    if (buf_check(&text, err) != 0 || json_read(buf_span(&text), &json_any, &doc, err) != 0 ||
        record_read_committed(doc.root, &arena, &back, err) != 0)
        return -1;
    sweep_end();
    assert_int_equal(back.messages_len, 2);
    assert_true(span_is(back.messages[1].message, CONFIG));
    return 0;
}

static void f11__records_survive_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(write_and_read_record);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f11__json_survives_every_allocation_failing),
        cmocka_unit_test(f11__doc_survives_every_allocation_failing),
        cmocka_unit_test(f11__messages_survive_every_allocation_failing),
        cmocka_unit_test(f11__catalog_survives_every_allocation_failing),
        cmocka_unit_test(f11__listing_survives_every_allocation_failing),
        cmocka_unit_test(f11__findings_survive_every_allocation_failing),
        cmocka_unit_test(f11__records_survive_every_allocation_failing),
    };
    return crypto_init(&err) != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
