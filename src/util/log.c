/*
 * log: see log.h.
 *
 * A line is composed on the stack, so that "out of memory" can be told too, and is at most 4096 bytes, what a
 * pipe takes in one piece. A long value is cut and ends in "…"; fields that do not fit any more are left out,
 * and the line says so. Strings with anything but plain printable characters are written as JSON strings in
 * both formats: what somebody smuggles into a name can neither begin a new line nor steer a terminal.
 */
#include "util/log.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/num.h"
#include "util/utf8.h"

enum {
    LOG_LINE_MAX = 4096,
    LOG_VALUE_MAX = 1024, /* of one string, as it is written */
    LOG_TAIL_ROOM = 16,   /* for what ends a line */
};

static struct {
    enum log_level level;
    enum log_format format;
} settings = {LOG_LEVEL_INFO, LOG_FORMAT_AUTO};

struct line {
    char bytes[LOG_LINE_MAX];
    size_t len;
    bool is_full; /* something did not fit */
};

void log_setup(enum log_level level, enum log_format format)
{
    settings.level = level;
    settings.format = format;
}

static void put(struct line *line, const char *text, size_t len)
{
    if (line->is_full || len > sizeof line->bytes - LOG_TAIL_ROOM - line->len) {
        line->is_full = true;
        return;
    }
    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

static void puts_to(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_number(struct line *line, int64_t value)
{
    char text[NUM_TEXT_MAX];
    size_t len = num_format_int(value, text);
    put(line, text, len);
}

/* --- strings -------------------------------------------------------------------------------------------- */

/* Of a sequence that is well-formed. */
static bool must_escape(const char *text, size_t len)
{
    uint32_t c = utf8_decode(text, len);
    return c == '"' || c == '\\' || utf8_is_obeyed(c);
}

/* What stands for the sequence in a JSON string. Returns the length. */
static size_t escape(const char *text, size_t len, char out[static 8])
{
    static const char with_letter[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *found = len == 1 ? strchr(with_letter, text[0]) : NULL;
    if (found != NULL)
        return (size_t)snprintf(out, 8, "\\%c", letter[found - with_letter]);
    return (size_t)snprintf(out, 8, "\\u%04" PRIx32, utf8_decode(text, len) & 0xFFFF);
}

/* How many characters from here on are printable ASCII that stands for itself: mostly all there are. */
static size_t plain_len(const char *text, size_t max)
{
    size_t len = 0;
    while (len < max && text[len] >= ' ' && text[len] < 0x7F && text[len] != '"' && text[len] != '\\')
        len++;
    return len;
}

/* What stands for the next character, which is no such one; *taken bytes of it. */
static const char *put_for(const char *text, size_t left, char escaped[static 8], size_t *taken, size_t *len)
{
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD: JSON carries no other bytes than UTF-8 */
    *taken = *len = utf8_sequence(text, left);
    if (*taken == 0) {
        *taken = 1;
        *len = sizeof replacement - 1;
        return replacement;
    }
    if (!must_escape(text, *taken))
        return text;
    *len = escape(text, *taken, escaped);
    return escaped;
}

static void put_string(struct line *line, const char *text)
{
    size_t left = strlen(text), room = LOG_VALUE_MAX;
    put(line, "\"", 1);
    while (left > 0) {
        char escaped[8];
        const char *piece = text;
        size_t taken = plain_len(text, left < room ? left : room), len = taken;
        if (taken == 0)
            piece = put_for(text, left, escaped, &taken, &len);
        if (len > room) {
            puts_to(line, "…");
            break;
        }
        put(line, piece, len);
        room -= len;
        text += taken;
        left -= taken;
    }
    put(line, "\"", 1);
}

/* Readable without quotes, and no longer than it may be. */
static bool is_bare(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > LOG_VALUE_MAX)
        return false;
    for (size_t at = 0; at < len;) {
        size_t taken = utf8_sequence(text + at, len - at);
        if (taken == 0 || must_escape(text + at, taken) || text[at] == ' ' || text[at] == '=')
            return false;
        at += taken;
    }
    return true;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* As journald promises it: JOURNAL_STREAM is "device:inode" of the stream it gave us, and standard error
   still is that one. Asked for each line, so that nothing is to be remembered. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char name[64];
    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, name) == 0;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "debug";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "error";
}

/* syslog's numbers, which journald reads in front of a line. */
static const char *priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "<7>";
    case LOG_LEVEL_INFO:
        return "<6>";
    case LOG_LEVEL_WARN:
        return "<4>";
    case LOG_LEVEL_ERROR:
        return "<3>";
    }
    return "<3>";
}

static void begin_json(struct line *line, enum log_level level, const char *unit, const char *event)
{
    char now[CLOCK_TEXT_LEN + 1];
    clock_format(clock_wall_ms(), now);
    puts_to(line, "{\"ts\":\"");
    puts_to(line, now);
    puts_to(line, "\",\"level\":\"");
    puts_to(line, level_name(level));
    puts_to(line, "\",\"unit\":");
    put_string(line, unit);
    puts_to(line, ",\"event\":");
    put_string(line, event);
}

static void begin_text(struct line *line, enum log_level level, const char *unit, const char *event)
{
    char now[CLOCK_TEXT_LEN + 1], name[8];
    if (settings.format == LOG_FORMAT_AUTO && is_journal()) {
        puts_to(line, priority(level));
    } else {
        clock_format(clock_wall_ms(), now);
        puts_to(line, now);
        put(line, " ", 1);
    }
    snprintf(name, sizeof name, "%-5s ", level_name(level));
    puts_to(line, name);
    puts_to(line, unit);
    put(line, " ", 1);
    puts_to(line, event);
}

static void put_field(struct line *line, const struct log_field *field, bool is_json)
{
    size_t before = line->len;
    put(line, is_json ? ",\"" : " ", is_json ? 2 : 1);
    puts_to(line, field->key);
    puts_to(line, is_json ? "\":" : "=");
    if (field->text == NULL)
        put_number(line, field->number);
    else if (!is_json && is_bare(field->text))
        puts_to(line, field->text);
    else
        put_string(line, field->text);
    if (line->is_full)
        line->len = before;
}

static void end_line(struct line *line, bool is_cut, bool is_json)
{
    const char *tail = is_cut ? (is_json ? ",\"cut\":true}\n" : " cut=true\n") : (is_json ? "}\n" : "\n");
    size_t len = strlen(tail);
    memcpy(line->bytes + line->len, tail, len);
    line->len += len;
}

/* Where nobody takes the line it is lost: there is no other place to say it. */
static void write_line(const struct line *line)
{
    size_t at = 0;
    while (at < line->len) {
        ssize_t n = write(STDERR_FILENO, line->bytes + at, line->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

void log_write(enum log_level level, const char *unit, const char *event, const struct log_field *fields)
{
    if (level < settings.level)
        return;
    int saved = errno;
    bool is_json = settings.format == LOG_FORMAT_JSON;
    bool is_cut = false;
    struct line line;
    line.len = 0;
    line.is_full = false;
    if (is_json)
        begin_json(&line, level, unit, event);
    else
        begin_text(&line, level, unit, event);
    for (; fields->key != NULL; fields++) {
        put_field(&line, fields, is_json);
        /* A later, shorter field may still find room. */
        is_cut = is_cut || line.is_full;
        line.is_full = false;
    }
    end_line(&line, is_cut, is_json);
    write_line(&line);
    errno = saved;
}

void log_error_object(enum log_level level, const char *unit, const char *event, const struct error *err)
{
    struct log_field fields[6] = {LOG_S("code", err->code), LOG_S("message", err->message)};
    size_t len = 2;
    if (err->file[0] != '\0') {
        fields[len++] = (struct log_field)LOG_S("file", err->file);
        if (err->line != 0) {
            fields[len++] = (struct log_field)LOG_N("line", err->line);
            fields[len++] = (struct log_field)LOG_N("column", err->column);
        }
    }
    log_write(level, unit, event, fields);
}
