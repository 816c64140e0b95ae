/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The physical pages ("frames") of the guest and who may have which. Internal to memory.c, whose
 * mutex every call needs (frame_physical and frame_of excepted: they read constants).
 *
 * A frame's number is its page index in the memory file: the frames below 4 GiB first, those from
 * 4 GiB on behind them.
 */
#ifndef STORHOST_MACHINE_FRAMES_H
#define STORHOST_MACHINE_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Where frames may lie: physical addresses, both inclusive; highest UINT64_MAX: anywhere. */
struct frame_limits {
    uint64_t lowest;
    uint64_t highest;
};

/* Takes over `below_4g` and `above_4g` bytes of memory. The first MiB stays out of use. */
void frames_init(uint64_t below_4g, uint64_t above_4g, uint64_t seed);
uint32_t frames_total(void);

uint64_t frame_physical(uint32_t frame);
/* The frame of a physical address; false: no memory there. */
bool frame_of(uint64_t physical, uint32_t *frame);

/* Draws `count` frames from everywhere, above and below 4 GiB alike. False: too few are left, and
 * none was taken. */
bool frames_take_scattered(const struct frame_limits *limits, uint32_t count, uint32_t *frames);

/* Takes `count` frames that follow each other, the first at a multiple of `alignment` bytes, all
 * within one `boundary` (power of two, 0: none). False: no such run. */
bool frames_take_run(const struct frame_limits *limits, uint32_t count, uint64_t alignment,
                     uint64_t boundary, uint32_t *frames);

void frames_give_back(uint32_t count, const uint32_t *frames);

#endif
