# SPDX-License-Identifier: BSD-3-Clause
"""The part of `make conformance` that every check runs: all reading commands, some suites, one copy."""

import conformance


def test_programs_that_nobody_here_wrote_find_no_fault():
    assert conformance.run(quick=True) == []


def test_every_record_is_that_of_a_command_that_is_run():
    names = {conformance.record_name(line) for line in conformance.READING}
    assert {path.name for path in conformance.RECORDS.iterdir()} == names
