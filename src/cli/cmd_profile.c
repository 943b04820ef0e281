/*
 * profile: values laid over services for a while: which there are, what they change, switching to one, keeping what is so
 * now as one.
 */
#include <string.h>

#include "cli/ground.h"
#include "cli/known.h"
#include "cli/profile_save.h"
#include "cli/verbs.h"
#include "cli/writing.h"
#include "config/edit.h"
#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"
#include "model/json_text.h"

#define AUTO_ARENA CLEANUP(arena_fini)

enum { OPT_WRITING, OPT_NONE = OPT_WRITING + WRITING_OPTIONS_LEN };

static bool is_json(const struct cli_args *args)
{
    return cli_given(args, OPT_WRITING + WRITING_JSON);
}

/* --- list ----------------------------------------------------------------------------------------------- */

/* The services that it has a patch for. */
static void put_services(const struct listing *folder, bool is_list, struct buf *out)
{
    for (size_t i = 0, count = 0; i < folder->len; i++) {
        struct span name = {folder->entries[i].name, strcspn(folder->entries[i].name, ".")};
        if (!layout_name_is_good(name))
            continue;
        buf_puts(out, count++ == 0 ? "" : is_list ? "," : ", ");
        if (is_list)
            json_put_string(out, name);
        else
            buf_append_span(out, name);
    }
}

static void put_profiles(const struct profiles *profiles, const char *active, struct table *table, struct buf *json)
{
    for (size_t i = 0; i < profiles->len; i++) {
        const struct listing_entry *entry = profiles->folders[i];
        bool is_active = active != NULL && strcmp(active, entry->name) == 0;
        struct buf services AUTO_BUF = {0};
        put_services(entry->folder, json != NULL, &services);
        if (json == NULL) {
            table_add(table, TERM_STRONG, span_of(entry->name));
            table_add(table, is_active ? TERM_GOOD : TERM_FAINT, span_of(is_active ? "active" : "-"));
            table_add(table, TERM_PLAIN, buf_span(&services));
        } else {
            buf_printf(json, "%s{\"active\":%s,\"profile\":", i == 0 ? "" : ",", is_active ? "true" : "false");
            json_put_text(json, entry->name);
            buf_printf(json, ",\"services\":[%.*s]}", (int)services.len, services.len == 0 ? "" : services.data);
        }
    }
}

static int list(const struct cli *cli, const struct cli_args *args, struct error *err)
{
    static const char *const heading[] = {"PROFILE", "ACTIVE", "SERVICES", NULL};
    struct ground ground AUTO_GROUND = ground_new();
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    struct profiles profiles;
    struct table table AUTO_TABLE;
    struct buf text AUTO_BUF = {0};
    table_init(&table, &cli->term, heading);
    if (ground_open(cli, NULL, &ground, err) != 0 || environment_load(&ground.source, NULL, &environment, &findings, err) != 0)
        return -1;
    cli_print_errors(&findings);
    profiles_list(ground.source.listing, &profiles, NULL);
    buf_puts(&text, is_json(args) ? "[" : "");
    put_profiles(&profiles, environment->rules->profile.name, &table, is_json(args) ? &text : NULL);
    buf_puts(&text, is_json(args) ? "]\n" : "");
    table_put(&table, &text);
    if (profiles.len == 0 && !is_json(args))
        fputs("epochctl: there is no profile yet; epochctl help profile\n", stderr);
    return cli_print(&text);
}

/* --- show, diff ----------------------------------------------------------------------------------------- */

/* A service under one profile and under another. */
struct sides {
    struct effective before, after;
};

struct comparison {
    struct plan plan;
    struct sides *sides; /* one a service of the plan */
};

static void comparison_fini(struct comparison *comparison)
{
    for (size_t i = 0; comparison->sides != NULL && i < comparison->plan.len + 1; i++) {
        effective_fini(&comparison->sides[i].before);
        effective_fini(&comparison->sides[i].after);
    }
    free(comparison->sides);
    plan_fini(&comparison->plan);
}

static const struct schema *schema_of(const struct effective *effective)
{
    return effective->rules.schema == NULL ? NULL : effective->rules.schema->schema;
}

/* Adds the service if it differs. Its sides are at the place behind the last until then. */
static int compare_service(const struct ground *ground, const char *name, const char *from, const char *to,
                           struct comparison *out, struct findings *findings, struct error *err)
{
    struct plan_service *service = &out->plan.services[out->plan.len];
    struct sides *sides = &out->sides[out->plan.len];
    effective_fini(&sides->before);
    effective_fini(&sides->after);
    if (effective_load(&ground->source, NULL, name, from, &sides->before, findings, err) != 0 ||
        effective_load(&ground->source, sides->before.environment, name, to, &sides->after, findings, err) != 0)
        return -1;
    if (sides->before.root == NULL || sides->after.root == NULL)
        return 0;
    *service = (struct plan_service){.name = name, .action = PLAN_UPDATED};
    if (diff_docs(sides->before.root, sides->after.root, &service->diff, err) != 0 ||
        plan_note(service, schema_of(&sides->before), schema_of(&sides->after), err) != 0) {
        out->plan.len++; /* what was made is freed with the rest */
        return -1;
    }
    if (service->diff.len == 0) {
        diff_fini(&service->diff);
        free(service->notes);
        *service = (struct plan_service){0};
        return 0;
    }
    out->plan.len++;
    out->plan.actions[PLAN_UPDATED]++;
    out->plan.restarts += service->needs_restart;
    return 0;
}

/* The services that either profile has a patch for: no other can differ. */
static int collect_names(const struct listing *listing, const char *from, const char *to, struct changes *names, struct error *err)
{
    struct profiles profiles;
    const char *const both[] = {from, to};
    profiles_list(listing, &profiles, NULL);
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct listing_entry *folder = both[i][0] == '\0' ? NULL : profiles_find(&profiles, both[i]);
        for (size_t k = 0; folder != NULL && k < folder->folder->len; k++) {
            char name[LAYOUT_NAME_MAX + 1];
            struct span stem = {folder->folder->entries[k].name, strcspn(folder->folder->entries[k].name, ".")};
            if (!layout_name_is_good(stem))
                continue;
            snprintf(name, sizeof name, "%.*s", (int)stem.len, stem.data);
            if (changes_add_gone(names, name, err) != 0)
                return -1;
        }
    }
    changes_sort(names);
    return 0;
}

static int count_service(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    (void)name;
    (void)folder;
    (void)entry;
    (void)err;
    ++*(size_t *)context;
    return 0;
}

static int compare(const struct ground *ground, const char *from, const char *to, const struct changes *names,
                   struct comparison *out, struct findings *findings, struct error *err)
{
    out->plan.services = calloc(names->len + 1, sizeof *out->plan.services);
    out->sides = calloc(names->len + 1, sizeof *out->sides);
    if (out->plan.services == NULL || out->sides == NULL)
        return error_memory(err);
    for (size_t i = 0; i < names->len; i++) {
        bool is_twice = i > 0 && strcmp(names->items[i].name, names->items[i - 1].name) == 0;
        if (!is_twice && compare_service(ground, names->items[i].name, from, to, out, findings, err) != 0)
            return -1;
    }
    return services_each(ground->source.listing, count_service, &out->plan.total, err);
}

static int print_plan(const struct cli_args *args, const struct plan *plan)
{
    struct buf text AUTO_BUF = {0};
    if (is_json(args)) {
        plan_put_json(plan, &text);
        return cli_print(&text);
    }
    plan_put_text(plan, "", SIZE_MAX / 4, &text);
    plan_put_counts(plan, &text);
    buf_putc(&text, '\n');
    return cli_print(&text);
}

/* What changes from one profile ("": none) to another. */
static int print_between(const struct cli_args *args, const struct ground *ground, const char *from, const char *to,
                         struct error *err)
{
    struct comparison comparison CLEANUP(comparison_fini) = {.sides = NULL};
    struct changes names AUTO_CHANGES = {0};
    struct findings findings AUTO_FINDINGS = {0};
    if ((from[0] != '\0' && known_check_profile(ground->source.listing, from, err) != 0) ||
        (to[0] != '\0' && known_check_profile(ground->source.listing, to, err) != 0) ||
        collect_names(ground->source.listing, from, to, &names, err) != 0 ||
        compare(ground, from, to, &names, &comparison, &findings, err) != 0)
        return -1;
    return cli_print_errors(&findings) ? CLI_FINDINGS : print_plan(args, &comparison.plan);
}

static int show(const struct cli *cli, const struct cli_args *args, struct error *err)
{
    struct ground ground AUTO_GROUND = ground_new();
    return ground_open(cli, NULL, &ground, err) != 0 ? -1 : print_between(args, &ground, "", args->operands[1], err);
}

/* From the active profile to the one that is named, or from one to the other. */
static int diff(const struct cli *cli, const struct cli_args *args, struct error *err)
{
    struct ground ground AUTO_GROUND = ground_new();
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    const char *first = cli_given(args, OPT_NONE) ? "" : args->operands[1], *second = cli_operand(args, 2);
    if (ground_open(cli, NULL, &ground, err) != 0 || environment_load(&ground.source, NULL, &environment, &findings, err) != 0)
        return -1;
    const char *active = environment->rules->profile.name;
    return second != NULL ? print_between(args, &ground, first, second, err)
                          : print_between(args, &ground, active == NULL ? "" : active, first, err);
}

/* --- use ------------------------------------------------------------------------------------------------ */

/* The text of epoch.yaml that says so. *is_changed false: it says so already. */
static int edit_rules(struct writing *w, const char *profile, struct buf *out, uint32_t *mode, bool *is_changed, struct error *err)
{
    struct arena arena AUTO_ARENA = {0};
    struct doc value AUTO_DOC = {0};
    struct buf text AUTO_BUF = {0};
    struct splice_change change = {0};
    const char *note;
    if (listing_find(w->listing, RULES_FILE) == NULL) {
        *is_changed = profile != NULL;
        buf_printf(out, "profile: %s\n", profile == NULL ? "" : profile);
        return buf_check(out, err);
    }
    if (writing_read(w, RULES_FILE, &text, mode, err) != 0 || pointer_parse(SPAN("/profile"), &arena, &change.path, err) != 0)
        return -1;
    if (profile != NULL && edit_value(span_of(profile), EDIT_TEXT, &value, &change.typed, &note, err) != 0)
        return -1;
    change.value = value.root;
    return edit_text(buf_span(&text), RULES_FILE, &change, 1, out, is_changed, err);
}

static int use(const struct cli *cli, const struct cli_args *args, struct outcome *outcome, int *rc, struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    struct buf text AUTO_BUF = {0};
    struct repo_change change = {.path = RULES_FILE};
    const char *profile = cli_given(args, OPT_NONE) ? NULL : args->operands[1];
    const struct writing_options options = writing_options_of(args, OPT_WRITING);
    char what[LAYOUT_NAME_MAX + 32];
    bool is_changed;
    if (writing_open(cli, &w, err) != 0 || (profile != NULL && known_check_profile(w.listing, profile, err) != 0) ||
        edit_rules(&w, profile, &text, &change.mode, &is_changed, err) != 0)
        return -1;
    *rc = CLI_OK;
    if (!is_changed) {
        outcome_say(outcome, "unchanged", "it is so already; nothing was written");
        return 0;
    }
    snprintf(what, sizeof what, profile == NULL ? "profile: use none" : "profile: use %s", profile);
    change.text = buf_span(&text);
    *rc = writing_commit(&w, &change, 1, what, &options, outcome);
    return 0;
}

/* --- the verb ------------------------------------------------------------------------------------------- */

static int write_profile(const struct cli *cli, const struct cli_args *args)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = is_json(args)};
    const struct writing_options options = writing_options_of(args, OPT_WRITING);
    struct error err;
    int rc = CLI_FAILED;
    bool is_use = strcmp(args->operands[0], "use") == 0;
    if ((is_use ? use(cli, args, &outcome, &rc, &err)
                : profile_save(cli, args->operands[1], args->operands + 2, args->operands_len - 2, &options, &outcome, &rc, &err)) != 0)
        rc = writing_fail(&err, NULL, &outcome);
    return outcome_end(&outcome, rc);
}

static bool check_operands(const struct cli_args *args)
{
    const char *what = args->operands[0];
    size_t names = args->operands_len - 1;
    bool is_none = cli_given(args, OPT_NONE);
    if (strcmp(what, "list") == 0)
        return names == 0 && !is_none;
    if (strcmp(what, "show") == 0)
        return names == 1 && !is_none;
    if (strcmp(what, "use") == 0)
        return names == (is_none ? 0 : 1);
    if (strcmp(what, "diff") == 0)
        return is_none ? names == 0 : names == 1 || names == 2;
    return names >= 1 && !is_none;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    const char *what = args->operands[0];
    struct error err;
    if (!check_operands(args))
        return cli_usage(args->verb, "list; show NAME; use NAME or --none; diff NAME [OTHER] or --none; save NAME [SERVICE…]");
    if (strcmp(what, "use") == 0 || strcmp(what, "save") == 0)
        return write_profile(cli, args);
    int rc = strcmp(what, "list") == 0 ? list(cli, args, &err) : strcmp(what, "show") == 0 ? show(cli, args, &err) : diff(cli, args, &err);
    return rc < 0 ? cli_fail(&err) : rc;
}

const struct cli_verb verb_profile = {
    .name = "profile",
    .summary = "values laid over services: list, look, switch, keep",
    .help = "A profile is a folder profiles/_NAME_/ with a patch for each service that it changes; epoch.yaml\n"
            "names the one that is active.\n"
            "\n"
            "*list*\n"
            "\tThe profiles there are, which is active, and whom they change.\n"
            "*show* _NAME_\n"
            "\tWhat it changes, by service and key: without any profile → with it.\n"
            "*diff* _NAME_ [_OTHER_]\n"
            "\tWhat would change if it were used now; with _OTHER_, from the one to the other.\n"
            "*use* _NAME_\n"
            "\tMakes it the active one: a commit that changes that line of epoch.yaml, so it is an epoch like\n"
            "\tany other. *--none*: no profile is active.\n"
            "*save* _NAME_ [_SERVICE…_]\n"
            "\tKeeps as a profile what is so now and not without one: what the active profile changes, and\n"
            "\tedits of services that are not committed (they stay as they are). A profile of that name is\n"
            "\treplaced, for the services that are named or for all. A commit.\n"
            "\n"
            "The files of a work tree are looked at as they are.\n",
    .exit = "of *use* and *save* as of *set*; else 0, or 1: something is not valid, and the findings say why; 2: there is no such "
            "profile.",
    .operands = {{.name = "list|show|diff|use|save", .kind = CLI_WORDS},
                 {.name = "NAME", .kind = CLI_PROFILE, .is_optional = true},
                 {.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true, .is_repeated = true}},
    .options = {WRITING_OPTIONS(OPT_WRITING), [OPT_NONE] = {.name = "none", .help = "no profile"}},
    .run = run,
};
