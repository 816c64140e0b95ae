# SPDX-License-Identifier: BSD-3-Clause
"""What a virtio-blk device may offer, one thing after the other: used where it is there, done without
where it is not. `device.done` is what the scripted device was asked for."""

import pytest

pytestmark = pytest.mark.every_target(few=1)

READ_CAPACITY_16 = "cdb 9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00 in 32"
BLOCK_LIMITS = "cdb 12 01 b0 00 40 00 in 64"
CACHING_PAGE = "cdb 1a 08 08 00 ff 00 in 255"
GEOMETRY_PAGE = "cdb 1a 08 04 00 ff 00 in 255"


def scripted(*options: str) -> tuple[str, str]:
    return "--device", ",".join(["scripted:transport=modern", *options])


def hexadecimal(value: int, size: int) -> str:
    return value.to_bytes(size, "big").hex(" ")


def unmap(first: int, count: int) -> str:
    """UNMAP of one range of blocks."""
    data = f"00 16 00 10 00 00 00 00 {hexadecimal(first, 8)} {hexadecimal(count, 4)} 00 00 00 00"
    return f"cdb 42 00 00 00 00 00 00 00 18 00 out-hex {data}"


def write_same(first: int, count: int, flags: int) -> str:
    """WRITE SAME(16); flags: 1 NDOB, 8 UNMAP."""
    return f"cdb 93 {flags:02x} {hexadecimal(first, 8)} {hexadecimal(count, 4)} 00 00"


def reads_as_zeroes(first: int, count: int, block: int = 512) -> str:
    """Each block's beginning and end."""
    ends = " ".join(f"data={index * block + at}:{'00' * 16}" for index in range(count) for at in (0, block - 16))
    return f"cdb 28 00 {hexadecimal(first, 4)} 00 {hexadecimal(count, 2)} 00 in {count * block}\nexpect ok {ends}"


# ---- Discarding and zeroing ----

@pytest.mark.parametrize("most, requests", [("100", 2), ("96", 2), ("31", 7), ("4096", 1)])
def test_discard_is_cut_where_the_grains_are(storhost, most, requests):
    """The device gives up whole grains only: pieces that end within one would keep it. With 31 sectors at
    most a piece has three grains of 8."""
    storhost.script(f"""
        write 0 200 1
        {unmap(8, 152)}
        expect ok length=24
        {reads_as_zeroes(8, 152)}
        verify 0 8 1
        verify 160 40 1
        check device.done.discards = {requests}
    """, *scripted("offer=DISCARD", f"discard-sectors={most}", "discard-alignment=8"))


def test_discard_off_the_grains(storhost):
    """Windows' "Optimize drive" sends what is free, wherever it begins: each grain in it is given up."""
    storhost.script(f"""
        write 0 200 1
        {unmap(3, 150)}
        expect ok
        {reads_as_zeroes(8, 144)}
        verify 0 8 1
        verify 152 48 1
    """, *scripted("offer=DISCARD", "discard-sectors=100", "discard-alignment=8"))


def test_a_limit_of_0_is_no_limit(storhost):
    """The device offers both and says 0 for the most sectors at once, as Linux takes for "any number"."""
    storhost.script(f"""
        write 0 216 1
        {unmap(8, 200)}
        expect ok
        {reads_as_zeroes(8, 200)}
        check device.done.discards = 1
        write 0 216 2
        {write_same(8, 200, 1)}
        expect ok
        {reads_as_zeroes(8, 200)}
        check device.done.zeroes = 1
        verify 0 8 2
    """, *scripted("offer=DISCARD", "offer=WRITE_ZEROES", "discard-sectors=0", "zeroes-sectors=0"))


def test_refused_write_zeroes_is_written(storhost):
    """The device offers WRITE_ZEROES and does not know it: zeroes are written, at once."""
    storhost.script(f"""
        write 0 64 1
        device fault status=unsupp type=zeroes times=all
        {write_same(8, 48, 1)}
        expect ok
        check device.done.zeroes = 0
        {reads_as_zeroes(8, 48)}
        {write_same(8, 48, 9)}
        expect ok
        verify 0 8 1
        verify 56 8 1
    """, *scripted("offer=WRITE_ZEROES", "may-unmap=on"))


def test_units_of_discard_and_zeroing(storhost):
    """The device counts sectors of 512 bytes, SCSI blocks of 4096: 100 are 12, the grain of 16 is 2, and
    25 to be zeroed at once are 3."""
    storhost.script(f"""
        {BLOCK_LIMITS}
        expect ok data=28:00000002 data=32:80000000
        write 0 60 1
        {unmap(2, 40)}
        expect ok
        {reads_as_zeroes(2, 40, 4096)}
        verify 0 2 1
        verify 42 18 1
        check device.done.discards = 4
        write 0 60 2
        {write_same(5, 10, 1)}
        expect ok
        {reads_as_zeroes(5, 10, 4096)}
        verify 0 5 2
        verify 15 45 2
        check device.done.zeroes = 4
    """, *scripted("block-size=4096", "offer=DISCARD", "discard-sectors=100", "discard-alignment=16",
                   "offer=WRITE_ZEROES", "zeroes-sectors=25"))


def test_unmap_beyond_the_limit_is_refused(storhost):
    """More than the Block Limits page allows: before the device hears of any of it."""
    storhost.script(f"""
        write 0 8 1
        {BLOCK_LIMITS}
        expect ok data=20:00000200
        {unmap(0, 0x201)}
        expect sense=5/26/00
        check device.done.discards = 0
        verify 0 8 1
        {unmap(0, 0x200)}
        expect ok
        check device.done.discards = 64
    """, *scripted("offer=DISCARD", "discard-sectors=8"))


def test_no_discard_is_offered_where_there_is_none(storhost):
    storhost.script(f"""
        {READ_CAPACITY_16}
        expect ok data=14:00
        {unmap(0, 8)}
        expect sense=5/20/00
        {write_same(0, 8, 8)} out 512 1
        expect sense=5/24/00
        write 0 8 1
        {write_same(0, 8, 1)}
        expect ok
        {reads_as_zeroes(0, 8)}
        check device.done.zeroes = 0
    """, *scripted())


@pytest.mark.parametrize("may_unmap", ["on", "off"])
def test_zeroing_that_may_unmap(storhost, may_unmap):
    """The device's flag is WRITE SAME's bit UNMAP, where the device may, and only there."""
    unmapping = f"""
        {write_same(8, 16, 9)}
        expect ok
        {reads_as_zeroes(8, 16)}
        check device.done.zeroes_unmapping = 1
    """ if may_unmap == "on" else f"{write_same(8, 16, 9)}\nexpect sense=5/24/00\n"
    storhost.script(f"""
        write 0 64 1
        {write_same(32, 8, 1)}
        expect ok
        {reads_as_zeroes(32, 8)}
        check device.done.zeroes = 1
        check device.done.zeroes_unmapping = 0
        verify 0 8 1
        {unmapping}
        verify 24 8 1
    """, *scripted("offer=WRITE_ZEROES", f"may-unmap={may_unmap}"))


def test_secure_erase_is_left_alone(storhost):
    """No command asks for it, UNMAP stays a discard, and the offer changes nothing else."""
    storhost.script(f"""
        check device.offered has SECURE_ERASE
        check device.features lacks SECURE_ERASE
        write 0 64 1
        {unmap(8, 16)}
        expect ok
        {reads_as_zeroes(8, 16)}
        verify 24 40 1
        reset bus
        ready
        depth 32 random-rw 200 3 blocks 1-16
        check device.done.secure_erases = 0
        check device.done.discards = 1
    """, *scripted("offer=SECURE_ERASE", "offer=DISCARD", "discard-sectors=512"))


def test_lifetime_that_the_device_does_not_tell(storhost):
    """Each command asks anew; one that fails is no answer, and the next one is."""
    log = "cdb 4d 00 51 00 00 00 00 00 40 00 in 64"
    storhost.script(f"""
        device fault status=unsupp type=lifetime
        {log}
        expect failed scsi=check-condition
        device fault status=ioerr type=lifetime
        {log}
        expect failed scsi=check-condition
        {log}
        expect ok data=11:32
        write 0 8 1
        verify 0 8 1
    """, *scripted("offer=LIFETIME", "lifetime-a=5"))
    storhost.script(f"{log}\nexpect sense=5/20/00\n", *scripted())


# ---- What the device says of itself ----

@pytest.mark.parametrize("serial, shown", [("12345678901234567890", "12345678901234567890"), ("A", "A"), ("none", "")])
def test_serial_number(storhost, serial, shown):
    """20 characters have no end mark; a device without a serial is a disk as any."""
    lines = f"check disk.serial = {shown}\ncheck device.done.get_ids = 1\n" if shown else ""
    storhost.script(f"{lines}write 0 8 1\nverify 0 8 1\n", *scripted(f"serial={serial}"))


def test_geometry(storhost):
    """The device's 130 cylinders of 16 heads are what the geometry page says; without, there is no page."""
    storhost.script(f"{GEOMETRY_PAGE}\nexpect ok data=4:0416000082 data=9:10\n", *scripted())
    storhost.script(f"{GEOMETRY_PAGE}\nexpect sense=5/24/00\n", *scripted("withhold=GEOMETRY"))


def test_topology(storhost):
    """Physical blocks of 4096 bytes of which the second logical block begins one; transfers of at least 8
    blocks, best 256."""
    storhost.script(f"""
        {READ_CAPACITY_16}
        expect ok data=13:03 data=15:01
        {BLOCK_LIMITS}
        expect ok data=6:0008 data=12:00000100
        write 0 8 1
        verify 0 8 1
    """, *scripted("physical-block-exp=3", "alignment-offset=1", "min-io-size=8", "opt-io-size=256"))
    storhost.script(f"""
        {READ_CAPACITY_16}
        expect ok data=13:00 data=15:00
        {BLOCK_LIMITS}
        expect ok data=6:0000 data=12:00000000
    """, *scripted("physical-block-exp=3", "alignment-offset=1", "min-io-size=8", "opt-io-size=256",
                   "withhold=TOPOLOGY"))


def test_flush(storhost):
    """It reaches a device that has a cache; of one without, every finished write is on the medium."""
    storhost.script(f"""
        {CACHING_PAGE}
        expect ok data=6:04
        write 0 8 1
        flush
        check device.done.flushes = 1
        write 0 8 2 fua
        check device.done.flushes = 2
    """, *scripted())
    storhost.script(f"""
        {CACHING_PAGE}
        expect ok data=6:00
        write 0 8 1 fua
        flush
        verify 0 8 1
        check device.done.flushes = 0
    """, *scripted("withhold=FLUSH", "withhold=CONFIG_WCE"))


def test_barrier_is_ignored(storhost):
    """A bit of the legacy interface that nobody uses (5.2.3.1)."""
    storhost.script("""
        check device.offered has BARRIER
        check device.features lacks BARRIER
        depth 32 random-rw 200 3 blocks 1-16
    """, "--device", "scripted:transport=legacy,offer=BARRIER")


# ---- How the device reaches memory ----

@pytest.mark.parametrize("ring", ["", "withhold=INDIRECT_DESC", "offer=RING_PACKED",
                                  "offer=RING_PACKED,withhold=INDIRECT_DESC", "offer=RING_PACKED,offer=IN_ORDER"])
def test_addresses_of_the_bus(storhost, ring):
    """Behind an IOMMU the device's addresses are none of the processor's (ACCESS_PLATFORM)."""
    storhost.script(f"""
        check device.features has ACCESS_PLATFORM
        check device.features has VERSION_1
        depth 64 random-rw 400 3 blocks 1-32
        cdb 2f 00 00 00 00 00 00 08 00 00
        reset bus
        ready
        stop
        restart
        ready
        depth 64 random-rw 200 4 blocks 1-32
    """, *scripted(*filter(None, [ring]), "offer=ACCESS_PLATFORM"), "--bus-offset", "1T")


# ---- Changes while it runs ----

@pytest.mark.every_target(flavours=["wlh"], few=0)
@pytest.mark.parametrize("windows, told", [("10.0", "StorPortStateChangeDetected: entity"),
                                           ("6.1", "bus change detected")])
def test_windows_is_told_of_changes(storhost, windows, told):
    storhost.script(f"""
        write 0 8 1
        device resize 262144
        clock advance 1
        event {told}
        device read-only on
        clock advance 1
        event {told}
    """, *scripted(), "--windows", windows, "--clock", "manual", "--events")


def test_growth_under_load_on_qemu(storhost):
    """Requests in flight are unharmed, and the new end of the disk is there."""
    storhost.script("""
        check disk.blocks = 524288
        async load depth 64 random-rw 3000 3 blocks 1-16 retry
        resize 512M
        wait load 60
        ready
        discover
        check disk.blocks = 1048576
        write end-8 8 5
        verify end-8 8 5
        compare
    """, "--queues", "4", "--processors", "4")
