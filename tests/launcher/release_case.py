"""Tiny releases of the launcher's layout, and worlds to start their programs in."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

MULTIARCH = f"{os.uname().machine}-linux-gnu"
HOST_LOADER = pathlib.Path({"x86_64": "/lib64/ld-linux-x86-64.so.2",
                            "aarch64": "/lib/ld-linux-aarch64.so.1"}[os.uname().machine])
OPTIONS = argparse.Namespace()


def host_libc_folder() -> pathlib.Path:
    return HOST_LOADER.resolve().parent


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.base = pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="launcher-test-")))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        (self.base / "tmp").mkdir()
        self.prefix = self.base / "prefix"
        self.root = self.prefix / "releases" / "one"
        self.root.mkdir(parents=True)
        (self.prefix / "current").symlink_to("releases/one")
        (self.prefix / "bin").symlink_to("current/bin")
        glibc = self.root / "lib/glibc"
        glibc.mkdir(parents=True)
        (self.root / "lib" / MULTIARCH).mkdir()
        shutil.copy(HOST_LOADER, glibc / HOST_LOADER.name)
        for name in ("libc.so.6", "libm.so.6", "libdl.so.2"):
            shutil.copy(host_libc_folder() / name, glibc / name)
        self.program("bin/tool")

    def program(self, name, content=None):
        real = self.root / "libexec/real" / name
        real.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            shutil.copy(OPTIONS.probe, real)
        else:
            real.write_bytes(content)
        stub = self.root / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OPTIONS.launcher, stub)
        return stub

    def settings(self, name, text):
        path = self.root / "libexec/launch" / (name + ".env")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_raw(self, *argv, env=None, **options):
        settings = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.base / "tmp")}
        settings.update(env or {})
        return subprocess.run([os.fsencode(a) for a in argv], env=settings, capture_output=True, timeout=60, **options)

    def run_probe(self, *argv, env=None, **options):
        done = self.run_raw(*argv, env=env, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        return json.loads(done.stdout)

    def refused(self, *argv, code, message, env=None, **options):
        done = self.run_raw(*argv, env=env, **options)
        self.assertEqual((done.returncode, done.stderr.decode(), done.stdout), (code, message, b""))

    def libc_of(self, report):
        (path,) = {p for p in report["mapped"] if os.path.basename(p).startswith("libc.so.6")}
        return "bundle" if path == str(self.root / "lib/glibc/libc.so.6") else path


def chroot_tool():
    """The words before a command that give it another root directory; None where the kernel forbids it."""
    for words in (["chroot"], ["unshare", "--user", "--map-root-user", "chroot"]):
        try:
            if subprocess.run([*words, "/", "true"], capture_output=True).returncode == 0:
                return words
        except OSError:
            pass
    return None


def namespace_tool():
    """The same for mounts that only the command sees."""
    for words in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        try:
            if subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/sys/module"], capture_output=True).returncode == 0:
                return words
        except OSError:
            pass
    return None


CHROOT = chroot_tool()
NAMESPACE = namespace_tool()


@unittest.skipIf(CHROOT is None, "the kernel allows no chroot here")
class World(Case):
    """A root directory of the test's own: the host's driver, GPUs and loader cache are files that it wrote."""

    def setUp(self):
        super().setUp()
        self.release = "/prefix/releases/one"

    def write(self, path, text=""):
        place = self.base / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def copy(self, library, path):
        place = self.base / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
        return place

    def run_there(self, *argv, env=None):
        done = subprocess.run([*CHROOT, self.base, "/prefix/bin/tool", *argv], capture_output=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp", **(env or {})})
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout), done.stderr.decode()

    def where(self, *names, env=None, before=()):
        """Under which paths the loader finds the libraries."""
        report, _ = self.run_there(*before, *(word for name in names for word in ("--where", name)), env=env)
        found = [report["where " + name] for name in names]
        return found[0] if len(found) == 1 else found
