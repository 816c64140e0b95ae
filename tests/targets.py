# SPDX-License-Identifier: BSD-3-Clause
"""The driver files under test, and the storhost that runs each.

A test that is marked `every_target` runs on all of them, any other on the first one only.
`--target` picks one by name for all tests.
"""

import dataclasses
import os
import pathlib
import zlib

import runners

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

STORHOST = {
    "x64": BUILD / "storhost",
    "x86": BUILD / "x86/storhost",
    "arm64": BUILD / "arm64/storhost",
}


def readings() -> str:
    """The option by which each test plays where the reference can be read in two ways in a way of its own,
    by its name: the same at each run, and all ways among many tests (storhost/port/readings.h)."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" (")[0]
    return f"--readings={zlib.crc32(test.encode())}"


@dataclasses.dataclass(frozen=True)
class Target:
    """A driver file, by flavour and architecture, with the options that storhost needs for it.

    few: without --full a test runs with at most so many of its parameter sets, where its mark does
    not say how many. For files that have most of their source in common with others.
    """

    name: str
    options: tuple[str, ...] = ()
    few: int | None = None
    file: pathlib.Path | None = None

    @property
    def flavour(self) -> str:
        return self.name.split("/")[0]

    @property
    def arch(self) -> str:
        return self.name.split("/")[1]

    @property
    def messages(self) -> bool:
        """Whether the driver takes interrupt messages; only the StorPort of Vista and later has them."""
        return self.flavour == "wlh"

    @property
    def one_queue(self) -> bool:
        """Whether the driver uses one queue, however many the device has: older port drivers call
        StartIo on one processor at a time."""
        return self.flavour != "wlh"

    @property
    def driver(self) -> pathlib.Path:
        return self.file or BUILD / self.name / "viostor.sys"

    def command(self, *arguments: str | os.PathLike, driver: pathlib.Path | None = None) -> list[str]:
        """A command line of storhost with this driver file, or another for the same processor."""
        return [*runners.command(self.arch), str(STORHOST[self.arch]), "--driver", str(driver or self.driver),
                *([] if driver else ["--one-ring-lock"]), *self.options,
                readings(), *map(str, arguments)]


ALL = [
    Target("wlh/x64"),
    Target("wlh/x86"),
    Target("wlh/arm64"),
    Target("wnet/x64", ("--windows=5.2",), few=2),
    Target("wnet/x86", ("--windows=5.2",), few=2),
]


def from_environment() -> list[Target]:
    """All, or with DRIVER=FILE [TARGET=NAME] that file alone, in the place of that target's."""
    if "DRIVER" not in os.environ:
        return ALL
    name = os.environ.get("TARGET", ALL[0].name)
    return [dataclasses.replace(target, file=pathlib.Path(os.environ["DRIVER"]).resolve())
            for target in ALL if target.name == name]


TARGETS = from_environment()
