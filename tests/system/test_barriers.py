# SPDX-License-Identifier: BSD-3-Clause
"""ARM64: the driver's barriers around packed rings, each of which the bench misses when it is gone.

For split rings miniports of tests/rules do this (barrier*.c).
"""

import pytest

from faulty import FaultySources
from targets import Target

ARM64 = pytest.mark.parametrize("target", [Target("wlh/arm64")], indirect=True, ids=["wlh-arm64"])

CHAINS = {"indirect": "", "direct": ",withhold=INDIRECT_DESC", "in-order": ",offer=IN_ORDER"}
SCRIPT = "depth 32 random-rw 100 3 blocks 1-16\nreset bus\nready\ndepth 32 random-rw 100 4 blocks 1-16\n"

FAULTS = {
    "publish": ("    VirtioStoreBarrier();\n", "", "make a chain available with no barrier"),
    "look": ("    VirtioFullBarrier();\n    Event = ", "    Event = ",
             "what the device wants to be told is loaded with no barrier"),
    "used": ("    VirtioLoadBarrier(); /* the flags before what they stand for */\n", "",
             "what the device wrote into descriptor 0 is loaded with no barrier"),
}


def options(chains: str) -> tuple[str, str]:
    return "--device", f"scripted:transport=modern,queue-size=64,offer=RING_PACKED{CHAINS[chains]}"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return FaultySources(tmp_path_factory.mktemp("faulty"))


@ARM64
@pytest.mark.parametrize("chains", CHAINS)
def test_packed_rings_are_in_order(storhost, chains):
    storhost.script(SCRIPT, *options(chains))


@ARM64
@pytest.mark.parametrize("chains", ["indirect", "direct"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_missing_barrier_is_found(storhost, sources, fault, chains):
    text, replacement, report = FAULTS[fault]
    driver = sources.build(storhost.target.name, "virtio_ring_packed.h", text, replacement)
    done = storhost.run(*options(chains), "script", "-", stdin=SCRIPT, driver=driver)
    assert done.returncode == 3, done.stdout
    assert "rule violation: barrier\n" in done.stdout and report in done.stdout, done.stdout
