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
    $(DRIVER_LIBRARIES_x64) $(BUILD)/rules/missing.lib packaging/set_checksum.py
	$(call say,LINK    $@)
	$(Q)$(LLD_LINK) /driver /subsystem:native,6.00 /osversion:6.00 /machine:$(MACHINE_x64) \
	    /entry:DriverEntry /nodefaultlib /dynamicbase /nxcompat /align:4096 /opt:ref /incremental:no \
	    /Brepro /out:$@.unsealed $(filter %.o %.lib,$^)
	$(Q)$(PYTHON) packaging/set_checksum.py $@.unsealed $@
	@rm -f $@.unsealed

-include $(patsubst %,$(BUILD)/rules/obj/%.d,$(RULE_TESTS) $(RULE_SHARED))
