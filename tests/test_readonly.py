"""No command that only reads changes a byte of any image, whatever it finds there."""
import os

import pytest

from imagesets import all_sets, data_hash

READERS = (
    ("show-super", "-f", "all", "-l"),
    ("show-super", "--json"),
    ("list", "-b", "extents"),
    ("list", "-b", "inodes", "--no-journal"),
    ("list", "-b", "dirents", "-m", "nodes-ondisk"),
    ("list", "-b", "extents", "--json"),
    ("list_journal", "-a"),
    ("list_journal", "-n", "3", "--json"),
)


@pytest.mark.parametrize("image_set", all_sets(), ids=str)
def test_images_stay_as_they_are(bcachefs, copies, image_set):
    paths = copies(image_set)
    before = [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths]
    for command in READERS:
        devices = paths[:1] if command[0] == "show-super" else paths
        bcachefs.run(*command, *devices, input=(image_set.passphrase or "") + "\n")
        assert [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths] == before, command
