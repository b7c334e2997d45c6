#!/usr/bin/env python3
"""`envinstall check` on a real prefix: what it proves without a GPU, that foreign libraries stay out, and how failures of
a driver look, with real programs throughout.

    tests/e2e/gpu_check.py --made OUT/NAME --fakes BUILD/tests/gpu/fakes

OUT/NAME is the folder that packaging/quickstart filled. The fakes are the libraries that tests/gpu builds: a driver that
fails in a way that a variable names, and CUDA libraries that compute on the CPU. Prints a line a check and at the end
`N passed, N failed`. Where there is an NVIDIA GPU the plain check must pass on it; elsewhere it says
`skipped: no NVIDIA device`.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

PLANTED = ("libcudart.so.12", "libcublas.so.12", "libcudnn.so.9", "libnccl.so.2", "libstdc++.so.6", "libgcc_s.so.1")


class Check:
    """One run of `envinstall check PREFIX --json`."""

    def __init__(self, installer, prefix, *options, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": str(variables.pop("HOME", os.environ.get("HOME", "/")))}
        environment |= {name: str(value) for name, value in variables.items()}
        done = subprocess.run(
            [installer, "check", prefix, "--json", "-q", *options], env=environment, capture_output=True, text=True,
            timeout=900, check=False,
        )
        self.code, self.errors = done.returncode, done.stderr
        records = [json.loads(line) for line in done.stdout.splitlines()]
        self.record = next((each for each in records if each["record"] == "check"), {})
        self.steps = {step["name"]: step for step in self.record.get("steps", [])}

    def problem_unless(self, code, state):
        if self.code != code or self.record.get("state") != state:
            return f"exit {self.code}, state {self.record.get('state')}: {self.record.get('reasons')} {self.errors}"
        isolation = self.record["isolation"]
        if isolation["violations"]:
            return f"isolation: {isolation['violations']}"
        return ""

    def problem_unless_failed(self, step, texts):
        if self.code != 31 or self.record.get("state") != "failed":
            return f"exit {self.code}, state {self.record.get('state')}: {self.errors}"
        found = self.steps.get(step, {})
        if found.get("state") not in ("failed", "crashed", "timed-out"):
            return f"step {step} is {found}"
        said = " ".join([found.get("cause", ""), *found.get("remedies", [])])
        missing = [text for text in texts if text not in said or text not in self.errors]
        return f"{missing} not in {said!r} and in {self.errors!r}" if missing else ""


def plant(folder, source):
    """Libraries with the names of ours that are others: copies of one that loads."""
    folder.mkdir(parents=True)
    for name in PLANTED:
        shutil.copy(source, folder / name)
    return folder


def has_gpu():
    return os.path.exists("/proc/driver/nvidia/version") or os.path.exists("/dev/dxg")


def plain(report, installer, prefix):
    check = Check(installer, prefix)
    if has_gpu():
        report.check("the GPU of this machine passes", check.problem_unless(0, "passed"))
    else:
        print("skipped: no NVIDIA device: the check on a real GPU")
        report.check("without a GPU: everything else passes, nothing is claimed",
                     check.problem_unless(0, "not-testable"))
        required = Check(installer, prefix, "--gpu-check=require")
        report.check("--gpu-check=require fails without a GPU",
                     "" if required.code == 30 and "no GPU here" in required.errors else required.errors)
    files = check.record["isolation"]["release_files"]
    report.check("libraries of the release were loaded", "" if files > 0 else "none was seen")
    texts = list((pathlib.Path(prefix) / ".envinstall").glob("check-*.txt"))
    report.check("the report is kept", "" if len(texts) == 1 and texts[0].read_text() else str(texts))
    return check


def hostile(report, installer, prefix, work, ordinary, library):
    """The same result with everything in the environment that leads programs astray."""
    planted = plant(work / "planted", library)
    modules = work / "modules"
    modules.mkdir()
    for name in ("torch", "numpy", "sitecustomize", "usercustomize", "json"):
        (modules / f"{name}.py").write_text("raise SystemExit('a foreign module was loaded')\n")
    home = work / "home"
    local = home / ".local/lib/python3.11/site-packages"
    local.mkdir(parents=True)
    for file in modules.iterdir():
        shutil.copy(file, local)
    (local / "evil.pth").write_text("import os; os._exit(77)\n")
    for name, value in (
        ("LD_LIBRARY_PATH", planted), ("LD_PRELOAD", planted / "libcudnn.so.9"), ("PYTHONPATH", modules),
        ("PYTHONHOME", work / "nowhere"), ("HOME", home),
    ):
        check = Check(installer, prefix, **{name: value})
        problem = check.problem_unless(0, ordinary.record["state"])
        if not problem and name in ("LD_PRELOAD", "PYTHONPATH", "PYTHONHOME"):
            told = [each["name"] for each in check.record["hostile_variables"]]
            problem = "" if told == [name] else f"told of {told}"
        report.check(f"a hostile {name}", problem)

    # The launcher alone, without the installer's clean environment.
    program = pathlib.Path(prefix) / "libexec/envbundle/gpucheck"
    program = pathlib.Path(prefix) / "current/libexec/envbundle/gpucheck" if not program.exists() else program
    release = os.path.realpath(pathlib.Path(prefix) / "current")
    done = subprocess.run([program], env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(planted)},
                          capture_output=True, text=True, timeout=300, check=False)
    maps = [line.split("\t")[1] for line in done.stdout.splitlines() if line.startswith("map\t")]
    strange = [path for path in maps if str(planted) in path]
    report.check("LD_LIBRARY_PATH reaches no program of the release",
                 "" if maps and not strange and any(path.startswith(release) for path in maps) else f"{maps} {done.stderr}")


def with_fakes(prefix, fakes, work):
    """A copy of the prefix whose CUDA libraries are the fakes: hard links, so it costs nothing."""
    copy = work / "faked"
    subprocess.run(["cp", "-al", os.path.realpath(prefix), copy], check=True)
    nvidia = next((copy / "current/lib").glob("python3*")) / "site-packages/nvidia"
    shutil.rmtree(nvidia)
    (nvidia / "all/lib").mkdir(parents=True)
    for file in pathlib.Path(fakes).glob("lib*.so*"):
        if file.name != "libcuda.so.1":
            shutil.copy(file, nvidia / "all/lib" / file.name)
    # PyTorch's check is not for fakes.
    (copy / "current/libexec/envbundle/torch_check.py").unlink(missing_ok=True)
    return copy


def failing(report, installer, prefix, fakes, work):
    faked = with_fakes(prefix, fakes, work)
    driver = work / "driver"
    driver.mkdir()
    shutil.copy(pathlib.Path(fakes) / "libcuda.so.1", driver)
    good = Check(installer, faked, LD_LIBRARY_PATH=driver, NVIDIA_FAKE_CUDA="devices=2")
    report.check("fakes that compute rightly pass all steps on two GPUs", good.problem_unless(0, "passed"))
    skipped = [name for name, step in good.steps.items() if step["state"] != "ok"]
    report.check("none of the steps was skipped", "" if good.steps and not skipped else str(skipped))

    for switch, step, texts in (
        ("cuInit=999", "driver-init", ["nvidia-uvm"]),
        ("cuInit=803", "driver-init", ["reboot"]),
        ("cuInit=802", "driver-init", ["fabric"]),
        ("cudaMalloc=209", "runtime", []),
        ("wrong=cublasSgemm_v2", "cublas-sgemm", []),
        ("cudnnConvolutionForward=3007", "cudnn-convolution", []),
        ("crash=cublasSgemm_v2", "cublas-sgemm", ["SIGSEGV"]),
    ):
        check = Check(installer, faked, LD_LIBRARY_PATH=driver, NVIDIA_FAKE_CUDA=switch)
        report.check(f"a driver with {switch}", check.problem_unless_failed(step, texts))
    hung = Check(installer, faked, "--time-limit=2", LD_LIBRARY_PATH=driver, NVIDIA_FAKE_CUDA="hang=cuInit")
    report.check("a driver that hangs", hung.problem_unless_failed("driver-init", ["no answer within 2"]))
    future = Check(installer, faked, LD_LIBRARY_PATH=pathlib.Path(fakes) / "future")
    report.check("a driver of a newer glibc", future.problem_unless_failed("driver-library", ["glibc"]))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--made", required=True, type=pathlib.Path)
    options.add_argument("--fakes", required=True, type=pathlib.Path)
    arguments = options.parse_args()
    made, arguments.fakes = arguments.made.resolve(), arguments.fakes.resolve()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="gpu-check.", dir=made) as name:
        work = pathlib.Path(name)
        installer, prefix = made / "envinstall", made / "prefix"
        ordinary = plain(report, installer, prefix)
        hostile(report, installer, prefix, work, ordinary, arguments.fakes / "libcudart.so.12")
        if has_gpu():
            print("skipped: there is a real driver here: failures of a fake one")
        else:
            failing(report, installer, prefix, arguments.fakes, work)
    print(f"\n{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
