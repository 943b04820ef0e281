/*
 * streams: standard input, output and error.
 *
 * A program that is started without one of them would give its number to the first file it opens, and write there
 * what is meant for people.
 */
#ifndef UTIL_STREAMS_H
#define UTIL_STREAMS_H

/* First of all: takes the numbers of those that are closed. Reading from them, or writing to them, fails as it would
   have. */
void streams_hold(void);

#endif
