/*
 * regex: PCRE2, which only this file names. Fills in schema/pattern.h.
 *
 * No machine code is made of patterns: the daemon may not make memory executable. PCRE2's own limit counts anew at each
 * place of the text a match is tried from, and sees no run of single characters; so work is counted here, at the
 * callouts the translator put in: one step each, and one for each CHARACTERS_A_STEP that may have been looked at.
 */
#include "schema/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/codes.h"
#include "schema/plain.h"

enum {
    CHARACTERS_A_STEP = 16,
    HEAP_MAX_KIB = 32 * 1024, /* where matches come back to: about 100 bytes for each round of a group */
};

struct pattern {
    pcre2_code *code;
    uint32_t reach;
    bool is_plain; /* matched without PCRE2: */
    struct plain plain;
};

struct room {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* One match: what its callouts count with. */
struct count {
    struct pattern_work *work;
    size_t reach, last; /* last: where the callout before this one was */
};

static void free_compile_context(pcre2_compile_context **context)
{
    pcre2_compile_context_free(*context);
}

static int refuse(int code, struct error *err)
{
    PCRE2_UCHAR text[160];
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return error_memory(err);
    pcre2_get_error_message(code, text, sizeof text);
    return error_set(err, CODE_SCHEMA_REGEX, 0, "the pattern cannot be matched here: %s", (const char *)text);
}

int pattern_compile(struct span ecma, struct pattern **out, struct error *err)
{
    static const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
                                    PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C;
    AUTO_BUF struct buf text = {0};
    CLEANUP(free_compile_context) pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    AUTO_FREE struct pattern *pattern = malloc(sizeof *pattern);
    int code;
    PCRE2_SIZE at;
    if (context == NULL || pattern == NULL)
        return error_memory(err);
    if (pattern_translate(ecma, &text, &pattern->reach, err) < 0)
        return -1;
    pcre2_set_parens_nest_limit(context, PATTERN_DEPTH_MAX);
    pattern->code = pcre2_compile((PCRE2_SPTR)text.data, text.len, options, &code, &at, context);
    if (pattern->code == NULL)
        return refuse(code, err);
    pattern->is_plain = plain_read(ecma, &pattern->plain);
    *out = TAKE(pattern);
    return 0;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern != NULL)
        pcre2_code_free(pattern->code);
    free(pattern);
}

void pattern_work_fini(struct pattern_work *work)
{
    struct room *room = work->room;
    if (room == NULL)
        return;
    pcre2_match_data_free(room->data);
    pcre2_match_context_free(room->context);
    free(room);
    work->room = NULL;
}

static struct room *room_of(struct pattern_work *work)
{
    if (work->room != NULL)
        return work->room;
    struct room *room = calloc(1, sizeof *room);
    work->room = room;
    if (room == NULL)
        return NULL;
    room->data = pcre2_match_data_create(1, NULL);
    room->context = pcre2_match_context_create(NULL);
    if (room->data == NULL || room->context == NULL) {
        pattern_work_fini(work);
        return NULL;
    }
    pcre2_set_heap_limit(room->context, HEAP_MAX_KIB);
    return room;
}

static int count_step(pcre2_callout_block *block, void *data)
{
    struct count *count = data;
    size_t at = block->current_position, ahead = block->subject_length - at;
    size_t moved = at > count->last ? at - count->last : count->last - at;
    uint64_t steps = 1 + (moved + (ahead < count->reach ? ahead : count->reach)) / CHARACTERS_A_STEP;
    count->last = at;
    if (count->work->steps <= steps) {
        count->work->steps = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    count->work->steps -= steps;
    return 0;
}

enum pattern_verdict pattern_match(const struct pattern *pattern, struct span text, struct pattern_work *work)
{
    uint64_t reading = 1 + text.len / CHARACTERS_A_STEP; /* PCRE2 checks first that it is UTF-8 */
    if (work->steps <= reading)
        return PATTERN_EXPENSIVE;
    if (pattern->is_plain) {
        work->steps -= reading;
        return plain_match(&pattern->plain, text) ? PATTERN_YES : PATTERN_NO;
    }
    struct room *room = room_of(work);
    struct count count = {.work = work, .reach = pattern->reach};
    if (room == NULL)
        return PATTERN_NO_MEMORY;
    work->steps -= reading;
    pcre2_set_callout(room->context, count_step, &count);
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)(text.len == 0 ? "" : text.data), text.len, 0, 0,
                            room->data, room->context);
    if (found >= 0)
        return PATTERN_YES;
    if (found == PCRE2_ERROR_NOMEMORY)
        return PATTERN_NO_MEMORY;
    bool is_expensive = found == PCRE2_ERROR_CALLOUT || found == PCRE2_ERROR_MATCHLIMIT ||
                        found == PCRE2_ERROR_DEPTHLIMIT || found == PCRE2_ERROR_HEAPLIMIT;
    return is_expensive ? PATTERN_EXPENSIVE : PATTERN_NO;
}
