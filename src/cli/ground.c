/*
 * ground: see ground.h.
 */
#include "cli/ground.h"

#include "cli/epochs.h"
#include "model/codes.h"

struct ground ground_new(void)
{
    return (struct ground){.local = {.state_dir = -1}, .source = {.work_dir = -1}};
}

void ground_fini(struct ground *ground)
{
    source_fini(&ground->source);
    repo_close(ground->repo);
    local_fini(&ground->local);
}

static int open_epoch(const struct cli *cli, const char *at, struct ground *out, struct error *err)
{
    int rc;
    if (!local_load(cli, &out->local, &rc))
        return error_set(err, CODE_SETTINGS, 0, "the settings do not tell where the journal is");
    if (epoch_find_commit(&out->local, out->repo, at, &out->commit, err) != 0)
        return -1;
    out->has_commit = true;
    return source_from_commit(out->repo, &out->commit, NULL, &out->source, err);
}

int ground_open(const struct cli *cli, const char *at, struct ground *out, struct error *err)
{
    struct error unborn;
    if (cli_open_repo(cli, &out->repo, err) != 0)
        return -1;
    if (at != NULL)
        return open_epoch(cli, at, out, err);
    out->is_edited = repo_work_dir(out->repo) != NULL;
    out->has_commit = repo_resolve(out->repo, "HEAD", &out->commit, &unborn) == 0;
    if (out->is_edited)
        return source_from_folder(repo_work_dir(out->repo), &out->source, err);
    if (!out->has_commit) {
        *err = unborn;
        return -1;
    }
    return source_from_commit(out->repo, &out->commit, NULL, &out->source, err);
}
