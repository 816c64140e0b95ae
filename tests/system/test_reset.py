# SPDX-License-Identifier: BSD-3-Clause
"""Requests that the device holds back: time out, reset in StorPort's tiers, recover.

StorPort's time-outs run on storhost's own clock, which the scripts advance. No request may be lost
or completed twice: the port model ends the run if one is (exit status 3).
"""

import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import TIMEOUT_SECONDS

pytestmark = pytest.mark.every_target

MANUAL = ["--clock", "manual", "--timeout", "10", "--events"]

HELD_BY_THROTTLE = """
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
verify 0 8 1
depth 32 random-write 200 5 blocks 1-16
compare
"""


def test_throttled_disk_resets_and_goes_on(storhost):
    """QEMU completes throttled requests inside the reset; the driver gives each back once."""
    printed = storhost.script(HELD_BY_THROTTLE, *MANUAL)
    held = re.search(r"unique id 0x0008([0-9a-f]{4})", printed)  # VioEventReset
    assert held and int(held[1], 16) > 0, printed


def test_throttled_disk_with_line_interrupt(storhost):
    storhost.script(HELD_BY_THROTTLE, *MANUAL, "--vectors", "0", "--transport", "legacy")


def test_reset_under_load(storhost):
    """Resets of every kind while requests are in flight on all queues."""
    storhost.script("""
        async load depth 64 random-write 3000 3 blocks 1-16 retry
        reset unit
        reset target
        reset bus
        reset unit
        reset bus
        wait load 60
        reset bus
        cdb 00 00 00 00 00 00
        expect sense=6/29/2
        depth 32 random-rw 200 4 blocks 1-16
        compare
    """, "--queues", "4", "--processors", "4")


class NbdServer:
    """A disk served by a process of its own, which can be stopped and killed."""

    def __init__(self, directory):
        image = directory / "disk.raw"
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        self.socket = directory / "nbd.sock"
        self.process = subprocess.Popen(
            ["qemu-nbd", "--format=raw", "--persistent", "--shared=0", f"--socket={self.socket}",
             "--discard=unmap", str(image)])
        deadline = time.monotonic() + 10
        while not self.socket.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.blockdev = f"driver=nbd,server.type=unix,server.path={self.socket}"

    def signal(self, number):
        self.process.send_signal(number)


@pytest.fixture
def nbd(tmp_path):
    server = NbdServer(tmp_path)
    yield server
    server.signal(signal.SIGCONT)
    server.process.kill()
    server.process.wait()


def talk(storhost, *options):
    """A storhost that reads its script line by line, while the test does other things."""
    return subprocess.Popen(
        storhost.target.command("--no-progress", *options, "script", "-"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=storhost.directory)


def say(process, *lines):
    process.stdin.write("".join(line + "\n" for line in lines))
    process.stdin.flush()


def wait_for(process, word):
    """Reads what the script says (its command `say`) until word comes."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if word in line:
            return
    raise AssertionError(f"storhost ended before it said {word}:\n{''.join(seen)}")


def test_stopped_server_hangs_the_reset_and_no_more(storhost, nbd):
    """While the server stands still the reset write hangs, as a guest's processor would; after that
    all requests come back once and the disk works."""
    process = talk(storhost, "--blockdev", nbd.blockdev, *MANUAL)
    say(process, "write 0 8 1", "say ready")
    wait_for(process, "ready")
    nbd.signal(signal.SIGSTOP)
    say(process, "async held*8 write 100 8 2", "say sent", "clock advance 11", "wait held 60",
        "expect srb=bus-reset|success", "say answered")
    wait_for(process, "sent")
    threading.Timer(1.5, nbd.signal, [signal.SIGCONT]).start()
    wait_for(process, "answered")
    say(process, "cdb 00 00 00 00 00 00", "expect sense=6/29/3", "write 100 8 3", "verify 100 8 3", "verify 0 8 1")
    rest, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, rest


def test_killed_server_fails_requests(storhost, nbd):
    """Without a server requests fail as Windows retries them, and no reset is needed for that."""
    process = talk(storhost, "--blockdev", nbd.blockdev, *MANUAL)
    say(process, "write 0 8 1", "say ready")
    wait_for(process, "ready")
    nbd.signal(signal.SIGKILL)
    nbd.process.wait()
    say(process, "write 0 8 2", "expect srb=error scsi=check-condition sense=b/00/06 length=0",
        "read 0 8", "expect srb=error scsi=check-condition sense=b/00/06 length=0")
    rest, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, rest
