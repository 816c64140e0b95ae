/* SPDX-License-Identifier: BSD-3-Clause */
/* Delivers interrupts outside of the device's lock: see interrupts.h. */
#include "devices/pci/interrupts.h"

/* The same thread may get here again out of its listener. */
static void tell_line(struct pci_interrupts *interrupts)
{
    const pthread_t self = pthread_self();

    if (interrupts->line_tellers != 0 && !pthread_equal(interrupts->line_teller, self)) {
        return;
    }
    while (interrupts->level(interrupts->owner) != interrupts->line_told) {
        const bool level = interrupts->level(interrupts->owner);
        interrupts->line_told = level;
        interrupts->line_asserted += level;
        interrupts->line_teller = self;
        ++interrupts->line_tellers;
        pthread_mutex_unlock(interrupts->lock);
        device_line(interrupts->device, level);
        pthread_mutex_lock(interrupts->lock);
        --interrupts->line_tellers;
    }
}

static void tell_messages(struct pci_interrupts *interrupts)
{
    for (unsigned i = 0; i < interrupts->device->message_vectors; ++i) {
        while (interrupts->messages[i] != 0) {
            --interrupts->messages[i];
            pthread_mutex_unlock(interrupts->lock);
            device_message(interrupts->device, i);
            pthread_mutex_lock(interrupts->lock);
        }
    }
}

void pci_interrupts_deliver(struct pci_interrupts *interrupts)
{
    tell_messages(interrupts);
    tell_line(interrupts);
}

bool pci_interrupts_waiting(const struct pci_interrupts *interrupts)
{
    for (unsigned i = 0; i < interrupts->device->message_vectors; ++i) {
        if (interrupts->messages[i] != 0) {
            return true;
        }
    }
    return interrupts->level(interrupts->owner) != interrupts->line_told;
}
