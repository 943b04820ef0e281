/*
 * formats: findings in the forms that people and other programs read. Paths are those of the repository.
 */
#ifndef CLI_FORMATS_H
#define CLI_FORMATS_H

#include "model/finding.h"

enum { FORMATS_WARNINGS_MAX = 50 };

/* For people, a line each: all errors, so that no warning hides one, then FORMATS_WARNINGS_MAX warnings and how many more there
   are. */
void formats_put_text(const struct findings *findings, struct buf *out);

/* The same on standard error. */
void formats_print(const struct findings *findings);

/* SARIF 2.1.0 (OASIS): one run, a rule a code that was found, columns in code points. */
void formats_put_sarif(const struct findings *findings, struct buf *out);

/* GitHub's workflow commands, a line each: ::error file=…,line=…,col=…,title=code::message */
void formats_put_github(const struct findings *findings, struct buf *out);

/* GitLab's code quality report: a JSON array; a fingerprint stays the same while code, file and message do. */
void formats_put_gitlab(const struct findings *findings, struct buf *out);

#endif
