/*
 * candidate: the limits of a whole repository, and the guard against removing much of it, each below, at and
 * above.
 */
#include "judging.h"

#include "config/judge.h"

/* --- counts and sizes --- */

struct many {
    struct fake_file *files;
    char (*paths)[64];
};

static void many_fini(struct many *many)
{
    free(many->files);
    free(many->paths);
}

/* `len` services of the same text, a hundred a folder. */
static struct many many_services(size_t len, const char *text)
{
    struct many many = {.files = calloc(len, sizeof *many.files), .paths = calloc(len, sizeof *many.paths)};
    assert_non_null(many.files);
    assert_non_null(many.paths);
    for (size_t i = 0; i < len; i++) {
        snprintf(many.paths[i], sizeof many.paths[i], "services/f%zu/s%zu.yaml", i / 100, i);
        many.files[i] = (struct fake_file){many.paths[i], text};
    }
    return many;
}

/* Without the search that fake_read makes: all texts are the same. */
static int read_first(const struct source *source, const char *path, const struct listing_entry *entry,
                      struct buf *out, struct error *err)
{
    (void)path;
    (void)entry;
    (void)err;
    struct fake_source *fake = (struct fake_source *)(uintptr_t)source;
    fake->reads++;
    buf_puts(out, fake->files[0].text);
    return 0;
}

static void limits__a_repository_has_at_most_20000_services(void **state)
{
    (void)state;
    static const char *const words = "there are 20001 services, and 20000 is the limit";
    AUTO_JUDGING struct judging j = {0};
    CLEANUP(many_fini) struct many many = many_services(SERVICES_MAX + 1, "{}");
    AUTO_FAKE struct fake_source full = fake_source_of(many.files, SERVICES_MAX);
    AUTO_FAKE struct fake_source over = fake_source_of(many.files, SERVICES_MAX + 1);
    full.source.read = over.source.read = read_first;
    assert_invalid(&j, &over.source, CODE_LIMIT_SERVICES, "services", words);
    accept(&j, &full.source);
    assert_int_equal(j.candidate.len, SERVICES_MAX);
    assert_int_equal(j.candidate.total, SERVICES_MAX);
    /* Those that stay are counted too. */
    assert_invalid(&j, &over.source, CODE_LIMIT_SERVICES, "services", words);
    assert_int_equal(over.reads, 0);
}

static void limits__all_configurations_together_have_at_most_64_mebibytes(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/huge.yaml", "{}"});
    AUTO_FAKE struct fake_source full = FAKE({"services/huge.yaml", "{}"}, {"services/x.yaml", "a: 1"});
    AUTO_FAKE struct fake_source over = FAKE({"services/huge.yaml", "{}"}, {"services/x.yaml", "a: 12"});
    AUTO_FAKE struct fake_source other = FAKE({"services/x.yaml", "a: 12"});
    const size_t len = CONFIG_TOTAL_MAX - strlen("{\"a\":1}");
    char *config AUTO_FREE = calloc(1, len);
    assert_non_null(config);
    accept(&j, &first.source);
    put_in_force(&j, "huge", (struct span){config, len});
    accept(&j, &full.source);
    assert_invalid(&j, &over.source, CODE_LIMIT_TOTAL, "services", "larger than 64 MiB");
    j.mass_removal_allowed = true;
    accept(&j, &other.source); /* what goes does not count */
}

static void limits__more_files_than_a_listing_holds_are_a_finding(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "v: 1"});
    source.source.is_too_large = true;
    assert_invalid(&j, &source.source, CODE_LIMIT_SERVICES, "services", "more than 65536 files");
    assert_int_equal(source.reads, 0);
}

/* --- work --- */

/* Thirty rungs, each asking the next one twice: every service that has it takes all the steps of a document.
 */
static void put_ladder(struct buf *text)
{
    buf_puts(text, "$ref: '#/$defs/r0'\n$defs:\n");
    for (int i = 0; i < 30; i++)
        buf_printf(text, "  r%d: {allOf: [{$ref: '#/$defs/r%d'}, {$ref: '#/$defs/r%d'}]}\n", i, i + 1, i + 1);
    buf_puts(text, "  r30: {type: object}\n");
    buf_putc(text, '\0');
}

static void t16__schemas_made_to_cost_cannot_be_multiplied_by_services(void **state)
{
    (void)state;
    enum { SERVICES = 40 };
    AUTO_JUDGING struct judging j = {0};
    AUTO_BUF struct buf ladder = {0};
    struct fake_file files[SERVICES + 2] = {{"epoch.yaml", "schemas: {\"*\": ladder}"},
                                            {"schemas/ladder.yaml", NULL}};
    char paths[SERVICES][64];
    put_ladder(&ladder);
    files[1].text = ladder.data;
    for (size_t i = 0; i < SERVICES; i++) {
        snprintf(paths[i], sizeof paths[i], "services/s%02zu.yaml", i);
        files[i + 2] = (struct fake_file){paths[i], "{}"};
    }
    AUTO_FAKE struct fake_source source = fake_source_of(files, SERVICES + 2);
    assert_int_equal(judge(&j, &source.source), 0);
    assert_int_equal(source.reads, 2 + JUDGE_STEPS_MAX / SCHEMA_STEPS_MAX);
    assert_int_equal(j.findings.errors, JUDGE_STEPS_MAX / SCHEMA_STEPS_MAX + 1);
    assert_string_equal(j.findings.items[0].code, CODE_LIMIT_WORK);
    assert_non_null(strstr(j.findings.items[0].message, "more than 60 million steps"));
}

static void t16__files_of_little_but_comments_cannot_be_multiplied_by_services(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "# a comment\n"});
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    CLEANUP(judge_fini)
    struct judge judge = {.source = &source.source, .findings = &findings, .bytes = JUDGE_BYTES_MAX - 11};
    struct doc doc AUTO_DOC = {0};
    assert_true(judge_may_go_on(&judge));
    assert_int_equal(judge_read(&judge, "services/x.yaml",
                                listing_find_path(source.source.listing, "services/x.yaml"), &doc, &err),
                     0);
    assert_false(judge_may_go_on(&judge));
    assert_int_equal(judge_finish(&judge, &err), 0);
    assert_string_equal(findings.items[findings.len - 1].code, CODE_LIMIT_WORK);
    assert_non_null(strstr(findings.items[findings.len - 1].message, "more than 96 MiB"));
}

/* --- mass removal --- */

/* `before` services are in force and `after` of them are left. */
static void judge_removal(struct judging *j, size_t before, size_t after)
{
    CLEANUP(many_fini) struct many many = many_services(before, "{}");
    AUTO_FAKE struct fake_source first = fake_source_of(many.files, before);
    AUTO_FAKE struct fake_source second = fake_source_of(many.files, after);
    accept(j, &first.source);
    assert_int_equal(judge(j, &second.source), 0);
}

static void assert_guarded(size_t before, size_t after, const char *words)
{
    AUTO_JUDGING struct judging j = {0};
    judge_removal(&j, before, after);
    assert_int_equal(j.findings.errors, 1);
    assert_string_equal(j.findings.items[0].code, CODE_GUARD_MASS_REMOVAL);
    if (strstr(j.findings.items[0].message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", j.findings.items[0].message, words);
}

static void assert_not_guarded(size_t before, size_t after)
{
    AUTO_JUDGING struct judging j = {0};
    judge_removal(&j, before, after);
    assert_int_equal(j.findings.errors, 0);
    assert_int_equal(j.candidate.removed, before - after);
}

static void guard__lets_a_fifth_go_and_no_more(void **state)
{
    (void)state;
    assert_not_guarded(15, 12);
    assert_guarded(14, 11, "the commit removes 3 of 14 services");
    assert_guarded(15, 11, "the commit removes 4 of 15 services");
    assert_not_guarded(100, 80);
    assert_guarded(100, 79, "21 of 100");
}

static void guard__lets_two_go_from_any_number(void **state)
{
    (void)state;
    assert_not_guarded(3, 1);
    assert_guarded(4, 1, "3 of 4");
}

static void guard__never_lets_the_last_one_go(void **state)
{
    (void)state;
    assert_guarded(1, 0, "1 of 1");
    assert_guarded(2, 0, "2 of 2");
    assert_not_guarded(2, 1);
}

static void guard__names_the_trailer_that_allows_it(void **state)
{
    (void)state;
    assert_guarded(5, 0, "add the trailer `Epoch-Allow: mass-removal` to its message");
}

static void guard__yields_to_the_trailer(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {.mass_removal_allowed = true};
    judge_removal(&j, 5, 0);
    assert_int_equal(j.findings.errors, 0);
    assert_int_equal(j.candidate.removed, 5);
    assert_int_equal(j.candidate.total, 0);
}

static void guard__lets_the_only_service_get_another_name(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"services/y.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "-x y={\"v\":1} ", 1);
}

static void guard__counts_services_and_not_moves(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a/x.yaml", ""}, {"services/a/y.yaml", "{}"},
                                              {"services/a/z.yaml", "{}"}, {"services/a/w.yaml", "{}"});
    AUTO_FAKE struct fake_source second = FAKE({"services/b/x.yaml", "{}"}, {"services/b/y.yaml", "{}"},
                                               {"services/b/z.yaml", "{}"}, {"services/b/w.yaml", "{}"});
    assert_invalid(&j, &first.source, CODE_YAML_EMPTY, "services/a/x.yaml", "no document");
    accept(&j, &second.source);
    accept(&j, &second.source);
    assert_changes(&j, "", 4);
}

static void guard__works_without_a_listing_too(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    static const char *const names[] = {"a", "b", "c", "d"};
    AUTO_FAKE struct fake_source source = FAKE({"services/a.yaml", "{}"});
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_in_force(&j, names[i], SPAN("{}"));
    assert_invalid(&j, &source.source, CODE_GUARD_MASS_REMOVAL, "services", "3 of 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits__a_repository_has_at_most_20000_services),
        cmocka_unit_test(limits__all_configurations_together_have_at_most_64_mebibytes),
        cmocka_unit_test(limits__more_files_than_a_listing_holds_are_a_finding),
        cmocka_unit_test(t16__schemas_made_to_cost_cannot_be_multiplied_by_services),
        cmocka_unit_test(t16__files_of_little_but_comments_cannot_be_multiplied_by_services),
        cmocka_unit_test(guard__lets_a_fifth_go_and_no_more),
        cmocka_unit_test(guard__lets_two_go_from_any_number),
        cmocka_unit_test(guard__never_lets_the_last_one_go),
        cmocka_unit_test(guard__names_the_trailer_that_allows_it),
        cmocka_unit_test(guard__yields_to_the_trailer),
        cmocka_unit_test(guard__lets_the_only_service_get_another_name),
        cmocka_unit_test(guard__counts_services_and_not_moves),
        cmocka_unit_test(guard__works_without_a_listing_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
