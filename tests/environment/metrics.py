#!/usr/bin/env python3
"""The metrics exporter of an installed prefix with a real Prometheus: what it exports with and without (fake) GPUs, what
`promtool` says to it, that every query of the dashboard and of the rules names a metric that exists, and that neither
hanging drivers nor hostile clients and files stop it.

    tests/environment/metrics.py --prefix PREFIX --build BUILD/dev

PREFIX is never written to. BUILD has the fake NVML (target fake_nvml). Needs `prometheus` and `promtool` (Debian's package
prometheus). Prints a line a check and at the end `N passed, N failed`.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

SECRET = "0123456789abcdef0123456789abcdef"
TWO_GPUS = "devices=2"


class Page:
    """A page of the exporter: values by name and labels."""

    LINE = re.compile(r'([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.text = text
        self.series = []
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = self.LINE.match(line).groups()
                self.series.append((name, dict(self.LABEL.findall(labels or "")), float(value)))
        self.names = {name for name, _, _ in self.series}

    def get(self, name, **labels):
        return [value for each, have, value in self.series
                if each == name and all(have.get(key) == text for key, text in labels.items())]


class World:
    """The prefix, the fakes and a temporary folder."""

    def __init__(self, prefix, build, base):
        self.prefix, self.base = prefix, base
        self.program = prefix / "current/libexec/envbundle/envmetrics"
        self.share = prefix / "share/envbundle"
        self.fakes = base / "fakes"
        self.fakes.mkdir()
        fake = build / "tests/metrics/fakes/libnvidia-ml.so.1"
        shutil.copy(fake, self.fakes)
        # The launcher recognises a driver's folder by its libcuda.
        shutil.copy(fake, self.fakes / "libcuda.so.1")
        self.home = base / "home"
        self.home.mkdir()
        self.training = base / "training"
        self.training.mkdir()

    def environment(self, fake=None, **variables):
        out = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.base),
               "XDG_RUNTIME_DIR": str(self.base), "ENVBUNDLE_TRAINING_DIR": str(self.training)}
        if fake is not None:
            out |= {"LD_LIBRARY_PATH": str(self.fakes), "FAKE_CUDA": fake}
        return out | {name: str(value) for name, value in variables.items()}

    def once(self, *options, fake=None, into_group=None, **variables):
        def enter():
            if into_group:
                pathlib.Path(into_group, "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        done = subprocess.run([self.program, "--once", "--stale-after", "3", *options], capture_output=True, text=True,
                              timeout=60, check=False, env=self.environment(fake, **variables), preexec_fn=enter)
        if done.returncode != 0:
            raise AssertionError(f"--once: exit {done.returncode}: {done.stderr}")
        return Page(done.stdout)


class Exporter:
    """A running exporter; `with` ends it."""

    def __init__(self, world, *options, fake=None, **variables):
        self.errors = tempfile.TemporaryFile(dir=world.base)
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [world.program, "--listen", "127.0.0.1:0", "--interval", "0.5", *options], stdout=subprocess.PIPE,
            stderr=self.errors, text=True, env=world.environment(fake, **variables))
        line = self.process.stdout.readline()
        self.start_seconds = time.monotonic() - self.begun
        found = re.match(r"listening on http://127\.0\.0\.1:(\d+)/metrics$", line)
        if not found:
            raise AssertionError(f"it did not start: {line!r} {self.log()}")
        self.port = int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        return False

    def end(self, number=signal.SIGTERM):
        """Its exit code and how long it took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return self.process.returncode, time.monotonic() - begun

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def ask(self, path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def page(self):
        status, text = self.ask()
        if status != 200:
            raise AssertionError(f"/metrics answered {status}")
        return Page(text)

    def wait_for(self, condition, seconds=15):
        """A page that meets the condition, else the last."""
        end = time.monotonic() + seconds
        while True:
            page = self.page()
            if condition(page) or time.monotonic() > end:
                return page
            time.sleep(0.2)


def promtool_problem(page):
    done = subprocess.run(["promtool", "check", "metrics"], input=page.text, capture_output=True, text=True, timeout=60,
                          check=False)
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"[:600]


def problem_unless(condition, words):
    return "" if condition else str(words)[:1500]


def check_plain(report, world):
    page = world.once()
    release = os.path.basename(os.path.realpath(world.prefix / "current"))
    receipt = (world.prefix / "current/.bundle/receipt").read_text(encoding="utf-8")
    bundle_id = re.search(r"^id (\w+)$", receipt, re.M).group(1)
    report.check("without a driver: no GPU figure, and the reason", problem_unless(
        page.get("envbundle_nvml_up") == [0] and page.get("envbundle_nvml_problem", reason="library_not_found") == [1]
        and not any(name.startswith("DCGM") for name in page.names), page.text))
    report.check("the release's name and ID are exported", problem_unless(
        page.get("envbundle_release_info", release=release, id=bundle_id) == [1]
        and page.get("envbundle_release_active") == [1], page.text[:3000]))
    report.check("promtool check metrics, without GPUs", promtool_problem(page))
    vfs = os.statvfs("/dev/shm")
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="envbundle-test-") as file:
        file.write(b"x" * (8 << 20))
        file.flush()
        after = world.once()
    grown = after.get("envbundle_shm_own_bytes")[0] - page.get("envbundle_shm_own_bytes")[0]
    report.check("shm figures are those of /dev/shm", problem_unless(
        page.get("envbundle_shm_size_bytes") == [vfs.f_blocks * vfs.f_frsize] and grown >= 8 << 20, grown))
    # Big enough to be among those that are shown.
    child = subprocess.Popen([sys.executable, "-c", "x = b'x' * (400 << 20); print(1, flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        page = world.once()
        resident = page.get("envbundle_process_resident_memory_bytes", pid=str(child.pid))
        proportional = page.get("envbundle_process_proportional_memory_bytes", pid=str(child.pid))
        report.check("a process's memory is exported", problem_unless(
            resident and resident[0] > 400 << 20 and proportional and proportional[0] > 400 << 20,
            (resident, proportional)))
        page = world.once(fake=f"devices=2,pid={child.pid}")
        report.check("a process's GPU memory is exported, a stranger's is not", problem_unless(
            page.get("envbundle_process_gpu_memory_bytes", pid=str(child.pid), gpu="0") == [2 << 30]
            and len(page.get("envbundle_process_gpu_memory_bytes")) == 1, page.text[:1000]))
        world.with_process = page
    finally:
        child.communicate(b"\n", timeout=30)


def check_gpus(report, world):
    page = world.once(fake=TWO_GPUS)
    report.check("promtool check metrics, two GPUs", promtool_problem(page))
    labels = {"gpu": "1", "UUID": "GPU-10000000-4d3d-596c-da66-b86b0e5db584", "pci_bus_id": "00000000:3C:00.0",
              "device": "nvidia1", "Hostname": socket.gethostname()}
    wanted = {"DCGM_FI_DEV_GPU_TEMP": 41, "DCGM_FI_DEV_POWER_USAGE": 123.456, "DCGM_FI_DEV_SM_CLOCK": 1980,
              "DCGM_FI_DEV_GPU_UTIL": 87, "DCGM_FI_DEV_FB_USED": 2048, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 0.625}
    wrong = {name: page.get(name, **labels) for name, value in wanted.items() if page.get(name, **labels) != [value]}
    report.check("the metrics of Grafana's dashboard 12239, with DCGM's labels and units", problem_unless(not wrong, wrong))
    page = world.once("--dcgm-labels", fake=TWO_GPUS)
    report.check("--dcgm-labels has dcgm-exporter's label set", problem_unless(
        page.get("DCGM_FI_DEV_GPU_TEMP", modelName="NVIDIA Fake 80GB", **labels) == [41], page.text[:800]))
    page = world.once(fake="devices=2,hopper=0,nvmlDeviceGetPowerUsage=3")
    report.check("what NVML does not have is absent, not 0", problem_unless(
        not page.get("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE") and not page.get("DCGM_FI_DEV_POWER_USAGE")
        and len(page.get("DCGM_FI_DEV_GPU_TEMP")) == 2, page.text[:800]))
    page = world.once(fake="devices=2,mig=1")
    report.check("MIG: instances with their memory, no utilisation of the GPU", problem_unless(
        page.get("DCGM_FI_DEV_FB_USED", gpu="1", GPU_I_PROFILE="1g.10gb", GPU_I_ID="8") == [2048]
        and not page.get("DCGM_FI_DEV_GPU_UTIL", gpu="1") and page.get("DCGM_FI_DEV_GPU_UTIL", gpu="0") == [87]
        and not promtool_problem(page), page.text[:800]))
    page = world.once(fake="nvmlInit_v2=18")
    report.check("driver and library of two versions: NVML is down, with the reason", problem_unless(
        page.get("envbundle_nvml_up") == [0]
        and page.get("envbundle_nvml_problem", reason="driver_library_version_mismatch") == [1], page.text[:800]))
    for value, expected in (("1", {"1"}), ("GPU-0", {"0"}), ("", set()), ("1,0", {"0", "1"}), ("0,9,1", {"0"})):
        page = world.once(fake=TWO_GPUS, CUDA_VISIBLE_DEVICES=value)
        have = {have["gpu"] for name, have, _ in page.series if name == "DCGM_FI_DEV_GPU_TEMP"}
        report.check(f"CUDA_VISIBLE_DEVICES={value!r} narrows the GPUs", problem_unless(have == expected, have))
    page = world.once("--gpus", "all", fake=TWO_GPUS, CUDA_VISIBLE_DEVICES="1")
    report.check("--gpus all shows all", problem_unless(len(page.get("DCGM_FI_DEV_GPU_TEMP")) == 2, page.text[:800]))


def check_changes(report, world):
    switch = world.base / "switch"
    switch.write_text(TWO_GPUS, encoding="ascii")
    with Exporter(world, "--stale-after", "1", fake=TWO_GPUS, FAKE_NVML_FILE=switch) as exporter:
        page = exporter.wait_for(lambda page: page.get("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"))
        report.check("no XID before the first", problem_unless(
            page.get("DCGM_FI_DEV_XID_ERRORS", gpu="0") == [0], page.text[:800]))
        switch.write_text("devices=2,lost=1,xid=79", encoding="ascii")
        page = exporter.wait_for(lambda page: page.get("envbundle_gpu_up", gpu="1") == [0])
        report.check("a GPU that falls off: down with its UUID and reason, its figures absent, the other's there",
                     problem_unless(
                         page.get("envbundle_gpu_problem", gpu="1", reason="gpu_is_lost",
                                  UUID="GPU-10000000-4d3d-596c-da66-b86b0e5db584") == [1]
                         and not page.get("DCGM_FI_DEV_GPU_TEMP", gpu="1") and page.get("DCGM_FI_DEV_GPU_TEMP", gpu="0")
                         and page.get("envbundle_nvml_up") == [1], page.text[:1500]))
        world.with_lost_gpu = page
        page = exporter.wait_for(lambda page: page.get("DCGM_FI_DEV_XID_ERRORS", gpu="0") == [79])
        report.check("an XID is exported", problem_unless(
            page.get("DCGM_FI_DEV_XID_ERRORS", gpu="0") == [79], page.text[:800]))
        switch.write_text(TWO_GPUS, encoding="ascii")
        page = exporter.wait_for(lambda page: page.get("envbundle_gpu_up", gpu="1") == [1])
        report.check("and comes back", problem_unless(page.get("DCGM_FI_DEV_GPU_TEMP", gpu="1") == [41], page.text[:800]))
        switch.write_text("devices=2,hang=nvmlDeviceGetPowerUsage", encoding="ascii")
        page = exporter.wait_for(lambda page: page.get("envbundle_nvml_up") == [0])
        begun = time.monotonic()
        page = exporter.page()
        took = time.monotonic() - begun
        report.check("a driver that hangs: the answer comes at once and says so, without GPU figures", problem_unless(
            took < 1 and page.get("envbundle_nvml_problem", reason="hanging") == [1]
            and page.get("envbundle_sampler_stalled", source="nvml") == [1] and not page.get("DCGM_FI_DEV_GPU_TEMP")
            and page.get("envbundle_processes")[0] > 0, (took, page.text[:800])))
        code, took = exporter.end()
        report.check("SIGTERM ends it although the driver hangs", problem_unless(code == 0 and took < 3, (code, took)))
        events = [json.loads(line)["event"] for line in exporter.log().splitlines()]
        report.check("the log tells of it in lines of JSON", problem_unless(
            [each for each in ("nvml_up", "listening", "gpu_down", "gpu_back", "ending") if each not in events] == [],
            events))


HELPER_SCRIPT = """
import sys, time
from envbundle_metrics import TrainingMetrics
steps = int(sys.argv[1])
with TrainingMetrics("resnet", min_interval=0.05) as metrics:
    for step in range(steps):
        metrics.log(step=step, loss=2.0 / (step + 1), learning_rate=1e-3)
        time.sleep(0.02)
"""

NAN_SCRIPT = """
import math, torch
from envbundle_metrics import TrainingMetrics
metrics = TrainingMetrics("odd \\"name\\"\\\\ \\n ü", min_interval=0)
loss = torch.tensor(2.0, requires_grad=True) * 3
metrics.log(step=torch.tensor(7), loss=math.nan, tensor=loss, many=torch.zeros(3), infinite=math.inf, text="no")
assert not metrics._values["tensor"].requires_grad
raise RuntimeError("the training fails")
"""

FULL_SCRIPT = """
import time
from envbundle_metrics import TrainingMetrics
with TrainingMetrics("full", folder="/dev/null/nowhere") as metrics:
    begun = time.perf_counter()
    for step in range(100000):
        metrics.log(step=step, loss=1.0)
    print((time.perf_counter() - begun) / 100000 * 1e6)
"""


def run_python(world, script, *arguments, **variables):
    return subprocess.run([world.prefix / "bin/python", "-c", script, *arguments], capture_output=True, text=True,
                          timeout=120, check=False, env=world.environment(**variables))


def check_training(report, world):
    for rank in (0, 1):
        done = run_python(world, HELPER_SCRIPT, "20", RANK=rank, WORLD_SIZE=2, TORCHELASTIC_RESTART_COUNT=3)
        if done.returncode != 0:
            report.check("the helper runs with the release's Python", done.stderr)
            return
    page = world.once(fake=TWO_GPUS, SLURM_JOB_ID="4711", SLURM_JOB_NAME="train", SLURM_RESTART_COUNT="2")
    world.with_training = page
    rank = {"run": "resnet", "rank": "1"}
    report.check("loss and step of each rank, state, world size, restarts", problem_unless(
        page.get("envbundle_training_value", metric="loss", **rank) == [0.1]
        and page.get("envbundle_training_step", **rank) == [19]
        and page.get("envbundle_training_state", state="finished", **rank) == [1]
        and page.get("envbundle_training_world_size", **rank) == [2]
        and page.get("envbundle_training_restarts", **rank) == [3]
        and len(page.get("envbundle_training_step", run="resnet")) == 2, page.text[-4000:]))
    report.check("the Slurm job's ID and restarts", problem_unless(
        page.get("envbundle_job_info", job_id="4711", job_name="train") == [1]
        and page.get("envbundle_job_restarts") == [2], page.text[:800]))
    report.check("promtool check metrics, with training", promtool_problem(page))
    done = run_python(world, NAN_SCRIPT)
    page = world.once()
    lines = [line for line in page.text.splitlines() if "training_value{" in line and "odd" in line]
    report.check("NaN, infinity, a tensor with a graph, a strange name; an error in the script is a failed run",
                 problem_unless(
                     len(lines) == 3 and any('metric="loss"} NaN' in line for line in lines)
                     and any('metric="infinite"} +Inf' in line for line in lines)
                     and any('metric="tensor"} 6' in line for line in lines)
                     and 'state="failed"} 1' in page.text and not promtool_problem(page)
                     and done.stderr.count("is left out") == 2, (lines, done.stderr)))
    done = run_python(world, FULL_SCRIPT)
    report.check("a folder that cannot be made does not stop the training, and is said once", problem_unless(
        done.returncode == 0 and done.stderr.count("cannot be written") == 1, done.stderr))
    if done.returncode == 0:
        print(f"        one log() that writes nothing: {float(done.stdout):.2f} us")


def check_hostile_drops(report, world):
    folder = world.base / "hostile"
    folder.mkdir()
    good = {"format": 1, "run": "good", "rank": 0, "values": {"loss": 0.5}}
    write = lambda name, text: (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    write("good.json", json.dumps(good))
    write("again.json", json.dumps(good | {"values": {"loss": 0.25}}))
    os.utime(folder / "again.json", (time.time() - 100, time.time() - 100))
    write("old.json", json.dumps(good | {"run": "old"}))
    os.utime(folder / "old.json", (1e9, 1e9))
    write("nonsense.json", "{" * 100000)
    write("deep.json", '{"format":1,"run":"deep","rank":0,"values":' + "[" * 30000 + "]" * 30000 + "}")
    write("big.json", json.dumps(good | {"run": "x" * 70000}))
    write("bytes.json", '{"format":1,"run":"\udcff\udcfe","rank":0}')
    write("rank.json", json.dumps(good | {"run": "rank", "rank": -1}))
    write("many.json", json.dumps(good | {"run": "many", "values": {f"v{i}": i for i in range(1000)}}))
    write("name.json", json.dumps(good | {"run": 'a"} 1\nevil{x="', "values": {'b"} 2\nevil 3': 1}}))
    os.symlink("/etc/passwd", folder / "link.json")
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    if os.geteuid() == 0:
        write("foreign.json", json.dumps(good | {"run": "foreign"}))
        os.chown(folder / "foreign.json", 65534, 65534)
    page = world.once("--training", folder)
    rejected = {labels["reason"]: value for name, labels, value in page.series
                if name == "envbundle_training_drops_rejected"}
    report.check("hostile drops: the good ones are shown, the others counted, the page stays valid", problem_unless(
        page.get("envbundle_training_value", run="good", metric="loss") == [0.5]
        and len(page.get("envbundle_training_value", run="many")) == 64 and "evil" not in page.names
        and not page.get("envbundle_training_step", run="old") and not promtool_problem(page)
        and (rejected["malformed"], rejected["too_big"], rejected["not_a_file"], rejected["duplicate"]) == (3, 2, 3, 1)
        and rejected["foreign_owner"] == (1 if os.geteuid() == 0 else 0), (rejected, page.text[-3000:])))
    for number in range(2000):
        write(f"flood{number}.json", json.dumps(good | {"rank": number}))
    page = world.once("--training", folder)
    report.check("a flood of drops is bounded", problem_unless(
        len(page.get("envbundle_training_value")) < 1000
        and page.get("envbundle_training_drops_rejected", reason="too_many")[0] > 1000, len(page.series)))


def metric_names(query):
    """The metrics that a PromQL expression names."""
    query = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    query = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", query)
    query = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", query)
    words = re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*(?!\w*\s*\()", query)
    return {word for word in words if word.startswith(("envbundle_", "DCGM_"))}


def dashboard_queries(world):
    dashboard = json.loads((world.share / "grafana/envbundle.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [each["definition"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return queries, variables


def in_limited_group(world):
    """A page from a control group with a memory limit; None where none can be made."""
    for root in (pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")):
        group = root / f"envbundle-test-{os.getpid()}"
        limit = group / ("memory.limit_in_bytes" if root.name == "memory" else "memory.max")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            limit.write_text(str(4 << 30), encoding="ascii")
            return world.once(into_group=group)
        except OSError:
            continue
        finally:
            group.rmdir()
    return None


def check_names(report, world):
    """Every name that the dashboard and the rules use stands on a page of the program's own."""
    pages = [world.with_process, world.with_lost_gpu, world.with_training]
    limited = in_limited_group(world)
    known = set().union(*(page.names for page in pages))
    if limited is None:
        print("skipped the memory limit's metric: no control group can be made here")
        known.add("envbundle_cgroup_memory_max_bytes")
    else:
        report.check("the memory limit of the control group", problem_unless(
            limited.get("envbundle_cgroup_memory_max_bytes") == [4 << 30], limited.text[:800]))
        known |= limited.names
    # A copy of the release's facts with a check that has run.
    root = world.base / "checked/releases/x-1"
    (root / ".bundle").mkdir(parents=True)
    shutil.copy(world.prefix / "current/.bundle/receipt", root / ".bundle")
    check_file = world.base / "checked/.envinstall/check-x-1.json"
    check_file.parent.mkdir()
    check_file.write_text(json.dumps({"record": "check", "state": "failed", "when": "2026-03-04T05:06:07Z",
                                      "steps": [{"state": "ok"}, {"state": "failed"}, {"state": "ok"}]}), encoding="ascii")
    page = world.once("--root", root)
    report.check("the last check's state, time and steps", problem_unless(
        page.get("envbundle_check_state", state="failed") == [1] and page.get("envbundle_check_steps", state="ok") == [2]
        and page.get("envbundle_check_state", state="passed") == [0]
        and page.get("envbundle_check_timestamp_seconds") == [1772600767], page.text[:2000]))
    known |= page.names | world.once().names
    queries, variables = dashboard_queries(world)
    unknown = {name for query in queries + variables for name in metric_names(query)} - known
    report.check(f"all {len(queries)} queries of the dashboard name metrics that exist",
                 problem_unless(queries and not unknown, unknown))
    text = (world.share / "prometheus/rules.yml").read_text(encoding="utf-8")
    expressions = re.sub(r"^\s*(#.*|(summary|description|- record|- alert|- name):.*)$", "", text, flags=re.M)
    used = metric_names(expressions)
    report.check(f"all {len(used)} metrics of the rules exist", problem_unless(len(used) > 15 and used <= known, used - known))
    done = subprocess.run(["promtool", "check", "rules", world.share / "prometheus/rules.yml"], capture_output=True,
                          text=True, timeout=60, check=False)
    report.check("promtool check rules", problem_unless(done.returncode == 0, done.stdout + done.stderr))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Debian's Prometheus with the bundle's own scrape and rule files, hurried up."""

    def __init__(self, world):
        self.folder = world.base / "prometheus"
        (self.folder / "targets").mkdir(parents=True)
        shutil.copy(world.share / "prometheus/rules.yml", self.folder)
        (self.folder / "token").write_text(SECRET, encoding="ascii")
        text = (world.share / "prometheus/scrape.yml").read_text(encoding="utf-8")
        text = text.replace("scrape_interval: 15s", "scrape_interval: 500ms").replace("30s", "1s")
        text = text.replace("# authorization:", "authorization:").replace("#   credentials_file", "  credentials_file")
        (self.folder / "prometheus.yml").write_text("global: {evaluation_interval: 1s}\n" + text, encoding="utf-8")
        self.port = free_port()
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.output, stderr=self.output, cwd=self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.output.close()
        return False

    def api(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        return self.api("query", query=text)["result"]

    def wait_for(self, text, seconds=40):
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if found := self.query(text):
                    return found
            if time.monotonic() > end:
                return []
            time.sleep(0.3)


def check_prometheus(report, world):
    switch = world.base / "switch"
    switch.write_text(TWO_GPUS, encoding="ascii")
    token = world.base / "token"
    token.write_text(SECRET + "\n", encoding="ascii")
    for each in world.training.iterdir():
        each.unlink()
    with Prometheus(world) as prometheus:
        target = prometheus.folder / "targets/node.json"
        with Exporter(world, "--file-sd", target, "--token-file", token, fake=TWO_GPUS, FAKE_NVML_FILE=switch,
                      SLURM_JOB_ID="4711") as exporter:
            report.check("Prometheus finds the exporter by its file and scrapes it", problem_unless(
                prometheus.wait_for('up{job="envbundle"} == 1'), (prometheus.folder / "output").read_text()[-1500:]))
            report.check("without the token there is nothing", problem_unless(exporter.ask()[0] == 401, exporter.ask()))
            report.check("with it there is", problem_unless(
                exporter.ask(Authorization=f"Bearer {SECRET}")[0] == 200, ""))
            trainer = subprocess.Popen([world.prefix / "bin/python", "-c", HELPER_SCRIPT, "400"], env=world.environment())
            found = prometheus.wait_for('envbundle_training_step{run="resnet"} > 100')
            report.check("the loss of a running training arrives step by step", problem_unless(found, "no step over 100"))
            values = prometheus.query('envbundle_training_value{run="resnet",metric="loss"}[1m]')
            seen = [float(value) for _, value in values[0]["values"]] if values else []
            report.check("and falls", problem_unless(len(set(seen)) > 3 and seen == sorted(seen, reverse=True), seen))
            queries, _ = dashboard_queries(world)
            empty = []
            for query in queries:
                text = re.sub(r"\$(instance|gpu|run)", ".*", query)
                if not prometheus.query(text):
                    empty.append(text)
            # What needs a fault, a check, a limit or a process on a GPU is shown by check_names.
            may_be_empty = re.compile(r"_problem|check_state|cgroup_memory_max|process_gpu_memory")
            wrong = [each for each in empty if not may_be_empty.search(each)]
            report.check("Prometheus answers every query of the dashboard", problem_unless(not wrong, wrong))
            rules = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
            ill = [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
            report.check(f"all {len(rules)} rules are evaluated", problem_unless(len(rules) == 17 and not ill, ill))
            report.check("a recorded series", problem_unless(
                prometheus.query("instance:envbundle_gpu_memory_used:ratio"), ""))
            trainer.wait(60)
            run_python(world, NAN_SCRIPT)
            switch.write_text("devices=2,lost=1,xid=79", encoding="ascii")
            for alert in ("EnvbundleGpuLost", "EnvbundleGpuXid", "EnvbundleLossNotANumber", "EnvbundleTrainingFailed"):
                report.check(f"{alert} rises", problem_unless(
                    prometheus.wait_for(f'ALERTS{{alertname="{alert}"}}'), prometheus.api("alerts")))
            code, _ = exporter.end(signal.SIGINT)
        report.check("the target's file goes with the exporter", problem_unless(
            code == 0 and not list(target.parent.iterdir()), list(target.parent.iterdir())))


def check_clients(report, world):
    with Exporter(world) as exporter:
        slow = []
        for _ in range(300):
            each = socket.create_connection(("127.0.0.1", exporter.port), timeout=5)
            with contextlib.suppress(OSError):
                each.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            slow.append(each)
        begun = time.monotonic()
        status, _ = exporter.ask()
        took = time.monotonic() - begun
        fds = len(os.listdir(f"/proc/{exporter.process.pid}/fd"))
        report.check("300 clients that never finish do not keep Prometheus out, and hold few descriptors", problem_unless(
            status == 200 and took < 1 and fds < 100, (status, took, fds)))
        dripping, begun = slow[-1], time.monotonic()
        dripping.settimeout(0.5)
        closed = False
        while not closed and time.monotonic() - begun < 15:
            try:
                dripping.sendall(b"a")
                closed = dripping.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                closed = True
        took = time.monotonic() - begun
        report.check("one that sends a byte now and then is closed at the deadline", problem_unless(
            closed and 5 < took < 13, (closed, took)))
        for each in slow:
            each.close()

        def raw(data):
            with socket.create_connection(("127.0.0.1", exporter.port), timeout=15) as connection:
                connection.sendall(data)
                with contextlib.suppress(OSError):
                    return connection.recv(65536)
            return b""
        report.check("a header that is too long", problem_unless(
            b" 431 " in (got := raw(b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n")[:64]), got))
        report.check("what is not HTTP", problem_unless(b" 400 " in (got := raw(b"\x16\x03\x01 hello\r\n\r\n")[:64]), got))
        report.check("other methods and paths", problem_unless(
            exporter.ask(method="POST")[0] == 405 and exporter.ask("/etc/passwd")[0] == 404
            and exporter.ask("/healthz") == (200, "ok\n") and exporter.ask(method="HEAD") == (200, ""), ""))
        done = subprocess.run([world.program, "--listen", f"127.0.0.1:{exporter.port}"], capture_output=True, text=True,
                              timeout=30, check=False, env=world.environment())
        report.check("a port that is taken: exit 22 and what to do", problem_unless(
            done.returncode == 22 and "hint:" in done.stderr and ":0 " in done.stderr, (done.returncode, done.stderr)))
    done = subprocess.run([world.program, "--listen", "example:1"], capture_output=True, text=True, timeout=30, check=False,
                          env=world.environment())
    report.check("a name is no address: exit 2", problem_unless(done.returncode == 2, done.stderr))


def check_files(report, world):
    folder = world.base / "textfile"
    folder.mkdir()
    with Exporter(world, "--textfile", folder, fake=TWO_GPUS) as exporter:
        file = folder / "envbundle.prom"
        page = Page(file.read_text(encoding="utf-8"))
        report.check("the textfile passes promtool and has no timestamps", promtool_problem(page))
        before = file.stat().st_ino
        end = time.monotonic() + 10
        while file.stat().st_ino == before and time.monotonic() < end:
            time.sleep(0.1)
        report.check("it is replaced as a whole", problem_unless(
            file.stat().st_ino != before and os.listdir(folder) == ["envbundle.prom"], os.listdir(folder)))
        exporter.end()
    report.check("and removed at the end", problem_unless(not os.listdir(folder), os.listdir(folder)))

    log = world.base / "logs/train.log"
    log.parent.mkdir()
    lines = "".join(f"step {number} \\ \" ü\n" for number in range(2000)).encode() + b"\xff\xfe broken\n" + b"y" * 200000
    done = subprocess.run([world.program, "--log", log, "--log-max-bytes", "20000", "--log-keep", "3", "--log-input",
                           "train"], input=lines, capture_output=True, timeout=60, check=False, env=world.environment())
    files = sorted(log.parent.iterdir())
    report.check("logs rotate: one in use and three old", problem_unless(
        done.returncode == 0 and [each.name for each in files] == [f"train.log{end}" for end in ("", ".1", ".2", ".3")],
        (done.stderr, files)))
    shutil.rmtree(log.parent)
    log.parent.mkdir()
    subprocess.run([world.program, "--log", log, "--log-max-bytes", "20000", "--log-keep", "100", "--log-input", "train"],
                   input=lines, timeout=60, check=False, env=world.environment())
    files = sorted(log.parent.iterdir(), key=lambda path: -int(path.suffix[1:]) if path.suffix[1:].isdigit() else 1)
    records = [json.loads(line) for each in files for line in each.read_bytes().splitlines()]
    # A line that is longer than a file may be stands alone in one.
    too_big = [each.name for each in files if each.stat().st_size > 20000 and each.read_bytes().count(b"\n") != 1]
    texts = [record["text"] for record in records]
    report.check("no line is lost, each is JSON, no file is too big", problem_unless(
        texts[:2000] == [f"step {number} \\ \" ü" for number in range(2000)] and texts[2000] == "\ufffd\ufffd broken"
        and "".join(texts[2001:]) == "y" * 200000 and len(files) > 10 and not too_big, (len(texts), too_big)))
    full = subprocess.run([world.program, "--log", "/dev/full", "--log-input", "train"], input=lines, timeout=60,
                          capture_output=True, check=False, env=world.environment())
    report.check("a full disk does not stop who writes to it", problem_unless(full.returncode == 0, full.stderr))


def measure(world):
    with Exporter(world, fake=TWO_GPUS) as exporter:
        exporter.wait_for(lambda page: page.get("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"))
        begun = time.monotonic()
        for _ in range(200):
            exporter.page()
        each = (time.monotonic() - begun) / 200
        status = pathlib.Path(f"/proc/{exporter.process.pid}/status").read_text(encoding="ascii")
        resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
        peak = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024
        times = pathlib.Path(f"/proc/{exporter.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        print(f"        from start to listening {exporter.start_seconds * 1000:.0f} ms, {resident:.1f} MiB resident "
              f"(peak {peak:.1f}), {each * 1000:.2f} ms a scrape, {(int(times[11]) + int(times[12])) * 10} ms of CPU so far")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", required=True, type=pathlib.Path)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            print(f"{tool} is missing: install the package prometheus", file=sys.stderr)
            return 2
    report = Report()
    with tempfile.TemporaryDirectory(prefix="envbundle-metrics-") as base:
        world = World(arguments.prefix.absolute(), arguments.build.absolute(), pathlib.Path(os.path.realpath(base)))
        for part in (check_plain, check_gpus, check_changes, check_training, check_hostile_drops, check_names, check_clients,
                     check_files, check_prometheus):
            try:
                part(report, world)
            except (AssertionError, OSError, subprocess.SubprocessError, ValueError, KeyError, AttributeError) as error:
                report.check(part.__name__, repr(error))
        measure(world)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
