"""Files that are written, then deleted, for tests of undelete: their names and contents, and what a guest with a real
kernel does with them:

    undelete_files.py write|delete|snapshot|later|random|many|snapshots|crowd TOP [small]
    undelete_files.py nested TOP SEED
"""
import collections
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time

SMALL = 32000  # bytes: files of small images
LATER = 16     # MiB written after the deletion
RANDOM_OPS = 400
NESTED_STEPS = 200


def noise(name, size):
    """No sector is like another; images of it pack well all the same."""
    sectors = (hashlib.sha256(b"%s %d" % (name.encode(), i)).digest() * 16 for i in range(-(-size // 512)))
    return b"".join(sectors)[:size]


def text(name, size):
    line = b"".join(b"%s line %d of a text that shrinks\n" % (name.encode(), i) for i in range(50))
    return (line * (size // len(line) + 1))[:size]


def sparse(name, size):
    return noise(name + "<", 8192) + bytes(size - 16384) + noise(name + ">", 8192)


def edited(name, size):
    old = bytearray(noise(name, size))
    old[5000:25000] = noise(name + "!", 20000)
    return bytes(old)


SIZES = [1, 100, 1500, 4096, 5000, 20000, 131072, 300001, 1 << 20]

# name: content as it is before it is deleted
FILES = {
    "empty": b"",
    **{f"noise-{n}": noise(f"noise-{n}", n) for n in SIZES},
    **{f"nosum-{n}": noise(f"nosum-{n}", n) for n in (100, 4096, 300001)},
    **{f"small/text-{n}": text(f"text-{n}", n) for n in (100, 9000, 300000)},
    "sparse": sparse("sparse", 400000),
    "edited": edited("edited", 200000),
    "edited-little": edited("edited-little", 30000),
    "cut": noise("cut", 300000)[:70000],
    "longer": noise("longer", 4096) + noise("longer+", 50000),
    "punched": noise("punched", 32768) + bytes(32768) + noise("punched+", 32768),
    "clone": noise("noise-131072", 131072),
    "moved/elsewhere": noise("before-moving", 30000),
    "tree/a/b/leaf": noise("leaf", 12345),
    "tree/a/other": noise("other", 777),
    "replaced": noise("replaced", 22000),
}
# Names that go while the files stay.
KEPT = {"kept": noise("kept", 5000), "linked": noise("linked", 9000)}
XATTR = {"noise-5000": ("user.colour", b"blue")}
SYMLINK = ("symlink", "to/nowhere")


def files(small=False):
    return {n: data for n, data in FILES.items() if not small or len(data) <= SMALL}


def write(path, data, at=0):
    with open(path, "r+b" if at else "wb") as f:
        f.seek(at)
        f.write(data)


def option(path, name, value):
    subprocess.run(["setfattr", "-n", f"bcachefs.{name}", "-v", value, path], check=True)


def write_first(top, name, data):
    """The file as it is before it is changed."""
    path = f"{top}/{name}"
    if name.startswith("nosum"):
        open(path, "wb").close()
        option(path, "data_checksum", "none")
    if name == "sparse":
        with open(path, "wb") as f:
            f.write(data[:8192])
            f.seek(len(data) - 8192)
            f.write(data[-8192:])
    elif name.startswith("edited"):
        write(path, noise(name, len(data)))
    elif name == "cut":
        write(path, noise("cut", 300000))
    elif name == "longer":
        write(path, data[:4096])
    elif name == "punched":
        write(path, data[:32768] + noise("hole", 32768) + data[65536:])
    elif name == "clone":
        subprocess.run(["cp", "--reflink=always", f"{top}/noise-131072", path], check=True)
    elif name == "moved/elsewhere":
        write(f"{top}/before", data)
    elif name == "linked":
        write(f"{top}/kept-too", data)
        os.link(f"{top}/kept-too", path)
    else:
        write(path, data)


def guest_write(top, small):
    """First the old states, then the last ones; both reach the disk."""
    for folder in ("small", "tree/a/b", "moved"):
        os.makedirs(f"{top}/{folder}")
    option(f"{top}/small", "compression", "zstd")
    wanted = files(small)
    for name, data in {**wanted, **KEPT}.items():
        write_first(top, name, data)
    for name, (key, value) in XATTR.items():
        os.setxattr(f"{top}/{name}", key, value)
    os.symlink(SYMLINK[1], f"{top}/{SYMLINK[0]}")
    os.sync()
    for name in ("edited", "edited-little"):
        if name in wanted:
            write(f"{top}/{name}", FILES[name][5000:25000], 5000)
    if not small:
        os.truncate(f"{top}/cut", 70000)
        write(f"{top}/longer", FILES["longer"][4096:], 4096)
        subprocess.run(["fallocate", "-p", "-o", "32768", "-l", "32768", f"{top}/punched"], check=True)
    os.rename(f"{top}/before", f"{top}/moved/elsewhere")
    os.sync()


def guest_delete(top, small):
    write(f"{top}/new-one", noise("new-one", 60))
    for name in files(small):
        if not name.startswith("tree/") and name != "replaced":
            os.unlink(f"{top}/{name}")
    os.rename(f"{top}/new-one", f"{top}/replaced")
    shutil.rmtree(f"{top}/tree")
    os.unlink(f"{top}/linked")
    os.unlink(f"{top}/{SYMLINK[0]}")
    os.sync()


def guest_snapshot(top, small):
    subprocess.run(["bcachefs", "subvolume", "snapshot", top, f"{top}/snap"], check=True)
    os.sync()


def guest_later(top, small):
    for i in range(LATER * 8):
        write(f"{top}/later-{i}", text(f"later-{i}", 131072))
        if i % 8 == 7:
            os.sync()


def random_steps(seed=1):
    """(what, name, offset, size): the same each time."""
    rng = random.Random(seed)
    for i in range(RANDOM_OPS):
        name = f"file{rng.randrange(30)}"
        what = rng.choice(["write", "write", "write", "over", "over", "truncate", "punch", "rename", "delete", "sync"])
        yield what, name, rng.randrange(16) * 4096 + rng.choice([0, 0, 100]), rng.randrange(1, 60000), i


class Model:
    """What the random steps leave; with @top also done there."""

    def __init__(self, top=None):
        self.top, self.files, self.deleted = top, {}, []

    def real(self, change):
        if self.top:
            change()

    def put(self, name, offset, data, new):
        old = b"" if new else self.files.get(name, b"")
        old = old.ljust(offset, b"\0")
        self.files[name] = old[:offset] + data + old[offset + len(data):]
        self.real(lambda: self.do_put(name, offset, data, new))

    def do_put(self, name, offset, data, new):
        fd = os.open(f"{self.top}/{name}", os.O_RDWR | os.O_CREAT | (os.O_TRUNC if new else 0))
        os.pwrite(fd, data, offset)
        os.fsync(fd)
        os.close(fd)

    def step(self, what, name, offset, size, i):
        there = name in self.files
        if what == "write":
            self.put(name, 0, noise(f"step{i}", size), True)
        elif what == "over" and there:
            self.put(name, offset, noise(f"step{i}", size), False)
        elif what == "truncate" and there:
            self.files[name] = self.files[name][:size].ljust(size, b"\0")
            self.real(lambda: os.truncate(f"{self.top}/{name}", size))
        elif what == "punch" and there and offset < len(self.files[name]):
            data = self.files[name]
            end = min(offset + size, len(data))
            self.files[name] = data[:offset] + bytes(end - offset) + data[end:]
            self.real(lambda: subprocess.run(["fallocate", "-p", "-o", str(offset), "-l", str(size),
                                              f"{self.top}/{name}"], check=True))
        elif what == "rename" and there:
            other = f"file{i % 30}"
            if other != name:
                self.gone(other)
                self.files[other] = self.files.pop(name)
                self.real(lambda: os.rename(f"{self.top}/{name}", f"{self.top}/{other}"))
        elif what == "delete" and there:
            self.real(os.sync)
            self.gone(name)
            self.real(lambda: os.unlink(f"{self.top}/{name}"))
        elif what == "sync":
            self.real(os.sync)

    def gone(self, name):
        if name in self.files:
            self.real(os.sync)
            self.deleted.append((name, self.files.pop(name)))

    def run(self):
        for step in random_steps():
            self.step(*step)
        self.real(os.sync)
        return self


def guest_random(top, small):
    Model(top).run()


class Nested:
    """Subvolumes, snapshots of them and of those, that come and go; with @top also done there."""
    NAMES = ["a", "b", "c", "d1/a", "d1/b", "d1/d2/x", "d3/y", "d3/z"]
    WHAT = ["write"] * 7 + ["over"] * 5 + ["truncate"] * 2 + ["delete"] * 3 + ["rename"] * 2 + ["snapshot", "drop", "sync"]

    def __init__(self, seed, top=None):
        self.rng, self.top = random.Random(seed), top
        self.subvols = {}  # name: {name of a file: content}
        self.gone = collections.defaultdict(list)  # path: contents that went there

    def real(self, change):
        if self.top:
            change()

    def subvolume(self, *args):
        self.real(lambda: subprocess.run(["bcachefs", "subvolume", *args], check=True))

    def put(self, path, change):
        """Also to the device."""
        def really():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_RDWR | os.O_CREAT), "r+b") as f:
                change(f)
                f.flush()
                os.fsync(f.fileno())
        self.real(really)

    def lose(self, subvol, name):
        self.gone[f"{subvol}/{name}"].append(self.subvols[subvol].pop(name))

    def step(self, i):
        what, subvol = self.rng.choice(self.WHAT), self.rng.choice(sorted(self.subvols))
        name, other = self.rng.choice(self.NAMES), self.rng.choice(self.NAMES)
        size, offset = self.rng.randrange(1, 30000), self.rng.randrange(8) * 4096
        there, path = self.subvols[subvol], f"{self.top}/{subvol}/{name}"
        data = noise(f"step{i}", size)
        if what == "write":
            there[name] = data
            self.put(path, lambda f: (f.write(data), f.truncate()))
        elif what == "over" and name in there:
            old = there[name].ljust(offset, b"\0")
            there[name] = old[:offset] + data + old[offset + size:]
            self.put(path, lambda f: (f.seek(offset), f.write(data)))
        elif what == "truncate" and name in there:
            there[name] = there[name][:size].ljust(size, b"\0")
            self.put(path, lambda f: f.truncate(size))
        elif what == "delete" and name in there:
            self.lose(subvol, name)
            self.real(lambda: (os.sync(), os.unlink(path)))
        elif what == "rename" and name in there and other != name:
            if other in there:
                self.lose(subvol, other)
            there[other] = there.pop(name)
            new = f"{self.top}/{subvol}/{other}"
            self.real(lambda: (os.sync(), os.makedirs(os.path.dirname(new), exist_ok=True), os.rename(path, new)))
        elif what == "snapshot" and len(self.subvols) < 6:
            self.subvols[f"s{i}"] = dict(there)
            self.real(os.sync)
            self.subvolume("snapshot", f"{self.top}/{subvol}", f"{self.top}/s{i}")
        elif what == "drop" and len(self.subvols) > 2:
            for lost in list(there):
                self.lose(subvol, lost)
            del self.subvols[subvol]
            self.real(os.sync)
            self.subvolume("delete", f"{self.top}/{subvol}")
            self.real(lambda: (os.sync(), time.sleep(0.3)))  # what it had is deleted behind its back
        elif what == "sync":
            self.real(os.sync)

    def run(self, steps=NESTED_STEPS):
        self.subvols["s"] = {}
        self.subvolume("create", f"{self.top}/s")
        for self.done in range(steps):
            self.step(self.done)
        self.real(os.sync)
        return self


def guest_nested(top, small):
    """Some seeds end early: Linux 6.12 finds dirents of deleted snapshots without inodes, and goes read-only."""
    seed = int(sys.argv[3])
    nested = Nested(seed, top)
    try:
        nested.run()
    except (OSError, subprocess.CalledProcessError) as e:
        print(f"seed {seed}: {e}")
    print(f"seed {seed} came to step {nested.done}")


# ---- Many files of all kinds, deleted in all ways ----

MANY = 200
FOLDERS = {"zstd": "zstd", "lz4": "lz4", "tree/a/b": None, "tree/c": None, "sub": None, "plain": None}


class Lost:
    """A file of the many: what it held, in which folder, and how it went."""

    def __init__(self, i, rng):
        self.folder = rng.choice(list(FOLDERS))
        self.name = f"{self.folder}/file{i}"
        size = rng.choice([0, 1, rng.randrange(2000), rng.randrange(20000), rng.randrange(200000),
                           rng.randrange(1 << 20)])
        if i % 50 == 7:
            size = 8 << 20
        self.data = (text if FOLDERS[self.folder] else noise)(f"many{i}", size)
        self.sparse = size > 20000 and i % 4 == 0
        if self.sparse:
            at = rng.randrange(size // 2) // 4096 * 4096
            self.data = self.data[:at].ljust(at + 8192, b"\0") + self.data[at + 8192:]
            self.hole = at
        self.clone = self.folder == "plain" and i % 3 == 0 and size >= 4096
        self.xattr = noise(f"xattr{i}", rng.choice([10, 100, 1500])) if i % 5 == 0 else None
        if self.folder.startswith("tree"):
            self.way = "rm -r"
        elif self.folder == "sub":
            self.way = "subvolume"
        else:
            self.way = rng.choice(["unlink", "replace", "links", "one link", "cut and unlink", "written over", "unlink"])
        if self.way == "cut and unlink":
            self.data, self.before = b"", self.data

    def write(self, top):
        path = f"{top}/{self.name}"
        data = self.data if self.way != "cut and unlink" else self.before
        if self.sparse and data:
            with open(path, "wb") as f:
                f.write(data[:self.hole])
                f.seek(self.hole + 8192)
                f.write(data[self.hole + 8192:])
        else:
            write(path, data)
        if self.clone:
            subprocess.run(["cp", "--reflink=always", path, path + ".origin"], check=True)
        if self.xattr:
            os.setxattr(path, "user.note", self.xattr)
        if self.way in ("links", "one link"):
            os.link(path, path + ".link")

    def delete(self, top):
        path = f"{top}/{self.name}"
        if self.way == "replace":
            write(path + ".new", noise("new", 300))
            os.rename(path + ".new", path)
        elif self.way == "cut and unlink":
            os.truncate(path, 0)
            os.unlink(path)
        elif self.way == "written over":
            write(path, noise("over", 5000))
        elif self.way not in ("rm -r", "subvolume"):
            os.unlink(path)
            if self.way == "links":
                os.unlink(path + ".link")


def many():
    rng = random.Random(1)
    return [Lost(i, rng) for i in range(MANY)]


def guest_many(top, small):
    for folder, compression in FOLDERS.items():
        if folder == "sub":
            subprocess.run(["bcachefs", "subvolume", "create", f"{top}/sub"], check=True)
            continue
        os.makedirs(f"{top}/{folder}")
        if compression:
            option(f"{top}/{folder}", "compression", compression)
    files_of_it = many()
    for f in files_of_it:
        f.write(top)
    os.sync()
    for f in files_of_it:
        f.delete(top)
    shutil.rmtree(f"{top}/tree")
    subprocess.run(["bcachefs", "subvolume", "delete", f"{top}/sub"], check=True)
    os.sync()


# ---- A snapshot that is deleted, and hard links ----

SNAPSHOT = {
    "s/only-there": noise("only-there", 30000),  # deleted while a snapshot still had it
    "snap/own": noise("own", 20000),
    "snap/small": noise("small", 100),
    "snap/dir/deep": noise("deep", 5000),
}
LINKS = ("s/first", "s/links/second")
SNAPSHOT.update(dict.fromkeys(LINKS, noise("links", 6000)))
# Of a file that another subvolume still has, as it was in the snapshot that is deleted. Holes punched in a snapshot are
# not among them: kernel 6.12 lets the data of the original show through.
VERSIONS = {
    "w/old": noise("old", 30000),  # the other one wrote it anew
    "w/dir/both": noise("both", 20000)[:4096] + noise("both!", 8192) + noise("both", 20000)[12288:],
    "w/dir/cut": noise("cut", 20000)[:9000],
    "w/dir/two": noise("two!", 3000),  # and the other one, too
    "w/dir/sub/new": noise("new", 5000),
    "w/gone/early": noise("early", 3000),
}
SHARED = "w/old"  # the snapshot had no key of its own for it: who saw it last is not certain
# Directories that only the snapshot still had when they went.
GONE = {"v/gone/early": noise("early", 3000), "v/gone/late": noise("late", 6000), "v/gone/deep/late": noise("late", 700)}
OWN_XATTR = ("w/dir/both", "user.note", b"own")


def guest_versions(top):
    subprocess.run(["bcachefs", "subvolume", "create", f"{top}/v"], check=True)
    os.makedirs(f"{top}/v/dir/sub")
    os.makedirs(f"{top}/v/gone/deep")
    for name, size in {"old": 30000, "dir/both": 20000, "dir/cut": 20000, "dir/two": 3000, "dir/same": 2000,
                       "dir/read": 2000, "dir/moved": 2000, "gone/early": 3000}.items():
        write(f"{top}/v/{name}", noise(name.rpartition("/")[2], size))
    os.setxattr(f"{top}/v/dir/both", "user.note", b"first")
    os.setxattr(f"{top}/v/dir/both", "user.other", b"other")
    os.sync()
    subprocess.run(["bcachefs", "subvolume", "snapshot", f"{top}/v", f"{top}/w"], check=True)
    write(f"{top}/w/dir/both", noise("both!", 8192), 4096)
    os.setxattr(f"{top}/w/dir/both", "user.note", b"own")
    os.removexattr(f"{top}/w/dir/both", "user.other")
    os.truncate(f"{top}/w/dir/cut", 9000)
    write(f"{top}/w/dir/two", VERSIONS["w/dir/two"])
    write(f"{top}/w/dir/sub/new", VERSIONS["w/dir/sub/new"])
    with open(f"{top}/w/dir/read", "rb") as f:
        f.read()
    os.rename(f"{top}/w/dir/moved", f"{top}/w/dir/sub/elsewhere")
    write(f"{top}/v/old", noise("old!", 5000))
    write(f"{top}/v/dir/two", noise("two?", 2500))
    write(f"{top}/v/gone/deep/late", GONE["v/gone/deep/late"])
    write(f"{top}/v/gone/late", GONE["v/gone/late"])
    os.sync()
    shutil.rmtree(f"{top}/v/gone")
    os.sync()


def guest_snapshots(top, small):
    guest_versions(top)
    subprocess.run(["bcachefs", "subvolume", "create", f"{top}/s"], check=True)
    write(f"{top}/s/only-there", SNAPSHOT["s/only-there"])
    write(f"{top}/s/stays", noise("stays", 10000))
    os.sync()
    subprocess.run(["bcachefs", "subvolume", "snapshot", f"{top}/s", f"{top}/snap"], check=True)
    os.mkdir(f"{top}/snap/dir")
    for name in ("snap/own", "snap/small", "snap/dir/deep"):
        write(f"{top}/{name}", SNAPSHOT[name])
    os.mkdir(f"{top}/s/links")
    write(f"{top}/{LINKS[0]}", SNAPSHOT[LINKS[0]])
    os.link(f"{top}/{LINKS[0]}", f"{top}/{LINKS[1]}")
    os.sync()
    os.unlink(f"{top}/s/only-there")
    for name in LINKS:
        os.unlink(f"{top}/{name}")
    os.sync()
    time.sleep(2)
    for name in ("snap", "w"):
        subprocess.run(["bcachefs", "subvolume", "delete", f"{top}/{name}"], check=True)
    os.sync()


# ---- So many that btrees have many nodes ----

CROWD = 3000


def crowd(i):
    return noise(f"crowd{i}", 50 + i % 400)


def crowd_goes(i):
    return i % 50 != 0


def guest_crowd(top, small):
    """Most go, so that nodes are put together to new ones, and the old ones are out of use."""
    os.makedirs(f"{top}/crowd")
    for i in range(CROWD):
        write(f"{top}/crowd/{i}", crowd(i))
    os.sync()
    for i in filter(crowd_goes, range(CROWD)):
        os.unlink(f"{top}/crowd/{i}")
    os.sync()


if __name__ == "__main__":
    {"write": guest_write, "delete": guest_delete, "snapshot": guest_snapshot, "later": guest_later,
     "random": guest_random, "many": guest_many, "crowd": guest_crowd, "snapshots": guest_snapshots,
     "nested": guest_nested}[sys.argv[1]](sys.argv[2], "small" in sys.argv)
