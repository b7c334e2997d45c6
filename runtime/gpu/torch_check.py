#!/usr/bin/env python3
"""Proves that a release's PyTorch works on this machine: RELEASE/bin/python -I torch_check.py

Writes the records that README.md describes, like gpucheck; the rest goes to standard error. Without
a GPU the same is done on the processor. Needs Python 3.9 and torch, nothing else.
"""

import argparse
import ctypes
import errno
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time

# Seconds after which whoever watches may end the process. An import from cold network storage takes
# a minute; a compiler on a busy login node as well.
LIMITS = {
    "torch-import": 180,
    "torch-matmul": 120,
    "torch-convolution": 120,
    "torch-autograd": 60,
    "torch-amp": 60,
    "torch-compile": 180,
    "torch-ddp": 180,
    "torch-isolation": 30,
}
DDP_SECONDS = 150

WATCHED = (
    "libcuda", "libnvidia-", "libcudart", "libcublas", "libcudnn", "libnccl", "libnvrtc",
    "libnvJitLink", "libcufft", "libcurand", "libcusolver", "libcusparse", "libnvshmem",
    "libnvToolsExt", "libcufile", "libcupti", "libtorch", "libc10", "libstdc++", "libgcc_s",
    "libgomp", "libc.so", "libc-", "libm.so", "libm-", "ld-linux", "libpthread", "libdl", "librt",
    "libz.",
)

# What torch makes of CUDA's errors, with their codes. The first that occurs in the text counts.
CODES = (
    ("driver on your system is too old", 35),
    ("driver version is insufficient", 35),
    ("no kernel image is available", 209),
    ("unsupported toolchain", 222),
    ("PTX JIT compiler library not found", 221),
    ("out of memory", 2),
    ("No CUDA GPUs are available", 100),
    ("no CUDA-capable device", 100),
    ("busy or unavailable", 46),
    ("system not yet initialized", 802),
    ("unsupported display driver", 803),
    ("forward compatibility was attempted", 804),
    ("MPS client failed to connect", 805),
    ("uncorrectable ECC error", 214),
    ("uncorrectable NVLink error", 220),
    ("stub library", 34),
    ("invalid device ordinal", 101),
    ("OS call failed", 304),
    ("illegal memory access", 700),
    ("unspecified launch failure", 719),
    ("initialization error", 3),
    ("CUDA unknown error", 999),
    ("CUDA error: unknown error", 999),
)


class Skip(Exception):
    """The step cannot be done here, which is no failure."""


class Failure(Exception):
    def __init__(self, api, code, text):
        super().__init__(text)
        self.api, self.code, self.text = api, code, text


def code_of(text):
    """CUDA's error code in the text of an exception; 0 when there is none."""
    numbered = re.search(r"\bError (\d+): ", text)
    if numbered:
        return int(numbered.group(1))
    for words, code in CODES:
        # Other things run out of memory as well.
        if words in text and (code != 2 or "CUDA" in text):
            return code
    return 0


def text_of(error):
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:2000]


class Records:
    """One record a line, to a copy of standard output: what libraries print goes to standard error."""

    def __init__(self):
        self.fd = os.dup(1)
        os.dup2(2, 1)

    def write(self, *fields):
        clean = (re.sub(r"[\x00-\x1f\x7f]", "?", str(field)) for field in fields)
        line = ("\t".join(clean) + "\n").encode("utf-8", "surrogateescape")
        while line:
            line = line[os.write(self.fd, line):]

    def figure(self, key, value, unit="-"):
        self.write("figure", key, value, unit)

    def note(self, text):
        self.write("note", text)


class Check:
    """The steps, and what they know of each other."""

    def __init__(self, records):
        self.records = records
        self.torch = None
        self.gpus = []
        self.full = set()

    def key(self, name, gpu):
        return name if len(self.gpus) <= 1 else f"{name}-gpu{gpu}"

    def on_each_gpu(self, work):
        """work(gpu, device) for each GPU whose memory is not used up; the first failure counts, once
        all had their turn."""
        first, passed = None, 0
        for gpu in self.gpus:
            if gpu in self.full:
                continue
            try:
                self.torch.cuda.set_device(gpu)
                work(gpu, self.torch.device("cuda", gpu))
                self.torch.cuda.synchronize(gpu)
                passed += 1
            except Skip:
                raise
            except Exception as error:
                failure = error if isinstance(error, Failure) else Failure(
                    "torch", code_of(str(error)), text_of(error))
                if failure.api == "torch" and failure.code == 2:
                    self.full.add(gpu)
                    self.records.note(self.full_text(gpu))
                    continue
                if len(self.gpus) > 1:
                    failure.text += f" (GPU {gpu})"
                if first is None:
                    first = failure
                else:
                    self.records.note(f"also failed: {failure.api} {failure.code}: {failure.text}")
        if first is not None:
            if passed:
                self.records.note(f"passed on {passed} of {len(self.gpus)} GPUs")
            raise first
        if self.gpus and not passed:
            raise Skip("no GPU has free memory")
        if not self.gpus:
            self.records.note("no NVIDIA device: done on the processor only")

    def full_text(self, gpu):
        try:
            free, total = self.torch.cuda.mem_get_info(gpu)
            return f"GPU {gpu} is full: {(total - free) / 1e9:.1f} of {total / 1e9:.1f} GB are used"
        except Exception:
            return f"GPU {gpu} is full, too full to say how much is used"

    def compare(self, what, got, exact, scale, tolerance, gpu=None):
        """Fails unless |got - exact| <= tolerance * scale for every number."""
        wanted = exact.double().cpu()
        error = ((got.detach().double().cpu() - wanted).abs() / scale.double().cpu()).max().item()
        if gpu is not None:
            self.records.figure(self.key(f"{what}-error", gpu), f"{error:.2e}")
        if not error <= tolerance:
            raise Failure("compare", 0, f"{what}: error {error:.2e}, tolerance {tolerance:.2e}")

    def samples(self, *shape, seed):
        """Numbers in [-1, 1] in steps of 1/8: exact in every type, TF32 included."""
        generator = self.torch.Generator().manual_seed(seed)
        return self.torch.randint(-8, 9, shape, generator=generator).float() / 8

    # -- the steps --------------------------------------------------------------------------------

    def torch_import(self):
        import torch
        self.torch = torch
        figure = self.records.figure
        figure("torch-version", torch.__version__)
        if torch.version.cuda is None:
            self.records.note("this torch is built without CUDA")
            return
        figure("torch-cuda", torch.version.cuda)
        figure("torch-cudnn", torch.backends.cudnn.version())
        if torch.distributed.is_available() and torch.distributed.is_nccl_available():
            figure("torch-nccl", ".".join(map(str, torch.cuda.nccl.version())))
        # get_arch_list() is empty where no GPU is.
        figure("torch-architectures", torch._C._cuda_getArchFlags() or "-")
        if torch.cuda.is_available():
            self.gpus = list(range(torch.cuda.device_count()))
            figure("torch-gpus", len(self.gpus))
            return
        try:
            torch.cuda.init()
        except Exception as error:
            if "Found no NVIDIA driver" not in str(error):
                raise
            self.records.note("no NVIDIA device: " + text_of(error))
            return
        raise Failure("torch", 0, "torch.cuda.is_available() says no, and nothing says why")

    def torch_matmul(self):
        a, b = self.samples(24, 40, seed=1), self.samples(40, 16, seed=2)
        c = (a @ b).tolist()
        rows, columns = a.tolist(), list(zip(*b.tolist()))
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                exact = math.fsum(x * y for x, y in zip(row, column))
                if c[i][j] != exact:
                    raise Failure("compare", 0, f"matmul on the processor: {c[i][j]} for {exact}")
        generator = self.torch.Generator().manual_seed(3)
        a = self.torch.randn(257, 301, generator=generator)
        b = self.torch.randn(301, 203, generator=generator)
        exact, scale = a.double() @ b.double(), a.abs().double() @ b.abs().double()
        # Single precision: so many roundings of 2^-24.
        tolerance = (301 + 2) * 2.0 ** -24
        self.compare("matmul on the processor", a @ b, exact, scale, tolerance)
        self.on_each_gpu(lambda gpu, device: self.compare(
            "matmul", a.to(device) @ b.to(device), exact, scale, tolerance, gpu))

    def torch_convolution(self):
        functional = self.torch.nn.functional
        x, w = self.samples(1, 2, 5, 4, seed=4), self.samples(3, 2, 3, 3, seed=5)
        y = functional.conv2d(x, w).tolist()
        xs, ws = x.tolist(), w.tolist()
        for k in range(3):
            for row in range(3):
                for column in range(2):
                    exact = math.fsum(
                        xs[0][c][row + i][column + j] * ws[k][c][i][j]
                        for c in range(2) for i in range(3) for j in range(3))
                    if y[0][k][row][column] != exact:
                        raise Failure("compare", 0, "conv2d on the processor: "
                                      f"{y[0][k][row][column]} for {exact}")

        x, w = self.samples(2, 16, 15, 13, seed=6), self.samples(24, 16, 3, 3, seed=7)
        dy = self.samples(2, 24, 15, 13, seed=8)

        def results(x, w, dy, device="cpu", dtype=None):
            x, w = (t.detach().to(device, dtype).requires_grad_() for t in (x, w))
            y = functional.conv2d(x, w, padding=1)
            y.backward(dy.to(device, dtype))
            return y, x.grad, w.grad

        double = self.torch.float64
        exact = results(x, w, dy, dtype=double)
        # An edge where the terms are all zero has a scale of its own.
        scales = [t.clamp_min(1e-3) for t in results(x.abs(), w.abs(), dy.abs(), dtype=double)]
        names = ("convolution-forward", "convolution-data", "convolution-filter")
        for name, got, wanted, scale in zip(names, results(x, w, dy), exact, scales):
            self.compare(f"{name} on the processor", got, wanted, scale, 1e-4)

        # cuDNN may take TF32, whose Winograd transforms round to 2^-11.
        def on_gpu(gpu, device):
            for name, got, wanted, scale in zip(names, results(x, w, dy, device), exact, scales):
                self.compare(name, got, wanted, scale, 4e-3, gpu)

        self.on_each_gpu(on_gpu)

    def network(self, device):
        torch = self.torch
        torch.manual_seed(9)
        layers = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(),
                                     torch.nn.Linear(32, 4))
        return layers.to(device), self.samples(64, 16, seed=10).to(device), self.samples(
            64, 4, seed=11).to(device)

    def torch_autograd(self):
        torch = self.torch

        def step(device):
            """The gradients of a network, after seeing that they point downhill."""
            net, x, wanted = self.network(device)
            rate = 0.01
            before = torch.nn.functional.mse_loss(net(x), wanted)
            before.backward()
            gradients = [p.grad.clone() for p in net.parameters()]
            torch.optim.SGD(net.parameters(), lr=rate).step()
            after = torch.nn.functional.mse_loss(net(x), wanted)
            fall = (before - after).item()
            # What the gradients promise for so small a step.
            promised = rate * sum(g.double().pow(2).sum().item() for g in gradients)
            if not 0.8 * promised < fall < 1.2 * promised:
                raise Failure("compare", 0, f"training step: the loss fell by {fall:.2e}, the "
                              f"gradients promised {promised:.2e}")
            return gradients

        exact = step("cpu")

        def on_gpu(gpu, device):
            for got, wanted in zip(step(device), exact):
                scale = wanted.abs().max().expand_as(wanted)
                self.compare("gradient", got, wanted, scale, 1e-3)
            self.records.figure(self.key("autograd-gradients", gpu), len(exact))

        self.on_each_gpu(on_gpu)

    def train_mixed(self, device, dtype, scaler=None):
        """Some steps in mixed precision: the products are in `dtype`, and the loss falls."""
        torch = self.torch
        net, x, wanted = self.network(device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        losses = []
        for _ in range(10):
            optimizer.zero_grad()
            with torch.autocast(torch.device(device).type, dtype=dtype):
                y = net(x)
            if y.dtype != dtype:
                raise Failure("compare", 0, f"autocast to {dtype} gave {y.dtype}")
            loss = torch.nn.functional.mse_loss(y.float(), wanted)
            losses.append(loss.item())
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
        if not losses[-1] < losses[0]:
            raise Failure("compare", 0, f"training with {dtype}: the loss went from {losses[0]:.3f} to "
                          f"{losses[-1]:.3f}")

    def torch_amp(self):
        torch = self.torch
        self.train_mixed("cpu", torch.bfloat16)

        def on_gpu(gpu, device):
            scaler = (torch.amp.GradScaler("cuda", init_scale=128.0)
                      if hasattr(torch.amp, "GradScaler")
                      else torch.cuda.amp.GradScaler(init_scale=128.0))
            self.train_mixed(device, torch.float16, scaler)
            types = "fp16"
            if torch.cuda.get_device_capability(gpu) >= (8, 0):
                self.train_mixed(device, torch.bfloat16)
                types += " bf16"
            self.records.figure(self.key("amp-types", gpu), types)

        self.on_each_gpu(on_gpu)

    def torch_compile(self):
        torch = self.torch
        usable = [gpu for gpu in self.gpus if gpu not in self.full]
        # Triton compiles C for the GPU, inductor C++ for the processor.
        names = ((os.environ.get("CC"), "gcc", "clang", "cc") if usable
                 else (os.environ.get("CXX"), "g++"))
        compiler = next(filter(None, (shutil.which(name) for name in names if name)), None)
        if compiler is None:
            raise Skip("no C compiler" if usable else "no C++ compiler")
        if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
            raise Skip("no Python.h")
        self.records.figure("compiler", compiler)
        device = torch.device("cuda", usable[0]) if usable else torch.device("cpu")
        if usable:
            torch.cuda.set_device(usable[0])
        x = self.samples(1000, seed=12).to(device)

        def function(x):
            return (x.sin() * x + 1).relu().sum()

        with tempfile.TemporaryDirectory(prefix="torch-check-") as folder:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
            os.environ["TRITON_CACHE_DIR"] = os.path.join(folder, "triton")
            begin = time.monotonic()
            got = torch.compile(function)(x)
            self.records.figure("compile-time", f"{time.monotonic() - begin:.1f}", "s")
        wanted = function(x)
        self.compare("torch.compile", got, wanted, wanted.abs(), 1e-4)

    def torch_ddp(self):
        torch = self.torch
        if not torch.distributed.is_available():
            raise Skip("this torch is built without torch.distributed")
        usable = [gpu for gpu in self.gpus if gpu not in self.full]
        if self.gpus and not usable:
            raise Skip("no GPU has free memory")
        if usable and any("MIG" in torch.cuda.get_device_name(gpu) for gpu in usable):
            raise Skip("NCCL does not work across MIG instances")
        if any(compute_mode(gpu) == 3 for gpu in usable):
            raise Skip("a GPU is in exclusive-process mode, and this process has it")
        if usable and not torch.distributed.is_nccl_available():
            raise Skip("this torch is built without NCCL")
        backend, count = ("nccl", len(usable)) if usable else ("gloo", 2)
        self.records.figure("ddp-backend", backend)
        self.records.figure("ddp-processes", count)
        if not self.gpus:
            self.records.note("no NVIDIA device: done on the processor only")
        torch.cuda.empty_cache()
        python = [sys.executable, "-I", "-B"]
        with tempfile.TemporaryDirectory(prefix="torch-check-") as folder:
            # By number, not --standalone: that looks "localhost" up, which takes minutes where
            # /etc/hosts has no such line and the name server does not answer.
            command = [*python, "-m", "torch.distributed.run", "--nnodes", "1", "--node-rank", "0",
                       "--master-addr", "127.0.0.1", "--master-port", str(free_port()),
                       "--local-addr", "127.0.0.1", "--nproc-per-node", str(count), "--no-python",
                       *python, os.path.abspath(__file__), "--ddp-worker", backend,
                       "--ddp-gpus", ",".join(map(str, usable)) or "-", "--ddp-folder", folder]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
            environment.setdefault("NCCL_SOCKET_IFNAME", "lo")
            # torchrun asks for this host's full name for its log: resolver(5), one try of a second.
            environment.setdefault("RES_OPTIONS", "timeout:1 attempts:1")
            environment.setdefault("NCCL_DEBUG", "WARN")
            status = run_limited(command, environment, DDP_SECONDS)
            answers = []
            for rank in range(count):
                try:
                    with open(os.path.join(folder, f"{rank}.json"), encoding="utf-8") as file:
                        answers.append(json.load(file))
                except (OSError, ValueError):
                    answers.append(None)
        # A rank whose neighbour died complains about the connection: the first cause counts.
        told = sorted((a for a in answers if a and a["text"]), key=lambda answer: answer["time"])
        if told:
            raise Failure(told[0]["api"], told[0]["code"], told[0]["text"])
        if status is None:
            raise Failure("system", errno.ETIMEDOUT,
                          f"torchrun: {count} processes did not end within {DDP_SECONDS} s")
        if status != 0 or None in answers:
            raise Failure("torch", 0, f"torchrun ended with {status}; processes that said nothing: "
                          + (", ".join(str(r) for r, a in enumerate(answers) if a is None) or "none"))

    def torch_isolation(self):
        seen = set()
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                path = line.rstrip("\n")
                path = path[path.find("/"):] if "/" in path else ""
                if os.path.basename(path).startswith(WATCHED) and path not in seen:
                    seen.add(path)
                    self.records.write("map", path)


def compute_mode(gpu):
    """The driver's attribute 20; 0 when it cannot be asked. Order of GPUs as torch has it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        value, device = ctypes.c_int(), ctypes.c_int()
        if driver.cuDeviceGet(ctypes.byref(device), gpu) != 0:
            return 0
        driver.cuDeviceGetAttribute(ctypes.byref(value), 20, device)
        return value.value
    except (OSError, AttributeError):
        return 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_limited(command, environment, seconds):
    """Exit status, or None when the child had to be ended."""
    # In this process's group, so that who ends that ends the child too.
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as child:
        try:
            return child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.terminate()  # torchrun ends its workers
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
            return None


# -- one process of the DDP step --------------------------------------------------------------------

def ddp_step(backend, gpus):
    import torch
    import torch.distributed as dist
    from datetime import timedelta
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    device = torch.device("cuda", gpus[rank]) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=timedelta(seconds=60))

    def gradients(model, seed):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(32, 16, generator=generator).to(device)
        model.zero_grad()
        model(x).pow(2).mean().backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()])

    torch.manual_seed(13)
    plain = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(),
                                torch.nn.Linear(32, 4)).to(device)
    # What the sum over all processes must come to, worked out here alone.
    expected = torch.stack([gradients(plain, 100 + r).clone() for r in range(count)]).mean(0)
    plain.zero_grad()
    model = torch.nn.parallel.DistributedDataParallel(plain, device_ids=[device] if gpus else None)
    own = gradients(model, 100 + rank).clone()
    all_gradients = [torch.empty_like(own) for _ in range(count)]
    dist.all_gather(all_gradients, own)
    for other, theirs in enumerate(all_gradients):
        if not torch.equal(theirs, own):
            raise Failure("compare", 0, f"DDP: the gradients of processes {rank} and {other} differ")
    error = ((own - expected).abs().max() / expected.abs().max()).item()
    if not error <= 1e-4:
        raise Failure("compare", 0, f"DDP: gradient error {error:.2e}, tolerance 1.00e-04")
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    dist.destroy_process_group()


def ddp_worker(backend, gpus, folder):
    # When the parent dies there is nobody left to report to.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    api, code, text = "", 0, ""
    try:
        ddp_step(backend, gpus)
    except Failure as failure:
        api, code, text = failure.api, failure.code, failure.text
    except Exception as error:
        api, code, text = "torch", code_of(str(error)), text_of(error)
    path = os.path.join(folder, os.environ["RANK"] + ".json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"api": api, "code": code, "text": text, "time": time.time()}, file)
    os.rename(path + ".new", path)
    return 1 if text else 0


# -- the frame --------------------------------------------------------------------------------------

def run_steps(check, names):
    records = check.records
    failed_import = False
    for name in names:
        records.write("step", name, LIMITS[name])
        begin = time.monotonic()
        try:
            if failed_import and name != "torch-isolation":
                raise Skip("needs torch-import")
            getattr(check, name.replace("-", "_"))()
        except Skip as skip:
            records.write("skip", skip)
        except Failure as failure:
            failed_import = failed_import or name == "torch-import"
            records.write("fail", failure.api, failure.code, failure.text)
        except Exception as error:
            failed_import = failed_import or name == "torch-import"
            records.write("fail", "torch", code_of(str(error)), text_of(error))
        else:
            records.write("ok", f"{time.monotonic() - begin:.3f}")
    records.write("end")


def private_folder():
    """A folder for all that torch and its children leave in the temporary one; None: there is none."""
    try:
        folder = tempfile.mkdtemp(prefix="torch-check-")
    except OSError:
        return None
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return folder


def main():
    parser = argparse.ArgumentParser(
        description="Tries a release's PyTorch, and writes what it finds to standard output: one "
                    "record a line, fields separated by tabs.",
        epilog="steps: " + " ".join(LIMITS))
    parser.add_argument("--steps", help="only these steps, separated by commas (and torch-import)")
    for option in ("worker", "gpus", "folder"):
        parser.add_argument("--ddp-" + option, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ddp_worker:
        gpus = [] if options.ddp_gpus == "-" else [int(gpu) for gpu in options.ddp_gpus.split(",")]
        # Without exit handlers: at the end of an interpreter a thread of gloo's may be running still,
        # and then torch 2.8 aborts ("terminate called without an active exception").
        os._exit(ddp_worker(options.ddp_worker, gpus, options.ddp_folder))
    names = list(LIMITS)
    if options.steps:
        chosen = {"torch-import", *options.steps.split(",")}
        for name in sorted(chosen - set(LIMITS)):
            parser.error(f"no such step: {name}")
        names = [name for name in names if name in chosen]
    # The children are this release's as well, and nothing is written into it.
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    sys.dont_write_bytecode = True
    # Single precision is to be that: some images turn TF32 on for all of torch.
    os.environ.pop("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", None)
    # Compile in this process: no pool of children to outlive it.
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    scratch = private_folder()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        run_steps(Check(Records()), names)
        sys.stdout.flush()
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    # All is said: exit handlers are not what is checked here.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
