# SPDX-License-Identifier: BSD-3-Clause
"""The system matrix: every kind of device, transport and interrupt on which the driver must work.

Pairwise by default, all combinations with --full (make check-full).
"""

import json

import pytest

from matrix import all_combinations, pairwise

pytestmark = pytest.mark.every_target

AXES = {
    "transport": ["legacy", "transitional", "modern"],
    "interrupts": ["msix", "one-vector", "intx"],
    "queues": ["1", "4"],
    "indirect": ["on", "off"],
    "event_idx": ["on", "off"],
    "ring": ["split", "packed"],
    "block": ["512", "4096"],
    "access": ["read-write", "read-only"],
}

WRITABLE = """
check disk.read_only = false
write 0 8 1
write end-8 8 2
write 100 1 3 fua
verify 0 8 1
verify end-8 8 2
verify 100 1 3
depth 64 random-write 600 7 blocks 1-32
depth 32 random-rw 300 9 blocks 1-16
flush
srb 0x08
expect srb=success
reset unit
cdb 00 00 00 00 00 00
expect sense=6/29/3
verify end-8 8 2
depth 64 random-write 300 8 blocks 1-32
compare
"""

READ_ONLY = """
check disk.read_only = true
read 0 8
depth 64 random-read 600 7 blocks 1-32
write 0 1 1
expect srb=error scsi=check-condition sense=7/27/00 length=0
flush
reset unit
cdb 00 00 00 00 00 00
expect sense=6/29/3
read end-8 8
"""


def options(row: dict[str, str]) -> list[str]:
    device = f"indirect_desc={row['indirect']},event_idx={row['event_idx']}"
    if row["ring"] == "packed":
        device += ",packed=on"
    if row["block"] == "4096":
        device += ",logical_block_size=4096,physical_block_size=4096"
    return [
        "--transport", row["transport"],
        "--vectors", {"msix": "16", "one-vector": "1", "intx": "0"}[row["interrupts"]],
        "--queues", row["queues"], "--processors", "4",
        "--qemu-device", device,
        *(["--read-only"] if row["access"] == "read-only" else []),
    ]


def is_packed(row: dict[str, str]) -> bool:
    """A legacy interface has no bit for packed rings."""
    return row["ring"] == "packed" and row["transport"] != "legacy"


def pytest_generate_tests(metafunc):
    if "row" in metafunc.fixturenames:
        rows = (all_combinations if metafunc.config.getoption("--full") else pairwise)(AXES)
        metafunc.parametrize("row", rows, ids=lambda row: "-".join(row.values()))


def test_disk_works(storhost, target, row):
    """Discover, write, read, verify, flush, reset, and the image holds what was written."""
    script = WRITABLE if row["access"] == "read-write" else READ_ONLY
    script = (f"check disk.block_bytes = {row['block']}\n"
              f"check device.queues = {1 if target.one_queue or row['interrupts'] == 'intx' else row['queues']}\n"
              f"check device.features {'has' if row['indirect'] == 'on' else 'lacks'} INDIRECT_DESC\n"
              f"check device.features {'has' if row['event_idx'] == 'on' else 'lacks'} EVENT_IDX\n"
              f"check device.features {'has' if is_packed(row) else 'lacks'} RING_PACKED\n"
              f"check device.transport = {'legacy' if row['transport'] == 'legacy' else 'modern'}\n"
              + script)
    storhost.script(script, *options(row))


@pytest.mark.every_target(flavours=["wlh", "wnet"], few=3)
@pytest.mark.parametrize("windows", ["6.0", "6.1", "6.2", "6.3", "10.0"])
@pytest.mark.parametrize("srb", ["legacy", "auto"])
def test_every_windows(storhost, windows, srb):
    """What a Windows lacks is found at run time, and the disk works on each. (An upgrade of Server
    2003 goes on with its driver.)"""
    storhost.script(WRITABLE, "--windows", windows, "--srb", srb, "--queues", "4",
                    "--processors", "4")


@pytest.mark.every_target(flavours=["wlh"])
def test_each_processor_has_its_queue(storhost):
    """Requests go to the queue whose message StorPort hints at, and only there."""
    printed = storhost.script("".join(
        f"async a{cpu}*{10 + cpu} write {100 * cpu} 8 1 processor {cpu}\nwait a{cpu} 20\n"
        for cpu in range(4)) + "info\n", "--queues", "4", "--processors", "4")
    facts = json.loads(printed[printed.index("{"):])
    assert [queue["vector"] for queue in facts["device"]["queue"]] == [1, 2, 3, 4]
    for cpu, queue in enumerate(facts["device"]["queue"]):
        assert queue["requests"] >= 10 + cpu, facts["device"]["queue"]
    assert sum(queue["requests"] for queue in facts["device"]["queue"][1:]) == 11 + 12 + 13


@pytest.mark.every_target(few=2)
@pytest.mark.parametrize("seed", range(1, 7))
def test_deterministic_orders(storhost, seed):
    """Other orders of the same events, one processor at a time."""
    storhost.script(WRITABLE, "--scheduler", "deterministic", "--seed", str(seed), "--queues", "4",
                    "--processors", "4", "--spurious")


@pytest.mark.every_target(few=3)
@pytest.mark.parametrize("arguments", [
    ["--vectors", "0", "--shared-line", "--spurious"],
    ["--vectors", "2", "--queues", "4"],                    # queues share a message
    ["--vectors", "3", "--queues", "4"],
    ["--vectors", "0", "--refuse-dpc", "--windows", "6.0"],  # completion in the interrupt routine
    ["--queues", "1", "--processors", "8"],
    ["--queues", "8", "--processors", "3"],
    ["--qemu-device", "queue-size=16"],
    ["--qemu-device", "queue-size=1024,seg-max-adjust=off"],
    ["--qemu-device", "queue-size=16,indirect_desc=off"],
    ["--qemu-device", "iommu_platform=on,disable-legacy=on"],
    ["--qemu-device", "iommu_platform=on,disable-legacy=on,packed=on"],
    ["--qemu-device", "packed=on,queue-size=16"],
    ["--qemu-device", "packed=on,queue-size=16,indirect_desc=off"],
    ["--qemu-device", "packed=on,queue-size=1024,seg-max-adjust=off"],
    ["--qemu-device", "packed=on", "--vectors", "2", "--queues", "4"],
    ["--qemu-device", "packed=on", "--parameter", "PackedRing=0"],
], ids=lambda arguments: " ".join(arguments))
def test_odd_machines(storhost, arguments):
    storhost.script(WRITABLE, "--processors", "4", *arguments)


# ---- Queues, messages and processors ----

def used(printed: str) -> list[dict]:
    """What the device saw of each queue that the driver set up."""
    return json.loads(printed[printed.index("{"):])["device"]["queue"]


@pytest.mark.every_target(flavours=["wlh"], few=1)
def test_a_line_interrupt_serves_one_queue(storhost):
    """It says nothing of the queue: with several each interrupt would look into all of them."""
    queues = used(storhost.script("depth 32 random-rw 200 4 blocks 1-16\ninfo\n",
                                  "--vectors", "0", "--queues", "4", "--processors", "4"))
    assert len(queues) == 1


@pytest.mark.every_target(flavours=["wlh"], few=1)
@pytest.mark.parametrize("everywhere", ["yes", "no"])
def test_processor_groups(storhost, everywhere):
    """There is a queue for each processor of all groups, and each processor uses its own, be its
    message in another group or not."""
    queues = used(storhost.script(
        "".join(f"async a{cpu}*8 write {100 * cpu} 8 1 processor {cpu}\nwait a{cpu} 20\n"
                for cpu in range(6)) + "info\n",
        "--queues", "6", "--processors", "6", "--groups", "2", "--reading",
        f"group-messages={everywhere}"))
    assert len(queues) == 6
    if everywhere == "yes":
        assert all(queue["requests"] >= 8 for queue in queues[1:]), queues


@pytest.mark.every_target(flavours=["wlh"], few=1)
def test_as_many_queues_as_messages(storhost):
    """128 processors in their groups, 128 queues, 129 messages."""
    queues = used(storhost.script("""
        write 0 8 1 processor 127
        verify 0 8 1
        depth 256 random-rw 600 4 blocks 1-4
        reset bus
        ready
        depth 256 random-rw 600 5 blocks 1-4
        info
    """, "--device", "scripted:transport=modern,queues=128,queue-size=8", "--processors", "128",
        "--device-vectors", "200"))
    assert len(queues) == 128
    assert queues[127]["vector"] == 128
    assert queues[127]["requests"] > 0
