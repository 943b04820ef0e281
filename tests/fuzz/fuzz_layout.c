/*
 * fuzz_layout: a path of a repository, component by component as a reader of trees walks it, the mode of its last entry
 * in the first byte. A name that comes out is a good one, whatever went in; what is refused has exactly one finding.
 */
#include <stdint.h>
#include <string.h>

#include "model/finding.h"
#include "model/layout.h"
#include "model/topics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 16 };

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_verdict(enum layout_verdict verdict, const struct layout_entry *entry, const struct findings *findings)
{
    check((verdict == LAYOUT_REFUSE) == (findings->errors == 1) && findings->errors <= 1);
    if (verdict != LAYOUT_FILE)
        return;
    check(entry->area != LAYOUT_OUTSIDE);
    check(entry->name[0] == '\0' || layout_name_is_good(span_of(entry->name)));
    check(entry->profile[0] == '\0' || layout_name_is_good(span_of(entry->profile)));
    if (entry->area == LAYOUT_SERVICES) {
        char topic[TOPIC_MAX + 1];
        topic_write(topic, "", TOPIC_SERVICE, entry->name);
        check(strpbrk(topic, "+#$ \n") == NULL && strstr(topic, "..") == NULL);
    }
}

/* True to go on below it. */
static bool judge(const char *folder, struct span name, uint32_t mode)
{
    struct findings findings = {0};
    struct layout_entry entry = {0};
    enum layout_verdict verdict = layout_judge(folder, name, mode, &entry, &findings);
    check_verdict(verdict, &entry, &findings);
    findings_fini(&findings);
    return verdict == LAYOUT_DESCEND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t modes[] = {LAYOUT_MODE_FILE, LAYOUT_MODE_EXEC, LAYOUT_MODE_LINK, LAYOUT_MODE_COMMIT, LAYOUT_MODE_DIR, 0};
    AUTO_BUF struct buf folder = {0};
    if (size == 0)
        return 0;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    buf_putc(&folder, '\0');
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        struct span name = {at, (size_t)((slash == NULL ? end : slash) - at)};
        if (slash == NULL) {
            judge(folder.data, name, modes[data[0] % ARRAY_LEN(modes)]);
            break;
        }
        if (!judge(folder.data, name, LAYOUT_MODE_DIR))
            break;
        buf_truncate(&folder, folder.len - 1);
        buf_puts(&folder, folder.len == 0 ? "" : "/");
        buf_append_span(&folder, name);
        buf_putc(&folder, '\0');
        at = slash + 1;
    }
    return 0;
}
