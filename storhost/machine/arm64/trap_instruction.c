/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding of a faulting A64 instruction, by Capstone.
 *
 * Capstone 4 knows the loads and stores of ARMv8.0, which are what Windows for ARM64 can rely on.
 * Later atomic instructions (ldadd, swp, cas, ldapr) it does not know; they count as ARM64_OTHER,
 * as do those whose accesses are of no use on registers or rings (structure loads, cache
 * maintenance).
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <capstone/capstone.h>

#include "base/violation.h"
#include "machine/arm64/arm64.h"

/* A handle of Capstone's and the room that it decodes into, for each thread. */
struct decoder {
    csh handle;
    cs_insn *room;
};

static _Thread_local struct decoder decoder;
static pthread_key_t decoder_key;
static pthread_once_t decoder_once = PTHREAD_ONCE_INIT;

/* ---- Capstone ------------------------------------------------------------------------------ */

static void close_decoder(void *own)
{
    struct decoder *closing = own;

    cs_free(closing->room, 1);
    cs_close(&closing->handle);
    closing->room = NULL;
}

static void make_key(void)
{
    pthread_key_create(&decoder_key, close_decoder);
}

/* This thread's decoder. It allocates when a thread first asks, which is in a fault of the driver's
 * code or of a copy made for it: never inside the allocator. */
static const struct decoder *this_decoder(void)
{
    if (decoder.room == NULL) {
        if (cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &decoder.handle) != CS_ERR_OK ||
            cs_option(decoder.handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
            (decoder.room = cs_malloc(decoder.handle)) == NULL) {
            fatal("the decoder of instructions (Capstone) cannot be used");
        }
        pthread_once(&decoder_once, make_key);
        pthread_setspecific(decoder_key, &decoder);
    }
    return &decoder;
}

/* The instruction at an address, in the thread's room; NULL if Capstone knows none such. */
static const cs_insn *disassemble(uint64_t address, uint32_t word)
{
    const struct decoder *own = this_decoder();
    const uint8_t *bytes = (const uint8_t *)&word;
    size_t left = sizeof(word);

    return cs_disasm_iter(own->handle, &bytes, &left, &address, own->room) ? own->room : NULL;
}

/* ---- Registers ----------------------------------------------------------------------------- */

struct register_range {
    unsigned first, last; /* Capstone's names, which follow each other */
    enum arm64_file file;
    uint8_t number; /* of the first */
    uint8_t bytes;
};

static const struct register_range ranges[] = {
    {ARM64_REG_X0, ARM64_REG_X28, ARM64_GENERAL, 0, 8},
    {ARM64_REG_X29, ARM64_REG_X29, ARM64_GENERAL, 29, 8},
    {ARM64_REG_X30, ARM64_REG_X30, ARM64_GENERAL, 30, 8},
    {ARM64_REG_W0, ARM64_REG_W30, ARM64_GENERAL, 0, 4},
    {ARM64_REG_XZR, ARM64_REG_XZR, ARM64_ZERO, 31, 8},
    {ARM64_REG_WZR, ARM64_REG_WZR, ARM64_ZERO, 31, 4},
    {ARM64_REG_SP, ARM64_REG_SP, ARM64_STACK, 31, 8},
    {ARM64_REG_B0, ARM64_REG_B31, ARM64_VECTOR, 0, 1},
    {ARM64_REG_H0, ARM64_REG_H31, ARM64_VECTOR, 0, 2},
    {ARM64_REG_S0, ARM64_REG_S31, ARM64_VECTOR, 0, 4},
    {ARM64_REG_D0, ARM64_REG_D31, ARM64_VECTOR, 0, 8},
    {ARM64_REG_Q0, ARM64_REG_Q31, ARM64_VECTOR, 0, 16},
};

static bool find_register(unsigned name, struct arm64_register *found)
{
    size_t index;

    for (index = 0; index < sizeof(ranges) / sizeof(ranges[0]); index++) {
        const struct register_range *range = &ranges[index];

        if (name >= range->first && name <= range->last) {
            *found = (struct arm64_register){
                range->file, (uint8_t)(range->number + name - range->first), range->bytes};
            return true;
        }
    }
    return false;
}

/* ---- Addresses ----------------------------------------------------------------------------- */

/* An index register as its extension and shift make it an offset. */
static uint64_t index_offset(const struct trap_instruction *instruction, const cs_arm64_op *operand)
{
    struct arm64_register name;
    uint64_t value;

    if (!find_register(operand->mem.index, &name)) {
        return 0; /* none */
    }
    value = arm64_register(instruction->context, name);
    switch (operand->ext) {
    case ARM64_EXT_UXTW:
        value = (uint32_t)value;
        break;
    case ARM64_EXT_SXTW:
        value = (uint64_t)(int64_t)(int32_t)value;
        break;
    default: /* all 64 bits */
        break;
    }
    return operand->shift.type == ARM64_SFT_LSL ? value << operand->shift.value : value;
}

/*
 * Address and write-back of the memory operand, which is the last one, or the last but one with
 * the step of a post-indexed access behind it. False: there is none that is understood.
 */
static bool read_address(struct trap_instruction *instruction, const cs_arm64 *detail,
                         uint64_t *address)
{
    struct trap_decoded *decoded = &instruction->decoded;
    const cs_arm64_op *last = &detail->operands[detail->op_count - 1];
    const cs_arm64_op *memory = last;
    uint64_t base;

    if (last->type == ARM64_OP_IMM && detail->op_count >= 2 && last[-1].type == ARM64_OP_MEM) {
        memory = last - 1;
    } else if (last->type == ARM64_OP_IMM) {
        *address = (uint64_t)last->imm; /* a constant near the code */
        return true;
    }
    if (memory->type != ARM64_OP_MEM || !find_register(memory->mem.base, &decoded->base)) {
        return false;
    }
    base = arm64_register(instruction->context, decoded->base);
    *address = base + (uint64_t)(int64_t)memory->mem.disp + index_offset(instruction, memory);
    decoded->writes_back = detail->writeback;
    decoded->new_base = memory == last ? *address : base + (uint64_t)last->imm;
    return true;
}

/* ---- Operations ---------------------------------------------------------------------------- */

struct form {
    unsigned id; /* Capstone's */
    enum arm64_operation operation;
    uint8_t size; /* in memory; 0: as the register */
    bool sign_extend;
};

static const struct form forms[] = {
    {ARM64_INS_LDR, ARM64_LOAD, 0, false},         {ARM64_INS_LDUR, ARM64_LOAD, 0, false},
    {ARM64_INS_LDTR, ARM64_LOAD, 0, false},        {ARM64_INS_LDAR, ARM64_LOAD, 0, false},
    {ARM64_INS_LDP, ARM64_LOAD, 0, false},         {ARM64_INS_LDNP, ARM64_LOAD, 0, false},
    {ARM64_INS_LDRB, ARM64_LOAD, 1, false},        {ARM64_INS_LDURB, ARM64_LOAD, 1, false},
    {ARM64_INS_LDTRB, ARM64_LOAD, 1, false},       {ARM64_INS_LDARB, ARM64_LOAD, 1, false},
    {ARM64_INS_LDRH, ARM64_LOAD, 2, false},        {ARM64_INS_LDURH, ARM64_LOAD, 2, false},
    {ARM64_INS_LDTRH, ARM64_LOAD, 2, false},       {ARM64_INS_LDARH, ARM64_LOAD, 2, false},
    {ARM64_INS_LDRSB, ARM64_LOAD, 1, true},        {ARM64_INS_LDURSB, ARM64_LOAD, 1, true},
    {ARM64_INS_LDTRSB, ARM64_LOAD, 1, true},       {ARM64_INS_LDRSH, ARM64_LOAD, 2, true},
    {ARM64_INS_LDURSH, ARM64_LOAD, 2, true},       {ARM64_INS_LDTRSH, ARM64_LOAD, 2, true},
    {ARM64_INS_LDRSW, ARM64_LOAD, 4, true},        {ARM64_INS_LDURSW, ARM64_LOAD, 4, true},
    {ARM64_INS_LDTRSW, ARM64_LOAD, 4, true},       {ARM64_INS_LDPSW, ARM64_LOAD, 4, true},
    {ARM64_INS_STR, ARM64_STORE, 0, false},        {ARM64_INS_STUR, ARM64_STORE, 0, false},
    {ARM64_INS_STTR, ARM64_STORE, 0, false},       {ARM64_INS_STLR, ARM64_STORE, 0, false},
    {ARM64_INS_STP, ARM64_STORE, 0, false},        {ARM64_INS_STNP, ARM64_STORE, 0, false},
    {ARM64_INS_STRB, ARM64_STORE, 1, false},       {ARM64_INS_STURB, ARM64_STORE, 1, false},
    {ARM64_INS_STTRB, ARM64_STORE, 1, false},      {ARM64_INS_STLRB, ARM64_STORE, 1, false},
    {ARM64_INS_STRH, ARM64_STORE, 2, false},       {ARM64_INS_STURH, ARM64_STORE, 2, false},
    {ARM64_INS_STTRH, ARM64_STORE, 2, false},      {ARM64_INS_STLRH, ARM64_STORE, 2, false},
    {ARM64_INS_LDXR, ARM64_EXCLUSIVE, 0, false},   {ARM64_INS_LDXRB, ARM64_EXCLUSIVE, 1, false},
    {ARM64_INS_LDXRH, ARM64_EXCLUSIVE, 2, false},  {ARM64_INS_LDXP, ARM64_EXCLUSIVE, 0, false},
    {ARM64_INS_LDAXR, ARM64_EXCLUSIVE, 0, false},  {ARM64_INS_LDAXRB, ARM64_EXCLUSIVE, 1, false},
    {ARM64_INS_LDAXRH, ARM64_EXCLUSIVE, 2, false}, {ARM64_INS_LDAXP, ARM64_EXCLUSIVE, 0, false},
    {ARM64_INS_STXR, ARM64_EXCLUSIVE, 0, false},   {ARM64_INS_STXRB, ARM64_EXCLUSIVE, 1, false},
    {ARM64_INS_STXRH, ARM64_EXCLUSIVE, 2, false},  {ARM64_INS_STXP, ARM64_EXCLUSIVE, 0, false},
    {ARM64_INS_STLXR, ARM64_EXCLUSIVE, 0, false},  {ARM64_INS_STLXRB, ARM64_EXCLUSIVE, 1, false},
    {ARM64_INS_STLXRH, ARM64_EXCLUSIVE, 2, false}, {ARM64_INS_STLXP, ARM64_EXCLUSIVE, 0, false},
};

static const struct form *find_form(unsigned id)
{
    size_t index;

    for (index = 0; index < sizeof(forms) / sizeof(forms[0]); index++) {
        if (forms[index].id == id) {
            return &forms[index];
        }
    }
    return NULL;
}

/* The registers before the memory operand: one or two. A store exclusive has its result first. */
static bool read_targets(struct trap_decoded *decoded, const cs_arm64 *detail)
{
    unsigned index = 0;

    if (decoded->operation == ARM64_EXCLUSIVE && (decoded->word & 1u << 22) == 0) {
        index++;
    }
    for (; index < detail->op_count && detail->operands[index].type == ARM64_OP_REG; index++) {
        if (decoded->count == 2 ||
            !find_register(detail->operands[index].reg, &decoded->target[decoded->count])) {
            return false;
        }
        decoded->count++;
    }
    return decoded->count != 0;
}

/* Fills in what a load or store does; leaves it ARM64_OTHER if any of it is not understood. */
static void read_operation(struct trap_instruction *instruction, const cs_insn *found)
{
    struct trap_decoded *decoded = &instruction->decoded;
    const cs_arm64 *detail = &found->detail->arm64;
    const struct form *form = find_form(found->id);
    uint64_t address;

    if (form == NULL || detail->op_count < 2) {
        return;
    }
    decoded->operation = form->operation;
    decoded->sign_extend = form->sign_extend;
    if (!read_targets(decoded, detail) || !read_address(instruction, detail, &address)) {
        decoded->operation = ARM64_OTHER;
        decoded->count = 0;
        decoded->writes_back = false;
        return;
    }
    decoded->size = form->size != 0 ? form->size : decoded->target[0].bytes;
    instruction->access[0] = (struct trap_access){
        .address = address,
        .size = decoded->size * decoded->count,
        .reads = decoded->operation != ARM64_STORE,
        .writes = decoded->operation != ARM64_LOAD,
    };
    instruction->access_count = 1;
}

/* Whether it is one of the instructions that control the processor: system registers, hypervisor
 * and debugger calls (Arm Architecture Reference Manual, C4.1 "Branches, exception generating and
 * system instructions"). */
static bool is_system(uint32_t word)
{
    return (word & 0xff000000u) == 0xd4000000u || (word & 0xffc00000u) == 0xd5000000u;
}

bool trap_decode(struct trap_instruction *instruction, ucontext_t *context)
{
    const cs_insn *found;

    memset(instruction, 0, sizeof(*instruction));
    instruction->context = context;
    instruction->address = context->uc_mcontext.pc;
    instruction->length = ARM64_INSTRUCTION_BYTES;
    instruction->decoded.word = arm64_instruction_word(instruction->address);
    instruction->privileged = is_system(instruction->decoded.word);
    found = disassemble(instruction->address, instruction->decoded.word);
    if (found != NULL) {
        read_operation(instruction, found);
    }
    return true;
}

void trap_instruction_text(const struct trap_instruction *instruction, char *text, size_t size)
{
    const cs_insn *found = disassemble(instruction->address, instruction->decoded.word);

    if (found != NULL) {
        snprintf(text, size, "%s %s", found->mnemonic, found->op_str);
    } else {
        snprintf(text, size, ".inst 0x%08x", instruction->decoded.word);
    }
}

void trap_skip(const struct trap_instruction *instruction)
{
    instruction->context->uc_mcontext.pc = instruction->address + instruction->length;
}
