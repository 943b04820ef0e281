/*
 * unit: see unit.h.
 */
#include "cli/unit.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_users_own(const struct unit_facts *facts)
{
    size_t len = facts->home == NULL ? 0 : strlen(facts->home);
    return facts->owner != 0 && len > 1 && strncmp(facts->state, facts->home, len) == 0 && facts->state[len] == '/';
}

void unit_put_for(const struct unit_facts *facts, const char *advice, struct buf *out)
{
    static const struct {
        const char *system, *user;
    } words[] = {{"systemctl ", "systemctl --user "}, {"journalctl -u ", "journalctl --user-unit "}};
    bool is_own = is_users_own(facts), is_said = false;
    struct buf text AUTO_BUF = {0};
    while (*advice != '\0') {
        size_t i = 0;
        while (i < ARRAY_LEN(words) && (!is_own || strncmp(advice, words[i].system, strlen(words[i].system)) != 0))
            i++;
        if (i == ARRAY_LEN(words)) {
            buf_putc(&text, *advice++);
            continue;
        }
        buf_puts(&text, words[i].user);
        advice += strlen(words[i].system);
        is_said = true;
    }
    if (is_said && facts->owner != facts->self)
        buf_printf(out, "as %s: ", facts->name == NULL ? "its user" : facts->name);
    buf_append_span(out, buf_span(&text));
    out->failed |= text.failed;
}

/* Of the folder, or of the first above it that is there. */
static uid_t owner_of_state(const char *state)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s", state);
    while (stat(path, &st) != 0) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return 0;
        *slash = '\0';
    }
    return st.st_uid;
}

void unit_put(const char *state, const char *advice, struct buf *out)
{
    struct unit_facts facts = {.state = state, .owner = owner_of_state(state), .self = geteuid()};
    const struct passwd *user = getpwuid(facts.owner);
    if (user != NULL) {
        facts.name = user->pw_name;
        facts.home = user->pw_dir;
    } else if (facts.owner == facts.self) {
        facts.home = getenv("HOME");
    }
    unit_put_for(&facts, advice, out);
}
