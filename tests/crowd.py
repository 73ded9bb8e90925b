"""Many threads and processes that use a mounted tree at once and compare all with its manifest.

    crowd.py ROOT MANIFEST SECONDS SEED

Prints what differs and how many operations were done; status 1 when something differed.
"""
import hashlib
import multiprocessing
import os
import random
import sys
import threading
import time

import manifest

THREADS, PROCESSES = 6, 2
AT_LEAST = 10  # operations of each thread


class Reader:
    def __init__(self, root, expected, rng):
        self.root, self.expected, self.rng = root, expected, rng
        self.files = [p for p, f in expected.items() if f["type"] == "file" and f["size"] < 4 << 20]
        self.dirs = [p for p, f in expected.items() if f["type"] == "dir"]
        self.all = list(expected)
        self.children = {d: 0 for d in self.dirs}
        for p in expected:
            if p != ".":
                self.children[os.path.dirname(p) or "."] += 1
        self.whole = {}

    def path(self, name):
        return os.path.join(self.root, name)

    def read_file(self):
        name = self.rng.choice(self.files)
        fd = os.open(self.path(name), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.sha256()
        while block := os.read(fd, self.rng.choice((4096, 65536, 1 << 20))):
            digest.update(block)
        os.close(fd)
        return digest.hexdigest() == self.expected[name].get("sha256"), name

    def read_pieces(self):
        name = self.rng.choice(self.files)
        size = self.expected[name]["size"]
        fd = os.open(self.path(name), os.O_RDONLY)
        whole = self.whole.get(name)
        if whole is None:
            whole = os.pread(fd, size + 1, 0)
            if len(whole) < 1 << 18:
                self.whole[name] = whole
        good = len(whole) == size
        for _ in range(8):
            at = self.rng.randrange(size + 1)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            good &= os.pread(fd, 10000, at) == whole[at:at + 10000]
        os.close(fd)
        return good, name

    def read_dir(self):
        name = self.rng.choice(self.dirs)
        return len(os.listdir(self.path(name))) == self.children[name], name

    def stat(self):
        name = self.rng.choice(self.all)
        st, facts = os.lstat(self.path(name)), self.expected[name]
        return (st.st_size, st.st_nlink, st.st_ino) == (facts["size"], facts["nlink"], facts["ino"]), name

    def xattrs(self):
        name = self.rng.choice(self.all)
        path, facts = self.path(name), self.expected[name]
        names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith(manifest.VIRTUAL)]
        found = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in names}
        return found == facts.get("xattrs", {}), name

    def statfs(self):
        return os.statvfs(self.root).f_blocks > 0, "statfs"

    def missing(self):
        name = os.path.join(self.rng.choice(self.dirs), f"no such {self.rng.random()}")
        return not os.path.lexists(self.path(name)), name

    def run(self, until, wrong, done):
        operations = (self.read_file, self.read_pieces, self.read_dir, self.stat, self.stat, self.xattrs, self.statfs,
                      self.missing)
        mine = 0
        while (time.monotonic() < until or mine < AT_LEAST) and not wrong:
            mine += 1
            operation = self.rng.choice(operations)
            try:
                good, what = operation()
            except OSError as e:
                good, what = False, e
            done.append(1)
            if not good:
                wrong.append(f"{operation.__name__}: {what}")


def process(root, expected, until, seed, results):
    wrong, done = [], []
    readers = [Reader(root, expected, random.Random(seed * 100 + i)) for i in range(THREADS)]
    threads = [threading.Thread(target=r.run, args=(until, wrong, done)) for r in readers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    results.put((wrong, len(done)))


def main(root, manifest_path, seconds, seed):
    with open(manifest_path, encoding="utf-8", errors="surrogateescape") as f:
        expected = manifest.parse(f.read())
    results = multiprocessing.Queue()
    until = time.monotonic() + seconds
    workers = [multiprocessing.Process(target=process, args=(root, expected, until, seed + i, results))
               for i in range(PROCESSES)]
    for w in workers:
        w.start()
    found = [results.get() for _ in workers]
    for w in workers:
        w.join()
    for wrong, _ in found:
        for line in wrong:
            print(line)
    print(f"{sum(done for _, done in found)} operations")
    return int(any(wrong for wrong, _ in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
