#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Libraries of another processor for the bench, out of Debian packages, without touching the system.
#
#   sysroot.sh fetch DIRECTORY DEBIAN-ARCHITECTURE PACKAGE...   unpacks the packages below DIRECTORY
#   sysroot.sh check DIRECTORY DEBIAN-ARCHITECTURE PACKAGE...   says what to do if that was not done
#
# "dpkg --add-architecture" would change which packages the user's own system installs. Here apt is
# given a state of its own, which is thrown away: it reads the system's package sources for the
# other architecture, and the packages' files (never their scripts) go below DIRECTORY.
set -eu

usage="usage: sysroot.sh fetch|check DIRECTORY DEBIAN-ARCHITECTURE PACKAGE..."
if [ $# -lt 4 ]; then
    echo "$usage" >&2
    exit 2
fi
action=$1 directory=$2 architecture=$3
shift 3

# What the directory holds is written into it, so that a longer list is seen to be a new one.
wanted="$architecture: $*"
found=
if [ -f "$directory/packages" ]; then
    found=$(cat "$directory/packages")
fi

case $action in
check)
    if [ "$found" != "$wanted" ]; then
        echo "Libraries for $architecture are not there: $directory" >&2
        echo "Run 'make setup' once (it needs the network): it unpacks $* there." >&2
        exit 1
    fi
    exit 0
    ;;
fetch) ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac

if [ "$found" = "$wanted" ]; then
    echo "setup: libraries for $architecture are there."
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
: >"$work/status"

apt_private() {
    apt-get -q -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" \
        -o "Dir::State::Status=$work/status" -o "APT::Architecture=$architecture" \
        -o "APT::Architectures::=$architecture" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        "$@"
}

echo "setup: fetching libraries for $architecture: $*"
# An index that its mirror is just renewing fails; the packages that count may be in another one.
if ! apt_private update >"$work/update.log" 2>&1; then
    echo "setup: some package index could not be read; going on with the others." >&2
fi
if ! (cd "$work/debs" && apt_private download "$@" >"$work/download.log" 2>&1); then
    cat "$work/update.log" "$work/download.log" >&2
    echo "setup: these packages for $architecture could not be fetched: $*" >&2
    echo "setup: is the network up, and Debian 12 among the package sources (/etc/apt)?" >&2
    exit 1
fi
for package in "$work/debs"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
echo "$wanted" >"$work/root/packages"

# Complete or not at all: into its place in one step.
mkdir -p "$(dirname "$directory")"
rm -rf "$directory" "$directory.new"
cp -a "$work/root" "$directory.new"
mv "$directory.new" "$directory"
