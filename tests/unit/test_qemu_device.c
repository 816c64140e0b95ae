/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's virtio-blk-pci as a device: starts QEMU itself and does by hand what a driver does.
 *
 * Interrupts are caused by the simplest means: block_resize raises the configuration interrupt of
 * a device whose driver is ready.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices/qemu/qemu.h"
#include "machine/memory.h"

#define MIB               UINT64_C(0x100000)
#define IMAGE_BYTES       (64 * MIB)
#define IMAGE_SECTORS     (IMAGE_BYTES / 512)
#define PATIENCE_S        5
#define LEGACY_CONFIG     20 /* virtio 1.0 section 4.1.4.8, without MSI-X */
#define LEGACY_STATUS     18
#define LEGACY_ISR        19
#define LEGACY_VECTOR     20 /* configuration vector, with MSI-X */
#define DRIVER_READY      7
#define ISR_CONFIG        2
#define MODERN_BAR        4
#define FEATURE_READ_ONLY 5

static char folder[] = "/tmp/test_qemu_device.XXXXXX";
static char image[64];

/* ---- listening ---- */

static struct listener {
    sem_t message, line, died;
    _Atomic(unsigned) messages[128];
    _Atomic(bool) level;
    _Atomic(unsigned) line_changes;
    char why[1024];
    struct device *read_isr_of; /* the line's handler reads ISR there, as a driver would */
} heard;

static void on_message(void *context, unsigned vector)
{
    struct listener *listener = context;

    listener->messages[vector]++;
    sem_post(&listener->message);
}

static void on_line(void *context, bool asserted)
{
    struct listener *listener = context;

    listener->level = asserted;
    listener->line_changes++;
    if (asserted && listener->read_isr_of) {
        struct device *device = listener->read_isr_of;
        device->ops->bar_read(device, 0, LEGACY_ISR, 1);
    }
    sem_post(&listener->line);
}

static void on_death(void *context, const char *why)
{
    struct listener *listener = context;

    snprintf(listener->why, sizeof listener->why, "%s", why);
    sem_post(&listener->died);
}

static void listen_to(struct device *device)
{
    memset(&heard, 0, sizeof heard);
    sem_init(&heard.message, 0, 0);
    sem_init(&heard.line, 0, 0);
    sem_init(&heard.died, 0, 0);
    struct device_events events = {on_message, on_line, on_death, &heard};
    device_set_events(device, &events);
}

static bool comes(sem_t *semaphore)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    while (sem_timedwait(semaphore, &until)) {
        if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* ---- starting ---- */

/* What a test left running because it failed is ended after it. */
static struct device *running;

static struct device *start(const struct qemu_options *options)
{
    char error[1024] = "";
    struct device *device = qemu_device_create(options, error, sizeof error);

    if (!device) {
        fail_msg("%s", error);
    }
    listen_to(device);
    running = device;
    return device;
}

static void stop(struct device *device)
{
    device->ops->destroy(device);
    running = NULL;
}

static struct device *start_with(const char *device_options, enum qemu_generation generation)
{
    struct qemu_options options = {
        .image = image, .device_options = device_options, .generation = generation};

    return start(&options);
}

/* The text that a start which must fail gives. */
static const char *refusal(const struct qemu_options *options)
{
    static char error[1024];

    *error = 0;
    struct device *device = qemu_device_create(options, error, sizeof error);
    if (device) {
        stop(device);
        fail_msg("QEMU started");
    }
    return error;
}

static void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

static uint64_t in(struct device *device, unsigned bar, uint64_t offset, unsigned size)
{
    return device->ops->bar_read(device, bar, offset, size);
}

static void out(struct device *device, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    device->ops->bar_write(device, bar, offset, size, value);
}

static void resize(struct device *device, uint64_t bytes)
{
    char error[256];

    if (!qemu_resize(device, bytes, error, sizeof error)) {
        fail_msg("%s", error);
    }
}

/* Offset in MODERN_BAR of a virtio structure (1: common, 3: ISR, 4: device configuration). */
static uint64_t structure(struct device *device, unsigned type)
{
    unsigned at = device->ops->config_read(device, 0x34, 1);

    for (int steps = 0; at && steps < 48; steps++) {
        if (device->ops->config_read(device, at, 1) == 9 &&
            device->ops->config_read(device, at + 3, 1) == type) {
            assert_int_equal(device->ops->config_read(device, at + 4, 1), MODERN_BAR);
            return device->ops->config_read(device, at + 8, 4);
        }
        at = device->ops->config_read(device, at + 1, 1);
    }
    fail_msg("no virtio structure of type %u", type);
    return 0;
}

/* ---- tests ---- */

static void finds_a_transitional_device(void **state)
{
    (void)state;
    struct device *device = start_with("num-queues=4,serial=storhost", QEMU_TRANSITIONAL);

    assert_int_equal(device->ops->config_read(device, 0, 2), 0x1af4);
    assert_int_equal(device->ops->config_read(device, 2, 2), 0x1001);
    assert_int_equal(device->ops->config_read(device, 0, 4), 0x10011af4);
    assert_int_equal(device->message_vectors, 5);
    assert_true(device->bars[0].ports);
    assert_true(device->bars[0].size >= 64);
    assert_true(device->bars[MODERN_BAR].is_64bit);
    assert_true(device->bars[MODERN_BAR].address >= UINT64_C(1) << 32);
    assert_int_equal(device->bars[MODERN_BAR + 1].size, 0);
    assert_non_null(strstr(qemu_version(device), "."));
    assert_string_equal(qemu_format(device), "raw");
    stop(device);
}

static void reads_the_capacity_through_each_bar(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    assert_int_equal(in(device, 0, LEGACY_CONFIG, 4), IMAGE_SECTORS);
    uint64_t config = structure(device, 4);
    assert_int_equal(in(device, MODERN_BAR, config, 4), IMAGE_SECTORS);
    assert_int_equal(in(device, MODERN_BAR, config, 8), IMAGE_SECTORS);
    assert_int_equal(in(device, MODERN_BAR, config, 2), IMAGE_SECTORS & 0xffff);
    stop(device);
}

static void offers_legacy_and_modern_alone(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_LEGACY);
    assert_int_equal(device->ops->config_read(device, 2, 2), 0x1001);
    assert_int_equal(device->bars[MODERN_BAR].size, 0);
    assert_int_equal(in(device, 0, LEGACY_CONFIG, 4), IMAGE_SECTORS);
    stop(device);

    device = start_with("logical_block_size=4096,physical_block_size=4096", QEMU_MODERN);
    assert_int_equal(device->ops->config_read(device, 2, 2), 0x1042);
    assert_int_equal(device->bars[0].size, 0);
    uint64_t config = structure(device, 4);
    assert_int_equal(in(device, MODERN_BAR, config + 20, 4), 4096);
    stop(device);
}

static void answers_all_ones_where_nothing_is(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);
    uint64_t size = device->bars[0].size;

    assert_int_equal(in(device, 0, size, 1), 0xff);
    assert_int_equal(in(device, 0, size - 1, 2), 0xffff);
    assert_int_equal(in(device, 5, 0, 4), 0xffffffff);
    assert_int_equal(in(device, 6, 0, 4), 0xffffffff);
    assert_int_equal(in(device, 0, UINT64_MAX, 4), 0xffffffff);
    assert_true(in(device, MODERN_BAR, device->bars[MODERN_BAR].size, 8) == UINT64_MAX);
    assert_int_equal(device->ops->config_read(device, 256, 4), 0xffffffff);
    stop(device);
}

static void keeps_its_bars(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    device->ops->config_write(device, 0x10, 4, 0xffffffff);
    assert_int_equal(in(device, 0, LEGACY_CONFIG, 4), IMAGE_SECTORS);
    device->ops->config_write(device, 0x3c, 1, 0x5a);
    assert_int_equal(device->ops->config_read(device, 0x3c, 1), 0x5a);
    stop(device);
}

static void a_message_arrives(void **state)
{
    (void)state;
    struct device *device = start_with("num-queues=4", QEMU_TRANSITIONAL);

    assert_int_equal(device->ops->set_message_vectors(device, 64), 5);
    for (unsigned vector = 0; vector < 5; vector += 2) {
        out(device, 0, LEGACY_VECTOR, 2, vector);
        assert_int_equal(in(device, 0, LEGACY_VECTOR, 2), vector);
        out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
        resize(device, IMAGE_BYTES + (vector + 1) * MIB);
        assert_true(comes(&heard.message));
        assert_int_equal(heard.messages[vector], 1);
    }
    assert_int_equal(heard.line_changes, 0);
    resize(device, IMAGE_BYTES);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[4], 2);
    stop(device);
}

/* A vector that was not granted must not ring. */
static void fewer_messages_than_offered(void **state)
{
    (void)state;
    struct device *device = start_with("num-queues=4", QEMU_TRANSITIONAL);

    assert_int_equal(device->ops->set_message_vectors(device, 2), 2);
    out(device, 0, LEGACY_VECTOR, 2, 3);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    resize(device, IMAGE_BYTES + MIB);
    out(device, 0, LEGACY_VECTOR, 2, 1);
    resize(device, IMAGE_BYTES);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[1], 1);
    assert_int_equal(heard.messages[3], 0);
    stop(device);
}

static void the_line_rises_and_falls(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    assert_int_equal(device->ops->set_message_vectors(device, 0), 0);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    resize(device, IMAGE_BYTES + MIB);
    assert_true(comes(&heard.line));
    assert_true(heard.level);
    assert_int_equal(in(device, 0, LEGACY_ISR, 1) & ISR_CONFIG, ISR_CONFIG);
    assert_false(heard.level); /* fallen by the time the read is back */
    assert_int_equal(in(device, 0, LEGACY_ISR, 1), 0);
    assert_int_equal(heard.line_changes, 2);
    resize(device, IMAGE_BYTES);
    stop(device);
}

/* The handler may access the device: no lock of ours is held while it runs. */
static void the_lines_handler_reads_isr(void **state)
{
    (void)state;
    struct device *device = start_with("vectors=0", QEMU_TRANSITIONAL);

    assert_int_equal(device->message_vectors, 0);
    assert_int_equal(device->ops->set_message_vectors(device, 1), 0);
    heard.read_isr_of = device;
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    for (unsigned i = 1; i <= 3; i++) {
        resize(device, IMAGE_BYTES + (i & 1) * MIB);
        assert_true(comes(&heard.line));
        assert_true(comes(&heard.line));
        assert_false(heard.level);
    }
    resize(device, IMAGE_BYTES);
    stop(device);
}

static void messages_give_way_to_the_line(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    device->ops->set_message_vectors(device, 1);
    device->ops->set_message_vectors(device, 0);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    resize(device, IMAGE_BYTES + MIB);
    assert_true(comes(&heard.line));
    assert_int_equal(heard.messages[0], 0);
    resize(device, IMAGE_BYTES);
    stop(device);
}

/* ---- one request at a time through a split ring, by the legacy interface ---- */

#define RING          UINT64_C(0x200000) /* below 4 GiB: the register holds 32 bits of page number */
#define BUFFERS       ((UINT64_C(4) << 30) + 0x5000)
#define LEGACY_QUEUE  8
#define LEGACY_SIZE   12
#define LEGACY_SELECT 14
#define LEGACY_NOTIFY 16
#define QUEUE_VECTOR  22
#define QUEUE_SIZE    256 /* virtio-blk-pci's default */

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

static volatile uint16_t *used_index(void)
{
    size_t available = QUEUE_SIZE * sizeof(struct descriptor) + 6 + 2 * QUEUE_SIZE;

    return (uint16_t *)((uint8_t *)memory_at(RING, 4 * 4096) + (available + 4095) / 4096 * 4096) +
           1;
}

static void set_up_queue(struct device *device)
{
    memset(memory_at(RING, 4 * 4096), 0, 4 * 4096);
    out(device, 0, LEGACY_STATUS, 1, 3);
    out(device, 0, LEGACY_SELECT, 2, 0);
    assert_int_equal(in(device, 0, LEGACY_SIZE, 2), QUEUE_SIZE);
    out(device, 0, LEGACY_QUEUE, 4, RING >> 12);
    out(device, 0, QUEUE_VECTOR, 2, 1);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
}

/* Adds a read of 8 sectors at `sector`, the `count`th request since set_up_queue, and notifies. */
static void send_read(struct device *device, uint64_t sector, unsigned count)
{
    struct descriptor *table = memory_at(RING, 4096);
    uint16_t *available = (uint16_t *)(table + QUEUE_SIZE);
    uint64_t *header = memory_at(BUFFERS, 16);
    unsigned first = 3 * (count - 1);

    header[0] = 0; /* type: in */
    header[1] = sector;
    memset(memory_at(BUFFERS + 4096, 4097), 0xee, 4097);
    table[first] = (struct descriptor){BUFFERS, 16, 1, (uint16_t)(first + 1)};
    table[first + 1] = (struct descriptor){BUFFERS + 4096, 4096, 3, (uint16_t)(first + 2)};
    table[first + 2] = (struct descriptor){BUFFERS + 8192, 1, 2, 0};
    available[2 + count - 1] = (uint16_t)first;
    atomic_thread_fence(memory_order_seq_cst);
    available[1] = (uint16_t)count;
    out(device, 0, LEGACY_NOTIFY, 2, 0);
}

static void write_sector(uint64_t sector, uint8_t value)
{
    uint8_t data[4096];
    int fd = open(image, O_WRONLY);

    memset(data, value, sizeof data);
    assert_int_equal(pwrite(fd, data, sizeof data, (off_t)(sector * 512)), sizeof data);
    close(fd);
}

static void assert_read(uint8_t value)
{
    uint8_t *data = memory_at(BUFFERS + 4096, 4097);

    assert_int_equal(data[0], value);
    assert_int_equal(data[4095], value);
    assert_int_equal(data[4096], 0); /* status: OK */
}

static void a_request_is_completed_by_message(void **state)
{
    (void)state;
    write_sector(1000, 0x5a);
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    assert_int_equal(device->ops->set_message_vectors(device, 2), 2);
    set_up_queue(device);
    for (unsigned count = 1; count <= 3; count++) {
        send_read(device, 1000, count);
        assert_true(comes(&heard.message));
        assert_int_equal(heard.messages[1], count);
        assert_int_equal(*used_index(), count);
        assert_read(0x5a);
    }
    stop(device);
}

/* Completions then come from another thread of QEMU's. */
static void an_iothread_sends_messages_too(void **state)
{
    (void)state;
    static const char *const extra[] = {"-object", "iothread,id=io0,poll-max-ns=0", NULL};
    struct qemu_options options = {
        .image = image, .device_options = "iothread=io0", .extra_args = extra};
    struct device *device = start(&options);

    assert_int_equal(device->ops->set_message_vectors(device, 2), 2);
    set_up_queue(device);
    send_read(device, 0, 1);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[1], 1);
    assert_int_equal(*used_index(), 1);
    stop(device);
}

/* The first request passes, the next is held back until the limits go, or inside a reset. */
static void a_throttle_holds_requests_back(void **state)
{
    (void)state;
    struct qemu_options options = {.image = image, .throttle = {.bytes_per_second = 1}};
    struct qemu_throttle none = {0};
    struct device *device = start(&options);

    assert_int_equal(device->ops->set_message_vectors(device, 2), 2);
    set_up_queue(device);
    send_read(device, 0, 1);
    assert_true(comes(&heard.message));
    send_read(device, 0, 2);
    usleep(200000);
    assert_int_equal(*used_index(), 1);
    assert_true(qemu_set_throttle(device, &none, NULL, 0));
    assert_true(comes(&heard.message));
    assert_int_equal(*used_index(), 2);

    assert_true(qemu_set_throttle(device, &options.throttle, NULL, 0));
    send_read(device, 0, 3);
    assert_true(comes(&heard.message));
    send_read(device, 0, 4);
    usleep(200000);
    assert_int_equal(*used_index(), 3);
    out(device, 0, LEGACY_STATUS, 1, 0);
    assert_int_equal(*used_index(), 4);
    stop(device);
}

/* ---- a server of the disk that stops ---- */

static pid_t start_server(const char *socket_path)
{
    pid_t server = fork();

    if (server == 0) {
        execlp("qemu-nbd", "qemu-nbd", "-t", "-f", "raw", "-k", socket_path, image, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && access(socket_path, F_OK); i++) {
        usleep(10000);
    }
    return server;
}

static void *wake_server(void *context)
{
    usleep(700000);
    kill(*(pid_t *)context, SIGCONT);
    return NULL;
}

/* The reset waits for the request that the stopped server holds; other threads of the bench run on
 * and let the server go. */
static void a_stopped_server_holds_up_the_reset(void **state)
{
    (void)state;
    char path[80], url[128];
    pthread_t waker;

    snprintf(path, sizeof path, "%s/nbd", folder);
    snprintf(url, sizeof url, "nbd+unix:///?socket=%s", path);
    pid_t server = start_server(path);
    struct qemu_options options = {.blockdev = url};
    struct device *device = start(&options);
    assert_int_equal(device->ops->set_message_vectors(device, 2), 2);
    set_up_queue(device);
    kill(server, SIGSTOP);
    send_read(device, 0, 1);
    usleep(100000);
    assert_int_equal(*used_index(), 0);
    pthread_create(&waker, NULL, wake_server, &server);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    out(device, 0, LEGACY_STATUS, 1, 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    pthread_join(waker, NULL);
    assert_int_equal(*used_index(), 1);
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0);
    stop(device);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    unlink(path);
    double waited =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(waited > 0.5);
}

static void power_cycle_keeps_places(void **state)
{
    (void)state;
    struct device *device = start_with("num-queues=4", QEMU_TRANSITIONAL);

    device->ops->set_message_vectors(device, 3);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    assert_true(qemu_power_cycle(device));
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0);
    uint64_t config = structure(device, 4);
    assert_int_equal(in(device, MODERN_BAR, config, 8), IMAGE_SECTORS);
    out(device, 0, LEGACY_VECTOR, 2, 2);
    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    resize(device, IMAGE_BYTES + MIB);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[2], 1);
    resize(device, IMAGE_BYTES);
    stop(device);
}

static void *hammer(void *context)
{
    struct device *device = context;
    uintptr_t wrong = 0;

    for (int i = 0; i < 500; i++) {
        wrong += in(device, 0, LEGACY_CONFIG, 4) != IMAGE_SECTORS;
        wrong += device->ops->config_read(device, 0, 4) != 0x10011af4;
        wrong += in(device, 0, LEGACY_CONFIG + 4, 4) != 0;
    }
    return (void *)wrong;
}

static void several_processors_at_once(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);
    pthread_t thread[4];

    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, hammer, device), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
    stop(device);
}

static void removal_gives_all_ones(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);
    char *reply;

    out(device, 0, LEGACY_STATUS, 1, DRIVER_READY);
    device->ops->remove(device);
    assert_true(device->removed);
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0xff);
    assert_int_equal(device->ops->config_read(device, 0, 4), 0xffffffff);
    out(device, 0, LEGACY_STATUS, 1, 0);
    assert_int_equal(device->ops->set_message_vectors(device, 1), 0);
    assert_true(qemu_qmp(device, "{\"execute\":\"query-pci\"}", &reply));
    assert_null(strstr(reply, "disk0"));
    free(reply);
    stop(device);
}

static void qmp_answers(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);
    char *reply;

    assert_true(qemu_qmp(device, "{\"execute\":\"query-status\"}", &reply));
    assert_says(reply, "\"status\":\"running\"");
    free(reply);
    assert_false(qemu_qmp(device, "{\"execute\":\"no-such-command\"}", &reply));
    assert_says(reply, "no-such-command");
    free(reply);
    assert_false(qemu_qmp(device, "stop", &reply));
    assert_says(reply, "no JSON object");
    free(reply);
    struct qemu_throttle slow = {.requests_per_second = 1}, none = {0};
    assert_true(qemu_set_throttle(device, &slow, NULL, 0));
    assert_true(qemu_set_throttle(device, &none, NULL, 0));
    stop(device);
}

static void the_death_of_qemu_is_told(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);

    kill(qemu_pid(device), SIGKILL);
    assert_true(comes(&heard.died));
    assert_says(heard.why, "by signal 9");
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0xff);
    assert_int_equal(device->ops->config_read(device, 0, 2), 0xffff);
    assert_false(qemu_power_cycle(device));
    device->ops->remove(device);
    stop(device);
}

static void a_qemu_that_never_answers_is_named(void **state)
{
    (void)state;
    struct qemu_options options = {.image = image, .deadline_ms = 300};
    struct device *device = start(&options);

    kill(qemu_pid(device), SIGSTOP);
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0xff);
    assert_true(comes(&heard.died));
    assert_says(heard.why, "waited 300 ms in a read of 1 bytes at BAR 0 + 0x12");
    assert_int_equal(in(device, 0, LEGACY_STATUS, 1), 0xff);
    pid_t pid = qemu_pid(device);
    stop(device);
    assert_int_equal(kill(pid, 0), -1);
}

static void says_why_qemu_does_not_start(void **state)
{
    (void)state;
    struct qemu_options options = {.image = "/nowhere/disk.img"};
    assert_says(refusal(&options), "/nowhere/disk.img: No such file");

    options = (struct qemu_options){.image = image, .binary = "no-such-qemu"};
    assert_says(refusal(&options), "qemu-system-x86");

    options = (struct qemu_options){.image = image, .device_options = "no-such-thing=1"};
    assert_says(refusal(&options), "no-such-thing");

    options = (struct qemu_options){.image = image, .machine = "q35"};
    assert_says(refusal(&options), "machine type q35");

    options = (struct qemu_options){0};
    assert_says(refusal(&options), "no disk");

    options = (struct qemu_options){.image = image, .blockdev = "nbd:localhost:1"};
    assert_says(refusal(&options), "give one");

    options = (struct qemu_options){.blockdev = "{\"driver\":"};
    assert_says(refusal(&options), "JSON is wrong");

    options = (struct qemu_options){.image = image, .format = "qcow2"};
    assert_says(refusal(&options), "not in qcow2 format");
}

static void a_locked_image_is_named(void **state)
{
    (void)state;
    struct device *device = start_with(NULL, QEMU_TRANSITIONAL);
    struct qemu_options options = {.image = image};

    assert_says(refusal(&options), "lock");
    stop(device);
}

static void opens_what_qemu_opens(void **state)
{
    (void)state;
    /* In key=value text a comma of a name is doubled; %s stands for the name. */
    static const struct {
        const char *before, *after;
        bool doubled;
    } forms[] = {
        {"{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"", "\"}}", false},
        {"driver=raw,file.driver=file,file.filename=", "", true},
        {"file=", ",format=raw", true},
        {"json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"", "\"}}", false},
        {"file:", "", false},
    };
    char text[256];

    for (size_t i = 0; i < 2 * sizeof forms / sizeof forms[0]; i++) {
        size_t form = i / 2;

        snprintf(text, sizeof text, "%s%s/disk,%s1.img%s", forms[form].before, folder,
                 forms[form].doubled ? "," : "", forms[form].after);
        struct qemu_options options = {.blockdev = text, .read_only = i & 1};
        struct device *device = start(&options);
        assert_int_equal(in(device, 0, LEGACY_CONFIG, 4), IMAGE_SECTORS);
        assert_int_equal(in(device, 0, 0, 4) >> FEATURE_READ_ONLY & 1, i & 1);
        if (!options.read_only) {
            resize(device, IMAGE_BYTES);
        }
        stop(device);
    }
}

static void write_file(const char *name, const void *start_of_it, size_t length)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, start_of_it, length), length);
    close(fd);
}

static void the_format_is_chosen_safely(void **state)
{
    (void)state;
    char error[512], name[80];

    assert_string_equal(qemu_image_format(image, NULL, error, sizeof error), "raw");
    assert_string_equal(qemu_image_format(image, "vmdk", error, sizeof error), "vmdk");

    snprintf(name, sizeof name, "%s/a.img", folder);
    write_file(name, "QFI\xfb\0\0\0\3", 8);
    assert_null(qemu_image_format(name, NULL, error, sizeof error));
    assert_says(error, "--format");
    assert_string_equal(qemu_image_format(name, "raw", error, sizeof error), "raw");
    unlink(name);

    snprintf(name, sizeof name, "%s/b.QCOW2", folder);
    write_file(name, "QFI\xfb\0\0\0\3", 8);
    assert_string_equal(qemu_image_format(name, NULL, error, sizeof error), "qcow2");
    unlink(name);
}

static _Noreturn void start_and_tell(int pipe_end)
{
    char error[256];
    struct qemu_options options = {.image = image};
    struct device *device = qemu_device_create(&options, error, sizeof error);
    pid_t qemu = device ? qemu_pid(device) : -1;

    if (write(pipe_end, &qemu, sizeof qemu) != sizeof qemu) {
        _exit(1);
    }
    pause();
    _exit(0);
}

/* A program that starts QEMU, tells its number and is killed: QEMU must follow. */
static void no_qemu_outlives_the_bench(void **state)
{
    (void)state;
    int tell[2];
    pid_t qemu;

    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        start_and_tell(tell[1]);
    }
    close(tell[1]);
    bool told = read(tell[0], &qemu, sizeof qemu) == sizeof qemu && qemu > 0;
    bool runs = told && !kill(qemu, 0);
    close(tell[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(runs);
    bool gone = false;
    for (int i = 0; i < 200 && !gone; i++) {
        char path[40];
        char text[256] = "";

        /* An orphan's end is its new parent's to collect: a zombie is gone, too. */
        snprintf(path, sizeof path, "/proc/%d/stat", (int)qemu);
        FILE *stat = fopen(path, "r");
        gone = !stat || !fgets(text, sizeof text, stat) || strstr(text, ") Z ");
        if (stat) {
            fclose(stat);
        }
        usleep(10000);
    }
    assert_true(gone);
}

static int make_image(void **state)
{
    (void)state;
    struct memory_options memory = {.below_4g = 32 * MIB, .above_4g = 32 * MIB, .seed = 1};

    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(image, sizeof image, "%s/disk,1.img", folder);
    int fd = open(image, O_CREAT | O_RDWR, 0600);
    int failed = fd < 0 || ftruncate(fd, (off_t)IMAGE_BYTES);
    close(fd);
    memory_init(&memory);
    return failed;
}

static int remove_image(void **state)
{
    (void)state;
    unlink(image);
    return rmdir(folder);
}

/* After a test that failed, QEMU may still run and the image have another size. */
static int tidy(void **state)
{
    (void)state;
    if (running) {
        stop(running);
    }
    return truncate(image, (off_t)IMAGE_BYTES);
}

#define TEST(function) cmocka_unit_test_teardown(function, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_a_transitional_device),
        TEST(reads_the_capacity_through_each_bar),
        TEST(offers_legacy_and_modern_alone),
        TEST(answers_all_ones_where_nothing_is),
        TEST(keeps_its_bars),
        TEST(a_message_arrives),
        TEST(fewer_messages_than_offered),
        TEST(the_line_rises_and_falls),
        TEST(the_lines_handler_reads_isr),
        TEST(messages_give_way_to_the_line),
        TEST(a_request_is_completed_by_message),
        TEST(an_iothread_sends_messages_too),
        TEST(a_throttle_holds_requests_back),
        TEST(a_stopped_server_holds_up_the_reset),
        TEST(power_cycle_keeps_places),
        TEST(several_processors_at_once),
        TEST(removal_gives_all_ones),
        TEST(qmp_answers),
        TEST(the_death_of_qemu_is_told),
        TEST(a_qemu_that_never_answers_is_named),
        TEST(says_why_qemu_does_not_start),
        TEST(a_locked_image_is_named),
        TEST(opens_what_qemu_opens),
        TEST(the_format_is_chosen_safely),
        TEST(no_qemu_outlives_the_bench),
    };

    return cmocka_run_group_tests(tests, make_image, remove_image);
}
