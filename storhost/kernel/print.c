/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DbgPrint, which goes to whoever watches the run, and the sprintf family.
 *
 * _snprintf and _vsnprintf answer -1 for a text that does not fit, and leave out the terminator
 * then (also when it alone does not fit), as the reference says; a driver must cope with it.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/format.h"
#include "kernel/kernel_internal.h"

/* DbgPrint sends at most this much of a text (reference of DbgPrint: 512 bytes). */
#define DEBUG_TEXT_LIMIT 512

static void write_to_standard_error(const char *text, size_t length)
{
    fprintf(stderr, "driver: %.*s%s", (int)length, text,
            length > 0 && text[length - 1] == '\n' ? "" : "\n");
}

static void (*debug_output)(const char *text, size_t length) = write_to_standard_error;

void kernel_set_debug_output(void (*write)(const char *text, size_t length))
{
    debug_output = write != NULL ? write : write_to_standard_error;
}

void kernel_debug_write(const char *text, size_t length)
{
    if (length > 0) {
        debug_output(text, length);
    }
}

/* ---- DbgPrint ------------------------------------------------------------------------------ */

static ULONG debug_print(const char *prefix, const char *format, struct arguments *arguments,
                         const char *function)
{
    char text[DEBUG_TEXT_LIMIT];
    struct format_buffer buffer = {.characters = text, .space = sizeof(text)};
    size_t length = strnlen(prefix, sizeof(text));
    SERVES(function);

    memcpy(text, prefix, length);
    buffer.used = length;
    kernel_format(&buffer, (struct format_text){format, false}, arguments, function);
    kernel_debug_write(text, buffer.used < sizeof(text) ? buffer.used : sizeof(text));
    return STATUS_SUCCESS;
}

static ULONG NTAPIV dbg_print(const char *format, ...)
{
    struct arguments arguments;

    ARGUMENTS_START(arguments, format);
    debug_print("", format, &arguments, "DbgPrint");
    return STATUS_SUCCESS;
}

static ULONG NTAPIV dbg_print_ex(ULONG component, ULONG level, const char *format, ...)
{
    struct arguments arguments;

    (void)component;
    (void)level;
    ARGUMENTS_START(arguments, format);
    debug_print("", format, &arguments, "DbgPrintEx");
    return STATUS_SUCCESS;
}

static ULONG NTAPI v_dbg_print_ex(ULONG component, ULONG level, const char *format,
                                  driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    (void)component;
    (void)level;
    return debug_print("", format, &arguments, "vDbgPrintEx");
}

static ULONG NTAPI v_dbg_print_ex_with_prefix(const char *prefix, ULONG component, ULONG level,
                                              const char *format, driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    (void)component;
    (void)level;
    return debug_print(prefix, format, &arguments, "vDbgPrintExWithPrefix");
}

/* ---- sprintf ------------------------------------------------------------------------------- */

/* Formats into `space` characters and ends the text if there is room; -1: it did not fit. */
static int format_limited(void *target, size_t space, struct format_text format,
                          struct arguments *arguments, const char *function)
{
    struct format_buffer buffer = {.characters = target, .wide = format.wide, .space = space};
    SERVES(function);

    kernel_format(&buffer, format, arguments, NULL);
    if (buffer.used < space && buffer.wide) {
        ((WCHAR *)target)[buffer.used] = 0;
    } else if (buffer.used < space) {
        ((char *)target)[buffer.used] = 0;
    }
    return buffer.used <= space ? (int)buffer.used : -1;
}

/* The same, always ended: what does not fit is cut off (-1). */
static int format_ended(void *target, size_t space, struct format_text format,
                        struct arguments *arguments, const char *function)
{
    int length = format_limited(target, space, format, arguments, function);

    if (space > 0 && (length < 0 || (size_t)length >= space)) {
        if (format.wide) {
            ((WCHAR *)target)[space - 1] = 0;
        } else {
            ((char *)target)[space - 1] = 0;
        }
        return -1;
    }
    return length;
}

#define UNLIMITED ((size_t)INT32_MAX)

#define NARROW(format) ((struct format_text){(format), false})
#define WIDE(format)   ((struct format_text){(format), true})

static int KERNEL_C v_sprintf(char *target, const char *format, driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    return format_limited(target, UNLIMITED, NARROW(format), &arguments, "vsprintf");
}

static int KERNEL_C v_snprintf(char *target, SIZE_T space, const char *format, driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    return format_limited(target, space, NARROW(format), &arguments, "_vsnprintf");
}

static int KERNEL_C v_snwprintf(WCHAR *target, SIZE_T space, const WCHAR *format,
                                driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    return format_limited(target, space, WIDE(format), &arguments, "_vsnwprintf");
}

static int KERNEL_C v_sprintf_s(char *target, SIZE_T space, const char *format, driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    return format_ended(target, space, NARROW(format), &arguments, "vsprintf_s");
}

/* `count`: at most so many characters are wanted, (SIZE_T)-1: what fits. */
static int snprintf_ended(char *target, SIZE_T space, SIZE_T count, const char *format,
                          struct arguments *arguments)
{
    return format_ended(target, count < space ? count + 1 : space, NARROW(format), arguments,
                        "_vsnprintf_s");
}

static int KERNEL_C v_snprintf_s(char *target, SIZE_T space, SIZE_T count, const char *format,
                                 driver_va_list list)
{
    struct arguments arguments = arguments_of_list(list);

    return snprintf_ended(target, space, count, format, &arguments);
}

static int NTAPIV s_printf(char *target, const char *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_limited(target, UNLIMITED, NARROW(format), &arguments, "sprintf");
    return length;
}

static int NTAPIV sn_printf(char *target, SIZE_T space, const char *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_limited(target, space, NARROW(format), &arguments, "_snprintf");
    return length;
}

static int NTAPIV sprintf_checked(char *target, SIZE_T space, const char *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_ended(target, space, NARROW(format), &arguments, "sprintf_s");
    return length;
}

static int NTAPIV snprintf_checked(char *target, SIZE_T space, SIZE_T count, const char *format,
                                   ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = snprintf_ended(target, space, count, format, &arguments);
    return length;
}

static int NTAPIV sw_printf(WCHAR *target, const WCHAR *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_limited(target, UNLIMITED, WIDE(format), &arguments, "swprintf");
    return length;
}

static int NTAPIV snw_printf(WCHAR *target, SIZE_T space, const WCHAR *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_limited(target, space, WIDE(format), &arguments, "_snwprintf");
    return length;
}

static int NTAPIV swprintf_checked(WCHAR *target, SIZE_T space, const WCHAR *format, ...)
{
    struct arguments arguments;
    int length;

    ARGUMENTS_START(arguments, format);
    length = format_ended(target, space, WIDE(format), &arguments, "swprintf_s");
    return length;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(DbgPrint, dbg_print),
    KERNEL_EXPORT(DbgPrintEx, dbg_print_ex),
    KERNEL_EXPORT(vDbgPrintEx, v_dbg_print_ex),
    KERNEL_EXPORT(vDbgPrintExWithPrefix, v_dbg_print_ex_with_prefix),
    KERNEL_EXPORT(sprintf, s_printf),
    KERNEL_EXPORT(vsprintf, v_sprintf),
    KERNEL_EXPORT(_snprintf, sn_printf),
    KERNEL_EXPORT(_vsnprintf, v_snprintf),
    KERNEL_EXPORT(sprintf_s, sprintf_checked),
    KERNEL_EXPORT(vsprintf_s, v_sprintf_s),
    KERNEL_EXPORT(_snprintf_s, snprintf_checked),
    KERNEL_EXPORT(_vsnprintf_s, v_snprintf_s),
    KERNEL_EXPORT(swprintf, sw_printf),
    KERNEL_EXPORT(_snwprintf, snw_printf),
    KERNEL_EXPORT(_vsnwprintf, v_snwprintf),
    KERNEL_EXPORT(swprintf_s, swprintf_checked),
};

KERNEL_TABLE(kernel_print, exports);
