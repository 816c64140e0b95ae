/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 8 1; verify 0 8 1; depth 4 random-rw 20 1 */
/* Asks the services that have an answer to be seen. */
#include "scsi_miniport.h"

/* FALSE: left uncompleted, so that the request times out. */
static BOOLEAN CheckRequest(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length = 0;
    SCSI_PHYSICAL_ADDRESS Address =
        ScsiPortGetPhysicalAddress(Extension, NULL, Srb->SrbExtension, &Length);
    LARGE_INTEGER Time;

    ScsiPortQuerySystemTime(&Time);
    return Length == sizeof(SRB_EXTENSION) && Time.QuadPart != 0 &&
           ScsiPortGetVirtualAddress(Extension, Address) == Srb->SrbExtension &&
           ScsiPortGetSrb(Extension, Srb->PathId, Srb->TargetId, Srb->Lun, Srb->QueueTag) == Srb &&
           ScsiPortGetSrb(Extension, Srb->PathId, Srb->TargetId, Srb->Lun, SP_UNTAGGED) == NULL &&
           ScsiPortConvertPhysicalAddressToUlong(ScsiPortConvertUlongToPhysicalAddress(5)) == 5;
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceConfiguration) {
        PCI_COMMON_CONFIG Pci = {0};
        const ACCESS_RANGE *Range = &(*Extension->Config->AccessRanges)[0];

        if (ScsiPortGetBusData(Extension, PCIConfiguration, Extension->Config->SystemIoBusNumber,
                               Extension->Config->SlotNumber, &Pci, sizeof(Pci)) != sizeof(Pci) ||
            Pci.VendorID != 0x1af4 ||
            !ScsiPortValidateRange(Extension, Extension->Config->AdapterInterfaceType,
                                   Extension->Config->SystemIoBusNumber, Range->RangeStart,
                                   Range->RangeLength, !Range->RangeInMemory)) {
            return TRUE;
        }
    }
    if (Where == PlaceStartIo && Srb->Function == SRB_FUNCTION_EXECUTE_SCSI) {
        return !CheckRequest(Extension, Srb);
    }
    return FALSE;
}
