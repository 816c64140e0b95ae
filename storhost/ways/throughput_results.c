/* SPDX-License-Identifier: BSD-3-Clause */
/* What the command throughput has measured, as a document and as a table. */
#include <stdio.h>

#include "ways/throughput.h"

#define NANOSECONDS_PER_MICROSECOND 1000.0
#define NANOSECONDS_PER_SECOND      1e9

static json_t *microseconds(const struct latency *latency)
{
    static const struct {
        const char *name;
        unsigned permille;
    } percentiles[] = {{"p50", 500}, {"p99", 990}, {"p99.9", 999}};
    double mean = latency->count != 0 ? (double)latency->sum / (double)latency->count : 0;
    json_t *object = json_object();

    json_object_set_new(object, "mean", json_real(mean / NANOSECONDS_PER_MICROSECOND));
    for (unsigned i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        double value = (double)latency_permille(latency, percentiles[i].permille);
        json_object_set_new(object, percentiles[i].name,
                            json_real(value / NANOSECONDS_PER_MICROSECOND));
    }
    json_object_set_new(object, "longest",
                        json_real((double)latency->longest / NANOSECONDS_PER_MICROSECOND));
    return object;
}

json_t *throughput_results(const struct throughput_load *load,
                           const struct throughput_snapshot *before,
                           const struct throughput_snapshot *after)
{
    static struct latency latency; /* too large for a stack; filled once */
    const struct options *options = load->options;
    uint64_t last = before->nanoseconds, interrupts = 0, lanes_ns = 0;
    double requests, seconds;

    for (unsigned i = 0; i < options->processors; i++) {
        const struct throughput_lane *lane = &load->lanes[i];

        latency_add(&latency, &lane->latency);
        last = lane->last_finish > last ? lane->last_finish : last;
        interrupts += lane->interrupts;
        lanes_ns += lane->processor_ns;
    }
    requests = latency.count != 0 ? (double)latency.count : 1;
    seconds = (double)(last - before->nanoseconds) / NANOSECONDS_PER_SECOND;
    return json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:s, s:I, s:f, s:f, s:o, s:{s:f, s:f}, s:f, s:f}",
        "subject", load->bare != NULL ? "bare loop" : options->driver, "workload",
        options->count.workload == COUNT_WRITE ? "write" : "read", "depth", (int)load->depth,
        "admitted", (int)load->admitted, "queues", (int)load->queues, "processors",
        (int)options->processors, "request_bytes", (json_int_t)load->blocks * load->block_bytes,
        "rules", "off", "requests", (json_int_t)latency.count, "seconds", seconds, "iops",
        seconds > 0 ? (double)latency.count / seconds : 0.0, "latency_us", microseconds(&latency),
        "processor_us", "process",
        (double)(after->processor_ns - before->processor_ns) / NANOSECONDS_PER_MICROSECOND /
            requests,
        "lanes", (double)lanes_ns / NANOSECONDS_PER_MICROSECOND / requests, "exits",
        (double)(after->exits - before->exits) / requests, "interrupts",
        (double)interrupts / requests);
}

static double number(json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

void throughput_print(json_t *document)
{
    json_t *latency = json_object_get(document, "latency_us");
    json_t *processor = json_object_get(document, "processor_us");

    printf("%s, random %ss of %.0f bytes, depth %.0f, %.0f processors; rules are off\n",
           json_string_value(json_object_get(document, "subject")),
           json_string_value(json_object_get(document, "workload")),
           number(document, "request_bytes"), number(document, "depth"),
           number(document, "processors"));
    if (number(document, "admitted") < number(document, "depth")) {
        printf("  %-36s %12.0f\n", "outstanding at the driver, at most",
               number(document, "admitted"));
    }
    printf("  %-36s %12.0f\n", "requests per second", number(document, "iops"));
    printf("  %-36s %12.1f\n", "latency, mean (us)", number(latency, "mean"));
    printf("  %-36s %12.1f\n", "latency, median (us)", number(latency, "p50"));
    printf("  %-36s %12.1f\n", "latency, 99 % (us)", number(latency, "p99"));
    printf("  %-36s %12.1f\n", "latency, 99.9 % (us)", number(latency, "p99.9"));
    printf("  %-36s %12.2f\n", "processor time per request (us)", number(processor, "process"));
    printf("  %-36s %12.3f\n", "exits per request", number(document, "exits"));
    printf("  %-36s %12.3f\n", "interrupts per request", number(document, "interrupts"));
}
