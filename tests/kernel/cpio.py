"""Write archives of the kind that an initramfs is made of (cpio, "newc")."""
import os
import stat


class Writer:
    def __init__(self, file):
        self.file = file
        self.ino = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        name = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def add_folder(self, name, mode=0o755):
        self._entry(name, stat.S_IFDIR | mode)

    def add_file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def add_link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def add_tree(self, top, prefix=""):
        """Everything in a folder, owned by root."""
        for folder, subs, files in os.walk(top):
            subs.sort()
            for name in sorted(subs + files):
                path = os.path.join(folder, name)
                inside = os.path.join(prefix, os.path.relpath(path, top))
                mode = os.lstat(path).st_mode
                if stat.S_ISLNK(mode):
                    self.add_link(inside, os.readlink(path))
                elif stat.S_ISDIR(mode):
                    self.add_folder(inside, stat.S_IMODE(mode))
                else:
                    with open(path, "rb") as f:
                        self.add_file(inside, f.read(), stat.S_IMODE(mode))

    def close(self):
        """The trailer, and zeros up to where another archive may follow."""
        self._entry("TRAILER!!!", 0)
        self.file.write(b"\0" * (-self.file.tell() % 512))
