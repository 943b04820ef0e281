/*
 * verbs: the one table of epochctl, in the order in which `epochctl help` and the manual show it.
 */
#include "cli/verbs.h"

#include "cli/cli.h"

const struct cli_verb *const cli_verbs[] = {
    &verb_setup,
    &verb_init,
    &verb_check,
    &verb_plan,
    &verb_diff,
    &verb_status,
    &verb_doctor,
    &verb_drift,
    &verb_log,
    &verb_show,
    &verb_explain,
    &verb_consumer,
    &verb_pause,
    &verb_resume,
    &verb_accept_rewrite,
    &verb_accept_state_loss,
    &verb_forget,
    &verb_watch,
    &verb_wait,
    &verb_verify,
    &verb_set,
    &verb_unset,
    &verb_edit,
    &verb_add,
    &verb_mv,
    &verb_rm,
    &verb_profile,
    &verb_rollback,
    &verb_schema,
    &verb_keys,
    &verb_hook,
    &verb_completion,
    &verb_help,
    &verb_complete,
};

const size_t cli_verbs_len = ARRAY_LEN(cli_verbs);
