/* SPDX-License-Identifier: BSD-3-Clause */
/* The C library's string functions that the kernel exports, for bytes and for 16-bit characters. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "kernel/kernel_internal.h"

enum {
    INVALID = 22,
    OUT_OF_RANGE = 34
}; /* errno_t of the checked functions */

static SIZE_T KERNEL_C string_length(const char *text)
{
    SERVES("strlen");

    return strlen(text);
}

static SIZE_T KERNEL_C string_length_limited(const char *text, SIZE_T limit)
{
    SERVES("strnlen");

    return strnlen(text, limit);
}

static int KERNEL_C string_compare(const char *a, const char *b)
{
    SERVES("strcmp");

    return strcmp(a, b);
}

static int KERNEL_C string_compare_limited(const char *a, const char *b, SIZE_T limit)
{
    SERVES("strncmp");

    return strncmp(a, b, limit);
}

static int KERNEL_C string_compare_caseless(const char *a, const char *b)
{
    SERVES("_stricmp");

    return strcasecmp(a, b);
}

static int KERNEL_C string_compare_caseless_limited(const char *a, const char *b, SIZE_T limit)
{
    SERVES("_strnicmp");

    return strncasecmp(a, b, limit);
}

static char *KERNEL_C string_copy(char *target, const char *source)
{
    SERVES("strcpy");

    return strcpy(target, source);
}

static char *KERNEL_C string_copy_limited(char *target, const char *source, SIZE_T limit)
{
    SIZE_T index;
    SERVES("strncpy");

    for (index = 0; index < limit && source[index] != 0; index++) {
        target[index] = source[index];
    }
    memset(target + index, 0, limit - index);
    return target;
}

static char *KERNEL_C string_append(char *target, const char *source)
{
    SERVES("strcat");

    return strcat(target, source);
}

static char *KERNEL_C string_append_limited(char *target, const char *source, SIZE_T limit)
{
    SERVES("strncat");

    return strncat(target, source, limit);
}

static char *KERNEL_C string_find(const char *text, int letter)
{
    SERVES("strchr");

    return strchr(text, letter);
}

static char *KERNEL_C string_find_last(const char *text, int letter)
{
    SERVES("strrchr");

    return strrchr(text, letter);
}

static char *KERNEL_C string_find_string(const char *text, const char *part)
{
    SERVES("strstr");

    return strstr(text, part);
}

static int KERNEL_C string_copy_checked(char *target, SIZE_T space, const char *source)
{
    SIZE_T length;
    SERVES("strcpy_s");

    if (target == NULL || space == 0) {
        return INVALID;
    }
    length = source != NULL ? strnlen(source, space) : 0;
    if (source == NULL || length == space) {
        target[0] = 0;
        return source == NULL ? INVALID : OUT_OF_RANGE;
    }
    memcpy(target, source, length + 1);
    return 0;
}

static int KERNEL_C string_copy_limited_checked(char *target, SIZE_T space, const char *source,
                                                SIZE_T limit)
{
    SIZE_T length;
    SERVES("strncpy_s");

    if (target == NULL || space == 0) {
        return INVALID;
    }
    length = source != NULL ? strnlen(source, limit) : 0;
    if ((source == NULL && limit != 0) || length >= space) {
        target[0] = 0;
        return source == NULL ? INVALID : OUT_OF_RANGE;
    }
    if (length != 0) {
        memcpy(target, source, length);
    }
    target[length] = 0;
    return 0;
}

static int KERNEL_C string_append_checked(char *target, SIZE_T space, const char *source)
{
    SIZE_T used;
    SERVES("strcat_s");

    if (target == NULL || space == 0) {
        return INVALID;
    }
    used = strnlen(target, space);
    if (used == space) {
        target[0] = 0;
        return INVALID;
    }
    return string_copy_checked(target + used, space - used, source);
}

static SIZE_T KERNEL_C wide_length(const WCHAR *text)
{
    SIZE_T length = 0;
    SERVES("wcslen");

    while (text[length] != 0) {
        length++;
    }
    return length;
}

static SIZE_T KERNEL_C wide_length_limited(const WCHAR *text, SIZE_T limit)
{
    SIZE_T length = 0;
    SERVES("wcsnlen");

    while (length < limit && text[length] != 0) {
        length++;
    }
    return length;
}

static int KERNEL_C wide_compare_limited(const WCHAR *a, const WCHAR *b, SIZE_T limit)
{
    SERVES("wcsncmp");

    for (; limit > 0; limit--, a++, b++) {
        if (*a != *b || *a == 0) {
            return *a == *b ? 0 : *a < *b ? -1 : 1;
        }
    }
    return 0;
}

static int KERNEL_C wide_compare(const WCHAR *a, const WCHAR *b)
{
    return wide_compare_limited(a, b, (SIZE_T)-1);
}

static WCHAR wide_lower(WCHAR letter)
{
    return letter >= 'A' && letter <= 'Z' ? (WCHAR)(letter + 'a' - 'A') : letter;
}

static int KERNEL_C wide_compare_caseless_limited(const WCHAR *a, const WCHAR *b, SIZE_T limit)
{
    SERVES("_wcsnicmp");

    for (; limit > 0; limit--, a++, b++) {
        WCHAR x = wide_lower(*a);
        WCHAR y = wide_lower(*b);

        if (x != y || x == 0) {
            return x == y ? 0 : x < y ? -1 : 1;
        }
    }
    return 0;
}

static int KERNEL_C wide_compare_caseless(const WCHAR *a, const WCHAR *b)
{
    return wide_compare_caseless_limited(a, b, (SIZE_T)-1);
}

static WCHAR *KERNEL_C wide_copy(WCHAR *target, const WCHAR *source)
{
    SERVES("wcscpy");

    memcpy(target, source, (wide_length(source) + 1) * sizeof(WCHAR));
    return target;
}

static WCHAR *KERNEL_C wide_copy_limited(WCHAR *target, const WCHAR *source, SIZE_T limit)
{
    SIZE_T length = wide_length_limited(source, limit);
    SERVES("wcsncpy");

    memcpy(target, source, length * sizeof(WCHAR));
    memset(target + length, 0, (limit - length) * sizeof(WCHAR));
    return target;
}

static WCHAR *KERNEL_C wide_append(WCHAR *target, const WCHAR *source)
{
    wide_copy(target + wide_length(target), source);
    return target;
}

static WCHAR *KERNEL_C wide_find(const WCHAR *text, WCHAR letter)
{
    SERVES("wcschr");

    for (; *text != letter; text++) {
        if (*text == 0) {
            return NULL;
        }
    }
    return (WCHAR *)(ULONG_PTR)text;
}

static int KERNEL_C wide_copy_checked(WCHAR *target, SIZE_T space, const WCHAR *source)
{
    SIZE_T length;
    SERVES("wcscpy_s");

    if (target == NULL || space == 0) {
        return INVALID;
    }
    length = source != NULL ? wide_length_limited(source, space) : 0;
    if (source == NULL || length == space) {
        target[0] = 0;
        return source == NULL ? INVALID : OUT_OF_RANGE;
    }
    memcpy(target, source, (length + 1) * sizeof(WCHAR));
    return 0;
}

static int KERNEL_C to_upper(int letter)
{
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter;
}

static int KERNEL_C to_lower(int letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

static int KERNEL_C is_digit(int letter)
{
    return letter >= '0' && letter <= '9';
}

static int KERNEL_C is_hex_digit(int letter)
{
    return is_digit(letter) || (to_lower(letter) >= 'a' && to_lower(letter) <= 'f');
}

static int KERNEL_C is_upper(int letter)
{
    return letter >= 'A' && letter <= 'Z';
}

static int KERNEL_C is_lower(int letter)
{
    return letter >= 'a' && letter <= 'z';
}

static int KERNEL_C is_space(int letter)
{
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

static int KERNEL_C is_printable(int letter)
{
    return letter >= ' ' && letter < 127;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(strlen, string_length),
    KERNEL_EXPORT(strnlen, string_length_limited),
    KERNEL_EXPORT(strcmp, string_compare),
    KERNEL_EXPORT(strncmp, string_compare_limited),
    KERNEL_EXPORT(_stricmp, string_compare_caseless),
    KERNEL_EXPORT(_strnicmp, string_compare_caseless_limited),
    KERNEL_EXPORT(strcpy, string_copy),
    KERNEL_EXPORT(strncpy, string_copy_limited),
    KERNEL_EXPORT(strcat, string_append),
    KERNEL_EXPORT(strncat, string_append_limited),
    KERNEL_EXPORT(strchr, string_find),
    KERNEL_EXPORT(strrchr, string_find_last),
    KERNEL_EXPORT(strstr, string_find_string),
    KERNEL_EXPORT(strcpy_s, string_copy_checked),
    KERNEL_EXPORT(strncpy_s, string_copy_limited_checked),
    KERNEL_EXPORT(strcat_s, string_append_checked),
    KERNEL_EXPORT(wcslen, wide_length),
    KERNEL_EXPORT(wcsnlen, wide_length_limited),
    KERNEL_EXPORT(wcscmp, wide_compare),
    KERNEL_EXPORT(wcsncmp, wide_compare_limited),
    KERNEL_EXPORT(_wcsicmp, wide_compare_caseless),
    KERNEL_EXPORT(_wcsnicmp, wide_compare_caseless_limited),
    KERNEL_EXPORT(wcscpy, wide_copy),
    KERNEL_EXPORT(wcsncpy, wide_copy_limited),
    KERNEL_EXPORT(wcscat, wide_append),
    KERNEL_EXPORT(wcschr, wide_find),
    KERNEL_EXPORT(wcscpy_s, wide_copy_checked),
    KERNEL_EXPORT(toupper, to_upper),
    KERNEL_EXPORT(tolower, to_lower),
    KERNEL_EXPORT(isdigit, is_digit),
    KERNEL_EXPORT(isxdigit, is_hex_digit),
    KERNEL_EXPORT(isupper, is_upper),
    KERNEL_EXPORT(islower, is_lower),
    KERNEL_EXPORT(isspace, is_space),
    KERNEL_EXPORT(isprint, is_printable),
};

KERNEL_TABLE(kernel_strings, exports);
