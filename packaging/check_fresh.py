#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the README's two commands on a Debian that nobody has prepared.

A minimal system (what Debian calls required, and apt), with git and make, is built by mmdebstrap in
a folder; the committed state of this checkout is cloned into it, and the commands run there by chroot.
It shares with this machine its kernel, processors and network, and where apt takes packages from.

Everything inside has namespaces of its own for mounts and processes: however a run ends, nothing of it
stays mounted or running. Needs root.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMANDS = ["make setup run", "make setup check"]
# What the README asks for beforehand.
BEFORE = ["git", "make"]
CHECKOUT = "root/viostor"
RESULT = re.compile(r"^\d+ passed, \d+ failed(, \d+ skipped)?$")
# How the host's apt reaches a mirror; the mirror itself comes from its sources.
TRANSPORT = re.compile(r"^Acquire::(https?::|ftp::|Check-|Retries|ForceIPv)")
PROXIES = [name for lower in ("http_proxy", "https_proxy", "no_proxy") for name in (lower, lower.upper())]
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]
DEBIAN = [("http://deb.debian.org/debian", "{}", "main"), ("http://deb.debian.org/debian", "{}-updates", "main"),
          ("http://deb.debian.org/debian-security", "{}-security", "main")]


def say(text: str) -> None:
    print(f"check-fresh: {text}", flush=True)


def minutes(start: float) -> str:
    seconds = round(time.monotonic() - start)
    return f"{seconds // 60} min {seconds % 60:02} s"


# ---- Where packages come from --------------------------------------------------------------------

def host_codename() -> str:
    text = pathlib.Path("/etc/os-release").read_text()
    found = re.search(r'^VERSION_CODENAME="?(\w+)', text, re.MULTILINE)
    return found.group(1) if found else ""


def sources(release: str) -> list[str]:
    """Lines of a sources.list for that release: the host's of Debian's own, with its name put in."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=True).stdout
    codename = host_codename()
    found = []
    for line in targets.splitlines():
        origin, uri, suite, component = line.split()
        if origin == "Debian" and component == "main" and codename and suite.startswith(codename):
            found.append((uri, suite.replace(codename, "{}", 1), component))
    return [f"deb {uri} {suite.format(release)} {component}" for uri, suite, component in
            dict.fromkeys(found or DEBIAN)]


def transport() -> str:
    """The host's settings of how apt reaches its mirrors, as a configuration file."""
    dump = subprocess.run(["apt-config", "dump", "--format", '%F "%v";%n'], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines()
                   if TRANSPORT.match(line) and not line.endswith(' "";'))


# ---- Inside: the first process of its namespaces -------------------------------------------------

class Failed(Exception):
    """A step has failed, and has said why."""


def run(command: list, what: str, **more) -> None:
    """Runs a command to its end, and takes up the orphans that it leaves: here that is init's work."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)
    while True:
        ended, status = os.wait()
        if ended == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            break
    if process.returncode != 0:
        raise Failed(f"{what} failed (exit status {process.returncode})")


def build(root: pathlib.Path, release: str) -> None:
    """The minimal system, with the apt of the host's mirrors."""
    settings = root.with_name(f"{release}.apt")
    settings.write_text(transport())
    run(["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(BEFORE)}",
         f"--aptopt={settings}", '--aptopt=APT::Install-Recommends "false"', release, root,
         *sources(release)], "mmdebstrap")
    for name in ("hosts", "resolv.conf"):
        if pathlib.Path("/etc", name).exists():
            shutil.copyfile(pathlib.Path("/etc", name), root / "etc" / name)


def mount(*arguments) -> None:
    run(["mount", *arguments], f"mount {arguments[-1]}")


def mount_kernel(root: pathlib.Path) -> None:
    """/proc, /sys and a /dev of the least that every machine has: no KVM, no FUSE, no disks."""
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "sysfs", "-o", "ro", "sysfs", root / "sys")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "dev")
    for name in DEVICES:
        (root / "dev" / name).touch()
        mount("--bind", f"/dev/{name}", root / "dev" / name)
    for name, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666"), ("shm", "tmpfs", "mode=1777")):
        (root / "dev" / name).mkdir()
        mount("-t", kind, "-o", options, kind, root / "dev" / name)
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        (root / "dev" / name).symlink_to(target)


def enter(root: pathlib.Path, command: str, directory: str = "/") -> list:
    """The command line that runs a shell command in the system, as a new login of root would."""
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root",
                   "LOGNAME=root", "SHELL=/bin/sh", "TERM=dumb"]
    environment += [f"{name}={os.environ[name]}" for name in PROXIES if name in os.environ]
    return ["chroot", root, "env", "-i", *environment, "sh", "-c", 'cd "$1" && eval "$2"', "sh", directory, command]


def inside(root: pathlib.Path, release: str, commands: list[str]) -> None:
    """All of a run, after namespaces have been made for it."""
    start = time.monotonic()
    say(f"building a minimal Debian {release}")
    build(root, release)
    mount_kernel(root)
    say(f"there after {minutes(start)}")
    # A bundle, as git refuses to clone a folder that belongs to another user (of sudo).
    bundle = root / "root/viostor.bundle"
    run(["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "bundle", "create", "--quiet", bundle, "HEAD"],
        "git bundle")
    run(enter(root, f"git -c advice.detachedHead=false clone -q /root/viostor.bundle /{CHECKOUT}"), "git clone")
    for command in commands:
        started = time.monotonic()
        say(f"$ {command}")
        try:
            run(enter(root, command, f"/{CHECKOUT}"), f"{command!r}")
        finally:
            say(f"{command}: {minutes(started)}")


# ---- Outside -------------------------------------------------------------------------------------

def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="check_fresh.py", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog=f"Without COMMAND: {', '.join(map(repr, COMMANDS))}. The last line is the result of the tests.")
    parser.add_argument("--release", default="bookworm", help="of Debian (default: %(default)s)")
    parser.add_argument("--directory", type=pathlib.Path, default=ROOT / "build/fresh",
                        help="for the system (about 12 GB) and the log (default: build/fresh)")
    parser.add_argument("--keep", action="store_true", help="leave the system there when the run has ended")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("commands", metavar="COMMAND", nargs="*", default=COMMANDS, help="to run in it, in this order")
    arguments = parser.parse_args()
    if not re.fullmatch("[a-z]+", arguments.release):
        parser.error(f"a release has a name such as bookworm: {arguments.release!r}")
    arguments.directory = arguments.directory.resolve()
    arguments.commands = [command for command in arguments.commands if command.strip()] or COMMANDS
    return arguments


def refuse(text: str) -> None:
    print(f"check-fresh: {text}", file=sys.stderr)
    sys.exit(2)


def look_first() -> None:
    """What cannot work is said before anything is begun."""
    for program, package in (("mmdebstrap", "mmdebstrap"), ("apt-get", "apt"), ("git", "git"),
                             ("unshare", "util-linux"), ("setpriv", "util-linux")):
        if shutil.which(program) is None:
            refuse(f"{program} is not there (Debian package {package})")
    if os.geteuid() != 0:
        refuse("needs root, for chroot and mounts (all in namespaces of their own): sudo make check-fresh")
    state = subprocess.run(["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "status", "--porcelain"],
                           stdout=subprocess.PIPE, text=True, check=False)
    if state.returncode != 0:
        refuse(f"{ROOT} is not a git checkout")
    if state.stdout:
        say("changes that are not committed are not part of it")


def follow(command: list, log) -> tuple[int, str]:
    """Runs the inner part; what it prints goes to the terminal and the log. Returns its exit status and
    the last result of tests that it printed.

    The kernel ends everything inside when the first process there ends, that one when unshare ends,
    and unshare when we do. A session of its own: Ctrl-C reaches this process alone.
    """
    result = ""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for line in process.stdout:
            text = line.decode(errors="replace")
            sys.stdout.write(text)
            sys.stdout.flush()
            log.write(text)
            log.flush()
            if RESULT.match(text.rstrip()):
                result = text.rstrip()
        return process.wait(), result
    finally:
        process.kill()
        process.wait()


def remove(tree: pathlib.Path) -> None:
    """Removes a system. Nothing can be mounted in it: mounts were in a namespace that is gone."""
    for attempt in range(20):
        with contextlib.suppress(FileNotFoundError):
            try:
                shutil.rmtree(tree)
            except OSError:  # a process that is just being ended has written into it
                if attempt == 19:
                    raise
                time.sleep(0.5)
                continue
        return


def main() -> int:
    arguments = parse_arguments()
    root = arguments.directory / arguments.release
    if arguments.inside:
        try:
            inside(root, arguments.release, arguments.commands)
        except Failed as failure:
            say(str(failure))
            return 1
        return 0

    look_first()
    # Whoever started us may have had them ignored (nohup, a script's &).
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    arguments.directory.mkdir(parents=True, exist_ok=True)
    log_name = root.with_name(f"{arguments.release}.log")
    with open(root.with_name(f"{arguments.release}.lock"), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse(f"another run is using {root}")
        remove(root)
        start = time.monotonic()
        say(f"the log goes to {log_name}")
        try:
            with open(log_name, "w", encoding="utf-8") as log:
                status, result = follow(
                    [sys.executable, __file__, "--inside", "--release", arguments.release, "--directory",
                     arguments.directory, "--", *arguments.commands], log)
        finally:
            if not arguments.keep:
                remove(root)
    say(f"{'passed' if status == 0 else 'FAILED'} on a minimal Debian {arguments.release} in {minutes(start)}; "
        f"log: {log_name}")
    if result:
        print(result)
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
