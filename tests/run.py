#!/usr/bin/env python3
"""Run checks one after the other and add up what they count.

    run.py [--build DIR] CHECK...

CHECK is `unit` (the C programs in DIR/tests/unit), `pytest` (tests/test_*.py with DIR/bcachefs) or
`layers` (tests/check_layers.py). The last line is "N passed, N failed", with ", N skipped" when
something was skipped; the exit status is 0 only when nothing failed and something passed.
"""
import argparse
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def line(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def run_unit(build, counts):
    """Each program prints its own last line; one that dies counts as one failure more."""
    sources = sorted(glob.glob(os.path.join(ROOT, "tests", "unit", "test_*.c")))
    for source in sources:
        name = os.path.basename(source)[:-2]
        r = subprocess.run([os.path.join(build, "tests", "unit", name)], cwd=ROOT, text=True, errors="replace",
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        m = re.search(r"^(\d+) passed, (\d+) failed$", r.stdout, re.M)
        passed, failed = (int(m[1]), int(m[2])) if m else (0, 0)
        if r.returncode and not failed:
            failed = 1
        counts.add(passed, failed)
        if failed:
            print(r.stdout.rstrip())
            print(f"unit {name}: exit status {r.returncode}")
        print(f"unit {name}: {passed} passed, {failed} failed")


def run_pytest(build, counts):
    if not glob.glob(os.path.join(ROOT, "tests", "test_*.py")):
        return
    env = dict(os.environ, BCACHEFS=os.environ.get("BCACHEFS", os.path.join(build, "bcachefs")), TZ="UTC")
    report = os.path.join(build, "pytest.xml")
    cmd = [sys.executable, "-m", "pytest", "-q", "-n", env.get("PYTEST_WORKERS", "2"), "-p", "no:cacheprovider",
           "-r", "fEs", f"--junitxml={report}", *env.get("PYTEST_ARGS", "").split(), "tests"]
    if os.path.exists(report):
        os.unlink(report)
    status = subprocess.run(cmd, cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode
    try:
        with open(report) as f:
            suite = re.search(r"<testsuite\b[^>]*>", f.read())[0]
        total, failures, errors, skipped = (int(re.search(rf'\b{a}="(\d+)"', suite)[1])
                                            for a in ("tests", "failures", "errors", "skipped"))
    except (OSError, TypeError):
        total = failures = errors = skipped = 0
    failed = failures + errors
    if status and not failed:
        failed, total = 1, total + 1
    counts.add(total - failed - skipped, failed, skipped)


def run_layers(build, counts):
    status = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "check_layers.py")], cwd=ROOT).returncode
    counts.add(int(status == 0), int(status != 0))


CHECKS = {"unit": run_unit, "pytest": run_pytest, "layers": run_layers}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("checks", nargs="+", choices=sorted(CHECKS))
    args = parser.parse_args()
    counts = Counts()
    sys.stdout.reconfigure(line_buffering=True)
    for name in args.checks:
        CHECKS[name](os.path.abspath(args.build), counts)
    print(counts.line())
    return 1 if counts.failed or (not counts.passed and args.checks != ["unit"]) else 0


if __name__ == "__main__":
    sys.exit(main())
