# What a request costs: exact counts of the driver, beside another driver and the bare loop; then
# throughput (throughput.mk).
#
#   make bench                  tables, build/bench/*.json and plots (build/bench/*.svg)
#   make bench PEER=other.sys   another StorPort miniport for x64 beside it
#   make bench SERIES="depth queues"   only these counts (bench/bench.py --help lists them)
#   make bench-record           makes today's figures those that "make check" compares with and that
#                               docs/performance.md shows

.PHONY: bench bench-record
bench: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/bench.py $(if $(PEER),--peer '$(PEER)') $(SERIES)
	$(if $(SERIES),,@$(PYTHON) bench/throughput.py $(if $(PEER),--peer '$(PEER)'))

bench-record: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/bench.py --record
