# SPDX-License-Identifier: BSD-3-Clause
"""Catalogs: what they list, by the hashes that openssl, sha1sum and osslsigncode find."""

from __future__ import annotations

import pathlib
import re

import pytest

from conftest import BUILD
from package_tools import (OSSLSIGNCODE, authenticode, catalog_tool, change_byte, copy_build, listed_hashes,
                           make_catalog, scratch_identity, succeed)

IDS = ["pci\\ven_1af4&dev_1001&subsys_00021af4&rev_00", "pci\\ven_1af4&dev_1001",
       "pci\\ven_1af4&dev_1042&subsys_11001af4&rev_01", "pci\\ven_1af4&dev_1042"]

# Target, where it is from, algorithm of the members, OSAttr, OS.
KINDS = [("2k8/x86", "wlh/x86", "sha1", "2:6.0", "VistaX86,Server2008X86"),
         ("w7/amd64", "wlh/x64", "sha1", "2:6.1", "7X64"),
         ("w8/amd64", "wlh/x64", "sha256", "2:6.2", "8X64"),
         ("w10/ARM64", "wlh/arm64", "sha256", "2:10.0", "_v100_ARM64_RS3"),
         ("2k25/amd64", "wlh/x64", "sha256", "2:10.0", "Server_v100_X64_24H2")]


@pytest.fixture
def package(tmp_path: pathlib.Path) -> pathlib.Path:
    """A package for Windows 10, x64."""
    directory = copy_build(tmp_path / "package", "wlh/x64")
    make_catalog(directory, "w10/amd64")
    return directory


def utf16(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


@pytest.mark.parametrize("target,build,algorithm,os_attribute,os_name", KINDS)
def test_lists_the_hashes_of_the_files(tmp_path, target, build, algorithm, os_attribute, os_name):
    directory = copy_build(tmp_path / "package", build)
    make_catalog(directory, target)
    inf = succeed(f"{algorithm}sum", directory / "viostor.inf").split()[0]
    assert listed_hashes(directory / "viostor.cat") == {
        "viostor.inf": f"{algorithm} {inf}",
        "viostor.sys": f"{algorithm} {authenticode(directory / 'viostor.sys', algorithm)}"}


@pytest.mark.parametrize("target,build,algorithm,os_attribute,os_name", KINDS)
def test_says_for_which_windows_and_devices(tmp_path, target, build, algorithm, os_attribute, os_name):
    directory = copy_build(tmp_path / "package", build)
    make_catalog(directory, target)
    data = (directory / "viostor.cat").read_bytes()
    members = 2 if algorithm == "sha1" else 4  # SHA-256 members have one by SHA-1 beside them
    assert data.count(utf16(os_attribute)) == members
    assert data.count("OSAttr".encode("utf-16-be")) == members
    assert utf16(os_name) in data
    for number, text in enumerate(IDS, 1):
        assert f"HWID{number}".encode("utf-16-be") in data
        assert utf16(text) in data
    assert "HWID5".encode("utf-16-be") not in data


@pytest.mark.parametrize("target,build,algorithm,os_attribute,os_name", KINDS)
def test_tags_are_the_hashes_in_order(tmp_path, target, build, algorithm, os_attribute, os_name):
    """Version 1: SHA-1 as text; version 2: both hashes, in binary. Windows searches by halving."""
    directory = copy_build(tmp_path / "package", build)
    make_catalog(directory, target)
    text = succeed("openssl", "asn1parse", "-inform", "DER", "-in", directory / "viostor.cat")
    tags = [bytes.fromhex(tag) for tag in re.findall(r"d=8 +hl=2 l= *\d+ prim: OCTET STRING +\[HEX DUMP\]:(\w+)", text)]
    hashes = [succeed("sha1sum", directory / "viostor.inf").split()[0],
              authenticode(directory / "viostor.sys", "sha1")]
    if algorithm == "sha1":
        expected = [utf16(digest.upper()) for digest in hashes]
        assert "1.3.6.1.4.1.311.12.1.2" in text and "1.3.6.1.4.1.311.12.1.3" not in text
    else:
        hashes += [succeed("sha256sum", directory / "viostor.inf").split()[0],
                   authenticode(directory / "viostor.sys", "sha256")]
        expected = [bytes.fromhex(digest) for digest in hashes]
        assert "1.3.6.1.4.1.311.12.1.3" in text and "1.3.6.1.4.1.311.12.1.2" not in text
    assert tags[:len(expected)] == sorted(expected)


def test_same_input_gives_same_bytes(package):
    first = (package / "viostor.cat").read_bytes()
    make_catalog(package, "w10/amd64")
    assert (package / "viostor.cat").read_bytes() == first


def test_a_signature_does_not_change_the_members(tmp_path, package):
    """A .sys may be signed before or after: its hash passes over the signature and the checksum."""
    before = listed_hashes(package / "viostor.cat")
    identity = scratch_identity()
    succeed(OSSLSIGNCODE, "sign", "-certs", identity / "scratch.pem", "-key", identity / "scratch.key",
            "-in", package / "viostor.sys", "-out", tmp_path / "viostor.sys")
    signed = (tmp_path / "viostor.sys").read_bytes()
    assert len(signed) > (package / "viostor.sys").stat().st_size
    (package / "viostor.sys").write_bytes(signed)
    make_catalog(package, "w10/amd64")
    assert listed_hashes(package / "viostor.cat") == before


def test_check_accepts_the_files(package):
    done = catalog_tool("check", package / "viostor.cat", package / "viostor.sys", package / "viostor.inf")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["viostor.sys", "viostor.inf"])
@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 1.0])
def test_check_refuses_a_changed_byte(package, name, place):
    path = package / name
    size = path.stat().st_size
    change_byte(path, min(int(place * size) + 2, size - 1))  # the first two bytes make it a PE file
    done = catalog_tool("check", package / "viostor.cat", package / "viostor.sys", package / "viostor.inf")
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1 and f"{name}: is not the file that viostor.cat lists" in done.stdout


def test_check_refuses_a_file_that_is_not_listed(package):
    done = catalog_tool("check", package / "viostor.cat", package / "viostor.pdb")
    assert done.returncode == 1 and "does not list it" in done.stdout


def test_show_prints_what_is_in_it(package):
    done = catalog_tool("show", package / "viostor.cat")
    assert done.returncode == 0
    assert "version    2" in done.stdout and "_v100_X64" in done.stdout and IDS[0] in done.stdout
    assert succeed("sha256sum", package / "viostor.inf").split()[0] in done.stdout


def refused(*arguments: str | pathlib.Path) -> str:
    """What catalog.py says when it fails; it says it in a line, not by a traceback."""
    done = catalog_tool(*arguments)
    assert done.returncode in (1, 2) and "Traceback" not in done.stdout
    return done.stdout


def test_bad_input_is_told(tmp_path, package):
    output = tmp_path / "x.cat"
    create = ("create", "--target", "w10/amd64", "--time", "0", "--output", output)
    sys, inf = package / "viostor.sys", package / "viostor.inf"
    assert "a package has one .inf; given: 0" in refused(*create, sys)
    assert "two files are called viostor.sys" in refused(*create, sys, sys, inf)
    assert "there are xp/x86, xp/amd64" in refused("create", "--target", "w12/amd64", "--time", "0", "--output",
                                                   output, sys, inf)
    assert "no models for arm64" in refused("create", "--target", "w10/ARM64", "--time", "0", "--output", output,
                                            sys, inf)
    assert "No such file" in refused(*create, sys, inf, tmp_path / "missing.dll")
    sys.write_bytes(sys.read_bytes()[:200])
    assert "no PE file" in refused(*create, sys, inf)
    assert not list(tmp_path.glob("x.cat*"))


def test_other_files_are_no_catalogs(tmp_path, package):
    assert "no catalog" in refused("show", package / "viostor.inf")
    (tmp_path / "cut.cat").write_bytes((package / "viostor.cat").read_bytes()[:-5])
    assert "no catalog" in refused("show", tmp_path / "cut.cat")
    certificate = tmp_path / "certificate.p7b"
    succeed("openssl", "crl2pkcs7", "-nocrl", "-certfile", scratch_identity() / "scratch.pem", "-outform", "DER",
            "-out", certificate)
    assert "no catalog" in refused("show", certificate)


def test_a_file_whose_hash_signing_would_change_is_refused(package):
    """A signer pads a file to a multiple of 8 bytes; the catalog would list another hash."""
    path = package / "viostor.sys"
    path.write_bytes(path.read_bytes() + b"\0\0\0")
    assert "no multiple of 8" in refused("check", package / "viostor.cat", path)


def test_built_drivers_can_be_signed_without_padding():
    files = sorted(BUILD.glob("w*/*/viostor.sys"))
    assert files
    assert all(path.stat().st_size % 8 == 0 for path in files)
