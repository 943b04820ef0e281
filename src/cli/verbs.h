/*
 * verbs: the descriptions that the table lists, each at the end of its cmd_<verb>.c.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/args.h"

extern const struct cli_verb verb_check, verb_help, verb_hook, verb_init, verb_keys, verb_log, verb_setup, verb_show, verb_status,
    verb_verify;

#endif
