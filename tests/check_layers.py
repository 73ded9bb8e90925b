#!/usr/bin/env python3
"""Prove that includes point down only.

The floors, from the roof to the cellar (doc/architecture.md); a file includes headers of its own
floor and of floors below it, two files never include each other (over any number of steps), and
engine files include nothing but <linux/...> and engine headers.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ENGINE = "libbcachefs"

# Floor -> rank; equal ranks (neighbours on one floor) do not include each other.
RANK = {"linux": 0, "format": 1, "util": 1, "sb": 2, "btree": 3, "journal": 3, "alloc": 4, "data": 5, "fs": 6,
        "check": 7, "init": 8, "cli": 9, "host": 9, "cmd": 10}
# Exceptions to "neighbours do not include each other": FROM may use TO.
NEIGHBOURS = {("util", "format"), ("journal", "btree"), ("cli", "host")}

INCLUDE = re.compile(r'^\s*#\s*include(?:_next)?\s*([<"])([^>"]+)[>"]', re.M)


def sources():
    for top in (ENGINE, "linux", "include", "cli", "host"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)
    for name in os.listdir(ROOT):
        if name.endswith((".c", ".h")):
            yield name


def floor(path):
    parts = path.split("/")
    if parts[0] == ENGINE:
        return parts[1]
    if parts[0] in ("linux", "include"):
        return "linux"
    return parts[0] if parts[0] in ("cli", "host") else "cmd"


def resolve(path, kind, name, known):
    """The file that an include of `path` means, or None for headers of the system."""
    places = [os.path.dirname(path)] if kind == '"' else []
    for place in places + ["include", ENGINE, ""]:
        candidate = os.path.normpath(os.path.join(place, name))
        if candidate in known and candidate != path:
            return candidate
    return None


def allowed(upper, lower):
    if upper == lower or RANK[upper] > RANK[lower]:
        return True
    return (upper, lower) in NEIGHBOURS


def cycles(graph):
    """Each cycle once, as a list of files."""
    found, state, stack = [], {}, []

    def visit(node):
        state[node] = 1
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if state.get(target) == 1:
                found.append(stack[stack.index(target):] + [target])
            elif target not in state:
                visit(target)
        stack.pop()
        state[node] = 2

    for node in sorted(graph):
        if node not in state:
            visit(node)
    return found


def main():
    files = sorted(sources())
    known, graph, bad = set(files), {}, []
    for path in files:
        upper = floor(path)
        if upper not in RANK:
            bad.append(f"{path}: its folder is no floor of the design")
            continue
        with open(os.path.join(ROOT, path), errors="replace") as f:
            text = f.read()
        for kind, name in INCLUDE.findall(text):
            target = resolve(path, kind, name, known)
            if path.startswith(ENGINE + "/") and (kind == "<") != name.startswith("linux/"):
                bad.append(f"{path}: includes {kind}{name}: the engine includes only <linux/...> and its own headers")
            if target is None:
                if kind == '"':
                    bad.append(f"{path}: includes \"{name}\", which is nowhere")
                continue
            graph.setdefault(path, set()).add(target)
            lower = floor(target)
            if lower in RANK and not allowed(upper, lower):
                bad.append(f"{path}: includes {name}: {lower} is not below {upper}")
    bad += ["two files include each other: " + " -> ".join(c) for c in cycles(graph)]
    print("\n".join(bad + [f"layers: {len(files)} files, {len(bad)} violations"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
