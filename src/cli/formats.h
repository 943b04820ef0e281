/*
 * formats: findings in the forms that other programs read. Paths are those of the repository.
 */
#ifndef CLI_FORMATS_H
#define CLI_FORMATS_H

#include "model/finding.h"

/* SARIF 2.1.0 (OASIS): one run, a rule a code that was found, columns in code points. */
void formats_put_sarif(const struct findings *findings, struct buf *out);

/* GitHub's workflow commands, a line each: ::error file=…,line=…,col=…,title=code::message */
void formats_put_github(const struct findings *findings, struct buf *out);

/* GitLab's code quality report: a JSON array; a fingerprint stays the same while code, file and message do. */
void formats_put_gitlab(const struct findings *findings, struct buf *out);

#endif
