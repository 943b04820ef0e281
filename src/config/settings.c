/*
 * settings: see settings.h. Defaults, then the file, then the environment; each value is looked at as soon as
 * it is read, what must fit together at the end.
 */
#include "config/settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "config/settings_priv.h"
#include "io/crypto.h"
#include "io/mqtt.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/nearest.h"
#include "util/fs.h"
#include "util/utf8.h"

#define PREFIX "EPOCHD_"
#define RUNTIME_VARIABLE "RUNTIME_DIRECTORY"
#define NO_FILE "/dev/null"
#define PASSWORD_CREDENTIAL "mqtt-password"

enum { FILE_DEPTH_MAX = 8, FILE_NODES_MAX = 1000, KEY_MAX = 128 };

struct loader {
    struct settings settings;
    struct setting_intake last[SETTINGS_COUNT]; /* where each value comes from */
    struct findings *findings;
    const char *file; /* as it was named */
};

void settings_fini(struct settings *settings)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        if (setting->kind != SETTING_INTEGER && setting->kind != SETTING_CHOICE &&
            setting->kind != SETTING_UIDS)
            free(*setting_string(setting, settings));
    }
    free(settings->repository.trusted_uids);
    *settings = (struct settings){0};
}

static void loader_fini(struct loader *loader)
{
    settings_fini(&loader->settings);
}

static struct setting_intake *intake(struct loader *loader, size_t index, const char *file,
                                     struct doc_pos pos, const char *name)
{
    loader->last[index] = (struct setting_intake){.setting = &settings_table[index],
                                                  .file = file,
                                                  .pos = pos,
                                                  .name = name,
                                                  .settings = &loader->settings,
                                                  .findings = loader->findings};
    return &loader->last[index];
}

/* NULL if `name` is not in the list. */
static const char *find_variable(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment[i] != NULL; i++)
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=')
            return environment[i] + len + 1;
    return NULL;
}

/* --- defaults ----------------------------------------------------------------------------------------- */

/* systemd names all folders of a unit, with ':' between them. NULL: none. */
static const char *runtime_folder(char *const *environment)
{
    const char *folders = find_variable(environment, RUNTIME_VARIABLE);
    return folders != NULL && folders[0] == '/' ? folders : NULL;
}

static int take_defaults(struct loader *loader, char *const *environment, struct error *err)
{
    const char *run = runtime_folder(environment);
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        struct setting_intake *in = intake(loader, i, NULL, (struct doc_pos){0}, setting->key);
        struct span text = span_of(setting->fallback);
        if (run != NULL && strcmp(setting->key, "run") == 0) {
            in = intake(loader, i, SETTINGS_ENVIRONMENT, (struct doc_pos){0}, RUNTIME_VARIABLE);
            text = (struct span){run, strcspn(run, ":")};
        }
        if (setting_take_text(in, text, err) != 0)
            return -1;
    }
    return 0;
}

/* --- the file ----------------------------------------------------------------------------------------- */

static bool is_section(const char *name)
{
    for (size_t i = 0; settings_sections[i] != NULL; i++)
        if (strcmp(settings_sections[i], name) == 0)
            return true;
    return false;
}

static int refuse_unknown(struct loader *loader, struct doc_pos pos, const char *key, struct error *err)
{
    struct nearest nearest = {.text = span_of(key)};
    char hint[NEAREST_HINT_MAX];
    for (size_t i = 0; i < settings_table_len; i++)
        nearest_try(&nearest, settings_table[i].key);
    for (size_t i = 0; settings_sections[i] != NULL; i++)
        nearest_try(&nearest, settings_sections[i]);
    /* What stands where a key should may be anything, a URL with its password too: only what looks like a key is repeated. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ";
    bool is_word = strspn(key, plain) == strlen(key) && strlen(key) < KEY_MAX;
    findings_add(loader->findings, FINDING_ERROR, CODE_SETTINGS, loader->file, pos,
                 "there is no setting '%s'%s", is_word ? key : "…", nearest_hint(&nearest, hint));
    return findings_check(loader->findings, err);
}

static int take_member(struct loader *loader, const struct doc_member *member, const char *key,
                       struct error *err)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        if (strcmp(setting->key, key) == 0)
            return setting_take_node(intake(loader, i, loader->file, member->value->pos, setting->key),
                                     member->value, err);
    }
    return refuse_unknown(loader, member->pos, key, err);
}

static int take_section(struct loader *loader, const struct doc_member *section, const char *name,
                        struct error *err)
{
    char key[KEY_MAX];
    if (section->value->kind == DOC_NULL) /* every line of it is a comment */
        return 0;
    if (section->value->kind != DOC_OBJECT) {
        findings_add(loader->findings, FINDING_ERROR, CODE_SETTINGS, loader->file, section->value->pos,
                     "%s is a section with settings in it, not %s", name,
                     doc_kind_name(section->value->kind));
        return findings_check(loader->findings, err);
    }
    for (size_t i = 0; i < section->value->u.object.len; i++) {
        const struct doc_member *member = &section->value->u.object.members[i];
        snprintf(key, sizeof key, "%s.%.*s", name, (int)member->name.len, member->name.data);
        if (take_member(loader, member, key, err) != 0)
            return -1;
    }
    return 0;
}

static int take_tree(struct loader *loader, const struct doc_node *root, struct error *err)
{
    for (size_t i = 0; i < root->u.object.len; i++) {
        const struct doc_member *member = &root->u.object.members[i];
        const char *name = member->name.data;
        int rc = 0;
        if (strchr(name, '.') != NULL)
            findings_add(loader->findings, FINDING_ERROR, CODE_SETTINGS, loader->file, member->pos,
                         "'%s': a setting of a section is a line in it, without a dot", name);
        else if (is_section(name))
            rc = take_section(loader, member, name, err);
        else
            rc = take_member(loader, member, name, err);
        if (rc != 0)
            return -1;
    }
    return findings_check(loader->findings, err);
}

/* Nothing but comments is fine here, and every value has a type that is checked: what YAML 1.1 would read is
 * no matter. */
static int pass_on(struct findings *of_yaml, struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < of_yaml->len; i++) {
        const struct finding *item = &of_yaml->items[i];
        if (item->severity == FINDING_ERROR && strcmp(item->code, CODE_YAML_EMPTY) != 0)
            findings_add(findings, FINDING_ERROR, item->code, item->file, item->pos, "%s", item->message);
    }
    return findings_check(findings, err);
}

static int take_text(struct loader *loader, struct span text, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct findings of_yaml AUTO_FINDINGS = {0};
    struct yaml_options options = {.file = loader->file,
                                   .limits = {.depth = FILE_DEPTH_MAX,
                                              .nodes = FILE_NODES_MAX,
                                              .size = SETTINGS_SIZE_MAX}};
    if (yaml_read(text, &options, &doc, &of_yaml, err) != 0 || findings_check(&of_yaml, err) != 0 ||
        pass_on(&of_yaml, loader->findings, err) != 0)
        return -1;
    return of_yaml.errors > 0 ? 0 : take_tree(loader, doc.root, err);
}

/*
 * Reads a file that may be reached through symbolic links, as mounted configuration is: they are followed
 * first, and the file at their end is then held to `trust`.
 */
static int read_file(const char *path, enum fs_trust trust, size_t max, struct buf *out, bool *is_missing,
                     struct error *err)
{
    AUTO_CLOSE int dir = -1;
    AUTO_FREE char *real = realpath(path, NULL);
    if (real == NULL && errno == ENOENT && is_missing != NULL) {
        *is_missing = true;
        return 0;
    }
    if (real == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", path);
    char *slash = strrchr(real, '/');
    *slash = '\0';
    if (fs_open_dir(real[0] == '\0' ? "/" : real, &dir, err) != 0)
        return -1;
    return fs_read(dir, slash + 1, trust, max, out, is_missing, err);
}

static void warn_of_writers(struct loader *loader)
{
    struct stat st;
    if (stat(loader->file, &st) == 0 && (st.st_mode & S_IWOTH) != 0)
        findings_add(loader->findings, FINDING_WARNING, CODE_SETTINGS, loader->file, (struct doc_pos){0},
                     "everybody may write this file, and so decide what is published: chmod o-w");
}

static int take_file(struct loader *loader, bool may_be_missing, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    bool is_missing = false;
    if (strcmp(loader->file, NO_FILE) == 0)
        return 0;
    if (read_file(loader->file, FS_ANY_OWNER, SETTINGS_SIZE_MAX, &text, may_be_missing ? &is_missing : NULL,
                  err) != 0)
        return error_wrap(err, "reading the settings");
    if (is_missing)
        return 0;
    warn_of_writers(loader);
    return take_text(loader, buf_span(&text), err);
}

/* --- the environment ---------------------------------------------------------------------------------- */

static void warn_of_unknown(struct loader *loader, const char *name)
{
    /* The first is ours, the other the build's. */
    struct nearest nearest = {.text = span_of(name)};
    char hint[NEAREST_HINT_MAX];
    if (strcmp(name, "EPOCHD_CONFIG") == 0 || strcmp(name, "EPOCHD_BUILD") == 0)
        return;
    for (size_t i = 0; i < settings_table_len; i++)
        nearest_try(&nearest, settings_table[i].variable);
    findings_add(loader->findings, FINDING_WARNING, CODE_SETTINGS, SETTINGS_ENVIRONMENT, (struct doc_pos){0},
                 "%s is no setting%s", name, nearest_hint(&nearest, hint));
}

static int take_variable(struct loader *loader, const char *name, const char *value, struct error *err)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const char *variable = settings_table[i].variable;
        if (strcmp(variable, name) == 0)
            return setting_take_text(intake(loader, i, SETTINGS_ENVIRONMENT, (struct doc_pos){0}, variable),
                                     span_of(value), err);
    }
    warn_of_unknown(loader, name);
    return findings_check(loader->findings, err);
}

static int take_environment(struct loader *loader, char *const *environment, struct error *err)
{
    char name[KEY_MAX];
    for (size_t i = 0; environment[i] != NULL; i++) {
        const char *equals = strchr(environment[i], '=');
        if (equals == NULL || strncmp(environment[i], PREFIX, strlen(PREFIX)) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(equals - environment[i]), environment[i]);
        if (take_variable(loader, name, equals + 1, err) != 0)
            return -1;
    }
    return 0;
}

/* --- what must fit together --------------------------------------------------------------------------- */

static const struct setting_intake *where(const struct loader *loader, const char *key)
{
    size_t i = 0;
    while (strcmp(settings_table[i].key, key) != 0)
        i++;
    return &loader->last[i];
}

/* Tells it at `key`, or at `other` where `key` is only a default; one of the two is none. */
static void tell(struct loader *loader, enum finding_severity severity, const char *key, const char *other,
                 const char *what)
{
    const struct setting_intake *at = where(loader, key);
    if (at->file == NULL)
        at = where(loader, other);
    findings_add(loader->findings, severity, CODE_SETTINGS, at->file, at->pos, "%s", what);
}

static void check_certificates(struct loader *loader)
{
    const struct settings *settings = &loader->settings;
    bool has_ca = settings->mqtt.ca_file[0] != '\0', has_cert = settings->mqtt.cert_file[0] != '\0';
    bool has_key = settings->mqtt.key_file[0] != '\0';
    bool is_tls = strncmp(settings->mqtt.url, "mqtts:", strlen("mqtts:")) == 0;
    const char *any = has_ca ? "mqtt.ca_file" : has_cert ? "mqtt.cert_file" : "mqtt.key_file";
    if (has_cert && !has_key)
        tell(loader, FINDING_ERROR, "mqtt.cert_file", "mqtt.key_file", "mqtt.cert_file needs mqtt.key_file");
    if (has_key && !has_cert)
        tell(loader, FINDING_ERROR, "mqtt.key_file", "mqtt.cert_file", "mqtt.key_file needs mqtt.cert_file");
    if ((has_ca || has_cert || has_key) && !is_tls)
        tell(loader, FINDING_WARNING, "mqtt.url", any,
             "certificates have no effect: mqtt.url is not mqtts://");
}

/* Only where every value is good by itself: a finding about one that is not would be a riddle. */
static void check_together(struct loader *loader)
{
    const struct settings *settings = &loader->settings;
    if (loader->findings->errors > 0)
        return;
    if (settings->mqtt.backoff_min_ms > settings->mqtt.backoff_max_ms)
        tell(loader, FINDING_ERROR, "mqtt.backoff_min_ms", "mqtt.backoff_max_ms",
             "mqtt.backoff_min_ms must not be larger than mqtt.backoff_max_ms");
    check_certificates(loader);
}

static int fill_in_keys(struct settings *settings, struct error *err)
{
    char *keys = NULL;
    if (settings->keys[0] != '\0')
        return 0;
    if (asprintf(&keys, "%s/keys", settings->state) < 0)
        return error_memory(err);
    free(settings->keys);
    settings->keys = keys;
    return 0;
}

int settings_load(const char *path, char *const *environment, struct settings *out, struct findings *findings,
                  struct error *err)
{
    struct loader loader CLEANUP(loader_fini) = {.findings = findings};
    const char *named = path != NULL ? path : find_variable(environment, "EPOCHD_CONFIG");
    bool is_named = named != NULL && named[0] != '\0';
    loader.file = is_named ? named : SETTINGS_FILE;
    if (take_defaults(&loader, environment, err) != 0 || take_file(&loader, !is_named, err) != 0 ||
        take_environment(&loader, environment, err) != 0 || fill_in_keys(&loader.settings, err) != 0)
        return -1;
    check_together(&loader);
    findings_sort(findings);
    if (findings_check(findings, err) != 0)
        return -1;
    if (findings->errors == 0) {
        *out = loader.settings;
        loader.settings = (struct settings){0};
    }
    return 0;
}

/* --- the password ------------------------------------------------------------------------------------- */

static int find_password(const struct settings *settings, struct buf *out, struct error *err)
{
    bool is_missing = false;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    AUTO_FREE char *path = NULL;
    if (settings->mqtt.password_file[0] != '\0')
        return read_file(settings->mqtt.password_file, FS_SECRET, SETTINGS_PASSWORD_MAX + 1, out, NULL, err);
    if (folder == NULL || folder[0] != '/')
        return 0;
    if (asprintf(&path, "%s/" PASSWORD_CREDENTIAL, folder) < 0)
        return error_memory(err);
    return read_file(path, FS_SECRET, SETTINGS_PASSWORD_MAX + 1, out, &is_missing, err);
}

int settings_read_password(const struct settings *settings, struct buf *out, struct error *err)
{
    if (buf_reserve(out, SETTINGS_PASSWORD_MAX + 3) == NULL) /* a newline, the byte that sees the end, a NUL */
        return error_memory(err);
    if (find_password(settings, out, err) != 0)
        return error_wrap(err, "reading the MQTT password");
    if (out->len > 0 && out->data[out->len - 1] == '\n')
        out->len--;
    if (out->len > SETTINGS_PASSWORD_MAX || memchr(out->data, '\0', out->len) != NULL) {
        crypto_wipe(out->data, out->len);
        buf_reset(out);
        return error_set(err, CODE_SETTINGS, 0, "the MQTT password is longer than %d bytes or holds a NUL",
                         SETTINGS_PASSWORD_MAX);
    }
    out->data[out->len] = '\0';
    return 0;
}
