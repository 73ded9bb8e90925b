"""scrub --dry-run: every copy is read and checked, bad ones are told with device, remedy and files; nothing is written."""
import json
import os
import re
import signal
import subprocess

import pytest

from imagesets import all_sets, data_hash

SETS = {s.name: s for s in all_sets()}
# Small sets of all kinds: checksums, compression, encryption, block sizes, unclean, newer versions, erasure coding.
CLEAN = [s for s in SETS.values() if s.name in (
    "basic blk4k comp csum degraded deep enc multi3 n28 n39un old reflink resized snap tomb unclean1 unclean2 fresh-ec ec4 "
    "ec6 n39ec").split()]
PTR = re.compile(r"crc\w*: c_size (\d+) size \d+ offset (\d+) nonce \d+ csum (\w+) \S+ +compress (\w+)|"
                 r"ptr: *(\d+):(\d+):(\d+) gen \d+((?: cached| stale| unwritten)*)")
REPAIRABLE, LOST, FAILED, USAGE = 2, 4, 8, 16


def devices_of(bcachefs, image_set, devices, tmp):
    """The words that name the devices, with the passphrase if there is one."""
    if not image_set.passphrase:
        return list(devices)
    secret = os.path.join(tmp, "secret")
    with open(secret, "w") as f:
        f.write(image_set.passphrase)
    return [f"--passphrase_file={secret}", *devices]


def pointers(line):
    """(dev, bucket, offset in bucket, sectors, checksummed, flags) of each pointer of a listed extent."""
    size = int(re.search(r" len (\d+) ", line)[1])
    crc = (size, 0, "none", "none")
    for c_size, skip, csum, compress, dev, bucket, offset, flags in PTR.findall(line):
        if c_size:
            crc = (int(c_size), int(skip), csum, compress)
        elif crc[2] == "none" and crc[3] in ("none", "incompressible"):
            yield int(dev), int(bucket), int(offset) + crc[1], size, False, flags
        else:
            yield int(dev), int(bucket), int(offset), crc[0], crc[2] != "none", flags


def listed_bytes(bcachefs, words):
    """Bytes of each device by what the listed keys say: {dev: [dirty, cached]}."""
    places = set()
    for btree in "extents", "reflink":
        for line in bcachefs.run("list", "-b", btree, *words).out.splitlines():
            if " type extent " in line or " type reflink_v " in line:
                places |= {p[:4] + ("cached" in p[5],) for p in pointers(line)
                           if "unwritten" not in p[5] and not ("cached" in p[5] and "stale" in p[5])}
    out = {}
    for dev, _, _, sectors, cached in places:
        out.setdefault(dev, [0, 0])[cached] += sectors * 512
    return out


def scrub(bcachefs, words, status=None):
    r = bcachefs.run("scrub", "--dry-run", "--json", *words, status=status)
    return json.loads(r.out)


@pytest.mark.parametrize("image_set", CLEAN, ids=str)
def test_scrub_finds_nothing_in_good_sets_and_reads_all(bcachefs, images, tmp, image_set):
    words = devices_of(bcachefs, image_set, images(image_set), tmp)
    if len(image_set.packed) < image_set.json.get("devices", 0):
        words.insert(0, "--degraded")
    r = scrub(bcachefs, words, status=0)
    assert r["errors"] == [] and r["totals"]["uncorrected"] == 0 and r["exit_status"] == 0
    assert sum(d["btree_bytes"] for d in r["devices"]) > 0
    if (image_set.kernel or "").startswith("6.12"):
        listed = listed_bytes(bcachefs, words)
        for d in r["devices"]:
            dirty, cached = listed.get(d["dev_idx"], [0, 0])
            assert (d["data_bytes"], d["cached_bytes"]) == (dirty, cached), d


def test_scrub_counts_data_without_checksum(bcachefs, images, tmp):
    image_set = SETS["csum"]
    words = devices_of(bcachefs, image_set, images(image_set), tmp)
    unverified = {p[:4] for line in bcachefs.run("list", *words).out.splitlines() if " type extent " in line
                  for p in pointers(line) if not p[4] and "unwritten" not in p[5]}
    assert scrub(bcachefs, words, status=0)["devices"][0]["unverifiable_bytes"] == sum(p[3] for p in unverified) * 512 > 0


# ---- Damage ----

class Damage:
    """Copies of a set's images, some bytes of which are flipped."""

    def __init__(self, bcachefs, image_set, paths):
        self.bcachefs, self.paths, self.image_set = bcachefs, paths, image_set
        text = bcachefs.run("show-super", paths[0]).out
        sizes = re.findall(r"^Device: +(\d+).*?Bucket size: +(\d+) KiB", text, re.M | re.S)
        self.bucket_sectors = {int(dev): int(kib) * 2 for dev, kib in sizes}
        self.bad = []

    def flip(self, dev, bucket, offset, at=100):
        """Flip a byte `at` bytes behind the sector; dev is a slot, and the images are in the order of slots."""
        sector = bucket * self.bucket_sectors[dev] + offset
        with open(self.paths[dev], "r+b") as f:
            f.seek(sector * 512 + at)
            byte = f.read(1)[0]
            f.seek(sector * 512 + at)
            f.write(bytes([byte ^ 0x55]))
        self.bad.append((dev, sector))

    def list(self, *words):
        return self.bcachefs.run("list", *words, *self.paths, status=0).out.splitlines()

    def scrub(self, status, *words):
        """The errors found; the images do not change, and the text form says the same."""
        before = [data_hash(p) for p in self.paths]
        r = scrub(self.bcachefs, [*words, *self.paths], status)
        text = self.bcachefs.run("scrub", "-n", *words, *self.paths, status=status).out
        assert [data_hash(p) for p in self.paths] == before
        assert r["exit_status"] == status
        assert sum(d["uncorrected"] for d in r["devices"]) == len(r["errors"]) == r["totals"]["uncorrected"]
        for e in r["errors"]:
            assert e["device"] == self.paths[e["dev_idx"]]
            assert f"{e['device']} sector {e['sector']} (bucket {e['bucket']}): {e['data']}: {e['reason']}; " in text
            for f in e["files"]:
                assert f"  {f['path']} (inode {f['inode']} " in text
            assert e.get("path") == (e["files"][0]["path"] if e["files"] else None)
        return r["errors"]

    def places(self, errors):
        return sorted((e["dev_idx"], e["sector"]) for e in errors)

    def check_file(self, error, line):
        """The error names one file, by the inode of the listed key and a path of that inode."""
        inum, end, size = map(int, re.search(r" type extent (\d+):(\d+):\S+ len (\d+)", line).groups())
        (f,) = error["files"]
        assert (f["inode"], f["offset"], f["length"]) == (inum, (end - size) * 512, size * 512)
        manifest = [json.loads(entry) for entry in self.image_set.text("manifest.jsonl").splitlines()]
        paths = {"/" + e["path"] for e in manifest if e.get("ino") == inum}
        assert f["path"] in paths or not paths


@pytest.fixture
def damage(bcachefs, copies):
    def make(name):
        if name not in SETS:
            pytest.skip(f"no set {name}")
        return Damage(bcachefs, SETS[name], copies(SETS[name]))
    return make


def extents_with(d, want):
    """Listed extents where want(pointers) holds."""
    return [(line, ptrs) for line in d.list() if " type extent " in line
            for ptrs in [list(pointers(line))] if ptrs and want(line, ptrs)]


def test_scrub_bad_copy_with_a_good_one(damage):
    d = damage("multi3")
    line, ptrs = extents_with(d, lambda _, ptrs: sum("cached" not in p[5] for p in ptrs) == 2)[0]
    p = [p for p in ptrs if "cached" not in p[5]][1]
    d.flip(*p[:3])
    (error,) = errors = d.scrub(REPAIRABLE)
    assert d.places(errors) == d.bad
    assert (error["data"], error["kind"], error["remedy"]) == ("extent", "checksum", "other_copy")
    d.check_file(error, line)


def test_scrub_bad_cached_copy(damage):
    d = damage("multi3")
    line, ptrs = extents_with(d, lambda _, ptrs: any(p[5] == " cached" for p in ptrs))[0]
    d.flip(*[p for p in ptrs if "cached" in p[5]][0][:3])
    (error,) = errors = d.scrub(REPAIRABLE)
    assert d.places(errors) == d.bad
    assert (error["data"], error["remedy"]) == ("cached extent", "other_copy")
    d.check_file(error, line)


def test_scrub_both_copies_bad(damage):
    d = damage("multi3")
    line, ptrs = extents_with(d, lambda _, ptrs: len(ptrs) == 2 and "cached" not in ptrs[0][5] + ptrs[1][5])[0]
    for p in ptrs:
        d.flip(*p[:3])
    errors = d.scrub(LOST)
    assert d.places(errors) == sorted(d.bad)
    assert {e["remedy"] for e in errors} == {"lost"}
    d.check_file(errors[0], line)


def test_scrub_unreplicated(damage):
    d = damage("basic")
    line, ptrs = extents_with(d, lambda _, ptrs: True)[0]
    d.flip(*ptrs[0][:3])
    (error,) = errors = d.scrub(LOST)
    assert d.places(errors) == d.bad
    assert error["remedy"] == "lost"
    d.check_file(error, line)


def node_pointers(d, btree):
    (line, *_) = d.list("-b", btree, "-m", "nodes")
    return [p[:3] for p in pointers(line)]


def test_scrub_bad_node(damage):
    d = damage("multi3")
    d.flip(*node_pointers(d, "extents")[1])
    (error,) = errors = d.scrub(REPAIRABLE)
    assert d.places(errors) == d.bad
    assert (error["data"], error["btree"], error["level"], error["remedy"]) == ("btree node", "extents", 0, "other_copy")


@pytest.mark.parametrize("second,status", [(400, REPAIRABLE), (101, LOST)], ids=["apart", "same-bset"])
def test_scrub_both_copies_of_a_node(damage, second, status):
    """Bsets are independent: a node is whole as long as each is good in some copy."""
    d = damage("multi3")
    one, two = node_pointers(d, "extents")
    sets = [int(m) for line in d.list("-b", "extents", "-m", "nodes-ondisk") for m in re.findall(r"^ +offset (\d+) version", line)]
    if second == 400:
        assert len(sets) > 1, "the test needs a node of two bsets"
        d.flip(*one)
        d.flip(*two, at=sets[1] * 512 + 60)
    else:
        d.flip(*one)
        d.flip(*two, at=second)
    errors = d.scrub(status)
    assert d.places(errors) == sorted(d.bad)


def stripes(d):
    """(idx, [(dev, bucket, offset) of each block], parity blocks)."""
    for line in d.list("-b", "stripes"):
        m = re.search(r" type stripe 0:(\d+):0 .* blocks \d+:(\d+) ", line)
        yield int(m[1]), [tuple(map(int, p)) for p in re.findall(r"ptr: (\d+):(\d+):(\d+)", line)], int(m[2])


def test_scrub_bad_parity_block(damage):
    d = damage("ec4")
    idx, blocks, _ = next(stripes(d))
    d.flip(*blocks[-1])
    (error,) = errors = d.scrub(REPAIRABLE)
    assert d.places(errors) == d.bad
    assert (error["data"], error["kind"], error["remedy"]) == ("parity block", "ec", "stripe")
    assert (error["pos"]["offset"], error["block"], error["files"]) == (idx, len(blocks) - 1, [])


def test_scrub_bad_data_block(damage):
    """The extent is told, not also the block that it lies in."""
    d = damage("ec4")
    line, ptrs = extents_with(d, lambda line, ptrs: " ec: " in line and len(ptrs) == 1)[0]
    d.flip(*ptrs[0][:3])
    (error,) = errors = d.scrub(REPAIRABLE)
    assert d.places(errors) == d.bad
    assert (error["data"], error["remedy"]) == ("extent", "stripe")
    d.check_file(error, line)


def test_scrub_data_and_parity_of_a_stripe(damage):
    d = damage("ec4")
    line, ptrs = extents_with(d, lambda line, ptrs: " ec: " in line and len(ptrs) == 1 and ptrs[0][2] == 0)[0]
    idx = int(re.search(r" ec: idx (\d+) ", line)[1])
    blocks = next(blocks for i, blocks, _ in stripes(d) if i == idx)
    d.flip(*ptrs[0][:3])
    d.flip(*blocks[-1])
    errors = d.scrub(LOST)
    assert d.places(errors) == sorted(d.bad)
    assert {e["remedy"] for e in errors} == {"lost"}


def test_scrub_shared_extent_names_all_files(damage):
    d = damage("reflink")
    owners = {}
    for line in d.list():
        m = re.search(r" type reflink_p (\d+):(\d+):\S+ len (\d+) .*idx (\d+)", line)
        if m:
            inum, _, size, idx = map(int, m.groups())
            owners.setdefault((idx, size), set()).add(inum)
    (idx, size), inums = max(owners.items(), key=lambda o: len(o[1]))
    assert len(inums) > 1
    for line in d.list("-b", "reflink"):
        m = re.search(r" type reflink_v 0:(\d+):0 len (\d+)", line)
        if m and int(m[1]) - int(m[2]) <= idx < int(m[1]):
            d.flip(*next(pointers(line))[:3])
            break
    (error,) = errors = d.scrub(LOST)
    assert d.places(errors) == d.bad
    assert error["btree"] == "reflink" and inums <= {f["inode"] for f in error["files"]}


# ---- The command ----

def test_scrub_without_dry_run_is_refused(bcachefs, images):
    r = bcachefs.run("scrub", *images(SETS["basic"]), status=FAILED)
    assert "repair is not supported yet" in r.err and not r.out


def test_scrub_usage(bcachefs, tmp):
    bcachefs.run("scrub", "-n", status=USAGE)
    bcachefs.run("scrub", "-n", "--nonsense", "x", status=USAGE)
    assert "bcachefs scrub: " in bcachefs.run("scrub", "-n", os.path.join(tmp, "missing"), status=FAILED).err


def test_scrub_is_quiet_without_terminal(bcachefs, images):
    r = bcachefs.run("scrub", "-n", *images(SETS["basic"]), status=0)
    assert "%" not in r.err and "\r" not in r.err
    assert re.fullmatch(r"\S+: btree [\d.]+ KiB, data [\d.]+ MiB; 0 bad copies\n", r.out)


# ---- Superblocks and journal ----

def turn(path, sector, sectors=1):
    with open(path, "r+b") as f:
        f.seek(sector * 512)
        data = bytes(b ^ 0x33 for b in f.read(sectors * 512))
        f.seek(sector * 512)
        f.write(data)


def layout(bcachefs, path):
    text = bcachefs.run("show-super", "-l", path).out
    return [int(n) for n in re.search(r"^ +Offsets: +([\d, ]+)", text, re.M)[1].split(",")]


@pytest.mark.parametrize("nr", [0, 1, 2])
def test_scrub_bad_superblock_copy(bcachefs, copies, nr):
    paths = copies(SETS["multi3"])
    sector = layout(bcachefs, paths[1])[nr]
    turn(paths[1], sector, 3)
    r = scrub(bcachefs, paths, REPAIRABLE)
    assert [(e["dev_idx"], e["sector"], e["data"], e["remedy"]) for e in r["errors"]] == \
        [(1, sector, "superblock", "other_copy")]
    assert f"{paths[1]} sector {sector} (bucket " in bcachefs.run("scrub", "-n", *paths).out
    scrub(bcachefs, ["--device", paths[0], *paths], 0)


def test_scrub_old_superblock_copy(bcachefs, copies):
    """A copy that a write did not reach."""
    (path,) = paths = copies(SETS["basic"])
    first, second, _ = layout(bcachefs, path)
    with open(path, "r+b") as f:
        f.seek(second * 512)
        old = f.read(64 << 10)
        bcachefs.run("set-fs-option", "--errors=panic", path, status=0)
        f.seek(second * 512)
        f.write(old)
    r = scrub(bcachefs, paths, REPAIRABLE)
    assert [(e["sector"], e["data"], e["reason"]) for e in r["errors"]] == [(second, "superblock", "older than the others")]


def test_scrub_bad_layout(bcachefs, copies):
    paths = copies(SETS["basic"])
    turn(paths[0], 7)
    r = scrub(bcachefs, paths, REPAIRABLE)
    assert [(e["sector"], e["data"]) for e in r["errors"]] == [(7, "layout")]


def dirty_entries(bcachefs, paths):
    """seq -> [(dev, sector)] of what would be replayed."""
    found = {}
    for line in bcachefs.run("list_journal", "--json", *paths, status=0).out.splitlines():
        entry = json.loads(line)
        found[int(entry["seq"])] = [(p["dev"], p["sector"]) for p in entry["ptrs"]]
    return found


@pytest.mark.parametrize("both", [False, True], ids=["one", "both"])
def test_scrub_bad_journal_entry(bcachefs, copies, both):
    paths = copies(SETS["unclean2"])
    entries = dirty_entries(bcachefs, paths)
    seq = sorted(s for s in entries if len(entries[s]) == 2)[-3]
    places = sorted(entries[seq])[:2 if both else 1]
    for dev, sector in places:
        with open(paths[dev], "r+b") as f:
            f.seek(sector * 512 + 300)
            f.write(b"\xa5\x5a\xa5")
    r = scrub(bcachefs, paths, LOST if both else REPAIRABLE)
    found = [e for e in r["errors"] if e["data"] == "journal entry"]
    assert sorted((e["dev_idx"], e["sector"]) for e in found) == places
    assert {(e["seq"], e["remedy"]) for e in found} == {(seq, "lost" if both else "other_copy")}


@pytest.mark.parametrize("nth", [-3, -4, 3], ids=["third-last", "fourth-last", "fourth"])
@pytest.mark.parametrize("both", [False, True], ids=["one", "both"])
def test_scrub_journal_entry_without_header(bcachefs, copies, both, nth):
    """Nothing tells that there was an entry, but what is around it."""
    paths = copies(SETS["unclean2"])
    entries = dirty_entries(bcachefs, paths)
    seq = sorted(s for s in entries if len(entries[s]) == 2)[nth]
    places = sorted(entries[seq])[:2 if both else 1]
    for dev, sector in places:
        with open(paths[dev], "r+b") as f:
            f.seek(sector * 512)
            f.write(b"\xa5" * 64)
    r = scrub(bcachefs, paths, LOST if both else REPAIRABLE)
    found = [e for e in r["errors"] if e["data"] == "journal entry"]
    assert sorted((e["dev_idx"], e["sector"]) for e in found) == places, r
    assert {(e["seq"], e["remedy"]) for e in found} == {(seq, "lost" if both else "other_copy")}
    assert all("there is no entry" in e["reason"] for e in found)


# ---- One device, slowly ----

def test_scrub_of_one_device_reads_that_alone(damage):
    d = damage("multi3")
    for p in extents_with(d, lambda _, ptrs: sum("cached" not in p[5] for p in ptrs) == 2)[0][1]:
        if "cached" not in p[5]:
            d.flip(*p[:3])
    for dev, path in enumerate(d.paths):
        for word in (path, str(dev)):
            r = scrub(d.bcachefs, ["--device", word, *d.paths])
            assert d.places(r["errors"]) == [b for b in sorted(d.bad) if b[0] == dev]
            assert [x["state"] for x in r["devices"]] == ["done" if i == dev else "not checked" for i in range(3)]
            assert r["totals"]["on_missing_devices"] == 0
    r = d.bcachefs.run("scrub", "-n", "--device=/dev/none", *d.paths, status=FAILED)
    assert "none of the devices" in r.err


def test_scrub_keeps_its_rate(bcachefs, images):
    paths = images(SETS["basic"])
    r = scrub(bcachefs, paths, 0)
    read = r["totals"]["bytes_done"]
    slow = scrub(bcachefs, ["--rate", str(read // 3), *paths], 0)
    assert slow["seconds"] >= 2 and slow["totals"]["bytes_done"] == read
    bcachefs.run("scrub", "-n", "--rate=0", *paths, status=USAGE)


# ---- Checkpoints ----

def damaged_here_and_there(d, seed):
    """Every tenth extent has one bad copy."""
    for _, ptrs in extents_with(d, lambda line, ptrs: "cached" not in ptrs[0][5])[seed::10]:
        d.flip(*ptrs[0][:3])


def comparable(r):
    drop = ("state", "name")
    return [{k: v for k, v in d.items() if k not in drop} for d in r["devices"]], r["errors"], r["exit_status"]


@pytest.mark.threads
@pytest.mark.parametrize("name", ["multi3", "ec4", "basic"])
def test_scrub_goes_on_where_it_was_interrupted(damage, tmp, name):
    d = damage(name)
    damaged_here_and_there(d, 3)
    whole = scrub(d.bcachefs, d.paths)
    status = whole["exit_status"]
    assert status and whole["errors"]
    path = os.path.join(tmp, "checkpoint")
    rate = max(x["btree_bytes"] + x["data_bytes"] for x in whole["devices"]) // 4
    words = [f"--checkpoint={path}", "--rate", str(rate), *d.paths]
    p = subprocess.Popen([d.bcachefs.path, "scrub", "-n", "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        p.wait(2)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode & 1 and b"the same command continues" in err
    part = json.loads(out)
    with open(path) as f:
        saved = json.load(f)
    assert saved["version"] == 1 and {x["state"] for x in saved["devices"]} >= {"running"}
    assert saved["devices"] == part["devices"]
    told = [{k: v for k, v in e.items() if k != "files"} for e in part["errors"]]
    assert saved["errors"] == told and all(e["path"] for e in told if e["btree"] == "extents" and e["data"] == "extent")
    assert all(x["pos"]["bucket"] == x["pos"]["sector"] // x["bucket_sectors"] for x in saved["devices"])
    text = d.bcachefs.run("scrub", "--status", f"--checkpoint={path}", *d.paths, status=0).out
    assert re.search(r"running, \d+\.\d%, read .* bad copies$", text, re.M)
    rest = scrub(d.bcachefs, [f"--checkpoint={path}", *d.paths], status)
    assert rest["resumed"] and not part["resumed"]
    assert rest["pass_id"] == saved["pass_id"] and rest["started"] == saved["started"] <= rest["updated"]
    with open(path) as f:
        assert json.load(f)["errors"] == [{k: v for k, v in e.items() if k != "files"} for e in whole["errors"]]
    assert comparable(rest) == comparable(whole)
    assert rest["totals"]["bytes_done"] < whole["totals"]["bytes_done"]
    again = scrub(d.bcachefs, [f"--checkpoint={path}", *d.paths], status)
    assert not again["resumed"] and comparable(again) == comparable(whole)
    assert " done, " in d.bcachefs.run("scrub", "--status", f"--checkpoint={path}", *d.paths, status=0).out
    with open(path) as f:
        saved = json.load(f)
    assert saved["totals"]["uncorrected"] == sum(x["uncorrected"] for x in saved["devices"]) == len(whole["errors"])
    assert saved["errors"] == [{k: v for k, v in e.items() if k != "files"} for e in whole["errors"]]


# The tables of the specification: all of these fields are there.
PASS = "version uuid started updated pass_id mode devices errors totals".split()
DEVICE = ("dev_idx dev_uuid name state pos sectors_total sectors_done corrected uncorrected unverifiable "
          "checked_journal_seq").split()
ERROR = "dev_idx bucket sector sectors btree pos path kind fixed".split()


def check_fields(doc):
    assert not {*PASS} - {*doc}
    assert doc["version"] == 1 and doc["mode"] == "offline"
    for name in "started", "updated":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", doc[name])
    for x in doc["devices"]:
        assert not {*DEVICE} - {*x} and {*x["pos"]} == {"bucket", "sector"}
        assert x["state"] in ("running", "done", "offline", "error", "not checked")
        assert x["sectors_done"] == x["pos"]["sector"] <= x["sectors_total"]
    for e in doc["errors"]:
        assert not {*ERROR} - {*e} - {"path"} and ("path" in e) == ("extent" in e["data"])
    assert {"sectors_done", "corrected", "uncorrected"} <= {*doc["totals"]}
    for name in "sectors_done", "corrected", "uncorrected":
        assert doc["totals"][name] == sum(x[name] for x in doc["devices"])


def journal_seq(bcachefs, words):
    """Of a filesystem that was shut down cleanly."""
    text = bcachefs.run("show-super", "-f", "clean", words[-1], status=0).out
    return int(re.search(r"journal_seq: +(\d+)", text)[1])


def test_scrub_has_all_fields(damage, tmp):
    d = damage("multi3")
    damaged_here_and_there(d, 3)
    d.flip(*node_pointers(d, "extents")[1])
    path = os.path.join(tmp, "checkpoint")
    r = scrub(d.bcachefs, [f"--checkpoint={path}", *d.paths])
    with open(path) as f:
        saved = json.load(f)
    for doc in r, saved:
        check_fields(doc)
        assert {x["state"] for x in doc["devices"]} == {"done"}
        assert {x["checked_journal_seq"] for x in doc["devices"]} == {journal_seq(d.bcachefs, d.paths)}
    assert {"exit_status", "seconds", "resumed"} <= {*r}
    assert {e["kind"] for e in saved["errors"]} == {"checksum"}


def test_scrub_keeps_what_it_knows_of_a_missing_member(damage, tmp):
    """Of a member that is not there for a while, the errors and how far it was checked stay in the checkpoint."""
    d = damage("multi3")
    for dev in range(3):
        d.flip(*next(p[:3] for _, ptrs in extents_with(d, lambda *_: True) for p in ptrs if p[0] == dev and "cached" not in p[5]))
    path = os.path.join(tmp, "checkpoint")
    whole = scrub(d.bcachefs, [f"--checkpoint={path}", *d.paths])
    with open(path) as f:
        saved = json.load(f)
    for x in saved["devices"]:
        x["state"] = "running"
    with open(path, "w") as f:
        json.dump(saved, f)
    part = scrub(d.bcachefs, ["--degraded", f"--checkpoint={path}", *d.paths[:2]])
    check_fields(part)
    assert part["resumed"] and [x["state"] for x in part["devices"]] == ["done", "done", "offline"]
    assert part["devices"][2]["pos"] == saved["devices"][2]["pos"]
    assert part["devices"][2]["uncorrected"] == saved["devices"][2]["uncorrected"] > 0
    with open(path) as f:
        kept = json.load(f)
    assert [e for e in kept["errors"] if e["dev_idx"] == 2] == [e for e in saved["errors"] if e["dev_idx"] == 2]
    for x in kept["devices"]:
        x["state"] = "running"
    with open(path, "w") as f:
        json.dump(kept, f)
    text = d.bcachefs.run("scrub", "-n", f"--checkpoint={path}", "--device", d.paths[0], *d.paths).out
    assert "\n2 bad copies found before were not looked at again\n" in text
    rest = scrub(d.bcachefs, [f"--checkpoint={path}", *d.paths])
    assert rest["resumed"] and comparable(rest) == comparable(whole)


@pytest.mark.parametrize("before,after,resumed", [([], ["--decompress"], False), (["--decompress"], [], True),
                                                  (["-m"], [], False), ([], ["-d"], True)])
def test_scrub_goes_on_only_from_what_was_checked_as_well(bcachefs, images, tmp, before, after, resumed):
    path = os.path.join(tmp, "checkpoint")
    words = [f"--checkpoint={path}", *images(SETS["comp"])]
    scrub(bcachefs, [*before, *words], 0)
    with open(path) as f:
        text = f.read().replace('"done"', '"running"')
    with open(path, "w") as f:
        f.write(text)
    r = scrub(bcachefs, [*after, *words], 0)
    assert r["resumed"] == resumed and r["decompress"] == ("--decompress" in after)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version":2}', '{"devices":[{"dev_idx":"x","pos":{}]}', "{" * 5000,
                                     '{"version":1,"errors":[{"dev_idx":99999}],"devices":[{"dev_idx":300}]} garbage'])
def test_scrub_of_a_bad_checkpoint(bcachefs, images, tmp, content):
    path = os.path.join(tmp, "checkpoint")
    with open(path, "w") as f:
        f.write(content)
    paths = images(SETS["basic"])
    r = bcachefs.run("scrub", "-n", f"--checkpoint={path}", *paths)
    if content.endswith("garbage"):
        assert r.status == 0, r
    else:
        assert r.status == FAILED and "is not a checkpoint of a scrub" in r.err
        with open(path) as f:
            assert f.read() == content
        bcachefs.run("scrub", "-n", "--restart", f"--checkpoint={path}", *paths, status=0)
    with open(path) as f:
        assert json.load(f)["devices"][0]["state"] == "done"
    assert os.listdir(tmp) == ["checkpoint"]


def test_scrub_forgets_a_checkpoint(bcachefs, images, tmp):
    path = os.path.join(tmp, "checkpoint")
    words = [f"--checkpoint={path}", *images(SETS["basic"])]
    scrub(bcachefs, ["--nice", *words], 0)
    bcachefs.run("scrub", "--cancel", *words, status=0)
    assert not os.path.exists(path)
    r = bcachefs.run("scrub", "--cancel", *words, status=FAILED)
    assert f"{path}: No such file or directory" in r.err
    with open(path, "w") as f:
        f.write("something else")
    r = bcachefs.run("scrub", "--cancel", *words, status=FAILED)
    assert f"{path}: is not a checkpoint" in r.err and os.path.exists(path)


def test_scrub_takes_no_checkpoint_of_another_filesystem(bcachefs, images, tmp):
    path = os.path.join(tmp, "checkpoint")
    scrub(bcachefs, [f"--checkpoint={path}", *images(SETS["basic"])], 0)
    with open(path) as f:
        text = f.read().replace('"done"', '"running"')
    with open(path, "w") as f:
        f.write(text)
    r = scrub(bcachefs, [f"--checkpoint={path}", *images(SETS["comp"])], 0)
    assert not r["resumed"] and r["devices"][0]["data_bytes"]


# ---- Data that are wrong under a right checksum ----

def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def crc32c_table():
    table = [crc32c(bytes([i]), 0) for i in range(256)]

    def fast(data, crc):
        for byte in data:
            crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
        return crc
    return fast


def forge(d, btree, place, sectors, change):
    """Apply change() to the sectors at (dev, bucket, offset), and replace their CRC-32C in the root of the btree, a leaf."""
    crc = crc32c_table()

    def sums(data):
        return crc(data, 0), crc(data, 0xffffffff) ^ 0xffffffff

    dev, bucket, offset = place
    with open(d.paths[dev], "r+b") as f:
        f.seek((bucket * d.bucket_sectors[dev] + offset) * 512)
        data = bytearray(f.read(sectors * 512))
        old = sums(data)
        change(data)
        f.seek(-len(data), os.SEEK_CUR)
        f.write(data)
    pairs = list(zip(old, sums(data)))
    text = d.bcachefs.run("show-super", d.paths[0]).out
    sizes = {name: int(n) * {"B": 1, "KiB": 1024}[unit]
             for name, n, unit in re.findall(r"^  (block_size|btree_node_size): +(\d+)(?:\.0+)? (B|KiB)", text, re.M)}
    for node in node_pointers(d, btree):
        at = (node[1] * d.bucket_sectors[node[0]] + node[2]) * 512
        with open(d.paths[node[0]], "r+b") as f:
            f.seek(at)
            data = bytearray(f.read(sizes["btree_node_size"]))
            start, changed = 0, 0
            while True:
                head = 136 if not start else 16  # of the bset in its node, or entry
                u64s = int.from_bytes(data[start + head + 22:start + head + 24], "little")
                end = start + head + 24 + u64s * 8
                for o, n in pairs:
                    found = data.find(o.to_bytes(4, "little"), start + head, end)
                    if found >= 0:
                        data[found:found + 4] = n.to_bytes(4, "little")
                        changed += 1
                        data[start:start + 16] = sums(data[start + 16:end])[1].to_bytes(16, "little")
                seq = data[head + start:head + start + 8]
                following = -(-end // sizes["block_size"]) * sizes["block_size"]
                if following + 40 > len(data) or data[following + 16:following + 24] != seq:
                    break
                start = following
            assert changed
            f.seek(at)
            f.write(data)


def test_scrub_decompresses_what_has_a_checksum_only_when_told_to(damage):
    d = damage("comp")
    line, (p, *_) = extents_with(d, lambda line, ptrs: "compress zstd" in line)[0]
    forge(d, "extents", p[:3], p[3], lambda data: data.__setitem__(slice(0, 4), b"\xff" * 4))
    assert d.scrub(0) == []
    (error,) = d.scrub(LOST, "--decompress")
    assert (error["kind"], error["sector"]) == ("decompress", p[1] * d.bucket_sectors[0] + p[2])
    d.check_file(error, line)


def test_scrub_by_checksums_finds_what_they_tell(damage):
    d = damage("comp")
    for name in "zstd", "lz4", "gzip", "none":
        d.flip(*extents_with(d, lambda line, ptrs: f"compress {name}" in line)[0][1][0][:3])
    errors = d.scrub(LOST)
    assert len(errors) == 4 and d.scrub(LOST, "--decompress") == errors


@pytest.mark.parametrize("words", [[], ["--decompress"]], ids=["checksums", "decompress"])
def test_scrub_of_encrypted_data(bcachefs, copies, tmp, words):
    """By the MAC of what is stored; nothing is wrong with the set, and a flipped byte is found."""
    image_set = SETS["enc"]
    d = Damage(bcachefs, image_set, copies(image_set))
    words += devices_of(bcachefs, image_set, d.paths, tmp)
    assert scrub(bcachefs, words, 0)["errors"] == []
    line = next(line for line in bcachefs.run("list", *words[-2:]).out.splitlines()
                if " type extent " in line and "chacha20_poly1305" in line)
    d.flip(*next(pointers(line))[:3])
    (error,) = scrub(bcachefs, words, LOST)["errors"]
    assert (error["dev_idx"], error["sector"]) == d.bad[0] and error["kind"] == "checksum"


def test_scrub_has_no_option_checksums(bcachefs, images):
    bcachefs.run("scrub", "-n", "--checksums", *images(SETS["basic"]), status=USAGE)


# ---- Parity computed anew ----

def forge_parity(d, block):
    """Change a parity block of the first stripe and its checksum in the stripe's key: (dev, sector) of it."""
    _, blocks, _ = next(stripes(d))
    dev, bucket, offset = blocks[block]
    forge(d, "stripes", (dev, bucket, offset), 128, lambda granule: granule.__setitem__(700, granule[700] ^ 0x40))
    return dev, bucket * d.bucket_sectors[dev] + offset


@pytest.mark.parametrize("name,block", [("ec4", -1), ("ec6", -2), ("ec6", -1)])
def test_scrub_computes_parity_anew(damage, name, block):
    d = damage(name)
    assert scrub(d.bcachefs, ["--parity", *d.paths], 0)["errors"] == []
    place = forge_parity(d, block)
    assert scrub(d.bcachefs, d.paths, 0)["errors"] == [], "its checksum is right"
    (error,) = scrub(d.bcachefs, ["--parity", *d.paths], REPAIRABLE)["errors"]
    assert (error["dev_idx"], error["sector"], error["sectors"]) == (place[0], place[1] + 1, 1)
    assert (error["data"], error["kind"], error["remedy"]) == ("parity block", "wrong", "stripe")


def test_scrub_computes_parity_anew_of_newer_sets(bcachefs, images):
    if "n39ec" not in SETS:
        pytest.skip("no set n39ec")
    assert scrub(bcachefs, ["--parity", *images(SETS["n39ec"])], 0)["errors"] == []


# ---- Copies without checksums ----

def copies_without_checksum(d, compressed):
    """A listed extent with its two copies."""
    return extents_with(d, lambda line, ptrs: len(ptrs) == 2 and (" lz4 " in line) == compressed)[0]


@pytest.mark.parametrize("which", [0, 1])
def test_scrub_compares_copies_without_checksums(damage, which):
    d = damage("nocsum")
    assert d.scrub(0) == []
    line, ptrs = copies_without_checksum(d, False)
    d.flip(*ptrs[which][:3])
    one, two = sorted((dev, bucket * d.bucket_sectors[dev] + offset) for dev, bucket, offset, *_ in ptrs)
    (error,) = d.scrub(LOST)
    # The later of the two tells, whichever was damaged: that is not known.
    assert (error["kind"], error["remedy"], error["data"]) == ("differs", "undecided", "extent")
    assert (error["dev_idx"], error["sector"]) == two and (error["other_dev_idx"], error["other_sector"]) == one
    d.check_file(error, line)
    text = d.bcachefs.run("scrub", "-n", *d.paths, status=LOST).out
    assert f"(other copy: {d.paths[one[0]]} sector {one[1]}); which one is right is not known\n" in text
    assert "1 bad copies (0 repairable, 0 lost, 1 undecided)" in text
    for dev, path in enumerate(d.paths):
        r = scrub(d.bcachefs, ["--device", path, *d.paths], LOST)
        assert [(e["dev_idx"], e["other_dev_idx"]) for e in r["errors"]] == [(dev, 1 - dev)], "one member alone, too"


def test_scrub_of_compressed_data_without_checksums(damage):
    """The default decompresses what has no other check; what it could not check is never counted as good."""
    d = damage("nocsum")
    whole = scrub(d.bcachefs, d.paths, 0)
    assert sum(x["data_bytes"] for x in whole["devices"]) == sum(x["unverifiable_bytes"] for x in whole["devices"]) > 0
    copies = {p[:4] for _, ptrs in extents_with(d, lambda *_: True) for p in ptrs} | \
        {p[:4] for line in d.list("-b", "reflink") if " type reflink_v " in line for p in pointers(line)}
    assert [x["unverifiable"] for x in whole["devices"]] == [sum(p[0] == dev for p in copies) for dev in (0, 1)]
    assert not re.search(r"unverified 0|data [\d.]+ MiB; 0 bad", d.bcachefs.run("scrub", "-n", *d.paths, status=0).out)
    line, ptrs = copies_without_checksum(d, True)
    d.flip(*ptrs[0][:3], at=0)
    (error,) = d.scrub(REPAIRABLE)
    assert (error["kind"], error["remedy"], error["reason"]) == \
        ("decompress", "other_copy_unverified", "it cannot be decompressed")
    assert d.places([error]) == d.bad
    d.check_file(error, line)
    assert d.scrub(REPAIRABLE, "--decompress") == [error]
