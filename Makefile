# viostor: the VirtIO block driver for Windows, and storhost, the bench that runs it on Linux.
#
#   make setup       install by apt what the build, the bench and the tests need
#   make             build the driver (build/wlh/x64/viostor.sys and .pdb)
#   make storhost    build the bench (build/storhost; storhost-x86, storhost-arm64: for driver files of these)
#   make inf         the installation files (build/<flavour>/viostor.inf, build/txtsetup.oem)
#   make package     the media: build/package/viostor-*.iso, *.vfd and tree/ (SIGN=, CERT=, KEY=: packaging/package.mk)
#   make deb, make rpm   packages of it for Linux distributions (build/deb/, build/rpm/); make install
#   make run         build, then write and read a disk through the driver on QEMU's device
#                    (ARCH=x86, ARCH=arm64: the driver for that processor; TARGET=wnet/x86: that for that
#                    Windows; DRIVER=FILE: another one)
#   make serve IMAGE=disk.qcow2 [QEMU_DEVICE=...]   a disk through the driver, until Ctrl-C
#   make bench       exact counts of what the driver does for a request, then throughput (PEER=other.sys: of
#                    another driver, too; SERIES="depth queues": only these counts)
#   make throughput  requests per second, latency, processor time, as ratios (PEER=other.sys)
#   make check       all tests (check-full: every combination of the system matrix; TESTS='tests/...': these;
#                    TEST_JOBS=N: so many at once)
#   make check-fresh the README's two commands on a minimal Debian, built for it; needs root (CHECK="make setup run":
#                    just that; RELEASE=trixie: another Debian)
#   make conformance       SCSI, block and file system tools judge the disk
#   make clean
#
# What runs 32-bit x86 programs is tried when they are built (build/x86/runner); X86_RUNNER=native, qemu-i386
# or none takes its place in "make run" and "make check".
#
# Nothing but "make setup" installs anything; every other target says what is missing.

# V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@echo "  $(1)")

BUILD   := build
VERSION := $(shell cat VERSION)
# The day of the release, YYYY-MM-DD: with VERSION it goes into the resource and the installation files.
RELEASE_DATE := $(shell cat RELEASE_DATE)

CLANG       ?= clang-14
LLD_LINK    ?= lld-link-14
# By this path it finds its clang for preprocessing.
LLVM_RC     ?= /usr/lib/llvm-14/bin/llvm-rc
LLVM_DLLTOOL?= llvm-dlltool-14
CC          := gcc
MINGW       ?= x86_64-w64-mingw32-gcc
MINGW32     ?= i686-w64-mingw32-gcc
# Debian's own, which has Debian's modules, whatever else is first in the PATH.
PYTHON      ?= /usr/bin/python3

.DEFAULT_GOAL := driver
.DELETE_ON_ERROR:
.SUFFIXES:

include packaging/tools.mk
include viostor/viostor.mk
include packaging/inf.mk
include packaging/package.mk
include packaging/distribution.mk
include ddk/ddk.mk
include storhost/storhost.mk
-include tests/rules/rules.mk
include bench/bench.mk
include bench/throughput.mk
include tests/packaging/packaging.mk
include tests/tests.mk
include tests/conformance/conformance.mk
include tests/lint.mk

.PHONY: all clean help
all: driver storhost

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# make print-VARIABLE: what a variable holds, for tests.
print-%:
	@:$(info $($*))

clean:
	rm -rf $(BUILD)
