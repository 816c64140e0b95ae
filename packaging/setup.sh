#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages named as arguments that are not installed yet, as root or by sudo.
set -eu

if ! command -v apt-get >/dev/null; then
    echo "setup: this machine has no apt-get; the build is made for Debian 12." >&2
    echo "setup: install what corresponds to: $*" >&2
    exit 1
fi

missing=
for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
if [ -z "$missing" ]; then
    echo "setup: everything is installed."
    exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: run 'make setup' as root, or install sudo." >&2
        exit 1
    fi
    as_root=sudo
fi

echo "setup: installing$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
