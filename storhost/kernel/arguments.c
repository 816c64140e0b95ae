/* SPDX-License-Identifier: BSD-3-Clause */
/* Variable arguments as drivers pass them. See arguments.h. */
#include "kernel/arguments.h"

#include <string.h>

uintptr_t arguments_next(struct arguments *arguments)
{
    uintptr_t value;

    if (arguments->next == arguments->end) {
        arguments->next = arguments->stack;
        arguments->end = NULL;
    }
    memcpy(&value, arguments->next, sizeof(value));
    arguments->next += sizeof(value);
    return value;
}

#if UINTPTR_MAX == UINT64_MAX
uint64_t arguments_next_64(struct arguments *arguments)
{
    return arguments_next(arguments);
}
#else
uint64_t arguments_next_64(struct arguments *arguments)
{
    uint64_t low = arguments_next(arguments);

    return low | (uint64_t)arguments_next(arguments) << 32;
}
#endif

void arguments_read(struct arguments *arguments, const char *types, uint64_t *values)
{
    for (; *types != 0; types++) {
        *values++ = *types == 'q' ? arguments_next_64(arguments) : arguments_next(arguments);
    }
}

#if defined(__aarch64__)
/* Source of the fields: Procedure Call Standard for the Arm 64-bit Architecture, appendix "Variable
 * argument lists". The general registers end at __gr_top, the next one being __gr_offs (negative,
 * or 0 and more when none is left) from there. */
struct arguments arguments_of_start(va_list *started)
{
    struct arguments arguments = {.next = started->__stack};

    if (started->__gr_offs < 0) {
        arguments.next = (const char *)started->__gr_top + started->__gr_offs;
        arguments.end = started->__gr_top;
        arguments.stack = started->__stack;
    }
    return arguments;
}
#endif
