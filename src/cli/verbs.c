/*
 * verbs: the one table of epochctl.
 */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
    {"init", "[DIR] [--bare]", "make a ready configuration repository",
     "Makes DIR (default: here) a git repository with a skeleton, hooks that judge before git\n"
     "accepts, and durable git settings. A repository that is there is completed; existing\n"
     "hooks are kept and run first.\n",
     cmd_init},
    {"check", "[REV] [--staged | --worktree] [--format text|json]", "judge a revision as epochd would",
     "Judges REV (default: HEAD), what is staged, or the files as they are. Every finding is\n"
     "one line:\n"
     "  file:line:column: message [code]\n"
     "Exit 0: it would be accepted; 1: it would be refused.\n",
     cmd_check},
    {"status", "[-q] [--json]", "what is served, what is wrong, what to type",
     "Exit 0: ok, or empty; 1: degraded, hold or starting; 3: epochd does not run. Tests the\n"
     "daemon's lock, so it never believes a stale file.\n",
     cmd_status},
    {"log", "[SERVICE] [-n COUNT] [--json]", "epochs and verdicts, newest first",
     "One line for each commit that got a verdict: committed, published, superseded or\n"
     "rejected. COUNT is 10 by default, at most 100. With SERVICE only the epochs that\n"
     "changed it.\n",
     cmd_log},
    {"show", "SERVICE [--at EPOCH] [--json]", "the configuration of a service",
     "What is in force, from the verified last-known-good snapshot; with --at what a commit\n"
     "or an epoch number says.\n",
     cmd_show},
    {"verify", "lkg|journal|message [FILE] [--keys DIR] [--source NAME]", "prove it, or say why not",
     "lkg      the snapshot: its HMAC, then every signature inside\n"
     "journal  every line: form, HMAC and hash chain; FILE without a folder is one in the\n"
     "         state folder\n"
     "message  a signed message (FILE, or standard input) against the keyset\n"
     "DIR is the folder of keys, NAME the publisher's; both are in the settings where epochd\n"
     "runs. Exit 0: verified; 1: not.\n",
     cmd_verify},
    {"keys", "init|list [--keys DIR] [--json]", "make keys, or list them",
     "init  makes what is missing of a first key set; never touches a key that is there\n"
     "list  files, kinds, ids and modes; never a secret\n",
     cmd_keys},
    {"hook", "pre-commit|pre-merge-commit|pre-receive", "what git's hooks call",
     "pre-commit and pre-merge-commit judge what is staged, pre-receive what is pushed to the\n"
     "served branch. Findings go to standard error; exit 1 refuses.\n"
     "git config epochd.branch and epochd.rewrite (amend, deny, allow) tell a repository's\n"
     "hooks what the daemon's settings say.\n",
     cmd_hook},
    {"help", "[VERB | CODE]", "explain a verb or a code",
     "Codes stand in square brackets behind findings and in states.\n", cmd_help},
};

const size_t cli_verbs_len = ARRAY_LEN(cli_verbs);
