# Drivers that each break one rule: build/rules/NAME.sys from tests/rules/NAME.c and the miniport
# that they share. Compiled and linked as the driver is (viostor/viostor.mk).

RULE_SHARED := miniport device
RULE_TESTS  := $(filter-out $(RULE_SHARED),$(patsubst tests/rules/%.c,%,$(sort $(wildcard tests/rules/*.c))))
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

-include $(patsubst %,$(BUILD)/rules/obj/%.d,$(RULE_TESTS) $(RULE_SHARED))
