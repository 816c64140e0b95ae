/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command interleave: runs one to three requests again and again, each time with the device's
 * steps at other places between the driver's accesses to ring memory, until every order was tried (or
 * a limit is reached), and tells if a request is lost in one of them.
 *
 * The device (the scripted one) works in pieces: it takes one chain, announces that it wants a
 * doorbell, looks once more; uses what it has taken, decides about an interrupt; the interrupt is
 * delivered. Before each access of the driver to what both sides read or write of the ring, and
 * whenever the processor is idle, each number of pieces is tried. So is the next request, when the
 * processor is idle.
 *
 * The choices of a run are a list of numbers. The next run repeats them up to the last one that can
 * be made otherwise, and makes that one otherwise: a depth-first search. Two orders that lead to the
 * same state go on in the same ways, so the second one is not followed any further. A state is what
 * the ring says, what the device has in hand, how many requests were sent and came back, and what the
 * driver has read of the ring since it was last idle; all of it counted from where the run began, as
 * a ring goes on. Pieces of taking and of using touch different memory, so that between two accesses of
 * the driver only one order of them is tried.
 */
#include "ways/commands.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "devices/scripted/scripted.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "virtio/fetch_watch.h"
#include "virtio/observer.h"
#include "ways/bench.h"

#define REQUESTS_MAXIMUM 3u
#define CHOICES_MAXIMUM  4096
#define STEPS_MAXIMUM    1024
#define IDLE_SECONDS     20
#define BLOCKS           8 /* of each request */

#define PACKED_DESCRIPTOR_BYTES 16u
#define PACKED_FLAGS_OFFSET     14u

#define STATES_INITIAL (1u << 16)

/* The search: what was chosen, of how many. */
struct search {
    unsigned choice[CHOICES_MAXIMUM], width[CHOICES_MAXIMUM];
    unsigned at, length;
    bool known; /* the run has come to a state from which all was tried */
};

/* States that were met: hash values, 0 for none, in open addressing. */
struct states {
    uint64_t *table;
    size_t size, count;
};

/* What happened in a run, for the report. */
struct step {
    const char *what;
    long number; /* -1: none */
};

enum part_kind {
    PART_PLAIN,   /* a value as it is */
    PART_INDEX,   /* free running */
    PART_ELEMENT, /* what it says follows from the rest */
    PART_FLAGS,   /* packed: of each descriptor in it only the flags count */
    PART_EVENT,   /* packed */
};

/* A part of the ring that both sides look at. */
struct part {
    enum part_kind kind;
    const char *name;
    uintptr_t first, end; /* as the driver sees it */
    const uint8_t *view;  /* the bench's own view of its beginning */
};

struct interleave {
    struct bench *bench;
    struct port_io io[REQUESTS_MAXIMUM];
    uint8_t *data[REQUESTS_MAXIMUM];
    atomic_uint done;
    atomic_bool failed;
    struct search search;
    struct states states;
    bool packed;
    uint16_t size, base; /* of the ring; the place in it where the run began (two laps, packed) */
    uint64_t activity;   /* what the driver has read of the ring since it was idle */
    unsigned submitted;
    bool choosing; /* a run is under way: accesses are places for pieces */
    struct part parts[8];
    unsigned part_count;
    struct step steps[STEPS_MAXIMUM];
    unsigned step_count;
    uint64_t accesses;
};

static struct interleave run;

static const char *const piece_names[SCRIPTED_PIECES] = {
    [SCRIPTED_PIECE_TAKE] = "device: takes, asks for a doorbell, or looks again",
    [SCRIPTED_PIECE_COMPLETE] = "device: uses, or decides about an interrupt",
    [SCRIPTED_PIECE_INTERRUPT] = "device: interrupts",
};

/* ---- The search ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static bool states_add(struct states *states, uint64_t hash);

static void states_grow(struct states *states)
{
    const struct states old = *states;

    states->size = old.size ? 2 * old.size : STATES_INITIAL;
    states->count = 0;
    states->table = calloc(states->size, sizeof(*states->table));
    if (!states->table) {
        fatal("out of memory for %zu states", states->size);
    }
    for (size_t i = 0; i < old.size; ++i) {
        if (old.table[i] != 0) {
            states_add(states, old.table[i]);
        }
    }
    free(old.table);
}

/* False: it is there already. */
static bool states_add(struct states *states, uint64_t hash)
{
    hash = hash ? hash : 1;
    if (2 * states->count >= states->size) {
        states_grow(states);
    }
    for (size_t at = hash;; ++at) {
        uint64_t *place = &states->table[at & (states->size - 1)];
        if (*place == hash) {
            return false;
        }
        if (*place == 0) {
            *place = hash;
            ++states->count;
            return true;
        }
    }
}

static uint64_t state_now(void);

/* One of `width` ways to go on. `where` tells places apart at which the same state goes on otherwise. */
static unsigned choose(unsigned width, unsigned where)
{
    struct search *search = &run.search;

    if (width < 2 || search->known) {
        return 0;
    }
    if (search->at == search->length && !states_add(&run.states, mix(state_now(), where))) {
        search->known = true;
        return 0;
    }
    if (search->at == CHOICES_MAXIMUM) {
        fatal("more than %u choices in one run: the driver does not come to an end",
              CHOICES_MAXIMUM);
    }
    if (search->at == search->length) {
        search->choice[search->length] = 0;
        search->width[search->length++] = width;
    }
    const unsigned chosen = search->choice[search->at++];
    return chosen < width ? chosen : 0;
}

/* Prepares the next run; false: there is none. */
static bool search_next(void)
{
    struct search *search = &run.search;

    search->length = search->at;
    while (search->length != 0) {
        const unsigned last = search->length - 1;
        if (++search->choice[last] < search->width[last]) {
            return true;
        }
        --search->length;
    }
    return false;
}

static void note(const char *what, long number)
{
    if (run.step_count < STEPS_MAXIMUM) {
        run.steps[run.step_count++] = (struct step){what, number};
    }
}

/* ---- Pieces of the device's work ---- */

static bool possible(enum scripted_piece piece)
{
    return scripted_piece_possible(run.bench->backend, piece);
}

static void do_piece(enum scripted_piece piece)
{
    note(piece_names[piece], -1);
    scripted_do_piece(run.bench->backend, piece);
}

/* Any number of pieces of each kind up to `last`. */
static void choose_pieces(enum scripted_piece last)
{
    for (enum scripted_piece piece = SCRIPTED_PIECE_TAKE; piece <= last; ++piece) {
        while (possible(piece) && choose(2, piece) == 1) {
            do_piece(piece);
        }
    }
}

/* ---- The driver's accesses ---- */

static const struct part *part_at(uintptr_t address, unsigned size)
{
    for (unsigned i = 0; i < run.part_count; ++i) {
        const struct part *part = &run.parts[i];
        if (address + size <= part->first || address >= part->end) {
            continue;
        }
        const uintptr_t inside = (address - part->first) % PACKED_DESCRIPTOR_BYTES;
        if (part->kind != PART_FLAGS || inside + size > PACKED_FLAGS_OFFSET) {
            return part;
        }
    }
    return NULL;
}

static const uint8_t *part_view(const struct part *part, uintptr_t address)
{
    return part->view + (address - part->first);
}

/* A place of a packed ring, as event structures say it, counted from where the run began. */
static uint16_t place_counted(uint16_t place)
{
    const unsigned laps = 2u * run.size;
    const unsigned at = (place & 0x7fffu) + (place & 0x8000u ? 0 : run.size);

    return (uint16_t)((at + laps - run.base) % laps);
}

/* AVAIL and USED of a packed descriptor as its lap in this run would have them. */
static uint16_t flags_counted(unsigned offset, uint16_t flags)
{
    const unsigned place = run.base + (offset + run.size - run.base % run.size) % run.size;
    const bool wrap = place % (2u * run.size) < run.size;

    return (uint16_t)((((flags >> 7 & 1) == wrap) << 1) | ((flags >> 15 & 1) == wrap));
}

/* What stands at an address of one of the parts, counted from where the run began. */
static uint32_t counted(uintptr_t address, unsigned size)
{
    const struct part *part = part_at(address, size);
    uint16_t value;

    memcpy(&value, (const void *)part_view(part, part->first), sizeof(value));
    if (part->kind == PART_FLAGS) {
        const unsigned offset = (unsigned)((address - part->first) / PACKED_DESCRIPTOR_BYTES);
        memcpy(
            &value,
            part_view(part, part->first + offset * PACKED_DESCRIPTOR_BYTES + PACKED_FLAGS_OFFSET),
            sizeof(value));
        return flags_counted(offset, value);
    }
    if (part->kind == PART_INDEX) {
        return (uint16_t)(value - run.base);
    }
    if (part->kind == PART_EVENT) {
        uint16_t flags;
        memcpy(&flags, part_view(part, part->first + 2), sizeof(flags));
        return (uint32_t)flags << 16 | (flags == 2 ? place_counted(value) : 0);
    }
    return part->kind == PART_PLAIN ? value : 0;
}

static uint64_t state_now(void)
{
    uint64_t hash = mix(run.activity, atomic_load(&run.done) << 8 | run.submitted);

    for (unsigned i = 0; i < run.part_count; ++i) {
        const struct part *part = &run.parts[i];
        if (part->kind == PART_FLAGS) {
            for (unsigned n = 0; n < run.size; ++n) {
                const unsigned at = (run.base + n) % run.size;
                hash = mix(
                    hash,
                    counted(part->first + at * PACKED_DESCRIPTOR_BYTES + PACKED_FLAGS_OFFSET, 2));
            }
        } else {
            hash = mix(hash, counted(part->first, 2));
        }
    }
    return mix(hash, scripted_piece_state(run.bench->backend));
}

/* Ahead of each access of the driver to a page of its rings. */
static void on_access(const void *address, unsigned size, bool write)
{
    const struct part *part = run.choosing ? part_at((uintptr_t)address, size) : NULL;

    if (!part) {
        return;
    }
    choose_pieces(SCRIPTED_PIECE_INTERRUPT);
    run.activity = mix(run.activity, (uint64_t)(part - run.parts) << 32 | (unsigned)write << 16 |
                                         (write ? 0 : counted((uintptr_t)address, size)));
    note(write ? "driver: writes" : "driver: reads", part - run.parts);
    ++run.accesses;
}

static void add_part(enum part_kind kind, const char *name, uint64_t bus, unsigned from,
                     unsigned length)
{
    const uintptr_t base = (uintptr_t)memory_virtual(bus);

    if (base == 0) {
        fatal("the driver's view of its ring at %#llx is not known", (unsigned long long)bus);
    }
    run.parts[run.part_count++] = (struct part){.kind = kind,
                                                .name = name,
                                                .first = base + from,
                                                .end = base + from + length,
                                                .view = memory_at(bus + from, length)};
}

/* What both sides look at: contents of descriptors and entries are not seen before an index or flags
 * that make them visible. */
static void find_parts(const struct observer_facts *facts)
{
    const struct observer_queue *queue = &facts->queue[0];
    const unsigned size = queue->size;

    run.part_count = 0;
    run.size = queue->size;
    run.packed = facts->driver_features & UINT64_C(1) << VIRTIO_F_RING_PACKED;
    if (run.packed) {
        add_part(PART_FLAGS, "the flags of a descriptor", queue->descriptors, 0,
                 PACKED_DESCRIPTOR_BYTES * size);
        add_part(PART_EVENT, "the driver event structure", queue->driver_area, 0, 4);
        add_part(PART_EVENT, "the device event structure", queue->device_area, 0, 4);
        return;
    }
    const bool events = facts->driver_features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
    const enum part_kind event = events ? PART_INDEX : PART_PLAIN;

    add_part(PART_PLAIN, "the available ring's flags", queue->driver_area, 0, 2);
    add_part(PART_INDEX, "the available ring's index", queue->driver_area, 2, 2);
    add_part(event, "used_event", queue->driver_area, 4 + 2 * size, 2);
    add_part(PART_PLAIN, "the used ring's flags", queue->device_area, 0, 2);
    add_part(PART_INDEX, "the used ring's index", queue->device_area, 2, 2);
    add_part(PART_ELEMENT, "an element of the used ring", queue->device_area, 4, 8 * size);
    add_part(event, "avail_event", queue->device_area, 4 + 8 * size, 2);
}

/* ---- A run ---- */

static void on_done(struct port_io *io)
{
    if (!disk_succeeded(io)) {
        atomic_store(&run.failed, true);
    }
    atomic_fetch_add(&run.done, 1);
}

static void submit(unsigned number)
{
    struct port_io *io = &run.io[number];

    note("request", (long)number + 1);
    memset(io, 0, sizeof(*io));
    disk_prepare_read(&run.bench->disk, io, (uint64_t)number * BLOCKS, BLOCKS, run.data[number]);
    io->done = on_done;
    port_submit(run.bench->port, io);
}

static void wait_idle(void)
{
    if (!cpu_wait_idle(IDLE_SECONDS * 1000)) {
        fatal("the processors still have work after %u seconds", IDLE_SECONDS);
    }
}

/* The first piece that is possible; SCRIPTED_PIECES: none. */
static enum scripted_piece first_possible(void)
{
    enum scripted_piece piece = SCRIPTED_PIECE_TAKE;

    while (piece < SCRIPTED_PIECES && !possible(piece)) {
        ++piece;
    }
    return piece;
}

/* Brings the device to rest, in one order. */
static void settle(void)
{
    enum scripted_piece piece;

    run.choosing = false;
    while ((piece = first_possible()) != SCRIPTED_PIECES) {
        scripted_do_piece(run.bench->backend, piece);
        wait_idle();
    }
}

/* Where the ring stands, everything being at rest: the available index, or the next descriptor. */
static uint16_t place_now(void)
{
    uint16_t value;

    if (!run.packed) {
        memcpy(&value, run.parts[1].view, sizeof(value));
        return value;
    }
    return scripted_packed_place(run.bench->backend);
}

/* False: a request was lost. */
static bool run_requests(unsigned count)
{
    atomic_store(&run.done, 0);
    run.step_count = 0;
    run.submitted = 0;
    run.search.at = 0;
    run.search.known = false;
    run.base = place_now();
    run.choosing = true;
    while (atomic_load(&run.done) < count) {
        wait_idle();
        run.activity = 0;
        if (atomic_load(&run.done) == count) {
            break;
        }
        choose_pieces(SCRIPTED_PIECE_COMPLETE);
        const bool interrupt = possible(SCRIPTED_PIECE_INTERRUPT), more = run.submitted < count;
        const enum scripted_piece left = first_possible();

        if (more && (!interrupt || choose(2, SCRIPTED_PIECES) == 0)) {
            submit(run.submitted++);
        } else if (interrupt) {
            do_piece(SCRIPTED_PIECE_INTERRUPT);
        } else if (left < SCRIPTED_PIECES) {
            do_piece(left);
        } else {
            return false;
        }
    }
    settle();
    return true;
}

/* ---- The command ---- */

static void report_lost(unsigned count, uint64_t number)
{
    fprintf(stderr, "storhost: of %u requests %u came back in this order (run %llu):\n", count,
            atomic_load(&run.done), (unsigned long long)number);
    for (unsigned i = 0; i < run.step_count; ++i) {
        const struct step *step = &run.steps[i];
        if (step->number < 0) {
            fprintf(stderr, "    %s\n", step->what);
        } else if (strncmp(step->what, "driver", 6) == 0) {
            fprintf(stderr, "    %s %s\n", step->what, run.parts[step->number].name);
        } else {
            fprintf(stderr, "  %s %ld\n", step->what, step->number);
        }
    }
    scripted_check_doorbells(run.bench->backend); /* if that is why, a violation says so */
}

/* All interleavings of so many requests, or as many as the limit allows. */
static bool search_all(unsigned count, uint64_t limit, bool quiet)
{
    uint64_t number = 0;
    bool more = true;

    run.search.length = 0;
    run.accesses = 0;
    free(run.states.table);
    run.states = (struct states){0};
    while (more && number < limit) {
        ++number;
        if (!run_requests(count)) {
            report_lost(count, number);
            return false;
        }
        if (atomic_load(&run.failed)) {
            char text[256];
            disk_describe_result(&run.io[0], text, sizeof(text));
            fprintf(stderr, "storhost: a request failed in run %llu: %s\n",
                    (unsigned long long)number, text);
            return false;
        }
        more = search_next();
    }
    if (!quiet) {
        printf("%u request%s: %llu interleavings%s, %zu states, %llu accesses to the ring, none "
               "lost\n",
               count, count == 1 ? "" : "s", (unsigned long long)number,
               more ? " (the limit: there are more)" : " stand for all", run.states.count,
               (unsigned long long)run.accesses);
        fflush(stdout);
    }
    return true;
}

static void begin(struct bench *bench)
{
    struct observer_facts facts;

    run.bench = bench;
    for (unsigned i = 0; i < REQUESTS_MAXIMUM; ++i) {
        run.data[i] = calloc(BLOCKS, bench->disk.block_bytes);
        if (!run.data[i]) {
            fatal("out of memory");
        }
    }
    observer_get_facts(bench->device, &facts);
    if (facts.queues != 1) {
        fatal("interleave looks at one queue; the driver uses %u", facts.queues);
    }
    find_parts(&facts);
    wait_idle();
    scripted_set_pieces(bench->backend, true);
    settle();
    fetch_watch_look(on_access);
}

static void end(void)
{
    fetch_watch_look(NULL);
    settle();
    scripted_set_pieces(run.bench->backend, false);
    free(run.states.table);
    for (unsigned i = 0; i < REQUESTS_MAXIMUM; ++i) {
        free(run.data[i]);
    }
}

int command_interleave(const struct options *options)
{
    static struct bench bench;
    const unsigned most =
        options->count.requests != 0 ? (unsigned)options->count.requests : REQUESTS_MAXIMUM;
    bool good = true;

    if (most > REQUESTS_MAXIMUM) {
        fatal("--requests=%u: interleave runs 1 to %u requests", most, REQUESTS_MAXIMUM);
    }
    bench_open(&bench, options);
    begin(&bench);
    for (unsigned count = 1; good && count <= most; ++count) {
        good = search_all(count, options->limit, options->quiet);
    }
    if (!good) {
        return 1; /* what is lost cannot be waited for: at_end takes the machine down */
    }
    end();
    bench_close(&bench);
    return 0;
}
