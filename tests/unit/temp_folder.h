/*
 * temp_folder: a folder for one test, under $TMPDIR or /tmp, removed with all that is in it.
 */
#ifndef TEST_TEMP_FOLDER_H
#define TEST_TEMP_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct temp_folder {
    char path[256];
    int fd;
};

static inline int temp_folder_remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* As set-up and teardown of a cmocka test: *state is the struct temp_folder. */
static inline int temp_folder_make(void **state)
{
    static struct temp_folder folder;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder.path, sizeof folder.path, "%s/epochd-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder.path) == NULL)
        return -1;
    folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &folder;
    return folder.fd < 0 ? -1 : 0;
}

static inline int temp_folder_drop(void **state)
{
    struct temp_folder *folder = *state;
    close(folder->fd);
    return nftw(folder->path, temp_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
