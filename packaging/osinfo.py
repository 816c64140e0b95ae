#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tell libosinfo where the installed drivers are, for "virt-install --unattended" and its like.

Usage: osinfo.py [--signed] DRIVERS OUTPUT

DRIVERS is the directory of the drivers on the host (/usr/share/viostor/drivers). OUTPUT becomes a
directory that a program takes as its OSINFO_LOCAL_DIR: for each Windows a file that adds to what
osinfo-db knows of it. Nothing of osinfo-db is changed. With --signed the drivers count as signed by
someone whom an unmodified Windows trusts.
"""
import argparse
import os
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import windows_targets

# By directory of the media: osinfo-db's short names of these Windows.
SYSTEMS = {
    "xp": ("xp",), "2k3": ("2k3", "2k3r2"), "2k8": ("vista", "2k8"), "w7": ("7",), "2k8R2": ("2k8r2",),
    "w8": ("8",), "2k12": ("2k12",), "w8.1": ("8.1",), "2k12R2": ("2k12r2",), "w10": ("10",), "w11": ("11",),
    "2k16": ("2k16",), "2k19": ("2k19",), "2k22": ("2k22",), "2k25": ("2k25",),
}
# Those that older databases (Debian 12's) do not know: without a name a program may stumble over them.
NAMES = {"2k25": "Microsoft Windows Server 2025"}
ARCHITECTURES = {"x86": "i686", "amd64": "x86_64", "ARM64": "aarch64"}
# virtio-blk, transitional and modern.
DEVICES = ("http://pcisig.com/pci/1af4/1001", "http://pcisig.com/pci/1af4/1042")


def describe(system: str, chosen: list[windows_targets.Target], drivers: str, signed: bool) -> bytes:
    """What is to be added to a Windows."""
    root = ElementTree.Element("libosinfo", version="0.0.1")
    windows = ElementTree.SubElement(root, "os", id=f"http://microsoft.com/win/{system}")
    if system in NAMES:
        ElementTree.SubElement(windows, "short-id").text = f"win{system}"
        ElementTree.SubElement(windows, "name").text = NAMES[system]
    for target in chosen:
        driver = ElementTree.SubElement(windows, "driver", {
            "arch": ARCHITECTURES[target.architecture], "location": f"file://{drivers}/viostor/{target.name}",
            "pre-installable": "true", "signed": "true" if signed else "false"})
        for name in ("viostor.cat", "viostor.inf", "viostor.sys"):
            ElementTree.SubElement(driver, "file").text = name
        for device in DEVICES:
            ElementTree.SubElement(driver, "device", id=device)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def make(drivers: str, output: pathlib.Path, signed: bool) -> None:
    """Write the files of all Windows."""
    for directory, systems in SYSTEMS.items():
        chosen = [target for target in windows_targets.TARGETS if target.directory == directory]
        for system in systems:
            path = output / "os/microsoft.com" / f"win-{system}.d" / "viostor.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".new")
            temporary.write_bytes(describe(system, chosen, drivers, signed))
            os.replace(temporary, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signed", action="store_true")
    parser.add_argument("drivers", metavar="DRIVERS")
    parser.add_argument("output", metavar="OUTPUT", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.drivers.startswith("/"):
        parser.error(f"DRIVERS={arguments.drivers}: the directory's whole path is needed")
    try:
        make(arguments.drivers.rstrip("/"), arguments.output, arguments.signed)
    except OSError as error:
        print(f"osinfo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
