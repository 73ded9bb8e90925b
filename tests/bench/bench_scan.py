#!/usr/bin/env python3
"""Scanning for btree nodes against plain reading of the same devices, in one run.

    bench_scan.py [--runs N] [--devices N]

Needs root. Loop devices over images of 1 GiB without holes, with direct I/O, as disks that rotate (read
from end to end) and as such that do not (only heads are read), and image files in the page cache. `plain` is dd with
direct I/O and 1 MiB blocks, of all devices at once. Each figure is the median of N runs that alternate; the ratio is
time of plain reading / time of the scan: 1.0 is as fast. Peak memory is of the scanning process.
"""
import argparse
import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from imagesets import ROOT, all_sets  # noqa: E402

BCACHEFS = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
MIB = 1 << 20


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


@contextlib.contextmanager
def loops(paths, rotational):
    devices = []
    try:
        for path in paths:
            devices.append(subprocess.run(["losetup", "-f", "--show", "--direct-io=on", "-r", path], check=True,
                                          stdout=subprocess.PIPE, text=True).stdout.strip())
            with open(f"/sys/block/{os.path.basename(devices[-1])}/queue/rotational", "w") as f:
                f.write(str(int(rotational)))
        yield devices
    finally:
        for device in devices:
            subprocess.run(["losetup", "-d", device], check=True)


def seconds(*commands):
    start = time.monotonic()
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in commands]
    messages = [p.communicate()[1].decode() for p in running]
    taken = time.monotonic() - start
    if any(p.returncode not in (0, 4) for p in running):  # 4: members are missing
        sys.exit(f"failed: {commands}\n{messages}")
    return taken


def plain(devices, direct):
    return seconds(*(["dd", f"if={d}", "of=/dev/null", "bs=1M", *(["iflag=direct"] if direct else [])] for d in devices))


def scan(devices):
    return seconds([BCACHEFS, "list", "-b", "inodes", "-m", "found-nodes", *devices])


def compare(name, devices, direct, size, runs):
    times = {"plain": [], "scan": []}
    for _ in range(runs):
        for what, run in (("plain", lambda: plain(devices, direct)), ("scan", lambda: scan(devices))):
            if direct:
                drop_caches()
            times[what].append(run())
    a, b = statistics.median(times["plain"]), statistics.median(times["scan"])
    print(f"{name:34} plain {a:7.2f} s {size / a / 1e6:7.0f} MB/s   scan {b:7.2f} s {size / b / 1e6:7.0f} MB/s   "
          f"ratio {a / b:6.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--devices", type=int, default=2)
    args = parser.parse_args()
    image_set = {s.name: s for s in all_sets()}["fresh-ec"]
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or "/var/tmp")
    try:
        paths = []
        for path in image_set.unpack(folder)[:args.devices]:
            paths.append(os.path.join(folder, os.path.basename(path)))
            subprocess.run(["cp", "--sparse=never", path, paths[-1]], check=True)
        size = sum(map(os.path.getsize, paths))
        print(f"{len(paths)} devices of {size // len(paths) // MIB} MiB")
        for rotational in (True, False):
            with loops(paths, rotational) as devices:
                compare("direct, " + ("rotating" if rotational else "not rotating"), devices, True, size, args.runs)
        for path in paths:
            subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)
        compare("files in the page cache", paths, False, size, args.runs)
        print(f"peak memory of the scan: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")
    finally:
        shutil.rmtree(folder)


main()
