/*
 * layout: see layout.h. One table says what each area holds; one function per kind of entry judges against
 * it.
 */
#include "model/layout.h"

#include <stdarg.h>

#include "model/codes.h"
#include "util/utf8.h"

enum { PATH_SHOWN_MAX = 1024, NAME_SHOWN_MAX = 128, MESSAGE_MAX = 512 };
enum { TYPE_MASK = 0170000, TYPE_REGULAR = 0100000 };

/* What an area is at the top of the repository, and what it may hold. */
static const struct rule {
    const char *top;
    enum layout_area area;
    bool is_file;
    unsigned folders_min, folders_max; /* between the top and a file */
    const char *extensions[2];
    const char *holds;
} rules[] = {
    {.top = "epoch.yaml", .area = LAYOUT_SETTINGS, .is_file = true},
    {.top = "services",
     .area = LAYOUT_SERVICES,
     .folders_max = LAYOUT_FOLDER_DEPTH,
     .extensions = {".yaml"},
     .holds = "services/ holds <service>.yaml"},
    {.top = "schemas",
     .area = LAYOUT_SCHEMAS,
     .extensions = {".yaml", ".json"},
     .holds = "schemas/ holds <schema>.yaml or <schema>.json, no folders"},
    {.top = "bases",
     .area = LAYOUT_BASES,
     .extensions = {".yaml"},
     .holds = "bases/ holds <base>.yaml, no folders"},
    {.top = "profiles",
     .area = LAYOUT_PROFILES,
     .folders_min = 1,
     .folders_max = 1,
     .extensions = {".yaml"},
     .holds = "profiles/ holds <profile>/<service>.yaml"},
    {.top = "recipients",
     .area = LAYOUT_RECIPIENTS,
     .extensions = {".pub"},
     .holds = "recipients/ holds <service>.pub, no folders"},
    {.top = "authors", .area = LAYOUT_AUTHORS, .is_file = true},
};

/* The entry at hand, and where what is wrong with it goes. */
struct judgement {
    const char *folder;
    struct span name;
    uint32_t mode;
    const struct rule *rule;
    struct findings *findings;  /* may be NULL */
    char shown[NAME_SHOWN_MAX]; /* the name, made printable, if there is a place for findings */
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool layout_name_is_good(struct span name)
{
    if (name.len == 0 || name.len > LAYOUT_NAME_MAX || name.data[0] < 'a' || name.data[0] > 'z')
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_name_char(name.data[i]))
            return false;
    return true;
}

static const struct rule *rule_of(struct span top_name)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (span_is(top_name, rules[i].top))
            return &rules[i];
    return NULL;
}

enum layout_area layout_area_of(struct span top_name)
{
    const struct rule *rule = rule_of(top_name);
    return rule == NULL ? LAYOUT_OUTSIDE : rule->area;
}

static enum layout_verdict PRINTF_LIKE(3, 4)
    refuse(const struct judgement *j, const char *code, const char *format, ...)
{
    char path[PATH_SHOWN_MAX], message[MESSAGE_MAX];
    va_list args;
    if (j->findings == NULL)
        return LAYOUT_REFUSE;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%s%s%.*s", j->folder, j->folder[0] == '\0' ? "" : "/",
             (int)(j->name.len < sizeof path ? j->name.len : sizeof path), j->name.data);
    findings_add(j->findings, FINDING_ERROR, code, path, (struct doc_pos){0}, "%s", message);
    return LAYOUT_REFUSE;
}

/* --- names -------------------------------------------------------------------------------------------- */

/* The good name somebody may have meant: STT_Worker → stt-worker. Empty if there is none. */
static struct span suggest_name(struct span stem, char out[static LAYOUT_NAME_MAX + 1])
{
    struct span suggested = {out, 0};
    if (stem.len > LAYOUT_NAME_MAX)
        return suggested;
    for (size_t i = 0; i < stem.len; i++) {
        char c = stem.data[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' || c == '.' || c == ' ' ? '-' : c;
    }
    suggested.len = layout_name_is_good((struct span){out, stem.len}) ? stem.len : 0;
    return suggested;
}

static enum layout_verdict refuse_name(const struct judgement *j, struct span stem)
{
    char meant[LAYOUT_NAME_MAX + 1];
    struct span suggested = suggest_name(stem, meant);
    const char *extension = j->shown + stem.len; /* if there is a suggestion, all was shown as it is */
    static const char form[] = "lower-case letters, digits and '-', a letter first, at most 63";
    if (suggested.len == 0)
        return refuse(j, CODE_LAYOUT_NAME, "'%s' is no name: %s", j->shown, form);
    return refuse(j, CODE_LAYOUT_NAME, "'%s' is no name: %s; rename to %.*s%s", j->shown, form,
                  (int)suggested.len, suggested.data, extension);
}

/* --- kinds of entries --------------------------------------------------------------------------------- */

static bool ends_in(struct span name, const char *extension, struct span *stem)
{
    struct span tail = span_of(extension);
    bool is_there = span_ends(name, tail);
    if (is_there)
        *stem = (struct span){name.data, name.len - tail.len};
    return is_there;
}

static bool is_ignored(struct span name)
{
    return (name.len > 0 && name.data[0] == '.') || span_is(name, "README.md");
}

static bool is_regular(uint32_t mode)
{
    return (mode & TYPE_MASK) == TYPE_REGULAR;
}

static unsigned count_slashes(const char *folder)
{
    unsigned count = 0;
    for (; *folder != '\0'; folder++)
        count += *folder == '/';
    return count;
}

static enum layout_verdict refuse_type(const struct judgement *j, const char *wanted)
{
    const char *what = j->mode == LAYOUT_MODE_LINK     ? "a symbolic link, and epochd never follows one"
                       : j->mode == LAYOUT_MODE_COMMIT ? "a submodule, and epochd never enters one"
                       : j->mode == LAYOUT_MODE_DIR    ? "a folder"
                       : is_regular(j->mode)           ? "a file"
                                                       : "not a regular file";
    return refuse(j, CODE_LAYOUT_TYPE, "%s; %s", what, wanted);
}

static enum layout_verdict judge_folder(const struct judgement *j, unsigned depth)
{
    if (depth < j->rule->folders_max)
        return layout_name_is_good(j->name) ? LAYOUT_DESCEND : refuse_name(j, j->name);
    if (j->rule->area == LAYOUT_SERVICES)
        return refuse(j, CODE_LAYOUT_DEPTH, "folders under services/ nest three deep at most; move it up");
    return refuse(j, CODE_LAYOUT_ENTRY, "the folder '%s' does not belong here: %s", j->shown, j->rule->holds);
}

static enum layout_verdict judge_file(const struct judgement *j, unsigned depth, struct span *stem)
{
    const struct rule *rule = j->rule;
    bool is_known = false;
    for (size_t i = 0; !is_known && i < ARRAY_LEN(rule->extensions) && rule->extensions[i] != NULL; i++)
        is_known = ends_in(j->name, rule->extensions[i], stem);
    if (depth >= rule->folders_min && is_known)
        return layout_name_is_good(*stem) ? LAYOUT_FILE : refuse_name(j, *stem);
    if (depth >= rule->folders_min && ends_in(j->name, ".yml", stem) && layout_name_is_good(*stem))
        return refuse(j, CODE_LAYOUT_ENTRY, "the ending is .yaml, not .yml; rename to %.*s.yaml",
                      (int)stem->len, stem->data);
    return refuse(j, CODE_LAYOUT_ENTRY, "'%s' does not belong here: %s", j->shown, rule->holds);
}

static enum layout_verdict judge_top(const struct judgement *j)
{
    if (j->rule->is_file)
        return is_regular(j->mode) ? LAYOUT_FILE : refuse_type(j, "a regular file is wanted here");
    return j->mode == LAYOUT_MODE_DIR ? LAYOUT_DESCEND : refuse_type(j, "a folder is wanted here");
}

static void copy_name(char out[static LAYOUT_NAME_MAX + 1], struct span name)
{
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
}

static enum layout_verdict judge_inside(const struct judgement *j, struct layout_entry *out)
{
    unsigned depth = count_slashes(j->folder);
    if (j->mode == LAYOUT_MODE_DIR)
        return judge_folder(j, depth);
    if (!is_regular(j->mode))
        return refuse_type(j, "put the file itself here");
    struct span stem = {0};
    enum layout_verdict verdict = judge_file(j, depth, &stem);
    if (verdict != LAYOUT_FILE)
        return verdict;
    copy_name(out->name, stem);
    if (out->area == LAYOUT_PROFILES)
        copy_name(out->profile, span_of(strchr(j->folder, '/') + 1));
    return LAYOUT_FILE;
}

enum layout_verdict layout_judge(const char *folder, struct span name, uint32_t mode,
                                 struct layout_entry *out, struct findings *findings)
{
    bool is_top = folder[0] == '\0';
    struct span top = is_top ? name : (struct span){folder, (size_t)(strchrnul(folder, '/') - folder)};
    struct judgement j = {
        .folder = folder, .name = name, .mode = mode, .rule = rule_of(top), .findings = findings};
    *out = (struct layout_entry){.area = j.rule == NULL ? LAYOUT_OUTSIDE : j.rule->area};
    if (j.rule == NULL || is_ignored(name))
        return LAYOUT_IGNORE;
    if (findings != NULL)
        utf8_printable(name, j.shown, sizeof j.shown);
    return is_top ? judge_top(&j) : judge_inside(&j, out);
}
