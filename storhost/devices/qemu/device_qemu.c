/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's virtio-blk-pci as a device: the operations, creation and end.
 *
 *      storhost                                    QEMU (processor halted)
 *   trapped access --- qtest socket: "outw ..." ----> virtio-blk-pci ---> image
 *   event: line   <-- qtest socket: "IRQ raise 11" -- I/O APIC <-- INTx     |
 *   event: message <-- eventfd ----------- ivshmem-doorbell <-- MSI-X write |
 *   guest memory  <=============== the same memfd ===========> DMA ---------+
 *   tests         --- QMP socket: resize, throttle ...
 *
 * QEMU is used as it is installed: no qtest accelerator is needed, for the protocol works with a
 * virtual processor too, and that one halts at its first instruction (a 64 KiB firmware made here).
 * QEMU's clock is the real one; StorPort's timeouts run on the bench's own.
 *
 * The device's state goes STARTING -> RUNNING -> STOPPING, or from either of the first two to DEAD
 * (process.c). A device that was removed or whose QEMU is dead answers all ones.
 */
#include "devices/qemu/qemu_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine/memory.h"

#define DEFAULT_DEADLINE_MS 30000
#define FIRMWARE_BYTES      0x10000
#define RESET_VECTOR        0xfff0 /* 16 bytes below the firmware's end */
#define CONFIG_BYTES        256    /* of a function on a conventional bus */
#define BAR_FIRST           0x10
#define BAR_LAST            0x27
#define EJECT_PORT          0xae08 /* PIIX4's hot-plug: a bit per slot */
#define REMOVAL_MS          10000u

/* ---- operations ---- */

static bool answers(const struct qemu_device *qemu)
{
    return !qemu->device.removed && qemu_alive(qemu);
}

static bool size_is_valid(unsigned size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool config_access_is_valid(unsigned offset, unsigned size)
{
    return size_is_valid(size) && size <= 4 && offset < CONFIG_BYTES && offset % size == 0;
}

static uint32_t config_read(struct device *device, unsigned offset, unsigned size)
{
    struct qemu_device *qemu = qemu_from(device);

    if (!answers(qemu) || !config_access_is_valid(offset, size)) {
        return (uint32_t)device_all_ones(size > 4 ? 4 : size);
    }
    return qtest_config_read(qemu, qemu->devfn, offset, size);
}

/* BARs stay where they are: they belong to the bus driver. */
static void config_write(struct device *device, unsigned offset, unsigned size, uint32_t value)
{
    struct qemu_device *qemu = qemu_from(device);

    if (answers(qemu) && config_access_is_valid(offset, size) &&
        (offset < BAR_FIRST || offset > BAR_LAST)) {
        qtest_config_write(qemu, qemu->devfn, offset, size, value);
    }
}

static bool bar_access_is_valid(const struct device *device, unsigned bar, uint64_t offset,
                                unsigned size)
{
    return size_is_valid(size) && device_inside_bar(device, bar, offset, size) &&
           (size <= 4 || !device->bars[bar].ports);
}

static enum qtest_space space_of(const struct device_bar *bar)
{
    return bar->ports ? QTEST_PORT : QTEST_MEMORY;
}

static uint64_t bar_read(struct device *device, unsigned bar, uint64_t offset, unsigned size)
{
    struct qemu_device *qemu = qemu_from(device);
    struct qemu_bar_access access = {"read", (int)bar, offset, size};

    if (!answers(qemu) || !bar_access_is_valid(device, bar, offset, size)) {
        return device_all_ones(size);
    }
    const struct device_bar *where = &device->bars[bar];
    uint64_t value = qtest_read(qemu, space_of(where), where->address + offset, size, access);
    return answers(qemu) ? value : device_all_ones(size);
}

static void bar_write(struct device *device, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct qemu_device *qemu = qemu_from(device);
    struct qemu_bar_access access = {"write", (int)bar, offset, size};

    if (answers(qemu) && bar_access_is_valid(device, bar, offset, size)) {
        const struct device_bar *where = &device->bars[bar];

        qtest_write(qemu, space_of(where), where->address + offset, size, value, access);
    }
}

static unsigned set_message_vectors(struct device *device, unsigned vectors)
{
    struct qemu_device *qemu = qemu_from(device);

    return answers(qemu) ? pci_set_vectors(qemu, vectors) : 0;
}

/* device_del asks the guest to let go; writing the slot's bit is the guest's answer. The device
 * counts as removed before that: an ejected function's BARs read 0, not all ones. */
static void remove_device(struct device *device)
{
    struct qemu_device *qemu = qemu_from(device);
    struct qemu_bar_access access = {"write to the hot-plug port", -1, EJECT_PORT, 4};
    char reason[256];

    if (!answers(qemu)) {
        device->removed = true;
        return;
    }
    device->removed = true;
    qtest_drop_line(qemu);
    json_t *result = qmp_command(
        qemu,
        json_pack("{s:s,s:{s:s}}", "execute", "device_del", "arguments", "id", QEMU_DEVICE_ID),
        qemu->deadline_ms, reason, sizeof reason);
    if (!result) {
        fprintf(stderr, "storhost: QEMU does not take its disk out: %s\n", reason);
        return;
    }
    json_decref(result);
    qtest_write(qemu, QTEST_PORT, EJECT_PORT, 4, UINT64_C(1) << device->slot, access);
    if (!qemu_wait_event(device, "DEVICE_DELETED", REMOVAL_MS)) {
        fprintf(stderr, "storhost: QEMU has not taken its disk out within %u ms\n", REMOVAL_MS);
    }
}

static void move_bars(struct device *device)
{
    struct qemu_device *qemu = qemu_from(device);

    if (answers(qemu)) {
        pci_move_bars(qemu);
    }
}

static void release(struct qemu_device *qemu)
{
    qemu_close_child_fds(qemu);
    qmp_close(qemu);
    doorbell_close(qemu);
    int fds[] = {qemu->qtest_fd, qemu->pidfd, qemu->error_pipe, qemu->epoll, qemu->wake};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    qemu_free_arguments(qemu);
    pthread_mutex_destroy(&qemu->text_lock);
    pthread_mutex_destroy(&qemu->qtest_lock);
    pthread_mutex_destroy(&qemu->line_lock);
    pthread_mutex_destroy(&qemu->qmp_lock);
    pthread_mutex_destroy(&qemu->setup_lock);
    sem_destroy(&qemu->started);
    sem_destroy(&qemu->has_ended);
    free(qemu);
}

static void destroy(struct device *device)
{
    struct qemu_device *qemu = qemu_from(device);
    enum qemu_state running = QEMU_RUNNING;
    char text[512] = "", words[512];

    if (atomic_compare_exchange_strong(&qemu->state, &running, QEMU_STOPPING)) {
        json_t *result =
            qmp_command(qemu, json_pack("{s:s}", "execute", "quit"), 2000, text, sizeof text);
        json_decref(result);
    }
    bool reported = qemu->state == QEMU_DEAD;
    if (!qemu_stop(qemu, text, sizeof text) && !reported) {
        qemu_last_words(qemu, words, sizeof words);
        fprintf(stderr, "storhost: %s%s%s\n", text, *words ? ": " : "", words);
    }
    release(qemu);
}

static const struct device_ops operations = {
    .name = "QEMU virtio-blk-pci",
    .config_read = config_read,
    .config_write = config_write,
    .bar_read = bar_read,
    .bar_write = bar_write,
    .set_message_vectors = set_message_vectors,
    .remove = remove_device,
    .move_bars = move_bars,
    .destroy = destroy,
};

/* ---- creation ---- */

static struct qemu_device *allocate(const struct qemu_options *options)
{
    struct qemu_device *qemu = calloc(1, sizeof *qemu);

    if (!qemu) {
        return NULL;
    }
    qemu->device.ops = &operations;
    qemu->deadline_ms = options->deadline_ms ? options->deadline_ms : DEFAULT_DEADLINE_MS;
    qemu->state = QEMU_STARTING;
    qemu->line_irq = -1;
    qemu->qtest_fd = qemu->qmp_fd = qemu->doorbell_fd = -1;
    qemu->pidfd = qemu->error_pipe = qemu->epoll = qemu->wake = -1;
    for (int i = 0; i < QEMU_FDS; i++) {
        qemu->child_fds[i] = -1;
    }
    pthread_mutex_init(&qemu->text_lock, NULL);
    pthread_mutex_init(&qemu->qtest_lock, NULL);
    pthread_mutex_init(&qemu->line_lock, NULL);
    pthread_mutex_init(&qemu->qmp_lock, NULL);
    pthread_mutex_init(&qemu->setup_lock, NULL);
    sem_init(&qemu->started, 0, 0);
    sem_init(&qemu->has_ended, 0, 0);
    return qemu;
}

/* A file in memory of 64 KiB: at the reset vector cli, hlt, and a jump back in case it wakes. */
static int make_firmware(void)
{
    static const unsigned char code[] = {0xfa, 0xf4, 0xeb, 0xfd};
    int fd = memfd_create("storhost-firmware", MFD_CLOEXEC);

    if (fd >= 0 && (ftruncate(fd, FIRMWARE_BYTES) ||
                    pwrite(fd, code, sizeof code, RESET_VECTOR) != (ssize_t)sizeof code)) {
        close(fd);
        return -1;
    }
    return qemu_high_fd(fd);
}

static bool open_connections(struct qemu_device *qemu, const struct qemu_options *options,
                             char *error, size_t size)
{
    int *child = qemu->child_fds;

    child[0] = fcntl(memory_fd(), F_DUPFD_CLOEXEC, QEMU_FD_END); /* QEMU_FD_MEMORY */
    child[QEMU_FD_FIRMWARE - QEMU_FD_MEMORY] = make_firmware();
    if (child[0] < 0 || child[QEMU_FD_FIRMWARE - QEMU_FD_MEMORY] < 0 ||
        !qemu_socket_pair(&qemu->qtest_fd, &child[QEMU_FD_QTEST - QEMU_FD_MEMORY]) ||
        !qemu_socket_pair(&qemu->qmp_fd, &child[QEMU_FD_QMP - QEMU_FD_MEMORY])) {
        snprintf(error, size, "cannot set up the connections with QEMU: %s.", strerror(errno));
        return false;
    }
    return doorbell_setup(qemu, options->vectors, error, size);
}

static bool throttle_is_set(const struct qemu_throttle *throttle)
{
    return throttle->requests_per_second || throttle->bytes_per_second;
}

/* From the greeting to a device that a driver can find. */
static bool bring_up(struct qemu_device *qemu, const struct qemu_options *options, char *error,
                     size_t size)
{
    if (!qmp_setup(qemu, error, size)) {
        return false;
    }
    if (!qtest_setup(qemu)) {
        snprintf(error, size, "%s", qemu->death);
        return false;
    }
    return pci_setup(qemu, error, size) &&
           (!throttle_is_set(&options->throttle) ||
            qemu_set_throttle(&qemu->device, &options->throttle, error, size));
}

/* Puts QEMU's own words in front of what we saw, if it ended: they tell why. */
static void explain(struct qemu_device *qemu, char *error, size_t size)
{
    char words[1024];

    if (qemu_ends_soon(qemu)) {
        qemu_last_words(qemu, words, sizeof words);
        snprintf(error, size, "QEMU did not start: %s", *words ? words : "it gave no reason.");
    }
}

struct device *qemu_device_create(const struct qemu_options *options, char *error,
                                  size_t error_size)
{
    struct qemu_device *qemu = allocate(options);
    char unused[128];

    if (!qemu) {
        snprintf(error, error_size, "out of memory.");
        return NULL;
    }
    if (!open_connections(qemu, options, error, error_size) ||
        !qemu_build_arguments(qemu, options, error, error_size) ||
        !qemu_start(qemu, error, error_size)) {
        qemu_stop(qemu, unused, sizeof unused);
        release(qemu);
        return NULL;
    }
    if (!bring_up(qemu, options, error, error_size)) {
        explain(qemu, error, error_size);
        qemu_stop(qemu, unused, sizeof unused);
        release(qemu);
        return NULL;
    }
    enum qemu_state starting = QEMU_STARTING;
    if (!atomic_compare_exchange_strong(&qemu->state, &starting, QEMU_RUNNING)) {
        snprintf(error, error_size, "%s", qemu->death);
        qemu_stop(qemu, unused, sizeof unused);
        release(qemu);
        return NULL;
    }
    qemu_tell_words(qemu);
    return &qemu->device;
}

/* ---- what tests do to QEMU ---- */

static bool run(struct qemu_device *qemu, json_t *command, char *error, size_t size)
{
    char unused[256];
    json_t *result = qmp_command(qemu, command, qemu->deadline_ms, error ? error : unused,
                                 error ? size : sizeof unused);

    json_decref(result);
    return result != NULL;
}

/* The name of the block node that the device uses, whoever named it; free() it. */
static char *node_name(struct qemu_device *qemu, char *error, size_t size)
{
    json_t *disks = qmp_command(qemu, json_pack("{s:s}", "execute", "query-block"),
                                qemu->deadline_ms, error, size);
    json_t *disk;
    size_t index;
    char *name = NULL;

    json_array_foreach(disks, index, disk)
    {
        const char *owner = json_string_value(json_object_get(disk, "qdev"));
        json_t *node = json_object_get(json_object_get(disk, "inserted"), "node-name");

        if (!name && owner && !strcmp(owner, QEMU_BACKEND_PATH) && json_is_string(node)) {
            name = strdup(json_string_value(node));
        }
    }
    if (disks && !name) {
        snprintf(error, size, "QEMU's disk has no block node (any more)");
    }
    json_decref(disks);
    return name;
}

bool qemu_resize(struct device *device, uint64_t bytes, char *error, size_t error_size)
{
    struct qemu_device *qemu = qemu_from(device);
    char unused[256];
    char *name = node_name(qemu, error ? error : unused, error ? error_size : sizeof unused);

    if (!name) {
        return false;
    }
    bool good = run(qemu,
                    json_pack("{s:s,s:{s:s,s:I}}", "execute", "block_resize", "arguments",
                              "node-name", name, "size", (json_int_t)bytes),
                    error, error_size);
    free(name);
    return good;
}

bool qemu_set_throttle(struct device *device, const struct qemu_throttle *throttle, char *error,
                       size_t error_size)
{
    return run(qemu_from(device),
               json_pack("{s:s,s:{s:s,s:I,s:i,s:i,s:I,s:i,s:i}}", "execute",
                         "block_set_io_throttle", "arguments", "id", QEMU_BACKEND_PATH, "bps",
                         (json_int_t)throttle->bytes_per_second, "bps_rd", 0, "bps_wr", 0, "iops",
                         (json_int_t)throttle->requests_per_second, "iops_rd", 0, "iops_wr", 0),
               error, error_size);
}

bool qemu_power_cycle(struct device *device)
{
    struct qemu_device *qemu = qemu_from(device);

    qemu_wait_event(device, "RESET", 0); /* forget earlier ones */
    if (!answers(qemu) || !run(qemu, json_pack("{s:s}", "execute", "system_reset"), NULL, 0) ||
        !qemu_wait_event(device, "RESET", qemu->deadline_ms)) {
        return false;
    }
    pci_restore(qemu);
    return answers(qemu);
}

pid_t qemu_pid(struct device *device)
{
    return qemu_from(device)->pid;
}

const char *qemu_version(struct device *device)
{
    return qemu_from(device)->version;
}

const char *qemu_image(struct device *device)
{
    struct qemu_device *qemu = qemu_from(device);

    return qemu->image ? qemu->image : qemu->blockdev;
}

const char *qemu_format(struct device *device)
{
    return qemu_from(device)->format;
}

const char *qemu_command_line(struct device *device)
{
    return qemu_from(device)->command_line;
}
