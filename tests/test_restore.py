"""restore gives back what the kernel showed, to a directory and to a tar stream; from damaged images nothing that is
wrong comes out without being named."""
import base64
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess

import pytest

import manifest
import superblock
from imagesets import HERE, SETS, copy_sparse, data_hash, have
from mounts import recorded, secret, tree
from wreck import FOUND, Wreck, damage

# Inode numbers and what follows from the target's own layout; ctime cannot be set.
NOT_HELD = {"ino", "ctime", "blocks"}
NOT_HELD_OF_DIRS = {"size", "nlink"}
JOURNAL_V2 = 9  # superblock section
SEEDS = int(os.environ.get("RESTORE_SEEDS", "40"))
DAMAGED = [n for n in ("basic", "multi3", "reflink", "comp", "enc", "unclean1", "n28", "n39", "degraded", "ec4", "snap",
                         "unclean2", "n39un")
           if n in SETS]

with_manifest = [pytest.param(s, id=s.name) for s in SETS.values() if s.has("manifest.jsonl")]


def fields(facts, without=()):
    out = NOT_HELD | set(without) | (NOT_HELD_OF_DIRS if facts.get("type") == "dir" else set())
    return {k: v for k, v in facts.items() if k not in out}


def difference(found, expected, most=5, without=()):
    differ = {}
    for path in sorted(found.keys() | expected.keys()):
        a, b = fields(found.get(path, {}), without), fields(expected.get(path, {}), without)
        keys = {f: (a.get(f), b.get(f)) for f in a.keys() | b.keys() if a.get(f) != b.get(f)}
        if keys and len(differ) < most:
            differ[path] = keys
    return differ


def path_of(entry):
    """The path of an entry of the JSON document as manifests write it."""
    path = entry["path"]
    raw = base64.b64decode(path["b64"]) if isinstance(path, dict) else path.encode()
    return os.fsdecode(raw.strip(b"/")) or "."


def restored(bcachefs, image_set, paths, tmp, *args, status=0, out="out"):
    target = os.path.join(tmp, out)
    r = bcachefs.run("restore", *secret(image_set, tmp), *args, *paths, target, status=status)
    return r, target


def totals(facts, of_type=None):
    return sum(f["type"] != "dir" if of_type is None else f["type"] == of_type for f in facts.values())


# ---- Whole filesystems ----

@pytest.mark.parametrize("image_set", with_manifest)
def test_directory_equals_what_the_kernel_showed(bcachefs, images, tmp, image_set):
    r, target = restored(bcachefs, image_set, images(image_set), tmp)
    expected = recorded(image_set)
    assert not difference(tree(target), expected)
    size = sum(f["size"] for f in expected.values() if f["type"] == "file")
    linked = {}
    for f in expected.values():
        if f["type"] == "file" and f["nlink"] > 1:
            linked.setdefault((f["ino"], f["mtime"], f["sha256"]), []).append(f["size"])
    m = re.search(r"^(?:\d+ files have \d+ bytes without a checksum: .*\n)?restored (\d+) files, (\d+) directories, (\d+) bytes; 0 errors\n\Z", r.out)
    assert (int(m[1]), int(m[2])) == (totals(expected), totals(expected, "dir"))
    assert size - sum(sum(s[1:]) for s in linked.values()) <= int(m[3]) <= size


def extract(program, stream, target):
    """Unpack with attributes; what GNU tar says of keywords for others is no error."""
    os.mkdir(target)
    if program == "tar":
        argv = ["tar", "--xattrs", "--xattrs-include=*", "--acls", "--warning=no-unknown-keyword", "-xpf", stream]
    else:
        argv = ["bsdtar", "-xpf", stream]
    r = subprocess.run([*argv, "-C", target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert r.returncode == 0, r.stdout.decode("utf-8", "replace")
    return tree(target)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can unpack owners and devices")
@pytest.mark.parametrize("program,image_set", [
    *(pytest.param("tar", s.values[0], id=f"tar-{s.id}") for s in with_manifest),
    *(pytest.param("bsdtar", SETS[n], id=f"bsdtar-{n}") for n in ("basic", "snap", "reflink", "n39") if n in SETS)])
def test_tar_equals_what_the_kernel_showed(bcachefs, images, tmp, image_set, program):
    if not shutil.which(program):
        pytest.skip(f"no {program}")
    stream = os.path.join(tmp, "tar")
    with open(stream, "wb") as f:
        p = subprocess.run([bcachefs.path, "restore", *secret(image_set, tmp), *images(image_set), "-"], stdout=f,
                           stderr=subprocess.PIPE, timeout=300)
    expected = recorded(image_set)
    sockets = sorted(path for path, f in expected.items() if f["type"] == "socket")
    text = p.stderr.decode("utf-8", "surrogateescape")
    assert p.returncode == 0, text
    assert sorted(re.findall(r"^/(.*): left out: the target cannot hold a file of this type$", text, re.M)) == sockets
    for path in sockets:
        del expected[path]
    found = extract(program, stream, os.path.join(tmp, "out"))
    if program == "bsdtar":  # it made the top before
        found["."]["mtime"] = expected["."]["mtime"]
    assert not difference(found, expected)


def one_missing():
    for name in ("multi3", "ec4", "ec6", "encwide", "n39ec", "n39multi", "tomb", "unclean2", "n39un"):
        for gone in range(len(SETS[name].packed) if name in SETS else 0):
            yield pytest.param(SETS[name], gone, id=f"{name}-without-{gone}")


@pytest.mark.parametrize("image_set,gone", one_missing())
def test_equal_without_one_member(bcachefs, images, tmp, image_set, gone):
    """What only that member had is named; all else is equal."""
    paths = images(image_set)
    target = os.path.join(tmp, "out")
    r = bcachefs.run("restore", "--json", *secret(image_set, tmp), *paths[:gone], *paths[gone + 1:], target)
    named = check_damaged(r, target, image_set, None)
    if image_set.name not in ("tomb", "n39multi", "n39un", "unclean2"):
        assert r.status == 0 and not named, f"{r!r}"


def test_interrupted_stream_ends_early_and_says_so(bcachefs, images):
    argv = [bcachefs.path, "restore", *images(SETS["snap"]), "-"]
    whole = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    some = p.stdout.read(1 << 20)
    p.send_signal(signal.SIGINT)
    rest, messages = p.communicate(timeout=60)
    assert p.returncode == 4 and b"interrupted" in messages, messages
    assert len(some + rest) < len(whole) and whole.startswith(some)


# ---- What is restored ----

@pytest.fixture
def basic(images):
    return images(SETS["basic"])


def test_list_reads_no_data_and_writes_nothing(bcachefs, basic, tmp):
    r = bcachefs.run("restore", "--list", *basic, status=0)
    *lines, last = r.out.splitlines()
    expected = recorded(SETS["basic"])
    assert re.fullmatch(r"would restore \d+ files, \d+ directories, \d+ bytes; 0 errors", last)
    assert len(lines) == len(expected)
    facts = expected["tree/text-5000"] if "tree/text-5000" in expected else next(
        f for f in expected.values() if f["type"] == "file" and " " not in f["path"])
    (line,) = [x for x in lines if x.endswith(" /" + facts["path"])]
    mode, nlink, uid, gid, size = line.split()[:5]
    assert (mode[0], int(nlink), int(uid), int(gid), int(size)) == ("-", facts["nlink"], facts["uid"], facts["gid"],
                                                                   facts["size"])
    assert os.listdir(tmp) == []


def test_dry_run_reads_all_and_writes_nothing(bcachefs, basic, tmp):
    r = bcachefs.run("restore", "--dry-run", "--json", *basic, tmp, status=0)
    document = json.loads(r.out)
    assert document["schema"] == "bcachefs/restore/1" and document["exit_status"] == 0
    expected = recorded(SETS["basic"])
    found = {path_of(e): e for e in document["files"]}
    assert found.keys() == expected.keys()
    for path, e in found.items():
        f = expected[path]
        assert (e["type"], e["quality"], e["errors"]) == (f["type"], "intact", [])
        assert (e["inode"], int(e["mode"], 8), e["uid"], e["gid"]) == (f["ino"], int(f["mode"], 8), f["uid"], f["gid"])
        if f["type"] == "file":
            assert e["size"] == f["size"] and e["restored_bytes"] in (0, f["size"])
    assert document["totals"] == {"files": totals(expected), "directories": totals(expected, "dir"), "errors": 0,
                                  "bytes": sum(e.get("restored_bytes", 0) for e in document["files"])}
    assert os.listdir(tmp) == []


def below(facts, *tops):
    """The part of a tree that the paths lead to, with the directories above."""
    def wanted(path):
        return path == "." or any(path == t or path.startswith(t + "/") or t.startswith(path + "/") for t in tops)
    return {path: f for path, f in facts.items() if wanted(path)}


def test_path_restores_that_subtree(bcachefs, images, tmp):
    image_set = SETS["snap"]
    expected = recorded(image_set)
    file = next(p for p, f in expected.items() if f["type"] == "file" and p.count("/") >= 2 and f["nlink"] == 1)
    r, target = restored(bcachefs, image_set, images(image_set), tmp, "-p", "/sv/tree", "-p", file)
    assert not difference(tree(target), below(expected, "sv/tree", file), without=["nlink"])


def test_unknown_path_is_told(bcachefs, basic, tmp):
    r, target = restored(bcachefs, SETS["basic"], basic, tmp, "-p", "no/such", status=4)
    assert "no/such: not found" in r.err and os.listdir(target) == []


def subtree(facts, top):
    """As if `top` were the root."""
    out = {"." if p == top else p[len(top) + 1:]: {**f} for p, f in facts.items() if p == top or p.startswith(top + "/")}
    for p, f in out.items():
        f["path"] = p
    return out


@pytest.mark.parametrize("by", ["path", "id"])
def test_one_subvolume(bcachefs, images, tmp, by):
    image_set = SETS["snap"]
    listed = json.loads(bcachefs.run("restore", "--list", "--json", *images(image_set), status=0).out)
    number = next(e["subvolume"] for e in listed["files"] if path_of(e) == "snap-ro")
    r, target = restored(bcachefs, image_set, images(image_set), tmp, "-S", "/snap-ro" if by == "path" else number)
    assert not difference(tree(target), subtree(recorded(image_set), "snap-ro"))


def test_what_is_no_subvolume_is_refused(bcachefs, images, tmp):
    for what, message in (("/snap-ro/tree", "is not a subvolume"), ("/nothing", "no such"), ("4711", "no such")):
        r, _ = restored(bcachefs, SETS["snap"], images(SETS["snap"]), tmp, "-S", what, status=1)
        assert message in r.err, f"{r!r}"


def test_all_subvolumes(bcachefs, images, tmp):
    image_set = SETS["snap"]
    r, target = restored(bcachefs, image_set, images(image_set), tmp, "-A")
    found, expected = tree(target), recorded(image_set)
    tops = {p for p in found if re.fullmatch(r"subvol-\d+", p)}
    assert len(tops) > 4
    mine = subtree(found, "subvol-1")
    inner = [p for p in expected if p in mine]
    assert {p for p in expected if not any(p.startswith(q + "/") for q in expected if q not in mine)} >= set(inner)
    listed = json.loads(bcachefs.run("restore", "--list", "--json", *images(image_set), status=0).out)
    for e in listed["files"]:
        if path_of(e) == "snap-ro":
            assert not difference(subtree(found, f"subvol-{e['subvolume']}"), subtree(expected, "snap-ro"))


@pytest.mark.parametrize("option,kept", [("-x", {"xattrs"}), ("-m", {"mode"}), ("-o", {"uid", "gid"}),
                                         ("--symlinks", {"symlink"}), ("--special", {"fifo"}), ("--hardlinks", {"nlink"})])
def test_only_what_is_asked_for_is_recreated(bcachefs, basic, tmp, option, kept):
    r, target = restored(bcachefs, SETS["basic"], basic, tmp, option)
    found, expected = tree(target), recorded(SETS["basic"])
    for path, f in found.items():
        e = expected[path]
        assert f.get("sha256") == e.get("sha256") and f["mtime"] == e["mtime"]
        if "xattrs" not in kept:
            assert "xattrs" not in f
        elif "xattrs" in e:
            assert {k: v for k, v in f["xattrs"].items()} == e["xattrs"]
        if "mode" in kept:
            assert f["mode"] == e["mode"]
        if "uid" in kept and os.geteuid() == 0:
            assert (f["uid"], f["gid"]) == (e["uid"], e["gid"])
        if "nlink" in kept and f["type"] == "file":
            assert f["nlink"] == e["nlink"]
    types = {f["type"] for f in found.values()}
    assert ("symlink" in types) == ("symlink" in kept) and ("fifo" in types) == ("fifo" in kept)


# ---- The target ----

def test_target_that_is_not_empty_is_refused(bcachefs, basic, tmp):
    os.mkdir(os.path.join(tmp, "out"))
    with open(os.path.join(tmp, "out", "mine"), "w") as f:
        f.write("mine")
    r, target = restored(bcachefs, SETS["basic"], basic, tmp, status=1)
    assert "not empty" in r.err and os.listdir(target) == ["mine"]


def test_resume_does_what_is_missing(bcachefs, basic, tmp):
    expected = recorded(SETS["basic"])
    r, target = restored(bcachefs, SETS["basic"], basic, tmp)
    files = [p for p, f in expected.items() if f["type"] == "file" and f["nlink"] == 1 and f["size"]]
    os.unlink(os.path.join(target, files[0]))
    with open(os.path.join(target, files[1]), "ab") as f:
        f.write(b"more")
    os.utime(os.path.join(target, files[2]), ns=(0, 0))
    kept = os.lstat(os.path.join(target, files[3])).st_ino
    r, _ = restored(bcachefs, SETS["basic"], basic, tmp, "--resume")
    assert not difference(tree(target), expected)
    assert re.search(r"^restored 3 files, ", r.out, re.M), f"{r!r}"
    assert os.lstat(os.path.join(target, files[3])).st_ino == kept


def test_overwrite_replaces_all(bcachefs, basic, tmp):
    expected = recorded(SETS["basic"])
    r, target = restored(bcachefs, SETS["basic"], basic, tmp)
    file = next(p for p, f in expected.items() if f["type"] == "file" and f["size"])
    with open(os.path.join(target, file), "wb") as f:
        f.write(b"other")
    r, _ = restored(bcachefs, SETS["basic"], basic, tmp, "--overwrite")
    assert not difference(tree(target), expected)


def test_symlinks_in_the_target_are_not_followed(bcachefs, basic, tmp):
    expected = recorded(SETS["basic"])
    folder = next(p for p, f in expected.items() if f["type"] == "dir" and "/" not in p and p != ".")
    outside = os.path.join(tmp, "outside")
    os.mkdir(outside)
    os.mkdir(os.path.join(tmp, "out"))
    os.symlink(outside, os.path.join(tmp, "out", folder))
    r, target = restored(bcachefs, SETS["basic"], basic, tmp, "--overwrite", status=4)
    assert os.listdir(outside) == []
    assert f"/{folder}: cannot be made" in r.err


@pytest.fixture
def xfs(tmp):
    """A mounted filesystem that can make clones."""
    image, point = os.path.join(tmp, "xfs.img"), os.path.join(tmp, "xfs")
    os.mkdir(point)
    with open(image, "wb") as f:
        f.truncate(400 << 20)
    for command in (["mkfs.xfs", "-q", "-m", "reflink=1", image], ["mount", "-o", "loop", image, point]):
        if not shutil.which(command[0]) or subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
            pytest.skip(f"cannot be done here: {command[0]}")
    yield point
    subprocess.run(["umount", point], check=True)


def used(point):
    os.sync()
    st = os.statvfs(point)
    return (st.f_blocks - st.f_bfree) * st.f_frsize


def test_clones_stay_clones(bcachefs, images, tmp, xfs):
    expected = recorded(SETS["reflink"])
    before = used(xfs)
    r = bcachefs.run("restore", *images(SETS["reflink"]), os.path.join(xfs, "out"), status=0)
    found = tree(os.path.join(xfs, "out"))
    assert not difference(found, expected, without=["xattrs"])
    apart = sum(f["blocks"] * 512 for f in found.values())
    assert used(xfs) - before < apart / 2


@pytest.mark.parametrize("args,message", [
    ((), "please supply a device and a directory"), (("{dev}",), "please supply a device"),
    (("-l",), "please supply a device"), (("-A", "-S", "1", "{dev}", "x"), "either"),
    (("--fill=ones", "{dev}", "x"), "--fill"), (("--json", "{dev}", "-"), "standard output"),
    (("--memory=lots", "{dev}", "x"), "not a size")])
def test_bad_usage(bcachefs, basic, args, message):
    r = bcachefs.run("restore", *(a.format(dev=basic[0]) for a in args), status=1)
    assert message in r.err, f"{r!r}"


def test_what_is_no_filesystem_is_refused(bcachefs, tmp):
    image = os.path.join(tmp, "image")
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    r = bcachefs.run("restore", image, os.path.join(tmp, "out"), status=1)
    assert "Not a bcachefs superblock" in r.err and not os.path.exists(os.path.join(tmp, "out"))
    r = bcachefs.run("restore", "--json", image, os.path.join(tmp, "out"), status=1)
    assert json.loads(r.out)["error"]


# ---- Damage ----

EXTENT = re.compile(r"^u64s \d+ type extent (\d+):(\d+):\S+ len (\d+) .*c_size (\d+) .*compress none.*ptr: 0:(\d+):(\d+)", re.M)


def one_bad_extent(bcachefs, paths):
    """Damage the last sector of one extent of a file with several: its inode, and the bytes that it holds."""
    with open(paths[0], "rb") as f:
        f.seek(4096)
        bucket = superblock.bucket_bytes(f.read(1 << 16))
    text = bcachefs.run("list", "-b", "extents", *paths, status=0).out
    found = [m for m in EXTENT.finditer(text) if m[3] == m[4] and int(m[3]) >= 32]
    inums = [m[1] for m in found]
    m = next(m for m in found if inums.count(m[1]) > 1)
    inum, end, size, bucket_nr, offset = (int(m[i]) for i in (1, 2, 3, 5, 6))
    at = bucket_nr * bucket + offset * 512 + (size - 1) * 512
    with open(paths[0], "r+b") as f:
        f.seek(at)
        sector = f.read(512)
        f.seek(at)
        f.write(bytes(b ^ 0x5a for b in sector))
    return inum, (end - size) * 512, end * 512


@pytest.mark.parametrize("option", ["", "--fill=zeros", "--fill=pattern", "--keep-bad"])
def test_what_cannot_be_read(bcachefs, copies, reference, tmp, option):
    paths = copies(SETS["basic"])
    inum, start, end = one_bad_extent(bcachefs, paths)
    path = next(p for p, f in recorded(SETS["basic"]).items() if f["ino"] == inum)
    r, target = restored(bcachefs, SETS["basic"], paths, tmp, *option.split(), status=4)
    with open(os.path.join(reference(SETS["basic"]), path), "rb") as f:
        expected = f.read()
    end = min(end, len(expected))
    with open(os.path.join(target, path), "rb") as f:
        data = f.read()
    assert data[:start] == expected[:start] and data[end:] == expected[end:]
    mine = data[start:end]
    if option == "--keep-bad":
        assert mine[:-1024] == expected[start:end - 1024] and mine != expected[start:end]
    elif option == "--fill=pattern":
        assert b"[unreadable] [unreadable] " in mine
    else:
        assert mine == bytes(end - start)
    (line,) = [x for x in r.err.splitlines() if x.startswith("/")]
    assert line.startswith(f"/{path}: {start}..{end}: device 0 (dev0.img) bucket ")
    assert ("(written all the same)" in line) == (option == "--keep-bad")
    again, _ = restored(bcachefs, SETS["basic"], paths, tmp, "--resume", status=4)
    assert line.split(" (written")[0] in again.err, "what is not whole is tried again"
    assert re.search(r"^restored 1 files", again.out, re.M)


def test_data_without_checksums_is_never_called_verified(bcachefs, copies, tmp):
    """Counted where all is well; a line a file as soon as anything is amiss."""
    image_set = SETS["nocsum"]
    paths = copies(image_set)
    r, target = restored(bcachefs, image_set, paths, tmp)
    m = re.search(r"^(\d+) files have (\d+) bytes without a checksum: nothing verifies them\nrestored ", r.out, re.M)
    assert m and "unverified" not in r.err and int(m[1]) > 3, f"{r!r}"
    document = json.loads(bcachefs.run("restore", "--json", "-n", *paths, status=0).out)
    entries = [e for e in document["files"] if e["quality"] == "unverified"]
    assert len(entries) == int(m[1]) == document["totals"]["unverified_files"]
    assert sum(e["unverified_bytes"] for e in entries) == int(m[2]) == document["totals"]["unverified_bytes"]
    for path, f in recorded(image_set).items():
        if f["type"] == "file" and f["size"] > 4096 and f["nlink"] == 1 and f["blocks"]:
            assert path in {path_of(e) for e in entries}, path
    wreck = Wreck(bcachefs, image_set, paths, tmp)
    wreck.root("subvolumes")
    r = wreck.run("restore", "--json", "--scan", target=os.path.join(tmp, "damaged"))
    lines = re.findall(r"^/.*?(\d+) bytes have no checksum: unverified$", r.err, re.M)
    document = json.loads(r.out)
    assert sum(map(int, lines)) == document["totals"]["unverified_bytes"] == int(m[2]), f"{r!r}"
    for e in document["files"]:
        assert e["quality"] != "intact" if "unverified_bytes" in e else e["quality"] != "unverified"


_references = {}


@pytest.fixture
def reference(bcachefs, images, scratch):
    """reference(set): a folder with what restore gives of the intact images, which equals the manifest."""
    def make(image_set):
        if image_set.name not in _references:
            folder = os.path.join(scratch, f"reference-{os.getpid()}-{image_set.name}")
            os.mkdir(folder)
            restored(bcachefs, image_set, images(image_set), folder, "-q")
            _references[image_set.name] = os.path.join(folder, "out")
        return _references[image_set.name]
    return make


def same_outside(found, expected, holes):
    """Are two files equal but for ranges [start, end)?"""
    with open(found, "rb") as f, open(expected, "rb") as g:
        a, b = bytearray(f.read()), bytearray(g.read())
    for start, end in holes:
        for data in (a, b):
            end = min(end, len(data))
            data[start:end] = bytes(max(0, end - start))
    return a == b


def is_named(path, named):
    """The path, or a directory above it."""
    return any(p in named for p in [path, "."] + [path[:i] for i, c in enumerate(path) if c == "/"])


def check_damaged(r, target, image_set, originals):
    """Everything is equal to the manifest or named; the names."""
    document = json.loads(r.out)
    entries = {path_of(e): e for e in document["files"]}
    named = {p for p, e in entries.items() if e["quality"] not in ("intact", "unverified")}
    everything = "what was changed last" in r.err and image_set.unclean or " is damaged (" in r.err
    found, expected = tree(target), recorded(image_set)
    for path in sorted(found.keys() | expected.keys()):
        if everything or is_named(path, named) and (path not in found or path not in expected):
            continue
        if path + ".missing-inode" in named:
            continue
        assert path in expected, f"{path} was not there: {r!r}"
        assert path in found, f"{path} is missing, and nothing says so: {r!r}"
        e = entries[path]
        if e["quality"] in ("intact", "unverified"):
            unknown = ["sha256", "blocks"] if e["quality"] == "unverified" else []
            wrong = difference({path: found[path]}, {path: expected[path]}, without=["nlink", *unknown])
            assert not wrong, f"{wrong}: {r!r}"
        elif found[path]["type"] == "file" and originals and all("offset" in x for x in e["errors"]):
            holes = [(int(x["offset"]), int(x["offset"]) + int(x["length"])) for x in e["errors"]]
            assert same_outside(os.path.join(target, path), os.path.join(originals, path), holes), f"{path}: {r!r}"
    assert r.status == (4 if document["totals"]["errors"] else 0)
    for path in named:
        assert re.search(r"^/" + ("" if path == "." else ".*: "), r.err, re.M), f"{r!r}"
    return named


def is_journal(path, offset):
    with open(path, "rb") as f:
        f.seek(superblock.FIRST_SECTOR * 512)
        head = f.read(1 << 20)
    size = superblock.bucket_bytes(head, head[122])
    for kind, at, length in superblock.sections(head):
        for pair in range(at + 8, at + length, 16) if kind == JOURNAL_V2 else ():
            start, nr = struct.unpack_from("<QQ", head, pair)
            if start * size <= offset < (start + nr) * size:
                return True
    return False


def journal_seq(r):
    """The number of the journal entry whose state came out, as the document says."""
    return json.loads(r.out)["journal"]["seq"]


def check_older(bcachefs, r, target, image_set, intact, tmp):
    """
    The newest journal entries are gone, and which one came out as the newest is told: then the files are those of the
    intact filesystem after that entry.
    """
    then = bcachefs.run("restore", "--json", "--at-seq", journal_seq(r), *secret(image_set, tmp), *intact,
                        os.path.join(tmp, "then"))
    found, expected = tree(target), tree(os.path.join(tmp, "then"))
    named = {path_of(e) for x in (r, then) for e in json.loads(x.out)["files"] if e["quality"] != "intact"}
    for path in sorted(found.keys() | expected.keys()):
        if not is_named(path, named) and path + ".missing-inode" not in named:
            assert path in found and path in expected, f"{path}: {r!r}"
            wrong = difference({path: found[path]}, {path: expected[path]}, without=["nlink"])
            assert not wrong, f"{wrong}: {r!r}"


WRITTEN = re.compile(r"^(?:blacklisted )?journal entry +(\d+)$(?:\n\*? .*)*?\n\*?  flush +(\d)$(?:\n\*? .*)*?"
                     r"\n\*?  written at +(.*)$", re.M)


def newest_entries(bcachefs, image_set, paths, tmp):
    """
    Of the newest journal entry first: [(seq, is it a flush one, [(path, offset of each copy, bytes)])]; those that never
    counted left out.
    """
    slots = {}
    for path in paths:
        with open(path, "rb") as f:
            f.seek(superblock.FIRST_SECTOR * 512 + 122)
            slots[f.read(1)[0]] = path
    text = bcachefs.run("list_journal", "-a", *secret(image_set, tmp), *paths).out
    out = []
    for seq, flush, places in WRITTEN.findall(text):
        copies = []
        for dev, sector in re.findall(r"(\d+):\d+:\d+ \(sector (\d+)\)", places):
            offset = int(sector) * 512
            with open(slots[int(dev)], "rb") as f:
                f.seek(offset + 40)
                copies.append((slots[int(dev)], offset, 56 + 8 * struct.unpack("<I", f.read(4))[0]))
        out.append((int(seq), flush == "1", copies))
    newest = max(i for i, e in enumerate(out) if e[1])
    return out[newest::-1]


def write_at(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def lose(how, path, offset, size):
    """Destroy a journal entry: its first block, or all of it, or its magic."""
    with open(path, "rb") as f:
        f.seek(offset)
        head = bytearray(f.read(4096))
    head[18] ^= 1
    write_at(path, offset, {"head": bytes(4096), "garbage": random.Random(1).randbytes(4096), "magic": bytes(head),
                            "all": bytes((size + 4095) // 4096 * 4096)}[how])


@pytest.mark.parametrize("how", ["head", "garbage", "magic", "all"])
@pytest.mark.parametrize("nr", [1, 2])
@pytest.mark.parametrize("image_set", have("unclean1", "unclean2", "n39un", "n39enc", "tomb"))
def test_lost_end_of_the_journal(bcachefs, images, copies, tmp, image_set, nr, how):
    """The newest entries are overwritten: told where anything tells, and what comes out is the state that is told."""
    paths = copies(image_set)
    entries = newest_entries(bcachefs, image_set, paths, tmp)
    for *_, places in entries[:nr]:
        for place in places:
            lose(how, *place)
    expected = next(seq for seq, flush, _ in entries[nr:] if flush)
    target = os.path.join(tmp, "out")
    r = bcachefs.run("restore", "--json", *secret(image_set, tmp), *paths, target)
    if not image_set.unclean:  # the superblock has it all
        assert r.status == 0 and journal_seq(r) == entries[0][0], f"{r!r}"
        assert not difference(tree(target), recorded(image_set))
        return
    assert journal_seq(r) == expected, f"{r!r}"
    # Nothing is left of a last entry, or was never behind it, that was overwritten as a whole.
    silent = how == "all" and image_set.name == "unclean1"
    assert silent or "are lost: what was changed last" in r.err and r.status == 4, f"{r!r}"
    assert re.search(rf"was not shut down cleanly: .* journal seq {expected} of ", r.err), f"{r!r}"
    check_older(bcachefs, r, target, image_set, images(image_set), tmp)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_damage_is_named(bcachefs, images, reference, tmp, seed):
    rng = random.Random(seed)
    image_set = SETS[DAMAGED[seed % len(DAMAGED)]]
    paths = [copy_sparse(p, os.path.join(tmp, os.path.basename(p))) for p in images(image_set)]
    damaged = [(path, offset) for path in rng.sample(paths, rng.randint(1, len(paths))) for offset in damage(rng, path)]
    before = [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths]
    target = os.path.join(tmp, "out")
    options = ["--scan"] if rng.random() < 0.4 else []
    r = bcachefs.run("restore", "--json", *options, *secret(image_set, tmp), *paths, target, timeout=240)
    assert [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths] == before
    assert r.status in (0, 1, 4), f"{r!r}"
    if r.status == 1:
        assert "bcachefs restore: " in r.err, f"{r!r}"
        return
    if image_set.unclean and any(is_journal(*where) for where in damaged):
        newest = newest_entries(bcachefs, image_set, images(image_set), tmp)[0][0]
        if not 0 < journal_seq(r) < newest:
            pass
        elif "what was changed last" in r.err:
            return
        else:  # gone without a trace
            return check_older(bcachefs, r, target, image_set, images(image_set), tmp)
    check_damaged(r, target, image_set, reference(image_set))


# ---- Earlier states ----

AGAIN = r"""
set -e
seq() { sed -n 's/^seq:[^0-9]*\([0-9]*\).*/\1/p' /sys/fs/bcachefs/*/internal/journal_debug | head -1; }
manifest() { sync; python3 /in/manifest.py /mnt >/out/manifest$1; date +%s >/out/time$1; seq >/out/seq$1; sleep 2; }
mount -t bcachefs /dev/d0 /mnt
mkdir /mnt/a /mnt/a/b
for i in 1 2 3 4 5 6 7 8; do head -c $((i * 30000)) /dev/urandom >/mnt/a/f$i; done
ln /mnt/a/f1 /mnt/a/b/link; ln -s f2 /mnt/a/symlink; cp --reflink=always /mnt/a/f8 /mnt/a/clone
setfattr -n user.x -v one /mnt/a/f3
manifest 1
dd if=/dev/urandom of=/mnt/a/f8 bs=4096 seek=3 count=5 conv=notrunc 2>/dev/null
dd if=/dev/zero of=/mnt/a/clone bs=4096 seek=9 count=2 conv=notrunc 2>/dev/null
rm /mnt/a/f4; mv /mnt/a/f5 /mnt/a/b/moved; truncate -s 1000 /mnt/a/f7; setfattr -n user.x -v two /mnt/a/f3
mkdir /mnt/c; echo new >/mnt/c/new
manifest 2
rm -r /mnt/a; bcachefs subvolume create /mnt/sv; echo sub >/mnt/sv/file
manifest 3
"""


def written_by_a_kernel(real_tool, vm, tmp, script):
    """A fresh filesystem after @script, which may call manifest.py: its images, what vm() gave."""
    def fresh():
        image = os.path.join(tmp, "dev0.img")
        with open(image, "wb") as f:
            f.truncate(192 << 20)
        return [image]

    _, images = real_tool.format(fresh, "{}")
    with open(os.path.join(HERE, "manifest.py"), "rb") as f:
        run = vm(script, images, files={"manifest.py": f.read()}, timeout=600)
    assert run.status == 0, f"{run!r}"
    return images, run


@pytest.mark.xdist_group("vm")
@pytest.mark.parametrize("ending", ["umount /mnt", "power-cut 0"])
def test_earlier_states_of_a_real_filesystem(bcachefs, real_tool, vm, tmp, ending):
    images, run = written_by_a_kernel(real_tool, vm, tmp, AGAIN + ending)
    whole = 0
    for n in "321":
        expected = manifest.parse(run.out["manifest" + n].decode())
        for how in ("time", "seq"):
            point = ("@" if how == "time" else "") + run.out[how + n].decode().strip()
            target = os.path.join(tmp, how + n)
            r = bcachefs.run("restore", "--json", f"--at-{how}", point, *images, target)
            assert r.status in (0, 4), f"{r!r}"
            entries = {path_of(e): e for e in json.loads(r.out)["files"]}
            found = tree(target)
            assert found.keys() == expected.keys(), f"{n} {how}: {r!r}"
            for path in expected:
                if entries[path]["quality"] == "intact":
                    assert not difference({path: found[path]}, {path: expected[path]}), f"{n} {how}: {r!r}"
                    whole += 1
                else:  # its space was used again
                    assert entries[path]["type"] == "file" and entries[path]["errors"], f"{r!r}"
    print(f"{whole} objects of three states came out whole")
    assert whole > 60


ENCRYPTED = r"""
set -e
printf '%s\n%s\n' secret secret | bcachefs format -q --encrypted /dev/d0 >/dev/null
for key in session user; do echo secret | bcachefs unlock -k $key /dev/d0 2>/dev/null || true; done
mount -i -t bcachefs /dev/d0 /mnt
for i in $(seq 12); do mkdir /mnt/d$i; for j in $(seq 30); do echo $i $j >/mnt/d$i/$j; done; sync; sleep 1; done
power-cut 0
"""


@pytest.mark.xdist_group("vm")
def test_lost_end_of_an_encrypted_journal(bcachefs, vm, tmp):
    """What is left of the newest entry tells of it, if one has the key."""
    image, intact = os.path.join(tmp, "dev0.img"), os.path.join(tmp, "intact.img")
    with open(image, "wb") as f:
        f.truncate(192 << 20)
    run = vm(ENCRYPTED, [image], timeout=600)
    assert run.status == 0, f"{run!r}"
    passphrase = os.path.join(tmp, "passphrase")
    with open(passphrase, "w") as f:
        f.write("secret")
    key = f"--passphrase-file={passphrase}"
    copy_sparse(image, intact)
    bcachefs.run("restore", "-q", key, intact, os.path.join(tmp, "all"), status=0)
    text = bcachefs.run("list_journal", "-a", key, image).out
    entries = re.split(r"^(?=journal entry)", text, flags=re.M)[1:]
    stamps = [re.findall(r"^ +(?:datetime|clock): .*$", e, re.M) for e in entries]
    # Down to one of several blocks, of which the last says that it is newer than the one before.
    for entry, stamp, before in reversed(list(zip(entries[1:], stamps[1:], stamps))):
        seq, _, place = WRITTEN.match(entry).groups()
        offset = int(re.search(r"sector (\d+)", place)[1]) * 512
        with open(image, "rb") as f:
            f.seek(offset + 40)
            size = 56 + 8 * struct.unpack("<I", f.read(4))[0]
        write_at(image, offset, bytes(4096))
        if size > 4096 + 256 and stamp != before:
            break
    r = bcachefs.run("restore", "--json", key, image, os.path.join(tmp, "out"), status=4)
    assert journal_seq(r) < int(seq) and "are lost: what was changed last" in r.err, f"{r!r}"


NESTED = r"""
set -e
mount -t bcachefs /dev/d0 /mnt; cd /mnt
bcachefs subvolume create sv; echo 1 >sv/first
bcachefs subvolume snapshot sv a; echo a >a/only-a; rm a/first
bcachefs subvolume snapshot a b; echo b >b/only-b; echo a >a/again
bcachefs subvolume snapshot b c; echo b >b/again; echo sv >sv/later
bcachefs subvolume snapshot sv d; echo sv >sv/latest
sync; python3 /in/manifest.py /mnt >/out/manifest; cd /; umount /mnt
"""


@pytest.mark.xdist_group("vm")
def test_nested_snapshots_without_their_btrees(bcachefs, real_tool, vm, tmp):
    """Of whom a snapshot was made shows in what that one wrote afterwards."""
    images, run = written_by_a_kernel(real_tool, vm, tmp, NESTED)
    expected = manifest.parse(run.out["manifest"].decode())
    wreck = Wreck(bcachefs, SETS["basic"], images, tmp)
    FOUND.clear()
    wreck.whole_btree("snapshots", "subvolumes")
    FOUND.clear()
    wreck.journal()
    r = wreck.run("restore", "--json", "--scan", target=os.path.join(tmp, "out"))
    assert "there are other ways to see it" not in r.err, f"{r!r}"
    assert not difference(tree(os.path.join(tmp, "out")), expected), f"{r!r}"


def test_journal_does_not_reach_back_for_ever(bcachefs, images, tmp):
    paths = images(SETS["unclean1"])
    r, _ = restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-seq", "1", status=1)
    oldest = int(re.search(r"the oldest state that it has is that after journal seq (\d+)", r.err)[1])
    restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-seq", oldest - 1, status=1)
    r, target = restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-seq", oldest, status=4)
    assert f"the state after journal seq {oldest}" in r.err
    r, _ = restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-seq", "1000000", status=1)
    newest = int(re.search(r"the newest is (\d+)", r.err)[1])
    r, target = restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-seq", newest, out="newest")
    assert not difference(tree(target), recorded(SETS["unclean1"]))
    assert "is not a time" in restored(bcachefs, SETS["unclean1"], paths, tmp, "--at-time", "yesterday", status=1)[0].err
