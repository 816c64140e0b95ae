#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Set the checksum in a PE file's header, which lld leaves 0 and Windows demands of a driver.

Usage: set_checksum.py INPUT OUTPUT
The output appears complete or not at all.
"""
import os
import sys

import pefile


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = sys.argv[1:]
    try:
        image = pefile.PE(source, fast_load=True)
    except (OSError, pefile.PEFormatError) as error:
        print(f"set_checksum: {source}: {error}", file=sys.stderr)
        return 1
    image.OPTIONAL_HEADER.CheckSum = image.generate_checksum()
    temporary = target + ".tmp"
    image.write(temporary)
    os.replace(temporary, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
