# SPDX-License-Identifier: BSD-3-Clause
"""Each Windows that storhost plays answers a miniport what that Windows answers.

The two miniports (tests/rules) print what they are given as lines "name value".
"""

import re

import pytest

ALL = ["5.2", "6.0", "6.1", "6.2", "6.3", "10.0"]

SUCCESS, NOT_IMPLEMENTED, INVALID_PARAMETER = 0, 0xC1000002, 0xC1000006
REVISION_MISMATCH = 0xC0000059
UNINITIALIZED = 0xFFFFFFFF
UNTOUCHED = 0x5A5A5A5A

# By version, in the order of ALL; None: the structure ends before that field.
CONFIGURATION = {
    "StorPortInitialize": [REVISION_MISMATCH] * 3 + [SUCCESS] * 3,
    "Length": [152, 200, 208, 224, 224, 224],
    "MaximumTransferLength": [UNINITIALIZED] * 6,
    "NumberOfPhysicalBreaks": [0x11] * 6,
    "NumberOfBuses": [0] * 6,
    "ScatterGather": [0, 0, 1, 1, 1, 1],
    "Master": [0, 0, 1, 1, 1, 1],
    "CachesData": [0] * 6,
    "Dma64BitAddresses": [0x80] * 6,
    "WmiDataProvider": [1] * 6,
    "SynchronizationModel": [0] * 6,
    "InterruptSynchronizationMode": [None] + [0] * 5,
    "MaxNumberOfIO": [None, None] + [1000] * 4,
    "MaxIOsPerLun": [None] * 3 + [255] * 3,
    "InitialLunQueueDepth": [None] * 3 + [20] * 3,
    "AsyncNotificationDetected": [UNTOUCHED] * 3 + [SUCCESS] * 3,
    "Depth254": [1] * 6,
    "Depth255": [0, 0, 0, 1, 1, 1],
}

FUNCTIONS = {
    "PerfVersion": [None, 2, 3, 4, 4, 5],
    "ConcurrentChannels": [None, 0, 1, 1, 1, 1],  # of Windows 7: offered, and not to be asked for
    "GetMSIInfo": [None] + [INVALID_PARAMETER] * 5,  # the miniport takes no messages
    "GetActiveGroupCount": [None, NOT_IMPLEMENTED] + [SUCCESS] * 4,
    "QueryPerformanceCounter": [None] + [NOT_IMPLEMENTED] * 2 + [SUCCESS] * 3,
    "IsCurrentOsInstallationUpgrade": [None] + [NOT_IMPLEMENTED] * 3 + [SUCCESS] * 2,
    "GetProcessorCount": [None] + [NOT_IMPLEMENTED] * 4 + [SUCCESS],
}


def told(storhost, driver: str, version: str, *options: str) -> dict[str, int]:
    """What the miniport printed."""
    done = storhost.run(f"--windows={version}", *options, "script", "-",
                        stdin="read 0 1\nreset bus\nready\n",
                        driver=storhost.rule_driver(driver))
    assert done.returncode == 0, done.stdout
    return {name: int(value, 16)
            for name, value in re.findall(r"^driver: (\w+) (0x[0-9a-f]+)$", done.stdout, re.M)}


def expected(table: dict[str, list], version: str) -> dict[str, int]:
    column = {name: values[ALL.index(version)] for name, values in table.items()}
    return {name: value for name, value in column.items() if value is not None}


@pytest.mark.parametrize("version", ALL)
def test_configuration(storhost, version):
    answers = told(storhost, "server-2003", version)
    answers.pop("PnP", None)
    assert answers == expected(CONFIGURATION, version)


@pytest.mark.parametrize("version", ALL[1:])
def test_functions(storhost, version):
    assert told(storhost, "versions", version) == expected(FUNCTIONS, version)


def test_server_2003_may_send_no_pnp(storhost):
    """Nothing says which PnP requests come there: it depends on the seed."""
    answers = [told(storhost, "server-2003", "5.2", f"--seed={seed}") for seed in range(1, 9)]
    assert len({answer.get("PnP") for answer in answers}) > 1


def test_server_2003_has_no_messages(storhost):
    done = storhost.run("--windows=5.2", "--vectors=3", "script", "-",
                        stdin="check port.message_vectors = 0\n",
                        driver=storhost.rule_driver("server-2003"))
    assert done.returncode == 0, done.stdout


def test_extended_requests_are_refused(storhost):
    done = storhost.run("--windows=5.2", "--srb=extended", "info",
                        driver=storhost.rule_driver("server-2003"))
    assert done.returncode == 1
    assert "extended SRBs are asked for" in done.stdout


def unit_controls(storhost, version: str, script: str) -> list[str]:
    """What HwUnitControl was called for, beside the first request and SRB_FUNCTION_POWER."""
    done = storhost.run(f"--windows={version}", "script", "-", stdin=script, driver=storhost.rule_driver("unit-control"))
    assert done.returncode == 0, done.stdout
    return re.findall(r"^driver: (\w+(?: \d+)+)$", done.stdout, re.M)


QUERY, START, POWER, REMOVE, SURPRISE_REMOVAL = 0, 2, 3, 9, 10
ADDRESS_BYTES = 4  # STOR_ADDR_BTL8_ADDRESS_LENGTH
D3 = 4  # of STOR_DEVICE_POWER_STATE


@pytest.mark.parametrize("version, types", [("6.2", 9), ("6.3", 11), ("10.0", 12)])
def test_unit_control(storhost, version, types):
    """From Windows 8 on: asked before the first request, then told of the unit's life; and power comes this
    way, no more as a request. Windows 8 knows no removals."""
    beginning = [f"unit {QUERY} {types}", "request 0 0", f"unit {START} {ADDRESS_BYTES}"]
    removals = types > SURPRISE_REMOVAL
    assert unit_controls(storhost, version, "read 0 1\npower off\n") == beginning + [f"unit {POWER} {D3}"]
    assert (unit_controls(storhost, version, "read 0 1\nremove\n") ==
            beginning + [f"unit {REMOVE} {ADDRESS_BYTES}"] * removals)
    assert (unit_controls(storhost, version, "read 0 1\nsurprise-remove\n") ==
            beginning + [f"unit {SURPRISE_REMOVAL} {ADDRESS_BYTES}"] * removals)


@pytest.mark.parametrize("version", ["6.0", "6.1"])
def test_no_unit_control_before_windows_8(storhost, version):
    assert unit_controls(storhost, version, "read 0 1\npower off\n") == ["request 0 0", "power 0 0"]
    assert unit_controls(storhost, version, "read 0 1\nsurprise-remove\n") == ["request 0 0"]
