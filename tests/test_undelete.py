"""undelete: what a real kernel deleted comes back, and nothing that is called intact differs from what it was.

Images of a real kernel are in tests/undelete, made by the script below; in the virtual machine the same is done anew,
with larger files. What is written and deleted is in undelete_files.py.
"""
import collections
import json
import os
import random
import re
import struct
import subprocess

import pytest

import forge
import superblock
import undelete_files
from imagesets import HERE, data_hash, data_ranges
from undelete_files import (CROWD, FILES, GONE, KEPT, LINKS, OWN_XATTR, SHARED, SNAPSHOT, SYMLINK, VERSIONS, XATTR, Model,
                            Nested, crowd, crowd_goes, files, many)
from wreck import crc32c, damage, forge_journal, journal_ranges

IMAGE_MIB = 96
GOOD = ("intact", "unverified", "kept")


class Found:
    """The outcome of one undelete of all files."""

    def __init__(self, bcachefs, image, tmp, *args):
        self.target = os.path.join(tmp, "out-" + "".join(args).strip("-"))
        before = data_hash(image)
        self.r = bcachefs.run("undelete", "--json", *args, image, self.target)
        assert self.r.status in (0, 4), f"{self.r!r}"
        assert data_hash(image) == before, "the image changed"
        doc = json.loads(self.r.out)
        self.files = doc["files"]
        self.totals = doc["totals"]
        self.quality = {f["path"].lstrip("/"): f["quality"] for f in self.files}
        self.counts = collections.Counter(f["quality"] for f in self.files)
        assert self.r.status == (4 if set(self.counts) - {"intact", "kept"} or self.totals["nodes_unreadable"] else 0)
        assert self.counts == {q: n for q, n in self.totals.items() if q in (*GOOD, "partial", "lost") and n}

    def data(self, name):
        with open(os.path.join(self.target, name.replace("?/", "lost+found/", 1)), "rb") as f:
            return f.read()

    def check(self, expected, good=GOOD):
        """All files of these names are found; what is good has its content. Returns the names of the good ones."""
        assert self.quality.keys() >= expected.keys(), f"{expected.keys() - self.quality.keys()} {self.r!r}"
        fine = [name for name in expected if self.quality[name] in good]
        for name in fine:
            assert self.data(name) == expected[name], f"{name} is called {self.quality[name]} and differs: {self.r!r}"
        return fine


def partial_is_right(found, expected):
    """What came out of files that are not whole is either as it was, or a hole."""
    for name, quality in found.quality.items():
        if quality == "partial" and name in expected:
            data = found.data(name)
            assert len(data) == len(expected[name])
            for at in range(0, len(data), 4096):
                block = data[at:at + 4096]
                assert not any(block) or block == expected[name][at:at + 4096], f"{name} at {at}"


@pytest.fixture
def stored(tmp):
    """stored(name): a fresh copy of an image of tests/undelete."""
    def unpack(name):
        image = os.path.join(tmp, name + ".img")
        subprocess.run(["zstd", "-qdf", "--sparse", "--long=27", os.path.join(HERE, "undelete", name + ".img.zst"),
                        "-o", image], check=True)
        return image
    return unpack


def wipe_journal(image):
    with open(image, "r+b") as f:
        f.seek(superblock.FIRST_SECTOR * 512)
        for start, size in journal_ranges(f.read(1 << 16)):
            f.seek(start)
            f.write(bytes(size))


CLEAN = 6  # the section with the roots


def forget_roots(image):
    """As if it had not been shut down, in all superblocks."""
    with open(image, "r+b") as f:
        f.seek(superblock.FIRST_SECTOR * 512)
        for sector in superblock.offsets(f.read(1 << 20)):
            f.seek(sector * 512)
            data = bytearray(f.read(1 << 20))
            size = superblock.words(data)
            flags = struct.unpack_from("<Q", data, 144)[0]
            assert flags & 2, "it was shut down"
            struct.pack_into("<Q", data, 144, flags & ~2)
            for kind, at, length in superblock.sections(data):
                if kind == CLEAN:
                    data[at + 8:at + length] = bytes(length - 8)
            data[:16] = struct.pack("<QQ", crc32c(data[16:size]), 0)
            f.seek(sector * 512)
            f.write(data[:size])


NO_CHECKSUM = {"nosum-4096"}  # smaller data is in the key itself


@pytest.mark.parametrize("options", [(), ("--scan",)])
@pytest.mark.parametrize("name", ["crash", "later"])
def test_small_files(bcachefs, stored, tmp, name, options):
    """After a power cut, and after 16 MiB more were written: the space of these was not used again."""
    found = Found(bcachefs, stored(name), tmp, *options)
    expected = files(small=True)
    assert len(found.check(expected)) == len(expected)
    assert {n for n in expected if found.quality[n] != "intact"} == NO_CHECKSUM, f"{found.r!r}"
    assert found.quality["linked"] == "kept" and found.data("linked") == KEPT["linked"]
    assert os.readlink(os.path.join(found.target, SYMLINK[0])) == SYMLINK[1]
    assert found.quality.keys() == expected.keys() | {SYMLINK[0], "linked"}, "files that are there are not deleted"
    for path, (key, value) in XATTR.items():
        assert os.getxattr(os.path.join(found.target, path), key) == value


def everything_deleted():
    """Name: all contents that the random steps deleted under it."""
    deleted = collections.defaultdict(list)
    for name, data in Model().run().deleted:
        deleted[name].append(data)
    return deleted


@pytest.mark.parametrize("options", [(), ("--scan",)])
def test_snapshots_and_links(bcachefs, stored, tmp, options):
    """
    A file that only a snapshot still had, files of that snapshot, and both names of another file; all are gone. A
    snapshot's own versions of files that the other subvolume still has. Of what did not differ nothing.
    """
    found = Found(bcachefs, stored("snapshots"), tmp, *options)
    expected = {**SNAPSHOT, "snap/only-there": SNAPSHOT["s/only-there"], **VERSIONS, **GONE}
    assert len(found.check(expected)) == len(expected)
    assert {n for n in expected if found.quality[n] != "intact"} == {SHARED}
    assert found.quality.keys() == expected.keys()
    first, second = (os.path.join(found.target, name) for name in LINKS)
    assert os.path.samefile(first, second)
    assert [f.get("link", False) for f in found.files if f["path"].lstrip("/") in LINKS] == [False, True]
    name, key, value = OWN_XATTR
    path = os.path.join(found.target, name)
    assert os.listxattr(path) == [key] and os.getxattr(path, key) == value


def test_since_of_a_deleted_subvolume(bcachefs, stored):
    """Nothing of its files changes when they go with it: the journal tells when that was."""
    image = stored("snapshots")
    files = json.loads(bcachefs.run("undelete", "--list", "--json", image, status=0).out)["files"]
    written = max(f["mtime"] for f in files)
    r = bcachefs.run("undelete", "--list", "--json", "--since", f"@{written + 1}", image, status=0)
    assert {f["path"] for f in json.loads(r.out)["files"]} == \
        {f["path"] for f in files if f["path"].startswith(("/snap/", "/w/"))}
    r = bcachefs.run("undelete", "--list", "--json", "--since", f"@{written + 3600}", image, status=0)
    assert not json.loads(r.out)["files"]


@pytest.mark.parametrize("options", [(), ("--scan",)])
def test_versions_without_a_journal(bcachefs, stored, tmp, options):
    """Nobody knows then who saw an old version last: none is offered of a file that is still there."""
    image = stored("snapshots")
    wipe_journal(image)
    found = Found(bcachefs, image, tmp, *options)
    assert not found.counts["intact"]
    assert not {"w/old", "w/dir/both", "w/dir/cut", "w/dir/two"} & found.quality.keys()
    for name, data in {**SNAPSHOT, **GONE, "w/dir/sub/new": VERSIONS["w/dir/sub/new"]}.items():
        if found.quality.get(name) in GOOD:
            assert found.data(name) == data


@pytest.mark.parametrize("options", [(), ("--scan",)])
def test_many_states(bcachefs, stored, tmp, options):
    """Files that were written over, cut, punched, renamed, again and again: only the last state is called intact."""
    found = Found(bcachefs, stored("random"), tmp, *options)
    deleted = everything_deleted()
    seen = collections.Counter()
    for f in found.files:
        name = f["path"].lstrip("/")
        seen[name] += 1
        if f["quality"] == "intact":
            out = name if seen[name] == 1 else f"{name}.{f['inode']}"
            assert found.data(out) in deleted[name], f"{out} {found.r!r}"
    print(dict(found.counts))
    assert found.counts["intact"] >= 10, f"{found.r!r}"
    assert sum(seen[n] for n in deleted) <= sum(map(len, deleted.values()))


def test_without_a_journal_nothing_is_called_intact(bcachefs, stored, tmp):
    """Hidden keys of nodes give files back; but nobody knows whether they are the last state."""
    image = stored("remount")
    wipe_journal(image)
    found = Found(bcachefs, image, tmp)
    fine = found.check({n: d for n, d in files(small=True).items() if d})
    assert len(fine) == len(files(small=True)) - 1, f"{found.r!r}"
    assert not found.counts["intact"]


def test_journal_that_is_gone(bcachefs, stored, tmp):
    """Not shut down, and nothing names the roots: that nothing was deleted is not what is said then."""
    image = stored("crash")
    wipe_journal(image)
    r = bcachefs.run("undelete", "--list", "--json", image, status=1)
    assert json.loads(r.out)["error"]["message"] == \
        f"{image}: no journal entry names the roots of the btrees; '--scan' looks on the devices for what can stand in"
    r = bcachefs.run("undelete", "--list", "--json", "--scan", image, status=4)
    assert json.loads(r.out)["errors"] == [{"reason": f"{image}: the journal is damaged: files may be missing"}]


def test_list(bcachefs, stored, tmp):
    image = stored("crash")
    r = bcachefs.run("undelete", "--list", image, status=0)
    lines = {line.split()[-1]: line.split() for line in r.out.splitlines()[:-1]}
    quality, inode, size, _, _, seq, path = lines["/noise-5000"]
    assert (quality, size, path) == ("intact", "5000", "/noise-5000") and int(inode) > 4096 and int(seq) > 1
    assert lines["/nosum-4096"][0] == "unverified"
    assert lines["/linked"][0] == "kept"
    assert r.out.splitlines()[-1].startswith(
        f"deleted files: {len(lines) - 2} intact, 1 kept, 1 unverified, 0 partial, 0 lost;")
    doc = json.loads(bcachefs.run("undelete", "--list", "--json", image, status=0).out)
    assert doc["schema"] == "bcachefs/undelete/1"
    assert {f["path"] for f in doc["files"]} == set(lines)
    assert all(f["source"] == "journal" and "restored_bytes" not in f for f in doc["files"])


@pytest.mark.parametrize("args, names", [
    (("-p", "/tree"), {"tree/a/b/leaf", "tree/a/other"}),
    (("-p", "tree/a/other"), {"tree/a/other"}),
    (("-p", "/noise-?", "-p", "*text-100"), {"noise-1", "small/text-100"}),
    (("--since", "@4000000000"), set()),
    (("--since", "@1000000000", "-p", "empty"), {"empty"}),
])
def test_choice(bcachefs, stored, tmp, args, names):
    r = bcachefs.run("undelete", "--list", "--json", *args, stored("crash"))
    assert {f["path"].lstrip("/") for f in json.loads(r.out)["files"]} == names


def test_choice_by_inode(bcachefs, stored, tmp):
    image = stored("crash")
    doc = json.loads(bcachefs.run("undelete", "--list", "--json", "-p", "noise-100", image, status=0).out)
    inode = doc["files"][0]["inode"]
    target = os.path.join(tmp, "out")
    bcachefs.run("undelete", "-i", inode, image, target, status=0)
    assert os.listdir(target) == ["noise-100"]
    bcachefs.run("undelete", "-i", inode, image, target, status=1)  # it is not empty
    bcachefs.run("undelete", "-O", "-i", inode, image, target, status=0)


def test_nothing_matches(bcachefs, stored):
    args = "undelete", "--list", "-p", "/no/such/file", stored("crash")
    r = bcachefs.run(*args, status=4)
    assert "nothing that is deleted matches" in r.err
    document = json.loads(bcachefs.run(*args, "--json", status=4).out)
    assert document["files"] == [] and "nothing that is deleted matches" in document["errors"][0]["reason"]


def test_usage(bcachefs):
    bcachefs.run("undelete", status=1)
    bcachefs.run("undelete", "--list", status=1)
    bcachefs.run("undelete", "--since", "yesterday", "x", "y", status=1)
    bcachefs.run("undelete", "-i", "x", "x", "y", status=1)


SEEDS = int(os.environ.get("UNDELETE_SEEDS", "20"))


def garble(rng, path):
    """Single bytes and words anywhere in the data of an image."""
    ranges = data_ranges(path)
    with open(path, "r+b") as f:
        for _ in range(rng.randrange(1, 60)):
            start, end = rng.choice(ranges)
            f.seek(rng.randrange(start, end))
            f.write(rng.randbytes(rng.choice([1, 1, 1, 8, 64])))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_damage(bcachefs, stored, tmp, seed):
    """Bits flipped, blocks zeroed, swapped and overwritten anywhere: no crash, no hang, and what is called intact is."""
    rng = random.Random(seed)
    name = rng.choice(["crash", "later", "remount", "random"])
    image = stored(name)
    if rng.randrange(3):
        damage(rng, image, ("flip", "zero", "swap", "random"))
    else:
        garble(rng, image)
    before = data_hash(image)
    scan = rng.choice([(), ("--scan",)])
    once = {n: [data] for n, data in {**FILES, **KEPT}.items()}
    deleted = everything_deleted() if name == "random" else once
    anything = [data for contents in deleted.values() for data in contents]  # of files whose name was damaged
    listed = bcachefs.run("undelete", "--list", "--json", *scan, image, timeout=120)
    target = os.path.join(tmp, "out")
    r = bcachefs.run("undelete", "--json", *scan, image, target, timeout=120)
    assert {listed.status, r.status} <= {0, 1, 4} and (listed.status == 1) == (r.status == 1), f"{listed!r} {r!r}"
    assert data_hash(image) == before, "the image changed"
    seen = collections.Counter()
    for f in json.loads(r.out)["files"] if r.status != 1 else ():
        path = f["path"].lstrip("/") if isinstance(f["path"], str) else None
        seen[path] += 1
        if f["quality"] == "intact" and path is not None and f["type"] == "file":
            out = path.replace("?/", "lost+found/", 1) + ("" if seen[path] == 1 else f".{f['inode']}")
            with open(os.path.join(target, out), "rb") as data:
                assert data.read() in deleted.get(path, anything), f"{out} {r!r}"


def bounded(bcachefs, image, tmp, *options):
    """Whatever the image says: no crash, no hang, and nothing outside of the target."""
    target = os.path.join(tmp, "in", "out")
    os.mkdir(os.path.dirname(target))
    r = bcachefs.run("undelete", "--json", *options, image, target, timeout=120)
    assert r.status in (0, 1, 4), f"{r!r}"
    json.loads(r.out)
    assert set(os.listdir(os.path.dirname(target))) <= {"out"}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_forged_journal(bcachefs, stored, tmp, seed):
    """Keys that somebody made up, with good checksums: no crash, no hang, and nothing outside of the target."""
    rng = random.Random(seed)
    image = stored(rng.choice(["crash", "later", "remount"]))
    forge_journal(rng, image)
    bounded(bcachefs, image, tmp, *rng.choice([(), ("--scan",)]))


NODE = re.compile(r" l=0 .* referenced ptr: 0:(\d+)$", re.M)
NODE_BYTES = 128 << 10


def nodes(bcachefs, image, btrees=("inodes", "dirents", "extents")):
    """Offsets of the leaves that are in use."""
    return [int(sector) * 512 for btree in btrees
            for sector in NODE.findall(bcachefs.run("list", "-m", "found-nodes", "-b", btree, image, status=0).out)]


def empty_buckets(image):
    """Offsets of buckets that nothing was ever written to."""
    with open(image, "rb") as f:
        data = f.read()
    return (at for at in range(len(data) // 2, len(data), NODE_BYTES) if not any(data[at:at + NODE_BYTES]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_forged_nodes(bcachefs, stored, tmp, seed):
    """The same of keys in nodes, which later ones hide, and of nodes that nothing refers to any more."""
    rng = random.Random(seed)
    image = stored(rng.choice(["later", "remount", "random", "snapshots"]))
    room = empty_buckets(image)
    change = forge.garble_keys(rng)
    for offset in nodes(bcachefs, image):
        if rng.randrange(2):
            forge.change_bsets(image, offset, NODE_BYTES, forge.put_out_of_use(change), to=next(room))
        else:
            forge.change_bsets(image, offset, NODE_BYTES, change)
    if rng.randrange(2):
        wipe_journal(image)
    bounded(bcachefs, image, tmp, *rng.choice([(), ("--scan",)]))


@pytest.mark.parametrize("out_of_use", [False, True])
def test_forged_pointer(bcachefs, stored, tmp, out_of_use):
    """A key that nobody sees any more says that the data is where it is not: the data's checksum tells."""
    image = stored("remount")
    name, data = "noise-20000", FILES["noise-20000"]
    with open(image, "rb") as f:
        sector = f.read().find(data) // 512
    pointer = [struct.pack("<Q", forge.ptr_word({"dev": 0, "gen": 0, "offset_sectors": s})) for s in (sector, sector + 8)]
    wipe_journal(image)
    (offset,) = nodes(bcachefs, image, ["extents"])
    if out_of_use:  # and what is in use has it right
        forge.change_bsets(image, offset, NODE_BYTES, forge.put_out_of_use(lambda *_: None), to=(to := next(empty_buckets(image))))
        offset = to
    assert forge.change_node(image, offset, *pointer, NODE_BYTES)
    found = Found(bcachefs, image, tmp, *(["--scan"] if out_of_use else []))
    assert found.quality[name] == ("unverified" if out_of_use else "lost"), f"{found.r!r}"
    found.check({n: d for n, d in files(small=True).items() if d})


@pytest.mark.parametrize("name", ["later", "remount"])
def test_scan_alone(bcachefs, stored, tmp, name):
    """No journal, and nothing that names the roots: what was deleted is found in the nodes that a scan finds."""
    image = stored(name)
    wipe_journal(image)
    forget_roots(image)
    r = bcachefs.run("undelete", "--list", "--json", image, status=1)
    assert "'--scan' looks on the devices" in json.loads(r.out)["error"]["message"]
    found = Found(bcachefs, image, tmp, "--scan")
    reasons = {f["path"].lstrip("/"): [e["reason"] for e in f["errors"]] for f in found.files}
    for path, expected in files(small=True).items():
        if expected:
            assert found.quality[path] == "unverified", f"{path}: {found.r!r}"
            data = found.data(path)
            assert data[:len(expected)] == expected and not any(data[len(expected):])
            assert len(data) == len(expected) or "the size is a guess" in reasons[path][0]


# ---- A real kernel ----

GUEST = r"""
set -e
files() { python3 /in/undelete_files.py "$@"; }
run() { # DEVICE STEP...
    device=/dev/$1
    shift
    mount -t bcachefs $device /mnt
    for step in "$@"; do
        case $step in
        umount) umount /mnt;;
        mount) mount -t bcachefs $device /mnt;;
        *) files $step /mnt;;
        esac
    done
}
"""
# Those that found faults; more with NESTED_SEEDS=N.
NESTED_SEEDS = range(1, int(os.environ["NESTED_SEEDS"]) + 1) if "NESTED_SEEDS" in os.environ else (7, 10, 16, 22)


def check_nested(bcachefs, image, tmp, seed, steps):
    """All that is not lost came out, and what is called intact went at that path and held that."""
    gone = Nested(seed).run(steps).gone
    tmp = os.path.join(tmp, str(seed))
    os.mkdir(tmp)
    found = Found(bcachefs, image, tmp)
    first, nth = set(), collections.Counter()
    for f in found.files:
        name, suffix = f["path"].lstrip("/"), ""
        if name in first:  # of several files of one path
            nth[name, f["inode"]] += 1
            suffix = f".{f['inode']}" + (f"~{nth[name, f['inode']]}" if nth[name, f["inode"]] > 1 else "")
        first.add(name)
        data = found.data(name + suffix) if f["quality"] != "lost" else None
        if f["quality"] == "intact":
            assert data in gone[name], f"seed {seed}: {name} (inode {f['inode']}) never went like this"
    print(f"nested {seed}: {dict(found.counts)} of {sum(map(len, gone.values()))} files")
    return found.counts["intact"]


@pytest.mark.xdist_group("vm")
def test_nested_snapshots(bcachefs, vm, tmp):
    images, script = [os.path.join(tmp, f"{seed}.img") for seed in NESTED_SEEDS], "set -e\n"
    for i, (seed, image) in enumerate(zip(NESTED_SEEDS, images)):
        with open(image, "wb") as f:
            f.truncate(IMAGE_MIB << 20)
        bcachefs.run("format", image, status=0)
        script += (f"mount -t bcachefs /dev/d{i} /mnt\npython3 /in/undelete_files.py nested /mnt {seed}\n"
                   "umount /mnt\n")
    with open(undelete_files.__file__, "rb") as f:
        run = vm(script, images, files={"undelete_files.py": f.read()}, timeout=900)
    assert run.status == 0, f"{run!r}"
    steps = {int(seed): int(step) + 1 for seed, step in re.findall(r"seed (\d+) came to step (\d+)", run.output)}
    assert sum(check_nested(bcachefs, image, tmp, seed, steps[seed]) for seed, image in zip(NESTED_SEEDS, images)) > 10


CASES = {  # the last one ends with the power cut
    "unmount": "write delete umount",
    "remount": "write umount mount delete umount",
    "later": "write delete later umount",
    "encrypted": "write delete umount",
    "snapshot": "write snapshot delete umount",
    "random": "random umount",
    "many-unmount": "many umount",
    "many-later": "many later umount",
    "many-crash": "many",
    "crowd": "crowd umount",
    "crash": "write delete",
}
MANY_MIB = 256  # of these
UNCHECKED = {"nosum-4096", "nosum-300001"}


def check_many(found, case):
    """Of files of all kinds, deleted in all ways, what is called intact is as it was, with all names and attributes."""
    names, shares = {}, collections.defaultdict(collections.Counter)
    for f in many():
        if f.way == "written over":  # earlier states of what is there are not for undelete
            assert f.name not in found.quality
            continue
        for name in (f.name, f.name + ".link")[:1 + (f.way == "links")]:
            names[name] = f
            shares[f.way][found.quality.get(name)] += 1
    fine = found.check({name: f.data for name, f in names.items()})
    for name in fine:
        f, path = names[name], os.path.join(found.target, name)
        assert (found.quality[name] == "kept") == (f.way == "one link")
        if f.xattr:
            assert os.getxattr(path, "user.note") == f.xattr
        if f.way == "links" and f.name in fine:
            assert os.path.samefile(path, os.path.join(found.target, f.name)), f"{path}: names of one file"
    assert not {n for n, q in found.quality.items() if q == "unverified"}, "all of it has checksums"
    for way, counts in shares.items():
        print(f"{case}: {way}: {dict(counts)}")
    share = len(fine) / len(names)
    print(f"{case}: {share:.0%} of {len(names)} names")
    assert share > (0.3 if "later" in case else 0.9), f"{found.r!r}"


def check_nodes_out_of_use(bcachefs, image, where):
    """Without a journal, and with nodes that hide nothing, most is in nodes that nothing refers to any more."""
    wipe_journal(image)
    right = {}
    for args in ((), ("--scan",)):
        found = Found(bcachefs, image, where, *args)
        assert not found.counts["intact"], "nobody knows whether it is the last state"
        good = [f for f in found.files if f["path"].startswith("/crowd/") and f["quality"] == "unverified"]
        for f in good:
            data, expected = found.data(f["path"][1:]), crowd(int(f["path"][7:]))
            assert data[:len(expected)] == expected
            assert len(data) == len(expected) or "the size is a guess" in f["errors"][0]["reason"]
            assert args or f["source"] == "node"
        right[args] = len(good)
    gone = sum(map(crowd_goes, range(CROWD)))
    print(f"crowd: {right[()]} of {gone} files without a scan, {right[('--scan',)]} with one")
    assert right[("--scan",)] > max(2 * right[()], gone // 4)


@pytest.mark.xdist_group("vm")
def test_real_kernel(bcachefs, vm, tmp):
    images, script = [], GUEST
    for i, (case, steps) in enumerate(CASES.items()):
        images.append(os.path.join(tmp, case + ".img"))
        with open(images[-1], "wb") as f:
            f.truncate((MANY_MIB if case.startswith("many") else IMAGE_MIB) << 20)
        encrypted = ["--encrypted", "--no_passphrase"] if case == "encrypted" else []
        bcachefs.run("format", *encrypted, images[-1], status=0)
        script += f"run d{i} {steps}\n"
    with open(undelete_files.__file__, "rb") as f:
        run = vm(script + "power-cut 0\n", images, files={"undelete_files.py": f.read()}, timeout=900)
    assert run.status == 0, f"{run!r}"
    for case, image in zip(CASES, images):
        where = os.path.join(tmp, case)
        os.mkdir(where)
        if case == "crowd":
            check_nodes_out_of_use(bcachefs, image, where)
        if case in ("crowd", "random"):
            continue
        found = Found(bcachefs, image, where)
        if case.startswith("many"):
            check_many(found, case)
            continue
        found.check(FILES)
        partial_is_right(found, FILES)
        print(f"{case}: {dict(found.counts)} of {len(FILES) + 1} files")
        if case == "later":  # space is used again, how much depends on the allocator
            assert found.counts["intact"] > 5, f"{found.r!r}"
        else:  # nothing was written since: nothing is lost
            unchecked = set() if case == "encrypted" else UNCHECKED
            assert {n for n in FILES if found.quality[n] != "intact"} == unchecked, f"{case}: {found.r!r}"
