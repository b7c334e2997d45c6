"""The driver of a release, and a host that puts its own libraries in the way. Run by launcher_test.py."""

import os
import pathlib
import shutil
import subprocess
import unittest

from release_case import CHROOT, MULTIARCH, NAMESPACE, OPTIONS, Case, World


class Compat(World):
    """The forward-compatibility driver of a release. The rules themselves are in compat_rule_test.cpp."""

    NOTE_DRIVERS = b"535,550,560,565,570,575"

    def setUp(self):
        super().setUp()
        self.folder = self.root / "lib/cuda-compat"
        self.folder.mkdir()
        shutil.copy(OPTIONS.compat, self.folder / "libcuda.so.575.57.08")
        (self.folder / "libcuda.so.1").symlink_to("libcuda.so.575.57.08")
        shutil.copy(OPTIONS.driver, self.folder / "libnvidia-ptxjitcompiler.so.1")
        self.ours = f"{self.release}/lib/cuda-compat/libcuda.so.1"
        # The host's driver lies where only LD_LIBRARY_PATH leads to it.
        for name in ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1"):
            self.copy(OPTIONS.driver, "/driver/" + name)
        self.host("535.129.03")
        self.gpu("NVIDIA H100 80GB HBM3")

    def host(self, version):
        self.write("/sys/module/nvidia/version", version + "\n")

    def gpu(self, model, place="0000:3b:00.0"):
        self.write(f"/proc/driver/nvidia/gpus/{place}/information",
                   f"Model: \t\t {model}\nIRQ:   \t\t 77\nGPU UUID: \t GPU-eaf23aa1-4d3d-596c-da66-b86b0e5db584\n"
                   f"Bus Type: \t PCI\nBus Location: \t {place}\nDevice Minor: \t 0\n")

    def outcome(self, env=None):
        """(path of libcuda.so.1, what the launcher says)."""
        report, said = self.run_there("--where", "libcuda.so.1", env={
            "LD_LIBRARY_PATH": "/driver", "ENVLAUNCH_VERBOSE": "1", **(env or {})})
        lines = [line for line in said.splitlines() if line.startswith("envlaunch: cuda-compat: ")]
        self.assertLessEqual(len(lines), 1)
        return report["where libcuda.so.1"], lines[0].removeprefix("envlaunch: cuda-compat: ") if lines else None

    def is_used(self, why, env=None):
        self.assertEqual(self.outcome(env), (self.ours, "used: " + why))

    def is_not_used(self, why, env=None):
        path, said = self.outcome(env)
        self.assertEqual(said, "not used: " + why)
        self.assertRegex(path, r"^/tmp/envlaunch-\d+/[0-9a-f]{16}/libcuda\.so\.1$")

    def test_used_where_the_note_lists_the_hosts_branch(self):
        self.is_used("575.57.08 is newer than the host's driver 535.129.03 and lists its branch")

    def test_it_stands_before_the_hosts_driver_which_is_still_there_for_the_rest(self):
        jit, nvml = self.where("libnvidia-ptxjitcompiler.so.1", "libnvidia-ml.so.1", env={"LD_LIBRARY_PATH": "/driver"})
        self.assertEqual(jit, f"{self.release}/lib/cuda-compat/libnvidia-ptxjitcompiler.so.1")
        self.assertRegex(nvml, r"^/tmp/envlaunch-\d+/[0-9a-f]{16}/libnvidia-ml\.so\.1$")

    def test_works_where_the_host_has_no_libcuda_at_all(self):
        self.assertEqual(self.where("libcuda.so.1"), self.ours)

    def test_wins_over_a_driver_that_the_loader_finds_by_itself(self):
        for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
            self.copy(OPTIONS.driver, f"/usr/lib/{MULTIARCH}/{name}")
        self.assertEqual(self.where("libcuda.so.1"), self.ours)
        self.host("580.65.06")
        self.assertNotEqual(self.where("libcuda.so.1"), self.ours)

    def test_not_where_the_host_is_new_enough(self):
        self.host("580.65.06")
        self.is_not_used("the host's driver 580.65.06 is not older than 575.57.08")

    def test_not_where_the_note_leaves_the_branch_out(self):
        self.host("470.256.02")
        self.is_not_used("575.57.08 does not list the host's driver branch 470")
        library = self.folder / "libcuda.so.575.57.08"
        library.write_bytes(library.read_bytes().replace(self.NOTE_DRIVERS, b"470,550,560,565,570,575"))
        self.is_used("575.57.08 is newer than the host's driver 470.256.02 and lists its branch")

    def test_version_from_proc_where_the_module_is_built_in(self):
        (self.base / "sys/module/nvidia/version").unlink()
        self.write("/proc/driver/nvidia/version",
                   "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.144.03  Release Build  "
                   "(dvs-builder@U16-I3-D08-1-2)  Mon Dec 30 17:26:13 UTC 2024\n"
                   "GCC version:  collect2: error: ld returned 1 exit status\n")
        self.is_used("575.57.08 is newer than the host's driver 550.144.03 and lists its branch")
        self.write("/proc/driver/nvidia/version", "something else 550.144.03\n")
        self.is_not_used("no version of an NVIDIA kernel driver can be read here")

    def test_not_without_a_driver(self):
        shutil.rmtree(self.base / "sys")
        self.is_not_used("no version of an NVIDIA kernel driver can be read here")

    def test_not_under_wsl(self):
        self.write("/dev/dxg")
        self.is_not_used("under WSL the driver is that of Windows")

    def test_not_where_one_of_the_gpus_is_a_geforce(self):
        places = ("0000:3b:00.0", "0000:5e:00.0", "0000:af:00.0")
        for theirs in places:  # in whatever order the folder lists them
            for place in places:
                self.gpu("NVIDIA GeForce RTX 3090" if place == theirs else "NVIDIA H100 80GB HBM3", place)
            self.is_not_used("575.57.08 is not made for this GPU: NVIDIA GeForce RTX 3090")

    def test_a_library_without_a_note(self):
        shutil.copy(OPTIONS.driver, self.folder / "libcuda.so.575.57.08")
        self.is_used("575.57.08 is newer than the host's driver 535.129.03")
        self.host("575.51.03")
        self.is_not_used("the host's driver 575.51.03 is not of an older branch than 575.57.08")

    def test_a_copy_in_the_place_of_the_link_has_the_version_of_its_note(self):
        (self.folder / "libcuda.so.1").unlink()
        shutil.copy(OPTIONS.compat, self.folder / "libcuda.so.1")
        self.is_used("R575 is newer than the host's driver 535.129.03 and lists its branch")
        shutil.copy(OPTIONS.driver, self.folder / "libcuda.so.1")
        self.is_not_used("its version cannot be told from its name libcuda.so.1")

    def test_a_damaged_note(self):
        library = self.folder / "libcuda.so.575.57.08"
        library.write_bytes(library.read_bytes().replace(b'"driver":[', b'"driver":{'))
        self.is_not_used("its ELF note cannot be understood")

    def test_a_damaged_library_never_crashes_the_launcher(self):
        library = self.folder / "libcuda.so.575.57.08"
        whole = library.read_bytes()
        for at in list(range(20, 64)) + list(range(len(whole) - 64 * 8, len(whole), 5)):
            library.write_bytes(whole[:at] + bytes([whole[at] ^ 0xff]) + whole[at + 1:])
            _, said = self.run_there(env={"ENVLAUNCH_VERBOSE": "1"})
            self.assertIn("envlaunch: cuda-compat: ", said, at)
        for size in (20, 63, 64, 100, 1000, len(whole) // 2, len(whole) - 1):
            library.write_bytes(whole[:size])
            _, said = self.run_there(env={"ENVLAUNCH_VERBOSE": "1"})
            self.assertIn("envlaunch: cuda-compat: ", said, size)

    def test_a_library_of_another_machine_is_not_used_whoever_asks(self):
        library = self.folder / "libcuda.so.575.57.08"
        whole = library.read_bytes()
        for broken in (whole[:4] + b"\1" + whole[5:], whole[:18] + b"\x15\0" + whole[20:], b"", None):
            if broken is None:
                library.unlink()
            else:
                library.write_bytes(broken)
            for env in ({}, {"ENVLAUNCH_COMPAT": "on"}):
                self.is_not_used(f"no library of this machine: {self.ours}", env)

    def test_a_person_can_decide_otherwise(self):
        self.is_not_used("ENVLAUNCH_COMPAT=off", {"ENVLAUNCH_COMPAT": "off"})
        shutil.rmtree(self.base / "sys")
        self.is_used("ENVLAUNCH_COMPAT=on", {"ENVLAUNCH_COMPAT": "on"})

    def test_a_program_that_needs_no_driver(self):
        self.settings("bin/tool", "@no-driver\n")
        self.assertEqual(self.outcome(), (None, None))

    def test_nothing_is_said_of_a_release_that_has_none(self):
        shutil.rmtree(self.folder)
        path, said = self.outcome()
        self.assertNotEqual(path, self.ours)
        self.assertIsNone(said)


@unittest.skipIf(NAMESPACE is None, "the kernel allows no mount namespace here")
class CompatInProc(Case):
    """The same beside the real /proc and /sys of this machine, with a driver mounted into them."""

    def test_used_and_mapped(self):
        folder = self.root / "lib/cuda-compat"
        folder.mkdir()
        shutil.copy(OPTIONS.compat, folder / "libcuda.so.575.57.08")
        (folder / "libcuda.so.1").symlink_to("libcuda.so.575.57.08")
        for version, model, used in (("535.129.03", "NVIDIA H100 80GB HBM3", True),
                                     ("580.65.06", "NVIDIA H100 80GB HBM3", False),
                                     ("535.129.03", "NVIDIA GeForce RTX 3090", False)):
            script = ("set -e\nmount -t tmpfs none /sys/module\nmount -t tmpfs none /proc/driver\n"
                      "mkdir -p /sys/module/nvidia /proc/driver/nvidia/gpus/0000:3b:00.0\n"
                      f"echo {version} > /sys/module/nvidia/version\n"
                      f"printf 'Model: \\t\\t {model}\\n' > /proc/driver/nvidia/gpus/0000:3b:00.0/information\n"
                      'exec "$@"\n')
            report = self.run_probe(*NAMESPACE, "sh", "-c", script, "sh", self.root / "bin/tool",
                                    "--load", "libcuda.so.1", env={"PATH": os.environ["PATH"]})
            library = str(folder / "libcuda.so.575.57.08")
            self.assertEqual(library in report["mapped"], used, (version, model))


class Isolation(World):
    """What a hostile host puts in the way of a release's own libraries."""

    def test_what_lies_beside_the_driver_is_not_used(self):
        planted = ("libcuda.so.1", "libcudnn.so.9", "libcudart.so.12", "libstdc++.so.6", "libgcc_s.so.1")
        for name in planted:
            self.copy(OPTIONS.driver, "/driver/" + name)
        for name in ("libstdc++.so.6", "libgcc_s.so.1"):
            self.copy(OPTIONS.driver, f"{self.release}/lib/{MULTIARCH}/{name}")
        hostile = {"LD_LIBRARY_PATH": "/driver"}
        driver, cudnn, cudart, stdcpp, gcc = self.where(*planted, env=hostile)
        self.assertRegex(driver, r"^/tmp/envlaunch-\d+/[0-9a-f]{16}/libcuda\.so\.1$")
        self.assertEqual((cudnn, cudart), (None, None))  # the release of this test has none
        for name, found in (("libstdc++.so.6", stdcpp), ("libgcc_s.so.1", gcc)):
            self.assertEqual(found, f"{self.release}/lib/{MULTIARCH}/{name}")
        # Nor is it used beside a forward-compatibility driver.
        self.copy(OPTIONS.compat, f"{self.release}/lib/cuda-compat/libcuda.so.1")
        self.write("/sys/module/nvidia/version", "535.129.03\n")
        self.assertEqual(self.where(*planted, env=hostile), [
            f"{self.release}/lib/cuda-compat/libcuda.so.1", None, None, stdcpp, gcc])

    @unittest.skipIf(shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin") is None, "no ldconfig here")
    def test_a_cudnn_in_the_loaders_cache_does_not_win_over_the_releases(self):
        packages = f"{self.release}/lib/site-packages"
        own = f"{packages}/cudnn/lib/libcudnn.so.9"
        self.copy(OPTIONS.cudnn, own)
        self.copy(OPTIONS.cudnn, "/opt/planted/libcudnn.so.9")
        self.copy(OPTIONS.driver, f"/opt/planted/{pathlib.Path(OPTIONS.driver).name}")
        self.write("/etc/ld.so.conf", "/opt/planted\n")
        ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin")
        subprocess.run([*CHROOT[:-1], ldconfig, "-r", self.base], check=True, capture_output=True)
        # The cache is in force: alone, the planted one would be found.
        self.assertEqual(self.where("libcudnn.so.9"), "/opt/planted/libcudnn.so.9")
        for kind in ("rpath", "runpath"):
            framework = f"{packages}/torch/lib{kind}.so"
            self.copy(getattr(OPTIONS, kind), framework)
            for env in ({}, {"LD_LIBRARY_PATH": "/opt/planted"}):
                found = self.where("libcudnn.so.9", env=env, before=("--load", framework))
                self.assertEqual(os.path.normpath(found), own, (kind, env))

    def test_preloaded_libraries_and_pythons_variables_are_the_callers(self):
        library = str(self.copy(OPTIONS.driver, "/preloaded.so"))
        env = {"LD_PRELOAD": library, "PYTHONPATH": "/theirs", "PYTHONHOME": "/home/theirs"}
        report = self.run_probe(self.root / "bin/tool", env=env)
        for name, value in env.items():
            self.assertIn(f"{name}={value}", report["env"])
        self.assertIn(library, report["mapped"])
