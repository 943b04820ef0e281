/*
 * setup: see setup.h.
 */
#include "cli/setup.h"

#include <string.h>

#include "io/mqtt.h"
#include "model/json_text.h"

enum { SETTINGS_MODE = 0640, UNIT_MODE = 0644 };

void setup_settings_path(const struct setup_facts *facts, char out[static PATH_MAX])
{
    if (facts->is_user)
        snprintf(out, PATH_MAX, "%.4000s/.config/epochd/epochd.yaml", facts->home);
    else
        snprintf(out, PATH_MAX, "/etc/epochd/epochd.yaml");
}

void setup_plan_fini(struct setup_plan *plan)
{
    for (size_t i = 0; i < plan->len; i++) {
        free(plan->steps[i].path);
        buf_fini(&plan->steps[i].text);
    }
    plan->len = 0;
}

static struct setup_step *next(struct setup_plan *plan)
{
    struct setup_step *step = &plan->steps[plan->len++];
    *step = (struct setup_step){0};
    return step;
}

static struct setup_step *put_file(struct setup_plan *plan, const char *path, mode_t mode)
{
    struct setup_step *step = next(plan);
    step->path = strdup(path);
    step->text.failed = step->path == NULL;
    step->mode = mode;
    return step;
}

/* The words end with NULL. */
static struct setup_step *put_command(struct setup_plan *plan, const char *const words[])
{
    struct setup_step *step = next(plan);
    for (size_t i = 0; i + 1 < SETUP_WORDS_MAX && words[i] != NULL; i++)
        step->words[i] = words[i];
    return step;
}

/* A repository of somebody else is either trusted, where the daemon keeps its own user, or served as its owner. */
static bool is_trusted_owner(const struct setup_facts *facts)
{
    return !facts->is_user && !facts->is_missing && facts->owner != facts->daemon && (facts->is_bare || facts->owner == 0);
}

static bool runs_as_owner(const struct setup_facts *facts)
{
    return !facts->is_user && !facts->is_missing && facts->owner != facts->daemon && !is_trusted_owner(facts);
}

static void put_repository(const struct setup_facts *facts, struct setup_plan *plan)
{
    if (!facts->is_missing)
        return;
    if (!facts->is_user)
        put_command(plan, (const char *[]){"install", "-d", "-o", "epochd", "-g", "epoch", facts->repository, NULL});
    if (facts->is_user)
        put_command(plan, (const char *[]){facts->self, "init", facts->repository, NULL});
    else
        put_command(plan, (const char *[]){"setpriv", "--reuid=epochd", "--regid=epoch", "--clear-groups", facts->self, "init",
                                           facts->repository, NULL});
}

static void put_settings(const struct setup_facts *facts, struct setup_plan *plan)
{
    char path[PATH_MAX];
    if (facts->has_settings)
        return;
    setup_settings_path(facts, path);
    struct buf *text = &put_file(plan, path, SETTINGS_MODE)->text;
    buf_puts(text, "# Written by epochctl setup; yours to change. man epochd.yaml\nrepository:\n  path: ");
    json_put_text(text, facts->repository);
    buf_putc(text, '\n');
    if (is_trusted_owner(facts))
        buf_printf(text, "  trusted_uids: [%u]\n", (unsigned)facts->owner);
    if (facts->is_user) {
        char folder[PATH_MAX];
        buf_puts(text, "state: ");
        snprintf(folder, sizeof folder, "%.4000s/.local/state/epochd", facts->home);
        json_put_text(text, folder);
        buf_puts(text, "\nrun: ");
        snprintf(folder, sizeof folder, "%.4000s/epochd", facts->runtime);
        json_put_text(text, folder);
        buf_putc(text, '\n');
    }
    buf_puts(text, "mqtt:\n  url: ");
    json_put_text(text, facts->url);
    buf_putc(text, '\n');
}

static void put_owner(const struct setup_facts *facts, struct buf *text)
{
    if (runs_as_owner(facts)) {
        buf_printf(text, "# The repository is %s's, who decides the configuration.\nUser=%s\n", facts->owner_name, facts->owner_name);
        if (strncmp(facts->repository, "/home/", 6) == 0)
            buf_puts(text, "# The unit hides homes; the repository is only read.\nProtectHome=read-only\n");
    }
    if (is_trusted_owner(facts) && facts->owner != 0)
        buf_printf(text, "# The repository is %s's, whom the unit would hide.\nPrivateUsers=no\n", facts->owner_name);
}

static bool is_local(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* *out is zeroed where there is no broker. */
static int parse_url(const struct setup_facts *facts, struct mqtt_url *out, struct error *err)
{
    *out = (struct mqtt_url){0};
    return strcmp(facts->url, "off") == 0 ? 0 : mqtt_url_parse(facts->url, out, err);
}

static int put_network(const struct setup_facts *facts, struct buf *text, struct error *err)
{
    struct mqtt_url url;
    if (parse_url(facts, &url, err) != 0)
        return -1;
    if (url.is_unix)
        buf_puts(text, "# The broker is a file: no network at all.\nPrivateNetwork=yes\nRestrictAddressFamilies=\n"
                       "RestrictAddressFamilies=AF_UNIX\nIPAddressAllow=\n");
    else if (url.host != NULL && !is_local(url.host))
        buf_puts(text, "# The broker is on another host, whose address and name server may change; narrow it where they do not.\n"
                       "IPAddressAllow=any\n");
    mqtt_url_fini(&url);
    return 0;
}

static int put_drop_in(const struct setup_facts *facts, struct setup_plan *plan, struct error *err)
{
    if (facts->is_user)
        return 0;
    struct buf text AUTO_BUF = {0};
    put_owner(facts, &text);
    if (put_network(facts, &text, err) != 0)
        return -1;
    if (text.len == 0 && !text.failed && !facts->has_drop_in)
        return 0;
    struct setup_step *step = put_file(plan, SETUP_DROP_IN, UNIT_MODE);
    if (text.len == 0 && !text.failed)
        return 0; /* none is needed any more */
    buf_puts(&step->text, "# Written by epochctl setup.\n[Service]\n");
    buf_append_span(&step->text, buf_span(&text));
    step->text.failed |= text.failed;
    return 0;
}

static void put_start(const struct setup_facts *facts, struct setup_plan *plan)
{
    static const char *const verbs[][2] = {{"daemon-reload", NULL}, {"enable", "epochd.service"}, {"restart", "epochd.service"}};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        struct setup_step *step =
            facts->is_user ? put_command(plan, (const char *[]){"systemctl", "--user", verbs[i][0], verbs[i][1], NULL})
                           : put_command(plan, (const char *[]){"systemctl", verbs[i][0], verbs[i][1], NULL});
        step->is_start = true;
    }
}

int setup_make_plan(const struct setup_facts *facts, struct setup_plan *out, struct error *err)
{
    struct setup_plan plan AUTO_SETUP_PLAN = {0};
    struct mqtt_url url;
    if (parse_url(facts, &url, err) != 0) /* whoever it is for: the settings would be refused */
        return -1;
    mqtt_url_fini(&url);
    put_repository(facts, &plan);
    put_settings(facts, &plan);
    if (put_drop_in(facts, &plan, err) != 0)
        return -1;
    put_start(facts, &plan);
    for (size_t i = 0; i < plan.len; i++)
        if (buf_check(&plan.steps[i].text, err) != 0)
            return -1;
    *out = plan;
    plan.len = 0;
    return 0;
}
