/*
 * hook_answer: see hook_answer.h.
 */
#include "cli/hook_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "config/changes.h"
#include "config/revision.h"
#include "config/source.h"
#include "util/clock.h"

enum { NAMES_SHOWN = 8 };

int hook_served_branch(struct repo *repo, char out[static 256], struct error *err)
{
    bool found;
    if (repo_config_get(repo, "epochd.branch", &found, out, 256, err) != 0)
        return -1;
    if (!found)
        snprintf(out, 256, "main");
    return 0;
}

bool hook_parse_push(struct span line, struct hook_push *out)
{
    static const char heads[] = "refs/heads/";
    const size_t ref_at = 2 * (OID_HEX_LEN + 1);
    if (line.len <= ref_at + sizeof heads - 1 || line.len - ref_at - (sizeof heads - 1) >= sizeof out->branch)
        return false;
    if (!oid_parse((struct span){line.data, OID_HEX_LEN}, &out->before) ||
        !oid_parse((struct span){line.data + OID_HEX_LEN + 1, OID_HEX_LEN}, &out->after) ||
        memcmp(line.data + ref_at, heads, sizeof heads - 1) != 0)
        return false;
    size_t len = line.len - ref_at - (sizeof heads - 1);
    memcpy(out->branch, line.data + ref_at + sizeof heads - 1, len);
    out->branch[len] = '\0';
    return true;
}

/* What services share; a change of it means services whose own files are the same. */
static bool shares_differ(const struct listing *before, const struct listing *after)
{
    static const char *const shared[] = {"bases", "epoch.yaml", "profiles", "schemas"};
    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        const struct listing_entry *was = before == NULL ? NULL : listing_find(before, shared[i]);
        const struct listing_entry *is = listing_find(after, shared[i]);
        if ((was == NULL) != (is == NULL) || (was != NULL && !oid_equal(&was->oid, &is->oid)))
            return true;
    }
    return false;
}

static void put_name(struct buf *out, size_t index, size_t len, const char *name)
{
    if (index < NAMES_SHOWN)
        buf_printf(out, "%s%s", index == 0 ? "" : ", ", name);
    else if (index + 1 == len)
        buf_printf(out, " and %zu more", len - NAMES_SHOWN);
}

/* By what is effective, since something that is shared differs: what was valid before is read whole, and then what it touches. */
static bool name_touched(struct repo *repo, const struct oid *before, const struct source *new, struct buf *out)
{
    struct revision was AUTO_REVISION = {0};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error ignored;
    if (oid_is_zero(before) || revision_before(repo, before, &was, &ignored) != 0 || was.catalog == NULL)
        return false;
    struct candidate_base base = revision_base(&was, true);
    base.reads_all = false; /* for no warning */
    base.is_past = true;
    if (candidate_judge(new, &base, &candidate, &findings, &ignored) != 0 || findings.errors > 0)
        return false;
    for (size_t i = 0; i < candidate.len; i++)
        put_name(out, i, candidate.len, candidate.services[i].name);
    return true;
}

/* The services that change: where nothing but their own files differs by names alone, since judging has been done. false where
   it cannot be told. */
static bool name_services(struct repo *repo, const struct oid *before, const struct oid *after, struct buf *out)
{
    struct source old AUTO_SOURCE = {.work_dir = -1}, new AUTO_SOURCE = {.work_dir = -1};
    struct changes changes AUTO_CHANGES = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error ignored;
    if (!oid_is_zero(before) && source_from_commit(repo, before, NULL, &old, &ignored) != 0)
        return false;
    if (source_from_commit(repo, after, old.listing, &new, &ignored) != 0)
        return false;
    if (shares_differ(old.listing, new.listing)) {
        if (!name_touched(repo, before, &new, out))
            return false;
    } else {
        if (changes_load(old.listing, new.listing, &changes, &findings, &ignored) != 0)
            return false;
        for (size_t i = 0; i < changes.len; i++)
            put_name(out, i, changes.len, changes.items[i].name);
    }
    buf_putc(out, '\0');
    return !out->failed;
}

static void answer(const char *config, struct repo *repo, const struct hook_push *push)
{
    struct buf services AUTO_BUF = {0};
    struct answer_told told AUTO_ANSWER_TOLD = {0};
    struct error err;
    unsigned wait_ms;
    struct answer_question question = {.branch = push->branch, .commit = push->after, .asked_us = clock_mono_us()};
    if (name_services(repo, &push->before, &push->after, &services))
        question.services = services.data;
    if (answer_wait_ms(repo, &wait_ms, &err) != 0) {
        fprintf(stderr, "epochd: %s\n", err.message);
        wait_ms = ANSWER_WAIT_MS;
    }
    if (answer_wait(config, repo, &question, wait_ms, &told) == ANSWER_NOT_HERE || told.line.failed)
        return;
    /* What begins with its name says already who it is about. */
    bool is_named = told.line.len > 7 && memcmp(told.line.data, "epochd ", 7) == 0;
    fprintf(stderr, "%s%.*s\n", is_named ? "" : "epochd: ", (int)told.line.len, told.line.data);
}

/* Where the branch was before this: its reflog knows it of an amend, a rebase and a pull of many commits too. */
static void find_before(struct repo *repo, const struct repo_commit *commit, struct hook_push *push)
{
    char revision[sizeof push->branch + sizeof "refs/heads/@{1}"];
    struct error ignored;
    snprintf(revision, sizeof revision, "refs/heads/%s@{1}", push->branch);
    if (push->branch[0] == '\0' || repo_resolve(repo, revision, &push->before, &ignored) != 0)
        push->before = commit->first_parent;
}

void hook_answer_head(const char *config, struct repo *repo)
{
    struct hook_push push = {0};
    struct repo_commit commit;
    struct error ignored;
    if (repo_resolve(repo, "HEAD", &push.after, &ignored) != 0 || repo_read_commit(repo, &push.after, &commit, &ignored) != 0 ||
        repo_head_branch(repo, push.branch, sizeof push.branch, &ignored) != 0)
        return;
    /* A rebase makes commits one by one on no branch; its end is told. */
    if (push.branch[0] == '\0' && repo_is_rebasing(repo))
        return;
    find_before(repo, &commit, &push);
    if (push.branch[0] == '\0')
        snprintf(push.branch, sizeof push.branch, "HEAD");
    answer(config, repo, &push);
}

void hook_answer_push(const char *config, struct repo *repo)
{
    char *line AUTO_FREE = NULL;
    struct hook_push push;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct span text = {line, (size_t)len - (line[len - 1] == '\n')};
        if (hook_parse_push(text, &push) && !oid_is_zero(&push.after))
            answer(config, repo, &push);
    }
}
