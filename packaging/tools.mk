# What the build, the bench and the tests need from Debian 12, and the check that it is there.
#
# TOOLS_<group>: command-or-file:package pairs (a file may be a pattern). A target depends on tools-<group>; only "make setup"
# installs.

TOOLS_driver := clang-14:clang-14 lld-link-14:lld-14 /usr/lib/llvm-14/bin/llvm-rc:llvm-14 llvm-dlltool-14:llvm-14 \
    python3:python3 /usr/lib/python3/dist-packages/pefile.py:python3-pefile
TOOLS_storhost := gcc:gcc /usr/include/Zydis/Zydis.h:libzydis-dev \
    /usr/include/jansson.h:libjansson-dev /usr/include/nbdkit-plugin.h:nbdkit-plugin-dev \
    /usr/include/stdio.h:libc6-dev
# For driver files of other processors (their libraries: SYSROOT_PACKAGES_ in storhost/storhost.mk).
TOOLS_storhost-x86 := i686-linux-gnu-gcc:gcc-i686-linux-gnu /usr/i686-linux-gnu/lib/crt1.o:libc6-dev-i386-cross \
    qemu-i386:qemu-user
TOOLS_storhost-arm64 := aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu /usr/aarch64-linux-gnu/lib/crt1.o:libc6-dev-arm64-cross \
    qemu-aarch64:qemu-user
TOOLS_package := /usr/lib/python3/dist-packages/asn1crypto:python3-asn1crypto xorriso:xorriso mcopy:mtools \
    /usr/sbin/mkfs.fat:dosfstools
TOOLS_sign := osslsigncode:osslsigncode openssl:openssl
# build-essential: every Debian package is built with it, so that none names it.
TOOLS_deb := dpkg-buildpackage:dpkg-dev dh:debhelper /usr/share/build-essential:build-essential
TOOLS_rpm := rpmbuild:rpm
TOOLS_bench := gnuplot:gnuplot-nox qemu-storage-daemon:qemu-system-common
TOOLS_run := qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils nbdkit:nbdkit
# libguestfs, by which virt-v2v works, boots a small machine with a kernel of the host. Where there is
# none (a container) Debian's smallest is installed; a machine that has one is left with it.
HOST_KERNELS := $(wildcard /boot/vmlinuz-*)
APPLIANCE_KERNEL := $(if $(HOST_KERNELS),,/boot/vmlinuz-*:linux-image-cloud-amd64)
TOOLS_check := /usr/sbin/fsck.fat:dosfstools /usr/share/osinfo/os/microsoft.com:osinfo-db /usr/lib/python3/dist-packages/gi:python3-gi \
    /usr/lib/*/girepository-1.0/Libosinfo-1.0.typelib:gir1.2-libosinfo-1.0 softhsm2-util:softhsm2 isoinfo:genisoimage 7z:p7zip-full \
    lintian:lintian rpmlint:rpmlint rpm2cpio:rpm2cpio cpio:cpio \
    /usr/include/cmocka.h:libcmocka-dev fio:fio nbdcopy:libnbd-bin nbdinfo:libnbd-bin \
    sg_inq:sg3-utils sdparm:sdparm iscsi-test-cu:libiscsi-bin mke2fs:e2fsprogs ntfscp:ntfs-3g qemu-io:qemu-utils qemu-nbd:qemu-utils \
    /usr/lib/python3/dist-packages/pytest:python3-pytest /usr/lib/python3/dist-packages/xdist:python3-pytest-xdist \
    /usr/lib/python3/dist-packages/pytest_timeout.py:python3-pytest-timeout /usr/lib/python3/dist-packages/psutil:python3-psutil \
    qemu-storage-daemon:qemu-system-common \
    llvm-readobj-14:llvm-14 /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a:libclang-rt-14-dev \
    wine:wine /usr/lib/wine/wine64:wine64 virt-v2v:virt-v2v /usr/sbin/mkntfs:ntfs-3g \
    wimapply:wimtools \
    /usr/lib/python3/dist-packages/hivex/__init__.py:python3-hivex $(APPLIANCE_KERNEL)
# For .ci/run: the second compiler and the checkers.
TOOLS_lint := clang-tidy-14:clang-tidy-14 clang-format-14:clang-format-14 cppcheck:cppcheck shellcheck:shellcheck \
    x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 i686-w64-mingw32-gcc:gcc-mingw-w64-i686
# For make check-fresh.
TOOLS_fresh := mmdebstrap:mmdebstrap

TOOL_GROUPS  := driver package sign deb rpm storhost storhost-x86 storhost-arm64 bench run check lint fresh
# qemu-block-extra: what QEMU opens beyond files (iscsi, rbd, ...).
# libengine-pkcs11-openssl: lets osslsigncode use a key in a token.
EXTRA_PACKAGES := qemu-block-extra libiscsi-bin libengine-pkcs11-openssl
ALL_PACKAGES := $(sort $(foreach g,$(TOOL_GROUPS),$(foreach t,$(TOOLS_$(g)),$(lastword $(subst :, ,$(t))))) $(EXTRA_PACKAGES))

.PHONY: setup $(addprefix tools-,$(TOOL_GROUPS))

# CHECK_TOOLS=no: for builds by a package manager, which has its own list of what has to be there.
$(addprefix tools-,$(TOOL_GROUPS)): tools-%:
	$(if $(filter no,$(CHECK_TOOLS)),,@sh packaging/missing_tools.sh $(foreach t,$(TOOLS_$*),'$(t)'))

setup:
	@sh packaging/setup.sh $(ALL_PACKAGES)
	@$(foreach a,$(SYSROOT_ARCHS),sh packaging/sysroot.sh fetch $(SYSROOT)/$(a) $(BENCH_DEBIAN_$(a)) $(SYSROOT_PACKAGES_$(a)) &&) true

# The README's commands on a system that nobody has prepared (packaging/check_fresh.py --help says more).
RELEASE := bookworm
.PHONY: check-fresh
check-fresh: tools-fresh
	@$(PYTHON) packaging/check_fresh.py --release "$(RELEASE)" -- $(if $(CHECK),"$(CHECK)")
