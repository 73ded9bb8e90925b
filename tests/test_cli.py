"""The outside of the program: help, names, exit statuses, messages."""
import os
import re
import shutil
import subprocess

import pytest

from imagesets import ROOT
from tool import Tool

COMMANDS = Tool().commands()


def test_main_help(bcachefs):
    r = bcachefs.run("--help", status=0)
    assert r.out.startswith("bcachefs - tool for managing bcachefs filesystems\nusage: bcachefs <command> [<args>]\n")
    assert not r.err


def test_no_command(bcachefs):
    r = bcachefs.run()
    assert r.status in (1, 2)
    assert "missing command" in r.out + r.err


def test_unknown_command(bcachefs):
    r = bcachefs.run("frobnicate")
    assert r.status in (1, 2)
    assert "frobnicate" in r.err


OWN_H = {"fs usage"}  # there -h means sizes with units


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_command(bcachefs, command):
    for word in ("--help", "-h")[:1 if command in OWN_H else 2]:
        r = bcachefs.run(*command.split(), word, status=0)
        assert command in r.out
        assert "--help" in r.out
        assert "(null)" not in r.out
        assert not r.err
        assert max(map(len, r.out.splitlines())) <= 100


USAGE = {"restore": 1, "undelete": 1, "scrub": 16}  # statuses of their own


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option(bcachefs, command):
    r = bcachefs.run(*command.split(), "--frobnicate", status=USAGE.get(command, 2))
    assert re.match(rf"bcachefs {command}: .*frobnicate", r.err), f"{r!r}"
    assert not r.out


@pytest.mark.parametrize("command", ["show-super", "list", "list_journal", "format"])
def test_no_device(bcachefs, command):
    r = bcachefs.run(command)
    assert r.status in (1, 2)
    assert re.match(rf"bcachefs {command}: .*device", r.err), f"{r!r}"


@pytest.mark.parametrize("command", ["show-super", "list", "list_journal"])
def test_device_that_is_not_there(bcachefs, tmp, command):
    path = os.path.join(tmp, "nothing")
    r = bcachefs.run(command, path, status=1)
    assert path in r.err and "o such file" in r.err, f"{r!r}"
    assert not r.out


@pytest.mark.parametrize("args", [("-b", "nonsense"), ("-m", "nonsense"), ("-s", "x"), ("-e", "1:x"), ("-k", "nonsense"),
                                  ("-l", "x")])
def test_list_refuses_bad_values(bcachefs, args):
    r = bcachefs.run("list", *args, "/dev/null")
    assert r.status == 2, f"{r!r}"
    assert args[-1] in r.err, f"{r!r}"


def test_show_super_refuses_unknown_section(bcachefs):
    r = bcachefs.run("show-super", "-f", "nonsense", "/dev/null")
    assert r.status in (1, 2) and "nonsense" in r.err, f"{r!r}"


def test_program_name_selects_the_command(bcachefs):
    r = bcachefs.run("--help", argv0="/sbin/mkfs.bcachefs", status=0)
    assert "format" in r.out


def test_only_the_last_part_of_the_program_name_counts(bcachefs):
    r = bcachefs.run("--help", argv0="/fsck.d/bcachefs", status=0)
    assert "usage: bcachefs <command>" in r.out


def test_mkfs_option_without_a_value(bcachefs):
    r = bcachefs.run("format", "--metadata_replicas", status=2)
    assert "metadata_replicas" in r.err and "value" in r.err, f"{r!r}"


def test_full_disk_is_an_error(bcachefs, images):
    from imagesets import all_sets
    basic = next(s for s in all_sets() if s.name == "basic")
    with open("/dev/full", "wb") as full:
        import subprocess
        r = subprocess.run([bcachefs.path, "show-super", images(basic)[0]], stdout=full, stderr=subprocess.PIPE)
    assert r.returncode == 1
    assert b"No space left" in r.stderr


def test_manual_has_every_command(bcachefs):
    text = bcachefs.run("--print-man", status=0).out
    for command in COMMANDS:
        assert f"## bcachefs {command}\n" in text
    assert "(null)" not in text


def test_manual_is_made(bcachefs):
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed")
    with open(os.path.join(ROOT, "doc", "bcachefs.8.scd"), encoding="utf-8") as f:
        source = f.read().replace("@COMMANDS@\n", bcachefs.run("--print-man", status=0).out)
    r = subprocess.run(["scdoc"], input=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert r.returncode == 0, r.stderr
    assert ".SH DIFFERENCES" in r.stdout
