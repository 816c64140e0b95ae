#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make an installation file (.inf or .oem) for Windows from its template in viostor/.

Usage: make_inf.py --version A.B.C --date YYYY-MM-DD [--processor x86|x64|arm64] TEMPLATE OUTPUT

Fills the placeholders of the template:
  @DRIVERVER@   date and version as the directive DriverVer wants them: MM/DD/YYYY,A.B.C.0
  @VERSION@     A.B.C
  @DATE@        YYYY-MM-DD
and writes lines that end in CR LF, in ASCII, which every Windows reads.

With --processor only the models of that processor stay: in a package that holds the driver for one
processor, the file must not offer itself to another one. Windows compares all packages that it is
shown (a whole CD, say), and would take a driver that its processor cannot run.

The output appears complete or not at all.
"""
import argparse
import datetime
import os
import re
import sys

# The architecture in a TargetOSVersion decoration, by the processor's name here.
DECORATIONS = {"x86": "ntx86", "x64": "ntamd64", "arm64": "ntarm64"}

# [Manufacturer], and a decorated models section: name.NT<architecture>.<version>
SECTION = re.compile(r"\[(?P<name>[^\]]*)\]\s*$")
MODELS = re.compile(r"[^.]+\.(?P<architecture>nt[a-z0-9]+)\.\d", re.IGNORECASE)
PLACEHOLDER = re.compile(r"@[A-Za-z_]*@")


class BadInput(Exception):
    """Something that the user has to put right; the text says what."""


def parse_version(text: str) -> tuple[int, int, int]:
    """The three numbers of A.B.C; each has to fit the 16 bits that Windows gives it."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise BadInput(f"version {text!r}: three numbers A.B.C are expected (file VERSION)")
    major, minor, patch = (int(number) for number in text.split("."))
    if max(major, minor, patch) > 0xffff:
        raise BadInput(f"version {text!r}: a number is greater than 65535 (file VERSION)")
    return major, minor, patch


def parse_date(text: str) -> datetime.date:
    """The date of YYYY-MM-DD."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise BadInput(f"date {text!r}: YYYY-MM-DD is expected (file RELEASE_DATE)") from None


def keep_processor(lines: list[str], processor: str) -> list[str]:
    """The lines without models of other processors and without their names in [Manufacturer]."""
    wanted = DECORATIONS[processor]
    kept: list[str] = []
    section = ""
    dropping = False
    found = False
    for line in lines:
        header = SECTION.match(line)
        if header:
            section = header["name"].lower()
            models = MODELS.match(section)
            dropping = bool(models) and models["architecture"] != wanted
            found = found or bool(models) and not dropping
        if dropping:
            continue
        if section == "manufacturer" and "=" in line and not line.lstrip().startswith(";"):
            first, *decorations = line.split(",")
            line = ",".join([first] + [decoration for decoration in decorations if
                                       decoration.strip().lower().split(".")[0] == wanted])
        kept.append(line)
    if not found:
        raise BadInput(f"it has no models for the processor {processor}")
    return kept


def fill(template: str, version: str, date: str, processor: str | None) -> str:
    """The finished text, with LF."""
    major, minor, patch = parse_version(version)
    day = parse_date(date)
    values = {
        "@DRIVERVER@": f"{day.month:02}/{day.day:02}/{day.year:04},{major}.{minor}.{patch}.0",
        "@VERSION@": version,
        "@DATE@": date,
    }
    lines = template.splitlines()
    if processor is not None:
        lines = keep_processor(lines, processor)
    for number, line in enumerate(lines):
        for placeholder, value in values.items():
            line = line.replace(placeholder, value)
        unknown = PLACEHOLDER.search(line)
        if unknown:
            raise BadInput(f"unknown placeholder {unknown[0]}")
        lines[number] = line.rstrip()
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", required=True, metavar="A.B.C")
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--processor", choices=sorted(DECORATIONS))
    parser.add_argument("template", metavar="TEMPLATE")
    parser.add_argument("output", metavar="OUTPUT")
    arguments = parser.parse_args()
    temporary = arguments.output + ".tmp"
    try:
        with open(arguments.template, encoding="ascii") as file:
            text = fill(file.read(), arguments.version, arguments.date, arguments.processor)
        with open(temporary, "w", encoding="ascii", newline="\r\n") as file:
            file.write(text)
        os.replace(temporary, arguments.output)
    except (OSError, UnicodeError, BadInput) as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        print(f"make_inf: {arguments.template}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
