/*
 * schema_files: schemas and documents from files, for the verb schema: JSON or YAML by the ending, and where
 * documents are looked for that a schema refers to.
 */
#ifndef CLI_SCHEMA_FILES_H
#define CLI_SCHEMA_FILES_H

#include "model/finding.h"
#include "schema/schema.h"

enum { SCHEMA_FILE_MAX = 16 * 1024 * 1024, SCHEMA_MAPS_MAX = 16 };

/* Documents whose URI begins with `uri` are the files below `folder`; nothing else is ever opened. */
struct schema_map {
    const char *uri;
    const char *folder;
};

struct schema_files {
    struct schema_map maps[SCHEMA_MAPS_MAX + 1];
    size_t maps_len;
    char *own_uri, *own_folder; /* of the schema itself: what stands beside it may be referred to */
    struct findings *findings;  /* of files that are referred to */
};

#define AUTO_SCHEMA_FILES CLEANUP(schema_files_fini)
void schema_files_fini(struct schema_files *files);

/*
 * Reads a file: .json as JSON, with numbers of any size as doubles and NUL in strings; everything else as
 * YAML 1.2. What is wrong with the text becomes findings and leaves *doc empty. -1 where there is no such
 * file.
 */
int schema_file_read(const char *path, struct doc *doc, struct findings *findings, struct error *err) MUST_CHECK;

/* Adds "URI=DIR" of the command line; false: it is not of that form, or one too many. */
bool schema_files_map(struct schema_files *files, char *argument);

/* Compiles the schema of a file, with what it refers to. *out is NULL where there are findings. */
int schema_files_compile(struct schema_files *files, const char *path, enum schema_draft draft,
                         struct schema_set **set, const struct schema **out, struct findings *findings,
                         struct error *err) MUST_CHECK;

#endif
