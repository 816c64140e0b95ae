#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lay out the files of the installation media: drivers, INF files, catalogs, symbols, signed or not.

  viostor/<os>/<arch>/viostor.{sys,inf,cat,pdb}   for each Windows of windows_targets.py
  i386/<os>/, amd64/<os>/                          the same files by processor, from Windows 10 on
  viostor_readme.txt, viostor_license.txt, viostor_version.txt, data/info.json
  with a test signature: viostor-test.cer, viostor-test-sha1.cer, README-test-signing.txt

as on virtio-win's media, so that what looks for drivers there finds them. A .sys file is the build's but
for the signature put into it; the catalog is made of the signed file. The tree appears complete or not at
all. All files carry the release's time.
"""
from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

import catalog
import inf_ids
import pe_hash
import signer as signing
import test_certificate
import windows_targets

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE_FILES = ("viostor.sys", "viostor.inf", "viostor.cat", "viostor.pdb")

# Directories in which newer Windows look for drivers of boot disks by themselves, by processor.
AUTOMATIC_DIRECTORIES = {"x86": "i386", "amd64": "amd64"}
AUTOMATIC_FROM = "10.0"

SIGNATURES = {
    "none": "none. Windows has to be told to load unsigned drivers, or they have to be signed first.",
    "test": "test signatures. Read README-test-signing.txt.",
    "key": "by the distributor of this disk.",
}


class PackageError(Exception):
    """What keeps the package from being made, and what to do about it."""


@dataclasses.dataclass(frozen=True)
class Release:
    """What goes into texts and times."""
    version: str
    time: int  # seconds since 1970

    @property
    def date(self) -> str:
        """The release's day, YYYY-MM-DD."""
        return f"{datetime.datetime.fromtimestamp(self.time, datetime.timezone.utc):%Y-%m-%d}"


class Tree:
    """The media's files, made in a directory."""

    def __init__(self, root: pathlib.Path, build: pathlib.Path, release: Release,
                 signer: signing.Signer | None) -> None:
        self.root = root
        self.build = build
        self.release = release
        self.signer = signer
        self.placed: dict[tuple[str, ...], pathlib.Path] = {}  # what several directories share

    def share(self, source: pathlib.Path, destination: pathlib.Path) -> None:
        """One file under a second name, so that the media hold its bytes once."""
        destination.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, destination)

    def place_built(self, target: windows_targets.Target, directory: pathlib.Path) -> None:
        """The files that are the build's as they are."""
        for name in ("viostor.inf", "viostor.pdb"):
            key = (target.build, name)
            if key in self.placed:
                self.share(self.placed[key], directory / name)
            else:
                shutil.copyfile(self.build / target.build / name, directory / name)
                self.placed[key] = directory / name

    def place_driver(self, target: windows_targets.Target, directory: pathlib.Path) -> None:
        """The .sys file, signed as the target reads it."""
        driver = directory / "viostor.sys"
        key = (target.build, driver.name, target.digest)
        if key in self.placed:
            self.share(self.placed[key], driver)
            return
        built = self.build / target.build / "viostor.sys"
        shutil.copyfile(built, driver)
        if self.signer is not None:
            self.signer.sign(driver, target.digest)
        for algorithm in ("sha1", "sha256"):
            if pe_hash.member_hash(driver, algorithm) != pe_hash.member_hash(built, algorithm):
                raise PackageError(f"{built}: the signature has changed more than it may")
        self.placed[key] = driver

    def place_target(self, target: windows_targets.Target) -> None:
        """One directory of the media."""
        directory = self.root / "viostor" / target.directory / target.architecture
        directory.mkdir(parents=True)
        self.place_built(target, directory)
        self.place_driver(target, directory)
        members = [directory / "viostor.sys", directory / "viostor.inf"]
        cat = directory / "viostor.cat"
        cat.write_bytes(catalog.create(members, target, self.release.time))
        if self.signer is not None:
            self.signer.sign(cat, target.digest)
        wrong = catalog.check(cat, members)
        if wrong:
            raise PackageError("; ".join(wrong))
        if target.architecture in AUTOMATIC_DIRECTORIES and target.nt_version == AUTOMATIC_FROM:
            automatic = self.root / AUTOMATIC_DIRECTORIES[target.architecture] / target.directory
            for name in PACKAGE_FILES:
                self.share(directory / name, automatic / name)

    def place_text(self, name: str, source: pathlib.Path, **values: str) -> None:
        """A text file with Windows' line ends, its @PLACEHOLDERS@ filled in."""
        text = source.read_text(encoding="ascii")
        for key, value in values.items():
            text = text.replace(f"@{key.upper()}@", value)
        (self.root / name).write_bytes(text.replace("\n", "\r\n").encode("ascii"))

    def place_manifest(self) -> None:
        """data/info.json: what is there, in the form of virtio-win's."""
        drivers = []
        for target in windows_targets.TARGETS:
            inf = f"viostor/{target.name}/viostor.inf"
            parts = inf_ids.sections(inf_ids.decode((self.root / inf).read_bytes()))
            version = next(line.split("=", 1)[1].strip() for line in parts["version"]
                           if line.lower().startswith("driverver"))
            drivers.append({"arch": target.architecture, "driver_version": version, "inf_path": inf,
                            "name": "VirtIO Block Device (viostor)", "windows_version": target.directory})
        (self.root / "data").mkdir()
        (self.root / "data/info.json").write_text(
            json.dumps({"drivers": drivers}, sort_keys=True, indent=2) + "\n", encoding="ascii")

    def place_test_certificates(self, directory: pathlib.Path) -> None:
        """The certificates for Windows, and what to do with them."""
        for name in test_certificate.DIGESTS:
            certificate = (directory / name).with_suffix(".cer")
            shutil.copyfile(certificate, self.root / certificate.name)
        subject = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline,-align", "-in",
             directory / test_certificate.CERTIFICATE], check=True, text=True, stdout=subprocess.PIPE).stdout
        common_name = subject.split("commonName = ", 1)[1].strip()
        self.place_text("README-test-signing.txt", ROOT / "packaging/media/README-test-signing.txt",
                        subject=common_name)

    def finish(self) -> None:
        """Times and modes that do not depend on who builds when and where."""
        for directory, _, names in os.walk(self.root, topdown=False):
            for path in [pathlib.Path(directory, name) for name in names] + [pathlib.Path(directory)]:
                path.chmod(0o755 if path.is_dir() else 0o644)
                os.utime(path, (self.release.time, self.release.time))


def make(root: pathlib.Path, build: pathlib.Path, release: Release, mode: str,
         signer: signing.Signer | None, test_key: pathlib.Path) -> None:
    """Make the whole tree at root, in the place of an older one."""
    missing = [str(path) for target in windows_targets.TARGETS for name in ("viostor.sys", "viostor.inf", "viostor.pdb")
               if not (path := build / target.build / name).exists()]
    if missing:
        raise PackageError(f"not built: {', '.join(sorted(set(missing)))}; run 'make driver inf'")
    work = root.with_name(root.name + ".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        tree = Tree(work, build, release, signer)
        for number, target in enumerate(windows_targets.TARGETS, 1):
            if sys.stderr.isatty():
                print(f"\r  {number}/{len(windows_targets.TARGETS)} {target.name:<14}", end="", file=sys.stderr)
            tree.place_target(target)
        if sys.stderr.isatty():
            print("\r", " " * 30, end="\r", file=sys.stderr)
        tree.place_manifest()
        tree.place_text("viostor_readme.txt", ROOT / "packaging/media/viostor_readme.txt",
                        version=release.version, date=release.date, signatures=SIGNATURES[mode])
        tree.place_text("viostor_license.txt", ROOT / "LICENSE")
        (work / "viostor_version.txt").write_bytes(f"{release.version}\r\n".encode("ascii"))
        if mode == "test":
            tree.place_test_certificates(test_key)
        tree.finish()
        shutil.rmtree(root, ignore_errors=True)
        os.replace(work, root)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, metavar="DIRECTORY", help="the build's files")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="DIRECTORY", help="the tree to make")
    parser.add_argument("--version", required=True, metavar="A.B.C")
    parser.add_argument("--time", type=int, required=True, metavar="SECONDS", help="of the release, since 1970")
    parser.add_argument("--sign", choices=list(SIGNATURES), required=True,
                        help="none; by a test certificate; by a key of yours (--cert)")
    parser.add_argument("--test-key", type=pathlib.Path, default=pathlib.Path("build/test-key"),
                        metavar="DIRECTORY", help="where the test key is or is to be made")
    parser.add_argument("--cert", type=pathlib.Path, metavar="FILE", help="PEM, DER, or .pfx with the key in it")
    parser.add_argument("--key", default="", metavar="FILE|URI", help="a file, or a pkcs11: URI")
    parser.add_argument("--legacy-cert", type=pathlib.Path, metavar="FILE",
                        help="another certificate for Windows 7, Server 2008 R2 and older")
    parser.add_argument("--legacy-key", default="", metavar="FILE|URI")
    parser.add_argument("--legacy-digest", choices=["sha1", "sha256"], default="sha1",
                        help="of signatures for those")
    parser.add_argument("--pass-file", type=pathlib.Path, metavar="FILE", help="holds pass phrase or PIN")
    parser.add_argument("--pkcs11-module", default="", metavar="LIBRARY")
    parser.add_argument("--pkcs11-engine", default="", metavar="LIBRARY")
    parser.add_argument("--cross-cert", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--timestamp-url", default="", metavar="URL", help="RFC 3161")
    parser.add_argument("--legacy-timestamp-url", default="", metavar="URL", help="Authenticode's own protocol")
    parser.add_argument("--verify-ca", type=pathlib.Path, metavar="FILE",
                        help="verify every signature against these certificates (PEM)")
    return parser.parse_args()


def make_signer(arguments: argparse.Namespace) -> signing.Signer | None:
    """The signer that the command line asks for."""
    if arguments.sign == "none":
        return None
    if arguments.sign == "test":
        return signing.test_signer(arguments.test_key, arguments.time, arguments.legacy_digest)
    if arguments.cert is None:
        raise PackageError("signing with a key of yours needs CERT=FILE")

    def identity(certificate: pathlib.Path, key: str) -> signing.Identity:
        return signing.Identity(certificate, key, arguments.pass_file, arguments.pkcs11_module,
                                arguments.pkcs11_engine, arguments.cross_cert)

    # With a time stamp the time of signing is real anyway.
    stamped = arguments.timestamp_url or arguments.legacy_timestamp_url
    return signing.Signer(identity(arguments.cert, arguments.key),
                          identity(arguments.legacy_cert or arguments.cert, arguments.legacy_key or arguments.key),
                          arguments.legacy_digest, arguments.timestamp_url, arguments.legacy_timestamp_url,
                          None if stamped else arguments.time)


def verify(root: pathlib.Path, certificates: dict[str, pathlib.Path]) -> int:
    """Verify every signature below root, by digest against these certificates; returns how many."""
    count = 0
    for target in windows_targets.TARGETS:
        directory = root / "viostor" / target.name
        trusted = certificates[target.digest]
        signing.verify(directory / "viostor.sys", trusted)
        signing.verify(directory / "viostor.cat", trusted)
        signing.verify(directory / "viostor.sys", trusted, directory / "viostor.cat")
        count += 3
    return count


def main() -> int:
    arguments = parse_arguments()
    try:
        signer = make_signer(arguments)
        if signer is not None:
            signer.check()
        make(arguments.output, arguments.build, Release(arguments.version, arguments.time), arguments.sign,
             signer, arguments.test_key)
        certificates = None
        if arguments.sign == "test":
            certificates = {"sha256": arguments.test_key / test_certificate.CERTIFICATE,
                            "sha1": arguments.test_key / test_certificate.LEGACY_CERTIFICATE}
        elif arguments.verify_ca is not None and arguments.sign == "key":
            certificates = {"sha256": arguments.verify_ca, "sha1": arguments.verify_ca}
        if certificates is not None:
            print(f"  {verify(arguments.output, certificates)} signatures verified")
    except (OSError, PackageError, catalog.BadCatalog, inf_ids.BadInf, pe_hash.NotHashable,
            signing.SigningFailed) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
