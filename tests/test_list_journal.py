"""list_journal -a prints what the real tool prints, whole text, for every recorded set."""
import pytest

from imagesets import all_sets
from normalise import same

SETS = [s for s in all_sets() if s.has("list_journal.txt")]


@pytest.mark.parametrize("image_set", SETS, ids=str)
def test_whole_journal(bcachefs, images, image_set):
    r = bcachefs.run("list_journal", "-a", *images(image_set), status=0)
    same(r.out, image_set.text("list_journal.txt"))


ENCRYPTED = [s for s in all_sets() if s.passphrase and not s.unclean and (s.kernel or "").startswith("6.12")]


@pytest.mark.parametrize("image_set", ENCRYPTED, ids=str)
def test_encrypted_as_the_real_tool_lists_it(bcachefs, real_tool, images, copies, image_set):
    secret = image_set.passphrase + "\n"
    ours = bcachefs.run("list_journal", "-a", *images(image_set), input=secret, status=0)
    real = real_tool.run("list_journal", "-a", *copies(image_set), input=secret)
    assert real.status == 0, real
    assert "journal entry" in ours.out
    same(ours.out, real.out)
