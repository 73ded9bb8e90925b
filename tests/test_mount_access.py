"""A mount under many readers: places in directories, long names, holes, mapped files, all at once from several threads."""
import ctypes
import errno
import hashlib
import mmap
import os
import random
import re
import subprocess
import sys
import threading

import pytest

from imagesets import HERE, have
from mounts import foreground, need_fuse, recorded, secret
from tool import SANITIZER

@pytest.fixture(autouse=True)
def usable(bcachefs):
    need_fuse(bcachefs)


def folders(expected):
    """Directory -> names in it."""
    names = {path: set() for path, facts in expected.items() if facts["type"] == "dir"}
    for path in expected:
        if path != ".":
            names[os.path.dirname(path) or "."].add(os.path.basename(path))
    return names


# ---- Directories ----

class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_uint16), ("type", ctypes.c_uint8)]


LIBC = ctypes.CDLL(None, use_errno=True)


class Dir:
    """A directory read by getdents64, a buffer of `size` bytes at a time."""

    def __init__(self, path, size=32768):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.buffer = ctypes.create_string_buffer(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def seek(self, cookie):
        os.lseek(self.fd, cookie, os.SEEK_SET)

    def read(self):
        """(name, cookie of what follows, ino) of some entries; empty at the end."""
        n = LIBC.syscall(217, self.fd, self.buffer, len(self.buffer))
        assert n >= 0, os.strerror(ctypes.get_errno())
        found, at = [], 0
        while at < n:
            d = Dirent.from_buffer(self.buffer, at)
            name = ctypes.string_at(ctypes.addressof(self.buffer) + at + 19)
            found.append((os.fsdecode(name), d.off, d.ino))
            at += d.reclen
        return found

    def all(self):
        found = []
        while entries := self.read():
            found += entries
        return found


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of getdents64")
@pytest.mark.parametrize("image_set", have("objects", "many", "n39"))
def test_every_place_of_a_huge_directory_can_be_gone_back_to(images, mounted, image_set):
    expected = recorded(image_set)
    folder, names = max(folders(expected).items(), key=lambda f: len(f[1]))
    assert len(names) > 100
    path = os.path.join(mounted(image_set, images(image_set)), folder)
    with Dir(path) as d:
        order = d.all()
        assert not d.read(), "the end stays the end"
    assert sorted(n for n, _, _ in order) == sorted(names | {".", ".."})
    for name, _, ino in order:
        assert name in (".", "..") or ino == expected[os.path.normpath(os.path.join(folder, name))]["ino"] or \
            expected[os.path.normpath(os.path.join(folder, name))]["type"] == "dir"
    rng = random.Random(7)
    with Dir(path, 600) as d:
        for _ in range(60):
            at = rng.randrange(len(order))
            d.seek(0 if not at else order[at - 1][1])
            for _ in range(rng.randrange(1, 4)):
                entries = d.read()
                assert entries == order[at:at + len(entries)] and (entries or at == len(order))
                at += len(entries)


@pytest.mark.threads
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of getdents64")
@pytest.mark.parametrize("image_set", have("objects", "many"))
def test_readers_of_one_directory_do_not_disturb_each_other(images, mounted, image_set):
    folder, names = max(folders(recorded(image_set)).items(), key=lambda f: len(f[1]))
    path = os.path.join(mounted(image_set, images(image_set)), folder)
    wrong = []

    def reader(size):
        with Dir(path, size) as d:
            for _ in range(2):
                d.seek(0)
                found = [n for n, _, _ in d.all()]
                if sorted(found) != sorted(names | {".", ".."}):
                    wrong.append((size, len(found)))

    threads = [threading.Thread(target=reader, args=(size,)) for size in (600, 4096, 32768, 1 << 20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.parametrize("image_set", have("basic", "objects", "n28", "n39", "snap"))
def test_every_name_of_255_bytes_is_found_and_none_near_it(images, mounted, image_set):
    expected = recorded(image_set)
    long = [p for p in expected if len(os.fsencode(os.path.basename(p))) >= 255]
    if not long:
        pytest.skip("no long names in this set")
    point = mounted(image_set, images(image_set))
    for path in long:
        full = os.path.join(point, path)
        assert os.lstat(full).st_ino == expected[path]["ino"]
        assert os.path.basename(path) in os.listdir(os.path.dirname(full))
        for other in (full[:-1], full[:-1] + "\x01"):
            assert not os.path.lexists(other) or os.path.relpath(other, point) in expected


# ---- File handles ----

class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("content", ctypes.c_ubyte * 128)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root opens file handles")
def test_a_handle_of_no_inode_is_stale(bcachefs, images, tmp):
    """What the kernel does not know any more must not be asked for: the handle's content is anybody's."""
    image_set = have("basic")[0].values[0]
    with foreground(bcachefs, images(image_set), tmp) as (point, process):
        handle, mount_id = Handle(bytes=128), ctypes.c_int()
        path = os.path.join(point, next(p for p, f in recorded(image_set).items() if f["type"] == "file"))
        assert not LIBC.name_to_handle_at(-100, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount_id), 0)
        for content in (0x4141414141414, 8, 0xffffffffffffffff):
            for i, byte in enumerate(content.to_bytes(8, "little")):
                handle.content[i] = byte
            fd = os.open(point, os.O_RDONLY)
            assert LIBC.open_by_handle_at(fd, ctypes.byref(handle), os.O_RDONLY) == -1
            assert ctypes.get_errno() == errno.ESTALE
            os.close(fd)
        assert os.listdir(point)
    assert process.returncode == 0, process.stderr.read()


# ---- Holes ----

def ranges_from(ranges, size, at, data):
    """What lseek tells at `at` by the data ranges of a file; None: ENXIO."""
    if at >= size:
        return None
    for start, end in ranges:
        if at < end:
            if data:
                return max(at, start)
            return end if at >= start else at
    return None if data else at


@pytest.mark.parametrize("image_set", have("basic", "reflink", "comp", "blk4k", "n28", "n39", "ec4"))
def test_holes_are_told_from_any_place(images, mounted, image_set):
    point = mounted(image_set, images(image_set))
    rng = random.Random(11)
    checked = 0
    for path, facts in recorded(image_set).items():
        if facts["type"] != "file" or not facts["size"]:
            continue
        fd = os.open(os.path.join(point, path), os.O_RDONLY)
        edges = [e for r in facts["data"] for e in r]
        places = [0, facts["size"] - 1, facts["size"], *rng.sample(edges, min(4, len(edges))), rng.randrange(facts["size"])]
        for at in {p + d for p in places for d in (-1, 0, 1) if 0 <= p + d <= facts["size"] + 1}:
            for whence, data in ((os.SEEK_DATA, True), (os.SEEK_HOLE, False)):
                try:
                    found = os.lseek(fd, at, whence)
                except OSError as e:
                    assert e.errno == 6, e
                    found = None
                expected = ranges_from(facts["data"], facts["size"], at, data)
                assert found == expected, (path, at, "data" if data else "hole", facts["data"], facts["size"])
                checked += 1
        os.close(fd)
    assert checked > 500


# ---- Mapped files ----

@pytest.mark.parametrize("image_set", have("basic", "comp", "ec4", "multi3", "n39ec"))
def test_mapped_files_read_the_same_at_random_places(images, mounted, image_set):
    point = mounted(image_set, images(image_set))
    rng = random.Random(13)
    files = [(p, f) for p, f in recorded(image_set).items() if f["type"] == "file" and 4096 < f["size"] < 8 << 20]
    for path, facts in rng.sample(files, min(12, len(files))):
        with open(os.path.join(point, path), "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            m.madvise(mmap.MADV_RANDOM)
            order = list(range(0, facts["size"], 4096))
            rng.shuffle(order)
            parts = {at: m[at:at + 4096] for at in order}
        whole = b"".join(parts[at] for at in sorted(parts))
        assert hashlib.sha256(whole).hexdigest() == facts["sha256"], path


# ---- All at once ----

CROWD = os.path.join(HERE, "crowd.py")


def crowd(point, manifest_path, seconds, seed):
    return subprocess.run([sys.executable, CROWD, point, manifest_path, str(seconds), str(seed)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds * 20 + 120)


@pytest.mark.threads
@pytest.mark.parametrize("image_set", have("basic", "multi3", "comp", "snap", "enc", "objects", "n28", "ec4", "ec6", "n39ec"))
def test_a_crowd_of_readers_gets_what_the_kernel_showed(bcachefs, images, tmp, image_set):
    """Files, directories, attributes and counts from many threads; a sanitizer's report fails it, too."""
    paths = images(image_set)
    gone = 1 if image_set.name.startswith(("ec", "n39ec")) else 0
    manifest_path = os.path.join(tmp, "manifest.jsonl")
    with open(manifest_path, "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(image_set.text("manifest.jsonl"))
    with foreground(bcachefs, paths[gone:], tmp, "-o", "degraded", *secret(image_set, tmp)) as (point, process):
        r = crowd(point, manifest_path, 4, 17)
    messages = process.communicate()[1].decode("utf-8", "surrogateescape")
    assert not SANITIZER.search(messages), messages
    assert r.returncode == 0, r.stdout.decode() + messages
    assert process.returncode == 0, messages
    assert int(re.search(r"^(\d+) operations$", r.stdout.decode(), re.M)[1]) >= 120
