"""restore to targets that end early, are full, cannot be written to or cannot hold everything; and from runs that are
interrupted: clear words, the right status, and --resume does the rest."""
import itertools
import json
import os
import re
import signal
import struct
import subprocess
import time

import pytest

import superblock
from imagesets import SETS, copy_sparse
from mounts import recorded, tree
from test_restore import difference
from wreck import Wreck

TEMPORARY = ".bcachefs-restore."


@pytest.fixture
def mount(tmp):
    """mount(type, options, device): a mount point; unmounted at the end."""
    points = []

    def make(kind, options="rw", device="none"):
        point = os.path.join(tmp, f"target{len(points)}")
        os.mkdir(point)
        if os.geteuid() or subprocess.run(["mount", "-t", kind, "-o", options, device, point],
                                          stderr=subprocess.DEVNULL).returncode:
            pytest.skip(f"{kind} cannot be mounted here")
        points.append(point)
        return point

    yield make
    for point in points:
        subprocess.run(["umount", point], check=True)


def remount(point, options):
    subprocess.run(["mount", "-o", f"remount,{options}", point], check=True)


def temporary_files(top):
    return [name for _, folders, names in os.walk(top) for name in folders + names if name.startswith(TEMPORARY)]


def finish(bcachefs, paths, target, image_set):
    """--resume does the rest, and only that."""
    r = bcachefs.run("restore", "--resume", *paths, target, status=0)
    assert not difference(tree(target), recorded(image_set))
    again = bcachefs.run("restore", "--resume", *paths, target, status=0)
    assert re.search(r"^restored 0 files, ", again.out, re.M), f"{again!r}"
    return r


def start_and_stop(bcachefs, args, number):
    """
    The run is ended by a signal in its middle: what it prints is more than its pipe holds, and is only read when the
    signal was sent.
    """
    p = subprocess.Popen([bcachefs.path, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         bufsize=0)
    assert p.stdout.read(1)
    deadline = time.monotonic() + 60
    while open(f"/proc/{p.pid}/wchan").read() not in ("pipe_write", "anon_pipe_write") and time.monotonic() < deadline:
        pass
    p.send_signal(number)
    out, err = p.communicate(timeout=120)
    return p.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_restore_is_resumed(bcachefs, images, tmp, number):
    paths, target = images(SETS["snap"]), os.path.join(tmp, "out")
    status, out, err = start_and_stop(bcachefs, ["restore", "--json", *paths, target], number)
    document = json.loads("{" + out)
    assert status == 4 and document["exit_status"] == 4
    assert err.endswith("bcachefs restore: interrupted; '--resume' goes on\n")
    assert document["error"] == {"id": "EINTR", "errno": 4, "message": "interrupted; '--resume' goes on"}
    assert 0 < document["totals"]["files"] < len(recorded(SETS["snap"]))
    assert not temporary_files(target)
    finish(bcachefs, paths, target, SETS["snap"])


def test_target_that_is_full(bcachefs, images, mount):
    paths, point = images(SETS["snap"]), mount("tmpfs", "size=10M")
    target = os.path.join(point, "out")
    r = bcachefs.run("restore", "--json", *paths, target, status=4)
    message = f"{target}: stopped: No space left on device; '--resume' goes on"
    document = json.loads(r.out)
    assert f"bcachefs restore: {message}\n" in r.err
    assert document["error"] == {"id": "ENOSPC", "errno": 28, "message": message}
    assert not temporary_files(target)
    remount(point, "size=400M")
    finish(bcachefs, paths, target, SETS["snap"])


def test_target_that_cannot_be_written_to(bcachefs, images, mount):
    paths, point = images(SETS["snap"]), mount("tmpfs", "size=400M")
    os.mkdir(os.path.join(point, "out"))
    remount(point, "ro")
    for name in ("out", "new"):
        target = os.path.join(point, name)
        r = bcachefs.run("restore", "--json", *paths, target, status=1)
        assert r.err.endswith(f"bcachefs restore: {target}: Read-only file system\n"), f"{r!r}"
        assert json.loads(r.out)["error"] == {"id": "EROFS", "errno": 30, "message": f"{target}: Read-only file system"}


def test_target_without_attributes(bcachefs, images, mount):
    """What it cannot hold is named, once for each file; all else comes out."""
    paths, target = images(SETS["basic"]), os.path.join(mount("ramfs"), "out")
    r = bcachefs.run("restore", *paths, target, status=4)
    expected = recorded(SETS["basic"])
    with_attributes = {p for p, f in expected.items() if "xattrs" in f}
    lines = re.findall(r"^/(.*): attribute .* cannot be set: Operation not supported$", r.err, re.M)
    assert with_attributes and sorted(lines) == sorted(with_attributes)
    assert not difference(tree(target), expected, without=["xattrs", "data", "blocks"])
    r = bcachefs.run("restore", *paths, os.path.join(os.path.dirname(target), "plain"), "-m", "-o", "--special",
                     "--symlinks", "--hardlinks", status=0)
    assert "attribute" not in r.err, "they were not asked for"


def test_target_with_coarse_times(bcachefs, images, tmp, mount):
    """Whole seconds only: --resume knows what is done."""
    image, paths = os.path.join(tmp, "ext2.img"), images(SETS["basic"])
    with open(image, "wb") as f:
        f.truncate(200 << 20)
    subprocess.run(["mkfs.ext2", "-q", "-F", "-b", "4096", "-I", "128", image], check=True, stderr=subprocess.DEVNULL)
    target = os.path.join(mount("ext2", "loop", image), "out")
    bcachefs.run("restore", *paths, target, status=0)
    r = bcachefs.run("restore", "--resume", *paths, target, status=0)
    assert re.search(r"^restored 0 files, ", r.out, re.M), f"{r!r}"


def test_target_that_is_a_file(bcachefs, images, tmp):
    target = os.path.join(tmp, "file")
    with open(target, "w"):
        pass
    r = bcachefs.run("restore", "--json", *images(SETS["basic"]), target, status=1)
    assert json.loads(r.out)["error"]["message"] == f"{target}: Not a directory"


# ---- Errors as documents ----

def test_error_names_the_device(bcachefs, images, tmp):
    image, target = os.path.join(tmp, "zeros"), os.path.join(tmp, "out")
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    for command in ("restore", "undelete"):
        r = bcachefs.run(command, "--json", image, target, status=1)
        document = json.loads(r.out)
        assert document["schema"] == f"bcachefs/{command}/1" and document["error"]["id"] == "invalid_sb_magic"
        assert document["error"]["message"].startswith(f"{image}: Not a bcachefs superblock (")
        assert r.err.endswith(f"bcachefs {command}: {document['error']['message']}\n")


@pytest.mark.parametrize("args,message", [
    (["-S", "4711"], "4711: "), (["-S", "4294967297"], "4294967297: "), (["-S", "/nothing"], "/nothing: "), (["-S", "/tree"], "/tree is not a subvolume")])
def test_error_about_a_subvolume(bcachefs, images, tmp, args, message):
    r = bcachefs.run("restore", "--json", *args, *images(SETS["basic"]), os.path.join(tmp, "out"), status=1)
    assert message in json.loads(r.out)["error"]["message"], f"{r!r}"


def test_what_no_file_is_to_blame_for_is_in_the_document(bcachefs, images, tmp):
    r = bcachefs.run("restore", "--json", "-p", "/none", *images(SETS["basic"]), os.path.join(tmp, "out"), status=4)
    document = json.loads(r.out)
    assert document["errors"] == [{"reason": "/none: not found"}] and document["totals"]["errors"] == 1


# ---- Devices that are not what they should be ----

def refusal(bcachefs, tmp, *args, status=1):
    return bcachefs.run("restore", *args, os.path.join(tmp, "out"), status=status).err.splitlines()[-1]


def test_member_given_twice(bcachefs, images, tmp):
    paths = images(SETS["multi3"])
    copy = copy_sparse(paths[1], os.path.join(tmp, "copy"))
    for again in (paths[1], copy):
        assert refusal(bcachefs, tmp, *paths, again) == \
            f"bcachefs restore: {again}: the same member as {paths[1]} (device 1): leave one of them out"


def test_device_of_another_filesystem(bcachefs, images, tmp):
    for paths in ([*images(SETS["multi3"]), *images(SETS["snap"])], [*images(SETS["snap"]), *images(SETS["multi3"])]):
        assert f"{images(SETS['snap'])[0]}: belongs to another filesystem" in refusal(bcachefs, tmp, *paths)


def test_what_is_no_device(bcachefs, tmp):
    for path in (tmp, "/dev/null"):
        assert refusal(bcachefs, tmp, path) == \
            f"bcachefs restore: {path}: cannot be opened: is neither a block device nor a file"


def test_disk_in_place_of_its_partition(bcachefs, images, tmp):
    """The filesystem begins 1 MiB behind the beginning of what was named."""
    disk = os.path.join(tmp, "disk")
    subprocess.run(["dd", f"if={images(SETS['snap'])[0]}", f"of={disk}", "bs=1M", "seek=1", "conv=sparse", "status=none"],
                   check=True)
    r = bcachefs.run("restore", disk, os.path.join(tmp, "out"), status=1)
    assert "says that it is at sector 8: the filesystem does not begin where the device does" in r.err, f"{r!r}"


EXTENT = re.compile(r"^u64s \d+ type extent .* len (\d+) ver .*?ptr: 1:(\d+):(\d+)", re.M)


def test_member_that_is_an_old_copy(bcachefs, images, copies, tmp):
    """Nothing is read from it that no checksum vouches for, as long as another copy is there; and it is told."""
    paths = copies(SETS["nocsum"])
    wreck = Wreck(bcachefs, SETS["nocsum"], [paths[1]], tmp)
    wreck.change_superblocks(lambda data: struct.pack_into("<Q", data, 112, struct.unpack_from("<Q", data, 112)[0] - 3))
    bucket = superblock.bucket_bytes(wreck.heads[0], 1)
    extents = EXTENT.findall(bcachefs.run("list", "-b", "extents", *paths).out)
    assert extents
    for sectors, bucket_nr, offset in extents:
        wreck.overwrite(paths[1], int(bucket_nr) * bucket + int(offset) * 512, int(sectors) * 512)
    for order in (paths, paths[::-1]):
        r = bcachefs.run("restore", "--overwrite", *order, os.path.join(tmp, "out"), status=4)
        assert f"{paths[1]}: an old copy: its superblock has seq " in r.err, f"{r!r}"
        assert f"{paths[1]}: an old copy of the member: data without checksums" in r.err, f"{r!r}"
        assert not difference(tree(os.path.join(tmp, "out")), recorded(SETS["nocsum"]))


def test_order_of_members_does_not_matter(bcachefs, images, tmp):
    for n, paths in enumerate(itertools.permutations(images(SETS["multi3"]))):
        target = os.path.join(tmp, f"out{n}")
        bcachefs.run("restore", "-q", *paths, target, status=0)
        assert not difference(tree(target), recorded(SETS["multi3"]))


def test_wrong_passphrase(bcachefs, images, tmp):
    secret = os.path.join(tmp, "wrong")
    with open(secret, "w") as f:
        f.write("wrong")
    assert refusal(bcachefs, tmp, f"--passphrase-file={secret}", *images(SETS["enc"])).endswith("incorrect passphrase")
    assert "a passphrase is needed, and none was given" in refusal(bcachefs, tmp, *images(SETS["enc"]))


def test_journal_that_is_gone(bcachefs, copies, tmp):
    """Nothing names the roots then: it is said what can be done, and done."""
    wreck = Wreck(bcachefs, SETS["unclean1"], copies(SETS["unclean1"]), tmp)
    wreck.journal()
    assert refusal(bcachefs, tmp, *wreck.paths).endswith(
        ": no journal entry names the roots of the btrees; '--scan' looks on the devices for what can stand in")
    r = wreck.run("restore", "--scan", target=os.path.join(tmp, "out"), status=4)
    assert "what was changed last may be older or missing" in r.err, f"{r!r}"


def test_too_many_members_missing(bcachefs, images, tmp):
    if "ec6" not in SETS:
        pytest.skip("not among the images here")
    paths = images(SETS["ec6"])[:3]
    assert refusal(bcachefs, tmp, *paths).endswith(
        "a node of the btrees cannot be read; '--scan' looks on the devices for what can stand in")
    r = bcachefs.run("restore", "--scan", *paths, os.path.join(tmp, "out"), status=4)
    assert "\n/: its entries are lost in part\n" in r.err, f"{r!r}"


def set_version(data, version):
    struct.pack_into("<H", data, 16, version)


@pytest.mark.parametrize("command", ["restore", "undelete"])
def test_version_that_is_not_known_yet(bcachefs, copies, tmp, command):
    """Of a later minor version what can be read is read, and it is told; another major version is refused."""
    wreck = Wreck(bcachefs, SETS["basic"], copies(SETS["basic"]), tmp)
    expected = json.loads(wreck.run(command, "--list", "--json", status=0).out)
    wreck.change_superblocks(lambda data: set_version(data, 1 << 10 | 77))
    r = wreck.run(command, "--list", "--json", status=0)
    found = json.loads(r.out)
    reason = f"{wreck.paths[0]}: its version 1.77 is newer than 1.39, the newest that is known: what is new in it may be missing"
    assert reason in r.err and [e["reason"] for e in found["errors"]] == [reason]
    assert found["files"] == expected["files"]
    wreck.change_superblocks(lambda data: set_version(data, 2 << 10 | 1))
    assert "Unsupported superblock version 2.1" in wreck.run(command, "--list", status=1).err
