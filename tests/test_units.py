# SPDX-License-Identifier: BSD-3-Clause
"""The unit tests (cmocka programs), as built by "make unit"."""

import pathlib
import subprocess

import pytest

import runners
from conftest import BUILD

# The folders that they are built in, by the processor that they are for.
FOLDERS = {
    "unit": "x64",
    "unit-sanitized": "x64",
    "x86/unit": "x86",
    "arm64/unit": "arm64",
}

# On processors that are emulated these take long and show little that they do not show here.
ONLY_FULL = {"test_qemu_device", "test_scripted_device", "test_memory", "test_scsi_commands",
             "test_scsi_disk"}


def programs(full: bool) -> list[tuple[str, pathlib.Path]]:
    """Folders with their programs."""
    return [(folder, path) for folder, arch in FOLDERS.items()
            for path in sorted((BUILD / folder).glob("test_*"))
            if path.suffix == "" and
            (full or not runners.emulated(arch) or path.name not in ONLY_FULL)]


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        found = programs(metafunc.config.getoption("--full"))
        metafunc.parametrize("folder, program", found,
                             ids=[f"{folder}/{path.name}" for folder, path in found])


def test_units_were_built():
    built = {folder for folder, _ in programs(True)}
    assert built == set(FOLDERS), "run 'make unit' first"


def test_unit(folder, program, tmp_path):
    if (reason := runners.why_not(FOLDERS[folder])) is not None:
        pytest.skip(reason)
    done = subprocess.run([*runners.command(FOLDERS[folder]), program], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, cwd=tmp_path, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout
