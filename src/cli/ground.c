/*
 * ground: see ground.h.
 */
#include "cli/ground.h"

#include "cli/point.h"

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
    struct point point;
    if (point_find_here(cli, &out->local, out->repo, at, &point, err) != 0)
        return -1;
    out->commit = point.commit;
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
