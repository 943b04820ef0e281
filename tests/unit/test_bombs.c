/*
 * bombs (F53): a mebibyte of each pattern that makes readers of YAML and JSON slow or large. What a reading
 * may cost is asserted in bytes that were asked of the allocator, libyaml's too, which are the same on every
 * machine; and in time with a bound wide enough for a slow one. Prints for each: bomb <reader> <pattern> <CPU
 * µs> <peak KiB> <RSS KiB>, which tests/torture/hostile_input.py holds to the true bounds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "config/settings.h"
#include "io/yaml.h"
#include "model/json.h"
#include "model/message.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define HAS_ALLOCATOR 0
#else
#define HAS_ALLOCATOR 1
#endif

enum { MEBIBYTE = 1024 * 1024, PEAK_MAX = 16 * MEBIBYTE, MICROS_MAX = 1000 * 1000 };

/* --- what is asked of the allocator
 * ------------------------------------------------------------------------------ */

static size_t held, peak;

#if HAS_ALLOCATOR

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static void *taken(void *block)
{
    held += block == NULL ? 0 : malloc_usable_size(block);
    peak = held > peak ? held : peak;
    return block;
}

EXPORTED void *malloc(size_t size)
{
    return taken(__libc_malloc(size));
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return taken(__libc_calloc(count, size));
}

EXPORTED void *realloc(void *block, size_t size)
{
    held -= block == NULL ? 0 : malloc_usable_size(block);
    return taken(__libc_realloc(block, size));
}

EXPORTED void free(void *block)
{
    held -= block == NULL ? 0 : malloc_usable_size(block);
    __libc_free(block);
}

#endif

/* --- the patterns
 * ------------------------------------------------------------------------------------------------ */

/* `head` once, then `unit` as often as fits; %d in it is its number. */
struct bomb {
    const char *name, *head, *unit;
};

static const struct bomb yaml_bombs[] = {
    {"flow-lists-nested", "", "["},
    {"flow-mappings-nested", "", "{a: "},
    {"block-lists-nested", "", "- "},
    {"explicit-keys-nested", "", "? "},
    {"flow-list-open", "a: [", "x,"},
    {"anchors", "", "- &a%d x\n"},
    {"one-anchor-anew", "", "- &a x\n"},
    {"aliases", "a: &a [x, x, x, x, x, x, x, x]\nb:\n", "- *a\n"},
    {"aliases-of-aliases", "a0: &a0 [x, x, x, x]\n", "a%d: &a%d [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"},
    {"aliases-undefined", "", "- *x\n"},
    {"plain-scalar", "a: ", "x"},
    {"plain-scalar-of-lines", "a:\n", " x\n"},
    {"double-quoted-escapes", "a: \"", "\\u00e9"},
    {"double-quoted-hex", "a: \"", "\\x41"},
    {"single-quoted", "a: '", "''"},
    {"quote-unclosed", "a: \"", "x "},
    {"block-scalar", "a: |\n", " x\n"},
    {"folded-scalar", "a: >\n", " x\n\n"},
    {"keys", "", "k%d: 1\n"},
    {"keys-twice", "", "a: 1\n"},
    {"key-long", "", "k"},
    {"documents", "", "---\n"},
    {"documents-ended", "", "a\n...\n"},
    {"tags-known", "", "- !!str x\n"},
    {"tags-unknown", "", "- !x y\n"},
    {"tag-long", "a: !", "x"},
    {"tag-directives", "", "%%TAG !e%d! tag:example.org,2000:\n"},
    {"comments", "", "#\n"},
    {"comment-long", "#", "x"},
    {"blank-lines", "", "\n"},
    {"spaces", "a:", " "},
    {"ambiguous", "", "- no\n"},
    {"merge-keys", "", "<<: 1\n"},
    {"digits", "a: ", "9"},
    {"fraction", "a: 0.", "1"},
    {"anchor-long", "a: &", "x"},
    {"wide-characters", "a: ", "\xf0\x9f\x92\xa3"},
    {"colons", "a: ", ":x"},
    {"carriage-returns", "a: 1", "\r"},
    {"flow-pairs", "a: [", "x: y, "},
};

static const struct bomb json_bombs[] = {
    {"lists-nested", "", "["},
    {"objects-nested", "", "{\"a\":"},
    {"string", "\"", "x"},
    {"escapes", "\"", "\\u00e9"},
    {"surrogates", "\"", "\\ud83d\\ude00"},
    {"names", "{", "\"k%d\":1,"},
    {"names-twice", "{", "\"a\":1,"},
    {"list", "[", "0,"},
    {"strings", "[", "\"\","},
    {"digits", "", "9"},
    {"exponent", "1e", "9"},
    {"white-space", "", " "},
    {"wide-characters", "\"", "\xf0\x9f\x92\xa3"},
    {"empty-lists", "[", "[],"},
    {"empty-objects", "[", "{},"},
};

static void arm(const struct bomb *bomb, size_t size, struct buf *out)
{
    buf_puts(out, bomb->head);
    for (int i = 1; out->len < size; i++) {
        for (const char *at = bomb->unit; *at != '\0'; at++) {
            if (*at == '%' && at[1] == 'd')
                buf_printf(out, "%d", i);
            else
                buf_putc(out, *at);
            at += *at == '%';
        }
    }
    buf_truncate(out, size);
    assert_false(out->failed);
}

/* --- the readers
 * ------------------------------------------------------------------------------------------------- */

static void read_yaml(struct span text)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    const struct yaml_options options = {.file = "services/x.yaml", .limits = doc_limits_config};
    struct error err;
    (void)!yaml_read(text, &options, &doc, &findings, &err);
}

/* With the limits of a message's body, but for its size, which would end most of these before a byte is read.
 */
static void read_json(struct span text)
{
    AUTO_DOC struct doc doc = {0};
    const struct json_options options = {.file = "message", .limits = {64, 100000, 2 * MEBIBYTE}};
    struct error err;
    (void)!json_read(text, &options, &doc, &err);
}

static void read_settings(struct span text)
{
    AUTO_SETTINGS struct settings settings = {0};
    AUTO_FINDINGS struct findings findings = {0};
    char path[64], *nothing[] = {NULL};
    struct error err;
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)!settings_load(path, nothing, &settings, &findings, &err);
    close(fd);
}

struct cost {
    long micros, rss_kib;
    size_t peak;
};

static long cpu_micros(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (long)(now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

static long rss_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* In a process of its own, whose memory has not been used before. */
static void measure(void (*read_it)(struct span), struct span text, struct cost *out)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t held_before = peak = held;
        long rss_before = rss_kib(), began = cpu_micros();
        read_it(text);
        struct cost cost = {cpu_micros() - began, rss_kib() - rss_before, peak - held_before};
        _exit(write(ends[1], &cost, sizeof cost) == (ssize_t)sizeof cost ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], out, sizeof *out), sizeof *out);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void defuse(const char *reader, void (*read_it)(struct span), const struct bomb *bomb, size_t size)
{
    AUTO_BUF struct buf text = {0};
    struct cost cost;
    arm(bomb, size, &text);
    measure(read_it, buf_span(&text), &cost);
    print_message("bomb %s %s %ld %zu %ld\n", reader, bomb->name, cost.micros, cost.peak / 1024,
                  cost.rss_kib);
    if (!HAS_ALLOCATOR)
        return; /* a sanitizer makes everything larger and slower */
    if (cost.peak >= PEAK_MAX)
        fail_msg("%s of %s takes %zu KiB", bomb->name, reader, cost.peak / 1024);
    if (cost.micros >= MICROS_MAX)
        fail_msg("%s of %s takes %ld us", bomb->name, reader, cost.micros);
}

static void f53__bombs_of_yaml_are_defused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yaml_bombs); i++)
        defuse("yaml", read_yaml, &yaml_bombs[i], MEBIBYTE);
}

static void f53__bombs_of_json_are_defused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_bombs); i++)
        defuse("json", read_json, &json_bombs[i], MEBIBYTE);
}

static void f53__bombs_in_settings_are_defused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yaml_bombs); i++) {
        defuse("settings", read_settings, &yaml_bombs[i], SETTINGS_SIZE_MAX);
        if (i == 0)
            defuse("settings-too-large", read_settings, &yaml_bombs[i], MEBIBYTE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f53__bombs_of_yaml_are_defused),
        cmocka_unit_test(f53__bombs_of_json_are_defused),
        cmocka_unit_test(f53__bombs_in_settings_are_defused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
