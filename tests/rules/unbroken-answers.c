/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: read 0 1; read 65 1; expect sense=3/11/00; read 65 1; expect ok */
/* Keeps all rules, and answers READs in the disk's second half as no disk of virtio-blk can be made to: one that
 * begins at block 64 + i is answered as row i says, as often as it has blocks, and is then done. For tests of what
 * a class driver makes of such answers. */
#include "miniport.h"

#define FIRST_BLOCK 64u

typedef struct _ANSWER {
    UCHAR SrbStatus, ScsiStatus;
    UCHAR Key, Asc, Ascq; /* with CHECK CONDITION */
} ANSWER;

static const ANSWER Answers[] = {
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x0b, 0x00, 0x06}, /* ABORTED COMMAND */
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x03, 0x11, 0x00}, /* MEDIUM ERROR */
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x04, 0x44, 0x00}, /* HARDWARE ERROR */
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x06, 0x29, 0x00}, /* UNIT ATTENTION */
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x05, 0x20, 0x00}, /* ILLEGAL REQUEST */
    {SRB_STATUS_ERROR, SCSISTAT_CHECK_CONDITION, 0x00, 0x00, 0x00}, /* NO SENSE */
    {SRB_STATUS_ERROR, SCSISTAT_GOOD, 0, 0, 0},
    {SRB_STATUS_BUSY, SCSISTAT_GOOD, 0, 0, 0},
    {SRB_STATUS_ABORTED, SCSISTAT_GOOD, 0, 0, 0},
    {SRB_STATUS_DATA_OVERRUN, SCSISTAT_GOOD, 0, 0, 0},
    {SRB_STATUS_NO_DEVICE, SCSISTAT_GOOD, 0, 0, 0},
};

/* Fixed format, as much of it as there is room for. Returns the flag that says so. */
static UCHAR PutSense(const ANSWER *Answer, PSCSI_REQUEST_BLOCK Srb)
{
    PUCHAR Sense = Srb->SenseInfoBuffer;
    UCHAR Length = 18, Index;

    if (Answer->ScsiStatus != SCSISTAT_CHECK_CONDITION || Srb->SenseInfoBufferLength < Length) {
        return 0;
    }
    for (Index = 0; Index < Length; Index++) {
        Sense[Index] = 0;
    }
    Sense[0] = 0x70;
    Sense[2] = Answer->Key;
    Sense[7] = 10;
    Sense[12] = Answer->Asc;
    Sense[13] = Answer->Ascq;
    Srb->SenseInfoBufferLength = Length;
    return SRB_STATUS_AUTOSENSE_VALID;
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    const ANSWER *Answer;
    ULONG Block;

    if (Where != PlaceRead) {
        return FALSE;
    }
    Block = (ULONG)Srb->Cdb[4] << 8 | Srb->Cdb[5];
    if (Block < FIRST_BLOCK || Block >= FIRST_BLOCK + ARRAYSIZE(Answers)) {
        return FALSE;
    }
    if (Extension->Count >> 16 != Block) { /* the last one's retries came to an end before */
        Extension->Count = Block << 16;
    }
    if ((Extension->Count & 0xffff) == Srb->Cdb[8]) { /* READ(10): number of blocks */
        Extension->Count = 0;
        return FALSE;
    }
    Extension->Count++;
    Answer = &Answers[Block - FIRST_BLOCK];
    Srb->ScsiStatus = Answer->ScsiStatus;
    if (Answer->SrbStatus != SRB_STATUS_BUSY) {
        Srb->DataTransferLength = 0;
    }
    Complete(Extension, Srb, Answer->SrbStatus | PutSense(Answer, Srb));
    return TRUE;
}
