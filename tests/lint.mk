# Checks of the sources themselves: style, static analysis, a second compiler, reproducibility.

.PHONY: lint format driver-gcc reproducible

C_FILES := $(sort $(wildcard viostor/*.[ch] ddk/*.h storhost/*/*.[ch] storhost/*/*/*.[ch] tests/*/*.[ch]))

# Lays all C files out as .clang-format says.
format: tools-lint
	@clang-format-14 -i $(C_FILES)

lint: tools-lint lint-format lint-tidy lint-cppcheck lint-shell

.PHONY: lint-format lint-tidy lint-cppcheck lint-shell
lint-format:
	@clang-format-14 --dry-run --Werror $(C_FILES)

# The driver is checked as the Windows target that it is, the bench as a Linux program.
lint-tidy: $(DRIVER_SOURCES:%.c=$(BUILD)/tidy/%.ok) $(BENCH_SOURCES:%.c=$(BUILD)/tidy/%.ok)

$(BUILD)/tidy/viostor/%.ok: viostor/%.c .clang-tidy | tools-lint
	@mkdir -p $(@D)
	$(call say,TIDY    $<)
	$(Q)clang-tidy-14 --quiet $< -- --target=$(TARGET_x64) $(DRIVER_CFLAGS) 2>/dev/null
	@touch $@

$(BUILD)/tidy/storhost/%.ok: storhost/%.c .clang-tidy | tools-lint
	@mkdir -p $(@D)
	$(call say,TIDY    $<)
	$(Q)clang-tidy-14 --quiet $< -- $(BENCH_CFLAGS) $(BENCH_TARGET_x64) 2>/dev/null
	@touch $@

CPPCHECK := cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
    --inline-suppr --suppress=invalidPrintfArgType_uint --suppress=missingInclude --suppress=missingIncludeSystem -j 2
lint-cppcheck:
	@$(CPPCHECK) --platform=win64 -D_WIN32 -D_M_X64 -D__x86_64__ -Iviostor -Iddk --suppress='*:ddk/*' viostor
	@$(CPPCHECK) --platform=unix64 -Istorhost -D__x86_64__ storhost

lint-shell:
	shellcheck packaging/*.sh .ci/run

# The second compiler: everything compiles by gcc without a warning. The driver that ships is clang's.
GCC_CFLAGS := $(filter-out -gcodeview -ffile-compilation-dir=. -mno-incremental-linker-compatible -mno-implicit-float \
    -Wframe-larger-than=1024,$(DRIVER_CFLAGS)) -Wno-missing-prototypes
driver-gcc: $(DRIVER_SOURCES:viostor/%.c=$(BUILD)/gcc/x64/%.o)

$(BUILD)/gcc/x64/%.o: viostor/%.c | tools-lint
	@mkdir -p $(@D)
	$(call say,GCC     $@)
	$(Q)$(MINGW) $(GCC_CFLAGS) -MMD -MP -c $< -o $@
-include $(wildcard $(BUILD)/gcc/x64/*.d)

# Two clean builds in different directories give identical bytes.
reproducible: tools-driver
	@sh tests/reproducible.sh
