/* SPDX-License-Identifier: BSD-3-Clause */
/* The signal frame of a 32-bit program. */
#include "machine/intel/intel.h"
#include "machine/x86/segment.h"

const struct intel_model intel_model = {
    .mode = ZYDIS_MACHINE_MODE_LEGACY_32,
    .stack_width = ZYDIS_STACK_WIDTH_32,
    .pointer_bytes = 4,
    .register_count = 8,
    .vector_count = 8,
    .frame_index = {REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI},
    .frame_ip = REG_EIP,
    .register_name = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
    .ip_name = "eip",
};

/* The flat segments have base 0; FS and GS select descriptors of the thread's own. */
uint64_t intel_segment_base(const ucontext_t *context, ZydisRegister segment)
{
    (void)context; /* the handler runs with the same segments */
    switch (segment) {
    case ZYDIS_REGISTER_FS:
        return segment_fs_base();
    case ZYDIS_REGISTER_GS:
        return segment_gs_base();
    default:
        return 0;
    }
}

/* Linux writes the old format of FSAVE first and, if its last word says so, FXSAVE's behind it. */
uint8_t *intel_fxsave_area(const ucontext_t *context)
{
    enum {
        PLAIN_FSAVE = 0xffff
    };
    struct _libc_fpstate *old = context->uc_mcontext.fpregs;

    if (old == NULL || old->status >> 16 == PLAIN_FSAVE) {
        return NULL;
    }
    return (uint8_t *)(old + 1);
}
