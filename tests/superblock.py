"""The few facts about superblocks that tests need to cut and mask bytes (spec 01 sections 2, 3, 11)."""
import struct

FIRST_SECTOR = 8
LAYOUT_SECTOR = 7
HEAD = 752
UUID, USER_UUID, TIME_BASE = slice(40, 56), slice(56, 72), slice(128, 136)
MEMBERS_V1, CRYPT, MEMBERS_V2 = 1, 2, 11


def words(data):
    """Bytes that the superblock says it has."""
    return HEAD + 8 * struct.unpack_from("<I", data, 124)[0]


def offsets(data):
    """Sectors of all copies, from the layout inside a superblock."""
    return struct.unpack_from(f"<{data[240 + 18]}Q", data, 240 + 24)


def sections(data):
    """(type, offset, size) of each section."""
    at = HEAD
    while at < words(data):
        size, kind = struct.unpack_from("<II", data, at)
        yield kind, at, 8 * size
        at += 8 * size


def bucket_bytes(data, member=0):
    at = next(at for kind, at, _ in sections(data) if kind == MEMBERS_V2)
    at += 16 + member * struct.unpack_from("<H", data, at + 8)[0]
    return struct.unpack_from("<H", data, at + 26)[0] * 512


def masked(data):
    """A superblock without what differs from one format to the next: uuids, the time, random keys."""
    out = bytearray(data[:words(data)])
    for field in (UUID, USER_UUID, TIME_BASE):
        out[field] = bytes(field.stop - field.start)
    for kind, at, size in sections(data):
        if kind == MEMBERS_V1:
            members = range(at + 8, at + size, 56)
        elif kind == MEMBERS_V2:
            members = range(at + 16, at + size, struct.unpack_from("<H", data, at + 8)[0])
        else:
            members = ()
        for member in members:
            out[member:member + 16] = bytes(16)
        if kind == CRYPT:
            encrypted = data[at + 24:at + 32] != b"bch**key"
            start = at + (24 if encrypted else 32)
            out[start:at + 64] = bytes(at + 64 - start)
    return bytes(out)


def differing_bytes(found, expected):
    """For a message: where two superblocks differ."""
    if len(found) != len(expected):
        return f"{len(found)} bytes, expected {len(expected)}"
    at = [i for i, (a, b) in enumerate(zip(found, expected)) if a != b]
    return ", ".join(f"byte {i}: {found[i]:02x}, expected {expected[i]:02x}" for i in at[:20])
