#!/usr/bin/env python3
"""`envrun jupyter` and `envrun kernelspec` on a real prefix: JupyterLab in a real browser, as an ordinary user.

    tests/environment/jupyter.py --prefix PREFIX [--screenshots DIR]

Needs chromium and chromium-driver (Debian) and, from the index that pip uses, selenium and jupyter_client (kept below
ENVBUNDLE_CACHE). Run by root the servers are nobody's. Prints a line a check and at the end `N passed, N failed`.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import traceback

import test_tools

test_tools.run_with_test_packages()

import notebook_server as servers  # noqa: E402
from notebook_browser import Browser  # noqa: E402
from notebook_server import Server, as_user, make_home, wait_for  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

TORCH = "import torch; print((torch.ones(64, 64) @ torch.ones(64, 64))[0, 0].item())"


class BrowserReport(Report):
    def attempt(self, label, action):
        """A step whose failure is an exception."""
        try:
            problem = action() or ""
        except Exception as error:  # noqa: BLE001 (whatever a browser throws is a failed check)
            problem = f"{type(error).__name__}: {str(error)[:800]} {traceback.format_exc()[-400:]}"
        self.check(label, problem)
        return not problem


def private(path, kind, mode):
    info = os.lstat(path)
    if stat.S_IFMT(info.st_mode) != kind or stat.S_IMODE(info.st_mode) != mode:
        return f"{path} is {oct(info.st_mode)}"
    return ""


def in_browser(report, server, work, screenshots):
    """What a person does in JupyterLab."""
    lab = server.root_url + "lab"
    try:
        browser = Browser(work / "profile")
    except Exception as error:  # noqa: BLE001
        report.check("the browser starts", str(error)[:800])
        return

    def wrong_token():
        browser.open(lab + "?token=" + "0" * 48)
        return "" if browser.asks_for_token() else f"it opened {browser.driver.current_url}"

    def right_token():
        browser.open_lab(lab + "?token=" + server.token)

    def cell():
        browser.new_notebook()
        browser.run_cell(TORCH)
        browser.wait_for_output("64.0")

    def interrupt():
        browser.run_cell("import time; time.sleep(600)")
        browser.interrupt_kernel()
        browser.wait_for_output("KeyboardInterrupt")
        browser.run_cell("print(6 * 7)")
        browser.wait_for_output("42")

    def terminal():
        marker = server.home / "from-terminal"
        browser.open_terminal(lab)

        def typed():
            browser.type_in_terminal(f"python -c 'import sys; print(sys.prefix)' > {marker}")
            return wait_for(lambda: marker.exists() and marker.read_text().strip(), 15)

        # Keys typed before the shell's first prompt may be lost with the terminal's resizing.
        prefix = typed() or typed()
        return "" if prefix and "/releases/" in prefix else f"the shell's python says {prefix!r}"

    try:
        report.attempt("browser: a wrong token is refused", wrong_token)
        browser.forget_login()
        if report.attempt("browser: the right token opens JupyterLab", right_token):
            report.attempt("browser: a new notebook's cell computes with torch", cell)
            report.attempt("browser: an endless cell is interrupted, and the kernel lives", interrupt)
            browser.screenshot(screenshots / "jupyter.png")
            size = (screenshots / "jupyter.png").stat().st_size
            report.check("a screenshot is made", "" if size > 20000 else f"{size} bytes")
            report.attempt("browser: a terminal is the environment's", terminal)
            browser.screenshot(screenshots / "terminal.png")
    except Exception as error:  # noqa: BLE001
        report.check("the browser stays", str(error)[:800])
    finally:
        try:
            browser.screenshot(screenshots / "last.png")
        finally:
            browser.close()


def ordinary(report, prefix, work, screenshots):
    """The whole way, in a job on a Slurm node: no XDG_RUNTIME_DIR behind its name."""
    tmp = make_home(work / "tmp")
    server = Server(prefix, make_home(work / "home"), XDG_RUNTIME_DIR="/run/user/4000000000", TMPDIR=tmp,
                    SLURM_JOB_ID="1", SLURM_SUBMIT_HOST="login1", SLURMD_NODENAME="n7", JUPYTER_TOKEN="from-outside")
    problem = server.wait_until_ready()
    report.check("it answers", problem)
    if problem:
        server.stop()
        return
    record = server.record
    runtime = [each for each in tmp.rglob("jupyter-*") if each.is_dir()]
    report.check("the token file is 0600", private(record["token_file"], stat.S_IFREG, 0o600))
    report.check("its folder is 0700", private(os.path.dirname(record["token_file"]), stat.S_IFDIR, 0o700))
    report.check("the runtime directory is node-local and 0700",
                 private(runtime[0], stat.S_IFDIR, 0o700) if len(runtime) == 1 else str(runtime))
    tunnel = f"ssh -N -J tester@login1 -L {record['port']}:127.0.0.1:{record['port']} tester@n7"
    report.check("the tunnel leads through the login node to the node's loopback",
                 "" if record["tunnel"] == tunnel and tunnel in server.log() else record["tunnel"])
    for label, token, wanted in (("no token", None, 403), ("a wrong token", "0" * 48, 403),
                                 ("a token of the environment", "from-outside", 403), ("the token", server.token, 200)):
        status = server.status("api/contents", token)
        report.check(f"{label}: {wanted}", "" if status == wanted else str(status))
    in_browser(report, server, work, screenshots)
    token = server.token.encode()
    report.check("no command line of this machine holds the token",
                 "" if not any(token in line for line in servers.command_lines()) else "one does")
    report.check("the output of the job does not hold the token",
                 "" if token.decode() not in server.log() else "it does")
    port = record["port"]
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, timeout=20,
                               check=False).stdout if shutil.which("ss") else f"127.0.0.1:{port}"
    report.check("it listens on loopback only", "" if listening.count(str(port)) == 1 and
                 f"127.0.0.1:{port}" in listening else listening)

    second = Server(prefix, server.home, TMPDIR=tmp)
    problem = second.wait_until_ready()
    same = problem or ("the same port" if second.record["port"] == port else "")
    report.check("two at once have different ports and the same token",
                 same or ("" if second.status("api/contents", server.token) == 200 else "another token"))
    code, took, left = second.stop(signal.SIGINT)
    report.check("one SIGINT ends it where nobody can answer", "" if code == 0 and took < 10 and not left
                 else f"exit {code} after {took:.1f} s, left {left}; {second.log()[-500:]}")
    code, took, left = server.stop()
    report.check(f"SIGTERM ends it, kernels and terminals too ({took:.1f} s)",
                 "" if code == 0 and took < 10 and not left
                 else f"exit {code} after {took:.1f} s, left {left}")
    left = [str(each) for each in tmp.rglob("*") if "jupyter" in each.name or "kernel" in each.name]
    report.check("nothing of it stays in the runtime directory", ", ".join(left))


def hard_cases(report, prefix, work):
    """Homes, sockets, sudden ends."""
    readonly = make_home(work / "readonly")
    if os.geteuid() == 0:
        os.chown(readonly, 0, 0)
    readonly.chmod(0o555)
    for label, home in (("a missing HOME", work / "nowhere"), ("a HOME that cannot be written to", readonly)):
        server = Server(prefix, home, TMPDIR=work / "tmp")
        problem = server.wait_until_ready()
        if not problem:
            status = server.status("api/contents", server.token)
            warned = "warning: HOME is missing or cannot be written to" in server.log()
            problem = "" if status == 200 and warned else f"{status}, {server.log()[-300:]}"
        report.check(f"{label}: it works with a warning", problem)
        server.stop()

    home = make_home(work / "home2")
    path = home / "lab.sock"
    server = Server(prefix, home, "--sock", str(path), TMPDIR=work / "tmp")
    problem = server.wait_until_ready()
    if not problem:
        problem = private(path, stat.S_IFSOCK, 0o600)
    if not problem:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            request = f"GET /api/contents HTTP/1.0\r\nAuthorization: token {server.token}\r\n\r\n"
            client.sendall(request.encode())
            answer = client.recv(64)
        problem = "" if b" 200 " in answer else str(answer)
    report.check("--sock: a socket of mode 0600 answers", problem)
    server.stop()

    server = Server(prefix, home, TMPDIR=work / "tmp")
    problem = server.wait_until_ready()
    processes = servers.descendants(server.process.pid)
    server.process.kill()
    server.process.wait(10)
    server.process.stdout.close()
    left = not wait_for(lambda: not servers.still_there(processes), 15)
    report.check("killed: the server ends as well", problem or (str(servers.still_there(processes)) if left else ""))

    refused = subprocess.run([prefix / "bin/envrun", "jupyter", "--", "--IdentityProvider.token=7c2f"],
                             capture_output=True, text=True, timeout=30, check=False, env={"HOME": str(home)})
    report.check("a token on the command line is refused",
                 "" if refused.returncode == 2 and "7c2f" not in refused.stderr else refused.stderr)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(prefix, home, "--port", str(taken.getsockname()[1]), TMPDIR=work / "tmp")
        code = server.process.wait(120)
        report.check("a port that is taken is an error, not another port",
                     "" if code not in (0, None) and "already in use" in server.log()
                     else f"{code} {server.log()[-300:]}")
        server.process.stdout.close()


KERNEL_CLIENT = """
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=120)
try:
    out = []
    client.execute_interactive(sys.argv[2], timeout=180, output_hook=lambda m: out.append(m["content"].get("text", "")))
    print("".join(out), end="")
finally:
    client.stop_channels()
    manager.shutdown_kernel()
"""


def kernelspec(report, prefix, work):
    """A Jupyter that is not the bundle's runs a cell through our kernel."""
    home = make_home(work / "home3")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "JUPYTER_PLATFORM_DIRS": "0"}

    def envrun(*arguments):
        return subprocess.run(as_user([str(prefix / "bin/envrun"), *arguments]), env=environment, capture_output=True,
                              text=True, timeout=60, check=False)

    done = envrun("--cpus", "1", "kernelspec", "--user", "--name", "torch-kernel", "--display-name", "Torch for all")
    spec_folder = home / ".local/share/jupyter/kernels/torch-kernel"
    report.check("kernelspec --user prints where it is", "" if done.stdout.strip() == str(spec_folder) else done.stderr)
    spec = json.loads((spec_folder / "kernel.json").read_text())
    report.check("it names the lasting path and the limits",
                 "" if spec["argv"][:3] == [str(prefix / "bin/envrun"), "--cpus", "1"] else str(spec))
    report.check("it has logos", "" if (spec_folder / "logo-64x64.png").exists() else "none")
    foreign = dict(environment, PYTHONPATH="/nonexistent/other/python")
    packages = test_tools.packages_for_users(work / "another-jupyter")
    ran = subprocess.run(as_user([test_tools.HOST_PYTHON, "-c", f"import sys\nsys.path.insert(0, {str(packages)!r})\n" + KERNEL_CLIENT,
                                  "torch-kernel",
                                  "import sys, os; print(sys.prefix, os.environ.get('PYTHONPATH')); " + TORCH]),
                         env=foreign, capture_output=True, text=True, timeout=300, check=False, cwd=home)
    good = "64.0" in ran.stdout and str(prefix) in ran.stdout
    report.check("another Jupyter runs a cell with torch through it", "" if good else ran.stdout + ran.stderr[-800:])
    again = envrun("kernelspec", "--user", "--name", "torch-kernel")
    report.check("ours is replaced", "" if again.returncode == 0 else again.stderr)
    (spec_folder / "kernel.json").write_text(json.dumps({"argv": ["R"], "display_name": "R", "language": "R"}))
    for arguments in (("--user",), ("--user", "--remove")):
        refused = envrun("kernelspec", *arguments, "--name", "torch-kernel")
        report.check(f"a foreign kernel is left alone ({' '.join(arguments)})",
                     "" if refused.returncode == 53 and "left as it is" in refused.stderr else refused.stderr)
    envrun("kernelspec", "--user", "--name", "other")
    removed = envrun("kernelspec", "--user", "--name", "other", "--remove")
    report.check("--remove removes", "" if removed.returncode == 0 and not (spec_folder.parent / "other").exists()
                 else removed.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True, type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    options = parser.parse_args()
    prefix = options.prefix.resolve()
    # What runs in the background of a script has SIGINT ignored, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    report = BrowserReport()
    with tempfile.TemporaryDirectory(prefix="eb-jupyter-", dir="/tmp") as name, \
            tempfile.TemporaryDirectory(prefix=".eb-moved-", dir=prefix.parent) as beside:
        work = pathlib.Path(name)
        work.chmod(0o755)
        pathlib.Path(beside).chmod(0o755)
        screenshots = options.screenshots or work
        screenshots.mkdir(parents=True, exist_ok=True)
        # Hard links: the same files under another path, as after a move.
        moved = pathlib.Path(beside) / "moved to"
        subprocess.run(["cp", "-al", prefix, moved], check=True, timeout=300)
        ordinary(report, moved, work, screenshots)
        hard_cases(report, prefix, work)
        kernelspec(report, prefix, work)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
