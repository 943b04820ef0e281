/*
 * yaml_places: see yaml_places.h. libyaml's events once more, of which only the marks are kept. Marks count
 * characters; a cursor that goes along turns them into bytes.
 */
#include "io/yaml_places.h"

#include <yaml.h>

#include "io/yaml_text.h"
#include "model/codes.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct yaml_cursor cursor;
    struct place *root, *open; /* open: the innermost collection that is not closed */
    struct place key;          /* name, key_start, key_end, key_is_odd of the member whose value comes next */
    bool has_key;
};

static void reader_fini(struct reader *r)
{
    yaml_parser_delete(&r->parser);
}

static size_t offset_of(struct reader *r, const yaml_mark_t *mark)
{
    yaml_cursor_seek(&r->cursor, mark->index);
    return r->cursor.offset;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind what stands before the value itself: an anchor, a tag, comments between, in either order. */
static size_t skip_properties(struct span text, size_t at, size_t end)
{
    while (at < end) {
        if (is_white(text.data[at])) {
            at++;
        } else if (text.data[at] == '#') {
            while (at < end && text.data[at] != '\n' && text.data[at] != '\r')
                at++;
        } else if (text.data[at] == '&' || text.data[at] == '!') {
            while (at < end && !is_white(text.data[at]))
                at++;
        } else {
            break;
        }
    }
    return at;
}

/* A block scalar's mark is behind the blank lines after it, which belong to whoever wrote them. */
static size_t trim_blank_lines(struct span text, size_t start, size_t end)
{
    size_t last = end;
    for (size_t at = end; at > start && is_white(text.data[at - 1]); at--)
        if (text.data[at - 1] == '\n' || text.data[at - 1] == '\r')
            last = at - 1;
    return last;
}

/* A name that an event carries, kept. */
static int keep(struct reader *r, const yaml_char_t *name, size_t len, struct span *out, struct error *err)
{
    const char *copy = name == NULL ? "" : arena_copy(r->arena, name, len);
    if (copy == NULL)
        return error_memory(err);
    *out = (struct span){copy, name == NULL ? 0 : len};
    return 0;
}

static int keep_anchor(struct reader *r, const yaml_char_t *name, struct place *place, struct error *err)
{
    return keep(r, name, name == NULL ? 0 : strlen((const char *)name), &place->anchor, err);
}

static void attach(struct reader *r, struct place *place)
{
    struct place *open = r->open;
    place->parent = open;
    if (open == NULL) {
        r->root = place;
        return;
    }
    if (open->kind == PLACE_MAPPING) {
        place->name = r->key.name;
        place->key_start = r->key.key_start;
        place->key_end = r->key.key_end;
        place->key_is_odd = r->key.key_is_odd;
        r->has_key = false;
    }
    if (open->last == NULL)
        open->first = place;
    else
        open->last->next = place;
    open->last = place;
}

/* Where a mapping wants a name, the event is one and no value. */
static int take_key(struct reader *r, const yaml_event_t *event, struct error *err)
{
    r->has_key = true;
    r->key = (struct place){.key_start = offset_of(r, &event->start_mark)};
    r->key.key_end = offset_of(r, &event->end_mark);
    if (event->type != YAML_SCALAR_EVENT) {
        r->key.key_is_odd = true;
        return 0;
    }
    r->key.key_is_odd = event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    return keep(r, event->data.scalar.value, event->data.scalar.length, &r->key.name, err);
}

static enum place_style style_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
        return PLACE_PLAIN;
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return PLACE_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return PLACE_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE:
        return PLACE_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE:
        return PLACE_FOLDED;
    }
    return PLACE_PLAIN;
}

static void measure(struct reader *r, const yaml_event_t *event, struct place *place)
{
    struct span text = r->cursor.text;
    place->start = place->body = offset_of(r, &event->start_mark);
    place->end = offset_of(r, &event->end_mark);
    if (place->kind != PLACE_ALIAS && (place->anchor.len > 0 || place->has_tag))
        place->body = skip_properties(text, place->start, place->kind == PLACE_SCALAR ? place->end : text.len);
    if (place->style == PLACE_LITERAL || place->style == PLACE_FOLDED)
        place->end = trim_blank_lines(text, place->body, place->end);
}

/* What the event says of a value; false: it is none. */
static bool describe(const yaml_event_t *event, struct place *place, const yaml_char_t **anchor)
{
    if (event->type == YAML_SCALAR_EVENT) {
        *place = (struct place){.kind = PLACE_SCALAR,
                                .style = style_of(event->data.scalar.style),
                                .has_tag = event->data.scalar.tag != NULL};
        *anchor = event->data.scalar.anchor;
    } else if (event->type == YAML_ALIAS_EVENT) {
        *place = (struct place){.kind = PLACE_ALIAS};
        *anchor = event->data.alias.anchor;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        bool is_flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        *place = (struct place){.kind = PLACE_MAPPING,
                                .style = is_flow ? PLACE_FLOW : PLACE_BLOCK,
                                .has_tag = event->data.mapping_start.tag != NULL};
        *anchor = event->data.mapping_start.anchor;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        bool is_flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        *place = (struct place){.kind = PLACE_SEQUENCE,
                                .style = is_flow ? PLACE_FLOW : PLACE_BLOCK,
                                .has_tag = event->data.sequence_start.tag != NULL};
        *anchor = event->data.sequence_start.anchor;
    } else {
        return false;
    }
    return true;
}

static int take_value(struct reader *r, const yaml_event_t *event, struct error *err)
{
    struct place described;
    const yaml_char_t *anchor;
    if (!describe(event, &described, &anchor))
        return 0;
    if (r->open != NULL && r->open->kind == PLACE_MAPPING && !r->has_key)
        return take_key(r, event, err);
    struct place *place = arena_alloc(r->arena, sizeof *place);
    if (place == NULL)
        return error_memory(err);
    *place = described;
    if (keep_anchor(r, anchor, place, err) != 0)
        return -1;
    measure(r, event, place);
    attach(r, place);
    if (place->kind == PLACE_MAPPING || place->kind == PLACE_SEQUENCE)
        r->open = place;
    return 0;
}

/* A block collection ends with its last child: its own mark is wherever the next token begins. */
static void close_collection(struct reader *r, const yaml_event_t *event)
{
    struct place *place = r->open;
    if (place->style == PLACE_FLOW)
        place->end = offset_of(r, &event->end_mark);
    else if (place->last != NULL)
        place->end = place->last->end;
    r->open = place->parent;
}

/* *is_end: nothing comes after. */
static int take_event(struct reader *r, bool *is_end, struct error *err)
{
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event))
        return r->parser.error == YAML_MEMORY_ERROR ? error_memory(err)
                                                    : error_set(err, CODE_YAML_SYNTAX, 0, "the text cannot be read");
    int rc = 0;
    *is_end = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
    if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
        close_collection(r, &event);
    else
        rc = take_value(r, &event, err);
    yaml_event_delete(&event);
    return rc;
}

int yaml_places(struct span text, struct arena *arena, struct place **out, struct error *err)
{
    struct reader r CLEANUP(reader_fini) = {.arena = arena, .cursor = {.text = text}};
    if (!yaml_parser_initialize(&r.parser))
        return error_memory(err);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.len == 0 ? "" : text.data), text.len);
    for (bool is_end = false; !is_end;)
        if (take_event(&r, &is_end, err) != 0)
            return -1;
    if (r.root == NULL)
        return error_set(err, CODE_YAML_EMPTY, 0, "the text holds no document");
    *out = r.root;
    return 0;
}
