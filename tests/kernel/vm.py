#!/usr/bin/env python3
"""Run a script under a real kernel with bcachefs, in a virtual machine.

    vm.py [-k KERNEL] [-d IMAGE]... [-i FILE]... [-o DIR] [-t SECONDS] [-m MIB] COMMANDS

In the machine: images are /dev/d0, /dev/d1 ...; files are in /in; what the script leaves in /out
comes back, with dmesg.txt; `power-cut [STATUS]` stops the machine as a loss of power would. There
are bash, coreutils, util-linux, python3, the real bcachefs tool, attr, keyctl, dmsetup.

A start takes 5 to 20 s where the processor is emulated: put many checks into one run.
"""
import argparse
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import cpio  # noqa: E402
import setup  # noqa: E402

PORTS = ("output", "out", "status")
FIRST_SLOT, LAST_SLOT = 8, 31  # PCI slots of disks, eight disks a slot


class Run:
    """What came out of a virtual machine."""

    def __init__(self, status, output, out, dmesg, why):
        self.status = status  # of the script; None: the machine did not tell
        self.output = output  # standard output and error of the script
        self.out = out        # {name: bytes} of /out
        self.dmesg = dmesg
        self.why = why        # when status is None: timeout or crash

    def __repr__(self):
        return f"status {self.status} {self.why}\n{self.output[-6000:]}\n{self.dmesg[-2000:]}"


def have_kvm():
    """Whether the processor's own virtualisation is there: others cannot run Debian's kernels."""
    if not os.access("/dev/kvm", os.W_OK):
        return False
    with open("/proc/cpuinfo") as f:
        flags = next((line for line in f if line.startswith("flags")), "").split()
    return bool({"vmx", "svm"} & set(flags))


def qemu_argv(kernel, initrd, images, folder, memory):
    if have_kvm():
        accelerate = ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
    else:  # QEMU 7.2 emulates cmpxchg16b wrongly, kernels crash by it
        accelerate = ["-accel", "tcg,thread=single,tb-size=512", "-smp", "1",
                      "-cpu", "qemu64,-cx16,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"]
    words = ("console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off nokaslr tsc=reliable no_timer_check "
             "cryptomgr.notests lsm= audit=0 i8042.noaux i8042.nokbd log_buf_len=8M")
    argv = ["qemu-system-x86_64", "-M", "pc", *accelerate, "-m", str(memory), "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", os.path.join(kernel, "vmlinux"), "-initrd", initrd,
            "-append", words, "-serial", f"file:{folder}/console", "-device", "virtio-rng-pci,addr=4.0",
            "-device", "virtio-serial-pci,max_ports=8,addr=5.0"]
    for port in PORTS:
        argv += ["-chardev", f"file,id={port},path={folder}/{port}",
                 "-device", f"virtserialport,chardev={port},name={port}"]
    for i, image in enumerate(images):
        path = os.path.realpath(image).replace(",", ",,")
        slot = FIRST_SLOT + i // 8
        if slot > LAST_SLOT:
            raise ValueError(f"{len(images)} images are too many for one machine")
        argv += ["-drive", f"if=none,id=d{i},format=raw,cache=unsafe,discard=unmap,file={path}",
                 "-device", f"virtio-blk-pci,drive=d{i},serial=d{i},addr={slot}.{i % 8},multifunction=on"]
    return argv


def write_initrd(target, kernel, script, files, disks):
    """The kernel's initramfs, followed by an archive of what this run is given."""
    shutil.copy(os.path.join(kernel, "initrd"), target)
    with open(target, "ab") as f:
        archive = cpio.Writer(f)
        archive.add_file("in/script", script.encode())
        archive.add_file("in/settings", f"DISKS={disks}\n".encode())
        for name, data in files.items():
            archive.add_file("in/" + name, data, 0o755)
        archive.close()


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def unpack_out(data):
    out = {}
    if data:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                if member.isfile():
                    out[member.name.removeprefix("./")] = tar.extractfile(member).read()
    return out


def run(script, images=(), files=None, kernel="6.12", timeout=300, memory=1024):
    """
    Run a bash script as root. Images are opened for writing and may change. Raises
    setup.Unavailable when there is no machine to be had.
    """
    folder = tempfile.mkdtemp(prefix="bcachefs-vm-")
    try:
        files = dict(files or {})
        where = setup.kernel(kernel)
        initrd = os.path.join(folder, "initrd")
        write_initrd(initrd, where, script, files, len(images))
        for port in (*PORTS, "console"):
            open(os.path.join(folder, port), "wb").close()
        why = ""
        memory += 3 * sum(map(len, files.values())) >> 20
        with open(os.path.join(folder, "qemu"), "wb") as log:
            machine = subprocess.Popen(qemu_argv(where, initrd, images, folder, memory), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
            try:
                machine.wait(timeout)
            except subprocess.TimeoutExpired:
                why = f"no end after {timeout} s"
            finally:
                if machine.poll() is None:
                    machine.kill()
                    machine.wait()
        text = {n: read(folder, n).decode("utf-8", "replace").replace("\r", "")
                for n in ("output", "status", "console", "qemu")}
        out = unpack_out(read(folder, "out"))
        status = int(text["status"]) if text["status"].strip() else None
        if status is None:
            why = why or "the machine stopped without a status"
        dmesg = out.pop("dmesg.txt", b"").decode("utf-8", "replace")
        return Run(status, text["output"], out, dmesg + text["console"] + text["qemu"], why)
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", "--kernel", default="6.12", choices=sorted(setup.KERNELS))
    parser.add_argument("-d", "--disk", action="append", default=[])
    parser.add_argument("-i", "--input", action="append", default=[])
    parser.add_argument("-o", "--out")
    parser.add_argument("-t", "--timeout", type=float, default=300)
    parser.add_argument("-m", "--memory", type=int, default=1024)
    parser.add_argument("commands")
    args = parser.parse_args()
    files = {os.path.basename(p): read(os.path.dirname(p), os.path.basename(p)) for p in args.input}
    try:
        r = run(args.commands, args.disk, files, args.kernel, args.timeout, args.memory)
    except setup.Unavailable as e:
        print(f"vm: {e}", file=sys.stderr)
        return 125
    sys.stdout.write(r.output)
    if args.out:
        for name, data in {**r.out, "dmesg.txt": r.dmesg.encode()}.items():
            path = os.path.join(args.out, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)
    if r.status is None:
        print(f"vm: {r.why}\n{r.dmesg[-3000:]}", file=sys.stderr)
        return 125
    return r.status


if __name__ == "__main__":
    sys.exit(main())
