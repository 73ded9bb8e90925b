"""Extents that a newer kernel marked as bad when it moved them (spec 06 section 16.2): their new
checksum is right, and still they may not be read as if they were good."""
import json
import os
import struct

import pytest

import forge
from imagesets import all_sets
from mounts import foreground, need_fuse
from placement import Placement
from wreck import Wreck

SETS = {s.name: s for s in all_sets()}
CSUM_CRC32C, FLAGS, POISONED = 5, 1 << 6, 1 << 7
POISON = "was bad already when the filesystem moved it, and is marked so"


def crc32_word(crc):
    """The entry of a checksum of an extent that is not compressed."""
    return (2 | crc["compressed_sectors"] - 1 << 2 | crc["uncompressed_sectors"] - 1 << 9 | crc["offset_sectors"] << 16 |
            CSUM_CRC32C << 24 | int(crc["csum"].split(":")[1], 16) << 32)


@pytest.fixture
def poisoned(bcachefs, copies, tmp):
    """(paths, inode, (sector, sectors)): in a set of version 1.28 the extent of a file, [crc32, pointer], became [poisoned, pointer]."""
    paths = copies(SETS["n28"])
    wreck = Wreck(bcachefs, SETS["n28"], paths, tmp)
    for key in Placement(bcachefs, paths).data_keys():
        crcs = key["val"].get("crc") or []
        if key["type"] != "extent" or len(key["val"]["ptrs"]) != 1 or len(crcs) != 1 or crcs[0]["compression"] != "none":
            continue
        ptr = forge.ptr_word(key["val"]["ptrs"][0])
        old, new = struct.pack("<QQ", crc32_word(crcs[0]), ptr), struct.pack("<QQ", FLAGS | POISONED, ptr)
        if sum(forge.change_node(paths[0], sector * 512, old, new, wreck.node_bytes)
               for node in wreck.nodes("extents") if node.referenced for _, sector in node.ptrs) == 1:
            return paths, key["pos"]["inode"], (key["val"]["ptrs"][0]["offset_sectors"], key["size_sectors"])
    raise AssertionError("no extent could be changed")


def path_of(point, inode):
    return next(os.path.join(folder, name) for folder, _, names in os.walk(point) for name in names
                if os.lstat(os.path.join(folder, name)).st_ino == inode)


def test_poisoned_data_is_not_read_as_good(bcachefs, poisoned, tmp):
    need_fuse(bcachefs)
    paths, inode, _ = poisoned
    with foreground(bcachefs, paths, tmp) as (point, process):
        with pytest.raises(OSError, match="Input/output error"):
            open(path_of(point, inode), "rb").read()
    messages = process.stderr.read().decode()
    assert f"inode {inode} /" in messages
    assert "device 0 (dev0.img) bucket " in messages and POISON in messages


def test_restore_tells_of_poisoned_data(bcachefs, poisoned, tmp):
    paths, _, _ = poisoned
    r = bcachefs.run("restore", paths[0], os.path.join(tmp, "out"), status=4)
    assert POISON in r.err, r


LOST = 4


@pytest.mark.parametrize("words", [[], ["--decompress"]], ids=["checksums", "decompress"])
def test_scrub_tells_of_poisoned_data(bcachefs, poisoned, words):
    """As data that were lost before, with the files; once for each copy."""
    paths, inode, place = poisoned
    r = json.loads(bcachefs.run("scrub", "-n", "--json", *words, *paths, status=LOST).out)
    (error,) = r["errors"]
    assert (error["kind"], error["remedy"], error["data"], error["reason"]) == ("poisoned", "lost", "extent", POISON)
    assert (error["sector"], error["sectors"]) == place
    assert {f["inode"] for f in error["files"]} == {inode} and error["path"] == error["files"][0]["path"]
    assert r["totals"]["uncorrected"] == r["totals"]["lost"] == r["devices"][0]["lost"] == 1 and r["exit_status"] == LOST
    text = bcachefs.run("scrub", "-n", *words, *paths, status=LOST).out
    assert f"): extent: {POISON}; lost\n  {error['path']} (inode {inode} " in text
    assert "1 bad copies (0 repairable, 1 lost)" in text
    bcachefs.run("scrub", "-n", "-m", *paths, status=0)
