/*
 * repo_loose: a guard before libgit2's reader of loose objects, which waits for ever, at full speed, for the
 * rest of a file that a crash cut short (1.5.1; its loop takes zlib's "no more input" for progress). The
 * guard stands in front as a backend that has no objects itself: it lets every read pass but that of a file
 * whose stream does not end.
 *
 * What is damaged in any other way passes too: libgit2 finds it, and says what it is.
 */
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "io/repo_priv.h"
#include "model/codes.h"

enum {
    GUARD_PRIORITY = 100, /* libgit2's own: packs 2, loose objects 1 */
    HEADER_LEN = 64,      /* what libgit2 asks of the stream for a header */
    CHUNK = 4096,
    ALTERNATES_MAX = 16, /* folders; git nests no deeper than 5 */
};

struct guard {
    git_odb_backend backend; /* first: what libgit2 is given */
    char dir[];              /* of objects, without a slash at the end */
};

enum stream_end { STREAM_WHOLE, STREAM_CUT, STREAM_NO_MEMORY };

/* Inflates what is in the file until `wanted` bytes came out or the stream ended. */
static enum stream_end inflate_file(int fd, z_stream *stream, size_t wanted)
{
    unsigned char in[CHUNK], out[CHUNK];
    int rc = Z_OK;
    while (rc == Z_OK && stream->total_out < wanted) {
        if (stream->avail_in == 0) {
            ssize_t len = read(fd, in, sizeof in);
            if (len < 0)
                return STREAM_WHOLE; /* libgit2 meets the same error, and tells it */
            if (len == 0)
                return STREAM_CUT;
            stream->next_in = in;
            stream->avail_in = (unsigned)len;
        }
        stream->next_out = out;
        stream->avail_out = sizeof out;
        rc = inflate(stream, Z_NO_FLUSH);
        if (rc == Z_BUF_ERROR)
            rc = Z_OK; /* it wants more input */
    }
    return rc == Z_MEM_ERROR ? STREAM_NO_MEMORY : STREAM_WHOLE;
}

static enum stream_end examine(const struct guard *guard, const git_oid *id, size_t wanted)
{
    char path[PATH_MAX], hex[GIT_OID_HEXSZ + 1];
    struct stat st;
    z_stream stream = {0};
    git_oid_tostr(hex, sizeof hex, id);
    snprintf(path, sizeof path, "%s/%.2s/%s", guard->dir, hex, hex + 2);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return STREAM_WHOLE; /* in a pack, or nowhere */
    if (inflateInit(&stream) != Z_OK)
        return STREAM_NO_MEMORY;
    enum stream_end end = inflate_file(fd, &stream, wanted);
    inflateEnd(&stream);
    return end;
}

static int let_pass(git_odb_backend *backend, const git_oid *id, size_t wanted)
{
    switch (examine((const struct guard *)backend, id, wanted)) {
    case STREAM_WHOLE:
        return GIT_PASSTHROUGH;
    case STREAM_CUT:
        git_error_set_str(GIT_ERROR_ODB, "the loose object is cut short");
        return GIT_ERROR;
    case STREAM_NO_MEMORY:
        break;
    }
    git_error_set_oom();
    return GIT_ERROR;
}

static int on_read(void **data, size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
    (void)data;
    (void)len;
    (void)type;
    return let_pass(backend, id, SIZE_MAX);
}

static int on_read_header(size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
    (void)len;
    (void)type;
    return let_pass(backend, id, HEADER_LEN);
}

static int on_exists(git_odb_backend *backend, const git_oid *id)
{
    (void)backend;
    (void)id;
    return 0;
}

static void on_free(git_odb_backend *backend)
{
    free(backend);
}

int repo_guard_loose(git_odb *odb, const char *dir, struct error *err)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    struct guard *guard = calloc(1, sizeof *guard + len + 1);
    if (guard == NULL)
        return error_memory(err);
    memcpy(guard->dir, dir, len);
    guard->backend = (git_odb_backend){
        .version = GIT_ODB_BACKEND_VERSION,
        .read = on_read,
        .read_header = on_read_header,
        .exists = on_exists,
        .free = on_free,
    };
    int rc = git_odb_add_backend(odb, &guard->backend, GUARD_PRIORITY); /* takes it over */
    if (rc == 0)
        return 0;
    free(guard);
    return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot guard the objects of '%s'", dir);
}

/* One line of info/alternates: a folder of objects, from the folder of objects if it does not begin with a
 * slash. */
static int guard_alternate(git_odb *odb, const char *objects, const char *line, struct error *err)
{
    char path[PATH_MAX];
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    int len =
        snprintf(path, sizeof path, "%s%s%s", line[0] == '/' ? "" : objects, line[0] == '/' ? "" : "/", line);
    return len < 0 || (size_t)len >= sizeof path ? 0 : repo_guard_loose(odb, path, err);
}

int repo_guard_all(git_odb *odb, const char *objects, struct error *err)
{
    char name[PATH_MAX], line[PATH_MAX];
    int rc = repo_guard_loose(odb, objects, err);
    snprintf(name, sizeof name, "%s/info/alternates", objects);
    FILE *file = rc == 0 ? fopen(name, "re") : NULL;
    for (int i = 0; rc == 0 && file != NULL && i < ALTERNATES_MAX && fgets(line, sizeof line, file) != NULL;
         i++) {
        line[strcspn(line, "\n")] = '\0';
        rc = guard_alternate(odb, objects, line, err);
    }
    if (file != NULL)
        fclose(file);
    return rc;
}
