# SPDX-License-Identifier: BSD-3-Clause
"""What the documents list is what the sources have: events, reasons, parameters."""

import re

from conftest import ROOT

DEBUGGING = (ROOT / "docs/debugging.md").read_text()


def numbers(heading: str) -> list[int]:
    """The first column of the table that begins with this column's heading."""
    table = DEBUGGING.split(f"\n| {heading} |", 1)[1].split("\n\n")[0]
    return [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]


def enumerators(header: str, name: str) -> list[str]:
    """The enumerators of an enumeration, in order."""
    text = (ROOT / header).read_text()
    body = text[text.index(f"typedef enum _{name} {{"):text.index(f"}} {name};")]
    return re.findall(r"^    (\w+)", re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL), re.MULTILINE)


def test_every_event_is_explained():
    values = re.findall(r"^    VioEvent\w+ = (\d+),", (ROOT / "viostor/virtio_store.h").read_text(),
                        re.MULTILINE)
    assert values and numbers("upper 16 bits") == [int(value) for value in values]


def test_every_reason_is_explained():
    reasons = enumerators("viostor/virtio_pci.h", "VIRTIO_PCI_RESULT")
    assert reasons[0] == "VirtioPciOk"
    assert numbers("reason") == list(range(1, len(reasons)))


def test_the_ring_faults_have_the_numbers_that_are_explained():
    faults = enumerators("viostor/virtio_ring.h", "VIRTQUEUE_FAULT")
    assert faults[4:] == ["VirtQueueFaultUsedIndex", "VirtQueueFaultUsedId", "VirtQueueFaultNotPending"]


def test_every_parameter_is_explained():
    read = set()
    for source in (ROOT / "viostor").glob("*.c"):
        read |= set(re.findall(r'PortReadParameter\([^")]*"(\w+)"', source.read_text()))
    section = DEBUGGING[DEBUGGING.index("## Registry parameters"):]
    assert read and set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == read
