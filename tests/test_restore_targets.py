"""restore to targets that end early, are full, cannot be written to or cannot hold everything; and from runs that are
interrupted: clear words, the right status, and --resume does the rest."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from imagesets import SETS
from mounts import recorded, tree
from test_restore import difference

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
    (["-S", "4711"], "4711: "), (["-S", "/nothing"], "/nothing: "), (["-S", "/tree"], "/tree is not a subvolume")])
def test_error_about_a_subvolume(bcachefs, images, tmp, args, message):
    r = bcachefs.run("restore", "--json", *args, *images(SETS["basic"]), os.path.join(tmp, "out"), status=1)
    assert message in json.loads(r.out)["error"]["message"], f"{r!r}"


def test_what_no_file_is_to_blame_for_is_in_the_document(bcachefs, images, tmp):
    r = bcachefs.run("restore", "--json", "-p", "/none", *images(SETS["basic"]), os.path.join(tmp, "out"), status=4)
    document = json.loads(r.out)
    assert document["errors"] == [{"reason": "/none: not found"}] and document["totals"]["errors"] == 1
