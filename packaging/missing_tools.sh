#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Says which Debian packages are not installed, of pairs COMMAND:PACKAGE or /FILE:PACKAGE (the file may be
# a pattern). Fails if there is one.
#
# In the shell, as make remembers what a folder held when it was first asked: "make setup check" would
# not see what "setup" has installed.
set -eu

there() {
    case $1 in
    /*) for file in $1; do [ -e "$file" ] && return; done; return 1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for pair in "$@"; do
    package=${pair##*:}
    if ! there "${pair%:*}"; then
        case " $missing " in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
        esac
    fi
done
if [ -n "$missing" ]; then
    echo "Not installed (Debian packages):$missing" >&2
    echo "Run 'make setup' once: it installs them by apt." >&2
    exit 1
fi
