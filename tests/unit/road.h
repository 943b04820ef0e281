/*
 * road: what the tests of pipeline and recover share: a real repository "here", a state folder with a real
 * journal, real keys; and what the journal says in the end.
 */
#ifndef TESTS_UNIT_ROAD_H
#define TESTS_UNIT_ROAD_H

#include "real_git.h"

#include "daemon/pipeline.h"
#include "io/snapshot.h"
#include "util/fs.h"

#define SOURCE "config-manager"

struct road {
    int state_dir;
    struct keyring keyring;
    struct repo *repo;
    struct pipeline pipeline;
};

#define ROAD CLEANUP(road_fini) struct road

static inline void road_fini(struct road *road)
{
    journal_close(road->pipeline.journal);
    pipeline_fini(&road->pipeline);
    repo_close(road->repo);
    keyring_fini(&road->keyring);
    close(road->state_dir);
}

/* The journal's lines as text, one after the other, and how many there are of each kind. */
struct told {
    struct buf text;
    size_t kinds[RECORD_CHECKPOINT + 1];
    size_t ranges[8]; /* commits of each superseded line */
    struct journal_report report;
};

#define TOLD CLEANUP(told_fini) struct told

static inline void told_fini(struct told *told)
{
    buf_fini(&told->text);
}

static inline int hear(void *context, const struct journal_line *line, struct error *err)
{
    struct told *told = context;
    (void)err;
    if (line->kind == RECORD_SUPERSEDED) {
        const struct doc_node *commits = doc_get(line->root, "commits");
        assert_true(told->kinds[line->kind] < ARRAY_LEN(told->ranges));
        told->ranges[told->kinds[line->kind]] = commits->u.array.len;
    }
    told->kinds[line->kind]++;
    buf_append_span(&told->text, line->text);
    buf_putc(&told->text, '\n');
    return 0;
}

static inline void listen_to(const struct road *road, struct told *told)
{
    struct error err;
    *told = (struct told){0};
    assert_ok(journal_read(road->state_dir, JOURNAL_FILE, &road->keyring.journal, 0, hear, told, &told->report, &err));
    buf_putc(&told->text, '\0');
    assert_ok(buf_check(&told->text, &err));
}

static inline size_t count_of(const struct road *road, enum record_kind kind)
{
    TOLD told;
    listen_to(road, &told);
    return told.kinds[kind];
}

/* Keys, a state folder, an open journal with its baseline; the repository is opened by road_take. */
static inline void road_init(struct road *road)
{
    struct error err;
    struct journal_report report = {0};
    struct buf members AUTO_BUF = {0};
    bool is_made;
    *road = (struct road){.state_dir = -1};
    assert_ok(crypto_init(&err));
    assert_int_equal(mkdir("state", 0750), 0);
    assert_ok(fs_open_dir("state", &road->state_dir, &err));
    assert_ok(keyring_make("keys", SOURCE, &is_made, &err));
    assert_ok(keyring_load("keys", SOURCE, &road->keyring, &err));
    assert_ok(pipeline_init(&road->pipeline, SOURCE, &err));
    road->pipeline.keyring = &road->keyring;
    assert_ok(journal_open(&road->pipeline.journal, road->state_dir, &road->keyring.journal, &report, &err));
    record_write_baseline(&members, "epochd test", SOURCE);
    assert_ok(journal_append(road->pipeline.journal, RECORD_BASELINE, buf_span(&members), true, NULL, &err));
}

/* The repository "here" without a commit. */
static inline void make_repo(void)
{
    sh("git init -q -b main here && mkdir -p here/services");
}

/* One more commit after these shell lines inside the repository. */
static inline void commit_after(const char *script)
{
    sh("cd here\n%s\ngit add -A && git commit -q --allow-empty -m next", script);
}

static inline struct pipeline_order order_of(const char *revision, uint64_t epoch)
{
    return (struct pipeline_order){.commit = git_id("here", revision), .correlation_id = "req-1", .epoch = epoch};
}

static inline int try_take(struct road *road, const struct pipeline_order *order, struct pipeline_result *out,
                           struct error *err)
{
    pipeline_result_fini(out);
    repo_close(road->repo);
    road->repo = open_repo("here");
    road->pipeline.repo = road->repo;
    return pipeline_take(&road->pipeline, order, out, err);
}

static inline void take_order(struct road *road, const struct pipeline_order *order, struct pipeline_result *out)
{
    struct error err;
    assert_ok(try_take(road, order, out, &err));
}

/* One more commit, tried as this epoch. */
static inline struct pipeline_order take_after(struct road *road, const char *script, uint64_t epoch,
                                               struct pipeline_result *out)
{
    commit_after(script);
    struct pipeline_order order = order_of("main", epoch);
    take_order(road, &order, out);
    return order;
}

/* A commit that must become this epoch. */
static inline void take_good(struct road *road, const char *revision, uint64_t epoch)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct pipeline_order order = order_of(revision, epoch);
    take_order(road, &order, &result);
    assert_int_equal(result.verdict, PIPELINE_COMMITTED);
}

/* The snapshot of what is in force, as the daemon writes it. */
static inline void save_snapshot(const struct road *road)
{
    struct error err;
    char host[SNAPSHOT_HOST_MAX + 1], hex[OID_HEX_LEN + 1];
    const struct force *force = &road->pipeline.force;
    snapshot_host(host);
    oid_format(&force->commit, hex);
    struct snapshot_view view = {
        .epoch = force->epoch,
        .generation = force->generation,
        .offset = force->offset,
        .config_epoch = hex,
        .source = SOURCE,
        .host = host,
        .head = buf_span(&force->head),
        .keyset = buf_span(&road->keyring.keyset),
        .journal = force->position,
        .catalog = force->catalog,
    };
    assert_ok(snapshot_write(road->state_dir, &view, &road->keyring.lkg, &err));
}

/* The service is in force with this version and configuration. */
static inline void assert_config(const struct pipeline *pipeline, const char *name, uint64_t version,
                                 const char *config)
{
    const struct service *service = catalog_find(pipeline->force.catalog, name);
    if (service == NULL)
        fail_msg("there is no service %s", name);
    assert_int_equal(service->version, version);
    if (!span_is(service->config, config))
        fail_msg("%s is %.*s", name, (int)service->config.len, service->config.data);
}

#endif
