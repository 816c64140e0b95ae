# SPDX-License-Identifier: BSD-3-Clause
"""Memory that Windows does not give: the disk works with less, or says clearly that it cannot.

Contiguous memory is what runs short, on old Windows always: 64 KiB are reported.
"""

import json
import re

import pytest

pytestmark = pytest.mark.every_target(few=2)

LESS = "unique id 0x0014"  # VioEventLessMemory
FEWER_QUEUES = "unique id 0x0015"  # VioEventFewerQueues

WORKS = """
ready
write 0 8 1
verify 0 8 1
depth 64 random-rw 300 4 blocks 1-16
depth 8 sequential-write 20 5 blocks 64-512 at 1000 20000
depth 8 sequential-read 20 5 blocks 64-512 at 1000 20000
cdb 2f 00 00 00 00 00 00 00 08 00
reset bus
ready
verify 0 8 1
stop
restart
ready
depth 64 random-rw 100 6 blocks 1-16
"""


def device(*more: str) -> tuple[str, str]:
    return "--device", "scripted:" + ",".join(more)


@pytest.mark.parametrize("transport", ["modern", "legacy"])
@pytest.mark.parametrize("queue", ["queue-size=256", "queue-size=256,withhold=INDIRECT_DESC",
                                   "queue-size=128,seg-max=126", "queue-size=1024,seg-max=254"])
@pytest.mark.parametrize("limit", ["256K", "64K"])
def test_one_queue_works_in_little_memory(storhost, transport, queue, limit):
    if "1024" in queue and (transport, limit) == ("legacy", "64K"):
        pytest.skip("the ring alone takes 28 KiB, and tables, slots and what is private no less")
    storhost.script(WORKS, *device(f"transport={transport}", queue), "--contiguous-limit", limit, "--events")


def test_less_memory_is_said(storhost):
    """And no word of it where there is enough."""
    assert LESS in storhost.script(WORKS, *device("transport=modern"), "--contiguous-limit", "64K", "--events")
    assert LESS not in storhost.script(WORKS, *device("transport=modern"), "--events")


def test_too_little_memory_is_refused(storhost):
    done = storhost.run(*device("transport=modern"), "--contiguous-limit", "16K", "--events", "info")
    assert done.returncode == 1 and "SP_RETURN_ERROR" in done.stdout and "unique id 0x0005" in done.stdout, done.stdout


@pytest.mark.parametrize("windows", ["6.1", "6.2", "10.0"])
def test_as_many_queues_as_there_is_memory_for(storhost, target, windows):
    """Each further queue has a block of its own: none needs a large one."""
    if target.flavour != "wlh":
        pytest.skip("the Windows of this file has one queue")
    machine = ("--processors", "8", "--windows", windows, "--events")
    script = "check device.queue.{}.size >= 1\n" + WORKS
    printed = storhost.script(script.format(7), *device("transport=modern,queues=8"), *machine)
    assert LESS not in printed and FEWER_QUEUES not in printed, printed
    printed = storhost.script(script.format(7), *device("transport=modern,queues=8"), *machine,
                              "--contiguous-limit", "64K")
    assert LESS in printed and FEWER_QUEUES not in printed, printed


def test_each_allocation_fails_in_turn(storhost):
    """Until none is left: the disk works, or is refused with a word in the event log; nothing leaks, and nothing
    is used that was not given (the rules of the bench)."""
    options = (*device("transport=modern,queues=3"), "--processors", "3", "--events")
    facts = json.loads(re.sub("^event.*\n", "", storhost.run(*options, "--json", "info").stdout, flags=re.MULTILINE))
    count = facts["port"]["allocations"]
    assert count >= 2
    for failing in range(1, count + 1):
        done = storhost.run(*options, "--fail-allocation", str(failing), "script", "-", stdin=WORKS)
        assert done.returncode in (0, 1), f"allocation {failing} of {count}:\n{done.stdout}"
        if done.returncode == 1:
            assert "HwFindAdapter returned" in done.stdout and "unique id" in done.stdout, done.stdout


def test_each_allocation_fails_in_turn_at_a_later_start(storhost):
    """The same for a start with other resources."""
    options = (*device("transport=modern,queues=3"), "--processors", "3")
    script = "pnp stop\npnp start\ncheck port.allocations > 0\n" + WORKS
    storhost.script(script, *options)
    for failing in range(4, 20):
        done = storhost.run(*options, "--fail-allocation", str(failing), "script", "-", stdin=script)
        assert done.returncode in (0, 1), f"allocation {failing}:\n{done.stdout}"
        if done.returncode == 1:
            assert "HwFindAdapter returned" in done.stdout, done.stdout


@pytest.mark.parametrize("windows,kind", [("6.0", 1), ("6.1", 1), ("6.2", 3), ("10.0", 3)])
def test_addresses_above_4_gib(storhost, target, windows, kind):
    """By the kind of 64-bit addressing that this Windows knows: with another one it would take the adapter for one
    of 32 bits, or give it 1000 requests at most."""
    if target.flavour != "wlh" or target.arch == "x86":
        pytest.skip("32-bit Windows may have no such addresses, and the others have one file each")
    depth = {1: 1000, 3: 1024}[kind]
    storhost.script(f"""
        check port.dma_64bit = true
        check port.max_number_of_io = {depth}
    """, *device("transport=modern,queue-size=1024"), "--windows", windows)
