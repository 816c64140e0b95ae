/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frame allocator. Memory below and above 4 GiB is each cut in two zones: the first three quarters
 * for pages drawn one by one, the last quarter for runs, since single draws at random would leave
 * no run of any length. A zone that is used up borrows from the other.
 *
 * The free frames of a zone stand in an array without order, with each frame knowing its place in
 * it: drawing at random and taking a particular frame are both done in constant time.
 */
#include "machine/frames.h"

#include "base/random.h"
#include "base/violation.h"
#include "machine/memory.h"

#include <stddef.h>
#include <stdlib.h>

#define NOT_FREE      UINT32_MAX
#define FIRST_4G      (UINT64_C(1) << 32)
#define UNUSED_FRAMES (0x100000u / GUEST_PAGE_SIZE)
#define RANDOM_DRAWS  16 /* before a zone that is partly out of bounds is searched */

enum zone_index {
    LOW_SCATTERED,
    LOW_RUNS,
    HIGH_SCATTERED,
    HIGH_RUNS,
    ZONES
};

struct zone {
    uint32_t first, end; /* frames [first, end) */
    uint32_t free_count;
    uint32_t *free; /* the free ones, in no order */
};

static struct zone zones[ZONES];
static uint32_t *place; /* of each frame in its zone's free array, or NOT_FREE */
static uint32_t low_frames, total_frames;
static uint64_t random_state;

uint32_t frames_total(void)
{
    return total_frames;
}

uint64_t frame_physical(uint32_t frame)
{
    return frame < low_frames ? (uint64_t)frame * GUEST_PAGE_SIZE
                              : FIRST_4G + (uint64_t)(frame - low_frames) * GUEST_PAGE_SIZE;
}

bool frame_of(uint64_t physical, uint32_t *frame)
{
    uint64_t index = physical / GUEST_PAGE_SIZE;

    if (physical >= FIRST_4G) {
        index = (physical - FIRST_4G) / GUEST_PAGE_SIZE + low_frames;
    } else if (index >= low_frames) {
        return false;
    }
    if (index >= total_frames) {
        return false;
    }
    *frame = (uint32_t)index;
    return true;
}

static struct zone *zone_of(uint32_t frame)
{
    struct zone *zone = zones;
    while (frame >= zone->end) {
        zone++;
    }
    return zone;
}

static void put_free(uint32_t frame)
{
    struct zone *zone = zone_of(frame);
    place[frame] = zone->free_count;
    zone->free[zone->free_count++] = frame;
}

static void take_frame(struct zone *zone, uint32_t frame)
{
    uint32_t last = zone->free[--zone->free_count];
    zone->free[place[frame]] = last;
    place[last] = place[frame];
    place[frame] = NOT_FREE;
}

static void init_zone(enum zone_index index, uint32_t first, uint32_t end)
{
    struct zone *zone = &zones[index];
    *zone = (struct zone){.first = first, .end = end};
    zone->free = malloc(sizeof(*zone->free) * (end - first + 1));
    if (!zone->free) {
        fatal("no memory for the table of %u guest pages", end - first);
    }
}

void frames_init(uint64_t below_4g, uint64_t above_4g, uint64_t seed)
{
    uint32_t high_frames = (uint32_t)(above_4g / GUEST_PAGE_SIZE);

    low_frames = (uint32_t)(below_4g / GUEST_PAGE_SIZE);
    total_frames = low_frames + high_frames;
    random_state = seed ^ UINT64_C(0x66726d73);
    place = malloc(sizeof(*place) * (total_frames + 1));
    if (!place) {
        fatal("no memory for the table of %u guest pages", total_frames);
    }
    init_zone(LOW_SCATTERED, 0, low_frames - low_frames / 4);
    init_zone(LOW_RUNS, low_frames - low_frames / 4, low_frames);
    init_zone(HIGH_SCATTERED, low_frames, total_frames - high_frames / 4);
    init_zone(HIGH_RUNS, total_frames - high_frames / 4, total_frames);
    for (uint32_t frame = 0; frame < total_frames; frame++) {
        place[frame] = NOT_FREE;
        if (frame >= UNUSED_FRAMES) {
            put_free(frame);
        }
    }
}

static bool within(uint32_t frame, const struct frame_limits *limits)
{
    uint64_t physical = frame_physical(frame);
    return physical >= limits->lowest && physical + (GUEST_PAGE_SIZE - 1) <= limits->highest;
}

/* A free frame of the zone within the limits, drawn at random as far as that is cheap. */
static bool draw_from(struct zone *zone, const struct frame_limits *limits, uint32_t *frame)
{
    for (int i = 0; i < RANDOM_DRAWS && zone->free_count > 0; i++) {
        *frame = zone->free[random_next(&random_state) % zone->free_count];
        if (within(*frame, limits)) {
            take_frame(zone, *frame);
            return true;
        }
    }
    for (*frame = zone->first; *frame < zone->end; (*frame)++) {
        if (place[*frame] != NOT_FREE && within(*frame, limits)) {
            take_frame(zone, *frame);
            return true;
        }
    }
    return false;
}

static bool draw(const struct frame_limits *limits, uint32_t *frame)
{
    static const enum zone_index orders[2][ZONES] = {
        {LOW_SCATTERED, HIGH_SCATTERED, LOW_RUNS, HIGH_RUNS},
        {HIGH_SCATTERED, LOW_SCATTERED, HIGH_RUNS, LOW_RUNS},
    };
    const enum zone_index *order = orders[random_next(&random_state) & 1];

    for (int i = 0; i < ZONES; i++) {
        struct zone *zone = &zones[order[i]];
        if (zone->free_count > 0 && draw_from(zone, limits, frame)) {
            return true;
        }
    }
    return false;
}

bool frames_take_scattered(const struct frame_limits *limits, uint32_t count, uint32_t *frames)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!draw(limits, &frames[i])) {
            frames_give_back(i, frames);
            return false;
        }
    }
    return true;
}

/* The first frame of a suitable free run that starts in [first, last], or NOT_FREE. `end` is where
 * the run must end at the latest. */
static uint32_t find_run(uint32_t first, uint32_t last, uint32_t end, uint32_t count,
                         const struct frame_limits *limits, uint64_t alignment, uint64_t boundary)
{
    uint32_t step = (uint32_t)(alignment / GUEST_PAGE_SIZE);
    uint32_t start = first;

    while (start <= last && count <= end - start) {
        uint64_t physical = frame_physical(start);
        uint64_t final = physical + (uint64_t)count * GUEST_PAGE_SIZE - 1;
        if (physical % alignment != 0) {
            start += step - (uint32_t)(physical / GUEST_PAGE_SIZE % step);
            continue;
        }
        uint32_t length = 0;
        while (length < count && place[start + length] != NOT_FREE &&
               within(start + length, limits)) {
            length++;
        }
        if (length == count && (boundary == 0 || physical / boundary == final / boundary)) {
            return start;
        }
        start += length == count ? step : (length / step + 1) * step;
    }
    return NOT_FREE;
}

/* Searches frames [first, end) from a random place on, then from the beginning. */
static uint32_t find_run_around(uint32_t first, uint32_t end, uint32_t count,
                                const struct frame_limits *limits, uint64_t alignment,
                                uint64_t boundary)
{
    if (end - first < count) {
        return NOT_FREE;
    }
    uint32_t middle = first + (uint32_t)(random_next(&random_state) % (end - first - count + 1));
    uint32_t start = find_run(middle, end - count, end, count, limits, alignment, boundary);
    if (start == NOT_FREE) {
        start = find_run(first, middle, end, count, limits, alignment, boundary);
    }
    return start;
}

bool frames_take_run(const struct frame_limits *limits, uint32_t count, uint64_t alignment,
                     uint64_t boundary, uint32_t *frames)
{
    enum zone_index coin = random_next(&random_state) & 1 ? HIGH_SCATTERED : LOW_SCATTERED;
    uint32_t start = NOT_FREE;

    if (alignment < GUEST_PAGE_SIZE) {
        alignment = GUEST_PAGE_SIZE;
    }
    for (int try = 0; try < 4 && start == NOT_FREE; try++) {
        enum zone_index scattered = try & 1 ? (enum zone_index)(coin ^ HIGH_SCATTERED) : coin;
        const struct zone *whole = &zones[scattered], *runs = &zones[scattered + 1];
        start = find_run_around(try < 2 ? runs->first : whole->first, runs->end, count, limits,
                                alignment, boundary);
    }
    if (start == NOT_FREE) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        frames[i] = start + i;
        take_frame(zone_of(start + i), start + i);
    }
    return true;
}

void frames_give_back(uint32_t count, const uint32_t *frames)
{
    for (uint32_t i = 0; i < count; i++) {
        put_free(frames[i]);
    }
}
