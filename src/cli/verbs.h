/*
 * verbs: the descriptions that the table lists, each at the end of its cmd_<verb>.c.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/args.h"

extern const struct cli_verb verb_accept_rewrite;
extern const struct cli_verb verb_accept_state_loss;
extern const struct cli_verb verb_add;
extern const struct cli_verb verb_check;
extern const struct cli_verb verb_complete;
extern const struct cli_verb verb_completion;
extern const struct cli_verb verb_consumer;
extern const struct cli_verb verb_drift;
extern const struct cli_verb verb_edit;
extern const struct cli_verb verb_explain;
extern const struct cli_verb verb_doctor;
extern const struct cli_verb verb_forget;
extern const struct cli_verb verb_help;
extern const struct cli_verb verb_diff;
extern const struct cli_verb verb_hook;
extern const struct cli_verb verb_init;
extern const struct cli_verb verb_keys;
extern const struct cli_verb verb_log;
extern const struct cli_verb verb_mv;
extern const struct cli_verb verb_pause;
extern const struct cli_verb verb_resume;
extern const struct cli_verb verb_rm;
extern const struct cli_verb verb_rollback;
extern const struct cli_verb verb_schema;
extern const struct cli_verb verb_set;
extern const struct cli_verb verb_plan;
extern const struct cli_verb verb_profile;
extern const struct cli_verb verb_setup;
extern const struct cli_verb verb_show;
extern const struct cli_verb verb_status;
extern const struct cli_verb verb_unset;
extern const struct cli_verb verb_verify;
extern const struct cli_verb verb_wait;
extern const struct cli_verb verb_watch;

#endif
