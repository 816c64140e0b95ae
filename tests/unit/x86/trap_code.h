/* SPDX-License-Identifier: BSD-3-Clause */
/* The instructions of 32-bit x86 that test_trap.c runs as a driver's, and what runs them. */
#ifndef TESTS_UNIT_X86_TRAP_CODE_H
#define TESTS_UNIT_X86_TRAP_CODE_H

#include <stdint.h>
#include <sys/mman.h>

/* ebx points to the window; esi is 8, an index; esi and edi are set by the string tests. */
#define INSTRUCTIONS(X)                                                          \
    X(mov_r8_m, "movb (%ebx), %cl", ALL_FLAGS)                                   \
    X(mov_ah_m, "movb 1(%ebx), %ah", ALL_FLAGS)                                  \
    X(mov_r16_m, "movw 2(%ebx), %dx", ALL_FLAGS)                                 \
    X(mov_r32_m, "movl 4(%ebx), %edi", ALL_FLAGS)                                \
    X(mov_r32_sib, "movl (%ebx,%esi,2), %ebp", ALL_FLAGS)                        \
    X(mov_m_r8, "movb %al, 3(%ebx)", ALL_FLAGS)                                  \
    X(mov_m_dh, "movb %dh, (%ebx)", ALL_FLAGS)                                   \
    X(mov_m_r16, "movw %cx, (%ebx,%esi)", ALL_FLAGS)                             \
    X(mov_m_r32, "movl %edi, -8(%ebx)", ALL_FLAGS)                               \
    X(mov_m_i8, "movb $0x81, (%ebx)", ALL_FLAGS)                                 \
    X(mov_m_i16, "movw $0x8182, (%ebx)", ALL_FLAGS)                              \
    X(mov_m_i32, "movl $0x81828384, (%ebx)", ALL_FLAGS)                          \
    X(mov_base, "movl (%ebx), %ebx", ALL_FLAGS)                                  \
    X(movzx_16_8, "movzbw (%ebx), %ax", ALL_FLAGS)                               \
    X(movzx_32_8, "movzbl (%ebx), %eax", ALL_FLAGS)                              \
    X(movzx_32_16, "movzwl (%ebx), %edx", ALL_FLAGS)                             \
    X(movsx_16_8, "movsbw (%ebx), %ax", ALL_FLAGS)                               \
    X(movsx_32_8, "movsbl (%ebx), %edi", ALL_FLAGS)                              \
    X(movsx_32_16, "movswl (%ebx), %ecx", ALL_FLAGS)                             \
    X(movnti_32, "movnti %eax, (%ebx)", ALL_FLAGS)                               \
    X(movbe_load, "movbe (%ebx), %ecx", ALL_FLAGS)                               \
    X(movbe_store, "movbe %cx, (%ebx)", ALL_FLAGS)                               \
    X(add_m8_r, "addb %al, (%ebx)", ALL_FLAGS)                                   \
    X(add_m16_r, "addw %ax, (%ebx)", ALL_FLAGS)                                  \
    X(add_m32_r, "addl %eax, (%ebx)", ALL_FLAGS)                                 \
    X(add_r8_m, "addb (%ebx), %ch", ALL_FLAGS)                                   \
    X(add_r32_m, "addl (%ebx), %ecx", ALL_FLAGS)                                 \
    X(add_m32_i, "addl $-1, (%ebx)", ALL_FLAGS)                                  \
    X(lock_add, "lock addl $5, (%ebx)", ALL_FLAGS)                               \
    X(adc_m32_r, "adcl %eax, (%ebx)", ALL_FLAGS)                                 \
    X(adc_r32_m, "adcl (%ebx), %edx", ALL_FLAGS)                                 \
    X(sub_m16_r, "subw %dx, (%ebx)", ALL_FLAGS)                                  \
    X(sub_r32_m, "subl (%ebx), %edx", ALL_FLAGS)                                 \
    X(sbb_m8_r, "sbbb %dl, (%ebx)", ALL_FLAGS)                                   \
    X(sbb_r32_m, "sbbl (%ebx), %edx", ALL_FLAGS)                                 \
    X(cmp_m8_i, "cmpb $0x80, (%ebx)", ALL_FLAGS)                                 \
    X(cmp_m16_i, "cmpw $-1, (%ebx)", ALL_FLAGS)                                  \
    X(cmp_m32_r, "cmpl %ecx, (%ebx)", ALL_FLAGS)                                 \
    X(test_m8_i, "testb $0x81, (%ebx)", LOGIC_FLAGS)                             \
    X(test_m16_r, "testw %ax, (%ebx)", LOGIC_FLAGS)                              \
    X(test_m32_i, "testl $0x80000001, (%ebx)", LOGIC_FLAGS)                      \
    X(and_m8_i, "andb $0x7f, (%ebx)", LOGIC_FLAGS)                               \
    X(and_r32_m, "andl (%ebx), %edi", LOGIC_FLAGS)                               \
    X(or_m32_i, "orl $0x10, (%ebx)", LOGIC_FLAGS)                                \
    X(or_r16_m, "orw (%ebx), %ax", LOGIC_FLAGS)                                  \
    X(xor_m32_r, "xorl %eax, (%ebx)", LOGIC_FLAGS)                               \
    X(xor_r8_m, "xorb (%ebx), %dl", LOGIC_FLAGS)                                 \
    X(inc_m8, "incb (%ebx)", ALL_FLAGS)                                          \
    X(inc_m32, "incl (%ebx)", ALL_FLAGS)                                         \
    X(dec_m16, "decw (%ebx)", ALL_FLAGS)                                         \
    X(dec_m32, "decl (%ebx)", ALL_FLAGS)                                         \
    X(neg_m32, "negl (%ebx)", ALL_FLAGS)                                         \
    X(not_m16, "notw (%ebx)", ALL_FLAGS)                                         \
    X(shl_1, "shll (%ebx)", SHIFT_1_FLAGS)                                       \
    X(shl_5, "shlw $5, (%ebx)", SHIFT_FLAGS)                                     \
    X(shr_1, "shrb (%ebx)", SHIFT_1_FLAGS)                                       \
    X(shr_7, "shrl $7, (%ebx)", SHIFT_FLAGS)                                     \
    X(sar_1, "sarl (%ebx)", SHIFT_1_FLAGS)                                       \
    X(sar_9, "sarl $9, (%ebx)", SHIFT_FLAGS)                                     \
    X(shl_0, "shll $32, (%ebx)", ALL_FLAGS)                                      \
    X(xchg_m8, "xchgb %ah, (%ebx)", ALL_FLAGS)                                   \
    X(xchg_m32, "xchgl %eax, (%ebx)", ALL_FLAGS)                                 \
    X(xadd_m32, "lock xaddl %ecx, (%ebx)", ALL_FLAGS)                            \
    X(xadd_m8, "xaddb %cl, (%ebx)", ALL_FLAGS)                                   \
    X(cmpxchg_m32, "lock cmpxchgl %ecx, (%ebx)", ALL_FLAGS)                      \
    X(cmpxchg_m16, "cmpxchgw %cx, (%ebx)", ALL_FLAGS)                            \
    X(cmpxchg_equal, "movl (%ebx), %eax; lock cmpxchgl %ecx, (%ebx)", ALL_FLAGS) \
    X(bt_i, "btl $7, (%ebx)", BIT_FLAGS)                                         \
    X(bt_i_beyond, "btl $39, (%ebx)", BIT_FLAGS)                                 \
    X(bt_r, "movsbl %cl, %ecx; btl %ecx, (%ebx)", BIT_FLAGS)                     \
    X(bts_r, "movsbl %cl, %ecx; btsl %ecx, (%ebx)", BIT_FLAGS)                   \
    X(btr_r, "movsbw %cl, %cx; btrw %cx, (%ebx)", BIT_FLAGS)                     \
    X(btc_i, "lock btcl $31, (%ebx)", BIT_FLAGS)                                 \
    X(imul_2, "imull (%ebx), %ecx", MULTIPLY_FLAGS)                              \
    X(imul_3, "imulw $-300, (%ebx), %cx", MULTIPLY_FLAGS)                        \
    X(setb, "setb (%ebx)", ALL_FLAGS)                                            \
    X(setnle, "setnle (%ebx)", ALL_FLAGS)                                        \
    X(cmovz, "cmovz (%ebx), %ecx", ALL_FLAGS)                                    \
    X(cmovs, "cmovs (%ebx), %ecx", ALL_FLAGS)                                    \
    X(cmovle, "cmovle (%ebx), %cx", ALL_FLAGS)                                   \
    X(cmovnp, "cmovnp (%ebx), %ecx", ALL_FLAGS)                                  \
    X(cmovo, "cmovo (%ebx), %ecx", ALL_FLAGS)                                    \
    X(cmovna, "cmovna (%ebx), %ecx", ALL_FLAGS)

#define STRING_INSTRUCTIONS(X)           \
    X(movsb, "movsb", ALL_FLAGS)         \
    X(movsd, "movsl", ALL_FLAGS)         \
    X(rep_movsb, "rep movsb", ALL_FLAGS) \
    X(rep_movsw, "rep movsw", ALL_FLAGS) \
    X(rep_movsd, "rep movsl", ALL_FLAGS) \
    X(rep_stosb, "rep stosb", ALL_FLAGS) \
    X(rep_stosw, "rep stosw", ALL_FLAGS) \
    X(rep_stosd, "rep stosl", ALL_FLAGS) \
    X(lodsb, "lodsb", ALL_FLAGS)         \
    X(lodsw, "lodsw", ALL_FLAGS)         \
    X(rep_lodsd, "rep lodsl", ALL_FLAGS)

#define OTHER_INSTRUCTIONS(X)                                                                      \
    X(in_al_imm, "inb $0x60, %al", 0)                                                              \
    X(in_ax_dx, "inw %dx, %ax", 0)                                                                 \
    X(in_eax_dx, "inl %dx, %eax", 0)                                                               \
    X(out_imm_al, "outb %al, $0x61", 0)                                                            \
    X(out_dx_ax, "outw %ax, %dx", 0)                                                               \
    X(out_dx_eax, "outl %eax, %dx", 0)                                                             \
    X(rep_insb, "rep insb", 0)                                                                     \
    X(rep_insw, "rep insw", 0)                                                                     \
    X(rep_insd, "rep insl", 0)                                                                     \
    X(rep_outsb, "rep outsb", 0)                                                                   \
    X(rep_outsw, "rep outsw", 0)                                                                   \
    X(rep_outsd, "rep outsl", 0)                                                                   \
    X(cli_sti, "cli; movl %fs:0x24, %ecx; nop; sti; movl %fs:0x24, %edx", 0)                       \
    X(cli_popf, "pushfl; cli; pushfl; popl %edi; movl %fs:0x24, %ecx; popfl; movl %fs:0x24, %edx", \
      0)                                                                                           \
    X(cli_nested,                                                                                  \
      "pushfl; cli; pushfl; cli; popfl; movl %fs:0x24, %ecx; popfl; movl %fs:0x24, %edx", 0)       \
    X(movd_load, "movd (%ebx), %xmm6; movd %xmm6, %eax", 0)                                        \
    X(movd_store, "movd %eax, %xmm6; movd %xmm6, (%ebx)", 0)                                       \
    X(movq_load, "movq (%ebx), %xmm7; movd %xmm7, %eax; psrldq $4, %xmm7; movd %xmm7, %edx", 0)    \
    X(movq_store,                                                                                  \
      "movd %eax, %xmm1; movd %edx, %xmm0; punpckldq %xmm0, %xmm1; movq %xmm1, (%ebx)", 0)         \
    X(movsd_load, "movsd (%ebx), %xmm3; movd %xmm3, %eax; psrldq $4, %xmm3; movd %xmm3, %edx", 0)  \
    X(movups_load, "movups (%ebx), %xmm0", 0)                                                      \
    X(movdqu_store, "movdqu %xmm0, (%ebx)", 0)                                                     \
    X(mov_ax_bx, "movl (%ebx), %eax", 0)                                                           \
    X(mov_bx_ax, "movl %eax, (%ebx)", 0)                                                           \
    X(mov_ax_fs_bx, "movl %fs:(%ebx), %eax", 0)                                                    \
    X(add_bx_1, "lock addl $1, (%ebx)", 0)                                                         \
    X(push_memory, "pushl (%ebx); popl %eax", 0)                                                   \
    X(undefined, "ud2", 0)                                                                         \
    X(break_point, "int3", 0)                                                                      \
    X(fast_fail, "movl $2, %ecx; int $0x29", 0)                                                    \
    X(assertion, "int $0x2c", 0)                                                                   \
    X(halt, "hlt", 0)                                                                              \
    X(read_msr, "rdmsr", 0)                                                                        \
    X(write_cr0, "movl %eax, %cr0", 0)                                                             \
    X(divide, "xorl %edx, %edx; xorl %ecx, %ecx; divl %ecx", 0)                                    \
    X(call_ax, "calll *%eax", 0)                                                                   \
    X(write_self, "movl $write_self, %ecx; movb $0, (%ecx)", 0)

typedef uint32_t word;

struct registers {
    word ax, cx, dx, bx, unused, bp, si, di;
    word flags;
};

/* Loads all registers and flags, calls the code, stores them. */
void run_code(struct registers *registers, void (*code)(void));
__asm__(".text\n"
        "run_code:\n"
        " pushl %ebx; pushl %ebp; pushl %esi; pushl %edi\n"
        " movl 20(%esp), %edi\n"
        " pushl %edi; pushl 28(%esp)\n"
        " pushl 32(%edi); popfl\n"
        " movl (%edi), %eax; movl 4(%edi), %ecx; movl 8(%edi), %edx; movl 12(%edi), %ebx\n"
        " movl 20(%edi), %ebp; movl 24(%edi), %esi; movl 28(%edi), %edi\n"
        " calll *(%esp)\n"
        " pushfl; cld\n"
        " pushl %edi\n"
        " movl 12(%esp), %edi\n"
        " movl %eax, (%edi); movl %ecx, 4(%edi); movl %edx, 8(%edi); movl %ebx, 12(%edi)\n"
        " movl %ebp, 20(%edi); movl %esi, 24(%edi)\n"
        " popl 28(%edi); popl 32(%edi)\n"
        " addl $8, %esp\n"
        " popl %edi; popl %esi; popl %ebp; popl %ebx\n"
        " ret\n");

#define REGISTER_NAMES "eax", "ecx", "edx", "ebx", "-", "ebp", "esi", "edi"

/* An index of 8 in the instructions. */
#define INDEX si
/* Where cli_popf leaves the flags that it saw. */
#define FLAGS_SEEN di

/* 64 bits that the vector instructions load and store. */
static inline uint64_t loaded(const struct registers *registers)
{
    return registers->ax | (uint64_t)registers->dx << 32;
}

static inline void to_store(struct registers *registers, uint64_t value)
{
    registers->ax = (word)value;
    registers->dx = (word)(value >> 32);
}

/* Where nothing is, and an address for a window. */
#define NO_MEMORY 0xfffff000ull

static inline uint64_t unmappable(void)
{
    static uint64_t address;

    if (address == 0) {
        address = (uintptr_t)mmap(0, 0x1000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    return address;
}

#endif
