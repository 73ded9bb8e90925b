"""Changing keys in btree nodes, with checksums that fit: states that no kernel at hand writes."""
import struct

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
