#!/usr/bin/env python3
"""Restoring files beside copying them from the FUSE mount of the same image, in one run.

    bench_restore.py [--runs N] [--cold] [--kernel] [--bounds] [SET...]

SET: plain, zstd, encrypted, tree (100,000 files; see read_images.py) or an image set with files (tests/images, and
$BCACHEFS_GOLD). Needs root. The target is a new ext4 in a file in $TMPDIR; each figure is the median of N runs that alternate, with
a sync at its end; memory is the largest resident size of the restoring or serving process. --kernel: also a tar of the
kernel's own mount, in a virtual machine, once. --bounds: also the memory of `restore` with several --memory.
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

import read_images as images
from imagesets import ROOT, all_sets

BCACHEFS = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
SETS = {s.name: s for s in all_sets()}


def drop_caches(cold):
    os.sync()
    if cold:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")


def peak(pid):
    """Largest resident size so far, in MiB."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


class Source:
    def __init__(self, name, scratch):
        self.secret = []
        passphrase = images.PASSPHRASE if name == "encrypted" else SETS[name].passphrase if name in SETS else None
        if passphrase:
            self.secret = ["--passphrase_file", os.path.join(scratch, "passphrase")]
            with open(self.secret[1], "w") as f:
                f.write(passphrase)
        if name == "tree":
            self.paths = [images.bcachefs_tree()]
        elif name in images.KINDS:
            self.paths = [images.bcachefs(name)]
        else:
            self.paths = SETS[name].unpack(scratch)


KERNEL_TAR = """
for key in session user; do echo '{secret}' | bcachefs unlock -k $key /dev/d0 2>/dev/null || true; done
mount -i -t bcachefs -o ro {devices} /mnt || exit 1
cd /mnt
start=$EPOCHREALTIME
python3 -c 'import tarfile; tarfile.open("/dev/null", "w|").add(".")' || exit 1
echo "$EPOCHREALTIME $start"
"""
BOUNDS = ("4M", "16M", "64M", "256M")


def kernel_tar(name, source):
    """Seconds that a tar to nowhere takes from the kernel's mount; it is no competition where the processor is emulated."""
    how = "own processor" if images.vm.have_kvm() else "emulated processor"
    secret = images.PASSPHRASE if name == "encrypted" else SETS[name].passphrase if name in SETS else ""
    devices = ":".join(f"/dev/d{i}" for i in range(len(source.paths)))
    r = images.vm.run(KERNEL_TAR.format(secret=secret, devices=devices), source.paths, timeout=1200)
    if r.status:
        raise RuntimeError(repr(r))
    end, start = map(float, r.output.split()[-2:])
    print(f"{name:12}tar of the kernel's mount: {end - start:.2f} s ({how})", flush=True)


def bounds(name, source):
    """Largest resident size against the bound, which is on btree nodes: data on its way comes on top."""
    sizes = []
    for bound in BOUNDS:
        p = subprocess.Popen([BCACHEFS, "restore", "-q", "--dry-run", f"--memory={bound}", *source.secret, *source.paths],
                             stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        assert status == 0
        sizes.append(f"{bound}: {usage.ru_maxrss / 1024:.0f}")
    print(f"{name:12}MiB of memory by --memory: " + ", ".join(sizes), flush=True)


def new_target(scratch):
    return tempfile.mkdtemp(dir=os.path.join(scratch, "target")) + "/files"


@contextlib.contextmanager
def fresh_ext4(scratch):
    """The target: an ext4 in which nothing was deleted yet, for it is slow to use such inodes again."""
    image, point = os.path.join(scratch, "ext4"), os.path.join(scratch, "target")
    os.makedirs(point, exist_ok=True)
    with open(image, "wb") as f:
        f.truncate(8 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-N", "2000000", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", point], check=True)
        os.unlink(image)


def restore(source, scratch, cold):
    """Seconds and MiB of memory."""
    target = new_target(scratch)
    drop_caches(cold)
    start = time.monotonic()
    p = subprocess.Popen([BCACHEFS, "restore", "-q", *source.secret, *source.paths, target])
    _, status, usage = os.wait4(p.pid, 0)
    os.sync()
    assert status == 0
    return time.monotonic() - start, usage.ru_maxrss / 1024


def stream(source, scratch, cold):
    drop_caches(cold)
    start = time.monotonic()
    with open("/dev/null", "wb") as null:
        p = subprocess.Popen([BCACHEFS, "restore", "-q", *source.secret, *source.paths, "-"], stdout=null)
        _, status, usage = os.wait4(p.pid, 0)
    assert status == 0
    return time.monotonic() - start, usage.ru_maxrss / 1024


def from_mount(command):
    def run(source, scratch, cold):
        point, target = os.path.join(scratch, "mnt"), new_target(scratch)
        os.makedirs(point, exist_ok=True)
        drop_caches(cold)
        start = time.monotonic()
        server = subprocess.Popen([BCACHEFS, "fusemount", "-f", "-o", "ro", *source.secret, *source.paths, point],
                                  stderr=subprocess.DEVNULL)
        while not os.path.ismount(point):
            time.sleep(0.002)
            assert server.poll() is None
        try:
            subprocess.run([a.format(mnt=point, out=target) for a in command], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            os.sync()
            return time.monotonic() - start, peak(server.pid)
        finally:
            subprocess.run(["umount", point], check=True)
            server.wait()
    return run


WAYS = {
    "restore": restore,
    "cp -a": from_mount(["cp", "-a", "{mnt}", "{out}"]),
    "restore -": stream,
    "tar": from_mount(["sh", "-c", "tar --xattrs -cf - -C {mnt} . | cat >/dev/null"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="drop all caches before each run")
    parser.add_argument("--kernel", action="store_true", help="also tar in a virtual machine")
    parser.add_argument("--bounds", action="store_true", help="also memory against --memory")
    parser.add_argument("sets", nargs="*", metavar="SET")
    args = parser.parse_args()
    names = args.sets or ["plain", "zstd", "tree", *(n for n in ("many", "snap") if n in SETS)]
    print(f"{'set':12}" + "".join(f"{way:>22}" for way in WAYS) + "\n" + " " * 12 + f"{'s       MiB':>22}" * len(WAYS))
    with tempfile.TemporaryDirectory(prefix="bcachefs-bench-") as scratch:
        for name in names:
            source = Source(name, scratch)
            runs = {way: [] for way in WAYS}
            with fresh_ext4(scratch):
                for _ in range(args.runs):
                    for way, run in WAYS.items():
                        runs[way].append(run(source, scratch, args.cold))
            print(f"{name:12}" + "".join(f"{statistics.median(r[0] for r in runs[way]):14.2f}"
                                         f"{max(r[1] for r in runs[way]):8.0f}" for way in WAYS), flush=True)
            if args.bounds:
                bounds(name, source)
            if args.kernel:
                kernel_tar(name, source)


if __name__ == "__main__":
    sys.exit(main())
