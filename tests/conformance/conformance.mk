# Programs that nobody here wrote judge the disk.
#
#   make conformance          all of them; prints a table of families
#   make conformance-record   writes the records of the reading commands anew
#
# "make check" runs a part of it (tests/conformance/test_conformance.py).

.PHONY: conformance conformance-record
conformance: tools-run tools-check driver storhost
	@$(PYTHON) tests/conformance/conformance.py

conformance-record: tools-run tools-check driver storhost
	@$(PYTHON) tests/conformance/conformance.py --record
