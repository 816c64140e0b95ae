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


def why_not(arch: str) -> str | None:
    """Why programs for that processor do not run here; None: they do."""
    if arch == "x86" and x86_runner() == "none":
        return "no 32-bit x86 program runs here, natively or by qemu-i386"
    return None
