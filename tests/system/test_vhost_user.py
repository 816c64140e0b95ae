# SPDX-License-Identifier: BSD-3-Clause
"""The driver on a second device that nobody here wrote: qemu-storage-daemon, by vhost-user."""

import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from conftest import ROOT, TIMEOUT_SECONDS
from serving import Server, command, fio

sys.path.append(str(ROOT / "bench"))
from storage_daemon import StorageDaemon  # noqa: E402 (found by the line above)

MEBIBYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> pathlib.Path:
    """An empty raw image."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as image:
        image.truncate(64 * MEBIBYTE)
    return path


@pytest.mark.every_target(few=1)
def test_data_are_right(storhost, tmp_path, disk):
    """Two queues, everything read is compared, and the image behind the driver's back."""
    with StorageDaemon(tmp_path, disk, queues=2) as daemon:
        done = storhost.run(daemon.device(queues=2), "--image", str(disk), "--overwrite",
                            "--bytes", "16M", "run")
    assert done.returncode == 0, done.stdout
    assert "hold what was written last" in done.stdout


def test_both_queues_serve(storhost, tmp_path, disk):
    with StorageDaemon(tmp_path, disk, queues=2) as daemon:
        storhost.script("""
            check device.kind = vhost-user
            check device.queues = 2
            check device.transport = modern
            check device.vectors = 3
            depth 64 random-rw 2000 3 blocks 1-32
            check device.queue.0.requests > 100
            check device.queue.1.requests > 100
        """, daemon.device(queues=2), "--scheduler", "free")


@pytest.mark.parametrize("vectors", [0, 3])
def test_resets_and_power(storhost, tmp_path, disk, vectors):
    """A reset is a new connection: nothing of the old one may reach memory behind it (rule late-dma)."""
    with StorageDaemon(tmp_path, disk, queues=2) as daemon:
        storhost.script("""
            write 0 8 1
            async held*64 write 1000 64 3
            reset bus
            wait held
            expect srb=success|bus-reset|error
            ready
            power off
            power on
            ready
            power-cycle
            reset bus
            ready
            stop
            restart
            ready
            verify 0 8 1
            surprise-remove
        """, daemon.device(queues=2), "--vectors", str(vectors))


def test_reset_waits_for_requests_in_flight(storhost, tmp_path, disk):
    """Reads that a slow back end still has when the driver resets: they end before the reset does, or
    they would be written into memory that is somebody else's by then (rule late-dma)."""
    with StorageDaemon(tmp_path, disk, limit=100) as daemon:
        storhost.script("""
            async held*64 read 0 8
            sleep 0.1
            reset bus
            wait held
            expect srb=success|bus-reset|error
            ready
            write 0 8 1
            verify 0 8 1
        """, daemon.device())


def test_other_programs_use_it(target, tmp_path, disk):
    """serve: fio verifies what it writes through NBD, storhost and the back end."""
    with StorageDaemon(tmp_path, disk, queues=2) as daemon:
        with Server(target, tmp_path, daemon.device(queues=2)) as server:
            fio(server, "--io_size=16M", size="32M")
            assert "vhost_user_blk" in server.sg("sg_inq", "--page=0x80", "/dev/sg999")
    command("qemu-img", "info", "-f", "raw", disk)


def test_back_end_dies(storhost, tmp_path, disk):
    """In the middle of a run: the run ends with a clear error, soon, and leaves nothing behind."""
    with StorageDaemon(tmp_path, disk) as daemon:
        with subprocess.Popen(
                storhost.target.command(daemon.device(), "--overwrite", "--bytes", "64M", "run"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                cwd=tmp_path) as running:
            assert running.stdout
            # Its first line of progress says that requests are on their way.
            while "write" not in running.stdout.read(64):
                assert running.poll() is None
            daemon.end(by=signal.SIGKILL)
            printed = running.stdout.read()
            assert running.wait(TIMEOUT_SECONDS) == 1, printed
    assert f"vhost-user back end at {daemon.socket}: it has ended" in printed
    assert {path.name for path in tmp_path.iterdir()} == {disk.name, daemon.log.name}


def test_silent_back_end(storhost, tmp_path):
    """One that takes the connection and answers nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen()
        done = storhost.run(f"--device=vhost-user:socket={tmp_path}/silent.sock,deadline=1", "info")
    assert done.returncode == 1
    assert "has not answered GET_FEATURES within 1 s" in done.stdout


@pytest.mark.parametrize("answer, text", [
    (b"\x01\0\0\0" b"\x05\0\0\0" b"\x08\0\0\0" + (1 << 30).to_bytes(8, "little"), "VERSION_1"),
    (b"\x01\0\0\0" b"\x05\0\0\0" b"\x08\0\0\0" + (1 << 32).to_bytes(8, "little"),
     "no protocol features"),
    (b"\x02\0\0\0" b"\x05\0\0\0" b"\x08\0\0\0" + bytes(8), "answer to GET_FEATURES is none"),
    (b"\x01\0\0\0" b"\x05\0\0\0" b"\xff\xff\0\0", "answer to GET_FEATURES is none"),
    (b"\x01\0\0\0" b"\x05\0\0\0" b"\x04\0\0\0" + bytes(4), "with 4 bytes, not 8"),
    (b"\x01\0", "closed the connection"),
])
def test_back_end_that_answers_badly(storhost, tmp_path, answer, text):
    """Its first answer lacks what is needed, is none, or breaks off."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "bad.sock"))
        listener.listen()
        with subprocess.Popen(
                storhost.target.command(f"--device=vhost-user:socket={tmp_path}/bad.sock", "info"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
            connection, _ = listener.accept()
            connection.recv(12)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            assert running.stdout
            printed = running.stdout.read()
            connection.close()
            assert running.wait(TIMEOUT_SECONDS) == 1, printed
    assert text in printed


@pytest.mark.parametrize("device, text", [
    ("vhost-user:socket=none.sock", "cannot connect: No such file or directory"),
    ("vhost-user:", "socket=PATH is missing"),
    ("vhost-user:socket=x,queue-size=100", "queue-size=100: a power of two"),
    ("vhost-user:socket=x,queues=0", "queues=0: 1 to 64"),
    ("vhost-user:socket=x,speed=9", "speed: no such option"),
    ("vhost-user:socket=" + "x" * 108, "at most 107 bytes"),
])
def test_wrong_devices_are_refused(storhost, device, text):
    done = storhost.run(f"--device={device}", "info")
    assert done.returncode == 1
    assert text in done.stdout


def test_more_queues_than_there_are(storhost, tmp_path, disk):
    with StorageDaemon(tmp_path, disk, queues=2) as daemon:
        done = storhost.run(daemon.device(queues=3), "info")
    assert done.returncode == 1
    assert "3 queues are asked for, the back end has 2" in done.stdout


def test_run_asks_for_consent(storhost, tmp_path, disk):
    with StorageDaemon(tmp_path, disk) as daemon:
        done = storhost.run(daemon.device(), "run")
    assert done.returncode == 1
    assert "--overwrite" in done.stdout
    assert not any(disk.read_bytes())
