# SPDX-License-Identifier: BSD-3-Clause
# The interface headers in ddk/, and the proof that they describe Windows' interfaces.
#
#   check-ddk   layouts and values, compiled for every target that the project has
#   wdk-check   driver and assertions, compiled unchanged against Microsoft's headers:
#               make wdk-check WDK_INCLUDE=DIR[:DIR...]
#               (of a WDK: .../Include/<version>/km, .../shared, .../km/crt, .../ucrt)

# For targets of Windows: ddk/ takes the place of every other Windows header.
DDK_WINDOWS_FLAGS := -ffreestanding -isystem ddk
# For Linux: the same headers; wide strings have 16 bits as on Windows.
DDK_NATIVE_FLAGS  := -fshort-wchar -Iddk

DDK_HEADERS      := $(wildcard ddk/*.h)
DDK_CHECK_FLAGS  := -std=gnu11 -Wall -Wextra -Werror -fsyntax-only
DDK_CHECKS       := tests/ddk/layout.c tests/ddk/layout_scsiport.c
DDK_CHECKS_ARM64 := tests/ddk/layout.c

DDK_STAMPS := $(addprefix build/ddk/,clang-x64 clang-x86 clang-arm64 mingw-x64 mingw-x86 \
                gcc-native clang-native gcc-native-x86 gcc-native-arm64)

.PHONY: check-ddk wdk-check

check-ddk: $(DDK_STAMPS) build/ddk/bitfields
	build/ddk/bitfields

build/ddk/%: DDK_SOURCES = $(DDK_CHECKS)
build/ddk/clang-x64: DDK_COMPILE = $(CLANG) --target=x86_64-pc-windows-msvc $(DDK_WINDOWS_FLAGS)
build/ddk/clang-x86: DDK_COMPILE = $(CLANG) --target=i686-pc-windows-msvc $(DDK_WINDOWS_FLAGS)
build/ddk/clang-arm64: DDK_COMPILE = $(CLANG) --target=aarch64-pc-windows-msvc $(DDK_WINDOWS_FLAGS)
build/ddk/clang-arm64: DDK_SOURCES = $(DDK_CHECKS_ARM64)
build/ddk/mingw-x64: DDK_COMPILE = $(MINGW) $(DDK_WINDOWS_FLAGS)
build/ddk/mingw-x86: DDK_COMPILE = $(MINGW32) $(DDK_WINDOWS_FLAGS)
build/ddk/gcc-native: DDK_COMPILE = $(CC) $(DDK_NATIVE_FLAGS)
build/ddk/gcc-native-x86: DDK_COMPILE = $(BENCH_CC_x86) $(DDK_NATIVE_FLAGS)
build/ddk/gcc-native-arm64: DDK_COMPILE = $(BENCH_CC_arm64) $(DDK_NATIVE_FLAGS)
build/ddk/gcc-native-arm64: DDK_SOURCES = $(DDK_CHECKS_ARM64)
build/ddk/clang-native: DDK_COMPILE = $(CLANG) $(DDK_NATIVE_FLAGS)

$(DDK_STAMPS): $(DDK_CHECKS) $(DDK_HEADERS) ddk/ddk.mk
	@mkdir -p $(@D)
	@command -v $(firstword $(DDK_COMPILE)) >/dev/null || \
	  { echo "check-ddk: $(firstword $(DDK_COMPILE)) is missing; run: make setup" >&2; exit 1; }
	@for source in $(DDK_SOURCES); do \
	  $(DDK_COMPILE) $(DDK_CHECK_FLAGS) $$source || exit 1; \
	done
	@touch $@
	@echo "check-ddk: $(@F): ok"

build/ddk/bitfields: tests/ddk/bitfields.c $(DDK_HEADERS) ddk/ddk.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -Werror -O1 $(DDK_NATIVE_FLAGS) -o $@ $<

# Microsoft's headers expect Microsoft's compiler: clang in its compatibility mode, quiet about
# what it would not accept in sources of our own.
WDK_DIRS  = $(subst :, ,$(WDK_INCLUDE))
WDK_FLAGS = --target=x86_64-pc-windows-msvc -std=gnu11 -ffreestanding -fms-compatibility \
            -fms-extensions -fms-compatibility-version=19.29 -fsyntax-only \
            -D_AMD64_ -D_WIN64 -DNTDDI_VERSION=0x0A000006 -D_WIN32_WINNT=0x0A00 \
            -DWINVER=0x0A00 -DPOOL_NX_OPTIN=1 $(addprefix -isystem ,$(WDK_DIRS))
WDK_SOURCES = $(wildcard viostor/*.c) $(DDK_CHECKS_ARM64)

wdk-check:
	@test -n "$(WDK_INCLUDE)" || { echo "wdk-check: say where Microsoft's headers are:" \
	  "make wdk-check WDK_INCLUDE=DIR[:DIR...]" >&2; exit 1; }
	@for dir in $(WDK_DIRS); do test -d "$$dir" || \
	  { echo "wdk-check: no such directory: $$dir (from WDK_INCLUDE)" >&2; exit 1; }; done
	@found=; for dir in $(WDK_DIRS); do test -f "$$dir/storport.h" && found=1; done; \
	  test -n "$$found" || { echo "wdk-check: storport.h is in none of: $(WDK_DIRS);" \
	  "WDK_INCLUDE must name the WDK's km directory too" >&2; exit 1; }
	@status=0; $(foreach s,$(WDK_SOURCES),$(call wdk_compile,$(s))) exit $$status

define wdk_compile
if $(CLANG) $(WDK_FLAGS) -Iviostor $(DRIVER_DEFINES) $(call source_flags,$(1)) $(1); \
	then echo "wdk-check: $(1): ok"; \
	else echo "wdk-check: $(1): FAILED" >&2; status=1; fi;
endef
