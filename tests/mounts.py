"""Mounting image sets through FUSE, and comparing what is seen with what the kernel showed."""
import contextlib
import os
import signal
import subprocess
import sys

import pytest

import manifest
from imagesets import HERE


def need_fuse(bcachefs):
    """Skip where FUSE cannot be used."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        pytest.skip(f"FUSE cannot be used here: /dev/fuse: {e.strerror}")
    if "libfuse3" not in bcachefs.run("version", "-v").out:
        pytest.skip("built without libfuse3")


def unmount(point):
    for command in (["fusermount3", "-u", point], ["umount", point], ["umount", "-l", point]):
        with contextlib.suppress(OSError):
            if not subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
                return


def secret(image_set, tmp):
    """Arguments that give the passphrase."""
    if not image_set.passphrase:
        return []
    path = os.path.join(tmp, "passphrase")
    with open(path, "w") as f:
        f.write(image_set.passphrase)
    return [f"--passphrase_file={path}"]


def tree(point):
    """Read in a process of its own: a mount that hangs must not hang the tests."""
    p = subprocess.run([sys.executable, os.path.join(HERE, "manifest.py"), point], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=600)
    assert p.returncode == 0, p.stderr.decode()
    return manifest.parse(p.stdout.decode())


def recorded(image_set):
    return manifest.parse(image_set.text("manifest.jsonl"))


def lose_content(facts):
    """The facts of a file whose data can no longer be read."""
    del facts["target" if facts["type"] == "symlink" else "sha256"]
    facts["error"] = "Input/output error"


def difference(found, expected, most=5):
    """Path -> field -> (found, expected), of a few."""
    differ = {}
    for path in sorted(found.keys() | expected.keys()):
        a, b = found.get(path, {}), expected.get(path, {})
        fields = {f: (a.get(f), b.get(f)) for f in a.keys() | b.keys() if a.get(f) != b.get(f)}
        if fields and len(differ) < most:
            differ[path] = fields
    return differ


@contextlib.contextmanager
def foreground(bcachefs, paths, tmp, *args, env=None):
    """Mounted by a process in the foreground: its mount point and the process."""
    point = os.path.join(tmp, "foreground")
    os.mkdir(point)
    process = subprocess.Popen([bcachefs.path, "fusemount", "-f", "-o", "ro", *args, *paths, point], env=env,
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
