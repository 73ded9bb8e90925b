"""Make files of all kinds of attributes in the working directory, on a bcachefs:  attributes_make.py [casefold]"""
import ctypes
import fcntl
import os
import socket
import stat
import struct
import sys

SET_FLAGS, SET_FSXATTR = 0x40086602, 0x401c5820
SUBVOLUME_CREATE, SUBVOLUME_DESTROY = 0x4020bc10, 0x4020bc11
AT_FDCWD = -100
NS = 10**9
TIMES = [0, 1, -1, -1500000000, -NS - 1, NS - 1, 2**31 * NS, 2**32 * NS + 7, -2208988800 * NS + 123456789, 4102444800 * NS + 5,
         12 * 10**18, -12 * 10**18]
OPTIONS = {"compression": "zstd:5", "background_compression": "lz4", "data_replicas": "2", "data_checksum": "crc64",
           "foreground_target": "hdd.a", "background_target": "hdd", "promote_target": os.path.realpath("/dev/d0"), "erasure_code": "1",
           "nocow": "1"}
ODD_NAMES = ["Hello", "stra\u00dfe", "\u00c4RGER", "\u0130stanbul", "\u1e9e", "\ufb01n", "A\u030angstr\u00f6m", "\u03a3\u03c2",
             "\u00c4" * 127]


def write(name, data=b"x"):
    with open(name, "wb") as f:
        f.write(data)


def ioctl(name, number, argument):
    fd = os.open(name, os.O_RDONLY)
    fcntl.ioctl(fd, number, argument)
    os.close(fd)


def option(name, opt, value):
    os.setxattr(name, "bcachefs." + opt, value.encode())


def project(name, flags, number):
    ioctl(name, SET_FSXATTR, struct.pack("<IIII12x", flags, 0, 0, number))


def options():
    for name, value in OPTIONS.items():
        os.makedirs(f"options/{name}")
        option(f"options/{name}", name, value)
        write(f"options/{name}/in", b"y" * 9000)
        os.mkdir(f"options/{name}/sub")
        write(f"options/{name}/sub/deep")
        write(f"options/of-{name}")
        option(f"options/of-{name}", name, value)
    for name in ("compression", "data_checksum", "promote_target", "background_target"):
        write(f"options/no-{name}")
        option(f"options/no-{name}", name, "none")
    for name in ("nocow", "project"):
        write(f"options/no-{name}")
        option(f"options/no-{name}", name, "0")
    write("project")
    project("project", 0, 77)
    os.mkdir("projects")
    project("projects", 0x200, 78)
    os.mkdir("projects/sub")
    write("projects/sub/in")


def flags_and_times():
    for name, flags in {"immutable": 0x10, "append": 0x20, "nodump": 0x40, "noatime": 0x80, "sync": 8, "all": 0xf8}.items():
        write(f"file-{name}")
        os.mkdir(f"folder-{name}")
        ioctl(f"file-{name}", SET_FLAGS, struct.pack("<Q", flags))
        ioctl(f"folder-{name}", SET_FLAGS, struct.pack("<Q", flags))
    for i, t in enumerate(TIMES):
        write(f"time-{i}")
        os.utime(f"time-{i}", ns=(t + 3, t))
    for i in range(5):
        write(f"again-{i}")
        os.unlink(f"again-{i}")
    write("again")


def objects():
    for i, (major, minor) in enumerate([(5, 1), (259, 70000), (4095, 1048575), (0, 0), (256, 256)]):
        os.mknod(f"char-{i}", 0o620 | stat.S_IFCHR, os.makedev(major, minor))
        os.mknod(f"block-{i}", 0o620 | stat.S_IFBLK, os.makedev(major, minor))
    os.mkfifo("fifo")
    socket.socket(socket.AF_UNIX).bind("socket")
    os.symlink("x" * 4095, "link")
    write("u" * 255)
    write("links")
    for i in range(3):
        os.link("links", f"links-{i}")
    for i in range(20):
        os.setxattr("links", f"user.{i}", b"%d" % i)
    for i in range(5):
        os.removexattr("links", f"user.{i}")
    os.setxattr("links", "trusted.t", b"t")
    os.setxattr("links", "security.s", b"")
    for name, size in {"huge": 2**62, "odd": 12345, "small": 100}.items():
        with open(name, "wb") as f:
            f.truncate(size)
            f.write(b"q" * 30)
            f.seek(5000)
            f.write(b"q" * 3000)
    with open("reserved", "wb") as f:
        f.write(b"abc")
        f.flush()
        os.posix_fallocate(f.fileno(), 100000, 200000)


def subvolume(verb, *words):
    """create FOLDER, snapshot [-r] FOLDER FOLDER, delete FOLDER: not every kernel goes with the tool that is there."""
    flags = {"create": 0, "delete": 0, "snapshot": 3 if "-r" in words else 1}[verb]
    *source, target = [ctypes.create_string_buffer(os.fsencode(w)) for w in words if w != "-r"]
    argument = struct.pack("<IiH6xQQ", flags, AT_FDCWD, 0o777, ctypes.addressof(target),
                           ctypes.addressof(source[0]) if source else 0)
    ioctl(os.path.dirname(target.value) or ".", SUBVOLUME_DESTROY if verb == "delete" else SUBVOLUME_CREATE, argument)


def subvolumes():
    subvolume("create", "sv")
    write("sv/a")
    os.mkdir("sv/d")
    write("sv/d/b")
    subvolume("create", "sv/inner")
    write("sv/inner/i")
    subvolume("create", "sv/d/inner")
    subvolume("snapshot", "sv", "snap")
    os.unlink("sv/d/b")
    os.rename("sv/inner", "moved")
    subvolume("snapshot", "-r", "sv", "sv/itself")
    subvolume("snapshot", "snap", "again-snap")
    os.rename("again-snap", "sv/d/snap")
    subvolume("create", "gone")
    subvolume("delete", "gone")


def casefolded():
    os.mkdir("fold")
    option("fold", "casefold", "1")
    for name in ODD_NAMES:
        write(f"fold/{name}")
    os.mkdir("fold/Sub")
    write("fold/Sub/Inner")
    os.mkdir("plain")
    option("plain", "inodes_32bit", "0")


if __name__ == "__main__":
    options()
    flags_and_times()
    objects()
    subvolumes()
    if "casefold" in sys.argv:
        casefolded()
