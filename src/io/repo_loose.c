/*
 * repo_loose: the reader of loose objects, in front of libgit2's own as a backend of its object database. Two reasons:
 *
 * - libgit2 opens a file once for its header and once more for the rest. Here who asks for a header is given the object
 *   with the next question: one open, one read, one inflate. What is large is only inflated when it is asked for, after
 *   the header has told its size.
 * - libgit2's reader waits for ever, at full speed, for the rest of a file that a crash cut short (1.5.1; its loop
 *   takes zlib's "no more input" for progress).
 *
 * What is read here is given to libgit2, which checks its hash before anybody sees it. What is damaged in any other way
 * than cut short is left to libgit2, which says what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#if __has_include(<git2/sys/errors.h>) /* since libgit2 1.8 what sets an error is not in git2.h */
#include <git2/sys/errors.h>
#endif

#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/num.h"

enum {
    LOOSE_PRIORITY = 100, /* libgit2's own: packs 2, loose objects 1 */
    HEADER_LEN = 64,      /* what libgit2 asks of the stream for a header */
    CHUNK = 4096,
    KEPT_MAX = 64 * 1024,        /* with the header; a larger one when it is asked for */
    LOOSE_MAX = 16 * 1024 * 1024, /* nobody here asks for more, and libgit2 reads it */
    ALTERNATES_MAX = 16,         /* folders; git nests no deeper than 5 */
};

struct loose {
    git_object_t type;
    size_t size;
    char *data; /* `size` bytes and a zero, libgit2's to free; NULL: the header alone */
};

struct reader {
    git_odb_backend backend; /* first: what libgit2 is given */
    git_oid kept_id;
    struct loose kept; /* the object whose header was asked for last, if its bytes were not asked for yet */
    bool is_absent;    /* and there was no file of it: libgit2 has it from a pack, and asks here first all the same */
    char dir[];        /* of objects, without a slash at the end */
};

/* -1: errno. */
static int open_object(const struct reader *reader, const git_oid *id)
{
    char path[PATH_MAX];
    size_t len = strlen(reader->dir);
    if (len + sizeof "/xx/" + GIT_OID_HEXSZ > sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, reader->dir, len);
    path[len] = '/';
    git_oid_pathfmt(path + len + 1, id);
    path[len + 1 + GIT_OID_HEXSZ + 1] = '\0';
    return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_file(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* --- an object as it should be ------------------------------------------------------------------------- */

enum found { FOUND, ABSENT, ODD, NO_MEMORY };

struct stream {
    int fd;
    bool is_over;
    z_stream z;
    unsigned char in[CHUNK];
};

/* Inflates until `out` is full or the stream is over. False: the file ends before it, or is damaged. */
static bool inflate_into(struct stream *stream, char *out, size_t size, size_t *len)
{
    z_stream *z = &stream->z;
    int rc = Z_OK;
    z->next_out = (unsigned char *)out;
    z->avail_out = (unsigned)size;
    while (rc == Z_OK && z->avail_out > 0 && !stream->is_over) {
        if (z->avail_in == 0) {
            ssize_t got = read(stream->fd, stream->in, sizeof stream->in);
            z->next_in = stream->in;
            z->avail_in = got > 0 ? (unsigned)got : 0;
        }
        rc = z->avail_in == 0 ? Z_DATA_ERROR : inflate(z, Z_NO_FLUSH);
        stream->is_over = rc == Z_STREAM_END;
    }
    z->next_out = NULL; /* it is the caller's */
    *len = size - z->avail_out;
    return rc == Z_OK || rc == Z_STREAM_END;
}

/* "blob 430" and a zero; *header_len with the zero. */
static bool parse_header(const char *text, size_t len, struct loose *out, size_t *header_len)
{
    const char *end = memchr(text, '\0', len < HEADER_LEN ? len : HEADER_LEN);
    const char *blank = end == NULL ? NULL : strchr(text, ' ');
    char name[HEADER_LEN];
    uint64_t size;
    if (blank == NULL || !num_parse_u64((struct span){blank + 1, (size_t)(end - blank - 1)}, &size) ||
        size > SIZE_MAX - 1)
        return false;
    memcpy(name, text, (size_t)(blank - text));
    name[blank - text] = '\0';
    out->type = git_object_string2type(name);
    out->size = (size_t)size;
    *header_len = (size_t)(end - text) + 1;
    return git_object_typeisloose(out->type) != 0;
}

/* The bytes behind the header, of which `first` is the beginning: `size` of them, and then the stream is over. */
static enum found inflate_rest(struct reader *reader, struct stream *stream, struct span first, struct loose *out)
{
    size_t rest, extra = 0;
    char none[1];
    if (first.len > out->size)
        return ODD;
    char *data = git_odb_backend_data_alloc(&reader->backend, out->size + 1);
    if (data == NULL)
        return NO_MEMORY;
    memcpy(data, first.data, first.len);
    data[out->size] = '\0';
    if (inflate_into(stream, data + first.len, out->size - first.len, &rest) && first.len + rest == out->size &&
        inflate_into(stream, none, sizeof none, &extra) && extra == 0) {
        out->data = data;
        return FOUND;
    }
    git_odb_backend_data_free(&reader->backend, data);
    return ODD;
}

/* The header, and the bytes if they are at most `max`. */
static enum found inflate_object(struct reader *reader, struct stream *stream, size_t max, struct loose *out)
{
    char first[CHUNK]; /* most objects are smaller than this, and inflated at once */
    size_t len, header_len;
    struct loose found = {0};
    if (!inflate_into(stream, first, sizeof first, &len) || !parse_header(first, len, &found, &header_len))
        return ODD;
    enum found rc = FOUND;
    if (found.size <= max)
        rc = inflate_rest(reader, stream, (struct span){first + header_len, len - header_len}, &found);
    if (rc == FOUND)
        *out = found;
    return rc;
}

static enum found read_object(struct reader *reader, const git_oid *id, size_t max, struct loose *out)
{
    AUTO_CLOSE int fd = open_object(reader, id);
    if (fd < 0)
        return errno == ENOENT ? ABSENT : ODD;
    struct stream stream = {.fd = fd};
    if (!is_file(fd))
        return ODD;
    if (inflateInit(&stream.z) != Z_OK)
        return NO_MEMORY;
    enum found rc = inflate_object(reader, &stream, max, out);
    inflateEnd(&stream.z);
    return rc;
}

/* --- one that is not ----------------------------------------------------------------------------------- */

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

static enum stream_end examine(const struct reader *reader, const git_oid *id, size_t wanted)
{
    z_stream stream = {0};
    AUTO_CLOSE int fd = open_object(reader, id);
    if (fd < 0 || !is_file(fd))
        return STREAM_WHOLE; /* libgit2 cannot open it either, and says why */
    if (inflateInit(&stream) != Z_OK)
        return STREAM_NO_MEMORY;
    enum stream_end end = inflate_file(fd, &stream, wanted);
    inflateEnd(&stream);
    return end;
}

static int fail_memory(void)
{
    git_error_set_oom();
    return GIT_ERROR;
}

/* To libgit2's own reader, if that comes back. */
static int let_pass(const struct reader *reader, const git_oid *id, size_t wanted)
{
    switch (examine(reader, id, wanted)) {
    case STREAM_WHOLE:
        return GIT_PASSTHROUGH;
    case STREAM_CUT:
        git_error_set_str(GIT_ERROR_ODB, "the loose object is cut short");
        return GIT_ERROR;
    case STREAM_NO_MEMORY:
        break;
    }
    return fail_memory();
}

/* --- what libgit2 asks --------------------------------------------------------------------------------- */

static void forget(struct reader *reader)
{
    if (reader->kept.data != NULL)
        git_odb_backend_data_free(&reader->backend, reader->kept.data);
    reader->kept = (struct loose){0};
    reader->is_absent = false;
}

static int on_read(void **data, size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
    struct reader *reader = (struct reader *)backend;
    struct loose object = {0};
    enum found found = FOUND;
    if (reader->kept.data != NULL && git_oid_equal(&reader->kept_id, id)) {
        object = reader->kept;
        reader->kept = (struct loose){0};
    } else if (reader->is_absent && git_oid_equal(&reader->kept_id, id)) {
        reader->is_absent = false; /* no longer sure the next time: a pack may be gone, and its objects loose */
        found = ABSENT;
    } else {
        found = read_object(reader, id, LOOSE_MAX, &object);
    }
    if (found == ABSENT)
        return GIT_ENOTFOUND;
    if (found == NO_MEMORY)
        return fail_memory();
    if (object.data == NULL)
        return let_pass(reader, id, SIZE_MAX);
    *data = object.data;
    *len = object.size;
    *type = object.type;
    return 0;
}

/* Never answered with what is kept: nobody has checked its hash yet, and the file may have been mended. */
static int on_read_header(size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
    struct reader *reader = (struct reader *)backend;
    struct loose object = {0};
    forget(reader);
    reader->kept_id = *id;
    switch (read_object(reader, id, KEPT_MAX, &object)) {
    case FOUND:
        break;
    case ABSENT:
        reader->is_absent = true;
        return GIT_ENOTFOUND;
    case ODD:
        return let_pass(reader, id, HEADER_LEN);
    case NO_MEMORY:
        return fail_memory();
    }
    reader->kept = object;
    *len = object.size;
    *type = object.type;
    return 0;
}

static int on_exists(git_odb_backend *backend, const git_oid *id)
{
    (void)backend;
    (void)id;
    return 0;
}

static void on_free(git_odb_backend *backend)
{
    forget((struct reader *)backend);
    free(backend);
}

/* --- its folders ----------------------------------------------------------------------------------------- */

static int add_reader(git_odb *odb, const char *dir, struct error *err)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    struct reader *reader = calloc(1, sizeof *reader + len + 1);
    if (reader == NULL)
        return error_memory(err);
    memcpy(reader->dir, dir, len);
    reader->dir[len] = '\0';
    reader->backend = (git_odb_backend){
        .version = GIT_ODB_BACKEND_VERSION,
        .read = on_read,
        .read_header = on_read_header,
        .exists = on_exists,
        .free = on_free,
    };
    int rc = git_odb_add_backend(odb, &reader->backend, LOOSE_PRIORITY); /* takes it over */
    if (rc == 0)
        return 0;
    free(reader);
    return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot read the objects of '%s'", dir);
}

/* One line of info/alternates: a folder of objects, from the folder of objects if it does not begin with a
 * slash. */
static int add_alternate(git_odb *odb, const char *objects, const char *line, struct error *err)
{
    char path[PATH_MAX];
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    int len =
        snprintf(path, sizeof path, "%s%s%s", line[0] == '/' ? "" : objects, line[0] == '/' ? "" : "/", line);
    return len < 0 || (size_t)len >= sizeof path ? 0 : add_reader(odb, path, err);
}

int repo_read_loose(git_odb *odb, const char *objects, struct error *err)
{
    char name[PATH_MAX], line[PATH_MAX];
    int rc = add_reader(odb, objects, err);
    snprintf(name, sizeof name, "%s/info/alternates", objects);
    FILE *file = rc == 0 ? fopen(name, "re") : NULL;
    for (int i = 0; rc == 0 && file != NULL && i < ALTERNATES_MAX && fgets(line, sizeof line, file) != NULL;
         i++) {
        line[strcspn(line, "\n")] = '\0';
        rc = add_alternate(odb, objects, line, err);
    }
    if (file != NULL)
        fclose(file);
    return rc;
}
