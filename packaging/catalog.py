#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make, show and check Windows catalogs (.cat): the list of hashes that vouches for a driver package.

Usage:
  catalog.py create --target DIRECTORY/ARCH --output FILE.cat --time SECONDS FILE...
  catalog.py show FILE.cat
  catalog.py check FILE.cat FILE...

"create" writes an unsigned catalog for one of the Windows of windows_targets.py: version, hashes, OS attributes
as this one reads them, hardware ids from the .inf among the files. The time (seconds since 1970) goes
into the catalog; the same input gives the same bytes. "check" says whether the catalog lists each file
with the very hash that it has; the signature on the catalog is osslsigncode's to check. The format:
catalog_format.py.
"""
import argparse
import datetime
import hashlib
import os
import pathlib
import sys

import catalog_format as asn
import inf_ids
import pe_hash
import windows_targets

# The GUIDs of the SIPs ("subject interface packages") that Windows comes with, in version 1.
SIP_PE = "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}"
SIP_FILE = "{DE351A42-8E59-11D0-8C47-00C04FC295EE}"
MEMBER_CERTIFICATE_VERSION = 0x200

# mscat.h: CRYPTCAT_ATTR_AUTHENTICATED | CRYPTCAT_ATTR_DATAASCII | CRYPTCAT_ATTR_NAMEASCII: signed
# for, and both name and value are plain text.
ATTRIBUTE_FLAGS = 0x10010001


class BadCatalog(Exception):
    """The catalog or its members are not as they should be; the text says in what."""


def utf16(text: str) -> bytes:
    """A text as catalogs hold it."""
    return (text + "\0").encode("utf-16-le")


def name_value(name: str, value: str) -> asn.NameValue:
    """A named text, of a member or of the catalog."""
    return asn.NameValue({"name": name, "flags": ATTRIBUTE_FLAGS, "value": utf16(value)})


def attribute(oid: str, kind: type, value: object) -> asn.Attribute:
    """An attribute of a member that has one value."""
    return asn.Attribute({"type": oid, "values": kind([value])})


def indirect_data(is_image: bool, algorithm: str, digest: bytes) -> asn.Attribute:
    """How the hash of a member was made, and the hash."""
    nameless = asn.SpcLink("file", asn.SpcString("unicode", ""))
    if is_image:
        # Flags as in every catalog: "include resources" and "include imports", which are no choice.
        image = asn.SpcPeImageData({"flags": (1, 0, 1), "file": nameless})
        how = asn.SpcAttribute({"type": asn.OID_SPC_PE_IMAGE_DATA, "value": image})
    else:
        how = asn.SpcAttribute({"type": asn.OID_SPC_CAB_DATA, "value": nameless})
    return attribute(asn.OID_SPC_INDIRECT_DATA, asn.SpcIndirectDatas, asn.SpcIndirectData({
        "data": how,
        "message_digest": {"digest_algorithm": {"algorithm": algorithm, "parameters": asn.core.Null()},
                           "digest": digest}}))


def member(tag: bytes, attributes: list[asn.Attribute]) -> asn.Member:
    """A member with its attributes in the order that DER gives a set."""
    return asn.Member({"tag": tag, "attributes": sorted(attributes, key=lambda item: item.dump())})


def members_of_file(path: pathlib.Path, target: windows_targets.Target) -> list[asn.Member]:
    """The member or members of the catalog that stand for one file."""
    is_image = pe_hash.is_pe(path.read_bytes())
    sha1 = pe_hash.member_hash(path, "sha1")
    texts = [attribute(asn.OID_CAT_NAMEVALUE, asn.NameValues, name_value("File", path.name.lower())),
             attribute(asn.OID_CAT_NAMEVALUE, asn.NameValues, name_value("OSAttr", target.os_attribute))]
    if target.catalog_version == 1:
        info = asn.MemberInfo({"subject_guid": SIP_PE if is_image else SIP_FILE,
                               "certificate_version": MEMBER_CERTIFICATE_VERSION})
        return [member(utf16(sha1.hex().upper()),
                       texts + [attribute(asn.OID_CAT_MEMBERINFO, asn.MemberInfos, info),
                                indirect_data(is_image, "sha1", sha1)])]
    info2 = asn.MemberInfo2("image" if is_image else "file", asn.core.Null())
    texts.append(attribute(asn.OID_CAT_MEMBERINFO2, asn.MemberInfo2s, info2))
    sha256 = pe_hash.member_hash(path, "sha256")
    return [member(sha1, texts), member(sha256, texts + [indirect_data(is_image, "sha256", sha256)])]


def extensions(target: windows_targets.Target, hardware_ids: list[str]) -> list[asn.Extension]:
    """What the catalog says of itself: for which Windows and which devices it is."""
    texts = [name_value("OS", target.os_names)]
    texts += [name_value(f"HWID{number}", text.lower()) for number, text in enumerate(hardware_ids, 1)]
    return [asn.Extension({"type": asn.OID_CAT_NAMEVALUE, "value": text.dump()}) for text in texts]


def create(files: list[pathlib.Path], target: windows_targets.Target, time: int) -> bytes:
    """The unsigned catalog of a package; one of the files is its .inf."""
    names = [path.name.lower() for path in files]
    for name in names:
        if names.count(name) > 1:
            raise BadCatalog(f"two files are called {name}")
    infs = [path for path in files if path.suffix.lower() == ".inf"]
    if len(infs) != 1:
        raise BadCatalog(f"a package has one .inf; given: {len(infs)}")
    hardware_ids = inf_ids.hardware_ids(infs[0], target.inf_architecture)
    members = [entry for path in files for entry in members_of_file(path, target)]
    members.sort(key=lambda entry: entry["tag"].native)
    oid = asn.OID_CATALOG_LIST_MEMBER if target.catalog_version == 1 else asn.OID_CATALOG_LIST_MEMBER2
    trust_list = asn.TrustList({
        "usage": [asn.OID_CATALOG_LIST],
        "identifier": bytes(16),
        "this_update": asn.core.UTCTime(datetime.datetime.fromtimestamp(time, datetime.timezone.utc)),
        "algorithm": {"algorithm": oid, "parameters": asn.core.Null()},
        "members": members,
        "extensions": extensions(target, hardware_ids)})
    # Others put a random number here; one that follows from the content lets a build be repeated.
    trust_list["identifier"] = hashlib.sha256(trust_list.dump()).digest()[:16]
    return asn.Catalog({
        "content_type": asn.OID_SIGNED_DATA,
        "content": {"version": 1, "digest_algorithms": [], "signer_infos": [],
                    "content_info": {"content_type": asn.OID_CTL, "content": trust_list}}}).dump()


def load(path: pathlib.Path) -> asn.TrustList:
    """The list in a catalog, signed or not."""
    try:
        catalog = asn.Catalog.load(path.read_bytes(), strict=True)
        if catalog["content_type"].native != asn.OID_SIGNED_DATA:
            raise BadCatalog(f"{path}: no PKCS #7 signed data")
        content = catalog["content"]["content_info"]
        if content["content_type"].native != asn.OID_CTL:
            raise BadCatalog(f"{path}: signed data, but no certificate trust list")
        trust_list = content["content"]
        if trust_list["usage"].native != [asn.OID_CATALOG_LIST]:
            raise BadCatalog(f"{path}: a certificate trust list, but no catalog")
        return trust_list
    except ValueError as error:
        raise BadCatalog(f"{path}: no catalog: {error}") from error


def version(trust_list: asn.TrustList) -> int:
    """1 or 2."""
    return {asn.OID_CATALOG_LIST_MEMBER: 1,
            asn.OID_CATALOG_LIST_MEMBER2: 2}[trust_list["algorithm"]["algorithm"].native]


def text_of(pair: asn.NameValue) -> tuple[str, str]:
    """A named text as name and value."""
    return pair["name"].native, pair["value"].native.decode("utf-16-le").rstrip("\0")


def texts_of(entry: asn.Member) -> dict[str, str]:
    """The named texts of a member: File and OSAttr."""
    return dict(text_of(value) for item in entry["attributes"]
                if item["type"].native == asn.OID_CAT_NAMEVALUE for value in item["values"])


def digest_of(entry: asn.Member) -> tuple[str, bytes] | None:
    """Algorithm and hash in the indirect data of a member, if it has some."""
    for item in entry["attributes"]:
        if item["type"].native == asn.OID_SPC_INDIRECT_DATA:
            info = item["values"][0]["message_digest"]
            return info["digest_algorithm"]["algorithm"].native, info["digest"].native
    return None


def digests(trust_list: asn.TrustList) -> dict[str, tuple[str, bytes]]:
    """By file name (as the catalog spells it): algorithm and hash."""
    found: dict[str, tuple[str, bytes]] = {}
    for entry in trust_list["members"]:
        digest = digest_of(entry)
        name = texts_of(entry).get("File", "")
        if digest is not None:
            if name in found:
                raise BadCatalog(f"{name} is listed twice")
            found[name] = digest
    return found


def check(catalog: pathlib.Path, files: list[pathlib.Path]) -> list[str]:
    """What is wrong with the files, judged by the catalog: nothing if each has the hash it lists."""
    listed = digests(load(catalog))
    wrong = []
    for path in files:
        if path.name.lower() not in listed:
            wrong.append(f"{path}: {catalog.name} does not list it")
            continue
        algorithm, digest = listed[path.name.lower()]
        if pe_hash.member_hash(path, algorithm) != digest:
            wrong.append(f"{path}: is not the file that {catalog.name} lists ({algorithm} differs)")
    return wrong


def show(path: pathlib.Path) -> None:
    """Print what a catalog says."""
    trust_list = load(path)
    print(f"version    {version(trust_list)}")
    print(f"time       {trust_list['this_update'].native:%Y-%m-%d %H:%M:%S} UTC")
    for extension in trust_list["extensions"]:
        name, value = text_of(extension["value"].parse(asn.NameValue))
        print(f"{name:<10} {value}")
    for entry in trust_list["members"]:
        texts = texts_of(entry)
        digest = digest_of(entry)
        hashed = f"{digest[0]} {digest[1].hex()}" if digest else f"tag {entry['tag'].native.hex()}"
        print(f"member     {texts.get('File', '(no name)')}  OSAttr {texts.get('OSAttr', '-')}  {hashed}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0],
                                     epilog=__doc__.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("create", help="write an unsigned catalog")
    command.add_argument("--target", required=True, metavar="DIRECTORY/ARCH", type=windows_targets.by_name)
    command.add_argument("--output", required=True, type=pathlib.Path, metavar="FILE.cat")
    command.add_argument("--time", required=True, type=int, metavar="SECONDS")
    command.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    command = commands.add_parser("show", help="print what a catalog says")
    command.add_argument("catalog", type=pathlib.Path, metavar="FILE.cat")
    command = commands.add_parser("check", help="compare files with what a catalog says of them")
    command.add_argument("catalog", type=pathlib.Path, metavar="FILE.cat")
    command.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        if arguments.command == "show":
            show(arguments.catalog)
        elif arguments.command == "check":
            wrong = check(arguments.catalog, arguments.files)
            print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
            return 1 if wrong else 0
        else:
            data = create(arguments.files, arguments.target, arguments.time)
            temporary = arguments.output.with_name(arguments.output.name + ".tmp")
            temporary.write_bytes(data)
            os.replace(temporary, arguments.output)
    except (OSError, BadCatalog, inf_ids.BadInf, pe_hash.NotHashable) as error:
        print(f"catalog: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
