# Throughput over qemu-storage-daemon, as ratios within one run.
#
#   make throughput                  tables, build/bench/throughput.json and plots, in a few minutes
#   make throughput PEER=other.sys   another StorPort miniport for x64 in the same turns
#   make throughput-record           makes today's figures those that docs/performance.md shows

.PHONY: throughput throughput-record
throughput: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/throughput.py $(if $(PEER),--peer '$(PEER)')

throughput-record: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/throughput.py --record
