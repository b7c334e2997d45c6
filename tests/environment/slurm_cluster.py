#!/usr/bin/env python3
"""A Slurm cluster on one machine, for tests: real munged, slurmctld and slurmd, all below one temporary folder.

    with SlurmCluster(nodes=3) as cluster:
        cluster.run("srun", "-N3", "hostname")

What makes the nodes nodes: each slurmd has its own mount and UTS namespace. So it has a name of its own (n1, n2, ...),
an address of its own on loopback (127.0.0.1, 127.0.0.2, ...), known to the others by /etc/hosts, and a disk of its
own, which every node sees at the same path, `local_disk`. All the rest is shared, as with a network file system.
A batch script that calls srun has to begin on n1 (any job of all nodes does): the programs connect from 127.0.0.1,
and srun listens, on loopback, at its own node's address.
Nothing outside is changed, everything listens on loopback, and leaving the context ends what was started. Needs root
and Debian's slurmctld, slurmd, slurm-client and munge (of which no service has to run).

    tests/environment/slurm_cluster.py [--nodes N] COMMAND...      runs COMMAND with such a cluster
"""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "sbcast", "scancel", "sinfo", "squeue", "unshare")
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType={proctrack}
TaskPlugin={task}
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=64
ReturnToService=2
KillWait=5
MinJobAge=3600
InactiveLimit=0
SchedulerParameters=sched_interval=1,batch_sched_delay=0
{extra}
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=1-0 State=UP OverSubscribe=YES:8
"""


class SlurmCluster:
    """The context manager. root: temporary folder; local_disk: as nodes see it; environment: for client programs."""

    def __init__(self, nodes=3, cpus=2, memory_mb=4000, cgroup=False, extra=""):
        missing = [name for name in PROGRAMS if not shutil.which(name, path=self._path())]
        if missing:
            raise RuntimeError("not installed: " + " ".join(missing))
        if os.geteuid() != 0:
            raise RuntimeError("a cluster of namespaces needs root")
        self.names = [f"n{i + 1}" for i in range(nodes)]
        self.cpus, self.memory_mb, self.cgroup, self.extra = cpus, memory_mb, cgroup, extra
        self.processes = []
        self.root = None

    @staticmethod
    def _path():
        return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

    # --- life

    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="eb-slurm-"))
        os.chmod(self.root, 0o755)
        self.local_disk = self.root / "local"
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.processes:
            self.run("scancel", "--me", check=False, timeout=20)
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and self.run("squeue", "-h", check=False, timeout=20).stdout.strip():
                time.sleep(0.2)
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        if self.root:
            shutil.rmtree(self.root, ignore_errors=True)

    def _start(self):
        self._write_configuration()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        self.environment |= {"SLURM_CONF": str(self.root / "slurm.conf"), "PATH": self._path()}
        munge = self.root / "munge"
        self._daemon("munged", "--foreground", f"--key-file={munge}/key", f"--socket={munge}/socket",
                     f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        self._wait("munged's socket", (munge / "socket").exists)
        self._daemon("slurmctld", "-D", "-i", "-f", str(self.root / "slurm.conf"))
        for name in self.names:
            disk = self.root / "disks" / name
            disk.mkdir(parents=True)
            os.chmod(disk, 0o1777)
            enter = (f"hostname {name} && mount --bind {disk} {self.local_disk} && "
                     f"mount --bind {self.root}/hosts /etc/hosts && exec slurmd -D -N {name} -f {self.root}/slurm.conf")
            self._daemon("unshare", "--mount", "--uts", "sh", "-c", enter, log=f"start-{name}")
        self._wait("idle nodes", lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D", check=False).stdout.strip()
                   == str(len(self.names)))

    def _write_configuration(self):
        for folder in ("munge", "state", "local"):
            (self.root / folder).mkdir(mode=0o755)
        key = self.root / "munge" / "key"
        key.write_bytes(os.urandom(128))
        os.chmod(key, 0o600)
        hosts = pathlib.Path("/etc/hosts").read_text()
        hosts += "".join(f"127.0.0.{i + 1} {name}\n" for i, name in enumerate(self.names))
        (self.root / "hosts").write_text(hosts)
        ports = free_ports(len(self.names) + 1)
        lines = [f"NodeName={name} NodeHostname={name} NodeAddr=127.0.0.{i + 1} Port={ports[i + 1]} CPUs={self.cpus} "
                 f"RealMemory={self.memory_mb} State=UNKNOWN" for i, name in enumerate(self.names)]
        kind = "cgroup" if self.cgroup else "linuxproc"
        (self.root / "slurm.conf").write_text(CONF.format(
            host=socket.gethostname(), port=ports[0], user="root", root=self.root, extra=self.extra,
            proctrack=f"proctrack/{kind}", task="task/cgroup" if self.cgroup else "task/none", nodes="\n".join(lines)))
        if self.cgroup:
            (self.root / "cgroup.conf").write_text("CgroupAutomount=no\nConstrainRAMSpace=yes\nAllowedSwapSpace=0\n")

    def _daemon(self, program, *arguments, log=None):
        with open(self.root / f"{log or program}.out", "wb") as out:
            self.processes.append(subprocess.Popen(
                [program, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, cwd=self.root))

    def _wait(self, what, is_there, seconds=60):
        deadline = time.monotonic() + seconds
        while not is_there():
            dead = [p.args[0] for p in self.processes if p.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise RuntimeError(f"no {what}" + (f"; ended: {dead}" if dead else "") + "\n" + self.logs())
            time.sleep(0.1)

    # --- use

    def run(self, *argv, timeout=120, check=True, environment=None, cwd=None):
        """Runs a client program to its end. Returns CompletedProcess with text."""
        result = subprocess.run([str(a) for a in argv], env=self.environment | (environment or {}), text=True, cwd=cwd,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=timeout)
        if check and result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def submit(self, *argv, **kwargs):
        """sbatch; returns the job's number as text."""
        return self.run("sbatch", "--parsable", *argv, **kwargs).stdout.strip().split(";")[0]

    def state(self, job):
        """(state, exit code text) of a job: ("COMPLETED", "0:0")."""
        text = self.run("scontrol", "show", "job", "-o", job, check=False).stdout
        fields = dict(word.split("=", 1) for word in text.split() if "=" in word)
        return fields.get("JobState", "UNKNOWN"), fields.get("ExitCode", "")

    def wait_for(self, job, seconds=300, states=("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "UNKNOWN",
                                                "OUT_OF_MEMORY")):
        """Waits until the job is in one of `states`; returns state()."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state(job)
            if state[0] in states:
                return state
            if time.monotonic() > deadline:
                self.run("scancel", job, check=False)
                raise RuntimeError(f"job {job} is still {state[0]} after {seconds} s\n" + self.logs())
            time.sleep(0.2)

    def disk(self, name):
        """The folder that node `name` sees as local_disk."""
        return self.root / "disks" / name

    def logs(self, lines=15):
        out = []
        for path in sorted([*self.root.glob("*.log"), *self.root.glob("*.out")]):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            out.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(out)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main():
    parser = argparse.ArgumentParser(description="Runs a command with a Slurm cluster of this machine.")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--cgroup", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with SlurmCluster(nodes=given.nodes, cgroup=given.cgroup) as cluster:
        return subprocess.run(command, env=cluster.environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
