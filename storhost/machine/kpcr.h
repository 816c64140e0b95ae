/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver finds behind GS on x64 and FS on x86: the beginning of a processor control region
 * (KPCR) of Windows, as far as inlined kernel functions read it. Internal to the processors; the
 * folder of an architecture defines it.
 */
#ifndef STORHOST_MACHINE_KPCR_H
#define STORHOST_MACHINE_KPCR_H

#include <stdint.h>

struct kpcr;

/* Makes a region for processor `number` and lets the calling thread find it. */
struct kpcr *kpcr_install(unsigned number);
void kpcr_remove(struct kpcr *kpcr);

/* Keeps the IRQL that the driver can read there up to date. */
void kpcr_set_irql(struct kpcr *kpcr, uint8_t irql);

#endif
