/*
 * journal_read: see journal.h. Here: reading and verifying.
 *
 * The file is read in pieces and not mapped: a daemon that closes its journal cuts the file, and a mapping of
 * what was cut kills the reader (SIGBUS).
 *
 * Refused: whatever is not a regular file, a line that is not ours, a chain with a link missing. What a crash
 * leaves is told apart from damage by one rule: an append writes over zeros, so a line that was cut has a
 * hole or no end, and nothing sound stands behind it. Only for the last line damage gets the benefit of the
 * doubt: setting that aside and deriving it again loses nothing.
 */
#include "io/journal_priv.h"

#include <errno.h>

#include "model/codes.h"
#include "model/json.h"
#include "util/fs.h"

enum { READ_CHUNK = 256 * 1024 };

/* --- the file as runs of bytes ----------------------------------------------------------------------------------- */

enum run_end { RUN_LF, RUN_NUL, RUN_FILE_END, RUN_TOO_LONG };

/* Bytes without LF and NUL, and what ended them. */
struct run {
    struct span text; /* in the walk's window, until its next move */
    uint64_t offset;
    enum run_end end;
};

struct walk {
    int fd;
    const char *file;
    size_t line_max;
    struct buf window; /* with a NUL behind it */
    size_t at;         /* the next byte, in the window */
    uint64_t base;     /* where the window begins in the file */
    bool is_at_end;    /* there was nothing behind the window */
};

/* Reads on behind the window, dropping what was passed. */
static int walk_fill(struct walk *walk, struct error *err)
{
    struct buf *window = &walk->window;
    if (walk->at > 0) {
        memmove(window->data, window->data + walk->at, window->len - walk->at);
        buf_truncate(window, window->len - walk->at);
        walk->base += walk->at;
        walk->at = 0;
    }
    char *to = buf_reserve(window, READ_CHUNK + 1);
    if (to == NULL)
        return error_memory(err);
    ssize_t n;
    do
        n = pread(walk->fd, to, READ_CHUNK, (off_t)(walk->base + window->len));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot read '%s'", walk->file);
    walk->is_at_end = n == 0;
    window->len += (size_t)n;
    to[n] = '\0'; /* behind what was read: where a search for LF or NUL ends */
    return 0;
}

/* Goes on at `offset`, with bytes read anew. */
static void walk_seek(struct walk *walk, uint64_t offset)
{
    buf_reset(&walk->window);
    walk->at = 0;
    walk->base = offset;
    walk->is_at_end = false;
}

static enum run_end walk_run_end(const struct walk *walk, size_t len)
{
    if (len > walk->line_max)
        return RUN_TOO_LONG;
    if (walk->at + len == walk->window.len)
        return RUN_FILE_END;
    return walk->window.data[walk->at + len] == '\n' ? RUN_LF : RUN_NUL;
}

/* A NUL that ended a run is not passed: walk_skip_zeros does that. */
static int walk_next(struct walk *walk, struct run *out, struct error *err)
{
    const struct buf *window = &walk->window;
    for (size_t len = 0;;) {
        if (window->len > 0) {
            const char *from = window->data + walk->at;
            len = (size_t)(strchrnul(from + len, '\n') - from);
        }
        if (len > walk->line_max)
            len = walk->line_max + 1;
        if (walk->at + len < window->len || len > walk->line_max || walk->is_at_end) {
            const char *text = len == 0 ? "" : window->data + walk->at;
            *out = (struct run){{text, len}, walk->base + walk->at, walk_run_end(walk, len)};
            walk->at += len + (out->end == RUN_LF ? 1 : 0);
            return 0;
        }
        if (walk_fill(walk, err) != 0)
            return -1;
    }
}

static int walk_skip_zeros(struct walk *walk, struct error *err)
{
    const struct buf *window = &walk->window;
    for (;;) {
        while (walk->at < window->len && window->data[walk->at] == '\0')
            walk->at++;
        if (walk->at < window->len || walk->is_at_end)
            return 0;
        if (walk_fill(walk, err) != 0)
            return -1;
    }
}

/* --- what stands behind the last sound line ---------------------------------------------------------------------- */

static bool is_empty(const struct run *run)
{
    return run->text.len == 0 && run->end != RUN_LF;
}

static uint64_t end_of(const struct run *run)
{
    return run->offset + run->text.len + (run->end == RUN_LF ? 1 : 0);
}

static bool is_sound(const struct run *run, const struct mac_key *key)
{
    return run->end == RUN_LF && journal_line_check(run->text, key) == JOURNAL_SEAL_RIGHT;
}

/*
 * True if a sound line ends here, even where the LF before it is damaged and the run began earlier: `{"seq":`
 * stands nowhere but at the beginning of a line, since inside a string its quotes are escaped.
 */
static bool ends_sound(const struct run *run, const struct mac_key *key)
{
    static const char start[] = "{\"seq\":";
    enum { START_LEN = sizeof start - 1 };
    if (run->end != RUN_LF || run->text.len < START_LEN)
        return false;
    const char *first = run->text.data, *at = first + run->text.len - START_LEN;
    while (at > first && memcmp(at, start, START_LEN) != 0)
        at--;
    struct span line = {at, run->text.len - (size_t)(at - first)};
    return journal_line_check(line, key) == JOURNAL_SEAL_RIGHT;
}

/* Why a run is not a sound line. */
static const char *flaw_of(const struct run *run, const struct mac_key *key)
{
    switch (run->end) {
    case RUN_NUL:
        return "there is a hole of zeros in the line";
    case RUN_FILE_END:
        return "the line has no end";
    case RUN_TOO_LONG:
        return "the line is longer than any we write";
    case RUN_LF:
        break;
    }
    switch (journal_line_check(run->text, key)) {
    case JOURNAL_SEAL_MISSING:
        return "the line does not end in a key_id and an hmac";
    case JOURNAL_SEAL_FOREIGN:
        return "the line was written with another key";
    case JOURNAL_SEAL_WRONG:
    case JOURNAL_SEAL_RIGHT:
        break;
    }
    return "the HMAC of the line is wrong";
}

struct rest {
    uint64_t end;       /* behind the last byte that is not NUL */
    const char *flaw;   /* of the line it begins with */
    const char *damage; /* why that is no torn line; NULL: it is one, or there are zeros only */
};

/* Judges everything from the first run that is not a sound line to the end of the file. */
static int survey(struct walk *walk, const struct run *first, const struct mac_key *key, struct rest *out,
                  struct error *err)
{
    const bool is_complete = first->end == RUN_LF;
    struct run run = *first;
    struct rest rest = {.end = end_of(first), .flaw = flaw_of(first, key)};
    if (is_complete && journal_line_check(first->text, key) == JOURNAL_SEAL_FOREIGN)
        rest.damage = "and no crash does that";
    bool has_sound = ends_sound(first, key);
    for (;;) {
        if (walk_skip_zeros(walk, err) != 0 || walk_next(walk, &run, err) != 0)
            return -1;
        if (is_empty(&run))
            break;
        rest.end = end_of(&run);
        has_sound = has_sound || ends_sound(&run, key);
        if (is_complete)
            rest.damage = "and it is not the last";
    }
    if (has_sound)
        rest.damage = "and a sound line stands behind it";
    *out = rest;
    return 0;
}

/* --- the chain --------------------------------------------------------------------------------------------------- */

struct reading {
    struct walk walk;
    const struct mac_key *key;
    uint64_t after;
    journal_visit visit;
    void *context;
    struct journal_report report;
};

static void reading_fini(struct reading *reading)
{
    cleanup_close(&reading->walk.fd);
    buf_fini(&reading->walk.window);
}

static int corrupt(const struct reading *reading, struct error *err, const char *flaw, const char *damage)
{
    uint32_t line = (uint32_t)(reading->report.lines + 1);
    return error_at(err, CODE_JOURNAL_CORRUPT, reading->walk.file, line, 1, "%s%s%s", flaw,
                    damage == NULL ? "" : ", ", damage == NULL ? "" : damage);
}

/* NULL if the line follows on the one before. Only the first of a file may follow on one of another file. */
static const char *broken_link(const struct journal_report *report, const struct journal_head *head)
{
    static const uint8_t zeros[HASH_LEN];
    bool is_baseline = head->kind == RECORD_BASELINE && memcmp(head->prev, zeros, HASH_LEN) == 0;
    if (report->lines == 0 && head->seq == 1)
        return is_baseline ? NULL : "the very first line is not a baseline that follows on nothing";
    if (report->lines == 0)
        return head->kind == RECORD_CHECKPOINT
                   ? NULL
                   : "the file begins neither with a baseline nor with a checkpoint";
    if (head->seq != report->last.seq + 1)
        return "seq is not one more than in the line before";
    if (memcmp(head->prev, report->last.digest, HASH_LEN) != 0)
        return "prev is not the SHA-256 of the line before";
    return NULL;
}

static int check_format(const struct reading *reading, const struct doc_node *root, struct error *err)
{
    int64_t format;
    if (!doc_get_int(root, "format", &format) || format < 1)
        return corrupt(reading, err, "the baseline tells no format", NULL);
    if (format > RECORD_FORMAT)
        return error_at(err, CODE_FORMAT_NEWER, reading->walk.file, 1, 1,
                        "the journal has format %lld, this program knows formats up to %d", (long long)format,
                        RECORD_FORMAT);
    return 0;
}

/* Parses a sound line, for whoever wants to see what it says. */
static int show(const struct reading *reading, struct journal_line line, bool is_wanted, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    const struct json_options options = {
        .file = reading->walk.file,
        .limits = {.depth = 64, .nodes = 1000 * 1000, .size = JOURNAL_LINE_MAX},
    };
    if (json_read(line.text, &options, &doc, err) != 0)
        return error_is(err, ERR_MEMORY) ? -1 : corrupt(reading, err, "the line is not JSON", NULL);
    line.root = doc.root;
    if (line.position.seq == 1 && check_format(reading, doc.root, err) != 0)
        return -1;
    return is_wanted ? reading->visit(reading->context, &line, err) : 0;
}

/* Takes in a line whose HMAC is right. */
static int take_in(struct reading *reading, const struct run *run, struct error *err)
{
    struct journal_report *report = &reading->report;
    struct journal_head head;
    if (!journal_line_read_head(run->text, &head))
        return corrupt(reading, err, "the line does not begin with seq, prev, time and kind", NULL);
    const char *flaw = broken_link(report, &head);
    if (flaw != NULL)
        return corrupt(reading, err, flaw, NULL);
    struct journal_line line = {.time_ms = head.time_ms, .kind = head.kind, .text = run->text};
    line.position.seq = head.seq;
    hash_sha256(run->text.data, run->text.len, line.position.digest);
    bool is_wanted = reading->visit != NULL && head.seq > reading->after;
    if ((is_wanted || head.seq == 1) && show(reading, line, is_wanted, err) != 0)
        return -1;
    if (report->lines++ == 0) {
        report->before.seq = head.seq - 1;
        memcpy(report->before.digest, head.prev, HASH_LEN);
    }
    report->last = line.position;
    report->end = end_of(run);
    return 0;
}

static int read_lines(struct reading *reading, struct error *err)
{
    struct walk *walk = &reading->walk;
    struct run run;
    struct rest rest;
    for (;;) {
        if (walk_next(walk, &run, err) != 0)
            return -1;
        if (is_sound(&run, reading->key)) {
            if (take_in(reading, &run, err) != 0)
                return -1;
            continue;
        }
        if (survey(walk, &run, reading->key, &rest, err) != 0)
            return -1;
        reading->report.torn_bytes = rest.end - reading->report.end;
        if (rest.damage == NULL)
            return 0;
        /* Perhaps the line was being written when we read it, and what stands behind it after that: then it
           is sound by now. */
        walk_seek(walk, reading->report.end);
        if (walk_next(walk, &run, err) != 0)
            return -1;
        if (!is_sound(&run, reading->key))
            return corrupt(reading, err, rest.flaw, rest.damage);
        walk_seek(walk, reading->report.end);
    }
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* *out is -1 if there is no such file. */
static int open_file(int dir, const char *file, int *out, struct error *err)
{
    bool is_missing;
    return fs_open(dir, file, FS_ANY_OWNER, out, &is_missing, err);
}

/*
 * Between the two renames of a change of files the current journal still has the name of the next. Looking
 * for the first name once more finds it if the second rename came between our two looks.
 */
static int open_journal(int dir, const char *file, int *out, struct error *err)
{
    if (open_file(dir, file, out, err) != 0)
        return -1;
    if (*out >= 0 || strcmp(file, JOURNAL_FILE) != 0)
        return 0;
    if (open_file(dir, JOURNAL_NEXT_FILE, out, err) != 0)
        return -1;
    return *out >= 0 ? 0 : open_file(dir, file, out, err);
}

int journal_read_limited(int dir, const char *file, const struct mac_key *key, uint64_t after,
                         journal_visit visit, void *context, size_t line_max, struct journal_report *report,
                         struct error *err)
{
    CLEANUP(reading_fini)
    struct reading reading = {
        .walk = {.fd = -1, .file = file, .line_max = line_max},
        .key = key,
        .after = after,
        .visit = visit,
        .context = context,
    };
    if (open_journal(dir, file, &reading.walk.fd, err) != 0)
        return -1;
    if (reading.walk.fd >= 0 && read_lines(&reading, err) != 0)
        return -1;
    *report = reading.report;
    return 0;
}

int journal_read(int dir, const char *file, const struct mac_key *key, uint64_t after, journal_visit visit,
                 void *context, struct journal_report *report, struct error *err)
{
    return journal_read_limited(dir, file, key, after, visit, context, JOURNAL_LINE_MAX, report, err);
}
