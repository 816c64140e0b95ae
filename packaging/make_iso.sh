#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Writes a directory tree as a CD image: ISO 9660 with Rock Ridge (Linux) and Joliet (Windows) names.
#
# Usage: make_iso.sh TREE OUTPUT.iso VOLUME_ID
# The same tree and the same SOURCE_DATE_EPOCH (seconds since 1970) give the same bytes. The output
# appears complete or not at all.
set -eu

if [ $# -ne 3 ]; then
    sed -n '3,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
tree=$1 output=$2 volume=$3
: "${SOURCE_DATE_EPOCH:?is not set}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC

work=$output.new
trap 'rm -f "$work" "$work.log"' EXIT
rm -f "$work"
# Files that share an inode share their blocks. -r: owner 0, modes for everyone.
if ! xorriso -as mkisofs -iso-level 3 -r -J -joliet-long -V "$volume" \
    -publisher 'THE VIOSTOR AUTHORS' -preparer VIOSTOR -o "$work" "$tree" >"$work.log" 2>&1; then
    cat "$work.log" >&2
    exit 1
fi
mv "$work" "$output"
