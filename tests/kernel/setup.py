#!/usr/bin/env python3
"""The real bcachefs-tools 1.13.0 and real kernels, out of Debian's archive, for tests.

    setup.py [KERNEL]...     set up (default: 6.12) and say where; status 1 and a reason when it cannot

Nothing is installed: packages are downloaded with apt from the mirror that this machine uses, into
${BCACHEFS_TEST_CACHE:-~/.cache/bcachefs-tests} (about 0.4 GB), with an apt configuration of its own,
and unpacked there. From them come a root folder (the tool, its libraries, and what the virtual
machine runs) and, for each kernel, vmlinux and an initramfs of the root and the modules.

A machine without network, mirror or qemu raises Unavailable, whose text is the reason to skip.
"""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import cpio  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
TOOL_VERSION = "1:1.13.0-1~exp1"
SUITES = ("experimental", "trixie", "trixie-backports", "bookworm-backports")
PACKAGES = (f"bcachefs-tools={TOOL_VERSION} busybox-static kmod bash coreutils util-linux mount keyutils attr "
            "e2fsprogs dmsetup python3").split()
# Packages that these pull in and no test needs.
UNWANTED = ("dpkg", "debconf", "base-files", "debianutils", "libpam-modules", "libpam-modules-bin", "libpam-runtime",
            "libaudit-common", "libdb5.3t64", "tzdata", "netbase", "media-types", "readline-common", "gcc-14-base",
            "openssl-provider-legacy", "mawk")
UNWANTED_PATHS = ("doc", "man", "locale", "info", "lintian", "zoneinfo", "bash-completion", "initramfs-tools", "bug")
# Kernel -> patterns of package names, the first with a bcachefs module is taken.
KERNELS = {
    "6.12": (r"linux-image-6\.12\.[0-9]+\+deb12-cloud-amd64", r"linux-image-6\.12\.[0-9.]+\+deb1[0-9.]+-cloud-amd64"),
    "6.16": (r"linux-image-6\.16\.[0-9.]+\+deb1[0-9.]+-cloud-amd64",),
}
# Modules in the initramfs, with what they depend on.
MODULES = ("kernel/fs/bcachefs/", "kernel/crypto/", "kernel/arch/x86/crypto/", "kernel/arch/x86/lib/crypto/",
           "kernel/lib/", "kernel/fs/unicode/", "kernel/fs/quota/", "kernel/fs/nls/", "kernel/fs/ext4/",
           "kernel/drivers/virtio/", "kernel/drivers/block/virtio_blk", "kernel/drivers/block/loop",
           "kernel/drivers/char/hw_random/", "kernel/drivers/char/virtio_console", "kernel/drivers/md/dm-flakey",
           "kernel/drivers/md/dm-log-writes", "kernel/drivers/md/dm-error", "kernel/drivers/acpi/button")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Unavailable(Exception):
    """Why the real tool or a kernel cannot be had here."""


def cache():
    return os.environ.get("BCACHEFS_TEST_CACHE") or os.path.expanduser("~/.cache/bcachefs-tests")


def base():
    """The folder for this version of the setup: a changed script builds anew."""
    digest = hashlib.sha256()
    for name in ("setup.py", "cpio.py", "init"):
        with open(os.path.join(HERE, name), "rb") as f:
            digest.update(f.read())
    return os.path.join(cache(), digest.hexdigest()[:12])


def root():
    return os.path.join(base(), "root")


def run(*cmd, env=None, **kwargs):
    """Run a command of the setup; its failure means that there is no setup here."""
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env={**os.environ, **(env or {})}, **kwargs)
    if r.returncode:
        raise Unavailable(f"{os.path.basename(cmd[0])} failed: {(r.stderr or r.stdout).strip()[-400:]}")
    return r.stdout


@contextlib.contextmanager
def locked():
    os.makedirs(cache(), exist_ok=True)
    with open(os.path.join(cache(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Apt:
    """An apt with its own lists and no installed packages, so that it names whole dependency trees."""

    def __init__(self):
        self.folder = os.path.join(cache(), "apt")
        self.debs = os.path.join(cache(), "debs")
        self.env = {"APT_CONFIG": os.path.join(self.folder, "apt.conf"), "LC_ALL": "C"}
        if not os.path.exists(os.path.join(self.folder, "ok")):
            self.setup()

    def setup(self):
        for program in ("apt-get", "dpkg-deb", "tar", "zstd", "xz"):
            if not shutil.which(program):
                raise Unavailable(f"{program} is missing")
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        if not os.path.exists(keyring):
            raise Unavailable("package debian-archive-keyring is not installed")
        mirror = self.mirror()
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("lists/partial", "cache/archives/partial", "state"):
            os.makedirs(os.path.join(self.folder, name))
        os.makedirs(self.debs, exist_ok=True)
        with open(os.path.join(self.folder, "status"), "w"):
            pass
        with open(os.path.join(self.folder, "sources.list"), "w") as f:
            f.writelines(f"deb [signed-by={keyring}] {mirror} {suite} main\n" for suite in SUITES)
        with open(self.env["APT_CONFIG"], "w") as f:
            f.write(f"""Dir::Etc::sourcelist "{self.folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{self.folder}/state";
Dir::State::lists "{self.folder}/lists";
Dir::State::status "{self.folder}/status";
Dir::Cache "{self.folder}/cache";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Default-Release "trixie";
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
""")
        run("apt-get", "-qq", "update", env=self.env)
        with open(os.path.join(self.folder, "ok"), "w"):
            pass

    @staticmethod
    def mirror():
        """The Debian mirror of this machine's own apt."""
        targets = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)", "Created-By: Packages")
        for line in targets.splitlines():
            origin, _, uri = line.partition("|")
            if origin == "Debian" and "security" not in uri:
                return uri
        raise Unavailable("apt knows no Debian mirror (apt-get update?)")

    def download(self, verb, *packages):
        """Paths of the .deb files: of these packages alone (download) or with what they need (install)."""
        uris = run("apt-get", "-qq", "-y", "--print-uris", verb, *packages, env=self.env)
        paths = []
        for uri, name in re.findall(r"^'([^']+)' (\S+)", uris, re.M):
            path = os.path.join(self.debs, name)
            if name.split("_")[0] not in UNWANTED:
                paths.append(path)
        if any(not os.path.exists(p) for p in paths):
            with_download_only = ["--download-only"] if verb == "install" else []
            where = os.path.join(self.folder, "cache", "archives") if verb == "install" else self.debs
            run("apt-get", "-qq", "-y", *with_download_only, verb, *packages, env=self.env, cwd=self.debs)
            if where != self.debs:
                for name in os.listdir(where):
                    if name.endswith(".deb"):
                        os.replace(os.path.join(where, name), os.path.join(self.debs, name))
        for path in paths:
            if not os.path.exists(path):
                raise Unavailable(f"the mirror did not give {os.path.basename(path)}")
        return paths

    def kernel_packages(self, patterns):
        names = run("apt-cache", "pkgnames", "linux-image-", env=self.env).split()
        for pattern in patterns:
            found = [n for n in names if re.fullmatch(pattern, n)]
            yield from sorted(found, key=lambda n: [int(x) for x in re.findall(r"\d+", n)], reverse=True)[:2]


def unpack(deb, folder, members=()):
    exclude = [f"--exclude=./usr/share/{p}" for p in UNWANTED_PATHS]
    os.makedirs(folder, exist_ok=True)
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    r = subprocess.run(["tar", "-x", "-C", folder, "--keep-directory-symlink", "--no-same-owner", *exclude, *members],
                       stdin=tar.stdout, stderr=subprocess.PIPE, text=True)
    tar.stdout.close()
    if tar.wait() and not members or r.returncode:
        raise Unavailable(f"cannot unpack {os.path.basename(deb)}: {r.stderr.strip()[-300:]}")


def loader_argv(program, *args):
    """The words that run one of the root's programs on this machine, with the root's libraries."""
    lib = os.path.join(root(), "usr/lib/x86_64-linux-gnu")
    return [os.path.join(lib, "ld-linux-x86-64.so.2"), "--argv0", os.path.basename(program), "--library-path", lib,
            os.path.join(root(), program), *args]


def build_root():
    top = root()
    shutil.rmtree(top, ignore_errors=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(os.path.join(top, "usr", name))
        os.symlink("usr/" + name, os.path.join(top, name))
    for deb in Apt().download("install", *PACKAGES):
        unpack(deb, top)
    for name in "proc sys dev run tmp mnt in out root etc".split():
        os.makedirs(os.path.join(top, name), exist_ok=True)
    for name in ("var", "usr/lib/udev", "usr/lib/systemd", "usr/lib/x86_64-linux-gnu/gconv", "usr/share/perl5"):
        shutil.rmtree(os.path.join(top, name), ignore_errors=True)
    python = next((n for n in os.listdir(os.path.join(top, "usr/lib")) if re.fullmatch(r"python3\.\d+", n)), "python3")
    for name in ("idlelib", "pydoc_data", "ensurepip", "tkinter", "curses", "test", "turtledemo", "lib2to3"):
        shutil.rmtree(os.path.join(top, "usr/lib", python, name), ignore_errors=True)
    for link, target in (("bin/sh", "bash"), ("bin/awk", "busybox"), ("sbin/modprobe", "../bin/kmod")):
        path = os.path.join(top, "usr", link)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
    for line in run(os.path.join(top, "usr/bin/busybox"), "--list").split():
        if not any(os.path.lexists(os.path.join(top, "usr", d, line)) for d in ("bin", "sbin")):
            os.symlink("busybox", os.path.join(top, "usr/bin", line))
    with open(os.path.join(top, "etc/passwd"), "w") as f:
        f.write("root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/tmp:/bin/bash\n")
    with open(os.path.join(top, "etc/group"), "w") as f:
        f.write("root:x:0:\nuser:x:1000:\n")
    os.symlink("/proc/self/mounts", os.path.join(top, "etc/mtab"))
    shutil.copy(os.path.join(HERE, "init"), os.path.join(top, "init"))
    os.chmod(os.path.join(top, "init"), 0o755)
    if "1.12.0" not in run(*loader_argv("usr/sbin/bcachefs", "version")):  # what 1.13.0 says of itself
        raise Unavailable("the real tool does not start")


def build_kernel(version, folder):
    """vmlinux and initrd of a kernel that has bcachefs as a module."""
    apt = Apt()
    tree = folder + ".tree"
    for package in apt.kernel_packages(KERNELS[version]):
        shutil.rmtree(tree, ignore_errors=True)
        unpack(apt.download("download", package)[0], tree)
        modules = next((d for d, subs, _ in os.walk(tree) if "kernel" in subs and "/modules/" in d), None)
        if modules and os.path.isdir(os.path.join(modules, "kernel/fs/bcachefs")):
            break
    else:
        raise Unavailable(f"the mirror has no Linux {version} with bcachefs")
    release = os.path.basename(modules)
    os.makedirs(folder, exist_ok=True)
    vmlinuz = os.path.join(tree, "boot", f"vmlinuz-{release}")
    unpack_vmlinux(vmlinuz, os.path.join(folder, "vmlinux"))
    pick_modules(modules, release, os.path.join(folder, "mod"))
    with open(os.path.join(folder, "initrd"), "wb") as f:
        archive = cpio.Writer(f)
        archive.add_tree(root())
        archive.add_tree(os.path.join(folder, "mod"))
        archive.close()
    with open(os.path.join(folder, "release"), "w") as f:
        f.write(release + "\n")
    shutil.rmtree(tree)
    shutil.rmtree(os.path.join(folder, "mod"))


def unpack_vmlinux(vmlinuz, target):
    """The kernel proper out of the boot image: it starts much sooner where the processor is emulated."""
    with open(vmlinuz, "rb") as f:
        image = f.read()
    at = image.find(ZSTD_MAGIC)
    while at >= 0:
        r = subprocess.run(["zstd", "-dcq"], input=image[at:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if r.stdout.startswith(b"\x7fELF"):
            with open(target, "wb") as f:
                f.write(r.stdout)
            return
        at = image.find(ZSTD_MAGIC, at + 4)
    shutil.copy(vmlinuz, target)


def pick_modules(source, release, target):
    """Copy the wanted modules and what they depend on, unpacked, with fresh dependency tables."""
    tree = os.path.join(os.path.dirname(source), "..", "..", "dep")
    os.makedirs(os.path.join(tree, "lib/modules"), exist_ok=True)
    os.symlink(os.path.abspath(source), os.path.join(tree, "lib/modules", release))
    depmod = loader_argv("usr/bin/kmod")
    depmod[depmod.index("--argv0") + 1] = "depmod"
    run(*depmod, "-b", tree, release)
    wanted = {"modules.order", "modules.builtin", "modules.builtin.modinfo"}
    with open(os.path.join(source, "modules.dep")) as f:
        for line in f:
            name, _, needs = line.partition(":")
            if name.startswith(MODULES):
                wanted.update([name, *needs.split()])
    where = os.path.join(target, "usr/lib/modules", release)
    for name in wanted:
        os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
        shutil.copy(os.path.join(source, name), os.path.join(where, name))
    packed = [os.path.join(d, f) for d, _, files in os.walk(where) for f in files if f.endswith(".ko.xz")]
    for i in range(0, len(packed), 50):
        run("xz", "-d", *packed[i:i + 50])
    os.symlink("usr/lib", os.path.join(target, "lib"))
    run(*depmod, "-b", target, release)
    os.unlink(os.path.join(target, "lib"))


def step(name, build):
    """Do a step of the setup once; returns the folder."""
    folder = os.path.join(base(), name)
    done = folder + ".ok"
    if not os.path.exists(done):
        with locked():
            if not os.path.exists(done):
                build()
                with open(done, "w"):
                    pass
    return folder


def real_tool():
    """The words that run the real tool."""
    step("root", build_root)
    return loader_argv("usr/sbin/bcachefs")


def kernel(version="6.12"):
    """The folder with vmlinux and initrd."""
    if os.uname().machine != "x86_64":
        raise Unavailable("the kernels are for x86_64")
    if not shutil.which("qemu-system-x86_64"):
        raise Unavailable("qemu-system-x86_64 is not installed")
    step("root", build_root)
    folder = os.path.join(base(), "kernel-" + version)
    return step("kernel-" + version, lambda: build_kernel(version, folder))


def main():
    try:
        print("tool:", " ".join(real_tool()))
        for version in sys.argv[1:] or ["6.12"]:
            folder = kernel(version)
            with open(os.path.join(folder, "release")) as f:
                print(f"kernel {version}: {folder} ({f.read().strip()})")
    except Unavailable as e:
        print(f"setup: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
