/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways in which a driver stops the system on purpose. Each ends the run. */
#include <stdio.h>

#include "kernel/kernel_internal.h"

static void name_caller(const void *return_address, char *text, size_t size)
{
    if (!trap_describe_code(return_address, text, size)) {
        snprintf(text, size, "%p", return_address);
    }
}

static DECLSPEC_NORETURN VOID NTAPI bug_check_ex(ULONG code, ULONG_PTR first, ULONG_PTR second,
                                                 ULONG_PTR third, ULONG_PTR fourth)
{
    char caller[96];

    name_caller(thunk_caller(__builtin_return_address(0)), caller, sizeof(caller));
    violation(RULE_CRASH,
              "the driver stops the system: bug check 0x%X (0x%llx, 0x%llx, 0x%llx, "
              "0x%llx), from %s",
              code, (unsigned long long)first, (unsigned long long)second,
              (unsigned long long)third, (unsigned long long)fourth, caller);
}

static DECLSPEC_NORETURN VOID NTAPI bug_check(ULONG code)
{
    char caller[96];

    name_caller(thunk_caller(__builtin_return_address(0)), caller, sizeof(caller));
    violation(RULE_CRASH, "the driver stops the system: bug check 0x%X, from %s", code, caller);
}

static VOID NTAPI break_point(VOID)
{
    char caller[96];

    name_caller(thunk_caller(__builtin_return_address(0)), caller, sizeof(caller));
    violation(RULE_CRASH, "DbgBreakPoint from %s: without a debugger it stops the system", caller);
}

static VOID NTAPI break_point_with_status(ULONG status)
{
    char caller[96];

    name_caller(thunk_caller(__builtin_return_address(0)), caller, sizeof(caller));
    violation(RULE_CRASH,
              "DbgBreakPointWithStatus(0x%x) from %s: without a debugger it stops the "
              "system",
              status, caller);
}

static VOID NTAPI assertion_failed(const char *assertion, const char *file, ULONG line,
                                   const char *message)
{
    SERVES("RtlAssert");

    violation(RULE_CRASH, "an assertion of the driver failed: %s (%s:%u)%s%s", assertion, file,
              line, message != NULL ? ": " : "", message != NULL ? message : "");
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(KeBugCheckEx, bug_check_ex),
    KERNEL_EXPORT(KeBugCheck, bug_check),
    KERNEL_EXPORT(DbgBreakPoint, break_point),
    KERNEL_EXPORT(DbgBreakPointWithStatus, break_point_with_status),
    KERNEL_EXPORT(RtlAssert, assertion_failed),
};

KERNEL_TABLE(kernel_crash, exports);
