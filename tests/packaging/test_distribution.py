# SPDX-License-Identifier: BSD-3-Clause
"""The packages for Linux distributions, read by dpkg, rpm, lintian and rpmlint."""

from __future__ import annotations

import filecmp
import os
import pathlib
import re
import subprocess

import pytest

from conftest import BUILD, ROOT
from package_tools import PYTHON, TIME, make_identity, run, succeed, verify
from test_media import EXPECTED, VERSION, Media, files_below
from test_signing import pdb_identity

SHARE = "usr/share/viostor"


@pytest.fixture(scope="module")
def deb(tmp_path_factory) -> pathlib.Path:
    """What "make deb" makes."""
    directory = tmp_path_factory.mktemp("deb") / "deb"
    succeed("make", "-s", "-C", ROOT, "deb", f"DEB={directory}", timeout=600)
    return directory


@pytest.fixture(scope="module")
def rpm(tmp_path_factory) -> pathlib.Path:
    """What "make rpm" makes."""
    directory = tmp_path_factory.mktemp("rpm") / "rpm"
    succeed("make", "-s", "-C", ROOT, "rpm", f"RPM={directory}", timeout=600)
    return directory


@pytest.fixture(scope="module")
def installed(deb, tmp_path_factory) -> pathlib.Path:
    """Both Debian packages, unpacked into one place."""
    directory = tmp_path_factory.mktemp("installed")
    for package in sorted(deb.glob("*.deb")):
        succeed("dpkg", "-x", package, directory)
    return directory


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory) -> Media:
    return Media(tmp_path_factory.mktemp("unsigned"), "SIGN=none")


# ---- Debian -----------------------------------------------------------------------------------

def test_debian_packages_are_for_every_architecture(deb):
    names = sorted(path.name for path in deb.glob("*.deb"))
    assert names == [f"viostor-symbols_{VERSION}_all.deb", f"viostor_{VERSION}_all.deb"]
    for name in names:
        text = succeed("dpkg-deb", "-f", deb / name)
        assert f"Version: {VERSION}\n" in text and "Architecture: all\n" in text
        assert not re.search("^(Conflicts|Replaces|Provides|Breaks):", text, re.MULTILINE)


def test_lintian_finds_nothing(deb):
    done = run("lintian", "--allow-root", "--fail-on", "error,warning,info", "--display-info",
               deb / f"viostor_{VERSION}_{succeed('dpkg', '--print-architecture').strip()}.changes")
    found = [line for line in done.stdout.splitlines() if re.match("[EWIO]:", line)]
    assert (done.returncode, found) == (0, [])


def test_installs_beside_virtio_win_and_nowhere_else(installed):
    for path in files_below(installed):
        assert path.startswith((f"{SHARE}/", "usr/share/doc/viostor")), path
    assert not (installed / "usr/share/virtio-win").exists()


@pytest.mark.parametrize("name,build", EXPECTED.items())
def test_holds_the_driver_that_was_tested(installed, name, build):
    """Built again from the exported tree, the driver is that of build/, byte by byte."""
    directory = installed / SHARE / "drivers/viostor" / name
    assert sorted(os.listdir(directory)) == ["viostor.cat", "viostor.inf", "viostor.sys"]
    for part in ("viostor.sys", "viostor.inf"):
        assert filecmp.cmp(directory / part, BUILD / build / part, shallow=False)


def test_holds_the_same_media_as_make_package(installed, unsigned):
    for name, link, made in ((f"viostor-{VERSION}.iso", "viostor.iso", unsigned.iso),
                             (f"viostor-{VERSION}.vfd", "viostor.vfd", unsigned.floppy)):
        assert filecmp.cmp(installed / SHARE / name, made, shallow=False)
        assert os.readlink(installed / SHARE / link) == name


def test_a_debugger_finds_the_symbols_of_each_driver(installed):
    """A symbol store: name of the PDB, GUID and age, name of the PDB."""
    expected = set()
    for build in set(EXPECTED.values()):
        guid, age, name = pdb_identity(BUILD / build / "viostor.sys")
        stored = installed / SHARE / "symbols" / name / (guid.replace("-", "") + age) / name
        assert filecmp.cmp(stored, BUILD / build / "viostor.pdb", shallow=False)
        expected.add(stored)
    assert {path for path in (installed / SHARE / "symbols").rglob("*") if path.is_file()} == expected


# What libosinfo finds of these drivers, printed by libosinfo itself.
ASK_LIBOSINFO = """
import gi
gi.require_version("Libosinfo", "1.0")
from gi.repository import Libosinfo
loader = Libosinfo.Loader()
loader.process_default_path()
systems = loader.get_db().get_os_list()
for system in (systems.get_nth(number) for number in range(systems.get_length())):
    drivers = system.get_device_drivers()
    for driver in (drivers.get_nth(number) for number in range(drivers.get_length())):
        if driver.get_location().startswith("file:"):
            devices = driver.get_devices()
            print(system.get_short_id(), driver.get_architecture(), driver.get_location(), driver.get_pre_installable(),
                  driver.get_signed(), ",".join(sorted(driver.get_files())),
                  ",".join(sorted(devices.get_nth(number).get_id().rsplit("/", 1)[1]
                                  for number in range(devices.get_length()))))
"""


def test_libosinfo_finds_the_drivers(installed):
    """Each Windows that osinfo-db knows gets its own directory, by a file for OSINFO_LOCAL_DIR."""
    environment = {**os.environ, "OSINFO_LOCAL_DIR": str(installed / SHARE / "osinfo")}
    lines = [line.split() for line in succeed(PYTHON, "-c", ASK_LIBOSINFO, env=environment).splitlines()]
    found = {}
    for system, architecture, location, pre_installable, signed, files, devices in lines:
        assert (pre_installable, signed) == ("True", "False")
        assert (files, devices) == ("viostor.cat,viostor.inf,viostor.sys", "1001,1042")
        directory = location.removeprefix("file:///")
        assert sorted(os.listdir(installed / directory)) == files.split(",")
        found[system, architecture] = directory.removeprefix(f"{SHARE}/drivers/viostor/")
    for system, architecture, name in (
            ("winxp", "i686", "xp/x86"), ("win2k3", "x86_64", "2k3/amd64"), ("winvista", "i686", "2k8/x86"),
            ("win7", "x86_64", "w7/amd64"), ("win2k8r2", "x86_64", "2k8R2/amd64"), ("win8.1", "i686", "w8.1/x86"),
            ("win10", "x86_64", "w10/amd64"), ("win10", "aarch64", "w10/ARM64"), ("win11", "x86_64", "w11/amd64"),
            ("win2k22", "x86_64", "2k22/amd64"), ("win2k25", "aarch64", "2k25/ARM64")):
        assert found[system, architecture] == name
    assert set(found.values()) == set(EXPECTED)
    assert all(system.startswith("win") for system, _ in found)  # Debian 12's database has no 2k25 of its own


def test_documents_come_along(installed):
    names = os.listdir(installed / "usr/share/doc/viostor")
    for name in ("README.Debian", "copyright", "changelog", "packaging.md", "signing.md"):
        assert {name, f"{name}.gz"} & set(names), name


# ---- RPM --------------------------------------------------------------------------------------

def test_rpms_hold_the_same(rpm, installed, tmp_path):
    names = sorted(path.name for path in rpm.glob("*.rpm"))
    assert names == [f"viostor-{VERSION}-1.noarch.rpm", f"viostor-{VERSION}-1.src.rpm",
                     f"viostor-symbols-{VERSION}-1.noarch.rpm"]
    for name in names:
        if ".noarch." in name:
            subprocess.run(f"rpm2cpio '{rpm / name}' | cpio --quiet -idm", shell=True, check=True, cwd=tmp_path,
                           stdin=subprocess.DEVNULL)
    assert files_below(tmp_path / SHARE) == files_below(installed / SHARE)


def test_rpms_name_no_machine_and_no_moment(rpm, tmp_path):
    """The database of installed packages, which Debian's rpm has in the user's home, is another."""
    for path in rpm.glob("*.noarch.rpm"):
        assert succeed("rpm", "-qp", "--dbpath", tmp_path, "--qf", "%{BUILDHOST} %{BUILDTIME}", path) == \
            f"viostor {TIME}"


def test_rpmlint_finds_nothing(rpm):
    text = succeed("rpmlint", "-r", ROOT / "packaging/viostor.rpmlintrc", *rpm.glob("*.rpm"),
                   ROOT / "packaging/viostor.spec")
    assert re.search(r" 0 errors, 0 warnings,", text), text


# ---- One version, one date, one licence -------------------------------------------------------

def test_version_and_date_are_those_of_their_files():
    """What Debian's and RPM's tools read for themselves repeats VERSION and RELEASE_DATE."""
    changelog = (ROOT / "debian/changelog").read_text()
    assert changelog.startswith(f"viostor ({VERSION}) ")
    first = re.search(r"^ -- .*>  (.*)$", changelog, re.MULTILINE)[1]
    assert int(succeed("date", "-d", first, "+%s")) == TIME
    spec = (ROOT / "packaging/viostor.spec").read_text()
    assert re.search(r"^Version: +(\S+)$", spec, re.MULTILINE)[1] == VERSION
    day = succeed("date", "-u", "-d", f"@{TIME}", "+%a %b %d %Y", env={**os.environ, "LC_ALL": "C"}).strip()
    assert re.search(r"^%changelog\n\* (.*) The viostor authors .* - (\S+)$", spec, re.MULTILINE).groups() == \
        (day, f"{VERSION}-1")


def test_the_licence_is_ours():
    def words(text: str) -> list[str]:
        return text[text.index("Redistribution and use"):].replace("\n .\n", "\n\n").split()

    assert words((ROOT / "debian/copyright").read_text()) == words((ROOT / "LICENSE").read_text())


# ---- What the documents say works -------------------------------------------------------------

def commands(document: str, beginning: str) -> str:
    """The shell commands in a document whose first line begins so."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def test_a_user_can_sign_the_package(installed, tmp_path):
    make_identity(tmp_path, "mine")
    script = commands("signing.md", "cp -r /usr/share/viostor").replace("/usr/share", str(installed / "usr/share"))
    succeed("sh", "-euc", script, cwd=tmp_path, env={**os.environ, "CERT": str(tmp_path / "mine.pem"),
                                                    "KEY": str(tmp_path / "mine.key")})
    for name in EXPECTED:
        directory = tmp_path / "signed" / name
        for path, more in ((directory / "viostor.sys", ()), (directory / "viostor.cat", ()),
                           (directory / "viostor.sys", ("-catalog", directory / "viostor.cat"))):
            done = verify(path, tmp_path / "mine.pem", *more)
            assert done.returncode == 0, done.stdout
            digest = "SHA1" if name.startswith(("xp", "2k3", "2k8", "w7")) else "SHA256"
            assert re.search(rf"Message digest algorithm *: {digest}\b", done.stdout)


def test_both_fit_on_one_cd(unsigned, tmp_path):
    """A CD like virtio-win's, with another driver and a viostor of its own, and ours over it."""
    other = tmp_path / "other"
    for name in ("NetKVM/w10/amd64/netkvm.sys", "viostor/w10/amd64/viostor.sys", "viostor/w10/amd64/old.dll",
                 "amd64/w10/viostor.sys", "amd64/w10/vioscsi.sys", "virtio-win_license.txt"):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(f"theirs: {name}\n")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(TIME)}
    succeed("sh", ROOT / "packaging/make_iso.sh", other, tmp_path / "virtio-win.iso", "VIRTIO_WIN", env=environment)
    (tmp_path / "viostor.iso").symlink_to(unsigned.iso)
    (tmp_path / "packaging").symlink_to(ROOT / "packaging")
    succeed("sh", "-euc", commands("packaging.md", "mkdir cd"), cwd=tmp_path)
    succeed("7z", "x", f"-o{tmp_path / 'merged'}", tmp_path / "merged.iso")
    merged = files_below(tmp_path / "merged")
    ours = files_below(unsigned.tree)
    assert {name: merged[name] for name in ours} == ours
    assert set(merged) - set(ours) == {"NetKVM/w10/amd64/netkvm.sys", "amd64/w10/vioscsi.sys",
                                       "virtio-win_license.txt"}


def test_symbol_store_refuses_a_driver_without_symbols(tmp_path):
    for build in set(EXPECTED.values()):
        (tmp_path / "build" / build).mkdir(parents=True)
        (tmp_path / "build" / build / "viostor.sys").write_bytes(b"MZ no driver")
    done = run(PYTHON, ROOT / "packaging/symbol_store.py", tmp_path / "build", tmp_path / "store")
    assert done.returncode == 1 and "viostor.sys" in done.stdout and "Traceback" not in done.stdout
    assert not (tmp_path / "store").exists()


def test_install_asks_for_the_media(tmp_path):
    done = run("make", "-s", "-C", ROOT, "install", f"PACKAGE={tmp_path}", f"DESTDIR={tmp_path}/root")
    assert done.returncode != 0 and "run 'make package' first" in done.stdout
    assert not (tmp_path / "root").exists()


def test_install_brings_the_test_certificates(tmp_path):
    media = Media(tmp_path)
    succeed("make", "-s", "-C", ROOT, "install", f"PACKAGE={media.directory}", f"DESTDIR={tmp_path}/root",
            "prefix=/opt")
    drivers = tmp_path / "root/opt/share/viostor/drivers"
    assert (drivers / "viostor-test.cer").exists() and (drivers / "README-test-signing.txt").exists()
    assert filecmp.cmp(drivers / "viostor/w10/amd64/viostor.sys", media.tree / "viostor/w10/amd64/viostor.sys",
                       shallow=False)
