/*
 * recover: starts after an end of any kind. What one run of the road left in the state folder is read by the
 * next, and must be in force again byte for byte.
 */
#include "road.h"

#include "daemon/recover.h"
#include "io/snapshot.h"

/* --- one run, and the next ------------------------------------------------------------------------------- */

static void begin(struct road *road)
{
    road_init(road);
    make_repo();
    commit_after("echo 'a: 1' >services/one.yaml; echo 'b: 2' >services/two.yaml");
    take_good(road, "main", 1);
}

/* One more commit, which changes `two`, as this epoch. */
static void go_on(struct road *road, unsigned epoch)
{
    char script[64];
    snprintf(script, sizeof script, "echo 'b: %u0' >services/two.yaml", epoch);
    commit_after(script);
    take_good(road, "main", epoch);
}

static void tell_published(struct road *road, uint64_t epoch)
{
    struct error err;
    struct buf members AUTO_BUF = {0};
    record_write_published(&members, &road->pipeline.force.commit, epoch);
    assert_ok(journal_append(road->pipeline.journal, RECORD_PUBLISHED, buf_span(&members), true, NULL, &err));
}

static void reject_one(struct road *road, uint64_t epoch)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    commit_after("echo 'a: [' >services/one.yaml");
    struct pipeline_order order = order_of("main", epoch);
    take_order(road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_REJECTED);
}

/* The next run: what recover makes of the state folder. */
struct start {
    struct pipeline pipeline;
    struct verdicts verdicts;
    struct recovery recovery;
};

#define START CLEANUP(start_fini) struct start

static void start_fini(struct start *start)
{
    pipeline_fini(&start->pipeline);
    verdicts_fini(&start->verdicts);
    recovery_fini(&start->recovery);
}

static int try_start(const struct road *road, struct start *start, struct error *err)
{
    *start = (struct start){0};
    assert_int_equal(pipeline_init(&start->pipeline, SOURCE, err), 0);
    return recover(road->state_dir, &road->keyring, &start->pipeline, &start->verdicts, &start->recovery, err);
}

static void start_again(const struct road *road, struct start *start)
{
    struct error err;
    assert_ok(try_start(road, start, &err));
}

/* What was in force is in force. */
static void assert_same_force(const struct road *road, const struct start *start)
{
    const struct force *was = &road->pipeline.force, *is = &start->pipeline.force;
    uint8_t before[HASH_LEN], after[HASH_LEN];
    assert_true(is->exists);
    assert_same_id(&is->commit, &was->commit);
    assert_int_equal(is->epoch, was->epoch);
    assert_int_equal(is->offset, was->offset);
    assert_int_equal(is->generation, was->generation);
    assert_string_equal(is->correlation_id, was->correlation_id);
    assert_true(span_equal(buf_span(&is->head), buf_span(&was->head)));
    assert_memory_equal(is->head_digest, was->head_digest, HASH_LEN);
    assert_int_equal(is->position.seq, was->position.seq);
    assert_memory_equal(is->position.digest, was->position.digest, HASH_LEN);
    assert_int_equal(catalog_count(is->catalog), catalog_count(was->catalog));
    catalog_digest(was->catalog, before);
    catalog_digest(is->catalog, after);
    assert_memory_equal(before, after, HASH_LEN);
    assert_false(start->recovery.is_incomplete);
    assert_true(start->pipeline.has_accounted);
    assert_same_id(&start->pipeline.accounted, &road->pipeline.accounted);
    assert_string_equal(start->pipeline.accounted_code, road->pipeline.accounted_code);
}

static void assert_verdict(const struct start *start, size_t i, uint64_t epoch, enum verdict_kind kind)
{
    const struct verdict *verdict = verdicts_get(&start->verdicts, i);
    assert_non_null(verdict);
    assert_int_equal(verdict->epoch, epoch);
    assert_int_equal(verdict->kind, kind);
}

/* --- snapshot and journal -------------------------------------------------------------------------------- */

static void recover__starts_with_nothing(void **state)
{
    (void)state;
    ROAD road;
    START start;
    road_init(&road);
    start_again(&road, &start);
    assert_false(start.pipeline.force.exists);
    assert_false(start.pipeline.has_accounted);
    assert_true(start.recovery.has_journal);
    assert_false(start.recovery.has_snapshot);
    assert_false(start.recovery.is_snapshot_stale);
    assert_null(start.recovery.snapshot_refused.code);
    assert_null(verdicts_get(&start.verdicts, 0));
}

static void recover__needs_no_line_behind_a_fresh_snapshot(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    go_on(&road, 2);
    save_snapshot(&road);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_true(start.recovery.has_snapshot);
    assert_false(start.recovery.is_snapshot_stale);
    assert_int_equal(start.recovery.report.last.seq, road.pipeline.force.position.seq);
}

static void recover__applies_the_lines_behind_the_snapshot(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    save_snapshot(&road);
    go_on(&road, 2);
    commit_after("git rm -q services/one.yaml; echo 'c: 3' >services/three.yaml");
    take_good(&road, "main", 3);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_true(start.recovery.has_snapshot);
    assert_true(start.recovery.is_snapshot_stale);
    assert_null(catalog_find(start.pipeline.force.catalog, "one"));
    assert_config(&start.pipeline, "two", 2, "{\"b\":20}");
    assert_config(&start.pipeline, "three", 3, "{\"c\":3}");
}

static void recover__needs_the_journal_alone(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    go_on(&road, 2);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_false(start.recovery.has_snapshot);
    assert_true(start.recovery.is_snapshot_stale);
    assert_null(start.recovery.snapshot_refused.code);
}

static void recover__says_what_is_wrong_with_a_damaged_snapshot(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    go_on(&road, 2);
    save_snapshot(&road);
    sh("printf X | dd of=state/" SNAPSHOT_FILE " bs=1 seek=100 conv=notrunc status=none");
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_false(start.recovery.has_snapshot);
    assert_true(start.recovery.is_snapshot_stale);
    assert_string_equal(start.recovery.snapshot_refused.code, CODE_LKG_BAD_MAC);
}

static void recover__refuses_a_damaged_journal(void **state)
{
    (void)state;
    ROAD road;
    START start;
    struct error err;
    begin(&road);
    go_on(&road, 2);
    save_snapshot(&road);
    sh("printf X | dd of=state/" JOURNAL_FILE " bs=1 seek=100 conv=notrunc status=none");
    assert_refused(try_start(&road, &start, &err), CODE_JOURNAL_CORRUPT, "");
}

/* --- strangers: one of the two came out of a backup ------------------------------------------------------ */

/* A journal with nothing but a baseline, in the place of the one there. */
static void begin_journal_anew(struct road *road)
{
    struct error err;
    struct journal_report report = {0};
    struct buf members AUTO_BUF = {0};
    journal_close(TAKE(road->pipeline.journal));
    sh("rm state/" JOURNAL_FILE);
    assert_ok(journal_open(&road->pipeline.journal, road->state_dir, &road->keyring.journal, &report, &err));
    record_write_baseline(&members, "epochd elsewhere", SOURCE);
    assert_ok(journal_append(road->pipeline.journal, RECORD_BASELINE, buf_span(&members), true, NULL, &err));
}

/* The same, and another run that knew of nothing went up to the epoch `last` with it. */
static void replace_journal(struct road *road, unsigned last)
{
    struct error err;
    struct journal *journal;
    begin_journal_anew(road);
    journal = TAKE(road->pipeline.journal);
    pipeline_fini(&road->pipeline);
    assert_ok(pipeline_init(&road->pipeline, SOURCE, &err));
    road->pipeline.keyring = &road->keyring;
    road->pipeline.journal = journal;
    for (unsigned epoch = 1; epoch <= last; epoch++)
        go_on(road, epoch);
}

static void recover__adds_a_journal_begun_anew_to_its_snapshot(void **state)
{
    (void)state;
    ROAD road;
    START start, alone;
    begin(&road);
    save_snapshot(&road);
    begin_journal_anew(&road);
    go_on(&road, 2);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_true(start.recovery.is_snapshot_stale);
    /* Without the snapshot `one` is lost, and that is noticed. */
    sh("rm state/" SNAPSHOT_FILE);
    start_again(&road, &alone);
    assert_true(alone.recovery.is_incomplete);
    assert_int_equal(alone.pipeline.force.epoch, 2);
    assert_null(catalog_find(alone.pipeline.force.catalog, "one"));
}

static void recover__goes_up_to_a_journal_that_got_further(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    save_snapshot(&road);
    replace_journal(&road, 3);
    start_again(&road, &start);
    assert_int_equal(start.pipeline.force.epoch, 3);
    assert_same_id(&start.pipeline.force.commit, &road.pipeline.force.commit);
    assert_true(span_equal(buf_span(&start.pipeline.force.head), buf_span(&road.pipeline.force.head)));
    assert_true(start.recovery.is_snapshot_stale);
    /* `one` was signed twice for epoch 1, and what the snapshot has is not what this head tells of. */
    assert_true(start.recovery.is_incomplete);
}

static void f30__a_snapshot_that_got_further_is_the_floor(void **state)
{
    (void)state;
    ROAD road;
    START start;
    uint8_t digest[HASH_LEN], wanted[HASH_LEN];
    begin(&road);
    go_on(&road, 2);
    go_on(&road, 3);
    save_snapshot(&road);
    struct oid commit = road.pipeline.force.commit;
    catalog_digest(road.pipeline.force.catalog, wanted);
    replace_journal(&road, 2);
    start_again(&road, &start);
    assert_true(start.recovery.has_snapshot);
    assert_int_equal(start.pipeline.force.epoch, 3);
    assert_same_id(&start.pipeline.force.commit, &commit);
    assert_same_id(&start.pipeline.accounted, &commit);
    catalog_digest(start.pipeline.force.catalog, digest);
    assert_memory_equal(digest, wanted, HASH_LEN);
}

/* --- what else is remembered ----------------------------------------------------------------------------- */

static void recover__remembers_what_was_published(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    tell_published(&road, 1);
    go_on(&road, 2);
    start_again(&road, &start);
    assert_int_equal(start.recovery.published, 1);
    assert_verdict(&start, 0, 2, VERDICT_COMMITTED);
    assert_verdict(&start, 1, 1, VERDICT_PUBLISHED);
}

static void recover__remembers_what_was_overtaken(void **state)
{
    (void)state;
    struct error err;
    struct buf members AUTO_BUF = {0};
    ROAD road;
    START start, again;
    begin(&road);
    struct oid overtaken = road.pipeline.force.commit;
    go_on(&road, 2);
    record_write_overtaken(&members, &overtaken, 1, &road.pipeline.force.commit);
    assert_ok(journal_append(road.pipeline.journal, RECORD_SUPERSEDED, buf_span(&members), true, NULL, &err));
    start_again(&road, &start);
    assert_verdict(&start, 0, 2, VERDICT_COMMITTED);
    assert_verdict(&start, 1, 1, VERDICT_SUPERSEDED);
    save_snapshot(&road); /* made after epoch 2's line: epoch 1 is looked back at */
    start_again(&road, &again);
    assert_verdict(&again, 0, 2, VERDICT_COMMITTED);
    assert_verdict(&again, 1, 1, VERDICT_SUPERSEDED);
}

static void recover__remembers_removed_services(void **state)
{
    (void)state;
    ROAD road;
    START start, back;
    begin(&road);
    commit_after("git rm -q services/one.yaml");
    take_good(&road, "main", 2);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_int_equal(start.recovery.tombstones.len, 1);
    assert_string_equal(start.recovery.tombstones.services[0]->name, "one");
    assert_int_equal(start.recovery.tombstones.services[0]->version, 2);
    commit_after("echo 'a: 1' >services/one.yaml");
    take_good(&road, "main", 3);
    start_again(&road, &back);
    assert_int_equal(back.recovery.tombstones.len, 0);
}

static void recover__remembers_a_rejected_tip(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    save_snapshot(&road);
    reject_one(&road, 2);
    struct oid tip = git_id("here", "main");
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_int_equal(start.pipeline.force.epoch, 1);
    assert_same_id(&start.pipeline.accounted, &tip);
    assert_string_equal(start.pipeline.accounted_code, CODE_YAML_SYNTAX);
    assert_verdict(&start, 0, 0, VERDICT_REJECTED);
    assert_string_equal(verdicts_get(&start.verdicts, 0)->code, CODE_YAML_SYNTAX);
    assert_non_null(strstr(verdicts_get(&start.verdicts, 0)->findings, "services/one.yaml"));
    assert_verdict(&start, 1, 1, VERDICT_COMMITTED);
}

static void recover__forgets_the_rejection_of_a_tip_that_was_mended(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    reject_one(&road, 2);
    commit_after("echo 'a: 1' >services/one.yaml");
    take_good(&road, "main", 3);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_string_equal(start.pipeline.accounted_code, "");
}

static void recover__forgets_a_rejection_that_the_snapshot_is_past(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    reject_one(&road, 2);
    commit_after("echo 'a: 1' >services/one.yaml");
    take_good(&road, "main", 3);
    save_snapshot(&road);
    start_again(&road, &start);
    assert_same_force(&road, &start);
}

/* The epoch in force once more under a higher number says nothing of the tip that was rejected before it. */
static void raise_floor(struct road *road)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct pipeline_order order = order_of("main~1", 42);
    order.offset = 41;
    order.is_rewrite = order.is_reissue = true;
    order.reason = "floor";
    take_order(road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
}

/* A tip was rejected and a floor raised above it: the next run knows the tip still. */
static void expect_rejection_remembered(bool is_saved)
{
    ROAD road;
    START start;
    begin(&road);
    reject_one(&road, 2);
    raise_floor(&road);
    if (is_saved)
        save_snapshot(&road);
    start_again(&road, &start);
    assert_same_force(&road, &start);
    assert_string_equal(start.pipeline.accounted_code, CODE_YAML_SYNTAX);
}

static void recover__remembers_a_rejected_tip_over_a_raised_floor(void **state)
{
    (void)state;
    expect_rejection_remembered(false);
}

static void recover__remembers_a_rejected_tip_that_the_snapshot_is_past(void **state)
{
    (void)state;
    expect_rejection_remembered(true);
}

static void recover__knows_the_commits_of_the_journal(void **state)
{
    (void)state;
    struct error err;
    bool known = false;
    ROAD road;
    begin(&road);
    struct oid committed = git_id("here", "main"), stranger = id_of_hex("4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc");
    reject_one(&road, 2);
    struct oid rejected = git_id("here", "main");
    assert_ok(recover_knows_commit(road.state_dir, &road.keyring.journal, &committed, &known, &err));
    assert_true(known);
    known = false;
    assert_ok(recover_knows_commit(road.state_dir, &road.keyring.journal, &rejected, &known, &err));
    assert_true(known);
    assert_ok(recover_knows_commit(road.state_dir, &road.keyring.journal, &stranger, &known, &err));
    assert_false(known);
}

/* A cut at a line's end leaves a sound chain: the snapshot alone knows that there was more. */
static void f24__a_journal_cut_before_the_snapshots_line_is_noticed(void **state)
{
    (void)state;
    struct error err;
    ROAD road;
    START start;
    begin(&road);
    go_on(&road, 2);
    save_snapshot(&road);
    AUTO_CLOSE int fd = openat(road.state_dir, JOURNAL_FILE, O_RDWR | O_CLOEXEC);
    AUTO_BUF struct buf file = {0};
    assert_ok(fs_read(road.state_dir, JOURNAL_FILE, FS_OWNED, 1 << 24, &file, NULL, &err));
    const char *first = memchr(file.data, '\n', file.len), *second = memchr(first + 1, '\n', file.len);
    assert_int_equal(ftruncate(fd, second + 1 - file.data), 0); /* baseline and epoch 1 are left */
    start_again(&road, &start);
    assert_int_equal(start.recovery.lost_line, 3);
    assert_int_equal(start.recovery.report.last.seq, 2);
    assert_int_equal(start.pipeline.force.epoch, 2);
    assert_same_id(&start.pipeline.force.commit, &road.pipeline.force.commit);
    assert_int_equal(start.pipeline.force.position.seq, 2);
    assert_true(start.recovery.is_snapshot_stale); /* the next one names a line that is there */
}

static void f24__a_whole_journal_is_not_said_to_be_cut(void **state)
{
    (void)state;
    ROAD road;
    START start;
    begin(&road);
    save_snapshot(&road);
    start_again(&road, &start);
    assert_int_equal(start.recovery.lost_line, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(recover__starts_with_nothing),
        IN_A_FOLDER(recover__needs_no_line_behind_a_fresh_snapshot),
        IN_A_FOLDER(recover__applies_the_lines_behind_the_snapshot),
        IN_A_FOLDER(recover__needs_the_journal_alone),
        IN_A_FOLDER(recover__says_what_is_wrong_with_a_damaged_snapshot),
        IN_A_FOLDER(recover__refuses_a_damaged_journal),
        IN_A_FOLDER(recover__adds_a_journal_begun_anew_to_its_snapshot),
        IN_A_FOLDER(recover__goes_up_to_a_journal_that_got_further),
        IN_A_FOLDER(f30__a_snapshot_that_got_further_is_the_floor),
        IN_A_FOLDER(recover__remembers_what_was_published),
        IN_A_FOLDER(recover__remembers_what_was_overtaken),
        IN_A_FOLDER(recover__remembers_removed_services),
        IN_A_FOLDER(recover__remembers_a_rejected_tip),
        IN_A_FOLDER(recover__forgets_the_rejection_of_a_tip_that_was_mended),
        IN_A_FOLDER(recover__forgets_a_rejection_that_the_snapshot_is_past),
        IN_A_FOLDER(recover__remembers_a_rejected_tip_over_a_raised_floor),
        IN_A_FOLDER(recover__remembers_a_rejected_tip_that_the_snapshot_is_past),
        IN_A_FOLDER(recover__knows_the_commits_of_the_journal),
        IN_A_FOLDER(f24__a_journal_cut_before_the_snapshots_line_is_noticed),
        IN_A_FOLDER(f24__a_whole_journal_is_not_said_to_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
