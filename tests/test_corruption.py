"""Copies with random damage: files are read all the same, and scrub names exactly the bad copies and their files.

What is expected follows from the listed keys and the damaged sectors alone.
"""
import json
import os
import random

import pytest

from imagesets import SETS, have
from mounts import difference, foreground, lose_content, need_fuse, recorded, secret, tree
from placement import Placement, overlap

REPAIRABLE, LOST = 2, 4


class Damage:
    """Copies of a set's images in which whole blocks are turned around, with what has to follow."""

    def __init__(self, bcachefs, image_set, paths, tmp, seed):
        self.bcachefs, self.paths, self.image_set = bcachefs, paths, image_set
        self.words = [*secret(image_set, tmp), *paths]
        self.placement = Placement(bcachefs, self.words)
        self.path_of = {dev: path for path, dev in self.placement.dev_of.items()}
        self.rng = random.Random(seed)
        self.blocks = set()

    def hit(self, place):
        """Damage one block of a place."""
        dev, sector, sectors = place
        n = self.placement.block_sectors
        at = sector + self.rng.randrange(max(1, sectors // n)) * n
        if (dev, at) in self.blocks:
            return
        self.blocks.add((dev, at))
        with open(self.path_of[dev], "r+b") as f:
            f.seek(at * 512)
            data = bytes(b ^ 0x5a for b in f.read(min(n, sectors) * 512))
            f.seek(at * 512)
            f.write(data)

    def bad(self, place):
        return any(overlap(place, (dev, at, self.placement.block_sectors)) for dev, at in self.blocks)

    def expected(self):
        """(dev, sector, sectors, data, remedy, inodes) of each bad copy that something tells."""
        found, extents = set(), []
        for key in self.placement.data_keys():
            for place, verifiable, p in self.placement.copies(key):
                if verifiable and self.bad(place):
                    extents.append(place)
                    found.add((*place, "cached extent" if p["cached"] else "extent",
                               frozenset(self.placement.owners(key))))
        for _, _, parity, place in self.placement.granules():
            if self.bad(place) and (parity or not any(overlap(place, e) for e in extents)):
                found.add((*place, "parity block" if parity else "stripe data block", frozenset()))
        for _, places in self.placement.nodes:
            found |= {(*place, "btree node", frozenset()) for place in places if self.bad(place)}
        return found

    def check_scrub(self, status):
        r = json.loads(self.bcachefs.run("scrub", "--dry-run", "--json", *self.words, status=status).out)
        told = {(e["dev_idx"], e["sector"], e["sectors"], e["data"], frozenset(f["inode"] for f in e["files"]))
                for e in r["errors"]}
        expected = self.expected()
        assert told == expected, (told - expected, expected - told)
        assert r["exit_status"] == status and r["totals"]["uncorrected"] == len(told) == len(r["errors"])
        paths = {}
        for path, facts in recorded(self.image_set).items():
            paths.setdefault(facts["ino"], set()).add("/" + path)
        for e in r["errors"]:
            assert e["device"] == self.path_of[e["dev_idx"]] and e["bucket"] == \
                e["sector"] // self.placement.bucket_sectors[e["dev_idx"]]
            for f in e["files"]:
                assert f["path"] in paths[f["inode"]], (f, paths[f["inode"]])
        return r["errors"]


@pytest.fixture
def damage(bcachefs, copies, tmp):
    return lambda image_set, seed: Damage(bcachefs, image_set, copies(image_set), tmp, seed)


# ---- One member damaged: nothing is lost ----

@pytest.mark.threads
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("image_set", have("multi3", "encwide", "tomb", "ec4", "ec6", "n39multi", "n39ec"))
def test_damage_of_one_member_is_made_good_and_told_exactly(bcachefs, damage, mounted, image_set, seed):
    d = damage(image_set, seed)
    dev = d.rng.choice(sorted(d.path_of))
    data = [p for k in d.placement.data_keys() for p, _, _ in d.placement.copies(k)]
    stripes = [place for *_, place in d.placement.granules()]
    nodes = [p for _, places in d.placement.nodes for p in places]
    for places, most in ((data, 40), (stripes, 20), (nodes, 8)):
        mine = [p for p in places if p[0] == dev]
        for place in d.rng.sample(mine, min(most, len(mine))):
            d.hit(place)
    errors = d.check_scrub(REPAIRABLE)
    assert {e["dev_idx"] for e in errors} == {dev}
    assert {e["remedy"] for e in errors} <= {"other_copy", "stripe"}, errors
    assert {e["data"] for e in errors} >= {"extent", "btree node"}
    assert not difference(tree(mounted(image_set, d.paths)), recorded(image_set))


# ---- Data with one copy ----

def subvolume(image_set, path):
    """Inode numbers are those of a subvolume, and of what it is a snapshot of."""
    return path.split("/")[0] if image_set.name == "snap" else ""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("image_set", have("basic", "comp", "enc", "reflink", "blk4k", "snap"))
def test_damage_without_another_copy_loses_exactly_these_files(bcachefs, damage, tmp, image_set, seed):
    need_fuse(bcachefs)
    d = damage(image_set, seed)
    places = [p for k in d.placement.data_keys() for p, verifiable, _ in d.placement.copies(k) if verifiable]
    for place in d.rng.sample(places, 12):
        d.hit(place)
    errors = d.check_scrub(LOST)
    assert {e["remedy"] for e in errors} == {"lost"}
    lost = d.placement.unreadable(d.bad)
    assert lost == {f["inode"] for e in errors for f in e["files"]}
    with foreground(bcachefs, d.paths, tmp, *secret(image_set, tmp)) as (point, _):
        found = tree(point)
    expected = recorded(image_set)
    named = {f["path"][1:] for e in errors for f in e["files"]}
    same_file = {(expected[path]["ino"], subvolume(image_set, path)) for path in named}
    for path, facts in expected.items():
        if (facts["ino"], subvolume(image_set, path)) in same_file:
            lose_content(facts)
    assert not difference(found, expected)


# ---- Both ----

@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("image_set", have("multi3", "ec4", "n39multi"))
def test_what_is_lost_and_what_is_not_is_told_apart(damage, image_set, seed):
    d = damage(image_set, seed)
    keys = [k for k in d.placement.data_keys() if not k["size_sectors"] % d.placement.block_sectors]
    whole, half = d.rng.sample(keys, 2)
    for place, _, p in d.placement.copies(whole):
        d.hit(place)
        for s in [d.placement.stripes[p["stripe"]["idx"]]] if "stripe" in p else []:
            # All of another block of the stripe, and it is beyond help.
            other = next(o for b, o in enumerate(s["ptrs"]) if b != p["stripe"]["block"])
            for at in range(0, s["sectors"], d.placement.block_sectors):
                d.hit((other["dev"], other["offset_sectors"] + at, d.placement.block_sectors))
    if not d.bad(next(d.placement.copies(half))[0]):
        d.hit(next(d.placement.copies(half))[0])
    errors = d.check_scrub(LOST | REPAIRABLE)
    lost = set().union(*(d.placement.owners(k) for k in d.placement.data_keys() if d.placement.lost(k, d.bad)))
    assert lost == {f["inode"] for e in errors if e["remedy"] == "lost" for f in e["files"]}
    assert d.placement.lost(whole, d.bad)


@pytest.mark.parametrize("image_set", have("ec4", "ec6", "n39ec"))
def test_stripes_help_each_granule_by_itself(damage, mounted, image_set):
    """More blocks are bad than there is redundancy, but never at the same place."""
    d = damage(image_set, 5)
    done = set()
    for key in d.placement.extents:
        for (dev, sector, sectors), _, p in d.placement.copies(key) if key["type"] == "extent" else ():
            s = d.placement.stripes.get(p.get("stripe", {}).get("idx"))
            if not s or p["stripe"]["idx"] in done:
                continue
            step, at = s["csum_granularity_sectors"], sector - p["offset_sectors"]
            at += p["offset_sectors"] - s["ptrs"][p["stripe"]["block"]]["offset_sectors"]
            if at // step == (at + sectors - 1) // step:
                continue
            done.add(p["stripe"]["idx"])
            d.hit((dev, sector, min(sectors, d.placement.block_sectors)))
            others = [o for b, o in enumerate(s["ptrs"]) if b != p["stripe"]["block"]]
            for o in others[:s["nr_redundant"] - 1]:
                d.hit((o["dev"], o["offset_sectors"] + at // step * step, d.placement.block_sectors))
            for o in others[-s["nr_redundant"]:]:
                d.hit((o["dev"], o["offset_sectors"] + (at // step + 1) * step, d.placement.block_sectors))
    assert len(done) > 3 and not d.placement.unreadable(d.bad)
    d.check_scrub(REPAIRABLE)
    assert not difference(tree(mounted(image_set, d.paths)), recorded(image_set))


def test_scrub_finds_nothing_where_nothing_lies(bcachefs, damage):
    """Damage of free space is none."""
    d = damage(SETS["multi3"], 1)
    for dev, path in d.path_of.items():
        d.hit((dev, os.path.getsize(path) // 512 * 3 // 4, d.placement.block_sectors))
    assert not d.expected()
    d.check_scrub(0)
