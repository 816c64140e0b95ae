/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Executes instructions that access registers of a device: the moves, comparisons and
 * read-modify-write forms that compilers emit for volatile variables, the string forms, and port
 * input and output. Meaning of instructions and flags: AMD64 Architecture Programmer's Manual,
 * volume 3. Where a flag is undefined there, it is cleared here.
 *
 * A plain vector move of more than 8 bytes is not executed: a device register has at most 8, and
 * what a device makes of a wider access is nobody's promise.
 */
#include <string.h>

#include "machine/intel/intel.h"

#define VECTOR_BYTES 16u /* of an SSE register */

struct result {
    uint64_t value;
    uint64_t flags;
};

static uint64_t width_mask(unsigned bits)
{
    return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    return bits >= 64 ? value : (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static uint64_t current_flags(const struct trap_instruction *instruction)
{
    return intel_flags(instruction->context);
}

static void set_arithmetic_flags(const struct trap_instruction *instruction, uint64_t flags)
{
    intel_set_flags(instruction->context, flags, INTEL_FLAGS_ARITHMETIC);
}

/* ---- Arithmetic ---------------------------------------------------------------------------- */

/* Sign, zero and parity: what every arithmetic result tells. Parity counts the low byte only. */
static uint64_t result_flags(uint64_t value, unsigned bits)
{
    uint64_t flags = 0;

    if ((value & width_mask(bits)) == 0) {
        flags |= INTEL_FLAG_ZERO;
    }
    if ((value >> (bits - 1)) & 1) {
        flags |= INTEL_FLAG_SIGN;
    }
    if (!__builtin_parityll(value & 0xff)) {
        flags |= INTEL_FLAG_PARITY;
    }
    return flags;
}

/* Carry, adjust and overflow from the carries out of each bit. */
static uint64_t carry_flags(uint64_t carries, uint64_t overflow, unsigned bits)
{
    uint64_t flags = 0;

    if ((carries >> (bits - 1)) & 1) {
        flags |= INTEL_FLAG_CARRY;
    }
    if ((carries >> 3) & 1) {
        flags |= INTEL_FLAG_ADJUST;
    }
    if ((overflow >> (bits - 1)) & 1) {
        flags |= INTEL_FLAG_OVERFLOW;
    }
    return flags;
}

static struct result add(uint64_t a, uint64_t b, unsigned carry, unsigned bits)
{
    uint64_t sum = (a + b + carry) & width_mask(bits);
    uint64_t carries = (a & b) | ((a | b) & ~sum);

    return (struct result){sum, result_flags(sum, bits) |
                                    carry_flags(carries, (a ^ sum) & (b ^ sum), bits)};
}

static struct result subtract(uint64_t a, uint64_t b, unsigned borrow, unsigned bits)
{
    uint64_t difference = (a - b - borrow) & width_mask(bits);
    uint64_t borrows = (~a & b) | ((~a | b) & difference);

    return (struct result){difference, result_flags(difference, bits) |
                                           carry_flags(borrows, (a ^ b) & (a ^ difference), bits)};
}

static struct result logic(uint64_t value, unsigned bits)
{
    return (struct result){value, result_flags(value, bits)};
}

/* Increment and decrement leave the carry flag as it was. */
static struct result keep_carry(struct result result, uint64_t flags)
{
    result.flags = (result.flags & ~(uint64_t)INTEL_FLAG_CARRY) | (flags & INTEL_FLAG_CARRY);
    return result;
}

static struct result shift(ZydisMnemonic mnemonic, uint64_t value, unsigned count, unsigned bits,
                           uint64_t flags)
{
    uint64_t top = 1ull << (bits - 1);
    unsigned round;
    uint64_t overflow = 0;
    bool out = false;

    count &= bits == 64 ? 63 : 31;
    if (count == 0) {
        return (struct result){value, flags};
    }
    for (round = 0; round < count; round++) {
        uint64_t before = value;

        out = (value & (mnemonic == ZYDIS_MNEMONIC_SHL ? top : 1)) != 0;
        if (mnemonic == ZYDIS_MNEMONIC_SHL) {
            value = (value << 1) & width_mask(bits);
        } else {
            value >>= 1;
            if (mnemonic == ZYDIS_MNEMONIC_SAR) {
                value |= before & top;
            }
        }
        overflow = mnemonic == ZYDIS_MNEMONIC_SAR ? 0 : value ^ before;
    }
    flags = result_flags(value, bits) | (out ? INTEL_FLAG_CARRY : 0);
    if (count == 1 && (overflow & top) != 0) {
        flags |= INTEL_FLAG_OVERFLOW;
    }
    return (struct result){value, flags};
}

static struct result multiply(uint64_t a, uint64_t b, unsigned bits)
{
    int64_t product;
    bool overflow = __builtin_mul_overflow((int64_t)sign_extend(a, bits),
                                           (int64_t)sign_extend(b, bits), &product);
    uint64_t value = (uint64_t)product & width_mask(bits);
    uint64_t flags = 0;

    if (overflow || (int64_t)sign_extend(value, bits) != product) {
        flags = INTEL_FLAG_CARRY | INTEL_FLAG_OVERFLOW;
    }
    return (struct result){value, flags};
}

/* Whether a condition holds, by the low four bits of the opcode of a Jcc, SETcc or CMOVcc. */
static bool condition_holds(unsigned code, uint64_t flags)
{
    bool carry = (flags & INTEL_FLAG_CARRY) != 0;
    bool zero = (flags & INTEL_FLAG_ZERO) != 0;
    bool sign = (flags & INTEL_FLAG_SIGN) != 0;
    bool overflow = (flags & INTEL_FLAG_OVERFLOW) != 0;
    bool holds = false;

    switch (code >> 1) {
    case 0:
        holds = overflow;
        break;
    case 1:
        holds = carry;
        break;
    case 2:
        holds = zero;
        break;
    case 3:
        holds = carry || zero;
        break;
    case 4:
        holds = sign;
        break;
    case 5:
        holds = (flags & INTEL_FLAG_PARITY) != 0;
        break;
    case 6:
        holds = sign != overflow;
        break;
    case 7:
        holds = zero || sign != overflow;
        break;
    }
    return holds != ((code & 1) != 0);
}

/* ---- Operands ------------------------------------------------------------------------------ */

static bool is_high_byte(ZydisRegister name)
{
    return name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH;
}

static unsigned register_number(ZydisRegister name)
{
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);

    return (unsigned)ZydisRegisterGetId(whole);
}

static bool is_general(ZydisRegister name)
{
    ZydisRegisterClass class = ZydisRegisterGetClass(name);

    return class == ZYDIS_REGCLASS_GPR8 || class == ZYDIS_REGCLASS_GPR16 ||
           class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64;
}

static uint64_t read_general(const struct trap_instruction *instruction, ZydisRegister name,
                             unsigned bits)
{
    uint64_t value = intel_register(instruction->context, register_number(name));

    return (is_high_byte(name) ? value >> 8 : value) & width_mask(bits);
}

/* 32 bits clear the upper half, 8 and 16 leave the rest. */
static void write_general(const struct trap_instruction *instruction, ZydisRegister name,
                          unsigned bits, uint64_t value)
{
    unsigned number = register_number(name);
    uint64_t old = intel_register(instruction->context, number);
    unsigned position = is_high_byte(name) ? 8 : 0;
    uint64_t mask = width_mask(bits) << position;

    value = (value & width_mask(bits)) << position;
    intel_set_register(instruction->context, number, bits >= 32 ? value : (old & ~mask) | value);
}

/* The saved SSE register, or NULL: xmm16 and up are not kept where old handlers find them. */
static uint8_t *vector_register(const struct trap_instruction *instruction, ZydisRegister name)
{
    enum {
        FXSAVE_XMM = 160 /* offset of the first one; 16 bytes each */
    };
    uint8_t *area = intel_fxsave_area(instruction->context);
    ZyanI8 number = ZydisRegisterGetId(name);

    if (ZydisRegisterGetClass(name) != ZYDIS_REGCLASS_XMM || number < 0 ||
        (unsigned)number >= intel_model.vector_count || area == NULL) {
        return NULL;
    }
    return area + FXSAVE_XMM + VECTOR_BYTES * (size_t)number;
}

static bool is_memory(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

static uint64_t read_operand(const struct trap_instruction *instruction,
                             const ZydisDecodedOperand *operand, const struct trap_bus *bus)
{
    if (is_memory(operand)) {
        return bus->read(intel_operand_address(instruction, operand), operand->size / 8u) &
               width_mask(operand->size);
    }
    if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        return operand->imm.value.u;
    }
    return read_general(instruction, operand->reg.value, operand->size);
}

static void write_operand(const struct trap_instruction *instruction,
                          const ZydisDecodedOperand *operand, const struct trap_bus *bus,
                          uint64_t value)
{
    if (is_memory(operand)) {
        bus->write(intel_operand_address(instruction, operand), operand->size / 8u,
                   value & width_mask(operand->size));
    } else {
        write_general(instruction, operand->reg.value, operand->size, value);
    }
}

/* ---- Instructions -------------------------------------------------------------------------- */

static uint64_t swap_bytes(uint64_t value, unsigned bits)
{
    return __builtin_bswap64(value) >> (64 - bits);
}

static enum trap_outcome execute_move(struct trap_instruction *instruction,
                                      const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    const ZydisDecodedOperand *source = &instruction->decoded.operand[1];
    uint64_t value = read_operand(instruction, source, bus);

    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
        value = sign_extend(value, source->size);
        break;
    case ZYDIS_MNEMONIC_MOVBE:
        value = swap_bytes(value, source->size);
        break;
    default:
        break;
    }
    write_operand(instruction, target, bus, value);
    return TRAP_DONE;
}

/* target = target OP source, or a comparison that writes nothing. */
static enum trap_outcome execute_arithmetic(struct trap_instruction *instruction,
                                            const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    unsigned bits = target->size;
    uint64_t flags = current_flags(instruction);
    unsigned carry = (flags & INTEL_FLAG_CARRY) != 0;
    uint64_t b =
        read_operand(instruction, &instruction->decoded.operand[1], bus) & width_mask(bits);
    uint64_t a = read_operand(instruction, target, bus);
    bool writes = true;
    struct result result;

    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
        result = add(a, b, 0, bits);
        break;
    case ZYDIS_MNEMONIC_ADC:
        result = add(a, b, carry, bits);
        break;
    case ZYDIS_MNEMONIC_SUB:
        result = subtract(a, b, 0, bits);
        break;
    case ZYDIS_MNEMONIC_SBB:
        result = subtract(a, b, carry, bits);
        break;
    case ZYDIS_MNEMONIC_CMP:
        result = subtract(a, b, 0, bits);
        writes = false;
        break;
    case ZYDIS_MNEMONIC_TEST:
        result = logic(a & b, bits);
        writes = false;
        break;
    case ZYDIS_MNEMONIC_AND:
        result = logic(a & b, bits);
        break;
    case ZYDIS_MNEMONIC_OR:
        result = logic(a | b, bits);
        break;
    case ZYDIS_MNEMONIC_XOR:
        result = logic(a ^ b, bits);
        break;
    default: /* a shift */
        result = shift(instruction->decoded.info.mnemonic, a, (unsigned)b & 0xff, bits, flags);
        break;
    }
    if (writes) {
        write_operand(instruction, target, bus, result.value);
    }
    set_arithmetic_flags(instruction, result.flags);
    return TRAP_DONE;
}

static enum trap_outcome execute_unary(struct trap_instruction *instruction,
                                       const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    unsigned bits = target->size;
    uint64_t flags = current_flags(instruction);
    uint64_t value = read_operand(instruction, target, bus);
    struct result result;

    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_INC:
        result = keep_carry(add(value, 1, 0, bits), flags);
        break;
    case ZYDIS_MNEMONIC_DEC:
        result = keep_carry(subtract(value, 1, 0, bits), flags);
        break;
    case ZYDIS_MNEMONIC_NEG:
        result = subtract(0, value, 0, bits);
        break;
    default: /* NOT */
        result = (struct result){~value, flags};
        break;
    }
    write_operand(instruction, target, bus, result.value);
    set_arithmetic_flags(instruction, result.flags);
    return TRAP_DONE;
}

static enum trap_outcome execute_exchange(struct trap_instruction *instruction,
                                          const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    const ZydisDecodedOperand *source = &instruction->decoded.operand[1];
    unsigned bits = target->size;
    uint64_t b = read_operand(instruction, source, bus);
    uint64_t a = read_operand(instruction, target, bus);
    struct result result;

    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_XADD:
        result = add(a, b, 0, bits);
        write_operand(instruction, source, bus, a);
        write_operand(instruction, target, bus, result.value);
        set_arithmetic_flags(instruction, result.flags);
        break;
    case ZYDIS_MNEMONIC_CMPXCHG:
        result =
            subtract(intel_register(instruction->context, INTEL_AX) & width_mask(bits), a, 0, bits);
        set_arithmetic_flags(instruction, result.flags);
        /* The processor writes in both cases: the old value back if they differ. */
        write_operand(instruction, target, bus, result.value == 0 ? b : a);
        if (result.value != 0) {
            uint64_t old = intel_register(instruction->context, INTEL_AX);

            intel_set_register(instruction->context, INTEL_AX,
                               bits >= 32 ? a : (old & ~width_mask(bits)) | a);
        }
        break;
    default: /* XCHG */
        write_operand(instruction, target, bus, b);
        write_operand(instruction, source, bus, a);
        break;
    }
    return TRAP_DONE;
}

/* A bit number in a register reaches beyond the operand: it counts from its first bit, signed. */
static enum trap_outcome execute_bit_test(struct trap_instruction *instruction,
                                          const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    const ZydisDecodedOperand *number = &instruction->decoded.operand[1];
    unsigned bits = target->size;
    uint64_t address = intel_operand_address(instruction, target);
    int64_t position = (int64_t)sign_extend(read_operand(instruction, number, bus), number->size);
    uint64_t flags = current_flags(instruction) & ~(uint64_t)INTEL_FLAG_CARRY;
    uint64_t value;
    uint64_t bit;

    if (number->type == ZYDIS_OPERAND_TYPE_REGISTER) {
        int64_t unit = position >= 0 ? position / bits : -((bits - 1 - position) / bits);

        address += (uint64_t)(unit * (int64_t)(bits / 8));
    }
    bit = 1ull << ((uint64_t)position & (bits - 1));
    value = bus->read(address, bits / 8);
    set_arithmetic_flags(instruction, flags | ((value & bit) != 0 ? INTEL_FLAG_CARRY : 0));
    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_BTS:
        bus->write(address, bits / 8, value | bit);
        break;
    case ZYDIS_MNEMONIC_BTR:
        bus->write(address, bits / 8, value & ~bit);
        break;
    case ZYDIS_MNEMONIC_BTC:
        bus->write(address, bits / 8, value ^ bit);
        break;
    default:
        break;
    }
    return TRAP_DONE;
}

/* imul register, memory [, constant]. */
static enum trap_outcome execute_multiply(struct trap_instruction *instruction,
                                          const struct trap_bus *bus)
{
    const ZydisDecodedOperand *operand = instruction->decoded.operand;
    unsigned count = instruction->decoded.info.operand_count_visible;
    unsigned bits = operand[0].size;
    struct result result;

    if (count == 1) {
        return TRAP_UNKNOWN; /* the form with a double-width result in rdx:rax */
    }
    result = multiply(read_operand(instruction, &operand[1], bus),
                      read_operand(instruction, &operand[count == 3 ? 2 : 0], bus), bits);
    write_operand(instruction, &operand[0], bus, result.value);
    set_arithmetic_flags(instruction, result.flags);
    return TRAP_DONE;
}

static enum trap_outcome execute_conditional(struct trap_instruction *instruction,
                                             const struct trap_bus *bus)
{
    const ZydisDecodedOperand *target = &instruction->decoded.operand[0];
    bool holds =
        condition_holds(instruction->decoded.info.opcode & 0xf, current_flags(instruction));

    if (instruction->decoded.info.meta.category == ZYDIS_CATEGORY_SETCC) {
        write_operand(instruction, target, bus, holds);
    } else {
        /* The load happens in any case; a 32-bit target is cleared above in any case. */
        uint64_t loaded = read_operand(instruction, &instruction->decoded.operand[1], bus);
        uint64_t old = read_operand(instruction, target, bus);

        write_operand(instruction, target, bus, holds ? loaded : old);
    }
    return TRAP_DONE;
}

/* Clears the upper half of a ymm register in the extended state that the signal saved: instructions
 * encoded by VEX do so. Offsets: the standard format of XSAVE. */
static void clear_upper_half(const struct trap_instruction *instruction, ZydisRegister name)
{
    enum {
        XSAVE_HEADER = 512,
        XSAVE_UPPER_HALVES = 576,
        FRAME_MAGIC = 464
    };
    uint8_t *area = intel_fxsave_area(instruction->context);
    uint64_t saved;
    uint32_t magic;

    memcpy(&magic, area + FRAME_MAGIC, sizeof(magic));
    memcpy(&saved, area + XSAVE_HEADER, sizeof(saved));
    if (magic == 0x46505853 /* FP_XSTATE_MAGIC1 */ && (saved & 4) != 0) {
        memset(area + XSAVE_UPPER_HALVES + VECTOR_BYTES * (size_t)ZydisRegisterGetId(name), 0,
               VECTOR_BYTES);
    }
}

/* Plain moves between memory and the low 4 or 8 bytes of a vector register. */
static enum trap_outcome execute_vector_move(struct trap_instruction *instruction,
                                             const struct trap_bus *bus)
{
    bool loads = is_memory(&instruction->decoded.operand[1]);
    const ZydisDecodedOperand *memory = &instruction->decoded.operand[loads ? 1 : 0];
    const ZydisDecodedOperand *other = &instruction->decoded.operand[loads ? 0 : 1];
    uint8_t *vector;
    uint64_t value;

    if (instruction->decoded.info.operand_count_visible != 2 || !is_memory(memory)) {
        return TRAP_UNKNOWN;
    }
    if (memory->size > 64) {
        return TRAP_TOO_WIDE;
    }
    vector = vector_register(instruction, other->reg.value);
    if (vector == NULL || instruction->decoded.info.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
        return TRAP_UNKNOWN;
    }
    if (loads) {
        value = bus->read(intel_operand_address(instruction, memory), memory->size / 8u);
        memset(vector, 0, VECTOR_BYTES);
        memcpy(vector, &value, memory->size / 8u);
        if (instruction->decoded.info.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
            clear_upper_half(instruction, other->reg.value);
        }
    } else {
        memcpy(&value, vector, sizeof(value));
        bus->write(intel_operand_address(instruction, memory), memory->size / 8u,
                   value & width_mask(memory->size));
    }
    return TRAP_DONE;
}

/* in and out: accumulator, then port; or port, then accumulator. */
static enum trap_outcome execute_port(struct trap_instruction *instruction,
                                      const struct trap_bus *bus)
{
    bool input = instruction->decoded.info.mnemonic == ZYDIS_MNEMONIC_IN;
    const ZydisDecodedOperand *data = &instruction->decoded.operand[input ? 0 : 1];
    const ZydisDecodedOperand *where = &instruction->decoded.operand[input ? 1 : 0];
    uint16_t port = (uint16_t)(where->type == ZYDIS_OPERAND_TYPE_IMMEDIATE
                                   ? where->imm.value.u & 0xff
                                   : intel_register(instruction->context, INTEL_DX));

    if (input) {
        write_general(instruction, data->reg.value, data->size,
                      bus->read_port(port, data->size / 8u));
    } else {
        bus->write_port(port, data->size / 8u,
                        read_general(instruction, data->reg.value, data->size));
    }
    return TRAP_DONE;
}

/* ---- String instructions ------------------------------------------------------------------- */

/* A register as far as the address size reaches; a 32-bit one clears the upper half. */
static uint64_t counter(const struct trap_instruction *instruction, unsigned number)
{
    return intel_register(instruction->context, number) &
           width_mask(instruction->decoded.info.address_width);
}

static void set_counter(struct trap_instruction *instruction, unsigned number, uint64_t value)
{
    intel_set_register(instruction->context, number,
                       value & width_mask(instruction->decoded.info.address_width));
}

/* Moves one element; false: a string instruction that does more than move. */
static bool move_element(struct trap_instruction *instruction, const struct trap_bus *bus,
                         bool *uses_source, bool *uses_target, unsigned *size)
{
    const ZydisDecodedOperand *to = &instruction->decoded.operand[0];
    const ZydisDecodedOperand *from = &instruction->decoded.operand[1];
    uint16_t port = (uint16_t)intel_register(instruction->context, INTEL_DX);

    *uses_source = is_memory(from);
    *uses_target = is_memory(to);
    *size = (is_memory(from) ? from->size : to->size) / 8u;
    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ:
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ:
        write_operand(instruction, to, bus, read_operand(instruction, from, bus));
        return true;
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD:
        write_operand(instruction, to, bus, bus->read_port(port, *size));
        return true;
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD:
        bus->write_port(port, *size, read_operand(instruction, from, bus));
        return true;
    default:
        return false;
    }
}

static enum trap_outcome execute_string(struct trap_instruction *instruction,
                                        const struct trap_bus *bus)
{
    bool repeats = (instruction->decoded.info.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
    bool backward = (current_flags(instruction) & INTEL_FLAG_DIRECTION) != 0;
    uint64_t left = repeats ? counter(instruction, INTEL_CX) : 1;
    bool uses_source;
    bool uses_target;
    unsigned size;
    uint64_t step;

    if (left != 0) {
        if (!move_element(instruction, bus, &uses_source, &uses_target, &size)) {
            return TRAP_UNKNOWN;
        }
        step = backward ? -(uint64_t)size : size;
        if (uses_source) {
            set_counter(instruction, INTEL_SI, counter(instruction, INTEL_SI) + step);
        }
        if (uses_target) {
            set_counter(instruction, INTEL_DI, counter(instruction, INTEL_DI) + step);
        }
        if (repeats) {
            set_counter(instruction, INTEL_CX, --left);
        }
    }
    if (!repeats || left == 0) {
        trap_skip(instruction);
    }
    return TRAP_DONE;
}

/* ---- Choice -------------------------------------------------------------------------------- */

static enum trap_outcome execute_one(struct trap_instruction *instruction,
                                     const struct trap_bus *bus)
{
    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_MOVNTI:
    case ZYDIS_MNEMONIC_MOVBE:
        return execute_move(instruction, bus);
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
        return execute_arithmetic(instruction, bus);
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOT:
        return execute_unary(instruction, bus);
    case ZYDIS_MNEMONIC_XCHG:
    case ZYDIS_MNEMONIC_XADD:
    case ZYDIS_MNEMONIC_CMPXCHG:
        return execute_exchange(instruction, bus);
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return execute_bit_test(instruction, bus);
    case ZYDIS_MNEMONIC_IMUL:
        return execute_multiply(instruction, bus);
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT:
        return execute_port(instruction, bus);
    case ZYDIS_MNEMONIC_MOVD:
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVSS:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVNTDQ:
    case ZYDIS_MNEMONIC_MOVNTPS:
    case ZYDIS_MNEMONIC_VMOVD:
    case ZYDIS_MNEMONIC_VMOVQ:
    case ZYDIS_MNEMONIC_VMOVSS:
    case ZYDIS_MNEMONIC_VMOVSD:
    case ZYDIS_MNEMONIC_VMOVUPS:
    case ZYDIS_MNEMONIC_VMOVAPS:
    case ZYDIS_MNEMONIC_VMOVUPD:
    case ZYDIS_MNEMONIC_VMOVAPD:
    case ZYDIS_MNEMONIC_VMOVDQU:
    case ZYDIS_MNEMONIC_VMOVDQA:
        return execute_vector_move(instruction, bus);
    default:
        break;
    }
    if (instruction->decoded.info.meta.category == ZYDIS_CATEGORY_SETCC ||
        instruction->decoded.info.meta.category == ZYDIS_CATEGORY_CMOV) {
        return execute_conditional(instruction, bus);
    }
    return TRAP_UNKNOWN;
}

enum trap_outcome trap_execute(struct trap_instruction *instruction, const struct trap_bus *bus)
{
    ZydisInstructionCategory category = instruction->decoded.info.meta.category;
    enum trap_outcome outcome;
    unsigned index;

    if (category == ZYDIS_CATEGORY_STRINGOP || category == ZYDIS_CATEGORY_IOSTRINGOP) {
        return execute_string(instruction, bus);
    }
    /* Segment, control and debug registers are moved by instructions of the same name. */
    for (index = 0; index < instruction->decoded.info.operand_count_visible; index++) {
        const ZydisDecodedOperand *operand = &instruction->decoded.operand[index];

        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_general(operand->reg.value) &&
            vector_register(instruction, operand->reg.value) == NULL &&
            instruction->decoded.info.mnemonic == ZYDIS_MNEMONIC_MOV) {
            return TRAP_UNKNOWN;
        }
    }
    outcome = execute_one(instruction, bus);
    if (outcome == TRAP_DONE) {
        trap_skip(instruction);
    }
    return outcome;
}

/* Whatever the processor can do there, it may. */
const char *trap_register_problem(const struct trap_instruction *instruction)
{
    (void)instruction;
    return NULL;
}
