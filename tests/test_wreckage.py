"""Parts of a filesystem are destroyed: what can still be read is right, and what may not be is named."""
import pytest

from imagesets import all_sets
from wreck import FILE_BTREES, Listing, Wreck, keys

SETS = {s.name: s for s in all_sets()}
SOME = [n for n in ("basic", "blk4k", "deep", "enc", "multi3", "n28", "n39", "objects", "reflink", "snap", "tomb",
                    "unclean1", "unclean2", "n39un", "many", "ec4", "encwide", "n39multi") if n in SETS]
LEVELS = [n for n in ("deep", "many", "n39", "snap") if n in SETS]
BEFORE = {}  # undamaged listings of the sets


def listings(wreck, *options):
    return {b: wreck.run("list", "-b", b, *options) for b in FILE_BTREES}


@pytest.fixture
def wreckage(bcachefs, copies, tmp):
    """wreckage(set name, seed): a Wreck, with the undamaged listings in wreck.before."""
    def make(name, seed=1):
        wreck = Wreck(bcachefs, SETS[name], copies(SETS[name]), tmp, seed)
        if name not in BEFORE:
            BEFORE[name] = {b: keys(r.out) for b, r in listings(wreck).items()}
        wreck.before = BEFORE[name]
        return wreck
    return make


def check_listings(wreck, whole=True):
    """Outside of the ranges that are named as damaged all keys are there, and no others."""
    for btree, r in listings(wreck, "--scan").items():
        assert r.status in (0, 4), f"{r!r}"
        after, before = Listing(r), wreck.before[btree]
        assert after.whole(after.lines) == after.whole(before), f"{btree}: {r!r}"
        if whole:
            assert after.lines == before, f"{btree}: {r!r}"
        if after.damage:
            assert r.status == 4, f"damage is told by the status: {r!r}"


@pytest.mark.parametrize("name", SOME)
def test_scan_of_an_intact_filesystem_changes_nothing(wreckage, name):
    wreck = wreckage(name)
    for btree, r in listings(wreck, "--scan").items():
        assert (keys(r.out), r.status) == (wreck.before[btree], 0), f"{r!r}"


@pytest.mark.parametrize("case", ["default_superblock", "layout", "superblocks_but_one"])
@pytest.mark.parametrize("name", SOME)
def test_superblocks(wreckage, name, case):
    wreck = wreckage(name)
    if getattr(wreck, case)() is False:
        pytest.skip("a single device")
    check_listings(wreck)


@pytest.mark.parametrize("name", [n for n in SOME if not SETS[n].unclean])
def test_journal_of_a_clean_filesystem(wreckage, name):
    wreck = wreckage(name)
    wreck.journal()
    check_listings(wreck)


@pytest.mark.parametrize("btree", FILE_BTREES)
@pytest.mark.parametrize("name", SOME)
def test_root(wreckage, name, btree):
    wreck = wreckage(name)
    if not wreck.root(btree):
        pytest.skip("no such btree")
    check_listings(wreck, whole=False)


@pytest.mark.parametrize("btree", ["extents", "inodes", "dirents", "xattrs"])
@pytest.mark.parametrize("name", LEVELS)
def test_interior_node(wreckage, name, btree):
    """All leaves are there, and backpointers tell which of them are in use: nothing is lost."""
    wreck = wreckage(name)
    if not wreck.interior(btree):
        pytest.skip("no interior node")
    check_listings(wreck)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SOME)
def test_one_node_in_twenty(wreckage, name, seed):
    wreck = wreckage(name, seed)
    wreck.one_in_twenty()
    check_listings(wreck, whole=False)
