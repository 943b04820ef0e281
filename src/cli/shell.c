/*
 * shell: see shell.h.
 */
#include "cli/shell.h"

#include <string.h>

void shell_put_word(struct buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+-";
    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        buf_puts(out, text);
        return;
    }
    buf_putc(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '\'');
}
