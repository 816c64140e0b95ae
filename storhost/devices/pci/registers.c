/* SPDX-License-Identifier: BSD-3-Clause */
/* The fields of the modern interface (VIRTIO 1.2, 4.1.4.3) and of virtio-blk's device configuration
 * (5.2.4). */
#include <linux/virtio_blk.h>
#include <linux/virtio_pci.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/violation.h"
#include "devices/pci/function.h"

void must(bool kept, const char *format, ...)
{
    char text[512];
    va_list arguments;

    rule_checked(RULE_VIRTIO);
    if (!kept) {
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        violation(RULE_VIRTIO, "%s", text);
    }
}

static const struct field {
    uint8_t offset, size;
} common_fields[] = {
    {VIRTIO_PCI_COMMON_DFSELECT, 4},  {VIRTIO_PCI_COMMON_DF, 4},
    {VIRTIO_PCI_COMMON_GFSELECT, 4},  {VIRTIO_PCI_COMMON_GF, 4},
    {VIRTIO_PCI_COMMON_MSIX, 2},      {VIRTIO_PCI_COMMON_NUMQ, 2},
    {VIRTIO_PCI_COMMON_STATUS, 1},    {VIRTIO_PCI_COMMON_CFGGENERATION, 1},
    {VIRTIO_PCI_COMMON_Q_SELECT, 2},  {VIRTIO_PCI_COMMON_Q_SIZE, 2},
    {VIRTIO_PCI_COMMON_Q_MSIX, 2},    {VIRTIO_PCI_COMMON_Q_ENABLE, 2},
    {VIRTIO_PCI_COMMON_Q_NOFF, 2},    {VIRTIO_PCI_COMMON_Q_DESCLO, 4},
    {VIRTIO_PCI_COMMON_Q_DESCHI, 4},  {VIRTIO_PCI_COMMON_Q_AVAILLO, 4},
    {VIRTIO_PCI_COMMON_Q_AVAILHI, 4}, {VIRTIO_PCI_COMMON_Q_USEDLO, 4},
    {VIRTIO_PCI_COMMON_Q_USEDHI, 4},  {VIRTIO_PCI_COMMON_Q_NDATA, 2},
    {VIRTIO_PCI_COMMON_Q_RESET, 2},
};

#define CONFIG_FIELD(member, bit)                                         \
    {                                                                     \
        offsetof(struct virtio_blk_config, member),                       \
            sizeof(((struct virtio_blk_config *)0)->member), bit, #member \
    }

static const struct pci_config_field config_fields[] = {
    CONFIG_FIELD(capacity, PCI_CONFIG_ALWAYS),
    CONFIG_FIELD(size_max, VIRTIO_BLK_F_SIZE_MAX),
    CONFIG_FIELD(seg_max, VIRTIO_BLK_F_SEG_MAX),
    CONFIG_FIELD(geometry.cylinders, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(geometry.heads, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(geometry.sectors, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(blk_size, VIRTIO_BLK_F_BLK_SIZE),
    CONFIG_FIELD(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(min_io_size, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(wce, VIRTIO_BLK_F_CONFIG_WCE),
    CONFIG_FIELD(unused, PCI_CONFIG_ALWAYS),
    CONFIG_FIELD(num_queues, VIRTIO_BLK_F_MQ),
    CONFIG_FIELD(max_discard_sectors, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(max_discard_seg, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(unused1, PCI_CONFIG_ALWAYS),
    CONFIG_FIELD(max_secure_erase_sectors, VIRTIO_BLK_F_SECURE_ERASE),
    CONFIG_FIELD(max_secure_erase_seg, VIRTIO_BLK_F_SECURE_ERASE),
    CONFIG_FIELD(secure_erase_sector_alignment, VIRTIO_BLK_F_SECURE_ERASE),
};

bool pci_common_is_field(uint32_t offset, unsigned size)
{
    for (size_t i = 0; i < sizeof(common_fields) / sizeof(common_fields[0]); ++i) {
        if (common_fields[i].offset == offset && common_fields[i].size == size) {
            return true;
        }
    }
    return false;
}

const struct pci_config_field *pci_config_field_at(uint32_t offset)
{
    for (size_t i = 0; i < sizeof(config_fields) / sizeof(config_fields[0]); ++i) {
        const struct pci_config_field *field = &config_fields[i];
        if (offset >= field->offset && offset < (uint32_t)field->offset + field->size) {
            return field;
        }
    }
    return NULL;
}

uint64_t pci_half(uint64_t value, uint32_t select)
{
    return select == 0 ? (uint32_t)value : select == 1 ? value >> 32 : 0;
}

void pci_set_half(uint64_t *value, bool high, uint32_t half)
{
    *value = high ? (uint32_t)*value | (uint64_t)half << 32 : (*value & ~0xffffffffull) | half;
}
