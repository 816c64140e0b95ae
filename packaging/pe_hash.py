# SPDX-License-Identifier: BSD-3-Clause
"""The Authenticode hash of a PE file: what a signature or a catalog says of a .sys file.

By Microsoft's "Windows Authenticode Portable Executable Signature Format" the whole file is hashed
except what signing changes: the checksum in the header, the directory entry of the certificate table,
and that table itself, at the end of the file. A file has the same hash signed and unsigned.
"""
import hashlib
import pathlib

import pefile

SECURITY_DIRECTORY = pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_SECURITY"]

# A certificate table begins at a multiple of this, so a signer pads a file that does not end there,
# and the hash of the unpadded file would differ from that of the signed one.
CERTIFICATE_ALIGNMENT = 8


class NotHashable(Exception):
    """The file is no PE file, or one whose hash signing would change; the text says which."""


def is_pe(data: bytes) -> bool:
    """Whether data begins as a PE file does (as Windows decides how a catalog's member is hashed)."""
    return data[:2] == b"MZ"


def authenticode_hash(data: bytes, algorithm: str) -> bytes:
    """The Authenticode hash ("sha1", "sha256") of the PE file whose bytes are data."""
    try:
        image = pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError as error:
        raise NotHashable(f"no PE file: {error}") from error
    checksum = image.OPTIONAL_HEADER.get_field_absolute_offset("CheckSum")
    entry = image.OPTIONAL_HEADER.DATA_DIRECTORY[SECURITY_DIRECTORY]
    directory = entry.get_file_offset()
    end = len(data)
    if entry.VirtualAddress:  # in this directory a file offset
        end = entry.VirtualAddress
        if end + entry.Size != len(data):
            raise NotHashable("the certificate table does not stand at the end of the file")
    if end % CERTIFICATE_ALIGNMENT:
        raise NotHashable(f"the image ends at {end}, which is no multiple of {CERTIFICATE_ALIGNMENT}")
    digest = hashlib.new(algorithm)
    digest.update(data[:checksum])
    digest.update(data[checksum + 4:directory])
    digest.update(data[directory + 8:end])
    return digest.digest()


def member_hash(path: pathlib.Path, algorithm: str) -> bytes:
    """The hash by which a catalog knows a file: Authenticode for PE files, plain for all others."""
    data = path.read_bytes()
    if is_pe(data):
        return authenticode_hash(data, algorithm)
    return hashlib.new(algorithm, data).digest()
