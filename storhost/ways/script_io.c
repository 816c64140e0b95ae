/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests in scripts: cdb, srb, read, write, verify, flush and depth, done at once or by async
 * and wait; and what expect says about them. See script.h.
 */
#include "ways/script.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/violation.h"
#include "machine/crash.h"

#define WAIT_SECONDS      60u         /* of real time, for a request that is done at once */
#define DATA_MAXIMUM      (16u << 20) /* bytes of one request */
#define REPEAT_MAXIMUM    4096u
#define DEPTH_MAXIMUM     1024u
#define DEFAULT_LARGEST   16u     /* blocks per request of depth */
#define CRASH_LOOK        100000u /* microseconds between two looks whether the system has stopped */
#define DATA_NOT_RECEIVED 0xa5    /* what a buffer holds before the driver fills it */

static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t groups_changed = PTHREAD_COND_INITIALIZER;

static void request_done(struct port_io *io)
{
    struct script_request *request = io->context;

    pthread_mutex_lock(&groups_lock);
    request->group->outstanding--;
    pthread_cond_broadcast(&groups_changed);
    pthread_mutex_unlock(&groups_lock);
}

static void class_done(struct class_request *class)
{
    struct script_request *request = class->context;

    const uint32_t bytes = request->io.data_length;

    request->io = class->result;
    request->io.context = request;
    request->io.data_length = bytes;
    if (class->status == CLASS_SUCCESS) {
        request->io.transferred = bytes; /* of all its SRBs */
    }
    request_done(&request->io);
}

struct script_group *script_create_group(const struct script *script, const char *name)
{
    struct script_group *group = calloc(1, sizeof(*group));

    if (group == NULL) {
        fatal("out of memory");
    }
    snprintf(group->name, sizeof(group->name), "%s", name);
    group->line = script->line.number;
    return group;
}

void script_free_group(struct script_group *group)
{
    while (group->requests != NULL) {
        struct script_request *request = group->requests;
        group->requests = request->next;
        free(request->ranges);
        free(request->data);
        free(request);
    }
    free(group);
}

/* Adds a request in order. */
static struct script_request *add_request(struct script_group *group, uint32_t data_bytes)
{
    struct script_request *request = calloc(1, sizeof(*request)), **link = &group->requests;

    if (request == NULL || (request->data = malloc(data_bytes + 1u)) == NULL) {
        fatal("out of memory for a request of %u bytes", data_bytes);
    }
    request->io.sense_capacity = sizeof(request->io.sense); /* expect wants to see it */
    memset(request->data, DATA_NOT_RECEIVED, data_bytes);
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = request;
    group->count++;
    request->group = group;
    request->io.done = request_done;
    request->io.context = request;
    request->io.processor = -1;
    request->io.data = request->data;
    request->io.data_length = data_bytes;
    return request;
}

/* What may stand behind any request: where it goes and how. The words that are left over at
 * *index are taken; false on an unknown one. */
static bool take_modifiers(struct script *script, unsigned *index, struct port_io *io)
{
    static const struct {
        const char *word;
        uint64_t highest;
    } modifiers[] = {{"timeout", 86400},     {"processor", CPU_MAXIMUM - 1},
                     {"path", 255},          {"target", 255},
                     {"lun", 255},           {"scatter", DATA_MAXIMUM},
                     {"action", UINT32_MAX}, {"power", UINT32_MAX},
                     {"sense", 252}};
    const struct script_line *line = &script->line;

    while (*index < line->words) {
        unsigned which = 0;
        uint64_t value;

        while (which < 9 && strcmp(modifiers[which].word, line->word[*index]) != 0) {
            which++;
        }
        if (which == 9) {
            return script_fail(script, "unexpected '%s'", line->word[*index]);
        }
        if (!script_number_word(script, *index + 1, modifiers[which].word, 0,
                                modifiers[which].highest, &value)) {
            return false;
        }
        switch (which) {
        case 0:
            io->timeout_seconds = (uint32_t)value;
            break;
        case 1:
            io->processor = (int)value;
            break;
        case 2:
            io->path = (uint8_t)value;
            break;
        case 3:
            io->target = (uint8_t)value;
            break;
        case 4:
            io->lun = (uint8_t)value;
            break;
        case 5:
            io->scatter_bytes = (uint32_t)value;
            break;
        case 6:
            io->pnp_action = (uint32_t)value;
            break;
        case 7:
            io->power_state = (uint32_t)value;
            break;
        default:
            io->sense_capacity = (uint8_t)value;
            io->no_sense_buffer = value == 0;
            break;
        }
        *index += 2;
    }
    return true;
}

/* "in N", "in-hex N BYTES", "out N [SEED]", "out-hex BYTES": what a raw command moves. */
struct data_words {
    enum port_direction direction;
    uint32_t length;
    uint64_t seed;
    uint8_t bytes[SCRIPT_WORDS];
    bool literal;
};

/* Bytes in hexadecimal behind the word at *index; *count becomes how many. */
static bool take_bytes(struct script *script, unsigned *index, struct data_words *data,
                       uint32_t *count)
{
    const struct script_line *line = &script->line;
    uint64_t value;

    data->literal = true;
    *count = 0;
    for (++*index; *index < line->words && script_hex(line->word[*index], &value); ++*index) {
        if (value > UINT8_MAX) {
            return script_fail(script, "'%s' is no byte", line->word[*index]);
        }
        data->bytes[(*count)++] = (uint8_t)value;
    }
    return true;
}

/* A buffer of N bytes that begins with the given ones when the driver sees it. */
static bool take_in_hex(struct script *script, unsigned *index, struct data_words *data)
{
    uint64_t length;
    uint32_t given;

    if (!script_number_word(script, *index + 1, "data length in bytes", 0, sizeof(data->bytes),
                            &length)) {
        return false;
    }
    ++*index;
    if (!take_bytes(script, index, data, &given)) {
        return false;
    }
    if (given > length) {
        return script_fail(script, "more bytes than the %u of the buffer", (unsigned)length);
    }
    data->length = (uint32_t)length;
    return true;
}

static bool take_data(struct script *script, unsigned *index, struct data_words *data)
{
    const struct script_line *line = &script->line;
    const char *word = *index < line->words ? line->word[*index] : "";
    uint64_t value;

    if (strcmp(word, "out-hex") == 0) {
        data->direction = PORT_DATA_OUT;
        return take_bytes(script, index, data, &data->length);
    }
    if (strcmp(word, "in-hex") == 0) {
        data->direction = PORT_DATA_IN;
        return take_in_hex(script, index, data);
    }
    if (strcmp(word, "in") != 0 && strcmp(word, "out") != 0) {
        return true;
    }
    data->direction = word[0] == 'i' ? PORT_DATA_IN : PORT_DATA_OUT;
    if (!script_number_word(script, *index + 1, "data length in bytes", 0, DATA_MAXIMUM, &value)) {
        return false;
    }
    data->length = (uint32_t)value;
    *index += 2;
    if (data->direction == PORT_DATA_OUT && *index < line->words &&
        script_number(line->word[*index], &data->seed)) {
        ++*index;
    }
    return true;
}

/* Outgoing data of a raw command: as given, or bytes that the seed fixes. */
static void fill_data(struct script_request *request, const struct data_words *data)
{
    if (data->literal) {
        memcpy(request->data, data->bytes, data->length);
    } else if (data->direction == PORT_DATA_OUT) {
        for (uint32_t i = 0; i < data->length; i++) {
            request->data[i] = (uint8_t)((i + data->seed) * 31 + (i >> 8));
        }
    }
}

static void add_raw_request(struct script_group *group, const struct port_io *model,
                            const struct data_words *data)
{
    struct script_request *request = add_request(group, data->length);
    struct port_io *io = &request->io;

    io->function = model->function;
    memcpy(io->cdb, model->cdb, sizeof(io->cdb));
    io->cdb_length = model->cdb_length;
    io->path = model->path;
    io->target = model->target;
    io->lun = model->lun;
    io->timeout_seconds = model->timeout_seconds;
    if (model->sense_capacity != 0 || model->no_sense_buffer) {
        io->sense_capacity = model->sense_capacity;
        io->no_sense_buffer = model->no_sense_buffer;
    }
    io->processor = model->processor;
    io->scatter_bytes = model->scatter_bytes;
    io->pnp_action = model->pnp_action;
    io->power_state = model->power_state;
    io->direction = data->length > 0 ? data->direction : PORT_NO_DATA;
    fill_data(request, data);
}

/* cdb BYTES [in N | out N [SEED] | out-hex BYTES] [modifiers] */
static bool build_cdb(struct script *script, unsigned first, unsigned count,
                      struct script_group *group)
{
    const struct script_line *line = &script->line;
    struct data_words data = {0};
    struct port_io model = {.processor = -1};
    unsigned index = first + 1;
    uint64_t value;

    while (index < line->words && script_hex(line->word[index], &value)) {
        if (value > UINT8_MAX || model.cdb_length == sizeof(model.cdb)) {
            return script_fail(script, "a command is 1 to %zu bytes in hexadecimal",
                               sizeof(model.cdb));
        }
        model.cdb[model.cdb_length++] = (uint8_t)value;
        index++;
    }
    if (model.cdb_length == 0) {
        return script_fail(script, "cdb needs the command's bytes in hexadecimal");
    }
    if (!take_data(script, &index, &data) || !take_modifiers(script, &index, &model)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        add_raw_request(group, &model, &data);
    }
    return true;
}

/* srb FUNCTION [in N | out N [SEED]] [modifiers] */
static bool build_srb(struct script *script, unsigned first, unsigned count,
                      struct script_group *group)
{
    struct data_words data = {0};
    struct port_io model = {.processor = -1};
    unsigned index = first + 2;
    uint64_t function;

    if (!script_number_word(script, first + 1, "SRB function", 1, UINT8_MAX, &function)) {
        return false;
    }
    model.function = (uint8_t)function;
    if (!take_data(script, &index, &data) || !take_modifiers(script, &index, &model)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        add_raw_request(group, &model, &data);
    }
    return true;
}

static void prepare_block(const struct script *script, struct script_request *request, bool fua)
{
    const struct disk *disk = &script->bench->disk;

    request->block_operation = true;
    if (!request->write) {
        disk_prepare_read(disk, &request->io, request->lba, request->blocks, request->data);
        return;
    }
    for (uint32_t i = 0; i < request->blocks; i++) {
        pattern_fill(request->data + (size_t)i * disk->block_bytes, disk->block_bytes,
                     request->lba + i, request->generation);
    }
    disk_prepare_write(disk, &request->io, request->lba, request->blocks, request->data, fua);
}

/* read LBA BLOCKS; write LBA BLOCKS SEED [fua]; verify LBA BLOCKS SEED: [modifiers] */
static bool build_block(struct script *script, unsigned first, unsigned count,
                        struct script_group *group)
{
    const struct script_line *line = &script->line;
    bool write = line->word[first][0] == 'w', verify = line->word[first][0] == 'v', fua = false;
    uint32_t block_bytes = script->bench->disk.block_bytes;
    unsigned index = first + 3;
    uint64_t lba, blocks, seed = 0;

    if (first + 1 >= line->words || !script_lba(script, line->word[first + 1], &lba)) {
        return script_fail(script, "%s needs an address: a number, end or end-N",
                           line->word[first]);
    }
    if (!script_number_word(script, first + 2, "number of blocks", 1, DATA_MAXIMUM / block_bytes,
                            &blocks)) {
        return false;
    }
    if ((write || verify) && !script_number_word(script, index++, "seed", 0, UINT32_MAX, &seed)) {
        return false;
    }
    if (write && index < line->words && strcmp(line->word[index], "fua") == 0) {
        fua = true;
        index++;
    }
    for (unsigned i = 0; i < count; i++) {
        struct script_request *request = add_request(group, (uint32_t)blocks * block_bytes);
        unsigned modifiers = index;
        request->write = write;
        request->verify = verify;
        request->lba = lba + i * blocks;
        request->blocks = (uint32_t)blocks;
        request->generation = seed;
        if (!take_modifiers(script, &modifiers, &request->io)) {
            return false;
        }
        prepare_block(script, request, fua);
    }
    return true;
}

static bool build_flush(struct script *script, unsigned first, unsigned count,
                        struct script_group *group)
{
    for (unsigned i = 0; i < count; i++) {
        struct script_request *request = add_request(group, 0);
        unsigned index = first + 1;
        if (!take_modifiers(script, &index, &request->io)) {
            return false;
        }
        disk_prepare_flush(&request->io);
    }
    return true;
}

/* ---- through the disk class ------------------------------------------------------------------ */

/* What may stand behind a request through the disk class. */
static bool take_class_modifiers(struct script *script, unsigned index, struct class_request *class)
{
    const struct script_line *line = &script->line;
    uint64_t value;

    while (index < line->words) {
        const char *word = line->word[index++];

        if (strcmp(word, "unaligned") == 0) {
            class->unaligned = true;
        } else if (strcmp(word, "write-through") == 0 && class->operation == CLASS_WRITE) {
            class->write_through = true;
        } else if (strcmp(word, "file-level") == 0 && class->operation == CLASS_TRIM) {
            class->file_level = true;
        } else if (strcmp(word, "processor") == 0) {
            if (!script_number_word(script, index++, "processor", 0, CPU_MAXIMUM - 1, &value)) {
                return false;
            }
            class->processor = (int)value;
        } else if (strcmp(word, "scatter") == 0) {
            if (!script_number_word(script, index++, "scatter", 1, DATA_MAXIMUM, &value)) {
                return false;
            }
            class->scatter_bytes = (uint32_t)value;
        } else {
            return script_fail(script, "unexpected '%s'", word);
        }
    }
    return true;
}

static struct script_request *add_class_request(struct script_group *group,
                                                enum class_operation operation, uint32_t bytes)
{
    struct script_request *request = add_request(group, bytes);

    request->through_class = true;
    request->class.operation = operation;
    request->class.processor = -1;
    request->class.data = request->data;
    request->class.done = class_done;
    request->class.context = request;
    return request;
}

/* disk read LBA BLOCKS; disk write LBA BLOCKS SEED; disk verify LBA BLOCKS SEED */
static bool build_class_transfer(struct script *script, unsigned first, unsigned count,
                                 struct script_group *group)
{
    const char *verb = script->line.word[first];
    bool write = verb[0] == 'w', verify = verb[0] == 'v';
    uint32_t block_bytes = script->bench->disk.block_bytes;
    unsigned index = first + 3;
    uint64_t lba, blocks, seed = 0;

    if (first + 1 >= script->line.words ||
        !script_lba(script, script->line.word[first + 1], &lba)) {
        return script_fail(script, "disk %s needs an address: a number, end or end-N", verb);
    }
    if (!script_number_word(script, first + 2, "number of blocks", 1, DATA_MAXIMUM / block_bytes,
                            &blocks) ||
        ((write || verify) && !script_number_word(script, index++, "seed", 0, UINT32_MAX, &seed))) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct script_request *request = add_class_request(group, write ? CLASS_WRITE : CLASS_READ,
                                                           (uint32_t)blocks * block_bytes);

        request->write = write;
        request->verify = verify;
        request->class.lba = request->lba = lba + i * blocks;
        request->class.blocks = request->blocks = (uint32_t)blocks;
        request->generation = seed;
        for (uint32_t b = 0; write && b < request->blocks; b++) {
            pattern_fill(request->data + (size_t)b * block_bytes, block_bytes, request->lba + b,
                         seed);
        }
        if (!take_class_modifiers(script, index, &request->class)) {
            return false;
        }
    }
    return true;
}

/* disk flush */
static bool build_class_flush(struct script *script, unsigned first, unsigned count,
                              struct script_group *group)
{
    for (unsigned i = 0; i < count; i++) {
        struct script_request *request = add_class_request(group, CLASS_FLUSH, 0);

        if (!take_class_modifiers(script, first + 1, &request->class)) {
            return false;
        }
    }
    return true;
}

/* disk trim LBA BLOCKS [LBA BLOCKS]... [file-level] */
static bool build_class_trim(struct script *script, unsigned first, unsigned count,
                             struct script_group *group)
{
    const struct script_line *line = &script->line;
    struct script_request *request = add_class_request(group, CLASS_TRIM, 0);
    unsigned index = first + 1, ranges = 0;

    if (count != 1) {
        return script_fail(script, "a trim cannot be repeated");
    }
    request->ranges = calloc(SCRIPT_WORDS, sizeof(*request->ranges));
    if (request->ranges == NULL) {
        fatal("out of memory");
    }
    while (index < line->words &&
           script_lba(script, line->word[index], &request->ranges[ranges].lba)) {
        if (!script_number_word(script, index + 1, "number of blocks", 0, UINT64_MAX,
                                &request->ranges[ranges].blocks)) {
            return false;
        }
        ranges++;
        index += 2;
    }
    request->class.ranges = request->ranges;
    request->class.range_count = ranges;
    return ranges > 0 ? take_class_modifiers(script, index, &request->class)
                      : script_fail(script, "disk trim needs addresses and numbers of blocks");
}

/* disk read, write, verify, flush, trim */
static bool build_class(struct script *script, unsigned first, unsigned count,
                        struct script_group *group)
{
    const char *verb = first + 1 < script->line.words ? script->line.word[first + 1] : "";

    if (strcmp(verb, "read") == 0 || strcmp(verb, "write") == 0 || strcmp(verb, "verify") == 0) {
        return build_class_transfer(script, first + 1, count, group);
    }
    if (strcmp(verb, "flush") == 0) {
        return build_class_flush(script, first + 1, count, group);
    }
    if (strcmp(verb, "trim") == 0) {
        return build_class_trim(script, first + 1, count, group);
    }
    return script_fail(script, "disk takes start, read, write, verify, flush or trim");
}

/* ---- workloads ------------------------------------------------------------------------------- */

/* "4" or "1-8": blocks per request. */
static bool parse_range(const char *word, uint32_t *smallest, uint32_t *largest)
{
    char *dash, copy[32];
    uint64_t low, high;

    snprintf(copy, sizeof(copy), "%s", word);
    dash = strchr(copy, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    if (!script_number(copy, &low) || !script_number(dash != NULL ? dash + 1 : copy, &high) ||
        low == 0 || high < low || high > UINT16_MAX) {
        return false;
    }
    *smallest = (uint32_t)low;
    *largest = (uint32_t)high;
    return true;
}

static bool parse_kind(const char *word, enum workload_kind *kind)
{
    static const char *const kinds[] = {"sequential-write", "sequential-read", "random-write",
                                        "random-read", "random-rw"};

    for (unsigned i = 0; i < 5; i++) {
        if (strcmp(kinds[i], word) == 0) {
            *kind = (enum workload_kind)i;
            return true;
        }
    }
    return false;
}

/* Words behind "depth N KIND COUNT SEED": blocks RANGE, at LBA BLOCKS, retry. */
static bool take_depth_words(struct script *script, unsigned index, struct workload *workload)
{
    const struct script_line *line = &script->line;

    while (index < line->words) {
        const char *word = line->word[index++];
        if (strcmp(word, "retry") == 0) {
            workload->retry = true;
        } else if (strcmp(word, "blocks") == 0) {
            if (index >= line->words ||
                !parse_range(line->word[index++], &workload->smallest, &workload->largest)) {
                return script_fail(script, "blocks needs a number or a range such as 1-8");
            }
        } else if (strcmp(word, "at") == 0) {
            if (index >= line->words ||
                !script_lba(script, line->word[index++], &workload->first_lba) ||
                !script_number_word(script, index++, "number of blocks", 1, UINT64_MAX,
                                    &workload->blocks)) {
                return script_fail(script, "at needs an address and a number of blocks");
            }
        } else {
            return script_fail(script, "unexpected '%s'", word);
        }
    }
    return true;
}

/* depth N KIND COUNT SEED ...: a workload, in the group. */
static bool build_depth(struct script *script, unsigned first, struct script_group *group)
{
    const struct disk *disk = &script->bench->disk;
    struct workload *workload = &group->workload;
    uint64_t depth, requests, seed;

    *workload = (struct workload){.disk = disk,
                                  .map = script->map,
                                  .generation = &script->generation,
                                  .blocks = disk->blocks,
                                  .smallest = 1,
                                  .largest = DEFAULT_LARGEST,
                                  .processors = script->bench->options->processors};
    if (!script_number_word(script, first + 1, "depth", 1, DEPTH_MAXIMUM, &depth)) {
        return false;
    }
    if (first + 2 >= script->line.words ||
        !parse_kind(script->line.word[first + 2], &workload->kind)) {
        return script_fail(script, "depth needs a kind: random-rw, random-read, random-write, "
                                   "sequential-read or sequential-write");
    }
    if (!script_number_word(script, first + 3, "number of requests", 1, UINT32_MAX, &requests) ||
        !script_number_word(script, first + 4, "seed", 0, UINT64_MAX, &seed) ||
        !take_depth_words(script, first + 5, workload)) {
        return false;
    }
    workload->depth = (unsigned)depth;
    workload->requests = requests;
    workload->seed = seed;
    if (workload->largest > disk->maximum_transfer / disk->block_bytes) {
        workload->largest = disk->maximum_transfer / disk->block_bytes;
    }
    if (workload->first_lba > disk->blocks ||
        workload->blocks > disk->blocks - workload->first_lba ||
        workload->largest > workload->blocks || workload->smallest > workload->largest) {
        return script_fail(script, "the region is not on the disk, or a request longer than it");
    }
    group->is_workload = true;
    return true;
}

/* Makes what the words from `first` on describe; `count` of it, one behind the other. */
bool script_build(struct script *script, unsigned first, unsigned count, struct script_group *group)
{
    const char *verb = first < script->line.words ? script->line.word[first] : "";

    if (strcmp(verb, "depth") == 0) {
        return count == 1 ? build_depth(script, first, group)
                          : script_fail(script, "a workload cannot be repeated");
    }
    if (strcmp(verb, "cdb") == 0) {
        return build_cdb(script, first, count, group);
    }
    if (strcmp(verb, "srb") == 0) {
        return build_srb(script, first, count, group);
    }
    if (strcmp(verb, "flush") == 0) {
        return build_flush(script, first, count, group);
    }
    if (strcmp(verb, "read") == 0 || strcmp(verb, "write") == 0 || strcmp(verb, "verify") == 0) {
        return build_block(script, first, count, group);
    }
    if (strcmp(verb, "disk") == 0) {
        return build_class(script, first, count, group);
    }
    return script_fail(script, "async takes cdb, srb, read, write, verify, flush, disk or depth");
}

static void *run_workload(void *context)
{
    struct script_group *group = context;

    group->workload_good =
        workload_run(&group->workload, group->workload_error, sizeof(group->workload_error));
    pthread_mutex_lock(&groups_lock);
    group->outstanding = 0;
    pthread_cond_broadcast(&groups_changed);
    pthread_mutex_unlock(&groups_lock);
    return NULL;
}

/* Whether requests can be sent, and may touch the map of what was written. */
static bool check_may_start(struct script *script, bool workload)
{
    if (script->bench->state == BENCH_EMPTY || script->bench->state == BENCH_REMOVED) {
        return script_fail(script, "the device was removed");
    }
    for (const struct script_group *group = script->groups; group != NULL; group = group->next) {
        if (workload || group->is_workload) {
            return script_fail(script,
                               "'%s' of line %u runs: a workload runs alone (wait for it first)",
                               group->name, group->line);
        }
    }
    return true;
}

static void start_group(struct script *script, struct script_group *group)
{
    if (group->is_workload) {
        group->outstanding = 1;
        if (pthread_create(&group->thread, NULL, run_workload, group) != 0) {
            fatal("cannot start a thread");
        }
        return;
    }
    group->outstanding = group->count;
    for (struct script_request *request = group->requests; request != NULL;) {
        /* Completion changes nothing of the list, so the next one may be read afterwards. */
        struct script_request *next = request->next;

        if (request->through_class) {
            class_submit(bench_class(script->bench), &request->class);
        } else {
            port_submit(script->bench->port, &request->io);
        }
        request = next;
    }
}

/* Waits for all of a group; false after the time, or when the system has stopped. */
static bool wait_group(struct script_group *group, uint64_t microseconds)
{
    struct timespec until;
    bool over = false;

    pthread_mutex_lock(&groups_lock);
    while (group->outstanding > 0 && !over) {
        const uint64_t piece = microseconds < CRASH_LOOK ? microseconds : CRASH_LOOK;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += (time_t)(piece / 1000000);
        until.tv_nsec += (long)(piece % 1000000) * 1000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (pthread_cond_timedwait(&groups_changed, &groups_lock, &until) == ETIMEDOUT) {
            microseconds -= piece;
            over = microseconds == 0 || crash_happened();
        }
    }
    over = group->outstanding > 0;
    pthread_mutex_unlock(&groups_lock);
    if (!over && group->is_workload) {
        pthread_join(group->thread, NULL);
    }
    return !over;
}

static bool request_good(const struct script_request *request)
{
    const struct port_io *io = &request->io;

    if (request->through_class) {
        return request->class.status == CLASS_SUCCESS;
    }
    if (request->block_operation) {
        return disk_succeeded(io);
    }
    return (io->srb_status == DISK_SRB_SUCCESS || io->srb_status == DISK_SRB_DATA_OVERRUN) &&
           io->scsi_status == 0;
}

/* Data of a verify that came back well. */
static bool check_data(struct script *script, const struct script_request *request)
{
    uint32_t block_bytes = script->bench->disk.block_bytes;
    char why[320];

    for (uint32_t i = 0; request->verify && request_good(request) && i < request->blocks; i++) {
        if (!pattern_check(request->data + (size_t)i * block_bytes, block_bytes, request->lba + i,
                           request->generation, why, sizeof(why))) {
            return script_fail(script, "%s", why);
        }
    }
    return true;
}

static void record_write(struct script *script, const struct script_request *request)
{
    for (uint32_t i = 0; request->write && i < request->blocks; i++) {
        pattern_map_set(script->map, request->lba + i,
                        request_good(request) ? request->generation : PATTERN_UNKNOWN);
    }
}

static void judge_workload(struct script *script, struct script_group *group)
{
    script_result_call(script, group->workload_good, "%s",
                       group->workload_good ? "workload done" : group->workload_error);
    free(group);
}

static void describe(const struct script_request *request, char *text, size_t size)
{
    size_t used = 0;

    if (request->through_class) {
        used = (size_t)snprintf(text, size, "status=%s srbs=%u retries=%u ",
                                class_status_name(request->class.status), request->class.srbs,
                                request->class.retries);
    }
    disk_describe_result(&request->io, text + used, size - used);
}

/* Turns a group that came back into the last result. */
bool script_finish_group(struct script *script, struct script_group *group)
{
    const struct script_request *worst = NULL;
    unsigned failed = 0;
    char text[240];

    if (group->is_workload) {
        judge_workload(script, group);
        return true;
    }
    script_result_group(script, group);
    for (const struct script_request *one = group->requests; one != NULL; one = one->next) {
        record_write(script, one);
        if (!check_data(script, one)) {
            return false;
        }
        if (!request_good(one)) {
            failed++;
            worst = worst == NULL ? one : worst;
        }
    }
    script->result.good = failed == 0;
    if (worst != NULL) {
        describe(worst, text, sizeof(text));
        snprintf(script->result.text, sizeof(script->result.text), "%u of %u failed: %s", failed,
                 group->count, text);
    }
    return true;
}

/* disk start: nothing but the class driver's beginning. */
static bool start_class(struct script *script)
{
    if (!check_may_start(script, false)) {
        return false;
    }
    (void)bench_class(script->bench);
    script_result_call(script, true, "the disk class has started");
    return true;
}

/* A request or workload that is done at once. */
static bool do_now(struct script *script)
{
    struct script_group *group = script_create_group(script, "");

    if (!check_may_start(script, strcmp(script->line.word[0], "depth") == 0) ||
        !script_build(script, 0, 1, group)) {
        script_free_group(group);
        return false;
    }
    start_group(script, group);
    /* A workload has its own deadline, between two completions. */
    if (!wait_group(group, group->is_workload ? 86400000000u : WAIT_SECONDS * 1000000u)) {
        if (crash_happened()) {
            group->next = script->groups;
            script->groups = group;
            return true;
        }
        return script_fail(script, "not completed after %u seconds", WAIT_SECONDS);
    }
    return script_finish_group(script, group);
}

void script_abandon_groups(struct script *script)
{
    while (script->groups != NULL) {
        struct script_group *group = script->groups;

        script->groups = group->next;
        for (const struct script_request *one = group->requests; one != NULL; one = one->next) {
            record_write(script, one);
        }
        /* Not freed: the frozen system has its requests. */
    }
}

static bool do_disk(struct script *script)
{
    if (script->line.words == 2 && strcmp(script->line.word[1], "start") == 0) {
        return start_class(script);
    }
    return do_now(script);
}

static struct script_group **find_group(struct script *script, const char *name)
{
    struct script_group **link = &script->groups;

    while (*link != NULL && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    return link;
}

/* async NAME[*COUNT] REQUEST */
static bool do_async(struct script *script)
{
    const struct script_line *line = &script->line;
    struct script_group *group;
    uint64_t count = 1;
    char *star;

    if (line->words < 3) {
        return script_fail(script, "async needs a name and a request");
    }
    star = strchr(line->word[1], '*');
    if (star != NULL) {
        *star = '\0';
        if (!script_number(star + 1, &count) || count == 0 || count > REPEAT_MAXIMUM) {
            return script_fail(script, "'%s' is no number from 1 to %u", star + 1, REPEAT_MAXIMUM);
        }
    }
    if (*find_group(script, line->word[1]) != NULL) {
        return script_fail(script, "'%s' is outstanding already", line->word[1]);
    }
    group = script_create_group(script, line->word[1]);
    if (!check_may_start(script, strcmp(line->word[2], "depth") == 0) ||
        !script_build(script, 2, (unsigned)count, group)) {
        script_free_group(group);
        return false;
    }
    group->next = script->groups;
    script->groups = group;
    start_group(script, group);
    return true;
}

/* wait NAME [SECONDS] */
static bool do_wait(struct script *script)
{
    const struct script_line *line = &script->line;
    uint64_t microseconds = WAIT_SECONDS * UINT64_C(1000000);
    struct script_group **link, *group;

    if (line->words < 2 || *(link = find_group(script, line->word[1])) == NULL) {
        return script_fail(script, "wait needs the name of something outstanding");
    }
    if (line->words > 2 && !script_seconds(line->word[2], &microseconds)) {
        return script_fail(script, "'%s' is no number of seconds", line->word[2]);
    }
    group = *link;
    if (!wait_group(group, microseconds)) {
        return script_fail(script, "%u of '%s' still outstanding after %.1f seconds",
                           (unsigned)group->outstanding, group->name, (double)microseconds / 1e6);
    }
    *link = group->next;
    return script_finish_group(script, group);
}

/* outstanding NAME COUNT */
static bool do_outstanding(struct script *script)
{
    struct script_group *group;
    uint64_t count;

    if (script->line.words < 2 || (group = *find_group(script, script->line.word[1])) == NULL) {
        return script_fail(script, "outstanding needs the name of something outstanding");
    }
    if (!script_number_word(script, 2, "number of requests", 0, UINT_MAX, &count)) {
        return false;
    }
    if (group->outstanding != count) {
        return script_fail(script, "%u of '%s' are outstanding", (unsigned)group->outstanding,
                           group->name);
    }
    return true;
}

/* dump: the data of the last result, sixteen bytes a line. */
static bool do_dump(struct script *script)
{
    const struct script_group *group = script->result.group;

    if (group == NULL) {
        return script_fail(script, "the last command was no request");
    }
    for (const struct script_request *one = group->requests; one != NULL; one = one->next) {
        char text[160];
        disk_describe_result(&one->io, text, sizeof(text));
        printf("%s\n", text);
        for (uint32_t i = 0; i < one->io.transferred && i < one->io.data_length; i++) {
            printf("%s%02x%s", i % 16 == 0 ? "  " : " ", one->data[i],
                   i % 16 == 15 || i + 1 == one->io.transferred ? "\n" : "");
        }
    }
    fflush(stdout);
    return true;
}

/* One condition of expect on one request. */
typedef bool (*condition)(struct script *script, const struct script_request *request,
                          const char *value);

/* Whether a name is in "a|b|c"; *known: whether all of them are names. */
static bool matches(const char *alternatives, uint8_t status, int (*find)(const char *name),
                    bool *known)
{
    char copy[128], *save, *one;
    bool found = false;

    *known = true;
    snprintf(copy, sizeof(copy), "%s", alternatives);
    for (one = strtok_r(copy, "|", &save); one != NULL; one = strtok_r(NULL, "|", &save)) {
        uint64_t number;
        int value = find(one);
        if (value < 0 && script_number(one, &number) && number <= UINT8_MAX) {
            value = (int)number;
        }
        *known = *known && value >= 0;
        found = found || value == status;
    }
    return found;
}

static bool wrong(struct script *script, const struct script_request *request, const char *key,
                  const char *value)
{
    char text[240];

    describe(request, text, sizeof(text));
    return script_fail(script, "expected %s=%s, but %s", key, value, text);
}

static bool expect_srb(struct script *script, const struct script_request *request,
                       const char *value)
{
    bool known;

    if (matches(value, request->io.srb_status, srb_status_find, &known)) {
        return true;
    }
    return known ? wrong(script, request, "srb", value)
                 : script_fail(script, "'%s' is no SRB status", value);
}

static bool expect_scsi(struct script *script, const struct script_request *request,
                        const char *value)
{
    bool known;

    if (matches(value, request->io.scsi_status, scsi_status_find, &known)) {
        return true;
    }
    return known ? wrong(script, request, "scsi", value)
                 : script_fail(script, "'%s' is no SCSI status", value);
}

/* What the disk class tells the application. */
static bool expect_status(struct script *script, const struct script_request *request,
                          const char *value)
{
    bool known;

    if (!request->through_class) {
        return script_fail(script, "status= is of requests through the disk class");
    }
    if (matches(value, (uint8_t)request->class.status, class_status_find, &known)) {
        return true;
    }
    return known ? wrong(script, request, "status", value)
                 : script_fail(script, "'%s' is no status", value);
}

static bool expect_count(struct script *script, const struct script_request *request,
                         const char *key, unsigned count, const char *value)
{
    uint64_t wanted;

    if (!request->through_class || !script_number(value, &wanted)) {
        return script_fail(script, "%s= is a number, of requests through the disk class", key);
    }
    return count == wanted || wrong(script, request, key, value);
}

/* SRBs that were sent for it, again or not. */
static bool expect_srbs(struct script *script, const struct script_request *request,
                        const char *value)
{
    return expect_count(script, request, "srbs", request->class.srbs, value);
}

static bool expect_retries(struct script *script, const struct script_request *request,
                           const char *value)
{
    return expect_count(script, request, "retries", request->class.retries, value);
}

/* K/ASC/ASCQ in hexadecimal, or none. */
static bool expect_sense(struct script *script, const struct script_request *request,
                         const char *value)
{
    uint8_t key = 0, asc = 0, ascq = 0;
    unsigned wanted[3];
    bool sense = disk_sense(&request->io, &key, &asc, &ascq);
    char end;

    if (strcmp(value, "none") == 0) {
        return request->io.sense_length == 0 || wrong(script, request, "sense", value);
    }
    if (sscanf(value, "%x/%x/%x%c", &wanted[0], &wanted[1], &wanted[2], &end) != 3) {
        return script_fail(script, "sense=%s: KEY/ASC/ASCQ in hexadecimal or none is needed",
                           value);
    }
    return (sense && wanted[0] == key && wanted[1] == asc && wanted[2] == ascq) ||
           wrong(script, request, "sense", value);
}

/* All bytes of the sense data in hexadecimal; dots for digits that do not matter. */
static bool expect_sense_bytes(struct script *script, const struct script_request *request,
                               const char *value)
{
    const struct port_io *io = &request->io;
    size_t digits = strlen(value);

    if (digits == 0 || digits % 2 != 0 || strspn(value, "0123456789abcdefABCDEF.") != digits) {
        return script_fail(script, "sense-bytes=%s: bytes in hexadecimal are needed", value);
    }
    if (digits / 2 != io->sense_length) {
        return script_fail(script, "expected %zu bytes of sense data, but there are %u", digits / 2,
                           io->sense_length);
    }
    for (size_t i = 0; i < digits; i++) {
        char want[2] = {value[i], '\0'};
        unsigned digit = i % 2 == 0 ? io->sense[i / 2] >> 4 : io->sense[i / 2] & 0xf;
        if (want[0] != '.' && strtoul(want, NULL, 16) != digit) {
            return script_fail(script, "expected sense-bytes=%s, but byte %zu is %02x", value,
                               i / 2, io->sense[i / 2]);
        }
    }
    return true;
}

static bool expect_length(struct script *script, const struct script_request *request,
                          const char *value)
{
    uint64_t length;

    if (!script_number(value, &length)) {
        return script_fail(script, "length=%s: a number of bytes is needed", value);
    }
    return length == request->io.transferred || wrong(script, request, "length", value);
}

/* OFFSET:HEX, such as 0:00008002; HEX may have dots for digits that do not matter. */
static bool expect_data(struct script *script, const struct script_request *request,
                        const char *value)
{
    char *colon = strchr(value, ':');
    uint64_t offset = colon != NULL ? strtoull(value, NULL, 0) : 0;
    size_t digits = colon != NULL ? strlen(colon + 1) : 0;

    if (digits == 0 || digits % 2 != 0 || strspn(colon + 1, "0123456789abcdefABCDEF.") != digits) {
        return script_fail(script, "data=%s: OFFSET:HEX is needed, such as 0:00008002", value);
    }
    for (size_t i = 0; i < digits; i++) {
        size_t at = offset + i / 2;
        char want[2] = {colon[1 + i], '\0'};
        unsigned digit;
        if (at >= request->io.transferred || at >= request->io.data_length) {
            return script_fail(script, "data=%s lies behind the %u bytes that came", value,
                               request->io.transferred);
        }
        digit = i % 2 == 0 ? request->data[at] >> 4 : request->data[at] & 0xf;
        if (want[0] != '.' && strtoul(want, NULL, 16) != digit) {
            return script_fail(script, "expected data=%s, but byte %zu is %02x", value, at,
                               request->data[at]);
        }
    }
    return true;
}

/* OFFSET:TEXT; an underscore stands for a blank. */
static bool expect_text(struct script *script, const struct script_request *request,
                        const char *value)
{
    const char *colon = strchr(value, ':');
    uint64_t offset = colon != NULL ? strtoull(value, NULL, 0) : 0;
    size_t length = colon != NULL ? strlen(colon + 1) : 0;

    if (length == 0) {
        return script_fail(script, "text=%s: OFFSET:TEXT is needed", value);
    }
    for (size_t i = 0; i < length; i++) {
        char want = colon[1 + i] == '_' ? ' ' : colon[1 + i];
        if (offset + i >= request->io.transferred || offset + i >= request->io.data_length ||
            (char)request->data[offset + i] != want) {
            return script_fail(script, "expected text=%s, but it differs at byte %llu", value,
                               (unsigned long long)(offset + i));
        }
    }
    return true;
}

static bool expect_condition(struct script *script, const char *word)
{
    static const struct {
        const char *key;
        condition check;
    } conditions[] = {{"srb=", expect_srb},       {"scsi=", expect_scsi},
                      {"sense=", expect_sense},   {"sense-bytes=", expect_sense_bytes},
                      {"length=", expect_length}, {"data=", expect_data},
                      {"text=", expect_text},     {"status=", expect_status},
                      {"srbs=", expect_srbs},     {"retries=", expect_retries}};
    const struct script_request *request;

    if (strcmp(word, "ok") == 0 || strcmp(word, "failed") == 0) {
        return script->result.good == (word[0] == 'o') ||
               script_fail(script, "expected %s, but %s", word,
                           script->result.good ? "all is well" : script->result.text);
    }
    for (unsigned i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        size_t length = strlen(conditions[i].key);
        if (strncmp(word, conditions[i].key, length) != 0) {
            continue;
        }
        for (request = script->result.group->requests; request != NULL; request = request->next) {
            if (!conditions[i].check(script, request, word + length)) {
                return false;
            }
        }
        return true;
    }
    return script_fail(script,
                       "'%s' is no condition: ok, failed, srb=, scsi=, sense=, "
                       "sense-bytes=, length=, data=, text=, status=, srbs= or retries=",
                       word);
}

bool script_expect_requests(struct script *script)
{
    for (unsigned i = 1; i < script->line.words; i++) {
        if (!expect_condition(script, script->line.word[i])) {
            return false;
        }
    }
    return true;
}

const struct script_verb script_io_verbs[] = {
    {"cdb", do_now},    {"srb", do_now},
    {"read", do_now},   {"write", do_now},
    {"verify", do_now}, {"flush", do_now},
    {"depth", do_now},  {"async", do_async},
    {"wait", do_wait},  {"outstanding", do_outstanding},
    {"dump", do_dump},  {"disk", do_disk},
    {NULL, NULL},
};
