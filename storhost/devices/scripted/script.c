/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scripted device's text language: options before it exists, commands while it works. What can
 * be said stands in scripted.h; here a table says where each option goes.
 */
#include "devices/scripted/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/observer.h"

#define FEATURE_BITS 64u
#define FIELD(name)  offsetof(struct scripted_options, name)

/* ---- Features ---- */

/* Every bit that has a name, without what this device cannot do. */
uint64_t scripted_known_features(void)
{
    uint64_t known = 0;

    for (unsigned bit = 0; bit < FEATURE_BITS; ++bit) {
        if (observer_feature_name(bit)) {
            known |= FEATURE(bit);
        }
    }
    return known & ~FEATURE(VIRTIO_F_SR_IOV);
}

uint64_t scripted_default_features(void)
{
    static const uint8_t bits[] = {
        VIRTIO_BLK_F_SEG_MAX,  VIRTIO_BLK_F_GEOMETRY,
        VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH,
        VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_CONFIG_WCE,
        VIRTIO_BLK_F_MQ,       VIRTIO_RING_F_EVENT_IDX,
        VIRTIO_F_VERSION_1,    VIRTIO_RING_F_INDIRECT_DESC,
    };
    uint64_t features = 0;

    for (size_t i = 0; i < sizeof(bits); ++i) {
        features |= UINT64_C(1) << bits[i];
    }
    return features;
}

void scripted_defaults(struct scripted_options *options)
{
    memset(options, 0, sizeof(*options));
    options->features = scripted_default_features();
    options->queues = 1;
    for (unsigned i = 0; i < SCRIPTED_QUEUES; ++i) {
        options->queue_sizes[i] = 256;
    }
    options->vectors = SCRIPTED_AUTO;
    options->bars[1] = PCI_BAR_MEMORY32;
    for (unsigned i = 0; i < PCI_PARTS; ++i) {
        options->place[i] = (struct pci_place){4, SCRIPTED_AUTO};
    }
    options->place[PCI_PART_MSIX].bar = 1;
    options->notify_multiplier = 4;
    strcpy(options->capabilities, "good");
    options->capacity = 131072;
    options->block_size = 512;
    options->size_max = 65536;
    options->seg_max = SCRIPTED_AUTO;
    options->discard_sectors = options->zeroes_sectors = 8192;
    options->discard_ranges = 1;
    options->discard_alignment = 1;
    strcpy(options->serial, "scripted");
    options->seed = 1;
    options->refuse_vector = SCRIPTED_NONE;
}

/* ---- Values ---- */

static bool fail(char *error, size_t size, const char *format, const char *what, const char *why)
{
    snprintf(error, size, format, what, why);
    return false;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    return end != text && *end == '\0' && errno == 0 && text[0] != '-';
}

/* A number with a suffix k, M, G or T. */
static bool byte_size(const char *text, uint64_t *value)
{
    static const char suffixes[] = "kMGT";
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    if (end == text || errno != 0) {
        return false;
    }
    if (*end != '\0') {
        const char *suffix = strchr(suffixes, *end);
        const unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;

        if (!suffix || end[1] != '\0' || *value > UINT64_MAX >> shift) {
            return false;
        }
        *value <<= shift;
    }
    return true;
}

/* Index of a word in a list that NULL ends, or -1. */
static int word_index(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; ++i) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- Options ---- */

enum key_kind {
    KEY_NUMBER, /* of `bytes` bytes at `field` */
    KEY_SIZE,   /* bytes, kept in sectors */
    KEY_SWITCH, /* on, off */
    KEY_WORD,   /* one of `words`, kept as its index (an enum) */
    KEY_TEXT,   /* at most bytes - 1 characters */
    KEY_SPECIAL,
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t field;
    size_t bytes;
    const char *const *words; /* KEY_WORD: all; KEY_NUMBER: names of extraordinary values */
    const uint32_t *values;   /* of those names */
    bool (*special)(struct scripted_options *options, const char *text);
    bool at_run_time;
};

static const char *const transport_words[] = {"transitional", "legacy", "modern", NULL};
static const char *const bar_words[] = {"memory64", "memory32", "ports", NULL};
static const char *const zone_words[] = {"host-managed", "host-aware", NULL};
static const uint32_t zone_values[] = {1, 2};
static const char *const order_words[] = {"in-order", "reverse", "shuffle", NULL};
static const char *const reset_words[] = {"drop", "complete", "late", "work", NULL};
static const char *const length_words[] = {"exact", "chain", "data", "status", "nothing", NULL};
static const char *const part_words[] = {"common", "isr", "config", "notify", "msix", NULL};
static const char *const auto_word[] = {"auto", NULL};
static const char *const never_word[] = {"never", NULL};
static const char *const all_words[] = {"all", "none", NULL};
static const uint32_t auto_value[] = {SCRIPTED_AUTO};
static const uint32_t never_value[] = {SCRIPTED_NEVER};
static const uint32_t all_values[] = {SCRIPTED_ALL, SCRIPTED_NONE};

static bool set_queue_sizes(struct scripted_options *options, const char *text)
{
    char copy[512], *save, *word;
    unsigned count = 0;
    uint64_t value = 0;

    snprintf(copy, sizeof(copy), "%s", text);
    for (word = strtok_r(copy, ":", &save); word; word = strtok_r(NULL, ":", &save)) {
        if (count == SCRIPTED_QUEUES || !number(word, &value) || value > UINT16_MAX) {
            return false;
        }
        options->queue_sizes[count++] = (uint16_t)value;
    }
    /* The last one stands for all further queues. */
    for (unsigned i = count; count != 0 && i < SCRIPTED_QUEUES; ++i) {
        options->queue_sizes[i] = (uint16_t)value;
    }
    return count != 0;
}

static bool set_serial(struct scripted_options *options, const char *text)
{
    options->no_serial = strcmp(text, "none") == 0;
    return options->no_serial || snprintf(options->serial, sizeof(options->serial), "%s", text) <
                                     (int)sizeof(options->serial);
}

static bool set_writeback(struct scripted_options *options, const char *text)
{
    options->writethrough = strcmp(text, "off") == 0;
    return options->writethrough || strcmp(text, "on") == 0;
}

static bool set_generation(struct scripted_options *options, const char *text)
{
    options->unstable_generation = strcmp(text, "unstable") == 0;
    return options->unstable_generation || strcmp(text, "stable") == 0;
}

static uint64_t feature_of(const char *name)
{
    for (unsigned bit = 0; bit < FEATURE_BITS; ++bit) {
        const char *known = observer_feature_name(bit);
        if (known && strcmp(known, name) == 0) {
            return UINT64_C(1) << bit;
        }
    }
    return 0;
}

static bool offer(struct scripted_options *options, const char *text)
{
    options->features |= feature_of(text);
    return feature_of(text) != 0;
}

static bool withhold(struct scripted_options *options, const char *text)
{
    options->features &= ~feature_of(text);
    return feature_of(text) != 0;
}

static bool add_command(struct scripted_options *options, const char *text)
{
    const size_t used = strlen(options->commands);

    return snprintf(options->commands + used, sizeof(options->commands) - used, "%s\n", text) <
           (int)(sizeof(options->commands) - used);
}

static bool set_profile(struct scripted_options *options, const char *text)
{
    const struct scripted_profile *profile = scripted_profile(text);
    char error[256];

    return profile && scripted_parse(profile->options, options, error, sizeof(error));
}

#define NUMBER(key_name, member, ...)                                        \
    {                                                                        \
        .name = (key_name), .kind = KEY_NUMBER, .field = FIELD(member),      \
        .bytes = sizeof(((struct scripted_options *)0)->member), __VA_ARGS__ \
    }
#define SWITCH(key_name, member, ...)                                               \
    {                                                                               \
        .name = (key_name), .kind = KEY_SWITCH, .field = FIELD(member), __VA_ARGS__ \
    }
#define WORD(key_name, member, list, ...)                                                          \
    {                                                                                              \
        .name = (key_name), .kind = KEY_WORD, .field = FIELD(member), .words = (list), __VA_ARGS__ \
    }
#define TEXT(key_name, member)                                        \
    {                                                                 \
        .name = (key_name), .kind = KEY_TEXT, .field = FIELD(member), \
        .bytes = sizeof(((struct scripted_options *)0)->member)       \
    }
#define SPECIAL(key_name, function, ...)                                            \
    {                                                                               \
        .name = (key_name), .kind = KEY_SPECIAL, .special = (function), __VA_ARGS__ \
    }
#define RUN .at_run_time = true

static const struct key keys[] = {
    SPECIAL("profile", set_profile),
    WORD("transport", transport, transport_words),
    NUMBER("queues", queues),
    SPECIAL("queue-size", set_queue_sizes),
    NUMBER("vectors", vectors, .words = auto_word, .values = auto_value),
    {.name = "size", .kind = KEY_SIZE, .field = FIELD(capacity)},
    NUMBER("sectors", capacity),
    TEXT("file", file),
    NUMBER("block-size", block_size),
    NUMBER("size-max", size_max),
    NUMBER("seg-max", seg_max, .words = auto_word, .values = auto_value),
    SPECIAL("writeback", set_writeback),
    NUMBER("physical-block-exp", physical_block_exp),
    NUMBER("alignment-offset", alignment_offset),
    NUMBER("min-io-size", min_io_size),
    NUMBER("opt-io-size", opt_io_size),
    NUMBER("discard-sectors", discard_sectors),
    NUMBER("discard-ranges", discard_ranges),
    NUMBER("discard-alignment", discard_alignment),
    NUMBER("zeroes-sectors", zeroes_sectors),
    SWITCH("may-unmap", may_unmap),
    NUMBER("lifetime-a", lifetime[0], RUN),
    NUMBER("lifetime-b", lifetime[1], RUN),
    NUMBER("zoned", zone_model, .words = zone_words, .values = zone_values),
    SPECIAL("serial", set_serial),
    SWITCH("read-only", read_only),
    NUMBER("features", features, RUN),
    SPECIAL("offer", offer, RUN),
    SPECIAL("withhold", withhold, RUN),
    WORD("bar0", bars[0], bar_words),
    WORD("bar1", bars[1], bar_words),
    WORD("bar2", bars[2], bar_words),
    WORD("bar3", bars[3], bar_words),
    WORD("bar4", bars[4], bar_words),
    WORD("bar5", bars[5], bar_words),
    NUMBER("notify-multiplier", notify_multiplier),
    TEXT("capabilities", capabilities),
    NUMBER("take", take, RUN),
    NUMBER("complete", complete, RUN),
    NUMBER("delay", delay, RUN),
    WORD("order", order, order_words, RUN),
    NUMBER("seed", seed, RUN),
    SWITCH("immediate", immediate, RUN),
    SWITCH("no-batches", no_batches, RUN),
    WORD("used-length", used_length, length_words, RUN),
    SWITCH("volatile", volatile_cache),
    WORD("reset", reset, reset_words, RUN),
    NUMBER("reset-reads", reset_reads, .words = never_word, .values = never_value, RUN),
    NUMBER("reset-hangs", reset_hangs, RUN),
    SWITCH("refuse-features", refuse_features, RUN),
    NUMBER("refuse-vector", refuse_vector, .words = all_words, .values = all_values, RUN),
    NUMBER("lose-interrupts", lose_interrupts, .words = all_words, .values = all_values, RUN),
    SPECIAL("generation", set_generation, RUN),
    SPECIAL("do", add_command),
    TEXT("at-driver-ok", at_driver_ok),
    TEXT("at-doorbell", at_doorbell),
};

static void store_number(void *field, size_t bytes, uint64_t value)
{
    memcpy(field, &value, bytes); /* little endian, as every machine that runs this */
}

static bool set_number(const struct key *key, void *field, const char *text)
{
    const int special = key->words ? word_index(key->words, text) : -1;
    uint64_t value = special >= 0 ? key->values[special] : 0;

    if (special < 0 && !number(text, &value)) {
        return false;
    }
    if (key->bytes < 8 && value >> (8 * key->bytes) != 0) {
        return false;
    }
    store_number(field, key->bytes, value);
    return true;
}

static bool set_key(const struct key *key, struct scripted_options *options, const char *text)
{
    void *field = (char *)options + key->field;
    uint64_t value;
    int index;

    switch (key->kind) {
    case KEY_NUMBER:
        return set_number(key, field, text);
    case KEY_SIZE:
        if (!byte_size(text, &value) || value % 512 != 0) {
            return false;
        }
        *(uint64_t *)field = value / 512;
        return true;
    case KEY_SWITCH:
        *(bool *)field = strcmp(text, "on") == 0;
        return *(bool *)field || strcmp(text, "off") == 0;
    case KEY_WORD:
        index = word_index(key->words, text);
        store_number(field, sizeof(enum scripted_order), (uint64_t)(index < 0 ? 0 : index));
        return index >= 0;
    case KEY_TEXT:
        return snprintf(field, key->bytes, "%s", text) < (int)key->bytes;
    default:
        return key->special(options, text);
    }
}

/* "common=4:0x1000": where a part lies. */
static bool set_place(struct scripted_options *options, int part, const char *text)
{
    char bar[16];
    uint64_t value;
    const char *colon = strchr(text, ':');

    snprintf(bar, sizeof(bar), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    if (!number(bar, &value) || value >= DEVICE_BARS) {
        return false;
    }
    options->place[part].bar = (unsigned)value;
    options->place[part].offset = SCRIPTED_AUTO;
    if (colon) {
        if (!number(colon + 1, &value) || value >= SCRIPTED_AUTO) {
            return false;
        }
        options->place[part].offset = (uint32_t)value;
    }
    return true;
}

static bool parse_one(char *pair, struct scripted_options *options, bool run_time, char *error,
                      size_t size)
{
    char *value = strchr(pair, '=');
    int part;

    if (!value) {
        return fail(error, size, "'%s': KEY=VALUE is needed%s", pair, "");
    }
    *value++ = '\0';
    part = word_index(part_words, pair);
    if (part >= 0 && !run_time) {
        return set_place(options, part, value) ||
               fail(error, size, "%s=%s: BAR or BAR:OFFSET is needed", pair, value);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); ++i) {
        if (strcmp(keys[i].name, pair) == 0) {
            if (run_time && !keys[i].at_run_time) {
                return fail(error, size, "%s cannot change while the device works%s", pair, "");
            }
            return set_key(&keys[i], options, value) ||
                   fail(error, size, "%s=%s: no value that it can have", pair, value);
        }
    }
    return fail(error, size, "there is no option '%s'%s", pair, "");
}

static bool parse(const char *text, struct scripted_options *options, bool run_time, char *error,
                  size_t size)
{
    char *copy = strdup(text), *save, *pair;
    bool good = copy != NULL || fail(error, size, "out of memory%s%s", "", "");

    for (pair = good ? strtok_r(copy, ",", &save) : NULL; good && pair;
         pair = strtok_r(NULL, ",", &save)) {
        good = parse_one(pair, options, run_time, error, size);
    }
    free(copy);
    return good;
}

bool scripted_parse(const char *text, struct scripted_options *options, char *error, size_t size)
{
    return parse(text, options, false, error, size);
}

bool script_set(struct scripted *scripted, const char *text, char *error, size_t size)
{
    struct scripted_options changed = scripted->options;

    if (!parse(text, &changed, true, error, size)) {
        return false;
    }
    scripted->options = changed;
    return true;
}

/* ---- Commands ---- */

#define WORDS 12

struct command {
    struct device *device;
    char *word[WORDS];
    unsigned words;
    char *error;
    size_t size;
};

static bool complain(const struct command *command, const char *usage)
{
    return fail(command->error, command->size, "'%s': usage: %s", command->word[0], usage);
}

static bool number_at(const struct command *command, unsigned index, uint64_t highest,
                      uint64_t *value)
{
    return index < command->words && number(command->word[index], value) && *value <= highest;
}

static bool do_hold_release(struct command *command)
{
    uint64_t queue = SCRIPTED_ALL;

    if (command->words != 2 || (strcmp(command->word[1], "all") != 0 &&
                                !number_at(command, 1, SCRIPTED_QUEUES - 1, &queue))) {
        return complain(command, "hold|release QUEUE|all");
    }
    (command->word[0][0] == 'h' ? scripted_hold : scripted_release)(command->device,
                                                                    (uint32_t)queue);
    return true;
}

/* "never", "status=ioerr", "length=5", ... */
static bool fault_kind(const char *text, struct scripted_fault *fault)
{
    static const char *const kinds[] = {"never",  "status",       "no-status", "length",
                                        "bad-id", "stray-id",     "twice",     "index-jump",
                                        "delay",  "no-interrupt", NULL};
    static const char *const statuses[] = {"ok", "ioerr", "unsupp", NULL};
    const char *equals = strchr(text, '=');
    char name[32];
    uint64_t value = 1;
    int kind, status;

    snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text) : (int)strlen(text), text);
    kind = word_index(kinds, name);
    if (kind < 0) {
        return false;
    }
    fault->kind = (enum scripted_fault_kind)kind;
    fault->value = fault->kind == SCRIPTED_FAULT_BAD_ID ? 0xffff : 1;
    if (equals) {
        status = word_index(statuses, equals + 1);
        if (fault->kind == SCRIPTED_FAULT_STATUS && status >= 0) {
            fault->value = (uint32_t)status;
        } else if (number(equals + 1, &value) && value <= UINT32_MAX) {
            fault->value = (uint32_t)value;
        } else {
            return false;
        }
    }
    return true;
}

static bool fault_filter(const char *text, struct scripted_fault *fault)
{
    static const char *const types[] = {"in",      "out",    "flush",    "id",
                                        "discard", "zeroes", "lifetime", NULL};
    static const uint32_t numbers[] = {
        VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,          VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID,
        VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, T_GET_LIFETIME};
    uint64_t value;
    int type;

    if (strncmp(text, "nth=", 4) == 0 && number(text + 4, &value) && value - 1 < UINT32_MAX) {
        fault->nth = (uint32_t)value;
    } else if (strcmp(text, "times=all") == 0) {
        fault->times = 0;
    } else if (strncmp(text, "times=", 6) == 0 && number(text + 6, &value) &&
               value - 1 < UINT32_MAX) {
        fault->times = (uint32_t)value;
    } else if (strncmp(text, "queue=", 6) == 0 && number(text + 6, &value) &&
               value < SCRIPTED_QUEUES) {
        fault->queue = (uint32_t)value;
    } else if (strncmp(text, "type=", 5) == 0 && (type = word_index(types, text + 5)) >= 0) {
        fault->type = numbers[type];
    } else {
        return strncmp(text, "sectors=", 8) == 0 &&
               sscanf(text + 8, "%" SCNu64 "-%" SCNu64, &fault->first_sector,
                      &fault->last_sector) == 2 &&
               fault->first_sector <= fault->last_sector;
    }
    return true;
}

static bool do_fault(struct command *command)
{
    struct scripted_fault fault = {.type = SCRIPTED_ANY,
                                   .queue = SCRIPTED_ANY,
                                   .last_sector = UINT64_MAX,
                                   .nth = 1,
                                   .times = 1};
    bool good = command->words >= 2 && fault_kind(command->word[1], &fault);

    for (unsigned i = 2; good && i < command->words; ++i) {
        good = fault_filter(command->word[i], &fault);
    }
    if (!good) {
        return complain(command, "fault KIND[=VALUE] [nth=N] [times=N|all] "
                                 "[type=in|out|flush|id] [sectors=A-B] [queue=Q]");
    }
    return scripted_add_fault(command->device, &fault) ||
           fail(command->error, command->size, "%s: too many faults%s", command->word[0], "");
}

static bool do_simple(struct command *command)
{
    struct device *device = command->device;
    const char *name = command->word[0];

    if (command->words != 1) {
        return complain(command, "the word alone");
    }
    if (strcmp(name, "clear") == 0) {
        scripted_clear(device);
    } else if (strcmp(name, "needs-reset") == 0) {
        scripted_needs_reset(device);
    } else if (strcmp(name, "end-reset") == 0) {
        scripted_end_reset(device);
    } else if (strcmp(name, "write-late") == 0) {
        scripted_write_late(device);
    } else if (strcmp(name, "step") == 0) {
        device->ops->step(device);
    } else {
        device->ops->remove(device);
    }
    return true;
}

static bool do_resize(struct command *command)
{
    uint64_t sectors;

    if (command->words != 2 || !number_at(command, 1, UINT64_MAX, &sectors)) {
        return complain(command, "resize SECTORS");
    }
    scripted_resize(command->device, sectors);
    return true;
}

static bool do_read_only(struct command *command)
{
    static const char *const words[] = {"off", "on", NULL};
    const int on = command->words == 2 ? word_index(words, command->word[1]) : -1;

    if (on < 0) {
        return complain(command, "read-only on|off");
    }
    scripted_set_read_only(command->device, on == 1);
    return true;
}

static bool do_interrupt(struct command *command)
{
    uint64_t vector;

    if (command->words == 2 && strcmp(command->word[1], "line") == 0) {
        scripted_interrupt_line(command->device);
        return true;
    }
    if (command->words != 2 || !number_at(command, 1, SCRIPTED_VECTORS - 1, &vector)) {
        return complain(command, "interrupt VECTOR|line");
    }
    scripted_interrupt(command->device, (unsigned)vector);
    return true;
}

/* Runs `change` on the device under its lock. */
static void locked(struct scripted *scripted, void (*change)(struct scripted *scripted))
{
    pthread_mutex_lock(&scripted->lock);
    change(scripted);
    pthread_mutex_unlock(&scripted->lock);
    /* Delivers what was noted, as every access does. */
    scripted->device.ops->config_read(&scripted->device, 0, 4);
}

static bool do_lose_cache(struct command *command)
{
    locked(scripted_of(command->device), cache_lose);
    return true;
}

static bool do_config_interrupt(struct command *command)
{
    locked(scripted_of(command->device), config_changed);
    return true;
}

/* config OFFSET BYTES VALUE, pci OFFSET BYTES VALUE */
static bool do_poke(struct command *command)
{
    struct scripted *scripted = scripted_of(command->device);
    const bool pci = command->word[0][0] == 'p';
    uint64_t offset, bytes, value;

    if (command->words != 4 || !number_at(command, 1, UINT16_MAX, &offset) ||
        !number_at(command, 2, 8, &bytes) || bytes == 0 ||
        !number_at(command, 3, UINT64_MAX, &value) ||
        offset + bytes > (pci ? PCI_SPACE : sizeof(scripted->config))) {
        return complain(command, "config|pci OFFSET BYTES VALUE");
    }
    pthread_mutex_lock(&scripted->lock);
    if (pci) {
        pci_function_poke(&scripted->function, (unsigned)offset, (unsigned)bytes, (uint32_t)value);
    } else {
        memcpy((char *)&scripted->config + offset, &value, bytes);
    }
    pthread_mutex_unlock(&scripted->lock);
    return true;
}

static bool do_lie(struct command *command)
{
    static const char *const areas[] = {"pci", "legacy", "common", "notify", "isr", "config", NULL};
    struct scripted *scripted = scripted_of(command->device);
    const int area = command->words == 4 ? word_index(areas, command->word[1]) : -1;
    uint64_t offset, value;
    bool room;

    if (area <= 0 || !number_at(command, 2, UINT32_MAX, &offset) ||
        !number_at(command, 3, UINT64_MAX, &value)) {
        return complain(command, "lie legacy|common|isr|config|notify OFFSET VALUE");
    }
    pthread_mutex_lock(&scripted->lock);
    room = scripted->lie_count < LIES_MAXIMUM;
    if (room) {
        scripted->lies[scripted->lie_count++] =
            (struct lie){(enum scripted_area)area, (uint32_t)offset, value};
    }
    pthread_mutex_unlock(&scripted->lock);
    return room || fail(command->error, command->size, "%s: too many lies%s", command->word[0], "");
}

static bool do_set(struct command *command)
{
    struct scripted *scripted = scripted_of(command->device);
    bool good;

    if (command->words != 2) {
        return complain(command, "set KEY=VALUE,...");
    }
    pthread_mutex_lock(&scripted->lock);
    good = script_set(scripted, command->word[1], command->error, command->size);
    pthread_mutex_unlock(&scripted->lock);
    return good;
}

static const struct {
    const char *name;
    bool (*run)(struct command *command);
} commands[] = {
    {"hold", do_hold_release},
    {"release", do_hold_release},
    {"fault", do_fault},
    {"clear", do_simple},
    {"needs-reset", do_simple},
    {"end-reset", do_simple},
    {"write-late", do_simple},
    {"step", do_simple},
    {"remove", do_simple},
    {"lose-cache", do_lose_cache},
    {"resize", do_resize},
    {"read-only", do_read_only},
    {"interrupt", do_interrupt},
    {"config-interrupt", do_config_interrupt},
    {"config", do_poke},
    {"pci", do_poke},
    {"lie", do_lie},
    {"set", do_set},
};

bool scripted_command(struct device *device, const char *line, char *error, size_t size)
{
    char copy[512], *save, *word;
    struct command command = {.device = device, .error = error, .size = size};

    if (snprintf(copy, sizeof(copy), "%s", line) >= (int)sizeof(copy)) {
        return fail(error, size, "a command of more than 511 characters%s%s", "", "");
    }
    for (word = strtok_r(copy, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
        if (command.words == WORDS) {
            return fail(error, size, "'%s': too many words%s", copy, "");
        }
        command.word[command.words++] = word;
    }
    if (command.words == 0) {
        return fail(error, size, "a command is needed%s%s", "", "");
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); ++i) {
        if (strcmp(commands[i].name, command.word[0]) == 0) {
            return commands[i].run(&command);
        }
    }
    return fail(error, size, "there is no command '%s'%s", command.word[0], "");
}
