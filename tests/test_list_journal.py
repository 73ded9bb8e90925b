"""list_journal -a prints what the real tool prints, whole text, for every recorded set."""
import pytest

from imagesets import all_sets
from normalise import same

SETS = [s for s in all_sets() if s.has("list_journal.txt")]


@pytest.mark.parametrize("image_set", SETS, ids=str)
def test_whole_journal(bcachefs, images, image_set):
    r = bcachefs.run("list_journal", "-a", *images(image_set), status=0)
    same(r.out, image_set.text("list_journal.txt"))
