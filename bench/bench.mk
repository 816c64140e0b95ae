# What a request costs: exact counts of the driver, beside another driver and the bare loop.
#
#   make bench                  tables, build/bench/bench.json and plots (build/bench/*.svg)
#   make bench PEER=other.sys   another StorPort miniport for x64 beside it
#   make bench SERIES="depth queues"   only these (bench/bench.py --help lists them)
#   make bench-record           makes today's figures those that "make check" compares with and that
#                               docs/performance.md shows

.PHONY: bench bench-record
bench: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/bench.py $(if $(PEER),--peer '$(PEER)') $(SERIES)

bench-record: tools-bench driver $(STORHOST)
	@$(PYTHON) bench/bench.py --record
