/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checksum of a PE file. Windows refuses a driver whose header states a wrong one; the loader
 * here does not, so that a file under test may be patched, and leaves the judgement to its caller.
 *
 * The sum of all 16-bit words of the file with the carry added back, the checksum's own four bytes
 * taken as 0, plus the length of the file.
 */
#include <string.h>

#include "pe/pe_internal.h"

bool pe_checksum(const uint8_t *file, size_t length, uint32_t *stored, uint32_t *computed)
{
    uint32_t signature_offset;
    uint64_t field;
    uint64_t sum = 0;
    size_t offset;

    if (length < PE_DOS_HEADER_SIZE) {
        return false;
    }
    memcpy(&signature_offset, file + PE_DOS_LFANEW, sizeof(signature_offset));
    field = (uint64_t)signature_offset + 4 + sizeof(struct pe_coff_header) + PE_OPTIONAL_CHECKSUM;
    if (field % 2 != 0 || field + sizeof(*stored) > length) {
        return false;
    }
    memcpy(stored, file + field, sizeof(*stored));
    for (offset = 0; offset < length; offset += 2) {
        uint16_t word = 0;

        if (offset != field && offset != field + 2) {
            memcpy(&word, file + offset, length - offset >= 2 ? 2 : 1);
        }
        sum += word;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    *computed = (uint32_t)(sum + length);
    return true;
}
