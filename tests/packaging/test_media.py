# SPDX-License-Identifier: BSD-3-Clause
"""What "make package" makes, read back by programs that nobody here wrote: 7z, isoinfo, mtools, fsck.fat."""

from __future__ import annotations

import filecmp
import json
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

import pytest

import test_certificate
from conftest import BUILD, ROOT
from package_tools import OSSLSIGNCODE, authenticode, listed_hashes, run, succeed, verify

# Which file of the build each Windows gets. Written down once more, as the table that is under test.
EXPECTED = {
    "xp/x86": "wxp/x86", "xp/amd64": "wnet/x64", "2k3/x86": "wnet/x86", "2k3/amd64": "wnet/x64",
    "2k8/x86": "wlh/x86", "2k8/amd64": "wlh/x64", "w7/x86": "wlh/x86", "w7/amd64": "wlh/x64",
    "2k8R2/amd64": "wlh/x64", "w8/x86": "wlh/x86", "w8/amd64": "wlh/x64", "2k12/amd64": "wlh/x64",
    "w8.1/x86": "wlh/x86", "w8.1/amd64": "wlh/x64", "2k12R2/amd64": "wlh/x64",
    "w10/x86": "wlh/x86", "w10/amd64": "wlh/x64", "w10/ARM64": "wlh/arm64",
    "2k16/amd64": "wlh/x64", "2k19/amd64": "wlh/x64", "w11/amd64": "wlh/x64", "w11/ARM64": "wlh/arm64",
    "2k22/amd64": "wlh/x64", "2k25/amd64": "wlh/x64", "2k25/ARM64": "wlh/arm64",
}
OLD = ("xp/", "2k3/", "2k8/", "w7/", "2k8R2/")  # are given SHA-1
AUTOMATIC = {"i386/w10": "w10/x86"} | {f"amd64/{name}": f"{name}/amd64" for name in
                                       ("w10", "w11", "2k16", "2k19", "2k22", "2k25")}
FLOPPY = ("xp/x86", "2k3/x86", "2k3/amd64")
NAMES = ("viostor.cat", "viostor.inf", "viostor.pdb", "viostor.sys")
VERSION = (ROOT / "VERSION").read_text().strip()


class Media:
    """The outcome of "make package"."""

    def __init__(self, directory: pathlib.Path, *options: str) -> None:
        self.directory = directory / "package"
        self.key = directory / "key"
        succeed("make", "-s", "-C", ROOT, "package", f"PACKAGE={self.directory}", f"TEST_KEY_DIR={self.key}", *options)
        self.tree = self.directory / "tree"
        self.iso = self.directory / f"viostor-{VERSION}.iso"
        self.floppy = self.directory / f"viostor-{VERSION}.vfd"


def files_below(directory: pathlib.Path) -> dict[str, bytes]:
    """By path below the directory: what each file holds."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Media:
    """With a test signature, as "make package" without options makes them."""
    return Media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory) -> Media:
    return Media(tmp_path_factory.mktemp("unsigned"), "SIGN=none")


# ---- The tree ---------------------------------------------------------------------------------

def test_has_the_directories_that_programs_look_for(media):
    made = {str(path.parent.relative_to(media.tree)) for path in media.tree.rglob("viostor.*")}
    assert made == {f"viostor/{name}" for name in EXPECTED} | set(AUTOMATIC)
    for directory in made:
        assert sorted(os.listdir(media.tree / directory)) == sorted(NAMES)


def test_has_what_osinfo_db_expects_of_a_driver_source(media):
    """libosinfo's Windows name a directory <os>/<arch> and the files in it for a virtio disk."""
    checked = set()
    for path in pathlib.Path("/usr/share/osinfo/os/microsoft.com").rglob("*pre-installable-drivers.xml"):
        for driver in xml.etree.ElementTree.parse(path).iter("driver"):
            names = {item.text for item in driver.iter("file")} & set(NAMES)
            place = re.search(r"virtio-win/[^/]+/([^/]+/[^/]+)$", driver.attrib["location"])
            if names and place:
                assert names <= set(os.listdir(media.tree / "viostor" / place[1]))
                checked.add(place[1])
    assert len(checked) >= 4


@pytest.mark.parametrize("name,build", EXPECTED.items())
def test_each_windows_gets_one_file_of_the_build(media, unsigned, name, build):
    """Without the signature a driver is the build's, byte by byte; INF and PDB are anyway."""
    for part in ("viostor.inf", "viostor.pdb"):
        for tree in (media.tree, unsigned.tree):
            assert filecmp.cmp(tree / "viostor" / name / part, BUILD / build / part, shallow=False)
    built = BUILD / build / "viostor.sys"
    assert filecmp.cmp(unsigned.tree / "viostor" / name / "viostor.sys", built, shallow=False)
    signed = media.tree / "viostor" / name / "viostor.sys"
    assert signed.stat().st_size > built.stat().st_size
    stripped = media.directory / "stripped.sys"
    stripped.unlink(missing_ok=True)
    succeed(OSSLSIGNCODE, "remove-signature", "-in", signed, "-out", stripped)
    assert filecmp.cmp(stripped, built, shallow=False)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_signature_is_valid(media, name):
    directory = media.tree / "viostor" / name
    trusted = media.key / (test_certificate.LEGACY_CERTIFICATE if name.startswith(OLD) else
                           test_certificate.CERTIFICATE)
    digest = "SHA1" if name.startswith(OLD) else "SHA256"
    for path, more in ((directory / "viostor.sys", ()), (directory / "viostor.cat", ()),
                       (directory / "viostor.sys", ("-catalog", directory / "viostor.cat"))):
        done = verify(path, trusted, *more)
        assert done.returncode == 0, done.stdout
        assert re.search(rf"Message digest algorithm *: {digest}\b", done.stdout)


@pytest.mark.parametrize("name,build", EXPECTED.items())
def test_each_catalog_lists_its_files(media, unsigned, name, build):
    algorithm = "sha1" if name.startswith(OLD) else "sha256"
    inf = succeed(f"{algorithm}sum", BUILD / build / "viostor.inf").split()[0]
    expected = {"viostor.inf": f"{algorithm} {inf}",
                "viostor.sys": f"{algorithm} {authenticode(BUILD / build / 'viostor.sys', algorithm)}"}
    for tree in (media.tree, unsigned.tree):
        assert listed_hashes(tree / "viostor" / name / "viostor.cat") == expected


def test_the_directories_by_processor_hold_the_same(media):
    for automatic, name in AUTOMATIC.items():
        assert files_below(media.tree / automatic) == files_below(media.tree / "viostor" / name)


def test_unsigned_media_have_no_signature_and_no_certificate(unsigned):
    assert not list(unsigned.tree.glob("*.cer")) and not (unsigned.tree / "README-test-signing.txt").exists()
    assert not unsigned.key.exists()
    done = run(OSSLSIGNCODE, "verify", "-in", unsigned.tree / "viostor/w10/amd64/viostor.sys")
    assert "No signature found" in done.stdout
    assert "Signatures: none" in (unsigned.tree / "viostor_readme.txt").read_text()


def test_test_media_say_so_and_bring_the_certificates(media):
    for name in ("viostor-test.cer", "viostor-test-sha1.cer"):
        assert (media.tree / name).read_bytes() == (media.key / name).read_bytes()
    subject = succeed("openssl", "x509", "-in", media.key / "viostor-test.pem", "-noout", "-subject")
    assert subject.split("CN = ")[1].strip() in (media.tree / "README-test-signing.txt").read_text()
    assert "README-test-signing.txt" in (media.tree / "viostor_readme.txt").read_text()


def test_the_private_key_is_not_on_the_media(media):
    der = media.directory / "key.der"
    succeed("openssl", "rsa", "-in", media.key / test_certificate.KEY, "-outform", "DER", "-traditional", "-out", der)
    prime = re.search(r"prime1:\s+((?:[0-9a-f]{2}:?\s*)+)", succeed("openssl", "rsa", "-in", der, "-noout", "-text"))
    secret = bytes.fromhex(re.sub(r"[:\s]", "", prime[1]))
    assert secret.lstrip(b"\0") in der.read_bytes()
    for path in (media.iso, media.floppy):
        data = path.read_bytes()
        assert b"PRIVATE KEY" not in data and secret.lstrip(b"\0")[:16] not in data


def test_texts_are_for_windows(media):
    texts = [path for path in media.tree.glob("*.txt")]
    assert {path.name for path in texts} == {"viostor_readme.txt", "viostor_license.txt", "viostor_version.txt",
                                             "README-test-signing.txt"}
    for path in texts:
        data = path.read_bytes()
        assert data.isascii() and data.count(b"\n") == data.count(b"\r\n") and b"@" not in data
    assert (media.tree / "viostor_version.txt").read_text().strip() == VERSION
    assert f"viostor {VERSION}" in (media.tree / "viostor_readme.txt").read_text()


def test_the_list_for_programs_names_each_inf(media):
    listed = json.loads((media.tree / "data/info.json").read_text())["drivers"]
    assert {entry["inf_path"] for entry in listed} == {f"viostor/{name}/viostor.inf" for name in EXPECTED}
    for entry in listed:
        text = (media.tree / entry["inf_path"]).read_text()
        assert re.search(r"DriverVer\s*=\s*" + re.escape(entry["driver_version"]), text)
        assert entry["driver_version"].endswith(f",{VERSION}.0")


# ---- The CD -----------------------------------------------------------------------------------

def test_7z_reads_the_cd(media, tmp_path):
    succeed("7z", "x", f"-o{tmp_path / 'cd'}", media.iso)
    assert files_below(tmp_path / "cd") == files_below(media.tree)
    succeed("7z", "t", media.iso)


@pytest.mark.parametrize("names", ["-R", "-J"], ids=["rock-ridge", "joliet"])
def test_isoinfo_reads_the_cd(media, names):
    """By the names that Linux sees and by those that Windows sees."""
    found = {path.lstrip("/") for path in succeed("isoinfo", "-i", media.iso, names, "-f").split("\n") if path}
    tree = files_below(media.tree)
    assert {path for path in found if "." in pathlib.Path(path).name and path in tree} == set(tree)
    for path in ("viostor/w8.1/amd64/viostor.sys", "viostor/2k12R2/amd64/viostor.cat", "viostor/xp/x86/viostor.inf",
                 "viostor/w10/ARM64/viostor.pdb", "README-test-signing.txt"):
        data = subprocess.run(["isoinfo", "-i", media.iso, names, "-x", f"/{path}"], check=True,
                              stdout=subprocess.PIPE).stdout
        assert data == tree[path]


def test_the_cd_is_what_windows_and_linux_read(media):
    text = succeed("isoinfo", "-d", "-i", media.iso)
    assert f"Volume id: VIOSTOR_{VERSION.replace('.', '_')}" in text
    assert "Joliet with UCS level 3 found" in text and "Rock Ridge signatures version 1 found" in text
    listing = succeed("isoinfo", "-i", media.iso, "-R", "-l")
    owners = set(re.findall(r"^[-d]([-rwx]{9})\s+\d+\s+(\d+)\s+(\d+)", listing, re.MULTILINE))
    assert owners == {("r--r--r--", "0", "0"), ("r-xr-xr-x", "0", "0")} or owners == {("rw-r--r--", "0", "0"),
                                                                                      ("rwxr-xr-x", "0", "0")}


def test_shared_files_are_on_the_cd_once(media):
    whole = sum(len(data) for data in files_below(media.tree).values())
    assert media.iso.stat().st_size < whole / 2


# ---- The floppy -------------------------------------------------------------------------------

def test_mtools_read_the_floppy(media, tmp_path):
    (tmp_path / "floppy").mkdir()
    succeed("mcopy", "-s", "-i", media.floppy, "::*", tmp_path / "floppy")
    expected = {f"{name}/{part}": (media.tree / "viostor" / name / part).read_bytes() for name in FLOPPY
                for part in ("viostor.sys", "viostor.inf", "viostor.cat")}
    expected["txtsetup.oem"] = (BUILD / "txtsetup.oem").read_bytes()
    assert files_below(tmp_path / "floppy") == expected


def test_the_floppy_is_one(media):
    """1.44 MB, FAT12, no error; names that need no long form, which text-mode Setup does not know."""
    assert media.floppy.stat().st_size == 1440 * 1024
    done = run("/usr/sbin/fsck.fat", "-n", "-v", media.floppy)
    assert done.returncode == 0, done.stdout
    assert "2 FATs, 12 bit entries" in done.stdout and "18 sectors/track, 2 heads" in done.stdout, done.stdout
    assert "Media byte 0xf0" in done.stdout
    listing = succeed("mdir", "-/", "-i", media.floppy, "::")
    assert not re.search(r"~\d", listing)
    data = media.floppy.read_bytes()
    attributes = [data[offset + 11] for offset in range(19 * 512, 33 * 512, 32) if data[offset] not in (0, 0xe5)]
    assert attributes and 0x0f not in attributes  # 0x0f: a part of a long name


def test_the_floppy_has_what_its_txtsetup_names(media, tmp_path):
    """Setup looks for each disk's tag file and, in the disk's folder, for the files of a choice."""
    text = succeed("mtype", "-i", media.floppy, "::txtsetup.oem")
    disks = dict(re.findall(r'^(disk_\w+)\s*=\s*"[^"]*",\s*\\txtsetup\.oem,\s*\\(\S+)\s*$', text, re.MULTILINE))
    wanted = re.findall(r"^(?:driver|inf|catalog)\s*=\s*(disk_\w+),\s*([\w.]+)", text, re.MULTILINE)
    assert len(disks) == 3 and len(wanted) == 9
    for disk, name in wanted:
        folder = disks[disk].replace("\\", "/")
        succeed("mdir", "-i", media.floppy, f"::{folder}/{name}")


# ---- Making them ------------------------------------------------------------------------------

def test_the_same_again_gives_the_same_bytes(unsigned, tmp_path):
    again = Media(tmp_path, "SIGN=none")
    for one, other in ((again.iso, unsigned.iso), (again.floppy, unsigned.floppy)):
        assert filecmp.cmp(one, other, shallow=False)
    assert files_below(again.tree) == files_below(unsigned.tree)


def package(*arguments: str | pathlib.Path):
    return run("/usr/bin/python3", ROOT / "packaging/package.py", "--version", "1.0.0", "--time", "0", *arguments)


def test_what_fails_leaves_the_old_tree(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/old").touch()
    done = package("--build", tmp_path / "nothing", "--output", tmp_path / "tree", "--sign", "none")
    assert done.returncode == 1 and "not built" in done.stdout and "make driver inf" in done.stdout
    (tmp_path / "bad.pem").write_text("no certificate\n")
    done = package("--build", BUILD, "--output", tmp_path / "tree", "--sign", "key", "--cert", tmp_path / "bad.pem",
                   "--key", tmp_path / "bad.pem")
    assert done.returncode == 1 and "osslsigncode sign failed" in done.stdout and "Traceback" not in done.stdout
    assert os.listdir(tmp_path / "tree") == ["old"]
    assert sorted(os.listdir(tmp_path)) == ["bad.pem", "tree"]


def test_a_key_needs_a_certificate(tmp_path):
    done = package("--build", BUILD, "--output", tmp_path / "tree", "--sign", "key")
    assert done.returncode == 1 and "needs CERT=FILE" in done.stdout


def test_a_floppy_without_its_files_is_not_written(tmp_path, unsigned):
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    script = ROOT / "packaging/make_floppy.sh"
    done = run("sh", script, tmp_path, BUILD / "txtsetup.oem", tmp_path / "x.vfd", env=environment)
    assert done.returncode != 0
    (tmp_path / "empty.oem").write_text("[Disks]\n")
    done = run("sh", script, unsigned.tree, tmp_path / "empty.oem", tmp_path / "x.vfd", env=environment)
    assert done.returncode != 0 and "names no folder" in done.stdout
    assert os.listdir(tmp_path) == ["empty.oem"]
