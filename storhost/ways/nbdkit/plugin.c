/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nbdkit plugin: the disk of a running `storhost serve` as a network block device.
 *
 *   nbdkit build/nbdkit-storhost-plugin.so socket=PATH
 *
 * Each NBD connection has a connection of its own to storhost. nbdkit calls from many threads at
 * once (parallel thread model); their requests are on the wire together, and so on the driver's
 * queues together.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ways/client.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static char *socket_path;

static int plugin_config(const char *key, const char *value)
{
    if (strcmp(key, "socket") != 0) {
        nbdkit_error("unknown parameter '%s': the only one is socket=PATH", key);
        return -1;
    }
    free(socket_path);
    socket_path = nbdkit_absolute_path(value);
    return socket_path != NULL ? 0 : -1;
}

static int plugin_config_complete(void)
{
    if (socket_path == NULL) {
        nbdkit_error("parameter socket=PATH is missing: the socket of a running storhost serve");
        return -1;
    }
    return 0;
}

static void plugin_unload(void)
{
    free(socket_path);
}

/* An NBD connection. */
struct connection {
    struct client *client;
    struct client_provisioning provisioning;
};

static struct client *client_of(void *handle)
{
    return ((struct connection *)handle)->client;
}

static void *plugin_open(int readonly)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    char why[2048];

    (void)readonly;
    if (connection == NULL) {
        nbdkit_error("out of memory");
        return NULL;
    }
    connection->client = client_connect(socket_path, why, sizeof(why));
    if (connection->client == NULL) {
        nbdkit_error("%s", why);
        free(connection);
        return NULL;
    }
    client_get_provisioning(connection->client, &connection->provisioning);
    return connection;
}

static void plugin_close(void *handle)
{
    client_close(client_of(handle));
    free(handle);
}

static int64_t plugin_get_size(void *handle)
{
    const struct protocol_disk *disk = client_disk(client_of(handle));

    return (int64_t)(disk->blocks * disk->block_bytes);
}

static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
                             uint32_t *maximum)
{
    const struct protocol_disk *disk = client_disk(client_of(handle));

    *minimum = disk->block_bytes;
    /* NBD wants at least 512 and a power of two; 4096 is what file systems use anyway. */
    *preferred = disk->preferred_bytes > 4096 ? disk->preferred_bytes : 4096;
    *maximum = PROTOCOL_MAXIMUM_DATA;
    return 0;
}

static int plugin_can_write(void *handle)
{
    return (client_disk(client_of(handle))->capabilities & PROTOCOL_DISK_READ_ONLY) == 0;
}

static int plugin_true(void *handle)
{
    (void)handle;
    return 1;
}

static int plugin_can_fua(void *handle)
{
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

/* Turns an errno value into nbdkit's way of failing; names the operation. */
static int answer(struct client *client, int error, const char *operation, uint64_t offset,
                  uint32_t count)
{
    if (error == 0) {
        return 0;
    }
    nbdkit_error("%s of %u bytes at %llu: %s%s%s", operation, count, (unsigned long long)offset,
                 strerror(error), client_failure(client)[0] != '\0' ? ": " : "",
                 client_failure(client));
    nbdkit_set_error(error == ENOTCONN ? ESHUTDOWN : error);
    return -1;
}

static int plugin_pread(void *handle, void *data, uint32_t count, uint64_t offset, uint32_t flags)
{
    (void)flags;
    return answer(client_of(handle), client_read(client_of(handle), data, offset, count), "read",
                  offset, count);
}

static int plugin_pwrite(void *handle, const void *data, uint32_t count, uint64_t offset,
                         uint32_t flags)
{
    bool fua = (flags & NBDKIT_FLAG_FUA) != 0;

    return answer(client_of(handle), client_write(client_of(handle), data, offset, count, fua),
                  "write", offset, count);
}

static int plugin_can_trim(void *handle)
{
    return (client_disk(client_of(handle))->capabilities & PROTOCOL_DISK_TRIM) != 0;
}

static int plugin_can_zero(void *handle)
{
    return ((struct connection *)handle)->provisioning.zero_blocks != 0;
}

/* The second half of FUA for what has no such bit: error is that of the first half. */
static int flush_after(void *handle, int error, uint32_t flags)
{
    return error == 0 && (flags & NBDKIT_FLAG_FUA) != 0 ? client_flush(client_of(handle)) : error;
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    int error = client_trim(client_of(handle), offset, count);

    return answer(client_of(handle), flush_after(handle, error, flags), "trim", offset, count);
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct connection *connection = handle;
    bool may_unmap = (flags & NBDKIT_FLAG_MAY_TRIM) != 0;
    int error =
        client_zero(connection->client, &connection->provisioning, offset, count, may_unmap);

    return answer(connection->client, flush_after(handle, error, flags), "zero", offset, count);
}

static int plugin_flush(void *handle, uint32_t flags)
{
    (void)flags;
    return answer(client_of(handle), client_flush(client_of(handle)), "flush", 0, 0);
}

static struct nbdkit_plugin plugin = {
    .name = "storhost",
    .longname = "disk behind a Windows storage driver",
    .description = "The disk of a running storhost serve",
    .unload = plugin_unload,
    .config = plugin_config,
    .config_complete = plugin_config_complete,
    .config_help = "socket=PATH  (required) the socket of a running storhost serve",
    .magic_config_key = "socket",
    .open = plugin_open,
    .close = plugin_close,
    .get_size = plugin_get_size,
    .block_size = plugin_block_size,
    .can_write = plugin_can_write,
    .can_flush = plugin_true,
    .can_fua = plugin_can_fua,
    .can_trim = plugin_can_trim,
    .can_zero = plugin_can_zero,
    .can_multi_conn = plugin_true,
    .pread = plugin_pread,
    .pwrite = plugin_pwrite,
    .flush = plugin_flush,
    .trim = plugin_trim,
    .zero = plugin_zero,
    .errno_is_preserved = 0,
};

struct nbdkit_plugin *plugin_init(void);
NBDKIT_REGISTER_PLUGIN(plugin)
