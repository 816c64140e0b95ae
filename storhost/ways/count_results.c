/* SPDX-License-Identifier: BSD-3-Clause */
/* What the command count found, as a document and as a table. See count.h. */
#include "ways/count.h"

#include <stdio.h>

#include "machine/memory.h"
#include "machine/trap.h"
#include "ways/facts.h"

static void note_shared_line(void *context, uint64_t address)
{
    enum memory_kind kind;
    char text[256];

    /* SRBs are left out: their memory goes from one processor to the next. */
    if (memory_kind_at((void *)(uintptr_t)address, &kind) &&
        (kind == MEMORY_SRB || kind == MEMORY_SRB_EXTENSION || kind == MEMORY_SENSE)) {
        return;
    }
    if (memory_describe((void *)(uintptr_t)address, text, sizeof(text)) ||
        trap_describe_code((void *)(uintptr_t)address, text, sizeof(text))) {
        json_array_append_new(context, json_string(text));
    }
}

/* Where the lines lie that more than one processor has written. */
static json_t *shared_lines(void)
{
    json_t *array = json_array();

    count_each_shared_line(note_shared_line, array);
    return array;
}

static void note_call(void *context, const char *name, uint64_t calls)
{
    json_object_set_new(context, name, json_integer((json_int_t)calls));
}

void count_snapshot_take(const struct bench *bench, struct count_snapshot *snapshot)
{
    scripted_get_counters(bench->backend, &snapshot->device);
    snapshot->calls = json_object();
    export_each(note_call, snapshot->calls);
}

void count_snapshot_free(struct count_snapshot *snapshot)
{
    json_decref(snapshot->calls);
}

/* Calls between two moments, those of functions that were called. */
static json_t *calls_between(const struct count_snapshot *before,
                             const struct count_snapshot *after)
{
    json_t *difference = json_object(), *value;
    const char *name;

    json_object_foreach(after->calls, name, value)
    {
        json_int_t calls =
            json_integer_value(value) - json_integer_value(json_object_get(before->calls, name));

        if (calls != 0) {
            json_object_set_new(difference, name, json_integer(calls));
        }
    }
    return difference;
}

static json_t *by_class(const uint64_t *values)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < COUNT_CLASSES; i++) {
        json_object_set_new(object, count_class_name((enum count_class)i),
                            json_integer((json_int_t)values[i]));
    }
    return object;
}

static json_t *instructions(const struct count_totals *totals)
{
    json_t *object = json_object();
    uint64_t all = 0;

    for (unsigned i = 0; i < COUNT_PHASES; i++) {
        all += totals->instructions[i];
        json_object_set_new(object, count_phase_name((enum count_phase)i),
                            json_integer((json_int_t)totals->instructions[i]));
    }
    json_object_set_new(object, "total", json_integer((json_int_t)all));
    return object;
}

/* VM exits by kind. The legacy interface has doorbell and ISR in one area; what a request does
 * there is a doorbell if it writes. */
static json_t *exits(const struct scripted_counters *before, const struct scripted_counters *after)
{
    uint64_t doorbells = after->writes[SCRIPTED_AREA_NOTIFY] -
                         before->writes[SCRIPTED_AREA_NOTIFY] +
                         after->writes[SCRIPTED_AREA_LEGACY] - before->writes[SCRIPTED_AREA_LEGACY];
    uint64_t isr = after->reads[SCRIPTED_AREA_ISR] - before->reads[SCRIPTED_AREA_ISR] +
                   after->reads[SCRIPTED_AREA_LEGACY] - before->reads[SCRIPTED_AREA_LEGACY];
    uint64_t all = 0;

    for (unsigned i = 0; i < SCRIPTED_AREAS; i++) {
        all += after->reads[i] - before->reads[i] + after->writes[i] - before->writes[i];
    }
    return json_pack("{s:I, s:I, s:I}", "doorbell", (json_int_t)doorbells, "isr", (json_int_t)isr,
                     "configuration", (json_int_t)(all - doorbells - isr));
}

static uint64_t interrupts(const struct scripted_counters *counters)
{
    uint64_t all = counters->line;

    for (unsigned i = 0; i < SCRIPTED_VECTORS; i++) {
        all += counters->messages[i];
    }
    return all;
}

static void note_instruction(void *context, const char *place, uint64_t times)
{
    json_object_set_new(context, place, json_integer((json_int_t)times));
}

/* How often each instruction ran. */
static json_t *profile(void)
{
    json_t *object = json_object();

    count_each_instruction(note_instruction, object);
    return object;
}

/* Bytes that the driver has got, by what for; per queue is what differs between numbers of queues. */
static json_t *memory_got(const struct count_load *load)
{
    struct port_facts port = {0};

    if (load->bare == NULL) {
        port_get_facts(load->bench->port, &port);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "srb_extension",
                     (json_int_t)port.srb_extension_bytes, "device_extension",
                     (json_int_t)port.device_extension_bytes, "uncached",
                     (json_int_t)port.uncached_bytes, "contiguous",
                     (json_int_t)memory_allocated(MEMORY_CONTIGUOUS), "pool",
                     (json_int_t)memory_allocated(MEMORY_POOL));
}

static json_t *conditions(const struct count_load *load)
{
    static const char *const workloads[] = {"read", "write", "mixed", "flush", "discard"};
    const struct options *options = load->options;

    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "driver",
                     load->bare != NULL ? "bare loop" : options->driver, "workload",
                     workloads[options->count.workload], "depth", (json_int_t)load->depth, "closed",
                     (json_int_t)options->count.closed, "request_bytes",
                     (json_int_t)load->blocks * load->block_bytes, "processors",
                     (json_int_t)options->processors, "requests", (json_int_t)load->finished);
}

static void add_machine(const struct count_load *load, json_t *document)
{
    struct bare_facts bare;
    json_t *facts;

    json_object_set_new(document, "memory", memory_got(load));
    if (load->bare != NULL) {
        bare_get_facts(load->bare, &bare);
        json_object_set_new(document, "device", facts_device(load->bench, bare.message_vectors));
        return;
    }
    facts = facts_collect(load->bench);
    json_object_set(document, "device", json_object_get(facts, "device"));
    json_object_set(document, "port", json_object_get(facts, "port"));
    json_object_set(document, "counters", json_object_get(facts, "counters"));
    json_decref(facts);
}

json_t *count_results(const struct count_load *load, const struct count_snapshot *before,
                      const struct count_snapshot *after, const struct count_totals *totals)
{
    json_t *document = conditions(load);

    json_object_set_new(document, "instructions", instructions(totals));
    json_object_set_new(document, "locked", json_integer((json_int_t)totals->locked));
    json_object_set_new(document, "fences", json_integer((json_int_t)totals->fences));
    json_object_set_new(document, "stored", by_class(totals->stored));
    json_object_set_new(document, "cleared", json_integer((json_int_t)totals->cleared));
    json_object_set_new(document, "copied", json_integer((json_int_t)totals->copied));
    json_object_set_new(document, "lines_read", by_class(totals->lines_read));
    json_object_set_new(document, "lines_written", by_class(totals->lines_written));
    json_object_set_new(document, "lines_touched", by_class(totals->lines_touched));
    json_object_set_new(document, "lines_shared", by_class(totals->lines_shared));
    json_object_set_new(document, "calls", calls_between(before, after));
    json_object_set_new(document, "exits", exits(&before->device, &after->device));
    json_object_set_new(
        document, "interrupts",
        json_integer((json_int_t)(interrupts(&after->device) - interrupts(&before->device))));
    if (load->options->count.profile) {
        json_object_set_new(document, "profile", profile());
        json_object_set_new(document, "shared_lines", shared_lines());
    }
    add_machine(load, document);
    return document;
}

/* One group of figures, per request. */
static void print_group(json_t *document, const char *title, const char *member)
{
    double requests = (double)json_integer_value(json_object_get(document, "requests"));
    json_t *value;
    const char *name;

    printf("%s\n", title);
    json_object_foreach(json_object_get(document, member), name, value)
    {
        if (json_integer_value(value) != 0) {
            printf("  %-34s %10.2f\n", name, (double)json_integer_value(value) / requests);
        }
    }
}

static void print_one(json_t *document, const char *text, const char *member)
{
    double requests = (double)json_integer_value(json_object_get(document, "requests"));

    printf("  %-34s %10.2f\n", text,
           (double)json_integer_value(json_object_get(document, member)) / requests);
}

/* Figures that are not per request. */
static void print_sums(json_t *document, const char *title, const char *member)
{
    json_t *value;
    const char *name;

    printf("%s\n", title);
    json_object_foreach(json_object_get(document, member), name, value)
    {
        if (json_integer_value(value) != 0) {
            printf("  %-34s %10lld\n", name, (long long)json_integer_value(value));
        }
    }
}

void count_print_table(json_t *document)
{
    printf("%s, per request, of %lld\n", json_string_value(json_object_get(document, "driver")),
           (long long)json_integer_value(json_object_get(document, "requests")));
    print_group(document, "Instructions", "instructions");
    print_one(document, "locked", "locked");
    print_one(document, "full fences", "fences");
    print_group(document, "Calls into the port driver", "calls");
    print_group(document, "VM exits", "exits");
    print_one(document, "interrupts", "interrupts");
    print_group(document, "Bytes stored", "stored");
    print_one(document, "only cleared", "cleared");
    print_one(document, "only copied", "copied");
    print_group(document, "Cache lines read", "lines_read");
    print_group(document, "Cache lines written", "lines_written");
    print_group(document, "Cache lines read or written", "lines_touched");
    printf("In all\n");
    print_sums(document, "Cache lines written by several processors", "lines_shared");
    print_sums(document, "Bytes of memory", "memory");
}
