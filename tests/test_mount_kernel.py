"""mount, the mount helper and unlock with the kernel's driver, in the virtual machine.

What is done there is in mount_cases.sh; one run of the machine, a test for each case.
"""
import os
import re
import struct
import subprocess

import pytest

import superblock
from imagesets import HERE
from wreck import crc32c

pytestmark = pytest.mark.xdist_group("vm")
DISKS = 8


def with_libraries(path):
    """The program and what it is linked with: {name: bytes}."""
    text = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    files = {"bcachefs": path}
    for library in re.findall(r"(/\S+) \(0x", text):
        files[os.path.basename(library)] = library
    return {name: open(p, "rb").read() for name, p in files.items()}


def with_version(path, version):
    """Every copy of the superblock of the image says that it is of this version."""
    with open(path, "r+b") as f:
        f.seek(superblock.FIRST_SECTOR * 512)
        for sector in superblock.offsets(f.read(4096)):
            f.seek(sector * 512)
            data = bytearray(f.read(1 << 16))
            data = data[:superblock.words(data)]
            struct.pack_into("<H", data, 16, version)
            struct.pack_into("<H", data, 18, version)
            data[:16] = struct.pack("<QQ", crc32c(data[16:]), 0)
            f.seek(sector * 512)
            f.write(data)


@pytest.fixture(scope="module", params=["6.12", "6.16"])
def cases(bcachefs, vm, scratch, request):
    """{case: text}"""
    folder = os.path.join(scratch, "mount-kernel")
    os.makedirs(folder, exist_ok=True)
    disks = []
    for i in range(DISKS):
        disks.append(os.path.join(folder, f"d{i}"))
        with open(disks[-1], "wb") as f:
            f.truncate(32 << 20)
    bcachefs.run("format", "-q", "--no_initialize", disks[7], status=0)
    with_version(disks[7], 2048)
    files = with_libraries(bcachefs.path)
    with open(os.path.join(HERE, "mount_cases.sh")) as f:
        r = vm(f.read(), disks, files=files, kernel=request.param, timeout=900)
    for path in disks:
        os.unlink(path)
    assert r.status == 0, repr(r)
    # 6.16 writes the option as a choice.
    return {name: text.decode(errors="replace").replace(",degraded=yes ", ",degraded ") for name, text in r.out.items()}



def lines(text):
    return text.strip().split("\n")


def shown(source, options="rw,relatime,", content=True):
    """What `show` prints of a mount of the kernel's."""
    return [f"{source} /mnt bcachefs {options} 0 0", *(["content"] if content else [])]


def not_mounted():
    return ["cat: /mnt/file: No such file or directory"]


ONE, TWO = "/dev/d0", "/dev/d1:/dev/d2"
FOUND = "/dev/vdb:/dev/vdc"  # when searched for
REPLICATED = "rw,relatime,metadata_replicas=2,data_replicas=2"
MOUNTED = {
    "single": ["status 0", *shown(ONE), "status 0"],
    "verbose": ["mounting /dev/d0 on /mnt, options: ", "status 0", *shown(ONE)],
    "options": ["status 0", *shown(ONE, "ro,nodev,noatime,compression=zstd,degraded")],
    "unknown": ["mount: mount option no_such_word is unknown, and ignored", "status 0", *shown(ONE)],
    "read_only": ["status 0", *shown(ONE, "ro,relatime,"), "touch: cannot touch '/mnt/x': Read-only file system"],
    "operands": ["status 0", *shown(TWO, REPLICATED)],
    "list": ["status 0", *shown(TWO, REPLICATED)],
    "by_uuid": ["status 0", *shown(FOUND, REPLICATED)],
    "by_label": ["status 0", *shown(FOUND, REPLICATED)],
    "by_old_uuid": ["status 0", *shown(FOUND, REPLICATED)],
    "completed": ["status 0", *shown(FOUND, REPLICATED)],
    "write_protected": ["/dev/d0: write-protected, mounting read-only", "status 0", *shown(ONE, "ro,relatime,nochanges")],
    "same_state": ["status 0", shown(ONE)[0], shown(ONE)[0].replace("/mnt", "/mnt2"), "content"],
    "helper": ["status 0", *shown("/dev/vda")],
    "helper_options": ["status 0", *shown("/dev/vda", "ro,noexec,relatime,compression=lz4")],
    "helper_list": ["status 0", *shown(TWO, REPLICATED)],
    "helper_uuid": ["status 0", *shown(FOUND, REPLICATED)],
    "helper_words": ["mounting /dev/vda on /mnt, options: ", "status 0", *shown("/dev/vda")],
    "fstab": 2 * ["status 0", *shown(FOUND, REPLICATED.replace("relatime", "noatime"))],
    "remount": ["status 0", "status 0", *shown("/dev/vda", "ro,relatime,")],
    "remount_by_us": ["status 0", "status 0", *shown(ONE, "ro,relatime,")],
    "asked": ["status 0", *shown("/dev/d3")],
    "key_stays": ["status 0", *shown("/dev/d3")],
    "waits": ["status 0", *shown("/dev/d3")],
    "key_of_unlock": ["status 0", *shown("/dev/vdd")],
    "fake": ["status 0", *not_mounted()],
    "no_mountpoint": ["status 0", *not_mounted()],
    "helper_fake": ["status 0", *not_mounted()],
}


@pytest.mark.parametrize("case", MOUNTED)
def test_mounts(cases, case):
    assert lines(cases[case]) == MOUNTED[case]


NOT_BCACHEFS = "Not a bcachefs superblock (got magic 00000000-0000-0000-0000-000000000000); sector 7: Not a bcachefs superblock layout"
REFUSED = {
    "bad_value": (2, "Invalid mount option .*compression"),
    "missing_mountpoint": (1, "/nowhere: No such file or directory"),
    "file_mountpoint": (1, "/etc/fstab: Not a directory"),
    "missing_device": (1, "/dev/nothing: no such file or directory"),
    "missing_second": (1, "/dev/nothing: no such file or directory"),
    "foreign_second": (1, "/dev/d0: is no member of the filesystem on /dev/d1"),
    "not_bcachefs": (1, "/dev/d4: " + re.escape(NOT_BCACHEFS)),
    "helper_fails": (1, "/dev/vde: " + re.escape(NOT_BCACHEFS)),
    "newer_version": (1, r"/dev/d7: Unsupported superblock version 2.0.* max 1\.39"),
    "in_use": (1, "/dev/d0 is part of /dev/dm-0"),
    "locked": (1, "/dev/d3: no key is in a keyring; run 'bcachefs unlock' first"),
    "wrong": (1, "/dev/d3: incorrect passphrase"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_and_says_why(cases, case):
    status, message = REFUSED[case]
    text = lines(cases[case])
    assert re.match(f"bcachefs mount: {message}", text[0]), text
    assert text[-2:] == [f"status {status}", *not_mounted()], text


def test_another_state_of_the_same_filesystem_is_refused(cases):
    assert lines(cases["other_state"]) == ["bcachefs mount: /dev/d0 is mounted on /mnt", "status 1", *shown(ONE)]


def test_end_of_input_is_no_passphrase(cases):
    assert lines(cases["nothing_to_read"]) == ["error reading passphrase", "status 1", *not_mounted()]


def test_a_file_goes_through_fuse(cases):
    text = lines(cases["file"])
    assert text[0] == "/run/i/image: the kernel mounts block devices only: mounting read-only through FUSE"
    assert text[-2:] == ["status 0", "content"]


def test_usage_of_a_mounted_filesystem_is_refused(cases):
    mounted, device, unmounted = cases["usage"].split("status ")[:3]
    assert re.match("bcachefs fs usage: /mnt: is a directory; .* unmount it", mounted)
    assert "/dev/d0 is mounted on /mnt: unmount it first" in device
    assert "\nFilesystem: " in unmounted, unmounted


MISSING = r"member 1 is missing \(uuid [0-9a-f-]{36}, last mounted .*\); option 'degraded' goes on without it"


def test_a_missing_member_is_named(cases):
    """... with what the kernel says and the option that helps; with that option it is mounted."""
    text = cases["gone"]
    assert re.match(f"bcachefs mount: /dev/vdf: cannot be mounted on /mnt: Invalid argument\n(kernel: .*\n)*kernel: .*"
                    f"insufficient_devices_to_start\n(kernel: .*\n)*bcachefs mount: {MISSING}.*\nstatus 1\n", text), text
    assert lines(text)[-3:] == ["status 0", *shown("/dev/vdf", REPLICATED + ",degraded")]
    assert re.search(MISSING, cases["gone_helper"])
    assert lines(cases["gone_helper"])[-3:] == ["status 0", *shown("/dev/vdf", REPLICATED + ",degraded")]
