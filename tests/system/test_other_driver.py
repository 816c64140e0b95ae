# SPDX-License-Identifier: BSD-3-Clause
"""Any StorPort miniport loads: here one that is no viostor, with a disk of 64 KiB in memory."""

import json
import subprocess

from conftest import BUILD, ROOT
from serving import Server, command

OTHER = BUILD / "rules/x64/unbroken.sys"
DISK_BYTES = 64 << 10
OPTIONS = ["--vectors", "0"]


def test_info(storhost):
    done = storhost.run(*OPTIONS, "info", driver=OTHER)
    assert done.returncode == 0, done.stdout
    assert str(OTHER) in done.stdout
    assert f"{DISK_BYTES} bytes" in done.stdout


def test_programs_reach_its_disk(target, tmp_path):
    content = tmp_path / "content"
    content.write_bytes(bytes(range(256)) * (DISK_BYTES // 256))
    with Server(target, tmp_path, *OPTIONS, driver=OTHER) as server:
        size = json.loads(command("nbdinfo", "--json", server.uri))["exports"][0]["export-size"]
        assert size == DISK_BYTES
        command("nbdcopy", content, server.uri)
        command("nbdcopy", server.uri, tmp_path / "copy")
        server.sg("sg_dd", "if=/dev/sg999", f"of={tmp_path / 'block'}", "bs=512", "skip=127",
                  "count=1")
    assert (tmp_path / "copy").read_bytes() == content.read_bytes()
    assert (tmp_path / "block").read_bytes() == content.read_bytes()[-512:]


def test_make_takes_the_driver_from_DRIVER():
    """Only what would be run: the test of `make run` itself is that of storhost."""
    commands = subprocess.run(["make", "-n", "run", f"DRIVER={OTHER}"], cwd=ROOT, check=True,
                              text=True, stdout=subprocess.PIPE).stdout
    assert f"storhost --driver {OTHER}" in commands
