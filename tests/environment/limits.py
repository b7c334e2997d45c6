#!/usr/bin/env python3
"""envrun's limits with real programs, kernels and control groups.

    tests/environment/limits.py --prefix PREFIX

Every way of --memory is tried: a systemd scope and delegated control groups (version 2) in a small Linux of its own
(small_linux.py), Slurm in a cluster of its own (slurm_cluster.py), this machine's own control groups where they may be
written, and the watchdog. Needs root for /dev/shm and Slurm; no GPU. Prints a line a check, last `N passed, N failed`.
"""

import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import small_linux  # noqa: E402

OVER = "used more memory than --memory"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

# MIB [SECONDS between steps of 4 MiB]: uses memory, says what it holds, stays for a moment.
EAT = """\
import sys, time
held = []
for _ in range(int(sys.argv[1]) // 4):
    held.append(bytearray(b"x") * (4 << 20))
    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0)
print("held", sys.argv[1], flush=True)
time.sleep(0.5)
"""
# N children, each uses MIB.
FORKS = """\
import os, sys
count, mib = int(sys.argv[1]), sys.argv[2]
children = [os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, sys.argv[3], mib, "0.02"]) for _ in range(count)]
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print("codes", codes, flush=True)
"""
# MIB of pages that N children share, and only read: whole they are many times what is used.
SHARES = """\
import os, sys, time
block = bytearray(b"x") * (int(sys.argv[1]) << 20)
children = []
for _ in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        sum(block[::4096])
        time.sleep(2)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
print("shared", flush=True)
"""
# Leaves its session and its parent, then uses MIB.
DAEMON = """\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, sys.argv[2], sys.argv[1], "0.02"])
    os._exit(0)
os.wait()
time.sleep(20)
"""
POLITE = """\
import signal, sys, time
def end(*_):
    print("asked to end", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
held = bytearray(b"x") * (97 << 20)
time.sleep(20)
"""
PROGRAMS = {"eat": EAT, "forks": FORKS, "shares": SHARES, "daemon": DAEMON, "polite": POLITE}


class Run:
    """One run of a command: code and text (stdout and stderr)."""

    def __init__(self, *command, timeout=60, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("SLURM", "CUDA", "ENVRUN", "OMP_", "XDG_RUNTIME"))}
        done = subprocess.run([str(each) for each in command], env=environment | variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
        self.code, self.text = done.returncode, done.stdout

    def problem_unless(self, code, *wanted, unwanted=()):
        return problem_unless(self.code, self.text, code, wanted, unwanted)


def problem_unless(found, text, code, wanted, unwanted=()):
    missing = [each for each in wanted if each not in text]
    strange = [each for each in unwanted if each in text]
    if found == code and not missing and not strange:
        return ""
    return f"exit {found}, not {code}? lacks {missing}, has {strange}:\n" + textwrap.indent(text, "        ")


class Limits:
    def __init__(self, report, prefix, work):
        self.report, self.work = report, work
        release = pathlib.Path(prefix) / "current"
        self.envrun = str((release if release.exists() else pathlib.Path(prefix)).resolve() / "bin/envrun")
        self.python = ["python3", "-S", "-E"]
        self.programs = {}
        for name, text in PROGRAMS.items():
            self.programs[name] = work / f"{name}.py"
            self.programs[name].write_text(text)

    def program(self, name, *arguments):
        return [*self.python, self.programs[name], *arguments]

    # --- memory on this machine

    def memory_here(self, who, as_user, way, ended_by):
        """The same for each way that needs nothing but this machine."""
        def run(*arguments, limit="128m", **options):
            return Run(*as_user, self.envrun, "--memory", limit, "--", *arguments, **options)
        check = self.report.check
        eat = self.programs["eat"]
        over = (way, OVER + " 128 MiB", ended_by)
        check(f"{who}: fast", run(*self.program("eat", "600")).problem_unless(137, *over, unwanted=["held"]))
        check(f"{who}: slow", run(*self.program("eat", "200", "0.05")).problem_unless(137, *over, unwanted=["held"]))
        check(f"{who}: below the limit",
              run(*self.program("eat", "60")).problem_unless(0, way, "held 60", unwanted=[OVER]))
        check(f"{who}: four children together; none goes on without the others",
              run(*self.program("forks", "4", "80", eat)).problem_unless(137, *over, unwanted=["held", "codes"]))
        check(f"{who}: pages that children share count once",
              run(*self.program("shares", "60", "6")).problem_unless(0, "shared", unwanted=[OVER]))
        began = time.monotonic()
        check(f"{who}: one that left session and parent",
              run(*self.program("daemon", "400", eat)).problem_unless(137, *over, unwanted=["held"]))
        check(f"{who}: what started it ends with it", "" if time.monotonic() - began < 15 else "it took 15 s")
        killed = run("sh", "-c", "kill -9 $$")
        check(f"{who}: a SIGKILL from elsewhere is not told as the limit's",
              killed.problem_unless(137, unwanted=["error"]))
        check(f"{who}: the program's exit code", run("sh", "-c", "exit 7").problem_unless(7))
        left = run("sh", "-c", "sleep 77.25 & exit 3")
        check(f"{who}: what is left behind is ended", left.problem_unless(3, "ended 1 process")
              or ("sleep 77.25 runs" if running("sleep 77.25") else ""))
        check(f"{who}: a limit that the start does not fit in",
              run(*self.program("eat", "60"), limit="1m").problem_unless(137, OVER, unwanted=["held"]))
        check(f"{who}: a signal reaches the program", self.signal_problem(as_user))
        check(f"{who}: envrun killed, the program ends too", self.orphan_problem(as_user))

    def signal_problem(self, as_user):
        with subprocess.Popen([*as_user, self.envrun, "--memory", "128m", "--", "sh", "-c",
                               "trap 'echo got it; exit 5' USR1; echo ready; while :; do sleep 0.1; done"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGUSR1)
            try:
                text, _ = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                return "it did not end"
            return problem_unless(process.returncode, text, 5, ["got it"])

    def orphan_problem(self, as_user):
        with subprocess.Popen([*as_user, self.envrun, "--memory", "128m", "--", "sleep", "78.25"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            if not wait_until(lambda: running("sleep 78.25", exact=True)):
                process.kill()
                return "it did not start"
            process.kill()
        return "" if wait_until(lambda: not running("sleep 78.25", exact=True)) else "sleep 78.25 runs"

    def memory_on_this_machine(self):
        first = Run(*NOBODY, self.envrun, "--memory", "128m", "--", "true")
        if "watchdog" in first.text:
            self.memory_here("watchdog", NOBODY, "by a watchdog: soft", "envrun's watchdog")
            polite = Run(*NOBODY, self.envrun, "--memory", "100m", "--", *self.program("polite"))
            self.report.check("watchdog: asks first", polite.problem_unless(137, "asked to end", OVER))
        else:
            print("skipped: the watchdog here, a better way is open to nobody", flush=True)
        group = self.own_group()
        if os.geteuid() == 0 and "by a control group" in Run(self.envrun, "--memory", "128m", "--", "true").text:
            self.memory_here("control group of this machine", [], "by a control group",
                             "the kernel: limit of a control group")
            Run(self.envrun, "--memory", "128m", "--", "true")  # clears away what the killed one left
            left = [path for path in group.rglob("envrun-*")] if group else []
            self.report.check("control group of this machine: none is left", str(left) if left else "")
        else:
            print("skipped: control groups of this machine, which may not be written", flush=True)
        self.report.check("more than the machine has is warned of",
                          Run(*NOBODY, self.envrun, "--memory", "900t", "--", "true").problem_unless(
                              0, "warning: --memory"))

    @staticmethod
    def own_group():
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "memory":
                return pathlib.Path("/sys/fs/cgroup/memory" + path)
        return None

    # --- memory in a Linux of its own

    def in_small_linux(self, label, checks, prologue="", **machine):
        """`checks`: {label: (shell command, code, wanted, unwanted)}."""
        missing = small_linux.why_missing(machine.get("systemd", False))
        if missing:
            print(f"skipped: {label}: {missing}", flush=True)
            return
        script = f"E={self.envrun}; cd {self.work}\n{prologue}\n"
        for number, (command, *_) in enumerate(checks.values()):
            script += f"echo '@{number} begin'\n( {command} ) 2>&1\necho '@{number} end' $?\n"
        try:
            text = small_linux.SmallLinux(**machine).run(script, timeout=240)
        except RuntimeError as error:
            self.report.check(label, str(error))
            return
        for number, (name, (_, code, wanted, *unwanted)) in enumerate(checks.items()):
            found = re.search(rf"^@{number} begin\n(.*?)^@{number} end (\d+)$", text, re.M | re.S)
            self.report.check(f"{label}: {name}", problem_unless(int(found[2]), found[1], code, wanted, *unwanted)
                              if found else "it did not come to that:\n" + text[-2000:])

    def memory_by_systemd(self):
        eat = "python3 -S -E eat.py"
        forks = f"python3 -S -E forks.py 3 160 {self.work}/eat.py"
        scope = "by systemd, in a scope"
        self.in_small_linux("systemd scope", {
            "over the limit": (f"timeout 60 $E --memory 128m -- {eat} 600", 137,
                               [scope, OVER + " 128 MiB", "the kernel: limit of envrun-"], ["held"]),
            "below the limit": (f"timeout 60 $E --memory 256m -- {eat} 60", 0, [scope, "held 60"], [OVER]),
            "children together": (f"timeout 90 $E --memory 200m -- {forks}", 137, [OVER], ["held", "codes"]),
            "the limit is the scope's": (
                "$E --memory 128m -- sh -c 'cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max'", 0,
                [str(128 << 20)]),
            "SIGKILL from elsewhere": ("$E --memory 128m -- sh -c 'kill -9 $$'", 137, [scope], ["error"]),
            "what is left behind is ended": ("$E --memory 128m -- sh -c 'sleep 77.5 & exit 3'; c=$?; "
                                             "pgrep -f 'sleep 77.5' && echo alive; exit $c", 3, ["ended 1 process"],
                                             ["alive"]),
            "exit code and arguments": ("$E --memory 128m -- sh -c 'echo \"<$1>\"; exit 9' x 'a  $HOME %n'", 9,
                                        ["<a  $HOME %n>"]),
            "with shared memory of its own": ("$E --memory 128m --shm-size 200m -- df -h /dev/shm", 0,
                                              [scope, "200M", "counts as memory"]),
            "also without XDG_RUNTIME_DIR": ("unset XDG_RUNTIME_DIR; $E --memory 128m -- true", 0, [scope]),
            "never in a Slurm job": ("SLURM_JOB_ID=1 $E --memory 128m -- true", 0, ["would leave the Slurm job"],
                                     [scope]),
            "no unit is left": ("sleep 1; systemctl --user list-units --all --no-legend 'envrun-*' | cat", 0, [],
                                ["envrun-"]),
        }, systemd=True)

    def memory_by_delegation(self):
        """Groups of version 2 that root gave to a user, as batch systems and container engines do."""
        eat = "python3 -S -E eat.py"
        forks = f"python3 -S -E forks.py 3 160 {self.work}/eat.py"
        user = f"setpriv --reuid={small_linux.UID} --regid={small_linux.UID} --clear-groups"
        prologue = f"""
            cd /sys/fs/cgroup; echo +memory > cgroup.subtree_control
            for box in alone shared limited strange; do
              mkdir $box
              chown {small_linux.UID} $box $box/cgroup.procs $box/cgroup.subtree_control
            done
            for box in shared limited; do
              echo +memory > $box/cgroup.subtree_control; mkdir $box/shell
              chown {small_linux.UID} $box/shell $box/shell/cgroup.procs $box/shell/cgroup.subtree_control
            done
            echo 256M > limited/shell/memory.max
            inside() {{ box=$1; shift
              sh -c 'echo $$ > /sys/fs/cgroup/'$box'/cgroup.procs; shift; exec "$@"' x x {user} "$@"; }}
            beside() {{ box=$1; shift
              sh -c 'echo $$ > /sys/fs/cgroup/'$box'/cgroup.procs; shift; "$@"; exit $?' x x {user} "$@"; }}
            cd {self.work}"""
        group = "by a control group"
        self.in_small_linux("delegated control group", {
            "alone in it, over the limit": (
                f"inside alone $E --memory 128m -- {eat} 600", 137,
                [group, OVER + " 128 MiB", "the kernel: limit of a control group"], ["held"]),
            "alone in it, below the limit": (
                f"inside alone $E --memory 256m -- {eat} 60", 0, [group, "held 60"], [OVER]),
            "children together": (f"inside alone $E --memory 200m -- {forks}", 137, [OVER], ["held", "codes"]),
            "one inside another, the inner limit is met": (
                f"inside alone $E --memory 300m -- $E --memory 128m -- {eat} 600", 137, [OVER + " 128 MiB"], ["held"]),
            "one inside another asks for more": ("inside alone $E --memory 128m -- $E --memory 300m -- true", 23,
                                                 ["this job has 128 MiB"]),
            "the same limit again is that limit": (
                f"inside alone $E --memory 128m -- $E --memory 128m -- {eat} 600", 137,
                ["envrun was started in", OVER + " 128 MiB"], ["held"]),
            "SIGKILL from elsewhere": ("inside alone $E --memory 128m -- sh -c 'kill -9 $$'", 137, [group], ["error"]),
            "beside a shell": (f"beside shared/shell $E --memory 128m -- {eat} 600", 137, [group, OVER], ["held"]),
            "not beside a shell that has a limit": ("beside limited/shell $E --memory 128m -- true", 0,
                                                    ["watchdog", "memory.max of that group"]),
            "not more than the own group has": (
                "beside limited/shell $E --memory 512m -- true", 23, ["this job has 256 MiB"]),
            "all is as it was": ("cd /sys/fs/cgroup; ls -d */envrun* */*/envrun*; cat alone/cgroup.subtree_control; "
                                 "rmdir alone && echo removed", 0, ["removed"], ["memory", "/envrun-"]),
            "no user namespaces: shared memory is warned of": (
                "echo 0 > /proc/sys/user/max_user_namespaces; "
                f"{user} $E --shm-size 100m -- sh -c 'echo started'", 0, ["warning: --shm-size 100 MiB", "started"]),
            "no shared memory at all": (
                f"umount /dev/shm; {user} $E --shm-size 100m -- true", 23, ["no shared memory to use"]),
        }, prologue, root=True)

    # --- memory in Slurm

    def memory_by_slurm(self):
        try:
            import slurm_cluster
            cluster = slurm_cluster.SlurmCluster(nodes=1, cgroup=True)
        except (ImportError, RuntimeError) as error:
            print(f"skipped: Slurm: {error}", flush=True)
            return
        def run(memory, limit, *program):
            done = cluster.run("srun", "-n1", f"--mem={memory}", self.envrun, "--memory", limit, "--", *program,
                               check=False, timeout=60)
            return done.returncode, done.stdout + done.stderr
        with cluster:
            eat = self.program("eat", "600")
            code, text = run("200M", "200m", *eat)
            # For a step out of memory srun's own exit code takes the place of the program's.
            self.report.check("Slurm: the job's own limit",
                              problem_unless(code if code not in (1, 137) else 137, text, 137,
                                             ["by Slurm: it is the job's own limit", OVER], ["held"]))
            code, text = run("400M", "128m", *eat)
            self.report.check("Slurm: less than the job has",
                              problem_unless(code, text, 137, ["by a control group inside the Slurm job", OVER],
                                             ["held"]))
            code, text = run("200M", "1g", "true")
            self.report.check("Slurm: more than the job has",
                              problem_unless(code, text, 23, ["this job has 200 MiB", "--mem"]))
            code, text = run("400M", "300m", *self.program("eat", "60"))
            self.report.check("Slurm: below the limit", problem_unless(code, text, 0, ["held 60"], [OVER]))

    # --- the rest

    def shared_memory(self):
        if os.geteuid() != 0:
            print("skipped: /dev/shm of another size, this needs root", flush=True)
            return
        def run(as_user, size, command):
            inner = " ".join([*as_user, self.envrun, "--shm-size", size, "--", "sh", "-c", f"'{command}'"])
            return Run("unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=64m,mode=1777 small /dev/shm && {inner}")
        check = self.report.check
        look = "df -h /dev/shm; id -u; echo x > /dev/shm/x && ls -ln /dev/shm/x"
        check("shm: a private one for an ordinary user",
              run(NOBODY, "1g", look).problem_unless(0, "private one of 1 GiB", "1.0G", "65534\n", "65534 65534"))
        check("shm: and for root", run([], "1g", look).problem_unless(0, "private one of 1 GiB", "1.0G"))
        check("shm: enough is left as it is", run(NOBODY, "32m", look).problem_unless(0, "left as it is", "64M"))
        check("shm: one inside another is left as it is",
              run(NOBODY, "1g", f"{self.envrun} --shm-size 512m -- df -h /dev/shm").problem_unless(
                  0, "left as it is", "1.0G"))
        fill = "python3 -c \"open(\\\"/dev/shm/f\\\",\\\"wb\\\").write(bytes(300<<20))\" && echo filled"
        check("shm: as much as asked for can be written", run(NOBODY, "400m", fill).problem_unless(0, "filled"))
        torch = ("python3 -c \"import torch; t = torch.ones(50<<20, dtype=torch.uint8).share_memory_(); "
                 "print(int(t.sum()))\"")
        if Run(self.envrun, "--", "python3", "-c", "import torch").code == 0:
            check("shm: PyTorch's shared tensor", run(NOBODY, "400m", torch).problem_unless(0, str(50 << 20)))
        check("shm: more than the machine has", Run(self.envrun, "--shm-size", "900t", "--", "true").problem_unless(
            23, "more than this machine has"))

    def leftovers(self):
        names = {name: pathlib.Path("/dev/shm") / f"{name}{os.getpid()}" for name in
                 ("nccl-left", "torch_left", "sem.mp-left", "mine", "nccl-held", "nccl-before")}
        names["nccl-before"].touch()
        os.chown(names["nccl-before"], 65534, 65534)
        made = " ".join(str(path) for path in names.values())
        # Another process of the same user holds one of them open meanwhile.
        holder = subprocess.Popen([*NOBODY, "sh", "-c", f"exec 3>{names['nccl-held']}; sleep 60"])
        try:
            wait_until(names["nccl-held"].exists)
            Run(*NOBODY, self.envrun, "--memory", "256m", "--", "sh", "-c", f"touch {made}")
            left = {name for name, path in names.items() if path.exists()}
            wanted = {"mine", "nccl-held", "nccl-before"}
            self.report.check("shm: files that libraries left are removed, others and held ones stay",
                              "" if left == wanted else f"left: {left}")
        finally:
            holder.kill()
            holder.wait()
            for path in names.values():
                path.unlink(missing_ok=True)

    def cpus(self):
        look = ["python3", "-S", "-c",
                "import os; print(sorted(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"]
        allowed = sorted(os.sched_getaffinity(0))
        check = self.report.check
        last = allowed[-1]
        check("cpus: a list", Run(self.envrun, "--cpus", f"{last},", "--", *look).problem_unless(0, f"[{last}] 1"))
        check("cpus: OMP_NUM_THREADS of the user stays",
              Run(self.envrun, "--cpus", "1", "--", *look, OMP_NUM_THREADS="5").problem_unless(0, "] 5"))
        check("cpus: more than there are",
              Run(self.envrun, "--cpus", "8000", "--", "true").problem_unless(23, "more than this job has"))
        check("cpus: one inside another only narrows", Run(
            self.envrun, "--cpus", f"{last},", "--", self.envrun, "--cpus", "1", "--", *look,
        ).problem_unless(0, f"[{last}]"))
        if len(allowed) > 1:
            # As a user whose other processes are not pinned.
            with subprocess.Popen([*NOBODY, self.envrun, "--cpus", "1", "--", "python3", "-S", "-c",
                                   "import os, time; print(*os.sched_getaffinity(0), flush=True); time.sleep(20)"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
                taken = first.stdout.readline().strip()
                second = Run(*NOBODY, self.envrun, "--cpus", "1", "--", *look)
                first.kill()
            check("cpus: two runs take different ones", second.problem_unless(0, unwanted=[f"[{taken}]"]))

    def gpus(self):
        look = ["sh", "-c", "echo \"<${CUDA_VISIBLE_DEVICES-unset}>\""]
        check = self.report.check
        check("gpus: none hides all", Run(self.envrun, "--gpus", "none", "--", *look).problem_unless(0, "<>"))
        check("gpus: 0 too", Run(self.envrun, "--gpus", "0", "--", *look).problem_unless(0, "<>"))
        check("gpus: nothing asked for, nothing set", Run(self.envrun, "--", *look).problem_unless(0, "<unset>"))
        check("gpus: a mistake", Run(self.envrun, "--gpus", "0,1", "--", "true").problem_unless(2, "device=0,1"))
        if os.path.exists("/proc/driver/nvidia/version"):
            check("gpus: all", Run(self.envrun, "--gpus", "all", "--", *look).problem_unless(0, "<0"))
            check("gpus: the first", Run(self.envrun, "--gpus", "device=0", "--", *look).problem_unless(0, "<0>"))
            check("gpus: PyTorch sees one", Run(
                self.envrun, "--gpus", "1", "--", "python3", "-c",
                "import torch; print('n', torch.cuda.device_count())", timeout=180).problem_unless(0, "n 1"))
        else:
            check("gpus: one where there is none",
                  Run(self.envrun, "--gpus", "1", "--", "true").problem_unless(30, "error"))
        check("gpus: more than there are",
              Run(self.envrun, "--gpus", "99", "--", "true").problem_unless(30, "--gpus 99"))

    def overhead(self):
        cases = {"no limit": [], "--cpus 1": ["--cpus", "1"], "--shm-size 1m": ["--shm-size", "1m"],
                 "--gpus none": ["--gpus", "none"], "--memory 128m": ["--memory", "128m"]}
        commands = {label: [self.envrun, *options, "--", "/bin/true"] for label, options in cases.items()}
        commands["bare"] = ["/bin/true"]
        times = {label: [] for label in commands}
        # In turns, so that whatever else the machine does falls on all alike.
        for _ in range(200):
            for label, command in commands.items():
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                times[label].append((time.perf_counter() - began) * 1000)
        median = {label: statistics.median(each) for label, each in times.items()}
        for label in cases:
            more = median[label] - median["bare"]
            self.report.check(f"start, {label}: {more:.1f} ms more than {median['bare']:.1f} ms",
                              "" if more < 50 else "50 ms and more")


def running(text, exact=False):
    """Is there a process whose command line is, or holds, `text`?"""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if line == text or (not exact and text in line and str(os.getpid()) != path.parent.name):
            return True
    return False


def wait_until(is_so, seconds=10):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


GROUPS = ("memory_on_this_machine", "memory_by_systemd", "memory_by_delegation", "memory_by_slurm", "shared_memory",
          "leftovers", "cpus", "gpus", "overhead")


def main():
    parser = argparse.ArgumentParser(description="envrun's limits with real programs.")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--only", choices=GROUPS, nargs="*", default=GROUPS)
    given = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="eb-limits-") as work:
        os.chmod(work, 0o755)
        limits = Limits(report, given.prefix, pathlib.Path(work))
        for group in given.only:
            getattr(limits, group)()
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
