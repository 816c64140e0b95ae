# SPDX-License-Identifier: BSD-3-Clause
"""The driver for Server 2003, whose StorPort grants it DPCs and a passive routine, or does not.

Without them it completes requests in the interrupt routine, under the interrupt lock.
"""

import json

import pytest

from serving import Server, fio, make_image

pytestmark = pytest.mark.every_target(flavours=["wnet"])

SERVICES = {
    "granted": [],
    "no-dpc": ["--refuse-dpc"],
    "no-passive": ["--refuse-passive"],
}

BUSY_LIFE = """
async load depth 64 random-write 1000 3 blocks 1-16 retry
reset unit
reset target
reset bus
reset unit
wait load 60
stop
restart
ready
depth 32 random-rw 200 4 blocks 1-16
power off
power on
ready
write 0 8 1
flush
verify 0 8 1
"""


@pytest.mark.every_target(flavours=["wnet"], few=4)
@pytest.mark.parametrize("services", SERVICES)
@pytest.mark.parametrize("transport", ["legacy", "transitional", "modern"])
def test_resets_stops_and_power_under_load(storhost, services, transport):
    dpcs = "> 0" if services == "granted" else "= 0"
    storhost.script(BUSY_LIFE + f"check counters.dpcs {dpcs}\ncompare\n", *SERVICES[services], "--transport",
                    transport, "--processors", "4", "--shared-line", "--spurious")


@pytest.mark.parametrize("services", SERVICES)
def test_requests_time_out_and_recover(storhost, services):
    """A disk that stands still: the reset gives each request back once, the next ones work."""
    storhost.script("""
        write 0 8 1
        hold
        async held*20 write 1000 8 2
        clock advance 11
        wait held 20
        expect srb=bus-reset|aborted|success|timeout
        release
        cdb 00 00 00 00 00 00
        expect sense=6/29/3
        write 1000 8 3
        verify 1000 8 3
        depth 32 random-write 200 5 blocks 1-16
        compare
    """, *SERVICES[services], "--clock", "manual", "--timeout", "10")


@pytest.mark.parametrize("services", SERVICES)
@pytest.mark.parametrize("scheduler", ["deterministic", "free"])
def test_small_ring_is_guarded(storhost, services, scheduler):
    """Requests are sent and completed on several processors, in a ring of which each descriptor is used
    over and over; whatever guards it keeps them apart. One processor at a time, the bench looks for
    the lock at each access (rule ring-lock); with all of them at once, the data are compared."""
    count = 1000 if scheduler == "deterministic" else 10000
    storhost.script(f"""
        depth 64 random-write {count} 3 blocks 1-2
        depth 32 random-rw {count} 5 blocks 1
    """, *SERVICES[services], "--device", "scripted:transport=modern,queue-size=16,order=shuffle,complete=3",
                    "--scheduler", scheduler, "--processors", "4")


@pytest.mark.parametrize("services", SERVICES)
def test_hot_queue(target, tmp_path, services):
    """Another program keeps the one queue full from all processors; all it reads is verified."""
    image = make_image(tmp_path / "disk.qcow2", "qcow2")
    with Server(target, tmp_path, "--image", image, "--queues", "4", "--processors", "4",
                *SERVICES[services]) as server:
        assert "err= 0" in fio(server, size="32M")


def test_first_command_hears_of_power_on(storhost):
    """Discovery asks once more after a unit attention, and so sends as many requests in each case."""
    requests = set()
    for options in SERVICES.values():
        done = storhost.run(*options, "info", "--json")
        assert done.returncode == 0, done.stdout
        requests.add(json.loads(done.stdout)["counters"]["requests"])
    assert len(requests) == 1, requests


def test_extended_functions_are_not_imported(storhost):
    """What Server 2003 lacks would keep the driver from being loaded."""
    assert b"StorPortExtendedFunction" not in storhost.target.driver.read_bytes()
