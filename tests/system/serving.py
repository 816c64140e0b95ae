# SPDX-License-Identifier: BSD-3-Clause
"""A `storhost serve` for the tests, and the programs that reach its disk."""

import os
import pathlib
import signal
import subprocess
import time

from conftest import BUILD, TIMEOUT_SECONDS
from targets import Target


def command(*arguments, expect: int | None = 0, timeout: int = TIMEOUT_SECONDS, **more) -> str:
    """Runs a program; what it printed, output and errors in one."""
    done = subprocess.run([str(argument) for argument in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, **more)
    if expect is not None:
        assert done.returncode == expect, f"exit status {done.returncode}:\n{done.stdout}"
    return done.stdout


class Server:
    """storhost serve, up from the start of a with block to its end, where it must end well."""

    def __init__(self, target: Target, directory: pathlib.Path, *options: str,
                 driver: pathlib.Path | None = None) -> None:
        self.directory = directory
        self.socket = directory / "storhost.sock"
        self.nbd_socket = directory / "nbd.sock"
        self.uri = f"nbd+unix:///?socket={self.nbd_socket}"
        self.log = directory / "serve.txt"
        self.process = None
        self.arguments = target.command("--nbd-socket", self.nbd_socket, *options, "serve",
                                        driver=driver)

    def __enter__(self):
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=subprocess.STDOUT,
                                            cwd=self.directory)
        until = time.monotonic() + TIMEOUT_SECONDS
        while "\nready" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "serve does not get ready"
            time.sleep(0.02)
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            status = self.stop()
            if kind is None:
                assert status == 0, f"exit status {status}:\n{self.log.read_text()}"

    def stop(self, by: int = signal.SIGINT) -> int:
        """Sends a signal; the exit status."""
        self.process.send_signal(by)
        return self.wait()

    def wait(self) -> int:
        """The exit status. Whatever it was, nothing may be left behind."""
        try:
            status = self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert not self.socket.exists(), "the socket is left behind"
        assert not self.nbd_socket.exists(), "the NBD socket is left behind"
        return status

    def children(self, name: str) -> list[int]:
        """Process ids of running children whose program is called so."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                text = (process / "stat").read_text()
            except OSError:
                continue  # ended meanwhile
            program, fields = text.split("(", 1)[1].rsplit(")", 1)
            state, parent = fields.split()[:2]
            if int(parent) == self.process.pid and program.startswith(name) and state != "Z":
                found.append(int(process.name))
        return found

    def sg_environment(self) -> dict[str, str]:
        return {**os.environ, "LD_PRELOAD": str(BUILD / "libstorhost-sg.so"),
                "STORHOST_SG": str(self.socket)}

    def sg(self, *arguments, **more) -> str:
        """Runs a SCSI program on the disk, which it sees as /dev/sg999."""
        return command(*arguments, env=self.sg_environment(), **more)


def make_image(path: pathlib.Path, kind: str, size: str = "64M") -> str:
    """An empty image of that format; its path for a command line."""
    command("qemu-img", "create", "-q", "-f", kind, path, size)
    return str(path)


def fio(server: Server, *options: str, size: str = "64M", name: str = "job") -> str:
    """Random reads and writes of mixed sizes; what was written is read again and verified."""
    return command("fio", f"--name={name}", "--ioengine=nbd", f"--uri={server.uri}",
                   "--iodepth=32", f"--size={size}", "--rw=randrw", "--bsrange=512-128k",
                   "--blockalign=512", "--verify=crc32c", "--verify_fatal=1", "--randseed=7",
                   *options, cwd=server.directory)
