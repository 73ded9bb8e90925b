"""Images for the benches of reading: the same files written by a real kernel, and on ext4 and NTFS.

Made once (some minutes where the processor is emulated) and kept in $BENCH_DIR, by default a
folder of the user's cache.
"""
import os
import random
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "kernel")]

import vm  # noqa: E402

MIB = 1 << 20
PASSPHRASE = "correct horse"
TREE_FILES = 100_000
# Kind: MiB of its one file, arguments of format.
KINDS = {
    "plain": (384, ""),
    "zstd": (192, "--compression=zstd"),
    "lz4": (192, "--compression=lz4"),
    "encrypted": (192, "--encrypted"),
}
FILL = r"""
set -e
printf '%s\n%s\n' '{passphrase}' '{passphrase}' | bcachefs format -q --data_checksum={csum} {args} /dev/d0 > /dev/null
for key in session user; do echo '{passphrase}' | bcachefs unlock -k $key /dev/d0 2> /dev/null || true; done
mount -i -t bcachefs /dev/d0 /mnt
{fill}
umount /mnt
"""


def folder():
    path = os.environ.get("BENCH_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bcachefs-bench")
    os.makedirs(path, exist_ok=True)
    return path


def write_text(path, size, seed):
    """Lines like those of a log: compress about threefold."""
    rng = random.Random(seed)
    words = [f"{rng.randrange(1 << 32):08x}" for _ in range(5000)]
    with open(path, "wb") as f:
        while f.tell() < size:
            lines = (f"{rng.random():.6f} {rng.choice(words)} {rng.choice(words)} took {rng.randrange(10**6)} us\n"
                     for _ in range(20000))
            f.write("".join(lines).encode()[:size - f.tell()])


def once(path, make):
    """Make @path under another name, so that a half-made one is never used."""
    if not os.path.exists(path):
        make(path + ".new")
        os.rename(path + ".new", path)
    return path


def empty(path, size):
    with open(path, "wb") as f:
        f.truncate(size)


def source(kind):
    """The file `data` of this kind, in a folder of its own."""
    where = os.path.join(folder(), "source", kind)
    os.makedirs(where, exist_ok=True)
    once(os.path.join(where, "data"), lambda p: write_text(p, KINDS[kind][0] * MIB, kind))
    return where


def kernel_fill(image, size, args, fill, disks=()):
    empty(image, size)
    script = FILL.format(passphrase=PASSPHRASE, csum="crc32c", args=args, fill=fill)
    r = vm.run(script, [image, *disks], timeout=3600, memory=2048)
    if r.status:
        raise RuntimeError(f"filling the image: {r!r}")


def bcachefs(kind):
    """An image with the file of @kind, written by the kernel."""
    size, args = KINDS[kind]

    def make(path):
        disk = path + ".source"
        shutil.copy(os.path.join(source(kind), "data"), disk)
        try:
            kernel_fill(path, (2 * size + 256) * MIB, args, "dd if=/dev/d1 of=/mnt/data bs=1M status=none", [disk])
        finally:
            os.unlink(disk)
    return once(os.path.join(folder(), f"{kind}.bcachefs"), make)


def tree_dirs(files):
    return [(f"d{d:03}", range(d * 250, min((d + 1) * 250, files))) for d in range(-(-files // 250))]


def tree_source():
    """A tar of 100,000 small files in 400 directories."""
    def make(path):
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, files in tree_dirs(TREE_FILES):
                tar.addfile(directory(name))
                for i in files:
                    tar.addfile(tarfile.TarInfo(f"{name}/file-{i:06}"))

    def directory(name):
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        return info
    return once(os.path.join(folder(), "tree.tar"), make)


def bcachefs_tree():
    return once(os.path.join(folder(), "tree.bcachefs"),
                lambda path: kernel_fill(path, 512 * MIB, "", "tar -C /mnt -xf /dev/d1", [tree_source()]))


def ext4(name, where, mib):
    def make(path):
        empty(path, mib * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-N", "120000", "-d", where, path], check=True)
    return once(os.path.join(folder(), f"{name}.ext4"), make)


def ntfs(name, mib, fill):
    """@fill(mountpoint) writes the files through ntfs-3g."""
    def make(path):
        empty(path, mib * MIB)
        subprocess.run(["mkntfs", "-q", "-F", "-Q", path], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        point = path + ".mnt"
        os.makedirs(point, exist_ok=True)
        subprocess.run(["ntfs-3g", path, point], check=True)
        try:
            fill(point)
        finally:
            subprocess.run(["umount", point], check=True)
            os.rmdir(point)
    return once(os.path.join(folder(), f"{name}.ntfs"), make)
