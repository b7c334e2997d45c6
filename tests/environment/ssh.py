#!/usr/bin/env python3
"""`envrun sshd` with real servers and clients, as an ordinary user.

    tests/environment/ssh.py --prefix PREFIX [--build BUILD/dev]

Needs root, to become another user: everything happens in mount, process and network namespaces of its own, in which
/etc/passwd has one more account, /dev/pts is a fresh mount, and only loopback exists; nothing of the machine changes.
With --build the envrun of that build takes the place of the prefix's. Prints a line a check and at the end
`N passed, N failed`.
"""

import argparse
import hashlib
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

UID = 4242
USER = "researcher"
START_SECONDS = 30
OLD, NEW = "old place", "moved"


def become_user():
    os.setsid()
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    os.umask(0o022)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def user_processes():
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if entry.stat().st_uid == UID and state != "Z":
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass
    return found


def no_process_left():
    deadline = time.monotonic() + 5
    while (left := user_processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return f"still there: {left}" if left else ""


class World:
    def __init__(self, scratch, prefix):
        self.scratch, self.prefix = scratch, prefix
        self.home = scratch / "home"
        self.state = self.home / ".local/state/envbundle/sshd"
        self.keys = scratch / "keys"  # the client's side
        self.environment = {"HOME": str(self.home), "USER": USER, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def run(self, *argv, variables=None, **options):
        return subprocess.run([str(each) for each in argv], env=self.environment | (variables or {}), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=90, preexec_fn=become_user,
                              cwd="/", check=False, **options)

    def envrun(self, *arguments, **options):
        return self.run(self.prefix / "bin/envrun", *arguments, **options)

    def refused(self, code, texts, *arguments, **options):
        done = self.envrun(*arguments, **options)
        missing = [text for text in texts if text not in done.stdout + done.stderr]
        if done.returncode != code or missing:
            return f"exit {done.returncode}, without {missing}: {done.stdout}{done.stderr}"
        return ""


class Server:
    """A running `envrun sshd`."""

    def __init__(self, world, *options, limits=(), port=None, variables=None):
        self.world, self.port = world, port or free_port()
        self.process = subprocess.Popen(
            [str(world.prefix / "bin/envrun"), *limits, "sshd", "--i-have-permission", "--port", str(self.port),
             *options], env=world.environment | (variables or {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=become_user, cwd="/")
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=lambda s=s, k=k: k.extend(s), daemon=True)
                        for s, k in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if any("Server listening" in line for line in list(self.err)):
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"sshd did not start: {''.join(self.out)}{''.join(self.err)}")

    def text(self):
        return "".join(self.out) + "".join(self.err)

    def stop(self, by=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "does not end"
        for reader in self.readers:
            reader.join(timeout=5)
        return f"exit {code}: {self.text()}" if code != 0 else ""

    def options(self, key="client", user=USER):
        """Of ssh and sftp, with the host key as the server told it."""
        known = self.world.keys / f"known_hosts_{self.port}"
        line = next(line.strip() for line in self.out if line.startswith("  envrun-"))
        known.write_text(line + "\n")
        return ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", f"User={user}",
                "-o", f"IdentityFile={self.world.keys / key if key else 'none'}", "-o", f"Port={self.port}",
                "-o", f"HostKeyAlias={line.split()[0]}", "-o", f"UserKnownHostsFile={known}",
                "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"]

    def ssh(self, *command, client="/usr/bin/ssh", more=(), **who):
        return subprocess.run([str(client), *self.options(**who), *more, "127.0.0.1", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def problem_of(done, expected):
    if done.returncode == 0 and done.stdout.strip() == expected:
        return ""
    return f"exit {done.returncode}, {done.stdout!r}, expected {expected!r}: {done.stderr}"


def problem_unless_refused(done, texts=("Permission denied (publickey)",)):
    good = done.returncode == 255 and all(text in done.stderr for text in texts)
    return "" if good else f"exit {done.returncode}: {done.stdout} {done.stderr}"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sftp(server, client):
    world = server.world
    sent, back = world.keys / "sent", world.keys / "back"
    sent.write_bytes(os.urandom(5_000_001))
    back.unlink(missing_ok=True)
    batch = world.keys / "batch"
    batch.write_text(f"put {sent} there\nget there {back}\nls -l there\nrm there\n")
    done = subprocess.run([str(client), *server.options(), "-b", str(batch), "127.0.0.1"], capture_output=True,
                          text=True, timeout=60, check=False)
    if done.returncode or digest(sent) != digest(back):
        return f"exit {done.returncode}: {done.stdout} {done.stderr}"
    return ""


def forwarding(server):
    """A server on the node's loopback, reached through the client's end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(20)

        def answer():
            try:
                with listener.accept()[0] as there:
                    there.sendall(there.recv(100)[::-1])
            except OSError:
                pass

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        local = free_port()
        client = subprocess.Popen(["/usr/bin/ssh", *server.options(), "-o", "ExitOnForwardFailure=yes", "-N", "-L",
                                   f"127.0.0.1:{local}:127.0.0.1:{listener.getsockname()[1]}", "127.0.0.1"],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and client.poll() is None:
                try:
                    with socket.create_connection(("127.0.0.1", local), timeout=5) as here:
                        here.sendall(b"forward")
                        return "" if here.recv(100) == b"drawrof" else "another answer"
                except ConnectionRefusedError:
                    time.sleep(0.05)
            return f"no connection: {client.stderr.read() if client.poll() is not None else ''}"
        finally:
            client.terminate()
            client.wait(timeout=10)


def interactive(server, client, command=()):
    """Types into a login with a terminal; returns what came."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(client, [str(client), *server.options(), "-tt", "127.0.0.1", *command])
    output, typed = "", False
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if not typed and (len(output) > 0 or time.monotonic() > deadline - 28):
                os.write(master, b"tty; echo in-$((40+2)); command -v python; exit 7\n")
                typed = True
            if select.select([master], [], [], 0.2)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                if not data:
                    break
                output += data.decode(errors="replace")
    finally:
        os.close(master)
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output


def before_any_start(report, world):
    report.check("without a confirmation it does not start, and says what else there is",
                 world.refused(2, ["--i-have-permission", "ssh -J login1"], "sshd",
                               variables={"SLURM_SUBMIT_HOST": "login1"}))
    report.check("without any key it does not start, and names the user's own",
                 world.refused(2, ["no key may log in", f"--authorized-keys {world.home}/.ssh/id_ed25519.pub"], "sshd",
                               "--i-have-permission"))
    private = world.home / ".ssh/id_ed25519"
    report.check("a private key is not taken for authorized keys", world.refused(
        2, ["this is a private key"], "sshd", "--i-have-permission", "--authorized-keys", private))
    nothing = world.home / "nothing"
    nothing.write_text("# no key\nssh-ed25519 not-a-key\n")
    report.check("a file without a key is refused", world.refused(
        2, ["no line of it is a public key"], "sshd", "--i-have-permission", "--authorized-keys", nothing))
    report.check("--check names the missing key and ends with 23", world.refused(
        23, ["failed  keys", "no public key", "ok      account", "ok      terminals"], "sshd", "--check", "--port",
        free_port()))
    root = subprocess.run([str(world.prefix / "bin/envrun"), "sshd", "--i-have-permission"], capture_output=True,
                          text=True, timeout=20, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(world.scratch)})
    report.check("root is sent away", "" if root.returncode == 2 and "ordinary users" in root.stderr else root.stderr)


def sessions(report, world, server, where):
    release = (world.prefix / "current").resolve()
    for name, client in (("the host's ssh", "/usr/bin/ssh"), ("the release's ssh", world.prefix / "bin/ssh")):
        done = server.ssh("id -un; command -v python; echo $ENVBUNDLE_PREFIX; pwd", client=client)
        report.check(f"{where}: a command by {name} runs as the user, with the prefix first", problem_of(
            done, "\n".join([USER, f"{release}/bin/python", str(release), str(world.home)])))
    done = server.ssh("python -c 'import sys; print(sys.executable)'")
    report.check(f"{where}: python of a session is the release's", problem_of(done, f"{release}/bin/python"))
    report.check(f"{where}: sftp by the host's client, 5 MB there and back", sftp(server, "/usr/bin/sftp"))
    report.check(f"{where}: sftp by the release's client", sftp(server, world.prefix / "bin/sftp"))


def refusals(report, server):
    report.check("a wrong key is refused", problem_unless_refused(server.ssh("true", key="wrong")))
    report.check("no key is refused", problem_unless_refused(server.ssh("true", key=None)))
    report.check("a password is not even asked for", problem_unless_refused(server.ssh(
        "true", key=None, more=["-o", "PreferredAuthentications=password,keyboard-interactive"])))
    report.check("root is refused, with the right key too", problem_unless_refused(server.ssh("true", user="root")))
    report.check("another user is refused", problem_unless_refused(server.ssh("true", user="nobody")))
    done = server.ssh("sleep 5", more=["-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:9"])
    report.check("remote forwarding is refused", problem_unless_refused(done, ["remote port forwarding failed"]))


def terminals(report, world, server):
    code, output = interactive(server, "/usr/bin/ssh")
    good = code == 7 and re.search(r"/dev/pts/\d+", output) and "in-42" in output
    report.check("an interactive login has a terminal", "" if good else f"exit {code}: {output}")
    code, output = interactive(server, world.prefix / "bin/ssh", ["envrun", "shell"])
    good = code == 7 and f"{(world.prefix / 'current').resolve()}/bin/python" in output
    report.check("'ssh -t … envrun shell' has the environment's python", "" if good else f"exit {code}: {output}")


def ending(report, world, server):
    nohup = world.home / "left-behind"
    stubborn = f"(trap '' TERM HUP; setsid sleep 1000) >/dev/null 2>&1 & echo $! > {nohup}; sleep 1000"
    session = subprocess.Popen(["/usr/bin/ssh", *server.options(), "127.0.0.1", stubborn], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not nohup.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run = list(world.state.glob("*-*/sshd_config"))
    mode = run and (run[0].stat().st_mode & 0o777, run[0].parent.stat().st_mode & 0o777)
    report.check("its configuration is the user's alone", "" if mode == (0o600, 0o700) else f"{run} {mode}")
    started = time.monotonic()
    report.check("SIGTERM ends it with 0", server.stop())
    report.check("its sessions end too, and what ignores SIGTERM", no_process_left())
    report.check("within 10 s", "" if time.monotonic() - started < 10 else f"{time.monotonic() - started:.1f} s")
    report.check("the session's client has ended", "" if session.wait(timeout=10) else "exit 0")
    left = sorted(path.name for path in world.state.iterdir())
    report.check("nothing but the keys is left", "" if left == ["authorized_keys", "host_ed25519", "host_ed25519.pub"]
                 else str(left))


def two_servers(report, world):
    first, second = Server(world), Server(world)
    report.check("two servers of one user",
                 problem_of(first.ssh("echo 1"), "1") or problem_of(second.ssh("echo 2"), "2"))
    report.check("a port of one's own server is named with the way to end it", world.refused(
        22, ["your own envrun sshd", f"--stop --port {first.port}"], "sshd", "--i-have-permission", "--port",
        first.port))
    done = world.envrun("sshd", "--stop", "--port", first.port)
    report.check("--stop ends the one that is named", f"{done.stderr}" if done.returncode else "")
    report.check("it ended with 0", first.stop())
    report.check("the other one lives", problem_of(second.ssh("echo 2"), "2"))
    report.check("SIGHUP ends it, as closing its terminal does", second.stop(signal.SIGHUP))
    report.check("--stop without a server says so", world.refused(2, ["no sshd of yours"], "sshd", "--stop", "--port",
                                                                  second.port))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        report.check("a port of another program is refused with the next step", world.refused(
            22, ["taken by another program", "--port 0"], "sshd", "--i-have-permission", "--port",
            taken.getsockname()[1]))
    server = Server(world)
    session = subprocess.Popen(["/usr/bin/ssh", *server.options(), "127.0.0.1", "sleep 1000"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server.process.kill()
    server.process.wait(timeout=10)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            time.sleep(0.05)
        except OSError:
            break
    report.check("SIGKILL of envrun ends the listener too", "still listening" if time.monotonic() >= deadline else "")
    session.kill()
    session.wait(timeout=10)
    again = Server(world, port=server.port)
    report.check("after SIGKILL the same port starts again", problem_of(again.ssh("echo again"), "again"))
    report.check("and ends", again.stop())
    (world.home / ".config/envbundle").mkdir(parents=True)
    (world.home / ".config/envbundle/sshd-permission").touch()
    done = world.envrun("sshd", "--check", "--port", free_port())
    report.check("the permission file counts as a confirmation",
                 "" if "ok      permission" in done.stdout else done.stdout)
    done = world.envrun("sshd", "--check", "--port", "0")
    report.check("with --port 0 there always is a free one",
                 "" if re.search(r"ok      port +port [1-9]\d+ is free", done.stdout) else done.stdout)


def traps(report, world):
    world.home.chmod(0o775)
    report.check("a group-writable home is refused with the way out", world.refused(
        23, [f"{world.home} is writable by its group or others", "chmod go-w"], "sshd", "--i-have-permission",
        "--port", free_port()))
    world.home.chmod(0o755)
    authorized = world.state / "authorized_keys"
    authorized.chmod(0o664)
    report.check("a group-writable key file too", world.refused(23, [f"{authorized} is writable"], "sshd",
                                                                "--i-have-permission", "--port", free_port()))
    authorized.chmod(0o600)
    subprocess.run(["mount", "-o", "remount,mode=600,gid=0", "/dev/pts"], check=True)
    server = Server(world, "--listen", "0.0.0.0")
    report.check("devpts without gid=5 is warned of", "" if "terminals: devpts is mounted" in server.text()
                 else server.text())
    report.check("all networks are warned of", "" if "everybody on that network" in server.text() else server.text())
    report.check("commands and sftp still work there", problem_of(server.ssh("echo fine"), "fine") or
                 sftp(server, "/usr/bin/sftp"))
    code, output = interactive(server, "/usr/bin/ssh")
    report.check("and the login dies, as was said", f"exit {code}: {output}" if code == 7 else "")
    report.check("it ends", server.stop())
    subprocess.run(["mount", "-o", "remount,mode=620,gid=5", "/dev/pts"], check=True)
    passwd = pathlib.Path("/etc/passwd")
    text = passwd.read_text()
    for replaced, label, words in (
            (":/usr/sbin/nologin\n", "a nologin shell is warned of", ["warning shell", "/usr/sbin/nologin ends"]),
            (":/bin/missing\n", "a missing shell is a failure", ["failed  shell", "/bin/missing is not a program"])):
        passwd.write_text(re.sub(rf"(?m)^({USER}:.*):/bin/sh\n", rf"\1{replaced}", text))
        done = world.envrun("sshd", "--check", "--port", free_port())
        missing = [word for word in words if word not in done.stdout]
        report.check(label, f"without {missing}: {done.stdout}{done.stderr}" if missing else "")
    passwd.write_text(text.replace(f"{USER}:x:", f"{USER}:!:"))
    report.check("a locked account is a failure", world.refused(23, [f"{USER} is locked"], "sshd", "--check", "--port",
                                                                free_port()))
    passwd.write_text(re.sub(rf"(?m)^{USER}:.*\n", "", text))
    report.check("a user id without an account is a failure with a next step", world.refused(
        23, [f"uid {UID} has no account here", "name service"], "sshd", "--i-have-permission", "--port", free_port()))
    name_service(report, world)
    passwd.write_text(text)


def name_service(report, world):
    """The account stands in no file, but in a name service whose library is the host's."""
    if not os.path.exists("/usr/lib/libnss_extrausers.so.2"):
        print("skipped: libnss-extrausers is not installed: an account of another name service")
        return
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/lib/extrausers"], check=True)
    folder = pathlib.Path("/var/lib/extrausers")
    (folder / "passwd").write_text(f"{USER}:x:{UID}:{UID}::{world.home}:/bin/sh\n")
    for name in ("group", "shadow"):
        (folder / name).write_text("")
    switch = world.scratch / "nsswitch.conf"
    switch.write_text("passwd: files extrausers\ngroup: files extrausers\nhosts: files\n")
    subprocess.run(["mount", "--bind", str(switch), "/etc/nsswitch.conf"], check=True)
    server = Server(world)
    report.check("an account of a name service of the host's", problem_of(server.ssh("id -un"), USER))
    report.check("it ends", server.stop())
    host_sshd(report, world)
    subprocess.run(["umount", "/etc/nsswitch.conf"], check=True)
    subprocess.run(["umount", "/var/lib/extrausers"], check=True)


def host_sshd(report, world):
    """The release's programs cannot look the account up, the host's can: LD_LIBRARY_PATH leads to the name service's
    library, and programs of a release do not obey it. The host's sshd is the release's file, without the launcher."""
    folder = world.scratch / "host libraries"
    folder.mkdir()
    module = pathlib.Path("/usr/lib/libnss_extrausers.so.2")
    shutil.copy(module, folder)
    for each in (world.prefix / "lib").resolve().glob("*-linux-gnu/libwrap.so.0"):
        shutil.copy(each, folder)
    empty = world.scratch / "empty"
    empty.touch()
    subprocess.run(["mount", "--bind", str(empty), str(module)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/usr/local/sbin"], check=True)
    variables = {"LD_LIBRARY_PATH": str(folder)}
    report.check("an account that only the host's programs know, on a host without sshd, says what can be done",
                 world.refused(23, ["name service", "--host-sshd"], "sshd", "--i-have-permission", "--port",
                               free_port(), variables=variables))
    shutil.copy((world.prefix / "current").resolve() / "libexec/real/bin/sshd", "/usr/local/sbin/sshd")
    server = Server(world, variables=variables)
    report.check("with one the host's sshd is used by itself", problem_of(server.ssh("id -un; which python"), "\n".join(
        [USER, str((world.prefix / "current").resolve() / "bin/python")])))
    report.check("and that is said", "" if "the host's is used" in server.text() else server.text())
    report.check("sftp works with it", sftp(server, "/usr/bin/sftp"))
    report.check("it ends", server.stop())
    subprocess.run(["umount", "/usr/local/sbin"], check=True)
    subprocess.run(["umount", str(module)], check=True)


def limits(report, world):
    server = Server(world, limits=["--cpus", "1"], variables={"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "3",
                                                            "MY_TOKEN": "s", "SLURM_SUBMIT_HOST": "login1"})
    done = server.ssh("echo $SLURM_JOB_ID $CUDA_VISIBLE_DEVICES $MY_TOKEN.; nproc")
    report.check("sessions have the job's variables and limits", problem_of(done, "17 3 .\n1"))
    node = socket.gethostname()
    report.check("in a job the way leads over the login node", "" if f"ProxyJump login1,{node}" in server.text()
                 else server.text())
    report.check("it ends", server.stop())
    report.check("and everything with it", no_process_left())


def checks(report, world, scratch):
    before_any_start(report, world)
    server = Server(world, "--authorized-keys", str(world.keys / "client.pub"))
    fingerprint = re.search(r"SHA256:\S+", "".join(server.out)).group()
    sessions(report, world, server, "fresh")
    refusals(report, server)
    report.check("a local port is forwarded", forwarding(server))
    terminals(report, world, server)
    ending(report, world, server)
    two_servers(report, world)
    traps(report, world)
    limits(report, world)

    (scratch / NEW).mkdir()
    subprocess.run(["mount", "--move", str(scratch / OLD), str(scratch / NEW)], check=True)
    world.prefix = scratch / NEW
    server = Server(world)
    sessions(report, world, server, "moved")
    report.check("the moved server has the same host key", "" if fingerprint in server.text() else server.text())
    report.check("it ends", server.stop())
    report.check("no process of the user is left", no_process_left())


def loopback_up():
    import fcntl
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def inside(args, scratch):
    """In the namespaces: an account, terminals, loopback, the prefix at a place of its own."""
    loopback_up()
    world = World(scratch, scratch / OLD)
    world.home.mkdir()
    world.keys.mkdir()
    for key, comment in ((world.keys / "client", "client"), (world.keys / "wrong", "wrong")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key], check=True)
    (world.home / ".ssh").mkdir(mode=0o700)
    for name, source in (("id_ed25519", "client"), ("id_ed25519.pub", "client.pub")):
        shutil.copy(world.keys / source, world.home / ".ssh" / name)
    for path in (world.home, *world.home.rglob("*")):
        os.chown(path, UID, UID)
    for name, line in (("passwd", f"{USER}:x:{UID}:{UID}::{world.home}:/bin/sh\n"), ("group", f"{USER}:x:{UID}:\n")):
        copy = scratch / name
        lines = [each for each in pathlib.Path("/etc", name).read_text().splitlines(True) if f":{UID}:" not in each]
        copy.write_text("".join(lines) + line)
        subprocess.run(["mount", "--bind", str(copy), f"/etc/{name}"], check=True)
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,gid=5,mode=620,ptmxmode=666", "devpts", "/dev/pts"],
                   check=True)
    world.prefix.mkdir()
    subprocess.run(["mount", "--bind", str(args.prefix), str(world.prefix)], check=True)
    if args.build:
        subprocess.run(["mount", "--bind", str(args.build / "runtime/envrun/cli/envrun"),
                        str((world.prefix / "bin/envrun").resolve())], check=True)
    report = Report()
    checks(report, world, scratch)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--prefix", required=True, type=pathlib.Path)
    options.add_argument("--build", type=pathlib.Path)
    options.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    args = options.parse_args()
    args.prefix = args.prefix.resolve()
    args.build = args.build and args.build.resolve()
    if args.inside:
        return inside(args, args.inside)
    if os.getuid() != 0:
        print("skipped: this test needs root, to be another user\n0 passed, 0 failed")
        return 0
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sshd-"))
    scratch.chmod(0o755)
    try:
        # With its process namespace everything in it ends.
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "--propagation",
             "private", sys.executable, __file__, "--inside", scratch, *sys.argv[1:]],
            timeout=600, check=False).returncode
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
