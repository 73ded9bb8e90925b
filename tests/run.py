#!/usr/bin/env python3
"""Run checks one after the other and add up what they count.

    run.py [--build DIR] CHECK...

CHECK is `unit` (the C programs in DIR/tests/unit), `pytest` (tests/test_*.py with DIR/bcachefs),
`layers` (tests/check_layers.py), `fuzz` (the programs in DIR/tests/fuzz, $FUZZ_SECONDS each) or
`make:TARGET` (a target of the Makefile; its own count when it ends with one). The last line is "N passed, N failed", with ", N skipped" when
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
    cmd = [sys.executable, "-m", "pytest", "-q", "-n", env.get("PYTEST_WORKERS", "2"), "--dist", "loadgroup", "-p", "no:cacheprovider",
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


def run_fuzz(build, counts):
    """Each program from its seeds; finds go to DIR/fuzz/NAME and fail."""
    for source in sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c"))):
        name = os.path.basename(source)[:-2]
        corpus, finds = (os.path.join(build, "fuzz", name, d) for d in ("corpus", "finds"))
        os.makedirs(corpus, exist_ok=True)
        os.makedirs(finds, exist_ok=True)
        subprocess.run([sys.executable, os.path.join(ROOT, "tests", "fuzz", "seeds.py"), name, corpus], check=True)
        seconds = os.environ.get("FUZZ_SECONDS", "60")
        r = subprocess.run([os.path.join(build, "tests", "fuzz", name), f"-max_total_time={seconds}", "-timeout=20",
                            "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={finds}/", corpus],
                           cwd=ROOT, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        counts.add(int(r.returncode == 0), int(r.returncode != 0))
        if r.returncode:
            print("\n".join(r.stdout.splitlines()[-60:]))
        runs = re.search(r"number_of_executed_units: (\d+)", r.stdout)
        cover = re.findall(r"cov: (\d+)", r.stdout)
        print(f"fuzz {name}: exit status {r.returncode}, {runs[1] if runs else 0} runs, "
              f"{cover[-1] if cover else 0} edges")


def run_make(build, counts, target):
    print(f"== make {target}")
    r = subprocess.Popen(["make", "--no-print-directory", target], cwd=ROOT, text=True, errors="replace",
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    last = None
    for line in r.stdout:
        print(line, end="")
        last = COUNT.match(line) or last
    if r.wait() == 0:
        counts.add(*(int(n or 0) for n in last.groups()) if last else (1, 0))
    else:
        passed, failed, skipped = (int(n or 0) for n in last.groups()) if last else (0, 0, 0)
        counts.add(passed, max(failed, 1), skipped)


CHECKS = {"unit": run_unit, "pytest": run_pytest, "layers": run_layers, "fuzz": run_fuzz}
COUNT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("checks", nargs="+")
    args = parser.parse_args()
    counts = Counts()
    sys.stdout.reconfigure(line_buffering=True)
    for name in args.checks:
        kind, _, target = name.partition(":")
        if kind == "make":
            run_make(args.build, counts, target)
        else:
            CHECKS[name](os.path.abspath(args.build), counts)
    print(counts.line())
    return 1 if counts.failed or (not counts.passed and args.checks != ["unit"]) else 0


if __name__ == "__main__":
    sys.exit(main())
