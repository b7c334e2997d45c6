"""Run by the interpreter of a prefix: what people do with an environment, each step a check.

    PREFIX/bin/python environment_checks.py --work DIR [--minimal]

--minimal leaves out what needs a shell or other programs of the host (an empty chroot has none). Prints a line a check
and `N passed, N failed`.
"""

import argparse
import multiprocessing
import os
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import sys
import traceback

CHECKS = []


def check(minimal=False):
    def register(function):
        CHECKS.append((function, minimal))
        return function
    return register


def bin_folder() -> pathlib.Path:
    return pathlib.Path(sys.prefix) / "bin"


def run(*argv, **options) -> str:
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f"{argv} exits {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def square(x: int) -> int:
    return x * x


def release_root() -> pathlib.Path:
    root = pathlib.Path(sys.prefix)
    assert (root / ".bundle" / "index").exists(), f"{root} is no release"
    return root


@check(minimal=True)
def interpreter_is_of_the_release(work):
    root = release_root()
    assert pathlib.Path(sys.executable).resolve().is_relative_to(root.resolve()), sys.executable
    assert os.path.exists(sys.executable)
    for entry in sys.path:
        assert not entry or pathlib.Path(entry).resolve().is_relative_to(root.resolve()) or entry == str(
            pathlib.Path(__file__).resolve().parent), f"{entry} on sys.path"


@check(minimal=True)
def libraries_come_from_the_release_or_are_the_hosts_glibc(work):
    import ctypes  # noqa: F401
    root = str(release_root().resolve())
    outside = set()
    for line in open("/proc/self/maps"):
        path = line.split(maxsplit=5)[-1].strip()
        if ".so" in path and path.startswith("/") and not path.startswith(root):
            outside.add(os.path.basename(path))
    glibc = ("ld-linux", "ld-2.", "libc.so", "libc-2.", "libm.so", "libm-2.", "libpthread", "libdl", "librt", "libutil",
             "libresolv", "libnss", "libcrypt.")
    strangers = {name for name in outside if not name.startswith(glibc)}
    assert not strangers, strangers
    print(f"        glibc: {'host' if any(n.startswith(('libc.so', 'libc-2')) for n in outside) else 'bundle'}")


@check(minimal=True)
def subprocess_of_sys_executable(work):
    assert run(sys.executable, "-c", "import sys; print(sys.prefix)").strip() == sys.prefix


@check(minimal=True)
def multiprocessing_spawn_pool(work):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]


@check(minimal=True)
def multiprocessing_forkserver(work):
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]


@check(minimal=True)
def ssl_with_the_bundled_certificates(work):
    context = ssl.create_default_context()
    count = context.cert_store_stats()["x509_ca"]
    assert count > 100, f"{count} certificates"


@check(minimal=True)
def sqlite(work):
    connection = sqlite3.connect(work / "test.db")
    connection.execute("create table t (x)")
    connection.executemany("insert into t values (?)", [(i,) for i in range(100)])
    assert connection.execute("select sum(x) from t").fetchone() == (4950,)


@check(minimal=True)
def standard_library_with_libraries(work):
    import bz2, ctypes, curses, decimal, hashlib, lzma, readline, uuid, zlib  # noqa: E401, F401
    import locale, unicodedata, zoneinfo  # noqa: E401, F401
    assert lzma.decompress(lzma.compress(b"x" * 1000)) == b"x" * 1000
    assert zoneinfo.ZoneInfo("Europe/Berlin")


@check(minimal=True)
def numpy_product(work):
    import numpy
    a = numpy.ones((100, 100))
    assert (a @ a).sum() == 1e6


@check(minimal=True)
def torch_product_where_there_is_torch(work):
    try:
        import torch
    except ModuleNotFoundError:
        return
    a = torch.ones(256, 256)
    assert (a @ a).sum().item() == 256.0 ** 3
    print(f"        torch {torch.__version__}")


@check(minimal=True)
def console_script(work):
    assert run(bin_folder() / "pip", "--version").startswith("pip ")


@check(minimal=True)
def user_script_with_our_python_in_its_first_line(work):
    script = work / "script"
    script.write_text(f"#!{bin_folder() / 'python'}\nimport sys; print(sys.prefix)\n")
    script.chmod(0o755)
    if " " not in str(script.read_text().splitlines()[0]) and len(str(bin_folder())) < 100:
        assert run(script).strip() == sys.prefix


@check(minimal=True)
def pip_list_and_check(work):
    assert "numpy" in run(bin_folder() / "pip", "list")
    run(bin_folder() / "pip", "check")


@check(minimal=True)
def stray_pip_install_is_refused(work):
    done = subprocess.run([bin_folder() / "pip", "install", "--no-index", "six"], capture_output=True, text=True)
    assert done.returncode != 0 and "externally-managed-environment" in done.stderr, done.stderr


@check(minimal=True)
def venv_with_pip(work):
    run(sys.executable, "-m", "venv", work / "venv")
    python = work / "venv/bin/python"
    assert run(python, "-c", "import sys; print(sys.prefix)").strip() == str(work / "venv")
    assert run(python, "-m", "pip", "--version").startswith("pip ")
    source = work / "project"
    (source / "src/tiny").mkdir(parents=True)
    wheel = work / "tiny-1.0-py3-none-any.whl"
    import base64, hashlib, zipfile  # noqa: E401
    files = {
        "tiny.py": "def main():\n    import sys; print('tiny in', sys.prefix)\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    record = ""
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        archive.writestr("tiny-1.0.dist-info/RECORD", record + "tiny-1.0.dist-info/RECORD,,\n")
    run(python, "-m", "pip", "install", "--no-index", wheel)
    assert run(work / "venv/bin/tiny").strip() == f"tiny in {work / 'venv'}"


@check()
def venv_sees_the_release_on_request(work):
    run(sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", work / "venv-system")
    run(work / "venv-system/bin/python", "-c", "import numpy; numpy.ones(3)")


@check()
def git_clone_of_a_local_repository(work):
    git = bin_folder() / "git"
    home = dict(os.environ, HOME=str(work))
    source = work / "source"
    run(git, "init", "-q", "-b", "main", source, env=home)
    (source / "file").write_text("text\n")
    run(git, "-C", source, "add", "file", env=home)
    run(git, "-C", source, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "one", env=home)
    run(git, "clone", "-q", source, work / "clone", env=home)
    assert (work / "clone/file").read_text() == "text\n"
    assert "remote-https" in run(git, "help", "-a", env=home) or (
        pathlib.Path(run(git, "--exec-path", env=home).strip()) / "git-remote-https").exists()


@check(minimal=True)
def vim_edits_a_file(work):
    vim = next(p for p in (bin_folder() / "vim", bin_folder() / "vi", bin_folder() / "vim.tiny") if p.exists())
    (work / "edited").write_text("one\n")
    run(vim, "-es", "-u", "NONE", "-c", "%s/one/two/", "-c", "wq", work / "edited")
    assert (work / "edited").read_text() == "two\n"


@check()
def ssh_programs_start(work):
    # Not minimal: OpenSSH asks for the user's name first, and an empty chroot has no /etc/passwd.
    done = subprocess.run([bin_folder() / "ssh", "-V"], capture_output=True, text=True)
    assert done.returncode == 0 and "OpenSSH" in done.stderr, done.stderr
    run(bin_folder() / "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / "host_key")
    (work / "sshd_config").write_text(f"HostKey {work / 'host_key'}\nPort 2222\nUsePAM no\nPidFile none\n")
    done = subprocess.run([bin_folder() / "sshd", "-t", "-f", work / "sshd_config"], capture_output=True, text=True)
    # As root, and only then, sshd wants a user of its own on the host, which it says before it looks at the rest.
    expected = (0, "")
    if os.geteuid() == 0 and done.returncode != 0:
        expected = (255, "Privilege separation user sshd does not exist\n")
    assert (done.returncode, done.stderr.replace("\r", "")) == expected, done


@check()
def host_programs_run_as_host_programs(work):
    leaked = run("/bin/sh", "-c", "env")
    for name in ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME"):
        assert f"{name}=" not in leaked, name


@check(minimal=True)
def hostile_variables_do_not_matter(work):
    environment = dict(os.environ, LD_LIBRARY_PATH="/nonexistent:/usr/lib", PYTHONNOUSERSITE="1")
    assert run(sys.executable, "-c", "import ssl, sqlite3, numpy; print('fine')", env=environment).strip() == "fine"


@check(minimal=True)
def licences_are_there(work):
    licences = release_root() / "share/licenses"
    names = {p.name.split("-")[0] for p in licences.iterdir()}
    assert {"git", "python3.11"} <= {p.name for p in licences.iterdir()} | names, sorted(names)
    assert len(names) > 20, len(names)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--work", type=pathlib.Path, required=True)
    options.add_argument("--minimal", action="store_true")
    args = options.parse_args()
    passed = failed = 0
    args.work.mkdir(parents=True, exist_ok=True)
    work = args.work.resolve()
    for function, minimal in CHECKS:
        if args.minimal and not minimal:
            continue
        folder = work / function.__name__
        folder.mkdir()
        try:
            function(folder)
            passed += 1
            print(f"    ok      {function.__name__}")
        except Exception:  # one failing check must not hide the others
            failed += 1
            print(f"    FAILED  {function.__name__}")
            traceback.print_exc(file=sys.stdout)
    shutil.rmtree(work, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
