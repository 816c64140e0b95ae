/* SPDX-License-Identifier: BSD-3-Clause */
/* What Zydis says about an instruction. */
#ifndef STORHOST_MACHINE_INTEL_TRAP_DECODED_H
#define STORHOST_MACHINE_INTEL_TRAP_DECODED_H

#include <Zydis/Zydis.h>

struct trap_decoded {
    ZydisDecodedInstruction info;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

#endif
