/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user device: the operations, creation and end, the thread that waits for the back end.
 *
 * Theory of operation
 * -------------------
 *
 *   driver ─trap─> registers.c                      back end (qemu-storage-daemon)
 *                    │  FEATURES_OK, DRIVER_OK, reset       │
 *                    ├────────> backend.c ──protocol.c──UNIX socket──> knows memory and rings
 *                    └── doorbell ──────────────────── kick eventfd ──> takes requests ──> image
 *   interrupt <── MSI-X or line <── watch thread <──── call eventfd <── has used them
 *   guest memory <============== the same memfd ==============> rings, data
 *
 * The front end presents the PCI function (devices/pci) and never looks into a ring: requests go from
 * the driver to the back end through memory alone. One lock guards the registers; a doorbell takes it
 * not. Interrupts are noted under the lock and delivered after it has been given back.
 *
 * A back end that goes away is told once (device event `died`); the device then answers all ones.
 */
#include "devices/vhost_user/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/violation.h"

/* Who woke the watch thread; a call is WATCH_CALL + queue. */
enum watch {
    WATCH_WAKE,
    WATCH_LINK,
    WATCH_CHANNEL,
    WATCH_CALL
};

#define DEFAULT_QUEUE_SIZE  256u
#define DEFAULT_DEADLINE_MS 30000u

/* ---- The lock, and events behind it ---- */

static struct vhost_user *lock_device(struct device *device)
{
    struct vhost_user *vhost = vhost_user_of(device);

    pthread_mutex_lock(&vhost->lock);
    return vhost;
}

static void unlock_device(struct vhost_user *vhost)
{
    pci_interrupts_deliver(&vhost->interrupts);
    pthread_mutex_unlock(&vhost->lock);
}

static bool line_level(const void *owner)
{
    const struct vhost_user *vhost = owner;

    return !vhost->device.removed && pci_function_line_allowed(&vhost->function) && vhost->isr != 0;
}

static void note_message(void *owner, unsigned vector)
{
    struct vhost_user *vhost = owner;

    vhost->interrupts.messages[vector] = 1; /* edges that nobody has taken are one */
}

void vhost_lost(struct vhost_user *vhost, const char *why)
{
    char text[VHOST_USER_TEXT + 160];

    if (vhost->backend == BACKEND_LOST) {
        return;
    }
    vhost->backend = BACKEND_LOST;
    snprintf(text, sizeof(text), "vhost-user back end at %s: %s", vhost->options.socket, why);
    if (!device_died(&vhost->device, text)) {
        fatal("%s", text);
    }
}

/* ---- The watch thread ---- */

static void watch_fd(struct vhost_user *vhost, int fd, uint32_t events, uint32_t who)
{
    struct epoll_event event = {.events = events, .data.u32 = who};

    if (epoll_ctl(vhost->epoll, EPOLL_CTL_ADD, fd, &event)) {
        fatal("cannot wait for the vhost-user back end: %s", strerror(errno));
    }
}

void vhost_watch_link(struct vhost_user *vhost, bool on)
{
    const int fds[] = {vhost->link.socket, vhost->channel[0]};

    for (unsigned i = 0; i < 2; ++i) {
        if (fds[i] >= 0 && on) {
            watch_fd(vhost, fds[i], i == 0 ? EPOLLRDHUP : EPOLLIN,
                     i == 0 ? WATCH_LINK : WATCH_CHANNEL);
        } else if (fds[i] >= 0) {
            epoll_ctl(vhost->epoll, EPOLL_CTL_DEL, fds[i], NULL);
        }
    }
}

/* Whether the present connection is closed: the event may be of one that was closed on purpose. */
static bool link_is_closed(const struct vhost_user *vhost)
{
    char byte;

    if (vhost->link.socket < 0) {
        return false;
    }
    const ssize_t got = recv(vhost->link.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_link(struct vhost_user *vhost)
{
    pthread_mutex_lock(&vhost->lock);
    if (link_is_closed(vhost)) {
        vhost_watch_link(vhost, false);
        vhost_lost(vhost, "it has ended or closed the connection while it was needed");
    }
    unlock_device(vhost);
}

/* The back end says that its configuration has changed: the driver hears of it. */
static void on_channel(struct vhost_user *vhost)
{
    bool changed = false;
    uint32_t request;

    pthread_mutex_lock(&vhost->lock);
    while (vhost->channel[0] >= 0 &&
           (request = vhost_user_take_backend_request(vhost->channel[0])) != 0) {
        changed = changed || request == VHOST_USER_BACKEND_CONFIG_CHANGE_MSG;
    }
    if (changed && !vhost_backend_read_config(vhost)) {
        vhost_lost(vhost, vhost->link.error);
    } else if (changed) {
        ++vhost->generation;
        if (vhost->status & VIRTIO_CONFIG_S_DRIVER_OK) {
            vhost_raise(vhost, NULL);
        }
    }
    unlock_device(vhost);
}

void vhost_user_called(struct device *device, unsigned queue)
{
    struct vhost_user *vhost = lock_device(device);
    uint64_t calls;

    if (read(vhost->queues[queue].call, &calls, sizeof(calls)) == sizeof(calls) &&
        vhost->backend == BACKEND_RUNNING) {
        vhost_raise(vhost, &vhost->queues[queue]);
    }
    unlock_device(vhost);
}

static void *watch_thread(void *argument)
{
    struct vhost_user *vhost = argument;
    struct epoll_event event;

    for (;;) {
        if (epoll_wait(vhost->epoll, &event, 1, -1) != 1) {
            continue;
        }
        switch (event.data.u32) {
        case WATCH_WAKE:
            return NULL;
        case WATCH_LINK:
            on_link(vhost);
            break;
        case WATCH_CHANNEL:
            on_channel(vhost);
            break;
        default:
            vhost_user_called(&vhost->device, event.data.u32 - WATCH_CALL);
        }
    }
}

int vhost_user_take_call(struct device *device, unsigned queue)
{
    struct vhost_user *vhost = lock_device(device);
    struct vhost_queue *taken = &vhost->queues[queue];

    if (!taken->taken) {
        epoll_ctl(vhost->epoll, EPOLL_CTL_DEL, taken->call, NULL);
        taken->taken = true;
    }
    unlock_device(vhost);
    return taken->call;
}

void vhost_user_return_call(struct device *device, unsigned queue)
{
    struct vhost_user *vhost = lock_device(device);
    struct vhost_queue *taken = &vhost->queues[queue];

    if (taken->taken) {
        taken->taken = false;
        watch_fd(vhost, taken->call, EPOLLIN, WATCH_CALL + queue);
    }
    unlock_device(vhost);
}

/* ---- Operations ---- */

static bool answers(const struct vhost_user *vhost)
{
    return !vhost->device.removed && vhost->backend != BACKEND_LOST;
}

static uint32_t config_read(struct device *device, unsigned offset, unsigned size)
{
    struct vhost_user *vhost = lock_device(device);
    const uint32_t value = answers(vhost) && offset < PCI_SPACE
                               ? pci_function_read(&vhost->function, offset, size)
                               : (uint32_t)device_all_ones(size);

    unlock_device(vhost);
    return value;
}

static void config_write(struct device *device, unsigned offset, unsigned size, uint32_t value)
{
    struct vhost_user *vhost = lock_device(device);

    if (answers(vhost) && offset < PCI_SPACE) {
        pci_function_write(&vhost->function, offset, size, value);
    }
    unlock_device(vhost);
}

static uint64_t bar_read(struct device *device, unsigned bar, uint64_t offset, unsigned size)
{
    struct vhost_user *vhost = lock_device(device);
    const uint64_t value = answers(vhost) && device_inside_bar(device, bar, offset, size)
                               ? vhost_registers_read(vhost, bar, offset, size)
                               : device_all_ones(size);

    unlock_device(vhost);
    return value;
}

static bool is_doorbell(const struct vhost_user *vhost, unsigned bar, uint64_t offset)
{
    uint32_t inside;

    return pci_function_find(&vhost->function, bar, offset, &inside) == PCI_PART_NOTIFY;
}

static void bar_write(struct device *device, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct vhost_user *vhost = vhost_user_of(device);

    if (is_doorbell(vhost, bar, offset)) {
        if (answers(vhost)) {
            vhost_registers_write(vhost, bar, offset, size, value);
        }
        return;
    }
    lock_device(device);
    if (answers(vhost) && device_inside_bar(device, bar, offset, size)) {
        vhost_registers_write(vhost, bar, offset, size, value);
    }
    unlock_device(vhost);
}

static uint64_t window_read(void *owner, unsigned bar, uint64_t offset, unsigned size)
{
    return vhost_registers_read(owner, bar, offset, size);
}

static void window_write(void *owner, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    vhost_registers_write(owner, bar, offset, size, value);
}

static unsigned set_message_vectors(struct device *device, unsigned vectors)
{
    struct vhost_user *vhost = lock_device(device);
    const unsigned given = msix_give(&vhost->function, vectors);

    unlock_device(vhost);
    return given;
}

/* The back end lets go of the memory before the device is gone. */
static void remove_device(struct device *device)
{
    struct vhost_user *vhost = lock_device(device);

    if (vhost->backend != BACKEND_LOST && !vhost_backend_stop(vhost)) {
        vhost_lost(vhost, vhost->link.error);
    }
    device->removed = true;
    unlock_device(vhost);
}

static void power_cycle(struct device *device)
{
    struct vhost_user *vhost = lock_device(device);

    if (vhost->backend != BACKEND_LOST && !vhost_backend_stop(vhost)) {
        vhost_lost(vhost, vhost->link.error);
    }
    vhost_registers_reset(vhost);
    unlock_device(vhost);
}

static void move_bars(struct device *device)
{
    struct vhost_user *vhost = lock_device(device);

    pci_function_move_bars(&vhost->function);
    unlock_device(vhost);
}

/* ---- End ---- */

static void stop_watching(struct vhost_user *vhost)
{
    static const uint64_t one = 1;

    if (vhost->watching) {
        while (write(vhost->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
        }
        pthread_join(vhost->watch, NULL);
    }
    vhost->watching = false;
}

static void destroy(struct device *device)
{
    struct vhost_user *vhost = vhost_user_of(device);

    stop_watching(vhost);
    vhost_backend_close(vhost);
    for (unsigned i = 0; i < vhost->options.queues; ++i) {
        if (vhost->queues[i].kick >= 0) {
            close(vhost->queues[i].kick);
        }
        if (vhost->queues[i].call >= 0) {
            close(vhost->queues[i].call);
        }
    }
    if (vhost->epoll >= 0) {
        close(vhost->epoll);
    }
    if (vhost->wake >= 0) {
        close(vhost->wake);
    }
    pci_function_end(&vhost->function);
    pthread_mutex_destroy(&vhost->lock);
    free(vhost);
}

static const struct device_ops vhost_user_ops = {
    .name = "vhost-user-blk",
    .config_read = config_read,
    .config_write = config_write,
    .bar_read = bar_read,
    .bar_write = bar_write,
    .set_message_vectors = set_message_vectors,
    .remove = remove_device,
    .power_cycle = power_cycle,
    .move_bars = move_bars,
    .destroy = destroy,
};

static const struct pci_function_ops function_ops = {
    .read = window_read,
    .write = window_write,
    .message = note_message,
};

/* ---- Creation ---- */

static struct vhost_user *allocate(const struct vhost_user_options *options)
{
    struct vhost_user *vhost = calloc(1, sizeof(*vhost));

    if (!vhost) {
        fatal("out of memory");
    }
    vhost->device.ops = &vhost_user_ops;
    vhost->device.slot = 4;
    vhost->options = *options;
    vhost->link.socket = vhost->channel[0] = vhost->channel[1] = -1;
    vhost->link.deadline_ms = options->deadline_ms;
    vhost->epoll = vhost->wake = -1;
    pci_init_lock(&vhost->lock);
    vhost->interrupts = (struct pci_interrupts){
        .device = &vhost->device, .lock = &vhost->lock, .level = line_level, .owner = vhost};
    for (unsigned i = 0; i < VHOST_USER_QUEUES; ++i) {
        vhost->queues[i].kick = vhost->queues[i].call = -1;
    }
    return vhost;
}

static bool open_events(struct vhost_user *vhost)
{
    bool good = true;

    vhost->epoll = epoll_create1(EPOLL_CLOEXEC);
    vhost->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    good = vhost->epoll >= 0 && vhost->wake >= 0;
    for (unsigned i = 0; good && i < vhost->options.queues; ++i) {
        struct vhost_queue *queue = &vhost->queues[i];
        queue->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        queue->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        good = queue->kick >= 0 && queue->call >= 0;
        if (good) {
            watch_fd(vhost, queue->call, EPOLLIN, WATCH_CALL + i);
        }
    }
    if (good) {
        watch_fd(vhost, vhost->wake, EPOLLIN, WATCH_WAKE);
    }
    return good;
}

static bool present_function(struct vhost_user *vhost, char *error, size_t size)
{
    const struct vhost_user_options *options = &vhost->options;
    struct pci_function *function = &vhost->function;

    function->device = &vhost->device;
    function->owner = vhost;
    function->ops = &function_ops;
    function->setup = (struct pci_function_setup){
        .modern = true,
        .vectors = options->vectors ? options->vectors : options->queues + 1,
        .queues = options->queues,
        .notify_multiplier = NOTIFY_MULTIPLIER,
        .config_bytes = CONFIG_BYTES,
        .bars = {[1] = PCI_BAR_MEMORY32},
    };
    for (unsigned i = 0; i < PCI_PARTS; ++i) {
        function->setup.place[i] = (struct pci_place){i == PCI_PART_MSIX ? 1 : 4, PCI_PLACE_AUTO};
    }
    return pci_function_build(function, error, size);
}

/* Signals are for other threads. */
static bool start_watching(struct vhost_user *vhost)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    vhost->watching = pthread_create(&vhost->watch, NULL, watch_thread, vhost) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return vhost->watching;
}

static bool judge_options(const struct vhost_user_options *options, char *error, size_t size)
{
    if (options->socket[0] == '\0') {
        snprintf(error, size, "socket=PATH is missing: where the back end listens");
    } else if (options->queues == 0 || options->queues > VHOST_USER_QUEUES) {
        snprintf(error, size, "queues=%u: 1 to %u", options->queues, VHOST_USER_QUEUES);
    } else if (options->queue_size == 0 || options->queue_size > LARGEST_QUEUE ||
               (options->queue_size & (options->queue_size - 1)) != 0) {
        snprintf(error, size, "queue-size=%u: a power of two, at most %u", options->queue_size,
                 LARGEST_QUEUE);
    } else {
        return true;
    }
    return false;
}

struct device *vhost_user_create(const struct vhost_user_options *options, char *error, size_t size)
{
    if (!judge_options(options, error, size)) {
        return NULL;
    }
    struct vhost_user *vhost = allocate(options);
    bool good = open_events(vhost);

    if (!good) {
        snprintf(error, size, "no eventfds: %s (see ulimit -n)", strerror(errno));
    }
    good = good && present_function(vhost, error, size);
    if (good && !vhost_backend_open(vhost)) {
        snprintf(error, size, "back end at %s: %s", options->socket, vhost->link.error);
        good = false;
    }
    if (good && !start_watching(vhost)) {
        snprintf(error, size, "cannot start a thread");
        good = false;
    }
    if (!good) {
        destroy(&vhost->device);
        return NULL;
    }
    vhost_registers_reset(vhost);
    return &vhost->device;
}

const char *vhost_user_socket(struct device *device)
{
    return vhost_user_of(device)->options.socket;
}

/* ---- Options ---- */

void vhost_user_defaults(struct vhost_user_options *options)
{
    *options = (struct vhost_user_options){
        .queues = 1, .queue_size = DEFAULT_QUEUE_SIZE, .deadline_ms = DEFAULT_DEADLINE_MS};
}

static bool parse_number(const char *key, const char *value, unsigned long most,
                         unsigned long *number, char *error, size_t size)
{
    char *end;

    errno = 0;
    *number = strtoul(value, &end, 0);
    if (errno || end == value || *end != '\0' || strchr(value, '-') || *number > most) {
        snprintf(error, size, "%s=%s: a number up to %lu is needed", key, value, most);
        return false;
    }
    return true;
}

static bool set_key(const char *key, const char *value, struct vhost_user_options *options,
                    char *error, size_t size)
{
    unsigned long number = 0;

    if (strcmp(key, "socket") == 0) {
        if (strlen(value) >= sizeof(options->socket)) {
            snprintf(error, size, "socket=%.64s...: a socket's path has at most %zu bytes", value,
                     sizeof(options->socket) - 1);
            return false;
        }
        memcpy(options->socket, value, strlen(value) + 1);
        return true;
    }
    if (strcmp(key, "queues") == 0) {
        const bool good = parse_number(key, value, VHOST_USER_QUEUES, &number, error, size);
        options->queues = (unsigned)number;
        return good;
    }
    if (strcmp(key, "queue-size") == 0) {
        const bool good = parse_number(key, value, LARGEST_QUEUE, &number, error, size);
        options->queue_size = (uint16_t)number;
        return good;
    }
    if (strcmp(key, "vectors") == 0) {
        const bool good = parse_number(key, value, PCI_VECTORS, &number, error, size);
        options->vectors = (unsigned)number;
        return good;
    }
    if (strcmp(key, "deadline") == 0) {
        const bool good = parse_number(key, value, 3600, &number, error, size);
        options->deadline_ms = (unsigned)number * 1000;
        return good;
    }
    snprintf(error, size, "%s: no such option (socket, queues, queue-size, vectors, deadline)",
             key);
    return false;
}

bool vhost_user_parse(const char *text, struct vhost_user_options *options, char *error,
                      size_t size)
{
    char copy[512], *rest = copy, *item;

    if (strlen(text) >= sizeof(copy)) {
        snprintf(error, size, "options of more than %zu bytes", sizeof(copy) - 1);
        return false;
    }
    memcpy(copy, text, strlen(text) + 1);
    while (copy[0] != '\0' && (item = strsep(&rest, ",")) != NULL) {
        char *value = strchr(item, '=');
        if (!value) {
            snprintf(error, size, "%s: KEY=VALUE is needed", item);
            return false;
        }
        *value++ = '\0';
        if (!set_key(item, value, options, error, size)) {
            return false;
        }
    }
    return true;
}
