/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trapped accesses: each instruction form runs on ordinary memory and on a register window with the
 * same contents and the same registers, and must leave the same registers, flags and contents. Then
 * ports, privileged instructions, watched memory, nesting, and what is reported as a violation.
 *
 * The instructions lie in a section of their own that is registered as a driver's image.
 */
#include "expect_violation.h"

#include "base/random.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/trap.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- instructions that run as the driver's ---- */

enum {
    FLAG_CARRY = 0x1,
    FLAG_PARITY = 0x4,
    FLAG_ADJUST = 0x10,
    FLAG_ZERO = 0x40,
    FLAG_SIGN = 0x80,
    FLAG_DIRECTION = 0x400,
    FLAG_OVERFLOW = 0x800,
    ALL_FLAGS = FLAG_CARRY | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN | FLAG_OVERFLOW,
    /* what the processor defines after ... */
    LOGIC_FLAGS = ALL_FLAGS & ~FLAG_ADJUST,
    SHIFT_1_FLAGS = LOGIC_FLAGS,
    SHIFT_FLAGS = LOGIC_FLAGS & ~FLAG_OVERFLOW,
    BIT_FLAGS = FLAG_CARRY | FLAG_ZERO,
    MULTIPLY_FLAGS = FLAG_CARRY | FLAG_OVERFLOW,
};

#include "trap_code.h" /* the architecture's: the instructions, struct registers, run_code() */

#define DEFINE(name, text, flags)                           \
    __asm__(".pushsection driver_code, \"ax\", @progbits\n" \
            ".globl " #name "\n" #name ": " text "\n ret\n" \
            ".popsection\n");                               \
    void name(void);
INSTRUCTIONS(DEFINE)
STRING_INSTRUCTIONS(DEFINE)
OTHER_INSTRUCTIONS(DEFINE)

extern const char __start_driver_code[], __stop_driver_code[];

/* ---- a device of plain bytes ---- */

#define DEVICE_BYTES 0x200
#define MIDDLE       0x100 /* where rbx points */
#define LOG_LENGTH   64

struct access {
    uint64_t offset, value;
    unsigned size;
    bool write;
};

static struct device {
    uint8_t bytes[DEVICE_BYTES];
    struct access log[LOG_LENGTH];
    unsigned accesses;
    void (*on_read)(void);
} device;

static void log_access(uint64_t offset, unsigned size, uint64_t value, bool write)
{
    if (device.accesses < LOG_LENGTH) {
        device.log[device.accesses] = (struct access){offset, value, size, write};
    }
    device.accesses++;
}

static uint64_t device_read(void *context, uint64_t offset, unsigned size)
{
    void (*nested)(void) = device.on_read;
    uint64_t value = 0;

    (void)context;
    memcpy(&value, device.bytes + offset, size);
    log_access(offset, size, value, false);
    device.on_read = NULL;
    if (nested != NULL) {
        nested();
    }
    return value;
}

static void device_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    (void)context;
    memcpy(device.bytes + offset, &value, size);
    log_access(offset, size, value, true);
}

static const struct trap_ops device_ops = {.read = device_read, .write = device_write};

static uint8_t *window;

static uint64_t register_value(uint64_t *state)
{
    static const uint64_t edges[] = {0,      1,          0x7f,       0x80,       0xff,
                                     0x7fff, 0x8000,     0x7fffffff, 0x80000000, 0xffffffff,
                                     ~0ull,  1ull << 63, ~0ull >> 1};
    uint64_t draw = random_next(state);

    return draw % 3 == 0 ? edges[(draw >> 8) % (sizeof(edges) / sizeof(edges[0]))] : draw;
}

static void draw_registers(struct registers *registers, uint64_t *state)
{
    word *values = (word *)registers;

    for (size_t index = 0; index < sizeof(*registers) / sizeof(*values); index++) {
        values[index] = (word)register_value(state);
    }
    registers->flags = 0x202 | (word)(random_next(state) & ALL_FLAGS);
    registers->INDEX = 8;
}

static void draw_memory(uint8_t *memory, uint64_t *state)
{
    for (size_t offset = 0; offset < DEVICE_BYTES; offset += 8) {
        uint64_t value = register_value(state);

        memcpy(memory + offset, &value, sizeof(value));
    }
}

static void assert_same(const char *name, const struct registers *a, const struct registers *b,
                        uint64_t flags)
{
    static const char *const names[] = {REGISTER_NAMES};
    const word *x = (const word *)a, *y = (const word *)b;

    for (unsigned index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        if (x[index] != y[index]) {
            fail_msg("%s: %s is 0x%llx on memory and 0x%llx on a register", name, names[index],
                     (unsigned long long)x[index], (unsigned long long)y[index]);
        }
    }
    if ((a->flags & flags) != (b->flags & flags)) {
        fail_msg("%s: flags are 0x%llx on memory and 0x%llx on a register", name,
                 (unsigned long long)(a->flags & flags), (unsigned long long)(b->flags & flags));
    }
}

/* Runs one instruction on memory and on the window. */
static void compare_once(const char *name, void (*code)(void), uint64_t flags, uint64_t *state)
{
    static uint8_t memory[DEVICE_BYTES];
    struct registers plain, trapped;

    draw_memory(memory, state);
    memcpy(device.bytes, memory, sizeof(memory));
    draw_registers(&plain, state);
    trapped = plain;
    plain.bx = (uintptr_t)memory + MIDDLE;
    trapped.bx = (uintptr_t)window + MIDDLE;
    run_code(&plain, code);
    run_code(&trapped, code);
    if (trapped.bx == (uintptr_t)window + MIDDLE) {
        plain.bx = trapped.bx;
    }
    assert_same(name, &plain, &trapped, flags);
    if (memcmp(memory, device.bytes, sizeof(memory)) != 0) {
        fail_msg("%s: the contents differ", name);
    }
}

static void instructions_do_on_registers_what_they_do_on_memory(void **context)
{
    static const struct {
        const char *name;
        void (*code)(void);
        uint64_t flags;
    } instructions[] = {
#define ENTRY(name, text, flags) {text, name, flags},
        INSTRUCTIONS(ENTRY)};
    uint64_t state = 1;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    for (size_t index = 0; index < sizeof(instructions) / sizeof(instructions[0]); index++) {
        for (unsigned round = 0; round < 100; round++) {
            compare_once(instructions[index].name, instructions[index].code,
                         instructions[index].flags, &state);
        }
    }
}

static void run_string(void (*code)(void), struct registers *registers, uint64_t from, uint64_t to)
{
    registers->si = (word)from;
    registers->di = (word)to;
    run_code(registers, code);
    registers->si -= (word)from;
    registers->di -= (word)to;
}

/* Source and target are each memory or registers. */
static void string_instructions_move_each_element(void **context)
{
    static const struct {
        const char *name;
        void (*code)(void);
    } instructions[] = {
#define STRING_ENTRY(name, text, flags) {text, name},
        STRING_INSTRUCTIONS(STRING_ENTRY)};
    static uint8_t source[DEVICE_BYTES], memory[DEVICE_BYTES], other[DEVICE_BYTES];
    uint64_t state = 2;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    for (unsigned run = 0; run < 8 * sizeof(instructions) / sizeof(instructions[0]); run++) {
        unsigned index = run / 8;
        struct registers plain, trapped;

        draw_memory(source, &state);
        memset(memory, 0x11, sizeof(memory));
        memset(other, 0x11, sizeof(other));
        draw_registers(&plain, &state);
        plain.cx = run % 4;
        plain.flags |= run & 4 ? FLAG_DIRECTION : 0;
        trapped = plain;
        run_string(instructions[index].code, &plain, (uintptr_t)source + MIDDLE,
                   (uintptr_t)memory + MIDDLE);
        if (run & 1) { /* from registers to memory */
            memcpy(device.bytes, source, sizeof(source));
            run_string(instructions[index].code, &trapped, (uintptr_t)window + MIDDLE,
                       (uintptr_t)other + MIDDLE);
        } else { /* from memory to registers */
            memset(device.bytes, 0x11, sizeof(device.bytes));
            run_string(instructions[index].code, &trapped, (uintptr_t)source + MIDDLE,
                       (uintptr_t)window + MIDDLE);
            memcpy(other, device.bytes, sizeof(other));
        }
        plain.bx = trapped.bx;
        assert_same(instructions[index].name, &plain, &trapped, ALL_FLAGS);
        if (memcmp(memory, other, sizeof(memory)) != 0) {
            fail_msg("%s: the contents differ", instructions[index].name);
        }
    }
}

static void run_at(void (*code)(void), struct registers *registers, const void *bx)
{
    registers->bx = (uintptr_t)bx;
    registers->flags = 0x202;
    run_code(registers, code);
}

static void accesses_arrive_with_offset_size_and_count(void **context)
{
    struct registers registers = {.cx = (word)0x1122334455667788, .INDEX = 8, .ax = 5};
    uint64_t before = trap_accesses();

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    device.accesses = 0;
    run_at(mov_m_r16, &registers, window + MIDDLE);
    run_at(movzx_32_8, &registers, window + MIDDLE);
    run_at(or_m32_i, &registers, window + MIDDLE);
    assert_int_equal(device.accesses, 4);
    assert_int_equal(trap_accesses() - before, 4);
    assert_true(device.log[0].write);
    assert_int_equal(device.log[0].offset, MIDDLE + 8);
    assert_int_equal(device.log[0].size, 2);
    assert_int_equal(device.log[0].value, 0x7788);
    assert_false(device.log[1].write);
    assert_int_equal(device.log[1].size, 1);
    assert_false(device.log[2].write);
    assert_int_equal(device.log[2].size, 4);
    assert_true(device.log[3].write);
    assert_int_equal(device.log[3].size, 4);

    trap_write(TRAP_MEMORY, window + 0x20, 4, 0xa1b2c3d4);
    assert_int_equal(trap_read(TRAP_MEMORY, window + 0x20, 2), 0xc3d4);
    assert_int_equal(trap_accesses() - before, 6);
}

static void vector_registers_move_four_and_eight_bytes(void **context)
{
    struct registers registers = {.ax = (word)0x1122334455667788};
    uint64_t value = 0x8877665544332211;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE, &value, sizeof(value));
    run_at(movd_load, &registers, window + MIDDLE);
    assert_int_equal(registers.ax, 0x44332211);
    run_at(movq_load, &registers, window + MIDDLE);
    assert_true(loaded(&registers) == value);
    run_at(movsd_load, &registers, window + MIDDLE);
    assert_true(loaded(&registers) == value);
    to_store(&registers, 0x0102030405060708);
    run_at(movd_store, &registers, window + MIDDLE);
    memcpy(&value, device.bytes + MIDDLE, sizeof(value));
    assert_true(value == 0x8877665505060708);
    run_at(movq_store, &registers, window + MIDDLE);
    memcpy(&value, device.bytes + MIDDLE, sizeof(value));
    assert_true(value == 0x0102030405060708);
}

/* ---- ports ---- */

static void port_instructions_reach_the_device(void **context)
{
    struct registers registers = {.ax = (word)~0ull, .dx = 0xc010};
    uint64_t value = 0x8877665544332211;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map(TRAP_PORTS, 0x60, 2, &device_ops, NULL, "low ports");
    trap_map(TRAP_PORTS, 0xc000, 0x40, &device_ops, NULL, "ports");
    memcpy(device.bytes, &value, sizeof(value));
    memcpy(device.bytes + 0x10, &value, sizeof(value));
    device.accesses = 0;
    run_at(in_al_imm, &registers, NULL);
    assert_true(registers.ax == (word)0xffffffffffffff11);
    run_at(in_ax_dx, &registers, NULL);
    assert_true(registers.ax == (word)0xffffffffffff2211);
    run_at(in_eax_dx, &registers, NULL);
    assert_true(registers.ax == 0x44332211);
    registers.ax = (word)0xa1a2a3a4a5a6a7a8;
    run_at(out_imm_al, &registers, NULL);
    run_at(out_dx_ax, &registers, NULL);
    run_at(out_dx_eax, &registers, NULL);
    assert_int_equal(device.accesses, 6);
    assert_int_equal(device.log[3].offset, 1);
    assert_int_equal(device.log[3].size, 1);
    assert_int_equal(device.log[3].value, 0xa8);
    assert_int_equal(device.log[4].offset, 0x10);
    assert_int_equal(device.log[4].size, 2);
    assert_int_equal(device.log[5].size, 4);
    assert_int_equal(device.log[5].value, 0xa5a6a7a8);
    trap_unmap((void *)0x60, TRAP_PORTS);
    trap_unmap((void *)0xc000, TRAP_PORTS);
}

static void port_strings_move_each_element(void **context)
{
    static void (*const input[])(void) = {rep_insb, rep_insw, rep_insd};
    static void (*const output[])(void) = {rep_outsb, rep_outsw, rep_outsd};
    uint8_t memory[64];

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map(TRAP_PORTS, 0xc000, 0x40, &device_ops, NULL, "ports");
    for (unsigned index = 0; index < 3; index++) {
        unsigned size = 1u << index;
        struct registers registers = {.cx = 3, .dx = 0xc008, .di = (uintptr_t)memory};
        uint32_t value = 0x44332211;

        memcpy(device.bytes + 8, &value, sizeof(value));
        memset(memory, 0, sizeof(memory));
        device.accesses = 0;
        run_at(input[index], &registers, NULL);
        assert_int_equal(device.accesses, 3);
        assert_int_equal(registers.cx, 0);
        assert_int_equal(registers.di, (uintptr_t)memory + 3 * size);
        assert_memory_equal(memory + 2 * size, &value, size);
        assert_int_equal(memory[3 * size], 0);

        registers = (struct registers){.cx = 2, .dx = 0xc004, .si = (uintptr_t)memory};
        memory[size] = 0x99;
        run_at(output[index], &registers, NULL);
        assert_int_equal(device.accesses, 5);
        assert_int_equal(device.log[4].size, size);
        assert_int_equal(device.log[4].value & 0xff, 0x99);
        registers.cx = 0;
        run_at(output[index], &registers, NULL);
        assert_int_equal(device.accesses, 5);
    }
    trap_unmap((void *)0xc000, TRAP_PORTS);
}

/* ---- the processor ---- */

/* Code to run on a processor, and the IRQL that it leaves. */
struct on_processor {
    void (*code)(void);
    struct registers registers;
    uint8_t irql;
};

static void run_in_context(void *context)
{
    struct on_processor *run = context;

    run_at(run->code, &run->registers, NULL);
    run->irql = cpu_irql();
}

static void interrupts_off_is_high_irql_until_popf_or_sti(void **context)
{
    static void (*const codes[])(void) = {cli_sti, cli_popf, cli_nested};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    for (unsigned index = 0; index < 3; index++) {
        struct on_processor run = {.code = codes[index]};

        cpu_call(0, IRQL_DISPATCH, run_in_context, &run, "cli");
        assert_int_equal(run.registers.cx & 0xff, IRQL_HIGH);
        assert_int_equal(run.registers.dx & 0xff, IRQL_DISPATCH);
        assert_int_equal(run.irql, IRQL_DISPATCH);
        assert_int_equal(run.registers.flags & 0x100, 0);
        if (codes[index] == cli_popf) {
            assert_int_equal(run.registers.FLAGS_SEEN & 0x200, 0);
        }
    }
    cpu_stop();
}

#include "trap_arch_tests.h" /* the architecture's: what only it has, and ARCH_TESTS */

/* ---- nesting and fixed windows ---- */

static void nested_access(void)
{
    struct registers registers = {.ax = 0x5a};

    run_at(mov_m_i32, &registers, window + 0x40);
    __asm__ volatile("pcmpeqb %%xmm6, %%xmm6" ::: "xmm6"); /* what the outer one relies on */
}

static void an_access_may_cause_another(void **context)
{
    struct registers registers = {.ax = 0x1234};
    uint32_t value = 0x77665544;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE, &value, sizeof(value));
    device.on_read = nested_access;
    device.accesses = 0;
    run_at(movd_load, &registers, window + MIDDLE);
    assert_int_equal(registers.ax, value);
    assert_int_equal(device.accesses, 2);
    assert_true(device.log[1].write);
    assert_int_equal(device.log[1].offset, 0x40);
}

static void a_window_may_lie_where_nothing_can_be_mapped(void **context)
{
    static const struct trap_ops read_only = {.read = device_read};
    struct registers registers = {.ax = 0};
    uint64_t value = 0x0123456789abcdef, before = trap_accesses();

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map_fixed(unmappable(), 0x100, &read_only, NULL, "shared page");
    memcpy(device.bytes + 0x14, &value, sizeof(value));
    run_at(mov_ax_bx, &registers, (void *)(uintptr_t)(unmappable() + 0x14));
    assert_true(registers.ax == (word)value);
    assert_int_equal(trap_accesses(), before);
}

/* ---- watched memory ---- */

static struct access watched[LOG_LENGTH];
static unsigned watched_count;

static void note_watched(void *context, const void *address, unsigned size, bool write)
{
    if (watched_count < LOG_LENGTH) {
        watched[watched_count] =
            (struct access){(uintptr_t)address - (uintptr_t)context, 0, size, write};
    }
    watched_count++;
}

static void watched_memory_tells_of_each_access(void **context)
{
    uint8_t *memory =
        mmap(NULL, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct registers registers = {.ax = (word)0x1122334455667788, .INDEX = 8};
    uint8_t copy[64];

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memset(memory, 0x21, 0x3000);
    trap_watch(memory, 0x2000, note_watched, memory);
    watched_count = 0;
    run_at(mov_bx_ax, &registers, memory + 0x10);
    run_at(mov_ax_bx, &registers,
           memory + 0x1000 - sizeof(word) / 2); /* over the boundary of two pages */
    run_at(add_bx_1, &registers, memory + 0x10);
    run_at(mov_bx_ax, &registers, memory + 0x2000); /* not watched */
    assert_int_equal(watched_count, 4);
    assert_true(watched[0].write);
    assert_int_equal(watched[0].offset, 0x10);
    assert_int_equal(watched[0].size, sizeof(word));
    assert_false(watched[1].write);
    assert_int_equal(watched[1].offset, 0x1000 - sizeof(word) / 2);
    assert_false(watched[2].write);
    assert_true(watched[3].write);
    assert_int_equal(watched[3].size, 4);
    assert_true(registers.ax == (word)0x2121212121212121);

    memcpy(copy, memory + 0x10, sizeof(copy)); /* the bench's code is seen as well */
    assert_true(watched_count > 4);
    assert_int_equal(copy[0], 0x89);
    trap_unwatch(memory);
    watched_count = 0;
    run_at(mov_bx_ax, &registers, memory);
    assert_int_equal(watched_count, 0);
    munmap(memory, 0x3000);
}

/* ---- what is a violation ---- */

/* Runs in a child, where signal handlers were reset: everything is set up again. */
struct attempt {
    void (*code)(void);
    uint64_t bx, ax, dx;
};

static void try_code(void *context)
{
    struct attempt *attempt = context;
    struct registers registers = {.ax = (word)attempt->ax, .dx = (word)attempt->dx, .INDEX = 8};

    trap_init();
    run_at(attempt->code, &registers, (void *)(uintptr_t)attempt->bx);
}

static void expect(void (*code)(void), uint64_t bx, uint64_t ax, uint64_t dx, enum rule rule,
                   const char *part)
{
    struct attempt attempt = {code, bx, ax, dx};

    expect_violation(try_code, &attempt, rule, part);
}

static void accesses_outside_of_registers_are_reported(void **context)
{
    uint64_t at = (uintptr_t)window;
    void *gone = trap_map(TRAP_MEMORY, 0, 0x10, &device_ops, NULL, "old BAR");

    (void)context;
    expect(mov_ax_bx, at + DEVICE_BYTES - sizeof(word) / 2, 0, 0, RULE_MEMORY, "offset 0x1f");
    expect(mov_bx_ax, at + 0x1000, 0, 0, RULE_MEMORY, "offset 0x1000 of BAR");
    expect(mov_bx_ax, at - 8, 0, 0, RULE_MEMORY, "offset -0x8 of BAR");
    expect(in_eax_dx, 0, 0, 0xd000, RULE_MEMORY, "port 0xd000");
    trap_unmap(gone, TRAP_MEMORY);
    expect(mov_ax_bx, (uintptr_t)gone, 0, 0, RULE_MEMORY, "old BAR, which was unmapped");
    expect(movups_load, at, 0, 0, RULE_VIRTIO, "more than 8 bytes");
    expect(movdqu_store, at, 0, 0, RULE_VIRTIO, "movdqu");
    expect(push_memory, at, 0, 0, RULE_CRASH, "push");
    expect(mov_bx_ax, unmappable(), 0, 0, RULE_MEMORY, "read-only");
}

static void faults_of_driver_code_are_reported(void **context)
{
    (void)context;
    expect(undefined, 0, 0, 0, RULE_CRASH, "test.sys+0x");
    expect(break_point, 0, 0, 0, RULE_CRASH, "int 3");
    expect(fast_fail, 0, 0, 0, RULE_CRASH, "__fastfail(2): stack cookie");
    expect(assertion, 0, 0, 0, RULE_CRASH, "assertion");
    expect(halt, 0, 0, 0, RULE_CRASH, "privileged");
    expect(read_msr, 0, 0, 0, RULE_CRASH, "rdmsr");
    expect(write_cr0, 0, 0, 0, RULE_CRASH, "cr0");
    expect(divide, 0, 0, 0, RULE_CRASH, "division");
    expect(mov_ax_bx, 0x18, 0, 0, RULE_CRASH, "NULL pointer");
    expect(mov_bx_ax, NO_MEMORY, 0, 0, RULE_CRASH, "no memory there");
    expect(call_ax, 0, 0x10, 0, RULE_CRASH, "returning to test.sys+0x");
    expect(write_self, 0, 0, 0, RULE_MEMORY, "test.sys+0x");
}

static void overrun_an_allocation(void *context)
{
    static const struct memory_options options = {.below_4g = 8u << 20};
    const struct memory_request request = {.kind = MEMORY_POOL, .bytes = 64, .name = "thing"};
    struct registers registers = {.ax = 1};
    char *memory;

    trap_init();
    memory_init(&options);
    memory = memory_alloc(&request);
    if (context != NULL) {
        trap_enter_export("memset");
        memset(memory, 0, 65);
        trap_leave_export();
    }
    run_at(mov_bx_ax, &registers, memory + 64 - sizeof(word) / 2);
}

static void memory_is_described(void **context)
{
    (void)context;
    expect_violation(overrun_an_allocation, NULL, RULE_MEMORY, "behind the end of thing");
    expect_violation(overrun_an_allocation, "", RULE_MEMORY, "in memset, called by the driver");
}

static void fault_in_the_bench(void *context)
{
    trap_init();
    *(volatile int *)context = 1;
}

static void faults_of_the_bench_are_left_alone(void **context)
{
    (void)context;
    expect_end(fault_in_the_bench, NULL, CHILD_FAULTED, "internal error", "");
}

static void wrong_size(void *context)
{
    (void)context;
    trap_write(TRAP_PORTS, (void *)0xc000, 8, 0);
}

static void wrong_sizes_are_refused(void **context)
{
    (void)context;
    expect_violation(wrong_size, NULL, RULE_ARGUMENT, "8 bytes");
}

static int set_up(void **context)
{
    (void)context;
    trap_init();
    trap_add_image(__start_driver_code, (size_t)(__stop_driver_code - __start_driver_code),
                   "test.sys");
    window = trap_map(TRAP_MEMORY, 0, DEVICE_BYTES, &device_ops, NULL, "BAR");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_do_on_registers_what_they_do_on_memory),
        cmocka_unit_test(string_instructions_move_each_element),
        cmocka_unit_test(accesses_arrive_with_offset_size_and_count),
        cmocka_unit_test(vector_registers_move_four_and_eight_bytes),
        cmocka_unit_test(port_instructions_reach_the_device),
        cmocka_unit_test(port_strings_move_each_element),
        cmocka_unit_test(interrupts_off_is_high_irql_until_popf_or_sti),
        cmocka_unit_test(an_access_may_cause_another),
        cmocka_unit_test(a_window_may_lie_where_nothing_can_be_mapped),
        cmocka_unit_test(watched_memory_tells_of_each_access),
        cmocka_unit_test(accesses_outside_of_registers_are_reported),
        cmocka_unit_test(faults_of_driver_code_are_reported),
        cmocka_unit_test(memory_is_described),
        cmocka_unit_test(faults_of_the_bench_are_left_alone),
        cmocka_unit_test(wrong_sizes_are_refused),
        ARCH_TESTS};

    return cmocka_run_group_tests(tests, set_up, NULL);
}
