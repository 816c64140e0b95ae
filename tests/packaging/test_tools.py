# SPDX-License-Identifier: BSD-3-Clause
"""The lists of packaging/tools.mk against what the build, the bench and the tests really use.

That everything is there on the machine where the tests run proves nothing: it may be there by chance.
So what is used is looked up in dpkg's database, and has to be of a package that "make setup" would
install on the smallest Debian, or that such a package depends on:

- programs: what stands in the sources where the name of one can, and is the name of one here,
- files that are named by their whole path,
- Python modules, and what gi imports,
- what debian/control demands for a build,
- system headers, as the compilers find them, with all that they include, and libraries.

What nothing names (a module of QEMU, an engine of OpenSSL) only "make check-fresh" can show.
"""
import ast
import contextlib
import dataclasses
import fnmatch
import functools
import glob
import importlib.util
import os
import pathlib
import re
import subprocess

import pytest

from debian_packages import Packages, names
from targets import ROOT

# The README says that these have to be there before.
BEFORE = ["git", "make"]
# Words that stand where a program's name could, and are the names of programs on some machine.
NOT_PROGRAMS = {"barrier", "compare", "convert", "dump", "fetch", "free", "http", "import", "info", "load", "pc",
                "ring", "serve", "show", "socket", "time"}
# What is needed and leaves no trace in the sources.
UNSEEN = {
    "libclang-rt-14-dev": "linked by clang for -fsanitize",
    "python3-pytest-timeout": "loaded by pytest, for the limit in pytest.ini",
    "python3-pytest-xdist": "loaded by pytest, for -n",
    "libengine-pkcs11-openssl": "loaded by OpenSSL, for osslsigncode, by the name pkcs11",
    "linux-image-cloud-amd64": "booted by libguestfs, for virt-v2v",
    "qemu-block-extra": "loaded by QEMU for iscsi:, rbd:, ... of make serve",
}
OWN_NAME = "tests/packaging/test_tools.py"
PROGRAM = r"[A-Za-z0-9][\w.+-]*"
ABSOLUTE = re.compile(r"(?<![\w)}$*])/(?:usr|lib|etc|boot|sbin|bin)/[\w./+-]+")
# Where a command begins in the shell, and in a makefile the value of a variable, which can be one.
COMMAND = re.compile(r"(?:^\s*|[;|&(`{!]\s*|\b(?:then|do|else|if|while|until|exec|env|xargs|-v|sh -c)\s+)"
                     rf"(?:[A-Za-z_]\w*=\S*\s+)*['\"]?({PROGRAM})(?![\w=/])", re.MULTILINE)
VALUE = re.compile(rf"^\w+\s*[:?]?=\s*({PROGRAM})", re.MULTILINE)
RECIPE = re.compile(r"^\t[@+-]*(?:\$\(Q\))?", re.MULTILINE)
# And in C: what is executed, or is the default of a variable that is.
C_PROGRAM = re.compile(rf'(?:exec\w*\(|[=:] )"({PROGRAM})"')


@dataclasses.dataclass(frozen=True)
class Use:
    """Something of the system that a source uses, and the packages that it may come from."""

    what: str
    where: str
    packages: frozenset[str]


@functools.cache
def project_files() -> list[str]:
    """The files of the project, those that are not committed yet included."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted(name for name in set(listed.split("\0")) if (ROOT / name).is_file() and name != OWN_NAME)


def sources(*patterns: str) -> list[str]:
    return [name for name in project_files() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


@functools.cache
def make_variables(*names: str) -> dict[str, list[str]]:
    """What makefile variables hold on a machine that has no kernel for libguestfs."""
    names = tuple(dict.fromkeys(names))
    printed = subprocess.run(["make", "-s", "-C", ROOT, "HOST_KERNELS=", *(f"print-{name}" for name in names)],
                             stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    return {name: line.split() for name, line in zip(names, printed)}


@pytest.fixture(scope="module")
def packages():
    return Packages()


@pytest.fixture(scope="module")
def wanted():
    """What "make setup" installs where there is nothing."""
    return make_variables("ALL_PACKAGES")["ALL_PACKAGES"]


# ---- What is used --------------------------------------------------------------------------------

def python_tree(text: str) -> ast.Module:
    """A Python file, and the programs for python3 -c in its strings."""
    tree = ast.parse(text)
    programs = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and
                isinstance(node.value, str) and re.search("^(import|from) .*\n", node.value, re.MULTILINE)]
    for program in programs:
        with contextlib.suppress(SyntaxError):
            tree.body += ast.parse(program).body
    return tree


@functools.cache
def python_trees() -> dict[str, ast.Module]:
    return {name: python_tree((ROOT / name).read_text()) for name in sources("*.py")}


def text_of(node: ast.AST) -> str:
    """A string, or the beginning of a formatted one."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def python_commands(tree: ast.AST) -> set[str]:
    """What stands first in a list or a call, and behind the pipes in it."""
    firsts = [node.elts[0] for node in ast.walk(tree) if isinstance(node, (ast.List, ast.Tuple)) and node.elts]
    firsts += [node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    whole = [part for node in firsts for part in (node.values if isinstance(node, ast.JoinedStr) else [])]
    pipes = [part for node in firsts + whole for part in text_of(node).split("|")[1:]]
    words = {text.split()[0] for text in [*map(text_of, firsts), *pipes] if text.split()}
    return {word for word in words if re.fullmatch(PROGRAM, word)}


def shell_commands(text: str) -> set[str]:
    return set(COMMAND.findall(text))


def make_commands(text: str) -> set[str]:
    recipes = [RECIPE.sub("", line) for line in text.split("\n") if line.startswith("\t")]
    called = re.findall(r"\$\(shell ([^)]*)", text)
    return set(VALUE.findall(text)).union(*map(shell_commands, recipes + called))


@functools.cache
def named() -> dict[str, set[str]]:
    """What can be the name of a program, or is that of a file, and the sources that have it."""
    found: dict[str, set[str]] = {}

    def add(names, where: str) -> None:
        for name in names:
            found.setdefault(name, set()).add(where)

    for where, tree in python_trees().items():
        add(python_commands(tree), where)
    for where in sources("*.py", "*.sh", "*.mk", "Makefile", ".ci/run", "debian/rules", "storhost/*.c",
                         "tests/unit/*.c"):
        if where in ("packaging/tools.mk", "packaging/setup.sh"):
            continue  # they are what is checked
        text = (ROOT / where).read_text()
        if not where.endswith((".py", ".c")):
            text = re.sub(r"(^|\s)#.*", "", text.replace("\\\n", " "), flags=re.MULTILINE)
        add(ABSOLUTE.findall(text), where)
        if where.endswith(".c"):
            add(C_PROGRAM.findall(text), where)
        elif where.endswith((".mk", "Makefile", "rules")):
            add(make_commands(text), where)
        elif not where.endswith(".py"):
            add(shell_commands(text), where)
    return found


def program_uses(packages: Packages) -> list[Use]:
    found = []
    for name, where in named().items():
        if name.startswith("/"):
            if os.path.isfile(name):
                found.append(Use(name, min(where), frozenset(packages.of_file(name))))
        elif "/" not in name and name not in NOT_PROGRAMS:
            owners = packages.of_program(name)
            if owners is not None:
                found.append(Use(name, min(where), frozenset(owners)))
    return found


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
    return found


def module_uses(packages: Packages) -> list[Use]:
    own = {pathlib.Path(name).stem for name in sources("*.py")}
    found = []
    for where, tree in python_trees().items():
        for name in sorted(imported(tree)):
            if name.split(".")[0] in own:
                continue
            spec = importlib.util.find_spec(name)
            # None: a program in a string imports what nobody has. A file's own import would have failed.
            if spec is not None and spec.origin not in (None, "built-in", "frozen"):
                found.append(Use(name, where, frozenset(packages.of_file(spec.origin))))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "require_version":
                name, version = (argument.value for argument in node.args)
                (path,) = glob.glob(f"/usr/lib/*/girepository-1.0/{name}-{version}.typelib")
                found.append(Use(path, where, frozenset(packages.of_file(path))))
    return found


# By compiler: variables with its flags, and the sources whose headers it reads.
COMPILERS = {
    "gcc": (["BENCH_CFLAGS", "BENCH_TARGET_x64"], ["storhost/*.[ch]", "tests/unit/*.[ch]"]),
    "i686-linux-gnu-gcc": (["BENCH_CFLAGS", "BENCH_TARGET_x86"], ["storhost/*.[ch]"]),
    "aarch64-linux-gnu-gcc": (["BENCH_CFLAGS", "BENCH_TARGET_arm64"], ["storhost/*.[ch]"]),
    "x86_64-w64-mingw32-gcc": ([], ["tests/packaging/*.c"]),
}


def headers(compiler: str, flags: list[str], patterns: list[str]) -> set[str]:
    """The system headers that sources include, and those that these include, as a compiler finds them."""
    text = "".join((ROOT / name).read_text() for name in sources(*patterns))
    own = {pathlib.Path(name).name for name in sources("ddk/*.h")}
    direct = [name for name in dict.fromkeys(re.findall(r"^#include <([^>]+)>", text, re.MULTILINE))
              if name not in own]
    # What one of them has not (Zydis, capstone) the sources for it do not include. The four: cmocka's wish.
    program = "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n"
                      for name in ["stdarg.h", "stddef.h", "stdint.h", "setjmp.h", *direct])
    rule = subprocess.run([compiler, *flags, "-M", "-x", "c", "-"], input=program, text=True, cwd=ROOT,
                          stdout=subprocess.PIPE, check=True).stdout
    return {os.path.realpath(path) for path in rule.replace("\\\n", " ").split()[1:] if path.startswith("/")}


def header_uses(packages: Packages) -> list[Use]:
    found = []
    variables = make_variables(*(name for names, _ in COMPILERS.values() for name in names))
    for compiler, (names, patterns) in COMPILERS.items():
        flags = [flag for name in names for flag in variables[name] if not flag.startswith(("-W", "-O", "-D"))]
        for path in headers(compiler, [*flags, "-D_GNU_SOURCE"], patterns):
            if not path.startswith(str(ROOT)) and "/.sysroot/" not in path:
                found.append(Use(path, f"headers for {compiler}", frozenset(packages.of_file(path))))
    return found


def library_uses(packages: Packages) -> list[Use]:
    """For each -l of a makefile the libraries of that name that a compiler finds; one of them is meant."""
    found = []
    for where in sources("*.mk"):
        for name in set(re.findall(r"\s-l(\w+)", (ROOT / where).read_text())):
            candidates = set()
            for compiler in COMPILERS:
                for suffix in ("so", "a"):
                    library = subprocess.run([compiler, f"-print-file-name=lib{name}.{suffix}"], text=True,
                                             stdout=subprocess.PIPE, check=True).stdout.strip()
                    if library.startswith("/"):
                        candidates |= packages.of_file(library)
            if candidates:
                found.append(Use(f"-l{name}", where, frozenset(candidates)))
    return found


def build_dependency_uses(packages: Packages) -> list[Use]:
    """What dpkg-buildpackage demands: debian/control's, and what it takes for granted (policy, 4.2)."""
    control = (ROOT / "debian/control").read_text()
    fields = re.findall(r"^Build-Depends(?:-\w+)?:((?:.*\n)(?:\s.*\n)*)", control, re.MULTILINE)
    groups = [group for field in fields for group in names(field)] + [["build-essential"]]
    return [Use(" | ".join(group), "debian/control", frozenset(
        package for name in group for package in packages.meant_by(name))) for group in groups]


@pytest.fixture(scope="module")
def uses(packages):
    return build_dependency_uses(packages) + program_uses(packages) + module_uses(packages) + header_uses(packages) + library_uses(packages)


def missing(uses: list[Use], installed: set[str]) -> list[str]:
    return sorted(f"{use.what} ({use.where}): of {' or '.join(sorted(use.packages)) or 'no package'}"
                  for use in uses if use.packages.isdisjoint(installed))


# ---- Tests ---------------------------------------------------------------------------------------

def installed_by(packages: Packages, wanted: list[str]) -> set[str]:
    """All that is there after "make setup" on the smallest system."""
    return packages.closure([*packages.minimal(), *BEFORE, *wanted])


def test_the_packages_are_here(packages, wanted):
    """The others mean nothing where they are not."""
    assert set(wanted) <= set(packages.packages), "run 'make setup'"


def test_the_kernel_of_the_appliance_is_installed_where_there_is_none(wanted):
    assert "linux-image-cloud-amd64" in wanted


def test_what_setup_has_installed_is_seen_by_the_same_make(tmp_path):
    """"make setup check": the folder was already looked at when there was nothing in it."""
    installing = tmp_path / "installing.mk"
    installing.write_text(f"installing:\n\ttouch {tmp_path}/kernel-1\n")
    make = ["make", "-s", "-C", ROOT, "-f", "Makefile", "-f", installing,
            f"TOOLS_check={tmp_path}/kernel-*:kernel", f"HOST_KERNELS=$(wildcard {tmp_path}/kernel-*)"]
    refused = subprocess.run([*make, "tools-check"], stderr=subprocess.PIPE, text=True, check=False)
    assert refused.returncode != 0 and "Not installed (Debian packages): kernel\n" in refused.stderr
    subprocess.run([*make, "installing", "tools-check"], check=True)


def test_each_file_of_the_lists_is_of_its_package(packages):
    groups = make_variables("TOOL_GROUPS")["TOOL_GROUPS"]
    pairs = [pair for found in make_variables(*(f"TOOLS_{group}" for group in groups)).values() for pair in found]
    assert len(pairs) > 60
    wrong = []
    for pair in pairs:
        name, package = pair.rsplit(":", 1)
        files = glob.glob(name) if name.startswith("/") else [name]
        owners = set().union(*(packages.of_file(file) if name.startswith("/") else packages.of_program(file) or set()
                               for file in files))
        if owners.isdisjoint(packages.closure([package])):
            wrong.append(f"{pair}: {', '.join(owners) or 'nothing here'}")
    assert not wrong


def test_what_is_used_is_installed(packages, wanted, uses):
    """If what is named is no program: NOT_PROGRAMS."""
    assert len(uses) > 500
    assert not missing(uses, installed_by(packages, wanted))


def test_a_package_that_is_taken_out_is_missed(packages, wanted, uses):
    """Unless another one depends on it."""
    unused = []
    for name in set(wanted) - set(UNSEEN):
        left = installed_by(packages, [other for other in wanted if other != name])
        if name not in left and not missing(uses, left):
            unused.append(name)
    assert not unused


@pytest.mark.parametrize("package,what", [
    ("virt-v2v", "virt-v2v"), ("wimtools", "wimcapture"), ("fio", "fio"), ("python3-pytest", "pytest"),
    ("python3-hivex", "hivex"), ("libcmocka-dev", "/usr/include/cmocka.h"), ("libzydis-dev", "-lZydis"),
    ("softhsm2", "/usr/lib/softhsm/libsofthsm2.so"), ("clang-format-14", "clang-format-14"), ("lld-14", "lld-link-14"),
    ("gir1.2-libosinfo-1.0", "Libosinfo-1.0.typelib"), ("gcc-mingw-w64-x86-64", "-lsetupapi"),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/include/stdio.h"), ("qemu-user", "qemu-aarch64"),
    ("p7zip-full", "7z"), ("build-essential", "build-essential"), ("debhelper", "debhelper-compat"),
    ("sg3-utils", "sg_inq"), ("llvm-14", "/usr/lib/llvm-14/bin/llvm-rc")])
def test_is_seen(packages, wanted, uses, package, what):
    """One of each kind of use."""
    left = sorted(set(wanted) - needing(packages, package))
    lines = missing(uses, installed_by(packages, left))
    assert any(line.split(" (")[0].endswith(what) for line in lines)


def needing(packages: Packages, package: str) -> set[str]:
    """A package and those that bring it along."""
    return {name for name in packages.packages if package in packages.closure([name])}


@pytest.mark.parametrize("arch", make_variables("SYSROOT_ARCHS")["SYSROOT_ARCHS"])
def test_libraries_of_other_processors_are_whole(arch):
    """What they need is unpacked with them or is of the cross compiler's own C library."""
    found = make_variables(f"BENCH_LIBS_{arch}", f"BENCH_TRIPLE_{arch}", f"BENCH_CROSS_{arch}", "SYSROOT")
    libs, (triple,), (cross,), (sysroot,) = found.values()
    folder = ROOT / sysroot / arch / "usr/lib" / triple
    there = {path.name: path for place in (pathlib.Path(cross, "lib"), folder) for path in place.iterdir()
             if path.exists()}  # a link may lead to a package that is left out: then the archive is taken
    libraries = [path for path in there.values() if path.parent == folder and path.suffix == ".so"]
    needed = subprocess.run(["llvm-readobj-14", "--needed-libs", *libraries], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    assert "libc.so.6" in needed
    assert set(re.findall(r"^  (\S+\.so\S*)$", needed, re.MULTILINE)) <= set(there)
    for name in (lib.removeprefix("-l") for lib in libs if lib.startswith("-l") and lib != "-latomic"):
        assert {f"lib{name}.so", f"lib{name}.a"} & set(there), name
