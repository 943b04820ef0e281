/*
 * settings: the manual page names each of them, in the order of the table, with the same form, default and
 * variable, and nothing that is not there. Every example in it is a good setting.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/settings_table.h"
#include "loading.h"

#define PAGE "docs/man/epochd.yaml.5.scd"

enum { PAGE_MAX = 64 * 1024 };

static char page[PAGE_MAX]; /* without backslashes and with single spaces, for searching; lines stay */

static int read_page(void **state)
{
    (void)state;
    static char text[PAGE_MAX];
    int fd = open(PAGE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        print_message("%s: the tests run at the top of the project\n", PAGE);
        return -1;
    }
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    size_t to = 0;
    for (ssize_t i = 0; i < len; i++)
        if (text[i] != '\\')
            page[to++] = text[i];
    return len > 0 ? 0 : -1;
}

/* The paragraphs under "*key*", as one line; NULL if there are none. Owned. */
static char *entry_of(const char *key, size_t *at)
{
    char head[128];
    snprintf(head, sizeof head, "\n*%s*\n\t", key);
    const char *start = strstr(page, head);
    if (start == NULL)
        return NULL;
    *at = (size_t)(start - page);
    start += strlen(head);
    /* It ends where a line begins that is neither indented nor empty. */
    const char *end = start;
    while ((end = strchr(end, '\n')) != NULL && (end[1] == '\t' || end[1] == '\n'))
        end++;
    assert_non_null(end);
    char *entry = strndup(start, (size_t)(end - start));
    assert_non_null(entry);
    size_t to = 0;
    for (size_t i = 0; entry[i] != '\0'; i++) {
        char c = entry[i] == '\n' || entry[i] == '\t' ? ' ' : entry[i];
        if (c != ' ' || to == 0 || entry[to - 1] != ' ')
            entry[to++] = c;
    }
    entry[to] = '\0';
    return entry;
}

static void expect_part(const char *key, const char *entry, const char *part)
{
    if (strstr(entry, part) == NULL)
        fail_msg("%s: the page does not say \"%s\"", key, part);
}

/* "Form: an integer from 1 to 3600. Default: *5*. Variable: *EPOCHD_REPOSITORY_POLL_S*." */
static void put_facts(const struct setting *setting, struct buf *out)
{
    buf_puts(out, "Form: ");
    setting_put_form(setting, out);
    if (setting->fallback[0] == '\0')
        buf_puts(out, ". Default: none. ");
    else
        buf_printf(out, ". Default: *%s*. ", setting->fallback);
    buf_printf(out, "Variable: *%s*.", setting->variable);
    buf_putc(out, '\0');
}

static void settings__are_all_in_the_manual(void **state)
{
    (void)state;
    size_t before = 0;
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        struct buf facts = {0};
        size_t at;
        char *entry = entry_of(setting->key, &at);
        if (entry == NULL)
            fail_msg("%s is not in %s", setting->key, PAGE);
        if (at <= before)
            fail_msg("%s stands before what it follows in the table", setting->key);
        before = at;
        put_facts(setting, &facts);
        expect_part(setting->key, entry, facts.data);
        expect_part(setting->key, entry, "Example: *");
        buf_fini(&facts);
        free(entry);
    }
}

/* What a schema says of a setting is how its entry begins. */
static void settings__begin_in_the_manual_as_in_the_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table_len; i++) {
        const char *about = settings_table[i].about;
        size_t at, to = 0;
        char *entry = entry_of(settings_table[i].key, &at);
        assert_non_null(entry);
        for (size_t k = 0; entry[k] != '\0'; k++) /* without the marks, but for underscores inside of words */
            if (entry[k] != '*' && (entry[k] != '_' || (k > 0 && strchr(" (", entry[k - 1]) == NULL && strchr(" ,.)", entry[k + 1]) == NULL)))
                entry[to++] = entry[k];
        entry[to] = '\0';
        if (strncmp(entry, about, strlen(about)) != 0)
            fail_msg("%s: '%s' and the page '%.80s'", settings_table[i].key, about, entry);
        free(entry);
    }
}

/* Every "*name*" that has paragraphs under it. */
static void settings__in_the_manual_all_exist(void **state)
{
    (void)state;
    size_t found = 0;
    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t len = strcspn(line, "\n");
        if (len < 3 || line[0] != '*' || line[len - 1] != '*' || line[len + 1] != '\t')
            continue;
        struct span key = {line + 1, len - 2};
        size_t i = 0;
        while (i < settings_table_len && !span_is(key, settings_table[i].key))
            i++;
        if (i == settings_table_len)
            fail_msg("there is no setting %.*s", (int)key.len, key.data);
        found++;
    }
    assert_int_equal(found, settings_table_len);
}

/* "Example: *poll_s: 60*" is a line of its section. */
static void settings__of_the_manual_can_be_used(void **state)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const char *key = settings_table[i].key, *dot = strchr(key, '.');
        char text[256];
        struct load load;
        size_t at;
        char *entry = entry_of(key, &at);
        assert_non_null(entry);
        const char *example = strstr(entry, "Example: *");
        assert_non_null(example);
        example += strlen("Example: *");
        int len = (int)strcspn(example, "*");
        if (dot == NULL)
            snprintf(text, sizeof text, "%.*s", len, example);
        else
            snprintf(text, sizeof text, "%.*s:\n  %.*s\n", (int)(dot - key), key, len, example);
        const char *name = dot == NULL ? key : dot + 1;
        assert_memory_equal(example, name, strlen(name));
        LOAD(*state, &load, text, NULL);
        bool is_half = strcmp(name, "cert_file") == 0 || strcmp(name, "key_file") == 0;
        assert_int_equal(load.findings.errors, is_half ? 1 : 0);
        load_end(&load);
        free(entry);
    }
}

static void settings__have_variables_named_after_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table_len; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "EPOCHD_%s", settings_table[i].key);
        for (size_t k = 0; variable[k] != '\0'; k++)
            variable[k] =
                variable[k] == '.'
                    ? '_'
                    : (char)(variable[k] >= 'a' && variable[k] <= 'z' ? variable[k] - 32 : variable[k]);
        assert_string_equal(settings_table[i].variable, variable);
    }
}

/* The whole example at the end, as it stands. */
static void settings__of_the_example_are_good(void **state)
{
    struct load load;
    const char *start = strstr(page, "# EXAMPLE\n\n```\n");
    assert_non_null(start);
    start += strlen("# EXAMPLE\n\n```\n");
    const char *end = strstr(start, "```");
    assert_non_null(end);
    char *text = strndup(start, (size_t)(end - start));
    assert_non_null(text);
    LOAD(*state, &load, text, NULL);
    load_expect_good(&load);
    assert_string_equal(load.settings.mqtt.password_file, "/etc/epochd/mqtt-password");
    load_end(&load);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
        cmocka_unit_test(settings__are_all_in_the_manual),
        cmocka_unit_test(settings__begin_in_the_manual_as_in_the_schema),
        cmocka_unit_test(settings__in_the_manual_all_exist),
        IN_FOLDER(settings__of_the_manual_can_be_used),
        cmocka_unit_test(settings__have_variables_named_after_them),
        IN_FOLDER(settings__of_the_example_are_good),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
