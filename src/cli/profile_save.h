/*
 * profile_save: what is so now, kept as a profile: the patches that make it of what is committed without any profile.
 */
#ifndef CLI_PROFILE_SAVE_H
#define CLI_PROFILE_SAVE_H

#include "cli/writing.h"

/*
 * Commits profiles/<name>/ for the services that are named, or (len 0) for all: then patches of others go. The services'
 * own files stay as they are. *rc: the exit code; everything has been said or noted.
 */
int profile_save(const struct cli *cli, const char *name, char *const *services, size_t len,
                 const struct writing_options *options, struct outcome *outcome, int *rc, struct error *err) MUST_CHECK;

#endif
