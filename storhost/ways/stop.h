/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ctrl-C and SIGTERM: the first asks the command to end in good order, a second ends the program
 * at once.
 */
#ifndef STORHOST_WAYS_STOP_H
#define STORHOST_WAYS_STOP_H

#include <stdbool.h>

/* Call before any other thread or process is started: they must have these signals blocked. */
void stop_begin(void);

bool stop_requested(void);

/* Waits for a request to stop, at most that long (milliseconds); returns stop_requested(). */
bool stop_wait(unsigned milliseconds);

/* Gives a child process the signals back: call between fork and exec. */
void stop_reset_in_child(void);

#endif
