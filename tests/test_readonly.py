"""No command that only reads changes a byte of any image, whatever it finds there."""
import contextlib
import os

import pytest

from imagesets import all_sets, data_hash
from mounts import unmount

READERS = (
    ("show-super", "-f", "all", "-l"),
    ("show-super", "--json"),
    ("list", "-b", "extents"),
    ("list", "-b", "inodes", "--no-journal"),
    ("list", "-b", "dirents", "-m", "nodes-ondisk"),
    ("list", "-b", "extents", "--json"),
    ("list_journal", "-a"),
    ("list_journal", "-n", "3", "--json"),
    ("list", "-b", "alloc", "--scan"),
    ("fs", "usage", "-h"),
    ("fs", "usage", "--json"),
    ("scrub", "--dry-run"),
    ("dump", "-f", "-o", "{tmp}/dump"),
    ("dump", "-f", "--sanitize", "--single-replica", "--nojournal", "-o", "{tmp}/dump"),
    ("fusemount", "-o", "ro,very_degraded", "{devices}", "{tmp}/mnt"),
    ("restore", "{devices}", "{tmp}/restored"),
    ("undelete", "{devices}", "{tmp}/undeleted"),
    ("undelete", "--list", "--scan", "{devices}"),
)


def arguments(command, devices, tmp):
    """The command's words; the devices come last if not named."""
    for word in command if "{devices}" in command else (*command, "{devices}"):
        yield from devices if word == "{devices}" else [word.format(tmp=tmp)]


def read_all(root):
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f, contextlib.suppress(OSError):
                    while f.read(1 << 20):
                        pass


@pytest.mark.parametrize("image_set", all_sets(), ids=str)
def test_images_stay_as_they_are(bcachefs, copies, tmp, image_set):
    paths = copies(image_set)
    point = os.path.join(tmp, "mnt")
    os.mkdir(point)
    before = [data_hash(p) for p in paths]
    times = [os.stat(p).st_mtime_ns for p in paths]
    for command in READERS:
        devices = paths[:1] if command[0] == "show-super" else paths
        r = bcachefs.run(*arguments(command, devices, tmp), input=(image_set.passphrase or "") + "\n")
        assert r.status not in (2, 16), f"wrong usage: {r!r}"
        if command[0] == "fusemount":
            read_all(point)
            unmount(point)
        assert [os.stat(p).st_mtime_ns for p in paths] == times, command
    assert [data_hash(p) for p in paths] == before
