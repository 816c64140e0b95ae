# SPDX-License-Identifier: BSD-3-Clause
"""Drivers with a fault in them, built to see that the bench finds it."""

import os
import pathlib
import shutil
import subprocess

from conftest import ROOT


class FaultySources:
    """A copy of the sources, in which one text at a time is replaced."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.root = directory / "source"
        shutil.copytree(ROOT, self.root, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", ".sysroot", "build", "__pycache__"))
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("MAKE")}

    def build(self, target: str, file: str, text: str, replacement: str) -> pathlib.Path:
        """The driver of a target ("wlh/x64") with a text of one of its files replaced."""
        source = self.root / "viostor" / file
        driver = f"build/{target}/viostor.sys"
        good = source.read_text()
        assert text in good, f"{file} has no {text!r} any more"
        source.write_text(good.replace(text, replacement))
        try:
            subprocess.run(["make", "-s", driver], cwd=self.root, check=True, env=self.environment)
            return pathlib.Path(shutil.copy(self.root / driver, self.root.parent / "faulty.sys"))
        finally:
            source.write_text(good)
