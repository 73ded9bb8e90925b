"""Files that are written, then deleted, for tests of undelete: names, contents, and the guest's script."""
import hashlib
import sys

TOP = "/mnt"


def noise(name, size):
    return hashlib.shake_256(name.encode()).digest(size)


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
    "cut": noise("cut", 300000)[:70000],
    "longer": noise("longer", 4096) + noise("longer+", 50000),
    "punched": noise("punched", 32768) + bytes(32768) + noise("punched+", 32768),
    "clone": noise("noise-131072", 131072),
    "moved/elsewhere": noise("before-moving", 30000),
    "tree/a/b/leaf": noise("leaf", 12345),
    "tree/a/other": noise("other", 777),
    "replaced": noise("replaced", 60000),
}
# Names that go while the files stay.
KEPT = {"kept": noise("kept", 50000), "linked": noise("linked", 9000), "second": noise("second", 100000)}
XATTR = {"noise-5000": ("user.colour", b"blue")}


def write(path, data, at=0):
    with open(path, "r+b" if at else "wb") as f:
        f.seek(at)
        f.write(data)


def guest_write(top):
    """First state, then changes; both reach the disk."""
    import os
    import subprocess
    os.makedirs(f"{top}/small")
    os.makedirs(f"{top}/tree/a/b")
    os.makedirs(f"{top}/moved")
    subprocess.run(["setfattr", "-n", "bcachefs.compression", "-v", "zstd", f"{top}/small"], check=True)
    for name, data in {**FILES, **KEPT}.items():
        path = f"{top}/{name}"
        if name.startswith("nosum"):
            open(path, "wb").close()
            subprocess.run(["setfattr", "-n", "bcachefs.data_checksum", "-v", "none", path], check=True)
        if name == "sparse":
            with open(path, "wb") as f:
                f.write(data[:8192])
                f.seek(len(data) - 8192)
                f.write(data[-8192:])
        elif name == "edited":
            write(path, noise("edited", len(data)))
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
    for name, (key, value) in XATTR.items():
        os.setxattr(f"{top}/{name}", key, value)
    os.sync()
    write(f"{top}/edited", FILES["edited"][5000:25000], 5000)
    os.truncate(f"{top}/cut", 70000)
    write(f"{top}/longer", FILES["longer"][4096:], 4096)
    subprocess.run(["fallocate", "-p", "-o", "32768", "-l", "32768", f"{top}/punched"], check=True)
    os.rename(f"{top}/before", f"{top}/moved/elsewhere")
    os.sync()


def guest_delete(top):
    import os
    import shutil
    write(f"{top}/new-one", noise("new-one", 60))
    for name in FILES:
        if not name.startswith("tree/") and name != "replaced":
            os.unlink(f"{top}/{name}")
    os.rename(f"{top}/new-one", f"{top}/replaced")
    shutil.rmtree(f"{top}/tree")
    os.unlink(f"{top}/linked")
    os.sync()


def guest_go_on(top, mib):
    import os
    for i in range(mib * 8):
        write(f"{top}/later-{i}", noise(f"later-{i}", 131072))
        if i % 8 == 7:
            os.sync()


if __name__ == "__main__":
    {"write": guest_write, "delete": guest_delete}.get(sys.argv[1], guest_go_on)(
        TOP, *map(int, sys.argv[2:]))
