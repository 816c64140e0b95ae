/* SPDX-License-Identifier: BSD-3-Clause */
/* Self-describing blocks and the map of what was written: see pattern.h. */
#include "ways/pattern.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/violation.h"

#define MAGIC        UINT64_C(0x6b636f6c62736873) /* "shsblock" */
#define HEADER_WORDS 3

static uint32_t crc_table[256];
static pthread_once_t crc_table_once = PTHREAD_ONCE_INIT;

static void fill_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (UINT32_C(0x82f63b78) & (0u - (value & 1)));
        }
        crc_table[i] = value;
    }
}

uint32_t pattern_crc(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint32_t crc = UINT32_MAX;

    pthread_once(&crc_table_once, fill_crc_table);
    while (length-- > 0) {
        crc = crc >> 8 ^ crc_table[(crc ^ *bytes++) & 0xff];
    }
    return ~crc;
}

void pattern_fill(void *block, uint32_t block_bytes, uint64_t lba, uint64_t generation)
{
    uint64_t state = random_mix(lba) ^ generation;
    uint64_t words[3] = {MAGIC, lba, generation};
    uint8_t *bytes = block;
    uint32_t crc;

    memcpy(bytes, words, sizeof(words));
    for (size_t at = sizeof(words); at < block_bytes; at += 8) {
        uint64_t word = random_next(&state);
        memcpy(bytes + at, &word, 8);
    }
    crc = pattern_crc(bytes, block_bytes - 4);
    memcpy(bytes + block_bytes - 4, &crc, 4);
}

/* Says what a block that is not the expected one holds. */
static void explain(const uint8_t *bytes, uint32_t block_bytes, uint64_t lba, uint64_t generation,
                    char *why, size_t why_size)
{
    uint64_t words[HEADER_WORDS];
    uint32_t crc;
    bool whole;

    memcpy(words, bytes, sizeof(words));
    memcpy(&crc, bytes + block_bytes - 4, 4);
    whole = crc == pattern_crc(bytes, block_bytes - 4);
    if (words[0] != MAGIC) {
        bool zero = true;
        for (uint32_t i = 0; i < block_bytes && zero; i++) {
            zero = bytes[i] == 0;
        }
        snprintf(why, why_size, "block %llu, generation %llu expected: the block %s",
                 (unsigned long long)lba, (unsigned long long)generation,
                 zero ? "is all zeros" : "holds something that was never written");
        return;
    }
    snprintf(why, why_size,
             "block %llu, generation %llu expected: the block holds %s block %llu, generation %llu",
             (unsigned long long)lba, (unsigned long long)generation,
             whole ? "the whole" : "a torn or damaged", (unsigned long long)words[1],
             (unsigned long long)words[2]);
}

bool pattern_check(const void *block, uint32_t block_bytes, uint64_t lba, uint64_t generation,
                   char *why, size_t why_size)
{
    uint64_t words[HEADER_WORDS] = {MAGIC, lba, generation};
    uint64_t state = random_mix(lba) ^ generation;
    const uint8_t *bytes = block;
    bool same = memcmp(bytes, words, sizeof(words)) == 0;
    uint32_t crc;

    for (size_t at = sizeof(words); same && at + 8 < block_bytes; at += 8) {
        uint64_t word = random_next(&state);
        same = memcmp(bytes + at, &word, 8) == 0;
    }
    /* The last word's first half has no word to be compared with any more but for the checksum. */
    memcpy(&crc, bytes + block_bytes - 4, 4);
    if (same && crc == pattern_crc(bytes, block_bytes - 4)) {
        return true;
    }
    explain(bytes, block_bytes, lba, generation, why, why_size);
    return false;
}

/*
 * The map: an open hash table, keyed by block, doubled when three quarters full. Key + 1 is
 * stored, so that zeroed memory is empty.
 */
struct entry {
    uint64_t key; /* lba + 1; 0: empty */
    uint64_t generation;
};

struct pattern_map {
    struct entry *entries;
    size_t size; /* power of two */
    size_t count;
};

static struct entry *new_entries(size_t size)
{
    struct entry *entries = calloc(size, sizeof(*entries));

    if (entries == NULL) {
        fatal("out of memory for the map of %zu written blocks", size);
    }
    return entries;
}

struct pattern_map *pattern_map_create(void)
{
    struct pattern_map *map = calloc(1, sizeof(*map));

    if (map == NULL) {
        fatal("out of memory");
    }
    map->size = 1024;
    map->entries = new_entries(map->size);
    return map;
}

void pattern_map_destroy(struct pattern_map *map)
{
    free(map->entries);
    free(map);
}

/* The entry of a block, or the empty one where it would go. */
static struct entry *find_entry(struct entry *entries, size_t size, uint64_t lba)
{
    size_t at = (size_t)random_mix(lba) & (size - 1);

    while (entries[at].key != 0 && entries[at].key != lba + 1) {
        at = (at + 1) & (size - 1);
    }
    return &entries[at];
}

static void grow(struct pattern_map *map)
{
    struct entry *bigger = new_entries(map->size * 2);

    for (size_t i = 0; i < map->size; i++) {
        if (map->entries[i].key != 0) {
            *find_entry(bigger, map->size * 2, map->entries[i].key - 1) = map->entries[i];
        }
    }
    free(map->entries);
    map->entries = bigger;
    map->size *= 2;
}

void pattern_map_set(struct pattern_map *map, uint64_t lba, uint64_t generation)
{
    struct entry *entry = find_entry(map->entries, map->size, lba);

    if (entry->key == 0) {
        entry->key = lba + 1;
        map->count++;
    }
    entry->generation = generation;
    if (map->count * 4 > map->size * 3) {
        grow(map);
    }
}

bool pattern_map_get(const struct pattern_map *map, uint64_t lba, uint64_t *generation)
{
    const struct entry *entry = find_entry(map->entries, map->size, lba);

    if (entry->key == 0) {
        return false;
    }
    *generation = entry->generation;
    return true;
}

size_t pattern_map_count(const struct pattern_map *map)
{
    return map->count;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return (a->key > b->key) - (a->key < b->key);
}

bool pattern_map_each(const struct pattern_map *map,
                      bool (*visit)(void *context, uint64_t lba, uint64_t generation),
                      void *context)
{
    struct entry *sorted = new_entries(map->count + 1);
    size_t count = 0;
    bool all = true;

    for (size_t i = 0; i < map->size; i++) {
        if (map->entries[i].key != 0) {
            sorted[count++] = map->entries[i];
        }
    }
    qsort(sorted, count, sizeof(*sorted), compare_entries);
    for (size_t i = 0; i < count && all; i++) {
        all = visit(context, sorted[i].key - 1, sorted[i].generation);
    }
    free(sorted);
    return all;
}
