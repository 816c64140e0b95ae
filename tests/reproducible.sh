#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds driver, installation files, unsigned media and the packages for distributions twice from copies of
# the source tree, in different directories, time zones, languages and file modes, and compares every file
# that ships, byte by byte.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
first=$work/a
second=$work/another/place
mkdir -p "$first" "$second"
for copy in "$first" "$second"; do
    tar -c --exclude=./build --exclude=./.git . | tar -x -C "$copy"
done
make -C "$first" -s -j2 package deb rpm SIGN=none >/dev/null
(
    umask 077
    TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 HOME=/nonexistent make -C "$second" -s -j2 package deb rpm SIGN=none >/dev/null
)

# What ships: drivers, PDBs, INF and OEM files as built, and the media with the tree that they are made of.
list() {
    (cd "$1/build" && find w* package txtsetup.oem deb/*.deb deb/*.dsc deb/*.tar.xz rpm/*.noarch.rpm -type f \( -name '*.sys' \
        -o -name '*.pdb' -o -name '*.inf' -o -name txtsetup.oem -o -path 'package/*' -o -path 'deb/*' -o -path 'rpm/*' \) | sort)
}
list "$first" >"$work/first"
list "$second" >"$work/second"
if ! cmp -s "$work/first" "$work/second"; then
    echo "reproducible: two builds made different files:" >&2
    diff "$work/first" "$work/second" >&2 || true
    exit 1
fi
failed=
while read -r file; do
    if ! cmp "$first/build/$file" "$second/build/$file"; then
        echo "reproducible: $file differs between two builds" >&2
        failed=1
    fi
done <"$work/first"
[ -z "$failed" ] || exit 1
for file in "$first"/build/w*/*/viostor.sys "$first"/build/package/viostor-* "$first"/build/deb/*.deb "$first"/build/rpm/*.noarch.rpm; do
    echo "identical: $(sha256sum <"$file" | cut -c1-16) ${file#"$first"/}"
done
echo "identical: $(wc -l <"$work/first") files in all"
