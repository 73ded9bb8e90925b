"""A FUSE mount shows what the kernel showed: every field of every object, however it is read."""
import ctypes
import hashlib
import mmap
import os
import random
import re
import subprocess
import sys
import threading

import pytest

from imagesets import SETS, data_hash, have
from mounts import difference, foreground, need_fuse, recorded, tree, unmount

@pytest.fixture(autouse=True)
def usable(bcachefs):
    need_fuse(bcachefs)


with_manifest = [pytest.param(s, id=s.name) for s in SETS.values() if s.has("manifest.jsonl")]


@pytest.mark.parametrize("image_set", with_manifest)
def test_shows_what_the_kernel_showed(images, mounted, image_set):
    assert not difference(tree(mounted(image_set, images(image_set))), recorded(image_set))


# ---- Nothing is written ----

@pytest.mark.parametrize("image_set", have("basic", "multi3", "unclean1", "unclean2", "n39un", "degraded"))
def test_changes_no_byte(copies, mounted, image_set):
    paths = copies(image_set)
    before = [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths]
    point = mounted(image_set, paths)
    tree(point)
    with pytest.raises(OSError, match="Read-only file system"):
        open(os.path.join(point, "new"), "w")
    unmount(point)
    assert [(data_hash(p), os.stat(p).st_mtime_ns) for p in paths] == before


# ---- Reading in other ways ----

def largest(facts, most=64 << 20):
    files = [f for f in facts.values() if f["type"] == "file" and f["size"] <= most]
    return max(files, key=lambda f: f["size"])


@pytest.mark.parametrize("image_set", have("basic", "comp", "encwide", "blk4k"))
def test_pieces_are_the_same_as_the_whole(images, mounted, image_set):
    point = mounted(image_set, images(image_set))
    path = os.path.join(point, largest(recorded(image_set))["path"])
    with open(path, "rb") as f:
        whole = f.read()
    rng = random.Random(5)
    wrong = []

    def reader(seed):
        mine = random.Random(seed)
        fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if seed % 2 else 0))
        buffer = mmap.mmap(-1, 1 << 16)
        for _ in range(50):
            at = mine.randrange(0, len(whole), 512 if seed % 2 else 1) if whole else 0
            n = os.preadv(fd, [buffer], at)
            if buffer[:n] != whole[at:at + (1 << 16)]:
                wrong.append((seed, at))
        os.close(fd)

    threads = [threading.Thread(target=reader, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        for _ in range(50):
            at = rng.randrange(len(whole))
            assert m[at:at + 5000] == whole[at:at + 5000]
        assert hashlib.sha256(m).digest() == hashlib.sha256(whole).digest()


@pytest.mark.parametrize("image_set", have("objects"))
def test_place_in_a_huge_directory_can_be_found_again(images, mounted, image_set):
    point = mounted(image_set, images(image_set))
    names = {}
    for path in recorded(image_set):
        names.setdefault(os.path.dirname(path), set()).add(os.path.basename(path))
    folder = max(names, key=lambda d: len(names[d]))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    libc.telldir.argtypes = libc.readdir.argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
    d = libc.opendir(os.fsencode(os.path.join(point, folder)))

    def step():
        entry = libc.readdir(d)
        return ctypes.string_at(entry + 19).decode("utf-8", "surrogateescape") if entry else None

    order, places = [], []
    while True:
        places.append(libc.telldir(d))
        name = step()
        if name is None:
            break
        order.append(name)
    assert len(order) == len(set(order)) and set(order) - {".", ".."} == names[folder]
    for i in random.Random(3).sample(range(len(order)), 40):
        libc.seekdir(d, places[i])
        assert step() == order[i]


def test_long_and_odd_names_are_found(images, mounted):
    expected = recorded(SETS["basic"])
    point = mounted(SETS["basic"], images(SETS["basic"]))
    longest = max(expected, key=lambda p: len(os.fsencode(os.path.basename(p))))
    assert len(os.fsencode(os.path.basename(longest))) == 255
    assert os.lstat(os.path.join(point, longest)).st_ino == expected[longest]["ino"]
    assert not os.path.lexists(os.path.join(point, "no such name"))
    with pytest.raises(OSError, match="File name too long"):
        os.lstat(os.path.join(point, "x" * 1500))


def test_space_is_counted_as_by_the_kernel(images, mounted):
    for name in ("basic", "multi3", "blk4k", "n28", "n39"):
        text = SETS[name].text("statfs.txt")
        expected = {k: int(v) for k, v in re.findall(r"(blocks|free|avail|files|ffree|bsize|namelen) (\d+)", text)}
        st = os.statvfs(mounted(SETS[name], images(SETS[name])))
        assert {"blocks": st.f_blocks, "free": st.f_bfree, "avail": st.f_bavail, "files": st.f_files, "ffree": st.f_ffree,
                "bsize": st.f_bsize, "namelen": st.f_namemax} == expected, name


# ---- Permissions ----

def may_read(path, uid, gid):
    return subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'rb').read(1)", path], user=uid, group=gid,
                          extra_groups=[], stderr=subprocess.DEVNULL).returncode == 0


def acl_entries(value):
    """(tag, permissions, id) of each entry of an access ACL."""
    raw = bytes.fromhex(value)
    return [(int.from_bytes(raw[i:i + 2], "little"), int.from_bytes(raw[i + 2:i + 4], "little"),
             int.from_bytes(raw[i + 4:i + 8], "little")) for i in range(4, len(raw), 8)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_permissions_and_acls_are_checked(images, mounted, tmp):
    for folder in (tmp, os.path.dirname(tmp)):
        os.chmod(folder, 0o755)
    image_set = SETS["basic"]
    point = mounted(image_set, images(image_set))
    expected = recorded(image_set)
    checked = 0
    for path, facts in expected.items():
        acl = acl_entries(facts.get("xattrs", {}).get("system.posix_acl_access", ""))
        if facts["type"] != "file" or not all(int(expected[d]["mode"], 8) & 1 for d in parents(path)):
            continue
        mask = next((perm for tag, perm, _ in acl if tag == 0x10), 7)
        for tag, perm, uid in acl:
            if tag == 0x02:
                assert may_read(os.path.join(point, path), uid, 65534) == bool(perm & mask & 4), path
                checked += 1
        if not acl and checked < 20:
            mode = int(facts["mode"], 8)
            assert may_read(os.path.join(point, path), 54321, 54321) == bool(mode & 4), path
            checked += 1
    assert checked


def parents(path):
    while path != ".":
        path = os.path.dirname(path) or "."
        yield path


# ---- Subvolumes ----

@pytest.mark.parametrize("image_set", have("snap"))
def test_subvol_shows_the_tree_of_a_subvolume(images, mounted, image_set):
    expected = recorded(image_set)
    folders = {}
    for path, facts in expected.items():
        if facts["type"] == "dir":
            folders.setdefault(facts["ino"], []).append(path)
    # Roots of snapshots of one subvolume have one number.
    top = next(paths for paths in folders.values() if len(paths) > 1 and all(p.count("/") < 3 for p in paths))[-1]
    below = {os.path.relpath(p, top): {**f, "path": os.path.relpath(p, top)} for p, f in expected.items()
             if p == top or p.startswith(top + "/")}
    assert not difference(tree(mounted(image_set, images(image_set), f"ro,subvol={top}")), below)


def test_subvol_must_be_one(bcachefs, images, tmp):
    paths = images(SETS["basic"])
    folder = next(p for p, f in recorded(SETS["basic"]).items() if f["type"] == "dir" and p != ".")
    assert "is not a subvolume" in bcachefs.run("fusemount", "-o", f"subvol={folder}", *paths, tmp, status=1).err
    assert "no such file" in bcachefs.run("fusemount", "-o", "subvol=no/such", *paths, tmp, status=1).err.lower()


# ---- The command ----

@pytest.mark.parametrize("args", [(), ("-s",)], ids=["threads", "single"])
def test_sigterm_unmounts(bcachefs, images, tmp, args):
    with foreground(bcachefs, images(SETS["basic"]), tmp, *args) as (point, process):
        assert os.path.ismount(point) and os.listdir(point)
    assert process.returncode == 0
    assert not os.path.ismount(point)


def test_two_mounts_of_the_same_devices_are_fine(images, mounted):
    paths = images(SETS["basic"])
    a, b = mounted(SETS["basic"], paths), mounted(SETS["basic"], paths)
    assert sorted(os.listdir(a)) == sorted(os.listdir(b))


def test_devices_may_be_one_list(images, mounted):
    point = mounted(SETS["multi3"], [":".join(images(SETS["multi3"]))])
    assert len(os.listdir(point)) > 1


def test_wrong_passphrase_is_refused(bcachefs, images, tmp):
    image_set = SETS["enc"]
    with open(os.path.join(tmp, "wrong"), "w") as f:
        f.write("not " + image_set.passphrase)
    r = bcachefs.run("fusemount", "--passphrase_file", os.path.join(tmp, "wrong"), *images(image_set), tmp, status=1)
    assert "passphrase" in r.err


def test_unknown_options_are_told_and_ignored(images, mounted):
    mounted(SETS["basic"], images(SETS["basic"]), "ro,noatime,verbose,x-systemd.automount,degradde")
    assert "mount option degradde is unknown" in mounted.messages
    assert mounted.messages.count("unknown") == 1


@pytest.mark.parametrize("args,message", [
    ((), "please supply"),
    (("-o", "metadata_checksum=nonsense", "{dev}", "{dir}"), "metadata_checksum"),
    (("-o", "subvol", "{dev}", "{dir}"), "needs a path"),
])
def test_bad_usage(bcachefs, images, tmp, args, message):
    dev = images(SETS["basic"])[0]
    r = bcachefs.run("fusemount", *(a.format(dev=dev, dir=tmp) for a in args), status=2)
    assert message in r.err


def test_mount_point_must_be_a_directory(bcachefs, images, tmp):
    dev = images(SETS["basic"])[0]
    assert "No such file" in bcachefs.run("fusemount", dev, os.path.join(tmp, "none"), status=1).err
    assert "not a directory" in bcachefs.run("fusemount", dev, dev, status=1).err


def test_mount_takes_fuse_for_image_files_and_says_so(images, mounted):
    point = mounted(SETS["basic"], images(SETS["basic"]), command="mount")
    assert "through FUSE" in mounted.messages
    assert len(os.listdir(point)) > 1


def test_helper_names_of_mount(bcachefs, images, tmp):
    for name in ("mount.bcachefs", "mount.fuse.bcachefs"):
        point = os.path.join(tmp, name)
        os.mkdir(point)
        bcachefs.run(*images(SETS["basic"]), point, "-o", "ro,nosuid,nodev", argv0=name, status=0)
        try:
            assert os.path.ismount(point)
        finally:
            unmount(point)


def test_mount_of_an_unknown_uuid_is_refused(bcachefs, tmp):
    r = bcachefs.run("mount", "UUID=12345678-1234-1234-1234-123456789abc", tmp, status=1)
    assert "no device" in r.err
    assert "is not a UUID" in bcachefs.run("mount", "UUID=zzz", tmp, status=2).err
