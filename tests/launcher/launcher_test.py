#!/usr/bin/env python3
"""The launcher at work: real processes in tiny trees of its layout.

    launcher_test.py --launcher ENVLAUNCH --probe PROGRAM --driver LIBRARY --compat LIBRARY
                     --cudnn LIBRARY --rpath LIBRARY --runpath LIBRARY
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the sources may be read-only

from compat_cases import Compat, CompatInProc, Isolation  # noqa: E402,F401
from release_case import HOST_LOADER, MULTIARCH, OPTIONS, Case, host_libc_folder  # noqa: E402


def host_minor() -> int:
    data = (host_libc_folder() / "libc.so.6").read_bytes()
    return max(int(n) for n in re.findall(rb"\0GLIBC_2\.(\d+)\0", data))


def host_has_driver() -> bool:
    cache = pathlib.Path("/etc/ld.so.cache")
    return (cache.exists() and b"libcuda.so.1\0" in cache.read_bytes()) or any(
        (pathlib.Path(place) / "libcuda.so.1").exists() for place in (
            f"/usr/lib/{MULTIARCH}", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib",
            "/.singularity.d/libs", "/run/opengl-driver/lib"))


class Arguments(Case):
    def test_arguments_and_environment_pass_unchanged(self):
        strange = ["", "a b", "new\nline", "--library-path", "--argv0", "-", "--", "\u00e4", "*", "$HOME"]
        env = {"LD_LIBRARY_PATH": "/nowhere:/else", "EMPTY": "", "X": "a=b"}
        report = self.run_probe(self.root / "bin/tool", *strange, env=env)
        self.assertEqual(report["argv"], [str(self.root / "bin/tool"), *strange])
        self.assertEqual(sorted(report["env"]), sorted(
            ["PATH=/usr/bin:/bin", f"TMPDIR={self.base}/tmp", "LD_LIBRARY_PATH=/nowhere:/else", "EMPTY=", "X=a=b"]))

    def test_many_arguments(self):
        many = [f"argument {i}" for i in range(20000)]
        self.assertEqual(self.run_probe(self.root / "bin/tool", *many)["argv"][1:], many)

    def test_exit_status_is_the_programs(self):
        self.assertEqual(self.run_raw(self.root / "bin/tool", "--exit", "37").returncode, 37)

    def test_signals_reach_the_program(self):
        self.program("bin/sleep", pathlib.Path(shutil.which("sleep")).read_bytes())
        child = subprocess.Popen([self.root / "bin/sleep", "60"])
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), -signal.SIGTERM)


class ArgvZero(Case):
    def argv0(self, *argv, **options):
        return self.run_probe(*argv, **options)["argv"][0]

    def test_path_in_the_release(self):
        self.assertEqual(self.argv0(self.root / "bin/tool"), f"{self.root}/bin/tool")

    def test_through_current_it_becomes_a_path_in_the_release(self):
        for path in (self.prefix / "bin/tool", self.prefix / "current/bin/tool", self.root / "lib/../bin/tool"):
            self.assertEqual(self.argv0(path), f"{self.root}/bin/tool")

    def test_relative_path(self):
        self.assertEqual(self.argv0("bin/tool", cwd=self.prefix), f"{self.root}/bin/tool")
        self.assertEqual(self.argv0("./tool", cwd=self.prefix / "bin"), f"{self.root}/bin/tool")

    def test_word_found_by_path(self):
        env = {"PATH": f"/nowhere:{self.prefix}/bin:/usr/bin"}
        self.assertEqual(self.argv0("tool", executable=self.root / "bin/tool", env=env), f"{self.root}/bin/tool")

    def test_another_name_of_the_program_is_kept(self):
        (self.root / "bin/tool-upload").symlink_to("tool")
        self.assertEqual(self.argv0(self.prefix / "bin/tool-upload"), f"{self.root}/bin/tool-upload")

    def test_link_elsewhere_stays_as_typed(self):
        (self.base / "venv").mkdir()
        (self.base / "venv/tool").symlink_to(self.prefix / "bin/tool")
        self.assertEqual(self.argv0(self.base / "venv/tool"), f"{self.base}/venv/tool")
        self.assertEqual(self.argv0("venv/tool", cwd=self.base), "venv/tool")

    def test_word_that_names_something_else_becomes_the_program(self):
        for word in ("python-that-is-not-there", "ls", "", "/bin/ls"):
            self.assertEqual(self.argv0(word, executable=self.root / "bin/tool"), f"{self.root}/bin/tool")

    def test_word_that_names_a_sibling_of_the_same_program(self):
        (self.root / "bin/tool-upload").symlink_to("tool")
        self.assertEqual(self.argv0("tool-upload", executable=self.root / "bin/tool"),
                         f"{self.root}/bin/tool-upload")

    def test_program_below_lib(self):
        self.program("lib/core/helper")
        self.assertEqual(self.argv0(self.prefix / "current/lib/core/helper"), f"{self.root}/lib/core/helper")

    def test_interpreter_line(self):
        script = self.base / "script"
        script.write_text(f"#!{self.prefix}/bin/tool -x\n")
        script.chmod(0o755)
        self.assertEqual(self.run_probe(script, "y")["argv"], [f"{self.root}/bin/tool", "-x", str(script), "y"])


class Place(Case):
    def test_moved_and_moved_again(self):
        for place in (self.base / "moved place", self.base / "\u00fcber" / "deep"):
            place.parent.mkdir(exist_ok=True)
            self.prefix.rename(place)
            self.prefix = place
            self.root = place / "releases/one"
            report = self.run_probe(place / "bin/tool")
            self.assertEqual(report["argv"][0], f"{self.root}/bin/tool")
            self.assertEqual(self.libc_of(report), "bundle")

    def test_second_path_by_symlink(self):
        (self.base / "link").symlink_to("prefix")
        report = self.run_probe(self.base / "link/bin/tool")
        self.assertEqual(report["argv"][0], f"{self.root}/bin/tool")

    def test_copy_in_a_venv(self):
        python = self.program("bin/python3.11")
        (self.root / "bin/python3").symlink_to("python3.11")
        for name in ("python3.11", "anything"):
            venv = self.base / ("venv-" + name)
            (venv / "bin").mkdir(parents=True)
            shutil.copy(python, venv / "bin" / name)
            (venv / "pyvenv.cfg").write_text(f"include-system-site-packages = false\nhome = {self.prefix}/bin\n")
            report = self.run_probe(venv / "bin" / name)
            self.assertEqual(report["argv"][0], str(venv / "bin" / name))
            self.assertEqual(self.libc_of(report), "bundle")

    def test_process_bears_the_programs_name(self):
        link = self.root / "libexec/launch/bin/sleep"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../../lib/glibc/{HOST_LOADER.name}")
        self.program("bin/sleep", pathlib.Path(shutil.which("sleep")).read_bytes())
        child = subprocess.Popen([self.root / "bin/sleep", "60"])
        try:
            for _ in range(2000):
                name = pathlib.Path(f"/proc/{child.pid}/comm").read_text()
                executable = os.readlink(f"/proc/{child.pid}/exe")
                if executable.endswith(HOST_LOADER.name):
                    break
            self.assertEqual(name, "sleep\n")
            self.assertEqual(executable, str(self.root / "lib/glibc" / HOST_LOADER.name))
        finally:
            child.kill()
            child.wait()


class Glibc(Case):
    def edit_libc(self, edit):
        path = self.root / "lib/glibc/libc.so.6"
        path.write_bytes(edit(path.read_bytes()))

    def set_minor(self, minor):
        """Makes the release's glibc say that it is 2.MINOR; the loader too, which the library asks for the names."""
        def number(match):
            return b"\0GLIBC_2." + (b"%02d" % min(int(match[1]), minor) if int(match[1]) < host_minor() else b"%02d" % minor)
        for name in ("libc.so.6", HOST_LOADER.name):
            path = self.root / "lib/glibc" / name
            path.write_bytes(re.sub(rb"\0GLIBC_2\.(\d\d)(?=\0)", number, path.read_bytes()))

    def test_equal_means_the_releases(self):
        self.assertEqual(self.libc_of(self.run_probe(self.root / "bin/tool")), "bundle")

    def test_newer_release(self):
        self.set_minor(99)
        self.assertEqual(self.libc_of(self.run_probe(self.root / "bin/tool")), "bundle")

    def test_older_release_means_the_hosts(self):
        self.set_minor(17)
        report = self.run_probe(self.root / "bin/tool")
        self.assertEqual(os.path.realpath(self.libc_of(report)), str(host_libc_folder() / "libc.so.6"))
        self.assertFalse([p for p in report["mapped"] if p.startswith(str(self.root / "lib/glibc"))])
        self.assertEqual(report["argv"][0], f"{self.root}/bin/tool")

    def test_release_without_glibc(self):
        shutil.rmtree(self.root / "lib/glibc")
        self.assertNotEqual(self.libc_of(self.run_probe(self.root / "bin/tool")), "bundle")

    def test_damaged_libc_is_not_chosen_and_never_crashes_the_launcher(self):
        whole = (self.root / "lib/glibc/libc.so.6").read_bytes()
        sizes = [0, 1, 4, 63, 64, 65, 100, 512, 1000, 4096, 20000, len(whole) // 2]
        for size in sizes:
            self.edit_libc(lambda _: whole[:size])
            report = self.run_probe(self.root / "bin/tool")
            self.assertNotEqual(self.libc_of(report), "bundle", size)
        # Every byte of the headers turned: whichever libc is chosen, the launcher itself does not fall.
        for at in range(16, 64 + 14 * 56, 3):
            self.edit_libc(lambda _: whole[:at] + bytes([whole[at] ^ 0xff]) + whole[at + 1:])
            done = self.run_raw(self.root / "bin/tool", env={"ENVLAUNCH_VERBOSE": "1"})
            self.assertIn(b"envlaunch: loader: ", done.stderr, at)

    def test_environment_can_decide(self):
        report = self.run_probe(self.root / "bin/tool", env={"ENVLAUNCH_LIBC": "host"})
        self.assertNotEqual(self.libc_of(report), "bundle")
        self.set_minor(host_minor() - 1)
        self.assertNotEqual(self.libc_of(self.run_probe(self.root / "bin/tool")), "bundle")
        report = self.run_probe(self.root / "bin/tool", env={"ENVLAUNCH_LIBC": "bundle"})
        self.assertEqual(self.libc_of(report), "bundle")

    def test_libraries_come_from_the_release_whatever_LD_LIBRARY_PATH_says(self):
        wrong = self.base / "wrong"
        wrong.mkdir()
        (wrong / "libc.so.6").write_bytes(b"not a library")
        report = self.run_probe(self.root / "bin/tool", env={"LD_LIBRARY_PATH": str(wrong)})
        self.assertEqual(self.libc_of(report), "bundle")

    def test_verbose(self):
        done = self.run_raw(self.root / "bin/tool", env={"ENVLAUNCH_VERBOSE": "1"})
        self.assertEqual(done.stderr.decode().splitlines()[0],
                         f"envlaunch: loader: {self.root}/lib/glibc/{HOST_LOADER.name}")
        self.assertIn(f"envlaunch: program: {self.root}/libexec/real/bin/tool", done.stderr.decode())


class Scripts(Case):
    def setUp(self):
        super().setUp()
        self.program("bin/python3.11")
        (self.root / "bin/python3").symlink_to("python3.11")

    def test_script_is_run_by_the_releases_python(self):
        self.program("bin/pip", b"#!/usr/bin/python3\nimport pip\n")
        os.chmod(self.root / "libexec/real/bin/pip", 0o644)
        report = self.run_probe(self.prefix / "bin/pip", "list", "-v")
        self.assertEqual(report["argv"],
                         [f"{self.root}/bin/python3.11", f"{self.root}/libexec/real/bin/pip", "list", "-v"])
        self.assertEqual(self.libc_of(report), "bundle")

    def test_options_of_the_first_line(self):
        self.settings("bin/python3.11", "@arguments -X frozen_modules=off\n")
        self.program("bin/pip", b"#!python -E  -s\nimport pip\n")
        self.assertEqual(self.run_probe(self.root / "bin/pip", "x")["argv"][1:],
                         ["-X", "frozen_modules=off", "-E", "-s", f"{self.root}/libexec/real/bin/pip", "x"])

    def test_a_dash_inside_the_interpreters_path_is_no_option(self):
        self.program("bin/pip", b"#!/opt/my-python/bin/python3.11\n")
        self.assertEqual(self.run_probe(self.root / "bin/pip")["argv"][1:], [f"{self.root}/libexec/real/bin/pip"])

    def test_linked_elsewhere(self):
        self.program("bin/pip", b"#!python\n")
        (self.base / "mine").symlink_to(self.prefix / "bin/pip")
        self.assertEqual(self.run_probe(self.base / "mine")["argv"][0], f"{self.root}/bin/python3.11")

    def test_without_a_python(self):
        self.program("bin/pip", b"#!python\n")
        (self.root / "bin/python3").unlink()
        self.refused(self.root / "bin/pip", code=127, message=(
            f"envlaunch: error: the release has no Python for this script: {self.root}/bin/python3: "
            "no such file or directory\n"))


class Settings(Case):
    def values(self, env=None):
        report = self.run_probe(self.root / "bin/tool", env=env)
        return dict(entry.split("=", 1) for entry in report["env"])

    def test_settings(self):
        (self.root / "there").write_text("")
        self.settings("bin/tool", "# comment\n\nPLAIN=value with spaces\nROOT=@R@/lib:@R@\nTAKEN=ours\nTAKEN2=ours\n"
                      "FIRST=?/nowhere/x|@R@/there|/etc\nNONE=?/nowhere/x\n=broken\nalso broken\n"
                      "LAST=without newline")
        values = self.values({"TAKEN": "theirs", "TAKEN2": ""})
        for name in ("PATH", "TMPDIR"):
            values.pop(name)
        self.assertEqual(values, {"PLAIN": "value with spaces", "ROOT": f"{self.root}/lib:{self.root}",
                                  "TAKEN": "theirs", "TAKEN2": "", "FIRST": f"{self.root}/there",
                                  "LAST": "without newline"})

    def test_arguments(self):
        self.settings("bin/tool", "@arguments -a  b\n")
        self.assertEqual(self.run_probe(self.root / "bin/tool", "c")["argv"][1:], ["-a", "b", "c"])

    def test_settings_of_another_program_do_not_apply(self):
        self.settings("bin/other", "X=1\n")
        self.assertNotIn("X", self.values())


@unittest.skipIf(host_has_driver(), "the loader finds a driver of this host")
class Driver(Case):
    def setUp(self):
        super().setUp()
        self.place = self.base / "driver"
        self.place.mkdir()
        for name in ("libcuda.so.1", "libnvidia-ml.so.1", "libcudart.so.12", "libother.so.1"):
            shutil.copy(OPTIONS.driver, self.place / name)

    def probe_driver(self, path, env=None):
        asked = ("libcuda.so.1", "libnvidia-ml.so.1", "libcudart.so.12", "libother.so.1")
        arguments = [word for name in asked for word in ("--load", name)]
        report = self.run_probe(self.root / "bin/tool", *arguments, env={"LD_LIBRARY_PATH": path, **(env or {})})
        self.assertIn(f"LD_LIBRARY_PATH={path}", report["env"])
        return [name for name in asked if report[name]]

    def folders(self):
        return sorted(p for p in (self.base / "tmp").glob("envlaunch-*/*"))

    def test_the_drivers_libraries_alone_are_found(self):
        found = self.probe_driver(f"/nowhere:{self.place}:/usr/lib")
        self.assertEqual(found, ["libcuda.so.1", "libnvidia-ml.so.1"])
        (folder,) = self.folders()
        for directory in (folder, folder.parent):
            info = directory.lstat()
            self.assertEqual((stat.S_IMODE(info.st_mode), info.st_uid), (0o700, os.geteuid()))
        self.assertEqual(sorted(os.listdir(folder)), ["libcuda.so.1", "libnvidia-ml.so.1"])

    def test_the_folder_is_used_again_until_the_driver_changes(self):
        for _ in range(2):
            self.probe_driver(str(self.place))
        self.assertEqual(len(self.folders()), 1)
        os.utime(self.place / "libcuda.so.1", (1, 1))
        self.assertEqual(self.probe_driver(str(self.place)), ["libcuda.so.1", "libnvidia-ml.so.1"])
        self.assertEqual(len(self.folders()), 2)

    def test_many_starts_at_once_make_one_folder(self):
        env = {"LD_LIBRARY_PATH": str(self.place), "TMPDIR": str(self.base / "tmp")}
        children = [subprocess.Popen([self.root / "bin/tool", "--load", "libcuda.so.1"], env=env,
                                     stdout=subprocess.PIPE) for _ in range(20)]
        for child in children:
            self.assertTrue(json.loads(child.communicate(timeout=60)[0])["libcuda.so.1"])
        self.assertEqual(len(self.folders()), 1)
        self.assertEqual(len(list(self.folders()[0].parent.iterdir())), 1)  # no temporary one is left

    def test_a_folder_that_somebody_else_could_change_is_not_used(self):
        name = f"envlaunch-{os.geteuid()}"
        trap = self.base / "trap"
        trap.mkdir(mode=0o700)
        for make in (lambda p: p.symlink_to(trap), lambda p: p.mkdir(), lambda p: p.write_text("")):
            path = self.base / "tmp" / name
            make(path)
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
            self.assertEqual(self.probe_driver(str(self.place)), ["libcuda.so.1", "libnvidia-ml.so.1"])
            self.assertEqual(os.listdir(trap), [])
            self.assertTrue((self.base / "tmp" / (name + "-1")).is_dir())
            shutil.rmtree(self.base / "tmp")
            (self.base / "tmp").mkdir()

    def test_a_place_that_others_may_write_is_not_used(self):
        (self.base / "tmp").chmod(0o777)  # and not sticky
        runtime = self.base / "runtime"
        runtime.mkdir(mode=0o700)
        self.assertEqual(self.probe_driver(str(self.place), {"XDG_RUNTIME_DIR": str(runtime)}),
                         ["libcuda.so.1", "libnvidia-ml.so.1"])
        self.assertEqual(self.folders(), [])
        self.assertEqual(len(list(runtime.glob("envlaunch-*/*"))), 1)

    def test_stubs_relative_and_foreign_places_are_passed_over(self):
        stubs = self.base / "stubs"
        shutil.copytree(self.place, stubs)
        foreign = self.base / "foreign"
        foreign.mkdir()
        data = bytearray((self.place / "libcuda.so.1").read_bytes())
        data[4] = 1  # ELFCLASS32
        (foreign / "libcuda.so.1").write_bytes(data)
        self.assertEqual(self.probe_driver(f":driver:{stubs}:{foreign}:$ORIGIN"), [])
        self.assertEqual(self.folders(), [])
        self.assertEqual(self.probe_driver(f"{stubs}:{foreign};{self.place}"), ["libcuda.so.1", "libnvidia-ml.so.1"])

    def test_a_program_that_needs_no_driver(self):
        self.settings("bin/tool", "@no-driver\n")
        self.assertEqual(self.probe_driver(str(self.place)), [])
        self.assertEqual(self.folders(), [])

    def test_works_with_the_hosts_glibc_too(self):
        self.assertEqual(self.probe_driver(str(self.place), {"ENVLAUNCH_LIBC": "host"}),
                         ["libcuda.so.1", "libnvidia-ml.so.1"])


class Errors(Case):
    def test_copy_outside_of_a_release(self):
        stray = self.base / "stray"
        shutil.copy(OPTIONS.launcher, stray)
        self.refused(stray, code=127, message=(
            f"envlaunch: error: this copy of the launcher is not inside a release (no libexec/real above it): {stray}\n"))

    def test_program_is_gone(self):
        (self.root / "libexec/real/bin/tool").unlink()
        self.refused(self.root / "bin/tool", code=127, message=(
            "envlaunch: error: this copy of the launcher is not inside a release (no libexec/real above it): "
            f"{self.root}/bin/tool\n"))

    def test_colon_in_the_prefix(self):
        self.prefix.rename(self.base / "a:b")
        self.refused(self.base / "a:b/bin/tool", code=127, message=(
            f"envlaunch: error: the prefix must not have ':' or ';' in its path: {self.base}/a:b/releases/one\n"))

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_program_that_may_not_be_read(self):
        (self.root / "libexec/real/bin/tool").chmod(0)
        self.refused(self.root / "bin/tool", code=126, message=(
            f"envlaunch: error: cannot open the program: {self.root}/libexec/real/bin/tool: "
            "permission denied (is the file system mounted noexec?)\n"))

    def test_loader_that_may_not_be_executed(self):
        (self.root / "lib/glibc" / HOST_LOADER.name).chmod(0o644)
        self.refused(self.root / "bin/tool", code=126, message=(
            f"envlaunch: error: cannot start the loader: {self.root}/lib/glibc/{HOST_LOADER.name}: "
            "permission denied (is the file system mounted noexec?)\n"))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Chroot(Case):
    """What only an own root directory can show: no host loader, no /proc."""

    def run_there(self, *argv, **env):
        def enter():
            os.chroot(self.base)
            os.chdir("/")
        done = subprocess.run(argv, env={"TMPDIR": "/tmp", **env}, capture_output=True, timeout=60, preexec_fn=enter)
        return done.returncode, done.stdout, done.stderr.decode()

    def test_no_proc_no_host_loader(self):
        for path in ("/prefix/bin/tool", "/prefix/releases/one/bin/tool"):
            code, out, err = self.run_there(path)
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(json.loads(out)["argv"], ["/prefix/releases/one/bin/tool"])

    def test_no_proc_and_an_interpreter_line(self):
        script = self.base / "script"
        script.write_text("#!/prefix/bin/tool\n")
        script.chmod(0o755)
        code, out, err = self.run_there("/script")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(json.loads(out)["argv"], ["/prefix/releases/one/bin/tool", "/script"])

    def test_no_loader_anywhere(self):
        shutil.rmtree(self.root / "lib/glibc")
        self.assertEqual(self.run_there("/prefix/bin/tool"), (127, b"", (
            "envlaunch: error: no loader: the release has no glibc and the host has none: "
            f"/prefix/releases/one/lib/glibc/{HOST_LOADER.name}\n")))

    def test_no_proc_and_not_in_a_release(self):
        shutil.copy(OPTIONS.launcher, self.base / "stray")
        self.assertEqual(self.run_there("/stray"), (127, b"", (
            "envlaunch: error: cannot find out where this program stands (is /proc mounted?): /stray\n")))

    def test_bind_mount(self):
        second = self.base / "second"
        second.mkdir()
        if subprocess.run(["mount", "--bind", self.prefix, second]).returncode != 0:
            self.skipTest("no bind mounts here")
        try:
            report = self.run_probe(second / "bin/tool")
            self.assertEqual(report["argv"][0], f"{second}/releases/one/bin/tool")
        finally:
            subprocess.run(["umount", second], check=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("launcher", "probe", "driver", "compat", "cudnn", "rpath", "runpath"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed, {len(result.skipped)} skipped")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
