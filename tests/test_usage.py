"""fs usage prints of unmounted devices what the kernel said while they were mounted, whole text."""
import json
import os
import re

import pytest

from imagesets import all_sets

# The figures of unclean sets were taken after replay, when the kernel had also done pending work.
SETS = [s for s in all_sets() if s.has("usage.txt") and not s.unclean and not s.passphrase
        and s.json["kernel"].startswith("6.12")]


def members_under_recorded_names(bcachefs, paths, text, folder):
    """Links to those images that were online, called as the kernel called them."""
    names = {int(n): name for n, name in re.findall(r"\(device (\d+)\): *(\w+) ", text)}
    links = []
    for path in paths:
        shown = bcachefs.run("show-super", path, status=0).out
        index = int(re.search(r"^Device index: *(\d+)", shown, re.M)[1])
        if index in names:
            links.append(os.path.join(folder, names[index]))
            os.symlink(path, links[-1])
    return links


@pytest.mark.parametrize("flag,recorded", [((), "usage.txt"), (("-h",), "usage-h.txt")], ids=["bytes", "human"])
@pytest.mark.parametrize("image_set", SETS, ids=str)
def test_usage_as_recorded(bcachefs, images, tmp, image_set, flag, recorded):
    want = image_set.text(recorded)
    links = members_under_recorded_names(bcachefs, images(image_set), want, tmp)
    r = bcachefs.run("fs", "usage", *flag, *links, status=0)
    assert r.out == want


@pytest.mark.parametrize("image_set", SETS[:3], ids=str)
def test_json_has_the_same_sums(bcachefs, images, image_set):
    r = bcachefs.run("fs", "usage", "--json", *images(image_set), status=0)
    doc = json.loads(r.out)
    assert doc["schema"] == "bcachefs/fs-usage/1"
    size = re.search(r"^Size: *(\d+)$", image_set.text("usage.txt"), re.M)[1]
    assert doc["capacity"] == int(size)
    for device in doc["devices"]:
        assert device["buckets"] == sum(t["buckets"] for t in device["types"])


def test_usage_wants_a_device(bcachefs):
    assert bcachefs.run("fs", "usage").status == 2
