/*
 * err: see err.h for the policy.
 */
#include "util/err.h"

#include <stdarg.h>
#include <string.h>

/* The text was cut to its room: a character must not be cut in half. */
static void drop_half_character(char *text)
{
    size_t len = strlen(text), at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0)
        return;
    unsigned char first = (unsigned char)text[at - 1];
    size_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (need > len - at + 1)
        text[at - 1] = '\0';
}

/* Everything is composed beside `err` first: the arguments may well be parts of it. */
PRINTF_LIKE(3, 0) static void compose(char *out, size_t size, const char *format, va_list args)
{
    if (vsnprintf(out, size, format, args) < 0)
        out[0] = '\0';
}

/* What there is room for; snprintf would have the compiler suspect a mistake where the cutting is meant. */
static void append(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);
    size_t more = strnlen(text, size - 1 - len);
    memcpy(out + len, text, more);
    out[len + more] = '\0';
}

static void append_clause(char *out, size_t size, const char *clause)
{
    append(out, size, ": ");
    append(out, size, clause);
}

static void append_cause(char *out, size_t size, int sys)
{
    char text[32];
    /* The XSI strerror_r would need another feature macro; strerrordesc_np is reentrant and never fails. */
    const char *cause = strerrordesc_np(sys);
    if (cause == NULL) {
        snprintf(text, sizeof text, "error %d", sys);
        cause = text;
    }
    append_clause(out, size, cause);
}

int error_set(struct error *err, const char *code, int sys, const char *format, ...)
{
    struct error made = {.code = code, .sys = sys};
    va_list args;
    va_start(args, format);
    compose(made.message, sizeof made.message, format, args);
    va_end(args);
    if (sys != 0)
        append_cause(made.message, sizeof made.message, sys);
    drop_half_character(made.message);
    *err = made;
    return -1;
}

int error_at(struct error *err, const char *code, const char *file, uint32_t line, uint32_t column,
             const char *format, ...)
{
    struct error made = {.code = code, .line = line, .column = column};
    va_list args;
    snprintf(made.file, sizeof made.file, "%s", file);
    drop_half_character(made.file);
    va_start(args, format);
    compose(made.message, sizeof made.message, format, args);
    va_end(args);
    drop_half_character(made.message);
    *err = made;
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char message[sizeof err->message] = "";
    va_list args;
    va_start(args, format);
    compose(message, sizeof message, format, args);
    va_end(args);
    append_clause(message, sizeof message, err->message);
    drop_half_character(message);
    memcpy(err->message, message, sizeof message);
    return -1;
}

int error_memory(struct error *err)
{
    return error_set(err, ERR_MEMORY, 0, "out of memory");
}

void error_format(const struct error *err, char *out, size_t size)
{
    if (err->file[0] == '\0')
        snprintf(out, size, "%s [%s]", err->message, err->code);
    else if (err->line == 0)
        snprintf(out, size, "%s: %s [%s]", err->file, err->message, err->code);
    else
        snprintf(out, size, "%s:%u:%u: %s [%s]", err->file, err->line, err->column, err->message, err->code);
    if (size > 0)
        drop_half_character(out);
}
