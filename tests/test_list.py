"""list prints what the real tool prints, whole text, for every recorded btree and mode.

On sets that were not shut down the real tool takes the roots from the journal but shows no keys
that are only there: they are compared with `list --no-journal`.
"""
import os

import pytest

from imagesets import BTREES, all_sets
from normalise import same

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


def printed_by_the_kernel():
    """Newer sets have the kernel's own text of every key; it was mounted (read-only) then, so of clean sets only."""
    for image_set in all_sets():
        for btree in BTREES:
            if image_set.has(f"keys-{btree}.txt") and not image_set.unclean:
                yield pytest.param(image_set, btree, id=f"{image_set}-{btree}")


@pytest.mark.parametrize("image_set,btree", printed_by_the_kernel())
def test_prints_as_newer_kernels(bcachefs, images, tmp, image_set, btree):
    """Their text is raw; ours has U+FFFD for what is not UTF-8, as the real tool. They name devices: vda, vdb ..."""
    secret = image_set.passphrase and image_set.passphrase + "\n"
    devices = [os.path.join(tmp, "vd" + letter) for letter, _ in zip("abcdefgh", image_set.packed)]
    for path, device in zip(images(image_set), devices):
        os.symlink(path, device)
    r = bcachefs.run("list", "-b", btree, *devices, input=secret, status=0)
    expected = image_set.text(f"keys-{btree}.txt").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    same(r.out, expected)


# Encrypted sets have no recorded listings: the real tool lists them live, with the passphrase.
ENCRYPTED = [s for s in all_sets() if s.passphrase and not s.unclean and (s.kernel or "").startswith("6.12")]

ENCRYPTED_CASES = [pytest.param(s, b, m, id=f"{s}-{b}-{m}") for s in ENCRYPTED for b in BTREES for m in MODES
                   if m == "keys" or b in ("extents", "inodes", "dirents")]


@pytest.mark.parametrize("image_set,btree,mode", ENCRYPTED_CASES)
def test_encrypted_as_the_real_tool_lists_it(bcachefs, real_tool, images, copies, image_set, btree, mode):
    secret = image_set.passphrase + "\n"
    ours = bcachefs.run("list", "-b", btree, "-m", mode, *images(image_set), input=secret, status=0)
    real = real_tool.run("list", "-b", btree, "-m", mode, *copies(image_set), input=secret)
    assert real.status == 0, real
    if btree in ("extents", "inodes", "dirents"):
        assert "u64s" in ours.out
    same(ours.out, real.out)
