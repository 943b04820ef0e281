/*
 * doc_builder's limits: just below, at and above each, and aliases that weigh more than they look.
 */
#include "building.h"

/* --- limits -------------------------------------------------------------------------------------------------- */

static void doc_limits__nests_as_deep_as_the_limit_and_no_deeper(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, doc_limits_config);
    for (int i = 0; i < 63; i++)
        begin_array(&w);
    integer(&w, 1);
    begin_array(&w);
    const struct doc_pos place = {9, 9};
    assert_refused(&w, doc_builder_null(&w.b, place, &w.err), CODE_LIMIT_DEPTH, place);
    assert_string_equal(w.err.message, "values nest deeper than 64");
}

static void doc_limits__counts_the_height_of_the_deepest_child(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, doc_limits_config);
    for (int i = 0; i < 64; i++)
        begin_array(&w);
    for (int i = 0; i < 64; i++)
        end(&w);
    assert_int_equal(finish(&w)->height, 64);
}

static void f15__nothing_nests_deeper_than_what_may_recurse(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    for (int i = 0; i < DOC_DEPTH_MAX; i++)
        begin_array(&w);
    assert_refused(&w, doc_builder_begin_array(&w.b, somewhere, &w.err), CODE_LIMIT_DEPTH, somewhere);
}

static void doc_limits__refuses_one_value_too_many(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, (struct doc_limits){.depth = 9, .nodes = 3, .size = 99});
    begin_array(&w);
    integer(&w, 1);
    integer(&w, 2);
    assert_refused(&w, doc_builder_int(&w.b, somewhere, 3, &w.err), CODE_LIMIT_NODES, somewhere);
    assert_string_equal(w.err.message, "more than 3 values, aliases expanded");
}

static void doc_limits__allows_nothing_where_a_limit_is_zero(void **state)
{
    (void)state;
    static const struct {
        struct doc_limits limits;
        const char *code;
    } cases[] = {
        {{0, 9, 9}, CODE_LIMIT_DEPTH},
        {{9, 0, 9}, CODE_LIMIT_NODES},
        {{9, 9, 0}, CODE_LIMIT_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUILDING w = {0};
        start(&w, cases[i].limits);
        assert_refused(&w, doc_builder_int(&w.b, somewhere, 1, &w.err), cases[i].code, somewhere);
    }
}

/* {"a":[1,2],"b":"x"} is 19 bytes: each limit below refuses another of its events. */
static int build_nineteen_bytes(struct building *w)
{
    struct doc_builder *b = &w->b;
    if (doc_builder_begin_object(b, somewhere, &w->err) < 0 || doc_builder_key(b, somewhere, SPAN("a"), &w->err) < 0 ||
        doc_builder_begin_array(b, somewhere, &w->err) < 0 || doc_builder_int(b, somewhere, 1, &w->err) < 0 ||
        doc_builder_int(b, somewhere, 2, &w->err) < 0 || doc_builder_end(b, NULL, &w->err) < 0 ||
        doc_builder_key(b, somewhere, SPAN("b"), &w->err) < 0 ||
        doc_builder_string(b, somewhere, SPAN("x"), &w->err) < 0)
        return -1;
    return doc_builder_end(b, NULL, &w->err);
}

static void doc_limits__refuses_one_byte_too_many_wherever_it_comes(void **state)
{
    (void)state;
    for (uint32_t limit = 0; limit < 19; limit++) {
        BUILDING w = {0};
        start(&w, (struct doc_limits){.depth = 9, .nodes = 9, .size = limit});
        assert_refused(&w, build_nineteen_bytes(&w), CODE_LIMIT_CONFIG, somewhere);
    }
    BUILDING w = {0};
    start(&w, (struct doc_limits){.depth = 3, .nodes = 5, .size = 19});
    assert_int_equal(build_nineteen_bytes(&w), 0);
    assert_int_equal(finish(&w)->size, 19);
}

static void doc_limits__names_the_limit_of_bytes(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, (struct doc_limits){.depth = 9, .nodes = 9, .size = 4});
    assert_refused(&w, doc_builder_string(&w.b, somewhere, SPAN("abc"), &w.err), CODE_LIMIT_CONFIG, somewhere);
    assert_string_equal(w.err.message, "the canonical JSON is larger than 4 bytes");
}

/* --- sharing ------------------------------------------------------------------------------------------------- */

static void doc_limits__shares_nodes_and_counts_them_every_time(void **state)
{
    (void)state;
    BUILDING w = {0};
    const struct doc_node *anchor = NULL;
    start(&w, no_limits);
    begin_array(&w);
    begin_array(&w);
    integer(&w, 1);
    assert_int_equal(doc_builder_end(&w.b, &anchor, &w.err), 0);
    assert_int_equal(doc_builder_shared(&w.b, somewhere, anchor, &w.err), 0);
    assert_ptr_equal(doc_builder_last(&w.b), anchor);
    end(&w);
    const struct doc_node *root = finish(&w);
    assert_ptr_equal(root->u.array.items[0], root->u.array.items[1]);
    assert_int_equal(root->nodes, 5);
    assert_int_equal(root->size, strlen("[[1],[1]]"));
    assert_int_equal(root->height, 3);
}

static void doc_limits__refuses_a_shared_node_that_exceeds_a_limit(void **state)
{
    (void)state;
    /* [[1], <alias>] is 5 values, 9 bytes and 3 deep; [[1],[<alias>]] one value, two bytes, one floor more. */
    static const struct {
        struct doc_limits limits;
        const char *code;
    } cases[] = {
        {{4, 6, 11}, NULL},
        {{3, 6, 11}, CODE_LIMIT_DEPTH},
        {{4, 5, 11}, CODE_LIMIT_NODES},
        {{4, 6, 10}, CODE_LIMIT_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUILDING w = {0};
        start(&w, cases[i].limits);
        begin_array(&w);
        begin_array(&w);
        integer(&w, 1);
        end(&w);
        const struct doc_node *anchor = doc_builder_last(&w.b);
        begin_array(&w);
        int shared = doc_builder_shared(&w.b, somewhere, anchor, &w.err);
        if (cases[i].code == NULL)
            assert_int_equal(shared, 0);
        else
            assert_refused(&w, shared, cases[i].code, somewhere);
    }
}

/* Nine aliases of nine aliases of …, the billion laughs. */
static void doc_limits__defuses_bombs_of_aliases(void **state)
{
    (void)state;
    BUILDING w = {0};
    int refused = 0;
    start(&w, doc_limits_config);
    begin_array(&w);
    integer(&w, 1);
    for (int level = 0; level < 60 && refused == 0; level++) {
        const struct doc_node *last = doc_builder_last(&w.b);
        begin_array(&w);
        for (int i = 0; i < 9 && refused == 0; i++)
            refused = doc_builder_shared(&w.b, somewhere, last, &w.err);
        if (refused == 0)
            end(&w);
    }
    assert_refused(&w, refused, CODE_LIMIT_NODES, somewhere);
    assert_in_range(w.doc.arena.total, 1, 65536);
}

static void doc_limits__survives_weights_at_the_edge_of_32_bits(void **state)
{
    (void)state;
    BUILDING w = {0};
    int refused = 0;
    start(&w, no_limits);
    begin_array(&w);
    assert_int_equal(doc_builder_string(&w.b, somewhere, SPAN("0123456789abcdef"), &w.err), 0);
    for (int level = 0; level < 40 && refused == 0; level++) {
        const struct doc_node *last = doc_builder_last(&w.b);
        begin_array(&w);
        refused = doc_builder_shared(&w.b, somewhere, last, &w.err);
        if (refused == 0)
            refused = doc_builder_shared(&w.b, somewhere, last, &w.err);
        if (refused == 0)
            end(&w);
    }
    assert_refused(&w, refused, CODE_LIMIT_CONFIG, somewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doc_limits__nests_as_deep_as_the_limit_and_no_deeper),
        cmocka_unit_test(doc_limits__counts_the_height_of_the_deepest_child),
        cmocka_unit_test(f15__nothing_nests_deeper_than_what_may_recurse),
        cmocka_unit_test(doc_limits__refuses_one_value_too_many),
        cmocka_unit_test(doc_limits__allows_nothing_where_a_limit_is_zero),
        cmocka_unit_test(doc_limits__refuses_one_byte_too_many_wherever_it_comes),
        cmocka_unit_test(doc_limits__names_the_limit_of_bytes),
        cmocka_unit_test(doc_limits__shares_nodes_and_counts_them_every_time),
        cmocka_unit_test(doc_limits__refuses_a_shared_node_that_exceeds_a_limit),
        cmocka_unit_test(doc_limits__defuses_bombs_of_aliases),
        cmocka_unit_test(doc_limits__survives_weights_at_the_edge_of_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
