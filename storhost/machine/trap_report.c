/* SPDX-License-Identifier: BSD-3-Clause */
/* What a report says about a fault: what was accessed, by which code, with which registers. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/violation.h"
#include "machine/memory.h"
#include "machine/trap_internal.h"

/* A text that grows at its end and stops at its size. */
struct text {
    char bytes[2048];
    size_t used;
};

static void append(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void append_list(struct text *text, const char *format, va_list arguments)
{
    int added;

    added =
        vsnprintf(text->bytes + text->used, sizeof(text->bytes) - text->used, format, arguments);
    if (added > 0) {
        text->used += (size_t)added;
        if (text->used >= sizeof(text->bytes)) {
            text->used = sizeof(text->bytes) - 1;
        }
    }
}

static void append(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    append_list(text, format, arguments);
    va_end(arguments);
}

static void append_code(struct text *text, uint64_t code)
{
    char name[96];

    if (trap_describe_code((const void *)(uintptr_t)code, name, sizeof(name))) {
        append(text, "%s", name);
    } else {
        append(text, "0x%llx", (unsigned long long)code);
    }
}

static void append_instruction(struct text *text, const struct trap_instruction *instruction)
{
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)instruction->address;
    char assembler[128];
    unsigned index;

    trap_instruction_text(instruction, assembler, sizeof(assembler));
    append(text, "\n  ");
    append_code(text, instruction->address);
    append(text, ":");
    for (index = 0; index < instruction->length; index++) {
        append(text, " %02x", bytes[index]);
    }
    append(text, "  %s", assembler);
}

static void append_registers(struct text *text, const ucontext_t *context)
{
    char registers[1024];

    trap_frame_text(context, registers, sizeof(registers));
    append(text, "%s", registers);
}

/* What is at an address; false if nobody knows. */
static bool append_place(struct text *text, uint64_t address)
{
    char place[160];

    if (memory_describe((const void *)(uintptr_t)address, place, sizeof(place))) {
        append(text, "%s", place);
        return true;
    }
    if (trap_describe_code((const void *)(uintptr_t)address, place, sizeof(place))) {
        append(text, "%s, a section without that access", place);
        return true;
    }
    if (address < 0x10000) {
        append(text, "a NULL pointer%s", address != 0 ? " with an offset" : "");
        return true;
    }
    return false;
}

/* The codes of FAST_FAIL_... in winnt.h that storage drivers meet. */
const char *trap_fast_fail_name(uint64_t code)
{
    switch (code) {
    case 0:
        return "legacy security check";
    case 1:
        return "corrupt virtual call table";
    case 2:
        return "stack cookie overwritten: a buffer on the stack overflowed";
    case 3:
        return "corrupt list entry";
    case 4:
        return "incorrect stack";
    case 5:
        return "invalid argument";
    case 6:
        return "security cookie not initialised";
    case 7:
        return "fatal application exit";
    case 8:
        return "array index out of range";
    case 10:
        return "control flow guard: bad call target";
    default:
        return "see FAST_FAIL codes";
    }
}

void trap_report_instruction(int rule, const struct trap_instruction *instruction,
                             const char *format, ...)
{
    struct text text = {.used = 0};
    va_list arguments;

    va_start(arguments, format);
    append_list(&text, format, arguments);
    va_end(arguments);
    append_instruction(&text, instruction);
    append_registers(&text, instruction->context);
    violation((enum rule)rule, "%s", text.bytes);
}

/* The address that an instruction with a general protection fault meant: it is not told. */
static void append_operand_addresses(struct text *text, const struct trap_instruction *instruction)
{
    unsigned index;

    for (index = 0; index < instruction->access_count; index++) {
        append(text, " (address 0x%llx)", (unsigned long long)instruction->access[index].address);
    }
}

static enum rule describe_fault(struct text *text, const struct trap_fault *fault,
                                const struct trap_instruction *instruction)
{
    enum rule rule = RULE_CRASH;

    switch (fault->exception) {
    case TRAP_PAGE_FAULT:
        append(text, "%s at 0x%llx: ", fault->write ? "write" : "read",
               (unsigned long long)fault->address);
        if (append_place(text, fault->address) && fault->address >= 0x10000) {
            rule = RULE_MEMORY;
        } else if (fault->address >= 0x10000) {
            append(text, "no memory there");
        }
        break;
    case TRAP_BREAKPOINT:
        append(text, "breakpoint (int 3)");
        break;
    case TRAP_INVALID_OPCODE:
        append(text, "invalid instruction: the compiler's mark of a place never reached, or a jump "
                     "into data");
        break;
    case TRAP_MISALIGNED:
        append(text, "an access that is not aligned, by an instruction that demands it");
        if (instruction != NULL) {
            append_operand_addresses(text, instruction);
        }
        break;
    case TRAP_DIVIDE_ERROR:
        append(text, "division by zero or overflow");
        break;
    default:
        if (instruction != NULL && instruction->privileged) {
            append(text, "privileged instruction that a miniport has no use for");
        } else {
            append(text, "general protection fault: an address that no processor knows, or a "
                         "vector access that is not aligned");
            if (instruction != NULL) {
                append_operand_addresses(text, instruction);
            }
        }
        break;
    }
    return rule;
}

/* A call through a bad pointer: the instruction pointer itself is what cannot be accessed. */
static bool report_bad_call(struct text *text, const struct trap_fault *fault)
{
    uint64_t caller;

    if (fault->exception != TRAP_PAGE_FAULT || fault->address != fault->code) {
        return false;
    }
    caller = trap_frame_return_address(fault->context);
    if (!trap_in_image(caller)) {
        return false;
    }
    append(text, "call of 0x%llx, which is no code (", (unsigned long long)fault->code);
    if (!append_place(text, fault->code)) {
        append(text, "no memory there");
    }
    append(text, ")\n  returning to ");
    append_code(text, caller);
    append_registers(text, fault->context);
    return true;
}

void trap_report_fault(const struct trap_fault *fault)
{
    struct trap_instruction decoded;
    bool runs_data = fault->exception == TRAP_PAGE_FAULT && fault->address == fault->code;
    struct trap_instruction *instruction = NULL;
    struct text text = {.used = 0};
    char place[160];
    enum rule rule;

    if (report_bad_call(&text, fault)) {
        violation(RULE_CRASH, "%s", text.bytes);
    }
    if (!fault->in_image && trap_current_export() == NULL &&
        !(fault->exception == TRAP_PAGE_FAULT &&
          memory_describe((const void *)(uintptr_t)fault->address, place, sizeof(place)))) {
        return;
    }
    if (!runs_data && trap_decode(&decoded, fault->context)) {
        instruction = &decoded;
    }
    rule = describe_fault(&text, fault, instruction);
    if (!fault->in_image && trap_current_export() != NULL) {
        append(&text, "\n  in %s, called by the driver", trap_current_export());
    } else if (!fault->in_image) {
        append(&text, "\n  by the bench, for the driver or by its own error");
    }
    if (instruction != NULL) {
        append_instruction(&text, instruction);
    }
    append_registers(&text, fault->context);
    violation(rule, "%s", text.bytes);
}
