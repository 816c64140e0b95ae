# SPDX-License-Identifier: BSD-3-Clause
"""PnP stops the adapter to give it other resources, and starts it with them.

Afterwards nothing of what the port driver gave before may be used (the bench has taken it back, and the rules
tell of each use): memory, mappings, messages.
"""

import pytest

pytestmark = pytest.mark.every_target(few=2)

WORKS = """
ready
verify 0 8 1
write 8 8 2
depth 32 random-rw 200 4 blocks 1-16
"""


def device(*more: str) -> tuple[str, str]:
    return "--device", ",".join(["scripted:transport=modern", *more])


def test_other_bars_and_memory(storhost):
    storhost.script("write 0 8 1\n" + f"pnp stop\npnp start\n{WORKS}" * 3 + "reset bus\n" + WORKS, *device())


def test_the_rest_of_life_goes_on_afterwards(storhost):
    storhost.script(f"""
        write 0 8 1
        stop
        restart
        pnp stop
        pnp start
        stop
        restart
        {WORKS}
        power off
        power on
        pnp stop
        pnp start
        {WORKS}
        remove
    """, *device())


@pytest.mark.parametrize("seed", range(6))
def test_with_a_dpc_beside_the_stop(storhost, seed):
    """In both readings of how ScsiStopAdapter comes: at DIRQL with the interrupt lock, or at PASSIVE_LEVEL."""
    for locked in ("yes", "no"):
        storhost.script("write 0 8 1\n" + f"""
            depth 32 random-rw 100 4 blocks 1-16
            pnp stop
            pnp start
            ready
            depth 32 random-rw 100 5 blocks 1-16
            stop
            restart
            ready
        """ * 2, *device(), "--seed", str(seed), "--reading", f"control-locked={locked}")


def test_on_qemu(storhost):
    storhost.script("write 0 8 1\n" + f"pnp stop\npnp start\n{WORKS}" * 2 + "compare\n")


@pytest.mark.parametrize("messages", [(5, 2, 1, 5), (5, 0, 5), (0, 5), (3, 0)])
def test_more_and_fewer_messages(storhost, target, messages):
    if target.flavour != "wlh":
        pytest.skip("the Windows of this file gives no messages")
    first, *later = messages
    storhost.script("write 0 8 1\n" + "".join(f"pnp stop\npnp start {count}\n{WORKS}" for count in later),
                    *device("queues=4"), "--processors", "4", "--vectors", str(first))


def test_a_device_that_is_another_one_afterwards(storhost):
    """As after a start: what it is, is asked anew."""
    storhost.script("""
        check disk.blocks = 131072
        pnp stop
        device resize 262144
        device set withhold=EVENT_IDX
        pnp start
        ready
        discover
        check disk.blocks = 262144
        check device.features lacks EVENT_IDX
        depth 32 random-rw 200 4 blocks 1-16
    """, *device())


def test_a_device_that_is_not_there_afterwards(storhost):
    """The start fails; nothing leaks, and what waited comes back."""
    storhost.script("""
        write 0 8 1
        pnp stop
        device set refuse-features=on
        async later*3 read 0 8
        pnp start
        expect failed HwFindAdapter
        wait later 10
        expect srb=no-device
    """, *device())
