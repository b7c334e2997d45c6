#!/usr/bin/env python3
"""Runs every command of the pages in packaging/docs, in order, one shell a page, as an ordinary user.

    tests/environment/docs.py --made OUT/NAME --build BUILD/dev [--prefix PREFIX] [--pages NAME ...]

OUT/NAME is the folder that packaging/quickstart filled; PREFIX is its prefix when not given. Needs root, for namespaces of
its own: an account more in /etc/passwd, loopback as the only network, so that every port is free. A page's comments steer
it (doc_pages.py); nothing is skipped in silence: a block that needs hardware which is not here is counted as skipped.
Messages that troubleshooting.md quotes must stand in the sources. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PAGES = REPOSITORY / "packaging/docs"
sys.path.insert(0, str(REPOSITORY / "tests/support"))
from report import Report  # noqa: E402

import doc_pages  # noqa: E402
import small_bundle  # noqa: E402

USER, UID = "ada", 4243
BLOCK_SECONDS = 120
START_SECONDS = 60  # for what a background block must say
NEEDS = {  # what a block may need -> whether it is here, and the words for where it is not
    "gpu": (lambda: pathlib.Path("/dev/nvidia0").exists(), "no NVIDIA device"),
    "two-gpus": (lambda: pathlib.Path("/dev/nvidia1").exists(), "no two NVIDIA devices"),
    "fuse": (lambda: pathlib.Path("/dev/fuse").exists(), "no /dev/fuse"),
}


class Sandbox:
    """A home folder with what a page's reader has: its bundle, an installed prefix, two releases to go between, ..."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.home = folder / "home"
        self.variables, self.mounts, self.leave, self.first = {}, [], [], ""

    def fill(self, kinds):
        self.home.mkdir(mode=0o755)
        for kind in kinds:
            getattr(self, f"add_{kind}")()
        for path in (self.home, *self.home.rglob("*")):
            if not path.is_symlink() and not any(path.is_relative_to(mount) for mount in self.mounts):
                os.chown(path, UID, UID)

    def add_bundle(self):
        """~/media: what lies on the medium."""
        media = self.home / "media"
        media.mkdir()
        for path in [*self.args.made.glob("*.bundle.zst"), self.args.made / "envinstall", self.args.made / "SHA256SUMS"]:
            (media / path.name).touch()
            subprocess.run(["mount", "--bind", path, media / path.name], check=True)
            self.mounts.append(media / path.name)

    def add_prefix(self):
        """~/dl: installed by somebody else, as on a cluster."""
        target = self.home / "dl"
        target.mkdir()
        subprocess.run(["mount", "--bind", self.args.prefix, target], check=True)
        self.mounts.append(target)

    def add_releases(self):
        """~/media/1 and ~/media/2: two releases of a small environment, each with the installer that came with it."""
        build = self.args.build
        key = self.folder / "key"
        for number in ("1", "2"):
            made = self.folder / f"release-{number}"
            small_bundle.make_bundle(
                build / "bundler/cli/envbundle", build / "installer/cli/envinstall", made, name="pytorch", version=number,
                text=number, key=key if key.exists() else None, options=("--counter", number),
                environment=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")})
            if not key.exists():
                shutil.move(made / "key", key)
            media = self.home / "media" / number
            media.mkdir(parents=True)
            for name in ("pytorch.bundle.zst", "envinstall", "SHA256SUMS"):
                shutil.copy(made / name, media / name)

    def add_bundler(self):
        """envbundle, as on the connected machine."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        shutil.copy(self.args.build / "bundler/cli/envbundle", programs / "envbundle")

    def add_slurm(self):
        """A cluster of three nodes; the page's commands run where a user's would, beside them."""
        import slurm_cluster
        cluster = slurm_cluster.SlurmCluster(nodes=3)
        cluster.__enter__()
        self.leave.append(lambda: cluster.__exit__(None, None, None))
        self.variables |= {"SLURM_CONF": cluster.environment["SLURM_CONF"]}
        os.chmod(cluster.local_disk, 0o1777)
        self.variables["LOCAL"] = str(cluster.local_disk)

    def add_modules(self):
        """The command `module` of a site's login shells: Lmod's."""
        import module_tools
        lmod = next(tool for tool in module_tools.tools() if tool.is_lmod)
        self.first = f". {lmod.init('bash')}\n"

    def add_clush(self):
        """clush with three nodes that are this machine: ClusterShell's worker `exec` in the place of ssh."""
        programs, groups = self.folder / "programs", self.home / ".config/clustershell/groups.d"
        programs.mkdir(exist_ok=True)
        groups.mkdir(parents=True)
        (groups / "local.cfg").write_text("gpu: n[1-3]\n")
        (programs / "clush").write_text('#!/bin/sh\nexec /usr/bin/clush -R exec "$@"\n')
        (programs / "clush").chmod(0o755)

    def add_ansible(self):
        """The role of this repository, and ansible's connection `local` in the place of ssh."""
        shutil.copytree(REPOSITORY / "packaging/ansible", self.home / "ansible")
        self.variables |= {"ANSIBLE_LOCAL_TEMP": str(self.home / ".t"), "ANSIBLE_REMOTE_TEMP": str(self.home / ".r"),
                           "ANSIBLE_TRANSPORT": "local", "ANSIBLE_NOCOLOR": "1",
                           "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3"}

    def close(self):
        for leave in reversed(self.leave):
            leave()
        for mount in reversed(self.mounts):
            subprocess.run(["umount", "-l", mount], check=False)


class Session:
    """One bash of the ordinary user that reads block after block."""

    def __init__(self, sandbox):
        self.folder = sandbox.folder / "blocks"
        self.folder.mkdir()
        self.background = []
        environment = {
            "HOME": str(sandbox.home), "USER": USER, "LOGNAME": USER, "SHELL": "/bin/bash", "LC_ALL": "C.UTF-8",
            "PATH": f"{sandbox.folder}/programs:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "TMPDIR": str(sandbox.folder / "tmp"),
        } | sandbox.variables
        (sandbox.folder / "tmp").mkdir(mode=0o777)
        os.chmod(sandbox.folder / "tmp", 0o1777)
        self.shell = subprocess.Popen(
            ["/bin/bash", "--norc", "--noprofile"], env=environment, cwd=sandbox.home, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user=UID, group=UID, extra_groups=[],
            start_new_session=True, umask=0o022)
        os.set_blocking(self.shell.stdout.fileno(), False)
        self.heard = ""
        self._say(sandbox.first)

    def run(self, number, block):
        """"" or what is wrong."""
        script, output = self.folder / f"{number}.sh", self.folder / f"{number}.out"
        script.write_text(block.text)
        output.touch()
        os.chown(output, UID, UID)
        seconds = int(block.steering.get("seconds", BLOCK_SECONDS))
        if "background" in block.steering:
            return self._start(number, block, script, output)
        # A command that fails ends its block, as it would make a reader stop.
        set_e = "set -e; " if "exit" not in block.steering else ""
        self._say(f"{set_e}. {script} </dev/null >{output} 2>&1; code=$?; set +e; echo block {number} $code\n")
        try:
            code = self._await(rf"^block {number} (\d+)$", seconds)
        except TimeoutError:
            return f"not done after {seconds} s\n{output.read_text()}"
        text = output.read_text(errors="replace")
        wanted = block.steering.get("exit", "0")
        if code != wanted:
            return f"exit code {code} instead of {wanted}\n{text}"
        lacking = doc_pages.missing_output(block.expected or "", text)
        return f"its output has no line {lacking!r}\n{text}" if lacking else ""

    def _start(self, number, block, script, output):
        self._say(f"setsid bash {script} </dev/null >{output} 2>&1 & echo began {number} $!\n")
        self.background.append(int(self._await(rf"^began {number} (\d+)$", 20)))
        pattern = re.compile(block.steering["background"])
        limit = time.monotonic() + int(block.steering.get("seconds", START_SECONDS))
        while not pattern.search(output.read_text(errors="replace")):
            if time.monotonic() > limit:
                return f"it never said {pattern.pattern!r}\n{output.read_text(errors='replace')}"
            time.sleep(0.1)
        lacking = doc_pages.missing_output(block.expected or "", output.read_text(errors="replace"))
        return f"its output has no line {lacking!r}\n{output.read_text()}" if lacking else ""

    def _say(self, text):
        try:
            self.shell.stdin.write(text)
            self.shell.stdin.flush()
        except BrokenPipeError:
            pass  # _await tells

    def _await(self, pattern, seconds):
        limit = time.monotonic() + seconds
        while True:
            try:
                self.heard += os.read(self.shell.stdout.fileno(), 65536).decode(errors="replace")
            except BlockingIOError:
                pass
            found = re.search(pattern, self.heard, re.MULTILINE)
            if found:
                return found[1]
            if self.shell.poll() is not None:
                return str(self.shell.returncode)  # `set -e` ended the shell
            if time.monotonic() > limit:
                raise TimeoutError
            time.sleep(0.02)

    def close(self):
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for group in self.background:
                try:
                    os.killpg(group, sent)
                except ProcessLookupError:
                    continue
            limit = time.monotonic() + 10
            while sent == signal.SIGTERM and time.monotonic() < limit and any(map(is_there, self.background)):
                time.sleep(0.05)
        self._say("exit\n")
        try:
            self.shell.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.shell.pid, signal.SIGKILL)
            self.shell.wait()
        with contextlib.suppress(BrokenPipeError):
            self.shell.stdin.close()
        self.shell.stdout.close()


def is_there(process):
    """A process that ended and that its shell has not asked after yet is not there."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_page(report, args, page, folder):
    sandbox = Sandbox(args, folder)
    session = None
    try:
        sandbox.fill(page.sandbox)
        session = Session(sandbox)
        stopped = False
        for number, block in enumerate(page.blocks):
            label = f"{page.name}:{block.line} {block.label}"
            needs = [each for each in block.steering.get("needs", "").split() if not NEEDS[each][0]()]
            if stopped:
                report.check(label, "not run, because a block before it failed")
            elif needs:
                report.skip(label, NEEDS[needs[0]][1])
            elif "file" in block.steering:
                path = sandbox.home / block.steering["file"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
                os.chown(path, UID, UID)
                report.check(f"{page.name}:{block.line} file {block.steering['file']}", "")
            else:
                problem = session.run(number, block)
                report.check(label, problem)
                stopped = bool(problem)
    finally:
        if session:
            session.close()
        sandbox.close()


def source_text():
    """The string literals of all sources, one behind the other as compilers join them, blanks as one."""
    texts = []
    for path in [*REPOSITORY.glob("installer/**/*.cpp"), *REPOSITORY.glob("installer/**/*.hpp"),
                 *REPOSITORY.glob("runtime/**/*.cpp"), *REPOSITORY.glob("runtime/**/*.hpp"),
                 *REPOSITORY.glob("runtime/env/tree/**/*.py")]:
        text = re.sub(r'"\s*\n\s*"', "", path.read_text(errors="replace"))
        texts.append(text.replace('\\"', '"'))
    return re.sub(r"\s+", " ", "\n".join(texts))


def messages_of_errors():
    """First lines of errors in the programs of the target, as far as they are one literal. Errors about the command line
    (usage) say all there is to say themselves; internal ones nobody should meet."""
    found = set()
    for path in [*REPOSITORY.glob("installer/*/*.cpp"), *REPOSITORY.glob("runtime/**/*.cpp")]:
        text = re.sub(r'"\s*\n\s*"', "", path.read_text(errors="replace"))
        for code, message in re.findall(r'Error\(\s*ExitCode::(\w+),\s*"([^"]+)"\s*\)', text):
            if code not in ("kUsage", "kInternal", "kInvalidLock") and not message.startswith("cannot start"):
                found.add(message.strip())
    return found


def check_texts(report, pages):
    names = {page.name for page in pages}
    index = next((page for page in pages if page.name == "README.md"), None)
    report.check("README.md names every page", "" if index and names - {"README.md"} <= set(index.links) else
                 f"it lacks {names - set(index.links if index else []) - {'README.md'}}")
    for page in pages:
        broken = [link for link in page.links if not (PAGES / link).exists()]
        report.check(f"{page.name}: its links lead somewhere", f"{broken}" if broken else "")
        long = [number for number, line in enumerate(page.text.splitlines(), 1) if len(line) > 160]
        report.check(f"{page.name}: no line is over 160 columns", f"lines {long}" if long else "")
    sources = source_text()
    lacking = messages_of_errors() - set(re.findall(r"^### `(.+)`$", "\n".join(page.text for page in pages), re.MULTILINE))
    report.check("every error that is not about the command line has its place on a page",
                 f"{sorted(lacking)} have none" if lacking else "")
    for page in pages:
        for message in re.findall(r"^### `(.+)`$", page.text, re.MULTILINE):
            parts = [part.strip() for part in message.split("…") if part.strip()]
            missing = [part for part in parts if part not in sources]
            report.check(f"{page.name}: the sources say `{message}`", f"{missing} is nowhere" if missing else "")


def network_up():
    """Loopback, and an interface that leads nowhere: with loopback alone getaddrinfo(3) finds nothing for
    AI_ADDRCONFIG, which Slurm asks for."""
    for command in ("link set lo up", "link add eth0 type veth peer name nowhere", "addr add 192.0.2.1/24 dev eth0",
                    "link set eth0 up", "link set nowhere up"):
        subprocess.run(["ip", *command.split()], check=True, timeout=20)


def add_account(scratch):
    lines = {"passwd": f"{USER}:x:{UID}:{UID}::{scratch}/now/home:/bin/bash\n", "group": f"{USER}:x:{UID}:\n"}
    for name, line in lines.items():
        copy = scratch / name
        kept = [each for each in pathlib.Path("/etc", name).read_text().splitlines(True) if f":{UID}:" not in each]
        copy.write_text("".join(kept) + line)
        subprocess.run(["mount", "--bind", copy, f"/etc/{name}"], check=True)
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,gid=5,mode=620,ptmxmode=666", "devpts", "/dev/pts"],
                   check=True)


def inside(args, scratch):
    network_up()
    add_account(scratch)
    report = Report()
    pages = [doc_pages.parse_page(path.name, path.read_text()) for path in sorted(PAGES.glob("*.md"))]
    wanted = [page for page in pages if not args.pages or page.name.removesuffix(".md") in args.pages]
    if not args.pages:
        check_texts(report, pages)
    for page in wanted:
        folder = scratch / "now"  # the same for all: it is the account's home
        folder.mkdir(mode=0o755)
        if page.blocks:
            run_page(report, args, page, folder)
        folder.rename(scratch / f"done-{page.name}")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--made", required=True, type=pathlib.Path)
    options.add_argument("--build", required=True, type=pathlib.Path)
    options.add_argument("--prefix", type=pathlib.Path)
    options.add_argument("--pages", nargs="*", default=[])
    options.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    args = options.parse_args()
    args.made, args.build = args.made.resolve(), args.build.resolve()
    if (args.build / "dev").is_dir():
        args.build = args.build / "dev"
    args.prefix = (args.prefix or args.made / "prefix").resolve()
    if args.inside:
        return inside(args, args.inside)
    if os.getuid() != 0:
        print("skipped: this test needs root, to be another user\n0 passed, 0 failed, 1 skipped")
        return 0
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="eb-docs-"))
    scratch.chmod(0o755)
    try:
        if not args.pages or "modules" in args.pages:
            os.environ["ENVBUNDLE_CACHE"] = str(scratch)  # where the ordinary user may read, unlike root's home
            import module_tools
            module_tools.tools()  # fetched while there is a network
        # With its process namespace everything in it ends.
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
             sys.executable, __file__, "--inside", scratch, *sys.argv[1:]], check=False, timeout=1400).returncode
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
