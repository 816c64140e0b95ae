/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds the machine and takes it down: see bench.h. */
#include "ways/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/violation.h"
#include "devices/qemu/qemu.h"
#include "devices/scripted/scripted.h"
#include "devices/vhost_user/vhost_user.h"
#include "kernel/exports.h"
#include "machine/barrier.h"
#include "machine/clock.h"
#include "machine/cpu.h"
#include "machine/crash.h"
#include "machine/memory.h"
#include "machine/trap.h"
#include "port/readings.h"
#include "virtio/observer.h"
#include "virtio/ring_guard.h"
#include "ways/debug_output.h"

#define MEBIBYTE           UINT64_C(1048576)
#define BELOW_4G           (128 * MEBIBYTE)
#define ABOVE_4G           (512 * MEBIBYTE)
#define DEFAULT_IMAGE_SIZE (256 * MEBIBYTE)

/* Events that the driver logged, oldest first. One bench per process: so is this list. */
struct event {
    struct event *next;
    char text[];
};

static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static struct event *events, **events_end = &events;

static void note_event(void *context, const char *text)
{
    const struct bench *bench = context;
    size_t length = strlen(text) + 1;
    struct event *event = malloc(sizeof(*event) + length);

    if (bench->options->events) {
        fprintf(stderr, "event: %s\n", text);
    }
    if (event == NULL) {
        return;
    }
    event->next = NULL;
    memcpy(event->text, text, length);
    pthread_mutex_lock(&events_lock);
    *events_end = event;
    events_end = &event->next;
    pthread_mutex_unlock(&events_lock);
}

bool bench_event_logged(const char *text)
{
    bool found = false;

    pthread_mutex_lock(&events_lock);
    while (events != NULL && !found) {
        struct event *first = events;
        found = text != NULL && strstr(first->text, text) != NULL;
        events = first->next;
        free(first);
    }
    if (events == NULL) {
        events_end = &events;
    }
    pthread_mutex_unlock(&events_lock);
    return found;
}

static void remove_temporary_image(void *context)
{
    struct bench *bench = context;

    if (bench->temporary_folder != NULL) {
        unlink(bench->image);
        rmdir(bench->temporary_folder);
        free(bench->temporary_folder);
        bench->temporary_folder = NULL;
    }
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        fatal("out of memory");
    }
    return copy;
}

static void make_temporary_image(struct bench *bench)
{
    char folder[512], image[576], error[1024];

    if (!image_temporary_folder(folder, sizeof(folder), error, sizeof(error))) {
        fatal("%s: no place for a temporary image (set TMPDIR, or give --image)", error);
    }
    snprintf(image, sizeof(image), "%s/disk.%s", folder, bench->format);
    bench->temporary_folder = copy_text(folder);
    bench->image = copy_text(image);
    at_end(remove_temporary_image, bench);
}

/* Finds or makes the image. */
static void prepare_image(struct bench *bench)
{
    const struct options *options = bench->options;
    uint64_t size = options->size != 0 ? options->size : DEFAULT_IMAGE_SIZE;
    char error[1024];
    bool exists = options->image != NULL && access(options->image, F_OK) == 0;

    if (options->blockdev != NULL) {
        return;
    }
    bench->format = options->format;
    if (options->image != NULL) {
        bench->image = copy_text(options->image);
        if (!exists && options->size == 0) {
            fatal("%s: no such image (with --size one is made)", options->image);
        }
        bench->format = qemu_image_format(options->image, options->format, error, sizeof(error));
        if (bench->format == NULL) {
            fatal("%s", error);
        }
    } else {
        bench->format = options->format != NULL ? options->format : "raw";
        make_temporary_image(bench);
    }
    if (exists) {
        return;
    }
    if (!image_create(options->qemu_img, bench->image, bench->format, size, error, sizeof(error))) {
        fatal("%s", error);
    }
    bench->fresh = true;
}

/* All that goes behind -device virtio-blk-pci beyond what qemu_options has fields for. */
static char *device_options(const struct options *options)
{
    const char *more = options->qemu_device != NULL ? options->qemu_device : "";
    char queues[32] = "", *joined;

    if (options->queues != 0) {
        snprintf(queues, sizeof(queues), "num-queues=%u%s", options->queues,
                 more[0] != '\0' ? "," : "");
    }
    if (asprintf(&joined, "%s%s", queues, more) < 0) {
        fatal("out of memory");
    }
    return joined;
}

static struct device *create_qemu(const struct bench *bench)
{
    static const enum qemu_generation generations[] = {QEMU_TRANSITIONAL, QEMU_LEGACY, QEMU_MODERN};
    const struct options *options = bench->options;
    char *more = device_options(options), error[2048];
    struct qemu_options qemu = {
        .image = bench->image,
        .format = bench->format,
        .blockdev = options->blockdev,
        .device_options = more[0] != '\0' ? more : NULL,
        .generation = generations[options->transport],
        .vectors = options->device_vectors,
        .read_only = options->read_only,
        .throttle = {.requests_per_second = options->throttle},
        .extra_args = options->qemu_arguments,
        .binary = options->qemu,
    };
    struct device *device = qemu_device_create(&qemu, error, sizeof(error));

    free(more);
    if (device == NULL) {
        fatal("%s", error);
    }
    return device;
}

static struct device *create_scripted(const struct bench *bench)
{
    static const enum scripted_transport transports[] = {SCRIPTED_TRANSITIONAL, SCRIPTED_LEGACY,
                                                         SCRIPTED_MODERN};
    const struct options *options = bench->options;
    struct scripted_options *scripted = malloc(sizeof(*scripted));
    struct device *device;
    char text[8192] = "", error[1024];

    if (scripted == NULL) {
        fatal("out of memory");
    }
    scripted_defaults(scripted);
    scripted->transport = transports[options->transport];
    scripted->queues = options->queues != 0 ? options->queues : scripted->queues;
    scripted->read_only = options->read_only;
    if (options->device_profile != NULL) {
        snprintf(text, sizeof(text), "profile=%s", options->device_profile);
    } else if (options->device_script != NULL) {
        snprintf(text, sizeof(text), "%s", options->device_script);
    }
    if (!scripted_parse(text, scripted, error, sizeof(error))) {
        fatal("--device=scripted: %s", error);
    }
    device = scripted_create(scripted, error, sizeof(error));
    if (device == NULL) {
        fatal("--device=scripted: %s", error);
    }
    free(scripted);
    return device;
}

/* Options that are QEMU's, and that a back end that somebody else started has its own way for. */
static void refuse_vhost_user_options(const struct options *options)
{
    if (options->blockdev != NULL || options->size != 0) {
        fatal("--device=vhost-user: the back end opens the disk, so --blockdev and --size are no "
              "use; "
              "--image may name the file that it serves, for run to compare");
    }
    if (options->read_only) {
        fatal("--device=vhost-user: whether the disk can be written is the back end's to say "
              "(qemu-storage-daemon: writable=off)");
    }
    if (options->transport == TRANSPORT_LEGACY) {
        fatal("--device=vhost-user is a modern device: --transport=legacy is for the others");
    }
    if (options->throttle != 0 || options->qemu_device != NULL) {
        fatal("--throttle and --qemu-device belong to --device=qemu");
    }
}

/* The file that the back end serves, if it is told: to be looked at behind the driver's back. */
static void note_served_image(struct bench *bench)
{
    const struct options *options = bench->options;
    char error[1024];

    if (options->image == NULL) {
        return;
    }
    if (access(options->image, R_OK) != 0) {
        fatal("%s: no such image; with --device=vhost-user it is the file that the back end serves",
              options->image);
    }
    bench->image = copy_text(options->image);
    bench->format = qemu_image_format(options->image, options->format, error, sizeof(error));
    if (bench->format == NULL) {
        fatal("%s", error);
    }
}

static struct device *create_vhost_user(struct bench *bench)
{
    const struct options *options = bench->options;
    struct vhost_user_options vhost;
    struct device *device;
    char error[1024];

    refuse_vhost_user_options(options);
    note_served_image(bench);
    vhost_user_defaults(&vhost);
    vhost.queues = options->queues != 0 ? options->queues : vhost.queues;
    vhost.vectors = options->device_vectors;
    if (!vhost_user_parse(options->device_script, &vhost, error, sizeof(error))) {
        fatal("--device=vhost-user: %s", error);
    }
    device = vhost_user_create(&vhost, error, sizeof(error));
    if (device == NULL) {
        fatal("--device=vhost-user: %s", error);
    }
    return device;
}

static struct device *create_device(struct bench *bench)
{
    if (bench->options->device == DEVICE_VHOST_USER) {
        return create_vhost_user(bench);
    }
    if (bench->options->device == DEVICE_SCRIPTED) {
        if (bench->options->image != NULL || bench->options->blockdev != NULL) {
            fatal("the scripted device has no --image and no --blockdev; its disk is memory, or "
                  "--device=scripted:file=PATH");
        }
        return create_scripted(bench);
    }
    prepare_image(bench);
    return create_qemu(bench);
}

static void start_machine(const struct options *options)
{
    struct memory_options memory = {.below_4g = BELOW_4G,
                                    .above_4g = ABOVE_4G,
                                    .bus_offset = options->bus_offset,
                                    .seed = options->port.seed};

    readings_begin(options->readings);
    failure_note(readings_report);
    memory_init(&memory);
    trap_init();
    debug_output_begin(options->debug_output);
    cpu_start(options->processors, options->scheduler, options->port.seed);
    clock_start(options->clock);
}

void bench_open_device(struct bench *bench, const struct options *options)
{
    memset(bench, 0, sizeof(*bench));
    bench->options = options;
    start_machine(options);
    bench->backend = create_device(bench);
    bench->device = observer_wrap(bench->backend);
    bench->state = BENCH_DEVICE;
}

void bench_open(struct bench *bench, const struct options *options)
{
    char error[2048];

    if (access(options->driver, R_OK) != 0) {
        fatal("%s: no such driver file (build it with make, or give --driver)", options->driver);
    }
    bench_open_device(bench, options);
    /* Counting and watching would both step; where instructions are counted, scripts have watched. */
    if (options->scheduler == CPU_DETERMINISTIC && options->command != COMMAND_COUNT) {
        barrier_follow();
        ring_guard_one_lock(options->one_ring_lock);
        observer_watch_fetches(bench->device);
    }
    bench->port = port_load(options->driver, &options->port, error, sizeof(error));
    if (bench->port == NULL) {
        fatal("%s", error);
    }
    port_on_event(bench->port, note_event, bench);
    if (!port_start(bench->port, bench->device, error, sizeof(error))) {
        fatal("the driver did not start its adapter: %s", error);
    }
    bench->state = BENCH_RUNNING;
    if (!disk_discover(&bench->disk, bench->port, error, sizeof(error))) {
        fatal("the disk was not discovered: %s", error);
    }
}

struct disk_class *bench_class(struct bench *bench)
{
    char error[512];

    if (bench->class == NULL) {
        bench->class = class_start(bench->port, error, sizeof(error));
        if (bench->class == NULL) {
            fatal("%s", error);
        }
    }
    return bench->class;
}

void bench_remove(struct bench *bench, bool surprise)
{
    if (bench->state != BENCH_RUNNING) {
        return;
    }
    bench->state = BENCH_REMOVED;
    if (surprise) {
        port_surprise_remove(bench->port);
    } else {
        port_remove(bench->port);
    }
}

void bench_close(struct bench *bench)
{
    if (bench->state == BENCH_EMPTY) {
        return;
    }
    if (crash_happened()) {
        bench->state = BENCH_EMPTY;
        bench->device->ops->destroy(bench->device);
        return;
    }
    if (bench->state != BENCH_DEVICE) {
        bench_remove(bench, false);
        if (bench->class != NULL) {
            class_end(bench->class);
            bench->class = NULL;
        }
        port_unload(bench->port);
    }
    bench->state = BENCH_EMPTY;
    bench->device->ops->destroy(bench->device);
    cpu_stop();
}

void bench_image_place(const struct bench *bench, struct image_place *place)
{
    place->qemu_img = bench->options->qemu_img;
    place->file = bench->image;
    place->format = bench->format;
    place->blockdev = bench->options->blockdev;
    place->shared = bench->options->device == DEVICE_VHOST_USER;
}
