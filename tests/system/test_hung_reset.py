# SPDX-License-Identifier: BSD-3-Clause
"""A device that is told to reset and does not end it, for long or for ever.

Until its status reads 0 it may write to every buffer that it was told of: none of them may be given
back (the scripted device knows what it has; rule late-dma), and Windows must come by with every other
request all the same.
"""

import pytest

pytestmark = pytest.mark.every_target(few=1)

OPTIONS = ("--clock", "manual", "--timeout", "10", "--events")

# Requests of three kinds are the device's, and more than the ring holds wait in the driver.
HANG = """
write 0 8 1
device hold all
async reads*8 read 0 8
async writes*4 write 100 8 2
async verifies cdb 2f 00 00 00 00 00 00 08 00 00
idle
device set reset-reads=never
clock advance 11
idle
outstanding reads 8
outstanding writes 4
"""

GOES_ON = """
device release all
ready
verify 0 8 1
write 100 8 3
verify 100 8 3
cdb 2f 00 00 00 00 00 00 08 00 00
depth 64 random-rw 300 4 blocks 1-16
"""

RECOVERS = """
device set reset-reads=0
device end-reset
clock advance 2
wait reads 20
expect srb=bus-reset
wait writes 20
expect srb=bus-reset
wait verifies 20
expect srb=bus-reset
check counters.timeouts >= 1
""" + GOES_ON


def device(*more: str) -> tuple[str, str]:
    return "--device", ",".join(["scripted:transport=modern", *more])


@pytest.mark.parametrize("kind", ["", "reset=work", "reset=late", "offer=RING_PACKED", "offer=IN_ORDER"])
def test_nothing_is_given_back_before_the_device_lets_go(storhost, kind):
    """The driver looks at it once a second, and gives all back when the reset is done. A device that
    goes on working meanwhile (reset=work) changes nothing."""
    printed = storhost.script(HANG + RECOVERS, *device(*filter(None, [kind])), *OPTIONS)
    assert "unique id 0x0009" in printed, printed  # VioEventResetFailed


def test_it_is_told_once(storhost):
    """The event log is not filled by a device that hangs for a day."""
    printed = storhost.script(HANG + "clock advance 100\nidle\n" * 20 + RECOVERS, *device(), *OPTIONS)
    assert printed.count("unique id 0x0009") == 1, printed
    assert printed.count("unique id 0x0008") == 1, printed


def test_later_requests_come_back(storhost):
    """What the device was never told of is given back with each of Windows' resets."""
    storhost.script(HANG + """
        async later*20 write 200 8 5
        idle
        outstanding later 20
        clock advance 11
        wait later 20
        expect srb=bus-reset
        async again*20 read 200 8
        clock advance 11
        wait again 20
        expect srb=bus-reset
        outstanding reads 8
        outstanding writes 4
        check counters.bus_resets >= 2
    """ + RECOVERS, *device(), *OPTIONS)


def test_windows_own_reset_finds_the_end(storhost):
    """Not only the driver's timer does."""
    storhost.script(HANG + """
        device set reset-reads=0
        device end-reset
        reset bus
        wait reads 20
        expect srb=bus-reset
        wait writes 20
        expect srb=bus-reset
        wait verifies 20
        expect srb=bus-reset
    """ + GOES_ON, *device(), *OPTIONS)


def test_surprise_removal_of_a_device_that_hangs(storhost):
    """A device that has gone writes nothing any more: now all comes back."""
    storhost.script(HANG + """
        surprise-remove
        wait reads 30
        expect srb=no-device
        wait writes 30
        expect srb=no-device
        wait verifies 30
        expect srb=no-device
    """, *device(), *OPTIONS)


@pytest.mark.parametrize("queues", ["1", "4"])
def test_resets_under_load_that_take_long(storhost, queues):
    """Reset upon reset of a device that takes a while for each, longer than a reset waits for it."""
    storhost.script("""
        async load depth 64 random-rw 2000 3 blocks 1-16 retry
        reset bus
        clock advance 1
        reset unit
        reset bus
        clock advance 2
        wait load 60
        device set reset-reads=0
        ready
        depth 32 random-rw 200 4 blocks 1-16
    """, *device(f"queues={queues},reset=work,reset-reads=500"), "--processors", "4", *OPTIONS)


def test_stop_of_a_device_that_hangs(storhost):
    """An idle one, as Windows has it when it stops an adapter; power ends the reset, and what the ring
    held before is nothing to the next start."""
    storhost.script("""
        write 0 8 1
        depth 32 random-rw 300 2 blocks 1-16
        device set reset-reads=never
        stop
        event unique id 0x0009
        device set reset-reads=0
        restart
        ready
        verify 0 8 1
        depth 32 random-rw 300 3 blocks 1-16
    """, *device("queue-size=64"), *OPTIONS)


@pytest.mark.every_target(flavours=["wlh"], few=1)
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_no_processor_waits_for_another_ones_reset(storhost, seed):
    """The device drains as QEMU does: the write that resets it does not return for a while. Another
    processor that is asked for a reset meanwhile does not spin at DISPATCH_LEVEL (stop 0x133), and
    all that is outstanding comes back when the device does. (By the seed, one time in eight the
    request comes on the processor that hangs.)"""
    storhost.script("""
        write 0 8 1
        device hold all
        async reads*8 read 0 8
        idle
        device set reset-hangs=15
        device needs-reset
        clock advance 1
        clock advance 60
        wait reads 20
        expect srb=bus-reset
        check counters.unit_resets >= 1
        device release all
        ready
        verify 0 8 1
        depth 64 random-rw 300 4 blocks 1-16
    """, *device("queues=4"), "--processors", "8", "--seed", seed, *OPTIONS)
