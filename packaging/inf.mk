# The installation files, made of the templates in viostor/ with version and date filled in.
#
#   build/<flavour>/viostor.inf          all processors that the flavour is for
#   build/<flavour>/<arch>/viostor.inf   one processor: goes into the package beside its viostor.sys
#   build/txtsetup.oem                   text-mode Setup (F6) of XP and Server 2003
#
# Version and date stand in VERSION and RELEASE_DATE and nowhere else.

INF_PROCESSORS_wxp  := x86
INF_PROCESSORS_wnet := x86 x64
INF_PROCESSORS_wlh  := x86 x64 arm64
INF_FLAVOURS        := wxp wnet wlh

INF_PACKAGE_FILES := $(foreach f,$(INF_FLAVOURS),$(INF_PROCESSORS_$(f):%=$(BUILD)/$(f)/%/viostor.inf))
INF_FILES         := $(INF_FLAVOURS:%=$(BUILD)/%/viostor.inf) $(INF_PACKAGE_FILES) $(BUILD)/txtsetup.oem
INF_INPUTS        := packaging/make_inf.py packaging/inf.mk VERSION RELEASE_DATE
MAKE_INF          := $(PYTHON) packaging/make_inf.py --version '$(VERSION)' --date '$(RELEASE_DATE)'

.PHONY: inf
inf: tools-driver $(INF_FILES)

# $(1): flavour
define INF_RULES
$$(BUILD)/$(1)/viostor.inf: viostor/$(1).inf $$(INF_INPUTS) | tools-driver
	@mkdir -p $$(@D)
	$$(call say,INF     $$@)
	$$(Q)$$(MAKE_INF) $$< $$@

$$(INF_PROCESSORS_$(1):%=$$(BUILD)/$(1)/%/viostor.inf): $$(BUILD)/$(1)/%/viostor.inf: viostor/$(1).inf $$(INF_INPUTS) | tools-driver
	@mkdir -p $$(@D)
	$$(call say,INF     $$@)
	$$(Q)$$(MAKE_INF) --processor $$* $$< $$@
endef
$(foreach f,$(INF_FLAVOURS),$(eval $(call INF_RULES,$(f))))

$(BUILD)/txtsetup.oem: viostor/txtsetup.oem $(INF_INPUTS) | tools-driver
	@mkdir -p $(@D)
	$(call say,OEM     $@)
	$(Q)$(MAKE_INF) $< $@
