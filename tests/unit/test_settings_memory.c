/*
 * settings and mqtt without memory: each allocation fails once, in its turn. Every call then says so, or does
 * without, and nothing is lost on the way. A sanitizer brings its own allocator: the tests are skipped there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/settings.h"
#include "io/mqtt.h"
#include "model/codes.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define HAS_ALLOCATOR 0
#else
#define HAS_ALLOCATOR 1
#endif

static long left = -1; /* allocations that succeed before all fail; negative: no limit */
static long live;      /* blocks not freed */

#if HAS_ALLOCATOR

#define OVERRIDE __attribute__((visibility("default"))) /* the C library and others use them too */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static bool is_refused(void)
{
    return left == 0 || (left > 0 && left-- == 0);
}

static void *counted(void *block)
{
    live += block != NULL;
    return block;
}

OVERRIDE void *malloc(size_t size)
{
    return is_refused() ? NULL : counted(__libc_malloc(size));
}

OVERRIDE void *calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : counted(__libc_calloc(count, size));
}

OVERRIDE void *realloc(void *block, size_t size)
{
    if (is_refused())
        return NULL;
    return block == NULL ? counted(__libc_malloc(size)) : __libc_realloc(block, size);
}

OVERRIDE void free(void *block)
{
    live -= block != NULL;
    __libc_free(block);
}

#endif

enum { MANY = 400, ENOUGH = 5 };

static void settings__say_when_memory_is_out(void **state)
{
    (void)state;
    char url[] = "EPOCHD_MQTT_URL=mqtt://ann:s3cret@h", uids[] = "EPOCHD_REPOSITORY_TRUSTED_UIDS=1,2";
    char wrong[] = "EPOCHD_MQTT_SOURCE=A", unknown[] = "EPOCHD_MQTT_ULR=x",
         path[] = "EPOCHD_REPOSITORY_PATH=x";
    char *const good_ones[] = {url, uids, path, NULL}, *const wrong_ones[] = {wrong, unknown, NULL};
    int failures = 0, successes = 0;
    if (!HAS_ALLOCATOR)
        skip();
    for (long i = 0; i < MANY; i++) {
        struct settings settings = {0};
        struct findings findings = {0};
        struct buf text = {0};
        struct error err;
        long before = live;
        left = i / 2;
        int rc = settings_load("/dev/null", i % 2 == 0 ? good_ones : wrong_ones, &settings, &findings, &err);
        if (rc == 0 && settings.state != NULL)
            settings_print(&settings, &text);
        left = -1;
        if (rc == 0)
            successes++;
        else
            failures++;
        assert_true(rc == 0 || strcmp(err.code, ERR_MEMORY) == 0 || strcmp(err.code, ERR_SYSTEM) == 0);
        assert_true(rc == 0 || settings.state == NULL);
        settings_fini(&settings);
        findings_fini(&findings);
        buf_fini(&text);
        assert_int_equal(live, before);
    }
    assert_true(failures > ENOUGH && successes > ENOUGH);
}

static void ignore(void *context, const struct mqtt_event *event)
{
    (void)context;
    (void)event;
}

static void mqtt__says_when_memory_is_out(void **state)
{
    (void)state;
    struct mqtt_options options = {.url = "mqtt://ann:s3cret@h",
                                   .keepalive_s = 30,
                                   .will_topic = "w",
                                   .username = "u"};
    int failures = 0, successes = 0;
    if (!HAS_ALLOCATOR)
        skip();
    for (long i = 0; i < MANY; i++) {
        struct mqtt *mqtt = NULL;
        struct error err;
        long before = live;
        left = i;
        int rc = mqtt_new(&mqtt, &options, ignore, NULL, &err);
        left = -1;
        if (rc == 0)
            successes++;
        else
            failures++;
        assert_true(rc == 0 || strcmp(err.code, ERR_MEMORY) == 0);
        mqtt_free(mqtt);
        assert_int_equal(live, before);
    }
    assert_true(failures > ENOUGH && successes > ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings__say_when_memory_is_out),
        cmocka_unit_test(mqtt__says_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
