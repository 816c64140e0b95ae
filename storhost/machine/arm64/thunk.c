/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Thunks: what the driver calls is a few instructions that call the bench's function and give x18
 * back its value afterwards. They may not move the stack, as further arguments lie there; so the
 * driver's return address is kept in the thread's storage meanwhile.
 */
#include "machine/thunk.h"

#include "base/violation.h"
#include "machine/arm64/thunk_state.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

/* One thunk; the constants follow its code. */
struct thunk {
    uint32_t code[4];
    const void *function;
    void (*common)(void);
};

_Static_assert(sizeof(struct thunk) == 32, "the code below loads the constants from there");
_Static_assert(offsetof(struct thunk_state, depth) == 8, "the code below knows the offset");
_Static_assert(offsetof(struct thunk_state, returns_to) == 16, "the code below knows the offset");
_Static_assert(THUNK_DEPTH == 256, "the code below knows the limit");

static const uint32_t thunk_code[4] = {
    0x58000090, /* ldr x16, function */
    0x580000b1, /* ldr x17, common */
    0xd61f0220, /* br x17 */
    0xd4200000, /* brk: never reached */
};

_Thread_local struct thunk_state thunk_state;

static pthread_mutex_t page_change = PTHREAD_MUTEX_INITIALIZER;

/* The page that is being filled. */
static struct {
    struct thunk *filled; /* writable */
    struct thunk *run;    /* the same, executable */
    size_t used;          /* thunks in it */
} page;

void thunk_common(void);
extern const char thunk_return[];
_Noreturn void thunk_overflow(void);

/* Registers that it uses: x9, x10, x16 and x17, which a call may change. */
__asm__(".text\n"
        ".globl thunk_common\n"
        ".type thunk_common, %function\n"
        "thunk_common:\n"
        "    mrs  x17, tpidr_el0\n"
        "    add  x17, x17, #:tprel_hi12:thunk_state, lsl #12\n"
        "    add  x17, x17, #:tprel_lo12_nc:thunk_state\n"
        "    ldr  x9, [x17, #8]\n"
        "    cmp  x9, #256\n"
        "    b.hs thunk_overflow\n"
        "    add  x10, x17, x9, lsl #3\n"
        "    str  x30, [x10, #16]\n"
        "    add  x9, x9, #1\n"
        "    str  x9, [x17, #8]\n"
        "    blr  x16\n"
        ".globl thunk_return\n"
        "thunk_return:\n"
        "    mrs  x17, tpidr_el0\n"
        "    add  x17, x17, #:tprel_hi12:thunk_state, lsl #12\n"
        "    add  x17, x17, #:tprel_lo12_nc:thunk_state\n"
        "    ldr  x9, [x17, #8]\n"
        "    sub  x9, x9, #1\n"
        "    str  x9, [x17, #8]\n"
        "    add  x10, x17, x9, lsl #3\n"
        "    ldr  x30, [x10, #16]\n"
        "    ldr  x18, [x17]\n"
        "    ret\n"
        ".size thunk_common, . - thunk_common\n");

_Noreturn void thunk_overflow(void)
{
    fatal("a processor is in more than %u exports at once", THUNK_DEPTH);
}

/* A new page of thunks, mapped twice: the driver may run in one mapping while the other is filled. */
static void add_page(void)
{
    int file = memfd_create("thunks", MFD_CLOEXEC);

    if (file < 0 || ftruncate(file, PAGE_BYTES) != 0) {
        fatal("no memory for the thunks of imports: %s", strerror(errno));
    }
    page.filled = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    page.run = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    if (page.filled == MAP_FAILED || page.run == MAP_FAILED) {
        fatal("the thunks of imports cannot be mapped: %s", strerror(errno));
    }
    page.used = 0;
    close(file);
}

void *thunk_of(void *function)
{
    struct thunk *thunk;
    void *run;

    pthread_mutex_lock(&page_change);
    if (page.filled == NULL || page.used == PAGE_BYTES / sizeof(*thunk)) {
        add_page();
    }
    thunk = &page.filled[page.used];
    run = &page.run[page.used++];
    memcpy(thunk->code, thunk_code, sizeof(thunk_code));
    thunk->function = function;
    thunk->common = thunk_common;
    __builtin___clear_cache(run, (char *)run + sizeof(*thunk));
    pthread_mutex_unlock(&page_change);
    return run;
}

void thunk_enter_driver(void)
{
    __asm__ volatile("mov x18, %0" : : "r"(thunk_state.kpcr));
}

const void *thunk_caller(const void *returns_to)
{
    return returns_to == (const void *)thunk_return && thunk_state.depth > 0
               ? thunk_state.returns_to[thunk_state.depth - 1]
               : returns_to;
}
