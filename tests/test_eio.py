"""Whatever keeps a file from being read: the message names inode, path, offset, device and bucket."""
import os
import re
import struct

import pytest

import forge
from imagesets import all_sets
from mounts import foreground, need_fuse, secret
from placement import Placement
from wreck import Wreck

SETS = {s.name: s for s in all_sets()}
MESSAGE = re.compile(r"inode (\d+) (/.*) offset (\d+): device (\d+) \((.*?)\) bucket (\d+): (.*)$", re.M)


class Victim:
    """Images of a set, to be damaged."""

    def __init__(self, bcachefs, image_set, paths, tmp):
        self.paths, self.options = paths, []
        words = [*secret(image_set, tmp), *paths]
        self.placement = Placement(bcachefs, words)
        self.wreck = Wreck(bcachefs, image_set, paths, tmp)
        self.path_of = {dev: path for path, dev in self.placement.dev_of.items()}

    def extents(self, keys="extent", compressed=False, checksum=True):
        """Keys with data of this kind, and their copies."""
        for key in self.placement.data_keys():
            crcs = key["val"].get("crc") or []
            kinds = {(c["compression"] not in ("none", "incompressible"), c["type"] != "none") for c in crcs} or \
                {(False, False)}
            if key["type"] == keys and kinds == {(compressed, checksum)}:
                yield key, [(place, p) for place, _, p in self.placement.copies(key)]

    def place(self, dev, sector):
        return dev, sector // self.placement.bucket_sectors[dev]

    def nodes(self, btree, level=0):
        return [n for n in self.wreck.nodes(btree) if n.referenced and n.level == level]


# Each damages something: (inode or None for any, {(device, bucket)} of which one is to be named).

def bad_data(victim, **kind):
    key, copies = next(victim.extents(**kind))
    for (dev, sector, sectors), _ in copies:
        victim.wreck.overwrite(victim.path_of[dev], sector * 512, sectors * 512)
    return key["pos"]["inode"], {victim.place(*place[:2]) for place, _ in copies}


def used_again(victim):
    key, copies = next(victim.extents(checksum=False))
    for _, p in copies:
        old, new = (struct.pack("<Q", forge.ptr_word({**p, "gen": gen & 0xff})) for gen in (p["gen"], p["gen"] - 1))
        assert sum(forge.change_node(victim.path_of[dev], sector * 512, old, new, victim.wreck.node_bytes)
                   for node in victim.nodes("extents") for dev, sector in node.ptrs)
    return key["pos"]["inode"], {victim.place(*place[:2]) for place, _ in copies}


def lost_node(victim, btree):
    node = victim.nodes(btree)[0]
    victim.wreck.destroy_nodes([node])
    return None, {victim.place(*ptr) for ptr in node.ptrs}


CASES = {
    "checksum": ("basic", bad_data, {}, "its checksum is wrong"),
    "compressed": ("comp", bad_data, {"compressed": True}, "its checksum is wrong"),
    "decompression": ("nocsum", bad_data, {"compressed": True, "checksum": False}, "cannot be decompressed"),
    "shared": ("reflink", bad_data, {"keys": "reflink_v"}, "its checksum is wrong"),
    "used again": ("nocsum", used_again, {}, "its space was used again"),
    "node": ("deep", lost_node, {"btree": "extents"}, "its extents cannot be read"),
    "shared node": ("reflink", lost_node, {"btree": "reflink"}, "its shared extents cannot be read"),
}


def read_all(point):
    """Paths of the files that give an I/O error, by inode."""
    bad = {}
    for folder, _, names in os.walk(point):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path) and not os.path.islink(path):
                try:
                    with open(path, "rb") as f:
                        while f.read(1 << 20):
                            pass
                except OSError as e:
                    assert e.strerror == "Input/output error"
                    bad.setdefault(os.lstat(path).st_ino, []).append(path[len(point):])
    return bad


@pytest.mark.parametrize("case", CASES)
def test_message(bcachefs, copies, tmp, case):
    need_fuse(bcachefs)
    name, damage, kind, reason = CASES[case]
    victim = Victim(bcachefs, SETS[name], copies(SETS[name]), tmp)
    inode, places = damage(victim, **kind)
    with foreground(bcachefs, victim.paths, tmp, *secret(SETS[name], tmp), "-o", "very_degraded") as (point, process):
        bad = read_all(point)
    messages = process.stderr.read().decode("utf-8", "surrogateescape")
    found = MESSAGE.findall(messages)
    assert bad and {int(m[0]) for m in found} == bad.keys(), messages
    assert inode is None or kind.get("keys") == "reflink_v" or inode in bad
    for number, path, offset, dev, device, bucket, why in found:
        assert path in bad[int(number)] and int(offset) % 512 == 0
        assert (int(dev), int(bucket)) in places, messages
        assert device == os.path.basename(victim.path_of[int(dev)])
        assert reason in why, messages
