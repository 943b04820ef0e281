/*
 * daemon without memory (F11): the road, the start and what is sent. Each allocation fails in its turn: what
 * is in force stays as it was, the journal has no half of anything, and the commit goes through when it is
 * tried again.
 */
#include "malloc_sweep.h"

#include "daemon/conditions.h"
#include "daemon/history.h"
#include "daemon/outbox.h"
#include "daemon/recover.h"
#include "daemon/status.h"
#include "io/snapshot.h"
#include "messages.h"
#include "road.h"

/* --- the road
 * ---------------------------------------------------------------------------------------------------- */

/* Where the road stands before each attempt: the tip's parent in force, nothing of the tip in the journal. */
struct crossing {
    struct road road;
    uint64_t epoch;
    int commit;      /* the last one that was tried */
    bool is_refused; /* the commits are invalid */
};

static void assert_as_before(const struct road *road, const struct force *was, uint64_t seq)
{
    const struct force *is = &road->pipeline.force;
    assert_same_id(&is->commit, &was->commit);
    assert_int_equal(is->epoch, was->epoch);
    assert_ptr_equal(is->catalog, was->catalog);
    assert_memory_equal(is->head_digest, was->head_digest, HASH_LEN);
    assert_int_equal(is->position.seq, was->position.seq);
    assert_true(count_of(road, RECORD_COMMITTED) == seq);
}

enum { COMMITS = 200 };

/* Branches <name>1, <name>2, … behind main: one behind the other, or (`beside`) all on main. */
static void make_commits(const char *name, const char *value, bool beside)
{
    sh("cd here; before=$(git rev-parse main)\n"
       "for i in $(seq %d); do\n"
       "printf 'commit refs/heads/%s%%d\\ncommitter Ada <ada@example.org> %%d +0000\\ndata 1\\nx\\nfrom "
       "%%s\\n' $i $i \"$before\"\n"
       "printf 'M 100644 inline services/one.yaml\\ndata <<END\\n%s%%d\\nEND\\n\\n' $i\n"
       "%s before=refs/heads/%s$i\n"
       "done | git fast-import --quiet",
       COMMITS, name, value, beside ? ":" : "", name);
}

/* Each attempt is the next commit: failed, it is tried again, and then it counts once. */
static int cross(void *context, struct error *err)
{
    struct crossing *crossing = context;
    struct road *road = &crossing->road;
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0}, again AUTO_PIPELINE_RESULT = {0};
    struct error other;
    char branch[32];
    enum pipeline_verdict wanted = crossing->is_refused ? PIPELINE_REJECTED : PIPELINE_COMMITTED;
    assert_true(++crossing->commit <= COMMITS);
    snprintf(branch, sizeof branch, "%s%d", crossing->is_refused ? "bad" : "good", crossing->commit);
    struct force was = road->pipeline.force;
    size_t committed = count_of(road, RECORD_COMMITTED);
    struct pipeline_order order = order_of(branch, ++crossing->epoch);
    sweep_begin();
    int rc = pipeline_take(&road->pipeline, &order, &result, err);
    sweep_end();
    if (rc != 0) {
        assert_as_before(road, &was, committed);
        if (pipeline_take(&road->pipeline, &order, &again, &other) != 0)
            fail_msg("tried again: %s", other.message);
    }
    assert_int_equal(rc != 0 ? again.verdict : result.verdict, wanted);
    assert_int_equal(count_of(road, RECORD_COMMITTED), committed + !crossing->is_refused);
    return rc;
}

/* What is in force and what the journal keeps in memory is more, or less, than before: blocks cannot be
 * compared. */
static void sweep_road(struct crossing *crossing, const char *name)
{
    sweep_run(
        &(struct sweep){.attempt = cross, .context = crossing, .keeps_memory = true, .may_do_without = true},
        name);
}

static void f11__pipeline_survives_every_allocation_failing(void **state)
{
    (void)state;
    struct crossing crossing = {.epoch = 1};
    road_init(&crossing.road);
    make_repo();
    commit_after("echo 'a: 1' >services/one.yaml; echo 'b: 2' >services/two.yaml");
    take_good(&crossing.road, "main", 1);
    /* What a judgement costs grows with the range behind it, so the rejected ones stand beside each other. */
    make_commits("good", "a: ", false);
    make_commits("bad", "a: [", true);
    repo_close(crossing.road.repo);
    crossing.road.repo = crossing.road.pipeline.repo = open_repo("here");
    sweep_road(&crossing, "pipeline committed");
    crossing.is_refused = true;
    crossing.commit = 0;
    sweep_road(&crossing, "pipeline rejected");
    road_fini(&crossing.road);
    assert_int_equal(sweeping.live, 0);
}

/* --- the start --------------------------------------------------------------------------------------------------- */

static int start_again(void *context, struct error *err)
{
    const struct road *road = context;
    struct pipeline pipeline CLEANUP(pipeline_fini) = {0};
    struct verdicts verdicts CLEANUP(verdicts_fini) = {0};
    struct recovery recovery CLEANUP(recovery_fini) = {0};
    sweep_begin();
    int rc = pipeline_init(&pipeline, SOURCE, err);
    if (rc == 0)
        rc = recover(road->state_dir, &road->keyring, &pipeline, &verdicts, &recovery, err);
    sweep_end();
    if (rc == 0) {
        assert_same_id(&pipeline.force.commit, &road->pipeline.force.commit);
        assert_int_equal(pipeline.force.epoch, road->pipeline.force.epoch);
        assert_memory_equal(pipeline.force.head_digest, road->pipeline.force.head_digest, HASH_LEN);
        assert_false(recovery.is_incomplete);
    }
    return rc;
}

static void f11__recover_survives_every_allocation_failing(void **state)
{
    (void)state;
    ROAD road;
    struct sweep sweep = {.attempt = start_again,
                          .context = &road,
                          .may_do_without = true,
                          .may_blame_the_system = true};
    road_init(&road);
    make_repo();
    commit_after("echo 'a: 1' >services/one.yaml; echo 'b: 2' >services/two.yaml");
    take_good(&road, "main", 1);
    commit_after("git rm -q services/one.yaml; echo 'c: 1' >services/three.yaml");
    take_good(&road, "main", 2);
    sweep_run(&sweep, "recover from the journal");
    save_snapshot(&road);
    commit_after("echo 'c: 2' >services/three.yaml");
    take_good(&road, "main", 3);
    sweep_run(&sweep, "recover from snapshot and journal");
}

/* --- history
 * ----------------------------------------------------------------------------------------------------- */

static int never_known(void *context, const struct oid *commit, bool *known, struct error *err)
{
    (void)context;
    (void)commit;
    (void)err;
    *known = false;
    return 0;
}

static int judge_history(void *context, struct error *err)
{
    const struct force *force = context;
    AUTO_REPO struct repo *repo = open_repo("here");
    struct oid tip = tip_of(repo, "main");
    struct history history;
    sweep_begin();
    int rc = history_judge(repo, force, &tip, REWRITE_AMEND, never_known, NULL, &history, err);
    sweep_end();
    if (rc == 0)
        assert_int_equal(history.kind, HISTORY_AMENDED);
    return rc;
}

static void f11__history_survives_every_allocation_failing(void **state)
{
    (void)state;
    make_repo();
    for (int i = 0; i < 3; i++)
        commit_after(":");
    struct force force = {.exists = true, .commit = git_id("here", "main"), .epoch = 3};
    sh("git -C here commit -q --allow-empty --amend -m other");
    sweep_run(&(struct sweep){.attempt = judge_history, .context = &force, .may_blame_the_system = true},
              "history");
}

/* --- what is told and sent
 * --------------------------------------------------------------------------------------- */

enum { SERVICES = 20 };

static int fill_batch(void *context, struct error *err)
{
    struct outbox_batch batch CLEANUP(outbox_batch_fini) = {0};
    struct tombstones tombstones CLEANUP(tombstones_fini) = {0};
    struct service **services = context;
    size_t i = 0;
    sweep_begin();
    int rc = 0;
    for (; rc == 0 && i < SERVICES; i++)
        rc = outbox_batch_add(&batch, services[i], true, false, err);
    assert_int_equal(batch.len, rc == 0 ? i : i - 1); /* as it was before the one that did not fit */
    for (i = 0; rc == 0 && i < SERVICES; i++)
        rc = tombstones_add(&tombstones, services[i], err);
    return rc;
}

static int write_status(void *context, struct error *err)
{
    const struct status_view *view = context;
    AUTO_BUF struct buf text = {0};
    sweep_begin();
    status_write(view, &text);
    return buf_check(&text, err);
}

/* An acknowledgement that finds no memory changes nothing of what was known. */
static int keep_consumers(void *context, struct error *err)
{
    struct catalog *catalog = context;
    struct consumers consumers CLEANUP(consumers_fini) = {.source = SOURCE};
    struct message_stamp stamp = stamp_of(NULL);
    struct message_ack ack = sample_ack();
    AUTO_BUF struct buf said = {0}, text = {0};
    const struct consumers_view view = {.is_listening = true};
    message_compose_ack(&said, &stamp, &ack);
    sweep_begin();
    if (consumers_take(&consumers, catalog, span_of(ack.service), span_of(ack.instance), buf_span(&said), 1, err) != 0) {
        assert_int_equal(consumers.len + consumers.instances + consumers.text, 0);
        return -1;
    }
    if (consumers_expect(&consumers, catalog, "s0", 2, err) != 0) {
        assert_int_equal(consumers.totals.missing, 0);
        return -1;
    }
    consumers_write(&consumers, &view, &text);
    return buf_check(&text, err);
}

static int keep_verdicts(void *context, struct error *err)
{
    struct verdicts verdicts CLEANUP(verdicts_fini) = {0};
    const struct oid commit = {{1}};
    (void)context;
    (void)err;
    sweep_begin();
    for (int i = 0; i < 3; i++)
        verdicts_add(&verdicts, &commit, 0, VERDICT_REJECTED, "yaml.syntax", SPAN("[]"));
    sweep_end();
    assert_int_equal(verdicts.len, 3);
    return 0;
}

static void f11__what_is_told_survives_every_allocation_failing(void **state)
{
    (void)state;
    struct service *services[SERVICES];
    struct error err;
    char path[] = "/srv/config", branch[] = "main", source[] = SOURCE;
    struct settings settings = {.repository = {.path = path, .branch = branch}, .mqtt.source = source};
    struct conditions conditions;
    struct verdicts verdicts = {0};
    struct force force = {0};
    struct oid commit = {{1}};
    char names[SERVICES][8];
    conditions_init(&conditions);
    conditions_on(&conditions, CONDITION_NO_SPACE, "no room");
    verdicts_add(&verdicts, &commit, 1, VERDICT_COMMITTED, "", SPAN("[]"));
    assert_ok(force_init(&force, &err));
    for (size_t i = 0; i < SERVICES; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        services[i] = service_new(names[i], "", 1, SPAN("{}"), SPAN("{}"));
    }
    struct status_view view = {.settings = &settings,
                               .conditions = &conditions,
                               .force = &force,
                               .verdicts = &verdicts,
                               .broker_state = "off",
                               .broker_reason = "",
                               .broker_url = "off"};
    sweep_run(&(struct sweep){.attempt = fill_batch, .context = services}, "outbox and tombstones");
    sweep_run(&(struct sweep){.attempt = write_status, .context = &view}, "status");
    sweep_run(&(struct sweep){.attempt = keep_consumers, .context = force.catalog}, "consumers");
    sweep_run(&(struct sweep){.attempt = keep_verdicts, .may_do_without = true}, "verdicts");
    for (size_t i = 0; i < SERVICES; i++)
        service_unref(services[i]);
    verdicts_fini(&verdicts);
    force_fini(&force);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(f11__pipeline_survives_every_allocation_failing),
        IN_A_FOLDER(f11__recover_survives_every_allocation_failing),
        IN_A_FOLDER(f11__history_survives_every_allocation_failing),
        cmocka_unit_test(f11__what_is_told_survives_every_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
