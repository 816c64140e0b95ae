# SPDX-License-Identifier: BSD-3-Clause
"""Signatures: made by keys of every kind, judged by osslsigncode; what is changed or not trusted is refused."""

from __future__ import annotations

import http.server
import os
import pathlib
import re
import shutil
import stat
import subprocess
import threading
import uuid

import pefile
import pytest

import signer
import test_certificate
import windows_targets
from conftest import BUILD, ROOT
from package_tools import (TIME, authenticode, catalog_tool, change_byte, copy_build, listed_hashes, make_catalog,
                           make_identity, run, succeed, verify)

# A Windows that is given SHA-1, and one that is given SHA-256.
TARGETS = {"w7/amd64": ("wlh/x64", "sha1"), "w10/amd64": ("wlh/x64", "sha256")}


class Package:
    """A signed package for one Windows."""

    def __init__(self, directory: pathlib.Path, trusted: pathlib.Path) -> None:
        self.directory = directory
        self.trusted = trusted
        self.sys = directory / "viostor.sys"
        self.inf = directory / "viostor.inf"
        self.cat = directory / "viostor.cat"

    def judge(self, path: pathlib.Path, *more: str | os.PathLike[str], trusted: pathlib.Path | None = None) -> str:
        """What osslsigncode prints when it accepts a file; the empty string when it does not."""
        done = verify(path, trusted or self.trusted, *more)
        assert done.returncode in (0, 1), done.stdout
        return done.stdout if done.returncode == 0 else ""


def sign_package(directory: pathlib.Path, target: str, by: signer.Signer, trusted: pathlib.Path) -> Package:
    """The package of a target as "make package" does it: the driver, then the catalog of it."""
    build, digest = TARGETS[target]
    copy_build(directory, build)
    by.sign(directory / "viostor.sys", digest)
    make_catalog(directory, target)
    by.sign(directory / "viostor.cat", digest)
    return Package(directory, trusted)


@pytest.fixture(scope="module")
def test_key(tmp_path_factory) -> pathlib.Path:
    """A directory with the test key."""
    directory = tmp_path_factory.mktemp("test-key")
    succeed("/usr/bin/python3", test_certificate.__file__, directory)
    return directory


@pytest.fixture(params=TARGETS)
def package(request, tmp_path, test_key) -> Package:
    """A package with a test signature."""
    name = {"sha1": test_certificate.LEGACY_CERTIFICATE, "sha256": test_certificate.CERTIFICATE}
    return sign_package(tmp_path / "package", request.param, signer.test_signer(test_key, TIME),
                        test_key / name[TARGETS[request.param][1]])


def test_accepted_as_made(package):
    """Embedded signature, the catalog's own, and the driver by its catalog."""
    for text in (package.judge(package.sys), package.judge(package.cat), package.judge(package.sys, "-catalog",
                                                                                      package.cat)):
        assert "Signature verification: ok" in text
    assert catalog_tool("check", package.cat, package.sys, package.inf).returncode == 0


def test_signed_by_the_digest_that_this_windows_reads(package):
    digest = "SHA1" if "sha1" in package.trusted.name else "SHA256"
    for path in (package.sys, package.cat):
        text = package.judge(path)
        assert re.search(rf"Message digest algorithm *: {digest}\b", text), text
    signature = succeed("openssl", "x509", "-in", package.trusted, "-noout", "-text")
    assert f"Signature Algorithm: {digest.lower()}WithRSAEncryption" in signature


def test_the_driver_stays_what_it_was(package, tmp_path):
    """Signing appends; checksum, hash and the link to the PDB are right afterwards."""
    built = copy_build(tmp_path / "built", "wlh/x64")
    image = pefile.PE(str(package.sys))
    assert image.OPTIONAL_HEADER.CheckSum and image.verify_checksum()
    assert authenticode(package.sys, "sha256") == authenticode(built / "viostor.sys", "sha256")

    assert pdb_identity(package.sys) == pdb_identity(built / "viostor.sys")


DRIVERS = sorted(BUILD.glob("w*/*/viostor.sys"))


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda path: path.parent.relative_to(BUILD).as_posix())
def test_each_driver_has_its_symbols(driver):
    """WinDbg takes the PDB whose GUID and age the driver names."""
    guid, age, name = pdb_identity(driver)
    summary = succeed("llvm-pdbutil-14", "dump", "--summary", driver.with_name(name))
    assert name == "viostor.pdb"
    assert f"GUID: {{{guid}}}" in summary and f"Age: {age}\n" in summary


def pdb_identity(driver: pathlib.Path) -> tuple[str, str, str]:
    """GUID, age and name of the PDB, as the debug directory of a driver says."""
    text = succeed("llvm-readobj-14", "--coff-debug-directory", driver)
    raw, age, name = re.search(r"PDBGUID: \(([0-9A-F ]+)\)\s+PDBAge: (\d+)\s+PDBFileName: (\S+)", text).groups()
    return str(uuid.UUID(bytes_le=bytes.fromhex(raw))).upper(), age, name


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_driver_is_refused(package, place):
    image_size = pefile.PE(str(package.sys), fast_load=True).OPTIONAL_HEADER.DATA_DIRECTORY[4].VirtualAddress
    change_byte(package.sys, int(image_size * place))
    assert not package.judge(package.sys)
    assert not package.judge(package.sys, "-catalog", package.cat)
    assert catalog_tool("check", package.cat, package.sys).returncode == 1


def test_a_changed_inf_is_refused(package):
    """osslsigncode judges no flat files; the hash that openssl reads out of the signed catalog does."""
    def as_listed() -> bool:
        algorithm, digest = listed_hashes(package.cat)["viostor.inf"].split()
        return succeed(f"{algorithm}sum", package.inf).split()[0] == digest

    assert as_listed() and package.judge(package.cat)
    change_byte(package.inf, package.inf.stat().st_size // 2)
    assert not as_listed()
    assert catalog_tool("check", package.cat, package.inf).returncode == 1


def test_a_changed_catalog_is_refused(package):
    """A forger who puts the changed .inf's hash into the catalog breaks the catalog's signature."""
    data = package.cat.read_bytes()
    digest = bytes.fromhex(listed_hashes(package.cat)["viostor.inf"].split()[1])
    assert digest in data
    package.cat.write_bytes(data.replace(digest, bytes(len(digest))))
    assert not package.judge(package.cat)


def test_an_unsigned_file_is_refused(package, tmp_path):
    built = copy_build(tmp_path / "built", "wlh/x64")
    assert not package.judge(built / "viostor.sys")
    make_catalog(built, "w10/amd64")
    assert not package.judge(built / "viostor.cat")


def test_another_certificate_is_not_trusted(package, tmp_path):
    make_identity(tmp_path, "stranger")
    for path in (package.sys, package.cat):
        assert not package.judge(path, trusted=tmp_path / "stranger.pem")


def test_a_fixed_key_gives_fixed_bytes(package, tmp_path, test_key):
    again = sign_package(tmp_path / "again", "w7/amd64" if "sha1" in package.trusted.name else "w10/amd64",
                         signer.test_signer(test_key, TIME), package.trusted)
    for name in ("viostor.sys", "viostor.cat"):
        assert (again.directory / name).read_bytes() == (package.directory / name).read_bytes()


def test_the_test_key_is_its_owners_alone(test_key, tmp_path):
    assert stat.S_IMODE((test_key / test_certificate.KEY).stat().st_mode) == 0o600
    before = {path.name: path.read_bytes() for path in test_key.iterdir()}
    succeed("/usr/bin/python3", test_certificate.__file__, test_key)
    assert {path.name: path.read_bytes() for path in test_key.iterdir()} == before  # kept once made
    old_umask = os.umask(0)
    try:
        succeed("/usr/bin/python3", test_certificate.__file__, tmp_path / "another")
    finally:
        os.umask(old_umask)
    assert stat.S_IMODE((tmp_path / "another" / test_certificate.KEY).stat().st_mode) == 0o600
    assert (tmp_path / "another" / test_certificate.KEY).read_bytes() != before[test_certificate.KEY]


def test_the_test_certificates_are_for_code_only(test_key):
    for name, digest in test_certificate.DIGESTS.items():
        text = succeed("openssl", "x509", "-in", test_key / name, "-noout", "-text")
        assert "Code Signing" in text and "CA:FALSE" in text and "Not Before: Jan  1 00:00:00 2001" in text
        der = succeed("openssl", "x509", "-inform", "DER", "-in", (test_key / name).with_suffix(".cer"), "-noout",
                      "-fingerprint")
        assert der == succeed("openssl", "x509", "-in", test_key / name, "-noout", "-fingerprint")
        assert digest in text


# ---- Keys of the user's -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> pathlib.Path:
    """ca.pem, an issuer, and mine.pem with mine.key, issued by it; locked.key, mine.pfx, pass: the same key."""
    directory = tmp_path_factory.mktemp("authority")
    make_identity(directory, "ca")
    make_identity(directory, "mine", "ca")
    (directory / "pass").write_text("secret\n")
    succeed("openssl", "rsa", "-aes256", "-in", directory / "mine.key", "-passout", f"file:{directory / 'pass'}",
            "-out", directory / "locked.key")
    succeed("openssl", "pkcs12", "-export", "-in", directory / "mine.pem", "-inkey", directory / "mine.key",
            "-passout", f"file:{directory / 'pass'}", "-out", directory / "mine.pfx")
    return directory


def by(identity: signer.Identity, **more) -> signer.Signer:
    made = signer.Signer(identity, identity, signing_time=TIME, **more)
    made.check()
    return made


def test_by_a_key_file(tmp_path, authority):
    identity = signer.Identity(authority / "mine.pem", str(authority / "mine.key"))
    made = sign_package(tmp_path / "p", "w10/amd64", by(identity), authority / "ca.pem")
    assert made.judge(made.sys) and made.judge(made.cat) and made.judge(made.sys, "-catalog", made.cat)


def test_by_a_locked_key_file(tmp_path, authority):
    identity = signer.Identity(authority / "mine.pem", str(authority / "locked.key"), authority / "pass")
    made = sign_package(tmp_path / "p", "w10/amd64", by(identity), authority / "ca.pem")
    assert made.judge(made.cat)
    (tmp_path / "wrong").write_text("guess\n")
    identity = signer.Identity(authority / "mine.pem", str(authority / "locked.key"), tmp_path / "wrong")
    before = made.sys.read_bytes()
    with pytest.raises(signer.SigningFailed):
        by(identity).sign(made.sys, "sha256")
    assert made.sys.read_bytes() == before and not list(tmp_path.glob("p/*.signed"))


def test_by_a_pkcs12_file(tmp_path, authority):
    made = sign_package(tmp_path / "p", "w7/amd64", by(signer.Identity(authority / "mine.pfx",
                                                                       pass_file=authority / "pass")),
                        authority / "ca.pem")
    assert made.judge(made.sys) and made.judge(made.cat)


@pytest.fixture
def token(tmp_path, authority, monkeypatch) -> signer.Identity:
    """A token in software that holds the key."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    succeed("softhsm2-util", "--init-token", "--free", "--label", "viostor", "--pin", "1234", "--so-pin", "5678")
    succeed("softhsm2-util", "--import", authority / "mine.key", "--token", "viostor", "--label", "signing",
            "--id", "01", "--pin", "1234")
    (tmp_path / "pin").write_text("1234")
    return signer.Identity(authority / "mine.pem", "pkcs11:token=viostor;object=signing;type=private",
                           tmp_path / "pin", "/usr/lib/softhsm/libsofthsm2.so")


def test_by_a_key_in_a_token(tmp_path, authority, token):
    made = sign_package(tmp_path / "p", "w10/amd64", by(token), authority / "ca.pem")
    assert made.judge(made.sys) and made.judge(made.cat)


def test_make_package_takes_a_key_in_a_token(tmp_path, authority, token):
    text = succeed("make", "-s", "-C", ROOT, "package", f"PACKAGE={tmp_path / 'package'}", f"CERT={token.certificate}",
                   f"KEY={token.key}", f"PASS={token.pass_file}", f"PKCS11_MODULE={token.pkcs11_module}",
                   f"VERIFY_CA={authority / 'ca.pem'}")
    assert f"{3 * len(windows_targets.TARGETS)} signatures verified" in text
    assert not (tmp_path / "package/tree/viostor-test.cer").exists()


def test_make_package_takes_another_certificate_for_old_windows(tmp_path, authority):
    make_identity(tmp_path, "old")
    succeed("make", "-s", "-C", ROOT, "package", f"PACKAGE={tmp_path / 'package'}", f"CERT={authority / 'mine.pfx'}",
            f"PASS={authority / 'pass'}", f"LEGACY_CERT={tmp_path / 'old.pem'}", f"LEGACY_KEY={tmp_path / 'old.key'}",
            "LEGACY_DIGEST=sha256")
    for name, trusted in (("w7/amd64", tmp_path / "old.pem"), ("w8/amd64", authority / "ca.pem")):
        done = verify(tmp_path / "package/tree/viostor" / name / "viostor.cat", trusted)
        assert done.returncode == 0 and re.search("Message digest algorithm *: SHA256", done.stdout), done.stdout


def test_make_package_verifies_against_what_it_is_given(tmp_path, authority):
    make_identity(tmp_path, "stranger")
    done = run("make", "-s", "-C", ROOT, "package", f"PACKAGE={tmp_path / 'package'}", f"CERT={authority / 'mine.pem'}",
               f"KEY={authority / 'mine.key'}", f"VERIFY_CA={tmp_path / 'stranger.pem'}")
    assert done.returncode != 0 and "osslsigncode verify failed" in done.stdout
    assert not list((tmp_path / "package").glob("*.iso"))


def test_a_cross_certificate_leads_to_the_root(tmp_path, authority):
    """Who trusts only the root accepts what an intermediate issuer has vouched for, if that one comes along."""
    for name in ("mine", "ca"):
        for suffix in ("pem", "key"):
            shutil.copy(authority / f"{name}.{suffix}", tmp_path)
    make_identity(tmp_path, "middle-ca", "ca")
    make_identity(tmp_path, "leaf", "middle-ca")
    alone = signer.Identity(tmp_path / "leaf.pem", str(tmp_path / "leaf.key"))
    with_cross = signer.Identity(tmp_path / "leaf.pem", str(tmp_path / "leaf.key"),
                                 cross_certificate=tmp_path / "middle-ca.pem")
    made = sign_package(tmp_path / "alone", "w10/amd64", by(alone), tmp_path / "ca.pem")
    assert not made.judge(made.sys)
    made = sign_package(tmp_path / "cross", "w10/amd64", by(with_cross), tmp_path / "ca.pem")
    assert made.judge(made.sys) and made.judge(made.cat)


def test_an_expired_certificate_is_refused(tmp_path, authority):
    for name in ("ca.pem", "ca.key"):
        shutil.copy(authority / name, tmp_path)
    make_identity(tmp_path, "old", "ca", 1)
    made = sign_package(tmp_path / "p", "w10/amd64", by(signer.Identity(tmp_path / "old.pem",
                                                                        str(tmp_path / "old.key"))),
                        tmp_path / "ca.pem")
    assert made.judge(made.sys) and made.judge(made.cat)
    in_ten_days = str(int(subprocess.check_output(["date", "+%s"])) + 10 * 86400)  # the issuer's still good
    assert not made.judge(made.sys, "-time", in_ten_days)
    assert not made.judge(made.cat, "-time", in_ten_days)


class TimestampAuthority(http.server.BaseHTTPRequestHandler):
    """Answers by "openssl ts" as RFC 3161 says."""
    directory: pathlib.Path

    def do_POST(self) -> None:
        (self.directory / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        succeed("openssl", "ts", "-reply", "-config", self.directory / "ts.conf", "-queryfile",
                self.directory / "query", "-out", self.directory / "reply")
        reply = (self.directory / "reply").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args) -> None:
        pass


def test_a_time_stamp_outlives_the_certificate(tmp_path, authority):
    for name in ("ca.pem", "ca.key"):
        shutil.copy(authority / name, tmp_path)
    make_identity(tmp_path, "old", "ca", 1)
    make_identity(tmp_path, "stranger")
    succeed("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tsa",
            "-addext", "extendedKeyUsage=critical,timeStamping", "-days", "30",
            "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
            "-keyout", tmp_path / "tsa.key", "-out", tmp_path / "tsa.pem")
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "ts.conf").write_text(
        f"[tsa]\ndefault_tsa=one\n[one]\nserial={tmp_path}/serial\nsigner_cert={tmp_path}/tsa.pem\n"
        f"certs={tmp_path}/tsa.pem\nsigner_key={tmp_path}/tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3\n"
        "digests=sha256\n")
    TimestampAuthority.directory = tmp_path
    with http.server.HTTPServer(("127.0.0.1", 0), TimestampAuthority) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        signing = signer.Signer(signer.Identity(tmp_path / "old.pem", str(tmp_path / "old.key")),
                                signer.Identity(tmp_path / "old.pem", str(tmp_path / "old.key")),
                                timestamp_url=f"http://127.0.0.1:{server.server_port}/")
        made = sign_package(tmp_path / "p", "w10/amd64", signing, tmp_path / "ca.pem")
        server.shutdown()
    in_ten_days = str(int(subprocess.check_output(["date", "+%s"])) + 10 * 86400)
    for path in (made.sys, made.cat):
        text = made.judge(path, "-TSA-CAfile", tmp_path / "ca.pem", "-time", in_ten_days)
        assert re.search("Timestamp( Server Signature)? verification: ok", text), text
        # A time stamp by a stranger is none.
        assert not made.judge(path, "-TSA-CAfile", tmp_path / "stranger.pem", "-time", in_ten_days)


def test_what_is_missing_is_told_before_anything_is_signed(tmp_path, authority):
    def told(identity: signer.Identity, **more) -> str:
        with pytest.raises(signer.SigningFailed) as error:
            by(identity, **more)
        return str(error.value)

    mine, key = authority / "mine.pem", str(authority / "mine.key")
    assert "CERT=" in told(signer.Identity(tmp_path / "no.pem", key))
    assert "KEY is missing" in told(signer.Identity(mine))
    assert "KEY=" in told(signer.Identity(mine, str(tmp_path / "no.key")))
    assert "PASS=" in told(signer.Identity(mine, key, tmp_path / "no"))
    assert "PKCS11_MODULE has to name" in told(signer.Identity(mine, "pkcs11:token=x"))
    assert "begins with pkcs11:" in told(signer.Identity(mine, key, pkcs11_module="/usr/lib/softhsm/libsofthsm2.so"))
    assert "CROSS_CERT=" in told(signer.Identity(mine, key, cross_certificate=tmp_path / "no.pem"))
    assert "TIMESTAMP_URL=" in told(signer.Identity(mine, key), timestamp_url="ftp://example.org")


def test_no_program_no_traceback(tmp_path, authority, monkeypatch):
    monkeypatch.setattr(signer, "OSSLSIGNCODE", str(tmp_path / "missing"))
    with pytest.raises(signer.SigningFailed, match="make setup"):
        signer.run("--version")
