# What the tests of the installation files run: a Windows program, for Wine.

INF_REPORT := $(BUILD)/tests/inf_report.exe

$(INF_REPORT): tests/packaging/inf_report.c tests/packaging/packaging.mk | tools-lint
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(MINGW) -std=c11 -O1 -Wall -Wextra -Werror -o $@ $< -lsetupapi -ladvapi32
