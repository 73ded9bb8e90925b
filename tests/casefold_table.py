#!/usr/bin/env python3
"""Make libbcachefs/util/casefold_table.h from the files of the Unicode Character Database.

    casefold_table.py [FOLDER] >libbcachefs/util/casefold_table.h

FOLDER has UnicodeData.txt, CaseFolding.txt, DerivedAge.txt and DerivedCoreProperties.txt of Unicode
12.1 or newer (Debian: package unicode-data, the default). Only what 12.1 knows is taken: what came
later is not folded on disk, and what a version has assigned never changes.
"""
import os
import sys

VERSION = (12, 1)


def lines(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        for line in f:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if fields[0]:
                yield fields


def ranges(folder, name, prop):
    """Code points of the ranges that have a property."""
    for fields in lines(folder, name):
        if prop(fields[1]):
            first, _, last = fields[0].partition("..")
            yield from range(int(first, 16), int(last or first, 16) + 1)


def points(text):
    return [int(p, 16) for p in text.split()]


class Tables:
    def __init__(self, folder):
        known = set(ranges(folder, "DerivedAge.txt", lambda age: tuple(map(int, age.split("."))) <= VERSION))
        data = {int(f[0], 16): f for f in lines(folder, "UnicodeData.txt")}
        self.ccc = {cp: int(f[3]) for cp, f in data.items() if cp in known and f[3] != "0"}
        self.decomposition = {cp: points(f[5]) for cp, f in data.items()
                              if cp in known and f[5] and not f[5].startswith("<")}
        self.fold = {int(f[0], 16): points(f[2]) for f in lines(folder, "CaseFolding.txt")
                     if f[1] in "CF" and int(f[0], 16) in known}
        self.ignorable = set(ranges(folder, "DerivedCoreProperties.txt", lambda p: p == "Default_Ignorable_Code_Point"))

    def decompose(self, cps):
        for cp in cps:
            yield from self.decompose(self.decomposition[cp]) if cp in self.decomposition else [cp]

    def folded(self, cp):
        """What a code point becomes: decomposed, folded, decomposed, without what is ignored."""
        folded = [f for d in self.decompose([cp]) for f in self.fold.get(d, [d])]
        return [f for f in self.decompose(folded) if f not in self.ignorable]

    def changed(self):
        candidates = set(self.decomposition) | set(self.fold) | self.ignorable
        found = {cp: self.folded(cp) for cp in sorted(candidates)}
        return {cp: to for cp, to in found.items() if to != [cp]}


def runs(mapping):
    """(first, last, step, value) with one value for every step-th code point, from an ordered mapping."""
    found = []
    for cp, value in mapping:
        if found and found[-1][3] == value and (found[-1][0] == found[-1][1] and cp - found[-1][1] in (1, 2) or
                                                cp - found[-1][1] == found[-1][2]):
            found[-1][2] = cp - found[-1][1]
            found[-1][1] = cp
        else:
            found.append([cp, cp, 1, value])
    return found


def table(kind, name, rows):
    print(f"static const struct {kind} {name}[] = {{")
    line = ""
    for row in rows:
        cell = "{" + ", ".join(row) + "},"
        if len(line) + len(cell) > 90:
            print("\t" + line.rstrip())
            line = ""
        line += cell + " "
    print("\t" + line.rstrip() + "\n};\n")


def main(folder):
    t = Tables(folder)
    changed = t.changed()
    single = runs((cp, to[0] - cp) for cp, to in changed.items() if len(to) == 1)
    gone = runs((cp, 0) for cp, to in changed.items() if not to)
    many = {cp: to for cp, to in changed.items() if len(to) > 1}
    print("/* Made by tests/casefold_table.py from the Unicode Character Database: do not edit. */")
    print("/* clang-format off */\n")
    print("/* Code points that become another one: cp + delta. */")
    table("casefold_run", "casefold_runs", [(f"{a:#x}", f"{b:#x}", str(s), str(d)) for a, b, s, d in single])
    print("/* That become nothing. */")
    table("casefold_range", "casefold_gone", [(f"{a:#x}", f"{b:#x}") for a, b, s, _ in split_steps(gone)])
    print("/* That become several: their UTF-8. */")
    table("casefold_seq", "casefold_seqs", [(f"{cp:#x}", '"' + "".join(
        f"\\x{b:02x}" for b in "".join(map(chr, to)).encode()) + '"') for cp, to in many.items()])
    print("/* Canonical combining classes that are not 0. */")
    table("casefold_class", "casefold_classes", [(f"{a:#x}", f"{b:#x}", str(v)) for a, b, s, v in split_steps(runs(
        sorted(t.ccc.items())))])


def split_steps(found):
    """Runs of step 1 alone."""
    for a, b, step, value in found:
        if step == 1:
            yield a, b, 1, value
        else:
            yield from ((cp, cp, 1, value) for cp in range(a, b + 1, step))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
