"""Parts of a filesystem are destroyed: what can still be read is right, and what may not be is named.

How much comes out is kept in wreckage.json, per set and case: files that are whole, that are whole but named as
doubtful, that are incomplete or older (and named), that are lost, and that should not be there. Less of the first
than there was is a failure. WRECKAGE_RECORD=FILE writes a new table of what was seen, a line a test.
"""
import json
import os
import re
import struct

import pytest

from imagesets import HERE, all_sets
from test_restore import check_damaged, difference, path_of, recorded, tree
from wreck import FILE_BTREES, Listing, Wreck, keys

SETS = {s.name: s for s in all_sets()}
SOME = [n for n in ("basic", "deep", "enc", "multi3", "n39", "reflink", "snap", "unclean1", "unclean2", "tomb") if n in SETS]
MORE = [n for n in ("many", "ec4", "encwide", "n39multi", "n39enc") if n in SETS and os.environ.get("WRECKAGE_ALL")]
LEVELS = [n for n in ("deep", "many", "n39", "snap") if n in SETS]
CASES = [("default_superblock",), ("layout",), ("superblocks_but_one",), ("journal",), ("interior", "inodes"),
         ("interior", "extents"), ("one_in_twenty",), ("flipped_bits",), ("whole_btree", "snapshots"), ("whole_btree", "subvolumes"),
         ("whole_btree", "snapshots", "subvolumes")] + [("root", b) for b in FILE_BTREES]
BEFORE = {}  # undamaged listings of the sets

with open(os.path.join(HERE, "wreckage.json")) as f:
    RECORDED = json.load(f)


@pytest.fixture
def wreckage(bcachefs, copies, tmp):
    """wreckage(set name, seed): a Wreck."""
    return lambda name, seed=1: Wreck(bcachefs, SETS[name], copies(SETS[name]), tmp, seed)


# ---- Files ----

def figures(r, target, image_set):
    entries = {path_of(e): e for e in json.loads(r.out)["files"]}
    found, expected = tree(target), recorded(image_set)
    n = {"whole": 0, "named": 0, "partial": 0, "lost": 0, "extra": len(found.keys() - expected.keys())}
    for path, facts in expected.items():
        if path not in found:
            n["lost"] += 1
        elif difference({path: found[path]}, {path: facts}, without=["nlink"]):
            n["partial"] += 1
        else:
            n["whole" if entries[path]["quality"] == "intact" else "named"] += 1
    return n


def check_figures(name, case, n):
    if "WRECKAGE_RECORD" in os.environ:
        with open(os.environ["WRECKAGE_RECORD"], "a") as out:
            out.write(json.dumps([name, case, n]) + "\n")
        return
    before = RECORDED[name][case]
    assert (n["whole"], n["named"]) >= (before["whole"], before["named"]), f"{n}, recorded were {before}"


@pytest.mark.parametrize("case", CASES, ids=":".join)
@pytest.mark.parametrize("name", SOME + MORE)
def test_restore(bcachefs, wreckage, tmp, name, case):
    wreck = wreckage(name)
    if getattr(wreck, case[0])(*case[1:]) is False:
        pytest.skip("the set has nothing of the kind")
    before = wreck.hashes()
    target = os.path.join(tmp, "out")
    r = wreck.run("restore", "--json", "--scan", target=target)
    assert r.status in (0, 4), f"{r!r}"
    assert wreck.hashes() == before, "the images were written to"
    check_damaged(r, target, SETS[name], None)
    n = figures(r, target, SETS[name])
    print(name, *case, n)
    check_figures(name, ":".join(case), n)
    if case[0] in ("default_superblock", "layout", "superblocks_but_one") or \
            case[0] == "journal" and not SETS[name].unclean:
        assert r.status == 0 and n["whole"] == len(recorded(SETS[name])), f"nothing is lost with these: {n} {r!r}"


@pytest.mark.parametrize("version,feature,status", [(1024 + 60, None, 0), (1024 + 13, 60, 0), (2048, None, 1)])
def test_newer_filesystem(bcachefs, wreckage, tmp, version, feature, status):
    """A newer version, or features that nobody knows, do not keep files from being read; another major version does."""
    def change(data):
        struct.pack_into("<H", data, 16, version)
        if feature:
            data[208 + feature // 8] |= 1 << feature % 8

    wreck = wreckage("basic")
    wreck.change_superblocks(change)
    r = wreck.run("restore", "--json", "--scan", target=os.path.join(tmp, "out"), status=status)
    if status:
        assert "Unsupported superblock version" in r.err, f"{r!r}"
        return
    assert figures(r, os.path.join(tmp, "out"), SETS["basic"])["whole"] == len(recorded(SETS["basic"]))
    if feature:
        assert "reading it all the same" in r.err, f"{r!r}"


# ---- Keys ----

def listings(wreck, *options):
    return {b: wreck.run("list", "-b", b, *options) for b in FILE_BTREES}


def check_listings(wreck, whole=True):
    """Outside of the ranges that are named as damaged all keys are there, and no others."""
    for btree, r in listings(wreck, "--scan").items():
        assert r.status in (0, 4), f"{r!r}"
        after, before = Listing(r), BEFORE[wreck.set.name][btree]
        if re.search(rf"[1-9]\d* {btree}(?: and \d+ subvolumes)? put together from inodes", r.err) and not whole:
            continue  # keys that were made up, and told to be
        assert after.whole(after.lines) == after.whole(before), f"{btree}: {r!r}"
        if whole:
            assert after.lines == before, f"{btree}: {r!r}"
        if after.damage:
            assert r.status == 4, f"damage is told by the status: {r!r}"


@pytest.fixture
def listed(wreckage):
    """listed(set name, seed): a Wreck whose undamaged listings are known."""
    def make(name, seed=1):
        wreck = wreckage(name, seed)
        if name not in BEFORE:
            BEFORE[name] = {b: keys(r.out) for b, r in listings(wreck).items()}
        return wreck
    return make


@pytest.mark.parametrize("name", SOME + MORE)
def test_scan_of_an_intact_filesystem_changes_nothing(listed, name):
    wreck = listed(name)
    for btree, r in listings(wreck, "--scan").items():
        assert (keys(r.out), r.status) == (BEFORE[name][btree], 0), f"{r!r}"


@pytest.mark.parametrize("btree", ["extents", "inodes", "dirents", "xattrs"])
@pytest.mark.parametrize("name", LEVELS)
def test_interior_node(listed, name, btree):
    """All leaves are there, and backpointers tell which of them are in use: nothing is lost."""
    wreck = listed(name)
    if not wreck.interior(btree):
        pytest.skip("no interior node")
    check_listings(wreck)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SOME + MORE)
def test_one_node_in_twenty(listed, name, seed):
    wreck = listed(name, seed)
    wreck.one_in_twenty()
    check_listings(wreck, whole=False)
