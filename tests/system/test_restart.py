# SPDX-License-Identifier: BSD-3-Clause
"""The device that comes back after stop, power-down and reset: as it was, as another, or not at all.

One that cannot be started leaves an adapter whose requests end and whose resets try again, and what a disk
no longer offers is done without.
"""

import pytest

pytestmark = pytest.mark.every_target(few=2)

OPTIONS = ("--clock", "manual", "--timeout", "10", "--events")


def device(*more: str) -> tuple[str, str]:
    return "--device", ",".join(["scripted:transport=modern", *more])


# What Windows does with a request that does not come back: three tiers of resets, twice.
TIMES_OUT = "clock advance 11\nidle\n" * 6

WORKS = """
ready
write 0 8 3
verify 0 8 3
depth 16 random-rw 100 4 blocks 1-16
"""

BACK = {
    "restart": ("stop", "restart\nexpect failed"),
    "power": ("power off", "power on"),
}


@pytest.mark.parametrize("way", BACK)
@pytest.mark.parametrize("gone,back", [
    ("reset-reads=never", "device set reset-reads=0\ndevice end-reset"),
    ("refuse-features=on", "device set refuse-features=off"),
    ("withhold=VERSION_1", "device set offer=VERSION_1"),
])
def test_a_device_that_does_not_start_is_tried_again(storhost, way, gone, back):
    """Nothing hangs meanwhile: a request ends, however often Windows sends it; and then all is well."""
    off, on = BACK[way]
    printed = storhost.script(f"""
        write 0 8 1
        {off}
        device set {gone}
        {on}
        async lost*4 read 0 8
        idle
        {TIMES_OUT}
        wait lost 20
        expect failed
        {back}
        clock advance 2
        idle
        async later read 0 8
        {TIMES_OUT}
        wait later 20
        expect srb=success|no-device|bus-reset|error
        reset bus
        {WORKS}
    """, *device(), *OPTIONS)
    assert "unique id 0x0003" in printed, printed  # VioEventStartFailed


def test_a_restart_needs_no_stop_before(storhost):
    """As after hibernation, where another kernel has stopped the device."""
    storhost.script(f"write 0 8 1\nrestart unstopped\nready\nverify 0 8 1\n{WORKS}", *device(), *OPTIONS)


UNMAP = "cdb 42 00 00 00 00 00 00 00 18 00 out-hex 00 16 00 10 00 00 00 00" + " 00" * 6 + " 10 00 00 00 00 08" + " 00" * 4
WRITE_SAME_UNMAP = "cdb 93 09 00 00 00 00 00 00 10 00 00 00 00 08 00 00"
CHANGEABLE_CACHE_MODE = "cdb 5a 08 48 00 00 00 00 00 ff 00 in 255"
TEST_UNIT_READY = "cdb 00 00 00 00 00 00"


@pytest.mark.parametrize("feature,asked,offered,lost", [
    ("DISCARD", UNMAP, "ok", "sense=5/20/00"),
    ("WRITE_ZEROES", WRITE_SAME_UNMAP, "ok", "sense=5/24/00"),
    ("CONFIG_WCE", CHANGEABLE_CACHE_MODE, "data=10:04", "data=10:00"),
    ("FLUSH", "flush", "ok", "ok"),
    ("EVENT_IDX", TEST_UNIT_READY, "ok", "ok"),
    ("INDIRECT_DESC", TEST_UNIT_READY, "ok", "ok"),
    ("TOPOLOGY", TEST_UNIT_READY, "ok", "ok"),
], ids=lambda value: value if value.isupper() else "")
@pytest.mark.parametrize("way", ["stop\n{}\nrestart", "power off\n{}\npower on", "{}\nreset bus"],
                         ids=["restart", "power", "reset"])
def test_what_is_not_offered_any_more_does_not_cost_the_disk(storhost, way, feature, asked, offered, lost):
    """And what is offered again is used again."""
    storhost.script(f"""
        write 0 8 1
        {asked}
        expect {offered}
        {way.format("device set withhold=" + feature)}
        ready
        check device.features lacks {feature}
        verify 0 8 1
        {asked}
        expect {lost}
        {WORKS}
        {way.format("device set offer=" + feature)}
        ready
        check device.features has {feature}
        {asked}
        expect {offered}
        {WORKS}
    """, *device("offer=DISCARD,offer=WRITE_ZEROES,may-unmap=on"), *OPTIONS)


@pytest.mark.parametrize("way", ["stop\n{}\nrestart", "power off\n{}\npower on",
                                 "device needs-reset\n{}\nidle\nclock advance 5\nidle"],
                         ids=["restart", "power", "needs-reset"])
def test_another_size_is_seen_when_it_comes_back(storhost, way):
    storhost.script(f"""
        check disk.blocks = 131072
        {way.format("device resize 262144")}
        cdb 00 00 00 00 00 00
        expect scsi=check-condition
        ready
        discover
        check disk.blocks = 262144
        write end-8 8 5
        verify end-8 8 5
    """, *device(), *OPTIONS)


def test_another_size_is_seen_on_qemu(storhost):
    storhost.script("""
        power off
        resize 512M
        power on
        ready
        discover
        check disk.blocks = 1048576
    """, "--size", "256M")


def test_another_disk_is_not_taken_for_this_one(storhost):
    """Blocks of another size: nothing may be written to it."""
    printed = storhost.script("""
        write 0 8 1
        stop
        device set withhold=BLK_SIZE
        restart
        expect failed
        read 0 8
        expect srb=no-device
    """, *device("block-size=4096"), *OPTIONS)
    assert "unique id 0x0003" in printed, printed


@pytest.mark.parametrize("moment", ["at-driver-ok", "at-doorbell"])
def test_a_change_while_the_driver_starts_is_not_lost(storhost, moment):
    """The interrupt comes when requests are not let in yet."""
    storhost.script("""
        idle
        clock advance 2
        idle
        ready
        discover
        check disk.blocks = 262144
    """, *device(f"{moment}=resize 262144"), *OPTIONS)
