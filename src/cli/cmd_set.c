/*
 * set, unset: values of a service changed from the command line. Only their bytes in the file change (config/edit.h);
 * all the changes of one call are one commit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/hidden.h"
#include "cli/known.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "config/edit.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/num.h"

#define AUTO_ARENA CLEANUP(arena_fini)

enum { CHANGES_MAX = 64 };

enum { OPT_EXPECT, OPT_PROFILE, OPT_WRITING, OPT_STRING = OPT_WRITING + WRITING_OPTIONS_LEN, OPT_JSON_VALUE };

/* One change, and what it is made of. */
struct assignment {
    struct doc value;
    struct buf input; /* a value from standard input */
};

struct set {
    const char *service;
    const char *profile; /* whose patch is changed; NULL: the service's file is */
    bool is_removal;
    enum edit_form form;
    struct arena arena;
    struct splice_change changes[CHANGES_MAX];
    struct assignment assignments[CHANGES_MAX];
    size_t len;
    bool has_read_input;
    struct outcome *outcome;
};

static void set_fini(struct set *set)
{
    for (size_t i = 0; i < CHANGES_MAX; i++) {
        doc_fini(&set->assignments[i].value);
        buf_fini(&set->assignments[i].input);
    }
    arena_fini(&set->arena);
}

/* --- what was typed ------------------------------------------------------------------------------------- */

static int read_input(struct set *set, struct buf *out, struct error *err)
{
    char part[4096];
    size_t len;
    if (set->has_read_input)
        return error_set(err, CODE_USAGE, 0, "only one value can come from standard input");
    set->has_read_input = true;
    while ((len = fread(part, 1, sizeof part, stdin)) > 0) {
        buf_append(out, part, len);
        if (out->len > YAML_FILE_MAX)
            return error_set(err, CODE_USAGE, 0, "standard input has more than %d bytes", YAML_FILE_MAX);
    }
    if (ferror(stdin))
        return error_set(err, ERR_SYSTEM, errno, "cannot read standard input");
    if (out->len > 0 && out->data[out->len - 1] == '\n')
        buf_truncate(out, out->len - 1); /* as $(…) does: the last line's end is not meant */
    return buf_check(out, err);
}

static int add_value(struct set *set, struct splice_change *change, struct span text, struct error *err)
{
    struct assignment *assignment = &set->assignments[set->len];
    enum edit_form form = set->form;
    const char *note;
    if (span_is(text, "-")) {
        if (read_input(set, &assignment->input, err) != 0)
            return -1;
        text = buf_span(&assignment->input);
        form = form == EDIT_YAML ? EDIT_TEXT : form; /* what is long enough for a file is words */
    }
    if (edit_value(text, form, &assignment->value, &change->typed, &note, err) != 0)
        return -1;
    change->value = assignment->value.root;
    if (note != NULL)
        fprintf(stderr, "epochctl: note: %s\n", note);
    return 0;
}

static int add(struct set *set, struct span path, const struct span *value, struct error *err)
{
    if (set->len == CHANGES_MAX)
        return error_set(err, CODE_USAGE, 0, "more than %d changes at once; epochctl edit does any number", CHANGES_MAX);
    struct splice_change *change = &set->changes[set->len];
    if (pointer_parse(path, &set->arena, &change->path, err) != 0)
        return -1;
    if (change->path.len == 0)
        return error_set(err, CODE_USAGE, 0, "the path is empty: /name or name, and =VALUE behind it");
    if (value != NULL && add_value(set, change, *value, err) != 0)
        return error_wrap(err, "%.*s", path.len < 80 ? (int)path.len : 80, path.data);
    set->len++;
    return 0;
}

/* The '=' that ends the path: in names with dots one behind a \ is part of a name. */
static const char *find_equals(const char *text)
{
    bool is_pointer = text[0] == '/';
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\' && !is_pointer && at[1] != '\0')
            at++;
        else if (*at == '=')
            return at;
    }
    return NULL;
}

static int add_assignment(struct set *set, const char *text, struct error *err)
{
    const char *equals = find_equals(text);
    if (equals == NULL)
        return error_set(err, CODE_USAGE, 0, "'%.80s' has no =VALUE", text);
    struct span value = span_of(equals + 1);
    return add(set, (struct span){text, (size_t)(equals - text)}, &value, err);
}

/* PATH=VALUE…, or PATH VALUE as git config has it. */
static int add_operands(struct set *set, const struct cli_args *args, struct error *err)
{
    if (!set->is_removal && args->operands_len == 3 && find_equals(args->operands[1]) == NULL) {
        struct span value = span_of(args->operands[2]);
        return add(set, span_of(args->operands[1]), &value, err);
    }
    for (size_t i = 1; i < args->operands_len; i++) {
        int rc = set->is_removal ? add(set, span_of(args->operands[i]), NULL, err)
                                 : add_assignment(set, args->operands[i], err);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* --- what comes of it ----------------------------------------------------------------------------------- */

/* "stt-worker: set /a, /b": what changed, never to what. */
static int describe(const struct set *set, struct buf *out, struct error *err)
{
    enum { NAMED_MAX = 3 };
    buf_printf(out, "%s: %s ", set->service, set->is_removal ? "unset" : "set");
    for (size_t i = 0; i < set->len && i < NAMED_MAX; i++) {
        buf_puts(out, i == 0 ? "" : ", ");
        pointer_put(&set->changes[i].path, set->changes[i].path.len, out);
    }
    if (set->len > NAMED_MAX)
        buf_printf(out, " and %zu more", set->len - NAMED_MAX);
    if (set->profile != NULL)
        buf_printf(out, " in the profile %s", set->profile);
    buf_putc(out, '\0');
    return buf_check(out, err);
}

/* A value of another kind is seldom meant: the reader of a string gets a number. */
static int look_at_kinds(const struct set *set, struct span text, const char *path, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    if (edit_read(text, path, &doc, err) != 0)
        return -1;
    for (size_t i = 0; i < set->len; i++) {
        const struct splice_change *change = &set->changes[i];
        const struct doc_node *before = pointer_find(doc.root, &change->path, NULL);
        struct buf way AUTO_BUF = {0};
        pointer_put(&change->path, change->path.len, &way);
        if (set->is_removal && before == NULL)
            return error_set(err, CODE_USAGE, 0, "there is nothing at %.*s", (int)way.len, way.data);
        if (!set->is_removal && before != NULL && before->kind == DOC_STRING &&
            (change->value->kind == DOC_INT || change->value->kind == DOC_DOUBLE || change->value->kind == DOC_BOOL))
            fprintf(stderr, "epochctl: note: %.*s was a string and becomes %s; --string keeps it one\n", (int)way.len,
                    way.data, doc_kind_name(change->value->kind));
    }
    return 0;
}

/* A profile without a patch for the service gets one. */
static int read_target(struct writing *w, const struct set *set, const char *path, struct buf *out, uint32_t *mode,
                       struct error *err)
{
    if (set->profile == NULL || listing_find_path(w->listing, path) != NULL)
        return writing_read(w, path, out, mode, err);
    *mode = LAYOUT_MODE_FILE;
    buf_puts(out, "{}\n");
    return buf_check(out, err);
}

static int write_changes(struct writing *w, const struct set *set, const char *path,
                         const struct writing_options *options, struct error *err, int *rc)
{
    struct buf text AUTO_BUF = {0}, changed AUTO_BUF = {0}, what AUTO_BUF = {0};
    struct repo_change change = {.path = path};
    bool is_changed;
    if (read_target(w, set, path, &text, &change.mode, err) != 0 ||
        look_at_kinds(set, buf_span(&text), path, err) != 0 ||
        edit_text(buf_span(&text), path, set->changes, set->len, &changed, &is_changed, err) != 0 ||
        describe(set, &what, err) != 0)
        return -1;
    change.text = buf_span(&changed);
    if (set->profile == NULL)
        hidden_say(w, set->service, set->changes, set->len);
    if (is_changed && !span_equal(buf_span(&text), change.text)) { /* one change may take back another */
        *rc = writing_commit(w, &change, 1, what.data, options, set->outcome);
    } else {
        outcome_say(set->outcome, "unchanged", "it is so already; nothing was written");
        *rc = CLI_OK;
    }
    return 0;
}

/* *path, the service's file, becomes that of its patch. */
static int use_patch(const struct writing *w, const struct set *set, char **path, struct error *err)
{
    if (known_check_profile(w->listing, set->profile, err) != 0)
        return -1;
    free(*path);
    if (asprintf(path, "profiles/%s/%s.yaml", set->profile, set->service) >= 0)
        return 0;
    *path = NULL;
    return error_memory(err);
}

static int execute(const struct cli *cli, const struct cli_args *args, struct set *set, int *rc, struct error *err)
{
    struct writing w AUTO_WRITING = {0};
    const struct writing_options options = writing_options_of(args, OPT_WRITING);
    const char *expect = args->options[OPT_EXPECT];
    AUTO_FREE char *path = NULL;
    uint64_t version = 0;
    if (expect != NULL && !num_parse_u64(span_of(expect), &version))
        return error_set(err, CODE_USAGE, 0, "--expect is a version, not '%.40s'", expect);
    if (add_operands(set, args, err) != 0 || writing_open(cli, &w, err) != 0 ||
        writing_need(&w, set->service, !set->is_removal, &path, err) != 0)
        return -1;
    if (expect != NULL && version_expect(&w, set->service, path, version, err) != 0)
        return -1;
    if (set->profile != NULL && use_patch(&w, set, &path, err) != 0)
        return -1;
    return write_changes(&w, set, path, &options, err, rc);
}

static int run(const struct cli *cli, const struct cli_args *args, bool is_removal)
{
    struct outcome outcome AUTO_OUTCOME = {.is_json = cli_given(args, OPT_WRITING + WRITING_JSON)};
    struct set *set = calloc(1, sizeof *set);
    struct error err;
    int rc = CLI_FAILED;
    if (set == NULL) {
        error_memory(&err);
        return cli_fail(&err);
    }
    set->service = args->operands[0];
    set->profile = args->options[OPT_PROFILE];
    set->is_removal = is_removal;
    set->outcome = &outcome;
    if (!is_removal && (cli_given(args, OPT_STRING) || cli_given(args, OPT_JSON_VALUE)))
        set->form = cli_given(args, OPT_JSON_VALUE) ? EDIT_JSON : EDIT_TEXT;
    if (execute(cli, args, set, &rc, &err) != 0)
        rc = writing_fail(&err, set->service, &outcome);
    set_fini(set);
    free(set);
    return outcome_end(&outcome, rc);
}

static int run_set(const struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, false);
}

static int run_unset(const struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, true);
}

#define PROFILE_HELP "in what that profile lays over the service (*null* there takes a value away), not in its file"

const struct cli_verb verb_set = {
    .name = "set",
    .summary = "change values of a service: one commit",
    .help = "Each change is _PATH_=_VALUE_ (or one as _PATH_ _VALUE_): /audio/rate=16000 or audio.rate=16000.\n"
            "Only the bytes of the value change; comments and layout stay, and a new name becomes a line at\n"
            "the end of its mapping, or the last in its {…}. A _VALUE_ is one plain value of YAML 1.2 (0.6,\n"
            "true, null, some words), unless it begins with { [ \" or '; a single - reads text from standard\n"
            "input. What cannot be done without touching something else is refused. Of a value that the\n"
            "active profile lays another one over it says where.\n"
            "\n"
            "The commit is judged first and its plan printed. In a work tree git makes it, of that file\n"
            "alone, with its hooks; a file with edits of your own is refused. As root it is made as the\n"
            "repository's owner would. Then it says what became of it, for as long as *git config\n"
            "epochd.wait* tells it to wait (seconds, default 2).\n",
    .exit = "0: committed; 1: refused (findings, a version that is not expected, edits that are not committed), or committed "
            "and not served, because epochd is in a hold or refuses it, which the last line says.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}, {.name = "PATH=VALUE", .kind = CLI_KEY, .is_repeated = true}},
    .options = {[OPT_EXPECT] = {.name = "expect", .argument = "VERSION", .help = VERSION_EXPECT_HELP},
                [OPT_PROFILE] = {.name = "profile", .argument = "NAME", .kind = CLI_PROFILE, .help = PROFILE_HELP},
                WRITING_OPTIONS(OPT_WRITING),
                [OPT_STRING] = {.name = "string", .help = "values are text as it is"},
                [OPT_JSON_VALUE] = {.name = "json-value", .is_alternative = true, .help = "values are JSON"}},
    .run = run_set,
};

const struct cli_verb verb_unset = {
    .name = "unset",
    .summary = "remove values of a service: one commit",
    .help = "Removes each _PATH_ with its lines and the comment on them; a comment above stays. Everything\n"
            "else is as with *set*.\n",
    .exit = "as of *set*.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE}, {.name = "PATH", .kind = CLI_KEY, .is_repeated = true}},
    .options = {[OPT_EXPECT] = {.name = "expect", .argument = "VERSION", .help = VERSION_EXPECT_HELP},
                [OPT_PROFILE] = {.name = "profile", .argument = "NAME", .kind = CLI_PROFILE, .help = PROFILE_HELP},
                WRITING_OPTIONS(OPT_WRITING)},
    .run = run_unset,
};
