#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What runs 32-bit x86 programs on this machine: prints native, qemu-i386 or none.
#
#   x86_runner.sh PROBE     PROBE: the program of packaging/x86_probe.c
#
# By trying, as nothing else tells: a kernel can have IA32 emulation in its configuration and still
# answer "Exec format error" (it is switched off at boot, or a hypervisor does not give it).
set -eu

if [ $# -ne 1 ]; then
    echo "usage: x86_runner.sh PROBE" >&2
    exit 2
fi
probe=$1

# The word, not the exit status: a shell may take a program that does not run for a script.
runs() {
    [ "$("$@" 2>/dev/null </dev/null)" = i686 ]
}

if runs "$probe"; then
    echo native
elif runs qemu-i386 "$probe"; then
    echo qemu-i386
else
    echo none
fi
