/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a message (MSI-X) reaches the bench without being polled for.
 *
 * A message is a write of 32 bits to an address. QEMU's ivshmem-doorbell device has a register
 * (BAR 0, offset 12) that rings a bell of another peer when `peer << 16 | vector` is written to
 * it, and each bell is an eventfd. So the message address of each of the disk's vectors is that
 * register, the data names us as peer and the vector, and QEMU does the rest.
 *
 * Peers learn of each other from a server on a UNIX socket (docs/specs/ivshmem-spec.txt of QEMU):
 * 64-bit little-endian numbers, some with a descriptor attached. We are server and other peer in
 * one, and everything that QEMU's side must be told is known before it starts: it is put into the
 * socket beforehand and nobody has to serve.
 *
 *   0                   protocol version
 *   0                   QEMU's own peer number
 *   -1 + descriptor     shared memory (one page, used by nobody)
 *   1  + eventfd        vector 0 of peer 1, which is us; then vector 1, ...
 */
#include "devices/qemu/qemu_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROTOCOL_VERSION 0
#define QEMU_PEER        0
#define OUR_PEER         1

static bool tell(int socket, int64_t number, int fd)
{
    uint64_t wire = htole64((uint64_t)number);
    struct iovec bytes = {&wire, sizeof wire};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof wire;
}

static bool tell_all(struct qemu_device *qemu)
{
    int page = memfd_create("storhost-doorbell", MFD_CLOEXEC);
    bool good = page >= 0 && !ftruncate(page, 4096) &&
                tell(qemu->doorbell_fd, PROTOCOL_VERSION, -1) &&
                tell(qemu->doorbell_fd, QEMU_PEER, -1) && tell(qemu->doorbell_fd, -1, page);

    for (unsigned i = 0; good && i < qemu->doorbells; i++) {
        qemu->doorbell_events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        good = qemu->doorbell_events[i] >= 0 &&
               tell(qemu->doorbell_fd, OUR_PEER, qemu->doorbell_events[i]);
    }
    int reason = errno;
    if (page >= 0) {
        close(page);
    }
    errno = reason;
    return good;
}

bool doorbell_setup(struct qemu_device *qemu, unsigned wanted, char *error, size_t size)
{
    qemu->doorbells = wanted > QEMU_DOORBELLS ? wanted : QEMU_DOORBELLS;
    if (qemu->doorbells > QEMU_DOORBELLS_MAX) {
        qemu->doorbells = QEMU_DOORBELLS_MAX;
    }
    qemu->doorbell_events = malloc(qemu->doorbells * sizeof *qemu->doorbell_events);
    if (!qemu->doorbell_events) {
        snprintf(error, size, "out of memory.");
        return false;
    }
    memset(qemu->doorbell_events, 0xff, qemu->doorbells * sizeof *qemu->doorbell_events);
    if (!qemu_socket_pair(&qemu->doorbell_fd,
                          &qemu->child_fds[QEMU_FD_DOORBELL - QEMU_FD_MEMORY]) ||
        !tell_all(qemu)) {
        snprintf(error, size, "cannot set up %u message vectors: %s (see ulimit -n).",
                 qemu->doorbells, strerror(errno));
        return false;
    }
    return true;
}

void doorbell_close(struct qemu_device *qemu)
{
    for (unsigned i = 0; qemu->doorbell_events && i < qemu->doorbells; i++) {
        if (qemu->doorbell_events[i] >= 0) {
            close(qemu->doorbell_events[i]);
        }
    }
    free(qemu->doorbell_events);
    if (qemu->doorbell_fd >= 0) {
        close(qemu->doorbell_fd);
    }
}

uint32_t doorbell_data(unsigned vector)
{
    return (uint32_t)OUR_PEER << 16 | vector;
}
