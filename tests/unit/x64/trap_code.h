/* SPDX-License-Identifier: BSD-3-Clause */
/* The instructions of x64 that test_trap.c runs as a driver's, and what runs them. */
#ifndef TESTS_UNIT_X64_TRAP_CODE_H
#define TESTS_UNIT_X64_TRAP_CODE_H

#include <stdint.h>

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
    X(mov_ax_bx, "movq (%rbx), %rax", 0)                                                          \
    X(mov_bx_ax, "movq %rax, (%rbx)", 0)                                                          \
    X(add_bx_1, "lock addl $1, (%rbx)", 0)                                                        \
    X(push_memory, "pushq (%rbx); popq %rax", 0)                                                  \
    X(undefined, "ud2", 0)                                                                        \
    X(break_point, "int3", 0)                                                                     \
    X(fast_fail, "movl $2, %ecx; int $0x29", 0)                                                   \
    X(assertion, "int $0x2c", 0)                                                                  \
    X(halt, "hlt", 0)                                                                             \
    X(read_msr, "rdmsr", 0)                                                                       \
    X(write_cr0, "movq %rax, %cr0", 0)                                                            \
    X(divide, "xorl %edx, %edx; xorl %ecx, %ecx; divl %ecx", 0)                                   \
    X(call_ax, "callq *%rax", 0)                                                                  \
    X(write_self, "leaq write_self(%rip), %rcx; movb $0, (%rcx)", 0)

typedef uint64_t word;

struct registers {
    word ax, cx, dx, bx, unused, bp, si, di;
    word r8, r9, r10, r11, r12, r13, r14, r15;
    word flags;
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

#define REGISTER_NAMES                                                                            \
    "rax", "rcx", "rdx", "rbx", "-", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", \
        "r14", "r15"

/* An index of 8 in the instructions. */
#define INDEX r12
/* Where cli_popf leaves the flags that it saw. */
#define FLAGS_SEEN r8

/* 64 bits that the vector instructions load and store. */
static inline uint64_t loaded(const struct registers *registers)
{
    return registers->ax;
}

static inline void to_store(struct registers *registers, uint64_t value)
{
    registers->ax = value;
}

/* Where nothing is and nothing can be mapped, and an address for a window. */
#define NO_MEMORY 0xffff800000001000ull

static inline uint64_t unmappable(void)
{
    return 0xfffff78000000000;
}

#endif
