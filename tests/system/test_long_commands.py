# SPDX-License-Identifier: BSD-3-Clause
"""
Commands that take many requests of the device: UNMAP, WRITE SAME, VERIFY. They go on together with everything
else, and are done within a request's time on a slow host.
"""

import pytest

SCRIPTED = "--device=scripted:transport=modern"
RANGES = SCRIPTED + ",offer=DISCARD,offer=WRITE_ZEROES"
UNSUPPORTED = "sense=5/20/00"

MODES = {
    "one queue": [],
    "four queues": ["queues=4"],
    "packed": ["offer=RING_PACKED"],
    "full": ["queue-size=4"],
    "direct": ["withhold=INDIRECT_DESC", "queue-size=64"],
    "in order": ["offer=IN_ORDER"],
}


@pytest.fixture(params=MODES.values(), ids=MODES.keys())
def mode(request):
    return request.param


def device(mode: list[str], *more: str) -> list[str]:
    options = [",".join([RANGES, *mode, *more])]
    if "queues=4" in mode:
        options += ["--queues=4", "--processors=4"]
    return options + ["--parameter=PackedRing=1", "--parameter=InOrder=1"]


def unmap(ranges: list[tuple[int, int]]) -> str:
    """UNMAP of ranges of (first block, blocks)."""
    body = b"".join(first.to_bytes(8, "big") + count.to_bytes(4, "big") + bytes(4) for first, count in ranges)
    data = (len(body) + 6).to_bytes(2, "big") + len(body).to_bytes(2, "big") + bytes(4) + body
    return f"cdb 42 00 00 00 00 00 00 {len(data) >> 8:02x} {len(data) & 255:02x} 00 out-hex {data.hex(' ')}"


def every_other(count: int, first: int = 0) -> list[tuple[int, int]]:
    return [(first + 16 * index, 8) for index in range(count)]


# ---- UNMAP ----

def test_unmap_has_several_requests_at_the_device(storhost):
    """Not one after the other: on a host that takes 240 ms for each a list would outlast its time."""
    storhost.script(f"""
        ready
        device hold all
        async u {unmap(every_other(30))}
        idle
        check device.done.discard_requests = 8
        async r read 0 8
        idle
        check device.done.reads = 1
        device release all
        wait u
        expect ok
        wait r
        check device.done.discards = 30
        check device.done.discard_requests = 30
    """, RANGES)


@pytest.mark.parametrize("ranges, requests", [(2, 15), (16, 2), (32, 1), (256, 1), (0xffffffff, 1), (0, 30)])
def test_unmap_puts_several_ranges_into_a_request(storhost, ranges, requests):
    """As many as the device allows (max_discard_seg), at most 32; what lies between them stays."""
    storhost.script(f"""
        ready
        write 0 512 1
        {unmap(every_other(30))}
        expect ok
        check device.done.discards = 30
        check device.done.discard_requests = {requests}
        verify 8 8 1
        verify 472 40 1
        cdb 28 00 00 00 01 d0 00 00 08 00 in 4096
        expect ok data=0:{'00' * 32}
    """, f"{RANGES},discard-ranges={ranges}" if ranges else RANGES)


@pytest.mark.parametrize("options, ranges, blocks", [
    ("discard-sectors=4194303", 64, 1 << 20), ("discard-sectors=4194303,discard-ranges=2", 128, 1 << 20),
    ("discard-sectors=4194303,discard-ranges=256", 256, 1 << 20), ("discard-sectors=8", 64, 512),
    ("discard-sectors=100,discard-alignment=64", 64, 4096), ("discard-sectors=2048,block-size=4096", 64, 16384)])
def test_what_the_block_limits_page_promises_ends_in_time(storhost, options, ranges, blocks):
    """No list takes more than 64 requests, and as many again for what is cut; unit tests refuse longer ones."""
    storhost.script(f"""
        ready
        cdb 12 01 b0 00 40 00 in 64
        expect ok data=20:{blocks:08x}{ranges:08x}
        {unmap([(0, blocks if blocks <= 16384 else 16384)])}
        expect ok
        check device.done.discard_requests <= 64
    """, f"{RANGES},{options}")


def test_two_lists_take_turns(storhost, mode):
    storhost.script(f"""
        ready
        async a {unmap(every_other(28))}
        async b {unmap(every_other(28, 4096))}
        async c*16 write 16384 8 1
        async d cdb 2f 00 00 00 40 00 00 10 00 00
        wait a
        expect ok
        wait b
        expect ok
        wait c
        wait d
        expect ok
        check device.done.discards = 56
        verify 16384 8 1
    """, *device(mode, "delay=2", "order=shuffle"))


# StorPort keeps what these two do not take, and sends it behind the reset.
@pytest.mark.parametrize("mode", [value for key, value in MODES.items() if key not in ("full", "direct")],
                         ids=[key for key in MODES if key not in ("full", "direct")])
@pytest.mark.parametrize("held", ["hold all", "set take=1"])
@pytest.mark.parametrize("end, result", [("reset bus", "bus-reset"), ("surprise-remove", "no-device")])
def test_what_is_given_up_ends_once(storhost, mode, held, end, result):
    """With requests in the ring, some that wait for room, and lists of which none has been made yet."""
    lines = f"""
        ready
        device hold all
        device {held}
        async u*3 {unmap(every_other(20))}
        async v*3 cdb 2f 00 00 00 00 00 00 08 00 00
        async w*3 cdb 93 00 00 00 00 00 00 00 00 00 00 00 00 20 00 00 out 512 3
        async x*12 write 8192 8 1 fua
        idle
        {end}
    """
    for name in "uvwx":
        lines += f"wait {name} 30\nexpect srb={result}\n"
    if end == "reset bus":
        lines += f"""
            device release all
            device set take=1000
            ready
            {unmap(every_other(20))}
            expect ok
            cdb 2f 00 00 00 00 00 00 08 00 00
            expect ok
            write 0 8 1 fua
            verify 0 8 1
        """
    storhost.script(lines, *device(mode), "--clock=manual")


def test_a_range_that_fails_ends_the_list(storhost, mode):
    """What has been begun is waited for, nothing more is begun, and the error is one that Windows retries."""
    storhost.script(f"""
        ready
        device fault status=ioerr type=discard nth=2
        {unmap(every_other(28))}
        expect sense=b/00/06 length=0
        check device.done.discards <= 27
        {unmap(every_other(28))}
        expect ok
    """, *device(mode))


# ---- What a device offers and refuses ----

def test_a_device_that_refuses_several_ranges_gets_them_one_by_one(storhost):
    """The list is one that Windows sends again; then it is done."""
    storhost.script(f"""
        ready
        device fault status=unsupp type=discard times=2
        {unmap(every_other(20))}
        expect sense=b/00/06
        device clear
        {unmap(every_other(20))}
        expect ok
        check device.done.discards >= 20
        check device.done.discard_requests >= 21
    """, f"{RANGES},discard-ranges=16")


def test_a_device_that_refuses_to_discard_is_not_asked_again(storhost):
    """Nothing has to be given up, so the list is done; UNMAP is then no longer offered."""
    storhost.script(f"""
        ready
        cdb 12 01 b2 00 40 00 in 64
        expect ok data=5:80
        device fault status=unsupp type=discard times=all
        {unmap(every_other(20))}
        expect ok
        cdb 12 01 b2 00 40 00 in 64
        expect ok data=5:00
        {unmap(every_other(20))}
        expect {UNSUPPORTED}
        check device.done.discard_requests <= 8
    """, f"{SCRIPTED},offer=DISCARD")


@pytest.mark.parametrize("cdb", [
    "cdb 93 01 00 00 00 00 00 00 00 05 00 00 00 78 00 00", "cdb 93 09 00 00 00 00 00 00 00 05 00 00 00 78 00 00"])
def test_a_device_that_refuses_to_zero_is_written_to(storhost, cdb):
    """Zeroes are what was asked for, and zeroes come; the device is not asked again, and giving up is not offered."""
    storhost.script(f"""
        ready
        write 0 256 1
        device fault status=unsupp type=zeroes times=all
        {cdb}
        expect ok
        cdb 28 00 00 00 00 05 00 00 78 00 in 61440
        expect ok data=0:{'00' * 32} data=61408:{'00' * 32}
        verify 0 5 1
        verify 125 131 1
        write 0 256 2
        check device.done.zeroes = 0
        cdb 93 01 00 00 00 00 00 00 00 05 00 00 00 78 00 00
        expect ok
        cdb 28 00 00 00 00 05 00 00 78 00 in 61440
        expect ok data=0:{'00' * 32}
        check device.done.zeroes = 0
        cdb 93 09 00 00 00 00 00 00 00 05 00 00 00 78 00 00
        expect ok
        cdb 12 01 b2 00 40 00 in 64
        expect ok data=5:00
    """, f"{SCRIPTED},offer=WRITE_ZEROES,may-unmap=on,zeroes-sectors=16")


# ---- VERIFY and WRITE SAME ----

def test_a_verify_that_waits_for_memory_keeps_nothing_else_waiting(storhost):
    """It waits for the end of the one before; reads and writes of the queue pass it by."""
    storhost.script("""
        ready
        device hold all
        async a cdb 8f 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00
        async b cdb 2f 00 00 00 00 00 00 00 08 00
        async c cdb 2f 00 00 00 00 08 00 00 08 00
        async r read 0 8
        async w write 16 8 1
        idle
        check device.done.writes = 1
        device release all
        wait r
        wait w
        wait b
        expect ok
        wait c
        expect ok
        wait a
        expect ok
        verify 16 8 1
    """, SCRIPTED + ",delay=3,withhold=FLUSH")


@pytest.mark.parametrize("options", ["", "size-max=4096,offer=SIZE_MAX", "seg-max=20,offer=SEG_MAX", "block-size=4096",
                                     "withhold=INDIRECT_DESC", "queue-size=16"])
def test_a_long_verify_takes_few_requests(storhost, options):
    """Each as long as a read may be, into the same memory: 32 MiB in 64 requests, not in 512."""
    blocks = 65536 * 512 // (4096 if "4096" in options and "size-max" not in options else 512)
    most = {"seg-max=20,offer=SEG_MAX": 512, "withhold=INDIRECT_DESC": 300, "queue-size=16": 700}.get(options, 72)
    storhost.script(f"""
        ready
        write 64 8 1
        check device.done.reads <= 1
        cdb 8f 00 00 00 00 00 00 00 00 00 {blocks >> 24 & 255:02x} {blocks >> 16 & 255:02x} {blocks >> 8 & 255:02x} {blocks & 255:02x} 00 00
        expect ok
        check device.done.reads <= {most}
        device fault status=ioerr type=in sectors=60000-60000 times=all
        cdb 8f 00 00 00 00 00 00 00 00 00 {blocks >> 24 & 255:02x} {blocks >> 16 & 255:02x} {blocks >> 8 & 255:02x} {blocks & 255:02x} 00 00
        expect sense=b/00/06
        device clear
        verify 64 8 1
    """, f"{SCRIPTED},{options}" if options else SCRIPTED)


@pytest.mark.parametrize("options", ["", "size-max=4096,offer=SIZE_MAX", "seg-max=20,offer=SEG_MAX", "withhold=INDIRECT_DESC"])
def test_write_same_writes_its_block_over_and_over_in_one_request(storhost, options):
    """Out of memory that is shorter than that: each block is the same, and nothing behind it is touched."""
    storhost.script("""
        ready
        write 0 96 1
        write 96 24 1
        cdb 93 00 00 00 00 00 00 00 00 02 00 00 00 64 00 00 out 512 9
        expect ok
        check device.done.writes <= 4
        cdb 2f 02 00 00 00 02 00 00 01 00 out 512 9
        expect ok
        cdb 2f 02 00 00 00 35 00 00 01 00 out 512 9
        expect ok
        cdb 2f 02 00 00 00 65 00 00 01 00 out 512 9
        expect ok
        verify 0 2 1
        verify 102 18 1
    """, f"{SCRIPTED},{options}" if options else SCRIPTED)
