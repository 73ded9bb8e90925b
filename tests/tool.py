"""Running the binary under test."""
import os
import re
import subprocess

from imagesets import ROOT, decode

CRASHES = {-4: "SIGILL", -6: "SIGABRT", -7: "SIGBUS", -8: "SIGFPE", -11: "SIGSEGV"}
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error): .*")


class Result:
    def __init__(self, argv, process):
        self.argv = argv
        self.status = process.returncode
        self.out = decode(process.stdout)
        self.err = decode(process.stderr)

    def __repr__(self):
        return f"{' '.join(self.argv)}: status {self.status}\n{self.out[-2000:]}\n{self.err[-4000:]}"


class RealTool:
    """
    The real tool. Its format crashes now and then after its work is done, and so does its list of what was not shut down:
    it replays the journal in memory, and when other threads are slow it aborts at the end (`btree key cache shutdown
    error: nr_dirty nonzero`). Seen in 19 of 370 runs under load, in none of 244 without.
    """

    def __init__(self, argv):
        self.argv = argv

    def run(self, *args, input=None, timeout=300):
        argv = [*self.argv, *map(str, args)]
        stdin = {"input": input.encode()} if input is not None else {"stdin": subprocess.DEVNULL}
        return Result(argv, subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                                           env={**os.environ, "TZ": "UTC"}, **stdin))

    def list(self, *args):
        """List, again and again until it did not crash."""
        for _ in range(8):
            r = self.run("list", *args)
            if r.status >= 0:
                return r
        raise AssertionError(f"the real list crashes: {r!r}")

    def format(self, make_images, *args, input=None):
        """Format fresh images, which make_images() gives, again and again until it did not crash."""
        for _ in range(8):
            images = make_images()
            r = self.run("format", *(str(a).format(*images) for a in args), input=input)
            if r.status >= 0:
                return r, images
        raise AssertionError(f"the real format crashes: {r!r}")


class Tool:
    """$BCACHEFS, or build/bcachefs."""

    def __init__(self):
        self.path = os.path.abspath(os.environ.get("BCACHEFS") or os.path.join(ROOT, "build", "bcachefs"))
        self._commands = None

    def run(self, *args, input=None, timeout=300, env=None, argv0=None, status=None):
        """Run a command. It must not crash nor trip a sanitizer; with `status`, end with that status."""
        argv = [argv0 or self.path, *map(str, args)]
        stdin = {"input": input.encode()} if input is not None else {"stdin": subprocess.DEVNULL}
        p = subprocess.run(argv, executable=self.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                           env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **(env or {})}, **stdin)
        r = Result(argv, p)
        assert p.returncode not in CRASHES, f"{CRASHES[p.returncode]}: {r!r}"
        found = SANITIZER.search(r.err)
        assert not found, f"{found[0]}\n{r!r}"
        if status is not None:
            assert r.status == status, f"expected status {status}: {r!r}"
        return r

    def commands(self):
        """Names of all commands, as the main help lists them: lines of two blanks, the name, its line."""
        if self._commands is None:
            text = self.run("--help").out
            self._commands = re.findall(r"^  ([a-z][a-z_-]*(?: [a-z][a-z_-]*)?)(?:  .*)?$", text, re.M)
        return self._commands
