/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints what Windows' interface for catalogs (wintrust.dll) reads out of a .cat file. It is run under
 * Wine, whose wintrust.dll is the judge here: a reader of catalogs that nobody here wrote.
 *
 * Usage: catalog_report.exe FILE.cat
 *
 * A line for each member: its tag, how the file was hashed and by which algorithm (object identifiers),
 * and the hash. Wine reads no attributes, and of catalogs of version 2 no members.
 */
#include <windows.h>

#include <stdio.h>
#include <wincrypt.h>
#include <wintrust.h>
#include <mscat.h>

/* Prints the hash that a member's indirect data holds. */
static void PrintDigest(const SIP_INDIRECT_DATA *Data)
{
    if (Data == NULL) {
        printf("  (no hash)");
        return;
    }
    printf("  %s  %s  ", Data->Data.pszObjId, Data->DigestAlgorithm.pszObjId);
    for (DWORD i = 0; i < Data->Digest.cbData; i++) {
        printf("%02x", Data->Digest.pbData[i]);
    }
}

int wmain(int Count, wchar_t **Arguments)
{
    if (Count != 2) {
        fprintf(stderr, "usage: catalog_report FILE.cat\n");
        return 2;
    }
    HANDLE Catalog = CryptCATOpen(Arguments[1], CRYPTCAT_OPEN_EXISTING, 0, 0,
                                  X509_ASN_ENCODING | PKCS_7_ASN_ENCODING);
    if (Catalog == INVALID_HANDLE_VALUE || Catalog == NULL) {
        fprintf(stderr, "catalog_report: not opened: error %lu\n", GetLastError());
        return 1;
    }
    for (CRYPTCATMEMBER *Member = CryptCATEnumerateMember(Catalog, NULL); Member != NULL;
         Member = CryptCATEnumerateMember(Catalog, Member)) {
        printf("%ls", Member->pwszReferenceTag);
        PrintDigest(Member->pIndirectData);
        printf("\n");
    }
    CryptCATClose(Catalog);
    return 0;
}
