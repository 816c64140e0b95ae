/* SPDX-License-Identifier: BSD-3-Clause */
/* The MSI-X table of a virtio function (PCI Local Bus 3.0, 6.8.2): what is masked waits in the pending
 * bits. */
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "devices/pci/function.h"

#define ENTRY_BYTES   16u
#define PENDING_BYTES (PCI_VECTORS / 8)

uint32_t msix_bytes(unsigned vectors)
{
    return vectors * ENTRY_BYTES + (vectors + 63) / 64 * 8;
}

bool msix_allocate(struct pci_function *function)
{
    function->pba_offset = function->setup.vectors * ENTRY_BYTES;
    function->msix_table = calloc(function->setup.vectors + 1, ENTRY_BYTES);
    function->msix_pending = calloc(PENDING_BYTES, 1);
    return function->msix_table && function->msix_pending;
}

static uint32_t control(const struct pci_function *function)
{
    return pci_function_peek(function, function->msix_at + PCI_MSIX_FLAGS, 2);
}

bool msix_enabled(const struct pci_function *function)
{
    return function->msix_at != 0 && control(function) & PCI_MSIX_FLAGS_ENABLE;
}

static bool is_masked(const struct pci_function *function, unsigned vector)
{
    return control(function) & PCI_MSIX_FLAGS_MASKALL ||
           function->msix_table[vector * ENTRY_BYTES + PCI_MSIX_ENTRY_VECTOR_CTRL] &
               PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void msix_send(struct pci_function *function, unsigned vector)
{
    if (is_masked(function, vector)) {
        function->msix_pending[vector / 8] |= (uint8_t)(1u << vector % 8);
        return;
    }
    function->msix_pending[vector / 8] &= (uint8_t) ~(1u << vector % 8);
    function->ops->message(function->owner, vector);
}

void msix_flush(struct pci_function *function)
{
    for (unsigned i = 0; msix_enabled(function) && i < function->setup.vectors; ++i) {
        if (function->msix_pending[i / 8] & 1u << i % 8 && !is_masked(function, i)) {
            msix_send(function, i);
        }
    }
}

unsigned msix_give(struct pci_function *function, unsigned vectors)
{
    const unsigned most = function->setup.vectors;

    vectors = vectors < most ? vectors : most;
    memset(function->msix_pending, 0, PENDING_BYTES);
    for (unsigned i = 0; i < most; ++i) {
        uint8_t *entry = &function->msix_table[i * ENTRY_BYTES];
        memset(entry, 0, ENTRY_BYTES);
        entry[2] = 0xe0;
        entry[3] = 0xfe;
        entry[8] = (uint8_t)i;
        entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = i < vectors ? 0 : PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    if (function->msix_at != 0) {
        pci_function_poke(function, function->msix_at + PCI_MSIX_FLAGS, 2,
                          (most - 1) | (vectors != 0 ? PCI_MSIX_FLAGS_ENABLE : 0));
    }
    return vectors;
}

uint64_t msix_read(const struct pci_function *function, uint32_t offset, unsigned size)
{
    const bool table = offset < function->pba_offset;
    const uint8_t *from = table ? function->msix_table + offset
                                : function->msix_pending + (offset - function->pba_offset);
    const uint32_t length =
        table ? function->pba_offset - offset : PENDING_BYTES - (offset - function->pba_offset);
    uint64_t value = 0;

    memcpy(&value, from, size < length ? size : length);
    return value;
}

void msix_write(struct pci_function *function, uint32_t offset, unsigned size, uint64_t value)
{
    if (offset < function->pba_offset && size <= function->pba_offset - offset) {
        memcpy(function->msix_table + offset, &value, size);
        msix_flush(function);
    }
}
