#!/usr/bin/env python3
"""Put seeds for a fuzz target into a folder.

    seeds.py NAME DIR

The seeds are tests/fuzz/corpus/NAME/* and, for the targets in KINDS, pieces cut out of the images in
tests/images, in the form that the target takes: superblocks, btree nodes, journal entries, keys.
"""
import glob
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
IMAGES = os.path.join(os.path.dirname(HERE), "images")

SETS = ("basic", "snap", "reflink", "multi3", "unclean2", "n28")  # the objects of all of them
SUPER_OFFSET, SUPER_HEAD = 4096, 752
JSET_MAGIC, BSET_MAGIC = 0x245235C1A3625032, 0x90135C78B99E07F5
MAX_SEED = 8 << 10   # bytes of one seed
PER_IMAGE = 60       # seeds cut out of one image


def images():
    """The blocks of each image that are not zero, joined: what is in one piece stays so."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "image")
        for name in SETS:
            packed = os.path.join(IMAGES, name, "dev0.img.zst")
            subprocess.run(["zstd", "-dqf", "--sparse", "--long=27", packed, "-o", path], check=True)
            with open(path, "rb", buffering=0) as f:
                yield b"".join(block for block in iter(lambda: f.read(1 << 16), b"") if block.strip(b"\0"))


def at_magic(image, magic):
    """Offsets of the structures that carry this magic, xored with the filesystem's id, at byte 16."""
    want = struct.pack("<Q", struct.unpack_from("<Q", image, SUPER_OFFSET + 40)[0] ^ magic)
    at = image.find(want)
    while at >= 0:
        if at % 512 == 16:
            yield at - 16
        at = image.find(want, at + 8)


def superblock(image):
    """Behind 8 bytes that choose what is done with it."""
    words = struct.unpack_from("<I", image, SUPER_OFFSET + 124)[0]
    yield bytes(8) + image[SUPER_OFFSET:SUPER_OFFSET + SUPER_HEAD + 8 * words]


def nodes(image):
    for at in at_magic(image, BSET_MAGIC):
        yield image[at:at + MAX_SEED].rstrip(b"\0")


def journal(image):
    for at in at_magic(image, JSET_MAGIC):
        words = struct.unpack_from("<I", image, at + 40)[0]
        if 56 + 8 * words <= MAX_SEED:
            yield image[at:at + 56 + 8 * words]


def keys(image):
    """Out of journal entries: type, btree, level, 0, position, size, version (low half), value."""
    for entry in journal(image):
        at = 56
        while at + 8 <= len(entry):
            words, btree, level, kind = struct.unpack_from("<HBBB", entry, at)
            key, end = at + 8, at + 8 + 8 * words
            while kind in (0, 1, 10, 11) and key + 40 <= min(end, len(entry)) and entry[key] >= 5:
                size = 8 * entry[key]
                yield (bytes([entry[key + 2], btree, level, 0]) + entry[key + 20:key + 40] +
                       entry[key + 16:key + 20] + entry[key + 8:key + 16] + entry[key + 40:key + size])
                key += size
            at = end


def formats(image):
    """Of nodes: format, one byte of choice, packed keys (node head: spec 02 section 6)."""
    for at in at_magic(image, BSET_MAGIC):
        yield image[at + 80:at + 136] + b"\0" + image[at + 160:at + 160 + 2048]


KINDS = {"fuzz_sb": superblock, "fuzz_jset": journal, "fuzz_bkey_val": keys, "fuzz_bkey_format": formats,
         "fuzz_btree_node": nodes}


def main():
    name, out = sys.argv[1:3]
    for seed in glob.glob(os.path.join(HERE, "corpus", name, "*")):
        shutil.copy(seed, out)
    if name not in KINDS:
        return
    for image in images():
        pieces = sorted({hashlib.sha1(p).hexdigest(): p for p in KINDS[name](image)}.items())
        for digest, piece in pieces[:: max(1, len(pieces) // PER_IMAGE)]:
            with open(os.path.join(out, digest), "wb") as f:
                f.write(piece)


if __name__ == "__main__":
    main()
