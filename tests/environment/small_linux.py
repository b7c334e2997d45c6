#!/usr/bin/env python3
"""A Linux of its own, for tests of what this machine's kernel or its set-up does not have: a control group hierarchy
of version 2 with memory, and systemd with a user manager. It is User Mode Linux (Debian's user-mode-linux): a kernel
that is an ordinary program, needs no /dev/kvm and starts in two seconds.

    SmallLinux(systemd=True).run("id; systemctl --user status", timeout=120)

It sees this machine's files, read only; what it writes is in its memory and goes with it. Scripts run as the user
`tester` (as root with root=True), with /bin/sh; what they print on stdout and stderr is returned.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

UID = 4242
BEGIN, END = "@@@ begin @@@", "@@@ end @@@"

# The kernel's init: root is this machine's, read only. overlayfs is a module, and Debian's kmod may not be there.
INIT = """\
#!/bin/sh
mount -t proc proc /proc
python3 - <<'PYTHON'
import ctypes, glob, os
path = glob.glob(f"/usr/lib/uml/modules/{{os.uname().release}}/**/overlay.ko*", recursive=True)[0]
ctypes.CDLL(None).syscall(313, os.open(path, os.O_RDONLY), b"", 0)  # finit_module
PYTHON
mount -t tmpfs mnt /mnt && mkdir /mnt/up /mnt/work /mnt/root
R=/mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work $R || exec /sbin/poweroff -f
mount -t proc proc $R/proc
mount -t sysfs sys $R/sys
mount -t devtmpfs dev $R/dev
mkdir -p $R/dev/shm $R/dev/pts
mount -t tmpfs -o size=64m,mode=1777 shm $R/dev/shm
mount -t tmpfs run $R/run
mount -t cgroup2 cgroup $R/sys/fs/cgroup
echo 'tester:x:{uid}:{uid}::/run:/bin/sh' >> $R/etc/passwd
echo 'tester:x:{uid}:' >> $R/etc/group
echo 'tester:*:19000::::::' >> $R/etc/shadow
# Not chroot alone: in a chroot the kernel lets nobody make a user namespace.
mkdir -p $R/mnt/before && cd $R && pivot_root . mnt/before
{start}
"""
PLAIN = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec chroot . /bin/sh -c 'exec </dev/null >/dev/console 2>&1
  echo "{begin}"; {as_user} /bin/sh {folder}/script 2>&1; echo "{end}"
  exec /sbin/poweroff -f'
"""
SYSTEMD = """\
: > ./etc/fstab
rm -rf ./etc/systemd/system && mkdir -p ./etc/systemd/system
cp {folder}/test.service ./etc/systemd/system/
# They would empty /tmp, where this test stands.
for unit in tmp.mount systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer; do
  ln -sf /dev/null ./etc/systemd/system/$unit
done
exec chroot . /lib/systemd/systemd --unit=test.service --show-status=no --log-level=err --log-target=null
"""
SERVICE = """\
[Unit]
DefaultDependencies=no
Wants=dbus.service user@{uid}.service
After=dbus.service user@{uid}.service
OnFailure=poweroff.target
[Service]
Type=oneshot
{user}
Slice=user-{uid}.slice
StandardInput=null
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/console
Environment=PATH=/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/{uid}
ExecStart=/bin/sh -c 'echo "{begin}"; /bin/sh {folder}/script 2>&1; echo "{end}"'
ExecStopPost=+/sbin/poweroff -f
"""


def why_missing(systemd=False):
    """'' when one can be started here, else why not."""
    if not shutil.which("linux.uml"):
        return "no linux.uml (Debian's user-mode-linux)"
    if systemd and not all(map(os.path.exists, ("/lib/systemd/systemd", "/usr/bin/dbus-daemon",
                                                "/lib/x86_64-linux-gnu/security/pam_systemd.so"))):
        return "no systemd (Debian's systemd, dbus-user-session, libpam-systemd)"
    return ""


class SmallLinux:
    def __init__(self, systemd=False, root=False, memory_mb=768):
        self.systemd, self.root, self.memory_mb = systemd, root, memory_mb

    def run(self, script, timeout):
        """What the script printed. RuntimeError when the machine did not come to its end in `timeout` seconds."""
        with tempfile.TemporaryDirectory(prefix="eb-linux-") as folder:
            os.chmod(folder, 0o755)
            self._write(pathlib.Path(folder), script)
            command = ["linux.uml", f"mem={self.memory_mb}M", "root=98:0", "rootfstype=hostfs", "hostfs=/", "ro",
                       f"init={folder}/init", "quiet", "loglevel=1", "con=null", "con0=null,fd:1",
                       f"uml_dir={folder}"]
            with open(f"{folder}/console", "wb") as console:
                machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                                           cwd=folder, start_new_session=True, env=dict(os.environ, TMPDIR=folder))
                try:
                    machine.wait(timeout)
                except subprocess.TimeoutExpired:
                    pass
                finally:
                    # Its processes are threads of a kind in a session of their own.
                    try:
                        os.killpg(machine.pid, 9)
                    except ProcessLookupError:
                        pass
                    machine.wait()
            text = pathlib.Path(folder, "console").read_text(errors="replace").replace("\r", "")
        if BEGIN not in text or END not in text:
            raise RuntimeError(f"the machine did not come to its end in {timeout} s:\n{text[-3000:]}")
        return text.split(BEGIN, 1)[1].split(END, 1)[0].lstrip("\n")

    def _write(self, folder, script):
        names = {"uid": UID, "folder": folder, "begin": BEGIN, "end": END,
                 "user": "" if self.root else "User=tester",
                 "as_user": "" if self.root else f"setpriv --reuid={UID} --regid={UID} --clear-groups"}
        (folder / "script").write_text(script)
        (folder / "test.service").write_text(SERVICE.format(**names))
        start = (SYSTEMD if self.systemd else PLAIN).format(**names)
        (folder / "init").write_text(INIT.format(uid=UID, start=start))
        os.chmod(folder / "init", 0o755)


if __name__ == "__main__":
    print(SmallLinux(systemd="--systemd" in sys.argv, root="--root" in sys.argv).run(sys.stdin.read(), 300), end="")
