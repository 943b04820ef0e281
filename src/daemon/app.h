/*
 * app: epochd's command line.
 */
#ifndef DAEMON_APP_H
#define DAEMON_APP_H

enum { APP_OK = 0, APP_FINDINGS = 1, APP_USAGE = 2, APP_FAILED = 3 };

/* What main returns. */
int app_main(int argc, char **argv);

#endif
