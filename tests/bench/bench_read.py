#!/usr/bin/env python3
"""Reading files through the mount, side by side in one run with other FUSE filesystems of the same
files, a passthrough filesystem of the same libfuse, and plain reads of the device.

    bench_read.py [--runs N] [WHAT...]

WHAT: sequential, random, walk, scrub, kernel (default: all). Needs root. Files: 384 MiB plain, 192 MiB each
of zstd, lz4 and encrypted data, the small files of an erasure-coded set with a member missing, and a
tree of 100,000 files; see read_images.py. Each figure is the median of N runs that alternate.
`warm`: the device's image is in the page cache, the mount is new. `cold`: all caches dropped.
CPU: seconds of the serving process for each GiB (walk: for the whole walk), of both cores.
"""
import argparse
import contextlib
import json
import mmap
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import read_images as images
from imagesets import ROOT, all_sets

BCACHEFS = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
PASSTHROUGH_SOURCE = "/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c"
CHUNK = images.MIB
RANDOM_READS = 4000


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def read_all(path, limit=None):
    fd = os.open(path, os.O_RDONLY)
    buf = bytearray(CHUNK)
    total = 0
    while total != limit:
        n = os.readv(fd, [buf])
        if not n:
            break
        total += n
    os.close(fd)
    return total


def regular_files(root):
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
    return [path for path in paths if not os.path.islink(path) and os.path.isfile(path)]


def read_tree(root):
    return sum(map(read_all, regular_files(root)))


def read_random(path, size, seed):
    rng = random.Random(seed)
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for _ in range(RANDOM_READS):
        os.pread(fd, 4096, rng.randrange(size // 4096) * 4096)
    os.close(fd)
    return RANDOM_READS * 4096


def cpu_of(pid):
    """Seconds of processor time that the process has used."""
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """One way to see the files: a program in the foreground that serves `point`."""

    def __init__(self, name, argv, secret=None, data="data", device=()):
        self.name, self.argv, self.secret, self.data, self.device = name, argv, secret, data, device

    @contextlib.contextmanager
    def mounted(self, point):
        p = subprocess.Popen([w.replace("POINT", point) for w in self.argv], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.secret:
            p.stdin.write(self.secret.encode() + b"\n")
        p.stdin.close()
        while not os.path.ismount(point):
            if p.poll() is not None:
                raise RuntimeError(f"{self.name}: cannot mount")
            time.sleep(0.01)
        try:
            yield p.pid
        finally:
            subprocess.run(["umount", point], check=True)
            p.wait()

    def measure(self, work, cold):
        """(seconds, processor seconds, what work() gives)."""
        with tempfile.TemporaryDirectory() as point, self.mounted(point) as pid:
            if cold:
                drop_caches()
            else:
                for path in self.device:
                    read_all(path)
            cpu, start = cpu_of(pid), time.monotonic()
            amount = work(os.path.join(point, self.data))
            return time.monotonic() - start, cpu_of(pid) - cpu, amount


def ours(image, secret=None, data="data", options="ro"):
    devices = image if isinstance(image, list) else [image]
    return Server("bcachefs", [BCACHEFS, "fusemount", "-f", "-o", options, *devices, "POINT"], secret, data, devices)


def passthrough(where, data="data"):
    binary = os.path.join(images.folder(), "passthrough_ll")

    def build(path):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["gcc", "-O2", "-o", path, PASSTHROUGH_SOURCE, *flags], check=True)
    images.once(binary, build)
    return Server("passthrough", [binary, "-f", "-o", f"source={where},cache=always", "POINT"], None, data,
                  regular_files(where))


def fuse2fs(name, where, mib):
    image = images.ext4(name, where, mib)
    return Server("fuse2fs", ["fuse2fs", "-f", "-o", "ro", image, "POINT"], None, "data", [image])


def ntfs3g(name, where, mib):
    image = images.ntfs(name, mib, lambda point: shutil.copy(os.path.join(where, "data"), point))
    return Server("ntfs-3g", ["ntfs-3g", "-o", "no_detach,ro", image, "POINT"], None, "data", [image])


def side_by_side(title, servers, work, cold, runs, unit):
    """Print a line for each server: its rate, processor time and our rate against it."""
    seen = {s.name: [] for s in servers}
    for run in range(runs):
        for s in servers:
            seen[s.name].append(s.measure(lambda path: work(path, run), cold))
    rates = {name: statistics.median(amount / seconds for seconds, _, amount in figures)
             for name, figures in seen.items()}
    for name, figures in seen.items():
        cpu = statistics.median(c / (amount / (1 << 30) if unit == "MiB/s" else 1) for _, c, amount in figures)
        scale = 1 << 20 if unit == "MiB/s" else 4096 if unit == "IOPS" else 1
        print(f"{title:32}{name:13}{rates[name] / scale:10.0f} {unit:8}{cpu:8.2f} s CPU"
              f"{rates['bcachefs'] / rates[name]:8.2f}x", flush=True)


def allocated_ranges(path):
    """(start, end) of what is allocated of an image, in pieces of at most CHUNK."""
    fd = os.open(path, os.O_RDONLY)
    end = 0
    while True:
        try:
            at = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:  # ENXIO: no more of it
            break
        end = os.lseek(fd, at, os.SEEK_HOLE)
        yield from ((start, min(start + CHUNK, end)) for start in range(at, end, CHUNK))
    os.close(fd)


def plain_read(path, ranges):
    """Plain reading, of a device past the page cache, of a file through it: (seconds, bytes)."""
    drop_caches()
    fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if path.startswith("/dev/") else 0))
    buf = memoryview(mmap.mmap(-1, CHUNK))
    start = time.monotonic()
    total = sum(os.preadv(fd, [buf[:end - at]], at) for at, end in ranges)
    os.close(fd)
    return time.monotonic() - start, total


def raw_rate(path, size):
    drop_caches()
    start = time.monotonic()
    return read_all(path, size) / (time.monotonic() - start)


def peers(kind):
    where, mib = images.source(kind), images.KINDS[kind][0]
    return [passthrough(where), fuse2fs(kind, where, mib + 64), ntfs3g(kind, where, mib + 64)]


def our_kind(kind):
    return ours(images.bcachefs(kind), images.PASSPHRASE if kind == "encrypted" else None)


def sequential(runs):
    for kind in images.KINDS:
        servers = [our_kind(kind), *peers(kind)]
        for cold in (False, True):
            side_by_side(f"sequential {kind}, {'cold' if cold else 'warm'}", servers, lambda path, _: read_all(path), cold,
                         runs, "MiB/s")
        rate = statistics.median(raw_rate(images.bcachefs(kind), images.KINDS[kind][0] * images.MIB) for _ in range(runs))
        print(f"{'sequential ' + kind + ', cold':32}{'the device':13}{rate / (1 << 20):10.0f} MiB/s")
    degraded(runs)


def degraded(runs):
    image_set = next((s for s in all_sets() if str(s) == "ec4"), None)
    if not image_set:
        print("erasure-coded: skipped, no set ec4 at hand")
        return
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as copy:
        devices = image_set.unpack(scratch)
        whole = ours(devices, data="", options="ro")
        with tempfile.TemporaryDirectory() as point, whole.mounted(point):
            subprocess.run(["cp", "-a", point + "/.", copy], check=True)
        whole.name = "whole"
        missing = ours(devices[1:], data="", options="ro,degraded")
        side_by_side("small files, a member missing", [missing, whole, passthrough(copy, "")],
                     lambda path, _: read_tree(path), False, runs, "MiB/s")


def random_reads(runs):
    for kind, (mib, _) in images.KINDS.items():
        size = mib * images.MIB
        side_by_side(f"random 4k {kind}, warm", [our_kind(kind), *peers(kind)],
                     lambda path, run: read_random(path, size, run), False, runs, "IOPS")


def walk(runs):
    image = images.bcachefs_tree()
    where = os.path.join(images.folder(), "tree")
    if not os.path.isdir(where):
        os.makedirs(where + ".new", exist_ok=True)
        subprocess.run(["tar", "-C", where + ".new", "-xf", images.tree_source()], check=True)
        os.rename(where + ".new", where)
    ext = images.ext4("tree", where, 256)
    servers = [ours(image, data=""),
               Server("fuse2fs", ["fuse2fs", "-f", "-o", "ro", ext, "POINT"], None, "", [ext])]
    for command in (["find"], ["ls", "-lR"]):
        def work(path, _):
            out = subprocess.run([*command, path], check=True, capture_output=True).stdout
            return out.count(b"file-")
        for cold in (False, True):
            side_by_side(f"{' '.join(command)}, {'cold' if cold else 'warm'}", servers, work, cold, runs, "files/s")


def scrub_once(image, secret, *words):
    """A scrub of an image that is in no cache, by a program that is: (seconds, CPU seconds, bytes read)."""
    drop_caches()
    subprocess.run([BCACHEFS, "version"], check=True, stdout=subprocess.DEVNULL)
    before, start = os.times(), time.monotonic()
    out = subprocess.run([BCACHEFS, "scrub", "--dry-run", "--json", *words, image], input=secret, check=True, capture_output=True).stdout
    seconds, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu, json.loads(out)["totals"]["bytes_done"]


def scrub_beside_plain_read(name, path, ranges, secret, ways, runs):
    rows = [(plain_read(path, ranges), scrub_once(path, secret, "--metadata"),
             *(scrub_once(path, secret, *way) for way in ways)) for _ in range(runs)]
    plain = statistics.median(seconds / size for (seconds, size), *_ in rows)
    for i, way in enumerate(ways, 2):
        share = statistics.median((row[i][0] - row[1][0]) / (row[i][2] - row[1][2]) for row in rows)
        whole = statistics.median(row[i][0] / row[i][2] for row in rows)
        cpu = statistics.median((row[i][1] - row[1][1]) / (row[i][2] - row[1][2]) for row in rows)
        print(f"{name:32}{' '.join(way) or 'scrub':13}{1 / share / images.MIB:10.0f} MiB/s   plain reading {1 / plain / images.MIB:.0f} MiB/s"
              f"{plain / share:8.2f}x   with the start {plain / whole:.2f}x   CPU {cpu * (1 << 30):.2f} s/GiB", flush=True)


def scrub(runs):
    """
    Of image files and of loop devices on them, which are read past the page cache, as plain reading does. The rate is
    that of the data: what a scrub of the nodes alone takes, with the start of the program and the passphrase, is taken off.
    """
    for kind in images.KINDS:
        image = images.bcachefs(kind)
        ranges = list(allocated_ranges(image))
        secret = (images.PASSPHRASE + "\n").encode() if kind == "encrypted" else b""
        ways = [(), ("--decompress",)] if kind in ("zstd", "lz4", "encrypted") else [()]
        scrub_beside_plain_read(f"scrub {kind}, file, cold", image, ranges, secret, ways, runs)
        device = subprocess.run(["losetup", "-f", "--show", "-r", "--direct-io=on", image], check=True, capture_output=True, text=True)
        try:
            scrub_beside_plain_read(f"scrub {kind}, device", device.stdout.strip(), ranges, secret, ways, runs)
        finally:
            subprocess.run(["losetup", "-d", device.stdout.strip()], check=True)


KERNEL_SCRIPT = """
for key in session user; do echo '{secret}' | bcachefs unlock -k $key /dev/d0 2> /dev/null || true; done
mount -i -t bcachefs -o ro /dev/d0 /mnt || exit 1
cd /mnt
time_of() {{ local s=$EPOCHREALTIME; "$@" > /dev/null; echo "$EPOCHREALTIME $s"; }}
{commands}
"""


def kernel(runs):
    """The kernel's own driver on the same images, in a virtual machine: where that is emulated, so is its speed."""
    how = "own processor" if images.vm.have_kvm() else "emulated processor"

    def times(image, *commands):
        lines = "\n".join("time_of " + c for c in commands)
        r = images.vm.run(KERNEL_SCRIPT.format(secret=images.PASSPHRASE, commands=lines), [image], timeout=1200)
        if r.status:
            raise RuntimeError(repr(r))
        return [float(a) - float(b) for a, b in (line.split() for line in r.output.splitlines()[-len(commands):])]
    for kind, (mib, _) in images.KINDS.items():
        seconds = times(images.bcachefs(kind), "dd if=data bs=1M status=none")[0]
        print(f"{'sequential ' + kind:32}{'kernel':13}{mib / seconds:10.0f} MiB/s   ({how})", flush=True)
    for name, seconds in zip(("find", "ls -lR"), times(images.bcachefs_tree(), "find", "ls -lR")):
        print(f"{name:32}{'kernel':13}{images.TREE_FILES / seconds:10.0f} files/s ({how})", flush=True)


WHAT = {"sequential": sequential, "random": random_reads, "walk": walk, "scrub": scrub, "kernel": kernel}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("what", nargs="*", choices=[[], *WHAT], metavar="WHAT")
    args = parser.parse_args()
    try:
        for what in args.what or WHAT:
            WHAT[what](args.runs)
    except images.vm.setup.Unavailable as e:
        print(f"skipped: {e}")


if __name__ == "__main__":
    main()
