/*
 * conditions: against a clock of this file, so that "since when" can be told to the millisecond.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/conditions.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/utf8.h"

static int64_t now_ms;

int64_t clock_wall_ms(void)
{
    return now_ms;
}

static int set_up(void **state)
{
    static struct conditions conditions;
    now_ms = 1000;
    conditions_init(&conditions);
    *state = &conditions;
    return 0;
}

/* As after the first look at the branch, with every change taken. */
static int set_up_ready(void **state)
{
    set_up(state);
    conditions_set_ready(*state);
    (void)conditions_take_change(*state);
    return 0;
}

static void expect_state(const struct conditions *conditions, const char *text, int64_t since_ms, bool is_ok)
{
    struct daemon_state state;
    conditions_state(conditions, &state);
    assert_string_equal(state.text, text);
    assert_int_equal(state.since_ms, since_ms);
    assert_int_equal(state.is_ok, is_ok);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void conditions__have_a_documented_state_code_each_and_no_two_the_same(void **state)
{
    (void)state;
    for (enum condition c = 0; c < CONDITION_COUNT; c++) {
        const struct code *code = code_find(condition_code(c));
        assert_non_null(code);
        assert_int_equal(code->kind, CODE_STATE);
        assert_ptr_equal(state_find(code->name), &state_table[c]);
        assert_int_equal(condition_of_code(condition_code(c)), c);
    }
    assert_null(condition_code(CONDITION_COUNT));
}

static void conditions__leave_out_no_state_code_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < code_table_len; i++)
        if (code_table[i].kind == CODE_STATE && state_find(code_table[i].name)->kind != STATE_PLAIN)
            assert_int_not_equal(condition_of_code(code_table[i].name), CONDITION_COUNT);
}

static void conditions__fit_their_state_into_its_text(void **state)
{
    (void)state;
    for (enum condition c = 0; c < CONDITION_COUNT; c++)
        assert_true(strlen("degraded:") + strlen(condition_code(c)) < CONDITION_STATE_MAX);
}

static void conditions__take_an_unknown_repository_error_for_an_unreadable_repository(void **state)
{
    (void)state;
    assert_int_equal(condition_of_code("repo.never-heard-of"), CONDITION_REPO_UNREADABLE);
    assert_int_equal(condition_of_code(ERR_MEMORY), CONDITION_COUNT);
    assert_int_equal(condition_of_code("repository"), CONDITION_COUNT);
    assert_int_equal(condition_of_code(""), CONDITION_COUNT);
}

static void conditions__hold_up_to_the_last_hold_and_degrade_behind_it(void **state)
{
    (void)state;
    assert_true(condition_is_hold(CONDITION_JOURNAL_CORRUPT));
    assert_true(condition_is_hold(CONDITION_PAUSED));
    assert_false(condition_is_hold(CONDITION_CLIENT_ID_CONFLICT));
    assert_false(condition_is_hold(CONDITION_POLL_ONLY));
}

/* --- the state ------------------------------------------------------------------------------------------------------ */

static void conditions__begin_as_initializing_which_is_not_ok(void **state)
{
    struct conditions *conditions = *state;
    expect_state(conditions, "initializing", 1000, false);
    assert_true(conditions_take_change(conditions));
    now_ms = 2000;
    conditions_set_ready(conditions);
    expect_state(conditions, "ok", 2000, true);
    assert_true(conditions_take_change(conditions));
}

static void conditions__say_empty_which_is_ok(void **state)
{
    struct conditions *conditions = *state;
    now_ms = 3000;
    conditions_set_empty(conditions, true);
    expect_state(conditions, "empty", 3000, true);
    now_ms = 4000;
    conditions_set_empty(conditions, false);
    expect_state(conditions, "ok", 4000, true);
}

static void conditions__give_neither_reason_nor_message_when_ok(void **state)
{
    struct daemon_state ok;
    conditions_state(*state, &ok);
    assert_string_equal(ok.text, "ok");
    assert_null(ok.reason);
    assert_null(ok.message);
}

static void conditions__name_reason_message_and_since(void **state)
{
    struct conditions *conditions = *state;
    struct daemon_state hold;
    now_ms = 5000;
    assert_true(conditions_on(conditions, CONDITION_NO_SPACE, "the disk is full"));
    conditions_state(conditions, &hold);
    assert_string_equal(hold.text, "hold:no-space");
    assert_string_equal(hold.reason, CODE_NO_SPACE);
    assert_string_equal(hold.message, "the disk is full");
    assert_int_equal(hold.since_ms, 5000);
    assert_false(hold.is_ok);
    assert_true(hold.is_hold);
}

static void conditions__are_told_before_initializing(void **state)
{
    struct conditions *conditions = *state;
    conditions_on(conditions, CONDITION_BROKER_AWAY, "refused");
    expect_state(conditions, "degraded:broker-away", 1000, false);
}

static void conditions__let_the_most_important_one_name_the_state(void **state)
{
    struct conditions *conditions = *state;
    for (enum condition c = CONDITION_COUNT; c-- > 0;) {
        char text[CONDITION_STATE_MAX];
        now_ms++;
        assert_true(conditions_on(conditions, c, "on"));
        snprintf(text, sizeof text, "%s:%s", condition_is_hold(c) ? "hold" : "degraded", condition_code(c));
        expect_state(conditions, text, now_ms, false);
    }
}

static void conditions__come_back_to_the_next_one_with_its_own_since(void **state)
{
    struct conditions *conditions = *state;
    now_ms = 5000;
    conditions_on(conditions, CONDITION_POLL_ONLY, "no inotify");
    now_ms = 6000;
    conditions_on(conditions, CONDITION_REF_MISSING, "gone");
    now_ms = 7000;
    assert_true(conditions_off(conditions, CONDITION_REF_MISSING));
    expect_state(conditions, "degraded:poll-only", 5000, false);
    now_ms = 8000;
    assert_true(conditions_off(conditions, CONDITION_POLL_ONLY));
    expect_state(conditions, "ok", 8000, true);
}

static void conditions__keep_since_while_the_message_changes(void **state)
{
    struct conditions *conditions = *state;
    struct daemon_state degraded;
    now_ms = 5000;
    assert_true(conditions_on(conditions, CONDITION_BROKER_AWAY, "first"));
    now_ms = 6000;
    assert_false(conditions_on(conditions, CONDITION_BROKER_AWAY, "second"));
    conditions_state(conditions, &degraded);
    assert_string_equal(degraded.message, "second");
    assert_false(degraded.is_hold);
    assert_int_equal(degraded.since_ms, 5000);
}

static void conditions__start_since_anew_when_one_comes_back(void **state)
{
    struct conditions *conditions = *state;
    now_ms = 5000;
    conditions_on(conditions, CONDITION_BROKER_AWAY, "away");
    conditions_off(conditions, CONDITION_BROKER_AWAY);
    now_ms = 6000;
    assert_true(conditions_on(conditions, CONDITION_BROKER_AWAY, "away"));
    expect_state(conditions, "degraded:broker-away", 6000, false);
}

static void conditions__are_off_once(void **state)
{
    struct conditions *conditions = *state;
    assert_false(conditions_off(conditions, CONDITION_BROKER_AWAY));
    conditions_on(conditions, CONDITION_BROKER_AWAY, "away");
    assert_true(conditions_is_on(conditions, CONDITION_BROKER_AWAY));
    assert_true(conditions_off(conditions, CONDITION_BROKER_AWAY));
    assert_false(conditions_is_on(conditions, CONDITION_BROKER_AWAY));
    assert_false(conditions_off(conditions, CONDITION_BROKER_AWAY));
}

/* --- changes ---------------------------------------------------------------------------------------------------------- */

static void conditions__tell_a_change_once(void **state)
{
    struct conditions *conditions = *state;
    assert_false(conditions_take_change(conditions));
    conditions_on(conditions, CONDITION_BROKER_AWAY, "away");
    assert_true(conditions_take_change(conditions));
    assert_false(conditions_take_change(conditions));
    conditions_on(conditions, CONDITION_BROKER_AWAY, "still away");
    assert_true(conditions_take_change(conditions));
    conditions_off(conditions, CONDITION_BROKER_AWAY);
    assert_true(conditions_take_change(conditions));
    conditions_set_empty(conditions, true);
    assert_true(conditions_take_change(conditions));
}

static void conditions__tell_no_change_where_nothing_changed(void **state)
{
    struct conditions *conditions = *state;
    conditions_on(conditions, CONDITION_BROKER_AWAY, "away");
    assert_true(conditions_take_change(conditions));
    conditions_on(conditions, CONDITION_BROKER_AWAY, "away");
    conditions_off(conditions, CONDITION_NO_SPACE);
    conditions_set_empty(conditions, false);
    conditions_set_ready(conditions);
    assert_false(conditions_take_change(conditions));
}

/* --- messages ----------------------------------------------------------------------------------------------------------- */

static const struct condition_entry *say(struct conditions *conditions, const char *message)
{
    conditions_on(conditions, CONDITION_REPO_UNREADABLE, message);
    return &conditions->entries[CONDITION_REPO_UNREADABLE];
}

static void conditions__see_that_a_message_too_long_to_keep_is_the_same_again(void **state)
{
    struct conditions *conditions = *state;
    char message[768];
    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    say(conditions, message);
    assert_true(conditions_take_change(conditions));
    say(conditions, message);
    assert_false(conditions_take_change(conditions));
}

static void conditions__keep_a_message_that_just_fits(void **state)
{
    char message[sizeof((struct condition_entry *)0)->message];
    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    assert_string_equal(say(*state, message)->message, message);
}

/* Whatever the character that lies across the end. */
static void conditions__never_cut_a_message_inside_a_character(void **state)
{
    char message[768];
    for (size_t odd = 0; odd < 4; odd++) {
        size_t len = 0;
        while (len < odd)
            message[len++] = 'x';
        while (len + 4 < sizeof message)
            len += utf8_encode(0x1F4A5, message + len);
        message[len] = '\0';
        const char *kept = say(*state, message)->message;
        assert_true(strlen(kept) > sizeof((struct condition_entry *)0)->message - 8);
        assert_true(utf8_is_valid(span_of(kept)));
    }
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup(test, set_up)
#define READY(test) cmocka_unit_test_setup(test, set_up_ready)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions__have_a_documented_state_code_each_and_no_two_the_same),
        cmocka_unit_test(conditions__leave_out_no_state_code_of_the_table),
        cmocka_unit_test(conditions__fit_their_state_into_its_text),
        cmocka_unit_test(conditions__take_an_unknown_repository_error_for_an_unreadable_repository),
        cmocka_unit_test(conditions__hold_up_to_the_last_hold_and_degrade_behind_it),
        FRESH(conditions__begin_as_initializing_which_is_not_ok),
        READY(conditions__say_empty_which_is_ok),
        READY(conditions__give_neither_reason_nor_message_when_ok),
        READY(conditions__name_reason_message_and_since),
        FRESH(conditions__are_told_before_initializing),
        READY(conditions__let_the_most_important_one_name_the_state),
        READY(conditions__come_back_to_the_next_one_with_its_own_since),
        READY(conditions__keep_since_while_the_message_changes),
        READY(conditions__start_since_anew_when_one_comes_back),
        READY(conditions__are_off_once),
        READY(conditions__tell_a_change_once),
        READY(conditions__tell_no_change_where_nothing_changed),
        READY(conditions__see_that_a_message_too_long_to_keep_is_the_same_again),
        READY(conditions__keep_a_message_that_just_fits),
        READY(conditions__never_cut_a_message_inside_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
