# SPDX-License-Identifier: BSD-3-Clause
"""What runs programs for other processors than this machine's, and what does not run so.

X86_RUNNER=native, qemu-i386 or none takes the place of what the build has found by trying.
"""

import os
import pathlib

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build"

# By what the build or X86_RUNNER says: the words before a program.
X86_COMMANDS = {"native": [], "qemu-i386": ["qemu-i386"], "none": []}


def found_by_the_build() -> str:
    try:
        return (BUILD / "x86/runner").read_text().strip()
    except FileNotFoundError as error:
        raise RuntimeError("run 'make storhost-x86' first") from error


def x86_runner() -> str:
    """native, qemu-i386 or none."""
    runner = os.environ.get("X86_RUNNER") or found_by_the_build()
    if runner not in X86_COMMANDS:
        raise ValueError(f"X86_RUNNER is one of {', '.join(X86_COMMANDS)}, not {runner}")
    return runner


def command(arch: str) -> list[str]:
    """The words before a program for x64, x86 or arm64 that make it run here."""
    if arch == "x86":
        return X86_COMMANDS[x86_runner()]
    return ["qemu-aarch64"] if arch == "arm64" else []


def emulated(arch: str) -> bool:
    """Whether programs for the processor run in an emulator, so slower."""
    return bool(command(arch))


# Unit programs that fail under qemu-i386: of what.
FAILS_EMULATED = {
    "test_clock": "the thread area",
    "test_count": "no trap flag",
    "test_cpu": "the thread area",
    "test_kernel": "what a fault tells",
    "test_pe_image": "what a fault tells",
    "test_trap": "what a fault tells",
}


def why_not(arch: str, program: str = "storhost") -> str | None:
    """Why a program for that processor does not run here; None: it does."""
    if arch != "x86" or x86_runner() == "native":
        return None
    if x86_runner() == "none":
        return "no 32-bit x86 program runs here, natively or by qemu-i386"
    if program == "storhost":
        return "x86 storhost does not run under qemu-i386 yet"
    if program in FAILS_EMULATED:
        return f"fails under qemu-i386 yet: {FAILS_EMULATED[program]}"
    return None
