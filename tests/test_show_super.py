"""show-super prints what the real tool prints, whole text, for every image set."""
import pytest

from imagesets import all_sets
from normalise import same

SHORT = [s for s in all_sets() if s.has("show-super.txt")]
LONG = [(s, i) for s in all_sets() for i in range(len(s.packed)) if s.has(f"show-super-{i}.txt")]


@pytest.mark.parametrize("image_set", SHORT, ids=str)
def test_default_sections(bcachefs, images, image_set):
    r = bcachefs.run("show-super", images(image_set)[0], status=0)
    same(r.out, image_set.text("show-super.txt"))


@pytest.mark.parametrize("image_set,device", LONG, ids=str)
def test_all_sections_and_layout(bcachefs, images, image_set, device):
    r = bcachefs.run("show-super", "-f", "all", "-l", images(image_set)[device], status=0)
    same(r.out, image_set.text(f"show-super-{device}.txt"))
