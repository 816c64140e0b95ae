/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's end of the protocol: see client.h. */
#include "ways/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Values of the SCSI standards (SPC) and of SRB_STATUS_* that turn into errno values. */
enum {
    SENSE_DATA_PROTECT = 7,
    SENSE_ILLEGAL_REQUEST = 5,
    ASC_OUT_OF_RANGE = 0x21,
    SRB_SUCCESS = 1,
    SRB_NO_DEVICE = 8,
    SRB_TIMEOUT = 9,
};

/* One request that waits for its reply. Lives on its thread's stack. */
struct waiter {
    struct waiter *next;
    uint64_t tag;
    void *data_in;
    uint32_t room; /* bytes at data_in */
    struct protocol_reply *reply;
    bool answered;
};

struct client {
    int socket;
    struct protocol_disk disk;
    pthread_mutex_t send_lock; /* one frame at a time goes out */
    pthread_mutex_t lock;      /* everything below */
    pthread_cond_t changed;    /* a reply was handed over, or nobody reads any more */
    struct waiter *waiters;
    uint64_t next_tag;
    bool somebody_reads;
    bool broken;
    char failure[PROTOCOL_MAXIMUM_ERROR + 1];
};

static int connect_to(const char *path, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(why, why_size, "%.200s: longer than a socket path can be (%zu)", path,
                 sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        snprintf(why, why_size, "%s: %s (is `storhost serve` running there?)", path,
                 strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* The text that the server sends before it closes; leaves `text` alone if it cannot be read. */
static void receive_error(int fd, const struct protocol_header *header, char *text)
{
    if (protocol_receive(fd, text, header->body_length)) {
        text[header->body_length] = '\0';
    }
}

static const char *exchange_hello(struct client *client)
{
    uint8_t hello[PROTOCOL_HEADER_BYTES + PROTOCOL_HELLO_BYTES];
    uint8_t bytes[PROTOCOL_HEADER_BYTES], body[PROTOCOL_DISK_BYTES];
    struct protocol_header header;
    const char *wrong;

    if (!protocol_send(client->socket, hello, protocol_encode_hello(hello)) ||
        !protocol_receive(client->socket, bytes, sizeof(bytes))) {
        return "the server closed the connection";
    }
    wrong = protocol_decode_header(bytes, &header);
    if (wrong != NULL) {
        return wrong;
    }
    if (header.type == PROTOCOL_ERROR) {
        receive_error(client->socket, &header, client->failure);
        return client->failure;
    }
    if (header.body_length != PROTOCOL_DISK_BYTES ||
        !protocol_receive(client->socket, body, sizeof(body))) {
        return "the server's HELLO is damaged";
    }
    return protocol_decode_disk(&header, body, &client->disk);
}

struct client *client_connect(const char *path, char *why, size_t why_size)
{
    struct client *client;
    const char *wrong;
    int fd = connect_to(path, why, why_size);

    if (fd < 0) {
        return NULL;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        snprintf(why, why_size, "out of memory");
        close(fd);
        return NULL;
    }
    client->socket = fd;
    client->next_tag = 1;
    pthread_mutex_init(&client->send_lock, NULL);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    wrong = exchange_hello(client);
    if (wrong != NULL) {
        snprintf(why, why_size, "%s: %s", path, wrong);
        client_close(client);
        return NULL;
    }
    return client;
}

void client_close(struct client *client)
{
    close(client->socket);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    pthread_mutex_destroy(&client->send_lock);
    free(client);
}

const struct protocol_disk *client_disk(const struct client *client)
{
    return &client->disk;
}

const char *client_failure(const struct client *client)
{
    return client->failure;
}

/* With client->lock. */
static struct waiter *find_waiter(struct client *client, uint64_t tag)
{
    struct waiter *waiter = client->waiters;

    while (waiter != NULL && waiter->tag != tag) {
        waiter = waiter->next;
    }
    return waiter;
}

/* With client->lock. */
static void remove_waiter(struct client *client, struct waiter *waiter)
{
    struct waiter **link = &client->waiters;

    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
}

/* Reads sense and data of a reply to where its owner wants them. The owner waits, so its memory
 * stays; only the reading thread is here, without the lock. */
static const char *receive_reply(struct client *client, const struct protocol_header *header,
                                 struct waiter **owner)
{
    uint8_t fixed[PROTOCOL_REPLY_FIXED];
    struct protocol_reply reply;
    struct waiter *waiter;
    const char *wrong;

    if (header->body_length < sizeof(fixed) ||
        !protocol_receive(client->socket, fixed, sizeof(fixed))) {
        return "the server closed the connection";
    }
    wrong = protocol_decode_reply(header, fixed, &reply);
    if (wrong != NULL) {
        return wrong;
    }
    pthread_mutex_lock(&client->lock);
    waiter = find_waiter(client, reply.tag);
    pthread_mutex_unlock(&client->lock);
    if (waiter == NULL || waiter->answered || reply.data_length > waiter->room) {
        return "a reply fits no outstanding request";
    }
    if (!protocol_receive(client->socket, reply.sense, reply.sense_length) ||
        !protocol_receive(client->socket, waiter->data_in, reply.data_length)) {
        return "the server closed the connection";
    }
    *waiter->reply = reply;
    *owner = waiter;
    return NULL;
}

static const char *receive_frame(struct client *client, struct waiter **owner)
{
    uint8_t bytes[PROTOCOL_HEADER_BYTES];
    struct protocol_header header;
    const char *wrong;

    if (!protocol_receive(client->socket, bytes, sizeof(bytes))) {
        return "the server closed the connection";
    }
    wrong = protocol_decode_header(bytes, &header);
    if (wrong != NULL) {
        return wrong;
    }
    if (header.type == PROTOCOL_ERROR) {
        receive_error(client->socket, &header, client->failure);
        return client->failure;
    }
    return receive_reply(client, &header, owner);
}

/* Waits until `mine` is answered or the connection is broken; reads for all when nobody does.
 * With client->lock. */
static void wait_for(struct client *client, struct waiter *mine)
{
    while (!mine->answered && !client->broken) {
        struct waiter *owner = NULL;
        const char *wrong;

        if (client->somebody_reads) {
            pthread_cond_wait(&client->changed, &client->lock);
            continue;
        }
        client->somebody_reads = true;
        pthread_mutex_unlock(&client->lock);
        wrong = receive_frame(client, &owner);
        pthread_mutex_lock(&client->lock);
        client->somebody_reads = false;
        if (wrong != NULL) {
            client->broken = true;
            if (wrong != client->failure) {
                snprintf(client->failure, sizeof(client->failure), "%s", wrong);
            }
        } else {
            owner->answered = true;
        }
        pthread_cond_broadcast(&client->changed);
    }
}

static bool send_request(struct client *client, const struct protocol_request *request)
{
    uint8_t bytes[PROTOCOL_REQUEST_BYTES];
    size_t length = protocol_encode_request(request, bytes);
    bool sent;

    pthread_mutex_lock(&client->send_lock);
    sent = protocol_send(client->socket, bytes, length) &&
           (request->direction != PROTOCOL_DATA_OUT ||
            protocol_send(client->socket, request->data, request->data_length));
    pthread_mutex_unlock(&client->send_lock);
    return sent;
}

int client_execute(struct client *client, const struct protocol_request *request, void *data_in,
                   struct protocol_reply *reply)
{
    struct protocol_request tagged = *request;
    struct waiter waiter = {
        .data_in = data_in, .room = data_in != NULL ? request->data_length : 0, .reply = reply};

    pthread_mutex_lock(&client->lock);
    tagged.tag = waiter.tag = client->next_tag++;
    waiter.next = client->waiters;
    /* It is taken off the list before this returns. */
    /* cppcheck-suppress autoVariables */
    client->waiters = &waiter;
    pthread_mutex_unlock(&client->lock);

    /* A failed send is no end yet: the server may have said why before it closed, and the reader
     * finds that text. */
    if (!send_request(client, &tagged)) {
        shutdown(client->socket, SHUT_WR);
    }

    pthread_mutex_lock(&client->lock);
    wait_for(client, &waiter);
    remove_waiter(client, &waiter);
    pthread_mutex_unlock(&client->lock);
    return waiter.answered ? 0 : ENOTCONN;
}

/* Sense key, and additional sense code in *asc, of fixed or descriptor sense data. */
static unsigned sense_key(const struct protocol_reply *reply, unsigned *asc)
{
    bool descriptor = reply->sense_length > 3 && (reply->sense[0] & 0x7f) >= 0x72;

    *asc = 0;
    if (descriptor) {
        *asc = reply->sense[2];
        return reply->sense[1] & 0x0f;
    }
    if (reply->sense_length > 12) {
        *asc = reply->sense[12];
    }
    return reply->sense_length > 2 ? reply->sense[2] & 0x0fu : 0;
}

unsigned client_sense_key(const struct protocol_reply *reply)
{
    unsigned asc;

    return sense_key(reply, &asc);
}

int client_reply_error(const struct protocol_reply *reply)
{
    unsigned asc, key;

    if (reply->outcome != PROTOCOL_DONE) {
        return reply->outcome == PROTOCOL_REFUSED ? EINVAL : ENODEV;
    }
    if (reply->srb_status == SRB_SUCCESS && reply->scsi_status == 0) {
        return 0;
    }
    key = sense_key(reply, &asc);
    if (key == SENSE_DATA_PROTECT) {
        return EROFS;
    }
    if (key == SENSE_ILLEGAL_REQUEST && asc == ASC_OUT_OF_RANGE) {
        return ENOSPC;
    }
    if (reply->srb_status == SRB_NO_DEVICE) {
        return ENODEV;
    }
    return reply->srb_status == SRB_TIMEOUT ? ETIMEDOUT : EIO;
}

static int block_request(struct client *client, struct protocol_request *request, void *data_in)
{
    struct protocol_reply reply;
    int error = client_execute(client, request, data_in, &reply);

    if (error == 0) {
        error = client_reply_error(&reply);
    }
    if (error == 0 && reply.transferred != request->data_length) {
        error = EIO;
    }
    return error;
}

int client_read(struct client *client, void *data, uint64_t offset, uint64_t length)
{
    uint8_t *bytes = data;
    int error = 0;

    while (length > 0 && error == 0) {
        uint32_t piece = length > PROTOCOL_MAXIMUM_DATA ? PROTOCOL_MAXIMUM_DATA : (uint32_t)length;
        struct protocol_request request = {.type = PROTOCOL_READ,
                                           .direction = PROTOCOL_DATA_IN,
                                           .offset = offset,
                                           .data_length = piece};
        error = block_request(client, &request, bytes);
        bytes += piece;
        offset += piece;
        length -= piece;
    }
    return error;
}

int client_write(struct client *client, const void *data, uint64_t offset, uint64_t length,
                 bool fua)
{
    const uint8_t *bytes = data;
    int error = 0;

    while (length > 0 && error == 0) {
        uint32_t piece = length > PROTOCOL_MAXIMUM_DATA ? PROTOCOL_MAXIMUM_DATA : (uint32_t)length;
        struct protocol_request request = {.type = PROTOCOL_WRITE,
                                           .direction = PROTOCOL_DATA_OUT,
                                           .flags = fua ? PROTOCOL_FLAG_FUA : 0,
                                           .offset = offset,
                                           .data_length = piece,
                                           .data = bytes};
        error = block_request(client, &request, NULL);
        bytes += piece;
        offset += piece;
        length -= piece;
    }
    return error;
}

int client_flush(struct client *client)
{
    struct protocol_request request = {.type = PROTOCOL_FLUSH};

    return block_request(client, &request, NULL);
}
