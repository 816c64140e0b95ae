/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storhost: loads a Windows storage miniport and runs it against a device. This file only reads
 * the command line and calls the command; each command stands in a file of its own.
 */
#include <stdlib.h>

#include "base/violation.h"
#include "ways/commands.h"
#include "ways/options.h"
#include "ways/stop.h"

int main(int argc, char **argv)
{
    static int (*const commands[])(const struct options *options) = {
        [COMMAND_RUN] = command_run,
        [COMMAND_SERVE] = command_serve,
        [COMMAND_INFO] = command_info,
        [COMMAND_SCRIPT] = command_script,
        [COMMAND_COUNT] = command_count,
        [COMMAND_INTERLEAVE] = command_interleave,
        [COMMAND_THROUGHPUT] = command_throughput,
    };
    static struct options options; /* at_end functions look at them when main has returned */
    int status;

    options_parse(&options, argc, argv);
    stop_begin();
    status = commands[options.command](&options);
    if (status != 0) {
        failure_print_note();
    }
    exit(status);
}
