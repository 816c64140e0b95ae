# SPDX-License-Identifier: BSD-3-Clause
"""`storhost serve`: NBD clients on the disk, its end in good order, and its errors."""

import os
import shutil
import signal
import socket
import subprocess

import pytest

from serving import Server, command, fio, make_image

MIB = 1 << 20
STOPPED = 0
FAILED = 1
WRONG_USAGE = 2
BROKEN_RULE = 3


# ---- Clients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_copy_in_and_out(target, tmp_path, kind):
    image = make_image(tmp_path / f"disk.{kind}", kind)
    content = tmp_path / "content"
    content.write_bytes(os.urandom(MIB) * 64)
    with Server(target, tmp_path, "--image", image) as server:
        assert "export-size: 67108864 (64M)" in command("nbdinfo", server.uri)
        # nbdcopy ends with a flush; what it leaves is looked at below, after storhost's end.
        command("nbdcopy", "--flush", content, server.uri)
        command("nbdcopy", server.uri, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content.read_bytes()
    assert "identical" in command("qemu-img", "compare", "-f", "raw", "-F", kind, content, image)


@pytest.mark.parametrize("scheduler", ["free", "deterministic"])
def test_random_requests_are_verified(target, tmp_path, scheduler):
    image = make_image(tmp_path / "disk.qcow2", "qcow2")
    with Server(target, tmp_path, "--image", image, "--queues", "4", "--processors", "4", "--scheduler",
                scheduler) as server:
        printed = fio(server)
        assert "err= 0" in printed
        copy = tmp_path / "copy"
        command("nbdcopy", server.uri, copy)
    assert "No errors were found" in command("qemu-img", "check", "-f", "qcow2", image)
    assert "identical" in command("qemu-img", "compare", "-f", "raw", "-F", "qcow2", copy, image)


def test_several_clients_at_once(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw", "128M")
    with Server(target, tmp_path, "--image", image, "--queues", "2") as server:
        arguments = ["fio", "--ioengine=nbd", f"--uri={server.uri}", "--iodepth=16", "--size=32M",
                     "--rw=randwrite", "--bsrange=4k-64k", "--verify=crc32c", "--verify_fatal=1"]
        jobs = [subprocess.Popen([*arguments, f"--name=job{n}", f"--offset={64 * n}M"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 cwd=tmp_path) for n in range(2)]
        rounds = 0
        while any(job.poll() is None for job in jobs):
            assert "VirtIO" in server.sg("sg_inq", "/dev/sg999")
            rounds += 1
        assert rounds > 0
        for job in jobs:
            printed = job.communicate()[0]
            assert job.returncode == 0, printed
        command("nbdcopy", server.uri, tmp_path / "copy")
    assert "identical" in command("qemu-img", "compare", "-f", "raw", "-F", "raw",
                                  tmp_path / "copy", image)


def test_read_only_disk(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image, "--read-only") as server:
        assert "is_read_only: true" in command("nbdinfo", server.uri)
        command("nbdcopy", server.uri, tmp_path / "copy")


def test_blocks_of_4096_take_smaller_nbd_requests_only_if_aligned(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image, "--qemu-device",
                "logical_block_size=4096,physical_block_size=4096") as server:
        assert "block_size_minimum: 4096" in command("nbdinfo", server.uri)
        assert "err= 0" in fio(server, "--bsrange=4k-64k", "--blockalign=4k", size="16M")


# ---- The end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stop_in_good_order(target, tmp_path, by):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image) as server:
        command("nbdcopy", make_content(tmp_path), server.uri)
        assert server.stop(by) == STOPPED
    assert "rule violations                     0" in server.log.read_text()


def make_content(directory):
    content = directory / "content"
    content.write_bytes(b"storhost" * (64 * MIB // 8))
    return content


def test_stop_flushes(target, tmp_path):
    """A disk whose flushes fail shows that there is one at the end."""
    image = make_image(tmp_path / "disk.raw", "raw")
    disk = ("driver=raw,file.driver=blkdebug,file.inject-error.0.event=none,"
            f"file.inject-error.0.iotype=flush,file.image.driver=file,file.image.filename={image}")
    with Server(target, tmp_path, "--blockdev", disk) as server:
        server.sg("sg_dd", "if=/dev/zero", "of=/dev/sg999", "bs=512", "count=8")
        assert server.stop() == FAILED
    assert "storhost: the flush failed: " in server.log.read_text()


def test_stop_with_requests_under_way(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image, "--throttle", "200") as server:
        job = subprocess.Popen(["nbdcopy", make_content(tmp_path), server.uri],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(0.5)
        assert server.stop() == STOPPED
        job.wait(30)
    assert "rule violations                     0" in server.log.read_text()


def test_qemu_that_dies_is_told(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image) as server:
        qemu, = server.children("qemu-")
        os.kill(qemu, signal.SIGKILL)
        assert server.wait() == FAILED
    assert "QEMU has ended by signal 9" in server.log.read_text()


def test_nbdkit_that_dies_is_told(target, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image) as server:
        nbdkit, = server.children("nbdkit")
        os.kill(nbdkit, signal.SIGKILL)
        assert server.wait() == FAILED
    assert "storhost: nbdkit ended by itself" in server.log.read_text()


# ---- Errors --------------------------------------------------------------------------------------


def fails(storhost, status, *arguments, **more):
    """What serve prints that does not get ready; nothing is left behind."""
    done = storhost.run(*arguments, "serve", **more)
    assert done.returncode == status, done.stdout
    assert not (storhost.directory / "storhost.sock").is_socket()
    assert "ready" not in done.stdout
    return done.stdout


def test_image_is_missing(storhost):
    printed = fails(storhost, FAILED, "--image", "nowhere.raw")
    assert "nowhere.raw: no such image (with --size one is made)" in printed


def test_image_is_in_use(target, storhost, tmp_path):
    image = make_image(tmp_path / "disk.raw", "raw")
    with Server(target, tmp_path, "--image", image):
        other = storhost.run("--image", image, "--socket", "other.sock", "serve")
        assert other.returncode == FAILED
        assert 'Failed to get "write" lock' in other.stdout and image in other.stdout
        assert not (tmp_path / "other.sock").exists()


def test_image_is_no_image(storhost, tmp_path):
    (tmp_path / "disk.qcow2").write_bytes(b"text" * 1024)
    printed = fails(storhost, FAILED, "--image", "disk.qcow2")
    assert "disk.qcow2" in printed


def test_socket_is_in_use(target, storhost, tmp_path):
    with Server(target, tmp_path) as server:
        other = storhost.run("serve")
        assert other.returncode == FAILED
        assert "storhost.sock: another server listens there (give --socket)" in other.stdout
        server.sg("sg_turs", "/dev/sg999")  # and the first is none the worse


def test_socket_left_behind_is_replaced(target, tmp_path):
    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(tmp_path / "storhost.sock"))
    with Server(target, tmp_path) as server:
        server.sg("sg_turs", "/dev/sg999")


def test_file_in_the_socket_s_place_is_kept(storhost, tmp_path):
    (tmp_path / "storhost.sock").write_text("precious")
    assert "storhost.sock" in fails(storhost, FAILED)
    assert (tmp_path / "storhost.sock").read_text() == "precious"


@pytest.mark.parametrize("arguments, text", [
    (["--no-such-option"], "no-such-option"),
    (["--queues", "many"], "--queues=many: a number from 1 to"),
    (["--size", "12Q"], "--size=12Q: a size is needed"),
    (["--transport", "isa"], "--transport=isa: must be one of"),
    (["--image", "a", "--blockdev", "b"], "--image and --blockdev cannot be used together"),
    (["--nbd-port", "1", "--nbd-socket", "s"], "--nbd-port and --nbd-socket cannot be"),
    (["--clock=manual"], "--clock=manual needs a script"),
    (["extra"], "extra"),
])
def test_wrong_usage(storhost, arguments, text):
    assert text in fails(storhost, WRONG_USAGE, *arguments)


def test_option_that_qemu_does_not_know(storhost):
    assert "nonsense" in fails(storhost, FAILED, "--qemu-device", "nonsense=1")


def test_qemu_is_missing(storhost):
    assert "/nonexistent/qemu" in fails(storhost, FAILED, "--qemu", "/nonexistent/qemu")


def test_nbdkit_is_missing(storhost, tmp_path):
    printed = fails(storhost, FAILED, "--nbd-socket", str(tmp_path / "nbd.sock"), "--nbdkit",
                    "/nonexistent/nbdkit")
    assert "/nonexistent/nbdkit: No such file or directory (install nbdkit" in printed
    assert not (tmp_path / "nbd.sock").exists()


# ---- Driver files that cannot be loaded ----------------------------------------------------------


def make_driver(directory, triple, machine, source="int DriverEntry(void) { return 0; }", *more):
    """A driver file of that source."""
    (directory / "driver.c").write_text(source)
    command("clang-14", f"--target={triple}-pc-windows-msvc", "-ffreestanding", "-c", "driver.c",
            "-o", "driver.obj", cwd=directory)
    command("lld-link-14", "/driver", "/subsystem:native", "/nodefaultlib", "/entry:DriverEntry",
            f"/machine:{machine}", "/safeseh:no", "/out:driver.sys", "driver.obj", *more,
            cwd=directory)
    return directory / "driver.sys"


def test_driver_is_missing(storhost, tmp_path):
    printed = fails(storhost, FAILED, driver=tmp_path / "nowhere.sys")
    assert "nowhere.sys: no such driver file" in printed


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"MZ" + bytes(100)],
                         ids=["empty", "script", "cut"])
def test_driver_is_no_pe_file(storhost, tmp_path, content):
    (tmp_path / "driver.sys").write_bytes(content)
    assert "driver.sys: " in fails(storhost, FAILED, driver=tmp_path / "driver.sys")


@pytest.mark.parametrize("triple, machine", [("i686", "x86"), ("aarch64", "arm64")])
def test_driver_of_another_machine(storhost, tmp_path, triple, machine):
    printed = fails(storhost, FAILED, driver=make_driver(tmp_path, triple, machine))
    assert "driver.sys: " in printed
    assert f"this storhost runs x64; run it with build/{machine}/storhost" in printed


def test_driver_with_an_unknown_import(storhost, tmp_path):
    for module, function in (("ntoskrnl.exe", "NoSuchFunction"),
                             ("storport.sys", "StorPortInitialize")):
        (tmp_path / f"{module}.def").write_text(f"LIBRARY {module}\nEXPORTS\n{function}\n")
        command("llvm-dlltool-14", "-m", "i386:x86-64", "-d", f"{module}.def", "-l",
                f"{module}.lib", cwd=tmp_path)
    driver = make_driver(
        tmp_path, "x86_64", "x64", "__declspec(dllimport) int NoSuchFunction(void);\n"
        "__declspec(dllimport) int StorPortInitialize(void);\n"
        "int DriverEntry(void) { return NoSuchFunction() + StorPortInitialize(); }\n",
        "ntoskrnl.exe.lib", "storport.sys.lib")
    printed = fails(storhost, BROKEN_RULE, driver=driver)
    assert "storhost: rule violation: import" in printed
    assert "driver.sys imports ntoskrnl.exe!NoSuchFunction: no Windows is known to export it" in printed


def test_driver_of_no_port_driver(storhost, tmp_path):
    printed = fails(storhost, FAILED, driver=make_driver(tmp_path, "x86_64", "x64"))
    assert "imports neither from storport.sys nor from scsiport.sys" in printed


def test_driver_file_may_have_any_name(target, tmp_path):
    copy = tmp_path / "another name.sys"
    shutil.copy(target.driver, copy)
    with Server(target, tmp_path, driver=copy) as server:
        server.sg("sg_turs", "/dev/sg999")
