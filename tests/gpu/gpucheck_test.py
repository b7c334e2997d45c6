#!/usr/bin/env python3
"""The GPU check against fake libraries that fail in every way that real ones do, and against real
ones where this machine has them.

    gpucheck_test.py --gpucheck PROGRAM --fakes FOLDER [--launcher ENVLAUNCH]
"""

import argparse
import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import unittest

HOST_LOADER = pathlib.Path({"x86_64": "/lib64/ld-linux-x86-64.so.2",
                            "aarch64": "/lib/ld-linux-aarch64.so.1"}[os.uname().machine])
OPTIONS = argparse.Namespace()
WHEELS = {"cuda_runtime": ["libcudart.so.12"],
          "cublas": ["libcublas.so.12", "libcublasLt.so.12"],
          "cudnn": ["libcudnn.so.9", "libcudnn_adv.so.9", "libcudnn_graph.so.9",
                    "libcudnn_ops.so.9"],
          "cuda_nvrtc": ["libnvrtc.so.12", "libnvrtc-builtins.so.12.8"],
          "nccl": ["libnccl.so.2"]}
UUID = "a0a1a2a3-a4a5-a6a7-a8a9-aaabacadae"
LIMITS = {"driver-library": 30, "driver-init": 120, "runtime": 120, "cublas-sgemm": 120,
          "cublas-tensor": 60, "cudnn-load": 120, "cudnn-convolution": 120, "nccl": 120,
          "bandwidth": 60, "isolation": 30}
MEASURED = re.compile(r"(-rate|-error|bandwidth.*)(-gpu\d+)?$")
LOADS = "note|the library loads; no more than that was tried"


def driver_library(path):
    return [f"figure|driver-library|{path}|-", "ok"]


def gpu_lines(ordinal=0, key="", mig=False, mode="default", capability="9.0"):
    uuid = f"MIG-ff{UUID[2:]}" if mig else f"GPU-{UUID}"
    name = "NVIDIA Fake 80GB" + (" MIG 1g.10gb" if mig else "")
    return [f"gpu|{ordinal}|{name}|{uuid}{ordinal:02x}|00000010:{0x3b + ordinal:02x}:00.0|"
            f"{capability}|85520809984",
            f"figure|compute-mode{key}|{mode}|-", f"figure|ecc{key}|on|-"]


# A run in which all goes well, a step each; "*" stands for a number that was checked.
GOOD = {
    "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(), "ok"],
    "runtime": ["figure|cuda-runtime|12.8|-", "figure|memory-free|80.0|GB", "ok"],
    "cublas-sgemm": ["figure|cublas-version|12.8.4|-", "figure|sgemm-tolerance|1.22e-05|-",
                     "figure|sgemm-error|*|-", "ok"],
    "cublas-tensor": ["figure|tensor-tolerance|6.15e-05|-", "figure|fp16-error|*|-",
                      "figure|fp16-rate|*|TFLOP/s", "figure|bf16-error|*|-",
                      "figure|bf16-rate|*|TFLOP/s", "ok"],
    "cudnn-load": ["figure|cudnn-version|91002|-", "figure|cudnn-cuda|12.9|-",
                   "figure|cudnn-libraries|4|-", "ok"],
    "cudnn-convolution": ["figure|convolution-tolerance|1.00e-04|-",
                          "figure|convolution-forward-error|*|-",
                          "figure|convolution-data-error|*|-",
                          "figure|convolution-filter-error|*|-", "ok"],
    "nccl": ["figure|nccl-version|2.27.3|-", "figure|nccl-gpus|1|-", "ok"],
    "bandwidth": ["figure|bandwidth-d2d|*|GB/s", "figure|bandwidth-h2d|*|GB/s",
                  "figure|bandwidth-d2h|*|GB/s", "ok"],
    "isolation": ["ok"],
}
# What is left of it when the driver does not start.
NO_GPU = {
    "runtime": ["figure|cuda-runtime|12.8|-", LOADS, "skip|needs driver-init"],
    "cublas-sgemm": ["figure|cublas-version|12.8.4|-", LOADS, "skip|needs driver-init"],
    "cublas-tensor": ["skip|needs driver-init"],
    "cudnn-convolution": ["skip|needs driver-init"],
    "nccl": ["figure|nccl-version|2.27.3|-", LOADS, "skip|needs driver-init"],
    "bandwidth": ["skip|needs driver-init"],
}
# And when the runtime does not work.
NO_RUNTIME = {
    "cublas-sgemm": ["figure|cublas-version|12.8.4|-", LOADS, "skip|needs runtime"],
    "cublas-tensor": ["skip|needs runtime"],
    "cudnn-convolution": ["skip|needs runtime"],
    "nccl": ["figure|nccl-version|2.27.3|-", LOADS, "skip|needs runtime"],
    "bandwidth": ["skip|needs runtime"],
}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.base = pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="gpucheck-test-")))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.root = self.base / "releases/one"
        self.packages = self.root / "lib/python3.12/site-packages"
        for wheel, names in WHEELS.items():
            folder = self.packages / "nvidia" / wheel / "lib"
            folder.mkdir(parents=True)
            for name in names:
                shutil.copy(OPTIONS.fakes / name, folder / name)
        self.driver = self.base / "driver"
        self.driver.mkdir()
        shutil.copy(OPTIONS.fakes / "libcuda.so.1", self.driver / "libcuda.so.1")
        # As the launcher has it: a stub in libexec, the program in libexec/real.
        self.stub = self.root / "libexec/envbundle/gpucheck"
        self.program = self.root / "libexec/real/libexec/envbundle/gpucheck"
        for path in (self.stub, self.program):
            path.parent.mkdir(parents=True)
            shutil.copy(OPTIONS.gpucheck, path)
        self.blocks = self.base / "blocks"

    def wheel(self, name):
        return self.packages / "nvidia" / name / "lib"

    def command(self, *arguments, places=()):
        # Without the loader's cache: this machine may have a cuDNN of its own in it.
        places = ":".join(map(str, [self.driver, *places]))
        return [HOST_LOADER, "--inhibit-cache", "--library-path", places, "--argv0", self.stub,
                self.program, *arguments]

    def environment(self, fake=""):
        return {"PATH": "/usr/bin:/bin", "FAKE_CUDA": fake, "FAKE_CUDA_BLOCKS": str(self.blocks)}

    def run_raw(self, *arguments, fake=""):
        return subprocess.run(self.command(*arguments), env=self.environment(fake),
                              capture_output=True, text=True, timeout=120)

    def run_lines(self, *arguments, fake=""):
        done = self.run_raw(*arguments, fake=fake)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.splitlines()

    def readable(self, line):
        """A record with '|' between its fields, and '*' for what was measured."""
        fields = line.split("\t")
        if fields[0] == "figure" and MEASURED.search(fields[1]):
            float(fields[2])
            fields[2] = "*"
        if fields[0] == "ok":
            self.assertRegex(fields.pop(), r"^\d+\.\d{3}$")
        return "|".join(fields).replace(str(self.base), "BASE")

    def steps_of(self, lines):
        """{step: records}; checks the frame: limits, one outcome at each end, 'end'."""
        self.assertEqual(lines[-1], "end")
        out = {}
        for line in lines[:-1]:
            fields = line.split("\t")
            if fields[0] == "step":
                self.assertEqual(int(fields[2]), LIMITS[fields[1]])
                out[fields[1]] = records = []
            elif fields[0] != "map":
                records.append(self.readable(line))
        self.assertEqual(list(out), [name for name in LIMITS if name in out])
        for name, records in out.items():
            ends = [record for record in records
                    if record.split("|")[0] in ("ok", "skip", "fail")]
            self.assertEqual(ends, records[-1:], name)
        return out

    def check(self, fake="", changes=(), steps=None):
        """Runs the check and compares all records with a good run's but for `changes`."""
        arguments = ["--steps", steps] if steps else []
        found = self.steps_of(self.run_lines(*arguments, fake=fake))
        expected = {"driver-library": driver_library("BASE/driver/libcuda.so.1"), **GOOD,
                    **dict(changes)}
        self.assertEqual(found, {name: expected[name] for name in LIMITS if name in found})
        if steps:
            self.assertLessEqual(set(steps.split(",")), set(found))
        else:
            self.assertEqual(list(found), list(LIMITS))

    def check_all_freed(self):
        self.assertEqual(self.blocks.read_text(), "0")


class Good(Case):
    def test_all_steps_pass(self):
        self.check()
        self.check_all_freed()

    def test_errors_are_below_the_tolerances(self):
        figures = {}
        for line in self.run_lines():
            fields = line.split("\t")
            if fields[0] == "figure":
                figures[fields[1]] = fields[2]
        for kind, tolerance in (("sgemm", "sgemm"), ("fp16", "tensor"), ("bf16", "tensor"),
                                ("convolution-forward", "convolution"),
                                ("convolution-data", "convolution"),
                                ("convolution-filter", "convolution")):
            self.assertLess(float(figures[f"{kind}-error"]),
                            float(figures[f"{tolerance}-tolerance"]), kind)

    def test_two_gpus(self):
        double = {}
        for name in ("cublas-sgemm", "cublas-tensor", "cudnn-convolution", "bandwidth"):
            records = [record.split("|") for record in GOOD[name][:-1]]
            each = [r for r in records if MEASURED.search(r[1])]
            double[name] = ["|".join(r) for r in records if r not in each]
            for gpu in "01":
                double[name] += ["|".join([r[0], f"{r[1]}-gpu{gpu}", *r[2:]]) for r in each]
            double[name].append("ok")
        self.check("devices=2", {
            **double,
            "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(0, "-gpu0"),
                            *gpu_lines(1, "-gpu1"), "ok"],
            "runtime": ["figure|cuda-runtime|12.8|-", "figure|memory-free-gpu0|80.0|GB",
                        "figure|memory-free-gpu1|80.0|GB", "ok"],
            "nccl": ["figure|nccl-version|2.27.3|-", "figure|nccl-gpus|2|-",
                     "figure|nccl-bus-bandwidth|*|GB/s", "ok"]})
        self.check_all_freed()

    def test_no_bfloat16_before_ampere(self):
        self.check("capability=75", {
            "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(capability="7.5"), "ok"],
            "cublas-tensor": GOOD["cublas-tensor"][:3] + ["ok"]}, steps="cublas-tensor")

    def test_old_driver_without_the_second_uuid(self):
        shutil.copy(OPTIONS.fakes / "old/libcuda.so.1", self.driver / "libcuda.so.1")
        self.check("driver=11040", {"driver-init": ["figure|driver-cuda|11.4|-", *gpu_lines(),
                                                    "ok"]}, steps="driver-init")

    def test_mig(self):
        self.check("mig=1", {
            "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(mig=True), "ok"],
            "nccl": ["figure|nccl-version|2.27.3|-",
                     "skip|NCCL does not work across MIG instances"]}, steps="nccl")

    def test_compute_modes(self):
        for number, name in ((2, "prohibited"), (3, "exclusive-process"), (1, "1")):
            self.check(f"compute-mode={number}", {
                "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(mode=name), "ok"]},
                steps="driver-init")

    def test_driver_version_is_read_from_the_file_name(self):
        (self.driver / "libcuda.so.1").rename(self.driver / "libcuda.so.570.124.06")
        (self.driver / "libcuda.so.1").symlink_to("libcuda.so.570.124.06")
        self.check("", {"driver-library": [
            "figure|driver-library|BASE/driver/libcuda.so.570.124.06|-",
            "figure|driver-version|570.124.06|-", "ok"]}, steps="driver-library")

    def test_what_libraries_print_goes_to_standard_error(self):
        done = self.run_raw("--steps", "nccl")
        self.assertIn("NCCL version 2.27.3+cuda12.8\n", done.stderr)
        self.assertNotIn("NCCL version", done.stdout)

    def test_closed_standard_error(self):
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *self.command("--steps", "nccl")],
                              env=self.environment(), capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "end"))
        self.assertNotIn("NCCL version", done.stdout)


class Driver(Case):
    def test_no_driver(self):
        (self.driver / "libcuda.so.1").unlink()
        reason = ("no libcuda.so.1 here, though /dev/nvidiactl says that the kernel has a driver"
                  if os.path.exists("/dev/nvidiactl") else "no NVIDIA device")
        if host_has_driver():
            self.skipTest("the host's own driver would be found")
        self.check("", {**NO_GPU, "driver-library": [f"skip|{reason}"],
                        "driver-init": ["skip|needs driver-library"]})

    def test_driver_that_is_no_library(self):
        (self.driver / "libcuda.so.1").write_bytes(b"not a library")
        self.check("", {**NO_GPU, "driver-init": ["skip|needs driver-library"], "driver-library": [
            "fail|loader|0|BASE/driver/libcuda.so.1: file too short"]})

    def test_driver_that_needs_a_newer_glibc(self):
        shutil.copy(OPTIONS.fakes / "future/libcuda.so.1", self.driver / "libcuda.so.1")
        found = self.steps_of(self.run_lines())
        (record,) = found["driver-library"]
        self.assertRegex(record, r"^fail\|loader\|0\|/.*/libc\.so\.6: version `GLIBC_2\.99' not "
                                 r"found \(required by BASE/driver/libcuda\.so\.1\)$")
        self.assertEqual(found["driver-init"], ["skip|needs driver-library"])
        self.assertEqual(found["cudnn-load"], GOOD["cudnn-load"])

    def test_driver_without_a_function(self):
        shutil.copy(OPTIONS.fakes / "libnccl.so.2", self.driver / "libcuda.so.1")
        self.check("", {"driver-library": [
            "figure|driver-library|BASE/driver/libcuda.so.1|-",
            "fail|loader|0|BASE/driver/libcuda.so.1: undefined symbol: cuInit"],
            "driver-init": ["skip|needs driver-library"]}, steps="driver-init")

    def test_each_code_of_cu_init(self):
        for code, text in ((3, "initialization error"),
                           (34, "CUDA driver is a stub library"),
                           (46, "CUDA-capable device(s) is/are busy or unavailable"),
                           (100, "no CUDA-capable device is detected"),
                           (101, "invalid device ordinal"),
                           (304, "OS call failed or operation not supported on this OS"),
                           (802, "system not yet initialized"),
                           (803, "system has unsupported display driver / cuda driver combination"),
                           (804, "forward compatibility was attempted on non supported HW"),
                           (805, "MPS client failed to connect to the MPS control daemon or the MPS "
                                 "server"),
                           (999, "unknown error"),
                           (12345, "an error that this driver has no text for")):
            with self.subTest(code):
                notes = closed_nodes()
                self.check(f"cuInit={code}", {
                    **NO_GPU, "driver-init": [*notes, f"fail|driver|{code}|cuInit: {text}"]})

    def test_no_gpu_visible(self):
        self.check("devices=0", {**NO_GPU, "driver-init": [
            "figure|driver-cuda|12.8|-",
            "fail|driver|100|cuDeviceGetCount: no CUDA-capable device is detected"]})

    def test_a_gpu_that_cannot_be_asked(self):
        self.check("cuDeviceTotalMem_v2=214", {"driver-init": [
            "figure|driver-cuda|12.8|-",
            "fail|driver|214|cuDeviceTotalMem_v2: uncorrectable ECC error encountered"]},
            steps="driver-init")


class Runtime(Case):
    def test_each_code_of_the_runtime(self):
        for function, code, text in (
                ("cudaSetDevice", 35, "CUDA driver version is insufficient for CUDA runtime version"),
                ("cudaSetDevice", 3, "initialization error"),
                ("cudaSetDevice", 101, "invalid device ordinal"),
                ("cudaMalloc", 46, "CUDA-capable device(s) is/are busy or unavailable"),
                ("cudaMalloc", 802, "system not yet initialized"),
                ("cudaMemcpy", 220, "uncorrectable NVLink error detected during the execution"),
                ("cudaDeviceSynchronize", 214, "uncorrectable ECC error encountered"),
                ("cudaDeviceSynchronize", 700, "an illegal memory access was encountered"),
                ("cudaMemGetInfo", 999, "unknown error")):
            with self.subTest(function=function, code=code):
                self.check(f"{function}={code}", {**NO_RUNTIME, "runtime": [
                    "figure|cuda-runtime|12.8|-", f"fail|runtime|{code}|{function}: {text}"]})
                if function != "cudaSetDevice" and function != "cudaMalloc":
                    self.check_all_freed()

    def test_changed_memory(self):
        self.check("wrong=cudaMemcpy", {**NO_RUNTIME, "runtime": [
            "figure|cuda-runtime|12.8|-",
            "fail|compare|0|cudaMemcpy: 1 of 4194304 words came back changed"]})

    def test_no_runtime_library(self):
        shutil.rmtree(self.wheel("cuda_runtime"))
        self.check("", {**NO_RUNTIME, "runtime": [
            "fail|loader|0|the release has no libcudart.so"]})

    def test_one_bad_gpu_of_two(self):
        self.check("devices=2,cudaMalloc@1=46", {
            "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(0, "-gpu0"),
                            *gpu_lines(1, "-gpu1"), "ok"],
            "runtime": ["figure|cuda-runtime|12.8|-", "figure|memory-free-gpu0|80.0|GB",
                        "note|passed on 1 of 2 GPUs",
                        "fail|runtime|46|cudaMalloc: CUDA-capable device(s) is/are busy or "
                        "unavailable (GPU 1)"]}, steps="runtime")

    def test_two_bad_gpus(self):
        self.check("devices=2,cudaMalloc@0=46,cudaMalloc@1=214", {
            "driver-init": ["figure|driver-cuda|12.8|-", *gpu_lines(0, "-gpu0"),
                            *gpu_lines(1, "-gpu1"), "ok"],
            "runtime": ["figure|cuda-runtime|12.8|-",
                        "note|also failed: runtime 214: cudaMalloc: uncorrectable ECC error "
                        "encountered (GPU 1)",
                        "fail|runtime|46|cudaMalloc: CUDA-capable device(s) is/are busy or "
                        "unavailable (GPU 0)"]}, steps="runtime")


class FullGpu(Case):
    def test_the_only_gpu_is_full(self):
        self.check("free-mb=12", {**NO_RUNTIME, "runtime": [
            "figure|cuda-runtime|12.8|-", "note|GPU 0 is full: 85.5 of 85.5 GB are used",
            "skip|no GPU has free memory"]})

    def test_too_full_for_a_context(self):
        self.check("cudaSetDevice=2,cudaMemGetInfo=2", {**NO_RUNTIME, "runtime": [
            "figure|cuda-runtime|12.8|-",
            "note|GPU 0 is full, too full to say how much is used", "skip|no GPU has free memory"]})

    def test_the_other_gpu_is_taken(self):
        found = self.steps_of(self.run_lines(fake="devices=2,free-mb@0=12"))
        self.assertEqual(found["runtime"], [
            "figure|cuda-runtime|12.8|-", "note|GPU 0 is full: 85.5 of 85.5 GB are used",
            "figure|memory-free-gpu1|80.0|GB", "ok"])
        self.assertEqual(found["cublas-sgemm"][2:], ["figure|sgemm-error-gpu1|*|-", "ok"])
        self.assertEqual(found["nccl"], ["figure|nccl-version|2.27.3|-", "figure|nccl-gpus|1|-",
                                         "ok"])
        self.assertEqual({records[-1] for records in found.values()}, {"ok"})

    def test_too_little_for_the_large_products(self):
        # The convolution and the copies inside the GPU come after; those need less and more.
        found = self.steps_of(self.run_lines(fake="free-mb=60"))
        self.assertEqual(found["cublas-tensor"], [
            "figure|tensor-tolerance|6.15e-05|-", "figure|fp16-error|*|-",
            "note|GPU 0 has too little free memory for a large product: no rate",
            "figure|bf16-error|*|-",
            "note|GPU 0 has too little free memory for a large product: no rate", "ok"])
        self.assertEqual(found["cudnn-convolution"], GOOD["cudnn-convolution"])
        # One GPU: nothing that needs more is a failure.
        self.assertEqual(found["bandwidth"], ["note|GPU 0 is full: 85.5 of 85.5 GB are used",
                                              "skip|no GPU has free memory"])

    def test_full_in_the_words_of_cublas_and_cudnn(self):
        full = ["note|GPU 0 is full: 5.5 of 85.5 GB are used", "skip|no GPU has free memory"]
        self.check("cublasCreate_v2=3", {
            "cublas-sgemm": GOOD["cublas-sgemm"][:2] + full}, steps="cublas-sgemm")
        self.check("cudnnConvolutionForward=4004", {
            "cudnn-convolution": GOOD["cudnn-convolution"][:1] + full}, steps="cudnn-convolution")

    def test_cublas_that_fails_for_want_of_memory(self):
        self.check("cublasCreate_v2=1,free-mb=100", {
            "runtime": ["figure|cuda-runtime|12.8|-", "figure|memory-free|0.1|GB", "ok"],
            "cublas-sgemm": GOOD["cublas-sgemm"][:2] + [
                "note|GPU 0 is full: 85.4 of 85.5 GB are used", "skip|no GPU has free memory"]},
            steps="cublas-sgemm")

    def test_host_without_pinned_memory(self):
        self.check("cudaMallocHost=2", {"bandwidth": [
            "figure|bandwidth-d2d|*|GB/s", "skip|the host has no page-locked memory to give"]},
            steps="bandwidth")


class Cublas(Case):
    def test_sgemm_fails(self):
        self.check("cublasSgemm_v2=8", {
            "cublas-sgemm": GOOD["cublas-sgemm"][:2] + [
                "fail|cublas|8|cublasSgemm_v2: the function requires an architectural feature "
                "absent from the device"],
            "cublas-tensor": ["skip|needs cublas-sgemm"]})
        self.check_all_freed()

    def test_no_kernel_for_this_gpu(self):
        for code, text in ((209, "no kernel image is available for execution on the device"),
                           (221, "PTX JIT compiler library not found"),
                           (222, "the provided PTX was compiled with an unsupported toolchain.")):
            with self.subTest(code):
                # The launch fails with cuBLAS, and the runtime knows why.
                self.check(f"cublasSgemm_v2=13,cudaGetLastError={code}", {
                    "cublas-sgemm": GOOD["cublas-sgemm"][:2] + [
                        f"note|the runtime's last error is {code}: {text}",
                        "fail|cublas|13|cublasSgemm_v2: the function failed to launch on the GPU"]},
                    steps="cublas-sgemm")

    def test_wrong_product(self):
        lines = self.run_lines("--steps", "cublas-sgemm", fake="wrong=cublasSgemm_v2")
        found = self.steps_of(lines)["cublas-sgemm"]
        self.assertEqual(found[:3], GOOD["cublas-sgemm"][:3])
        self.assertRegex(found[3], r"^fail\|compare\|0\|cublasSgemm_v2: error \d\.\d\de-0[123], "
                                   r"tolerance 1\.22e-05$")

    def test_a_result_that_is_no_number(self):
        self.check("wrong=cublasGemmEx", {"cublas-tensor": GOOD["cublas-tensor"][:2] + [
            "fail|compare|0|cublasGemmEx, fp16: error inf, tolerance 6.15e-05"]},
            steps="cublas-tensor")

    def test_cublas_without_a_function(self):
        shutil.copy(OPTIONS.fakes / "old/libcublas.so.12", self.wheel("cublas"))
        self.check("", {
            "cublas-sgemm": [
                f"fail|loader|0|BASE{str(self.wheel('cublas'))[len(str(self.base)):]}/"
                "libcublas.so.12: undefined symbol: cublasGemmEx"]}, steps="cublas-sgemm")

    def test_no_cublas(self):
        shutil.rmtree(self.wheel("cublas"))
        self.check("", {"cublas-sgemm": ["skip|the release has no libcublasLt.so"],
                        "cublas-tensor": ["skip|needs cublas-sgemm"]})


class Cudnn(Case):
    def test_each_code(self):
        for function, code, text in (
                ("cudnnCreate", 1001, "NOT_INITIALIZED"),
                ("cudnnGetConvolutionForwardAlgorithm_v7", 3007, "NOT_SUPPORTED_ARCH_MISMATCH"),
                ("cudnnGetConvolutionBackwardDataAlgorithm_v7", 3008,
                 "NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING"),
                ("cudnnConvolutionForward", 1008, "SUBLIBRARY_LOADING_FAILED"),
                ("cudnnConvolutionBackwardData", 5000, "EXECUTION_FAILED"),
                ("cudnnConvolutionBackwardFilter", 3008,
                 "NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING")):
            with self.subTest(function=function, code=code):
                done = (3 if "BackwardFilter" in function else
                        2 if "BackwardData" in function else 1)
                self.check(f"{function}={code}", {
                    "cudnn-convolution": GOOD["cudnn-convolution"][:done] + [
                        f"fail|cudnn|{code}|{function}: CUDNN_STATUS_{text}"]},
                    steps="cudnn-convolution")
                self.check_all_freed()

    def test_wrong_results(self):
        for function, done in (("cudnnConvolutionForward", 2), ("cudnnConvolutionBackwardData", 3),
                               ("cudnnConvolutionBackwardFilter", 4)):
            lines = self.run_lines("--steps", "cudnn-convolution", fake=f"wrong={function}")
            found = self.steps_of(lines)["cudnn-convolution"]
            self.assertEqual(found[:-1], GOOD["cudnn-convolution"][:done])
            self.assertRegex(found[-1], rf"^fail\|compare\|0\|{function}: error \d\.\d\de-0\d, "
                                        r"tolerance 1\.00e-04$")

    def test_mixed_versions(self):
        for function in ("cudnnGraphVersionCheck", "cudnnOpsVersionCheck", "cudnnCnnVersionCheck",
                         "cudnnAdvVersionCheck"):
            self.check(f"{function}=1002", {
                "cudnn-load": GOOD["cudnn-load"][:3] + [
                    f"fail|cudnn|1002|{function}: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"],
                "cudnn-convolution": ["skip|needs cudnn-load"]}, steps="cudnn-convolution")

    def test_a_missing_part(self):
        (self.wheel("cudnn") / "libcudnn_graph.so.9").unlink()
        folder = f"BASE{str(self.wheel('cudnn'))[len(str(self.base)):]}"
        self.check("", {
            "cudnn-load": [f"fail|loader|0|{folder}/libcudnn_ops.so.9 needs libcudnn_graph.so.9, "
                           "which the release has not beside it"],
            "cudnn-convolution": ["skip|needs cudnn-load"]}, steps="cudnn-convolution")

    def test_a_damaged_part(self):
        path = self.wheel("cudnn") / "libcudnn_ops.so.9"
        for content, reason in ((b"", "file too short"), (b"x" * 5000, "invalid ELF header"),
                                (path.read_bytes()[:100], "cannot read file data")):
            path.write_bytes(content)
            self.check("", {
                "cudnn-load": [f"fail|loader|0|BASE{str(path)[len(str(self.base)):]}: {reason}"]},
                steps="cudnn-load")

    def test_a_part_that_is_loaded_at_run_time_only(self):
        for name in ("libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcudnn_adv.so.9"):
            (self.wheel("cudnn") / name).unlink()
        self.check("", {
            "cudnn-load": ["figure|cudnn-version|91002|-", "figure|cudnn-cuda|12.9|-",
                           "figure|cudnn-libraries|1|-", "ok"],
            "cudnn-convolution": [
                "figure|convolution-tolerance|1.00e-04|-",
                "fail|cudnn|1008|cudnnCreate: CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED: Unable to load "
                "any of {libcudnn_graph.so.9.10.2, libcudnn_graph.so.9.10, libcudnn_graph.so.9, "
                "libcudnn_graph.so}"]}, steps="cudnn-convolution")

    def test_no_run_time_compiler(self):
        shutil.rmtree(self.wheel("cuda_nvrtc"))
        self.check("", {"cudnn-load": [
            "note|the release has no libnvrtc-builtins.so: what cuDNN compiles at run time will not "
            "work",
            "note|the release has no libnvrtc.so: what cuDNN compiles at run time will not work",
            *GOOD["cudnn-load"]]}, steps="cudnn-load")


class Nccl(Case):
    def test_small_shared_memory(self):
        self.check("ncclCommInitAll=2", {"nccl": GOOD["nccl"][:2] + [
            "fail|nccl|2|ncclCommInitAll: unhandled system error (run with NCCL_DEBUG=INFO for "
            "details): Error while creating shared memory segment /dev/shm/nccl-fake"]},
            steps="nccl")
        self.check_all_freed()

    def test_all_reduce_fails(self):
        self.check("ncclAllReduce=1", {"nccl": GOOD["nccl"][:2] + [
            "fail|nccl|1|ncclAllReduce: unhandled cuda error (run with NCCL_DEBUG=INFO for "
            "details)"]}, steps="nccl")

    def test_wrong_sum_on_one_gpu(self):
        found = self.steps_of(self.run_lines("--steps", "nccl",
                                             fake="devices=3,wrong=ncclAllReduce"))
        self.assertEqual(found["nccl"], [
            "figure|nccl-version|2.27.3|-", "figure|nccl-gpus|3|-",
            "fail|compare|0|ncclAllReduce: 1 of 1048576 sums are wrong on GPU 2"])
        self.check_all_freed()


class Ends(Case):
    def test_hang(self):
        for function, step in (("cuInit", "driver-init"), ("cublasSgemm_v2", "cublas-sgemm"),
                               ("ncclCommInitAll", "nccl")):
            with self.subTest(function):
                child = subprocess.Popen(self.command(), env=self.environment(f"hang={function}"),
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                         text=True)
                seen = []
                while not (seen and seen[-1].startswith(f"step\t{step}\t")):
                    seen.append(child.stdout.readline())
                time.sleep(1)
                self.assertIsNone(child.poll())
                child.kill()
                rest = child.stdout.read()
                child.wait()
                self.assertNotRegex(rest, r"(?m)^(ok|skip|fail|step|end)")

    def test_crash(self):
        for function, step in (("cuInit", "driver-init"), ("cudaMalloc", "runtime"),
                               ("cublasSgemm_v2", "cublas-sgemm"),
                               ("cudnnConvolutionForward", "cudnn-convolution")):
            with self.subTest(function):
                done = self.run_raw(fake=f"crash={function}")
                self.assertEqual(done.returncode, -signal.SIGSEGV)
                records = [line.split("\t") for line in done.stdout.splitlines()]
                self.assertNotIn(["end"], records)
                # Nothing of what was said before is lost.
                last = [record[1] for record in records if record[0] == "step"][-1]
                self.assertEqual(last, step)

    def test_nobody_listens(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(self.command(), env=self.environment(), stdout=writer,
                              stderr=subprocess.DEVNULL, timeout=60)
        os.close(writer)
        self.assertNotEqual(done.returncode, 0)


class CommandLine(Case):
    def test_help(self):
        done = self.run_raw("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("usage: gpucheck [--root RELEASE] [--steps "))
        self.assertTrue(done.stdout.endswith("steps: " + " ".join(LIMITS) + "\n"))

    def test_refusals(self):
        for arguments, message in ((["--frobnicate"], "unknown option: --frobnicate"),
                                   (["--root"], "--root needs a value"),
                                   (["--steps", ""], "--steps needs a value"),
                                   (["--steps", "nccl,gpu"], "no such step: gpu"),
                                   (["--steps", "nccl,"], "no such step: ''")):
            done = self.run_raw(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (
                2, "", f"gpucheck: error: {message}\n"
                       "  hint:  'gpucheck --help' says what there is\n"))

    def test_program_outside_of_a_release(self):
        done = subprocess.run([OPTIONS.gpucheck], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (
            2, "gpucheck: error: it does not lie in a release; name one with --root"))

    def test_root_option(self):
        done = subprocess.run([OPTIONS.gpucheck, "--root", self.root, "--steps", "cudnn-load"],
                              env=self.environment(), capture_output=True, text=True)
        self.assertEqual(self.steps_of(done.stdout.splitlines()), {"cudnn-load": GOOD["cudnn-load"]})

    def test_real_place_of_the_program(self):
        done = subprocess.run([self.program, "--steps", "cudnn-load"], env=self.environment(),
                              capture_output=True, text=True)
        self.assertEqual(self.steps_of(done.stdout.splitlines()), {"cudnn-load": GOOD["cudnn-load"]})

    def test_steps_bring_what_they_need(self):
        found = self.steps_of(self.run_lines("--steps", "isolation,cublas-tensor"))
        self.assertEqual(list(found), ["driver-library", "driver-init", "runtime", "cublas-sgemm",
                                       "cublas-tensor", "isolation"])

    def test_through_the_launcher(self):
        if OPTIONS.launcher is None:
            self.skipTest("no launcher given")
        if host_has_driver():
            self.skipTest("the host's own driver would be found")
        shutil.copy(OPTIONS.launcher, self.stub)
        temporary = self.base / "tmp"
        temporary.mkdir()
        done = subprocess.run([self.stub, "--steps", "runtime"], capture_output=True, text=True, env={
            **self.environment(), "LD_LIBRARY_PATH": str(self.driver), "TMPDIR": str(temporary)})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = self.steps_of(done.stdout.splitlines())
        self.assertEqual(found["driver-library"],
                         driver_library("BASE/driver/libcuda.so.1"))
        self.assertEqual(found["runtime"], GOOD["runtime"])


class Layouts(Case):
    def move_to(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.packages.glob("nvidia/*/lib/*"):
            path.rename(folder / path.name)

    def test_one_folder_for_all(self):
        for place in ("lib/python3.13/site-packages/nvidia/cu13/lib", "lib/x86_64-linux-gnu",
                      "lib", "lib64", "lib/python3/dist-packages/torch/lib"):
            with self.subTest(place):
                self.tearDown()
                self.doCleanups()
                self.setUp()
                self.move_to(self.root / place)
                self.check("", steps="cudnn-convolution,nccl,cublas-sgemm")

    def test_several_names_of_one_file(self):
        folder = self.wheel("cuda_runtime")
        (folder / "libcudart.so.12").rename(folder / "libcudart.so.12.8.90")
        (folder / "libcudart.so.12").symlink_to("libcudart.so.12.8.90")
        (folder / "libcudart.so").symlink_to("libcudart.so.12")
        self.check("", steps="runtime")

    def test_the_highest_of_two_versions(self):
        folder = self.wheel("nccl")
        (folder / "libnccl.so.2").rename(folder / "libnccl.so.10")
        (folder / "libnccl.so.9").write_bytes(b"not a library")
        place = f"BASE{str(folder)[len(str(self.base)):]}"
        self.check("", {"nccl": [
            f"note|the release has 2 versions of libnccl; this is about {place}/libnccl.so.10",
            *GOOD["nccl"]]}, steps="nccl")


class Isolation(Case):
    def maps(self, *arguments, **options):
        return [line.split("\t")[1] for line in self.run_lines(*arguments, **options)
                if line.startswith("map\t")]

    def test_all_libraries_are_of_the_release(self):
        maps = self.maps()
        self.assertEqual(len(maps), len(set(maps)))
        gpu = sorted(path for path in maps if re.match(r"lib(cu|nv|nccl)", os.path.basename(path)))
        self.assertEqual(gpu, sorted(
            [str(self.wheel(wheel) / name) for wheel, names in WHEELS.items() for name in names]
            + [str(self.driver / "libcuda.so.1")]))
        names = {os.path.basename(path) for path in maps}
        self.assertTrue({"libc.so.6", HOST_LOADER.name} <= names, names)

    def test_a_foreign_cudnn_is_seen_when_it_gets_in(self):
        foreign = self.base / "foreign"
        foreign.mkdir()
        shutil.copy(OPTIONS.fakes / "libcudnn.so.9", foreign / "libcudnn.so.9")
        done = subprocess.run(self.command(), capture_output=True, text=True, env={
            **self.environment(), "LD_PRELOAD": str(foreign / "libcudnn.so.9")})
        self.assertIn(f"map\t{foreign}/libcudnn.so.9\n", done.stdout)
        self.assertIn(f"map\t{self.wheel('cudnn')}/libcudnn.so.9\n", done.stdout)

    def test_a_foreign_cudnn_in_the_library_path_is_not_taken(self):
        foreign = self.base / "foreign"
        foreign.mkdir()
        for wheel in WHEELS:
            for path in self.wheel(wheel).iterdir():
                shutil.copy(path, foreign)
        # The parts of the fake cuDNN ask for each other by soname and have no RUNPATH.
        done = subprocess.run(self.command(places=[foreign]), capture_output=True, text=True,
                              env={**self.environment(), "LD_LIBRARY_PATH": str(foreign)})
        self.assertNotIn(str(foreign), done.stdout)
        self.assertNotIn("\nfail", done.stdout)
        self.assertTrue(done.stdout.endswith("end\n"))


class Program(unittest.TestCase):
    def readelf(self, *options):
        return subprocess.run(["readelf", "-W", *options, OPTIONS.gpucheck], check=True,
                              capture_output=True, text=True, env={"PATH": os.environ["PATH"],
                                                                   "LC_ALL": "C"}).stdout

    def test_needs_nothing_newer_than_glibc_2_34(self):
        versions = {tuple(map(int, found.split(".")))
                    for found in re.findall(r"GLIBC_([0-9.]+)", self.readelf("-V"))}
        self.assertTrue(versions)
        self.assertLessEqual(max(versions), (2, 34))

    def test_needs_no_library_but_the_c_library(self):
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", self.readelf("-d")))
        self.assertLessEqual(needed, {"libc.so.6", "libdl.so.2", "libm.so.6", HOST_LOADER.name})

    def test_gives_no_function_to_the_libraries_that_it_loads(self):
        # A function of the static C++ runtime would take the place of the shared one's.
        given = [line.split()[7] for line in self.readelf("--dyn-syms").splitlines()
                 if re.search(r"\b(FUNC|OBJECT|GNU_UNIQUE)\b", line) and " UND " not in line]
        self.assertEqual([name for name in given if not name.startswith(("stdout@", "stderr@"))], [])


def host_has_driver():
    """Whether the loader finds a driver of the host's own, asked without the fakes."""
    return subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('libcuda.so.1')"],
                          capture_output=True).returncode == 0


def closed_nodes():
    """The notes on device nodes that the check makes on this machine."""
    out = []
    for node in ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0"):
        try:
            os.close(os.open(node, os.O_RDWR))
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not os.path.exists("/dev/nvidiactl"):
                continue
            out.append(f"note|{node}: {error.strerror}")
    return out


def real_libraries():
    """Folders of this machine with NVIDIA's real libraries, toolkit or wheels."""
    places = [*glob.glob(sysconfig.get_paths()["purelib"] + "/nvidia/*/lib"),
              *sorted(glob.glob("/usr/local/cuda*/lib64"), reverse=True),
              *glob.glob("/usr/lib/*-linux-gnu")]
    return [place for place in places if glob.glob(place + "/libcudart.so.*")
            or glob.glob(place + "/libcudnn.so.*") or glob.glob(place + "/libnccl.so.*")
            or glob.glob(place + "/libcublas.so.*") or glob.glob(place + "/libnvrtc.so.*")]


class Real(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="gpucheck-real-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        (self.root / "lib").mkdir()
        for folder in real_libraries():
            for path in glob.glob(folder + "/lib*.so.*"):
                link = self.root / "lib" / os.path.basename(path)
                wanted = re.match(r"lib(cudart|cublas|cublasLt|cudnn\w*|nccl|nvrtc|nvrtc-builtins)\.so\.",
                                  link.name)
                if wanted and not link.exists():
                    link.symlink_to(path)
        if not list(self.root.glob("lib/libcudart.so.*")):
            self.skipTest("no CUDA libraries here")

    def steps(self):
        done = subprocess.run([OPTIONS.gpucheck, "--root", self.root], capture_output=True, text=True,
                              timeout=600)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "end"), done)
        sys.stderr.write(done.stdout)
        out, name = {}, None
        for line in done.stdout.splitlines():
            fields = line.split("\t")
            if fields[0] == "step":
                name = fields[1]
            elif fields[0] in ("ok", "skip", "fail"):
                out[name] = fields
        return out

    def test_without_a_gpu_the_libraries_load(self):
        if host_has_driver():
            self.skipTest("there is a driver")
        for name, outcome in self.steps().items():
            self.assertNotEqual(outcome[0], "fail", name)

    def test_on_the_gpus_of_this_machine(self):
        if not host_has_driver():
            print("skipped: no NVIDIA device")
            self.skipTest("no NVIDIA device")
        for name, outcome in self.steps().items():
            self.assertNotEqual(outcome[0], "fail", (name, outcome))


def main() -> int:
    parser = argparse.ArgumentParser()
    for name, needed in (("gpucheck", True), ("fakes", True), ("launcher", False)):
        parser.add_argument("--" + name, required=needed,
                            type=lambda path: pathlib.Path(os.path.abspath(path)))
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    good = result.testsRun - bad - len(result.skipped)
    print(f"{good} passed, {bad} failed" + (f", {len(result.skipped)} skipped" if result.skipped else ""))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
