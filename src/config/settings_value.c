/*
 * settings_value: one value of a setting, from text or from a node of the file, checked and put into its
 * field. A value that may be secret (the URL, names, ids) is never repeated in a finding.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/settings_priv.h"
#include "io/mqtt.h"
#include "model/codes.h"
#include "model/layout.h"
#include "model/topics.h"
#include "util/num.h"
#include "util/utf8.h"

enum { FOUND_MAX = 80 }; /* of a wrong value, in a finding */

_Static_assert(sizeof(enum rewrite_policy) == sizeof(unsigned) &&
                   sizeof(enum log_level) == sizeof(unsigned) && sizeof(enum log_format) == sizeof(unsigned),
               "setting_choice takes the enums for unsigned");

static void *field(const struct setting *setting, struct settings *settings)
{
    return (char *)settings + setting->offset;
}

char **setting_string(const struct setting *setting, struct settings *settings)
{
    return field(setting, settings);
}

static int *setting_integer(const struct setting *setting, struct settings *settings)
{
    return field(setting, settings);
}

static unsigned *setting_choice(const struct setting *setting, struct settings *settings)
{
    return field(setting, settings);
}

/* "mqtt.heartbeat_s must be an integer from 1 to 3600, not 0". `found` is a clause. */
static int complain(const struct setting_intake *in, const char *found, struct error *err)
{
    struct buf form AUTO_BUF = {0};
    setting_put_form(in->setting, &form);
    if (buf_check(&form, err) != 0)
        return -1;
    findings_add(in->findings, FINDING_ERROR, CODE_SETTINGS, in->file, in->pos, "%s must be %.*s, not %s",
                 in->name, (int)form.len, form.data, found);
    return findings_check(in->findings, err);
}

/* The same with the wrong value itself, cut. */
static int complain_value(const struct setting_intake *in, struct span value, struct error *err)
{
    char found[FOUND_MAX + 8];
    if (value.len == 0)
        return complain(in, "empty", err);
    snprintf(found, sizeof found, "'%.*s%s'", value.len > FOUND_MAX ? FOUND_MAX : (int)value.len, value.data,
             value.len > FOUND_MAX ? "…" : "");
    return complain(in, found, err);
}

/* --- strings ------------------------------------------------------------------------------------------ */

static bool is_one_line(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return utf8_is_valid(text);
}

/* One component of a branch's name, as git-check-ref-format(1) has it. */
static bool component_is_good(struct span part)
{
    if (part.len == 0 || part.data[0] == '.' || span_ends(part, SPAN(".lock")))
        return false;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.data[i], next = i + 1 < part.len ? part.data[i + 1] : '\0';
        if (strchr(" ~^:?*[\\", c) != NULL || (c == '.' && next == '.') || (c == '@' && next == '{'))
            return false;
    }
    return true;
}

static bool branch_is_good(struct span name)
{
    if (name.len == 0 || name.len > SETTING_TEXT_MAX || name.data[0] == '-' || span_ends(name, SPAN(".")) ||
        span_is(name, "@") || span_is(name, "HEAD") || !is_one_line(name) ||
        (name.len >= 5 && memcmp(name.data, "refs/", 5) == 0))
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '/')
            continue;
        if (!component_is_good((struct span){name.data + start, i - start}))
            return false;
        start = i + 1;
    }
    return true;
}

static int put_string(const struct setting_intake *in, struct span text, struct error *err)
{
    char *copy = strndup(text.len == 0 ? "" : text.data, text.len);
    if (copy == NULL)
        return error_memory(err);
    char **to = setting_string(in->setting, in->settings);
    free(*to);
    *to = copy;
    return 0;
}

/* Absolute, and without slashes at the end: names are put behind it. */
static int put_path(const struct setting_intake *in, struct span path, struct error *err)
{
    struct buf whole AUTO_BUF = {0};
    if (path.len > 0 && path.data[0] != '/') {
        AUTO_FREE char *here = getcwd(NULL, 0);
        if (here == NULL)
            return error_set(err, ERR_SYSTEM, errno, "the current folder has no path");
        buf_printf(&whole, "%s/", here);
    }
    buf_append_span(&whole, path);
    while (whole.len > 1 && whole.data[whole.len - 1] == '/')
        whole.len--;
    if (buf_check(&whole, err) != 0)
        return -1;
    return put_string(in, buf_span(&whole), err);
}

static int take_path(const struct setting_intake *in, struct span path, bool may_be_relative,
                     struct error *err)
{
    bool is_good =
        path.len == 0 ? in->setting->kind == SETTING_OPTIONAL_PATH : may_be_relative || path.data[0] == '/';
    if (!is_good || path.len > SETTING_PATH_MAX || !is_one_line(path))
        return complain_value(in, path, err);
    return put_path(in, path, err);
}

static int take_url(const struct setting_intake *in, struct span text, struct error *err)
{
    struct mqtt_url url;
    AUTO_FREE char *copy = strndup(text.data, text.len);
    if (copy == NULL)
        return error_memory(err);
    if (span_is(text, "off"))
        return put_string(in, text, err);
    if (mqtt_url_parse(copy, &url, err) == 0) {
        mqtt_url_fini(&url);
        return put_string(in, text, err);
    }
    if (!error_is(err, CODE_SETTINGS))
        return -1;
    findings_add(in->findings, FINDING_ERROR, CODE_SETTINGS, in->file, in->pos, "%s: %s, or off", in->name,
                 err->message);
    return findings_check(in->findings, err);
}

static int take_string(const struct setting_intake *in, struct span text, struct error *err)
{
    bool is_good = true;
    if (in->setting->kind == SETTING_URL)
        return take_url(in, text, err);
    if (in->setting->kind == SETTING_TEXT && (text.len > SETTING_TEXT_MAX || !is_one_line(text)))
        return complain(in, "what is there", err);
    if (in->setting->kind == SETTING_NAME)
        is_good = layout_name_is_good(text);
    else if (in->setting->kind == SETTING_PREFIX)
        is_good = topic_prefix_is_good(text);
    else if (in->setting->kind == SETTING_BRANCH)
        is_good = branch_is_good(text);
    if (!is_good)
        return complain_value(in, text, err);
    return put_string(in, text, err);
}

/* --- numbers, choices, lists -------------------------------------------------------------------------- */

static int take_integer(const struct setting_intake *in, int64_t value, struct error *err)
{
    char found[NUM_TEXT_MAX];
    if (value >= in->setting->min && value <= in->setting->max) {
        *setting_integer(in->setting, in->settings) = (int)value;
        return 0;
    }
    snprintf(found, sizeof found, "%" PRId64, value);
    return complain(in, found, err);
}

static int take_choice(const struct setting_intake *in, struct span text, struct error *err)
{
    for (unsigned i = 0; in->setting->choices[i] != NULL; i++)
        if (span_is(text, in->setting->choices[i])) {
            *setting_choice(in->setting, in->settings) = i;
            return 0;
        }
    return complain_value(in, text, err);
}

/* (uid_t)-1 is "no user" to every system call, and so none to us. */
static bool uid_is_good(int64_t uid)
{
    return uid >= 0 && uid < UINT32_MAX;
}

static int put_uids(struct settings *settings, const uid_t *uids, size_t len, struct error *err)
{
    uid_t *copy = calloc(len + 1, sizeof *copy);
    if (copy == NULL)
        return error_memory(err);
    memcpy(copy, uids, len * sizeof *copy);
    free(settings->repository.trusted_uids);
    settings->repository.trusted_uids = copy;
    settings->repository.trusted_len = len;
    return 0;
}

static int take_uid_text(const struct setting_intake *in, struct span text, struct error *err)
{
    uid_t uids[SETTING_UIDS_MAX];
    size_t len = 0, start = 0;
    for (size_t i = 0; i <= text.len && text.len > 0; i++) {
        uint64_t uid;
        if (i < text.len && text.data[i] != ',')
            continue;
        bool is_number = num_parse_u64((struct span){text.data + start, i - start}, &uid);
        if (!is_number || uid > INT64_MAX || !uid_is_good((int64_t)uid) || len == SETTING_UIDS_MAX)
            return complain_value(in, text, err);
        uids[len++] = (uid_t)uid;
        start = i + 1;
    }
    return put_uids(in->settings, uids, len, err);
}

static int take_uid_list(const struct setting_intake *in, const struct doc_node *node, struct error *err)
{
    uid_t uids[SETTING_UIDS_MAX];
    size_t len = node->u.array.len;
    if (len > SETTING_UIDS_MAX)
        return complain(in, "more of them", err);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *item = node->u.array.items[i];
        struct setting_intake at = *in;
        at.pos = item->pos;
        if (item->kind != DOC_INT)
            return complain(&at, doc_kind_name(item->kind), err);
        if (!uid_is_good(item->u.integer))
            return complain(&at, "a number that is no user id", err);
        uids[i] = (uid_t)item->u.integer;
    }
    return put_uids(in->settings, uids, len, err);
}

/* --- by source ---------------------------------------------------------------------------------------- */

int setting_take_text(const struct setting_intake *in, struct span text, struct error *err)
{
    uint64_t number;
    switch (in->setting->kind) {
    case SETTING_PATH:
    case SETTING_OPTIONAL_PATH:
        return take_path(in, text, true, err);
    case SETTING_INTEGER:
        if (!num_parse_u64(text, &number) || number > INT64_MAX)
            return complain_value(in, text, err);
        return take_integer(in, (int64_t)number, err);
    case SETTING_CHOICE:
        return take_choice(in, text, err);
    case SETTING_UIDS:
        return take_uid_text(in, text, err);
    case SETTING_TEXT:
    case SETTING_URL:
    case SETTING_NAME:
    case SETTING_PREFIX:
    case SETTING_BRANCH:
        break;
    }
    return take_string(in, text, err);
}

static enum doc_kind kind_in_file(enum setting_kind kind)
{
    if (kind == SETTING_INTEGER)
        return DOC_INT;
    return kind == SETTING_UIDS ? DOC_ARRAY : DOC_STRING;
}

/* What YAML took for something else than a string. */
static int complain_kind(const struct setting_intake *in, enum doc_kind wanted, enum doc_kind found,
                         struct error *err)
{
    char clause[64];
    bool wants_quotes =
        wanted == DOC_STRING && (found == DOC_BOOL || found == DOC_INT || found == DOC_DOUBLE);
    snprintf(clause, sizeof clause, "%s%s", doc_kind_name(found), wants_quotes ? " (quote it)" : "");
    return complain(in, clause, err);
}

int setting_take_node(const struct setting_intake *in, const struct doc_node *node, struct error *err)
{
    enum doc_kind wanted = kind_in_file(in->setting->kind);
    if (node->kind != wanted)
        return complain_kind(in, wanted, node->kind, err);
    if (wanted == DOC_INT)
        return take_integer(in, node->u.integer, err);
    if (wanted == DOC_ARRAY)
        return take_uid_list(in, node, err);
    if (in->setting->kind == SETTING_PATH || in->setting->kind == SETTING_OPTIONAL_PATH)
        return take_path(in, node->u.string, false, err);
    return setting_take_text(in, node->u.string, err);
}
