#!/usr/bin/env python3
"""list side by side with the real tool: wall time, CPU time and peak memory.

    bench_list.py [--real TOOL] [--ours TOOL] [--runs N] [--btrees A,B] IMAGE...

The medians of N runs each, alternating, output to /dev/null; the last column is real / ours. The
images of one filesystem are several operands.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
BTREES = "inodes,dirents,extents,xattrs,alloc,backpointers,lru,freespace"


def measure(argv):
    """(wall seconds, CPU seconds, peak KiB); a small parent, so that its own memory does not count."""
    with tempfile.NamedTemporaryFile("r") as report:
        status = subprocess.run(["/usr/bin/time", "-q", "-o", report.name, "-f", "%e %U %S %M", *argv],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        wall, user, system, memory = report.read().split()[-4:]
    if status:
        sys.exit(f"{' '.join(argv)}: exit status {status}")
    return float(wall), float(user) + float(system), int(memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default=os.path.join(HERE, "..", "..", "build", "bcachefs"))
    parser.add_argument("--real", default=shutil.which("bcachefs-real"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--btrees", default=BTREES)
    parser.add_argument("images", nargs="+")
    args = parser.parse_args()
    tools = {"ours": args.ours, **({"real": args.real} if args.real else {})}
    worst = {}
    print(f"{'btree':14}{'':6}{'wall s':>8}{'CPU s':>8}{'KiB':>9}")
    for btree in args.btrees.split(","):
        runs = {name: [] for name in tools}
        for _ in range(args.runs):
            for name, tool in tools.items():
                runs[name].append(measure([tool, "list", "-b", btree, *args.images]))
        medians = {name: [statistics.median(column) for column in zip(*r)] for name, r in runs.items()}
        for name, (wall, cpu, memory) in medians.items():
            print(f"{btree:14}{name:6}{wall:8.3f}{cpu:8.3f}{memory:9.0f}")
        if args.real:
            ratios = [r / max(o, 1e-3) for r, o in zip(medians["real"], medians["ours"])]
            print(f"{btree:14}{'ratio':6}{ratios[0]:8.1f}{ratios[1]:8.1f}{ratios[2]:9.1f}")
            worst = {i: min(r, worst.get(i, r)) for i, r in enumerate(ratios)}
    if worst:
        print(f"{'worst':14}{'ratio':6}{worst[0]:8.1f}{worst[1]:8.1f}{worst[2]:9.1f}")


if __name__ == "__main__":
    main()
