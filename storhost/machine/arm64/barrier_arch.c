/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Barriers of ARM64 do not fault. So each one that reaches devices is replaced by a brk as the code
 * is loaded, as a debugger would: its number says what it was, and the handler executes that.
 */
#include "machine/barrier_arch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/violation.h"
#include "machine/arm64/barrier_mark.h"
#include "machine/barrier.h"

/* dmb and dsb with their option in bits 8 to 11 (Arm Architecture Reference Manual, C6.2); brk with
 * its number in bits 5 to 20. */
enum {
    DMB = 0xd50330bf,
    DSB = 0xd503309f,
    OPTION_SHIFT = 8,
    OPTION_MASK = 15 << OPTION_SHIFT,
    BREAK = 0xd4200000,
    BREAK_SHIFT = 5,
    MARK_DMB = 0xdb00, /* | option */
    MARK_DSB = 0xdc00,
    MARK_MASK = 0xfff0,
};

/* Options that reach devices: the domain is the outer shareable one (0b00) or the system (0b11);
 * the low bits are 1 loads, 2 stores, 3 all. */
static bool reaches_devices(uint32_t option)
{
    return (option >> 2 == 0 || option >> 2 == 3) && (option & 3) != 0;
}

static enum barrier barrier_of(uint32_t option)
{
    switch (option & 3) {
    case 1:
        return BARRIER_LOADS;
    case 2:
        return BARRIER_STORES;
    default:
        return BARRIER_FULL;
    }
}

bool barrier_can_be_seen(void)
{
    return true;
}

static uint32_t marked(uint32_t word)
{
    uint32_t option = (word & OPTION_MASK) >> OPTION_SHIFT;
    uint32_t kind = word & ~(uint32_t)OPTION_MASK;

    if ((kind != DMB && kind != DSB) || !reaches_devices(option)) {
        return word;
    }
    return BREAK | ((kind == DMB ? MARK_DMB : MARK_DSB) | option) << BREAK_SHIFT;
}

void barrier_mark_code(void *code, size_t length)
{
    uint32_t *word = code;
    size_t index;

    if (mprotect(code, length, PROT_READ | PROT_WRITE) != 0) {
        fatal("cannot mark the barriers of the driver: %s", strerror(errno));
    }
    for (index = 0; index < length / sizeof(*word); index++) {
        word[index] = marked(word[index]);
    }
    if (mprotect(code, length, PROT_READ | PROT_EXEC) != 0) {
        fatal("cannot mark the barriers of the driver: %s", strerror(errno));
    }
    __builtin___clear_cache(code, (char *)code + length);
}

bool barrier_execute_mark(uint32_t number)
{
    if ((number & MARK_MASK) != MARK_DMB && (number & MARK_MASK) != MARK_DSB) {
        return false;
    }
    __asm__ volatile("dsb sy" ::: "memory");
    barrier_executed(barrier_of(number & 15));
    return true;
}
