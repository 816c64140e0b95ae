/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPCs of the driver. A DPC object is in at most one queue; it runs at DISPATCH_LEVEL on the
 * processor that issued it (or its target) with none of its locks held, and may be issued again
 * while it runs, then also to run on another processor at the same time.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>

void dpcs_late(struct port *port)
{
    for (struct dpc *dpc = port->storport->dpcs; dpc != NULL; dpc = dpc->next) {
        if (dpc->issued && !atomic_exchange(&dpc->queued, true)) {
            cpu_queue(cpu_count() - 1, &dpc->work);
        }
    }
}

struct dpc *dpc_find(struct port *port, const void *object)
{
    struct dpc *dpc;

    for (dpc = __atomic_load_n(&port->storport->dpcs, __ATOMIC_ACQUIRE); dpc != NULL;
         dpc = dpc->next) {
        if (dpc->object == object) {
            break;
        }
    }
    return dpc;
}

static void run(void *context)
{
    struct dpc *dpc = context;
    struct port *port = dpc->port;
    PVOID argument1 = dpc->argument1, argument2 = dpc->argument2;
    struct frame frame;

    atomic_store(&dpc->queued, false);
    if (port->state == ADAPTER_GONE) {
        return;
    }
    __atomic_fetch_add(&port->counters.dpcs, 1, __ATOMIC_RELAXED);
    entry_begin(&frame, port, ENTRY_DPC, 0, NULL);
    dpc->routine(dpc->object, port->extension, argument1, argument2);
    entry_end(&frame);
}

/* The phases in which DPCs may be made: the reference names HwStorInitialize and the passive
 * initialization routine; a restart repeats them. */
static void check_phase(const struct port *port)
{
    if (port->state != ADAPTER_INITIALIZING && port->state != ADAPTER_FINDING &&
        !entry_inside(ENTRY_ADAPTER_CONTROL)) {
        violation(RULE_PHASE, "StorPortInitializeDpc called outside of initialization");
    }
}

void dpc_initialize(struct port *port, PSTOR_DPC object, PHW_DPC_ROUTINE routine, bool threaded)
{
    struct dpc *dpc = dpc_find(port, object);

    check_phase(port);
    if (object == NULL || routine == NULL) {
        violation(RULE_ARGUMENT, "StorPortInitializeDpc without an object or a routine");
    }
    if (dpc == NULL) {
        dpc = calloc(1, sizeof(*dpc));
        if (dpc == NULL) {
            fatal("out of memory");
        }
        dpc->port = port;
        dpc->object = object;
        dpc->target = -1;
        port_lock_init(port, &dpc->lock, LOCK_DPC, "DPC");
        dpc->next = port->storport->dpcs;
        __atomic_store_n(&port->storport->dpcs, dpc, __ATOMIC_RELEASE);
    }
    dpc->routine = routine;
    dpc->threaded = threaded;
    dpc->work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = run, .context = dpc, .name = "HwDpcRoutine"};
    object->Dpc.DeferredRoutine = (PVOID)routine;
    object->Dpc.DeferredContext = port->extension;
}

bool dpc_issue(struct port *port, PSTOR_DPC object, PVOID argument1, PVOID argument2)
{
    struct dpc *dpc = dpc_find(port, object);
    int here = cpu_current();

    if (dpc == NULL) {
        if (port->options.refuse_dpc) {
            return false;
        }
        violation(RULE_ARGUMENT, "StorPortIssueDpc with %p, which is no initialized STOR_DPC",
                  (void *)object);
    }
    if (atomic_exchange(&dpc->queued, true)) {
        return false;
    }
    dpc->argument1 = argument1;
    dpc->argument2 = argument2;
    dpc->issued |= entry_inside(ENTRY_MESSAGE) || entry_inside(ENTRY_INTERRUPT);
    if (dpc->target >= 0) {
        here = dpc->target;
    } else if ((port->storport->perf_flags & STOR_PERF_DPC_REDIRECTION) != 0 && cpu_count() > 1 &&
               !port->options.dpcs_stay) {
        /* The reference does not promise where. What it wants is the processor that the requests came
         * from, which is where the message of a queue comes. */
        here = (int)port_random(port, cpu_count());
    }
    cpu_queue(here < 0 ? 0 : (unsigned)here, &dpc->work);
    return true;
}

bool dpc_set_target(struct port *port, PSTOR_DPC object, unsigned processor)
{
    struct dpc *dpc = dpc_find(port, object);

    if (dpc == NULL || processor >= cpu_count()) {
        return false;
    }
    dpc->target = (int)processor;
    return true;
}

void dpcs_free(struct port *port)
{
    while (port->storport->dpcs != NULL) {
        struct dpc *dpc = port->storport->dpcs;

        port->storport->dpcs = dpc->next;
        free(dpc);
    }
}
