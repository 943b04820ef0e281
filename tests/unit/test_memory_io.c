/*
 * io without memory (F11): YAML, journal and connection while each allocation fails in its turn. What was
 * durable stays, a failed write counts as none, and the next try goes through.
 */
#include "malloc_sweep.h"

#include "io/journal_files.h"
#include "io/mqtt.h"
#include "io/yaml.h"
#include "journals.h"
#include "model/members.h"

static int folder_of(const struct temp_folder *folder)
{
    return folder->fd;
}

/* --- yaml
 * -------------------------------------------------------------------------------------------------------- */

static const char yaml_text[] = "a: &x [1, 2.5, \"q\\u00e9\", 'single', plain text, *y_never]\n";
static const char yaml_good[] = "base: &x {rate: 16000, list: [a, b, [c, {d: e}]]}\n"
                                "copy: *x\n"
                                "text: |\n  one\n  two\n"
                                "folded: >-\n  three\n  four\n"
                                "when: 2001-01-01\n"
                                "? key\n: !!str 12\n";

static int read_yaml(void *context, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    const struct yaml_options options = {.file = "services/x.yaml", .limits = doc_limits_config};
    const char *text = context;
    sweep_begin();
    int rc = yaml_read(span_of(text), &options, &doc, &findings, err);
    sweep_end();
    assert_true(rc == 0 || doc.root == NULL);
    assert_true(doc.root != NULL || doc.arena.blocks == NULL);
    if (rc == 0)
        assert_int_equal(findings.errors,
                         text == yaml_good ? 0 : 1); /* never another verdict for want of memory */
    return rc != 0 ? rc : findings_check(&findings, err);
}

static void f11__yaml_survives_every_allocation_failing(void **state)
{
    (void)state;
    const char *texts[] = {yaml_good, yaml_text};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct sweep sweep = {.attempt = read_yaml, .context = (void *)(uintptr_t)texts[i]};
        sweep_run(&sweep, "yaml");
        sweep.with_libraries = true;
        sweep_run(&sweep, "yaml with libyaml");
    }
}

/* --- journal
 * ----------------------------------------------------------------------------------------------------- */

static void remove_journals(int dir)
{
    AUTO_JOURNAL_FILES struct journal_files files = {0};
    struct error err;
    assert_int_equal(journal_files_list(dir, &files, &err), 0);
    for (size_t i = 0; i < files.len; i++) {
        char name[64];
        snprintf(name, sizeof name, "journal-%llu.jsonl", (unsigned long long)files.last_seqs[i]);
        assert_int_equal(unlinkat(dir, name, 0), 0);
    }
    unlinkat(dir, JOURNAL_FILE, 0);
    unlinkat(dir, JOURNAL_NEXT_FILE, 0);
}

/* Lines in all files, checked from the first to the last. */
static uint64_t last_seq(int dir, struct error *err, int *rc)
{
    AUTO_JOURNAL_FILES struct journal_files files = {0};
    struct journal_report report = {0};
    struct seen seen = {0};
    struct mac_key key = our_key();
    *rc = journal_files_list(dir, &files, err);
    if (*rc == 0)
        *rc = journal_files_read(dir, &files, 0, &key, 0, see_line, &seen, &report, err);
    return report.last.seq;
}

static int append_line(struct journal *journal, bool sync, struct error *err)
{
    static const char long_one[5000] = {[0 ... 4999] = 'x'};
    bool is_first = journal->last.seq == 0;
    AUTO_BUF struct buf members = {0};
    struct members object = members_bare(&members);
    if (is_first)
        record_write_baseline(&members, "epochd test", "config-manager");
    else
        members_put_string(&object, "x", (struct span){long_one, sync ? 10 : sizeof long_one});
    if (buf_check(&members, err) != 0)
        return -1;
    return journal_append(journal, is_first ? RECORD_BASELINE : RECORD_PUBLISHED, buf_span(&members), sync,
                          NULL, err);
}

/* Opens, appends three lines, changes files. *promised is the last line that was said to be durable. */
static int live_once(int dir, uint64_t *promised, struct error *err)
{
    struct mac_key key = our_key();
    struct journal_report report = {0};
    struct journal *journal = NULL;
    int rc = journal_read(dir, JOURNAL_FILE, &key, 0, NULL, NULL, &report, err);
    if (rc == 0)
        rc = journal_open(&journal, dir, &key, &report, err);
    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = append_line(journal, i != 1, err);
        if (rc == 0 && i != 1)
            *promised = journal->last.seq;
    }
    if (rc == 0) {
        journal->file_max = 1;
        rc = journal_tidy(journal, err);
    }
    if (rc == 0)
        *promised = journal->last.seq;
    journal_close(journal);
    return rc;
}

static int live_with_journal(void *context, struct error *err)
{
    int dir = folder_of(context), read_rc;
    struct error read_err;
    uint64_t promised = 0;
    remove_journals(dir);
    sweep_begin();
    int rc = live_once(dir, &promised, err);
    sweep_end();
    uint64_t there = last_seq(dir, &read_err, &read_rc);
    assert_int_equal(read_rc, 0);
    assert_true(there >= promised);
    if (there == 0)
        return rc;
    make_journal(dir, 1); /* whatever failed, the next run goes on behind it */
    assert_true(last_seq(dir, &read_err, &read_rc) > there);
    assert_int_equal(read_rc, 0);
    return rc;
}

static int read_journal(void *context, struct error *err)
{
    int dir = folder_of(context), rc;
    sweep_begin();
    uint64_t there = last_seq(dir, err, &rc);
    sweep_end();
    assert_true(rc != 0 || there == 4);
    return rc;
}

static int set_up_folder(void **state)
{
    struct error err;
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static void f11__journal_survives_every_allocation_failing(void **state)
{
    struct error err;
    uint64_t promised;
    int dir = folder_of(*state);
    sweep_run(&(struct sweep){.attempt = live_with_journal, .context = *state}, "journal append and rotate");
    remove_journals(dir);
    assert_int_equal(live_once(dir, &promised, &err), 0);
    sweep_run(&(struct sweep){.attempt = read_journal, .context = *state, .may_blame_the_system = true},
              "journal read");
}

/* --- the connection
 * ---------------------------------------------------------------------------------------------- */

static void ignore(void *context, const struct mqtt_event *event)
{
    (void)context;
    (void)event;
}

static int make_connection(void *context, struct error *err)
{
    const struct mqtt_options options = {.url = "mqtt://ann:s3cret@h",
                                         .keepalive_s = 30,
                                         .will_topic = "w",
                                         .username = "u"};
    struct mqtt *mqtt = NULL;
    (void)context;
    sweep_begin();
    int rc = mqtt_new(&mqtt, &options, ignore, NULL, err);
    sweep_end();
    mqtt_free(mqtt);
    return rc;
}

static void f11__mqtt_survives_every_allocation_failing(void **state)
{
    (void)state;
    SWEEP(make_connection);
    sweep_run(&(struct sweep){.attempt = make_connection, .with_libraries = true, .may_do_without = true},
              "mqtt_new with libmosquitto");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_folder, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(f11__yaml_survives_every_allocation_failing),
        TEST(f11__journal_survives_every_allocation_failing),
        TEST(f11__mqtt_survives_every_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
