# The tests. Units: tests/unit/test_*.c, cmocka, one executable each.
#
# A test that names its sources in a line "SOURCES: a.c b.c" in its first comment is built from
# them twice: by gcc, and by clang with address and undefined-behaviour sanitizers. One without is
# linked with the whole bench (build/libstorhost.a) and built by gcc only, as the bench's own
# handling of faults and AddressSanitizer's exclude each other. @ARCH@ in a path stands for the
# folder of an architecture.

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
# $(call unit_sources,TEST,ARCH)
unit_sources = $(subst @ARCH@,$(2),$(shell sed -n 's|.*SOURCES: *\(.*[^ ]\) *\*/.*|\1|p' tests/unit/$(1).c))
# $(call unit_flags,ARCH): headers in tests/unit/ARCH are found without their folder.
unit_flags = -std=gnu11 -g -O1 -D_GNU_SOURCE -pthread -Itests/unit -Itests/unit/$(1) -Iviostor -Istorhost -isystem ddk \
    $(BENCH_TARGET_$(1)) $(DRIVER_DEFINES) -DSTORHOST_VERSION='"$(VERSION)"' -Wall -Wextra -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

UNIT_SELF_CONTAINED := $(foreach t,$(UNIT_TESTS),$(if $(call unit_sources,$(t),x64),$(t)))
UNIT_WITH_BENCH := $(filter-out $(UNIT_SELF_CONTAINED),$(UNIT_TESTS))
UNIT_PROGRAMS := $(UNIT_TESTS:%=$(BUILD)/unit/%) $(UNIT_SELF_CONTAINED:%=$(BUILD)/unit-sanitized/%)

define UNIT_RULES
$(BUILD)/unit/$(1): tests/unit/$(1).c $(call unit_sources,$(1),x64) tests/tests.mk | tools-check
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$$(CC) $$(call unit_flags,x64) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c,$$^) -lcmocka $$(BENCH_LIBS_x64)
$(BUILD)/unit-sanitized/$(1): tests/unit/$(1).c $(call unit_sources,$(1),x64) tests/tests.mk | tools-check
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$$(CLANG) $$(call unit_flags,x64) $$(SANITIZE) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c,$$^) -lcmocka $$(BENCH_LIBS_x64)
-include $(BUILD)/unit/$(1).d $(BUILD)/unit-sanitized/$(1).d
endef
$(foreach t,$(UNIT_SELF_CONTAINED),$(eval $(call UNIT_RULES,$(t))))

$(UNIT_WITH_BENCH:%=$(BUILD)/unit/%): $(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libstorhost.a tests/tests.mk | tools-check
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(call unit_flags,x64) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libstorhost.a -lcmocka $(BENCH_LIBS_x64)
-include $(UNIT_WITH_BENCH:%=$(BUILD)/unit/%.d)

# For other processors: build/ARCH/unit/test_*, with the driver's sources that they name and all of
# the bench. One in tests/unit/ARCH/ takes the place of the one of its name.
UNIT_ARCHS := x86 arm64
# One makes a file of x64 or x86 and runs it, the other needs a processor that steps.
UNIT_EXCEPT_arm64 := test_pe_image test_count
unit_source = $(or $(wildcard tests/unit/$(1)/$(2).c),tests/unit/$(2).c $(filter viostor/%,$(call unit_sources,$(2),$(1))))

# $(1): architecture
define UNIT_ARCH_RULES
UNIT_TESTS_$(1) := $$(sort $$(filter-out $$(UNIT_EXCEPT_$(1)),$$(UNIT_TESTS)) $$(patsubst tests/unit/$(1)/%.c,%,$$(wildcard tests/unit/$(1)/test_*.c)))
UNIT_PROGRAMS_$(1) := $$(UNIT_TESTS_$(1):%=$(BENCH_OUT_$(1))/unit/%)
$$(foreach t,$$(UNIT_TESTS_$(1)),$$(eval $(BENCH_OUT_$(1))/unit/$$(t): $$(call unit_source,$(1),$$(t))))

$$(UNIT_PROGRAMS_$(1)): $(BENCH_OUT_$(1))/libstorhost.a tests/tests.mk | tools-check $(call bench_ready,$(1))
	@mkdir -p $$(@D)
	$$(call say,CC      $$@)
	$$(Q)$(BENCH_CC_$(1)) $$(call unit_flags,$(1)) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c,$$^) $(BENCH_OUT_$(1))/libstorhost.a \
	    $(BENCH_LDFLAGS_$(1)) -lcmocka $(BENCH_LIBS_$(1))
-include $$(UNIT_PROGRAMS_$(1):%=%.d)
endef
$(foreach a,$(UNIT_ARCHS),$(eval $(call UNIT_ARCH_RULES,$(a))))

.PHONY: unit $(UNIT_ARCHS:%=unit-%)
unit: tools-check $(UNIT_PROGRAMS) $(UNIT_ARCHS:%=unit-%)
$(UNIT_ARCHS:%=unit-%): unit-%: tools-check
$(foreach a,$(UNIT_ARCHS),$(eval unit-$(a): $(UNIT_PROGRAMS_$(a))))
unit-x86: $(BUILD)/x86/runner

# Everything, by pytest, which also runs the unit tests' programs; as many tests at once as there are
# processors (TEST_JOBS), or those that TESTS names, one after the other.
TEST_JOBS ?= $(shell nproc)
PYTEST := $(PYTHON) -m pytest -c tests/pytest.ini -q $(if $(TESTS),'$(TESTS)',-n $(TEST_JOBS) tests)

.PHONY: check check-full check-built
check: check-built
	@$(PYTEST)

check-full: check-built
	@$(PYTEST) --full

# What the tests run.
check-built: tools-run tools-check tools-bench tools-lint tools-package tools-sign tools-deb tools-rpm driver inf \
    $(INF_REPORT) $(CATALOG_REPORT) storhost storhost-x86 storhost-arm64 unit check-ddk rules

# The miniports that each break one rule: tests/rules/rules.mk.
.PHONY: rules
rules: $(RULE_DRIVERS)
