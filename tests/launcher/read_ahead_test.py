#!/usr/bin/env python3
"""What runtime/env's envbundle_read_ahead.py asks the kernel for, in processes of their own."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MODULE = pathlib.Path(__file__).resolve().parents[2] / "runtime/env/tree/lib/python/site-packages/envbundle_read_ahead.py"
MIB = 1 << 20

# Records what is asked for; of a file none of which is in memory, as on a cold node.
PROGRAM = """
import os, sys, time
asked = []
def fadvise(fd, offset, size, advice):
    assert advice == os.POSIX_FADV_WILLNEED
    asked.append((os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), sys.argv[1]), offset, size))
def preadv(fd, buffers, offset, flags):
    assert flags == os.RWF_NOWAIT
    if os.environ.get("IN_MEMORY"):
        return 1
    raise BlockingIOError(11, "not there")
os.posix_fadvise, os.preadv = fadvise, preadv
before = len(sys.meta_path)
import site
site.addsitedir(sys.argv[1] + "/lib/python3.11/site-packages")
print("watches", len(sys.meta_path) - before)
for name in sys.argv[2:]:
    try:
        print("imported", __import__(name).__name__)
    except ImportError as error:
        print("no", name)
    if name == "big":
        for _ in range(500):
            if os.environ.get("NOTHING") or len(asked) >= 3:
                break
            time.sleep(0.01)
print("asked", asked)
print("watches", len(sys.meta_path) - before)
"""


class ReadAhead(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name).resolve()
        site = self.root / "lib/python3.11/site-packages"
        (site / "big").mkdir(parents=True)
        (site / "big/__init__.py").write_text("")
        (site / "big/a lib.so").write_bytes(bytes(6 * MIB))
        (site / "big/b.so").write_bytes(bytes(MIB))
        # No link: the module finds the release by its own place.
        (site / "envbundle_read_ahead.py").write_text(MODULE.read_text())
        (site / "envbundle_read_ahead.pth").write_text("import envbundle_read_ahead\n")
        self.lists = self.root / "share/envbundle/read-ahead"
        self.lists.mkdir(parents=True)
        here = "lib/python3.11/site-packages/big"
        self.list("big", f"# a comment\n4096 {5 * MIB} {here}/a lib.so\n0 1000 {here}/b.so\n")

    def list(self, name, text):
        (self.lists / name).write_text(text)

    def run_program(self, *imports, **variables):
        done = subprocess.run([sys.executable, "-S", "-c", PROGRAM, self.root, *imports], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], **variables}, timeout=60)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)
        return done.stdout.splitlines()

    def test_the_first_import_asks_for_the_list_in_pieces_and_then_nothing_is_watched(self):
        a, b = "lib/python3.11/site-packages/big/a lib.so", "lib/python3.11/site-packages/big/b.so"
        asked = [(a, 4096, 4 * MIB), (a, 4096 + 4 * MIB, MIB), (b, 0, 1000)]
        self.assertEqual(self.run_program("big", "big"),
                         ["watches 1", "imported big", "imported big", f"asked {asked}", "watches 0"])

    def test_other_imports_ask_for_nothing(self):
        self.assertEqual(self.run_program("json", "missing"),
                         ["watches 1", "imported json", "no missing", "asked []", "watches 1"])

    def test_what_is_in_memory_is_not_asked_for(self):
        out = self.run_program("big", IN_MEMORY="1", NOTHING="1")
        self.assertEqual(out[-2], "asked []")

    def test_a_variable_turns_it_off(self):
        out = self.run_program("big", ENVBUNDLE_READ_AHEAD="0", NOTHING="1")
        self.assertEqual(out, ["watches 0", "imported big", "asked []", "watches 0"])

    def test_without_lists_nothing_is_watched(self):
        (self.lists / "big").unlink()
        self.lists.rmdir()
        self.assertEqual(self.run_program("big", NOTHING="1")[0], "watches 0")

    def test_a_list_that_is_wrong_harms_no_import(self):
        for text in ("x\n", "0 10\n", "a b c\n", "0 10 no/such/file\n", "-5 10 share/envbundle/read-ahead/big\n", "\n"):
            self.list("big", text)
            out = self.run_program("big", NOTHING="1")
            self.assertEqual(out[1], "imported big", text)

    def test_a_list_for_a_package_that_is_not_there_harms_nothing(self):
        self.list("gone", "0 1 x\n")
        self.assertEqual(self.run_program("gone", "json")[1:3], ["no gone", "imported json"])


if __name__ == "__main__":
    unittest.main()
