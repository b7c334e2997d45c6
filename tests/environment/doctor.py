#!/usr/bin/env python3
"""`envrun doctor` as a real process on a real prefix: every section, hostile environments, networks of many kinds, a
file system that never answers, a sandbox without /proc.

    tests/environment/doctor.py --prefix PREFIX

What the doctor says that NCCL would choose is compared with the release's own libnccl.so.2,
which is asked in the same network namespace: ncclGetUniqueId needs no GPU. The parts that need namespaces or other users
run as root alone and are counted as skipped elsewhere. Prints a line a check and at the end `N passed, N failed`.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

LIMIT = 60  # seconds for one process
NOBODY = 65534

ASK_NCCL = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
print("result", library.ncclGetUniqueId(ctypes.create_string_buffer(128)))
"""


class Doctor:
    """One run: its exit code, findings by section and subject, and how long it took."""

    def __init__(self, prefix, *arguments, before=(), variables=None, user=None, folder=None):
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/"} | (variables or {})
        begin = time.monotonic()
        done = subprocess.run(
            [*before, f"{prefix}/bin/envrun", "doctor", "--json", *arguments], env=environment, capture_output=True,
            text=True, timeout=LIMIT, check=False, user=user, group=user, extra_groups=[] if user else None,
            cwd=folder,
        )
        self.seconds = time.monotonic() - begin
        self.code, self.errors = done.returncode, done.stderr
        self.records = [json.loads(line) for line in done.stdout.splitlines()]
        self.findings = [each for each in self.records if each["record"] == "finding"]

    def find(self, section, subject, state=None):
        for each in self.findings:
            if each["section"] == section and each["subject"] == subject and state in (None, each["state"]):
                return each
        return {}

    def problem_unless(self, section, subject, state, text=""):
        found = self.find(section, subject, state)
        if not found:
            return f"no {state} {section}/{subject} in {[f for f in self.findings if f['section'] == section]} {self.errors}"
        return "" if text in json.dumps(found) else f"{text!r} not in {found}"


def in_network(commands, *rest):
    """A command line that runs `rest` in a network namespace of its own, after `commands` of ip(8)."""
    script = "\n".join(["set -e", *(f"ip {each}" for each in commands), 'exec "$@"'])
    return ["unshare", "--net", "sh", "-c", script, "sh", *rest]


def chosen_by_nccl(prefix, library, commands, variables):
    done = subprocess.run(
        in_network(commands, f"{prefix}/bin/python", "-c", ASK_NCCL, library),
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", "NCCL_DEBUG": "INFO"} | variables,
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )
    for line in (done.stdout + done.stderr).splitlines():
        if "Bootstrap" in line and "sing " in line:
            return line.split("sing ", 1)[1].split("<")[0].replace(":", " ", 1)
    refused = "result" in done.stdout and "result 0" not in done.stdout
    return "none" if refused else f"? {done.stdout}{done.stderr}"


def link(name, *addresses):
    """An interface with a carrier: an end of a pair, because not every kernel has dummy devices."""
    peer = f"p-{name}"
    return [
        f"link add {name} type veth peer name {peer}",
        *(f"link set {end} addrgenmode none" for end in (name, peer)),  # no fe80:: that nobody named
        *(f"addr add {address} dev {name}{' nodad' if ':' in address else ''}" for address in addresses),
        *(f"link set {end} up" for end in (name, peer)),
    ]


LOOPBACK, ETH7, ETH8 = ["link set lo up"], link("eth7", "10.7.0.1/24"), link("eth8", "10.8.0.1/24")
BRIDGE = ["link add {0} type bridge", "link set {0} addrgenmode none", "addr add {1} dev {0}", "link set {0} up"]
DOCKER = [each.format("docker0", "172.17.0.1/16") for each in BRIDGE]
LINKS = {  # what a machine has -> ip(8) commands; NCCL goes by the order of the interfaces
    "loopback alone": LOOPBACK,
    "eth": LOOPBACK + ETH7,
    "docker before eth": LOOPBACK + DOCKER + ETH7,
    "virbr before eth": LOOPBACK + link("virbr0", "192.168.122.1/24") + ETH7,
    "ib behind eth": LOOPBACK + ETH7 + link("ib0", "10.9.0.1/24"),
    "two eth": LOOPBACK + ETH7 + ETH8,
    "docker alone": LOOPBACK + DOCKER,
    "a bridge without carrier before eth": LOOPBACK + [each.format("br0", "10.6.0.1/24") for each in BRIDGE] + ETH7,
    "IPv6 alone": LOOPBACK + link("eth7", "fd77::1/64"),
    "IPv4 and IPv6": LOOPBACK + link("eth7", "fd77::1/64", "10.7.0.1/24"),
    "nothing": [],
}

SETTINGS = [
    ("eth", {"NCCL_SOCKET_IFNAME": "eth7"}),
    ("two eth", {"NCCL_SOCKET_IFNAME": "=eth8"}),
    ("two eth", {"NCCL_SOCKET_IFNAME": "^eth7,lo"}),
    ("two eth", {"NCCL_SOCKET_IFNAME": "e"}),
    ("two eth", {"NCCL_SOCKET_IFNAME": "ens"}),
    ("two eth", {"NCCL_COMM_ID": "10.8.0.77:2345"}),
    ("two eth", {"NCCL_COMM_ID": "10.8.0.77:2345", "NCCL_SOCKET_IFNAME": "eth7"}),
    ("two eth", {"NCCL_COMM_ID": "10.77.0.77:2345"}),
    ("ib behind eth", {"NCCL_COMM_ID": "10.7.0.77:2345"}),
    ("ib behind eth", {"NCCL_SOCKET_FAMILY": "AF_INET6"}),
]


def check_networks(report, prefix, libraries):
    for library, version in libraries:
        for name, variables in [*((name, {}) for name in LINKS), *SETTINGS]:
            shown = " ".join(f"{key}={value}" for key, value in variables.items())
            label = f"NCCL {version}, {name}{' ' + shown if shown else ''}"
            wanted = chosen_by_nccl(prefix, library, LINKS[name], variables)
            said = Doctor(prefix, "nccl", before=in_network(LINKS[name]), variables=variables)
            text = said.find("nccl", "interface").get("text", "")
            told = "none" if text.startswith("none") else " ".join(text.replace(",", "").split()[:2])
            report.check(f"{label}: {wanted}", "" if told == wanted else f"the doctor says {text!r}")


def check_files(report, prefix, scratch):
    """/etc/nccl.conf, seen in a mount namespace of its own."""
    conf = scratch / "nccl.conf"
    conf.write_text("# site\nNCCL_SOCKET_IFNAME==eth8\n")
    placed = ["unshare", "--mount", "sh", "-c", 'touch /etc/nccl.conf; mount --bind "$0" /etc/nccl.conf; exec "$@"',
              str(conf)]
    there = pathlib.Path("/etc/nccl.conf").exists()
    try:
        said = Doctor(prefix, "nccl", before=placed + in_network(LINKS["two eth"]))
        report.check("/etc/nccl.conf counts", said.problem_unless("nccl", "interface", None, "eth8 10.8.0.1"))
        report.check("/etc/nccl.conf is named", said.problem_unless("nccl", "interface", None, "/etc/nccl.conf"))
        said = Doctor(prefix, "nccl", before=placed + in_network(LINKS["two eth"]),
                      variables={"NCCL_SOCKET_IFNAME": "eth7"})
        report.check("the environment wins over it", said.problem_unless("nccl", "interface", None, "eth7"))
    finally:
        if not there:
            pathlib.Path("/etc/nccl.conf").unlink(missing_ok=True)


def check_hanging_folder(report, prefix, scratch):
    """A FUSE file system whose server is stopped is to its users what a dead NFS server is."""
    squashfuse, mksquashfs = shutil.which("squashfuse"), shutil.which("mksquashfs")
    if not squashfuse or not mksquashfs:
        report.skip("a file system that does not answer", "squashfuse and squashfs-tools are not installed")
        return
    mount = scratch / "dead"
    (scratch / "tree/site").mkdir(parents=True)
    mount.mkdir()
    subprocess.run([mksquashfs, scratch / "tree", scratch / "tree.sqfs", "-quiet"], check=True, timeout=LIMIT,
                   stdout=subprocess.DEVNULL)
    server = subprocess.Popen([squashfuse, "-f", "-o", "allow_other", scratch / "tree.sqfs", mount])
    try:
        limit = time.monotonic() + 10
        while not os.path.ismount(mount) and time.monotonic() < limit:
            time.sleep(0.05)
        server.send_signal(19)  # SIGSTOP
        variables = {"HOME": f"{mount}/home", "PYTHONPATH": f"{mount}/site", "LD_LIBRARY_PATH": f"{mount}/lib",
                     "PATH": f"{mount}/bin:/usr/bin:/bin"}
        said = Doctor(prefix, variables=variables)
        report.check("a home that does not answer", said.problem_unless("storage", "home", "problem", "answer"))
        report.check("a PYTHONPATH that does not answer", said.problem_unless("python", "PYTHONPATH", "problem"))
        report.check("a LD_LIBRARY_PATH that does not answer",
                     said.problem_unless("modules", "LD_LIBRARY_PATH", "problem"))
        report.check("exit code 23", "" if said.code == 23 else f"{said.code} {said.errors}")
        report.check("no second is lost on it", "" if said.seconds < 2 else f"{said.seconds:.1f} s")
    finally:
        server.kill()  # which wakes all that wait for it
        server.wait()
        subprocess.run(["umount", "-l", mount], check=False, timeout=LIMIT)


def check_sandboxes(report, prefix):
    said = Doctor(prefix, before=["unshare", "--mount", "sh", "-c",
                                  'mount -t tmpfs none /sys && mount -t tmpfs none /etc && exec "$@"', "sh"])
    report.check("without /sys and /etc all sections are there", "" if len({f["section"] for f in said.findings}) > 9
                 and said.code in (0, 23) else f"{said.code} {said.errors} {said.records[-1:]}")
    said = Doctor(prefix, "limits", before=["sh", "-c", 'ulimit -v 4000000; ulimit -S -n 256; exec "$@"', "sh"])
    report.check("a limit on address space is a problem", said.problem_unless("limits", "address space", "problem"))
    report.check("few open files", said.problem_unless("limits", "open files", "warning", "ulimit"))
    said = Doctor(prefix, "shm", before=["unshare", "--mount", "sh", "-c",
                                         'mount -t tmpfs -o size=64m none /dev/shm && exec "$@"', "sh"])
    report.check("64 MiB of shared memory", said.problem_unless("shm", "/dev/shm", "warning", "64 MiB"))
    # Not /tmp itself: the prefix may lie there.
    with tempfile.TemporaryDirectory() as small:
        said = Doctor(prefix, "storage", before=[
            "unshare", "--mount", "sh", "-c",
            'mount -t tmpfs -o size=1m,noexec none "$0" && TMPDIR=$0 exec "$@"', small])
    report.check("a small folder for temporary files, with noexec",
                 said.problem_unless("storage", "temporary", "warning", "full")
                 or said.problem_unless("storage", "temporary", "note", "noexec"))
    said = Doctor(prefix, "system", before=["unshare", "--mount", "sh", "-c",
                                            'mount -t tmpfs none /proc && exec "$@"', "sh"])
    report.check("without /proc envrun says why it cannot start",
                 "" if said.code != 0 and "/proc" in said.errors else f"{said.code} {said.errors}")


def check_segments(report, prefix):
    path = pathlib.Path(f"/dev/shm/torch_{os.getpid()}_test_0")
    try:
        path.write_bytes(b"x" * 8192)
        os.chown(path, NOBODY, NOBODY)
        said = Doctor(prefix, "shm", user=NOBODY, folder="/")
        report.check("a segment that nobody maps", said.problem_unless("shm", "segments", "warning", path.name))
        holder = subprocess.Popen(
            [f"{prefix}/bin/python", "-c", "import mmap, sys, time\n"
             "f = open(sys.argv[1], 'r+b')\nm = mmap.mmap(f.fileno(), 0)\nprint('held', flush=True)\ntime.sleep(60)",
             path], user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            said = Doctor(prefix, "shm", user=NOBODY, folder="/")
            report.check("one that is in use", said.problem_unless("shm", "segments", "ok", "in use"))
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        said = Doctor(prefix, "shm")
        report.check("another user's is none of ours", said.problem_unless("shm", "segments", "ok", "none"))
    finally:
        path.unlink(missing_ok=True)


def check_as_user(report, prefix, scratch):
    user = NOBODY if os.getuid() == 0 else None
    home = scratch / "home"
    site = scratch / "site"
    python = next((pathlib.Path(prefix) / "current/lib").glob("python3.*")).name
    user_site = home / f".local/lib/{python}/site-packages/torch"
    for folder in (user_site, site / "numpy", scratch / "cuda"):
        folder.mkdir(parents=True)
    (scratch / "cuda/libcudart.so.11.0").write_text("")
    (scratch / "cuda/libstdc++.so.6").write_text("")
    if user:
        for each in [home, *home.rglob("*")]:
            os.chown(each, user, user)
    variables = {
        "HOME": str(home), "PYTHONPATH": str(site), "LD_LIBRARY_PATH": f"{scratch}/cuda", "PYTHONHOME": "/nowhere",
        "CONDA_PREFIX": "/soft/conda", "VIRTUAL_ENV": "/soft/venv", "LOADEDMODULES": "cuda/12.1:gcc/12",
        "CUDA_VISIBLE_DEVICES": "", "NCCL_P2P_DISABLE": "1", "OMP_NUM_THREADS": "4096", "CUDA_HOME": "/nowhere",
        "GLOO_SOCKET_IFNAME": "nope0", "NCCL_SOCKET_IFNAME": "nope", "LANG": "C", "RANK": "3",
    }
    said = Doctor(prefix, variables=variables, user=user, folder="/")
    for section, subject, state, text in [
        ("python", "PYTHONPATH", "problem", "numpy"), ("python", "PYTHONHOME", "warning", "/nowhere"),
        ("python", "conda", "warning", "/soft/conda"), ("python", "venv", "warning", "/soft/venv"),
        ("python", "user packages", "warning", "torch"), ("modules", "modules", "warning", "cuda/12.1"),
        ("modules", "LD_LIBRARY_PATH", "note", "libcudart.so.11.0"),
        ("modules", "LD_LIBRARY_PATH", "note", "libstdc++.so.6"),
        ("variables", "CUDA_VISIBLE_DEVICES", "warning", "hides"), ("variables", "NCCL_P2P_DISABLE", "warning", ""),
        ("variables", "OMP_NUM_THREADS", "warning", ""), ("variables", "CUDA_HOME", "warning", "not there"),
        ("variables", "rendezvous", "warning", "RANK=3"), ("network", "gloo", "problem", "nope0"),
        ("nccl", "interface", "problem", "no socket interface"), ("release", "release", "ok", "active"),
        ("release", "gpu check", "note", "envinstall check"),
    ]:
        report.check(f"{section}: {subject}", said.problem_unless(section, subject, state, text))
    report.check("problems end with 23", "" if said.code == 23 else f"{said.code} {said.errors}")
    report.check("in less than a second", "" if said.seconds < 1 else f"{said.seconds:.2f} s")
    summary = said.records[-1]
    report.check("the summary counts", "" if summary["record"] == "summary" and summary["problems"] == len(
        [each for each in said.findings if each["state"] == "problem"]) else str(summary))
    without = [each for each in said.findings if each["state"] in ("problem", "warning") and not each["next"]]
    report.check("each warning and problem says what to do", json.dumps(without) if without else "")

    clean = Doctor(prefix, "python", "modules", "variables", variables={"HOME": str(scratch)}, user=user, folder="/")
    report.check("nothing is wrong with a clean environment",
                 "" if clean.code == 0 and not clean.records[-1]["warnings"] else str(clean.records))
    report.check("only the sections that were asked for", "" if {f["section"] for f in clean.findings} == {
        "python", "modules", "variables"} else str(clean.findings))
    report.check("an unknown section is a usage error", "" if Doctor(prefix, "--only", "x").code == 2 else "accepted")


def check_run(report, prefix, scratch):
    home = {"HOME": str(scratch)}
    said = Doctor(prefix, "nccl", "--run", variables=home)
    runs = {each["backend"]: each for each in said.records if each["record"] == "run"}
    gloo, nccl = runs.get("gloo", {}), runs.get("nccl", {})
    report.check("--run: two processes reduce over gloo",
                 "" if gloo.get("state") == "ok" and said.code == 0 else f"{runs} {said.code} {said.errors}")
    if pathlib.Path("/dev/nvidia1").exists():
        report.check("--run: and over NCCL", "" if nccl.get("state") == "ok" and nccl["transports"] else str(nccl))
    else:
        report.check("--run: without two GPUs NCCL is skipped, not passed",
                     "" if nccl.get("state") == "skipped" else str(nccl))
    said = Doctor(prefix, "nccl", "--run", variables=home | {"GLOO_SOCKET_IFNAME": "nope0"})
    runs = {each["backend"]: each for each in said.records if each["record"] == "run"}
    report.check("--run: an interface that is not there fails with 31",
                 "" if said.code == 31 and runs["gloo"]["state"] == "failed" else f"{said.code} {runs}")


def nccl_of(prefix):
    for library in pathlib.Path(prefix).glob("current/lib/python3*/site-packages/nvidia/nccl/lib/libnccl.so.2"):
        version = next(library.parents[3].glob("nvidia_nccl*.dist-info")).name.split("-")[1].removesuffix(".dist")
        return [(str(library), version)]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefix", required=True)
    given = parser.parse_args()
    report = Report()
    libraries = nccl_of(given.prefix)
    with tempfile.TemporaryDirectory(prefix="eb-doctor-") as folder:
        scratch = pathlib.Path(folder)
        scratch.chmod(0o755)
        check_as_user(report, given.prefix, scratch)
        if os.getuid() == 0:
            check_sandboxes(report, given.prefix)
            check_segments(report, given.prefix)
            check_hanging_folder(report, given.prefix, scratch)
            if libraries:
                check_networks(report, given.prefix, libraries)
                check_files(report, given.prefix, scratch)
            else:
                report.skip("what NCCL would choose", "this prefix has no NCCL")
        else:
            report.skip("networks, sandboxes, other users", "they need root")
        if libraries:
            check_run(report, given.prefix, scratch)
        else:
            report.skip("--run", "this prefix has no PyTorch")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
