# Checks of the sources themselves: style, static analysis, a second compiler, reproducibility.

.PHONY: lint format driver-gcc reproducible

C_FILES := $(sort $(wildcard viostor/*.[ch] ddk/*.h packaging/*.c storhost/*/*.[ch] storhost/*/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]))

# Lays all C files out as .clang-format says.
format: tools-lint
	@clang-format-14 -i $(C_FILES)

lint: tools-lint lint-format lint-tidy lint-cppcheck lint-shell

.PHONY: lint-format lint-tidy lint-cppcheck lint-shell
lint-format:
	@clang-format-14 --dry-run --Werror $(C_FILES)

# The driver is checked as the Windows target that it is, the bench as a Linux program.
lint-tidy: $(DRIVER_SOURCES:%.c=$(BUILD)/tidy/%.ok) $(BENCH_SOURCES:%.c=$(BUILD)/tidy/%.ok)

# What of the bench is another processor's own, as a program for it: $(1) architecture, $(2) clang's name.
define TIDY_RULES
TIDY_$(1) := $$(filter-out $$(BENCH_SOURCES_x64),$$(BENCH_SOURCES_$(1)))
lint-tidy: $$(TIDY_$(1):%.c=$$(BUILD)/tidy/$(1)/%.ok)

$$(BUILD)/tidy/$(1)/%.ok: %.c .clang-tidy | tools-lint $$(call bench_ready,$(1))
	@mkdir -p $$(@D)
	$$(call say,TIDY    $$<)
	$$(Q)clang-tidy-14 --quiet $$< -- --target=$(2) $$(BENCH_CFLAGS) $$(filter-out -freg-struct-return,$$(BENCH_TARGET_$(1))) \
	    -isystem $$(BENCH_CROSS_$(1))/include 2>/dev/null
	@touch $$@
endef
$(eval $(call TIDY_RULES,x86,i686-linux-gnu))
$(eval $(call TIDY_RULES,arm64,aarch64-linux-gnu))

$(BUILD)/tidy/viostor/%.ok: viostor/%.c .clang-tidy | tools-lint
	@mkdir -p $(@D)
	$(call say,TIDY    $<)
	$(Q)clang-tidy-14 --quiet $< -- --target=$(TARGET_x64) $(DRIVER_CFLAGS) $(call source_flags,$<) 2>/dev/null
	@touch $@

$(BUILD)/tidy/storhost/%.ok: storhost/%.c .clang-tidy | tools-lint
	@mkdir -p $(@D)
	$(call say,TIDY    $<)
	$(Q)clang-tidy-14 --quiet $< -- $(BENCH_CFLAGS) $(BENCH_TARGET_x64) 2>/dev/null
	@touch $@

CPPCHECK := cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
    --inline-suppr --suppress=invalidPrintfArgType_uint --suppress=missingInclude --suppress=missingIncludeSystem -j 2
lint-cppcheck:
	@$(CPPCHECK) --platform=win64 -D_WIN32 -D_M_X64 -D__x86_64__ -Iviostor -Iddk --suppress='*:ddk/*' \
	    $(sort $(DRIVER_SOURCES_wlh) $(DRIVER_SOURCES_wnet))
	@$(CPPCHECK) --platform=win32A -D_WIN32 -D_M_IX86 -D__i386__ -DVIOSTOR_SCSIPORT -Iviostor -Iddk \
	    --suppress='*:ddk/*' $(DRIVER_SOURCES_wxp)
	@$(CPPCHECK) --platform=unix64 -Istorhost -D__x86_64__ storhost
	@$(CPPCHECK) --platform=unix64 -Istorhost -Istorhost/machine/arm64 -D__aarch64__ $(TIDY_arm64)
	@$(CPPCHECK) --platform=unix32 -Istorhost -Istorhost/machine/intel -Istorhost/machine/x86 -D__i386__ $(TIDY_x86)

lint-shell:
	shellcheck packaging/*.sh tests/*.sh .ci/run

# The second compiler: every flavour compiles by gcc without a warning, where there is a gcc for its
# processor. The driver that ships is clang's.
GCC_x64 := $(MINGW)
GCC_x86 := $(MINGW32)
GCC_TARGETS := $(filter-out %/arm64,$(DRIVER_TARGETS))
GCC_CFLAGS := $(filter-out -gcodeview -ffile-compilation-dir=. -mno-incremental-linker-compatible -mno-implicit-float \
    -Wframe-larger-than=1024,$(DRIVER_CFLAGS)) -Wno-missing-prototypes

# $(1): flavour/arch, $(2): flavour, $(3): arch
define GCC_RULES
driver-gcc: $(DRIVER_SOURCES_$(2):viostor/%.c=$(BUILD)/gcc/$(1)/%.o)

$(BUILD)/gcc/$(1)/%.o: viostor/%.c tests/lint.mk viostor/viostor.mk | tools-lint
	@mkdir -p $$(@D)
	$$(call say,GCC     $$@)
	$$(Q)$$(GCC_$(3)) $$(GCC_CFLAGS) $$(DRIVER_CFLAGS_$(2)) -MMD -MP -c $$< -o $$@
-include $(DRIVER_SOURCES_$(2):viostor/%.c=$(BUILD)/gcc/$(1)/%.d)
endef
$(foreach t,$(GCC_TARGETS),$(eval $(call GCC_RULES,$(t),$(patsubst %/,%,$(dir $(t))),$(notdir $(t)))))

# Two clean builds in different directories give identical bytes.
reproducible: tools-driver tools-package tools-deb tools-rpm
	@sh tests/reproducible.sh
