# SPDX-License-Identifier: BSD-3-Clause
"""What is asked beyond SCSI: SRB functions, the driver's own control code, changes of the disk."""

import struct

import pytest

pytestmark = pytest.mark.every_target(few=1)

SCRIPTED = "--device=scripted:transport=modern"
SIGNATURE = b"viostor\0"
COUNTERS = 0x80000001
# Functions that mean something here; some need more than a script can give them.
KNOWN = {0x00, 0x02, 0x07, 0x08, 0x12, 0x13, 0x20, 0x24, 0x25, 0x28}


def control(room: int, signature: bytes = SIGNATURE, code: int = COUNTERS, header: int = 28) -> str:
    """The line that sends an I/O control with this much room for its answer."""
    head = struct.pack("<I8sIIII", header, signature, 10, code, 0xffffffff, room)
    return f"srb 2 in-hex {28 + room} " + " ".join(f"{byte:02x}" for byte in head)


def little(value: int) -> str:
    return struct.pack("<I", value).hex()


def test_counters(storhost):
    """Behind the SRB_IO_CONTROL: version, size, features, queues, depth, resets, ..., state."""
    storhost.script(f"""
        ready
        {control(48)}
        expect srb=success data=20:{little(0)} data=24:{little(48)} data=28:{little(1)} data=32:{little(48)}
        expect data=44:{little(1)} data=52:{little(0)} data=72:{little(1)}
        reset bus
        ready
        cdb 28 00 00 00 00 00 00 00 02 00 in 512
        expect srb=invalid-request
        {control(48)}
        expect srb=success data=52:{little(1)} data=64:{little(1)}
        {control(47)}
        expect srb=success data=20:{little(1)} data=28:{'00' * 4}
    """, SCRIPTED)


def test_long_used_lengths_are_counted(storhost):
    """One for each such request, by the driver's counter."""
    storhost.script(f"""
        ready
        device set used-length=chain
        write 0 8 1
        write 8 8 2
        read 0 8
        {control(56)}
        expect srb=success data=72:{little(1)}{little(2)}{little(0)}
        {control(48)}
        expect srb=success data=32:{little(48)}
    """, SCRIPTED)


@pytest.mark.parametrize("line", [
    control(48, signature=b"FIRMWARE", code=0x1b0781), control(48, signature=b"SCSIDISK", code=0x1b0501),
    control(48, signature=b"PROTOCOL", code=0x1b0780), control(48, code=COUNTERS + 1), control(48, header=27), "srb 2 in 27", "srb 2"])
def test_other_control_codes_are_not_known(storhost, line):
    storhost.script(f"ready\n{line}\nexpect srb=invalid-request length=0\n", SCRIPTED)


FIRMWARE_DATA = 56  # where the data of a firmware request may begin, in its buffer
FIRMWARE_NEEDED = 48  # bytes of the answer


def firmware(function: int = 1, version: int = 1, offset: int = FIRMWARE_DATA, length: int = FIRMWARE_NEEDED,
             buffer: int = FIRMWARE_DATA + FIRMWARE_NEEDED, info: int = 2, size: int = 24) -> str:
    """The line that sends a firmware request: SRB_IO_CONTROL, FIRMWARE_REQUEST_BLOCK, STORAGE_FIRMWARE_INFO_V2."""
    head = struct.pack("<I8sIIII", 28, b"FIRMWARE", 10, 0x1b0780, 0xffffffff, buffer - 28)
    head += struct.pack("<IIIIII", version, 24, function, 0, offset, length)
    head += bytes(FIRMWARE_DATA - len(head)) + struct.pack("<II", info, size)
    head += bytes([0xee]) * (buffer - len(head))
    return f"srb 2 in-hex {buffer} " + " ".join(f"{byte:02x}" for byte in head[:buffer])


def test_firmware_information(storhost):
    """One slot, read-only, with the revision that INQUIRY tells; no update. As much room as there is."""
    answer = f"{little(2)}{little(24)}000100ff" + "00" * 12 + "0001000000000000" + b"0001".hex() + "00" * 12
    needed = f"{little(0)}" + "." * 8  # ReturnCode; Length is not ours
    storhost.script(f"""
        ready
        {firmware()}
        expect srb=success data=20:{needed} data=56:{answer}
        {firmware(length=100, buffer=FIRMWARE_DATA + 100)}
        expect srb=success data=20:{needed} data=56:{answer}{'00' * 52}
        {firmware(length=FIRMWARE_NEEDED - 1)}
        expect srb=success data=20:{little(5)} data=48:{little(FIRMWARE_NEEDED)}
        cdb 12 00 00 00 24 00 in 36
        expect ok text=32:0001
    """, SCRIPTED)


@pytest.mark.parametrize("wrong", [
    {"function": 2}, {"function": 3}, {"function": 0}, {"version": 0}, {"info": 1}, {"size": 23},
    {"length": 23}, {"length": FIRMWARE_NEEDED + 1}, {"offset": 51}, {"offset": 105, "length": 0},
    {"offset": 0xffffffff}, {"length": 0xffffffff}, {"offset": 0xfffffff8, "length": 48},
    {"buffer": 51}], ids=str)
def test_firmware_requests_that_are_wrong(storhost, wrong):
    """Also updates: this disk's firmware is the host's."""
    storhost.script(f"ready\n{firmware(**wrong)}\nexpect srb=invalid-request length=0\nwrite 0 8 1\n"
                    "verify 0 8 1\n", SCRIPTED)


def test_every_srb_function(storhost):
    """What nobody knows is refused, moves nothing, and does no harm."""
    lines = ["ready"]
    for function in sorted(set(range(1, 256)) - KNOWN):
        lines += [f"srb {function} in 64", "expect srb=invalid-request length=0"]
    storhost.script("\n".join([*lines, "write 0 8 1", "verify 0 8 1"]), SCRIPTED)


def test_only_one_unit(storhost):
    lines = ["ready"]
    places = [place for other in range(1, 256) for place in [(other, 0, 0), (0, other, 0), (0, 0, other)]]
    for path, target, lun in [*places, (3, 7, 7), (255, 255, 255)]:
        where = f"path {path} target {target} lun {lun}"
        for request in ["cdb 12 00 00 00 24 00 in 36", "cdb 00 00 00 00 00 00",
                        "cdb 42 00 00 00 00 00 00 00 18 00 out 24"]:
            lines += [f"{request} {where}", "expect srb=no-device length=0"]
    storhost.script("\n".join(lines), SCRIPTED)


def test_write_protection_comes_and_goes(storhost):
    """Told once, by 2A/01; and a reset, which negotiates anew, is no obstacle."""
    storhost.script("""
        ready
        write 0 8 1
        device read-only on
        idle
        clock advance 0.1
        write 0 8 2
        expect sense=6/2a/01
        write 0 8 2
        expect sense=7/27/00 length=0
        verify 0 8 1
        cdb 1a 08 3f 00 ff 00 in 255
        expect ok data=2:90
        reset bus
        ready
        write 0 8 2
        expect sense=7/27/00
        device read-only off
        idle
        clock advance 0.1
        ready
        write 0 8 3
        verify 0 8 3
    """, SCRIPTED, "--clock", "manual")


def test_growth_and_shrinking_with_requests_in_flight(storhost):
    """Those in flight end well, the next one hears of it, and then the new size holds."""
    storhost.script("""
        ready
        device hold all
        async held*16 write 0 8 1
        device resize 262144
        idle
        clock advance 0.1
        device release all
        wait held 20
        expect ok
        cdb 9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00 in 32
        expect sense=6/2a/09
        cdb 9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00 in 32
        expect ok data=0:000000000003ffff
        write 262136 8 4
        verify 262136 8 4
        device resize 65536
        idle
        clock advance 0.1
        ready
        cdb 25 00 00 00 00 00 00 00 00 00 in 8
        expect ok data=0:0000ffff
        cdb 28 00 00 01 00 00 00 00 01 00 in 512
        expect sense=5/21/00
    """, SCRIPTED, "--clock", "manual")


CACHE_OFF = "cdb 15 10 00 00 18 00 out-hex 00 00 00 00 08 12" + " 00" * 18
CACHE_ON = "cdb 15 10 00 00 18 00 out-hex 00 00 00 00 08 12 04" + " 00" * 17
WCE = "cdb 1a 08 08 00 ff 00 in 24"


def test_cache_mode_is_chosen_and_kept(storhost):
    """Also through a reset, which brings the device's own choice back: the driver, made to look at the
    configuration, finds it as it was chosen."""
    storhost.script(f"""
        ready
        {WCE}
        expect ok data=6:04
        {CACHE_OFF}
        expect ok length=24
        {WCE}
        expect ok data=6:00
        write 0 8 1 fua
        reset bus
        ready
        device config-interrupt
        idle
        clock advance 0.1
        {WCE}
        expect ok data=6:00
        {CACHE_ON}
        expect ok
        {WCE}
        expect ok data=6:04
        write 0 8 2 fua
        verify 0 8 2
    """, SCRIPTED, "--clock", "manual")


def test_commands_of_several_requests_survive_a_reset(storhost):
    """A VERIFY that the device holds has the scratch memory: after the reset the next one gets it."""
    storhost.script("""
        ready
        device hold all
        async first cdb 2f 00 00 00 00 00 00 08 00 00
        async second cdb 2f 00 00 00 00 00 00 08 00 00
        idle
        reset bus
        device release all
        wait first 20
        expect srb=bus-reset
        wait second 20
        expect srb=bus-reset
        ready
        cdb 2f 00 00 00 00 00 00 08 00 00
        expect ok
    """, SCRIPTED)


def test_commands_share_the_scratch_memory_one_by_one(storhost):
    """Two patterns, and reading besides, all at once: each block gets the pattern that is its own."""
    storhost.script("""
        ready
        async one*4 cdb 93 00 00 00 00 00 00 00 00 20 00 00 03 e8 00 00 out 512 7
        async two*4 cdb 93 00 00 00 00 00 00 00 08 00 00 00 03 e8 00 00 out 512 99
        async verifies*8 cdb 2f 00 00 00 20 00 00 02 00 00
        async fua*40 write 16384 8 1 fua
        wait one 60
        expect ok
        wait two 60
        expect ok
        wait verifies 60
        expect ok
        wait fua 60
        expect ok
        cdb 28 00 00 00 00 20 00 03 e8 00 in 512000
        expect ok data=0:d9f8 data=65536:d9f8 data=511488:d9f8
        cdb 28 00 00 00 08 00 00 03 e8 00 in 512000
        expect ok data=0:fd1c data=65536:fd1c data=511488:fd1c
    """, "--processors=4", "--queues=4", "--transport=modern")


RANGES = SCRIPTED + ",offer=DISCARD,offer=WRITE_ZEROES,discard-sectors=64,discard-alignment=8,zeroes-sectors=100"
ZEROES = "data=0:" + "00" * 32


def test_discard_and_zeroes_within_the_devices_limits(storhost):
    """The device judges each range (rule virtio); the whole grains that were discarded and all that was
    zeroed read as zeroes, and only they."""
    storhost.script(f"""
        ready
        write 0 200 1
        cdb 42 00 00 00 00 00 00 00 18 00 out-hex 00 16 00 10 00 00 00 00 00 00 00 00 00 00 00 03 00 00 00 96 00 00 00 00
        expect ok length=24
        cdb 28 00 00 00 00 08 00 00 90 00 in 73728
        expect ok {ZEROES}
        verify 0 8 1
        verify 152 48 1
        write 0 200 2
        cdb 93 01 00 00 00 00 00 00 00 05 00 00 00 78 00 00
        expect ok length=0
        cdb 28 00 00 00 00 05 00 00 78 00 in 61440
        expect ok {ZEROES}
        verify 0 5 2
        verify 125 75 2
    """, RANGES)


def test_a_device_that_fails_a_range(storhost):
    storhost.script("""
        ready
        device fault status=ioerr type=discard nth=2
        cdb 42 00 00 00 00 00 00 00 18 00 out-hex 00 16 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 96 00 00 00 00
        expect sense=b/00/06 length=0
    """, RANGES)


def test_wear_of_the_medium(storhost):
    storhost.script("""
        ready
        cdb 4d 00 51 00 00 00 00 00 40 00 in 64
        expect ok length=12 data=0:11000008000103040000001e
        device set lifetime-b=11
        cdb 4d 00 51 00 00 00 00 00 40 00 in 64
        expect ok data=11:65
    """, SCRIPTED + ",offer=LIFETIME,lifetime-a=3")


def test_zoned_disks(storhost):
    """Host-managed ones are refused, with an event that says so; others are disks as any."""
    done = storhost.run("--events", SCRIPTED + ",offer=ZONED,zoned=host-managed", "info")
    assert done.returncode == 1 and "0x000d0001" in done.stdout.lower(), done.stdout
    storhost.script("ready\nwrite 0 8 1\nverify 0 8 1\n", SCRIPTED + ",offer=ZONED,zoned=host-aware")


@pytest.mark.every_target(flavours=["wlh"])
@pytest.mark.parametrize("windows", ["6.3", "10.0"])
@pytest.mark.parametrize("transport", ["modern", "legacy"])
def test_the_disk_is_told_to_have_gone_before_the_adapter(storhost, windows, transport):
    """HwUnitControl: what the device held comes back at once; then the adapter is removed."""
    storhost.script("""
        write 0 8 1
        device hold all
        async held*200 write 100 8 2
        idle
        outstanding held 200
        surprise-remove unit
        wait held 30
        expect srb=no-device
        surprise-remove
    """, f"--windows={windows}", f"--device=scripted:transport={transport}", "--clock=manual")


@pytest.mark.every_target(flavours=["wlh"], few=1)
def test_windows_8_tells_the_adapter_only(storhost):
    """It knows no removal of a unit: the requests wait for that of the adapter."""
    storhost.script("""
        device hold all
        async held*20 write 100 8 2
        idle
        surprise-remove unit
        outstanding held 20
        surprise-remove
        wait held 30
        expect srb=no-device
    """, "--windows=6.2", SCRIPTED, "--clock=manual")
