/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI as a disk speaks it: command descriptor blocks, operation codes, status,
 * sense data, INQUIRY and its pages, mode pages, capacity and provisioning.
 *
 * Multi-byte fields are big-endian, as on the wire: arrays of UCHAR. Layouts
 * follow SPC-4 and SBC-3; the names are those of Microsoft's header. Commands
 * of tapes, changers and optical drives are not declared.
 */
#ifndef _NTSCSI_
#define _NTSCSI_

#include <ntdef.h>
#include <srb.h>

/* All structures here lie as the bytes come: no padding. */
#pragma pack(push, 1)

/* ---- Command descriptor blocks --------------------------------------------- */

#define CDB6GENERIC_LENGTH  6
#define CDB10GENERIC_LENGTH 10
#define CDB12GENERIC_LENGTH 12
#define MAXIMUM_CDB_SIZE    12

typedef union _CDB {
    struct _CDB6GENERIC {
        UCHAR OperationCode;
        UCHAR Immediate : 1;
        UCHAR CommandUniqueBits : 4;
        UCHAR LogicalUnitNumber : 3;
        UCHAR CommandUniqueBytes[3];
        UCHAR Link : 1;
        UCHAR Flag : 1;
        UCHAR Reserved : 4;
        UCHAR VendorUnique : 2;
    } CDB6GENERIC;

    /* READ (6), WRITE (6): SBC-3 5.7, 5.30; block address of 21 bits. */
    struct _CDB6READWRITE {
        UCHAR OperationCode;
        UCHAR LogicalBlockMsb1 : 5;
        UCHAR LogicalUnitNumber : 3;
        UCHAR LogicalBlockMsb0;
        UCHAR LogicalBlockLsb;
        UCHAR TransferBlocks;
        UCHAR Control;
    } CDB6READWRITE;

    struct _CDB6INQUIRY {
        UCHAR OperationCode;
        UCHAR Reserved1 : 5;
        UCHAR LogicalUnitNumber : 3;
        UCHAR PageCode;
        UCHAR IReserved;
        UCHAR AllocationLength;
        UCHAR Control;
    } CDB6INQUIRY;

    /* INQUIRY: SPC-4 6.6. AllocationLength is the low byte; Reserved2 the high one. */
    struct _CDB6INQUIRY3 {
        UCHAR OperationCode;
        UCHAR EnableVitalProductData : 1;
        UCHAR CommandSupportData : 1;
        UCHAR Reserved1 : 6;
        UCHAR PageCode;
        UCHAR Reserved2;
        UCHAR AllocationLength;
        UCHAR Control;
    } CDB6INQUIRY3;

    struct _CDB6VERIFY {
        UCHAR OperationCode;
        UCHAR Fixed : 1;
        UCHAR ByteCompare : 1;
        UCHAR Immediate : 1;
        UCHAR Reserved : 2;
        UCHAR LogicalUnitNumber : 3;
        UCHAR VerificationLength[3];
        UCHAR Control;
    } CDB6VERIFY;

    struct _CDB6FORMAT {
        UCHAR OperationCode;
        UCHAR FormatControl : 5;
        UCHAR LogicalUnitNumber : 3;
        UCHAR FReserved1;
        UCHAR InterleaveMsb;
        UCHAR InterleaveLsb;
        UCHAR FReserved2;
    } CDB6FORMAT;

    /* READ, WRITE, VERIFY, SYNCHRONIZE CACHE, READ CAPACITY of 10 bytes. */
    struct _CDB10 {
        UCHAR OperationCode;
        UCHAR RelativeAddress : 1;
        UCHAR Reserved1 : 2;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR LogicalBlockByte0;
        UCHAR LogicalBlockByte1;
        UCHAR LogicalBlockByte2;
        UCHAR LogicalBlockByte3;
        UCHAR Reserved2;
        UCHAR TransferBlocksMsb;
        UCHAR TransferBlocksLsb;
        UCHAR Control;
    } CDB10;

    struct _CDB12 {
        UCHAR OperationCode;
        UCHAR RelativeAddress : 1;
        UCHAR Reserved1 : 2;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR LogicalBlock[4];
        UCHAR TransferLength[4];
        UCHAR Reserved2;
        UCHAR Control;
    } CDB12;

    struct _CDB16 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 3;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR Protection : 3;
        UCHAR LogicalBlock[8];
        UCHAR TransferLength[4];
        UCHAR Reserved2;
        UCHAR Control;
    } CDB16;

    struct _READ12 {
        UCHAR OperationCode;
        UCHAR RelativeAddress : 1;
        UCHAR Reserved1 : 2;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR LogicalBlock[4];
        UCHAR TransferLength[4];
        UCHAR Reserved2 : 7;
        UCHAR Streaming : 1;
        UCHAR Control;
    } READ12;

    struct _WRITE12 {
        UCHAR OperationCode;
        UCHAR RelativeAddress : 1;
        UCHAR Reserved1 : 1;
        UCHAR EBP : 1;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR LogicalBlock[4];
        UCHAR TransferLength[4];
        UCHAR Reserved2 : 7;
        UCHAR Streaming : 1;
        UCHAR Control;
    } WRITE12;

    struct _READ16 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 3;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR ReadProtect : 3;
        UCHAR LogicalBlock[8];
        UCHAR TransferLength[4];
        UCHAR Reserved2 : 7;
        UCHAR Streaming : 1;
        UCHAR Control;
    } READ16;

    struct _WRITE16 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 3;
        UCHAR ForceUnitAccess : 1;
        UCHAR DisablePageOut : 1;
        UCHAR WriteProtect : 3;
        UCHAR LogicalBlock[8];
        UCHAR TransferLength[4];
        UCHAR Reserved2 : 7;
        UCHAR Streaming : 1;
        UCHAR Control;
    } WRITE16;

    struct _VERIFY16 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 1;
        UCHAR ByteCheck : 1;
        UCHAR BlockVerify : 1;
        UCHAR Reserved2 : 1;
        UCHAR DisablePageOut : 1;
        UCHAR VerifyProtect : 3;
        UCHAR LogicalBlock[8];
        UCHAR VerificationLength[4];
        UCHAR Reserved3 : 7;
        UCHAR Streaming : 1;
        UCHAR Control;
    } VERIFY16;

    struct _SYNCHRONIZE_CACHE10 {
        UCHAR OperationCode;
        UCHAR RelAddr : 1;
        UCHAR Immediate : 1;
        UCHAR Reserved : 3;
        UCHAR Lun : 3;
        UCHAR LogicalBlockAddress[4];
        UCHAR Reserved2;
        UCHAR BlockCount[2];
        UCHAR Control;
    } SYNCHRONIZE_CACHE10;

    struct _SYNCHRONIZE_CACHE16 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 1;
        UCHAR Immediate : 1;
        UCHAR Reserved2 : 6;
        UCHAR LogicalBlock[8];
        UCHAR BlockCount[4];
        UCHAR Reserved3;
        UCHAR Control;
    } SYNCHRONIZE_CACHE16;

    /* READ CAPACITY (16), a SERVICE ACTION IN (16): SBC-3 5.16. */
    struct _READ_CAPACITY16 {
        UCHAR OperationCode;
        UCHAR ServiceAction : 5;
        UCHAR Reserved1 : 3;
        UCHAR LogicalBlock[8];
        UCHAR AllocationLength[4];
        UCHAR PMI : 1;
        UCHAR Reserved2 : 7;
        UCHAR Control;
    } READ_CAPACITY16;

    struct _GET_LBA_STATUS {
        UCHAR OperationCode;
        UCHAR ServiceAction : 5;
        UCHAR Reserved1 : 3;
        UCHAR StartingLBA[8];
        UCHAR AllocationLength[4];
        UCHAR Reserved2;
        UCHAR Control;
    } GET_LBA_STATUS;

    /* UNMAP: SBC-3 5.28. */
    struct _UNMAP {
        UCHAR OperationCode;
        UCHAR Anchor : 1;
        UCHAR Reserved1 : 7;
        UCHAR Reserved2[4];
        UCHAR GroupNumber : 5;
        UCHAR Reserved3 : 3;
        UCHAR AllocationLength[2];
        UCHAR Control;
    } UNMAP;

    struct _MODE_SENSE {
        UCHAR OperationCode;
        UCHAR Reserved1 : 3;
        UCHAR Dbd : 1;
        UCHAR Reserved2 : 4;
        UCHAR PageCode : 6;
        UCHAR Pc : 2;
        UCHAR SubPageCode;
        UCHAR AllocationLength;
        UCHAR Control;
    } MODE_SENSE;

    struct _MODE_SENSE10 {
        UCHAR OperationCode;
        UCHAR Reserved1 : 3;
        UCHAR Dbd : 1;
        UCHAR LongLBAAccepted : 1;
        UCHAR Reserved2 : 3;
        UCHAR PageCode : 6;
        UCHAR Pc : 2;
        UCHAR SubPageCode;
        UCHAR Reserved3[3];
        UCHAR AllocationLength[2];
        UCHAR Control;
    } MODE_SENSE10;

    struct _MODE_SELECT {
        UCHAR OperationCode;
        UCHAR SPBit : 1;
        UCHAR Reserved1 : 3;
        UCHAR PFBit : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR Reserved2[2];
        UCHAR ParameterListLength;
        UCHAR Control;
    } MODE_SELECT;

    struct _MODE_SELECT10 {
        UCHAR OperationCode;
        UCHAR SPBit : 1;
        UCHAR Reserved1 : 3;
        UCHAR PFBit : 1;
        UCHAR LogicalUnitNumber : 3;
        UCHAR Reserved2[5];
        UCHAR ParameterListLength[2];
        UCHAR Control;
    } MODE_SELECT10;

    struct _LOGSENSE {
        UCHAR OperationCode;
        UCHAR SPBit : 1;
        UCHAR PPCBit : 1;
        UCHAR Reserved1 : 3;
        UCHAR LogicalUnitNumber : 3;
        UCHAR PageCode : 6;
        UCHAR PCBit : 2;
        union {
            UCHAR Reserved2;
            UCHAR SubPageCode;
        };
        UCHAR Reserved3;
        UCHAR ParameterPointer[2];
        UCHAR AllocationLength[2];
        UCHAR Control;
    } LOGSENSE;

    struct _START_STOP {
        UCHAR OperationCode;
        UCHAR Immediate : 1;
        UCHAR Reserved1 : 4;
        UCHAR LogicalUnitNumber : 3;
        UCHAR Reserved2[2];
        UCHAR Start : 1;
        UCHAR LoadEject : 1;
        UCHAR Reserved3 : 6;
        UCHAR Control;
    } START_STOP;

    struct _MEDIA_REMOVAL {
        UCHAR OperationCode;
        UCHAR Reserved1 : 5;
        UCHAR LogicalUnitNumber : 3;
        UCHAR Reserved2[2];
        UCHAR Prevent : 1;
        UCHAR Persistant : 1;
        UCHAR Reserved3 : 6;
        UCHAR Control;
    } MEDIA_REMOVAL;

    struct _REPORT_LUNS {
        UCHAR OperationCode;
        UCHAR Reserved1[5];
        UCHAR AllocationLength[4];
        UCHAR Reserved2[1];
        UCHAR Control;
    } REPORT_LUNS;

    struct _PERSISTENT_RESERVE_IN {
        UCHAR OperationCode;
        UCHAR ServiceAction : 5;
        UCHAR Reserved1 : 3;
        UCHAR Reserved2[5];
        UCHAR AllocationLength[2];
        UCHAR Control;
    } PERSISTENT_RESERVE_IN;

    struct _PERSISTENT_RESERVE_OUT {
        UCHAR OperationCode;
        UCHAR ServiceAction : 5;
        UCHAR Reserved1 : 3;
        UCHAR Type : 4;
        UCHAR Scope : 4;
        UCHAR Reserved2[4];
        UCHAR ParameterListLength[2];
        UCHAR Control;
    } PERSISTENT_RESERVE_OUT;

    struct _REPORT_SUPPORTED_OPERATION_CODES {
        UCHAR OperationCode;
        UCHAR ServiceAction : 5;
        UCHAR Reserved0 : 3;
        UCHAR ReportOptions : 3;
        UCHAR Reserved1 : 4;
        UCHAR ReturnCommandTimeoutsDescriptor : 1;
        UCHAR RequestedOperationCode;
        UCHAR RequestedServiceAction[2];
        UCHAR AllocationLength[4];
        UCHAR Reserved2;
        UCHAR Control;
    } REPORT_SUPPORTED_OPERATION_CODES;

    struct _WRITE_BUFFER {
        UCHAR OperationCode;
        UCHAR Mode : 5;
        UCHAR ModeSpecific : 3;
        UCHAR BufferID;
        UCHAR BufferOffset[3];
        UCHAR ParameterListLength[3];
        UCHAR Control;
    } WRITE_BUFFER;

    struct _SECURITY_PROTOCOL_IN {
        UCHAR OperationCode;
        UCHAR SecurityProtocol;
        UCHAR SecurityProtocolSpecific[2];
        UCHAR Reserved1 : 7;
        UCHAR INC_512 : 1;
        UCHAR Reserved2;
        UCHAR AllocationLength[4];
        UCHAR Reserved3;
        UCHAR Control;
    } SECURITY_PROTOCOL_IN;

    struct _SECURITY_PROTOCOL_OUT {
        UCHAR OperationCode;
        UCHAR SecurityProtocol;
        UCHAR SecurityProtocolSpecific[2];
        UCHAR Reserved1 : 7;
        UCHAR INC_512 : 1;
        UCHAR Reserved2;
        UCHAR AllocationLength[4];
        UCHAR Reserved3;
        UCHAR Control;
    } SECURITY_PROTOCOL_OUT;

    ULONG AsUlong[4];
    UCHAR AsByte[16];
} CDB, *PCDB;

/* ---- Operation codes: SPC-4 annex E ------------------------------------------ */

#define SCSIOP_TEST_UNIT_READY               0x00
#define SCSIOP_REZERO_UNIT                   0x01
#define SCSIOP_REQUEST_SENSE                 0x03
#define SCSIOP_FORMAT_UNIT                   0x04
#define SCSIOP_REASSIGN_BLOCKS               0x07
#define SCSIOP_READ6                         0x08
#define SCSIOP_WRITE6                        0x0A
#define SCSIOP_SEEK6                         0x0B
#define SCSIOP_INQUIRY                       0x12
#define SCSIOP_VERIFY6                       0x13
#define SCSIOP_MODE_SELECT                   0x15
#define SCSIOP_RESERVE_UNIT                  0x16
#define SCSIOP_RELEASE_UNIT                  0x17
#define SCSIOP_MODE_SENSE                    0x1A
#define SCSIOP_START_STOP_UNIT               0x1B
#define SCSIOP_RECEIVE_DIAGNOSTIC            0x1C
#define SCSIOP_SEND_DIAGNOSTIC               0x1D
#define SCSIOP_MEDIUM_REMOVAL                0x1E
#define SCSIOP_READ_FORMATTED_CAPACITY       0x23
#define SCSIOP_READ_CAPACITY                 0x25
#define SCSIOP_READ                          0x28
#define SCSIOP_WRITE                         0x2A
#define SCSIOP_SEEK                          0x2B
#define SCSIOP_WRITE_VERIFY                  0x2E
#define SCSIOP_VERIFY                        0x2F
#define SCSIOP_READ_POSITION                 0x34
#define SCSIOP_SYNCHRONIZE_CACHE             0x35
#define SCSIOP_READ_DEFECT_DATA              0xB7
#define SCSIOP_WRITE_DATA_BUFF               0x3B
#define SCSIOP_READ_DATA_BUFF                0x3C
#define SCSIOP_WRITE_SAME                    0x41
#define SCSIOP_UNMAP                         0x42
#define SCSIOP_SANITIZE                      0x48
#define SCSIOP_LOG_SELECT                    0x4C
#define SCSIOP_LOG_SENSE                     0x4D
#define SCSIOP_MODE_SELECT10                 0x55
#define SCSIOP_RESERVE_UNIT10                0x56
#define SCSIOP_RELEASE_UNIT10                0x57
#define SCSIOP_MODE_SENSE10                  0x5A
#define SCSIOP_PERSISTENT_RESERVE_IN         0x5E
#define SCSIOP_PERSISTENT_RESERVE_OUT        0x5F
#define SCSIOP_OPERATION32                   0x7F
#define SCSIOP_POPULATE_TOKEN                0x83
#define SCSIOP_WRITE_USING_TOKEN             0x83
#define SCSIOP_RECEIVE_ROD_TOKEN_INFORMATION 0x84
#define SCSIOP_ATA_PASSTHROUGH16             0x85
#define SCSIOP_READ16                        0x88
#define SCSIOP_COMPARE_AND_WRITE             0x89
#define SCSIOP_WRITE16                       0x8A
#define SCSIOP_WRITE_VERIFY16                0x8E
#define SCSIOP_VERIFY16                      0x8F
#define SCSIOP_SYNCHRONIZE_CACHE16           0x91
#define SCSIOP_WRITE_SAME16                  0x93
#define SCSIOP_READ_CAPACITY16               0x9E
#define SCSIOP_GET_LBA_STATUS                0x9E
#define SCSIOP_SERVICE_ACTION_IN16           0x9E
#define SCSIOP_SERVICE_ACTION_OUT16          0x9F
#define SCSIOP_REPORT_LUNS                   0xA0
#define SCSIOP_ATA_PASSTHROUGH12             0xA1
#define SCSIOP_SECURITY_PROTOCOL_IN          0xA2
#define SCSIOP_MAINTENANCE_IN                0xA3
#define SCSIOP_MAINTENANCE_OUT               0xA4
#define SCSIOP_READ12                        0xA8
#define SCSIOP_WRITE12                       0xAA
#define SCSIOP_WRITE_VERIFY12                0xAE
#define SCSIOP_VERIFY12                      0xAF
#define SCSIOP_SECURITY_PROTOCOL_OUT         0xB5

#define SERVICE_ACTION_READ_CAPACITY16                  0x10
#define SERVICE_ACTION_GET_LBA_STATUS                   0x12
#define SERVICE_ACTION_REPORT_SUPPORTED_OPERATION_CODES 0x0C

/* ---- Status --------------------------------------------------------------------- */

#define SCSISTAT_GOOD                  0
#define SCSISTAT_CHECK_CONDITION       2
#define SCSISTAT_CONDITION_MET         4
#define SCSISTAT_BUSY                  8
#define SCSISTAT_INTERMEDIATE          0x10
#define SCSISTAT_INTERMEDIATE_COND_MET 0x14
#define SCSISTAT_RESERVATION_CONFLICT  0x18
#define SCSISTAT_COMMAND_TERMINATED    0x22
#define SCSISTAT_QUEUE_FULL            0x28

/* ---- INQUIRY: SPC-4 6.6 ----------------------------------------------------------- */

#define INQUIRYDATABUFFERSIZE     36
#define OFFSET_VER_DESCRIPTOR_ONE (FIELD_OFFSET(INQUIRYDATA, VersionDescriptors[0]))

typedef USHORT VERSION_DESCRIPTOR, *PVERSION_DESCRIPTOR;

typedef struct _INQUIRYDATA {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR DeviceTypeModifier : 7;
    UCHAR RemovableMedia : 1;
    union {
        UCHAR Versions;
        struct {
            UCHAR ANSIVersion : 3;
            UCHAR ECMAVersion : 3;
            UCHAR ISOVersion : 2;
        };
    };
    UCHAR ResponseDataFormat : 4;
    UCHAR HiSupport : 1;
    UCHAR NormACA : 1;
    UCHAR TerminateTask : 1;
    UCHAR AERC : 1;
    UCHAR AdditionalLength;
    union {
        UCHAR Reserved;
        struct {
            UCHAR PROTECT : 1;
            UCHAR Reserved_1 : 2;
            UCHAR ThirdPartyCoppy : 1;
            UCHAR TPGS : 2;
            UCHAR ACC : 1;
            UCHAR SCCS : 1;
        };
    };
    UCHAR Addr16 : 1;
    UCHAR Addr32 : 1;
    UCHAR AckReqQ : 1;
    UCHAR MediumChanger : 1;
    UCHAR MultiPort : 1;
    UCHAR ReservedBit2 : 1;
    UCHAR EnclosureServices : 1;
    UCHAR ReservedBit3 : 1;
    UCHAR SoftReset : 1;
    UCHAR CommandQueue : 1;
    UCHAR TransferDisable : 1;
    UCHAR LinkedCommands : 1;
    UCHAR Synchronous : 1;
    UCHAR Wide16Bit : 1;
    UCHAR Wide32Bit : 1;
    UCHAR RelativeAddressing : 1;
    UCHAR VendorId[8];
    UCHAR ProductId[16];
    UCHAR ProductRevisionLevel[4];
    UCHAR VendorSpecific[20];
    UCHAR Reserved3[2];
    VERSION_DESCRIPTOR VersionDescriptors[8];
    UCHAR Reserved4[30];
} INQUIRYDATA, *PINQUIRYDATA;

#define VER_DESCRIPTOR_SPC4_NOVERSION     0x460
#define VER_DESCRIPTOR_SPC4_T10_1731D_R16 0x461
#define VER_DESCRIPTOR_SPC4_T10_1731D_R18 0x462
#define VER_DESCRIPTOR_SPC4_T10_1731D_R23 0x463
#define VER_DESCRIPTOR_SBC3               0x4c0
#define VER_DESCRIPTOR_1667_NOVERSION     0xffc0
#define VER_DESCRIPTOR_1667_2006          0xffc1
#define VER_DESCRIPTOR_1667_2009          0xffc2

/* Peripheral device types. */
#define DIRECT_ACCESS_DEVICE            0x00
#define SEQUENTIAL_ACCESS_DEVICE        0x01
#define PRINTER_DEVICE                  0x02
#define PROCESSOR_DEVICE                0x03
#define WRITE_ONCE_READ_MULTIPLE_DEVICE 0x04
#define READ_ONLY_DIRECT_ACCESS_DEVICE  0x05
#define SCANNER_DEVICE                  0x06
#define OPTICAL_DEVICE                  0x07
#define MEDIUM_CHANGER                  0x08
#define COMMUNICATION_DEVICE            0x09
#define ARRAY_CONTROLLER_DEVICE         0x0C
#define SCSI_ENCLOSURE_DEVICE           0x0D
#define REDUCED_BLOCK_DEVICE            0x0E
#define UNKNOWN_OR_NO_DEVICE            0x1F
#define LOGICAL_UNIT_NOT_PRESENT_DEVICE 0x7f

/* Peripheral qualifiers. */
#define DEVICE_QUALIFIER_ACTIVE        0x00
#define DEVICE_QUALIFIER_NOT_ACTIVE    0x01
#define DEVICE_QUALIFIER_NOT_SUPPORTED 0x03
#define DEVICE_CONNECTED               0x00

/* ---- Vital product data ------------------------------------------------------------- */

#define VPD_MAX_BUFFER_SIZE                    0xff
#define VPD_SUPPORTED_PAGES                    0
#define VPD_SERIAL_NUMBER                      0x80
#define VPD_DEVICE_IDENTIFIERS                 0x83
#define VPD_MEDIA_SERIAL_NUMBER                0x84
#define VPD_SOFTWARE_INTERFACE_IDENTIFIERS     0x84
#define VPD_NETWORK_MANAGEMENT_ADDRESSES       0x85
#define VPD_EXTENDED_INQUIRY_DATA              0x86
#define VPD_MODE_PAGE_POLICY                   0x87
#define VPD_SCSI_PORTS                         0x88
#define VPD_ATA_INFORMATION                    0x89
#define VPD_THIRD_PARTY_COPY                   0x8f
#define VPD_BLOCK_LIMITS                       0xb0
#define VPD_BLOCK_DEVICE_CHARACTERISTICS       0xb1
#define VPD_LOGICAL_BLOCK_PROVISIONING         0xb2
#define VPD_ZONED_BLOCK_DEVICE_CHARACTERISTICS 0xb6

typedef enum _VPD_CODE_SET {
    VpdCodeSetReserved = 0,
    VpdCodeSetBinary = 1,
    VpdCodeSetAscii = 2,
    VpdCodeSetUTF8 = 3,
} VPD_CODE_SET, *PVPD_CODE_SET;

typedef enum _VPD_ASSOCIATION {
    VpdAssocDevice = 0,
    VpdAssocPort = 1,
    VpdAssocTarget = 2,
    VpdAssocReserved1 = 3,
    VpdAssocReserved2 = 4,
} VPD_ASSOCIATION, *PVPD_ASSOCIATION;

typedef enum _VPD_IDENTIFIER_TYPE {
    VpdIdentifierTypeVendorSpecific = 0,
    VpdIdentifierTypeVendorId = 1,
    VpdIdentifierTypeEUI64 = 2,
    VpdIdentifierTypeFCPHName = 3,
    VpdIdentifierTypePortRelative = 4,
    VpdIdentifierTypeTargetPortGroup = 5,
    VpdIdentifierTypeLogicalUnitGroup = 6,
    VpdIdentifierTypeMD5LogicalUnitId = 7,
    VpdIdentifierTypeSCSINameString = 8,
} VPD_IDENTIFIER_TYPE, *PVPD_IDENTIFIER_TYPE;

typedef struct _VPD_SUPPORTED_PAGES_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR Reserved;
    UCHAR PageLength;
    UCHAR SupportedPageList[0];
} VPD_SUPPORTED_PAGES_PAGE, *PVPD_SUPPORTED_PAGES_PAGE;

typedef struct _VPD_SERIAL_NUMBER_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR Reserved;
    UCHAR PageLength;
    UCHAR SerialNumber[0];
} VPD_SERIAL_NUMBER_PAGE, *PVPD_SERIAL_NUMBER_PAGE;

/* One designator of page 83h: SPC-4 7.8.6. */
typedef struct _VPD_IDENTIFICATION_DESCRIPTOR {
    UCHAR CodeSet : 4;
    UCHAR Reserved : 4;
    UCHAR IdentifierType : 4;
    UCHAR Association : 2;
    UCHAR Reserved2 : 2;
    UCHAR Reserved3;
    UCHAR IdentifierLength;
    UCHAR Identifier[0];
} VPD_IDENTIFICATION_DESCRIPTOR, *PVPD_IDENTIFICATION_DESCRIPTOR;

typedef struct _VPD_IDENTIFICATION_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR Reserved;
    UCHAR PageLength;
    UCHAR Descriptors[0];
} VPD_IDENTIFICATION_PAGE, *PVPD_IDENTIFICATION_PAGE;

/* Page B0h: SBC-3 6.6.4. */
typedef struct _VPD_BLOCK_LIMITS_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR PageLength[2];
    union {
        struct {
            UCHAR Reserved0;
            UCHAR MaximumCompareAndWriteLength;
            UCHAR OptimalTransferLengthGranularity[2];
            UCHAR MaximumTransferLength[4];
            UCHAR OptimalTransferLength[4];
            UCHAR MaxPrefetchXDReadXDWriteTransferLength[4];
            UCHAR MaximumUnmapLBACount[4];
            UCHAR MaximumUnmapBlockDescriptorCount[4];
            UCHAR OptimalUnmapGranularity[4];
            union {
                struct {
                    UCHAR UnmapGranularityAlignmentByte3 : 7;
                    UCHAR UGAValid : 1;
                    UCHAR UnmapGranularityAlignmentByte2;
                    UCHAR UnmapGranularityAlignmentByte1;
                    UCHAR UnmapGranularityAlignmentByte0;
                };
                UCHAR UnmapGranularityAlignment[4];
            };
            UCHAR Reserved1[28];
        };
        UCHAR Descriptors[0];
    };
} VPD_BLOCK_LIMITS_PAGE, *PVPD_BLOCK_LIMITS_PAGE;

/* Page B1h: SBC-3 6.6.2. */
typedef struct _VPD_BLOCK_DEVICE_CHARACTERISTICS_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR Reserved0;
    UCHAR PageLength;
    UCHAR MediumRotationRateMsb;
    UCHAR MediumRotationRateLsb;
    UCHAR MediumProductType;
    UCHAR NominalFormFactor : 4;
    UCHAR WACEREQ : 2;
    UCHAR WABEREQ : 2;
    UCHAR VBULS : 1;
    UCHAR FUAB : 1;
    UCHAR BOCS : 1;
    UCHAR Reserved1 : 1;
    UCHAR ZONED : 2;
    UCHAR Reserved2 : 2;
    UCHAR Reserved3[3];
    UCHAR DepopulationTime[4];
    UCHAR Reserved4[48];
} VPD_BLOCK_DEVICE_CHARACTERISTICS_PAGE, *PVPD_BLOCK_DEVICE_CHARACTERISTICS_PAGE;

/* Page B2h: SBC-3 6.6.7. */
typedef struct _VPD_LOGICAL_BLOCK_PROVISIONING_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR PageLength[2];
    UCHAR ThresholdExponent;
    UCHAR DP : 1;
    UCHAR ANC_SUP : 1;
    UCHAR LBPRZ : 1;
    UCHAR Reserved0 : 2;
    UCHAR LBPWS10 : 1;
    UCHAR LBPWS : 1;
    UCHAR LBPU : 1;
    UCHAR ProvisioningType : 3;
    UCHAR Reserved1 : 5;
    UCHAR Reserved2;
    UCHAR ProvisioningGroupDescr[0];
} VPD_LOGICAL_BLOCK_PROVISIONING_PAGE, *PVPD_LOGICAL_BLOCK_PROVISIONING_PAGE;

#define PROVISIONING_TYPE_UNKNOWN  0x0
#define PROVISIONING_TYPE_RESOURCE 0x1
#define PROVISIONING_TYPE_THIN     0x2

/* ---- Sense data: SPC-4 4.5 ------------------------------------------------------------- */

typedef struct _SENSE_DATA {
    UCHAR ErrorCode : 7;
    UCHAR Valid : 1;
    UCHAR SegmentNumber;
    UCHAR SenseKey : 4;
    UCHAR Reserved : 1;
    UCHAR IncorrectLength : 1;
    UCHAR EndOfMedia : 1;
    UCHAR FileMark : 1;
    UCHAR Information[4];
    UCHAR AdditionalSenseLength;
    UCHAR CommandSpecificInformation[4];
    UCHAR AdditionalSenseCode;
    UCHAR AdditionalSenseCodeQualifier;
    UCHAR FieldReplaceableUnitCode;
    UCHAR SenseKeySpecific[3];
} SENSE_DATA, *PSENSE_DATA, FIXED_SENSE_DATA, *PFIXED_SENSE_DATA;

/* Descriptor format. */
typedef struct _DESCRIPTOR_SENSE_DATA {
    UCHAR ErrorCode : 7;
    UCHAR Reserved1 : 1;
    UCHAR SenseKey : 4;
    UCHAR Reserved2 : 4;
    UCHAR AdditionalSenseCode;
    UCHAR AdditionalSenseCodeQualifier;
    UCHAR Reserved3[3];
    UCHAR AdditionalSenseLength;
    UCHAR DescriptorBuffer[ANYSIZE_ARRAY];
} DESCRIPTOR_SENSE_DATA, *PDESCRIPTOR_SENSE_DATA;

typedef struct _SCSI_SENSE_DESCRIPTOR_HEADER {
    UCHAR DescriptorType;
    UCHAR AdditionalLength;
} SCSI_SENSE_DESCRIPTOR_HEADER, *PSCSI_SENSE_DESCRIPTOR_HEADER;

typedef struct _SCSI_SENSE_DESCRIPTOR_INFORMATION {
    SCSI_SENSE_DESCRIPTOR_HEADER Header;
    UCHAR Valid : 1;
    UCHAR Reserved1 : 7;
    UCHAR Reserved2;
    UCHAR Information[8];
} SCSI_SENSE_DESCRIPTOR_INFORMATION, *PSCSI_SENSE_DESCRIPTOR_INFORMATION;

#define SCSI_SENSE_DESCRIPTOR_TYPE_INFORMATION 0x0

#define SCSI_SENSE_ERRORCODE_FIXED_CURRENT       0x70
#define SCSI_SENSE_ERRORCODE_FIXED_DEFERRED      0x71
#define SCSI_SENSE_ERRORCODE_DESCRIPTOR_CURRENT  0x72
#define SCSI_SENSE_ERRORCODE_DESCRIPTOR_DEFERRED 0x73

#define SENSE_BUFFER_SIZE          0x12
#define SENSE_BUFFER_SIZE_EX       0x12
#define MAX_SENSE_BUFFER_SIZE      255
#define MAX_ADDITIONAL_SENSE_BYTES (MAX_SENSE_BUFFER_SIZE - SENSE_BUFFER_SIZE)

/* Sense keys. */
#define SCSI_SENSE_NO_SENSE        0x00
#define SCSI_SENSE_RECOVERED_ERROR 0x01
#define SCSI_SENSE_NOT_READY       0x02
#define SCSI_SENSE_MEDIUM_ERROR    0x03
#define SCSI_SENSE_HARDWARE_ERROR  0x04
#define SCSI_SENSE_ILLEGAL_REQUEST 0x05
#define SCSI_SENSE_UNIT_ATTENTION  0x06
#define SCSI_SENSE_DATA_PROTECT    0x07
#define SCSI_SENSE_BLANK_CHECK     0x08
#define SCSI_SENSE_UNIQUE          0x09
#define SCSI_SENSE_COPY_ABORTED    0x0A
#define SCSI_SENSE_ABORTED_COMMAND 0x0B
#define SCSI_SENSE_EQUAL           0x0C
#define SCSI_SENSE_VOL_OVERFLOW    0x0D
#define SCSI_SENSE_MISCOMPARE      0x0E

/* Additional sense codes: SPC-4 annex D. */
#define SCSI_ADSENSE_NO_SENSE                              0x00
#define SCSI_ADSENSE_NO_SEEK_COMPLETE                      0x02
#define SCSI_ADSENSE_WRITE                                 0x03
#define SCSI_ADSENSE_LUN_NOT_READY                         0x04
#define SCSI_ADSENSE_LUN_COMMUNICATION                     0x08
#define SCSI_ADSENSE_WRITE_ERROR                           0x0C
#define SCSI_ADSENSE_UNRECOVERED_ERROR                     0x11
#define SCSI_ADSENSE_TRACK_ERROR                           0x14
#define SCSI_ADSENSE_SEEK_ERROR                            0x15
#define SCSI_ADSENSE_REC_DATA_NOECC                        0x17
#define SCSI_ADSENSE_REC_DATA_ECC                          0x18
#define SCSI_ADSENSE_PARAMETER_LIST_LENGTH                 0x1A
#define SCSI_ADSENSE_ILLEGAL_COMMAND                       0x20
#define SCSI_ADSENSE_ILLEGAL_BLOCK                         0x21
#define SCSI_ADSENSE_INVALID_CDB                           0x24
#define SCSI_ADSENSE_INVALID_LUN                           0x25
#define SCSI_ADSENSE_INVALID_FIELD_PARAMETER_LIST          0x26
#define SCSI_ADSENSE_WRITE_PROTECT                         0x27
#define SCSI_ADSENSE_MEDIUM_CHANGED                        0x28
#define SCSI_ADSENSE_BUS_RESET                             0x29
#define SCSI_ADSENSE_PARAMETERS_CHANGED                    0x2A
#define SCSI_ADSENSE_INSUFFICIENT_TIME_FOR_OPERATION       0x2E
#define SCSI_ADSENSE_INVALID_MEDIA                         0x30
#define SCSI_ADSENSE_NO_MEDIA_IN_DEVICE                    0x3A
#define SCSI_ADSENSE_OPERATING_CONDITIONS_CHANGED          0x3F
#define SCSI_ADSENSE_INTERNAL_TARGET_FAILURE               0x44
#define SCSI_ADSENSE_OPERATOR_REQUEST                      0x5A
#define SCSI_ADSENSE_FAILURE_PREDICTION_THRESHOLD_EXCEEDED 0x5D

/* Qualifiers of them. */
#define SCSI_SENSEQ_CAUSE_NOT_REPORTABLE         0x00
#define SCSI_SENSEQ_BECOMING_READY               0x01
#define SCSI_SENSEQ_INIT_COMMAND_REQUIRED        0x02
#define SCSI_SENSEQ_MANUAL_INTERVENTION_REQUIRED 0x03
#define SCSI_SENSEQ_FORMAT_IN_PROGRESS           0x04
#define SCSI_SENSEQ_OPERATION_IN_PROGRESS        0x07
#define SCSI_SENSEQ_CAPACITY_DATA_CHANGED        0x09
#define SCSI_SENSEQ_REPORTED_LUNS_DATA_CHANGED   0x0E
#define SCSI_SENSEQ_INQUIRY_DATA_CHANGED         0x03

/* ---- Capacity: SBC-3 5.15, 5.16 ----------------------------------------------------------- */

typedef struct _READ_CAPACITY_DATA {
    ULONG LogicalBlockAddress;
    ULONG BytesPerBlock;
} READ_CAPACITY_DATA, *PREAD_CAPACITY_DATA;

typedef struct _READ_CAPACITY_DATA_EX {
    LARGE_INTEGER LogicalBlockAddress;
    ULONG BytesPerBlock;
} READ_CAPACITY_DATA_EX, *PREAD_CAPACITY_DATA_EX;

typedef struct _READ_CAPACITY16_DATA {
    LARGE_INTEGER LogicalBlockAddress;
    ULONG BytesPerBlock;
    UCHAR ProtectionEnable : 1;
    UCHAR ProtectionType : 3;
    UCHAR RcBasis : 2;
    UCHAR Reserved : 2;
    UCHAR LogicalPerPhysicalExponent : 4;
    UCHAR ProtectionInfoExponent : 4;
    UCHAR LowestAlignedBlock_MSB : 6;
    UCHAR LBPRZ : 1;
    UCHAR LBPME : 1;
    UCHAR LowestAlignedBlock_LSB;
    UCHAR Reserved3[16];
} READ_CAPACITY16_DATA, *PREAD_CAPACITY16_DATA;

/* ---- UNMAP and the map of provisioned blocks: SBC-3 5.28, 5.6 -------------------------------- */

typedef struct _UNMAP_BLOCK_DESCRIPTOR {
    UCHAR StartingLba[8];
    UCHAR LbaCount[4];
    UCHAR Reserved[4];
} UNMAP_BLOCK_DESCRIPTOR, *PUNMAP_BLOCK_DESCRIPTOR;

typedef struct _UNMAP_LIST_HEADER {
    UCHAR DataLength[2];
    UCHAR BlockDescrDataLength[2];
    UCHAR Reserved[4];
    UNMAP_BLOCK_DESCRIPTOR Descriptors[0];
} UNMAP_LIST_HEADER, *PUNMAP_LIST_HEADER;

typedef struct _LBA_STATUS_DESCRIPTOR {
    ULONGLONG StartingLBA;
    ULONG LogicalBlockCount;
    UCHAR ProvisioningStatus : 4;
    UCHAR Reserved1 : 4;
    UCHAR Reserved2[3];
} LBA_STATUS_DESCRIPTOR, *PLBA_STATUS_DESCRIPTOR;

typedef struct _LBA_STATUS_LIST_HEADER {
    ULONG ParameterLength;
    ULONG Reserved;
    LBA_STATUS_DESCRIPTOR Descriptors[0];
} LBA_STATUS_LIST_HEADER, *PLBA_STATUS_LIST_HEADER;

/* ---- REPORT LUNS: SPC-4 6.33 ------------------------------------------------------------------- */

typedef struct _LUN_LIST {
    UCHAR LunListLength[4];
    UCHAR Reserved[4];
    UCHAR Lun[0][8];
} LUN_LIST, *PLUN_LIST;

/* ---- Mode parameters: SPC-4 7.5, SBC-3 6.4 -------------------------------------------------------- */

typedef struct _MODE_PARAMETER_HEADER {
    UCHAR ModeDataLength;
    UCHAR MediumType;
    UCHAR DeviceSpecificParameter;
    UCHAR BlockDescriptorLength;
} MODE_PARAMETER_HEADER, *PMODE_PARAMETER_HEADER;

typedef struct _MODE_PARAMETER_HEADER10 {
    UCHAR ModeDataLength[2];
    UCHAR MediumType;
    UCHAR DeviceSpecificParameter;
    UCHAR Reserved[2];
    UCHAR BlockDescriptorLength[2];
} MODE_PARAMETER_HEADER10, *PMODE_PARAMETER_HEADER10;

typedef struct _MODE_PARAMETER_BLOCK {
    UCHAR DensityCode;
    UCHAR NumberOfBlocks[3];
    UCHAR Reserved;
    UCHAR BlockLength[3];
} MODE_PARAMETER_BLOCK, *PMODE_PARAMETER_BLOCK;

/* DeviceSpecificParameter of a disk. */
#define MODE_DSP_FUA_SUPPORTED 0x10
#define MODE_DSP_WRITE_PROTECT 0x80

/* Page control. */
#define MODE_SENSE_CURRENT_VALUES    0x00
#define MODE_SENSE_CHANGEABLE_VALUES 0x40
#define MODE_SENSE_DEFAULT_VAULES    0x80
#define MODE_SENSE_SAVED_VALUES      0xC0

/* Page codes. */
#define MODE_PAGE_ERROR_RECOVERY  0x01
#define MODE_PAGE_DISCONNECT      0x02
#define MODE_PAGE_FORMAT_DEVICE   0x03
#define MODE_PAGE_RIGID_GEOMETRY  0x04
#define MODE_PAGE_FLEXIBILE       0x05
#define MODE_PAGE_VERIFY_ERROR    0x07
#define MODE_PAGE_CACHING         0x08
#define MODE_PAGE_PERIPHERAL      0x09
#define MODE_PAGE_CONTROL         0x0A
#define MODE_PAGE_POWER_CONDITION 0x1A
#define MODE_PAGE_FAULT_REPORTING 0x1C
#define MODE_SENSE_RETURN_ALL     0x3F

/* Page 08h. */
typedef struct _MODE_CACHING_PAGE {
    UCHAR PageCode : 6;
    UCHAR Reserved : 1;
    UCHAR PageSavable : 1;
    UCHAR PageLength;
    UCHAR ReadDisableCache : 1;
    UCHAR MultiplicationFactor : 1;
    UCHAR WriteCacheEnable : 1;
    UCHAR Reserved2 : 5;
    UCHAR WriteRetensionPriority : 4;
    UCHAR ReadRetensionPriority : 4;
    UCHAR DisablePrefetchTransfer[2];
    UCHAR MinimumPrefetch[2];
    UCHAR MaximumPrefetch[2];
    UCHAR MaximumPrefetchCeiling[2];
} MODE_CACHING_PAGE, *PMODE_CACHING_PAGE;

/* Page 0Ah. */
typedef struct _MODE_CONTROL_PAGE {
    UCHAR PageCode : 6;
    UCHAR Reserved1 : 1;
    UCHAR PageSavable : 1;
    UCHAR PageLength;
    UCHAR RLEC : 1;
    UCHAR GLTSD : 1;
    UCHAR D_SENSE : 1;
    UCHAR DPICZ : 1;
    UCHAR TMF_ONLY : 1;
    UCHAR TST : 3;
    UCHAR Obsolete1 : 1;
    UCHAR QERR : 2;
    UCHAR NUAR : 1;
    UCHAR QueueAlgorithmModifier : 4;
    UCHAR Obsolete2 : 3;
    UCHAR SWP : 1;
    UCHAR UA_INTLCK_CTRL : 2;
    UCHAR RAC : 1;
    UCHAR VS : 1;
    UCHAR AutoloadMode : 3;
    UCHAR Reserved2 : 1;
    UCHAR RWWP : 1;
    UCHAR ATMPE : 1;
    UCHAR TAS : 1;
    UCHAR ATO : 1;
    UCHAR Obsolete3[2];
    UCHAR BusyTimeoutPeriod[2];
    UCHAR ExtendeSelfTestCompletionTime[2];
} MODE_CONTROL_PAGE, *PMODE_CONTROL_PAGE;

#pragma pack(pop)

#define DATA_BLOCK_MODE0 0
#define DATA_BLOCK_MODE1 1
#define DATA_BLOCK_MODE2 2

/* ---- Media events ------------------------------------------------------------------------------------ */

#define NOTIFICATION_OPERATIONAL_CHANGE_CLASS_MASK       2
#define NOTIFICATION_POWER_MANAGEMENT_CLASS_MASK         4
#define NOTIFICATION_EXTERNAL_REQUEST_CLASS_MASK         8
#define NOTIFICATION_MEDIA_STATUS_CLASS_MASK             0x10
#define NOTIFICATION_MULTI_HOST_CLASS_MASK               0x20
#define NOTIFICATION_DEVICE_BUSY_CLASS_MASK              0x40
#define NOTIFICATION_NO_CLASS_EVENTS                     0
#define NOTIFICATION_OPERATIONAL_CHANGE_CLASS_EVENTS     1
#define NOTIFICATION_POWER_MANAGEMENT_CLASS_EVENTS       2
#define NOTIFICATION_EXTERNAL_REQUEST_CLASS_EVENTS       3
#define NOTIFICATION_MEDIA_STATUS_CLASS_EVENTS           4
#define NOTIFICATION_MULTI_HOST_CLASS_EVENTS             5
#define NOTIFICATION_DEVICE_BUSY_CLASS_EVENTS            6
#define NOTIFICATION_OPERATIONAL_EVENT_NO_CHANGE         0
#define NOTIFICATION_OPERATIONAL_EVENT_CHANGE_REQUESTED  1
#define NOTIFICATION_OPERATIONAL_EVENT_CHANGE_OCCURRED   2
#define NOTIFICATION_OPERATIONAL_STATUS_AVAILABLE        0
#define NOTIFICATION_OPERATIONAL_STATUS_TEMPORARY_BUSY   1
#define NOTIFICATION_OPERATIONAL_STATUS_EXTENDED_BUSY    2
#define NOTIFICATION_OPERATIONAL_OPCODE_NONE             0
#define NOTIFICATION_OPERATIONAL_OPCODE_FEATURE_CHANGE   1
#define NOTIFICATION_OPERATIONAL_OPCODE_FEATURE_ADDED    2
#define NOTIFICATION_OPERATIONAL_OPCODE_UNIT_RESET       3
#define NOTIFICATION_OPERATIONAL_OPCODE_FIRMWARE_CHANGED 4
#define NOTIFICATION_OPERATIONAL_OPCODE_INQUIRY_CHANGED  5
#define NOTIFICATION_POWER_EVENT_NO_CHANGE               0
#define NOTIFICATION_POWER_EVENT_CHANGE_SUCCEEDED        1
#define NOTIFICATION_POWER_EVENT_CHANGE_FAILED           2
#define NOTIFICATION_POWER_STATUS_ACTIVE                 1
#define NOTIFICATION_POWER_STATUS_IDLE                   2
#define NOTIFICATION_POWER_STATUS_STANDBY                3
#define NOTIFICATION_POWER_STATUS_SLEEP                  4
#define NOTIFICATION_MEDIA_EVENT_NO_EVENT                0
#define NOTIFICATION_EXTERNAL_EVENT_NO_CHANGE            0
#define NOTIFICATION_EXTERNAL_EVENT_BUTTON_DOWN          1
#define NOTIFICATION_EXTERNAL_EVENT_BUTTON_UP            2
#define NOTIFICATION_EXTERNAL_EVENT_EXTERNAL             3
#define NOTIFICATION_EXTERNAL_STATUS_READY               0
#define NOTIFICATION_EXTERNAL_STATUS_PREVENT             1
#define NOTIFICATION_EXTERNAL_REQUEST_NONE               0
#define NOTIFICATION_EXTERNAL_REQUEST_QUEUE_OVERRUN      1
#define NOTIFICATION_EXTERNAL_REQUEST_PLAY               0x101
#define NOTIFICATION_EXTERNAL_REQUEST_REWIND_BACK        0x102
#define NOTIFICATION_EXTERNAL_REQUEST_FAST_FORWARD       0x103
#define NOTIFICATION_EXTERNAL_REQUEST_PAUSE              0x104
#define NOTIFICATION_EXTERNAL_REQUEST_STOP               0x106
#define NOTIFICATION_EXTERNAL_REQUEST_ASCII_LOW          0x200
#define NOTIFICATION_EXTERNAL_REQUEST_ASCII_HIGH         0x2ff
#define NOTIFICATION_MEDIA_EVENT_NO_CHANGE               0
#define NOTIFICATION_MEDIA_EVENT_EJECT_REQUEST           1
#define NOTIFICATION_MEDIA_EVENT_NEW_MEDIA               2
#define NOTIFICATION_MEDIA_EVENT_MEDIA_REMOVAL           3
#define NOTIFICATION_MEDIA_EVENT_MEDIA_CHANGE            4
#define NOTIFICATION_BUSY_EVENT_NO_EVENT                 0
#define NOTIFICATION_MULTI_HOST_EVENT_NO_CHANGE          0
#define NOTIFICATION_MULTI_HOST_EVENT_CONTROL_REQUEST    1
#define NOTIFICATION_MULTI_HOST_EVENT_CONTROL_GRANT      2
#define NOTIFICATION_MULTI_HOST_EVENT_CONTROL_RELEASE    3
#define NOTIFICATION_MULTI_HOST_STATUS_READY             0
#define NOTIFICATION_MULTI_HOST_STATUS_PREVENT           1
#define NOTIFICATION_MULTI_HOST_PRIORITY_NO_REQUESTS     0
#define NOTIFICATION_MULTI_HOST_PRIORITY_LOW             1
#define NOTIFICATION_MULTI_HOST_PRIORITY_MEDIUM          2
#define NOTIFICATION_MULTI_HOST_PRIORITY_HIGH            3
#define NOTIFICATION_BUSY_EVENT_NO_CHANGE                0
#define NOTIFICATION_BUSY_EVENT_BUSY                     1
#define NOTIFICATION_BUSY_EVENT_LO_CHANGE                2
#define NOTIFICATION_BUSY_STATUS_NO_EVENT                0
#define NOTIFICATION_BUSY_STATUS_POWER                   1
#define NOTIFICATION_BUSY_STATUS_IMMEDIATE               2
#define NOTIFICATION_BUSY_STATUS_DEFERRED                3

/* ---- Byte order ---------------------------------------------------------------------------------------- */

typedef union _TWO_BYTE {
    struct {
        UCHAR Byte0;
        UCHAR Byte1;
    };
    USHORT AsUShort;
} TWO_BYTE, *PTWO_BYTE;

typedef union _FOUR_BYTE {
    struct {
        UCHAR Byte0;
        UCHAR Byte1;
        UCHAR Byte2;
        UCHAR Byte3;
    };
    ULONG AsULong;
} FOUR_BYTE, *PFOUR_BYTE;

typedef union _EIGHT_BYTE {
    struct {
        UCHAR Byte0;
        UCHAR Byte1;
        UCHAR Byte2;
        UCHAR Byte3;
        UCHAR Byte4;
        UCHAR Byte5;
        UCHAR Byte6;
        UCHAR Byte7;
    };
    ULONGLONG AsULongLong;
} EIGHT_BYTE, *PEIGHT_BYTE;

/* Store at Destination what lies at Source, in the opposite byte order; any alignment. */
#define REVERSE_BYTES_SHORT(Destination, Source) DdkReverseBytes((Destination), (Source), 2)
#define REVERSE_BYTES(Destination, Source)       DdkReverseBytes((Destination), (Source), 4)
#define REVERSE_BYTES_QUAD(Destination, Source)  DdkReverseBytes((Destination), (Source), 8)

FORCEINLINE VOID DdkReverseBytes(PVOID Destination, const VOID *Source, ULONG Count)
{
    UCHAR bytes[8];
    ULONG i;

    for (i = 0; i < Count; i++) {
        bytes[i] = ((const UCHAR *)Source)[Count - 1 - i];
    }
    for (i = 0; i < Count; i++) {
        ((PUCHAR)Destination)[i] = bytes[i];
    }
}

#endif
