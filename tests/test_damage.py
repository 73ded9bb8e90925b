"""Damaged, wrong or missing devices: no crash, no endless loop; a clear message and a status that is
not 0, or, where the damage does not matter to the command, a complete answer."""
import os
import random
import struct

import pytest

import superblock
from imagesets import BTREES, ImageSet, all_sets, data_blocks
from normalise import same

SETS = {s.name: s for s in all_sets()}
SUPER = 4096
READERS = (("show-super", "-f", "all", "-l"), ("list", "-b", "extents"), ("list", "-b", "inodes"),
           ("list", "-b", "alloc", "-m", "nodes-ondisk"), ("list_journal", "-a"))


def each_reader(bcachefs, devices, commands=READERS, **kwargs):
    """Run the commands; each must end well or say why not."""
    for command in commands:
        r = bcachefs.run(*command, *(devices[:1] if command[0] == "show-super" else devices), timeout=120, **kwargs)
        assert r.status in (0, 1, 2, 4), f"{r!r}"
        if r.status:
            assert r.err.strip(), f"no message: {r!r}"
            assert r.status == 4 or f"bcachefs {command[0]}: " in r.err, f"a message names the program: {r!r}"
        yield command, r


def overwrite(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4095, 4096, 4608, 8192, 1 << 20, 3 << 20, (64 << 20) + 13])
def test_truncated_image(bcachefs, copies, size):
    (image,) = copies(SETS["basic"])
    os.truncate(image, size)
    for command, r in each_reader(bcachefs, [image]):
        if size < SUPER + 752:
            assert r.status == 1, f"{r!r}"


@pytest.mark.parametrize("fill", ["zeros", "ones", "random"])
def test_device_without_a_filesystem(bcachefs, tmp, fill):
    image = os.path.join(tmp, "image")
    block = {"zeros": bytes(4096), "ones": b"\xff" * 4096, "random": random.Random(1).randbytes(4096)}[fill]
    with open(image, "wb") as f:
        f.write(block * 256)
        f.truncate(64 << 20)
    for _, r in each_reader(bcachefs, [image]):
        assert r.status == 1, f"{r!r}"


@pytest.mark.parametrize("kind", ["folder", "missing", "pipe"])
def test_not_a_device(bcachefs, tmp, kind):
    path = os.path.join(tmp, "x")
    if kind == "folder":
        os.mkdir(path)
    elif kind == "pipe":
        path = "/dev/null"
    for _, r in each_reader(bcachefs, [path]):
        assert r.status == 1, f"{r!r}"
        assert path in r.err, f"the message names the device: {r!r}"


FIELDS = {
    "u64s": (124, struct.pack("<I", 0xFFFFFFFF)), "u64s-small": (124, struct.pack("<I", 1)),
    "block_size": (120, struct.pack("<H", 0)), "block_size-odd": (120, struct.pack("<H", 3)),
    "dev_idx": (122, b"\xff"), "nr_devices": (123, b"\0"), "version": (16, struct.pack("<H", 0xFFFF)),
    "offset": (104, struct.pack("<Q", 1 << 60)), "time_precision": (140, struct.pack("<I", 0)),
    "features": (208, b"\xff" * 16), "flags": (146, b"\xff" * 54), "section-0": (752, struct.pack("<I", 0)),
    "section-large": (752, struct.pack("<I", 0xFFFFFFFF)), "section-type": (756, struct.pack("<I", 0xFFFFFFFF)),
    "layout-nr": (240 + 18, b"\xff"), "layout-bits": (240 + 17, b"\xff"),
}


def without_checksum(image, sector):
    """Make a copy of the superblock say that it has no checksum, so that the validators are reached."""
    with open(image, "r+b") as f:
        f.seek(sector * 512)
        head = bytearray(f.read(superblock.HEAD))
        struct.pack_into("<Q", head, 144, struct.unpack_from("<Q", head, 144)[0] & ~(0x3F << 2))
        head[:16] = bytes(16)
        f.seek(sector * 512)
        f.write(head)


def copies_of_superblock(image):
    with open(image, "rb") as f:
        f.seek(SUPER)
        return superblock.offsets(f.read(superblock.HEAD))


@pytest.mark.parametrize("field", FIELDS)
def test_one_bad_superblock_copy(bcachefs, copies, field):
    """The others serve; a message tells which one is bad."""
    (image,) = copies(SETS["basic"])
    offset, value = FIELDS[field]
    overwrite(image, SUPER + offset, value)
    for command, r in each_reader(bcachefs, [image]):
        assert r.status == 0, f"{r!r}"
        assert "sector 8" in r.err, f"{r!r}"
        if command[0] == "show-super":
            same(r.out, SETS["basic"].text("show-super-0.txt"))


@pytest.mark.parametrize("field", FIELDS)
def test_bad_field_in_all_superblock_copies(bcachefs, copies, field):
    (image,) = copies(SETS["basic"])
    offset, value = FIELDS[field]
    for sector in copies_of_superblock(image):
        without_checksum(image, sector)
        overwrite(image, sector * 512 + offset, value)
    for _ in each_reader(bcachefs, [image]):
        pass


def test_checksums_of_all_superblock_copies_wrong(bcachefs, copies):
    (image,) = copies(SETS["basic"])
    for sector in copies_of_superblock(image):
        overwrite(image, sector * 512 + 72, b"other label")
    for _, r in each_reader(bcachefs, [image]):
        assert r.status == 1 and "checksum" in r.err, f"{r!r}"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["basic", "snap", "unclean1"])
def test_random_bytes_in_metadata(bcachefs, copies, name, seed):
    paths = copies(SETS[name])
    rng = random.Random(seed)
    blocks = [b for b in data_blocks(paths[0]) if b >= 8192]
    for offset in rng.sample(blocks, min(len(blocks), 40)):
        what = rng.choice(("flip", "zero", "random"))
        with open(paths[0], "r+b") as f:
            f.seek(offset)
            block = bytearray(f.read(4096))
            if what == "flip":
                block[rng.randrange(4096)] ^= 1 << rng.randrange(8)
            else:
                block = bytes(4096) if what == "zero" else rng.randbytes(4096)
            f.seek(offset)
            f.write(block)
    for _ in each_reader(bcachefs, paths):
        pass


def test_every_node_zeroed_one_btree_after_the_other(bcachefs, copies):
    """Each btree that lost its root is reported, none takes another one down."""
    (image,) = copies(SETS["basic"])
    before = {b: bcachefs.run("list", "-b", b, image) for b in BTREES}
    nodes = bcachefs.run("list", "-b", "dirents", "-m", "nodes", image, status=0).out
    pointers = [p.split()[1].split(":") for p in nodes.split("ptr: ")[1:] for p in ["ptr: " + p]]
    with open(image, "r+b") as f:
        f.seek(SUPER)
        bucket_bytes = superblock.bucket_bytes(f.read(1 << 16))
        for _, bucket, offset in pointers:
            f.seek(int(bucket) * bucket_bytes + int(offset) * 512)
            f.write(bytes(4096))
    for btree in BTREES:
        r = bcachefs.run("list", "-b", btree, image)
        if btree == "dirents":
            assert r.status == 4 and r.err.strip(), f"{r!r}"
        else:
            assert (r.status, r.out) == (before[btree].status, before[btree].out), btree


def test_missing_member_that_matters(bcachefs, images):
    """unclean2 keeps two replicas: one device is enough; multi3 without its metadata devices is not."""
    r = bcachefs.run("list", "-b", "extents", images(SETS["unclean2"])[0])
    assert r.status in (0, 4), f"{r!r}"
    r = bcachefs.run("list", "-b", "extents", images(SETS["multi3"])[2])
    assert r.status in (0, 1, 4), f"{r!r}"
    assert r.status == 0 or r.err.strip(), f"{r!r}"


def test_devices_of_two_filesystems(bcachefs, images):
    r = bcachefs.run("list", "-b", "extents", images(SETS["basic"])[0], images(SETS["comp"])[0], status=1)
    assert images(SETS["comp"])[0] in r.err or images(SETS["basic"])[0] in r.err, f"{r!r}"


def test_same_device_twice(bcachefs, images):
    basic = images(SETS["basic"])[0]
    r = bcachefs.run("list", "-b", "dirents", basic, basic)
    assert r.status == 1 and basic in r.err or r.status == 0, f"{r!r}"


@pytest.mark.parametrize("given", ["wrong\n", "\n", ""])
def test_wrong_passphrase(bcachefs, images, given):
    r = bcachefs.run("list", "-b", "extents", *images(SETS["enc"]), input=given, status=1)
    assert "passphrase" in r.err, f"{r!r}"
    assert not r.out


def test_passphrase_on_standard_input_and_from_a_file(bcachefs, images, tmp):
    devices = images(SETS["enc"])
    r = bcachefs.run("list", "-b", "dirents", *devices, input="correct horse\n", status=0)
    assert "type dirent" in r.out
    secret = os.path.join(tmp, "passphrase")
    with open(secret, "w") as f:
        f.write("correct horse\n")
    again = bcachefs.run("list", "-b", "dirents", f"--passphrase_file={secret}", *devices, status=0)
    assert again.out == r.out


def test_set_with_stale_member_opens(bcachefs, images):
    """In `degraded` member 2 missed writes: what it lacks comes from the others."""
    image_set: ImageSet = SETS["degraded"]
    for _ in each_reader(bcachefs, images(image_set)):
        pass
