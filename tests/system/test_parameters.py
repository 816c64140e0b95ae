# SPDX-License-Identifier: BSD-3-Clause
"""What a user sets in the registry (docs/debugging.md), as Windows and the device then see it."""

import json

import pytest

SCRIPTED = ["--device", "scripted:transport=modern"]
MANUAL = ["--clock", "manual", "--timeout", "10"]


@pytest.mark.every_target(flavours=["wlh"])
@pytest.mark.parametrize("value, depth", [("1", 1), ("4", 4), ("0", 1), ("5000", 256), ("0xffffffff", 256)])
def test_maximum_depth(storhost, value, depth):
    """What StorPort is told, for a ring of 256; and the disk works with it."""
    storhost.script(f"""
        check port.max_number_of_io = {depth}
        check port.lun_depth = {depth}
        async many*32 write 0 8 1
        wait many
        verify 0 8 1
    """, *SCRIPTED, "--windows", "10.0", "--parameter", f"MaximumDepth={value}")


@pytest.mark.every_target(few=2)
@pytest.mark.parametrize("value, mask", [("512", 511), ("0", 3), ("5", 7), ("600", 1023), ("0xffffffff", 4095)])
def test_buffer_alignment(storhost, target, value, mask):
    """At least that; XP's port driver takes 8 bytes at most."""
    storhost.script(f"""
        check port.alignment_mask = {min(mask, 7) if target.flavour == "wxp" else mask}
        write 0 64 1
        verify 0 64 1
    """, *SCRIPTED, "--parameter", f"BufferAlignment={value}")


@pytest.mark.every_target(few=1, flavours=["wlh", "wnet"])
@pytest.mark.parametrize("value, length", [
    ("0", 524288), ("65536", 65536), ("1", 65536), ("262145", 262144), ("1036288", 1036288), ("0xffffffff", 1040384)])
def test_longest_transfer(storhost, value, length):
    """Whole pages, from 64 KiB up to what the device takes: 254 pages, each an entry of the list. A buffer that
    does not begin at a page has one more, and becomes two requests of the device."""
    storhost.script(f"""
        check port.maximum_transfer_bytes = {length}
        check port.physical_breaks = 254
        write 0 {length // 512} 1
        verify 0 {length // 512} 1
        disk start
        disk write 0 2048 2
        disk read 0 2048
    """, "--device=scripted:transport=modern,offer=SEG_MAX,seg-max=254", "--parameter", 
                    f"MaximumTransferLength={value}")


def interrupts_each(storhost, value: str, *options: str) -> float:
    """Interrupts per request, the device completing one at a time with 32 outstanding."""
    done = storhost.run(*SCRIPTED, "--processors", "1", "--loading", "closed:1", "--parameter",
                        f"CompletionsPerInterrupt={value}", *options, "--json", "count")
    assert done.returncode == 0, done.stdout
    document = json.loads(done.stdout)
    return document["interrupts"] / document["requests"]


def test_completions_per_interrupt(storhost):
    assert interrupts_each(storhost, "1") == 1
    assert interrupts_each(storhost, "0") == 1
    assert 0.2 < interrupts_each(storhost, "4") < 0.3
    assert interrupts_each(storhost, "16") < 0.1
    assert interrupts_each(storhost, "4000000000") <= 1 / 16  # never more than are outstanding


@pytest.mark.every_target
def test_a_moderated_completion_is_not_forgotten(storhost):
    """One of many completes, the others stay: the clock's next tick tells of it."""
    storhost.script("""
        device fault never times=8 sectors=0-63
        async held*8 write 0 8 1
        async one write 64 8 2
        idle
        clock advance 0.1
        wait one 10
        async two write 72 8 3
        idle
        clock advance 0.1
        wait two 10
        device clear
        reset bus
        wait held 10
        expect srb=bus-reset
        ready
        verify 64 8 2
        verify 72 8 3
    """, *SCRIPTED, *MANUAL, "--parameter", "CompletionsPerInterrupt=16")


@pytest.mark.parametrize("name, offer, feature", [("PackedRing", "RING_PACKED", "RING_PACKED"),
                                                  ("InOrder", "IN_ORDER", "IN_ORDER")])
def test_rings_are_the_users_choice(storhost, name, offer, feature):
    """Neither is asked for unless the user wants it (conftest.py wants them for other tests)."""
    device = ["--device", f"scripted:transport=modern,offer={offer}"]
    for value, verb in (("0", "lacks"), ("1", "has")):
        storhost.script(f"check device.features {verb} {feature}\nwrite 0 8 1\nverify 0 8 1",
                        *device, "--parameter", f"{name}={value}")
    done = storhost.run(*device, "--parameter", f"Other{name}=1", "--json", "info")
    assert done.returncode == 0
    assert feature not in json.dumps(json.loads(done.stdout)["device"]["features"])
