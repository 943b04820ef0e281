/*
 * check: epochd --check: everything a start would stumble over, in the order of a start, without making or changing
 * anything.
 */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

#include "config/settings.h"

/* Prints what it found, a line each. -1: the first thing that is wrong. */
int check_settings(const struct settings *settings, struct error *err) MUST_CHECK;

#endif
