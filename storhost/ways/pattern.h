/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data that describes itself: each logical block tells which block it is and which generation
 * (write) it comes from, and carries a checksum. A block in the wrong place, an old one, a torn
 * one and a damaged one are told apart.
 *
 *   0        8     16          24                            block_bytes-4
 *   | magic  | LBA | generation | words from LBA and generation ... | crc32c |
 */
#ifndef STORHOST_WAYS_PATTERN_H
#define STORHOST_WAYS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills one logical block. block_bytes: 512 or more, a multiple of 8. */
void pattern_fill(void *block, uint32_t block_bytes, uint64_t lba, uint64_t generation);

/* Whether a block holds just what pattern_fill would make; otherwise a text that says what it
 * holds instead. */
bool pattern_check(const void *block, uint32_t block_bytes, uint64_t lba, uint64_t generation,
                   char *why, size_t why_size);

/* CRC-32C (Castagnoli) of bytes. */
uint32_t pattern_crc(const void *data, size_t length);

/*
 * What must be where: the generation that each written block holds. Blocks never written are not
 * in it. Not for several threads at once.
 */
struct pattern_map;

#define PATTERN_UNKNOWN UINT64_MAX /* generation of a block whose last write failed */

struct pattern_map *pattern_map_create(void); /* ends the program when out of memory */
void pattern_map_destroy(struct pattern_map *map);
void pattern_map_set(struct pattern_map *map, uint64_t lba, uint64_t generation);
/* False: never written. */
bool pattern_map_get(const struct pattern_map *map, uint64_t lba, uint64_t *generation);
size_t pattern_map_count(const struct pattern_map *map);
/* Calls `visit` for each block in ascending order until it returns false; returns whether none
 * did. */
bool pattern_map_each(const struct pattern_map *map,
                      bool (*visit)(void *context, uint64_t lba, uint64_t generation),
                      void *context);

#endif
