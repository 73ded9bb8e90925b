"""Directories that take names without case, and the table behind them."""
import os
import subprocess
import sys

import pytest

from imagesets import HERE, ROOT, all_sets
from mounts import recorded

SETS = {s.name: s for s in all_sets()}


@pytest.mark.parametrize("image_set", [pytest.param(SETS[n], id=n) for n in ("n28", "n39") if n in SETS])
def test_names_are_found_in_any_case(images, mounted, image_set):
    expected = recorded(image_set)
    folder = os.path.join(mounted(image_set, images(image_set)), "casefold")
    for name, others in {"Hello": ("hello", "HELLO", "hEl\u00adlo"), "WORLD": ("world",),
                         "\u00c9t\u00e9": ("\u00e9T\u00c9", "E\u0301te\u0301", "\u00e9t\u00e9"),
                         "stra\u00dfe": ("STRASSE", "stra\u1e9ee", "Stra\u017fse")}.items():
        for other in (name, *others):
            assert os.lstat(os.path.join(folder, other)).st_ino == expected[f"casefold/{name}"]["ino"], other
    for name in ("Hell", "Helloo", "\u00c9te", "strase", "\udcff"):
        assert not os.path.lexists(os.path.join(folder, name)), name
    assert not os.path.lexists(os.path.join(folder, "..", "CASEFOLD")), "its parent goes by case"


def test_table_is_what_its_script_makes():
    if not os.path.exists("/usr/share/unicode/CaseFolding.txt"):
        pytest.skip("no Unicode Character Database (apt-get install unicode-data)")
    made = subprocess.run([sys.executable, os.path.join(HERE, "casefold_table.py")], stdout=subprocess.PIPE, check=True)
    with open(os.path.join(ROOT, "libbcachefs", "util", "casefold_table.h"), "rb") as f:
        assert f.read() == made.stdout
