# Drivers that each break one rule: build/rules/<arch>/NAME.sys from tests/rules/NAME.c and the
# miniport that they share. Compiled and linked as the driver is (viostor/viostor.mk).

RULE_ARCHS  := x64 x86
RULE_SHARED := miniport device
# Where the disk lies: in pool, but for Server 2003's.
RULE_MEMORY := memory_pool memory_extension
rule_memory  = $(if $(filter server-2003%,$(1)),memory_extension,memory_pool)
RULE_TESTS  := $(filter-out $(RULE_SHARED) $(RULE_MEMORY),$(patsubst tests/rules/%.c,%,$(sort $(wildcard tests/rules/*.c))))
RULE_DRIVERS := $(foreach a,$(RULE_ARCHS),$(RULE_TESTS:%=$(BUILD)/rules/$(a)/%.sys))

# $(1): architecture
define RULE_RULES
$(BUILD)/rules/$(1)/obj/%.o: tests/rules/%.c tests/rules/rules.mk viostor/viostor.mk | tools-driver
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$$(CLANG) --target=$$(TARGET_$(1)) $$(DRIVER_CFLAGS) $$(DRIVER_CFLAGS_$(1)) -Itests/rules -MMD -MP -c $$< -o $$@

# What no Windows exports, for the test of imports. x86 has names with their bytes of arguments.
$(BUILD)/rules/$(1)/missing.lib: tests/rules/missing.def | tools-driver
	@mkdir -p $$(@D)
	$$(Q)sed '$$(if $$(filter-out x86,$(1)),s/@[0-9]*$$$$//)' $$< >$$@.def
	$$(Q)$$(LLVM_DLLTOOL) $$(if $$(filter x86,$(1)),-k) -m $$(DLLTOOL_$(1)) -d $$@.def -l $$@

$(RULE_TESTS:%=$(BUILD)/rules/$(1)/%.sys): $(BUILD)/rules/$(1)/%.sys: $(BUILD)/rules/$(1)/obj/%.o \
    $(RULE_SHARED:%=$(BUILD)/rules/$(1)/obj/%.o) $$(call driver_libraries,$(1),storport) \
    $(BUILD)/rules/$(1)/missing.lib packaging/set_checksum.py
	$$(call say,LINK    $$@)
	$$(call link_driver,6.00,$(1))

$(foreach t,$(RULE_TESTS),$(eval $(BUILD)/rules/$(1)/$(t).sys: $(BUILD)/rules/$(1)/obj/$(call rule_memory,$(t)).o))

-include $(patsubst %,$(BUILD)/rules/$(1)/obj/%.d,$(RULE_TESTS) $(RULE_SHARED) $(RULE_MEMORY))
endef
$(foreach a,$(RULE_ARCHS),$(eval $(call RULE_RULES,$(a))))
