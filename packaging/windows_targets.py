#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""For which Windows the media have a driver, which file that is, and how it is vouched for.

This is the one place where a directory of the media (viostor/<os>/<arch>, named as on virtio-win's
media, which virt-v2v, virt-install and people know) is bound to a file of the build.

Usage: windows_targets.py   prints the table, columns separated by tabs
"""
import argparse
import dataclasses
import sys

# By the name of an architecture on the media: its name in build/ and in an INF's decorations.
BUILD_ARCHITECTURES = {"x86": "x86", "amd64": "x64", "ARM64": "arm64"}


@dataclasses.dataclass(frozen=True)
class Target:
    """One directory of the media."""
    windows: str       # what people call it
    directory: str     # the directory's name
    architecture: str  # the directory below it: x86, amd64, ARM64
    flavour: str       # wxp, wnet or wlh
    nt_version: str    # of Windows' kernel, as OS attributes spell it
    os_names: str      # the catalog's "OS": as inf2cat calls the Windows

    @property
    def name(self) -> str:
        """As it stands on the media: w10/amd64."""
        return f"{self.directory}/{self.architecture}"

    @property
    def build(self) -> str:
        """Where below build/ its files come from: wlh/x64."""
        return f"{self.flavour}/{BUILD_ARCHITECTURES[self.architecture]}"

    @property
    def inf_architecture(self) -> str:
        """As decorations of an INF's models spell it, after NT."""
        return self.architecture.lower()

    @property
    def os_attribute(self) -> str:
        """The members' OSAttr: platform 2 (NT) and version."""
        return ",".join(f"2:{version}" for version in self.nt_version.split(","))

    @property
    def is_legacy(self) -> bool:
        """Whether this Windows, as first released, cannot read signatures and catalogs by SHA-256."""
        return self.nt_version.split(",")[0] in ("5.1", "5.2", "6.0", "6.1")

    @property
    def catalog_version(self) -> int:
        """1 (members by SHA-1) or 2 (by SHA-256)."""
        return 1 if self.is_legacy else 2

    @property
    def digest(self) -> str:
        """The digest of signatures that this Windows reads in every state of updates."""
        return "sha1" if self.is_legacy else "sha256"


# XP x64 is Server 2003's kernel; Vista has no directory of its own, it shares 2008's.
TARGETS = (
    Target("Windows XP", "xp", "x86", "wxp", "5.1", "XPX86"),
    Target("Windows XP x64", "xp", "amd64", "wnet", "5.2", "XPX64"),
    Target("Windows Server 2003", "2k3", "x86", "wnet", "5.2", "Server2003X86"),
    Target("Windows Server 2003", "2k3", "amd64", "wnet", "5.2", "XPX64,Server2003X64"),
    Target("Windows Vista, Server 2008", "2k8", "x86", "wlh", "6.0", "VistaX86,Server2008X86"),
    Target("Windows Vista, Server 2008", "2k8", "amd64", "wlh", "6.0", "VistaX64,Server2008X64"),
    Target("Windows 7", "w7", "x86", "wlh", "6.1", "7X86"),
    Target("Windows 7", "w7", "amd64", "wlh", "6.1", "7X64"),
    Target("Windows Server 2008 R2", "2k8R2", "amd64", "wlh", "6.1", "Server2008R2X64"),
    Target("Windows 8", "w8", "x86", "wlh", "6.2", "8X86"),
    Target("Windows 8", "w8", "amd64", "wlh", "6.2", "8X64"),
    Target("Windows Server 2012", "2k12", "amd64", "wlh", "6.2", "Server2012X64"),
    Target("Windows 8.1", "w8.1", "x86", "wlh", "6.3", "_v63"),
    Target("Windows 8.1", "w8.1", "amd64", "wlh", "6.3", "_v63_X64"),
    Target("Windows Server 2012 R2", "2k12R2", "amd64", "wlh", "6.3", "_v63_Server_X64"),
    Target("Windows 10", "w10", "x86", "wlh", "10.0", "_v100"),
    Target("Windows 10", "w10", "amd64", "wlh", "10.0", "_v100_X64"),
    Target("Windows 10", "w10", "ARM64", "wlh", "10.0", "_v100_ARM64_RS3"),
    Target("Windows Server 2016", "2k16", "amd64", "wlh", "10.0", "Server_v100_X64"),
    Target("Windows Server 2019", "2k19", "amd64", "wlh", "10.0", "Server_v100_X64_RS5"),
    Target("Windows 11", "w11", "amd64", "wlh", "10.0", "_v100_X64_21H2"),
    Target("Windows 11", "w11", "ARM64", "wlh", "10.0", "_v100_ARM64_21H2"),
    Target("Windows Server 2022", "2k22", "amd64", "wlh", "10.0", "Server_v100_X64_21H2"),
    Target("Windows Server 2025", "2k25", "amd64", "wlh", "10.0", "Server_v100_X64_24H2"),
    Target("Windows Server 2025", "2k25", "ARM64", "wlh", "10.0", "Server_v100_ARM64_24H2"),
)


def by_name(name: str) -> Target:
    """The target called DIRECTORY/ARCH; the error lists those that there are."""
    for target in TARGETS:
        if target.name == name:
            return target
    raise argparse.ArgumentTypeError(
        f"{name!r}: there are {', '.join(target.name for target in TARGETS)}")


def main() -> int:
    if len(sys.argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    print("directory", "build", "catalog", "digest", "OSAttr", "OS", "windows", sep="\t")
    for target in TARGETS:
        print(target.name, target.build, target.catalog_version, target.digest, target.os_attribute,
              target.os_names, target.windows, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
