"""After a power cut the newest keys are only in the journal: list shows the btrees with them."""
import base64
import json
import os

import pytest

from imagesets import all_sets
from normalise import same

UNCLEAN = [s for s in all_sets() if s.unclean]


def name_of(value):
    """A name in JSON: text, or {"b64": ...} when it is not UTF-8."""
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("utf-8", "surrogatepass")


def documents(bcachefs, btree, devices):
    r = bcachefs.run("list", "-b", btree, "--json", *devices, status=0)
    return [json.loads(line) for line in r.out.splitlines()]


def tree(dirents, subvolumes):
    """{path: (inode number, type)} of a filesystem whose subvolumes share no inodes."""
    roots = {s["pos"]["offset"]: s["val"]["root"] for s in subvolumes if s["type"] == "subvolume"}
    children = {}
    for key in dirents:
        if key["type"] == "dirent":
            children.setdefault(key["pos"]["inode"], []).append(key["val"])
    found, todo = {b".": (roots[1], "dir")}, [(b"", roots[1])]
    while todo:
        path, inode = todo.pop()
        for value in children.get(inode, []):
            name, kind = path + name_of(value["name"]), value["type"]
            target = roots[value["child_subvol"]] if kind == "subvol" else value["inum"]
            found[name] = (target, TYPES.get(kind, kind))
            if found[name][1] == "dir":
                todo.append((name + b"/", target))
    return found


TYPES = {"subvol": "dir", "reg": "file", "lnk": "symlink", "chr": "char", "blk": "block", "sock": "socket"}


@pytest.mark.parametrize("image_set", [s for s in UNCLEAN if s.has("manifest.jsonl")], ids=str)
def test_tree_is_the_one_that_the_kernel_replayed(bcachefs, images, image_set):
    """manifest.jsonl was made by the kernel after it had replayed the journal (of a copy)."""
    entries = map(json.loads, image_set.text("manifest.jsonl").splitlines())
    expected = {os.fsencode(e["path"]): (e["ino"], e["type"]) for e in entries}
    found = tree(*(documents(bcachefs, b, images(image_set)) for b in ("dirents", "subvolumes")))
    assert found == expected


@pytest.mark.parametrize("image_set", [s for s in UNCLEAN if s.kernel == "6.12"], ids=str)
@pytest.mark.parametrize("btree", ["dirents", "subvolumes", "snapshots"])
def test_keys_are_those_that_the_real_tool_replays(bcachefs, real_tool, images, copies, image_set, btree):
    """The real tool replays in memory with -f; its passes change other btrees, these not."""
    real = real_tool.list("-f", "-b", btree, *copies(image_set))
    ours = bcachefs.run("list", "-b", btree, *images(image_set), status=0)
    same(ours.out, keys_only(real.out))


def keys_only(text):
    """Without the lines of passes, which the real tool mixes in."""
    lines = text.split("\n")
    first_log = next((i for i, line in enumerate(lines) if line.startswith("starting version ")), len(lines))
    return "\n".join(lines[:first_log])


@pytest.mark.parametrize("image_set", UNCLEAN, ids=str)
def test_no_journal_shows_less(bcachefs, images, image_set):
    """The images were made so that the journal matters."""
    texts = [bcachefs.run("list", "-b", "inodes", *args, *images(image_set), status=0).out
             for args in ((), ("--no-journal",))]
    assert texts[0] != texts[1]
