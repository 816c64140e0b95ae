# SPDX-License-Identifier: BSD-3-Clause
"""Devices that are in use (docs/devices.md), played by the scripted device, and used as Windows does."""

import re

import pytest

from targets import ROOT

SOURCE = (ROOT / "storhost/devices/scripted/profiles.c").read_text()
PROFILES = re.findall(r'^    \{"([a-z0-9-]+)"', SOURCE, re.MULTILINE)
WITHOUT_SERIAL = {"propolis"}
LEGACY = {"qemu-old", "bhyve"}


def options_of(profile: str) -> str:
    """Its options."""
    return SOURCE[SOURCE.index(f'{{"{profile}"'):].split("},", 1)[0]


@pytest.mark.every_target(few=3)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_device_in_use(storhost, target, profile):
    """Reads, writes, FUA, flush and trim, without a timeout and with its data; its serial number; a reset; it grows."""
    serial = "" if profile in WITHOUT_SERIAL else """
        cdb 12 01 80 00 ff 00 in 255
        expect ok
    """
    trims = "DISCARD" in options_of(profile) and target.flavour == "wlh"  # Windows before 8 sends none
    trim = "disk trim 2000 64 4000 1000" if trims else ""
    printed = storhost.script(f"""
        disk start
        write 0 1 1
        write 8 128 2 fua
        verify 0 1 1
        verify 8 128 2
        disk write 600 2048 3
        disk verify 600 2048 3
        disk flush
        {trim}
        {serial}
        depth 32 random-rw 120 5 blocks 1-64
        write 70000 8 4
        reset bus
        ready
        verify 70000 8 4
        device resize 262144
        idle
        clock advance 0.1
        cdb 00 00 00 00 00 00
        expect sense=6/2a/09
        discover
        write end-8 8 6
        verify end-8 8 6
        check counters.timeouts = 0
    """, "--device", f"profile:{profile}", "--clock", "manual", "--events", "--processors", "2")
    # Event 22 is Windows', not the device's (reading length-of-page).
    told = set(re.findall("unique id 0x([0-9a-f]{4})", printed)) - {"0016"}
    # The reset is ours; a used length that is too long is told of modern devices only.
    assert told == {"0008"} | ({"000e"} if "chain" in options_of(profile) and profile not in LEGACY else set()), printed


@pytest.mark.parametrize("profile", PROFILES)
def test_a_dump_to_a_device_in_use(storhost, profile):
    storhost.script("""
        write 0 8 1
        crash
        dump-start
        dump-write 100 128 2
        dump-verify 0 8 1
        dump-verify 100 128 2
        dump-flush
        check dump.timeouts = 0
        dump-end
    """, "--device", f"profile:{profile}", "--clock", "manual")


def test_the_documents_list_the_devices(storhost):
    """So does the program; docs/storhost.md by name, docs/devices.md in a table, with the source of each."""
    listed = storhost.run("--device=profile:help").stdout
    assert [line.split()[0] for line in listed.splitlines()] == PROFILES
    manual = (ROOT / "docs/storhost.md").read_text()
    devices = (ROOT / "docs/devices.md").read_text()
    table = re.findall(r"^\| `([a-z0-9-]+)` \|", devices[devices.index("## Devices that are in use"):], re.MULTILINE)
    assert table == PROFILES
    for profile in PROFILES:
        assert f"`{profile}`" in manual
