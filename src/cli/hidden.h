/*
 * hidden: values that are set in a service's file and cannot be seen, because the active profile lays others over them.
 */
#ifndef CLI_HIDDEN_H
#define CLI_HIDDEN_H

#include "cli/writing.h"
#include "model/splice.h"

/*
 * Says on standard error of each such change where the profile hides it, and of the first what to type instead. Nothing
 * where no profile is active, or the tip cannot be read: that is told when it is judged.
 */
void hidden_say(struct writing *w, const char *service, const struct splice_change *changes, size_t len);

#endif
