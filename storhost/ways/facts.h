/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that is known about a running bench, as one JSON document: what `info --json` and
 * `run --json` print, what tables are made from, what scripts check.
 *
 *   device    what the driver and the device agreed on
 *   disk      what the disk says of itself
 *   storport  what the driver told StorPort
 *   counters  since the adapter started, and per request
 *   rules     checks made by rule, and violations (0: a violation ends the run)
 */
#ifndef STORHOST_WAYS_FACTS_H
#define STORHOST_WAYS_FACTS_H

#include <jansson.h>

#include "ways/bench.h"

/* A new reference; needs a bench that runs. */
json_t *facts_collect(const struct bench *bench);

/* Of this only "device", also where no driver runs; `vectors`: messages granted. A new reference. */
json_t *facts_device(const struct bench *bench, unsigned vectors);

/* The member that a path such as "device.transport" names, in objects and arrays
 * ("device.queue.0.size"); a borrowed reference or NULL. */
json_t *facts_find(json_t *facts, const char *path);

/* Prints what was found (everything but counters and rules), or the counters and rules, as tables
 * for people. */
void facts_print_found(json_t *facts);
void facts_print_counters(json_t *facts);

/* Replaces "counters" by what happened between two collections: after minus before. */
void facts_subtract_counters(json_t *after, json_t *before);

/* Prints the document as JSON on standard output. */
void facts_print_json(json_t *facts);

#endif
