"""unlock, set-passphrase, remove-passphrase: on our images and on those of the real tool."""
import fcntl
import os
import struct

import pytest

import superblock
from test_format_real import fresh_images, whole_superblock

OLD, NEW = "correct horse", "battery staple"


def formatted(tool, folder, devices=1, *args, passphrase=OLD):
    images = fresh_images(folder, [64] * devices, "i")
    tool.run("format", "-q", "--no_initialize", "--encrypted", *args, *images, input=f"{passphrase}\n{passphrase}\n",
             **({"status": 0} if tool.__class__.__name__ == "Tool" else {}))
    return images


def crypt_section(image, sector=superblock.FIRST_SECTOR):
    data = whole_superblock(image, sector)
    at, size = next((at, size) for kind, at, size in superblock.sections(data) if kind == superblock.CRYPT)
    return data[at:at + size]


def all_crypt_sections(images):
    out = set()
    for image in images:
        for sector in superblock.offsets(whole_superblock(image, superblock.FIRST_SECTOR)):
            out.add(crypt_section(image, sector))
    return out


def unlocks(tool, image, passphrase, folder):
    """Does this passphrase fit? The tool tries it before it gives the key to the kernel's keyring."""
    path = os.path.join(folder, "passphrase")
    with open(path, "w") as f:
        f.write(passphrase + "\n")
    r = tool.run("unlock", "-k", "session", "-f", path, image)
    if "add_key error" in r.err:
        return True
    assert r.status == 0 or "incorrect passphrase" in r.err, repr(r)
    return r.status == 0


def test_real_tool_unlocks_ours(bcachefs, real_tool, tmp):
    image = formatted(bcachefs, tmp)[0]
    assert unlocks(real_tool, image, OLD, tmp)
    assert not unlocks(real_tool, image, NEW, tmp)


def test_ours_unlocks_the_real_tools(bcachefs, real_tool, tmp):
    image = formatted(real_tool, tmp)[0]
    assert unlocks(bcachefs, image, OLD, tmp)
    assert not unlocks(bcachefs, image, NEW, tmp)


def test_check_tells_by_status(bcachefs, tmp):
    locked = formatted(bcachefs, tmp)[0]
    bcachefs.run("unlock", "-c", locked, status=0)
    bcachefs.run("unlock", "--check", locked, status=0)
    for args in ([], ["--encrypted", "--no_passphrase"]):
        image = fresh_images(tmp, [64], "c")[0]
        bcachefs.run("format", "-q", *args, image, status=0)
        r = bcachefs.run("unlock", "-c", image, status=1)
        assert f"{image} is not encrypted" in r.err


@pytest.mark.parametrize("args,message", [
    ([], "Please supply a device"), (["a", "b"], "Too many arguments"), (["-k", "thread", "a"], "unknown keyring thread"),
    (["--no-such-option", "a"], "unknown option")])
def test_unlock_usage(bcachefs, args, message):
    assert message in bcachefs.run("unlock", *args, status=2).err


def test_unlock_of_what_is_no_filesystem(bcachefs, tmp):
    image = fresh_images(tmp, [1], "i")[0]
    assert f"Error opening {image}" in bcachefs.run("unlock", image, status=1).err
    assert "Error opening /no/such" in bcachefs.run("unlock", "/no/such", status=1).err


@pytest.mark.parametrize("by", ["ours", "real"])
@pytest.mark.parametrize("devices", [1, 3])
def test_set_passphrase_asks_once_and_works_before_the_first_mount(bcachefs, real_tool, tmp, devices, by):
    images = formatted(bcachefs if by == "ours" else real_tool, tmp, devices)
    before = all_crypt_sections(images)
    bcachefs.run("set-passphrase", *images, input=f"{OLD}\n{NEW}\n", status=0)
    after = all_crypt_sections(images)
    assert len(before) == len(after) == 1 and before != after
    assert unlocks(real_tool, images[-1], NEW, tmp)
    assert unlocks(bcachefs, images[0], NEW, tmp) and not unlocks(bcachefs, images[-1], OLD, tmp)


def test_set_passphrase_on_a_clear_key_uses_a_cost_worth_the_name(bcachefs, real_tool, tmp):
    images = fresh_images(tmp, [64, 64], "i")
    bcachefs.run("format", "-q", "--encrypted", "--no_passphrase", *images, status=0)
    key = crypt_section(images[0])[32:]
    bcachefs.run("set-passphrase", *images, input=f"{NEW}\n", status=0)
    section = crypt_section(images[1])
    assert struct.unpack_from("<Q", section, 16)[0] == 0x40003000e
    assert key not in section
    assert unlocks(real_tool, images[0], NEW, tmp)
    bcachefs.run("remove-passphrase", *images, input=f"{NEW}\n", status=0)
    assert all_crypt_sections(images) == {crypt_section(images[0])}
    assert crypt_section(images[0])[24:] == b"bch**key" + key
    bcachefs.run("unlock", "-c", images[0], status=1)
    r = bcachefs.run("remove-passphrase", *images, status=0)
    assert "nothing changed" in r.err


def contents(images):
    return [whole_superblock(i, s) for i in images for s in superblock.offsets(whole_superblock(i, 8))]


def test_wrong_passphrase_changes_nothing(bcachefs, tmp):
    images = formatted(bcachefs, tmp, 2)
    before = contents(images)
    for command in "set-passphrase", "remove-passphrase":
        r = bcachefs.run(command, *images, input=f"wrong\n{NEW}\n", status=1)
        assert "incorrect passphrase" in r.err
    r = bcachefs.run("set-passphrase", *images, input=f"{OLD}\n", status=1)
    assert "error reading passphrase" in r.err
    assert contents(images) == before


def test_missing_foreign_and_doubled_members_are_refused(bcachefs, tmp):
    images = formatted(bcachefs, tmp, 3)
    os.makedirs(os.path.join(tmp, "other"))
    other = formatted(bcachefs, os.path.join(tmp, "other"))
    before = contents(images + other)
    for devices, message in ((images[:2], "member 2 ("), (images[:1], "member 1 ("), (images + other, ""),
                             (images + images[:1], "")):
        r = bcachefs.run("set-passphrase", *devices, input=f"{OLD}\n{NEW}\n", status=1)
        assert message in r.err and r.err
    assert contents(images + other) == before


def test_filesystem_without_encryption(bcachefs, tmp):
    images = fresh_images(tmp, [64], "i")
    bcachefs.run("format", "-q", *images, status=0)
    for command in "set-passphrase", "remove-passphrase":
        r = bcachefs.run(command, *images, status=1)
        assert "Filesystem does not have encryption enabled" in r.err


def test_device_in_use_is_refused(bcachefs, tmp):
    images = formatted(bcachefs, tmp)
    with open(images[0], "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        r = bcachefs.run("set-passphrase", *images, input=f"{OLD}\n{NEW}\n", status=1)
        assert "busy" in r.err
        r = bcachefs.run("format", "-qf", *images, status=1)
        assert "busy" in r.err
