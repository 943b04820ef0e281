/*
 * listing: folders that are shared, found in and compared.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/layout.h"
#include "model/listing.h"
#include "util/buf.h"

static struct error err;

/* An id that differs for every number; 0 is that of a work tree: none. */
static struct oid id(uint8_t number)
{
    return (struct oid){{number}};
}

static struct listing *folder(uint8_t number)
{
    const struct oid oid = id(number);
    struct listing *listing = listing_new(&oid);
    assert_non_null(listing);
    return listing;
}

static void add_file(struct listing *to, const char *name, uint8_t number)
{
    const struct oid oid = id(number);
    assert_int_equal(listing_add(to, span_of(name), LAYOUT_MODE_FILE, &oid, NULL, &err), 0);
}

static void add_folder(struct listing *to, const char *name, struct listing *below)
{
    const struct oid oid = below == NULL ? id(99) : below->oid;
    assert_int_equal(listing_add(to, span_of(name), LAYOUT_MODE_DIR, &oid, below, &err), 0);
}

/* services/{audio/{stt,tts},router}.yaml; `router` is the id of the router's blob and of the folders above
 * it. */
static struct listing *home(uint8_t router, struct listing *audio)
{
    struct listing *top = folder(router), *services = folder((uint8_t)(router + 100));
    add_file(services, "router.yaml", router);
    add_folder(services, "audio", audio);
    listing_finish(services);
    add_folder(top, "services", services);
    listing_finish(top);
    return top;
}

static struct listing *audio(uint8_t number)
{
    struct listing *listing = folder(number);
    add_file(listing, "tts.yaml", 12);
    add_file(listing, "stt.yaml", 11);
    listing_finish(listing);
    return listing;
}

/* --- finding --- */

static void listing__sorts_names_as_bytes(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *listing = folder(1);
    static const char *const names[] = {"b", "\xff", "a-", "a", "a.yaml", "B", "ab"};
    static const char *const sorted[] = {"B", "a", "a-", "a.yaml", "ab", "b", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_file(listing, names[i], 1);
    listing_finish(listing);
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        assert_string_equal(listing->entries[i].name, sorted[i]);
}

static void listing__finds_exactly_the_name_asked_for(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *listing = folder(1);
    add_file(listing, "ab", 1);
    add_file(listing, "abc", 2);
    add_file(listing, "b", 3);
    listing_finish(listing);
    assert_int_equal(listing_find(listing, "ab")->oid.bytes[0], 1);
    assert_int_equal(listing_find(listing, "abc")->oid.bytes[0], 2);
    assert_null(listing_find(listing, "a"));
    assert_null(listing_find(listing, "abcd"));
    assert_null(listing_find(listing, "c"));
    assert_null(listing_find(listing, ""));
}

static void listing__finds_paths_through_folders(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2));
    assert_int_equal(listing_find_path(top, "services/audio/stt.yaml")->oid.bytes[0], 11);
    assert_int_equal(listing_find_path(top, "services/audio")->mode, LAYOUT_MODE_DIR);
    assert_null(listing_find_path(top, "services/audio/x.yaml"));
    assert_null(listing_find_path(top, "services/router.yaml/x"));
    assert_null(listing_find_path(top, "audio"));
    assert_null(listing_find_path(top, ""));
    assert_null(listing_find_path(top, "services/"));
}

static void listing__finds_nothing_in_folders_that_were_not_read(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, NULL);
    assert_null(listing_find_path(top, "services/audio/stt.yaml"));
}

static void listing__counts_files_here_and_below(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2));
    assert_int_equal(top->files, 3);
    assert_int_equal(listing_find(top, "services")->folder->files, 3);
}

static void listing__lives_as_long_as_somebody_refers_to_it(void **state)
{
    (void)state;
    struct listing *shared = audio(2);
    struct listing *before = home(1, listing_ref(shared)), *after = home(3, shared);
    listing_unref(before);
    assert_non_null(listing_find_path(after, "services/audio/stt.yaml"));
    listing_unref(after);
    listing_unref(NULL);
    assert_null(listing_ref(NULL));
}

/* --- comparing --- */

struct walk {
    struct buf seen;
    const char *pass_over; /* a folder not to enter */
    const char *stop_at;
};

static int note(void *context, const char *where, const struct listing_entry *before,
                const struct listing_entry *after, struct error *error)
{
    struct walk *walk = context;
    const char *name = after != NULL ? after->name : before->name;
    assert_true(before != NULL || after != NULL);
    assert_true(before == NULL || after == NULL || strcmp(before->name, after->name) == 0);
    buf_printf(&walk->seen, "%s%s%s%s ",
               before == NULL  ? "+"
               : after == NULL ? "-"
                               : "~",
               where, where[0] == '\0' ? "" : "/", name);
    if (walk->stop_at != NULL && strcmp(name, walk->stop_at) == 0)
        return error_set(error, "stopped", 0, "here");
    return walk->pass_over == NULL || strcmp(name, walk->pass_over) != 0;
}

static void assert_walk(const struct listing *before, const struct listing *after, const char *pass_over,
                        const char *wanted)
{
    struct walk walk = {.pass_over = pass_over};
    assert_int_equal(listing_compare(before, after, note, &walk, &err), 0);
    buf_putc(&walk.seen, '\0');
    assert_string_equal(walk.seen.data, wanted);
    buf_fini(&walk.seen);
}

static void compare__finds_everything_new_without_a_listing_before(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2));
    assert_walk(
        NULL, top, NULL,
        "+services +services/audio +services/audio/stt.yaml +services/audio/tts.yaml +services/router.yaml ");
}

static void compare__finds_everything_gone_without_a_listing_after(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2)), *nothing = folder(7);
    assert_walk(
        top, nothing, NULL,
        "-services -services/audio -services/audio/stt.yaml -services/audio/tts.yaml -services/router.yaml ");
}

static void compare__finds_nothing_in_the_same_listing(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2)), *equal = home(1, audio(3));
    assert_walk(top, top, NULL, "");
    assert_walk(top, equal, NULL, "");
}

static void compare__skips_folders_of_the_same_id_or_the_same_pointer(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = home(1, audio(2)), *after = home(5, audio(2));
    assert_walk(before, after, NULL, "~services ~services/router.yaml ");

    struct listing *shared = audio(0);
    AUTO_LISTING struct listing *worktree = home(1, listing_ref(shared)), *later = home(5, shared);
    assert_walk(worktree, later, NULL, "~services ~services/router.yaml ");
}

static void compare__takes_files_without_an_id_for_different(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = folder(0), *after = folder(0);
    add_file(before, "x.yaml", 0);
    add_file(after, "x.yaml", 0);
    assert_walk(before, after, NULL, "~x.yaml ");
}

static void compare__tells_added_changed_and_gone_apart(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = folder(1), *after = folder(2);
    add_file(before, "changed", 1);
    add_file(before, "gone", 2);
    add_file(before, "same", 3);
    add_file(after, "added", 4);
    add_file(after, "changed", 5);
    add_file(after, "same", 3);
    listing_finish(before);
    listing_finish(after);
    assert_walk(before, after, NULL, "+added ~changed -gone ");
}

static void compare__sees_a_change_of_mode(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = folder(1), *after = folder(2);
    const struct oid oid = id(7);
    add_file(before, "x", 7);
    assert_int_equal(listing_add(after, SPAN("x"), LAYOUT_MODE_LINK, &oid, NULL, &err), 0);
    assert_walk(before, after, NULL, "~x ");
}

static void compare__takes_a_file_in_place_of_a_folder_for_gone_and_added(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = folder(1), *after = folder(2);
    add_folder(before, "audio", audio(3));
    add_file(after, "audio", 4);
    assert_walk(before, after, NULL, "-audio -audio/stt.yaml -audio/tts.yaml +audio ");
    assert_walk(after, before, NULL, "-audio +audio +audio/stt.yaml +audio/tts.yaml ");
}

static void compare__passes_over_a_folder_when_told_so(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2));
    assert_walk(NULL, top, "audio", "+services +services/audio +services/router.yaml ");
}

static void compare__treats_a_folder_that_was_not_read_as_empty(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *before = home(1, NULL), *after = home(5, audio(2));
    assert_walk(
        before, after, NULL,
        "~services ~services/audio +services/audio/stt.yaml +services/audio/tts.yaml ~services/router.yaml ");
}

static void compare__ends_with_the_error_of_its_visitor(void **state)
{
    (void)state;
    AUTO_LISTING struct listing *top = home(1, audio(2));
    struct walk walk = {.stop_at = "stt.yaml"};
    assert_int_equal(listing_compare(NULL, top, note, &walk, &err), -1);
    assert_string_equal(err.code, "stopped");
    buf_putc(&walk.seen, '\0');
    assert_string_equal(walk.seen.data, "+services +services/audio +services/audio/stt.yaml ");
    buf_fini(&walk.seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing__sorts_names_as_bytes),
        cmocka_unit_test(listing__finds_exactly_the_name_asked_for),
        cmocka_unit_test(listing__finds_paths_through_folders),
        cmocka_unit_test(listing__finds_nothing_in_folders_that_were_not_read),
        cmocka_unit_test(listing__counts_files_here_and_below),
        cmocka_unit_test(listing__lives_as_long_as_somebody_refers_to_it),
        cmocka_unit_test(compare__finds_everything_new_without_a_listing_before),
        cmocka_unit_test(compare__finds_everything_gone_without_a_listing_after),
        cmocka_unit_test(compare__finds_nothing_in_the_same_listing),
        cmocka_unit_test(compare__skips_folders_of_the_same_id_or_the_same_pointer),
        cmocka_unit_test(compare__takes_files_without_an_id_for_different),
        cmocka_unit_test(compare__tells_added_changed_and_gone_apart),
        cmocka_unit_test(compare__sees_a_change_of_mode),
        cmocka_unit_test(compare__takes_a_file_in_place_of_a_folder_for_gone_and_added),
        cmocka_unit_test(compare__passes_over_a_folder_when_told_so),
        cmocka_unit_test(compare__treats_a_folder_that_was_not_read_as_empty),
        cmocka_unit_test(compare__ends_with_the_error_of_its_visitor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
