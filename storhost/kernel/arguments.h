/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Variable arguments as drivers pass them.
 *
 * Windows' va_list is on each processor a plain pointer to the next argument in memory; arguments
 * take slots of a pointer's size, and a 64-bit one takes two slots on x86 (Microsoft, "x64 calling
 * convention", "Overview of ARM64 ABI conventions", variadic functions). That is how a va_list
 * comes from a driver. A variadic function of the bench finds its arguments
 * where Linux' convention puts them: on ARM64 in a copy of the registers first, then on the stack.
 */
#ifndef STORHOST_KERNEL_ARGUMENTS_H
#define STORHOST_KERNEL_ARGUMENTS_H

#include <stdarg.h>
#include <stdint.h>

/* va_list of the driver's compiler. */
typedef const char *driver_va_list;

/* Where the next argument is. */
struct arguments {
    const char *next;  /* its slot */
    const char *end;   /* where these slots end, and the others go on at `stack`; NULL: no end */
    const char *stack; /* the others */
};

/* The arguments of a list that a driver passed. */
static inline struct arguments arguments_of_list(driver_va_list list)
{
    return (struct arguments){.next = list};
}

/*
 * ARGUMENTS_START(arguments, last): in an NTAPIV function with `...`, sets `struct arguments` to
 * what follows the parameter `last`. They can be read until the function returns.
 */
#if defined(__x86_64__)
#define ARGUMENTS_START(arguments, last)          \
    do {                                          \
        __builtin_ms_va_list started;             \
        __builtin_ms_va_start(started, last);     \
        (arguments) = arguments_of_list(started); \
        __builtin_ms_va_end(started);             \
    } while (0)
#elif defined(__i386__)
#define ARGUMENTS_START(arguments, last)          \
    do {                                          \
        va_list started;                          \
        va_start(started, last);                  \
        (arguments) = arguments_of_list(started); \
        va_end(started);                          \
    } while (0)
#elif defined(__aarch64__)
#define ARGUMENTS_START(arguments, last)            \
    do {                                            \
        va_list started;                            \
        va_start(started, last);                    \
        (arguments) = arguments_of_start(&started); \
        va_end(started);                            \
    } while (0)

/* The arguments behind a va_list of Linux. (Called in another file, so that the compiler saves all
 * registers, also those that it does not see being read.) */
struct arguments arguments_of_start(va_list *started);
#endif

/* The next argument, of at most a pointer's size. What is above a narrower one is undefined. */
uintptr_t arguments_next(struct arguments *arguments);

/* The next argument, of 64 bits. */
uint64_t arguments_next_64(struct arguments *arguments);

/* Reads one argument for each letter of `types`: 'w' for one of at most a pointer's size, 'q' for
 * one of 64 bits. */
void arguments_read(struct arguments *arguments, const char *types, uint64_t *values);

#endif
