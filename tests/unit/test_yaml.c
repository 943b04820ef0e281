/*
 * yaml: what a document is read as, what is refused in it, and the place that is named.
 */
#include "yaml_reading.h"

/* --- values --- */

static void yaml__reads_scalars_by_the_core_schema(void **state)
{
    (void)state;
    assert_reads("a: 1\nb: 1.5\nc: true\nd: ~\ne: text\nf:\n",
                 "{\"a\":1,\"b\":1.5,\"c\":true,\"d\":null,\"e\":\"text\",\"f\":null}");
    assert_reads("[-0, 1.0, 0x1F, 0o14, 1e3]", "[0,1,31,12,1000]");
}

static void yaml__takes_quoted_and_block_scalars_for_strings(void **state)
{
    (void)state;
    assert_reads("['1', \"true\", '', \"~\"]", "[\"1\",\"true\",\"\",\"~\"]");
    assert_reads("a: |\n  12\nb: >-\n  no\n  yes\n", "{\"a\":\"12\\n\",\"b\":\"no yes\"}");
}

static void yaml__reads_block_and_flow_alike(void **state)
{
    (void)state;
    const char *wanted = "{\"audio\":{\"devices\":[\"mic\",{\"name\":\"line\"}],\"rate\":16000}}";
    assert_reads("audio:\n  rate: 16000\n  devices:\n  - mic\n  - name: line\n", wanted);
    assert_reads("{audio: {rate: 16000, devices: [mic, {name: line}]}}", wanted);
}

static void yaml__keeps_unicode_and_escapes(void **state)
{
    (void)state;
    assert_reads("ä: \"\\u263a\\x41\\t\\N\\L\"", "{\"ä\":\"☺A\\t\xC2\x85\xE2\x80\xA8\"}");
    assert_reads("a: 𝄞", "{\"a\":\"𝄞\"}");
}

static void yaml__reads_windows_and_old_mac_line_ends(void **state)
{
    (void)state;
    assert_reads("a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}");
    assert_reads("a: 1\rb: 2\r", "{\"a\":1,\"b\":2}");
}

static void yaml__remembers_where_keys_and_values_stand(void **state)
{
    (void)state;
    AUTO_READING struct reading r = {0};
    read_text(&r, SPAN("# first\na:\n  ü: [x,\n       y]\n"), false);
    const struct doc_member *a = doc_get_member(r.doc.root, SPAN("a"));
    const struct doc_member *u = doc_get_member(a->value, SPAN("ü"));
    assert_int_equal(a->pos.line, 2);
    assert_int_equal(a->pos.column, 1);
    assert_int_equal(u->pos.line, 3);
    assert_int_equal(u->pos.column, 3);
    assert_int_equal(u->value->pos.column, 6);
    assert_int_equal(u->value->u.array.items[1]->pos.line, 4);
    assert_int_equal(u->value->u.array.items[1]->pos.column, 8);
    assert_string_equal(u->value->file, FILE_NAME);
}

static void yaml__warns_of_scalars_that_yaml_11_reads_otherwise(void **state)
{
    (void)state;
    assert_warns("a: no\n", "{\"a\":\"no\"}", CODE_YAML_AMBIGUOUS, 1, 4,
                 "'no' is the string \"no\" in YAML 1.2");
    assert_warns("a:\n- 012\n", "{\"a\":[12]}", CODE_YAML_AMBIGUOUS, 2, 3, "leading zero");
    assert_warns("on: 1\n", "{\"on\":1}", CODE_YAML_AMBIGUOUS, 1, 1,
                 "key 'on' is a string in YAML 1.2, and something else in YAML 1.1; quote it");
    assert_reads("['no', \"012\", !!str 1:30, ! 1_000]", "[\"no\",\"012\",\"1:30\",\"1_000\"]");
}

static void yaml__refuses_numbers_that_json_cannot_carry_and_does_not_repeat_them(void **state)
{
    (void)state;
    assert_refuses("a: 9007199254740992\n", CODE_YAML_NUMBER, 1, 4, "beyond ±(2^53-1)");
    assert_refuses("a: [.inf]\n", CODE_YAML_NUMBER, 1, 5, "infinity");
    assert_refuses("a: .nan\n", CODE_YAML_NUMBER, 1, 4, "not-a-number");
    assert_refuses("a: 1e999\n", CODE_YAML_NUMBER, 1, 4, "too large");
    AUTO_READING struct reading r = {0};
    read_text(&r, SPAN("pin: 9007199254740992"), false);
    assert_null(strstr(r.findings.items[0].message, "9007199254740992"));
}

/* --- keys --- */

static void yaml__wants_keys_that_are_strings(void **state)
{
    (void)state;
    assert_refuses("8080: x\n", CODE_YAML_KEY, 1, 1, "key 8080 is an integer; quote it");
    assert_refuses("a:\n  true: x\n", CODE_YAML_KEY, 2, 3, "key true is a boolean");
    assert_refuses("~: x\n", CODE_YAML_KEY, 1, 1, "key ~ is null");
    assert_refuses("1.5: x\n", CODE_YAML_KEY, 1, 1, "key 1.5 is a number");
    assert_refuses("? \n: x\n", CODE_YAML_KEY, 1, 2, "an empty key is null");
    assert_refuses("!!int \"1\": x\n", CODE_YAML_KEY, 1, 1, "key 1 is an integer");
    assert_refuses("99999999999999999: x\n", CODE_YAML_NUMBER, 1, 1, "quote it");
}

static void yaml__takes_quoted_and_tagged_keys_for_strings(void **state)
{
    (void)state;
    assert_reads("{\"8080\": 1, 'true': 2, !!str 3: 3, \"\": 4, ! 5: 5}",
                 "{\"\":4,\"3\":3,\"5\":5,\"8080\":1,\"true\":2}");
}

static void yaml__refuses_lists_and_mappings_as_keys(void **state)
{
    (void)state;
    assert_refuses("[a]: x\n", CODE_YAML_KEY, 1, 1, "this one is an array");
    assert_refuses("? {a: b}\n: x\n", CODE_YAML_KEY, 1, 3, "this one is an object");
    assert_refuses("a: &x [1]\n*x : 2\n", CODE_YAML_KEY, 2, 1, "key *x is an array");
}

static void yaml__refuses_duplicate_keys_and_names_both_places(void **state)
{
    (void)state;
    assert_refuses("port: 1\nhost: h\nport: 2\n", CODE_YAML_DUPLICATE_KEY, 3, 1,
                   "key 'port' stands twice: first at 1:1");
    assert_refuses("a: {x: 1, 'x': 2}\n", CODE_YAML_DUPLICATE_KEY, 1, 11,
                   "key 'x' stands twice: first at 1:5");
}

static void yaml__refuses_merge_keys_and_says_what_to_use(void **state)
{
    (void)state;
    assert_refuses("base: &b {x: 1}\na:\n  <<: *b\n", CODE_YAML_MERGE_KEY, 3, 3, "bases/");
    assert_reads("{\"<<\": 1}", "{\"<<\":1}");
    assert_reads("{!!str <<: 1}", "{\"<<\":1}");
}

/* --- anchors and aliases --- */

static void yaml__repeats_a_node_for_each_alias(void **state)
{
    (void)state;
    assert_reads("a: &x {p: [1]}\nb: *x\nc: [*x, &y z, *y]\n",
                 "{\"a\":{\"p\":[1]},\"b\":{\"p\":[1]},\"c\":[{\"p\":[1]},\"z\",\"z\"]}");
}

static void yaml__shares_the_node_of_an_alias(void **state)
{
    (void)state;
    AUTO_READING struct reading r = {0};
    read_text(&r, SPAN("a: &x [1, 2]\nb: *x\n"), false);
    assert_ptr_equal(doc_get(r.doc.root, "a"), doc_get(r.doc.root, "b"));
}

static void yaml__lets_the_latest_definition_of_an_anchor_win(void **state)
{
    (void)state;
    assert_reads("[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
    assert_reads("[&a [&a 1, *a], *a]", "[[1,1],1]");
}

static void yaml__lets_keys_have_anchors_and_be_aliases(void **state)
{
    (void)state;
    assert_reads("&k key: 1\nvalue: *k\nmap: {*k : 2}\n",
                 "{\"key\":1,\"map\":{\"key\":2},\"value\":\"key\"}");
}

static void yaml__refuses_aliases_to_nothing(void **state)
{
    (void)state;
    assert_refuses("a: *x\n", CODE_YAML_ALIAS, 1, 4, "*x names no anchor");
    assert_refuses("a: *x\nb: &x 1\n", CODE_YAML_ALIAS, 1, 4, "write &x before it");
    assert_refuses("*x : 1\n", CODE_YAML_ALIAS, 1, 1, "*x names no anchor");
}

static void yaml__refuses_aliases_to_what_contains_them(void **state)
{
    (void)state;
    assert_refuses("a: &x [*x]\n", CODE_YAML_ALIAS, 1, 8, "*x stands inside the value it names");
    assert_refuses("&x a: &y {b: [*y]}\n", CODE_YAML_ALIAS, 1, 15, "inside the value");
    assert_refuses("&r\na: *r\n", CODE_YAML_ALIAS, 2, 4, "inside the value");
}

static void yaml__refuses_names_of_anchors_that_libyaml_would_cut(void **state)
{
    (void)state;
    assert_refuses("a: &x:y z\n", CODE_YAML_SYNTAX, 1, 4, "the name of an anchor");
    assert_refuses("a: !!str &x:y z\n", CODE_YAML_SYNTAX, 1, 4, "the name of an anchor");
    assert_refuses("a: &x 1\n*x: 2\n", CODE_YAML_SYNTAX, 2, 1, "write a space behind it");
    assert_reads("{a: &x, b: [*x,*x]}", "{\"a\":null,\"b\":[null,null]}");
}

static void yaml__refuses_question_marks_that_libyaml_would_take_for_keys(void **state)
{
    (void)state;
    assert_refuses("{?a: 1}\n", CODE_YAML_SYNTAX, 1, 3, "a '?' stands against a value");
    assert_refuses("ä: [?\"a\"]\n", CODE_YAML_SYNTAX, 1, 6, "a '?' stands against a value");
    assert_reads("[a?, {? b : 1, c?: 2}, '?d']", "[\"a?\",{\"b\":1,\"c?\":2},\"?d\"]");
}

/* --- tags --- */

static void yaml__takes_the_tags_of_the_core_schema(void **state)
{
    (void)state;
    assert_reads(
        "[!!str 1, !!int \"3\", !!float 1, !!bool TRUE, !!null '', !!seq [], !!map {}, ! 12, ! [], !!str ]",
        "[\"1\",3,1,true,null,[],{},\"12\",[],\"\"]");
    assert_reads("%TAG ! tag:yaml.org,2002:\n--- !str 1\n", "\"1\"");
    assert_reads("!<tag:yaml.org,2002:str> 1", "\"1\"");
}

static void yaml__refuses_tags_that_do_not_fit(void **state)
{
    (void)state;
    assert_refuses("a: !!int x\n", CODE_YAML_TAG, 1, 4, "the tag !!int does not fit a string");
    assert_refuses("a: !!int 1.5\n", CODE_YAML_TAG, 1, 4, "does not fit a number");
    assert_refuses("a: !!bool yes\n", CODE_YAML_TAG, 1, 4, "does not fit a string");
    assert_refuses("a: !!map []\n", CODE_YAML_TAG, 1, 4, "!!map does not fit an array");
    assert_refuses("a: !!seq {}\n", CODE_YAML_TAG, 1, 4, "!!seq does not fit an object");
    assert_refuses("a: !!str []\n", CODE_YAML_TAG, 1, 4, "!!str does not fit an array");
    assert_refuses("a: !!map x\n", CODE_YAML_TAG, 1, 4, "!!map does not fit a string");
    assert_refuses("a: !!float .inf\n", CODE_YAML_NUMBER, 1, 4, "infinity");
}

static void yaml__refuses_unknown_tags(void **state)
{
    (void)state;
    assert_refuses("a: !secret x\n", CODE_YAML_TAG, 1, 4, "the tag !secret is not of");
    assert_refuses("a: !!binary aGk=\n", CODE_YAML_TAG, 1, 4, "the tag !!binary is not of");
    assert_refuses("a: !!python/object:os.system {}\n", CODE_YAML_TAG, 1, 4, "!!python/object:os.system");
    assert_refuses("a: !!set {}\n", CODE_YAML_TAG, 1, 4, "!!set");
    assert_refuses("!foo k: 1\n", CODE_YAML_TAG, 1, 1, "!foo");
    assert_refuses("a: !e!x y\n", CODE_YAML_TAG, 1, 4, "undefined handle");
    assert_refuses("%TAG !! tag:example.org,2026:\n---\na: !!int 1\n", CODE_YAML_TAG, 3, 4,
                   "tag:example.org,2026:int");
    assert_refuses("a: !%1b31m x\n", CODE_YAML_TAG, 1, 4, "!\\x1b31m");
}

static void yaml__names_a_conflict_that_git_left(void **state)
{
    (void)state;
    assert_refuses("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", CODE_YAML_SYNTAX, 2, 1, "git left a conflict here");
    assert_refuses("a: 1\nb:\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n", CODE_YAML_SYNTAX, 3, 1, "git left a conflict here");
    assert_refuses("<<<<<<< x\n", CODE_YAML_MAPPING, 1, 1, "the file's value is a string");
}

/* --- documents --- */

static void yaml__wants_a_mapping_unless_told_otherwise(void **state)
{
    (void)state;
    assert_refuses("- a\n", CODE_YAML_MAPPING, 1, 1, "the file's value is an array");
    assert_refuses("# c\njust text\n", CODE_YAML_MAPPING, 2, 1, "the file's value is a string");
    assert_refuses("null\n", CODE_YAML_MAPPING, 1, 1, "the file's value is null; write `key: value` lines");
    assert_refuses("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", CODE_YAML_MAPPING, 1, 1,
                   "what Git LFS puts in a file's place");
    assert_reads("just text", "\"just text\"");
    assert_reads("--- \n", "null");
    assert_reads("{}", "{}");
}

static void yaml__refuses_a_file_without_a_document(void **state)
{
    (void)state;
    assert_refuses("", CODE_YAML_EMPTY, 1, 1, "no document");
    assert_refuses_span((struct span){NULL, 0}, CODE_YAML_EMPTY, 1, 1, "no document");
    assert_refuses("# only\n# comments\n", CODE_YAML_EMPTY, 1, 1, "{} for no settings");
    assert_refuses("---\n", CODE_YAML_EMPTY, 2, 1, "the document is empty");
    assert_refuses("---\n...\n", CODE_YAML_EMPTY, 2, 1, "the document is empty");
}

static void yaml__refuses_a_second_document(void **state)
{
    (void)state;
    assert_refuses("a: 1\n---\nb: 2\n", CODE_YAML_DOCUMENTS, 2, 1, "a second document begins");
    assert_refuses("a: 1\n...\n---\n", CODE_YAML_DOCUMENTS, 3, 1, "a second document begins");
    assert_reads("---\na: 1\n...\n", "{\"a\":1}");
}

static void yaml__reads_12_documents_and_warns_of_11(void **state)
{
    (void)state;
    assert_reads("%YAML 1.2\n---\na: 1\n", "{\"a\":1}");
    assert_warns("%YAML 1.1\n---\na: 1\n", "{\"a\":1}", CODE_YAML_AMBIGUOUS, 1, 1, "%YAML 1.1");
    assert_refuses("%YAML 1.3\n---\na: 1\n", CODE_YAML_SYNTAX, 1, 1, "not YAML 1.2");
}

/* --- syntax --- */

static void yaml__says_where_an_unfinished_value_began(void **state)
{
    (void)state;
    assert_refuses("a: [1,\n    2\n", CODE_YAML_SYNTAX, 3, 1,
                   "a ',' or ']' is missing (while parsing a flow sequence that begins at 1:4)");
    assert_refuses("a: {b: 1\n", CODE_YAML_SYNTAX, 2, 1,
                   "a ',' or '}' is missing (while parsing a flow mapping that begins at 1:4)");
    assert_refuses("a: \"x\n", CODE_YAML_SYNTAX, 2, 1,
                   "the closing quote is missing (while scanning a quoted scalar that begins at 1:4)");
}

static void yaml__says_what_is_wrong_where_people_go_wrong(void **state)
{
    (void)state;
    assert_refuses("a: b: c\n", CODE_YAML_SYNTAX, 1, 5, "quote a value with ': ' in it");
    assert_refuses("a:\n\t- b\n", CODE_YAML_SYNTAX, 2, 1, "never tabs");
    assert_refuses("a: @x\n", CODE_YAML_SYNTAX, 1, 4, "quote it");
    assert_refuses("a:\n  b: 1\n c: 2\n", CODE_YAML_SYNTAX, 3, 2, "begin in the same column");
    assert_refuses("a: 'x' y\n", CODE_YAML_SYNTAX, 1, 8, "nothing follows a quoted value");
    assert_refuses("a:\n- b\n c: d\n", CODE_YAML_SYNTAX, 3, 3, "a ':' that cannot stand here");
    assert_refuses("a: 1\nb\n", CODE_YAML_SYNTAX, 3, 1, "a ':' is missing behind a key");
    assert_refuses("a: \"\\q\"\n", CODE_YAML_SYNTAX, 1, 5, "unknown escape character");
    assert_refuses("a: \"\\ud800\"\n", CODE_YAML_SYNTAX, 1, 7, "invalid Unicode");
}

static void yaml__refuses_an_escaped_nul_in_values_and_keys(void **state)
{
    (void)state;
    assert_refuses("a: \"x\\0y\"\n", CODE_YAML_NUL, 1, 4, "NUL");
    assert_refuses("a: \"\\x00\"\n", CODE_YAML_NUL, 1, 4, "NUL");
    assert_refuses("a: \"\\U00000000\"\n", CODE_YAML_NUL, 1, 4, "NUL");
    assert_refuses("\"\\0\": 1\n", CODE_YAML_NUL, 1, 1, "NUL");
}

static void yaml__collects_what_is_wrong_with_values_in_one_look(void **state)
{
    (void)state;
    AUTO_READING struct reading r = {0};
    read_text(&r, SPAN("a: !x 1\n8080: .inf\nb: *nothing\nc: &d !y {e: \"\\0\"}\nf: *d\ng: no\n"), false);
    assert_int_equal(r.findings.errors, 6);
    assert_int_equal(r.findings.warnings, 1);
    assert_found(&r.findings.items[0], FINDING_ERROR, CODE_YAML_TAG, 1, 4, "!x");
    assert_found(&r.findings.items[1], FINDING_ERROR, CODE_YAML_KEY, 2, 1, "8080");
    assert_found(&r.findings.items[2], FINDING_ERROR, CODE_YAML_NUMBER, 2, 7, "infinity");
    assert_found(&r.findings.items[3], FINDING_ERROR, CODE_YAML_ALIAS, 3, 4, "*nothing");
    assert_found(&r.findings.items[4], FINDING_ERROR, CODE_YAML_TAG, 4, 4, "!y");
    assert_found(&r.findings.items[5], FINDING_ERROR, CODE_YAML_NUL, 4, 14, "NUL");
}

static void yaml__does_not_blame_a_file_for_the_findings_of_another(void **state)
{
    (void)state;
    AUTO_READING struct reading r = {0};
    findings_add(&r.findings, FINDING_ERROR, CODE_YAML_SYNTAX, "services/y.yaml", (struct doc_pos){1, 1},
                 "wrong");
    struct error err;
    const struct yaml_options options = {.file = FILE_NAME, .limits = doc_limits_config};
    assert_int_equal(yaml_read(SPAN("a: 1"), &options, &r.doc, &r.findings, &err), 0);
    assert_non_null(r.doc.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml__reads_scalars_by_the_core_schema),
        cmocka_unit_test(yaml__takes_quoted_and_block_scalars_for_strings),
        cmocka_unit_test(yaml__reads_block_and_flow_alike),
        cmocka_unit_test(yaml__keeps_unicode_and_escapes),
        cmocka_unit_test(yaml__reads_windows_and_old_mac_line_ends),
        cmocka_unit_test(yaml__remembers_where_keys_and_values_stand),
        cmocka_unit_test(yaml__warns_of_scalars_that_yaml_11_reads_otherwise),
        cmocka_unit_test(yaml__refuses_numbers_that_json_cannot_carry_and_does_not_repeat_them),
        cmocka_unit_test(yaml__wants_keys_that_are_strings),
        cmocka_unit_test(yaml__takes_quoted_and_tagged_keys_for_strings),
        cmocka_unit_test(yaml__refuses_lists_and_mappings_as_keys),
        cmocka_unit_test(yaml__refuses_duplicate_keys_and_names_both_places),
        cmocka_unit_test(yaml__refuses_merge_keys_and_says_what_to_use),
        cmocka_unit_test(yaml__repeats_a_node_for_each_alias),
        cmocka_unit_test(yaml__shares_the_node_of_an_alias),
        cmocka_unit_test(yaml__lets_the_latest_definition_of_an_anchor_win),
        cmocka_unit_test(yaml__lets_keys_have_anchors_and_be_aliases),
        cmocka_unit_test(yaml__refuses_aliases_to_nothing),
        cmocka_unit_test(yaml__refuses_aliases_to_what_contains_them),
        cmocka_unit_test(yaml__refuses_names_of_anchors_that_libyaml_would_cut),
        cmocka_unit_test(yaml__refuses_question_marks_that_libyaml_would_take_for_keys),
        cmocka_unit_test(yaml__takes_the_tags_of_the_core_schema),
        cmocka_unit_test(yaml__refuses_tags_that_do_not_fit),
        cmocka_unit_test(yaml__refuses_unknown_tags),
        cmocka_unit_test(yaml__names_a_conflict_that_git_left),
        cmocka_unit_test(yaml__wants_a_mapping_unless_told_otherwise),
        cmocka_unit_test(yaml__refuses_a_file_without_a_document),
        cmocka_unit_test(yaml__refuses_a_second_document),
        cmocka_unit_test(yaml__reads_12_documents_and_warns_of_11),
        cmocka_unit_test(yaml__says_where_an_unfinished_value_began),
        cmocka_unit_test(yaml__says_what_is_wrong_where_people_go_wrong),
        cmocka_unit_test(yaml__refuses_an_escaped_nul_in_values_and_keys),
        cmocka_unit_test(yaml__collects_what_is_wrong_with_values_in_one_look),
        cmocka_unit_test(yaml__does_not_blame_a_file_for_the_findings_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
