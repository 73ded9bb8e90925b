"""Changing keys in btree nodes, with checksums that fit: states that no kernel at hand writes."""
import struct

import superblock
from wreck import crc32c

NODE_HEAD, ENTRY_HEAD, BSET = 136, 16, 24  # bytes before the bset in a node, in an entry; of a bset


def ptr_word(ptr):
    """The entry of a pointer as `list --json` tells it."""
    return 1 | ptr["offset_sectors"] << 4 | ptr["dev"] << 48 | ptr["gen"] << 56


def change_node(path, offset, old, new, node_bytes):
    """Replace bytes in the keys of the node at @offset of an image; how often. Checksums are crc32c."""
    changed = 0

    def change(data, _, keys, end):
        nonlocal changed
        at = data.find(old, keys, end)
        while at >= 0:
            data[at:at + len(new)] = new
            changed += 1
            at = data.find(old, at + len(new), end)

    change_bsets(path, offset, node_bytes, change)
    return changed


def change_bsets(path, offset, node_bytes, change, to=None, block_bytes=4096):
    """
    Let change(data, head, keys, end) work on each bset of the node at @offset of an image: its head, and its keys up to
    @end. Checksums are crc32c. The outcome goes to offset @to, or back.
    """
    with open(path, "r+b") as f:
        f.seek(offset)
        data = bytearray(f.read(node_bytes))
        start, seq = 0, None
        while start + NODE_HEAD < len(data):
            head = start + (ENTRY_HEAD if start else NODE_HEAD)
            if seq not in (None, data[head:head + 8]):
                break
            seq = bytes(data[head:head + 8])
            end = head + BSET + 8 * struct.unpack_from("<H", data, head + 22)[0]
            change(data, head, head + BSET, end)
            data[start:start + 16] = struct.pack("<QQ", crc32c(data[start + 16:end]), 0)
            start = -(-end // block_bytes) * block_bytes
        f.seek(offset if to is None else to)
        f.write(data)


def garble_keys(rng):
    """A change for change_bsets(): bits flip in keys, or words of one key come to another."""
    def change(data, _, keys, end):
        for _ in range(rng.choice([0, 1, 3, 30]) if end > keys else 0):
            at = rng.randrange(keys, end)
            if rng.randrange(2):
                data[at] ^= 1 << rng.randrange(8)
            else:
                at, other = at & ~7, rng.randrange(keys, end) & ~7
                data[at:at + 8] = data[other:other + 8]
    return change


def put_out_of_use(change):
    """A change for change_bsets(): that of @change, and another cookie and older bsets, so that it is an older node."""
    def both(data, head, keys, end):
        change(data, head, keys, end)
        cookie, journal_seq = struct.unpack_from("<QQ", data, head)
        struct.pack_into("<QQ", data, head, cookie ^ 1, max(journal_seq - 1, 1))
    return both


CLEAN, JOURNAL_V2, BTREE_ROOT, MIB = 6, 9, 1, 1 << 20
BTREE_PTR_V2 = 18
POS_MIN, SPOS_MAX = (0, 0, 0), (2**64 - 1, 2**64 - 1, 2**32 - 1)


def bpos(pos):
    return struct.pack("<IQQ", pos[2], pos[1], pos[0])


def key(kind, pos, val=b"", size=0, version=0):
    """An unpacked key; @val bytes or words."""
    if not isinstance(val, bytes):
        val = struct.pack(f"<{len(val)}Q", *val)
    val += bytes(-len(val) % 8)
    return struct.pack("<BBBBQII", 5 + len(val) // 8, 1, kind, 0, version, 0, size) + bpos(pos) + val


def key_pos(k):
    return struct.unpack_from("<IQQ", k, 20)[::-1]


class Roots:
    """Gives a filesystem that was formatted and not used yet other roots, with keys that were made up.

    The nodes lie in free buckets of the first member; the journal is emptied, so that only the section
    `clean` tells the roots. Nodes and superblocks have checksums of type crc32c.
    """

    def __init__(self, paths, like):
        """@like: (member, offset in bytes) of a node whose head is a model for the others."""
        self.paths = paths
        self.images = [bytearray(open(p, "rb").read()) for p in paths]
        self.sb = self.images[0][4096:4096 + MIB]
        self.bucket = superblock.bucket_bytes(self.sb)
        self.head = bytes(self.images[like[0]][like[1]:like[1] + NODE_HEAD + BSET])
        self.free = len(self.images[0]) // self.bucket - 40
        at, size = next((a, s) for kind, a, s in superblock.sections(self.sb) if kind == CLEAN)
        self.records, end = [], at + size
        at += 24
        while at < end:
            size = 8 + 8 * struct.unpack_from("<H", self.sb, at)[0]
            if self.sb[at + 4]:
                self.records.append(bytes(self.sb[at:at + size]))
            at += size

    def put(self, btree, keys):
        """Make a leaf with these keys the root of a btree."""
        data = b"".join(sorted(keys, key=key_pos))
        head = bytearray(self.head)
        flags = struct.unpack_from("<Q", head, 24)[0] & ~0xff & ~(0xffff << 9)
        struct.pack_into("<Q", head, 24, flags | btree & 15 | btree >> 4 << 9)
        head[32:72] = bpos(POS_MIN) + bpos(SPOS_MAX)
        head[NODE_HEAD:NODE_HEAD + 16] = struct.pack("<QQ", self.free << 8 | btree, 1)
        struct.pack_into("<H", head, NODE_HEAD + 22, len(data) // 8)
        node = bytes(head) + data
        node = struct.pack("<QQ", crc32c(node[16:]), 0) + node[16:]
        at, written = self.free * self.bucket, -(-len(node) // 4096) * 8
        assert written * 512 <= self.bucket
        self.images[0][at:at + len(node)] = node
        self.free += 1
        ptr = key(BTREE_PTR_V2, SPOS_MAX, bytes(8) + bytes(head[NODE_HEAD:NODE_HEAD + 8]) +
                  struct.pack("<HH", written, 0) + bpos(POS_MIN) + struct.pack("<Q", 1 | at // 512 << 4))
        self.records = [r for r in self.records if r[4] != BTREE_ROOT or r[2] != btree]
        self.records.append(struct.pack("<HBBBxxx", len(ptr) // 8, btree, 0, BTREE_ROOT) + ptr)

    def write(self):
        body = b"".join(sorted(self.records, key=lambda r: (r[4] == BTREE_ROOT, r[2])))
        for member, (path, image) in enumerate(zip(self.paths, self.images)):
            for sector in superblock.offsets(image[4096:8192]):
                start = sector * 512
                sb = image[start:start + superblock.words(image[start:start + 4096])]
                at, size = next((a, s) for kind, a, s in superblock.sections(sb) if kind == CLEAN)
                assert 24 + len(body) <= size
                sb[at + 24:at + size] = body + bytes(size - 24 - len(body))
                sb[:16] = struct.pack("<QQ", crc32c(sb[16:]), 0)
                image[start:start + len(sb)] = sb
            self._empty_journal(image, member)
            with open(path, "wb") as f:
                f.write(image)

    def _empty_journal(self, image, member):
        bucket = superblock.bucket_bytes(self.sb, member)
        for kind, at, size in superblock.sections(image[4096:4096 + MIB]):
            for pair in range(at + 8, at + size, 16) if kind == JOURNAL_V2 else ():
                start, nr = struct.unpack_from("<QQ", image, 4096 + pair)
                image[start * bucket:(start + nr) * bucket] = bytes(nr * bucket)
