/*
 * judging: revisions one after the other, each judged against the one accepted before, for the tests of
 * candidate.
 */
#ifndef TESTS_UNIT_JUDGING_H
#define TESTS_UNIT_JUDGING_H

#include "config/candidate.h"
#include "fake_source.h"

struct judging {
    struct listing *before;
    struct catalog *in_force;
    struct environment *environment;
    bool mass_removal_allowed, reads_all;
    struct candidate candidate; /* of the last revision judged */
    struct findings findings;
    struct error err;
};

#define AUTO_JUDGING CLEANUP(judging_fini)

static inline void judging_fini(struct judging *j)
{
    listing_unref(j->before);
    catalog_unref(j->in_force);
    environment_unref(j->environment);
    candidate_fini(&j->candidate);
    findings_fini(&j->findings);
}

static inline int judge(struct judging *j, const struct source *source)
{
    const struct candidate_base base = {.before = j->before,
                                        .in_force = j->in_force,
                                        .environment = j->environment,
                                        .reads_all = j->reads_all,
                                        .mass_removal_allowed = j->mass_removal_allowed};
    candidate_fini(&j->candidate);
    findings_fini(&j->findings);
    int result = candidate_judge(source, &base, &j->candidate, &j->findings, &j->err);
    assert_true(j->findings.errors == 0 || (j->candidate.len == 0 && j->candidate.listing == NULL));
    return result;
}

/* A service as the daemon keeps it, without a path: after a restart it has none. */
static inline struct service *service_of(const char *name, struct span config)
{
    struct service *service = service_new(name, "", 1, config, config);
    assert_non_null(service);
    return service;
}

/* Puts all of them in force; those without a config go. */
static inline void put_all_in_force(struct judging *j, const struct candidate_service *services, size_t len)
{
    struct catalog_change *changes = calloc(len + 1, sizeof *changes);
    struct catalog *next = NULL;
    assert_non_null(changes);
    for (size_t i = 0; i < len; i++)
        changes[i] = (struct catalog_change){
            .name = services[i].name,
            .service =
                services[i].config.data == NULL ? NULL : service_of(services[i].name, services[i].config),
        };
    if (j->in_force == NULL)
        j->in_force = catalog_new();
    assert_int_equal(catalog_with(j->in_force, changes, len, &next, &j->err), 0);
    catalog_unref(j->in_force);
    j->in_force = next;
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    free(changes);
}

static inline void put_in_force(struct judging *j, const char *name, struct span config)
{
    struct candidate_service service = {.config = config};
    snprintf(service.name, sizeof service.name, "%s", name);
    put_all_in_force(j, &service, 1);
}

/* Judges a revision that must be valid, and accepts it. */
static inline void accept(struct judging *j, const struct source *source)
{
    assert_int_equal(judge(j, source), 0);
    if (j->findings.errors > 0)
        fail_msg("%s: %s", j->findings.items[0].file, j->findings.items[0].message);
    put_all_in_force(j, j->candidate.services, j->candidate.len);
    listing_unref(j->before);
    j->before = listing_ref(j->candidate.listing);
    environment_unref(j->environment);
    j->environment = environment_ref(j->candidate.environment);
}

/* What the last revision changes: "name=config name=config -name ", total and removed. */
static inline void assert_changes(const struct judging *j, const char *wanted, size_t total)
{
    AUTO_BUF struct buf text = {0};
    size_t removed = 0;
    for (size_t i = 0; i < j->candidate.len; i++) {
        const struct candidate_service *service = &j->candidate.services[i];
        removed += service->path == NULL;
        if (service->path == NULL)
            buf_printf(&text, "-%s ", service->name);
        else
            buf_printf(&text, "%s=%.*s ", service->name, (int)service->config.len, service->config.data);
    }
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
    assert_int_equal(j->candidate.total, total);
    assert_int_equal(j->candidate.removed, removed);
}

/* The revision is invalid, with exactly this one error. */
static inline void assert_invalid(struct judging *j, const struct source *source, const char *code,
                                  const char *file, const char *words)
{
    assert_int_equal(judge(j, source), 0);
    assert_int_equal(j->findings.errors, 1);
    const struct finding *finding = j->findings.items;
    while (finding->severity != FINDING_ERROR)
        finding++;
    assert_string_equal(finding->code, code);
    assert_string_equal(finding->file, file);
    if (strstr(finding->message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", finding->message, words);
}

#endif
