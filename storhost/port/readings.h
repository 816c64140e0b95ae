/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the texts about Windows can be read in two ways, and nobody here can ask Windows, a driver must
 * live with both. Each such place is a *reading*: a statement that holds, or does not, in this run. The
 * port models ask for it by name instead of deciding, and a seed chooses (`--readings`, by default the
 * run's seed), so that the same command plays the same Windows again. A run that fails says which
 * statements it has asked for and how they were played.
 *
 * A new one: a line in `enum reading`, a row in readings.c with both texts and where they stand, a row in
 * the table of docs/storhost.md (a test compares the names), and reading_is() where the model decides.
 * What the texts only leave open (an order, a processor, a moment) is no reading: port_random().
 */
#ifndef STORHOST_PORT_READINGS_H
#define STORHOST_PORT_READINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct port;

enum reading {
    READING_2003_PNP,        /* Server 2003 sends PnP request blocks */
    READING_DUMP_EXTENDED,   /* the dump port driver makes extended request blocks */
    READING_DUMP_POLLS_IDLE, /* it calls HwInterrupt while nothing is outstanding */
    READING_CONTROL_LOCKED,  /* ScsiStopAdapter and ScsiRestartAdapter come at DIRQL, locked */
    READING_FREES_PHYSICAL,  /* HwFreeAdapterResources is called for physical miniports, too */
    READING_MARK_INITIALIZE, /* HwInitialize follows a HwFindAdapter that only marks memory */
    READING_LENGTH_OF_PAGE,  /* the length of a physical address ends with the page */
    READING_FULL64_BEFORE_8, /* Dma64BitAddresses FULL64BIT_SUPPORTED has an effect before 8 */
    READING_GROUP_MESSAGES,  /* messages go to the processors of all groups */
    READING_DUMP_PAGES,      /* uncached memory of a dump begins at a page boundary */
    READING_COUNT
};

/* Chooses for all that reading_settle has not settled. Before it each is as by seed 0. */
void readings_begin(uint64_t seed);
/* "NAME=yes" or "NAME=no", whatever the seed. False: no such name or value. */
bool reading_settle(const char *text);

/* Whether the statement holds in this run: the same answer each time. Any thread. */
bool reading_is(enum reading reading);
/* For a statement about single events, some of which may be one way and some the other: drawn anew each
 * time, by the port's random numbers and the seed, unless it is settled. */
bool reading_now(enum reading reading, struct port *port);

/* One line for the report of a run that failed: the option that plays it again, and what has been asked
 * for so far. Nothing if nothing was. */
void readings_report(FILE *file);
/* All of them with the texts behind them, for `--reading=help`. */
void readings_list(FILE *file);

#endif
