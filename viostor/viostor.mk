# The driver: build/<flavour>/<arch>/viostor.sys and viostor.pdb.
#
#   wlh   StorPort, Vista/2008 and later: x64, x86, ARM64
#   wnet  StorPort of Server 2003 and XP x64: x64, x86
#   wxp   SCSIPort, XP: x86
#
# Paths in object and debug information are relative and the link is reproducible, so the same
# source gives the same bytes anywhere.

DRIVER_TARGETS := wlh/x64 wlh/x86 wlh/arm64 wnet/x64 wnet/x86 wxp/x86

# What belongs to one port driver only; every other source is the core's.
PORT_SOURCES_wlh  := viostor/virtio_store.c viostor/port_storport.c viostor/port_storport_extended.c
PORT_SOURCES_wnet := viostor/virtio_store.c viostor/port_storport.c viostor/port_storport_2003.c
PORT_SOURCES_wxp  := viostor/virtio_store_scsiport.c viostor/port_scsiport.c
PORT_SOURCES      := $(sort $(PORT_SOURCES_wlh) $(PORT_SOURCES_wnet) $(PORT_SOURCES_wxp))
DRIVER_SOURCES    := $(sort $(wildcard viostor/*.c))
CORE_SOURCES      := $(filter-out $(PORT_SOURCES),$(DRIVER_SOURCES))

# The oldest Windows that a file is for (major.minor), and the port driver that it imports from.
DRIVER_WINDOWS_wlh  := 6.00
DRIVER_PORT_wlh     := storport
DRIVER_WINDOWS_wnet := 5.02
DRIVER_PORT_wnet    := storport
DRIVER_WINDOWS_wxp  := 5.01
DRIVER_PORT_wxp     := scsiport
# What osdep.h asks for.
DRIVER_CFLAGS_wnet  := -DVIOSTOR_STORPORT_2003
DRIVER_CFLAGS_wxp   := -DVIOSTOR_SCSIPORT

# By architecture: clang's target, lld's machine, llvm-dlltool's name for it.
TARGET_x64     := x86_64-pc-windows-msvc
MACHINE_x64    := x64
DLLTOOL_x64    := i386:x86-64
TARGET_x86     := i686-pc-windows-msvc
MACHINE_x86    := x86
DLLTOOL_x86    := i386
TARGET_arm64   := aarch64-pc-windows-msvc
MACHINE_arm64  := arm64
DLLTOOL_arm64  := arm64

DRIVER_WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wundef -Wpointer-arith -Wframe-larger-than=1024
DRIVER_VERSION := $(subst ., ,$(VERSION))
DRIVER_DEFINES := -DVIOSTOR_VERSION_MAJOR=$(word 1,$(DRIVER_VERSION)) \
    -DVIOSTOR_VERSION_MINOR=$(word 2,$(DRIVER_VERSION)) \
    -DVIOSTOR_VERSION_PATCH=$(word 3,$(DRIVER_VERSION))
# Of every flavour and architecture; tests compile their own miniports by them, too.
DRIVER_CFLAGS := -std=c11 -O2 -g -gcodeview -ffreestanding -fno-stack-protector -fshort-wchar \
    -fasynchronous-unwind-tables -falign-loops=1 -ffile-compilation-dir=. -mno-incremental-linker-compatible -mno-implicit-float -D_WIN32_WINNT=0x0A00 -DNTDDI_VERSION=0x0A000006 \
    -Iviostor -isystem ddk $(DRIVER_DEFINES) $(DRIVER_WARNINGS)
# $(call source_flags,SOURCE): what a source needs that is of one flavour only, for checks that look
# at each source once.
source_flags = $(DRIVER_CFLAGS_$(firstword $(foreach f,wlh wnet wxp,$(if $(filter $(1),$(PORT_SOURCES_$(f))),$(f)))))
# Of one architecture. x86: whatever runs XP has SSE2, but the kernel's floating point state is not
# the driver's to use.
DRIVER_CFLAGS_x86   := -march=i686 -mno-mmx -mno-sse
DRIVER_CFLAGS_arm64 := -ffixed-x18

DRIVER_LDFLAGS := /driver /nodefaultlib /nxcompat /align:4096 /opt:ref /opt:icf /incremental:no /Brepro \
    /dynamicbase /version:$(word 1,$(DRIVER_VERSION)).$(word 2,$(DRIVER_VERSION))

DRIVER_FILES := $(DRIVER_TARGETS:%=$(BUILD)/%/viostor.sys)

# $(call driver_libraries,ARCH,PORT): import libraries, with the names that drivers may import.
driver_libraries = $(BUILD)/lib/$(1)/$(2).lib $(BUILD)/lib/$(1)/ntoskrnl.lib
# $(call link_driver,WINDOWS,ARCH): links the .o, .res and .lib among the prerequisites.
define link_driver
	$(Q)$(LLD_LINK) $(DRIVER_LDFLAGS) /subsystem:native,$(1) /osversion:$(1) /machine:$(MACHINE_$(2)) \
	    /entry:DriverEntry $(if $(filter x86,$(2)),/safeseh) /debug /pdbaltpath:%_PDB% /pdbsourcepath:. \
	    /pdb:$(@:.sys=.pdb) /out:$@.unsealed $(filter %.o %.res %.lib,$^)
	$(Q)$(PYTHON) packaging/set_checksum.py $@.unsealed $@
	@rm -f $@.unsealed
endef

.PHONY: driver
driver: tools-driver $(DRIVER_FILES)

# Import libraries by architecture. ddk/*.def has the names as x86 decorates them (@bytes of
# arguments); elsewhere they are plain.
$(BUILD)/lib/x86/%.lib: ddk/%.def | tools-driver
	@mkdir -p $(@D)
	$(Q)$(LLVM_DLLTOOL) -k -m $(DLLTOOL_x86) -d $< -l $@

define IMPORT_LIBRARY_RULES
$(BUILD)/lib/$(1)/%.lib: ddk/%.def | tools-driver
	@mkdir -p $$(@D)
	$$(Q)sed 's/@[0-9]*$$$$//' $$< >$$@.def
	$$(Q)$$(LLVM_DLLTOOL) -m $$(DLLTOOL_$(1)) -d $$@.def -l $$@
endef
$(foreach a,x64 arm64,$(eval $(call IMPORT_LIBRARY_RULES,$(a))))

# $(1): flavour/arch, $(2): flavour, $(3): arch
define DRIVER_RULES
DRIVER_SOURCES_$(2) := $$(sort $$(CORE_SOURCES) $$(PORT_SOURCES_$(2)))
DRIVER_OBJECTS_$(2)_$(3) := $$(DRIVER_SOURCES_$(2):viostor/%.c=$$(BUILD)/$(1)/obj/%.o)

$$(BUILD)/$(1)/obj/%.o: viostor/%.c VERSION viostor/viostor.mk | tools-driver
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$$(CLANG) --target=$$(TARGET_$(3)) $$(DRIVER_CFLAGS) $$(DRIVER_CFLAGS_$(3)) $$(DRIVER_CFLAGS_$(2)) -MMD -MP -c $$< -o $$@

$$(BUILD)/$(1)/obj/virtio_store.res: viostor/virtio_store.rc VERSION RELEASE_DATE viostor/viostor.mk | tools-driver
	@mkdir -p $$(@D)
	$$(call say,RC      $$@)
	$$(Q)$$(LLVM_RC) $$(subst -D,/D ,$$(DRIVER_DEFINES)) /D VIOSTOR_RELEASE_DATE=$$(RELEASE_DATE) /FO $$@ -- $$<

$$(BUILD)/$(1)/viostor.sys: $$(DRIVER_OBJECTS_$(2)_$(3)) $$(BUILD)/$(1)/obj/virtio_store.res \
    $$(call driver_libraries,$(3),$$(DRIVER_PORT_$(2))) packaging/set_checksum.py viostor/viostor.mk
	$$(call say,LINK    $$@)
	$$(call link_driver,$$(DRIVER_WINDOWS_$(2)),$(3))

-include $$(DRIVER_OBJECTS_$(2)_$(3):.o=.d)
endef
$(foreach t,$(DRIVER_TARGETS),$(eval $(call DRIVER_RULES,$(t),$(patsubst %/,%,$(dir $(t))),$(notdir $(t)))))
