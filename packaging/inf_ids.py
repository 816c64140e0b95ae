# SPDX-License-Identifier: BSD-3-Clause
"""Read the hardware ids from an INF file, which a catalog repeats.

Reads what a catalog needs of the format (sections, [Manufacturer], models, comments, strings in
quotes); whether Windows would accept the file is another question, with its own tests.
"""
import pathlib
import re


class BadInf(Exception):
    """The file is no INF file with models for this processor; the text says why."""


def decode(data: bytes) -> str:
    """The text of an INF file: UTF-16 with a mark, else ASCII or a superset."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    return data.decode("utf-8-sig", errors="replace")


def sections(text: str) -> dict[str, list[str]]:
    """By lower-case name: the lines without comments. Sections of one name are one section."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        line = re.sub(r'((?:[^";]|"[^"]*")*).*', r"\1", line).strip()
        if line.startswith("[") and line.endswith("]"):
            lines = found.setdefault(line[1:-1].strip().lower(), [])
        elif line:
            lines.append(line)
    return found


def hardware_ids(path: pathlib.Path, architecture: str) -> list[str]:
    """The ids of all models for an architecture ("x86", "amd64", "arm64"), each once, in order."""
    parts = sections(decode(path.read_bytes()))
    if "manufacturer" not in parts:
        raise BadInf(f"{path}: no section [Manufacturer]")
    ids: dict[str, str] = {}
    for line in parts["manufacturer"]:
        name, *decorations = (item.strip().lower() for item in line.split("=", 1)[-1].split(","))
        for decoration in decorations:
            if re.match(rf"nt{architecture}(\.|$)", decoration):
                for model in parts.get(f"{name}.{decoration}", []):
                    for text in model.split("=", 1)[-1].split(",")[1:]:
                        ids.setdefault(text.strip().lower(), text.strip())
    if not ids:
        raise BadInf(f"{path}: no models for {architecture}")
    return list(ids.values())
