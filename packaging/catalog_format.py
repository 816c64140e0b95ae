# SPDX-License-Identifier: BSD-3-Clause
"""The ASN.1 of a Windows catalog (.cat), for asn1crypto.

A catalog is a PKCS #7 SignedData (RFC 2315) around a certificate trust list (Microsoft's CTL), each
entry of which names a file by its hash. Microsoft publishes the object identifiers and structures in
parts: wintrust.h and mscat.h of the SDK ("SPC_INDIRECT_DATA_CONTENT", "CAT_NAMEVALUE",
"CAT_MEMBERINFO"), the "Windows Authenticode Portable Executable Signature Format", and MakeCat's
reference page for the attributes. What these leave open (which attributes inf2cat writes in which
place) was read off catalogs in circulation. There are two versions:

  1  Windows XP and later. An entry is known by its SHA-1 as text in UTF-16.
  2  Windows 8 and later. An entry is known by its hash in binary; each file has two entries, by
     SHA-256 and, without the indirect data, by SHA-1.
"""
from asn1crypto import algos, core

# Object identifiers: 1.3.6.1.4.1.311 is Microsoft's arc.
OID_SIGNED_DATA = "1.2.840.113549.1.7.2"           # PKCS #7
OID_CTL = "1.3.6.1.4.1.311.10.1"                   # szOID_CTL
OID_CATALOG_LIST = "1.3.6.1.4.1.311.12.1.1"        # szOID_CATALOG_LIST
OID_CATALOG_LIST_MEMBER = "1.3.6.1.4.1.311.12.1.2"   # szOID_CATALOG_LIST_MEMBER: version 1
OID_CATALOG_LIST_MEMBER2 = "1.3.6.1.4.1.311.12.1.3"  # szOID_CATALOG_LIST_MEMBER2: version 2
OID_CAT_NAMEVALUE = "1.3.6.1.4.1.311.12.2.1"       # CAT_NAMEVALUE_OBJID
OID_CAT_MEMBERINFO = "1.3.6.1.4.1.311.12.2.2"      # CAT_MEMBERINFO_OBJID: version 1
OID_CAT_MEMBERINFO2 = "1.3.6.1.4.1.311.12.2.3"     # CAT_MEMBERINFO2_OBJID: version 2
OID_SPC_INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"    # SPC_INDIRECT_DATA_OBJID
OID_SPC_PE_IMAGE_DATA = "1.3.6.1.4.1.311.2.1.15"   # SPC_PE_IMAGE_DATA_OBJID
OID_SPC_CAB_DATA = "1.3.6.1.4.1.311.2.1.25"        # SPC_CAB_DATA_OBJID: also any file hashed whole


class Oids(core.SequenceOf):
    """The uses of a trust list: a catalog has OID_CATALOG_LIST."""
    _child_spec = core.ObjectIdentifier


class NameValue(core.Sequence):
    """CAT_NAMEVALUE: a named text. The value is UTF-16 little endian with a final zero."""
    _fields = [("name", core.BMPString), ("flags", core.Integer), ("value", core.OctetString)]


class MemberInfo(core.Sequence):
    """CAT_MEMBERINFO: the GUID of the code (SIP) that knows how to hash the file, and its version."""
    _fields = [("subject_guid", core.BMPString), ("certificate_version", core.Integer)]


class MemberInfo2(core.Choice):
    """CAT_MEMBERINFO2: which SIP it is: that of PE files, that of files hashed whole, another."""
    _alternatives = [("image", core.Null, {"implicit": 0}), ("other", core.Null, {"implicit": 1}),
                     ("file", core.Null, {"implicit": 2})]


class SpcString(core.Choice):
    """SPC_STRING: a text, in UTF-16 big endian or ASCII."""
    _alternatives = [("unicode", core.BMPString, {"implicit": 0}), ("ascii", core.IA5String, {"implicit": 1})]


class SpcLink(core.Choice):
    """SPC_LINK: where a file is. Catalogs name a file of no name. (A moniker's content is not read.)"""
    _alternatives = [("url", core.IA5String, {"implicit": 0}), ("moniker", core.Any, {"implicit": 1}),
                     ("file", SpcString, {"explicit": 2})]


class SpcPeImageData(core.Sequence):
    """SPC_PE_IMAGE_DATA: that the hash is one of a PE image, and which parts it covers."""
    _fields = [("flags", core.BitString), ("file", SpcLink, {"explicit": 0, "optional": True})]


class SpcAttribute(core.Sequence):
    """SPC_ATTRIBUTE_TYPE_AND_OPTIONAL_VALUE: how the hash was made."""
    _fields = [("type", core.ObjectIdentifier), ("value", core.Any, {"optional": True})]
    _oid_pair = ("type", "value")
    _oid_specs = {OID_SPC_PE_IMAGE_DATA: SpcPeImageData, OID_SPC_CAB_DATA: SpcLink}


class DigestInfo(core.Sequence):
    """A hash and its algorithm (PKCS #7)."""
    _fields = [("digest_algorithm", algos.DigestAlgorithm), ("digest", core.OctetString)]


class SpcIndirectData(core.Sequence):
    """SPC_INDIRECT_DATA_CONTENT: the hash of a file and how it was made."""
    _fields = [("data", SpcAttribute), ("message_digest", DigestInfo)]


class NameValues(core.SetOf):
    """The values of an attribute OID_CAT_NAMEVALUE."""
    _child_spec = NameValue


class MemberInfos(core.SetOf):
    """The values of an attribute OID_CAT_MEMBERINFO."""
    _child_spec = MemberInfo


class MemberInfo2s(core.SetOf):
    """The values of an attribute OID_CAT_MEMBERINFO2."""
    _child_spec = MemberInfo2


class SpcIndirectDatas(core.SetOf):
    """The values of an attribute OID_SPC_INDIRECT_DATA."""
    _child_spec = SpcIndirectData


class Attribute(core.Sequence):
    """What a catalog says of a member."""
    _fields = [("type", core.ObjectIdentifier), ("values", core.Any)]
    _oid_pair = ("type", "values")
    _oid_specs = {OID_CAT_NAMEVALUE: NameValues, OID_CAT_MEMBERINFO: MemberInfos,
                  OID_CAT_MEMBERINFO2: MemberInfo2s, OID_SPC_INDIRECT_DATA: SpcIndirectDatas}


class Attributes(core.SetOf):
    """All attributes of a member, in DER's order of a set."""
    _child_spec = Attribute


class Member(core.Sequence):
    """A trusted subject of the list: the tag is the hash, in one of the two forms."""
    _fields = [("tag", core.OctetString), ("attributes", Attributes)]


class Members(core.SequenceOf):
    """Windows searches them by halving: they stand in the order of their tags."""
    _child_spec = Member


class Algorithm(core.Sequence):
    """Tells the version of the catalog by its object identifier."""
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Null)]


class Extension(core.Sequence):
    """A statement on the whole catalog: an OID_CAT_NAMEVALUE with a NameValue in its octets."""
    _fields = [("type", core.ObjectIdentifier), ("value", core.ParsableOctetString)]


class Extensions(core.SequenceOf):
    """All statements on the whole catalog."""
    _child_spec = Extension


class TrustList(core.Sequence):
    """The certificate trust list (CTL_INFO in wincrypt.h)."""
    _fields = [("usage", Oids), ("identifier", core.OctetString), ("this_update", core.UTCTime),
               ("algorithm", Algorithm), ("members", Members), ("extensions", Extensions, {"explicit": 0})]


class ContentInfo(core.Sequence):
    """PKCS #7's ContentInfo around a trust list."""
    _fields = [("content_type", core.ObjectIdentifier), ("content", TrustList, {"explicit": 0})]


class DigestAlgorithms(core.SetOf):
    """Those of the signers: none before signing."""
    _child_spec = algos.DigestAlgorithm


class AnySet(core.SetOf):
    """A set that is passed over: certificates and signers belong to osslsigncode."""
    _child_spec = core.Any


class SignedData(core.Sequence):
    """PKCS #7's SignedData around a trust list."""
    _fields = [("version", core.Integer), ("digest_algorithms", DigestAlgorithms),
               ("content_info", ContentInfo),
               ("certificates", AnySet, {"implicit": 0, "optional": True}),
               ("crls", AnySet, {"implicit": 1, "optional": True}), ("signer_infos", AnySet)]


class Catalog(core.Sequence):
    """A whole .cat file."""
    _fields = [("content_type", core.ObjectIdentifier), ("content", SignedData, {"explicit": 0})]
