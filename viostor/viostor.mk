# The driver: build/<flavour>/<arch>/viostor.sys and viostor.pdb.
#
# wlh: the StorPort driver for Vista/2008 and later. Paths in object and debug information are
# relative and the link is reproducible, so the same source gives the same bytes anywhere.

DRIVER_SOURCES := $(sort $(wildcard viostor/*.c))
DRIVER_HEADERS := $(wildcard viostor/*.h ddk/*.h)

TARGET_x64   := x86_64-pc-windows-msvc
MACHINE_x64  := x64
DLLTOOL_x64  := i386:x86-64

DRIVER_WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wundef -Wpointer-arith -Wframe-larger-than=1024
DRIVER_VERSION := $(subst ., ,$(VERSION))
DRIVER_DEFINES := -DVIOSTOR_VERSION_MAJOR=$(word 1,$(DRIVER_VERSION)) \
    -DVIOSTOR_VERSION_MINOR=$(word 2,$(DRIVER_VERSION)) \
    -DVIOSTOR_VERSION_PATCH=$(word 3,$(DRIVER_VERSION))
DRIVER_CFLAGS := -std=c11 -O2 -g -gcodeview -ffreestanding -fno-stack-protector -fshort-wchar \
    -fasynchronous-unwind-tables -ffile-compilation-dir=. -mno-incremental-linker-compatible -mno-implicit-float -D_WIN32_WINNT=0x0A00 -DNTDDI_VERSION=0x0A000006 \
    -Iviostor -isystem ddk $(DRIVER_DEFINES) $(DRIVER_WARNINGS)

.PHONY: driver
driver: tools-driver $(BUILD)/wlh/x64/viostor.sys

$(BUILD)/wlh/x64/obj/%.o: viostor/%.c VERSION viostor/viostor.mk | tools-driver
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CLANG) --target=$(TARGET_x64) $(DRIVER_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/wlh/x64/obj/virtio_store.res: viostor/virtio_store.rc VERSION viostor/viostor.mk | tools-driver
	@mkdir -p $(@D)
	$(call say,RC      $@)
	$(Q)$(LLVM_RC) $(subst -D,/D ,$(DRIVER_DEFINES)) /FO $@ -- $<

# Import libraries: the names that the driver may import, no more.
$(BUILD)/wlh/x64/lib/%.lib: ddk/%.def | tools-driver
	@mkdir -p $(@D)
	$(Q)$(LLVM_DLLTOOL) -m $(DLLTOOL_x64) -d $< -l $@

DRIVER_OBJECTS_x64 := $(DRIVER_SOURCES:viostor/%.c=$(BUILD)/wlh/x64/obj/%.o)
DRIVER_LIBRARIES_x64 := $(BUILD)/wlh/x64/lib/storport.lib $(BUILD)/wlh/x64/lib/ntoskrnl.lib

$(BUILD)/wlh/x64/viostor.sys: $(DRIVER_OBJECTS_x64) $(BUILD)/wlh/x64/obj/virtio_store.res \
    $(DRIVER_LIBRARIES_x64) packaging/set_checksum.py
	$(call say,LINK    $@)
	$(Q)$(LLD_LINK) /driver /subsystem:native,6.00 /osversion:6.00 /version:$(word 1,$(DRIVER_VERSION)).$(word 2,$(DRIVER_VERSION)) \
	    /machine:$(MACHINE_x64) /entry:DriverEntry /nodefaultlib /dynamicbase /nxcompat /align:4096 \
	    /opt:ref /opt:icf /incremental:no /Brepro /debug /pdbaltpath:%_PDB% /pdbsourcepath:. \
	    /pdb:$(@:.sys=.pdb) /out:$@.unsealed $(filter %.o %.res %.lib,$^)
	$(Q)$(PYTHON) packaging/set_checksum.py $@.unsealed $@
	@rm -f $@.unsealed

-include $(DRIVER_OBJECTS_x64:.o=.d)
