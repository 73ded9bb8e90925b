"""Keys of all types, made up, in a filesystem: which of them the real tool drops and what it says of
them, and how it prints the others; ours does the same. Keys that ours treats otherwise on purpose are
not made: two pointers to one missing member, values too short for a field, need_inc_gen of alloc_v3."""
import random
import re
import struct

import pytest

import forge
from normalise import normalise
from test_format_real import fresh_images
from tool import RealTool

BTREES = ("extents inodes dirents xattrs alloc quotas stripes reflink subvolumes snapshots lru freespace need_discard "
          "backpointers bucket_gens snapshot_trees deleted_inodes logged_ops rebalance_work subvolume_children "
          "accounting").split()
TYPES = ("deleted whiteout error cookie hash_whiteout btree_ptr extent reservation inode inode_generation dirent xattr "
         "alloc quota stripe reflink_p reflink_v inline_data btree_ptr_v2 indirect_inline_data alloc_v2 subvolume "
         "snapshot inode_v2 alloc_v3 set lru alloc_v4 backpointer inode_v3 bucket_gens snapshot_tree "
         "logged_op_truncate logged_op_finsert accounting").split()
KEY = re.compile(r"(?:invalid bkey )?u64s \d+ type \S+ (\S+) len ")
VERDICT = re.compile(r"  (.*?)(?:: delete\?, fixing|: deleting|, fixing)$")
U32, U64 = 2**32 - 1, 2**64 - 1
NR = 120


def key(kind, *args, **kwargs):
    return forge.key(TYPES.index(kind), *args, **kwargs)


class Generator:
    """Keys of one btree, most of them nearly right; the same for the same seed."""

    def __init__(self, btree):
        self.rng = random.Random(btree)
        self.bits = self.rng.getrandbits
        self.one = getattr(self, btree)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def seldom(self):
        return self.rng.random() < .08

    def word(self):
        return self.pick(0, 1, 2, U64, 1 << 63, self.bits(8), self.bits(32), self.bits(48), self.bits(64))

    def half(self):
        return self.word() & U32

    def words(self, *numbers):
        return [self.word() for _ in range(self.pick(*numbers))]

    def name(self):
        return self.pick(b"a", b".", b"..", b"a/b", b"x" * self.bits(6), b"\xff\xfe", b"caf\xc3\xa9", b"nul\0x", b"",
                         b"line\nfeed", b"\t\r\x01tab", b"n" * 255, b"n" * 513, b"\xe2\x82", b"\xf0\x9f\x98\x80",
                         b"\xed\xa0\x80", b"name")

    def quotas(self, i):
        return key("quota", (self.pick(0, 1, 2, 3, U64), i, 0), self.words(3, 4, 4, 5))

    def bucket_gens(self, i):
        return key("bucket_gens", (i, 5, 0), self.rng.randbytes(self.pick(256, 256, 248, 264)))

    def snapshot_trees(self, i):
        return key("snapshot_tree", (self.seldom(), self.pick(i, U32 - i, U32 + i), 0), self.words(0, 1, 1, 2))

    def subvolume_children(self, i):
        return key(self.pick("set", "set", "hash_whiteout", "cookie", "error"), (self.word(), i + 1, 0),
                   self.words(0, 0, 1))

    def rebalance_work(self, i):
        return key(self.pick("set", "cookie"), (self.word(), i + 1, self.half()), self.words(0, 1, 1, 2))

    def deleted_inodes(self, i):
        return key(self.pick("set", "whiteout"), (self.word(), i + 1, self.half()), self.words(0, 0, 1))

    def lru(self, i):
        return key(self.pick("set", "lru"), (self.pick(i, i << 48, self.bits(64)), i + 1, 0), self.words(0, 1, 1, 2))

    def logged_ops(self, i):
        kind, sizes = self.pick(("logged_op_truncate", (2, 3, 4)), ("logged_op_finsert", (2, 5, 6)))
        return key(kind, (self.bits(1), i, 0), self.words(*sizes))

    def dirents(self, i):
        kind = self.pick(8, 4, 16, 0, 1, 2, 6, 10, 12, 14, 3, 5, 15, 17, 31, 0x88, 255)
        name = self.name() + bytes(self.pick(0, 0, 1, 16)) or b"z"
        return key("dirent", (self.pick(4096, 4097, self.bits(64)), i + 2, self.pick(U32, 7)),
                   struct.pack("<QB", self.pick(4096, 4097, self.word()), kind) + (name if any(name) else b"z"))

    def acl(self):
        out = struct.pack("<I", self.pick(1, 1, 1, 2))
        for tag in self.rng.choices((1, 2, 4, 8, 16, 32), k=self.bits(3)):
            out += struct.pack("<HH", tag, self.pick(0, 7, self.bits(16)))
            out += struct.pack("<I", self.half()) if tag in (2, 8) else b""
        return out

    def xattrs(self, i):
        kind = self.pick(0, 3, 4, 1, 2, 5, 255) if self.seldom() else self.pick(0, 3, 4, 1, 2)
        acl = kind in (1, 2)
        name = b"" if acl else self.name()[:255]
        value = self.acl() if acl else self.pick(b"", b"val", b"nul\0in", b"\n\nx", b"\xff\xff", self.name())
        name_len, val_len = len(name), len(value)
        if self.seldom() and not acl:
            name_len, val_len = (name_len + 8) & 255, val_len + self.pick(1, 4, 9)
        return key("xattr", (self.pick(4096, 5000), i, self.pick(U32, 5)),
                   struct.pack("<BBH", kind, name_len, val_len) + name + value + bytes(self.pick(0, 0, 0, 4, 8)))

    def ptr(self, dev):
        bucket = self.pick(5 + self.bits(7), 5 + self.bits(7), 0, 1, 511, 512, 1 << 20) if self.seldom() else 5 + self.bits(7)
        flags = self.pick(2, 8) if self.seldom() else 0
        return 1 | flags | bucket * 256 + self.pick(0, 0, 8, self.bits(7)) << 4 | dev << 48 | \
            self.pick(0, 0, 1, 127, 128, 129, 255) << 56

    def crc(self, size):
        full = self.pick(size, size, size + self.bits(3), max(size - 1, 1))
        disk, off = self.pick(full, full, max(full // 2, 1)), self.pick(0, 0, max(full - size, 0), 1)
        csum, compressed = self.pick(0, 1, 2, 5, 6, 7, self.bits(4)), self.pick(0, 1, 2, 3, 4, 5, self.bits(4))
        kind = self.pick(32, 64, 128)
        if kind == 32:
            return [2 | (disk - 1 & 127) << 2 | (full - 1 & 127) << 9 | off << 16 | csum << 24 | compressed << 28 |
                    self.bits(32) << 32]
        if kind == 64:
            return [4 | disk - 1 << 3 | full - 1 << 12 | off << 21 | self.bits(10) << 30 | csum << 40 | compressed << 44 |
                    self.bits(16) << 48, self.word()]
        return [8 | disk - 1 << 4 | full - 1 << 17 | off << 30 | self.bits(13) << 43 | csum << 56 | compressed << 60,
                self.word(), self.word()]

    def entries(self, size):
        out, stripe = [], 16 | self.bits(8) << 5 | self.bits(4) << 13 | self.bits(47) << 17
        for dev in self.rng.sample((0, 1, 9, 255), self.pick(1, 1, 2, 3)):
            for _ in range(self.pick(0, 1, 2) if self.seldom() else self.bits(1)):
                out += self.crc(size)
            out += [stripe] * (self.pick(1, 2) if self.seldom() else 0) + [self.ptr(self.pick(0, 1) if self.seldom() else dev)]
        if self.seldom():
            out += [32 | self.pick(0, 1, 3, 0x13, 0xf3, 4, 0x10) << 40 | self.pick(0, 3, 200, 257, 258, 300) << 48]
        if self.seldom():
            out += self.pick([0], [64], [1 << 63], [stripe], self.crc(size))
        return out

    def extents(self, i):
        size, pos = self.pick(8, 16, 1, 64, 128), (4096, (i + 1) * 200, self.pick(U32, 5))
        kind = self.pick(*["extent"] * 8, "reservation", "reflink_p", "error", "cookie", "whiteout")
        if kind == "extent":
            return key(kind, pos, self.entries(size), size, self.pick(0, self.bits(64)))
        if kind == "reservation":
            return key(kind, pos, [self.pick(0, 1 << 32, 4 << 32, 5 << 32, 3 << 32 | 77)], size)
        if kind == "reflink_p":
            return key(kind, pos, self.words(1, 2, 2, 3), size)
        return key(kind, pos, self.words(0, 0, 1), 0 if kind == "whiteout" else size)

    def reflink(self, i):
        size = self.pick(8, 16, 1, 64, 128)
        return key("reflink_v", (0, (i + 1) * 200, 0), [self.word()] + self.entries(size), size)

    def backpointers(self, i):
        offset = self.pick(0, self.bits(18), 255 << 10, 256 << 10)
        at = (self.bits(9) * 256 << 10) + offset if self.bits(3) else self.bits(40)
        return key("backpointer", (self.pick(0, 1, 7), at, 0),
                   struct.pack("<BBB5sI", self.pick(0, 1, 7, 20, 21, 62, 255), self.pick(0, 1, 4, 255), self.pick(3, 4, 12),
                               offset.to_bytes(5, "little"), self.half()) +
                   forge.bpos((self.pick(0, U64, 9), self.pick(0, U64, 9), self.pick(0, U32, 9))))

    def subvolumes(self, i):
        pos = (self.seldom(), self.pick(i + 1, i + 1, 0x7fffffff - i, 0x80000000 + i), 0)
        return key("subvolume", pos, struct.pack("<IIQIIQQ", self.half(), self.pick(0, 1, U32), self.pick(0, 4096, U64),
                                                 self.half(), self.half(), self.word(), 0)[:self.pick(8, 16, 24, 40)])

    def alloc(self, i):
        kind, gen = self.pick(0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 255), self.bits(8)
        sectors = {2: (self.pick(1, 255, 256, 257, 2**31), 0, 0, 0), 5: (0, 8, 0, 0), 6: (0, 0, 9, 8)}
        dirty, cached, stripe, stripe_sectors = sectors.get({3: 2, 4: 2, 7: 6}.get(kind, kind), (0, 0, 0, 0))
        if self.seldom():
            dirty, cached, stripe, stripe_sectors = (self.pick(0, 0, 7) for _ in range(4))
        oldest = gen - 96 & 255 if kind == 8 else gen - self.pick(0, 0, 95) & 255
        flags = (kind == 9) | self.pick(0, 2) | self.pick(8, 8, 8, 0, 6, 9, 12) << 2 | (self.bits(2) << 8 if self.seldom() else 0)
        return key("alloc_v4", (self.bits(1), 300 + i, 0),
                   struct.pack("<QIBBBBIIQQIIQII", self.word(), flags, gen, oldest, kind, self.bits(8), dirty, cached,
                               self.pick(0, 1, 2**48 - 1, 2**48), self.pick(0, 1, 2**48 - 1), stripe, 0, self.word(),
                               stripe_sectors, 0) + bytes(self.pick(0, 0, 32, 64)))


CASES = [n for n in dir(Generator) if n in BTREES]


def by_position(text):
    """What is printed of each key: position -> text."""
    out, lines = {}, None
    for line in normalise(text):
        found = KEY.match(line)
        if found:
            lines = out.setdefault(("dropped " if line.startswith("invalid") else "") + found[1], [])
        if lines is not None:
            lines.append(line)
    return {pos: "\n".join(lines).rstrip("\n") for pos, lines in out.items()}


def verdicts(text):
    """Position of each key that was dropped -> what was said of it."""
    out, pos = {}, None
    for line in text.split("\n"):
        found = re.search(r"invalid bkey u64s \d+ type \S+ (\S+) len ", line)
        pos = found[1] if found else pos
        said = VERDICT.match(line)
        if pos and said and not found:
            out[pos], pos = said[1].strip(), None
    return out


@pytest.fixture(scope="module")
def formatted(real_tool, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("forged"))
    _, paths = real_tool.format(lambda: fresh_images(folder, [64, 64], "f"), "-q", "--block_size=4k", "--label=ssd.fast",
                                "{0}", "--label=hdd.slow", "--durability=2", "{1}")
    return paths


@pytest.fixture
def forged(bcachefs, formatted, tmp):
    """forged(btree, keys): images of a filesystem with these keys."""
    def make(btree, keys):
        out = bcachefs.run("list", "-b", "inodes", "-m", "nodes", *formatted, status=0).out
        dev, bucket, offset = map(int, re.search(r" ptr: (\d+):(\d+):(\d+) gen", out).groups())
        with open(formatted[dev], "rb") as f:
            f.seek(4096)
            size = forge.superblock.bucket_bytes(f.read(1 << 16), dev)
        roots = forge.Roots(formatted, (dev, bucket * size + offset * 512))
        roots.put(BTREES.index(btree), keys)
        roots.paths = [f"{tmp}/d{i}" for i in range(len(formatted))]
        roots.write()
        return roots.paths
    return make


@pytest.mark.parametrize("btree", CASES)
def test_keys_that_no_kernel_wrote(bcachefs, real_tool, forged, btree):
    generator = Generator(btree)
    keys = {forge.key_pos(k): k for k in map(generator.one, range(1, NR))}
    paths = forged(btree, keys.values())
    # Whole lines at once: what the real tool prints and what its engine says go the same way.
    real = RealTool(["stdbuf", "-oL", *real_tool.argv]).run("list", "-b", btree, *paths)
    ours = bcachefs.run("list", "-b", btree, *paths)
    assert real.status == 0, repr(real)
    real_said, our_said = verdicts(real.out + real.err), verdicts(ours.err)
    real_keys = {p: t for p, t in by_position(real.out).items() if not p.startswith("dropped ")}
    assert our_said == real_said
    assert by_position(ours.out) == real_keys
    assert len(keys) == len(our_said) + len(real_keys)
