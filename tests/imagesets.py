"""Image sets: what a real kernel or the real tool wrote, with what the real tool prints of it.

A set is a folder with devN.img.zst (sparse images), set.json (how it was made) and recorded texts;
texts may be packed as NAME.zst. Sets come from tests/images and, where it exists, from the larger
collection in $BCACHEFS_GOLD.
"""
import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import subprocess

import pytest

import manifest

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
BTREES = ("extents inodes dirents xattrs alloc quotas stripes reflink subvolumes snapshots lru freespace need_discard "
          "backpointers bucket_gens snapshot_trees deleted_inodes logged_ops rebalance_work subvolume_children "
          "accounting").split()


def decode(data):
    return data.decode("utf-8", "surrogateescape")


def collections():
    """Folders that hold sets; the first one that has a set of a name wins."""
    folders = [os.path.join(HERE, "images")]
    more = os.environ.get("BCACHEFS_GOLD") or os.path.join(ROOT, "..", "shared", "gold")
    return folders + [os.path.abspath(more)] * os.path.isdir(more)


class ImageSet:
    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.basename(folder)
        with open(os.path.join(folder, "set.json")) as f:
            self.json = json.load(f)
        self.kernel = self.json["kernel"]
        self.unclean = self.json["unclean"]
        self.passphrase = self.json["passphrase"]
        self.packed = sorted(glob.glob(os.path.join(folder, "dev*.img.zst")),
                             key=lambda p: int(re.search(r"dev(\d+)\.img", p)[1]))

    def __repr__(self):
        return self.name

    def has(self, name):
        return any(os.path.exists(os.path.join(self.folder, name + end)) for end in ("", ".zst"))

    def text(self, name):
        """The recorded text of a file of the set; None when it was not recorded or is empty."""
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                return decode(f.read())
        if os.path.exists(path + ".zst"):
            return decode(unzstd(path + ".zst"))
        return None

    def texts(self):
        """Names of all recorded texts, without .zst, relative to the set."""
        for base, _, files in os.walk(self.folder):
            for f in files:
                path = os.path.relpath(os.path.join(base, f), self.folder)
                if not path.endswith(".img.zst"):
                    yield path[:-4] if path.endswith(".zst") else path

    def hashes(self):
        """sha256 of each unpacked image as recorded; None for very large ones."""
        return [None if h == "-" else h for h in self.json["sha256"]][-len(self.packed):]

    def unpack(self, scratch):
        """Paths of the images in a folder of the scratch folder, unpacked once per session; not to be written to."""
        folder = os.path.join(scratch, "sets", self.name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            paths = []
            for packed in self.packed:
                path = os.path.join(folder, os.path.basename(packed)[:-4])
                if not os.path.exists(path):
                    subprocess.run(["zstd", "-qd", "--sparse", "--long=27", "-f", packed, "-o", path + ".new"], check=True)
                    os.chmod(path + ".new", 0o444)
                    os.rename(path + ".new", path)
                paths.append(path)
        return paths


def unzstd(path):
    return subprocess.run(["zstd", "-dcq", "--long=27", path], stdout=subprocess.PIPE, check=True).stdout


def all_sets():
    found = {}
    for folder in collections():
        for config in sorted(glob.glob(os.path.join(folder, "*", "set.json"))):
            found.setdefault(os.path.basename(os.path.dirname(config)), ImageSet(os.path.dirname(config)))
    return [found[name] for name in sorted(found)]


SETS = {s.name: s for s in all_sets()}


def have(*names):
    """Those of the sets that there are, as parameters of a test."""
    return [pytest.param(SETS[n], id=n) for n in names if n in SETS]


def copy_sparse(source, target):
    subprocess.run(["cp", "--sparse=always", "--no-preserve=mode", source, target], check=True)
    os.chmod(target, 0o644)
    return target


def data_ranges(path):
    """[start, end] of what is no hole."""
    with open(path, "rb") as f:
        return manifest.data_ranges(f.fileno(), os.fstat(f.fileno()).st_size)


def data_blocks(path, size=4096):
    """Offsets of blocks with data."""
    return [at for start, end in data_ranges(path) for at in range(start, end, size)]


def data_hash(path):
    """Digest of the content; holes are skipped, so it is quick for sparse files, and equal only for equal layouts."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        digest.update(b"%d " % size)
        while at < size:
            with contextlib.suppress(OSError):
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
                end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
                os.lseek(f.fileno(), at, os.SEEK_SET)
                while at < end:
                    block = f.read(min(1 << 20, end - at))
                    if block.strip(b"\0"):
                        digest.update(b"%d " % at + block)
                    at += len(block)
                continue
            break
    return digest.hexdigest()
