# SPDX-License-Identifier: BSD-3-Clause
"""storhost throughput. Nothing here asks how fast anything is: that is for bench/throughput.py."""

import json
import signal
import subprocess
import sys

import pytest

from conftest import ROOT, TIMEOUT_SECONDS

sys.path.append(str(ROOT / "bench"))
from storage_daemon import StorageDaemon  # noqa: E402 (found by the line above)

SIZE = 16 << 20


def throughput(storhost, daemon: StorageDaemon, *options: str, queues: int = 1) -> dict:
    """What a few hundred requests came to."""
    done = storhost.run(daemon.device(queues=queues), "--queues", str(queues), "--requests", "500",
                        "--json", *options, "throughput")
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


@pytest.mark.parametrize("queues", [1, 2])
@pytest.mark.parametrize("subject", ["driver", "bare loop"])
def test_document(storhost, tmp_path, subject, queues):
    """Well formed, and its figures fit each other."""
    more = ["--bare-loop"] if subject == "bare loop" else []
    with StorageDaemon(tmp_path, size=SIZE, queues=queues) as daemon:
        found = throughput(storhost, daemon, "--depth", "32", *more, queues=queues)
    assert found["subject"].endswith("viostor.sys" if subject == "driver" else "bare loop")
    assert found["requests"] == 500
    assert (found["queues"], found["processors"]) == (queues, queues)
    assert (found["workload"], found["depth"], found["admitted"]) == ("read", 32, 32)
    assert found["request_bytes"] == 4096
    assert found["rules"] == "off"
    assert found["iops"] == pytest.approx(found["requests"] / found["seconds"])
    latency = found["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99.9"] <= latency["longest"]
    # What is outstanding is so all the time, but for beginning and end (Little's law).
    assert latency["mean"] * 1e-6 * found["iops"] <= 32 * 1.01
    assert 0 < found["processor_us"]["lanes"] <= found["processor_us"]["process"]
    assert 0 < found["exits"] <= 1
    assert 0 < found["interrupts"] <= 1


def test_one_at_a_time(storhost, tmp_path):
    """Each request has its doorbell and its interrupt: no event can be saved, and none is lost."""
    with StorageDaemon(tmp_path, size=SIZE) as daemon:
        for more in ([], ["--bare-loop"]):
            found = throughput(storhost, daemon, "--depth", "1", *more)
            assert found["exits"] == pytest.approx(1, abs=0.01)
            assert found["interrupts"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("more", [[], ["--bare-loop"]])
def test_writes_reach_the_disk(storhost, tmp_path, more):
    """With consent only; and they move data: what was there is gone."""
    image = tmp_path / "disk.raw"
    image.write_bytes(b"\xa5" * (1 << 20))
    with StorageDaemon(tmp_path, image) as daemon:
        refused = storhost.run(daemon.device(), "--workload", "write", *more, "throughput")
        assert refused.returncode == 1
        assert "--overwrite" in refused.stdout
        assert image.read_bytes() == b"\xa5" * (1 << 20)
        throughput(storhost, daemon, "--workload", "write", "--overwrite", "--requests", "4000", *more)
    blocks = [image.read_bytes()[at:at + 4096] for at in range(0, 1 << 20, 4096)]
    assert sum(block != b"\xa5" * 4096 for block in blocks) > len(blocks) / 2


def test_more_than_the_driver_takes(storhost, tmp_path):
    """A depth that StorPort was not told: the rest waits above the driver."""
    with StorageDaemon(tmp_path, size=SIZE) as daemon:
        found = throughput(storhost, daemon, "--depth", "600")
    assert found["depth"] == 600
    assert found["admitted"] < 600


def test_back_end_dies(storhost, tmp_path):
    with StorageDaemon(tmp_path, size=SIZE) as daemon:
        with subprocess.Popen(
                storhost.target.command(daemon.device(), "--seconds", "100", "throughput"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                cwd=tmp_path) as running:
            while daemon.processor_seconds() < 0.2:
                assert running.poll() is None
            daemon.end(by=signal.SIGKILL)
            assert running.stdout
            printed = running.stdout.read()
            assert running.wait(TIMEOUT_SECONDS) == 1, printed
    assert "vhost-user back end" in printed


def test_stops_when_told(storhost, tmp_path):
    with StorageDaemon(tmp_path, size=SIZE) as daemon:
        with subprocess.Popen(
                storhost.target.command(daemon.device(), "--seconds", "100", "throughput"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                cwd=tmp_path) as running:
            while daemon.processor_seconds() < 0.2:
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            assert running.stdout
            printed = running.stdout.read()
            assert running.wait(TIMEOUT_SECONDS) == 1, printed
    assert "stopped before the end" in printed


@pytest.mark.parametrize("options, text", [
    (["--device=scripted"], "--device=vhost-user"),
    (["--device=vhost-user:socket=x", "--scheduler=deterministic"], "processors that are free"),
    (["--device=vhost-user:socket=x", "--workload=flush"], "--workload=read or"),
    (["--device=vhost-user:socket=x", "--seconds=0"], "0.1 to 3600"),
])
def test_wrong_usage(storhost, options, text):
    done = storhost.run(*options, "throughput")
    assert done.returncode == 2
    assert text in done.stdout


@pytest.mark.parametrize("options, text", [
    (["--request-bytes", "1000"], "whole blocks"),
    (["--vectors", "0"], "needs message interrupts"),
])
def test_what_cannot_be(storhost, tmp_path, options, text):
    with StorageDaemon(tmp_path, size=SIZE) as daemon:
        done = storhost.run(daemon.device(), *options, "throughput")
    assert done.returncode == 1
    assert text in done.stdout
