# SPDX-License-Identifier: BSD-3-Clause
"""Devices that take little at once: few or short segments, descriptors of the ring only. Windows sends them what it
sends any disk; what is more than the device takes becomes several of its requests."""

import pytest

pytestmark = pytest.mark.every_target(few=2)

MANUAL = ["--clock", "manual", "--events"]

# What the device takes, and the alignment that buffers must have for it (StorPort).
SMALL = {
    "one-page": ("offer=SIZE_MAX,size-max=4096,seg-max=1", 511),
    "short-segments": ("offer=SIZE_MAX,size-max=512,seg-max=4", 3),
    "one-segment": ("seg-max=1", 511),
    "one-segment-unsaid": ("seg-max=1,withhold=SEG_MAX,withhold=INDIRECT_DESC", 511),
    "none-said": ("offer=SIZE_MAX,size-max=0,seg-max=0", 511),
    "page-blocks": ("offer=SIZE_MAX,size-max=4096,seg-max=1,block-size=4096", 4095),
    "odd-segments": ("offer=SIZE_MAX,size-max=1700,seg-max=4,block-size=4096", 3),
    "less-than-a-sector": ("offer=SIZE_MAX,size-max=100,seg-max=7", 3),
    "packed": ("offer=RING_PACKED,seg-max=2", 3),
    "in-order": ("offer=IN_ORDER,seg-max=2,withhold=INDIRECT_DESC", 3),
    "packed-in-order": ("offer=RING_PACKED,offer=IN_ORDER,seg-max=1,withhold=INDIRECT_DESC", 511),
    "tiny-ring": ("queue-size=4", 3),
    "tiny-direct-ring": ("queue-size=4,withhold=INDIRECT_DESC", 3),
}


def sizes(device: str) -> tuple[int, int]:
    """Sectors of a block, and blocks of 64 KiB."""
    return (8, 16) if "block-size=4096" in device else (1, 128)


def aligned(target, mask: int) -> bool:
    """SCSIPort aligns buffers to 8 bytes at most, which some devices cannot make use of."""
    return target.flavour != "wxp" or mask == 3


@pytest.mark.parametrize("device, mask", SMALL.values(), ids=SMALL.keys())
def test_what_is_too_much_goes_in_parts(storhost, target, device, mask):
    if not aligned(target, mask):
        return
    _, most = sizes(device)
    storhost.script(f"""
        check port.maximum_transfer_bytes >= 65536
        check port.alignment_mask = {mask}
        write 0 1 1
        write {most} {most} 2
        verify 0 1 1
        verify {most} {most} 2
        write {3 * most} {most} 3 fua
        verify {3 * most} {most} 3 scatter 4096
        flush
        depth 32 random-rw 300 5 blocks 1-{most}
        check counters.timeouts = 0
    """, "--device", f"scripted:transport=modern,{device}", *MANUAL, "--processors", "4")


@pytest.mark.every_target(few=1)
@pytest.mark.parametrize("part", [1, 2, 7])
@pytest.mark.parametrize("operation, kind", [("write 0 128 1", "out"), ("read 0 128", "in"), ("write 0 128 1 fua", "out")])
def test_an_error_of_a_part_is_that_of_the_request(storhost, operation, kind, part):
    """Nothing counts as transferred, no later part is sent, and the next request is not touched."""
    storhost.script(f"""
        write 500 8 4
        device fault status=ioerr type={kind} nth={part}
        {operation}
        expect srb=error scsi=check-condition sense=b/00/06 length=0
        {operation}
        expect ok
        verify 500 8 4
        write 0 128 2
        verify 0 128 2
    """, "--device", "scripted:transport=modern,offer=SIZE_MAX,size-max=4096,seg-max=2", *MANUAL)


@pytest.mark.parametrize("reset", ["drop", "complete"])
@pytest.mark.parametrize("ring", ["queue-size=256", "queues=4", "queue-size=16,withhold=INDIRECT_DESC"])
def test_reset_between_the_parts(storhost, ring, reset):
    """Each request comes back once, whichever part the device never answers."""
    printed = storhost.script("""
        write 0 8 1
        device fault never type=out nth=9 times=all
        async held*12 write 1000 64 2
        idle
        device clear
        clock advance 11
        wait held 20
        expect srb=success|bus-reset|error
        ready
        write 1000 64 3
        verify 1000 64 3
        verify 0 8 1
        depth 32 random-rw 100 4 blocks 1-64
    """, "--device", f"scripted:transport=modern,seg-max=2,reset={reset},{ring}", "--timeout", "10", *MANUAL,
                             "--processors", "4")
    assert "unique id 0x0008" in printed, printed


@pytest.mark.parametrize("device", ["seg-max=2", "queue-size=16,withhold=INDIRECT_DESC"])
def test_a_dump_to_such_a_device(storhost, device):
    storhost.script("""
        write 0 8 1
        crash
        dump-start
        dump-write 100 128 2
        dump-verify 0 8 1
        dump-verify 100 128 2
        check dump.timeouts = 0
        dump-end
    """, "--device", f"scripted:transport=modern,{device}", *MANUAL)


# ---- Without indirect descriptors: a request takes descriptors of the ring ----

@pytest.mark.every_target(flavours=["wlh"])
@pytest.mark.parametrize("size, depth", [(1024, 341), (256, 85), (128, 42), (16, 5), (4, 1)])
def test_depth_of_a_ring_without_tables(storhost, size, depth):
    """By the smallest requests, of three descriptors, and one more for a buffer that lies across two pages: nearly
    all of them are with the device at once."""
    storhost.script(f"""
        check port.lun_depth = {depth}
        device hold all
        async many*{depth} write 0 1 1
        idle
        check device.done.writes >= {max(depth * 4 // 5, 1)}
        outstanding many {depth}
        device release all
        wait many 20
    """, "--device", f"scripted:transport=modern,queue-size={size},withhold=INDIRECT_DESC", *MANUAL)


@pytest.mark.parametrize("ring", ["", "offer=RING_PACKED", "offer=IN_ORDER", "queues=4"])
def test_a_large_request_is_not_starved(storhost, ring):
    """It waits for its descriptors, and what comes behind it waits, too, though there is room for it: the last
    write to a block is the last to be done."""
    storhost.script("""
        device hold all
        async small*16 write 500 1 3 processor 0
        async large write 0 128 1 processor 0
        async late write 8 8 2 processor 0
        async more*9 write 700 1 4 processor 0
        idle
        device set complete=1
        device release all
        wait small 20
        wait large 20
        wait late 20
        wait more 20
        verify 0 8 1
        verify 8 8 2
        verify 16 112 1
        check counters.timeouts = 0
    """, "--device", f"scripted:transport=modern,queue-size=64,withhold=INDIRECT_DESC,{ring}".rstrip(","), *MANUAL,
                    "--processors", "4")


@pytest.mark.parametrize("ring", ["queue-size=64", "queue-size=64,offer=RING_PACKED", "queue-size=32,queues=4",
                                  "queue-size=128,offer=IN_ORDER"])
def test_mixed_sizes_in_a_ring_without_tables(storhost, ring):
    """Requests of all sizes, on a device that completes them out of order: all come back, and with their data."""
    storhost.script("""
        depth 64 random-rw 600 5 blocks 1-96
        depth 64 random-rw 300 6 blocks 1-1
        check counters.timeouts = 0
    """, "--device", f"scripted:transport=modern,withhold=INDIRECT_DESC,order=shuffle,complete=3,{ring}",
                    "--scheduler", "free", "--processors", "4")
