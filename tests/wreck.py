"""Destroying chosen parts of image sets, and what is then left of a listing.

Everything destroyed is overwritten with bytes of a seeded generator, all replicas of it.
"""
import os
import random
import re
import struct

import superblock
from imagesets import data_blocks, data_hash
from mounts import secret

FILE_BTREES = "extents inodes dirents xattrs subvolumes snapshots reflink".split()
JOURNAL_V2 = 9
JSET_MAGIC_XOR = 0x245235c1a3625032
NODE = re.compile(r"^(\S+) l=(\d+) seq=(\d+) journal_seq=(\d+) cookie=([0-9a-f]+) (\S+)-(\S+?)"
                  r"((?: bad checksum| blacklisted| torn| referenced)*)((?: ptr: \d+:\d+)*)$")
NUMBERS = {"U64_MAX": 2**64 - 1, "U32_MAX": 2**32 - 1}
NAMED = {"POS_MIN": (0, 0, 0), "SPOS_MAX": (2**64 - 1, 2**64 - 1, 2**32 - 1),
         "POS_MAX": (2**64 - 1, 2**64 - 1, 0)}
KEY = re.compile(r"^u64s \d+ type \S+ (\S+) len ")
DAMAGE = re.compile(r"^btree (\S+): (\w+): (\S+) - (\S+)$", re.M)


def position(text):
    if text in NAMED:
        return NAMED[text]
    return tuple(NUMBERS.get(n) if n in NUMBERS else int(n) for n in text.split(":"))


FOUND = {}  # nodes by set and btree


CRC32C_BYTES = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    CRC32C_BYTES.append(_byte)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C_BYTES[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def journal_ranges(head):
    """(offset, size) in bytes of the journal of the member with superblock @head."""
    size = superblock.bucket_bytes(head, head[122])
    for kind, at, length in superblock.sections(head):
        for pair in range(at + 8, at + length, 16) if kind == JOURNAL_V2 else ():
            start, nr = struct.unpack_from("<QQ", head, pair)
            yield start * size, nr * size


def blocks(path):
    """Offsets of the blocks that are not holes, behind the first superblock."""
    out = data_blocks(path)
    return [b for b in out if b >= 1 << 20] or out


def damage(rng, path, kinds=("flip", "zero", "swap", "random", "truncate")):
    """One kind of damage to some blocks of an image: where."""
    kind = rng.choice(kinds)
    where = blocks(path)
    if kind == "truncate":
        end = rng.choice(where) + rng.choice((0, 512, 1000))
        os.truncate(path, end)
        return [b for b in where if b + 4096 > end]
    damaged = rng.sample(where, min(len(where), rng.choice((1, 3, 10, 100))))
    with open(path, "r+b") as f:
        for offset in list(damaged):
            f.seek(offset)
            block = bytearray(f.read(4096))
            if kind == "flip":
                block[rng.randrange(4096)] ^= 1 << rng.randrange(8)
            elif kind == "zero":
                block = bytes(4096)
            elif kind == "random":
                block = rng.randbytes(4096)
            else:
                other = rng.choice(where)
                damaged.append(other)
                f.seek(other)
                there = f.read(4096)
                f.seek(other)
                f.write(block)
                block = there
            f.seek(offset)
            f.write(block)
    return damaged


def journal_entries(path):
    """(offset, bytes) of the entries in the journal of the member at @path; checksums are not looked at."""
    with open(path, "rb") as f:
        f.seek(superblock.FIRST_SECTOR * 512)
        head = f.read(1 << 16)
        magic = struct.pack("<Q", struct.unpack_from("<Q", head, 40)[0] ^ JSET_MAGIC_XOR)
        for start, size in journal_ranges(head):
            f.seek(start)
            ring = f.read(size)
            at = ring.find(magic)
            while at >= 0:
                if at % 512 == 16:
                    size = 56 + 8 * struct.unpack_from("<I", ring, at + 24)[0]
                    yield start + at - 16, bytearray(ring[at - 16:at - 16 + size])
                at = ring.find(magic, at + 1)


def forge_journal(rng, path):
    """Change keys in journal entries that have crc32c, and make their checksums good."""
    for offset, data in list(journal_entries(path)):
        if data[36] & 15 != 1 or len(data) < 72:  # crc32c
            continue
        for _ in range(rng.choice([0, 1, 3, 30])):
            at = rng.randrange(56, len(data))
            if rng.randrange(2):
                data[at] ^= 1 << rng.randrange(8)
            else:
                at, other = at & ~7, rng.randrange(56, len(data)) & ~7
                data[at:at + 8] = data[other:other + 8]
        data[:16] = struct.pack("<QQ", crc32c(data[16:]), 0)
        with open(path, "r+b") as f:
            f.seek(offset)
            f.write(data)


class Node:
    def __init__(self, match):
        self.btree, self.level = match[1], int(match[2])
        self.min, self.max = match[6], match[7]
        self.referenced = " referenced" in match[8]
        self.ptrs = [tuple(map(int, p.split(":"))) for p in re.findall(r"\d+:\d+", match[9])]


class Wreck:
    """Writable images of a set, a seeded generator, and where things are on them."""

    def __init__(self, bcachefs, image_set, paths, tmp, seed=1):
        self.bcachefs, self.set, self.paths, self.tmp = bcachefs, image_set, list(paths), tmp
        self.random = random.Random(seed)
        self.heads = []
        for path in self.paths:
            with open(path, "rb") as f:
                f.seek(superblock.FIRST_SECTOR * 512)
                self.heads.append(f.read(1 << 20))
        self.slots = {head[122]: path for head, path in zip(self.heads, self.paths)}
        self.node_bytes = 512 * self.node_sectors()

    def node_sectors(self):
        flags0 = struct.unpack_from("<Q", self.heads[0], 144)[0]
        return flags0 >> 12 & 0xffff

    def run(self, *args, target=None, **kwargs):
        return self.bcachefs.run(*args, *secret(self.set, self.tmp), *self.paths, *([target] if target else []), **kwargs)

    def hashes(self):
        return [data_hash(p) for p in self.paths]

    def nodes(self, btree):
        """All that lie on the undamaged images."""
        at = self.set.name, btree
        if at not in FOUND:
            r = self.run("list", "-m", "found-nodes", "-b", btree)
            found = [NODE.match(line) for line in r.out.splitlines()]
            assert all(found), f"lines of an unknown form: {r!r}"
            FOUND[at] = [Node(m) for m in found]
        return FOUND[at]

    def overwrite(self, path, offset, size):
        with open(path, "r+b") as f:
            f.seek(offset)
            f.write(self.random.randbytes(size))

    def destroy_nodes(self, nodes):
        for node in nodes:
            for dev, sector in node.ptrs:
                self.overwrite(self.slots[dev], sector * 512, self.node_bytes)

    def destroy_superblocks(self, path, sectors):
        for sector in sectors:
            self.overwrite(path, sector * 512, 4096)

    def copies(self, i):
        return superblock.offsets(self.heads[i])

    def change_superblocks(self, change):
        """Let change(bytearray) at each copy, and make its checksum good, which is crc32c."""
        for i, path in enumerate(self.paths):
            for sector in self.copies(i):
                with open(path, "r+b") as f:
                    f.seek(sector * 512)
                    data = bytearray(f.read(1 << 20))
                    size = superblock.words(data)
                    change(data)
                    data[:16] = struct.pack("<QQ", crc32c(data[16:size]), 0)
                    f.seek(sector * 512)
                    f.write(data[:size])

    # The cases. Each returns False when the set has nothing of the kind.

    def default_superblock(self):
        for path in self.paths:
            self.destroy_superblocks(path, [superblock.FIRST_SECTOR])

    def layout(self):
        for path in self.paths:
            self.overwrite(path, superblock.LAYOUT_SECTOR * 512, 512)

    def superblocks_but_one(self):
        """All copies of all members but the first member's."""
        for i, path in enumerate(self.paths[1:], 1):
            self.overwrite(path, superblock.LAYOUT_SECTOR * 512, 512)
            self.destroy_superblocks(path, self.copies(i))
        return len(self.paths) > 1

    def journal(self):
        for head, path in zip(self.heads, self.paths):
            for start, size in journal_ranges(head):
                self.overwrite(path, start, size)

    def root(self, btree):
        nodes = [n for n in self.nodes(btree) if n.referenced]
        top = max((n.level for n in nodes), default=None)
        self.destroy_nodes(n for n in nodes if n.level == top)
        return bool(nodes)

    def interior(self, btree):
        """One interior node below the root, or the root of two levels."""
        nodes = [n for n in self.nodes(btree) if n.referenced and n.level]
        if nodes:
            self.destroy_nodes([min(nodes, key=lambda n: n.level)])
        return bool(nodes)

    def one_in_twenty(self):
        nodes = [n for b in FILE_BTREES + ["alloc", "backpointers"] for n in self.nodes(b) if n.referenced]
        self.destroy_nodes(self.random.sample(nodes, max(1, len(nodes) // 20)))

    def flipped_bits(self):
        """One bit in the written part of one node in five, the same in all its replicas."""
        nodes = [n for b in FILE_BTREES for n in self.nodes(b) if n.referenced]
        for node in self.random.sample(nodes, max(1, len(nodes) // 5)):
            at, bit = self.random.randrange(160, 8192), 1 << self.random.randrange(8)
            for dev, sector in node.ptrs:
                with open(self.slots[dev], "r+b") as f:
                    f.seek(sector * 512 + at)
                    byte = f.read(1)[0] ^ bit
                    f.seek(sector * 512 + at)
                    f.write(bytes([byte]))

    def whole_btree(self, *btrees):
        """Every node of the btrees, those included that are long out of use."""
        nodes = [n for b in btrees for n in self.nodes(b)]
        self.destroy_nodes(nodes)
        return bool(nodes)


def keys(text):
    """
    The keys of a listing; some take several lines. An inode's journal_seq is left out: what the journal has of an
    inode may have been written to its leaf by a later transaction, which then counts.
    """
    text = re.sub(r"^  journal_seq=\d+\n", "", text, flags=re.M)
    return re.split(r"\n(?=u64s )", text.rstrip("\n")) if text else []


class Listing:
    """Keys of a btree as list prints them, and the ranges that it says are damaged: {kind: [(start, end)]}."""

    def __init__(self, r):
        self.lines = keys(r.out)
        self.damage = {}
        for _, kind, start, end in DAMAGE.findall(r.err):
            self.damage.setdefault(kind, []).append((position(start), position(end)))

    def is_damaged(self, line, kinds=("older", "lost", "doubtful")):
        at = position(KEY.match(line)[1])
        return any(start <= at <= end for kind in kinds for start, end in self.damage.get(kind, ()))

    def whole(self, lines):
        """Those of @lines that lie in no damaged range."""
        return [line for line in lines if not self.is_damaged(line)]
