#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Writes the driver disk for text-mode Setup (F6) of Windows XP and Server 2003: a FAT12 floppy image of
# 1.44 MB with txtsetup.oem and the folders that it names.
#
# Usage: make_floppy.sh TREE TXTSETUP.OEM OUTPUT.vfd
# TREE is that of the CD. The same input and the same SOURCE_DATE_EPOCH (seconds since 1970) give the
# same bytes. The output appears complete or not at all.
set -eu

if [ $# -ne 3 ]; then
    sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
tree=$1 oem=$2 output=$3
: "${SOURCE_DATE_EPOCH:?is not set}"
# mtools takes times from SOURCE_DATE_EPOCH or, with -m, from the file; and its settings from nowhere.
PATH=$PATH:/usr/sbin:/sbin # mkfs.fat
export PATH SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC MTOOLSRC=/dev/null

# "\folder\name" of each disk in [Disks]; lines end in CR LF.
folders=$(sed -n 's/^disk_[^=]*=.*,[[:space:]]*\\\([^,[:space:]]*\).*$/\1/p' "$oem" | sed 's|\\|/|g')
if [ -z "$folders" ]; then
    echo "make_floppy: $oem: its section [Disks] names no folder" >&2
    exit 1
fi

work=$output.new
trap 'rm -rf "$work" "$work.files"' EXIT
rm -rf "$work" "$work.files"
mkdir "$work.files"
cp "$oem" "$work.files/txtsetup.oem"
touch -d "@$SOURCE_DATE_EPOCH" "$work.files/txtsetup.oem"

# --invariant: a volume serial number and times that do not change from run to run.
mkfs.fat --invariant -C -F 12 -n VIOSTOR -S 512 -s 1 -r 224 -M 0xf0 -g 2/18 "$work" 1440 >/dev/null
mcopy -m -i "$work" "$work.files/txtsetup.oem" ::
for folder in $folders; do
    mdir -i "$work" "::${folder%/*}" >/dev/null 2>&1 || mmd -i "$work" "::${folder%/*}"
    mmd -i "$work" "::$folder"
    for name in viostor.sys viostor.inf viostor.cat; do
        mcopy -m -i "$work" "$tree/viostor/$folder/$name" "::$folder/$name"
    done
done
mv "$work" "$output"
