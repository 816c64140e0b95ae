/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver finds behind GS: the beginning of a processor control region (KPCR) of x64
 * Windows, as far as inlined kernel functions read it. Internal to the processors.
 */
#ifndef STORHOST_MACHINE_KPCR_H
#define STORHOST_MACHINE_KPCR_H

#include <stdint.h>

struct kpcr;

/* Makes a region for processor `number` and points the calling thread's GS at it. */
struct kpcr *kpcr_install(unsigned number);
void kpcr_remove(struct kpcr *kpcr);

/* Keeps the IRQL that the driver can read there up to date. */
void kpcr_set_irql(struct kpcr *kpcr, uint8_t irql);

#endif
