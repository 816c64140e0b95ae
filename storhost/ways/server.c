/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections, requests and answers: see server.h. */
#include "ways/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ways/protocol.h"

struct client;

/* One request of a client, from its frame to its answer. */
struct request {
    struct request *next; /* in the client's list of answers */
    struct client *client;
    struct protocol_reply reply;
    uint8_t *body;                 /* the frame's body: data going out lies in it */
    uint8_t *data;                 /* data coming in */
    struct port_io io;             /* a SCSI command */
    struct class_request transfer; /* a block operation */
    struct class_range range;      /* of a trim */
};

enum client_state {
    CLIENT_OPEN,    /* frames are read and answered */
    CLIENT_CLOSING, /* nothing is read any more; what is outstanding is answered */
    CLIENT_BROKEN,  /* nothing can be sent any more; answers are dropped */
};

struct client {
    struct client *next;
    struct server *server;
    int socket;
    pthread_t reader;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    enum client_state state;
    unsigned outstanding; /* requests that are not freed yet */
    struct request *answers, **answers_end;
    char error[256]; /* sent as the last frame; "": none */
};

struct server {
    const struct disk *disk;
    struct disk_class *class;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    int socket;
    pthread_t acceptor;
    atomic_bool stopping; /* set with the lock; read without it where a request more does no harm */
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    struct client *clients;
    unsigned client_count;
};

/* Hands a finished request to the writer. Any thread, also a processor's. */
static void answer(struct request *request)
{
    struct client *client = request->client;

    request->next = NULL;
    pthread_mutex_lock(&client->lock);
    *client->answers_end = request;
    client->answers_end = &request->next;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void fill_reply(struct request *request, const struct port_io *io)
{
    struct protocol_reply *reply = &request->reply;

    reply->outcome = PROTOCOL_DONE;
    reply->srb_status = io->srb_status;
    reply->scsi_status = io->scsi_status;
    reply->sense_length = io->sense_length;
    reply->transferred = io->transferred;
    memcpy(reply->sense, io->sense, io->sense_length);
}

static void scsi_done(struct port_io *io)
{
    struct request *request = io->context;
    uint32_t moved = io->transferred < io->data_length ? io->transferred : io->data_length;

    fill_reply(request, io);
    request->reply.transferred = moved;
    request->reply.data_length = io->direction == PORT_DATA_IN ? moved : 0;
    answer(request);
}

static void transfer_done(struct class_request *transfer)
{
    struct request *request = transfer->context;
    bool good = transfer->status == CLASS_SUCCESS;
    const struct disk *disk = request->client->server->disk;
    uint64_t blocks = transfer->operation == CLASS_TRIM ? request->range.blocks : transfer->blocks;

    fill_reply(request, &transfer->result);
    request->reply.transferred =
        good && transfer->operation != CLASS_FLUSH ? (uint32_t)(blocks * disk->block_bytes) : 0;
    request->reply.data_length =
        good && transfer->operation == CLASS_READ ? request->reply.transferred : 0;
    if (!good && transfer->srbs == 0) {
        request->reply.outcome = PROTOCOL_REFUSED; /* the class driver did not even send it */
    }
    answer(request);
}

static void refuse(struct request *request, enum protocol_outcome outcome)
{
    request->reply.outcome = outcome;
    answer(request);
}

static void start_scsi(struct request *request, const struct protocol_request *wanted)
{
    static const enum port_direction directions[] = {PORT_NO_DATA, PORT_DATA_IN, PORT_DATA_OUT};
    const struct disk *disk = request->client->server->disk;
    struct port_io *io = &request->io;
    struct port_facts facts;

    port_get_facts(disk->port, &facts);
    if (facts.maximum_transfer_bytes != 0 && wanted->data_length > facts.maximum_transfer_bytes) {
        refuse(request, PROTOCOL_REFUSED);
        return;
    }
    memcpy(io->cdb, wanted->cdb, wanted->cdb_length);
    io->cdb_length = wanted->cdb_length;
    io->direction = directions[wanted->direction];
    io->data =
        wanted->direction == PROTOCOL_DATA_OUT ? (void *)(uintptr_t)wanted->data : request->data;
    io->data_length = wanted->data_length;
    io->timeout_seconds = wanted->timeout_ms / 1000 + (wanted->timeout_ms % 1000 != 0 ? 1 : 0);
    io->processor = -1;
    io->sense_capacity = sizeof(io->sense);
    io->done = scsi_done;
    io->context = request;
    port_submit(disk->port, io);
}

static void start_transfer(struct request *request, const struct protocol_request *wanted)
{
    static const enum class_operation operations[] = {[PROTOCOL_READ] = CLASS_READ,
                                                      [PROTOCOL_WRITE] = CLASS_WRITE,
                                                      [PROTOCOL_FLUSH] = CLASS_FLUSH,
                                                      [PROTOCOL_TRIM] = CLASS_TRIM};
    const struct disk *disk = request->client->server->disk;
    struct class_request *transfer = &request->transfer;

    if (wanted->offset % disk->block_bytes != 0 || wanted->data_length % disk->block_bytes != 0) {
        refuse(request, PROTOCOL_REFUSED);
        return;
    }
    transfer->operation = operations[wanted->type];
    transfer->write_through = (wanted->flags & PROTOCOL_FLAG_FUA) != 0;
    transfer->lba = wanted->offset / disk->block_bytes;
    transfer->blocks = wanted->data_length / disk->block_bytes;
    transfer->data =
        wanted->type == PROTOCOL_WRITE ? (void *)(uintptr_t)wanted->data : request->data;
    request->range = (struct class_range){transfer->lba, transfer->blocks};
    transfer->ranges = &request->range;
    transfer->range_count = 1;
    transfer->processor = -1;
    transfer->done = transfer_done;
    transfer->context = request;
    class_submit(request->client->server->class, transfer);
}

/* Waits until one more request may be outstanding; false: the client is being closed. */
static bool wait_for_room(struct client *client)
{
    bool open;

    pthread_mutex_lock(&client->lock);
    while (client->state == CLIENT_OPEN && client->outstanding >= SERVER_OUTSTANDING) {
        pthread_cond_wait(&client->changed, &client->lock);
    }
    open = client->state == CLIENT_OPEN;
    if (open) {
        client->outstanding++;
    }
    pthread_mutex_unlock(&client->lock);
    return open;
}

static void return_room(struct client *client)
{
    pthread_mutex_lock(&client->lock);
    client->outstanding--;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void drop_request(struct request *request)
{
    struct client *client = request->client;

    free(request->body);
    free(request->data);
    free(request);
    return_room(client);
}

static const char out_of_memory[] = "the server is out of memory";

/* Reads and judges the body of a request's frame, and gets memory for what will be read. Returns
 * as serve_frame does. */
static const char *receive_request(struct request *request, const struct protocol_header *header,
                                   struct protocol_request *wanted)
{
    const char *wrong;

    request->body = malloc(header->body_length + 1);
    if (request->body == NULL) {
        return out_of_memory;
    }
    if (!protocol_receive(request->client->socket, request->body, header->body_length)) {
        return "";
    }
    wrong = protocol_decode_request(header, request->body, wanted);
    if (wrong != NULL || wanted->direction != PROTOCOL_DATA_IN) {
        return wrong;
    }
    request->data = calloc(1, wanted->data_length + 1u);
    return request->data == NULL ? out_of_memory : NULL;
}

static void start_request(struct request *request, const struct protocol_request *wanted)
{
    request->reply.tag = wanted->tag;
    if (request->client->server->stopping) {
        refuse(request, PROTOCOL_GONE);
    } else if (wanted->type == PROTOCOL_SCSI) {
        start_scsi(request, wanted);
    } else {
        start_transfer(request, wanted);
    }
}

/* Takes one request off the socket and starts it. NULL, or why the connection has to end. "" means
 * that there is nothing to tell. */
static const char *serve_frame(struct client *client)
{
    uint8_t bytes[PROTOCOL_HEADER_BYTES];
    struct protocol_header header;
    struct protocol_request wanted;
    struct request *request;
    const char *wrong;

    if (!protocol_receive(client->socket, bytes, sizeof(bytes))) {
        return "";
    }
    wrong = protocol_decode_header(bytes, &header);
    if (wrong != NULL) {
        return wrong;
    }
    if (!wait_for_room(client)) {
        return "";
    }
    request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return_room(client);
        return out_of_memory;
    }
    request->client = client;
    wrong = receive_request(request, &header, &wanted);
    if (wrong != NULL) {
        drop_request(request);
        return wrong;
    }
    start_request(request, &wanted);
    return NULL;
}

static bool exchange_hello(struct client *client, const char **wrong)
{
    const struct disk *disk = client->server->disk;
    struct class_facts class;
    uint8_t bytes[PROTOCOL_HEADER_BYTES], body[PROTOCOL_HELLO_BYTES];
    uint8_t hello[PROTOCOL_HEADER_BYTES + PROTOCOL_DISK_BYTES];
    struct protocol_header header;
    struct protocol_disk description = {
        .block_bytes = disk->block_bytes,
        .blocks = disk->blocks,
        .maximum_transfer = disk->maximum_transfer,
        .preferred_bytes = disk->physical_block_bytes,
        .capabilities = (disk->read_only ? PROTOCOL_DISK_READ_ONLY : 0) |
                        (disk->write_cache ? PROTOCOL_DISK_WRITE_CACHE : 0),
    };

    class_get_facts(client->server->class, &class);
    description.capabilities |= class.unmap ? PROTOCOL_DISK_TRIM : 0;
    *wrong = "";
    if (!protocol_receive(client->socket, bytes, sizeof(bytes))) {
        return false;
    }
    *wrong = protocol_decode_header(bytes, &header);
    if (*wrong != NULL) {
        return false;
    }
    if (header.body_length != sizeof(body) ||
        !protocol_receive(client->socket, body, sizeof(body))) {
        *wrong = "the first frame must be a HELLO";
        return false;
    }
    *wrong = protocol_decode_hello(&header, body);
    return *wrong == NULL &&
           protocol_send(client->socket, hello, protocol_encode_disk(&description, hello));
}

static bool send_answer(const struct request *request)
{
    uint8_t bytes[PROTOCOL_REPLY_BYTES];
    const struct protocol_reply *reply = &request->reply;
    int socket = request->client->socket;

    return protocol_send(socket, bytes, protocol_encode_reply(reply, bytes)) &&
           protocol_send(socket, reply->sense, reply->sense_length) &&
           protocol_send(socket, request->data, reply->data_length);
}

/* Takes the next answer, waiting; NULL: none will come any more. */
static struct request *next_answer(struct client *client, bool *send)
{
    struct request *request;

    pthread_mutex_lock(&client->lock);
    while (client->answers == NULL && (client->state == CLIENT_OPEN || client->outstanding > 0)) {
        pthread_cond_wait(&client->changed, &client->lock);
    }
    request = client->answers;
    if (request != NULL) {
        client->answers = request->next;
        if (client->answers == NULL) {
            client->answers_end = &client->answers;
        }
    }
    *send = client->state != CLIENT_BROKEN;
    pthread_mutex_unlock(&client->lock);
    return request;
}

static void set_state(struct client *client, enum client_state state)
{
    pthread_mutex_lock(&client->lock);
    if (state > client->state) {
        client->state = state;
    }
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void *write_answers(void *context)
{
    struct client *client = context;
    struct request *request;
    bool send;

    while ((request = next_answer(client, &send)) != NULL) {
        if (send && !send_answer(request)) {
            set_state(client, CLIENT_BROKEN);
            shutdown(client->socket, SHUT_RD); /* wakes the reader */
        }
        drop_request(request);
    }
    return NULL;
}

static void send_error(struct client *client, const char *text)
{
    uint8_t bytes[PROTOCOL_HEADER_BYTES];
    size_t length = strlen(text);

    if (protocol_send(client->socket, bytes, protocol_encode_error(length, bytes))) {
        (void)protocol_send(client->socket, text, length);
    }
}

/* Takes a client out of the server's list and frees it. */
static void remove_client(struct client *client)
{
    struct server *server = client->server;
    struct client **link;

    pthread_mutex_lock(&server->lock);
    for (link = &server->clients; *link != client; link = &(*link)->next) {
    }
    *link = client->next;
    close(client->socket);
    pthread_mutex_destroy(&client->lock);
    pthread_cond_destroy(&client->changed);
    free(client);
    server->client_count--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void *serve_client(void *context)
{
    struct client *client = context;
    const char *wrong;
    pthread_t writer;

    if (pthread_create(&writer, NULL, write_answers, client) != 0) {
        send_error(client, "the server cannot start a thread");
        remove_client(client);
        return NULL;
    }
    if (exchange_hello(client, &wrong)) {
        do {
            wrong = serve_frame(client);
        } while (wrong == NULL);
    }
    set_state(client, CLIENT_CLOSING);
    pthread_join(writer, NULL);
    if (wrong != NULL && wrong[0] != '\0') {
        send_error(client, wrong);
    }
    remove_client(client);
    return NULL;
}

static void start_client(struct server *server, int socket)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        close(socket);
        return;
    }
    client->server = server;
    client->socket = socket;
    client->answers_end = &client->answers;
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    pthread_mutex_lock(&server->lock);
    client->next = server->clients;
    server->clients = client;
    server->client_count++;
    pthread_mutex_unlock(&server->lock);
    if (pthread_create(&client->reader, NULL, serve_client, client) != 0) {
        remove_client(client);
        return;
    }
    pthread_detach(client->reader);
}

/* Whether one more client may come: waits for room. False: the server stops. */
static bool wait_for_client_room(struct server *server)
{
    bool go_on;

    pthread_mutex_lock(&server->lock);
    while (!server->stopping && server->client_count >= SERVER_CLIENTS) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    go_on = !server->stopping;
    pthread_mutex_unlock(&server->lock);
    return go_on;
}

static void *accept_clients(void *context)
{
    struct server *server = context;

    while (wait_for_client_room(server)) {
        int socket = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);
        if (socket >= 0) {
            start_client(server, socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            usleep(100000); /* until some client is gone */
        } else if (errno != EINTR && errno != ECONNABORTED) {
            break; /* shut down by server_stop */
        }
    }
    return NULL;
}

/* Whether somebody listens on the socket file at the address. */
static bool is_listening(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listening;

    if (probe < 0) {
        return true;
    }
    listening = connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
                errno != ECONNREFUSED;
    close(probe);
    return listening;
}

/* Opens the listening socket; -1 and a text. */
static int listen_on(const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(error, error_size, "%.200s: longer than a socket path can be (%zu)", path,
                 sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (lstat(path, &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) {
            snprintf(error, error_size, "%s: is there and is no socket", path);
            return -1;
        }
        if (is_listening(&address)) {
            snprintf(error, error_size, "%s: another server listens there (give --socket)", path);
            return -1;
        }
        unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 16) != 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

struct server *server_start(const char *path, const struct disk *disk, struct disk_class *class,
                            char *error, size_t error_size)
{
    struct server *server;
    pthread_condattr_t attributes;
    int fd = listen_on(path, error, error_size);

    if (fd < 0) {
        return NULL;
    }
    server = calloc(1, sizeof(*server));
    if (server == NULL) {
        snprintf(error, error_size, "out of memory");
        close(fd);
        unlink(path);
        return NULL;
    }
    server->disk = disk;
    server->class = class;
    server->socket = fd;
    strcpy(server->path, path);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&server->acceptor, NULL, accept_clients, server) != 0) {
        snprintf(error, error_size, "cannot start a thread");
        close(fd);
        unlink(path);
        free(server);
        return NULL;
    }
    return server;
}

void server_remove_socket(struct server *server)
{
    unlink(server->path);
}

bool server_stop(struct server *server, unsigned milliseconds)
{
    struct timespec until;
    int waited = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->socket, SHUT_RDWR); /* wakes the acceptor */
    pthread_join(server->acceptor, NULL);
    close(server->socket);
    unlink(server->path);

    pthread_mutex_lock(&server->lock);
    for (struct client *client = server->clients; client != NULL; client = client->next) {
        set_state(client, CLIENT_CLOSING);
        shutdown(client->socket, SHUT_RD);
    }
    while (server->client_count > 0 && waited == 0) {
        waited = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    if (server->client_count > 0) {
        pthread_mutex_unlock(&server->lock);
        return false;
    }
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
    free(server);
    return true;
}
