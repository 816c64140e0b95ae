/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trapped accesses on ARM64: each form of a load or store runs on ordinary memory, by the processor,
 * and on watched memory and registers, by the bench, with the same contents and registers, and must
 * leave the same registers and contents. Then random encodings, ports, DAIF, x18, nesting, and what
 * is reported as a violation.
 *
 * The instructions lie in a section of their own that is registered as a driver's image.
 */
#include "expect_violation.h"

#include "base/random.h"
#include "machine/arm64/arm64.h"
#include "machine/barrier.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/thunk.h"
#include "machine/trap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- instructions that run as the driver's ---- */

/* x1 points to the place; x2 is 8, x3 ends in -8 as a 32-bit number, x4 in 16; x5 and x6 are free. */
#define REGISTER_INSTRUCTIONS(X)                                       \
    X(ldrb_0, "ldrb w0, [x1]")                                         \
    X(ldrb_3, "ldrb w7, [x1, #3]")                                     \
    X(ldrb_lost, "ldrb wzr, [x1]")                                     \
    X(ldrh_2, "ldrh w0, [x1, #2]")                                     \
    X(ldr_w_4, "ldr w0, [x1, #4]")                                     \
    X(ldr_x_8, "ldr x0, [x1, #8]")                                     \
    X(ldr_x_base, "ldr x1, [x1]")                                      \
    X(ldr_x29, "ldr x29, [x1]")                                        \
    X(ldr_x30, "mov x5, x30; ldr x30, [x1]; mov x6, x30; mov x30, x5") \
    X(ldrsb_w, "ldrsb w0, [x1, #5]")                                   \
    X(ldrsb_x, "ldrsb x0, [x1, #5]")                                   \
    X(ldrsh_w, "ldrsh w28, [x1, #6]")                                  \
    X(ldrsh_x, "ldrsh x28, [x1, #6]")                                  \
    X(ldrsw_x, "ldrsw x17, [x1, #12]")                                 \
    X(ldur_w, "ldur w0, [x1, #-4]")                                    \
    X(ldurb, "ldurb w0, [x1, #-7]")                                    \
    X(ldursh, "ldursh x0, [x1, #-2]")                                  \
    X(ldursw, "ldursw x0, [x1, #-8]")                                  \
    X(ldtr_x, "ldtr x0, [x1, #16]")                                    \
    X(ldtrsb, "ldtrsb w0, [x1, #1]")                                   \
    X(ldr_index, "ldr x0, [x1, x2]")                                   \
    X(ldr_scaled, "ldr w0, [x1, x2, lsl #2]")                          \
    X(ldrh_sxtw, "ldrh w0, [x1, w3, sxtw #1]")                         \
    X(ldr_sxtw, "ldr w0, [x1, w3, sxtw]")                              \
    X(ldr_uxtw, "ldr w0, [x1, w4, uxtw #2]")                           \
    X(ldrsw_sxtx, "ldrsw x0, [x1, x2, sxtx #2]")                       \
    X(ldar_w, "ldar w0, [x1]")                                         \
    X(ldar_x, "ldar x0, [x1]")                                         \
    X(ldarb, "ldarb w0, [x1]")                                         \
    X(ldarh, "ldarh w0, [x1]")                                         \
    X(strb_3, "strb w0, [x1, #3]")                                     \
    X(strh_2, "strh w0, [x1, #2]")                                     \
    X(str_w_4, "str w9, [x1, #4]")                                     \
    X(str_x_8, "str x10, [x1, #8]")                                    \
    X(str_wzr, "str wzr, [x1]")                                        \
    X(str_xzr, "str xzr, [x1]")                                        \
    X(str_base, "str x1, [x1, x2]; str xzr, [x1, x2]")                 \
    X(stur_w, "stur w0, [x1, #-4]")                                    \
    X(sturb, "sturb w0, [x1, #-1]")                                    \
    X(sturh, "sturh w0, [x1, #-2]")                                    \
    X(sttr_x, "sttr x0, [x1, #8]")                                     \
    X(sttrb, "sttrb w0, [x1, #9]")                                     \
    X(str_index, "str x0, [x1, x2]")                                   \
    X(str_sxtw, "str w0, [x1, w3, sxtw #2]")                           \
    X(strb_uxtw, "strb w0, [x1, w4, uxtw]")                            \
    X(stlr_w, "stlr w0, [x1]")                                         \
    X(stlr_x, "stlr x0, [x1]")                                         \
    X(stlrb, "stlrb w0, [x1]")                                         \
    X(stlrh, "stlrh w0, [x1]")

/* Those that no hypervisor emulates on registers; rings may be accessed by them. */
#define MEMORY_INSTRUCTIONS(X)               \
    X(ldr_post, "ldr w0, [x1], #4")          \
    X(ldr_post_back, "ldr x0, [x1], #-8")    \
    X(ldrb_post, "ldrb w0, [x1], #1")        \
    X(ldrsh_pre, "ldrsh x0, [x1, #2]!")      \
    X(ldr_pre_back, "ldr x0, [x1, #-16]!")   \
    X(str_post, "str w0, [x1], #4")          \
    X(strh_post, "strh w0, [x1], #-2")       \
    X(str_pre, "str x0, [x1, #8]!")          \
    X(strb_pre, "strb wzr, [x1, #-3]!")      \
    X(ldp_x, "ldp x0, x7, [x1, #16]")        \
    X(ldp_w, "ldp w0, w7, [x1, #-8]")        \
    X(ldp_first_base, "ldp x1, x0, [x1]")    \
    X(ldp_second_base, "ldp x0, x1, [x1]")   \
    X(ldp_lost, "ldp xzr, x0, [x1]")         \
    X(ldp_post, "ldp x0, x7, [x1], #16")     \
    X(ldp_pre, "ldp w0, w7, [x1, #-8]!")     \
    X(ldpsw, "ldpsw x0, x7, [x1, #8]")       \
    X(ldpsw_post, "ldpsw x0, x7, [x1], #8")  \
    X(ldnp_x, "ldnp x0, x7, [x1, #16]")      \
    X(stp_x, "stp x0, x7, [x1, #16]")        \
    X(stp_w, "stp w0, wzr, [x1]")            \
    X(stp_pre, "stp x0, x7, [x1, #-16]!")    \
    X(stp_post, "stp x0, x7, [x1], #32")     \
    X(stnp_w, "stnp w0, w7, [x1, #8]")       \
    X(unaligned_load, "ldr x0, [x1, #3]")    \
    X(unaligned_store, "stur w0, [x1, #-3]") \
    X(ldr_b, "ldr b0, [x1, #3]")             \
    X(ldr_h, "ldr h1, [x1, #2]")             \
    X(ldr_s, "ldr s2, [x1, #4]")             \
    X(ldr_d, "ldr d3, [x1, #8]")             \
    X(ldr_q, "ldr q0, [x1, #16]")            \
    X(ldur_q, "ldur q0, [x1, #-15]")         \
    X(ldr_d_post, "ldr d1, [x1], #8")        \
    X(str_b, "str b0, [x1, #3]")             \
    X(str_h, "str h1, [x1, #2]")             \
    X(str_s, "str s2, [x1, #4]")             \
    X(str_d, "str d3, [x1, #8]")             \
    X(str_q, "str q0, [x1, #16]")            \
    X(str_q_pre, "str q1, [x1, #-16]!")      \
    X(ldp_q, "ldp q0, q1, [x1, #32]")        \
    X(ldp_s, "ldp s2, s3, [x1, #8]")         \
    X(stp_q, "stp q0, q1, [x1]")             \
    X(stp_d, "stp d2, d3, [x1, #-16]")

#define OTHER_INSTRUCTIONS(X)                                                               \
    X(exclusive_add, "1: ldxr w0, [x1]; add w5, w0, #1; stxr w6, w5, [x1]; cbnz w6, 1b")    \
    X(daif_set, "mrs x0, daif; msr daifset, #2; mrs x5, daif; ldrb w6, [x18, #0x38];"       \
                "msr daifclr, #2; ldrb w7, [x18, #0x38]")                                   \
    X(daif_kept, "mrs x0, daif; msr daifset, #0xf; mrs x5, daif; ldrb w6, [x18, #0x38];"    \
                 "msr daif, x5; msr daif, x0; ldrb w7, [x18, #0x38]")                       \
    X(daif_other, "msr daifset, #4; ldrb w6, [x18, #0x38]; msr daifclr, #4; mov x5, #0x80;" \
                  "mrs x0, daif; ldrb w7, [x18, #0x38]")                                    \
    X(change_x18, "mov x18, x2; ldr w0, [x1]; mov x18, x3")                                 \
    X(undefined, "udf #0")                                                                  \
    X(break_point, "brk #0xf000")                                                           \
    X(fast_fail, "mov w0, #2; brk #0xf003")                                                 \
    X(assertion, "brk #0xf001")                                                             \
    X(never_reached, "brk #1")                                                              \
    X(zero_divide, "brk #0xf004")                                                           \
    X(hypervisor, "hvc #0")                                                                 \
    X(read_el1, "mrs x0, tpidr_el1")                                                        \
    X(call_x0, "mov x5, x30; blr x0; mov x30, x5")                                          \
    X(clear_line, "dc zva, x1")                                                             \
    X(load_structure, "ld1 {v0.4s}, [x1]")                                                  \
    X(write_self, "adr x5, write_self; strb wzr, [x5]")

#define DEFINE(name, text)                                  \
    __asm__(".pushsection driver_code, \"ax\", %progbits\n" \
            ".balign 4\n"                                   \
            ".globl " #name "\n" #name ": " text "\n ret\n" \
            ".popsection\n");                               \
    void name(void);
REGISTER_INSTRUCTIONS(DEFINE)
MEMORY_INSTRUCTIONS(DEFINE)
OTHER_INSTRUCTIONS(DEFINE)

extern const char __start_driver_code[], __stop_driver_code[];

/* x18, x30 and sp are not loaded. */
struct registers {
    uint64_t x[30];
    uint64_t v[4][2];
};

/* Loads the registers, calls the code, stores them. */
void run_code(struct registers *registers, void (*code)(void));
__asm__(".text\n"
        "run_code:\n"
        " stp x29, x30, [sp, #-112]!\n"
        " stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]\n"
        " stp x25, x26, [sp, #64]; stp x27, x28, [sp, #80]; str x0, [sp, #96]\n"
        " mov x30, x1\n"
        " ldp q0, q1, [x0, #240]; ldp q2, q3, [x0, #272]\n"
        " ldp x28, x29, [x0, #224]; ldp x26, x27, [x0, #208]; ldp x24, x25, [x0, #192]\n"
        " ldp x22, x23, [x0, #176]; ldp x20, x21, [x0, #160]; ldr x19, [x0, #152]\n"
        " ldp x16, x17, [x0, #128]; ldp x14, x15, [x0, #112]; ldp x12, x13, [x0, #96]\n"
        " ldp x10, x11, [x0, #80]; ldp x8, x9, [x0, #64]; ldp x6, x7, [x0, #48]\n"
        " ldp x4, x5, [x0, #32]; ldp x2, x3, [x0, #16]; ldp x0, x1, [x0]\n"
        " blr x30\n"
        " ldr x30, [sp, #96]\n"
        " stp x0, x1, [x30]; stp x2, x3, [x30, #16]; stp x4, x5, [x30, #32]\n"
        " stp x6, x7, [x30, #48]; stp x8, x9, [x30, #64]; stp x10, x11, [x30, #80]\n"
        " stp x12, x13, [x30, #96]; stp x14, x15, [x30, #112]; stp x16, x17, [x30, #128]\n"
        " str x19, [x30, #152]; stp x20, x21, [x30, #160]; stp x22, x23, [x30, #176]\n"
        " stp x24, x25, [x30, #192]; stp x26, x27, [x30, #208]; stp x28, x29, [x30, #224]\n"
        " stp q0, q1, [x30, #240]; stp q2, q3, [x30, #272]\n"
        " ldp x27, x28, [sp, #80]; ldp x25, x26, [sp, #64]; ldp x23, x24, [sp, #48]\n"
        " ldp x21, x22, [sp, #32]; ldp x19, x20, [sp, #16]; ldp x29, x30, [sp], #112\n"
        " ret\n");

/* ---- a device of plain bytes ---- */

#define DEVICE_BYTES 0x200
#define MIDDLE       0x100 /* where x1 points */
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

static uint8_t *new_memory(size_t bytes)
{
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

/* ---- the same on memory, watched memory and registers ---- */

static uint64_t edge_value(uint64_t *state)
{
    static const uint64_t edges[] = {0,      1,          0x7f,       0x80,       0xff,
                                     0x7fff, 0x8000,     0x7fffffff, 0x80000000, 0xffffffff,
                                     ~0ull,  1ull << 63, ~0ull >> 1};
    uint64_t draw = random_next(state);

    return draw % 3 == 0 ? edges[(draw >> 8) % (sizeof(edges) / sizeof(edges[0]))] : draw;
}

static void draw_registers(struct registers *registers, uint64_t *state)
{
    uint64_t *values = (uint64_t *)registers;

    for (size_t index = 0; index < sizeof(*registers) / sizeof(*values); index++) {
        values[index] = edge_value(state);
    }
    registers->x[2] = 8;
    registers->x[3] = (random_next(state) << 32) | (uint32_t)-8;
    registers->x[4] = (random_next(state) << 32) | 16;
}

static void draw_memory(uint8_t *memory, uint64_t *state)
{
    for (size_t offset = 0; offset < DEVICE_BYTES; offset += 8) {
        uint64_t value = edge_value(state);

        memcpy(memory + offset, &value, sizeof(value));
    }
}

/* x1 is compared by how far it moved, unless something was loaded into it. */
static void assert_same(const char *name, struct registers plain, struct registers trapped,
                        const uint8_t *plain_base, const uint8_t *trapped_base)
{
    uint64_t plain_moved = plain.x[1] - (uintptr_t)plain_base;

    if (plain_moved + 2048 <= 4096 && plain.x[1] != trapped.x[1]) {
        plain.x[1] += (uint64_t)(trapped_base - plain_base);
    }
    plain.x[18] = trapped.x[18] = 0;
    for (unsigned index = 0; index < 30; index++) {
        if (plain.x[index] != trapped.x[index]) {
            fail_msg("%s: x%u is 0x%llx by the processor and 0x%llx by the bench", name, index,
                     (unsigned long long)plain.x[index], (unsigned long long)trapped.x[index]);
        }
    }
    for (unsigned index = 0; index < 4; index++) {
        if (memcmp(plain.v[index], trapped.v[index], sizeof(plain.v[0])) != 0) {
            fail_msg(
                "%s: v%u is 0x%016llx%016llx by the processor and 0x%016llx%016llx by the bench",
                name, index, (unsigned long long)plain.v[index][1],
                (unsigned long long)plain.v[index][0], (unsigned long long)trapped.v[index][1],
                (unsigned long long)trapped.v[index][0]);
        }
    }
}

static void run_on(void (*code)(void), struct registers *registers, const void *place)
{
    registers->x[1] = (uintptr_t)place;
    run_code(registers, code);
}

/* Where the second run takes place: watched memory or, NULL, the window. */
static void compare_once(const char *name, void (*code)(void), uint8_t *other, uint64_t *state)
{
    static uint8_t memory[DEVICE_BYTES] __attribute__((aligned(16)));
    const uint8_t *place = other != NULL ? other : window;
    struct registers plain, trapped;

    draw_memory(memory, state);
    if (other != NULL) {
        trap_unwatch(other);
    }
    memcpy(other != NULL ? other : device.bytes, memory, sizeof(memory));
    if (other != NULL) {
        trap_watch(other, 0x1000, note_watched, other);
    }
    draw_registers(&plain, state);
    trapped = plain;
    run_on(code, &plain, memory + MIDDLE);
    run_on(code, &trapped, place + MIDDLE);
    if (other != NULL) {
        trap_unwatch(other);
    }
    assert_same(name, plain, trapped, memory + MIDDLE, place + MIDDLE);
    if (memcmp(memory, other != NULL ? other : device.bytes, sizeof(memory)) != 0) {
        fail_msg("%s: the contents differ", name);
    }
}

struct named_code {
    const char *name;
    void (*code)(void);
};

#define ENTRY(name, text) {text, name},
static const struct named_code for_registers[] = {REGISTER_INSTRUCTIONS(ENTRY)};
static const struct named_code for_memory[] = {REGISTER_INSTRUCTIONS(ENTRY)
                                                   MEMORY_INSTRUCTIONS(ENTRY)};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void instructions_do_on_registers_what_they_do_on_memory(void **context)
{
    uint64_t state = 1, before;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    for (size_t index = 0; index < COUNT(for_registers); index++) {
        for (unsigned round = 0; round < 20; round++) {
            before = trap_accesses();
            compare_once(for_registers[index].name, for_registers[index].code, NULL, &state);
            assert_true(trap_accesses() > before);
        }
    }
}

static void instructions_do_on_watched_memory_what_they_do_on_memory(void **context)
{
    uint8_t *memory = new_memory(0x1000);
    uint64_t state = 2;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    for (size_t index = 0; index < COUNT(for_memory); index++) {
        for (unsigned round = 0; round < 20; round++) {
            watched_count = 0;
            compare_once(for_memory[index].name, for_memory[index].code, memory, &state);
            if (watched_count == 0) {
                fail_msg("%s: the watcher was not called", for_memory[index].name);
            }
        }
    }
    munmap(memory, 0x1000);
}

/* ---- random encodings ---- */

/* A page that holds one instruction and a return, seen as a driver's. */
static uint32_t *code_page;

/* Whether running a word compares two runs: registers other than the base do not move the access,
 * the base is x1, and the result is one that the architecture defines. */
static bool is_comparable(const struct trap_instruction *instruction, uint64_t base)
{
    const struct trap_decoded *decoded = &instruction->decoded;
    uint64_t offset = instruction->access[0].address - base;

    if ((decoded->operation != ARM64_LOAD && decoded->operation != ARM64_STORE) ||
        decoded->base.file != ARM64_GENERAL || decoded->base.number != 1 || offset + 64 >= 128) {
        return false;
    }
    for (unsigned index = 0; index < decoded->count; index++) {
        const struct arm64_register *target = &decoded->target[index];

        if ((target->file == ARM64_VECTOR && target->number > 3) ||
            (target->file == ARM64_GENERAL &&
             (target->number == 18 || target->number == 30 ||
              (target->number == 1 && decoded->operation == ARM64_STORE) ||
              (target->number == 1 && decoded->writes_back)))) {
            return false;
        }
    }
    /* Two loads into one register, and base registers that acquire and release want aligned. */
    return !(decoded->count == 2 && decoded->operation == ARM64_LOAD &&
             decoded->target[0].number == decoded->target[1].number &&
             decoded->target[0].file == decoded->target[1].file);
}

/* Decodes a word as if it stood on the code page and the registers were these. */
static void decode_word(uint32_t word, const struct registers *registers,
                        struct trap_instruction *instruction)
{
    static ucontext_t context;

    *code_page = word;
    memcpy(context.uc_mcontext.regs, registers->x, sizeof(registers->x));
    context.uc_mcontext.pc = (uintptr_t)code_page;
    assert_true(trap_decode(instruction, &context));
}

static void random_encodings_do_what_they_do_on_memory(void **context)
{
    uint8_t *memory = new_memory(0x1000);
    uint64_t state = 3;
    unsigned compared = 0;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    for (unsigned round = 0; round < 60000; round++) {
        /* The class of loads and stores (bits 27 and 25 are 1 and 0), x1 as base. */
        uint32_t word =
            ((uint32_t)random_next(&state) & ~(2u << 25 | 31u << 5)) | 4u << 25 | 1u << 5;
        struct registers registers = {.x = {[1] = 0x10000, [2] = 8, [3] = (uint32_t)-8, [4] = 16}};
        struct trap_instruction instruction;
        char name[96];

        decode_word(word, &registers, &instruction);
        if (!is_comparable(&instruction, 0x10000)) {
            continue;
        }
        /* An index register is one of those whose value is known; x2 if all 64 bits count. */
        if ((word >> 24 & 0x3b) == 0x38 && (word >> 10 & 3) == 2 && (word >> 21 & 1) == 1) {
            word = (word & ~(31u << 16)) | (2u + ((word >> 13 & 1) != 0 ? 0 : word % 3)) << 16;
            decode_word(word, &registers, &instruction);
            if (!is_comparable(&instruction, 0x10000)) {
                continue;
            }
        }
        code_page[1] = 0xd65f03c0; /* ret */
        __builtin___clear_cache((char *)code_page, (char *)(code_page + 2));
        trap_instruction_text(&instruction, name, sizeof(name));
        compare_once(name, (void (*)(void))(uintptr_t)code_page, memory, &state);
        compared++;
    }
    assert_true(compared > 500);
    munmap(memory, 0x1000);
}

/* Whatever is decoded is bounded, and has a text. */
static void hostile_encodings_are_bounded(void **context)
{
    struct registers registers;
    uint64_t state = 4;

    (void)context;
    draw_registers(&registers, &state);
    for (unsigned round = 0; round < 100000; round++) {
        struct trap_instruction instruction;
        char text[96];

        decode_word((uint32_t)random_next(&state), &registers, &instruction);
        assert_true(instruction.length == 4);
        assert_true(instruction.access_count <= 1);
        assert_true(instruction.decoded.count <= 2);
        if (instruction.decoded.operation != ARM64_OTHER) {
            unsigned size = instruction.decoded.size;

            assert_true(instruction.decoded.count >= 1);
            assert_true(size == 1 || size == 2 || size == 4 || size == 8 || size == 16);
            assert_int_equal(instruction.access[0].size, size * instruction.decoded.count);
            assert_true(instruction.decoded.target[0].number <= 31);
            assert_true(instruction.decoded.base.number <= 31);
        } else {
            assert_int_equal(instruction.access_count, 0);
            assert_false(instruction.decoded.writes_back);
        }
        trap_instruction_text(&instruction, text, sizeof(text));
        assert_true(text[0] != '\0');
    }
}

/* What no test can run: the stack pointer as base, exclusives, what belongs to another version. */
static void encodings_are_known(void **context)
{
    static const struct {
        uint32_t word;
        enum arm64_operation operation;
        unsigned count, size;
        int64_t offset;
        bool writes_back, privileged;
        const char *text;
    } known[] = {
        {0xb94007e0, ARM64_LOAD, 1, 4, 4, false, false, "ldr w0, [sp, #4]"},
        {0xf81f0fff, ARM64_STORE, 1, 8, -16, true, false, "str xzr, [sp, #-0x10]!"},
        {0xa8c17bfd, ARM64_LOAD, 2, 8, 0, true, false, "ldp x29, x30, [sp], #0x10"},
        {0x885f7c20, ARM64_EXCLUSIVE, 1, 4, 0, false, false, "ldxr w0, [x1]"},
        {0x88027c20, ARM64_EXCLUSIVE, 1, 4, 0, false, false, "stxr w2, w0, [x1]"},
        {0xc87f0420, ARM64_EXCLUSIVE, 2, 8, 0, false, false, "ldxp x0, x1, [x1]"},
        {0xb8200041, ARM64_OTHER, 0, 0, 0, false, false, ".inst 0xb8200041"}, /* ldadd */
        {0x4c407820, ARM64_OTHER, 0, 0, 0, false, false, "ld1 {v0.4s}, [x1]"},
        {0xd53b4220, ARM64_OTHER, 0, 0, 0, false, true, "mrs x0, daif"},
        {0xd4000002, ARM64_OTHER, 0, 0, 0, false, true, "hvc #0"},
        {0x00000000, ARM64_OTHER, 0, 0, 0, false, false, ".inst 0x00000000"},
        {0xffffffff, ARM64_OTHER, 0, 0, 0, false, false, ".inst 0xffffffff"},
        {0x8b020020, ARM64_OTHER, 0, 0, 0, false, false, "add x0, x1, x2"},
    };
    struct registers registers = {.x = {[1] = 0x5000}};

    (void)context;
    for (size_t index = 0; index < COUNT(known); index++) {
        struct trap_instruction instruction;
        char text[96];

        decode_word(known[index].word, &registers, &instruction);
        trap_instruction_text(&instruction, text, sizeof(text));
        assert_string_equal(text, known[index].text);
        assert_int_equal(instruction.decoded.operation, known[index].operation);
        assert_int_equal(instruction.decoded.count, known[index].count);
        assert_int_equal(instruction.decoded.size, known[index].size);
        assert_int_equal(instruction.decoded.writes_back, known[index].writes_back);
        assert_int_equal(instruction.privileged, known[index].privileged);
        if (known[index].operation != ARM64_OTHER) {
            uint64_t base = instruction.decoded.base.file == ARM64_STACK ? 0 : 0x5000;

            assert_true(instruction.access[0].address == base + (uint64_t)known[index].offset);
        }
    }
}

/* ---- accesses ---- */

static void accesses_arrive_with_offset_size_and_count(void **context)
{
    struct registers registers = {.x = {[0] = 0x1122334455667788, [2] = 8}};
    uint64_t before = trap_accesses();

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    device.accesses = 0;
    run_on(strh_2, &registers, window + MIDDLE);
    run_on(ldrb_3, &registers, window + MIDDLE);
    assert_int_equal(device.accesses, 2);
    assert_int_equal(trap_accesses() - before, 2);
    assert_true(device.log[0].write);
    assert_int_equal(device.log[0].offset, MIDDLE + 2);
    assert_int_equal(device.log[0].size, 2);
    assert_int_equal(device.log[0].value, 0x7788);
    assert_false(device.log[1].write);
    assert_int_equal(device.log[1].offset, MIDDLE + 3);
    assert_int_equal(device.log[1].size, 1);
}

static void ports_are_memory(void **context)
{
    struct registers registers = {.x = {[0] = 0x99}};
    uint8_t *ports;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    ports = trap_map(TRAP_PORTS, 0xc000, 0x40, &device_ops, NULL, "ports");
    assert_true((uintptr_t)ports > 0xffff);
    device.bytes[0x12] = 0x34;
    device.accesses = 0;
    run_on(ldrh_2, &registers, ports + 0x10);
    assert_int_equal(registers.x[0] & 0xff, 0x34);
    assert_int_equal(device.log[0].offset, 0x12);
    trap_write(TRAP_PORTS, ports + 8, 2, 0x5566);
    assert_int_equal(trap_read(TRAP_PORTS, ports + 8, 2), 0x5566);
    trap_unmap(ports, TRAP_PORTS);
}

static void nested_access(void)
{
    struct registers registers = {.x = {[0] = 0x5a}};

    run_on(str_w_4, &registers, window + 0x40);
}

static void an_access_may_cause_another(void **context)
{
    struct registers registers = {.x = {[0] = 0x1234}};
    uint32_t value = 0x77665544;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE + 4, &value, sizeof(value));
    device.on_read = nested_access;
    device.accesses = 0;
    run_on(ldr_w_4, &registers, window + MIDDLE);
    assert_int_equal(registers.x[0], value);
    assert_int_equal(device.accesses, 2);
    assert_true(device.log[1].write);
    assert_int_equal(device.log[1].offset, 0x44);
}

static void a_window_may_lie_where_nothing_can_be_mapped(void **context)
{
    static const struct trap_ops read_only = {.read = device_read};
    struct registers registers = {.x = {0}};
    uint64_t value = 0x0123456789abcdef, before = trap_accesses();

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map_fixed(0xfffff78000000000, 0x100, &read_only, NULL, "shared page");
    memcpy(device.bytes + 0x14, &value, sizeof(value));
    run_on(ldp_w, &registers, (void *)0xfffff7800000001c); /* memory: any access may be */
    assert_true(registers.x[0] == (uint32_t)value);
    assert_true(registers.x[7] == value >> 32);
    assert_int_equal(trap_accesses(), before);
}

/* ---- watched memory ---- */

static void watched_memory_tells_of_each_access(void **context)
{
    uint8_t *memory = new_memory(0x3000);
    struct registers registers = {.x = {[2] = 8, [9] = 0x11223344, [10] = 0x1122334455667788}};
    uint8_t copy[64];

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memset(memory, 0x21, 0x3000);
    trap_watch(memory, 0x2000, note_watched, memory);
    watched_count = 0;
    run_on(str_x_8, &registers, memory + 8);
    run_on(unaligned_load, &registers, memory + 0xff9); /* over the boundary of two pages */
    run_on(str_x_8, &registers, memory + 0x1ff8);       /* not watched */
    assert_int_equal(watched_count, 2);
    assert_true(watched[0].write);
    assert_int_equal(watched[0].offset, 0x10);
    assert_int_equal(watched[0].size, 8);
    assert_false(watched[1].write);
    assert_int_equal(watched[1].offset, 0xffc);
    assert_true(registers.x[0] == 0x2121212121212121);

    run_on(exclusive_add, &registers, memory + 0x10);
    assert_int_equal(watched_count, 4); /* as a read and a write */
    assert_int_equal(registers.x[0], 0x55667788);
    assert_int_equal(registers.x[6], 0);
    run_on(ldr_w_4, &registers, memory + 0xc); /* the page was left open */
    assert_int_equal(watched_count, 4);
    assert_int_equal(registers.x[0], 0x55667789);
    trap_enter_export("an export"); /* closes it */
    trap_leave_export();
    run_on(ldr_w_4, &registers, memory + 0xc);
    assert_int_equal(watched_count, 5);
    run_on(load_structure, &registers, memory + 0x20);
    assert_int_equal(watched_count, 6);
    run_on(ldr_w_4, &registers, memory + 0x100c); /* another page: an access closes the first */
    run_on(ldr_w_4, &registers, memory + 0xc);
    assert_int_equal(watched_count, 8);

    memcpy(copy, memory + 0x10, sizeof(copy)); /* the bench's code is seen as well */
    assert_true(watched_count > 8);
    assert_int_equal(copy[0], 0x89);
    trap_unwatch(memory);
    watched_count = 0;
    run_on(str_x_8, &registers, memory);
    assert_int_equal(watched_count, 0);
    munmap(memory, 0x3000);
}

/* ---- the processor ---- */

struct on_processor {
    void (*code)(void);
    struct registers registers;
    uint8_t irql_after;
};

static void run_in_context(void *context)
{
    struct on_processor *run = context;

    thunk_enter_driver();
    run_code(&run->registers, run->code);
    run->irql_after = cpu_irql();
}

static void interrupts_off_is_high_irql_until_on(void **context)
{
    static void (*const codes[])(void) = {daif_set, daif_kept};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    for (unsigned index = 0; index < COUNT(codes); index++) {
        struct on_processor run = {.code = codes[index]};

        cpu_call(0, IRQL_DISPATCH, run_in_context, &run, "daif");
        assert_int_equal(run.registers.x[0], 0);
        assert_int_equal(run.registers.x[5], 0x80);
        assert_int_equal(run.registers.x[6], IRQL_HIGH);
        assert_int_equal(run.registers.x[7], IRQL_DISPATCH);
        assert_int_equal(run.irql_after, IRQL_DISPATCH);
    }
    struct on_processor other = {.code = daif_other}; /* SError, not interrupts */
    cpu_call(0, IRQL_DISPATCH, run_in_context, &other, "daif");
    assert_int_equal(other.registers.x[6], IRQL_DISPATCH);
    assert_int_equal(other.registers.x[0], 0);
    cpu_stop();
}

/* ---- barriers ---- */

/* Runs one instruction behind a point, with its barriers followed; tells which came since. */
static unsigned barriers_of(uint32_t word)
{
    struct registers registers = {.x = {0}};
    struct barrier_point point = barrier_now();
    unsigned seen = 0;

    code_page[0] = word;
    code_page[1] = 0xd65f03c0; /* ret */
    barrier_prepare_code(code_page, 4096);
    run_on((void (*)(void))(uintptr_t)code_page, &registers, NULL);
    for (enum barrier barrier = BARRIER_LOADS; barrier < BARRIERS; barrier++) {
        seen |= barrier_since(point, barrier) ? 1u << barrier : 0;
    }
    mprotect(code_page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    return seen;
}

static void barriers_that_reach_devices_are_seen(void **context)
{
    enum {
        LOADS = 1u << BARRIER_LOADS,
        STORES = 1u << BARRIER_STORES,
        ALL = LOADS | STORES | 1u << BARRIER_FULL,
    };

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    assert_true(barrier_follow());
    assert_int_equal(barriers_of(0xd50331bf), LOADS);  /* dmb oshld */
    assert_int_equal(barriers_of(0xd50332bf), STORES); /* dmb oshst */
    assert_int_equal(barriers_of(0xd50333bf), ALL);    /* dmb osh */
    assert_int_equal(barriers_of(0xd5033dbf), LOADS);  /* dmb ld */
    assert_int_equal(barriers_of(0xd5033ebf), STORES); /* dmb st */
    assert_int_equal(barriers_of(0xd5033fbf), ALL);    /* dmb sy */
    assert_int_equal(barriers_of(0xd503339f), ALL);    /* dsb osh */
    assert_int_equal(barriers_of(0xd5033f9f), ALL);    /* dsb sy */
    assert_int_equal(barriers_of(0xd5033bbf), 0);      /* dmb ish: processors only */
    assert_int_equal(barriers_of(0xd50337bf), 0);      /* dmb nsh */
    assert_int_equal(barriers_of(0xd5033fdf), 0);      /* isb */
    assert_int_equal(barriers_of(0xd503201f), 0);      /* nop */
}

/* ---- what is a violation ---- */

/* Runs in a child, where signal handlers were reset: everything is set up again. */
struct attempt {
    void (*code)(void);
    uint64_t x0, x1;
};

static void try_code(void *context)
{
    struct attempt *attempt = context;
    struct registers registers = {.x = {[0] = attempt->x0, [2] = 8, [3] = (uint32_t)-8, [4] = 16}};

    trap_init();
    run_on(attempt->code, &registers, (void *)(uintptr_t)attempt->x1);
}

static void expect(void (*code)(void), uint64_t x1, uint64_t x0, enum rule rule, const char *part)
{
    struct attempt attempt = {code, x0, x1};

    expect_violation(try_code, &attempt, rule, part);
}

static void accesses_outside_of_registers_are_reported(void **context)
{
    uint64_t at = (uintptr_t)window;
    void *gone = trap_map(TRAP_MEMORY, 0, 0x10, &device_ops, NULL, "old BAR");

    (void)context;
    expect(ldr_x_8, at + DEVICE_BYTES - 8, 0, RULE_MEMORY, "offset 0x200 of BAR");
    expect(str_x_8, at + 0x1000, 0, RULE_MEMORY, "offset 0x1008 of BAR");
    expect(str_w_4, at - 8, 0, RULE_MEMORY, "offset -0x4 of BAR");
    trap_unmap(gone, TRAP_MEMORY);
    expect(ldr_w_4, (uintptr_t)gone, 0, RULE_MEMORY, "old BAR, which was unmapped");
    expect(str_x_8, 0xfffff78000000000, 0, RULE_MEMORY, "read-only");
}

static void what_no_hypervisor_emulates_is_reported(void **context)
{
    uint64_t at = (uintptr_t)window + MIDDLE;

    (void)context;
    expect(ldr_post, at, 0, RULE_CRASH, "writes its base back");
    expect(str_pre, at, 0, RULE_CRASH, "str x0, [x1, #8]!");
    expect(ldp_x, at, 0, RULE_CRASH, "a pair");
    expect(stp_w, at, 0, RULE_CRASH, "a pair");
    expect(ldr_s, at, 0, RULE_CRASH, "vector register");
    expect(str_q, at, 0, RULE_CRASH, "vector register");
    expect(exclusive_add, at, 0, RULE_CRASH, "exclusive access");
    expect(unaligned_load, at, 0, RULE_CRASH, "not aligned");
    expect(load_structure, at, 0, RULE_CRASH, "does not know this instruction");
    expect(clear_line, at, 0, RULE_CRASH, "does not know this instruction");
}

static void faults_of_driver_code_are_reported(void **context)
{
    (void)context;
    expect(undefined, 0, 0, RULE_CRASH, "test.sys+0x");
    expect(undefined, 0, 0, RULE_CRASH, "invalid instruction");
    expect(break_point, 0, 0, RULE_CRASH, "breakpoint (brk 0xf000)");
    expect(fast_fail, 0, 0, RULE_CRASH, "__fastfail(2): stack cookie");
    expect(assertion, 0, 0, RULE_CRASH, "assertion");
    expect(never_reached, 0, 0, RULE_CRASH, "place never reached");
    expect(zero_divide, 0, 0, RULE_CRASH, "division by zero");
    expect(hypervisor, 0, 0, RULE_CRASH, "privileged");
    expect(read_el1, 0, 0, RULE_CRASH, "mrs x0, tpidr_el1");
    expect(ldr_x_8, 0x10, 0, RULE_CRASH, "read at 0x18: a NULL pointer");
    expect(str_x_8, 0x10, 0, RULE_CRASH, "write at 0x18: a NULL pointer");
    expect(str_x_8, 0x123400000000ff8, 0, RULE_CRASH, "write at 0x123400000001000: no memory");
    expect(ldr_x_8, 0xffff800000001000, 0, RULE_CRASH, "no memory there");
    expect(call_x0, 0, 0x10, RULE_CRASH, "returning to test.sys+0x");
    expect(write_self, 0, 0, RULE_MEMORY, "test.sys+0x");
    expect(ldar_w, (uintptr_t)device.bytes + 1, 0, RULE_CRASH, "not aligned");
    expect(ldr_x_8, 0x10, 0, RULE_CRASH, "x18=");
}

static void change_the_platform_register(void *context)
{
    struct on_processor run = {.code = change_x18, .registers = {.x = {[1] = (uintptr_t)context}}};

    trap_init();
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_PASSIVE, run_in_context, &run, "x18");
}

static void a_change_of_x18_is_reported(void **context)
{
    (void)context;
    expect_violation(change_the_platform_register, window, RULE_CRASH, "changed x18");
}

static void overrun_an_allocation(void *context)
{
    static const struct memory_options options = {.below_4g = 8u << 20};
    const struct memory_request request = {.kind = MEMORY_POOL, .bytes = 64, .name = "thing"};
    struct registers registers = {.x = {[0] = 1}};
    char *memory;

    trap_init();
    memory_init(&options);
    memory = memory_alloc(&request);
    if (context != NULL) {
        trap_enter_export("memset");
        memset(memory, 0, 65);
        trap_leave_export();
    }
    run_on(str_x_8, &registers, memory + 52);
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

static int set_up(void **context)
{
    (void)context;
    trap_init();
    trap_add_image(__start_driver_code, (size_t)(__stop_driver_code - __start_driver_code),
                   "test.sys");
    window = trap_map(TRAP_MEMORY, 0, DEVICE_BYTES, &device_ops, NULL, "BAR");
    code_page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    trap_add_image(code_page, 4096, "random.sys");
    return code_page == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_do_on_registers_what_they_do_on_memory),
        cmocka_unit_test(instructions_do_on_watched_memory_what_they_do_on_memory),
        cmocka_unit_test(random_encodings_do_what_they_do_on_memory),
        cmocka_unit_test(hostile_encodings_are_bounded),
        cmocka_unit_test(encodings_are_known),
        cmocka_unit_test(accesses_arrive_with_offset_size_and_count),
        cmocka_unit_test(ports_are_memory),
        cmocka_unit_test(an_access_may_cause_another),
        cmocka_unit_test(a_window_may_lie_where_nothing_can_be_mapped),
        cmocka_unit_test(watched_memory_tells_of_each_access),
        cmocka_unit_test(interrupts_off_is_high_irql_until_on),
        cmocka_unit_test(barriers_that_reach_devices_are_seen),
        cmocka_unit_test(accesses_outside_of_registers_are_reported),
        cmocka_unit_test(what_no_hypervisor_emulates_is_reported),
        cmocka_unit_test(faults_of_driver_code_are_reported),
        cmocka_unit_test(a_change_of_x18_is_reported),
        cmocka_unit_test(memory_is_described),
        cmocka_unit_test(faults_of_the_bench_are_left_alone),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
