/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The StorPort model's tables: lengths of PORT_CONFIGURATION_INFORMATION by Windows, the extended
 * functions against the Windows that brought them, the exports, and what counts as a read or
 * write and as worth another try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/exports.h"
#include "storport/internal.h"

static void test_config_lengths(void **state)
{
    bool wide = sizeof(void *) == 8;

    (void)state;
    assert_int_equal(config_length(WINDOWS_2003), wide ? 152 : 144);
    assert_int_equal(config_length(WINDOWS_VISTA), wide ? 200 : 184);
    assert_int_equal(config_length(WINDOWS_7), wide ? 208 : 192);
    assert_int_equal(config_length(WINDOWS_8), wide ? 224 : 208);
    assert_int_equal(config_length(WINDOWS_8_1), wide ? 224 : 208);
    assert_int_equal(config_length(WINDOWS_10), wide ? 224 : 208);
}

static void test_config_fields_by_version(void **state)
{
    struct port *port = test_calloc(1, sizeof(*port));

    (void)state;
    port->options.windows = WINDOWS_2003;
    assert_false(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, HwMSInterruptRoutine) +
                                      sizeof(void *)));
    port->options.windows = WINDOWS_VISTA;
    assert_true(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, HwMSInterruptRoutine) +
                                     sizeof(void *)));
    assert_false(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, MaxNumberOfIO) + 4));
    port->options.windows = WINDOWS_7;
    assert_true(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, MaxNumberOfIO) + 4));
    assert_false(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, MaxIOsPerLun) + 4));
    port->options.windows = WINDOWS_8;
    assert_true(config_has(port, offsetof(PORT_CONFIGURATION_INFORMATION, FeatureSupport) + 4));
    test_free(port);
}

/* Every code that the headers of Windows 10 1809 name is there, under its number. */
static void test_extended_functions_complete(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= ExtFunctionGetProcessorCount; code++) {
        const struct extended_function *function = extended_function(code);

        assert_non_null(function);
        assert_int_equal(function->code, code);
        assert_non_null(function->name);
        assert_non_null(function->run);
        assert_in_range(function->since, WINDOWS_2003, WINDOWS_10);
        assert_true(strlen(function->arguments) <= EXTENDED_ARGUMENTS);
        assert_int_equal(strspn(function->arguments, "wq"), strlen(function->arguments));
    }
    assert_null(extended_function(ExtFunctionGetProcessorCount + 1));
    assert_null(extended_function(UINT32_MAX));
}

static void test_extended_functions_by_version(void **state)
{
    static const struct {
        uint32_t code;
        const char *name;
        uint16_t since;
        const char *arguments;
        uint8_t irql;
    } expected[] = {
        {ExtFunctionAllocatePool, "StorPortAllocatePool", 0x600, "www", IRQL_DISPATCH},
        {ExtFunctionGetMessageInterruptInformation, "StorPortGetMSIInfo", 0x600, "ww", IRQL_HIGH},
        {ExtFunctionGetCurrentProcessorNumber, "StorPortGetCurrentProcessorNumber", 0x601, "w",
         IRQL_DISPATCH},
        {ExtFunctionAllocateContiguousMemorySpecifyCacheNode,
         "StorPortAllocateContiguousMemorySpecifyCacheNode", 0x601, "wqqqwww", IRQL_PASSIVE},
        {ExtFunctionInitializeTimer, "StorPortInitializeTimer", 0x602, "w", IRQL_DISPATCH},
        {ExtFunctionQueueWorkItem, "StorPortQueueWorkItem", 0x602, "www", IRQL_DISPATCH},
        {ExtFunctionInvokeAcpiMethod, "StorPortInvokeAcpiMethod", 0x602, "wwwwwww", IRQL_PASSIVE},
        {ExtFunctionDeviceOperationAllowed, "StorPortIsDeviceOperationAllowed", 0x603, "www",
         IRQL_PASSIVE},
        {ExtFunctionAllocateDmaMemory, "StorPortAllocateDmaMemory", 0xa00, "wqqqwwww",
         IRQL_PASSIVE},
        {ExtFunctionMiniportChannelEtwEvent8, "StorPortEtwChannelEvent8", 0xa00,
         "wwwwqwwwwqwqwqwqwqwqwqwq", IRQL_DISPATCH},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct extended_function *function = extended_function(expected[i].code);

        assert_string_equal(function->name, expected[i].name);
        assert_int_equal(function->since, expected[i].since);
        assert_string_equal(function->arguments, expected[i].arguments);
        assert_int_equal(function->highest_irql, expected[i].irql);
    }
}

static void test_exports(void **state)
{
    (void)state;
    assert_int_equal(storport_module.count, 59);
    for (size_t i = 0; i < storport_module.count; i++) {
        const struct kernel_export *export = &storport_module.exports[i];

        assert_memory_equal(export->name, "StorPort", 8);
        assert_non_null(export->function);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(export->name, storport_module.exports[j].name);
        }
    }
}

static void test_reads_and_writes(void **state)
{
    static const uint8_t yes[] = {0x08, 0x0a, 0x28, 0x2a, 0xa8, 0xaa, 0x88, 0x8a};
    struct port_io io = {.cdb_length = 16};

    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        io.cdb[0] = (uint8_t)code;
        assert_int_equal(request_is_read_write(&io), memchr(yes, (int)code, sizeof(yes)) != NULL);
    }
    io.cdb[0] = 0x28;
    io.function = SRB_FUNCTION_FLUSH;
    assert_false(request_is_read_write(&io));
}

static void test_should_retry(void **state)
{
    struct port_io io = {.srb_status = SRB_STATUS_SUCCESS};

    (void)state;
    assert_false(port_should_retry(&io));
    io.srb_status = SRB_STATUS_BUS_RESET;
    assert_true(port_should_retry(&io));
    io.srb_status = SRB_STATUS_ERROR;
    io.scsi_status = SCSISTAT_CHECK_CONDITION;
    assert_false(port_should_retry(&io));
    io.sense_length = 18;
    io.sense[0] = 0x70;
    io.sense[2] = 0x06; /* unit attention */
    assert_true(port_should_retry(&io));
    io.sense[2] = 0x05; /* illegal request */
    assert_false(port_should_retry(&io));
    io.srb_status = SRB_STATUS_NO_DEVICE;
    io.scsi_status = io.sense_length = 0;
    assert_false(port_should_retry(&io));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_lengths),
        cmocka_unit_test(test_config_fields_by_version),
        cmocka_unit_test(test_extended_functions_complete),
        cmocka_unit_test(test_extended_functions_by_version),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_reads_and_writes),
        cmocka_unit_test(test_should_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
