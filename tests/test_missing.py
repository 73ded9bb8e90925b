"""With members missing everything that is still there somewhere is read, and what is not is told."""
import itertools
import re

import pytest

from imagesets import all_sets
from mounts import difference, foreground, lose_content, need_fuse, recorded, tree, unmount
from placement import Placement

SETS = {s.name: s for s in all_sets()}
# All data and metadata of these have copies on two members, or lie in stripes with as much redundancy.
REPLICATED = ("multi3", "tomb", "encwide", "degraded", "unclean2", "ec4", "ec6", "n39un", "n39multi", "n39ec")


@pytest.fixture(autouse=True)
def usable(bcachefs):
    need_fuse(bcachefs)


def missing(names, nr):
    """(set, indices of the images that are missing) of all sets that are there."""
    for name in names:
        if name in SETS:
            for gone in itertools.combinations(range(len(SETS[name].packed)), nr):
                yield pytest.param(SETS[name], gone, id=f"{name}-without-{'-'.join(map(str, gone))}")


def without(paths, gone):
    return [p for i, p in enumerate(paths) if i not in gone]


# What the superblock says of replicas may be worse than what is true of the keys.
SAID_TO_BE_LOST = [("multi3", (0,)), ("multi3", (2,))]
# Written to while member 2 was away: some nodes have one copy only.
LOST = ("degraded-without-0", "degraded-without-1")


@pytest.mark.parametrize("image_set,gone", [p for p in (*missing(REPLICATED, 1), *missing(("ec6",), 2))
                                            if p.id not in LOST])
def test_reads_all_without_members_that_it_can_do_without(images, mounted, image_set, gone):
    options = "ro,very_degraded" if (image_set.name, gone) in SAID_TO_BE_LOST else "ro,degraded"
    point = mounted(image_set, without(images(image_set), gone), options)
    assert not difference(tree(point), recorded(image_set))


# Pairs that have all copies of some data between them, and of no node.
@pytest.mark.parametrize("image_set,gone", [p for p in missing(("ec4", "multi3"), 2) if p.id in (
    "ec4-without-0-2", "ec4-without-0-3", "ec4-without-1-2", "ec4-without-1-3", "multi3-without-1-2")])
def test_reads_what_is_not_lost_without_two_members(bcachefs, images, tmp, image_set, gone):
    paths = images(image_set)
    placement = Placement(bcachefs, paths)
    slots = [placement.dev_of[paths[i]] for i in gone]
    lost = placement.unreadable(lambda place: place[0] in slots)
    assert lost or image_set.name == "multi3"
    rest = without(paths, gone)
    with foreground(bcachefs, rest, tmp, "-o", "degraded,very_degraded") as (point, process):
        found = tree(point)
    messages = process.communicate()[1].decode("utf-8", "surrogateescape")
    expected = recorded(image_set)
    for path, facts in expected.items():
        if facts["ino"] in lost:
            lose_content(facts)
            assert f"inode {facts['ino']} /" in messages
    assert not difference(found, expected)


@pytest.mark.parametrize("name", ["multi3", "ec4", "blk4k"])
def test_refuses_to_mount_with_a_member_missing_unless_told(bcachefs, images, tmp, name):
    if name not in SETS:
        pytest.skip(f"no set {name}")
    paths = images(SETS[name])
    r = bcachefs.run("fusemount", "-o", "ro", *paths[1:], tmp, status=1)
    assert re.search(r"member 0 is missing \((label \S+, )?uuid [0-9a-f-]{36}, last mounted .*\); option 'degraded' ", r.err), r


@pytest.mark.parametrize("command", ["fusemount", "mount"])
def test_a_member_without_superblock_is_to_be_left_out(bcachefs, copies, mounted, tmp, command):
    """It cannot be used, `degraded` or not: that, and what to do, is said; without it the others are opened."""
    image_set = SETS["multi3"]
    paths = copies(image_set)
    with open(paths[1], "r+b") as f:
        f.write(bytes(4 << 20))
        f.seek(-(4 << 20), 2)
        f.write(bytes(4 << 20))
    for options, advice in (("ro", "option 'degraded' opens the others, if no data is lost"),
                            ("ro,degraded", "the others are opened without it")):
        r = bcachefs.run(command, "-o", options, *paths, tmp, status=1)
        assert f"sector 7: Not a bcachefs superblock layout; leave this device out: {advice}\n" in r.err, r
    r = bcachefs.run(command, "-o", "ro", paths[1], tmp, status=1)
    assert "leave" not in r.err
    assert not difference(tree(mounted(image_set, without(paths, [1]), "ro,degraded", command=command)), recorded(image_set))


@pytest.mark.parametrize("image_set,gone", [p for p in missing(("blk4k", "degraded"), 1)
                                            if p.id.startswith("blk4k") or p.id in LOST])
def test_refuses_without_the_only_copy_unless_told(bcachefs, images, tmp, image_set, gone):
    """A missing member takes data or metadata along: `degraded` is not enough, `very_degraded` does what it can."""
    rest = without(images(image_set), gone)
    r = bcachefs.run("fusemount", "-o", "ro,degraded", *rest, tmp, status=1)
    assert "insufficient devices online (0) for replicas entry " in r.err and "'very_degraded'" in r.err, r
    r = bcachefs.run("fusemount", "-o", "ro,very_degraded", *rest, tmp)
    try:
        assert "btree node read error" in r.err or r.status == 0, r
    finally:
        unmount(tmp)
