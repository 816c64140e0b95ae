/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the command line with argp: see options.h. docs/storhost.md names the same options. */
#include "devices/scripted/scripted.h"
#include "ways/options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/cpu_groups.h"
#include "machine/memory.h"
#include "port/readings.h"

#ifndef STORHOST_VERSION
#define STORHOST_VERSION "0.1.0"
#endif
#ifndef STORHOST_DEFAULT_DRIVER
#define STORHOST_DEFAULT_DRIVER "build/wlh/x64/viostor.sys"
#endif

#define USAGE_STATUS 2 /* exit status of wrong usage */

/* From rpcndr and winnt: types of registry values. */
enum {
    REGISTRY_TEXT = 1,
    REGISTRY_DWORD = 4
};

enum key {
    KEY_DRIVER = 0x100,
    KEY_PARAMETER,
    KEY_ONE_RING_LOCK,
    KEY_IMAGE,
    KEY_FORMAT,
    KEY_BLOCKDEV,
    KEY_SIZE,
    KEY_READ_ONLY,
    KEY_OVERWRITE,
    KEY_DEVICE,
    KEY_TRANSPORT,
    KEY_QUEUES,
    KEY_BUS_OFFSET,
    KEY_DEVICE_VECTORS,
    KEY_QEMU_DEVICE,
    KEY_QEMU_ARGUMENT,
    KEY_QEMU,
    KEY_QEMU_IMG,
    KEY_THROTTLE,
    KEY_WINDOWS,
    KEY_SRB,
    KEY_VECTORS,
    KEY_TIMEOUT,
    KEY_REFUSE_DPC,
    KEY_REFUSE_PASSIVE,
    KEY_CONTIGUOUS_LIMIT,
    KEY_FAIL_ALLOCATION,
    KEY_SHARED_LINE,
    KEY_SPURIOUS,
    KEY_PROCESSORS,
    KEY_GROUPS,
    KEY_SCHEDULER,
    KEY_SEED,
    KEY_READINGS,
    KEY_READING,
    KEY_CLOCK,
    KEY_BYTES,
    KEY_DEPTH,
    KEY_WORKLOAD,
    KEY_LOADING,
    KEY_REQUEST_BYTES,
    KEY_SCATTER,
    KEY_REQUESTS,
    KEY_PROFILE,
    KEY_BARE_LOOP,
    KEY_LIMIT,
    KEY_SECONDS,
    KEY_SOCKET,
    KEY_NBD_PORT,
    KEY_NBD_SOCKET,
    KEY_NBDKIT,
    KEY_PLUGIN,
    KEY_SG_LIBRARY,
    KEY_NO_PROGRESS,
    KEY_QUIET,
    KEY_JSON,
    KEY_EVENTS,
    KEY_DEBUG_PORT,
};

#define OPTION(name, key, argument, text) \
    {                                     \
        name, key, argument, 0, text, 0   \
    }
#define GROUP(text)               \
    {                             \
        NULL, 0, NULL, 0, text, 0 \
    }

static const struct argp_option option_table[] = {
    GROUP("Driver:"),
    OPTION("driver", KEY_DRIVER, "FILE",
           "the miniport to load (default: " STORHOST_DEFAULT_DRIVER ")"),
    OPTION(
        "parameter", KEY_PARAMETER, "NAME=VALUE",
        "a value of the driver's Parameters\\Device key: a number (DWORD) or a text; repeatable"),
    OPTION("one-ring-lock", KEY_ONE_RING_LOCK, NULL,
           "the driver guards each ring by one lock: hold it to that (rule ring-lock)"),
    GROUP("Disk:"),
    OPTION("image", KEY_IMAGE, "FILE", "the disk's image (default: a temporary one)"),
    OPTION("format", KEY_FORMAT, "NAME", "the image's format: raw, qcow2, ... (default: by name)"),
    OPTION("blockdev", KEY_BLOCKDEV, "SPEC",
           "instead of an image, anything QEMU opens: JSON or key=value of -blockdev, or a URI"),
    OPTION("size", KEY_SIZE, "SIZE",
           "size of an image that is made: k, M, G, T allowed (default: 256M, temporary)"),
    OPTION("read-only", KEY_READ_ONLY, NULL, "a disk that cannot be written"),
    OPTION("overwrite", KEY_OVERWRITE, NULL, "let run write to a disk that was there before"),
    GROUP("Device:"),
    OPTION("device", KEY_DEVICE,
           "qemu|scripted[:SCRIPT]|profile:NAME[,SCRIPT]|vhost-user:socket=PATH[,...]",
           "what is behind the driver; profile:help lists the devices that can be played"),
    OPTION("transport", KEY_TRANSPORT, "legacy|transitional|modern",
           "the device's interfaces (default: transitional)"),
    OPTION("queues", KEY_QUEUES, "N", "request queues of the device"),
    OPTION("bus-offset", KEY_BUS_OFFSET, "SIZE",
           "the device's addresses of memory are the processors' and this (default: 0)"),
    OPTION("device-vectors", KEY_DEVICE_VECTORS, "N", "size of the device's MSI-X table"),
    OPTION("qemu-device", KEY_QEMU_DEVICE, "OPTS",
           "more options for -device virtio-blk-pci, such as serial=X,queue-size=64; repeatable"),
    OPTION("qemu-arg", KEY_QEMU_ARGUMENT, "ARG", "one more argument for QEMU; repeatable"),
    OPTION("qemu", KEY_QEMU, "FILE", "the QEMU to start (default: qemu-system-x86_64)"),
    OPTION("qemu-img", KEY_QEMU_IMG, "FILE", "the qemu-img to use (default: qemu-img)"),
    OPTION("throttle", KEY_THROTTLE, "N", "let the disk do N requests per second"),
    GROUP("Windows:"),
    OPTION("windows", KEY_WINDOWS, "5.1|5.2|6.0|6.1|6.2|6.3|10.0",
           "the version to play (default: 10.0; for a SCSIPort driver 5.1)"),
    OPTION("srb", KEY_SRB, "auto|legacy|extended", "kind of request blocks (default: auto)"),
    OPTION("vectors", KEY_VECTORS, "N",
           "messages granted at most; 0: line interrupt (default: one per processor, and one)"),
    OPTION("timeout", KEY_TIMEOUT, "SECONDS", "of requests, on storhost's clock (default: 60)"),
    OPTION("refuse-dpc", KEY_REFUSE_DPC, NULL, "refuse DPC services, as StorPort 5.2 may"),
    OPTION("refuse-passive", KEY_REFUSE_PASSIVE, NULL, "refuse the passive initialization routine"),
    OPTION("contiguous-limit", KEY_CONTIGUOUS_LIMIT, "SIZE",
           "the largest block of memory that is contiguous (default: no limit)"),
    OPTION("fail-allocation", KEY_FAIL_ALLOCATION, "N",
           "the Nth piece of memory or mapping that the driver asks for is not given"),
    OPTION("shared-line", KEY_SHARED_LINE, NULL, "another device interrupts on the same line"),
    OPTION("spurious", KEY_SPURIOUS, NULL, "interrupts without cause now and then"),
    GROUP("Machine:"),
    OPTION("processors", KEY_PROCESSORS, "N", "1 to 128 (default: 2)"),
    OPTION("groups", KEY_GROUPS, "N", "processor groups (default: as few as masks allow)"),
    OPTION("scheduler", KEY_SCHEDULER, "free|deterministic",
           "processors as real threads or one at a time (default: free; script: deterministic)"),
    OPTION("seed", KEY_SEED, "N", "of addresses, order, garbage and test data (default: 1)"),
    OPTION("readings", KEY_READINGS, "N",
           "which of the readings of the reference are played (default: as --seed)"),
    OPTION("reading", KEY_READING, "NAME=yes|no",
           "play one of them so, whatever the seed; repeatable; help: lists them"),
    OPTION("clock", KEY_CLOCK, "real|manual",
           "what timeouts run on; manual: script's clock advance (default: real)"),
    GROUP("Command run:"),
    OPTION("bytes", KEY_BYTES, "SIZE", "how much to write (default: 64M or half the disk)"),
    OPTION("depth", KEY_DEPTH, "N", "requests outstanding at once (default: 32)"),
    GROUP("Command count:"),
    OPTION("workload", KEY_WORKLOAD, "read|write|mixed|flush|discard",
           "what requests do (default: read, at random places)"),
    OPTION(
        "loading", KEY_LOADING, "lock-step|closed:K",
        "all requests together, or each completion brings the next and the device completes K at "
        "a time (default: lock-step)"),
    OPTION("request-bytes", KEY_REQUEST_BYTES, "SIZE|max", "size of requests (default: 4k)"),
    OPTION("scatter", KEY_SCATTER, "SIZE", "physical pieces of at most that size (default: pages)"),
    OPTION("requests", KEY_REQUESTS, "N", "how many are counted (default: 4 times the depth)"),
    OPTION("profile", KEY_PROFILE, NULL,
           "with --json: how often each instruction ran, which lines processors share"),
    OPTION("bare-loop", KEY_BARE_LOOP, NULL,
           "count the least that native code does for a request, instead of a driver"),
    GROUP("Command throughput:"),
    OPTION("seconds", KEY_SECONDS, "N",
           "how long to measure (default: 3), or until --requests are done; also --workload, "
           "--request-bytes, --depth, --bare-loop"),
    GROUP("Command interleave:"),
    OPTION("limit", KEY_LIMIT, "N",
           "runs for each number of requests, 1 to --requests of them (default: 20000, 3)"),
    GROUP("Command serve:"),
    OPTION("socket", KEY_SOCKET, "PATH", "where clients connect (default: storhost.sock)"),
    OPTION("nbd-port", KEY_NBD_PORT, "N", "start nbdkit on this TCP port of localhost"),
    OPTION("nbd-socket", KEY_NBD_SOCKET, "PATH", "start nbdkit on this UNIX socket"),
    OPTION("nbdkit", KEY_NBDKIT, "FILE", "the nbdkit to start (default: nbdkit)"),
    OPTION("plugin", KEY_PLUGIN, "FILE", "the nbdkit plugin (default: beside storhost)"),
    OPTION("sg-library", KEY_SG_LIBRARY, "FILE", "the SG library (default: beside storhost)"),
    GROUP("Output:"),
    OPTION("no-progress", KEY_NO_PROGRESS, NULL, "no progress lines"),
    OPTION("quiet", KEY_QUIET, NULL, "only results and errors"),
    OPTION("json", KEY_JSON, NULL, "results as JSON"),
    OPTION("events", KEY_EVENTS, NULL, "print what the driver logs in the system's event log"),
    OPTION("debug-port", KEY_DEBUG_PORT, "FILE",
           "where the driver's COM port and DbgPrint output goes (default: standard error)"),
    {0},
};

static const char arguments_text[] = "run\nserve\ninfo\nscript FILE\ncount\ninterleave\nthroughput";
static const char description[] =
    "Loads a Windows storage miniport (viostor.sys) and runs it against a virtio-blk device.\v"
    "Commands:\n"
    "  run           write and read the disk through the driver, compare, print a table\n"
    "  serve         keep the disk up for nbdkit and SG tools until Ctrl-C\n"
    "  info          discover the disk and print what was found\n"
    "  script FILE   do what a script says (FILE -: standard input)\n"
    "  count         count what the driver does for a request, on --device=scripted\n"
    "  interleave    try every order of the driver's and the device's steps\n"
    "  throughput    measure requests per second, latency and processor time, on "
    "--device=vhost-user\n\n"
    "Exit status: 0 well, 1 failed, 2 wrong usage, 3 the driver broke a rule.\n"
    "More in docs/storhost.md.";

static bool parse_number(const char *text, uint64_t lowest, uint64_t highest, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && strchr(text, '-') == NULL &&
           *number >= lowest && *number <= highest;
}

bool options_parse_size(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "kMGT";
    const char *suffix;
    unsigned shift = 0;
    char *end;

    errno = 0;
    *bytes = strtoull(text, &end, 0);
    if (errno != 0 || end == text || strchr(text, '-') != NULL) {
        return false;
    }
    if (*end == 'K') {
        shift = 10;
        end++;
    } else if (*end != '\0' && (suffix = strchr(suffixes, *end)) != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    if (*end != '\0' || *bytes > UINT64_MAX >> shift) {
        return false;
    }
    *bytes <<= shift;
    return true;
}

static unsigned number_option(struct argp_state *state, const char *name, const char *text,
                              uint64_t lowest, uint64_t highest)
{
    uint64_t number;

    if (!parse_number(text, lowest, highest, &number)) {
        argp_error(state, "--%s=%s: a number from %llu to %llu is needed", name, text,
                   (unsigned long long)lowest, (unsigned long long)highest);
    }
    return (unsigned)number;
}

static uint64_t size_option(struct argp_state *state, const char *name, const char *text)
{
    uint64_t bytes;

    if (!options_parse_size(text, &bytes) || bytes == 0) {
        argp_error(state, "--%s=%s: a size is needed, such as 64M", name, text);
    }
    return bytes;
}

/* The position of `text` in a list of words ended by NULL; wrong usage if it is none of them. */
static unsigned word_option(struct argp_state *state, const char *name, const char *text,
                            const char *const *words)
{
    char all[128] = "";

    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? ", " : "", words[i]);
    }
    argp_error(state, "--%s=%s: must be one of %s", name, text, all);
    return 0;
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        fatal("out of memory");
    }
    return memory;
}

/* NAME=VALUE: a number becomes a DWORD, anything else a text in UTF-16 as the registry has it. */
static void add_parameter(struct argp_state *state, struct options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    struct port_registry_value *value;
    uint64_t number;

    if (equals == NULL || equals == text) {
        argp_error(state, "--parameter=%s: NAME=VALUE is needed", text);
        return;
    }
    value = checked(calloc(1, sizeof(*value)));
    value->name = checked(strndup(text, (size_t)(equals - text)));
    if (parse_number(equals + 1, 0, UINT32_MAX, &number)) {
        uint32_t *data = checked(malloc(sizeof(*data)));
        *data = (uint32_t)number;
        value->type = REGISTRY_DWORD;
        value->data = data;
        value->length = sizeof(*data);
    } else {
        size_t length = strlen(equals + 1) + 1;
        uint16_t *data = checked(calloc(length, sizeof(*data)));
        for (size_t i = 0; i < length; i++) {
            data[i] = (unsigned char)equals[1 + i];
        }
        value->type = REGISTRY_TEXT;
        value->data = data;
        value->length = length * sizeof(*data);
    }
    value->next = (struct port_registry_value *)options->port.registry;
    options->port.registry = value;
}

static void add_qemu_device(struct options *options, const char *text)
{
    char *joined;

    if (options->qemu_device == NULL) {
        options->qemu_device = checked(strdup(text));
        return;
    }
    if (asprintf(&joined, "%s,%s", options->qemu_device, text) < 0) {
        fatal("out of memory");
    }
    free(options->qemu_device);
    options->qemu_device = joined;
}

static void add_qemu_argument(struct options *options, const char *text)
{
    unsigned count = options->qemu_argument_count;

    options->qemu_arguments =
        checked(realloc(options->qemu_arguments, (count + 2) * sizeof(*options->qemu_arguments)));
    options->qemu_arguments[count] = text;
    options->qemu_arguments[count + 1] = NULL;
    options->qemu_argument_count = count + 1;
}

static void set_device(struct argp_state *state, struct options *options, const char *text)
{
    static const char scripted[] = "scripted", profile[] = "profile:", vhost_user[] = "vhost-user:";

    if (strcmp(text, "qemu") == 0) {
        options->device = DEVICE_QEMU;
    } else if (strcmp(text, scripted) == 0 || strncmp(text, "scripted:", sizeof(scripted)) == 0) {
        options->device = DEVICE_SCRIPTED;
        options->device_script = text[8] == ':' ? text + sizeof(scripted) : NULL;
    } else if (strcmp(text, "profile:help") == 0) {
        scripted_list_profiles(stdout);
        exit(0);
    } else if (strncmp(text, profile, sizeof(profile) - 1) == 0) {
        options->device = DEVICE_SCRIPTED;
        options->device_profile = text + sizeof(profile) - 1;
    } else if (strncmp(text, vhost_user, sizeof(vhost_user) - 1) == 0) {
        options->device = DEVICE_VHOST_USER;
        options->device_script = text + sizeof(vhost_user) - 1;
    } else {
        argp_error(state,
                   "--device=%s: must be qemu, scripted[:SCRIPT], profile:NAME[,SCRIPT] or "
                   "vhost-user:socket=PATH[,...]",
                   text);
    }
}

static bool parse_disk_option(int key, char *text, struct argp_state *state,
                              struct options *options)
{
    switch (key) {
    case KEY_IMAGE:
        options->image = text;
        return true;
    case KEY_FORMAT:
        options->format = text;
        return true;
    case KEY_BLOCKDEV:
        options->blockdev = text;
        return true;
    case KEY_SIZE:
        options->size = size_option(state, "size", text);
        return true;
    case KEY_BUS_OFFSET:
        options->bus_offset = size_option(state, "bus-offset", text);
        return true;
    case KEY_READ_ONLY:
        options->read_only = true;
        return true;
    case KEY_OVERWRITE:
        options->overwrite = true;
        return true;
    default:
        return false;
    }
}

static bool parse_device_option(int key, char *text, struct argp_state *state,
                                struct options *options)
{
    static const char *const transports[] = {"transitional", "legacy", "modern", NULL};

    switch (key) {
    case KEY_DEVICE:
        set_device(state, options, text);
        return true;
    case KEY_TRANSPORT:
        options->transport = (enum transport)word_option(state, "transport", text, transports);
        return true;
    case KEY_QUEUES:
        options->queues = number_option(state, "queues", text, 1, 1024);
        return true;
    case KEY_DEVICE_VECTORS:
        options->device_vectors = number_option(state, "device-vectors", text, 1, 2048);
        return true;
    case KEY_QEMU_DEVICE:
        add_qemu_device(options, text);
        return true;
    case KEY_QEMU_ARGUMENT:
        add_qemu_argument(options, text);
        return true;
    case KEY_QEMU:
        options->qemu = text;
        return true;
    case KEY_QEMU_IMG:
        options->qemu_img = text;
        return true;
    case KEY_THROTTLE:
        options->throttle = number_option(state, "throttle", text, 1, UINT_MAX);
        return true;
    default:
        return false;
    }
}

static bool parse_windows_option(int key, char *text, struct argp_state *state,
                                 struct options *options)
{
    static const char *const versions[] = {"5.1", "5.2", "6.0", "6.1", "6.2", "6.3", "10.0", NULL};
    static const uint16_t numbers[] = {0x501, 0x502, 0x600, 0x601, 0x602, 0x603, 0xa00};
    static const char *const srbs[] = {"auto", "legacy", "extended", NULL};

    switch (key) {
    case KEY_WINDOWS:
        options->port.windows = numbers[word_option(state, "windows", text, versions)];
        return true;
    case KEY_SRB:
        options->port.srb_type = (enum port_srb_type)word_option(state, "srb", text, srbs);
        return true;
    case KEY_VECTORS:
        options->port.message_vectors = number_option(state, "vectors", text, 0, 2048);
        return true;
    case KEY_TIMEOUT:
        options->port.timeout_seconds = number_option(state, "timeout", text, 1, 86400);
        return true;
    case KEY_REFUSE_DPC:
        options->port.refuse_dpc = true;
        return true;
    case KEY_REFUSE_PASSIVE:
        options->port.single_passive_refusal = true;
        return true;
    case KEY_CONTIGUOUS_LIMIT:
        options->port.contiguous_limit = size_option(state, "contiguous-limit", text);
        return true;
    case KEY_FAIL_ALLOCATION:
        options->port.failing_allocation =
            number_option(state, "fail-allocation", text, 1, UINT32_MAX);
        return true;
    case KEY_SHARED_LINE:
        options->port.shared_line = true;
        return true;
    case KEY_SPURIOUS:
        options->port.spurious_interrupts = true;
        return true;
    default:
        return false;
    }
}

static void settle_reading(struct argp_state *state, const char *text)
{
    if (strcmp(text, "help") == 0) {
        readings_list(stdout);
        exit(0);
    }
    if (!reading_settle(text)) {
        argp_error(state,
                   "--reading=%s: must be NAME=yes or NAME=no; --reading=help lists the names",
                   text);
    }
}

static bool parse_machine_option(int key, char *text, struct argp_state *state,
                                 struct options *options)
{
    static const char *const schedulers[] = {"deterministic", "free", NULL};
    static const char *const clocks[] = {"real", "manual", NULL};
    uint64_t seed;

    switch (key) {
    case KEY_PROCESSORS:
        options->processors = number_option(state, "processors", text, 1, CPU_MAXIMUM);
        return true;
    case KEY_GROUPS:
        cpu_groups_ask(number_option(state, "groups", text, 1, CPU_MAXIMUM));
        return true;
    case KEY_SCHEDULER:
        options->scheduler = (enum cpu_mode)word_option(state, "scheduler", text, schedulers);
        return true;
    case KEY_SEED:
        if (!parse_number(text, 0, UINT64_MAX, &seed)) {
            argp_error(state, "--seed=%s: a number is needed", text);
        }
        options->port.seed = seed;
        return true;
    case KEY_READINGS:
        if (!parse_number(text, 0, UINT64_MAX, &options->readings)) {
            argp_error(state, "--readings=%s: a number is needed", text);
        }
        options->readings_given = true;
        return true;
    case KEY_READING:
        settle_reading(state, text);
        return true;
    case KEY_CLOCK:
        options->clock = (enum clock_mode)word_option(state, "clock", text, clocks);
        return true;
    case KEY_BYTES:
        options->bytes = size_option(state, "bytes", text);
        return true;
    case KEY_DEPTH:
        options->depth = number_option(state, "depth", text, 1, 1024);
        return true;
    default:
        return false;
    }
}

/* lock-step or closed:K */
static unsigned loading_option(struct argp_state *state, const char *text)
{
    if (strcmp(text, "lock-step") == 0) {
        return 0;
    }
    if (strncmp(text, "closed:", 7) != 0) {
        argp_error(state, "--loading=%s: must be lock-step or closed:K", text);
    }
    return number_option(state, "loading", text + 7, 1, 1024);
}

/* A length of time; a tenth of a second is the least that says anything. */
static double seconds_option(struct argp_state *state, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600)) {
        argp_error(state, "--seconds=%s: a number from 0.1 to 3600 is needed", text);
    }
    return seconds;
}

static bool parse_count_option(int key, char *text, struct argp_state *state,
                               struct options *options)
{
    static const char *const workloads[] = {"read", "write", "mixed", "flush", "discard", NULL};

    switch (key) {
    case KEY_WORKLOAD:
        options->count.workload =
            (enum count_workload)word_option(state, "workload", text, workloads);
        return true;
    case KEY_LOADING:
        options->count.closed = loading_option(state, text);
        return true;
    case KEY_REQUEST_BYTES:
        options->count.request_bytes =
            strcmp(text, "max") == 0 ? 0 : size_option(state, "request-bytes", text);
        return true;
    case KEY_SCATTER:
        options->count.scatter_bytes = (uint32_t)size_option(state, "scatter", text);
        return true;
    case KEY_REQUESTS:
        options->count.requests = number_option(state, "requests", text, 1, 1000000);
        return true;
    case KEY_PROFILE:
        options->count.profile = true;
        return true;
    case KEY_BARE_LOOP:
        options->count.bare_loop = true;
        return true;
    case KEY_SECONDS:
        options->seconds = seconds_option(state, text);
        return true;
    case KEY_LIMIT:
        options->limit = number_option(state, "limit", text, 1, UINT_MAX);
        return true;
    default:
        return false;
    }
}

static bool parse_serve_option(int key, char *text, struct argp_state *state,
                               struct options *options)
{
    switch (key) {
    case KEY_SOCKET:
        options->socket = text;
        return true;
    case KEY_NBD_PORT:
        (void)number_option(state, "nbd-port", text, 1, 65535);
        options->nbd_port = text;
        return true;
    case KEY_NBD_SOCKET:
        options->nbd_socket = text;
        return true;
    case KEY_NBDKIT:
        options->nbdkit = text;
        return true;
    case KEY_PLUGIN:
        options->plugin = text;
        return true;
    case KEY_SG_LIBRARY:
        options->sg_library = text;
        return true;
    default:
        return false;
    }
}

static bool parse_output_option(int key, char *text, struct argp_state *state,
                                struct options *options)
{
    switch (key) {
    case KEY_DRIVER:
        options->driver = text;
        return true;
    case KEY_ONE_RING_LOCK:
        options->one_ring_lock = true;
        return true;
    case KEY_PARAMETER:
        add_parameter(state, options, text);
        return true;
    case KEY_NO_PROGRESS:
        options->no_progress = true;
        return true;
    case KEY_QUIET:
        options->quiet = true;
        return true;
    case KEY_JSON:
        options->json = true;
        return true;
    case KEY_EVENTS:
        options->events = true;
        return true;
    case KEY_DEBUG_PORT:
        options->debug_output = text;
        return true;
    default:
        return false;
    }
}

static void take_argument(struct argp_state *state, struct options *options, char *text)
{
    static const char *const commands[] = {"run",   "serve",      "info",       "script",
                                           "count", "interleave", "throughput", NULL};

    if (state->arg_num == 0) {
        for (unsigned i = 0; commands[i] != NULL; i++) {
            if (strcmp(commands[i], text) == 0) {
                options->command = (enum command)i;
                return;
            }
        }
        argp_error(
            state,
            "unknown command '%s': run, serve, info, script, count, interleave or throughput",
            text);
    } else if (state->arg_num == 1 && options->command == COMMAND_SCRIPT) {
        options->script = text;
    } else {
        argp_error(state, "unexpected argument '%s'", text);
    }
}

static void check_throughput(struct argp_state *state, const struct options *options)
{
    if (options->command != COMMAND_THROUGHPUT) {
        return;
    }
    if (options->device != DEVICE_VHOST_USER) {
        argp_error(state,
                   "throughput needs --device=vhost-user:socket=PATH: no other device is made "
                   "for speed");
    }
    if (options->scheduler == CPU_DETERMINISTIC) {
        argp_error(state,
                   "throughput needs processors that are free: not --scheduler=deterministic");
    }
    if (options->count.workload != COUNT_READ && options->count.workload != COUNT_WRITE) {
        argp_error(state, "throughput measures --workload=read or --workload=write");
    }
}

/* What can only be judged when everything was read. */
static void check_options(struct argp_state *state, const struct options *options)
{
    if (state->arg_num == 0) {
        argp_error(
            state,
            "a command is needed: run, serve, info, script, count, interleave or throughput");
    }
    if (options->command == COMMAND_SCRIPT && options->script == NULL) {
        argp_error(state, "script needs a FILE, or - for standard input");
    }
    if (options->image != NULL && options->blockdev != NULL) {
        argp_error(state, "--image and --blockdev cannot be used together");
    }
    if (options->blockdev != NULL && (options->size != 0 || options->format != NULL)) {
        argp_error(state, "--size and --format belong to --image, not to --blockdev");
    }
    if (options->command == COMMAND_RUN && options->read_only) {
        argp_error(state, "run writes: it cannot be used with --read-only");
    }
    if (options->command == COMMAND_INTERLEAVE &&
        (options->scheduler == CPU_FREE || options->device != DEVICE_SCRIPTED)) {
        argp_error(state, "interleave needs --device=scripted and --scheduler=deterministic");
    }
    if (options->bus_offset != 0 && options->device == DEVICE_QEMU) {
        argp_error(state, "--bus-offset: QEMU's device has no IOMMU here, use --device=scripted");
    }
    if (options->bus_offset % GUEST_PAGE_SIZE != 0) {
        argp_error(state, "--bus-offset: whole pages, such as 1T");
    }
    if (options->command == COMMAND_COUNT && options->scheduler == CPU_FREE) {
        argp_error(state,
                   "count needs --scheduler=deterministic: counts are then the same each time");
    }
    check_throughput(state, options);
    if (options->clock == CLOCK_MANUAL && options->command != COMMAND_SCRIPT) {
        argp_error(state, "--clock=manual needs a script that advances the clock");
    }
    if (options->nbd_port != NULL && options->nbd_socket != NULL) {
        argp_error(state, "--nbd-port and --nbd-socket cannot be used together");
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    if (key == ARGP_KEY_ARG) {
        take_argument(state, options, text);
        return 0;
    }
    if (key == ARGP_KEY_END) {
        check_options(state, options);
        return 0;
    }
    return parse_disk_option(key, text, state, options) ||
                   parse_device_option(key, text, state, options) ||
                   parse_windows_option(key, text, state, options) ||
                   parse_machine_option(key, text, state, options) ||
                   parse_count_option(key, text, state, options) ||
                   parse_serve_option(key, text, state, options) ||
                   parse_output_option(key, text, state, options)
               ? 0
               : ARGP_ERR_UNKNOWN;
}

/* "Not given" for values whose default depends on others. */
#define UNSET UINT_MAX

static void set_defaults(struct options *options)
{
    memset(options, 0, sizeof(*options));
    options->driver = STORHOST_DEFAULT_DRIVER;
    options->qemu_img = "qemu-img";
    options->nbdkit = "nbdkit";
    options->socket = "storhost.sock";
    options->limit = 20000;
    options->scheduler = (enum cpu_mode)UNSET;
    options->clock = CLOCK_REAL_TIME;
    options->depth = 32;
    options->count.request_bytes = 4096;
    options->port.windows = 0; /* what the driver's port driver is usually part of */
    options->port.message_vectors = PORT_VECTORS_DEFAULT;
    options->port.srb_type = PORT_SRB_AUTO;
    options->port.seed = 1;
    options->port.timeout_seconds = 60;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp argp = {option_table, parse_option, arguments_text, description, NULL,
                                     NULL,         NULL};

    argp_program_version = "storhost " STORHOST_VERSION;
    argp_err_exit_status = USAGE_STATUS;
    set_defaults(options);
    argp_parse(&argp, argc, argv, 0, NULL, options);
    if (options->scheduler == (enum cpu_mode)UNSET) {
        bool deterministic = options->command == COMMAND_SCRIPT ||
                             options->command == COMMAND_COUNT ||
                             options->command == COMMAND_INTERLEAVE;

        options->scheduler = deterministic ? CPU_DETERMINISTIC : CPU_FREE;
    }
    if (!options->readings_given) {
        options->readings = options->port.seed;
    }
    if (options->processors == 0) {
        options->processors = options->command == COMMAND_INTERLEAVE ? 1 : 2;
        if (options->command == COMMAND_THROUGHPUT) {
            options->processors = options->queues != 0 ? options->queues : 1;
        }
    }
}

const struct options *options_with_dpcs_that_stay(const struct options *options)
{
    static struct options staying;

    staying = *options;
    staying.port.dpcs_stay = true;
    return &staying;
}
