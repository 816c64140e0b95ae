# Drivers that each break one rule: build/rules/<arch>/NAME.sys from tests/rules/NAME.c and the
# miniport that they share, for StorPort; build/rules/<arch>/scsiport/NAME.sys from
# tests/rules/scsiport likewise, for SCSIPort. Compiled and linked as the driver is
# (viostor/viostor.mk).

RULE_ARCHS  := x64 x86 arm64
# What a test is linked with: files for both port drivers, and the miniport.
RULE_BOTH   := device disk
RULE_SHARED := miniport
# Where the disk lies: in pool, but for Server 2003's.
RULE_MEMORY := memory_pool memory_extension
rule_memory  = $(if $(filter server-2003%,$(1)),memory_extension,memory_pool)
# $(call rule_sources,FOLDER): its sources' names
rule_sources = $(patsubst $(1)/%.c,%,$(sort $(wildcard $(1)/*.c)))
RULE_TESTS  := $(filter-out $(RULE_BOTH) $(RULE_SHARED) $(RULE_MEMORY),$(call rule_sources,tests/rules))
RULE_SCSI_SHARED := scsi_miniport
RULE_SCSI_TESTS  := $(filter-out $(RULE_SCSI_SHARED),$(call rule_sources,tests/rules/scsiport))
RULE_DRIVERS := $(foreach a,$(RULE_ARCHS),$(RULE_TESTS:%=$(BUILD)/rules/$(a)/%.sys) \
                  $(RULE_SCSI_TESTS:%=$(BUILD)/rules/$(a)/scsiport/%.sys))

# $(call compile_rule,ARCH,PORT): tests/rules/PORT holds port_calls.h
define compile_rule
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CLANG) --target=$(TARGET_$(1)) $(DRIVER_CFLAGS) $(DRIVER_CFLAGS_$(1)) -Itests/rules/$(2) -MMD -MP -c $< -o $@
endef

# What no Windows exports, for the test of imports. x86 has names with their bytes of arguments.
# $(call missing_library,ARCH)
define missing_library
	@mkdir -p $(@D)
	$(Q)sed '$(if $(filter-out x86,$(1)),s/@[0-9]*$$//)' $< >$@.def
	$(Q)$(LLVM_DLLTOOL) $(if $(filter x86,$(1)),-k) -m $(DLLTOOL_$(1)) -d $@.def -l $@
endef

# $(1): architecture
define RULE_RULES
$(BUILD)/rules/$(1)/obj/scsiport/%.o: tests/rules/scsiport/%.c tests/rules/rules.mk viostor/viostor.mk | tools-driver
	$$(call compile_rule,$(1),scsiport)
$(RULE_BOTH:%=$(BUILD)/rules/$(1)/obj/scsiport/%.o): $(BUILD)/rules/$(1)/obj/scsiport/%.o: tests/rules/%.c tests/rules/rules.mk viostor/viostor.mk | tools-driver
	$$(call compile_rule,$(1),scsiport)
$(BUILD)/rules/$(1)/obj/%.o: tests/rules/%.c tests/rules/rules.mk viostor/viostor.mk | tools-driver
	$$(call compile_rule,$(1),storport)

$(BUILD)/rules/$(1)/missing.lib: tests/rules/missing.def | tools-driver
	$$(call missing_library,$(1))
$(BUILD)/rules/$(1)/scsiport/missing.lib: tests/rules/scsiport/missing.def | tools-driver
	$$(call missing_library,$(1))

$(RULE_SCSI_TESTS:%=$(BUILD)/rules/$(1)/scsiport/%.sys): $(BUILD)/rules/$(1)/scsiport/%.sys: \
    $(BUILD)/rules/$(1)/obj/scsiport/%.o $(patsubst %,$(BUILD)/rules/$(1)/obj/scsiport/%.o,$(RULE_BOTH) $(RULE_SCSI_SHARED)) \
    $$(call driver_libraries,$(1),scsiport) $(BUILD)/rules/$(1)/scsiport/missing.lib packaging/set_checksum.py
	$$(call say,LINK    $$@)
	$$(call link_driver,5.01,$(1))

$(RULE_TESTS:%=$(BUILD)/rules/$(1)/%.sys): $(BUILD)/rules/$(1)/%.sys: $(BUILD)/rules/$(1)/obj/%.o \
    $(patsubst %,$(BUILD)/rules/$(1)/obj/%.o,$(RULE_BOTH) $(RULE_SHARED)) $$(call driver_libraries,$(1),storport) \
    $(BUILD)/rules/$(1)/missing.lib packaging/set_checksum.py
	$$(call say,LINK    $$@)
	$$(call link_driver,6.00,$(1))

$(foreach t,$(RULE_TESTS),$(eval $(BUILD)/rules/$(1)/$(t).sys: $(BUILD)/rules/$(1)/obj/$(call rule_memory,$(t)).o))

-include $(patsubst %,$(BUILD)/rules/$(1)/obj/%.d,$(RULE_TESTS) $(RULE_BOTH) $(RULE_SHARED) $(RULE_MEMORY))
-include $(patsubst %,$(BUILD)/rules/$(1)/obj/scsiport/%.d,$(RULE_SCSI_TESTS) $(RULE_BOTH) $(RULE_SCSI_SHARED))
endef
$(foreach a,$(RULE_ARCHS),$(eval $(call RULE_RULES,$(a))))
