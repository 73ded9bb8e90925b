"""What may differ between the real tool's text and ours, in one place.

Everything else is compared byte for byte. The exceptions are:

1. `datalen N:` is followed by a memory address in the real tool: cut on both sides.
2. The real tool mixes the engine's log lines into standard output, ours writes them to standard
   error: whole lines that begin like START_UP are dropped, with the list of passes that follows a
   version upgrade, and `unshutdown complete` glued to the end of a line is cut.
3. `modprobe` complaints of a machine without the kernel module.
4. `(null)` where the real tool prints a section that is not there.
5. On sets that were not shut down the real tool goes read-write in memory while it lists. This
   changes some counters of buckets (free, need_discard) and makes it forget the fill of a node's
   neighbours (`sib u64s: 65535`), differently from run to run: these numbers are cut.

Text is bytes decoded as UTF-8 with surrogateescape and split at newlines only.
"""
import re

import pytest

START_UP = (
    r"starting version \d+\.\d+: ",
    r"recovering from (clean|unclean) shutdown",
    r"journal read done, replaying entries ",
    r"dropped unflushed entries ",
    r"Version upgrade required:$",
    r"Doing (in)?compatible version upgrade from ",
    r"  running recovery passes: ",
    r"(accounting_read|alloc_read|stripes_read|snapshots_read|check_allocations|journal_replay)\.\.\. done$",
    r"going read-write$",
    r"(un|clean )?shutdown complete, journal seq \d+$",
    r"insufficient writeable journal devices available: ",
    r"rw journal devs:",
    r"modprobe: ",
)

_start_up = re.compile("|".join(START_UP))
_address = re.compile(r"(datalen \d+:).*")
_glued = re.compile(r"unshutdown complete, journal seq \d+$")


_moving = re.compile(r"( ver )\d+(: dev_data_type dev=\d+ data_type=(?:free|need_discard)) .*|(sib u64s: )\d+, \d+")


def normalise(text, unclean=False):
    """The lines of a text that count; of a set that was not shut down, with `unclean`."""
    lines = []
    for line in text.split("\n"):
        if not _start_up.match(line) and line != "(null)":
            lines.append(_glued.sub("", _address.sub(r"\1", line)))
    while lines and not lines[-1]:
        lines.pop()
    return [_moving.sub(r"\1\2\3", line) for line in lines] if unclean else lines


def difference(found, expected, unclean=False, most=30):
    """A short account of how two texts differ after normalising; None when they do not."""
    a, b = normalise(expected, unclean), normalise(found, unclean)
    if a == b:
        return None
    out = [f"{len(a)} lines expected, {len(b)} found; -expected +found:"]
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    if at:
        out.append(f" {at}: {a[at - 1][:400]}")
    end_a, end_b = len(a), len(b)
    while end_a > at and end_b > at and a[end_a - 1] == b[end_b - 1]:
        end_a, end_b = end_a - 1, end_b - 1
    for i in range(at, max(end_a, end_b)):
        if len(out) > most:
            out.append("...")
            break
        if i < end_a and i < end_b and a[i] == b[i]:
            continue
        out += [f"-{i + 1}: {a[i][:400]}"] if i < end_a else []
        out += [f"+{i + 1}: {b[i][:400]}"] if i < end_b else []
    return "\n".join(out).encode("utf-8", "backslashreplace").decode()


def same(found, expected, unclean=False):
    """Fail with the differences, if there are any."""
    __tracebackhide__ = True
    differences = difference(found, expected, unclean)
    if differences:
        pytest.fail(differences, pytrace=False)
