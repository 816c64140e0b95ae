# SPDX-License-Identifier: BSD-3-Clause
"""A device that does not answer, answers late, or lies: the scripted device.

Whatever it does, every request comes back exactly once (the port model ends the run otherwise), no
memory is touched that is not the driver's, and the next requests work.
"""

import pytest

pytestmark = pytest.mark.every_target

SCRIPTED = ["--clock", "manual", "--timeout", "10", "--events"]

RINGS = {
    "modern": "transport=modern",
    "legacy": "transport=legacy",
    "plain": "transport=modern,withhold=EVENT_IDX,withhold=INDIRECT_DESC",
    "line": "transport=modern,vectors=0",
    "queues": "transport=modern,queues=4",
    "packed": "transport=modern,offer=RING_PACKED",
    "packed-plain": "transport=modern,offer=RING_PACKED,withhold=EVENT_IDX,withhold=INDIRECT_DESC",
    "packed-queues": "transport=modern,queues=4,offer=RING_PACKED",
    "in-order": "transport=modern,offer=IN_ORDER",
    "packed-in-order": "transport=modern,offer=RING_PACKED,offer=IN_ORDER",
}


def run(storhost, script, device="", *options, **more):
    return storhost.script(script, "--device", f"scripted:{device}" if device else "scripted",
                           *SCRIPTED, *options, **more)


@pytest.mark.every_target(few=5)
@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS.keys())
@pytest.mark.parametrize("reset", ["drop", "complete"])
def test_request_never_answered(storhost, ring, reset):
    """Time out, reset, recover: what the device holds comes back as reset, what waits too."""
    printed = run(storhost, """
        write 0 8 1
        device fault never type=out nth=3 times=all
        async held*40 write 1000 8 2
        idle
        device clear
        clock advance 11
        wait held 20
        expect srb=success|bus-reset|error
        ready
        write 1000 8 3
        verify 1000 8 3
        verify 0 8 1
        depth 64 random-rw 500 4 blocks 1-32
    """, f"{ring},reset={reset}", "--processors", "4")
    assert "unique id 0x0008" in printed, printed  # VioEventReset


def test_held_and_full_ring(storhost):
    """More requests than the ring holds wait, and all go out when it moves again."""
    run(storhost, """
        device hold all
        async many*40 write 0 8 1
        idle
        outstanding many 40
        device release all
        wait many 20
        verify 0 8 1
    """, "transport=modern,queue-size=16", "--processors", "4")


@pytest.mark.every_target(flavours=["wlh"])
def test_held_queue_and_full_ring(storhost):
    """Beside a queue that moves: requests beyond what the ring holds wait in the driver, and all go
    out when it moves again."""
    run(storhost, """
        device hold all
        async many*40 write 0 8 1 processor 0
        idle
        outstanding many 40
        async other read 100 8 processor 3
        device release 3
        wait other 20
        outstanding many 40
        device release all
        wait many 20
        verify 0 8 1
    """, "transport=modern,queues=4,queue-size=16", "--processors", "4")


def test_long_requests_wait_for_tables(storhost):
    """Requests of many segments share a pool of tables: none is lost when it is empty."""
    run(storhost, """
        device hold all
        async long*200 write 0 256 1 scatter 1024
        idle
        device release all
        wait long 60
        verify 0 256 1
    """, "transport=modern")


def test_reset_reaches_waiting_requests(storhost, target):
    """Those in the driver come back while the device still stands. Of one queue that is what the
    ring takes: the rest waits in StorPort, which sends it after the reset (to a unit attention)."""
    depth = 16 if target.one_queue else 40
    run(storhost, f"""
        device hold all
        async many*{depth} write 0 8 1 processor 0
        async more*24 write 8 8 1 processor 0
        idle
        reset bus
        wait many 20
        expect srb=bus-reset|success
        device release all
        wait more 20
        expect srb=bus-reset|success|error
        ready
        write 0 8 2
        verify 0 8 2
    """, "transport=modern,queues=4,queue-size=16", "--processors", "4")


@pytest.mark.parametrize("fault", ["bad-id", "bad-id=3", "stray-id", "twice", "index-jump=300"])
def test_lying_used_ring_breaks_the_queue_cleanly(storhost, fault):
    """A used element that cannot be: logged, reset by the driver, and the disk goes on."""
    printed = run(storhost, f"""
        write 0 8 1
        device fault {fault} type=out
        async lied write 0 8 2
        async more*20 write 100 8 3
        idle
        clock advance 1
        clock advance 30
        wait lied 20
        expect srb=success|bus-reset
        wait more 20
        expect srb=success|bus-reset
        ready
        write 0 8 4
        verify 0 8 4
        depth 32 random-rw 300 5 blocks 1-16
    """, "transport=modern")
    assert "unique id 0x0007" in printed, printed  # VioEventQueueBroken


@pytest.mark.every_target(few=3)
@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS.keys())
def test_used_length_decides_nothing(storhost, ring):
    """The status byte does. What the device says that it wrote may be too much (a write's data counted in: Cloud
    Hypervisor, old QEMU), too little (1 for a read: bhyve) or anything: said once if it is too much."""
    use = """
        write 0 8 1
        verify 0 8 1
        write 8 128 2 fua
        verify 8 128 2
        flush
        depth 32 random-rw 100 5 blocks 1-64
    """
    printed = run(storhost, f"""
        {use.join(f"{chr(10)}device set used-length={length}{chr(10)}"
                  for length in ["exact", "status", "nothing", "data", "chain", "exact"])}
        device fault length=4294967295 times=all
        {use}
        device clear
        check counters.timeouts = 0
    """, ring, "--processors", "4")
    told = [number for number in ("0x0007", "0x0008", "0x000e") if f"unique id {number}" in printed]
    assert told == ([] if "legacy" in ring else ["0x000e"]), printed
    assert printed.count("unique id 0x000e") <= 1


@pytest.mark.parametrize("fault, operation, sense", [
    ("status=ioerr", "write 0 8 1", "b/00/06"),
    ("status=ioerr", "read 0 8", "b/00/06"),
    ("status=ioerr", "flush", "b/00/06"),
    ("status=unsupp", "read 0 8", "4/44/00"),
    ("status=unsupp", "flush", "5/20/00"),
    ("status=77", "write 0 8 1", "b/44/00"),
    ("no-status", "read 0 8", "b/44/00"),
])
def test_device_errors_become_sense_data(storhost, fault, operation, sense):
    """Sense data belongs to the request that failed; the others are not touched."""
    run(storhost, f"""
        device fault {fault} nth=1
        {operation}
        expect srb=error scsi=check-condition sense={sense} length=0
        {operation}
        read 100 8
    """)


def test_error_of_the_flush_behind_a_fua_write(storhost):
    run(storhost, """
        device fault status=ioerr type=flush
        write 0 8 1 fua
        expect srb=error sense=b/00/06 length=0
        write 0 8 1 fua
        verify 0 8 1
    """)


def test_lost_interrupt_is_found_before_the_reset(storhost):
    """The rings are looked at once more before a reset: the request succeeds after all."""
    run(storhost, """
        write 0 8 1
        device set lose-interrupts=1
        async lost write 0 8 2
        clock advance 11
        wait lost 20
        expect srb=success
        ready
        verify 0 8 2
    """)


def test_needs_reset(storhost):
    printed = run(storhost, """
        device hold all
        async held*8 write 0 8 1
        device needs-reset
        clock advance 0.1
        wait held 20
        expect srb=bus-reset|success
        device release all
        ready
        write 0 8 2
        verify 0 8 2
    """)
    assert "unique id 0x000a" in printed, printed  # VioEventDeviceNeedsReset


def test_capacity_change_is_noticed(storhost):
    run(storhost, """
        check disk.blocks = 131072
        device resize 262144
        idle
        clock advance 0.1
        cdb 00 00 00 00 00 00
        expect sense=6/2a/09
        discover
        check disk.blocks = 262144
        write end-8 8 1
        verify end-8 8 1
    """)


def check_refused(storhost, device: str, event: str):
    """The reason is logged, the adapter is not found, and everything is given back (rule "leak")."""
    done = storhost.run("--device", f"scripted:transport=modern,{device}", "--events", "info")
    assert done.returncode == 1, done.stdout
    assert f"unique id {event}" in done.stdout
    assert "did not start its adapter" in done.stdout


@pytest.mark.parametrize("device, event", [
    ("refuse-features=on", "0x0002"),
    ("queue-size=0", "0x0001"),
    ("queue-size=100", "0x0001"),
    ("queue-size=2", "0x0004"),
    ("offer=SIZE_MAX,size-max=100,seg-max=3", "0x0004"),
    ("offer=SIZE_MAX,size-max=4096,seg-max=1,block-size=8192", "0x0004"),
    ("block-size=1000", "0x0006"),
    ("reset-reads=never", "0x0002"),
])
def test_refused_device_is_reported_and_let_go(storhost, device, event):
    check_refused(storhost, device, event)


def test_vectors_are_needed_for_messages_only(storhost, target):
    """A device that takes no vector is of no use with messages, and as good as any with a line."""
    if target.messages:
        check_refused(storhost, "refuse-vector=all", "0x0003")
    run(storhost, "write 0 8 1\nverify 0 8 1", "transport=modern,refuse-vector=all", "--vectors", "0")


@pytest.mark.parametrize("case", ["reserved-bar", "unknown-type", "duplicate"])
def test_odd_capabilities_are_understood(storhost, case):
    run(storhost, "write 0 8 1\nverify 0 8 1", f"transport=modern,capabilities={case}")


@pytest.mark.parametrize("case", [
    "loop", "self-loop", "no-list", "into-header", "at-the-end", "no-common", "no-notify", "no-isr",
    "no-config", "short-common", "short-notify", "beyond-bar", "across-end", "overflow", "bad-bar",
    "absent-bar", "unaligned", "small-common", "small-notify", "no-bytes"])
def test_hostile_capabilities_are_refused_cleanly(storhost, case):
    """Whatever configuration space says: an event, no adapter, nothing kept, no wild access."""
    check_refused(storhost, f"queues=2,capabilities={case}", "0x000")


def test_doorbell_outside_of_its_structure_is_refused(storhost, target):
    """The huge multiplier puts the second queue's there: nothing to whoever uses the first only."""
    device = "queues=2,capabilities=huge-multiplier"
    if target.one_queue:
        run(storhost, "write 0 8 1\nverify 0 8 1", f"transport=modern,{device}")
    else:
        check_refused(storhost, device, "0x000")


def test_get_id_never_answered(storhost):
    """Without a serial number the disk works, identified by its place."""
    printed = run(storhost, """
        check disk.serial =
        write 0 8 1
        verify 0 8 1
    """.replace("        check disk.serial =\n", ""), "do=fault never type=id")
    assert "unique id 0x000b" in printed, printed  # VioEventIdentifyFailed


def test_lost_doorbell_would_be_reported(storhost):
    """The device judges doorbells when a request waits too long: none is missing here."""
    printed = run(storhost, """
        device hold all
        async held write 0 8 1
        clock advance 11
        wait held 20
        expect srb=bus-reset
        device release all
        ready
        write 0 8 2
    """)
    assert "doorbell" not in printed
