/* SPDX-License-Identifier: BSD-3-Clause */
/* The command info: discovers the disk, prints what was found, gives everything back. */
#include "ways/commands.h"

#include "ways/bench.h"
#include "ways/facts.h"

int command_info(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    json_t *facts;

    bench_open(&bench, options);
    facts = facts_collect(&bench);
    bench_close(&bench);
    if (options->json) {
        facts_print_json(facts);
    } else {
        facts_print_found(facts);
    }
    json_decref(facts);
    return 0;
}
