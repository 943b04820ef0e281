/*
 * keyword_string: minLength, maxLength, pattern, format.
 */
#include "schema/count.h"
#include "schema/keywords.h"
#include "schema/say.h"

/* Characters, not bytes. */
static uint64_t length_of(struct span text)
{
    uint64_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        len += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return len;
}

static bool check_min_length(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct span text = place->node->u.string;
    uint64_t min = keyword->u.count;
    /* A character has one to four bytes. */
    if (text.len >= min && (text.len / 4 >= min || (run_charge(run, text.len / 16) && length_of(text) >= min)))
        return true;
    if (min == 1)
        return say(run, keyword, place, "is empty");
    return say(run, keyword, place, "has %llu characters, needs at least %llu", (unsigned long long)length_of(text),
               (unsigned long long)min);
}

static bool check_max_length(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct span text = place->node->u.string;
    if (text.len <= keyword->u.count || (run_charge(run, text.len / 16) && length_of(text) <= keyword->u.count))
        return true;
    return say(run, keyword, place, "has %llu characters, at most %llu are allowed",
               (unsigned long long)length_of(text), (unsigned long long)keyword->u.count);
}

bool compile_min_length(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_min_length, KIND(DOC_STRING), out);
}

bool compile_max_length(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_max_length, KIND(DOC_STRING), out);
}

/* --- pattern -------------------------------------------------------------------------------------------- */

/* `patternErrorMessage` is a keyword of the editors': what people are told instead of a regular expression. */
static bool check_pattern(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct buf value AUTO_BUF = {0}, pattern AUTO_BUF = {0};
    const struct doc_node *words = keyword->u.text.words;
    if (run_match(run, keyword->u.text.pattern, place->node->u.string))
        return true;
    if (run->problems == NULL || run_is_stopped(run))
        return false;
    if (words != NULL && place->is_name)
        return say(run, keyword, place, "%s", words->u.string.data);
    if (words != NULL)
        return say(run, keyword, place, "%s: %s", say_value(run, place, &value), words->u.string.data);
    put_short(&pattern, keyword->at);
    return say(run, keyword, place, "%s does not match the pattern %s", say_value(run, place, &value),
               said(run, &pattern));
}

bool compile_pattern_keyword(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    if (at->kind != DOC_STRING)
        return false;
    const struct doc_node *words = doc_get(c->schema->source, "patternErrorMessage");
    out->u.text.words = words != NULL && words->kind == DOC_STRING ? words : NULL;
    out->u.text.pattern = compile_pattern(c, at->u.string, at, at->pos);
    out->check = check_pattern;
    out->kinds = KIND(DOC_STRING);
    return out->u.text.pattern != NULL;
}

/* --- format --------------------------------------------------------------------------------------------- */

static bool check_format(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct buf value AUTO_BUF = {0};
    const struct format *format = keyword->u.format;
    struct span text = place->node->u.string;
    if (!run_charge(run, 1 + text.len / 16))
        return false;
    if (format->check(text))
        return true;
    if (run->problems == NULL)
        return false;
    bool has_example = format->example != NULL;
    return say(run, keyword, place, "%s is no %s%s%s", say_value(run, place, &value), format->name,
               has_example ? "; one looks like " : "", has_example ? format->example : "");
}

static bool check_format_unless_note(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return run->formats_are_notes || check_format(run, keyword, place);
}

bool compile_format(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    if (at->kind != DOC_STRING)
        return false;
    bool always = (c->schema->resource->dialect->vocabularies & VOCABULARY_FORMAT_ASSERT) != 0;
    out->u.format = format_find(at->u.string);
    out->check = always ? check_format : check_format_unless_note;
    out->kinds = KIND(DOC_STRING);
    return out->u.format != NULL;
}
