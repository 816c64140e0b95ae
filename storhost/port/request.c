/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request's way: queued at its unit, admitted when depth and gates allow, given to the driver on a
 * processor, the driver's until RequestComplete, told above by a work item.
 *
 * The states are in one place, request->state, changed only under the port's mutex:
 *
 *   QUEUED -> ADMITTED -> OWNED -> FINISHED
 *      ^         |          |
 *      |         v          v busy: a new request for the same io, after a pause
 *      +--- gate closed     QUEUED
 */
#include "port/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <srb.h>

static void start(void *context);
static void tell_above(void *context);

/* ---- finding --------------------------------------------------------------------------------- */

static unsigned bucket_of(const void *srb)
{
    return (unsigned)(((uintptr_t)srb >> 4) * 2654435761u >> 8) % REQUEST_BUCKETS;
}

struct request *request_find(struct port *port, const void *srb)
{
    struct request *request;

    /* What the driver owns stays the same while rules are off: quick requests. */
    if (rules_are_off()) {
        request = port->buckets[bucket_of(srb)];
        while (request != NULL && request->srb != srb) {
            request = request->hash_next;
        }
        return request;
    }
    pthread_mutex_lock(&port->mutex);
    request = port->buckets[bucket_of(srb)];
    while (request != NULL && request->srb != srb) {
        request = request->hash_next;
    }
    pthread_mutex_unlock(&port->mutex);
    return request;
}

/* Whether the driver had completed an SRB at this address not long ago. */
static bool finished_before(struct port *port, const void *srb)
{
    bool found = false;

    pthread_mutex_lock(&port->mutex);
    for (unsigned i = 0; i < FINISHED_REMEMBERED; i++) {
        found |= port->finished[i].srb == srb && srb != NULL;
    }
    pthread_mutex_unlock(&port->mutex);
    return found;
}

struct request *request_of(struct port *port, const void *srb, const char *what)
{
    struct request *request = request_find(port, srb);

    rule_checked(RULE_SRB_NOT_OWNED);
    rule_checked(RULE_SRB_TWICE);
    if (request != NULL) {
        return request;
    }
    if (finished_before(port, srb)) {
        if (strcmp(what, "RequestComplete") == 0) {
            violation(RULE_SRB_TWICE, "%s for the SRB %p, which is already completed", what, srb);
        }
        violation(RULE_SRB_NOT_OWNED, "%s for the SRB %p, which is already completed", what, srb);
    }
    violation(RULE_SRB_NOT_OWNED, "%s for %p, which is no SRB of the driver's", what, srb);
}

void request_own(struct port *port, struct request *request)
{
    unsigned bucket = bucket_of(request->srb);

    request->state = REQUEST_OWNED;
    request->hash_next = port->buckets[bucket];
    port->buckets[bucket] = request;
    request->live_next = port->live;
    request->live_link = &port->live;
    if (port->live != NULL) {
        port->live->live_link = &request->live_next;
    }
    port->live = request;
    for (unsigned i = 0; i < FINISHED_REMEMBERED; i++) {
        if (port->finished[i].srb == request->srb) {
            port->finished[i].srb = NULL;
        }
    }
}

bool request_disown(struct port *port, struct request *request)
{
    struct request **link = &port->buckets[bucket_of(request->srb)];

    if (request->state != REQUEST_OWNED) {
        return false;
    }
    request->state = REQUEST_FINISHED;
    while (*link != request) {
        link = &(*link)->hash_next;
    }
    *link = request->hash_next;
    *request->live_link = request->live_next;
    if (request->live_next != NULL) {
        request->live_next->live_link = request->live_link;
    }
    port->finished[port->finished_count++ % FINISHED_REMEMBERED].srb = request->srb;
    return true;
}

/* ---- making and queueing --------------------------------------------------------------------- */

struct request *request_new(struct port *port, struct port_io *io, enum request_kind kind)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        fatal("out of memory");
    }
    request->port = port;
    request->io = io;
    request->kind = kind;
    request->references = 1;
    request->summary = (struct request_summary){
        .function = io->function,
        .path = io->path,
        .target = io->target,
        .lun = io->lun,
        .cdb_length = io->cdb_length < 16 ? io->cdb_length : 16,
    };
    memcpy(request->summary.cdb, io->cdb, request->summary.cdb_length);
    request->timeout =
        io->timeout_seconds != 0 ? io->timeout_seconds : port->options.timeout_seconds;
    request->bypass = kind == REQUEST_RESET || io->function == SRB_FUNCTION_PNP ||
                      io->function == SRB_FUNCTION_POWER;
    request->passes_lock =
        io->function == SRB_FUNCTION_FLUSH || io->function == SRB_FUNCTION_SHUTDOWN;
    request->unit =
        io->adapter ? &port->adapter_unit : unit_at(port, io->path, io->target, io->lun, true);
    return request;
}

void request_release(struct request *request)
{
    if (atomic_fetch_sub(&request->references, 1) == 1) {
        srb_free(request);
        free(request);
    }
}

static unsigned choose_processor(struct port *port, const struct request *request)
{
    if (request->io->processor >= 0 && (unsigned)request->io->processor < cpu_count()) {
        return (unsigned)request->io->processor;
    }
    return port_random(port, cpu_count());
}

/* Mutex held. */
static bool gate_open(const struct queue_gate *gate, const struct request *request)
{
    return !gate->busy && !gate->paused && gate->held == 0 &&
           (!gate->locked || request->passes_lock);
}

static bool gates_open(const struct port *port, const struct request *request)
{
    return request->bypass ||
           (gate_open(&port->gate, request) && gate_open(&request->unit->gate, request));
}

static bool may_go(const struct port *port, const struct request *request)
{
    const struct unit *unit = request->unit;

    if (request->bypass) {
        return true;
    }
    return gates_open(port, request) && port->outstanding < port->max_number_of_io &&
           unit->outstanding < unit->depth &&
           (port->model->takes == NULL || port->model->takes(port, request));
}

/* Takes from one unit's queue what may go, onto *list. Mutex held. */
static void admit_from(struct port *port, struct unit *unit, struct request ***last)
{
    struct request **link = &unit->queue_first;

    while (*link != NULL) {
        struct request *request = *link;

        if (!may_go(port, request)) {
            link = &request->next; /* those that bypass may stand behind */
            continue;
        }
        *link = request->next;
        if (unit->queue_last == &request->next) {
            unit->queue_last = link;
        }
        request->next = NULL;
        request->state = REQUEST_ADMITTED;
        unit->outstanding++;
        port->outstanding++;
        if (port->model->admitted != NULL) {
            port->model->admitted(request);
        }
        **last = request;
        *last = &request->next;
    }
}

void requests_admit(struct port *port)
{
    struct request *list = NULL, **last = &list;

    pthread_mutex_lock(&port->mutex);
    admit_from(port, &port->adapter_unit, &last);
    for (struct unit *unit = port->units; unit != NULL; unit = unit->next) {
        admit_from(port, unit, &last);
    }
    pthread_mutex_unlock(&port->mutex);
    while (list != NULL) {
        struct request *request = list;

        list = request->next;
        request->work = (struct cpu_work){
            .irql = IRQL_DISPATCH, .run = start, .context = request, .name = "HwStartIo"};
        request->processor = choose_processor(port, request);
        cpu_queue(request->processor, &request->work);
    }
}

static void enqueue(struct request *request)
{
    struct port *port = request->port;

    pthread_mutex_lock(&port->mutex);
    request->state = REQUEST_QUEUED;
    request->next = NULL;
    *request->unit->queue_last = request;
    request->unit->queue_last = &request->next;
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
}

/* An admitted request that finds its gate closed goes back to the head. */
static bool put_back(struct request *request)
{
    struct port *port = request->port;
    struct unit *unit = request->unit;
    bool back;

    pthread_mutex_lock(&port->mutex);
    back = !gates_open(port, request);
    if (back) {
        request->state = REQUEST_QUEUED;
        request->next = unit->queue_first;
        if (unit->queue_first == NULL) {
            unit->queue_last = &request->next;
        }
        unit->queue_first = request;
        unit->outstanding--;
        port->outstanding--;
        if (port->model->withdrawn != NULL) {
            port->model->withdrawn(request);
        }
    }
    pthread_mutex_unlock(&port->mutex);
    if (back) {
        requests_admit(port); /* its place is free for one that passes the gate */
    }
    return back;
}

/* ---- into the driver ------------------------------------------------------------------------- */

bool request_call_start_io(struct request *request, bool locked)
{
    struct port *port = request->port;
    struct start_io_hold hold = {0};
    struct frame frame;
    bool result;

    if (locked) {
        hold_start_io(port, &hold);
    }
    if (!rules_are_off()) {
        request->call_order = __atomic_add_fetch(&port->sequence, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&port->counters.startios, 1, __ATOMIC_RELAXED);
    }
    entry_begin(&frame, port, ENTRY_START_IO, 0, request);
    result = port->entries.start_io(port->extension, request->srb) != FALSE;
    entry_end(&frame);
    if (!rules_are_off()) {
        request->start_order = __atomic_add_fetch(&port->sequence, 1, __ATOMIC_SEQ_CST);
    }
    request->started = true;
    if (locked) {
        drop_start_io(port, &hold);
    }
    return result;
}

/* Arms the port's timer for this request's TimeOutValue. Mutex held. */
static void set_deadline(struct request *request, uint64_t microseconds);

/* Hands a request that is over to this processor's completion work. */
static void finish(struct request *request)
{
    struct port *port = request->port;
    unsigned here = cpu_current() < 0 ? 0 : (unsigned)cpu_current();

    pthread_mutex_lock(&port->mutex);
    request->state = REQUEST_FINISHED;
    request->next = NULL;
    if (port->done[here].first == NULL) {
        port->done[here].last = &port->done[here].first;
    }
    *port->done[here].last = request;
    port->done[here].last = &request->next;
    if (!port->done[here].queued) {
        port->done[here].queued = true;
        port->done[here].work = (struct cpu_work){
            .irql = IRQL_DISPATCH, .run = tell_above, .context = port, .name = "completion"};
        pthread_mutex_unlock(&port->mutex);
        cpu_queue(here, &port->done[here].work);
        return;
    }
    pthread_mutex_unlock(&port->mutex);
}

/* The same for one that the driver has not completed: not accepted, or impossible to build. */
static void finish_unstarted(struct request *request, uint8_t status)
{
    request->io->srb_status = status;
    request->io->scsi_status = 0;
    request->io->sense_length = 0;
    request->io->transferred = 0;
    finish(request);
}

void request_not_accepted(struct request *request)
{
    struct port *port = request->port;
    bool mine;

    if (request->original != NULL) {
        request->state = REQUEST_FINISHED;
        request->io->srb_status = SRB_STATUS_BUSY;
        request->io->done(request->io);
        return;
    }
    pthread_mutex_lock(&port->mutex);
    mine = request_disown(port, request);
    pthread_mutex_unlock(&port->mutex);
    if (mine) {
        data_end(request);
        finish_unstarted(request, SRB_STATUS_BUSY);
    }
}

static void withdraw(struct request *request)
{
    struct port *port = request->port;

    if (port->model->withdrawn != NULL) {
        pthread_mutex_lock(&port->mutex);
        port->model->withdrawn(request);
        pthread_mutex_unlock(&port->mutex);
    }
}

static void start(void *context)
{
    struct request *request = context;
    struct port *port = request->port;

    if (port->state == ADAPTER_REMOVED && !request->bypass) {
        withdraw(request);
        finish_unstarted(request, SRB_STATUS_NO_DEVICE);
        return;
    }
    if (put_back(request)) {
        return;
    }
    if (port->state == ADAPTER_GONE || !srb_build(request)) {
        withdraw(request);
        finish_unstarted(request, port->state == ADAPTER_GONE ? SRB_STATUS_NO_HBA
                                                              : SRB_STATUS_INVALID_REQUEST);
        return;
    }
    atomic_fetch_add(&request->references, 1);
    pthread_mutex_lock(&port->mutex);
    request_own(port, request);
    set_deadline(request, (uint64_t)request->timeout * 1000000);
    pthread_mutex_unlock(&port->mutex);
    port->model->start(request);
    request_release(request);
}

/* ---- out of the driver ----------------------------------------------------------------------- */

void request_complete(struct port *port, struct request *request)
{
    bool mine;

    if (request->original != NULL) {
        quick_complete(request);
        return;
    }
    if (port->device != NULL) {
        observer_walk(port->device);
    }
    if (request->kind == REQUEST_RESET) {
        reset_check_covered(request);
    }
    pthread_mutex_lock(&port->mutex);
    mine = request_disown(port, request);
    pthread_mutex_unlock(&port->mutex);
    if (!mine) {
        violation(RULE_SRB_TWICE, "the SRB %p is completed on two processors", request->srb);
    }
    srb_take(request);
    finish(request);
}

static void count(struct port *port, const struct port_io *io)
{
    pthread_mutex_lock(&port->mutex);
    port->counters.requests++;
    if (request_is_read_write(io) && io->direction == PORT_DATA_IN) {
        port->counters.reads++;
        port->counters.bytes_read += io->transferred;
    } else if (request_is_read_write(io) && io->direction == PORT_DATA_OUT) {
        port->counters.writes++;
        port->counters.bytes_written += io->transferred;
    }
    pthread_mutex_unlock(&port->mutex);
}

/* Its place in depth is free again. */
static void leave(struct request *request)
{
    struct port *port = request->port;

    pthread_mutex_lock(&port->mutex);
    request->unit->outstanding--;
    port->outstanding--;
    request->unit->last_completion = clock_now();
    if (port->model->left != NULL) {
        port->model->left(request);
    }
    queue_gate_completed(&request->unit->gate);
    queue_gate_completed(&port->gate);
    pthread_mutex_unlock(&port->mutex);
}

/* A busy answer costs a new SRB and a pause. */
static void try_again(struct request *request)
{
    struct port *port = request->port;
    struct request *again = request_new(port, request->io, request->kind);

    again->attempts = request->attempts + 1;
    again->finished = request->finished;
    pthread_mutex_lock(&port->mutex);
    port->counters.busy++;
    again->next = port->retries;
    port->retries = again;
    set_deadline(again, port->model->busy_microseconds);
    pthread_mutex_unlock(&port->mutex);
    request_release(request);
}

static void tell_one(struct request *request)
{
    struct port *port = request->port;
    struct port_io *io = request->io;
    bool *finished = request->finished;

    leave(request);
    if (request->kind == REQUEST_RESET) {
        reset_request_done(request);
        return;
    }
    if (port->model->answered_busy(io) && request->attempts < port->model->busy_attempts &&
        port->state == ADAPTER_RUNNING) {
        try_again(request);
        return;
    }
    count(port, io);
    request_release(request);
    if (io->done != NULL && finished == NULL) {
        io->done(io);
    }
    pthread_mutex_lock(&port->mutex);
    if (finished != NULL) {
        *finished = true;
    }
    port->unfinished--;
    pthread_cond_broadcast(&port->changed);
    pthread_mutex_unlock(&port->mutex);
}

static void tell_above(void *context)
{
    struct port *port = context;
    unsigned here = (unsigned)cpu_current();
    struct request *list;

    pthread_mutex_lock(&port->mutex);
    list = port->done[here].first;
    port->done[here].first = NULL;
    port->done[here].queued = false;
    pthread_mutex_unlock(&port->mutex);
    while (list != NULL) {
        struct request *request = list;

        list = request->next;
        tell_one(request);
    }
    requests_admit(port);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void set_deadline(struct request *request, uint64_t microseconds)
{
    struct port *port = request->port;
    uint64_t now = clock_now();

    request->deadline = now + microseconds;
    if (!port->request_timer.armed || port->request_timer.due > request->deadline) {
        clock_arm(&port->request_timer, microseconds);
    }
}

/* When a request's time is over. Mutex held. */
static uint64_t time_over(const struct request *request)
{
    uint64_t again = request->unit->last_completion + (uint64_t)request->timeout * 1000000;

    return request->port->model->times_units && again > request->deadline ? again
                                                                          : request->deadline;
}

void requests_wait_again(struct port *port)
{
    pthread_mutex_lock(&port->mutex);
    for (struct request *request = port->live; request != NULL; request = request->live_next) {
        if (request->timed_out && request->kind == REQUEST_IO) {
            request->timed_out = false;
            set_deadline(request, (uint64_t)request->timeout * 1000000);
        }
    }
    pthread_mutex_unlock(&port->mutex);
}

/* Takes one request whose time is over, or NULL; *next gets the earliest deadline left. */
static struct request *take_expired(struct port *port, uint64_t now, uint64_t *next)
{
    *next = UINT64_MAX;
    for (struct request *request = port->live; request != NULL; request = request->live_next) {
        uint64_t over = time_over(request);

        if (request->timed_out) {
            continue;
        }
        if (over <= now) {
            request->timed_out = true;
            atomic_fetch_add(&request->references, 1);
            return request;
        }
        if (over < *next) {
            *next = over;
        }
    }
    return NULL;
}

static struct request *take_retry(struct port *port, uint64_t now, uint64_t *next)
{
    for (struct request **link = &port->retries; *link != NULL; link = &(*link)->next) {
        struct request *request = *link;

        if (request->deadline <= now) {
            *link = request->next;
            return request;
        }
        if (request->deadline < *next) {
            *next = request->deadline;
        }
    }
    return NULL;
}

/* At DISPATCH_LEVEL on a processor: what has become due. */
static void look_at_deadlines(void *context)
{
    struct port *port = context;
    struct request *expired, *retry;
    uint64_t next;

    atomic_store(&port->request_timer_queued, false);
    do {
        uint64_t now = clock_now();

        pthread_mutex_lock(&port->mutex);
        expired = take_expired(port, now, &next);
        retry = expired == NULL ? take_retry(port, now, &next) : NULL;
        pthread_mutex_unlock(&port->mutex);
        if (expired != NULL) {
            reset_expired(expired);
            request_release(expired);
        } else if (retry != NULL) {
            enqueue(retry);
        }
    } while (expired != NULL || retry != NULL);
    if (next != UINT64_MAX) {
        uint64_t now = clock_now();

        clock_arm(&port->request_timer, next > now ? next - now : 1);
    }
}

static void request_timer_fired(void *context)
{
    struct port *port = context;

    if (!atomic_exchange(&port->request_timer_queued, true)) {
        /* Not on a processor that hangs (clock_hang), which is when this one may be it. */
        cpu_queue(cpu_current() == 0 && cpu_count() > 1 ? 1 : 0, &port->request_timer_work);
    }
}

void requests_timers_init(struct port *port)
{
    port->request_timer.fire = request_timer_fired;
    port->request_timer.context = port;
    port->request_timer_work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = look_at_deadlines, .context = port, .name = "timeouts"};
}

/* ---- the outside ----------------------------------------------------------------------------- */

void request_send(struct request *request)
{
    enqueue(request);
}

static void submit(struct port *port, struct port_io *io, bool *finished)
{
    struct request *request;

    if (port->model->answers != NULL && port->model->answers(port, io)) {
        if (io->done != NULL && finished == NULL) {
            io->done(io);
        }
        if (finished != NULL) {
            *finished = true;
        }
        return;
    }
    request = request_new(port, io, REQUEST_IO);
    request->finished = finished;
    io->srb_status = SRB_STATUS_PENDING;
    pthread_mutex_lock(&port->mutex);
    port->unfinished++;
    pthread_mutex_unlock(&port->mutex);
    enqueue(request);
}

void port_submit(struct port *port, struct port_io *io)
{
    submit(port, io, NULL);
}

void port_execute(struct port *port, struct port_io *io)
{
    bool finished = false;

    if (cpu_current() >= 0) {
        fatal("port_execute on a processor thread: it would wait for itself");
    }
    submit(port, io, &finished);
    pthread_mutex_lock(&port->mutex);
    while (!finished) {
        pthread_cond_wait(&port->changed, &port->mutex);
    }
    pthread_mutex_unlock(&port->mutex);
}

bool requests_wait(struct port *port, unsigned milliseconds)
{
    struct timespec end;
    int error = 0;
    bool empty;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&port->mutex);
    while (port->unfinished != 0 && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&port->changed, &port->mutex, &end);
    }
    empty = port->unfinished == 0;
    pthread_mutex_unlock(&port->mutex);
    return empty;
}

void drain_owned(struct port *port, const char *before)
{
    rule_checked(RULE_LOST_REQUEST);
    /* Real time: a device that answers does so well within it. */
    for (unsigned waited = 0; waited < 60000; waited++) {
        bool empty;

        pthread_mutex_lock(&port->mutex);
        empty = port->outstanding == 0;
        pthread_mutex_unlock(&port->mutex);
        if (empty) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    violation(RULE_LOST_REQUEST, "%u requests are still outstanding before %s", port->outstanding,
              before);
}

/* Takes all that is queued in one unit, or NULL. Mutex held. */
static struct request *take_queue(struct unit *unit)
{
    struct request *list = unit->queue_first;

    unit->queue_first = NULL;
    unit->queue_last = &unit->queue_first;
    for (struct request *request = list; request != NULL; request = request->next) {
        unit->outstanding++; /* as if admitted: finishing takes it off again */
        unit->port->outstanding++;
    }
    return list;
}

struct flush {
    struct port *port;
    uint8_t status;
};

/* Those that wait to be tried again go back into their queues. */
static void requeue_retries(struct port *port)
{
    struct request *list;

    pthread_mutex_lock(&port->mutex);
    list = port->retries;
    port->retries = NULL;
    pthread_mutex_unlock(&port->mutex);
    while (list != NULL) {
        struct request *request = list;

        list = request->next;
        enqueue(request);
    }
}

static void flush_queued(void *context)
{
    const struct flush *flush = context;

    requeue_retries(flush->port);
    for (struct unit *unit = flush->port->units; unit != NULL; unit = unit->next) {
        struct request *list;

        pthread_mutex_lock(&flush->port->mutex);
        list = take_queue(unit);
        pthread_mutex_unlock(&flush->port->mutex);
        while (list != NULL) {
            struct request *request = list;

            list = request->next;
            finish_unstarted(request, flush->status);
        }
    }
}

void requests_flush_queued(struct port *port, uint8_t status)
{
    struct flush flush = {.port = port, .status = status};

    cpu_call(0, IRQL_DISPATCH, flush_queued, &flush, "flush of the queues");
}

bool port_drain(struct port *port, unsigned milliseconds)
{
    return requests_wait(port, milliseconds);
}

unsigned requests_owned_before(struct port *port, const struct unit *unit, uint64_t order,
                               struct request **first)
{
    unsigned found = 0;

    pthread_mutex_lock(&port->mutex);
    for (struct request *request = port->live; request != NULL; request = request->live_next) {
        if (request->started && request->start_order < order &&
            (unit == NULL || request->unit == unit)) {
            if (found++ == 0 && first != NULL) {
                *first = request;
            }
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return found;
}

static bool address_matches(const struct request *request, uint8_t path, uint8_t target,
                            uint8_t lun)
{
    const struct port_io *io = request->io;

    return (path == SP_UNTAGGED || path == io->path) &&
           (target == SP_UNTAGGED || target == io->target) &&
           (lun == SP_UNTAGGED || lun == io->lun);
}

void requests_complete_all(struct port *port, uint8_t path, uint8_t target, uint8_t lun,
                           uint8_t status)
{
    struct request *request;

    do {
        pthread_mutex_lock(&port->mutex);
        request = port->live;
        while (request != NULL && !address_matches(request, path, target, lun)) {
            request = request->live_next;
        }
        if (request != NULL) {
            atomic_fetch_add(&request->references, 1);
        }
        pthread_mutex_unlock(&port->mutex);
        if (request != NULL) {
            SCSI_REQUEST_BLOCK *srb = request->srb;

            srb->SrbStatus = status;
            if (request->extended) {
                ((STORAGE_REQUEST_BLOCK *)request->srb)->DataTransferLength = 0;
            } else {
                srb->DataTransferLength = 0;
            }
            request_complete(port, request);
            request_release(request);
        }
    } while (request != NULL);
}
