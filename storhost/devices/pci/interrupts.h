/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts that a device decides on under its lock and that its listener hears of without it, since
 * the listener may access the device. The line's level is told until the listener knows the present
 * one; while a thread is telling, it goes on to the end for all others.
 */
#ifndef STORHOST_DEVICES_PCI_INTERRUPTS_H
#define STORHOST_DEVICES_PCI_INTERRUPTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/device.h"
#include "devices/pci/function.h"

struct pci_interrupts {
    struct device *device;
    pthread_mutex_t *lock;            /* the device's; held by whoever calls the functions below */
    bool (*level)(const void *owner); /* of the line, now */
    const void *owner;                /* for level */
    uint32_t messages[PCI_VECTORS];   /* to be sent, per vector */
    bool line_told;                   /* level that the listener knows */
    uint64_t line_asserted;           /* how often */
    unsigned line_tellers;            /* calls in progress */
    pthread_t line_teller;
};

/* Tells everything that is to be told; gives the lock back meanwhile, and has it again at the end. */
void pci_interrupts_deliver(struct pci_interrupts *interrupts);

/* Whether there is anything to be told. */
bool pci_interrupts_waiting(const struct pci_interrupts *interrupts);

#endif
