# The bench: build/storhost, the nbdkit plugin and the SG preload library.

BENCH_WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
BENCH_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -pthread -Istorhost -isystem ddk \
    -DSTORHOST_VERSION='"$(VERSION)"' $(BENCH_WARNINGS)
BENCH_LIBS := -pthread -lZydis -ljansson -lm

BENCH_SOURCES := $(filter-out storhost/ways/nbdkit/% storhost/ways/sg/%,\
    $(sort $(wildcard storhost/*/*.c storhost/*/*/*.c)))
BENCH_OBJECTS := $(BENCH_SOURCES:%.c=$(BUILD)/bench/%.o)
BENCH_MAIN    := $(BUILD)/bench/storhost/ways/main.o

STORHOST := $(BUILD)/storhost
NBDKIT_PLUGIN := $(BUILD)/nbdkit-storhost-plugin.so
SG_PRELOAD := $(BUILD)/libstorhost-sg.so

.PHONY: bench run serve
bench: tools-bench $(STORHOST) $(NBDKIT_PLUGIN) $(SG_PRELOAD)

$(BUILD)/bench/%.o: %.c storhost/storhost.mk VERSION | tools-bench
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(BENCH_CFLAGS) -MMD -MP -c $< -o $@

# Everything but main(), for unit tests to link with.
$(BUILD)/libstorhost.a: $(filter-out $(BENCH_MAIN),$(BENCH_OBJECTS))
	$(call say,AR      $@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(STORHOST): $(BENCH_MAIN) $(BUILD)/libstorhost.a
	$(call say,CC      $@)
	$(Q)$(CC) -o $@ $(BENCH_MAIN) -Wl,--whole-archive $(BUILD)/libstorhost.a -Wl,--no-whole-archive $(BENCH_LIBS)

WAYS_PROTOCOL := storhost/ways/client.c storhost/ways/protocol.c

$(NBDKIT_PLUGIN): $(wildcard storhost/ways/nbdkit/*.c) $(WAYS_PROTOCOL) | tools-bench
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -o $@ $(filter %.c,$^)

$(SG_PRELOAD): $(wildcard storhost/ways/sg/*.c) $(WAYS_PROTOCOL) | tools-bench
	@mkdir -p $(@D)
	$(call say,CC      $@)
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -o $@ $(filter %.c,$^) -ldl

-include $(BENCH_OBJECTS:.o=.d) $(NBDKIT_PLUGIN).d $(SG_PRELOAD).d

DRIVER ?= $(BUILD)/wlh/x64/viostor.sys
QEMU_DEVICE ?=
# What `make run` shows unless QEMU_DEVICE says otherwise.
DEMO_DEVICE := num-queues=2,serial=viostor-demo

run: tools-run driver bench
	@$(STORHOST) --driver $(DRIVER) --qemu-device '$(or $(QEMU_DEVICE),$(DEMO_DEVICE))' run

serve: tools-run driver bench
	@test -n '$(IMAGE)' || { echo "Say which disk: make serve IMAGE=disk.qcow2" >&2; exit 2; }
	@$(STORHOST) --driver $(DRIVER) --image '$(IMAGE)' $(if $(QEMU_DEVICE),--qemu-device '$(QEMU_DEVICE)') serve
