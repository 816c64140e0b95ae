# SPDX-License-Identifier: BSD-3-Clause
"""Crash dumps and hibernation: a second copy of the driver writes while the first one is frozen.

After each crash `compare` looks at the image behind the driver's back: it holds what the first copy
had completed, and all of the dump.
"""

import pytest

from matrix import pairwise
from targets import Target

# The header comes first and, when all else is written, once more.
WRITE_DUMP = """
dump-write 1000 1 10
dump-write 1001 256 11
dump-flush
dump-write 1000 1 12
dump-flush
dump-verify 1001 256 11
dump-verify 1000 1 12
dump-end
"""

REQUESTS = "async load*32 write 100 8 2"

AXES = {
    "transport": ("legacy", "transitional", "modern"),
    "vectors": ("0", "1", "5"),
    "queues": ("1", "4"),
    "indirect": ("on", "off"),
    "packed": ("on", "off"),
    "scheduler": ("deterministic", "free"),
}


@pytest.mark.parametrize("options", pairwise(AXES), ids=lambda options: "-".join(options.values()))
def test_crash_with_requests_in_flight(storhost, options):
    storhost.script(f"""
        write 0 8 1 fua
        {REQUESTS}
        crash
        dump-start
        {WRITE_DUMP}
        compare
        """,
        "--transport", options["transport"], "--vectors", options["vectors"], "--queues",
        options["queues"], "--processors", options["queues"], "--scheduler", options["scheduler"],
        "--qemu-device", f"indirect_desc={options['indirect']},packed={options['packed']}")


# Points in an entry point: its beginning, and two for each call and each register access.
PLACES = [
    *(("start-io", after, REQUESTS) for after in (0, 1, 2, 3, 4, 6, 9)),
    *(("interrupt", after, REQUESTS) for after in (0, 1, 2)),
    *(("dpc", after, REQUESTS) for after in (0, 1, 2, 3, 5, 8, 13)),
    *(("reset", after, "reset unit") for after in (0, 1, 2, 5, 9, 14, 20, 27, 40)),
    *(("reset", after, "reset bus") for after in (0, 3, 8, 17, 33)),
]


@pytest.mark.parametrize("place, after, cause", PLACES,
                         ids=[f"{place}-{after}-{cause.split()[-1]}"
                              for place, after, cause in PLACES])
def test_crash_inside(storhost, place, after, cause):
    transport = ["legacy", "modern"][after % 2]
    storhost.script(f"""
        write 0 8 1 fua
        crash in {place} after {after}
        {cause}
        dump-start
        {WRITE_DUMP}
        compare
        """, "--transport", transport, "--queues", "2")


@pytest.mark.parametrize("place, cause", [("start-io", REQUESTS), ("interrupt", REQUESTS),
                                          ("dpc", REQUESTS), ("reset", "reset bus")])
def test_crash_inside_with_the_line(storhost, place, cause):
    storhost.script(f"""
        crash in {place} after 1
        {cause}
        dump-start
        {WRITE_DUMP}
        compare
        """, "--transport", "legacy", "--vectors", "0")


def test_crash_in_the_reset_after_a_timeout(storhost):
    """The requests that the first reset was for complete inside the dump copy's own reset."""
    storhost.script(f"""
        write 0 8 1 fua
        hold
        async held*20 write 100 8 2
        crash in reset after 6
        clock advance 11
        dump-start
        release
        {WRITE_DUMP}
        compare
        """, "--clock", "manual", "--timeout", "10")


def test_held_requests_complete_in_the_reset(storhost):
    """What the disk held back ends up in the first copy's memory, before the reset is done."""
    storhost.script(f"""
        write 0 8 1 fua
        hold
        async held*20 read 0 8
        sleep 0.2
        crash
        dump-start
        release
        {WRITE_DUMP}
        compare
        """)


@pytest.mark.parametrize("windows", ["6.0", "6.1", "6.2", "6.3", "10.0"])
def test_each_windows(storhost, windows):
    storhost.script(f"""
        write 0 8 1 fua
        crash
        dump-start
        check dump.port = storport
        {WRITE_DUMP}
        compare
        """, "--windows", windows)


def test_both_kinds_of_request_blocks(storhost):
    for kind, extended in ("legacy", "false"), ("extended", "true"):
        storhost.script(f"""
            crash
            dump-start
            check dump.extended_srbs = {extended}
            {WRITE_DUMP}
            """, "--srb", kind)


@pytest.mark.parametrize("transport", ["legacy", "modern"])
@pytest.mark.parametrize("size", [16, 64, 128, 256, 512])
def test_queue_sizes(storhost, transport, size):
    storhost.script(f"""
        write 0 8 1 fua
        crash
        dump-start
        check dump.common_bytes <= 32768
        check dump.maximum_transfer_bytes >= 32768
        {WRITE_DUMP}
        compare
        """, "--transport", transport, "--qemu-device", f"queue-size={size}")


def test_a_legacy_ring_of_1024(storhost):
    """It takes 28.1 of 30 KiB, and begins at a page, and a legacy device has no smaller one."""
    storhost.script(f"""
        write 0 8 1 fua
        crash
        dump-start
        check dump.uncached_bytes <= 30720
        {WRITE_DUMP}
        compare
        """, "--transport", "legacy", "--qemu-device", "queue-size=1024", "--reading", "dump-pages=yes")


def test_a_legacy_ring_of_1024_does_not_fit_anywhere(storhost):
    """Memory that does not begin near a page has no room for it: no dump is written."""
    storhost.script("""
        write 0 8 1 fua
        crash
        dump-start
        expect failed HwFindAdapter
        compare
        """, "--transport", "legacy", "--qemu-device", "queue-size=1024", "--reading", "dump-pages=no")


def test_a_modern_ring_of_1024(storhost):
    storhost.script(f"""
        crash
        dump-start
        {WRITE_DUMP}
        compare
        """, "--transport", "modern", "--qemu-device", "queue-size=1024")


@pytest.mark.parametrize("transport", ["legacy", "modern"])
def test_large_blocks(storhost, transport):
    storhost.script(f"""
        write 0 8 1 fua
        crash
        dump-start
        {WRITE_DUMP}
        compare
        """, "--transport", transport, "--qemu-device",
        "logical_block_size=4096,physical_block_size=4096")


def test_a_read_only_disk_takes_no_dump(storhost):
    storhost.script("""
        crash
        dump-start
        dump-write 0 8 1
        expect failed scsi=check-condition sense=7/27/0
        dump-read 0 8
        dump-end
        """, "--read-only")


def test_beyond_the_end_of_the_disk(storhost):
    storhost.script("""
        crash
        dump-start
        dump-write end 1 1
        expect failed scsi=check-condition sense=5/21/0
        dump-write end-1 1 1
        dump-verify end-1 1 1
        dump-end
        """)


SCRIPTED = ["--clock", "manual", "--device"]


LIES = [(fault, transport) for transport in ("legacy", "modern")
        for fault in ("bad-id", "stray-id", "twice", "index-jump=9")]


@pytest.mark.parametrize("fault, transport", LIES)
def test_a_device_that_lies_in_the_dump(storhost, fault, transport):
    """The request is lost, the driver resets the device, which has broken its ring, and the dump goes on."""
    storhost.script(f"""
        write 0 8 1
        crash
        dump-start
        device fault {fault} type=out
        dump-write 100 8 1
        expect failed
        dump-write 100 8 2
        dump-write 200 8 3
        dump-verify 100 8 2
        dump-verify 200 8 3
        dump-end
        """, *SCRIPTED, f"scripted:transport={transport}")


@pytest.mark.parametrize("transport", ["legacy", "modern"])
def test_resets_of_the_bus_are_disregarded(storhost, transport):
    """As the reference asks of miniports in a dump; the dump stack gives the request up, then the dump."""
    storhost.script("""
        write 0 8 1
        crash
        dump-start
        device fault never type=out
        dump-write 100 8 1
        expect failed
        check dump.timeouts = 1
        check dump.bus_resets = 1
        dump-write 100 8 2
        expect failed
        """, *SCRIPTED, f"scripted:transport={transport}")


@pytest.mark.parametrize("length", ["chain", "data", "status", "nothing"])
@pytest.mark.parametrize("transport", ["legacy", "modern"])
def test_used_lengths_decide_nothing_in_the_dump(storhost, length, transport):
    storhost.script(f"""
        write 0 8 1
        crash
        dump-start
        dump-write 100 8 2
        dump-verify 0 8 1
        dump-verify 100 8 2
        dump-flush
        check dump.timeouts = 0
        check dump.bus_resets = 0
        dump-end
        """, *SCRIPTED, f"scripted:transport={transport},used-length={length}")


def test_a_device_that_is_gone_for_good(storhost):
    """Neither the request nor the reset is answered: the dump ends, the machine does not hang."""
    storhost.script("""
        crash
        dump-start
        device set reset-reads=never
        device fault never times=all
        dump-write 100 8 2
        expect failed
        check dump.timeouts = 1
        check dump.bus_resets = 1
        dump-write 100 8 2
        expect failed
        """, *SCRIPTED, "scripted:transport=modern")


def test_no_reset_no_dump(storhost):
    storhost.script("""
        write 0 8 1
        crash
        device set reset-reads=never
        dump-start
        expect failed HwFindAdapter
        """, *SCRIPTED, "scripted:transport=modern")


@pytest.mark.parametrize("state", ["device needs-reset", "device set reset-reads=50",
                                   "device set reset=complete", "device set reset=drop",
                                   "device set lose-interrupts=all"])
@pytest.mark.parametrize("transport", ["legacy", "modern"])
def test_states_of_the_device(storhost, state, transport):
    storhost.script(f"""
        write 0 8 1
        device hold all
        async held*8 read 0 8
        sleep 0.1
        {state}
        crash
        device release all
        dump-start
        {WRITE_DUMP}
        """, *SCRIPTED, f"scripted:transport={transport}")


def test_a_device_that_writes_after_its_reset_is_found_out(storhost):
    """The check itself: no conforming device does that, and the frozen memory is looked at."""
    printed = storhost.script("""
        write 0 8 1
        device hold all
        async held*8 read 0 8
        sleep 0.1
        crash
        device set reset=late
        device release all
        dump-start
        device write-late
        dump-write 0 8 1
        """, *SCRIPTED, "scripted:transport=modern", expect=3)
    assert "rule violation: late-dma" in printed
    assert "of the frozen system" in printed


HIBERNATE = """
write 0 8 1
flush
write 8 8 2
hibernate
dump-start
dump-write 1000 256 3
dump-flush
dump-end
%s
resume
ready
verify 0 8 1
verify 8 8 2
verify 1000 256 3
depth 16 random-rw 200 5 at 0 900
compare
"""

READ_BACK = """
dump-start resume
dump-verify 1000 256 3
dump-end
"""


@pytest.mark.parametrize("windows, transport, read_back", [
    ("6.0", "legacy", ""), ("6.1", "modern", ""), ("6.2", "legacy", READ_BACK),
    ("6.3", "modern", READ_BACK), ("10.0", "legacy", ""), ("10.0", "modern", READ_BACK),
], ids=["6.0", "6.1", "6.2", "6.3", "10.0-legacy", "10.0-modern"])
def test_hibernate_and_resume(storhost, windows, transport, read_back):
    storhost.script(HIBERNATE % read_back, "--windows", windows, "--transport", transport)


@pytest.mark.parametrize("scheduler", ["deterministic", "free"])
def test_hibernate_twice_and_crash(storhost, scheduler):
    storhost.script((HIBERNATE.replace("compare", "") % READ_BACK).replace("\n\n", "\n")
                    + HIBERNATE.replace("compare", "").replace("1000", "2000") % ""
                    + f"""
        {REQUESTS}
        crash
        dump-start
        {WRITE_DUMP}
        compare
        """, "--scheduler", scheduler, "--queues", "4", "--processors", "4")


@pytest.mark.parametrize("seed", range(1, 6))
def test_crash_under_load_on_real_threads(storhost, seed):
    storhost.script(f"""
        write 0 8 1 fua
        async first*200 write 100 8 2
        async second*200 read 0 8
        async third*200 write 4000 8 3
        sleep 0.0{seed}
        crash
        dump-start
        dump-write 9000 500 4
        dump-verify 9000 500 4
        dump-end
        compare
        """, "--scheduler", "free", "--processors", "4", "--queues", "4", "--seed", str(seed))


def test_what_scripts_may_not_do(storhost):
    for script, text in [
        ("dump-start", "the system has not stopped"),
        ("dump-write 0 1 1", "no dump copy is loaded"),
        ("resume", "the system did not hibernate"),
        ("crash\ndump-start resume", "the system did not hibernate"),
        ("crash\nread 0 1", "read: the system has stopped"),
        ("crash in nowhere", "crash in start-io|interrupt|dpc|reset"),
        ("crash in dpc after x", "N is 0 to 10000"),
        ("crash in dpc\nready", "ready cannot be done while a crash is awaited"),
        ("crash\ndump-start\ndump-start", "the dump copy is loaded"),
    ]:
        assert text in storhost.script(script + "\n", expect=1), script


# Every other flavour and processor. Messages: none in 5.2 and in XP.
OTHERS = [Target("wlh/x86"), Target("wlh/arm64"), Target("wnet/x64", ("--windows", "5.2")),
          Target("wnet/x86", ("--windows", "5.2")), Target("wxp/x86")]

on_each_other = pytest.mark.parametrize("target", OTHERS, indirect=True,
                                        ids=lambda target: target.name.replace("/", "-"))


@on_each_other
@pytest.mark.parametrize("place", ["", "in start-io after 2", "in interrupt after 1",
                                   "in reset after 5"],
                         ids=["idle", "start-io", "interrupt", "reset"])
def test_crash_on_others(storhost, target, place):
    cause = "reset bus" if "reset" in place else REQUESTS
    storhost.script(f"""
        write 0 8 1 fua
        {cause if not place else ""}
        crash {place}
        {cause if place else ""}
        dump-start
        check dump.port = {"scsiport" if target.flavour == "wxp" else "storport"}
        check dump.common_bytes <= 32768
        {WRITE_DUMP}
        compare
        """, "--transport", "legacy" if place else "modern")


@on_each_other
def test_legacy_rings_of_1024_on_others(storhost, target):
    """XP's driver has its segment lists in the SRB extension, which leaves too little for the ring."""
    storhost.script(f"""
        write 0 8 1 fua
        crash
        dump-start
        {"expect failed HwFindAdapter" if target.flavour == "wxp" else WRITE_DUMP}
        compare
        """, "--transport", "legacy", "--qemu-device", "queue-size=1024", "--reading", "dump-pages=yes")


@on_each_other
def test_hibernate_on_others(storhost, target):
    storhost.script(HIBERNATE % "", "--transport", "legacy")


@on_each_other
def test_a_silent_device_on_others(storhost, target):
    storhost.script("""
        crash
        dump-start
        device fault never type=out
        dump-write 100 8 1
        expect failed
        check dump.bus_resets = 1
        dump-write 100 8 2
        expect failed
        """, *SCRIPTED, "scripted:transport=legacy")
