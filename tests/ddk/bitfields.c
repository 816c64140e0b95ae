/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the bits of bit-fields lie: C offers no offset of one, so each is set
 * to ones in a cleared structure, and the bytes are looked at. The positions
 * are facts of the interface, as in layout.c. Run on Linux, whose compilers
 * place these fields as Microsoft's does.
 */
#include <ntddk.h>
#include <storport.h>
#include <stdio.h>
#include <string.h>

static int failures;

/* Whether exactly the width bits from bit shift of byte first on are set in the size bytes. */
static void expect_bits(const char *what, const unsigned char *bytes, size_t size, unsigned first,
                        unsigned shift, unsigned width)
{
    size_t i;

    for (i = 0; i < size * 8; i++) {
        size_t begin = first * 8u + shift;
        int expected = i >= begin && i < begin + width;
        int found = (bytes[i / 8] >> (i % 8)) & 1;

        if (expected != found) {
            fprintf(stderr, "%s: bit %zu of byte %zu is %d, expected %d\n", what, i % 8, i / 8,
                    found, expected);
            failures++;
            return;
        }
    }
}

#define BITS(Type, Field, First, Shift, Width)                                                    \
    do {                                                                                          \
        Type value;                                                                               \
        memset(&value, 0, sizeof(value));                                                         \
        value.Field = (Width) == 1 ? 1 : (1u << (Width)) - 1;                                     \
        expect_bits(#Type "." #Field, (const unsigned char *)&value, sizeof(value), First, Shift, \
                    Width);                                                                       \
    } while (0)

static void check_stor_device_capabilities(void)
{
    BITS(STOR_DEVICE_CAPABILITIES, DeviceD1, 4, 0, 1);
    BITS(STOR_DEVICE_CAPABILITIES, DeviceD2, 4, 1, 1);
    BITS(STOR_DEVICE_CAPABILITIES, LockSupported, 4, 2, 1);
    BITS(STOR_DEVICE_CAPABILITIES, EjectSupported, 4, 3, 1);
    BITS(STOR_DEVICE_CAPABILITIES, Removable, 4, 4, 1);
    BITS(STOR_DEVICE_CAPABILITIES, DockDevice, 4, 5, 1);
    BITS(STOR_DEVICE_CAPABILITIES, UniqueID, 4, 6, 1);
    BITS(STOR_DEVICE_CAPABILITIES, SilentInstall, 4, 7, 1);
    BITS(STOR_DEVICE_CAPABILITIES, SurpriseRemovalOK, 5, 0, 1);
    BITS(STOR_DEVICE_CAPABILITIES, NoDisplayInUI, 5, 1, 1);
}

static void check_stor_device_capabilities_ex(void)
{
    BITS(STOR_DEVICE_CAPABILITIES_EX, DeviceD1, 4, 0, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, DeviceD2, 4, 1, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, LockSupported, 4, 2, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, EjectSupported, 4, 3, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, Removable, 4, 4, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, DockDevice, 4, 5, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, UniqueID, 4, 6, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, SilentInstall, 4, 7, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, RawDeviceOK, 5, 0, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, SurpriseRemovalOK, 5, 1, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, NoDisplayInUI, 5, 2, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, DefaultWriteCacheEnabled, 5, 3, 1);
    BITS(STOR_DEVICE_CAPABILITIES_EX, Reserved0, 5, 4, 20);
}

static void check_stor_unit_attributes(void)
{
    BITS(STOR_UNIT_ATTRIBUTES, DeviceAttentionSupported, 0, 0, 1);
    BITS(STOR_UNIT_ATTRIBUTES, AsyncNotificationSupported, 0, 1, 1);
    BITS(STOR_UNIT_ATTRIBUTES, D3ColdNotSupported, 0, 2, 1);
    BITS(STOR_UNIT_ATTRIBUTES, Reserved, 0, 3, 29);
}

static void check_vpd_identification_descriptor(void)
{
    BITS(VPD_IDENTIFICATION_DESCRIPTOR, CodeSet, 0, 0, 4);
    BITS(VPD_IDENTIFICATION_DESCRIPTOR, Reserved, 0, 4, 4);
    BITS(VPD_IDENTIFICATION_DESCRIPTOR, IdentifierType, 1, 0, 4);
    BITS(VPD_IDENTIFICATION_DESCRIPTOR, Association, 1, 4, 2);
    BITS(VPD_IDENTIFICATION_DESCRIPTOR, Reserved2, 1, 6, 2);
}

static void check_sense_data(void)
{
    BITS(SENSE_DATA, ErrorCode, 0, 0, 7);
    BITS(SENSE_DATA, Valid, 0, 7, 1);
    BITS(SENSE_DATA, SenseKey, 2, 0, 4);
    BITS(SENSE_DATA, Reserved, 2, 4, 1);
    BITS(SENSE_DATA, IncorrectLength, 2, 5, 1);
    BITS(SENSE_DATA, EndOfMedia, 2, 6, 1);
    BITS(SENSE_DATA, FileMark, 2, 7, 1);
}

static void check_inquirydata(void)
{
    BITS(INQUIRYDATA, DeviceType, 0, 0, 5);
    BITS(INQUIRYDATA, DeviceTypeQualifier, 0, 5, 3);
    BITS(INQUIRYDATA, DeviceTypeModifier, 1, 0, 7);
    BITS(INQUIRYDATA, RemovableMedia, 1, 7, 1);
    BITS(INQUIRYDATA, ResponseDataFormat, 3, 0, 4);
    BITS(INQUIRYDATA, HiSupport, 3, 4, 1);
    BITS(INQUIRYDATA, NormACA, 3, 5, 1);
    BITS(INQUIRYDATA, TerminateTask, 3, 6, 1);
    BITS(INQUIRYDATA, AERC, 3, 7, 1);
    BITS(INQUIRYDATA, Addr16, 6, 0, 1);
    BITS(INQUIRYDATA, Addr32, 6, 1, 1);
    BITS(INQUIRYDATA, AckReqQ, 6, 2, 1);
    BITS(INQUIRYDATA, MediumChanger, 6, 3, 1);
    BITS(INQUIRYDATA, MultiPort, 6, 4, 1);
    BITS(INQUIRYDATA, ReservedBit2, 6, 5, 1);
    BITS(INQUIRYDATA, EnclosureServices, 6, 6, 1);
    BITS(INQUIRYDATA, ReservedBit3, 6, 7, 1);
    BITS(INQUIRYDATA, SoftReset, 7, 0, 1);
    BITS(INQUIRYDATA, CommandQueue, 7, 1, 1);
    BITS(INQUIRYDATA, TransferDisable, 7, 2, 1);
    BITS(INQUIRYDATA, LinkedCommands, 7, 3, 1);
    BITS(INQUIRYDATA, Synchronous, 7, 4, 1);
    BITS(INQUIRYDATA, Wide16Bit, 7, 5, 1);
    BITS(INQUIRYDATA, Wide32Bit, 7, 6, 1);
    BITS(INQUIRYDATA, RelativeAddressing, 7, 7, 1);
}

int main(void)
{
    check_stor_device_capabilities();
    check_stor_device_capabilities_ex();
    check_stor_unit_attributes();
    check_vpd_identification_descriptor();
    check_sense_data();
    check_inquirydata();
    if (failures != 0) {
        fprintf(stderr, "bitfields: %d misplaced\n", failures);
        return 1;
    }
    return 0;
}
