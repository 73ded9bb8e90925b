"""Fixtures: the binary under test, image sets in a scratch folder, groups for the workers."""
import os
import shutil
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "kernel")]

import setup as kernel_setup  # noqa: E402
import vm as kernel_vm  # noqa: E402
from imagesets import copy_sparse  # noqa: E402
from mounts import need_fuse, secret, unmount  # noqa: E402
from tool import RealTool, Tool  # noqa: E402

os.environ["TZ"] = "UTC"
SCRATCH = "BCACHEFS_TESTS_SCRATCH"


def pytest_configure(config):
    config.addinivalue_line("markers", "threads: many threads of the tool at work; run under TSan, too")
    if not hasattr(config, "workerinput"):  # the controller: its workers inherit the folder
        os.environ[SCRATCH] = tempfile.mkdtemp(prefix="bcachefs-tests-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[SCRATCH], ignore_errors=True)


_tool = Tool()


@pytest.fixture(scope="session")
def bcachefs():
    return _tool


@pytest.fixture(scope="session")
def scratch():
    """A folder for the session, shared by all workers, removed at its end."""
    return os.environ[SCRATCH]


@pytest.fixture
def images(scratch):
    """images(set): paths of the unpacked images, not to be written to."""
    return lambda image_set: image_set.unpack(scratch)


@pytest.fixture
def tmp(scratch):
    """A folder for one test."""
    folder = tempfile.mkdtemp(dir=scratch)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def copies(scratch, tmp):
    """copies(set): sparse copies of the images that a test may damage."""
    def copy(image_set):
        return [copy_sparse(p, os.path.join(tmp, os.path.basename(p))) for p in image_set.unpack(scratch)]
    return copy


@pytest.fixture
def mounted(bcachefs, tmp):
    """mounted(set, paths, options=...): the mount point; unmounted at the end."""
    need_fuse(bcachefs)
    points = []

    def mount(image_set, paths, options="ro", args=(), command="fusemount"):
        point = os.path.join(tmp, f"mnt{len(points)}")
        os.mkdir(point)
        r = bcachefs.run(command, "-o", options, *args, *secret(image_set, tmp), *paths, point, status=0)
        points.append(point)
        mount.messages = r.err
        return point

    yield mount
    for point in points:
        unmount(point)


def _available(get):
    """The result of a function of tests/kernel; without network or qemu its tests are skipped, with the reason."""
    try:
        return get()
    except kernel_setup.Unavailable as e:
        pytest.skip(f"not available here: {e}")


@pytest.fixture(scope="session")
def real_tool():
    return RealTool(_available(kernel_setup.real_tool))


@pytest.fixture(scope="session")
def vm():
    """vm(script, images, ...): see tests/kernel/vm.py. WITHOUT_VM set: those who need it are skipped."""
    if os.environ.get("WITHOUT_VM"):
        pytest.skip("without the virtual machine: WITHOUT_VM is set")
    _available(kernel_setup.kernel)
    return kernel_vm.run
