# SPDX-License-Identifier: BSD-3-Clause
"""How commands end, seen through the port driver: sense data, residuals, FUA, what the units are."""

import re

import pytest

pytestmark = pytest.mark.every_target

SCRIPTED = "--device=scripted:transport=modern"
BLOCKS = 131072  # of the scripted device, 512 bytes each
# Fixed format (SPC-4): response code with VALID, key, information, length, ASC and ASCQ, field pointer.
BEYOND_THE_END = "f00005{0:08x}0a0000000021000000" + "0000"


def big(value: int, count: int) -> str:
    return " ".join(f"{byte:02x}" for byte in value.to_bytes(count, "big"))


def test_sense_names_the_first_block_that_is_not_there(storhost):
    """Whatever the command; and the last block is there."""
    end = BLOCKS
    lines = ["ready"]
    for cdb, data in [
            (f"28 00 {big(end - 1, 4)} 00 00 02 00", "in 1024"),
            (f"2a 00 {big(end - 1, 4)} 00 00 02 00", "out 1024"),
            (f"88 00 {big(end - 1, 8)} 00 00 00 02 00 00", "in 1024"),
            (f"a8 00 {big(end - 1, 4)} 00 00 00 02 00 00", "in 1024"),
            (f"2e 00 {big(end - 1, 4)} 00 00 02 00", "out 1024"),
            (f"2f 02 {big(end - 1, 4)} 00 00 02 00", "out 1024"),
            (f"35 00 {big(end - 1, 4)} 00 00 02 00", ""),
            (f"41 00 {big(end - 1, 4)} 00 00 02 00", "out 512"),
            ("42 00 00 00 00 00 00 00 18 00",
             f"out-hex 00 16 00 10 00 00 00 00 {big(end - 1, 8)} 00 00 00 02 00 00 00 00"),
            (f"9e 12 {big(end, 8)} 00 00 00 18 00 00", "in 24")]:
        lines += [f"cdb {cdb} {data}", f"expect sense-bytes={BEYOND_THE_END.format(end)} length=0"]
    # A number of more than 32 bits does not fit into fixed format: no number is told.
    lines += [f"cdb 88 00 {big(1 << 40, 8)} 00 00 00 01 00 00 in 512",
              "expect sense-bytes=700005000000000a00000000210000000000 length=0",
              "read end-1 1", "expect ok"]
    storhost.script("\n".join(lines), SCRIPTED + ",offer=DISCARD")


def test_sense_of_a_miscompare_names_the_first_byte_that_differs(storhost):
    """By its offset; also in what lies behind the first 64 KiB, which are compared in pieces."""
    storhost.script("""
        ready
        cdb 2a 00 00 00 00 00 00 00 c8 00 out 102400 7
        cdb 2f 02 00 00 00 00 00 00 c8 00 out 102400 7
        expect ok length=102400
        cdb 93 01 00 00 00 00 00 00 00 a0 00 00 00 01 00 00
        cdb 2f 02 00 00 00 00 00 00 c8 00 out 102400 7
        expect sense-bytes=f0000e000140000a000000001d0000000000 length=0
        cdb 2e 02 00 00 00 00 00 00 c8 00 out 102400 7
        expect ok length=102400
    """, SCRIPTED)


@pytest.mark.parametrize("command", [
    "28 00 00 00 00 00 00 00 08 00 in 4096", "2a 00 00 00 00 00 00 00 08 00 out 4096", "35 00 00 00 00 00 00 00 00 00"])
def test_an_error_of_the_device_is_one_that_windows_retries(storhost, command):
    """ABORTED COMMAND, I/O process terminated, as QEMU's virtio-scsi answers it: classpnp sends such a command
    again. MEDIUM ERROR would be final, and a bad block to Windows. No block is named, as the device names none."""
    kind = "flush" if command.startswith("35") else "out" if command.startswith("2a") else "in"
    storhost.script(f"""
        ready
        device fault status=ioerr type={kind}
        cdb {command}
        expect sense-bytes=70000b000000000a00000000000600000000 length=0
        cdb {command}
        expect ok
    """, SCRIPTED)


VERIFY_8 = "cdb 2f 00 00 00 00 00 00 00 08 00"


def test_verify_of_a_block_that_stays_bad_is_a_medium_error(storhost):
    """So that chkdsk /r finds it; the first two times it may be the host's path to its storage. The block is named."""
    storhost.script(f"""
        ready
        device fault status=ioerr type=in sectors=5-5 times=all
        {VERIFY_8}
        expect sense-bytes=70000b000000000a00000000000600000000 length=0
        {VERIFY_8}
        expect sense-bytes=70000b000000000a00000000000600000000 length=0
        {VERIFY_8}
        expect sense-bytes=f00003000000050a00000000110000000000 length=0
        cdb 2f 00 00 00 00 04 00 00 02 00
        expect sense-bytes=f00003000000050a00000000110000000000 length=0
        cdb 2f 00 00 00 00 00 00 00 05 00
        expect ok
        device clear
        {VERIFY_8}
        expect ok
        device fault status=ioerr type=in sectors=5-5 times=all
        {VERIFY_8}
        expect sense=b/00/06
    """, SCRIPTED)


def test_verify_of_a_host_that_fails_for_a_moment(storhost):
    """Each block that failed is read once more by itself; what fails now and then is no bad block."""
    storhost.script(f"""
        ready
        device fault status=ioerr type=in times=1
        {VERIFY_8}
        expect ok
        device fault status=ioerr type=in times=2
        {VERIFY_8}
        expect sense=b/00/06
        {VERIFY_8}
        expect ok
        device fault status=ioerr type=in times=4
        {VERIFY_8}
        expect sense=b/00/06
        {VERIFY_8}
        expect sense=b/00/06
        {VERIFY_8}
        expect ok
    """, SCRIPTED)


def test_sense_buffers_of_every_length(storhost):
    """As much sense data as there is room for, and its length is told; without room an error without."""
    whole = BEYOND_THE_END.format(BLOCKS)
    lines = ["ready", f"cdb 28 00 {big(BLOCKS, 4)} 00 00 01 00 in 512 sense 0", "expect srb=error sense=none length=0"]
    for room in [*range(1, 21), 252]:
        lines += [f"cdb 28 00 {big(BLOCKS, 4)} 00 00 01 00 in 512 sense {room}",
                  f"expect srb=error scsi=check-condition sense-bytes={whole[:2 * room]} length=0"]
    storhost.script("\n".join(lines), SCRIPTED)


def test_fua_is_a_write_and_then_a_flush(storhost):
    """The command waits for the flush, and fails with it; not where the cache writes through."""
    off = "cdb 15 10 00 00 18 00 out-hex 00 00 00 00 08 12" + " 00" * 18
    storhost.script(f"""
        ready
        device fault never type=flush
        async waits write 0 8 1 fua
        idle
        outstanding waits 1
        write 8 8 1
        reset bus
        wait waits
        expect srb=bus-reset
        ready
        verify 0 8 1
        device clear
        device fault status=ioerr type=flush
        write 0 8 2 fua
        expect sense=b/00/06
        {off}
        device fault status=ioerr type=flush times=all
        write 0 8 3 fua
        expect ok
        verify 0 8 3
        flush
        expect sense=b/00/06
    """, SCRIPTED)


def test_residuals(storhost):
    """DataTransferLength is what came; SRB_STATUS_DATA_OVERRUN says that it is not what the buffer holds."""
    storhost.script("""
        ready
        cdb 12 00 00 00 24 00 in 36
        expect srb=success length=36
        cdb 12 00 00 00 60 00 in 255
        expect srb=success length=96
        cdb 12 00 00 00 00 00 in 255
        expect srb=success length=0
        cdb 12 00 00 00 60 00 in 40
        expect srb=data-overrun length=40
        cdb 28 00 00 00 00 00 00 00 02 00 in 4096
        expect srb=data-overrun length=1024
        cdb 2a 00 00 00 00 00 00 00 02 00 out 4096
        expect srb=data-overrun length=1024
        cdb 28 00 00 00 00 00 00 00 02 00 in 1023
        expect srb=invalid-request length=0
        cdb 28 00 00 00 00 00 00 00 00 00 in 512
        expect srb=data-overrun length=0
        cdb 28 00 00 00 00 00 00 00 00 00
        expect srb=success length=0
        cdb 2f 02 00 00 00 00 00 00 00 00 out 512
        expect srb=data-overrun length=0
        cdb 2f 00 00 00 00 00 00 00 01 00
        expect srb=success length=0
        cdb 15 10 00 00 18 00 out-hex 00 00 00 00 08 12 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff ff
        expect srb=data-overrun length=24
        cdb 08 00 00 00 00 00 in 131072
        expect srb=success length=131072
        device fault status=ioerr type=in
        cdb 28 00 00 00 00 00 00 00 02 00 in 1024
        expect srb=error length=0
    """, SCRIPTED)


def test_units_that_are_reported(storhost):
    """REPORT LUNS, each selection: unit 0 is all there is."""
    lines = ["ready"]
    for select in range(256):
        lines.append(f"cdb a0 00 {select:02x} 00 00 00 00 00 00 20 00 00 in 32")
        if select in (0x00, 0x02, 0x11):
            lines.append("expect ok length=16 data=0:" + "0000000800000000" + "00" * 8)
        elif select in (0x01, 0x10, 0x12):
            lines.append("expect ok length=8 data=0:" + "00" * 8)
        else:
            lines.append("expect sense-bytes=700005000000000a00000000240000cf0002 length=0")
    storhost.script("\n".join(lines), SCRIPTED)


# Commands that answer, with the place of their allocation length in the command block, and the lowest that
# is none too short (SPC-4): REPORT LUNS and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS have one.
ANSWERS = {
    "INQUIRY": ("12 00 00 00 00 00", 3, 2, 0),
    **{f"INQUIRY {page}": (f"12 01 {page} 00 00 00", 3, 2, 0) for page in "00 80 83 86 b0 b1 b2".split()},
    "MODE SENSE 6": ("1a 00 3f 00 00 00", 4, 1, 0),
    "MODE SENSE 6, subpages": ("1a 08 3f ff 00 00", 4, 1, 0),
    "MODE SENSE 10": ("5a 00 3f 00 00 00 00 00 00 00", 7, 2, 0),
    "MODE SENSE 10, LLBAA": ("5a 10 3f 00 00 00 00 00 00 00", 7, 2, 0),
    "READ CAPACITY 16": ("9e 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 10, 4, 0),
    "GET LBA STATUS": ("9e 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 10, 4, 0),
    "REPORT LUNS": ("a0 00 02 00 00 00 00 00 00 00 00 00", 6, 4, 16),
    "REQUEST SENSE": ("03 00 00 00 00 00", 4, 1, 0),
    "REQUEST SENSE, descriptor": ("03 01 00 00 00 00", 4, 1, 0),
    "REPORT SUPPORTED OPERATION CODES": ("a3 0c 80 00 00 00 00 00 00 00 00 00", 6, 4, 0),
    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS": ("a3 0d 80 00 00 00 00 00 00 00 00 00", 6, 4, 4),
    "LOG SENSE": ("4d 00 51 00 00 00 00 00 00 00", 7, 2, 0),
}
# The device's features decide what pages hold, and whether a command is there.
RICH = SCRIPTED + ",offer=DISCARD,offer=WRITE_ZEROES,offer=LIFETIME,lifetime-a=3"


def with_length(cdb: str, at: int, size: int, length: int) -> str:
    words = cdb.split()
    words[at:at + size] = big(length, size).split()
    return " ".join(words)


def dumped(printed: str) -> bytes:
    """The data of a script's dump."""
    return bytes.fromhex("".join(line for line in printed.splitlines() if re.fullmatch(r"(  )?( ?[0-9a-f]{2})+", line)))


@pytest.mark.every_target(few=3)
@pytest.mark.parametrize("name", ANSWERS)
def test_answers_of_every_length(storhost, name):
    """As much of the answer as the allocation length allows, and not a byte more; so, too, with a smaller
    buffer, which is an overrun."""
    cdb, at, size, lowest = ANSWERS[name]
    room = min(4096, 256 ** size - 1)
    whole = dumped(storhost.script(f"ready\ncdb {with_length(cdb, at, size, room)} in {room}\ndump\n", RICH))
    assert len(whole) > 4
    lines = ["ready"]
    for length in [*range(min(len(whole) + 3, room + 1)), room]:
        lines.append(f"cdb {with_length(cdb, at, size, length)} in {room}")
        given = whole[:length]
        if length < lowest:
            lines.append("expect sense=5/24/00 length=0")
        else:
            lines.append(f"expect srb=success length={len(given)}" + (f" data=0:{given.hex()}" if given else ""))
    for buffer in (1, 4, len(whole) - 1):
        if name != "LOG SENSE":  # which needs a buffer of the length that it asks for
            lines += [f"cdb {with_length(cdb, at, size, room)} in {buffer}",
                      f"expect srb=data-overrun length={buffer} data=0:{whole[:buffer].hex()}"]
    storhost.script("\n".join(lines), RICH)


def test_commands_that_are_not_there(storhost):
    """What REPORT SUPPORTED OPERATION CODES does not list, RESERVE, PERSISTENT RESERVE, COMPARE AND WRITE and
    FORMAT UNIT among it, ends with INVALID COMMAND OPERATION CODE (that the others do not: unit tests)."""
    listed = dumped(storhost.script("ready\ncdb a3 0c 00 00 00 00 00 00 10 00 00 00 in 4096\ndump\n", RICH))
    known = {listed[at] for at in range(4, len(listed), 8)}
    assert len(listed) - 4 == int.from_bytes(listed[:4], "big") and len(known) > 30
    assert not known & {0x04, 0x16, 0x17, 0x56, 0x57, 0x5e, 0x5f, 0x89}
    lines = ["ready"]
    for opcode in sorted(set(range(256)) - known):
        lines += [f"cdb {opcode:02x}" + " 00" * 15 + " in 512",
                  "expect sense-bytes=700005000000000a00000000200000000000 length=0"]
    storhost.script("\n".join([*lines, "write 0 8 1", "verify 0 8 1"]), RICH)


def test_unit_attentions_come_once(storhost):
    """Each event is told to the next command, whichever, and to no other; of several the first comes first.
    INQUIRY and REPORT LUNS are done all the same, and REQUEST SENSE takes it away."""
    settled = "idle", "clock advance 1", "idle"  # SCSIPort's driver looks at the configuration in a timer
    reading, writing, testing = "read 0 1", "write 0 1 1", "cdb 00 00 00 00 00 00"
    lines = ["ready"]
    for event, code, command in [("reset bus", "29/02", testing), ("device read-only on", "2a/01", reading),
                                 ("device read-only off", "2a/01", writing), ("device resize 262144", "2a/09", testing),
                                 ("device resize 131072", "2a/09", reading)]:
        lines += [event, *settled, "cdb 12 00 00 00 24 00 in 36", "expect ok length=36",
                  "cdb a0 00 00 00 00 00 00 00 00 10 00 00 in 16", "expect ok length=16", command,
                  f"expect srb=error sense=6/{code} length=0", command, "expect ok", testing, "expect ok"]
    lines += ["device read-only on", *settled, "device resize 262144", *settled,
              "device read-only off", *settled,  # the same event again is still one
              "cdb 03 00 00 00 12 00 in 18", "expect ok data=0:700006000000000a000000002a010000",
              "cdb 03 01 00 00 12 00 in 18", "expect ok length=8 data=0:72062a0900000000",
              "cdb 03 00 00 00 12 00 in 18", "expect ok data=0:700000000000000a0000000000000000", testing, "expect ok"]
    storhost.script("\n".join(lines), SCRIPTED, "--clock=manual")


@pytest.mark.every_target(flavours=["wlh", "wnet"])
def test_resets_of_unit_and_target_are_told(storhost):
    storhost.script("""
        ready
        reset unit
        read 0 1
        expect sense=6/29/03
        read 0 1
        expect ok
        reset target
        read 0 1
        expect sense=6/29/03
        read 0 1
        expect ok
    """, SCRIPTED)


DESIGNATOR = "ready\ncdb 12 01 83 00 ff 00 in 255\ndump\n"


def test_the_identifier_stays(storhost):
    """With a serial number and without one: the same after a restart, with another image, other queues and
    another transport, as on the other side of a migration; two disks of a machine differ."""
    def identifier(*options: str) -> bytes:
        page = dumped(storhost.script(DESIGNATOR, *options))
        end = 8 + page[7]
        assert page[:7] == bytes([0, 0x83, 0, len(page) - 4, 2, 1, 0])
        assert page[8:32] == b"VirtIO  Virtual Disk    "
        # Locally assigned, from the serial number: clusters want it (docs/install.md); none without one.
        naa = bytes([1, 3, 0, 8]) + bytes.fromhex("3704a4e2a454b75b") if page[32:end] == b"ONE" else b""
        assert page[end:] == naa
        return page[32:end]

    others = [["--transport=modern", "--queues=2"], ["--transport=legacy", "--size=300M", "--vectors=0"],
              ["--qemu-device=queue-size=64,event_idx=off,indirect_desc=off"]]
    for device in ["--qemu-device=serial=ONE", "--qemu-device=serial=ONE,addr=0x9", "--qemu-device=addr=0x9"]:
        first = identifier(device)
        assert first == b"ONE" if "serial" in device else first.startswith(b"PCI-location-")
        assert all(identifier(device, *other) == first for other in others)
    assert identifier() != identifier("--qemu-device=addr=0x9")
