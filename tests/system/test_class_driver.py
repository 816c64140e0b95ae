# SPDX-License-Identifier: BSD-3-Clause
"""The disk as applications see it on Windows: through the disk class above the driver."""

import json
import re

import pytest

SCRIPTED = "--device=scripted:transport=modern,offer=DISCARD"
MANUAL = "--clock=manual"
PAGE = 4096


def facts(storhost, *options: str, script: str = "disk start\n") -> dict:
    return json.loads(storhost.script(f"{script}info\n", *options))


# ---- what fails, and how often it is tried --------------------------------------------------------

# By the first block of a READ, what tests/rules/unbroken-answers.c answers, as often as it has blocks; what an
# application gets of it, whether it is sent again, and after how many seconds.
ANSWERS = [
    (64, "ABORTED COMMAND", "io-device-error", 1),
    (65, "MEDIUM ERROR", "device-data-error", None),
    (66, "HARDWARE ERROR", "device-hardware-error", None),
    (67, "UNIT ATTENTION", "io-device-error", 0),
    (68, "ILLEGAL REQUEST", "invalid-device-request", None),
    (69, "NO SENSE", "io-device-error", 0),
    (70, "an error without sense data", "io-device-error", 1),
    (72, "SRB_STATUS_ABORTED", "io-timeout", 1),
    (73, "SRB_STATUS_DATA_OVERRUN", "data-overrun", 0),
    (74, "SRB_STATUS_NO_DEVICE", "no-such-device", None),
]


def answering(storhost, script: str, *options: str) -> str:
    return storhost.script(script, "--vectors=0", MANUAL, "--device=scripted", *options,
                           driver=storhost.rule_driver("unbroken-answers"))


@pytest.mark.parametrize("windows, retries", [("6.1", 8), ("10.0", 4)])
def test_what_the_class_sends_again(storhost, windows, retries):
    """As often as this Windows does, after the time that it waits; one time more is an error to the application."""
    lines = ["disk start", f"check class.io_retries = {retries}"]
    for block, _, status, seconds in ANSWERS:
        if status == "device-hardware-error" and windows == "6.1":  # final only from 8.1 on
            status, seconds = "io-device-error", 0
        if seconds is None:
            lines += [f"disk read {block} 1", f"expect status={status} srbs=1"]
            continue
        for times, result in [(retries, f"ok retries={retries}"),
                              (retries + 1, f"status={status} retries={retries}")]:
            lines += [f"async r disk read {block} {times}", "idle"]
            if seconds:  # not a moment earlier
                lines += [f"clock advance {retries * seconds - 0.5}", "outstanding r 1", "clock advance 1"]
            lines += ["wait r 10", f"expect {result}"]
    lines += ["check class.bad_blocks = 1"]
    answering(storhost, "\n".join(lines), f"--windows={windows}")


def test_a_transient_busy_is_the_port_drivers(storhost):
    """StorPort asks again by itself; the class driver hears nothing of it."""
    answering(storhost, """
        disk start
        async r disk read 71 9
        idle
        clock advance 3
        wait r
        expect ok srbs=1
        check counters.busy = 9
        check class.retries = 0
    """)


def fail_for_a_while(storhost, kind: str, command: str) -> None:
    """One error of the host, and then one that stays."""
    storhost.script(f"""
        disk start
        disk write 0 8 1
        device fault status=ioerr type={kind} times=1
        async r {command}
        idle
        clock advance 2
        wait r
        expect ok retries=1
        disk write 0 8 1
        device fault status=ioerr type={kind} times=all
        async r {command}
        idle
        clock advance 20
        wait r
        expect status=io-device-error
        check class.bad_blocks = 0
    """, MANUAL, SCRIPTED)


@pytest.mark.every_target(few=2)
@pytest.mark.parametrize("kind, command", [("in", "disk read 0 8"), ("out", "disk write 0 8 1"), ("flush", "disk flush")])
def test_an_error_of_the_host_that_passes_is_not_noticed(storhost, kind, command):
    """Windows sends the request again; what lasts is an error, and none of a bad block."""
    fail_for_a_while(storhost, kind, command)


def test_an_error_of_the_host_that_passes_is_not_noticed_by_trim(storhost):
    fail_for_a_while(storhost, "discard", "disk trim 0 8")


@pytest.mark.every_target
def test_an_application_notices_no_reset(storhost):
    """Requests that a reset ends, and the unit attention behind it, are sent again at once."""
    storhost.script("""
        disk start
        device hold all
        async w*8 disk write 0 64 1
        async r*2 disk read 4096 8
        idle
        reset bus
        device release all
        wait w
        expect ok
        wait r
        expect ok
        check class.retries >= 10
        disk verify 0 64 1
    """, MANUAL, SCRIPTED)


@pytest.mark.every_target
def test_a_disk_that_is_gone_is_said_at_once(storhost):
    storhost.script("""
        disk start
        device hold all
        async r*4 disk read 0 8
        idle
        device remove
        surprise-remove
        wait r
        expect status=no-such-device retries=0
    """, MANUAL, SCRIPTED)


# ---- splitting -----------------------------------------------------------------------------------

@pytest.mark.every_target(few=1)
@pytest.mark.parametrize("device", ["seg-max=126", "seg-max=18,size-max=4096", "queue-size=128,seg-max=64"])
def test_requests_are_split_as_published(storhost, device):
    """At the largest transfer; one page earlier than the adapter's pages where a buffer begins within a page."""
    device = f"{SCRIPTED},{device},offer=SIZE_MAX" if "size-max" in device else f"{SCRIPTED},{device}"
    found = facts(storhost, device)
    breaks = found["port"]["physical_breaks"]
    adapter = found["port"]["transfer_bytes"]
    unaligned = max(PAGE, min(adapter, (breaks - 1) * PAGE))
    aligned = min(adapter, unaligned + PAGE)
    assert (found["class"]["largest_aligned"], found["class"]["largest"]) == (aligned, unaligned)
    length = 1 << 20
    storhost.script(f"""
        disk write 0 {length // 512} 1
        expect ok srbs={-(-length // aligned)}
        disk verify 0 {length // 512} 1 unaligned
        expect ok srbs={-(-length // unaligned)}
        disk read 0 {aligned // 512}
        expect ok srbs=1
        disk read 0 {aligned // 512 + 1}
        expect ok srbs=2
    """, device)


def test_what_is_not_on_the_disk_is_not_sent(storhost):
    storhost.script("""
        disk read end-7 8
        expect status=invalid-parameter srbs=0
        disk write end 1 1
        expect status=invalid-parameter srbs=0
        disk read end-8 8
        expect ok
    """, SCRIPTED)


# ---- flush, write-through -------------------------------------------------------------------------

@pytest.mark.every_target
def test_one_flush_is_synchronize_cache_and_an_srb_of_its_own(storhost):
    """One FlushFileBuffers; those that come meanwhile wait and go as one."""
    storhost.script("""
        disk write 0 8 1
        disk flush
        expect ok srbs=2
        check class.synchronize_caches = 1
        check class.srb_flushes = 1
        check device.done.flushes = 1
        disk write 0 8 1
        device hold all
        async first disk flush
        idle
        async f*7 disk flush
        idle
        outstanding f 7
        device release all
        wait first
        wait f
        expect ok srbs=2
        check class.flushes = 9
        check class.synchronize_caches = 3
        check class.srb_flushes = 3
    """, SCRIPTED)


@pytest.mark.every_target
def test_a_failed_synchronize_cache_fails_the_flush(storhost):
    """Though the flush behind it was well: it is tried five times, at once."""
    storhost.script("""
        disk start
        disk write 0 8 1
        device fault status=ioerr type=flush times=5
        disk flush
        expect status=io-device-error srbs=6 retries=4
        disk flush
        expect ok
    """, MANUAL, SCRIPTED)


@pytest.mark.every_target(few=1)
@pytest.mark.parametrize("writeback, flushes", [("on", 1), ("off", 0)])
def test_write_through_is_fua_where_there_is_a_cache(storhost, writeback, flushes):
    """The driver makes it a write and a flush; without a cache nothing is to be flushed."""
    storhost.script(f"""
        disk start
        disk write 0 8 1
        disk write 0 8 2
        check device.done.flushes = 0
        disk write 0 8 3 write-through
        expect ok srbs=1
        check device.done.flushes = {flushes}
        disk verify 0 8 3
    """, f"{SCRIPTED},writeback={writeback}")


# ---- capacity ------------------------------------------------------------------------------------

@pytest.mark.every_target
def test_a_new_capacity_is_read_after_the_unit_attention(storhost):
    """The request that met it is sent again a second later."""
    storhost.script("""
        disk start
        disk write 200000 8 1
        expect status=invalid-parameter
        device resize 262144
        idle
        clock advance 1
        async r disk read 0 8
        idle
        outstanding r 1
        check class.blocks = 262144
        clock advance 0.9
        outstanding r 1
        clock advance 0.2
        wait r
        expect ok srbs=2 retries=1
        check class.capacity_changes = 1
        disk write 200000 8 1
        expect ok
        disk verify 200000 8 1
    """, MANUAL, SCRIPTED)


def test_a_disk_of_more_than_2_tib_has_commands_of_16_bytes(storhost):
    storhost.script("""
        disk start
        check class.use_16_byte_cdb = true
        disk write end-8 8 1
        disk verify end-8 8 1
    """, "--device=scripted:transport=modern,sectors=0x200000000")
    storhost.script("disk start\ncheck class.use_16_byte_cdb = false\n", SCRIPTED)


# ---- TRIM ----------------------------------------------------------------------------------------

def test_trim_becomes_unmap_within_the_limits_of_the_disk(storhost):
    """All ranges in as few commands as the Block Limits page allows."""
    limit = facts(storhost, SCRIPTED)["class"]
    ranges = " ".join(f"{8 * i} 4" for i in range(200))
    assert limit["unmap"]
    storhost.script(f"""
        disk trim {ranges}
        expect ok srbs={-(-200 // limit["unmap_descriptors"])}
        check device.done.discards = 200
        disk trim 0 0
        expect status=invalid-parameter srbs=0
        disk trim end-7 8
        expect status=invalid-parameter srbs=0
    """, SCRIPTED)
    # More blocks than one command takes: cut at exactly its limit.
    large = f"{SCRIPTED},sectors=0x10000000"
    blocks = facts(storhost, large)["class"]["unmap_blocks"]
    storhost.script(f"""
        disk trim 0 {3 * blocks} {4 * blocks} 1
        expect ok srbs=4
        check class.unmaps = 4
    """, large)


def test_trim_that_cannot_be_done(storhost):
    """Without UNMAP; before Windows 8; of a file's own blocks, which would have to read as zeroes (LBPRZ)."""
    storhost.script("disk trim 0 8\nexpect status=not-supported srbs=0\n", "--device=scripted")
    storhost.script("disk trim 0 8\nexpect status=not-supported srbs=0\n", SCRIPTED, "--windows=6.1")
    storhost.script("disk trim 0 8 file-level\nexpect status=trim-read-zero-not-supported srbs=0\n", SCRIPTED)


# ---- the start, and who uses it -------------------------------------------------------------------

def test_what_is_sent_at_the_start(storhost):
    """As published: capacity, the block with the signature, pages, the cache."""
    before = facts(storhost, SCRIPTED, script="")
    after = facts(storhost, SCRIPTED)
    assert "class" not in before
    assert after["counters"]["reads"] - before["counters"]["reads"] == 1
    assert after["class"]["srbs"] == after["counters"]["requests"] - before["counters"]["requests"] == 9
    assert after["class"]["write_cache"] and after["class"]["fua"]


@pytest.mark.every_target(few=1)
def test_run_is_an_application(storhost):
    """Requests of a MiB are split; two requests for the flush at the end."""
    done = storhost.run("--json", "--bytes=4M", "run")
    assert done.returncode == 0, done.stdout
    found = json.loads(re.search(r"^\{.*^\}", done.stdout, re.DOTALL | re.MULTILINE)[0])
    assert found["class"]["synchronize_caches"] == found["class"]["flushes"] == 1
    assert found["class"]["srbs"] > found["class"]["reads"] + found["class"]["writes"]
    assert found["class"]["retries"] == 0
