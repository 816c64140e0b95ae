/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counted strings: ANSI_STRING and UNICODE_STRING. Translation knows Latin-1, which covers what
 * drivers name. Strings that these functions allocate come from pool and go back by RtlFree....
 */
#include <string.h>

#include "kernel/kernel_internal.h"
#include "kernel/pool.h"

#define LONGEST_COUNTED 0xfffe /* bytes, even */

static VOID NTAPI init_ansi(ANSI_STRING *target, const char *source)
{
    size_t length;
    SERVES("RtlInitAnsiString");

    length = source != NULL ? strnlen(source, LONGEST_COUNTED) : 0;
    target->Length = (USHORT)length;
    target->MaximumLength = (USHORT)(source != NULL ? length + 1 : 0);
    target->Buffer = (PCHAR)(ULONG_PTR)source;
}

static VOID NTAPI init_unicode(UNICODE_STRING *target, const WCHAR *source)
{
    size_t length = 0;
    SERVES("RtlInitUnicodeString");

    while (source != NULL && length < LONGEST_COUNTED / 2 - 1 && source[length] != 0) {
        length++;
    }
    target->Length = (USHORT)(length * sizeof(WCHAR));
    target->MaximumLength = (USHORT)(source != NULL ? (length + 1) * sizeof(WCHAR) : 0);
    target->Buffer = (PWCH)(ULONG_PTR)source;
}

/* Copies what fits; a terminator too, if it fits. */
static VOID NTAPI copy_unicode(UNICODE_STRING *target, const UNICODE_STRING *source)
{
    USHORT length;
    SERVES("RtlCopyUnicodeString");

    if (source == NULL) {
        target->Length = 0;
        return;
    }
    length = source->Length < target->MaximumLength ? source->Length : target->MaximumLength;
    memcpy(target->Buffer, source->Buffer, length);
    target->Length = length;
    if (length + sizeof(WCHAR) <= target->MaximumLength) {
        target->Buffer[length / sizeof(WCHAR)] = 0;
    }
}

static NTSTATUS append(UNICODE_STRING *target, const WCHAR *source, size_t length)
{
    if (target->Length + length > target->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memcpy((char *)target->Buffer + target->Length, source, length);
    target->Length = (USHORT)(target->Length + length);
    if (target->Length + sizeof(WCHAR) <= target->MaximumLength) {
        target->Buffer[target->Length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI append_text(UNICODE_STRING *target, const WCHAR *source)
{
    UNICODE_STRING counted;
    SERVES("RtlAppendUnicodeToString");

    init_unicode(&counted, source);
    return append(target, counted.Buffer, counted.Length);
}

static NTSTATUS NTAPI append_unicode(UNICODE_STRING *target, const UNICODE_STRING *source)
{
    SERVES("RtlAppendUnicodeStringToString");

    return append(target, source->Buffer, source->Length);
}

static WCHAR NTAPI upcase(WCHAR letter)
{
    bool latin = letter >= 0xe0 && letter <= 0xfe && letter != 0xf7;

    return (letter >= 'a' && letter <= 'z') || latin ? (WCHAR)(letter - 0x20) : letter;
}

static LONG NTAPI compare_unicode(const UNICODE_STRING *a, const UNICODE_STRING *b,
                                  BOOLEAN caseless)
{
    size_t count;
    size_t index;
    SERVES("RtlCompareUnicodeString");

    kernel_require_irql(IRQL_PASSIVE, "RtlCompareUnicodeString");
    count = (a->Length < b->Length ? a->Length : b->Length) / sizeof(WCHAR);
    for (index = 0; index < count; index++) {
        WCHAR x = caseless ? upcase(a->Buffer[index]) : a->Buffer[index];
        WCHAR y = caseless ? upcase(b->Buffer[index]) : b->Buffer[index];

        if (x != y) {
            return (LONG)x - (LONG)y;
        }
    }
    return (LONG)a->Length - (LONG)b->Length;
}

static BOOLEAN NTAPI equal_unicode(const UNICODE_STRING *a, const UNICODE_STRING *b,
                                   BOOLEAN caseless)
{
    return compare_unicode(a, b, caseless) == 0;
}

static BOOLEAN NTAPI equal_ansi(const ANSI_STRING *a, const ANSI_STRING *b, BOOLEAN caseless)
{
    size_t index;
    SERVES("RtlEqualString");

    kernel_require_irql(IRQL_PASSIVE, "RtlEqualString");
    for (index = 0; a->Length == b->Length && index < a->Length; index++) {
        WCHAR x = (unsigned char)a->Buffer[index];
        WCHAR y = (unsigned char)b->Buffer[index];

        if (x != y && !(caseless && upcase(x) == upcase(y))) {
            return FALSE;
        }
    }
    return a->Length == b->Length;
}

/* Provides `bytes` (terminator included) in a target string, from pool if asked. */
static NTSTATUS provide(void **buffer, USHORT *maximum, size_t bytes, BOOLEAN allocate)
{
    if (bytes > LONGEST_COUNTED) {
        return STATUS_INVALID_PARAMETER;
    }
    if (allocate) {
        *buffer = kernel_pool_allocate(POOL_NON_PAGED, bytes, KERNEL_STRING_TAG);
        *maximum = (USHORT)bytes;
        return *buffer != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    return bytes <= *maximum ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS NTAPI unicode_to_ansi(ANSI_STRING *target, const UNICODE_STRING *source,
                                      BOOLEAN allocate)
{
    size_t count;
    size_t index;
    NTSTATUS status;
    SERVES("RtlUnicodeStringToAnsiString");

    kernel_require_irql(IRQL_PASSIVE, "RtlUnicodeStringToAnsiString");
    count = source->Length / sizeof(WCHAR);
    status = provide((void **)&target->Buffer, &target->MaximumLength, count + 1, allocate);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    for (index = 0; index < count; index++) {
        WCHAR letter = source->Buffer[index];

        target->Buffer[index] = letter < 256 ? (CHAR)letter : '?';
    }
    target->Buffer[count] = 0;
    target->Length = (USHORT)count;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI ansi_to_unicode(UNICODE_STRING *target, const ANSI_STRING *source,
                                      BOOLEAN allocate)
{
    size_t index;
    NTSTATUS status;
    SERVES("RtlAnsiStringToUnicodeString");

    kernel_require_irql(IRQL_PASSIVE, "RtlAnsiStringToUnicodeString");
    status = provide((void **)&target->Buffer, &target->MaximumLength,
                     (source->Length + 1u) * sizeof(WCHAR), allocate);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    for (index = 0; index < source->Length; index++) {
        target->Buffer[index] = (unsigned char)source->Buffer[index];
    }
    target->Buffer[source->Length] = 0;
    target->Length = (USHORT)(source->Length * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

/* Digits of a number in base 2, 8, 10 (also 0) or 16. */
static NTSTATUS NTAPI integer_to_unicode(ULONG value, ULONG base, UNICODE_STRING *target)
{
    WCHAR digits[32];
    size_t count = 0;
    size_t index;
    SERVES("RtlIntegerToUnicodeString");

    kernel_require_irql(IRQL_PASSIVE, "RtlIntegerToUnicodeString");
    base = base == 0 ? 10 : base;
    if (base != 2 && base != 8 && base != 10 && base != 16) {
        return STATUS_INVALID_PARAMETER;
    }
    do {
        digits[count++] = (unsigned char)"0123456789ABCDEF"[value % base];
        value /= base;
    } while (value != 0);
    if (count * sizeof(WCHAR) > target->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (index = 0; index < count; index++) {
        target->Buffer[index] = digits[count - 1 - index];
    }
    target->Length = (USHORT)(count * sizeof(WCHAR));
    if (target->Length + sizeof(WCHAR) <= target->MaximumLength) {
        target->Buffer[count] = 0;
    }
    return STATUS_SUCCESS;
}

static VOID NTAPI free_unicode(UNICODE_STRING *string)
{
    SERVES("RtlFreeUnicodeString");

    kernel_require_irql(IRQL_PASSIVE, "RtlFreeUnicodeString");
    if (string->Buffer != NULL) {
        kernel_pool_free(string->Buffer, KERNEL_STRING_TAG, "RtlFreeUnicodeString");
    }
    memset(string, 0, sizeof(*string));
}

static VOID NTAPI free_ansi(ANSI_STRING *string)
{
    SERVES("RtlFreeAnsiString");

    kernel_require_irql(IRQL_PASSIVE, "RtlFreeAnsiString");
    if (string->Buffer != NULL) {
        kernel_pool_free(string->Buffer, KERNEL_STRING_TAG, "RtlFreeAnsiString");
    }
    memset(string, 0, sizeof(*string));
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(RtlInitString, init_ansi),
    KERNEL_EXPORT(RtlInitAnsiString, init_ansi),
    KERNEL_EXPORT(RtlInitUnicodeString, init_unicode),
    KERNEL_EXPORT(RtlCopyUnicodeString, copy_unicode),
    KERNEL_EXPORT(RtlAppendUnicodeToString, append_text),
    KERNEL_EXPORT(RtlAppendUnicodeStringToString, append_unicode),
    KERNEL_EXPORT(RtlUpcaseUnicodeChar, upcase),
    KERNEL_EXPORT(RtlCompareUnicodeString, compare_unicode),
    KERNEL_EXPORT(RtlEqualUnicodeString, equal_unicode),
    KERNEL_EXPORT(RtlEqualString, equal_ansi),
    KERNEL_EXPORT(RtlUnicodeStringToAnsiString, unicode_to_ansi),
    KERNEL_EXPORT(RtlAnsiStringToUnicodeString, ansi_to_unicode),
    KERNEL_EXPORT(RtlIntegerToUnicodeString, integer_to_unicode),
    KERNEL_EXPORT(RtlFreeUnicodeString, free_unicode),
    KERNEL_EXPORT(RtlFreeAnsiString, free_ansi),
};

KERNEL_TABLE(kernel_unicode, exports);
