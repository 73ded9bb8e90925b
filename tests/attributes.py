"""What a tree shows beside its content (manifest.py), object by object, as JSON: path -> facts.

    attributes.py ROOT [PATH]...     each PATH is looked up, too

Facts: names of extended attributes in their order and the values of bcachefs.* and bcachefs_effective.*, errors of such
as are not there, ioctls of flags, project and generation, entries of directories in their order (name, inode, type),
access time, time of birth, and where SEEK_DATA and SEEK_HOLE end.
"""
import ctypes
import errno
import fcntl
import json
import os
import stat
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
GETDENTS, STATX = 217, 332  # of x86-64
ABSENT = ["bcachefs.compression", "bcachefs_effective.compression", "bcachefs_effective.data_replicas", "bcachefs.bogus",
          "bcachefs_effective.bogus", "bcachefs.metadata_replicas", "bcachefs.", "user.bogus", "trusted.", "foo.bar",
          "system.posix_acl_access", "system.posix_acl_default"]
IOCTLS = {"flags": (0x80086601, 8), "version": (0x80087601, 8), "fsxattr": (0x801c581f, 28), "label": (0x81009431, 256),
          "set flags": (0x40086602, 8)}


def birth(path):
    """[seconds, nanoseconds] of statx; None: not told."""
    reply = ctypes.create_string_buffer(256)
    if LIBC.syscall(STATX, -100, path, 0x100, 0xfff, reply):
        return os.strerror(ctypes.get_errno())
    return list(struct.unpack_from("<qI", reply, 80)) if struct.unpack_from("<I", reply)[0] & 0x800 else None


def xattr(path, name):
    try:
        return os.getxattr(path, name, follow_symlinks=False).decode("latin-1")
    except OSError as e:
        return errno.errorcode[e.errno]


def ioctl(fd, number, size):
    reply = bytearray(size)
    try:
        fcntl.ioctl(fd, number, reply)
    except OSError as e:
        return errno.errorcode[e.errno]
    return reply.hex()


def entries(fd):
    reply, found = ctypes.create_string_buffer(1 << 15), []
    while (n := LIBC.syscall(GETDENTS, fd, reply, len(reply))) > 0:
        at = 0
        while at < n:
            ino, _, length, kind = struct.unpack_from("<QqHB", reply, at)
            found.append([os.fsdecode(reply.raw[at + 19:at + length].split(b"\0")[0]), ino, kind])
            at += length
    return found


def seeks(fd, size):
    found = []
    for at in (0, 1, 511, 512, 4095, 4096, 10000, 1 << 20, size - 1, size, size + 1):
        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
            try:
                found.append(os.lseek(fd, max(at, 0), whence))
            except OSError as e:
                found.append(errno.errorcode[e.errno])
    return found


def describe(path):
    st = os.lstat(path)
    names = os.listxattr(path, follow_symlinks=False)
    facts = {"names": names, "options": {n: xattr(path, n) for n in names if n.startswith("bcachefs")},
             "absent": {n: xattr(path, n) for n in ABSENT if n not in names}, "atime": st.st_atime_ns, "birth": birth(path)}
    if not stat.S_ISREG(st.st_mode) and not stat.S_ISDIR(st.st_mode):
        return facts
    fd = os.open(path, os.O_RDONLY)
    facts["ioctls"] = {name: ioctl(fd, *number) for name, number in IOCTLS.items()}
    if stat.S_ISDIR(st.st_mode):
        facts["entries"] = entries(fd)
        facts["parent"] = os.stat(os.path.join(path, b"..")).st_ino
    else:
        facts["seeks"] = seeks(fd, st.st_size)
    os.close(fd)
    return facts


def inode_of(path):
    try:
        return os.stat(path).st_ino
    except OSError as e:
        return errno.errorcode[e.errno]


def main(root, paths):
    todo, found = [b""], {}
    while todo:
        name = todo.pop()
        facts = describe(os.path.join(root, name) if name else root)
        found[os.fsdecode(name) or "."] = facts
        todo += [os.path.join(name, os.fsencode(e[0])) for e in facts.get("entries", []) if e[0] not in (".", "..")]
    # What is above the root is not of the filesystem.
    del found["."]["parent"]
    found["."]["entries"] = [e for e in found["."]["entries"] if e[0] != ".."]
    found["looked up"] = {p: inode_of(os.path.join(root, os.fsencode(p))) for p in paths}
    json.dump(found, sys.stdout, ensure_ascii=True, sort_keys=True)


if __name__ == "__main__":
    main(os.fsencode(sys.argv[1]), sys.argv[2:])
