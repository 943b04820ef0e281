/*
 * say_type: a value of the wrong type, and why it may have become one: plain words that YAML 1.1 took for
 * booleans, quotes around numbers, numbers without quotes.
 */
#include <string.h>

#include "model/codes.h"
#include "model/scalar.h"
#include "schema/say.h"
#include "util/macros.h"

/* "an integer or a list". */
static void put_kinds(struct buf *out, unsigned kinds)
{
    static const struct {
        unsigned kinds;
        const char *words;
    } table[] = {
        {KIND(DOC_STRING), "a string"}, {KIND(DOC_DOUBLE), "a number"}, {KIND(DOC_INT), "an integer"},
        {KIND(DOC_BOOL), "true or false"}, {KIND(DOC_OBJECT), "a mapping"}, {KIND(DOC_ARRAY), "a list"},
        {KIND(DOC_NULL), "null"},
    };
    const char *words[ARRAY_LEN(table)];
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        bool is_part = table[i].kinds == KIND(DOC_INT) && (kinds & KIND(DOC_DOUBLE)) != 0; /* of the numbers */
        if ((kinds & table[i].kinds) != 0 && !is_part)
            words[len++] = table[i].words;
    }
    for (size_t i = 0; i < len; i++) {
        buf_puts(out, i == 0 ? "" : i + 1 == len ? " or " : ", ");
        buf_puts(out, words[i]);
    }
}

/* What YAML 1.1 took a word for: 1 true, 0 false, -1 nothing. */
static int boolean_of_old(struct span text)
{
    static const char *const yes[] = {"yes", "y", "on"}, *const no[] = {"no", "n", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (text.len == strlen(yes[i]) && strncasecmp(text.data, yes[i], text.len) == 0)
            return 1;
        if (text.len == strlen(no[i]) && strncasecmp(text.data, no[i], text.len) == 0)
            return 0;
    }
    return -1;
}

bool say_is_otherwise_spelled(unsigned kinds, const struct doc_node *node)
{
    if (node->kind != DOC_STRING)
        return false;
    struct scalar plain = scalar_resolve(node->u.string);
    bool is_unquoted = plain.kind != DOC_STRING && plain.kind != DOC_NULL && plain.unfit == NULL && (kinds & KIND(plain.kind)) != 0;
    return is_unquoted || ((kinds & KIND(DOC_BOOL)) != 0 && boolean_of_old(node->u.string) >= 0);
}

/* As the one item of a list, where that is not too long to be typed. */
static void put_as_item(struct buf *out, const struct doc_node *node)
{
    if (node->size > SHOWN_MAX)
        return;
    buf_puts(out, ": write [");
    put_short(out, node);
    buf_putc(out, ']');
}

/* What to write instead, if that can be told. `is_secret`: without repeating the value. */
static void put_hint(struct buf *out, unsigned kinds, const struct doc_node *node, bool is_secret)
{
    if (node->kind == DOC_STRING) {
        struct scalar plain = scalar_resolve(node->u.string);
        int boolean = (kinds & KIND(DOC_BOOL)) != 0 ? boolean_of_old(node->u.string) : -1;
        if (boolean >= 0)
            buf_printf(out, " (in YAML 1.2 only true and false are booleans: write %s)", boolean ? "true" : "false");
        else if (plain.kind != DOC_STRING && plain.unfit == NULL && (kinds & KIND(plain.kind)) != 0)
            buf_puts(out, ": write it without quotes");
        else if (kinds == KIND(DOC_ARRAY) && !is_secret)
            put_as_item(out, node);
        return;
    }
    bool is_word = node->kind == DOC_BOOL || node->kind == DOC_INT || node->kind == DOC_DOUBLE;
    if (is_word && (kinds & KIND(DOC_STRING)) != 0)
        buf_puts(out, ": write it in quotes");
    else if (node->kind != DOC_ARRAY && node->kind != DOC_NULL && kinds == KIND(DOC_ARRAY) && !is_secret)
        put_as_item(out, node);
}

static const char *kind_of_value(const struct doc_node *node)
{
    switch (node->kind) {
    case DOC_NULL:
        return "null";
    case DOC_BOOL:
        return "a boolean";
    case DOC_INT:
        return "an integer";
    case DOC_DOUBLE:
        return "a number with a fraction";
    case DOC_STRING:
        return "a string";
    case DOC_ARRAY:
        return "a list";
    case DOC_OBJECT:
        return "a mapping";
    }
    return "";
}

bool say_kinds(struct run *run, unsigned kinds, const struct place *place)
{
    static const struct keyword keyword = {.code = CODE_SCHEMA_TYPE};
    struct buf text AUTO_BUF = {0}, value AUTO_BUF = {0};
    const struct doc_node *node = place->node;
    if (run->problems == NULL)
        return false;
    bool is_secret = say_is_secret(run, place);
    bool is_scalar = node->kind != DOC_OBJECT && node->kind != DOC_ARRAY && node->kind != DOC_NULL;
    if (is_scalar)
        buf_printf(&text, "%s is ", say_value(run, place, &value));
    else
        buf_puts(&text, "is ");
    buf_printf(&text, "%s, must be ", kind_of_value(node));
    put_kinds(&text, kinds);
    put_hint(&text, kinds, node, is_secret);
    say(run, &keyword, place, "%s", said(run, &text));
    struct problem *problem = say_last(run);
    if (problem != NULL)
        problem->kinds = (uint8_t)kinds;
    return false;
}

bool say_type(struct run *run, const struct schema *schema, const struct place *place)
{
    return say_kinds(run, schema->kinds, place);
}
