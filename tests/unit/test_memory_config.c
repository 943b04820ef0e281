/*
 * config without memory (F11): settings, revisions of a commit, the index and a folder. Each allocation fails
 * in its turn; what is wrong with memory is never told as wrong with a configuration.
 */
#include "malloc_sweep.h"

#include "config/settings.h"
#include "judging.h"
#include "real_git.h"

/* --- settings
 * ---------------------------------------------------------------------------------------------------- */

struct loading {
    const char *file;
    char *const *environment;
    bool is_wrong;
};

static int load_settings(void *context, struct error *err)
{
    const struct loading *loading = context;
    AUTO_SETTINGS struct settings settings = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_BUF struct buf text = {0};
    sweep_begin();
    if (settings_load(loading->file, loading->environment, &settings, &findings, err) != 0) {
        assert_null(settings.state);
        return -1;
    }
    assert_int_equal(settings.state == NULL, findings.errors > 0);
    assert_int_equal(findings.errors > 0,
                     loading->is_wrong); /* want of memory does not make a file good, or wrong */
    if (settings.state == NULL)
        return 0;
    settings_print(&settings, &text);
    return buf_check(&text, err);
}

static void f11__settings_survive_every_allocation_failing(void **state)
{
    (void)state;
    char url[] = "EPOCHD_MQTT_URL=mqtt://ann:s3cret@h", uids[] = "EPOCHD_REPOSITORY_TRUSTED_UIDS=1,2";
    char wrong[] = "EPOCHD_MQTT_SOURCE=A", unknown[] = "EPOCHD_MQTT_ULR=x",
         path[] = "EPOCHD_REPOSITORY_PATH=x";
    char *const good_ones[] = {url, uids, path, NULL}, *const wrong_ones[] = {wrong, unknown, NULL};
    sh("printf 'repository: {path: /srv/config, trusted_uids: [1, 2]}\nmqtt: {source: hall}\n' >good.yaml; "
       "chmod 644 good.yaml");
    sh("printf 'mqtt: [\n' >bad.yaml; chmod 644 bad.yaml");
    const struct loading all[] = {{"/dev/null", good_ones, false},
                                  {"/dev/null", wrong_ones, true},
                                  {"good.yaml", good_ones, false},
                                  {"bad.yaml", good_ones, true}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct loading loading = all[i];
        struct sweep sweep = {.attempt = load_settings, .context = &loading, .may_blame_the_system = true};
        sweep_run(&sweep, "settings");
        sweep.with_libraries = sweep.may_do_without = true; /* the C library sorts without, too */
        sweep_run(&sweep, "settings with libyaml");
    }
}

/* --- a revision judged
 * ------------------------------------------------------------------------------------------- */

#define GOOD "a: 1\nb: [x, y]\n"

static const struct fake_file files_before[] = {{"epoch.yaml", "{}\n"},
                                                {"services/a/one.yaml", GOOD},
                                                {"services/a/two.yaml", GOOD},
                                                {"services/three.yaml", GOOD}};
static const struct fake_file files_after[] = {{"epoch.yaml", "{}\n"},
                                               {"services/a/one.yaml", "a: 2\n"},
                                               {"services/b/four.yaml", GOOD},
                                               {"services/b/two.yaml", GOOD},
                                               {"services/three.yaml", GOOD}};
static const struct fake_file files_wrong[] = {{"services/a/one.yaml", "a: [\n"},
                                               {"services/Bad.yml", GOOD},
                                               {"services/two.yaml", "a: 1\na: 2\n"}};

static int judge_revision(void *context, struct error *err)
{
    struct judging *j = context;
    AUTO_CANDIDATE struct candidate candidate = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_FAKE struct fake_source source = fake_source_of(files_after, ARRAY_LEN(files_after));
    const struct candidate_base base = {.before = j->before, .in_force = j->in_force, .environment = j->environment};
    sweep_begin();
    int rc = candidate_judge(&source.source, &base, &candidate, &findings, err);
    sweep_end();
    assert_true(rc == 0 || candidate.len == 0);
    if (findings.errors > 0) /* want of memory is no verdict */
        fail_msg("%s", findings.len == 0 ? "a finding" : findings.items[0].message);
    if (rc == 0)
        assert_int_equal(candidate.len, 2); /* one changed, four new; two has moved only */
    return rc;
}

static int refuse_revision(void *context, struct error *err)
{
    struct judging *j = context;
    AUTO_CANDIDATE struct candidate candidate = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_FAKE struct fake_source source = fake_source_of(files_wrong, ARRAY_LEN(files_wrong));
    const struct candidate_base base = {.before = j->before, .in_force = j->in_force, .environment = j->environment, .mass_removal_allowed = true};
    sweep_begin();
    int rc = candidate_judge(&source.source, &base, &candidate, &findings, err);
    sweep_end();
    assert_int_equal(candidate.len, 0);
    if (rc == 0)
        assert_int_equal(findings.errors, 3); /* all of them, or none */
    return rc;
}

static void f11__candidate_survives_every_allocation_failing(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source before = fake_source_of(files_before, ARRAY_LEN(files_before));
    accept(&j, &before.source);
    sweep_run(&(struct sweep){.attempt = judge_revision, .context = &j}, "candidate good");
    sweep_run(&(struct sweep){.attempt = refuse_revision, .context = &j}, "candidate wrong");
}

/* --- what services are judged by
 * --------------------------------------------------------------------------------- */

#define RULES "profile: quiet\nbases: {\"*\": [common], \"a-*\": [extra]}\nschemas: {\"*\": all}\nconsumers: {a-one: 1}\n"
#define OPEN "type: object\nproperties: {v: {type: integer, default: 3, maximum: 9}}\n"

static const struct fake_file layers_before[] = {{"bases/common.yaml", "w: {x: 1}\n"},
                                                 {"bases/extra.yaml", "z: 1\n"},
                                                 {"epoch.yaml", RULES},
                                                 {"profiles/quiet/a-one.yaml", "v: 1\nw: {x: null}\n"},
                                                 {"schemas/all.yaml", OPEN},
                                                 {"services/a-one.yaml", "v: 2\n"},
                                                 {"services/two.yaml", "w: {q: 2}\n"}};
static const struct fake_file layers_after[] = {{"bases/common.yaml", "w: {x: 2}\n"},
                                                {"bases/extra.yaml", "z: 1\n"},
                                                {"epoch.yaml", RULES "policy: {breaking: allow}\n"},
                                                {"profiles/quiet/a-one.yaml", "v: 4\nw: {x: null}\n"},
                                                {"schemas/all.yaml", OPEN "required: [v]\n"},
                                                {"services/a-one.yaml", "v: 2\n"},
                                                {"services/two.yaml", "w: {q: 2}\n"}};
static const struct fake_file layers_wrong[] = {{"bases/common.yaml", "w: {x: 2}\n"},
                                                {"bases/extra.yaml", "z: 1\n"},
                                                {"epoch.yaml", RULES},
                                                {"profiles/quiet/a-one.yaml", "v: 10\n"},
                                                {"profiles/quiet/nobody.yaml", "v: 10\n"},
                                                {"schemas/all.yaml", OPEN},
                                                {"services/a-one.yaml", "v: 2\n"},
                                                {"services/two.yaml", "v: {q: 2}\n"}};

static int judge_layers(void *context, struct error *err)
{
    struct judging *j = context;
    AUTO_CANDIDATE struct candidate candidate = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_FAKE struct fake_source source = fake_source_of(layers_after, ARRAY_LEN(layers_after));
    const struct candidate_base base = {.before = j->before, .in_force = j->in_force, .environment = j->environment};
    sweep_begin();
    int rc = candidate_judge(&source.source, &base, &candidate, &findings, err);
    sweep_end();
    assert_true(rc == 0 || (candidate.len == 0 && candidate.environment == NULL));
    if (findings.errors > 0) /* want of memory is no verdict */
        fail_msg("%s", findings.len == 0 ? "a finding" : findings.items[0].message);
    if (rc == 0)
        assert_int_equal(candidate.len, 2);
    return rc;
}

static int refuse_layers(void *context, struct error *err)
{
    struct judging *j = context;
    AUTO_CANDIDATE struct candidate candidate = {0};
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_FAKE struct fake_source source = fake_source_of(layers_wrong, ARRAY_LEN(layers_wrong));
    const struct candidate_base base = {.before = j->before, .in_force = j->in_force, .environment = j->environment};
    sweep_begin();
    int rc = candidate_judge(&source.source, &base, &candidate, &findings, err);
    sweep_end();
    assert_int_equal(candidate.len, 0);
    if (rc == 0)
        assert_int_equal(findings.errors, 3); /* all of them, or none */
    return rc;
}

static void f11__layers_survive_every_allocation_failing(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source before = fake_source_of(layers_before, ARRAY_LEN(layers_before));
    accept(&j, &before.source);
    sweep_run(&(struct sweep){.attempt = judge_layers, .context = &j}, "layers good");
    /* A finding may do without the value it would show; that it is there is the verdict. */
    sweep_run(&(struct sweep){.attempt = refuse_layers, .context = &j, .may_do_without = true}, "layers wrong");
}

/* --- where a revision comes from
 * --------------------------------------------------------------------------------- */

static int read_all_of(const struct source *source, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    const char *path = "services/audio/one.yaml";
    const struct listing_entry *entry = listing_find_path(source->listing, path);
    assert_non_null(entry);
    if (source->read(source, path, entry, &text, err) != 0)
        return -1;
    assert_true(span_is(buf_span(&text), "a: 1\n"));
    return 0;
}

static int look_into_commit(void *context, struct error *err)
{
    AUTO_SOURCE struct source source = {0};
    AUTO_REPO struct repo *repo = NULL;
    struct oid tip;
    bool is_missing;
    (void)context;
    sweep_begin();
    if (repo_open(&repo, "here", &ours, err) != 0 ||
        repo_branch_tip(repo, "main", &is_missing, &tip, err) != 0 ||
        source_from_commit(repo, &tip, NULL, &source, err) != 0)
        return -1;
    return read_all_of(&source, err);
}

static int look_into_index(void *context, struct error *err)
{
    AUTO_SOURCE struct source source = {0};
    AUTO_REPO struct repo *repo = NULL;
    (void)context;
    sweep_begin();
    if (repo_open(&repo, "here", &ours, err) != 0 || source_from_index(repo, &source, err) != 0)
        return -1;
    return read_all_of(&source, err);
}

static int look_into_folder(void *context, struct error *err)
{
    AUTO_SOURCE struct source source = {0};
    (void)context;
    sweep_begin();
    if (source_from_folder("here", &source, err) != 0)
        return -1;
    return read_all_of(&source, err);
}

static void f11__sources_survive_every_allocation_failing(void **state)
{
    (void)state;
    sh("git init -q -b main here && cd here && mkdir -p services/audio && printf 'a: 1\\n' "
       ">services/audio/one.yaml\n"
       "printf 'b: 2\\n' >services/two.yaml && git add -A && git commit -q -m c");
    sweep_run(&(struct sweep){.attempt = look_into_commit, .may_blame_the_system = true},
              "repository and commit");
    sweep_run(&(struct sweep){.attempt = look_into_index, .may_blame_the_system = true}, "index");
    sweep_run(&(struct sweep){.attempt = look_into_folder, .may_blame_the_system = true}, "folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(f11__settings_survive_every_allocation_failing),
        cmocka_unit_test(f11__candidate_survives_every_allocation_failing),
        cmocka_unit_test(f11__layers_survive_every_allocation_failing),
        IN_A_FOLDER(f11__sources_survive_every_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
