/*
 * ask: a request to the running daemon, and its answer (docs/PROTOCOL.md §Requests): a file in the state folder and SIGHUP.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/local.h"
#include "cli/outcome.h"
#include "model/request.h"

/*
 * Fills in who asks and when, hands the request over and waits for the answer. CLI_OK: *out says what is now; CLI_FINDINGS: it was
 * refused, and the reason was printed; CLI_FAILED: it could not be asked, or nobody answered. It is noted in `outcome`.
 */
int ask(const struct cli *cli, struct request *request, struct request_answer *out, struct outcome *outcome);

#endif
