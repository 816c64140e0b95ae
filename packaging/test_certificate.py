#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a key for test signing and its self-signed certificates, unless they are there.

Usage: test_certificate.py DIRECTORY

  viostor-test.key        the key, for the owner's eyes only; whoever has it can sign drivers that load on
                          each machine that trusts the certificates
  viostor-test.pem        the certificate, itself signed by SHA-256
  viostor-test-sha1.pem   the same for Windows 7, Server 2008 R2 and older: itself signed by SHA-1
  *.cer                   the same as Windows imports them (DER)
"""
from __future__ import annotations

import datetime
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

KEY = "viostor-test.key"
CERTIFICATE = "viostor-test.pem"
LEGACY_CERTIFICATE = "viostor-test-sha1.pem"
DIGESTS = {CERTIFICATE: "sha256", LEGACY_CERTIFICATE: "sha1"}

# As the clock of a virtual machine with an old Windows may stand anywhere.
FIRST_DAY = "20010101000000Z"
YEARS = 10

# Of "openssl ca", which is the one command of OpenSSL 3.0 that sets the first day.
CONFIGURATION = """
[req]
distinguished_name = name
[name]
[ca]
default_ca = self
[self]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
policy = policy
x509_extensions = extensions
email_in_dn = no
[policy]
commonName = supplied
[extensions]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
"""


def openssl(*arguments: str | os.PathLike[str]) -> bytes:
    """Standard output of a command of openssl."""
    return subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def make(directory: pathlib.Path) -> None:
    """Make the files in a directory, if they are not all there already."""
    if all((directory / name).exists() for name in (KEY, *DIGESTS)):
        return
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as temporary:
        work = pathlib.Path(temporary)  # mode 0700
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", work / KEY)
        (work / KEY).chmod(0o600)
        (work / "index.txt").touch()
        (work / "configuration").write_text(CONFIGURATION.format(directory=work), encoding="utf-8")
        for name, digest in DIGESTS.items():
            self_sign(work, name, digest)
        for path in (work / KEY, *(work / name for name in DIGESTS),
                     *((work / name).with_suffix(".cer") for name in DIGESTS)):
            os.replace(path, directory / path.name)


def self_sign(work: pathlib.Path, name: str, digest: str) -> None:
    """Make one certificate of the key in the work directory. Its name tells it from other builds'."""
    public = openssl("pkey", "-in", work / KEY, "-pubout", "-outform", "DER")
    subject = f"/CN=viostor test signing {hashlib.sha256(public).hexdigest()[:8]} ({digest})"
    last_day = f"{datetime.date.today().year + YEARS}0101000000Z"
    openssl("req", "-new", "-config", work / "configuration", "-key", work / KEY, "-subj", subject,
            "-out", work / "request")
    openssl("ca", "-selfsign", "-batch", "-notext", "-config", work / "configuration", "-md", digest,
            "-startdate", FIRST_DAY, "-enddate", last_day, "-keyfile", work / KEY, "-in", work / "request",
            "-out", work / name)
    openssl("x509", "-in", work / name, "-outform", "DER", "-out", (work / name).with_suffix(".cer"))


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        make(pathlib.Path(sys.argv[1]))
    except OSError as error:
        print(f"test_certificate: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"test_certificate: openssl {error.cmd[1]}: {error.stderr.decode().strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
