"""What format writes: byte for byte the superblocks of the real tool, and a filesystem that the real
kernel mounts, writes to and finds clean.

What is formatted is in format_cases.py.
"""
import os
import struct

import pytest

import superblock
from format_cases import MIXES, PASSPHRASE
from imagesets import data_blocks
from normalise import same

def has_passphrase(args):
    return "--encrypted" in args and "--no_passphrase" not in args


def secret(args):
    return f"{PASSPHRASE}\n{PASSPHRASE}\n" if has_passphrase(args) else None


def fresh_images(folder, sizes, prefix):
    paths = []
    for i, mib in enumerate(sizes):
        path = os.path.join(folder, f"{prefix}{i}")
        if os.path.exists(path):
            os.unlink(path)
        with open(path, "wb") as f:
            f.truncate(mib << 20)
        paths.append(path)
    return paths


def read_at(path, sector, size):
    with open(path, "rb") as f:
        f.seek(sector * 512)
        return f.read(size)


def whole_superblock(path, sector):
    head = read_at(path, sector, superblock.HEAD)
    return read_at(path, sector, superblock.words(head))


def data_outside(path, copies):
    """Offsets of 512-byte blocks that are not zero and belong to no superblock copy nor the layout sector."""
    covered = {superblock.LAYOUT_SECTOR}
    for sector, size in copies:
        covered.update(range(sector, sector + -(-size // 4096) * 8))
    with open(path, "rb") as f:
        return [at for at in data_blocks(path, 512) if at // 512 not in covered and any(os.pread(f.fileno(), 512, at))]


@pytest.mark.parametrize("mix", MIXES)
def test_superblocks_are_those_of_the_real_tool(bcachefs, real_tool, tmp, mix):
    sizes, args = MIXES[mix]
    words = ["--no_initialize", *args.split()]
    _, theirs = real_tool.format(lambda: fresh_images(tmp, sizes, "real"), "-q", *words, input=secret(args))
    ours = fresh_images(tmp, sizes, "ours")
    bcachefs.run("format", "-q", *(w.format(*ours) for w in words), input=secret(args), status=0)
    for real, our in zip(theirs, ours):
        first = whole_superblock(real, superblock.FIRST_SECTOR)
        copies = superblock.offsets(first)
        for sector in copies:
            expected, found = (superblock.masked(whole_superblock(p, sector)) for p in (real, our))
            assert found == expected, f"copy at sector {sector}: {superblock.differing_bytes(found, expected)}"
            tail = read_at(our, sector, -(-len(found) // 4096) * 4096)[len(found):]
            assert not any(tail), f"copy at sector {sector}: garbage behind the superblock"
        assert read_at(our, superblock.LAYOUT_SECTOR, 512) == read_at(real, superblock.LAYOUT_SECTOR, 512)
        assert not data_outside(our, [(s, len(first)) for s in copies])


@pytest.mark.parametrize("mix", MIXES)
def test_copies_and_members_agree(bcachefs, tmp, mix):
    """All copies on all devices are one superblock: uuids, times and keys too, but for offset and dev_idx."""
    sizes, args = MIXES[mix]
    images = fresh_images(tmp, sizes, "ours")
    bcachefs.run("format", "-q", "--no_initialize", *(w.format(*images) for w in args.split()), input=secret(args),
                 status=0)
    seen = set()
    for index, image in enumerate(images):
        for sector in superblock.offsets(whole_superblock(image, superblock.FIRST_SECTOR)):
            data = bytearray(whole_superblock(image, sector))
            assert struct.unpack_from("<Q", data, 104)[0] == sector
            assert data[122] == index
            data[:16], data[104:112], data[122] = bytes(16), bytes(8), 0
            data[240:752] = bytes(512)
            seen.add(bytes(data))
    assert len(seen) == 1
    data = seen.pop()
    uuids = {data[superblock.UUID], data[superblock.USER_UUID]}
    for kind, at, size in superblock.sections(data):
        if kind == superblock.MEMBERS_V2:
            step = struct.unpack_from("<H", data, at + 8)[0]
            uuids |= {data[m:m + 16] for m in range(at + 16, at + size, step)}
    assert len(uuids) == 2 + len(images), "uuids are not all different"
    assert all(u[6] >> 4 == 4 for u in uuids) or "-U" in args, "not all are random uuids of version 4"


@pytest.mark.parametrize("mix", [m for m in MIXES if m not in ("label", "target-device")])
def test_prints_what_the_real_tool_prints(bcachefs, real_tool, tmp, mix):
    sizes, args = MIXES[mix]
    words = ["--no_initialize", *args.split()]
    real, _ = real_tool.format(lambda: fresh_images(tmp, sizes, "i"), *words, input=secret(args))
    images = fresh_images(tmp, sizes, "i")
    ours = bcachefs.run("format", *(w.format(*images) for w in words), input=secret(args), status=0)
    same(without_random(ours.out), without_random(real.out))


def without_random(text):
    """Lines of uuids and times cut behind the colon."""
    return "\n".join(line.split(":")[0] if "UUID:" in line or "Created:" in line else line for line in text.split("\n"))


GUEST = r"""
# For each filesystem of /in/list: mount, write, unmount, the kernel's fsck, the tool's fsck.
check() { # NAME PASSPHRASE DEVICE...
	name=$1 passphrase=$2
	shift 2
	devices=$(IFS=:; echo "$*")
	if [ -n "$passphrase" ]; then
		echo "$passphrase" | bcachefs unlock -k user "$1" || { echo "unlock failed"; return 2; }
	fi
	mount -i -t bcachefs "$devices" /mnt || { echo "mount failed"; return 3; }
	mkdir /mnt/d && seq 20000 >/mnt/d/file && ln /mnt/d/file /mnt/d/link && sync || { echo "write failed"; return 4; }
	sum=$(sha256sum </mnt/d/file)
	umount /mnt || { echo "umount failed"; return 5; }
	mount -i -t bcachefs -o ro "$devices" /mnt || { echo "second mount failed"; return 6; }
	[ "$(sha256sum </mnt/d/link)" = "$sum" ] || { echo "file differs"; return 7; }
	umount /mnt || return 8
	bcachefs fsck -k -n -f "$@" || { echo "kernel's fsck: status $?"; return 9; }
}
keyctl link @u @s
while read -r name passphrase devices; do
	[ "$passphrase" = - ] && passphrase=
	dmesg -c >/dev/null
	check "$name" "${passphrase//_/ }" $devices </dev/null >/out/$name.txt 2>&1
	echo $? >/out/$name.status
	dmesg >/out/$name.dmesg
done </in/list
"""


@pytest.fixture(scope="module")
def kernel_runs(bcachefs, real_tool, vm, scratch):
    """All mixes, formatted by us and one by the real tool, in one run of the machine: {name: (status, text)}."""
    folder = os.path.join(scratch, "format-real")
    os.makedirs(folder, exist_ok=True)
    images, lines = [], []

    def add(name, paths, passphrase):
        names = [f"/dev/d{len(images) + i}" for i in range(len(paths))]
        lines.append(" ".join([name, (passphrase or "-").replace(" ", "_"), *names]))
        images.extend(paths)

    _, paths = real_tool.format(lambda: fresh_images(folder, [64], "control"), "-q", "{0}")
    add("control", paths, None)
    refused = {}
    for mix, (sizes, args) in MIXES.items():
        paths = fresh_images(folder, sizes, mix + "-")
        try:
            bcachefs.run("format", "-q", *(w.format(*paths) for w in args.split()), input=secret(args), status=0)
            add(mix, paths, PASSPHRASE if has_passphrase(args) else None)
        except AssertionError as e:
            refused[mix] = (-1, str(e))
    try:
        r = vm(GUEST, images, files={"list": ("\n".join(lines) + "\n").encode()}, timeout=900, memory=1536)
    finally:
        for path in images:
            os.unlink(path)
    assert r.status == 0, f"{r!r}"
    out = dict(refused)
    for line in lines:
        name = line.split()[0]
        text = {part: r.out.get(f"{name}.{part}", b"").decode(errors="replace") for part in ("status", "txt", "dmesg")}
        status = int(text["status"]) if text["status"].strip() else -1
        out[name] = (status, text["txt"][-3000:] + text["dmesg"][-3000:])
    return out


@pytest.mark.xdist_group("vm")
@pytest.mark.parametrize("mix", ["control", *MIXES])
def test_kernel_mounts_and_finds_it_clean(kernel_runs, mix):
    status, text = kernel_runs[mix]
    assert status == 0, text
    assert not any(w in text for w in (", fixing", ", not fixing", "error ", "inconsistency")), text
