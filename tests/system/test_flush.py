# SPDX-License-Identifier: BSD-3-Clause
"""
Flushes: what was acknowledged before one is on the medium behind it, and no more of them reach the device than
that takes. The scripted device counts them, and with volatile=on a loss of power takes away what none has covered.
"""

import random

import pytest

# The disk class's FlushFileBuffers: SYNCHRONIZE CACHE, then SRB_FUNCTION_FLUSH (disk.sys as published).
FLUSH_FILE_BUFFERS = "cdb 35 00 00 00 00 00 00 00 00 00\nsrb 8"


def verify(count: int, version: int) -> str:
    """Lines that compare what so many writes of 8 blocks, one behind the other, have left."""
    return "\n".join(f"verify {8 * index} 8 {version}" for index in range(count))


MODES = {
    "one queue": ["--device=scripted:transport=modern,volatile=on"],
    "four queues": ["--device=scripted:transport=modern,volatile=on,queues=4", "--queues=4", "--processors=4"],
    "packed": ["--device=scripted:transport=modern,volatile=on,offer=RING_PACKED", "--parameter=PackedRing=1"],
    "full": ["--device=scripted:transport=modern,volatile=on,queue-size=4"],
    "direct": ["--device=scripted:transport=modern,volatile=on,withhold=INDIRECT_DESC,queue-size=64"],
    "line": ["--device=scripted:transport=legacy,volatile=on,vectors=0"],
}


@pytest.fixture(params=MODES.values(), ids=MODES.keys())
def mode(request):
    return request.param


@pytest.mark.every_target(few=1)
def test_flush_file_buffers_is_one_flush(storhost):
    """Its second half has nothing to do; neither has the next one, if nothing was written between them."""
    storhost.script(f"""
        ready
        write 0 8 1
        {FLUSH_FILE_BUFFERS}
        check device.done.flushes = 1
        {FLUSH_FILE_BUFFERS}
        read 0 8
        {FLUSH_FILE_BUFFERS}
        check device.done.flushes = 1
        write 8 8 1
        {FLUSH_FILE_BUFFERS}
        check device.done.flushes = 2
        device lose-cache
        verify 0 8 1
        verify 8 8 1
    """, "--device=scripted:transport=modern,volatile=on")


@pytest.mark.parametrize("change", [
    "write 0 8 2", "write 0 8 2 fua", "write 0 200 2 scatter 4096",
    "cdb 42 00 00 00 00 00 00 00 18 00 out-hex 00 16 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00 00",
    "cdb 93 01 00 00 00 00 00 00 00 00 00 00 00 08 00 00",
    "cdb 93 00 00 00 00 00 00 00 00 00 00 00 00 08 00 00 out 512 3",
    "cdb 2e 00 00 00 00 00 00 00 08 00 out 4096 3"])
def test_whatever_changes_the_disk_makes_a_flush_needed(storhost, change):
    storhost.script(f"""
        ready
        srb 8
        check device.done.flushes = 1
        srb 8
        check device.done.flushes = 1
        {change}
        device hold all
        async asked srb 8
        idle
        outstanding asked 1
        device release all
        wait asked
    """, "--device=scripted:transport=modern,offer=DISCARD,offer=WRITE_ZEROES")


def test_a_write_in_flight_when_a_flush_begins_is_not_covered(storhost):
    """It is acknowledged while the flush is at the device: the next flush is not left out."""
    storhost.script("""
        ready
        device hold all
        async written write 0 8 1
        idle
        async flushed srb 8
        idle
        outstanding flushed 1
        device release all
        wait written
        wait flushed
        srb 8
        check device.done.flushes = 2
        device lose-cache
        verify 0 8 1
    """, "--device=scripted:transport=modern,volatile=on")


@pytest.mark.parametrize("fault, end", [("status=ioerr", "expect sense=b/00/06"), ("status=unsupp", "expect sense=5/20/00")])
def test_a_flush_that_failed_has_covered_nothing(storhost, fault, end):
    """The other half of a FlushFileBuffers is then a flush of its own, and so is whatever follows a reset."""
    storhost.script(f"""
        ready
        write 0 8 1
        device fault {fault} type=flush
        cdb 35 00 00 00 00 00 00 00 00 00
        {end}
        srb 8
        expect srb=success
        check device.done.flushes = 2
        srb 8
        check device.done.flushes = 2
        device fault {fault} type=flush
        write 8 8 1
        srb 8
        expect failed
        srb 8
        expect srb=success
        check device.done.flushes = 4
        reset bus
        ready
        srb 8
        check device.done.flushes = 5
    """, "--device=scripted:transport=modern")


def test_flushes_that_wait_at_the_same_time_are_one(storhost, mode):
    """The first begins at once, all others end with the second, which begins behind it."""
    storhost.script("""
        ready
        write 0 8 1
        device hold all
        async flushed*24 cdb 35 00 00 00 00 00 00 00 00 00
        idle
        device release all
        wait flushed
        expect ok
        check device.done.flushes = 2
        device lose-cache
        verify 0 8 1
    """, *mode)


def test_fua_writes_share_their_flushes(storhost, mode):
    """32 at once take a few: a queue has one at a time, and whoever comes meanwhile has the next. (StorPort sends
    four at once to a ring of four.)"""
    storhost.script(f"""
        ready
        device hold all
        async w*32 write 0 8 1 fua
        idle
        device release all
        wait w
        check device.done.flushes <= 24
        device lose-cache
        {verify(32, 1)}
    """, *mode)


def test_a_flush_that_fails_fails_all_that_share_it(storhost):
    storhost.script("""
        ready
        device hold all
        async w*8 write 0 8 1 fua
        idle
        device fault status=ioerr type=flush
        device release all
        wait w
        expect srb=error sense=b/00/06 length=0
        check device.done.flushes = 1
        write 0 8 2 fua
        verify 0 8 2
    """, "--device=scripted:transport=modern")


@pytest.mark.parametrize("options", [["--clock=manual"], ["--clock=manual", "--processors=4", "--queues=4"]])
def test_a_reset_ends_shared_and_waiting_flushes_once(storhost, options):
    """Whether they are in the ring, share one that is, or have come too late for it."""
    queues = ",queues=4" if "--queues=4" in options else ""
    storhost.script("""
        ready
        write 0 8 1
        device hold all
        async flushed*8 cdb 35 00 00 00 00 00 00 00 00 00
        async fua*8 write 100 8 1 fua
        idle
        reset bus
        wait flushed
        expect srb=bus-reset
        wait fua
        expect srb=bus-reset
        device release all
        ready
        write 200 8 1 fua
        srb 8
        device lose-cache
        verify 0 8 1
        verify 200 8 1
    """, f"--device=scripted:transport=modern,volatile=on{queues}", *options)


def test_a_removal_ends_shared_and_waiting_flushes(storhost):
    storhost.script("""
        ready
        write 0 8 1
        device hold all
        async flushed*8 cdb 35 00 00 00 00 00 00 00 00 00
        idle
        surprise-remove
        wait flushed
        expect srb=no-device
    """, "--device=scripted:transport=modern", "--clock=manual")


def test_flushes_in_a_ring_that_is_full(storhost):
    """They find room like anything else, and nothing that comes later keeps it from them."""
    storhost.script(f"""
        ready
        device set delay=3
        device set take=1
        async w*60 write 0 8 1 fua
        async r*60 read 0 8
        async f*20 srb 8
        wait w
        wait r
        wait f
        device lose-cache
        {verify(60, 1)}
    """, "--device=scripted:transport=modern,volatile=on,queue-size=4")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_before_a_flush_is_lost(storhost, mode, seed):
    """
    Writes, flushes and FUA writes at random, some in flight when a flush begins, on random processors; then the
    power goes. What a flush had to cover is there: each block that was acknowledged before it, or its successor.
    """
    rng = random.Random(seed)
    lines, safe, pending, version = ["ready", f"device set order=shuffle,seed={seed + 1},delay=2"], {}, {}, 0
    for step in range(60):
        lba = rng.randrange(16) * 8
        kind = rng.choice(["write", "write", "write", "fua", "sync", "flush", "both", "overlap"])
        version += 1
        at = f"processor {rng.randrange(4)}" if "--processors=4" in mode else ""
        if kind == "write":
            lines.append(f"write {lba} 8 {version} {at}")
            pending[lba] = version
        elif kind == "fua":
            lines.append(f"write {lba} 8 {version} fua {at}")
            pending.pop(lba, None)
            safe[lba] = version
        elif kind == "overlap":
            # In flight when the flush begins; acknowledged when it is waited for; covered by the second flush.
            lines += ["device hold all", f"async w{step} write {lba} 8 {version} {at}", "idle",
                      f"async f{step} srb 8", "idle", "device release all", f"wait w{step}", f"wait f{step}",
                      FLUSH_FILE_BUFFERS]
            safe.update(pending)
            safe[lba] = version
            pending.clear()
        else:
            lines.append({"sync": "cdb 35 00 00 00 00 00 00 00 00 00", "flush": "srb 8", "both": FLUSH_FILE_BUFFERS}[kind])
            safe.update(pending)
            pending.clear()
    lines.append("device lose-cache")
    lines += [f"verify {lba} 8 {version}" for lba, version in safe.items() if lba not in pending]
    storhost.script("\n".join(lines), *mode)


@pytest.mark.parametrize("options", ["withhold=FLUSH", "writeback=off"])
def test_disks_without_a_volatile_cache(storhost, options):
    """Without F_FLUSH nothing is asked of the device; FUA costs nothing where the cache writes through."""
    storhost.script(f"""
        ready
        async w*8 write 0 8 1 fua
        wait w
        check device.done.flushes = 0
        {FLUSH_FILE_BUFFERS}
        expect ok
        verify 0 64 1
        check device.done.flushes = {0 if 'FLUSH' in options else 1}
    """, f"--device=scripted:transport=modern,{options}")
