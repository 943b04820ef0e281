/*
 * pipeline: commits of a real repository on their way into a real journal: every verdict, what is in force
 * after it, and that a disk which fails in the middle changes nothing.
 */
#include "road.h"

#include <signal.h>
#include <sys/resource.h>

#include "verify/message.h"

#define TWO_SERVICES "echo 'a: 1' >services/one.yaml; echo 'b: 2' >services/two.yaml"

/* A repository with two services, which are epoch 1. */
static void begin(struct road *road)
{
    road_init(road);
    make_repo();
    commit_after(TWO_SERVICES);
    take_good(road, "main", 1);
}

static void read_head(const struct road *road, struct message *out)
{
    struct error err;
    struct expectation expected = {.type = MESSAGE_HEAD, .source = SOURCE};
    assert_ok(message_verify(buf_span(&road->pipeline.force.head), &road->keyring.verified, &expected, out, &err));
}

/* --- verdicts -------------------------------------------------------------------------------------------- */

static void pipeline__puts_a_first_commit_in_force(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct message head AUTO_MESSAGE = {0};
    uint8_t digest[HASH_LEN];
    TOLD told;
    ROAD road;
    road_init(&road);
    make_repo();
    commit_after(TWO_SERVICES);
    struct pipeline_order order = order_of("main", 8);
    order.offset = 7;
    take_order(&road, &order, &result);

    const struct force *force = &road.pipeline.force;
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
    assert_null(result.code);
    assert_int_equal(result.changes_len, 2);
    assert_string_equal(result.changes[0].service->name, "one");
    assert_string_equal(result.changes[1].service->path, "services/two.yaml");
    assert_false(result.changes[1].is_removed);
    assert_int_equal(result.superseded, 0);
    assert_true(force->exists);
    assert_same_id(&force->commit, &order.commit);
    assert_int_equal(force->epoch, 8);
    assert_int_equal(force->offset, 7);
    assert_string_equal(force->correlation_id, "req-1");
    assert_non_null(force->listing);
    assert_int_equal(catalog_count(force->catalog), 2);
    assert_config(&road.pipeline, "one", 8, "{\"a\":1}");
    assert_config(&road.pipeline, "two", 8, "{\"b\":2}");

    read_head(&road, &head);
    assert_int_equal(head.u.head.epoch, 8);
    assert_int_equal(head.u.head.offset, 7);
    assert_int_equal(head.u.head.services, 2);
    assert_int_equal(head.u.head.changed_len, 2);
    assert_false(head.u.head.has_parent);
    catalog_digest(force->catalog, digest);
    assert_memory_equal(head.u.head.index, digest, HASH_LEN);
    hash_sha256(force->head.data, force->head.len, digest);
    assert_memory_equal(force->head_digest, digest, HASH_LEN);

    listen_to(&road, &told);
    assert_int_equal(told.report.lines, 2);
    assert_int_equal(told.kinds[RECORD_COMMITTED], 1);
    assert_int_equal(force->position.seq, 2);
    assert_memory_equal(force->position.digest, told.report.last.digest, HASH_LEN);
}

static void pipeline__changes_only_what_changed(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct message head AUTO_MESSAGE = {0};
    uint8_t parent[HASH_LEN];
    ROAD road;
    begin(&road);
    memcpy(parent, road.pipeline.force.head_digest, HASH_LEN);
    take_after(&road, "echo 'b: 3' >services/two.yaml", 2, &result);
    assert_int_equal(result.changes_len, 1);
    assert_int_equal(result.superseded, 0);
    assert_config(&road.pipeline, "one", 1, "{\"a\":1}");
    assert_config(&road.pipeline, "two", 2, "{\"b\":3}");
    read_head(&road, &head);
    assert_true(head.u.head.has_parent);
    assert_int_equal(head.u.head.parent_epoch, 1);
    assert_memory_equal(head.u.head.parent_digest, parent, HASH_LEN);
    assert_int_equal(head.u.head.changed_len, 1);
}

static void pipeline__buries_a_removed_service(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    take_after(&road, "git rm -q services/one.yaml", 2, &result);
    assert_int_equal(result.changes_len, 1);
    assert_true(result.changes[0].is_removed);
    assert_string_equal(result.changes[0].service->name, "one");
    assert_true(span_is(result.changes[0].service->config, "null"));
    assert_null(catalog_find(road.pipeline.force.catalog, "one"));
    assert_int_equal(catalog_count(road.pipeline.force.catalog), 1);
}

static void pipeline__takes_a_mass_removal_that_is_meant(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    struct pipeline_order order = take_after(&road, "git rm -q -r services", 2, &result);
    assert_int_equal(result.verdict, PIPELINE_REJECTED);
    assert_string_equal(result.code, CODE_GUARD_MASS_REMOVAL);
    sh("cd here && git commit -q --amend -m away -m 'Epoch-Allow: mass-removal'");
    order = order_of("main", 2);
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
    assert_int_equal(catalog_count(road.pipeline.force.catalog), 0);
}

static void pipeline__rejects_and_keeps_what_is_in_force(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    TOLD told;
    ROAD road;
    begin(&road);
    struct oid good = road.pipeline.force.commit;
    commit_after("echo 'b: 3' >services/two.yaml; echo 'a: [' >services/one.yaml");
    struct pipeline_order order = order_of("main", 2);
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_REJECTED);
    assert_string_equal(result.code, CODE_YAML_SYNTAX);
    assert_int_equal(result.changes_len, 0);
    assert_int_equal(result.findings.errors, 1);
    assert_string_equal(result.findings.items[0].file, "services/one.yaml");
    assert_int_equal(road.pipeline.force.epoch, 1);
    assert_same_id(&road.pipeline.force.commit, &good);
    assert_config(&road.pipeline, "two", 1, "{\"b\":2}");
    assert_same_id(&road.pipeline.accounted, &order.commit);
    assert_string_equal(road.pipeline.accounted_code, CODE_YAML_SYNTAX);
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_REJECTED], 1);
    assert_non_null(strstr(told.text.data, "\"code\":\"yaml.syntax\""));

    /* Mended, it goes on; nothing of the rejected one was kept. */
    order = take_after(&road, "echo 'a: 1' >services/one.yaml", 3, &result);
    assert_int_equal(result.changes_len, 1);
    assert_config(&road.pipeline, "two", 3, "{\"b\":3}");
    assert_config(&road.pipeline, "one", 1, "{\"a\":1}");
}

static void pipeline__journals_the_same_rejection_once(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    commit_after("echo 'a: [' >services/one.yaml");
    struct pipeline_order order = order_of("main", 2);
    for (int i = 0; i < 3; i++) {
        take_order(&road, &order, &result);
        assert_int_equal(result.verdict, PIPELINE_REJECTED);
        assert_int_equal(result.findings.errors, 1);
        assert_int_equal(count_of(&road, RECORD_REJECTED), 1);
    }
    commit_after("");
    order = order_of("main", 3); /* another commit with the same fault */
    take_order(&road, &order, &result);
    assert_int_equal(count_of(&road, RECORD_REJECTED), 2);
}

/* --- once more ------------------------------------------------------------------------------------------- */

static void pipeline__issues_nothing_when_nothing_has_changed(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    struct pipeline_order order = order_of("main", 2);
    order.only_if_changed = true;
    listing_unref(TAKE(road.pipeline.force.listing)); /* as after a restart */
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_UNCHANGED);
    assert_int_equal(road.pipeline.force.epoch, 1);
    assert_non_null(road.pipeline.force.listing);
    assert_int_equal(count_of(&road, RECORD_COMMITTED), 1);

    commit_after("echo 'b: 3' >services/two.yaml");
    order = order_of("main", 2);
    order.only_if_changed = true;
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
    assert_int_equal(result.changes_len, 1);
    assert_int_equal(road.pipeline.force.epoch, 2);
}

static void pipeline__issues_an_epoch_also_without_a_change(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    take_after(&road, "", 2, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
    assert_int_equal(result.changes_len, 0);
    assert_int_equal(road.pipeline.force.epoch, 2);
    assert_config(&road.pipeline, "one", 1, "{\"a\":1}");
}

static void pipeline__reissues_every_service_with_the_new_version(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct error err;
    TOLD told;
    ROAD road;
    begin(&road);
    struct pipeline_order order = order_of("main", 50);
    order.offset = 49;
    order.is_reissue = order.is_rewrite = true;
    order.reason = "floor";
    road.pipeline.repo = NULL; /* is not read */
    assert_ok(pipeline_take(&road.pipeline, &order, &result, &err));
    assert_int_equal(result.changes_len, 2);
    assert_int_equal(road.pipeline.force.epoch, 50);
    assert_int_equal(road.pipeline.force.offset, 49);
    assert_config(&road.pipeline, "one", 50, "{\"a\":1}");
    assert_config(&road.pipeline, "two", 50, "{\"b\":2}");
    assert_string_equal(catalog_find(road.pipeline.force.catalog, "two")->path, "services/two.yaml");
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_COMMITTED], 2);
    assert_int_equal(told.kinds[RECORD_SUPERSEDED], 0);
    assert_non_null(strstr(told.text.data, "\"reason\":\"floor\""));
}

static void pipeline__journals_a_rewrite_before_its_epoch(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    char from[OID_HEX_LEN + 1], to[OID_HEX_LEN + 1], wanted[300];
    TOLD told;
    ROAD road;
    begin(&road);
    oid_format(&road.pipeline.force.commit, from);
    sh("cd here && echo 'b: 3' >services/two.yaml && git commit -q -a --amend -m again");
    struct pipeline_order order = order_of("main", 2);
    order.offset = 1;
    order.is_rewrite = true;
    order.reason = "amend";
    oid_format(&order.commit, to);
    take_order(&road, &order, &result);
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_REWRITE], 1);
    snprintf(wanted, sizeof wanted, "\"from\":\"%s\",\"to\":\"%s\",\"offset\":1,\"reason\":\"amend\"", from, to);
    const char *rewrite = strstr(told.text.data, wanted);
    assert_non_null(rewrite);
    assert_non_null(strstr(rewrite, "\"kind\":\"committed\""));
    assert_config(&road.pipeline, "two", 2, "{\"b\":3}");
}

/* --- superseded ------------------------------------------------------------------------------------------ */

static void pipeline__names_the_commits_it_passed_over(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    char hex[OID_HEX_LEN + 1];
    TOLD told;
    ROAD road;
    begin(&road);
    sh("cd here && for i in 1 2 3; do git commit -q --allow-empty -m $i; done");
    struct pipeline_order order = order_of("main", 4);
    take_order(&road, &order, &result);
    assert_int_equal(result.superseded, 2);
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_SUPERSEDED], 1);
    assert_int_equal(told.ranges[0], 2);
    for (int i = 1; i <= 2; i++) {
        struct oid passed = git_id("here", i == 1 ? "main~1" : "main~2");
        oid_format(&passed, hex);
        assert_non_null(strstr(told.text.data, hex));
    }
}

/* A rejected tip that was amended away and pruned must not hide what is pushed in its place. */
static void pipeline__names_what_it_passed_over_also_when_the_rejected_tip_is_gone(void **state)
{
    (void)state;
    struct pipeline_result rejected AUTO_PIPELINE_RESULT = {0}, result AUTO_PIPELINE_RESULT = {0};
    char hex[OID_HEX_LEN + 1];
    struct error err;
    TOLD told;
    ROAD road;
    begin(&road);
    commit_after("echo 'a: [' >services/one.yaml");
    struct pipeline_order order = order_of("main", 2);
    take_order(&road, &order, &rejected);
    assert_int_equal(rejected.verdict, PIPELINE_REJECTED);
    sh("cd here && git reset -q --hard HEAD~1 && git reflog expire --expire=now --all && git update-ref -d ORIG_HEAD &&"
       " git prune --expire=now && for i in 1 2; do git commit -q --allow-empty -m $i; done");
    assert_ok(repo_refresh(road.pipeline.repo, &err));
    order = order_of("main", 3);
    take_order(&road, &order, &result);
    assert_int_equal(result.superseded, 1);
    listen_to(&road, &told);
    struct oid passed = git_id("here", "main~1");
    oid_format(&passed, hex);
    assert_non_null(strstr(told.text.data, hex));
}

static void pipeline__splits_a_long_range(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    TOLD told;
    ROAD road;
    begin(&road);
    sh("cd here && { for i in $(seq 2002); do\n"
       "printf 'commit refs/heads/main\\ncommitter A <a@b> %%d +0000\\ndata 0\\n' $((1700000000 + i))\n"
       "[ $i -gt 1 ] || printf 'from refs/heads/main^0\\n'; done; } | git fast-import --quiet");
    struct pipeline_order order = order_of("main", 2003);
    take_order(&road, &order, &result);
    assert_int_equal(result.superseded, 2001);
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_SUPERSEDED], 3);
    assert_int_equal(told.ranges[0], RECORD_COMMITS_MAX);
    assert_int_equal(told.ranges[1], RECORD_COMMITS_MAX);
    assert_int_equal(told.ranges[2], 1);
}

/* --- a disk that fails ----------------------------------------------------------------------------------- */

/* Files cannot grow beyond `room` bytes behind the journal's end; RLIM_INFINITY: they can. */
static void leave_room(const struct road *road, rlim_t room)
{
    struct rlimit limit;
    TOLD told;
    listen_to(road, &told);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = room == RLIM_INFINITY ? limit.rlim_max : told.report.end + room;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void pipeline__counts_what_is_beyond_the_names_of_a_range(void **state)
{
    (void)state;
    ROAD road;
    TOLD told;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    road_init(&road);
    make_repo();
    commit_after("echo 'a: 1' >services/one.yaml");
    take_good(&road, "main", 1);
    road.pipeline.range_max = 2;
    sh("cd here && for n in 1 2 3 4 5 6; do git commit -q --allow-empty -m $n; done");
    struct pipeline_order order = order_of("main", 7);
    take_order(&road, &order, &result);
    assert_int_equal(result.superseded, 5);
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_SUPERSEDED], 2);
    assert_int_equal(told.ranges[0], 2);
    assert_int_equal(told.ranges[1], 0);
    assert_non_null(strstr(told.text.data, "\"commits\":[],\"more\":3,"));
}

/* The order fails, and everything but what was told of the range is as before. */
static void assert_fails(struct road *road, const struct pipeline_order *order, rlim_t room)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct error err;
    struct oid commit = road->pipeline.force.commit, accounted = road->pipeline.accounted;
    const struct catalog *catalog = road->pipeline.force.catalog;
    const struct listing *listing = road->pipeline.force.listing;
    const char *head = road->pipeline.force.head.data;
    leave_room(road, room);
    int rc = try_take(road, order, &result, &err);
    leave_room(road, RLIM_INFINITY);
    assert_refused(rc, CODE_JOURNAL_UNWRITABLE, "");
    assert_same_id(&road->pipeline.force.commit, &commit);
    assert_same_id(&road->pipeline.accounted, &accounted);
    assert_int_equal(road->pipeline.force.epoch, 1);
    assert_ptr_equal(road->pipeline.force.catalog, catalog);
    assert_ptr_equal(road->pipeline.force.listing, listing);
    assert_ptr_equal(road->pipeline.force.head.data, head);
    assert_config(&road->pipeline, "two", 1, "{\"b\":2}");
    assert_int_equal(count_of(road, RECORD_COMMITTED), 1);
    assert_int_equal(count_of(road, RECORD_REJECTED), 0);
}

enum { ROOM_FOR_A_RANGE = 800 }; /* of two commits; a committed line is longer */

static void pipeline__changes_nothing_when_the_journal_fails(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    TOLD told;
    ROAD road;
    begin(&road);
    sh("cd here && for i in 3 4 5; do echo \"b: $i\" >services/two.yaml; git commit -q -a -m $i; done");
    struct pipeline_order order = order_of("main", 4);
    assert_fails(&road, &order, 0);
    assert_int_equal(count_of(&road, RECORD_SUPERSEDED), 0);
    assert_fails(&road, &order, ROOM_FOR_A_RANGE);
    assert_int_equal(count_of(&road, RECORD_SUPERSEDED), 1);
    assert_fails(&road, &order, 0);

    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
    assert_config(&road.pipeline, "two", 4, "{\"b\":5}");
    listen_to(&road, &told);
    assert_int_equal(told.kinds[RECORD_SUPERSEDED], 1);
    assert_int_equal(told.ranges[0], 2);
    assert_int_equal(told.kinds[RECORD_COMMITTED], 2);
    assert_memory_equal(road.pipeline.force.position.digest, told.report.last.digest, HASH_LEN);
}

static void pipeline__tells_a_rejection_again_when_the_journal_failed(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    ROAD road;
    begin(&road);
    commit_after("echo 'a: [' >services/one.yaml");
    struct pipeline_order order = order_of("main", 2);
    assert_fails(&road, &order, 0);
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_REJECTED);
    assert_int_equal(count_of(&road, RECORD_REJECTED), 1);
}

static void pipeline__does_not_judge_a_commit_with_a_damaged_object(void **state)
{
    (void)state;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct error err;
    ROAD road;
    begin(&road);
    commit_after("echo 'b: 3' >services/two.yaml");
    sh("cd here && id=$(git rev-parse main:services/two.yaml) && dir=$(echo $id | cut -c1-2)\n"
       "mv .git/objects/$dir/${id#??} ../kept && echo .git/objects/$dir/${id#??} >../place");
    struct pipeline_order order = order_of("main", 2);
    assert_refused(try_take(&road, &order, &result, &err), CODE_REPO_UNREADABLE, "services/two.yaml");
    assert_int_equal(road.pipeline.force.epoch, 1);
    assert_int_equal(count_of(&road, RECORD_REJECTED), 0);
    sh("cd here && mv ../kept $(cat ../place)");
    take_order(&road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(pipeline__puts_a_first_commit_in_force),
        IN_A_FOLDER(pipeline__changes_only_what_changed),
        IN_A_FOLDER(pipeline__buries_a_removed_service),
        IN_A_FOLDER(pipeline__takes_a_mass_removal_that_is_meant),
        IN_A_FOLDER(pipeline__rejects_and_keeps_what_is_in_force),
        IN_A_FOLDER(pipeline__journals_the_same_rejection_once),
        IN_A_FOLDER(pipeline__issues_nothing_when_nothing_has_changed),
        IN_A_FOLDER(pipeline__issues_an_epoch_also_without_a_change),
        IN_A_FOLDER(pipeline__reissues_every_service_with_the_new_version),
        IN_A_FOLDER(pipeline__journals_a_rewrite_before_its_epoch),
        IN_A_FOLDER(pipeline__names_the_commits_it_passed_over),
        IN_A_FOLDER(pipeline__names_what_it_passed_over_also_when_the_rejected_tip_is_gone),
        IN_A_FOLDER(pipeline__splits_a_long_range),
        IN_A_FOLDER(pipeline__counts_what_is_beyond_the_names_of_a_range),
        IN_A_FOLDER(pipeline__changes_nothing_when_the_journal_fails),
        IN_A_FOLDER(pipeline__tells_a_rejection_again_when_the_journal_failed),
        IN_A_FOLDER(pipeline__does_not_judge_a_commit_with_a_damaged_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
