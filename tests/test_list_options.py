"""What list shows on request, and of filesystems that are damaged or not all there."""
import json
import os
import re

import pytest

import superblock
from imagesets import all_sets

SETS = {s.name: s for s in all_sets()}
SUPER = 4096
POINTER = re.compile(r"ptr: (\d+):(\d+):(\d+) gen")


def lines(bcachefs, *args, status=0):
    return bcachefs.run("list", *args, status=status).out.splitlines()


def position(line):
    """(inode, offset) of a key."""
    inode, offset, _ = re.match(r"u64s \d+ type \S+ (\d+):(\d+):(\S+) ", line).groups()
    return int(inode), int(offset)


def overwrite(paths, pointer, at, data):
    """Change bytes of the node that "dev:bucket:offset" names."""
    dev, bucket, offset = map(int, pointer)
    with open(paths[dev], "r+b") as f:
        f.seek(SUPER)
        bucket_bytes = superblock.bucket_bytes(f.read(1 << 16))
        f.seek(bucket * bucket_bytes + offset * 512 + at)
        f.write(data)


def test_range(bcachefs, images):
    (image,) = images(SETS["basic"])
    every = lines(bcachefs, "-b", "dirents", image)
    keys = [k for k in every if k.startswith("u64s")]
    first, last = position(keys[10]), position(keys[-10])
    found = lines(bcachefs, "-b", "dirents", "-s", "%d:%d" % first, "-e", "%d:%d:U32_MAX" % last, image)
    assert found == every[every.index(keys[10]):every.index(keys[-10]) + 1]
    assert lines(bcachefs, "-b", "dirents", "-s", "U64_MAX:U64_MAX:U32_MAX", image) == []
    assert lines(bcachefs, "-b", "dirents", "-s", "POS_MIN", "-e", "SPOS_MAX", image) == every


def test_type(bcachefs, images):
    (image,) = images(SETS["basic"])
    every = lines(bcachefs, "-b", "extents", image)
    found = lines(bcachefs, "-b", "extents", "-k", "inline_data", image)
    assert found and found == [k for k in every if " type inline_data " in k]


def test_levels(bcachefs, images):
    (image,) = images(SETS["deep"])
    every = lines(bcachefs, "-b", "dirents", "-m", "nodes", image)
    upper = lines(bcachefs, "-b", "dirents", "-m", "nodes", "-l", "1", image)
    assert len(upper) < len(every) and upper == [n for n in every if n in upper]
    assert upper[-1] == every[-1] and "SPOS_MAX" in upper[-1]
    assert lines(bcachefs, "-b", "dirents", "-m", "nodes", "-l", "3", image) == []


@pytest.mark.parametrize("mode", ["keys", "nodes", "formats", "nodes-ondisk"])
@pytest.mark.parametrize("btree", ["extents", "inodes", "accounting", "62"])
def test_json(bcachefs, images, mode, btree):
    (image,) = images(SETS["basic"])
    text = lines(bcachefs, "-b", btree, "-m", "keys" if mode == "keys" else "nodes", image)
    documents = [json.loads(line) for line in lines(bcachefs, "-b", btree, "-m", mode, "--json", image)]
    assert len(documents) == sum(line.startswith("u64s") for line in text)
    for d in documents:
        assert d["schema"] == "bcachefs/list/1" and d["level"] == 0
        assert d["btree"] == (62 if btree == "62" else btree)


def test_devices_joined_by_colons(bcachefs, images):
    paths = images(SETS["multi3"])
    assert lines(bcachefs, "-b", "inodes", ":".join(paths)) == lines(bcachefs, "-b", "inodes", *paths)


def test_little_memory(bcachefs, images):
    (image,) = images(SETS["deep"])
    assert lines(bcachefs, "-b", "extents", "--memory", "64k", image) == lines(bcachefs, "-b", "extents", image)


@pytest.mark.parametrize("args", [("-b", "nothing"), ("-k", "nothing"), ("-m", "nothing"), ("-s", "1"), ("-e", "x:y"),
                                  ("-l", "x"), ("--memory", "x"), ("--nothing",)])
def test_bad_usage(bcachefs, images, args):
    (image,) = images(SETS["basic"])
    r = bcachefs.run("list", *args, image, status=2)
    assert r.err.startswith("bcachefs list: ") and not r.out


def test_no_device(bcachefs):
    bcachefs.run("list", status=2)


def test_refuses_repair(bcachefs, images):
    (image,) = images(SETS["basic"])
    r = bcachefs.run("list", "-f", image, status=1)
    assert "not supported" in r.err and not r.out


def test_passphrase(bcachefs, images, tmp):
    """From standard input or a file; without it, or with a wrong one, nothing is shown."""
    image_set = SETS["enc"]
    (image,) = images(image_set)
    path = os.path.join(tmp, "passphrase")
    with open(path, "w") as f:
        f.write(image_set.passphrase + "\n")
    found = bcachefs.run("list", "-b", "dirents", image, input=image_set.passphrase + "\n", status=0).out
    assert " type dirent 4096:" in found
    assert bcachefs.run("list", "-b", "dirents", "--passphrase_file", path, image, status=0).out == found
    assert not bcachefs.run("list", "-b", "dirents", image, input="wrong\n", status=1).out
    assert not bcachefs.run("list", "-b", "dirents", image, status=1).out


# Damage


def test_goes_on_behind_a_lost_leaf(bcachefs, copies):
    """Exactly the keys of the lost leaf are missing."""
    (image,) = copies(SETS["deep"])
    every = lines(bcachefs, "-b", "dirents", image)
    nodes = lines(bcachefs, "-b", "dirents", "-m", "nodes", image)
    lost = nodes[1]
    after, last = position(nodes[0]), position(lost)
    overwrite([image], POINTER.search(lost).groups(), 16, bytes(8))
    r = bcachefs.run("list", "-b", "dirents", image, status=4)
    assert r.out.splitlines() == [k for k in every if not after < position(k) <= last]
    assert "bad magic" in r.err and lost.split(" seq ")[1].split()[0] in r.err
    r = bcachefs.run("list", "-b", "dirents", "-m", "nodes", image, status=4)
    assert r.out.splitlines() == [n for n in nodes if n != lost]
    # What was not asked for is not missed.
    lines(bcachefs, "-b", "dirents", "-e", "%d:%d" % (after[0], after[1] - 1), image)


def test_wrong_checksum_is_told(bcachefs, copies):
    """One bit of a value: all keys are shown, with a status that says that one is doubtful."""
    (image,) = copies(SETS["deep"])
    every = lines(bcachefs, "-b", "dirents", image)
    leaf = lines(bcachefs, "-b", "dirents", "-m", "nodes", image)[0]
    at = 160 + 8 * 4 + 8  # behind the head of the node and of the first key
    overwrite([image], POINTER.search(leaf).groups(), at, b"\xff")
    r = bcachefs.run("list", "-b", "dirents", image, status=4)
    assert len(r.out.splitlines()) >= len(every) - 2
    assert "checksum error, type " in r.err


@pytest.mark.parametrize("at", [0, 16, 24, 136])
def test_other_replica_serves(bcachefs, copies, at):
    paths = copies(SETS["multi3"])
    every = lines(bcachefs, "-b", "dirents", *paths)
    leaf = lines(bcachefs, "-b", "dirents", "-m", "nodes", *paths)[0]
    overwrite(paths, POINTER.findall(leaf)[0], at, b"\xa5" * 8)
    r = bcachefs.run("list", "-b", "dirents", *paths, status=0)
    assert r.out.splitlines() == every
    assert "retry success" in r.err


@pytest.mark.parametrize("missing", range(3))
def test_missing_member(bcachefs, images, missing):
    """Two replicas: one member may be missing, nothing of the metadata is."""
    paths = images(SETS["multi3"])
    there = [p for i, p in enumerate(paths) if i != missing]
    for btree in ("inodes", "dirents"):
        assert lines(bcachefs, "-b", btree, *there) == lines(bcachefs, "-b", btree, *paths)


def test_too_many_missing_members(bcachefs, images):
    paths = images(SETS["multi3"])
    status = {bcachefs.run("list", "-b", btree, paths[2]).status
              for btree in ("inodes", "dirents", "extents", "alloc", "backpointers")}
    assert status <= {0, 4} and 4 in status
