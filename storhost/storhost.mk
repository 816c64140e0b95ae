# The bench: build/storhost, the nbdkit plugin and the SG preload library; and storhost for driver
# files of other processors than this machine's.
#
#   build/storhost         runs x64 files
#   build/x86/storhost     runs 32-bit x86 files (an i686 program; build/x86/runner says what runs it)
#   build/arm64/storhost   runs ARM64 files (under qemu-aarch64)

BENCH_ARCHS := x64 x86 arm64

# A source whose path has a folder named so belongs to those architectures only: "intel" is what x64
# and x86 share, "wide" the 64-bit ones. Headers of those in machine/ are found without the folder's name.
BENCH_FOLDERS_x64   := intel wide x64
BENCH_FOLDERS_x86   := intel x86
BENCH_FOLDERS_arm64 := wide arm64
BENCH_OWN_FOLDERS   := $(sort $(foreach a,$(BENCH_ARCHS),$(BENCH_FOLDERS_$(a))))

# By architecture: compiler, where its output goes, libraries' name for it, Debian's.
BENCH_CC_x64       := $(CC)
BENCH_CC_x86       := i686-linux-gnu-gcc
BENCH_CC_arm64     := aarch64-linux-gnu-gcc
BENCH_OUT_x64      := $(BUILD)
BENCH_OUT_x86      := $(BUILD)/x86
BENCH_OUT_arm64    := $(BUILD)/arm64
BENCH_TRIPLE_x86   := i386-linux-gnu
BENCH_TRIPLE_arm64 := aarch64-linux-gnu
BENCH_CROSS_x86    := /usr/i686-linux-gnu
BENCH_CROSS_arm64  := /usr/aarch64-linux-gnu
BENCH_DEBIAN_x86   := i386
BENCH_DEBIAN_arm64 := arm64

# Libraries for the other processors: packages whose files "make setup" unpacks here, outside of
# what "make clean" removes (packaging/sysroot.sh).
SYSROOT ?= .sysroot
SYSROOT_PACKAGES_x86   := libjansson-dev libzydis-dev libzydis4.0 libzycore-dev libzycore1.4 libcmocka-dev libcmocka0
SYSROOT_PACKAGES_arm64 := libjansson-dev libcapstone-dev libcapstone4 libcmocka-dev libcmocka0
SYSROOT_ARCHS := x86 arm64

BENCH_WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
BENCH_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -pthread -Istorhost -isystem ddk \
    -DSTORHOST_VERSION='"$(VERSION)"' $(BENCH_WARNINGS)
bench_include = $(BENCH_FOLDERS_$(1):%=-Istorhost/machine/%)
# x86: a driver leaves the stack aligned to 4 bytes where it calls us; files are large (guest
# memory, disks); unions come back in registers as from Microsoft's compiler (ddk/README.md); and a
# program that is not in the middle of the address space leaves more of it in one piece.
BENCH_TARGET_x64   := $(call bench_include,x64)
BENCH_TARGET_x86   := $(call bench_include,x86) -march=i686 -msse2 -mfpmath=sse -mstackrealign -fno-pie -Wno-psabi \
    -freg-struct-return -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
# ARM64: x18 is not the compiler's, as it is not in Windows (machine/thunk.h).
BENCH_TARGET_arm64 := $(call bench_include,arm64) -ffixed-x18
BENCH_LIBS_x64   := -pthread -lZydis -ljansson -lm
BENCH_LIBS_x86   := -pthread -lZydis -lZycore -ljansson -latomic -lm
BENCH_LIBS_arm64 := -pthread -lcapstone -ljansson -lm
# The other processors' own C library is found at run time where the cross packages have it.
bench_sysroot = $(abspath $(SYSROOT))/$(1)/usr
define BENCH_CROSS_RULES
BENCH_TARGET_$(1) += -isystem $(call bench_sysroot,$(1))/include
BENCH_LDFLAGS_$(1) := -L$(call bench_sysroot,$(1))/lib/$(BENCH_TRIPLE_$(1)) -Wl,--disable-new-dtags \
    -Wl,-rpath,$(call bench_sysroot,$(1))/lib/$(BENCH_TRIPLE_$(1)):$(BENCH_CROSS_$(1))/lib
endef
$(foreach a,$(SYSROOT_ARCHS),$(eval $(call BENCH_CROSS_RULES,$(a))))
BENCH_LDFLAGS_x86   += -no-pie -Wl,--dynamic-linker=$(BENCH_CROSS_x86)/lib/ld-linux.so.2
BENCH_LDFLAGS_arm64 += -Wl,--dynamic-linker=$(BENCH_CROSS_arm64)/lib/ld-linux-aarch64.so.1

BENCH_ALL_SOURCES := $(filter-out storhost/ways/nbdkit/% storhost/ways/sg/%,\
    $(sort $(wildcard storhost/*/*.c storhost/*/*/*.c)))
# $(call bench_in_folders,FOLDERS,SOURCES): those of the sources that lie in one of the folders.
bench_in_folders = $(foreach f,$(1),$(foreach s,$(2),$(if $(findstring /$(f)/,$(s)),$(s))))
bench_sources = $(filter-out $(call bench_in_folders,$(filter-out $(BENCH_FOLDERS_$(1)),$(BENCH_OWN_FOLDERS)),\
    $(BENCH_ALL_SOURCES)),$(BENCH_ALL_SOURCES))
$(foreach a,$(BENCH_ARCHS),$(eval BENCH_SOURCES_$(a) := $(call bench_sources,$(a))))
BENCH_SOURCES := $(BENCH_SOURCES_x64)

STORHOST := $(BUILD)/storhost
NBDKIT_PLUGIN := $(BUILD)/nbdkit-storhost-plugin.so
SG_PRELOAD := $(BUILD)/libstorhost-sg.so

.PHONY: storhost $(BENCH_ARCHS:%=storhost-%) $(SYSROOT_ARCHS:%=sysroot-%) run serve
storhost: storhost-x64 $(NBDKIT_PLUGIN) $(SG_PRELOAD)
$(BENCH_ARCHS:%=storhost-%): storhost-%: tools-storhost
storhost-x64: $(STORHOST)
storhost-x86: tools-storhost-x86 $(BUILD)/x86/storhost $(BUILD)/x86/runner
storhost-arm64: tools-storhost-arm64 $(BUILD)/arm64/storhost

$(SYSROOT_ARCHS:%=sysroot-%): sysroot-%:
	@sh packaging/sysroot.sh check $(SYSROOT)/$* $(BENCH_DEBIAN_$*) $(SYSROOT_PACKAGES_$*)
# A phony prerequisite would build anew each time; behind the bar it only checks.
bench_ready = $(if $(filter $(1),$(SYSROOT_ARCHS)),tools-storhost-$(1) sysroot-$(1),tools-storhost)

# $(1): architecture
define BENCH_RULES
BENCH_MAIN_$(1)    := $(BENCH_OUT_$(1))/bench/storhost/ways/main.o
BENCH_OBJECTS_$(1) := $(BENCH_SOURCES_$(1):%.c=$(BENCH_OUT_$(1))/bench/%.o)

$(BENCH_OUT_$(1))/bench/%.o: %.c storhost/storhost.mk VERSION | $(call bench_ready,$(1))
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$$(BENCH_CC_$(1)) $$(BENCH_CFLAGS) $$(BENCH_TARGET_$(1)) -MMD -MP -c $$< -o $$@

# The bare loop is compiled as code of a kernel is: it has general registers only.
$(BENCH_OUT_$(1))/bench/storhost/bare/loop_%.o: BENCH_CFLAGS += -mgeneral-regs-only

# Everything but main(), for unit tests to link with.
$(BENCH_OUT_$(1))/libstorhost.a: $$(filter-out $$(BENCH_MAIN_$(1)),$$(BENCH_OBJECTS_$(1)))
	$$(call say,AR      $$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^

$(BENCH_OUT_$(1))/storhost: $$(BENCH_MAIN_$(1)) $(BENCH_OUT_$(1))/libstorhost.a
	$$(call say,CC      $$@)
	$$(Q)$$(BENCH_CC_$(1)) -o $$@ $$(BENCH_MAIN_$(1)) $$(BENCH_LDFLAGS_$(1)) \
	    -Wl,--whole-archive $(BENCH_OUT_$(1))/libstorhost.a -Wl,--no-whole-archive $$(BENCH_LIBS_$(1))

-include $$(BENCH_OBJECTS_$(1):.o=.d)
endef
$(foreach a,$(BENCH_ARCHS),$(eval $(call BENCH_RULES,$(a))))

# What runs 32-bit x86 programs here, found by trying, once per build: native, qemu-i386 or none.
# X86_RUNNER= takes its place, here and in tests (tests/runners.py).
X86_RUNNERS := native qemu-i386 none
ifneq ($(filter-out $(X86_RUNNERS),$(X86_RUNNER)),)
$(error X86_RUNNER is one of $(X86_RUNNERS), not "$(X86_RUNNER)")
endif

$(BUILD)/x86/runner: packaging/x86_probe.c packaging/x86_runner.sh storhost/storhost.mk | tools-storhost-x86
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC_x86) $(BENCH_LDFLAGS_x86) $(BENCH_WARNINGS) -o $(@D)/probe $<
	$(Q)sh packaging/x86_runner.sh $(@D)/probe >$@
	@echo "  TRIED   what runs 32-bit x86 programs here: $$(cat $@)"

WAYS_PROTOCOL := storhost/ways/client.c storhost/ways/protocol.c

$(NBDKIT_PLUGIN): $(wildcard storhost/ways/nbdkit/*.c) $(WAYS_PROTOCOL) storhost/ways/client_trim.c | tools-storhost
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -o $@ $(filter %.c,$^)

$(SG_PRELOAD): $(wildcard storhost/ways/sg/*.c) $(WAYS_PROTOCOL) | tools-storhost
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -o $@ $(filter %.c,$^) -ldl

-include $(NBDKIT_PLUGIN).d $(SG_PRELOAD).d

# Which driver file: TARGET=wnet/x86 (as build/ has it), ARCH=arm64 (of wlh), or DRIVER=FILE. For which
# processor it is says ARCH, or its folder if it is named after an architecture.
ifdef TARGET
ARCH   := $(notdir $(TARGET))
DRIVER ?= $(BUILD)/$(TARGET)/viostor.sys
ifeq ($(filter $(TARGET),$(DRIVER_TARGETS)),)
$(error There is no target "$(TARGET)": TARGET is one of $(DRIVER_TARGETS))
endif
endif
# The Windows that the files for old ones are run on.
RUN_WINDOWS_wnet := --windows=5.2
RUN_WINDOWS_wxp  := --windows=5.1
RUN_OPTIONS := $(RUN_WINDOWS_$(firstword $(subst /, ,$(TARGET))))
ifdef DRIVER
ARCH ?= $(or $(filter $(BENCH_ARCHS),$(notdir $(patsubst %/,%,$(dir $(DRIVER))))),x64)
else
ARCH ?= x64
endif
DRIVER ?= $(BUILD)/wlh/$(ARCH)/viostor.sys
RUN_x64   := $(STORHOST)
# Asked when it is used, after the build.
x86_runner = $(or $(X86_RUNNER),$(shell cat $(BUILD)/x86/runner 2>/dev/null))
X86_COMMAND_qemu-i386 := qemu-i386
X86_COMMAND_none = $(error No 32-bit x86 program runs on this machine, natively or by qemu-i386)
RUN_x86    = $(X86_COMMAND_$(x86_runner)) $(BENCH_OUT_x86)/storhost
RUN_arm64 := qemu-aarch64 $(BENCH_OUT_arm64)/storhost

QEMU_DEVICE ?=
# What `make run` shows unless QEMU_DEVICE says otherwise.
DEMO_DEVICE := num-queues=2,serial=viostor-demo

run: tools-run driver storhost storhost-$(ARCH)
	@$(RUN_$(ARCH)) --driver $(DRIVER) $(RUN_OPTIONS) --qemu-device '$(or $(QEMU_DEVICE),$(DEMO_DEVICE))' run

serve: tools-run driver storhost storhost-$(ARCH)
	@test -n '$(IMAGE)' || { echo "Say which disk: make serve IMAGE=disk.qcow2" >&2; exit 2; }
	@$(RUN_$(ARCH)) --driver $(DRIVER) $(RUN_OPTIONS) --image '$(IMAGE)' $(if $(QEMU_DEVICE),--qemu-device '$(QEMU_DEVICE)') serve
