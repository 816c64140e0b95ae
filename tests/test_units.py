# SPDX-License-Identifier: BSD-3-Clause
"""The unit tests (cmocka programs), as built by "make unit"."""

import subprocess

import pytest

from conftest import BUILD

PROGRAMS = sorted(path for folder in ("unit", "unit-sanitized")
                  for path in (BUILD / folder).glob("test_*") if path.suffix == "")


def test_units_were_built():
    assert PROGRAMS, "run 'make unit' first"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_unit(program, tmp_path):
    done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
