/*
 * fuzz_journal: the reader of the journal. The first byte says what the rest is:
 *
 *   'r'  a file, byte for byte
 *   'o'  lines of text; each gets a key_id and a right HMAC, so that mutations reach what is behind it
 *   'm'  lines of a digit (the kind) and members; each becomes a line as the journal writes it, chain and all
 *
 * In the last two a line `--` ends the lines; what follows it is put behind them as it is.
 *
 * What is read must be what the report says, and a journal that can be read can be opened and appended to:
 * then it has one line more, and nothing torn. If not, the target traps.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "io/journal_priv.h"
#include "util/fs.h"
#include "util/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mac_key key;
static char folder[64];
static int dir = -1;

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void remove_folder(void)
{
    unlinkat(dir, JOURNAL_FILE, 0);
    rmdir(folder);
}

/* In memory if there is such a place: the syncs are real. */
static void set_up(void)
{
    static const uint8_t bytes[MAC_KEY_LEN] = {7};
    struct error err;
    if (dir >= 0)
        return;
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/fuzz-journal-XXXXXX", parent);
    if (crypto_init(&err) != 0 || mkdtemp(folder) == NULL)
        abort();
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    crypto_mac_key_from_bytes(bytes, &key);
    atexit(remove_folder);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void put_file(struct span bytes)
{
    struct error err;
    AUTO_CLOSE int fd = openat(dir, JOURNAL_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && fs_write_at(fd, bytes, 0, &err) == 0);
}

static void seal_text(struct buf *line, struct span text)
{
    buf_reset(line);
    buf_append_span(line, text);
    buf_puts(line, ",\"key_id\":\"");
    buf_puts(line, key.id);
    buf_puts(line, "\"}");
    crypto_mac_object(&key, line);
}

static void seal_members(struct buf *line, struct span text, struct journal_position *last)
{
    enum record_kind kind = text.len == 0
                                ? RECORD_BASELINE
                                : (enum record_kind)((unsigned)text.data[0] % (RECORD_CHECKPOINT + 1));
    struct span members = {text.data + (text.len > 0), text.len - (text.len > 0)};
    journal_line_write(line, &key, last, 1795231402123, kind, members);
    hash_sha256(line->data, line->len, last->digest);
    last->seq++;
}

static void put_lines(struct span rest, bool has_members)
{
    AUTO_BUF struct buf file = {0}, line = {0};
    struct journal_position last = {0};
    while (rest.len > 0) {
        const char *lf = memchr(rest.data, '\n', rest.len);
        struct span text = {rest.data, lf == NULL ? rest.len : (size_t)(lf - rest.data)};
        size_t passed = text.len + (lf != NULL);
        rest = (struct span){rest.data + passed, rest.len - passed};
        if (span_is(text, "--"))
            break;
        if (has_members)
            seal_members(&line, text, &last);
        else
            seal_text(&line, text);
        buf_append_span(&file, buf_span(&line));
        buf_putc(&file, '\n');
    }
    buf_append_span(&file, rest);
    put_file(buf_span(&file));
}

/* --- promises ----------------------------------------------------------------------------------------------------- */

struct visits {
    uint64_t lines;
    struct journal_position last;
};

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct visits *visits = context;
    struct arena arena CLEANUP(arena_fini) = {0};
    struct record_committed committed;
    (void)err;
    require(line->root->kind == DOC_OBJECT);
    require(visits->lines == 0 || line->position.seq == visits->last.seq + 1);
    if (line->kind == RECORD_COMMITTED && record_read_committed(line->root, &arena, &committed, err) == 0)
        require(committed.messages_len == 0 || committed.messages != NULL);
    visits->lines++;
    visits->last = line->position;
    return 0;
}

static bool read_journal(struct journal_report *report)
{
    struct visits visits = {0};
    struct error err;
    if (journal_read(dir, JOURNAL_FILE, &key, 0, visit, &visits, report, &err) != 0) {
        require(err.code != NULL && err.message[0] != '\0');
        return false;
    }
    require(report->lines == visits.lines && report->last.seq == visits.last.seq);
    return true;
}

static void check_file(size_t size)
{
    struct journal_report before, after;
    struct journal *journal = NULL;
    struct error err;
    char torn[JOURNAL_NAME_MAX];
    if (!read_journal(&before) || before.last.seq >= (uint64_t)NUM_INT_MAX)
        return;
    require(before.end + before.torn_bytes <= size);
    require(journal_open(&journal, dir, &key, &before, &err) == 0);
    bool is_first = before.last.seq == 0;
    require(journal_append(journal, is_first ? RECORD_BASELINE : RECORD_PUBLISHED,
                           is_first ? SPAN("\"format\":1") : SPAN("\"epoch\":1"), true, NULL, &err) == 0);
    journal_close(journal);
    require(read_journal(&after));
    require(after.lines == before.lines + 1 && after.torn_bytes == 0);
    snprintf(torn, sizeof torn, "journal-torn-%llu", (unsigned long long)before.last.seq + 1);
    require((unlinkat(dir, torn, 0) == 0) == (before.torn_bytes > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stat st;
    set_up();
    if (size == 0)
        return 0;
    struct span rest = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'r':
        put_file(rest);
        break;
    case 'o':
        put_lines(rest, false);
        break;
    case 'm':
        put_lines(rest, true);
        break;
    default:
        return 0;
    }
    require(fstatat(dir, JOURNAL_FILE, &st, 0) == 0);
    check_file((size_t)st.st_size);
    return 0;
}
