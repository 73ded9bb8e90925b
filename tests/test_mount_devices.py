"""mount finds the members of a filesystem among the block devices: loop devices here."""
import contextlib
import os
import re
import subprocess
import tempfile

import pytest

from imagesets import SETS
from mounts import difference, need_fuse, recorded, tree, unmount



@pytest.fixture
def loops():
    """loops(paths): read-only loop devices for the images, detached at the end."""
    devices = []

    def attach(paths):
        for path in paths:
            try:
                r = subprocess.run(["losetup", "-f", "--show", "-r", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
            except OSError as e:
                pytest.skip(f"no losetup: {e.strerror}")
            if r.returncode:
                pytest.skip(f"no loop devices here: {r.stderr.strip()}")
            devices.append(r.stdout.strip())
        return devices[-len(paths):]

    yield attach
    for device in devices:
        subprocess.run(["losetup", "-d", device], stderr=subprocess.DEVNULL)


@pytest.fixture
def point(bcachefs):
    need_fuse(bcachefs)
    folder = tempfile.mkdtemp()
    yield folder
    if os.path.ismount(folder):
        unmount(folder)
    os.rmdir(folder)


def uuid(bcachefs, path):
    return re.search(r"^External UUID: +(\S+)", bcachefs.run("show-super", path).out, re.M)[1]


def of_their_own(bcachefs, copies, image_set, tmp):
    """Images with a UUID that no other test uses: recorded ones may be attached by another worker."""
    paths = [os.path.join(tmp, f"{image_set}-{i}") for i in range(len(image_set.packed))]
    for copy, path in zip(copies(image_set), paths):
        os.rename(copy, path)
        for other in subprocess.run(["losetup", "-n", "-O", "NAME"], stdout=subprocess.PIPE, text=True).stdout.split():
            with contextlib.suppress(AttributeError, TypeError):
                if uuid(bcachefs, other) == uuid(bcachefs, path):
                    pytest.skip(f"{other} is a member of the same filesystem")
    return paths


# One after the other: they find each other's devices.
pytestmark = [pytest.mark.xdist_group("loop"),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can set up loop devices")]


@pytest.mark.parametrize("scan", [{}, {"BCACHEFS_BLOCK_SCAN": "1"}], ids=["udev", "scan"])
def test_a_uuid_names_all_members(bcachefs, copies, tmp, loops, point, scan):
    image_set = SETS["multi3"]
    devices = loops(of_their_own(bcachefs, copies, image_set, tmp))
    r = bcachefs.run("mount", "-o", "ro", f"UUID={uuid(bcachefs, devices[0])}", point, status=0, env=scan)
    assert "missing" not in r.err
    assert not difference(tree(point), recorded(image_set))


def labelled(bcachefs, folder, name, label):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.truncate(32 << 20)
    bcachefs.run("format", "-q", f"--fs_label={label}", path, status=0)
    return path


@pytest.mark.parametrize("scan", [{}, {"BCACHEFS_BLOCK_SCAN": "1"}], ids=["udev", "scan"])
def test_a_label_names_the_one_filesystem_that_has_it(bcachefs, tmp, loops, point, scan):
    label = "l" * 32  # the longest
    one, _, twin = loops([labelled(bcachefs, tmp, *n) for n in (("a", label), ("b", "ll"), ("c", label))])
    r = bcachefs.run("mount", "-o", "ro", f"LABEL={label}", point, status=1, env=scan)
    assert r.err == f"bcachefs mount: LABEL={label}: more than one filesystem has this label: " + ", ".join(
        f"{d} (UUID={uuid(bcachefs, d)})" for d in (one, twin)) + "; name one by its UUID\n"
    assert subprocess.run(["losetup", "-d", twin]).returncode == 0
    bcachefs.run("mount", "--fake", f"LABEL={label}", point, status=0, env=scan)
    for nobody in (label + "l", "l" * 31, "nobody"):
        r = bcachefs.run("mount", "-o", "ro", f"LABEL={nobody}", point, status=1, env=scan)
        assert "no device of a filesystem with this label was found" in r.err
    bcachefs.run("mount", "-o", "ro", "LABEL=", point, status=2)


def test_one_member_is_enough_to_find_the_others(bcachefs, copies, tmp, loops, point):
    image_set = SETS["multi3"]
    devices = loops(of_their_own(bcachefs, copies, image_set, tmp))
    bcachefs.run("mount", "-o", "ro", devices[2], point, status=0)
    assert not difference(tree(point), recorded(image_set))


def test_members_that_are_not_found_are_told(bcachefs, copies, tmp, loops, point):
    image_set = SETS["multi3"]
    paths = of_their_own(bcachefs, copies, image_set, tmp)
    devices = loops(paths[:1] + paths[2:])
    name = f"UUID={uuid(bcachefs, devices[0])}"
    r = bcachefs.run("mount", "-o", "ro", name, point, status=1)
    assert "member 1 is missing" in r.err, r
    bcachefs.run("mount", "-o", "ro,degraded", name, point, status=0)
    assert not difference(tree(point), recorded(image_set))


def test_a_device_of_another_filesystem_is_not_taken(bcachefs, copies, tmp, loops, point):
    image_set = SETS["basic"]
    loops(of_their_own(bcachefs, copies, SETS["multi3"], tmp))
    (device,) = loops(of_their_own(bcachefs, copies, image_set, tmp))
    bcachefs.run("mount", "-o", "ro", f"UUID={uuid(bcachefs, device)}", point, status=0)
    assert not difference(tree(point), recorded(image_set))
