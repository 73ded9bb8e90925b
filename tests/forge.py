"""Changing keys in btree nodes, with checksums that fit: states that no kernel at hand writes."""
import struct

from wreck import crc32c

NODE_HEAD, ENTRY_HEAD, BSET = 136, 16, 24  # bytes before the bset in a node, in an entry; of a bset


def ptr_word(ptr):
    """The entry of a pointer as `list --json` tells it."""
    return 1 | ptr["offset_sectors"] << 4 | ptr["dev"] << 48 | ptr["gen"] << 56


def change_node(path, offset, old, new, node_bytes, block_bytes=4096):
    """Replace bytes in the keys of the node at @offset of an image; how often. Checksums are crc32c."""
    with open(path, "r+b") as f:
        f.seek(offset)
        data = bytearray(f.read(node_bytes))
        start, changed, seq = 0, 0, None
        while start + NODE_HEAD < len(data):
            head = start + (ENTRY_HEAD if start else NODE_HEAD)
            if seq not in (None, data[head:head + 8]):
                break
            seq = bytes(data[head:head + 8])
            end = head + BSET + 8 * struct.unpack_from("<H", data, head + 22)[0]
            at = data.find(old, head + BSET, end)
            while at >= 0:
                data[at:at + len(new)] = new
                data[start:start + 16] = struct.pack("<QQ", crc32c(data[start + 16:end]), 0)
                changed += 1
                at = data.find(old, at + len(new), end)
            start = -(-end // block_bytes) * block_bytes
        f.seek(offset)
        f.write(data)
    return changed
