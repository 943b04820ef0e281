/*
 * canonicalize: JSON on standard input, its canonical form on standard output. Exit 1 and the error on standard error
 * for what json_read refuses. For comparison with other implementations.
 */
#include <stdio.h>

#include "model/json.h"

static int read_all(FILE *in, struct buf *out, struct error *err)
{
    for (;;) {
        char *to = buf_reserve(out, 65536);
        size_t got = to == NULL ? 0 : fread(to, 1, 65536, in);
        if (got == 0)
            return buf_check(out, err);
        out->len += got;
    }
}

static int canonicalize(FILE *in, struct buf *out, struct error *err)
{
    const struct json_options options = {.file = "stdin", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    if (read_all(in, &text, err) < 0 || json_read(buf_span(&text), &options, &doc, err) < 0)
        return -1;
    json_write(doc.root, out);
    return buf_check(out, err);
}

int main(void)
{
    AUTO_BUF struct buf out = {0};
    struct error err;
    char message[1200];
    if (canonicalize(stdin, &out, &err) < 0) {
        error_format(&err, message, sizeof message);
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    return fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}
