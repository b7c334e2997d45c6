#!/usr/bin/env python3
"""envinstall and envrun on the nodes of a Slurm cluster: real Slurm, three nodes with a disk each, on this machine.

    tests/environment/slurm.py --prefix PREFIX --made DIR [--skip-torch] [--keep]

PREFIX: an installed environment with PyTorch and envrun. DIR holds *.bundle.zst and its envinstall (of the same or of
another, smaller bundle: it is unpacked about 15 times, below TMPDIR). Needs root and Debian's slurmctld, slurmd,
slurm-client and munge, whose services need not run; everything is on loopback, in an own folder, and ends with it.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import slurm_cluster  # noqa: E402

TRAINING = """\
import socket, sys, torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(total)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 2))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(8, 4)).pow(2).sum().backward()
    optimizer.step()
weights = torch.cat([p.detach().flatten() for p in model.parameters()])
others = [torch.empty_like(weights) for _ in range(dist.get_world_size())]
dist.all_gather(others, weights)
same = all(torch.equal(weights, other) for other in others)
who = f"{dist.get_rank()}/{dist.get_world_size()} {socket.gethostname()}"
line = f"TRAINED {who} {total.item()} {same} {torch.__file__}\\n"
sys.stdout.write(line)
sys.stdout.flush()
dist.barrier()
dist.destroy_process_group()
"""


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, ok, detail=""):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok     ' if ok else 'FAILED '} {what}" + ("" if ok or not detail else f"\n{detail}"), flush=True)
        return ok


class Suite:
    def __init__(self, options, cluster, report):
        self.cluster, self.report, self.check = cluster, report, report.check
        self.prefix = options.prefix.resolve()
        made = options.made.resolve()
        self.bundle = sorted(made.glob("*.bundle.zst"))[0]
        self.installer = made / "envinstall"
        self.work = cluster.root / "shared"
        self.work.mkdir()
        (self.work / "train.py").write_text(TRAINING)
        self.has_torch = (self.prefix / "bin/torchrun").exists() and not options.skip_torch
        self.times = []

    # --- small things

    def installs(self, *arguments, nodes=3, tasks=None):
        """envinstall on the nodes: (CompletedProcess, the records). Each task writes a file of its own, because srun
        mixes the tasks' lines where they are longer than 1 KB."""
        for old in self.work.glob("task-*.json"):
            old.unlink()
        done = self.cluster.run("srun", f"-N{nodes}", f"-n{tasks or nodes}", "--overcommit", "--cpu-bind=none",
                                f"--output={self.work}/task-%t.json", self.installer, self.bundle, "--json", "-q",
                                "--gpu-check=skip", *arguments, check=False, timeout=300)
        records = [json.loads(line) for path in sorted(self.work.glob("task-*.json"))
                   for line in path.read_text().splitlines()]
        return done, records

    def disk_of(self, name):
        return self.cluster.disk(name)

    def srun(self, *argv, nodes=3, **kwargs):
        return self.cluster.run("srun", f"-N{nodes}", "--ntasks-per-node=1", "--cpu-bind=none", *argv, check=False,
                                timeout=590, **kwargs)

    def submit(self, script, *arguments, nodes=3, environment=None, seconds=400, options=()):
        """A batch script that runs to its end; returns (state, its output)."""
        out = self.work / f"{pathlib.Path(script).stem}-{time.monotonic_ns()}.out"
        job = self.cluster.submit(f"--output={out}", f"--nodes={nodes}", *options, script, *arguments, cwd=self.work,
                                  environment=environment)
        state = self.cluster.wait_for(job, seconds)
        return state[0], out.read_text() if out.exists() else ""

    def template(self, name):
        path = self.work / f"{name}.sbatch"
        text = subprocess.run([self.prefix / "bin/envrun", "slurm-template", name], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=60).stdout
        path.write_text(text)
        return path

    # --- node-local disks

    def node_local(self):
        """sbcast of bundle and installer, then an install on each node's own disk: on one node, and on three."""
        disk = self.cluster.local_disk
        for nodes in (1, 3):
            for name in self.cluster.names:
                for path in self.disk_of(name).iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            script = self.work / f"local-{nodes}.sh"
            script.write_text(f"""#!/bin/sh
set -e
export SLURM_EXPORT_ENV=ALL
now() {{ date +%s.%N; }}
begin=$(now)
sbcast --force --compress=none {self.installer} {disk}/envinstall
sbcast --force --compress=none {self.bundle} {disk}/b.bundle.zst
copied=$(now)
srun --ntasks-per-node=1 --cpu-bind=none --output={self.work}/local-%t.json \
  {disk}/envinstall {disk}/b.bundle.zst --prefix {disk}/dl --json -q --gpu-check=skip
cat {self.work}/local-?.json; rm {self.work}/local-?.json
echo TIMES $begin $copied $(now)
""")
            state, out = self.submit(script, nodes=nodes, options=("--ntasks-per-node=1", "--export=NONE"))
            records = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
            self.check(f"sbcast, then srun envinstall to the disks of {nodes}", state == "COMPLETED" and
                       [r["action"] for r in records] == ["installed"] * nodes, out)
            times = [line.split()[1:] for line in out.splitlines() if line.startswith("TIMES")]
            if times:
                begin, copied, end = map(float, times[0])
                self.times.append(f"node-local disks, {nodes} node{'s' if nodes > 1 else ''}: "
                                  f"sbcast {copied - begin:.1f} s, install {end - copied:.1f} s")
        homes = [self.disk_of(name) / "dl/current" for name in self.cluster.names]
        self.check("each node has its own", all(home.is_dir() for home in homes) and
                   len({home.stat().st_ino for home in homes}) == 3)
        for name in self.cluster.names:
            shutil.rmtree(self.disk_of(name) / "dl")

    def stage(self):
        """envinstall stage: once a node, instant the second time, jobs do not take it from each other."""
        disk = self.cluster.local_disk
        local = f"{self.installer} stage {self.bundle} -q"
        environment = {"SLURM_TMPDIR": str(disk)}
        # Two jobs of two tasks each on one node, at once.
        jobs = [self.cluster.submit("--nodes=1", "--nodelist=n1", "--ntasks=2", "-o",
                                    self.work / f"stage-{i}.out", "--wrap",
                                    f"export SLURM_EXPORT_ENV=ALL; srun -n2 {local}", environment=environment)
                for i in range(2)]
        states = [self.cluster.wait_for(job, 60)[0] for job in jobs]
        lines = [(self.work / f"stage-{i}.out").read_text().split() for i in range(2)]
        yard = f"{disk}/envbundle-{os.getuid()}/"
        ok = states == ["COMPLETED"] * 2 and all(len(each) == 2 for each in lines) and len(set(sum(lines, []))) == 1
        self.check("stage: two jobs of two tasks on a node agree on one path, printed alone",
                   ok and lines[0][0].startswith(yard), f"{states} {lines}")
        script = self.work / "stage-time.sh"
        script.write_text(f"""#!/bin/sh
export SLURM_EXPORT_ENV=ALL
begin=$(date +%s.%N)
srun {local} --json
srun {self.installer} stage --remove {self.bundle} --json -q
""")
        state, out = self.submit(script, nodes=1, environment=environment, options=("--nodelist=n1",))
        records = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        good = self.check("stage: there already, so nothing is done", state == "COMPLETED" and len(records) == 2 and
                          records[0]["changed"] is False and records[0]["seconds"] < 5, out)
        if good:
            self.times.append(f"stage where it is there: {records[0]['seconds']:.2f} s")
            self.check("stage: the other jobs' release stays" if records[1]["action"] == "kept" else
                       "stage: jobs that have ended by their own time hold nothing",
                       records[1]["action"] in ("kept", "removed"))
        script.write_text(f"#!/bin/sh\nexport SLURM_EXPORT_ENV=ALL\nsrun {local}\nsrun rm -r {yard}\n")
        state, out = self.submit(script, nodes=3, environment=environment, options=("--ntasks-per-node=1",))
        self.check("stage: three nodes, one path that is the same on all", state == "COMPLETED" and
                   len(out.split()) == 3 and len(set(out.split())) == 1, out)

    # --- one shared prefix

    def shared(self):
        for tasks, nodes in ((1, 1), (3, 3), (8, 3)):
            target = self.work / f"dl-{tasks}"
            begin = time.monotonic()
            done, records = self.installs("--prefix", target, nodes=nodes, tasks=tasks)
            seconds = time.monotonic() - begin
            actions = sorted(record["action"] for record in records)
            self.check(f"{tasks} at once to one prefix: all say 0, one unpacked", done.returncode == 0 and
                       len(actions) == tasks and actions.count("installed") == 1, f"{actions}\n{done.stderr}")
            self.times.append(f"one shared prefix, {tasks} task{'s' if tasks > 1 else ''} on {nodes}: {seconds:.1f} s")
            verify = self.cluster.run(self.installer, "verify", target, "--full", "-q", check=False, timeout=300)
            left = [path.name for path in (target / ".envinstall").iterdir()
                    if path.name.startswith(("stage-", "trash-", "lock.d"))]
            self.check("every file of it is right, and no lock or staging folder is left",
                       verify.returncode == 0 and not left, f"{verify.stdout}{verify.stderr}{left}")
            if tasks != 8:
                shutil.rmtree(target)
        target = self.work / "dl-8"
        before = tree(target)
        done, records = self.installs("--prefix", target)
        self.check("again: exit 0, one record a line, nothing changed", done.returncode == 0 and
                   [record["changed"] for record in records] == [False] * 3 and tree(target) == before, done.stderr)
        done, _ = self.installs("--prefix", target, "--check")
        self.check("--check where nothing is to do: 0", done.returncode == 0 and tree(target) == before, done.stderr)
        done, records = self.installs("--prefix", self.work / "new", "--check")
        self.check("--check where something is: 3, and nothing was written", done.returncode == 3 and
                   [r["changed"] for r in records] == [True] * 3 and not (self.work / "new").exists(), done.stderr)
        shutil.rmtree(target)

    def cancelled(self):
        """scancel, and an end that nothing can be done about, in the middle of three installs to one prefix."""
        for how in ("TERM", "KILL"):
            target = self.work / f"cancelled-{how}"
            job = self.cluster.submit("-N3", "--ntasks-per-node=1", "-o", self.work / f"cancelled-{how}.out", "--wrap",
                                      f"export SLURM_EXPORT_ENV=ALL; srun {self.installer} {self.bundle} "
                                      f"--prefix {target} -j 1 --gpu-check=skip")
            state_dir = target / ".envinstall"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (state_dir.is_dir() and any(
                    any(path.rglob("*")) for path in state_dir.glob("stage-*"))):
                time.sleep(0.01)
            was_running = state_dir.is_dir() and not (target / "current").exists()
            self.cluster.run("scancel", *(["--signal=KILL"] if how == "KILL" else []), job)
            state = self.cluster.wait_for(job, 90)
            published = (target / "current").exists()
            self.check(f"scancel ({how}) came in the middle", was_running and not published,
                       f"{state} {(self.work / f'cancelled-{how}.out').read_text()}")
            if how == "TERM":
                self.check("after scancel the prefix is as if nothing had been", not target.exists() or not any(
                    path.name.startswith("stage-") for path in state_dir.glob("*")), str(list(target.rglob("*"))[:9]))
            begin = time.monotonic()
            done, _ = self.installs("--prefix", target)
            verify = self.cluster.run(self.installer, "verify", target, "--full", "-q", check=False, timeout=300)
            left = [path.name for path in state_dir.iterdir() if path.name.startswith("stage-")] if published else []
            self.check(f"after it ({how}) the same command installs, in {time.monotonic() - begin:.1f} s, on all nodes",
                       done.returncode == 0 and verify.returncode == 0 and not left, done.stdout + done.stderr)
            shutil.rmtree(target, ignore_errors=True)

    # --- programs of the environment

    def distributed(self):
        envrun = self.prefix / "bin/envrun"
        begin = time.monotonic()
        done = self.srun(envrun, "torchrun", self.work / "train.py")
        hosts = sorted(line.split()[2] for line in done.stdout.splitlines() if line.startswith("TRAINED"))
        good = done.returncode == 0 and hosts == self.cluster.names and "False" not in done.stdout and (
            done.stdout.count(str(self.prefix)) == 3 and " 6.0 " in done.stdout)
        self.check("srun envrun torchrun: DDP over gloo on three nodes, from the prefix", good,
                   done.stdout + done.stderr)
        self.times.append(f"envrun torchrun, 3 nodes, with import of torch: {time.monotonic() - begin:.1f} s")
        script = self.work / "batch.sh"
        script.write_text(f"#!/bin/sh\n'{envrun}' torchrun --nproc-per-node=2 {self.work}/train.py\n")
        state, out = self.submit(script, options=("--ntasks-per-node=1", "--export=NONE"))
        self.check("envrun torchrun in a batch script calls srun itself: 2 processes on each of 3 nodes",
                   state == "COMPLETED" and out.count("TRAINED") == 6 and " 21.0 True " in out, out)
        script.write_text(f"""#!/bin/sh
export SLURM_EXPORT_ENV=ALL
srun --overlap -N3 -n3 '{envrun}' torchrun {self.work}/train.py &
first=$!
srun --overlap -N3 -n3 '{envrun}' torchrun {self.work}/train.py && wait $first
""")
        state, out = self.submit(script, options=("--ntasks-per-node=1",))
        self.check("two of them in one job do not meet", state == "COMPLETED" and out.count("TRAINED") == 6 and
                   out.count("/3 ") == 6, out)
        done = self.cluster.run("srun", "-N1", "-n2", envrun, "torchrun", "x.py", check=False)
        self.check("two tasks on a node are refused, with what to do",
                   done.returncode == 2 and "--ntasks-per-node=1" in done.stderr, done.stderr)
        done = self.srun(envrun, "torchrun", self.work / "train.py", nodes=1)
        self.check("one node needs no port", done.returncode == 0 and "TRAINED 0/1" in done.stdout, done.stderr)

    def ddp_check(self):
        envrun = self.prefix / "bin/envrun"
        for nodes in (1, 3):
            done = self.srun(envrun, "ddp-check", "--json", "--mebibytes", "8", nodes=nodes)
            try:
                record = json.loads(done.stdout)
            except ValueError:
                record = {}
            hosts = [rank["host"] for rank in record.get("ranks", [])]
            wanted = [self.cluster.names[0]] * 2 if nodes == 1 else self.cluster.names
            self.check(f"ddp-check on {nodes}: one record, from one node", done.returncode == 0 and record.get("ok") and
                       len(set(hosts)) == nodes and len(hosts) == len(wanted), done.stdout + done.stderr)
            if record:
                self.times.append(f"ddp-check, {nodes} node{'s' if nodes > 1 else ''}: {record['seconds']} s, "
                                  f"{record['bus_gigabytes_per_second']} GB/s over gloo on loopback")
        # A node that never comes: n2's task waits for nothing.
        begin = time.monotonic()
        done = self.srun("sh", "-c", f'[ "$SLURM_NODEID" = 1 ] || exec {envrun} ddp-check --seconds 20')
        self.check("ddp-check names the node that does not come, and ends in time", "no word from n2" in done.stdout and
                   done.returncode == 31 and time.monotonic() - begin < 60, done.stdout + done.stderr)
        done = self.srun("sh", "-c", f'[ "$SLURM_NODEID" = 0 ] || exec {envrun} ddp-check --seconds 8')
        self.check("ddp-check says where the first node is not to be reached", done.returncode == 31 and
                   "does not reach the first node at n1:" in done.stderr, done.stdout + done.stderr)

    def templates(self):
        state, out = self.submit(self.template("one-node"), nodes=1, options=("--export=NONE",))
        self.check("one-node.sbatch, with --export=NONE", state == "COMPLETED" and "GPUs:" in out, out)
        state, out = self.submit(self.template("many-nodes"), self.work / "train.py", options=("--export=NONE",))
        self.check("many-nodes.sbatch, with --export=NONE: checks, then trains", state == "COMPLETED" and
                   "ddp-check: passed: 3 processes on 3 nodes" in out and out.count("TRAINED") == 3, out)

    def staging_template(self):
        script = self.template("stage-node-local")
        bundle_has_torch = b"bin/torchrun" in subprocess.run(
            [self.installer, "info", self.bundle, "--json"], stdout=subprocess.PIPE, check=True, timeout=60).stdout
        arguments = [self.work / "train.py"] if bundle_has_torch and self.has_torch else []
        state, out = self.submit(script, *arguments, options=("--export=NONE",), environment={
            "BUNDLE": str(self.bundle)})
        self.check("stage-node-local.sbatch without BUNDLE says so", state == "FAILED" and "BUNDLE" in out, out)
        variables = f"--export=BUNDLE={self.bundle},DROP={self.cluster.local_disk},DISK={self.cluster.local_disk}"
        state, out = self.submit(script, *arguments, options=(variables,))
        records = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        self.check("stage-node-local.sbatch: sbcast, stage on each disk", state == "COMPLETED" and
                   len(records) == 3 and all(r["prefix"].startswith(str(self.cluster.local_disk)) for r in records) and
                   (not arguments or out.count("TRAINED") == 3), out)
        left = [str(path) for name in self.cluster.names for path in self.disk_of(name).rglob("*") if path.name in (
            "current",) or path.name.startswith("envbundle-") and path.is_file()]
        self.check("and nothing of it is left on the disks", not left, "\n".join(left))

    def jupyter_template(self):
        script = self.template("jupyter")
        text = script.read_text()
        self.check("jupyter.sbatch names the prefix", f"PREFIX='{self.prefix}'" in text)
        known = subprocess.run([self.prefix / "bin/envrun", "--help"], stdout=subprocess.PIPE, text=True, timeout=60,
                               check=True).stdout
        if "\n  jupyter " not in known:
            print("skipped: this envrun has no 'jupyter'")
            return
        # As an ordinary user: Jupyter refuses root.
        home = self.work / "notebooks"
        home.mkdir()
        os.chown(home, 65534, 65534)
        out = home / "jupyter.out"
        job = self.cluster.submit("--uid=65534", "--gid=65534", "-o", out, script, environment={"HOME": str(home)}, cwd=home)
        address = None
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not address:
            words = out.read_text().split() if out.exists() else []
            address = next((word for word in words if word.startswith("http://")), None)
            time.sleep(0.3)
        status = None
        while address and time.monotonic() < deadline and status is None:
            try:
                status = urllib.request.urlopen(address.split("?")[0].rstrip("/"), timeout=5).status
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:
                time.sleep(0.3)
        self.check("jupyter.sbatch: a server answers at the address in the job's output", status in (200, 302, 403),
                   out.read_text() if out.exists() else "")
        self.cluster.run("scancel", job)
        self.check("jupyter.sbatch ends with scancel", self.cluster.wait_for(job, 60)[0] == "CANCELLED")


    def every_subcommand(self):
        """Each sub-command that ends by itself, as an ordinary user from a prefix that was moved: outside of a job, and in
        one. JupyterLab and sshd as services have tests of their own."""
        first = pathlib.Path(tempfile.mkdtemp(prefix=".every-", dir=self.prefix.parent))
        try:
            os.chmod(first, 0o755)
            subprocess.run(["cp", "-al", self.prefix, first / "made here"], check=True, timeout=120)
            (first / "made here").rename(first / "moved to")
            envrun = first / "moved to/bin/envrun"
            for place, start in (("outside of a job", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]),
                                 ("in a job", ["srun", "--uid=65534", "--gid=65534", "-N1", "-n1", "--cpu-bind=none"])):
                home = self.work / f"home of {place}"
                home.mkdir()
                os.chown(home, 65534, 65534)
                environment = {"HOME": str(home), "SHELL": "/bin/sh", "XDG_STATE_HOME": str(home / "state"),
                               "XDG_RUNTIME_DIR": "/run/user/none"}
                for words, wanted in (
                    (["--", "python", "-c", "print(6 * 7)"], "42"),
                    (["--cpus", "1", "run", "python", "-c", "import os; print(len(os.sched_getaffinity(0)), 'CPU')"], "1 CPU"),
                    (["shell"], None),
                    (["kernelspec", "--print"], str(envrun)),
                    (["venv", str(home / "own")], None),
                    (["sshd", "--check"], "127.0.0.1"),
                    (["torchrun", "--nproc-per-node=1", "-m", "platform"], "Linux"),
                    (["ddp-check"], None),
                    (["slurm-template", "one-node"], "#SBATCH"),
                    (["metrics", "--once"], "envbundle_nvml_up 0"),
                    (["doctor", "--only", "release,limits"], "release"),
                    (["completion", "bash"], "complete"),
                    (["man"], ".SH"),
                ):
                    done = self.cluster.run(*start, envrun, *words, environment=environment, cwd="/", check=False, timeout=120)
                    # Without a permission, `sshd --check` says so and ends with 24; doctor may find a problem here.
                    codes = {"sshd": (0, 23, 24), "doctor": (0, 23)}.get(words[0], (0,))
                    self.check(f"{place}: envrun {' '.join(words[:2])}",
                               done.returncode in codes and (wanted is None or wanted in done.stdout + done.stderr),
                               f"exit {done.returncode}: {done.stdout[-500:]} {done.stderr[-700:]}")
        finally:
            shutil.rmtree(first, ignore_errors=True)


def tree(folder):
    """Names, sizes and change times below a folder, without the log that notes who came."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
            if ".envinstall" not in path.parts}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    parser.add_argument("--made", type=pathlib.Path, required=True)
    parser.add_argument("--skip-torch", action="store_true")
    parser.add_argument("--only", help="part of the name of one group of tests")
    options = parser.parse_args()
    report = Report()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster must not outlive this
    with slurm_cluster.SlurmCluster(nodes=3, cpus=4) as cluster:
        suite = Suite(options, cluster, report)
        groups = [suite.node_local, suite.stage, suite.shared, suite.cancelled, suite.staging_template,
                  suite.jupyter_template]
        if suite.has_torch:
            groups += [suite.distributed, suite.ddp_check, suite.templates, suite.every_subcommand]
        else:
            print("skipped: there is no PyTorch: torchrun, ddp-check and their templates")
        for group in groups:
            if options.only and options.only not in group.__name__:
                continue
            try:
                group()
            except Exception as error:  # one group's trouble must not hide the others'
                report.check(group.__name__, False, f"{type(error).__name__}: {error}")
        for line in suite.times:
            print("time   ", line)
    print(f"\n{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
