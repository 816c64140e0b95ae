/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Event tracing (ETW, and WPP over it): nobody listens, so registration succeeds and events go
 * nowhere. Handles are remembered only by being other than 0.
 */
#include "kernel/arguments.h"
#include "kernel/kernel_internal.h"

#define REGISTRATION 0x5347ull

static NTSTATUS NTAPI etw_register(const GUID *provider, PVOID callback, PVOID context,
                                   ULONGLONG *handle)
{
    SERVES("EtwRegister");

    (void)provider;
    (void)callback;
    (void)context;
    kernel_require_irql(IRQL_PASSIVE, "EtwRegister");
    *handle = REGISTRATION;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI etw_register_classic(const GUID *provider, ULONG type, PVOID callback,
                                           PVOID context, ULONGLONG *handle)
{
    (void)type;
    return etw_register(provider, callback, context, handle);
}

static NTSTATUS NTAPI etw_unregister(ULONGLONG handle)
{
    kernel_require_irql(IRQL_PASSIVE, "EtwUnregister");
    return handle == REGISTRATION ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI etw_set_information(ULONGLONG handle, int class, PVOID information,
                                          ULONG length)
{
    (void)class;
    (void)information;
    (void)length;
    return handle == REGISTRATION ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI etw_write(ULONGLONG handle, PCVOID descriptor, const GUID *activity,
                                ULONG count, PCVOID data)
{
    (void)descriptor;
    (void)activity;
    (void)count;
    (void)data;
    return handle == REGISTRATION ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI etw_write_ex(ULONGLONG handle, PCVOID descriptor, ULONGLONG filter,
                                   ULONG flags, const GUID *activity, const GUID *related,
                                   ULONG count, PCVOID data)
{
    (void)filter;
    (void)flags;
    (void)related;
    return etw_write(handle, descriptor, activity, count, data);
}

static NTSTATUS NTAPI etw_write_transfer(ULONGLONG handle, PCVOID descriptor, const GUID *activity,
                                         const GUID *related, ULONG count, PCVOID data)
{
    (void)related;
    return etw_write(handle, descriptor, activity, count, data);
}

static NTSTATUS NTAPI etw_write_string(ULONGLONG handle, UCHAR level, ULONGLONG keyword,
                                       const GUID *activity, const WCHAR *text)
{
    (void)level;
    (void)keyword;
    return etw_write(handle, NULL, activity, 0, text);
}

static BOOLEAN NTAPI etw_enabled(ULONGLONG handle, PCVOID descriptor)
{
    (void)handle;
    (void)descriptor;
    return FALSE;
}

static BOOLEAN NTAPI etw_provider_enabled(ULONGLONG handle, UCHAR level, ULONGLONG keyword)
{
    (void)handle;
    (void)level;
    (void)keyword;
    return FALSE;
}

/* Makes identifiers that differ within a run; nothing more is asked of them here. */
static NTSTATUS NTAPI etw_activity(ULONG code, GUID *activity)
{
    static ULONG last;
    SERVES("EtwActivityIdControl");

    (void)code;
    *activity = (GUID){.Data1 = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED)};
    return STATUS_SUCCESS;
}

/* The parts of a message follow as pairs of address and length up to a NULL; nobody reads them. */
static NTSTATUS NTAPIV wmi_trace_message(ULONGLONG logger, ULONG flags, const GUID *message,
                                         USHORT number, ...)
{
    (void)logger;
    (void)flags;
    (void)message;
    (void)number;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI wmi_trace_message_va(ULONGLONG logger, ULONG flags, const GUID *message,
                                           USHORT number, driver_va_list parts)
{
    (void)logger;
    (void)flags;
    (void)message;
    (void)number;
    (void)parts;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI wmi_query_trace(int class, PVOID information, ULONG length, PULONG needed,
                                      PVOID buffer)
{
    (void)class;
    (void)information;
    (void)length;
    (void)needed;
    (void)buffer;
    return STATUS_NOT_FOUND;
}

static NTSTATUS NTAPI wmi_registration(PVOID device, ULONG action)
{
    (void)device;
    (void)action;
    kernel_require_irql(IRQL_PASSIVE, "IoWMIRegistrationControl");
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI wmi_write_event(PVOID event)
{
    (void)event;
    return STATUS_UNSUCCESSFUL; /* the caller keeps its buffer */
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(EtwRegister, etw_register),
    KERNEL_EXPORT(EtwRegisterClassicProvider, etw_register_classic),
    KERNEL_EXPORT(EtwUnregister, etw_unregister),
    KERNEL_EXPORT(EtwSetInformation, etw_set_information),
    KERNEL_EXPORT(EtwWrite, etw_write),
    KERNEL_EXPORT(EtwWriteEx, etw_write_ex),
    KERNEL_EXPORT(EtwWriteTransfer, etw_write_transfer),
    KERNEL_EXPORT(EtwWriteString, etw_write_string),
    KERNEL_EXPORT(EtwEventEnabled, etw_enabled),
    KERNEL_EXPORT(EtwProviderEnabled, etw_provider_enabled),
    KERNEL_EXPORT(EtwActivityIdControl, etw_activity),
    KERNEL_EXPORT(WmiTraceMessage, wmi_trace_message),
    KERNEL_EXPORT(WmiTraceMessageVa, wmi_trace_message_va),
    KERNEL_EXPORT(WmiQueryTraceInformation, wmi_query_trace),
    KERNEL_EXPORT(IoWMIRegistrationControl, wmi_registration),
    KERNEL_EXPORT(IoWMIWriteEvent, wmi_write_event),
};

KERNEL_TABLE(kernel_trace, exports);
