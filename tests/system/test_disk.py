# SPDX-License-Identifier: BSD-3-Clause
"""What a user of the disk sees: sizes, limits, identity, life cycle, the command line."""

import re
import subprocess

import pytest

from conftest import BUILD, ROOT

pytestmark = pytest.mark.every_target


def test_disk_beyond_2_tib(storhost):
    """READ CAPACITY (10) says "too large", (16) tells the size, and the last blocks work."""
    storhost.script("""
        check disk.blocks = 6442450944
        cdb 25 00 00 00 00 00 00 00 00 00 in 8
        expect srb=success data=0:ffffffff00000200
        cdb 9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00 in 32
        expect srb=success data=0:000000017fffffff00000200
        write end-8 8 1
        write 4294967290 12 2
        verify end-8 8 1
        verify 4294967290 12 2
        cdb 8a 00 00 00 00 01 80 00 00 00 00 00 00 01 00 00 out 512
        expect srb=error sense=5/21/00 length=0
        compare
    """, "--size", "3T", "--format", "qcow2")


@pytest.mark.parametrize("limit", [65536, 4096, 1536, 512])
def test_size_max_splits_segments(storhost, limit):
    """No segment is longer than the device takes (it reports one as a violation)."""
    storhost.script("""
        write 0 64 1
        write 1000 7 2 scatter 16384
        verify 0 64 1
        verify 1000 7 2
        depth 64 random-rw 2000 3 blocks 8-64
    """, "--device", f"scripted:transport=modern,offer=SIZE_MAX,size-max={limit},delay=2",
                    "--scheduler", "free", "--processors", "4")


@pytest.mark.parametrize("limit, pages", [(17, 16), (21, 16), (33, 32), (64, 32), (126, 64), (128, 64), (254, 128)])
def test_seg_max_limits_transfers(storhost, limit, pages):
    """To a power of two, which splits what Windows sends evenly, and which fits with a page more, too."""
    storhost.script(f"""
        check port.maximum_transfer_bytes = {pages * 4096}
        check port.physical_breaks = {limit}
        depth 32 random-rw 400 3 blocks 1-{pages * 8}
    """, "--device", f"scripted:transport=modern,offer=SEG_MAX,seg-max={limit}")


def test_serial_number_is_told(storhost):
    storhost.script("""
        check disk.serial = SN-0123456789
        cdb 12 01 80 00 ff 00 in 255
        expect srb=success text=4:SN-0123456789
        cdb 12 01 83 00 ff 00 in 255
        expect srb=success
    """, "--qemu-device", "serial=SN-0123456789")


def test_other_units_are_not_there(storhost):
    storhost.script("\n".join(f"cdb 12 00 00 00 24 00 in 36 {where}\nexpect srb=no-device length=0"
                              for where in ("lun 1", "target 1", "lun 7 target 3")))


def test_unknown_srb_functions_are_refused(storhost):
    """Every SRB function that the driver does not know (WMI, IO_CONTROL, ABORT, ...)."""
    known = {0x00, 0x07, 0x08, 0x12, 0x13, 0x20, 0x24, 0x25, 0x28}
    lines = [f"srb {function:#x}\nexpect srb=invalid-request|bad-function length=0"
             for function in range(1, 0x100) if function not in known]
    storhost.script("\n".join([*lines, "ready", "write 0 8 1", "verify 0 8 1"]))


@pytest.mark.parametrize("windows", ["6.0", "6.1", "6.2", "10.0"])
def test_life_cycle(storhost, windows):
    """Stop and restart, power, removal: data stays, everything is given back (rule "leak")."""
    storhost.script("""
        write 0 8 1
        stop
        restart
        ready
        verify 0 8 1
        power off
        power on
        ready
        verify 0 8 1
        depth 32 random-rw 200 3 blocks 1-16
        remove
    """, "--windows", windows)


@pytest.mark.parametrize("device", ["qemu", "scripted:transport=modern"])
def test_surprise_removal_with_requests_in_flight(storhost, device):
    hold = "hold" if device == "qemu" else "device hold all"
    storhost.script(f"""
        write 0 8 1
        {hold}
        async held*20 write 100 8 2
        surprise-remove
        wait held 30
        expect srb=no-device|success|error|bus-reset
    """, "--device", device)


def test_registry_parameters(storhost):
    """MaximumQueues limits the queues; DebugLevel prints, and nothing is printed without it."""
    printed = storhost.script("check device.queues = 1\nwrite 0 8 1", "--queues", "4",
                              "--processors", "4", "--parameter", "MaximumQueues=1",
                              "--parameter", "DebugLevel=3")
    assert "viostor: started: modern" in printed
    assert "viostor: " not in storhost.script("write 0 8 1")


def test_debug_print_to_a_com_port(storhost):
    storhost.script("write 0 8 1", "--parameter", "DebugLevel=3", "--parameter", "DebugPort=0x3f8",
                    "--debug-port", "com1.txt")
    assert "viostor: started" in (storhost.directory / "com1.txt").read_text()


def test_run_ends_with_a_table(storhost):
    done = storhost.run("run", "--bytes", "4M", "--size", "32M")
    assert done.returncode == 0, done.stdout
    for line in ("requests ", "VM exits ", "interrupts ", r"rule violations +0$"):
        assert re.search(line, done.stdout, re.MULTILINE), done.stdout


def test_options_are_documented():
    """docs/storhost.md and --help name the same options."""
    text = subprocess.run([BUILD / "storhost", "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    offered = set(re.findall(r"--[a-z][a-z-]+", text)) - {"--help", "--usage", "--version"}
    described = set(re.findall(r"--[a-z][a-z-]+", (ROOT / "docs/storhost.md").read_text()))
    assert offered - described == set()
