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

/* rbx points to the window; r12 is 8, an index; rsi and rdi are set by the string tests. */
#define INSTRUCTIONS(X)                                                          \
    X(mov_r8_m, "movb (%rbx), %cl", ALL_FLAGS)                                   \
    X(mov_ah_m, "movb 1(%rbx), %ah", ALL_FLAGS)                                  \
    X(mov_bpl_m, "movb (%rbx), %bpl", ALL_FLAGS)                                 \
    X(mov_r16_m, "movw 2(%rbx), %dx", ALL_FLAGS)                                 \
    X(mov_r32_m, "movl 4(%rbx), %r9d", ALL_FLAGS)                                \
    X(mov_r64_m, "movq (%rbx,%r12,2), %r15", ALL_FLAGS)                          \
    X(mov_m_r8, "movb %r10b, 3(%rbx)", ALL_FLAGS)                                \
    X(mov_m_dh, "movb %dh, (%rbx)", ALL_FLAGS)                                   \
    X(mov_m_r16, "movw %cx, (%rbx,%r12)", ALL_FLAGS)                             \
    X(mov_m_r32, "movl %r13d, -8(%rbx)", ALL_FLAGS)                              \
    X(mov_m_r64, "movq %rbp, 16(%rbx)", ALL_FLAGS)                               \
    X(mov_m_i8, "movb $0x81, (%rbx)", ALL_FLAGS)                                 \
    X(mov_m_i16, "movw $0x8182, (%rbx)", ALL_FLAGS)                              \
    X(mov_m_i32, "movl $0x81828384, (%rbx)", ALL_FLAGS)                          \
    X(mov_m_i64, "movq $-2, (%rbx)", ALL_FLAGS)                                  \
    X(mov_base, "movq (%rbx), %rbx", ALL_FLAGS)                                  \
    X(movzx_16_8, "movzbw (%rbx), %ax", ALL_FLAGS)                               \
    X(movzx_32_8, "movzbl (%rbx), %eax", ALL_FLAGS)                              \
    X(movzx_64_8, "movzbq (%rbx), %r8", ALL_FLAGS)                               \
    X(movzx_32_16, "movzwl (%rbx), %edx", ALL_FLAGS)                             \
    X(movzx_64_16, "movzwq (%rbx), %rdx", ALL_FLAGS)                             \
    X(movsx_16_8, "movsbw (%rbx), %ax", ALL_FLAGS)                               \
    X(movsx_32_8, "movsbl (%rbx), %r14d", ALL_FLAGS)                             \
    X(movsx_64_8, "movsbq (%rbx), %rcx", ALL_FLAGS)                              \
    X(movsx_32_16, "movswl (%rbx), %ecx", ALL_FLAGS)                             \
    X(movsx_64_16, "movswq (%rbx), %rcx", ALL_FLAGS)                             \
    X(movsxd, "movslq (%rbx), %rsi", ALL_FLAGS)                                  \
    X(movnti_32, "movnti %eax, (%rbx)", ALL_FLAGS)                               \
    X(movnti_64, "movnti %rax, (%rbx)", ALL_FLAGS)                               \
    X(movbe_load, "movbe (%rbx), %ecx", ALL_FLAGS)                               \
    X(movbe_store, "movbe %cx, (%rbx)", ALL_FLAGS)                               \
    X(add_m8_r, "addb %al, (%rbx)", ALL_FLAGS)                                   \
    X(add_m16_r, "addw %ax, (%rbx)", ALL_FLAGS)                                  \
    X(add_m32_r, "addl %eax, (%rbx)", ALL_FLAGS)                                 \
    X(add_m64_r, "addq %rax, (%rbx)", ALL_FLAGS)                                 \
    X(add_r8_m, "addb (%rbx), %ch", ALL_FLAGS)                                   \
    X(add_r32_m, "addl (%rbx), %ecx", ALL_FLAGS)                                 \
    X(add_r64_m, "addq (%rbx), %rcx", ALL_FLAGS)                                 \
    X(add_m64_i, "addq $-1, (%rbx)", ALL_FLAGS)                                  \
    X(lock_add, "lock addl $5, (%rbx)", ALL_FLAGS)                               \
    X(adc_m32_r, "adcl %eax, (%rbx)", ALL_FLAGS)                                 \
    X(adc_r64_m, "adcq (%rbx), %rdx", ALL_FLAGS)                                 \
    X(sub_m16_r, "subw %dx, (%rbx)", ALL_FLAGS)                                  \
    X(sub_r32_m, "subl (%rbx), %edx", ALL_FLAGS)                                 \
    X(sbb_m8_r, "sbbb %dl, (%rbx)", ALL_FLAGS)                                   \
    X(sbb_r64_m, "sbbq (%rbx), %rdx", ALL_FLAGS)                                 \
    X(cmp_m8_i, "cmpb $0x80, (%rbx)", ALL_FLAGS)                                 \
    X(cmp_m16_i, "cmpw $-1, (%rbx)", ALL_FLAGS)                                  \
    X(cmp_m32_r, "cmpl %ecx, (%rbx)", ALL_FLAGS)                                 \
    X(cmp_r64_m, "cmpq (%rbx), %rcx", ALL_FLAGS)                                 \
    X(test_m8_i, "testb $0x81, (%rbx)", LOGIC_FLAGS)                             \
    X(test_m16_r, "testw %ax, (%rbx)", LOGIC_FLAGS)                              \
    X(test_m32_i, "testl $0x80000001, (%rbx)", LOGIC_FLAGS)                      \
    X(test_m64_r, "testq %r11, (%rbx)", LOGIC_FLAGS)                             \
    X(and_m8_i, "andb $0x7f, (%rbx)", LOGIC_FLAGS)                               \
    X(and_r32_m, "andl (%rbx), %r11d", LOGIC_FLAGS)                              \
    X(or_m32_i, "orl $0x10, (%rbx)", LOGIC_FLAGS)                                \
    X(or_r16_m, "orw (%rbx), %ax", LOGIC_FLAGS)                                  \
    X(xor_m64_r, "xorq %rax, (%rbx)", LOGIC_FLAGS)                               \
    X(xor_r8_m, "xorb (%rbx), %dil", LOGIC_FLAGS)                                \
    X(inc_m8, "incb (%rbx)", ALL_FLAGS)                                          \
    X(inc_m64, "incq (%rbx)", ALL_FLAGS)                                         \
    X(dec_m16, "decw (%rbx)", ALL_FLAGS)                                         \
    X(dec_m32, "decl (%rbx)", ALL_FLAGS)                                         \
    X(neg_m32, "negl (%rbx)", ALL_FLAGS)                                         \
    X(not_m16, "notw (%rbx)", ALL_FLAGS)                                         \
    X(shl_1, "shll (%rbx)", SHIFT_1_FLAGS)                                       \
    X(shl_5, "shlw $5, (%rbx)", SHIFT_FLAGS)                                     \
    X(shr_1, "shrb (%rbx)", SHIFT_1_FLAGS)                                       \
    X(shr_7, "shrq $7, (%rbx)", SHIFT_FLAGS)                                     \
    X(sar_1, "sarl (%rbx)", SHIFT_1_FLAGS)                                       \
    X(sar_9, "sarq $9, (%rbx)", SHIFT_FLAGS)                                     \
    X(shl_0, "shll $32, (%rbx)", ALL_FLAGS)                                      \
    X(xchg_m8, "xchgb %ah, (%rbx)", ALL_FLAGS)                                   \
    X(xchg_m32, "xchgl %eax, (%rbx)", ALL_FLAGS)                                 \
    X(xchg_m64, "xchgq %r9, (%rbx)", ALL_FLAGS)                                  \
    X(xadd_m32, "lock xaddl %ecx, (%rbx)", ALL_FLAGS)                            \
    X(xadd_m8, "xaddb %cl, (%rbx)", ALL_FLAGS)                                   \
    X(cmpxchg_m32, "lock cmpxchgl %ecx, (%rbx)", ALL_FLAGS)                      \
    X(cmpxchg_m16, "cmpxchgw %cx, (%rbx)", ALL_FLAGS)                            \
    X(cmpxchg_m64, "lock cmpxchgq %rcx, (%rbx)", ALL_FLAGS)                      \
    X(cmpxchg_equal, "movl (%rbx), %eax; lock cmpxchgl %ecx, (%rbx)", ALL_FLAGS) \
    X(bt_i, "btl $7, (%rbx)", BIT_FLAGS)                                         \
    X(bt_i_beyond, "btl $39, (%rbx)", BIT_FLAGS)                                 \
    X(bt_r, "movsbl %cl, %ecx; btl %ecx, (%rbx)", BIT_FLAGS)                     \
    X(bts_r, "movsbq %cl, %rcx; btsq %rcx, (%rbx)", BIT_FLAGS)                   \
    X(btr_r, "movsbw %cl, %cx; btrw %cx, (%rbx)", BIT_FLAGS)                     \
    X(btc_i, "lock btcl $31, (%rbx)", BIT_FLAGS)                                 \
    X(imul_2, "imull (%rbx), %ecx", MULTIPLY_FLAGS)                              \
    X(imul_2_64, "imulq (%rbx), %rcx", MULTIPLY_FLAGS)                           \
    X(imul_3, "imulw $-300, (%rbx), %cx", MULTIPLY_FLAGS)                        \
    X(setb, "setb (%rbx)", ALL_FLAGS)                                            \
    X(setnle, "setnle (%rbx)", ALL_FLAGS)                                        \
    X(cmovz, "cmovz (%rbx), %ecx", ALL_FLAGS)                                    \
    X(cmovs, "cmovs (%rbx), %rcx", ALL_FLAGS)                                    \
    X(cmovle, "cmovle (%rbx), %cx", ALL_FLAGS)                                   \
    X(cmovnp, "cmovnp (%rbx), %ecx", ALL_FLAGS)                                  \
    X(cmovo, "cmovo (%rbx), %ecx", ALL_FLAGS)                                    \
    X(cmovna, "cmovna (%rbx), %ecx", ALL_FLAGS)

#define STRING_INSTRUCTIONS(X)           \
    X(movsb, "movsb", ALL_FLAGS)         \
    X(movsq, "movsq", ALL_FLAGS)         \
    X(rep_movsb, "rep movsb", ALL_FLAGS) \
    X(rep_movsw, "rep movsw", ALL_FLAGS) \
    X(rep_movsd, "rep movsl", ALL_FLAGS) \
    X(rep_movsq, "rep movsq", ALL_FLAGS) \
    X(rep_stosb, "rep stosb", ALL_FLAGS) \
    X(rep_stosw, "rep stosw", ALL_FLAGS) \
    X(rep_stosd, "rep stosl", ALL_FLAGS) \
    X(rep_stosq, "rep stosq", ALL_FLAGS) \
    X(lodsb, "lodsb", ALL_FLAGS)         \
    X(lodsw, "lodsw", ALL_FLAGS)         \
    X(rep_lodsd, "rep lodsl", ALL_FLAGS) \
    X(lodsq, "lodsq", ALL_FLAGS)

#define OTHER_INSTRUCTIONS(X)                                                                     \
    X(in_al_imm, "inb $0x60, %al", 0)                                                             \
    X(in_ax_dx, "inw %dx, %ax", 0)                                                                \
    X(in_eax_dx, "inl %dx, %eax", 0)                                                              \
    X(out_imm_al, "outb %al, $0x61", 0)                                                           \
    X(out_dx_ax, "outw %ax, %dx", 0)                                                              \
    X(out_dx_eax, "outl %eax, %dx", 0)                                                            \
    X(rep_insb, "rep insb", 0)                                                                    \
    X(rep_insw, "rep insw", 0)                                                                    \
    X(rep_insd, "rep insl", 0)                                                                    \
    X(rep_outsb, "rep outsb", 0)                                                                  \
    X(rep_outsw, "rep outsw", 0)                                                                  \
    X(rep_outsd, "rep outsl", 0)                                                                  \
    X(read_cr8, "movq %cr8, %r9", 0)                                                              \
    X(write_cr8, "movq %rcx, %cr8", 0)                                                            \
    X(cli_sti, "cli; movq %gs:0x50, %rcx; nop; sti; movq %gs:0x50, %rdx", 0)                      \
    X(cli_popf, "pushfq; cli; pushfq; popq %r8; movq %gs:0x50, %rcx; popfq; movq %gs:0x50, %rdx", \
      0)                                                                                          \
    X(cli_nested,                                                                                 \
      "pushfq; cli; pushfq; cli; popfq; movq %gs:0x50, %rcx; popfq;"                              \
      "movq %gs:0x50, %rdx",                                                                      \
      0)                                                                                          \
    X(cli_read_cr8, "cli; movq %cr8, %r9; sti", 0)                                                \
    X(movd_load, "movd (%rbx), %xmm6; movq %xmm6, %rax", 0)                                       \
    X(movd_store, "movq %rax, %xmm6; movd %xmm6, (%rbx)", 0)                                      \
    X(movq_load, "movq (%rbx), %xmm15; movq %xmm15, %rax", 0)                                     \
    X(movq_store, "movq %rax, %xmm1; movq %xmm1, (%rbx)", 0)                                      \
    X(movsd_load, "movsd (%rbx), %xmm3; movq %xmm3, %rax", 0)                                     \
    X(movups_load, "movups (%rbx), %xmm0", 0)                                                     \
    X(movdqu_store, "movdqu %xmm0, (%rbx)", 0)                                                    \
    X(mov_rax_rbx, "movq (%rbx), %rax", 0)                                                        \
    X(mov_rbx_rax, "movq %rax, (%rbx)", 0)                                                        \
    X(add_rbx_1, "lock addl $1, (%rbx)", 0)                                                       \
    X(push_memory, "pushq (%rbx); popq %rax", 0)                                                  \
    X(undefined, "ud2", 0)                                                                        \
    X(break_point, "int3", 0)                                                                     \
    X(fast_fail, "movl $2, %ecx; int $0x29", 0)                                                   \
    X(assertion, "int $0x2c", 0)                                                                  \
    X(halt, "hlt", 0)                                                                             \
    X(read_msr, "rdmsr", 0)                                                                       \
    X(write_cr0, "movq %rax, %cr0", 0)                                                            \
    X(divide, "xorl %edx, %edx; xorl %ecx, %ecx; divl %ecx", 0)                                   \
    X(call_rax, "callq *%rax", 0)                                                                 \
    X(write_self, "leaq write_self(%rip), %rcx; movb $0, (%rcx)", 0)

#define DEFINE(name, text, flags)                           \
    __asm__(".pushsection driver_code, \"ax\", @progbits\n" \
            ".globl " #name "\n" #name ": " text "\n ret\n" \
            ".popsection\n");                               \
    void name(void);
INSTRUCTIONS(DEFINE)
STRING_INSTRUCTIONS(DEFINE)
OTHER_INSTRUCTIONS(DEFINE)

extern const char __start_driver_code[], __stop_driver_code[];

struct registers {
    uint64_t rax, rcx, rdx, rbx, unused, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t flags;
};

/* Loads all registers and flags, calls the code, stores them. */
void run_code(struct registers *registers, void (*code)(void));
__asm__(".text\n"
        "run_code:\n"
        " pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        " pushq %rdi; pushq %rsi\n"
        " pushq 128(%rdi); popfq\n"
        " movq (%rdi), %rax; movq 8(%rdi), %rcx; movq 16(%rdi), %rdx; movq 24(%rdi), %rbx\n"
        " movq 40(%rdi), %rbp; movq 48(%rdi), %rsi\n"
        " movq 64(%rdi), %r8; movq 72(%rdi), %r9; movq 80(%rdi), %r10; movq 88(%rdi), %r11\n"
        " movq 96(%rdi), %r12; movq 104(%rdi), %r13; movq 112(%rdi), %r14; movq 120(%rdi), %r15\n"
        " movq 56(%rdi), %rdi\n"
        " callq *(%rsp)\n"
        " pushfq; cld\n"
        " pushq %rdi\n"
        " movq 24(%rsp), %rdi\n"
        " movq %rax, (%rdi); movq %rcx, 8(%rdi); movq %rdx, 16(%rdi); movq %rbx, 24(%rdi)\n"
        " movq %rbp, 40(%rdi); movq %rsi, 48(%rdi)\n"
        " movq %r8, 64(%rdi); movq %r9, 72(%rdi); movq %r10, 80(%rdi); movq %r11, 88(%rdi)\n"
        " movq %r12, 96(%rdi); movq %r13, 104(%rdi); movq %r14, 112(%rdi); movq %r15, 120(%rdi)\n"
        " popq 56(%rdi)\n"
        " popq 128(%rdi)\n"
        " addq $16, %rsp\n"
        " popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        " ret\n");

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
    uint64_t *values = (uint64_t *)registers;

    for (size_t index = 0; index < sizeof(*registers) / sizeof(*values); index++) {
        values[index] = register_value(state);
    }
    registers->flags = 0x202 | (random_next(state) & ALL_FLAGS);
    registers->r12 = 8;
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
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "-",   "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;

    for (unsigned index = 0; index < 16; index++) {
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
    plain.rbx = (uintptr_t)memory + MIDDLE;
    trapped.rbx = (uintptr_t)window + MIDDLE;
    run_code(&plain, code);
    run_code(&trapped, code);
    if (trapped.rbx == (uintptr_t)window + MIDDLE) {
        plain.rbx = trapped.rbx;
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
    registers->rsi = from;
    registers->rdi = to;
    run_code(registers, code);
    registers->rsi -= from;
    registers->rdi -= to;
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
        plain.rcx = run % 4;
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
        plain.rbx = trapped.rbx;
        assert_same(instructions[index].name, &plain, &trapped, ALL_FLAGS);
        if (memcmp(memory, other, sizeof(memory)) != 0) {
            fail_msg("%s: the contents differ", instructions[index].name);
        }
    }
}

static void run_at(void (*code)(void), struct registers *registers, const void *rbx)
{
    registers->rbx = (uintptr_t)rbx;
    registers->flags = 0x202;
    run_code(registers, code);
}

static void accesses_arrive_with_offset_size_and_count(void **context)
{
    struct registers registers = {.rcx = 0x1122334455667788, .r12 = 8, .rax = 5};
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
    struct registers registers = {.rax = 0x1122334455667788};
    uint64_t value = 0x8877665544332211;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE, &value, sizeof(value));
    run_at(movd_load, &registers, window + MIDDLE);
    assert_int_equal(registers.rax, 0x44332211);
    run_at(movq_load, &registers, window + MIDDLE);
    assert_true(registers.rax == value);
    run_at(movsd_load, &registers, window + MIDDLE);
    assert_true(registers.rax == value);
    registers.rax = 0x0102030405060708;
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
    struct registers registers = {.rax = ~0ull, .rdx = 0xc010};
    uint64_t value = 0x8877665544332211;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map(TRAP_PORTS, 0x60, 2, &device_ops, NULL, "low ports");
    trap_map(TRAP_PORTS, 0xc000, 0x40, &device_ops, NULL, "ports");
    memcpy(device.bytes, &value, sizeof(value));
    memcpy(device.bytes + 0x10, &value, sizeof(value));
    device.accesses = 0;
    run_at(in_al_imm, &registers, NULL);
    assert_true(registers.rax == 0xffffffffffffff11);
    run_at(in_ax_dx, &registers, NULL);
    assert_true(registers.rax == 0xffffffffffff2211);
    run_at(in_eax_dx, &registers, NULL);
    assert_true(registers.rax == 0x44332211);
    registers.rax = 0xa1a2a3a4a5a6a7a8;
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
        struct registers registers = {.rcx = 3, .rdx = 0xc008, .rdi = (uintptr_t)memory};
        uint32_t value = 0x44332211;

        memcpy(device.bytes + 8, &value, sizeof(value));
        memset(memory, 0, sizeof(memory));
        device.accesses = 0;
        run_at(input[index], &registers, NULL);
        assert_int_equal(device.accesses, 3);
        assert_int_equal(registers.rcx, 0);
        assert_int_equal(registers.rdi, (uintptr_t)memory + 3 * size);
        assert_memory_equal(memory + 2 * size, &value, size);
        assert_int_equal(memory[3 * size], 0);

        registers = (struct registers){.rcx = 2, .rdx = 0xc004, .rsi = (uintptr_t)memory};
        memory[size] = 0x99;
        run_at(output[index], &registers, NULL);
        assert_int_equal(device.accesses, 5);
        assert_int_equal(device.log[4].size, size);
        assert_int_equal(device.log[4].value & 0xff, 0x99);
        registers.rcx = 0;
        run_at(output[index], &registers, NULL);
        assert_int_equal(device.accesses, 5);
    }
    trap_unmap((void *)0xc000, TRAP_PORTS);
}

/* ---- the processor ---- */

static void use_cr8(void *context)
{
    struct registers *registers = context;

    run_at(read_cr8, registers, NULL);
    registers->rcx = IRQL_DEVICE;
    run_at(write_cr8, registers, NULL);
    registers->r10 = cpu_irql();
    registers->rcx = IRQL_DISPATCH;
    run_at(write_cr8, registers, NULL);
}

static void run_in_context(void *context)
{
    struct registers *registers = context;

    run_at((void (*)(void))(uintptr_t)registers->r15, registers, NULL);
    registers->r14 = cpu_irql();
}

static void cr8_is_the_irql(void **context)
{
    struct registers registers = {.rax = 0};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_DISPATCH, use_cr8, &registers, "cr8");
    cpu_stop();
    assert_int_equal(registers.r9, IRQL_DISPATCH);
    assert_int_equal(registers.r10, IRQL_DEVICE);
}

static void interrupts_off_is_high_irql_until_popf_or_sti(void **context)
{
    static void (*const codes[])(void) = {cli_sti, cli_popf, cli_nested};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    for (unsigned index = 0; index < 3; index++) {
        struct registers registers = {.r15 = (uintptr_t)codes[index]};

        cpu_call(0, IRQL_DISPATCH, run_in_context, &registers, "cli");
        assert_int_equal(registers.rcx & 0xff, IRQL_HIGH);
        assert_int_equal(registers.rdx & 0xff, IRQL_DISPATCH);
        assert_int_equal(registers.r14, IRQL_DISPATCH);
        assert_int_equal(registers.flags & 0x100, 0);
        if (codes[index] == cli_popf) {
            assert_int_equal(registers.r8 & 0x200, 0);
        }
    }
    struct registers registers = {.r15 = (uintptr_t)cli_read_cr8};
    cpu_call(0, IRQL_DISPATCH, run_in_context, &registers, "cli");
    assert_int_equal(registers.r9, IRQL_DISPATCH);
    cpu_stop();
}

/* ---- nesting and fixed windows ---- */

static void nested_access(void)
{
    struct registers registers = {.rax = 0x5a};

    run_at(mov_m_i32, &registers, window + 0x40);
    __asm__ volatile("pcmpeqb %%xmm6, %%xmm6" ::: "xmm6"); /* what the outer one relies on */
}

static void an_access_may_cause_another(void **context)
{
    struct registers registers = {.rax = 0x1234};
    uint32_t value = 0x77665544;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE, &value, sizeof(value));
    device.on_read = nested_access;
    device.accesses = 0;
    run_at(movd_load, &registers, window + MIDDLE);
    assert_int_equal(registers.rax, value);
    assert_int_equal(device.accesses, 2);
    assert_true(device.log[1].write);
    assert_int_equal(device.log[1].offset, 0x40);
}

static void a_window_may_lie_where_nothing_can_be_mapped(void **context)
{
    static const struct trap_ops read_only = {.read = device_read};
    struct registers registers = {.rax = 0};
    uint64_t value = 0x0123456789abcdef, before = trap_accesses();

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    trap_map_fixed(0xfffff78000000000, 0x100, &read_only, NULL, "shared page");
    memcpy(device.bytes + 0x14, &value, sizeof(value));
    run_at(mov_rax_rbx, &registers, (void *)0xfffff78000000014);
    assert_true(registers.rax == value);
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
    struct registers registers = {.rax = 0x1122334455667788, .r12 = 8};
    uint8_t copy[64];

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memset(memory, 0x21, 0x3000);
    trap_watch(memory, 0x2000, note_watched, memory);
    watched_count = 0;
    run_at(mov_rbx_rax, &registers, memory + 0x10);
    run_at(mov_rax_rbx, &registers, memory + 0xffc); /* over the boundary of two pages */
    run_at(add_rbx_1, &registers, memory + 0x10);
    run_at(mov_rbx_rax, &registers, memory + 0x2000); /* not watched */
    assert_int_equal(watched_count, 4);
    assert_true(watched[0].write);
    assert_int_equal(watched[0].offset, 0x10);
    assert_int_equal(watched[0].size, 8);
    assert_false(watched[1].write);
    assert_int_equal(watched[1].offset, 0xffc);
    assert_false(watched[2].write);
    assert_true(watched[3].write);
    assert_int_equal(watched[3].size, 4);
    assert_true(registers.rax == 0x2121212121212121);

    memcpy(copy, memory + 0x10, sizeof(copy)); /* the bench's code is seen as well */
    assert_true(watched_count > 4);
    assert_int_equal(copy[0], 0x89);
    trap_unwatch(memory);
    watched_count = 0;
    run_at(mov_rbx_rax, &registers, memory);
    assert_int_equal(watched_count, 0);
    munmap(memory, 0x3000);
}

/* ---- what is a violation ---- */

/* Runs in a child, where signal handlers were reset: everything is set up again. */
struct attempt {
    void (*code)(void);
    uint64_t rbx, rax, rdx;
};

static void try_code(void *context)
{
    struct attempt *attempt = context;
    struct registers registers = {.rax = attempt->rax, .rdx = attempt->rdx, .r12 = 8};

    trap_init();
    run_at(attempt->code, &registers, (void *)(uintptr_t)attempt->rbx);
}

static void expect(void (*code)(void), uint64_t rbx, uint64_t rax, uint64_t rdx, enum rule rule,
                   const char *part)
{
    struct attempt attempt = {code, rbx, rax, rdx};

    expect_violation(try_code, &attempt, rule, part);
}

static void accesses_outside_of_registers_are_reported(void **context)
{
    uint64_t at = (uintptr_t)window;
    void *gone = trap_map(TRAP_MEMORY, 0, 0x10, &device_ops, NULL, "old BAR");

    (void)context;
    expect(mov_rax_rbx, at + DEVICE_BYTES - 4, 0, 0, RULE_MEMORY, "offset 0x1fc of BAR");
    expect(mov_rbx_rax, at + 0x1000, 0, 0, RULE_MEMORY, "offset 0x1000 of BAR");
    expect(mov_rbx_rax, at - 8, 0, 0, RULE_MEMORY, "offset -0x8 of BAR");
    expect(in_eax_dx, 0, 0, 0xd000, RULE_MEMORY, "port 0xd000");
    trap_unmap(gone, TRAP_MEMORY);
    expect(mov_rax_rbx, (uintptr_t)gone, 0, 0, RULE_MEMORY, "old BAR, which was unmapped");
    expect(movups_load, at, 0, 0, RULE_VIRTIO, "more than 8 bytes");
    expect(movdqu_store, at, 0, 0, RULE_VIRTIO, "movdqu");
    expect(push_memory, at, 0, 0, RULE_CRASH, "push");
    expect(mov_rbx_rax, 0xfffff78000000000, 0, 0, RULE_MEMORY, "read-only");
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
    expect(mov_rax_rbx, 0x18, 0, 0, RULE_CRASH, "NULL pointer");
    expect(mov_rax_rbx, 0xdead000000000000, 0, 0, RULE_CRASH, "address 0xdead000000000000");
    expect(mov_rbx_rax, 0xffff800000001000, 0, 0, RULE_CRASH, "no memory there");
    expect(call_rax, 0, 0x10, 0, RULE_CRASH, "returning to test.sys+0x");
    expect(write_self, 0, 0, 0, RULE_MEMORY, "test.sys+0x");
}

static void overrun_an_allocation(void *context)
{
    static const struct memory_options options = {.below_4g = 8u << 20};
    const struct memory_request request = {.kind = MEMORY_POOL, .bytes = 64, .name = "thing"};
    struct registers registers = {.rax = 1};
    char *memory;

    trap_init();
    memory_init(&options);
    memory = memory_alloc(&request);
    if (context != NULL) {
        trap_enter_export("memset");
        memset(memory, 0, 65);
        trap_leave_export();
    }
    run_at(mov_rbx_rax, &registers, memory + 60);
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
        cmocka_unit_test(cr8_is_the_irql),
        cmocka_unit_test(interrupts_off_is_high_irql_until_popf_or_sti),
        cmocka_unit_test(an_access_may_cause_another),
        cmocka_unit_test(a_window_may_lie_where_nothing_can_be_mapped),
        cmocka_unit_test(watched_memory_tells_of_each_access),
        cmocka_unit_test(accesses_outside_of_registers_are_reported),
        cmocka_unit_test(faults_of_driver_code_are_reported),
        cmocka_unit_test(memory_is_described),
        cmocka_unit_test(faults_of_the_bench_are_left_alone),
        cmocka_unit_test(wrong_sizes_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
