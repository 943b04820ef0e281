/*
 * yaml_text: see yaml_text.h.
 */
#include "io/yaml_text.h"

#include "model/codes.h"
#include "util/utf8.h"

/* What stands at one place and must not; NULL code if it may. */
struct verdict {
    const char *code, *message;
};

static struct verdict judge_start(struct span text)
{
    if (span_starts(text, SPAN("\xEF\xBB\xBF")))
        return (struct verdict){CODE_YAML_BOM, "a byte order mark; save the file as UTF-8 without one"};
    if (span_starts(text, SPAN("\xFF\xFE")) || span_starts(text, SPAN("\xFE\xFF")))
        return (struct verdict){CODE_YAML_BOM,
                                "the file is UTF-16; save it as UTF-8 without a byte order mark"};
    return (struct verdict){0};
}

static const char control[] = "a control character; write it as an escape in double quotes, as in \"\\x1b\"";

static struct verdict judge_control(unsigned char c)
{
    if (c == '\0')
        return (struct verdict){CODE_YAML_NUL, "the character NUL; remove it, or save the file as UTF-8"};
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
        return (struct verdict){CODE_YAML_UTF8, control};
    return (struct verdict){0};
}

static const char line_break_11[] = "U+0085, U+2028 and U+2029 end a line in YAML 1.1 and not in YAML 1.2; "
                                    "write \"\\N\", \"\\L\" or \"\\P\" in double quotes";

/* `c` is a well-formed sequence of two to four bytes. */
static struct verdict judge_wide(struct span c)
{
    if (span_is(c, "\xC2\x85") || span_is(c, "\xE2\x80\xA8") || span_is(c, "\xE2\x80\xA9"))
        return (struct verdict){CODE_YAML_UTF8, line_break_11};
    if (c.len == 2 && span_starts(c, SPAN("\xC2")) && (unsigned char)c.data[1] < 0xA0)
        return (struct verdict){CODE_YAML_UTF8, control};
    if (span_is(c, "\xEF\xBB\xBF"))
        return (struct verdict){CODE_YAML_BOM,
                                "a byte order mark inside the file; remove it (it is invisible)"};
    if (span_is(c, "\xEF\xBF\xBE") || span_is(c, "\xEF\xBF\xBF"))
        return (struct verdict){CODE_YAML_UTF8, "U+FFFE and U+FFFF are no characters; remove it"};
    return (struct verdict){0};
}

/* The length of the run of plain ASCII at the start of `rest`: nearly all of nearly every file. */
static size_t skip_plain(struct span rest)
{
    size_t len = 0;
    while (len < rest.len && rest.data[len] >= 0x20 && rest.data[len] < 0x7F)
        len++;
    return len;
}

/* The length of the character at the start of `rest`; *verdict says what is wrong with it. */
static size_t judge_character(struct span rest, struct verdict *verdict)
{
    unsigned char first = (unsigned char)rest.data[0];
    size_t len = utf8_sequence(rest.data, rest.len);
    if (len == 0)
        *verdict = (struct verdict){CODE_YAML_UTF8, "bytes that are not UTF-8; save the file as UTF-8"};
    else
        *verdict = len == 1 ? judge_control(first) : judge_wide((struct span){rest.data, len});
    return len;
}

static bool ends_line(struct span rest)
{
    return rest.data[0] == '\n' || (rest.data[0] == '\r' && (rest.len == 1 || rest.data[1] != '\n'));
}

bool yaml_text_check(struct span text, struct yaml_text_fault *fault)
{
    struct doc_pos pos = {1, 1};
    struct verdict verdict = judge_start(text);
    unsigned directives = 0;
    for (size_t at = 0, len = 0; verdict.code == NULL && at < text.len; at += len) {
        struct span rest = {text.data + at, text.len - at};
        if (pos.column == 1 && span_starts(rest, SPAN("%TAG")) && ++directives > YAML_TAG_DIRECTIVES_MAX)
            break;
        len = skip_plain(rest);
        pos.column += (uint32_t)len;
        if (len > 0)
            continue;
        len = judge_character(rest, &verdict);
        if (verdict.code == NULL)
            pos = ends_line(rest) ? (struct doc_pos){pos.line + 1, 1}
                                  : (struct doc_pos){pos.line, pos.column + 1};
    }
    if (directives > YAML_TAG_DIRECTIVES_MAX)
        verdict = (struct verdict){CODE_YAML_TAG, "more than 64 lines begin with %TAG; remove them"};
    if (verdict.code == NULL)
        return true;
    *fault = (struct yaml_text_fault){verdict.code, pos, verdict.message};
    return false;
}

/* --- what stands against a node ----------------------------------------------------------------------- */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

void yaml_cursor_seek(struct yaml_cursor *cursor, size_t index)
{
    struct span text = cursor->text;
    for (; cursor->index < index && cursor->offset < text.len; cursor->index++)
        do
            cursor->offset++;
        while (cursor->offset < text.len && is_continuation(text.data[cursor->offset]));
    for (; cursor->index > index && cursor->offset > 0; cursor->index--)
        do
            cursor->offset--;
        while (cursor->offset > 0 && is_continuation(text.data[cursor->offset]));
}

static bool is_one_of(struct span text, size_t at, const char *set)
{
    return at < text.len && strchr(set, text.data[at]) != NULL;
}

/* Behind a tag and the white space after it. */
static size_t skip_tag(struct span text, size_t at)
{
    while (at < text.len && !is_one_of(text, at, " \t\r\n"))
        at++;
    while (is_one_of(text, at, " \t\r\n"))
        at++;
    return at;
}

const char *yaml_cursor_find_glue(const struct yaml_cursor *cursor, const char *name)
{
    struct span text = cursor->text;
    size_t at = cursor->offset;
    if (at > 0 && text.data[at - 1] == '?')
        return "a '?' stands against a value; write a space behind it, or quote the value";
    if (name == NULL)
        return NULL;
    if (is_one_of(text, at, "!"))
        at = skip_tag(text, at);
    size_t end = at + 1 + strlen(name);
    if (is_one_of(text, at, "&*") && end < text.len && !is_one_of(text, end, " \t\r\n,[]{}"))
        return "the name of an anchor is letters, digits, '-' and '_'; write a space behind it";
    return NULL;
}
