/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stores are for. Cleared is what rep stos, a vector store or memset fills with zeros; copied
 * is what movs or memcpy move, and what a vector register stores as it was loaded (vectors in code
 * of drivers are the compiler's way to clear and copy structures). Constants that are loaded
 * from beside the code are no copies.
 */
#include "machine/intel/count_store.h"

#include <string.h>

#include "kernel/exports.h"
#include "machine/intel/intel.h"

#define VECTOR_BYTES     16u  /* SSE's; of longer registers the lower half is looked at */
#define FXSAVE_VECTORS   160u /* offset of the first in the saved registers */
#define VECTOR_REGISTERS 16u

/* Exports that store for the driver: which argument says what. */
enum export_kind {
    FILLS,              /* (to, value, length) */
    FILLS_LENGTH_FIRST, /* (to, length, value) */
    CLEARS,             /* (to, length) */
    COPIES,             /* (to, from, length) */
};

static struct {
    const char *module, *name;
    enum export_kind kind;
    const void *address; /* NULL: this Windows does not have it */
} store_exports[] = {
    {"ntoskrnl.exe", "memset", FILLS, NULL},
    {"ntoskrnl.exe", "RtlFillMemory", FILLS_LENGTH_FIRST, NULL},
    {"ntoskrnl.exe", "RtlZeroMemory", CLEARS, NULL},
    {"ntoskrnl.exe", "memcpy", COPIES, NULL},
    {"ntoskrnl.exe", "memmove", COPIES, NULL},
    {"ntoskrnl.exe", "RtlCopyMemory", COPIES, NULL},
    {"ntoskrnl.exe", "RtlCopyMemoryNonTemporal", COPIES, NULL},
    {"ntoskrnl.exe", "RtlMoveMemory", COPIES, NULL},
    {"storport.sys", "StorPortMoveMemory", COPIES, NULL},
    {"scsiport.sys", "ScsiPortMoveMemory", COPIES, NULL},
};

/* Vector registers that hold what was loaded from memory: a bit for each. */
static _Thread_local uint32_t loaded;

void count_store_prepare(void)
{
    for (size_t i = 0; i < sizeof(store_exports) / sizeof(store_exports[0]); i++) {
        store_exports[i].address =
            kernel_resolve(store_exports[i].module, store_exports[i].name, NULL);
    }
}

/* ---- Instructions ---- */

static bool is_string_store(ZydisMnemonic mnemonic)
{
    return mnemonic == ZYDIS_MNEMONIC_STOSB || mnemonic == ZYDIS_MNEMONIC_STOSW ||
           mnemonic == ZYDIS_MNEMONIC_STOSD || mnemonic == ZYDIS_MNEMONIC_STOSQ;
}

static bool is_string_move(const ZydisDecodedInstruction *info)
{
    return info->meta.category == ZYDIS_CATEGORY_STRINGOP &&
           (info->mnemonic == ZYDIS_MNEMONIC_MOVSB || info->mnemonic == ZYDIS_MNEMONIC_MOVSW ||
            info->mnemonic == ZYDIS_MNEMONIC_MOVSD || info->mnemonic == ZYDIS_MNEMONIC_MOVSQ);
}

/* Number of the vector register that an operand is; false: it is none. */
static bool vector_of(const ZydisDecodedOperand *operand, unsigned *number)
{
    ZydisRegisterClass class;

    if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return false;
    }
    class = ZydisRegisterGetClass(operand->reg.value);
    *number = (unsigned)ZydisRegisterGetId(operand->reg.value);
    return (class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_YMM) &&
           *number < VECTOR_REGISTERS;
}

static bool is_memory(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

/* Keeps book of what vector registers hold, ahead of an instruction that writes one. */
static void note_vector(const struct trap_decoded *decoded)
{
    const ZydisDecodedOperand *target = &decoded->operand[0], *source = &decoded->operand[1];
    unsigned number;

    if (decoded->info.operand_count_visible < 2 || !vector_of(target, &number) ||
        (target->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) {
        return;
    }
    loaded &= ~(1u << number);
    if (decoded->info.meta.category == ZYDIS_CATEGORY_DATAXFER && is_memory(source) &&
        source->mem.base != ZYDIS_REGISTER_RIP) {
        loaded |= 1u << number;
    }
}

static bool holds_zeros(const struct trap_instruction *instruction, unsigned number)
{
    static const uint8_t zeros[VECTOR_BYTES];
    const uint8_t *area = intel_fxsave_area(instruction->context);

    return area != NULL &&
           memcmp(area + FXSAVE_VECTORS + (size_t)VECTOR_BYTES * number, zeros, VECTOR_BYTES) == 0;
}

static enum count_store vector_store_of(const struct trap_instruction *instruction)
{
    const struct trap_decoded *decoded = &instruction->decoded;
    unsigned number;

    if (decoded->info.operand_count_visible < 2 || !is_memory(&decoded->operand[0]) ||
        decoded->operand[0].size < VECTOR_BYTES * 8u || !vector_of(&decoded->operand[1], &number)) {
        return COUNT_STORE_PLAIN;
    }
    if (holds_zeros(instruction, number)) {
        return COUNT_STORE_CLEARED;
    }
    return (loaded >> number & 1) != 0 ? COUNT_STORE_COPIED : COUNT_STORE_PLAIN;
}

enum count_store count_store_of(const struct trap_instruction *instruction)
{
    const ZydisDecodedInstruction *info = &instruction->decoded.info;

    note_vector(&instruction->decoded);
    if (is_string_move(info)) {
        return COUNT_STORE_COPIED;
    }
    if (is_string_store(info->mnemonic)) {
        return intel_register(instruction->context, INTEL_AX) == 0 ? COUNT_STORE_CLEARED
                                                                   : COUNT_STORE_PLAIN;
    }
    return vector_store_of(instruction);
}

/* ---- Exports ---- */

/* An argument of the export that the context has just been led to, counted from 0. */
static uint64_t argument(const ucontext_t *context, unsigned number)
{
    static const uint8_t registers[] = {INTEL_CX, INTEL_DX, 8};
    uint32_t value;

    if (intel_model.pointer_bytes == 8) {
        return intel_register(context, registers[number]);
    }
    memcpy(&value, (const void *)(uintptr_t)(intel_register(context, INTEL_SP) + 4 + 4 * number),
           sizeof(value));
    return value;
}

void count_store_export(const ucontext_t *context)
{
    const void *target = (const void *)(uintptr_t)intel_ip(context);
    uint64_t to = argument(context, 0), second = argument(context, 1), third = argument(context, 2);
    uint64_t stack = intel_register(context, INTEL_SP), bytes, value;
    enum export_kind kind;
    size_t i = 0;

    while (i < sizeof(store_exports) / sizeof(store_exports[0]) &&
           store_exports[i].address != target) {
        i++;
    }
    if (i == sizeof(store_exports) / sizeof(store_exports[0])) {
        return;
    }
    kind = store_exports[i].kind;
    bytes = kind == FILLS_LENGTH_FIRST || kind == CLEARS ? second : third;
    value = kind == FILLS ? second : kind == FILLS_LENGTH_FIRST ? third : 0;
    if (bytes == 0) {
        return;
    }
    if (kind == COPIES) {
        count_read(second, bytes, stack);
        count_write(to, bytes, stack, COUNT_STORE_COPIED);
    } else {
        count_write(to, bytes, stack,
                    (uint8_t)value == 0 ? COUNT_STORE_CLEARED : COUNT_STORE_PLAIN);
    }
}
