/*
 * dotenv: a .env file as a document: NAME=value lines become the members of one object.
 *
 * A value in quotes is a string; "…" knows \n \r \t \" \\ \$, '…' nothing. One without quotes ends before " #" and is a
 * number or a boolean where it is spelled like one of JSON's, else a string. `export` before the name is taken; nothing
 * is expanded: $X stays $X.
 */
#ifndef MODEL_DOTENV_H
#define MODEL_DOTENV_H

#include "model/doc.h"

/* `doc` is a zeroed struct. CODE_IMPORT with the place, and the codes of doc_builder. */
int dotenv_read(struct span text, const char *file, struct doc *doc, struct error *err) MUST_CHECK;

#endif
