# SPDX-License-Identifier: BSD-3-Clause
"""The unit tests (cmocka programs), as built by "make unit"."""

import pathlib
import subprocess

from conftest import BUILD

# By the folder that they are built in: what runs them.
RUNNERS = {
    "unit": [],
    "unit-sanitized": [],
    "x86/unit": [],
    "arm64/unit": ["qemu-aarch64"],
}

# On processors that are emulated these take long and show little that they do not show here.
ONLY_FULL = {"test_qemu_device", "test_scripted_device", "test_memory", "test_scsi_disk"}


def programs(full: bool) -> list[tuple[str, pathlib.Path]]:
    """Folders with their programs."""
    return [(folder, path) for folder, runner in RUNNERS.items()
            for path in sorted((BUILD / folder).glob("test_*"))
            if path.suffix == "" and (full or not runner or path.name not in ONLY_FULL)]


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        found = programs(metafunc.config.getoption("--full"))
        metafunc.parametrize("folder, program", found,
                             ids=[f"{folder}/{path.name}" for folder, path in found])


def test_units_were_built():
    built = {folder for folder, _ in programs(True)}
    assert built == set(RUNNERS), "run 'make unit' first"


def test_unit(folder, program, tmp_path):
    done = subprocess.run([*RUNNERS[folder], program], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, cwd=tmp_path, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout
