/*
 * outcome: what became of a verb that writes, or that asks the daemon. For people the verbs print as they go; with
 * --json nothing but one object goes to standard output, the same for all of them and whatever happens:
 *
 *   {"code":null,"commit":"3dfb58843b84…","epoch":4,"findings":[],"message":"epoch 4 published: stt-worker (0.2 s)",
 *    "path":null,"plan":{…},"services":["stt-worker"],"verdict":"published"}
 *
 * What is not known or does not apply is null, or an empty list. What went wrong goes to standard error besides.
 */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli/answer.h"
#include "cli/plan.h"
#include "model/finding.h"
#include "model/request.h"

#define OUTCOME_HELP                                                                                              \
    "as a JSON object with *verdict*, *code*, *message*, *commit*, *epoch*, *services*, *plan* (as of *plan "       \
    "--json*), *findings*, *path* (of a file that was made, or is kept)"

struct outcome {
    bool is_json;
    const char *verdict; /* static */
    char code[64];       /* "": none */
    char commit[OID_HEX_LEN + 1];
    uint64_t epoch;      /* 0: none is known */
    struct buf path;     /* of a file that was made, or where what was typed is kept */
    struct buf message, plan, services, findings; /* the last three are JSON */
};

void outcome_fini(struct outcome *outcome);
#define AUTO_OUTCOME CLEANUP(outcome_fini)

/* Each replaces what was noted before. */
void outcome_note_error(struct outcome *outcome, const struct error *err);        /* verdict refused */
void outcome_note_findings(struct outcome *outcome, const struct findings *findings); /* refused, if there are errors */
void outcome_note_plan(struct outcome *outcome, const struct plan *plan);
void outcome_note_commit(struct outcome *outcome, const struct oid *commit);
void outcome_note_answer(struct outcome *outcome, enum answer answer, const struct answer_told *told);
void outcome_note_request(struct outcome *outcome, const struct request_answer *answer); /* verdict done, or refused */

/* A verdict of the verb's own, and its sentence: "unchanged", "it is so already; nothing was written". For people it
   is printed as a line. */
void outcome_say(struct outcome *outcome, const char *verdict, const char *sentence);

/* The path of a file that was made; for people it is printed as a line. */
void outcome_made(struct outcome *outcome, const char *path);
/* Where what was typed is kept. */
void outcome_kept(struct outcome *outcome, const char *path);

/* With --json prints the object; `rc` is what the verb ends with. Returns it, or CLI_FAILED. */
int outcome_end(struct outcome *outcome, int rc);

#endif
