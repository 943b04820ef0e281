"""Disks to fill, to make read-only and to cut the power of: root alone may mount them, elsewhere `why_not` says so.

A `Cuttable` disk is ext4 in a file that lies on XFS. Copying the file by reference (`cp --reflink`) takes everything that the file
system had written to its device at one moment, and nothing that was still in memory: the copy is the disk after a power cut. That
models a device that keeps what was written to it; one that loses its cache in spite of flushes is not modelled.
"""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def command(*words, **options):
    result = subprocess.run([*map(str, words)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, words))}: {result.stdout.strip()}")
    return result.stdout


class Mounted:
    """A mounted file system; close() takes it away, also under the feet of a process that is still there."""

    def __init__(self, source, folder, *options):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        command("mount", *options, source, self.folder)

    def remount(self, option):
        command("mount", "-o", f"remount,{option}", self.folder)

    def close(self):
        if self.folder.is_mount():
            command("umount", "--lazy", self.folder)


def tmpfs(folder, kib, *options):
    return Mounted("none", folder, "-t", "tmpfs", "-o", ",".join([f"size={kib}k,mode=0750", *options]))


def make_ext4(image, mib):
    with open(image, "wb") as file:
        file.truncate(mib << 20)
    command("mkfs.ext4", "-q", "-F", "-E", "nodiscard", image)
    return image


class Filler:
    """Takes all the room that is left on a file system, and gives it back."""

    def __init__(self, folder):
        self.path = Path(folder) / "filler"
        with open(self.path, "wb", buffering=0) as file:
            for block in (1 << 20, 4096, 1):
                self._fill(file, block)

    @staticmethod
    def _fill(file, block):
        try:
            while file.write(bytes(block)):
                pass
        except OSError:
            pass

    def close(self):
        self.path.unlink(missing_ok=True)


def why_not():
    """None where loop devices, ext4 and reflinks work, else the reason."""
    if os.geteuid() != 0:
        return "only root may mount"
    missing = [tool for tool in ("mkfs.xfs", "mkfs.ext4", "mount", "losetup") if not shutil.which(tool)]
    if missing:
        return f"{', '.join(missing)} missing (packages xfsprogs, e2fsprogs)"
    try:
        store = Store()
    except OSError as error:
        return f"no loop device or no XFS: {error}"
    store.close()
    return None


class Store:
    """An XFS in a file, in a temporary folder: where cuttable disks and their copies lie."""

    def __init__(self, mib=2048):
        self.folder = Path(tempfile.mkdtemp(prefix="epochd-disks-"))
        self.mounted = None
        image = self.folder / "xfs.img"
        try:
            with open(image, "wb") as file:
                file.truncate(mib << 20)
            command("mkfs.xfs", "-q", "-m", "reflink=1", image)
            self.mounted = Mounted(image, self.folder / "xfs", "-o", "loop")
        except OSError:
            self.close()
            raise

    def close(self):
        if self.mounted:
            self.mounted.close()
        shutil.rmtree(self.folder)


class Cuttable:
    """An ext4 disk in the store, mounted."""

    def __init__(self, store, name, mib=256):
        self.store, self.image = store, make_ext4(store.mounted.folder / f"{name}.img", mib)
        self.mounted = Mounted(self.image, store.folder / name, "-o", "loop")

    @property
    def folder(self):
        return self.mounted.folder

    def sync(self):
        command("sync", "--file-system", self.folder)

    def cut(self, name):
        """The power goes off now: what the disk had by then."""
        image = self.image.with_name(f"{name}.img")
        command("cp", "--reflink=always", self.image, image)
        return Cut(image, self.store.folder / name)

    def close(self):
        self.mounted.close()
        self.image.unlink(missing_ok=True)


class Cut(Cuttable):
    """A copy of a disk, mounted as after the next start: ext4 replays its own journal."""

    def __init__(self, image, folder):
        self.image = image
        self.mounted = Mounted(image, folder, "-o", "loop")
