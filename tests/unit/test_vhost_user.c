/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user device against a back end made here, which notes what it is told and does what
 * qemu-storage-daemon does not do on demand: changes its configuration, refuses, answers nonsense. What a
 * driver does is done by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "devices/vhost_user/protocol.h"
#include "devices/vhost_user/vhost_user.h"
#include "machine/memory.h"
#include "virtio/layout.h"

#define MIB          UINT64_C(0x100000)
#define BELOW_4G     (32 * MIB)
#define ABOVE_4G     (32 * MIB)
#define PATIENCE_S   5
#define QUEUES       2u
#define REPLY        4u
#define WANTS_ACK    8u
#define CONFIG_BYTES 60u
#define FEATURE(bit) (UINT64_C(1) << (bit))
#define GOOD_FEATURES                                                          \
    (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VHOST_USER_F_PROTOCOL_FEATURES) |   \
     FEATURE(VIRTIO_RING_F_INDIRECT_DESC) | FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | \
     FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_F_ACCESS_PLATFORM) |         \
     FEATURE(VIRTIO_BLK_F_SEG_MAX))
#define GOOD_PROTOCOL                                                               \
    (FEATURE(VHOST_USER_PROTOCOL_F_MQ) | FEATURE(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
     FEATURE(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | FEATURE(VHOST_USER_PROTOCOL_F_CONFIG))

struct wire {
    uint32_t request, flags, size;
    union {
        uint64_t number;
        struct {
            uint32_t index, value;
        } state;
        struct {
            uint32_t index, flags;
            uint64_t descriptors, used, available, log;
        } address;
        struct {
            uint32_t count, padding;
            struct vhost_user_region region[8];
        } memory;
        struct {
            uint32_t offset, size, flags;
            uint8_t bytes[256];
        } config;
    } __attribute__((packed, aligned(4)));
} __attribute__((packed, aligned(4)));

/* ---- The back end ---- */

static struct {
    char path[64];
    int listener;
    pthread_t thread;
    /* what it is like */
    uint64_t features, protocol, queue_count;
    uint32_t refuses; /* a request that it acknowledges with an error */
    struct virtio_blk_config config;
    /* what it was told; one reader, behind a request that was acknowledged */
    unsigned connections;
    uint64_t accepted;
    struct wire memory, ring[QUEUES];
    uint32_t size[QUEUES], base[QUEUES];
    int call[QUEUES], kick[QUEUES];
    bool enabled[QUEUES];
    int channel;
    int connection;
    uint8_t written_wce;
} back_end;

static void note_ring(const struct wire *message, int fd)
{
    const unsigned index = message->state.index;

    switch (message->request) {
    case VHOST_USER_SET_VRING_NUM:
        back_end.size[index] = message->state.value;
        break;
    case VHOST_USER_SET_VRING_BASE:
        back_end.base[index] = message->state.value;
        break;
    case VHOST_USER_SET_VRING_ADDR:
        back_end.ring[index] = *message;
        break;
    case VHOST_USER_SET_VRING_CALL:
        back_end.call[index] = fd;
        break;
    case VHOST_USER_SET_VRING_KICK:
        back_end.kick[index] = fd;
        break;
    case VHOST_USER_SET_VRING_ENABLE:
        back_end.enabled[index] = message->state.value == 1;
        break;
    default:
        break;
    }
}

/* Notes a request; true: `message` has become its answer. */
static bool handle(struct wire *message, int fd)
{
    switch (message->request) {
    case VHOST_USER_GET_FEATURES:
        message->number = back_end.features;
        break;
    case VHOST_USER_GET_PROTOCOL_FEATURES:
        message->number = back_end.protocol;
        break;
    case VHOST_USER_GET_QUEUE_NUM:
        message->number = back_end.queue_count;
        break;
    case VHOST_USER_GET_CONFIG:
        memcpy(message->config.bytes, &back_end.config, CONFIG_BYTES);
        return true;
    case VHOST_USER_SET_CONFIG:
        back_end.written_wce = message->config.bytes[0];
        return false;
    case VHOST_USER_SET_FEATURES:
        back_end.accepted = message->number;
        return false;
    case VHOST_USER_SET_MEM_TABLE:
        back_end.memory = *message;
        return false;
    case VHOST_USER_SET_BACKEND_REQ_FD:
        back_end.channel = fd;
        return false;
    default:
        note_ring(message, fd);
        return false;
    }
    message->size = sizeof(message->number);
    return true;
}

static bool take(int connection, struct wire *message, int *fd)
{
    struct iovec bytes = {message, 12};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 8)];
    } control = {0};
    struct msghdr packet = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};

    *fd = -1;
    if (recvmsg(connection, &packet, MSG_WAITALL) != 12) {
        return false;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(header), sizeof(int));
    }
    return message->size == 0 ||
           recv(connection, &message->number, message->size, MSG_WAITALL) == (ssize_t)message->size;
}

static void serve(int connection)
{
    struct wire message;
    int fd;

    while (take(connection, &message, &fd)) {
        const bool acknowledge = message.flags & WANTS_ACK;
        bool answer = handle(&message, fd);

        if (!answer && acknowledge) {
            message.number = message.request == back_end.refuses;
            message.size = sizeof(message.number);
            answer = true;
        }
        message.flags = 1 | REPLY;
        if (answer && send(connection, &message, 12 + message.size, MSG_NOSIGNAL) < 0) {
            return;
        }
    }
}

static void *back_end_thread(void *unused)
{
    int connection;

    (void)unused;
    while ((connection = accept(back_end.listener, NULL, NULL)) >= 0) {
        back_end.connection = connection;
        back_end.connections++;
        serve(connection);
        close(connection);
    }
    return NULL;
}

static int start_back_end(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    memset(&back_end, 0, sizeof(back_end));
    back_end.features = GOOD_FEATURES;
    back_end.protocol = GOOD_PROTOCOL;
    back_end.queue_count = QUEUES;
    back_end.config.capacity = 131072;
    back_end.config.seg_max = 126;
    back_end.channel = -1;
    snprintf(back_end.path, sizeof(back_end.path), "/tmp/test_vhost_user.%d", (int)getpid());
    strcpy(address.sun_path, back_end.path);
    unlink(back_end.path);
    back_end.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(back_end.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(back_end.listener, 4), 0);
    assert_int_equal(pthread_create(&back_end.thread, NULL, back_end_thread, NULL), 0);
    return 0;
}

/* ---- The device, and who listens to it ---- */

static struct {
    sem_t message, died, line;
    _Atomic unsigned messages[QUEUES + 1];
    _Atomic bool level;
    char why[512];
} heard;

static struct device *device;
static struct virtio_layout layout;

static void on_message(void *context, unsigned vector)
{
    (void)context;
    heard.messages[vector]++;
    sem_post(&heard.message);
}

static void on_line(void *context, bool asserted)
{
    (void)context;
    heard.level = asserted;
    sem_post(&heard.line);
}

static void on_death(void *context, const char *why)
{
    (void)context;
    snprintf(heard.why, sizeof(heard.why), "%s", why);
    sem_post(&heard.died);
}

static bool comes(sem_t *event)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    while (sem_timedwait(event, &until)) {
        if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static int end_back_end(void **state)
{
    (void)state;
    if (device) {
        device->ops->destroy(device);
    }
    device = NULL;
    shutdown(back_end.listener, SHUT_RDWR);
    pthread_join(back_end.thread, NULL);
    close(back_end.listener);
    unlink(back_end.path);
    return 0;
}

static struct device *create(unsigned queues, char *error, size_t size)
{
    struct vhost_user_options options;

    vhost_user_defaults(&options);
    strcpy(options.socket, back_end.path);
    options.queues = queues;
    options.deadline_ms = PATIENCE_S * 1000;
    return vhost_user_create(&options, error, size);
}

static void open_device(unsigned queues)
{
    const struct device_events events = {on_message, on_line, on_death, NULL};
    char error[1024] = "";

    memset(&heard, 0, sizeof(heard));
    sem_init(&heard.message, 0, 0);
    sem_init(&heard.died, 0, 0);
    sem_init(&heard.line, 0, 0);
    device = create(queues, error, sizeof(error));
    assert_string_equal(error, "");
    assert_non_null(device);
    device_set_events(device, &events);
    virtio_layout_read(device, &layout);
    assert_true(layout.common.present);
}

static uint64_t get(unsigned field, unsigned size)
{
    return device->ops->bar_read(device, layout.common.bar, layout.common.offset + field, size);
}

static void set(unsigned field, unsigned size, uint64_t value)
{
    device->ops->bar_write(device, layout.common.bar, layout.common.offset + field, size, value);
}

static uint64_t capacity(void)
{
    return device->ops->bar_read(device, layout.config.bar, layout.config.offset, 4);
}

static uint64_t offered(void)
{
    uint64_t features;

    set(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
    features = get(VIRTIO_PCI_COMMON_DF, 4) << 32;
    set(VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
    return features | get(VIRTIO_PCI_COMMON_DF, 4);
}

static void accept_features(uint64_t features)
{
    for (unsigned half = 0; half < 2; ++half) {
        set(VIRTIO_PCI_COMMON_GFSELECT, 4, half);
        set(VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> (32 * half)));
    }
    set(VIRTIO_PCI_COMMON_STATUS, 1, 11);
}

/* A place for a ring: page-aligned memory of the guest. */
static bus_addr ring_memory(void)
{
    const struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                           .bytes = 16384,
                                           .alignment = 4096,
                                           .contiguous = true,
                                           .name = "ring"};
    bus_addr bus = 0;

    assert_true(memory_bus_address(memory_alloc(&request), &bus, NULL));
    return bus;
}

static bus_addr set_up_queue(unsigned index)
{
    const bus_addr bus = ring_memory();

    set(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    set(VIRTIO_PCI_COMMON_Q_MSIX, 2, index + 1);
    set(VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)bus);
    set(VIRTIO_PCI_COMMON_Q_DESCHI, 4, bus >> 32);
    set(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, (uint32_t)(bus + 8192));
    set(VIRTIO_PCI_COMMON_Q_AVAILHI, 4, (bus + 8192) >> 32);
    set(VIRTIO_PCI_COMMON_Q_USEDLO, 4, (uint32_t)(bus + 12288));
    set(VIRTIO_PCI_COMMON_Q_USEDHI, 4, (bus + 12288) >> 32);
    set(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    return bus;
}

/* Up to DRIVER_OK with both queues; where their rings lie. */
static void start_driver(bus_addr ring[QUEUES])
{
    set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
    set(VIRTIO_PCI_COMMON_STATUS, 1, 3);
    set(VIRTIO_PCI_COMMON_MSIX, 2, 0);
    accept_features(offered());
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 11);
    for (unsigned i = 0; i < QUEUES; ++i) {
        ring[i] = set_up_queue(i);
    }
    set(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void doorbell(unsigned queue)
{
    device->ops->bar_write(device, layout.notify.bar,
                           layout.notify.offset + queue * layout.notify_multiplier, 2, queue);
}

static bool kicked(unsigned queue)
{
    struct pollfd wait = {.fd = back_end.kick[queue], .events = POLLIN};
    uint64_t kicks;

    return poll(&wait, 1, PATIENCE_S * 1000) == 1 &&
           read(back_end.kick[queue], &kicks, sizeof(kicks)) == sizeof(kicks);
}

static void interrupt(unsigned queue)
{
    const uint64_t one = 1;

    assert_int_equal(write(back_end.call[queue], &one, sizeof(one)), sizeof(one));
}

/* ---- Tests ---- */

static void what_is_offered(void **state)
{
    (void)state;
    open_device(QUEUES);
    /* ACCESS_PLATFORM needs the front end, and MQ is its own; the protocol's bit is not virtio's. */
    assert_int_equal(offered(), FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |
                                    FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | FEATURE(VIRTIO_BLK_F_FLUSH) |
                                    FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_MQ));
    assert_int_equal(capacity(), 131072);
    assert_int_equal(get(VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
    assert_int_equal(device->message_vectors, QUEUES + 1);
    assert_int_equal(device->ops->config_read(device, 0, 4), 0x10421af4);
}

static void features_that_were_not_offered(void **state)
{
    (void)state;
    open_device(1);
    set(VIRTIO_PCI_COMMON_STATUS, 1, 3);
    accept_features(offered() | FEATURE(VIRTIO_BLK_F_DISCARD));
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 3);
    set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
    set(VIRTIO_PCI_COMMON_STATUS, 1, 3);
    accept_features(offered() & ~FEATURE(VIRTIO_F_VERSION_1));
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 3);
    assert_int_equal(back_end.accepted, 0);
}

/* The back end finds each part of a ring by the regions that it was told. */
static uint64_t user_address(bus_addr bus)
{
    for (uint32_t i = 0; i < back_end.memory.memory.count; ++i) {
        const struct vhost_user_region region = back_end.memory.memory.region[i];
        if (bus >= region.guest_address && bus - region.guest_address < region.bytes) {
            return region.user_address + (bus - region.guest_address);
        }
    }
    return 0;
}

static void rings_are_told(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    start_driver(ring);
    assert_int_equal(back_end.accepted, offered() | FEATURE(VHOST_USER_F_PROTOCOL_FEATURES));
    assert_int_equal(back_end.memory.memory.count, 2);
    assert_int_equal(back_end.memory.memory.region[0].bytes, BELOW_4G);
    assert_int_equal(back_end.memory.memory.region[1].guest_address, UINT64_C(1) << 32);
    assert_int_equal(back_end.memory.memory.region[1].file_offset, BELOW_4G);
    for (unsigned i = 0; i < QUEUES; ++i) {
        assert_int_equal(back_end.size[i], 256);
        assert_int_equal(back_end.base[i], 0);
        assert_int_equal(back_end.ring[i].address.descriptors, user_address(ring[i]));
        assert_int_equal(back_end.ring[i].address.available, user_address(ring[i] + 8192));
        assert_int_equal(back_end.ring[i].address.used, user_address(ring[i] + 12288));
        assert_true(back_end.enabled[i]);
    }
}

static void doorbells_and_messages(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    assert_int_equal(device->ops->set_message_vectors(device, QUEUES + 1), QUEUES + 1);
    start_driver(ring);
    for (unsigned i = 0; i < QUEUES; ++i) {
        doorbell(i);
        assert_true(kicked(i));
        interrupt(i);
        assert_true(comes(&heard.message));
        assert_int_equal(heard.messages[i + 1], 1);
    }
    assert_int_equal(heard.messages[0], 0);
}

static void masked_messages_wait(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    const unsigned control = layout.msix_control;
    device->ops->set_message_vectors(device, QUEUES + 1);
    start_driver(ring);
    const uint32_t before = device->ops->config_read(device, control, 2);
    device->ops->config_write(device, control, 2, before | 0x4000);
    interrupt(1);
    usleep(50000);
    assert_int_equal(heard.messages[2], 0);
    device->ops->config_write(device, control, 2, before);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[2], 1);
}

static void line_interrupt(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    device->ops->set_message_vectors(device, 0);
    start_driver(ring);
    interrupt(0);
    assert_true(comes(&heard.line));
    assert_true(heard.level);
    assert_int_equal(device->ops->bar_read(device, layout.isr.bar, layout.isr.offset, 1), 1);
    assert_true(comes(&heard.line));
    assert_false(heard.level);
    assert_int_equal(device->ops->bar_read(device, layout.isr.bar, layout.isr.offset, 1), 0);
}

static void taken_calls_are_left_alone(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    device->ops->set_message_vectors(device, QUEUES + 1);
    start_driver(ring);
    assert_true(vhost_user_take_call(device, 0) >= 0);
    interrupt(0);
    usleep(50000);
    assert_int_equal(heard.messages[1], 0);
    vhost_user_called(device, 0);
    assert_int_equal(heard.messages[1], 1);
    vhost_user_return_call(device, 0);
    interrupt(0);
    assert_true(comes(&heard.message) && comes(&heard.message));
    assert_int_equal(heard.messages[1], 2);
}

static void configuration_changes(void **state)
{
    struct wire message = {.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, .flags = 1 | WANTS_ACK};
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    device->ops->set_message_vectors(device, QUEUES + 1);
    start_driver(ring);
    const uint64_t generation = get(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
    back_end.config.capacity = 262144;
    assert_int_equal(send(back_end.channel, &message, 12, 0), 12);
    assert_int_equal(recv(back_end.channel, &message, 20, MSG_WAITALL), 20);
    assert_int_equal(message.number, 0);
    assert_true(comes(&heard.message));
    assert_int_equal(heard.messages[0], 1);
    assert_int_equal(capacity(), 262144);
    assert_int_not_equal(get(VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation);
}

static void writeback_is_told(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    start_driver(ring);
    const uint64_t at = layout.config.offset + offsetof(struct virtio_blk_config, wce);
    device->ops->bar_write(device, layout.config.bar, at, 1, 1);
    assert_int_equal(back_end.written_wce, 1);
    assert_int_equal(device->ops->bar_read(device, layout.config.bar, at, 1), 1);
}

static void reset_is_a_new_connection(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    start_driver(ring);
    assert_int_equal(back_end.connections, 1);
    interrupt(0); /* what is left over from before means nothing afterwards */
    set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
    assert_int_equal(back_end.connections, 2);
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 0);
    set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
    assert_int_equal(back_end.connections, 2);
    start_driver(ring);
    assert_int_equal(back_end.ring[1].address.descriptors, user_address(ring[1]));
    doorbell(1);
    assert_true(kicked(1));
}

static void end_of_the_back_end(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    start_driver(ring);
    shutdown(back_end.connection, SHUT_RDWR);
    assert_true(comes(&heard.died));
    assert_non_null(strstr(heard.why, "has ended or closed the connection"));
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 0xff);
    assert_int_equal(device->ops->config_read(device, 0, 4), 0xffffffff);
    doorbell(0);
}

static void refusal_of_a_request(void **state)
{
    (void)state;
    open_device(1);
    back_end.refuses = VHOST_USER_SET_FEATURES;
    set(VIRTIO_PCI_COMMON_STATUS, 1, 3);
    accept_features(offered());
    assert_true(comes(&heard.died));
    assert_non_null(strstr(heard.why, "refuses SET_FEATURES"));
}

static void removal(void **state)
{
    bus_addr ring[QUEUES];

    (void)state;
    open_device(QUEUES);
    start_driver(ring);
    device->ops->remove(device);
    assert_int_equal(back_end.connections, 2); /* it has let go of the rings */
    assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 0xff);
}

static void lacking_back_ends(void **state)
{
    static const struct {
        uint64_t features, protocol, queues;
        const char *why;
    } lacking[] = {
        {GOOD_FEATURES & ~FEATURE(VIRTIO_F_VERSION_1), GOOD_PROTOCOL, QUEUES, "VERSION_1"},
        {GOOD_FEATURES & ~FEATURE(VHOST_USER_F_PROTOCOL_FEATURES), GOOD_PROTOCOL, QUEUES,
         "no protocol features"},
        {GOOD_FEATURES, GOOD_PROTOCOL & ~FEATURE(VHOST_USER_PROTOCOL_F_CONFIG), QUEUES, "CONFIG"},
        {GOOD_FEATURES, GOOD_PROTOCOL & ~FEATURE(VHOST_USER_PROTOCOL_F_MQ), QUEUES, "MQ"},
        {GOOD_FEATURES, GOOD_PROTOCOL, 1, "the back end has 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); ++i) {
        char error[1024] = "";

        back_end.features = lacking[i].features;
        back_end.protocol = lacking[i].protocol;
        back_end.queue_count = lacking[i].queues;
        assert_null(create(QUEUES, error, sizeof(error)));
        assert_non_null(strstr(error, lacking[i].why));
        assert_non_null(strstr(error, back_end.path));
    }
}

/* One that has neither of the comforts is good enough for one queue. */
static void modest_back_end(void **state)
{
    (void)state;
    back_end.protocol = FEATURE(VHOST_USER_PROTOCOL_F_CONFIG);
    open_device(1);
    assert_false(offered() & FEATURE(VIRTIO_BLK_F_MQ));
    assert_int_equal(capacity(), 131072);
}

#define BACK_END_TEST(test) cmocka_unit_test_setup_teardown(test, start_back_end, end_back_end)

int main(void)
{
    const struct memory_options memory = {.below_4g = BELOW_4G, .above_4g = ABOVE_4G, .seed = 1};
    const struct CMUnitTest tests[] = {
        BACK_END_TEST(what_is_offered),
        BACK_END_TEST(features_that_were_not_offered),
        BACK_END_TEST(rings_are_told),
        BACK_END_TEST(doorbells_and_messages),
        BACK_END_TEST(masked_messages_wait),
        BACK_END_TEST(line_interrupt),
        BACK_END_TEST(taken_calls_are_left_alone),
        BACK_END_TEST(configuration_changes),
        BACK_END_TEST(writeback_is_told),
        BACK_END_TEST(reset_is_a_new_connection),
        BACK_END_TEST(end_of_the_back_end),
        BACK_END_TEST(refusal_of_a_request),
        BACK_END_TEST(removal),
        BACK_END_TEST(lacking_back_ends),
        BACK_END_TEST(modest_back_end),
    };

    memory_init(&memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
