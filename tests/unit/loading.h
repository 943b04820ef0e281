/*
 * loading: settings for one test: a file, an environment, and what came of them.
 */
#ifndef TESTS_UNIT_LOADING_H
#define TESTS_UNIT_LOADING_H

#include <string.h>
#include <sys/stat.h>

#include "config/settings.h"
#include "model/codes.h"
#include "temp_folder.h"

enum { VARIABLES_MAX = 8 };

struct load {
    char path[300];
    const char *variables[VARIABLES_MAX + 1];
    struct settings settings;
    struct findings findings;
    struct error err;
    int rc;
};

static inline void load_end(struct load *load)
{
    settings_fini(&load->settings);
    findings_fini(&load->findings);
}

static inline void write_file_at(const char *path, const void *text, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Loads `text` (NULL: no file at all) with the variables given, ended by NULL. */
#define LOAD(folder, load, text, ...)                                                                        \
    load_begin((folder), (load), (text), (const char *const[]){__VA_ARGS__, NULL})

static inline void load_begin(const struct temp_folder *folder, struct load *load, const char *text,
                              const char *const *variables)
{
    *load = (struct load){0};
    snprintf(load->path, sizeof load->path, "%s/epochd.yaml", folder->path);
    for (size_t i = 0; variables[i] != NULL && i < VARIABLES_MAX; i++)
        load->variables[i] = variables[i];
    if (text != NULL)
        write_file_at(load->path, text, strlen(text), 0644);
    char *environment[VARIABLES_MAX + 1] = {NULL};
    for (size_t i = 0; load->variables[i] != NULL; i++)
        assert_non_null(environment[i] = strdup(load->variables[i]));
    load->rc = settings_load(text == NULL ? "/dev/null" : load->path, environment, &load->settings,
                             &load->findings, &load->err);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
}

static inline void load_expect_good(const struct load *load)
{
    if (load->rc != 0)
        fail_msg("%s", load->err.message);
    for (size_t i = 0; i < load->findings.len; i++)
        print_message("%s: %s\n", load->findings.items[i].file, load->findings.items[i].message);
    assert_int_equal(load->findings.len, 0);
}

/* The one finding there is: its place and what its message is. */
static inline void load_expect_one(const struct load *load, const char *file, uint32_t line, uint32_t column,
                                   const char *message)
{
    assert_int_equal(load->rc, 0);
    if (load->findings.len != 1)
        fail_msg("%zu findings where there should be: %s", load->findings.len, message);
    const struct finding *finding = &load->findings.items[0];
    assert_string_equal(finding->message, message);
    assert_string_equal(finding->file, file);
    assert_string_equal(finding->code, CODE_SETTINGS);
    assert_int_equal(finding->pos.line, line);
    assert_int_equal(finding->pos.column, column);
    assert_null(finding->severity == FINDING_ERROR ? load->settings.state : NULL);
}

/* A file, loaded with nothing else, that is wrong in one place. */
static inline void expect_wrong(const struct temp_folder *folder, const char *text, uint32_t line,
                                uint32_t column, const char *message)
{
    struct load load;
    LOAD(folder, &load, text, NULL);
    load_expect_one(&load, load.path, line, column, message);
    assert_int_equal(load.findings.errors, 1);
    load_end(&load);
}

/* A variable, loaded with nothing else, that is wrong. */
static inline void expect_wrong_variable(const struct temp_folder *folder, const char *variable,
                                         const char *message)
{
    struct load load;
    LOAD(folder, &load, NULL, variable);
    load_expect_one(&load, "environment", 0, 0, message);
    assert_int_equal(load.findings.errors, 1);
    load_end(&load);
}

static inline void expect_good(const struct temp_folder *folder, const char *text, const char *variable)
{
    struct load load;
    LOAD(folder, &load, text, variable);
    load_expect_good(&load);
    load_end(&load);
}

#endif
