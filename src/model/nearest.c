/*
 * nearest: see nearest.h. The distance is that of optimal string alignment, in three rows.
 */
#include "model/nearest.h"

#include <stdio.h>
#include <strings.h>

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t nearest_distance(struct span a, struct span b)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t differs = a.data[i - 1] == b.data[j - 1] ? 0 : 1;
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
            bool is_swap = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            if (is_swap && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return row[b.len];
}

static bool is_other_case(struct span a, struct span b)
{
    return a.len == b.len && a.len > 0 && strncasecmp(a.data, b.data, a.len) == 0;
}

void nearest_try(struct nearest *nearest, const char *name)
{
    struct span candidate = span_of(name);
    if (nearest->text.len > NEAREST_MAX || candidate.len > NEAREST_MAX)
        return;
    size_t longer = candidate.len > nearest->text.len ? candidate.len : nearest->text.len;
    size_t distance = is_other_case(nearest->text, candidate) ? 0 : nearest_distance(nearest->text, candidate);
    if (distance > longer / 3 || (nearest->name != NULL && distance >= nearest->distance))
        return;
    nearest->name = name;
    nearest->distance = distance;
}

const char *nearest_hint_name(struct span name, char room[static NEAREST_HINT_MAX])
{
    room[0] = '\0';
    if (name.len > 0)
        snprintf(room, NEAREST_HINT_MAX, "; did you mean \"%.*s\"?", (int)(name.len < NEAREST_MAX ? name.len : NEAREST_MAX),
                 name.data);
    return room;
}

const char *nearest_hint(const struct nearest *nearest, char room[static NEAREST_HINT_MAX])
{
    return nearest_hint_name(nearest->name == NULL ? SPAN("") : span_of(nearest->name), room);
}
