# Drivers that each break one rule: build/rules/NAME.sys from tests/rules/NAME.c and the miniport
# that they share. Compiled and linked as the driver is (viostor/viostor.mk).

RULE_SHARED := miniport device
# Where the disk lies: in pool, but for Server 2003's.
RULE_MEMORY := memory_pool memory_extension
rule_memory  = $(if $(filter server-2003%,$(1)),memory_extension,memory_pool)
RULE_TESTS  := $(filter-out $(RULE_SHARED) $(RULE_MEMORY),$(patsubst tests/rules/%.c,%,$(sort $(wildcard tests/rules/*.c))))
RULE_DRIVERS := $(RULE_TESTS:%=$(BUILD)/rules/%.sys)

$(BUILD)/rules/obj/%.o: tests/rules/%.c tests/rules/rules.mk viostor/viostor.mk | tools-driver
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CLANG) --target=$(TARGET_x64) $(DRIVER_CFLAGS) -Itests/rules -MMD -MP -c $< -o $@

# What no Windows exports, for the test of imports.
$(BUILD)/rules/missing.lib: tests/rules/missing.def | tools-driver
	@mkdir -p $(@D)
	$(Q)$(LLVM_DLLTOOL) -m $(DLLTOOL_x64) -d $< -l $@

$(RULE_DRIVERS): $(BUILD)/rules/%.sys: $(BUILD)/rules/obj/%.o $(RULE_SHARED:%=$(BUILD)/rules/obj/%.o) \
    $(call driver_libraries,x64,storport) $(BUILD)/rules/missing.lib packaging/set_checksum.py
	$(call say,LINK    $@)
	$(call link_driver,6.00,x64)

$(foreach t,$(RULE_TESTS),$(eval $(BUILD)/rules/$(t).sys: $(BUILD)/rules/obj/$(call rule_memory,$(t)).o))

-include $(patsubst %,$(BUILD)/rules/obj/%.d,$(RULE_TESTS) $(RULE_SHARED) $(RULE_MEMORY))
