#!/usr/bin/env python3
"""torch_check.py with a made-up torch that fails as the real one does, and with the real one where
there is one.

    torch_check_test.py --torch-check FILE [--python PROGRAM]
"""

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import types
import unittest
from unittest import mock

OPTIONS = argparse.Namespace()
# In isolated mode, which is how the check is run, only code can change the search path.
RUN = ("import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); exec(sys.argv.pop(1)); "
       "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')")
# The part of torch that the first step asks; FAILURE is what initialising the GPUs says.
FAKE_TORCH = """
    import types
    __version__ = "2.8.0+cu128"
    version = types.SimpleNamespace(cuda="12.8")
    backends = types.SimpleNamespace(cudnn=types.SimpleNamespace(version=lambda: 91002))
    distributed = types.SimpleNamespace(is_available=lambda: True, is_nccl_available=lambda: True)
    _C = types.SimpleNamespace(_cuda_getArchFlags=lambda: "sm_90 sm_120")
    def init():
        raise RuntimeError({failure!r})
    cuda = types.SimpleNamespace(
        is_available=lambda: False, init=init, nccl=types.SimpleNamespace(version=lambda: (2, 27, 3)))
    print("torch speaks")
"""
FIGURES = ["figure|torch-version|2.8.0+cu128|-", "figure|torch-cuda|12.8|-",
           "figure|torch-cudnn|91002|-", "figure|torch-nccl|2.27.3|-",
           "figure|torch-architectures|sm_90 sm_120|-"]
NEEDS = "skip|needs torch-import"
TOO_OLD = ("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
           "driver by downloading and installing a new version from the URL: "
           "http://www.nvidia.com/Download/index.aspx Alternatively, go to: https://pytorch.org to "
           "install a PyTorch version that has been compiled with your version of the CUDA driver.")
NUMBERED = ("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before "
            "calling NumCudaDevices() that might have already set an error? Error {}: {}")
UNKNOWN = ("CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing "
           "env variable CUDA_VISIBLE_DEVICES after program start. Setting the available devices to "
           "be zero.")
NO_DRIVER = ("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and "
             "installed a driver from http://www.nvidia.com/Download/index.aspx")


def load():
    spec = importlib.util.spec_from_file_location("torch_check", OPTIONS.torch_check)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recorded:
    """Stands for Records: keeps what is said."""

    def __init__(self):
        self.lines = []

    def write(self, *fields):
        self.lines.append("|".join(map(str, fields)))

    def figure(self, key, value, unit="-"):
        self.write("figure", key, value, unit)

    def note(self, text):
        self.write("note", text)


class Process(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="torch-check-test-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)

    def fake(self, source, **values):
        folder = self.base / "fake"
        folder.mkdir(exist_ok=True)
        (folder / "torch.py").write_text(textwrap.dedent(source).format(**values))
        return folder

    def run_raw(self, folder, *arguments, prelude="pass", python=sys.executable, env=None):
        return subprocess.run(
            [python, "-I", "-c", RUN, folder, prelude, OPTIONS.torch_check, *arguments],
            capture_output=True, text=True, timeout=280,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.base), **(env or {})})

    def steps(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[-1], "end")
        out = {}
        for line in lines[:-1]:
            kind, *rest = line.split("\t")
            if kind == "step":
                self.assertRegex(rest[1], r"^\d+$")
                out[rest[0]] = records = []
            elif kind != "map":
                records.append("|".join([kind, *rest]) if kind != "ok" else "ok")
        return out


class Import(Process):
    def check_import(self, records, source=FAKE_TORCH, steps="torch-matmul,torch-ddp", **values):
        found = self.steps(self.run_raw(self.fake(source, **values), "--steps", steps))
        self.assertEqual(found, {"torch-import": records, "torch-matmul": [NEEDS],
                                 "torch-ddp": [NEEDS]})

    def test_missing_library(self):
        for text in ("libcudnn.so.9: cannot open shared object file: No such file or directory",
                     "libcudart.so.13: cannot open shared object file: No such file or directory"):
            self.check_import([f"fail|torch|0|ImportError: {text}"],
                              f"raise ImportError({text!r})")

    def test_no_torch_at_all(self):
        if importlib.util.find_spec("torch"):
            self.skipTest("this Python has one")
        found = self.steps(self.run_raw(self.base))
        self.assertEqual(found, {
            "torch-import": ["fail|torch|0|ModuleNotFoundError: No module named 'torch'"],
            **{f"torch-{name}": [NEEDS] for name in ("matmul", "convolution", "autograd", "amp",
                                                      "compile", "ddp")},
            "torch-isolation": ["ok"]})

    def test_each_way_in_which_the_gpus_do_not_start(self):
        for code, text in (
                (35, TOO_OLD), (100, "No CUDA GPUs are available"), (999, UNKNOWN),
                (804, NUMBERED.format(804, "forward compatibility was attempted on non supported HW")),
                (803, NUMBERED.format(
                    803, "system has unsupported display driver / cuda driver combination")),
                (802, NUMBERED.format(802, "system not yet initialized")),
                (101, NUMBERED.format(101, "invalid device ordinal")),
                (304, NUMBERED.format(304, "OS call failed or operation not supported on this OS"))):
            with self.subTest(code):
                self.check_import([*FIGURES, f"fail|torch|{code}|RuntimeError: {text}"], failure=text)

    def test_text_of_several_lines(self):
        self.check_import([*FIGURES, "fail|torch|46|RuntimeError: CUDA error: CUDA-capable device(s) "
                           "is/are busy or unavailable Compile with `TORCH_USE_CUDA_DSA`"],
                          failure="CUDA error: CUDA-capable device(s) is/are busy or unavailable\n"
                          "Compile\twith `TORCH_USE_CUDA_DSA`\n")

    def test_no_driver_is_no_failure(self):
        found = self.steps(self.run_raw(self.fake(FAKE_TORCH, failure=NO_DRIVER), "--steps",
                                        "torch-import"))
        self.assertEqual(found["torch-import"], [
            *FIGURES, f"note|no NVIDIA device: RuntimeError: {NO_DRIVER}", "ok"])

    def test_torch_without_cuda(self):
        source = FAKE_TORCH + "    version.cuda = None\n"
        found = self.steps(self.run_raw(self.fake(source, failure=""), "--steps", "torch-import"))
        self.assertEqual(found["torch-import"], [
            FIGURES[0], "note|this torch is built without CUDA", "ok"])

    def test_gpus_are_counted(self):
        source = FAKE_TORCH + ("    cuda.is_available = lambda: True\n"
                               "    cuda.device_count = lambda: 3\n")
        found = self.steps(self.run_raw(self.fake(source, failure=""), "--steps", "torch-import"))
        self.assertEqual(found["torch-import"], [*FIGURES, "figure|torch-gpus|3|-", "ok"])

    def test_mixed_cudnn(self):
        text = ("cuDNN version incompatibility: PyTorch was compiled against (9, 10, 2) but found "
                "runtime version (9, 1, 0).")
        source = FAKE_TORCH + ("    def mixed():\n        raise RuntimeError({text!r})\n"
                               "    backends.cudnn.version = mixed\n")
        self.check_import([*FIGURES[:2], f"fail|torch|0|RuntimeError: {text}"], source, failure="",
                          text=text)

    def test_what_torch_prints_goes_to_standard_error(self):
        done = self.run_raw(self.fake(FAKE_TORCH, failure=NO_DRIVER), "--steps", "torch-import")
        self.assertNotIn("torch speaks", done.stdout)
        self.assertIn("torch speaks\n", done.stderr)

    def test_unknown_step(self):
        done = self.run_raw(self.base, "--steps", "torch-magic")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("no such step: torch-magic", done.stderr)

    def test_control_characters(self):
        done = self.run_raw(self.fake("raise ImportError('a\\tb\\x1b[0m\\x7f')"), "--steps",
                            "torch-import")
        self.assertIn("fail\ttorch\t0\tImportError: a b?[0m?\n", done.stdout)


class Codes(unittest.TestCase):
    def test_codes_in_texts(self):
        code_of = load().code_of
        for code, text in (
                (209, "CUDA error: no kernel image is available for execution on the device"),
                (222, "CUDA error: the provided PTX was compiled with an unsupported toolchain."),
                (221, "CUDA error: PTX JIT compiler library not found"),
                (2, "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of "
                    "79.11 GiB of which 12.00 MiB is free."),
                (2, "CUDA error: out of memory"),
                (46, "CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
                (214, "CUDA error: uncorrectable ECC error encountered"),
                (220, "CUDA error: uncorrectable NVLink error detected during the execution"),
                (805, "CUDA error: MPS client failed to connect to the MPS control daemon or the MPS "
                      "server"),
                (34, "CUDA error: CUDA driver is a stub library"),
                (3, "CUDA error: initialization error"),
                (700, "CUDA error: an illegal memory access was encountered"),
                (999, "CUDA error: unknown error"), (999, UNKNOWN), (35, TOO_OLD),
                (0, "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error "
                    "code 12 (Cannot allocate memory): out of memory"),
                (0, "mat1 and mat2 shapes cannot be multiplied"), (0, "")):
            with self.subTest(text):
                self.assertEqual(code_of(text), code)


class EachGpu(unittest.TestCase):
    """The loop over the GPUs, with a torch that only knows how to select them."""

    def setUp(self):
        self.module = load()
        self.check = self.module.Check(Recorded())
        self.memory = {0: (12e6, 80e9), 1: (70e9, 80e9)}
        self.check.torch = types.SimpleNamespace(
            device=lambda kind, gpu: f"{kind}:{gpu}",
            cuda=types.SimpleNamespace(set_device=lambda gpu: None, synchronize=lambda gpu: None,
                                       mem_get_info=lambda gpu: self.memory[gpu]))
        self.check.gpus = [0, 1]

    def run_with(self, errors):
        done = []

        def work(gpu, device):
            self.assertEqual(device, f"cuda:{gpu}")
            if gpu in errors:
                raise errors[gpu]
            done.append(gpu)
        with contextlib.suppress(self.module.Skip):
            self.check.on_each_gpu(work)
            return done
        return "skipped"

    def test_all_pass(self):
        self.assertEqual(self.run_with({}), [0, 1])
        self.assertEqual(self.check.records.lines, [])

    def test_a_full_gpu_is_passed_over_from_then_on(self):
        full = RuntimeError("CUDA error: out of memory")
        self.assertEqual(self.run_with({0: full}), [1])
        self.assertEqual(self.check.records.lines, ["note|GPU 0 is full: 80.0 of 80.0 GB are used"])
        self.assertEqual(self.run_with({0: AssertionError("not asked again")}), [1])

    def test_all_full(self):
        full = RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        del self.memory[1]
        self.assertEqual(self.run_with({0: full, 1: full}), "skipped")
        self.assertEqual(self.check.records.lines, [
            "note|GPU 0 is full: 80.0 of 80.0 GB are used",
            "note|GPU 1 is full, too full to say how much is used"])

    def test_the_first_failure_counts(self):
        with self.assertRaises(self.module.Failure) as raised:
            self.run_with({1: RuntimeError("CUDA error: uncorrectable ECC error encountered")})
        self.assertEqual((raised.exception.api, raised.exception.code, raised.exception.text), (
            "torch", 214, "RuntimeError: CUDA error: uncorrectable ECC error encountered (GPU 1)"))
        self.assertEqual(self.check.records.lines, ["note|passed on 1 of 2 GPUs"])

    def test_two_failures(self):
        wrong = self.module.Failure("compare", 0, "matmul: error 1, tolerance 0")
        with self.assertRaises(self.module.Failure) as raised:
            self.run_with({0: wrong, 1: ValueError("odd")})
        self.assertEqual(raised.exception.text, "matmul: error 1, tolerance 0 (GPU 0)")
        self.assertEqual(self.check.records.lines, [
            "note|also failed: torch 0: ValueError: odd (GPU 1)"])


class Ddp(unittest.TestCase):
    """How the answers of the processes are read."""

    def setUp(self):
        self.module = load()
        self.check = self.module.Check(Recorded())
        distributed = types.SimpleNamespace(is_available=lambda: True, is_nccl_available=lambda: True)
        self.names = ["NVIDIA Fake", "NVIDIA Fake"]
        self.check.torch = types.SimpleNamespace(
            distributed=distributed, cuda=types.SimpleNamespace(
                empty_cache=lambda: None, get_device_name=lambda gpu: self.names[gpu]))

    def run_with(self, status, *answers, modes=(0, 0)):
        """Outcome when torchrun ends with `status` and its processes answer (api, code, text)."""
        self.command = None

        def run_limited(command, environment, seconds):
            self.command, self.environment = command, environment
            folder = command[command.index("--ddp-folder") + 1]
            for rank, answer in enumerate(answers):
                if answer is not None:
                    api, code, text = answer
                    with open(f"{folder}/{rank}.json", "w", encoding="utf-8") as file:
                        json.dump({"api": api, "code": code, "text": text, "time": 100 - rank}, file)
            return status
        with mock.patch.object(self.module, "run_limited", run_limited), \
                mock.patch.object(self.module, "compute_mode", lambda gpu: modes[gpu]):
            try:
                self.check.torch_ddp()
            except self.module.Failure as failure:
                return (failure.api, failure.code, failure.text)
            except self.module.Skip as skip:
                return str(skip)
        return "ok"

    def test_all_well(self):
        self.assertEqual(self.run_with(0, ("", 0, ""), ("", 0, "")), "ok")
        self.assertIn("--local-addr 127.0.0.1 --nproc-per-node 2 --no-python", " ".join(self.command))
        self.assertEqual(self.environment["GLOO_SOCKET_IFNAME"], "lo")
        self.assertEqual(self.check.records.lines, [
            "figure|ddp-backend|gloo|-", "figure|ddp-processes|2|-",
            "note|no NVIDIA device: done on the processor only"])

    def test_the_earliest_cause_counts(self):
        self.assertEqual(self.run_with(1, ("torch", 0, "connection closed by peer"),
                                       ("torch", 2, "CUDA error: out of memory")),
                         ("torch", 2, "CUDA error: out of memory"))

    def test_time_is_up(self):
        self.assertEqual(self.run_with(None), (
            "system", 110, "torchrun: 2 processes did not end within 150 s"))

    def test_a_process_that_dies(self):
        self.assertEqual(self.run_with(1, ("", 0, ""), None), (
            "torch", 0, "torchrun ended with 1; processes that said nothing: 1"))
        # Success is believed only when every process says so.
        self.assertEqual(self.run_with(0, ("", 0, "")), (
            "torch", 0, "torchrun ended with 0; processes that said nothing: 1"))

    def test_gpus(self):
        self.check.gpus = [0, 1]
        self.assertEqual(self.run_with(0, ("", 0, ""), ("", 0, "")), "ok")
        self.assertIn("--ddp-worker nccl --ddp-gpus 0,1", " ".join(self.command))
        self.check.full.add(0)
        self.assertEqual(self.run_with(0, ("", 0, "")), "ok")
        self.assertIn("--nproc-per-node 1", " ".join(self.command))
        self.assertIn("--ddp-worker nccl --ddp-gpus 1", " ".join(self.command))
        self.check.full.add(1)
        self.assertEqual(self.run_with(0), "no GPU has free memory")

    def test_what_cannot_be_done(self):
        self.check.gpus = [0, 1]
        self.assertEqual(self.run_with(0, modes=(0, 3)),
                         "a GPU is in exclusive-process mode, and this process has it")
        self.names[1] = "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
        self.assertEqual(self.run_with(0), "NCCL does not work across MIG instances")
        self.assertIsNone(self.command)

    def test_child_that_does_not_end(self):
        begin = time.monotonic()
        status = self.module.run_limited([sys.executable, "-c", "import time; time.sleep(60)"],
                                         dict(os.environ), 0.5)
        self.assertIsNone(status)
        self.assertLess(time.monotonic() - begin, 10)


def has_torch():
    return subprocess.run([OPTIONS.python, "-I", "-c", "import torch"],
                          capture_output=True).returncode == 0


class Real(Process):
    """With the torch of the Python given."""

    def setUp(self):
        super().setUp()
        if not has_torch():
            self.skipTest("no torch here")

    def run_steps(self, steps, prelude="pass", env=None):
        return self.steps(self.run_raw(self.base / "none", "--steps", steps, prelude=prelude,
                                       python=OPTIONS.python, env=env))

    def test_all_steps(self):
        hostile = self.fake("raise ImportError('the wrong torch')")
        done = self.run_raw(self.base / "none", python=OPTIONS.python, env={
            "PYTHONPATH": str(hostile), "PYTHONHOME": "/nowhere", "PYTHONSTARTUP": "/nowhere"})
        for name, records in self.steps(done).items():
            self.assertRegex(records[-1], "^(ok$|skip)", name)
        maps = re.findall(r"(?m)^map\t(.*)$", done.stdout)
        self.assertTrue(any(path.endswith("/libtorch_cpu.so") for path in maps), maps)
        if "no NVIDIA device" in done.stdout:
            print("skipped: no NVIDIA device")
        self.assertEqual([path.name for path in self.base.iterdir()
                          if path.name.startswith("torch-check-")], [])

    def test_no_compiler(self):
        empty = self.base / "bin"
        empty.mkdir()
        found = self.run_steps("torch-compile", env={"PATH": str(empty)})
        self.assertRegex(found["torch-compile"][-1], r"^skip\|no C(\+\+)? compiler$")

    def test_wrong_results_are_seen(self):
        for step, prelude, start in (
                ("torch-matmul", "import torch; old = torch.Tensor.__matmul__; "
                 "torch.Tensor.__matmul__ = lambda a, b: old(a, b) * (1 + 1e-4)",
                 "fail|compare|0|matmul on the processor: "),
                ("torch-convolution", "import torch; f = torch.nn.functional; old = f.conv2d; "
                 "f.conv2d = lambda *a, **k: old(*a, **k) + 0.01",
                 "fail|compare|0|conv2d on the processor: "),
                ("torch-autograd", "import torch; torch.optim.SGD.step = lambda self: None",
                 "fail|compare|0|training step: the loss fell by 0.00e+00"),
                ("torch-amp", "import torch, contextlib; "
                 "torch.autocast = lambda *a, **k: contextlib.nullcontext()",
                 "fail|compare|0|autocast to torch.bfloat16 gave torch.float32")):
            with self.subTest(step):
                found = self.run_steps(step, prelude)
                self.assertTrue(found[step][-1].startswith(start), found[step])

    def test_ddp_that_does_not_average(self):
        # One process of two, with the hook that sums taken out.
        code = ("import torch, runpy, sys; import torch.distributed as d; "
                "old = d.all_gather; "
                "d.all_gather = lambda out, own: [o.copy_(own + i) for i, o in enumerate(out)]; "
                "sys.exit(runpy.run_path(sys.argv[1])['ddp_worker']('gloo', [], sys.argv[2]))")
        done = subprocess.run(
            [OPTIONS.python, "-I", "-B", "-m", "torch.distributed.run", "--standalone", "--local-addr",
             "127.0.0.1", "--nproc-per-node", "2", "--no-python", OPTIONS.python, "-I", "-c", code,
             OPTIONS.torch_check, self.base], capture_output=True, text=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        texts = [json.loads(path.read_text())["text"] for path in self.base.glob("*.json")]
        self.assertTrue(any(re.match("DDP: the gradients of processes . and . differ", text)
                            for text in texts), texts)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch-check", required=True, type=os.path.abspath)
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    sys.dont_write_bytecode = True
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    good = result.testsRun - bad - len(result.skipped)
    print(f"{good} passed, {bad} failed" + (f", {len(result.skipped)} skipped" if result.skipped else ""))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
