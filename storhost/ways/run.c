/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command run: a disk is written and read as applications do, through the disk class and the driver, by
 * several kinds of workload, one after the other, everything read is compared; at the end the image is compared, behind the
 * driver's back, with what was written.
 */
#include "ways/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/violation.h"
#include "ways/bench.h"
#include "ways/facts.h"
#include "ways/pattern.h"
#include "ways/progress.h"
#include "ways/stop.h"
#include "ways/workload.h"

#define MEBIBYTE      UINT64_C(1048576)
#define DEFAULT_BYTES (64 * MEBIBYTE)

/* One phase: its share of the bytes (in 16ths of --bytes) and its requests' sizes in bytes, rounded
 * to whole blocks; the disk class splits what the adapter does not take at once. */
struct phase {
    const char *what;
    enum workload_kind kind;
    unsigned share;
    uint32_t smallest, largest;
    bool deep; /* at full depth; otherwise one request at a time */
};

static const struct phase phases[] = {
    {"sequential write", WORKLOAD_SEQUENTIAL_WRITE, 16, 4096, 1048576, true},
    {"random write", WORKLOAD_RANDOM_WRITE, 4, 512, 65536, true},
    {"random read+write", WORKLOAD_RANDOM_MIXED, 4, 4096, 4096, true},
    {"one at a time", WORKLOAD_RANDOM_MIXED, 1, 512, 131072, false},
    {"sequential read", WORKLOAD_SEQUENTIAL_READ, 16, 4096, 1048576, true},
    {"random read", WORKLOAD_RANDOM_READ, 4, 512, 65536, true},
};

struct run {
    struct bench *bench;
    struct pattern_map *map;
    uint64_t generation;
    uint64_t bytes;
};

static uint32_t to_blocks(const struct disk *disk, uint32_t bytes)
{
    uint32_t blocks = bytes / disk->block_bytes;

    blocks = blocks == 0 ? 1 : blocks;
    return blocks > disk->blocks ? (uint32_t)disk->blocks : blocks;
}

static bool run_phase(struct run *run, const struct phase *phase, unsigned number)
{
    const struct options *options = run->bench->options;
    const struct disk *disk = &run->bench->disk;
    struct progress progress;
    char error[512];
    struct workload workload = {
        .kind = phase->kind,
        .disk = disk,
        .class = bench_class(run->bench),
        .map = run->map,
        .generation = &run->generation,
        .blocks = (run->bytes + disk->block_bytes - 1) / disk->block_bytes,
        .bytes = run->bytes * phase->share / 16,
        .smallest = to_blocks(disk, phase->smallest),
        .largest = to_blocks(disk, phase->largest),
        .depth = phase->deep ? options->depth : 1,
        .processors = options->processors,
        .seed = options->port.seed + number,
        .progress = &progress,
    };

    /* The region is the disk's last part, so that the highest addresses are in it. */
    workload.blocks = workload.blocks > disk->blocks ? disk->blocks : workload.blocks;
    workload.first_lba = disk->blocks - workload.blocks;
    if (workload.largest > workload.blocks) {
        workload.largest = (uint32_t)workload.blocks;
    }
    if (workload.smallest > workload.largest) {
        workload.smallest = workload.largest;
    }
    progress_begin(&progress, !options->no_progress && !options->quiet, phase->what,
                   workload.bytes);
    if (!workload_run(&workload, error, sizeof(error))) {
        fprintf(stderr, "storhost: %s: %s\n", phase->what, error);
        return false;
    }
    progress_end(&progress, workload.done_bytes);
    return true;
}

static bool flush(struct run *run)
{
    struct class_request request = {.operation = CLASS_FLUSH, .processor = -1};

    class_execute(bench_class(run->bench), &request);
    if (request.status != CLASS_SUCCESS) {
        fprintf(stderr, "storhost: the flush failed: %s\n", class_status_name(request.status));
    }
    return request.status == CLASS_SUCCESS;
}

static bool run_phases(struct run *run)
{
    for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        if (stop_requested()) {
            fprintf(stderr, "storhost: stopped before the end\n");
            return false;
        }
        if (!run_phase(run, &phases[i], i)) {
            return false;
        }
    }
    return !stop_requested() && flush(run);
}

/* Half the disk at most, so that sizes below that of the default also run. */
static uint64_t choose_bytes(const struct bench *bench)
{
    const struct disk *disk = &bench->disk;
    uint64_t capacity = disk->blocks * disk->block_bytes;
    uint64_t bytes = bench->options->bytes;

    if (bytes == 0) {
        bytes = DEFAULT_BYTES < capacity / 2 ? DEFAULT_BYTES : capacity / 2;
    }
    bytes = bytes > capacity ? capacity : bytes;
    return bytes < disk->block_bytes ? disk->block_bytes : bytes;
}

static bool compare(const struct run *run)
{
    const struct bench *bench = run->bench;
    struct image_place place;
    uint64_t compared;
    char error[1024];

    if (bench->image == NULL && bench->options->blockdev == NULL) {
        if (!bench->options->quiet && !bench->options->json) {
            printf("Not compared\n  %-24s only the back end knows it; --image names it\n", "image");
        }
        return true;
    }
    bench_image_place(bench, &place);
    if (!image_compare(&place, run->map, bench->disk.block_bytes, &compared, error,
                       sizeof(error))) {
        fprintf(stderr, "storhost: what the image holds is not what was written: %s\n", error);
        return false;
    }
    if (!bench->options->quiet && !bench->options->json) {
        printf("Compared\n  %-24s %llu blocks (%.1f MiB) hold what was written last\n", "image",
               (unsigned long long)compared,
               (double)compared * bench->disk.block_bytes / (double)MEBIBYTE);
    }
    return true;
}

/* Writes only to an image that was made for this, or with the user's consent. */
static void check_consent(const struct bench *bench)
{
    if (bench->options->device == DEVICE_VHOST_USER && !bench->options->overwrite) {
        fatal("run writes all over the disk that the back end serves: say --overwrite if its "
              "contents "
              "may be lost");
    }
    if (!bench->fresh && !bench->options->overwrite) {
        fatal("%s: run writes all over the disk: say --overwrite if its contents may be lost, or "
              "leave --image away to use a temporary one",
              bench->image != NULL ? bench->image : bench->options->blockdev);
    }
    if (bench->disk.read_only) {
        fatal("the disk is read-only: run cannot write it");
    }
}

int command_run(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    struct run run = {.bench = &bench};
    json_t *before, *after;
    bool good;

    if (options->device == DEVICE_SCRIPTED) {
        fatal("run compares an image with what was written, and the scripted device has none: use "
              "script");
    }
    bench_open(&bench, options);
    check_consent(&bench);
    run.map = pattern_map_create();
    run.generation = options->port.seed << 32;
    run.bytes = choose_bytes(&bench);
    (void)bench_class(&bench);
    before = facts_collect(&bench);
    if (!options->json && !options->quiet) {
        facts_print_found(before);
    }
    good = run_phases(&run);
    after = facts_collect(&bench);
    facts_subtract_counters(after, before);
    if (good) {
        bench_close(&bench);
        good = compare(&run);
    }
    if (options->json) {
        facts_print_json(after);
    } else {
        facts_print_counters(after);
    }
    json_decref(before);
    json_decref(after);
    pattern_map_destroy(run.map);
    return good ? 0 : 1;
}
