# SPDX-License-Identifier: BSD-3-Clause
"""Every order of the driver's accesses to a ring and the device's steps, for each kind of ring.

storhost's command interleave tries them; whatever order, no request may be lost. That it finds one
that is lost is tried on drivers with a fault.
"""

import re

import pytest

from faulty import FaultySources

RINGS = {
    "split": "",
    "packed": "offer=RING_PACKED",
    "split-in-order": "offer=IN_ORDER",
    "packed-in-order": "offer=RING_PACKED,offer=IN_ORDER",
}
EVENTS = {"events": "", "flags": "withhold=EVENT_IDX"}
CHAINS = {"indirect": "", "direct": "withhold=INDIRECT_DESC"}


def device(*options: str) -> str:
    return ",".join(["scripted:transport=modern,queue-size=8", *filter(None, options)])


def interleave(storhost, what: str, requests: int, *options: str, **more):
    return storhost.run("--device", what, "--requests", str(requests), *options, "interleave", **more)


@pytest.mark.parametrize("chains", CHAINS.values(), ids=CHAINS.keys())
@pytest.mark.parametrize("events", EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS.keys())
def test_no_order_loses_a_request(storhost, pytestconfig, ring, events, chains):
    """One and two requests in all orders; three with --full."""
    requests = 3 if pytestconfig.getoption("--full") else 2
    done = interleave(storhost, device(ring, events, chains), requests, "--limit", "100000", timeout=600)
    assert done.returncode == 0, done.stdout
    for count in range(1, requests + 1):
        assert re.search(rf"^{count} requests?: \d+ interleavings stand for all", done.stdout, re.M), \
            done.stdout


def test_three_requests_on_the_usual_ring(storhost):
    """More than two requests, as far as a few seconds go."""
    done = interleave(storhost, device(), 3, "--limit", "2000")
    assert done.returncode == 0 and "3 requests:" in done.stdout, done.stdout


# What is taken out of the driver, by file: a text and what stands in its place.
FAULTS = {
    "plain-recheck": ("virtio_ring_split.h",
                      "return VirtRingLoad16(&Complete->Used->Index) != UsedIndex;",
                      "return FALSE;"),
    "plain-kick": ("virtio_ring_split.h",
                   "return VirtRingLoad16(Submit->KickHint) == Index;",
                   "return VirtRingLoad16(Submit->KickHint) == Index + 1;"),
    "split-recheck": ("virtio_ring_split.h",
                      "return (USHORT)(Seen - Complete->UsedIndex) >= Wanted;",
                      "return (USHORT)(Seen - Complete->UsedIndex) > 0x7000;"),
    "packed-recheck": ("virtio_ring_packed.h",
                       "return VirtPackedLooksUsed(Queue, Last) || Complete->BatchEnd != VIRTQUEUE_NONE;",
                       "return VirtPackedLooksUsed(Queue, Last) && Complete->BatchEnd == 0;"),
    "split-kick": ("virtio_ring_split.h",
                   "return (USHORT)(New - Hint - 1) < (USHORT)(New - Old);",
                   "return Hint == Old && New != Old + 1;"),
    "packed-kick": ("virtio_ring_packed.h",
                    "return (USHORT)(Behind - 1) < (USHORT)(New - Old);",
                    "return Behind == 2;"),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return FaultySources(tmp_path_factory.mktemp("faulty"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_request_is_found(storhost, sources, fault):
    """Without the second look after asking for an interrupt, or with a wrong idea of when the device
    wants a doorbell, some order of steps loses a request."""
    rings = {"packed": "offer=RING_PACKED", "split": "offer=IN_ORDER", "plain": ""}
    ring = rings[fault.split("-")[0]]
    driver = sources.build(storhost.target.name, *FAULTS[fault])
    done = interleave(storhost, device(ring), 2, "--limit", "100000", driver=driver, timeout=600)
    assert done.returncode in (1, 3), done.stdout
    assert "came back in this order" in done.stdout
    if fault.endswith("kick"):
        assert "doorbell" in done.stdout
