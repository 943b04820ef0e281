/*
 * err: see err.h for the policy.
 */
#include "util/err.h"

#include <stdarg.h>
#include <string.h>

PRINTF_LIKE(2, 0) static void set_message(struct error *err, const char *format, va_list args)
{
    if (vsnprintf(err->message, sizeof err->message, format, args) < 0)
        err->message[0] = '\0';
}

static void append_cause(struct error *err, int sys)
{
    char text[128];
    /* The XSI strerror_r would need another feature macro; strerrordesc_np is reentrant and never fails. */
    const char *cause = strerrordesc_np(sys);
    if (cause == NULL) {
        snprintf(text, sizeof text, "error %d", sys);
        cause = text;
    }
    size_t len = strlen(err->message);
    snprintf(err->message + len, sizeof err->message - len, ": %s", cause);
}

int error_set(struct error *err, const char *code, int sys, const char *format, ...)
{
    va_list args;
    *err = (struct error){.code = code, .sys = sys};
    va_start(args, format);
    set_message(err, format, args);
    va_end(args);
    if (sys != 0)
        append_cause(err, sys);
    return -1;
}

int error_at(struct error *err, const char *code, const char *file, uint32_t line, uint32_t column,
             const char *format, ...)
{
    va_list args;
    *err = (struct error){.code = code, .line = line, .column = column};
    snprintf(err->file, sizeof err->file, "%s", file);
    va_start(args, format);
    set_message(err, format, args);
    va_end(args);
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char inner[sizeof err->message];
    va_list args;
    memcpy(inner, err->message, sizeof inner);
    va_start(args, format);
    set_message(err, format, args);
    va_end(args);
    size_t len = strlen(err->message);
    snprintf(err->message + len, sizeof err->message - len, ": %s", inner);
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
}
