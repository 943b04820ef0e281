/*
 * doc_builder: what it makes of events, and the keys and numbers it refuses.
 */
#include "building.h"

#include <math.h>

#include "util/num.h"

/* --- values -------------------------------------------------------------------------------------------------- */

static void doc_builder__remembers_what_it_was_told_and_where(void **state)
{
    (void)state;
    BUILDING w = {0};
    const struct doc_node *array = NULL, *items = NULL;
    start(&w, doc_limits_config);
    begin_array(&w);
    assert_int_equal(doc_builder_null(&w.b, (struct doc_pos){1, 2}, &w.err), 0);
    assert_int_equal(doc_builder_bool(&w.b, (struct doc_pos){2, 3}, true, &w.err), 0);
    assert_int_equal(doc_builder_bool(&w.b, (struct doc_pos){3, 4}, false, &w.err), 0);
    assert_int_equal(doc_builder_int(&w.b, (struct doc_pos){4, 5}, -42, &w.err), 0);
    assert_int_equal(doc_builder_double(&w.b, (struct doc_pos){5, 6}, 2.5, &w.err), 0);
    assert_int_equal(doc_builder_string(&w.b, (struct doc_pos){6, 7}, SPAN("h\"i"), &w.err), 0);
    assert_int_equal(doc_builder_end(&w.b, &array, &w.err), 0);
    items = finish(&w);
    assert_ptr_equal(array, items);
    assert_int_equal(array->kind, DOC_ARRAY);
    assert_int_equal(array->u.array.len, 6);
    static const enum doc_kind kinds[] = {DOC_NULL, DOC_BOOL, DOC_BOOL, DOC_INT, DOC_DOUBLE, DOC_STRING};
    for (uint32_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct doc_node *item = array->u.array.items[i];
        assert_int_equal(item->kind, kinds[i]);
        assert_int_equal(item->pos.line, i + 1);
        assert_int_equal(item->pos.column, i + 2);
        assert_string_equal(item->file, "a.yaml");
    }
    assert_true(array->u.array.items[1]->u.boolean);
    assert_false(array->u.array.items[2]->u.boolean);
    assert_int_equal(array->u.array.items[3]->u.integer, -42);
    assert_true(array->u.array.items[4]->u.number == 2.5);
    assert_string_equal(array->u.array.items[5]->u.string.data, "h\"i");
}

static void doc_builder__weighs_every_value_as_it_will_be_written(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, doc_limits_config);
    begin_object(&w);
    key_at(&w, 1, "n\n");
    begin_array(&w);
    integer(&w, 1);
    integer(&w, -20);
    end(&w);
    key_at(&w, 2, "o");
    begin_object(&w);
    end(&w);
    end(&w);
    const struct doc_node *root = finish(&w);
    assert_int_equal(root->size, strlen("{\"n\\n\":[1,-20],\"o\":{}}"));
    assert_int_equal(root->nodes, 5);
    assert_int_equal(root->height, 3);
    assert_int_equal(doc_get(root, "n\n")->size, strlen("[1,-20]"));
    assert_int_equal(doc_get(root, "n\n")->nodes, 3);
    assert_int_equal(doc_get(root, "n\n")->height, 2);
    assert_int_equal(doc_get(root, "o")->size, 2);
    assert_int_equal(doc_get(root, "o")->height, 1);
}

static void doc_builder__makes_integers_of_doubles_that_are_some(void **state)
{
    (void)state;
    static const struct {
        double value;
        int64_t integer;
    } cases[] = {{1.0, 1}, {-0.0, 0}, {1e3, 1000}, {-9007199254740991.0, -NUM_INT_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUILDING w = {0};
        start(&w, doc_limits_config);
        assert_int_equal(doc_builder_double(&w.b, somewhere, cases[i].value, &w.err), 0);
        assert_int_equal(finish(&w)->kind, DOC_INT);
        assert_int_equal(w.doc.root->u.integer, cases[i].integer);
    }
}

static void doc_builder__keeps_integers_only_where_doubles_are_exact(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, doc_limits_config);
    begin_array(&w);
    integer(&w, NUM_INT_MAX);
    integer(&w, NUM_INT_MAX + 1);
    integer(&w, INT64_MIN);
    end(&w);
    const struct doc_node *const *items = finish(&w)->u.array.items;
    assert_int_equal(items[0]->kind, DOC_INT);
    assert_int_equal(items[1]->kind, DOC_DOUBLE);
    assert_true(items[1]->u.number == 9007199254740992.0);
    assert_int_equal(items[2]->kind, DOC_DOUBLE);
    assert_true(items[2]->u.number == -0x1p63);
}

static void doc_builder__refuses_numbers_that_are_not_finite(void **state)
{
    (void)state;
    static const double values[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        BUILDING w = {0};
        start(&w, no_limits);
        assert_refused(&w, doc_builder_double(&w.b, somewhere, values[i], &w.err), CODE_YAML_NUMBER, somewhere);
    }
}

static void doc_builder__copies_names_strings_and_the_file(void **state)
{
    (void)state;
    BUILDING w = {0};
    char text[] = "text", file[] = "f";
    assert_int_equal(doc_builder_init(&w.b, &w.doc.arena, file, &no_limits, &w.err), 0);
    begin_object(&w);
    key_at(&w, 1, text);
    assert_int_equal(doc_builder_string(&w.b, somewhere, span_of(text), &w.err), 0);
    end(&w);
    memset(text, 'x', sizeof text);
    file[0] = 'x';
    const struct doc_node *value = doc_get(finish(&w), "text");
    assert_string_equal(value->u.string.data, "text");
    assert_string_equal(value->file, "f");
}

/* --- order and duplicates ------------------------------------------------------------------------------------ */

static void doc_builder__keeps_members_in_canonical_order(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    begin_object(&w);
    member(&w, 1, "\xEF\xAC\xB3");
    member(&w, 2, "b");
    member(&w, 3, "\xF0\x9F\x98\x80");
    member(&w, 4, "a");
    end(&w);
    const struct doc_member *members = finish(&w)->u.object.members;
    static const uint32_t lines[] = {4, 2, 3, 1};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_int_equal(members[i].pos.line, lines[i]);
        assert_int_equal(members[i].value->u.integer, lines[i]);
    }
}

static void doc_builder__refuses_a_key_that_stands_twice_naming_both_places(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    begin_object(&w);
    member(&w, 1, "z");
    member(&w, 3, "x");
    member(&w, 4, "y");
    member(&w, 8, "x");
    assert_refused(&w, doc_builder_end(&w.b, NULL, &w.err), CODE_YAML_DUPLICATE_KEY, (struct doc_pos){8, 1});
    assert_string_equal(w.err.message, "key 'x' stands twice: first at 3:1");
}

static void doc_builder__tells_the_duplicate_that_was_written_first(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    begin_object(&w);
    member(&w, 1, "z");
    member(&w, 2, "a");
    member(&w, 3, "z");
    member(&w, 4, "a");
    member(&w, 5, "z");
    assert_refused(&w, doc_builder_end(&w.b, NULL, &w.err), CODE_YAML_DUPLICATE_KEY, (struct doc_pos){3, 1});
    assert_string_equal(w.err.message, "key 'z' stands twice: first at 1:1");
}

static void doc_builder__finds_duplicates_in_order_too(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    begin_object(&w);
    member(&w, 1, "a");
    member(&w, 2, "b");
    member(&w, 3, "b");
    assert_refused(&w, doc_builder_end(&w.b, NULL, &w.err), CODE_YAML_DUPLICATE_KEY, (struct doc_pos){3, 1});
}

static void doc_builder__shows_odd_duplicate_keys_in_one_line(void **state)
{
    (void)state;
    BUILDING w = {0};
    char name[400] = "\x1b[1m\n";
    memset(name + 5, 'k', sizeof name - 6);
    start(&w, no_limits);
    begin_object(&w);
    member(&w, 1, name);
    member(&w, 2, name);
    assert_refused(&w, doc_builder_end(&w.b, NULL, &w.err), CODE_YAML_DUPLICATE_KEY, (struct doc_pos){2, 1});
    assert_non_null(strstr(w.err.message, "'\\x1b[1m\\x0akkk"));
    assert_non_null(strstr(w.err.message, "k…' stands twice"));
}

static void doc_builder__allows_the_same_key_in_different_objects(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    begin_object(&w);
    key_at(&w, 1, "a");
    begin_object(&w);
    member(&w, 2, "a");
    end(&w);
    end(&w);
    assert_int_equal(doc_get(doc_get(finish(&w), "a"), "a")->u.integer, 2);
}

/* --- state of the builder ------------------------------------------------------------------------------------ */

static void doc_builder__knows_where_a_key_is_due(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    assert_false(doc_builder_wants_key(&w.b));
    begin_object(&w);
    assert_true(doc_builder_wants_key(&w.b));
    key_at(&w, 1, "a");
    assert_false(doc_builder_wants_key(&w.b));
    begin_array(&w);
    assert_false(doc_builder_wants_key(&w.b));
    end(&w);
    assert_true(doc_builder_wants_key(&w.b));
    end(&w);
    assert_false(doc_builder_wants_key(&w.b));
}

static void doc_builder__has_no_root_before_it_is_finished(void **state)
{
    (void)state;
    BUILDING w = {0};
    start(&w, no_limits);
    assert_null(doc_builder_root(&w.b));
    assert_null(doc_builder_last(&w.b));
    begin_array(&w);
    integer(&w, 1);
    assert_null(doc_builder_root(&w.b));
    assert_int_equal(doc_builder_last(&w.b)->u.integer, 1);
    end(&w);
    assert_non_null(doc_builder_root(&w.b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doc_builder__remembers_what_it_was_told_and_where),
        cmocka_unit_test(doc_builder__weighs_every_value_as_it_will_be_written),
        cmocka_unit_test(doc_builder__makes_integers_of_doubles_that_are_some),
        cmocka_unit_test(doc_builder__keeps_integers_only_where_doubles_are_exact),
        cmocka_unit_test(doc_builder__refuses_numbers_that_are_not_finite),
        cmocka_unit_test(doc_builder__copies_names_strings_and_the_file),
        cmocka_unit_test(doc_builder__keeps_members_in_canonical_order),
        cmocka_unit_test(doc_builder__refuses_a_key_that_stands_twice_naming_both_places),
        cmocka_unit_test(doc_builder__tells_the_duplicate_that_was_written_first),
        cmocka_unit_test(doc_builder__finds_duplicates_in_order_too),
        cmocka_unit_test(doc_builder__shows_odd_duplicate_keys_in_one_line),
        cmocka_unit_test(doc_builder__allows_the_same_key_in_different_objects),
        cmocka_unit_test(doc_builder__knows_where_a_key_is_due),
        cmocka_unit_test(doc_builder__has_no_root_before_it_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
