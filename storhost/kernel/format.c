/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formatted text. Source: Microsoft, "Format specification syntax: printf and wprintf functions",
 * and the reference of DbgPrint: size prefixes h, l, ll, w, I, I32, I64, z, j, t; %s and %c of the
 * format's own width, %S and %C of the other, h and l/w saying which; %Z counted strings; %p with
 * all digits. Floating point is not for the kernel and is printed as it stands.
 *
 * Arguments are the driver's (arguments.h).
 */
#include <string.h>

#include "kernel/format.h"
#include "kernel/kernel_internal.h"

enum length_prefix {
    LENGTH_NONE,
    LENGTH_CHAR,   /* hh */
    LENGTH_SHORT,  /* h */
    LENGTH_LONG,   /* l: 32 bits */
    LENGTH_WIDE,   /* w */
    LENGTH_64,     /* ll, I64, j */
    LENGTH_POINTER /* I, z, t */
};

struct conversion {
    bool left, plus, space, alternate, zero;
    bool has_precision;
    int width;
    int precision;
    enum length_prefix length;
    unsigned letter;
};

struct formatter {
    struct format_buffer *buffer;
    struct format_text format;
    size_t position; /* in the format */
    struct arguments *arguments;
    const char *function;
};

static unsigned format_character(const struct formatter *formatter, size_t ahead)
{
    size_t index = formatter->position + ahead;

    return formatter->format.wide ? ((const WCHAR *)formatter->format.characters)[index]
                                  : ((const unsigned char *)formatter->format.characters)[index];
}

static void put(struct formatter *formatter, unsigned letter)
{
    struct format_buffer *buffer = formatter->buffer;

    if (buffer->used < buffer->space) {
        if (buffer->wide) {
            ((WCHAR *)buffer->characters)[buffer->used] = (WCHAR)letter;
        } else {
            ((char *)buffer->characters)[buffer->used] = letter < 256 ? (char)letter : '?';
        }
    }
    buffer->used++;
}

static void put_repeated(struct formatter *formatter, unsigned letter, int count)
{
    for (; count > 0; count--) {
        put(formatter, letter);
    }
}

static uintptr_t next_argument(struct formatter *formatter)
{
    return arguments_next(formatter->arguments);
}

static uint64_t next_number(struct formatter *formatter, const struct conversion *conversion)
{
    return conversion->length == LENGTH_64 ? arguments_next_64(formatter->arguments)
                                           : arguments_next(formatter->arguments);
}

/* ---- Numbers ------------------------------------------------------------------------------- */

static int64_t signed_value(const struct conversion *conversion, uint64_t argument)
{
    switch (conversion->length) {
    case LENGTH_CHAR:
        return (int8_t)argument;
    case LENGTH_SHORT:
        return (int16_t)argument;
    case LENGTH_64:
        return (int64_t)argument;
    case LENGTH_POINTER:
        return (intptr_t)argument;
    default:
        return (int32_t)argument;
    }
}

static uint64_t unsigned_value(const struct conversion *conversion, uint64_t argument)
{
    switch (conversion->length) {
    case LENGTH_CHAR:
        return (uint8_t)argument;
    case LENGTH_SHORT:
        return (uint16_t)argument;
    case LENGTH_64:
    case LENGTH_POINTER:
        return argument;
    default:
        return (uint32_t)argument;
    }
}

/* Sign or base prefix, zeros up to the precision or width, digits, all in a field. */
static void put_number(struct formatter *formatter, const struct conversion *conversion,
                       uint64_t value, unsigned base, bool capitals, const char *prefix)
{
    const char *letters = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[64];
    int count = 0;
    int zeros;
    int length;

    for (; value != 0; value /= base) {
        digits[count++] = letters[value % base];
    }
    if (count == 0 && !(conversion->has_precision && conversion->precision == 0)) {
        digits[count++] = '0';
    }
    zeros = conversion->has_precision ? conversion->precision - count : 0;
    length = (int)strlen(prefix) + count;
    if (conversion->zero && !conversion->left && !conversion->has_precision) {
        zeros = conversion->width - length;
    }
    if (zeros > 0) {
        length += zeros;
    }
    if (!conversion->left) {
        put_repeated(formatter, ' ', conversion->width - length);
    }
    for (; *prefix != 0; prefix++) {
        put(formatter, (unsigned char)*prefix);
    }
    put_repeated(formatter, '0', zeros);
    while (count > 0) {
        put(formatter, (unsigned char)digits[--count]);
    }
    if (conversion->left) {
        put_repeated(formatter, ' ', conversion->width - length);
    }
}

static void put_signed(struct formatter *formatter, const struct conversion *conversion)
{
    int64_t value = signed_value(conversion, next_number(formatter, conversion));
    const char *prefix = conversion->plus ? "+" : conversion->space ? " " : "";

    put_number(formatter, conversion, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false,
               value < 0 ? "-" : prefix);
}

static void put_unsigned(struct formatter *formatter, const struct conversion *conversion,
                         unsigned base, bool capitals)
{
    uint64_t value = unsigned_value(conversion, next_number(formatter, conversion));
    const char *prefix = "";

    if (conversion->alternate && value != 0) {
        prefix = base == 8 ? "0" : base == 16 ? (capitals ? "0X" : "0x") : "";
    }
    put_number(formatter, conversion, value, base, capitals, prefix);
}

static void put_pointer(struct formatter *formatter, const struct conversion *conversion)
{
    struct conversion whole = *conversion;

    whole.has_precision = true;
    whole.precision = 2 * sizeof(void *);
    put_number(formatter, &whole, next_argument(formatter), 16, true, "");
}

/* ---- Text ---------------------------------------------------------------------------------- */

/* Whether a %s, %c or %Z means 16-bit characters. Capitals mean the other width than the format. */
static bool is_wide(const struct formatter *formatter, const struct conversion *conversion)
{
    bool capital = conversion->letter == 'S' || conversion->letter == 'C';

    if (conversion->length == LENGTH_SHORT) {
        return false;
    }
    if (conversion->length == LENGTH_LONG || conversion->length == LENGTH_WIDE) {
        return true;
    }
    return conversion->letter != 'Z' && formatter->format.wide != capital;
}

/* Translating to the debugger's characters needs tables that are paged. */
static void check_wide(const struct formatter *formatter)
{
    if (formatter->function != NULL && cpu_current() >= 0) {
        rule_checked(RULE_IRQL);
        if (cpu_irql() > IRQL_PASSIVE) {
            violation(RULE_IRQL,
                      "%s with a Unicode conversion (%%ws, %%wZ, %%S, ...) at IRQL %u; its "
                      "reference allows them at PASSIVE_LEVEL only",
                      formatter->function, cpu_irql());
        }
    }
}

static unsigned text_character(const void *text, bool wide, size_t index)
{
    return wide ? ((const WCHAR *)text)[index] : ((const unsigned char *)text)[index];
}

/* `length` characters, cut at the precision, in a field. */
static void put_text(struct formatter *formatter, const struct conversion *conversion,
                     const void *text, bool wide, size_t length)
{
    size_t index;

    if (conversion->has_precision && length > (size_t)conversion->precision) {
        length = (size_t)conversion->precision;
    }
    if (!conversion->left) {
        put_repeated(formatter, conversion->zero ? '0' : ' ', conversion->width - (int)length);
    }
    for (index = 0; index < length; index++) {
        put(formatter, text_character(text, wide, index));
    }
    if (conversion->left) {
        put_repeated(formatter, ' ', conversion->width - (int)length);
    }
}

static void put_string(struct formatter *formatter, const struct conversion *conversion)
{
    const void *text = (const void *)next_argument(formatter);
    size_t limit = conversion->has_precision ? (size_t)conversion->precision : SIZE_MAX;
    bool wide = is_wide(formatter, conversion);
    size_t length = 0;

    if (text == NULL) {
        text = "(null)";
        wide = false;
    }
    if (wide) {
        check_wide(formatter);
    }
    while (length < limit && text_character(text, wide, length) != 0) {
        length++;
    }
    put_text(formatter, conversion, text, wide, length);
}

static void put_counted_string(struct formatter *formatter, const struct conversion *conversion)
{
    const UNICODE_STRING *counted = (const UNICODE_STRING *)next_argument(formatter);
    bool wide = is_wide(formatter, conversion);

    if (wide) {
        check_wide(formatter);
    }
    if (counted == NULL || counted->Buffer == NULL) {
        put_text(formatter, conversion, "(null)", false, 6);
    } else {
        put_text(formatter, conversion, counted->Buffer, wide,
                 wide ? counted->Length / sizeof(WCHAR) : counted->Length);
    }
}

static void put_character(struct formatter *formatter, const struct conversion *conversion)
{
    bool wide = is_wide(formatter, conversion);
    uintptr_t argument = next_argument(formatter);
    WCHAR letter = wide ? (WCHAR)argument : (unsigned char)argument;

    if (wide) {
        check_wide(formatter);
    }
    put_text(formatter, conversion, &letter, true, 1);
}

/* ---- The format ---------------------------------------------------------------------------- */

static void read_flags(struct formatter *formatter, struct conversion *conversion)
{
    for (;; formatter->position++) {
        switch (format_character(formatter, 0)) {
        case '-':
            conversion->left = true;
            break;
        case '+':
            conversion->plus = true;
            break;
        case ' ':
            conversion->space = true;
            break;
        case '#':
            conversion->alternate = true;
            break;
        case '0':
            conversion->zero = true;
            break;
        default:
            return;
        }
    }
}

/* A number, or * for an argument. Limited, as a field of millions is no use to anybody. */
static int read_number(struct formatter *formatter)
{
    enum {
        LIMIT = 4096
    };
    int value = 0;

    if (format_character(formatter, 0) == '*') {
        formatter->position++;
        value = (int)next_argument(formatter);
        return value > LIMIT ? LIMIT : value < -LIMIT ? -LIMIT : value;
    }
    while (format_character(formatter, 0) >= '0' && format_character(formatter, 0) <= '9') {
        value = value * 10 + (int)(format_character(formatter, 0) - '0');
        value = value > LIMIT ? LIMIT : value;
        formatter->position++;
    }
    return value;
}

static void read_width(struct formatter *formatter, struct conversion *conversion)
{
    conversion->width = read_number(formatter);
    if (conversion->width < 0) {
        conversion->left = true;
        conversion->width = -conversion->width;
    }
    if (format_character(formatter, 0) == '.') {
        formatter->position++;
        conversion->precision = read_number(formatter);
        conversion->has_precision = conversion->precision >= 0;
    }
}

static bool format_has(const struct formatter *formatter, const char *prefix)
{
    size_t index;

    for (index = 0; prefix[index] != 0; index++) {
        if (format_character(formatter, index) != (unsigned char)prefix[index]) {
            return false;
        }
    }
    return true;
}

static void read_length(struct formatter *formatter, struct conversion *conversion)
{
    static const struct {
        const char *prefix;
        enum length_prefix length;
    } prefixes[] = {
        {"hh", LENGTH_CHAR},   {"h", LENGTH_SHORT}, {"ll", LENGTH_64},     {"l", LENGTH_LONG},
        {"w", LENGTH_WIDE},    {"I64", LENGTH_64},  {"I32", LENGTH_LONG},  {"I", LENGTH_POINTER},
        {"z", LENGTH_POINTER}, {"j", LENGTH_64},    {"t", LENGTH_POINTER},
    };
    size_t index;

    for (index = 0; index < sizeof(prefixes) / sizeof(prefixes[0]); index++) {
        if (format_has(formatter, prefixes[index].prefix)) {
            conversion->length = prefixes[index].length;
            formatter->position += strlen(prefixes[index].prefix);
            return;
        }
    }
}

static void convert(struct formatter *formatter, const struct conversion *conversion)
{
    switch (conversion->letter) {
    case 'd':
    case 'i':
        put_signed(formatter, conversion);
        break;
    case 'u':
        put_unsigned(formatter, conversion, 10, false);
        break;
    case 'o':
        put_unsigned(formatter, conversion, 8, false);
        break;
    case 'x':
        put_unsigned(formatter, conversion, 16, false);
        break;
    case 'X':
        put_unsigned(formatter, conversion, 16, true);
        break;
    case 'p':
        put_pointer(formatter, conversion);
        break;
    case 's':
    case 'S':
        put_string(formatter, conversion);
        break;
    case 'c':
    case 'C':
        put_character(formatter, conversion);
        break;
    case 'Z':
        put_counted_string(formatter, conversion);
        break;
    default: /* not a conversion of the kernel: as it stands */
        put(formatter, '%');
        put(formatter, conversion->letter);
        break;
    }
}

void kernel_format(struct format_buffer *buffer, struct format_text format,
                   struct arguments *arguments, const char *function)
{
    struct formatter formatter = {
        .buffer = buffer, .format = format, .arguments = arguments, .function = function};
    unsigned letter;

    while ((letter = format_character(&formatter, 0)) != 0) {
        struct conversion conversion = {.length = LENGTH_NONE};

        formatter.position++;
        if (letter != '%') {
            put(&formatter, letter);
            continue;
        }
        if (format_character(&formatter, 0) == '%') {
            put(&formatter, '%');
            formatter.position++;
            continue;
        }
        read_flags(&formatter, &conversion);
        read_width(&formatter, &conversion);
        read_length(&formatter, &conversion);
        conversion.letter = format_character(&formatter, 0);
        if (conversion.letter == 0) {
            return;
        }
        formatter.position++;
        convert(&formatter, &conversion);
    }
}
