# Exact counts of what the driver does for a request.
#
#   make bench           a table; PEER=other.sys counts another StorPort miniport for x64 beside it
#   make counts          the same
#   make counts-record   makes today's figures those that "make check" compares with

.PHONY: bench counts counts-record
bench counts: driver $(STORHOST)
	@$(PYTHON) bench/counts.py $(if $(PEER),--peer '$(PEER)')

counts-record: driver $(STORHOST)
	@$(PYTHON) bench/counts.py --record
