"""What a directory tree looks like, object by object: a JSON line each, equal for equal trees.

    manifest.py ROOT > tree.jsonl

Fields: path, type, mode, uid, gid, nlink, size, blocks (of 512 bytes), ino, mtime and ctime (seconds.nanoseconds),
rdev (devices), target (symlinks), xattrs (hex; without the virtual bcachefs.* and bcachefs_effective.*), and of
regular files sha256 and data: the ranges [start, end) that SEEK_DATA and SEEK_HOLE tell; error: a read failed.
Names are bytes, as UTF-8 with surrogateescape.
"""
import hashlib
import json
import os
import stat
import sys

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}
VIRTUAL = ("bcachefs.", "bcachefs_effective.")


def seconds(ns):
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def data_ranges(fd, size):
    ranges, at = [], 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, start, os.SEEK_HOLE)
        ranges.append([start, at])
    return ranges


def content(path, size):
    digest, facts = hashlib.sha256(), {}
    fd = os.open(path, os.O_RDONLY)
    try:
        try:
            while block := os.read(fd, 1 << 20):
                digest.update(block)
            facts["sha256"] = digest.hexdigest()
        except OSError as e:
            facts["error"] = e.strerror
        facts["data"] = data_ranges(fd, size)
    finally:
        os.close(fd)
    return facts


def link_target(path):
    try:
        return {"target": os.fsdecode(os.readlink(path))}
    except OSError as e:
        return {"error": e.strerror}


def describe(path, name):
    st = os.lstat(path)
    facts = {"path": os.fsdecode(name) or ".", "type": TYPES[stat.S_IFMT(st.st_mode)], "uid": st.st_uid,
             "mode": f"{stat.S_IMODE(st.st_mode):o}", "gid": st.st_gid, "nlink": st.st_nlink, "size": st.st_size,
             "ino": st.st_ino, "mtime": seconds(st.st_mtime_ns), "ctime": seconds(st.st_ctime_ns),
             "blocks": st.st_blocks}
    if facts["type"] in ("char", "block"):
        facts["rdev"] = f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}"
    if facts["type"] == "symlink":
        facts |= link_target(path)
    names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith(VIRTUAL)]
    if names:
        facts["xattrs"] = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in sorted(names)}
    if facts["type"] == "file":
        facts |= content(path, st.st_size)
    return facts


def walk(root):
    todo, found = [b""], []
    while todo:
        name = todo.pop()
        path = os.path.join(root, name) if name else root
        found.append(describe(path, name))
        if found[-1]["type"] == "dir":
            todo += [os.path.join(name, n) for n in os.listdir(path)]
    return sorted(found, key=lambda facts: os.fsencode(facts["path"]))


def parse(text):
    """Path -> facts."""
    lines = (json.loads(line) for line in text.splitlines())
    return {facts["path"]: facts for facts in lines}


if __name__ == "__main__":
    for facts in walk(os.fsencode(sys.argv[1])):
        print(json.dumps(facts, ensure_ascii=True, sort_keys=True))
