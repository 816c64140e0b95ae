/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells stores that only clear or copy memory from others, for the counter (count.h). */
#ifndef STORHOST_MACHINE_INTEL_COUNT_STORE_H
#define STORHOST_MACHINE_INTEL_COUNT_STORE_H

#include "machine/count_internal.h"
#include "machine/trap_instruction.h"

/* Finds the exports that store for the driver; once. */
void count_store_prepare(void);

/* How the instruction, which is about to run, stores what it stores. To be asked about each
 * instruction of a thread in turn, whether it stores or not: it remembers what vector registers hold. */
enum count_store count_store_of(const struct trap_instruction *instruction);

/* The context has just been led to an export: counts what that stores in the driver's place. */
void count_store_export(const ucontext_t *context);

#endif
