#!/usr/bin/env python3
"""Whole commands against the real tool, alternating in one run: wall time and peak memory.

    bench_tool.py [RUNS]        $BCACHEFS: the binary (default: build/bcachefs)

`list` of the largest image set at hand, btree by btree, and `format`. The page cache is warm for
both. Figures are medians; the ratios are real : ours, so above 1 is ahead.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "kernel")]

import setup as kernel_setup  # noqa: E402
from imagesets import ROOT, all_sets  # noqa: E402

BTREES = ["extents", "inodes", "dirents", "alloc", "backpointers"]


def measure(argv):
    """Seconds and peak KiB of one run. GNU time stands between, or the peak would be this process's own."""
    start = time.monotonic()
    r = subprocess.run(["/usr/bin/time", "-f", "%M", "--", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)
    return time.monotonic() - start, int(r.stderr.split()[-1]), r.returncode


def compare(name, ours, real, runs, prepare=lambda: None):
    figures = {"ours": [], "real": []}
    for _ in range(runs):
        for who, argv in (("ours", ours), ("real", real)):
            prepare()
            seconds, peak, status = measure(argv)
            if status == 0:
                figures[who].append((seconds, peak))
    if not all(figures.values()):
        print(f"{name:22} failed")
        return
    (ot, om), (rt, rm) = ([statistics.median(v) for v in zip(*figures[who])] for who in ("ours", "real"))
    print(f"{name:22}{ot:9.3f} s{rt:9.3f} s{rt / ot:8.1f}x{om / 1024:9.1f} MiB{rm / 1024:8.1f} MiB{rm / om:8.1f}x")


def main(argv):
    runs = int(argv[0]) if argv else 5
    bcachefs = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
    try:
        real = kernel_setup.real_tool()
    except kernel_setup.Unavailable as e:
        print(f"skipped: no real tool: {e}")
        return 0
    sets = [s for s in all_sets() if len(s.packed) == 1 and not s.passphrase and (s.kernel or "").startswith("6.12")]
    largest = max(sets, key=lambda s: len(s.text("list/inodes.txt") or ""))
    with tempfile.TemporaryDirectory() as scratch:
        image = largest.unpack(scratch)[0]
        print(f"{'':22}{'ours':>11}{'real':>11}{'ratio':>9}{'peak ours':>13}{'real':>12}{'ratio':>9}")
        for btree in BTREES:
            compare(f"list {btree} ({largest})", [bcachefs, "list", "-b", btree, image],
                    [*real, "list", "-b", btree, image], runs)
        compare(f"list_journal ({largest})", [bcachefs, "list_journal", "-a", image],
                [*real, "list_journal", "-a", image], runs)
        targets = [os.path.join(scratch, f"new{i}") for i in range(3)]

        def fresh():
            for path in targets:
                with open(path, "wb") as f:
                    f.truncate(256 << 20)
        flags = ["-q", "--replicas=2", *targets]
        compare("format, 3 devices", [bcachefs, "format", *flags],
                [*real, "format", "--no_initialize", *flags], runs, fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
