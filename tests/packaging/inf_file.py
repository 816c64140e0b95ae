# SPDX-License-Identifier: BSD-3-Clause
"""Read installation files as Windows reads them, and pick the models that a Windows picks.

The syntax: "General Syntax Rules for INF Files"; the choice: "Combining Platform Extensions with
Operating System Versions" (both in Microsoft's driver documentation, Device and Driver Installation).
Strict where Windows is lax: what it would pass over in silence is an error here.
"""
import dataclasses
import pathlib
import re

MAX_LINE = 4096     # characters, continued lines together
MAX_NAME = 255      # of a section
# Windows 10's first build that knows build numbers in a decoration (1607).
FIRST_BUILD_WITH_BUILDS = 14310


class SyntaxFault(Exception):
    """A file that Windows would read otherwise than it looks; the text says where and why."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a section: its key (None if it has none) and its fields, strings filled in."""

    number: int
    key: str | None
    fields: tuple[str, ...]

    def field(self, index: int) -> str:
        """The field of that index from 0; empty if the line ends before."""
        return self.fields[index] if index < len(self.fields) else ""


class Inf:
    """A parsed file. Section names, keys and string tokens are compared without case."""

    def __init__(self, text: str, name: str = "inf") -> None:
        self.name = name
        self.sections: dict[str, list[Line]] = {}
        self.names: dict[str, str] = {}          # as written, by the name in lower case
        self.used_strings: set[str] = set()
        raw = self._split(text)
        self.strings = {key.lower(): fields[0] for _, key, fields in raw.get("strings", []) if key}
        for section, lines in raw.items():
            self.sections[section] = [
                Line(number, None if key is None else self._fill(key, number),
                     tuple(self._fill(field, number) for field in fields))
                for number, key, fields in lines]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Inf":
        """Reads a finished file: ASCII, every line ended by CR LF."""
        data = path.read_bytes()
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError as error:
            raise SyntaxFault(f"{path}: not ASCII at byte {error.start}") from None
        if text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\r\n") or \
                not text.endswith("\r\n"):
            raise SyntaxFault(f"{path}: a line does not end in CR LF")
        return cls(text.replace("\r\n", "\n"), str(path))

    def __getitem__(self, section: str) -> list[Line]:
        return self.sections[section.lower()]

    def __contains__(self, section: str) -> bool:
        return section.lower() in self.sections

    def values(self, section: str, key: str) -> list[Line]:
        """The lines of a section with that key."""
        return [line for line in self[section] if (line.key or "").lower() == key.lower()]

    def value(self, section: str, key: str) -> str:
        """The first field of the only line with that key; empty if there is none."""
        lines = self.values(section, key)
        if len(lines) > 1:
            raise SyntaxFault(f"{self.name}: {key} stands twice in [{section}]")
        return lines[0].field(0) if lines else ""

    def _split(self, text: str) -> dict[str, list[tuple[int, str | None, list[str]]]]:
        """Sections, keys and fields as written; a section that stands twice is one (Windows)."""
        found: dict[str, list[tuple[int, str | None, list[str]]]] = {}
        section: str | None = None
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > MAX_LINE:
                raise SyntaxFault(f"{self.name}:{number}: longer than {MAX_LINE} characters")
            if "\t" in line or line != line.rstrip():
                raise SyntaxFault(f"{self.name}:{number}: a tab, or blanks at the end")
            key, fields = self._fields(line, number)
            if key is None and not fields:
                continue
            if line.lstrip().startswith("["):
                name = re.fullmatch(r"\[([^\]]+)\]", line.strip())
                if not name or len(name[1]) > MAX_NAME or name[1] != name[1].strip():
                    raise SyntaxFault(f"{self.name}:{number}: not a section's name: {line}")
                section = name[1].lower()
                self.names.setdefault(section, name[1])
                found.setdefault(section, [])
            elif section is None:
                raise SyntaxFault(f"{self.name}:{number}: before the first section")
            else:
                found[section].append((number, key, fields))
        return found

    def _fields(self, line: str, number: int) -> tuple[str | None, list[str]]:
        """Key and fields of a line without its comment; quotes keep blanks, commas, = and ;."""
        parts: list[tuple[str, str]] = [("", "")]  # text, and the separator before it
        quoted = False
        position = 0
        while position < len(line):
            character = line[position]
            if character == '"':
                if quoted and line[position + 1:position + 2] == '"':
                    parts[-1] = (parts[-1][0] + '"', parts[-1][1])
                    position += 1
                else:
                    quoted = not quoted
                    # Stands for the quote: keeps what lies within from being stripped.
                    parts[-1] = (parts[-1][0] + "\0", parts[-1][1])
            elif not quoted and character == ";":
                break
            elif not quoted and (character == "," or
                                 character == "=" and all(part[1] != "=" for part in parts)):
                parts.append(("", character))
            elif not quoted and character == "\\" and position == len(line) - 1:
                raise SyntaxFault(f"{self.name}:{number}: continued lines are not used here")
            else:
                parts[-1] = (parts[-1][0] + character, parts[-1][1])
            position += 1
        if quoted:
            raise SyntaxFault(f"{self.name}:{number}: a quote is not closed")
        texts = [text.strip().replace("\0", "") for text, _ in parts]
        if texts == [""]:
            return None, []
        if len(parts) > 1 and parts[1][1] == "=":
            return texts[0], texts[1:]
        return None, texts

    def _fill(self, text: str, number: int) -> str:
        """The text with %token% filled in; %% is a percent sign, and %number% a folder, left as it is."""

        def value(match: re.Match) -> str:
            token = match[1]
            if token == "":
                return "%"
            if token.isdigit():
                return match[0]
            self.used_strings.add(token.lower())
            if token.lower() not in self.strings:
                raise SyntaxFault(f"{self.name}:{number}: %{token}% is not in [Strings]")
            return self.strings[token.lower()]

        if text.count("%") % 2:
            raise SyntaxFault(f"{self.name}:{number}: an odd number of percent signs")
        return re.sub(r"%([^%]*)%", value, text)


# ---- The choice of models ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Windows:
    """A Windows on a processor; architecture as decorations name it: x86, amd64, arm64."""

    name: str
    major: int
    minor: int
    build: int
    architecture: str


@dataclasses.dataclass(frozen=True)
class Decoration:
    """A TargetOSVersion: nt[architecture][.[major][.[minor][.[product][.[suite][.[build]]]]]]."""

    architecture: str | None
    major: int
    minor: int
    product: str
    suite: str
    build: int | None

    @classmethod
    def parse(cls, text: str) -> "Decoration":
        match = re.fullmatch(r"nt(x86|amd64|arm64|arm|ia64)?((?:\.[^.]*)*)", text.lower())
        if not match:
            raise SyntaxFault(f"{text}: not a TargetOSVersion")
        fields = (match[2].split(".")[1:] + [""] * 5)[:5]
        for field in fields:
            if field and not field.isdigit():
                raise SyntaxFault(f"{text}: {field} is not a number")
        return cls(match[1], int(fields[0] or 0), int(fields[1] or 0), fields[2], fields[3],
                   int(fields[4]) if fields[4] else None)

    def fits(self, windows: Windows) -> bool:
        """Whether a Windows may take the models with this decoration."""
        if self.architecture not in (None, windows.architecture):
            return False
        if self.build is not None and windows.build < FIRST_BUILD_WITH_BUILDS:
            return False  # such a Windows cannot read it
        if (self.major, self.minor) != (windows.major, windows.minor):
            return (self.major, self.minor) < (windows.major, windows.minor)
        return (self.build or 0) <= windows.build

    def closeness(self) -> tuple[int, int, int, bool]:
        """The greatest among those that fit is the closest."""
        return self.major, self.minor, self.build or 0, self.architecture is not None


def manufacturers(inf: Inf) -> list[tuple[str, list[str]]]:
    """For each manufacturer the name of its models and their decorations."""
    return [(line.field(0), list(line.fields[1:])) for line in inf["Manufacturer"]]


def models_section(inf: Inf, windows: Windows) -> str | None:
    """The section of models that a Windows takes; None if it passes over the file."""
    for models, decorations in manufacturers(inf):
        fitting = [decoration for decoration in decorations
                   if Decoration.parse(decoration).fits(windows)]
        if fitting:
            best = max(fitting, key=lambda text: Decoration.parse(text).closeness())
            return f"{models}.{best}"
        for plain in (f"{models}.nt{windows.architecture}", f"{models}.nt", models):
            if plain in inf:
                return plain
    return None


def install_section(inf: Inf, windows: Windows, hardware_id: str) -> str | None:
    """The section that a Windows installs for a device of that id; None if it would not."""
    section = models_section(inf, windows)
    if section is None:
        return None
    if section not in inf:
        raise SyntaxFault(f"{inf.name}: [{section}] is named in [Manufacturer] and not there")
    found = {line.field(0) for line in inf[section]
             if hardware_id.lower() in (field.lower() for field in line.fields[1:])}
    if len(found) > 1:
        raise SyntaxFault(f"{inf.name}: [{section}] has {hardware_id} more than once")
    return found.pop() if found else None
