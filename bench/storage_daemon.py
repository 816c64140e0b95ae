# SPDX-License-Identifier: BSD-3-Clause
"""qemu-storage-daemon as a vhost-user-blk back end: for the throughput measurement and for tests."""

import os
import pathlib
import signal
import subprocess
import time

START_SECONDS = 30
END_SECONDS = 3


class StorageDaemon:
    """Serves one disk at a UNIX socket, from the start of a with block to its end.

    image: a raw file; None: QEMU's null device, which moves no data, of `size` bytes.
    processors: those that it may run on; None: all. limit: requests that it does in a second; None: all.

    It serves in a thread of its own that does not poll, so that each doorbell and each interrupt that
    is due really is one.
    """

    def __init__(self, directory: pathlib.Path, image: pathlib.Path | None = None,
                 size: int = 1 << 30, queues: int = 1, processors: set[int] | None = None,
                 limit: int | None = None) -> None:
        self.processors = processors
        self.socket = directory / "vhost.sock"
        self.log = directory / "storage-daemon.txt"
        node = (f"driver=file,filename={image}" if image
                else f"driver=null-co,size={size},read-zeroes=on")
        throttle = []
        if limit:
            throttle = ["--object", f"throttle-group,id=limit,x-iops-total={limit}",
                        "--blockdev", f"node-name=below,{node}"]
            node = "driver=throttle,throttle-group=limit,file=below"
        # It ends with this process, however that ends. SIGTERM would not do: with a client, version 7.2
        # waits for ever.
        self.command = [
            "setpriv", "--pdeathsig", "KILL", "qemu-storage-daemon", *throttle, "--blockdev", f"node-name=disk,{node}",
            "--object", "iothread,id=server,poll-max-ns=0",
            "--export", f"vhost-user-blk,id=export,node-name=disk,writable=on,num-queues={queues},"
                        f"iothread=server,addr.type=unix,addr.path={self.socket}"]
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "StorageDaemon":
        self.socket.unlink(missing_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        if self.processors:
            os.sched_setaffinity(self.process.pid, self.processors)
        until = time.monotonic() + START_SECONDS
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise RuntimeError(f"qemu-storage-daemon does not start: {self.log.read_text()}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def end(self, by: int = signal.SIGTERM) -> None:
        """Ends it, by a signal, and takes its sockets away. Once is enough, twice does no harm."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(by)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.socket.unlink(missing_ok=True)

    def device(self, queues: int = 1, more: str = "") -> str:
        """The option of storhost that means this disk."""
        return f"--device=vhost-user:socket={self.socket},queues={queues}{more}"

    def processor_seconds(self) -> float:
        """Processor time that it has used so far."""
        assert self.process is not None
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
