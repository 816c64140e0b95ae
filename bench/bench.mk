# Exact counts of what the driver does for a request.
#
#   make counts          a table; PEER=other.sys counts another StorPort miniport for x64 beside it
#   make counts-record   makes today's figures those that "make check" compares with

.PHONY: counts counts-record
counts: driver $(STORHOST)
	@$(PYTHON) bench/counts.py $(if $(PEER),--peer '$(PEER)')

counts-record: driver $(STORHOST)
	@$(PYTHON) bench/counts.py --record
