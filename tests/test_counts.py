# SPDX-License-Identifier: BSD-3-Clause
"""The driver's exact counts per request against those recorded (bench/recorded.json). No time is
measured: the counts are the same at each run and on each machine."""

import json
import sys

import pytest

from targets import ROOT

sys.path.append(str(ROOT / "bench"))
import counts  # noqa: E402 (found by the line above)

RECORDED = json.loads(counts.RECORDED.read_text())

HELP = """
Where the instructions are:  bench/profile.py [--lines] -- --processors {processors} --device {device} ...
If the price is right:       make counts-record"""


def test_every_workload_is_recorded():
    assert set(RECORDED) == set(counts.WORKLOADS), "run: make counts-record"


@pytest.mark.parametrize("name", counts.WORKLOADS)
def test_counts_are_not_worse(name):
    workload = counts.WORKLOADS[name]
    found = counts.worse(RECORDED[name], counts.count(counts.DRIVER, workload))
    device = "scripted:transport=modern" + ("," + workload.device if workload.device else "")
    assert not found, "\n".join([workload.title, *found]) + HELP.format(
        processors=workload.processors, device=device)


def test_counts_are_the_same_each_time():
    first = counts.count(counts.DRIVER, counts.WORKLOADS["closed-4"])
    assert counts.count(counts.DRIVER, counts.WORKLOADS["closed-4"]) == first
