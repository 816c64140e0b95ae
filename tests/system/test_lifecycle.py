# SPDX-License-Identifier: BSD-3-Clause
"""The life of an adapter on each kind of ring: stop, power, removal, hibernation, resets, late answers.

After each of them nothing is lost, nothing comes back twice, no memory is given back that the device
may still write (the rules of the bench end the run otherwise), and the next request works.
"""

import pytest

RINGS = {
    "split": "",
    "split-direct": "withhold=INDIRECT_DESC,withhold=EVENT_IDX",
    "packed": "offer=RING_PACKED",
    "packed-direct": "offer=RING_PACKED,withhold=INDIRECT_DESC",
    "packed-flags": "offer=RING_PACKED,withhold=EVENT_IDX",
    "in-order": "offer=RING_PACKED,offer=IN_ORDER",
}
EVERY_RING = pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS.keys())
MANUAL = ("--clock", "manual", "--timeout", "10", "--events")

QEMU_RINGS = {
    "split": "",
    "packed": "packed=on,",
}
EVERY_QEMU_RING = pytest.mark.parametrize("ring", QEMU_RINGS.values(), ids=QEMU_RINGS.keys())


def scripted(ring: str, *more: str) -> tuple[str, str]:
    return "--device", ",".join(["scripted:transport=modern", *filter(None, (ring, *more))])


def qemu(ring: str, *more: str) -> tuple[str, ...]:
    return "--transport", "modern", "--qemu-device", f"{ring}queue-size=64", *more


LIFE = """
write 0 8 1
depth 32 random-rw 200 3 blocks 1-16
stop
restart
ready
verify 0 8 1
depth 32 random-rw 200 4 blocks 1-16
power off
power on
ready
verify 0 8 1
stop
restart
reset bus
ready
depth 32 random-rw 200 5 blocks 1-16
remove
"""


@EVERY_RING
def test_stop_power_removal(storhost, ring):
    storhost.script(LIFE, *scripted(ring, "queues=4"), "--processors", "4")


@EVERY_QEMU_RING
@pytest.mark.parametrize("vectors", ["0", "5"])
def test_stop_power_removal_on_qemu(storhost, ring, vectors):
    storhost.script(LIFE, *qemu(ring, "--queues", "4", "--processors", "4", "--vectors", vectors))


@EVERY_RING
def test_surprise_removal_with_requests_in_flight(storhost, ring):
    """What the device held and what waited in the driver comes back; later requests are refused."""
    storhost.script("""
        write 0 8 1
        device hold all
        async held*300 write 100 8 2
        idle
        outstanding held 300
        surprise-remove
        wait held 30
        expect srb=no-device
    """, *scripted(ring))


@EVERY_QEMU_RING
def test_surprise_removal_on_qemu(storhost, ring):
    storhost.script("""
        write 0 8 1
        hold
        async held*20 write 100 8 2
        surprise-remove
        wait held 30
        expect srb=no-device|success|error|bus-reset
    """, *qemu(ring))


@EVERY_QEMU_RING
def test_hibernation_and_resume(storhost, ring):
    """The second copy of the driver negotiates less than the first; the first one finds its own again."""
    storhost.script("""
        check device.features has VERSION_1
        write 0 8 1
        depth 16 random-rw 100 3 blocks 1-16
        hibernate
        dump-start
        check device.features lacks RING_PACKED
        dump-write 1000 300 11
        dump-flush
        dump-verify 1000 300 11
        dump-end
        resume
        ready
        verify 0 8 1
        depth 16 random-rw 100 4 blocks 1-16
        compare
    """, *qemu(ring))


@EVERY_RING
def test_crash_dump_after_every_ring(storhost, ring):
    """A dump starts from a device that runs with the first copy's rings, whatever they are."""
    storhost.script("""
        write 0 8 1
        device hold all
        async held*20 write 100 8 2
        idle
        crash
        device release all
        dump-start
        check device.features lacks RING_PACKED
        check device.features lacks IN_ORDER
        check device.features lacks NOTIFICATION_DATA
        dump-write 1000 300 11
        dump-flush
        dump-verify 1000 300 11
        dump-end
    """, *scripted(ring, "offer=NOTIFICATION_DATA"))


RESETS = """
async load depth 64 random-write 2000 3 blocks 1-16 retry
reset unit
reset bus
reset target
reset bus
reset bus
wait load 60
reset bus
ready
depth 32 random-rw 200 4 blocks 1-16
"""


@EVERY_RING
def test_resets_under_load(storhost, ring):
    storhost.script(RESETS, *scripted(ring, "queues=4,order=shuffle,complete=3"),
                    "--processors", "4")


def test_resets_under_load_on_qemu(storhost):
    """On split rings test_reset.py does this."""
    storhost.script(RESETS + "compare\n", *qemu("packed=on,", "--queues", "4", "--processors", "4"))


@EVERY_RING
@pytest.mark.parametrize("late", ["reset=complete", "reset=complete,reset-reads=40", "reset=drop"])
def test_answers_that_come_too_late(storhost, ring, late):
    """Requests time out; the device answers them while it is being reset, or never."""
    printed = storhost.script("""
        write 0 8 1
        device hold all
        async held*8 read 0 8
        idle
        clock advance 11
        wait held 20
        expect srb=bus-reset
        device release all
        ready
        verify 0 8 1
        depth 64 random-rw 300 4 blocks 1-16
    """, *scripted(ring, late), *MANUAL)
    assert "unique id 0x00080008" in printed, printed  # VioEventReset: the device held 8


@EVERY_RING
def test_answer_between_timeout_and_reset(storhost, ring):
    """The last look into the rings finds what was answered without an interrupt: it succeeds."""
    storhost.script("""
        write 0 8 1
        device set lose-interrupts=all
        async answered*5 read 0 8
        idle
        clock advance 11
        wait answered 20
        expect srb=success
        device set lose-interrupts=0
        ready
        verify 0 8 1
    """, *scripted(ring), *MANUAL)


# ---- Making one queue anew (RING_RESET) ----

@EVERY_RING
@pytest.mark.parametrize("queues", ["1", "4"])
def test_broken_idle_queue_is_made_anew(storhost, ring, queues):
    """A device that lied about a ring when it held nothing: the queue is reset, the device is not."""
    lie = ("device fault index-jump=1 type=out\nwrite 100 8 2 processor 0" if "PACKED" in ring else
           "spoil-ring\ndevice interrupt 1\nidle")  # in a split ring the index alone tells
    printed = storhost.script(f"""
        write 0 8 1
        check device.resets = 3
        {lie}
        async after*50 write 100 8 3 processor 0
        clock advance 1
        wait after 20
        expect srb=success
        verify 100 8 3
        check device.queue_resets = 1
        check device.resets = 3
        depth 64 random-rw 300 4 blocks 1-16
    """, *scripted(ring, f"queues={queues},offer=RING_RESET"), "--processors", queues, *MANUAL)
    assert "unique id 0x0007" in printed, printed  # VioEventQueueBroken
    assert "unique id 0x0008" not in printed, printed  # VioEventReset


@EVERY_RING
def test_broken_queue_with_requests_outstanding_needs_a_reset(storhost, ring):
    """RING_RESET is never used to get requests back."""
    printed = storhost.script("""
        write 0 8 1
        device fault never type=in
        async held read 0 8
        idle
        device fault twice type=out
        async lied write 100 8 2
        idle
        clock advance 1
        wait held 20
        expect srb=bus-reset
        wait lied 20
        expect srb=success|bus-reset
        check device.queue_resets = 0
        ready
        write 100 8 2
        verify 100 8 2
    """, *scripted(ring, "offer=RING_RESET") if "IN_ORDER" not in ring else
         scripted("offer=RING_PACKED", "offer=RING_RESET"), *MANUAL)
    assert "unique id 0x0007" in printed and "unique id 0x0008" in printed, printed


def test_broken_idle_queue_without_ring_reset(storhost):
    printed = storhost.script("""
        write 0 8 1
        device fault index-jump=1 type=out
        write 100 8 2
        clock advance 1
        ready
        write 100 8 3
        verify 100 8 3
    """, *scripted("offer=RING_PACKED"), *MANUAL)
    assert "unique id 0x0007" in printed and "unique id 0x0008" in printed, printed


@EVERY_QEMU_RING
def test_broken_idle_queue_is_made_anew_on_qemu(storhost, ring):
    """The bench spoils the ring in the device's place, and has the device interrupt."""
    storhost.script("""
        check device.features has RING_RESET
        write 0 8 1
        check device.resets = 3
        spoil-ring
        resize 512M
        idle
        sleep 0.3
        event unique id 0x0007
        ready
        write 0 8 2
        verify 0 8 2
        check device.queue_resets = 1
        check device.resets = 3
        depth 32 random-rw 200 5 blocks 1-16
    """, *qemu(ring, "--vectors", "1", "--events"))


# ---- Configuration and completions by one message ----

@pytest.mark.parametrize("transport", ["modern", "legacy"])
def test_configuration_change_beside_completions(storhost, transport):
    """With one message for everything a change whose interrupt told of completions, too, is seen."""
    storhost.script("""
        write 0 8 1
        device set lose-interrupts=1
        device resize 262144
        read 0 8
        clock advance 2
        cdb 00 00 00 00 00 00
        expect sense=6/2a/09
        discover
        check disk.blocks = 262144
        remove
    """, "--device", f"scripted:transport={transport}", "--vectors", "1", *MANUAL)


# ---- What a device may want of doorbells and memory ----

@EVERY_RING
def test_transport_features(storhost, ring):
    """Doorbells with data, with other numbers than the queues'; ordering and addresses of a bus."""
    storhost.script("""
        check device.features has NOTIFICATION_DATA
        check device.features has NOTIF_CONFIG_DATA
        check device.features has ORDER_PLATFORM
        check device.features has ACCESS_PLATFORM
        depth 64 random-write 600 7 blocks 1-32
        reset bus
        ready
        depth 64 random-rw 600 8 blocks 1-32
    """, *scripted(ring, "queues=4,offer=NOTIFICATION_DATA,offer=NOTIF_CONFIG_DATA,"
                         "offer=ORDER_PLATFORM,offer=ACCESS_PLATFORM"), "--processors", "4")


@pytest.mark.parametrize("size", ["100", "255", "24"])
def test_packed_ring_of_an_odd_size(storhost, size):
    """A packed ring may have any size; the driver uses the power of two in it."""
    storhost.script(f"""
        check device.queue.0.size = {1 << (int(size).bit_length() - 1)}
        depth 64 random-rw 300 8 blocks 1-16
    """, *scripted("offer=RING_PACKED", f"queue-size={size}"))


def test_packed_rings_can_be_refused(storhost):
    storhost.script("check device.features lacks RING_PACKED\nwrite 0 8 1\nverify 0 8 1",
                    *qemu("packed=on,", "--parameter", "PackedRing=0"))


# ---- StorPort's queue paused and resumed ----

PAUSED = """
write 0 8 1
device hold all
async inside*8 write 100 8 2
idle
queue pause {whole}
async outside*40 write 3000 8 3
device release all
wait inside 20
expect ok
idle
outstanding outside 40
"""


@pytest.mark.parametrize("whole", ["", "adapter"])
@EVERY_RING
def test_paused_queue(storhost, ring, whole):
    """What the driver has comes back; what comes later is sent with the resume, by which time the adapter may
    have been reset, stopped, and without power."""
    storhost.script(PAUSED.format(whole=whole) + f"""
        queue resume {whole}
        wait outside 20
        expect ok
        verify 3000 8 3
        async more*40 read 3000 8
        wait more 20
        queue pause {whole}
        async load depth 64 random-rw 600 7 blocks 1-16 retry
        idle
        reset unit
        reset bus
        power off
        power on
        idle
        outstanding load 1
        queue resume {whole}
        wait load 60
        verify 3000 8 3
    """, *scripted(ring))


@EVERY_RING
def test_pauses_under_load(storhost, ring):
    storhost.script("""
        async load depth 64 random-rw 3000 3 blocks 1-16 retry
        queue pause
        queue resume
        queue pause adapter
        reset bus
        queue resume adapter
        queue pause
        stop
        restart
        queue resume
        queue pause
        queue pause adapter
        queue resume
        power off
        power on
        queue resume adapter
        wait load 60
        check counters.timeouts = 0
    """, *scripted(ring, "queues=4,order=shuffle,complete=3"), "--processors", "4")


def test_surprise_removal_with_a_paused_queue(storhost):
    """Both kinds of requests end as what they are: those that the driver has by the driver."""
    storhost.script("""
        write 0 8 1
        device hold all
        async inside*20 write 100 8 2
        idle
        queue pause
        async outside*20 write 500 8 3
        idle
        surprise-remove
        wait inside 30
        expect srb=no-device
        wait outside 30
        expect srb=no-device
    """, *scripted(""))
