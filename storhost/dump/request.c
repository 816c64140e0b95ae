/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request in dump mode: built as the StorPort model builds its own, given to HwBuildIo and
 * HwStartIo, and waited for by calling HwInterrupt:
 *
 *     StartIo -> completed?  -yes--> done
 *                   |no
 *                   v
 *                HwInterrupt, stall  -- 10 seconds --> HwResetBus -- 10 seconds --> broken
 */
#include "dump/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <srb.h>

/* Lets the device work: a step of one that works in steps; real time for any other. */
static void let_device_work(struct dump *dump, unsigned polls)
{
    struct device *device = dump->context.device;
    const uint32_t microseconds =
        polls < DUMP_POLLS_UNTIL_LONG ? DUMP_POLL_MICROSECONDS : DUMP_LONG_POLL_MICROSECONDS;
    const struct timespec pause = {.tv_nsec = (long)microseconds * 1000};

    if (observer_works_in_steps(device)) {
        device->ops->idle(device);
    } else {
        nanosleep(&pause, NULL);
    }
    clock_stall(microseconds);
}

static void call_interrupt(struct dump *dump)
{
    dump->facts.polls++;
    dump_call_begin(dump, "HwInterrupt");
    dump->miniport.interrupt(dump->port.extension);
    dump_call_end(dump);
}

static bool completed(const struct dump *dump)
{
    return dump->finished && (dump->next || !dump->service->needs_next_request);
}

/* Polls until the request is completed; false when its time is over. */
static bool poll_for_end(struct dump *dump)
{
    const uint64_t end = clock_now() + DUMP_TIMEOUT_SECONDS * UINT64_C(1000000);
    unsigned polls = 0;

    while (!completed(dump)) {
        if (clock_now() >= end) {
            return false;
        }
        call_interrupt(dump);
        if (!completed(dump)) {
            let_device_work(dump, polls++);
        }
    }
    return true;
}

/* The miniport gave the request up, and takes no other. */
static void check_next_request(struct dump *dump)
{
    rule_checked(RULE_DUMP);
    if (dump->finished && !completed(dump)) {
        violation(RULE_DUMP, "the dump copy completed a request and did not say that it takes "
                             "another (NextRequest, NextLuRequest): the dump ends here");
    }
}

static bool recover(struct dump *dump)
{
    struct device *device = dump->context.device;

    check_next_request(dump);
    device->ops->judge(device);
    dump->facts.timeouts++;
    dump->facts.bus_resets++;
    dump_call_begin(dump, "HwResetBus");
    dump->in_bus_reset = true;
    dump->miniport.reset_bus(dump->port.extension, 0);
    dump->in_bus_reset = false;
    dump_call_end(dump);
    return poll_for_end(dump);
}

static void call_start(struct dump *dump)
{
    const struct dump_miniport *miniport = &dump->miniport;
    void *srb = dump->request->srb;
    bool go_on = true;

    if (miniport->build_io != NULL) {
        dump_call_begin(dump, "HwBuildIo");
        go_on = miniport->build_io(dump->port.extension, srb) != FALSE;
        dump_call_end(dump);
    }
    if (!go_on) {
        return;
    }
    if (dump->finished) {
        violation(RULE_SRB_STATUS, "HwBuildIo completed a request and returned TRUE, which sends "
                                   "it to HwStartIo");
    }
    dump_call_begin(dump, "HwStartIo");
    if (miniport->start_io(dump->port.extension, srb) == FALSE && !dump->finished) {
        dump->request->io->srb_status = SRB_STATUS_BUSY;
        data_end(dump->request);
        dump->finished = dump->next = true;
    }
    dump_call_end(dump);
}

static struct request *make_request(struct dump *dump, struct port_io *io)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        fatal("out of memory");
    }
    request->port = &dump->port;
    request->io = io;
    request->unit = &dump->unit;
    request->kind = REQUEST_IO;
    request->timeout = DUMP_TIMEOUT_SECONDS;
    request->bypass = true;
    request->summary = (struct request_summary){
        .function = io->function, .cdb_length = io->cdb_length < 16 ? io->cdb_length : 16};
    memcpy(request->summary.cdb, io->cdb, request->summary.cdb_length);
    return request;
}

static void fail(struct port_io *io, uint8_t status)
{
    io->srb_status = status;
    io->scsi_status = 0;
    io->sense_length = 0;
    io->transferred = 0;
}

void request_run(struct dump *dump, struct port_io *io)
{
    struct request *request;

    if (dump->phase == DUMP_BROKEN) {
        fail(io, SRB_STATUS_TIMEOUT);
        return;
    }
    request = make_request(dump, io);
    if (io->data_length > dump->port.maximum_transfer || !srb_build(request)) {
        fail(io, SRB_STATUS_INVALID_REQUEST);
        srb_free(request);
        free(request);
        return;
    }
    if (reading_now(READING_DUMP_POLLS_IDLE, &dump->port)) {
        call_interrupt(dump);
    }
    dump->facts.requests++;
    dump->finished = dump->next = false;
    dump->request = request;
    fail(io, SRB_STATUS_PENDING);
    call_start(dump);
    if (!poll_for_end(dump) && !recover(dump)) {
        check_next_request(dump);
        dump->phase = DUMP_BROKEN; /* the request stays the copy's, and its memory */
        fail(io, SRB_STATUS_TIMEOUT);
        return;
    }
    dump->request = NULL;
    srb_free(request);
    free(request);
}

/* ---- out of the copy ------------------------------------------------------------------------- */

void *dump_current_srb(const struct dump *dump)
{
    return dump->request != NULL && !dump->finished ? dump->request->srb : NULL;
}

void dump_request_complete(struct dump *dump, void *srb)
{
    rule_checked(RULE_SRB_NOT_OWNED);
    rule_checked(RULE_SRB_TWICE);
    if (srb == NULL || srb != dump_current_srb(dump)) {
        violation(srb != NULL && srb == dump->completed ? RULE_SRB_TWICE : RULE_SRB_NOT_OWNED,
                  "RequestComplete for %p, which is no SRB that the dump copy has", srb);
    }
    observer_walk(dump->context.device);
    dump->completed = srb;
    srb_take(dump->request);
    dump->finished = true;
}

void dump_next_request(struct dump *dump)
{
    dump->next = true;
}
