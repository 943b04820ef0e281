/*
 * journal_files: see journal_files.h.
 */
#include "io/journal_files.h"

#include <string.h>

#include "model/codes.h"
#include "util/array.h"
#include "util/fs.h"
#include "util/num.h"

void journal_file_name(uint64_t last_seq, char out[static JOURNAL_NAME_MAX])
{
    snprintf(out, JOURNAL_NAME_MAX, "journal-%llu.jsonl", (unsigned long long)last_seq);
}

void journal_files_fini(struct journal_files *files)
{
    free(files->last_seqs);
    *files = (struct journal_files){0};
}

static bool parse_name(const char *name, uint64_t *seq)
{
    static const char begin[] = "journal-", end[] = ".jsonl";
    size_t len = strlen(name), around = sizeof begin - 1 + sizeof end - 1;
    return len > around && strncmp(name, begin, sizeof begin - 1) == 0 &&
           strcmp(name + len - (sizeof end - 1), end) == 0 &&
           num_parse_u64((struct span){name + sizeof begin - 1, len - around}, seq);
}

static int add(void *context, const char *name, struct error *err)
{
    struct journal_files *files = context;
    uint64_t seq;
    if (!parse_name(name, &seq))
        return 0;
    uint64_t *grown = array_grow(files->last_seqs, files->len, &files->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    files->last_seqs = grown;
    files->last_seqs[files->len++] = seq;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int journal_files_list(int dir, struct journal_files *out, struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    if (fs_each_name(dir, add, &files, err) != 0)
        return error_wrap(err, "the state folder");
    if (files.len > 1)
        qsort(files.last_seqs, files.len, sizeof files.last_seqs[0], compare);
    *out = files;
    files = (struct journal_files){0};
    return 0;
}

static void put_name(const struct journal_files *files, size_t at, char out[static JOURNAL_NAME_MAX])
{
    if (at < files->len)
        journal_file_name(files->last_seqs[at], out);
    else
        snprintf(out, JOURNAL_NAME_MAX, JOURNAL_FILE);
}

/* Two files belong together if the second begins with what the first ended on. */
static int check_follows(const struct journal_report *earlier, const char *first, const struct journal_report *later,
                         const char *second, struct error *err)
{
    unsigned long long end = earlier->last.seq, begin = later->before.seq;
    if (earlier->lines == 0)
        return 0; /* nothing was read before it */
    if (later->lines > 0 && begin == end && memcmp(later->before.digest, earlier->last.digest, HASH_LEN) == 0)
        return 0;
    if (later->lines == 0)
        return error_set(err, CODE_JOURNAL_CORRUPT, 0, "%s is missing or empty, and %s ends at line %llu: put it back",
                         second, first, end);
    if (begin == 0)
        return error_set(err, CODE_JOURNAL_CORRUPT, 0,
                         "%s begins anew, so %s is of another journal: if the first is the right one, move the other "
                         "out of the folder",
                         second, first);
    if (begin > end)
        return error_set(err, CODE_JOURNAL_CORRUPT, 0,
                         "the lines %llu to %llu are missing between %s and %s: put journal-%llu.jsonl back", end + 1,
                         begin, first, second, begin);
    return error_set(err, CODE_JOURNAL_CORRUPT, 0,
                     "%s does not follow on line %llu of %s: one of them is of another journal", second, end, first);
}

int journal_files_read(int dir, const struct journal_files *files, size_t first, const struct mac_key *key,
                       uint64_t after, journal_visit visit, void *context, struct journal_report *report,
                       struct error *err)
{
    struct journal_report earlier = {0}, later = {0};
    char name[JOURNAL_NAME_MAX], before[JOURNAL_NAME_MAX] = "";
    for (size_t i = first; i <= files->len; i++) {
        bool is_ended = i < files->len;
        if (is_ended && files->last_seqs[i] <= after)
            continue;
        put_name(files, i, name);
        if (journal_read(dir, name, key, after, visit, context, &later, err) != 0)
            return is_ended ? error_wrap(err, "%s", name) : -1;
        if (check_follows(&earlier, before, &later, name, err) != 0)
            return -1;
        earlier = later;
        memcpy(before, name, sizeof before);
    }
    *report = later;
    return 0;
}
