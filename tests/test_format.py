"""What format asks, refuses and leaves alone."""
import os
import resource
import signal
import struct
import subprocess

import pytest

import superblock
from format_cases import REFUSED
from test_format_real import fresh_images, whole_superblock

SWAP = 4086, b"SWAPSPACE2"


def put_swap(path):
    with open(path, "r+b") as f:
        f.seek(1024)
        f.write(struct.pack("<II", 1, 1023))
        f.seek(SWAP[0])
        f.write(SWAP[1])


def has_swap(path):
    with open(path, "rb") as f:
        f.seek(SWAP[0])
        return f.read(len(SWAP[1])) == SWAP[1]


def blocks_in_use(path):
    return os.stat(path).st_blocks


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_before_the_first_write(bcachefs, tmp, case):
    sizes, args, message = REFUSED[case]
    images = fresh_images(tmp, sizes, "i")
    r = bcachefs.run("format", "-q", *(w.format(*images) for w in args.split()))
    assert r.status in (1, 2), repr(r)
    assert message in r.err, repr(r)
    assert not r.out
    assert not any(blocks_in_use(i) for i in images), "something was written"


def test_refuses_more_devices_than_slots(bcachefs, tmp):
    images = fresh_images(tmp, [32] * 65, "i")
    r = bcachefs.run("format", "-q", *images, status=1)
    assert "65 devices, but a filesystem has at most 64" in r.err
    assert not any(blocks_in_use(i) for i in images)


def test_asks_once_with_a_list_of_all_that_is_found(bcachefs, tmp):
    images = fresh_images(tmp, [64, 64, 64], "i")
    put_swap(images[0])
    put_swap(images[2])
    r = bcachefs.run("format", "-q", *images, input="n\n", status=1)
    assert r.out == f"{images[0]} contains a swap\n{images[2]} contains a swap\n"
    assert r.err.count("Proceed anyway? (y,n)") == 1
    assert has_swap(images[0]) and has_swap(images[2]) and not blocks_in_use(images[1])
    bcachefs.run("format", "-q", *images, input="y\n", status=0)
    assert not has_swap(images[0]) and not has_swap(images[2])


def test_end_of_input_is_no_consent(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    put_swap(images[0])
    r = bcachefs.run("format", "-q", *images, status=1)
    assert "error reading from standard input" in r.err
    assert has_swap(images[0])


def test_force_does_not_ask(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    put_swap(images[0])
    bcachefs.run("format", "-qf", *images, status=0)
    assert not has_swap(images[0])


def test_asks_about_an_existing_bcachefs_and_wipes_its_backups(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    bcachefs.run("format", "-q", "-L", "old one", "--superblock_size=64k", *images, status=0)
    old = superblock.offsets(whole_superblock(images[0], superblock.FIRST_SECTOR))
    r = bcachefs.run("format", "-q", *images, input="n\n", status=1)
    assert r.out == f"{images[0]} contains a bcachefs filesystem labelled 'old one'\n"
    bcachefs.run("format", "-qf", *images, status=0)
    new = superblock.offsets(whole_superblock(images[0], superblock.FIRST_SECTOR))
    with open(images[0], "rb") as f:
        for sector in set(old) - set(new):
            f.seek(sector * 512)
            assert not any(f.read(752)), f"old backup at sector {sector} is still there"


def test_discard_empties_the_image_and_else_nothing_is_touched(bcachefs, tmp):
    for option, expected in (("--discard", bytes(4096)), ("--no_discard", b"x" * 4096)):
        path = fresh_images(tmp, [64], "i")[0]
        with open(path, "r+b") as f:
            f.seek(32 << 20)
            f.write(b"x" * 4096)
        bcachefs.run("format", "-q", option, path, status=0)
        with open(path, "rb") as f:
            f.seek(32 << 20)
            assert f.read(4096) == expected, option


def test_device_options_hold_until_changed_and_fs_size_for_one(bcachefs, tmp):
    images = fresh_images(tmp, [128, 128, 128], "i")
    r = bcachefs.run("format", "--fs_size=64M", "--label=a.b", "--discard", images[0], images[1], "--no_discard",
                     "--label=", images[2], status=0)
    assert "  Size:                                    128 MiB" in r.out
    values = {name: [line.split()[-1] for line in r.out.split("\n") if line.strip().startswith(name)]
              for name in ("Label:", "Discard:", "Buckets:")}
    assert values["Buckets:"] == ["512", "1024", "1024"]
    assert values["Discard:"] == ["1", "1", "0"]
    assert values["Label:"][1:] == ["(1)", "(1)", "(none)"]


@pytest.mark.parametrize("version,number", [("1.12", 1036), ("1036", 1036), ("1.0", 1024), ("1037", 1037)])
def test_version_by_number_and_by_name(bcachefs, tmp, version, number):
    images = fresh_images(tmp, [64], "i")
    bcachefs.run("format", "-q", f"--version={version}", *images, status=0)
    data = whole_superblock(images[0], superblock.FIRST_SECTOR)
    assert struct.unpack_from("<HH", data, 16) == (number, number)


@pytest.mark.parametrize("words", [["--inodes_32bit=0"], ["--no-inodes-32bit"], ["--noinodes_32bit"],
                                   ["--no_inodes_32bit"]])
def test_booleans_are_switched_off_in_many_ways(bcachefs, tmp, words):
    images = fresh_images(tmp, [64], "i")
    r = bcachefs.run("format", *words, *images, status=0)
    assert "  inodes_32bit:                            0\n" in r.out


def test_verbose_formats_and_says_who_initialises(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    r = bcachefs.run("format", "-v", *images, status=0)
    assert "first mount" in r.err and "External UUID:" in r.out


def test_passphrase_from_a_file(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    path = os.path.join(tmp, "passphrase")
    with open(path, "w") as f:
        f.write("correct horse\n")
    bcachefs.run("format", "-q", "--encrypted", f"--passphrase_file={path}", *images, status=0)
    bcachefs.run("unlock", "-c", *images, status=0)


def limited_to(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def test_write_error_names_the_devices_that_were_written(bcachefs, tmp):
    """Files may not be written to beyond 100 MiB: the second device fails at its copy at the end."""
    images = fresh_images(tmp, [64, 128, 64], "i")
    r = subprocess.run([bcachefs.path, "format", "-q", *images], capture_output=True, text=True,
                       preexec_fn=limited_to(100 << 20), stdin=subprocess.DEVNULL)
    assert r.returncode == 1, r
    assert f"{images[0]}: formatted" in r.stderr
    for image in images[1:]:
        assert f"{image}: NOT formatted" in r.stderr
    assert blocks_in_use(images[0]) and not blocks_in_use(images[2])


def test_is_mkfs_under_that_name(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    bcachefs.run("-q", *images, argv0="/x/fsck.d/mkfs.bcachefs", status=0)
    assert whole_superblock(images[0], superblock.FIRST_SECTOR)
