/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of the vhost-user protocol: see protocol.h. Each is a header and a payload in the byte
 * order of this machine. What asks for no answer is acknowledged where REPLY_ACK was agreed on, so
 * that an error of the back end is seen where it happens.
 */
#include "devices/vhost_user/protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define VERSION_1      0x1u
#define VERSION_MASK   0x3u
#define FLAG_REPLY     0x4u
#define FLAG_WANTS_ACK 0x8u
#define REGIONS        8u
#define CONFIG_BYTES   256u /* VHOST_USER_MAX_CONFIG_SIZE */
#define INDEX_MASK     0xffu

struct header {
    uint32_t request, flags, size;
};

struct ring_state {
    uint32_t index, value;
};

struct ring_address {
    uint32_t index, flags;
    uint64_t descriptors, used, available, log;
};

struct memory_table {
    uint32_t count, padding;
    struct vhost_user_region regions[REGIONS];
};

struct config {
    uint32_t offset, size, flags;
    uint8_t bytes[CONFIG_BYTES];
};

/* Without gaps, as on the wire. */
struct message {
    struct header header;
    union {
        uint64_t number;
        struct ring_state state;
        struct ring_address address;
        struct memory_table memory;
        struct config config;
    } __attribute__((packed, aligned(4)));
} __attribute__((packed, aligned(4)));

static const char *request_name(uint32_t request)
{
    static const char *const names[] = {
        [VHOST_USER_GET_FEATURES] = "GET_FEATURES",
        [VHOST_USER_SET_FEATURES] = "SET_FEATURES",
        [VHOST_USER_SET_OWNER] = "SET_OWNER",
        [VHOST_USER_SET_MEM_TABLE] = "SET_MEM_TABLE",
        [VHOST_USER_SET_VRING_NUM] = "SET_VRING_NUM",
        [VHOST_USER_SET_VRING_ADDR] = "SET_VRING_ADDR",
        [VHOST_USER_SET_VRING_BASE] = "SET_VRING_BASE",
        [VHOST_USER_SET_VRING_KICK] = "SET_VRING_KICK",
        [VHOST_USER_SET_VRING_CALL] = "SET_VRING_CALL",
        [VHOST_USER_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
        [VHOST_USER_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
        [VHOST_USER_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
        [VHOST_USER_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
        [VHOST_USER_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
        [VHOST_USER_GET_CONFIG] = "GET_CONFIG",
        [VHOST_USER_SET_CONFIG] = "SET_CONFIG",
    };
    const char *name = request < sizeof(names) / sizeof(names[0]) ? names[request] : NULL;

    return name ? name : "a request";
}

static bool failed(struct vhost_user_link *link, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool failed(struct vhost_user_link *link, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vsnprintf(link->error, sizeof(link->error), format, values);
    va_end(values);
    return false;
}

/* ---- The connection ---- */

bool vhost_user_connect(struct vhost_user_link *link, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        return failed(link, "the socket's path is too long: at most %zu bytes",
                      sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path));
    link->acknowledges = false;
    link->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->socket < 0 ||
        connect(link->socket, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        const int reason = errno;
        vhost_user_disconnect(link);
        return failed(link,
                      "cannot connect: %s (is the back end running, such as qemu-storage-daemon "
                      "with --export vhost-user-blk,...,addr.type=unix,addr.path=%s?)",
                      strerror(reason), path);
    }
    return true;
}

void vhost_user_disconnect(struct vhost_user_link *link)
{
    if (link->socket >= 0) {
        close(link->socket);
    }
    link->socket = -1;
}

/* ---- Sending ---- */

/* Header and payload, with up to REGIONS copies of a descriptor beside them. */
static bool send_message(struct vhost_user_link *link, const struct message *message, int fd,
                         unsigned copies)
{
    struct iovec bytes = {(void *)(uintptr_t)message, sizeof(struct header) + message->header.size};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * REGIONS)];
    } control = {0};
    struct msghdr packet = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (copies != 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * copies);
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * copies);
        for (unsigned i = 0; i < copies; ++i) {
            memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
        }
    }
    while (bytes.iov_len != 0) {
        const ssize_t sent = sendmsg(link->socket, &packet, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return failed(link, "the back end is gone: sending %s failed: %s",
                          request_name(message->header.request), strerror(errno));
        }
        bytes.iov_base = (char *)bytes.iov_base + sent;
        bytes.iov_len -= (size_t)sent;
        packet.msg_controllen = 0;
    }
    return true;
}

/* ---- Receiving ---- */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool receive(struct vhost_user_link *link, void *to, size_t length, uint32_t request)
{
    const uint64_t until = now_ms() + link->deadline_ms;
    char *bytes = to;

    while (length != 0) {
        const uint64_t now = now_ms();
        struct pollfd wait = {.fd = link->socket, .events = POLLIN};
        if (now >= until) {
            return failed(link, "the back end has not answered %s within %u s",
                          request_name(request), link->deadline_ms / 1000);
        }
        const int ready = poll(&wait, 1, (int)(until - now));
        if (ready <= 0) {
            continue;
        }
        const ssize_t got = recv(link->socket, bytes, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return failed(
                link, "the back end has closed the connection instead of answering %s%s%s",
                request_name(request), got < 0 ? ": " : "", got < 0 ? strerror(errno) : "");
        }
        bytes += got;
        length -= (size_t)got;
    }
    return true;
}

/* The answer to a request that has just been sent. */
static bool receive_answer(struct vhost_user_link *link, struct message *answer, uint32_t request)
{
    if (!receive(link, &answer->header, sizeof(answer->header), request)) {
        return false;
    }
    if (answer->header.request != request || !(answer->header.flags & FLAG_REPLY) ||
        (answer->header.flags & VERSION_MASK) != VERSION_1 ||
        answer->header.size > sizeof(*answer) - sizeof(answer->header)) {
        return failed(link, "the back end's answer to %s is none: request %u, flags %#x, %u bytes",
                      request_name(request), answer->header.request, answer->header.flags,
                      answer->header.size);
    }
    return receive(link, (char *)answer + sizeof(answer->header), answer->header.size, request);
}

/* Sends what has no answer of its own, and takes the acknowledgement. */
static bool transact(struct vhost_user_link *link, struct message *message, uint32_t request,
                     size_t size, int fd, unsigned copies)
{
    message->header = (struct header){
        request, VERSION_1 | (link->acknowledges ? FLAG_WANTS_ACK : 0), (uint32_t)size};
    if (!send_message(link, message, fd, copies)) {
        return false;
    }
    if (!link->acknowledges) {
        return true;
    }
    if (!receive_answer(link, message, request)) {
        return false;
    }
    if (message->header.size != sizeof(message->number) || message->number != 0) {
        return failed(link, "the back end refuses %s", request_name(request));
    }
    return true;
}

/* ---- Requests ---- */

bool vhost_user_set(struct vhost_user_link *link, enum vhost_user_request request, uint64_t value)
{
    struct message message = {.number = value};

    return transact(link, &message, request, sizeof(message.number), -1, 0);
}

bool vhost_user_tell(struct vhost_user_link *link, enum vhost_user_request request)
{
    struct message message;

    return transact(link, &message, request, 0, -1, 0);
}

bool vhost_user_get(struct vhost_user_link *link, enum vhost_user_request request, uint64_t *value)
{
    struct message message = {.header = {request, VERSION_1, 0}};

    if (!send_message(link, &message, -1, 0) || !receive_answer(link, &message, request)) {
        return false;
    }
    if (message.header.size != sizeof(message.number)) {
        return failed(link, "the back end answers %s with %u bytes, not 8", request_name(request),
                      message.header.size);
    }
    *value = message.number;
    return true;
}

bool vhost_user_set_ring(struct vhost_user_link *link, enum vhost_user_request request,
                         unsigned index, uint32_t value)
{
    struct message message = {.state = {index, value}};

    return transact(link, &message, request, sizeof(message.state), -1, 0);
}

bool vhost_user_set_ring_fd(struct vhost_user_link *link, enum vhost_user_request request,
                            unsigned index, int fd)
{
    struct message message = {.number = index & INDEX_MASK};

    return transact(link, &message, request, sizeof(message.number), fd, 1);
}

bool vhost_user_set_ring_address(struct vhost_user_link *link, unsigned index,
                                 const struct vhost_user_ring *ring)
{
    struct message message = {
        .address = {index, 0, ring->descriptors, ring->used, ring->available, 0}};

    return transact(link, &message, VHOST_USER_SET_VRING_ADDR, sizeof(message.address), -1, 0);
}

bool vhost_user_set_fd(struct vhost_user_link *link, enum vhost_user_request request, int fd)
{
    struct message message;

    return transact(link, &message, request, 0, fd, 1);
}

bool vhost_user_set_memory(struct vhost_user_link *link, const struct vhost_user_region *regions,
                           unsigned count, int fd)
{
    struct message message = {.memory = {.count = count}};

    memcpy(message.memory.regions, regions, count * sizeof(*regions));
    return transact(link, &message, VHOST_USER_SET_MEM_TABLE,
                    offsetof(struct memory_table, regions) + count * sizeof(*regions), fd, count);
}

bool vhost_user_get_config(struct vhost_user_link *link, uint32_t offset, void *bytes,
                           uint32_t count)
{
    const uint32_t size = (uint32_t)offsetof(struct config, bytes) + count;
    struct message message = {.header = {VHOST_USER_GET_CONFIG, VERSION_1, size},
                              .config = {.offset = offset, .size = count}};

    if (!send_message(link, &message, -1, 0) ||
        !receive_answer(link, &message, VHOST_USER_GET_CONFIG)) {
        return false;
    }
    if (message.header.size != size || message.config.size != count) {
        return failed(link, "the back end does not tell %u bytes of its configuration at %u", count,
                      offset);
    }
    memcpy(bytes, message.config.bytes, count);
    return true;
}

bool vhost_user_set_config(struct vhost_user_link *link, uint32_t offset, const void *bytes,
                           uint32_t count)
{
    struct message message = {.config = {.offset = offset, .size = count}};

    memcpy(message.config.bytes, bytes, count);
    return transact(link, &message, VHOST_USER_SET_CONFIG, offsetof(struct config, bytes) + count,
                    -1, 0);
}

/* ---- The back end's own requests ---- */

uint32_t vhost_user_take_backend_request(int channel)
{
    struct message message = {0};
    const ssize_t got = recv(channel, &message.header, sizeof(message.header), MSG_DONTWAIT);

    if (got != (ssize_t)sizeof(message.header) ||
        message.header.size > sizeof(message) - sizeof(message.header) ||
        (message.header.size != 0 && recv(channel, &message.number, message.header.size,
                                          MSG_WAITALL) != (ssize_t)message.header.size)) {
        return 0;
    }
    const uint32_t request = message.header.request;
    if (message.header.flags & FLAG_WANTS_ACK) {
        message.header.flags = VERSION_1 | FLAG_REPLY;
        message.header.size = sizeof(message.number);
        message.number = request == VHOST_USER_BACKEND_CONFIG_CHANGE_MSG ? 0 : 1;
        if (send(channel, &message, sizeof(message.header) + sizeof(message.number),
                 MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            return 0;
        }
    }
    return request;
}
