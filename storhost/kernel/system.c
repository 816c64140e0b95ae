/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver asks about the system: version, exported variables, other routines, the registry
 * (empty here: a miniport's own parameters come through its port driver), and the page that Windows
 * shares with all code.
 */
#include <string.h>

#include "kernel/kernel_internal.h"
#include "machine/memory.h"

/* ---- Version ------------------------------------------------------------------------------- */

void kernel_version(ULONG *major, ULONG *minor, ULONG *build)
{
    static const struct {
        unsigned short version;
        ULONG build; /* of its last service pack */
    } builds[] = {
        {WINDOWS_2003, 3790}, {WINDOWS_VISTA, 6002}, {WINDOWS_7, 7601},
        {WINDOWS_8, 9200},    {WINDOWS_8_1, 9600},   {WINDOWS_10, 20348},
    };
    size_t index;

    *major = kernel_windows() >> 8;
    *minor = kernel_windows() & 0xff;
    *build = 0;
    for (index = 0; index < sizeof(builds) / sizeof(builds[0]); index++) {
        if (kernel_windows() >= builds[index].version) {
            *build = builds[index].build;
        }
    }
}

/* RTL_OSVERSIONINFOW, and what RTL_OSVERSIONINFOEXW adds. */
struct version_info {
    ULONG size;
    ULONG major, minor, build;
    ULONG platform;
    WCHAR service_pack[128];
    USHORT service_pack_major, service_pack_minor;
    USHORT suite;
    UCHAR product;
    UCHAR reserved;
};

enum {
    VERSION_INFO_SIZE = 276,
    PLATFORM_NT = 2,
    PRODUCT_SERVER = 3
};

static NTSTATUS NTAPI get_version(struct version_info *info)
{
    ULONG size;
    SERVES("RtlGetVersion");

    kernel_require_irql(IRQL_PASSIVE, "RtlGetVersion");
    size = info->size;
    if (size != VERSION_INFO_SIZE && size != sizeof(*info)) {
        violation(RULE_ARGUMENT, "RtlGetVersion with a structure of %u bytes (%d or %zu)", size,
                  VERSION_INFO_SIZE, sizeof(*info));
    }
    memset(&info->major, 0, size - sizeof(info->size));
    kernel_version(&info->major, &info->minor, &info->build);
    info->platform = PLATFORM_NT;
    if (size == sizeof(*info)) {
        info->product = PRODUCT_SERVER;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN NTAPI ps_get_version(ULONG *major, ULONG *minor, ULONG *build,
                                    UNICODE_STRING *service_pack)
{
    ULONG parts[3];
    SERVES("PsGetVersion");

    kernel_require_irql(IRQL_PASSIVE, "PsGetVersion");
    kernel_version(&parts[0], &parts[1], &parts[2]);
    if (major != NULL) {
        *major = parts[0];
    }
    if (minor != NULL) {
        *minor = parts[1];
    }
    if (build != NULL) {
        *build = parts[2];
    }
    if (service_pack != NULL) {
        service_pack->Length = 0;
    }
    return FALSE; /* not a checked build */
}

static BOOLEAN NTAPI is_version_available(ULONG version)
{
    return (version & 0xffff0000u) <= (ULONG)kernel_windows() << 16;
}

/* ---- Other routines ------------------------------------------------------------------------ */

/* Of the kernel and the HAL, as its reference page says. */
static PVOID NTAPI system_routine(const UNICODE_STRING *name)
{
    char text[128];
    void *routine;
    size_t count;
    size_t index;
    SERVES("MmGetSystemRoutineAddress");

    kernel_require_irql(IRQL_PASSIVE, "MmGetSystemRoutineAddress");
    count = name->Length / sizeof(WCHAR);
    if (count >= sizeof(text)) {
        return NULL;
    }
    for (index = 0; index < count; index++) {
        text[index] = name->Buffer[index] < 128 ? (char)name->Buffer[index] : '?';
    }
    text[count] = 0;
    routine = kernel_resolve("ntoskrnl.exe", text, NULL);
    return routine != NULL ? routine : kernel_resolve("hal.dll", text, NULL);
}

static NTSTATUS NTAPI save_extended_state(ULONGLONG mask, PVOID save)
{
    (void)mask;
    (void)save;
    return STATUS_SUCCESS; /* each processor is a thread with vector registers of its own */
}

static VOID NTAPI restore_extended_state(PVOID save)
{
    (void)save;
}

static ULONGLONG NTAPI enabled_extended_features(ULONGLONG mask)
{
    enum {
        LEGACY_FEATURES = 3
    }; /* x87 and SSE */

    return mask & LEGACY_FEATURES;
}

/* ---- Registry ------------------------------------------------------------------------------ */

static NTSTATUS NTAPI open_key(HANDLE *key, ULONG access, PCVOID attributes)
{
    SERVES("ZwOpenKey");

    (void)access;
    (void)attributes;
    kernel_require_irql(IRQL_PASSIVE, "ZwOpenKey");
    *key = NULL;
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

static NTSTATUS NTAPI create_key(HANDLE *key, ULONG access, PCVOID attributes, ULONG title,
                                 PCVOID class, ULONG options, ULONG *disposition)
{
    SERVES("ZwCreateKey");

    (void)access;
    (void)attributes;
    (void)title;
    (void)class;
    (void)options;
    (void)disposition;
    kernel_require_irql(IRQL_PASSIVE, "ZwCreateKey");
    *key = NULL;
    return STATUS_ACCESS_DENIED;
}

static NTSTATUS NTAPI query_value(HANDLE key, PCVOID name, int class, PVOID information,
                                  ULONG length, ULONG *needed)
{
    (void)key;
    (void)name;
    (void)class;
    (void)information;
    (void)length;
    (void)needed;
    kernel_require_irql(IRQL_PASSIVE, "ZwQueryValueKey");
    return STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI set_value(HANDLE key, PCVOID name, ULONG title, ULONG type, PCVOID data,
                                ULONG length)
{
    (void)key;
    (void)name;
    (void)title;
    (void)type;
    (void)data;
    (void)length;
    kernel_require_irql(IRQL_PASSIVE, "ZwSetValueKey");
    return STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI close_handle(HANDLE handle)
{
    (void)handle;
    kernel_require_irql(IRQL_PASSIVE, "ZwClose");
    return STATUS_INVALID_HANDLE;
}

static NTSTATUS NTAPI query_registry_values(ULONG relative, const WCHAR *path, PVOID table,
                                            PVOID context, PVOID environment)
{
    (void)relative;
    (void)path;
    (void)table;
    (void)context;
    (void)environment;
    kernel_require_irql(IRQL_PASSIVE, "RtlQueryRegistryValues");
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

/* ---- Variables ----------------------------------------------------------------------------- */

static BOOLEAN debugger_enabled = FALSE;
static BOOLEAN debugger_not_present = TRUE;
static CCHAR number_processors = 1;
static ULONG safe_boot_mode = 0;
static ULONG build_number = 0;

/* ---- The shared page ----------------------------------------------------------------------- */

/*
 * KUSER_SHARED_DATA: drivers read the time there inline. Linux cannot map that part of the address
 * space, so the accesses are trapped and answered from a copy that is made at each.
 */
enum shared_field {
    SHARED_TICK_MULTIPLIER = 0x4,
    SHARED_INTERRUPT_TIME = 0x8,
    SHARED_SYSTEM_TIME = 0x14,
    SHARED_BUILD = 0x260,
    SHARED_PRODUCT_TYPE = 0x264,
    SHARED_MAJOR = 0x26c,
    SHARED_MINOR = 0x270,
    SHARED_TICK_COUNT = 0x320,
    SHARED_PROCESSORS = 0x3c0,
};

static void put_32(uint8_t *page, unsigned offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof(value));
}

/* KSYSTEM_TIME: low word, high word, high word again. */
static void put_time(uint8_t *page, unsigned offset, uint64_t time)
{
    put_32(page, offset, (uint32_t)time);
    put_32(page, offset + 4, (uint32_t)(time >> 32));
    put_32(page, offset + 8, (uint32_t)(time >> 32));
}

static uint64_t read_shared_page(void *context, uint64_t offset, unsigned size)
{
    uint8_t page[GUEST_PAGE_SIZE] = {0};
    uint64_t now = kernel_interrupt_time();
    uint64_t value = 0;
    ULONG major;
    ULONG minor;
    ULONG build;

    (void)context;
    kernel_version(&major, &minor, &build);
    put_32(page, SHARED_TICK_MULTIPLIER,
           15625u << 16); /* milliseconds per tick, 24 bits fraction */
    put_time(page, SHARED_INTERRUPT_TIME, now);
    put_time(page, SHARED_SYSTEM_TIME, kernel_system_time());
    put_32(page, SHARED_BUILD, build);
    put_32(page, SHARED_PRODUCT_TYPE, PRODUCT_SERVER);
    put_32(page, SHARED_MAJOR, major);
    put_32(page, SHARED_MINOR, minor);
    put_time(page, SHARED_TICK_COUNT, now / KERNEL_TICK);
    put_32(page, SHARED_PROCESSORS, cpu_count());
    memcpy(&value, page + offset, size);
    return value;
}

void kernel_init(void)
{
    static const struct trap_ops ops = {.read = read_shared_page};
    ULONG major;
    ULONG minor;

    kernel_version(&major, &minor, &build_number);
    build_number |= 0xf0000000u; /* as a free build has it */
    number_processors = (CCHAR)cpu_count();
    trap_map_fixed(kernel_shared_page(), GUEST_PAGE_SIZE, &ops, NULL,
                   "the page shared with user mode");
}

static const struct kernel_export variables[] = {
    KERNEL_EXPORT(KdDebuggerEnabled, &debugger_enabled),
    KERNEL_EXPORT(KdDebuggerNotPresent, &debugger_not_present),
    KERNEL_EXPORT(KeNumberProcessors, &number_processors),
    KERNEL_EXPORT(InitSafeBootMode, &safe_boot_mode),
    KERNEL_EXPORT(NtBuildNumber, &build_number),
};

KERNEL_TABLE(kernel_variables, variables);

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(RtlGetVersion, get_version),
    KERNEL_EXPORT(PsGetVersion, ps_get_version),
    KERNEL_EXPORT(RtlIsNtDdiVersionAvailable, is_version_available),
    KERNEL_EXPORT(MmGetSystemRoutineAddress, system_routine),
    KERNEL_EXPORT(KeSaveExtendedProcessorState, save_extended_state),
    KERNEL_EXPORT(KeRestoreExtendedProcessorState, restore_extended_state),
    KERNEL_EXPORT(RtlGetEnabledExtendedFeatures, enabled_extended_features),
    KERNEL_EXPORT(ZwOpenKey, open_key),
    KERNEL_EXPORT(ZwCreateKey, create_key),
    KERNEL_EXPORT(ZwQueryValueKey, query_value),
    KERNEL_EXPORT(ZwSetValueKey, set_value),
    KERNEL_EXPORT(ZwClose, close_handle),
    KERNEL_EXPORT(RtlQueryRegistryValues, query_registry_values),
};

KERNEL_TABLE(kernel_system, exports);
