/*
 * building: events that must succeed, and refusals with their place, for the tests of the builder.
 */
#ifndef TESTS_UNIT_BUILDING_H
#define TESTS_UNIT_BUILDING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/doc.h"

static const struct doc_limits no_limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
static const struct doc_pos somewhere = {7, 3};

struct building {
    struct doc doc;
    struct doc_builder b;
    struct error err;
};

static inline void building_fini(struct building *w)
{
    doc_builder_fini(&w->b);
    doc_fini(&w->doc);
}

#define BUILDING CLEANUP(building_fini) struct building

static inline void start(struct building *w, struct doc_limits limits)
{
    assert_int_equal(doc_builder_init(&w->b, &w->doc.arena, "a.yaml", &limits, &w->err), 0);
}

static inline const struct doc_node *finish(struct building *w)
{
    w->doc.root = doc_builder_root(&w->b);
    assert_non_null(w->doc.root);
    return w->doc.root;
}

/* Events that must succeed. */
static inline void begin_array(struct building *w)
{
    assert_int_equal(doc_builder_begin_array(&w->b, somewhere, &w->err), 0);
}

static inline void begin_object(struct building *w)
{
    assert_int_equal(doc_builder_begin_object(&w->b, somewhere, &w->err), 0);
}

static inline void end(struct building *w)
{
    assert_int_equal(doc_builder_end(&w->b, NULL, &w->err), 0);
}

static inline void key_at(struct building *w, uint32_t line, const char *name)
{
    assert_int_equal(doc_builder_key(&w->b, (struct doc_pos){line, 1}, span_of(name), &w->err), 0);
}

static inline void integer(struct building *w, int64_t value)
{
    assert_int_equal(doc_builder_int(&w->b, somewhere, value, &w->err), 0);
}

static inline void member(struct building *w, uint32_t line, const char *name)
{
    key_at(w, line, name);
    integer(w, line);
}

static inline void assert_refused(const struct building *w, int result, const char *code, struct doc_pos pos)
{
    assert_int_equal(result, -1);
    assert_string_equal(w->err.code, code);
    assert_string_equal(w->err.file, "a.yaml");
    assert_int_equal(w->err.line, pos.line);
    assert_int_equal(w->err.column, pos.column);
}

#endif
