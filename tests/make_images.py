#!/usr/bin/env python3
"""Make the image sets of tests/images that are listed here, anew: with the real tool and a real kernel.

    make_images.py [-o FOLDER] [SET...]      default: tests/images, all sets of the list; about a minute a set

A set is formatted by the real tool of tests/kernel, filled under Linux 6.12 in the virtual machine (by this very
file: fill SET ROOT), and recorded: images as small as they get, the tree as the kernel showed it, and the texts of
the real `list` that the set names. UUIDs, times and what the kernel does in the background differ from run to run,
so that a set made anew equals the old one in its content only. Files stay small: nearly all bytes of an image that do
not compress are those that `noise` makes.
"""
import argparse
import ctypes
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
LARGEST = 256 << 10  # bytes of a file in the repository
LISTS = ("dirents", "extents", "inodes", "xattrs")


def old(version, **more):
    """A filesystem of an older version: the kernel keeps it for the first mount only."""
    return {"devices_mib": [64], "format": [f"--version={version}", "--no_initialize", "{0}"],
            "mount": "version_upgrade=none", "fill": "old", "lists": LISTS, **more}


SETS = {
    # Data without checksums, plain and compressed.
    "nocsum": {"devices_mib": [48, 48], "format": ["--no_initialize", "--replicas=2", "--data_checksum=none", "{0}", "{1}"],
               "mount": "", "fill": "nocsum"},
    "v19": old(19),        # 0.19, the oldest that 1.13 reads
    "v23": old(23),        # 0.23, before snapshots of subvolumes got their last form
    "v1024": old(1024),    # 1.0
    # 0.20 with a power cut in the middle of work.
    "v20un": old(20, unclean=True),
}


# ---- In the machine: what is in the sets ----

def noise(n):
    """Bytes that do not compress."""
    return random.Random(n).randbytes(n)


def text(n):
    """Bytes that compress, no two lines equal."""
    return b"".join(b"line %d of what is easily made smaller\n" % i for i in range(n // 30 + 1))[:n]


def put(path, data, at=0):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.pwrite(fd, data, at)
    os.fsync(fd)
    os.close(fd)


def clone(source, target):
    import fcntl
    with open(source, "rb") as s, open(target, "wb") as t:
        fcntl.ioctl(t, 0x40049409, s.fileno())  # FICLONE


def make_dir(path, **options):
    os.mkdir(path)
    for name, value in options.items():
        os.setxattr(path, "bcachefs." + name, value.encode())


def fill_nocsum(root):
    make_dir(root + "/plain")
    put(root + "/plain/big", noise(70_001))
    put(root + "/plain/small", text(5000))
    clone(root + "/plain/big", root + "/clone")
    make_dir(root + "/lz4", compression="lz4")
    put(root + "/lz4/text", text(150_000))
    put(root + "/lz4/noise", noise(20_000))


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


def fill_old(root):
    os.makedirs(root + "/a/b")
    for i in range(50):
        put(f"{root}/a/file{i}", b"content %d" % i)
    os.unlink(root + "/a/file7")
    os.setxattr(root + "/a/file1", "user.x", b"yy")
    os.setxattr(root + "/a/file2", "system.posix_acl_access",
                acl((1, 6, 0xFFFFFFFF), (2, 4, 7), (4, 4, 0xFFFFFFFF), (0x10, 4, 0xFFFFFFFF), (0x20, 4, 0xFFFFFFFF)))
    put(root + "/a/big", noise(40_000) + text(260_000))
    os.link(root + "/a/big", root + "/a/hard")
    os.symlink("../big", root + "/a/b/sym")
    os.mkfifo(root + "/fifo")
    clone(root + "/a/big", root + "/clone")
    put(root + "/sparse", noise(4096), at=499_712)
    os.truncate(root + "/sparse", 1 << 20)
    fd = os.open(root + "/pre", os.O_RDWR | os.O_CREAT, 0o644)
    ctypes.CDLL(None).posix_fallocate(fd, ctypes.c_long(0), ctypes.c_long(300_000))
    os.close(fd)
    put(root + "/z", b"")
    os.setxattr(root + "/z", "bcachefs.compression", b"zstd")
    put(root + "/z", text(50_000))


def more_work(root):
    """What the journal alone knows when the power is cut: all of it was fsynced."""
    os.unlink(root + "/a/file3")
    os.rename(root + "/a/file4", root + "/renamed")
    os.setxattr(root + "/a/file1", "user.x", b"newer")
    put(root + "/a/big", text(9000), at=100_000)
    os.truncate(root + "/sparse", 600_000)
    for i in range(8):
        put(f"{root}/late{i}", text(900 * i))
    folder = os.open(root + "/a", os.O_RDONLY)
    os.fsync(folder)


GUEST = r"""
set -e
set=$1 devices=$2 options=$3 step=$4
mkdir -p /mnt
mount -i -t bcachefs -o "${options:-rw}" "$devices" /mnt
case $step in
fill)	python3 /in/make_images.py --fill "$set" /mnt
	sync
	echo 3 >/proc/sys/vm/drop_caches ;;
cut)	python3 /in/make_images.py --fill "$set" /mnt
	sync
	python3 /in/make_images.py --fill more /mnt
	power-cut ;;
esac
python3 /in/manifest.py /mnt >/out/manifest.jsonl
umount /mnt
"""


# ---- Outside ----

def run(*cmd, **kwargs):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE, **kwargs).stdout


def in_machine(name, spec, images, options, step):
    import vm
    files = {n: open(os.path.join(HERE, n), "rb").read() for n in ("make_images.py", "manifest.py")}
    devices = ":".join(f"/dev/d{i}" for i in range(len(images)))
    r = vm.run(f"set -- {spec['fill']} {devices} '{options}' {step}\n" + GUEST, images, files)
    if r.status:
        sys.exit(f"make_images: {name}: {r}")
    return r.out


def make(name, spec, target):
    import setup
    unclean = spec.get("unclean", False)
    tool = setup.real_tool()
    folder = tempfile.mkdtemp(prefix="bcachefs-images-")
    images = [os.path.join(folder, f"dev{i}.img") for i in range(len(spec["devices_mib"]))]
    for image, mib in zip(images, spec["devices_mib"]):
        with open(image, "wb") as f:
            f.truncate(mib << 20)
    run(*tool, "format", "-q", *(word.format(*images) for word in spec["format"]))
    if unclean:
        in_machine(name, spec, images, spec["mount"], "cut")
    copies = images
    if unclean:  # what the kernel shows after its replay
        copies = [shutil.copy(i, i + ".copy") for i in images]
    out = in_machine(name, spec, copies, spec["mount"] if not unclean else "ro", "show" if unclean else "fill")

    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.join(target, "list"))
    record(target, "manifest.jsonl", out["manifest.jsonl"])
    for btree in spec.get("lists", ()) if not unclean else ():
        copies = [shutil.copy(i, i + ".copy") for i in images]
        listed = run(*tool, "list", "-b", btree, *copies, stderr=subprocess.DEVNULL)
        record(target, f"list/{btree}.txt", listed)
    if not os.listdir(os.path.join(target, "list")):
        os.rmdir(os.path.join(target, "list"))
    facts = {"name": name, "devices_mib": spec["devices_mib"], "format": spec["format"], "mount": spec["mount"],
             "kernel": "6.12", "passphrase": None, "unclean": unclean, "sha256": []}
    for image in images:
        with open(image, "rb") as f:
            facts["sha256"].append(hashlib.file_digest(f, "sha256").hexdigest())
        pack(image, os.path.join(target, os.path.basename(image) + ".zst"))
    with open(os.path.join(target, "set.json"), "w") as f:
        json.dump(facts, f, indent=1)
        f.write("\n")
    shutil.rmtree(folder)
    print(f"{name}:", *(f"{os.path.relpath(p, target)} {os.path.getsize(p)}" for p in sorted(all_files(target))))


def pack(source, target):
    run("zstd", "-q", "-19", "--long=27", "-T1", "-f", source, "-o", target)


def record(target, name, data):
    path = os.path.join(target, name)
    with open(path, "wb") as f:
        f.write(data)
    if len(data) > 2000:
        pack(path, path + ".zst")
        os.unlink(path)


def all_files(folder):
    return [os.path.join(base, f) for base, _, files in os.walk(folder) for f in files]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", default=os.path.join(HERE, "images"))
    parser.add_argument("--fill", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("sets", nargs="*", metavar="SET")
    args = parser.parse_args()
    if args.fill:
        what, root = args.fill
        {"nocsum": fill_nocsum, "old": fill_old, "more": more_work}[what](root)
        return 0
    sys.path.insert(0, os.path.join(HERE, "kernel"))
    bad = [name for name in args.sets if name not in SETS]
    if bad:
        parser.error(f"not in the list: {' '.join(bad)}")
    for name in args.sets or SETS:
        make(name, SETS[name], os.path.join(args.out, name))
    large = [p for p in all_files(args.out) if os.path.getsize(p) > LARGEST and os.path.basename(os.path.dirname(p)) in SETS]
    for path in large:
        print(f"make_images: {path} is over {LARGEST} bytes", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
