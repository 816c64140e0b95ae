#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the driver twice from copies of the source tree in different directories and compares the
# files that ship, byte by byte.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/a" "$work/another/place"
for copy in "$work/a" "$work/another/place"; do
    tar -c --exclude=./build --exclude=./.git . | tar -x -C "$copy"
    make -C "$copy" -s driver >/dev/null
done
for file in $(cd "$work/a" && find build -name '*.sys' -o -name '*.pdb'); do
    if cmp "$work/a/$file" "$work/another/place/$file"; then
        echo "identical: $file $(sha256sum <"$work/a/$file" | cut -c1-16)"
    else
        echo "reproducible: $file differs between two builds" >&2
        exit 1
    fi
done
