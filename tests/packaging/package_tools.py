# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of catalogs, signatures and media share: packages to try, and judges from elsewhere."""

from __future__ import annotations

import atexit
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from conftest import BUILD, ROOT

PYTHON = "/usr/bin/python3"
OSSLSIGNCODE = os.environ.get("OSSLSIGNCODE", "osslsigncode")
# The release's time.
TIME = int(subprocess.run(["date", "-u", "-d", (ROOT / "RELEASE_DATE").read_text().strip(), "+%s"], check=True,
                          stdout=subprocess.PIPE).stdout)


def run(*command: str | os.PathLike[str], **more) -> subprocess.CompletedProcess:
    """Runs a program; standard output and error come back as one text."""
    more.setdefault("timeout", 120)
    return subprocess.run([str(item) for item in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)


def succeed(*command: str | os.PathLike[str], **more) -> str:
    """Runs a program that has to succeed and returns what it printed."""
    done = run(*command, **more)
    assert done.returncode == 0, f"{command}: exit status {done.returncode}:\n{done.stdout}"
    return done.stdout


def catalog_tool(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess:
    """packaging/catalog.py"""
    return run(PYTHON, ROOT / "packaging/catalog.py", *arguments)


def make_catalog(directory: pathlib.Path, target: str) -> None:
    """directory/viostor.cat of the .sys and .inf beside it."""
    done = catalog_tool("create", "--target", target, "--time", str(TIME), "--output", directory / "viostor.cat",
                        directory / "viostor.sys", directory / "viostor.inf")
    assert done.returncode == 0, done.stdout


def copy_build(directory: pathlib.Path, build: str) -> pathlib.Path:
    """The files of build/<build> that a package needs, in a new directory."""
    directory.mkdir(parents=True)
    for name in ("viostor.sys", "viostor.inf", "viostor.pdb"):
        shutil.copy(BUILD / build / name, directory / name)
    return directory


def change_byte(path: pathlib.Path, offset: int) -> None:
    """Another value for one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x01
    path.write_bytes(data)


def verify(path: pathlib.Path, trusted: pathlib.Path, *more: str | os.PathLike[str]) -> subprocess.CompletedProcess:
    """osslsigncode's judgement of a signed file, or with -catalog of one that a catalog vouches for."""
    return run(OSSLSIGNCODE, "verify", "-CAfile", trusted, *more, "-in", path)


def make_identity(directory: pathlib.Path, name: str, issuer: str = "", days: int = 30, *more: str) -> None:
    """name.key and name.pem in a directory: self-signed for code signing, or issued by another one there."""
    extensions = ["-addext", "basicConstraints=critical,CA:true"] if name.endswith("ca") else \
        ["-addext", "extendedKeyUsage=codeSigning", "-addext", "keyUsage=digitalSignature"]
    by = ["-CA", directory / f"{issuer}.pem", "-CAkey", directory / f"{issuer}.key"] if issuer else []
    succeed("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN=viostor {name}", *extensions,
            "-days", str(days), *by, "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem", *more)


@functools.cache
def scratch_identity() -> pathlib.Path:
    """A directory with scratch.key and scratch.pem, for signatures that nobody is to trust."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="viostor-test-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    make_identity(directory, "scratch")
    return directory


def authenticode(path: pathlib.Path, algorithm: str) -> str:
    """The Authenticode hash of a PE file as osslsigncode finds it, in hexadecimal."""
    identity = scratch_identity()
    signed = identity / "signed.sys"
    signed.unlink(missing_ok=True)
    succeed(OSSLSIGNCODE, "sign", "-h", algorithm, "-certs", identity / "scratch.pem", "-key", identity / "scratch.key",
            "-in", path, "-out", signed)
    text = verify(signed, identity / "scratch.pem").stdout
    return re.search(r"Calculated message digest *: *([0-9A-F]+)", text)[1].lower()


def listed_hashes(catalog: pathlib.Path) -> dict[str, str]:
    """By file name: the hash in a catalog, as "sha1 ..." or "sha256 ...", read by openssl and no code of ours.

    openssl prints one line for each element; a member's file name (BMPSTRING "File", then flags, then the
    name) and its hash (OBJECT, NULL, OCTET STRING) stand below the same depth-7 SEQUENCE.
    """
    found: dict[str, str] = {}
    text = succeed("openssl", "asn1parse", "-inform", "DER", "-in", catalog)
    raw = catalog.read_bytes()
    lines = [(int(offset), int(depth), int(header), int(length), rest) for offset, depth, header, length, rest in
             re.findall(r"^ *(\d+):d=(\d+) +hl=(\d+) l= *(\d+) (.*)$", text, re.MULTILINE)]

    def content(line) -> bytes:
        return raw[line[0] + line[2]:line[0] + line[2] + line[3]]

    name = digest = ""
    end = 0
    for index, line in enumerate(lines):
        offset, depth, header, length, rest = line
        if end and offset >= end:
            if digest:
                assert name not in found
                found[name] = digest
            name = digest = ""
            end = 0
        if not end and depth == 7 and "SEQUENCE" in rest and "OCTET STRING" in lines[index + 1][4] \
                and lines[index + 1][1] == 8:
            end = offset + header + length
        if end and "BMPSTRING" in rest and content(line) == "File".encode("utf-16-be"):
            name = content(lines[index + 2]).decode("utf-16-le").rstrip("\0")
        if end and re.search(r"OBJECT +:sha(1|256)$", rest) and "NULL" in lines[index + 1][4]:
            digest = f"{rest.split(':')[-1]} {content(lines[index + 2]).hex()}"
    return found
