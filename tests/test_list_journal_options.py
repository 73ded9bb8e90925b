"""list_journal: its filters and JSON, against what is computed from the text of the whole journal."""
import json
import re

import pytest

from imagesets import all_sets

SETS = [s for s in all_sets() if s.name in ("unclean1", "unclean2", "multi3", "blk4k")]
KEY = re.compile(r"[* ]   (btree_keys|btree_root|overwrite): btree=(\w+) l=(\d+) u64s \d+ type (\w+) (\S+) len (\d+) ver ")
U64_MAX, U32_MAX = 2**64 - 1, 2**32 - 1


class Entry:
    """An entry of the text: its five head lines, then sub-entries, each a list of lines."""

    def __init__(self, lines):
        self.head, self.subs = lines[:5], []
        blank = []
        for line in lines[5:]:
            if line == "":
                blank = [""]
            elif re.match(r"[* ]   (\w+: |\(unknown)", line):
                self.subs.append(blank + [line])
                blank = []
            else:
                self.subs[-1] += blank + [line]
                blank = []


def entries_of(text):
    lines, found = text.split("\n")[:-1], []
    for line in lines:
        if re.match(r"(blacklisted )?journal entry ", line):
            found.append([])
        found[-1].append(line)
    return [Entry(e) for e in found]


def text_of(heads_and_subs):
    return "".join("".join(line + "\n" for line in lines) for lines in heads_and_subs)


def text_line(sub):
    return sub[1] if sub[0] == "" else sub[0]


def key_of(sub):
    """(btree, first, last position) that the key of a sub-entry covers; None: it has none."""
    m = KEY.match(text_line(sub))
    if not m:
        return None
    special = {"POS_MIN": (0, 0, 0), "POS_MAX": (U64_MAX, U64_MAX, 0), "SPOS_MAX": (U64_MAX, U64_MAX, U32_MAX)}
    numbers = {"U64_MAX": U64_MAX, "U32_MAX": U32_MAX}
    pos = special.get(m[5]) or tuple(numbers.get(n) or int(n) for n in m[5].split(":"))
    size = int(m[6])
    first = (pos[0], pos[1] - size, pos[2])
    return m[2], first, (pos[0], pos[1] - 1, pos[2]) if size else pos


def starts_transaction(sub):
    return sub[0] == ""


@pytest.fixture(scope="module", params=SETS, ids=str)
def journal(request, bcachefs, scratch):
    """(run, entries of the whole journal)"""
    paths = request.param.unpack(scratch)

    def run(*args, status=0):
        return bcachefs.run("list_journal", *args, *paths, status=status).out

    return run, entries_of(run("-a"))


def test_text_is_understood(journal):
    run, entries = journal
    assert text_of([e.head, *e.subs][i] for e in entries for i in range(len(e.subs) + 1)) == run("-a")


@pytest.mark.parametrize("nr", [1, 3, 10**6])
def test_newest_entries(journal, nr):
    run, entries = journal
    assert run("-n", nr) == text_of(part for e in entries[-nr:] for part in (e.head, *e.subs))


def test_default_is_what_would_be_replayed_and_newer(journal):
    run, entries = journal
    flush = [e for e in entries if not e.head[0].startswith("blacklisted")][-1]
    assert flush.head[3] == "  flush           1"
    last_seq = int(flush.head[2].split()[-1])
    wanted = [e for e in entries if int(e.head[0].split()[-1]) >= last_seq]
    assert run() == text_of(part for e in wanted for part in (e.head, *e.subs))


@pytest.mark.parametrize("btrees", [["inodes"], ["alloc", "extents"]], ids=str)
def test_key_filter(journal, btrees):
    run, entries = journal

    def shown(sub):
        if not re.match(r"[* ]   (btree_keys|btree_root|overwrite): ", text_line(sub)):
            return True
        key = key_of(sub)
        return key and key[0] in btrees

    args = [word for b in btrees for word in ("-k", b)]
    assert run("-a", *args) == text_of(part for e in entries for part in (e.head, *filter(shown, e.subs)))


RANGES = [
    ("dirents:4096:0-dirents:4096:U64_MAX", ("dirents", (4096, 0, 0)), ("dirents", (4096, U64_MAX, U32_MAX))),
    ("inodes:0:4096", ("inodes", (0, 4096, 0)), ("inodes", (0, 4096, U32_MAX))),
    ("extents:4100:8-extents:4110:9:U32_MAX", ("extents", (4100, 8, 0)), ("extents", (4110, 9, U32_MAX))),
]


@pytest.mark.parametrize("text,start,end", RANGES, ids=[r[0] for r in RANGES])
def test_transaction_filter(journal, text, start, end):
    run, entries = journal

    def matches(sub):
        key = key_of(sub)
        return key and key[0] == start[0] and key[1] <= end[1] and key[2] >= start[1]

    parts = []
    for e in entries:
        transactions = []
        for sub in e.subs:
            if starts_transaction(sub):
                transactions.append([])
            if transactions:
                transactions[-1].append(sub)
        transactions = [t for t in transactions if any(map(matches, t))]
        if transactions:
            parts.append(e.head)
        for sub in (s for t in transactions for s in t):
            if matches(sub):
                assert sub[0] != ""
                parts += [["\033[31m" + sub[0], *sub[1:]], None]
            else:
                parts.append(sub)
    expected = "".join("\033[0m" if p is None else text_of([p]) for p in parts)
    assert run("-a", "-t", text) == expected


def test_json_has_the_same_entries(journal):
    run, entries = journal
    documents = [json.loads(line) for line in run("-a", "--json").splitlines()]
    assert [d["seq"] for d in documents] == [int(e.head[0].split()[-1]) for e in entries]
    for d, e in zip(documents, entries):
        assert d["schema"] == "bcachefs/list_journal/1"
        assert d["blacklisted"] == e.head[0].startswith("blacklisted")
        assert d["version"] == int(e.head[1].split()[-1])
        assert d["last_seq"] == int(e.head[2].split()[-1])
        assert d["flush"] == (e.head[3].split()[-1] == "1")
        places = ["%d:%d:%d (sector %d)" % (p["dev"], p["idx"], p["offset_sectors"], p["sector"]) for p in d["ptrs"]]
        assert "  written at      " + " ".join(places) in (e.head[4], " " + e.head[4][1:])
        assert [x["type"] for x in d["entries"]] == [text_line(s)[4:].split(":")[0] for s in e.subs]
        for x, s in zip(d["entries"], e.subs):
            if x["type"] in ("log", "datetime", "clock", "usage"):
                assert text_line(s)[4:] == f"{x['type']}: {x['text']}"


@pytest.mark.parametrize("args,text", [
    (["-k", "nothing"], "Bad btree id nothing"),
    (["-t", "inodes"], "invalid bbpos inodes"),
    (["-t", "inodes:5"], "invalid bpos 5"),
    (["-t", "inodes:x:5"], "invalid bpos.inode x"),
    (["-t", "inodes:5:x"], "invalid bpos.offset x"),
    (["-t", "inodes:5:5:x"], "invalid bpos.snapshot x"),
    (["-n", "many"], "error parsing nr_entries"),
], ids=str)
def test_bad_arguments_are_refused(bcachefs, args, text):
    r = bcachefs.run("list_journal", *args, "/dev/null", status=2)
    assert text in r.err and not r.out


def test_device_is_needed(bcachefs):
    assert "Please supply device(s) to open" in bcachefs.run("list_journal", status=2).err


def test_colon_separates_devices(bcachefs, images):
    image_set = next((s for s in SETS if s.name == "multi3"), None) or pytest.skip("no set")
    paths = images(image_set)
    whole = bcachefs.run("list_journal", "-a", *paths, status=0).out
    assert bcachefs.run("list_journal", "-a", ":".join(paths), status=0).out == whole


def test_damage_is_told_and_the_status_is_4(bcachefs, images, tmp_path):
    from imagesets import copy_sparse
    image_set = next((s for s in SETS if s.name == "unclean1"), None) or pytest.skip("no set")
    path = copy_sparse(images(image_set)[0], str(tmp_path / "image"))
    entry = entries_of(bcachefs.run("list_journal", path, status=0).out)[2]
    sector, seq = int(entry.head[4].split()[-1].rstrip(")")), entry.head[0].split()[-1]
    with open(path, "r+b") as f:
        f.seek(sector * 512 + 100)
        f.write(b"damage")
    r = bcachefs.run("list_journal", path, status=4)
    assert f"sector {sector}: invalid journal checksum, seq {seq}" in r.err
    assert seq in [e.head[0].split()[-1] for e in entries_of(r.out)]
