"""A FUSE mount shows what the kernel showed: every field of every object, with members missing and copies damaged too."""
import contextlib
import ctypes
import hashlib
import mmap
import os
import random
import re
import signal
import subprocess
import sys
import threading

import pytest

import manifest
from imagesets import HERE, all_sets, data_hash

SETS = {s.name: s for s in all_sets()}
POINTER = re.compile(r"ptr: (\d+):(\d+):(\d+) gen \d+( cached)?( unwritten)?")


def have(*names):
    return [pytest.param(SETS[n], id=n) for n in names if n in SETS]


@pytest.fixture(autouse=True)
def usable():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        pytest.skip(f"FUSE cannot be used here: /dev/fuse: {e.strerror}")


def unmount(point):
    for command in (["fusermount3", "-u", point], ["umount", point], ["umount", "-l", point]):
        with contextlib.suppress(OSError):
            if not subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
                return


@pytest.fixture
def mounted(bcachefs, tmp):
    """mounted(set, paths, options=...): the mount point; unmounted at the end."""
    points = []

    def mount(image_set, paths, options="ro", args=(), command="fusemount"):
        if "libfuse3" not in bcachefs.run("version", "-v").out:
            pytest.skip("built without libfuse3")
        point = os.path.join(tmp, f"mnt{len(points)}")
        os.mkdir(point)
        r = bcachefs.run(command, "-o", options, *args, *secret(image_set, tmp), *paths, point, status=0)
        points.append(point)
        mount.messages = r.err
        return point

    yield mount
    for point in points:
        unmount(point)


def secret(image_set, tmp):
    """Arguments that give the passphrase."""
    if not image_set.passphrase:
        return []
    path = os.path.join(tmp, "passphrase")
    with open(path, "w") as f:
        f.write(image_set.passphrase)
    return ["--passphrase_file", path]


def tree(point):
    """Read in a process of its own: a mount that hangs must not hang the tests."""
    p = subprocess.run([sys.executable, os.path.join(HERE, "manifest.py"), point], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=600)
    assert p.returncode == 0, p.stderr.decode()
    return manifest.parse(p.stdout.decode())


def recorded(image_set):
    return manifest.parse(image_set.text("manifest.jsonl"))


def difference(found, expected, most=5):
    """Path -> field -> (found, expected), of a few."""
    differ = {}
    for path in sorted(found.keys() | expected.keys()):
        a, b = found.get(path, {}), expected.get(path, {})
        fields = {f: (a.get(f), b.get(f)) for f in a.keys() | b.keys() if a.get(f) != b.get(f)}
        if fields and len(differ) < most:
            differ[path] = fields
    return differ


with_manifest = [pytest.param(s, id=s.name) for s in SETS.values() if s.has("manifest.jsonl")]


@pytest.mark.parametrize("image_set", with_manifest)
def test_shows_what_the_kernel_showed(images, mounted, image_set):
    assert not difference(tree(mounted(image_set, images(image_set))), recorded(image_set))


# ---- Members missing, copies damaged ----

def one_missing():
    for name in ("multi3", "ec4", "ec6", "n39ec", "n39multi", "tomb"):
        for gone in range(len(SETS[name].packed) if name in SETS else 0):
            yield pytest.param(SETS[name], gone, id=f"{name}-without-{gone}")


def members_only_on(bcachefs, image_set, paths, dev):
    """Inode numbers of files with data whose only copies are on member `dev`."""
    text = bcachefs.run("list", "-b", "extents", *secret_args(image_set, paths), *paths).out
    text += bcachefs.run("list", "-b", "reflink", *secret_args(image_set, paths), *paths).out
    lost = set()
    for line in text.splitlines():
        devs = {int(p[1]) for p in POINTER.finditer(line) if not p[4]}
        if devs == {dev} and " ec: " not in line:
            lost.add(line.split(" type ")[1].split()[1].split(":")[0])
    return lost


def secret_args(image_set, paths):
    return secret(image_set, os.path.dirname(paths[0])) if image_set.passphrase else []


def slot(bcachefs, path):
    return int(re.search(r"^Device index:\s+(\d+)", bcachefs.run("show-super", path).out, re.M)[1])


@pytest.mark.parametrize("image_set,gone", one_missing())
def test_reads_all_without_one_member(bcachefs, images, mounted, image_set, gone):
    paths = images(image_set)
    lost = members_only_on(bcachefs, image_set, paths, slot(bcachefs, paths[gone]))
    rest = paths[:gone] + paths[gone + 1:]
    found, expected = tree(mounted(image_set, rest, "ro,degraded,very_degraded")), recorded(image_set)
    for path, facts in list(expected.items()):
        if str(facts["ino"]) in lost:
            assert found[path].get("error") or found[path]["sha256"] == facts["sha256"]
            del expected[path], found[path]
    assert not difference(found, expected)


def test_refuses_to_mount_with_a_member_missing_unless_told(bcachefs, images, tmp):
    paths = images(SETS["multi3"])
    r = bcachefs.run("fusemount", "-o", "ro", *paths[1:], tmp, status=1)
    assert "missing" in r.err or "degraded" in r.err, r


def damage(image, sector, sectors):
    with open(image, "r+b") as f:
        f.seek(sector * 512)
        data = bytes(b ^ 0x5a for b in f.read(sectors * 512))
        f.seek(sector * 512)
        f.write(data)


def extents_of(bcachefs, paths):
    """For each extent: sectors stored, and its pointers (member, bucket, offset, cached)."""
    for line in bcachefs.run("list", "-b", "extents", *paths, status=0).out.splitlines():
        size = re.search(r"c_size (\d+)", line)
        pointers = [(int(p[1]), int(p[2]), int(p[3]), bool(p[4])) for p in POINTER.finditer(line)]
        if size and pointers:
            yield int(size[1]), pointers


def bucket_sectors(bcachefs, path):
    size = re.search(r"Bucket size:\s+(\d+)(?:\.\d+)? KiB", bcachefs.run("show-super", "-f", "members_v2", path).out)
    return int(size[1]) * 2


@pytest.mark.parametrize("image_set", have("multi3"))
def test_takes_the_good_copy_when_the_other_is_damaged(bcachefs, copies, mounted, image_set):
    paths = copies(image_set)
    bucket = bucket_sectors(bcachefs, paths[0])
    damaged = 0
    for size, pointers in list(extents_of(bcachefs, paths)):
        if sum(not p[3] for p in pointers) > 1:
            dev, nr, offset, _ = pointers[0]
            damage(paths[dev], nr * bucket + offset, size)
            damaged += 1
    assert damaged > 10
    assert not difference(tree(mounted(image_set, paths)), recorded(image_set))


@pytest.mark.parametrize("image_set", have("basic"))
def test_says_which_file_cannot_be_read(bcachefs, copies, tmp, image_set):
    paths = copies(image_set)
    bucket = bucket_sectors(bcachefs, paths[0])
    for size, pointers in list(extents_of(bcachefs, paths)):
        damage(paths[0], pointers[0][1] * bucket + pointers[0][2], size)
    with foreground(bcachefs, paths, tmp) as (point, process):
        bad = [path for path, facts in tree(point).items() if facts.get("error") == "Input/output error"]
    messages = process.communicate()[1].decode("utf-8", "surrogateescape")
    assert bad
    for path in bad[:20]:
        assert f" /{path} offset " in messages, messages[:2000]


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
    for name in ("basic", "multi3", "blk4k", "n28"):
        text = SETS[name].text("statfs.txt")
        expected = {k: int(v) for k, v in re.findall(r"(blocks|free|avail|ffree|bsize|namelen) (\d+)", text)}
        st = os.statvfs(mounted(SETS[name], images(SETS[name])))
        assert {"blocks": st.f_blocks, "free": st.f_bfree, "avail": st.f_bavail, "ffree": st.f_ffree,
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

@contextlib.contextmanager
def foreground(bcachefs, paths, tmp, *args):
    """Mounted by a process in the foreground: its mount point and the process."""
    point = os.path.join(tmp, "foreground")
    os.mkdir(point)
    process = subprocess.Popen([bcachefs.path, "fusemount", "-f", "-o", "ro", *args, *paths, point],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stderr.readline().decode()
    while line and "mounted on" not in line:
        line = process.stderr.readline().decode()
    try:
        yield point, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


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
