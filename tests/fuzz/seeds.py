#!/usr/bin/env python3
"""Put seeds for a fuzz target into a folder.

    seeds.py NAME DIR

The seeds are tests/fuzz/corpus/NAME/* and, when NAME contains a word of KINDS, pieces cut out of the
images in tests/images: whole superblocks, the first bsets of btree nodes, journal entries.
"""
import glob
import hashlib
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
IMAGES = os.path.join(os.path.dirname(HERE), "images")

SUPER_OFFSET, SUPER_HEAD = 4096, 752
JSET_MAGIC, BSET_MAGIC = 0x245235C1A3625032, 0x90135C78B99E07F5
MAX_SEED = 64 << 10  # bytes of one seed
PER_IMAGE = 40       # seeds cut out of one image


def images():
    """The smaller images, unpacked, one after the other."""
    for packed in sorted(glob.glob(os.path.join(IMAGES, "*", "dev0.img.zst"))):
        if os.path.getsize(packed) < 1 << 20:
            yield subprocess.run(["zstd", "-dcq", "--long=27", packed], stdout=subprocess.PIPE, check=True).stdout


def superblock(image):
    words = struct.unpack_from("<I", image, SUPER_OFFSET + 124)[0]
    yield image[SUPER_OFFSET:SUPER_OFFSET + SUPER_HEAD + 8 * words]


def at_magic(image, magic, offset_of_magic, step):
    """Offsets of the structures that carry this magic, xored with the filesystem's id."""
    fs = struct.unpack_from("<Q", image, SUPER_OFFSET + 40)[0]
    want = struct.pack("<Q", fs ^ magic)
    at = image.find(want)
    while at >= 0:
        if (at - offset_of_magic) % step == 0:
            yield at - offset_of_magic
        at = image.find(want, at + 8)


def nodes(image):
    for at in at_magic(image, BSET_MAGIC, 16, 512):
        yield image[at:at + MAX_SEED].rstrip(b"\0")


def journal(image):
    for at in at_magic(image, JSET_MAGIC, 16, 512):
        words = struct.unpack_from("<I", image, at + 40)[0]
        yield image[at:at + min(56 + 8 * words, MAX_SEED)]


KINDS = {"super": superblock, "sb": superblock, "node": nodes, "bset": nodes, "journal": journal, "jset": journal}


def main():
    name, out = sys.argv[1:3]
    for seed in glob.glob(os.path.join(HERE, "corpus", name, "*")):
        shutil.copy(seed, out)
    cut = next((f for word, f in KINDS.items() if word in name), None)
    if not cut:
        return
    for image in images():
        pieces = sorted({hashlib.sha1(p).hexdigest(): p for p in cut(image)}.items())
        for digest, piece in pieces[:: max(1, len(pieces) // PER_IMAGE)]:
            with open(os.path.join(out, digest), "wb") as f:
                f.write(piece)


if __name__ == "__main__":
    main()
