/*
 * members: see members.h.
 */
#include "model/members.h"

#include "model/json.h"
#include "util/clock.h"

struct members members_object(struct buf *out)
{
    return (struct members){.out = out, .lead = '{'};
}

struct members members_bare(struct buf *out)
{
    return (struct members){.out = out, .lead = '\0'};
}

void members_end(struct members *m)
{
    if (m->lead == '{')
        buf_putc(m->out, '{');
    buf_putc(m->out, '}');
}

void members_put_name(struct members *m, const char *name)
{
    if (m->lead != '\0')
        buf_putc(m->out, m->lead);
    m->lead = ',';
    buf_putc(m->out, '"');
    buf_puts(m->out, name);
    buf_puts(m->out, "\":");
}

void members_put_null(struct members *m, const char *name)
{
    members_put_name(m, name);
    buf_puts(m->out, "null");
}

void members_put_u64(struct members *m, const char *name, uint64_t value)
{
    members_put_name(m, name);
    buf_put_u64(m->out, value);
}

void members_put_text(struct members *m, const char *name, const char *value)
{
    members_put_name(m, name);
    json_put_text(m->out, value);
}

void members_put_string(struct members *m, const char *name, struct span value)
{
    members_put_name(m, name);
    json_put_string(m->out, value);
}

void members_put_time(struct members *m, const char *name, int64_t unix_ms)
{
    char text[CLOCK_TEXT_LEN + 1];
    clock_format(unix_ms, text);
    members_put_text(m, name, text);
}

void members_put_hex(struct members *m, const char *name, const void *data, size_t len)
{
    members_put_name(m, name);
    buf_putc(m->out, '"');
    buf_put_hex(m->out, data, len);
    buf_putc(m->out, '"');
}

void members_put_json(struct members *m, const char *name, struct span json)
{
    if (json.data == NULL) {
        members_put_null(m, name);
        return;
    }
    members_put_name(m, name);
    buf_append_span(m->out, json);
}
