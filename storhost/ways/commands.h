/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of storhost. Each opens a bench, does its work and returns the exit status. */
#ifndef STORHOST_WAYS_COMMANDS_H
#define STORHOST_WAYS_COMMANDS_H

#include "ways/options.h"

int command_run(const struct options *options);
int command_serve(const struct options *options);
int command_info(const struct options *options);
int command_script(const struct options *options);
int command_count(const struct options *options);
int command_interleave(const struct options *options);
int command_throughput(const struct options *options);

#endif
