/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request means (VIRTIO 1.2, 5.2.6), and the disk behind it: one file, sparse anonymous
 * memory unless a name is given. Data moves when the request completes, not when it is taken: a
 * held request touches nothing.
 */
#include "devices/scripted/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/violation.h"
#include "machine/memory.h"

#define HEADER_BYTES sizeof(struct virtio_blk_outhdr)
#define STATUS_BYTES 1u

/* ---- The disk ---- */

bool store_open(struct scripted *scripted, char *error, size_t size)
{
    struct scripted_options *options = &scripted->options;
    struct stat status;

    if (options->file[0] == '\0') {
        scripted->store = memfd_create("storhost-scripted-disk", MFD_CLOEXEC);
    } else {
        scripted->store = open(options->file, O_CLOEXEC | (options->read_only ? O_RDONLY : O_RDWR));
    }
    if (scripted->store < 0) {
        snprintf(error, size, "%s: %s", options->file[0] ? options->file : "anonymous disk",
                 strerror(errno));
        return false;
    }
    if (options->file[0] == '\0') {
        return true; /* beyond the end of a file there are zeroes, see store_transfer */
    }
    if (fstat(scripted->store, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 512) {
        snprintf(error, size, "%s: the disk must be a regular file of at least 512 bytes",
                 options->file);
        return false;
    }
    options->capacity = (uint64_t)status.st_size / SECTOR;
    return true;
}

bool store_piece(int file, uint64_t offset, char *data, size_t bytes, bool write)
{
    while (bytes != 0) {
        const ssize_t done = write ? pwrite(file, data, bytes, (off_t)offset)
                                   : pread(file, data, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 || (write && done == 0)) {
            return false;
        }
        if (done == 0) {
            memset(data, 0, bytes);
            return true;
        }
        data += done;
        offset += (uint64_t)done;
        bytes -= (size_t)done;
    }
    return true;
}

bool store_transfer(struct scripted *scripted, uint64_t sector, void *data, size_t bytes,
                    bool write)
{
    if (sector > scripted->config.capacity ||
        (bytes + SECTOR - 1) / SECTOR > scripted->config.capacity - sector ||
        sector > (uint64_t)INT64_MAX / SECTOR - bytes) {
        return false;
    }
    return store_piece(scripted->store, sector * SECTOR, data, bytes, write);
}

/* ---- Taking a request ---- */

/* Copies `length` bytes from the start of the readable segments. There are that many. */
static void read_start(const struct request *request, void *to, size_t length)
{
    char *out = to;

    for (unsigned i = 0; length != 0; ++i) {
        const struct segment *segment = &request->segments[i];
        const size_t piece = segment->length < length ? segment->length : length;
        memcpy(out, memory_at(segment->address, segment->length), piece);
        out += piece;
        length -= piece;
    }
}

static void count_type(struct scripted_counters *counters, uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN:
        ++counters->in;
        break;
    case VIRTIO_BLK_T_OUT:
        ++counters->out;
        break;
    case VIRTIO_BLK_T_FLUSH:
        ++counters->flush;
        break;
    case VIRTIO_BLK_T_GET_ID:
        ++counters->get_id;
        break;
    case VIRTIO_BLK_T_DISCARD:
        ++counters->discard_requests;
        ++counters->other;
        break;
    default:
        ++counters->other;
    }
}

static bool has_sectors(const struct request *request)
{
    return request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT;
}

static bool has_range(const struct request *request)
{
    return request->type == VIRTIO_BLK_T_DISCARD || request->type == VIRTIO_BLK_T_WRITE_ZEROES ||
           request->type == VIRTIO_BLK_T_SECURE_ERASE;
}

/* Whether the data is the driver's, for the device to read. */
static bool reads_data(const struct request *request)
{
    return request->type == VIRTIO_BLK_T_OUT || has_range(request);
}

/* Bytes of data: without header and status. */
static uint64_t data_bytes(const struct request *request)
{
    return reads_data(request) ? request->readable - HEADER_BYTES
                               : request->writable - STATUS_BYTES;
}

/* Calls `visit` for each piece of data in order, until one returns false. */
static bool for_each_piece(const struct request *request, bool writable,
                           bool (*visit)(void *context, uint64_t address, uint32_t length),
                           void *context)
{
    uint64_t skip = writable ? 0 : HEADER_BYTES;
    uint64_t left = writable ? request->writable - STATUS_BYTES : request->readable - HEADER_BYTES;

    for (unsigned i = 0; i < request->count && left != 0; ++i) {
        const struct segment *segment = &request->segments[i];
        if (segment->writable != writable) {
            continue;
        }
        if (skip >= segment->length) {
            skip -= segment->length;
            continue;
        }
        uint64_t length = segment->length - skip;
        length = length < left ? length : left;
        if (!visit(context, segment->address + skip, (uint32_t)length)) {
            return false;
        }
        left -= length;
        skip = 0;
    }
    return true;
}

struct limits {
    struct scripted *scripted;
    unsigned queue, head, pieces;
};

static bool judge_piece(void *context, uint64_t address, uint32_t length)
{
    struct limits *limits = context;
    const struct scripted *scripted = limits->scripted;

    (void)address;
    ++limits->pieces;
    must(!(scripted->accepted & FEATURE(VIRTIO_BLK_F_SIZE_MAX)) || scripted->config.size_max == 0 ||
             length <= scripted->config.size_max,
         "queue %u, chain %u: a data segment of %u bytes, size_max is %u (5.2.3)", limits->queue,
         limits->head, length, scripted->config.size_max);
    return true;
}

/* The data segments that it takes: as it says by SEG_MAX, or, where it does not offer that, as its option
 * says. Not even a device that says 0 takes none. */
static uint32_t segment_limit(const struct scripted *scripted)
{
    const uint32_t most = scripted->accepted & FEATURE(VIRTIO_BLK_F_SEG_MAX)
                              ? scripted->config.seg_max
                              : scripted->options.seg_max;

    return most == 0 ? 1 : most;
}

/* Without ANY_LAYOUT header and status have a descriptor of their own (2.6.4.1 legacy). */
static void judge_layout(const struct scripted *scripted, const struct queue *queue,
                         const struct request *request)
{
    const struct segment *last = &request->segments[request->count - 1];

    if (scripted->accepted & (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_ANY_LAYOUT))) {
        return;
    }
    must(request->segments[0].length == HEADER_BYTES && last->length == STATUS_BYTES,
         "queue %u, chain %u: without ANY_LAYOUT the header (%u bytes) and the status (%u bytes) "
         "must be in descriptors of 16 bytes and 1 byte",
         queue->index, request->head, request->segments[0].length, last->length);
}

/* The ranges that a discard or zeroing carries; as many as the option allows. */
struct ranges {
    char header[HEADER_BYTES];
    struct virtio_blk_discard_write_zeroes range[SCRIPTED_RANGES];
};

static size_t count_ranges(const struct request *request)
{
    return data_bytes(request) / sizeof(struct virtio_blk_discard_write_zeroes);
}

static void read_ranges(const struct request *request, struct ranges *ranges)
{
    read_start(request, ranges, HEADER_BYTES + data_bytes(request));
}

/* What a request with ranges needs: the feature, so many ranges and sectors of each at most, only these
 * flags. Of sectors 0 is no limit. */
struct range_rule {
    unsigned feature;
    uint32_t ranges, most, flags;
};

static struct range_rule range_rule(const struct scripted *scripted, uint32_t type)
{
    const struct virtio_blk_config *config = &scripted->config;

    switch (type) {
    case VIRTIO_BLK_T_DISCARD:
        return (struct range_rule){VIRTIO_BLK_F_DISCARD, config->max_discard_seg,
                                   config->max_discard_sectors, 0};
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return (struct range_rule){VIRTIO_BLK_F_WRITE_ZEROES, config->max_write_zeroes_seg,
                                   config->max_write_zeroes_sectors,
                                   VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP};
    default:
        return (struct range_rule){VIRTIO_BLK_F_SECURE_ERASE, config->max_secure_erase_seg,
                                   config->max_secure_erase_sectors, 0};
    }
}

static void judge_range(const struct scripted *scripted, const struct queue *queue,
                        const struct request *request, const struct range_rule *rule,
                        const struct virtio_blk_discard_write_zeroes *range)
{
    must(rule->most == 0 || range->num_sectors <= rule->most,
         "queue %u, chain %u: a range of %u sectors, the device takes %u (5.2.6.1)", queue->index,
         request->head, range->num_sectors, rule->most);
    must(!(range->flags & ~rule->flags), "queue %u, chain %u: flags %#x of a range (5.2.6.1)",
         queue->index, request->head, range->flags);
    must(range->sector <= scripted->largest_capacity &&
             range->num_sectors <= scripted->largest_capacity - range->sector,
         "queue %u, chain %u: %u sectors at %llu are beyond the capacity of %llu (5.2.6.1)",
         queue->index, request->head, range->num_sectors, (unsigned long long)range->sector,
         (unsigned long long)scripted->largest_capacity);
}

static void judge_ranges(const struct scripted *scripted, const struct queue *queue,
                         const struct request *request)
{
    const struct range_rule rule = range_rule(scripted, request->type);
    struct ranges ranges;

    if (!has_range(request)) {
        return;
    }
    must(scripted->accepted & FEATURE(rule.feature),
         "queue %u, chain %u: a request of type %u without its feature (5.2.6.1)", queue->index,
         request->head, request->type);
    must(data_bytes(request) != 0 && data_bytes(request) % sizeof(ranges.range[0]) == 0 &&
             count_ranges(request) <= rule.ranges && count_ranges(request) <= SCRIPTED_RANGES,
         "queue %u, chain %u: %llu bytes of ranges, the device takes %u of 16 (5.2.6.1)",
         queue->index, request->head, (unsigned long long)data_bytes(request), rule.ranges);
    read_ranges(request, &ranges);
    for (size_t i = 0; i < count_ranges(request); ++i) {
        judge_range(scripted, queue, request, &rule, &ranges.range[i]);
    }
}

static void judge(struct scripted *scripted, const struct queue *queue,
                  const struct request *request)
{
    struct limits limits = {scripted, queue->index, request->head, 0};

    judge_layout(scripted, queue, request);
    for_each_piece(request, !reads_data(request), judge_piece, &limits);
    scripted->counters.segments += limits.pieces;
    must(limits.pieces <= segment_limit(scripted),
         "queue %u, chain %u: %u data segments, the device takes %u (5.2.3)", queue->index,
         request->head, limits.pieces, segment_limit(scripted));
    judge_ranges(scripted, queue, request);
    must(request->type != VIRTIO_BLK_T_FLUSH || request->sector == 0,
         "queue %u, chain %u: FLUSH with sector %llu, not 0 (5.2.6.1)", queue->index, request->head,
         (unsigned long long)request->sector);
    if (!has_sectors(request)) {
        return;
    }
    const uint64_t bytes = data_bytes(request);
    must(bytes != 0 && bytes % SECTOR == 0,
         "queue %u, chain %u: %llu bytes of data are not a multiple of 512 (5.2.6.1)", queue->index,
         request->head, (unsigned long long)bytes);
    must(request->sector <= scripted->largest_capacity &&
             bytes / SECTOR <= scripted->largest_capacity - request->sector,
         "queue %u, chain %u: %llu bytes at sector %llu are beyond the capacity of %llu (5.2.6.1)",
         queue->index, request->head, (unsigned long long)bytes,
         (unsigned long long)request->sector, (unsigned long long)scripted->largest_capacity);
}

static bool fault_fits(const struct scripted_fault *fault, const struct queue *queue,
                       const struct request *request)
{
    if ((fault->type != SCRIPTED_ANY && fault->type != request->type) ||
        (fault->queue != SCRIPTED_ANY && fault->queue != queue->index)) {
        return false;
    }
    if (fault->first_sector == 0 && fault->last_sector == UINT64_MAX) {
        return true;
    }
    return has_sectors(request) && request->sector <= fault->last_sector &&
           request->sector + data_bytes(request) / SECTOR > fault->first_sector;
}

static void find_faults(struct scripted *scripted, const struct queue *queue,
                        struct request *request)
{
    for (unsigned i = 0; i < scripted->fault_count; ++i) {
        struct active_fault *active = &scripted->faults[i];
        const struct scripted_fault *fault = &active->fault;

        if (!fault_fits(fault, queue, request)) {
            continue;
        }
        ++active->matched;
        if (active->matched >= fault->nth &&
            (fault->times == 0 || active->matched - fault->nth < fault->times)) {
            request->faults |= 1u << fault->kind;
            request->values[fault->kind] = fault->value;
        }
    }
    if (request->faults & 1u << SCRIPTED_FAULT_DELAY) {
        request->due += request->values[SCRIPTED_FAULT_DELAY];
    }
}

void request_begin(struct scripted *scripted, struct queue *queue, struct request *request)
{
    struct virtio_blk_outhdr header;

    must(request->readable >= HEADER_BYTES,
         "queue %u, chain %u: %llu readable bytes do not hold a request header (5.2.6)",
         queue->index, request->head, (unsigned long long)request->readable);
    must(request->writable >= STATUS_BYTES,
         "queue %u, chain %u: no writable byte for the status (5.2.6)", queue->index,
         request->head);
    read_start(request, &header, sizeof(header));
    request->type = header.type;
    request->sector = header.sector;
    /* A legacy driver may set the barrier bit, which is a hint. */
    if (scripted->accepted & FEATURE(VIRTIO_BLK_F_BARRIER)) {
        request->type &= ~VIRTIO_BLK_T_BARRIER;
    }
    request->due = scripted->counters.steps + scripted->options.delay;
    request->covers = scripted->writes_cached;
    count_type(&scripted->counters, request->type);
    judge(scripted, queue, request);
    find_faults(scripted, queue, request);
}

/* ---- Completing it ---- */

struct transfer {
    struct scripted *scripted;
    uint64_t sector; /* where the next piece goes on */
    uint32_t rest;   /* bytes of it that are done already */
    bool write;
};

/* Pieces need not end at a sector: what is between is moved byte by byte in the file. */
static bool move_piece(void *context, uint64_t address, uint32_t length)
{
    struct transfer *transfer = context;
    const uint64_t offset = transfer->sector * SECTOR + transfer->rest;

    if (!store_piece(transfer->scripted->store, offset, memory_at(address, length), length,
                     transfer->write)) {
        return false;
    }
    transfer->sector = (offset + length) / SECTOR;
    transfer->rest = (uint32_t)((offset + length) % SECTOR);
    return true;
}

/* Logical blocks of the disk, in sectors. */
static uint32_t block_sectors(const struct scripted *scripted)
{
    return scripted->options.block_size < SECTOR ? 1 : scripted->options.block_size / SECTOR;
}

static uint8_t transfer_data(struct scripted *scripted, const struct request *request)
{
    const bool write = request->type == VIRTIO_BLK_T_OUT;
    const uint64_t bytes = data_bytes(request), sectors = bytes / SECTOR;
    const uint32_t block = block_sectors(scripted);
    struct transfer transfer = {scripted, request->sector, 0, write};

    if ((write && scripted->options.read_only) || request->sector > scripted->config.capacity ||
        sectors > scripted->config.capacity - request->sector ||
        request->sector + sectors > INT64_MAX / SECTOR || request->sector % block != 0 ||
        sectors % block != 0) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (write) {
        cache_note(scripted, request->sector * SECTOR, bytes);
    }
    if (!for_each_piece(request, !write, move_piece, &transfer)) {
        return VIRTIO_BLK_S_IOERR;
    }
    *(write ? &scripted->counters.bytes_out : &scripted->counters.bytes_in) += bytes;
    return VIRTIO_BLK_S_OK;
}

struct text {
    const char *at;
    size_t left;
};

static bool put_text(void *context, uint64_t address, uint32_t length)
{
    struct text *text = context;
    const size_t piece = length < text->left ? length : text->left;

    memcpy(memory_at(address, length), text->at, piece);
    text->at += piece;
    text->left -= piece;
    return text->left != 0;
}

static uint8_t answer_id(struct scripted *scripted, const struct request *request)
{
    char id[VIRTIO_BLK_ID_BYTES] = {0};
    struct text text = {id, sizeof(id)};

    if (scripted->options.no_serial) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    memcpy(id, scripted->options.serial, strnlen(scripted->options.serial, sizeof(id)));
    for_each_piece(request, true, put_text, &text);
    return text.left == 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/* The whole grains of a discard: parts of grains are kept, as by any device that has them. */
static struct virtio_blk_discard_write_zeroes
whole_grains(const struct scripted *scripted, struct virtio_blk_discard_write_zeroes range)
{
    const uint32_t grain =
        scripted->options.discard_alignment != 0 ? scripted->options.discard_alignment : 1;
    const uint64_t first = (range.sector + grain - 1) / grain * grain;
    const uint64_t end = (range.sector + range.num_sectors) / grain * grain;

    range.sector = first;
    range.num_sectors = end > first ? (uint32_t)(end - first) : 0;
    return range;
}

static void count_range(struct scripted_counters *counters, uint32_t type, uint32_t flags)
{
    switch (type) {
    case VIRTIO_BLK_T_DISCARD:
        ++counters->discard;
        break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
        ++counters->zeroes;
        counters->unmapping += flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ? 1 : 0;
        break;
    default:
        ++counters->erased;
    }
}

/* What is discarded reads as zeroes here, too: a hole in the file. */
static uint8_t clear_range(struct scripted *scripted, const struct request *request,
                           struct virtio_blk_discard_write_zeroes range)
{
    const uint32_t block = block_sectors(scripted);

    if (scripted->options.read_only || range.sector % block != 0 ||
        range.num_sectors % block != 0 || range.sector > scripted->config.capacity ||
        range.num_sectors > scripted->config.capacity - range.sector) {
        return VIRTIO_BLK_S_IOERR;
    }
    count_range(&scripted->counters, request->type, range.flags);
    if (request->type == VIRTIO_BLK_T_DISCARD) {
        range = whole_grains(scripted, range);
    }
    cache_note(scripted, range.sector * SECTOR, (uint64_t)range.num_sectors * SECTOR);
    return range.num_sectors == 0 ||
                   fallocate(scripted->store, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                             (off_t)(range.sector * SECTOR),
                             (off_t)((uint64_t)range.num_sectors * SECTOR)) == 0
               ? VIRTIO_BLK_S_OK
               : VIRTIO_BLK_S_IOERR;
}

static uint8_t clear_ranges(struct scripted *scripted, const struct request *request)
{
    struct ranges ranges;

    read_ranges(request, &ranges);
    for (size_t i = 0; i < count_ranges(request); ++i) {
        const uint8_t status = clear_range(scripted, request, ranges.range[i]);

        if (status != VIRTIO_BLK_S_OK) {
            return status;
        }
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t answer_lifetime(struct scripted *scripted, const struct request *request)
{
    const uint16_t lifetime[3] = {1, scripted->options.lifetime[0], scripted->options.lifetime[1]};
    struct text text = {(const char *)lifetime, sizeof(lifetime)};

    if (!(scripted->accepted & FEATURE(F_LIFETIME))) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    for_each_piece(request, true, put_text, &text);
    return text.left == 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static uint8_t flush(struct scripted *scripted, const struct request *request)
{
    if (!(scripted->offered & FEATURE(VIRTIO_BLK_F_FLUSH))) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    cache_flush(scripted, request->covers);
    return VIRTIO_BLK_S_OK;
}

static uint8_t perform(struct scripted *scripted, const struct request *request)
{
    switch (request->type) {
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
    case VIRTIO_BLK_T_SECURE_ERASE:
        return clear_ranges(scripted, request);
    case T_GET_LIFETIME:
        return answer_lifetime(scripted, request);
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        return transfer_data(scripted, request);
    case VIRTIO_BLK_T_FLUSH:
        return flush(scripted, request);
    case VIRTIO_BLK_T_GET_ID:
        return answer_id(scripted, request);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

static void write_status(const struct request *request, uint8_t status)
{
    const struct segment *last = &request->segments[request->count - 1];
    uint8_t *address = memory_at(last->address, last->length);

    __atomic_store_n(address + last->length - 1, status, __ATOMIC_RELEASE);
}

/* What is told as used length, where `written` is right. */
static uint32_t used_length(const struct scripted *scripted, const struct request *request,
                            uint32_t written)
{
    switch (scripted->options.used_length) {
    case SCRIPTED_LENGTH_CHAIN:
        return (uint32_t)data_bytes(request) + STATUS_BYTES;
    case SCRIPTED_LENGTH_DATA:
        return (uint32_t)data_bytes(request);
    case SCRIPTED_LENGTH_STATUS:
        return STATUS_BYTES;
    case SCRIPTED_LENGTH_NOTHING:
        return 0;
    default:
        return written;
    }
}

uint32_t request_execute(struct scripted *scripted, const struct request *request)
{
    const uint8_t status = request->faults & 1u << SCRIPTED_FAULT_STATUS
                               ? (uint8_t)request->values[SCRIPTED_FAULT_STATUS]
                               : perform(scripted, request);

    if (!(request->faults & 1u << SCRIPTED_FAULT_NO_STATUS)) {
        write_status(request, status);
    }
    if (status != VIRTIO_BLK_S_OK) {
        ++scripted->counters.failed;
        return used_length(scripted, request, STATUS_BYTES);
    }
    return used_length(scripted, request,
                       reads_data(request) ? STATUS_BYTES : (uint32_t)request->writable);
}
