"""A running `envrun jupyter` for tests: an ordinary user's, with a home of its own, every wait bounded."""

import json
import os
import pathlib
import select
import signal
import subprocess
import time
import urllib.error
import urllib.request

NOBODY = 65534


def as_user(command):
    """The command as an ordinary user, where the test itself is root."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


def make_home(folder):
    """A home directory for that user."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)
    return folder


def wait_for(condition, seconds, pause=0.1):
    """The first true result of `condition`; its last result when there is none in time."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result or time.monotonic() > until:
            return result
        time.sleep(pause)


def descendants(pid):
    """All processes below `pid`, as {pid: start time}; the start time tells a reused number apart."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), fields[19], fields[0])
    found, queue = {}, [pid]
    while queue:
        current = queue.pop()
        for child, (parent, start, state) in parents.items():
            if parent == current and child not in found and state != "Z":
                found[child] = start
                queue.append(child)
    return found


def still_there(processes):
    left = []
    for pid, start in processes.items():
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == start and fields[0] != "Z":
            left.append(pid)
    return left


def command_lines():
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


class Server:
    """`before` goes before the sub-command's name, `options` behind it."""

    def __init__(self, prefix, home, *options, before=(), **variables):
        self.home = home
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "USER": "tester", "LANG": "C.UTF-8"}
        environment |= {name: str(value) for name, value in variables.items()}
        environment = {name: value for name, value in environment.items() if value}
        self.log_path = pathlib.Path(str(home) + f".{time.monotonic_ns()}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                as_user([str(prefix / "bin/envrun"), *before, "jupyter", "--json", *options]), env=environment,
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, cwd=home if home.is_dir() else "/",
            )
        self.record = {}

    def wait_until_ready(self, seconds=180):
        """"" when it answers."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            return f"no record on stdout; {self.log()[-1500:]}"
        self.record = json.loads(line)
        return ""

    def log(self):
        return self.log_path.read_text(errors="replace")

    @property
    def token(self):
        return pathlib.Path(self.record["token_file"]).read_text()

    @property
    def root_url(self):
        return f"http://127.0.0.1:{self.record['port']}{self.record['base_url']}"

    def status(self, path, token=None):
        """HTTP status of a request, without following redirects."""
        request = urllib.request.Request(self.root_url + path)
        if token:
            request.add_header("Authorization", f"token {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), KeepRedirect)
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def stop(self, number=signal.SIGTERM, seconds=15):
        """Ends it; returns (exit code or None, seconds it took, processes left)."""
        processes = descendants(self.process.pid)
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        took = time.monotonic() - began
        left = wait_for(lambda: not still_there(processes), 5) and [] or still_there(processes)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.process.stdout.close()
        return code, took, left


class KeepRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
