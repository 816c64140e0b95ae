/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a dump copy: loaded, made ready, ended; and what reports say of it. See dump.h. */
#include "dump/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <srb.h>

#include "kernel/exports.h"
#include "machine/barrier.h"

/* The copy whose code runs on the processor that is left. */
static struct dump *active;

/* ---- reports --------------------------------------------------------------------------------- */

static void print_context(void *unused)
{
    char text[256];

    (void)unused;
    if (active == NULL || active->entry == NULL) {
        return;
    }
    fprintf(stderr, "  in %s of the dump copy", active->entry);
    if (active->export_name != NULL) {
        if (!trap_describe_code(active->export_caller, text, sizeof(text))) {
            snprintf(text, sizeof(text), "%p", active->export_caller);
        }
        fprintf(stderr, ", last export: %s, returning to %s", active->export_name, text);
    }
    fprintf(stderr, "\n");
}

static const char *prefix_of(const struct dump *dump)
{
    return dump->service != NULL ? dump->service->prefix : "";
}

void dump_forbidden(const struct dump *dump, const char *why)
{
    violation(RULE_DUMP, "%s%s called in dump mode: %s", prefix_of(dump), dump->export_name, why);
}

void dump_unknown(const struct dump *dump, const char *what, unsigned number)
{
    violation(RULE_UNKNOWN_CODE, "%s%s with the unknown %s 0x%x", prefix_of(dump),
              dump->export_name, what, number);
}

void dump_overrun(const struct dump *dump)
{
    (void)dump;
    violation(RULE_MEMORY, "the dump copy reports BufferOverrunDetected");
}

/* ---- into the copy and back ------------------------------------------------------------------ */

void dump_call_begin(struct dump *dump, const char *entry)
{
    dump->entry = entry;
    dump->export_name = NULL;
    thunk_enter_driver();
}

void dump_call_end(struct dump *dump)
{
    rule_checked(RULE_IRQL);
    if (cpu_irql() != IRQL_HIGH) {
        violation(RULE_IRQL, "%s of the dump copy returned at IRQL %u, not at HIGH_LEVEL",
                  dump->entry, cpu_irql());
    }
    observer_walk(dump->context.device);
    dump->entry = NULL;
}

struct dump *dump_enter(const char *name, const void *extension, const void *caller)
{
    struct dump *dump = active;

    if (dump == NULL) {
        violation(RULE_DUMP, "%s of the dump port driver called while no dump is written", name);
    }
    dump->export_name = name;
    dump->export_caller = caller;
    rule_checked(RULE_DUMP);
    if (extension != NULL && extension != dump->port.extension) {
        violation(RULE_ARGUMENT, "%s%s: %p is not the device extension of the dump copy",
                  prefix_of(dump), name, extension);
    }
    return dump;
}

void dump_check_initialize(struct dump *dump, const void *argument1, const void *argument2)
{
    if (dump->phase != DUMP_LOADING) {
        violation(RULE_PHASE, "%s called outside of DriverEntry", dump->export_name);
    }
    if (argument1 != NULL || argument2 != NULL) {
        violation(RULE_ARGUMENT, "%s is not given DriverEntry's arguments, which are NULL",
                  dump->export_name);
    }
}

void dump_take_miniport(struct dump *dump, const struct dump_service *service,
                        const struct dump_miniport *miniport)
{
    dump->service = service;
    dump->miniport = *miniport;
}

/* ---- loading --------------------------------------------------------------------------------- */

static const struct dump_export *exports_of(const char *module)
{
    if (strcasecmp(module, "storport.sys") == 0) {
        return dump_storport_exports;
    }
    return strcasecmp(module, "scsiport.sys") == 0 ? dump_scsiport_exports : NULL;
}

/* The port driver's names lead to the dump port driver, the kernel's to the kernel. */
static void *resolve(void *context, const char *module, const char *name, const char **why)
{
    const struct dump *dump = context;
    const struct dump_export *export = exports_of(module);
    void *address = NULL;

    if (export == NULL) {
        address = kernel_resolve(module, name, why);
    } else {
        *why = "the dump port driver does not offer it";
        while (export->name != NULL && strcmp(export->name, name) != 0) {
            export ++;
        }
        if (export->name != NULL && export->since <= dump->context.options.windows) {
            address = thunk_of(export->function);
        }
    }
    if (address == NULL) {
        violation(RULE_IMPORT, "%s imports %s!%s for a dump: %s", dump->context.driver, module,
                  name, *why != NULL ? *why : "storhost does not offer it");
    }
    return address;
}

/* Windows names the copy after what it is for. */
static void name_image(struct dump *dump)
{
    char name[sizeof(dump->image.name)];

    snprintf(name, sizeof(name), "%s%.55s", dump->kind == DUMP_CRASH ? "dump_" : "hiber_",
             dump->image.name);
    memcpy(dump->image.name, name, sizeof(name));
}

static void ignore_message(void *context, unsigned vector)
{
    (void)context;
    (void)vector;
}

static void ignore_line(void *context, bool asserted)
{
    (void)context;
    (void)asserted;
}

static void on_died(void *context, const char *why)
{
    (void)context;
    fatal("the device is gone: %s", why);
}

/* The device was reset: from now on nothing of the frozen system is the device's. With the
 * observer's lock. Not in HwResetBus (reference, "Restrictions on Miniport Drivers that Manage the
 * Boot Drive", Bus resets). */
static void on_reset(void *context)
{
    struct dump *dump = context;

    rule_checked(RULE_DUMP);
    if (dump->kind == DUMP_MARK_MEMORY) {
        violation(RULE_DUMP, "the dump copy resets the device, which still serves the first copy "
                             "(DUMP_MODE_MARK_MEMORY)");
    }
    if (dump->in_bus_reset) {
        violation(RULE_DUMP, "the dump copy resets the device in HwResetBus; in a dump requests to "
                             "reset the bus are to be disregarded");
    }
    dump->reset = true;
    grants_freeze();
}

static void watch_device(struct dump *dump)
{
    struct device_events events = {
        .message = ignore_message, .line = ignore_line, .died = on_died, .context = dump};
    struct observer_facts facts;

    observer_get_facts(dump->context.device, &facts);
    dump->was_running = facts.status != 0;
    observer_on_reset(dump->context.device, on_reset, dump);
    if (dump->kind != DUMP_MARK_MEMORY) {
        device_set_events(dump->context.device, &events);
        if (!dump->was_running) {
            grants_freeze();
        }
    }
}

static struct dump *dump_new(const struct dump_context *context, enum dump_kind kind)
{
    static bool reports;
    struct dump *dump = calloc(1, sizeof(*dump));

    if (dump == NULL) {
        fatal("out of memory");
    }
    dump->context = *context;
    dump->kind = kind;
    dump->port.options = context->options;
    dump->port.device = context->device;
    dump->port.random = context->options.seed ^ (uint64_t)kind << 32;
    dump->unit.port = &dump->port;
    pthread_mutex_init(&dump->port.mutex, NULL);
    if (!reports) {
        reports = true;
        violation_add_context(print_context, NULL);
    }
    return dump;
}

/* ---- on the processor that is left ----------------------------------------------------------- */

struct start {
    struct dump *dump;
    char *error;
    size_t size;
    bool good;
};

static bool decline(struct start *start, const char *entry, const char *what, unsigned value)
{
    snprintf(start->error, start->size, "no dump can be written: %s%s%s 0x%x", entry, " returned",
             what, value);
    return false;
}

static bool call_driver_entry(struct start *start)
{
    struct dump *dump = start->dump;
    ULONG(NTAPI * entry)(void *, void *) = (void *)dump->image.entry;
    ULONG status;

    dump_call_begin(dump, "DriverEntry");
    status = entry(NULL, NULL);
    dump_call_end(dump);
    if (!NT_SUCCESS((NTSTATUS)status) || dump->service == NULL) {
        return decline(start, "DriverEntry", " or initialized nothing:", status);
    }
    return true;
}

static void make_extension(struct dump *dump)
{
    struct memory_request request = {.kind = MEMORY_UNCACHED_EXTENSION,
                                     .bytes = dump->miniport.extension_bytes,
                                     .alignment = 16,
                                     .contiguous = true,
                                     .name = "device extension of the dump copy"};

    if (request.bytes == 0) {
        request.bytes = 1;
    }
    dump->port.extension = memory_alloc(&request);
    if (dump->port.extension == NULL) {
        fatal("out of guest memory: give the machine more");
    }
    memset(dump->port.extension, 0, request.bytes);
}

/* Memory for something that the miniport is given, zeroed, with a fence right behind. */
static void *structure(size_t bytes, const char *name)
{
    struct memory_request request = {
        .kind = MEMORY_POOL, .bytes = bytes, .alignment = 8, .name = name};
    void *memory = memory_alloc(&request);

    if (memory == NULL) {
        fatal("out of guest memory: give the machine more");
    }
    return memset(memory, 0, bytes);
}

static bool call_find_adapter(struct start *start)
{
    static const char arguments[] = "dump=1";
    struct dump *dump = start->dump;
    char *text = structure(sizeof(arguments), "argument string");
    UCHAR *again = structure(sizeof(UCHAR), "Again");
    ULONG result;

    memcpy(text, arguments, sizeof(arguments));
    make_extension(dump);
    dump->service->config_build(dump);
    dump->phase = DUMP_FINDING;
    dump_call_begin(dump, "HwFindAdapter");
    result = dump->miniport.find_adapter(dump->port.extension, dump->miniport.context, NULL, text,
                                         dump->port.config, again);
    dump_call_end(dump);
    memory_free(text);
    memory_free(again);
    if (result != SP_RETURN_FOUND) {
        return decline(start, "HwFindAdapter", "", result);
    }
    return dump->service->config_accept(dump, start->error, start->size);
}

static bool call_initialize(struct start *start)
{
    struct dump *dump = start->dump;
    bool success;

    dump->phase = DUMP_INITIALIZING;
    dump_call_begin(dump, "HwInitialize");
    success = dump->miniport.initialize(dump->port.extension) != FALSE;
    dump_call_end(dump);
    if (!success) {
        return decline(start, "HwInitialize", " FALSE:", 0);
    }
    rule_checked(RULE_DUMP);
    if (dump->kind != DUMP_MARK_MEMORY && dump->was_running && !dump->reset) {
        violation(RULE_DUMP, "HwInitialize of the dump copy has returned and the device was not "
                             "reset: it still works with the rings of the first copy");
    }
    dump->phase = DUMP_READY;
    return true;
}

/* The dump port driver's own first command. */
static bool inquire(struct start *start)
{
    static const uint8_t cdb[6] = {0x12, 0, 0, 0, 36, 0};
    uint8_t data[36] = {0xff};
    struct port_io io = {.cdb_length = sizeof(cdb),
                         .direction = PORT_DATA_IN,
                         .data = data,
                         .data_length = sizeof(data)};

    memcpy(io.cdb, cdb, sizeof(cdb));
    request_run(start->dump, &io);
    if (io.srb_status != SRB_STATUS_SUCCESS && io.srb_status != SRB_STATUS_DATA_OVERRUN) {
        return decline(start, "INQUIRY", " SRB status", io.srb_status);
    }
    return data[0] == 0 || decline(start, "INQUIRY", " no disk:", data[0]);
}

static void run_start(void *context)
{
    struct start *start = context;
    struct dump *dump = start->dump;

    active = dump;
    start->good = call_driver_entry(start) && call_find_adapter(start) &&
                  (dump->kind == DUMP_MARK_MEMORY
                       ? !reading_is(READING_MARK_INITIALIZE) || call_initialize(start)
                       : call_initialize(start) && inquire(start));
}

/* Takes everything of a copy away. */
static void dump_free(struct dump *dump)
{
    observer_on_reset(dump->context.device, NULL, NULL);
    active = NULL;
    if (dump->request != NULL) {
        srb_free(dump->request);
        free(dump->request);
    }
    if (dump->port.uncached != NULL) {
        grant_end(dump->port.uncached_grant, false); /* what follows is a restart of the machine */
        memory_free(dump->port.uncached);
    }
    if (dump->region != NULL) {
        grant_end(dump->region_grant, false);
        memory_free(dump->region);
    }
    if (dump->port.extension_grant != NULL) {
        grant_end(dump->port.extension_grant, false);
    }
    memory_free(dump->port.extension);
    memory_free(dump->port.config);
    memory_free(dump->port.ranges);
    trap_remove_image(dump->image.base);
    pe_unload(&dump->image);
    pthread_mutex_destroy(&dump->port.mutex);
    free(dump);
}

struct dump *dump_start(const struct dump_context *context, enum dump_kind kind, char *error,
                        size_t error_size)
{
    struct dump *dump = dump_new(context, kind);
    struct start start = {.dump = dump, .error = error, .size = error_size};

    if (!pe_load(context->driver, resolve, dump, &dump->image, error, error_size)) {
        free(dump);
        return NULL;
    }
    name_image(dump);
    trap_add_image(dump->image.base, dump->image.size, dump->image.name);
    for (unsigned i = 0; i < dump->image.code_count; i++) {
        barrier_prepare_code(dump->image.code[i].first, dump->image.code[i].length);
    }
    watch_device(dump);
    crash_run(run_start, &start);
    grants_inspect_frozen();
    if (start.good) {
        return dump;
    }
    dump_free(dump);
    return NULL;
}

/* ---- requests and the end -------------------------------------------------------------------- */

struct execute {
    struct dump *dump;
    struct port_io *io;
};

static void run_execute(void *context)
{
    const struct execute *execute = context;

    request_run(execute->dump, execute->io);
}

void dump_execute(struct dump *dump, struct port_io *io)
{
    struct execute execute = {.dump = dump, .io = io};

    crash_run(run_execute, &execute);
    grants_inspect_frozen();
    grant_inspect_quarantine(false);
}

static bool finish_by(struct dump *dump, uint8_t function)
{
    struct port_io io = {.function = function};

    dump_execute(dump, &io);
    return io.srb_status == SRB_STATUS_SUCCESS;
}

bool dump_end(struct dump *dump)
{
    bool good = true;

    if (dump->port.caches_data && dump->phase == DUMP_READY) {
        good = finish_by(dump, SRB_FUNCTION_FLUSH);
        good = finish_by(dump, SRB_FUNCTION_SHUTDOWN) && good;
    }
    dump_free(dump);
    return good;
}

void dump_get_facts(const struct dump *dump, struct dump_facts *facts)
{
    *facts = dump->facts;
    facts->port = dump->service->name;
    facts->uncached_bytes = (uint32_t)dump->port.uncached_bytes;
    facts->common_bytes = facts->uncached_bytes + dump->miniport.extension_bytes +
                          (uint32_t)dump->port.srb_extension_bytes;
    facts->maximum_transfer_bytes = dump->port.maximum_transfer;
}
