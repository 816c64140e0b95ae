# SPDX-License-Identifier: BSD-3-Clause
"""The driver for Windows XP, and SCSIPort under it: the very file, on the 32-bit bench."""

import json
import re

import pytest

from conftest import BUILD
from serving import Server, command
from targets import Target

# What an application sees, and how commands end, must not depend on the port driver.
from test_class_driver import (  # noqa: F401 (they run here with this file's target)
    test_a_failed_synchronize_cache_fails_the_flush, test_a_new_capacity_is_read_after_the_unit_attention,
    test_an_application_notices_no_reset, test_an_error_of_the_host_that_passes_is_not_noticed,
    test_one_flush_is_synchronize_cache_and_an_srb_of_its_own, test_requests_are_split_as_published,
    test_write_through_is_fua_where_there_is_a_cache)
from test_scsi import (  # noqa: F401 (they run here with this file's target)
    test_an_error_of_the_device_is_one_that_windows_retries, test_answers_of_every_length,
    test_commands_that_are_not_there, test_fua_is_a_write_and_then_a_flush,
    test_residuals, test_sense_buffers_of_every_length, test_sense_names_the_first_block_that_is_not_there,
    test_sense_of_a_miscompare_names_the_first_byte_that_differs,
    test_the_identifier_stays, test_unit_attentions_come_once, test_units_that_are_reported,
    test_verify_of_a_block_that_stays_bad_is_a_medium_error, test_verify_of_a_host_that_fails_for_a_moment)

pytestmark = pytest.mark.parametrize("target", [Target("wxp/x86")], indirect=True, ids=["wxp-x86"])

MANUAL = ["--clock", "manual", "--timeout", "10", "--events"]
SCRIPTED = ["--device", "scripted:transport=modern", *MANUAL]


def test_run_writes_reads_and_compares(storhost):
    done = storhost.run("--bytes", "8M", "run")
    assert done.returncode == 0, done.stdout
    assert "Told to SCSIPort" in done.stdout
    assert "hold what was written last" in done.stdout


def test_what_windows_xp_finds(storhost):
    facts = json.loads(storhost.run("--json", "info").stdout)
    assert facts["port"]["driver"] == "SCSIPort"
    assert facts["port"]["windows"] == "5.1"
    assert facts["port"]["message_vectors"] == 0
    assert facts["port"]["extended_srbs"] is False
    assert facts["port"]["uncached_bytes"] <= 100 * 1024
    assert facts["device"]["queues"] == 1
    assert facts["disk"]["write_cache"] is True


@pytest.mark.parametrize("device", ["legacy", "modern"])
def test_life_cycle(storhost, device):
    storhost.script("""
        write 0 8 1
        verify 0 8 1
        flush
        stop
        restart
        ready
        verify 0 8 1
        power off
        power on
        ready
        verify 0 8 1
        depth 200 random-rw 1000 3 blocks 1-16
        compare
    """, "--transport", device, "--processors", "4")


@pytest.mark.parametrize("scheduler", ["free", "deterministic"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_processors(storhost, scheduler, seed):
    """Requests from all processors, interrupts without cause, scattered data."""
    storhost.script("""
        async a*50 write 0 64 1 scatter 512
        wait a
        verify 0 64 1 scatter 1024
        depth 64 random-rw 500 3 blocks 1-64
        compare
    """, "--processors", "4", "--scheduler", scheduler, "--seed", str(seed), "--shared-line",
                    "--spurious")


def test_scatter_gather_list_of_the_administrator(storhost):
    """MaximumSGList is where NumberOfPhysicalBreaks begins; a driver may only lower it."""
    storhost.script("check port.physical_breaks <= 20\nwrite 0 32 1\nverify 0 32 1",
                    "--parameter", "MaximumSGList=20")


def test_driver_parameter(storhost):
    """SCSIPort lets no miniport read the registry: DriverParameter comes as ArgumentString."""
    printed = storhost.script("write 0 8 1", "--parameter", "DriverParameter=DebugLevel=3")
    assert "viostor: started: modern" in printed
    assert "viostor: " not in storhost.script("write 0 8 1")


def test_every_srb_function_comes_back(storhost):
    storhost.script("\n".join(f"srb {function}\nexpect "
                              "srb=success|invalid-request|bad-function|no-device|bus-reset"
                              for function in range(1, 256)))


def test_throttled_disk_resets_the_bus_and_goes_on(storhost):
    printed = storhost.script("""
        write 0 8 1
        hold
        async held*20 write 1000 8 2
        clock advance 11
        wait held 20
        expect srb=bus-reset|aborted|success|timeout
        release
        cdb 00 00 00 00 00 00
        expect sense=6/29/2
        check counters.bus_resets = 1
        check counters.unit_resets = 0
        write 1000 8 3
        verify 1000 8 3
        verify 0 8 1
        depth 32 random-write 200 5 blocks 1-16
        compare
    """, *MANUAL)
    held = re.search(r"unique id 0x0008([0-9a-f]{4})", printed)  # VioEventReset
    assert held and int(held[1], 16) > 0, printed


def test_device_that_never_answers(storhost):
    storhost.script("""
        device hold all
        async held*40 write 0 8 1
        idle
        clock advance 11
        wait held 20
        expect srb=bus-reset|aborted|timeout
        device release all
        ready
        write 0 8 2
        verify 0 8 2
    """, *SCRIPTED)


@pytest.mark.parametrize("kind, request_line", [("out", "write 8 8 2"), ("in", "read 8 8")])
def test_errors_of_the_host(storhost, kind, request_line):
    storhost.script(f"""
        write 0 8 1
        device fault status=ioerr type={kind}
        {request_line}
        expect srb=error scsi=check-condition sense=b/00/06
        {request_line}
        verify 0 8 1
    """, *SCRIPTED)


def test_device_that_hangs_in_its_reset(storhost):
    """What it holds comes back once the reset has ended, what waits in the driver with each reset."""
    storhost.script("""
        write 0 8 1
        device hold all
        async held*4 read 0 8
        idle
        device set reset-reads=never
        clock advance 11
        idle
        outstanding held 4
        device set reset-reads=0
        device end-reset
        clock advance 2
        wait held 20
        expect srb=bus-reset
        device release all
        ready
        verify 0 8 1
        depth 64 random-rw 200 4 blocks 1-16
    """, *SCRIPTED)


def test_device_that_needs_a_reset(storhost):
    """The driver's reset runs in its timer routine, as an interrupt routine is too short for it."""
    storhost.script("""
        device hold all
        async held*8 write 0 8 1
        device needs-reset
        idle
        clock advance 1
        wait held 20
        expect srb=bus-reset|success
        device release all
        ready
        write 0 8 2
        verify 0 8 2
        check counters.timeouts = 0
    """, *SCRIPTED)


def test_reset_under_load(storhost):
    storhost.script("""
        async load depth 64 random-write 2000 3 blocks 1-16 retry
        reset bus
        reset bus
        reset bus
        wait load 60
        reset bus
        cdb 00 00 00 00 00 00
        expect sense=6/29/2
        depth 32 random-rw 200 4 blocks 1-16
        compare
    """, "--processors", "4", "--scheduler", "free")


def test_only_the_bus_can_be_reset(storhost):
    """SCSIPort has no reset of a unit or target."""
    storhost.script("reset unit\nexpect failed\nreset target\nexpect failed\nwrite 0 8 1")


@pytest.mark.parametrize("device", ["qemu", "scripted:transport=modern"])
def test_surprise_removal_with_requests_in_flight(storhost, device):
    hold = "hold" if device == "qemu" else "device hold all"
    storhost.script(f"""
        write 0 8 1
        {hold}
        async held*20 write 100 8 2
        surprise-remove
        wait held 30
        expect srb=no-device|success|error|bus-reset
    """, "--device", device)


def test_fio_verifies_what_it_wrote(target, tmp_path):
    with Server(target, tmp_path) as server:
        printed = command("fio", "--name=verify", "--ioengine=nbd", f"--uri={server.uri}",
                          "--rw=randrw", "--bs=4k", "--iodepth=32", "--size=16M",
                          "--verify=crc32c", "--do_verify=1", cwd=tmp_path)
    assert "err= 0" in printed


@pytest.mark.parametrize("options, why", [
    (["--windows=10.0"], "its Windows is XP"),
    (["--vectors=2"], "no message-signaled interrupts"),
    (["--srb=extended"], "no extended SRBs"),
    (["--refuse-dpc"], "no DPC services"),
    (["--refuse-passive"], "no passive initialization"),
])
def test_options_that_are_not_for_scsiport(storhost, options, why):
    done = storhost.run(*options, "info")
    assert done.returncode == 1
    assert why in done.stdout
    assert done.stdout.count("\n") == 1, done.stdout


def test_storport_is_not_in_windows_xp(storhost):
    done = storhost.run("--windows=5.1", "info", driver=BUILD / "wnet/x86/viostor.sys")
    assert done.returncode == 1
    assert "Windows XP has no storport.sys" in done.stdout


@pytest.mark.parametrize("old, new, why", [
    (b"scsiport.sys", b"floppies.sys", "imports neither from storport.sys nor from scsiport.sys"),
    (b"ntoskrnl.exe", b"storport.sys", "imports from storport.sys and from scsiport.sys"),
])
def test_a_driver_of_no_or_two_port_drivers(storhost, tmp_path, old, new, why):
    image = (BUILD / "wxp/x86/viostor.sys").read_bytes()
    assert old in image
    other = tmp_path / "other.sys"
    other.write_bytes(image.replace(old, new))
    done = storhost.run("info", driver=other)
    assert done.returncode == 1
    assert why in done.stdout
