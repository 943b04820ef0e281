/* format: see format.h. The longer readers are in format_time.c, format_net.c and format_uri.c. */
#include "schema/format_priv.h"

#include "schema/pattern.h"
#include "util/macros.h"

/* 8-4-4-4-12 hex digits (RFC 9562 §4), of any version. */
static bool is_uuid(struct span text)
{
    static const size_t digits[] = {8, 4, 4, 4, 12};
    for (size_t i = 0; i < ARRAY_LEN(digits); i++)
        if ((i > 0 && !format_take(&text, '-')) || format_run(&text, format_is_hex, digits[i]) != digits[i])
            return false;
    return text.len == 0;
}

/* RFC 6901 §3. */
static bool is_json_pointer(struct span text)
{
    if (text.len > 0 && text.data[0] != '/')
        return false;
    while (text.len > 0) {
        bool is_escape = format_take(&text, '~');
        if (is_escape && format_peek(&text) != '0' && format_peek(&text) != '1')
            return false;
        format_skip(&text, 1);
    }
    return true;
}

/* draft-bhutton-relative-json-pointer §3, without its index manipulation, which the test suite does not know either. */
static bool is_relative_json_pointer(struct span text)
{
    bool is_zero = format_take(&text, '0');
    if (!is_zero && format_run(&text, format_is_digit, SIZE_MAX) == 0)
        return false;
    return span_is(text, "#") || is_json_pointer(text);
}

static const struct format formats[] = {
    {"date", format_is_date, "2026-11-21"},
    {"date-time", format_is_date_time, "2026-11-21T10:00:00Z"},
    {"duration", format_is_duration, "PT1H30M"},
    {"email", format_is_email, "ann@example.org"},
    {"hostname", format_is_hostname, "db1.example.org"},
    {"idn-email", format_is_idn_email, "ann@example.org"},
    {"ipv4", format_is_ipv4, "192.0.2.1"},
    {"ipv6", format_is_ipv6, "2001:db8::1"},
    {"iri", format_is_iri, "https://example.org/caf\xc3\xa9"},
    {"iri-reference", format_is_iri_reference, "../caf\xc3\xa9#top"},
    {"json-pointer", is_json_pointer, "/audio/rate"},
    {"regex", pattern_is_regex, "^[a-z]+$"},
    {"relative-json-pointer", is_relative_json_pointer, "1/rate"},
    {"time", format_is_time, "10:00:00Z"},
    {"uri", format_is_uri, "https://example.org/x"},
    {"uri-reference", format_is_uri_reference, "../x#top"},
    {"uri-template", format_is_uri_template, "https://example.org/{name}"},
    {"uuid", is_uuid, "0f8fad5b-d9cb-469f-a165-70867728950e"},
};

const struct format *format_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (span_is(name, formats[i].name))
            return &formats[i];
    return NULL;
}
