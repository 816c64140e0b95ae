/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Executes loads and stores with their accesses replaced by calls: one or two registers, general
 * or vector, with sign extension and write-back of the base. Meaning: Arm Architecture Reference
 * Manual for A-profile, C6.2.
 */
#include <string.h>

#include "machine/arm64/arm64.h"

#define BUS_BYTES 8u /* that go over the bus at once */

static uint64_t sign_extended(uint64_t value, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* A narrower register name clears the upper half, also behind a sign extension. */
static void load_general(struct trap_instruction *instruction, struct arm64_register target,
                         uint64_t value)
{
    if (instruction->decoded.sign_extend) {
        value = sign_extended(value, instruction->decoded.size);
    }
    arm64_set_register(instruction->context, target, target.bytes == 8 ? value : (uint32_t)value);
}

/* A load clears the bytes of the vector register that it does not fill. */
static void load_vector(ucontext_t *context, unsigned number, uint64_t address, unsigned size,
                        const struct trap_bus *bus)
{
    uint8_t loaded[ARM64_VECTOR_BYTES] = {0};
    unsigned done;

    for (done = 0; done < size; done += BUS_BYTES) {
        unsigned part = size - done < BUS_BYTES ? size - done : BUS_BYTES;
        uint64_t value = bus->read(address + done, part);

        memcpy(loaded + done, &value, part);
    }
    arm64_set_vector(context, number, loaded);
}

static void store_vector(const uint8_t *vector, uint64_t address, unsigned size,
                         const struct trap_bus *bus)
{
    unsigned done;

    for (done = 0; done < size; done += BUS_BYTES) {
        unsigned part = size - done < BUS_BYTES ? size - done : BUS_BYTES;
        uint64_t value = 0;

        memcpy(&value, vector + done, part);
        bus->write(address + done, part, value);
    }
}

static void transfer_vector(struct trap_instruction *instruction, unsigned index, uint64_t address,
                            const struct trap_bus *bus)
{
    const struct trap_decoded *decoded = &instruction->decoded;
    unsigned number = decoded->target[index].number;

    if (decoded->operation == ARM64_LOAD) {
        load_vector(instruction->context, number, address, decoded->size, bus);
    } else {
        store_vector(arm64_vector(instruction->context, number), address, decoded->size, bus);
    }
}

/* Both values of a pair are read before a register changes: the first may be the base. */
static void load(struct trap_instruction *instruction, uint64_t address, const struct trap_bus *bus)
{
    const struct trap_decoded *decoded = &instruction->decoded;
    uint64_t value[2];
    unsigned index;

    for (index = 0; index < decoded->count; index++) {
        value[index] = bus->read(address + (uint64_t)index * decoded->size, decoded->size);
    }
    for (index = 0; index < decoded->count; index++) {
        load_general(instruction, decoded->target[index], value[index]);
    }
}

static void store(struct trap_instruction *instruction, uint64_t address,
                  const struct trap_bus *bus)
{
    const struct trap_decoded *decoded = &instruction->decoded;
    unsigned index;

    for (index = 0; index < decoded->count; index++) {
        uint64_t value = arm64_register(instruction->context, decoded->target[index]);

        if (decoded->size < sizeof(value)) {
            value &= (1ull << 8 * decoded->size) - 1;
        }
        bus->write(address + (uint64_t)index * decoded->size, decoded->size, value);
    }
}

enum trap_outcome trap_execute(struct trap_instruction *instruction, const struct trap_bus *bus)
{
    struct trap_decoded *decoded = &instruction->decoded;
    uint64_t address = instruction->access[0].address;
    unsigned index;

    if (decoded->operation != ARM64_LOAD && decoded->operation != ARM64_STORE) {
        return TRAP_UNKNOWN;
    }
    if (decoded->target[0].file == ARM64_VECTOR) {
        if (arm64_vector(instruction->context, 0) == NULL) {
            return TRAP_UNKNOWN;
        }
        for (index = 0; index < decoded->count; index++) {
            transfer_vector(instruction, index, address + (uint64_t)index * decoded->size, bus);
        }
    } else if (decoded->operation == ARM64_LOAD) {
        load(instruction, address, bus);
    } else {
        store(instruction, address, bus);
    }
    if (decoded->writes_back) {
        arm64_set_register(instruction->context, decoded->base, decoded->new_base);
    }
    trap_skip(instruction);
    return TRAP_DONE;
}

/*
 * On registers only what a hypervisor can emulate. It learns of an access by a syndrome
 * (ESR_EL2.ISS), and that is valid only for a load or store of one general register that writes no
 * base back (Arm Architecture Reference Manual, ESR_ELx, "ISS encoding for an exception from a Data
 * Abort", ISV); KVM gives up the virtual machine otherwise. Registers are device memory, where each
 * access must be aligned (Microsoft, "Overview of ARM64 ABI conventions", alignment).
 */
const char *trap_register_problem(const struct trap_instruction *instruction)
{
    const struct trap_decoded *decoded = &instruction->decoded;

    switch (decoded->operation) {
    case ARM64_LOAD:
    case ARM64_STORE:
        break;
    case ARM64_EXCLUSIVE:
        return "an exclusive access to registers: device memory has no monitor for it";
    case ARM64_OTHER:
    default:
        return NULL;
    }
    if (decoded->target[0].file == ARM64_VECTOR) {
        return "a vector register loaded from or stored to registers: no hypervisor can emulate it";
    }
    if (decoded->count > 1) {
        return "a pair loaded from or stored to registers: no hypervisor can emulate it";
    }
    if (decoded->writes_back) {
        return "an access to registers that writes its base back: no hypervisor can emulate it";
    }
    if (instruction->access[0].address % decoded->size != 0) {
        return "an access to registers that is not aligned: device memory faults on it";
    }
    return NULL;
}
