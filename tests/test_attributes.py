"""Attributes over FUSE are those that the kernel shows, which is asked in the virtual machine."""
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from imagesets import HERE
from mounts import difference, need_fuse

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")

PATHS = ["sv/..", "sv/inner", "snap/inner", "snap/d/inner", "moved/..", "sv/itself/..", "sv/d/snap/..", "sv/d/snap/inner",
         "sv/itself/inner", "no such"]
FOLDED = ["HELLO", "strasse", "STRASSE", "\u00e4rger", "istanbul", "i\u0307stanbul", "ss", "FIN", "\u00e5ngstr\u00f6m",
          "\u03c3\u03c3", "sub/INNER", "hello."]
SCRIPT = """
bcachefs format -q -L label --label=hdd.a /dev/d0 >/dev/null
mkdir -p /mnt
mount -i -t bcachefs {options} /dev/d0 /mnt && umount /mnt && # upgrades it
mount -i -t bcachefs {options} /dev/d0 /mnt && cd /mnt && python3 /in/attributes_make.py {what} >/dev/null &&
cd / && umount /mnt && mount -i -t bcachefs -o ro /dev/d0 /mnt && python3 /in/attributes.py /mnt {paths} >/out/facts
"""


def source(name):
    with open(os.path.join(HERE, name), "rb") as f:
        return f.read()


def ours(point, paths):
    p = subprocess.run([sys.executable, os.path.join(HERE, "attributes.py"), point, *paths], stdout=subprocess.PIPE, timeout=300,
                       check=True)
    return json.loads(p.stdout)


def as_the_kernel_says(facts, image):
    """What differs by design: the device of a target is that of the mount, writing is refused as such."""
    for f in facts.values():
        for name, value in f.get("options", {}).items():
            if value == "/dev/vda":
                f["options"][name] = image
        f.get("ioctls", {}).pop("set flags", None)
    return facts


@pytest.mark.xdist_group("vm")
@pytest.mark.parametrize("kernel", ["6.12", "6.16"])
def test_attributes_are_those_of_the_kernel(bcachefs, vm, mounted, tmp, kernel):
    need_fuse(bcachefs)
    image = os.path.join(tmp, "image")
    with open(image, "wb") as f:
        f.truncate(128 << 20)
    newer = kernel != "6.12"
    paths = PATHS + ["fold/" + name for name in FOLDED] if newer else PATHS
    files = {name: source(name) for name in ("attributes.py", "attributes_make.py")}
    r = vm(SCRIPT.format(options="-o version_upgrade=incompatible" if newer else "", what="casefold" if newer else "",
                         paths=" ".join(f"'{p}'" for p in paths)), [image], files=files, kernel=kernel)
    assert r.status == 0, repr(r)
    found = ours(mounted(SimpleNamespace(passphrase=None), [image]), paths)
    assert {f["ioctls"].pop("set flags") for f in found.values() if "ioctls" in f} == {"EROFS"}
    assert not difference(found, as_the_kernel_says(json.loads(r.out["facts"]), image))
