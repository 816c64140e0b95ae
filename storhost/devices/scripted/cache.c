/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A volatile write cache (`volatile=on`): what was written is on the medium once a flush has covered it,
 * and `lose-cache` takes the rest away, as a loss of power does. A flush covers what was completed before
 * the device took it, and nothing later (VIRTIO 1.2, 5.2.6.2), as hard as that can be read.
 *
 * The store always holds the newest data; the cache is what lay there before, newest first.
 */
#include "devices/scripted/internal.h"

#include <stdlib.h>

#include "base/violation.h"

struct cached_write {
    struct cached_write *older;
    uint64_t number; /* of this write, from 1 on */
    uint64_t offset; /* bytes */
    size_t bytes;
    char before[];
};

void cache_note(struct scripted *scripted, uint64_t offset, uint64_t bytes)
{
    struct cached_write *write;

    if (!scripted->options.volatile_cache || bytes == 0) {
        return;
    }
    write = malloc(sizeof(*write) + bytes);
    if (write == NULL || !store_piece(scripted->store, offset, write->before, bytes, false)) {
        fatal("the scripted device's cache takes no more");
    }
    write->number = ++scripted->writes_cached;
    write->offset = offset;
    write->bytes = bytes;
    write->older = scripted->cache;
    scripted->cache = write;
}

/* Forgets a write and all that are older. */
static void forget(struct cached_write **newest)
{
    while (*newest != NULL) {
        struct cached_write *write = *newest;

        *newest = write->older;
        free(write);
    }
}

void cache_flush(struct scripted *scripted, uint64_t covered)
{
    struct cached_write **write = &scripted->cache;

    while (*write != NULL && (*write)->number > covered) {
        write = &(*write)->older;
    }
    forget(write);
}

void cache_lose(struct scripted *scripted)
{
    for (struct cached_write *write = scripted->cache; write != NULL; write = write->older) {
        if (!store_piece(scripted->store, write->offset, write->before, write->bytes, true)) {
            fatal("the scripted device's store is full");
        }
    }
    forget(&scripted->cache);
}

void cache_close(struct scripted *scripted)
{
    forget(&scripted->cache);
}
