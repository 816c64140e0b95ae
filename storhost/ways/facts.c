/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts as JSON and as tables: see facts.h. */
#include "dump/dump.h"
#include "ways/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "devices/qemu/qemu.h"
#include "devices/scripted/scripted.h"
#include "devices/vhost_user/vhost_user.h"
#include "virtio/observer.h"

#define MEBIBYTE 1048576.0

static json_t *checked(json_t *value)
{
    if (value == NULL) {
        fatal("out of memory");
    }
    return value;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, checked(value)) != 0) {
        fatal("out of memory");
    }
}

static void set_integer(json_t *object, const char *key, uint64_t value)
{
    set(object, key, json_integer((json_int_t)value));
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, checked(value)) != 0) {
        fatal("out of memory");
    }
}

/* Names of feature bits; a bit without a name becomes "bit 27". */
static json_t *feature_names(uint64_t features)
{
    json_t *names = checked(json_array());

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = observer_feature_name(bit);
        char unnamed[16];

        if ((features >> bit & 1) == 0) {
            continue;
        }
        snprintf(unnamed, sizeof(unnamed), "bit %u", bit);
        append(names, json_string(name != NULL ? name : unnamed));
    }
    return names;
}

static json_t *queue_facts(const struct observer_facts *observed)
{
    json_t *queues = checked(json_array());

    for (unsigned i = 0; i < OBSERVER_QUEUES; i++) {
        const struct observer_queue *queue = &observed->queue[i];
        json_t *one;

        if (!queue->enabled) {
            continue;
        }
        one = checked(json_object());
        set_integer(one, "index", i);
        set_integer(one, "size", queue->size);
        set_integer(one, "vector", queue->vector);
        set_integer(one, "doorbells", queue->doorbells);
        set_integer(one, "requests", queue->requests);
        append(queues, one);
    }
    return queues;
}

/* What the scripted device has done. */
static json_t *scripted_facts(const struct bench *bench)
{
    struct scripted_counters counters;
    json_t *facts = checked(json_object());

    scripted_get_counters(bench->backend, &counters);
    set_integer(facts, "reads", counters.in);
    set_integer(facts, "writes", counters.out);
    set_integer(facts, "flushes", counters.flush);
    set_integer(facts, "get_ids", counters.get_id);
    set_integer(facts, "discards", counters.discard);
    set_integer(facts, "discard_requests", counters.discard_requests);
    set_integer(facts, "zeroes", counters.zeroes);
    set_integer(facts, "zeroes_unmapping", counters.unmapping);
    set_integer(facts, "secure_erases", counters.erased);
    set_integer(facts, "segments", counters.segments);
    return facts;
}

json_t *facts_device(const struct bench *bench, unsigned vectors)
{
    static const char *const kinds[] = {
        [DEVICE_QEMU] = "qemu", [DEVICE_SCRIPTED] = "scripted", [DEVICE_VHOST_USER] = "vhost-user"};
    struct device *device = bench->device;
    struct observer_facts observed;
    json_t *facts = checked(json_object()), *queues;
    uint32_t id = device->ops->config_read(device, 0, 4);
    char text[16];

    observer_get_facts(device, &observed);
    queues = queue_facts(&observed);
    snprintf(text, sizeof(text), "%04x:%04x", id & 0xffff, id >> 16);
    set(facts, "kind", json_string(kinds[bench->options->device]));
    if (bench->options->device == DEVICE_QEMU) {
        set(facts, "qemu", json_string(qemu_version(bench->backend)));
    } else if (bench->options->device == DEVICE_VHOST_USER) {
        set(facts, "socket", json_string(vhost_user_socket(bench->backend)));
    } else {
        set(facts, "done", scripted_facts(bench));
    }
    set(facts, "pci_id", json_string(text));
    set(facts, "transport", json_string(observed.modern ? "modern" : "legacy"));
    set(facts, "offered", feature_names(observed.device_features));
    set(facts, "features", feature_names(observed.driver_features));
    set_integer(facts, "queues", json_array_size(queues));
    set(facts, "queue", queues);
    set_integer(facts, "vectors", vectors);
    set_integer(facts, "config_vector", observed.config_vector);
    set_integer(facts, "status", observed.status);
    set_integer(facts, "resets", observed.resets);
    set_integer(facts, "queue_resets", observed.queue_resets);
    set_integer(facts, "seg_max", observed.seg_max);
    set_integer(facts, "size_max", observed.size_max);
    return facts;
}

static json_t *disk_facts(const struct disk *disk)
{
    json_t *facts = checked(json_object());

    set(facts, "vendor", json_string(disk->vendor));
    set(facts, "product", json_string(disk->product));
    set(facts, "revision", json_string(disk->revision));
    set(facts, "serial", json_string(disk->serial));
    set_integer(facts, "blocks", disk->blocks);
    set_integer(facts, "block_bytes", disk->block_bytes);
    set_integer(facts, "physical_block_bytes", disk->physical_block_bytes);
    set_integer(facts, "capacity_bytes", disk->blocks * disk->block_bytes);
    set(facts, "read_only", json_boolean(disk->read_only));
    set(facts, "write_cache", json_boolean(disk->write_cache));
    return facts;
}

static json_t *port_driver_facts(struct port *port)
{
    struct port_facts told;
    json_t *facts = checked(json_object());
    char windows[16];

    port_get_facts(port, &told);
    snprintf(windows, sizeof(windows), "%u.%u", told.windows >> 8, told.windows & 0xffu);
    set(facts, "driver", json_string(told.driver));
    set(facts, "windows", json_string(windows));
    set_integer(facts, "srb_extension_bytes", told.srb_extension_bytes);
    set_integer(facts, "device_extension_bytes", told.device_extension_bytes);
    set_integer(facts, "uncached_bytes", told.uncached_bytes);
    set_integer(facts, "maximum_transfer_bytes", told.maximum_transfer_bytes);
    set_integer(facts, "transfer_bytes", told.transfer_bytes);
    set_integer(facts, "physical_breaks", told.physical_breaks);
    set_integer(facts, "alignment_mask", told.alignment_mask);
    set_integer(facts, "max_number_of_io", told.max_number_of_io);
    set_integer(facts, "max_ios_per_lun", told.max_ios_per_lun);
    set_integer(facts, "initial_lun_depth", told.initial_lun_depth);
    set_integer(facts, "lun_depth", told.lun_depth);
    set_integer(facts, "message_vectors", told.message_vectors);
    set_integer(facts, "performance_flags", told.performance_flags);
    set_integer(facts, "concurrent_channels", told.concurrent_channels);
    set(facts, "extended_srbs", json_boolean(told.extended_srbs));
    set(facts, "dma_64bit", json_boolean(told.dma_64bit));
    set_integer(facts, "allocations", told.allocations);
    return facts;
}

static json_t *counter_facts(struct port *port)
{
    struct port_counters counters;
    json_t *facts = checked(json_object());

    port_get_counters(port, &counters);
    set_integer(facts, "requests", counters.requests);
    set_integer(facts, "reads", counters.reads);
    set_integer(facts, "writes", counters.writes);
    set_integer(facts, "bytes_read", counters.bytes_read);
    set_integer(facts, "bytes_written", counters.bytes_written);
    set_integer(facts, "interrupts", counters.interrupts);
    set_integer(facts, "dpcs", counters.dpcs);
    set_integer(facts, "startios", counters.startios);
    set_integer(facts, "calls", counters.calls);
    set_integer(facts, "doorbells", counters.doorbells);
    set_integer(facts, "vm_exits", counters.vm_exits);
    set_integer(facts, "timeouts", counters.timeouts);
    set_integer(facts, "unit_resets", counters.unit_resets);
    set_integer(facts, "target_resets", counters.target_resets);
    set_integer(facts, "bus_resets", counters.bus_resets);
    set_integer(facts, "busy", counters.busy);
    set_integer(facts, "events_logged", counters.events_logged);
    return facts;
}

static json_t *class_facts(struct disk_class *disk)
{
    json_t *facts = checked(json_object());
    struct class_facts told;

    class_get_facts(disk, &told);
    set_integer(facts, "blocks", told.blocks);
    set_integer(facts, "block_bytes", told.block_bytes);
    set(facts, "write_cache", json_boolean(told.write_cache));
    set(facts, "fua", json_boolean(told.fua));
    set(facts, "use_16_byte_cdb", json_boolean(told.use_16_byte_cdb));
    set(facts, "unmap", json_boolean(told.unmap));
    set(facts, "read_zeroes", json_boolean(told.read_zeroes));
    set_integer(facts, "largest_aligned", told.largest_aligned);
    set_integer(facts, "largest", told.largest);
    set_integer(facts, "unmap_blocks", told.unmap_blocks);
    set_integer(facts, "unmap_descriptors", told.unmap_descriptors);
    set_integer(facts, "io_retries", told.io_retries);
    set_integer(facts, "reads", told.reads);
    set_integer(facts, "writes", told.writes);
    set_integer(facts, "flushes", told.flushes);
    set_integer(facts, "trims", told.trims);
    set_integer(facts, "srbs", told.srbs);
    set_integer(facts, "retries", told.retries);
    set_integer(facts, "synchronize_caches", told.synchronize_caches);
    set_integer(facts, "srb_flushes", told.srb_flushes);
    set_integer(facts, "unmaps", told.unmaps);
    set_integer(facts, "capacity_changes", told.capacity_changes);
    set_integer(facts, "bad_blocks", told.bad_blocks);
    return facts;
}

static json_t *dump_facts(const struct dump *dump)
{
    json_t *facts = checked(json_object());
    struct dump_facts told;

    dump_get_facts(dump, &told);
    set(facts, "port", json_string(told.port));
    set(facts, "extended_srbs", json_boolean(told.extended_srbs));
    set_integer(facts, "uncached_bytes", told.uncached_bytes);
    set_integer(facts, "common_bytes", told.common_bytes);
    set_integer(facts, "maximum_transfer_bytes", told.maximum_transfer_bytes);
    set_integer(facts, "marked", told.marked);
    set_integer(facts, "requests", told.requests);
    set_integer(facts, "polls", told.polls);
    set_integer(facts, "timeouts", told.timeouts);
    set_integer(facts, "bus_resets", told.bus_resets);
    return facts;
}

static json_t *rule_facts(void)
{
    json_t *facts = checked(json_object()), *checks = checked(json_object());
    uint64_t all = 0;

    for (unsigned rule = 0; rule < RULE_COUNT; rule++) {
        uint64_t made = rule_checks((enum rule)rule);
        set_integer(checks, rule_name((enum rule)rule), made);
        all += made;
    }
    set_integer(facts, "checks", all);
    set(facts, "by_rule", checks);
    set_integer(facts, "violations", 0);
    return facts;
}

json_t *facts_collect(const struct bench *bench)
{
    struct port_facts told;
    json_t *facts = checked(json_object());

    set(facts, "driver", json_string(bench->options->driver));
    port_get_facts(bench->port, &told);
    set(facts, "device", facts_device(bench, told.message_vectors));
    set(facts, "disk", disk_facts(&bench->disk));
    set(facts, "port", port_driver_facts(bench->port));
    set(facts, "counters", counter_facts(bench->port));
    if (bench->class != NULL) {
        set(facts, "class", class_facts(bench->class));
    }
    if (bench->dump != NULL) {
        set(facts, "dump", dump_facts(bench->dump));
    }
    set(facts, "rules", rule_facts());
    return facts;
}

json_t *facts_find(json_t *facts, const char *path)
{
    char part[64];

    while (facts != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        if (length >= sizeof(part)) {
            return NULL;
        }
        memcpy(part, path, length);
        part[length] = '\0';
        if (json_is_array(facts)) {
            char *end;
            size_t index = strtoul(part, &end, 10);
            facts = *end == '\0' && end != part ? json_array_get(facts, index) : NULL;
        } else {
            facts = json_object_get(facts, part);
        }
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return facts;
}

void facts_subtract_counters(json_t *after, json_t *before)
{
    json_t *counters = json_object_get(after, "counters");
    json_t *earlier = json_object_get(before, "counters"), *value;
    const char *key;

    json_object_foreach(earlier, key, value)
    {
        json_t *now = json_object_get(counters, key);
        json_integer_set(now, json_integer_value(now) - json_integer_value(value));
    }
}

void facts_print_json(json_t *facts)
{
    json_dumpf(facts, stdout, JSON_INDENT(2));
    putchar('\n');
}

static json_int_t integer(json_t *facts, const char *path)
{
    return json_integer_value(facts_find(facts, path));
}

static const char *text(json_t *facts, const char *path)
{
    const char *value = json_string_value(facts_find(facts, path));

    return value != NULL ? value : "";
}

/* A line "name   value" of a table. */
static void line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *name, const char *format, ...)
{
    va_list arguments;

    printf("  %-24s ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* Names separated by blanks, folded so that lines stay under 100 characters. */
static void line_of_names(const char *name, json_t *names)
{
    size_t column = 0, index;
    json_t *one;

    printf("  %-24s", name);
    json_array_foreach(names, index, one)
    {
        size_t length = json_string_length(one) + 1;
        if (column + length > 70) {
            printf("\n  %-24s", "");
            column = 0;
        }
        printf(" %s", json_string_value(one));
        column += length;
    }
    printf("%s\n", json_array_size(names) == 0 ? " none" : "");
}

static void print_queues(json_t *facts)
{
    json_t *queues = facts_find(facts, "device.queue"), *one;
    char list[256] = "";
    size_t index;

    json_array_foreach(queues, index, one)
    {
        size_t length = strlen(list);
        snprintf(list + length, sizeof(list) - length, "%s%" JSON_INTEGER_FORMAT,
                 index > 0 ? ", " : "", integer(one, "size"));
    }
    line("queues (entries)", "%" JSON_INTEGER_FORMAT " (%s)", integer(facts, "device.queues"),
         list);
    if (integer(facts, "device.vectors") == 0) {
        line("interrupts", "line");
    } else {
        line("interrupts", "%" JSON_INTEGER_FORMAT " message vectors",
             integer(facts, "device.vectors"));
    }
}

static void print_disk(json_t *facts)
{
    json_int_t bytes = integer(facts, "disk.capacity_bytes");

    line("disk", "%s %s %s", text(facts, "disk.vendor"), text(facts, "disk.product"),
         text(facts, "disk.revision"));
    line("serial", "%s", text(facts, "disk.serial")[0] != '\0' ? text(facts, "disk.serial") : "-");
    line("capacity", "%" JSON_INTEGER_FORMAT " bytes (%.1f MiB)", bytes, (double)bytes / MEBIBYTE);
    line("block size", "%" JSON_INTEGER_FORMAT " bytes (physical %" JSON_INTEGER_FORMAT ")",
         integer(facts, "disk.block_bytes"), integer(facts, "disk.physical_block_bytes"));
    line("access", "%s, write cache %s",
         json_is_true(facts_find(facts, "disk.read_only")) ? "read-only" : "read and write",
         json_is_true(facts_find(facts, "disk.write_cache")) ? "on" : "off");
}

static void print_port_driver(json_t *facts)
{
    line("request blocks", "%s",
         json_is_true(facts_find(facts, "port.extended_srbs")) ? "extended" : "legacy");
    line("SRB extension", "%" JSON_INTEGER_FORMAT " bytes",
         integer(facts, "port.srb_extension_bytes"));
    line("largest transfer", "%" JSON_INTEGER_FORMAT " bytes in %" JSON_INTEGER_FORMAT " pieces",
         integer(facts, "port.maximum_transfer_bytes"), integer(facts, "port.physical_breaks"));
    line("depth", "unit %" JSON_INTEGER_FORMAT ", adapter %" JSON_INTEGER_FORMAT,
         integer(facts, "port.lun_depth"), integer(facts, "port.max_number_of_io"));
    line("memory",
         "device extension %" JSON_INTEGER_FORMAT ", uncached %" JSON_INTEGER_FORMAT " bytes",
         integer(facts, "port.device_extension_bytes"), integer(facts, "port.uncached_bytes"));
    line("concurrent channels", "%" JSON_INTEGER_FORMAT,
         integer(facts, "port.concurrent_channels"));
}

void facts_print_found(json_t *facts)
{
    printf("Found\n");
    line("driver", "%s", text(facts, "driver"));
    if (text(facts, "device.qemu")[0] != '\0') {
        line("device", "QEMU %s, virtio-blk-pci %s", text(facts, "device.qemu"),
             text(facts, "device.pci_id"));
    } else if (text(facts, "device.socket")[0] != '\0') {
        line("device", "vhost-user-blk at %s, %s", text(facts, "device.socket"),
             text(facts, "device.pci_id"));
    } else {
        line("device", "%s, %s", text(facts, "device.kind"), text(facts, "device.pci_id"));
    }
    line("transport", "%s", text(facts, "device.transport"));
    line_of_names("features", facts_find(facts, "device.features"));
    print_queues(facts);
    print_disk(facts);
    printf("Told to %s\n", json_string_value(facts_find(facts, "port.driver")));
    print_port_driver(facts);
    fflush(stdout);
}

/* A line with a count and how much of it falls on a request. */
static void line_per_request(json_t *facts, const char *name, const char *path)
{
    json_int_t requests = integer(facts, "counters.requests");
    json_int_t count = integer(facts, path);

    line(name, "%12" JSON_INTEGER_FORMAT "   %8.3f per request", count,
         requests > 0 ? (double)count / (double)requests : 0.0);
}

void facts_print_counters(json_t *facts)
{
    json_int_t bytes =
        integer(facts, "counters.bytes_read") + integer(facts, "counters.bytes_written");

    printf("Result\n");
    line("requests", "%12" JSON_INTEGER_FORMAT, integer(facts, "counters.requests"));
    line("MB moved", "%12.1f", (double)bytes / 1e6);
    line_per_request(facts, "VM exits", "counters.vm_exits");
    line_per_request(facts, "doorbells", "counters.doorbells");
    line_per_request(facts, "interrupts", "counters.interrupts");
    line_per_request(facts, "DPCs", "counters.dpcs");
    line_per_request(facts, "calls to the port driver", "counters.calls");
    line("busy answers", "%12" JSON_INTEGER_FORMAT, integer(facts, "counters.busy"));
    line("timeouts", "%12" JSON_INTEGER_FORMAT, integer(facts, "counters.timeouts"));
    line("rule checks", "%12" JSON_INTEGER_FORMAT, integer(facts, "rules.checks"));
    line("rule violations", "%12" JSON_INTEGER_FORMAT, integer(facts, "rules.violations"));
    fflush(stdout);
}
