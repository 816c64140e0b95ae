# SPDX-License-Identifier: BSD-3-Clause
"""Sign .sys and .cat files by osslsigncode, with a key of the user's or with a test certificate.

Windows 7, Server 2008 R2 and older read signatures by SHA-1 in every state of updates, later ones are
given SHA-256 (windows_targets.Target.digest). So there may be two certificates: one for the old systems, whose
own signature is by SHA-1 too, and one for the others.
"""
from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import urllib.parse

import pefile

import test_certificate

# The program; another one for trials.
OSSLSIGNCODE = os.environ.get("OSSLSIGNCODE", "osslsigncode")

# A signer that waits for a token or a time-stamp server gives up after this many seconds.
TIMEOUT = 120


class SigningFailed(Exception):
    """What could not be signed or verified, and what to do about it."""


def run(*arguments: str | os.PathLike[str]) -> str:
    """What osslsigncode prints; an error carries its last words."""
    command = [OSSLSIGNCODE, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        raise SigningFailed("osslsigncode is not installed: run 'make setup' once") from None
    except subprocess.TimeoutExpired:
        raise SigningFailed(f"osslsigncode {arguments[0]} did not end within {TIMEOUT} seconds; does it wait "
                            "for a PIN (PASS) or a time-stamp server (TIMESTAMP_URL)?") from None
    if done.returncode:
        raise SigningFailed(f"osslsigncode {arguments[0]} failed:\n{done.stdout.strip()}")
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate and where its key is."""
    certificate: pathlib.Path             # PEM or DER, or PKCS #12 with the key in it
    key: str = ""                         # a file, or the pkcs11: URI of a key in a token
    pass_file: pathlib.Path | None = None   # holds the key's pass phrase or the token's PIN
    pkcs11_module: str = ""               # the token's library
    pkcs11_engine: str = ""               # OpenSSL's engine for it, where it is not found by itself
    cross_certificate: pathlib.Path | None = None  # what leads from the certificate to Windows' root

    def arguments(self) -> list[str]:
        """As osslsigncode wants it."""
        result: list[str] = []
        if self.pkcs11_module:
            if self.pkcs11_engine:
                result += ["-pkcs11engine", self.pkcs11_engine]
            result += ["-pkcs11module", self.pkcs11_module, "-certs", str(self.certificate), "-key", self.key]
        elif self.key:
            result += ["-certs", str(self.certificate), "-key", self.key]
        else:
            result += ["-pkcs12", str(self.certificate)]
        if self.pass_file:
            result += ["-readpass", str(self.pass_file)]
        if self.cross_certificate:
            result += ["-ac", str(self.cross_certificate)]
        return result

    def check(self) -> None:
        """Say in one sentence what is missing, before osslsigncode says it in its own way."""
        files = [("CERT", self.certificate), ("PASS", self.pass_file), ("CROSS_CERT", self.cross_certificate)]
        if self.pkcs11_module:
            files.append(("PKCS11_MODULE", pathlib.Path(self.pkcs11_module)))
            if not self.key.startswith("pkcs11:"):
                raise SigningFailed(f"KEY={self.key}: with PKCS11_MODULE it is a URI that begins with pkcs11:")
        elif self.key.startswith("pkcs11:"):
            raise SigningFailed("KEY is in a token: PKCS11_MODULE has to name the token's library")
        elif self.key:
            files.append(("KEY", pathlib.Path(self.key)))
        elif self.certificate.suffix.lower() not in (".pfx", ".p12"):
            raise SigningFailed(f"CERT={self.certificate}: KEY is missing (only .pfx and .p12 files hold the key)")
        for variable, path in files:
            if path is not None and not os.access(path, os.R_OK):
                raise SigningFailed(f"{variable}={path}: no such file, or not readable")


@dataclasses.dataclass(frozen=True)
class Signer:
    """Signs for every Windows."""
    identity: Identity                   # signs by SHA-256
    legacy_identity: Identity            # signs by legacy_digest, for those that are given SHA-1
    legacy_digest: str = "sha1"
    timestamp_url: str = ""              # RFC 3161
    legacy_timestamp_url: str = ""       # Authenticode's own protocol, which old systems know
    signing_time: int | None = None      # seconds since 1970, to repeat a build; None: now

    def check(self) -> None:
        """Raise what can be seen to be wrong before the first file is signed."""
        self.identity.check()
        self.legacy_identity.check()
        for variable, url in (("TIMESTAMP_URL", self.timestamp_url),
                              ("LEGACY_TIMESTAMP_URL", self.legacy_timestamp_url)):
            if url and urllib.parse.urlsplit(url).scheme not in ("http", "https"):
                raise SigningFailed(f"{variable}={url}: an http or https address is expected")

    def sign(self, path: pathlib.Path, digest: str) -> None:
        """Sign a .sys or .cat file in place; it is changed completely or not at all."""
        legacy = digest == "sha1"
        identity = self.legacy_identity if legacy else self.identity
        arguments = ["-h", self.legacy_digest if legacy else digest, *identity.arguments(), "-n", "viostor"]
        if legacy and self.legacy_timestamp_url:
            arguments += ["-t", self.legacy_timestamp_url]
        elif not legacy and self.timestamp_url:
            arguments += ["-ts", self.timestamp_url]
        if self.signing_time is not None:
            arguments += ["-time", str(self.signing_time)]
        signed = path.with_name(path.name + ".signed")
        signed.unlink(missing_ok=True)
        try:
            run("sign", *arguments, "-in", path, "-out", signed)
            shutil.copymode(path, signed)
            if path.suffix.lower() == ".sys" and not pefile.PE(str(signed), fast_load=True).verify_checksum():
                raise SigningFailed(f"{path}: the signed file has a wrong checksum, which Windows refuses")
            os.replace(signed, path)
        finally:
            signed.unlink(missing_ok=True)


def verify(path: pathlib.Path, trusted: pathlib.Path, catalog: pathlib.Path | None = None,
           timestamp_trusted: pathlib.Path | None = None) -> None:
    """Raise unless a trusted certificate (PEM) vouches for a file, by its own signature or a catalog's."""
    arguments: list[str | os.PathLike[str]] = ["-CAfile", trusted]
    if timestamp_trusted is not None:
        arguments += ["-TSA-CAfile", timestamp_trusted]
    if catalog is not None:
        arguments += ["-catalog", catalog]
    run("verify", *arguments, "-in", path)


def test_signer(directory: pathlib.Path, signing_time: int | None, legacy_digest: str = "sha1") -> Signer:
    """The signer with the test certificate in a directory, made there if need be."""
    try:
        test_certificate.make(directory)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SigningFailed(f"no test certificate could be made in {directory}: {error}") from error
    key = str(directory / test_certificate.KEY)
    return Signer(Identity(directory / test_certificate.CERTIFICATE, key),
                  Identity(directory / test_certificate.LEGACY_CERTIFICATE, key), signing_time=signing_time,
                  legacy_digest=legacy_digest)
