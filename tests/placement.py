"""Where the copies of everything lie, by the listed keys, and what follows when some of them are bad.

A place is (dev, sector, sectors): the slot of the member, and sectors of its device.
"""
import functools
import json
import re

# What is of interest of nodes: those of all btrees would take a run of the tool for each.
NODE_BTREES = ("extents", "dirents", "alloc", "backpointers")
NODE = re.compile(r"^u64s \d+ type btree_ptr_v2 .*?(?=^u64s|\Z)", re.M | re.S)
NODE_PTR = re.compile(r"ptr: *(?:[^\s:]+ )?(\d+):(\d+):(\d+) gen")


def overlap(a, b):
    return a[0] == b[0] and a[1] < b[1] + b[2] and b[1] < a[1] + a[2]


class Placement:
    def __init__(self, bcachefs, words):
        """words: devices and options as `list` takes them; all members have to be there."""
        self.bcachefs, self.words = bcachefs, words
        self.extents = self._list("extents")
        self.reflink = self._list("reflink")
        self.stripes = {k["pos"]["offset"]: k["val"] for k in self._list("stripes") if k["type"] == "stripe"}
        self.dev_of, self.bucket_sectors = {}, {}
        for path in (w for w in words if not w.startswith("-")):
            text = bcachefs.run("show-super", path).out
            dev = int(re.search(r"^Device index: +(\d+)", text, re.M)[1])
            self.dev_of[path] = dev
        for dev, kib in re.findall(r"^Device: +(\d+).*?Bucket size: +([\d.]+) KiB", text, re.M | re.S):
            self.bucket_sectors[int(dev)] = int(float(kib) * 2)
        size = re.search(r"block_size: +([\d.]+) (KiB|B)", text)
        self.block_sectors = max(1, int(float(size[1]) * (1024 if size[2] == "KiB" else 1)) // 512)

    def _list(self, btree):
        out = self.bcachefs.run("list", "--json", "-b", btree, *self.words, status=0).out
        return [json.loads(line) for line in out.splitlines()]

    def data_keys(self):
        """Keys that have copies of data."""
        return [k for k in self.extents + self.reflink if k["type"] in ("extent", "reflink_v")]

    def copies(self, key):
        """(place, verifiable, pointer) of each copy of the data of a key."""
        for p in key["val"]["ptrs"]:
            if p["unwritten"] or (p["cached"] and p["stale"]):
                continue
            crc = key["val"]["crc"][p["crc"]] if p.get("crc") is not None and key["val"].get("crc") else None
            if crc is None or (crc["type"] == "none" and crc["compression"] in ("none", "incompressible")):
                skip = crc["offset_sectors"] if crc else 0
                yield (p["dev"], p["offset_sectors"] + skip, key["size_sectors"]), False, p
            else:
                yield (p["dev"], p["offset_sectors"], crc["compressed_sectors"]), crc["type"] != "none", p

    def granules(self):
        """(stripe, block, is parity, place) of everything in stripes that has a checksum of its own."""
        for idx, s in self.stripes.items():
            step = s["csum_granularity_sectors"]
            for block, p in enumerate(s["ptrs"]):
                for at in range(0, s["sectors"] if not p["stale"] else 0, step):
                    place = (p["dev"], p["offset_sectors"] + at, min(step, s["sectors"] - at))
                    yield idx, block, block >= s["nr_blocks"] - s["nr_redundant"], place

    @functools.cached_property
    def nodes(self):
        """(btree, places of its copies) of each node of NODE_BTREES, without what is not yet written."""
        found = []
        for btree in NODE_BTREES:
            for node in NODE.findall(self.bcachefs.run("list", "-b", btree, "-m", "nodes", *self.words, status=0).out):
                written = int(re.search(r" written (\d+)", node)[1])
                found.append((btree, [(dev, bucket * self.bucket_sectors[dev] + at, written) for dev, bucket, at
                                      in (map(int, p) for p in NODE_PTR.findall(node))]))
        return found

    # ---- What follows from bad copies ----

    def _stripe_helps(self, place, pointer, bad):
        """Can the copy be made of the other blocks? Each granule that it touches by itself."""
        if "stripe" not in pointer:
            return False
        s = self.stripes[pointer["stripe"]["idx"]]
        step, first = s["csum_granularity_sectors"], s["ptrs"][pointer["stripe"]["block"]]["offset_sectors"]
        for at in range((place[1] - first) // step * step, place[1] - first + place[2], step):
            sectors = min(step, s["sectors"] - at)
            lost = [p["stale"] or bad((p["dev"], p["offset_sectors"] + at, sectors)) for p in s["ptrs"]]
            if sum(lost) > s["nr_redundant"]:
                return False
        return True

    def lost(self, key, bad):
        """Is there no way to the data of a key, where bad(place) tells of bad copies?"""
        copies = list(self.copies(key))
        return bool(copies) and all(bad(place) for place, _, _ in copies) and \
            not any(self._stripe_helps(place, p, bad) for place, _, p in copies)

    def owners(self, key):
        """Numbers of the inodes that the data of a key belongs to."""
        if key["btree"] == "extents":
            return {key["pos"]["inode"]}
        end = key["pos"]["offset"]
        start = end - key["size_sectors"]
        return {k["pos"]["inode"] for k in self.extents if k["type"] == "reflink_p" and
                k["val"]["idx"] < end and start < k["val"]["idx"] + k["size_sectors"]}

    def unreadable(self, bad):
        """Numbers of the inodes with data that is lost."""
        return set().union(*(self.owners(k) for k in self.data_keys() if self.lost(k, bad)))
