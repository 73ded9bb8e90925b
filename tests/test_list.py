"""list prints what the real tool prints, whole text, for every recorded btree and mode.

On sets that were not shut down the real tool takes the roots from the journal but shows no keys
that are only there: they are compared with `list --no-journal`.
"""
import pytest

from imagesets import BTREES, all_sets
from normalise import same

pytestmark = pytest.mark.needs("list")

MODES = ("keys", "formats", "nodes", "nodes-ondisk")


def recorded():
    for image_set in all_sets():
        for btree in BTREES:
            for mode in MODES:
                name = f"list/{btree}.txt" if mode == "keys" else f"list/{btree}.{mode}.txt"
                if image_set.has(name):
                    yield pytest.param(image_set, btree, mode, name, id=f"{image_set}-{btree}-{mode}")


@pytest.mark.parametrize("image_set,btree,mode,name", recorded())
def test_prints_as_the_real_tool(bcachefs, images, image_set, btree, mode, name):
    journal = ["--no-journal"] if image_set.unclean else []
    r = bcachefs.run("list", "-b", btree, "-m", mode, *journal, *images(image_set), status=0)
    same(r.out, image_set.text(name), image_set.unclean)
