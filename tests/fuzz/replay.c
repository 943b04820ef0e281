/*
 * replay: a main for any fuzz target, without a fuzzer. Gives it every file of the folders named as arguments, in order
 * of names, so that corpora are tests for every compiler and sanitizer. Exit 1 if a folder cannot be read or there was
 * no file at all: a corpus that got lost must not pass.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int complain(const char *path)
{
    perror(path);
    return -1;
}

static void close_stream(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

static int read_file(const char *path, struct buf *out)
{
    CLEANUP(close_stream) FILE *in = fopen(path, "rbe");
    size_t got = 1;
    while (in != NULL && got > 0) {
        char *to = buf_reserve(out, 65536);
        got = to == NULL ? 0 : fread(to, 1, 65536, in);
        out->len += got;
    }
    return in == NULL || ferror(in) != 0 || out->failed ? complain(path) : 0;
}

/* A copy of exactly its size, so that a read behind its end is seen. */
static int replay_file(const char *path)
{
    AUTO_BUF struct buf text = {0};
    if (read_file(path, &text) < 0)
        return -1;
    AUTO_FREE uint8_t *exact = malloc(text.len);
    if (exact == NULL && text.len > 0)
        return complain(path);
    if (text.len > 0)
        memcpy(exact, text.data, text.len);
    LLVMFuzzerTestOneInput(exact, text.len);
    return 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many files were replayed, or -1. Frees `entries`. */
static int replay_entries(const char *folder, struct dirent **entries, int len)
{
    int replayed = 0;
    for (int i = 0; i < len; i++) {
        char path[4096];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        if (replayed < 0 || (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
            continue;
        replayed = replay_file(path) < 0 ? -1 : replayed + 1;
    }
    free(entries);
    return replayed;
}

static int replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int len = scandir(folder, &entries, is_visible, alphasort);
    return len < 0 ? complain(folder) : replay_entries(folder, entries, len);
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int replayed = replay_folder(argv[i]);
        if (replayed < 0)
            return 1;
        total += replayed;
    }
    printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 1;
}
