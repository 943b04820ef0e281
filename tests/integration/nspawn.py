"""A Debian of its own, booted with systemd from an overlay of this machine's root: units and packages as they live, without touching
this machine. Needs root, overlayfs, cgroup v2 and systemd-nspawn (package systemd-container); `why_not()` says what is missing.
"""
import os
import shutil
import subprocess
from pathlib import Path

BOOT_S = 1500

# In a mount and pid namespace of its own, so that nothing mounted here is seen outside, and that all of it ends with its first process.
INSIDE = """
set -eu
mount -t tmpfs tmpfs "$1/mnt"
mkdir "$1/mnt/upper" "$1/mnt/work" "$1/mnt/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/mnt/upper,workdir=$1/mnt/work" "$1/mnt/root"
cp -R "$1/files/." "$1/mnt/root/"
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 none /sys/fs/cgroup
code=0
systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no -D "$1/mnt/root" --boot \
    systemd.unit=epochd-test.target </dev/null || code=$?
cp -R "$1/mnt/root/test/." "$1/files/test/"
exit $code
"""

TARGET = """[Unit]
Requires=basic.target dbus.service systemd-logind.service
After=basic.target
Wants=epochd-test.service
AllowIsolate=yes
"""

SERVICE = """[Unit]
After=basic.target dbus.service systemd-logind.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /test/inside.py
StandardOutput=file:/test/output
StandardError=inherit
TimeoutStartSec=1200
"""


def why_not():
    """None, or what this machine lacks."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is not installed (package systemd-container)"
    probe = "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r &&" \
            " (umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup)"
    tried = subprocess.run(["unshare", "-m", "-C", "-p", "-f", "--mount-proc", "sh", "-c", probe], text=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, check=False)
    return f"no namespaces, overlayfs or cgroup v2 here: {tried.stderr.strip()}" if tried.returncode else None


def boot(folder, script, files=()):
    """Boots, runs `script` (a Python program) as root in it, powers off. Returns the folder /test as it was left. `files` are copied there."""
    test = Path(folder) / "files/test"
    units = Path(folder) / "files/etc/systemd/system"
    for path in (test, units, Path(folder) / "mnt"):
        path.mkdir(parents=True)
    (test / "inside.py").write_text(script)
    for file in files:
        shutil.copy(file, test)
    (units / "epochd-test.target").write_text(TARGET)
    (units / "epochd-test.service").write_text(SERVICE)
    booted = subprocess.run(["unshare", "-m", "-C", "-p", "-f", "--kill-child", "--mount-proc", "bash", "-c", INSIDE, "boot", str(folder)],
                            text=True, errors="replace", timeout=BOOT_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    (test / "console").write_text(booted.stdout)
    return test
