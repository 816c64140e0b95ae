/* SPDX-License-Identifier: BSD-3-Clause */
/* What Zydis says about an instruction. */
#ifndef STORHOST_MACHINE_INTEL_TRAP_DECODED_H
#define STORHOST_MACHINE_INTEL_TRAP_DECODED_H

#include <Zydis/Zydis.h>

/* Ports have an address space of their own, and instructions for it. */
#define TRAP_PORTS_ARE_MEMORY 0

struct trap_decoded {
    ZydisDecodedInstruction info;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

#endif
