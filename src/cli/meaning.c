/*
 * meaning: see meaning.h.
 */
#include "cli/meaning.h"

#include "model/json.h"
#include "util/utf8.h"

enum { CHOICES_SHOWN = 12, VALUE_SHOWN = 120 };

struct span meaning_text(const struct schema_place *place, const char *keyword)
{
    const struct doc_node *note = schema_note(place, keyword);
    return note == NULL || note->kind != DOC_STRING ? SPAN("") : note->u.string;
}

bool meaning_is_there(const struct schema_place *place)
{
    for (size_t i = 0; i < place->len; i++) {
        const struct doc_node *source = schema_source(place->schemas[i]);
        if (source->kind == DOC_OBJECT && source->u.object.len > 0)
            return true;
    }
    return false;
}

struct span meaning_of_service(const struct environment *environment, const char *service, const char *keyword)
{
    static const struct pointer root = {.len = 0};
    struct service_rules rules;
    struct schema_place place;
    environment_find(environment, service, &rules, NULL);
    if (rules.schema == NULL || rules.schema->schema == NULL || !schema_at(rules.schema->schema, &root, &place))
        return (struct span){0};
    return meaning_text(&place, keyword);
}

static void put_value(const struct doc_node *value, struct buf *out)
{
    struct buf json AUTO_BUF = {0};
    char text[VALUE_SHOWN];
    json_write(value, &json);
    utf8_printable(value->kind == DOC_STRING ? value->u.string : buf_span(&json), text, sizeof text);
    buf_puts(out, text);
    out->failed |= json.failed;
}

/* "a, b, c and 4 more" */
static void put_values(const struct doc_node *values, struct buf *out)
{
    for (size_t i = 0; i < values->u.array.len && i < CHOICES_SHOWN; i++) {
        buf_puts(out, i == 0 ? "" : ", ");
        put_value(values->u.array.items[i], out);
    }
    if (values->u.array.len > CHOICES_SHOWN)
        buf_printf(out, " and %zu more", values->u.array.len - CHOICES_SHOWN);
}

/* A part of the sentence, with a comma before it. */
static void put_part(const struct schema_place *place, const char *keyword, const char *before, const char *behind,
                     struct buf *out)
{
    const struct doc_node *note = schema_note(place, keyword);
    if (note == NULL)
        return;
    buf_puts(out, out->len == 0 ? "" : ", ");
    buf_puts(out, before);
    put_value(note, out);
    buf_puts(out, behind);
}

static void put_range(const struct schema_place *place, struct buf *out)
{
    const struct doc_node *least = schema_note(place, "minimum"), *most = schema_note(place, "maximum");
    if (least != NULL && most != NULL) {
        buf_puts(out, out->len == 0 ? "" : ", ");
        put_value(least, out);
        buf_puts(out, " to ");
        put_value(most, out);
    } else {
        put_part(place, "minimum", "at least ", "", out);
        put_part(place, "maximum", "at most ", "", out);
    }
    put_part(place, "exclusiveMinimum", "above ", "", out);
    put_part(place, "exclusiveMaximum", "below ", "", out);
    put_part(place, "multipleOf", "a multiple of ", "", out);
}

static void put_sizes(const struct schema_place *place, struct buf *out)
{
    put_part(place, "minLength", "at least ", " characters", out);
    put_part(place, "maxLength", "at most ", " characters", out);
    put_part(place, "minItems", "at least ", " items", out);
    put_part(place, "maxItems", "at most ", " items", out);
    put_part(place, "format", "a ", "", out);
    put_part(place, "pattern", "like ", "", out);
}

void meaning_put_type(const struct schema_place *place, bool is_secret, struct buf *out)
{
    const struct doc_node *type = schema_note(place, "type"), *choices = schema_note(place, "enum");
    struct buf text AUTO_BUF = {0};
    for (size_t i = 0; type != NULL && type->kind == DOC_ARRAY && i < type->u.array.len; i++) {
        buf_puts(&text, i == 0 ? "" : " or ");
        put_value(type->u.array.items[i], &text);
    }
    if (type != NULL && type->kind == DOC_STRING)
        put_value(type, &text);
    if (choices != NULL && choices->kind == DOC_ARRAY && !is_secret) {
        buf_puts(&text, text.len == 0 ? "one of " : ", one of ");
        put_values(choices, &text);
    }
    if (!is_secret)
        put_part(place, "const", "always ", "", &text);
    put_range(place, &text);
    put_sizes(place, &text);
    buf_append_span(out, buf_span(&text));
    out->failed |= text.failed;
}

void meaning_put_members(const struct schema_place *place, bool is_secret, struct buf *out)
{
    static const struct {
        const char *keyword;
        bool is_value; /* that may be secret */
    } known[] = {
        {"const", true}, {"default", true}, {"deprecated", false}, {"description", false}, {"enum", true}, {"examples", true},
        {"exclusiveMaximum", false}, {"exclusiveMinimum", false}, {"format", false}, {"maxItems", false}, {"maxLength", false},
        {"maximum", false}, {"minItems", false}, {"minLength", false}, {"minimum", false}, {"multipleOf", false},
        {"pattern", false}, {"title", false}, {"type", false}, {"x-complexity", false}, {"x-env", false}, {"x-restart", false},
        {"x-secret", false},
    };
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const struct doc_node *note = schema_note(place, known[i].keyword);
        if (note == NULL || (is_secret && known[i].is_value))
            continue;
        buf_printf(out, "%s\"%s\":", count++ == 0 ? "" : ",", known[i].keyword);
        json_write(note, out);
    }
}
