"""dump and undump: the undumped image lists as the original does; sanitized ones tell no secrets."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from imagesets import BTREES, all_sets
from mounts import secret
from normalise import same
from placement import Placement

SETS = {str(s): s for s in all_sets()}
NAMED = ("extents", "inodes", "dirents", "xattrs", "alloc", "backpointers", "snapshots", "subvolumes")


def image_set(name):
    if name not in SETS:
        pytest.skip(f"image set not available here: {name}")
    return SETS[name]


def dump(bcachefs, tmp, images, *args):
    """Paths of the qcow2 images."""
    bcachefs.run("dump", "-o", os.path.join(tmp, "d"), *args, *images, status=0)
    return sorted(os.path.join(tmp, f) for f in os.listdir(tmp) if f.endswith(".qcow2"))


def undump(bcachefs, tmp, images, *args):
    """Paths of the raw images that come out at the end."""
    packed = dump(bcachefs, tmp, images, *args)
    assert len(packed) == len(images)
    bcachefs.run("undump", *packed, status=0)
    return [p[:-len(".qcow2")] for p in packed]


@pytest.mark.parametrize("name", ("basic", "multi3", "unclean2", "deep"))
def test_undumped_image_lists_as_the_original(bcachefs, images, tmp, name):
    original = images(image_set(name))
    copy = undump(bcachefs, tmp, original)
    assert [os.path.getsize(p) for p in copy] == [os.path.getsize(p) for p in original]
    for btree in NAMED:
        for journal in ([], ["--no-journal"]):
            expected = bcachefs.run("list", "-b", btree, *journal, *original, status=0)
            same(bcachefs.run("list", "-b", btree, *journal, *copy, status=0).out, expected.out)
    for btree in ("extents", "alloc"):
        expected = bcachefs.run("list", "-b", btree, "-m", "nodes-ondisk", *original, status=0)
        same(bcachefs.run("list", "-b", btree, "-m", "nodes-ondisk", *copy, status=0).out, expected.out)
    expected = bcachefs.run("list_journal", "-a", *original)
    same(bcachefs.run("list_journal", "-a", *copy).out, expected.out)


@pytest.mark.parametrize("name", ("basic", "multi3"))
def test_real_tool_accepts_the_undumped_image(bcachefs, real_tool, images, tmp, name):
    s = image_set(name)
    copy = undump(bcachefs, tmp, images(s))
    r = real_tool.list("-b", "dirents", *copy)
    assert r.status == 0, r
    same(r.out, s.text("list/dirents.txt"))


def test_real_tool_lists_a_sanitized_image(bcachefs, real_tool, images, tmp):
    s = image_set("basic")
    copy = undump(bcachefs, tmp, images(s), "--sanitize")
    r = real_tool.list("-b", "inodes", *copy)
    assert r.status == 0, r
    same(r.out, s.text("list/inodes.txt"))


def test_qemu_finds_no_fault(bcachefs, images, tmp):
    if not shutil.which("qemu-img"):
        pytest.skip("qemu-img is not installed")
    packed, = dump(bcachefs, tmp, images(image_set("basic")))
    subprocess.run(["qemu-img", "check", packed], check=True, stdout=subprocess.DEVNULL)
    bcachefs.run("undump", packed, status=0)
    subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", packed, packed[:-6]], check=True,
                   stdout=subprocess.DEVNULL)


def test_undumps_what_qemu_writes(bcachefs, images, tmp):
    if not shutil.which("qemu-img"):
        pytest.skip("qemu-img is not installed")
    raw = os.path.join(tmp, "raw")
    with open(raw, "wb") as f:
        f.write(b"start")
        f.seek(5 << 20)
        f.write(b"end" * 171)
        f.truncate((5 << 20) + 1024)
    packed = os.path.join(tmp, "q.qcow2")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, packed], check=True)
    bcachefs.run("undump", packed, status=0)
    with open(raw, "rb") as a, open(packed[:-6], "rb") as b:
        assert a.read() == b.read()


def test_raw_format_is_the_undumped_image(bcachefs, images, tmp):
    original = images(image_set("basic"))
    copy, = undump(bcachefs, tmp, original)
    bcachefs.run("dump", "-o", copy, "--format=raw", *original, status=0)
    subprocess.run(["cmp", copy, copy + ".raw"], check=True)


def names_of(s):
    """Names of files long enough not to occur by chance."""
    found = set()
    for line in s.text("manifest.jsonl").splitlines():
        path = json.loads(line).get("path")
        if path:
            found |= {part.encode("utf-8", "surrogateescape") for part in path.split("/")}
    return {n for n in found if len(n) >= 6 and n != b"lost+found"}


def heads(text):
    """Size, type and position of each key."""
    return [line.split()[:5] for line in text.splitlines() if line.startswith("u64s ")]


@pytest.mark.parametrize("name", ("basic", "unclean2", "enc"))
def test_sanitized_image_has_no_names_and_no_data(bcachefs, images, tmp, name):
    s = image_set(name)
    original = images(s)
    key = ["--passphrase_file", os.path.join(tmp, "passphrase")] if s.passphrase else []
    if key:
        with open(key[1], "w") as f:
            f.write(s.passphrase + "\n")
    packed = dump(bcachefs, tmp, original, "--sanitize", *key)
    bcachefs.run("undump", *packed, status=0)
    copy = [p[:-6] for p in packed]
    names = names_of(s)
    assert names
    for image in packed:  # all clusters as they are, but for those of zeros
        with open(image, "rb") as f:
            data = f.read()
        assert not [n for n in names if n in data]
    for btree in BTREES[:4]:
        a = bcachefs.run("list", "-b", btree, *key, *original, status=0)
        b = bcachefs.run("list", "-b", btree, *key, *copy, status=0)
        assert heads(a.out) == heads(b.out)
    same(bcachefs.run("list", "-b", "inodes", *key, *copy).out, bcachefs.run("list", "-b", "inodes", *key, *original).out)
    listed = bcachefs.run("list", "-b", "dirents", *key, *copy).out.encode()
    assert not [n for n in names if n in listed]


def test_sanitized_data_leaves_names(bcachefs, images, tmp):
    original = images(image_set("basic"))
    clean = undump(bcachefs, tmp, original, "--sanitize=data")
    small = bcachefs.run("list", "-k", "inline_data", *original, status=0).out
    cleaned = bcachefs.run("list", "-k", "inline_data", *clean, status=0).out
    assert heads(small) and heads(small) == heads(cleaned)
    assert not [line for line in cleaned.splitlines() if line.rsplit(": ", 1)[1].strip("0: ")]
    names = bcachefs.run("list", "-b", "dirents", *original, status=0).out
    same(bcachefs.run("list", "-b", "dirents", *clean, status=0).out, names)


def test_encrypted_without_key_is_refused(bcachefs, images, tmp):
    r = bcachefs.run("dump", "-o", os.path.join(tmp, "d"), *images(image_set("enc")), input="wrong\n", status=1)
    assert "passphrase" in r.err
    assert not os.listdir(tmp)


def test_existing_output_is_kept_without_force(bcachefs, images, tmp):
    out = os.path.join(tmp, "d.qcow2")
    with open(out, "w") as f:
        f.write("precious")
    args = ("dump", "-o", out[:-6], *images(image_set("basic")))
    r = bcachefs.run(*args, status=1)
    assert f"Error opening {out}: File exists" in r.err
    assert open(out).read() == "precious" and os.listdir(tmp) == ["d.qcow2"]
    bcachefs.run(*args, "-f", status=0)
    assert os.listdir(tmp) == ["d.qcow2"] and os.stat(out).st_mode & 0o777 == 0o600
    bcachefs.run("undump", out, status=0)
    r = bcachefs.run("undump", out, status=1)
    assert f"{out[:-6]} already exists" in r.err
    # Of several all are told, and none is begun.
    other = os.path.join(tmp, "e.qcow2")
    shutil.copy(out, other)
    r = bcachefs.run("undump", other, out, out, status=1)
    assert r.err.count(f"{out[:-6]} already exists") == 2 and not os.path.exists(other[:-6])


@pytest.mark.parametrize("damage,message", (
    (lambda d: d[:len(d) // 2], "lies behind the end of the file"),
    (lambda d: d[:40], "not a qcow2 image"),
    (lambda d: b"", "not a qcow2 image"),
    (lambda d: os.urandom(65536), "not a qcow2 image"),
    (lambda d: d[:7] + b"\x07" + d[8:], "qcow2 version 7 is not supported"),
    (lambda d: d[:15] + b"\x48" + d[16:], "backing file"),
    (lambda d: d[:23] + b"\x3f" + d[24:], "clusters of 2^63 bytes"),
    (lambda d: d[:24] + b"\x7f" + d[25:], "level 1 table"),
    (lambda d: d[:40] + b"\xff" * 8 + d[48:], "level 1 table"),
), ids=("half", "head", "empty", "garbage", "version", "backing", "clusters", "size", "l1"))
def test_bad_qcow2_is_refused(bcachefs, images, tmp, damage, message):
    packed, = dump(bcachefs, tmp, images(image_set("basic")))
    with open(packed, "rb") as f:
        data = f.read()
    with open(packed, "wb") as f:
        f.write(damage(data))
    r = bcachefs.run("undump", packed, status=1)
    assert message in r.err
    assert os.listdir(tmp) == ["d.qcow2"]


def test_undump_wants_the_suffix(bcachefs, tmp):
    assert "not a qcow2 image?" in bcachefs.run("undump", os.path.join(tmp, "x.img"), status=1).err


# ---- One copy of each node ----

def node_devices(bcachefs, words, btree):
    """The devices of each node of a btree, as its pointer says."""
    text = bcachefs.run("list", "-b", btree, "-m", "nodes", *words, status=0).out
    return [re.findall(r"ptr: *(?:\S+ )?(\d+):", line) for line in text.splitlines() if " btree_ptr" in line]


@pytest.mark.parametrize("name", ("multi3", "unclean2", "encwide"))
@pytest.mark.parametrize("more", ((), ("--sanitize",)), ids=("plain", "sanitized"))
def test_single_replica_has_one_copy_of_each_node(bcachefs, images, tmp, name, more):
    s = image_set(name)
    key = secret(s, tmp)
    original = [*key, *images(s)]
    whole = dump(bcachefs, tmp, original)
    size = sum(map(os.path.getsize, whole))
    packed = dump(bcachefs, tmp, original, "--single-replica", "-f", *more)
    assert sum(map(os.path.getsize, packed)) < size
    bcachefs.run("undump", *packed, status=0)
    copy = [*key, *(p[:-6] for p in packed)]
    for btree in ("extents", "inodes", "alloc", "snapshots"):
        a, b = node_devices(bcachefs, original, btree), node_devices(bcachefs, copy, btree)
        assert a and [len(x) for x in a] == [len(x) for x in b]
        for before, after in zip(a, b):
            assert after == [before[0], *["255"] * (len(before) - 1)]
        expected, found = (re.sub(r"target \w+", "target", bcachefs.run("list", "-b", btree, *words, status=0).out)
                           for words in (original, copy))
        same(found, expected)


@pytest.mark.parametrize("name", ("multi3", "unclean2"))
@pytest.mark.parametrize("at", (24, 512), ids=("head", "keys"))
def test_single_replica_is_a_good_one(bcachefs, copies, tmp, name, at):
    """The first copies of the nodes of three btrees are damaged: their other copies are dumped."""
    s = image_set(name)
    key, paths = secret(s, tmp), copies(s)
    words = [*key, *paths]
    expected = {b: bcachefs.run("list", "-b", b, *words, status=0).out for b in ("dirents", "inodes", "extents")}
    slots = {int(re.search(r"^Device index: +(\d+)", bcachefs.run("show-super", p).out, re.M)[1]): p for p in paths}
    place, bad = Placement(bcachefs, words), 0
    for btree in expected:
        text = bcachefs.run("list", "-b", btree, "-m", "nodes", *words, status=0).out
        for node in re.split(r"^(?=.* btree_ptr)", text, flags=re.M):
            ptrs = re.findall(r"ptr: *(?:\S+ )?(\d+):(\d+):(\d+) gen", node)
            if len(ptrs) > 1:
                offset = (int(ptrs[0][1]) * place.bucket_sectors[int(ptrs[0][0])] + int(ptrs[0][2])) * 512
                with open(slots[int(ptrs[0][0])], "r+b") as f:
                    f.seek(offset + at)
                    byte = f.read(1)
                    f.seek(offset + at)
                    f.write(bytes([byte[0] ^ 0x10]))
                bad += 1
    assert bad >= 3
    packed = dump(bcachefs, tmp, words, "--single-replica")
    bcachefs.run("undump", *packed, status=0)
    for btree in expected:
        found = bcachefs.run("list", "-b", btree, *key, *(p[:-6] for p in packed), status=0).out
        same(re.sub(r"target \w+", "target", found), re.sub(r"target \w+", "target", expected[btree]))


# ---- The real tool ----

CONSISTENT = ("basic", "multi3", "comp", "csum", "deep", "reflink", "tomb", "resized", "unclean1", "ec4")


@pytest.mark.parametrize("name", CONSISTENT)
# Names are not where their hash says once they are X.
@pytest.mark.parametrize("args", ((), ("--sanitize=data",)), ids=("plain", "no-data"))
def test_real_fsck_finds_in_the_undumped_image_what_it_finds_in_the_original(bcachefs, real_tool, copies, tmp, name, args):
    s = image_set(name)
    original = copies(s)
    os.mkdir(os.path.join(tmp, "out"))
    copy = undump(bcachefs, os.path.join(tmp, "out"), original, *args)
    expected, found = (real_tool.run("fsck", "-n", "-f", *paths) for paths in (original, copy))
    assert found.status == expected.status, (found, expected)


@pytest.mark.parametrize("name", ("multi3", "unclean2"))
def test_real_tool_lists_a_single_replica(bcachefs, real_tool, images, tmp, name):
    copy = undump(bcachefs, tmp, images(image_set(name)), "--single-replica")
    r = real_tool.list("-b", "dirents", *copy)
    assert r.status == 0, r
    same(r.out, image_set(name).text("list/dirents.txt"))


# ---- Labels ----

def test_sanitized_image_has_no_labels(bcachefs, real_tool, tmp):
    paths = [os.path.join(tmp, f"dev{i}") for i in range(3)]
    for path in paths:
        with open(path, "w") as f:
            f.truncate(64 << 20)
    bcachefs.run("format", "-L", "secret-fs", "--label=secret.one", paths[0], "--label=secret.two", paths[1],
                 "--label=s", paths[2], status=0)
    for more in ("--sanitize", "--sanitize=filenames"):
        packed = dump(bcachefs, tmp, paths, more, "-f")
        for image in packed:
            with open(image, "rb") as f:
                data = f.read()
            assert not [w for w in (b"secret", b"one", b"two") if w in data]
        bcachefs.run("undump", "-f", *packed, status=0)
        r = bcachefs.run("show-super", packed[0][:-6], status=0)
        assert re.search(r"^Label: +X{9}$", r.out, re.M)
        labels = re.findall(r"^  Label: +(\S+)", r.out, re.M)
        assert len(set(labels)) == 3 and all(re.fullmatch(r"[X\d.]+", x) for x in labels)
        assert real_tool.run("show-super", packed[0][:-6]).status == 0


# ---- Cut short ----

@pytest.mark.parametrize("sig", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_nothing_is_left_of_a_dump_that_is_killed(bcachefs, images, tmp, sig):
    p = subprocess.Popen([bcachefs.path, "dump", "-o", os.path.join(tmp, "d"), *images(image_set("deep"))],
                         stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(sig, signal.SIG_DFL))
    while p.poll() is None and not os.listdir(tmp):
        pass
    p.send_signal(sig)
    assert p.wait() == -sig
    assert not os.listdir(tmp)
