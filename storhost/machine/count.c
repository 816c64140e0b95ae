/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the exact counts. See count.h. */
#include "machine/count_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/trap_internal.h"

#define LINE_SLOTS  (1u << 16) /* of the table of lines; at most half of them are used */
#define CODE_SLOTS  (1u << 16) /* of the table of instructions */
#define NEST_DEPTH  16
#define STACK_BYTES (64u * 1024u) /* around the stack pointer: the driver's stack */
#define NO_WRITER   (-1)

/* One line of memory that the driver has touched. */
struct line {
    uint64_t number;                      /* address / COUNT_LINE_BYTES; 0: unused */
    uint32_t read_window, written_window; /* the last ones in which it was */
    int writer;                           /* the first processor that wrote it */
    bool shared;
};

/* How often one instruction ran. */
struct code {
    uint64_t address; /* 0: unused */
    uint64_t times;
};

static struct {
    bool on;
    uint32_t window;
    unsigned used;
    struct count_totals totals;
    struct line *lines;
    struct code *code;
} counter;

/* What this thread counts for: phases of nested calls into the driver, innermost last. */
static _Thread_local struct {
    unsigned depth;
    enum count_phase phase[NEST_DEPTH];
} nest;

const char *count_phase_name(enum count_phase phase)
{
    static const char *const names[COUNT_PHASES] = {"build", "start", "interrupt", "DPC", "other"};

    return names[phase];
}

const char *count_class_name(enum count_class class)
{
    static const char *const names[COUNT_CLASSES] = {"driver", "ring", "SRB", "stack", "elsewhere"};

    return names[class];
}

bool count_supported(void)
{
    return count_step_supported();
}

void count_start(void)
{
    if (counter.lines == NULL) {
        counter.lines = malloc(LINE_SLOTS * sizeof(*counter.lines));
        counter.code = malloc(CODE_SLOTS * sizeof(*counter.code));
        if (counter.lines == NULL || counter.code == NULL) {
            fatal("out of memory");
        }
        count_step_prepare();
    }
    memset(counter.lines, 0, LINE_SLOTS * sizeof(*counter.lines));
    memset(counter.code, 0, CODE_SLOTS * sizeof(*counter.code));
    memset(&counter.totals, 0, sizeof(counter.totals));
    counter.used = 0;
    counter.window = 1;
    counter.on = true;
}

void count_stop(void)
{
    counter.on = false;
}

void count_window(void)
{
    counter.window++;
}

void count_get(struct count_totals *totals)
{
    *totals = counter.totals;
}

/* ---- Calls into the driver ---- */

bool count_active(void)
{
    return nest.depth != 0;
}

void count_enter(enum count_phase phase)
{
    if (!counter.on) {
        return;
    }
    if (nest.depth == NEST_DEPTH) {
        fatal("calls into the driver are nested more than %u deep", NEST_DEPTH);
    }
    nest.phase[nest.depth++] = phase;
    count_step_begin();
}

void count_leave(void)
{
    if (nest.depth != 0) {
        count_step_end();
        nest.depth--;
    }
}

/* ---- What the driver does ---- */

/* Images have far fewer instructions than the table has slots. */
static void note_code(uint64_t address)
{
    uint32_t slot = (uint32_t)address % CODE_SLOTS;

    while (counter.code[slot].address != 0 && counter.code[slot].address != address) {
        slot = (slot + 1) % CODE_SLOTS;
    }
    counter.code[slot].address = address;
    counter.code[slot].times++;
}

void count_each_instruction(void (*each)(void *context, const char *place, uint64_t times),
                            void *context)
{
    char place[128];

    for (unsigned i = 0; i < CODE_SLOTS; i++) {
        if (counter.code[i].address != 0 &&
            trap_describe_code((const void *)(uintptr_t)counter.code[i].address, place,
                               sizeof(place))) {
            each(context, place, counter.code[i].times);
        }
    }
}

void count_each_shared_line(void (*each)(void *context, uint64_t address), void *context)
{
    for (unsigned i = 0; i < LINE_SLOTS; i++) {
        if (counter.lines[i].number != 0 && counter.lines[i].shared) {
            each(context, counter.lines[i].number * COUNT_LINE_BYTES);
        }
    }
}

void count_instruction(const struct count_instruction *instruction)
{
    if (!instruction->again) {
        note_code(instruction->address);
        counter.totals.instructions[nest.phase[nest.depth - 1]]++;
        counter.totals.locked += instruction->locked;
        counter.totals.fences += instruction->fence;
    }
}

static enum count_class class_of(uint64_t address, uint64_t stack)
{
    enum memory_kind kind;

    if (address + STACK_BYTES > stack && address < stack + STACK_BYTES) {
        return COUNT_STACK;
    }
    if (trap_in_image(address)) {
        return COUNT_DRIVER;
    }
    if (!memory_kind_at((const void *)(uintptr_t)address, &kind)) {
        return COUNT_ELSEWHERE;
    }
    switch (kind) {
    case MEMORY_UNCACHED_EXTENSION:
    case MEMORY_CONTIGUOUS:
        return COUNT_RING;
    case MEMORY_DEVICE_EXTENSION:
    case MEMORY_POOL:
        return COUNT_DRIVER;
    case MEMORY_PORT:
        return COUNT_ELSEWHERE;
    default:
        return COUNT_SRB;
    }
}

static struct line *line_at(uint64_t number)
{
    uint32_t slot = (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 48) % LINE_SLOTS;

    while (counter.lines[slot].number != number) {
        if (counter.lines[slot].number == 0) {
            if (++counter.used > LINE_SLOTS / 2) {
                fatal("the driver touches more than %u cache lines: count a shorter run",
                      LINE_SLOTS / 2);
            }
            counter.lines[slot] = (struct line){.number = number, .writer = NO_WRITER};
            break;
        }
        slot = (slot + 1) % LINE_SLOTS;
    }
    return &counter.lines[slot];
}

/* Ahead of the line's first read, or first write, in this window. */
static void note_touch(const struct line *line, enum count_class class)
{
    if (line->read_window != counter.window && line->written_window != counter.window) {
        counter.totals.lines_touched[class]++;
    }
}

void count_read(uint64_t address, size_t bytes, uint64_t stack)
{
    enum count_class class = class_of(address, stack);
    uint64_t number = address / COUNT_LINE_BYTES;

    for (; number <= (address + bytes - 1) / COUNT_LINE_BYTES; number++) {
        struct line *line = line_at(number);

        if (line->read_window != counter.window) {
            note_touch(line, class);
            line->read_window = counter.window;
            counter.totals.lines_read[class]++;
        }
    }
}

void count_write(uint64_t address, size_t bytes, uint64_t stack, enum count_store store)
{
    enum count_class class = class_of(address, stack);
    uint64_t number = address / COUNT_LINE_BYTES;
    int processor = cpu_current();

    counter.totals.stored[class] += bytes;
    counter.totals.cleared += store == COUNT_STORE_CLEARED ? bytes : 0;
    counter.totals.copied += store == COUNT_STORE_COPIED ? bytes : 0;
    for (; number <= (address + bytes - 1) / COUNT_LINE_BYTES; number++) {
        struct line *line = line_at(number);

        if (line->written_window != counter.window) {
            note_touch(line, class);
            line->written_window = counter.window;
            counter.totals.lines_written[class]++;
        }
        if (line->writer == NO_WRITER) {
            line->writer = processor;
        } else if (line->writer != processor && !line->shared) {
            line->shared = true;
            counter.totals.lines_shared[class]++;
        }
    }
}
