/*
 * damage: what one real file of the daemon, damaged in every way of a kind, is to our own readers.
 *
 *   damage journal|lkg|keyset|update|head|keepalive <folder of keys> <source> <file> <stride>
 *
 * Every bit flipped (each <stride>-th), the file cut at every length, filled with zeros from every byte on, and every
 * byte put behind it. What is signed must be refused with a code for it. A journal is refused as corrupt, or read up to
 * its last sound line, which only damage behind that line allows; what a cut or a zeroed tail leaves of a line is set
 * aside byte for byte when the journal is opened. A journal is damaged in a folder of ours in the current one.
 *
 * Prints one JSON object: how often each was tried, how many were wrong and which was the first.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/journal.h"
#include "model/codes.h"
#include "util/fs.h"
#include "util/macros.h"
#include "util/num.h"
#include "verify/keyring.h"
#include "verify/message.h"
#include "verify/snapshot.h"

enum { LINES_MAX = 4096, NAME_MAX_LEN = 64 };

enum damage { FLIPPED, CUT, ZEROED, EXTENDED, DAMAGES };
static const char *const damage_names[DAMAGES] = {"flipped", "cut", "zeroed", "extended"};

struct subject;
/* True if the bytes were accepted. */
typedef bool (*reader)(const struct subject *subject, struct span bytes, struct error *err);

struct subject {
    struct keyring keyring;
    const char *source;
    reader read;             /* NULL: a journal */
    enum message_type type;
    struct buf original, bytes; /* as it was; as it is now */
    int dir, file;           /* of a journal: a folder of ours, and the file in it */
    struct {
        uint64_t end;
        uint8_t digest[HASH_LEN];
    } lines[LINES_MAX]; /* of the original journal */
    size_t lines_len;
};

struct tally {
    uint64_t tried[DAMAGES], set_aside, bad;
    char first[128]; /* the first that was wrong */
};

/* --- what is signed ------------------------------------------------------------------------------------- */

static bool read_message(const struct subject *subject, struct span bytes, struct error *err)
{
    AUTO_MESSAGE struct message message = {0};
    const struct expectation expected = {.type = subject->type, .source = subject->source};
    return message_verify(bytes, &subject->keyring.verified, &expected, &message, err) == 0;
}

static bool read_keyset(const struct subject *subject, struct span bytes, struct error *err)
{
    struct keyset keyset;
    return keyset_verify(bytes, &subject->keyring.roots, subject->source, &keyset, err) == 0;
}

static bool read_snapshot(const struct subject *subject, struct span bytes, struct error *err)
{
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    return snapshot_read(bytes, &subject->keyring.lkg, NULL, subject->source, &snapshot, err) == 0 &&
           snapshot_verify(&snapshot, &subject->keyring.roots, true, &verified, err) == 0;
}

/* Damage of the bytes is never told as anything but that: not as another host's, another key's or a newer format. */
static bool tells_damage(const struct error *err)
{
    static const char *const codes[] = {CODE_MESSAGE_FORM, CODE_BAD_SIGNATURE, CODE_KEYSET_REFUSED, CODE_LKG_FORM,
                                        CODE_LKG_BAD_MAC};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (err->code != NULL && strcmp(err->code, codes[i]) == 0)
            return true;
    return false;
}

static bool is_refused(const struct subject *subject)
{
    struct error err = {0};
    struct span bytes = buf_span(&subject->bytes);
    if (!subject->read(subject, bytes, &err))
        return tells_damage(&err);
    /* What an editor puts at the end of a file is no damage: the same snapshot. */
    struct span original = buf_span(&subject->original);
    return subject->read == read_snapshot && bytes.len == original.len + 1 && bytes.data[original.len] == '\n' &&
           memcmp(bytes.data, original.data, original.len) == 0;
}

/* --- the journal ---------------------------------------------------------------------------------------- */

static bool put_file(const struct subject *subject, struct error *err)
{
    if (ftruncate(subject->file, 0) != 0)
        return false;
    return fs_write_at(subject->file, buf_span(&subject->bytes), 0, err) == 0;
}

static size_t intact_lines(const struct subject *subject, uint64_t intact)
{
    size_t n = 0;
    while (n < subject->lines_len && subject->lines[n].end <= intact)
        n++;
    return n;
}

/* What was read is the first `lines` of the original, and nothing else. */
static bool is_beginning(const struct subject *subject, const struct journal_report *report, size_t lines)
{
    if (report->lines != lines)
        return false;
    return lines == 0 || (report->end == subject->lines[lines - 1].end && report->last.seq == lines &&
                          memcmp(report->last.digest, subject->lines[lines - 1].digest, HASH_LEN) == 0);
}

/* What lies behind the last line goes to a file of its own, and the journal goes on after that line. */
static bool is_set_aside(const struct subject *subject, const struct journal_report *read)
{
    AUTO_BUF struct buf torn = {0}, kept = {0};
    struct journal *journal = NULL;
    struct error err;
    char name[NAME_MAX_LEN];
    snprintf(name, sizeof name, "journal-torn-%" PRIu64, read->last.seq + 1);
    if (journal_open(&journal, subject->dir, &subject->keyring.journal, read, &err) != 0)
        return false;
    journal_close(journal);
    bool is_right = fs_read(subject->dir, name, FS_OWNED, JOURNAL_FILE_MAX, &torn, NULL, &err) == 0 &&
                    fs_read(subject->dir, JOURNAL_FILE, FS_OWNED, JOURNAL_FILE_MAX, &kept, NULL, &err) == 0 &&
                    torn.len == read->torn_bytes && kept.len == read->end &&
                    memcmp(kept.data, subject->original.data, kept.len) == 0 &&
                    memcmp(torn.data, subject->original.data + kept.len, torn.len) == 0;
    return unlinkat(subject->dir, name, 0) == 0 && is_right;
}

/* `intact`: so many bytes at the beginning are the original's. */
static bool is_stopped(const struct subject *subject, enum damage damage, uint64_t intact, struct tally *tally)
{
    struct journal_report report = {0};
    struct error err = {0};
    size_t lines = intact_lines(subject, intact), all = subject->lines_len;
    uint64_t end = lines == 0 ? 0 : subject->lines[lines - 1].end;
    bool is_tail = damage == CUT || damage == ZEROED;
    if (!put_file(subject, &err))
        return false;
    if (journal_read(subject->dir, JOURNAL_FILE, &subject->keyring.journal, 0, NULL, NULL, &report, &err) != 0)
        return !is_tail && err.code != NULL && strcmp(err.code, CODE_JOURNAL_CORRUPT) == 0;
    if (!is_beginning(subject, &report, lines))
        return false;
    if (damage == FLIPPED)
        return lines == all - 1 && report.torn_bytes > 0;
    if (damage == EXTENDED)
        return (report.torn_bytes > 0) == (subject->bytes.data[subject->bytes.len - 1] != '\0');
    if (report.torn_bytes != intact - end)
        return false;
    /* Of the lines before the last it is the same, at a mebibyte of preallocation each. */
    if (report.torn_bytes == 0 || lines != all - 1)
        return true;
    tally->set_aside++;
    return is_set_aside(subject, &report);
}

static bool take_lines(struct subject *subject)
{
    struct span text = buf_span(&subject->original);
    for (size_t at = 0, lf; at < text.len; at = lf + 1) {
        const char *found = memchr(text.data + at, '\n', text.len - at);
        if (found == NULL || subject->lines_len == LINES_MAX)
            return false;
        lf = (size_t)(found - text.data);
        subject->lines[subject->lines_len].end = lf + 1;
        hash_sha256(text.data + at, lf - at, subject->lines[subject->lines_len++].digest);
    }
    return subject->lines_len > 1;
}

/* --- every damage --------------------------------------------------------------------------------------- */

static void judge(const struct subject *subject, enum damage damage, uint64_t place, uint64_t intact,
                  struct tally *tally)
{
    bool is_right = subject->read != NULL ? is_refused(subject) : is_stopped(subject, damage, intact, tally);
    tally->tried[damage]++;
    if (is_right || tally->bad++ > 0)
        return;
    snprintf(tally->first, sizeof tally->first, "%s %s %" PRIu64, damage_names[damage],
             damage == FLIPPED ? "bit" : "byte", place);
}

static void restore(struct subject *subject)
{
    buf_reset(&subject->bytes);
    buf_append_span(&subject->bytes, buf_span(&subject->original));
}

static void try_all(struct subject *subject, size_t stride, struct tally *tally)
{
    const size_t len = subject->original.len;
    restore(subject);
    for (size_t bit = 0; bit < 8 * len; bit += stride) {
        char *byte = &subject->bytes.data[bit / 8], was = *byte;
        *byte = (char)(was ^ (1 << bit % 8));
        judge(subject, FLIPPED, bit, bit / 8, tally);
        *byte = was;
    }
    for (size_t at = 0; at < len; at += stride) {
        restore(subject);
        memset(subject->bytes.data + at, 0, len - at);
        judge(subject, ZEROED, at, at, tally);
        buf_truncate(&subject->bytes, at);
        judge(subject, CUT, at, at, tally);
    }
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        restore(subject);
        buf_putc(&subject->bytes, (char)byte);
        judge(subject, EXTENDED, byte, len, tally);
    }
    restore(subject);
    buf_append_span(&subject->bytes, buf_span(&subject->original));
    judge(subject, EXTENDED, len, len, tally);
}

/* --- the program ---------------------------------------------------------------------------------------- */

static bool choose(struct subject *subject, const char *kind)
{
    static const struct {
        const char *kind;
        reader read;
        enum message_type type;
    } kinds[] = {
        {"journal", NULL, 0},
        {"lkg", read_snapshot, 0},
        {"keyset", read_keyset, 0},
        {"update", read_message, MESSAGE_UPDATE},
        {"head", read_message, MESSAGE_HEAD},
        {"keepalive", read_message, MESSAGE_KEEPALIVE},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0) {
            subject->read = kinds[i].read;
            subject->type = kinds[i].type;
            return true;
        }
    return false;
}

/* Undamaged it is accepted: else everything that follows would prove nothing. */
static int check_original(struct subject *subject, struct error *err)
{
    struct journal_report report = {0};
    if (subject->read != NULL)
        return subject->read(subject, buf_span(&subject->original), err) ? 0 : -1;
    restore(subject);
    if (!take_lines(subject) || !put_file(subject, err))
        return error_set(err, ERR_SYSTEM, 0, "no journal of several whole lines");
    if (journal_read(subject->dir, JOURNAL_FILE, &subject->keyring.journal, 0, NULL, NULL, &report, err) != 0)
        return -1;
    if (!is_beginning(subject, &report, subject->lines_len) || report.torn_bytes != 0)
        return error_set(err, ERR_SYSTEM, 0, "the journal is not sound to begin with");
    return 0;
}

static int set_up(struct subject *subject, char **args, char *folder, struct error *err)
{
    if (!choose(subject, args[0]))
        return error_set(err, ERR_SYSTEM, 0, "no such kind: %s", args[0]);
    if (crypto_init(err) != 0 || keyring_load(args[1], args[2], &subject->keyring, err) != 0 ||
        fs_read(AT_FDCWD, args[3], FS_ANY_OWNER, JOURNAL_FILE_MAX, &subject->original, NULL, err) != 0)
        return -1;
    subject->source = args[2];
    if (subject->read == NULL) {
        if (mkdtemp(folder) == NULL || fs_open_dir(folder, &subject->dir, err) != 0)
            return error_set(err, ERR_SYSTEM, 0, "no folder to damage a journal in");
        subject->file = openat(subject->dir, JOURNAL_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    }
    return check_original(subject, err);
}

static void tear_down(struct subject *subject, const char *folder)
{
    if (subject->dir >= 0) {
        unlinkat(subject->dir, JOURNAL_FILE, 0);
        close(subject->dir);
        close(subject->file);
        rmdir(folder);
    }
    buf_fini(&subject->original);
    buf_fini(&subject->bytes);
    keyring_fini(&subject->keyring);
}

int main(int argc, char **argv)
{
    static struct subject subject = {.dir = -1, .file = -1};
    char folder[] = "damage-XXXXXX";
    struct tally tally = {0};
    struct error err = {0};
    uint64_t stride = 0;
    if (argc != 6 || !num_parse_u64(span_of(argv[5]), &stride) || stride == 0) {
        fputs("usage: damage KIND KEYS SOURCE FILE STRIDE\n", stderr);
        return 2;
    }
    int rc = set_up(&subject, argv + 1, folder, &err);
    if (rc == 0)
        try_all(&subject, stride, &tally);
    else
        fprintf(stderr, "damage: %s: %s\n", err.code == NULL ? "?" : err.code, err.message);
    if (rc == 0)
        printf("{\"bytes\":%zu,\"lines\":%zu,\"flipped\":%" PRIu64 ",\"cut\":%" PRIu64 ",\"zeroed\":%" PRIu64
               ",\"extended\":%" PRIu64 ",\"set_aside\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"first\":\"%s\"}\n",
               subject.original.len, subject.lines_len, tally.tried[FLIPPED], tally.tried[CUT], tally.tried[ZEROED],
               tally.tried[EXTENDED], tally.set_aside, tally.bad, tally.first);
    tear_down(&subject, folder);
    return rc == 0 ? 0 : 2;
}
