/* SPDX-License-Identifier: BSD-3-Clause */
/* How barriers are seen, by architecture. Internal to machine/. */
#ifndef STORHOST_MACHINE_BARRIER_ARCH_H
#define STORHOST_MACHINE_BARRIER_ARCH_H

#include <stdbool.h>
#include <stddef.h>

bool barrier_can_be_seen(void);

/* Lets barrier_executed() be called for each barrier in [code, code + length) that reaches
 * devices. */
void barrier_mark_code(void *code, size_t length);

#endif
