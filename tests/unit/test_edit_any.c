/*
 * edit, for any text: documents made at random, with comments, blank lines and every style of value, and random
 * changes to them. Whatever is not refused changes that path alone, and no line but those of the value.
 *
 * EPOCHD_TEST_SEED and EPOCHD_TEST_ROUNDS repeat a run and make it longer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "config/edit.h"
#include "io/yaml_places.h"
#include "model/codes.h"
#include "model/diff.h"
#include "model/json.h"

#define AUTO_ARENA CLEANUP(arena_fini)

enum { ROUNDS = 4000, DEPTH = 4 };

static uint64_t seed;
static unsigned round_seed; /* EPOCHD_TEST_SEED that begins with this document */

static unsigned below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static bool maybe(unsigned percent)
{
    return below(100) < percent;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

/* --- a text --------------------------------------------------------------------------------------------- */

struct writer {
    struct buf out;
    const char *line_break;
    unsigned names, comments;
};

static void end_line(struct writer *w)
{
    if (maybe(25))
        buf_printf(&w->out, " # c%u.", w->comments++);
    buf_puts(&w->out, w->line_break);
}

static void between_lines(struct writer *w, unsigned indent)
{
    if (maybe(15))
        buf_puts(&w->out, w->line_break);
    if (maybe(20))
        buf_printf(&w->out, "%*s# c%u.%s", (int)indent, "", w->comments++, w->line_break);
}

static void put_scalar(struct writer *w, bool in_flow)
{
    static const char *const plain[] = {"1",    "-2.5", "true", "null",        "words and words", "no",  "0x1f",
                                        "~",    "x#y",  "ü",    "2026-11-21", "http://h",        "1e3", "'q # q'",
                                        "\"\"", "\"a\\n\\\"b\"", "'it''s'"};
    buf_puts(&w->out, plain[below(in_flow ? 10 : ARRAY_LEN(plain))]);
}

static void between_items(struct writer *w, bool has_lines, unsigned depth)
{
    if (!has_lines)
        buf_puts(&w->out, maybe(80) ? " " : "");
    for (unsigned i = 0, n = has_lines + maybe(10); has_lines && i < n; i++) {
        end_line(w);
        buf_printf(&w->out, "%*s", 16 + 2 * (int)depth, "");
    }
}

static void put_flow_name(struct writer *w)
{
    static const char *const quotes[] = {"", "", "\"", "'"};
    const char *quote = quotes[below(ARRAY_LEN(quotes))];
    buf_printf(&w->out, "%sf%u%s:", quote, w->names++, quote);
    buf_puts(&w->out, quote[0] == '\0' || maybe(80) ? " " : "");
}

static void put_flow(struct writer *w, unsigned depth)
{
    unsigned kind = depth >= DEPTH ? 2 : below(4);
    if (kind >= 2) {
        put_scalar(w, true);
        return;
    }
    unsigned n = below(4);
    bool has_lines = maybe(30), leads = has_lines && maybe(30);
    buf_putc(&w->out, kind == 0 ? '[' : '{');
    for (unsigned i = 0; i < n; i++) {
        if (!leads && i > 0)
            buf_puts(&w->out, ",");
        between_items(w, has_lines, depth);
        if (leads && i > 0)
            buf_puts(&w->out, ", ");
        if (kind == 1)
            put_flow_name(w);
        put_flow(w, depth + 1);
    }
    if (n > 0 && !leads && maybe(20))
        buf_putc(&w->out, ',');
    if (has_lines)
        between_items(w, maybe(80), depth);
    buf_putc(&w->out, kind == 0 ? ']' : '}');
}

static void put_lines(struct writer *w, unsigned indent)
{
    static const char *const headers[] = {"|", "|-", "|+", ">", ">-"};
    buf_puts(&w->out, headers[below(ARRAY_LEN(headers))]);
    end_line(w);
    for (unsigned i = 0, n = 1 + below(3); i < n; i++)
        buf_printf(&w->out, "%*stext # %u%s", (int)indent, "", below(10), w->line_break);
}

static void put_mapping(struct writer *w, unsigned indent, unsigned depth, bool first_is_placed);
static void put_sequence(struct writer *w, unsigned indent, unsigned depth);

/* What stands behind "key:"; ends the line. */
static void put_member_value(struct writer *w, unsigned indent, unsigned depth)
{
    unsigned kind = depth >= DEPTH ? below(5) : below(9);
    if (kind == 0) {
        end_line(w);
    } else if (kind == 1) {
        buf_putc(&w->out, ' ');
        put_lines(w, indent + 2);
    } else if (kind == 2) {
        buf_putc(&w->out, ' ');
        put_flow(w, depth);
        end_line(w);
    } else if (kind < 6) {
        buf_putc(&w->out, ' ');
        put_scalar(w, false);
        end_line(w);
    } else if (kind == 6) {
        end_line(w);
        put_sequence(w, indent + (maybe(50) ? 2 : 0), depth + 1);
    } else {
        end_line(w);
        put_mapping(w, indent + 1 + below(4), depth + 1, false);
    }
}

static void put_mapping(struct writer *w, unsigned indent, unsigned depth, bool first_is_placed)
{
    for (unsigned i = 0, n = 1 + below(4); i < n; i++) {
        if (i > 0 || !first_is_placed) {
            between_lines(w, indent);
            buf_printf(&w->out, "%*s", (int)indent, "");
        }
        if (maybe(20))
            buf_printf(&w->out, "\"k %u\":", w->names++);
        else
            buf_printf(&w->out, "k%u%s:", w->names++, maybe(5) ? " " : "");
        put_member_value(w, indent, depth);
    }
}

static void put_sequence(struct writer *w, unsigned indent, unsigned depth)
{
    for (unsigned i = 0, n = 1 + below(3); i < n; i++) {
        between_lines(w, indent);
        buf_printf(&w->out, "%*s- ", (int)indent, "");
        if (depth < DEPTH && maybe(30)) {
            put_mapping(w, indent + 2, depth + 1, true);
        } else {
            put_scalar(w, false);
            end_line(w);
        }
    }
}

/* --- a change ------------------------------------------------------------------------------------------- */

/* A way to some value of the document, or to one that is not there. */
static void put_path(const struct doc_node *node, struct buf *out)
{
    char index[32];
    while (!maybe(15)) {
        struct span name = {0};
        if (node->kind == DOC_OBJECT && node->u.object.len > 0) {
            const struct doc_member *member = &node->u.object.members[below((unsigned)node->u.object.len)];
            name = member->name;
            node = member->value;
        } else if (node->kind == DOC_ARRAY && node->u.array.len > 0) {
            unsigned i = below((unsigned)node->u.array.len);
            name = (struct span){index, (size_t)snprintf(index, sizeof index, "%u", i)};
            node = node->u.array.items[i];
        } else {
            break;
        }
        pointer_put_name(name, out);
    }
    if (out->len == 0 || maybe(20))
        buf_printf(out, "/new%u", below(3));
    if (maybe(10))
        buf_puts(out, "/more");
}

static const char *any_value(void)
{
    static const char *const values[] = {"7",     "0.5",        "no",      "plain",      "Hello: world", "'a # b'",
                                         "null",  "[1, 'x: y']", "{}",      "{z: {y: 1}}", "\"one\\ntwo\"",  "-",
                                         "1e300", "ü",          "\"\\t\"", "true"};
    return values[below(ARRAY_LEN(values))];
}

/* --- what must hold ------------------------------------------------------------------------------------- */

static size_t count_lines(struct span text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines + (text.len > 0 && text.data[text.len - 1] != '\n');
}

static struct span line_at(struct span text, size_t *at)
{
    const char *end = memchr(text.data + *at, '\n', text.len - *at);
    struct span line = {text.data + *at, end == NULL ? text.len - *at : (size_t)(end - text.data) - *at};
    *at += line.len + (end != NULL);
    return line;
}

/* How many lines both begin with, or (from the back) end with. */
static size_t common_lines(struct span a, struct span b, size_t most, bool from_back)
{
    size_t lines_a = count_lines(a), lines_b = count_lines(b), same = 0;
    size_t len = lines_a < lines_b ? lines_a : lines_b;
    struct span all_a[2000], all_b[2000];
    assert_true(lines_a < 2000 && lines_b < 2000);
    for (size_t i = 0, at = 0; i < lines_a; i++)
        all_a[i] = line_at(a, &at);
    for (size_t i = 0, at = 0; i < lines_b; i++)
        all_b[i] = line_at(b, &at);
    while (same < len && same < most &&
           span_equal(all_a[from_back ? lines_a - 1 - same : same], all_b[from_back ? lines_b - 1 - same : same]))
        same++;
    return same;
}

static void check_comments(struct span before, struct span after, const struct writer *w, unsigned lost_most)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < w->comments; i++) {
        char comment[16];
        int len = snprintf(comment, sizeof comment, "# c%u.", i);
        assert_non_null(memmem(before.data, before.len, comment, (size_t)len));
        lost += memmem(after.data, after.len, comment, (size_t)len) == NULL;
    }
    if (lost > lost_most)
        fail_msg("seed %u: %u comments lost:\n%.*s\n->\n%.*s", round_seed, lost, (int)before.len, before.data, (int)after.len, after.data);
}

/* Everything that differs lies on the way: at its end, below it, or (a parent that was made) above it. */
static void check_paths(const struct doc_node *before, const struct doc_node *after, const struct buf *path)
{
    struct diff diff AUTO_DIFF = {0};
    struct error err;
    assert_int_equal(diff_docs(before, after, &diff, &err), 0);
    for (size_t i = 0; i < diff.len; i++) {
        struct buf way AUTO_BUF = {0};
        diff_put_way(diff.changes[i].way, &way);
        size_t len = way.len < path->len ? way.len : path->len;
        if (memcmp(way.data, path->data, len) != 0)
            fail_msg("seed %u: %.*s changed too", round_seed, (int)way.len, way.data);
    }
}

/* What a change may take away: the lines of the value, from its key on; in brackets also what stands around it. */
struct reach {
    size_t lines;
    bool is_whole; /* a mapping that has no member is filled, or loses its last: it is written anew */
};

static struct reach reach_of(struct span text, const struct pointer *path)
{
    struct arena arena AUTO_ARENA = {0};
    struct place *places;
    struct error err;
    assert_int_equal(yaml_places(text, &arena, &places, &err), 0);
    const struct place *place = places, *above = NULL, *previous = NULL;
    for (size_t i = 0; i < path->len && place != NULL; i++) {
        above = place;
        place = place_child(place, path->names[i]);
    }
    if (place == NULL && above->first != NULL)
        return (struct reach){1, false}; /* the line that something is added to */
    if (place == NULL)
        return (struct reach){count_lines((struct span){text.data + above->start, above->end - above->start}), true};
    for (const struct place *other = place->parent->first; other != place; other = other->next)
        previous = other;
    bool is_named = place->parent->kind == PLACE_MAPPING;
    size_t start = is_named ? place->key_start : place->start, end = place->end;
    if (is_named && place->parent->style == PLACE_FLOW) {
        start = previous == NULL ? place->parent->body : previous->end;
        end = place->next == NULL ? place->parent->end : place->next->key_start;
    }
    size_t lines = count_lines((struct span){text.data + start, end - start}) + (end == start);
    return (struct reach){lines, place->parent->first == place->parent->last};
}

static void check_lines(struct span before, struct span after, struct reach reach, bool is_removal, const struct writer *w)
{
    size_t lines = count_lines(before), now = count_lines(after);
    size_t least = lines < now ? lines : now;
    size_t head = common_lines(before, after, least, false);
    size_t tail = common_lines(before, after, least - head, true);
    size_t gone = lines - head - tail, come = now - head - tail;
    /* A mapping that becomes {} changes the line of its key too, and comments may stand between. */
    if (gone > reach.lines && !(is_removal && reach.is_whole))
        fail_msg("seed %u: %zu lines are gone, of a value of %zu:\n%.*s\n->\n%.*s", round_seed, gone, reach.lines, (int)before.len, before.data, (int)after.len, after.data);
    if (!is_removal && come > 4 && come > gone)
        fail_msg("seed %u: %zu lines came", round_seed, come);
    check_comments(before, after, w, is_removal ? (unsigned)gone : 0);
}

/* Of the bytes of `whole`, in their order, all of `part` can be found. */
static bool is_within(struct span part, struct span whole)
{
    size_t at = 0;
    for (size_t i = 0; i < whole.len && at < part.len; i++)
        at += whole.data[i] == part.data[at];
    return at == part.len;
}

/* What comes takes nothing away, and what goes brings nothing; but for a {} that is made or filled. */
static void check_bytes(struct span before, struct span after, struct reach reach, bool is_new, bool is_removal)
{
    if (is_new && !reach.is_whole && !is_within(before, after))
        fail_msg("seed %u: bytes are gone:\n%.*s\n->\n%.*s", round_seed, (int)before.len, before.data, (int)after.len, after.data);
    if (is_removal && !reach.is_whole && !is_within(after, before))
        fail_msg("seed %u: bytes have come:\n%.*s\n->\n%.*s", round_seed, (int)before.len, before.data, (int)after.len, after.data);
}

static bool change_one(struct span text, const struct doc_node *doc, const struct writer *w)
{
    struct arena arena AUTO_ARENA = {0};
    struct buf path AUTO_BUF = {0}, out AUTO_BUF = {0};
    struct doc value AUTO_DOC = {0}, after AUTO_DOC = {0};
    struct splice_change change = {0};
    const char *note;
    struct error err;
    bool is_changed, is_removal = maybe(35);
    put_path(doc, &path);
    assert_int_equal(pointer_parse(buf_span(&path), &arena, &change.path, &err), 0);
    if (!is_removal) {
        assert_int_equal(edit_value(span_of(any_value()), EDIT_YAML, &value, &change.typed, &note, &err), 0);
        change.value = value.root;
    }
    if (edit_text(text, "a.yaml", &change, 1, &out, &is_changed, &err) != 0) {
        assert_string_equal(err.code, CODE_EDIT_REFUSED);
        return false;
    }
    if (edit_read(buf_span(&out), "a.yaml", &after, &err) != 0)
        fail_msg("seed %u: %s", round_seed, err.message);
    check_paths(doc, after.root, &path);
    struct reach reach = reach_of(text, &change.path);
    check_lines(text, buf_span(&out), reach, is_removal, w);
    check_bytes(text, buf_span(&out), reach, pointer_find(doc, &change.path, NULL) == NULL, is_removal);
    const struct doc_node *now = pointer_find(after.root, &change.path, NULL);
    assert_true(is_removal ? now == NULL : doc_equal(now, value.root));
    return true;
}

static void edit__of_any_text_changes_that_path_and_its_lines_alone(void **state)
{
    (void)state;
    unsigned rounds = from_environment("EPOCHD_TEST_ROUNDS", ROUNDS), done = 0;
    unsigned first = from_environment("EPOCHD_TEST_SEED", 1);
    for (unsigned i = 0; i < rounds; i++) {
        struct writer w = {.line_break = NULL};
        struct doc doc AUTO_DOC = {0};
        struct error err;
        seed = round_seed = first + i;
        below(2);
        w.line_break = maybe(20) ? "\r\n" : "\n";
        put_mapping(&w, 0, 0, false);
        if (edit_read(buf_span(&w.out), "a.yaml", &doc, &err) != 0)
            fail_msg("seed %u: %s: %.*s", round_seed, err.message, (int)w.out.len, w.out.data);
        for (unsigned k = 0; k < 5; k++)
            done += change_one(buf_span(&w.out), doc.root, &w);
        buf_fini(&w.out);
    }
    /* Most changes can be made; else this proves nothing. */
    if (done < rounds * 5 / 2)
        fail_msg("only %u of %u were made", done, rounds * 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(edit__of_any_text_changes_that_path_and_its_lines_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
