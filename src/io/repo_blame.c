/*
 * repo_blame: which commit a line came with.
 *
 * Lines are handed from a commit to a parent that has them too, until none has: then the commit wrote them. A parent
 * whose file is the same, byte for byte, takes them all, so a merge is passed through to the side that wrote. Only the
 * lines that are asked about are followed. Commits are taken newest first; clocks that were wrong cost time and never
 * the answer.
 *
 * libgit2's own blame is not used: it cannot be bounded, and it reads the whole tree of every commit as objects.
 */
#include "io/repo_priv.h"
#include "model/codes.h"
#include "model/layout.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/clock.h"

enum { PARENTS_MAX = 64, TREE_MAX = 16 * 1024 * 1024 };

/* A line: where it is in the file of the commit at hand, and which of the question's it is. */
struct traced {
    uint32_t at;
    size_t index;
};

/* A commit that has lines which it may have written. */
struct suspect {
    struct oid commit;
    int64_t time_ms;
    const char *path; /* in the arena */
    struct oid blob;
    struct traced *lines;
    size_t len, cap;
};

struct blame {
    struct repo *repo;
    struct repo_blame_line *lines;
    struct suspect *suspects;
    size_t len, cap;
    struct arena arena;
};

static void suspect_fini(struct suspect *suspect)
{
    free(suspect->lines);
}

static void blame_fini(struct blame *blame)
{
    for (size_t i = 0; i < blame->len; i++)
        suspect_fini(&blame->suspects[i]);
    free(blame->suspects);
    arena_fini(&blame->arena);
}

static int add_line(struct suspect *suspect, struct traced line, struct error *err)
{
    struct traced *grown = array_grow(suspect->lines, suspect->len, &suspect->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    suspect->lines = grown;
    suspect->lines[suspect->len++] = line;
    return 0;
}

/* --- files of commits ----------------------------------------------------------------------------------- */

/* *found false: there is no plain file of that name. */
static int find_in_tree(struct repo *repo, const struct oid *tree, struct span name, bool *found,
                        struct repo_tree_entry *out, struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    if (repo_get_object(repo, tree, GIT_OBJECT_TREE, TREE_MAX, &object, err) != 0)
        return -1;
    struct span text = {git_odb_object_data(object), git_odb_object_size(object)};
    *found = false;
    while (!*found && text.len > 0 && repo_take_entry(&text, out))
        *found = span_equal(out->name, name);
    return 0;
}

static int find_blob(struct repo *repo, const struct oid *tree, const char *path, bool *found, struct oid *blob,
                     struct error *err)
{
    struct repo_tree_entry entry = {.oid = *tree};
    for (const char *rest = path;; rest++) {
        size_t len = strcspn(rest, "/");
        struct oid folder = entry.oid;
        if (find_in_tree(repo, &folder, (struct span){rest, len}, found, &entry, err) != 0)
            return -1;
        rest += len;
        bool is_folder = *found && entry.mode == LAYOUT_MODE_DIR;
        if (*rest == '\0' || !is_folder) {
            *found = *found && *rest == '\0' && (entry.mode == LAYOUT_MODE_FILE || entry.mode == LAYOUT_MODE_EXEC);
            *blob = entry.oid;
            return 0;
        }
    }
}

/* The path of a file of that name below a folder of services; NULL: there is none, or memory is out. */
static const char *find_below(const struct listing *folder, const char *at, const char *name, struct arena *arena,
                              struct oid *blob)
{
    for (size_t i = 0; i < folder->len; i++) {
        const struct listing_entry *entry = &folder->entries[i];
        char path[1024];
        const char *found = NULL;
        if (entry->folder == NULL && strcmp(entry->name, name) != 0)
            continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", at, entry->name) >= sizeof path)
            continue;
        if (entry->folder != NULL)
            found = find_below(entry->folder, path, name, arena, blob);
        else
            found = arena_copy(arena, path, strlen(path));
        if (found != NULL && entry->folder == NULL)
            *blob = entry->oid;
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* A service's file is known by its name: in which folder it lies is for people. */
static int find_moved(struct blame *blame, const struct oid *tree, const char **path, bool *found, struct oid *blob,
                      struct error *err)
{
    struct listing *listing AUTO_LISTING = NULL;
    const char *name = strrchr(*path, '/');
    if (name == NULL || strncmp(*path, "services/", strlen("services/")) != 0)
        return 0;
    if (repo_list(blame->repo, tree, NULL, &listing, err) != 0)
        return -1;
    const struct listing_entry *services = listing_find(listing, "services");
    const char *was = services == NULL || services->folder == NULL
                          ? NULL
                          : find_below(services->folder, "services", name + 1, &blame->arena, blob);
    *found = was != NULL;
    if (*found)
        *path = was;
    return 0;
}

/* --- differences ---------------------------------------------------------------------------------------- */

struct hunks {
    git_diff_hunk *items;
    size_t len, cap;
};

static void hunks_fini(struct hunks *hunks)
{
    free(hunks->items);
}

static int on_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *payload)
{
    struct hunks *hunks = payload;
    (void)delta;
    git_diff_hunk *grown = array_grow(hunks->items, hunks->len, &hunks->cap, sizeof *grown);
    if (grown == NULL)
        return -1;
    hunks->items = grown;
    hunks->items[hunks->len++] = *hunk;
    return 0;
}

static int compare(struct span before, struct span after, struct hunks *out, struct error *err)
{
    git_diff_options options;
    if (git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION) != 0)
        return error_memory(err);
    options.context_lines = 0;
    options.flags = GIT_DIFF_FORCE_TEXT;
    int rc = git_diff_buffers(before.data, before.len, NULL, after.data, after.len, NULL, &options, NULL, NULL, on_hunk,
                              NULL, out);
    return rc == 0 ? 0 : error_memory(err);
}

/* Where a line of `after` was in `before`; 0: it is new. Hunks are in order. */
static uint32_t line_before(const struct hunks *hunks, uint32_t line)
{
    int64_t at = line;
    for (size_t i = 0; i < hunks->len; i++) {
        const git_diff_hunk *hunk = &hunks->items[i];
        int64_t first = hunk->new_lines > 0 ? hunk->new_start : hunk->new_start + 1;
        if (first > line)
            break;
        if (line < first + hunk->new_lines)
            return 0;
        at += (int64_t)hunk->old_lines - hunk->new_lines;
    }
    return at > 0 ? (uint32_t)at : 0;
}

/* --- handing lines on ----------------------------------------------------------------------------------- */

/* The suspect of a commit and path, made where there is none. NULL: memory is out. */
static struct suspect *suspect_of(struct blame *blame, const struct oid *commit, int64_t time_ms, const char *path,
                                  const struct oid *blob)
{
    for (size_t i = 0; i < blame->len; i++)
        if (oid_equal(&blame->suspects[i].commit, commit) && strcmp(blame->suspects[i].path, path) == 0)
            return &blame->suspects[i];
    struct suspect *grown = array_grow(blame->suspects, blame->len, &blame->cap, sizeof *grown);
    if (grown == NULL)
        return NULL;
    blame->suspects = grown;
    struct suspect *made = &blame->suspects[blame->len++];
    *made = (struct suspect){.commit = *commit, .time_ms = time_ms, .path = path, .blob = *blob};
    return made;
}

static void settle(struct blame *blame, const struct suspect *suspect, enum repo_blame_kind kind)
{
    for (size_t i = 0; i < suspect->len; i++) {
        struct repo_blame_line *line = &blame->lines[suspect->lines[i].index];
        line->kind = kind;
        line->commit = suspect->commit;
    }
}

/* What one parent has of the file. */
struct parent {
    struct oid commit;
    int64_t time_ms;
    const char *path;
    struct oid blob;
    bool found;
};

static int look_at_parent(struct blame *blame, const char *path, struct parent *parent, struct error *err)
{
    struct repo_commit about;
    if (repo_read_commit(blame->repo, &parent->commit, &about, err) != 0)
        return -1;
    parent->path = path;
    parent->time_ms = about.time_ms;
    if (find_blob(blame->repo, &about.tree, path, &parent->found, &parent->blob, err) != 0)
        return -1;
    return parent->found ? 0 : find_moved(blame, &about.tree, &parent->path, &parent->found, &parent->blob, err);
}

static int hand_over(struct blame *blame, struct suspect *from, const struct parent *to, const struct hunks *hunks,
                     struct error *err)
{
    struct suspect *suspect = suspect_of(blame, &to->commit, to->time_ms, to->path, &to->blob);
    size_t kept = 0;
    if (suspect == NULL)
        return error_memory(err);
    for (size_t i = 0; i < from->len; i++) {
        struct traced line = from->lines[i];
        line.at = hunks == NULL ? line.at : line_before(hunks, line.at);
        if (line.at == 0)
            from->lines[kept++] = from->lines[i];
        else if (add_line(suspect, line, err) != 0)
            return -1;
    }
    from->len = kept;
    return 0;
}

static int hand_differences(struct blame *blame, struct suspect *from, const struct parent *to, const struct buf *text,
                            struct error *err)
{
    struct buf before AUTO_BUF = {0};
    struct hunks hunks CLEANUP(hunks_fini) = {0};
    if (repo_read_blob(blame->repo, &to->blob, REPO_BLAME_FILE_MAX, &before, err) != 0 ||
        compare(buf_span(&before), buf_span(text), &hunks, err) != 0)
        return -1;
    return hand_over(blame, from, to, &hunks, err);
}

static size_t read_parents(struct span commit, struct parent out[static PARENTS_MAX])
{
    static const char name[] = "parent ";
    size_t len = 0;
    const char *end = memmem(commit.data, commit.len, "\n\n", 2), *at = commit.data;
    while (end != NULL && at < end && len < PARENTS_MAX) {
        const char *next = memchr(at, '\n', (size_t)(end + 1 - at));
        struct span line = {at, (size_t)(next - at)};
        if (line.len == sizeof name - 1 + OID_HEX_LEN && memcmp(at, name, sizeof name - 1) == 0 &&
            oid_parse((struct span){at + sizeof name - 1, OID_HEX_LEN}, &out[len].commit))
            len++;
        at = next + 1;
    }
    return len;
}

/* Takes a suspect apart: its lines go to parents, and what no parent has was written by it. */
static int question_suspect(struct blame *blame, struct suspect *suspect, struct error *err)
{
    struct parent parents[PARENTS_MAX] = {0};
    AUTO_GIT(git_odb_object) object = NULL;
    struct repo_commit_parts parts;
    struct buf text AUTO_BUF = {0};
    bool exists = true;
    if (repo_get_commit(blame->repo, &suspect->commit, &object, &parts, err) != 0)
        return -1;
    size_t len = read_parents((struct span){git_odb_object_data(object), git_odb_object_size(object)}, parents);
    for (size_t i = 0; i < len; i++) {
        if (repo_has_commit(blame->repo, &parents[i].commit, &exists, err) != 0)
            return -1;
        if (!exists) {
            settle(blame, suspect, REPO_BLAME_OLDER); /* a shallow clone ends here */
            return 0;
        }
        if (look_at_parent(blame, suspect->path, &parents[i], err) != 0)
            return -1;
        if (parents[i].found && oid_equal(&parents[i].blob, &suspect->blob))
            return hand_over(blame, suspect, &parents[i], NULL, err);
    }
    if (len > 0 && repo_read_blob(blame->repo, &suspect->blob, REPO_BLAME_FILE_MAX, &text, err) != 0)
        return -1;
    for (size_t i = 0; i < len && suspect->len > 0; i++)
        if (parents[i].found && hand_differences(blame, suspect, &parents[i], &text, err) != 0)
            return -1;
    settle(blame, suspect, REPO_BLAME_COMMIT);
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

/* The newest, taken out. */
static struct suspect take_newest(struct blame *blame)
{
    size_t newest = 0;
    for (size_t i = 1; i < blame->len; i++)
        if (blame->suspects[i].time_ms > blame->suspects[newest].time_ms)
            newest = i;
    struct suspect taken = blame->suspects[newest];
    blame->suspects[newest] = blame->suspects[--blame->len];
    return taken;
}

/* The lines of a work tree's file are those of the commit, or nobody's yet. */
static int begin(struct blame *blame, const struct repo_blame *question, size_t len, struct error *err)
{
    struct suspect edited CLEANUP(suspect_fini) = {0};
    struct parent tip = {.commit = question->commit};
    const char *path = arena_copy(&blame->arena, question->path, strlen(question->path));
    if (path == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++) {
        blame->lines[i].kind = REPO_BLAME_UNCOMMITTED;
        blame->lines[i].commit = (struct oid){0};
        if (add_line(&edited, (struct traced){blame->lines[i].line, i}, err) != 0)
            return -1;
    }
    if (look_at_parent(blame, path, &tip, err) != 0)
        return -1;
    if (!tip.found)
        return 0;
    if (question->text.data == NULL)
        return hand_over(blame, &edited, &tip, NULL, err);
    struct buf text AUTO_BUF = {0};
    buf_append_span(&text, question->text);
    return buf_check(&text, err) != 0 ? -1 : hand_differences(blame, &edited, &tip, &text, err);
}

int repo_blame(struct repo *repo, const struct repo_blame *question, struct repo_blame_line *lines, size_t len,
               struct error *err)
{
    struct blame blame CLEANUP(blame_fini) = {.repo = repo, .lines = lines};
    int64_t end = question->budget_ms == 0 ? INT64_MAX : clock_boot_ms() + question->budget_ms;
    if (begin(&blame, question, len, err) != 0)
        return -1;
    for (size_t seen = 0; blame.len > 0; seen += seen < REPO_BLAME_COMMITS_MAX) {
        struct suspect suspect CLEANUP(suspect_fini) = take_newest(&blame);
        if (seen == REPO_BLAME_COMMITS_MAX || clock_boot_ms() > end)
            settle(&blame, &suspect, REPO_BLAME_OLDER);
        else if (question_suspect(&blame, &suspect, err) != 0)
            return -1;
    }
    return 0;
}
