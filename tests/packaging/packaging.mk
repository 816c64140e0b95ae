# What the tests of installation files and catalogs run: Windows programs, for Wine.

INF_REPORT := $(BUILD)/tests/inf_report.exe

$(INF_REPORT): tests/packaging/inf_report.c tests/packaging/packaging.mk | tools-lint
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(MINGW) -std=c11 -O1 -Wall -Wextra -Werror -o $@ $< -lsetupapi -ladvapi32

CATALOG_REPORT := $(BUILD)/tests/catalog_report.exe

$(CATALOG_REPORT): tests/packaging/catalog_report.c tests/packaging/packaging.mk | tools-lint
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(MINGW) -std=c11 -O1 -Wall -Wextra -Werror -municode -o $@ $< -lwintrust -lcrypt32
