# SPDX-License-Identifier: BSD-3-Clause
"""What dpkg knows of this machine's packages: files, owners, and what a list of packages brings along.

Read from dpkg's database alone, without network. A package that is not installed here is not known.
"""
import collections
import dataclasses
import functools
import os
import pathlib
import re
import subprocess

INFO = pathlib.Path("/var/lib/dpkg/info")
# Debian 12 and later have one /usr; packages still name files by the old folders.
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")
PATH = ("/usr/sbin", "/usr/bin")
FIELDS = ("db:Status-Abbrev", "binary:Package", "Package", "Essential", "Priority", "Pre-Depends", "Depends",
          "Provides")


def merged(path: str) -> str:
    return f"/usr{path}" if path.startswith(MERGED) else path


def names(relations: str) -> list[list[str]]:
    """The alternatives of each part of a field such as Depends, without versions and architectures."""
    plain = re.sub(r"\([^)]*\)|\[[^]]*\]|:\w+", "", relations)
    return [[name.strip() for name in group.split("|")] for group in plain.split(",") if group.strip()]


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    unique: str       # with the architecture where dpkg needs it
    required: bool    # on every Debian, however small
    depends: tuple[tuple[str, ...], ...]

    @functools.cached_property
    def files(self) -> list[str]:
        listed = (INFO / f"{self.unique}.list").read_text().split("\n")
        return [merged(path) for path in listed if path]


class Packages:
    """All installed packages."""

    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self.providers: dict[str, list[str]] = collections.defaultdict(list)
        form = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"
        listing = subprocess.run(["dpkg-query", "-W", "-f", form], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        for line in listing.splitlines():
            status, unique, name, essential, priority, before, depends, provides = line.split("\t")
            if not status.startswith("ii"):
                continue
            needs = tuple(tuple(group) for group in names(before) + names(depends))
            self.packages[name] = Package(name, unique, essential == "yes" or priority == "required", needs)
            for (provided,) in names(provides):
                self.providers[provided].append(name)

    @functools.cached_property
    def owners(self) -> dict[str, set[str]]:
        """The packages that a file is from, by its name."""
        found = collections.defaultdict(set)
        for package in self.packages.values():
            for path in package.files:
                found[path].add(package.name)
        return found

    def minimal(self) -> set[str]:
        """A Debian that has nothing but what every one has, and apt."""
        return self.closure([name for name, package in self.packages.items() if package.required] + ["apt"])

    def closure(self, wanted) -> set[str]:
        """The packages and what they depend on, as apt chooses it: of alternatives the first that there
        is, unless another is there already. No recommended ones."""
        found: set[str] = set()
        waiting = list(wanted)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.packages:
                continue
            found.add(name)
            for group in self.packages[name].depends:
                if found.isdisjoint(group):
                    waiting += next(filter(None, map(self.meant_by, group)), [])
        return found

    def meant_by(self, name: str) -> list[str]:
        """A package, or one that provides what has that name."""
        return [name] if name in self.packages else self.providers[name][:1]

    def of_file(self, path: str) -> set[str]:
        """The packages that a file or the target of a link is from; none for one that nobody packaged."""
        path = os.path.normpath(path)
        return self.owners.get(merged(path)) or self.owners.get(merged(os.path.realpath(path))) or set()

    def of_program(self, name: str) -> set[str] | None:
        """The packages of a program of this machine; None if it has no program of that name."""
        for folder in PATH:
            if os.access(os.path.join(folder, name), os.X_OK):
                return self.of_file(os.path.join(folder, name))
        return None
