#!/usr/bin/env python3
"""Looking for deleted files beside plain reading of the same image, in one run.

    bench_undelete.py [--runs N] [--cold] [KIND...]

KIND: plain, zstd, lz4, tree (100,000 files) of read_images.py; or gone: the same 100,000 files, all deleted by a kernel
in the virtual machine. `plain reading` is cat of the whole image; `scan` looks for btree nodes everywhere;
`list` reads the journal, the leaves with all that they hide, and the data of what is deleted; each figure is the median
of N runs that alternate, memory the largest resident size. --cold drops the page cache before each run and needs root.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

import read_images as images
from imagesets import ROOT, copy_sparse

BCACHEFS = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
DELETE = "set -e; mount -t bcachefs /dev/d0 /mnt; rm -r /mnt/*; sync; umount /mnt"


def gone():
    """The image of many files without them."""
    def make(path):
        copy_sparse(images.bcachefs_tree(), path)
        run = images.vm.run(DELETE, [path], timeout=3600)
        if run.status:
            sys.exit(f"{run!r}")

    return images.once(os.path.join(images.folder(), "gone.bcachefs"), make)


def measure(command, cold):
    """(seconds, MiB, what it printed last)"""
    os.sync()
    if cold:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        last = b""
        while block := p.stdout.read(1 << 20):
            last = (last + block)[-200:]
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in (0, 4):
        sys.exit(f"failed: {command}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, last.decode(errors="replace").strip().split("\n")[-1]


def bench(kind, runs, cold):
    path = gone() if kind == "gone" else images.bcachefs_tree() if kind == "tree" else images.bcachefs(kind)
    commands = {
        "plain reading": ["cat", path],
        "scan": [BCACHEFS, "list", "-b", "inodes", "-m", "found-nodes", path],
        "list": [BCACHEFS, "undelete", "--list", path],
        "list --scan": [BCACHEFS, "undelete", "--list", "--scan", path],
    }
    found = {what: [] for what in commands}
    for _ in range(runs):
        for what, command in commands.items():
            found[what].append(measure(command, cold))
    plain = statistics.median(f[0] for f in found["plain reading"])
    for what, figures in found.items():
        seconds = statistics.median(f[0] for f in figures)
        print(f"{kind:10} {what:14} {seconds:8.2f} s  {plain / seconds:6.2f} of plain reading  "
              f"{max(f[1] for f in figures):6.0f} MiB  {figures[0][2] if 'list' in what else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("kinds", nargs="*", default=["plain", "tree", "gone"])
    args = parser.parse_args()
    for kind in args.kinds:
        bench(kind, args.runs, args.cold)


main()
