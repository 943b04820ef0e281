/*
 * add: a new service, empty or taken over from a file of another program. Keys stay as they are; whoever reads them there
 * finds them here.
 */
#include <fcntl.h>
#include <string.h>

#include "cli/verbs.h"
#include "cli/writing.h"
#include "config/environment.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/dotenv.h"
#include "model/json.h"
#include "model/spell.h"
#include "model/toml.h"
#include "util/fs.h"

enum { OPT_FROM, OPT_FOLDER, OPT_WRITING };

static int read_json(struct span text, const char *file, struct doc *doc, struct error *err)
{
    const struct json_options options = {.file = file, .limits = doc_limits_config};
    if (json_read(text, &options, doc, err) == 0)
        return 0;
    if (error_is(err, CODE_MESSAGE_FORM))
        err->code = CODE_IMPORT; /* it is no message */
    return -1;
}

static const struct format {
    const char *ending;
    int (*read)(struct span text, const char *file, struct doc *doc, struct error *err); /* NULL: taken as it is */
} formats[] = {{".env", dotenv_read}, {".json", read_json}, {".toml", toml_read}, {".yaml", NULL}, {".yml", NULL}};

static const struct format *find_format(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        size_t ending = strlen(formats[i].ending);
        if (len >= ending && strcmp(path + len - ending, formats[i].ending) == 0)
            return &formats[i];
    }
    return NULL;
}

/* Whatever can be read, a pipe too. */
static int read_file(const char *path, struct buf *out, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", path);
    do {
        char *room = buf_reserve(out, 65536);
        if (room == NULL)
            return error_memory(err);
        n = read(fd, room, 65536);
        if (n > 0)
            out->len += (size_t)n;
        if (out->len > YAML_FILE_MAX)
            return error_set(err, CODE_LIMIT_FILE, 0, "'%s' has more than %d bytes", path, YAML_FILE_MAX);
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? error_set(err, ERR_SYSTEM, errno, "cannot read '%s'", path) : 0;
}

static int convert(const struct format *format, const char *path, const struct buf *file, struct buf *out,
                   struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    if (format->read == NULL) {
        buf_append_span(out, buf_span(file));
        return buf_check(out, err);
    }
    if (file->len >= 3 && memcmp(file->data, "\xef\xbb\xbf", 3) == 0)
        return error_at(err, CODE_IMPORT, path, 1, 1, "a byte order mark; save the file as UTF-8 without one");
    if (format->read(buf_span(file), path, &doc, err) != 0)
        return -1;
    if (doc.root->kind != DOC_OBJECT)
        return error_set(err, CODE_IMPORT, 0, "'%s' is %s, and a service is an object", path,
                         doc_kind_name(doc.root->kind));
    buf_printf(out, "# From %s.\n", name);
    return spell_document(doc.root, out, err);
}

/* The line that an editor finds the schema by, where the service will have one: "../../schemas/audio.yaml". */
static int put_modeline(const struct writing *w, const char *service, const char *path, struct buf *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    struct service_rules rules;
    if (source_from_commit(w->repo, &w->tip, NULL, &source, err) != 0 ||
        environment_load(&source, NULL, &environment, &findings, err) != 0)
        return -1;
    environment_find(environment, service, &rules, NULL);
    if (rules.schema == NULL)
        return 0;
    buf_puts(out, "# yaml-language-server: $schema=");
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
        buf_puts(out, "../");
    buf_printf(out, "%s\n", rules.schema->path);
    return buf_check(out, err);
}

static int make_text(const char *from, struct buf *out, struct error *err)
{
    struct buf file AUTO_BUF = {0};
    if (from == NULL) {
        buf_puts(out, "{}\n");
        return buf_check(out, err);
    }
    const struct format *format = find_format(from);
    if (format == NULL)
        return error_set(err, CODE_USAGE, 0, "'%s' ends in none of .env, .json, .toml and .yaml", from);
    return read_file(from, &file, err) != 0 ? -1 : convert(format, from, &file, out, err);
}

/* SERVICE is a name, or a path below services/ with the name last, as mv takes it. */
static int choose_place(struct writing *w, const char *target, const char *folder, const char **name, char **out,
                        struct error *err)
{
    AUTO_FREE char *there = NULL;
    const char *slash = strrchr(target, '/');
    bool found;
    *name = slash == NULL ? target : slash + 1;
    if (slash != NULL && folder != NULL)
        return error_set(err, CODE_USAGE, 0, "'%.80s' names a folder, and so does --folder", target);
    if (writing_find(w, *name, &found, &there, err) != 0)
        return -1;
    if (found)
        return error_set(err, CODE_USAGE, 0, "there is a service '%s' already: %s", *name, there);
    return writing_place(folder, target, out, err);
}

static int execute(const struct cli *cli, const struct cli_args *args, struct outcome *outcome, int *rc,
                   struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    struct buf values AUTO_BUF = {0}, text AUTO_BUF = {0};
    AUTO_FREE char *path = NULL;
    const char *name, *from = args->options[OPT_FROM];
    char what[LAYOUT_NAME_MAX + 16];
    /* As whoever asks, before we act as somebody else. */
    if (make_text(from, &values, err) != 0 || writing_open(cli, &w, err) != 0 ||
        choose_place(&w, args->operands[0], args->options[OPT_FOLDER], &name, &path, err) != 0)
        return -1;
    bool is_as_it_is = from != NULL && find_format(from)->read == NULL;
    if (!is_as_it_is && put_modeline(&w, name, path, &text, err) != 0)
        return -1;
    buf_append_span(&text, buf_span(&values));
    if (buf_check(&text, err) != 0)
        return -1;
    const struct repo_change change = {.path = path, .text = buf_span(&text)};
    struct writing_options options = writing_options_of(args, OPT_WRITING);
    options.made = path;
    snprintf(what, sizeof what, "%s: add", name);
    *rc = writing_commit(&w, &change, 1, what, &options, outcome);
    return 0;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    return writing_run(cli, args, OPT_WRITING, execute);
}

const struct cli_verb verb_add = {
    .name = "add",
    .summary = "a new service, empty or from a file: one commit",
    .help = "_SERVICE_ is a name, or a path below services/ with the name last: audio/ears.\n"
            "Without *--from* it has no values yet; *set* and *edit* give it some. A file is read by its\n"
            "ending: .env (numbers and booleans without quotes become such, everything else is a string; $X\n"
            "stays $X), .json, .toml (dates and times are refused: JSON has no value for them), .yaml (taken\n"
            "as it is). Keys and their order stay; comments of the other formats do not come along. Where the\n"
            "service has a schema the first line names it, for editors.\n",
    .exit = "as of *set*.",
    .operands = {{.name = "SERVICE", .kind = CLI_ANY}},
    .options = {[OPT_FROM] = {.name = "from", .argument = "FILE", .kind = CLI_FILE, .help = "take its values over"},
                [OPT_FOLDER] = {.name = "folder", .argument = "FOLDER", .help = "below services/, for order"},
                WRITING_OPTIONS(OPT_WRITING)},
    .run = run,
};
