#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Where the driver's instructions go: by function, or line by line.

Runs `storhost count --profile` with the options given and folds what ran by the functions of the
driver's PDB (llvm-symbolizer), instructions per request, the most first. Then, for several processors, the
cache lines that more than one of them has written.

    bench/profile.py [--lines] [--driver FILE] -- OPTIONS OF STORHOST
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_DRIVER = ROOT / "build/wlh/x64/viostor.sys"


def count(driver: pathlib.Path, options: list[str]) -> dict:
    """The document that storhost prints."""
    done = subprocess.run([ROOT / "build/storhost", "--driver", driver, *options, "--json",
                           "--profile", "count"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"profile: storhost ended with status {done.returncode}")
    return json.loads(done.stdout)


def symbolize(driver: pathlib.Path, offsets: list[int], lines: bool) -> list[str]:
    """For each offset the innermost function (or function and line) that the PDB names."""
    base = subprocess.run(["llvm-readobj-14", "--file-headers", driver], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    image_base = next(int(line.split()[1], 0) for line in base.splitlines()
                      if line.strip().startswith("ImageBase"))
    text = "".join(f"{image_base + offset:#x}\n" for offset in offsets)
    done = subprocess.run(["llvm-symbolizer-14", f"--obj={driver}", "--output-style=JSON"],
                          input=text, stdout=subprocess.PIPE, text=True, check=True)
    names = []
    for line in done.stdout.splitlines():
        frame = (json.loads(line).get("Symbol") or [{}])[0]
        name = frame.get("FunctionName") or "?"
        if lines:
            name += f":{frame.get('Line', 0)}"
        names.append(name)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", type=pathlib.Path, default=DEFAULT_DRIVER)
    parser.add_argument("--lines", action="store_true", help="line by line instead of by function")
    parser.add_argument("options", nargs="*", help="options of storhost, behind --")
    arguments = parser.parse_args()

    document = count(arguments.driver, arguments.options)
    profile = {int(place.split("+")[1], 0): times for place, times in document["profile"].items()}
    names = symbolize(arguments.driver, list(profile), arguments.lines)
    by_name: collections.Counter[str] = collections.Counter()
    for name, times in zip(names, profile.values()):
        by_name[name] += times
    for name, times in by_name.most_common():
        print(f"{times / document['requests']:10.2f}  {name}")
    for place in sorted(document["shared_lines"]):
        print(f"{'shared':>10}  {place}")


if __name__ == "__main__":
    main()
